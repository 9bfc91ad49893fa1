package config

import (
	"errors"
	"fmt"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

const checkDashboards = "dashboards"

// DashboardInput is what the dashboards of an instance are generated from.
func (c Config) DashboardInput(objectives []rules.Objective, extras []dashboards.Extra, library *playbooks.Library) dashboards.Input {
	return dashboards.Input{
		Objectives: objectives, Extras: extras, ExternalURL: c.Web.ExternalURL,
		Playbook: func(labels map[string]string) (string, bool) {
			p, ok := library.Match(labels)
			return p.ID, ok
		},
	}
}

// dashboards adds what keeps generated dashboards from being shown, and a token for
// Grafana that cannot be read.
func (c *checker) dashboards(files Files) {
	if !files.Config.broken["dashboards"] {
		_, err := files.Config.GrafanaToken()
		c.faults(checkConfig, err)
	}
	built, err := dashboards.Build(files.Config.DashboardInput(files.Objectives, files.Extras, files.Playbooks))
	if err == nil {
		err = errors.Join(dashboards.LintAll(built), dashboards.CheckFormat(built))
	}
	for _, fault := range leaves(err) {
		c.findings = append(c.findings, lint.Finding{Severity: lint.Fault, Check: checkDashboards, Sentence: fmt.Sprint(fault)})
	}
}
