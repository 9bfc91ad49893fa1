package replay

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/rules"
)

// Plan is what to replay.
type Plan struct {
	Objectives []rules.Objective
	Source     Source
	// From and To bound the time in which alerts are sent; the history ends the replay
	// when To is zero. The history of one period before From is counted first, as far as
	// the source has it.
	From, To time.Time
	// Zone says when it is night; UTC when nil.
	Zone *time.Location
	// Expected tells how many events of a service were announced on top of its usual
	// traffic, as for a server's engine; nil when nobody announced anything.
	Expected func(service string, from, to time.Time) (volume float64, ok bool)
	// MaxSeries and MaxSamples bound what is read; there are general limits when 0.
	MaxSeries, MaxSamples int
}

const (
	// maxRange bounds how long a history may be.
	maxRange = 400 * 24 * time.Hour
	// maxSeries bounds how many series a replay reads.
	maxSeries = 200_000
	// queryTimeout bounds one question to the history.
	queryTimeout = time.Minute
)

// Run replays a plan. It takes no more than one core, and ends early when ctx does.
// Its error is a sentence.
func Run(ctx context.Context, p Plan) (Result, error) {
	p.MaxSeries = cmp.Or(p.MaxSeries, maxSeries)
	p.Zone = cmp.Or(p.Zone, time.UTC)
	polled, err := p.check()
	if err != nil {
		return Result{}, err
	}
	r := &run{plan: p, polled: polled, begin: p.From.Add(-p.longest()), firing: map[uint64]int{}}
	r.now = r.begin
	query, done := p.query()
	defer done()
	r.engine, err = rules.NewEngine(rules.EngineOptions{
		Objectives: p.Objectives, Store: nothing{}, Ledger: nothing{}, Query: query,
		Now: func() time.Time { return r.now }, Send: r.send, Expected: p.Expected,
	})
	if err != nil {
		return Result{}, err
	}
	r.engine.Rehearse(r.begin)
	if err := r.play(ctx); err != nil {
		return Result{}, err
	}
	return r.result(), nil
}

// check says what is wrong with the plan, and tells whether an objective is polled.
func (p *Plan) check() (polled bool, err error) {
	switch {
	case len(p.Objectives) == 0:
		return false, errors.New("there is no objective to replay")
	case p.Source == nil:
		return false, errors.New("there is no history to replay")
	case p.From.IsZero():
		return false, errors.New("say from when to replay")
	case !p.To.IsZero() && !p.To.After(p.From):
		return false, fmt.Errorf("the time to replay ends at %s, which is not after its beginning at %s", rfc3339(p.To), rfc3339(p.From))
	case p.To.Sub(p.From) > maxRange:
		return false, fmt.Errorf("the time to replay is longer than %d days: replay a part of it", int(maxRange.Hours()/24))
	}
	for _, o := range p.Objectives {
		selectors, err := o.Selectors()
		switch {
		case err != nil:
			return false, fmt.Errorf("objective %s: %w", o.ID, err)
		case len(selectors) > 0:
		case p.Source.Queryable() == nil:
			return false, fmt.Errorf("objective %s cannot be counted from samples and must be asked for by PromQL, which this history cannot answer: "+
				"replay it from a server, a TSDB directory or an OpenMetrics file", o.ID)
		case p.To.IsZero():
			return false, fmt.Errorf("objective %s is asked for by PromQL: say until when to replay", o.ID)
		default:
			polled = true
		}
	}
	return polled, nil
}

func rfc3339(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// longest is how much history the objectives look at.
func (p *Plan) longest() time.Duration {
	var longest time.Duration
	for _, o := range p.Objectives {
		longest = max(longest, o.Period)
		for _, s := range o.AlsoOver {
			longest = max(longest, s.Length)
		}
	}
	return longest
}

// query answers PromQL over the source, one question at a time: sources need not be
// safe for concurrent use. done releases it.
func (p *Plan) query() (query promrules.QueryFunc, done func()) {
	q := p.Source.Queryable()
	if q == nil {
		return func(context.Context, string, time.Time) (promql.Vector, error) {
			return nil, errors.New("this history cannot answer PromQL")
		}, func() {}
	}
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 50_000_000, Timeout: queryTimeout, LookbackDelta: 5 * time.Minute})
	ask := promrules.EngineQueryFunc(engine, q)
	var mu sync.Mutex
	return func(ctx context.Context, expr string, at time.Time) (promql.Vector, error) {
		mu.Lock()
		defer mu.Unlock()
		return ask(ctx, expr, at)
	}, func() { _ = engine.Close() }
}

// nothing is a store without samples that keeps none.
type nothing struct{ storage.Appendable }

func (nothing) Querier(int64, int64) (storage.Querier, error) { return storage.NoopQuerier(), nil }

func (nothing) ChunkQuerier(int64, int64) (storage.ChunkQuerier, error) {
	return storage.NoopChunkedQuerier(), nil
}

var _ rules.SliceStore = nothing{}

// Choose returns the objectives with the given IDs, or all when none is given.
func Choose(all []rules.Objective, ids []string) ([]rules.Objective, error) {
	if len(ids) == 0 {
		return all, nil
	}
	var out []rules.Objective
	for _, id := range ids {
		i := slices.IndexFunc(all, func(o rules.Objective) bool { return o.ID == id })
		if i < 0 {
			var known []string
			for _, o := range all[:min(len(all), 20)] {
				known = append(known, o.ID)
			}
			return nil, fmt.Errorf("there is no objective %q: there is %s", id, cmp.Or(strings.Join(known, ", "), "none at all"))
		}
		out = append(out, all[i])
	}
	return out, nil
}
