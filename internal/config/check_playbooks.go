package config

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

// Coverage counts the alerts that wake somebody, and what they tell to do. Every
// alert of an objective or rule is one, however many series it has.
type Coverage struct {
	Alerts int `json:"paging_alerts"`
	// Covered have a playbook.
	Covered int `json:"with_playbook"`
	// Excused have none, and say why or name a runbook elsewhere.
	Excused int `json:"without_for_a_reason"`
	// Stale have a playbook of the user's that was not reviewed within a year; Builtin
	// one of the embedded library, which the user never reviewed.
	Stale   int `json:"not_reviewed_within_a_year"`
	Builtin int `json:"built_in"`
}

// String is one line: "14 paging alerts, 14 with a playbook, 2 with one not reviewed
// within a year".
func (n Coverage) String() string {
	s := counted(n.Alerts, "paging alert")
	if n.Alerts == 0 {
		return s
	}
	s += fmt.Sprintf(", %d with a playbook", n.Covered)
	for _, part := range []struct {
		count int
		what  string
	}{
		{n.Excused, "without one for a reason"},
		{n.Stale, "with one not reviewed within a year"},
		{n.Builtin, "with a built-in one that you never reviewed"},
	} {
		if part.count > 0 {
			s += fmt.Sprintf(", %d %s", part.count, part.what)
		}
	}
	return s
}

// coverage finds the paging alerts without a playbook and counts the others.
func (c *checker) coverage(files Files, alerts []ruleAlert, now time.Time) Coverage {
	all := files.attachments(alerts)
	for _, a := range all {
		add := c.at(a.at, lint.Fault)
		if a.objective != nil {
			add = c.about(*a.objective, lint.Fault)
		}
		c.attached(add, a)
	}
	return covered(all, now)
}

// attached tells of an alert that gets no playbook, or not the one it names.
func (c *checker) attached(add func(check, format string, args ...any), a attachment) {
	name := a.labels[playbooks.Label]
	switch {
	case a.excuse != "" && !a.found:
	case name != "" && (!a.found || a.playbook.ID != name):
		add(checkPlaybook, "%s with the label playbook=%s, and there is no such playbook: write it or correct the name", a.who, name)
	case !a.found:
		add(checkPlaybook, "%s but no playbook matches %s: write one whose `match` fits %s, %s", a.who, a.what, fitting(a.labels), a.remedy)
	}
}

// fitting are the labels a playbook would be written for.
func fitting(labels map[string]string) string {
	var words []string
	for _, name := range []string{"alertname", "service", "slo"} {
		if value := labels[name]; value != "" {
			words = append(words, name+"="+value)
		}
	}
	return strings.Join(words, " ")
}

// unreviewed warns of the user's own playbooks that nobody read for a year. The date
// of an embedded one is that of its release and says nothing about the user's
// services: it ages with the binary, and a warning would come to everybody, on a day
// on which nothing changed. They are counted.
func (c *checker) unreviewed(files Files, now time.Time) {
	for _, p := range files.Playbooks.All() {
		if p.Builtin {
			continue
		}
		add := c.at(lint.Place{File: p.Source, Line: p.Line("reviewed")}, lint.Warning)
		switch age := now.Sub(p.Reviewed); {
		case p.Reviewed.IsZero():
			add(checkReviewed, "playbook %s was never reviewed: follow it once, correct it, and set `reviewed` to that day", p.ID)
		case age > ReviewAge:
			add(checkReviewed, "playbook %s was reviewed last on %s, more than a year ago: read it again and set `reviewed`", p.ID, p.Reviewed.Format(time.DateOnly))
		case age < -24*time.Hour: // somewhere it is tomorrow already
			add(checkReviewed, "playbook %s was reviewed on %s, which is yet to come: correct `reviewed`", p.ID, p.Reviewed.Format(time.DateOnly))
		}
	}
}

// pages tells whether an alert of a rule file wakes somebody, by the words that are in
// use for it.
func (a ruleAlert) pages() bool {
	return slices.Contains([]string{"page", "critical"}, strings.ToLower(a.labels["severity"]))
}

// named are the labels with the playbook that an annotation names.
func named(labels, annotations map[string]string) map[string]string {
	out := maps.Clone(labels)
	if id := cmp.Or(labels[playbooks.Label], annotations[playbooks.Label]); id != "" {
		out[playbooks.Label] = id
	}
	return out
}

// roles warns of playbooks that give a role to nobody that the on-call file knows.
func (c *checker) roles(files Files) {
	for _, p := range files.Playbooks.All() {
		at := lint.Place{File: p.Source, Line: p.Line("roles")}
		if len(p.Roles) > 0 && files.OnCall == nil {
			c.warn(at, checkPlaybook, "it names who has which role, and no file says who is on call, so that nobody will have one: set notifiers.oncall")
			continue
		}
		for _, role := range slices.Sorted(maps.Keys(p.Roles)) {
			if who := p.Roles[role]; !files.OnCall.Names(who) {
				c.warn(at, checkPlaybook, "the role %s is for %s, and %s knows no user or team of that name: correct one of them, or write %s", role, who, files.Config.Notifiers.OnCall, oncall.OnCall)
			}
		}
	}
}
