package notifiers

import (
	"errors"
	"time"

	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// Config is the section notifiers of watchtower.yaml.
type Config struct {
	// Alertmanager is the path of an alertmanager.yml. Empty: one route, everything to Slack's default channel, and a
	// page mutes the ticket of the same service and slo.
	Alertmanager string `yaml:"alertmanager,omitempty"`
	// Alerting names outside Alertmanagers that get every alert too, in the syntax of Prometheus' section alerting.
	Alerting promconfig.AlertingConfig `yaml:"alerting,omitempty"`
	// OnCall is the path of the file that says who is on call: users, teams and schedules.
	OnCall string `yaml:"oncall,omitempty"`
	// Cluster says which other instances this one notifies together with.
	Cluster cluster.Config `yaml:"cluster,omitempty"`
	// Fallback names receivers of alertmanager.yml that are told what another receiver could not be told.
	Fallback []string `yaml:"fallback,omitempty"`
	// FallbackAfter is how long a receiver may fail in a way that may pass before they are told. Zero: for ever.
	FallbackAfter model.Duration `yaml:"fallback_after"`
	// Escalation names receivers of alertmanager.yml that escalation policies notify. It comes from the file OnCall.
	Escalation []string `yaml:"-"`
	// Slack says which Slack Watchtower itself is connected to.
	Slack slack.Config `yaml:"slack,omitempty"`
}

// DefaultConfig returns what holds when watchtower.yaml says nothing.
func DefaultConfig() Config {
	return Config{
		Cluster:       cluster.DefaultConfig(),
		FallbackAfter: model.Duration(5 * time.Minute),
		Slack:         slack.DefaultConfig(),
	}
}

// Validate returns every fault of the section, joined. It opens no file: Load does.
func (c Config) Validate() error {
	return errors.Join(c.Slack.Validate(), c.Cluster.Validate(), c.validateFallback(), validateAlerting(c.Alerting))
}
