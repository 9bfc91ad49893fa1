package rules

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/store"
)

// keepBooks gives a world a database that outlives its restarts.
func (w *world) keepBooks() *sql.DB {
	w.t.Helper()
	db, err := store.OpenState(filepath.Join(w.t.TempDir(), "state.db"))
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = db.Close() })
	w.opts.DB = db
	w.start()
	return db
}

func (w *world) status(id string) Status {
	w.t.Helper()
	s, ok := w.engine.Status(id)
	if !ok {
		w.t.Fatalf("no objective %q", id)
	}
	return s
}

func (w *world) reload(objectives ...Objective) {
	w.t.Helper()
	w.engine.rewatch = func() { w.ids = map[string]uint64{} }
	if err := w.engine.Reload(objectives); err != nil {
		w.t.Fatal(err)
	}
	w.engine.restoreAll(context.Background(), nil)
	w.opts.Objectives = objectives
}

// correct takes out the time from until to, which are relative to now.
func (w *world) correct(from, to time.Duration) Correction {
	w.t.Helper()
	c, err := w.engine.Correct(context.Background(), Correction{
		Objective: share, From: w.now.Add(from), To: w.now.Add(to), Author: "ana", Reason: "load test",
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return c
}

// hours is traffic with the housekeeping that a running engine does meanwhile.
func (w *world) hours(n int, rate, errorRatio float64) {
	for range n {
		w.traffic(time.Hour, time.Minute, rate, errorRatio)
		w.house()
	}
}

func withTarget(target float64) Objective {
	return shareObjective(func(o *Objective) { o.Target = target })
}

// TestEditedTargetDoesNotJudgeThePast runs two days at 0.05 % errors and 99.9 %: half
// of what they allow. Then 99.99 % is promised: the past keeps its own budget.
func TestEditedTargetDoesNotJudgeThePast(t *testing.T) {
	for name, end := range map[string]func(*world){
		"running on": func(*world) {},
		"restart":    func(w *world) { w.stop(); w.start() },
		"kill":       func(w *world) { w.start() },
		"no snapshot": func(w *world) {
			w.house()
			w.opts.SnapshotPath = ""
			w.path = ""
			w.start()
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, withTarget(0.999))
			w.keepBooks()
			w.hours(48, 100, 0.0005)
			before := w.status(share)
			w.reload(withTarget(0.9999))
			w.traffic(2*time.Minute, time.Minute, 100, 0)
			if s := w.status(share); firing(s, Page) || firing(s, Ticket) {
				t.Errorf("the edit alerts about the past: %+v", s.Windows)
			}
			w.hours(24, 100, 0.00005)
			end(w)
			w.tick()
			s := w.status(share)
			if !near(before.BudgetRemaining, 1-0.5*2/30, 0.001) {
				t.Fatalf("%v of the budget left before the edit", before.BudgetRemaining)
			}
			// Two days at 0.1 % and one at 0.01 %, and for the 27 to come the new budget.
			day := 100 * 86400.0
			allowed := 2*day*0.001 + 28*day*0.0001
			want := 1 - (2*day*0.0005+day*0.00005)/allowed
			if !near(s.BudgetRemaining, want, 0.002) {
				t.Errorf("%v of the budget left, want %v", s.BudgetRemaining, want)
			}
			if s.Objective.Target != 0.9999 || s.Windows[0].LongBurn < 0.45 || s.Windows[0].LongBurn > 0.55 {
				t.Errorf("target %v, burn %v: want the new one and 0.5", s.Objective.Target, s.Windows[0].LongBurn)
			}
		})
	}
}

func firing(s Status, sev Severity) bool {
	for _, a := range s.Alerts {
		if a.Severity == sev && a.State == AlertFiring {
			return true
		}
	}
	return false
}

