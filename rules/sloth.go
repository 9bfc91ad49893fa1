package rules

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/template"
	"go.yaml.in/yaml/v3"
)

const (
	defaultPeriod       = 30 * 24 * time.Hour
	defaultMinBadEvents = 3
	defaultAlertName    = "ErrorBudgetBurn"
	minPeriod           = time.Hour
	maxPeriod           = 366 * 24 * time.Hour
)

// specName is what Sloth allows as the name of a service or objective.
var specName = regexp.MustCompile(`^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$`)

// sloth reads one document of Sloth's format.
type sloth struct {
	*faults
	service string
	labels  map[string]string
	slos    []*yaml.Node
	slosAt  *yaml.Node
}

// readSloth reads a document with version: prometheus/v1.
func readSloth(f *faults, n *yaml.Node) []Objective {
	s := &sloth{faults: f}
	known := s.fields()
	known["version"] = func(*yaml.Node) {}
	s.object(n, "a Sloth spec", known)
	return s.objectives(n)
}

// readSlothKubernetes reads a document of kind PrometheusServiceLevel.
func readSlothKubernetes(f *faults, n *yaml.Node) []Objective {
	s := &sloth{faults: f}
	spec := n
	s.object(n, "a PrometheusServiceLevel", fields{
		"api_version": func(*yaml.Node) {},
		"kind": func(n *yaml.Node) {
			if kind := s.text(n, "kind"); kind != "PrometheusServiceLevel" {
				s.at(n, "kind %q is not known: use PrometheusServiceLevel", kind)
			}
		},
		"metadata": func(*yaml.Node) {},
		"status":   func(*yaml.Node) {},
		"spec": func(n *yaml.Node) {
			spec = n
			s.object(n, "spec", s.fields())
		},
	})
	return s.objectives(spec)
}

func (s *sloth) fields() fields {
	return fields{
		"service": func(n *yaml.Node) {
			s.service = s.text(n, "service")
			if s.service != "" && !specName.MatchString(s.service) {
				s.at(n, "service %q must be letters, digits, '.', '_' and '-', beginning and ending with a letter or digit", s.service)
			}
		},
		"labels": func(n *yaml.Node) { s.labels = s.texts(n, "labels") },
		"slos": func(n *yaml.Node) {
			s.slosAt = n
			s.each(n, "slos", func(n *yaml.Node) { s.slos = append(s.slos, n) })
		},
		"slo_plugins": func(n *yaml.Node) {
			s.at(n, "slo_plugins run Sloth's own code, which is not part of this program: remove them")
		},
	}
}

func (s *sloth) objectives(n *yaml.Node) []Objective {
	if s.service == "" {
		s.at(n, "service is missing: name the service the objectives are for")
	}
	if len(s.slos) == 0 {
		s.at(cmp.Or(s.slosAt, n), "slos is missing or empty: list at least one objective")
	}
	var out []Objective
	for _, slo := range s.slos {
		before := len(s.list)
		if o := s.slo(slo); len(s.list) == before {
			out = append(out, o)
		}
	}
	return out
}

// slo reads one objective. It is only whole if no fault was added.
func (s *sloth) slo(n *yaml.Node) Objective {
	o := Objective{Service: s.service, Period: defaultPeriod, MinBadEvents: -1, File: s.file}
	if t := target(n); t != nil {
		o.Line = t.Line
	}
	var own map[string]string
	var sliAt, objectiveAt *yaml.Node
	var alerting slothAlerting
	s.object(n, "an entry of slos", fields{
		"name": func(n *yaml.Node) {
			o.SLO = s.text(n, "name")
			if o.SLO != "" && !specName.MatchString(o.SLO) {
				s.at(n, "name %q must be letters, digits, '.', '_' and '-', beginning and ending with a letter or digit", o.SLO)
			}
		},
		"description": func(n *yaml.Node) { o.Description = s.text(n, "description") },
		"objective": func(n *yaml.Node) {
			objectiveAt = n
			o.Target = s.target(n)
		},
		"labels":     func(n *yaml.Node) { own = s.texts(n, "labels") },
		"sli":        func(n *yaml.Node) { sliAt, o.SLI = n, s.sli(n) },
		"alerting":   func(n *yaml.Node) { alerting = s.alerting(n) },
		"watchtower": func(n *yaml.Node) { s.watchtower(n, &o) },
		"plugins": func(n *yaml.Node) {
			s.at(n, "plugins run Sloth's own code, which is not part of this program: remove them")
		},
	})
	if o.SLO == "" {
		s.at(n, "name is missing: name the objective")
	}
	if objectiveAt == nil {
		s.at(n, "objective is missing: give the percentage of good events, for example 99.9")
	}
	if sliAt == nil {
		s.at(n, "sli is missing: give sli.events with error_query and total_query")
	}
	o.ID = o.Service + "-" + o.SLO
	o.Labels = map[string]string{}
	maps.Copy(o.Labels, s.labels)
	maps.Copy(o.Labels, own)
	o.Alerting = alerting.merge()
	o.Team = cmp.Or(o.Labels["team"], o.Labels["owner"],
		alerting.labels["team"], o.Alerting.Page.Labels["team"], o.Alerting.Ticket.Labels["team"])
	o.Promise = cmp.Or(o.Promise, o.Description, o.Service+" keeps "+o.SLO)
	if o.MinBadEvents < 0 {
		o.MinBadEvents = defaultMinBadEvents
		if o.SLI.Raw() {
			o.MinBadEvents = 0
		}
	}
	if o.Target > 0 {
		s.reachable(objectiveAt, o)
	}
	return o
}

