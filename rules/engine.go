package rules

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// SampleStore is where samples are read from and recorded series are written to.
type SampleStore interface {
	storage.Appendable
	storage.Queryable
}

// EngineOptions are the needs of an Engine. Store, Query and Ledger are required.
type EngineOptions struct {
	Objectives []Objective
	// Interval between evaluations; 1 s when 0.
	Interval time.Duration
	// Store holds the raw samples; recorded series are written to it.
	Store SampleStore
	// Query answers PromQL over Store, for objectives that must be polled.
	Query promrules.QueryFunc
	// Ledger keeps fine slices for long: a TSDB of its own.
	Ledger SampleStore
	// SnapshotPath is a file for the state between two runs; none when "".
	SnapshotPath string
	// Send hands alerts on, as Prometheus' rule manager does; nil drops them. Its
	// expr is the URL of the objective's page.
	Send promrules.NotifyFunc
	// ExternalURL is where people reach this server, without a trailing slash.
	ExternalURL string
	// OutOfOrderWindow is how late the store accepts samples; 30 m when 0.
	OutOfOrderWindow time.Duration
	// Rewatch is called when the set of wanted series has changed, so that the
	// store offers every series to Watch again; may be nil.
	Rewatch    func()
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Engine keeps every objective current and sends its alerts. It is an observer of
// the store's committed samples. Safe for concurrent use.
type Engine struct{}

// NewEngine prepares an engine; nothing runs before Run.
func NewEngine(EngineOptions) (*Engine, error) { return &Engine{}, nil }

// Run restores the ledger and evaluates until ctx ends.
func (*Engine) Run(ctx context.Context) error { <-ctx.Done(); return nil }

// Reload replaces the objectives; counts of unchanged ones stay.
func (*Engine) Reload([]Objective) error { return nil }

// Ready is closed when state is restored and the first evaluation is done.
func (*Engine) Ready() <-chan struct{} { return nil }

// Watch is offered every series and returns 0 for those no objective wants.
func (*Engine) Watch(labels.Labels) uint64 { return 0 }

// Observe takes one committed sample of a watched series.
func (*Engine) Observe(uint64, int64, int64, float64, *histogram.FloatHistogram) {}

// Statuses returns all objectives as of the last evaluation, ordered by ID.
func (*Engine) Statuses() []Status { return nil }

// Status returns one objective as of the last evaluation.
func (*Engine) Status(string) (Status, bool) { return Status{}, false }

// Counts returns good and total events of an objective in (from, to].
func (*Engine) Counts(string, time.Time, time.Time) (good, total float64, err error) {
	return 0, 0, nil
}

// Explain says how an objective is counted.
func (*Engine) Explain(string) (Explanation, bool) { return Explanation{}, false }

// RuleGroups shows the objectives' alerts as one group of Prometheus rules.
func (*Engine) RuleGroups() []*promrules.Group { return nil }

// AlertingRules shows the objectives' alerts as Prometheus alerting rules.
func (*Engine) AlertingRules() []*promrules.AlertingRule { return nil }
