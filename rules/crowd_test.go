package rules

import (
	"context"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

const crowd = 1_000_000

// crowdSeries is the i-th of very many series that one selector matches.
func crowdSeries(i int) labels.Labels {
	return labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", "share", "code", "200", "user", strconv.Itoa(i))
}

// crowdStore is a store that holds them, two samples each.
type crowdStore struct {
	SampleStore

	at   int64
	read *atomic.Int64
}

func (s crowdStore) Querier(mint, maxt int64) (storage.Querier, error) {
	return crowdQuerier{store: s, full: mint <= s.at && maxt >= s.at}, nil
}

type crowdQuerier struct {
	storage.Querier

	store crowdStore
	// full tells that its time is that of the samples.
	full bool
}

func (crowdQuerier) Close() error { return nil }

func (q crowdQuerier) Select(context.Context, bool, *storage.SelectHints, ...*labels.Matcher) storage.SeriesSet {
	if !q.full {
		return storage.EmptySeriesSet()
	}
	return &crowdSet{store: q.store, i: -1}
}

type crowdSet struct {
	store crowdStore
	i     int
}

func (s *crowdSet) Next() bool                        { s.i++; return s.i < crowd }
func (s *crowdSet) Err() error                        { return nil }
func (s *crowdSet) Warnings() annotations.Annotations { return nil }
func (s *crowdSet) At() storage.Series {
	s.store.read.Add(1)
	return storage.NewListSeries(crowdSeries(s.i), []chunks.Sample{memSample{t: s.store.at - 15_000, f: 1}, memSample{t: s.store.at, f: 2}})
}

// heap is how much is in use, after a collection.
func heap() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestSelectorThatMatchesAMillionSeries: memory is bounded, the objective is blamed,
// and the other goes on.
func TestSelectorThatMatchesAMillionSeries(t *testing.T) {
	const roomForSeries = 1000 // bytes, for what is remembered of each of maxSeries
	healthy := shareObjective(func(o *Objective) {
		o.ID = "healthy"
		o.SLI.ErrorQuery, o.SLI.TotalQuery = `sum(rate(other_total{code="500"}[{{.window}}]))`, `sum(rate(other_total[{{.window}}]))`
	})
	check := func(t *testing.T, w *world, before int64) {
		t.Helper()
		if grown := heap() - before; grown > maxSeries*roomForSeries {
			t.Errorf("%d MB are in use more than before", grown>>20)
		}
		for range 60 {
			w.now = w.now.Add(10 * time.Second)
			w.count(`other_total{code="200"}`, 100)
			w.tick()
		}
		st, _ := w.engine.Status(share)
		if st.State != StateUnknown || !strings.Contains(st.Reason, "more than 100000 series") || !strings.Contains(st.Reason, "narrow the selectors") {
			t.Errorf("the status is %s: %s", st.State, st.Reason)
		}
		if st, _ := w.engine.Status("healthy"); st.State != StateHealthy || st.Total != 5900 {
			t.Errorf("the other objective is %s and counted %v: %s", st.State, st.Total, st.Reason)
		}
	}
	t.Run("as they come", func(t *testing.T) {
		w := newWorld(t, shareObjective(), healthy)
		before, began := heap(), time.Now()
		watched := 0
		for i := range crowd {
			if id := w.engine.Watch(crowdSeries(i)); id != 0 {
				w.engine.Observe(id, 0, w.now.UnixMilli(), 1, nil)
				watched++
			}
		}
		t.Logf("%d series offered in %s", crowd, time.Since(began))
		if watched != maxSeries {
			t.Errorf("%d series are watched", watched)
		}
		check(t, w, before)
	})
	t.Run("as they are stored", func(t *testing.T) {
		w := newWorld(t)
		var read atomic.Int64
		w.opts.Objectives = []Objective{shareObjective(), healthy}
		w.opts.Store = crowdStore{w.store, w.now.UnixMilli(), &read}
		before, began := heap(), time.Now()
		w.start()
		t.Logf("%d stored series read in %s", read.Load(), time.Since(began))
		check(t, w, before)
	})
}
