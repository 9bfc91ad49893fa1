package rules

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
)

// house does what the engine's housekeeping does.
func (w *world) house() {
	w.recount()
	w.engine.write(context.Background(), w.now.UnixMilli())
}

func (w *world) recount() {
	ctx := context.Background()
	for range 3 {
		for _, tr := range w.engine.all() {
			if tr.settle(w.now.UnixMilli()) {
				w.engine.recount(ctx, tr)
			}
		}
	}
}

func (w *world) wantTotals(bad, total float64) {
	w.t.Helper()
	if b, n := w.totals(share); !near(b, bad, 1e-6) || !near(n, total, 1e-6) {
		w.t.Errorf("counted %v bad of %v, want %v of %v", b, n, bad, total)
	}
}

func TestLateSampleIsRecounted(t *testing.T) {
	w := newWorld(t, shareObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s) * time.Second) }
	w.put(goodSeries, at(0), 100)
	w.put(goodSeries, at(30), 150)
	w.put(goodSeries, at(15), 120)
	w.wantTotals(0, 50)
	w.house()
	w.wantTotals(0, 50)
	tr := w.engine.track(share)
	if got := tr.ledger.Until(at(20).UnixMilli()).Total; got != 20 {
		t.Errorf("%v events until the late sample, want 20", got)
	}
}

func TestLateSampleAcrossAReset(t *testing.T) {
	w := newWorld(t, shareObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s) * time.Second) }
	w.put(goodSeries, at(0), 100)
	w.put(goodSeries, at(30), 20)
	w.wantTotals(0, 20)
	w.put(goodSeries, at(15), 130)
	w.house()
	w.wantTotals(0, 50)
}

func TestLateSampleBeforeTheFirst(t *testing.T) {
	w := newWorld(t, shareObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s) * time.Second) }
	w.put(goodSeries, at(30), 100)
	w.put(goodSeries, at(45), 110)
	w.put(goodSeries, at(0), 70)
	w.house()
	w.wantTotals(0, 40)
}

func TestStrangeSamples(t *testing.T) {
	w := newWorld(t, shareObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s) * time.Second) }
	w.put(goodSeries, at(0), 100)
	w.put(goodSeries, at(1), -5)
	w.put(goodSeries, at(2), inf())
	w.put(goodSeries, at(3), staleNaN())
	w.put(goodSeries, at(4), 110)
	w.put(goodSeries, at(4), 110)
	w.put(goodSeries, at(3600*24*365), 1e9)
	w.put(goodSeries, at(5), 115)
	w.wantTotals(0, 15)
	s, _ := w.engine.Status(share)
	for _, want := range []string{"2 samples were refused (negative or infinite)", "1 samples were refused (from the future)"} {
		if !strings.Contains(s.Reason, want) {
			t.Errorf("reason %q does not say %q", s.Reason, want)
		}
	}
}

func inf() float64 { return math.Inf(1) }

func staleNaN() float64 { return math.Float64frombits(value.StaleNaN) }

func TestStartTimes(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(2*time.Minute, 15*time.Second, 1, 0)
	_, before := w.totals(share)
	// A pod that autoscaling adds: its first report counts in full.
	w.putStarted(`http_requests_total{job="share", code="200", pod="b"}`, w.now, w.now.Add(-10*time.Second), 70)
	// A pod that was there before us is a baseline.
	w.putStarted(`http_requests_total{job="share", code="200", pod="c"}`, w.now, begin().Add(-60*testDay), 9000)
	if _, after := w.totals(share); after-before != 70 {
		t.Errorf("two new series added %v, want 70", after-before)
	}
}

func TestNativeHistogramCounts(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) {
		o.SLI.TotalQuery = `sum(histogram_count(rate(http_requests_seconds{job="share"}[{{.window}}])))`
	}))
	lset := labels.FromStrings(model.MetricNameLabel, "http_requests_seconds", "job", "share")
	id := w.engine.Watch(lset)
	for i, count := range []float64{10, 25, 40, 5} {
		w.engine.Observe(id, 0, w.now.Add(time.Duration(i)*time.Second).UnixMilli(), 0, &histogram.FloatHistogram{Count: count})
	}
	w.engine.Observe(id, 0, w.now.Add(4*time.Second).UnixMilli(), staleNaN(), &histogram.FloatHistogram{Sum: staleNaN()})
	w.wantTotals(0, 35)
}

