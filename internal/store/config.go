package store

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/common/model"
)

// minRetention is the span of one block: the TSDB cannot delete less.
const minRetention = 2 * time.Hour

// Config is the section "store" of watchtower.yaml.
type Config struct {
	// Retention is how long samples are kept. Objectives need at least their period.
	Retention model.Duration `yaml:"retention"`
	// OutOfOrderWindow is how much older than the newest sample of the whole store
	// a late sample may be. Zero refuses late samples.
	OutOfOrderWindow model.Duration `yaml:"out_of_order_window"`
}

// DefaultConfig keeps 45 days, enough for an objective over 30 days and a look
// back, and takes samples up to 30 minutes late.
func DefaultConfig() Config {
	return Config{
		Retention:        model.Duration(45 * 24 * time.Hour),
		OutOfOrderWindow: model.Duration(30 * time.Minute),
	}
}

// Validate names every fault at once.
func (c Config) Validate() error {
	var errs []error
	if time.Duration(c.Retention) < minRetention {
		errs = append(errs, fmt.Errorf("store.retention is %s: it must be at least %s", c.Retention, model.Duration(minRetention)))
	}
	if c.OutOfOrderWindow < 0 {
		errs = append(errs, fmt.Errorf("store.out_of_order_window is %s: it must not be negative", time.Duration(c.OutOfOrderWindow)))
	}
	if most := 4 * time.Hour; time.Duration(c.OutOfOrderWindow) > most {
		errs = append(errs, fmt.Errorf("store.out_of_order_window is %s: later than 4h budgets cannot be counted again, so it must not be longer", c.OutOfOrderWindow))
	}
	if c.OutOfOrderWindow > c.Retention {
		errs = append(errs, fmt.Errorf("store.out_of_order_window is %s: it must not be longer than store.retention, which is %s", c.OutOfOrderWindow, c.Retention))
	}
	return errors.Join(errs...)
}
