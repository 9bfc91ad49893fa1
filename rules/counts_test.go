package rules

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/storage"
)

// byHand keeps every event, edit and correction of a world as plain lists.
type byHand struct {
	events      []handEvent
	eras        []era
	corrections []Correction
}

type handEvent struct {
	at         int64
	bad, total float64
}

// sums adds up the events in (from, to] one by one.
func (h *byHand) sums(from, to int64) Tally {
	var out Tally
	for _, e := range h.events {
		if e.at <= from || e.at > to {
			continue
		}
		out.RawGood += e.total - e.bad
		out.RawTotal += e.total
		if slices.ContainsFunc(h.corrections, func(c Correction) bool {
			return c.RevokedAt.IsZero() && c.From.UnixMilli() < e.at && e.at <= c.To.UnixMilli()
		}) {
			continue
		}
		out.Good += e.total - e.bad
		out.Total += e.total
		budget := h.eras[0].budget
		for _, g := range h.eras {
			if g.from < e.at {
				budget = g.budget
			}
		}
		out.Allowed += budget * e.total
	}
	return out
}

// wander does one random thing that people or machines do to an objective.
func (w *world) wander(r *rand.Rand, h *byHand, o *Objective) {
	switch r.IntN(10) {
	case 0: // A correction of the past, the present or the time ahead.
		from := time.Duration(r.IntN(600)-500) * time.Minute
		c := w.correct(from, from+time.Duration(1+r.IntN(90))*time.Minute)
		h.corrections = append(h.corrections, c)
	case 1:
		if len(h.corrections) == 0 {
			return
		}
		i := r.IntN(len(h.corrections))
		c, err := w.engine.Revoke(context.Background(), h.corrections[i].ID, "ben")
		if err != nil {
			w.t.Fatal(err)
		}
		h.corrections[i] = c
	case 2:
		o.Target = []float64{0.99, 0.995, 0.999}[r.IntN(3)]
		w.reload(*o)
		if h.eras[len(h.eras)-1].budget != o.ErrorBudget() {
			h.eras = append(h.eras, era{from: w.now.Truncate(time.Minute).UnixMilli(), budget: o.ErrorBudget()})
		}
	case 3:
		w.stop()
		w.start()
	case 4:
		w.start() // killed
	case 5:
		w.house()
		w.path, w.opts.SnapshotPath = "", "" // from slices and raw samples alone
		w.start()
	}
	errorRatio := float64(r.IntN(40)) / 1000
	for range 10 + r.IntN(50) {
		w.now = w.now.Add(time.Minute)
		total := float64(r.IntN(2000))
		bad := float64(int(total * errorRatio))
		w.count(goodSeries, total-bad)
		w.count(badSeries, bad)
		w.tick()
		h.events = append(h.events, handEvent{w.now.UnixMilli(), bad, total})
	}
	w.house()
}

// TestBudgetsLikeByHand edits, corrects, revokes, restarts and kills in random order
// and compares the calendar's month and arbitrary tallies with sums of single events.
func TestBudgetsLikeByHand(t *testing.T) {
	for seed := range uint64(8) {
		r := rand.New(rand.NewPCG(seed, 3))
		o := monthly(t)
		w := newWorld(t, o)
		w.keepBooks()
		h := &byHand{eras: []era{{budget: o.ErrorBudget()}}}
		w.count(goodSeries, 0)
		w.count(badSeries, 0)
		start := w.now
		for range 80 {
			w.wander(r, h, &o)
		}
		tr := w.engine.track(share)
		want := h.sums(start.UnixMilli(), w.now.UnixMilli())
		spent := tr.reading.spent
		if !near(spent.Total, want.Total, 1e-6) || !near(spent.Total-spent.Bad, want.Good, 1e-6) || !near(spent.allowed, want.Allowed, 1e-6) {
			t.Fatalf("seed %d: the month holds %+v, by hand %+v", seed, spent, want)
		}
		for range 20 {
			from := start.Add(time.Duration(r.IntN(30*60)) * time.Minute)
			to := from.Add(time.Duration(r.IntN(20*60)) * time.Minute)
			got, err := w.engine.Tally(t.Context(), share, from, to)
			want := h.sums(from.UnixMilli(), to.UnixMilli())
			if err != nil || !near(got.Total, want.Total, 1e-6) || !near(got.Good, want.Good, 1e-6) || !near(got.Allowed, want.Allowed, 1e-6) ||
				!near(got.RawTotal, want.RawTotal, 1e-6) || !near(got.RawGood, want.RawGood, 1e-6) {
				t.Fatalf("seed %d: %s – %s holds %+v (%v), by hand %+v", seed, from, to, got, err, want)
			}
		}
		w.sumsUp(r, start)
	}
}