func TestLatencyByBuckets(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(h_count{job="share"}[{{.window}}])) - sum(rate(h_bucket{job="share",le="1"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum(rate(h_count{job="share"}[{{.window}}]))`
	}))
	count, bucket := `h_count{job="share"}`, `h_bucket{job="share", le="1.0"}`
	w.count(count, 0)
	for range 10 {
		w.now = w.now.Add(15 * time.Second)
		w.count(count, 10)
		w.tick()
	}
	// Without the bucket every request would look slow: nothing may be said.
	s, _ := w.engine.Status(share)
	if s.State != StateUnknown || w.alert(share, alertPage).firing || !strings.Contains(s.Reason, `le="1"`) {
		t.Errorf("state %s, reason %q", s.State, s.Reason)
	}
	w.count(bucket, 0)
	w.now = w.now.Add(15 * time.Second)
	_, before := w.totals(share)
	w.count(count, 10)
	w.count(bucket, 8)
	w.tick()
	if bad, total := w.totals(share); total-before != 10 || bad != 100+2 {
		t.Errorf("%v bad of %v", bad, total-before)
	}
	w.engine.Observe(0, 0, w.now.UnixMilli(), 1, nil)
	w.engine.Observe(999, 0, w.now.UnixMilli(), 1, nil)
	w.engine.Observe(99999, 0, w.now.UnixMilli(), 1, nil)
}

// history is what a test has reported, counted by hand.
type history map[string][]sample

func (h history) add(series string, t time.Time, v float64) bool {
	s := sample{t: t.UnixMilli(), v: v}
	i, found := slices.BinarySearchFunc(h[series], s, func(a, b sample) int { return int(a.t - b.t) })
	if found {
		return false
	}
	h[series] = slices.Insert(h[series], i, s)
	return true
}

// until adds the increments by hand.
func (h history) until(t int64) (bad, total float64) {
	for name, list := range h {
		for i, s := range list {
			if i == 0 || s.t > t {
				continue
			}
			delta := s.v - list[i-1].v
			if delta < 0 {
				delta = s.v
			}
			total += delta
			if strings.Contains(name, `code="5`) {
				bad += delta
			}
		}
	}
	return bad, total
}

// TestCountsLikeByHand is the property of the ledger: random counters with resets,
// gaps, late samples and restarts of every kind give the sums of the deltas.
func TestCountsLikeByHand(t *testing.T) {
	for seed := range uint64(60) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 7))
			w := newWorld(t, shareObjective())
			h := history{}
			var names []string
			for i := range 6 {
				names = append(names, fmt.Sprintf(`http_requests_total{job="share", code="%d", pod="%d"}`, []int{200, 500}[i%2], i))
			}
			values := map[string]float64{}
			for range 400 {
				w.now = w.now.Add(time.Duration(1+rnd.IntN(60)) * time.Second)
				switch rnd.IntN(60) {
				case 0:
					w.now = w.now.Add(time.Duration(rnd.IntN(40)) * time.Minute)
				case 1:
					w.restart(rnd.IntN(4))
				case 2, 3, 4:
					w.house()
				}
				name := names[rnd.IntN(len(names))]
				if rnd.IntN(15) == 0 {
					values[name] = float64(rnd.IntN(5))
				}
				values[name] += float64(rnd.IntN(100))
				at := w.now
				if rnd.IntN(10) == 0 {
					at = at.Add(-time.Duration(rnd.IntN(25*60)) * time.Second)
				}
				if h.add(name, at, values[name]) {
					w.put(name, at, values[name])
				}
				w.tick()
				w.recount()
			}
			w.restart(rnd.IntN(4))
			w.house()
			bad, total := h.until(w.now.UnixMilli())
			w.wantTotals(bad, total)
			for _, age := range []int64{1, 30, 90, 200} {
				at := w.now.Add(-time.Duration(age) * time.Second).UnixMilli()
				bad, total := h.until(at)
				if c := w.engine.track(share).ledger.Until(at); !near(c.Bad, bad, 1e-6) || !near(c.Total, total, 1e-6) {
					t.Errorf("%d s ago: %v of %v, want %v of %v", age, c.Bad, c.Total, bad, total)
				}
			}
			good, n, err := w.engine.Counts(share, begin().Add(-time.Hour), w.now)
			if err != nil || !near(n, total, 1e-6) || !near(n-good, bad, 1e-6) {
				t.Errorf("counts: %v bad of %v (%v), want %v of %v", n-good, n, err, bad, total)
			}
		})
	}
}

