package rules

import (
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser/posrange"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// increment is what a sample adds: events of its series, and what they weigh.
type increment struct{ events, bad, total float64 }

func (a increment) plus(n float64, w weights) increment {
	return increment{a.events + n, a.bad + n*w.bad, a.total + n*w.total}
}

// add adds n times b.
func (a increment) add(b increment, n float64) increment {
	return increment{a.events + n*b.events, a.bad + n*b.bad, a.total + n*b.total}
}

// measure is how the samples of a series count that are not those of a counter: of a
// native histogram or a gauge.
type measure struct {
	// count weighs the increase of a histogram's count, each fraction that of its
	// observations between two bounds.
	count     weights
	fractions []fraction
	// sample weighs each sample of a gauge, sum its value.
	sample, sum weights
	// last is the last histogram; it is not known after a restart until a sample of
	// its time is read from the store.
	last *histogram.FloatHistogram
}

type fraction struct {
	bounds

	w weights
}

// measured returns the measure of the series, made when there is none.
func (s *source) measured() *measure {
	if s.measure == nil {
		s.measure = &measure{}
	}
	return s.measure
}

// weigh adds the weights of a term that selects the series.
func (s *source) weigh(t term) {
	w := &s.value
	switch t.field {
	case fieldValue:
	case fieldHistogramCount:
		w = &s.measured().count
	case fieldSamples:
		w = &s.measured().sample
	case fieldSum:
		w = &s.measured().sum
	case fieldFraction:
		m := s.measured()
		i := slices.IndexFunc(m.fractions, func(f fraction) bool { return f.bounds == t.between })
		if i < 0 {
			m.fractions = append(m.fractions, fraction{bounds: t.between})
			i = len(m.fractions) - 1
		}
		w = &m.fractions[i].w
	}
	w.bad += t.bad
	w.total += t.total
}

// wants tells whether a sample counts anything.
func (s *source) wants(in sample) bool {
	if s.measure == nil {
		return !in.histogram && s.value != weights{}
	}
	m := s.measure
	if in.histogram {
		return m.count != weights{} || len(m.fractions) > 0
	}
	return s.value != weights{} || m.gauge()
}

// vouches tells whether a sample shows that events in all are reported.
func (s *source) vouches(in sample) bool {
	m := s.measure
	switch {
	case m == nil:
		return s.value.total != 0
	case in.histogram:
		return m.count.total != 0 || slices.ContainsFunc(m.fractions, func(f fraction) bool { return f.w.total != 0 })
	}
	return s.value.total != 0 || m.sample.total != 0 || m.sum.total != 0
}

func (m *measure) gauge() bool { return m.sample != weights{} || m.sum != weights{} }

// plain takes the start time off a sample of a gauge, which has no beginning.
func (s *source) plain(in sample) sample {
	if s.measure != nil && !in.histogram && s.value == (weights{}) {
		in.start = 0
	}
	return in
}

// step counts the next sample of the series. since is when a counter must have begun
// for its first sample to count in full.
func (s *source) step(in sample, since int64) (increment, ledger.Verdict) {
	c := &s.counter
	switch {
	case s.measure == nil:
		delta, verdict := c.Take(in.t, in.start, in.v, since)
		return increment{delta, delta * s.value.bad, delta * s.value.total}, verdict
	case in.histogram:
		return s.stepHistogram(in, since)
	}
	if s.value == (weights{}) {
		c.Last = 0 // A gauge may go down.
	}
	delta, verdict := c.Take(in.t, in.start, in.v, since)
	if verdict != ledger.Counted && verdict != ledger.Baseline {
		return increment{}, verdict
	}
	out := s.alone(in)
	if s.value != (weights{}) {
		out = out.plus(delta, s.value)
	}
	return out, ledger.Counted
}

// alone is what a sample counts by itself, whatever came before.
func (s *source) alone(in sample) increment {
	if s.measure == nil || in.histogram || !s.measure.gauge() {
		return increment{}
	}
	m := s.measure
	out := increment{}.plus(1, m.sample).plus(in.v, m.sum)
	out.events = 1
	return out
}

func (s *source) stepHistogram(in sample, since int64) (increment, ledger.Verdict) {
	c, m := &s.counter, s.measure
	if !m.sound(in.h) {
		return increment{}, ledger.Refused
	}
	first, resets, last := c.LastTime == 0, c.Resets, m.last
	_, verdict := c.TakeReset(in.t, in.start, in.v, since, last != nil && isReset(last, in.h))
	switch verdict {
	case ledger.Counted:
	case ledger.Baseline:
		m.last = in.h
		return increment{}, verdict
	default:
		s.recall(in)
		return increment{}, verdict
	}
	m.last = in.h
	switch {
	case first || c.Resets != resets:
		return m.rise(nil, in.h), ledger.Counted
	case last == nil:
		// Where its buckets stood is not known any more.
		return increment{}, ledger.Baseline
	}
	return m.rise(last, in.h), ledger.Counted
}

// recall notes the last histogram when its sample comes by again.
func (s *source) recall(in sample) {
	if m := s.measure; m != nil && m.last == nil && in.h != nil && in.t == s.counter.LastTime {
		m.last = in.h
	}
}

// forgotten tells that the buckets of the last histogram are not known.
func (s *source) forgotten() bool {
	m := s.measure
	return m != nil && m.last == nil && s.counter.LastTime > 0 && (m.count != weights{} || len(m.fractions) > 0)
}

// change is what a sample counts after prev; nil: in full.
func (s *source) change(prev *sample, in sample) increment {
	out := s.alone(in)
	switch {
	case in.histogram && s.measure != nil:
		var last *histogram.FloatHistogram
		if prev != nil {
			last = prev.h
		}
		return s.measure.rise(last, in.h)
	case s.value == (weights{}):
		return out
	case prev == nil:
		return out.plus(in.v, s.value)
	}
	return out.plus(in.v-prev.v, s.value)
}

// begunAgain tells whether a counter began again between two samples that follow each
// other.
func begunAgain(prev, in sample) bool {
	return ledger.IsReset(prev.v, in.v, prev.t, prev.start, in.start) || prev.h != nil && in.h != nil && isReset(prev.h, in.h)
}

// isReset tells by the histogram's own rules whether it began again. That it did not
// is known only of the sample before in the store, which need not be last.
func isReset(last, h *histogram.FloatHistogram) bool {
	if h.CounterResetHint == histogram.NotCounterReset {
		unsure := *h
		unsure.CounterResetHint = histogram.UnknownCounterReset
		h = &unsure
	}
	return h.DetectReset(last)
}

// sound tells whether a histogram is one to count with: a counter, whose buckets are
// numbers.
func (m *measure) sound(h *histogram.FloatHistogram) bool {
	if h == nil || h.CounterResetHint == histogram.GaugeType || !finite(h.Count) {
		return false
	}
	for _, f := range m.fractions {
		if !finite(f.of(h)) {
			return false
		}
	}
	return true
}

// rise is what a histogram counts after last; nil: in full.
func (m *measure) rise(last, h *histogram.FloatHistogram) increment {
	if last == nil {
		last = &histogram.FloatHistogram{Schema: h.Schema, ZeroThreshold: h.ZeroThreshold, CustomValues: h.CustomValues}
	} else if !sameLayout(last, h) {
		// Buckets have been merged: what is new is told in the coarser ones.
		if grown, _, _, err := h.Copy().Sub(last); err == nil {
			h, last = grown, &histogram.FloatHistogram{}
		} else {
			last = &histogram.FloatHistogram{}
		}
	}
	n := h.Count - last.Count
	out := increment{}.plus(n, m.count)
	for _, f := range m.fractions {
		out = out.plus(max(0, min(f.of(h)-f.of(last), n)), f.w)
	}
	out.events = n
	return out
}

func sameLayout(a, b *histogram.FloatHistogram) bool {
	return a.Schema == b.Schema && a.ZeroThreshold == b.ZeroThreshold && slices.Equal(a.CustomValues, b.CustomValues)
}

// of returns how many observations of a histogram lie between the bounds, by PromQL's
// own interpolation inside a bucket.
func (b bounds) of(h *histogram.FloatHistogram) float64 {
	if h.Count == 0 {
		return 0
	}
	above := b.above
	if above <= 0 && len(h.NegativeBuckets) == 0 {
		// Nothing is below zero, also while only the zero bucket is filled.
		above = math.Inf(-1)
	}
	share, _ := promql.HistogramFraction(above, b.upTo, h, "", posrange.PositionRange{})
	return share * h.Count
}
