package main

import (
	"fmt"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/rules"
)

func newDashboards() *cobra.Command {
	return group("dashboards", "Grafana dashboards from your objectives", newDashboardsBuild())
}

func newDashboardsBuild() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the dashboards as JSON files that Grafana provisions as they are",
		Long: `Writes an overview, one dashboard for each service, and those that the files of
dashboards.extra describe. The files are the same from run to run while the objectives
are, so they can be committed and compared.`,
		Example: "  watchtower dashboards build --out /var/lib/grafana/dashboards/watchtower",
		Args:    noArgs,
	}
	file := configFlag(cmd)
	out := cmd.Flags().String("out", "", "folder to write to (default: dashboards.out of the configuration)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		cfg, err := config.Load(configPath(*file))
		if err != nil {
			return err
		}
		objectives, err := rules.ReadObjectives(cfg.Rules.Objectives, "")
		if err != nil {
			return err
		}
		extras, err := dashboards.ReadExtras(cfg.Dashboards.Extra)
		if err != nil {
			return err
		}
		lib, err := library(cmd, *file)
		if err != nil {
			return err
		}
		boards, err := dashboards.Build(dashboards.Input{
			Objectives: objectives, ExternalURL: cfg.Web.ExternalURL, Extras: extras,
			Playbook: func(labels map[string]string) (string, bool) {
				p, ok := lib.Match(labels)
				return p.ID, ok
			},
		})
		if err != nil {
			return fmt.Errorf("build dashboards: %w", err)
		}
		dir := *out
		if dir == "" {
			dir = cfg.Dashboards.Out
		}
		if err := dashboards.Write(dir, boards); err != nil {
			return fmt.Errorf("write dashboards: %w", err)
		}
		for _, d := range boards {
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", filepath.Join(dir, d.File), d.Title)
		}
		return nil
	}
	return cmd
}
