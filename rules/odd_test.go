package rules

import (
	"context"
	"strings"
	"testing"
	"time"
)

// TestCountersThatGoBackwards count each fall as a restart, and say so, until they
// behave.
func TestCountersThatGoBackwards(t *testing.T) {
	w := newWorld(t, shareObjective())
	reason := func() string {
		w.tick()
		s, _ := w.engine.Status(share)
		return s.Reason
	}
	want, last := 0.0, 1000.
	report := func(v float64) {
		w.now = w.now.Add(15 * time.Second)
		w.put(goodSeries, w.now, v)
		if v < last {
			last = 0
		}
		want += v - last
		last = v
	}
	report(1000)
	for range 3 { // a service that restarts now and then
		for v := 5.; v < 100; v += 5 {
			report(v)
		}
	}
	if strings.Contains(reason(), "falls again") {
		t.Errorf("three restarts: %s", reason())
	}
	for v := 90.; v > 70; v-- {
		report(v)
	}
	if !strings.Contains(reason(), "falls again and again") {
		t.Errorf("backwards forever: %s", reason())
	}
	for v := 100.; v < 600; v += 10 {
		report(v)
	}
	if strings.Contains(reason(), "falls again") {
		t.Errorf("after it rose for long: %s", reason())
	}
	for i := range 50 { // two senders of one series
		report(float64(1000 + i))
		report(float64(i))
	}
	if !strings.Contains(reason(), "falls again and again") {
		t.Errorf("two senders: %s", reason())
	}
	w.wantTotals(0, want)
}

// TestSamplesSentTwice: a sender that got no answer sends its request again. What is
// counted stays where it was counted, also after a restart.
func TestSamplesSentTwice(t *testing.T) {
	for _, how := range []int{none, 0, 1, 2, plainKill} {
		w := newWorld(t, shareObjective())
		begins := w.now
		values := []float64{100, 110, 150, 20, 60}
		send := func() {
			for i, v := range values {
				w.put(badSeries, begins.Add(time.Duration(i)*15*time.Second), v)
			}
		}
		send()
		w.now = begins.Add(70 * time.Second)
		w.end(how)
		for range 2 {
			send()
			w.house()
			w.tick()
		}
		w.wantTotals(110, 110)
		l := w.engine.track(share).ledger
		for i, want := range []float64{0, 10, 50, 70, 110} {
			if got := l.Until(begins.Add(time.Duration(i) * 15 * time.Second).UnixMilli()).Bad; got != want {
				t.Errorf("ended by %d: %v until sample %d, want %v", how, got, i, want)
			}
		}
	}
}

// TestLateSampleSentTwice counts it once.
func TestLateSampleSentTwice(t *testing.T) {
	w := newWorld(t, gaugeObjective())
	at := func(s int) time.Time { return begin().Add(time.Duration(s) * time.Second) }
	w.put(`up{job="db"}`, at(0), 1)
	w.put(`up{job="db"}`, at(30), 1)
	for range 3 {
		w.put(`up{job="db"}`, at(15), 0)
		w.put(`up{job="db"}`, at(30), 1)
		w.house()
	}
	w.wantTotals(1, 3)
}

// TestOurClockJumps moves the server's clock ahead and back: the counts, also those on
// disk, are those of a clock that does not.
func TestOurClockJumps(t *testing.T) {
	for _, jump := range []time.Duration{4 * time.Minute, 3 * time.Hour, 30 * time.Hour, -3 * time.Minute} {
		w := newWorld(t, shareObjective())
		true0 := w.now
		w.engine.rewatch = func() { w.ids = map[string]uint64{} }
		step := func() {
			w.now = w.now.Add(15 * time.Second)
			w.count(goodSeries, 10)
			w.count(badSeries, 1)
			w.tick()
			w.recount()
		}
		for range 300 {
			step()
			w.engine.write(context.Background(), w.now.UnixMilli())
		}
		// The clock is wrong for ten minutes.
		for i := range 40 {
			at := w.now.Add(15 * time.Second)
			w.values[goodSeries] += 10
			w.values[badSeries]++
			w.now = at.Add(jump)
			w.engine.Evaluate(context.Background())
			w.put(goodSeries, at, w.values[goodSeries])
			w.put(badSeries, at, w.values[badSeries])
			w.house()
			if i == 20 {
				w.engine.forgetIdle(w.now.UnixMilli())
			}
			w.engine.reoffer()
			w.now = at
		}
		for range 300 {
			step()
			w.engine.write(context.Background(), w.now.UnixMilli())
		}
		w.wantTotals(639, 639*11)
		from := true0.Add(70 * time.Minute)
		good, total, err := w.engine.Counts(share, from, from.Add(30*time.Minute))
		if err != nil || !near(total, 120*11, 1e-6) || !near(good, 1200, 1e-6) {
			t.Errorf("a jump of %s: %v of %v in the half hour around it (%v)", jump, good, total, err)
		}
		w.restart(2)
		w.wantTotals(639, 639*11)
	}
}

// TestTheirClockJumps: within five minutes the times of samples are believed, beyond
// that they are refused; both are what PromQL makes of what is stored.
func TestTheirClockJumps(t *testing.T) {
	w := newWorld(t, shareObjective())
	report := func(ahead time.Duration, v float64) {
		w.now = w.now.Add(15 * time.Second)
		w.put(goodSeries, w.now.Add(ahead), v)
		w.tick()
		w.recount()
	}
	report(0, 100)
	report(0, 110)
	for v := 120.; v <= 150; v += 10 { // an hour ahead
		report(time.Hour, v)
	}
	report(0, 160)
	report(0, 170)
	w.wantTotals(0, 70)
	report(time.Minute, 180) // a little ahead, then right again
	report(0, 190)
	w.now = w.now.Add(2 * time.Minute)
	report(0, 200)
	// By their times the counter was at 190, then at 180, then at 200.
	w.wantTotals(0, 70+20+180+20)
	if s, _ := w.engine.Status(share); !strings.Contains(s.Reason, "4 samples were refused (from the future)") {
		t.Errorf("reason %q", s.Reason)
	}
	for i := range 20 { // a clock a day behind
		w.now = w.now.Add(15 * time.Second)
		w.put(badSeries, w.now.Add(-24*time.Hour), float64(1+i))
	}
	w.recount()
	if bad, _ := w.totals(share); bad != 19 {
		t.Errorf("a clock far behind: %v counted, want 19 at their times", bad)
	}
}
