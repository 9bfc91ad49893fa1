package slack

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/alertmanager/notify"
)

// How long the memory is kept: of pages that are resolved, and of pages that
// never were, because nobody is told (send_resolved: false).
const (
	keepClosed = 7 * 24 * time.Hour
	keepOpen   = 60 * 24 * time.Hour
	pruneEvery = time.Hour
	// refusedPause is how long a page that Slack refused to edit is left alone.
	refusedPause = 10 * time.Minute
	// diskTimeout bounds one write; a notification does not wait longer for the disk.
	diskTimeout = 5 * time.Second
)

// outbox decides what is sent, and remembers what was. The database follows
// what is in memory here: a write that fails is reported, and does not keep a
// page from being sent.
type outbox struct {
	disk    disk
	logger  *slog.Logger
	metrics *metrics
	wake    chan struct{} // of capacity 1: a lane has work
	// posted asks whether a peer has posted a page meanwhile; nil: there are no peers.
	posted func(context.Context, pageKey) (answered, bool)
	// storm is how many new incidents a minute a channel takes, one message each; 0: any number.
	storm int
	// self is this instance's name among its peers, broadcast tells them of a page; both
	// are set before run, "" and nil without peers.
	self      string
	broadcast func([]byte)

	// mu guards everything below, and all records, rows and lanes. It is held
	// while the database is written, never while Slack is called.
	mu         sync.Mutex
	workspaces map[string]*workspace
	records    map[string]*record // by key: the incident of each group that is not over
	lanes      map[string]*lane
	channels   map[string]string // IDs by laneKey
	seq        int64
	stats      Stats
}

// request is what Notify asks for.
type request struct {
	key          string
	workspace    *workspace
	channel      string
	groupKey     string
	incident     incident
	reason       notify.NotifyReason
	repeat       time.Duration // the repeat interval; 0: unknown
	sendResolved bool
	look         look
	known        answered // from the notification log, which peers share
	index        int      // of the slack_config in its receiver
	interactive  bool     // buttons of the page reach us
	picture      *file    // evidence to upload; nil: none
}

// load reads what an earlier process left.
func (o *outbox) load(ctx context.Context) error {
	records, err := o.disk.open(ctx)
	if err != nil {
		return fmt.Errorf("read open incidents: %w", err)
	}
	byID := map[string]*record{}
	for _, rec := range records {
		byID[rec.id] = rec
		if !rec.closed {
			o.records[rec.key] = rec
		}
	}
	rows, err := o.disk.rows(ctx, byID)
	if err != nil {
		return fmt.Errorf("read outbox: %w", err)
	}
	for _, r := range rows {
		o.seq = max(o.seq, r.seq)
		if r.kind == kindPage {
			r.rec.rows = append(r.rec.rows, r)
		} else {
			r.rec.thread = append(r.rec.thread, r)
		}
		o.lane(r.rec).add(r.rec)
	}
	for _, rec := range records {
		if rec.memory.Storm != nil {
			o.lane(rec).digest = rec
		}
		if d := o.digestOf(rec); d != nil { // the last to join may not be counted yet
			d.memory.Storm.Joined = max(d.memory.Storm.Joined, rec.memory.Place)
		}
	}
	if o.channels, err = o.disk.channels(ctx); err != nil {
		return fmt.Errorf("read channels: %w", err)
	}
	return nil
}

// register makes a workspace known; the latest of an id wins, with the rate of
// the one before.
func (o *outbox) register(ws *workspace) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if old := o.workspaces[ws.id]; old != nil {
		ws.bucket = old.bucket
	}
	o.workspaces[ws.id] = ws
	signal(o.wake)
}

