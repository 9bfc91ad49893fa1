package rules

import (
	"cmp"
	"context"
	"errors"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

const testDay = 24 * time.Hour

// begin is when the tests' time starts: a minute like any other.
func begin() time.Time { return time.Date(2026, 11, 2, 9, 41, 0, 0, time.UTC) }

// memStore is a store in memory that accepts samples in any order.
type memStore struct {
	mu     sync.Mutex
	series map[string]*memSeries
}

type memSeries struct {
	lset    labels.Labels
	samples []memSample
}

type memSample struct {
	t, st int64
	f     float64
	fh    *histogram.FloatHistogram
}

func (s memSample) T() int64                      { return s.t }
func (s memSample) ST() int64                     { return s.st }
func (s memSample) F() float64                    { return s.f }
func (s memSample) H() *histogram.Histogram       { return nil }
func (s memSample) FH() *histogram.FloatHistogram { return s.fh }
func (s memSample) Copy() chunks.Sample           { return s }
func (s memSample) Type() chunkenc.ValueType {
	if s.fh != nil {
		return chunkenc.ValFloatHistogram
	}
	return chunkenc.ValFloat
}

func newMemStore() *memStore { return &memStore{series: map[string]*memSeries{}} }

func (m *memStore) put(lset labels.Labels, s memSample) {
	m.mu.Lock()
	defer m.mu.Unlock()
	key := lset.String()
	if m.series[key] == nil {
		m.series[key] = &memSeries{lset: lset}
	}
	list := &m.series[key].samples
	i, found := slices.BinarySearchFunc(*list, s, func(a, b memSample) int { return cmp.Compare(a.t, b.t) })
	if !found {
		*list = slices.Insert(*list, i, s)
	}
}

// find returns the series that match with their samples in [mint, maxt].
func (m *memStore) find(mint, maxt int64, matchers ...*labels.Matcher) []*memSeries {
	m.mu.Lock()
	defer m.mu.Unlock()
	var out []*memSeries
	for _, s := range m.series {
		ok := true
		for _, matcher := range matchers {
			ok = ok && matcher.Matches(s.lset.Get(matcher.Name))
		}
		if ok {
			at := func(t int64) int {
				i, _ := slices.BinarySearchFunc(s.samples, t, func(in memSample, t int64) int { return cmp.Compare(in.t, t) })
				return i
			}
			out = append(out, &memSeries{s.lset, slices.Clone(s.samples[at(mint):at(maxt+1)])})
		}
	}
	slices.SortFunc(out, func(a, b *memSeries) int { return labels.Compare(a.lset, b.lset) })
	return out
}

func (m *memStore) Appender(context.Context) storage.Appender { return &memAppender{store: m} }

type memAppender struct {
	storage.Appender

	store   *memStore
	pending []func()
}

func (a *memAppender) Append(_ storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	a.pending = append(a.pending, func() { a.store.put(l, memSample{t: t, f: v}) })
	return 0, nil
}

func (a *memAppender) Commit() error {
	for _, p := range a.pending {
		p()
	}
	return nil
}

func (a *memAppender) Rollback() error                   { return nil }
func (a *memAppender) SetOptions(*storage.AppendOptions) {}

func (m *memStore) Querier(mint, maxt int64) (storage.Querier, error) {
	return &memQuerier{m, mint, maxt}, nil
}

func (m *memStore) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	return memChunkQuerier{storage.NoopChunkedQuerier(), &memQuerier{m, mint, maxt}}, nil
}

type memChunkQuerier struct {
	storage.ChunkQuerier

	of *memQuerier
}

func (q memChunkQuerier) Select(ctx context.Context, _ bool, h *storage.SelectHints, matchers ...*labels.Matcher) storage.ChunkSeriesSet {
	return storage.NewSeriesSetToChunkSet(q.of.Select(ctx, true, h, matchers...))
}

type memQuerier struct {
	store      *memStore
	mint, maxt int64
}

