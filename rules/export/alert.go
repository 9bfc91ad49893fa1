package export

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	lostName      = "TelemetryLost"
	noTrafficName = "NoTraffic"
	spentName     = "BudgetSpent"
	goneName      = "BudgetGoneSoon"
	// spentDamp and goneDamp are how long a budget's ticket stays after its cause has
	// gone, as in the engine.
	spentDamp = 10 * time.Minute
	goneDamp  = 30 * time.Minute
	// flowBefore is in how long a time before the silence events must have flowed.
	flowBefore = time.Hour
)

// burnAlerts are the page and the ticket.
func (p *plan) burnAlerts() []rule {
	var out []rule
	for _, s := range []rules.Severity{rules.Page, rules.Ticket} {
		pairs := p.of(s)
		if len(pairs) == 0 {
			continue
		}
		var conditions []string
		for _, pair := range pairs {
			conditions = append(conditions, "("+p.burns(pair)+")")
		}
		labels := p.alertLabels(s, p.o.Alerting.Name)
		expr := strings.Join(conditions, " or ") + p.held(labels, pairs)
		out = append(out, p.alert(expr, burnDamp(pairs), labels, p.burnNotes(s, pairs)))
	}
	return out
}

// burnDamp is how long an alert must be quiet before it ends: a fifth of its shortest
// window, a minute at most.
func burnDamp(pairs []rules.Pair) time.Duration {
	damp := time.Minute
	for _, pair := range pairs {
		damp = min(damp, pair.Short/5)
	}
	return damp
}

// burns is true while both windows of a pair burn at its factor, or at the lower rate
// at which the traffic of now spends the pair's share of a whole period's budget:
// max(1, β·V_P/V_L). Its value is the error ratio of the short window.
func (p *plan) burns(pair rules.Pair) string {
	e := p.o.ErrorBudget()
	either := p.both(pair, figure(pair.Factor*e))
	if !p.o.SLI.Raw() {
		dynamic := fmt.Sprintf("%s * clamp_min(%s * %s / %s, 1)", figure(e), figure(pair.Budget), p.expected(), p.total(pair.Long))
		either = fmt.Sprintf("((%s) or (%s and %s >= %s))", either, p.both(pair, dynamic), p.seen(), figure(pair.Long.Seconds()))
	}
	least := "> 0"
	if p.o.MinBadEvents > 0 {
		least = ">= " + figure(p.o.MinBadEvents)
	}
	return fmt.Sprintf("%s and %s %s", either, p.bad(pair.Long), least)
}

// both is true while the error ratios of both windows reach a limit, and that of the
// long one does so for certain if the objective asks for confidence.
func (p *plan) both(pair rules.Pair, limit string) string {
	out := fmt.Sprintf("%s >= %s and %s >= %s", p.ratio(pair.Short), limit, p.ratio(pair.Long), limit)
	if z := p.deviations(); z > 0 {
		out += fmt.Sprintf(" and %s > %s", p.lower(pair.Long, z), limit)
	}
	return out
}

// deviations is how many standard deviations the confidence stands for.
func (p *plan) deviations() float64 {
	if p.o.SLI.Raw() {
		return 0
	}
	return math.Sqrt2 * math.Erfinv(min(p.o.Confidence, 1-1e-9))
}

// lower is Wilson's lower bound of the error ratio:
// (p + z²/2n − z·√((p(1−p) + z²/4n)/n)) / (1 + z²/n).
func (p *plan) lower(d time.Duration, z float64) string {
	r, n := p.ratio(d), p.total(d)
	return fmt.Sprintf("((%[1]s + %[3]s / %[2]s - %[5]s * sqrt((%[1]s * (1 - %[1]s) + %[4]s / %[2]s) / %[2]s)) / (1 + %[6]s / %[2]s))",
		r, n, figure(z*z/2), figure(z*z/4), figure(z), figure(z*z))
}

// held keeps an alert that fires while too little is seen to say that it is over:
// blindness is not recovery. A pair is over when nine tenths of its short window were
// seen, or of its long one and that does not burn. The value is −1, which the texts
// know; it ends at the latest when the period holds no telemetry any more.
func (p *plan) held(labels map[string]string, pairs []rules.Pair) string {
	var over []string
	for _, pair := range pairs {
		over = append(over, fmt.Sprintf("(%s or %s and %s < %s)",
			p.covered(pair.Short), p.covered(pair.Long), p.ratio(pair.Long), figure(pair.Factor*p.o.ErrorBudget())))
	}
	return fmt.Sprintf(" or on (sloth_id) (-1 * %s and on (sloth_id) %s unless on (sloth_id) (count_over_time(%s[%s]) and %s))",
		p.firing(labels), p.expected(), p.stepTotal(), p.over(p.step), strings.Join(over, " and "))
}

// covered is true if nine tenths of a window were seen, or of the time since the
// first telemetry if that is shorter.
func (p *plan) covered(d time.Duration) string {
	steps := max(1, math.Round(float64(d)/float64(p.step)))
	return fmt.Sprintf("count_over_time(%s[%s]) >= 0.9 * clamp_max(%s / %s, %s)", p.stepTotal(), p.over(d), p.seen(), figure(p.step.Seconds()), figure(steps))
}

