package oncall

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"
)

// expansion makes claims of a calendar within a window of time.
type expansion struct {
	calendar *calendar
	loc      *time.Location // of the schedule, for times that name no zone
	names    names
	window   span
	why      string

	zones map[string]*time.Location // found so far
	steps int64                     // taken by rules so far
}

// maxEventFaults bounds what is told of the events of one calendar.
const maxEventFaults = 20

// occurrence is one time of one event.
type occurrence struct {
	piece
	uid string
}

// claims are the events of the calendar within the window, the one that wins last:
// of two at the same time that is the one which begins later, then the shorter one.
// The faults are those of events, which claim nothing.
func (x *expansion) claims() ([]piece, []error) {
	x.zones = map[string]*time.Location{}
	var faults []error
	tell := func(err error) {
		if len(faults) < maxEventFaults {
			faults = append(faults, err)
		}
	}
	changed := x.changed(tell)
	var all []occurrence
	for _, c := range x.calendar.events {
		found, err := x.occurrences(c, changed)
		if err != nil {
			tell(err)
			if errors.Is(err, errSteps) {
				break // All that follow would fail in the same way.
			}
			continue
		}
		if all = append(all, found...); len(all) > maxClaims {
			tell(fmt.Errorf("it has more than %d shifts between %s and %s; the rest is not followed", maxClaims, stampText(time.Unix(x.window.from, 0)), stampText(time.Unix(x.window.to, 0))))
			break
		}
	}
	slices.SortStableFunc(all, func(a, b occurrence) int {
		return cmp.Or(cmp.Compare(a.from, b.from), cmp.Compare(b.to, a.to), cmp.Compare(a.uid, b.uid))
	})
	out := make([]piece, len(all))
	for i, o := range all {
		out[i] = o.piece
	}
	return out, faults
}

// instance is an occurrence of a repeating event, by when it was to begin.
type instance struct {
	uid string
	at  int64
}

// changed are the instances that an event of their own stands for.
func (x *expansion) changed(tell func(error)) map[instance]*component {
	out := map[instance]*component{}
	for _, c := range x.calendar.events {
		p, ok := c.get("RECURRENCE-ID")
		if !ok || c.fault != nil {
			continue
		}
		s, err := x.stamp(p, p.value)
		if err != nil {
			tell(err)
			continue
		}
		if p.params["RANGE"] != "" {
			tell(lineFault(p.line, "RANGE=%s is not followed: only this one occurrence is changed", shown(p.params["RANGE"])))
		}
		key := instance{c.text("UID"), s.instant()}
		if other := out[key]; other == nil || sequence(c) >= sequence(other) {
			out[key] = c
		}
	}
	return out
}

func sequence(c *component) int {
	n, _ := strconv.Atoi(c.text("SEQUENCE")) // None is 0.
	return n
}

// occurrences are the times of an event within the window.
func (x *expansion) occurrences(c *component, changed map[instance]*component) ([]occurrence, error) {
	if p, ok := c.get("RECURRENCE-ID"); ok && c.fault == nil {
		s, err := x.stamp(p, p.value)
		if err != nil || changed[instance{c.text("UID"), s.instant()}] != c {
			return nil, nil //nolint:nilerr // Told by changed; or replaced by a later change.
		}
	}
	e, err := x.event(c)
	if err != nil {
		return nil, x.named(c, err)
	}
	walls, err := x.starts(e)
	if err != nil {
		return nil, x.named(c, err)
	}
	_, isChange := c.get("RECURRENCE-ID")
	uid := c.text("UID")
	var out []occurrence
	for _, wall := range walls {
		s := e.lasts(wall)
		if s.from >= x.window.to || s.to <= x.window.from || s.from >= s.to {
			continue
		}
		if !isChange && changed[instance{uid, s.from}] != nil {
			continue
		}
		out = append(out, occurrence{piece: piece{span: s, why: x.why}, uid: uid})
	}
	if len(out) == 0 {
		return nil, nil
	}
	// Only now: whom an event of long ago names is of no interest.
	user, err := x.who(c)
	switch {
	case errors.Is(err, errCanceled):
		return nil, nil
	case err != nil:
		return nil, err
	}
	for i := range out {
		out[i].user = user
	}
	return out, nil
}

// named says which event a fault is one of.
func (x *expansion) named(c *component, err error) error {
	var f *lineError
	if !errors.As(err, &f) {
		return err
	}
	return &lineError{f.line, fmt.Errorf("event %q: %w", shown(c.text("SUMMARY")), f.err)}
}
