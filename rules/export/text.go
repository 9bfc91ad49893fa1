package export

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// An alert's texts are templates that the server fills when it fires. $value is the
// error ratio of the short window of the pair that fires, as in Sloth's alerts, and
// −1 while the alert is only held because no telemetry arrives.

// notes are the annotations that every alert has.
func (p *plan) common(summary, description string) map[string]string {
	notes := map[string]string{
		"promise":          literal(p.o.Promise),
		"objective":        percent(p.o.Target) + " over " + over(p.o),
		"budget_remaining": p.asked("slo:period_error_budget_remaining:ratio", "humanizePercentage"),
		"summary":          summary,
		"description":      description,
	}
	if p.by != nil {
		notes["promise"] += p.which()
	}
	if p.url != "" {
		notes["dashboard_url"] = p.url + "/objectives/" + p.o.ID
	}
	if meaning := strings.TrimSpace(p.o.Meaning); meaning != "" {
		notes["meaning"] = literal(meaning)
		notes["description"] += " " + literal(sentence(meaning))
	}
	return notes
}

// with adds what the spec says itself, but for some names.
func (p *plan) with(notes map[string]string, s rules.Severity, but ...string) map[string]string {
	for name, text := range p.o.Alert(s).Annotations {
		if !slices.Contains(but, name) {
			notes[name] = text
		}
	}
	return notes
}

// sayings are where a spec speaks of the error ratio: not about silence or the budget.
func sayings() []string { return []string{"summary", "description", "message", "title"} }

func (p *plan) burnNotes(s rules.Severity, pairs []rules.Pair) map[string]string {
	ratio, unit := "{{ $value | humanizePercentage }}", unit(p.o)
	said := fmt.Sprintf("is broken: %s of %s fail", ratio, unit)
	if s == rules.Ticket {
		said = fmt.Sprintf("is slipping: %s of %s fail, more than promised", ratio, unit)
	}
	var windows, each []string
	for _, pair := range pairs {
		windows = append(windows, pair.String())
		for _, d := range []time.Duration{pair.Short, pair.Long} {
			each = append(each, p.asked(fmt.Sprintf("slo:sli_error:ratio_rate%s", short(d)), "humanizePercentage")+" in "+short(d))
		}
	}
	description := fmt.Sprintf("Of %s failed %s; the objective of %s over %s allows %s.", unit, strings.Join(each, ", "),
		percent(p.o.Target), over(p.o), percent(p.o.ErrorBudget()))
	notes := p.common(
		p.quoted()+brokenBlind()+said+"{{ end }}",
		description+blindText()+" "+p.asked("slo:period_error_budget_remaining:ratio", "humanizePercentage")+" of the budget is left.")
	notes["error_ratio"] = unless("unknown", ratio)
	notes["burn_rate"] = p.asked("slo:current_burn_rate:ratio", "humanize") + "x"
	notes["windows"] = strings.Join(windows, ", ")
	return p.with(notes, s)
}

func (p *plan) lostNotes() map[string]string {
	s, _ := silence(p.o)
	return p.with(p.common(
		fmt.Sprintf("%snobody knows, %s has fallen silent", p.colon(), literal(p.o.Service)),
		fmt.Sprintf("No telemetry arrives, after there had been traffic. A dead service looks like this, and so does a broken path of its metrics. Until it is back nothing is known about the objective %s over %s, and no alert of it resolves.",
			percent(p.o.Target), over(p.o))), s, sayings()...)
}

func (p *plan) noTrafficNotes() map[string]string {
	s, _ := silence(p.o)
	return p.with(p.common(
		fmt.Sprintf("%sno %s have reached %s for %s", p.colon(), unit(p.o), literal(p.o.Service), short(p.o.Alerting.NoTrafficFor)),
		"It runs and reports, so look at what lies before it: DNS, certificates, load balancer, network, the release of the app. Requests that do not arrive cannot fail, so no other alert of this objective will tell."), s, sayings()...)
}

func (p *plan) spentNotes(share float64) map[string]string {
	return p.with(p.common(
		p.colon()+"{{ $value | humanizePercentage }} of the error budget is spent",
		fmt.Sprintf("The objective of %s over %s allows %s of %s to fail; %s of this budget or more is spent.",
			percent(p.o.Target), over(p.o), percent(p.o.ErrorBudget()), unit(p.o), percent(share))), rules.Ticket, sayings()...)
}

func (p *plan) goneNotes(within time.Duration) map[string]string {
	return p.with(p.common(
		fmt.Sprintf("%sthe error budget will be gone within %s", p.colon(), short(within)),
		fmt.Sprintf("If errors go on as in the last %s, the error budget of %s over %s is gone in {{ $value | humanizeDuration }}.",
			short(p.hour()), percent(p.o.ErrorBudget()), over(p.o))), rules.Ticket, sayings()...)
}

// asked is a template that asks for one series of the objective or group.
func (p *plan) asked(series, how string) string {
	return fmt.Sprintf(`{{ with printf "%s{sloth_id=%%q}" $labels.sloth_id | query }}{{ . | first | value | %s }}{{ else }}unknown{{ end }}`, series, how)
}

// unless is a template for one text while the alert is held blind, and another else.
func unless(blind, sees string) string {
	return "{{ if lt $value 0.0 }}" + blind + "{{ else }}" + sees + "{{ end }}"
}

// brokenBlind and blindText are what is said while an alert is held blind.
func brokenBlind() string {
	return "{{ if lt $value 0.0 }}was broken when its telemetry stopped; nothing is known since{{ else }}"
}

func blindText() string {
	return unless(" Blind: no telemetry arrives, and the alert stays until data is back.", "")
}

func (p *plan) quoted() string { return "“" + literal(p.o.Promise) + p.which() + "” " }
func (p *plan) colon() string  { return "“" + literal(p.o.Promise) + p.which() + "”: " }

// which names the group.
func (p *plan) which() string {
	if p.by == nil {
		return ""
	}
	var said []string
	for _, l := range p.by {
		said = append(said, fmt.Sprintf("%s {{ $labels.%s }}", l, l))
	}
	return " (" + strings.Join(said, ", ") + ")"
}

// literal keeps a text of people's from being taken for a template.
func literal(s string) string {
	return strings.ReplaceAll(s, "{{", `{{ "{{" }}`)
}

// sentence ends a text with a full stop.
func sentence(s string) string {
	if strings.HasSuffix(s, ".") || strings.HasSuffix(s, "!") || strings.HasSuffix(s, "?") {
		return s
	}
	return s + "."
}

// unit is what an objective counts, in people's words where its query tells.
func unit(o rules.Objective) string {
	switch {
	case o.Budgeting.Slice == time.Minute:
		return "minutes"
	case o.Budgeting.Slice > 0:
		return "slices of " + short(o.Budgeting.Slice)
	case o.SLI.Raw():
		return "checks"
	case strings.Contains(o.SLI.TotalQuery, "request") || strings.Contains(o.SLI.TotalQuery, "_calls_total"):
		return "requests"
	default:
		return "events"
	}
}

// percent writes a ratio that people chose: 0.999 is "99.9%".
func percent(ratio float64) string { return figure(ratio*100) + "%" }

// over names the period of an objective: "30d", "the month".
func over(o rules.Objective) string {
	if o.Calendar != nil {
		return "the " + o.Calendar.String()
	}
	return days(o.Period)
}

// days writes a period as people say it: 28d, not 4w.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return short(d)
}