// TestCorrectionTakesTimeOut corrects an hour of errors and compares every figure with
// those of a world in which that hour's traffic never was.
func TestCorrectionTakesTimeOut(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.keepBooks()
	w.hours(10, 10, 0.0001)
	w.hours(1, 10, 0.9)
	dirty := w.status(share)
	if !firing(dirty, Page) || dirty.State != StateExhausted {
		t.Fatalf("an hour of 90%% errors: state %s, alerts %+v", dirty.State, dirty.Alerts)
	}
	c := w.correct(-time.Hour, 0)
	w.traffic(10*time.Minute, time.Minute, 10, 0.0001)
	s := w.status(share)
	if firing(s, Page) || s.State != StateHealthy || !near(s.BudgetRemaining, 0.9, 0.1) {
		t.Errorf("corrected: state %s, %v left, alerts %+v", s.State, s.BudgetRemaining, s.Alerts)
	}
	if !near(s.Total, (10*3600+600-60)*10, 1) || s.Uncorrected == nil || !near(s.Uncorrected.Total-s.Total, 36000, 1) ||
		s.Uncorrected.BudgetRemaining > 0 {
		t.Errorf("total %v, uncorrected %+v", s.Total, s.Uncorrected)
	}
	if s.Coverage < 0.99 {
		t.Errorf("coverage %v: what is taken out is not expected either", s.Coverage)
	}
	tally, err := w.engine.Tally(context.Background(), share, w.now.Add(-2*time.Hour), w.now)
	if err != nil || !near(tally.Total, 36000, 1) || !near(tally.RawTotal, 72000, 1) || tally.Corrected != time.Hour || tally.Unseen > 0 ||
		!near(tally.Allowed, 36, 0.01) {
		t.Errorf("tally %+v (%v)", tally, err)
	}
	w.start() // killed
	w.tick()
	if again := w.status(share); !near(again.Total, s.Total, 1e-6) || again.Uncorrected == nil {
		t.Errorf("after a kill %v events, want %v", again.Total, s.Total)
	}
	if got := w.engine.Corrections(share); len(got) != 1 || got[0].Reason != "load test" || got[0].Author != "ana" {
		t.Errorf("kept %+v", got)
	}
	if _, err := w.engine.Revoke(context.Background(), c.ID, "ben"); err != nil {
		t.Fatal(err)
	}
	w.tick()
	if s := w.status(share); s.Uncorrected != nil || !near(s.Total, (11*3600+600-60)*10, 1) || s.State != StateExhausted {
		t.Errorf("revoked: %v events, state %s", s.Total, s.State)
	}
	if got := w.engine.Corrections(""); len(got) != 1 || got[0].RevokedBy != "ben" {
		t.Errorf("kept %+v", got)
	}
}

// TestCorrectionLongAgo places a correction where memory is coarse: the slices on disk
// make its edges exact.
func TestCorrectionLongAgo(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(37*time.Minute, time.Minute, 10, 0)
	w.traffic(20*time.Minute, time.Minute, 10, 0.5)
	w.hours(240, 10, 0.0001)
	w.correct(-(240*time.Hour + 20*time.Minute), -240*time.Hour)
	w.tick()
	s := w.status(share)
	if want := 0.0001 * 240 * 3600 * 10; !near(s.Total-s.Good, want, 1e-6) {
		t.Errorf("%v bad events left, want %v", s.Total-s.Good, want)
	}
}

func TestCorrectionAhead(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(2*time.Hour, time.Minute, 10, 0)
	w.correct(10*time.Minute, 40*time.Minute)
	w.traffic(10*time.Minute, time.Minute, 10, 0)
	w.silence(30*time.Minute, time.Minute)
	if s := w.status(share); firing(s, Page) {
		t.Errorf("silence that was planned alerts: %+v", s.Alerts)
	}
	w.traffic(30*time.Minute, time.Minute, 10, 0)
	if s := w.status(share); s.Coverage < 0.99 {
		t.Errorf("coverage %v after a planned silence", s.Coverage)
	}
}

