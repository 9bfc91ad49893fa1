package incidents

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"
)

const (
	// disagreement is how long a group that a peer has seen end may still fire here
	// before that is a new incident: two instances see alerts end at different moments.
	disagreement = 2 * time.Minute
	// believed is how long a peer that says that a group fires is believed: it says so
	// whenever the two exchange their states, once a minute.
	believed = 5 * time.Minute
	// aftermath is how long after its end an incident is told of deliveries.
	aftermath = 15 * time.Minute
)

// Group is an alert group as the pipeline has it at one time.
type Group struct {
	Key, Receiver string
	At            time.Time
	Alerts        []Alert
}

// Alert is an alert of a group.
type Alert struct {
	Fingerprint         string
	Labels, Annotations map[string]string
	// EndsAt is zero while it fires.
	StartsAt, EndsAt time.Time
	// Muted alerts open no incident: nobody is notified of them. If there is an incident
	// already, they belong to it.
	Muted bool
	// Objective and Playbook are the IDs of what it is about and of what helps, if any.
	Objective, Playbook string
}

func (g *Group) firing() []Alert {
	return slices.DeleteFunc(slices.Clone(g.Alerts), func(a Alert) bool { return !a.EndsAt.IsZero() })
}

// Observe tells the log what a group is like. If an alert of it fires that somebody
// hears of, an incident is open from then on; if none fires any more, it is resolved.
// What is known already changes nothing. It is on disk when Observe returns.
func (l *Log) Observe(ctx context.Context, g Group) error {
	g.At = millis(g.At)
	var impact []Impact
	if len(g.firing()) == 0 {
		if in, ok := l.OpenGroup(g.Key); ok {
			in.ResolvedAt = g.end(in.OpenedAt)
			impact = l.measure(in, g.At)
		}
	}
	if err := l.recall(ctx, g); err != nil {
		return err
	}
	l.mu.Lock()
	l.here[g.Key] = true
	if len(g.firing()) == 0 {
		delete(l.here, g.Key)
	}
	events := l.observed(g)
	l.noteMuted(g)
	if len(events) == 0 {
		l.mu.Unlock()
		return nil
	}
	withImpact(events, impact)
	l.tellLocked(events...)
	l.mu.Unlock()
	return l.commit(ctx)
}

// start is when the first of the alerts that fire began, zero if none does.
func (g *Group) start() (start time.Time) {
	for _, a := range g.firing() {
		if at := earlier(millis(a.StartsAt), g.At); start.IsZero() || at.Before(start) {
			start = at
		}
	}
	return start
}

// end is when the last alert ended, not before from and not after the observation.
func (g *Group) end(from time.Time) time.Time {
	end := from
	for i := range g.Alerts {
		if g.Alerts[i].EndsAt.After(end) {
			end = millis(g.Alerts[i].EndsAt)
		}
	}
	if end.After(g.At) || end.Equal(from) {
		end = g.At
	}
	return end
}

// noteMuted remembers that nobody hears of a group. The caller holds mu.
func (l *Log) noteMuted(g Group) {
	switch firing := g.firing(); {
	case len(firing) > 0 && !slices.ContainsFunc(firing, func(a Alert) bool { return !a.Muted }):
		l.muted[g.Key] = g.At
	default:
		delete(l.muted, g.Key)
	}
}

// recall reads the past incidents of a group that fires from an old beginning, if only
// the disk knows them any more.
func (l *Log) recall(ctx context.Context, g Group) error {
	if _, open := l.OpenGroup(g.Key); open {
		return nil
	}
	for at, last := g.start(), (time.Time{}); at.After(last); {
		past, err := l.fetch(ctx, idOf(g.Key, stamp(at)))
		if err != nil {
			return err
		}
		last, at = at, past.ResolvedAt
	}
	return nil
}