// firing finds the alert with these labels while it fires.
func (p *plan) firing(labels map[string]string) string {
	matchers := []string{`alertstate="firing"`}
	for _, name := range []string{"alertname", "sloth_severity", "budget_spent", "gone_within", "sloth_id", parentLabel} {
		if v, ok := labels[name]; ok {
			matchers = append(matchers, fmt.Sprintf("%s=%q", name, v))
		}
	}
	slices.Sort(matchers)
	return fmt.Sprintf("max by (%s) (ALERTS{%s})", strings.Join(append([]string{"sloth_id"}, p.by...), ", "), strings.Join(matchers, ", "))
}

// lost tells whether silence of the telemetry alerts. That of a group is its whole's
// to tell: a group alone is idle.
func (p *plan) lost() bool {
	_, on := silence(p.o)
	return on && p.o.Alerting.Lost != rules.Off || p.o.Alerting.Lost == rules.On
}

// silenceAlerts are those about telemetry that does not arrive and users that do not.
func (p *plan) silenceAlerts() []rule {
	var out []rule
	s, _ := silence(p.o)
	if p.lost() && p.by == nil {
		labels := p.alertLabels(s, lostName)
		steps := math.Ceil(float64(max(lostAfter, 4*p.interval)) / float64(p.step))
		expr := fmt.Sprintf("(%s > 0) unless on (sloth_id) count_over_time(%s[%s])", p.expected(), p.stepTotal(), p.over(time.Duration(steps)*p.step))
		out = append(out, p.alert(expr, 0, labels, p.lostNotes()))
	}
	if d := p.o.Alerting.NoTrafficFor; d > 0 && !p.o.SLI.Raw() {
		labels := p.alertLabels(s, noTrafficName)
		asked, steps := p.over(d), max(1, math.Round(float64(d)/float64(p.step)))
		flows := fmt.Sprintf("sum_over_time(%s[%s])", p.stepTotal(), asked)
		expr := fmt.Sprintf("(%[1]s <= 0.000001 and count_over_time(%[2]s[%[3]s]) >= %[4]s and sum_over_time(%[2]s[%[5]s] offset %[6]s) > 0.000001) or on (sloth_id) (%[7]s unless on (sloth_id) (%[1]s > 0.000001))",
			flows, p.stepTotal(), asked, figure(math.Ceil(0.9*steps)), p.over(flowBefore), short(d), p.firing(labels)+" * 0")
		out = append(out, p.alert(expr, min(d/5, time.Minute), labels, p.noTrafficNotes()))
	}
	return out
}

// budgetAlerts are the tickets about what is left of the budget. Of several limits
// only the most urgent that is reached fires; one that fires ends a little below.
func (p *plan) budgetAlerts() []rule {
	var out []rule
	known := fmt.Sprintf("%s >= %s", p.seen(), figure(p.o.Period.Seconds()/100))
	shares := slices.Compact(slices.Sorted(slices.Values(p.o.Alerting.BudgetSpent)))
	for i, share := range shares {
		labels := p.alertLabels(rules.Ticket, spentName)
		labels["budget_spent"] = percent(share)
		below := ""
		if i+1 < len(shares) {
			below = " < " + figure(shares[i+1])
		}
		expr := fmt.Sprintf("(%[1]s >= %[2]s%[4]s and %[5]s) or (%[1]s >= %[3]s%[4]s and on (sloth_id) %[6]s)",
			p.consumed(), figure(share), figure(0.95*share), below, known, p.firing(labels))
		out = append(out, p.alert(expr, spentDamp, labels, p.spentNotes(share)))
	}
	times := slices.Compact(slices.Sorted(slices.Values(p.o.Alerting.GoneWithin)))
	for i, within := range times {
		labels := p.alertLabels(rules.Ticket, goneName)
		labels["gone_within"] = short(within)
		above := 0.0
		if i > 0 {
			above = times[i-1].Seconds()
		}
		hour := p.hour()
		burns := fmt.Sprintf("%s >= %s and %s >= %s", p.bad(hour), figure(max(p.o.MinBadEvents, 1e-6)), p.ratio(p.now()), figure(p.o.ErrorBudget()))
		left := fmt.Sprintf("((%s * %s - %s) / %s * %s)", figure(p.o.ErrorBudget()), p.expected(), p.bad(p.o.Period), p.bad(hour), figure(hour.Seconds()))
		expr := fmt.Sprintf("(%[1]s <= %[2]s > %[4]s and %[5]s and %[6]s) or (%[1]s <= %[3]s > %[4]s and %[5]s and on (sloth_id) %[7]s)",
			left, figure(within.Seconds()), figure(1.25*within.Seconds()), figure(above), burns, known, p.firing(labels))
		out = append(out, p.alert(expr, goneDamp, labels, p.goneNotes(within)))
	}
	return out
}

func (p *plan) alert(expr string, damp time.Duration, labels, notes map[string]string) rule {
	name := labels["alertname"]
	out := maps.Clone(labels)
	delete(out, "alertname")
	return rule{Alert: name, Expr: expr, KeepFiringFor: model.Duration(damp), Labels: out, Annotations: notes}
}

// alertLabels are those of the engine's alerts; a group's come from its series.
func (p *plan) alertLabels(s rules.Severity, name string) map[string]string {
	ls := p.o.AlertLabels(s)
	ls["alertname"] = name
	if p.by == nil {
		return ls
	}
	delete(ls, "sloth_id")
	for _, l := range p.by {
		delete(ls, l)
	}
	ls[parentLabel] = p.o.ID
	return ls
}
