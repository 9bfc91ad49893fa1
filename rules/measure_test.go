package rules

import (
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// TestCountableForms lists what is counted as samples arrive.
func TestCountableForms(t *testing.T) {
	const (
		c  = `sum(rate(c[{{.window}}]))`
		h  = `histogram_count(sum(rate(h[{{.window}}])))`
		f  = `histogram_fraction(0, 0.3, sum(rate(h[{{.window}}])))`
		g  = `sum(count_over_time(g[{{.window}}]))`
		s  = `sum(sum_over_time(g[{{.window}}]))`
		hs = `sum(histogram_count(rate(h[{{.window}}])))`
	)
	observed := []struct{ bad, total, terms string }{
		{c, c, "value of c: 1 of 1"},
		{g + " - " + s, g, "samples of g: 1 of 1, sum of g: -1 of 0"},
		{g + " - (" + s + " or vector(0))", "(" + g + ")", "samples of g: 1 of 1, sum of g: -1 of 0"},
		{"2 * " + s, g, "sum of g: 2 of 0, samples of g: 0 of 1"},
		{h + " - " + f + " * " + h, h, "count of h: 1 of 1, 0…0.3 of h: -1 of 0"},
		{hs + " - " + hs + " * (" + f + ")", hs, "count of h: 1 of 1, 0…0.3 of h: -1 of 0"},
		{"(1 - " + f + ") * " + h, h, "count of h: 1 of 1, 0…0.3 of h: -1 of 0"},
		{h + " * (1 - (" + f + "))", hs, "count of h: 1 of 1, 0…0.3 of h: -1 of 0"},
		{`histogram_fraction(0.3, +Inf, sum(rate(h[{{.window}}]))) * ` + h, h, "0.3…+Inf of h: 1 of 0, count of h: 0 of 1"},
		{`sum((1 - histogram_fraction(-Inf, 0.3, rate(h[{{.window}}]))) * histogram_count(rate(h[{{.window}}])))`, hs, "count of h: 1 of 1, -Inf…0.3 of h: -1 of 0"},
		{`sum(histogram_fraction(0.3, Inf, increase(h[{{.window}}])) * histogram_count(increase(h[{{.window}}])))`, `sum(increase(c[{{.window}}]))`, "0.3…+Inf of h: 1 of 0, value of c: 0 of 1"},
	}
	for _, tc := range observed {
		got, err := shapeOf(SLI{ErrorQuery: tc.bad, TotalQuery: tc.total})
		if err != nil || !got.observed() {
			t.Errorf("%s / %s: %s %v", tc.bad, tc.total, got.reason, err)
			continue
		}
		var said []string
		for _, x := range got.terms {
			what := map[field]string{fieldValue: "value", fieldHistogramCount: "count", fieldSamples: "samples", fieldSum: "sum", fieldFraction: fmt.Sprintf("%v…%v", x.between.above, x.between.upTo)}[x.field]
			said = append(said, fmt.Sprintf("%s of %s: %v of %v", what, x.selector, x.bad, x.total))
		}
		if terms := strings.Join(said, ", "); terms != tc.terms {
			t.Errorf("%s / %s\n got %s\nwant %s", tc.bad, tc.total, terms, tc.terms)
		}
	}
	polled := map[string]string{
		f: "histogram_fraction",
		f + ` * histogram_count(sum(rate(other[{{.window}}])))`:                        "not of the same series",
		f + ` * histogram_count(sum(increase(h[{{.window}}])))`:                        "not of the same series",
		`histogram_fraction(0.3, 0, sum(rate(h[{{.window}}]))) * ` + h:                 "ascending",
		`histogram_fraction(0, 0.3, sum by (le) (rate(h_bucket[{{.window}}]))) * ` + h: "is not a sum of rates",
		`histogram_fraction(0, scalar(x), sum(rate(h[{{.window}}]))) * ` + h:           "is not a sum of rates",
		`(2 - ` + f + `) * ` + h: "is not a sum of rates",
		`sum(histogram_fraction(0, 1, rate(h[{{.window}}])) * on (pod) histogram_count(rate(h[{{.window}}])))`: "matches by labels",
		`sum(avg_over_time(g[{{.window}}]))`:                "avg_over_time() is not rate() or increase()",
		`sum(sum_over_time((g > bool 1)[{{.window}}:15s]))`: "not a selector with a range",
		`sum(count_over_time(g[5m])) + 0 * ` + c:            "fixed",
		c + " * " + c:                                       "is not a sum of rates",
	}
	for q, want := range polled {
		total := h
		if strings.Contains(q, "over_time") {
			total = g
		}
		got, err := shapeOf(SLI{ErrorQuery: q, TotalQuery: total})
		if err != nil || got.observed() || !strings.Contains(got.reason, want) {
			t.Errorf("%s: got %q %v, want %q", q, got.reason, err, want)
		}
	}
	if _, err := shapeOf(SLI{ErrorQuery: g, TotalQuery: c}); err == nil || !strings.Contains(err.Error(), "mix rate and increase") {
		t.Errorf("samples over a rate: %v", err)
	}
}

func gaugeObjective() Objective {
	return shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(count_over_time(up{job="db"}[{{.window}}])) - sum(sum_over_time(up{job="db"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum(count_over_time(up{job="db"}[{{.window}}]))`
	})
}

// TestGaugesCountEachSample: every sample of a gauge is an event, whenever it comes and
// whatever happened to the process.
func TestGaugesCountEachSample(t *testing.T) {
	for seed := range uint64(20) {
		rnd := rand.New(rand.NewPCG(seed, 9))
		w := newWorld(t, gaugeObjective())
		type key struct {
			name string
			at   int64
		}
		down, seen := 0, map[key]bool{}
		for range 300 {
			w.now = w.now.Add(time.Duration(1+rnd.IntN(30)) * time.Second)
			name := fmt.Sprintf(`up{job="db", instance="%d"}`, rnd.IntN(3))
			at := w.now
			if rnd.IntN(8) == 0 {
				at = at.Add(-time.Duration(rnd.IntN(20*60)) * time.Second)
			}
			if k := (key{name, at.UnixMilli()}); !seen[k] {
				v := rnd.IntN(2)
				seen[k] = true
				down += 1 - v
				w.put(name, at, float64(v))
			}
			w.tick()
			w.recount()
			switch rnd.IntN(40) {
			case 0:
				w.restart(rnd.IntN(4))
			case 1, 2:
				w.house()
			}
		}
		w.house()
		w.wantTotals(float64(down), float64(len(seen)))
	}
}

func TestStrangeGauges(t *testing.T) {
	w := newWorld(t, gaugeObjective())
	for i, v := range []float64{1, 0, staleNaN(), math.NaN(), inf(), -1, 1} {
		w.put(`up{job="db"}`, w.now.Add(time.Duration(i)*time.Second), v)
	}
	w.wantTotals(1, 3)
	if x, _ := w.engine.Explain(share); x.Series[0].Resets != 0 || x.Series[0].Counted != 3 {
		t.Errorf("explained as %+v", x.Series[0])
	}
}

func fastObjective() Objective {
	return shareObjective(func(o *Objective) {
		const count = `histogram_count(sum(rate(seconds{job="share"}[{{.window}}])))`
		o.SLI.ErrorQuery = `(1 - histogram_fraction(0, 0.3, sum(rate(seconds{job="share"}[{{.window}}])))) * ` + count
		o.SLI.TotalQuery = count
	})
}

// observe reports a histogram of a series.
func (w *world) observe(series string, at time.Time, h *histogram.FloatHistogram) {
	w.t.Helper()
	lset, err := newParser().ParseMetric(series)
	if err != nil {
		w.t.Fatal(err)
	}
	w.keep(lset, memSample{t: at.UnixMilli(), fh: h})
	if _, known := w.ids[series]; !known {
		w.ids[series] = w.engine.Watch(lset)
	}
	w.engine.Observe(w.ids[series], 0, at.UnixMilli(), h.Sum, h)
}

// custom is a histogram with the bounds 0.1, 0.3 and 1.
func custom(counts ...float64) *histogram.FloatHistogram {
	h := &histogram.FloatHistogram{Schema: histogram.CustomBucketsSchema, CustomValues: []float64{0.1, 0.3, 1}}
	h.PositiveSpans = []histogram.Span{{Length: uint32(len(counts))}}
	h.PositiveBuckets = counts
	for _, n := range counts {
		h.Count += n
	}
	return h
}

// exponential is a histogram of schema 0, whose buckets end at 0.25, 0.5 and 1.
func exponential(zero float64, counts ...float64) *histogram.FloatHistogram {
	h := &histogram.FloatHistogram{ZeroThreshold: 1e-9, ZeroCount: zero, Count: zero}
	if len(counts) > 0 {
		h.PositiveSpans = []histogram.Span{{Offset: -2, Length: uint32(len(counts))}}
		h.PositiveBuckets = counts
	}
	for _, n := range counts {
		h.Count += n
	}
	return h
}

const seconds = `seconds{job="share"}`

// TestFractionsOfHistograms counts the slow of native histograms of every kind.
func TestFractionsOfHistograms(t *testing.T) {
	stale := &histogram.FloatHistogram{Sum: staleNaN()}
	gauge := exponential(0, 9, 9, 9)
	gauge.CounterResetHint = histogram.GaugeType
	told := exponential(0, 60, 60, 60)
	told.CounterResetHint = histogram.CounterReset
	unsure := exponential(0, 1, 0, 2)
	unsure.CounterResetHint = histogram.NotCounterReset
	// Of the bucket from 0.25 to 0.5, log(0.5/0.3)/log(2) is above 0.3.
	above := math.Log2(0.5 / 0.3)
	coarse := exponential(0, 0, 20, 50)
	coarse.Schema, coarse.PositiveSpans = -1, []histogram.Span{{Offset: -2, Length: 3}} // buckets end at 1/16, 1/4, 1
	coarse.PositiveBuckets = []float64{0, 10, 60}
	cases := map[string]struct {
		seq        []*histogram.FloatHistogram
		bad, total float64
	}{
		"custom":               {[]*histogram.FloatHistogram{custom(5, 5, 5, 5), custom(6, 7, 8, 9)}, 3 + 4, 10},
		"first is a baseline":  {[]*histogram.FloatHistogram{custom(5, 5, 5, 5)}, 0, 0},
		"exponential":          {[]*histogram.FloatHistogram{exponential(0, 1, 1, 1), exponential(2, 3, 11, 6)}, 10*above + 5, 2 + 2 + 10 + 5},
		"stale in between":     {[]*histogram.FloatHistogram{exponential(0, 1, 1, 1), stale, exponential(0, 1, 1, 2)}, 1, 1},
		"only zeros at first":  {[]*histogram.FloatHistogram{exponential(1), exponential(9), exponential(9, 0, 0, 1)}, 1, 9},
		"reset by count":       {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), exponential(0, 1, 0, 2)}, 2, 3},
		"reset by one bucket":  {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), exponential(0, 1, 0, 20)}, 20, 21},
		"reset by its hint":    {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), told}, 60 * (1 + above), 180},
		"a hint about another": {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), unsure}, 2, 3},
		"a gauge is refused":   {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), gauge, exponential(0, 5, 5, 6)}, 1, 1},
		"infinite is refused":  {[]*histogram.FloatHistogram{exponential(0, 5, 5, 5), exponential(0, inf(), 5, 5), exponential(0, 5, 5, 6)}, 1, 1},
		"other bounds": {[]*histogram.FloatHistogram{custom(5, 5, 5, 5), {
			Schema: histogram.CustomBucketsSchema, CustomValues: []float64{0.3, 1}, Count: 26,
			PositiveSpans: []histogram.Span{{Length: 3}}, PositiveBuckets: []float64{11, 7, 8},
		}}, 2 + 3, 6},
	}
	for name, tc := range cases {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, fastObjective())
			for i, h := range tc.seq {
				w.observe(seconds, w.now.Add(time.Duration(i)*time.Second), h)
			}
			w.wantTotals(tc.bad, tc.total)
			w.now = w.now.Add(time.Minute)
			for _, how := range []int{0, 1, 2} {
				w.restart(how)
			}
			w.wantTotals(tc.bad, tc.total)
		})
	}
	t.Run("coarser", func(t *testing.T) {
		w := newWorld(t, fastObjective())
		w.observe(seconds, w.now, exponential(0, 10, 20, 30)) // in the coarse buckets 10 and 50
		w.observe(seconds, w.now.Add(time.Second), coarse)
		// Ten more between 1/4 and 1, of which log(1/0.3)/log(4) are slow.
		w.wantTotals(10*math.Log(1/0.3)/math.Log(4), 10)
	})
}

// TestHistogramsLikePromQL compares the count of random histograms of several pods, on
// a real TSDB, with what PromQL says of the same samples, over restarts.
func TestHistogramsLikePromQL(t *testing.T) {
	w := realWorld(t, fastObjective())
	rnd := rand.New(rand.NewPCG(3, 3))
	buckets := map[int][]float64{}
	var slow, all float64
	pods := func(i int) int { return 1 + min(i/40, 3) }
	for i := range 400 {
		w.now = w.now.Add(15 * time.Second)
		for pod := range pods(i) {
			if buckets[pod] == nil || rnd.IntN(90) == 0 {
				buckets[pod] = make([]float64, 3)
			}
			for k := range buckets[pod] {
				buckets[pod][k] += float64(rnd.IntN(50))
			}
			w.observe(fmt.Sprintf(`seconds{job="share", pod="%d"}`, pod), w.now, exponential(0, append([]float64(nil), buckets[pod]...)...))
		}
		w.tick()
		switch i {
		case 150:
			w.restart(1)
		case 220:
			w.restart(0)
		case 300:
			w.restart(2)
		}
	}
	for _, window := range []time.Duration{5 * time.Minute, 20 * time.Minute, 80 * time.Minute} {
		c := w.engine.track(share).ledger
		sub := c.Total().Sub(c.Until(w.now.Add(-window).UnixMilli()))
		slow, all = sub.Bad, sub.Total
		for q, got := range map[string]float64{fastObjective().SLI.ErrorQuery: slow, fastObjective().SLI.TotalQuery: all} {
			v, err := w.opts.Query(t.Context(), FillWindow(q, window), w.now)
			if err != nil || len(v) != 1 {
				t.Fatal(v, err)
			}
			// PromQL extrapolates by at most an interval at each edge.
			want := v[0].F * window.Seconds()
			if limit := want * (2*15/window.Seconds() + 0.02); !near(got, want, limit) {
				t.Errorf("%s: %s is %v, the ledger says %v", window, q, want, got)
			}
		}
	}
}

// TestLateHistogram recounts by the histogram's rules.
func TestLateHistogram(t *testing.T) {
	w := newWorld(t, fastObjective())
	at := func(s int) time.Time { return w.now.Add(time.Duration(s) * time.Second) }
	w.observe(seconds, at(0), exponential(0, 5, 0, 5))
	w.observe(seconds, at(30), exponential(0, 1, 0, 20)) // fewer fast: a reset
	w.wantTotals(20, 21)
	w.observe(seconds, at(15), exponential(0, 8, 0, 7))
	w.house()
	w.wantTotals(22, 26)
	w.now = at(3600)
	w.put(seconds, w.now, 1e6) // a float among histograms counts nothing
	w.wantTotals(22, 26)
}

// TestIntegerHistograms come from a TSDB as integers and are counted again as floats.
func TestIntegerHistograms(t *testing.T) {
	w := realWorld(t)
	lset := labels.FromStrings("__name__", "seconds", "job", "share")
	hs := tsdbutil.GenerateTestHistograms(5)
	app := w.opts.Store.Appender(t.Context())
	for i, h := range hs {
		if _, err := app.AppendHistogram(0, lset, w.now.Add(time.Duration(i)*15*time.Second).UnixMilli(), h, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	w.now = w.now.Add(2 * time.Minute)
	if err := w.engine.Reload([]Objective{fastObjective()}); err != nil {
		t.Fatal(err)
	}
	w.engine.restoreAll(t.Context(), nil)
	if _, total := w.totals(share); total != float64(hs[4].Count-hs[0].Count) {
		t.Errorf("counted %v of %v", total, hs[4].Count-hs[0].Count)
	}
	// The next one comes as it is reported.
	next := tsdbutil.GenerateTestFloatHistogram(5)
	w.observe(seconds, w.now, next)
	if _, total := w.totals(share); total != next.Count-float64(hs[0].Count) {
		t.Errorf("counted %v of %v", total, next.Count-float64(hs[0].Count))
	}
}