// restart ends the process in one of four ways and starts it again.
func (w *world) restart(how int) {
	w.t.Helper()
	switch how {
	case 0: // in order
		w.stop()
	case 1: // killed some time after a snapshot
		w.engine.save(w.now.UnixMilli(), 0)
	case 2: // killed, no snapshot: slices on disk and raw samples
		w.engine.write(context.Background(), w.now.UnixMilli())
		_ = os.Remove(w.path)
	case 3: // killed, a damaged snapshot
		w.engine.save(w.now.UnixMilli(), 0)
		b, err := os.ReadFile(w.path)
		if err != nil {
			w.t.Fatal(err)
		}
		b[len(b)/2] ^= 1
		if _, err := parseSnapshot(b); err == nil {
			w.t.Fatal("a damaged snapshot was read")
		}
		_ = os.Remove(w.path)
	}
	w.start()
	_ = os.Remove(w.path)
}

func TestKillMidwayGivesTheSameNumbers(t *testing.T) {
	run := func(how int) (Status, float64) {
		w := newWorld(t, shareObjective())
		w.traffic(90*time.Minute, 15*time.Second, 10, 0.001)
		w.house()
		if how >= 0 {
			w.engine.save(w.now.UnixMilli(), 0)
		}
		// What is stored while the process is away, or there but about to be killed.
		for i := range 40 {
			w.now = w.now.Add(15 * time.Second)
			if how >= 0 && i == 20 {
				w.restart(how)
			}
			w.count(goodSeries, 100)
			w.count(badSeries, 50)
			if how < 0 || i > 20 {
				w.tick()
			}
		}
		if how < 0 {
			w.tick()
		}
		w.tick()
		s, _ := w.engine.Status(share)
		_, total := w.totals(share)
		return s, total
	}
	want, wantTotal := run(-1)
	if wantTotal == 0 || !want.Windows[0].Firing {
		t.Fatalf("the scenario does not fire: %+v", want)
	}
	for how := range 4 {
		got, total := run(how)
		if !near(total, wantTotal, 1e-6) || !near(got.Burn, want.Burn, 1e-9) || !near(got.BudgetRemaining, want.BudgetRemaining, 1e-3) ||
			!near(got.Windows[0].LongBurn, want.Windows[0].LongBurn, 0.02*want.Windows[0].LongBurn) || !got.Windows[0].Firing {
			t.Errorf("restart %d: total %v burn %v left %v, want %v %v %v", how, total, got.Burn, got.BudgetRemaining, wantTotal, want.Burn, want.BudgetRemaining)
		}
	}
}

func TestBackfillReadsThePeriod(t *testing.T) {
	w := newWorld(t)
	lset := labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", "share", "code", "200")
	bad := labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", "share", "code", "500")
	first := w.now.Add(-20 * testDay)
	for i := range int64(20 * 24 * 60) {
		at := first.UnixMilli() + i*60_000
		w.store.put(lset, memSample{t: at, f: float64(600 * i)})
		w.store.put(bad, memSample{t: at, f: float64(i / 10)})
	}
	if err := w.engine.Reload([]Objective{shareObjective()}); err != nil {
		t.Fatal(err)
	}
	if _, _, err := w.engine.Counts(share, first, w.now); err == nil {
		t.Error("counts are given before the history is there")
	}
	w.engine.restoreAll(context.Background(), nil)
	w.tick()
	s, _ := w.engine.Status(share)
	if want := 600 * (20*24*60 - 1.0); !near(s.Total, want+s.Total-s.Good-0, want*0.01) || s.Coverage < 0.99 {
		t.Errorf("total %v, want about %v; coverage %v", s.Total, want, s.Coverage)
	}
	// Days that memory knows only coarsely come from the slices on disk.
	day := begin().Add(-10 * testDay).Truncate(time.Minute)
	good, total, err := w.engine.Counts(share, day, day.Add(7*time.Minute))
	if err != nil || !near(good, 4200, 1e-6) || total-good < 0 || total-good > 2 {
		t.Errorf("seven minutes ten days ago: %v of %v, %v", good, total, err)
	}
}