// sumsUp asks for many stretches of time at once and for each alone.
func (w *world) sumsUp(r *rand.Rand, start time.Time) {
	w.t.Helper()
	edges := []time.Time{start.Add(-time.Hour), start.Add(2 * time.Hour), start.Add(2 * time.Hour), w.now.Add(time.Hour)}
	for range 40 {
		edges = append(edges, start.Add(time.Duration(r.IntN(100*3600))*time.Second))
	}
	slices.SortFunc(edges, time.Time.Compare)
	all, err := w.engine.Tallies(w.t.Context(), share, edges...)
	if err != nil || len(all) != len(edges)-1 {
		w.t.Fatalf("%d tallies of %d edges: %v", len(all), len(edges), err)
	}
	for i, got := range all {
		want, err := w.engine.Tally(w.t.Context(), share, edges[i], edges[i+1])
		if err != nil || !near(got.Total, want.Total, 1e-6) || !near(got.Good, want.Good, 1e-6) || !near(got.Allowed, want.Allowed, 1e-6) ||
			!near(got.RawTotal, want.RawTotal, 1e-6) || got.Corrected != want.Corrected || !near(got.Unseen.Seconds(), want.Unseen.Seconds(), 1) {
			w.t.Fatalf("%s – %s holds %+v in a row, and %+v alone (%v)", edges[i], edges[i+1], got, want, err)
		}
	}
}

func TestTalliesNeedEdges(t *testing.T) {
	w := newWorld(t, shareObjective())
	for _, edges := range [][]time.Time{nil, {w.now}, {w.now, w.now.Add(-time.Hour)}} {
		if _, err := w.engine.Tallies(t.Context(), share, edges...); err == nil {
			t.Errorf("edges %v are taken", edges)
		}
	}
}

// TestUnseenTimeFurtherBackThanMemory asks about a day that an objective over a day
// remembers only on disk.
func TestUnseenTimeFurtherBackThanMemory(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) { o.Period = testDay }))
	began := w.now
	w.hours(10, 10, 0)
	for range 3 {
		w.silence(time.Hour, time.Minute)
		w.house()
	}
	w.hours(40, 10, 0)
	w.opts.SnapshotPath, w.path = "", ""
	w.start()
	w.tick()
	tally, err := w.engine.Tally(t.Context(), share, began.Add(-5*time.Hour), began.Add(20*time.Hour))
	if err != nil || !near(tally.Unseen.Hours(), 3, 0.05) {
		t.Errorf("%s unseen (%v), want 3 hours: nothing was expected before the first sample", tally.Unseen, err)
	}
}

func TestGenerationsAreExplained(t *testing.T) {
	w := newWorld(t, withTarget(0.999))
	w.keepBooks()
	w.hours(2, 10, 0)
	w.reload(withTarget(0.99))
	edited := w.now.Truncate(time.Minute)
	w.hours(1, 10, 0)
	w.reload(shareObjective(func(o *Objective) {
		o.Target, o.SLI.ErrorQuery = 0.99, `sum(rate(http_requests_total{job="share",code="503"}[{{.window}}]))`
	}))
	w.correct(-time.Hour, 0)
	w.start()
	x, _ := w.engine.Explain(share)
	g := x.Generations
	if len(g) != 3 || g[0].Target != 0.999 || g[1].Target != 0.99 || g[1].Recounted || !g[1].From.Equal(edited) || g[2].Target != 0.99 || !g[2].Recounted {
		t.Errorf("generations %+v", g)
	}
	if len(x.Corrections) != 1 || x.Corrections[0].Author != "ana" {
		t.Errorf("corrections %+v", x.Corrections)
	}
}

