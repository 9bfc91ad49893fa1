package replay

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// evaluationStep is how often objectives are judged at most: every second, as in a
	// server.
	evaluationStep = 1000
	// idleStep is how often they are judged while no sample comes, and warmStep before
	// the replay begins.
	idleStep = 15 * 1000
	warmStep = 60 * 1000
	// restedAfter is how long a series may be silent before it is offered anew.
	restedAfter = 60 * 60 * 1000
	// The engine's houses are kept as often as a server does.
	keepStep, forgetStep = 60 * 1000, 60 * 60 * 1000
)

// run is one replay on its way. Times are Unix milliseconds unless their type says
// otherwise.
type run struct {
	plan   Plan
	engine *rules.Engine
	polled bool
	begin  time.Time
	now    time.Time
	// judged, kept and forgot are when objectives were last judged, and the engine's
	// houses kept.
	judged, kept, forgot int64
	samples              int
	// first is when the history begins.
	first  time.Time
	alerts []Alert
	// firing finds the alert that fires with the given labels.
	firing map[uint64]int
}

// play moves virtual time from sample to sample.
func (r *run) play(ctx context.Context) error {
	from, to := r.begin.UnixMilli(), r.plan.To.UnixMilli()
	if r.plan.To.IsZero() {
		to = r.plan.From.Add(maxRange).UnixMilli()
	}
	selectors, err := r.selectors()
	if err != nil {
		return err
	}
	series, done, err := r.plan.Source.Series(ctx, Selection{Selectors: selectors, From: from, To: to, MaxSeries: r.plan.MaxSeries})
	if err != nil {
		return err
	}
	defer done()
	m, err := newMerger(series)
	if err != nil {
		return err
	}
	if len(m) > 0 {
		r.first = time.UnixMilli(m[0].next.Time).UTC()
	}
	for len(m) > 0 && m[0].next.Time <= to {
		t := min(ceil(m[0].next.Time, evaluationStep), to)
		if err := r.idleUntil(ctx, t); err != nil {
			return err
		}
		r.now = time.UnixMilli(t)
		for len(m) > 0 && m[0].next.Time <= t {
			if err := r.observe(m[0]); err != nil {
				return err
			}
			if err := m.advance(); err != nil {
				return err
			}
		}
		if err := r.judge(ctx, t); err != nil {
			return err
		}
	}
	if r.plan.To.IsZero() {
		r.plan.To = r.now
		if !r.plan.To.After(r.plan.From) {
			return fmt.Errorf("the history ends before %s: nothing is left to replay", rfc3339(r.plan.From))
		}
		return nil
	}
	if err := r.idleUntil(ctx, to); err != nil {
		return err
	}
	return r.judge(ctx, to)
}

func ceil(t, step int64) int64 { return (t + step - 1) / step * step }

