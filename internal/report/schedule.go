package report

import (
	"strings"
	"time"
)

// Edition is a report that is to be posted at a time, about a period that is over then.
type Edition struct {
	Kind    Kind
	Channel string
	At      time.Time
	Period  Period
}

// Due returns the reports that were to be posted last, one of each kind that is posted at all: each about the last period
// that was over then. The error is about the time zone.
func (c Config) Due(now time.Time) ([]Edition, error) {
	zone, err := c.Weekly.Location()
	if err != nil {
		return nil, err
	}
	var due []Edition
	for _, k := range Kinds() {
		if c.channel(k) == "" {
			continue
		}
		// A quarter and a day: a change of clocks may put today's time ahead.
		for back := range 94 {
			if at := c.on(now.In(zone), -back); !at.After(now) && c.posts(k, at) {
				due = append(due, Edition{k, c.channel(k), at, k.Last(at)})
				break
			}
		}
	}
	return due, nil
}

// Next returns when the next report is to be posted; false if none is ever.
func (c Config) Next(now time.Time) (next time.Time, ok bool) {
	zone, err := c.Weekly.Location()
	if err != nil {
		return next, false
	}
	for ahead := range 94 {
		at := c.on(now.In(zone), ahead)
		for _, k := range Kinds() {
			if at.After(now) && c.channel(k) != "" && c.posts(k, at) {
				return at, true
			}
		}
	}
	return next, false
}

func (c Config) channel(k Kind) string {
	return map[Kind]string{Weekly: c.Weekly.Channel, Monthly: c.Monthly.Channel, Quarterly: c.Quarterly.Channel}[k]
}

// posts tells whether a kind of report is posted on a day.
func (c Config) posts(k Kind, day time.Time) bool {
	if k == Weekly {
		return strings.EqualFold(day.Weekday().String(), c.Weekly.Day)
	}
	return day.Day() == 1 && (k == Monthly || (day.Month()-1)%3 == 0)
}

// on is the time of posting, so many days after a day.
func (c Config) on(day time.Time, ahead int) time.Time {
	clock, err := time.Parse("15:04", c.Weekly.At)
	if err != nil {
		clock = time.Time{} // Validate has refused it.
	}
	return time.Date(day.Year(), day.Month(), day.Day()+ahead, clock.Hour(), clock.Minute(), 0, 0, day.Location())
}
