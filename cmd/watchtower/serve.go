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

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/app"
)

// logFlags adds --log.level and --log.format, named as Prometheus names them.
func logFlags(cmd *cobra.Command, level string) func(w io.Writer) (*slog.Logger, error) {
	l := cmd.Flags().String("log.level", level, "debug, info, warn or error")
	f := cmd.Flags().String("log.format", "text", "text or json")
	return func(w io.Writer) (*slog.Logger, error) { return newLogger(w, *l, *f) }
}

// configFlag adds --config; empty means defaults.
func configFlag(cmd *cobra.Command) *string {
	file := cmd.Flags().StringP("config", "c", "", "path of watchtower.yaml (default: ./watchtower.yaml where it exists, else built-in defaults)")
	_ = cmd.MarkFlagFilename("config", "yaml", "yml")
	return file
}

// configPath is the file to read: the one named, or watchtower.yaml where it exists.
func configPath(named string) string {
	if named != "" {
		return named
	}
	if _, err := os.Stat("watchtower.yaml"); err == nil {
		return "watchtower.yaml"
	}
	return ""
}

func newServe() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Run the server",
		Long: `Runs until it is told to stop (SIGINT, SIGTERM). SIGHUP or POST /-/reload read the
configuration again; a bad file changes nothing and says why.`,
		Example: `  watchtower serve                                  # defaults: OTLP on 4317 and 4318, pages on 9911
  watchtower serve --config /etc/watchtower/watchtower.yaml
  SLACK_BOT_TOKEN=xoxb-… watchtower serve           # pages go to Slack rather than to /inbox`,
		Args: noArgs,
	}
	config, logger := configFlag(cmd), logFlags(cmd, "info")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		log, err := logger(cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		return serve(cmd.Context(), configPath(*config), log)
	}
	return cmd
}

// serve opens the application and runs it until ctx ends, reloading on SIGHUP.
func serve(ctx context.Context, path string, log *slog.Logger) error {
	// From the first moment on: a signal that comes while files are opened must not end the process.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)
	a, err := app.Open(ctx, app.Options{ConfigFile: path, Logger: log, Version: fullVersion()})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	reloading := make(chan struct{})
	go func() {
		defer close(reloading)
		for {
			select {
			case <-ctx.Done():
				return
			case <-hup:
				// Reload logs what it did or why it did nothing.
				_ = a.Reload()
			}
		}
	}()
	err = errors.Join(a.Run(ctx), a.Close())
	cancel()
	<-reloading
	if err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}
