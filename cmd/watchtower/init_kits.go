package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/playbooks"
	"github.com/watchtower-hub/watchtower/rules/kits"
)

// listKits tells which kits there are.
func listKits(out io.Writer) error {
	all, err := kits.All()
	if err != nil {
		return err
	}
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "KIT\tCOMPONENT\tALERTS\tMETRICS FROM")
	for _, k := range all {
		fmt.Fprintf(w, "%s\t%s\t%d\t%s\n", k.Name, k.Title, len(k.Alerts), k.Receiver.Source())
	}
	return w.Flush()
}

// addKits writes the files of kits below dir and adds what brings their metrics to
// its watchtower.yaml: all of it, or nothing when a file is there already. Playbooks
// that are there stay.
func addKits(out io.Writer, dir, team string, chosen []kits.Kit) error {
	target := filepath.Join(dir, "watchtower.yaml")
	before, err := os.ReadFile(target)
	if err != nil {
		return fmt.Errorf("add the kits: %w", err)
	}
	merged, kept, err := kits.Merge(before, chosen)
	if err != nil {
		return fmt.Errorf("add the kits to %s: %w", target, err)
	}
	files, err := kitFiles(team, chosen)
	if err != nil {
		return err
	}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(files)) {
		_, err := os.Lstat(filepath.Join(dir, name))
		switch {
		case err != nil:
		case strings.HasPrefix(name, "playbooks/"):
			kept = append(kept, name)
			delete(files, name)
		default:
			faults = append(faults, fmt.Errorf("%s exists already: the kit was added before; move the file away to add it anew", filepath.Join(dir, name)))
		}
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return fmt.Errorf("write the kits: %w", err)
		}
		if err := os.WriteFile(path, files[name], 0o644); err != nil {
			return fmt.Errorf("write the kits: %w", err)
		}
		fmt.Fprintln(out, "wrote", path)
	}
	if !bytes.Equal(before, merged) {
		if err := replaceFile(target, merged); err != nil {
			return fmt.Errorf("write the configuration: %w", err)
		}
		fmt.Fprintln(out, "added to", target)
	}
	for _, name := range kept {
		fmt.Fprintf(out, "kept %s: it was there already\n", name)
	}
	unread(out, target, dir, slices.Sorted(maps.Keys(files)))
	return nil
}

// replaceFile puts a file in the place of another, whole or not at all.
func replaceFile(path string, text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Stat(path); err == nil {
		mode = info.Mode().Perm()
	}
	staged := path + ".new"
	if err := os.WriteFile(staged, text, mode); err != nil {
		return err
	}
	return os.Rename(staged, path)
}

// kitFiles are those of kits and the playbooks that their alerts get, by path.
func kitFiles(team string, chosen []kits.Kit) (map[string][]byte, error) {
	library, err := playbooks.Load(nil)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	named := map[string]bool{}
	for _, k := range chosen {
		own, err := k.Files(team)
		if err != nil {
			return nil, err
		}
		maps.Copy(files, own)
		for _, a := range k.Alerts {
			named[a.Playbook] = true
		}
		for _, labels := range k.SLOAlerts() {
			if p, ok := library.Match(labels); ok {
				named[p.ID] = true
			}
		}
	}
	for id := range named {
		if files["playbooks/"+id+".md"], err = playbooks.Embedded(id); err != nil {
			return nil, err
		}
	}
	return files, nil
}

// unread tells which of the files the configuration does not name: it may have its
// own folders.
func unread(out io.Writer, target, dir string, names []string) {
	cfg, err := config.Load(target)
	if err != nil {
		return // check says what is wrong
	}
	for _, kind := range []struct {
		folder, key string
		patterns    []string
	}{
		{"slos", "rules.objectives", cfg.Rules.Objectives}, {"rules", "rules.prometheus", cfg.Rules.Prometheus}, {"boards", "dashboards.extra", cfg.Dashboards.Extra},
	} {
		missed := slices.ContainsFunc(names, func(name string) bool {
			return strings.HasPrefix(name, kind.folder+"/") && !slices.ContainsFunc(kind.patterns, func(pattern string) bool {
				ok, err := filepath.Match(pattern, filepath.Join(dir, name))
				return err == nil && ok
			})
		})
		if missed {
			fmt.Fprintf(out, "%s does not read %s: add %s/*.yaml to %s\n", target, filepath.Join(dir, kind.folder), kind.folder, kind.key)
		}
	}
	if !slices.Contains(cfg.Playbooks, filepath.Join(dir, "playbooks")) {
		fmt.Fprintf(out, "%s does not read %s: add playbooks to playbooks\n", target, filepath.Join(dir, "playbooks"))
	}
}
