package store

import (
	"math"
	"sync"
	"sync/atomic"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// Observer hears of committed samples.
//
// Watch is called once for each series when it is first seen, and again after the
// head forgot the series and it came back, and again after SetObserver. It
// returns an id, which may be the same each time, or 0 for "not interested". lset
// is immutable and may be kept.
//
// Observe is called after Commit, for watched series only, in the order in which
// the transaction appended them; transactions that commit at the same time may
// call it at the same time. startMs is the start time of the counter, 0 if it is
// not known. h is nil for floats; for a histogram v is its sum, so that a stale
// marker of either kind is recognized by value.IsStaleNaN(v). h may be kept but
// not modified. Late samples are included: see the package comment for what an
// observer may conclude from them.
//
// Neither may append to the store, nor call SetObserver.
type Observer interface {
	Watch(lset labels.Labels) (id uint64)
	Observe(id uint64, startMs, tMs int64, v float64, h *histogram.FloatHistogram)
}

// The table of watched series has three levels, indexed by bits of the series
// reference: 40 of them, which is the limit of the TSDB itself. References are
// given out by the head in ascending order, so that the leaves are dense.
const (
	leafBits = 12
	midBits  = 14
	topBits  = 14
)

type (
	watchLeaf struct {
		entries [1 << leafBits]atomic.Pointer[watched]
		live    int // entries that are not nil; guarded by watchTable.mu
	}
	watchMid [1 << midBits]atomic.Pointer[watchLeaf]
)

// watched is what the table knows of one series.
type watched struct {
	table *watchTable
	ref   storage.SeriesRef
	lset  labels.Labels
	id    uint64
	last  atomic.Int64 // newest time observed
}

// watchTable remembers what an observer answered for each series.
//
// It is keyed by the reference that the head returned for the sample just
// appended, never by the one the caller passed in: a caller's reference may be
// stale, in which case the head creates the series anew under a new reference.
// Within the life of a process the head gives each reference to one label set
// only, so an entry can be late to go but never wrong. Entries go when the head
// tells us that it deleted the series; it does not delete a series between Append
// and Commit, so no entry can be set after that.
//
// Reading is lock-free: three dependent loads.
type watchTable struct {
	observer Observer
	ignored  *watched // marks a series that the observer does not want

	mu    sync.Mutex // guards writes to the three levels; held while the observer is asked
	count int        // watched series

	top [1 << topBits]atomic.Pointer[watchMid]
}

func newWatchTable(o Observer) *watchTable {
	t := &watchTable{observer: o}
	t.ignored = &watched{table: t}
	return t
}

// lookup returns what is known of a series: nil if the observer was not asked
// yet, ignored if it does not want the series. It is small enough to be inlined.
func (t *watchTable) lookup(ref storage.SeriesRef) *watched {
	if mid := t.top[ref>>(leafBits+midBits)&(1<<topBits-1)].Load(); mid != nil {
		if leaf := mid[ref>>leafBits&(1<<midBits-1)].Load(); leaf != nil {
			return leaf.entries[ref&(1<<leafBits-1)].Load()
		}
	}
	return nil
}

// resolve asks the observer about a series, unless it was asked before, and
// returns ignored if it does not want the series.
func (t *watchTable) resolve(ref storage.SeriesRef, lset labels.Labels) *watched {
	t.mu.Lock()
	defer t.mu.Unlock()
	if w := t.lookup(ref); w != nil {
		return w
	}
	w := t.ignored
	if id := t.observer.Watch(lset); id != 0 {
		w = &watched{table: t, ref: ref, lset: lset, id: id}
		w.last.Store(math.MinInt64)
		t.count++
	}
	leaf := t.leafLocked(ref)
	leaf.entries[ref&(1<<leafBits-1)].Store(w)
	leaf.live++
	return w
}

func (t *watchTable) leafLocked(ref storage.SeriesRef) *watchLeaf {
	midSlot := &t.top[ref>>(leafBits+midBits)&(1<<topBits-1)]
	mid := midSlot.Load()
	if mid == nil {
		mid = new(watchMid)
		midSlot.Store(mid)
	}
	leafSlot := &mid[ref>>leafBits&(1<<midBits-1)]
	leaf := leafSlot.Load()
	if leaf == nil {
		leaf = new(watchLeaf)
		leafSlot.Store(leaf)
	}
	return leaf
}

// forget drops the series that the head deleted, and leaves that became empty.
func (t *watchTable) forget(deleted map[chunks.HeadSeriesRef]labels.Labels) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for headRef := range deleted {
		ref := storage.SeriesRef(headRef)
		w := t.lookup(ref)
		if w == nil {
			continue
		}
		if w != t.ignored {
			t.count--
		}
		leaf := t.leafLocked(ref)
		leaf.entries[ref&(1<<leafBits-1)].Store(nil)
		if leaf.live--; leaf.live == 0 {
			t.top[ref>>(leafBits+midBits)&(1<<topBits-1)].Load()[ref>>leafBits&(1<<midBits-1)].Store(nil)
		}
	}
}

func (t *watchTable) watchedSeries() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.count
}

// advance reports whether a sample at time at is news for the series, and
// remembers it as the newest if it is.
func (w *watched) advance(at int64) bool {
	for {
		last := w.last.Load()
		if at == last {
			return false
		}
		if at < last || w.last.CompareAndSwap(last, at) {
			return true
		}
	}
}

// forgetter tells the current table which series the head deleted. It implements
// tsdb.SeriesLifecycleCallback.
type forgetter struct{ store *Store }

// PreCreation allows every series.
func (forgetter) PreCreation(labels.Labels) error { return nil }

// PostCreation does nothing: a series has no reference yet.
func (forgetter) PostCreation(labels.Labels) {}

// PostDeletion drops what is known of the deleted series.
func (f forgetter) PostDeletion(deleted map[chunks.HeadSeriesRef]labels.Labels) {
	if len(deleted) == 0 {
		return
	}
	if t := f.store.table.Load(); t != nil {
		t.forget(deleted)
	}
}
