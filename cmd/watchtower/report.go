package main

import (
	"fmt"
	"net/url"

	"github.com/spf13/cobra"
)

func newReport() *cobra.Command { return group("report", "Reports for leads", newReportWeekly()) }

func newReportWeekly() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "weekly",
		Short: "Print the report of a week: every objective, its target, what was achieved, the budget left, the worst hour",
		Example: `  watchtower report weekly                      # the last full week
  watchtower report weekly --week 2026-W47 --format json`,
		Args: noArgs,
	}
	client := urlFlag(cmd)
	week := cmd.Flags().String("week", "", "ISO week, as 2026-W47 (default: the last full week)")
	format := cmd.Flags().String("format", "md", "md or json")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions([]string{"md", "json"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		if *format != "md" && *format != "json" {
			return fmt.Errorf("--format %q: use md or json", *format)
		}
		query := url.Values{"week": {*week}, "format": {*format}}
		body, err := client().get(cmd.Context(), "/api/watchtower/v1/reports/weekly?"+query.Encode())
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(body)
		return err
	}
	return cmd
}