// observed returns what is new about a group. The caller holds mu.
func (l *Log) observed(g Group) []Event {
	r := l.newest(g.Key)
	var events []Event
	if r == nil || r.in.State == StateResolved {
		e, ok := l.opening(r, g)
		if !ok {
			return nil
		}
		events = append(events, e)
		r = &record{in: Incident{ID: e.Incident, OpenedAt: e.At}}
	}
	id, from := r.in.ID, r.in.OpenedAt
	firing := r.firing()
	for _, a := range g.Alerts {
		a.StartsAt, a.EndsAt = millis(a.StartsAt), millis(a.EndsAt)
		over := !a.EndsAt.IsZero()
		starts, known := firing[a.Fingerprint]
		if !known {
			end, before := r.ended(a)
			if over && (before || !a.EndsAt.After(from)) {
				continue // That was known, or has nothing to do with this incident.
			}
			if before {
				a.StartsAt = end // It fires on, or again from its old beginning.
			}
			starts = []string{a.StartsAt.Format(time.RFC3339Nano)}
			events = append(events, fired(id, a, g.At))
		}
		if over {
			events = append(events, ended(id, a.Fingerprint, starts, earlier(a.EndsAt, g.At))...)
		}
	}
	if len(g.firing()) == 0 {
		events = append(events, resolved(id, g.end(from)))
	}
	return events
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// opening returns the event that opens an incident of a group, if there is one to open.
// last is the last incident of the group, nil if there was none.
func (l *Log) opening(last *record, g Group) (Event, bool) {
	start, ok := l.opens(last, g)
	for ok {
		old := l.records[idOf(g.Key, stamp(start))]
		if old == nil || old.in.State != StateResolved || !old.in.ResolvedAt.After(start) {
			break
		}
		start, ok = l.opens(old, g) // It ended so long ago that only the disk knew.
	}
	if !ok {
		return Event{}, false
	}
	id, number := idOf(g.Key, stamp(start)), strconv.FormatInt(l.last+1, 10)
	return Event{
		ID: idOf(id, string(Opened), number), Incident: id, At: start, Kind: Opened,
		Data: map[string]string{DataNumber: number, DataGroupKey: g.Key, DataReceiver: g.Receiver},
	}, true
}

// opens returns when the incident begins that a group begins, if it does. last is the
// last incident of the group, nil if there was none.
func (l *Log) opens(last *record, g Group) (start time.Time, ok bool) {
	fresh := false
	start = g.start()
	if quiet := l.muted[g.Key]; quiet.After(start) {
		start = quiet // Until then nobody was to hear of it: nobody is late.
	}
	for _, a := range g.firing() {
		at := earlier(millis(a.StartsAt), g.At)
		ok = ok || !a.Muted
		fresh = fresh || last == nil || !at.Before(last.in.ResolvedAt)
	}
	if !ok || last == nil || !start.Before(last.in.ResolvedAt) {
		return start, ok
	}
	if !fresh && l.o.Now().Sub(last.elsewhere) < disagreement {
		return start, false
	}
	return last.in.ResolvedAt, true
}

// firing are the beginnings of the alerts that have not ended, by fingerprint.
func (r *record) firing() map[string][]string {
	out := map[string][]string{}
	over := map[string]bool{}
	for _, e := range r.events {
		if e.Kind == Ended {
			over[e.Data[DataFingerprint]+e.Data[DataStartsAt]] = true
		}
	}
	for _, e := range r.events {
		f, start := e.Data[DataFingerprint], e.Data[DataStartsAt]
		if e.Kind == Fired && !over[f+start] && !slices.Contains(out[f], start) {
			out[f] = append(out[f], start)
		}
	}
	return out
}

// ended tells when an alert ended that began when this one did, if that is known.
func (r *record) ended(a Alert) (at time.Time, ok bool) {
	start := a.StartsAt.Format(time.RFC3339Nano)
	for _, e := range r.events {
		if e.Kind == Ended && e.Data[DataFingerprint] == a.Fingerprint && e.Data[DataStartsAt] == start && !e.At.Before(at) {
			at, ok = e.At, true
		}
	}
	return at, ok
}

func fired(incident string, a Alert, now time.Time) Event {
	data := map[string]string{
		DataFingerprint: a.Fingerprint, DataStartsAt: a.StartsAt.Format(time.RFC3339Nano),
	}
	if a.Objective != "" {
		data[DataObjective] = a.Objective
	}
	if a.Playbook != "" {
		data[DataPlaybook] = a.Playbook
	}
	for name, value := range a.Labels {
		data[DataLabel+name] = value
	}
	text := a.Annotations["summary"]
	if text == "" {
		text = a.Labels["alertname"]
	}
	return Event{
		ID: idOf(incident, string(Fired), a.Fingerprint, stamp(a.StartsAt)), Incident: incident,
		At: earlier(a.StartsAt, now), Kind: Fired, Text: text, Data: data,
	}
}

func ended(incident, fingerprint string, starts []string, at time.Time) []Event {
	var out []Event
	for _, start := range starts {
		out = append(out, Event{
			ID: idOf(incident, string(Ended), fingerprint, start, stamp(at)), Incident: incident, At: at, Kind: Ended,
			Data: map[string]string{DataFingerprint: fingerprint, DataStartsAt: start},
		})
	}
	return out
}

func resolved(incident string, at time.Time) Event {
	return Event{ID: idOf(incident, string(Resolved), stamp(at)), Incident: incident, At: at, Kind: Resolved, Data: map[string]string{}}
}

// withImpact writes the final figures into the event that resolves.
func withImpact(events []Event, impact []Impact) {
	for _, e := range events {
		if e.Kind != Resolved {
			continue
		}
		for _, i := range impact {
			if text, err := json.Marshal(i); err == nil {
				e.Data[DataImpact+i.Objective] = string(text)
			}
		}
	}
}

// Reconcile compares the open incidents with what fires, since nobody tells of what
// ends while the program does not run. firing are the groups with alerts that fire;
// known tells of a group that its end is still to be observed. What fires at a peer
// only is left to that peer.
func (l *Log) Reconcile(ctx context.Context, firing []Group, known func(groupKey string) bool) error {
	now := millis(l.o.Now())
	groups := map[string]map[string]bool{}
	for _, g := range firing {
		if groups[g.Key] == nil {
			groups[g.Key] = map[string]bool{}
		}
		for _, a := range g.Alerts {
			groups[g.Key][a.Fingerprint] = true
		}
	}
	l.mu.Lock()
	clear(l.here)
	for key := range groups {
		l.here[key] = true
	}
	maps.DeleteFunc(l.there, func(_ string, said time.Time) bool { return now.Sub(said) > believed })
	there := maps.Clone(l.there)
	l.mu.Unlock()
	for _, in := range l.List(Filter{Open: true}) {
		alerts, fires := groups[in.GroupKey]
		if !fires && (!there[in.GroupKey].IsZero() || known(in.GroupKey)) {
			continue
		}
		var impact []Impact
		if !fires {
			impact = l.measure(in, now)
		}
		l.mu.Lock()
		r := l.records[in.ID]
		if r == nil || r.in.State == StateResolved {
			l.mu.Unlock()
			continue
		}
		var events []Event
		for fingerprint, starts := range r.firing() {
			if !alerts[fingerprint] && !r.since(fingerprint, now.Add(-time.Minute)) {
				events = append(events, ended(r.in.ID, fingerprint, starts, now)...)
			}
		}
		if !fires {
			events = append(events, resolved(r.in.ID, now))
			withImpact(events, impact)
		}
		l.tellLocked(events...)
		l.mu.Unlock()
	}
	return l.commit(ctx)
}

// since tells whether an alert was told to fire after a time.
func (r *record) since(fingerprint string, at time.Time) bool {
	for _, e := range r.events {
		if e.Kind == Fired && e.Data[DataFingerprint] == fingerprint && e.At.After(at) {
			return true
		}
	}
	return false
}

// Delivery is what became of a notification about a group.
type Delivery struct {
	GroupKey string
	// Receiver is its name, Integration the way to reach it: slack[0].
	Receiver, Integration string
	At                    time.Time
	// Err is nil if it was taken.
	Err error
}

// Delivered tells the log of a notification. The first that an integration takes or
// refuses is an event, and each after which it is the other way around.
func (l *Log) Delivered(ctx context.Context, d Delivery) error {
	l.mu.Lock()
	r := l.newest(d.GroupKey)
	if r == nil || r.end().Add(aftermath).Before(d.At) {
		l.mu.Unlock()
		return nil
	}
	kind, text := Notified, fmt.Sprintf("%s (%s)", d.Receiver, d.Integration)
	if d.Err != nil {
		kind, text = NotNotified, text+": "+d.Err.Error()
	}
	if r.lastDelivery(d.Receiver, d.Integration) == kind {
		l.mu.Unlock()
		return nil
	}
	at := millis(d.At)
	l.tellLocked(Event{
		ID: idOf(r.in.ID, string(kind), d.Receiver, d.Integration, stamp(at)), Incident: r.in.ID, At: at, Kind: kind, Text: text,
		Data: map[string]string{DataReceiver: d.Receiver, DataIntegration: d.Integration},
	})
	l.mu.Unlock()
	return l.commit(ctx)
}

// lastDelivery is the outcome of the last delivery that was told, "" without one.
func (r *record) lastDelivery(receiver, integration string) Kind {
	for _, e := range slices.Backward(r.in.Events) {
		if (e.Kind == Notified || e.Kind == NotNotified) && e.Data[DataReceiver] == receiver && e.Data[DataIntegration] == integration {
			return e.Kind
		}
	}
	return ""
}