// selectors are those of all objectives.
func (r *run) selectors() ([]string, error) {
	var all []string
	for _, o := range r.plan.Objectives {
		found, err := o.Selectors()
		if err != nil {
			return nil, fmt.Errorf("objective %s: %w", o.ID, err)
		}
		all = append(all, found...)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// observe hands the next sample of a series to the engine.
func (r *run) observe(c *cursor) error {
	s := &c.next
	if s.Time-c.last > restedAfter {
		c.id = r.engine.Watch(c.series.Labels())
	}
	c.last = s.Time
	r.samples++
	if r.plan.MaxSamples > 0 && r.samples > r.plan.MaxSamples {
		return fmt.Errorf("there are more than %d samples until %s: replay a shorter time, or fewer objectives", r.plan.MaxSamples, rfc3339(r.now))
	}
	r.engine.Observe(c.id, s.Start, s.Time, s.Value, s.Histogram)
	return nil
}

// idleUntil judges the time before t in which no sample comes, and the moment at
// which the replay begins. Before the first sample there is nothing to judge.
func (r *run) idleUntil(ctx context.Context, t int64) error {
	if r.samples == 0 && !r.polled {
		return ctx.Err()
	}
	for next := r.next(); next < t; next = r.next() {
		if err := r.judge(ctx, next); err != nil {
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// next is when to judge at the latest.
func (r *run) next() int64 {
	switch from := r.plan.From.UnixMilli(); {
	case r.judged >= from:
		return r.judged + idleStep
	case r.samples == 0:
		return from
	default:
		return min(r.judged+warmStep, from)
	}
}

// judge is one moment of virtual time: what a server's loops do.
func (r *run) judge(ctx context.Context, t int64) error {
	from := r.plan.From.UnixMilli()
	if t < from && t-r.judged < warmStep || t == r.judged {
		return nil
	}
	r.now = time.UnixMilli(t)
	if r.polled && t >= from {
		if r.judged < from {
			if err := r.engine.PollPast(ctx); err != nil {
				return err
			}
		}
		r.engine.Poll(ctx)
	}
	r.judged = t
	r.engine.Evaluate(ctx)
	if t-r.kept >= keepStep {
		r.kept = t
		if err := r.engine.Keep(ctx); err != nil {
			return err
		}
	}
	if t-r.forgot >= forgetStep {
		r.forgot = t
		r.engine.ForgetIdle()
	}
	return nil
}

// send notes what the engine says.
func (r *run) send(_ context.Context, _ string, alerts ...*promrules.Alert) {
	for _, a := range alerts {
		key := a.Labels.Hash()
		i, known := r.firing[key]
		switch {
		case a.State == promrules.StateFiring && !known:
			r.firing[key] = len(r.alerts)
			r.alerts = append(r.alerts, r.note(a))
		case a.State != promrules.StateFiring && known:
			r.alerts[i].ResolvedAt = a.ResolvedAt.UTC()
			delete(r.firing, key)
		}
	}
}

// note takes down an alert as it begins.
func (r *run) note(a *promrules.Alert) Alert {
	out := Alert{
		Objective: a.Labels.Get("sloth_id"), Name: a.Labels.Get(labels.AlertName), Severity: rules.Severity(a.Labels.Get("sloth_severity")),
		FiredAt: a.ActiveAt.UTC(), Before: !r.now.After(r.plan.From), Summary: a.Annotations.Get("summary"),
	}
	out.Night = isNight(a.ActiveAt.In(r.plan.Zone))
	s, ok := r.engine.Status(out.Objective)
	if !ok {
		return out
	}
	out.BudgetRemaining = s.BudgetRemaining
	for _, st := range s.Alerts {
		if st.Name != out.Name || st.Severity != out.Severity || !st.Since.Equal(a.ActiveAt) ||
			st.Limit != cmp.Or(a.Labels.Get("budget_spent"), a.Labels.Get("gone_within")) {
			continue
		}
		out.Kind, out.Limit = st.Kind, st.Limit
		if began := r.engine.Cause(out.Objective, st); !began.IsZero() {
			out.Began, out.Delay = began.UTC(), Seconds(max(0, a.ActiveAt.Sub(began)))
		}
	}
	if out.Kind != rules.AlertBurn {
		return out
	}
	for _, w := range s.Windows {
		if w.Firing && w.Severity == out.Severity {
			out.Windows = rules.Pair{Long: w.Long, Short: w.Short}.String()
			out.Burn, out.Bad, out.Total = w.LongBurn, w.Bad, w.Total
			break
		}
	}
	return out
}

// result sums up.
func (r *run) result() Result {
	out := Result{From: r.plan.From.UTC(), To: r.plan.To.UTC(), Begins: r.first, Objectives: []Summary{}, Alerts: []Alert{}}
	for _, a := range r.alerts {
		if a.Before && !a.ResolvedAt.IsZero() && !a.ResolvedAt.After(r.plan.From) {
			continue
		}
		out.Alerts = append(out.Alerts, a)
	}
	slices.SortStableFunc(out.Alerts, func(a, b Alert) int {
		return cmp.Or(a.FiredAt.Compare(b.FiredAt), strings.Compare(a.Objective, b.Objective), cmp.Compare(a.Severity, b.Severity))
	})
	for _, s := range r.engine.Statuses() {
		out.Objectives = append(out.Objectives, r.summary(s, out.Alerts))
	}
	return out
}

func (r *run) summary(s rules.Status, alerts []Alert) Summary {
	out := Summary{
		Objective: s.Objective.ID, Promise: s.Objective.Promise, Target: s.Objective.Target, Period: Seconds(s.Objective.Period),
		State: s.State, Good: s.Good, Total: s.Total, BudgetRemaining: s.BudgetRemaining, Reason: s.Reason,
	}
	for _, a := range alerts {
		switch {
		case a.Objective != out.Objective || a.Before:
		case a.Severity != rules.Page:
			out.Tickets++
		default:
			out.Pages++
			if a.Night {
				out.NightPages++
			}
		}
	}
	weeks := r.plan.To.Sub(r.plan.From).Hours() / (7 * 24)
	out.PagesPerWeek, out.TicketsPerWeek = float64(out.Pages)/weeks, float64(out.Tickets)/weeks
	return out
}

// isNight tells whether a page at this local time wakes people.
func isNight(t time.Time) bool { return t.Hour() >= 22 || t.Hour() < 7 }
