package rules

import (
	"cmp"
	"context"
	"fmt"
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

// draft begins an objective that is written at n, in whatever format.
func (f *faults) draft(service string, n *yaml.Node) Objective {
	o := Objective{Service: service, Period: defaultPeriod, MinBadEvents: -1, File: f.file}
	if t := target(n); t != nil {
		o.Line = t.Line
	}
	return o
}

// complete fills in what follows from the rest of an objective and checks what shows
// only when all is read; at is where its target is written.
func (f *faults) complete(o *Objective, at *yaml.Node) {
	o.ID = o.Service + "-" + o.SLO
	o.Team = cmp.Or(o.Labels["team"], o.Labels["owner"], o.Alerting.Page.Labels["team"], o.Alerting.Ticket.Labels["team"])
	o.Promise = cmp.Or(o.Promise, o.Description, o.Service+" keeps "+o.SLO)
	if o.MinBadEvents < 0 {
		o.MinBadEvents = o.usualMinBadEvents()
	}
	if o.Target > 0 {
		f.reachable(at, *o)
	}
	if o.SLI != (SLI{}) {
		if err := o.CheckGroups(); err != nil {
			f.at(at, "%s", err)
		}
	}
}

// usualMinBadEvents is how many bad events an alert needs unless the spec says: none
// where events are not counted.
func (o Objective) usualMinBadEvents() float64 {
	if o.SLI.Raw() {
		return 0
	}
	return defaultMinBadEvents
}

// reachable refuses an objective whose enabled page could never fire.
func (f *faults) reachable(n *yaml.Node, o Objective) {
	pairs, dropped := o.Windows()
	can := map[Severity]bool{}
	for _, p := range pairs {
		can[p.Severity] = true
	}
	if len(dropped) > 0 && !can[Page] && !o.Alerting.Page.Disabled {
		f.at(n, "no page of this objective can fire: %s; raise the objective or disable its page", dropped[len(dropped)-1])
	}
}

// name reads the name of a service or objective, which becomes part of an ID.
func (f *faults) name(n *yaml.Node, key string) string {
	s := f.text(n, key)
	if s != "" && !specName.MatchString(s) {
		f.at(n, "%s %q must be letters, digits, '.', '_' and '-', beginning and ending with a letter or digit", key, s)
	}
	return s
}

// percentage reads a target in percent as a ratio; 0 if it is faulty.
func (f *faults) percentage(n *yaml.Node, key string) float64 {
	v, ok := f.number(n, key)
	switch {
	case !ok:
		return 0
	case v >= 100:
		f.at(n, "%s %s leaves no error budget: promise less, for example 99.9", key, number(v))
	case v <= 0:
		f.at(n, "%s %s promises nothing: give the percentage of good events, for example 99.9", key, number(v))
	case v < 1:
		f.at(n, "%s %s is a percentage, so less than 1 %% would be good: write %s", key, number(v), number(v*100))
	case round(v/100) >= 1:
		f.at(n, "%s is so close to 100 that no error budget is left: promise less, for example 99.9", key)
	default:
		return round(v / 100)
	}
	return 0
}

// query reads and checks one PromQL template.
func (f *faults) query(n *yaml.Node, key string) string {
	q := f.text(n, key)
	if q == "" {
		return ""
	}
	if _, err := parseQuery(q); err != nil {
		f.at(n, "%s: %s", key, err)
	}
	return q
}

// fits checks the queries of an indicator against each other.
func (f *faults) fits(n *yaml.Node, sli SLI) {
	if !sli.Raw() && FillWindow(sli.ErrorQuery, probeWindow) == FillWindow(sli.TotalQuery, probeWindow) {
		f.at(n, "error_query and total_query are the same, so every event would be bad: let error_query select the bad ones")
		return
	}
	if _, err := shapeOf(sli); err != nil && !strings.Contains(err.Error(), "_query: ") {
		f.at(n, "%s", err)
	}
}

// templates reads texts that may hold Prometheus' alert templates.
func (f *faults) templates(n *yaml.Node, what string) map[string]string {
	m := f.texts(n, what)
	for name, text := range m {
		if err := checkTemplate(text); err != nil {
			f.at(n, "%s.%s is not a valid template: %s", what, name, err)
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
