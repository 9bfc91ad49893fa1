// Package config reads watchtower.yaml: it composes the packages' own Config
// structs, resolves paths, and checks what no package can check alone.
//
// Every key is optional. Unknown keys are refused, and every fault of the file is
// told at once as "file:line: what is wrong and what to do".
package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/rules"
)

// Config is watchtower.yaml. After Load all its paths are usable as they are.
type Config struct {
	Web        web.Config        `yaml:"web"`
	DataDir    string            `yaml:"data_dir"`
	Store      store.Config      `yaml:"store"`
	Collectors collectors.Config `yaml:"collectors"`
	Rules      rules.Config      `yaml:"rules"`
	Notifiers  notifiers.Config  `yaml:"notifiers"`
	Playbooks  []string          `yaml:"playbooks"`
	Dashboards dashboards.Config `yaml:"dashboards"`
	Reports    report.Config     `yaml:"reports"`
	SelfWatch  selfwatch.Config  `yaml:"selfwatch"`

	where  locator         // of faults in the file
	broken map[string]bool // sections that could not be read and have their defaults
}

// Default is the configuration of an instance without a file.
func Default() Config {
	return Config{
		Web:        web.DefaultConfig(),
		DataDir:    "data",
		Store:      store.DefaultConfig(),
		Collectors: collectors.DefaultConfig(),
		Rules:      rules.DefaultConfig(),
		Notifiers:  notifiers.DefaultConfig(),
		Playbooks:  []string{"playbooks"},
		Dashboards: dashboards.DefaultConfig(),
		Reports:    report.DefaultConfig(),
		SelfWatch:  selfwatch.DefaultConfig(),
	}
}

// Load reads the file at path; an empty path gives the defaults. The error joins
// every fault of the file, each with its line; the sections without fault are
// usable all the same.
func Load(path string) (Config, error) {
	cfg := Default()
	if path == "" {
		return cfg, cfg.validate(locator{})
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return Config{}, fmt.Errorf("read the configuration: %w (`watchtower init DIR` writes one to start from)", err)
	}
	where := newLocator(path, text)
	broken, faults := where.decode(text, &cfg)
	cfg.where, cfg.broken = where, broken
	cfg.resolve(filepath.Dir(path))
	return cfg, errors.Join(errors.Join(faults...), cfg.validate(where))
}

// validate joins what the sections find wrong with themselves.
func (c Config) validate(where locator) error {
	sections := []struct {
		name     string
		validate func() error
	}{
		{"web", c.Web.Validate},
		{"store", c.Store.Validate},
		{"collectors", c.Collectors.Validate},
		{"rules", c.Rules.Validate},
		{"notifiers", c.Notifiers.Validate},
		{"dashboards", c.Dashboards.Validate},
		{"reports", c.Reports.Validate},
		{"selfwatch", c.SelfWatch.Validate},
	}
	var faults []error
	if c.DataDir == "" {
		faults = append(faults, where.fault("data_dir", errors.New("is empty: name the folder that holds metrics and state")))
	}
	for _, s := range sections {
		if c.broken[s.name] {
			continue
		}
		for _, err := range leaves(s.validate()) {
			faults = append(faults, where.fault(s.name, err))
		}
	}
	return errors.Join(faults...)
}

// leaves takes joined errors apart.
func leaves(err error) []error {
	if err == nil {
		return nil
	}
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, leaves(e)...)
	}
	return all
}