func TestReloadKeepsCounts(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Hour, 15*time.Second, 10, 0.01)
	bad, total := w.totals(share)
	edited := shareObjective(func(o *Objective) { o.Target, o.Promise = 0.99, "Sharing works" })
	other := shareObjective(func(o *Objective) {
		o.ID, o.SLO = "share-all", "all"
		o.SLI.TotalQuery = `sum(rate(http_requests_total[{{.window}}]))`
	})
	var rewatched bool
	w.engine.rewatch = func() { rewatched = true }
	if err := w.engine.Reload([]Objective{edited, other}); err != nil {
		t.Fatal(err)
	}
	w.wantTotals(bad, total)
	w.engine.restoreAll(context.Background(), nil)
	w.traffic(time.Minute, 15*time.Second, 10, 0.01)
	if b, n := w.totals("share-all"); !near(n, total+600, 1e-6) || !near(b, bad+6, 1e-6) {
		t.Errorf("the new objective counted %v of %v, want %v of %v", b, n, bad+6, total+600)
	}
	s, _ := w.engine.Status(share)
	// A minute of the last five has the new budget, ten times the old one.
	if s.Objective.Target != 0.99 || !near(s.Burn, 5*0.01/(4*0.001+0.01), 1e-6) || !rewatched {
		t.Errorf("target %v, burn %v, rewatched %v", s.Objective.Target, s.Burn, rewatched)
	}
	if err := w.engine.Reload([]Objective{edited, edited}); err == nil {
		t.Error("the same objective twice was accepted")
	}
	if err := w.engine.Reload(nil); err != nil || len(w.engine.Statuses()) != 0 {
		t.Errorf("removing all: %v, %d left", err, len(w.engine.Statuses()))
	}
}

func TestEditedQueriesKeepThePast(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(3*time.Hour, 15*time.Second, 10, 0.5)
	w.house()
	if !w.alert(share, alertPage).firing {
		t.Fatal("does not fire")
	}
	edited := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(http_requests_total{job="share",code="999"}[{{.window}}]))`
	})
	if err := w.engine.Reload([]Objective{edited}); err != nil {
		t.Fatal(err)
	}
	w.engine.restoreAll(context.Background(), nil)
	w.tick()
	s, _ := w.engine.Status(share)
	if bad := s.Total - s.Good; !near(bad, 10*0.5*3*3600-75, 1e-6) {
		t.Errorf("%v bad events, want those of all three hours but the first sample's", bad)
	}
	if !w.alert(share, alertPage).firing {
		t.Error("the edit forgot that the page fires")
	}
}

func TestForgetIdleSeries(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Minute, 15*time.Second, 10, 0.5)
	w.now = w.now.Add(25 * time.Hour)
	w.count(goodSeries, 5)
	w.engine.forgetIdle(w.now.UnixMilli())
	x, ok := w.engine.Explain(share)
	if !ok || x.SeriesCount != 1 || len(x.Series) != 1 || x.Terms[0].Series != 0 {
		t.Errorf("got %+v", x)
	}
	lset, _ := newParser().ParseMetric(badSeries)
	if w.engine.Watch(lset) == 0 {
		t.Error("a series that came back is not wanted")
	}
}

// TestForgottenSeriesIsNotCountedTwice: a series comes back after days of silence, by
// its start time still the same counter.
func TestForgottenSeriesIsNotCountedTwice(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.now = w.now.Add(time.Hour)
	start := w.now
	report := func(v float64) {
		w.now = w.now.Add(time.Minute)
		w.putStarted(goodSeries, w.now, start, v)
		w.tick()
	}
	report(100)
	w.now = w.now.Add(30 * time.Hour)
	w.engine.forgetIdle(w.now.UnixMilli())
	w.ids = map[string]uint64{} // the store forgets it too, and offers it anew
	report(110)
	w.wantTotals(0, 110)
	report(125)
	w.wantTotals(0, 125)
}
