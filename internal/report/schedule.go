package report

import (
	"strings"
	"time"
)

// Due returns when a report was to be posted last, and the week it is about: the last one
// that was over then.
func (w Weekly) Due(now time.Time) (at, from, to time.Time, err error) {
	zone, err := w.Location()
	if err != nil {
		return at, from, to, err
	}
	for back := range 8 { // A week and a day: a change of clocks may put today's time ahead.
		if at = w.on(now.In(zone), back); !at.After(now) && strings.EqualFold(at.Weekday().String(), w.Day) {
			break
		}
	}
	from, to, err = Week("", at, zone)
	return at, from, to, err
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
