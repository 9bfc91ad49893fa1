package rules

import (
	"fmt"
	"testing"
	"time"
)

const share = "share-requests"

// eachPair runs a test for each window pair with the others disabled.
func eachPair(t *testing.T, f func(w *world, p Pair, kind alertKind)) {
	t.Helper()
	for i, p := range PairsFor(30 * testDay) {
		t.Run(fmt.Sprintf("%s %s", p.Severity, p), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shareObjective())
			p := w.only(share, i)
			kind := alertPage
			if p.Severity == Ticket {
				kind = alertTicket
			}
			f(w, p, kind)
		})
	}
}

// step is how often the samples of a pair's test arrive.
func (p Pair) step() time.Duration { return max(15*time.Second, p.Long/2000) }

func TestFlatBelowThresholdIsSilent(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		for range 20 {
			w.traffic(p.Long/10, p.step(), 100, 0.9*p.Factor*0.001)
			if w.alert(share, kind).firing {
				w.t.Fatal("fires at 0.9 of the threshold")
			}
		}
	})
}

func TestFlatAboveThresholdFiresInTime(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		w.traffic(p.Long+time.Hour, p.step(), 100, 0)
		start := w.now
		r := 1.1 * p.Factor * 0.001
		// From no errors at all: t = f·e·L/r, and two evaluations.
		limit := time.Duration(p.Factor*0.001*float64(p.Long)/r) + 2*p.step()
		for !w.alert(share, kind).firing {
			w.traffic(p.step(), p.step(), 100, r)
			if w.now.Sub(start) > limit {
				w.t.Fatalf("not firing after %s, want %s", w.now.Sub(start), limit)
			}
		}
		if took := w.now.Sub(start); took < limit*9/10 {
			w.t.Errorf("fires after %s, too early for %s", took, limit)
		}
	})
}

func TestRecoveryResetsByTheShortWindow(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		w.traffic(p.Long+time.Hour, p.step(), 100, 0)
		for !w.alert(share, kind).firing {
			w.traffic(p.step(), p.step(), 100, min(1, 3*p.Factor*0.001))
		}
		good := w.now
		for w.alert(share, kind).firing {
			w.traffic(p.step(), p.step(), 100, 0)
			if w.now.Sub(good) > p.Short+2*time.Minute {
				w.t.Fatalf("still firing %s after recovery, want about %s", w.now.Sub(good), p.Short)
			}
		}
		last := w.sent[len(w.sent)-1]
		if last.ResolvedAt.IsZero() {
			w.t.Errorf("the end was not sent: %v", last)
		}
	})
}

func TestResetInTheWindowCountsNothingTwice(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		for range 12 {
			w.traffic(p.Long/8, p.step(), 100, 0.8*p.Factor*0.001)
			// The process restarts: its counters begin at 0.
			w.values[goodSeries], w.values[badSeries] = 0, 0
			if w.alert(share, kind).firing {
				w.t.Fatal("a reset of the counters made it fire")
			}
		}
	})
}

func TestMissingBadSeriesMeansNoErrors(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective())
	w.traffic(2*time.Hour, 15*time.Second, 100, 0)
	s, _ := w.engine.Status(share)
	if s.State != StateHealthy || s.NoData || s.BudgetRemaining != 1 || s.Total == 0 {
		t.Errorf("got %+v", s)
	}
}

func TestSilenceNeverResolvesAndPages(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		w.traffic(p.Long+time.Hour, p.step(), 100, 0)
		for !w.alert(share, kind).firing {
			w.traffic(p.step(), p.step(), 100, min(1, 3*p.Factor*0.001))
		}
		dark := w.now
		for !w.alert(share, alertLost).firing {
			w.silence(p.step(), p.step())
			if w.now.Sub(dark) > max(lostAfter, 4*p.step())+2*p.step() {
				w.t.Fatalf("no TelemetryLost after %s", w.now.Sub(dark))
			}
		}
		w.silence(2*p.Long, p.step())
		if !w.alert(share, kind).firing {
			w.t.Fatal("silence resolved the alert")
		}
		if s, _ := w.engine.Status(share); s.State != StateUnknown || s.BlindSince.IsZero() {
			w.t.Errorf("state is %s, blind since %s", s.State, s.BlindSince)
		}
		var lost bool
		for _, a := range w.sent {
			if a.Labels.Get("alertname") == lostName {
				lost = true
				if a.Labels.Get("severity") != "page" || a.Labels.Get("service") != "share" {
					w.t.Errorf("labels of silence: %s", a.Labels)
				}
			}
		}
		if !lost {
			w.t.Error("TelemetryLost was not sent")
		}
		w.traffic(p.Short+10*p.step(), p.step(), 100, 0)
		if w.alert(share, alertLost).firing {
			w.t.Error("TelemetryLost still fires although data is back")
		}
	})
}

