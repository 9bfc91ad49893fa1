package rules

import (
	"context"
	"fmt"

	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// handOver writes what a replaced version of an objective has counted, so that the
// next version begins where it ended and the past stays as it was counted.
func (e *Engine) handOver(ctx context.Context, old *track) error {
	old.mu.Lock()
	if old.restoring {
		old.mu.Unlock()
		return nil
	}
	now := e.now().UnixMilli()
	old.ledger.Advance(now)
	width := sliceWidth(old.obj.Period)
	out := old.between(old.persisted, now, width*1000)
	old.mu.Unlock()
	return e.writeSlices(ctx, old, out)
}

// between returns the slices of a width that end in (from, to], out of memory; from is
// the end of one. Those that nothing was seen in are left out. The lock is held.
func (tr *track) between(from, to, width int64) []slice {
	var out []slice
	for end := max(from, (tr.ledger.First()-1)/width*width) + width; end <= to; end += width {
		if s := tr.raw(slice{end, tr.ledger.Until(end).Sub(tr.ledger.Until(end - width))}); !s.void() {
			out = append(out, s)
		}
	}
	return out
}

// succeed lets an objective follow the version of it that the last run knew, which
// counted other events or remembered less: what that one had not written yet is
// written, and what fires goes on firing.
func (e *Engine) succeed(ctx context.Context, tr *track, saved *savedTrack) error {
	old := &track{id: saved.id, parent: tr.parent, values: tr.values, generation: saved.generation, ledger: saved.ledger, slicer: saved.slicer, persisted: saved.persisted}
	width := sliceWidth(tr.objective().Period) * 1000
	out := old.between(saved.persisted/width*width, saved.at, width)
	tr.mu.Lock()
	for i, rule := range tr.judge.alerts {
		tr.alerts[i] = saved.alerts[rule.key]
	}
	tr.mu.Unlock()
	return e.writeSlices(ctx, old, out)
}

// before counts raw samples from before the first slice on disk, when an objective
// looks further back than it did: its period was lengthened. It returns until when
// everything is counted.
func (e *Engine) before(ctx context.Context, tr *track, oldest, now int64) (int64, error) {
	width := sliceWidth(tr.objective().Period) * 1000
	first, err := e.firstSlice(ctx, tr.id, oldest, now)
	until := first/width*width - width
	if err != nil || first == 0 || until <= oldest || !tr.shape.observed() {
		return oldest, err
	}
	tr.since = oldest
	r := replayer{
		ctx: ctx, store: e.store, births: e.births, member: e.discover, tr: tr, from: origin{cut: oldest, fresh: true}, now: until - maxAhead,
		bulk: tr.ledger.Bulk(oldest, until), recent: forever, met: map[*source]bool{},
		fine: &fineSlices{from: oldest, width: width, cells: make([]ledger.Cell, (until-oldest)/width+1)},
	}
	err = r.readAll(oldest-lookback, until)
	out := r.fine.written(r.bulk, until)
	r.bulk.Flush()
	if err != nil {
		return 0, err
	}
	return until, e.writeSlices(ctx, tr, out)
}

// firstSlice returns the end of the oldest slice of an objective in (from, to], 0 if
// there is none.
func (e *Engine) firstSlice(ctx context.Context, id string, from, to int64) (int64, error) {
	q, err := e.ledger.Querier(from+1, to)
	if err != nil {
		return 0, fmt.Errorf("open the ledger: %w", err)
	}
	defer func() { _ = q.Close() }()
	var first int64
	seen := term{selector: id, matchers: []*labels.Matcher{
		labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, sliceSeen),
		labels.MustNewMatcher(labels.MatchEqual, objectiveLabel, id),
	}}
	err = eachSeries(ctx, q, seen, func(_ labels.Labels, it chunkenc.Iterator) error {
		if it.Next() != chunkenc.ValNone && (first == 0 || it.AtT() < first) {
			first = it.AtT()
		}
		return nil
	})
	return first, err
}
