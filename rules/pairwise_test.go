package rules

import (
	"math"
	"testing"
	"time"
)

// Here are the tests every window pair must pass that compare a world with its twin:
// the same events, told in another way.

// sameNumbers compares the only pair of two worlds.
func sameNumbers(t *testing.T, what string, got, want *world, kind alertKind) {
	t.Helper()
	g, _ := got.engine.Status(share)
	w, _ := want.engine.Status(share)
	a, b := g.Windows[0], w.Windows[0]
	// A window's edge is known to 2 % of its length.
	alike := func(x, y float64) bool { return near(x, y, 0.02*math.Max(math.Abs(x), math.Abs(y))+1e-9) }
	if !alike(a.LongBurn, b.LongBurn) || !alike(a.ShortBurn, b.ShortBurn) || !alike(a.Total, b.Total) || !near(g.BudgetRemaining, w.BudgetRemaining, 1e-3) {
		t.Errorf("%s: burns %v and %v of %v events, %v of the budget left; want %v and %v of %v, %v", what,
			a.LongBurn, a.ShortBurn, a.Total, g.BudgetRemaining, b.LongBurn, b.ShortBurn, b.Total, w.BudgetRemaining)
	}
	if got.alert(share, kind).firing != want.alert(share, kind).firing {
		t.Errorf("%s: fires %t, want %t", what, got.alert(share, kind).firing, want.alert(share, kind).firing)
	}
}

// twin is a second world like w, with its only pair.
func twin(t *testing.T, place int) *world {
	t.Helper()
	w := newWorld(t, shareObjective())
	w.only(share, place)
	return w
}

func placeOf(p Pair) int {
	for i, q := range PairsFor(30 * testDay) {
		if q.Long == p.Long {
			return i
		}
	}
	return -1
}

// errors is the error ratio of a story with an outage in it.
func (p Pair) errors(done time.Duration) float64 {
	if done > p.Long+p.Long/10 {
		return min(1, 3*p.Factor*0.001)
	}
	return 0.1 * p.Factor * 0.001
}

func TestLateSamplesOfAPair(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		other := twin(w.t, placeOf(p))
		type held struct {
			series string
			at     time.Time
			v      float64
		}
		var late []held
		steps := int((p.Long + p.Long/2) / p.step())
		for i := range steps {
			ratio := p.errors(time.Duration(i) * p.step())
			if i == steps/3 {
				// The process restarts: late samples lie on both sides of the reset.
				w.values[goodSeries], w.values[badSeries] = 0, 0
				other.values[goodSeries], other.values[badSeries] = 0, 0
			}
			other.traffic(p.step(), p.step(), 100, ratio)
			w.now = other.now
			for _, series := range []string{goodSeries, badSeries} {
				w.values[series] = other.values[series]
				// Every seventh sample, and those around the reset, come three later.
				if i%7 == 3 || i == steps/3-1 || i == steps/3 {
					late = append(late, held{series, w.now, w.values[series]})
					continue
				}
				w.put(series, w.now, w.values[series])
			}
			for len(late) > 0 && w.now.Sub(late[0].at) >= 3*p.step() {
				w.put(late[0].series, late[0].at, late[0].v)
				late = late[1:]
			}
			w.recount()
			w.tick()
		}
		for _, h := range late {
			w.put(h.series, h.at, h.v)
		}
		w.recount()
		w.tick()
		sameNumbers(w.t, "late samples", w, other, kind)
		if !other.alert(share, kind).firing {
			w.t.Error("the outage does not fire at all")
		}
	})
}

func TestRestartGapOfAPair(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		place := placeOf(p)
		other := twin(w.t, place)
		steps := int((p.Long + p.Long/2) / p.step())
		down := steps * 3 / 4 // as the outage begins
		for i := range steps {
			ratio := p.errors(time.Duration(i) * p.step())
			other.traffic(p.step(), p.step(), 100, ratio)
			w.now = other.now
			for _, series := range []string{goodSeries, badSeries} {
				w.values[series] = other.values[series]
				w.put(series, w.now, w.values[series])
			}
			switch {
			case i == down:
				w.house()
				w.stop()
			case i == down+40:
				// The store took the samples meanwhile; nobody counted them.
				w.start()
				w.only(share, place)
				w.tick()
			case i < down || i > down+40:
				w.tick()
			}
		}
		sameNumbers(w.t, "the gap of a restart", w, other, kind)
	})
}

// Without a series of bad events and with one that ends, there are no bad events.
func TestMissingBadSeriesOfAPair(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		w.traffic(p.Long, p.step(), 100, 0)
		if w.alert(share, kind).firing {
			w.t.Fatal("fires without any bad event")
		}
		for !w.alert(share, kind).firing {
			w.traffic(p.step(), p.step(), 100, min(1, 3*p.Factor*0.001))
		}
		// The instance that failed is gone and with it its series; the others serve.
		for end := w.now.Add(p.Short + 3*time.Minute); w.now.Before(end); {
			w.now = w.now.Add(p.step())
			w.count(goodSeries, 100*p.step().Seconds())
			w.tick()
		}
		if w.alert(share, kind).firing {
			w.t.Error("fires although only good events arrive")
		}
	})
}
