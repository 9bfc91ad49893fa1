package rules

import (
	"cmp"
	"maps"
	"slices"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// leastQuiet is the least time without events that may alert: shorter pauses are
// part of any traffic.
const leastQuiet = time.Minute

// alerts reads what is said about alerts beyond the spec's own fields.
func (k *keys) alerts(n *yaml.Node, o *Objective) {
	what := k.prefix + "alerts"
	a := &o.Alerting
	var own []Pair
	k.object(n, what, fields{
		"name": func(n *yaml.Node) { a.Name = cmp.Or(k.text(n, what+".name"), a.Name) },
		"telemetry_lost": func(n *yaml.Node) {
			a.Lost = Off
			if k.boolean(n, what+".telemetry_lost") {
				a.Lost = On
			}
		},
		"no_traffic_for": func(n *yaml.Node) {
			d, ok := k.duration(n, what+".no_traffic_for")
			if ok && (d < leastQuiet || d > o.Period) {
				k.at(n, "%s.no_traffic_for %s must be between 1m and the period, %s", what, model.Duration(d), days(o.Period))
				return
			}
			a.NoTrafficFor = d
			if o.SLI.Raw() {
				o.Notes = append(o.Notes, k.note(n, "%s.no_traffic_for has no effect: a raw error ratio does not say whether there were events", what))
			}
		},
		"budget_spent": func(n *yaml.Node) { a.BudgetSpent = k.shares(n) },
		"gone_within":  func(n *yaml.Node) { a.GoneWithin = k.times(n, o) },
		"page":         func(n *yaml.Node) { own = append(own, k.alert(n, Page, o)...) },
		"ticket":       func(n *yaml.Node) { own = append(own, k.alert(n, Ticket, o)...) },
	})
	for _, p := range a.Pairs {
		if !slices.ContainsFunc(own, func(q Pair) bool { return q.Severity == p.Severity }) {
			own = append(own, p)
		}
	}
	a.Pairs = settlePairs(*o, own)
}

// shares reads percentages of the budget.
func (k *keys) shares(n *yaml.Node) []float64 {
	var out []float64
	k.eachOf(n, "alerts.budget_spent", maxLevels, func(n *yaml.Node) {
		v, ok := k.number(n, k.prefix+"alerts.budget_spent")
		switch share := round(v / 100); {
		case !ok:
		case v <= 0 || v > 100:
			k.at(n, "%salerts.budget_spent: %s must be a percentage of the budget, above 0 and at most 100, for example 75", k.prefix, number(v))
		case slices.Contains(out, share):
			k.at(n, "%salerts.budget_spent names %s twice: remove one", k.prefix, number(v))
		default:
			out = append(out, share)
		}
	})
	return out
}

// times reads the times before the end of the budget.
func (k *keys) times(n *yaml.Node, o *Objective) []time.Duration {
	var out []time.Duration
	k.eachOf(n, "alerts.gone_within", maxLevels, func(n *yaml.Node) {
		d, ok := k.duration(n, k.prefix+"alerts.gone_within")
		switch {
		case !ok:
		case d < time.Minute || d > o.Period:
			k.at(n, "%salerts.gone_within: %s must be between 1m and the period, %s", k.prefix, model.Duration(d), days(o.Period))
		case slices.Contains(out, d):
			k.at(n, "%salerts.gone_within names %s twice: remove one", k.prefix, model.Duration(d))
		default:
			out = append(out, d)
		}
	})
	return out
}

// alert reads what is said about the burn-rate alert of one severity and returns
// its own windows.
func (k *keys) alert(n *yaml.Node, s Severity, o *Objective) []Pair {
	what := k.prefix + "alerts." + string(s)
	spec := &o.Alerting.Page
	if s == Ticket {
		spec = &o.Alerting.Ticket
	}
	var own []Pair
	k.object(n, what, fields{
		"disable":     func(n *yaml.Node) { spec.Disabled = k.boolean(n, what+".disable") },
		"labels":      func(n *yaml.Node) { spec.Labels = overlay(spec.Labels, k.templates(n, what+".labels")) },
		"annotations": func(n *yaml.Node) { spec.Annotations = overlay(spec.Annotations, k.templates(n, what+".annotations")) },
		"windows": func(n *yaml.Node) {
			k.eachOf(n, "alerts."+string(s)+".windows", maxLevels, func(n *yaml.Node) {
				if p, ok := k.pair(n, what+".windows", o.Period); ok {
					p.Severity = s
					own = append(own, p)
				}
			})
		},
	})
	return own
}

// overlay returns a with b over it.
func overlay(a, b map[string]string) map[string]string {
	out := map[string]string{}
	maps.Copy(out, a)
	maps.Copy(out, b)
	return out
}

// pair reads one pair of windows of a spec's own.
func (k *keys) pair(n *yaml.Node, what string, period time.Duration) (Pair, bool) {
	before := k.count
	var p Pair
	k.object(n, "an entry of "+what, fields{
		"long":  func(n *yaml.Node) { p.Long, _ = k.duration(n, what+".long") },
		"short": func(n *yaml.Node) { p.Short, _ = k.duration(n, what+".short") },
		"burn":  func(n *yaml.Node) { p.Factor, _ = k.number(n, what+".burn") },
	})
	switch {
	case k.count > before:
	case p.Long == 0 || p.Short == 0 || p.Factor == 0:
		k.at(n, "an entry of %s needs long, short and burn, for example {long: 1h, short: 5m, burn: 14.4}", what)
	default:
		k.pairFits(n, what, p, period)
	}
	return p, k.count == before
}

// pairFits checks a pair of windows against the period.
func (f *faults) pairFits(n *yaml.Node, what string, p Pair, period time.Duration) {
	switch {
	case p.Factor <= 0:
		f.at(n, "%s: a burn rate of %s is never reached or always: it must be above 0, and 1 spends exactly the budget", what, number(p.Factor))
	case p.Short < 10*time.Second || p.Long < p.Short:
		f.at(n, "%s: the short window must be at least 10s and the long one not shorter", what)
	case p.Long > period:
		f.at(n, "%s: the long window %s is longer than the period %s", what, model.Duration(p.Long), days(period))
	}
}

// settlePairs returns the pairs of an objective with windows of its own: those of an
// alert that has none follow from the period, those of a disabled one are dropped.
// Without windows of its own there are none. They come pages first, then by length.
func settlePairs(o Objective, own []Pair) []Pair {
	if len(own) == 0 {
		return nil
	}
	var out []Pair
	for _, s := range []Severity{Page, Ticket} {
		if o.Alert(s).Disabled {
			continue
		}
		given := slices.ContainsFunc(own, func(p Pair) bool { return p.Severity == s })
		for _, p := range own {
			if p.Severity == s {
				out = append(out, p)
			}
		}
		for _, p := range PairsFor(o.Period) {
			if p.Severity == s && !given {
				p.Budget = 0
				out = append(out, p)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b Pair) int {
		return cmp.Or(cmp.Compare(a.Severity, b.Severity), cmp.Compare(a.Long, b.Long), cmp.Compare(a.Short, b.Short), cmp.Compare(b.Factor, a.Factor))
	})
	return slices.Compact(out)
}
