package store

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/util/features"
)

// The query limits are the defaults of Prometheus.
const (
	queryTimeout     = 2 * time.Minute
	queryMaxSamples  = 50_000_000
	queryLookback    = 5 * time.Minute
	queryConcurrency = 20
	// subqueryInterval is the step of a subquery that names none.
	subqueryInterval = time.Minute
)

var (
	_ storage.Appendable              = (*Store)(nil)
	_ storage.AppendableV2            = (*Store)(nil)
	_ storage.SampleAndChunkQueryable = (*Store)(nil)
	_ storage.ExemplarQueryable       = (*Store)(nil)
)

// Options of a store.
type Options struct {
	Dir        string                // data_dir; required
	Config     Config                // the zero value is not valid: begin with DefaultConfig
	Logger     *slog.Logger          // nil: discarded
	Registerer prometheus.Registerer // nil: metrics are not exported
}

// Store is the metrics store. It is safe for concurrent use.
type Store struct {
	dir      string
	config   Config
	logger   *slog.Logger
	metrics  *storeMetrics
	started  time.Time
	db       *tsdb.DB
	dbStats  *tsdb.DBStats
	engine   *promql.Engine
	parser   parser.Parser
	features features.Collector

	// registry holds the metrics of the TSDB and the engine; it is what Stats
	// reads, and what is exported through the registerer as a whole.
	registry   *prometheus.Registry
	unregister func()

	table   atomic.Pointer[watchTable] // nil: nobody observes
	meta    pushedMetadata
	buffers sync.Pool // of *[]sample
	deltas  deltas    // of OTLP delta temporality; owned here to be stopped on Close

	receivedAt atomic.Int64 // Unix nanoseconds of the last telemetry; 0: none yet
	written    [sources]atomic.Uint64
	counted    counting
}

// Open opens the store in <Dir>/metrics and replays its log. The error is one
// sentence for the person who started the program.
func Open(o Options) (*Store, error) {
	if o.Dir == "" {
		return nil, errors.New("open store: no directory given")
	}
	if err := o.Config.Validate(); err != nil {
		return nil, err
	}
	logger := o.Logger
	if logger == nil {
		logger = slog.New(slog.DiscardHandler)
	}
	s := &Store{
		dir:      filepath.Join(o.Dir, "metrics"),
		config:   o.Config,
		logger:   logger.With("component", "store"),
		started:  time.Now(),
		dbStats:  tsdb.NewDBStats(),
		parser:   parser.NewParser(parser.Options{}),
		features: features.NewRegistry(),
		registry: prometheus.NewRegistry(),
	}
	s.metrics = newMetrics(s.registry, s)

	options := tsdbOptions(time.Duration(o.Config.Retention), time.Duration(o.Config.OutOfOrderWindow))
	options.EnableExemplarStorage = true
	options.MaxExemplars = 100_000
	options.FeatureRegistry = s.features
	options.SeriesLifecycleCallback = forgetter{s}
	db, err := openTSDB(s.dir, s.logger, s.registry, options, s.dbStats)
	if err != nil {
		return nil, err
	}
	s.db = db
	s.engine = promql.NewEngine(promql.EngineOpts{
		Logger:                   s.logger,
		Reg:                      s.registry,
		MaxSamples:               queryMaxSamples,
		Timeout:                  queryTimeout,
		ActiveQueryTracker:       newQueryGate(queryConcurrency),
		LookbackDelta:            queryLookback,
		NoStepSubqueryIntervalFn: func(int64) int64 { return subqueryInterval.Milliseconds() },
		EnableAtModifier:         true,
		EnableNegativeOffset:     true,
		FeatureRegistry:          s.features,
		Parser:                   s.parser,
	})
	if s.unregister, err = export(o.Registerer, s.registry); err != nil {
		return nil, errors.Join(fmt.Errorf("export the metrics of the store: %w", err), s.Close())
	}
	return s, nil
}

