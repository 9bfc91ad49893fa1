package rules

import (
	"testing"
	"time"
)

// rest lets a day and an hour pass in which goodSeries alone reports, and forgets
// who was silent.
func (w *world) rest() {
	w.now = w.now.Add(25 * time.Hour)
	w.put(goodSeries, w.now, w.values[goodSeries])
	w.tick()
	w.engine.forgetIdle(w.now.UnixMilli())
	w.ids = map[string]uint64{}
}

// TestReturnAfterIdleness lets a series be silent for so long that it is forgotten:
// when it returns, only what is new counts, whatever happened to the process.
func TestReturnAfterIdleness(t *testing.T) {
	for _, how := range []int{none, 0, 1} {
		for _, start := range []time.Time{begin().Add(5 * time.Second), {}} {
			w, _ := forgetful(t, shareObjective())
			w.now = w.now.Add(10 * time.Second)
			w.putStarted(podB, w.now, start, 60)
			w.now = w.now.Add(15 * time.Second)
			w.putStarted(podB, w.now, start, 100)
			_, before := w.totals(share)
			w.rest()
			if x, _ := w.engine.Explain(share); x.SeriesCount != 1 {
				t.Fatalf("%d series are watched, want the one that reports", x.SeriesCount)
			}
			w.end(how)
			w.now = w.now.Add(15 * time.Second)
			w.putStarted(podB, w.now, start, 110)
			if _, after := w.totals(share); after-before != 10 {
				t.Errorf("ended by %d, start %v: counted %v on return, want 10", how, start, after-before)
			}
			w.now = w.now.Add(15 * time.Second)
			w.putStarted(podB, w.now, w.now.Add(-time.Second), 120)
			if _, after := w.totals(share); after-before != 10+120 {
				t.Errorf("ended by %d: counted %v, want a new life to count in full", how, after-before)
			}
		}
	}
}

// TestReturnWhoseCountIsUnknown: when neither memory nor snapshot knows where the
// series stood, but its life was counted before, its return is a baseline.
func TestReturnWhoseCountIsUnknown(t *testing.T) {
	w, _ := forgetful(t, shareObjective())
	start := w.now.Add(5 * time.Second)
	w.now = w.now.Add(10 * time.Second)
	w.putStarted(podB, w.now, start, 100)
	w.now = w.now.Add(time.Hour)
	w.put(goodSeries, w.now, 0)
	w.house()
	for range 3 {
		w.rest()
	}
	w.engine.write(t.Context(), w.now.UnixMilli())
	w.end(2)
	_, before := w.totals(share)
	w.now = w.now.Add(15 * time.Second)
	w.putStarted(podB, w.now, start, 110)
	w.now = w.now.Add(15 * time.Second)
	w.putStarted(podB, w.now, start, 113)
	if _, after := w.totals(share); after-before != 3 {
		t.Errorf("counted %v after the return, want 3", after-before)
	}
}

// TestReturnFoundByARestart reports the return while the process is away: the restart
// finds in the store where the series stood, however long ago.
func TestReturnFoundByARestart(t *testing.T) {
	w, _ := forgetful(t, shareObjective())
	start := w.now.Add(5 * time.Second)
	w.now = w.now.Add(10 * time.Second)
	w.putStarted(podB, w.now, start, 100)
	for range 4 {
		w.rest()
	}
	w.engine.write(t.Context(), w.now.UnixMilli())
	_, before := w.totals(share)
	w.now = w.now.Add(15 * time.Second)
	lset, _ := newParser().ParseMetric(podB)
	w.keep(lset, memSample{t: w.now.UnixMilli(), f: 110})
	w.engine.births.note(lset, sample{t: w.now.UnixMilli(), start: start.UnixMilli()})
	w.end(2)
	if _, after := w.totals(share); after-before != 10 {
		t.Errorf("counted %v while away, want 10", after-before)
	}
}

// TestParkedCountersEnd bounds the memory of forgotten series by the period.
func TestParkedCountersEnd(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) { o.Period = 2 * testDay }))
	start := w.now.Add(5 * time.Second)
	w.now = w.now.Add(10 * time.Second)
	w.putStarted(podB, w.now, start, 100)
	w.rest()
	tr := w.engine.track(share)
	if len(tr.parked) != 1 {
		t.Fatalf("%d counters are parked, want 1", len(tr.parked))
	}
	for range 3 {
		w.rest()
	}
	if len(tr.parked) != 0 {
		t.Errorf("%d counters are parked after the period", len(tr.parked))
	}
	_, before := w.totals(share)
	w.putStarted(podB, w.now, start, 110)
	if _, after := w.totals(share); after != before {
		t.Errorf("a life older than the period counted %v", after-before)
	}
}

// TestStoreThatRemembersTheForgotten: the store may still know a series that the
// engine forgot, and then reports it under its old id. It is asked to offer it again,
// and nothing is lost.
func TestStoreThatRemembersTheForgotten(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.put(podB, w.now, 100)
	id := w.ids[podB]
	w.rest()
	offered := 0
	w.engine.rewatch = func() { offered++ }
	lset, _ := newParser().ParseMetric(podB)
	report := func(v float64) {
		w.now = w.now.Add(15 * time.Second)
		w.keep(lset, memSample{t: w.now.UnixMilli(), f: v})
		w.engine.Observe(id, 0, w.now.UnixMilli(), v, nil)
	}
	w.engine.reoffer()
	if offered != 0 {
		t.Fatal("series are offered again without need")
	}
	report(110)
	w.engine.reoffer()
	w.engine.reoffer()
	if offered != 1 {
		t.Fatalf("the store was asked %d times, want once", offered)
	}
	id = w.engine.Watch(lset)
	report(115)
	w.wantTotals(0, 15)
}
