package store

import (
	"errors"
	"math"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

// add2 appends one float by version 2.
func add2(t *testing.T, app storage.AppenderV2, l labels.Labels, st, at int64, v float64) {
	t.Helper()
	if _, err := app.Append(0, l, st, at, v, nil, nil, storage.AOptions{}); err != nil {
		t.Fatalf("append %s at %d: %v", l, at, err)
	}
}

func TestCommittedSamplesAreObserved(t *testing.T) {
	s := open(t)
	r := record("a", "b")
	s.SetObserver(r)

	app := s.Appender(t.Context())
	for _, p := range []struct {
		name string
		t    int64
		v    float64
	}{{"a", 1, 1}, {"unwatched", 1, 9}, {"b", 1, 2}, {"a", 2, 3}} {
		if _, err := app.Append(0, series(p.name), p.t, p.v); err != nil {
			t.Fatal(err)
		}
	}
	r.expect(t) // nothing before Commit
	commit(t, app)
	r.expect(t, "a start=0 t=1 v=1", "b start=0 t=1 v=2", "a start=0 t=2 v=3")

	app2 := s.AppenderV2(t.Context())
	add2(t, app2, series("a"), 0, 3, 4)
	add2(t, app2, series("unwatched"), 0, 3, 9)
	add2(t, app2, series("b"), 0, 3, 5)
	r.expect(t)
	commit(t, app2)
	r.expect(t, "a start=0 t=3 v=4", "b start=0 t=3 v=5")

	want := []string{`{__name__="a"}`, `{__name__="unwatched"}`, `{__name__="b"}`}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Errorf("each series is asked about once (-want +got):\n%s", diff)
	}
}

