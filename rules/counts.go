package rules

import (
	"context"
	"time"
)

// Tally is what an objective counted over some time.
type Tally struct {
	// Good and Total are events, without what corrections take out; Allowed is how
	// many bad ones the error budgets of its generations allow among Total.
	Good, Total, Allowed float64
	// RawGood and RawTotal are all events, corrected ones too.
	RawGood, RawTotal float64
	// Corrected is the time that corrections take out. Of the rest Seen is how much is
	// known, and Unseen how much, since the first observation and until now, is not.
	Corrected, Seen, Unseen time.Duration
}

// Counts returns good and total events of an objective at times in (from, to],
// without what corrections take out.
func (e *Engine) Counts(id string, from, to time.Time) (good, total float64, err error) {
	t, err := e.Tally(context.Background(), id, from, to)
	return t.Good, t.Total, err
}

// Tally counts an objective at times in (from, to], see Tallies.
func (e *Engine) Tally(ctx context.Context, id string, from, to time.Time) (Tally, error) {
	if to.Before(from) {
		to = from
	}
	all, err := e.Tallies(ctx, id, from, to)
	if err != nil {
		return Tally{}, err
	}
	return all[0], nil
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
