package rules

import (
	"bytes"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
)

// forgetful is a world whose store keeps no start times, like the real one, and
// whose engine writes its log into the buffer.
func forgetful(t *testing.T, objectives ...Objective) (*world, *bytes.Buffer) {
	t.Helper()
	w := newWorld(t)
	w.keep = func(lset labels.Labels, s memSample) {
		s.st = 0
		w.store.put(lset, s)
	}
	var log bytes.Buffer
	w.opts.Objectives, w.opts.Logger = objectives, slog.New(slog.NewTextHandler(&log, nil))
	w.start()
	return w, &log
}

const (
	podB = `http_requests_total{job="share", code="200", pod="b"}`
	podC = `http_requests_total{job="share", code="500", pod="c"}`
)

// endings are the ways a process of these tests ends; the last is a kill that finds
// neither snapshot nor slices. none goes on.
const (
	none      = -1
	plainKill = 4
)

func (w *world) end(how int) {
	w.t.Helper()
	switch how {
	case none:
	case plainKill:
		w.start()
	default:
		w.restart(how)
	}
}

// TestKillKeepsStartTimes lets counters begin, begin again without a sign in their
// values, and report late, and kills the engine after each step: the counts are those
// of an engine that was never killed.
func TestKillKeepsStartTimes(t *testing.T) {
	at := func(s int) time.Time { return begin().Add(time.Duration(s) * time.Second) }
	steps := []struct {
		name       string
		report     func(w *world)
		bad, total float64
	}{
		{"the first sample counts in full", func(w *world) {
			for i := range 5 {
				w.now = at(15 * (i + 1))
				w.putStarted(podB, w.now, at(5), float64(50*(i+1)))
			}
		}, 0, 250},
		{"a new start time with a higher value is a reset", func(w *world) {
			w.now = at(90)
			w.putStarted(podB, w.now, at(80), 300)
			w.now = at(105)
			w.putStarted(podB, w.now, at(80), 310)
		}, 0, 250 + 310},
		{"a late sample of the life before", func(w *world) {
			w.putStarted(podB, at(78), at(5), 270)
		}, 0, 270 + 310},
		{"a late sample of a life that no other sample shows", func(w *world) {
			w.now = at(150)
			w.putStarted(podB, at(150), at(140), 400)
			w.putStarted(podB, at(130), at(120), 330)
		}, 0, 270 + 310 + 330 + 400},
		{"a late sample before the first", func(w *world) {
			w.now = at(180)
			w.putStarted(podC, at(180), at(160), 20)
			w.putStarted(podC, at(170), at(160), 5)
		}, 20, 270 + 310 + 330 + 400 + 20},
		{"a counter that is older than the period is a baseline", func(w *world) {
			w.now = at(200)
			w.putStarted(goodSeries, at(200), begin().Add(-60*testDay), 9000)
			w.putStarted(goodSeries, at(200), begin().Add(-60*testDay), 9000)
		}, 20, 270 + 310 + 330 + 400 + 20},
		{"a process that began before us", func(w *world) {
			w.now = at(3 * 3600)
			w.putStarted(badSeries, w.now, begin().Add(-testDay), 7)
		}, 27, 270 + 310 + 330 + 400 + 27},
	}
	for _, how := range []int{none, 0, 1, 2, 3, plainKill} {
		t.Run(fmt.Sprint(how), func(t *testing.T) {
			w, _ := forgetful(t, shareObjective())
			for _, step := range steps {
				step.report(w)
				w.tick()
				w.end(how) // with a late sample still waiting
				w.house()
				if bad, total := w.totals(share); !near(bad, step.bad, 1e-6) || !near(total, step.total, 1e-6) {
					t.Errorf("%s: %v bad of %v, want %v of %v", step.name, bad, total, step.bad, step.total)
				}
				w.end(how)
			}
		})
	}
}

