package rules

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// restorers is how many objectives are restored at the same time.
const restorers = 4

// restoreAll brings every objective that is not counting yet up to the present:
// from its part of the snapshot, else from its slices on disk, else from the raw
// samples of its whole period; then the gap is replayed from raw samples.
func (e *Engine) restoreAll(ctx context.Context, snap *snapshot) {
	// Grouped objectives find members in what they read.
	for ctx.Err() == nil && e.restoreWaiting(ctx, snap) {
	}
}

// waiting returns the objectives that do not count yet.
func (e *Engine) waiting() []*track {
	var waiting []*track
	for _, tr := range e.all() {
		tr.mu.Lock()
		if tr.restoring && !tr.heir {
			waiting = append(waiting, tr)
		}
		tr.mu.Unlock()
	}
	return waiting
}

// restoreWaiting restores what waits and tells whether anything did.
func (e *Engine) restoreWaiting(ctx context.Context, snap *snapshot) bool {
	for _, tr := range e.waiting() {
		if err := e.rediscover(ctx, tr, snap); err != nil && ctx.Err() == nil {
			e.logger.Error("groups of an objective are found as their samples arrive", "objective", tr.id, "err", err)
		}
	}
	waiting := e.waiting()
	if len(waiting) == 0 {
		return false
	}
	began := e.now()
	progress := &restoreProgress{logger: e.logger, all: len(waiting)}
	e.restores.Store(progress)
	defer e.restores.Store(nil)
	var telling sync.WaitGroup
	restored := make(chan struct{})
	telling.Go(func() { progress.log(restored) })
	defer func() {
		close(restored)
		telling.Wait()
	}()
	work := make(chan *track)
	var wg sync.WaitGroup
	for range min(restorers, len(waiting)) {
		wg.Go(func() {
			for tr := range work {
				progress.begin(tr)
				err := e.restore(ctx, tr, snap.track(tr))
				if ctx.Err() != nil {
					continue // the engine stops: a half-read history is not saved as a whole one
				}
				if err != nil {
					// Counting from now on is better than not at all.
					e.logger.Error("history of an objective is incomplete", "objective", tr.id, "err", err)
				}
				tr.resume(e.now().UnixMilli())
				if err := e.cut(ctx, tr); err != nil && ctx.Err() == nil {
					e.fault("mark", err)
				}
				progress.done(tr)
			}
		})
	}
	for _, tr := range waiting {
		work <- tr
	}
	close(work)
	wg.Wait()
	e.logger.Info("objectives are restored", "objectives", len(waiting), "took", e.now().Sub(began).String())
	return true
}

// origin is what a restore begins from: everything up to cut is in the ledger,
// or, if exact, everything each counter has seen.
type origin struct {
	cut   int64
	exact bool
	// fresh tells that there was neither snapshot nor slices.
	fresh bool
}

func (e *Engine) restore(ctx context.Context, tr *track, saved *savedTrack) error {
	now := e.now().UnixMilli()
	from, err := e.begin(ctx, tr, saved, now)
	if err != nil {
		return err
	}
	if tr.shape.observed() {
		return e.replay(ctx, tr, from, now)
	}
	return e.pollPast(ctx, tr, from, now)
}

// begin loads what is known already.
func (e *Engine) begin(ctx context.Context, tr *track, saved *savedTrack, now int64) (origin, error) {
	width := sliceWidth(tr.objective().Period) * 1000
	oldest := (now - tr.remembers.Milliseconds()) / width * width
	tr.mu.Lock()
	tr.queueing = true
	earliest := tr.earliest
	tr.mu.Unlock()
	if saved != nil && (saved.generation != tr.generation || saved.remembers != tr.remembers) {
		if err := e.succeed(ctx, tr, saved); err != nil {
			return origin{}, err
		}
		saved = nil
	}
	if saved != nil {
		tr.adopt(saved)
		// A sample from before the snapshot that came since is late: count again.
		saved.clean = saved.clean && (earliest == 0 || earliest > saved.at)
		cut := (saved.at - e.outOfOrder.Milliseconds() - 60_000) / 60_000 * 60_000
		if saved.clean || !tr.shape.observed() {
			tr.stretch(saved.at, now)
			return origin{cut: saved.at, exact: true}, nil
		}
		tr.ledger.Truncate(cut)
		if tr.slicer != nil {
			tr.slicer.truncate(cut)
		}
		tr.stretch(cut, now)
		return origin{cut: cut}, nil
	}
	tr.mu.Lock()
	tr.blankMarks(now)
	tr.mu.Unlock()
	tr.stretch(oldest, now)
	counted, err := e.before(ctx, tr, oldest, now)
	if err != nil {
		return origin{}, err
	}
	b := tr.ledger.Bulk(oldest, now)
	count := tr.into(b)
	var last int64
	err = e.eachSlice(ctx, tr.id, counted, now, func(s slice) {
		last = max(last, s.end)
		if s.Bad != 0 || s.Total != 0 {
			count(s.end, s.Bad, s.Total)
		}
		if s.Seen > 0 {
			b.Arrive(s.end, s.Seen)
		}
	})
	if err != nil {
		b.Flush() // The marks have counted it already.
		return origin{}, err
	}
	if last == 0 {
		tr.since = oldest
		return origin{cut: oldest, fresh: true}, nil
	}
	b.Flush()
	// A counter that began within the period counts in full, as it did before.
	tr.since, tr.persisted = oldest, last
	return origin{cut: last}, nil
}

