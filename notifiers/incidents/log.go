package incidents

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

const (
	// remembered is how long an incident stays in memory after its end, and
	// maxRemembered how many such do.
	remembered    = 7 * 24 * time.Hour
	maxRemembered = 2000
	// retention is how long what happened is kept on disk.
	retention = 400 * 24 * time.Hour
	// housekeeping is how often the log forgets, retryAfter when it writes again what
	// could not be written.
	housekeeping = time.Hour
	retryAfter   = 5 * time.Second
	diskTimeout  = 15 * time.Second
)

// ErrNone is wrapped by the errors of what is told about an incident that is not there.
var ErrNone = errors.New("there is no such incident")

// Options are what Open needs. DB is required.
type Options struct {
	// DB is the state database. The log keeps its own tables in it.
	DB *sql.DB
	// Measure tells what an objective has counted at times in (from, to]. Nil: no
	// incident has figures.
	Measure func(objective string, from, to time.Time) (Impact, error)
	// Logger is silent if nil.
	Logger *slog.Logger
	// Registerer gets the metrics. None if nil.
	Registerer prometheus.Registerer
	// Now is time.Now if nil.
	Now func() time.Time
}

// Log is the set of all events and the incidents they add up to. All methods are safe
// for concurrent use.
type Log struct {
	o       Options
	logger  *slog.Logger
	disk    disk
	metrics *metrics
	// writing is held by the one who writes what is pending. It comes before mu.
	writing  chan struct{}
	received chan struct{} // holds one request to take in what peers told

	mu      sync.Mutex
	records map[string]*record // by the ID of an incident, or of one that was joined to it
	last    int64              // the highest number given
	changed chan struct{}
	pending pending
	told    message // what peers told, not taken in yet
	stopped bool    // nothing is taken in any more
	// here are the groups that fire here, there those that fire at a peer and when it said
	// so last, by key.
	here  map[string]bool
	there map[string]time.Time
	notes []Annotation // the recent ones, by time
	send  func([]byte) // tells the peers, nil without
}

// pending is what memory knows and the disk does not.
type pending struct {
	events      []Event
	records     map[*record]bool
	gone        []string // IDs of incidents that were joined to others
	annotations []Annotation
	news        message // what of it peers have to be told
}

func (p *pending) empty() bool {
	return len(p.events) == 0 && len(p.records) == 0 && len(p.gone) == 0 && len(p.annotations) == 0
}

