package lint

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/util/stats"
)

// week is a week of samples, one a minute.
const week = `load 1m
  http_requests_total{job="share",route="/share",code="200"} 0+99x10080
  http_requests_total{job="share",route="/share",code="500"} 0+1x10080
  http_requests_total{job="share",route="/feed",code="200"} 0+100x10080
  http_requests_total{job="api",route="/login",code="200"} 0+100x10080
  http_seconds_count 0+100x10080
  http_seconds_bucket{le="0.1"} 0+50x10080
  http_seconds_bucket{le="0.25"} 0+100x10080
  http_seconds_bucket{le="1.0"} 0+100x10080
  http_seconds_bucket{le="+Inf"} 0+100x10080
  in_flight{job="api"} 3+0x10080
  rare_total{ok="yes"} 0+0.03x10080
  rare_total{ok="no"} 0+0x10080
`

// testServer answers as a Prometheus does: from a TSDB, with PromQL.
type testServer struct {
	storage storage.Storage
	engine  *promql.Engine
	types   map[string]string
	now     time.Time
	asked   atomic.Int64
}

var _ Server = (*testServer)(nil)

func newTestServer(t *testing.T, load string) *testServer {
	t.Helper()
	s := &testServer{
		storage: promqltest.LoadedStorage(t, load),
		engine:  promqltest.NewTestEngineWithOpts(t, promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, EnablePerStepStats: true}),
		types:   map[string]string{"http_requests_total": "counter", "in_flight": "gauge"},
		now:     time.Unix(7*24*3600, 0),
	}
	t.Cleanup(func() { _ = s.storage.Close() })
	return s
}

func (s *testServer) Values(ctx context.Context, label, selector string) ([]string, error) {
	s.asked.Add(1)
	var matchers []*labels.Matcher
	if selector != "" {
		var err error
		if matchers, err = parser.NewParser(parser.Options{}).ParseMetricSelector(selector); err != nil {
			return nil, fmt.Errorf("%w: %w", ErrRefused, err)
		}
	}
	q, err := s.storage.Querier(0, s.now.UnixMilli())
	if err != nil {
		return nil, err
	}
	defer q.Close()
	values, _, err := q.LabelValues(ctx, label, nil, matchers...)
	return values, err
}

func (s *testServer) Query(ctx context.Context, expr string) (Answer, error) {
	s.asked.Add(1)
	q, err := s.engine.NewInstantQuery(ctx, s.storage, nil, expr, s.now)
	if err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRefused, err)
	}
	defer q.Close()
	r := q.Exec(ctx)
	if r.Err != nil {
		return Answer{}, fmt.Errorf("%w: %w", ErrRefused, r.Err)
	}
	v, err := r.Vector()
	if err != nil {
		return Answer{}, err
	}
	a := Answer{Read: int(stats.NewQueryStats(q.Stats()).Builtin().Samples.TotalQueryableSamples)}
	for _, one := range v {
		a.Results = append(a.Results, Result{Labels: one.Metric.Map(), Value: one.F})
	}
	return a, nil
}

func (s *testServer) Type(_ context.Context, metric string) (string, error) {
	return s.types[metric], nil
}

func TestFindingsOfAServer(t *testing.T) {
	all := objectives(t, readFile(t, "testdata/stored.yaml"))
	store, err := Survey(t.Context(), all, newTestServer(t, week))
	if err != nil {
		t.Fatal(err)
	}
	golden(t, "testdata/stored.golden", Check(all, Facts{Store: store}))
}

const oneObjective = `version: prometheus/v1
service: s
slos:
  - name: one
    objective: 99.9
    description: It works
    sli: {events: {error_query: 'sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))', total_query: 'sum(rate(http_requests_total[{{.window}}]))'}}
`

// TestAYoungStoreIsNotJudged has five minutes of samples: too few to say how often
// they arrive, how much traffic there is, and what can be promised.
func TestAYoungStoreIsNotJudged(t *testing.T) {
	server := newTestServer(t, "load 5s\n http_requests_total{code=\"200\"} 0+1x60\n http_requests_total{code=\"500\"} 0+1x60\n")
	server.now = time.Unix(300, 0)
	all := objectives(t, oneObjective)
	store, err := Survey(t.Context(), all, server)
	if err != nil {
		t.Fatal(err)
	}
	if found := Check(all, Facts{Store: store}); len(found) > 0 {
		t.Errorf("of five minutes it says %s", found)
	}
}

// TestTheSameSelectorIsAskedOnce has two objectives of the same series.
func TestTheSameSelectorIsAskedOnce(t *testing.T) {
	questions := func(text string) int64 {
		server := newTestServer(t, week)
		if _, err := Survey(t.Context(), objectives(t, text), server); err != nil {
			t.Fatal(err)
		}
		return server.asked.Load()
	}
	one := questions(oneObjective)
	two := questions(oneObjective + strings.Replace(oneObjective[strings.Index(oneObjective, "  - name"):], "name: one", "name: two", 1))
	if measured := int64(2); two != one+measured {
		t.Errorf("%d questions about one objective and %d about two of the same series, want %d more", one, two, measured)
	}
}

// brokenServer fails in the given way.
type brokenServer struct{ err error }

var _ Server = brokenServer{}

func (b brokenServer) Values(context.Context, string, string) ([]string, error) {
	return []string{"http_requests_total"}, nil
}

func (b brokenServer) Query(context.Context, string) (Answer, error) { return Answer{}, b.err }

func (b brokenServer) Type(context.Context, string) (string, error) { return "", b.err }

func TestASurveyEndsWithAServerThatFails(t *testing.T) {
	gone := errors.New("connection refused")
	if _, err := Survey(t.Context(), objectives(t, oneObjective), brokenServer{gone}); !errors.Is(err, gone) {
		t.Errorf("error %v", err)
	}
}

func TestARefusalIsTold(t *testing.T) {
	all := objectives(t, oneObjective)
	store, err := Survey(t.Context(), all, brokenServer{fmt.Errorf("%w: too many samples", ErrRefused)})
	if err != nil {
		t.Fatal(err)
	}
	found := Check(all, Facts{Store: store})
	if len(found) != 1 || found[0].Check != checkRefused || !strings.Contains(found[0].Sentence, "too many samples") {
		t.Errorf("%v", found)
	}
}

func TestTooManySeriesAreAFault(t *testing.T) {
	all := objectives(t, oneObjective)
	store := &Store{Selected: map[string]Selected{
		`http_requests_total`:              {Known: true, Series: 150_000},
		`http_requests_total{code=~"5.."}`: {Known: true, Series: 10},
	}}
	found := Check(all, Facts{Store: store})
	if len(found) != 1 || found[0].Check != checkManySeries || found[0].Severity != Fault || !strings.Contains(found[0].Sentence, "150,010") {
		t.Errorf("%v", found)
	}
}
