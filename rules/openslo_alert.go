package rules

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

// opensloPolicy is the spec of an AlertPolicy. What it does not say is nil.
type opensloPolicy struct {
	at                          *yaml.Node
	noData, resolved, breaching *bool
	resolvedAt                  *yaml.Node
	conditions, targets         []opensloRef
}

// opensloCondition is the spec of an AlertCondition.
type opensloCondition struct {
	at, opAt        *yaml.Node
	severity        string
	op              string
	threshold       float64
	lookback, after time.Duration
}

func (f *faults) opensloPolicy(n *yaml.Node) *opensloPolicy {
	p := &opensloPolicy{at: n}
	flag := func(key string, to **bool) func(*yaml.Node) {
		return func(n *yaml.Node) {
			v := f.boolean(n, key)
			*to = &v
		}
	}
	resolved := flag("alertWhenResolved", &p.resolved)
	f.object(n, "the spec of an AlertPolicy", fields{
		"description":          func(n *yaml.Node) { f.text(n, "spec.description") },
		"alert_when_no_data":   flag("alertWhenNoData", &p.noData),
		"alert_when_breaching": flag("alertWhenBreaching", &p.breaching),
		"alert_when_resolved": func(n *yaml.Node) {
			p.resolvedAt = n
			resolved(n)
		},
		"conditions": func(n *yaml.Node) {
			f.each(n, "spec.conditions", func(n *yaml.Node) {
				p.conditions = append(p.conditions, f.opensloRef(n, kindCondition, "condition_ref"))
			})
		},
		"notification_targets": func(n *yaml.Node) {
			f.each(n, "spec.notificationTargets", func(n *yaml.Node) {
				p.targets = append(p.targets, f.opensloRef(n, kindTarget, "target_ref"))
			})
		},
	})
	if len(p.conditions) == 0 {
		f.at(n, "spec.conditions is missing or empty: name at least one AlertCondition")
	}
	return p
}

func (f *faults) opensloCondition(n *yaml.Node) *opensloCondition {
	c := &opensloCondition{at: n}
	var conditionAt *yaml.Node
	f.object(n, "the spec of an AlertCondition", fields{
		"description": func(n *yaml.Node) { f.text(n, "spec.description") },
		"severity":    func(n *yaml.Node) { c.severity = f.text(n, "spec.severity") },
		"condition": func(n *yaml.Node) {
			conditionAt = n
			f.burnCondition(n, c)
		},
	})
	if c.severity == "" {
		f.at(n, "spec.severity is missing: write page or ticket")
	}
	if conditionAt == nil {
		f.at(n, "spec.condition is missing: give threshold and lookbackWindow")
	}
	return c
}

func (f *faults) burnCondition(n *yaml.Node, c *opensloCondition) {
	window := func(n *yaml.Node, key string) time.Duration {
		text := scalar(n)
		if d, _, ok := shorthand(text); ok {
			return d
		}
		if text != "0m" && text != "0" {
			f.at(n, "%s must be a number and one of m, h, d, w, for example 1h", key)
		}
		return 0
	}
	before := f.count
	f.object(n, "condition", fields{
		"kind": func(n *yaml.Node) {
			if kind := f.text(n, "kind"); strings.ToLower(kind) != "burnrate" {
				f.at(n, "kind %q is not known: use burnrate", kind)
			}
		},
		"op": func(n *yaml.Node) {
			c.op, c.opAt = strings.ToLower(f.text(n, "op")), n
			if _, ok := missed(c.op); !ok {
				f.at(n, "op %q is not known: use gte or gt", c.op)
			}
		},
		"threshold":       func(n *yaml.Node) { c.threshold, _ = f.number(n, "threshold") },
		"lookback_window": func(n *yaml.Node) { c.lookback = window(n, "lookbackWindow") },
		"alert_after":     func(n *yaml.Node) { c.after = window(n, "alertAfter") },
	})
	switch {
	case f.count > before:
	case c.threshold <= 0:
		f.at(n, "threshold is missing or not above 0: give a burn rate, for example 14.4")
	case c.lookback == 0:
		f.at(n, "lookbackWindow is missing: give the time the burn rate is taken over, for example 1h")
	}
}

// pair makes windows of a condition: the burn rate must reach the threshold both over
// lookbackWindow and over alertAfter, the shorter of them showing that it still does.
func (c *opensloCondition) pair(s Severity) Pair {
	after := cmp.Or(c.after, c.lookback)
	return Pair{Severity: s, Long: max(c.lookback, after), Short: min(c.lookback, after), Factor: c.threshold}
}

