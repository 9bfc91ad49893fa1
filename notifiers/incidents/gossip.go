package incidents

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/prometheus/alertmanager/cluster"
)

const (
	// shared is how long after its end peers tell each other all of an incident when they
	// meet. Of older ones, as far as they are remembered, they tell beginning and end.
	shared = 6 * time.Hour
	// maxState bounds what peers tell when they meet, in bytes.
	maxState = 4 << 20
	// maxTold bounds the events that wait to be taken in.
	maxTold = 100_000
	// maxMessage is how many events one message holds.
	maxMessage = 100
)

// message is what a peer tells, as JSON: events and annotations, which are added to
// those that are known.
type message struct {
	Events      []Event      `json:"events,omitempty"`
	Annotations []Annotation `json:"annotations,omitempty"`
	// Firing are the keys of open groups that fire at who tells. It is told with the whole
	// state only, and holds for a while.
	Firing []string `json:"firing,omitempty"`
}

// State returns the log as what the peers of a cluster share. It never blocks on the
// disk: Run writes what they tell.
func (l *Log) State() cluster.State { return peers{l} }

// Share has every event that begins here told by channel. Call it once, before
// anything is told to the log.
func (l *Log) Share(channel cluster.ClusterChannel) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.send = channel.Broadcast
}

// broadcast tells the peers what is on disk now.
func (l *Log) broadcast(news message) {
	l.mu.Lock()
	send := l.send
	l.mu.Unlock()
	if send == nil {
		return
	}
	for chunk := range slices.Chunk(news.Events, maxMessage) {
		l.encode(message{Events: chunk}, send)
	}
	for chunk := range slices.Chunk(news.Annotations, maxMessage) {
		l.encode(message{Annotations: chunk}, send)
	}
}

func (l *Log) encode(m message, send func([]byte)) {
	b, err := json.Marshal(m)
	if err != nil {
		l.logger.Error("peers could not be told of events", "err", err)
		return
	}
	send(b)
}

// peers is a log as its peers see it.
type peers struct{ log *Log }

var _ cluster.State = peers{}

// MarshalBinary implements cluster.State: open and recent incidents, as many of the
// newest as may be told.
func (p peers) MarshalBinary() ([]byte, error) {
	l := p.log
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.o.Now()
	all := slices.SortedFunc(l.allLocked(), func(a, b *record) int {
		return cmp.Or(b.end().Compare(a.end()), b.in.OpenedAt.Compare(a.in.OpenedAt))
	})
	var m message
	size, over := 0, 0
	for _, a := range slices.Backward(l.notes) {
		if size += a.size(); a.At.Before(now.Add(-remembered)) || size > maxState/4 {
			break
		}
		m.Annotations = append(m.Annotations, a)
	}
	for _, r := range all {
		if r.in.State == StateResolved {
			over++
		}
		if over > maxRemembered || r.end().Before(now.Add(-remembered)) {
			break // What is told is remembered anew: nobody would ever forget it.
		}
		events, large := r.told(r.end().After(now.Add(-shared)))
		if size+large > maxState {
			// A storm of alerts in one group: what it is about, and what was done.
			if events, large = r.told(false); size+large > maxState {
				break
			}
		}
		size += large
		m.Events = append(m.Events, events...)
		if r.in.State != StateResolved && l.here[r.in.GroupKey] {
			m.Firing = append(m.Firing, r.in.GroupKey)
		}
	}
	return json.Marshal(m)
}

// told are the events of a record that peers are told when they meet, and about how long
// they are as JSON: all, or those without which nobody knows what it is and who has it.
func (r *record) told(all bool) (events []Event, size int) { //nolint:revive // As said.
	for _, e := range r.events {
		if all || e.Kind == Opened || e.Kind == Resolved || e.Kind == Acknowledged || e.Kind == TakenOver || e.Kind == PolicyChecked {
			events = append(events, e)
			size += e.size()
		}
	}
	return events, size
}

