package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/app"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

func newIncident() *cobra.Command {
	return group("incident", "See what broke, who did what about it, and what it cost", newIncidentList(), newIncidentShow(), newIncidentPostmortem(), newIncidentFollowUps())
}

func newIncidentList() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List incidents, the newest first, and how long they took",
		Example: `  watchtower incident list --open
  watchtower incident list --service share --since 28d
  watchtower incident list --json`,
		Args: noArgs,
	}
	server := urlFlag(cmd)
	open := cmd.Flags().Bool("open", false, "those that are not resolved alone")
	service := cmd.Flags().String("service", "", "those of this service alone")
	since := cmd.Flags().String("since", "", "those that were open at some time since then: 28d, 2026-11-02T09:00:00Z (default: all)")
	limit := cmd.Flags().Int("limit", 50, "how many at most")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		q := url.Values{"limit": {strconv.Itoa(*limit)}}
		for key, value := range map[string]string{"service": *service, "since": *since} {
			if value != "" {
				q.Set(key, value)
			}
		}
		if *open {
			q.Set("open", "true")
		}
		path := apiRoot + "incidents?" + q.Encode()
		if *asJSON {
			return printJSON(cmd.Context(), cmd.OutOrStdout(), server(), path)
		}
		var got app.Incidents
		if err := server().getJSON(cmd.Context(), path, &got); err != nil {
			return err
		}
		return printIncidents(cmd.OutOrStdout(), got, time.Now())
	}
	return cmd
}

// printJSON prints what a server answers, indented.
func printJSON(ctx context.Context, out io.Writer, c client, path string) error {
	var answer json.RawMessage
	if err := c.getJSON(ctx, path, &answer); err != nil {
		return err
	}
	return writeIndented(out, answer)
}

func printIncidents(out io.Writer, got app.Incidents, now time.Time) error {
	if len(got.Incidents) == 0 {
		fmt.Fprintln(out, "No incidents.")
		return nil
	}
	err := table(out, false, func(w io.Writer) any {
		fmt.Fprintln(w, "NUMBER\tSTATE\tSEVERITY\tSERVICE\tSINCE\tFOR\tOWNER\tTITLE")
		for i := range got.Incidents {
			in := &got.Incidents[i]
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n", in.Number, in.State, orDash(in.Severity), orDash(in.Service),
				in.OpenedAt.UTC().Format(incidentLayout), lasted(in, now), orDash(in.Owner), in.Title)
		}
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	return table(out, false, func(w io.Writer) any {
		fmt.Fprintln(w, "SERVICE\tINCIDENTS\tACKNOWLEDGED AFTER\tRESOLVED AFTER")
		for _, t := range append(got.Services, got.Times) {
			name := t.Service
			if name == "" {
				name = "all"
			}
			fmt.Fprintf(w, "%s\t%d\t%s\t%s\n", name, t.Incidents, meanOf(t.MTTA, t.Acknowledged), meanOf(t.MTTR, t.Resolved))
		}
		return nil
	})
}

const incidentLayout = "2006-01-02 15:04:05 UTC"

// lasted is how long an incident took, or takes by now.
func lasted(in *incidents.Incident, now time.Time) string {
	if in.ResolvedAt.IsZero() {
		return roundly(now.Sub(in.OpenedAt))
	}
	return roundly(in.ResolvedAt.Sub(in.OpenedAt))
}

// meanOf is a mean in seconds over n incidents.
func meanOf(seconds *float64, n int) string {
	if seconds == nil {
		return "–"
	}
	return fmt.Sprintf("%s (mean of %d)", roundly(time.Duration(*seconds*float64(time.Second))), n)
}

// roundly writes a duration to the second, or the minute where it takes hours.
func roundly(d time.Duration) string {
	d = max(0, d)
	switch {
	case d < time.Minute:
		return d.Round(time.Second).String()
	case d < time.Hour:
		d = d.Round(time.Second)
		return fmt.Sprintf("%dm%02ds", int(d.Minutes()), int(d.Seconds())%60)
	case d < 48*time.Hour:
		d = d.Round(time.Minute)
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%dd%dh", int(d.Hours())/24, int(d.Hours())%24)
}

func orDash(s string) string {
	if s == "" {
		return "–"
	}
	return s
}

func newIncidentShow() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "show ID|NUMBER",
		Short: "Show an incident and everything that happened",
		Example: `  watchtower incident show 12
  watchtower incident show 12 --json`,
		Args: cobra.ExactArgs(1),
	}
	server := urlFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := apiRoot + "incidents/" + url.PathEscape(strings.TrimPrefix(args[0], "#"))
		if *asJSON {
			return printJSON(cmd.Context(), cmd.OutOrStdout(), server(), path)
		}
		var in incidents.Incident
		if err := server().getJSON(cmd.Context(), path, &in); err != nil {
			return err
		}
		return printIncident(cmd.OutOrStdout(), &in, time.Now())
	}
	return cmd
}

func printIncident(out io.Writer, in *incidents.Incident, now time.Time) error {
	fmt.Fprintf(out, "Incident %d: %s\n\n", in.Number, in.Title)
	err := table(out, false, func(w io.Writer) any {
		line := func(name, value string) {
			if value != "" {
				fmt.Fprintf(w, "%s\t%s\n", name, value)
			}
		}
		line("State", string(in.State))
		line("Owner", in.Owner)
		line("Severity", in.Severity)
		line("Service", in.Service)
		line("Team", in.Team)
		line("Opened", in.OpenedAt.UTC().Format(incidentLayout))
		if !in.AcknowledgedAt.IsZero() {
			line("Acknowledged", fmt.Sprintf("%s, after %s", in.AcknowledgedAt.UTC().Format(incidentLayout), roundly(in.AcknowledgedAt.Sub(in.OpenedAt))))
		}
		if !in.ResolvedAt.IsZero() {
			line("Resolved", fmt.Sprintf("%s, after %s", in.ResolvedAt.UTC().Format(incidentLayout), lasted(in, now)))
		} else {
			line("Alerts", fmt.Sprintf("%d of %d fire, for %s", in.Firing, in.Alerts, lasted(in, now)))
		}
		for _, role := range slices.Sorted(maps.Keys(in.Roles)) {
			line(role, in.Roles[role])
		}
		line("Playbook", in.Playbook)
		for _, i := range in.Impact {
			line("Cost", impactWords(i))
		}
		line("ID", in.ID)
		return nil
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out)
	return table(out, false, func(w io.Writer) any {
		for _, e := range in.Events {
			words := oneLineOf(e.Text)
			if e.By != "" {
				words = strings.TrimSuffix(e.By+": "+words, ": ")
			}
			fmt.Fprintf(w, "%s\t%s\t%s\n", e.At.UTC().Format(incidentLayout), eventWords(e), words)
		}
		return nil
	})
}

func impactWords(i incidents.Impact) string {
	return fmt.Sprintf("%s: %d of %d failed, %.1f%% of the error budget", i.Objective, i.Bad, i.Total, 100*i.Spent)
}

// eventWords names what happened.
func eventWords(e incidents.Event) string {
	switch e.Kind {
	case incidents.Fired:
		return "alert fires"
	case incidents.Ended:
		return "alert ends"
	default:
		return strings.ReplaceAll(string(e.Kind), "_", " ")
	}
}

func oneLineOf(s string) string { return strings.Join(strings.Fields(s), " ") }
