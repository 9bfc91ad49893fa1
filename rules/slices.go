package rules

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// Slices on disk are three series for each generation of an objective, with one
// sample at the end of each slice: events in it, bad events in it, and the
// milliseconds of it that were seen. A slice of which nothing was seen has none.
const (
	sliceTotal = "watchtower_slice_total"
	sliceBad   = "watchtower_slice_bad"
	sliceSeen  = "watchtower_slice_seen_milliseconds"

	objectiveLabel  = "objective"
	generationLabel = "generation"
	// parentLabel names the whole of a member; its group's labels have the prefix.
	parentLabel      = "parent"
	groupLabelPrefix = "group_"
)

// sliceWidth is the length of slices on disk, in seconds: a minute, or less for
// periods so short that a minute matters.
func sliceWidth(period time.Duration) int64 {
	if period < 24*time.Hour {
		return 15
	}
	return 60
}

// sliceLag is how old a slice must be to be written: no sample may change it any
// more. Memory keeps fine slices no longer than the limit.
func sliceLag(outOfOrder, period time.Duration) int64 {
	limit := 4 * time.Hour
	if period < 24*time.Hour {
		limit = 50 * time.Minute
	}
	return min(outOfOrder+time.Minute, limit).Milliseconds()
}

// slice is one slice on its way to or from the disk.
type slice struct {
	end int64
	ledger.Cell
}

// void tells that nothing was seen in the slice.
func (s slice) void() bool { return s.Seen <= 0 && s.Total == 0 && s.Bad == 0 }

// persist writes the slices of an objective that can no longer change.
func (e *Engine) persist(ctx context.Context, tr *track, now int64) error {
	tr.mu.Lock()
	if tr.restoring {
		tr.mu.Unlock()
		return nil
	}
	tr.ledger.Advance(now)
	width := sliceWidth(tr.obj.Period)
	// Our clock may be ahead of the samples.
	to := min(now-sliceLag(e.outOfOrder, tr.obj.Period), tr.ledger.Last())
	var out []slice
	tr.ledger.Slices(tr.persisted, to, width, func(end int64, c ledger.Cell) {
		if s := tr.raw(slice{end, c}); !s.void() {
			out = append(out, s)
		}
	})
	from := tr.persisted
	tr.mu.Unlock()
	if err := e.writeSlices(ctx, tr, out); err != nil {
		return err
	}
	tr.mu.Lock()
	if tr.persisted == from {
		tr.persisted = max(from, to/(width*1000)*width*1000)
	}
	tr.mu.Unlock()
	return nil
}

// writeSlices appends slices to the ledger's TSDB. What is there already stays.
func (e *Engine) writeSlices(ctx context.Context, tr *track, out []slice) error {
	const batch = 5000
	for len(out) > 0 {
		n := min(batch, len(out))
		app := e.ledger.Appender(ctx)
		for _, s := range out[:n] {
			for _, part := range [3]struct {
				name string
				v    float64
			}{{sliceTotal, s.Total}, {sliceBad, s.Bad}, {sliceSeen, float64(s.Seen)}} {
				if _, err := app.Append(0, tr.sliceLabels(part.name), s.end, part.v); err != nil && !tooOld(err) {
					_ = app.Rollback()
					return fmt.Errorf("append a slice of %s: %w", tr.id, err)
				}
			}
		}
		if err := app.Commit(); err != nil {
			return fmt.Errorf("write slices of %s: %w", tr.id, err)
		}
		e.metrics.slices.Add(float64(n))
		out = out[n:]
	}
	return nil
}

// sliceLabels are the labels of a series of slices. Those of a member say to which
// group of which objective it belongs.
func (tr *track) sliceLabels(name string) labels.Labels {
	ls := []string{model.MetricNameLabel, name, objectiveLabel, tr.id, generationLabel, tr.generation}
	if tr.parent != "" {
		ls = append(ls, parentLabel, tr.parent)
		for label, value := range tr.values {
			if value != "" {
				ls = append(ls, groupLabelPrefix+label, value)
			}
		}
	}
	return labels.FromStrings(ls...)
}

// tooOld tells that a store has the sample already or no longer takes its time.
func tooOld(err error) bool {
	return errors.Is(err, storage.ErrOutOfOrderSample) || errors.Is(err, storage.ErrDuplicateSampleForTimestamp) ||
		errors.Is(err, storage.ErrOutOfBounds) || errors.Is(err, storage.ErrTooOldSample)
}

// eachSlice calls f for the parts of an objective's slices that end in (from, to],
// of every generation: an edited objective keeps its past.
func (e *Engine) eachSlice(ctx context.Context, id string, from, to int64, f func(slice)) error {
	if to <= from {
		return nil
	}
	q, err := e.ledger.ChunkQuerier(from+1, to)
	if err != nil {
		return fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { _ = q.Close() }()
	// Chunks that reach beyond the time are not cut, which would write them anew: what is
	// outside is passed over below.
	set := q.Select(ctx, false, &storage.SelectHints{Start: from + 1, End: to, DisableTrimming: true},
		labels.MustNewMatcher(labels.MatchRegexp, model.MetricNameLabel, sliceTotal+"|"+sliceBad+"|"+sliceSeen),
		labels.MustNewMatcher(labels.MatchEqual, objectiveLabel, id))
	var r chunkReader
	for set.Next() {
		series := set.At()
		// There are a million samples for a month of a few objectives: what can be decided
		// once is decided here.
		hand := func(end int64, v float64) { f(slice{end, ledger.Cell{Total: v}}) }
		switch series.Labels().Get(model.MetricNameLabel) {
		case sliceBad:
			hand = func(end int64, v float64) {
				if v != 0 {
					f(slice{end, ledger.Cell{Bad: v}})
				}
			}
		case sliceSeen:
			hand = func(end int64, v float64) { f(slice{end, ledger.Cell{Seen: int64(v)}}) }
		}
		if err := r.read(series, from+1, to, hand); err != nil {
			return fmt.Errorf("read slices of %s: %w", id, err)
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("select slices of %s: %w", id, err)
	}
	return nil
}
