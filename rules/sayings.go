package rules

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// facts are what the texts of one alert are made of.
type facts struct {
	rule   *alertRule
	firing bool
	pairText
	// spent is the share of the budget, gone completes "it is gone …", "" if it lasts.
	spent float64
	gone  string
}

// burns tells whether the alert is about the error ratio.
func (rule *alertRule) burns() bool { return rule.kind == alertPage || rule.kind == alertTicket }

// annotations says what is wrong in plain words and numbers.
func (tr *track) annotations(i int, url string) map[string]string {
	o, rule := &tr.obj, &tr.judge.alerts[i]
	f := facts{rule: rule, firing: tr.alerts[i].firing, spent: tr.judge.consumed(&tr.reading)}
	f.pairText = tr.reading.worst(&tr.judge, rule.severity)
	if !f.firing {
		// What is over is told by the present, and not by the window that was the last to
		// calm down.
		now := tr.reading.sums[tr.judge.now]
		f.Short, f.bad, f.total = time.Duration(tr.judge.spans[tr.judge.now])*time.Millisecond, now.Bad, now.Total
	}
	f.gone = tr.gone(1 - f.spent)
	notes := map[string]string{
		"promise":          o.Promise,
		"objective":        percent(o.Target) + " over " + o.over(),
		"budget_remaining": portion(1 - f.spent),
		"budget_gone":      f.gone,
		"dashboard_url":    url + "/objectives/" + o.ID + "/graph",
	}
	if rule.burns() || rule.kind == alertLost {
		notes["error_ratio"], notes["burn_rate"] = percent(f.ratio()), number(f.short)+"x"
		if f.Long > 0 {
			notes["windows"] = f.String()
		}
	}
	say := map[alertKind]func(*track, facts) (string, string){
		alertPage: (*track).sayBurn, alertTicket: (*track).sayBurn, alertLost: (*track).sayLost,
		alertNoTraffic: (*track).sayNoTraffic, alertSpent: (*track).saySpent, alertGone: (*track).sayGone,
	}[rule.kind]
	notes["summary"], notes["description"] = say(tr, f)
	if meaning := strings.TrimSpace(o.Meaning); meaning != "" && f.firing {
		notes["meaning"] = meaning
		notes["description"] += " " + sentence(meaning)
	}
	return notes
}

// sentence ends a text that people wrote with a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

func (tr *track) sayBurn(f facts) (summary, description string) {
	o := &tr.obj
	switch {
	case !f.firing && f.rule.severity == Ticket:
		summary = quoted(o.Promise) + " is kept again"
	case !f.firing:
		summary = quoted(o.Promise) + " is no longer broken"
	case f.rule.severity == Ticket:
		summary = fmt.Sprintf("%s is slipping: %s of %s fail, more than promised", quoted(o.Promise), percent(f.ratio()), o.unit())
	default:
		summary = fmt.Sprintf("%s is broken: %s of %s fail", quoted(o.Promise), percent(f.ratio()), o.unit())
	}
	var b strings.Builder
	if o.SLI.Raw() {
		fmt.Fprintf(&b, "The error ratio over the last %s is %s", model.Duration(f.Short), percent(f.ratio()))
	} else {
		// A window's edge may lie within a slice, so the counts need not be whole.
		fmt.Fprintf(&b, "%s of %s %s failed in the last %s (%s)", whole(f.bad), whole(f.total), o.unit(), model.Duration(f.Short), percent(f.ratio()))
	}
	fmt.Fprintf(&b, "; the objective of %s over %s allows %s", percent(o.Target), o.over(), percent(o.ErrorBudget()))
	if f.firing && f.short > 1 {
		fmt.Fprintf(&b, ", so the error budget burns %s times too fast", number(f.short))
	}
	b.WriteString(". " + tr.budgetLeft(f))
	if lag := tr.reading.lag; lag > 0 && f.firing {
		fmt.Fprintf(&b, " Blind since %s: no telemetry arrives, these numbers are from then, and the alert stays until data is back.", clockTime(tr.reading.anchor))
	}
	return summary, b.String()
}

// budgetLeft says what is left of the budget and how long it lasts.
func (tr *track) budgetLeft(f facts) string {
	switch {
	case f.spent >= 1:
		return fmt.Sprintf("The budget is spent: %s over.", portion(f.spent-1))
	case f.gone != "" && f.firing:
		return fmt.Sprintf("%s of the budget is left; at this rate it is gone %s.", portion(1-f.spent), f.gone)
	default:
		return portion(1-f.spent) + " of the budget is left."
	}
}

