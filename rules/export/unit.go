package export

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/rules"
)

// unitFile is a file for `promtool test rules`.
type unitFile struct {
	RuleFiles []string       `yaml:"rule_files"`
	Every     model.Duration `yaml:"evaluation_interval"`
	Order     []string       `yaml:"group_eval_order"`
	Tests     []unitTest     `yaml:"tests"`
}

type unitTest struct {
	Name   string         `yaml:"name"`
	Every  model.Duration `yaml:"interval"`
	Input  []unitSeries   `yaml:"input_series"`
	Alerts []unitAlert    `yaml:"alert_rule_test,omitempty"`
	Exprs  []unitExpr     `yaml:"promql_expr_test"`
}

type unitSeries struct {
	Series string `yaml:"series"`
	Values string `yaml:"values"`
}

type unitAlert struct {
	At   model.Duration `yaml:"eval_time"`
	Name string         `yaml:"alertname"`
	Want []unitFiring   `yaml:"exp_alerts"`
}

type unitFiring struct {
	Labels      map[string]string `yaml:"exp_labels"`
	Annotations map[string]string `yaml:"exp_annotations"`
}

type unitExpr struct {
	Expr string         `yaml:"expr"`
	At   model.Duration `yaml:"eval_time"`
	Want []unitSample   `yaml:"exp_samples,omitempty"`
}

type unitSample struct {
	Labels string  `yaml:"labels"`
	Value  float64 `yaml:"value"`
}

// story is one unit test in the making: what happens, and what must follow.
type story struct {
	p         *plan
	name      string
	stretches []stretch
	exprs     []unitExpr
	alerts    []unitAlert
}

// expect demands that an alert fires (1), or does not (0), at step k: also that of the group
// that the events are made up for.
func (s *story) expect(k, alerts int, ls map[string]string) {
	var want []unitSample
	if alerts > 0 {
		want = []unitSample{{"{}", float64(alerts)}}
	}
	var matchers []string
	for _, name := range []string{"alertname", "sloth_severity", "budget_spent"} {
		if v, ok := ls[name]; ok {
			matchers = append(matchers, fmt.Sprintf("%s=%q", name, v))
		}
	}
	ids := []string{s.p.o.ID}
	if id := s.p.madeUpGroup(); id != "" && ls["alertname"] != lostName {
		ids = append(ids, id)
	}
	for _, id := range ids {
		expr := fmt.Sprintf(`count(ALERTS{alertstate="firing", sloth_id=%q, %s})`, id, strings.Join(matchers, ", "))
		s.exprs = append(s.exprs, unitExpr{Expr: expr, At: s.p.at(k), Want: want})
	}
}

func (s *story) burn(k, alerts int, sev rules.Severity) {
	if len(s.p.of(sev)) > 0 {
		s.expect(k, alerts, s.p.alertLabels(sev, s.p.o.Alerting.Name))
	}
}

func (p *plan) at(k int) model.Duration { return model.Duration(time.Duration(k) * p.step) }

// tests foretells and writes the unit tests of an objective.
func (p *plan) tests() ([]unitTest, error) {
	var stories []*story
	for _, tell := range []func() *story{p.quiet, p.fast, p.slow, p.campaign, p.silent, p.idle, p.spent} {
		if s := tell(); s != nil && len(s.exprs) > 0 {
			stories = append(stories, s)
		}
	}
	if len(stories) == 0 {
		return nil, fmt.Errorf("%s: none of its alerts can be tested", p.o.ID)
	}
	var out []unitTest
	for _, s := range stories {
		slices.SortStableFunc(s.exprs, func(a, b unitExpr) int { return cmp.Compare(a.At, b.At) })
		out = append(out, unitTest{Name: s.name, Every: model.Duration(p.step), Input: p.input(s.stretches), Alerts: s.alerts, Exprs: s.exprs})
	}
	return out, nil
}

