package rules

import (
	"regexp"
	"strconv"
	"time"

	"go.yaml.in/yaml/v3"
)

// timeSlice reads the length of a slice: a duration, or a number of minutes.
func (f *faults) timeSlice(n *yaml.Node, o *Objective) {
	text := scalar(n)
	if _, err := strconv.Atoi(text); err == nil {
		text += "m"
	}
	d, _, ok := shorthand(text)
	if !ok {
		f.at(n, "timeSliceWindow must be a number of minutes or a duration such as 1m or 1h")
		return
	}
	f.sliceLength(n, "timeSliceWindow", d, o)
}

var shorthandForm = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhdwMQY])$`)

// shorthand reads OpenSLO's durations: a number and one of the letters m, h, d, w, M,
// Q and Y. As a length, a month is 30 days, a quarter 90 and a year 365; as calendar
// it counts real ones, and is nil for minutes and hours.
func shorthand(s string) (time.Duration, *Calendar, bool) {
	m := shorthandForm.FindStringSubmatch(s)
	if m == nil {
		return 0, nil, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, nil, false
	}
	const day = 24 * time.Hour
	unit := map[string]struct {
		length time.Duration
		unit   Unit
	}{
		"m": {time.Minute, ""}, "h": {time.Hour, ""}, "d": {day, Day}, "w": {7 * day, Week},
		"M": {30 * day, Month}, "Q": {90 * day, Quarter}, "Y": {365 * day, Year},
	}[m[2]]
	d := time.Duration(n) * unit.length
	if unit.unit == "" {
		return d, nil, true
	}
	return d, &Calendar{Unit: unit.unit, Count: n}, true
}

// timeWindow reads the list of the one window an SLO may have.
func (f *faults) timeWindow(n *yaml.Node) Span {
	out := Span{Length: defaultPeriod}
	count := 0
	f.each(n, "spec.timeWindow", func(n *yaml.Node) {
		if count++; count == 1 {
			out = f.oneWindow(n)
		}
	})
	if count > 1 {
		f.at(n, "spec.timeWindow has %d entries: keep one, and name others in the annotation watchtower/also_over", count)
	}
	return out
}

func (f *faults) oneWindow(n *yaml.Node) Span {
	out := Span{Length: defaultPeriod}
	var c *Calendar
	var at, calendarAt, rollingAt *yaml.Node
	start, rolling := beginning(time.UTC), false
	f.object(n, "an entry of spec.timeWindow", fields{
		"duration": func(n *yaml.Node) {
			at = n
			var ok bool
			if out.Length, c, ok = shorthand(scalar(n)); !ok {
				f.at(n, "duration must be a number and one of m, h, d, w, M, Q, Y, for example 28d or 1M")
				out.Length = defaultPeriod
			}
		},
		"is_rolling": func(n *yaml.Node) { rollingAt, rolling = n, f.boolean(n, "isRolling") },
		"calendar": func(n *yaml.Node) {
			calendarAt = n
			start = f.calendarStart(n)
		},
	})
	switch {
	case at == nil:
		f.at(n, "duration is missing: give the length of the period, for example 28d")
	case calendarAt == nil && rollingAt != nil && !rolling:
		f.at(rollingAt, "calendar is missing: a period that is not rolling needs calendar with startTime and timeZone")
	case calendarAt == nil:
		f.period(at, "duration", out.Length)
	case rolling:
		f.at(rollingAt, "isRolling is true and calendar is given: keep one of them")
	case c == nil:
		f.at(at, "duration of a calendar must be days, weeks, months, quarters or years: use d, w, M, Q or Y")
	case c.Count > map[Unit]int{Day: 366, Week: 52, Month: 12, Quarter: 4, Year: 1}[c.Unit]:
		f.at(at, "duration %s is longer than a year", scalar(at))
	default:
		c.Start = start
		out.Calendar, out.Length = c, c.longest()
	}
	return out
}

// calendarStart reads when one of the periods began.
func (f *faults) calendarStart(n *yaml.Node) time.Time {
	loc, start := time.UTC, beginning(time.UTC)
	text, at := "", n
	f.object(n, "calendar", fields{
		"start_time": func(n *yaml.Node) { text, at = scalar(n), n },
		"time_zone":  func(n *yaml.Node) { loc = f.zone(n, "timeZone") },
	})
	if text == "" {
		f.at(n, "startTime is missing: say when a period began, for example 2024-01-01 00:00:00")
		return start
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", time.DateOnly, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			if t.Year() < 1970 || t.Year() > 2200 {
				break
			}
			return t
		}
	}
	f.at(at, "startTime %q must be a date and time without a zone, for example 2024-01-01 00:00:00", text)
	return start
}