func TestCorrectionsThatAreRefused(t *testing.T) {
	w := newWorld(t, shareObjective())
	good := Correction{Objective: share, From: w.now.Add(-time.Hour), To: w.now, Author: "ana", Reason: "load test"}
	for want, edit := range map[string]func(*Correction){
		"no objective":     func(c *Correction) { c.Objective = "nobody" },
		"not after":        func(c *Correction) { c.To = c.From.Add(-time.Minute) },
		"at most 31d":      func(c *Correction) { c.From = c.To.Add(-40 * testDay) },
		"before anything":  func(c *Correction) { c.From, c.To = c.From.Add(-500*testDay), c.To.Add(-500*testDay) },
		"more than a year": func(c *Correction) { c.From, c.To = c.From.Add(500*testDay), c.To.Add(500*testDay) },
		"give an author":   func(c *Correction) { c.Author = " " },
		"give a reason":    func(c *Correction) { c.Reason = "\x1b\n" },
		"bytes each":       func(c *Correction) { c.Reason = strings.Repeat("x", maxWords+1) },
		"corrections already": func(*Correction) {
			for range maxCorrections {
				if _, err := w.engine.Correct(context.Background(), good); err != nil {
					t.Fatal(err)
				}
			}
		},
	} {
		c := good
		edit(&c)
		_, err := w.engine.Correct(context.Background(), c)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
		if !errors.Is(err, ErrCorrection) && !errors.Is(err, ErrUnknown) {
			t.Errorf("%v is of no kind", err)
		}
	}
	if _, err := w.engine.Revoke(context.Background(), 999, "ana"); !errors.Is(err, ErrUnknown) {
		t.Errorf("revoked what is not there: %v", err)
	}
	if _, err := w.engine.Revoke(context.Background(), 1, ""); !errors.Is(err, ErrCorrection) {
		t.Errorf("revoked by nobody: %v", err)
	}
}