// breakable is a store whose reading fails while it is broken.
type breakable struct {
	*memStore

	broken bool
}

func (b *breakable) Querier(mint, maxt int64) (storage.Querier, error) {
	if b.broken {
		return nil, errors.New("input/output error")
	}
	return b.memStore.Querier(mint, maxt)
}

func (b *breakable) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	if b.broken {
		return nil, errors.New("input/output error")
	}
	return b.memStore.ChunkQuerier(mint, maxt)
}

// TestCorrectionIsMarkedOnceTheDiskAnswers: a correction whose edges could not be read
// becomes exact as soon as they can.
func TestCorrectionIsMarkedOnceTheDiskAnswers(t *testing.T) {
	w := newWorld(t)
	disk := &breakable{memStore: w.slices}
	w.opts.Objectives, w.opts.Ledger = []Objective{shareObjective()}, disk
	w.start()
	w.traffic(37*time.Minute, time.Minute, 10, 0)
	w.traffic(20*time.Minute, time.Minute, 10, 0.5)
	w.hours(240, 10, 0.0001)
	disk.broken = true
	_, err := w.engine.Correct(t.Context(), Correction{
		Objective: share, From: w.now.Add(-240*time.Hour - 20*time.Minute), To: w.now.Add(-240 * time.Hour), Author: "ana", Reason: "load test",
	})
	if err != nil {
		t.Fatalf("the correction is lost: %v", err)
	}
	w.tick()
	if tr := w.engine.track(share); !tr.isUncut() {
		t.Fatal("a disk that cannot be read was read")
	}
	disk.broken = false
	w.engine.tend(t.Context(), w.engine.track(share), w.now.UnixMilli())
	w.tick()
	s := w.status(share)
	if want := 0.0001 * 240 * 3600 * 10; !near(s.Total-s.Good, want, 1e-6) {
		t.Errorf("%v bad events left, want %v", s.Total-s.Good, want)
	}
}

func TestCalendarNames(t *testing.T) {
	for want, c := range map[string]Calendar{"month": {Unit: Month}, "week": {Unit: Week, Count: 1}, "2 quarters": {Unit: Quarter, Count: 2}} {
		if got := c.String(); got != want {
			t.Errorf("%+v is called %q, want %q", c, got, want)
		}
	}
}

// TestCorrectingWhileCounting does at once what requests, samples and housekeeping do;
// the race detector looks on.
func TestCorrectingWhileCounting(t *testing.T) {
	w := newWorld(t, monthly(t))
	w.keepBooks()
	w.hours(2, 10, 0)
	ctx := t.Context()
	id := w.ids[goodSeries]
	base, now := w.values[goodSeries], w.now
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for range 40 {
				c, err := w.engine.Correct(ctx, Correction{Objective: share, From: now.Add(-time.Hour), To: now, Author: "ana", Reason: "load test"})
				if err == nil {
					_, err = w.engine.Revoke(ctx, c.ID, "ben")
				}
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for i := range 2000 {
			w.engine.Observe(id, 0, now.UnixMilli()+int64(i)*10, base+float64(i), nil)
		}
	})
	wg.Go(func() {
		for range 100 {
			w.tick()
			w.engine.tend(ctx, w.engine.track(share), now.UnixMilli())
			w.engine.write(ctx, now.UnixMilli())
			if _, err := w.engine.Tally(ctx, share, now.Add(-3*time.Hour), now); err != nil {
				t.Error(err)
			}
			w.engine.Explain(share)
		}
	})
	wg.Wait()
	w.tick()
	if s := w.status(share); s.Uncorrected != nil || len(w.engine.Corrections(share)) != 80 {
		t.Errorf("all is revoked, but without corrections it were %+v; %d corrections", s.Uncorrected, len(w.engine.Corrections(share)))
	}
}