// TestKillsGiveTheSameNumbers compares random counters with start times in an engine
// that is killed again and again with those in one that is not.
func TestKillsGiveTheSameNumbers(t *testing.T) {
	run := func(seed uint64, kills bool) (bad, total float64) {
		rnd, chance := rand.New(rand.NewPCG(seed, 3)), rand.New(rand.NewPCG(seed, 4))
		w, _ := forgetful(t, shareObjective())
		values, starts := map[string]float64{}, map[string]time.Time{}
		for i := range 300 {
			w.now = w.now.Add(time.Duration(1+rnd.IntN(90)) * time.Second)
			name := fmt.Sprintf(`http_requests_total{job="share", code="%d", pod="%d"}`, []int{200, 500}[i%2], rnd.IntN(8))
			if starts[name].IsZero() || rnd.IntN(10) == 0 {
				starts[name] = w.now.Add(-time.Millisecond * time.Duration(rnd.IntN(900)))
				values[name] = float64(rnd.IntN(200))
			}
			values[name] += float64(rnd.IntN(100))
			w.putStarted(name, w.now, starts[name], values[name])
			w.tick()
			if rnd.IntN(10) == 0 {
				w.house()
			}
			if kills && chance.IntN(25) == 0 {
				w.end(chance.IntN(5))
			}
		}
		w.house()
		return w.totals(share)
	}
	for seed := range uint64(12) {
		wantBad, wantTotal := run(seed, false)
		if bad, total := run(seed, true); !near(bad, wantBad, 1e-6) || !near(total, wantTotal, 1e-6) {
			t.Errorf("seed %d: %v bad of %v with kills, %v of %v without", seed, bad, total, wantBad, wantTotal)
		}
	}
}

// TestBirthsWhileRestoring begins counters before and while the store is read.
func TestBirthsWhileRestoring(t *testing.T) {
	w, _ := forgetful(t, shareObjective())
	w.traffic(time.Minute, 15*time.Second, 1, 0)
	_, before := w.totals(share)
	hooked := &hookedStore{memStore: w.store}
	w.opts.Store = hooked
	e, err := NewEngine(w.opts)
	if err != nil {
		t.Fatal(err)
	}
	w.engine, w.ids = e, map[string]uint64{}
	w.putStarted(podB, w.now, w.now.Add(-time.Second), 40)
	hooked.before = func() { w.putStarted(podC, w.now, w.now.Add(-time.Second), 2) }
	e.births.open(e.horizon())
	e.restoreAll(t.Context(), nil)
	w.wantTotals(2, before+42)
	w.start()
	w.wantTotals(2, before+42)
}

// born runs a world in which podB and podC began, 50 and 3 events ago.
func born(t *testing.T) (*world, *bytes.Buffer) {
	t.Helper()
	w, log := forgetful(t, shareObjective())
	w.now = w.now.Add(time.Minute)
	w.putStarted(podB, w.now, w.now.Add(-time.Second), 50)
	w.putStarted(podC, w.now, w.now.Add(-time.Second), 3)
	w.wantTotals(3, 53)
	return w, log
}

func TestDamagedBirthsFile(t *testing.T) {
	for _, c := range []struct {
		name       string
		damage     func([]byte) []byte
		bad, total float64
		lines      int
	}{
		{"none", func(b []byte) []byte { return b }, 3, 53, 0},
		{"torn", func(b []byte) []byte { return b[:len(b)-5] }, 0, 50, 1},
		{"garbled tail", func(b []byte) []byte { b[len(b)-1] ^= 1; return append(b, "garbage"...) }, 0, 50, 1},
		{"garbage after it", func(b []byte) []byte { return append(b, make([]byte, 100)...) }, 3, 53, 1},
		{"empty", func([]byte) []byte { return nil }, 0, 0, 0},
		{"something else", func([]byte) []byte { return []byte("hello") }, 0, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			w, log := born(t)
			path := w.path + birthsSuffix
			b, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, c.damage(b), 0o600); err != nil {
				t.Fatal(err)
			}
			w.start()
			w.wantTotals(c.bad, c.total)
			if n := strings.Count(log.String(), "level=WARN"); n != c.lines {
				t.Errorf("%d warnings, want %d: %s", n, c.lines, log)
			}
			// What is born now is found again.
			w.putStarted(goodSeries, w.now, w.now.Add(-time.Second), 7)
			w.start()
			w.wantTotals(c.bad, c.total+7)
		})
	}
}

