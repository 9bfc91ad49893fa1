package config

import (
	"cmp"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

// ReviewAge is how old the review of a playbook may be before check and the pages say so:
// in a year services, commands and people change, and a team that follows its playbooks
// has reason to read each of them again.
const ReviewAge = 365 * 24 * time.Hour

// ReviewOverdue tells whether somebody should read a playbook again. The date of an
// embedded one is that of its release, and never is.
func ReviewOverdue(p playbooks.Playbook, now time.Time) bool {
	return !p.Builtin && now.Sub(p.Reviewed) > ReviewAge
}

// PagingAlert is an alert that wakes somebody, and the playbook that its page carries.
type PagingAlert struct {
	Name string
	// Objective is the ID of the objective it belongs to; "" for that of a rule file.
	Objective string
	// File and Line are where it is written.
	File string
	Line int
	// Playbook is the ID of the playbook; "" if there is none. Excuse says why there need
	// not be one.
	Playbook, Excuse string
}

// Paging lists the alerts that wake somebody, as check does: those of objectives first.
func (f Files) Paging(now time.Time) ([]PagingAlert, Coverage) {
	if f.Playbooks == nil {
		return nil, Coverage{}
	}
	all := f.attachments(f.ruleAlerts())
	out := make([]PagingAlert, len(all))
	for i, a := range all {
		out[i] = PagingAlert{Name: a.labels["alertname"], File: a.at.File, Line: a.at.Line, Playbook: a.playbook.ID, Excuse: a.excuse}
		if a.objective != nil {
			out[i].Objective = a.objective.ID
		}
	}
	return out, covered(all, now)
}

// attachment is a paging alert and the playbook it gets.
type attachment struct {
	objective *rules.Objective // nil: it is that of a rule file
	at        lint.Place
	labels    map[string]string
	playbook  playbooks.Playbook
	found     bool
	// excuse says why there need not be one, "" if there should be.
	excuse string
	// who pages as what, and what to do if not to write a playbook.
	who, what, remedy string
}

// attachments finds the playbook of every alert that pages.
func (f Files) attachments(alerts []ruleAlert) []attachment {
	var out []attachment
	for i := range f.Objectives {
		o := &f.Objectives[i]
		for _, labels := range o.PagingAlerts() {
			labels = named(labels, o.Alert(rules.Page).Annotations)
			p, ok := f.Playbooks.Match(labels)
			out = append(out, attachment{
				objective: o, at: lint.Place{File: o.File, Line: o.Line}, labels: labels, playbook: p, found: ok, excuse: o.NoPlaybook,
				who: "it pages", what: whatPages(*o, labels), remedy: "set the label `playbook`, or say in no_playbook why there is none",
			})
		}
	}
	for _, a := range alerts {
		if !a.pages() {
			continue
		}
		p, ok := f.Playbooks.Match(a.labels)
		out = append(out, attachment{
			at: a.at, labels: a.labels, playbook: p, found: ok, excuse: cmp.Or(a.annotations["no_playbook"], a.annotations["runbook_url"]),
			who:    fmt.Sprintf("alert %s pages (severity %s)", a.name, a.labels["severity"]),
			what:   "it",
			remedy: "set the label or annotation `playbook`, or say in the annotation `no_playbook` why there is none",
		})
	}
	return out
}

// covered counts what alerts carry.
func covered(all []attachment, now time.Time) Coverage {
	n := Coverage{Alerts: len(all)}
	for _, a := range all {
		switch {
		case !a.found && a.excuse != "":
			n.Excused++
		case !a.found:
		case a.playbook.Builtin:
			n.Covered++
			n.Builtin++
		default:
			n.Covered++
			if ReviewOverdue(a.playbook, now) {
				n.Stale++
			}
		}
	}
	return n
}

// whatPages says which alert of an objective pages.
func whatPages(o rules.Objective, labels map[string]string) string {
	if name := labels["alertname"]; name != o.Alerting.Name {
		return "its " + name
	}
	return "it"
}
