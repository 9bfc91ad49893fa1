package store

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"go.uber.org/goleak"

	"github.com/prometheus/prometheus/model/histogram"
)

// openEnv has the test binary open the store in that directory and say why it cannot.
const openEnv = "STORE_TEST_OPEN"

func TestMain(m *testing.M) {
	if dir := os.Getenv(openEnv); dir != "" {
		_, err := Open(Options{Dir: dir, Config: DefaultConfig()})
		fmt.Println(err)
		os.Exit(0)
	}
	goleak.VerifyTestMain(m)
}

var _ Observer = (*recorder)(nil)

// recorder watches the series that want accepts and writes down what it hears, one
// line for each event.
type recorder struct {
	want func(labels.Labels) bool

	mu     sync.Mutex
	names  map[uint64]string
	asked  []string
	events []string
	hists  []*histogram.FloatHistogram
}

func record(names ...string) *recorder {
	return &recorder{want: func(l labels.Labels) bool { return slices.Contains(names, l.Get("__name__")) }}
}

// Watch implements Observer.
func (r *recorder) Watch(l labels.Labels) uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = append(r.asked, l.String())
	if !r.want(l) {
		return 0
	}
	if r.names == nil {
		r.names = map[uint64]string{}
	}
	id := uint64(len(r.names) + 1)
	r.names[id] = l.Get("__name__")
	return id
}

// Observe implements Observer.
func (r *recorder) Observe(id uint64, startMs, tMs int64, v float64, h *histogram.FloatHistogram) {
	r.mu.Lock()
	defer r.mu.Unlock()
	text := fmt.Sprintf("%s start=%d t=%d v=%g", r.names[id], startMs, tMs, v)
	if value.IsStaleNaN(v) {
		text = fmt.Sprintf("%s start=%d t=%d stale", r.names[id], startMs, tMs)
	}
	if h != nil {
		text += fmt.Sprintf(" count=%g", h.Count)
		r.hists = append(r.hists, h)
	}
	r.events = append(r.events, text)
}

// take returns what was heard since the last time, and forgets it.
func (r *recorder) take() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	events := r.events
	r.events = nil
	return events
}

func (r *recorder) expect(t *testing.T, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, r.take()); diff != "" {
		t.Errorf("observed (-want +got):\n%s", diff)
	}
}

