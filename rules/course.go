package rules

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// ErrRestoring is wrapped by the errors about an objective whose past is still being
// read: ask again in a moment.
var ErrRestoring = errors.New("being restored")

// maxCourse bounds the steps of a course: more than any picture has points.
const maxCourse = 10_000

// Course is how an objective fared, step by step, for a picture.
type Course struct {
	Points []CoursePoint
	// Step is the length of each step.
	Step time.Duration
	// Pair are the windows whose burn rates are shown: the shortest of a page that
	// fires, else the shortest of a page, else the shortest of all. Its Factor is the
	// threshold at even traffic.
	Pair Pair
	// Threshold is the burn rate at which the pair fires now (volume-aware); 0 when no
	// alert watches it.
	Threshold float64
	// Budget is the ratio of events that may be bad: a burn rate of 1.
	Budget float64
}

// CoursePoint is one step, which ends At. Where nothing is known its figures are NaN.
type CoursePoint struct {
	At time.Time
	// Bad and Total are the events of the step, without what corrections take out, Ratio
	// the first of the second.
	Bad, Total, Ratio float64
	// Short and Long are the burn rates of the two windows that end with the step.
	Short, Long float64
}

// Course returns how an objective fared at times in (from, to], which is cut into
// steps; a last one that does not fit is left out. It is read from memory: exact to
// the second for the last minutes, and with age in slices of up to a fiftieth of it.
// A step in which no telemetry arrived or which corrections take out has no figures,
// one without events no ratio, and a window without events no burn rate. The error
// wraps ErrUnknown or ErrRestoring, or says what is wrong with the times.
func (e *Engine) Course(id string, from, to time.Time, step time.Duration) (Course, error) {
	ms := step.Milliseconds()
	steps := int64(0)
	if ms > 0 {
		steps = (to.UnixMilli() - from.UnixMilli()) / ms
	}
	tr := e.track(id)
	switch {
	case tr == nil:
		return Course{}, fmt.Errorf("%w: there is no objective %q", ErrUnknown, id)
	case steps < 1 || steps > maxCourse:
		return Course{}, fmt.Errorf("course of %q: %s from %s to %s is not 1 to %d steps", id, step, stamp(from), stamp(to), maxCourse)
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring {
		return Course{}, fmt.Errorf("%w: objective %q, ask again in a moment", ErrRestoring, id)
	}
	c := Course{Step: step, Budget: tr.judge.budget, Points: make([]CoursePoint, 0, steps)}
	c.Pair, c.Threshold = tr.urgentPair()
	end := from.UnixMilli()
	before := edgeAt(tr.ledger, end)
	for range steps {
		end += ms
		now := edgeAt(tr.ledger, end)
		c.Points = append(c.Points, tr.point(before, now, c.Pair))
		before = now
	}
	return c, nil
}

// point reads one step from the ledger. The lock is held.
func (tr *track) point(from, to edge, p Pair) CoursePoint {
	in := tr.judge.between(tr.ledger, from, to)
	nan := math.NaN()
	out := CoursePoint{At: time.UnixMilli(to.t), Bad: nan, Total: nan, Ratio: nan, Short: nan, Long: nan}
	if in.Seen <= 0 && in.Total <= 0 {
		return out
	}
	out.Bad, out.Total = in.Bad, in.Total
	if in.Total > 0 {
		out.Ratio = in.ratio()
	}
	burn := func(d time.Duration) float64 {
		t := tr.judge.between(tr.ledger, edgeAt(tr.ledger, to.t-d.Milliseconds()), to)
		if t.Total <= 0 {
			return nan
		}
		return t.errorBurn()
	}
	out.Short, out.Long = burn(p.Short), burn(p.Long)
	return out
}

// urgentPair returns the pair of windows that people want to see and the burn rate at
// which it fires now, 0 if no alert goes by it. The lock is held.
func (tr *track) urgentPair() (Pair, float64) {
	j, r := &tr.judge, &tr.reading
	at, urgency := -1, -1
	for i, p := range j.pairs {
		u := 0
		if p.Severity == Page {
			u = 1
			if i < len(r.pairs) && r.pairs[i].verdict == burning {
				u = 2
			}
		}
		if u > urgency || u == urgency && p.Long < j.pairs[at].Long {
			at, urgency = i, u
		}
	}
	switch {
	case at < 0:
		return PairsFor(tr.obj.Period)[0], 0
	case r.at == 0:
		return j.pairs[at], j.pairs[at].Factor
	}
	return j.pairs[at], r.pairs[at].threshold
}

// maxEvidence is the longest time that is looked at for what an alert is about: the
// longer it lasts, the more of it is about something else.
const maxEvidence = time.Hour

// Evidence is from when on to look, at a time, for what made an alert of the pair fire
// since then: from its short window on, since the burning began before the alert, and
// over the last hour at most.
func (p Pair) Evidence(since, at time.Time) time.Time {
	from := since.Add(-p.Short)
	if oldest := at.Add(-maxEvidence); from.Before(oldest) {
		return oldest
	}
	return from
}
