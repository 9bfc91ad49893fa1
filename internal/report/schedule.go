package report

import (
	"strings"
	"time"
)

// Edition is a report that is to be posted at a time, about a week.
type Edition struct{ At, From, To time.Time }

// Due returns the report that was to be posted last: about the last week that was over
// then.
func (w Weekly) Due(now time.Time) (e Edition, err error) {
	zone, err := w.Location()
	if err != nil {
		return e, err
	}
	for back := range 8 { // A week and a day: a change of clocks may put today's time ahead.
		if e.At = w.on(now.In(zone), back); !e.At.After(now) && strings.EqualFold(e.At.Weekday().String(), w.Day) {
			break
		}
	}
	e.From, e.To, err = Week("", e.At, zone)
	return e, err
}

// Next returns when the next report is to be posted.
func (w Weekly) Next(now time.Time) (time.Time, error) {
	zone, err := w.Location()
	if err != nil {
		return time.Time{}, err
	}
	for ahead := range 8 {
		if at := w.on(now.In(zone), -ahead); at.After(now) && strings.EqualFold(at.Weekday().String(), w.Day) {
			return at, nil
		}
	}
	return w.on(now.In(zone), -7), nil
}

// on is the time of posting, so many days before a day.
func (w Weekly) on(day time.Time, back int) time.Time {
	clock, err := time.Parse("15:04", w.At)
	if err != nil {
		clock = time.Time{} // Validate has refused it.
	}
	return time.Date(day.Year(), day.Month(), day.Day()-back, clock.Hour(), clock.Minute(), 0, 0, day.Location())
}
