package rules

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
)

// where asks where an objective fails at times in (from, to], relative to now.
func (w *world) where(id string, from, to time.Duration) Where {
	w.t.Helper()
	out, err := w.engine.Where(context.Background(), id, w.now.Add(from), w.now.Add(to))
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// sameAsLedger compares what Where counts with the ledger over windows that end and
// begin with whole minutes, which the ledger knows exactly.
func (w *world) sameAsLedger(id string, back time.Duration) {
	w.t.Helper()
	to := w.now.Truncate(time.Minute)
	from := to.Add(-back).Truncate(time.Minute)
	good, total, err := w.engine.Counts(id, from, to)
	if err != nil {
		w.t.Fatal(err)
	}
	got, err := w.engine.Where(context.Background(), id, from, to)
	if err != nil {
		w.t.Fatal(err)
	}
	if bad := total - good; !near(got.Bad, bad, 1e-6*(1+bad)) || !near(got.Total, total, 1e-6*(1+total)) {
		w.t.Errorf("the last %s at %s: the series add up to %v of %v, the ledger to %v of %v", back, w.now.Format(time.TimeOnly), got.Bad, got.Total, bad, total)
	}
}

// slowObjective counts requests above 0.3 s from a classic histogram.
func slowObjective() Objective {
	return shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(took_seconds_count{job="share"}[{{.window}}])) - sum(rate(took_seconds_bucket{job="share",le="0.3"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum(rate(took_seconds_count{job="share"}[{{.window}}]))`
	})
}

// quarrel is a kind of objective with the series that feed it: each reports one step.
type quarrel struct {
	objective Objective
	step      func(w *world, r *rand.Rand, pod int, fresh func() time.Time)
}

func quarrels() map[string]quarrel {
	name := func(metric string, pod int, more string) string {
		return fmt.Sprintf(`%s{job="share", pod="%d"%s}`, metric, pod, more)
	}
	add := func(w *world, series string, n float64, start time.Time) {
		if !start.IsZero() {
			w.values[series] = 0 // It began again.
		}
		w.values[series] += n
		w.putStarted(series, w.now, start, w.values[series])
	}
	return map[string]quarrel{
		"counters": {shareObjective(), func(w *world, r *rand.Rand, pod int, fresh func() time.Time) {
			add(w, name("http_requests_total", pod, `, code="200"`), float64(r.IntN(90)), fresh())
			add(w, name("http_requests_total", pod, `, code="500"`), float64(r.IntN(5)), fresh())
		}},
		"classic histograms": {slowObjective(), func(w *world, r *rand.Rand, pod int, fresh func() time.Time) {
			start, slow := fresh(), float64(r.IntN(5))
			fast := float64(r.IntN(90))
			add(w, name("took_seconds_bucket", pod, `, le="0.30"`), fast, start)
			add(w, name("took_seconds_bucket", pod, `, le="+Inf"`), fast+slow, start)
			add(w, name("took_seconds_count", pod, ""), fast+slow, start)
		}},
		"gauges": {gaugeObjective(), func(w *world, r *rand.Rand, pod int, _ func() time.Time) {
			w.put(fmt.Sprintf(`up{job="db", pod="%d"}`, pod), w.now, float64(r.IntN(2)))
		}},
		"native histograms": {fastObjective(), func(w *world, r *rand.Rand, pod int, _ func() time.Time) {
			series := name("seconds", pod, "")
			w.values[series] += float64(r.IntN(20))
			if r.IntN(25) == 0 {
				w.values[series] = 0
			}
			n := w.values[series]
			w.observe(series, w.now, &histogram.FloatHistogram{
				Schema: histogram.CustomBucketsSchema, CustomValues: []float64{0.1, 0.3, 1}, Count: 4 * n, Sum: n,
				PositiveSpans: []histogram.Span{{Length: 3}}, PositiveBuckets: []float64{2 * n, n, n},
			})
		}},
	}
}

// TestWhereCountsAsTheLedger: the series of a window add up to what the ledger has of
// it, whatever counters do and however the process ends.
func TestWhereCountsAsTheLedger(t *testing.T) {
	for kind, q := range quarrels() {
		for seed := range uint64(4) {
			t.Run(fmt.Sprintf("%s/%d", kind, seed), func(t *testing.T) {
				r := rand.New(rand.NewPCG(seed, 77))
				w := realWorld(t, q.objective)
				w.opts.SnapshotPath = w.path
				begun := map[int]time.Time{}
				silent := map[int]int{}
				for i := range 500 {
					w.now = w.now.Add(15 * time.Second)
					for pod := range min(6, 2+i/60) {
						switch silent[pod]--; {
						case silent[pod] > 0:
							continue
						case r.IntN(60) == 0:
							silent[pod] = r.IntN(40) // up to ten minutes
						}
						// Some counters begin again and say so; a first one may say when it began.
						said := w.now.Add(-5 * time.Second)
						renewed := r.IntN(40) == 0 || pod%2 == 1 && begun[pod].IsZero()
						if renewed {
							begun[pod] = said
						}
						q.step(w, r, pod, func() time.Time {
							if renewed {
								return said
							}
							return time.Time{}
						})
					}
					w.tick()
					if i%7 == 0 {
						w.house()
					}
					if seed > 0 && (i == 210 || i == 360) {
						w.restart(int(seed) - 1)
					}
					if i > 30 && i%25 == 0 {
						w.recount()
						w.sameAsLedger(share, 5*time.Minute)
						w.sameAsLedger(share, time.Duration(6+r.IntN(60))*time.Minute)
					}
				}
				w.sameAsLedger(share, 2*time.Hour)
			})
		}
	}
}

func TestWhereCountsLateSamplesAndCorrections(t *testing.T) {
	w := realWorld(t, shareObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s-600) * time.Second) }
	w.now = w.now.Add(10 * time.Minute)
	for _, p := range []struct {
		at   int
		good float64
	}{{0, 100}, {60, 150}, {30, 120}, {240, 200}, {120, 10}, {480, 260}} {
		w.put(goodSeries, at(p.at), p.good)
		w.put(badSeries, at(p.at), p.good/10)
	}
	w.recount()
	w.sameAsLedger(share, 10*time.Minute)
	w.correct(-7*time.Minute, -5*time.Minute)
	w.tick()
	w.sameAsLedger(share, 10*time.Minute)
	if got := w.where(share, -10*time.Minute, 0); got.Total >= 1.1*(20+30+10+190+60) {
		t.Errorf("what a correction takes out counts: %v", got.Total)
	}
}

// TestWhereLooksUpWhereASeriesStood: a series that rested before the window counts from
// where it stood, however many rested.
func TestWhereLooksUpWhereASeriesStood(t *testing.T) {
	for _, rest := range []time.Duration{time.Minute, 20 * time.Minute, 5 * time.Hour} {
		for _, n := range []int{3, oneByOne + 20} {
			w := realWorld(t, shareObjective())
			report := func() {
				for i := range n {
					w.count(fmt.Sprintf(`http_requests_total{job="share", code="500", pod="%d"}`, i), 7)
				}
				w.tick()
			}
			for range 10 {
				w.now = w.now.Add(15 * time.Second)
				report()
			}
			w.now = w.now.Add(rest)
			report()
			if got := w.where(share, -time.Second, 0); got.Bad != 7*float64(n) || got.Series != n {
				t.Errorf("%d series after %s: %v of %v events from %d", n, rest, got.Bad, got.Total, got.Series)
			}
			// The engine may have forgotten them, the store has not.
			w.engine.track(share).sources = map[uint64][]*source{}
			if got := w.where(share, -time.Second, 0); got.Bad != 7*float64(n) {
				t.Errorf("%d forgotten series after %s: %v", n, rest, got.Bad)
			}
		}
	}
}

func TestWhereErrors(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(10*time.Minute, 15*time.Second, 10, 0.2)
	if _, err := w.engine.Where(context.Background(), "nothing", w.now.Add(-time.Hour), w.now); !errors.Is(err, ErrUnknown) {
		t.Errorf("an unknown objective: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := w.engine.Where(ctx, share, w.now.Add(-time.Hour), w.now); !errors.Is(err, context.Canceled) {
		t.Errorf("out of time: %v", err)
	}
	if got := w.where(share, 0, -time.Hour); got.Reason == "" || len(got.Culprits) > 0 {
		t.Errorf("a window that ends before it begins: %+v", got)
	}
}
