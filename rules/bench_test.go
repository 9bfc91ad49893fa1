package rules

import (
	"context"
	"fmt"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// many builds an engine of n objectives with an hour of traffic each.
func many(b *testing.B, n int, edit ...func(*Objective)) (*Engine, []uint64, *time.Time) {
	b.Helper()
	now := begin()
	var objectives []Objective
	for i := range n {
		objectives = append(objectives, shareObjective(func(o *Objective) {
			o.ID = fmt.Sprintf("o-%d", i)
			o.SLI.ErrorQuery = fmt.Sprintf(`sum(rate(x_total{i="%d",code="500"}[{{.window}}]))`, i)
			o.SLI.TotalQuery = fmt.Sprintf(`sum(rate(x_total{i="%d"}[{{.window}}]))`, i)
			for _, f := range edit {
				f(o)
			}
		}))
	}
	e, err := NewEngine(EngineOptions{
		Objectives: objectives, Store: newMemStore(), Ledger: newMemStore(), SnapshotPath: filepath.Join(b.TempDir(), "s"),
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
		Now:   func() time.Time { return now },
	})
	if err != nil {
		b.Fatal(err)
	}
	e.restoreAll(context.Background(), nil)
	ids := make([]uint64, n)
	for i := range n {
		tr := e.track(fmt.Sprintf("o-%d", i))
		lset := labels.FromStrings(model.MetricNameLabel, "x_total", "i", fmt.Sprint(i), "code", "200")
		ids[i] = e.Watch(lset)
		if len(tr.sources) != 1 {
			b.Fatal("not watched")
		}
	}
	for s := range 240 {
		now = now.Add(15 * time.Second)
		for _, id := range ids {
			e.Observe(id, 0, now.UnixMilli(), float64(s*100), nil)
		}
		e.Evaluate(context.Background())
	}
	return e, ids, &now
}

func BenchmarkEvaluate(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("objectives=%d", n), func(b *testing.B) {
			e, ids, now := many(b, n)
			v := 240 * 100.
			ctx := context.Background()
			for b.Loop() {
				b.StopTimer()
				*now = now.Add(time.Second)
				v += 100
				for _, id := range ids {
					e.Observe(id, 0, now.UnixMilli(), v, nil)
				}
				b.StartTimer()
				e.Evaluate(ctx)
			}
		})
	}
}

// BenchmarkEvaluateAllAlerts is BenchmarkEvaluate with every kind of alert on: while
// nothing burns, and while everything burns, pages, and is asked when its budget will
// be gone.
func BenchmarkEvaluateAllAlerts(b *testing.B) {
	all := func(o *Objective) {
		o.Confidence = 0.98
		o.Alerting.NoTrafficFor = 5 * time.Minute
		o.Alerting.BudgetSpent = []float64{0.5, 0.75, 0.9}
		o.Alerting.GoneWithin = []time.Duration{6 * time.Hour, testDay}
	}
	for name, errors := range map[string]float64{"quiet": 0, "burning": 5} {
		b.Run(name+"/objectives=10000", func(b *testing.B) {
			e, ids, now := many(b, 10000, all)
			bad := make([]uint64, len(ids))
			for i := range bad {
				if errors == 0 {
					continue // A series that never comes is not waited for.
				}
				bad[i] = e.Watch(labels.FromStrings(model.MetricNameLabel, "x_total", "i", fmt.Sprint(i), "code", "500"))
			}
			v, k := 240*100., 0.
			ctx := context.Background()
			for b.Loop() {
				b.StopTimer()
				*now = now.Add(time.Second)
				v, k = v+100, k+errors
				for i := range ids {
					e.Observe(ids[i], 0, now.UnixMilli(), v, nil)
					e.Observe(bad[i], 0, now.UnixMilli(), k, nil)
				}
				b.StartTimer()
				e.Evaluate(ctx)
			}
		})
	}
}

func BenchmarkObserve(b *testing.B) {
	e, ids, now := many(b, 1000)
	at := now.UnixMilli()
	b.Run("miss", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			e.Observe(0, 0, at, 1, nil)
		}
	})
	b.Run("hit", func(b *testing.B) {
		b.ReportAllocs()
		i, v := 0, 1e6
		for b.Loop() {
			if i++; i == len(ids) {
				i = 0
				at += 10
			}
			v++
			e.Observe(ids[i], 0, at, v, nil)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			i := 0
			for pb.Next() {
				i = (i + 7) % len(ids)
				e.Observe(ids[i], 0, at, 1e9, nil)
			}
		})
	})
}

func BenchmarkSnapshot(b *testing.B) {
	e, _, now := many(b, 1000)
	b.Run("write/objectives=1000", func(b *testing.B) {
		for b.Loop() {
			if err := e.writeSnapshot(e.snapPath, now.UnixMilli(), 1); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("start/objectives=1000", func(b *testing.B) {
		var objectives []Objective
		for _, tr := range e.all() {
			objectives = append(objectives, tr.obj)
		}
		for b.Loop() {
			other, err := NewEngine(EngineOptions{Objectives: objectives, Store: newMemStore(), Ledger: newMemStore(), Query: e.ask1, Now: e.now})
			if err != nil {
				b.Fatal(err)
			}
			snap, err := readSnapshot(e.snapPath)
			if err != nil {
				b.Fatal(err)
			}
			other.restoreAll(context.Background(), snap)
		}
	})
}

// TestMemoryOfAnObjective keeps an objective of 30 days within 40 KB, beside its
// texts and series.
func TestMemoryOfAnObjective(t *testing.T) {
	const n = 200
	j := newJudge(shareObjective())
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	kept := make([]*track, 0, n)
	for range n {
		tr := &track{ledger: ledger.New(30 * testDay), judge: j}
		tr.judge.evaluate(tr.ledger, &tr.reading, begin().UnixMilli(), 1000)
		kept = append(kept, tr)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := (after.HeapAlloc - before.HeapAlloc) / n
	t.Logf("%d bytes for each of %d objectives", each, len(kept))
	if each > 40<<10 {
		t.Errorf("an objective takes %d bytes", each)
	}
	runtime.KeepAlive(kept)
}
