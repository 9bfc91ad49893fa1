package config

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/oncall"
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
	// OnCall says who is on call, as far as files tell; nil if no file is named.
	OnCall *oncall.Roster
	// Extras are the panels of the users' own.
	Extras []dashboards.Extra
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
		if files.Alertmanager != nil {
			for _, fault := range leaves(cfg.Notifiers.CheckFallback(files.Alertmanager)) {
				faults = append(faults, cfg.where.fault("notifiers", fault))
			}
		}
		files.OnCall, err = cfg.onCall(time.Now())
		faults = append(faults, err, files.escalation())
		_, err = cfg.Slack()
		faults = append(faults, err)
	}
	if !cfg.broken["dashboards"] {
		files.Extras, err = dashboards.ReadExtras(cfg.Dashboards.Extra)
		note("dashboards.extra", err)
		if err != nil {
			files.Extras = nil // What is told with its line is not told once more by what is drawn of it.
		}
	}
	if !cfg.broken["selfwatch"] {
		if _, err := cfg.SelfWatch.Heartbeat.ReadURL(); err != nil && cfg.SelfWatch.Heartbeat.URLFile != "" {
			faults = append(faults, cfg.where.fault("selfwatch", fmt.Errorf("selfwatch.heartbeat.url_file: %w", err)))
		}
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
