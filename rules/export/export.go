package export

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/rules"
)

// Options say how to export. The zero value is ready.
type Options struct {
	// ScrapeInterval is how often the samples arrive that the objectives count; 15 s
	// when 0.
	ScrapeInterval time.Duration
	// ExternalURL is where people reach Watchtower's pages; "" leaves links out.
	ExternalURL string
	// Tests asks for a unit test beside each file of rules.
	Tests bool
	// Skip leaves out objectives that PromQL cannot express, instead of refusing all.
	Skip bool
}

// File is one file to be written.
type File struct {
	// Name is relative to the folder the files go to, with slashes.
	Name string
	// Objective is the ID of the objective it is about.
	Objective string
	// Rules or Tests is how many there are in it; the other is 0.
	Rules, Tests int
	Content      []byte
}

// Build writes a file of rules for each objective, and its unit test in the folder
// tests where those are asked for. skipped are the sentences about objectives that
// were left out; without Skip they are the error.
func Build(objectives []rules.Objective, opts Options) (files []File, skipped []string, err error) {
	opts.ScrapeInterval = cmp.Or(opts.ScrapeInterval, 15*time.Second)
	objectives = slices.SortedFunc(slices.Values(objectives), func(a, b rules.Objective) int { return strings.Compare(a.ID, b.ID) })
	var faults []error
	for _, o := range objectives {
		part, err := build(o, opts)
		switch {
		case err == nil:
			files = append(files, part...)
		case opts.Skip:
			skipped = append(skipped, err.Error())
		default:
			faults = append(faults, err)
		}
	}
	return files, skipped, errors.Join(faults...)
}

func build(o rules.Objective, opts Options) ([]File, error) {
	p, err := newPlan(o, opts)
	if err != nil {
		return nil, err
	}
	groups, err := p.layout()
	if err != nil {
		return nil, err
	}
	if len(o.GroupBy) > 0 {
		more, err := p.groups().layout()
		if err != nil {
			return nil, err
		}
		groups = append(groups, more...)
	}
	file := File{Name: o.ID + ".yaml", Objective: o.ID}
	for _, g := range groups {
		file.Rules += len(g.Rules)
	}
	if file.Content, err = write(p.head(), struct {
		Groups []group `yaml:"groups"`
	}{groups}); err != nil {
		return nil, err
	}
	if !opts.Tests {
		return []File{file}, nil
	}
	unit, err := p.unitFile(file.Name, groups)
	if err != nil {
		return nil, err
	}
	return []File{file, unit}, nil
}

// unitFile writes the unit tests. They lie in a folder of their own, so that a
// pattern like *.yaml for the rules does not find them.
func (p *plan) unitFile(of string, groups []group) (File, error) {
	tests, err := p.tests()
	if err != nil {
		return File{}, err
	}
	doc := unitFile{RuleFiles: []string{"../" + of}, Every: model.Duration(p.step), Tests: tests}
	for _, g := range groups {
		doc.Order = append(doc.Order, g.Name)
	}
	content, err := write([]string{
		"Unit tests of ../" + of + ": run them with `promtool test rules`.",
		"The minutes are computed by the arithmetic of objectives, not by PromQL. Samples",
		"are a step apart, so that every number is exact.",
	}, doc)
	return File{Name: "tests/" + of, Objective: p.o.ID, Tests: len(tests), Content: content}, err
}

// head are the comment lines at the head of a file.
func (p *plan) head() []string {
	lines := []string{
		fmt.Sprintf("%s: %s over %s. %s", p.o.ID, percent(p.o.Target), over(p.o), strings.Join(strings.Fields(p.o.Promise), " ")),
		"Written by `watchtower slo export`; change the objective and export again.",
		fmt.Sprintf("For samples every %s; evaluated every %s.", short(p.interval), short(p.step)),
	}
	if p.o.Calendar != nil {
		lines = append(lines, fmt.Sprintf(
			"Its period follows the calendar, which PromQL does not know: budget and volume here are those of the trailing %s, so they differ from Watchtower's. The burn alerts do not depend on it.", days(p.o.Period)))
	}
	if len(p.o.AlsoOver) > 0 {
		lines = append(lines, "The further periods it is shown over are not exported: they alert nobody.")
	}
	if p.o.MaxGroups > 0 && len(p.o.GroupBy) > 0 {
		lines = append(lines, fmt.Sprintf("PromQL cannot bound the number of groups: the limit of %d is not exported.", p.o.MaxGroups))
	}
	return append(lines, p.notes...)
}

// write renders a document as YAML under a comment.
func write(head []string, doc any) ([]byte, error) {
	var b bytes.Buffer
	for _, line := range head {
		fmt.Fprintln(&b, "#", line)
	}
	enc := yaml.NewEncoder(&b)
	enc.SetIndent(2)
	if err := enc.Encode(doc); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	if err := enc.Close(); err != nil {
		return nil, fmt.Errorf("write YAML: %w", err)
	}
	return b.Bytes(), nil
}
