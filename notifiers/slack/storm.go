package slack

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"
)

const (
	// stormWindow is the time in which new incidents are counted.
	stormWindow = time.Minute
	// stormEnds is how long no incident has joined when a storm is over: then those
	// that still fire get messages of their own as soon as there is news of them.
	stormEnds = 5 * time.Minute
	// stormBatch is how many incidents one reply in the thread lists.
	stormBatch = 25
	// maxCalls is how many people one message of a storm mentions.
	maxCalls = 20
)

// storm is the digest of incidents that began too fast for one message each. The
// incidents keep their own records, which name the digest's.
type storm struct {
	Began  time.Time `json:"began"`
	LastAt time.Time `json:"last_at"`          // when the last incident joined
	Limit  int       `json:"limit"`            // new incidents a minute that the channel takes
	Joined int       `json:"joined"`           // incidents, numbered from 1 in this order
	Over   int       `json:"over"`             // have ended
	Apart  int       `json:"apart"`            // have a message of their own now
	Told   int       `json:"told"`             // the last incident that the thread lists
	Called []string  `json:"called,omitempty"` // who has been mentioned, in mrkdwn
}

// joinStorm lets a new incident join the storm in its channel, if there is one or
// this incident makes it one. The caller holds mu.
func (o *outbox) joinStorm(rec *record, at time.Time) {
	if o.storm <= 0 {
		return
	}
	l := o.lane(rec)
	l.begun = slices.DeleteFunc(append(l.begun, at), func(t time.Time) bool { return at.Sub(t) > stormWindow })
	l.begun = l.begun[max(0, len(l.begun)-o.storm-1):]
	if d := l.digest; d != nil && (o.records[d.key] != d || d.closed || d.state == resolved || d.calm(at)) {
		l.digest = nil
	}
	if l.digest == nil {
		if len(l.begun) <= o.storm {
			return
		}
		l.digest = o.beginStorm(rec, at)
	}
	s := l.digest.memory.Storm
	s.Joined++
	s.LastAt = at
	rec.memory.Digest, rec.memory.Place = l.digest.id, s.Joined
}

// beginStorm opens the record of a digest, in the channel of the incident that was
// one too many.
func (o *outbox) beginStorm(first *record, at time.Time) *record {
	d := &record{
		id: newID(), workspace: first.workspace, channel: first.channel, channelID: first.channelID,
		state: firing, openedAt: at, updatedAt: at,
		memory: memory{
			Receiver: first.memory.Receiver, PostID: newID(), SendResolved: true, Look: first.memory.Look,
			Interactive: first.memory.Interactive, Storm: &storm{Began: at, LastAt: at, Limit: o.storm},
		},
	}
	d.key = "storm/" + d.id
	o.records[d.key] = d
	o.metrics.storms.Inc()
	o.logger.Warn("many incidents begin at once, they share one message", "channel", d.channel, "limit_a_minute", o.storm)
	return d
}

// calm reports that nothing has joined for a while.
func (rec *record) calm(at time.Time) bool { return at.Sub(rec.memory.Storm.LastAt) > stormEnds }

// digestOf is the storm that speaks for an incident, nil without one.
func (o *outbox) digestOf(rec *record) *record {
	if rec.memory.Digest == "" {
		return nil
	}
	return o.records["storm/"+rec.memory.Digest]
}

// members are the open incidents of a storm, in the order they joined.
func (o *outbox) members(d *record) []*record {
	var out []*record
	for _, rec := range o.records {
		if rec.memory.Digest == d.id && rec.state == firing {
			out = append(out, rec)
		}
	}
	slices.SortFunc(out, func(a, b *record) int { return cmp.Compare(a.memory.Place, b.memory.Place) })
	return out
}

