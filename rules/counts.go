package rules

import (
	"context"
	"fmt"
	"time"
)

// Tally is what an objective counted over some time.
type Tally struct {
	// Good and Total are events, without what corrections take out; Allowed is how
	// many bad ones the error budgets of its generations allow among Total.
	Good, Total, Allowed float64
	// RawGood and RawTotal are all events, corrected ones too.
	RawGood, RawTotal float64
	// Corrected is the time that corrections take out, and Unseen how much of the
	// rest, since the first observation and until now, nothing is known about.
	Corrected, Unseen time.Duration
}

// Counts returns good and total events of an objective at times in (from, to],
// without what corrections take out.
func (e *Engine) Counts(id string, from, to time.Time) (good, total float64, err error) {
	t, err := e.Tally(context.Background(), id, from, to)
	return t.Good, t.Total, err
}

// Tally counts an objective at times in (from, to]: from the slices on disk, and from
// memory for what is not written yet. An edge inside a slice is interpolated.
func (e *Engine) Tally(ctx context.Context, id string, from, to time.Time) (Tally, error) {
	tr := e.track(id)
	if tr == nil {
		return Tally{}, fmt.Errorf("%w: there is no objective %q", ErrUnknown, id)
	}
	start, end, now := from.UnixMilli(), to.UnixMilli(), e.now().UnixMilli()
	tr.mu.Lock()
	if tr.restoring {
		tr.mu.Unlock()
		return Tally{}, fmt.Errorf("objective %q is being restored: ask again in a moment", id)
	}
	persisted, first, began := tr.persisted, tr.ledger.First(), tr.began
	width := sliceWidth(tr.obj.Period) * 1000
	c := tallier{segments: e.segmentsSince(tr.obj, from), budget: tr.judge.budget}
	for lo := max(start, persisted, first-width); lo < end; lo = lo/width*width + width {
		hi := min(end, lo/width*width+width)
		if lo >= now {
			hi = end // nothing but what clocks ahead of ours have sent
		}
		in := tr.ledger.Until(hi).Sub(tr.ledger.Until(lo))
		if tr.slicer != nil {
			in.Bad, in.Total = 0, 0
		}
		c.add(slice{hi, in}, 1)
		if lo >= now {
			break
		}
	}
	tr.mu.Unlock()
	err := e.eachCounted(ctx, tr, [3]int64{start, min(end+width, persisted), min(end, now)}, func(s slice) {
		if tr.slicer != nil && s.Total > 0 {
			c.add(s, 1) // It counts when it ends.
			return
		}
		c.add(s, float64(min(s.end, end)-max(s.end-width, start))/float64(width))
	})
	if err != nil {
		return Tally{}, err
	}
	end = min(end, now)
	c.Corrected = time.Duration(outOf(c.segments, start, end)) * time.Millisecond
	if first > start+1 && began == 0 {
		if began, err = e.began(ctx, tr, first); err != nil {
			return Tally{}, err
		}
	}
	if began > 0 {
		first = min(first, began)
	}
	if expected := end - max(start, first-1) - outOf(c.segments, max(start, first-1), end); first > 0 {
		c.Unseen = time.Duration(max(0, expected-c.seen)) * time.Millisecond
	}
	return c.Tally, nil
}

// began looks up when anything was first seen of an objective, which memory knows no
// further back than it reaches; first is what memory knows.
func (e *Engine) began(ctx context.Context, tr *track, first int64) (int64, error) {
	end, err := e.firstSlice(ctx, tr.id, e.now().Add(-slicesKept).UnixMilli(), first)
	if err != nil {
		return 0, err
	}
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.began = first
	if width := sliceWidth(tr.obj.Period) * 1000; end > 0 {
		tr.began = min(first, end-width+1)
	}
	return tr.began, nil
}

// tallier adds slices up, each by the segment its end lies in.
type tallier struct {
	Tally

	segments []segment
	budget   float64
	seen     int64
}

// add counts a part of a slice.
func (c *tallier) add(s slice, part float64) {
	if part <= 0 {
		return
	}
	bad, total := part*s.Bad, part*s.Total
	c.RawGood += total - bad
	c.RawTotal += total
	budget := c.budget
	for _, g := range c.segments {
		if g.from < s.end && s.end <= g.to {
			if g.out {
				return
			}
			budget = g.budget
		}
	}
	c.Good += total - bad
	c.Total += total
	c.Allowed += budget * total
	c.seen += int64(part * float64(s.Seen))
}
