package rules

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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

// SliceStore is a SampleStore whose chunks can be read as they are: a report reads a hundred million samples.
type SliceStore interface {
	SampleStore
	storage.ChunkQueryable
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
	Ledger SliceStore
	// DB keeps corrections and the generations of objectives; only this process
	// remembers them when nil.
	DB *sql.DB
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
	ledger     SliceStore
	snapPath   string
	births     *births
	books      *books
	send       promrules.NotifyFunc
	url        string
	expected   func(service string, from, to time.Time) (volume float64, ok bool)
	outOfOrder time.Duration
	rewatch    func()
	logger     *slog.Logger
	metrics    *metrics
	now        func() time.Time

	// rehearsal is when a rehearsal began, 0 without one. Guarded by mu.
	rehearsal int64
	// clock is the time of the last evaluation, started that of Run, both in Unix
	// milliseconds.
	clock, started atomic.Int64
	ready          chan struct{}
	wake           chan struct{}
	urgent         chan struct{} // an objective close to an alert has seen a bad event
	rows           rowTable
	plans          plans
	// unknown is set when the store reports a series that was forgotten here.
	unknown atomic.Bool
	// restores is how far the restore that runs has come, nil without one.
	restores atomic.Pointer[restoreProgress]
	pasts    pasts
	pace     pace

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
	var err error
	if e.books, err = openBooks(context.Background(), o.DB); err != nil {
		return nil, err
	}
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
	ctx := context.Background()
	c, err := e.replace(objectives)
	if err != nil {
		return err
	}
	for _, old := range c.replaced {
		if err := e.handOver(ctx, old); err != nil {
			e.fault("persist", err)
		}
	}
	e.inherited(c)
	e.recut(ctx)
	if c.fresh {
		e.rewatch()
		e.rouse()
	}
	return nil
}

// change tells what a replacement of objectives brought: whether there are new
// tracks, the old versions of those that count other events now, and the removed ones.
type change struct {
	fresh    bool
	replaced []*track
}

// succeed notes that next takes the place of old, which counted other events, and
// goes on with its alerts. next waits until old has handed over.
func (c *change) succeed(old, next *track) {
	old.mu.Lock()
	defer old.mu.Unlock()
	c.fresh, c.replaced = true, append(c.replaced, old)
	next.alerts = inherit(next.judge.alerts, old.judge.alerts, old.alerts)
	next.heir = !old.restoring
}

// inherited lets the successors of what was replaced be restored.
func (e *Engine) inherited(c change) {
	for _, old := range c.replaced {
		if tr := e.track(old.id); tr != nil {
			tr.mu.Lock()
			tr.heir = false
			tr.mu.Unlock()
		}
	}
}

// replace sets the objectives.
func (e *Engine) replace(objectives []Objective) (change, error) {
	var faults []error
	var versions []version
	fresh := map[string]*track{}
	for _, o := range objectives {
		if fresh[o.ID] != nil {
			faults = append(faults, fmt.Errorf("objective %q is given twice", o.ID))
			continue
		}
		o, err := o.whole()
		var tr *track
		if err == nil {
			tr, err = newTrack(o)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("objective %q: %w", o.ID, err))
			continue
		}
		tr.urgent, tr.births, tr.announced = e.urgent, e.births, e.announcedFor(o)
		e.plans.share(&tr.judge)
		fresh[o.ID] = tr
		versions = append(versions, version{o, e.newEra(o)})
	}
	if len(faults) > 0 {
		return change{}, errors.Join(faults...)
	}
	if err := e.note(versions); err != nil {
		return change{}, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	out, before := change{}, e.tracks
	for id, tr := range fresh {
		old := before[id]
		tr.judge.segments = e.segmentsOf(tr.obj)
		if old != nil && old.generation == tr.generation && old.remembers == tr.remembers {
			old.retarget(tr)
			fresh[id] = old
			continue
		}
		out.fresh = true
		if old != nil {
			out.succeed(old, tr)
		}
	}
	for id, old := range before {
		if fresh[id] == nil && (old.parent == "" || fresh[old.parent] == nil) {
			out.replaced = append(out.replaced, old) // What it counted stays on disk.
		}
	}
	// Members are found by way of their whole, which alone is looked up.
	e.tracks, e.index = fresh, newIndex(fresh)
	for id, tr := range maps.Clone(fresh) {
		var had *group
		if old := before[id]; old != nil {
			had = old.group
		}
		e.regroup(tr, had, &out)
	}
	e.publish()
	e.rematch()
	return out, nil
}

// note writes into the books what is promised from now on.
func (e *Engine) note(versions []version) error {
	if err := e.books.noteEras(context.Background(), versions); err != nil {
		return err
	}
	all := make([]Objective, len(versions))
	for i, v := range versions {
		all[i] = v.objective
	}
	return e.books.noteObjectives(context.Background(), all, e.now())
}

// all returns the tracks by ID.
func (e *Engine) all() []*track { return *e.order.Load() }

func (e *Engine) track(id string) *track {
	e.mu.RLock()
	defer e.mu.RUnlock()
	return e.tracks[id]
}
