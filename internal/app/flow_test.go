package app

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/rules"
)

func ten() time.Time { return time.Date(2026, 11, 19, 10, 0, 0, 0, time.UTC) }

// A source is told by what it sent lately, not since the start, and noticed when it falls silent.
func TestFlow(t *testing.T) {
	var f flow
	var now time.Time
	total := map[string]uint64{}
	sources := func() []inflow {
		return []inflow{{"share", "samples", total["share"], true}, {"feed", "samples", total["feed"], true}, {"never", "samples", 0, true}, {"rules", "samples", total["rules"], false}}
	}
	run := func(d time.Duration, share, feed uint64) {
		for end := now.Add(d); now.Before(end); now = now.Add(flowEvery) {
			f.note(now, sources(), nil)
			total["share"] += share
			total["feed"] += feed
			total["rules"] += 10
		}
	}
	now = ten()
	f.note(now, sources(), nil)
	if row := f.row(now, sources()[0]); !cmp.Equal(row.Cells, []string{"share", "–", "–", "nothing yet", ""}) || row.Level != web.Plain {
		t.Errorf("at the start: %+v", row)
	}
	run(20*time.Minute, 1000, 50)
	run(3*time.Minute, 2000, 0)
	var got []web.TableRow
	for _, s := range sources() {
		got = append(got, f.row(now, s))
	}
	want := []web.TableRow{
		{Level: web.Good, Cells: []string{"share", "200/s", "160/s", "156,000 samples", ""}},
		{Level: web.Warn, Cells: []string{"feed", "0/s", "2/s", "6,000 samples", "Nothing for two minutes, though something came before: see whether it runs and reaches this machine."}},
		{Cells: []string{"never", "–", "–", "nothing yet", ""}},
		{Cells: []string{"rules", "1/s", "1/s", "1,380 samples", ""}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	run(10*time.Minute, 2000, 0)
	if row := f.row(now, sources()[1]); row.Level != web.Plain || !strings.HasPrefix(row.Cells[4], "Nothing for five minutes.") {
		t.Errorf("silent for long: %+v", row)
	}
	if len(f.notes) > int(flowOver/flowEvery)+2 {
		t.Errorf("%d notes are kept", len(f.notes))
	}
}

func TestInflows(t *testing.T) {
	got := inflows(
		collectors.Status{Samples: 7, Spans: 8, Jobs: []collectors.Job{{Name: "share", Samples: 9}}},
		store.Stats{RemoteWrite: 10, OTLP: 11, Rules: 12},
	)
	want := []string{"Scrape job share: 9 samples", "Collector (OTLP and its other receivers): 7 samples", "Spans, over OTLP: 8 spans", "Remote write: 10 samples", "OTLP at /api/v1/otlp: 11 samples", "Rules, and our own metrics: 12 samples"}
	var said []string
	for _, s := range got {
		said = append(said, s.name+": "+thousands(s.total)+" "+s.unit)
	}
	if diff := cmp.Diff(want, said); diff != "" {
		t.Error(diff)
	}
}

func TestFailingTargets(t *testing.T) {
	var f flow
	if _, some := f.failingSection(ten(), nil, 0); some {
		t.Error("nothing fails, and it is told")
	}
	target := collectors.Failing{Job: "media", URL: "http://10.0.3.9:8080/metrics?token=…", Error: "connection refused", LastScrape: ten(), Took: 1234567 * time.Nanosecond}
	f.note(ten(), nil, []collectors.Failing{target})
	target.LastScrape = ten().Add(3 * time.Minute)
	f.note(ten().Add(3*time.Minute), nil, []collectors.Failing{target})
	section, _ := f.failingSection(ten().Add(190*time.Second), []collectors.Failing{target}, 3)
	want := []web.TableRow{{Level: web.Bad, Cells: []string{target.URL, "media", "connection refused", "3m10s", "10s ago, took 1ms"}}}
	if diff := cmp.Diff(want, section.Table.Rows); diff != "" || !strings.HasSuffix(section.Note, " 2 more fail, see /api/v1/targets.") {
		t.Errorf("%s\n%s", section.Note, diff)
	}
	f.note(ten().Add(4*time.Minute), nil, nil)
	if since := f.failingSince(target); !since.Equal(target.LastScrape) {
		t.Errorf("it recovered, and fails since %s", since)
	}
}

func TestSeriesOf(t *testing.T) {
	section := seriesOf(store.Cardinality{
		Series: 50_000, Labels: []store.LabelCardinality{{Name: "user", Values: 30_000}},
		Metrics: []store.MetricCardinality{
			{Name: "sessions", Series: 30_000, Looked: 2000, Label: "user", Values: 1990, By: "job", Origin: "share", OriginHas: 1500},
			{Name: "requests_total", Series: 900, Looked: 900, Label: "pod", Values: 30},
			{Name: "up", Series: 1, Looked: 1},
		},
	})
	want := []web.TableRow{
		{Level: web.Warn, Cells: []string{"sessions", "30,000", "60%", "user, 1,990 values in 2,000 series looked at", "job share (75%)", "Drop a label that nobody asks by, at its source or with metric_relabel_configs."}},
		{Cells: []string{"requests_total", "900", "2%", "pod, 30 values", "", ""}},
		{Cells: []string{"up", "1", "0%", "", "", ""}},
	}
	if diff := cmp.Diff(want, section.Table.Rows); diff != "" || section.Facts[0].Value != "30,000" {
		t.Errorf("%+v\n%s", section.Facts, diff)
	}
}

func TestPaceFacts(t *testing.T) {
	for _, c := range []struct {
		name        string
		after, slow time.Duration
		levels      [2]web.Level
		says        string
	}{
		{"fine", 1500 * time.Millisecond, 2 * time.Millisecond, [2]web.Level{web.Good, web.Good}, "on time"},
		{"late", 3 * time.Second, 2 * time.Millisecond, [2]web.Level{web.Warn, web.Good}, "2s late: the machine is busy"},
		{"stalled", time.Minute, 2 * time.Millisecond, [2]web.Level{web.Bad, web.Good}, "59s late: nothing pages meanwhile"},
		{"slow", time.Second, 600 * time.Millisecond, [2]web.Level{web.Good, web.Warn}, "on time"},
	} {
		p := rules.Pace{At: ten(), Took: time.Millisecond, Typical: time.Millisecond, Slow: c.slow, Of: 300}
		facts := paceFacts(ten().Add(c.after), p, time.Second)
		if facts[0].Level != c.levels[0] || facts[1].Level != c.levels[1] || !strings.HasPrefix(facts[0].Note, c.says) {
			t.Errorf("%s: %+v", c.name, facts)
		}
	}
	if facts := paceFacts(ten(), rules.Pace{}, time.Second); len(facts) != 1 || facts[0].Value != "none yet" {
		t.Errorf("before the first: %+v", facts)
	}
}

func TestSlowestFact(t *testing.T) {
	if _, ok := slowestFact(nil); ok {
		t.Error("there is no group, and one is slowest")
	}
	f, ok := slowestFact([]ruleGroup{{"quick", time.Second, time.Minute}, {"slow", 9 * time.Second, 15 * time.Second}})
	if want := (web.Fact{Name: "Slowest rule group", Value: "slow", Note: "takes 9s of 15s: take slow queries out, or give it a longer interval", Level: web.Warn}); !ok || f != want {
		t.Errorf("%+v, want %+v", f, want)
	}
}