// Close stops compaction and closes the files. Appenders and queries must be done.
func (s *Store) Close() error {
	if s.unregister != nil {
		s.unregister()
	}
	var errs []error
	if err := s.deltas.stop(); err != nil {
		errs = append(errs, err)
	}
	if err := s.engine.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close query engine: %w", err))
	}
	if err := s.db.Close(); err != nil {
		errs = append(errs, fmt.Errorf("close metrics store: %w", err))
	}
	return errors.Join(errs...)
}

// Engine returns the PromQL engine.
func (s *Store) Engine() *promql.Engine { return s.engine }

// QueryFunc returns instant queries in the form that rules take them.
func (s *Store) QueryFunc() promrules.QueryFunc { return promrules.EngineQueryFunc(s.engine, s) }

// Querier implements storage.Queryable.
func (s *Store) Querier(mint, maxt int64) (storage.Querier, error) { return s.db.Querier(mint, maxt) }

// ChunkQuerier implements storage.ChunkQueryable.
func (s *Store) ChunkQuerier(mint, maxt int64) (storage.ChunkQuerier, error) {
	return s.db.ChunkQuerier(mint, maxt)
}

// ExemplarQuerier implements storage.ExemplarQueryable.
func (s *Store) ExemplarQuerier(ctx context.Context) (storage.ExemplarQuerier, error) {
	return s.db.ExemplarQuerier(ctx)
}

// SetObserver replaces the observer; nil stops observing. It may be called at any
// time, also with the observer that is set already, to have every live series
// offered to Watch again on its next sample.
//
// Commits that run at this moment may still reach the former observer. Samples
// that are appended before the call and committed after it reach the new one, if
// the former one had watched their series: the store does not keep what nobody
// wanted. An observer that needs what came before it reads it from the store.
func (s *Store) SetObserver(o Observer) {
	if o == nil {
		s.table.Store(nil)
		return
	}
	s.table.Store(newWatchTable(o))
}

// ReceivedAt is when telemetry was last stored: scraped, or received by OTLP or remote
// write. What rules write is none. It is zero if nothing has come since Open.
func (s *Store) ReceivedAt() time.Time {
	at := s.receivedAt.Load()
	if at == 0 {
		return time.Time{}
	}
	return time.Unix(0, at)
}

// seriesLabels looks the labels of a live series up in the head.
func (s *Store) seriesLabels(ref storage.SeriesRef) labels.Labels {
	index, err := s.db.Head().Index()
	if err != nil {
		return labels.EmptyLabels()
	}
	defer func() { _ = index.Close() }() // of the head: never fails
	var b labels.ScratchBuilder
	if err := index.Series(ref, &b, nil); err != nil {
		return labels.EmptyLabels()
	}
	return b.Labels()
}

// maxPooled keeps the buffers of rare, huge transactions out of the pool.
const maxPooled = 1 << 16

func (s *Store) getBuffer() *[]sample {
	if b, ok := s.buffers.Get().(*[]sample); ok {
		return b
	}
	b := make([]sample, 0, 512)
	return &b
}

func (s *Store) putBuffer(b *[]sample) {
	if cap(*b) > maxPooled {
		return
	}
	clear(*b)
	*b = (*b)[:0]
	s.buffers.Put(b)
}

// queryGate bounds how many queries run at once. It implements promql.QueryTracker
// without the file in which Prometheus' own keeps the running queries.
type queryGate chan struct{}

func newQueryGate(n int) queryGate { return make(queryGate, n) }

// Close does nothing.
func (queryGate) Close() error { return nil }

// GetMaxConcurrent returns how many queries may run at once.
func (g queryGate) GetMaxConcurrent() int { return cap(g) }

// Insert waits for a free place.
func (g queryGate) Insert(ctx context.Context, _ string) (int, error) {
	select {
	case g <- struct{}{}:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

// Delete frees a place.
func (g queryGate) Delete(int) { <-g }