func TestBirthsOfOtherObjectives(t *testing.T) {
	w, log := born(t)
	other := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = strings.ReplaceAll(o.SLI.ErrorQuery, `job="share"`, `job="pay"`)
		o.SLI.TotalQuery = strings.ReplaceAll(o.SLI.TotalQuery, `job="share"`, `job="pay"`)
	})
	w.opts.Objectives = []Objective{other}
	w.start()
	w.wantTotals(0, 0)
	w.putStarted(`http_requests_total{job="pay", code="200"}`, w.now, w.now.Add(-time.Second), 8)
	w.start()
	w.wantTotals(0, 8)
	// The births of the first objective are there when it comes back.
	w.opts.Objectives = []Objective{shareObjective()}
	w.start()
	w.wantTotals(3, 53)
	if strings.Contains(log.String(), "level=WARN") || strings.Contains(log.String(), "level=ERROR") {
		t.Errorf("the log complains: %s", log)
	}
}

func TestBirthsAreForgottenWithThePeriod(t *testing.T) {
	w, _ := born(t)
	w.now = w.now.Add(10 * testDay)
	w.start()
	if n := w.engine.births.n; n != 2 {
		t.Errorf("%d births after ten days, want 2", n)
	}
	w.now = w.now.Add(30 * testDay)
	w.start()
	b, err := os.ReadFile(w.path + birthsSuffix)
	if n := w.engine.births.n; n != 0 || err != nil || string(b) != birthsMagic {
		t.Errorf("%d births after forty days, file %q, %v", n, b, err)
	}
}

func TestBirthsAreTidiedAndBounded(t *testing.T) {
	w, _ := born(t)
	b := w.engine.births
	now := w.now.UnixMilli()
	lset := labels.FromStrings("x", "y")
	for i := range int64(birthsGrowth) {
		b.note(lset, sample{t: now - 40*testDay.Milliseconds() + i, start: i + 1})
	}
	b.tidy(w.engine.horizon())
	if b.n != 2 || b.size != int64(len(birthsMagic)+2*birthSize) {
		t.Errorf("%d births in %d bytes are left, want 2", b.n, b.size)
	}
	b.limit = 1000
	for i := range uint64(b.limit) {
		b.add(i, birth{at: now + int64(i), start: now})
	}
	b.tidy(w.engine.horizon())
	if b.n != b.limit*3/4 || b.of(labels.FromStrings("none", "such")) != nil {
		t.Errorf("%d births are left, want %d", b.n, b.limit*3/4)
	}
	w.start()
	if n := w.engine.births.n; n != b.limit*3/4 {
		t.Errorf("%d births were read, want %d", n, b.limit*3/4)
	}
}

// TestBirthsFileThatCannotBeWritten goes on counting, and writes when it can.
func TestBirthsFileThatCannotBeWritten(t *testing.T) {
	w, log := born(t)
	path := w.path + birthsSuffix
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	w.putStarted(goodSeries, w.now, w.now.Add(-time.Second), 7)
	w.wantTotals(3, 60)
	if !strings.Contains(log.String(), "not on disk yet") {
		t.Errorf("the log says nothing: %s", log)
	}
	w.engine.births.tidy(w.engine.horizon())
	w.start()
	w.wantTotals(3, 60)
	w.opts.SnapshotPath = ""
	e, err := NewEngine(w.opts)
	if err != nil || e.births != nil {
		t.Fatal(e.births, err)
	}
	e.births.open(0)
	e.births.note(labels.EmptyLabels(), sample{})
	e.births.tidy(0)
}
