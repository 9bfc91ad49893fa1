package tsdbexporter

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/exporter"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.uber.org/goleak"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeStore keeps what is appended once it is committed.
type fakeStore struct {
	// answer gives the error of a sample's append; commit is the error of a commit.
	answer func(ls labels.Labels) error
	commit error

	committed              []string
	commits, rollbacks, at int
}

func (s *fakeStore) AppenderV2(context.Context) storage.AppenderV2 { return &fakeAppender{store: s} }

type fakeAppender struct {
	store   *fakeStore
	pending []string
}

var _ storage.AppenderV2 = (*fakeAppender)(nil)

//revive:disable-next-line:argument-limit // Prometheus' interface.
func (a *fakeAppender) Append(
	_ storage.SeriesRef, ls labels.Labels, _, _ int64, _ float64, _ *histogram.Histogram, _ *histogram.FloatHistogram, _ storage.AOptions,
) (storage.SeriesRef, error) {
	a.store.at++
	if a.store.answer != nil {
		if err := a.store.answer(ls); err != nil && !errors.Is(err, &storage.AppendPartialError{}) {
			return 0, err
		} else if err != nil {
			a.pending = append(a.pending, ls.Get("__name__"))
			return 1, err
		}
	}
	a.pending = append(a.pending, ls.Get("__name__"))
	return 1, nil
}

func (a *fakeAppender) Commit() error {
	a.store.commits++
	if a.store.commit != nil {
		return a.store.commit
	}
	a.store.committed = append(a.store.committed, a.pending...)
	return nil
}

func (a *fakeAppender) Rollback() error {
	a.store.rollbacks++
	return nil
}

// gauges is a request with one sample for each name.
func gauges(at time.Time, names ...string) pmetric.Metrics {
	md := pmetric.NewMetrics()
	metrics := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics()
	for _, name := range names {
		metric := metrics.AppendEmpty()
		metric.SetName(name)
		point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
		point.SetTimestamp(pcommon.NewTimestampFromTime(at))
		point.SetDoubleValue(1)
	}
	return md
}

func failOn(name string, err error) func(labels.Labels) error {
	return func(ls labels.Labels) error {
		if ls.Get("__name__") == name {
			return err
		}
		return nil
	}
}

func TestAnswers(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	for _, test := range []struct {
		name      string
		store     fakeStore
		at        time.Time
		want      codes.Code
		text      string
		committed string
		result    Result
	}{
		{"stored", fakeStore{}, now, codes.OK, "", "a b c", Result{Samples: 3}},
		{"out of order", fakeStore{answer: failOn("b", storage.ErrOutOfOrderSample)}, now, codes.InvalidArgument, "1 of 3 samples refused", "a c", Result{Samples: 2, Refused: 1}},
		{"duplicate", fakeStore{answer: failOn("a", storage.NewDuplicateFloatErr(1, 2, 3))}, now, codes.InvalidArgument, "duplicate sample", "b c", Result{Samples: 2, Refused: 1}},
		{"too old", fakeStore{answer: failOn("c", storage.ErrTooOldSample)}, now, codes.InvalidArgument, "too old", "a b", Result{Samples: 2, Refused: 1}},
		{"invalid labels", fakeStore{answer: failOn("c", tsdb.ErrInvalidSample)}, now, codes.InvalidArgument, "invalid", "a b", Result{Samples: 2, Refused: 1}},
		{"invalid histogram", fakeStore{answer: failOn("c", histogram.ErrHistogramNegativeCount)}, now, codes.InvalidArgument, "negative", "a b", Result{Samples: 2, Refused: 1}},
		{"exemplar", fakeStore{answer: failOn("b", &storage.AppendPartialError{ExemplarErrors: []error{storage.ErrOutOfOrderExemplar}})}, now, codes.OK, "", "a b c", Result{Samples: 3, Exemplars: 1}},
		{"of the future", fakeStore{}, now.Add(11 * time.Minute), codes.InvalidArgument, "future", "", Result{Refused: 3}},
		{"store trouble", fakeStore{answer: failOn("b", errors.New("disk full"))}, now, codes.Unavailable, "disk full", "", Result{}},
		{"commit fails", fakeStore{commit: errors.New("write WAL: disk full")}, now, codes.Unavailable, "commit: write WAL", "", Result{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got Result
			e, err := New(Options{Store: &test.store, Now: func() time.Time { return now }, Stored: func(r Result) { got = r }})
			if err != nil {
				t.Fatal(err)
			}
			err = e.ConsumeMetrics(t.Context(), gauges(test.at, "a", "b", "c"))
			if status.Code(err) != test.want || err != nil && !strings.Contains(err.Error(), test.text) {
				t.Errorf("answer %v, want %v with %q", err, test.want, test.text)
			}
			if committed := strings.Join(test.store.committed, " "); committed != test.committed {
				t.Errorf("committed %q, want %q", committed, test.committed)
			}
			if test.store.commits+test.store.rollbacks != 1 {
				t.Errorf("%d commits and %d rollbacks, want one of them", test.store.commits, test.store.rollbacks)
			}
			got.Err = nil
			if got != test.result {
				t.Errorf("told %+v, want %+v", got, test.result)
			}
		})
	}
}

