package app

import (
	"errors"
	"fmt"
	"reflect"
	"time"

	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/internal/config"
)

// reloadOutcome is what the last reload did.
type reloadOutcome struct {
	at  time.Time
	err error
}

// Reload reads the configuration and all its files again. Everything is read and
// checked before anything changes; after an error what was running keeps running.
// Listening addresses, data_dir and the store need a restart, and it says so.
func (a *App) Reload() error {
	a.reloading.Lock()
	defer a.reloading.Unlock()
	err := a.reload()
	a.lastReload = reloadOutcome{at: time.Now(), err: err}
	if err != nil {
		a.logger.Error("configuration not reloaded, the running one stays", "err", err)
		return err
	}
	a.logger.Info("configuration reloaded", "file", a.options.ConfigFile)
	return nil
}

func (a *App) reload() error {
	files, playbookFaults, err := config.Read(a.options.ConfigFile)
	if err := errors.Join(err, playbookFaults); err != nil {
		return err
	}
	a.warnOfRestart(files.Config)
	// The collectors bind sockets and may fail still; they keep what runs when they do.
	if err := a.collectors.Reload(files.Config.Collectors); err != nil {
		return err
	}
	// What follows was checked above: it fails only if a file changed in between.
	a.current.Store(&files)
	a.expectIncidents(files.Objectives)
	a.drawAnew()
	return errors.Join(
		wrap("notifiers", a.pipeline.Apply(files.Config.Notifiers)),
		wrap("who is on call", a.reloadOnCall()),
		wrap("alerting", a.alerting.Reload(files.Config.Notifiers.Alerting)),
		wrap("prometheus rules", a.promRules.Reload(files.Config.Rules.Prometheus)),
		wrap("objectives", a.engine.Reload(files.Objectives)),
	)
}

// warnOfRestart names the keys that are in force as they were at the start, and
// stay so until the next one.
func (a *App) warnOfRestart(next config.Config) {
	old := a.opened
	for key, changed := range map[string]bool{
		"web":                                   !reflect.DeepEqual(old.Web, next.Web),
		"data_dir":                              old.DataDir != next.DataDir,
		"store":                                 old.Store != next.Store,
		"rules.evaluation_interval":             old.Rules.EvaluationInterval != next.Rules.EvaluationInterval,
		"notifiers.slack":                       !reflect.DeepEqual(old.Notifiers.Slack, next.Notifiers.Slack),
		"notifiers.oncall":                      old.Notifiers.OnCall != next.Notifiers.OnCall,
		"notifiers.cluster":                     !reflect.DeepEqual(old.Notifiers.Cluster, next.Notifiers.Cluster),
		"collectors.global.evaluation_interval": old.Collectors.Global.EvaluationInterval != next.Collectors.Global.EvaluationInterval,
		"collectors.global.external_labels":     !labels.Equal(old.Collectors.ExternalLabels(), next.Collectors.ExternalLabels()),
		"selfwatch":                             !reflect.DeepEqual(old.SelfWatch, next.SelfWatch),
		"reports.weekly":                        old.Reports.Weekly != next.Reports.Weekly,
		"reports.monthly":                       old.Reports.Monthly != next.Reports.Monthly,
		"reports.quarterly":                     old.Reports.Quarterly != next.Reports.Quarterly,
	} {
		if changed {
			a.logger.Warn("a changed key takes effect after a restart only", "key", key)
		}
	}
}

func wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("reload %s, a file of which changed while it was read (the other parts are reloaded; reload again): %w", what, err)
}
