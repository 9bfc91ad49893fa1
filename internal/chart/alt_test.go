package chart

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode/utf8"
)

func TestChartsSayWhatTheyShow(t *testing.T) {
	nan := math.NaN()
	page := []Threshold{{Name: "ticket", Value: 1}, {Name: "page", Value: 14.4}}
	is := func(c Chart, want string) {
		t.Helper()
		if got := c.Alt(); got != want {
			t.Errorf("\n got %s\nwant %s", got, want)
		}
	}
	burn := func(values ...float64) Chart {
		return Chart{
			Title: "Burn rate", Unit: Times, From: noon(), To: noon().Add(time.Hour), Thresholds: page,
			Series: []Series{{Points: every(10*time.Minute, values...)}},
		}
	}
	is(burn(0.3, 0.5, 3, 20, 25, 22), "Burn rate from 12:00 to 13:00 UTC: 0.3× at first, "+
		"above the page threshold of 14.4× since 12:30, 22× at 12:50 (highest 25× at 12:40)")
	is(burn(0.3, 20, 0.2, 30, 40, 0.1), "Burn rate from 12:00 to 13:00 UTC: 0.3× at first, "+
		"2 times above the page threshold of 14.4×, lastly from 12:30 to 12:50, 0.1× at 12:50 (highest 40× at 12:40)")
	is(burn(0.3, 20, 2), "Burn rate from 12:00 to 13:00 UTC: 0.3× at first, "+
		"above the ticket threshold of 1× since 12:10, 2× at 12:20 (highest 20× at 12:10)")
	is(burn(0.3, 0.5), "Burn rate from 12:00 to 13:00 UTC: 0.3× at first, never above the ticket threshold of 1×, 0.5× at 12:10")
	is(burn(20, 22), "Burn rate from 12:00 to 13:00 UTC: 20× at first, above the page threshold of 14.4× throughout, 22× at 12:10")
	is(burn(0, 0, 0), "Burn rate from 12:00 to 13:00 UTC: 0× throughout, never above the ticket threshold of 1×")
	is(burn(0.3, nan, 0.5, nan), "Burn rate from 12:00 to 13:00 UTC: 0.3× at first, never above the ticket threshold of 1×, "+
		"0.5× at 12:20, no telemetry from 12:00 to 12:20, no telemetry since 12:20")
	is(burn(0.3, nan, 0.3, 0.3, nan, nan, 0.3), "Burn rate from 12:00 to 13:00 UTC: 0.3× throughout, never above the ticket threshold of 1×, "+
		"2 gaps in telemetry, the longest from 12:30 to 13:00")
	is(burn(0.3), "Burn rate from 12:00 to 13:00 UTC: 0.3× at 12:00, never above the ticket threshold of 1×")
	is(burn(math.Inf(1)), "Burn rate from 12:00 to 13:00 UTC: ∞ at 12:00, above the page threshold of 14.4× throughout")
	is(burn(nan, nan), "Burn rate from 12:00 to 13:00 UTC: no telemetry")
	is(burn(), "Burn rate from 12:00 to 13:00 UTC: no telemetry")
	is(Chart{}, "Chart: no time to show")
	is(Chart{Title: "Late", From: noon(), To: noon().Add(-1)}, "Late: no time to show")
	is(Chart{From: noon(), To: noon().Add(time.Minute)}, "Chart from 12:00:00 to 12:01:00 UTC: no telemetry")

	spans := burn(7)
	spans.Thresholds = nil
	spans.Shaded = []Span{
		{From: noon().Add(time.Minute), Name: "incident"},
		{From: noon().Add(time.Minute), To: noon().Add(2 * time.Minute), Name: "deploy"},
		{To: noon().Add(2 * time.Minute), Name: "freeze"},
		{Name: "all"},
		{From: noon().Add(2 * time.Hour), Name: "later"},
		{From: noon()},
	}
	is(spans, "Burn rate from 12:00 to 13:00 UTC: 7× at 12:00; incident since 12:01; deploy from 12:01 to 12:02; "+
		"freeze until 12:02; all throughout")

	many := Chart{Title: "Traffic", Unit: PerSecond, Location: at(t, "Europe/Berlin", "2026-11-28 00:00:00").Location()}
	for name := range strings.FieldsSeq("a b c d e f g h") {
		many.Series = append(many.Series, Series{Name: name, Points: every(12*time.Hour, 1, 2)})
	}
	var lines []string
	for _, s := range many.Series[:6] {
		lines = append(lines, s.Name+" 1/s at first, 2/s at 29 Nov 01:00")
	}
	is(many, "Traffic from 28 Nov 13:00 to 29 Nov 01:00 CET: "+strings.Join(lines, "; ")+"; and 2 more lines")
}

func TestAltIsShortEnoughForSlack(t *testing.T) {
	long := strings.Repeat("ä漢", 5000)
	f := Figure{Title: long}
	for range 20 {
		f.Charts = append(f.Charts, Chart{Title: long, Series: []Series{{Name: long, Points: every(time.Minute, 1, 2)}}})
	}
	got := f.Alt()
	if n := utf8.RuneCountInString(got); n > 2000 || n < 1000 || !utf8.ValidString(got) {
		t.Errorf("%d characters, want at most 2000", n)
	}
}