// target reads a percentage as a ratio; 0 if it is faulty.
func (s *sloth) target(n *yaml.Node) float64 {
	v, ok := s.number(n, "objective")
	switch {
	case !ok:
		return 0
	case v >= 100:
		s.at(n, "objective %s leaves no error budget: promise less, for example 99.9", number(v))
	case v <= 0:
		s.at(n, "objective %s promises nothing: give the percentage of good events, for example 99.9", number(v))
	case v < 1:
		s.at(n, "objective %s is a percentage, so less than 1 %% would be good: write %s", number(v), number(v*100))
	default:
		return round(v / 100)
	}
	return 0
}

// reachable refuses an objective whose enabled alert could never fire.
func (s *sloth) reachable(n *yaml.Node, o Objective) {
	pairs, dropped := o.Windows()
	can := map[Severity]bool{}
	for _, p := range pairs {
		can[p.Severity] = true
	}
	if len(dropped) > 0 && !can[Page] && !o.Alerting.Page.Disabled {
		s.at(n, "no page of this objective can fire: %s; raise the objective or set alerting.page_alert.disable: true", dropped[len(dropped)-1])
	}
}

func (s *sloth) watchtower(n *yaml.Node, o *Objective) {
	s.object(n, "watchtower", fields{
		"period": func(n *yaml.Node) {
			d, ok := s.duration(n, "watchtower.period")
			switch {
			case !ok:
			case d < minPeriod || d > maxPeriod:
				s.at(n, "watchtower.period %s must be between 1h and 366d", model.Duration(d))
			default:
				o.Period = d
			}
		},
		"promise": func(n *yaml.Node) { o.Promise = s.text(n, "watchtower.promise") },
		"min_bad_events": func(n *yaml.Node) {
			v, ok := s.number(n, "watchtower.min_bad_events")
			if ok && v < 0 {
				s.at(n, "watchtower.min_bad_events must not be negative")
			}
			o.MinBadEvents = max(v, 0)
		},
	})
}

func (s *sloth) sli(n *yaml.Node) SLI {
	var sli SLI
	kinds := 0
	s.object(n, "sli", fields{
		"events": func(n *yaml.Node) {
			kinds++
			s.object(n, "sli.events", fields{
				"error_query": func(n *yaml.Node) { sli.ErrorQuery = s.query(n, "error_query") },
				"total_query": func(n *yaml.Node) { sli.TotalQuery = s.query(n, "total_query") },
			})
			s.events(n, sli)
		},
		"raw": func(n *yaml.Node) {
			kinds++
			s.object(n, "sli.raw", fields{
				"error_ratio_query": func(n *yaml.Node) { sli.ErrorRatioQuery = s.query(n, "error_ratio_query") },
			})
			if sli.ErrorRatioQuery == "" {
				s.at(n, "sli.raw.error_ratio_query is missing: give PromQL that yields the error ratio, 0 to 1")
			}
		},
		"plugin": func(n *yaml.Node) {
			kinds++
			s.at(n, "SLI plugins are Go code that Sloth runs: write the queries of the plugin as sli.events instead")
		},
		"denominator_corrected": func(n *yaml.Node) {
			kinds++
			s.at(n, "denominator_corrected is not needed, since events are counted, not averaged: use sli.events")
		},
	})
	switch {
	case kinds == 0:
		s.at(n, "sli is empty: give sli.events with error_query and total_query")
	case kinds > 1:
		s.at(n, "sli has several kinds: keep one of events and raw")
	}
	return sli
}