func TestRollbackIsNotObserved(t *testing.T) {
	s := open(t)
	r := record("a")
	s.SetObserver(r)
	app := s.Appender(t.Context())
	if _, err := app.Append(0, series("a"), 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := app.Rollback(); err != nil {
		t.Fatal(err)
	}
	app2 := s.AppenderV2(t.Context())
	add2(t, app2, series("a"), 0, 2, 1)
	if err := app2.Rollback(); err != nil {
		t.Fatal(err)
	}
	r.expect(t)
	// What was rolled back does not hide what comes later at the same time.
	add(t, s, series("a"), 2, 5)
	r.expect(t, "a start=0 t=2 v=5")
}

func TestFailedCommitIsNotObserved(t *testing.T) {
	s := openAt(t, t.TempDir())
	r := record("a")
	s.SetObserver(r)
	app := s.Appender(t.Context())
	if _, err := app.Append(0, series("a"), 1, 1); err != nil {
		t.Fatal(err)
	}
	closeStore(t, s) // the log is closed: Commit cannot write
	if err := app.Commit(); err == nil {
		t.Error("Commit succeeded without a log")
	}
	r.expect(t)
}

func TestRefusedSamplesAreNotObserved(t *testing.T) {
	s := open(t)
	r := record("a", "h")
	s.SetObserver(r)
	hour := time.Hour.Milliseconds()
	add(t, s, series("a"), float64(hour), 1)
	r.expect(t, "a start=0 t=3600000 v=1")

	app := s.Appender(t.Context())
	refuse := func(l labels.Labels, at int64, v float64, want error) {
		t.Helper()
		if _, err := app.Append(0, l, at, v); !errors.Is(err, want) {
			t.Errorf("append %s at %d: %v, want %v", l, at, err, want)
		}
	}
	refuse(series("a"), 0, 1, storage.ErrTooOldSample)
	refuse(series("a"), hour, 2, storage.ErrDuplicateSampleForTimestamp)
	broken := tsdbutil.GenerateTestHistogram(1)
	broken.Count = 1
	if _, err := app.AppendHistogram(0, series("h"), hour, broken, nil); err == nil {
		t.Error("a broken histogram is taken")
	}
	commit(t, app)

	app2 := s.AppenderV2(t.Context())
	if _, err := app2.Append(0, series("a"), 0, hour-1, 1, nil, nil, storage.AOptions{RejectOutOfOrder: true}); !errors.Is(err, storage.ErrOutOfOrderSample) {
		t.Errorf("got %v", err)
	}
	if _, err := app2.Append(0, labels.EmptyLabels(), 0, hour, 1, nil, nil, storage.AOptions{}); err == nil {
		t.Error("a series without labels is taken")
	}
	commit(t, app2)
	r.expect(t)

	app = s.Appender(t.Context())
	app.SetOptions(&storage.AppendOptions{DiscardOutOfOrder: true})
	refuse(series("a"), hour-1, 1, storage.ErrOutOfOrderSample)
	commit(t, app)
	r.expect(t)
}

// The TSDB takes these with nil and drops them.
func TestDuplicatesAreObservedOnce(t *testing.T) {
	s := open(t)
	r := record("a", "h")
	s.SetObserver(r)
	add(t, s, series("a"), 10, 1)
	add(t, s, series("a"), 10, 1)        // again, in another transaction
	add(t, s, series("a"), 20, 2, 20, 2) // twice in one transaction
	add(t, s, series("a"), 30, 3, 30, 4) // two values for one moment: the first is stored
	r.expect(t, "a start=0 t=10 v=1", "a start=0 t=20 v=2", "a start=0 t=30 v=3")
	if got, want := query(t, s, "a", 30), "{__name__=\"a\"} => 3 @[30]"; got != want {
		t.Errorf("stored %s, want %s", got, want)
	}

	for range 2 {
		app := s.AppenderV2(t.Context())
		if _, err := app.Append(0, series("h"), 0, 10, 0, tsdbutil.GenerateTestHistogram(1), nil, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
		commit(t, app)
	}
	r.expect(t, "h start=0 t=10 v=36.8 count=21")
}

func TestLateSamplesAreObserved(t *testing.T) {
	s := open(t)
	r := record("a")
	s.SetObserver(r)
	add(t, s, series("a"), 1000, 1, 3000, 3)
	add(t, s, series("a"), 2000, 2)
	add(t, s, series("a"), 4000, 4)
	r.expect(t, "a start=0 t=1000 v=1", "a start=0 t=3000 v=3", "a start=0 t=2000 v=2", "a start=0 t=4000 v=4")
}

func TestStaleMarkersAreObserved(t *testing.T) {
	s := open(t)
	r := record("a", "h", "f")
	s.SetObserver(r)
	stale := math.Float64frombits(value.StaleNaN)
	add(t, s, series("a"), 1, 1, 2, stale)

	app := s.AppenderV2(t.Context())
	appendHistogram := func(name string, at int64, h *histogram.Histogram, fh *histogram.FloatHistogram) {
		t.Helper()
		if _, err := app.Append(0, series(name), 0, at, 0, h, fh, storage.AOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	appendHistogram("h", 1, tsdbutil.GenerateTestHistogram(1), nil)
	appendHistogram("f", 1, nil, tsdbutil.GenerateTestFloatHistogram(1))
	appendHistogram("f", 2, nil, &histogram.FloatHistogram{Sum: stale})
	commit(t, app)
	add(t, s, series("h"), 2, stale) // as scraping marks the end of a histogram
	r.expect(t,
		"a start=0 t=1 v=1", "a start=0 t=2 stale",
		"h start=0 t=1 v=36.8 count=21", "f start=0 t=1 v=36.8 count=21", "f start=0 t=2 stale count=0",
		"h start=0 t=2 stale",
	)
}

func TestHistogramsAreObservedAsFloat(t *testing.T) {
	s := open(t)
	r := record("h")
	s.SetObserver(r)
	h := tsdbutil.GenerateTestHistogram(3)
	fh := tsdbutil.GenerateTestFloatHistogram(4)

	app := s.Appender(t.Context())
	if _, err := app.AppendHistogram(0, series("h"), 1, h, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := app.AppendHistogram(0, series("h"), 2, nil, fh); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	if len(r.hists) != 2 || !r.hists[0].Equals(h.ToFloat(nil)) || !r.hists[1].Equals(fh) {
		t.Errorf("got %v", r.hists)
	}
}

func TestStartTimes(t *testing.T) {
	s := open(t)
	r := record("a", "b", "h")
	s.SetObserver(r)

	app := s.AppenderV2(t.Context())
	add2(t, app, series("a"), 50, 100, 1)
	add2(t, app, series("a"), 0, 200, 2)
	add2(t, app, series("a"), 300, 300, 3) // OTLP: the start is not known
	add2(t, app, series("a"), 900, 400, 4) // nonsense
	commit(t, app)
	r.expect(t, "a start=50 t=100 v=1", "a start=0 t=200 v=2", "a start=0 t=300 v=3", "a start=0 t=400 v=4")

	v1 := s.Appender(t.Context())
	start := func(l labels.Labels, at, st int64, want error) {
		t.Helper()
		if _, err := v1.AppendSTZeroSample(0, l, at, st); !errors.Is(err, want) {
			t.Errorf("start of %s: %v, want %v", l, err, want)
		}
	}
	add1 := func(l labels.Labels, at int64, v float64) {
		t.Helper()
		if _, err := v1.Append(0, l, at, v); err != nil {
			t.Fatal(err)
		}
	}
	start(series("b"), 100, 50, nil)
	add1(series("b"), 100, 1)
	add1(series("b"), 200, 2) // the start was that of the sample before
	start(series("b"), 300, 250, nil)
	add1(series("a"), 500, 5) // not the series that the start was for
	add1(series("b"), 300, 3)
	start(series("b"), 400, 500, storage.ErrSTNewerThanSample)
	add1(series("b"), 400, 4)
	h := tsdbutil.GenerateTestHistogram(1)
	if _, err := v1.AppendHistogramSTZeroSample(0, series("h"), 100, 70, h, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := v1.AppendHistogram(0, series("h"), 100, h, nil); err != nil {
		t.Fatal(err)
	}
	commit(t, v1)
	r.expect(t,
		"b start=50 t=100 v=1", "b start=0 t=200 v=2", "a start=0 t=500 v=5",
		"b start=0 t=300 v=3", "b start=0 t=400 v=4", "h start=70 t=100 v=36.8 count=21",
	)
	// No zero sample is stored at the start.
	if got, want := query(t, s, "count_over_time(b[1s])", 400), "{} => 4 @[400]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestPartialErrorIsStillASample(t *testing.T) {
	s := open(t)
	r := record("a")
	s.SetObserver(r)
	long := labels.FromStrings("trace_id", strings.Repeat("x", exemplar.ExemplarMaxLabelSetLength))
	app := s.AppenderV2(t.Context())
	_, err := app.Append(0, series("a"), 0, 200, 2, nil, nil, storage.AOptions{Exemplars: []exemplar.Exemplar{{Labels: long, Value: 1, Ts: 200, HasTs: true}}})
	if partial := new(storage.AppendPartialError); !errors.As(err, &partial) {
		t.Fatalf("got %v, want a partial error", err)
	}
	commit(t, app)
	r.expect(t, "a start=0 t=200 v=2")
}

// Prometheus' scrape loop keeps references: they are honored, also without labels.
func TestAppendByReference(t *testing.T) {
	s := open(t)
	app := s.Appender(t.Context())
	ref, err := app.Append(0, series("a", "x", "y", "empty", ""), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	r := record("a")
	s.SetObserver(r)
	app = s.Appender(t.Context())
	if _, err := app.Append(ref, labels.EmptyLabels(), 2, 2); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	r.expect(t, "a start=0 t=2 v=2")
	if diff := cmp.Diff([]string{`{__name__="a", x="y"}`}, r.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestReferencesDieWithTheHead(t *testing.T) {
	s := open(t)
	r := record("a")
	s.SetObserver(r)
	hour := time.Hour.Milliseconds()

	app := s.Appender(t.Context())
	old, err := app.Append(0, series("a"), 1, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := app.Append(0, series("other"), 1, 1); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	r.expect(t, "a start=0 t=1 v=1")
	if n := s.Stats().WatchedSeries; n != 1 {
		t.Fatalf("%d series watched", n)
	}

	// Only "alive" has samples after the truncation: the others are collected.
	add(t, s, series("alive"), float64(10*hour), 1)
	if err := s.db.Head().Truncate(9 * hour); err != nil {
		t.Fatal(err)
	}
	if n := s.db.Head().NumSeries(); n != 1 {
		t.Fatalf("%d series left in the head", n)
	}
	if n := s.Stats().WatchedSeries; n != 0 {
		t.Errorf("%d series still watched", n)
	}

	// The scrape loop comes back with its old reference: the head makes a new one.
	app = s.Appender(t.Context())
	fresh, err := app.Append(old, series("a"), 10*hour, 7)
	if err != nil {
		t.Fatal(err)
	}
	if fresh == old {
		t.Fatal("the head gave a dead reference to a living series")
	}
	commit(t, app)
	r.expect(t, "a start=0 t=36000000 v=7")
	want := []string{`{__name__="a"}`, `{__name__="other"}`, `{__name__="alive"}`, `{__name__="a"}`}
	if diff := cmp.Diff(want, r.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}
}

func TestSetObserverWhileAppending(t *testing.T) {
	s := open(t)
	first, second := record("a", "b"), record("a", "c")
	s.SetObserver(first)
	app := s.Appender(t.Context())
	for _, name := range []string{"a", "b", "c"} {
		if _, err := app.Append(0, series(name), 1, 1); err != nil {
			t.Fatal(err)
		}
	}
	s.SetObserver(second)
	if _, err := app.Append(0, series("c"), 2, 2); err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	first.expect(t)
	// a was watched by both; c at 1 was appended when nobody wanted it.
	second.expect(t, "a start=0 t=1 v=1", "c start=0 t=2 v=2")

	// Offered again, and to the same observer as well.
	second.asked = nil
	s.SetObserver(second)
	add(t, s, series("a"), 3, 3)
	second.expect(t, "a start=0 t=3 v=3")
	if diff := cmp.Diff([]string{`{__name__="a"}`}, second.asked); diff != "" {
		t.Errorf("asked (-want +got):\n%s", diff)
	}

	app = s.Appender(t.Context())
	if _, err := app.Append(0, series("a"), 4, 4); err != nil {
		t.Fatal(err)
	}
	s.SetObserver(nil)
	commit(t, app)
	add(t, s, series("a"), 5, 5)
	second.expect(t)
}

// Many appenders, truncations and observers at once: run with -race.
func TestConcurrentUse(t *testing.T) {
	s := open(t)
	const writers, rounds = 4, 200
	minute := time.Minute.Milliseconds()
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range int64(rounds) {
				app := s.AppenderV2(t.Context())
				for _, name := range []string{"a", "b", "c"} {
					_, err := app.Append(0, series(name, "writer", string(rune('a'+w)), "round", string(rune('a'+i/40))), 0, i*minute, float64(i), nil, nil, storage.AOptions{})
					if err != nil && !errors.Is(err, storage.ErrTooOldSample) {
						t.Error(err)
					}
				}
				if err := app.Commit(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Go(func() {
		for range 20 {
			s.SetObserver(record("a", "c"))
			if err := s.db.Head().Truncate(s.db.Head().MaxTime() - 60*minute); err != nil {
				t.Error(err)
			}
			s.Stats()
		}
	})
	wg.Wait()
	if got, most := s.Stats().WatchedSeries, int(s.Stats().Series); got > most {
		t.Errorf("%d series watched of %d", got, most)
	}
}