// submit takes a request in and returns what waits for it.
func (o *outbox) submit(req *request) *waiter {
	o.mu.Lock()
	defer o.mu.Unlock()
	in := &req.incident
	rec := o.recall(req)
	opened := false
	switch {
	case rec != nil && rec.closed && in.state() == resolved:
		return delivered(rec.answered()) // a late retry: Slack knows already
	case rec == nil || rec.closed:
		rec, opened = o.begin(req), in.state() == firing
	case req.reason == notify.ReasonFirstNotification && in.state() == firing && !rec.continues(in):
		o.abandon(rec, in.At)
		rec, opened = o.begin(req), true
	}
	rec.memory.SendResolved, rec.memory.Look = req.sendResolved, req.look

	same := rec.state == in.state() && slices.Equal(rec.wanted(), in.firingIDs()) && (rec.ts != "" || len(rec.rows) > 0)
	ping := false
	if same && len(rec.rows) == 0 {
		if ping = rec.pingDue(req); !ping {
			return delivered(rec.answered())
		}
	}
	if same && rec.pending() == nil && len(rec.rows) > 0 {
		return rec.wait(rec.rows[len(rec.rows)-1].seq) // the same is being sent
	}
	w := o.revise(rec, in, ping)
	w.opened = opened && rec.ts == ""
	o.picture(rec, req.picture)
	return w
}

// recall finds the record of a group: in memory, else the last one on disk.
func (o *outbox) recall(req *request) *record {
	if rec := o.records[req.key]; rec != nil {
		return rec
	}
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	rec, err := o.disk.last(ctx, req.key)
	if err != nil {
		o.diskFault(err)
		return nil
	}
	return rec
}

// begin opens a record. A page that a peer posted is taken over.
func (o *outbox) begin(req *request) *record {
	rec := newRecord(req)
	if req.known.ts != "" && req.reason != notify.ReasonFirstNotification {
		rec.channelID, rec.ts = req.known.channelID, req.known.ts
		rec.memory.Told = req.incident.firingIDs()
		rec.memory.NotifiedAt = req.incident.At.Add(-req.repeat)
	}
	if other := o.first(req.groupKey); other != nil {
		// Somebody may have it already, by the page in another channel.
		rec.memory.Incident = incident{At: req.incident.At, Handling: other.memory.Incident.Handling.clone()}
	}
	o.records[rec.key] = rec
	if rec.ts == "" {
		o.joinStorm(rec, req.incident.At)
	}
	return rec
}

// abandon ends a record whose incident ended without anybody telling us.
func (o *outbox) abandon(rec *record, at time.Time) {
	delete(o.records, rec.key)
	if rec.state == resolved {
		return // its end is on the way
	}
	if rec.memory.Digest != "" || rec.memory.SendResolved && rec.ts != "" {
		in := rec.memory.Incident.ended(at)
		o.revise(rec, &in, false)
		return
	}
	rec.closed, rec.updatedAt = true, at
	o.save(func(ctx context.Context, tx *sql.Tx) error { return saveRecord(ctx, tx, rec) })
}

// pingDue reports that a group that did not change is to be announced again.
// A repeat that was delivered after its Notify had given up is not.
func (rec *record) pingDue(req *request) bool {
	if req.incident.state() == resolved {
		return false
	}
	return late(req.incident.At, rec.memory.NotifiedAt) >= req.repeat-req.repeat/10
}

// revise puts a revision of the page into the outbox, in the place of one that
// waits there.
func (o *outbox) revise(rec *record, in *incident, ping bool) *waiter {
	rec.adopt(in)
	if rec.memory.Digest != "" {
		if w := o.reviseMember(rec, in); w != nil {
			return w
		}
	}
	root, over := in.page()
	p := payload{
		Picture: in.Picture.FileID != "", State: in.state(), Firing: in.firingIDs(), Root: &root, Look: rec.memory.Look,
		Thread: in.threadOf(over),
	}
	r := rec.pending()
	if rec.posted() {
		p.Ping = (ping || r != nil && r.payload.Ping) && p.State == firing
		if p.Ping {
			again := in.repeated()
			// Whoever has acknowledged is asked in the thread; else somebody has to hear it.
			p.Reply, p.Broadcast = &again, in.whomToRemind() == ""
		} else if change, ok := in.changed(rec.told()); ok {
			p.Reply = &change
		}
	}
	return o.put(rec, p, in)
}