func (s *sloth) events(n *yaml.Node, sli SLI) {
	switch {
	case sli.ErrorQuery == "":
		s.at(n, "sli.events.error_query is missing: give PromQL that counts bad events")
	case sli.TotalQuery == "":
		s.at(n, "sli.events.total_query is missing: give PromQL that counts all events")
	case fillWindow(sli.ErrorQuery, probeWindow) == fillWindow(sli.TotalQuery, probeWindow):
		s.at(n, "error_query and total_query are the same, so every event would be bad: let error_query select the bad ones")
	default:
		if _, err := shapeOf(sli); err != nil && !strings.Contains(err.Error(), "_query: ") {
			s.at(n, "%s", err)
		}
	}
}

// query reads and checks one PromQL template.
func (s *sloth) query(n *yaml.Node, key string) string {
	q := s.text(n, key)
	if q == "" {
		return ""
	}
	if _, err := parseQuery(q); err != nil {
		s.at(n, "%s: %s", key, err)
	}
	return q
}

// slothAlerting is the section alerting as written.
type slothAlerting struct {
	name                string
	labels, annotations map[string]string
	page, ticket        AlertSpec
}

func (s *sloth) alerting(n *yaml.Node) slothAlerting {
	var a slothAlerting
	s.object(n, "alerting", fields{
		"name":         func(n *yaml.Node) { a.name = s.text(n, "alerting.name") },
		"labels":       func(n *yaml.Node) { a.labels = s.templates(n, "alerting.labels") },
		"annotations":  func(n *yaml.Node) { a.annotations = s.templates(n, "alerting.annotations") },
		"page_alert":   func(n *yaml.Node) { a.page = s.alert(n, "alerting.page_alert") },
		"ticket_alert": func(n *yaml.Node) { a.ticket = s.alert(n, "alerting.ticket_alert") },
	})
	return a
}

func (s *sloth) alert(n *yaml.Node, what string) AlertSpec {
	var a AlertSpec
	s.object(n, what, fields{
		"disable":     func(n *yaml.Node) { a.Disabled = s.boolean(n, what+".disable") },
		"labels":      func(n *yaml.Node) { a.Labels = s.templates(n, what+".labels") },
		"annotations": func(n *yaml.Node) { a.Annotations = s.templates(n, what+".annotations") },
	})
	return a
}

func (a slothAlerting) merge() Alerting {
	merged := func(spec AlertSpec) AlertSpec {
		out := AlertSpec{Disabled: spec.Disabled, Labels: map[string]string{}, Annotations: map[string]string{}}
		maps.Copy(out.Labels, a.labels)
		maps.Copy(out.Labels, spec.Labels)
		maps.Copy(out.Annotations, a.annotations)
		maps.Copy(out.Annotations, spec.Annotations)
		return out
	}
	return Alerting{Name: cmp.Or(a.name, defaultAlertName), Page: merged(a.page), Ticket: merged(a.ticket)}
}

// templates reads texts that may hold Prometheus' alert templates.
func (s *sloth) templates(n *yaml.Node, what string) map[string]string {
	m := s.texts(n, what)
	for name, text := range m {
		if err := checkTemplate(text); err != nil {
			s.at(n, "%s.%s is not a valid template: %s", what, name, err)
		}
	}
	return m
}

func checkTemplate(text string) error {
	if !strings.Contains(text, "{{") {
		return nil
	}
	if err := expander(context.Background(), text, nil, "", 0).ParseTest(); err != nil {
		return fmt.Errorf("correct it: %w", err)
	}
	return nil
}

// expander prepares a template of an alert's text as Prometheus does: $labels,
// $value and its functions are known, queries are not.
func expander(ctx context.Context, text string, labels map[string]string, url string, value float64) *template.Expander {
	defs := "{{$labels := .Labels}}{{$externalLabels := .ExternalLabels}}{{$externalURL := .ExternalURL}}{{$value := .Value}}"
	data := template.AlertTemplateData(labels, nil, url, promql.Sample{F: value})
	noQuery := func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil }
	return template.NewTemplateExpander(ctx, defs+text, "alert", data, model.Now(), noQuery, nil, nil)
}
