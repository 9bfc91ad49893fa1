package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/examples"
	"github.com/watchtower-hub/watchtower/rules/kits"
)

func newInit() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "init DIR",
		Short: "Write a working configuration to start from",
		Long: `Writes watchtower.yaml, two objectives files, a Prometheus rule file and a playbook
into DIR. Files that exist are never overwritten.

With --kit it adds what is known about components: objectives, rules with a soft and a
hard threshold, a dashboard, playbooks, and the job or receiver that brings their
metrics. Where DIR has a watchtower.yaml already, the kits are added to it.`,
		Example: `  watchtower init my-watchtower && watchtower check --config my-watchtower/watchtower.yaml
  watchtower init --list-kits
  watchtower init --kit redis,postgresql my-watchtower`,
	}
	names := cmd.Flags().StringSlice("kit", nil, "add these component kits (help lists them)")
	list := cmd.Flags().Bool("list-kits", false, "list the component kits and write nothing")
	team := cmd.Flags().String("team", "backend", "who owns the alerts of the kits")
	cmd.Args = func(cmd *cobra.Command, args []string) error {
		if *list || slices.Contains(*names, "help") {
			return nil
		}
		return exactly("DIR")(cmd, args)
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		out := cmd.OutOrStdout()
		if *list || slices.Contains(*names, "help") {
			return listKits(out)
		}
		chosen, err := kits.Find(*names...)
		if err != nil {
			return err
		}
		config := filepath.Join(args[0], "watchtower.yaml")
		_, err = os.Stat(config)
		if err != nil || len(chosen) == 0 {
			files, err := writeExample(args[0])
			if err != nil {
				return err
			}
			for _, f := range files {
				fmt.Fprintln(out, "wrote", f)
			}
		}
		if len(chosen) > 0 {
			if err := addKits(out, args[0], *team, chosen); err != nil {
				return err
			}
		}
		fmt.Fprintf(out, "\nNext:\n  %[1]s check --config %[2]s\n  %[1]s serve --config %[2]s\n", program(os.Args[0]), config)
		return nil
	}
	return cmd
}

// program is how this program was called, so that the commands it prints work as they
// are: by its path, if it was found by that.
func program(called string) string {
	if !strings.ContainsRune(called, filepath.Separator) {
		return "watchtower"
	}
	if strings.ContainsAny(called, " '\"$\\") {
		return "'" + strings.ReplaceAll(called, "'", `'\''`) + "'"
	}
	return called
}

// writeExample writes the example configuration below dir: all of it, or nothing
// when one of the files is already there.
func writeExample(dir string) (written []string, err error) {
	example, err := examples.AppBackend()
	if err != nil {
		return nil, err
	}
	var names []string
	err = fs.WalkDir(example, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		names = append(names, path)
		return nil
	})
	if err != nil {
		return nil, err
	}
	var faults []error
	for _, name := range names {
		if _, err := os.Lstat(filepath.Join(dir, name)); err == nil {
			faults = append(faults, fmt.Errorf("%s exists already: name another folder, or move it away", filepath.Join(dir, name)))
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	for _, name := range names {
		body, err := fs.ReadFile(example, name)
		if err != nil {
			return written, err
		}
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return written, fmt.Errorf("write the configuration: %w", err)
		}
		if err := os.WriteFile(path, body, 0o644); err != nil {
			return written, fmt.Errorf("write the configuration: %w", err)
		}
		written = append(written, path)
	}
	return written, nil
}

// exactly demands one argument a name.
func exactly(names ...string) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if len(args) == len(names) {
			return nil
		}
		return fmt.Errorf("%s takes %d argument(s), %v; it got %d (see %s --help)",
			cmd.CommandPath(), len(names), names, len(args), cmd.CommandPath())
	}
}