func TestUntranslatableIsRefusedTheRestStored(t *testing.T) {
	store := &fakeStore{}
	e, err := New(Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	md := gauges(time.Now(), "a")
	odd := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().AppendEmpty()
	odd.SetName("odd")
	odd.SetEmptySum().DataPoints().AppendEmpty()
	err = e.ConsumeMetrics(t.Context(), md)
	if status.Code(err) != codes.InvalidArgument || !strings.Contains(err.Error(), `"odd"`) {
		t.Errorf("answer %v, want InvalidArgument that names the metric", err)
	}
	if strings.Join(store.committed, " ") != "a" {
		t.Errorf("committed %q, want a", store.committed)
	}
}

func TestCanceledIsRolledBack(t *testing.T) {
	store := &fakeStore{}
	e, err := New(Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := e.ConsumeMetrics(ctx, gauges(time.Now(), "a")); status.Code(err) != codes.Unavailable || store.rollbacks != 1 {
		t.Errorf("answer %v, %d rollbacks", err, store.rollbacks)
	}
}

func TestDeltasGoOnOverCollectors(t *testing.T) {
	store := &fakeStore{}
	var values []float64
	e, err := New(Options{Store: valueStore{store, &values}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- e.Run(ctx) }()
	begin := time.Now().Add(-time.Minute)
	for i := range 3 {
		// Each round is a Collector of its own, as after a reload.
		factory := NewFactory(e)
		metrics, err := factory.CreateMetrics(t.Context(), exporter.Settings{ID: component.NewID(factory.Type())}, factory.CreateDefaultConfig())
		if err != nil {
			t.Fatal(err)
		}
		md := pmetric.NewMetrics()
		metric := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName("posts")
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
		point := sum.DataPoints().AppendEmpty()
		point.SetStartTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(i) * time.Second)))
		point.SetTimestamp(pcommon.NewTimestampFromTime(begin.Add(time.Duration(i+1) * time.Second)))
		point.SetIntValue(5)
		if err := metrics.ConsumeMetrics(t.Context(), md); err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if len(values) != 3 || values[2] != 15 {
		t.Errorf("values %v, want 5 10 15", values)
	}
}

// valueStore also keeps the values.
type valueStore struct {
	*fakeStore

	values *[]float64
}

func (s valueStore) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &valueAppender{AppenderV2: s.fakeStore.AppenderV2(ctx), values: s.values}
}

type valueAppender struct {
	storage.AppenderV2

	values *[]float64
}

//revive:disable-next-line:argument-limit // Prometheus' interface.
func (a *valueAppender) Append(
	ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions,
) (storage.SeriesRef, error) {
	*a.values = append(*a.values, v)
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
}

func TestResourceAttributesAreKept(t *testing.T) {
	store := &fakeStore{}
	var seen []string
	store.answer = func(ls labels.Labels) error {
		seen = append(seen, ls.String())
		return nil
	}
	e, err := New(Options{Store: store})
	if err != nil {
		t.Fatal(err)
	}
	factory := NewFactory(e)
	metrics, err := factory.CreateMetrics(t.Context(), exporter.Settings{ID: component.NewID(factory.Type())}, &Config{ResourceAttributes: []string{"service.name"}})
	if err != nil {
		t.Fatal(err)
	}
	md := gauges(time.Now(), "a")
	attributes := md.ResourceMetrics().At(0).Resource().Attributes()
	attributes.PutStr("service.name", "feed")
	attributes.PutStr("service.instance.id", "1")
	attributes.PutStr("host.name", "h")
	if err := metrics.ConsumeMetrics(t.Context(), md); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(seen, " "); got != `{__name__="a", job="feed"}` {
		t.Errorf("stored %s", got)
	}
}

func TestLogsAreRefused(t *testing.T) {
	var refused int
	e, err := New(Options{Store: &fakeStore{}, LogsRefused: func(records int, _ error) { refused += records }})
	if err != nil {
		t.Fatal(err)
	}
	factory := NewFactory(e)
	logs, err := factory.CreateLogs(t.Context(), exporter.Settings{ID: component.NewID(factory.Type())}, factory.CreateDefaultConfig())
	if err != nil {
		t.Fatal(err)
	}
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty()
	if err := logs.ConsumeLogs(t.Context(), ld); status.Code(err) != codes.Unimplemented || refused != 1 {
		t.Errorf("answer %v, %d refused", err, refused)
	}
}

func TestNewNeedsAStore(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("no error without a store")
	}
}
