package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/examples"
)

func newInit() *cobra.Command {
	return &cobra.Command{
		Use:   "init DIR",
		Short: "Write a working configuration to start from",
		Long: `Writes watchtower.yaml, two objectives files, a Prometheus rule file and a playbook
into DIR. Files that exist are never overwritten.`,
		Example: "  watchtower init my-watchtower && watchtower check --config my-watchtower/watchtower.yaml",
		Args:    exactly("DIR"),
		RunE: func(cmd *cobra.Command, args []string) error {
			files, err := writeExample(args[0])
			if err != nil {
				return err
			}
			out := cmd.OutOrStdout()
			for _, f := range files {
				fmt.Fprintln(out, "wrote", f)
			}
			config := filepath.Join(args[0], "watchtower.yaml")
			fmt.Fprintf(out, "\nNext:\n  %[1]s check --config %[2]s\n  %[1]s serve --config %[2]s\n", program(os.Args[0]), config)
			return nil
		},
	}
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