// replay counts the raw samples after the origin.
func (e *Engine) replay(ctx context.Context, tr *track, from origin, now int64) error {
	r := replayer{
		ctx: ctx, store: e.store, births: e.births, member: e.discover, tr: tr, from: from, now: now, bulk: tr.ledger.Bulk(from.cut, now),
		recent: now - e.outOfOrder.Milliseconds() - maxAhead, met: map[*source]bool{},
	}
	if from.fresh {
		width := sliceWidth(tr.objective().Period) * 1000
		r.fine = &fineSlices{from: from.cut, width: width, cells: make([]ledger.Cell, (now-from.cut)/width+1)}
	}
	err := r.readAll(from.cut-lookback, now+maxAhead)
	var out []slice
	if r.fine != nil && len(r.met) > 0 {
		out = r.fine.written(r.bulk, now-sliceLag(e.outOfOrder, tr.objective().Period))
	}
	tr.judgeInto(r.bulk, now)
	r.bulk.Flush()
	if err == nil {
		err = e.recallAll(ctx, tr)
	}
	if err != nil {
		return err
	}
	if r.counted > 0 && from.fresh && tr.parent == "" {
		e.logger.Info("objective is backfilled from stored samples", "objective", tr.id, "series", len(r.met), "samples", r.counted)
	}
	if err := e.writeSlices(ctx, tr, out); err != nil {
		return err
	}
	if len(out) > 0 {
		tr.persisted = out[len(out)-1].end
	}
	return nil
}

// replayer counts stored samples into a bulk.
type replayer struct {
	ctx    context.Context //nolint:containedctx // lives as long as the call of replay
	store  storage.Queryable
	births *births
	// member makes the member of a grouped objective that a series belongs to.
	member  func(*track, labels.Labels)
	tr      *track
	from    origin
	now     int64
	recent  int64
	bulk    *ledger.Bulk
	fine    *fineSlices
	counted int
	every   int64 // the interval that was learned last
	// met are the series read so far, visited those of the stretch being read.
	met, visited map[*source]bool
}

// readStretch is how much of the store is read at a time: progress is told in between.
const readStretch = 24 * 60 * 60 * 1000

// readAll counts what the store holds from lo to hi, the oldest first.
func (r *replayer) readAll(lo, hi int64) error {
	for from := lo; from <= hi; from += readStretch {
		if err := r.ctx.Err(); err != nil {
			return err
		}
		if err := r.read(from, min(from+readStretch-1, hi)); err != nil {
			return err
		}
		r.tr.restored.tell(min(from+readStretch, r.now)-r.from.cut, r.now-r.from.cut)
	}
	return nil
}

// read counts one stretch.
func (r *replayer) read(lo, hi int64) error {
	q, err := r.store.Querier(lo, hi)
	if err != nil {
		return fmt.Errorf("open the store: %w", err)
	}
	defer func() { _ = q.Close() }()
	r.visited = map[*source]bool{}
	for _, t := range r.tr.shape.terms {
		if err := eachSeries(r.ctx, q, t, r.series); err != nil {
			return err
		}
	}
	return nil
}

func (r *replayer) series(lset labels.Labels, it chunkenc.Iterator) error {
	r.tr.mu.Lock()
	s, grouped := r.tr.source(lset), r.tr.group != nil
	r.tr.mu.Unlock()
	if s == nil || r.visited[s] {
		return nil
	}
	if grouped {
		r.member(r.tr, lset)
	}
	r.visited[s] = true
	c, again := &s.counter, r.met[s]
	r.met[s] = true
	if !again && !r.from.exact && c.LastTime > r.from.cut {
		// The sample in force at the cut is found again below.
		c.LastTime, c.Whole, s.counted = 0, false, 0
	}
	var err error
	lives := r.births.of(lset)
	eachSample(it, func(in sample) {
		if !s.wants(in) || in.t > r.now+maxAhead {
			return
		}
		in.start = lives.start(in)
		if r.from.exact && in.t <= c.LastTime {
			s.recall(in)
			s.remember(in.t)
			return
		}
		if in.t >= r.recent {
			s.replayed = append(s.replayed, in.t)
		}
		if !r.from.exact && in.t <= r.from.cut {
			// Only to know where the series stood.
			_, _ = s.step(in, math.MaxInt64)
			s.remember(in.t)
			return
		}
		if edge := r.from.cut - lookback; c.LastTime < edge && in.start <= edge && !r.from.fresh && err == nil {
			err = r.stood(s, r.births.before(lset, in))
		}
		r.take(s, in)
	})
	return err
}

