package store

import (
	"fmt"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

const benchSeries = 10_000

// silent watches all series or none, and does nothing with what it hears.
type silent bool

// Watch implements Observer.
func (all silent) Watch(labels.Labels) uint64 {
	if all {
		return 1
	}
	return 0
}

// Observe implements Observer.
func (silent) Observe(uint64, int64, int64, float64, *histogram.FloatHistogram) {}

func benchLabels() []labels.Labels {
	sets := make([]labels.Labels, benchSeries)
	for i := range sets {
		sets[i] = series("http_requests_total", "service", "share", "code", "200", "pod", fmt.Sprintf("share-%d", i))
	}
	return sets
}

// BenchmarkAppend commits a sample of each of 10,000 series: raw is the TSDB
// alone. The figure ns/op is for one sample, Commit included.
func BenchmarkAppend(b *testing.B) {
	for _, c := range []struct {
		name     string
		observer Observer
		raw      bool
	}{
		{name: "raw", raw: true},
		{name: "unobserved"},
		{name: "unwatched", observer: silent(false)},
		{name: "watched", observer: silent(true)},
	} {
		b.Run(c.name, func(b *testing.B) {
			s, err := Open(Options{Dir: b.TempDir(), Config: DefaultConfig()})
			if err != nil {
				b.Fatal(err)
			}
			defer s.Close()
			s.SetObserver(c.observer)
			var target storage.AppendableV2 = s
			if c.raw {
				target = s.db
			}
			benchAppend(b, target)
		})
	}
}

// BenchmarkWrapper is what the wrapper costs by itself: the TSDB is replaced by one
// that does nothing, and the case none is that one without the wrapper.
func BenchmarkWrapper(b *testing.B) {
	for _, c := range []struct {
		name     string
		observer Observer
		opts     storage.AOptions
		raw      bool
	}{
		{name: "none", raw: true},
		{name: "unobserved"},
		{name: "unwatched", observer: silent(false)},
		{name: "watched", observer: silent(true)},
		{name: "unwatched_with_metadata", observer: silent(false), opts: storage.AOptions{
			MetricFamilyName: "http_requests_total",
			Metadata:         metadata.Metadata{Type: "counter", Help: "How many requests were served."},
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			s := &Store{}
			s.metrics = newMetrics(prometheus.NewRegistry(), s)
			s.SetObserver(c.observer)
			sets := benchLabels()
			var at int64
			pass := func() {
				at++
				var app storage.AppenderV2 = &noAppender{}
				if !c.raw {
					app = &appenderV2{transaction: transaction{store: s, inner: app}, inner: app}
				}
				for j := range sets {
					if _, err := app.Append(storage.SeriesRef(j+1), sets[j], 0, at, 1, nil, nil, c.opts); err != nil {
						b.Fatal(err)
					}
				}
				if err := app.Commit(); err != nil {
					b.Fatal(err)
				}
			}
			pass() // everybody is asked once
			b.ReportAllocs()
			b.ResetTimer()
			for i := 0; i < b.N; i += benchSeries {
				pass()
			}
		})
	}
}

func benchAppend(b *testing.B, target storage.AppendableV2) {
	b.Helper()
	sets := benchLabels()
	refs := make([]storage.SeriesRef, len(sets))
	var at int64
	pass := func() {
		at += 1000
		app := target.AppenderV2(b.Context())
		for j := range sets {
			var err error
			if refs[j], err = app.Append(refs[j], sets[j], 0, at, float64(at), nil, nil, storage.AOptions{}); err != nil {
				b.Fatal(err)
			}
		}
		if err := app.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	pass()
	b.ReportAllocs()
	b.ResetTimer()
	for i := 0; i < b.N; i += benchSeries {
		pass()
	}
}

// noAppender accepts everything.
type noAppender struct{}

var _ storage.AppenderV2 = (*noAppender)(nil)

// Append implements storage.AppenderV2.
func (*noAppender) Append(ref storage.SeriesRef, _ labels.Labels, _, _ int64, _ float64, _ *histogram.Histogram, _ *histogram.FloatHistogram, _ storage.AOptions) (storage.SeriesRef, error) {
	return ref, nil
}

// Commit implements storage.AppenderTransaction.
func (*noAppender) Commit() error { return nil }

// Rollback implements storage.AppenderTransaction.
func (*noAppender) Rollback() error { return nil }
