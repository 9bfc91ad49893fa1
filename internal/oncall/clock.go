package oncall

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

var clockTime = regexp.MustCompile(`^(\d{1,2}):(\d{2})$`)

// parseClock reads a time of day, "09:00", as seconds; "24:00" is the end of the day.
func parseClock(s string) (int64, error) {
	m := clockTime.FindStringSubmatch(s)
	if m == nil {
		return 0, fmt.Errorf(`%q is no time of day: write it as "09:00"`, shown(s))
	}
	h, _ := strconv.ParseInt(m[1], 10, 64)
	past, _ := strconv.ParseInt(m[2], 10, 64)
	if h > 24 || past > 59 || (h == 24 && past > 0) {
		return 0, fmt.Errorf("there is no %s on a clock", s)
	}
	return h*hour + past*minute, nil
}

const (
	momentLayout  = "2006-01-02 15:04"
	momentLayoutT = "2006-01-02T15:04"
)

// errNoTime is what a date alone is where a time is needed.
var errNoTime = errors.New("it names no time of day")

// parseMoment reads a date and a time, on the clocks of loc unless the text has an
// offset of its own. A date alone is its midnight, and errNoTime says so.
func parseMoment(s string, loc *time.Location) (int64, error) {
	if t, err := time.Parse(time.DateOnly, s); err == nil {
		return instant(loc, t.Unix()), errNoTime
	}
	for _, layout := range []string{momentLayout, momentLayoutT} {
		if t, err := time.Parse(layout, s); err == nil {
			return instant(loc, t.Unix()), nil
		}
	}
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Unix(), nil
	}
	return 0, fmt.Errorf(`%q is no time: write it as "2026-11-02 09:00", or with an offset as 2026-11-02T09:00:00+01:00`, shown(s))
}

// dayNames from Monday on, as people write them.
func dayNames() [7][2]string {
	return [7][2]string{
		{"mon", "monday"},
		{"tue", "tuesday"},
		{"wed", "wednesday"},
		{"thu", "thursday"},
		{"fri", "friday"},
		{"sat", "saturday"},
		{"sun", "sunday"},
	}
}

// parseDay reads a day of the week: 0 is Monday.
func parseDay(s string) (int64, error) {
	for i, names := range dayNames() {
		if lower := strings.ToLower(strings.TrimSpace(s)); lower == names[0] || lower == names[1] {
			return int64(i), nil
		}
	}
	return 0, fmt.Errorf("%q is no day of the week: use mon, tue, wed, thu, fri, sat or sun", shown(s))
}

// parseDays adds a day, or a range of days such as mon..fri, which may go over Sunday.
func parseDays(s string, days *[7]bool) error {
	first, last, isRange := strings.Cut(s, "..")
	from, err := parseDay(first)
	if err != nil {
		return err
	}
	to := from
	if isRange {
		if to, err = parseDay(last); err != nil {
			return err
		}
	}
	for d := from; ; d = (d + 1) % 7 {
		days[d] = true
		if d == to {
			return nil
		}
	}
}

var everyPattern = regexp.MustCompile(`^(\d{1,3})([dw])$`)

// rhythm is how often a rotation hands over: every so many days or weeks, or months
// if both are zero.
type rhythm struct{ days, weeks int64 }

func parseRhythm(s string) (rhythm, error) {
	switch s {
	case "daily":
		return rhythm{days: 1}, nil
	case "weekly":
		return rhythm{weeks: 1}, nil
	case "monthly":
		return rhythm{}, nil
	}
	return rhythm{}, fmt.Errorf("%q: use daily, weekly, monthly, or {every: 2w}", shown(s))
}

func parseEvery(s string) (rhythm, error) {
	m := everyPattern.FindStringSubmatch(s)
	if m == nil {
		return rhythm{}, fmt.Errorf("every %q: write days or weeks, as 3d or 2w; for several hand-overs a day use daily and list their times in handover", shown(s))
	}
	n, _ := strconv.ParseInt(m[1], 10, 64)
	switch {
	case n == 0:
		return rhythm{}, fmt.Errorf("every %s: turns have to last at least a day", s)
	case m[2] == "d":
		return rhythm{days: n}, nil
	}
	return rhythm{weeks: n}, nil
}

// slot reads a hand-over as seconds after the beginning of a cycle: "09:00",
// "monday 09:00" or, of a month, "1 09:00".
func (h rhythm) slot(s string) (int64, error) {
	word, clock, found := strings.Cut(s, " ")
	switch {
	case h.days > 0:
		at, err := parseClock(s)
		if err == nil && at == day {
			err = errors.New(`24:00 is 00:00 of the next day: write "00:00"`)
		}
		return at, err
	case !found && h.weeks > 0:
		return 0, fmt.Errorf(`%q: write a day of the week and a time, as "monday 09:00"`, shown(s))
	case !found:
		return 0, fmt.Errorf(`%q: write a day of the month and a time, as "1 09:00"`, shown(s))
	}
	at, err := parseClock(clock)
	if err != nil {
		return 0, err
	}
	if at == day {
		return 0, errors.New(`24:00 is 00:00 of the next day: write that`)
	}
	if h.weeks > 0 {
		d, err := parseDay(word)
		return d*day + at, err
	}
	d, err := strconv.ParseInt(word, 10, 64)
	if err != nil || d < 1 || d > 28 {
		return 0, fmt.Errorf("%q: use a day from 1 to 28, which every month has", shown(word))
	}
	return (d-1)*day + at, nil
}

// turns are the hand-overs of the rhythm, counted from the first one that is not
// before an instant, and that one's number.
func (h rhythm) turns(loc *time.Location, slots []int64, from int64) (t turns, first int64) {
	t = turns{loc: loc, anchor: dayOf(loc, from), days: min(h.days, 1), slots: slots}
	if h.weeks > 0 {
		t.anchor, t.days = t.anchor-weekday(t.anchor), 7
	}
	first, turn := t.at(from)
	begin := dayOf(loc, turn.from)
	if turn.from < from {
		first++
		begin = dayOf(loc, turn.to)
	}
	// Longer cycles are counted from that hand-over's own day or week.
	switch {
	case h.weeks > 1:
		t.anchor, t.days, first = begin-weekday(begin), 7*h.weeks, 0
	case h.days > 1:
		t.anchor, t.days, first = begin, h.days, 0
	}
	return t, first
}
