package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
)

// course is that of the share objective over the last time.
func (w *world) course(back, step time.Duration) Course {
	w.t.Helper()
	c, err := w.engine.Course(share, w.now.Add(-back), w.now, step)
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// line writes one figure of each step.
func line(c Course, of func(CoursePoint) float64) string {
	var out []string
	for _, p := range c.Points {
		out = append(out, fmt.Sprintf("%.4g", of(p)))
	}
	return strings.Join(out, " ")
}

func ratioOf(p CoursePoint) float64 { return p.Ratio }
func shortOf(p CoursePoint) float64 { return p.Short }
func longOf(p CoursePoint) float64  { return p.Long }

// TestCourse compares a course with what its windows hold by hand: ten events a second,
// five minutes without and five with 0.5 % of errors; the budget is 0.1 %.
func TestCourse(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(15*time.Second, 15*time.Second, 10, 0) // the baseline
	began := w.now
	w.count(badSeries, 0)
	w.traffic(5*time.Minute, 15*time.Second, 10, 0)
	w.traffic(5*time.Minute, 15*time.Second, 10, 0.005)
	c := w.course(12*time.Minute, time.Minute)
	if c.Pair.Long != time.Hour || c.Pair.Short != 5*time.Minute || c.Pair.Factor != 14.4 || c.Threshold != 14.4 || c.Budget != 0.001 || c.Step != time.Minute {
		t.Errorf("%+v", c)
	}
	for want, of := range map[string]func(CoursePoint) float64{
		"NaN NaN 0 0 0 0 0 0.005 0.005 0.005 0.005 0.005": ratioOf,
		// Of the short window 1 to 5 minutes burn at 5.
		"NaN NaN 0 0 0 0 0 1 2 3 4 5": shortOf,
		// Of the long one as many among all minutes so far.
		"NaN NaN 0 0 0 0 0 0.8333 1.429 1.875 2.222 2.5": longOf,
		"NaN NaN 600 600 600 600 600 600 600 600 600 600": func(p CoursePoint) float64 {
			return p.Total
		},
		"NaN NaN 0 0 0 0 0 3 3 3 3 3": func(p CoursePoint) float64 { return p.Bad },
	} {
		if got := line(c, of); got != want {
			t.Errorf("got %s\nwant %s", got, want)
		}
	}
	if at := c.Points[2].At; !at.Equal(began.Add(time.Minute)) || !c.Points[11].At.Equal(w.now) {
		t.Errorf("the first known step ends %s, the last %s", at, c.Points[11].At)
	}
}

func TestCourseWithAGap(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(10*time.Minute, 15*time.Second, 10, 0.01)
	w.silence(3*time.Minute, 15*time.Second)
	blind := w.course(5*time.Minute, time.Minute)
	if got := line(blind, ratioOf); got != "0.01 0.01 NaN NaN NaN" {
		t.Errorf("while nothing arrives: %s", got)
	}
	if got := line(blind, shortOf); got != "10 10 NaN NaN NaN" {
		t.Errorf("burn while nothing arrives: %s", got)
	}
	// The counters went on meanwhile; their increase shows when it is reported.
	w.traffic(2*time.Minute, 15*time.Second, 10, 0.05)
	if got := line(w.course(5*time.Minute, time.Minute), ratioOf); got != "NaN NaN NaN 0.05 0.05" {
		t.Errorf("after the gap: %s", got)
	}
	// Events cease, telemetry does not.
	for range 8 {
		w.now = w.now.Add(15 * time.Second)
		w.count(goodSeries, 0)
		w.tick()
	}
	idle := w.course(2*time.Minute, time.Minute)
	if got := line(idle, ratioOf); got != "NaN NaN" || idle.Points[1].Total != 0 {
		t.Errorf("without events: %s, %v events", got, idle.Points[1].Total)
	}
	if got := line(w.course(2*time.Minute, time.Minute), shortOf); strings.Contains(got, "NaN") {
		t.Errorf("the windows of an idle minute hold events: %s", got)
	}
}

func TestCourseWithACorrection(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.now = w.now.Truncate(time.Minute)
	w.traffic(10*time.Minute, 15*time.Second, 10, 0.01)
	w.traffic(2*time.Minute, 15*time.Second, 10, 0.5)
	w.traffic(3*time.Minute, 15*time.Second, 10, 0.01)
	w.correct(-5*time.Minute, -3*time.Minute)
	w.tick()
	c := w.course(6*time.Minute, time.Minute)
	if got := line(c, ratioOf); got != "0.01 NaN NaN 0.01 0.01 0.01" {
		t.Errorf("ratios %s", got)
	}
	if got := line(c, shortOf); got != "10 NaN NaN 10 10 10" {
		t.Errorf("burn of the short window %s", got)
	}
	if got := line(c, longOf); got != "10 NaN NaN 10 10 10" {
		t.Errorf("burn of the long window %s", got)
	}
}

// TestCourseShowsThePairThatFires: whose windows are shown follows the page.
func TestCourseShowsThePairThatFires(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(4*time.Hour, 15*time.Second, 10, 0.008)
	c := w.course(time.Hour, time.Minute)
	if c.Pair.Long != 6*time.Hour || c.Pair.Short != 30*time.Minute || c.Threshold != 6 {
		t.Errorf("while the slow page fires: %+v, %v", c.Pair, c.Threshold)
	}
	if p := c.Points[59]; !near(p.Short, 8, 0.2) || !near(p.Long, 8, 0.2) {
		t.Errorf("burn %v and %v", p.Short, p.Long)
	}
	ticket := shareObjective(func(o *Objective) { o.Alerting.Page.Disabled = true })
	if c := newWorld(t, ticket).course(time.Hour, time.Minute); c.Pair.Severity != Ticket || c.Pair.Long != testDay || c.Threshold != 3 {
		t.Errorf("without a page: %+v, %v", c.Pair, c.Threshold)
	}
	none := shareObjective(func(o *Objective) { o.Alerting.Page.Disabled, o.Alerting.Ticket.Disabled = true, true })
	if c := newWorld(t, none).course(time.Hour, time.Minute); c.Pair.Long != time.Hour || c.Threshold != 0 {
		t.Errorf("without alerts: %+v, %v", c.Pair, c.Threshold)
	}
	// A campaign of two hours brings the threshold down.
	w = newWorld(t, shareObjective())
	w.hours(24*31, 1, 0)
	w.traffic(time.Hour, 15*time.Second, 100, 0)
	if c := w.course(time.Hour, time.Minute); c.Pair.Factor != 14.4 || c.Threshold >= 1.5 {
		t.Errorf("under heavy traffic: factor %v, threshold %v", c.Pair.Factor, c.Threshold)
	}
}

func TestCourseErrors(t *testing.T) {
	w := newWorld(t, shareObjective())
	ask := func(id string, back, step time.Duration) error {
		_, err := w.engine.Course(id, w.now.Add(-back), w.now, step)
		return err
	}
	if err := ask("nothing", time.Hour, time.Minute); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	for _, d := range [][2]time.Duration{{time.Hour, 0}, {time.Hour, -1}, {-time.Hour, time.Minute}, {time.Second, time.Minute}, {testDay, time.Second}} {
		if err := ask(share, d[0], d[1]); err == nil || !strings.Contains(err.Error(), "1 to 10000 steps") {
			t.Errorf("%s in steps of %s: %v", d[0], d[1], err)
		}
	}
	w.engine.track(share).restoring = true
	if err := ask(share, time.Hour, time.Minute); !errors.Is(err, ErrRestoring) {
		t.Error(err)
	}
}

func TestCourseWhileAllRuns(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(10*time.Minute, 15*time.Second, 10, 0.01)
	from, to := w.now.Add(-10*time.Minute), w.now
	var wg sync.WaitGroup
	done := make(chan struct{})
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				c, err := w.engine.Course(share, from, to, time.Minute)
				if err != nil || c.Points[9].Ratio != 0.01 {
					t.Errorf("%v %v", c.Points, err)
					return
				}
				if where, err := w.engine.Where(context.Background(), share, from, to); err != nil || !near(where.Total, 5850, 200) {
					t.Errorf("%+v %v", where, err)
					return
				}
			}
		})
	}
	// Within the same time: the clock of this world is not guarded.
	for i := range 2000 {
		lset, err := newParser().ParseMetric(goodSeries)
		if err != nil {
			t.Fatal(err)
		}
		w.engine.Observe(w.engine.Watch(lset), 0, to.UnixMilli()+int64(i), w.values[goodSeries]+float64(i), nil)
		w.engine.Evaluate(context.Background())
	}
	close(done)
	wg.Wait()
}

