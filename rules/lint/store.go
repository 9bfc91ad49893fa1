package lint

import (
	"context"
	"math"
	"time"
)

// Server answers questions about what is stored. *API is one.
type Server interface {
	// Values returns the values a label has among the series a selector selects, since
	// ever; an empty selector selects all.
	Values(ctx context.Context, label, selector string) ([]string, error)
	// Query evaluates PromQL now. An error that wraps ErrRefused is about the
	// expression; any other is about the server.
	Query(ctx context.Context, expr string) (Answer, error)
	// Type returns the type of a metric, "counter" or "gauge" among others; "" when it
	// is not known.
	Type(ctx context.Context, metric string) (string, error)
}

// Answer is the result of a query.
type Answer struct {
	// Results are its samples.
	Results []Result
	// Read is how many samples were read for it; 0 when the server does not say.
	Read int
}

// Result is one sample with its labels.
type Result struct {
	Labels map[string]string
	Value  float64
}

// Store is what a server told about what objectives select.
type Store struct {
	// Selected is by the text of selectors, Measured by the ID of objectives.
	Selected map[string]Selected
	Measured map[string]Measured
}

// Selected is what a selector selects.
type Selected struct {
	// Known tells that any series was ever selected, and Series how many are now.
	Known  bool
	Series int
	// Interval is how often their samples arrive; 0 when not known.
	Interval time.Duration
	// Type is what the metric says it is.
	Type string
	// Bounds are the buckets its series have, whatever bounds it asks for; nil when it
	// asks for none.
	Bounds []float64
	// Why says why nothing is selected.
	Why Missing
	// Doubtful are alternatives of a pattern that no series has, and what each may have
	// been meant to be.
	Doubtful []Doubt
}

// Doubt is a value that no series has although another one is close to it.
type Doubt struct{ Label, Value, Like string }

// Missing says why a selector selects nothing: the metric is not there, or no series
// of it has the label, or not with that value; or, when all are empty, each is there
// but never together.
type Missing struct {
	Metric string
	Label  string
	Value  string
	// Like is what may have been meant, and Have what there is instead.
	Like string
	Have []string
}

// Measured is how an objective did lately.
type Measured struct {
	// Hourly is how many events there were in an hour, on average over the last day;
	// NaN when it is not known.
	Hourly float64
	// Best is the smallest error ratio of a whole day of the last week; NaN when it is
	// not known.
	Best float64
	// Groups is how many groups there are, and Values how many values each label has.
	Groups int
	Values map[string]int
	// Read is how many samples a polled objective reads at each poll.
	Read int
	// Refused is what the server said when it would not answer.
	Refused string
}

// unmeasured is what is known before anything was asked.
func unmeasured() Measured { return Measured{Hourly: math.NaN(), Best: math.NaN()} }
