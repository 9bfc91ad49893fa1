package oncall

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// stamp is a date or a time as a calendar writes it.
type stamp struct {
	wall int64 // what the clocks read
	utc  bool
	date bool           // no time of day
	loc  *time.Location // of the clocks
}

// instant is when it is; of a reading that clocks skip, what RFC 5545 says.
func (s stamp) instant() int64 {
	if s.utc {
		return s.wall
	}
	t, _ := firstReading(s.loc, s.wall)
	return t
}

// parseStamp reads 20261102, 20261102T090000 and 20261102T090000Z.
func parseStamp(s string) (stamp, error) {
	s = strings.TrimSpace(s)
	for _, layout := range []string{"20060102", "20060102T150405", "20060102T150405Z"} {
		if t, err := time.Parse(layout, s); err == nil && t.Nanosecond() == 0 {
			return stamp{wall: t.Unix(), utc: strings.HasSuffix(s, "Z"), date: len(s) == 8}, nil
		}
	}
	return stamp{}, fmt.Errorf("%q is no date or time of a calendar", shown(s))
}

// stamp reads a property; what floats is on the schedule's clocks.
func (x *expansion) stamp(p property, value string) (stamp, error) {
	s, err := parseStamp(value)
	if err != nil {
		return s, lineFault(p.line, "%s: %w", p.name, err)
	}
	s.loc = x.loc
	if s.utc {
		s.loc = time.UTC
	} else if id := p.params["TZID"]; id != "" && !s.date {
		if s.loc, err = x.zone(id); err != nil {
			return s, lineFault(p.line, "%s: %w", p.name, err)
		}
	}
	return s, nil
}

// event is a VEVENT: a shift, or many if it repeats.
type event struct {
	*component
	start stamp
	// An occurrence ends when clocks read so much more than at its beginning, and
	// then some time later.
	wallLength, length int64
}

func (x *expansion) event(c *component) (event, error) {
	e := event{component: c}
	if c.fault != nil {
		return e, c.fault
	}
	p, ok := c.get("DTSTART")
	if !ok {
		return e, lineFault(c.line, "it has no DTSTART")
	}
	var err error
	if e.start, err = x.stamp(p, p.value); err != nil {
		return e, err
	}
	if err := x.end(&e); err != nil {
		return e, err
	}
	if e.wallLength+e.length <= 0 {
		return e, lineFault(c.line, "it does not last: it needs DTEND after DTSTART")
	}
	return e, nil
}

// end reads how long the event is: by its end, by its duration, or because it is a
// day.
func (x *expansion) end(e *event) error {
	if p, ok := e.get("DTEND"); ok {
		end, err := x.stamp(p, p.value)
		if err != nil {
			return err
		}
		e.wallLength = wallOf(e.start.loc, end.instant()) - e.start.wall
		if end.loc == e.start.loc {
			e.wallLength = end.wall - e.start.wall
		}
		return nil
	}
	if p, ok := e.get("DURATION"); ok {
		var err error
		if e.wallLength, e.length, err = parseLength(p.value); err != nil {
			return lineFault(p.line, "DURATION: %w", err)
		}
		return nil
	}
	if e.start.date {
		e.wallLength = day
	}
	return nil
}

// lasts is the time of the occurrence that begins at a reading.
func (e event) lasts(wall int64) span {
	from, to := e.start, e.start
	from.wall, to.wall = wall, wall+e.wallLength
	return span{from.instant(), to.instant() + e.length}
}

var lengthPattern = regexp.MustCompile(`^\+?P(?:(\d{1,5})W)?(?:(\d{1,5})D)?(?:T(?:(\d{1,6})H)?(?:(\d{1,8})M)?(?:(\d{1,9})S)?)?$`)

// parseLength reads a duration such as P1DT12H: days are of the calendar, hours are
// exact.
func parseLength(s string) (days, exact int64, err error) {
	m := lengthPattern.FindStringSubmatch(strings.ToUpper(strings.TrimSpace(s)))
	if m == nil {
		return 0, 0, fmt.Errorf("%q is no duration such as P7D", shown(s))
	}
	n := func(i int) int64 {
		v, _ := strconv.ParseInt(m[i], 10, 64) // "" is none of that unit.
		return v
	}
	return (n(1)*7 + n(2)) * day, n(3)*hour + n(4)*minute + n(5), nil
}

// starts are the readings at which the event begins, without the exceptions it
// names.
func (x *expansion) starts(e event) ([]int64, error) {
	walls := []int64{e.start.wall}
	if _, ok := e.get("EXRULE"); ok {
		return nil, lineFault(e.line, "EXRULE is no longer part of the format: use EXDATE")
	}
	var err error
	if rule, ok := e.get("RRULE"); ok {
		if walls, err = x.repeat(rule, e.start.wall, x.window.from-e.wallLength-e.length-day, e.start.loc); err != nil {
			return nil, err
		}
	}
	excepted := map[int64]bool{}
	dates := map[int64]bool{}
	for _, p := range e.props {
		if p.name != "EXDATE" && p.name != "RDATE" {
			continue
		}
		for word := range strings.SplitSeq(p.value, ",") {
			s, err := x.stamp(p, word)
			switch {
			case err != nil:
				return nil, err
			case p.name == "RDATE":
				walls = append(walls, wallOf(e.start.loc, s.instant()))
			case s.date && !e.start.date:
				dates[s.wall] = true
			default:
				excepted[s.instant()] = true
			}
		}
	}
	kept := walls[:0]
	for _, wall := range walls {
		if !excepted[e.lasts(wall).from] && !dates[floorDiv(wall, day)*day] {
			kept = append(kept, wall)
		}
	}
	return kept, nil
}

// statusCanceled is the STATUS of an event that does not take place.
const statusCanceled = "CANCELLED" //nolint:misspell // RFC 5545 spells it so.

var errCanceled = errors.New("canceled")

// who is the user an event names, in its summary or else by the address of somebody
// invited.
func (x *expansion) who(c *component) (*User, error) {
	if c.fault != nil {
		return nil, c.fault
	}
	if strings.EqualFold(c.text("STATUS"), statusCanceled) {
		return nil, errCanceled
	}
	summary := c.text("SUMMARY")
	found := x.names.within(summary)
	if len(found) == 0 {
		found = x.invited(c)
	}
	switch len(found) {
	case 1:
		return found[0], nil
	case 0:
		return nil, lineFault(c.line, "event %q names no user: write a user's ID, name or email into its summary, or invite one of them", shown(summary))
	}
	var ids []string
	for _, u := range found {
		ids = append(ids, u.ID)
	}
	return nil, lineFault(c.line, "event %q names %s: one can be on call, so name one in its summary", shown(summary), several(ids))
}

// invited are the users among those who are invited and have not declined.
func (x *expansion) invited(c *component) []*User {
	var found []*User
	for _, p := range c.props {
		if p.name != "ATTENDEE" || strings.EqualFold(p.params["PARTSTAT"], "DECLINED") {
			continue
		}
		address := strings.ToLower(strings.TrimSpace(p.value))
		u := x.names.emails[strings.TrimPrefix(address, "mailto:")]
		if u == nil {
			u = x.names.emails[strings.ToLower(p.params["EMAIL"])]
		}
		if u != nil && !slices.Contains(found, u) {
			found = append(found, u)
		}
	}
	return found
}
