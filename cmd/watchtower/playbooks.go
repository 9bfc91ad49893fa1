package main

import (
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/playbooks"
)

func newPlaybooks() *cobra.Command {
	return group("playbooks", "List, show and match the playbooks that pages carry",
		newPlaybooksList(), newPlaybooksShow(), newPlaybooksMatch())
}

// library loads the playbooks a configuration names. Playbooks without fault are
// used; the faulty ones are told on stderr.
func library(cmd *cobra.Command, file string) (*playbooks.Library, error) {
	cfg, err := config.Load(configPath(file))
	if err != nil {
		return nil, err
	}
	lib, err := playbooks.Load(cfg.PlaybookDirs())
	if err != nil {
		fmt.Fprintln(cmd.ErrOrStderr(), err)
	}
	return lib, nil
}

func newPlaybooksList() *cobra.Command {
	cmd := &cobra.Command{Use: "list", Short: "List every playbook, yours and the built-in ones", Example: "  watchtower playbooks list --json", Args: noArgs}
	file := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, _ []string) error {
		lib, err := library(cmd, *file)
		if err != nil {
			return err
		}
		if *asJSON {
			return writeIndented(cmd.OutOrStdout(), lib.All())
		}
		w := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
		fmt.Fprintln(w, "ID\tTITLE\tOWNER\tREVIEWED\tFROM")
		for _, p := range lib.All() {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", p.ID, p.Title, p.Owner, p.Reviewed.Format("2006-01-02"), p.Source)
		}
		return w.Flush()
	}
	return cmd
}

func newPlaybooksShow() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show ID", Short: "Print a playbook", Args: exactly("ID"),
		Example: "  watchtower playbooks show api-error-rate",
	}
	file := configFlag(cmd)
	cmd.ValidArgsFunction = func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		lib, err := library(cmd, *file)
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		var ids []string
		for _, p := range lib.All() {
			ids = append(ids, cobra.CompletionWithDesc(p.ID, p.Title))
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		lib, err := library(cmd, *file)
		if err != nil {
			return err
		}
		p, ok := lib.Find(args[0])
		if !ok {
			return fmt.Errorf("no playbook %q (see watchtower playbooks list)", args[0])
		}
		fmt.Fprintf(cmd.OutOrStdout(), "# %s\n\nOwner: %s. From: %s.\n\n%s\n", p.Title, p.Owner, p.Source, strings.TrimSpace(p.Body))
		return nil
	}
	return cmd
}

func newPlaybooksMatch() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "match LABEL=VALUE...",
		Short:   "Say which playbook an alert with these labels gets",
		Example: "  watchtower playbooks match alertname=ShareErrorBudgetBurn service=share slo=availability",
		Args:    cobra.MinimumNArgs(1),
	}
	file := configFlag(cmd)
	asJSON := cmd.Flags().Bool("json", false, "print the playbook as JSON")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		labels, err := parseLabels(args)
		if err != nil {
			return err
		}
		lib, err := library(cmd, *file)
		if err != nil {
			return err
		}
		p, ok := lib.Match(labels)
		if !ok {
			return fmt.Errorf("no playbook matches %s: write one with `match:` in a folder that `playbooks:` names, or set the label playbook", strings.Join(args, " "))
		}
		if *asJSON {
			return writeIndented(cmd.OutOrStdout(), p)
		}
		fmt.Fprintf(cmd.OutOrStdout(), "%s\t%s (%s)\n", p.ID, p.Title, p.Source)
		return nil
	}
	return cmd
}

// parseLabels reads LABEL=VALUE words.
func parseLabels(words []string) (map[string]string, error) {
	labels := make(map[string]string, len(words))
	for _, word := range words {
		name, value, found := strings.Cut(word, "=")
		if !found || name == "" {
			return nil, fmt.Errorf("%q is not LABEL=VALUE", word)
		}
		labels[name] = strings.Trim(value, `"`)
	}
	return labels, nil
}
