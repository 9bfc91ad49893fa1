package viewer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// Querier answers PromQL. It has to be safe for concurrent use.
type Querier interface {
	// Range returns the values from one time to another, a step apart, the last at to.
	Range(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]Series, error)
	// Instant returns the values at a time: series of one point.
	Instant(ctx context.Context, expr string, at time.Time) ([]Series, error)
}

// Series are the values of one set of labels, in the order of time.
type Series struct {
	Labels map[string]string
	Points []chart.Point
}

const (
	// together is how many queries of a page run at once.
	together = 4
	// patience is how long a page waits for its queries.
	patience = 10 * time.Second
)

// ask is a query as it is sent.
type ask struct {
	expr     string
	instant  bool
	from, to time.Time
	step     time.Duration
}

// answer is what came back.
type answer struct {
	series []Series
	err    error
}

// asker asks each query once, however many panels have it, and not too many at a time.
type asker struct {
	querier Querier
	places  chan struct{}

	mu      sync.Mutex
	answers map[ask]*pending
}

// pending is an answer that is there once done is closed.
type pending struct {
	answer
	done chan struct{}
}

func newAsker(q Querier) *asker {
	return &asker{querier: q, places: make(chan struct{}, together), answers: map[ask]*pending{}}
}

// begin asks a query in the background, unless it was asked before. Its answer is
// waited for with wait.
func (a *asker) begin(ctx context.Context, q ask) *pending {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p, asked := a.answers[q]; asked {
		return p
	}
	p := &pending{done: make(chan struct{})}
	a.answers[q] = p
	go func() {
		defer close(p.done)
		select {
		case a.places <- struct{}{}:
			defer func() { <-a.places }()
		case <-ctx.Done():
			p.err = ctx.Err()
			return
		}
		p.series, p.err = a.send(ctx, q)
	}()
	return p
}

// send asks one query. A querier that panics has failed: one broken query must not take
// the server with it.
func (a *asker) send(ctx context.Context, q ask) (series []Series, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("the query broke the query engine: %v", r)
		}
	}()
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	if q.instant {
		return a.querier.Instant(ctx, q.expr, q.to)
	}
	return a.querier.Range(ctx, q.expr, q.from, q.to, q.step)
}

// wait returns the answer. Every query ends when its context does.
func (p *pending) wait() answer {
	<-p.done
	return p.answer
}

// queryFault says in words why a query has no answer.
func queryFault(expr string, err error) string {
	const most = 600
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("This was not answered within %d s. Try a shorter time. The query: %s", int(patience/time.Second), shorten(expr, most))
	case errors.Is(err, context.Canceled):
		return "The page was left before this was answered. The query: " + shorten(expr, most)
	default:
		return fmt.Sprintf("The query failed: %s. The query: %s", shorten(err.Error(), most), shorten(expr, most))
	}
}

// aligned returns the window with a beginning that lies whole steps before its end.
func (w window) aligned(step time.Duration) (from, to time.Time) {
	to = w.to.Truncate(time.Second)
	return to.Add(-w.to.Sub(w.from).Truncate(step)), to
}

// lastOf returns the last value of a series.
func lastOf(points []chart.Point) (chart.Point, bool) {
	i := len(points) - 1
	if i < 0 {
		return chart.Point{}, false
	}
	return points[i], true
}

// byLabels puts series into an order that does not depend on the store.
func byLabels(series []Series, name func(Series) string) {
	slices.SortStableFunc(series, func(a, b Series) int {
		x, y := name(a), name(b)
		switch {
		case x < y:
			return -1
		case x > y:
			return 1
		default:
			return 0
		}
	})
}
