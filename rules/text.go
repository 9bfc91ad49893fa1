package rules

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
)

// alertLabels are the labels of the i-th alert.
func (tr *track) alertLabels(i int) map[string]string {
	rule := &tr.judge.alerts[i]
	ls := tr.obj.AlertLabels(rule.severity)
	ls["alertname"] = rule.name
	return ls
}

// alert writes the i-th alert in full: labels for routing, annotations for people.
// The lock is held.
func (tr *track) alert(i int, url string, interval time.Duration) *promrules.Alert {
	a, sev := &tr.alerts[i], tr.judge.alerts[i].severity
	now := time.UnixMilli(tr.reading.at)
	ls := tr.alertLabels(i)
	notes := tr.annotations(i, url)
	maps.Copy(notes, tr.obj.Alert(sev).Annotations)
	value := tr.reading.worst(&tr.judge, sev).short
	fill(ls, ls, url, value)
	fill(notes, ls, url, value)
	out := &promrules.Alert{
		State: promrules.StateInactive, Labels: labels.FromMap(ls), Annotations: labels.FromMap(notes), Value: value,
		ActiveAt: time.UnixMilli(a.activeAt), FiredAt: time.UnixMilli(a.activeAt), LastSentAt: now,
		// As Prometheus: valid until three further sends are missed.
		ValidUntil: now.Add(4 * max(interval, resendDelay)),
	}
	switch {
	case a.firing:
		out.State = promrules.StateFiring
	case a.resolvedAt > 0:
		out.ResolvedAt = time.UnixMilli(a.resolvedAt)
	}
	if a.firing && a.quietSince > 0 {
		out.KeepFiringSince = time.UnixMilli(a.quietSince)
	}
	return out
}

// fill expands Prometheus' alert templates in texts of the spec. A template that
// fails says so in its place, as in Prometheus.
func fill(texts, ls map[string]string, url string, value float64) {
	for name, text := range texts {
		if !strings.Contains(text, "{{") {
			continue
		}
		out, err := expander(context.Background(), text, ls, url, value).Expand()
		if err != nil {
			out = "<error expanding template: " + err.Error() + ">"
		}
		texts[name] = out
	}
}

// worst returns the pair of a severity that burns most against its threshold, and
// its windows.
func (r *reading) worst(j *judge, s Severity) pairText {
	out := pairText{}
	most := -1.0
	for i, p := range j.pairs {
		if p.Severity != s || i >= len(r.pairs) {
			continue
		}
		pr := r.pairs[i]
		score := min(pr.long, pr.short) / pr.threshold
		if pr.verdict == burning {
			score += 1e9
		}
		if score > most {
			most = score
			out = pairText{Pair: p, short: pr.short, long: pr.long, bad: r.sums[j.short[i]].Bad, total: r.sums[j.short[i]].Total}
		}
	}
	return out
}

// pairText is what a text says of one pair: its burn, and the events in its short
// window.
type pairText struct {
	Pair
	short, long, bad, total float64
}

func (p pairText) ratio() float64 {
	if p.total <= 0 {
		return 0
	}
	return p.bad / p.total
}

// annotations says what is wrong in plain words and numbers.
func (tr *track) annotations(i int, url string) map[string]string {
	o, r := &tr.obj, &tr.reading
	rule, firing := &tr.judge.alerts[i], tr.alerts[i].firing
	p := r.worst(&tr.judge, rule.severity)
	left := 1 - tr.judge.consumed(r)
	gone := tr.gone(left)
	notes := map[string]string{
		"promise":          o.Promise,
		"objective":        percent(o.Target) + " over " + days(o.Period),
		"error_ratio":      percent(p.ratio()),
		"burn_rate":        number(p.short) + "x",
		"budget_remaining": percent(left),
		"budget_gone":      gone,
		"dashboard_url":    url + "/objectives/" + o.ID,
	}
	if p.Long > 0 {
		notes["windows"] = p.String()
	}
	if rule.kind == alertLost {
		notes["summary"], notes["description"] = tr.lostText(firing)
		return notes
	}
	notes["summary"] = tr.summary(rule, firing, p)
	notes["description"] = tr.description(firing, p, left, gone)
	return notes
}

func (tr *track) summary(rule *alertRule, firing bool, p pairText) string {
	o := &tr.obj
	switch {
	case !firing:
		return quoted(o.Promise) + " is no longer broken"
	case rule.severity == Ticket:
		return fmt.Sprintf("%s is slipping: %s of %s fail, more than promised", quoted(o.Promise), percent(p.ratio()), o.unit())
	default:
		return fmt.Sprintf("%s is broken: %s of %s fail", quoted(o.Promise), percent(p.ratio()), o.unit())
	}
}