// flow is a stretch of the usual traffic, times as much, of which a ratio is bad.
func (p *plan) flow(steps int, times, ratio float64) stretch {
	usual := math.Ceil(max(1e5, 100*p.o.MinBadEvents))
	switch {
	case p.o.SLI.Raw():
		usual = p.step.Seconds()
	case p.o.Budgeting.Slice > 0:
		usual = float64(p.step) / float64(p.o.Budgeting.Slice)
	default:
		// Whole numbers: a rounded counter that goes back a trifle is a reset.
		return stretch{steps: steps, total: usual * times, bad: math.Round(usual * times * ratio)}
	}
	return stretch{steps: steps, total: usual * times, bad: usual * times * ratio}
}

// flat tells that the volume does not follow the traffic: it is time that counts.
func (p *plan) flat() bool { return p.o.SLI.Raw() || p.o.Budgeting.Slice > 0 }

// stepsIn is a duration in steps.
func (p *plan) stepsIn(d time.Duration) int { return max(1, int(d/p.step)) }

// input writes the raw series of a test, or, for queries whose raw series cannot be
// made up, the recorded series of the steps.
func (p *plan) input(stretches []stretch) []unitSeries {
	made, ok := p.makeUp()
	if !ok || p.o.Budgeting.Slice > 0 {
		return []unitSeries{
			{p.seriesOf(totalName(p.step)), figures(stretches, func(s stretch) float64 { return s.total })},
			{p.seriesOf(badName(p.step)), figures(stretches, func(s stretch) float64 { return s.bad })},
		}
	}
	in := func(list []labels.Labels, l labels.Labels) float64 {
		if slices.ContainsFunc(list, func(o labels.Labels) bool { return labels.Equal(o, l) }) {
			return 1
		}
		return 0
	}
	var out []unitSeries
	for _, l := range append(slices.Clip(made.good), made.bad...) {
		if slices.ContainsFunc(out, func(o unitSeries) bool { return o.Series == seriesText(l) }) {
			continue
		}
		good, bad := in(made.good, l), in(made.bad, l)
		out = append(out, unitSeries{seriesText(l), counter(stretches, func(s stretch) float64 { return good*(s.total-s.bad) + bad*s.bad })})
	}
	return out
}

func (p *plan) seriesOf(name string) string {
	ls := p.labels()
	ls[model.MetricNameLabel] = name
	return seriesText(labels.FromMap(ls))
}

func seriesText(l labels.Labels) string {
	name := l.Get(model.MetricNameLabel)
	return name + labels.NewBuilder(l).Del(model.MetricNameLabel).Labels().String()
}

// madeUpGroup is the ID of the group that the events are made up for, "" if there
// are no groups.
func (p *plan) madeUpGroup() string {
	made, ok := p.makeUp()
	if !ok || len(p.o.GroupBy) == 0 {
		return ""
	}
	var values []string
	for _, l := range p.o.GroupBy {
		values = append(values, made.bad[0].Get(l))
	}
	return p.o.ID + ":" + strings.Join(values, ":")
}

// counter writes the samples of a counter in promtool's notation. It starts high
// above zero, where Prometheus' extrapolation does not look for its beginning.
func counter(stretches []stretch, grows func(stretch) float64) string {
	v := 1e9
	parts := []string{figure(v)}
	for _, s := range stretches {
		if s.gone {
			parts = append(parts, fmt.Sprintf("_x%d", s.steps))
			continue
		}
		d := grows(s)
		parts = append(parts, fmt.Sprintf("%s+%sx%d", figure(v+d), figure(d), s.steps-1))
		v += d * float64(s.steps)
	}
	return strings.Join(parts, " ")
}

// figures writes constant samples; nothing is recorded at the first moment.
func figures(stretches []stretch, of func(stretch) float64) string {
	parts := []string{"_"}
	for _, s := range stretches {
		if s.gone {
			parts = append(parts, fmt.Sprintf("_x%d", s.steps))
			continue
		}
		parts = append(parts, fmt.Sprintf("%s+0x%d", figure(of(s)), s.steps-1))
	}
	return strings.Join(parts, " ")
}

// humanPercentage and humanized write as Prometheus' template functions of that name.
func humanPercentage(v float64) string { return fmt.Sprintf("%.4g%%", v*100) }

func humanized(v float64) string {
	prefixes := []string{"", "k", "M"}
	i := 0
	for ; math.Abs(v) >= 1000 && i+1 < len(prefixes); i++ {
		v /= 1000
	}
	return fmt.Sprintf("%.4g%s", v, prefixes[i])
}