// severityOf maps the words for severities that are in use; false for others.
func severityOf(word string) (Severity, bool) {
	word = strings.ToLower(strings.NewReplacer("-", "", "_", "", " ", "").Replace(word))
	switch word {
	case "page", "critical", "crit", "high", "urgent", "emergency", "fatal", "sev0", "sev1", "p0", "p1", "1":
		return Page, true
	case "ticket", "warning", "warn", "medium", "low", "info", "minor", "sev2", "sev3", "sev4", "sev5", "p2", "p3", "p4", "p5", "2", "3", "4", "5":
		return Ticket, true
	}
	return Page, false
}

// clone copies what is said about alerts, so that objectives share no maps.
func (a Alerting) clone() Alerting {
	for _, spec := range []*AlertSpec{&a.Page, &a.Ticket} {
		spec.Labels, spec.Annotations = overlay(spec.Labels, nil), overlay(spec.Annotations, nil)
	}
	a.Pairs = slices.Clone(a.Pairs)
	return a
}

// alerting maps the alert policies of an SLO. Without any it has the usual alerts;
// with some it has those alone.
func (s *openslo) alerting(o *opensloObject) (a Alerting, notes []string, sound bool) {
	a = Alerting{Name: defaultAlertName}.clone()
	if len(o.slo.policies) == 0 {
		return a, nil, true
	}
	sound = true
	var targets []string
	for _, ref := range o.slo.policies {
		policy := s.find(ref)
		if policy == nil || !policy.sound {
			sound = false
			continue
		}
		p := policy.policy
		switch {
		case p.noData != nil && *p.noData:
			a.Lost = On
		case p.noData != nil && a.Lost == "":
			a.Lost = Off
		}
		if p.resolved != nil && !*p.resolved {
			notes = append(notes, policy.note(p.resolvedAt, "alertWhenResolved: false has no effect: say it with send_resolved at the receiver in alertmanager.yml"))
		}
		for _, ref := range p.conditions {
			condition := s.find(ref)
			if condition == nil || !condition.sound {
				sound = false
				continue
			}
			if p.breaching == nil || *p.breaching {
				notes = append(notes, s.condition(o, condition, &a)...)
			}
		}
		for _, ref := range p.targets {
			target := s.find(ref)
			if target == nil || !target.sound {
				sound = false
				continue
			}
			if target.name != "" && !slices.Contains(targets, target.name) {
				targets = append(targets, target.name)
			}
		}
	}
	for _, spec := range []*AlertSpec{&a.Page, &a.Ticket} {
		if len(targets) > 0 {
			spec.Labels["notification_target"] = strings.Join(targets, ",")
		}
	}
	own := func(sev Severity) bool {
		return slices.ContainsFunc(a.Pairs, func(p Pair) bool { return p.Severity == sev })
	}
	a.Page.Disabled, a.Ticket.Disabled = !own(Page), !own(Ticket)
	a.Pairs = settlePairs(Objective{Alerting: a, Period: o.slo.period.Length}, a.Pairs)
	return a, notes, sound
}

// condition adds one condition to the alerts and says what of it has no effect.
func (s *openslo) condition(o, condition *opensloObject, a *Alerting) (notes []string) {
	c := condition.condition
	if c.op == "lt" || c.op == "lte" {
		return []string{condition.note(c.opAt, "op %s has no effect, nor has its condition: an alert fires when much of the budget burns, not when little does", c.op)}
	}
	sev, known := severityOf(c.severity)
	if !known {
		notes = append(notes, condition.note(c.at, "severity %q is taken for a page: use page or ticket", c.severity))
	}
	p := c.pair(sev)
	if period := o.slo.period.Length; p.Long > period {
		return append(notes, condition.note(c.at, "the condition has no effect on %s: its window %s is longer than the period %s", o.name, model.Duration(p.Long), days(period)))
	}
	a.Pairs = append(a.Pairs, p)
	spec := &a.Page
	if sev == Ticket {
		spec = &a.Ticket
	}
	switch written := spec.Labels["severity"]; {
	case written != "" && written != c.severity:
		notes = append(notes, condition.note(c.at, "severity %q is sent as %q, that of another condition: one objective has one page and one ticket", c.severity, written))
	case c.severity != string(sev):
		spec.Labels["severity"] = c.severity
	}
	return notes
}
