package rules

import (
	"context"
	"fmt"
	"slices"
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
	if rule.label != "" {
		ls[rule.label] = rule.value
	}
	return ls
}

// alert writes the i-th alert in full: labels for routing, annotations for people.
// The lock is held.
func (tr *track) alert(i int, url string, interval time.Duration) *promrules.Alert {
	a, rule := &tr.alerts[i], &tr.judge.alerts[i]
	now := time.UnixMilli(tr.reading.at)
	ls := tr.alertLabels(i)
	notes := tr.annotations(i, url)
	for name, text := range tr.obj.Alert(rule.severity).Annotations {
		// What a spec says of the error ratio is not about silence or the budget.
		if rule.burns() || !slices.Contains([]string{"summary", "description", "message", "title"}, name) {
			notes[name] = text
		}
	}
	value := tr.value(rule)
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

// quoted sets a promise apart from what is said about it.
func quoted(promise string) string { return "“" + promise + "”" }

// unit is what an objective counts, in people's words where its query tells.
func (o *Objective) unit() string {
	switch slice := o.Budgeting.Slice; {
	case slice == time.Minute:
		return "minutes"
	case slice > 0:
		return "slices of " + model.Duration(slice).String()
	case o.SLI.Raw():
		return "checks"
	case o.Events != "":
		return o.Events
	case strings.Contains(o.SLI.TotalQuery, "request") || strings.Contains(o.SLI.TotalQuery, "_calls_total"):
		return "requests"
	default:
		return "events"
	}
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
