package rules

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// daily is the share objective over a day.
func daily(edit ...func(*Objective)) Objective {
	return shareObjective(append([]func(*Objective){func(o *Objective) { o.Period = testDay }}, edit...)...)
}

func (w *world) balance() Balance {
	w.t.Helper()
	b, err := w.engine.Balance(w.t.Context(), share)
	if err != nil {
		w.t.Fatal(err)
	}
	return b
}

// left is what single events say was left of the budget at t, of a period that began
// then and lasts so long.
func (h *byHand) left(t, from int64, o Objective) float64 {
	period := o.Period.Milliseconds()
	seen := func(from int64) float64 {
		sum := 0
		for at := max(from, h.events[0].at-60_000) + 60_000; at <= t; at += 60_000 {
			if !slices.ContainsFunc(h.corrections, func(c Correction) bool {
				return c.RevokedAt.IsZero() && c.From.UnixMilli() < at && at <= c.To.UnixMilli()
			}) {
				sum += 60_000
			}
		}
		return float64(sum)
	}
	trailing, spent := h.sums(t-period, t), h.sums(from, t)
	if trailing.Total <= 0 {
		return math.NaN()
	}
	expected := trailing.Total * max(1, float64(period)/seen(t-period))
	if o.Calendar != nil {
		p := o.Calendar.state(t)
		expected *= float64(p.to-p.from) / float64(period)
	}
	budget := h.eras[0].budget
	for _, e := range h.eras {
		if e.from < t {
			budget = e.budget
		}
	}
	allowed := spent.Allowed + budget*max(0, expected-spent.Total)
	return 1 - (spent.Total-spent.Good)/allowed
}

// TestBalanceLikeByHand edits, corrects, revokes, restarts and kills in random order
// over about two periods and compares every point with sums of single events.
func TestBalanceLikeByHand(t *testing.T) {
	berlin := zone(t, "Europe/Berlin")
	for name, o := range map[string]Objective{
		"rolling": daily(),
		"calendar": daily(func(o *Objective) {
			o.Calendar = &Calendar{Day, 1, time.Date(2020, 1, 1, 0, 0, 0, 0, berlin)}
		}),
	} {
		for seed := range uint64(6) {
			r := rand.New(rand.NewPCG(seed, 9))
			w := newWorld(t, o)
			w.keepBooks()
			h := &byHand{eras: []era{{budget: o.ErrorBudget()}}}
			w.count(goodSeries, 0)
			w.count(badSeries, 0)
			now := o
			for range 100 {
				w.wander(r, h, &now)
			}
			b := w.balance()
			if len(b.Points) < 90 || b.Step != 15*time.Minute {
				t.Fatalf("%s, seed %d: %d points every %s", name, seed, len(b.Points), b.Step)
			}
			for i, p := range b.Points[:len(b.Points)-1] {
				at := p.At.UnixMilli()
				from := at - o.Period.Milliseconds()
				if o.Calendar != nil {
					from = o.Calendar.state(at).from
				}
				// Seen time is kept in units of 64 ms.
				if want := h.left(at, from, o); !near(p.Left, want, 1e-5*max(1, math.Abs(want))) && !(math.IsNaN(p.Left) && math.IsNaN(want)) {
					t.Errorf("%s, seed %d: point %d at %s is %v, by hand %v", name, seed, i, p.At.UTC(), p.Left, want)
				}
			}
			if last := b.Points[len(b.Points)-1]; last.Left != w.status(share).BudgetRemaining || !last.At.Equal(w.now) {
				t.Errorf("%s, seed %d: the last point is %+v, the status says %v", name, seed, last, w.status(share).BudgetRemaining)
			}
		}
	}
}

// TestBalanceIsWhatTheStatusSaid keeps what the status says over three months and
// compares: with every level of the ledger, and the slices on disk.
func TestBalanceIsWhatTheStatusSaid(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) { o.Period = 7 * testDay }))
	said := map[time.Time]float64{}
	for hour := range 20 * 24 {
		w.traffic(time.Hour, 5*time.Minute, 10, []float64{0, 0.0004, 0.003, 0.0001}[hour/30%4])
		w.house()
		said[w.now] = w.status(share).BudgetRemaining
	}
	b := w.balance()
	if b.Step != 2*time.Hour || len(b.Points) != 7*12+1 {
		t.Fatalf("%d points every %s", len(b.Points), b.Step)
	}
	compared := 0
	for _, p := range b.Points {
		want, ok := said[p.At]
		if !ok {
			continue
		}
		compared++
		// The status knows the far edge of its window to an hour.
		if !near(p.Left, want, 0.02) {
			t.Errorf("at %s %v were left, and the status said %v", p.At.UTC(), p.Left, want)
		}
	}
	if compared < 10 && w.now.Minute() == 0 {
		t.Errorf("only %d points were compared", compared)
	}
}

// A balance that was read before follows a correction of what only the disk knows.
func TestBalanceFollowsACorrection(t *testing.T) {
	w := newWorld(t, daily())
	w.keepBooks()
	w.hours(10, 10, 0)
	w.hours(1, 10, 0.01)
	w.hours(21, 10, 0)
	at := func(b Balance) float64 {
		for _, p := range b.Points {
			if p.At.Equal(begin().Add(15*time.Hour - 11*time.Minute)) {
				return p.Left
			}
		}
		t.Fatalf("no such point: %+v", b.Points)
		return 0
	}
	before, again := at(w.balance()), at(w.balance())
	w.correct(-22*time.Hour, -21*time.Hour)
	if after := at(w.balance()); before > 0.6 || again != before || after != 1 {
		t.Errorf("%v was left, %v when asked again, %v when its failures are taken out", before, again, after)
	}
}

