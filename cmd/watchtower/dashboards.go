package main

import (
	"fmt"
	"path/filepath"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/dashboards/grafana"
	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/rules"
)

func newDashboards() *cobra.Command {
	return group("dashboards", "Grafana dashboards from your objectives", newDashboardsBuild(), newDashboardsDiff(), newDashboardsPush())
}

func newDashboardsBuild() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "build",
		Short: "Write the dashboards as JSON files that Grafana provisions as they are",
		Long: `Writes the dashboards of your objectives, and those that the files of dashboards.extra
describe, each to a file of its own. The files are the same from run to run while the
objectives are, so they can be committed and compared.

With --provisioning the files that make Grafana read them are written as well: name
Grafana's own folder of that name, such as /etc/grafana/provisioning. One says where the
dashboards are, the other makes data sources that point at web.external_url.

With --schema v2 each file is a resource of dashboard.grafana.app/v2beta1, for tools that
put resources into Grafana 12 and later, such as grafanactl.`,
		Example: `  watchtower dashboards build --out /var/lib/grafana/dashboards/watchtower
  watchtower dashboards build --out /var/lib/grafana/dashboards/watchtower --provisioning /etc/grafana/provisioning`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	out := cmd.Flags().String("out", "", "folder to write to (default: dashboards.out of the configuration)")
	provisioning := cmd.Flags().String("provisioning", "", "write Grafana's provisioning files below this folder, too")
	seen := cmd.Flags().String("seen-at", "", "where Grafana sees --out, if it runs in a container or elsewhere (default: --out)")
	schema := cmd.Flags().String("schema", "v1", "format of the files: v1, the classic one, or v2 for Grafana 12 and later")
	cmd.MarkFlagsMutuallyExclusive("schema", "provisioning") // which reads the classic format
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *schema != "v1" && *schema != "v2" {
			return fmt.Errorf("--schema %q: write v1 or v2", *schema)
		}
		cfg, in, err := dashboardInput(cmd, *file)
		if err != nil {
			return err
		}
		dir := *out
		if dir == "" {
			dir = cfg.Dashboards.Out
		}
		written, err := dashboards.WriteEach(dir, dashboards.Each(in, func(d dashboards.Dashboard) (dashboards.Dashboard, error) {
			if err := dashboards.Lint(d); err != nil {
				return d, fmt.Errorf("a generated dashboard would not be shown as it is meant, and nothing was written: %w", err)
			}
			if *schema == "v2" {
				return dashboards.V2(d)
			}
			return d, nil
		}))
		if err != nil {
			return err
		}
		for _, d := range written {
			fmt.Fprintf(cmd.OutOrStdout(), "%s  %s\n", filepath.Join(dir, d.File), d.Title)
		}
		if *provisioning == "" {
			return nil
		}
		if *seen == "" {
			*seen = dir
		}
		return provision(cmd, cfg, *seen, *provisioning)
	}
	return cmd
}

// provision writes the files that make Grafana read the dashboards of dir.
func provision(cmd *cobra.Command, cfg config.Config, dir, to string) error {
	// Grafana's working folder is not ours.
	absolute, err := filepath.Abs(dir)
	if err != nil {
		return fmt.Errorf("write Grafana's provisioning: %w", err)
	}
	written, err := grafana.WriteProvisioning(to, grafana.Provisioning{
		Folder: cfg.Dashboards.Grafana.Folder, Dashboards: absolute, DataSources: dataSources(cfg),
	})
	for _, name := range written {
		fmt.Fprintln(cmd.OutOrStdout(), name)
	}
	return err
}

// dataSources point at this Watchtower.
func dataSources(cfg config.Config) []grafana.DataSource {
	return grafana.DataSources(cfg.Web.ExternalURL, sampleInterval(cfg))
}

// sampleInterval is the longest time between two samples of a series: that of the
// slowest scrape, and 0, the default, where nothing is scraped.
func sampleInterval(cfg config.Config) time.Duration {
	var intervals []time.Duration
	for _, job := range cfg.Collectors.ScrapeConfigs {
		interval := time.Duration(job.ScrapeInterval)
		if interval == 0 {
			interval = time.Duration(cfg.Collectors.Global.ScrapeInterval)
		}
		intervals = append(intervals, interval)
	}
	if len(intervals) == 0 {
		return 0
	}
	return slices.Max(intervals)
}

// dashboardInput reads what the dashboards of a configuration are generated from.
func dashboardInput(cmd *cobra.Command, file string) (config.Config, dashboards.Input, error) {
	cfg, err := config.Load(configPath(file))
	if err != nil {
		return config.Config{}, dashboards.Input{}, err
	}
	objectives, err := rules.ReadObjectives(cfg.Rules.Objectives, "")
	if err != nil {
		return config.Config{}, dashboards.Input{}, err
	}
	extras, err := dashboards.ReadExtras(cfg.Dashboards.Extra)
	if err != nil {
		return config.Config{}, dashboards.Input{}, err
	}
	lib, err := library(cmd, file)
	if err != nil {
		return config.Config{}, dashboards.Input{}, err
	}
	return cfg, cfg.DashboardInput(objectives, extras, lib), nil
}

// generate makes the dashboards of a configuration.
func generate(cmd *cobra.Command, file string) (config.Config, []dashboards.Dashboard, error) {
	cfg, in, err := dashboardInput(cmd, file)
	if err != nil {
		return config.Config{}, nil, err
	}
	boards, err := dashboards.Build(in)
	return cfg, boards, err
}
