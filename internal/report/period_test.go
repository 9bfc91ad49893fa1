package report

import (
	"strings"
	"testing"
	"time"
)

func mustZone(tb testing.TB, name string) *time.Location {
	tb.Helper()
	zone, err := time.LoadLocation(name)
	if err != nil {
		tb.Fatalf("load zone: %v", err)
	}
	return zone
}

func TestPeriod(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC) // Thursday of week 48.
	for _, test := range []struct {
		name, spec, zone, from, to string
		hours                      float64
	}{
		{"named", "2026-W47", "UTC", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", 168},
		{"last full one", "", "UTC", "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", 168},
		{"running", "2026-W48", "UTC", "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z", 168},
		{"begins in the year before", "2026-W01", "UTC", "2025-12-29T00:00:00Z", "2026-01-05T00:00:00Z", 168},
		{"fifty-third", "2020-W53", "UTC", "2020-12-28T00:00:00Z", "2021-01-04T00:00:00Z", 168},
		{"clocks forward", "2026-W13", "Europe/Berlin", "2026-03-23T00:00:00+01:00", "2026-03-30T00:00:00+02:00", 167},
		{"clocks back", "2026-W43", "Europe/Berlin", "2026-10-19T00:00:00+02:00", "2026-10-26T00:00:00+01:00", 169},
		{"half an hour back", "2026-W14", "Australia/Lord_Howe", "2026-03-30T00:00:00+11:00", "2026-04-06T00:00:00+10:30", 168.5},
		{"a Monday without midnight", "2021-W12", "Asia/Tehran", "2021-03-22T01:00:00+04:30", "2021-03-29T00:00:00+04:30", 167},
		{"a month", "2026-11", "UTC", "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", 720},
		{"a month with another clock", "2026-10", "Europe/Berlin", "2026-10-01T00:00:00+02:00", "2026-11-01T00:00:00+01:00", 745},
		{"a quarter", "2026-Q4", "UTC", "2026-10-01T00:00:00Z", "2027-01-01T00:00:00Z", 2208},
		{"the first quarter", "2026-Q1", "Europe/Berlin", "2026-01-01T00:00:00+01:00", "2026-04-01T00:00:00+02:00", 2159},
		{"the week before it", "2021-W11", "Asia/Tehran", "2021-03-15T00:00:00+03:30", "2021-03-22T01:00:00+04:30", 168},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, err := Weekly.ParseAs(test.spec, now.In(mustZone(t, test.zone)))
			if test.spec != "" {
				p, err = Parse(test.spec, now.In(mustZone(t, test.zone)))
			}
			if err != nil {
				t.Fatalf("Parse(%q): %v", test.spec, err)
			}
			from, to := p.From, p.To
			if got := from.Format(time.RFC3339); got != test.from {
				t.Errorf("from = %s, want %s", got, test.from)
			}
			if got := to.Format(time.RFC3339); got != test.to {
				t.Errorf("to = %s, want %s", got, test.to)
			}
			if got := to.Sub(from).Hours(); got != test.hours {
				t.Errorf("%v hours, want %v", got, test.hours)
			}
			if test.spec != "" && p.Name() != test.spec {
				t.Errorf("the name of %s is %s, want %s", from, p.Name(), test.spec)
			}
			if back := p.Step(1).Step(-1); !back.From.Equal(from) || !back.To.Equal(to) || !p.Step(1).From.Equal(to) {
				t.Errorf("a step and one back: %+v, was %+v", back, p)
			}
		})
	}
}

func TestLastFullWeekDependsOnZone(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) // Sunday in UTC, Monday already in Berlin.
	for zone, want := range map[string]string{"UTC": "2026-W46", "Europe/Berlin": "2026-W47"} {
		if got := Weekly.Last(now.In(mustZone(t, zone))).Name(); got != want {
			t.Errorf("last full week in %s = %s, want %s", zone, got, want)
		}
	}
	for k, want := range map[Kind]string{Monthly: "2026-10", Quarterly: "2026-Q3"} {
		if p, err := k.ParseAs("", now); err != nil || p.Name() != want {
			t.Errorf("last full %s = %s (%v), want %s", k.Noun(), p.Name(), err, want)
		}
		if _, err := k.ParseAs("2026-W40", now); err == nil || !strings.Contains(err.Error(), "is not a "+k.Noun()+"; write it as "+want) {
			t.Errorf("a week as a %s: %v", k.Noun(), err)
		}
	}
}

func TestWeekRefuses(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for spec, want := range map[string]string{
		"last":      `"last" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-13":   `"2026-13" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-Q5":   `"2026-Q5" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-12":   "month 2026-12 has not begun; it starts on Tuesday 1 December 2026",
		"2026-47":   `"2026-47" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-W7":   `"2026-W7" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-W00":  `"2026-W00" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2026-W54":  `"2026-W54" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"0000-W01":  `"0000-W01" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"２026-W4":   `"２026-W4" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
		"2025-W53":  "2025 has no week 53; its last one is 2025-W52",
		"2026-W49":  "week 2026-W49 has not begun; it starts on Monday 30 November 2026",
		" 2026-W47": `" 2026-W47" is not a week, month or quarter; write it as 2026-W47, 2026-10 or 2026-Q3`,
	} {
		if _, err := Parse(spec, now); err == nil || err.Error() != want {
			t.Errorf("Parse(%q) = %v, want %q", spec, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, spec := range []string{"", "2026-W47", "2020-W53", "9999-W52", "2026-W4x", "0001-W01", "-001-W01", "2026-11", "2026-Q4", "0001-01", "9999-12"} {
		f.Add(spec)
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	zones := []*time.Location{time.UTC, mustZone(f, "Europe/Berlin"), mustZone(f, "Asia/Tehran"), mustZone(f, "America/Havana")}
	longest := map[Kind]time.Duration{Weekly: 176 * time.Hour, Monthly: 745 * time.Hour, Quarterly: 2210 * time.Hour}
	f.Fuzz(func(t *testing.T, spec string) {
		for _, zone := range zones {
			p, err := Parse(spec, now.In(zone))
			if err != nil {
				continue
			}
			if d := p.To.Sub(p.From); d < 160*time.Hour || d > longest[p.Kind] {
				t.Errorf("Parse(%q) in %s lasts %s", spec, zone, d)
			}
			if p.Name() != spec {
				t.Errorf("Parse(%q) in %s is %s", spec, zone, p.Name())
			}
			if p.From.After(now) {
				t.Errorf("Parse(%q) in %s has not begun", spec, zone)
			}
		}
	})
}
