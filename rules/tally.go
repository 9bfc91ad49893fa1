package rules

import (
	"cmp"
	"math"
	"slices"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// segment is the time (from, to] for which one error budget holds, in Unix
// milliseconds. out tells that a correction takes it out of everything: it counts
// neither good nor bad, and nothing is expected in it.
type segment struct {
	from, to int64
	budget   float64
	out      bool
}

// The ends of time, for segments without a beginning or an end.
const (
	always  = math.MinInt64
	forever = math.MaxInt64
)

// tally is what a window holds.
type tally struct {
	ledger.Cell

	// allowed is how many bad events the error budget allows among Total: the sum over
	// the generations of the objective of each one's budget times its events.
	allowed float64
	// out is how much of the window corrections take out, in milliseconds.
	out int64
}

// errorBurn is the burn rate: bad events over allowed ones. A window without events
// says nothing and burns at 0.
func (t tally) errorBurn() float64 {
	if t.Total <= 0 || t.allowed <= 0 {
		return 0
	}
	return t.Bad / t.allowed
}

// allowance is how many bad events a whole period allows of which t holds a part: those
// that the events so far allow, and by a budget for the rest of those expected. Otherwise
// one failure among the first events would look like ruin.
func (t tally) allowance(budget, expected float64) float64 {
	return t.allowed + budget*max(0, expected-t.Total)
}

// volumeOf is the number of events of a period, scaled up by what of it was not seen.
func volumeOf(total float64, seen, period int64) float64 {
	if seen > 0 && seen < period {
		return total * float64(period) / float64(seen)
	}
	return total
}

// ratio is the share of bad events, 0 without events.
func (t tally) ratio() float64 {
	if t.Total <= 0 {
		return 0
	}
	return t.Bad / t.Total
}

// plus adds what another stretch of time holds.
func (t tally) plus(o tally) tally {
	return tally{
		Cell:    ledger.Cell{Bad: t.Bad + o.Bad, Total: t.Total + o.Total, Seen: t.Seen + o.Seen},
		allowed: t.allowed + o.allowed, out: t.out + o.out,
	}
}

// minus takes the beginning of a stretch of time off it.
func (t tally) minus(o tally) tally {
	return tally{Cell: t.Sub(o.Cell), allowed: t.allowed - o.allowed, out: t.out - o.out}
}

// edge is the end of a window with everything counted until then.
type edge struct {
	t int64
	ledger.Cell
}

// between tallies the window from a to b.
func (j *judge) between(l *ledger.Ledger, a, b edge) tally {
	if len(j.segments) == 0 {
		c := b.Sub(a.Cell)
		return tally{Cell: c, allowed: j.budget * c.Total}
	}
	var out tally
	for _, s := range j.segments {
		if s.to <= a.t || s.from >= b.t {
			continue
		}
		lo, hi := a, b
		if s.from > a.t {
			lo = edgeAt(l, s.from)
		}
		if s.to < b.t {
			hi = edgeAt(l, s.to)
		}
		if s.out {
			out.out += hi.t - lo.t
			continue
		}
		c := hi.Sub(lo.Cell)
		out.Bad += c.Bad
		out.Total += c.Total
		out.Seen += c.Seen
		out.allowed += s.budget * c.Total
	}
	return out
}

// out is how much of (from, to] corrections take out, in milliseconds.
func (j *judge) out(from, to int64) int64 { return outOf(j.segments, from, to) }

// segmentAt returns the segment that t lies in, nil if time is not cut.
func segmentAt(all []segment, t int64) *segment {
	i, _ := slices.BinarySearchFunc(all, t, func(s segment, t int64) int { return cmp.Compare(s.to, t) })
	if i == len(all) {
		return nil
	}
	return &all[i]
}

func outOf(all []segment, from, to int64) int64 {
	var sum int64
	for _, s := range all {
		if lo, hi := max(s.from, from), min(s.to, to); s.out && lo < hi {
			sum += hi - lo
		}
	}
	return sum
}

// edgeAt returns the count at t, exact if there is a mark.
func edgeAt(l *ledger.Ledger, t int64) edge {
	if c, ok := l.Marked(t); ok {
		return edge{t, c}
	}
	return edge{t, l.Until(t)}
}

// segments cuts time by the generations of an objective and by its corrections; nil
// if there is nothing to tell apart. Generations are in order of their beginning.
func segments(eras []era, corrections []Correction) []segment {
	if len(eras) < 2 && len(corrections) == 0 {
		return nil
	}
	var out []segment
	for i, g := range eras {
		s := segment{from: g.from, to: forever, budget: g.budget}
		if i == 0 {
			s.from = always
		}
		if i+1 < len(eras) {
			s.to = eras[i+1].from
		}
		out = append(out, s)
	}
	for _, c := range corrections {
		out = cutOut(out, c.From.UnixMilli(), c.To.UnixMilli())
	}
	return out
}

// cutOut marks (from, to] as taken out in segments that cover all time.
func cutOut(in []segment, from, to int64) []segment {
	var out []segment
	for _, s := range in {
		lo, hi := max(s.from, from), min(s.to, to)
		if s.out || lo >= hi {
			out = append(out, s)
			continue
		}
		if s.from < lo {
			out = append(out, segment{s.from, lo, s.budget, false})
		}
		out = append(out, segment{lo, hi, s.budget, true})
		if hi < s.to {
			out = append(out, segment{hi, s.to, s.budget, false})
		}
	}
	return out
}
