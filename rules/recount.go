package rules

import (
	"context"
	"slices"
)

const (
	// lookback is how far before a moment the sample in force then is looked for,
	// and farLookback how far if none is found: a series may rest for a while.
	lookback    = 60 * 60 * 1000
	farLookback = 48 * lookback
)

// repair is what late samples change, worked out from the store and waiting to be
// applied. It holds for the late samples it was made from and no others.
type repair struct {
	upTo    uint32
	changes []adjustment
}

type adjustment struct {
	t int64
	increment
}

// recount works late samples of an objective into its counts. A late sample adds
// nothing by itself: with 100, a late 120, and 150 the truth is 50. So the series is
// counted twice from the store, with and without its late samples, and the ledger
// gets the differences. They are applied a round later, and only if no further late
// sample came in between, so that none is read from the store before it is heard of.
func (e *Engine) recount(ctx context.Context, tr *track) {
	tr.mu.Lock()
	var waiting []*source
	if tr.dirty && !tr.restoring {
		tr.dirty = false
		for _, list := range tr.sources {
			for _, s := range list {
				if len(s.late) == 0 {
					continue
				}
				if s.repair != nil && s.repair.upTo == s.lateSeen {
					tr.apply(s)
					e.metrics.recounted.Inc()
					continue
				}
				tr.dirty = true
				waiting = append(waiting, s)
			}
		}
	}
	tr.mu.Unlock()
	for _, s := range waiting {
		if err := e.prepareRepair(ctx, tr, s); err != nil {
			if ctx.Err() == nil {
				e.logger.Warn("late samples are not counted yet", "objective", tr.id, "series", s.lset.String(), "err", err)
			}
			return
		}
	}
}

// apply makes a prepared repair part of the counts. The lock is held.
func (tr *track) apply(s *source) {
	for _, c := range s.repair.changes {
		tr.add(c.t, c.bad, c.total)
		s.counted += c.events
	}
	s.repair, s.late = nil, nil
}

// prepareRepair reads the store around the late samples of a series.
func (e *Engine) prepareRepair(ctx context.Context, tr *track, s *source) error {
	tr.mu.Lock()
	late := slices.Clone(s.late)
	seen, c := s.lateSeen, s.counter
	tr.mu.Unlock()
	oldest := late[0].t
	for _, in := range late {
		oldest = min(oldest, in.t)
	}
	all, err := samplesOf(ctx, e.store, s.lset, oldest-lookback, c.LastTime)
	if err != nil {
		return err
	}
	first := c.Whole && c.FirstTime >= oldest
	if len(all) > 0 && all[0].t >= oldest && !first {
		if all, err = samplesOf(ctx, e.store, s.lset, oldest-farLookback, c.LastTime); err != nil {
			return err
		}
	}
	e.births.remind(s.lset, all)
	all = slices.DeleteFunc(all, func(in sample) bool {
		return in.histogram != late[0].histogram || !finite(in.v) || in.v < 0 || in.histogram && !s.measure.sound(in.h)
	})
	isLate := map[int64]bool{}
	for _, in := range late {
		isLate[in.t] = true
	}
	before := slices.DeleteFunc(slices.Clone(all), func(in sample) bool { return isLate[in.t] })
	wholeFrom := int64(0)
	if c.Whole {
		wholeFrom = c.FirstTime
	}
	diff := map[int64]increment{}
	s.increments(all, wholeFrom, func(t int64, add increment) { diff[t] = diff[t].add(add, 1) })
	s.increments(before, wholeFrom, func(t int64, add increment) { diff[t] = diff[t].add(add, -1) })
	r := &repair{upTo: seen}
	for t, add := range diff {
		if add != (increment{}) {
			r.changes = append(r.changes, adjustment{t, add})
		}
	}
	slices.SortFunc(r.changes, func(a, b adjustment) int { return int(a.t - b.t) })
	tr.mu.Lock()
	s.repair = r
	tr.mu.Unlock()
	return nil
}

// increments counts a sequence of samples as they would as they come. The first one
// of a counter is a baseline, unless the series is known to have counted in full from
// wholeFrom on and nothing lies before that.
func (s *source) increments(seq []sample, wholeFrom int64, add func(t int64, of increment)) {
	for i, in := range seq {
		switch {
		case i == 0 && wholeFrom > 0 && in.t <= wholeFrom:
			add(in.t, s.change(nil, in))
		case i == 0:
			add(in.t, s.alone(in))
		case begunAgain(seq[i-1], in):
			add(in.t, s.change(nil, in))
		default:
			add(in.t, s.change(&seq[i-1], in))
		}
	}
}

// recallAll finds in the store the last histograms that a snapshot does not keep.
func (e *Engine) recallAll(ctx context.Context, tr *track) error {
	tr.mu.Lock()
	var missing []*source
	for _, list := range tr.sources {
		for _, s := range list {
			if s.forgotten() {
				missing = append(missing, s)
			}
		}
	}
	tr.mu.Unlock()
	for _, s := range missing {
		found, err := samplesOf(ctx, e.store, s.lset, s.counter.LastTime, s.counter.LastTime)
		if err != nil {
			return err
		}
		for _, in := range found {
			s.recall(in)
		}
	}
	return nil
}
