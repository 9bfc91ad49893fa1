// Command watchtower watches the backend of an app: telemetry in, objectives kept
// current, pages with their playbooks out. See `watchtower --help`.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	_ "time/tzdata" // Reports name time zones; the machine may have no database of them.

	"github.com/spf13/cobra"
)

func main() { os.Exit(mainExit()) }

// mainExit runs the command line until it ends or the process is told to stop,
// and returns the exit status.
func mainExit() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	return run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// errSilent ends a command with status 1 after it has said all there is to say.
var errSilent = errors.New("")

// troubleError ends a command with status 2, where 1 has a meaning of its own, as
// with diff.
type troubleError struct{ error }

// Unwrap returns the fault itself.
func (e troubleError) Unwrap() error { return e.error }

// run executes one command line. Status 0: done. 1: a fault, named on stderr. 2: a
// fault of a command whose status 1 is an answer.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if !errors.Is(err, errSilent) {
		fmt.Fprintf(stderr, "watchtower: %v\n", err)
	}
	if _, trouble := errors.AsType[troubleError](err); trouble {
		return 2
	}
	return 1
}

// newRoot builds the command tree.
func newRoot() *cobra.Command {
	root := &cobra.Command{
		Use:   "watchtower",
		Short: "Watches the backend of an app: telemetry in, a page with its playbook out",
		Long: `Watchtower takes in metrics and traces, keeps your objectives and their error
budgets current to the second, and pages the right person in Slack with the
playbook attached. One binary; no other server is needed to start.`,
		Example: `  watchtower demo                         # see it work, with a backend that goes viral
  watchtower init my-watchtower           # a configuration to start from
  watchtower check --config my-watchtower/watchtower.yaml
  watchtower serve --config my-watchtower/watchtower.yaml`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          noArgs,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(
		newServe(), newDemo(), newInit(), newCheck(), newSLO(), newPlaybooks(), newPage(), newOnCall(), newIncident(),
		newDashboards(), newReport(), newVersion(),
	)
	return root
}

// noArgs refuses words that are no command, with cobra's suggestions.
func noArgs(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	hint := ""
	if like := cmd.SuggestionsFor(args[0]); len(like) > 0 {
		hint = fmt.Sprintf("; did you mean %q?", like[0])
	}
	return fmt.Errorf("unknown command %q for %q%s (see %s --help)", args[0], cmd.CommandPath(), hint, cmd.CommandPath())
}

// group is a command that only holds others.
func group(use, short string, children ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{
		Use: use, Short: short, Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(children...)
	return cmd
}

// newLogger logs to w as text, or as JSON where a machine reads.
func newLogger(w io.Writer, level, format string) (*slog.Logger, error) {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("--log.level %q: use debug, info, warn or error", level)
	}
	opts := &slog.HandlerOptions{Level: l}
	switch format {
	case "text", "logfmt":
		return slog.New(slog.NewTextHandler(w, opts)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, opts)), nil
	default:
		return nil, fmt.Errorf("--log.format %q: use text or json", format)
	}
}
