package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/web"
)

const apiRoot = "/api/watchtower/v1/"

// correcting is what the flags of `slo correct` say.
type correcting struct {
	from, to, author, reason string
	list, asJSON             bool
	revoke                   int64
}

func newSLOCorrect() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "correct [ID]",
		Short: "Take maintenance or a wrong measurement out of an objective, list what was, or revoke it",
		Long: `Takes a stretch of time out of an objective: its events count neither as good nor
as bad, and no telemetry is expected in it, in every window, budget, alert and
report. What was measured is kept, figures are shown with and without it, and
--revoke makes the time count again. The time may lie ahead: planned maintenance.

Times are RFC 3339, "now", or relative to now: -2h, +30m, -1d12h.`,
		Example: `  watchtower slo correct share-requests --from -2h --to -1h --reason "load test" --author ana
  watchtower slo correct share-requests --from 2026-11-24T22:00:00+01:00 --to 2026-11-24T23:00:00+01:00 --reason "database upgrade" --author ana
  watchtower slo correct --list
  watchtower slo correct --revoke 3 --author ana`,
		Args: cobra.MaximumNArgs(1),
	}
	client := urlFlag(cmd)
	var c correcting
	cmd.Flags().StringVar(&c.from, "from", "", "beginning of the time")
	cmd.Flags().StringVar(&c.to, "to", "now", "end of the time")
	cmd.Flags().StringVar(&c.author, "author", "", "who decides it; needed, for those who read the figures later")
	cmd.Flags().StringVar(&c.reason, "reason", "", "why; needed, except with --revoke")
	cmd.Flags().BoolVar(&c.list, "list", false, "list corrections, those of one objective or all")
	cmd.Flags().Int64Var(&c.revoke, "revoke", 0, "number of a correction whose time shall count again")
	cmd.Flags().BoolVar(&c.asJSON, "json", false, "print the server's JSON")
	for _, alone := range []string{"list", "revoke"} {
		for _, other := range []string{"from", "to", "reason"} {
			cmd.MarkFlagsMutuallyExclusive(alone, other)
		}
	}
	cmd.MarkFlagsMutuallyExclusive("list", "revoke")
	cmd.MarkFlagsMutuallyExclusive("list", "author")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		ctx, out := cmd.Context(), cmd.OutOrStdout()
		switch {
		case c.list:
			return c.show(ctx, client(), args, out)
		case cmd.Flags().Changed("revoke"):
			return c.end(ctx, client(), args, out)
		default:
			return c.make(ctx, client(), args, out)
		}
	}
	return cmd
}

// make asks for a new correction.
func (c correcting) make(ctx context.Context, server client, args []string, out io.Writer) error {
	if len(args) == 0 {
		return errors.New("name the objective: watchtower slo correct ID --from … (watchtower slo status lists them)")
	}
	if c.from == "" || c.author == "" || c.reason == "" {
		return errors.New("give --from, --reason and --author: those who read the figures later need to know")
	}
	// Distances are from the end of this minute, since corrections have whole minutes.
	now := time.Now().Add(time.Minute - 1).Truncate(time.Minute)
	from, err := parseMoment(c.from, now)
	if err != nil {
		return fmt.Errorf("--from: %w", err)
	}
	to, err := parseMoment(c.to, now)
	if err != nil {
		return fmt.Errorf("--to: %w", err)
	}
	body, err := json.Marshal(map[string]any{"from": from, "to": to, "author": c.author, "reason": c.reason})
	if err != nil {
		return err
	}
	answer, err := server.send(ctx, http.MethodPost, apiRoot+"objectives/"+url.PathEscape(args[0])+"/corrections", body)
	if err != nil {
		return err
	}
	return c.say(out, answer, "is taken out of")
}

// end asks to revoke a correction.
func (c correcting) end(ctx context.Context, server client, args []string, out io.Writer) error {
	switch {
	case len(args) > 0:
		return fmt.Errorf("--revoke takes the number of a correction and no objective: leave out %q", args[0])
	case c.author == "":
		return errors.New("give --author: those who read the figures later need to know who revoked it")
	}
	answer, err := server.send(ctx, http.MethodDelete, apiRoot+"corrections/"+strconv.FormatInt(c.revoke, 10)+"?"+url.Values{"author": {c.author}}.Encode(), nil)
	if err != nil {
		return err
	}
	return c.say(out, answer, "counts again in")
}

// say prints the correction that the server answered with.
func (c correcting) say(out io.Writer, answer []byte, what string) error {
	if c.asJSON {
		return writeIndented(out, json.RawMessage(answer))
	}
	var done web.Correction
	if err := json.Unmarshal(answer, &done); err != nil {
		return fmt.Errorf("the server did not answer with a correction: %w", err)
	}
	_, err := fmt.Fprintf(out, "Correction %d: %s to %s %s %s.\n", done.ID, minute(done.From), minute(done.To), what, done.Objective)
	return err
}

// show prints the corrections of one objective or of all.
func (c correcting) show(ctx context.Context, server client, args []string, out io.Writer) error {
	path := apiRoot + "corrections"
	if len(args) == 1 {
		path = apiRoot + "objectives/" + url.PathEscape(args[0]) + "/corrections"
	}
	var answer json.RawMessage
	if err := server.getJSON(ctx, path, &answer); err != nil {
		return err
	}
	if c.asJSON {
		return writeIndented(out, answer)
	}
	var all struct {
		Corrections []web.Correction `json:"corrections"`
	}
	if err := json.Unmarshal(answer, &all); err != nil {
		return fmt.Errorf("the server did not answer with corrections: %w", err)
	}
	if len(all.Corrections) == 0 {
		_, err := fmt.Fprintln(out, "Nothing was corrected.")
		return err
	}
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	fmt.Fprintln(w, "NO.\tOBJECTIVE\tFROM\tTO\tSTATE\tAUTHOR\tREASON")
	for _, one := range all.Corrections {
		state := strings.ReplaceAll(one.State, "_", " ")
		if one.RevokedBy != "" {
			state += " by " + one.RevokedBy
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%s\n", one.ID, one.Objective, minute(one.From), minute(one.To), state, one.Author, one.Reason)
	}
	return w.Flush()
}

func minute(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// parseMoment reads a time: RFC 3339, "now", or a signed distance from now.
func parseMoment(s string, now time.Time) (time.Time, error) {
	s = strings.TrimSpace(s)
	if s == "now" {
		return now, nil
	}
	if s != "" && (s[0] == '-' || s[0] == '+') {
		d, err := model.ParseDuration(s[1:])
		if err != nil {
			return time.Time{}, fmt.Errorf("%q is no distance from now: write -2h, +30m or -1d12h", s)
		}
		if s[0] == '-' {
			d = -d
		}
		return now.Add(time.Duration(d)), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time: write 2026-11-24T22:00:00+01:00, now, or a distance such as -2h", s)
	}
	return t, nil
}
