package rules

import (
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/prometheus/common/model"
)

// Config is the section `rules` of watchtower.yaml.
type Config struct {
	// EvaluationInterval is how often every objective is judged.
	EvaluationInterval model.Duration `yaml:"evaluation_interval"`
	// Objectives are glob patterns of objective specs.
	Objectives []string `yaml:"objectives"`
	// Prometheus are glob patterns of Prometheus rule files.
	Prometheus []string `yaml:"prometheus"`
	// Policy says what follows from the states of a budget, for objectives that do
	// not say it themselves.
	Policy Policy `yaml:"policy"`
}

// DefaultConfig returns the section as it is when the file leaves it out.
func DefaultConfig() Config {
	return Config{
		EvaluationInterval: model.Duration(time.Second),
		Objectives:         []string{"slos/*.yaml"},
		Prometheus:         []string{"rules/*.yaml"},
	}
}

// Validate reports every fault of the section at once.
func (c Config) Validate() error {
	var faults []error
	if d := time.Duration(c.EvaluationInterval); d < 100*time.Millisecond || d > time.Minute {
		faults = append(faults, fmt.Errorf("rules.evaluation_interval is %s: give a duration between 100ms and 1m", c.EvaluationInterval))
	}
	for _, p := range c.Objectives {
		faults = append(faults, validGlob("rules.objectives", p))
	}
	for _, p := range c.Prometheus {
		faults = append(faults, validGlob("rules.prometheus", p))
	}
	faults = append(faults, c.Policy.Validate("rules.policy"))
	return errors.Join(faults...)
}

func validGlob(key, pattern string) error {
	if pattern == "" {
		return fmt.Errorf("%s has an empty entry: remove it or name files, for example slos/*.yaml", key)
	}
	if _, err := filepath.Match(pattern, ""); err != nil {
		return fmt.Errorf("%s: %q is not a valid pattern: close every [ with a ]", key, pattern)
	}
	return nil
}