// size is about how long an annotation is as JSON.
func (a *Annotation) size() int {
	n := 120 + len(a.ID) + len(a.Text) + len(a.Service) + len(a.Link)
	for _, tag := range a.Tags {
		n += len(tag) + 3
	}
	return n
}

// size is about how long an event is as JSON.
func (e *Event) size() int {
	n := 120 + len(e.ID) + len(e.Incident) + len(e.By) + len(e.ByID) + len(e.Text)
	for k, v := range e.Data {
		n += len(k) + len(v) + 6
	}
	return n
}

// Merge implements cluster.State. What is not usable is left out and counted.
func (p peers) Merge(b []byte) error {
	var m message
	if len(bytes.TrimSpace(b)) > 0 {
		if err := json.Unmarshal(b, &m); err != nil {
			p.log.metrics.refused.Inc()
			return fmt.Errorf("a peer sent incidents that cannot be read: %w", err)
		}
	}
	got := len(m.Events) + len(m.Annotations)
	m.Events = slices.DeleteFunc(m.Events, func(e Event) bool { return !e.acceptable() })
	m.Annotations = slices.DeleteFunc(m.Annotations, func(a Annotation) bool { return !a.acceptable() })
	refused := got - len(m.Events) - len(m.Annotations)

	l := p.log
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.stopped {
		return nil // The library listens until the process ends.
	}
	m.Events = slices.DeleteFunc(m.Events, func(e Event) bool {
		r := l.records[e.Incident]
		if r == nil {
			return false
		}
		_, known := r.events[e.ID]
		return known
	})
	if len(l.told.Events)+len(m.Events) > maxTold || len(l.told.Annotations)+len(m.Annotations) > maxTold {
		l.metrics.refused.Add(float64(refused + len(m.Events) + len(m.Annotations)))
		return fmt.Errorf("%d events of peers wait to be taken in: more are refused until they meet again", len(l.told.Events))
	}
	l.metrics.refused.Add(float64(refused))
	l.told.Firing = append(l.told.Firing, m.Firing[:min(len(m.Firing), maxTold-len(l.told.Firing))]...)
	l.told.Events = append(l.told.Events, m.Events...)
	l.told.Annotations = append(l.told.Annotations, m.Annotations...)
	select {
	case l.received <- struct{}{}:
	default: // It will be taken in already.
	}
	return nil
}

// takeTold adds what peers have told to memory. Events of an incident that cannot be read
// now are left out: peers tell them again when they meet.
func (l *Log) takeTold() {
	l.mu.Lock()
	m := l.told
	l.told = message{}
	unknown := map[string]bool{}
	for _, e := range m.Events {
		unknown[e.Incident] = l.records[e.Incident] == nil
	}
	l.mu.Unlock()
	unreadable := l.fetchAll(unknown)
	m.Events = slices.DeleteFunc(m.Events, func(e Event) bool { return unreadable[e.Incident] })

	l.mu.Lock()
	defer l.mu.Unlock()
	l.takeLocked(m.Events, false)
	for _, a := range m.Annotations {
		l.annotateLocked(a)
	}
	if len(m.Firing) == 0 {
		return
	}
	last := l.newestLocked()
	for _, key := range m.Firing {
		if r := last[key]; r != nil && r.in.State != StateResolved {
			l.there[key] = l.o.Now()
		}
	}
}

// fetchAll fetches the incidents that are marked, and returns those that could not be read.
func (l *Log) fetchAll(ids map[string]bool) (failed map[string]bool) {
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	failed = map[string]bool{}
	for id, wanted := range ids {
		if !wanted {
			continue
		}
		if _, err := l.fetch(ctx, id); err != nil {
			failed[id] = true
			l.logger.Error("what a peer told of an incident is left out until it tells it again", "incident", id, "err", err)
		}
	}
	return failed
}
