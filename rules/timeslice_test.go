package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// sliced is an objective of a budgeting method with slices of a length.
func sliced(m Method, length time.Duration, target float64, edit ...func(*Objective)) Objective {
	return shareObjective(append(edit, func(o *Objective) { o.Budgeting = Budgeting{Method: m, Slice: length, SliceTarget: target} })...)
}

// TestBudgetingMethods counts ten minutes by each method. The figures are Nobl9's.
func TestBudgetingMethods(t *testing.T) {
	good := []float64{2, 10, 12, 13, 13, 12, 13, 13, 12, 11}
	all := []float64{4, 10, 12, 13, 14, 15, 14, 13, 12, 11}
	cases := []struct {
		Budgeting

		reliability, consumed float64
	}{
		{Budgeting{}, 0.940678, 1.186441},
		{Budgeting{Timeslices, time.Minute, 0.95}, 0.6, 8},
		{Budgeting{Timeslices, time.Minute, 0.9}, 0.8, 4},
		{Budgeting{Method: RatioTimeslices, Slice: time.Minute}, 0.915714, 1.685714},
		{Budgeting{Timeslices, 5 * time.Minute, 0.94}, 0.5, 10},
	}
	for _, tc := range cases {
		w := newWorld(t, shareObjective(func(o *Objective) { o.Target, o.Budgeting = 0.95, tc.Budgeting }))
		w.now = begin().Truncate(time.Hour)
		w.put(goodSeries, w.now, 0)
		w.put(badSeries, w.now, 0)
		for i := range all {
			w.now = w.now.Add(30 * time.Second)
			w.count(goodSeries, good[i])
			w.count(badSeries, 0)
			w.tick()
			w.now = w.now.Add(30 * time.Second)
			w.count(goodSeries, 0)
			w.count(badSeries, all[i]-good[i])
			w.tick()
		}
		bad, total := w.totals(share)
		if got := 1 - bad/total; !near(got, tc.reliability, 5e-7) {
			t.Errorf("%s: %v of %v bad, reliability %.6f, want %.6f", tc.Budgeting, bad, total, got, tc.reliability)
		}
		if got := bad / total / 0.05; !near(got, tc.consumed, 1e-5) {
			t.Errorf("%s: %.6f consumed, want %.6f", tc.Budgeting, got, tc.consumed)
		}
		g, n, err := w.engine.Counts(share, begin().Add(-time.Hour), w.now)
		if err != nil || !near(n, total, 1e-9) || !near(n-g, bad, 1e-6) {
			t.Errorf("%s: counts say %v bad of %v (%v)", tc.Budgeting, n-g, n, err)
		}
		if s, _ := w.engine.Status(share); tc.Slice > 0 && !strings.Contains(s.Reason, "each slice of") {
			t.Errorf("reason %q", s.Reason)
		}
	}
}

// slices judges the slices that end in (from, to] by hand.
func (h history) slices(b Budgeting, from, to int64) (bad, total float64) {
	length := b.Slice.Milliseconds()
	for end := from/length*length + length; end <= to; end += length {
		b0, t0 := h.until(end - length)
		b1, t1 := h.until(end)
		switch ratio := (b1 - b0) / (t1 - t0); {
		case t1 == t0:
			continue
		case b.Method == RatioTimeslices:
			bad += ratio
		case 1-ratio < b.SliceTarget:
			bad++
		}
		total++
	}
	return bad, total
}

