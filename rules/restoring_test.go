package rules

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
)

// hookedStore lets a test act while the engine reads.
type hookedStore struct {
	*memStore

	before func()
}

func (h *hookedStore) Querier(mint, maxt int64) (storage.Querier, error) {
	if f := h.before; f != nil {
		h.before = nil
		f()
	}
	return h.memStore.Querier(mint, maxt)
}

// TestSamplesDuringARestore reports samples before, while and after the store is
// read: each counts once, whether or not the restore saw it.
func TestSamplesDuringARestore(t *testing.T) {
	for _, how := range []string{"fresh", "clean", "killed"} {
		t.Run(how, func(t *testing.T) {
			w := newWorld(t, shareObjective())
			h := history{}
			report := func(at time.Time, v float64) {
				if h.add(goodSeries, at, v) {
					w.put(goodSeries, at, v)
				}
			}
			at := func(s int) time.Time { return begin().Add(time.Duration(s) * time.Second) }
			for s := 0; s <= 3600; s += 10 {
				w.now = at(s)
				if s != 3000 {
					report(at(s), float64(s))
				}
				w.tick()
			}
			switch how {
			case "fresh":
				w.slices.series = map[string]*memSeries{}
			case "clean":
				w.stop()
			case "killed":
				w.engine.save(w.now.UnixMilli(), 0)
			}
			w.now = at(3700)
			hooked := &hookedStore{memStore: w.store}
			w.opts.Store = hooked
			e, err := NewEngine(w.opts)
			if err != nil {
				t.Fatal(err)
			}
			w.engine, w.ids = e, map[string]uint64{}
			report(at(3610), 3610)
			hooked.before = func() {
				report(at(3620), 3620)
				report(at(3000), 3005)
			}
			snap, err := readSnapshot(w.path)
			if err != nil {
				t.Fatal(err)
			}
			e.restoreAll(context.Background(), snap)
			report(at(3630), 3630)
			report(at(3625), 3622)
			w.recount()
			bad, total := h.until(w.now.UnixMilli())
			w.wantTotals(bad, total)
		})
	}
}
