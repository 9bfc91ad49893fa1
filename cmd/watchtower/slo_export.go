package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/export"
)

func newSLOExport() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "export --out DIR",
		Short: "Write the objectives as Prometheus rule files, with unit tests",
		Long: `Writes one file of recording and alerting rules for each objective, for
Prometheus 2.45 or later, Mimir, Thanos and VictoriaMetrics. With --tests a unit test
for promtool lies beside each, in the folder tests. The files are the same from run
to run while the objectives are, so they can be committed and compared. What PromQL
cannot express is said at the head of the file; docs/export.md tells the differences.`,
		Example: `  watchtower slo export --out rules --tests
  watchtower slo export --spec slos/share.yaml --scrape-interval 30s --out rules`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	specs := cmd.Flags().StringArray("spec", nil, "spec file or pattern to export instead of the configuration's objectives; may be given several times")
	out := cmd.Flags().String("out", "", "folder to write to")
	tests := cmd.Flags().Bool("tests", false, "write unit tests for promtool as well")
	skip := cmd.Flags().Bool("skip", false, "leave out what PromQL cannot express, instead of refusing all")
	every := cmd.Flags().String("scrape-interval", "", "how often samples arrive (default: collectors.global.scrape_interval of the configuration, else 15s)")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *out == "" {
			return errors.New("--out is missing: name the folder to write to")
		}
		opts := export.Options{Tests: *tests, Skip: *skip}
		if *every != "" {
			d, err := model.ParseDuration(*every)
			if err != nil || d == 0 {
				return fmt.Errorf("--scrape-interval %q is not a duration: write 15s or 1m", *every)
			}
			opts.ScrapeInterval = time.Duration(d)
		}
		objectives, err := exported(*file, *specs, &opts)
		if err != nil {
			return err
		}
		files, skipped, err := export.Build(objectives, opts)
		if err != nil {
			return fmt.Errorf("%w\n(--skip exports the others)", err)
		}
		for _, s := range skipped {
			fmt.Fprintln(cmd.ErrOrStderr(), "left out:", s)
		}
		return writeExport(cmd, *out, files)
	}
	return cmd
}

// exported reads the objectives, of the configuration unless specs are named, and
// takes from the configuration what was not said.
func exported(file string, specs []string, opts *export.Options) ([]rules.Objective, error) {
	if len(specs) > 0 {
		return rules.ReadObjectives(specs, "")
	}
	cfg, err := config.Load(configPath(file))
	if err != nil {
		return nil, err
	}
	opts.ExternalURL = cfg.Web.ExternalURL
	if opts.ScrapeInterval == 0 {
		opts.ScrapeInterval = time.Duration(cfg.Collectors.Global.ScrapeInterval)
	}
	return rules.ReadObjectives(cfg.Rules.Objectives, "")
}

// writeExport writes the files and says what they are and how to check them.
func writeExport(cmd *cobra.Command, dir string, files []export.File) error {
	w, tests := cmd.OutOrStdout(), false
	for _, f := range files {
		path := filepath.Join(dir, filepath.FromSlash(f.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("make folder: %w", err)
		}
		if err := os.WriteFile(path, f.Content, 0o644); err != nil { //nolint:gosec // Rules are read by another user's server.
			return fmt.Errorf("write rules: %w", err)
		}
		if f.Tests > 0 {
			tests = true
			fmt.Fprintf(w, "%s  %d tests\n", path, f.Tests)
			continue
		}
		fmt.Fprintf(w, "%s  %d rules\n", path, f.Rules)
	}
	if len(files) == 0 {
		fmt.Fprintln(w, "There are no objectives to export.")
		return nil
	}
	fmt.Fprintf(w, "\nCheck them:\n  promtool check rules %s\n", filepath.Join(dir, "*.yaml"))
	if tests {
		fmt.Fprintf(w, "  promtool test rules %s\n", filepath.Join(dir, "tests", "*.yaml"))
	}
	return nil
}
