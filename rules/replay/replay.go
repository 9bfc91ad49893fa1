package replay

import (
	"cmp"
	"container/heap"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// idleStep is how often objectives are judged while no sample comes.
	idleStep = 15 * time.Second
	// maxRange bounds how long a history may be.
	maxRange = 400 * 24 * time.Hour
	// resendable is how often the engine repeats an alert; the shortest it may be is as
	// good as any here.
	interval = time.Second
)

// Plan is what to replay.
type Plan struct {
	Objectives []rules.Objective
	Source     Source
	// From and To bound the time in which alerts are sent. The history of one period
	// before From is counted first, as far as the source has it.
	From, To time.Time
	// Zone says when it is night; UTC when nil.
	Zone *time.Location
}

// Run replays a plan. Its error is a sentence.
func Run(ctx context.Context, p Plan) (Result, error) {
	if err := p.check(); err != nil {
		return Result{}, err
	}
	r := &run{plan: p, begin: p.From.Add(-p.longest()), open: map[uint64]int{}}
	r.now = r.begin
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	defer func() { _ = pq.Close() }()
	query := func(context.Context, string, time.Time) (promql.Vector, error) {
		return nil, errors.New("this history holds counts only")
	}
	if q := p.Source.Queryable(); q != nil {
		query = promrules.EngineQueryFunc(pq, q)
	}
	var err error
	r.engine, err = rules.NewEngine(rules.EngineOptions{
		Objectives: p.Objectives, Interval: interval, Store: nothing{}, Ledger: nothing{}, Query: query,
		Now: func() time.Time { return r.now }, Send: r.send,
	})
	if err != nil {
		return Result{}, err
	}
	r.engine.Rehearse(r.begin)
	if err := r.play(ctx); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

func (p Plan) check() error {
	switch {
	case len(p.Objectives) == 0:
		return errors.New("there is no objective to replay")
	case p.Source == nil:
		return errors.New("there is no history to replay")
	case !p.To.After(p.From):
		return fmt.Errorf("the time to replay ends at %s, which is not after its beginning at %s", p.To.UTC().Format(time.RFC3339), p.From.UTC().Format(time.RFC3339))
	case p.To.Sub(p.From) > maxRange:
		return fmt.Errorf("the time to replay is longer than %d days: replay a part of it", int(maxRange.Hours()/24))
	}
	for _, o := range p.Objectives {
		selectors, err := o.Selectors()
		if err != nil {
			return fmt.Errorf("objective %s: %w", o.ID, err)
		}
		if len(selectors) == 0 && p.Source.Queryable() == nil {
			return fmt.Errorf("objective %s must be asked for by PromQL, which this history cannot answer: replay it from a server or a TSDB directory", o.ID)
		}
	}
	return nil
}

// longest is the longest period of the objectives: how much history they look at.
func (p Plan) longest() time.Duration {
	var longest time.Duration
	for _, o := range p.Objectives {
		longest = max(longest, o.Period)
	}
	return longest
}

// run is one replay on its way.
type run struct {
	plan   Plan
	engine *rules.Engine
	begin  time.Time
	now    time.Time
	polled bool
	alerts []Alert
	// open finds the alert that fires with the given labels.
	open map[uint64]int
	// first is when the history begins.
	first time.Time
}

// play moves virtual time from sample to sample.
func (r *run) play(ctx context.Context) error {
	var selectors []string
	for _, o := range r.plan.Objectives {
		found, err := o.Selectors()
		if err != nil {
			return fmt.Errorf("objective %s: %w", o.ID, err)
		}
		r.polled = r.polled || len(found) == 0
		for _, s := range found {
			if !slices.Contains(selectors, s) {
				selectors = append(selectors, s)
			}
		}
	}
	from, to := r.begin.UnixMilli(), r.plan.To.UnixMilli()
	series, done, err := r.plan.Source.Series(ctx, selectors, from, to)
	if err != nil {
		return err
	}
	defer done()
	m, err := r.open1(series)
	if err != nil {
		return err
	}
	for len(m) > 0 {
		t := m[0].next.Time
		if t > to {
			break
		}
		if err := r.idleUntil(ctx, t); err != nil {
			return err
		}
		for len(m) > 0 && m[0].next.Time == t {
			s := &m[0].next
			r.engine.Observe(m[0].id, s.Start, s.Time, s.Value, s.Histogram)
			if err := m.advance(); err != nil {
				return err
			}
		}
		r.moveTo(ctx, t)
	}
	return r.idleUntil(ctx, to+1)
}

// open1 offers the series to the engine and readies those it wants.
func (r *run) open1(series []Series) (merger, error) {
	var m merger
	for _, s := range series {
		id := r.engine.Watch(s.Labels())
		if id == 0 {
			continue
		}
		first, ok := s.Next()
		if !ok {
			if err := s.Err(); err != nil {
				return nil, fmt.Errorf("read %s: %w", s.Labels(), err)
			}
			continue
		}
		if at := time.UnixMilli(first.Time); r.first.IsZero() || at.Before(r.first) {
			r.first = at
		}
		m = append(m, cursor{first, s, id})
	}
	heap.Init(&m)
	return m, nil
}

// idleUntil judges the time before t in which no sample comes.
func (r *run) idleUntil(ctx context.Context, t int64) error {
	if r.first.IsZero() && !r.polled {
		r.now = time.UnixMilli(t - 1)
		return ctx.Err()
	}
	for next := r.now.Add(idleStep); next.UnixMilli() < t; next = r.now.Add(idleStep) {
		r.moveTo(ctx, next.UnixMilli())
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// moveTo is one moment of virtual time: what a second of the engine's loops does.
func (r *run) moveTo(ctx context.Context, t int64) {
	r.now = time.UnixMilli(t)
	if r.polled {
		r.engine.Poll(ctx)
	}
	if !r.now.Before(r.plan.From) {
		r.engine.Evaluate(ctx)
	}
}

// send notes what the engine says.
func (r *run) send(_ context.Context, _ string, alerts ...*promrules.Alert) {
	for _, a := range alerts {
		key := a.Labels.Hash()
		i, known := r.open[key]
		switch {
		case a.State == promrules.StateFiring && !known:
			r.open[key] = len(r.alerts)
			r.alerts = append(r.alerts, r.note(a))
		case a.State != promrules.StateFiring && known:
			r.alerts[i].ResolvedAt = a.ResolvedAt
			delete(r.open, key)
		}
	}
}

// note takes down an alert as it begins.
func (r *run) note(a *promrules.Alert) Alert {
	out := Alert{
		Objective: a.Labels.Get("sloth_id"), Name: a.Labels.Get(labels.AlertName), Severity: a.Labels.Get("severity"),
		FiredAt: a.ActiveAt, Summary: a.Annotations.Get("summary"), Windows: a.Annotations.Get("windows"),
	}
	s, ok := r.engine.Status(out.Objective)
	if !ok {
		return out
	}
	out.BudgetRemaining = s.BudgetRemaining
	if begin := r.engine.BurnSince(out.Objective); !begin.IsZero() {
		out.BurnBegan, out.Delay = begin, max(0, a.ActiveAt.Sub(begin))
	}
	return out
}

// result sums up.
func (r *run) result() Result {
	out := Result{From: r.plan.From, To: r.plan.To, Begins: r.first, Alerts: r.alerts}
	slices.SortStableFunc(out.Alerts, func(a, b Alert) int {
		return cmp.Or(a.FiredAt.Compare(b.FiredAt), strings.Compare(a.Objective, b.Objective), strings.Compare(a.Severity, b.Severity))
	})
	weeks := r.plan.To.Sub(r.plan.From).Hours() / (7 * 24)
	for _, s := range r.engine.Statuses() {
		o := Summary{
			Objective: s.Objective.ID, Promise: s.Objective.Promise, State: s.State,
			Good: s.Good, Total: s.Total, BudgetRemaining: s.BudgetRemaining, Target: s.Objective.Target,
		}
		for _, a := range out.Alerts {
			if a.Objective != o.Objective {
				continue
			}
			if a.Severity != string(rules.Page) {
				o.Tickets++
				continue
			}
			o.Pages++
			if isNight(a.FiredAt.In(cmp.Or(r.plan.Zone, time.UTC))) {
				o.NightPages++
			}
		}
		o.PagesPerWeek, o.TicketsPerWeek = float64(o.Pages)/weeks, float64(o.Tickets)/weeks
		out.Objectives = append(out.Objectives, o)
	}
	return out
}

// isNight tells whether a page at this local time wakes people.
func isNight(t time.Time) bool { return t.Hour() >= 22 || t.Hour() < 7 }

// nothing is a store without samples that keeps none.
type nothing struct{ storage.Appendable }

func (nothing) Querier(int64, int64) (storage.Querier, error) { return storage.NoopQuerier(), nil }

var _ rules.SampleStore = nothing{}
