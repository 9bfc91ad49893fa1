package rules

import (
	"strings"
	"time"
)

// far is the distance from which on a day is told by its date, and without a time.
const far = 6 * 24 * time.Hour

// bandText completes "the budget is gone …" for people: when, in the time zone of
// loc, and for the near end also how long that is from now.
func bandText(now, earliest, latest time.Time, loc *time.Location) string {
	ahead := earliest.Sub(now)
	grain := bandGrain(ahead)
	now, first, last := now.In(loc), earliest.In(loc).Round(grain), latest.In(loc).Round(grain)
	from, until := moment(now, first), moment(now, last)
	zone := ""
	if ahead < far {
		zone = " " + first.Format("MST")
	}
	var when string
	switch {
	case latest.IsZero():
		when = from + zone + " at the earliest"
	case from == until:
		when = from + zone
	case sameDay(first, last):
		when = from + "–" + last.Format("15:04") + zone
	default:
		when = "between " + strings.TrimPrefix(from, "on ") + " and " + strings.TrimPrefix(until, "on ") + zone
	}
	if ahead >= 24*time.Hour {
		return when
	}
	in := "in " + span(max(ahead.Round(grain), grain))
	if !latest.IsZero() && until != from {
		in += " to " + span(latest.Sub(now).Round(grain))
	}
	return in + ", " + when
}

// bandGrain is how finely a time that lies d ahead is told: nobody can act on the
// minute of the day after tomorrow.
func bandGrain(d time.Duration) time.Duration {
	switch {
	case d < time.Hour:
		return time.Minute
	case d < 6*time.Hour:
		return 5 * time.Minute
	case d < 24*time.Hour:
		return 15 * time.Minute
	default:
		return time.Hour
	}
}

// moment names a time as seen from now: "today 14:00", "on Thursday 14:00", "on 12
// December".
func moment(now, t time.Time) string {
	clock := " " + t.Format("15:04")
	switch {
	case sameDay(now, t):
		return "today" + clock
	case sameDay(now.AddDate(0, 0, 1), t):
		return "tomorrow" + clock
	case t.Sub(now) < far:
		return "on " + t.Weekday().String() + clock
	default:
		return "on " + t.Format("2 January")
	}
}

func sameDay(a, b time.Time) bool {
	ay, am, ad := a.Date()
	by, bm, bd := b.Date()
	return ay == by && am == bm && ad == bd
}