func (q *memQuerier) Close() error { return nil }
func (q *memQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

func (q *memQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

func (q *memQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	set := &memSet{}
	for _, s := range q.store.find(q.mint, q.maxt, matchers...) {
		var samples []chunks.Sample
		for _, in := range s.samples {
			samples = append(samples, in)
		}
		if len(samples) > 0 {
			set.list = append(set.list, storage.NewListSeries(s.lset, samples))
		}
	}
	return set
}

type memSet struct {
	list []storage.Series
	at   int
}

func (s *memSet) Next() bool                        { s.at++; return s.at <= len(s.list) }
func (s *memSet) At() storage.Series                { return s.list[s.at-1] }
func (s *memSet) Err() error                        { return nil }
func (s *memSet) Warnings() annotations.Annotations { return nil }

var _ SliceStore = (*memStore)(nil)

// world is an engine in a world without goroutines, where the test moves time.
type world struct {
	t       *testing.T
	store   *memStore
	slices  *memStore
	path    string
	opts    EngineOptions
	engine  *Engine
	now     time.Time
	ids     map[string]uint64
	values  map[string]float64
	sent    []*promrules.Alert
	started time.Time
	// keep stores a sample; in memory unless a test says otherwise.
	keep func(labels.Labels, memSample)
}

func newWorld(t *testing.T, objectives ...Objective) *world {
	t.Helper()
	w := &world{
		t: t, store: newMemStore(), slices: newMemStore(), now: begin(),
		path: filepath.Join(t.TempDir(), "snapshot"), values: map[string]float64{},
	}
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	t.Cleanup(func() { _ = pq.Close() })
	w.opts = EngineOptions{
		Objectives: objectives, Store: w.store, Ledger: w.slices, SnapshotPath: w.path,
		Query:       promrules.EngineQueryFunc(pq, w.store),
		ExternalURL: "http://localhost:9911",
		Now:         func() time.Time { return w.now },
		Send: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
			w.sent = append(w.sent, alerts...)
		},
	}
	w.keep = w.store.put
	w.start()
	return w
}

// start is a start of the process: what Run does before its loops.
func (w *world) start() {
	w.t.Helper()
	e, err := NewEngine(w.opts)
	if err != nil {
		w.t.Fatal(err)
	}
	w.engine, w.ids, w.started = e, map[string]uint64{}, w.now
	snap, err := readSnapshot(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	e.births.open(e.horizon())
	e.started.Store(w.now.UnixMilli())
	e.clock.Store(w.now.UnixMilli())
	e.restoreAll(context.Background(), snap)
}

// stop is an orderly end; kill is none at all: the next start finds what was there.
func (w *world) stop() { w.engine.leave(context.Background()) }

// put stores one sample and tells the engine, as the store does after a commit.
func (w *world) put(series string, at time.Time, v float64) { w.putStarted(series, at, time.Time{}, v) }

func (w *world) putStarted(series string, at, start time.Time, v float64) {
	w.t.Helper()
	lset, err := newParser().ParseMetric(series)
	if err != nil {
		w.t.Fatal(err)
	}
	st := int64(0)
	if !start.IsZero() {
		st = start.UnixMilli()
	}
	w.keep(lset, memSample{t: at.UnixMilli(), st: st, f: v})
	id, known := w.ids[series]
	if !known {
		id = w.engine.Watch(lset)
		w.ids[series] = id
	}
	w.engine.Observe(id, st, at.UnixMilli(), v, nil)
}

// count adds to a counter and reports it now.
func (w *world) count(series string, n float64) {
	w.values[series] += n
	w.put(series, w.now, w.values[series])
}

const (
	goodSeries = `http_requests_total{job="share", code="200"}`
	badSeries  = `http_requests_total{job="share", code="500"}`
)

// traffic runs d of traffic: events a second, errors among them, reported every
// step; it evaluates at each.
func (w *world) traffic(d, step time.Duration, rate, errorRatio float64) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(step)
		n := rate * step.Seconds()
		w.count(goodSeries, n*(1-errorRatio))
		if errorRatio > 0 || w.values[badSeries] > 0 {
			w.count(badSeries, n*errorRatio)
		}
		w.tick()
	}
}

// silence lets time pass without a sample.
func (w *world) silence(d, step time.Duration) {
	for end := w.now.Add(d); w.now.Before(end); {
		w.now = w.now.Add(step)
		w.tick()
	}
}

// tick is one evaluation.
func (w *world) tick() { w.engine.Evaluate(context.Background()) }

// alert returns the state of the first alert of a kind.
func (w *world) alert(id string, kind alertKind) alertState {
	tr := w.engine.track(id)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	for i, rule := range tr.judge.alerts {
		if rule.kind == kind {
			return tr.alerts[i]
		}
	}
	w.t.Fatalf("%s has no alert of kind %d", id, kind)
	return alertState{}
}

// only keeps one window pair of an objective.
func (w *world) only(id string, place int) Pair {
	tr := w.engine.track(id)
	j := &tr.judge
	j.pairs, j.long, j.short = j.pairs[place:place+1], j.long[place:place+1], j.short[place:place+1]
	tr.reading = reading{}
	return j.pairs[0]
}

// totals are all events an objective has ever counted.
func (w *world) totals(id string) (bad, total float64) {
	tr := w.engine.track(id)
	tr.mu.Lock()
	defer tr.mu.Unlock()
	c := tr.ledger.Total()
	return c.Bad, c.Total
}

func near(a, b, tolerance float64) bool { return math.Abs(a-b) <= tolerance }

// shareObjective is the objective most tests are about.
func shareObjective(edit ...func(*Objective)) Objective {
	o := Objective{
		ID: "share-requests", Service: "share", SLO: "requests", Promise: "Sharing a post works", Team: "growth",
		Target: 0.999, Period: 30 * testDay, MinBadEvents: 3, Labels: map[string]string{"owner": "growth"},
		SLI: SLI{
			ErrorQuery: `sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total{job="share"}[{{.window}}]))`,
		},
		Alerting: Alerting{Name: "ShareBroken"},
	}
	for _, f := range edit {
		f(&o)
	}
	return o
}
