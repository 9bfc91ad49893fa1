package rules

import (
	"context"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

const (
	// closeLookback is how far before a window the sample in force at its beginning is
	// looked for at least, in milliseconds; what reports less often is looked up apart.
	closeLookback = 2 * 60 * 1000
	// oneByOne is up to how many series are looked up apart, each by its labels; more
	// are found quicker by reading all.
	oneByOne = 200
)

// census counts every series of an objective by itself, at times in (from, to], to the
// same sums as the ledger.
type census struct {
	store storage.Queryable
	tr    *track
	terms []term
	// since is when the objective began to watch, every the interval of its samples.
	since, every int64
	from, to     int64
	// out is what corrections take out.
	out   []segment
	found spread

	// asked are the terms whose series were read before, s is the series being read, which
	// is used again.
	asked   []term
	read    int
	s       source
	pending []newcomer
}

// newcomer is a series of whose time before the window nothing was read: what its first
// sample adds is still open.
type newcomer struct {
	lset    labels.Labels
	row     int
	first   sample
	settled bool
}

func (c *census) count(ctx context.Context) error {
	back := max(closeLookback, min(4*c.every, lookback))
	if err := c.each(ctx, c.from-back, c.to, c.series); err != nil {
		return err
	}
	c.ask()
	for _, reach := range [][2]int64{{lookback, back}, {farLookback, lookback}} {
		if err := c.lookUp(ctx, c.from-reach[0], c.from-reach[1]); err != nil {
			return err
		}
	}
	for i := range c.pending {
		if n := &c.pending[i]; !n.settled {
			c.begin(n)
		}
	}
	return nil
}

// each calls f once for every series with samples in [from, to].
func (c *census) each(ctx context.Context, from, to int64, f func(labels.Labels, chunkenc.Iterator) error) error {
	q, err := c.store.Querier(from, to)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { _ = q.Close() }()
	var it chunkenc.Iterator
	c.asked = c.asked[:0]
	for _, t := range c.broad() {
		// Samples beyond the edges do no harm, and cutting them off costs time.
		set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to, DisableTrimming: true}, t.storeMatchers()...)
		for set.Next() {
			if c.read++; c.read%256 == 0 && ctx.Err() != nil {
				return ctx.Err()
			}
			s := set.At()
			lset := s.Labels()
			if !t.selects(lset) || c.met(lset) {
				continue
			}
			it = s.Iterator(it)
			if err := f(lset, it); err != nil {
				return err
			}
			if err := it.Err(); err != nil {
				return fmt.Errorf("read %s: %w", lset, err)
			}
		}
		if err := set.Err(); err != nil {
			return fmt.Errorf("select %s: %w", t.selector, err)
		}
		c.asked = append(c.asked, t)
	}
	return ctx.Err()
}

// broad are the terms whose series no other term selects for certain.
func (c *census) broad() []term {
	within := func(t, of term) bool {
		for _, m := range of.matchers {
			if !slices.ContainsFunc(t.matchers, func(o *labels.Matcher) bool { return o.String() == m.String() }) {
				return false
			}
		}
		return true
	}
	var out []term
	for i, t := range c.terms {
		covered := false
		for j, of := range c.terms {
			covered = covered || i != j && within(t, of) && (j < i || !within(of, t))
		}
		if !covered {
			out = append(out, t)
		}
	}
	return out
}

// met tells whether a series was read with an earlier term.
func (c *census) met(lset labels.Labels) bool {
	for _, t := range c.asked {
		if t.selects(lset) {
			return true
		}
	}
	return false
}

// weighed makes s a series of which nothing has been read.
func (c *census) weighed(lset labels.Labels) *source {
	c.s = source{lset: lset}
	for _, t := range c.terms {
		if t.selects(lset) {
			c.s.weigh(t)
		}
	}
	return &c.s
}

// series counts one series.
func (c *census) series(lset labels.Labels, it chunkenc.Iterator) error {
	s := c.weighed(lset)
	switch {
	case s.measure != nil:
		c.measured(s, it)
	case s.value != weights{}: // Else what one term counts another takes off.
		c.counter(s, it)
	}
	return nil
}

// measured counts a series of histograms or of a gauge.
func (c *census) measured(s *source, it chunkenc.Iterator) {
	lives, row := c.tr.births.of(s.lset), -1
	eachSample(it, func(in sample) {
		if in.t > c.to || !s.wants(in) {
			return
		}
		in.start = lives.start(in)
		in = s.plain(in)
		first := s.counter.LastTime == 0
		// Whether a first sample counts in full is asked apart.
		add, _ := s.step(in, math.MaxInt64)
		if in.t <= c.from || s.counter.LastTime != in.t {
			return
		}
		if row < 0 {
			row = c.found.add(s)
		}
		if first && (in.histogram || s.value != weights{}) {
			c.pending = append(c.pending, newcomer{lset: s.lset.Copy(), row: row, first: in})
		}
		c.add(row, in.t, add)
	})
}

