package rules

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
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

// timeSlice reads the length of a slice: a duration, or a number of minutes.
func (f *faults) timeSlice(n *yaml.Node, o *Objective) {
	text := scalar(n)
	if _, err := strconv.Atoi(text); err == nil {
		text += "m"
	}
	d, _, ok := shorthand(text)
	if !ok {
		f.at(n, "timeSliceWindow must be a number of minutes or a duration such as 1m or 1h")
		return
	}
	f.sliceLength(n, "timeSliceWindow", d, o)
}

var shorthandForm = regexp.MustCompile(`^([1-9][0-9]{0,5})([mhdwMQY])$`)

// shorthand reads OpenSLO's durations: a number and one of the letters m, h, d, w, M,
// Q and Y. As a length, a month is 30 days, a quarter 90 and a year 365; as calendar
// it counts real ones, and is nil for minutes and hours.
func shorthand(s string) (time.Duration, *Calendar, bool) {
	m := shorthandForm.FindStringSubmatch(s)
	if m == nil {
		return 0, nil, false
	}
	n, err := strconv.Atoi(m[1])
	if err != nil {
		return 0, nil, false
	}
	const day = 24 * time.Hour
	unit := map[string]struct {
		length time.Duration
		unit   Unit
	}{
		"m": {time.Minute, ""}, "h": {time.Hour, ""}, "d": {day, Day}, "w": {7 * day, Week},
		"M": {30 * day, Month}, "Q": {90 * day, Quarter}, "Y": {365 * day, Year},
	}[m[2]]
	d := time.Duration(n) * unit.length
	if unit.unit == "" {
		return d, nil, true
	}
	return d, &Calendar{Unit: unit.unit, Count: n}, true
}

// timeWindow reads the list of the one window an SLO may have.
func (f *faults) timeWindow(n *yaml.Node) Span {
	out := Span{Length: defaultPeriod}
	count := 0
	f.each(n, "spec.timeWindow", func(n *yaml.Node) {
		if count++; count == 1 {
			out = f.oneWindow(n)
		}
	})
	if count > 1 {
		f.at(n, "spec.timeWindow has %d entries: keep one, and name others in the annotation watchtower/also_over", count)
	}
	return out
}

func (f *faults) oneWindow(n *yaml.Node) Span {
	out := Span{Length: defaultPeriod}
	var c *Calendar
	var at, calendarAt, rollingAt *yaml.Node
	start, rolling := beginning(time.UTC), false
	f.object(n, "an entry of spec.timeWindow", fields{
		"duration": func(n *yaml.Node) {
			at = n
			var ok bool
			if out.Length, c, ok = shorthand(scalar(n)); !ok {
				f.at(n, "duration must be a number and one of m, h, d, w, M, Q, Y, for example 28d or 1M")
				out.Length = defaultPeriod
			}
		},
		"is_rolling": func(n *yaml.Node) { rollingAt, rolling = n, f.boolean(n, "isRolling") },
		"calendar": func(n *yaml.Node) {
			calendarAt = n
			start = f.calendarStart(n)
		},
	})
	switch {
	case at == nil:
		f.at(n, "duration is missing: give the length of the period, for example 28d")
	case calendarAt == nil && rollingAt != nil && !rolling:
		f.at(rollingAt, "calendar is missing: a period that is not rolling needs calendar with startTime and timeZone")
	case calendarAt == nil:
		f.period(at, "duration", out.Length)
	case rolling:
		f.at(rollingAt, "isRolling is true and calendar is given: keep one of them")
	case c == nil:
		f.at(at, "duration of a calendar must be days, weeks, months, quarters or years: use d, w, M, Q or Y")
	case c.Count > map[Unit]int{Day: 366, Week: 52, Month: 12, Quarter: 4, Year: 1}[c.Unit]:
		f.at(at, "duration %s is longer than a year", scalar(at))
	default:
		c.Start = start
		out.Calendar, out.Length = c, c.longest()
	}
	return out
}

// calendarStart reads when one of the periods began.
func (f *faults) calendarStart(n *yaml.Node) time.Time {
	loc, start := time.UTC, beginning(time.UTC)
	text, at := "", n
	f.object(n, "calendar", fields{
		"start_time": func(n *yaml.Node) { text, at = scalar(n), n },
		"time_zone":  func(n *yaml.Node) { loc = f.zone(n, "timeZone") },
	})
	if text == "" {
		f.at(n, "startTime is missing: say when a period began, for example 2024-01-01 00:00:00")
		return start
	}
	for _, layout := range []string{time.DateTime, "2006-01-02T15:04:05", time.DateOnly, "2006-01-02 15:04"} {
		if t, err := time.ParseInLocation(layout, text, loc); err == nil {
			if t.Year() < 1970 || t.Year() > 2200 {
				break
			}
			return t
		}
	}
	f.at(at, "startTime %q must be a date and time without a zone, for example 2024-01-01 00:00:00", text)
	return start
}

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
		out = append(out, whole)
	}
	return s.finish(o, out, own > 1)
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
// a fault. Of a composite only the last, the whole, alerts.
func (s *openslo) finish(o *opensloObject, all []Objective, composite bool) []Objective {
	var out []Objective
	for i, d := range all {
		before := o.count
		ours := &keys{faults: o.faults, prefix: annotationPrefix, nodes: map[string]*yaml.Node{}}
		ours.gatherAnnotations(o.annotations)
		if composite && i < len(all)-1 {
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