func TestOneFailureAtLowVolumeIsSilent(t *testing.T) {
	t.Parallel()
	eachPair(t, func(w *world, p Pair, kind alertKind) {
		// 20 events in the long window, one of them bad: 5 %.
		w.traffic(2*p.Long, p.step(), 20/p.Long.Seconds(), 0)
		w.count(badSeries, 0)
		w.now = w.now.Add(p.step())
		w.count(badSeries, 1)
		w.tick()
		if w.alert(share, kind).firing {
			w.t.Error("a single failure fires")
		}
	})
}

func TestSpikePages(t *testing.T) {
	t.Parallel()
	// The table of slo-maths: a campaign at 50 times the traffic, minutes until each
	// pair fires, 0 for never within its two hours.
	for _, c := range []struct {
		ratio                    float64
		fast, slow, day, dynamic float64
	}{
		{0.05, 1, 1, 2, 1},
		{0.01, 0, 11, 13, 2},
		{0.005, 0, 0, 42, 4},
		{0.003, 0, 0, 0, 6},
	} {
		t.Run(percent(c.ratio), func(t *testing.T) {
			t.Parallel()
			classic := func(p *Pair) { p.Budget = 1e9 }
			for name, v := range map[string]struct {
				place int
				edit  func(*Pair)
				want  float64
			}{"14.4": {0, classic, c.fast}, "6": {1, classic, c.slow}, "3": {2, classic, c.day}, "volume-aware": {0, func(*Pair) {}, c.dynamic}} {
				got := campaign(t, c.ratio, v.place, v.edit)
				t.Logf("%s: %v minutes", name, got)
				if !near(got, v.want, 1) || (v.want == 0) != (got == 0) {
					t.Errorf("%s pair at %s: fires after %v minutes, want %v", name, percent(c.ratio), got, v.want)
				}
			}
		})
	}
}

// campaign runs 30 quiet days and a spike, and returns the minutes until a pair
// fires, at least 1, or 0 if it does not.
func campaign(t *testing.T, ratio float64, place int, edit func(*Pair)) float64 {
	t.Helper()
	w := newWorld(t, shareObjective())
	w.only(share, place)
	edit(&w.engine.track(share).judge.pairs[0])
	w.traffic(27*testDay, 10*time.Minute, 100, 0)
	w.traffic(3*testDay, time.Minute, 100, 0)
	start := w.now
	kind := alertPage
	if place >= 2 {
		kind = alertTicket
	}
	for w.now.Sub(start) < 2*time.Hour {
		w.traffic(15*time.Second, 15*time.Second, 5000, ratio)
		if w.alert(share, kind).firing {
			return max(1, w.now.Sub(start).Minutes())
		}
	}
	return 0
}

func TestYoungObjectiveIsNotRuined(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective())
	w.traffic(10*time.Minute, 15*time.Second, 1, 0.002)
	s, _ := w.engine.Status(share)
	if s.BudgetRemaining < 0.99 {
		t.Errorf("after ten minutes at twice the allowed ratio %v of the budget is left, want nearly all", s.BudgetRemaining)
	}
	if s.State == StateExhausted {
		t.Error("ten minutes exhausted a month's budget")
	}
}

func TestThreshold(t *testing.T) {
	p := PairsFor(30 * testDay)[0]
	hour := time.Hour.Milliseconds()
	for name, c := range map[string]struct {
		volume, long float64
		covered      int64
		want         float64
	}{
		"flat":                      {720, 1, 720 * hour, 14.4},
		"fifty times":               {720 + 49, 50, 720 * hour, 1},
		"three times":               {720 + 2, 3, 720 * hour, 0.02 * 722 / 3},
		"night never raises it":     {720, 0.1, 720 * hour, 14.4},
		"not covered: classic":      {720, 50, hour - 1, 14.4},
		"no events: classic":        {720, 0, 720 * hour, 14.4},
		"never below the objective": {720, 720, 720 * hour, 1},
	} {
		if got := threshold(&p, c.volume, c.long, c.covered); !near(got, c.want, 1e-9) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}

func TestFullOutagePagesIn52Seconds(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective())
	w.only(share, 0)
	w.traffic(2*time.Hour, time.Second, 100, 0)
	start := w.now
	for !w.alert(share, alertPage).firing && w.now.Sub(start) < 5*time.Minute {
		w.traffic(time.Second, time.Second, 100, 1)
	}
	if took := w.now.Sub(start).Seconds(); took < 51 || took > 54 {
		t.Errorf("a full outage pages after %v s, want 51.84 and two evaluations", took)
	}
}
