package report

import (
	"testing"
	"time"
)

func TestDue(t *testing.T) {
	const layout = "2006-01-02 15:04"
	for _, tc := range []struct {
		name                 string
		weekly               Posting
		now, at, week, comes string // now in UTC, the others as clocks show them there
	}{
		{"just now", Posting{"monday", "09:00", "UTC", "#leads"}, "2026-11-23 09:00", "2026-11-23 09:00", "2026-W47", "2026-11-30 09:00"},
		{"a minute before", Posting{"monday", "09:00", "UTC", "#leads"}, "2026-11-23 08:59", "2026-11-16 09:00", "2026-W46", "2026-11-23 09:00"},
		{"missed by days", Posting{"Monday", "09:00", "UTC", "#leads"}, "2026-11-27 03:00", "2026-11-23 09:00", "2026-W47", "2026-11-30 09:00"},
		{"within the week", Posting{"friday", "16:30", "UTC", "#leads"}, "2026-11-28 00:00", "2026-11-27 16:30", "2026-W47", "2026-12-04 16:30"},
		{"Berlin, after clocks went back", Posting{"monday", "09:00", "Europe/Berlin", "#leads"}, "2026-10-26 08:00", "2026-10-26 09:00", "2026-W43", "2026-11-02 09:00"},
		{"Berlin, an hour before that", Posting{"monday", "09:00", "Europe/Berlin", "#leads"}, "2026-10-26 07:59", "2026-10-19 09:00", "2026-W42", "2026-10-26 09:00"},
		{"New York, after clocks went ahead", Posting{"monday", "09:00", "America/New_York", "#leads"}, "2026-03-09 13:00", "2026-03-09 09:00", "2026-W10", "2026-03-16 09:00"},
		{"Auckland is a day ahead", Posting{"monday", "00:00", "Pacific/Auckland", "#leads"}, "2026-11-22 11:00", "2026-11-23 00:00", "2026-W47", "2026-11-30 00:00"},
	} {
		now, err := time.Parse(layout, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		due, err := (Config{Weekly: tc.weekly}).Due(now)
		if err != nil || len(due) != 1 || due[0].At.Format(layout) != tc.at || due[0].Period.Name() != tc.week {
			t.Errorf("%s: due are %+v, %v; want %s about %s", tc.name, due, err, tc.at, tc.week)
		}
		if comes, ok := (Config{Weekly: tc.weekly}).Next(now); !ok || comes.Format(layout) != tc.comes {
			t.Errorf("%s: the next is due at %s, %t; want %s", tc.name, comes.Format(layout), ok, tc.comes)
		}
	}
	if _, err := (Config{Weekly: Posting{Timezone: "Mars"}}).Due(time.Now()); err == nil {
		t.Error("no zone, no error")
	}
}

// TestMonthsAndQuartersAreDue on their first day after, each once.
func TestMonthsAndQuartersAreDue(t *testing.T) {
	c := DefaultConfig()
	if due, err := c.Due(time.Now()); err != nil || len(due) != 0 {
		t.Errorf("posted nowhere, and due: %+v, %v", due, err)
	}
	if _, ok := c.Next(time.Now()); ok {
		t.Error("posted nowhere, and there is a next one")
	}
	c.Monthly.Channel, c.Quarterly.Channel = "#leads", "#board"
	now := time.Date(2026, 10, 1, 9, 0, 0, 0, time.UTC)
	for range 3 {
		due, err := c.Due(now)
		if err != nil || len(due) != 2 || due[0].Period.Name() != "2026-09" || due[0].Channel != "#leads" || due[1].Period.Name() != "2026-Q3" || due[1].Channel != "#board" {
			t.Fatalf("due at %s: %+v, %v", now, due, err)
		}
		now = now.Add(10 * day)
	}
	if next, ok := c.Next(now); !ok || !next.Equal(time.Date(2026, 11, 1, 9, 0, 0, 0, time.UTC)) {
		t.Errorf("the next is due at %s", next)
	}
	if due, _ := c.Due(time.Date(2026, 10, 1, 8, 59, 0, 0, time.UTC)); due[0].Period.Name() != "2026-08" || due[1].Period.Name() != "2026-Q2" {
		t.Errorf("due a minute before: %+v", due)
	}
}
