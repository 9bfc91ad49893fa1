package rules

import (
	"cmp"
	"fmt"
	"maps"
	"strconv"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// pyrraPrefix goes before the labels and annotations that Pyrra passes on to alerts.
const pyrraPrefix = "pyrra.dev/"

// pyrra reads one ServiceLevelObjective.
type pyrra struct {
	*faults
	name, namespace string

	labels, annotations *yaml.Node
	// matched are the labels the total metric is selected by.
	matched  map[string]string
	grouping []string
	alerting pyrraAlerting
}

// pyrraAlerting is the section alerting.
type pyrraAlerting struct {
	disabled, burnrates, absent bool
	name                        string
	severities                  map[Severity]string
}

// readPyrra reads a document with apiVersion: pyrra.dev/v1alpha1.
func readPyrra(f *faults, n *yaml.Node) []Objective {
	p := &pyrra{faults: f, alerting: pyrraAlerting{burnrates: true, absent: true}}
	o := f.draft("", n)
	o.Labels = map[string]string{}
	notes := map[string]string{}
	var spec, target, window, indicator *yaml.Node
	before := f.count
	f.object(n, "a ServiceLevelObjective", fields{
		"api_version": func(*yaml.Node) {},
		"kind": func(n *yaml.Node) {
			if kind := f.text(n, "kind"); kind != "ServiceLevelObjective" {
				f.at(n, "kind %q is not known: use ServiceLevelObjective", kind)
			}
		},
		"status": func(*yaml.Node) {},
		"metadata": func(n *yaml.Node) {
			p.metadata(n)
			o.Labels = f.looseLabels(p.labels, "metadata.labels", pyrraPrefix)
			notes = f.looseLabels(p.annotations, "metadata.annotations", pyrraPrefix)
			for name, text := range notes {
				if err := checkTemplate(text); err != nil {
					f.at(p.annotations, "metadata.annotations.%s%s is not a valid template: %s", pyrraPrefix, name, err)
				}
			}
		},
		"spec": func(n *yaml.Node) {
			spec = n
			f.object(n, "spec", fields{
				"description": func(n *yaml.Node) { o.Description = f.text(n, "spec.description") },
				"target":      func(n *yaml.Node) { target, o.Target = n, f.percentage(n, "spec.target") },
				"window": func(n *yaml.Node) {
					window = n
					if d, ok := f.duration(n, "spec.window"); ok && f.period(n, "spec.window", d) {
						o.Period = d
					}
				},
				"indicator": func(n *yaml.Node) { indicator, o.SLI = n, p.indicator(n) },
				"alerting":  func(n *yaml.Node) { o.Notes = append(o.Notes, p.readAlerting(n)...) },
				"partial_response_strategy": func(n *yaml.Node) {
					o.Notes = append(o.Notes, f.note(n, "partial_response_strategy has no effect: it is for Thanos' ruler"))
				},
			})
		},
	})
	switch {
	case p.name == "":
		f.at(n, "metadata.name is missing: name the objective")
	case spec == nil:
		f.at(n, "spec is missing: give target, window and indicator")
	case target == nil:
		f.at(spec, "spec.target is missing: give the percentage of good events, for example '99.9'")
	case window == nil:
		f.at(spec, "spec.window is missing: give the length of the period, for example 28d")
	case indicator == nil:
		f.at(spec, "spec.indicator is missing: give ratio, latency, latencyNative or bool_gauge")
	}
	// Without a service, an objective is told from others by its namespace, as there.
	o.SLO = p.name
	o.Service = cmp.Or(o.Labels["service"], p.namespace, p.name)
	if f.count == before && !specName.MatchString(o.Service) {
		f.at(n, "service %q must be letters, digits, '.', '_' and '-', beginning and ending with a letter or digit", o.Service)
	}
	o.Labels, o.GroupBy = overlay(p.matched, o.Labels), p.grouping
	for _, name := range p.grouping {
		delete(o.Labels, name)
	}
	o.Alerting = p.alerting.merge(notes)
	if f.count == before {
		ours := &keys{faults: f, prefix: annotationPrefix, nodes: map[string]*yaml.Node{}}
		ours.gatherAnnotations(p.annotations)
		ours.apply(&o)
		f.complete(&o, target)
	}
	if f.count > before {
		return nil
	}
	return []Objective{o}
}

func (p *pyrra) metadata(n *yaml.Node) {
	p.object(n, "metadata", fields{
		"name":               func(n *yaml.Node) { p.name = p.faults.name(n, "metadata.name") },
		"namespace":          func(n *yaml.Node) { p.namespace = p.text(n, "metadata.namespace") },
		"labels":             func(n *yaml.Node) { p.labels = n },
		"annotations":        func(n *yaml.Node) { p.annotations = n },
		"uid":                func(*yaml.Node) {},
		"resource_version":   func(*yaml.Node) {},
		"generation":         func(*yaml.Node) {},
		"creation_timestamp": func(*yaml.Node) {},
		"managed_fields":     func(*yaml.Node) {},
		"owner_references":   func(*yaml.Node) {},
	})
}

// readAlerting returns what of the section has no effect.
func (p *pyrra) readAlerting(n *yaml.Node) (notes []string) {
	a := &p.alerting
	a.severities = map[Severity]string{}
	severity := func(s Severity) func(*yaml.Node) {
		return func(n *yaml.Node) {
			word := p.text(n, "severities")
			if a.severities[s] != "" && a.severities[s] != word {
				notes = append(notes, p.note(n, "severity %q has no effect: the two windows of a %s share the first, %q", word, s, a.severities[s]))
				return
			}
			a.severities[s] = word
		}
	}
	p.object(n, "alerting", fields{
		"disabled":  func(n *yaml.Node) { a.disabled = p.boolean(n, "alerting.disabled") },
		"burnrates": func(n *yaml.Node) { a.burnrates = p.boolean(n, "alerting.burnrates") },
		"absent":    func(n *yaml.Node) { a.absent = p.boolean(n, "alerting.absent") },
		"name":      func(n *yaml.Node) { a.name = p.text(n, "alerting.name") },
		"absent_name": func(n *yaml.Node) {
			if name := p.text(n, "alerting.absentName"); name != lostName {
				notes = append(notes, p.note(n, "alerting.absentName has no effect: the alert is named %s", lostName))
			}
		},
		"severities": func(n *yaml.Node) {
			p.object(n, "alerting.severities", fields{
				"fast_burn": severity(Page), "medium_burn": severity(Page),
				"slow_burn": severity(Ticket), "long_term_burn": severity(Ticket),
				"absent": func(n *yaml.Node) {
					notes = append(notes, p.note(n, "alerting.severities.absent has no effect: %s has the severity of the page", lostName))
				},
			})
		},
		"burn_rate_type": func(n *yaml.Node) {
			switch kind := p.text(n, "alerting.burnRateType"); kind {
			case "dynamic":
			case "static":
				notes = append(notes, p.note(n, "alerting.burnRateType: static has no effect: thresholds always follow the traffic"))
			default:
				p.at(n, "alerting.burnRateType %q is not known: use dynamic", kind)
			}
		},
	})
	return notes
}

// merge makes the alerts of an objective; annotations go with both.
func (a pyrraAlerting) merge(annotations map[string]string) Alerting {
	out := Alerting{Name: cmp.Or(a.name, defaultAlertName)}
	for sev, spec := range map[Severity]*AlertSpec{Page: &out.Page, Ticket: &out.Ticket} {
		spec.Disabled = a.disabled || !a.burnrates
		spec.Labels, spec.Annotations = map[string]string{}, overlay(annotations, nil)
		if word := a.severities[sev]; word != "" && word != string(sev) {
			spec.Labels["severity"] = word
		}
	}
	switch {
	case a.disabled:
	case !a.absent:
		out.Lost = Off
	case !a.burnrates:
		out.Lost = On
	}
	return out
}

func (p *pyrra) indicator(n *yaml.Node) SLI {
	var sli SLI
	kinds := 0
	one := func(read func(*yaml.Node) SLI) func(*yaml.Node) {
		return func(n *yaml.Node) {
			kinds++
			before := p.count
			if sli = read(n); p.count == before {
				p.fits(n, sli)
			}
		}
	}
	p.object(n, "indicator", fields{
		"ratio": one(p.ratioOf), "latency": one(p.latency), "latency_native": one(p.latencyNative), "bool_gauge": one(p.boolGauge),
	})
	switch {
	case kinds == 0:
		p.at(n, "indicator is empty: give ratio, latency, latencyNative or bool_gauge")
	case kinds > 1:
		p.at(n, "indicator has several kinds: keep one")
	}
	return sli
}

// metrics reads an indicator's metrics and its grouping. Others are read by more.
func (p *pyrra) metrics(n *yaml.Node, what string, names []string, more fields) map[string]*parser.VectorSelector {
	out := map[string]*parser.VectorSelector{}
	known := fields{
		"grouping": func(n *yaml.Node) {
			p.each(n, what+".grouping", func(n *yaml.Node) { p.grouping = append(p.grouping, p.text(n, what+".grouping")) })
		},
	}
	maps.Copy(known, more)
	for _, name := range names {
		known[name] = func(n *yaml.Node) {
			p.object(n, what+"."+name, fields{"metric": func(n *yaml.Node) {
				if v := p.selector(n, what+"."+name+".metric"); v != nil {
					out[name] = v
				}
			}})
		}
	}
	p.object(n, what, known)
	return out
}

// selector reads a metric: its name and matchers.
func (p *pyrra) selector(n *yaml.Node, key string) *parser.VectorSelector {
	text := p.text(n, key)
	if text == "" {
		return nil
	}
	e, err := parsePlain(text)
	if err != nil {
		p.at(n, "%s: %s", key, err)
		return nil
	}
	v, ok := plain(e).(*parser.VectorSelector)
	if !ok {
		p.at(n, `%s must be a metric with its labels, such as http_requests_total{job="api"}, without functions`, key)
		return nil
	}
	return v
}

// total remembers the labels the metric of all events is selected by: alerts carry
// them.
func (p *pyrra) total(v *parser.VectorSelector) {
	p.matched = map[string]string{}
	for _, m := range v.LabelMatchers {
		if m.Type == labels.MatchEqual && m.Name != model.MetricNameLabel && m.Name != model.BucketLabel && m.Value != "" && labelName(m.Name) == m.Name {
			p.matched[m.Name] = m.Value
		}
	}
}

// ranged is a selector with {{.window}} as its range, in a function.
func ranged(function string, v *parser.VectorSelector) string {
	return function + "(" + templated(&parser.MatrixSelector{VectorSelector: v, Range: probeWindow}) + ")"
}

// summedRate is the rate of a counter over all its series.
func summedRate(v *parser.VectorSelector) string { return "sum(" + ranged("rate", v) + ")" }

func (p *pyrra) ratioOf(n *yaml.Node) SLI {
	m := p.metrics(n, "ratio", []string{"errors", "success", "total"}, nil)
	bad, good, all := m["errors"], m["success"], m["total"]
	switch {
	case bad != nil && all != nil && good == nil:
		p.total(all)
		return SLI{ErrorQuery: summedRate(bad), TotalQuery: summedRate(all)}
	case good != nil && all != nil && bad == nil:
		p.total(all)
		return SLI{ErrorQuery: fmt.Sprintf("%s - (%s or vector(0))", summedRate(all), summedRate(good)), TotalQuery: summedRate(all)}
	case bad != nil && good != nil && all == nil:
		p.total(good)
		return SLI{ErrorQuery: summedRate(bad), TotalQuery: fmt.Sprintf("%s + (%s or vector(0))", summedRate(good), summedRate(bad))}
	}
	p.at(n, "ratio needs two of errors, success and total, each with metric")
	return SLI{}
}

func (p *pyrra) latency(n *yaml.Node) SLI {
	m := p.metrics(n, "latency", []string{"success", "total"}, nil)
	good, all := m["success"], m["total"]
	if good == nil || all == nil {
		p.at(n, "latency needs success and total, each with metric")
		return SLI{}
	}
	for _, matcher := range good.LabelMatchers {
		if _, err := strconv.ParseFloat(matcher.Value, 64); matcher.Name == model.BucketLabel && matcher.Type == labels.MatchEqual && err == nil {
			p.total(all)
			return SLI{ErrorQuery: fmt.Sprintf("%s - (%s or vector(0))", summedRate(all), summedRate(good)), TotalQuery: summedRate(all)}
		}
	}
	p.at(n, `latency.success.metric needs the bucket of the threshold, such as le="0.5"`)
	return SLI{}
}

func (p *pyrra) latencyNative(n *yaml.Node) SLI {
	var limit time.Duration
	m := p.metrics(n, "latencyNative", []string{"total"}, fields{
		"latency": func(n *yaml.Node) { limit, _ = p.duration(n, "latencyNative.latency") },
	})
	all := m["total"]
	if all == nil || limit <= 0 {
		p.at(n, "latencyNative needs latency, such as 500ms, and total with the metric of a native histogram")
		return SLI{}
	}
	p.total(all)
	rate, seconds := summedRate(all), strconv.FormatFloat(limit.Seconds(), 'g', -1, 64)
	return SLI{
		ErrorQuery: fmt.Sprintf("histogram_count(%s) - histogram_fraction(0, %s, %s) * histogram_count(%s)", rate, seconds, rate, rate),
		TotalQuery: fmt.Sprintf("histogram_count(%s)", rate),
	}
}

func (p *pyrra) boolGauge(n *yaml.Node) SLI {
	var up *parser.VectorSelector
	p.metrics(n, "bool_gauge", nil, fields{
		"metric": func(n *yaml.Node) { up = p.selector(n, "bool_gauge.metric") },
	})
	if up == nil {
		p.at(n, "bool_gauge needs metric, a gauge that is 1 when all is well and 0 when not")
		return SLI{}
	}
	p.total(up)
	count := "sum(" + ranged("count_over_time", up) + ")"
	return SLI{ErrorQuery: fmt.Sprintf("%s - sum(%s)", count, ranged("sum_over_time", up)), TotalQuery: count}
}
