package store

import (
	"fmt"
	"net/http"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
)

// fill stores a sample of each of n series of a metric.
func fill(tb testing.TB, s *Store, n int, labelsOf func(i int) labels.Labels) {
	tb.Helper()
	app := s.Appender(tb.Context())
	for i := range n {
		if _, err := app.Append(0, labelsOf(i), 1000, 1); err != nil {
			tb.Fatal(err)
		}
	}
	if err := app.Commit(); err != nil {
		tb.Fatal(err)
	}
}

// A metric with a label that has a value for each user is named with that label and with who sends it.
func TestCardinality(t *testing.T) {
	s := open(t)
	fill(t, s, 5000, func(i int) labels.Labels {
		job := "share"
		if i%10 == 0 {
			job = "feed"
		}
		return series("sessions", "user", fmt.Sprint(i), "job", job, "zone", fmt.Sprint(i%3))
	})
	fill(t, s, 12, func(i int) labels.Labels {
		return series("requests_total", "code", fmt.Sprint(200+i%4), "service", "auth", "pod", fmt.Sprint(i))
	})
	fill(t, s, 1, func(int) labels.Labels { return series("up", "instance", "a") })
	c, err := s.Cardinality(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := []MetricCardinality{
		{Name: "sessions", Series: 5000, Looked: 2000, Label: "user", Values: 2000, By: "job", Origin: "share", OriginHas: 1800},
		{Name: "requests_total", Series: 12, Looked: 12, Label: "pod", Values: 12, By: "service", Origin: "auth", OriginHas: 12},
		{Name: "up", Series: 1, Looked: 1},
	}
	// Of the first metric every other series is looked at, which are all the feed's and some of the other's.
	want[0].OriginHas = c.Metrics[0].OriginHas
	if diff := cmp.Diff(want, c.Metrics); diff != "" || want[0].OriginHas < 1000 {
		t.Errorf("metrics (-want +got):\n%s", diff)
	}
	if c.Series != 5013 || c.Labels[0] != (LabelCardinality{"user", 5000}) {
		t.Errorf("%d series, labels %+v", c.Series, c.Labels)
	}
	fill(t, s, 1, func(int) labels.Labels { return series("later") })
	if again, err := s.Cardinality(t.Context()); err != nil || again.Series != 5013 {
		t.Errorf("a moment later there are %d series (%v), counted again", again.Series, err)
	}
}

func TestCardinalityOfNothing(t *testing.T) {
	s := open(t)
	if c, err := s.Cardinality(t.Context()); err != nil || c.Series != 0 || len(c.Metrics) != 0 {
		t.Errorf("%+v, %v", c, err)
	}
}

// Samples are counted by the way on which they came, and only once they are committed.
func TestWrittenBySource(t *testing.T) {
	s := serve(t, APIOptions{})
	add(t, s.store, series("recorded"), 1, 1)
	undone := s.store.Appender(t.Context())
	if _, err := undone.Append(0, series("undone"), 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := undone.Rollback(); err != nil {
		t.Fatal(err)
	}
	if st := s.store.Stats(); st.Rules != 1 || st.RemoteWrite != 0 || st.OTLP != 0 {
		t.Errorf("after a rule: %+v", st)
	}
	s.write(v1Type, pack(t, writeV1())).expectStatus(t, http.StatusNoContent, "")
	written := s.store.Stats()
	if written.RemoteWrite == 0 || written.OTLP != 0 || written.Rules != 1 {
		t.Errorf("after remote write: %+v", written)
	}
	s.do(http.MethodPost, "/api/v1/otlp/v1/metrics", protobuf(t, exportRequest(t)), "Content-Type", "application/x-protobuf").expectStatus(t, http.StatusOK, "")
	if st := s.store.Stats(); st.OTLP == 0 || st.RemoteWrite != written.RemoteWrite || st.Rules != 1 {
		t.Errorf("after OTLP: %+v", st)
	}
}

// BenchmarkCardinality counts 200,000 series of 20 metrics anew each time.
func BenchmarkCardinality(b *testing.B) {
	s, err := Open(Options{Dir: b.TempDir(), Config: DefaultConfig()})
	if err != nil {
		b.Fatal(err)
	}
	defer s.Close()
	for m := range 20 {
		fill(b, s, 10_000, func(i int) labels.Labels {
			return series(fmt.Sprintf("metric_%d_total", m), "pod", fmt.Sprint(i%500), "route", fmt.Sprint(i/500), "job", "share", "code", "200")
		})
	}
	for b.Loop() {
		if _, err := s.countSeries(b.Context()); err != nil {
			b.Fatal(err)
		}
	}
}
