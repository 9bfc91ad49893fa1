package rules

import (
	"context"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// Rehearse readies the engine for virtual time, in place of Run: it counts from at
// on, knows nothing of before, restores nothing and keeps nothing. From then on the
// caller moves the clock that was given as Now, offers series to Watch, hands their
// samples to Observe in order of time, and calls Poll, Evaluate, Keep and ForgetIdle. A
// series that was silent for an hour is offered to Watch anew before it goes on.
func (e *Engine) Rehearse(at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.rehearsal = at.UnixMilli()
	e.clock.Store(e.rehearsal)
	e.started.Store(e.rehearsal)
	for _, tr := range e.tracks {
		tr.mu.Lock()
		tr.restoring, tr.since = false, e.rehearsal
		tr.mu.Unlock()
	}
}

// Poll asks for the objectives that are polled and due now; Run does it by itself.
func (e *Engine) Poll(ctx context.Context) { e.poll(ctx, e.now().UnixMilli()) }

// PollPast asks, for the objectives that are polled, about what they remember from
// before now, in the coarse steps of a restore.
func (e *Engine) PollPast(ctx context.Context) error {
	now := e.now().UnixMilli()
	for _, tr := range e.all() {
		if tr.shape.observed() {
			continue
		}
		if err := e.pollPast(ctx, tr, origin{cut: now - tr.remembers.Milliseconds()}, now); err != nil {
			return err
		}
	}
	return nil
}

// Keep marks where calendar periods begin, which Run does beside the evaluations.
// Once a minute is enough.
func (e *Engine) Keep(ctx context.Context) error {
	for _, tr := range e.all() {
		if !tr.isUncut() {
			continue
		}
		if err := e.cut(ctx, tr); err != nil {
			return err
		}
	}
	return nil
}

// ForgetIdle drops the series that have been silent for a day, as Run does every hour.
func (e *Engine) ForgetIdle() { e.forgetIdle(e.now().UnixMilli()) }

// Cause looks back, from the last evaluation, for the beginning of what an alert of an
// objective is about; zero when there is none.
//
// For silence it is the last telemetry, for ceased traffic the last event. For a burn
// it is the first bad event after the moment from which on more failed than the budget
// allows, taken together, at any time until now: within the long window of the pair
// that burns, the point where bad events minus allowed ones were fewest. It is known as
// finely as the ledger remembers: to the second at first, to 2 % of its age later.
func (e *Engine) Cause(id string, alert AlertStatus) time.Time {
	tr := e.track(id)
	if tr == nil {
		return time.Time{}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	j, r := &tr.judge, &tr.reading
	if r.at == 0 || tr.ledger.Last() == 0 {
		return time.Time{}
	}
	var t int64
	switch alert.Kind {
	case AlertTelemetryLost:
		t = r.anchor
	case AlertNoTraffic:
		t = tr.lastEvent()
	default:
		t = tr.burnSince(j.longOf(r, alert))
	}
	if t == 0 {
		return time.Time{}
	}
	return time.UnixMilli(t)
}

// longOf is the long window an alert is about: that of the pair which burns, the
// longest for alerts about the budget.
func (j *judge) longOf(r *reading, alert AlertStatus) int64 {
	longest := int64(0)
	for i, p := range j.pairs {
		if alert.Kind == AlertBurn && p.Severity == alert.Severity && r.pairs[i].verdict == burning {
			return p.Long.Milliseconds()
		}
		longest = max(longest, p.Long.Milliseconds())
	}
	return longest
}

// grain is how finely the ledger is searched at an age, in milliseconds.
func grain(age int64) int64 { return max(1000, age/100/1000*1000) }

// burnSince finds the beginning of a burn within the last span, 0 if nothing burns.
// The lock is held.
func (tr *track) burnSince(span int64) int64 {
	j, end := &tr.judge, tr.reading.anchor
	until := edgeAt(tr.ledger, end)
	since, most := int64(0), 0.0
	for t := end - 1000; t >= end-span && t >= tr.ledger.First()-1000; t -= grain(end - t) {
		w := j.between(tr.ledger, edgeAt(tr.ledger, t), until)
		// The latest of equals: nothing happened in between.
		if over := w.Bad - w.allowed; over > most*(1+1e-9) {
			since, most = t, over
		}
	}
	if since == 0 {
		return 0
	}
	return min(since+grain(end-since), end)
}

// lastEvent finds when an event was seen last, 0 if there was none. The lock is held.
func (tr *track) lastEvent() int64 {
	end := tr.reading.anchor
	all := tr.ledger.Total().Total
	for t := end; t >= tr.ledger.First()-1000; t -= grain(end - t) {
		if all-tr.ledger.Until(t).Total > noEvents {
			return min(t+grain(end-t), end)
		}
	}
	return 0
}

// Selectors are those of the series an objective is counted from as samples arrive;
// none when it must be polled. An error says what is wrong with its queries.
func (o Objective) Selectors() ([]string, error) {
	o, err := o.whole()
	if err != nil {
		return nil, err
	}
	s, err := shapeOf(o.SLI)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, t := range s.terms {
		out = append(out, t.selector)
	}
	return out, nil
}

// Starts tells when the counter of a series began that had a sample at a time, both in
// Unix milliseconds, 0: unknown. It was noted as samples arrived, since the store does
// not keep it. It is nil for a series of which nothing was noted.
func (e *Engine) Starts(lset labels.Labels) func(tMs int64) int64 {
	noted := e.births.of(lset)
	if len(noted) == 0 {
		return nil
	}
	return func(tMs int64) int64 { return noted.start(sample{t: tMs}) }
}