// counter counts a series of a counter as ledger.Counter does, which learns more than
// is needed here: a window may hold millions of samples.
func (c *census) counter(s *source, it chunkenc.Iterator) {
	lives, row := c.tr.births.of(s.lset), -1
	last, sum := sample{}, 0.0
	for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
		if kind != chunkenc.ValFloat {
			continue
		}
		t, v := it.At()
		if t > c.to {
			break
		}
		if !(v >= 0) || v > math.MaxFloat64 || t <= last.t {
			continue
		}
		start := it.AtST()
		if len(lives) > 0 {
			start = lives.start(sample{t: t, start: start})
		}
		if t > c.from {
			if row < 0 {
				row = c.found.add(s)
			}
			switch {
			case last.t == 0:
				c.pending = append(c.pending, newcomer{lset: s.lset.Copy(), row: row, first: sample{t: t, start: start, v: v}})
			case len(c.out) > 0 && c.corrected(t):
			case ledger.IsReset(last.v, v, last.t, last.start, start):
				sum += v
			default:
				sum += v - last.v
			}
		}
		last.t, last.v = t, v
		if start > 0 {
			last.start = start
		}
	}
	if row >= 0 {
		r := &c.found.rows[row]
		r.bad, r.total = sum*s.value.bad, sum*s.value.total
	}
}

// add counts an increment at a time that corrections leave in.
func (c *census) add(row int, t int64, of increment) {
	if c.corrected(t) {
		return
	}
	r := &c.found.rows[row]
	r.bad += of.bad
	r.total += of.total
}

func (c *census) corrected(t int64) bool {
	for _, s := range c.out {
		if s.from < t && t <= s.to {
			return true
		}
	}
	return false
}

// ask asks the engine's memory about the newcomers: where it met a series first with
// this sample, it knows whether the sample counted.
func (c *census) ask() {
	c.tr.mu.Lock()
	defer c.tr.mu.Unlock()
	for i := range c.pending {
		n := &c.pending[i]
		for _, s := range c.tr.sources[n.lset.Hash()] {
			if !labels.Equal(s.lset, n.lset) {
				continue
			}
			switch k := &s.counter; {
			case k.Whole && n.first.t <= k.FirstTime:
				own := c.weighed(n.lset)
				c.settle(n, own.change(nil, n.first).add(own.alone(n.first), -1))
			case n.first.t == k.FirstTime && n.first.t > c.tr.live:
				// What a restore met first was no first sample.
				c.settle(n, increment{})
			}
		}
	}
}

// settle counts what the first sample of a newcomer adds beyond what it is alone.
func (c *census) settle(n *newcomer, of increment) {
	n.settled = true
	c.add(n.row, n.first.t, of)
}

// lookUp looks in [from, to] for the samples before those of newcomers.
func (c *census) lookUp(ctx context.Context, from, to int64) error {
	open, n := map[uint64][]*newcomer{}, 0
	for i := range c.pending {
		if p := &c.pending[i]; !p.settled {
			open[p.lset.Hash()] = append(open[p.lset.Hash()], p)
			n++
		}
	}
	if n == 0 {
		return nil
	}
	if n > oneByOne {
		return c.each(ctx, from, to, func(lset labels.Labels, it chunkenc.Iterator) error {
			for _, p := range open[lset.Hash()] {
				if labels.Equal(p.lset, lset) {
					c.follow(p, func(f func(sample)) { eachSample(it, f) })
				}
			}
			return nil
		})
	}
	for _, list := range open {
		for _, p := range list {
			all, err := samplesOf(ctx, c.store, p.lset, from, to)
			if err != nil {
				return err
			}
			c.follow(p, func(f func(sample)) {
				for _, in := range all {
					f(in)
				}
			})
		}
	}
	return nil
}

// follow settles a newcomer by the last of the samples before it, if there is one.
func (c *census) follow(n *newcomer, before func(func(sample))) {
	s, lives := c.weighed(n.lset), c.tr.births.of(n.lset)
	before(func(in sample) {
		if s.wants(in) && in.t < n.first.t {
			in.start = lives.start(in)
			_, _ = s.step(in, math.MaxInt64)
		}
	})
	if s.counter.LastTime == 0 {
		return
	}
	add, _ := s.step(n.first, math.MaxInt64)
	c.settle(n, add.add(s.alone(n.first), -1))
}

// begin settles a newcomer before which nothing is known: it counts in full if its
// counter began while the objective was watching.
func (c *census) begin(n *newcomer) {
	since := max(c.since, n.first.t-c.tr.remembers.Milliseconds()-farLookback)
	if n.first.start >= since && c.tr.births.before(n.lset, n.first) > 0 {
		return
	}
	s := c.weighed(n.lset)
	add, _ := s.step(n.first, since)
	c.settle(n, add.add(s.alone(n.first), -1))
}
