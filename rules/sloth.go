package rules

import (
	"cmp"
	"maps"

	"go.yaml.in/yaml/v3"
)

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

// readSlothKubernetes reads a document of kind PrometheusServiceLevel, or Google's
// of the same fields.
func readSlothKubernetes(f *faults, n *yaml.Node) []Objective {
	s := &sloth{faults: f}
	spec := n
	s.object(n, "a PrometheusServiceLevel", fields{
		"api_version": func(*yaml.Node) {},
		"kind": func(n *yaml.Node) {
			if kind := s.text(n, "kind"); kind != "PrometheusServiceLevel" && kind != "ManagedPrometheusServiceLevel" {
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
			s.service = s.name(n, "service")
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
		before := s.count
		if o := s.slo(slo); s.count == before {
			out = append(out, o)
		}
	}
	return out
}

// slo reads one objective. It is only whole if no fault was added.
func (s *sloth) slo(n *yaml.Node) Objective {
	o := s.draft(s.service, n)
	own := map[string]string{}
	ours := &keys{faults: s.faults, prefix: "watchtower.", nodes: map[string]*yaml.Node{}}
	var sliAt, objectiveAt *yaml.Node
	var alerting slothAlerting
	s.object(n, "an entry of slos", fields{
		"name":        func(n *yaml.Node) { o.SLO = s.name(n, "name") },
		"description": func(n *yaml.Node) { o.Description = s.text(n, "description") },
		"objective": func(n *yaml.Node) {
			objectiveAt = n
			o.Target = s.percentage(n, "objective")
		},
		"labels":     func(n *yaml.Node) { own = s.texts(n, "labels") },
		"sli":        func(n *yaml.Node) { sliAt, o.SLI = n, s.sli(n) },
		"alerting":   func(n *yaml.Node) { alerting = s.alerting(n) },
		"watchtower": func(n *yaml.Node) { ours.gather(n) },
		"interval": func(n *yaml.Node) {
			o.Notes = append(o.Notes, s.note(n, "interval has no effect: no rule groups are generated, every objective is evaluated once a second"))
		},
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
	o.Labels = overlay(s.labels, own)
	o.Alerting = alerting.merge()
	ours.apply(&o)
	s.complete(&o, objectiveAt)
	return o
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
	default:
		s.fits(n, sli)
	}
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