// TestSlicesLikeByHand judges random counters with resets, late samples, gaps and
// restarts of every kind.
func TestSlicesLikeByHand(t *testing.T) {
	for seed := range uint64(40) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			t.Parallel()
			rnd := rand.New(rand.NewPCG(seed, 11))
			length := []time.Duration{time.Minute, 5 * time.Minute, time.Hour}[rnd.IntN(3)]
			o := sliced(Timeslices, length, 0.7)
			if rnd.IntN(2) == 0 {
				o = sliced(RatioTimeslices, length, 0)
			}
			w := newWorld(t, o)
			h, values := history{}, map[string]float64{}
			for range 400 {
				w.now = w.now.Add(time.Duration(1+rnd.IntN(60)) * time.Second)
				switch rnd.IntN(60) {
				case 0:
					w.now = w.now.Add(time.Duration(rnd.IntN(100)) * time.Minute)
				case 1:
					w.end(rnd.IntN(5))
				}
				name := fmt.Sprintf(`http_requests_total{job="share", code="%d"}`, []int{200, 500}[rnd.IntN(2)])
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
				w.tick()
				if err := w.engine.persist(context.Background(), w.engine.track(share), w.now.UnixMilli()); err != nil {
					t.Fatal(err)
				}
			}
			check := func() {
				t.Helper()
				from := begin().Add(-time.Hour).UnixMilli()
				bad, total := h.slices(o.Budgeting, from, w.now.UnixMilli())
				if b, n := w.totals(share); !near(b, bad, 1e-4) || n != total {
					t.Errorf("%s: %v bad of %v, want %v of %v", o.Budgeting, b, n, bad, total)
				}
				g, n, err := w.engine.Counts(share, time.UnixMilli(from), w.now)
				if err != nil || n != total || !near(n-g, bad, 1e-4) {
					t.Errorf("%s: counts say %v bad of %v (%v), want %v of %v", o.Budgeting, n-g, n, err, bad, total)
				}
				mid := w.now.Add(-40 * time.Minute).Truncate(length).UnixMilli()
				bad, total = h.slices(o.Budgeting, from, mid)
				if c := w.engine.track(share).ledger.Until(mid); !near(c.Bad, bad, 1e-4) || !near(c.Total, total, 1e-9) {
					t.Errorf("%s: 40 minutes ago %v of %v, want %v of %v", o.Budgeting, c.Bad, c.Total, bad, total)
				}
			}
			check()
			for how := range 5 {
				w.end(how)
				w.tick()
				w.house()
				check()
			}
		})
	}
}

// TestLateSampleJudgesItsSliceAnew turns a bad slice good, and a good one bad.
func TestLateSampleJudgesItsSliceAnew(t *testing.T) {
	w := newWorld(t, sliced(Timeslices, time.Minute, 0.9))
	at := func(s int) time.Time { return begin().Add(time.Duration(s) * time.Second) }
	w.put(goodSeries, at(0), 0)
	w.put(badSeries, at(0), 0)
	w.put(badSeries, at(50), 2)
	w.put(goodSeries, at(110), 100)
	w.put(badSeries, at(110), 2)
	w.now = at(125)
	w.tick()
	w.wantTotals(1, 2)
	// Half of the good ones came before the minute was over.
	w.put(goodSeries, at(50), 50)
	w.recount()
	w.tick()
	w.wantTotals(0, 2)
	// All of the bad ones came after it.
	w.put(badSeries, at(100), 0)
	w.recount()
	w.tick()
	if c := w.engine.track(share).ledger.Until(at(60).UnixMilli()); c.Bad != 0 || c.Total != 1 {
		t.Errorf("the first minute: %v", c)
	}
	w.recount()
	w.put(goodSeries, at(10), 49)
	w.recount()
	w.tick()
	w.wantTotals(0, 2)
}

// TestSlicesPage burns by slices: as many events fail in few slices as would not
// matter, but most slices are bad.
func TestSlicesPage(t *testing.T) {
	w := newWorld(t, sliced(Timeslices, time.Minute, 0.9, func(o *Objective) { o.Target = 0.99 }))
	w.traffic(2*time.Hour, 15*time.Second, 10, 0.05)
	if w.alert(share, alertPage).firing {
		t.Fatal("pages although every slice is good")
	}
	w.traffic(30*time.Minute, 15*time.Second, 10, 0.2)
	if !w.alert(share, alertPage).firing {
		t.Fatal("does not page although every slice is bad")
	}
	w.traffic(40*time.Minute, 15*time.Second, 10, 0.05)
	if w.alert(share, alertPage).firing {
		t.Error("pages although all slices are good again")
	}
}

// TestLongSlices keeps pairs whose short window would hold no whole slice.
func TestLongSlices(t *testing.T) {
	o := sliced(Timeslices, time.Hour, 0.9)
	pairs, dropped := o.Windows()
	if len(dropped) > 0 || pairs[0].Short != time.Hour || pairs[2].Short != 2*time.Hour {
		t.Errorf("pairs %v, dropped %v", pairs, dropped)
	}
	w := newWorld(t, o)
	w.traffic(4*time.Hour, time.Minute, 10, 0)
	w.traffic(2*time.Hour, time.Minute, 10, 0.5)
	if !w.alert(share, alertPage).firing {
		t.Error("does not page although two slices were bad")
	}
}

