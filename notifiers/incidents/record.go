package incidents

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// record is an incident in memory.
type record struct {
	// parts are the IDs under which events name it. There are several when peers opened
	// it at different moments: alerts of the same group begin when each of them sees it.
	parts  map[string]bool
	events map[string]Event
	in     Incident // folded from events; its ID is "" until it is known what opened it
	claims []int64  // the numbers that those who opened it gave it
	number int64    // the one it got
	// elsewhere says that a peer resolved it, and this instance learned of it at.
	elsewhere time.Time
}

// idOf returns the first 16 hexadecimal digits of a hash of parts.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:8])
}

// stamp is a time as a part of an ID.
func stamp(t time.Time) string { return strconv.FormatInt(t.UnixMilli(), 10) }

// fold adds the events up again.
func (r *record) fold() {
	r.in = Fold(slices.Collect(maps.Values(r.events)))
	r.claims = r.claims[:0]
	for _, e := range r.events {
		if n := e.number(); e.Kind == Opened && n > 0 {
			r.claims = append(r.claims, n)
		}
	}
	slices.Sort(r.claims)
	if r.number != 0 {
		r.in.Number = r.number
	}
}

// head is the incident without its events.
func (r *record) head() Incident {
	in := r.in
	in.Events = nil
	in.Labels, in.Roles = maps.Clone(in.Labels), maps.Clone(in.Roles)
	in.Objectives, in.Impact = slices.Clone(in.Objectives), slices.Clone(in.Impact)
	return in
}

// whole is the incident with its events.
func (r *record) whole() Incident {
	in := r.head()
	in.Events = slices.Clone(r.in.Events)
	return in
}

// scoped is an event as one of this incident, with an ID.
func (r *record) scoped(e Event) Event {
	if e.ID == "" {
		e.ID = rand.Text()
	}
	e.Incident = r.in.ID
	return e
}

// end is when the incident ended, far away while it is open.
func (r *record) end() time.Time {
	if r.in.State == StateResolved {
		return r.in.ResolvedAt
	}
	return time.Unix(1<<40, 0)
}

// overlaps tells whether two records were open at the same time.
func (r *record) overlaps(o *record) bool {
	return r.in.OpenedAt.Before(o.end()) && o.in.OpenedAt.Before(r.end())
}

// allLocked are the records in memory that are known to have been opened, each once.
// The caller holds mu.
func (l *Log) allLocked() iter.Seq[*record] {
	return func(yield func(*record) bool) {
		for id, r := range l.records {
			if r.in.ID == id && !yield(r) {
				return
			}
		}
	}
}

// newest is the record of a group that was opened last, nil if there is none. The
// caller holds mu.
func (l *Log) newest(groupKey string) *record {
	var last *record
	for r := range l.allLocked() {
		if r.in.GroupKey == groupKey && (last == nil || last.in.OpenedAt.Before(r.in.OpenedAt)) {
			last = r
		}
	}
	return last
}

// find returns the record with an ID, from the disk if it is an old one, nil if nothing
// is known of it. The caller holds mu.
func (l *Log) find(ctx context.Context, id string) (*record, error) {
	if r := l.records[id]; r != nil || id == "" {
		return r, nil
	}
	r, err := l.disk.find(ctx, id)
	if err != nil {
		return nil, fmt.Errorf("read incident %s: %w", id, err)
	}
	if r != nil {
		l.keep(r)
	}
	return r, nil
}

