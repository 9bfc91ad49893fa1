package rules

import (
	"context"
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// Balance is how the error budget of an objective went over its period, and how it goes
// on.
type Balance struct {
	// Points are the budget left at multiples of Step, and last as of the last
	// evaluation. They begin a period ago, or when the first events were seen.
	Points []BalancePoint
	Step   time.Duration
	// Ahead begins at the last point and goes on at the error ratios of the last hour and
	// of the last six, as Status.Forecast does; empty when they had no events.
	Ahead []BalanceAhead
	// Resets are the beginnings of calendar periods in the time of Points, and the next
	// one.
	Resets []time.Time
}

// BalancePoint is the share of the budget that was left at a time: 1 is untouched,
// negative is overspent. NaN: the period until then held no events.
type BalancePoint struct {
	At   time.Time
	Left float64
}

// BalanceAhead is the share of the budget that will be left, between the worse and the
// kinder of both forecasts.
type BalanceAhead struct {
	At        time.Time
	Low, High float64
}

const (
	// mostBalance is about how many points a balance has: as many as a picture shows.
	mostBalance = 150
	// aheadSteps is how many points its forecast has.
	aheadSteps = 24
)

// Balance returns the budget over the objective's period. Each point is what Status
// said of that moment, had it been known by then what came late or was corrected since:
// one minus the bad events of the period until then over those it allowed, each by the
// target of its time. Points are differences of cumulative counts at multiples of the
// ledger's own slices, so they are exact; what is older than memory is read from the
// slices on disk, once for all points, and kept as long as it stays the same. The error wraps ErrUnknown or ErrRestoring, or
// says why the disk does not answer.
func (e *Engine) Balance(ctx context.Context, id string) (Balance, error) {
	tr := e.track(id)
	if tr == nil {
		return Balance{}, fmt.Errorf("%w: there is no objective %q", ErrUnknown, id)
	}
	tr.mu.Lock()
	if tr.restoring {
		tr.mu.Unlock()
		return Balance{}, fmt.Errorf("%w: objective %q, ask again in a moment", ErrRestoring, id)
	}
	if tr.reading.at == 0 || tr.ledger.First() == 0 {
		tr.mu.Unlock()
		return Balance{}, nil
	}
	a := newAccount(tr)
	a.remember(tr)
	out := Balance{Step: time.Duration(a.step) * time.Millisecond}
	last := BalancePoint{time.UnixMilli(a.at), math.NaN()}
	if tr.reading.sums[tr.judge.period].Total > 0 {
		last.Left = 1 - tr.judge.consumed(&tr.reading)
		out.Ahead = tr.ahead(a.at-a.from, last.Left)
	}
	a.segments = e.segmentsSince(tr.obj, time.UnixMilli(a.edges[0]))
	tr.mu.Unlock()
	if err := a.read(ctx, e, tr); err != nil {
		return Balance{}, fmt.Errorf("budget of %q over time: %w", id, err)
	}
	for _, t := range a.times {
		out.Points = append(out.Points, BalancePoint{time.UnixMilli(t), a.left(t)})
	}
	out.Points = append(out.Points, last)
	out.Resets = a.resets()
	return out, nil
}

// account adds up what lies between the edges of all the periods that a balance is
// about.
type account struct {
	from, at     int64 // the time that the points are in
	period, step int64
	times        []int64 // of the points but the last
	edges        []int64 // of every period that ends at one of them
	between      []tally // what lies between an edge and the one before it
	sums         []tally // the same of the first edge; made by read
	split        int64   // what is older is read from disk
	calendar     *Calendar
	budget       float64
	segments     []segment
	width        int64 // of slices on disk
	whole        bool  // slices of time are not cut
}

// newAccount settles the points and their edges. The lock is held.
func newAccount(tr *track) *account {
	a := &account{
		at: tr.reading.anchor, period: tr.judge.periodMillis, calendar: tr.obj.Calendar, budget: tr.judge.budget,
		width: sliceWidth(tr.obj.Period) * 1000, whole: tr.slicer != nil,
	}
	a.from = max(a.at-a.period, tr.ledger.First())
	a.step = balanceStep(tr.ledger, time.Duration(a.at-a.from)*time.Millisecond).Milliseconds()
	first := (a.from + a.step - 1) / a.step * a.step
	for t := first; t < a.at; t += a.step {
		a.times = append(a.times, t)
	}
	// A mark keeps the beginning of a calendar's present period exact.
	a.split = first
	if c := tr.reading.calendar; c.to > 0 && c.from < a.at {
		a.split = c.from
	}
	a.split = min(a.split, tr.persisted)
	a.edges = append([]int64{first}, a.times...)
	for _, t := range a.times {
		a.edges = append(a.edges, t-a.period)
		if a.calendar != nil {
			a.edges = append(a.edges, a.calendar.state(t).from)
		}
	}
	slices.Sort(a.edges)
	if a.split = min(a.split, a.edges[len(a.edges)-1]); a.split > a.edges[0] {
		a.edges = append(a.edges, a.split)
		slices.Sort(a.edges)
	}
	a.edges = slices.Compact(a.edges)
	a.between = make([]tally, len(a.edges))
	return a
}

// balanceStep is the time between the points of a balance: one that people count in, at
// whose multiples the ledger is exact.
func balanceStep(l *ledger.Ledger, length time.Duration) time.Duration {
	grain := l.Grain(length)
	step := grain
	for _, s := range []time.Duration{
		5 * time.Second, 15 * time.Second, time.Minute, 5 * time.Minute, 15 * time.Minute, 30 * time.Minute, time.Hour, 2 * time.Hour, 3 * time.Hour, 6 * time.Hour,
		12 * time.Hour, 24 * time.Hour, 48 * time.Hour, 96 * time.Hour,
	} {
		if s%grain == 0 {
			step = s
			if s >= length/mostBalance {
				break
			}
		}
	}
	return step
}

// remember counts what memory knows. The lock is held.
func (a *account) remember(tr *track) {
	before := edgeAt(tr.ledger, a.edges[0])
	for i, t := range a.edges {
		now := edgeAt(tr.ledger, t)
		if i > 0 && a.edges[i-1] >= a.split {
			a.between[i] = tr.judge.between(tr.ledger, before, now)
		}
		before = now
	}
}

// read counts what only the disk knows, and adds everything up.
func (a *account) read(ctx context.Context, e *Engine, tr *track) error {
	if oldest := a.edges[0]; oldest < a.split && len(a.edges) > 1 && !e.pasts.recall(tr, a) {
		at := 1 // slices of a series come in order
		err := e.eachCounted(ctx, tr, [3]int64{oldest, a.split, a.split}, func(s slice) {
			if s.end <= a.edges[at-1] || s.end > a.edges[at] {
				at = max(1, a.edge(s.end))
			}
			a.add(at, s)
		})
		if err != nil {
			return err
		}
		e.pasts.keep(tr, a)
	}
	a.sums = make([]tally, len(a.between))
	for i := 1; i < len(a.sums); i++ {
		a.sums[i] = a.sums[i-1].plus(a.between[i])
	}
	return nil
}

// edge is the place of the first edge at or after t.
func (a *account) edge(t int64) int {
	i, _ := slices.BinarySearch(a.edges, t)
	return min(i, len(a.edges)-1)
}

// add counts a slice that ends before or at an edge, of which a part may lie before the
// edge before it.
func (a *account) add(at int, s slice) {
	budget := a.budget
	if g := segmentAt(a.segments, s.end); g != nil {
		if g.out {
			return
		}
		budget = g.budget
	}
	part := 1.0
	if over := a.edges[at-1] - (s.end - a.width); over > 0 && !(a.whole && s.Total > 0) {
		part = 1 - float64(over)/float64(a.width)
		if at > 1 {
			a.between[at-1] = a.between[at-1].plus(partOf(s.Cell, 1-part, budget))
		}
	}
	a.between[at] = a.between[at].plus(partOf(s.Cell, part, budget))
}

func partOf(c ledger.Cell, part, budget float64) tally {
	return tally{
		Cell:    ledger.Cell{Bad: part * c.Bad, Total: part * c.Total, Seen: int64(part * float64(c.Seen))},
		allowed: budget * part * c.Total,
	}
}

// since is what lies in (from, to], which are edges.
func (a *account) since(from, to int64) tally {
	return a.sums[a.edge(to)].minus(a.sums[a.edge(from)])
}

// left is the share of the budget that was left at one of the times.
func (a *account) left(t int64) float64 {
	spent := a.since(t-a.period, t)
	if spent.Total <= 0 {
		return math.NaN()
	}
	expected := volumeOf(spent.Total, spent.Seen, a.period)
	if a.calendar != nil {
		p := a.calendar.state(t)
		spent = a.since(p.from, t)
		expected *= float64(p.to-p.from) / float64(a.period)
	}
	budget := a.budget
	if g := segmentAt(a.segments, t); g != nil {
		budget = g.budget
	}
	if allowed := spent.allowance(budget, expected); allowed > 0 {
		return 1 - spent.Bad/allowed
	}
	return 1
}

// resets are the beginnings of calendar periods since the first point, and the next.
func (a *account) resets() []time.Time {
	if a.calendar == nil {
		return nil
	}
	var out []time.Time
	for t := a.from; ; {
		p := a.calendar.state(t)
		out = append(out, time.UnixMilli(p.to))
		if t = p.to; t > a.at {
			return out
		}
	}
}

// ahead is what will be left of the budget, of which so much is left now, over a third
// of the time that has passed, or over as much as half of it when the budget ends then.
// The lock is held.
func (tr *track) ahead(passed int64, left float64) []BalanceAhead {
	j, r := &tr.judge, &tr.reading
	if r.sums[j.hour].Total <= 0 || r.sums[j.six].Total <= 0 {
		return nil
	}
	hour, six := j.outlook(tr.ledger, r, j.hour, tr.announced), j.outlook(tr.ledger, r, j.six, tr.announced)
	length := passed / 3
	if f, in := tr.forecast(); in > 0 {
		// Its end should be in sight.
		length = min(max(length, (f.Earliest.UnixMilli()-r.anchor)*9/8), passed/2)
	}
	length = min(length, hour.horizon)
	if length < aheadSteps {
		return nil
	}
	out := []BalanceAhead{{time.UnixMilli(r.anchor), left, left}}
	for i := int64(1); i <= aheadSteps; i++ {
		h := length * i / aheadSteps
		one, other := hour.share(h), six.share(h)
		out = append(out, BalanceAhead{time.UnixMilli(r.anchor + h), min(one, other), max(one, other)})
	}
	return out
}

// mostPasts is of how many objectives what the disk holds is kept: as many as people look
// at in a while.
const mostPasts = 64

// pasts keeps what balances read from disk: it is older than anything that may still
// come, so that it changes only when time is cut otherwise or the points move on.
type pasts struct {
	mu    sync.Mutex
	known map[*track]past
}

// past is what lies between edges that only the disk knows.
type past struct {
	edges    []int64
	segments []segment
	between  []tally
}

// recall fills in what is kept for the same edges and segments.
func (p *pasts) recall(tr *track, a *account) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	was, ok := p.known[tr]
	n := a.edge(a.split) + 1
	if !ok || !slices.Equal(was.edges, a.edges[:n]) || !slices.Equal(was.segments, a.segments) {
		return false
	}
	copy(a.between, was.between)
	return true
}

func (p *pasts) keep(tr *track, a *account) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known == nil || len(p.known) >= mostPasts {
		p.known = map[*track]past{}
	}
	n := a.edge(a.split) + 1
	p.known[tr] = past{slices.Clone(a.edges[:n]), a.segments, slices.Clone(a.between[:n])}
}
