package rules

import (
	"cmp"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// opensloSLO is the spec of an SLO.
type opensloSLO struct {
	at          *yaml.Node
	service     string
	description string
	period      Span
	method      Method
	indicator   *opensloRef
	objectives  []opensloObjective
	policies    []opensloRef
}

// opensloObjective is one entry of an SLO's objectives.
type opensloObjective struct {
	*faults
	at, targetAt *yaml.Node
	name         string
	op           string
	opAt         *yaml.Node
	value        float64
	valueAt      *yaml.Node
	target       float64
	slice        Budgeting
	indicator    *opensloRef
	weight       float64
}

func (f *faults) opensloSLO(n *yaml.Node) *opensloSLO {
	s := &opensloSLO{at: n, period: Span{Length: defaultPeriod}, method: Occurrences}
	var list []*yaml.Node
	f.object(n, "the spec of an SLO", fields{
		"description":   func(n *yaml.Node) { s.description = f.text(n, "spec.description") },
		"service":       func(n *yaml.Node) { s.service = f.name(n, "spec.service") },
		"indicator":     func(n *yaml.Node) { s.indicator = f.inlineIndicator(n, s.indicator) },
		"indicator_ref": func(n *yaml.Node) { s.indicator = f.indicatorRef(n, s.indicator) },
		"time_window":   func(n *yaml.Node) { s.period = f.timeWindow(n) },
		"budgeting_method": func(n *yaml.Node) {
			text := f.text(n, "spec.budgetingMethod")
			method, ok := map[string]Method{
				"occurrences": Occurrences, "timeslices": Timeslices, "ratiotimeslices": RatioTimeslices,
			}[strings.ToLower(text)]
			if !ok {
				f.at(n, "spec.budgetingMethod %q is not known: use Occurrences, Timeslices or RatioTimeslices", text)
			}
			s.method = method
		},
		"objectives": func(n *yaml.Node) {
			f.each(n, "spec.objectives", func(n *yaml.Node) { list = append(list, n) })
		},
		"alert_policies": func(n *yaml.Node) {
			f.each(n, "spec.alertPolicies", func(n *yaml.Node) {
				s.policies = append(s.policies, f.opensloRef(n, kindPolicy, "alert_policy_ref"))
			})
		},
	})
	for _, n := range list {
		s.objectives = append(s.objectives, f.opensloObjective(n, s))
	}
	if s.service == "" {
		f.at(n, "spec.service is missing: name the service the objective is for")
	}
	if len(list) == 0 {
		f.at(n, "spec.objectives is missing or empty: give at least one with a target")
	}
	return s
}

func (f *faults) inlineIndicator(n *yaml.Node, other *opensloRef) *opensloRef {
	if other != nil {
		f.at(n, "indicator and indicatorRef are both given: keep one")
	}
	return &opensloRef{faults: f, at: n, kind: kindSLI, inline: f.openSLO(n, kindSLI)}
}

func (f *faults) indicatorRef(n *yaml.Node, other *opensloRef) *opensloRef {
	if other != nil {
		f.at(n, "indicator and indicatorRef are both given: keep one")
	}
	return &opensloRef{faults: f, at: n, kind: kindSLI, name: f.text(n, "indicatorRef")}
}

// opensloRef reads an object that is written in place or named: under the given key,
// or as nothing but its name.
func (f *faults) opensloRef(n *yaml.Node, kind, key string) opensloRef {
	r := opensloRef{faults: f, at: n, kind: kind}
	t := target(n)
	if t != nil && t.Kind == yaml.ScalarNode {
		r.name = f.text(t, kind)
		return r
	}
	if t != nil && t.Kind == yaml.MappingNode {
		for i := 0; i+1 < len(t.Content); i += 2 {
			if snake(t.Content[i].Value) != key {
				continue
			}
			f.object(t, "a reference to an "+kind, fields{key: func(n *yaml.Node) { r.at, r.name = n, f.text(n, t.Content[i].Value) }})
			return r
		}
	}
	r.inline = f.openSLO(n, kind)
	if r.inline == nil {
		r.inline = &opensloObject{faults: f, at: n}
	}
	return r
}

func (f *faults) opensloObjective(n *yaml.Node, s *opensloSLO) opensloObjective {
	o := opensloObjective{faults: f, at: n, weight: 1}
	sliceTargetAt := (*yaml.Node)(nil)
	b := Objective{}
	f.object(n, "an entry of objectives", fields{
		"display_name": func(n *yaml.Node) { o.name = f.text(n, "displayName") },
		"op": func(n *yaml.Node) {
			o.op, o.opAt = strings.ToLower(f.text(n, "op")), n
			if _, ok := missed(o.op); !ok {
				f.at(n, "op %q is not known: use lte, lt, gte or gt", o.op)
			}
		},
		"value": func(n *yaml.Node) { o.value, _ = f.number(n, "value"); o.valueAt = n },
		"target": func(n *yaml.Node) {
			o.target = f.ratio(n, o.targetAt)
			o.targetAt = n
		},
		"target_percent": func(n *yaml.Node) {
			if o.targetAt != nil {
				f.at(n, "target and targetPercent are both given: keep one")
			}
			o.target, o.targetAt = f.percentage(n, "targetPercent"), n
		},
		"time_slice_target": func(n *yaml.Node) {
			v, ok := f.number(n, "timeSliceTarget")
			if ok && (v <= 0 || v > 1) {
				f.at(n, "timeSliceTarget %s must be a ratio above 0 and at most 1, for example 0.95", number(v))
			}
			sliceTargetAt, b.Budgeting.SliceTarget = n, round(v)
		},
		"time_slice_window": func(n *yaml.Node) { f.timeSlice(n, &b) },
		"indicator":         func(n *yaml.Node) { o.indicator = f.inlineIndicator(n, o.indicator) },
		"indicator_ref":     func(n *yaml.Node) { o.indicator = f.indicatorRef(n, o.indicator) },
		"composite_weight": func(n *yaml.Node) {
			v, ok := f.number(n, "compositeWeight")
			if ok && v <= 0 {
				f.at(n, "compositeWeight must be above 0")
			}
			o.weight = v
		},
	})
	if o.targetAt == nil {
		f.at(n, "target is missing: give the ratio of good events, for example 0.999, or targetPercent: 99.9")
	}
	switch s.method {
	case Timeslices:
		if sliceTargetAt == nil {
			f.at(n, "timeSliceTarget is missing: give the ratio of good events that makes a slice good, for example 0.95")
		}
	case RatioTimeslices:
		b.Budgeting.SliceTarget = 0
	default:
		return o
	}
	b.Budgeting.Method = s.method
	b.Budgeting.Slice = cmp.Or(b.Budgeting.Slice, time.Minute)
	o.slice = b.Budgeting
	return o
}

// ratio reads a target between 0 and 1; 0 if it is faulty.
func (f *faults) ratio(n, other *yaml.Node) float64 {
	if other != nil {
		f.at(n, "target and targetPercent are both given: keep one")
	}
	v, ok := f.number(n, "target")
	switch {
	case !ok:
	case v > 1 && v < 100:
		f.at(n, "target %s is a ratio, so it must be below 1: write %s, or targetPercent: %s", number(v), strconv.FormatFloat(round(v/100), 'g', -1, 64), number(v))
	case round(v) >= 1:
		f.at(n, "target %s leaves no error budget: promise less, for example 0.999", number(v))
	case v <= 0:
		f.at(n, "target %s promises nothing: give the ratio of good events, for example 0.999", number(v))
	default:
		return round(v)
	}
	return 0
}
