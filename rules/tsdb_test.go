package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"
)

// realWorld is a world on Prometheus' own TSDBs, as the server has them.
func realWorld(t *testing.T, objectives ...Objective) *world {
	t.Helper()
	open := func(late time.Duration) *tsdb.DB {
		o := tsdb.DefaultOptions()
		o.OutOfOrderTimeWindow = late.Milliseconds()
		o.RetentionDuration = (400 * testDay).Milliseconds()
		db, err := tsdb.Open(t.TempDir(), nil, nil, o, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = db.Close() })
		return db
	}
	w := newWorld(t)
	db := open(30 * time.Minute)
	w.keep = func(lset labels.Labels, s memSample) {
		app := db.Appender(context.Background())
		var err error
		if s.fh != nil {
			_, err = app.AppendHistogram(0, lset, s.t, nil, s.fh)
		} else {
			_, err = app.Append(0, lset, s.t, s.f)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := app.Commit(); err != nil {
			t.Fatal(err)
		}
	}
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute})
	t.Cleanup(func() { _ = pq.Close() })
	w.opts.Objectives, w.opts.Store, w.opts.Ledger = objectives, db, open(400*testDay)
	w.opts.Query = promrules.EngineQueryFunc(pq, db)
	w.start()
	return w
}

func TestLikePromQL(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 1))
	w := realWorld(t, shareObjective())
	h := history{}
	values := map[string]float64{}
	for s := range 4 * 60 * 4 {
		w.now = w.now.Add(15 * time.Second)
		for pod := range 3 {
			for _, code := range []int{200, 500} {
				name := fmt.Sprintf(`http_requests_total{job="share", code="%d", pod="%d"}`, code, pod)
				if s == 400+pod {
					values[name] = 0
				}
				values[name] += float64(rnd.IntN(map[int]int{200: 300, 500: 20}[code]))
				h.add(name, w.now, values[name])
				w.put(name, w.now, values[name])
			}
		}
		w.tick()
	}
	bad, total := h.until(w.now.UnixMilli())
	w.wantTotals(bad, total)
	for _, window := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour} {
		from := w.now.Add(-window)
		_, before := h.until(from.UnixMilli())
		good, n, err := w.engine.Counts(share, from, w.now)
		if err != nil || !near(n, total-before, 1e-6*n) || good > n {
			t.Errorf("%s: %v events, by hand %v (%v)", window, n, total-before, err)
		}
		q := fmt.Sprintf(`sum(increase(http_requests_total{job="share"}[%s]))`, window)
		v, err := w.opts.Query(context.Background(), q, w.now)
		if err != nil || len(v) != 1 {
			t.Fatal(v, err)
		}
		// PromQL extrapolates to the edges of the window: one interval at most.
		if limit := 0.01*n + n*15/window.Seconds(); !near(v[0].F, n, limit) {
			t.Errorf("%s: PromQL says %v, the ledger %v", window, v[0].F, n)
		}
	}
}

func TestLateSamplesAndRestartsOnTSDB(t *testing.T) {
	w := realWorld(t, shareObjective())
	h := history{}
	put := func(name string, at time.Time, v float64) {
		if h.add(name, at, v) {
			w.put(name, at, v)
		}
	}
	rnd := rand.New(rand.NewPCG(2, 2))
	v := 0.0
	for i := range 700 {
		w.now = w.now.Add(10 * time.Second)
		v += float64(rnd.IntN(50))
		at := w.now
		if i%7 == 3 {
			at = at.Add(-time.Duration(rnd.IntN(1500)) * time.Second)
		}
		put(goodSeries, at, v)
		put(badSeries, w.now, float64(i/5))
		w.tick()
		w.recount()
		switch i {
		case 200:
			w.restart(1)
		case 400:
			w.restart(2)
		case 600:
			w.restart(0)
		}
	}
	w.house()
	bad, total := h.until(w.now.UnixMilli())
	w.wantTotals(bad, total)
	if _, n, err := w.engine.Counts(share, begin().Add(-time.Hour), w.now); err != nil || !near(n, total, 1e-6) {
		t.Errorf("counts say %v, want %v (%v)", n, total, err)
	}
}