func (tr *track) sayLost(f facts) (summary, description string) {
	o, r := &tr.obj, &tr.reading
	if !f.firing {
		return fmt.Sprintf("%s: telemetry of %s is back", quoted(o.Promise), o.Service),
			fmt.Sprintf("Samples arrive again; the last one is from %s.", clockTime(r.anchor))
	}
	return fmt.Sprintf("%s: nobody knows, %s has been silent for %s", quoted(o.Promise), o.Service, span(time.Duration(r.at-r.anchor)*time.Millisecond)),
		fmt.Sprintf("No telemetry has arrived since %s, after there had been traffic. A dead service looks like this, and so does a broken path of its metrics. Until it is back nothing is known about the objective %s over %s, and no alert of it resolves.",
			clockTime(r.anchor), percent(o.Target), o.over())
}

func (tr *track) sayNoTraffic(f facts) (summary, description string) {
	o, a, ms := &tr.obj, tr.stateOf(f.rule), time.Millisecond
	if !f.firing {
		lasted := time.Duration(max(a.quietSince, a.activeAt)-a.activeAt)*ms + o.Alerting.NoTrafficFor
		return fmt.Sprintf("%s: %s reach %s again", quoted(o.Promise), o.unit(), o.Service),
			fmt.Sprintf("There were none for about %s.", span(lasted.Round(time.Minute)))
	}
	since := a.activeAt - o.Alerting.NoTrafficFor.Milliseconds()
	lasts := time.Duration(tr.reading.at-since) * ms
	summary = fmt.Sprintf("%s: no %s have reached %s for %s", quoted(o.Promise), o.unit(), o.Service, span(lasts.Truncate(time.Minute)))
	description = fmt.Sprintf("%s has counted no %s since about %s", o.Service, o.unit(), time.UnixMilli(since).UTC().Format("15:04 UTC on 2 January"))
	if n := tr.reading.flow.before; n >= 1 && lasts < 2*o.Alerting.NoTrafficFor {
		description += fmt.Sprintf(", after %s in the hour before", whole(n))
	}
	if tr.reading.lag > 0 {
		return summary, description + fmt.Sprintf("; since %s its telemetry has stopped as well.", clockTime(tr.reading.anchor))
	}
	return summary, description + ". It runs and reports, so look at what lies before it: DNS, certificates, load balancer, network, the release of the app. Requests that do not arrive cannot fail, so no other alert of this objective will tell."
}

func (tr *track) saySpent(f facts) (summary, description string) {
	o, said := &tr.obj, portion(f.spent)
	switch {
	case f.firing:
		return fmt.Sprintf("%s: %s of the error budget is spent", quoted(o.Promise), said),
			fmt.Sprintf("%s %s %s", tr.allowed(), tr.budgetLeft(f), tr.consequence()) + tr.blindly()
	case f.spent >= f.rule.limit:
		return fmt.Sprintf("%s: more than %s of the error budget is spent, %s by now", quoted(o.Promise), f.rule.value, said),
			"A ticket that says so replaces this one; nothing has got better."
	default:
		return fmt.Sprintf("%s: less than %s of the error budget is spent again", quoted(o.Promise), f.rule.value),
			tr.allowed() + " " + tr.budgetLeft(f)
	}
}

// allowed says how much may fail in a period and how much did.
func (tr *track) allowed() string {
	o, bad, allowed := &tr.obj, tr.reading.spent.Bad, tr.judge.allowance(&tr.reading)
	over := "the last " + days(o.Period)
	if o.Calendar != nil {
		over = "this period so far"
	}
	if o.SLI.Raw() {
		seconds := func(v float64) string { return span(time.Duration(v) * time.Second) }
		return fmt.Sprintf("The objective of %s over %s allows about %s of failure; in %s it was %s.",
			percent(o.Target), o.over(), seconds(allowed), over, seconds(bad))
	}
	return fmt.Sprintf("The objective of %s over %s allows about %s %s to fail; in %s %s did.",
		percent(o.Target), o.over(), whole(allowed), o.unit(), over, whole(bad))
}