// Open reads the open and recent incidents.
func Open(ctx context.Context, o Options) (*Log, error) {
	if o.DB == nil {
		return nil, errors.New("incidents: Options.DB is required")
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	l := &Log{
		o: o, logger: o.Logger, disk: disk{o.DB},
		writing: make(chan struct{}, 1), received: make(chan struct{}, 1),
		records: map[string]*record{}, changed: make(chan struct{}),
		here: map[string]bool{}, there: map[string]time.Time{},
	}
	if l.logger == nil {
		l.logger = slog.New(slog.DiscardHandler)
	}
	l.logger = l.logger.With("component", "incidents")
	if err := l.disk.migrate(ctx); err != nil {
		return nil, err
	}
	if err := l.restore(ctx); err != nil {
		return nil, err
	}
	l.metrics = newMetrics(o.Registerer, l.open)
	return l, nil
}

// restore reads what Open needs in memory.
func (l *Log) restore(ctx context.Context) error {
	since := l.o.Now().Add(-remembered)
	heads, err := l.disk.recent(ctx, since)
	if err != nil {
		return err
	}
	for _, head := range heads {
		r, err := l.disk.read(ctx, head)
		if err != nil {
			return err
		}
		l.keep(r)
	}
	if l.last, err = l.disk.lastNumber(ctx); err != nil {
		return err
	}
	l.notes, err = l.disk.annotations(ctx, AnnotationFilter{From: since})
	return err
}

// Tell adds an event to the open incident of a group, or to its last one if none is
// open. ID and Incident may be empty: an event without ID is told once. It is on disk
// when Tell returns. Told again with the same ID it changes nothing.
func (l *Log) Tell(ctx context.Context, groupKey string, e Event) error {
	l.mu.Lock()
	r := l.newest(groupKey)
	if r == nil {
		l.mu.Unlock()
		return errors.Join(ErrNone, errors.New("nothing is known of group "+groupKey))
	}
	e.Incident = r.in.ID
	l.tellLocked(r.scoped(e))
	l.mu.Unlock()
	return l.commit(ctx)
}

// TellAt adds an event to the incident of a group that was open at a time, or else to the
// last one before, however long it is over. It is Tell otherwise.
func (l *Log) TellAt(ctx context.Context, groupKey string, at time.Time, e Event) error {
	for _, in := range l.List(Filter{Until: at.Add(time.Millisecond)}) { // the newest first
		if in.GroupKey == groupKey {
			e.Incident = in.ID
			return l.Add(ctx, e)
		}
	}
	return errors.Join(ErrNone, errors.New("nothing is known of group "+groupKey+" at "+at.Format(time.RFC3339)))
}

// Add adds an event to the incident that it names. It is Tell otherwise.
func (l *Log) Add(ctx context.Context, e Event) error {
	l.mu.Lock()
	r, err := l.find(ctx, e.Incident)
	if err != nil {
		l.mu.Unlock()
		return err
	}
	if r == nil {
		l.mu.Unlock()
		return errors.Join(ErrNone, errors.New("nothing is known of incident "+e.Incident))
	}
	l.tellLocked(r.scoped(e))
	l.mu.Unlock()
	return l.commit(ctx)
}

// tellLocked takes an event that began here. The caller holds mu.
func (l *Log) tellLocked(events ...Event) {
	for i := range events {
		events[i] = events[i].bounded(l.o.Now())
	}
	l.takeLocked(events, true)
}

// Filter chooses incidents. What is zero chooses all.
type Filter struct {
	// Open chooses those that are not resolved.
	Open bool
	// Service, Team and Severity are exact.
	Service, Team, Severity string
	// Since and Until choose those that were open at some time between.
	Since, Until time.Time
	// Limit is how many at most, the newest first.
	Limit int
}

func (f Filter) matches(in *Incident) bool {
	return (!f.Open || in.State != StateResolved) &&
		(f.Service == "" || f.Service == in.Service) &&
		(f.Team == "" || f.Team == in.Team) &&
		(f.Severity == "" || f.Severity == in.Severity) &&
		(f.Since.IsZero() || in.ResolvedAt.IsZero() || !in.ResolvedAt.Before(f.Since)) &&
		(f.Until.IsZero() || in.OpenedAt.Before(f.Until))
}

// List returns incidents without their events, the newest first.
func (l *Log) List(f Filter) []Incident {
	var past []Incident
	if !f.Open {
		ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
		defer cancel()
		var err error
		if past, err = l.disk.heads(ctx, f); err != nil {
			l.logger.Error("past incidents could not be read", "err", err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []Incident
	for r := range l.allLocked() {
		if in := r.head(); f.matches(&in) {
			out = append(out, in)
		}
	}
	for i := range past {
		if l.records[past[i].ID] == nil {
			out = append(out, past[i])
		}
	}
	newestFirst(out)
	if f.Limit > 0 && len(out) > f.Limit {
		out = out[:f.Limit]
	}
	return out
}

// Get returns the incident with an ID or a number, with its events, the deploys near
// it, and what it has cost until now.
func (l *Log) Get(idOrNumber string) (Incident, bool) {
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	l.mu.Lock()
	r, err := l.find(ctx, idOrNumber)
	if n, notNumber := strconv.ParseInt(strings.TrimPrefix(idOrNumber, "#"), 10, 64); r == nil && err == nil && notNumber == nil {
		r, err = l.numbered(ctx, n)
	}
	if err != nil {
		l.logger.Error("an incident could not be read", "incident", idOrNumber, "err", err)
	}
	if r == nil || r.in.ID == "" {
		l.mu.Unlock()
		return Incident{}, false
	}
	in := r.whole()
	l.mu.Unlock()
	in.Events = l.withDeploys(ctx, in)
	if len(in.Impact) == 0 {
		in.Impact = l.measure(in, l.o.Now())
	}
	return in, true
}

// OpenGroup returns the open incident of a group, with its events.
func (l *Log) OpenGroup(groupKey string) (Incident, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.newest(groupKey)
	if r == nil || r.in.State == StateResolved {
		return Incident{}, false
	}
	return r.whole(), true
}

// Told returns the incident with an ID as it is in memory: with what was told of it, and
// nothing else. It is cheaper than Get, for those who look at many.
func (l *Log) Told(id string) (Incident, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	r := l.records[id]
	if r == nil || r.in.ID == "" {
		return Incident{}, false
	}
	return r.whole(), true
}

// Changed returns a channel that is closed when anything changes from now on.
func (l *Log) Changed() <-chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.changed
}

// measure asks for what an incident has cost its objectives. Those of which nothing is
// known are left out.
func (l *Log) measure(in Incident, now time.Time) []Impact {
	if l.o.Measure == nil {
		return nil
	}
	to := in.ResolvedAt
	if to.IsZero() {
		to = now
	}
	var out []Impact
	for _, id := range in.Objectives {
		impact, err := l.o.Measure(id, in.OpenedAt, to)
		if err != nil {
			l.logger.Debug("an incident's cost is not known", "incident", in.ID, "objective", id, "err", err)
			continue
		}
		impact.Objective = id
		out = append(out, impact)
	}
	return out
}
