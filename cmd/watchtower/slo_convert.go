package main

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/rules"
)

func newSLOConvert() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "convert FILE...",
		Short: "Write objectives of any format as OpenSLO v1",
		Long: `Reads specs of Sloth, OpenSLO and Pyrra and writes every objective as one OpenSLO
document with its indicator inside. What OpenSLO has no place for is in annotations
named watchtower/KEY: reading the document yields the same objective.`,
		Example: `  watchtower slo convert slos/share.yaml
  watchtower slo convert pyrra/*.yaml --out slos`,
		Args: cobra.MinimumNArgs(1),
	}
	out := cmd.Flags().String("out", "", "write one file for each objective into this `directory`, named ID.yaml")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		objectives, err := rules.ReadObjectives(args, "")
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				fmt.Fprint(cmd.ErrOrStderr(), line)
			}
			fmt.Fprintln(cmd.ErrOrStderr())
			return errSilent
		}
		if len(objectives) == 0 {
			return errors.New("no objectives in these files: name specs of Sloth, OpenSLO or Pyrra")
		}
		for _, o := range objectives {
			for _, note := range o.Notes {
				fmt.Fprintln(cmd.ErrOrStderr(), "warning:", note)
			}
		}
		if *out != "" {
			return convertTo(cmd.OutOrStdout(), *out, objectives)
		}
		for i, o := range objectives {
			text, err := o.OpenSLO()
			if err != nil {
				return err
			}
			if i > 0 {
				fmt.Fprintln(cmd.OutOrStdout(), "---")
			}
			if _, err := cmd.OutOrStdout().Write(text); err != nil {
				return err
			}
		}
		return nil
	}
	return cmd
}

// convertTo writes a file for each objective and says which. It overwrites nothing.
func convertTo(w io.Writer, dir string, objectives []rules.Objective) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return fmt.Errorf("make the directory: %w", err)
	}
	for _, o := range objectives {
		text, err := o.OpenSLO()
		if err != nil {
			return err
		}
		name := filepath.Join(dir, o.ID+".yaml")
		f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
		if errors.Is(err, fs.ErrExist) {
			return fmt.Errorf("%s is already there: remove it, or choose another directory", name)
		}
		if err != nil {
			return fmt.Errorf("write the objective: %w", err)
		}
		_, err = f.Write(text)
		if err := errors.Join(err, f.Close()); err != nil {
			return fmt.Errorf("write %s: %w", name, err)
		}
		fmt.Fprintln(w, "wrote", name)
	}
	return nil
}
