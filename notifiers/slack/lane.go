package slack

import (
	"context"
	"database/sql"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Slack takes about one message a second for each channel, with short bursts.
const (
	laneInterval = time.Second
	laneBurst    = 4
	firstBackoff = 500 * time.Millisecond
	maxBackoff   = 30 * time.Second
	// lastCall is how long a call may go on after the shutdown began.
	lastCall = 3 * time.Second
)

// lane is the queue of one channel: one message at a time. Guarded by outbox.mu.
type lane struct {
	key         string
	workspace   string
	wake        chan struct{} // of capacity 1: there is something new
	records     []*record     // those with rows
	bucket      *bucket
	pausedUntil time.Time
	failures    int // in a row
	running     bool
	begun       []time.Time // the last new incidents, no more than a storm needs
	digest      *record     // of the storm that goes on, or went on last
}

// lane returns the lane of a record's channel.
func (o *outbox) lane(rec *record) *lane {
	key := laneKey(rec.workspace, rec.channel)
	l := o.lanes[key]
	if l == nil {
		l = &lane{key: key, workspace: rec.workspace, wake: make(chan struct{}, 1), bucket: newBucket(laneInterval, laneBurst)}
		o.lanes[key] = l
	}
	return l
}

func (l *lane) add(rec *record) {
	if !slices.Contains(l.records, rec) {
		l.records = append(l.records, rec)
	}
}

// run delivers until ctx ends, and returns when all lanes have stopped.
func (o *outbox) run(ctx context.Context) {
	var lanes sync.WaitGroup
	defer lanes.Wait()
	prune := time.NewTicker(pruneEvery)
	defer prune.Stop()
	o.prune(ctx, time.Now())
	for {
		for _, l := range o.startable() {
			lanes.Go(func() { o.runLane(ctx, l) })
		}
		select {
		case <-ctx.Done():
			return
		case <-o.wake:
		case <-prune.C:
			o.prune(ctx, time.Now())
		}
	}
}

// startable lists the lanes that have work and do not run, and marks them running.
func (o *outbox) startable() []*lane {
	o.mu.Lock()
	defer o.mu.Unlock()
	var out []*lane
	for _, l := range o.lanes {
		// A lane of a workspace that no slack_config names any more has to wait for one.
		if !l.running && len(l.records) > 0 && o.workspaces[l.workspace] != nil {
			l.running = true
			out = append(out, l)
		}
	}
	return out
}

// runLane delivers one channel's messages until there are none.
func (o *outbox) runLane(ctx context.Context, l *lane) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for ctx.Err() == nil {
		j, wait, more := o.next(l, time.Now())
		switch {
		case !more:
			return
		case j == nil:
			timer.Reset(wait)
			select {
			case <-ctx.Done():
			case <-timer.C:
			case <-l.wake:
			}
		default:
			o.settle(l, j, o.perform(ctx, j))
		}
	}
	o.mu.Lock()
	l.running = false
	o.mu.Unlock()
}

// job is one call to make, copied from the row so that it needs no lock.
type job struct {
	row       *row
	workspace *workspace
	since     time.Time
	at        place  // where the message goes
	lookIn    string // channel whose history tells whether it is there
	post      post
	file      *file  // to upload, in place of the post
	fileID    string // of a file that is uploaded already
	isReply   bool   // in the thread of a page
	unsure    bool
	page      pageKey
}

// pageKey is how the notification log, which peers share, knows a page.
type pageKey struct {
	receiver string
	index    int
	groupKey string
	since    time.Time
	gone     string // ts of one that is not there any more
}

