package chart

import (
	"strings"
	"time"
)

// stride is the time from one label of a time axis to the next; one field is set.
type stride struct {
	clock  time.Duration // less than a day
	days   int
	months int
}

// strides returns the steps that people count time in, from short to long.
func strides() []stride {
	var all []stride
	for _, s := range []int{1, 2, 5, 10, 15, 30} {
		all = append(all, stride{clock: time.Duration(s) * time.Second})
	}
	for _, m := range []int{1, 2, 5, 10, 15, 30, 60, 120, 180, 360, 720} {
		all = append(all, stride{clock: time.Duration(m) * time.Minute})
	}
	for _, d := range []int{1, 2, 7, 14} {
		all = append(all, stride{days: d})
	}
	for _, m := range []int{1, 2, 3, 6, 12, 24, 60, 120, 240, 600} {
		all = append(all, stride{months: m})
	}
	return all
}

// length is about how long the step is.
func (s stride) length() time.Duration {
	const day = 24 * time.Hour
	return s.clock + time.Duration(s.days)*day + time.Duration(s.months)*30*day
}

// floor returns the last step at or before t, on the clock of t's location.
func (s stride) floor(t time.Time) time.Time {
	year, month, day := t.Date()
	switch {
	case s.months > 0:
		index := year*12 + int(month) - 1
		return time.Date(0, time.Month(1+index-index%s.months), 1, 0, 0, 0, 0, t.Location())
	case s.days > 0:
		// Counted from a Monday, so that weeks begin on Mondays.
		count := int(time.Date(year, month, day, 0, 0, 0, 0, time.UTC).Unix()/86400) + 3
		return time.Date(year, month, day-(count%s.days+s.days)%s.days, 0, 0, 0, 0, t.Location())
	case s.clock > time.Hour:
		hours := int(s.clock / time.Hour)
		return time.Date(year, month, day, t.Hour()/hours*hours, 0, 0, 0, t.Location())
	default:
		// Up to an hour the zone's offset of the moment is all that matters; asking
		// for a time on the clock would miss the hour that is repeated in autumn.
		_, offset := t.Zone()
		over := (t.Unix() + int64(offset)) % int64(s.clock/time.Second)
		return time.Unix(t.Unix()-over, 0).In(t.Location())
	}
}

// next returns the step after t, which is one.
func (s stride) next(t time.Time) time.Time {
	year, month, day := t.Date()
	var next time.Time
	switch {
	case s.months > 0:
		next = time.Date(year, month+time.Month(s.months), 1, 0, 0, 0, 0, t.Location())
	case s.days > 0:
		next = time.Date(year, month, day+s.days, 0, 0, 0, 0, t.Location())
	case s.clock > time.Hour:
		next = time.Date(year, month, day, t.Hour()+int(s.clock/time.Hour), 0, 0, 0, t.Location())
	}
	if !next.After(t) {
		next = t.Add(s.length())
	}
	return next
}

// label writes a step: the time of day, and the date where a day begins.
func (s stride) label(t time.Time) string {
	midnight := t.Hour() == 0 && t.Minute() == 0 && t.Second() == 0
	switch {
	case s.months >= 12, s.months > 0 && t.Month() == time.January:
		return t.Format("2006")
	case s.months > 0:
		return t.Format("Jan")
	case s.days > 0, midnight:
		return t.Format("2 Jan")
	case s.clock < time.Minute:
		return t.Format("15:04:05")
	default:
		return t.Format("15:04")
	}
}

// moment is a labeled place on a time axis.
type moment struct {
	at    time.Time
	label string
}

// moments returns at most n labeled times from one time to another.
func moments(from, to time.Time, n int) []moment {
	all := strides()
	chosen := all[len(all)-1]
	for _, s := range all {
		if to.Sub(from)/s.length() < time.Duration(max(n, 1)) {
			chosen = s
			break
		}
	}
	var ms []moment
	for t := chosen.floor(from); !t.After(to) && len(ms) < max(n, 1); t = chosen.next(t) {
		if !t.Before(from) {
			ms = append(ms, moment{at: t, label: chosen.label(t)})
		}
	}
	return ms
}

// days writes the days of a time axis and whose clock it is on: "28 November 2026, UTC".
func days(from, to time.Time) string {
	last := to
	if to.After(from) {
		last = to.Add(-time.Nanosecond) // an axis that ends at midnight does not show the day that begins
	}
	y1, m1, d1 := from.Date()
	y2, m2, d2 := last.Date()
	text := last.Format("2 Jan 2006")
	switch {
	case y1 == y2 && m1 == m2 && d1 == d2:
		text = from.Format("2 January 2006")
	case y1 == y2:
		text = from.Format("2 Jan") + " – " + text
	default:
		text = from.Format("2 Jan 2006") + " – " + text
	}
	return text + ", " + zone(from, to)
}

// zone names the clock of a time axis: "UTC", "CET", both where it changes.
func zone(from, to time.Time) string {
	a, b := zoneAt(from), zoneAt(to)
	if a == b {
		return a
	}
	return a + "/" + b
}

func zoneAt(t time.Time) string {
	name := oneLine(t.Format("MST"))
	if strings.HasPrefix(name, "+") || strings.HasPrefix(name, "-") {
		return "UTC" + name
	}
	return name
}
