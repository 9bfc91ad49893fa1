package main

import (
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/config"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check every file and every cross reference; exit 1 and file:line on a fault",
		Long: `Reads watchtower.yaml and every file it names (objectives, Prometheus rules,
alertmanager.yml, playbooks) and tells every fault at once. An objective that pages
needs an owner, a playbook and a route that leads to a receiver.`,
		Example: `  watchtower check
  watchtower check --config /etc/watchtower/watchtower.yaml`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		result := config.Check(configPath(*file), time.Now())
		for _, w := range result.Warnings {
			fmt.Fprintln(cmd.ErrOrStderr(), "warning:", w)
		}
		for _, f := range result.Faults {
			fmt.Fprintln(cmd.ErrOrStderr(), f)
		}
		if n := len(result.Faults); n > 0 {
			fmt.Fprintf(cmd.ErrOrStderr(), "%d fault(s)\n", n)
			return errSilent
		}
		fmt.Fprintln(cmd.OutOrStdout(), result.Summary)
		return nil
	}
	return cmd
}
