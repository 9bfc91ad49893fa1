package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

func newIncidentPostmortem() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "postmortem ID|NUMBER",
		Short: "Write what happened as a document to discuss: cost, timeline, playbook, follow-ups",
		Long: `Writes Markdown: a summary, what it cost, the timeline, what the playbook said and which
steps were done, where it failed, notes, follow-ups and roles. With --out the burn chart is
written beside the document; without, the document links the chart that the server draws.
A document that is there already is kept, since people have written into it: --force
writes over it.`,
		Example: `  watchtower incident postmortem 12
  watchtower incident postmortem 12 --out postmortems/2026-11-19-share.md`,
		Args: cobra.ExactArgs(1),
	}
	server := urlFlag(cmd)
	out := cmd.Flags().String("out", "", "file to write (default: the terminal)")
	force := cmd.Flags().Bool("force", false, "write over the file of --out")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		path := apiRoot + "incidents/" + url.PathEscape(strings.TrimPrefix(args[0], "#"))
		if *out == "" {
			text, err := server().get(cmd.Context(), path+"/postmortem?format=md")
			if err != nil {
				return err
			}
			_, err = cmd.OutOrStdout().Write(text)
			return err
		}
		written, err := savePostmortem(cmd.Context(), server(), path, target{*out, *force})
		if err != nil {
			return err
		}
		fmt.Fprintf(cmd.OutOrStdout(), "Wrote %s.\n", strings.Join(written, " and "))
		return nil
	}
	return cmd
}

// target is a file to write.
type target struct {
	path  string
	force bool
}

// savePostmortem writes a document and its picture, and returns the files written.
func savePostmortem(ctx context.Context, c client, path string, to target) ([]string, error) {
	if _, err := os.Stat(to.path); err == nil && !to.force {
		return nil, to.taken()
	}
	var in incidents.Incident
	if err := c.getJSON(ctx, path, &in); err != nil {
		return nil, err
	}
	picture := fmt.Sprintf("incident-%d-burn.png", in.Number)
	text, err := c.get(ctx, path+"/postmortem?format=md&picture="+picture)
	if err != nil {
		return nil, err
	}
	written := []string{to.path}
	if bytes.Contains(text, []byte("]("+picture+")")) {
		png, err := c.get(ctx, path+"/burn.png")
		if err != nil {
			return nil, err
		}
		beside := filepath.Join(filepath.Dir(to.path), picture)
		if err := os.WriteFile(beside, png, 0o644); err != nil { //nolint:gosec // It is to be shared.
			return nil, fmt.Errorf("write the burn chart: %w", err)
		}
		written = append(written, beside)
	}
	return written, to.write(text)
}

// write writes the file, and over another one if it is forced to alone.
func (t target) write(text []byte) error {
	mode := os.O_CREATE | os.O_WRONLY | os.O_EXCL
	if t.force {
		mode = os.O_CREATE | os.O_WRONLY | os.O_TRUNC
	}
	f, err := os.OpenFile(t.path, mode, 0o644) //nolint:gosec // It is to be shared.
	if errors.Is(err, fs.ErrExist) {
		return t.taken()
	}
	if err != nil {
		return fmt.Errorf("write the post-mortem: %w", err)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func (t target) taken() error {
	return fmt.Errorf("--out %s: it is there already, and somebody may have written into it; name another file, or write over it with --force", t.path)
}
