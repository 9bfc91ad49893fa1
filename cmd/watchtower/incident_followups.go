package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/followups"
)

func newIncidentFollowUps() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "followups FILE",
		Short: "Make issues of the follow-ups of a post-mortem",
		Long: `Makes an issue, or a card, of every open item of the checklist below "Follow-ups" in a
post-mortem, and writes its link behind the item. Items with a link are left alone, so the
command can be run again after an error, or after somebody has added an item.

Secrets come from the environment: GITHUB_TOKEN; TRELLO_KEY and TRELLO_TOKEN; JIRA_TOKEN,
with JIRA_EMAIL for Jira Cloud. Without a target the items are listed and nothing is made.`,
		Example: `  watchtower incident followups postmortems/42-share.md
  watchtower incident followups postmortems/42-share.md --github owner/repository
  watchtower incident followups postmortems/42-share.md --trello 5abbe4b7ddc1b351ef961414
  watchtower incident followups postmortems/42-share.md --jira OPS --api-url https://example.atlassian.net`,
		Args: cobra.ExactArgs(1),
	}
	var t trackerFlags
	cmd.Flags().StringVar(&t.github, "github", "", "make issues of this repository, owner/name")
	cmd.Flags().StringVar(&t.trello, "trello", "", "make cards on the list with this ID")
	cmd.Flags().StringVar(&t.jira, "jira", "", "make tasks of the project with this key")
	cmd.Flags().StringVar(&t.api, "api-url", "", "address of the service (default: GitHub's and Trello's own; Jira has none)")
	cmd.MarkFlagsMutuallyExclusive("github", "trello", "jira")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		track, err := t.tracker()
		if err != nil {
			return err
		}
		return exportFollowUps(cmd.Context(), cmd.OutOrStdout(), args[0], track)
	}
	return cmd
}

// trackerFlags say where issues are made.
type trackerFlags struct{ github, trello, jira, api string }

// tracker is nil where none is named.
func (t trackerFlags) tracker() (followups.Tracker, error) {
	switch {
	case t.github != "":
		return followups.GitHub(t.api, t.github, os.Getenv("GITHUB_TOKEN"))
	case t.trello != "":
		return followups.Trello(t.api, t.trello, os.Getenv("TRELLO_KEY"), os.Getenv("TRELLO_TOKEN"))
	case t.jira != "":
		return followups.Jira(t.api, t.jira, os.Getenv("JIRA_EMAIL"), os.Getenv("JIRA_TOKEN"))
	case t.api != "":
		return nil, errors.New("--api-url: say whose address it is with --github, --trello or --jira")
	}
	return nil, nil //nolint:nilnil // No tracker is an answer: the items are listed.
}

func exportFollowUps(ctx context.Context, out io.Writer, path string, track followups.Tracker) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read the post-mortem: %w", err)
	}
	items := followups.Items(string(text))
	if len(items) == 0 {
		fmt.Fprintf(out, "%s has no open follow-up without a link.\n", path)
		return nil
	}
	if track == nil {
		for _, title := range items {
			fmt.Fprintf(out, "- %s\n", title)
		}
		fmt.Fprintln(out, "\nNothing was made: name a target with --github, --trello or --jira.")
		return nil
	}
	made, err := followups.Export(ctx, string(text), track, func(s string) error { return replace(path, s) })
	for i, m := range made {
		fmt.Fprintf(out, "%s  %s\n", m.URL, items[i])
	}
	return err
}

// replace writes a file anew, whole or not at all, with the rights it had.
func replace(path, text string) error {
	info, err := os.Stat(path)
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.WriteString(text)
	if err := errors.Join(err, f.Chmod(info.Mode().Perm()), f.Close()); err != nil {
		return err
	}
	return os.Rename(f.Name(), path)
}