func openAt(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(Options{Dir: dir, Config: DefaultConfig()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open returns an empty store, which the test closes.
func open(t *testing.T) *Store {
	t.Helper()
	s := openAt(t, t.TempDir())
	t.Cleanup(func() { closeStore(t, s) })
	return s
}

func closeStore(t *testing.T, s *Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

func series(name string, pairs ...string) labels.Labels {
	return labels.FromStrings(append([]string{"__name__", name}, pairs...)...)
}

// add commits float samples of one series, "t v t v".
func add(t *testing.T, s *Store, l labels.Labels, points ...float64) {
	t.Helper()
	app := s.Appender(t.Context())
	for i := 0; i < len(points); i += 2 {
		if _, err := app.Append(0, l, int64(points[i]), points[i+1]); err != nil {
			t.Fatalf("append %s at %g: %v", l, points[i], err)
		}
	}
	commit(t, app)
}

func commit(t *testing.T, app interface{ Commit() error }) {
	t.Helper()
	if err := app.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

func query(t *testing.T, s *Store, expr string, at int64) string {
	t.Helper()
	v, err := s.QueryFunc()(t.Context(), expr, time.UnixMilli(at))
	if err != nil {
		t.Fatalf("query %s: %v", expr, err)
	}
	return v.String()
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	refuse := func(c Config, want ...string) {
		t.Helper()
		err := c.Validate()
		if err == nil {
			t.Errorf("%+v is accepted", c)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("%+v: %q does not say %q", c, err, w)
			}
		}
	}
	day := model.Duration(24 * time.Hour)
	refuse(Config{}, "store.retention is 0s: it must be at least 2h")
	refuse(Config{Retention: day, OutOfOrderWindow: -1}, "must not be negative")
	refuse(Config{Retention: day, OutOfOrderWindow: 2 * day}, "store.out_of_order_window is 2d: it must not be longer than store.retention, which is 1d")
	refuse(Config{Retention: -day, OutOfOrderWindow: -day}, "store.retention is", "store.out_of_order_window is")
}

func TestReopenKeepsSamples(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	add(t, s, series("kept"), 1000, 1, 2000, 2)
	closeStore(t, s)

	s = openAt(t, dir)
	defer closeStore(t, s)
	if got, want := query(t, s, "kept", 2000), "{__name__=\"kept\"} => 2 @[2000]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// A copy of the directory of a running store is what a kill -9 leaves behind.
func TestCrashKeepsCommittedSamples(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	defer closeStore(t, s)
	add(t, s, series("kept"), 1000, 1, 2000, 2)
	add(t, s, series("kept"), 1500, 1.5) // out of order: in the write-behind log
	open := s.Appender(t.Context())
	if _, err := open.Append(0, series("open"), 2000, 7); err != nil {
		t.Fatal(err)
	}

	after := t.TempDir()
	if err := os.CopyFS(filepath.Join(after, "metrics"), os.DirFS(filepath.Join(dir, "metrics"))); err != nil {
		t.Fatal(err)
	}
	if err := open.Rollback(); err != nil {
		t.Fatal(err)
	}
	crashed := openAt(t, after)
	defer closeStore(t, crashed)
	if got, want := query(t, crashed, "count_over_time(kept[5s])", 2000), "{} => 3 @[2000]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := query(t, crashed, "open", 2000); got != "" {
		t.Errorf("a sample that was not committed came back: %s", got)
	}
}

func TestRetentionAndWindowReachTheTSDB(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), Config: Config{Retention: model.Duration(20 * 24 * time.Hour), OutOfOrderWindow: model.Duration(time.Hour)}})
	if err != nil {
		t.Fatal(err)
	}
	defer closeStore(t, s)
	now := time.Now().UnixMilli()
	add(t, s, series("a"), float64(now), 1)
	app := s.Appender(t.Context())
	if _, err := app.Append(0, series("a"), now-(59*time.Minute).Milliseconds(), 0); err != nil {
		t.Errorf("59 minutes late: %v", err)
	}
	if _, err := app.Append(0, series("a"), now-(61*time.Minute).Milliseconds(), 0); err == nil {
		t.Error("61 minutes late is taken with a window of one hour")
	}
	commit(t, app)
	if got := s.Stats().Retention; got != 20*24*time.Hour {
		t.Errorf("retention %s", got)
	}
}

func TestStats(t *testing.T) {
	s := open(t)
	if st := s.Stats(); !st.MinTime.IsZero() || !st.MaxTime.IsZero() || st.Series != 0 {
		t.Errorf("an empty store has %+v", st)
	}
	r := record("a")
	s.SetObserver(r)
	add(t, s, series("a"), 10_000, 1, 20_000, 2)
	add(t, s, series("b"), 20_000, 1)
	add(t, s, series("a"), 15_000, 1.5)
	app := s.Appender(t.Context())
	if _, err := app.Append(0, series("a"), 20_000-time.Hour.Milliseconds(), 0); err == nil {
		t.Error("too old a sample was taken")
	}
	commit(t, app)

	got := s.Stats()
	got.Dir, got.Bytes = "", 0
	want := Stats{
		Retention: 45 * 24 * time.Hour, OutOfOrderWindow: 30 * time.Minute,
		Series: 2, WatchedSeries: 1, Samples: 4, OutOfOrder: 1, TooOld: 1, Observed: 3,
		MinTime: time.UnixMilli(10_000).UTC(), MaxTime: time.UnixMilli(20_000).UTC(),
		Rules: 4,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("stats (-want +got):\n%s", diff)
	}
}

func TestEngineLimits(t *testing.T) {
	s := open(t)
	add(t, s, series("a"), 1000, 1, 2000, 2)
	for _, expr := range []string{"a @ 1", "a offset -1s", "max_over_time(a[5m:1s])", "sum_over_time(a[1m:])"} {
		query(t, s, expr, 2000)
	}
	if n := cap(newQueryGate(queryConcurrency)); n != queryConcurrency {
		t.Errorf("%d places", n)
	}
	// A query that finds no place ends with its context.
	gate := newQueryGate(1)
	if _, err := gate.Insert(t.Context(), "a"); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := gate.Insert(ctx, "b"); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	gate.Delete(0)
	if _, err := gate.Insert(t.Context(), "c"); err != nil {
		t.Error(err)
	}
}

func TestQueryFuncRefusesRanges(t *testing.T) {
	s := open(t)
	if _, err := s.QueryFunc()(t.Context(), "a[5m]", time.Now()); err == nil {
		t.Error("a matrix is taken as the result of a rule")
	}
	var v promql.Vector
	v, err := s.QueryFunc()(t.Context(), "vector(1)", time.Now())
	if err != nil || len(v) != 1 || v[0].F != 1 {
		t.Errorf("got %v, %v", v, err)
	}
}

func TestMetricsAreExportedOnce(t *testing.T) {
	reg := prometheus.NewRegistry()
	s, err := Open(Options{Dir: t.TempDir(), Config: DefaultConfig(), Registerer: reg})
	if err != nil {
		t.Fatal(err)
	}
	l, err := OpenLedger(filepath.Join(t.TempDir(), "ledger"), nil, reg)
	if err != nil {
		t.Fatal(err)
	}
	names := func() []string {
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range families {
			names = append(names, f.GetName())
		}
		return names
	}
	got := names()
	for _, want := range []string{
		"prometheus_tsdb_head_series", "prometheus_engine_queries", "watchtower_ledger_prometheus_tsdb_head_series",
		"watchtower_store_observed_samples_total", "watchtower_store_watched_series", "watchtower_store_pushed_metric_families",
	} {
		if !slices.Contains(got, want) {
			t.Errorf("%s is missing", want)
		}
	}
	if _, err := Open(Options{Dir: t.TempDir(), Config: DefaultConfig(), Registerer: reg}); err == nil || !strings.Contains(err.Error(), "another store is exported already") {
		t.Errorf("a second store on one registerer: %v", err)
	}
	closeStore(t, s)
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if got := names(); len(got) != 0 {
		t.Errorf("after Close these metrics are left: %v", got)
	}
}

func TestOpenFaults(t *testing.T) {
	refuse := func(name string, o Options, want string, is error) {
		t.Helper()
		o.Config = DefaultConfig()
		s, err := Open(o)
		if err == nil {
			closeStore(t, s)
			t.Errorf("%s: no error", name)
			return
		}
		if !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %q is not one line with %q", name, err, want)
		}
		if is != nil && !errors.Is(err, is) {
			t.Errorf("%s: %v is not %v", name, err, is)
		}
	}
	refuse("no directory", Options{}, "no directory given", nil)

	busy := t.TempDir()
	s := openAt(t, busy)
	refuse("locked", Options{Dir: busy}, busy+"/metrics is in use by another process: stop that one, or set data_dir", nil)
	closeStore(t, s)
	closeStore(t, openAt(t, busy)) // the failed attempt left nothing behind

	blocked := t.TempDir()
	if err := os.WriteFile(filepath.Join(blocked, "metrics"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	refuse("file in the way", Options{Dir: blocked}, "a file is in the way", nil)
	refuse("file as parent", Options{Dir: filepath.Join(blocked, "metrics")}, "a file is in the way", nil)

	// Root may write anywhere, except where the kernel has the say.
	refuse("unwritable", Options{Dir: "/proc/watchtower"}, "cannot create /proc/watchtower/metrics", fs.ErrNotExist)
	if os.Geteuid() != 0 {
		sealed := t.TempDir()
		if err := os.Chmod(sealed, 0o500); err != nil {
			t.Fatal(err)
		}
		refuse("sealed", Options{Dir: sealed}, "cannot write to "+sealed, fs.ErrPermission)
	}
}

func TestDamagedBlockIsNamed(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	hour := float64(time.Hour.Milliseconds())
	for i := range 10 {
		add(t, s, series("a"), float64(i)*hour, 1)
	}
	if err := s.db.Compact(t.Context()); err != nil {
		t.Fatal(err)
	}
	blocks := s.db.Blocks()
	if len(blocks) == 0 {
		t.Fatal("no block was written")
	}
	block := blocks[0].Dir()
	closeStore(t, s)
	if err := os.Truncate(filepath.Join(block, "index"), 8); err != nil {
		t.Fatal(err)
	}
	// In a process of its own: the TSDB leaves goroutines behind when it fails this late.
	open := exec.CommandContext(t.Context(), os.Args[0])
	open.Env = append(os.Environ(), openEnv+"="+dir)
	out, err := open.Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "; to start without that block, move " + block + " away\n"
	if got := string(out); !strings.HasSuffix(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("%q is not one line with %q", got, want)
	}
	if err := os.RemoveAll(block); err != nil {
		t.Fatal(err)
	}
	closeStore(t, openAt(t, dir))
}

// A torn end of the log, as a power failure leaves it, is repaired without a word to the user.
func TestTornLogIsRepaired(t *testing.T) {
	dir := t.TempDir()
	s := openAt(t, dir)
	add(t, s, series("a"), 1000, 1)
	closeStore(t, s)
	segments, err := filepath.Glob(filepath.Join(dir, "metrics", "wal", "0*"))
	if err != nil || len(segments) == 0 {
		t.Fatal("no log", err)
	}
	f, err := os.OpenFile(segments[0], os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.WriteString("\x01\x00\x10torn"); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	s = openAt(t, dir)
	defer closeStore(t, s)
	if got, want := query(t, s, "a", 1000), "{__name__=\"a\"} => 1 @[1000]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if math.Abs(float64(s.Stats().Corruptions)-1) > 0 {
		t.Errorf("%d corruptions", s.Stats().Corruptions)
	}
}
