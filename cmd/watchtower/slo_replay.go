package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

// runningSpec names the objectives that a server runs, in place of a file.
const runningSpec = "running"

// defaultReplay is how long a time is replayed when nothing is said.
const defaultReplay = 30 * 24 * time.Hour

func newSLOReplay() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "replay [ID...]",
		Short: "Say which alerts objectives would have sent over the past, and how soon",
		Long: `Replay runs objectives over a history, with a virtual clock through the engine that
watches the present: each alert it would have sent, how long after the burn began,
pages a week, and the budget at the end.

The history is that of a running server, or a TSDB directory (--tsdb; its server may
run), or a file (--file): OpenMetrics or Prometheus text with timestamps, or a CSV of
one objective's counts with the columns time, bad and total (or time, good and total;
or time, cumulative_bad and cumulative_total). Files may be compressed with gzip.

--compare A B says what differs between two specs, or between a spec and the
objectives that a server runs: --compare new.yaml running.`,
		Example: `  watchtower slo replay --from -30d
  watchtower slo replay --spec slos/share.yaml --tsdb data/metrics --from 2026-10-01 --to 2026-11-01
  watchtower slo replay --spec slos/share.yaml --file october.csv
  watchtower slo replay share-requests --compare slos/share.yaml running --from -30d`,
	}
	var c replayCommand
	flags := cmd.Flags()
	flags.StringVar(&c.from, "from", "", "first moment in which alerts are sent: 2026-10-01, 2026-10-01T09:00:00Z or -30d (default: 30 days before --to; the beginning of a file)")
	flags.StringVar(&c.to, "to", "", "last moment (default: now; the end of a file)")
	flags.StringVar(&c.spec, "spec", "", "file with the objectives (default: those that the server runs)")
	flags.StringVar(&c.tsdb, "tsdb", "", "directory of a TSDB to replay, such as data/metrics")
	flags.StringVar(&c.file, "file", "", "OpenMetrics, Prometheus text or CSV file to replay")
	flags.StringVar(&c.compare, "compare", "", "two spec files A and B, or \"running\", of which to say what differs")
	flags.StringVar(&c.timezone, "timezone", "UTC", "time zone of what is shown, of dates, and of nights (22:00 to 07:00)")
	flags.BoolVar(&c.json, "json", false, "print JSON")
	server := urlFlag(cmd)
	cmd.MarkFlagsMutuallyExclusive("tsdb", "file", "url")
	cmd.MarkFlagsMutuallyExclusive("spec", "compare")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		c.server = server()
		return c.run(cmd.Context(), args, cmd.OutOrStdout())
	}
	return cmd
}

// replayCommand is one call of the command.
type replayCommand struct {
	from, to, spec, tsdb, file, compare, timezone string
	json                                          bool
	server                                        client
	zone                                          *time.Location
	history                                       history
}

// history is where the past is: a server, or a source in this process.
type history interface {
	// bounds are the times it reaches from and to, zero when it does not say.
	bounds() (first, last time.Time)
	run(ctx context.Context, ask web.ReplayRequest) (replay.Result, error)
	close() error
}

func (c *replayCommand) run(ctx context.Context, args []string, out io.Writer) (err error) {
	if c.zone, err = time.LoadLocation(c.timezone); err != nil {
		return fmt.Errorf("--timezone %q: %w (write it as Europe/Berlin)", c.timezone, err)
	}
	specs, ids, err := c.specs(args)
	if err != nil {
		return err
	}
	if c.history, err = c.open(); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.history.close()) }()
	ask := web.ReplayRequest{Objectives: ids, Timezone: c.timezone}
	if ask.From, ask.To, err = c.times(time.Now()); err != nil {
		return err
	}
	var results []replay.Result
	for _, spec := range specs {
		ask.File, ask.Spec = "", ""
		if spec != runningSpec {
			ask.File = spec
			if ask.Spec, err = readSpec(spec); err != nil {
				return err
			}
		}
		result, err := c.history.run(ctx, ask)
		if err != nil {
			return err
		}
		results = append(results, result)
	}
	if len(results) == 1 {
		if c.json {
			return writeIndented(out, results[0])
		}
		return results[0].Write(out, c.zone)
	}
	diff := replay.Compare(results[0], results[1])
	diff.A, diff.B = specs[0], specs[1]
	if c.json {
		return writeIndented(out, diff)
	}
	return diff.Write(out, c.zone)
}

// readSpec reads the text of a spec, which must be without fault.
func readSpec(path string) (string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return "", fmt.Errorf("read the spec: %w", err)
	}
	_, err = rules.ParseObjectives(path, text)
	return string(text), err
}

// specs returns the specs to replay, one or two of them, and the IDs among the
// arguments.
func (c *replayCommand) specs(args []string) (specs, ids []string, err error) {
	switch {
	case c.compare != "":
		i := slices.IndexFunc(args, isSpec)
		if i < 0 {
			return nil, nil, fmt.Errorf("--compare %s: name a second spec to compare it with: --compare %s B.yaml, or %q for the objectives that the server runs", c.compare, c.compare, runningSpec)
		}
		specs, ids = []string{c.compare, args[i]}, slices.Delete(slices.Clone(args), i, i+1)
	default:
		specs, ids = []string{cmp.Or(c.spec, runningSpec)}, args
	}
	if slices.Contains(specs, runningSpec) && (c.tsdb != "" || c.file != "") {
		return nil, nil, errors.New("name the objectives to replay with --spec FILE: only a server knows those that run")
	}
	return specs, ids, nil
}