// quoted sets a promise apart from what is said about it.
func quoted(promise string) string { return "“" + promise + "”" }

// unit is what an objective counts, in people's words where its query tells.
func (o *Objective) unit() string {
	switch {
	case o.SLI.Raw():
		return "checks"
	case strings.Contains(o.SLI.TotalQuery, "request") || strings.Contains(o.SLI.TotalQuery, "_calls_total"):
		return "requests"
	default:
		return "events"
	}
}

func (tr *track) description(firing bool, p pairText, left float64, gone string) string {
	o, r := &tr.obj, &tr.reading
	var b strings.Builder
	if o.SLI.Raw() {
		fmt.Fprintf(&b, "The error ratio over the last %s is %s", model.Duration(p.Short), percent(p.ratio()))
	} else {
		// A window's edge may lie within a slice, so the counts need not be whole.
		fmt.Fprintf(&b, "%.0f of %.0f %s failed in the last %s (%s)", p.bad, p.total, o.unit(), model.Duration(p.Short), percent(p.ratio()))
	}
	fmt.Fprintf(&b, "; the objective of %s over %s allows %s", percent(o.Target), days(o.Period), percent(o.ErrorBudget()))
	if firing {
		fmt.Fprintf(&b, ", so the error budget burns %s times too fast. ", number(p.short))
	} else {
		b.WriteString(". ")
	}
	switch {
	case left <= 0:
		fmt.Fprintf(&b, "The budget is spent: %s over.", percent(-left))
	case gone != "":
		fmt.Fprintf(&b, "%s of the budget is left; at this rate it is gone %s.", percent(left), gone)
	default:
		fmt.Fprintf(&b, "%s of the budget is left.", percent(left))
	}
	if r.lag > 0 {
		fmt.Fprintf(&b, " Blind since %s: no telemetry arrives, these numbers are from then, and the alert stays until data is back.", clockTime(r.anchor))
	}
	return b.String()
}

func (tr *track) lostText(firing bool) (summary, description string) {
	o, r := &tr.obj, &tr.reading
	if !firing {
		return fmt.Sprintf("%s: telemetry of %s is back", quoted(o.Promise), o.Service),
			fmt.Sprintf("Samples arrive again; the last one is from %s.", clockTime(r.anchor))
	}
	return fmt.Sprintf("%s: nobody knows, %s has been silent for %s", quoted(o.Promise), o.Service, span(time.Duration(r.at-r.anchor)*time.Millisecond)),
		fmt.Sprintf("No telemetry has arrived since %s, after there had been traffic. A dead service looks like this, and so does a broken path of its metrics. Until it is back nothing is known about the objective %s over %s, and no alert of it resolves.",
			clockTime(r.anchor), percent(o.Target), days(o.Period))
}

// gone says when the budget is spent at the present rate; "" when it lasts.
func (tr *track) gone(left float64) string {
	if left <= 0 {
		return "already spent"
	}
	f, _ := tr.forecast()
	return f.Text
}

func clockTime(ms int64) string { return time.UnixMilli(ms).UTC().Format("15:04:05 UTC on 2 January") }

// days writes a period as people say it: 28d, not 4w.
func days(d time.Duration) string {
	if d%(24*time.Hour) == 0 {
		return fmt.Sprintf("%dd", d/(24*time.Hour))
	}
	return model.Duration(d).String()
}

// expression is PromQL that describes what an alert watches. It is shown, not
// evaluated.
func (tr *track) expression(i int) string {
	o, rule := &tr.obj, &tr.judge.alerts[i]
	id := fmt.Sprintf("{sloth_id=%q}", o.ID)
	if rule.kind == alertLost {
		return fmt.Sprintf("absent_over_time(slo:sli_error:ratio_rate%s%s[%s])", model.Duration(tr.judge.spans[tr.judge.now])*model.Duration(time.Millisecond), id, model.Duration(lostAfter))
	}
	var parts []string
	for _, p := range tr.judge.pairs {
		if p.Severity == rule.severity {
			limit := fmt.Sprintf("(%s * %s)", number(p.Factor), number(o.ErrorBudget()))
			parts = append(parts, fmt.Sprintf("(slo:sli_error:ratio_rate%s%s >= %s and ignoring (sloth_window) slo:sli_error:ratio_rate%s%s >= %s)",
				model.Duration(p.Short), id, limit, model.Duration(p.Long), id, limit))
		}
	}
	if len(parts) == 0 {
		return "vector(0) > 0"
	}
	return strings.Join(parts, " or ")
}
