package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// stored reads the samples of all series of a metric from the store.
func (w *world) stored(metric string) map[string][]sample {
	w.t.Helper()
	q, err := w.opts.Store.Querier(0, forever)
	if err != nil {
		w.t.Fatal(err)
	}
	defer func() { _ = q.Close() }()
	out := map[string][]sample{}
	t := term{matchers: []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, metric)}}
	err = eachSeries(context.Background(), q, t, func(lset labels.Labels, it chunkenc.Iterator) error {
		eachSample(it, func(s sample) { out[lset.String()] = append(out[lset.String()], s) })
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return out
}

// within sums what raw samples in (from, to] add to those before them; limit is how
// far PromQL's increase may be from that.
//
// For each series increase takes the sum of its n samples in the window without what
// the first adds to the one before, and stretches it by at most 1.1 average intervals
// at either end, or half an interval where samples are missing there: by at most
// 2.2/(n−1) of it. With one sample it says nothing.
func within(raw []sample, from, to int64) (sum, limit float64) {
	n, first := 0, 0.0
	for i, s := range raw {
		if i == 0 || s.t <= from || s.t > to {
			if i == 0 && s.t > from && s.t <= to {
				n++
			}
			continue
		}
		delta := s.v - raw[i-1].v
		if delta < 0 {
			delta = s.v
		}
		if n++; n == 1 {
			first = delta
		}
		sum += delta
	}
	if n < 2 {
		return sum, sum
	}
	return sum, first + (sum-first)*2.2/float64(n-1)
}

// TestWindowsLikeRawSamples runs random counters with resets, gaps, late samples, new
// instances and restarts on a real TSDB. Every window of the ledger then equals the
// sum over the raw samples, and PromQL's increase within its extrapolation.
func TestWindowsLikeRawSamples(t *testing.T) {
	for seed := range uint64(6) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			rnd := rand.New(rand.NewPCG(seed, 13))
			w := realWorld(t, shareObjective())
			values, told := map[string]float64{}, map[string]bool{}
			report := func(name string, at time.Time) {
				if key := name + at.String(); !told[key] {
					told[key] = true
					w.put(name, at, values[name])
				}
			}
			for i := range 700 {
				w.now = w.now.Add(15*time.Second + time.Duration(rnd.IntN(2000)-1000)*time.Millisecond)
				for pod := range 2 + i/250 {
					name := fmt.Sprintf(`http_requests_total{job="share", code="%d", pod="%d"}`, []int{200, 500}[pod%2], pod)
					switch chance := rnd.IntN(400); {
					case chance < 2: // it begins again
						values[name] = 0
					case chance < 20: // a scrape is lost
						continue
					}
					values[name] += float64(rnd.IntN(60))
					at := w.now
					if rnd.IntN(50) == 0 {
						at = at.Add(-time.Duration(rnd.IntN(20*60_000)) * time.Millisecond)
					}
					report(name, at)
				}
				w.tick()
				w.recount()
				w.engine.write(context.Background(), w.now.UnixMilli())
				switch rnd.IntN(300) {
				case 0:
					w.now = w.now.Add(time.Duration(rnd.IntN(40)) * time.Minute)
				case 1:
					w.end(rnd.IntN(5))
				}
			}
			w.recount()
			raw := w.stored("http_requests_total")
			if len(raw) != 4 {
				t.Fatalf("%d series are stored", len(raw))
			}
			for _, window := range []time.Duration{5 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour} {
				w.compare(raw, window)
			}
		})
	}
}

// compare compares a window that began at a whole minute.
func (w *world) compare(raw map[string][]sample, window time.Duration) {
	w.t.Helper()
	to := w.now
	from := to.Add(-window).Truncate(time.Minute)
	var bad, total, limit float64
	for name, list := range raw {
		sum, off := within(list, from.UnixMilli(), to.UnixMilli())
		total += sum
		limit += off
		if strings.Contains(name, `code="5`) {
			bad += sum
		}
	}
	l := w.engine.track(share).ledger
	c := l.Until(to.UnixMilli()).Sub(l.Until(from.UnixMilli()))
	if !near(c.Bad, bad, 1e-6) || !near(c.Total, total, 1e-6) {
		w.t.Errorf("%s: the ledger has %v of %v, the raw samples %v of %v", window, c.Bad, c.Total, bad, total)
	}
	good, n, err := w.engine.Counts(share, from, to)
	if err != nil || !near(n-good, bad, 1e-6) || !near(n, total, 1e-6) {
		w.t.Errorf("%s: counts say %v of %v (%v), the raw samples %v of %v", window, n-good, n, err, bad, total)
	}
	q := fmt.Sprintf(`sum(increase(http_requests_total{job="share"}[%dms]))`, to.Sub(from).Milliseconds())
	v, err := w.opts.Query(context.Background(), q, to)
	if err != nil || len(v) > 1 {
		w.t.Fatal(v, err)
	}
	increase := 0.0
	if len(v) == 1 {
		increase = v[0].F
	}
	if !near(increase, total, limit+1e-6) {
		w.t.Errorf("%s: PromQL says %v, the ledger %v: more than %v apart", window, increase, total, limit)
	}
	if window >= time.Hour && limit > 0.1*total {
		w.t.Errorf("%s: a limit of %v of %v proves nothing", window, limit, total)
	}
}

// TestLateAcrossAResetOnTSDB: late samples before, at and after a reset are counted as
// if they had come in time.
func TestLateAcrossAResetOnTSDB(t *testing.T) {
	orders := [][]int{{0, 1, 2, 3, 4, 5}, {0, 5, 1, 2, 3, 4}, {0, 3, 5, 2, 1, 4}, {0, 4, 3, 2, 1, 5}, {0, 2, 5, 4, 3, 1}}
	values := []float64{100, 140, 170, 5, 30, 45} // it begins again between the third and the fourth
	for _, order := range orders {
		w := realWorld(t, shareObjective())
		began := w.now
		w.now = began.Add(10 * time.Minute)
		for _, i := range order {
			w.put(badSeries, began.Add(time.Duration(i)*time.Minute), values[i])
			w.recount()
			w.tick()
		}
		w.wantTotals(70+45, 70+45)
		var got []float64
		for i := range values {
			got = append(got, w.engine.track(share).ledger.Until(began.Add(time.Duration(i)*time.Minute).UnixMilli()).Bad)
		}
		if want := []float64{0, 40, 70, 75, 100, 115}; !slices.Equal(got, want) {
			t.Errorf("in the order %v: %v, want %v", order, got, want)
		}
	}
}
