package rules

import (
	"slices"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// row is one watched series and the objectives it feeds.
type row struct {
	// one is the first of feeds, at hand for the usual row that has no other.
	one   feed
	feeds []feed
	lset  labels.Labels
}

type feed struct {
	track  *track
	source *source
}

const rowsPerChunk = 1024

type rowChunk [rowsPerChunk]atomic.Pointer[row]

// rowTable finds the row of an id without a lock. Ids are places in it, from 1 on.
// It grows under the engine's lock.
type rowTable struct {
	chunks atomic.Pointer[[]*rowChunk]
	n      uint64
}

func (t *rowTable) at(id uint64) *atomic.Pointer[row] {
	chunks := t.chunks.Load()
	if chunks == nil || id/rowsPerChunk >= uint64(len(*chunks)) {
		return nil
	}
	return &(*chunks)[id/rowsPerChunk][id%rowsPerChunk]
}

func (t *rowTable) add(r *row) uint64 {
	t.n++
	if slot := t.at(t.n); slot != nil {
		slot.Store(r)
		return t.n
	}
	var grown []*rowChunk
	if old := t.chunks.Load(); old != nil {
		grown = append(grown, *old...)
	}
	grown = append(grown, &rowChunk{})
	t.chunks.Store(&grown)
	t.at(t.n).Store(r)
	return t.n
}

// Watch is offered every series and returns 0 for those no objective wants.
func (e *Engine) Watch(lset labels.Labels) uint64 {
	e.mu.RLock()
	wanted := len(e.index.find(lset)) > 0
	e.mu.RUnlock()
	if !wanted {
		return 0
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	key := lset.Hash()
	for _, id := range e.byLabels[key] {
		if r := e.rows.at(id).Load(); r != nil && labels.Equal(r.lset, lset) {
			return id
		}
	}
	r := e.feed(lset)
	if len(r.feeds) == 0 {
		return 0
	}
	id := e.rows.add(r)
	e.byLabels[key] = append(e.byLabels[key], id)
	return id
}

// feed connects a series with the objectives that want it. The lock is held.
func (e *Engine) feed(lset labels.Labels) *row {
	r := &row{lset: lset}
	for _, tr := range e.index.find(lset) {
		tr.mu.Lock()
		s := tr.source(lset)
		tr.mu.Unlock()
		if s == nil {
			continue
		}
		r.feeds = append(r.feeds, feed{tr, s})
		if tr.group == nil {
			continue
		}
		if m := e.memberOf(tr, lset); m != nil {
			m.mu.Lock()
			if s := m.source(lset); s != nil {
				r.feeds = append(r.feeds, feed{m, s})
			}
			m.mu.Unlock()
		}
	}
	if len(r.feeds) > 0 {
		r.one = r.feeds[0]
	}
	return r
}

// rematch connects all watched series with the present objectives. The lock is
// held.
func (e *Engine) rematch() {
	for id := uint64(1); id <= e.rows.n; id++ {
		slot := e.rows.at(id)
		if r := slot.Load(); r != nil {
			slot.Store(e.feed(r.lset))
		}
	}
}

// Observe takes one committed sample of a watched series.
func (e *Engine) Observe(id uint64, startMs, tMs int64, v float64, h *histogram.FloatHistogram) {
	if id == 0 {
		return
	}
	e.observe(id, sample{t: tMs, start: startMs, v: v}, h)
}

func (e *Engine) observe(id uint64, in sample, h *histogram.FloatHistogram) {
	slot := e.rows.at(id)
	if slot == nil {
		return
	}
	r := slot.Load()
	if r == nil {
		// Forgotten here, though the store still knows it.
		e.unknown.Store(true)
		return
	}
	if h != nil {
		if value.IsStaleNaN(h.Sum) {
			return
		}
		in.v, in.histogram, in.h = h.Count, true, h
	}
	clock := e.clock.Load()
	if in.t > clock+maxAhead {
		// Perhaps it is we who slept.
		clock = e.now().UnixMilli()
	}
	if len(r.feeds) == 1 {
		r.one.track.observe(r.one.source, in, clock)
		return
	}
	for i := range r.feeds {
		r.feeds[i].track.observe(r.feeds[i].source, in, clock)
	}
}

// idleAfter is how long a series may be silent before it is forgotten: the store
// forgets a silent series after a few hours and offers it anew.
const idleAfter = 24 * 60 * 60 * 1000

// forgetIdle drops the series that have been silent for a day, also those that only
// a restore has seen. Only where they stood is kept.
func (e *Engine) forgetIdle(now int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	watched := map[*source]bool{}
	for id := uint64(1); id <= e.rows.n; id++ {
		slot := e.rows.at(id)
		r := slot.Load()
		if r == nil {
			continue
		}
		if !r.idle(now - idleAfter) {
			for _, f := range r.feeds {
				watched[f.source] = true
			}
			continue
		}
		for _, f := range r.feeds {
			f.track.mu.Lock()
			f.track.forget(f.source)
			f.track.mu.Unlock()
		}
		slot.Store(nil)
		key := r.lset.Hash()
		kept := e.byLabels[key][:0]
		for _, other := range e.byLabels[key] {
			if other != id {
				kept = append(kept, other)
			}
		}
		e.byLabels[key] = kept
		if len(kept) == 0 {
			delete(e.byLabels, key)
		}
	}
	for _, tr := range e.tracks {
		tr.forgetUnwatched(now-idleAfter, watched)
	}
	e.forgetMembers(now)
	for _, tr := range e.all() {
		tr.unparkAll(now)
	}
}

// reoffer asks the store to offer every series again if it reported one that was
// forgotten here. What that counted meanwhile shows in its next sample.
func (e *Engine) reoffer() {
	if e.unknown.Swap(false) {
		e.rewatch()
	}
}

// forgetUnwatched drops the series that nothing has come of since then and that no
// row feeds.
func (tr *track) forgetUnwatched(since int64, watched map[*source]bool) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring {
		return
	}
	for _, list := range tr.sources {
		for _, s := range slices.Clone(list) {
			if last := s.counter.LastTime; last > 0 && last <= since && len(s.late) == 0 && !watched[s] {
				tr.forget(s)
			}
		}
	}
}

// idle tells whether the series has reported to no objective since then.
func (r *row) idle(since int64) bool {
	for _, f := range r.feeds {
		f.track.mu.Lock()
		last := f.source.counter.LastTime
		busy := f.track.restoring || len(f.source.late) > 0
		f.track.mu.Unlock()
		if busy || last == 0 || last > since {
			return false
		}
	}
	return true
}

// forget drops a series of the objective. The lock is held.
func (tr *track) forget(s *source) {
	key := s.lset.Hash()
	kept := tr.sources[key][:0]
	for _, other := range tr.sources[key] {
		if other != s {
			kept = append(kept, other)
			continue
		}
		tr.park(s)
		if tr.backwards == s {
			tr.backwards = nil
		}
		tr.count--
		for i, t := range tr.shape.terms {
			if t.selects(s.lset) {
				tr.perTerm[i]--
			}
		}
	}
	tr.inventory()
	tr.sources[key] = kept
	if len(kept) == 0 {
		delete(tr.sources, key)
	}
}