func (tr *track) sayGone(f facts) (summary, description string) {
	o, c := &tr.obj, tr.reading.sums[tr.judge.hour]
	window := model.Duration(time.Duration(tr.judge.spans[tr.judge.hour]) * time.Millisecond)
	if !f.firing {
		switch a := tr.reading.goneIn; {
		case f.spent >= 1:
			return quoted(o.Promise) + ": the error budget is gone", "It went as forecast, and errors have stopped since. " + tr.budgetLeft(f)
		case a <= -f.rule.limit:
			return fmt.Sprintf("%s: the error budget will be gone even sooner than within %s", quoted(o.Promise), f.rule.value),
				"Another ticket says more and replaces this one: nothing has got better. " + tr.budgetLeft(f)
		default:
			return fmt.Sprintf("%s: the error budget lasts longer than %s again", quoted(o.Promise), f.rule.value),
				fmt.Sprintf("%s of %s failed in the last %s. %s", percent(f.ratio()), o.unit(), model.Duration(f.Short), tr.budgetLeft(f))
		}
	}
	ratio := 0.0
	if c.Total > 0 {
		ratio = c.Bad / c.Total
	}
	if f.spent >= 1 {
		summary = quoted(o.Promise) + ": the error budget is gone, and errors go on"
	} else {
		summary = fmt.Sprintf("%s: the error budget will be gone within %s", quoted(o.Promise), f.rule.value)
	}
	return summary, fmt.Sprintf("%s of %s failed in the last %s; the objective of %s over %s allows %s. %s %s",
		percent(ratio), o.unit(), window, percent(o.Target), o.over(), percent(o.ErrorBudget()), tr.budgetLeft(f), tr.consequence()) + tr.blindly()
}

// blindly says that a text rests on old numbers.
func (tr *track) blindly() string {
	if tr.reading.lag == 0 {
		return ""
	}
	return fmt.Sprintf(" Blind since %s: these numbers are from then.", clockTime(tr.reading.anchor))
}

// consequence says what the state of the budget means for those who plan work.
func (tr *track) consequence() string {
	s := Status{Objective: tr.obj, BudgetRemaining: 1 - tr.judge.consumed(&tr.reading)}
	s.Forecast, s.ExhaustedIn = tr.forecast()
	_, text := tr.state(&s)
	return sentence(text)
}

// stateOf returns the state of an alert.
func (tr *track) stateOf(rule *alertRule) alertState {
	for i := range tr.judge.alerts {
		if tr.judge.alerts[i].key == rule.key {
			return tr.alerts[i]
		}
	}
	return alertState{}
}

// value is the figure an alert is about.
func (tr *track) value(rule *alertRule) float64 {
	switch rule.kind {
	case alertSpent:
		return tr.judge.consumed(&tr.reading)
	case alertGone:
		return tr.reading.goneIn / 1000
	case alertNoTraffic:
		return 0
	default:
		return tr.reading.worst(&tr.judge, rule.severity).short
	}
}

// expression is PromQL that describes what an alert watches. It is shown, not
// evaluated.
func (tr *track) expression(i int) string {
	o, rule := &tr.obj, &tr.judge.alerts[i]
	id := fmt.Sprintf("{sloth_id=%q}", o.ID)
	switch rule.kind {
	case alertLost:
		return fmt.Sprintf("absent_over_time(slo:sli_error:ratio_rate%s%s[%s])", model.Duration(tr.judge.spans[tr.judge.now])*model.Duration(time.Millisecond), id, model.Duration(lostAfter))
	case alertNoTraffic:
		return "(" + FillWindow(o.SLI.TotalQuery, o.Alerting.NoTrafficFor) + ") == 0"
	case alertSpent:
		return fmt.Sprintf("1 - slo:period_error_budget_remaining:ratio%s >= %s", id, number(rule.limit))
	case alertGone:
		return fmt.Sprintf("predict_linear(slo:period_error_budget_remaining:ratio%s[1h], %.0f) <= 0", id, math.Abs(rule.limit)/1000)
	default:
		return tr.burnExpression(rule.severity, id)
	}
}

func (tr *track) burnExpression(s Severity, id string) string {
	var parts []string
	for _, p := range tr.judge.pairs {
		if p.Severity == s {
			limit := fmt.Sprintf("(%s * %s)", number(p.Factor), number(tr.obj.ErrorBudget()))
			parts = append(parts, fmt.Sprintf("(slo:sli_error:ratio_rate%s%s >= %s and ignoring (sloth_window) slo:sli_error:ratio_rate%s%s >= %s)",
				model.Duration(p.Short), id, limit, model.Duration(p.Long), id, limit))
		}
	}
	if len(parts) == 0 {
		return "vector(0) > 0"
	}
	return strings.Join(parts, " or ")
}
