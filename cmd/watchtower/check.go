package main

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

func newCheck() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "check",
		Short: "Check every file and every cross reference; exit 1 and file:line on a fault",
		Long: `Reads watchtower.yaml and every file it names (objectives, Prometheus rules,
alertmanager.yml, playbooks) and tells every fault at once, and what works but not as
well as it could. An objective that pages needs an owner, a playbook and a route that
leads to a receiver; a Prometheus rule that pages needs a playbook. A playbook needs
links that lead somewhere, queries that PromQL can read, and a review once a year.

With --url a server is asked as well, Watchtower or Prometheus: whether the selectors
match anything there, whether latency thresholds are bounds of the histograms, and
whether there is traffic enough for the alerts. Only faults end in status 1.
docs/check.md lists all checks.`,
		Example: `  watchtower check
  watchtower check --config /etc/watchtower/watchtower.yaml --url http://127.0.0.1:9911
  watchtower check --spec 'slos/*.yaml' --json       # objectives alone, in another repository`,
		Args: noArgs,
	}
	file := configFlag(cmd)
	specs := cmd.Flags().StringArray("spec", nil, "check these objective files alone, without a configuration (a pattern; may be repeated)")
	url := cmd.Flags().String("url", "", "ask this server, Watchtower or Prometheus, about what is stored")
	asJSON := cmd.Flags().Bool("json", false, "print the findings as JSON")
	cmd.MarkFlagsMutuallyExclusive("config", "spec")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		options := config.CheckOptions{Now: time.Now()}
		if *url != "" {
			options.Server = lint.NewAPI(*url, &http.Client{Timeout: 60 * time.Second})
		}
		var result config.Result
		if len(*specs) > 0 {
			result = config.CheckSpecs(cmd.Context(), *specs, options)
		} else {
			result = config.Check(cmd.Context(), configPath(*file), options)
		}
		faults, warnings := lint.Count(result.Findings)
		var err error
		if *asJSON {
			if err = writeFindings(cmd.OutOrStdout(), result, faults, warnings); err != nil {
				return err
			}
		} else {
			for _, f := range result.Findings {
				fmt.Fprintln(cmd.ErrOrStderr(), f)
			}
		}
		out, last := cmd.OutOrStdout(), strings.TrimSuffix("OK: "+result.Summary+"; "+tally(0, warnings), "; ")
		if faults > 0 {
			out, last = cmd.ErrOrStderr(), tally(faults, warnings)+" in "+result.Summary
			err = errSilent
		}
		if !*asJSON {
			if result.Playbooks != nil {
				fmt.Fprintf(out, "playbooks: %s\n", result.Playbooks)
			}
			fmt.Fprintln(out, last)
		}
		return err
	}
	return cmd
}

// tally counts findings: "1 fault, 2 warnings".
func tally(faults, warnings int) string {
	var parts []string
	for _, n := range []struct {
		n   int
		one string
	}{{faults, "fault"}, {warnings, "warning"}} {
		switch n.n {
		case 0:
		case 1:
			parts = append(parts, "1 "+n.one)
		default:
			parts = append(parts, fmt.Sprintf("%d %ss", n.n, n.one))
		}
	}
	return strings.Join(parts, ", ")
}

// writeFindings writes what was found for machines.
func writeFindings(w io.Writer, result config.Result, faults, warnings int) error {
	findings := result.Findings
	if findings == nil {
		findings = []lint.Finding{} // A list, also when it is empty.
	}
	return writeIndented(w, struct {
		Objectives int              `json:"objectives"`
		Faults     int              `json:"faults"`
		Warnings   int              `json:"warnings"`
		Playbooks  *config.Coverage `json:"playbooks,omitempty"`
		Findings   []lint.Finding   `json:"findings"`
	}{result.Objectives, faults, warnings, result.Playbooks, findings})
}