// put writes a revision and the incident it shows to the outbox, and wakes the
// channel's lane.
func (o *outbox) put(rec *record, p payload, in *incident) *waiter {
	r := rec.pending()
	if r != nil {
		p.Unsure, p.Bare = r.payload.Unsure, false
		r.payload = p
		o.metrics.collapsed.Inc()
	} else {
		o.seq++
		r = &row{id: newID(), rec: rec, seq: o.seq, kind: kindPage, createdAt: in.At, payload: p}
		rec.rows = append(rec.rows, r)
	}
	rec.state, rec.memory.Incident = p.State, in.kept()
	rec.touch(in.At)
	rec.memory.Owner, rec.idle = o.self, 0
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := saveRecord(ctx, tx, rec); err != nil {
			return err
		}
		return saveRow(ctx, tx, r)
	})
	o.share(rec)
	l := o.lane(rec)
	l.add(rec)
	signal(l.wake)
	signal(o.wake)
	return rec.wait(r.seq)
}

func (rec *record) wait(seq int64) *waiter {
	w := &waiter{seq: seq, done: make(chan delivery, 1)}
	rec.waiters = append(rec.waiters, w)
	return w
}

// forget ends a waiting that its Notify gave up, and returns the last trouble.
func (o *outbox) forget(key string, w *waiter) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.records[key]
	if rec == nil {
		return ""
	}
	is := func(other *waiter) bool { return other == w }
	rec.waiters = slices.DeleteFunc(rec.waiters, is)
	if d := o.digestOf(rec); d != nil {
		d.waiters = slices.DeleteFunc(d.waiters, is)
		return d.trouble
	}
	return rec.trouble
}

// finish marks pages resolved whose groups do not fire any more.
func (o *outbox) finish(now time.Time, stillFiring func(groupKey string) bool) int {
	o.mu.Lock()
	defer o.mu.Unlock()
	n := 0
	for _, rec := range o.records {
		if rec.state == resolved || !rec.memory.SendResolved || rec.memory.Storm != nil || now.Sub(rec.refusedAt) < refusedPause || stillFiring(rec.memory.GroupKey) {
			rec.idle = 0
			continue
		}
		if o.leftToPeer(rec) {
			continue
		}
		in := rec.memory.Incident.ended(now)
		o.revise(rec, &in, false)
		n++
	}
	return n
}

// prune forgets what is old.
func (o *outbox) prune(ctx context.Context, now time.Time) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for key, rec := range o.records {
		if rec.updatedAt.Before(now.Add(-keepOpen)) && len(rec.rows) == 0 {
			delete(o.records, key)
		}
	}
	if err := o.disk.prune(ctx, now.Add(-keepClosed), now.Add(-keepOpen)); err != nil {
		o.diskFault(fmt.Errorf("prune old incidents: %w", err))
	}
}

// save writes to the database. Its own deadline keeps a notification that ran
// out of time from losing its row.
func (o *outbox) save(do func(context.Context, *sql.Tx) error) {
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	if err := o.disk.write(ctx, func(tx *sql.Tx) error { return do(ctx, tx) }); err != nil {
		o.diskFault(err)
	}
}

func (o *outbox) diskFault(err error) {
	o.metrics.disk.Inc()
	o.failed("the outbox is not written to disk, messages go out all the same: " + err.Error())
	o.logger.Error("outbox is not written to disk", "err", err)
}

func (o *outbox) failed(text string) {
	o.stats.LastError, o.stats.LastErrorAt = text, time.Now()
}

// snapshot returns the stats.
func (o *outbox) snapshot(now time.Time) Stats {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.stats
	for _, l := range o.lanes {
		if o.workspaces[l.workspace] == nil {
			continue // No slack_config names it any more: nothing of it is sent.
		}
		if l.pausedUntil.After(now) && l.pausedUntil.After(s.PausedUntil) {
			s.PausedUntil = l.pausedUntil
		}
		for _, rec := range l.records {
			for _, r := range slices.Concat(rec.rows, rec.thread) {
				s.Depth++
				s.Oldest = max(s.Oldest, now.Sub(r.createdAt))
			}
		}
	}
	return s
}

func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
