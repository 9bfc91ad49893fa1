package rules

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

const (
	// pollStep is how often an objective that cannot be observed is asked for.
	pollStep = 15 * time.Second
	// pollTimeout bounds one question.
	pollTimeout = 10 * time.Second
	// pollers is how many questions are asked at the same time.
	pollers = 4
	// backfillPolls bounds how often a new polled objective asks about the past.
	backfillPolls = 2000
)

// pollWindows are the ranges a question looks at: the first that yields data is
// used, since a rate needs two samples.
func pollWindows() []time.Duration {
	return []time.Duration{time.Minute, 2 * time.Minute, 5 * time.Minute, 10 * time.Minute}
}

// pollState is where the polling of an objective stands. Guarded by the track.
type pollState struct {
	last   int64
	next   int64
	window int
	err    string
}

// poll asks for every polled objective that is due.
//
// The answer for the range of a window stands for the time since the last answer:
// a rate is multiplied by it, an increase scaled to it. A raw error ratio says
// nothing of volume: each second counts as one event, of which the ratio is bad.
func (e *Engine) poll(ctx context.Context, now int64) {
	var wg sync.WaitGroup
	slots := make(chan struct{}, pollers)
	for _, tr := range e.all() {
		if tr.shape.observed() || !tr.pollDue(now) {
			continue
		}
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			e.pollOnce(ctx, tr, now)
		})
	}
	wg.Wait()
}

func (tr *track) pollDue(now int64) bool {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if tr.restoring || now < tr.polled.next {
		return false
	}
	tr.polled.next = now + pollStep.Milliseconds()
	return true
}

func (e *Engine) pollOnce(ctx context.Context, tr *track, now int64) {
	tr.mu.Lock()
	window, sli := pollWindows()[tr.polled.window], tr.obj.SLI
	tr.mu.Unlock()
	answer, err := e.ask(ctx, tr.shape, sli, window, now)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	if err != nil {
		e.metrics.pollFailures.Inc()
		if errors.Is(err, errNoAnswer) {
			windows := pollWindows()
			tr.polled.window = (tr.polled.window + 1) % len(windows)
		}
		tr.polled.err = err.Error()
		return
	}
	tr.polled.err = ""
	elapsed := pollStep.Milliseconds()
	if tr.polled.last > 0 {
		elapsed = min(now-tr.polled.last, 2*elapsed)
	}
	tr.polled.last = now
	tr.every = pollStep.Milliseconds()
	c := answer.over(elapsed)
	tr.add(now, c.Bad, c.Total)
	tr.ledger.Arrive(now, elapsed)
}

// rates are events a second, bad and in all.
type rates struct{ bad, total float64 }

func (r rates) over(ms int64) ledger.Cell {
	s := float64(ms) / 1000
	return ledger.Cell{Bad: r.bad * s, Total: r.total * s}
}

var errNoAnswer = errors.New("the query has no result: no series matches it, or too few samples")

// ask evaluates the queries of an indicator at a moment.
func (e *Engine) ask(ctx context.Context, s shape, sli SLI, window time.Duration, at int64) (rates, error) {
	ctx, cancel := context.WithTimeout(ctx, pollTimeout)
	defer cancel()
	if sli.Raw() {
		v, err := e.query(ctx, sli.ErrorRatioQuery, window, at)
		switch {
		case err != nil:
			return rates{}, err
		case len(v) > 1:
			return rates{}, fmt.Errorf("error_ratio_query yields %d results: wrap it so that it yields one", len(v))
		case math.IsNaN(v[0].F):
			return rates{}, nil // 0/0: seen, but without events
		case math.IsInf(v[0].F, 0) || v[0].F < 0:
			return rates{}, fmt.Errorf("error_ratio_query yields %v: a ratio lies between 0 and 1", v[0].F)
		}
		return rates{bad: min(v[0].F, 1), total: 1}, nil
	}
	total, err := e.query(ctx, sli.TotalQuery, window, at)
	if err != nil {
		return rates{}, err
	}
	bad, err := e.query(ctx, sli.ErrorQuery, window, at)
	if err != nil && !errors.Is(err, errNoAnswer) {
		return rates{}, err
	}
	r := rates{bad: sumOf(bad), total: sumOf(total)}
	if s.counts {
		r.bad /= window.Seconds()
		r.total /= window.Seconds()
	}
	return r, nil
}

func (e *Engine) query(ctx context.Context, q string, window time.Duration, at int64) (promql.Vector, error) {
	e.metrics.polls.Inc()
	v, err := e.ask1(ctx, FillWindow(q, window), time.UnixMilli(at))
	if err != nil {
		return nil, fmt.Errorf("query: %w", err)
	}
	if len(v) == 0 {
		return nil, errNoAnswer
	}
	return v, nil
}

func sumOf(v promql.Vector) float64 {
	sum := 0.0
	for _, s := range v {
		if finite(s.F) && s.F > 0 {
			sum += s.F
		}
	}
	return sum
}
