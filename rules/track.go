package rules

import (
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

const (
	// maxSeries bounds how many series one objective watches; a selector that
	// matches more is a mistake, which the status names.
	maxSeries = 100_000
	// maxAhead is how far in the future a sample may lie; a sample from a clock that
	// is further ahead counts nothing until its counter reports a sane time.
	maxAhead = 5 * 60 * 1000
	// maxQueue bounds the samples kept while an objective is being restored.
	maxQueue = 1_000_000
)

// sample is one committed sample of a series.
type sample struct {
	t, start int64
	v        float64
	// histogram tells that v is the count of a native histogram: h.
	histogram bool
	h         *histogram.FloatHistogram
}

// source is one watched series of one objective.
type source struct {
	// value weighs the increase of a counter; measure, for series that are no counters,
	// says how they count. They and the counter come first: every sample needs them.
	value   weights
	measure *measure
	counter ledger.Counter
	counted float64
	// falls grows while the counter goes backwards again and again.
	falls uint8
	// times are the low bits of the times counted last; next is where the next one goes.
	next     uint8
	times    [remembered]uint32
	lset     labels.Labels
	late     []sample
	lateSeen uint32
	// queue holds samples that arrive while the objective is being restored, and
	// replayed the times of those the restore has counted from the store.
	queue    []sample
	replayed []int64
	// heard is the start time that came last while the objective is being restored.
	heard  int64
	repair *repair
}

// track is one objective with everything that is counted and decided for it.
type track struct {
	// mu guards everything below down to alerts. What every sample needs comes first.
	mu sync.Mutex
	// restoring is set until history is counted. Before the restore begins to read
	// the store, samples need not be kept, since it will find them there; earliest is
	// the oldest of them. While it reads they are queued.
	restoring, queueing bool
	crowded, dirty      bool
	// since is when we began to watch: counters that start later count in full.
	since int64
	// every is the interval of the series that reported last, in milliseconds.
	every  int64
	ledger *ledger.Ledger
	// slicer turns events into slices of time before they reach the ledger; nil for an
	// objective that counts events.
	slicer *slicer
	// near is set while an alert that does not fire is close to firing: then a bad
	// event is judged at once, and not at the next interval. hot is set once such an
	// event was seen; urgent tells the engine.
	near, hot bool
	urgent    chan<- struct{}

	obj       Objective
	judge     judge
	sources   map[uint64][]*source
	count     int
	earliest  int64
	resumedAt int64
	// live is when the restore ended: later samples are counted as they arrive.
	live   int64
	queued int
	// persisted is the end of the last slice on disk.
	persisted int64
	// perTerm counts the series of each term; missing names a selector that is
	// subtracted and has none: without it all events would look bad, so nothing can
	// be said.
	perTerm []int
	missing string
	// parked are the counts of series that were forgotten, by the stable hash of their
	// labels.
	parked  map[uint64]parked
	polled  pollState
	reading reading
	refused map[string]int
	// backwards is a series whose counter goes backwards all the time, nil for none.
	backwards *source
	// group is what a grouped objective keeps of its members, nil for others; whole is
	// that of the objective a member belongs to, and heard when it was last heard.
	group, whole *group
	heard        int64
	// restored is how far a restore has come.
	restored progress
	// blamed is set once crowded was logged.
	blamed bool
	// heir is set until the version it replaces has handed over what it counted.
	heir bool
	// announced is what people have announced, nil for nothing.
	announced announced
	// alerts are the states of judge.alerts, in their order.
	alerts []alertState

	// rollAt is when the next calendar period begins; uncut tells that a mark is
	// missing.
	rollAt int64
	uncut  bool
	// began is when anything was first seen, looked up when a tally asks further back
	// than memory knows; 0 until then.
	began int64

	// id, parent and values (those of a group's labels), shape, generation, remembers and
	// births never change: an objective that counts other events, or needs another memory,
	// gets a new track.
	id, parent string
	values     map[string]string
	remembers  time.Duration
	shape      shape
	generation string
	births     *births
}

func newTrack(o Objective) (*track, error) {
	s, err := shapeOf(o.SLI)
	if err != nil {
		return nil, err
	}
	tr := &track{
		id: o.ID, obj: o, shape: s, generation: generation(o), judge: newJudge(o),
		ledger: ledger.New(o.memory()), remembers: o.memory(), sources: map[uint64][]*source{},
		parent: o.Parent, values: o.Group,
		restoring: true, refused: map[string]int{}, perTerm: make([]int, len(s.terms)),
	}
	tr.slicer = newSlicer(o)
	tr.alerts = make([]alertState, len(tr.judge.alerts))
	tr.inventory()
	return tr, nil
}

// objective returns the objective in its present wording, for those without the lock.
func (tr *track) objective() Objective {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	return tr.obj
}

// retarget gives the track the wording, target and alerting of another that counts the
// same; its counts stay.
func (tr *track) retarget(to *track) {
	tr.mu.Lock()
	defer tr.mu.Unlock()
	tr.rollAt = 0
	tr.alerts = inherit(to.judge.alerts, tr.judge.alerts, tr.alerts)
	tr.obj, tr.judge, tr.reading, tr.announced = to.obj, to.judge, reading{}, to.announced
}

// generation identifies what is counted: two objectives of the same generation
// count the same events.
func generation(o Objective) string {
	h := fnv.New64a()
	budgeting := o.Budgeting.String()
	if budgeting != "" {
		// Slices are judged from the cells on disk, whose width follows the period.
		budgeting += fmt.Sprintf(" from %d s", sliceWidth(o.Period))
	}
	for _, s := range []string{o.SLI.ErrorQuery, o.SLI.TotalQuery, o.SLI.ErrorRatioQuery, budgeting} {
		_, _ = h.Write([]byte(strings.Join(strings.Fields(s), " ")))
		_, _ = h.Write([]byte{0})
	}
	const digits = "0123456789abcdef"
	var b [16]byte
	for i, c := range binary.BigEndian.AppendUint64(nil, h.Sum64()) {
		b[2*i], b[2*i+1] = digits[c>>4], digits[c&15]
	}
	return string(b[:])
}

// source returns the state of a series, made when it is new; nil when the
// objective watches too many.
func (tr *track) source(lset labels.Labels) *source {
	key := lset.Hash()
	for _, s := range tr.sources[key] {
		if labels.Equal(s.lset, lset) {
			return s
		}
	}
	if tr.count >= maxSeries {
		tr.crowded = true
		return nil
	}
	s := &source{lset: lset}
	for i, t := range tr.shape.terms {
		if !t.selects(lset) {
			continue
		}
		tr.perTerm[i]++
		s.weigh(t)
	}
	tr.unpark(s)
	tr.sources[key] = append(tr.sources[key], s)
	tr.count++
	tr.inventory()
	return s
}

// inventory brings missing up to date after a change of perTerm.
func (tr *track) inventory() {
	tr.missing = ""
	for i, t := range tr.shape.terms {
		if t.bad < 0 && tr.perTerm[i] == 0 {
			tr.missing = t.selector
		}
	}
}

// untold tells that what is counted says nothing about what happens: without a
// selector that is subtracted all events would look bad, and of too many series only
// some are counted, perhaps the bad ones.
func (tr *track) untold() bool { return tr.missing != "" || tr.crowded }

// observe takes one committed sample.
func (tr *track) observe(s *source, in sample, clock int64) {
	if !s.wants(in) {
		return
	}
	in = s.plain(in)
	tr.mu.Lock()
	var born bool
	if tr.restoring {
		// Whether the start time matters shows only later.
		born = in.start > 0 && in.start != s.heard && in.t <= clock+maxAhead
		s.heard = in.start
		tr.enqueue(s, in)
	} else {
		born = tr.take(s, in, clock)
	}
	tr.mu.Unlock()
	if born {
		tr.births.note(s.lset, in)
	}
}

func (tr *track) enqueue(s *source, in sample) {
	if !tr.queueing {
		if tr.earliest == 0 || in.t < tr.earliest {
			tr.earliest = in.t
		}
		return
	}
	if tr.queued >= maxQueue {
		tr.refused["queue_full"]++
		return
	}
	tr.queued++
	s.queue = append(s.queue, in)
}

// hurry asks the engine to judge the objective soon. The lock is held.
func (tr *track) hurry() {
	tr.hot = true
	select {
	case tr.urgent <- struct{}{}:
	default: // It has been asked already.
	}
}

// take counts one sample of a series and tells whether its start time made a
// difference, which the store will not know. The lock is held.
func (tr *track) take(s *source, in sample, clock int64) (born bool) {
	if in.t > clock+maxAhead {
		tr.refused["from_the_future"]++
		return false
	}
	gap, start, resets := in.t-s.counter.LastTime, s.counter.Start, s.counter.Resets
	add, verdict := s.step(in, tr.bornSince(s, in))
	switch verdict {
	case ledger.Counted:
		s.counted += add.events
		s.remember(in.t)
		if resets != s.counter.Resets || s.falls > 0 {
			tr.fell(s, resets != s.counter.Resets)
		}
		// It counted in full: as the first of all, or after a reset.
		born = in.start > 0 && (gap == in.t || in.start != start && add.events == in.v)
		tr.add(in.t, add.bad, add.total)
		if tr.near && !tr.hot && add.bad > 0 {
			tr.hurry()
		}
		if s.vouches(in) {
			tr.ledger.Arrive(in.t, s.counter.Reach(gap))
			tr.every = int64(s.counter.Interval)
		}
	case ledger.Baseline:
		s.remember(in.t)
		if s.vouches(in) {
			tr.ledger.Arrive(in.t, 0)
		}
	case ledger.Late:
		tr.takeLate(s, in)
		born = in.start > 0 && in.start != start
	case ledger.Refused:
		tr.refused[in.refusal()]++
	case ledger.Duplicate, ledger.Ignored:
	}
	return born
}

// bornSince is when the counter of a series must have begun for its first sample to
// count in full. We must have been watching since then; and it must be the first
// sample of that counter ever: one of which we know no more where it stood, but when
// it began, has been counted before.
func (tr *track) bornSince(s *source, in sample) int64 {
	since := max(tr.since, in.t-tr.remembers.Milliseconds()-farLookback)
	if s.counter.LastTime == 0 && in.start >= since && tr.births.before(s.lset, in) > 0 {
		return math.MaxInt64
	}
	return since
}

// takeLate sets a late sample aside for recounting, unless the restore has counted
// it from the store already.
func (tr *track) takeLate(s *source, in sample) {
	if s.remembers(in.t) || slices.Contains(s.replayed, in.t) {
		return
	}
	if len(s.late) < 10_000 {
		s.remember(in.t)
		s.late = append(s.late, in)
		s.lateSeen++
		tr.dirty = true
	} else {
		tr.refused["too_many_late"]++
	}
}

// refusal names what is wrong with a sample that cannot be counted.
func (in sample) refusal() string {
	if in.histogram && in.h != nil && in.h.CounterResetHint == histogram.GaugeType {
		return "histogram_is_a_gauge"
	}
	return "negative_or_infinite"
}

// finite tells whether a float is a number to count with.
func finite(v float64) bool { return !math.IsNaN(v) && !math.IsInf(v, 0) }