// next picks the row to send now. j is nil when it is too early for any, and
// wait says how long; more is false when the lane is empty and ends.
func (o *outbox) next(l *lane, now time.Time) (j *job, wait time.Duration, more bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	l.records = slices.DeleteFunc(l.records, func(rec *record) bool { return len(rec.rows)+len(rec.thread) == 0 })
	if len(l.records) == 0 {
		l.running = false
		return nil, 0, false
	}
	if wait := l.pausedUntil.Sub(now); wait > 0 {
		return nil, wait, true
	}
	r := l.pick(now)
	if r == nil {
		return nil, maxBackoff, true // orphans of a page that is not there yet
	}
	ws := o.workspaces[l.workspace]
	if wait := max(r.nextAt.Sub(now), l.bucket.wait(now), ws.bucket.wait(now)); wait > 0 {
		return nil, wait, true
	}
	l.bucket.take()
	ws.bucket.take()
	if r.kind == kindPage && r.rec.memory.Storm != nil && !r.payload.RootDone {
		o.fillStorm(r, now)
	}
	r.flying = true
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if r.kind != kindPage || r.rec.memory.Storm == nil {
			return markSending(ctx, tx, r)
		}
		if err := saveRow(ctx, tx, r); err != nil {
			return err
		}
		return saveRecord(ctx, tx, r.rec)
	})
	return o.job(r, ws), 0, true
}

// pick chooses among the first rows of all incidents: what may be sent now, pages
// before pictures before threads, what failed least, what is oldest.
func (l *lane) pick(now time.Time) *row {
	var best *row
	for _, rec := range l.records {
		r := rec.head(now)
		if r != nil && (best == nil || r.before(best, now)) {
			best = r
		}
	}
	return best
}

// head is the row of an incident that has to go first.
func (rec *record) head(now time.Time) *row {
	due := func(r *row) bool { return !r.nextAt.After(now) }
	if rec.ts != "" && (len(rec.rows) == 0 || !rec.rows[0].flying) {
		overtakes := func(r *row) bool {
			return due(r) && (len(rec.rows) == 0 && r.urgent() || len(rec.rows) > 0 && r.overtakes(rec.rows[0]))
		}
		if i := slices.IndexFunc(rec.thread, overtakes); i >= 0 {
			return rec.thread[i]
		}
	}
	if len(rec.rows) > 0 {
		return rec.rows[0]
	}
	if len(rec.thread) == 0 || rec.ts == "" {
		return nil
	}
	first := rec.thread[0]
	for _, r := range rec.thread {
		switch {
		case r.kind == kindPicture && due(r):
			return r
		case first.kind == kindPicture && r.kind != kindPicture:
			first = r // a picture that has to wait holds nothing up
		}
	}
	return first
}

// urgent is a call for help: it waits for no edit, of its own page or of others.
func (r *row) urgent() bool { return r.payload.Said && r.payload.Broadcast }

// overtakes tells that a call for help goes before another row. One that Slack did not take lets those pass that were
// tried less often: else a single message that Slack refuses would hold up the whole channel.
func (r *row) overtakes(other *row) bool {
	return r.urgent() && !other.urgent() && r.attempts <= other.attempts
}

// rank orders the rows that could be sent now.
func (r *row) rank() int {
	switch {
	case r.kind == kindPage, r.urgent():
		return 1
	case r.kind == kindPicture:
		return 2
	default:
		return 3
	}
}

func (r *row) before(other *row, now time.Time) bool {
	if due, otherDue := !r.nextAt.After(now), !other.nextAt.After(now); due != otherDue {
		return due
	} else if !due {
		return r.nextAt.Before(other.nextAt)
	}
	if r.overtakes(other) || other.overtakes(r) {
		return r.overtakes(other)
	}
	if a, b := r.rank(), other.rank(); a != b {
		return a < b
	}
	if r.attempts != other.attempts {
		return r.attempts < other.attempts
	}
	return r.seq < other.seq
}

