package rules

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

// crowdedWorld is an engine over a TSDB in which a service has n series: pods that each
// serve ten routes with two codes. It reports every 15 seconds for so long; one route of
// one version fails.
func crowdedWorld(tb testing.TB, n int, d time.Duration) (*Engine, *tsdb.DB, time.Time) {
	tb.Helper()
	o := tsdb.DefaultOptions()
	o.OutOfOrderTimeWindow = (30 * time.Minute).Milliseconds()
	db, err := tsdb.Open(tb.TempDir(), nil, nil, o, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	now := begin()
	e, err := NewEngine(EngineOptions{
		Objectives: []Objective{shareObjective()}, Store: db, Ledger: newMemStore(),
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
		Now:   func() time.Time { return now },
	})
	if err != nil {
		tb.Fatal(err)
	}
	e.Rehearse(now)
	var all []labels.Labels
	refs, ids, values := make([]storage.SeriesRef, n), make([]uint64, n), make([]float64, n)
	for i := range n {
		pod, route, code := i/20, i/2%10, []string{"200", "500"}[i%2]
		l := labels.FromStrings(
			model.MetricNameLabel, "http_requests_total", "job", "share", "namespace", "social", "cluster", "eu-1",
			"pod", fmt.Sprintf("share-%d-x7f9c", pod), "instance", fmt.Sprintf("10.0.%d.%d:8080", pod/250, pod%250), "node", fmt.Sprintf("node-%d", pod%40),
			"version", fmt.Sprintf("v%d", pod%3), "route", fmt.Sprintf("/v1/%d", route), "method", []string{"GET", "POST"}[route%2], "code", code,
		)
		all = append(all, l)
		ids[i] = e.Watch(l)
	}
	for end := now.Add(d); now.Before(end); {
		now = now.Add(15 * time.Second)
		app := db.Appender(context.Background())
		for i, l := range all {
			add := float64(i%7 + 1)
			if i%2 == 1 {
				add = 0
				if i/2%10 == 3 && i/20%3 == 2 {
					add = 2
				}
			}
			values[i] += add
			if refs[i], err = app.Append(refs[i], l, now.UnixMilli(), values[i]); err != nil {
				tb.Fatal(err)
			}
			e.Observe(ids[i], 0, now.UnixMilli(), values[i], nil)
		}
		if err := app.Commit(); err != nil {
			tb.Fatal(err)
		}
		e.clock.Store(now.UnixMilli())
	}
	e.Evaluate(context.Background())
	return e, db, now
}

// BenchmarkWhere asks where 10,000 series fail: in the window of a page and in the
// longest there is, from the head and from blocks, and when every series is a new one.
func BenchmarkWhere(b *testing.B) {
	const series = 10_000
	e, db, now := crowdedWorld(b, series, 70*time.Minute)
	run := func(from time.Time) func(*testing.B) {
		return func(b *testing.B) {
			b.Helper()
			b.ReportAllocs()
			for b.Loop() {
				w, err := e.Where(context.Background(), share, from, now)
				if err != nil || w.Series != series || len(w.Culprits) != 1 || len(w.Culprits[0].And) != 1 {
					b.Fatalf("%+v %v", w, err)
				}
			}
		}
	}
	b.Run("head/5m", run(now.Add(-5*time.Minute)))
	b.Run("head/1h", run(now.Add(-time.Hour)))
	b.Run("new/1h10m", run(begin()))
	tr := e.track(share)
	b.Run("looked_up/1h10m", func(b *testing.B) {
		known := tr.sources
		tr.sources = map[uint64][]*source{}
		defer func() { tr.sources = known }()
		run(begin())(b)
	})
	if err := db.CompactHead(tsdb.NewRangeHead(db.Head(), db.Head().MinTime(), now.Add(-20*time.Minute).UnixMilli())); err != nil {
		b.Fatal(err)
	}
	b.Run("block_and_head/1h", run(now.Add(-time.Hour)))
}
