package rules

import (
	"context"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
)

// A bad event is judged at once when a page is near, and costs nothing when none is.
func TestBadEventIsJudgedAtOnceWhenAPageIsNear(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var pagedAt atomic.Pointer[time.Time]
		e, err := NewEngine(EngineOptions{
			Objectives: []Objective{shareObjective()}, Store: newMemStore(), Ledger: newMemStore(), Interval: 20 * time.Second,
			Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
			Send: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
				for _, a := range alerts {
					if pagedAt.Load() == nil && a.Labels.Get("severity") == "page" && a.State == promrules.StateFiring {
						now := time.Now()
						pagedAt.Store(&now)
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		<-e.Ready()
		good, _ := newParser().ParseMetric(goodSeries)
		bad, _ := newParser().ParseMetric(badSeries)
		goodID, badID := e.Watch(good), e.Watch(bad)
		var served, failed float64
		var last time.Time // of the sample before the page
		second := func(ok, broken float64) {
			time.Sleep(time.Second) // virtual
			served, failed = served+ok, failed+broken
			now := time.Now()
			e.Observe(goodID, 0, now.UnixMilli(), served, nil)
			e.Observe(badID, 0, now.UnixMilli(), failed, nil)
			if pagedAt.Load() == nil {
				last = now
			}
		}
		for range 7200 {
			second(100, 0.01)
		}
		synctest.Wait()
		before := testutil.ToFloat64(e.metrics.evaluations)
		for range 600 {
			second(100, 0.01)
		}
		synctest.Wait()
		if n := testutil.ToFloat64(e.metrics.evaluations) - before; n != 30 {
			t.Errorf("%v evaluations in ten quiet minutes, want one every 20 s", n)
		}
		for range 600 {
			second(50, 50)
		}
		synctest.Wait()
		paged := pagedAt.Load()
		if paged == nil {
			t.Fatal("not paged")
		}
		if delay := paged.Sub(last); delay < 0 || delay > gather {
			t.Errorf("paged %s after the sample that crosses the threshold, want at most %s", delay, gather)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
