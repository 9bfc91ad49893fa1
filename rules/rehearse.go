package rules

import (
	"context"
	"time"
)

// Rehearse readies the engine for virtual time, in place of Run: it counts from at
// on, knows nothing of before, restores nothing and keeps nothing. From then on the
// caller moves the clock that was given as Now, offers series to Watch, hands their
// samples to Observe in order of time, and calls Poll and Evaluate.
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

// BurnSince looks back from the present reading of an objective for the beginning of
// what burns: the end of the last stretch, as long as its shortest window, in which no
// more failed than the budget allows. It is known to a twentieth of that window, and
// zero when nothing burns.
func (e *Engine) BurnSince(id string) time.Time {
	tr := e.track(id)
	if tr == nil {
		return time.Time{}
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	j, r := &tr.judge, &tr.reading
	if r.at == 0 {
		return time.Time{}
	}
	short := j.spans[j.now]
	step := max(short/20, 1000)
	burns := func(t int64) bool {
		w := j.between(tr.ledger, edgeAt(tr.ledger, t-short), edgeAt(tr.ledger, t))
		return w.Bad > 0 && w.errorBurn() >= 1
	}
	t := r.anchor
	if !burns(t) {
		return time.Time{}
	}
	for t > r.anchor-j.periodMillis && t > tr.ledger.First() && burns(t-step) {
		t -= step
	}
	return time.UnixMilli(t)
}

// Selectors are those of the series an objective is counted from as samples arrive;
// none when it must be polled. An error says what is wrong with its queries.
func (o Objective) Selectors() ([]string, error) {
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
