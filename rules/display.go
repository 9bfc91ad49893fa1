package rules

import (
	"context"
	"log/slog"
	"net/url"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
)

// groupName is the rule group under which the objectives' alerts are shown.
const groupName = "watchtower"

// RuleGroups shows the objectives' alerts as one group of Prometheus rules. The
// rules are made for display; nothing evaluates them.
func (e *Engine) RuleGroups() []*promrules.Group {
	var list []promrules.Rule
	for _, r := range e.AlertingRules() {
		list = append(list, r)
	}
	if len(list) == 0 {
		return nil
	}
	return []*promrules.Group{promrules.NewGroup(promrules.GroupOptions{
		Name: groupName, File: "objectives", Interval: e.interval, Rules: list,
		Opts: &promrules.ManagerOptions{Context: context.Background(), Logger: slog.New(slog.DiscardHandler), Metrics: promrules.NewGroupMetrics(nil)},
	})}
}

// AlertingRules shows the objectives' alerts as Prometheus alerting rules with
// their active alerts, as of the last evaluation.
func (e *Engine) AlertingRules() []*promrules.AlertingRule {
	parser := newParser()
	var out []*promrules.AlertingRule
	for _, tr := range e.all() {
		for _, s := range tr.shown(e.url, e.interval) {
			expr, err := parser.ParseExpr(s.expr)
			if err != nil {
				continue
			}
			r := promrules.NewAlertingRule(s.name, expr, 0, 0, s.labels, labels.EmptyLabels(), labels.EmptyLabels(), e.url, true, slog.New(slog.DiscardHandler))
			s.enact(r, e.url)
			out = append(out, r)
		}
	}
	return out
}

// shownRule is one alert to be shown.
type shownRule struct {
	name, expr string
	labels     labels.Labels
	at         time.Time
	active     *promrules.Alert
}

func (tr *track) shown(external string, interval time.Duration) []shownRule {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	var out []shownRule
	for i := range tr.alerts {
		ls := tr.alertLabels(i)
		s := shownRule{name: ls["alertname"], expr: tr.expression(i), at: time.UnixMilli(tr.reading.at)}
		delete(ls, "alertname")
		s.labels = labels.FromMap(ls)
		if tr.alerts[i].firing && tr.reading.at > 0 && !tr.restoring {
			s.active = tr.alert(i, external, interval)
		}
		out = append(out, s)
	}
	return out
}

// enact puts the rule into its state: its query is answered with what the engine
// has found.
func (s shownRule) enact(r *promrules.AlertingRule, external string) {
	answer := func(context.Context, string, time.Time) (promql.Vector, error) {
		if s.active == nil {
			return nil, nil
		}
		return promql.Vector{{T: s.at.UnixMilli(), F: s.active.Value, Metric: labels.EmptyLabels()}}, nil
	}
	u, err := url.Parse(external)
	if err != nil {
		u = &url.URL{}
	}
	_, err = r.Eval(context.Background(), 0, s.at, answer, u, 0)
	r.SetLastError(err)
	r.SetHealth(promrules.HealthGood)
	r.SetEvaluationTimestamp(s.at)
	if s.active == nil {
		return
	}
	r.ForEachActiveAlert(func(a *promrules.Alert) {
		a.ActiveAt, a.FiredAt, a.State = s.active.ActiveAt, s.active.FiredAt, s.active.State
		a.Annotations, a.Labels = s.active.Annotations, s.active.Labels
	})
}
