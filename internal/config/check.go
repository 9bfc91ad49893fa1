package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"

	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
)

// Files is a configuration with every file it names, read and found sound.
type Files struct {
	Config       Config
	Objectives   []rules.Objective
	Playbooks    *playbooks.Library
	Alertmanager *amconfig.Config
}

// Read loads the configuration at path and every file it names. It opens no port
// and changes nothing. The error joins every fault of all files.
//
// Playbooks are different: one that cannot be read must not keep the server from
// paging, so their faults are apart and the sound ones are returned.
func Read(path string) (files Files, playbookFaults, err error) {
	files.Config, err = Load(path)
	cfg := files.Config
	faults := []error{err}
	// A file that is not there is a fault of the line that names it.
	note := func(key string, err error) {
		for _, fault := range leaves(err) {
			if errors.Is(fault, fs.ErrNotExist) {
				fault = cfg.where.fault(key, fmt.Errorf("%s: %w", key, fault))
			}
			faults = append(faults, fault)
		}
	}
	if !cfg.broken["rules"] {
		files.Objectives, err = rules.ReadObjectives(cfg.Rules.Objectives, "")
		files.Objectives = cfg.Rules.Policy.Under(files.Objectives)
		note("rules.objectives", err)
		note("rules.prometheus", rules.CheckPromRules(cfg.Rules.Prometheus, ""))
	}
	if !cfg.broken["notifiers"] {
		files.Alertmanager, err = notifiers.Load(cfg.Notifiers.Alertmanager)
		note("notifiers.alertmanager", err)
		_, err = cfg.SlackToken()
		faults = append(faults, err)
	}
	files.Playbooks, err = playbooks.Load(cfg.PlaybookDirs())
	var missing []error
	for _, fault := range leaves(err) {
		if errors.Is(fault, fs.ErrNotExist) {
			fault = cfg.where.fault("playbooks", fault)
		}
		missing = append(missing, fault)
	}
	return files, errors.Join(missing...), errors.Join(faults...)
}

// Result is what `watchtower check` tells.
type Result struct {
	Faults   []error // each one "file:line: what is wrong and what to do"
	Warnings []error // what works, but not as well as it could
	Summary  string  // one line, when there is no fault
}

// Check reads everything and adds what only shows across files: who is paged, by
// which route, with which playbook.
func Check(path string, now time.Time) Result {
	files, playbookFaults, err := Read(path)
	result := Result{Faults: append(leaves(err), leaves(playbookFaults)...)}
	if files.Playbooks != nil {
		for _, o := range files.Objectives {
			result.Faults = append(result.Faults, paging(o, files)...)
		}
		result.Warnings = unreviewed(files, now)
	}
	if len(files.Objectives) == 0 && err == nil {
		result.Warnings = append(result.Warnings, fmt.Errorf("no objectives: %v match no file, so nothing will page (docs/objectives.md shows how to write one)", files.Config.Rules.Objectives))
	}
	if len(result.Faults) == 0 {
		result.Summary = fmt.Sprintf("OK: %d objectives, %d playbooks, %d receivers",
			len(files.Objectives), len(files.Playbooks.All()), len(files.Alertmanager.Receivers))
	}
	return result
}

// paging is what an objective lacks to wake somebody who can act.
func paging(o rules.Objective, files Files) []error {
	if o.Alert(rules.Page).Disabled {
		return nil
	}
	var faults []error
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Errorf("%s:%d: objective %s pages "+format, append([]any{o.File, o.Line, o.ID}, args...)...))
	}
	labels := alertLabels(o)
	if labels["team"] == "" {
		fault("but nobody owns it: add the label `team`")
	}
	if p, ok := files.Playbooks.Match(labels); !ok {
		fault("but no playbook matches it: write one whose `match` fits service=%s slo=%s, or set the label `playbook`", o.Service, o.SLO)
	} else if named := labels["playbook"]; named != "" && p.ID != named {
		fault("with the label playbook=%s, and there is no such playbook", named)
	}
	if files.Alertmanager != nil && len(notifiers.Receivers(files.Alertmanager, labels)) == 0 {
		fault("but its route in %s leads to no receiver that notifies anybody: add a *_configs entry to the receiver", files.Config.Notifiers.Alertmanager)
	}
	return faults
}

// alertLabels are what the page of an objective is routed and matched by. An
// annotation may name the playbook as a label does.
func alertLabels(o rules.Objective) map[string]string {
	labels := maps.Clone(o.AlertLabels(rules.Page))
	if id := o.Alert(rules.Page).Annotations["playbook"]; id != "" && labels["playbook"] == "" {
		labels["playbook"] = id
	}
	return labels
}

// reviewAge is how old a playbook's review may be before check says so.
const reviewAge = 365 * 24 * time.Hour

// unreviewed warns of the user's own playbooks that nobody read for a year.
func unreviewed(files Files, now time.Time) []error {
	var warnings []error
	for _, p := range files.Playbooks.All() {
		if !p.Builtin && now.Sub(p.Reviewed) > reviewAge {
			warnings = append(warnings, fmt.Errorf("%s: playbook %s was reviewed last on %s: read it again and set `reviewed`", p.Source, p.ID, p.Reviewed.Format(time.DateOnly)))
		}
	}
	return warnings
}