// stood looks further back for where a rested series stood at the cut, as far as a
// sample of the same life is known to be: before says when, 0 if it is not known.
func (r *replayer) stood(s *source, before int64) error {
	oldest := r.from.cut - farLookback
	switch last := s.counter.LastTime; {
	case last > 0:
		oldest = last // It may have reported what is on disk as slices.
	case before > 0:
		oldest = min(oldest, before)
	}
	past, err := samplesOf(r.ctx, r.store, s.lset, oldest, r.from.cut-lookback)
	if err != nil {
		return err
	}
	r.births.remind(s.lset, past)
	for _, in := range past {
		if s.wants(in) {
			_, _ = s.step(in, math.MaxInt64)
		}
	}
	return nil
}

func (r *replayer) take(s *source, in sample) {
	c := &s.counter
	gap := in.t - c.LastTime
	add, verdict := s.step(in, r.tr.bornSince(s, in))
	reach := int64(0)
	switch verdict {
	case ledger.Counted:
		r.counted++
		s.counted += add.events
		reach = c.Reach(gap)
		if gap == in.t {
			reach = 0 // the first sample of all
		}
		r.tr.into(r.bulk)(in.t, add.bad, add.total)
		if r.fine != nil {
			r.fine.add(in.t, add.bad, add.total)
		}
	case ledger.Baseline:
	default:
		return
	}
	s.remember(in.t)
	if s.vouches(in) {
		r.bulk.Arrive(in.t, reach)
		r.learn(int64(c.Interval))
	}
}

// learn keeps the interval at which samples arrive, which a status tells meanwhile.
func (r *replayer) learn(every int64) {
	if every == r.every {
		return
	}
	r.every = every
	r.tr.mu.Lock()
	r.tr.every = every
	r.tr.mu.Unlock()
}

// fineSlices gathers the slices of a backfill for the disk.
type fineSlices struct {
	from, width int64
	cells       []ledger.Cell
}

func (f *fineSlices) add(t int64, bad, total float64) {
	if i := (t - 1 - f.from) / f.width; i >= 0 && i < int64(len(f.cells)) {
		f.cells[i].Bad += bad
		f.cells[i].Total += total
	}
}

// written returns the slices that end by until and are not void.
func (f *fineSlices) written(b *ledger.Bulk, until int64) []slice {
	var out []slice
	for i, c := range f.cells {
		end := f.from + int64(i+1)*f.width
		if end > until {
			break
		}
		c.Seen = b.Seen(end-f.width, end)
		if c.Seen > 0 || c.Total != 0 || c.Bad != 0 {
			out = append(out, slice{end, c})
		}
	}
	return out
}

// pollPast asks for the time since the origin in even steps.
func (e *Engine) pollPast(ctx context.Context, tr *track, from origin, now int64) error {
	start := from.cut
	if tr.polled.last > 0 {
		start = tr.polled.last
	}
	step := max((now-start)/backfillPolls, pollStep.Milliseconds())
	window := max(time.Duration(step)*time.Millisecond, time.Minute).Round(time.Second)
	b := tr.ledger.Bulk(start, now)
	defer func() {
		tr.judgeInto(b, now)
		b.Flush()
	}()
	// Asking about a past that is not stored would cost thousands of empty answers.
	misses := 0
	var past []slice
	o := tr.objective()
	width := sliceWidth(o.Period) * 1000
	for at := now; at-step >= start; at -= step {
		r, err := e.ask(ctx, tr.shape, o.SLI, window, at)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			if misses++; misses >= 200 {
				break
			}
			continue
		}
		misses = 0
		tr.restored.tell(now-at, now-start)
		c := r.over(step)
		b.Arrive(at, step)
		c.Seen = step
		for _, s := range tr.steps(at, step, c) {
			tr.into(b)(s.end, s.Bad, s.Total)
			if s.end = s.end / width * width; from.fresh && s.end <= now-sliceLag(e.outOfOrder, o.Period) {
				past = append(past, s)
			}
		}
	}
	tr.polled.last = now
	tr.every = pollStep.Milliseconds()
	if len(past) == 0 {
		return nil
	}
	slices.Reverse(past)
	tr.persisted = past[len(past)-1].end
	return e.writeSlices(ctx, tr, past)
}

// resume ends the restoring of an objective: what arrived meanwhile is counted.
func (tr *track) resume(clock int64) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.restoring, tr.queueing, tr.resumedAt, tr.live = false, false, clock, clock
	for _, list := range tr.sources {
		for _, s := range list {
			for _, in := range s.queue {
				// What it says of its counter's beginning was noted when it came.
				_ = tr.take(s, in, clock)
			}
			s.queue = nil
		}
	}
	tr.queued = 0
	tr.closeSlices(clock)
	if tr.slicer != nil {
		tr.slicer.settle(clock)
	}
}
