package store

import (
	"fmt"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

func TestWatchTable(t *testing.T) {
	r := record("a")
	table := newWatchTable(r)
	// References at every border of the three levels.
	refs := []storage.SeriesRef{1, 1<<leafBits - 1, 1 << leafBits, 1<<(leafBits+midBits) - 1, 1 << (leafBits + midBits), 1<<40 - 1}
	for i, ref := range refs {
		if w := table.lookup(ref); w != nil {
			t.Errorf("%d is known already", ref)
		}
		w := table.resolve(ref, series("a", "ref", fmt.Sprint(ref)))
		if w.id != uint64(i+1) || table.lookup(ref) != w || table.resolve(ref, labels.EmptyLabels()) != w {
			t.Errorf("%d: got %+v", ref, w)
		}
	}
	if w := table.resolve(2, series("b")); w != table.ignored || table.lookup(2) != w {
		t.Errorf("an unwanted series is not ignored: %+v", w)
	}
	if n := table.watchedSeries(); n != len(refs) {
		t.Errorf("%d watched", n)
	}

	deleted := map[chunks.HeadSeriesRef]labels.Labels{2: {}, 77: {}}
	for _, ref := range refs {
		deleted[chunks.HeadSeriesRef(ref)] = labels.Labels{}
	}
	table.forget(deleted)
	for _, ref := range append(refs, 2) {
		if table.lookup(ref) != nil {
			t.Errorf("%d is not forgotten", ref)
		}
	}
	if n := table.watchedSeries(); n != 0 {
		t.Errorf("%d watched", n)
	}
	if table.top[0].Load()[0].Load() != nil {
		t.Error("an empty leaf is kept")
	}
	if table.resolve(1, series("a")) == table.ignored {
		t.Error("a forgotten series is not offered again")
	}
}

func TestAdvance(t *testing.T) {
	table := newWatchTable(record("a"))
	w := table.resolve(1, series("a"))
	for _, c := range []struct {
		at   int64
		want bool
	}{{-5, true}, {-5, false}, {10, true}, {10, false}, {5, true}, {10, false}, {11, true}} {
		if got := w.advance(c.at); got != c.want {
			t.Errorf("advance(%d) = %v", c.at, got)
		}
	}
}