// isSpec tells a spec among IDs.
func isSpec(arg string) bool {
	if ext := filepath.Ext(arg); arg == runningSpec || ext == ".yaml" || ext == ".yml" {
		return true
	}
	_, err := os.Stat(arg)
	return err == nil
}

// open opens the history.
func (c *replayCommand) open() (history, error) {
	switch {
	case c.tsdb != "":
		d, err := replay.OpenTSDB(c.tsdb)
		if err != nil {
			return nil, err
		}
		return &localHistory{source: d, closer: d.Close}, nil
	case c.file != "":
		f, err := os.Open(c.file)
		if err != nil {
			return nil, err
		}
		defer func() { _ = f.Close() }() // It was only read.
		if strings.HasSuffix(strings.TrimSuffix(strings.ToLower(c.file), ".gz"), ".csv") {
			counts, err := replay.ReadCSV(c.file, f)
			if err != nil {
				return nil, err
			}
			h := &localHistory{source: counts, counts: counts}
			h.first, h.last = counts.Bounds()
			return h, nil
		}
		m, err := replay.ReadText(c.file, f)
		if err != nil {
			return nil, err
		}
		h := &localHistory{source: m}
		h.first, h.last = m.Bounds()
		return h, nil
	default:
		return remoteHistory{c.server}, nil
	}
}

// times reads --from and --to.
func (c *replayCommand) times(now time.Time) (from, to time.Time, err error) {
	first, last := c.history.bounds()
	if to, err = readMoment("to", c.to, now, c.zone); err != nil {
		return from, to, err
	}
	if to.IsZero() {
		to = last
	}
	if to.IsZero() {
		to = now
	}
	if from, err = readMoment("from", c.from, now, c.zone); err != nil {
		return from, to, err
	}
	if from.IsZero() {
		from = first
	}
	if from.IsZero() {
		from = to.Add(-defaultReplay)
	}
	return from, to, nil
}

// readMoment reads a time: RFC 3339, a date in zone, or relative to now. It is zero for
// "".
func readMoment(flag, text string, now time.Time, zone *time.Location) (time.Time, error) {
	switch {
	case text == "":
		return time.Time{}, nil
	case text == "now":
		return now, nil
	case strings.HasPrefix(text, "-"):
		if d, err := model.ParseDuration(text[1:]); err == nil {
			return now.Add(-time.Duration(d)), nil
		}
	default:
		for _, layout := range []string{time.RFC3339, "2006-01-02T15:04", "2006-01-02 15:04", time.DateOnly} {
			if t, err := time.ParseInLocation(layout, text, zone); err == nil {
				return t, nil
			}
		}
	}
	return time.Time{}, fmt.Errorf("--%s %q is no time: write 2026-10-01, 2026-10-01T09:00:00Z, -30d or now", flag, text)
}

// localHistory is replayed in this process.
type localHistory struct {
	source replay.Source
	// counts is set for a CSV.
	counts      *replay.Counts
	first, last time.Time
	closer      func() error
}

func (h *localHistory) bounds() (first, last time.Time) { return h.first, h.last }

func (h *localHistory) close() error {
	if h.closer == nil {
		return nil
	}
	return h.closer()
}

func (h *localHistory) run(ctx context.Context, ask web.ReplayRequest) (replay.Result, error) {
	objectives, err := rules.ParseObjectives(ask.File, []byte(ask.Spec))
	if err != nil {
		return replay.Result{}, err
	}
	if objectives, err = replay.Choose(objectives, ask.Objectives); err != nil {
		return replay.Result{}, fmt.Errorf("%s: %w", ask.File, err)
	}
	if h.counts != nil {
		if len(objectives) != 1 {
			return replay.Result{}, fmt.Errorf("a CSV holds the counts of one objective, and %s has %d: name the ID of one", ask.File, len(objectives))
		}
		if objectives[0], err = h.counts.For(objectives[0]); err != nil {
			return replay.Result{}, err
		}
	}
	zone, err := time.LoadLocation(ask.Timezone)
	if err != nil {
		return replay.Result{}, err
	}
	return replay.Run(ctx, replay.Plan{Objectives: objectives, Source: h.source, From: ask.From, To: ask.To, Zone: zone})
}

// remoteHistory is replayed by a server.
type remoteHistory struct{ server client }

func (h remoteHistory) bounds() (first, last time.Time) { return first, last }
func (h remoteHistory) close() error                    { return nil }

func (h remoteHistory) run(ctx context.Context, ask web.ReplayRequest) (replay.Result, error) {
	var result replay.Result
	body, err := json.Marshal(ask)
	if err != nil {
		return result, err
	}
	const path = "/api/watchtower/v1/replay"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, h.server.url+path, bytes.NewReader(body))
	if err != nil {
		return result, fmt.Errorf("--url %s: %w", h.server.url, err)
	}
	req.Header.Set("Content-Type", "application/json")
	// The server ends what takes too long.
	resp, err := (&http.Client{Timeout: 5 * time.Minute}).Do(req)
	if err != nil {
		return result, fmt.Errorf("ask the server at %s: %w (is `watchtower serve` running there? name another address with --url, or a history with --tsdb or --file)", h.server.url, err)
	}
	defer func() { _ = resp.Body.Close() }() // It was only read.
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		return result, fmt.Errorf("read the answer of %s: %w", h.server.url, err)
	}
	if resp.StatusCode != http.StatusOK {
		return result, fmt.Errorf("%s answered %s: %s", h.server.url+path, resp.Status, sentence(answer))
	}
	if err := json.Unmarshal(answer, &result); err != nil {
		return result, fmt.Errorf("%s did not answer with the expected JSON: %w (is it a Watchtower?)", h.server.url+path, err)
	}
	return result, nil
}
