package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"
)

func newReport() *cobra.Command { return group("report", "Reports for leads", newReportWeekly()) }

func newReportWeekly() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "weekly",
		Short: "Print the report of a week: every objective, its target, what was achieved, the budget left, the worst hour",
		Example: `  watchtower report weekly                      # the last full week
  watchtower report weekly --week 2026-W47 --team social --edition plain
  watchtower report weekly --week 2026-W47 --format csv > week.csv`,
		Args: noArgs,
	}
	client := urlFlag(cmd)
	week := cmd.Flags().String("week", "", "ISO week, as 2026-W47 (default: the last full week)")
	team := cmd.Flags().String("team", "", "this team alone (default: all)")
	edition := cmd.Flags().String("edition", "leads", "leads: figures and tables; plain: sentences for everybody else")
	formats := []string{"md", "json", "csv"}
	format := cmd.Flags().String("format", "md", "of the edition for leads: md, json or csv")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("edition", cobra.FixedCompletions([]string{"leads", "plain"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{"week": {*week}, "team": {*team}, "edition": {*edition}}
		switch {
		case !slices.Contains(formats, *format):
			return fmt.Errorf("--format %q: use md, json or csv", *format)
		case *edition != "plain":
			query.Set("format", *format)
		case cmd.Flags().Changed("format"):
			return errors.New("--edition plain is text: leave --format out")
		}
		body, err := client().get(cmd.Context(), "/api/watchtower/v1/reports/weekly?"+query.Encode())
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(body)
		return err
	}
	return cmd
}
