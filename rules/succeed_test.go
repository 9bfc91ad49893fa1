package rules

import (
	"testing"
	"time"
)

// TestLengthenedPeriodIsCountedFromRawSamples adds an objective late and then lets it
// look further back than its slices reach.
func TestLengthenedPeriodIsCountedFromRawSamples(t *testing.T) {
	over := func(d time.Duration) Objective { return shareObjective(func(o *Objective) { o.Period = d }) }
	for name, lengthen := range map[string]func(*world){
		"while running": func(w *world) { w.reload(over(4 * testDay)) },
		"while stopped": func(w *world) {
			w.stop()
			w.opts.Objectives = []Objective{over(4 * testDay)}
			w.start()
		},
		"while killed": func(w *world) {
			w.opts.Objectives = []Objective{over(4 * testDay)}
			w.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t)
			w.hours(3*24, 10, 0.001)
			w.reload(over(testDay))
			w.hours(2, 10, 0.001)
			if s := w.status(share); !near(s.Total, 864000, 1) {
				t.Fatalf("%v events in a day", s.Total)
			}
			lengthen(w)
			w.tick()
			s := w.status(share)
			if want := float64((74*3600 - 60) * 10); !near(s.Total, want, 1e-3) || !near(s.Total-s.Good, want/1000, 1e-3) || s.Coverage < 0.99 {
				t.Errorf("%v bad of %v, coverage %v; want %v in all", s.Total-s.Good, s.Total, s.Coverage, want)
			}
			tally, err := w.engine.Tally(t.Context(), share, w.now.Add(-60*time.Hour), w.now.Add(-50*time.Hour))
			if err != nil || !near(tally.Total, 360000, 1e-3) {
				t.Errorf("the slices of a time before the objective hold %+v (%v)", tally, err)
			}
		})
	}
}

// TestQueriesEditedWhileStopped: what the last version counted until the end stays as
// it counted it, to the last minute.
func TestQueriesEditedWhileStopped(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.keepBooks()
	w.hours(3, 10, 0.5)
	if !firing(w.status(share), Page) {
		t.Fatal("does not fire")
	}
	w.stop()
	w.opts.Objectives = []Objective{shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum(rate(http_requests_total{job="share",code="999"}[{{.window}}]))`
	})}
	w.now = w.now.Add(time.Second)
	w.start()
	w.tick()
	s := w.status(share)
	if bad := s.Total - s.Good; !near(bad, 5*(3*3600-60), 1e-3) {
		t.Errorf("%v bad events, want all of the old version", bad)
	}
	if !firing(s, Page) {
		t.Error("the edit forgot that the page fires")
	}
	w.traffic(10*time.Minute, time.Minute, 10, 0.5)
	if again := w.status(share); again.Total-again.Good != s.Total-s.Good {
		t.Errorf("the new version counted %v bad events", again.Total-again.Good-(s.Total-s.Good))
	}
}