func TestBooksOfANewerProgram(t *testing.T) {
	w := newWorld(t, shareObjective())
	db := w.keepBooks()
	if _, err := db.ExecContext(t.Context(), `INSERT INTO rules_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := NewEngine(w.opts); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("opened with %v", err)
	}
}

func TestSegments(t *testing.T) {
	c := func(from, to int64) Correction {
		return Correction{From: time.UnixMilli(from), To: time.UnixMilli(to)}
	}
	got := segments([]era{{from: 5, budget: 1}, {from: 100, budget: 2}}, []Correction{c(90, 120), c(110, 130), c(200, 210)})
	want := []segment{
		{always, 90, 1, false},
		{90, 100, 1, true},
		{100, 110, 2, true},
		{110, 120, 2, true},
		{120, 130, 2, true},
		{130, 200, 2, false},
		{200, 210, 2, true},
		{210, forever, 2, false},
	}
	// How what is taken out is cut does not matter; what is in does.
	in := func(list []segment, t int64) (float64, bool) {
		for _, s := range list {
			if s.from < t && t <= s.to {
				return s.budget, s.out
			}
		}
		return math.NaN(), false
	}
	for at := range int64(300) {
		b, out := in(got, at)
		wb, wout := in(want, at)
		if b != wb || out != wout {
			t.Fatalf("at %d: budget %v, out %v; want %v, %v\n%+v", at, b, out, wb, wout, got)
		}
	}
	if segments([]era{{from: 5, budget: 1}}, nil) != nil {
		t.Error("one generation without corrections was cut")
	}
}

// TestMembersFollowTheirWhole: a new target and a correction of a grouped objective
// hold for its members.
func TestMembersFollowTheirWhole(t *testing.T) {
	w := newWorld(t, byRoute())
	run := func(d time.Duration, bad float64) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(time.Minute)
			w.count(routed("/a", "200"), 600*(1-bad))
			w.count(routed("/a", "500"), 600*bad)
			w.settleMembers()
			w.tick()
		}
	}
	run(2*time.Hour, 0.0005)
	w.reload(byRoute(func(o *Objective) { o.Target = 0.9999 }))
	run(2*time.Minute, 0)
	member := share + ":~a"
	if s := w.status(member); s.Objective.Target != 0.9999 || firing(s, Page) || firing(s, Ticket) || s.Windows[0].LongBurn > 0.6 {
		t.Errorf("target %v, %+v", s.Objective.Target, s.Windows[0])
	}
	before := w.status(member).Total
	w.correct(-time.Hour, 0)
	w.tick()
	if s := w.status(member); s.Uncorrected == nil || !near(before-s.Total, 36000, 1e-3) || s.Uncorrected.Total != before {
		t.Errorf("%v events of %v, uncorrected %+v", s.Total, before, s.Uncorrected)
	}
	if got := w.engine.Corrections(member); len(got) != 1 {
		t.Errorf("its corrections are %+v", got)
	}
}

// TestRestBeforeTheSlices: a series that reported before the first slice on disk, and
// rested for longer than a restart looks back at first, counts its rest once.
func TestRestBeforeTheSlices(t *testing.T) {
	w := newWorld(t, shareObjective())
	for i, v := range []float64{100, 150} {
		w.put(badSeries, w.now.Add(time.Duration(i)*10*time.Second), v)
	}
	w.now = w.now.Add(2 * time.Minute)
	w.put(badSeries, w.now, 200)
	w.put(goodSeries, w.now, 0)
	for range 240 {
		w.now = w.now.Add(time.Minute)
		w.put(goodSeries, w.now, 0)
		w.engine.write(t.Context(), w.now.UnixMilli())
	}
	w.put(badSeries, w.now, 230)
	w.restart(2)
	w.wantTotals(130, 130)
}

// TestCorrectionSilencesCeasedTraffic: a drained service goes on to report, and was
// expected to have no traffic.
func TestCorrectionSilencesCeasedTraffic(t *testing.T) {
	for _, planned := range []bool{false, true} {
		w := newWorld(t, shareObjective(func(o *Objective) { o.Alerting.NoTrafficFor = 5 * time.Minute }))
		w.traffic(2*time.Hour, time.Minute, 10, 0)
		if planned {
			w.correct(0, time.Hour)
		}
		w.traffic(30*time.Minute, time.Minute, 0, 0)
		if got := firing(w.status(share), Page); got == planned {
			t.Errorf("planned %v: NoTraffic fires: %v", planned, got)
		}
	}
}

// TestCorrectionBeforeTheFirstSample takes out time of which nothing was seen anyway.
func TestCorrectionBeforeTheFirstSample(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.now = w.now.Add(3 * time.Hour)
	w.correct(-2*time.Hour, 0)
	w.traffic(time.Hour, time.Minute, 10, 0)
	if s := w.status(share); s.Coverage < 0.97 {
		t.Errorf("coverage %v of an hour without gaps", s.Coverage)
	}
	w.silence(time.Hour, time.Minute)
	w.traffic(time.Minute, time.Minute, 10, 0)
	if s := w.status(share); s.Coverage > 0.6 {
		t.Errorf("coverage %v of two hours, one of them blind", s.Coverage)
	}
}

// TestCorrectionOfSlices takes a slice of time out as a whole.
func TestCorrectionOfSlices(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) {
		o.Target = 0.95
		o.Budgeting = Budgeting{Method: Timeslices, Slice: time.Hour, SliceTarget: 0.99}
	}))
	w.now = begin().Truncate(time.Hour)
	w.start()
	w.hours(5, 10, 0)
	w.hours(1, 10, 0.5)
	w.hours(2, 10, 0)
	before := w.status(share)
	w.correct(-2*time.Hour-50*time.Minute, -2*time.Hour-30*time.Minute)
	w.tick()
	s := w.status(share)
	if before.Total-before.Good != 1 || s.Total != s.Good || s.Total != before.Total-1 {
		t.Errorf("%v bad slices of %v, then %v of %v", before.Total-before.Good, before.Total, s.Total-s.Good, s.Total)
	}
}

// TestPeriodAcrossADayWithSlices changes the width of the slices on disk.
func TestPeriodAcrossADayWithSlices(t *testing.T) {
	over := func(d time.Duration) Objective {
		return shareObjective(func(o *Objective) {
			o.Period, o.Target = d, 0.9
			o.AlsoOver = []Span{{Length: 7 * testDay}}
			o.Budgeting = Budgeting{Method: Timeslices, Slice: 5 * time.Minute, SliceTarget: 0.99}
		})
	}
	for _, periods := range [][2]time.Duration{{testDay, 12 * time.Hour}, {12 * time.Hour, testDay}} {
		w := newWorld(t, over(periods[0]))
		w.now = begin().Truncate(time.Hour)
		w.start()
		// Slices of a quarter of a minute are written while memory is that fine.
		often := func() {
			for range 18 {
				w.traffic(10*time.Minute, time.Minute, 10, 0)
				w.house()
			}
		}
		often()
		w.reload(over(periods[1]))
		often()
		w.opts.SnapshotPath, w.path = "", ""
		w.start()
		w.tick()
		tally, err := w.engine.Tally(t.Context(), share, begin().Truncate(time.Hour), w.now)
		if s := w.status(share); err != nil || !near(s.Total, 72, 1) || !near(tally.Total, 72, 1) {
			t.Errorf("%v: %v slices, tally %+v (%v), want 72", periods, s.Total, tally, err)
		}
	}
}
