package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// rule is one recording or alerting rule as it stands in a file.
type rule struct {
	Record        string            `yaml:"record,omitempty"`
	Alert         string            `yaml:"alert,omitempty"`
	Expr          string            `yaml:"expr"`
	KeepFiringFor model.Duration    `yaml:"keep_firing_for,omitempty"`
	Labels        map[string]string `yaml:"labels,omitempty"`
	Annotations   map[string]string `yaml:"annotations,omitempty"`
}

// group is a group of rules, evaluated one after the other.
type group struct {
	Name     string         `yaml:"name"`
	Interval model.Duration `yaml:"interval"`
	Rules    []rule         `yaml:"rules"`
}

// mostRules is how many rules a group may hold: Mimir's limit unless it is raised.
const mostRules = 20

// layout returns the groups of rules of a plan. What an alert reads comes before it
// in the same group, so that it is judged on the numbers of its own moment.
func (p *plan) layout() ([]group, error) {
	total, bad, err := p.events()
	if err != nil {
		return nil, err
	}
	burn := []rule{p.record(totalName(p.step), total), p.record(badName(p.step), bad)}
	for _, d := range p.windows {
		burn = append(burn,
			p.record(totalName(d), p.sumOver(totalName(p.step), d)),
			p.record(badName(d), p.sumOver(badName(p.step), d)))
	}
	burn = append(burn, p.burnAlerts()...)
	burn = append(burn, p.silenceAlerts()...)
	period := append(p.periodRules(), p.budgetAlerts()...)
	name := p.o.ID
	if p.by != nil {
		name += " by " + strings.Join(p.by, ", ")
	}
	var out []group
	out = p.cut(out, "burn of "+name, p.step, burn)
	out = p.cut(out, "budget of "+name, p.slowly(), period)
	out = p.cut(out, "series of "+name, p.step, p.slothRules())
	for _, g := range out {
		for i := range g.Rules {
			if g.Rules[i].Expr, err = pretty(g.Rules[i].Expr); err != nil {
				return nil, fmt.Errorf("%s: write %s%s: %w", p.o.ID, g.Rules[i].Record, g.Rules[i].Alert, err)
			}
		}
	}
	return out, nil
}

// cut splits rules into groups of the size that rulers take.
func (p *plan) cut(out []group, name string, every time.Duration, list []rule) []group {
	for part := 1; len(list) > 0; part++ {
		n := min(len(list), mostRules)
		g := group{Name: "watchtower: " + name, Interval: model.Duration(every), Rules: list[:n]}
		if part > 1 {
			g.Name = fmt.Sprintf("%s (%d)", g.Name, part)
		}
		out, list = append(out, g), list[n:]
	}
	return out
}

// pretty breaks long PromQL into lines.
func pretty(expr string) (string, error) {
	e, err := parse(expr)
	if err != nil {
		return "", err
	}
	return parser.Prettify(e), nil
}

func (p *plan) record(name, expr string, more ...string) rule {
	return rule{Record: name, Expr: expr, Labels: p.labels(more...)}
}

func (p *plan) sumOver(name string, d time.Duration) string {
	return fmt.Sprintf("sum_over_time(%s%s[%s])", name, p.selector(), p.over(d))
}

// periodRules record what happened in the period, and how many events a whole one is
// expected to have: until telemetry covers it, those seen are scaled up.
func (p *plan) periodRules() []rule {
	period := p.o.Period
	return []rule{
		p.record(totalName(period), p.sumOver(totalName(p.step), period)),
		p.record(badName(period), p.sumOver(badName(p.step), period)),
		p.record(p.seenName(), fmt.Sprintf("count_over_time(%s[%s]) * %s", p.stepTotal(), p.over(period), figure(p.step.Seconds()))),
		p.record(p.expectedName(), fmt.Sprintf("%s * %s / clamp_max(%s, %[2]s)", p.total(period), figure(period.Seconds()), p.seen())),
	}
}

// slothRules record the series Sloth does, so that dashboards made for it go on.
func (p *plan) slothRules() []rule {
	var out []rule
	for _, d := range append(slices.Clip(p.windows), p.o.Period) {
		out = append(out, p.record("slo:sli_error:ratio_rate"+short(d), fmt.Sprintf("%s / (%s > 0)", p.bad(d), p.total(d)), "sloth_window", short(d)))
	}
	budget := figure(p.o.ErrorBudget())
	constant := func(v string) string {
		if p.by == nil {
			return "vector(" + v + ")"
		}
		return fmt.Sprintf("%s * 0 + %s", p.expected(), v)
	}
	return append(out,
		p.record("slo:current_burn_rate:ratio", fmt.Sprintf("%s / (%s > 0) / %s", p.bad(p.now()), p.total(p.now()), budget)),
		p.record("slo:period_burn_rate:ratio", fmt.Sprintf("%s / (%s * (%s > 0))", p.bad(p.o.Period), budget, p.expected())),
		p.record("slo:period_error_budget_remaining:ratio", "1 - slo:period_burn_rate:ratio"+p.selector()),
		p.record("slo:objective:ratio", constant(figure(p.o.Target))),
		p.record("slo:error_budget:ratio", constant(budget)),
		p.record("slo:time_period:days", constant(figure(p.o.Period.Hours()/24))),
		p.record("sloth_slo_info", constant("1"), "sloth_mode", "watchtower-export", "sloth_spec", "prometheus/v1",
			"sloth_version", "watchtower", "sloth_objective", figure(p.o.Target*100)),
	)
}