func TestBalanceRestartsWithTheCalendar(t *testing.T) {
	w := newWorld(t, daily(func(o *Objective) {
		o.Calendar = &Calendar{Day, 1, time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)}
	}))
	w.hours(20, 10, 0.0008)
	b := w.balance()
	midnight := time.Date(2026, 11, 3, 0, 0, 0, 0, time.UTC)
	var before, after float64
	for _, p := range b.Points {
		switch {
		case p.At.Equal(midnight.Add(-b.Step)):
			before = p.Left
		case p.At.Equal(midnight):
			after = p.Left
		}
	}
	if before > 0.6 || after != 1 {
		t.Errorf("%v is left before midnight, %v at midnight", before, after)
	}
	if len(b.Resets) != 2 || !b.Resets[0].Equal(midnight) || !b.Resets[1].Equal(midnight.Add(testDay)) {
		t.Errorf("it restarts at %v", b.Resets)
	}
	if last := b.Ahead[len(b.Ahead)-1]; last.At.After(midnight.Add(testDay)) {
		t.Errorf("the forecast goes on after the period: %s", last.At)
	}
}

// The forecast's band begins at what is left and crosses zero when the status says so.
func TestBalanceAhead(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(30*testDay, 10*time.Minute, 100, 0)
	if quiet := w.balance(); len(quiet.Ahead) != aheadSteps+1 || !near(quiet.Ahead[aheadSteps].Low, 1, 1e-9) {
		t.Errorf("nothing fails, and ahead is %+v", quiet.Ahead)
	}
	w.traffic(6*time.Hour, time.Minute, 100, 0.002)
	w.traffic(time.Hour, time.Minute, 100, 0.01)
	b, s := w.balance(), w.status(share)
	if first := b.Ahead[0]; !first.At.Equal(w.now) || first.Low != s.BudgetRemaining || first.High != s.BudgetRemaining {
		t.Errorf("it begins at %+v, with %v left", first, s.BudgetRemaining)
	}
	crossed := func(of func(BalanceAhead) float64) time.Time {
		for i, a := range b.Ahead {
			if of(a) <= 0 {
				before := b.Ahead[i-1]
				part := of(before) / (of(before) - of(a))
				return before.At.Add(time.Duration(part * float64(a.At.Sub(before.At))))
			}
		}
		return time.Time{}
	}
	low, high := crossed(func(a BalanceAhead) float64 { return a.Low }), crossed(func(a BalanceAhead) float64 { return a.High })
	if off := low.Sub(s.Forecast.Earliest).Abs(); off > 2*time.Hour {
		t.Errorf("the band crosses zero at %s, the forecast says %s", low, s.Forecast.Earliest)
	}
	if off := high.Sub(s.Forecast.Latest).Abs(); off > 4*time.Hour {
		t.Errorf("the band crosses zero last at %s, the forecast says %s", high, s.Forecast.Latest)
	}
}

func TestBalanceOfLittle(t *testing.T) {
	w := newWorld(t, shareObjective())
	if b := w.balance(); len(b.Points) != 0 {
		t.Errorf("nothing was seen, and there are %+v", b)
	}
	if _, err := w.engine.Balance(t.Context(), "nobody"); !errors.Is(err, ErrUnknown) {
		t.Errorf("an objective that is not there: %v", err)
	}
	w.traffic(3*time.Minute, 5*time.Second, 10, 0)
	b := w.balance()
	if b.Step != 5*time.Second || len(b.Points) < 30 || len(b.Points) > 40 {
		t.Errorf("three minutes have %d points every %s", len(b.Points), b.Step)
	}
	if last := b.Points[len(b.Points)-1]; last.Left != 1 {
		t.Errorf("nothing failed, and %v is left", last.Left)
	}
}

// BenchmarkBalance is that of an objective over 30 days with two such periods on disk.
func BenchmarkBalance(b *testing.B) {
	o := tsdb.DefaultOptions()
	o.OutOfOrderTimeWindow, o.RetentionDuration = (400 * testDay).Milliseconds(), (400 * testDay).Milliseconds()
	disk, err := tsdb.Open(b.TempDir(), nil, nil, o, nil)
	if err != nil {
		b.Fatal(err)
	}
	defer disk.Close()
	now := begin()
	e, err := NewEngine(EngineOptions{
		Objectives: []Objective{shareObjective()}, Store: newMemStore(), Ledger: disk, Now: func() time.Time { return now },
		Query: func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
	})
	if err != nil {
		b.Fatal(err)
	}
	var past []slice
	for at := now.Add(-60 * testDay); at.Before(now); at = at.Add(time.Minute) {
		past = append(past, slice{at.UnixMilli(), ledger.Cell{Total: 600, Bad: float64(at.Minute() % 3 / 2), Seen: 60_000}})
	}
	if err := e.writeSlices(b.Context(), e.track(share), past); err != nil {
		b.Fatal(err)
	}
	e.restoreAll(b.Context(), nil)
	e.Evaluate(b.Context())
	read := func(b *testing.B) {
		b.Helper()
		balance, err := e.Balance(b.Context(), share)
		if err != nil || len(balance.Points) != 121 {
			b.Fatalf("%d points, %v", len(balance.Points), err)
		}
	}
	b.Run("first", func(b *testing.B) {
		for b.Loop() {
			e.pasts.known = nil
			read(b)
		}
	})
	b.Run("again", func(b *testing.B) {
		for b.Loop() {
			read(b)
		}
	})
}