// reviseMember takes news of an incident that a storm speaks for. It returns nil
// once the incident is to have a message of its own.
func (o *outbox) reviseMember(rec *record, in *incident) *waiter {
	d := o.digestOf(rec)
	over := in.state() == resolved
	if !over && (d == nil || rec.memory.Placed && d.calm(in.At)) {
		rec.memory.Digest = ""
		if d != nil {
			d.memory.Storm.Apart++
			o.reviseStorm(d, in.At)
		}
		return nil
	}
	rec.memory.Placed = true
	rec.state, rec.updatedAt, rec.memory.Incident, rec.memory.Told = in.state(), in.At, in.kept(), in.firingIDs()
	rec.closed = over
	var drop []*row
	if over {
		drop, rec.thread = rec.thread, nil
		if o.records[rec.key] == rec {
			delete(o.records, rec.key)
		}
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := saveRecord(ctx, tx, rec); err != nil {
			return err
		}
		return deleteRows(ctx, tx, drop)
	})
	if d == nil {
		return delivered(answered{}) // the digest was forgotten long ago
	}
	if over {
		d.memory.Storm.Over++
	}
	w := o.reviseStorm(d, in.At)
	w.elsewhere = true
	return w
}

// reviseStorm puts an edit of the digest into the outbox. What it says is made when
// it is sent: a thousand incidents in a second are one edit.
func (o *outbox) reviseStorm(d *record, at time.Time) *waiter {
	if r := d.pending(); r != nil {
		o.metrics.collapsed.Inc()
		return d.wait(r.seq)
	}
	return o.put(d, payload{State: firing, Look: d.memory.Look}, &incident{Receiver: d.memory.Receiver, At: at})
}

// fillStorm makes what a digest says from the present state of its incidents.
func (o *outbox) fillStorm(r *row, at time.Time) {
	d := r.rec
	members := o.members(d)
	p := &r.payload
	p.Reply, p.Upto, p.State = nil, 0, firing
	p.Calls = d.toCall(members)
	called := d.memory.Storm.Called
	if d.ts == "" {
		called = p.Calls // only the first post pings
	}
	root := d.stormPage(members, called, at)
	p.Root = &root
	if len(members) == 0 {
		p.State = resolved
	}
	d.state, d.updatedAt = p.State, at
	if d.ts == "" {
		return
	}
	if list := d.untold(members); len(list) > 0 {
		p.Calls = d.toCall(list)
		m := stormReply(list, p.Calls)
		p.Reply, p.Upto = &m, list[len(list)-1].memory.Place
	} else {
		p.Upto, p.Calls = d.memory.Storm.Joined, nil // those that were not listed are over
	}
}

// toCall is whom incidents of a storm would mention in pages of their own and it has
// not mentioned yet.
func (rec *record) toCall(members []*record) []string {
	var out []string
	for _, m := range members {
		in := &m.memory.Incident
		calls := in.Custom.Mentions
		if in.OnCall.Now != nil && isUserID(in.OnCall.Now.SlackID) {
			calls = []string{in.OnCall.Now.mention()}
		}
		for _, c := range calls {
			if !slices.Contains(rec.memory.Storm.Called, c) && !slices.Contains(out, c) && len(out) < maxCalls {
				out = append(out, c)
			}
		}
	}
	return out
}

// untold are the next incidents to list in the thread.
func (rec *record) untold(members []*record) []*record {
	told := rec.memory.Storm.Told
	i := slices.IndexFunc(members, func(m *record) bool { return m.memory.Place > told })
	if i < 0 {
		return nil
	}
	return members[i:min(len(members), i+stormBatch)]
}

// acknowledgeStorm acknowledges every incident that a storm speaks for and that
// nobody has yet, and returns them. The caller holds no lock.
func (o *outbox) acknowledgeStorm(c clicked) ([]handled, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	d, err := o.clickedOn(c)
	if err != nil {
		return nil, err
	}
	var done []handled
	for _, rec := range o.members(d) {
		if rec.memory.Incident.Handling.Acknowledged != nil {
			continue
		}
		rec.memory.Incident.Handling = rec.memory.Incident.Handling.clone()
		rec.memory.Incident.Handling.Acknowledged = &c.who
		done = append(done, handled{groupKey: rec.memory.GroupKey, said: said{kind: "acknowledged"}})
		o.save(func(ctx context.Context, tx *sql.Tx) error { return saveRecord(ctx, tx, rec) })
	}
	if len(done) == 0 {
		return nil, nil
	}
	o.reviseStorm(d, c.who.At)
	m := reply("🟡 "+c.who.mention()+" acknowledged "+plural(len(done), "incident")+".", nil)
	o.enqueue(d, &row{kind: kindThread, createdAt: c.who.At, payload: payload{Message: &m, Said: true, Look: d.memory.Look}})
	return done, nil
}
