package main

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/demo"
)

func newDemo() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run everything in one process, with a backend that goes viral and breaks",
		Long: `Starts the server and, beside it, a small instrumented backend of four HTTP services
on loopback. Traffic goes up tenfold within a minute, then a bad release of share
goes out: watch the page arrive at /inbox, and resolve when it is rolled back. All
files live in a temporary folder that is removed at the end.`,
		Example: `  watchtower demo                    # until Ctrl-C
  watchtower demo --for 3m --json    # end by itself and print what happened as JSON`,
		Args: noArgs,
	}
	length := cmd.Flags().Duration("for", 0, "end after this long with a summary (the whole story takes 3m); 0: run until interrupted")
	asJSON := cmd.Flags().Bool("json", false, "print one JSON object at the end; what happens is told on stderr")
	listen := cmd.Flags().String("listen", "127.0.0.1:9911", "address of the pages and APIs; port 0 takes any free port")
	logger := logFlags(cmd, "error")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		o := demo.Options{For: max(*length, 0), Listen: *listen, Version: fullVersion(), Logger: log, Tell: cmd.OutOrStdout(), Now: time.Now}
		if *asJSON {
			o.Tell = cmd.ErrOrStderr()
		}
		summary, err := demo.Run(cmd.Context(), o)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeIndented(cmd.OutOrStdout(), summary)
		}
		return summary.Print(cmd.OutOrStdout())
	}
	return cmd
}
