package store

import (
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"

	"github.com/watchtower-hub/watchtower/rules"
)

// counted is a store whose samples a rules engine counts, in a time the test sets.
type counted struct {
	*Store

	t      *testing.T
	engine *rules.Engine
	now    time.Time
}

// openCounted opens a store and an objective over all series named x and h.
func openCounted(t *testing.T) *counted {
	t.Helper()
	c := &counted{Store: open(t), t: t, now: time.UnixMilli(0).Add(40 * 24 * time.Hour)}
	slices, err := tsdb.Open(t.TempDir(), nil, nil, tsdb.DefaultOptions(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = slices.Close() })
	const window = "[{{.window}}]"
	c.engine, err = rules.NewEngine(rules.EngineOptions{
		Objectives: []rules.Objective{{
			ID: "o", Service: "o", SLO: "o", Promise: "It works", Target: 0.99, Period: 30 * 24 * time.Hour, Alerting: rules.Alerting{Name: "O"},
			SLI: rules.SLI{
				ErrorQuery: `sum(rate(x` + window + `))`,
				TotalQuery: `sum(rate(x` + window + `)) + histogram_count(sum(rate(h` + window + `)))`,
			},
		}},
		Store: c.Store, Ledger: slices, Query: c.QueryFunc(), Now: func() time.Time { return c.now },
		Rewatch: func() { c.SetObserver(c.engine) },
	})
	if err != nil {
		t.Fatal(err)
	}
	c.engine.Rehearse(c.now)
	c.SetObserver(c.engine)
	return c
}

// want compares what was counted since the beginning.
func (c *counted) want(bad, total float64) {
	c.t.Helper()
	c.engine.Evaluate(c.t.Context())
	good, n, err := c.engine.Counts("o", c.now.Add(-29*24*time.Hour), c.now)
	if err != nil || n-good != bad || n != total {
		c.t.Errorf("counted %v bad of %v (%v), want %v of %v", n-good, n, err, bad, total)
	}
}

// append appends a float by reference and moves on by a quarter of a minute.
func (c *counted) append(app storage.Appender, ref storage.SeriesRef, l labels.Labels, v float64) storage.SeriesRef {
	c.t.Helper()
	c.now = c.now.Add(15 * time.Second)
	ref, err := app.Append(ref, l, c.now.UnixMilli(), v)
	if err != nil {
		c.t.Fatal(err)
	}
	return ref
}

// TestRolledBackIsNotCounted: only what is committed counts, whatever came between.
func TestRolledBackIsNotCounted(t *testing.T) {
	c := openCounted(t)
	add(t, c.Store, series("x"), float64(c.now.UnixMilli()), 100)
	app := c.Appender(t.Context())
	c.append(app, 0, series("x"), 150)
	c.append(app, 0, series("x", "pod", "b"), 7)
	if _, err := app.AppendHistogram(0, series("h"), c.now.UnixMilli(), tsdbutil.GenerateTestHistogram(1), nil); err != nil {
		t.Fatal(err)
	}
	if err := app.Rollback(); err != nil {
		t.Fatal(err)
	}
	c.want(0, 0)
	app = c.Appender(t.Context())
	c.append(app, 0, series("x"), 130)
	commit(t, app)
	c.want(30, 30)
	// What was appended twice within one request, or again as it was, counts once.
	app = c.Appender(t.Context())
	ref := c.append(app, 0, series("x"), 140)
	if _, err := app.Append(ref, series("x"), c.now.UnixMilli(), 140); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	add(t, c.Store, series("x"), float64(c.now.UnixMilli()), 140)
	c.want(40, 40)
}

// TestCountsOverHeadTruncation: series that the head has dropped come back under new
// references, also by way of the old ones, and go on where they stood.
func TestCountsOverHeadTruncation(t *testing.T) {
	c := openCounted(t)
	app := c.Appender(t.Context())
	x := c.append(app, 0, series("x"), 100)
	h, err := app.AppendHistogram(0, series("h"), c.now.UnixMilli(), tsdbutil.GenerateTestHistogram(1), nil)
	if err != nil {
		t.Fatal(err)
	}
	c.append(app, x, series("x"), 110)
	commit(t, app)
	c.want(10, 10)

	c.now = c.now.Add(10 * time.Hour)
	add(t, c.Store, series("alive"), float64(c.now.UnixMilli()), 1)
	if err := c.db.Head().Truncate(c.now.Add(-time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	if n := c.Stats().WatchedSeries; n != 0 {
		t.Fatalf("%d series are still watched", n)
	}
	app = c.Appender(t.Context())
	if fresh := c.append(app, x, series("x"), 130); fresh == x {
		t.Fatal("the head gave a dead reference to a living series")
	}
	grown := tsdbutil.GenerateTestHistogram(4)
	if _, err := app.AppendHistogram(h, series("h"), c.now.UnixMilli(), grown, nil); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	c.want(30, 30+float64(grown.Count-tsdbutil.GenerateTestHistogram(1).Count))
	if x, _ := c.engine.Explain("o"); x.SeriesCount != 2 {
		t.Errorf("%d series, want the two there were", x.SeriesCount)
	}
}