// TestSlicesOfThePast backfills a method from raw samples, then from slices on disk,
// then by another method, and from polls.
func TestSlicesOfThePast(t *testing.T) {
	w := newWorld(t)
	lset, _ := newParser().ParseMetric(goodSeries)
	bad, _ := newParser().ParseMetric(badSeries)
	first := w.now.Add(-5 * testDay)
	for i := range int64(5 * 24 * 60) {
		at := first.UnixMilli() + i*60_000
		w.store.put(lset, memSample{t: at, f: float64(100 * i)})
		w.store.put(bad, memSample{t: at, f: float64(20 * (i / 2))}) // every other minute
	}
	want := func(what string, bad, total float64) {
		t.Helper()
		w.engine.restoreAll(context.Background(), nil)
		w.tick()
		s, _ := w.engine.Status(share)
		if got := s.Total - s.Good; !near(got, bad, 0.02*total) || !near(s.Total, total, 0.02*total) {
			t.Errorf("%s: %v bad of %v, want about %v of %v", what, got, s.Total, bad, total)
		}
		day := first.Add(2 * testDay)
		g, n, err := w.engine.Counts(share, day, day.Add(testDay))
		if err != nil || !near(n, total/5, 3) || !near(n-g, bad/5, 3) {
			t.Errorf("%s: the third day has %v bad of %v, want %v of %v (%v)", what, n-g, n, bad/5, total/5, err)
		}
	}
	minutes := 5 * 24 * 60.
	load := func(o Objective) {
		t.Helper()
		if err := w.engine.Reload([]Objective{o}); err != nil {
			t.Fatal(err)
		}
	}
	load(sliced(Timeslices, time.Minute, 0.9))
	want("from raw samples", minutes/2, minutes)
	w.store.series = map[string]*memSeries{}
	w.opts.Objectives = []Objective{sliced(Timeslices, time.Minute, 0.9)}
	w.end(2)
	want("from slices on disk", minutes/2, minutes)
	load(sliced(RatioTimeslices, 10*time.Minute, 0))
	want("by ratio of ten minutes", minutes/10/11, minutes/10)
	// A target between the ratio of all and that of the bad minutes.
	load(sliced(Timeslices, 2*time.Minute, 0.9))
	want("of two minutes", 0, minutes/2)
}

// TestPolledSlices polls a past at large steps: each slice of a step counts.
func TestPolledSlices(t *testing.T) {
	w := newWorld(t)
	lset, _ := newParser().ParseMetric(`up{job="db"}`)
	for i := range int64(4 * 24 * 60) {
		v := 1.
		if i >= 2*24*60 {
			v = 0
		}
		w.store.put(lset, memSample{t: w.now.Add(-4*testDay).UnixMilli() + i*60_000, f: v})
	}
	o := sliced(Timeslices, time.Minute, 0.9, func(o *Objective) {
		o.SLI = SLI{ErrorRatioQuery: `1 - avg(avg_over_time(up{job="db"}[{{.window}}]))`}
	})
	if err := w.engine.Reload([]Objective{o}); err != nil {
		t.Fatal(err)
	}
	w.engine.restoreAll(context.Background(), nil)
	for range 8 {
		w.now = w.now.Add(pollStep)
		w.engine.poll(context.Background(), w.now.UnixMilli())
		w.tick()
	}
	bad, total := w.totals(share)
	if !near(total, 4*24*60, 60) || !near(bad, 2*24*60, 60) {
		t.Errorf("%v of %v minutes are bad", bad, total)
	}
	w.opts.Objectives = []Objective{o}
	w.end(2)
	w.tick()
	if b, n := w.totals(share); !near(n, total, 60) || !near(b, bad, 60) {
		t.Errorf("after a restart %v of %v", b, n)
	}
}

// FuzzSlicer reads slicers of a damaged snapshot.
func FuzzSlicer(f *testing.F) {
	s := newSlicer(sliced(Timeslices, time.Minute, 0.9))
	s.add(begin().UnixMilli(), 1, 2)
	s.close(begin().UnixMilli()+60_000, func(int64, float64, float64) {})
	f.Add(s.append(nil))
	f.Add([]byte{0})
	f.Add([]byte{200, 1, 2, 2})
	f.Fuzz(func(t *testing.T, data []byte) {
		r := snapReader{b: data}
		s := r.slicer()
		if r.bad || s == nil {
			return
		}
		again := snapReader{b: s.append(nil)}
		if other := again.slicer(); again.bad || len(other.cells) != len(s.cells) {
			t.Error("does not read what it wrote")
		}
	})
}
