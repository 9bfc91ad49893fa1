package main

import (
	"errors"
	"fmt"
	"net/url"
	"slices"

	"github.com/spf13/cobra"
)

func newReport() *cobra.Command {
	return group("report", "Reports for leads", newReportOf("weekly", "week", "2026-W47"), newReportOf("monthly", "month", "2026-11"), newReportOf("quarterly", "quarter", "2026-Q4"))
}

// newReportOf prints the report of a kind, which is about a period named like the example.
func newReportOf(kind, noun, example string) *cobra.Command {
	cmd := &cobra.Command{
		Use:   kind,
		Short: "Print the report of a " + noun + ": every promise, what was achieved, the budget left, what cost the most, incidents, what to change",
		Example: `  watchtower report ` + kind + ` --` + noun + ` ` + example + ` --team social --edition plain
  watchtower report ` + kind + ` --` + noun + ` ` + example + ` --format html > report.html`,
		Args: noArgs,
	}
	client := urlFlag(cmd)
	period := cmd.Flags().String(noun, "", noun+", as "+example+" (default: the last full one)")
	team := cmd.Flags().String("team", "", "this team alone (default: all)")
	edition := cmd.Flags().String("edition", "leads", "leads: figures and tables; plain: sentences for everybody else")
	formats := []string{"md", "html", "json", "csv", "slack"}
	format := cmd.Flags().String("format", "md", "of the edition for leads: md, html (a page that stands alone), json, csv, or slack (the message, as its API takes it)")
	_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp))
	_ = cmd.RegisterFlagCompletionFunc("edition", cobra.FixedCompletions([]string{"leads", "plain"}, cobra.ShellCompDirectiveNoFileComp))
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		query := url.Values{noun: {*period}, "team": {*team}, "edition": {*edition}}
		switch {
		case !slices.Contains(formats, *format):
			return fmt.Errorf("--format %q: use md, html, json, csv or slack", *format)
		case *edition != "plain":
			query.Set("format", *format)
		case cmd.Flags().Changed("format"):
			return errors.New("--edition plain is text: leave --format out")
		}
		body, err := client().get(cmd.Context(), "/api/watchtower/v1/reports/"+kind+"?"+query.Encode())
		if err != nil {
			return err
		}
		_, err = cmd.OutOrStdout().Write(body)
		return err
	}
	return cmd
}
