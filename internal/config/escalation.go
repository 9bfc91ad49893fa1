package config

import (
	"errors"
	"fmt"
	"slices"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

const checkEscalation = "escalation"

// escalation tells the notifiers which receivers escalation policies need. Its error
// joins a fault for each step whose receiver does not exist or reaches nobody, where
// alertmanager.yml could be read.
func (f *Files) escalation() error {
	var faults []error
	for p, step := range steps(f.OnCall) {
		if step.Notify.Means != escalation.Receiver {
			continue
		}
		name := step.Notify.Name
		if !slices.Contains(f.Config.Notifiers.Escalation, name) {
			f.Config.Notifiers.Escalation = append(f.Config.Notifiers.Escalation, name)
		}
		if f.Alertmanager == nil {
			continue
		}
		if err := notifiers.CheckReceiver(f.Alertmanager, f.Config.Notifiers.Alertmanager, name); err != nil {
			faults = append(faults, fmt.Errorf("%s:%d: policy %s: notify: %w", f.Config.Notifiers.OnCall, step.Line, p.Name, err))
		}
	}
	return errors.Join(faults...)
}

// steps yields every step of every policy.
func steps(r *oncall.Roster) func(func(escalation.Policy, escalation.Step) bool) {
	return func(yield func(escalation.Policy, escalation.Step) bool) {
		for _, p := range r.Policies() {
			for _, step := range p.Steps {
				if !yield(p, step) {
					return
				}
			}
		}
	}
}

// escalations warns of what pages without a policy, once there are policies, and of
// steps that cannot reach whom they name.
func (c *checker) escalations(files Files, alerts []ruleAlert) {
	if len(files.OnCall.Policies()) == 0 {
		return
	}
	uncovered := func(labels map[string]string) bool {
		_, covered := files.OnCall.PolicyFor(labels["team"], labels)
		return !covered
	}
	const remedy = "no escalation policy covers it, so that nobody else is called when nobody acknowledges: widen a match in %s, or name a policy at its team"
	for _, o := range files.Objectives {
		if !o.Alert(rules.Page).Disabled && uncovered(alertLabels(o, rules.Page)) {
			c.about(o, lint.Warning)(checkEscalation, "it pages, and "+remedy, files.Config.Notifiers.OnCall)
		}
	}
	for _, a := range alerts {
		if a.pages() && uncovered(a.labels) {
			c.at(a.at, lint.Warning)(checkEscalation, "alert %s pages, and "+remedy, a.name, files.Config.Notifiers.OnCall)
		}
	}
	for p, step := range steps(files.OnCall) {
		u, _ := files.OnCall.User(step.Notify.Name)
		if step.Notify.Means == escalation.User && u.Slack == "" {
			at := lint.Place{File: files.Config.Notifiers.OnCall, Line: step.Line}
			c.warn(at, checkEscalation, "policy %s notifies %s, whose ID in Slack is not given, so that nobody is called: add slack to the user", p.Name, step.Notify.Name)
		}
	}
}