// job copies what a call needs.
func (o *outbox) job(r *row, ws *workspace) *job {
	rec := r.rec
	j := &job{row: r, workspace: ws, since: r.createdAt, unsure: r.unsure}
	j.lookIn = rec.channelID
	if j.lookIn == "" {
		j.lookIn = o.channels[laneKey(rec.workspace, rec.channel)]
	}
	if j.lookIn == "" {
		j.lookIn = rec.channel
	}
	j.post = post{look: r.payload.Look, bare: r.payload.Bare}
	j.page = pageKey{rec.memory.Receiver, rec.memory.Index, rec.memory.GroupKey, rec.openedAt, rec.memory.Gone}
	switch {
	case r.kind == kindPicture:
		j.file, j.fileID = r.payload.File, r.payload.FileID
		return j
	case r.payload.File != nil:
		j.file, j.at = r.payload.File, place{channel: rec.channelID, threadTS: rec.ts}
		return j
	case r.kind == kindThread:
		j.isReply, j.post.id, j.post.msg, j.post.broadcast = true, r.id, *r.payload.Message, r.payload.Broadcast
	case r.payload.RootDone:
		j.isReply, j.post.id, j.post.msg, j.post.broadcast = true, r.id, *r.payload.Reply, r.payload.Broadcast
	default:
		j.post.id, j.post.msg = rec.memory.PostID, *r.payload.Root
	}
	switch {
	case j.isReply:
		j.at = place{channel: rec.channelID, threadTS: rec.ts}
	case rec.ts != "":
		j.at = place{channel: rec.channelID, ts: rec.ts}
	default:
		j.at = place{channel: rec.channel}
	}
	return j
}

// method of the API that the job calls.
func (j *job) method() string {
	if j.file != nil {
		return "files.completeUploadExternal"
	}
	if j.at.ts != "" {
		return "chat.update"
	}
	return "chat.postMessage"
}

// outcome of a job.
type outcome struct {
	answered
	fault  *fault
	stale  bool   // found in the history with an older content
	peer   bool   // a peer has posted the page
	fileID string // of what was uploaded
}

// perform calls Slack. A call that runs when ctx ends is given a moment to finish.
func (o *outbox) perform(ctx context.Context, j *job) outcome {
	ctx, cancel := outlive(ctx, lastCall)
	defer cancel()
	if j.fileID != "" {
		return outcome{fileID: j.fileID}
	}
	if j.file != nil {
		id, f := j.workspace.upload(ctx, j.at, j.file)
		return outcome{fault: f, fileID: id}
	}
	if !j.isReply && j.at.ts == "" && o.posted != nil && j.page.groupKey != "" {
		// While this page waited, or this process was down, a peer may have taken over.
		if at, ok := o.posted(ctx, j.page); ok && at.ts != j.page.gone {
			o.metrics.lookups.WithLabelValues("peer").Inc()
			return outcome{answered: at, stale: true, peer: true}
		}
	}
	if j.unsure && j.at.ts == "" {
		hit, ok, f := j.workspace.find(ctx, place{channel: j.lookIn, threadTS: j.at.threadTS}, j.post.id, j.since)
		switch {
		case ok:
			o.metrics.lookups.WithLabelValues("found").Inc()
			return outcome{answered: hit.answered, stale: !j.isReply && hit.text != j.post.msg.Text}
		case f == nil:
			o.metrics.lookups.WithLabelValues("absent").Inc()
		case f.verdict == retryable || f.verdict == rateLimited:
			f.unsure = true
			return outcome{fault: f}
		default:
			o.metrics.lookups.WithLabelValues("unreadable").Inc()
			o.logger.Warn("history is not readable, sending again a message that may be there already", "channel", j.row.rec.channel, "err", f)
		}
	}
	var out outcome
	if j.at.ts != "" {
		out.answered, out.fault = j.workspace.edit(ctx, j.at, j.post)
	} else {
		out.answered, out.fault = j.workspace.send(ctx, j.at, j.post)
	}
	return out
}

// outlive returns a context that ends a while after its parent does.
func outlive(parent context.Context, grace time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() {
		timer := time.NewTimer(grace)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, func() { stop(); cancel() }
}

// backoff doubles from firstBackoff to maxBackoff, ±25 %.
func backoff(n int) time.Duration {
	d := min(maxBackoff, firstBackoff<<min(max(n-1, 0), 10))
	return d - d/4 + rand.N(d/2+1) //nolint:gosec // jitter needs no secrecy.
}
