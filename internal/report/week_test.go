package report

import (
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

func TestWeek(t *testing.T) {
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
		{"the week before it", "2021-W11", "Asia/Tehran", "2021-03-15T00:00:00+03:30", "2021-03-22T01:00:00+04:30", 168},
	} {
		t.Run(test.name, func(t *testing.T) {
			from, to, err := Week(test.spec, now, mustZone(t, test.zone))
			if err != nil {
				t.Fatalf("Week(%q): %v", test.spec, err)
			}
			if got := from.Format(time.RFC3339); got != test.from {
				t.Errorf("from = %s, want %s", got, test.from)
			}
			if got := to.Format(time.RFC3339); got != test.to {
				t.Errorf("to = %s, want %s", got, test.to)
			}
			if got := to.Sub(from).Hours(); got != test.hours {
				t.Errorf("%v hours, want %v", got, test.hours)
			}
			if test.spec != "" && WeekName(from) != test.spec {
				t.Errorf("WeekName(%s) = %s, want %s", from, WeekName(from), test.spec)
			}
		})
	}
}

func TestLastFullWeekDependsOnZone(t *testing.T) {
	now := time.Date(2026, 11, 22, 23, 30, 0, 0, time.UTC) // Sunday in UTC, Monday already in Berlin.
	for zone, want := range map[string]string{"UTC": "2026-W46", "Europe/Berlin": "2026-W47"} {
		from, _, err := Week("", now, mustZone(t, zone))
		if err != nil || WeekName(from) != want {
			t.Errorf("last full week in %s = %s, %v; want %s", zone, WeekName(from), err, want)
		}
	}
	if from, _, err := Week("", now, nil); err != nil || from.Location() != time.UTC {
		t.Errorf("without a zone the week is in %s, %v; want UTC", from.Location(), err)
	}
}

func TestWeekRefuses(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for spec, want := range map[string]string{
		"last":      `"last" is not a week; write it as year and week, such as 2026-W47`,
		"2026-47":   `"2026-47" is not a week; write it as year and week, such as 2026-W47`,
		"2026-W7":   `"2026-W7" is not a week; write it as year and week, such as 2026-W47`,
		"2026-W00":  `"2026-W00" is not a week; write it as year and week, such as 2026-W47`,
		"2026-W54":  `"2026-W54" is not a week; write it as year and week, such as 2026-W47`,
		"0000-W01":  `"0000-W01" is not a week; write it as year and week, such as 2026-W47`,
		"２026-W4":   `"２026-W4" is not a week; write it as year and week, such as 2026-W47`,
		"2025-W53":  "2025 has no week 53; its last one is 2025-W52",
		"2026-W49":  "week 2026-W49 has not begun; it starts on Monday 30 November 2026",
		" 2026-W47": `" 2026-W47" is not a week; write it as year and week, such as 2026-W47`,
	} {
		if _, _, err := Week(spec, now, time.UTC); err == nil || err.Error() != want {
			t.Errorf("Week(%q) = %v, want %q", spec, err, want)
		}
	}
}

func FuzzWeek(f *testing.F) {
	for _, spec := range []string{"", "2026-W47", "2020-W53", "9999-W52", "2026-W4x", "0001-W01", "-001-W01"} {
		f.Add(spec)
	}
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	zones := []*time.Location{time.UTC, mustZone(f, "Europe/Berlin"), mustZone(f, "Asia/Tehran"), mustZone(f, "America/Havana")}
	f.Fuzz(func(t *testing.T, spec string) {
		for _, zone := range zones {
			from, to, err := Week(spec, now, zone)
			if err != nil {
				continue
			}
			if d := to.Sub(from); d < 160*time.Hour || d > 176*time.Hour {
				t.Errorf("Week(%q) in %s lasts %s", spec, zone, d)
			}
			if spec != "" && WeekName(from) != spec {
				t.Errorf("Week(%q) in %s begins in %s", spec, zone, WeekName(from))
			}
			if from.After(now) {
				t.Errorf("Week(%q) in %s has not begun", spec, zone)
			}
		}
	})
}
