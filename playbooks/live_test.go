package playbooks

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/util/teststorage"
)

// engine asks Prometheus' engine, as an instance does.
func engine(t *testing.T, series *teststorage.TestStorage) Query {
	t.Helper()
	e := promqltest.NewTestEngineWithOpts(t, promql.EngineOpts{Timeout: time.Minute, MaxSamples: 1_000_000, Parser: parser.NewParser(parser.Options{})})
	return func(ctx context.Context, expr string, at time.Time) ([]Sample, error) {
		q, err := e.NewInstantQuery(ctx, series, nil, expr, at)
		if err != nil {
			return nil, err
		}
		defer q.Close()
		result := q.Exec(ctx)
		if result.Err != nil {
			return nil, result.Err
		}
		if scalar, err := result.Scalar(); err == nil {
			return []Sample{{Value: scalar.V}}, nil
		}
		vector, err := result.Vector()
		if err != nil {
			return nil, err
		}
		var samples []Sample
		for _, s := range vector {
			samples = append(samples, Sample{Labels: s.Metric.Map(), Value: s.F})
		}
		return samples, nil
	}
}

// What the embedded library's steps say when its metrics are there, to be reviewed as
// text: no query is without an answer.
func TestLibraryLiveGolden(t *testing.T) {
	text, err := os.ReadFile("testdata/library.series")
	if err != nil {
		t.Fatal(err)
	}
	query := engine(t, promqltest.LoadedStorage(t, string(text)))
	at := time.Unix(0, 0).Add(10_090 * time.Minute)
	var b strings.Builder
	for _, p := range load(t).All() {
		fmt.Fprintf(&b, "# %s (%s)\n\n", p.Title, p.ID)
		for _, s := range p.Fill(map[string]string{"service": "share"}).Evaluate(t.Context(), query, at).Steps() {
			if !strings.Contains(s.Text, "→") {
				continue
			}
			if s.Section != Check || strings.Contains(s.Text, noData) || strings.Contains(s.Text, "not known") || strings.Count(s.Text, "→") > maxRows {
				t.Errorf("%s: this step of %s is of no use:\n%s", p.ID, s.Section, s.Text)
			}
			b.WriteString(s.Text + "\n\n")
		}
	}
	golden(t, "library-live.golden.md", b.String())
}
