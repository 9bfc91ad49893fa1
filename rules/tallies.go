package rules

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// Tallies counts an objective between each edge and the next: at times in (edges[0],
// edges[1]], in (edges[1], edges[2]], and so on, one tally fewer than there are edges.
// What is on disk is read once, so that the hours of a quarter cost what the quarter
// costs. Edges are in order. An edge inside a slice on disk is interpolated. Objectives
// that were removed can be asked for too, see Removed. The error wraps ErrUnknown or
// ErrRestoring, or says what is wrong with the edges or the disk.
func (e *Engine) Tallies(ctx context.Context, id string, edges ...time.Time) ([]Tally, error) {
	if len(edges) < 2 || !slices.IsSortedFunc(edges, time.Time.Compare) {
		return nil, fmt.Errorf("tallies of %q: there must be two edges or more, in order", id)
	}
	tr := e.track(id)
	if tr == nil {
		var err error
		if tr, err = e.removedTrack(id); err != nil {
			return nil, err
		}
	}
	now := e.now().UnixMilli()
	tr.mu.Lock()
	if tr.restoring {
		tr.mu.Unlock()
		return nil, fmt.Errorf("%w: objective %q, ask again in a moment", ErrRestoring, id)
	}
	c := newTallier(edges, sliceWidth(tr.obj.Period)*1000)
	c.segments, c.budget, c.whole = e.segmentsSince(tr.obj, edges[0]), tr.judge.budget, tr.slicer != nil
	persisted, first, began := tr.persisted, tr.ledger.First(), tr.began
	c.remember(tr, max(c.start(), persisted, first-c.width), now)
	tr.mu.Unlock()

	start, end := c.start(), c.end()
	if err := e.eachCounted(ctx, tr, [3]int64{start, min(end+c.width, persisted), min(end, now)}, c.slice); err != nil {
		return nil, err
	}
	if first > start+1 && began == 0 {
		var err error
		if began, err = e.began(ctx, tr, first); err != nil {
			return nil, err
		}
	}
	if began > 0 {
		first = min(first, began)
	}
	c.expect(first, now)
	return c.tallies, nil
}

// tallier adds up what was counted between edges, each slice by the segment its end lies
// in.
type tallier struct {
	edges   []int64
	tallies []Tally
	// at is the tally that was added to last: slices come in order.
	at int

	width    int64 // of a slice
	segments []segment
	budget   float64
	// whole tells that a slice with events counts when it ends, and not by its parts.
	whole bool
}

func newTallier(edges []time.Time, width int64) *tallier {
	c := &tallier{edges: make([]int64, len(edges)), tallies: make([]Tally, len(edges)-1), width: width}
	for i, t := range edges {
		c.edges[i] = t.UnixMilli()
	}
	return c
}

func (c *tallier) start() int64 { return c.edges[0] }
func (c *tallier) end() int64   { return c.edges[len(c.edges)-1] }

// remember adds what memory holds since a time. The track's lock is held.
func (c *tallier) remember(tr *track, from, now int64) {
	var before ledger.Cell
	if from >= tr.ledger.First() { // An old cell is coarse, and may seem to begin before the first arrival.
		before = tr.ledger.Until(from)
	}
	for lo := from; lo < c.end(); {
		c.find(lo + 1)
		hi := min(c.edges[c.at+1], lo/c.width*c.width+c.width)
		if lo >= now {
			hi = c.end() // nothing but what clocks ahead of ours have sent
		}
		until := tr.ledger.Until(hi)
		in := until.Sub(before)
		if tr.slicer != nil {
			in.Bad, in.Total = 0, 0
		}
		c.add(slice{hi, in}, 1)
		if lo >= now {
			break
		}
		lo, before = hi, until
	}
}

// slice adds a slice on disk to the tallies that it is a part of.
func (c *tallier) slice(s slice) {
	if c.whole && s.Total > 0 {
		if c.start() < s.end && s.end <= c.end() {
			c.find(s.end)
			c.add(s, 1)
		}
		return
	}
	if c.edges[c.at] <= s.end-c.width && s.end <= c.edges[c.at+1] { // As nearly all do: a quarter has a hundred thousand.
		c.add(s, 1)
		return
	}
	for lo := max(s.end-c.width, c.start()); lo < min(s.end, c.end()); {
		c.find(lo + 1)
		hi := min(s.end, c.edges[c.at+1])
		c.add(s, float64(hi-lo)/float64(c.width))
		lo = hi
	}
}

// find makes t, which lies between the first edge and the last, a time of the present
// tally. Of tallies without length none is.
func (c *tallier) find(t int64) {
	if c.edges[c.at] < t && t <= c.edges[c.at+1] {
		return
	}
	i, _ := slices.BinarySearch(c.edges, t)
	c.at = i - 1
}

// add counts a part of a slice.
func (c *tallier) add(s slice, part float64) {
	t := &c.tallies[c.at]
	bad, total := part*s.Bad, part*s.Total
	t.RawGood += total - bad
	t.RawTotal += total
	budget := c.budget
	for _, g := range c.segments {
		if g.from < s.end && s.end <= g.to {
			if g.out {
				return
			}
			budget = g.budget
		}
	}
	t.Good += total - bad
	t.Total += total
	t.Allowed += budget * total
	t.Seen += time.Duration(part*float64(s.Seen)) * time.Millisecond
}

// expect says how much of each tally corrections take out, and of how much of the rest,
// since the first observation and until now, nothing is known.
func (c *tallier) expect(first, now int64) {
	for i := range c.tallies {
		t, start, end := &c.tallies[i], c.edges[i], min(c.edges[i+1], now)
		t.Corrected = time.Duration(outOf(c.segments, start, end)) * time.Millisecond
		known := max(start, first-1)
		if expected := end - known - outOf(c.segments, known, end); first > 0 {
			t.Unseen = max(0, time.Duration(expected)*time.Millisecond-t.Seen)
		}
	}
}
