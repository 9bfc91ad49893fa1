package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// objectives builds the objectives of an SLO: one for each entry, and, of entries
// with indicators of their own, the composite of them.
func (s *openslo) objectives(o *opensloObject) []Objective {
	slo := o.slo
	own := 0
	for _, e := range slo.objectives {
		if e.indicator != nil {
			own++
		}
	}
	switch {
	case own == 0 && slo.indicator == nil:
		o.faults.at(slo.at, "indicator is missing: give spec.indicator or spec.indicatorRef")
		return nil
	case own > 0 && slo.indicator != nil:
		o.faults.at(slo.indicator.at, "the SLO and its objectives both have an indicator: keep that of the SLO, or, for a composite, those of the objectives")
		return nil
	case own > 0 && own < len(slo.objectives):
		o.faults.at(slo.at, "some objectives have an indicator and some have none: a composite needs one in each of them")
		return nil
	}
	alerting, notes, sound := s.alerting(o)
	if !sound {
		return nil
	}
	var out []Objective
	parts := 0
	for i, e := range slo.objectives {
		d, ok := s.entry(o, e, i)
		if !ok {
			return nil
		}
		d.Alerting, d.Notes = alerting.clone(), append(d.Notes, notes...)
		out = append(out, d)
	}
	if own > 1 {
		whole, ok := s.composite(o, out)
		if !ok {
			return nil
		}
		for i := range out {
			// The whole alerts; of its parts nobody would hear twice.
			out[i].Alerting = Alerting{Name: alerting.Name, Page: AlertSpec{Disabled: true}, Ticket: AlertSpec{Disabled: true}}.clone()
		}
		whole.Alerting, whole.Notes = alerting.clone(), append(whole.Notes, notes...)
		parts, out = len(out), append(out, whole)
	}
	return s.finish(o, out, parts)
}

// entry builds the objective of one entry, without its alerts.
func (s *openslo) entry(o *opensloObject, e opensloObjective, i int) (Objective, bool) {
	d := s.base(o, e.at)
	if len(o.slo.objectives) > 1 {
		d.SLO += "-" + slug(e.name, strconv.Itoa(i+1))
		if e.name != "" && d.Description != "" {
			d.Description += " (" + e.name + ")"
		}
	}
	if len(o.slo.objectives) == 1 {
		d.Line = o.at.Line
	}
	d.Target, d.Budgeting = e.target, e.slice
	ref := o.slo.indicator
	if e.indicator != nil {
		ref = e.indicator
	}
	sli := s.find(*ref)
	if sli == nil || !sli.sound {
		return d, false
	}
	var ok bool
	d.SLI, ok = s.indicator(sli.sli, e, &d)
	return d, ok
}

// base is what all objectives of an SLO share.
func (s *openslo) base(o *opensloObject, at *yaml.Node) Objective {
	slo := o.slo
	d := o.draft(slo.service, at)
	d.SLO, d.Description = o.name, slo.description
	d.Period, d.Calendar = slo.period.Length, slo.period.Calendar
	d.Labels = o.labels
	if service := s.named[kindService][slo.service]; service != nil {
		d.Labels = overlay(service.labels, o.labels)
	}
	return d
}

// composite builds the whole of an SLO's parts: their events weighed and summed,
// against the weighed mean of their targets.
func (s *openslo) composite(o *opensloObject, parts []Objective) (Objective, bool) {
	d := s.base(o, o.at)
	var slis []SLI
	var weights []float64
	sum := 0.0
	for i, p := range parts {
		w := o.slo.objectives[i].weight
		sum += w
		slis, weights = append(slis, p.SLI), append(weights, w)
		d.Target += w * p.Target
		d.Budgeting.SliceTarget += w * p.Budgeting.SliceTarget
		d.Budgeting.Method, d.Budgeting.Slice = p.Budgeting.Method, p.Budgeting.Slice
		if p.Budgeting.Slice != parts[0].Budgeting.Slice {
			o.faults.at(o.slo.objectives[i].at, "timeSliceWindow must be the same in all objectives of a composite")
			return d, false
		}
	}
	d.Target, d.Budgeting.SliceTarget = round(d.Target/sum), round(d.Budgeting.SliceTarget/sum)
	d.SLI = weighed(slis, weights, sum)
	if _, err := shapeOf(d.SLI); err != nil {
		o.fault("the objectives of this composite cannot be summed: %s", err)
		return d, false
	}
	return d, true
}

// weighed sums the events of several indicators, each times its weight; where one of
// them is a ratio, it is the weighed mean of all ratios.
func weighed(parts []SLI, weights []float64, sum float64) SLI {
	var bad, total, ratio []string
	raw := slices.ContainsFunc(parts, SLI.Raw)
	for i, p := range parts {
		factor := ""
		if weights[i] != 1 {
			factor = strconv.FormatFloat(weights[i], 'g', -1, 64) + " * "
		}
		if !p.Raw() {
			bad = append(bad, factor+"("+p.ErrorQuery+orZero(p.ErrorQuery)+")")
			total = append(total, factor+paren(p.TotalQuery))
			p.ErrorRatioQuery = "(" + p.ErrorQuery + orZero(p.ErrorQuery) + ") / " + paren(p.TotalQuery)
		}
		ratio = append(ratio, factor+paren(p.ErrorRatioQuery))
	}
	if raw {
		return SLI{ErrorRatioQuery: fmt.Sprintf("(%s) / %s", strings.Join(ratio, " + "), strconv.FormatFloat(sum, 'g', -1, 64))}
	}
	return SLI{ErrorQuery: strings.Join(bad, " + "), TotalQuery: strings.Join(total, " + ")}
}

// orZero follows a query whose series may be missing although events are counted.
func orZero(q string) string {
	if strings.Contains(q, "#") {
		return "\nor vector(0)"
	}
	return " or vector(0)"
}

var notInSlug = regexp.MustCompile(`[^a-z0-9]+`)

// slug makes a name part of an ID; otherwise it is used if nothing is left of it.
func slug(name, otherwise string) string {
	return cmp.Or(strings.Trim(notInSlug.ReplaceAllString(strings.ToLower(name), "-"), "-"), otherwise)
}

// finish reads our own keys into the objectives of an SLO and returns those without
// a fault. The first of them, as many as parts, are those of a composite and do not
// alert.
func (s *openslo) finish(o *opensloObject, all []Objective, parts int) []Objective {
	var out []Objective
	for i, d := range all {
		before := o.count
		ours := &keys{faults: o.faults, prefix: annotationPrefix, nodes: map[string]*yaml.Node{}}
		ours.gatherAnnotations(o.annotations)
		if i < parts {
			delete(ours.nodes, "alerts")
		}
		ours.apply(&d)
		d.Promise = cmp.Or(d.Promise, d.Description, o.displayName)
		at := o.at
		if i < len(o.slo.objectives) {
			at = o.slo.objectives[i].targetAt
		}
		o.complete(&d, at)
		if o.count == before {
			out = append(out, d)
		}
	}
	return out
}