func TestEvidence(t *testing.T) {
	p, since := Pair{Long: time.Hour, Short: 5 * time.Minute}, begin()
	for _, tc := range []struct{ after, from time.Duration }{{0, -5 * time.Minute}, {20 * time.Minute, -5 * time.Minute}, {3 * time.Hour, 2 * time.Hour}} {
		if got := p.Evidence(since, since.Add(tc.after)).Sub(since); got != tc.from {
			t.Errorf("%s after it fired: from %s, want %s", tc.after, got, tc.from)
		}
	}
	slow := Pair{Long: 3 * testDay, Short: 6 * time.Hour}
	if got := slow.Evidence(since, since).Sub(since); got != -time.Hour {
		t.Errorf("of a slow pair: from %s", got)
	}
}

func TestObjectiveOf(t *testing.T) {
	twin := func(id string) Objective {
		return shareObjective(func(o *Objective) { o.ID, o.Service, o.SLO = id, "twin", "same" })
	}
	w := newWorld(t, byRoute(), twin("one"), twin("two"), shareObjective(func(o *Objective) { o.ID, o.Service, o.SLO = "custom", "cart", "latency" }))
	w.count(routed("/a", "200"), 1)
	for _, tc := range []struct{ labels, want string }{
		{"sloth_id=share-requests", share},
		{"sloth_id=share-requests:~a service=x", share + ":~a"},
		{"sloth_service=share sloth_slo=requests service=k8s slo=other", share},
		{"sloth_id=gone sloth_service=cart sloth_slo=latency", "custom"},
		{"service=cart slo=latency", "custom"},
		{"service=cart slo=unknown", ""},
		{"service=cart", ""},
		{"service=twin slo=same", ""},
		{"sloth_id=gone", ""},
		{"", ""},
	} {
		ls := map[string]string{}
		for l := range strings.FieldsSeq(tc.labels) {
			name, value, _ := strings.Cut(l, "=")
			ls[name] = value
		}
		if id, ok := w.engine.ObjectiveOf(ls); id != tc.want || ok != (tc.want != "") {
			t.Errorf("%s: %q %v, want %q", tc.labels, id, ok, tc.want)
		}
	}
	// The alerts of our own name their objective.
	if id, ok := w.engine.ObjectiveOf(w.engine.track("custom").obj.AlertLabels(Page)); !ok || id != "custom" {
		t.Errorf("our own alert: %q", id)
	}
}

// BenchmarkCourse reads a course of 360 steps, without and with a correction.
func BenchmarkCourse(b *testing.B) {
	e, _, now := many(b, 1)
	run := func(b *testing.B) {
		b.Helper()
		b.ReportAllocs()
		for b.Loop() {
			c, err := e.Course("o-0", now.Add(-time.Hour), *now, 10*time.Second)
			if err != nil || len(c.Points) != 360 || math.IsNaN(c.Points[300].Long) {
				b.Fatal(len(c.Points), err)
			}
		}
	}
	b.Run("plain", run)
	if _, err := e.Correct(context.Background(), Correction{Objective: "o-0", From: now.Add(-40 * time.Minute), To: now.Add(-30 * time.Minute), Author: "ana", Reason: "test"}); err != nil {
		b.Fatal(err)
	}
	b.Run("corrected", run)
}
