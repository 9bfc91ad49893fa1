package report

import (
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	const layout = "2006-01-02 15:04"
	for _, tc := range []struct {
		name                 string
		weekly               Weekly
		now, at, week, comes string // now in UTC, the others as clocks show them there
	}{
		{"just now", Weekly{"monday", "09:00", "UTC", ""}, "2026-11-23 09:00", "2026-11-23 09:00", "2026-W47", "2026-11-30 09:00"},
		{"a minute before", Weekly{"monday", "09:00", "UTC", ""}, "2026-11-23 08:59", "2026-11-16 09:00", "2026-W46", "2026-11-23 09:00"},
		{"missed by days", Weekly{"Monday", "09:00", "UTC", ""}, "2026-11-27 03:00", "2026-11-23 09:00", "2026-W47", "2026-11-30 09:00"},
		{"within the week", Weekly{"friday", "16:30", "UTC", ""}, "2026-11-28 00:00", "2026-11-27 16:30", "2026-W47", "2026-12-04 16:30"},
		{"Berlin, after clocks went back", Weekly{"monday", "09:00", "Europe/Berlin", ""}, "2026-10-26 08:00", "2026-10-26 09:00", "2026-W43", "2026-11-02 09:00"},
		{"Berlin, an hour before that", Weekly{"monday", "09:00", "Europe/Berlin", ""}, "2026-10-26 07:59", "2026-10-19 09:00", "2026-W42", "2026-10-26 09:00"},
		{"New York, after clocks went ahead", Weekly{"monday", "09:00", "America/New_York", ""}, "2026-03-09 13:00", "2026-03-09 09:00", "2026-W10", "2026-03-16 09:00"},
		{"Auckland is a day ahead", Weekly{"monday", "00:00", "Pacific/Auckland", ""}, "2026-11-22 11:00", "2026-11-23 00:00", "2026-W47", "2026-11-30 00:00"},
	} {
		now, err := time.Parse(layout, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		e, err := tc.weekly.Due(now)
		if err != nil || e.At.Format(layout) != tc.at || WeekName(e.From) != tc.week {
			t.Errorf("%s: due since %s about %s, %v; want %s about %s", tc.name, e.At.Format(layout), WeekName(e.From), err, tc.at, tc.week)
		}
		if comes, err := tc.weekly.Next(now); err != nil || comes.Format(layout) != tc.comes {
			t.Errorf("%s: the next is due at %s, %v; want %s", tc.name, comes.Format(layout), err, tc.comes)
		}
	}
	if _, err := (Weekly{Timezone: "Mars"}).Due(time.Now()); err == nil {
		t.Error("no zone, no error")
	}
}
