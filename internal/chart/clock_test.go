package chart

import (
	"strings"
	"testing"
	"time"
)

func at(tb testing.TB, zone, text string) time.Time {
	tb.Helper()
	loc, err := time.LoadLocation(zone)
	if err != nil {
		tb.Fatal(err)
	}
	parsed, err := time.ParseInLocation("2006-01-02 15:04:05", text, loc)
	if err != nil {
		tb.Fatal(err)
	}
	return parsed
}

func TestTimeAxesAreLabeledAsPeopleCount(t *testing.T) {
	is := func(zone, from string, long time.Duration, want string) {
		t.Helper()
		begin := at(t, zone, from)
		var labels []string
		for _, m := range moments(begin, begin.Add(long), 7) {
			labels = append(labels, m.label)
		}
		if got := strings.Join(labels, " | "); got != want {
			t.Errorf("%v from %s in %s:\n got %s\nwant %s", long, from, zone, got, want)
		}
	}
	const day = 24 * time.Hour
	is("UTC", "2026-11-28 13:02:10", 20*time.Second, "13:02:10 | 13:02:15 | 13:02:20 | 13:02:25 | 13:02:30")
	is("UTC", "2026-11-28 13:02:10", 5*time.Minute, "13:03 | 13:04 | 13:05 | 13:06 | 13:07")
	is("UTC", "2026-11-28 13:00:00", 70*time.Minute, "13:00 | 13:15 | 13:30 | 13:45 | 14:00")
	is("UTC", "2026-11-27 22:10:00", 6*time.Hour, "23:00 | 28 Nov | 01:00 | 02:00 | 03:00 | 04:00")
	is("UTC", "2026-11-27 05:00:00", day, "06:00 | 12:00 | 18:00 | 28 Nov")
	is("Asia/Kathmandu", "2026-11-27 05:00:00", 4*time.Hour, "05:00 | 06:00 | 07:00 | 08:00 | 09:00")
	is("UTC", "2026-11-25 05:00:00", 3*day, "12:00 | 26 Nov | 12:00 | 27 Nov | 12:00 | 28 Nov")
	is("UTC", "2026-11-01 00:00:00", 28*day, "2 Nov | 9 Nov | 16 Nov | 23 Nov")
	is("UTC", "2026-11-01 00:00:00", 90*day, "2 Nov | 16 Nov | 30 Nov | 14 Dec | 28 Dec | 11 Jan | 25 Jan")
	is("UTC", "2026-11-01 00:00:00", 400*day, "Nov | 2027 | Mar | May | Jul | Sep | Nov")
	is("UTC", "2020-02-03 00:00:00", 12*365*day, "2022 | 2024 | 2026 | 2028 | 2030 | 2032")

	// Clocks are put forward at 02:00, and back at 03:00.
	is("Europe/Berlin", "2026-03-29 00:30:00", 3*time.Hour, "00:30 | 01:00 | 01:30 | 03:00 | 03:30 | 04:00 | 04:30")
	is("Europe/Berlin", "2026-10-25 01:30:00", 3*time.Hour, "01:30 | 02:00 | 02:30 | 02:00 | 02:30 | 03:00 | 03:30")
	is("Europe/Berlin", "2026-10-24 12:00:00", 40*time.Hour, "12:00 | 18:00 | 25 Oct | 06:00 | 12:00 | 18:00 | 26 Oct")
}

func TestTimeAxesKeepOrder(t *testing.T) {
	for _, zone := range []string{"UTC", "Europe/Berlin", "Australia/Lord_Howe", "Asia/Kathmandu", "Pacific/Apia", "Africa/Cairo"} {
		begin := at(t, zone, "2011-12-28 01:23:45")
		for long := 3 * time.Second; long <= longest; long += long/2 + 7*time.Hour {
			to := begin.Add(long)
			ms := moments(begin, to, 7)
			if len(ms) < 1 || len(ms) > 7 {
				t.Errorf("%v in %s has %d labels", long, zone, len(ms))
			}
			for i, m := range ms {
				if m.at.Before(begin) || m.at.After(to) || i > 0 && !m.at.After(ms[i-1].at) {
					t.Errorf("%v in %s: label %d of %d is at %v", long, zone, i, len(ms), m.at)
				}
			}
		}
	}
}

func TestDaysAreNamed(t *testing.T) {
	is := func(zone, from, to, want string) {
		t.Helper()
		if got := days(at(t, zone, from), at(t, zone, to)); got != want {
			t.Errorf("days from %s to %s in %s: %q, want %q", from, to, zone, got, want)
		}
	}
	is("UTC", "2026-11-28 13:00:00", "2026-11-28 14:00:00", "28 November 2026, UTC")
	is("UTC", "2026-11-28 00:00:00", "2026-11-29 00:00:00", "28 November 2026, UTC")
	is("UTC", "2026-11-28 13:00:00", "2026-11-29 14:00:00", "28 Nov – 29 Nov 2026, UTC")
	is("UTC", "2026-12-31 13:00:00", "2027-01-01 14:00:00", "31 Dec 2026 – 1 Jan 2027, UTC")
	is("Europe/Berlin", "2026-10-24 13:00:00", "2026-10-26 14:00:00", "24 Oct – 26 Oct 2026, CEST/CET")
	is("Asia/Kathmandu", "2026-11-28 13:00:00", "2026-11-28 14:00:00", "28 November 2026, UTC+0545")
}
