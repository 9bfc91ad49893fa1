package rules

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
)

// SampleStore is where samples are read from and recorded series are written to.
type SampleStore interface {
	storage.Appendable
	storage.Queryable
}

// EngineOptions are the needs of an Engine. Store, Query and Ledger are required.
type EngineOptions struct {
	Objectives []Objective
	// Interval between evaluations; 1 s when 0.
	Interval time.Duration
	// Store holds the raw samples; recorded series are written to it.
	Store SampleStore
	// Query answers PromQL over Store, for objectives that must be polled.
	Query promrules.QueryFunc
	// Ledger keeps fine slices for long: a TSDB of its own that takes samples of any
	// age.
	Ledger SampleStore
	// SnapshotPath is a file for the state between two runs; none when "".
	SnapshotPath string
	// Send hands alerts on, as Prometheus' rule manager does; nil drops them.
	Send promrules.NotifyFunc
	// ExternalURL is where people reach this server, without a trailing slash.
	ExternalURL string
	// OutOfOrderWindow is how late the store accepts samples; 30 m when 0.
	OutOfOrderWindow time.Duration
	// Rewatch is called by Reload when other series are wanted than before, so that
	// the store offers every series to Watch again; may be nil.
	Rewatch func()
	// Expected tells how many events of a service were announced for the time between
	// from and to, on top of its usual traffic: by a campaign. It is asked often and
	// must be quick; nil when nobody announces anything.
	Expected   func(service string, from, to time.Time) (volume float64, ok bool)
	Logger     *slog.Logger
	Registerer prometheus.Registerer
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Engine keeps every objective current and sends its alerts. It is an observer of
// the store's committed samples. Safe for concurrent use.
type Engine struct {
	interval   time.Duration
	store      SampleStore
	ask1       promrules.QueryFunc
	ledger     SampleStore
	snapPath   string
	births     *births
	send       promrules.NotifyFunc
	url        string
	expected   func(service string, from, to time.Time) (volume float64, ok bool)
	outOfOrder time.Duration
	rewatch    func()
	logger     *slog.Logger
	metrics    *metrics
	now        func() time.Time

	// clock is the time of the last evaluation, started that of Run, both in Unix
	// milliseconds.
	clock, started atomic.Int64
	ready          chan struct{}
	wake           chan struct{}
	urgent         chan struct{} // an objective close to an alert has seen a bad event
	rows           rowTable

	// mu guards tracks, index and byLabels; it is taken before the mu of a track.
	mu       sync.RWMutex
	tracks   map[string]*track
	index    *index
	byLabels map[uint64][]uint64
	// order holds all tracks by ID, for reading without mu.
	order atomic.Pointer[[]*track]
}

// NewEngine prepares an engine; nothing runs before Run.
func NewEngine(o EngineOptions) (*Engine, error) {
	if o.Store == nil || o.Ledger == nil || o.Query == nil {
		return nil, errors.New("rules engine: Store, Query and Ledger are required")
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Send == nil {
		o.Send = func(context.Context, string, ...*promrules.Alert) {}
	}
	if o.Rewatch == nil {
		o.Rewatch = func() {}
	}
	e := &Engine{
		interval: cmp.Or(o.Interval, time.Second), store: o.Store, ask1: o.Query, ledger: o.Ledger,
		snapPath: o.SnapshotPath, send: o.Send, url: strings.TrimSuffix(o.ExternalURL, "/"),
		outOfOrder: cmp.Or(o.OutOfOrderWindow, 30*time.Minute), rewatch: o.Rewatch, expected: o.Expected,
		logger: o.Logger.With("component", "rules"), metrics: newMetrics(o.Registerer), now: o.Now,
		ready: make(chan struct{}), wake: make(chan struct{}, 1), urgent: make(chan struct{}, 1),
		tracks: map[string]*track{}, byLabels: map[uint64][]uint64{},
	}
	e.births = newBirths(e.snapPath, e.logger)
	e.clock.Store(e.now().UnixMilli())
	e.order.Store(&[]*track{})
	if _, err := e.replace(o.Objectives); err != nil {
		return nil, err
	}
	return e, nil
}

// Ready is closed when state is restored and the first evaluation is done.
func (e *Engine) Ready() <-chan struct{} { return e.ready }

// Reload replaces the objectives. The counts of an objective stay unless it counts
// other events than before; new ones are restored while the others go on. On error
// nothing has changed.
func (e *Engine) Reload(objectives []Objective) error {
	changed, err := e.replace(objectives)
	if err != nil {
		return err
	}
	if changed {
		e.rewatch()
		select {
		case e.wake <- struct{}{}:
		default:
		}
	}
	return nil
}

// replace sets the objectives and tells whether new tracks have come.
func (e *Engine) replace(objectives []Objective) (bool, error) {
	var faults []error
	fresh := map[string]*track{}
	for _, o := range objectives {
		if fresh[o.ID] != nil {
			faults = append(faults, fmt.Errorf("objective %q is given twice", o.ID))
			continue
		}
		tr, err := newTrack(o)
		if err != nil {
			faults = append(faults, fmt.Errorf("objective %q: %w", o.ID, err))
			continue
		}
		tr.urgent, tr.births, tr.announced = e.urgent, e.births, e.announcedFor(o)
		fresh[o.ID] = tr
	}
	if len(faults) > 0 {
		return false, errors.Join(faults...)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	changed := false
	for id, tr := range fresh {
		old := e.tracks[id]
		if old != nil && old.generation == tr.generation {
			old.retarget(tr.obj, tr.announced)
			fresh[id] = old
			continue
		}
		changed = true
		if old != nil {
			old.mu.Lock()
			tr.alerts = inherit(tr.judge.alerts, old.judge.alerts, old.alerts)
			old.mu.Unlock()
		}
	}
	e.tracks, e.index = fresh, newIndex(fresh)
	order := make([]*track, 0, len(fresh))
	for _, tr := range fresh {
		order = append(order, tr)
	}
	slices.SortFunc(order, func(a, b *track) int { return strings.Compare(a.id, b.id) })
	e.order.Store(&order)
	e.rematch()
	e.metrics.objectives.Set(float64(len(order)))
	return changed, nil
}

// all returns the tracks by ID.
func (e *Engine) all() []*track { return *e.order.Load() }

func (e *Engine) track(id string) *track {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.tracks[id]
}