// fetch puts what the disk knows of an incident into memory and returns it without its
// events, zero if nothing is known. Nobody waits for the disk but the caller, who does not
// hold mu.
func (l *Log) fetch(ctx context.Context, id string) (Incident, error) {
	l.mu.Lock()
	r := l.records[id]
	l.mu.Unlock()
	var err error
	if r == nil {
		if r, err = l.disk.find(ctx, id); err != nil {
			return Incident{}, fmt.Errorf("read incident %s: %w", id, err)
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if known := l.records[id]; known != nil {
		r = known // Somebody was quicker.
	}
	if r == nil {
		return Incident{}, nil
	}
	l.keep(r)
	return r.head(), nil
}

// numbered returns the record with a number, as find does. The caller holds mu.
func (l *Log) numbered(ctx context.Context, n int64) (*record, error) {
	for r := range l.allLocked() {
		if r.in.Number == n {
			return r, nil
		}
	}
	id, err := l.disk.numbered(ctx, n)
	if err != nil {
		return nil, fmt.Errorf("read incident #%d: %w", n, err)
	}
	return l.find(ctx, id)
}

// keep puts a record where it is found.
func (l *Log) keep(r *record) {
	for id := range r.parts {
		l.records[id] = r
	}
}

// takeLocked adds events to memory and to what is pending, and leaves out those that
// are known. here says that they began here and not at a peer. It reads no disk: who
// calls it has found what the events name. The caller holds mu.
func (l *Log) takeLocked(events []Event, here bool) { //nolint:revive // It is told by the caller what it is.
	touched := map[*record]Incident{} // as they were
	opened := false
	for _, e := range events {
		r := l.records[e.Incident]
		if r == nil {
			r = &record{parts: map[string]bool{e.Incident: true}, events: map[string]Event{}}
			l.keep(r)
		}
		if _, known := r.events[e.ID]; known {
			continue
		}
		if _, ok := touched[r]; !ok {
			touched[r] = r.head()
		}
		r.events[e.ID] = e
		l.pending.events = append(l.pending.events, e)
		if here {
			l.pending.news.Events = append(l.pending.news.Events, e)
		}
		opened = opened || e.Kind == Opened
	}
	if len(touched) == 0 {
		return
	}
	for r := range touched {
		r.fold()
	}
	if opened {
		l.joinAll(touched)
		l.number(touched)
	}
	for r, before := range touched {
		if l.records[r.in.ID] == r {
			l.noteChange(r, before, here)
		}
	}
	close(l.changed)
	l.changed = make(chan struct{})
}

// noteChange remembers that a record has to be written, and counts what came of it.
func (l *Log) noteChange(r *record, before Incident, here bool) { //nolint:revive // As above.
	if !here && before.State != StateResolved && r.in.State == StateResolved {
		r.elsewhere = l.o.Now()
	}
	l.markLocked(r)
	l.metrics.count(before, r.in)
}

func (l *Log) markLocked(r *record) {
	if l.pending.records == nil {
		l.pending.records = map[*record]bool{}
	}
	l.pending.records[r] = true
}

// joinAll joins records of one group that were open at the same time: peers opened
// them, each for itself. The one that opened first gives its ID.
func (l *Log) joinAll(touched map[*record]Incident) {
	for again := true; again; {
		again = false
		for r := range maps.Clone(touched) {
			if other := l.joinable(r); other != nil {
				l.join(r, other, touched)
				again = true
				break
			}
		}
	}
}

// joinable returns another record that is the same incident as r, nil if there is none.
func (l *Log) joinable(r *record) *record {
	if r.in.ID == "" {
		return nil
	}
	for other := range l.allLocked() {
		if other != r && other.in.GroupKey == r.in.GroupKey && other.overlaps(r) {
			return other
		}
	}
	return nil
}

// join puts r into other.
func (l *Log) join(r, other *record, touched map[*record]Incident) {
	if _, ok := touched[other]; !ok {
		touched[other] = other.head()
	}
	delete(touched, r)
	delete(l.pending.records, r)
	l.pending.gone = append(l.pending.gone, r.in.ID, other.in.ID)
	maps.Copy(other.parts, r.parts)
	maps.Copy(other.events, r.events)
	if r.elsewhere.After(other.elsewhere) {
		other.elsewhere = r.elsewhere
	}
	l.keep(other)
	other.fold()
}

// settled is how long after its end an incident's number is beyond doubt.
const settled = 24 * time.Hour

// number gives every incident in memory a number of its own. Peers that open several
// at the same time may claim the same ones in different order; every peer settles it
// alike: in the order they opened, each gets the first of its claims that is free.
func (l *Log) number(touched map[*record]Incident) {
	if len(touched) == 1 {
		for r := range touched {
			if r.number == 0 && len(r.claims) == 1 && r.claims[0] == l.last+1 {
				l.give(r, r.claims[0]) // As always, but for storms and peers.
				return
			}
		}
	}
	all := slices.SortedFunc(l.allLocked(), func(a, b *record) int {
		return cmp.Or(a.in.OpenedAt.Compare(b.in.OpenedAt), strings.Compare(a.in.ID, b.in.ID))
	})
	taken, claimed := map[int64]bool{}, map[int64]bool{}
	before := l.o.Now().Add(-settled)
	all = slices.DeleteFunc(all, func(r *record) bool {
		old := r.number != 0 && r.end().Before(before)
		if old {
			taken[r.number] = true
		}
		return old
	})
	var without []*record
	for _, r := range all {
		for _, n := range r.claims {
			claimed[n] = true
		}
		free := slices.IndexFunc(r.claims, func(n int64) bool { return !taken[n] })
		if free < 0 {
			without = append(without, r)
			continue
		}
		l.give(r, r.claims[free])
		taken[r.number] = true
	}
	for _, r := range without {
		n := int64(1)
		if len(r.claims) > 0 {
			n = r.claims[len(r.claims)-1]
		}
		for taken[n] || claimed[n] {
			n++
		}
		l.give(r, n)
		taken[n] = true
	}
}

func (l *Log) give(r *record, n int64) {
	l.last = max(l.last, n)
	if r.number != n {
		r.number, r.in.Number = n, n
		l.markLocked(r)
	}
}

// newestLocked are the records that newest would return, by the key of their group. The
// caller holds mu.
func (l *Log) newestLocked() map[string]*record {
	out := map[string]*record{}
	for r := range l.allLocked() {
		if last := out[r.in.GroupKey]; last == nil || last.in.OpenedAt.Before(r.in.OpenedAt) {
			out[r.in.GroupKey] = r
		}
	}
	return out
}

func newestFirst(list []Incident) {
	slices.SortFunc(list, func(a, b Incident) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), cmp.Compare(b.Number, a.Number), strings.Compare(a.ID, b.ID))
	})
}

// open counts the open incidents.
func (l *Log) open() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0.0
	for r := range l.allLocked() {
		if r.in.State != StateResolved {
			n++
		}
	}
	return n
}
