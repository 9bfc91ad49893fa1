package config

import (
	"bytes"
	"maps"
	"os"
	"slices"
	"strings"

	amconfig "github.com/prometheus/alertmanager/config"
	amlabels "github.com/prometheus/alertmanager/pkg/labels"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

// routes warns of routes that ask for a label's value which no alert has, but almost.
// Other values stay unsaid: alerts may come from other servers.
func (c *checker) routes(files Files, alerts []ruleAlert) {
	if files.Alertmanager == nil || files.Alertmanager.Route == nil || files.Config.Notifiers.Alertmanager == "" {
		return
	}
	known := alertValues(files, alerts)
	text, err := os.ReadFile(files.Config.Notifiers.Alertmanager)
	if err != nil {
		return // That is a fault, and it is told already.
	}
	told := map[[2]string]bool{}
	var walk func(*amconfig.Route)
	walk = func(r *amconfig.Route) {
		for label, value := range demanded(r) {
			have := slices.Sorted(maps.Keys(known[label]))
			like := lint.Near(value, have)
			if known[label][value] || like == "" || told[[2]string{label, value}] {
				continue
			}
			told[[2]string{label, value}] = true
			at := lint.Place{File: files.Config.Notifiers.Alertmanager, Line: lineOf(text, value)}
			c.warn(at, checkRoute, "a route asks for %s=%q, which no alert of the objectives and rules has: write %q if that is meant", label, value, like)
		}
		for _, below := range r.Routes {
			walk(below)
		}
	}
	walk(files.Alertmanager.Route)
}

// demanded are the labels a route demands with one value each.
func demanded(r *amconfig.Route) map[string]string {
	out := maps.Clone(r.Match)
	if out == nil {
		out = map[string]string{}
	}
	for _, m := range r.Matchers {
		if m.Type == amlabels.MatchEqual && m.Value != "" {
			out[m.Name] = m.Value
		}
	}
	return out
}

// alertValues are the values that labels of alerts have: of objectives and of
// Prometheus rules.
func alertValues(files Files, alerts []ruleAlert) map[string]map[string]bool {
	known := map[string]map[string]bool{}
	add := func(labels map[string]string) {
		for name, value := range labels {
			if strings.Contains(value, "{{") {
				continue
			}
			if known[name] == nil {
				known[name] = map[string]bool{}
			}
			known[name][value] = true
		}
	}
	for _, o := range files.Objectives {
		add(o.AlertLabels(rules.Page))
		add(o.AlertLabels(rules.Ticket))
	}
	for _, a := range alerts {
		add(map[string]string{"alertname": a.name})
		add(a.labels)
	}
	return known
}

// lineOf is the first line that holds a text, 1 when none does.
func lineOf(text []byte, value string) int {
	i := bytes.Index(text, []byte(value))
	return 1 + bytes.Count(text[:max(i, 0)], []byte("\n"))
}
