package slack

import (
	"context"
	"database/sql"
	"slices"
	"strings"
	"time"
)

// maxPictureTries is how often a page is tried again with its picture: after half a
// second, one, two, four and eight seconds.
const (
	maxPictureTries = 5
	pictureWait     = 500 * time.Millisecond
)

// settle writes down what became of a job.
func (o *outbox) settle(l *lane, j *job, out outcome) {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	j.row.flying = false
	if out.fault != nil {
		o.settleFault(l, j, out.fault, now)
		return
	}
	if j.fileID == "" { // else Slack was not called
		o.answeredWell(l, j, now)
	}
	switch {
	case j.row.kind == kindPicture:
		o.settlePicture(j.row, out.fileID)
	case j.row.kind == kindThread:
		o.settleThread(j.row)
	case j.isReply:
		j.row.rec.memory.NotifiedAt = now
		o.complete(j.row, nil, now)
	default:
		o.settleRoot(j, out, now)
	}
}

// answeredWell counts a call that Slack took.
func (o *outbox) answeredWell(l *lane, j *job, now time.Time) {
	o.metrics.requests.WithLabelValues(j.method(), "ok").Inc()
	if l.failures > 0 {
		o.logger.Info("slack answers again", "channel", j.row.rec.channel, "failures", l.failures)
	}
	l.failures = 0
	o.stats.Sent++
	o.stats.LastSentAt = now
}

func (o *outbox) settleThread(r *row) {
	r.sent = true
	r.rec.remove(r)
	o.save(func(ctx context.Context, tx *sql.Tx) error { return deleteRow(ctx, tx, r) })
}

// settleRoot is for a page that was posted, found in the history, or edited.
func (o *outbox) settleRoot(j *job, out outcome, now time.Time) {
	r, rec := j.row, j.row.rec
	isNew := j.at.ts == "" && !out.peer
	rec.channelID, rec.ts, rec.trouble = out.channelID, out.ts, ""
	rec.memory.Told, rec.memory.NotifiedAt = r.payload.Firing, now
	r.unsure, r.payload.Unsure = false, false
	var below []*row
	if isNew {
		below = o.below(r)
		// The post itself is the announcement: a reply would repeat it.
		r.payload.Thread, r.payload.Reply, r.payload.Upto = nil, nil, 0
		for _, other := range rec.rows {
			other.payload.Thread = nil // the playbook is there already
		}
	}
	r.payload.RootDone = !out.stale
	if r.payload.RootDone && r.payload.Reply == nil {
		o.complete(r, below, now)
		return
	}
	o.store(r, below)
}

// below queues the messages of a new page's thread.
func (o *outbox) below(r *row) []*row {
	var rows []*row
	for i := range r.payload.Thread {
		o.seq++
		b := &row{id: newID(), rec: r.rec, seq: o.seq, kind: kindThread, createdAt: r.createdAt, payload: payload{Look: r.payload.Look}}
		if part := &r.payload.Thread[i]; part.File != nil {
			b.payload.File = part.File
		} else {
			b.payload.Message = &part.message
		}
		rows = append(rows, b)
	}
	kept := rows
	for _, old := range r.rec.thread {
		if old.kind == kindPicture || old.payload.Said {
			kept = append(kept, old) // a picture is in no thread, and what was said is still to be heard
			continue
		}
		o.save(func(ctx context.Context, tx *sql.Tx) error { return deleteRow(ctx, tx, old) })
	}
	r.rec.thread = kept
	return rows
}

// complete ends a revision: Slack has all of it.
func (o *outbox) complete(r *row, below []*row, now time.Time) {
	rec := r.rec
	rec.remove(r)
	rec.touch(rec.updatedAt) // peers know it as it was when it was queued
	o.metrics.delivery.Observe(now.Sub(r.createdAt).Seconds())
	if rec.memory.Storm != nil {
		rec.memory.Storm.Told = max(rec.memory.Storm.Told, r.payload.Upto)
		rec.memory.Storm.Called = append(rec.memory.Storm.Called, r.payload.Calls...)
	}
	if r.payload.State == resolved && len(rec.rows) == 0 {
		rec.closed = true
		if o.records[rec.key] == rec {
			delete(o.records, rec.key)
		}
	}
	o.store(r, below)
	rec.release(r.seq, delivery{answered: rec.answered()})
	o.share(rec)
	if s := rec.memory.Storm; s != nil && s.Told < s.Joined && len(rec.rows) == 0 && !rec.closed {
		o.reviseStorm(rec, now)
	}
}

// store writes a record with a row, or with the row's end if the record has it
// no more, in one transaction.
func (o *outbox) store(r *row, below []*row) {
	rec := r.rec
	lane := laneKey(rec.workspace, rec.channel)
	learned := o.channels[lane] != rec.channelID
	o.channels[lane] = rec.channelID
	// What is left of the thread of an incident that is over is of no use, but for what
	// somebody said.
	var drop, keep []*row
	if rec.closed {
		for _, old := range rec.thread {
			if old.payload.Said && rec.ts != "" {
				keep = append(keep, old)
			} else {
				drop = append(drop, old)
			}
		}
		rec.thread = keep
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := saveRecord(ctx, tx, rec); err != nil {
			return err
		}
		if learned {
			if err := saveChannel(ctx, tx, rec.workspace, strings.TrimPrefix(rec.channel, "#"), rec.channelID); err != nil {
				return err
			}
		}
		for _, b := range below {
			if err := saveRow(ctx, tx, b); err != nil {
				return err
			}
		}
		if err := deleteRows(ctx, tx, drop); err != nil {
			return err
		}
		if slices.Contains(rec.rows, r) {
			return saveRow(ctx, tx, r)
		}
		return deleteRow(ctx, tx, r)
	})
}

// settleFault decides what a failed call means for the row and its lane.
func (o *outbox) settleFault(l *lane, j *job, f *fault, now time.Time) {
	r, rec := j.row, j.row.rec
	o.metrics.requests.WithLabelValues(j.method(), string(f.verdict)).Inc()
	rec.trouble = f.text
	o.failed(rec.channel + ": " + f.text)
	switch f.verdict {
	case rateLimited:
		l.pausedUntil = now.Add(max(f.after, laneInterval))
		o.keep(r)
	case gone:
		o.settleGone(j)
	case tooRich:
		if r.payload.Picture && r.kind == kindPage {
			o.settleUnseen(r, now)
			return
		}
		if r.payload.Bare || r.payload.File != nil {
			o.refuse(r, f)
			return
		}
		o.logger.Error("slack refuses the blocks of a message, sending its text alone", "channel", rec.channel, "err", f)
		r.payload.Bare = true
		o.keep(r)
	case permanent:
		o.refuse(r, f)
	case retryable:
		l.failures++
		r.attempts++
		l.pausedUntil = now.Add(max(f.after, backoff(l.failures)))
		r.nextAt = now.Add(backoff(r.attempts))
		if j.at.ts == "" && f.unsure {
			r.unsure, r.payload.Unsure = true, true
		}
		if l.failures == 1 {
			o.logger.Warn("slack does not take messages, they are kept and tried again", "channel", rec.channel, "err", f)
		}
		o.keep(r)
	}
}

// keep writes a row that waits again.
func (o *outbox) keep(r *row) {
	if r.lapsed {
		o.drop(r)
		return
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error { return saveRow(ctx, tx, r) })
}

// settleGone is for a page that was deleted or can no longer be edited: it is
// posted anew. A thread message whose page is gone is dropped.
func (o *outbox) settleGone(j *job) {
	r, rec := j.row, j.row.rec
	if r.kind != kindPage && (!r.payload.Said || rec.closed) {
		rec.remove(r)
		o.save(func(ctx context.Context, tx *sql.Tx) error { return deleteRow(ctx, tx, r) })
		return
	}
	if r.kind != kindPage { // what was said needs a page to stand below
		rec.ts, rec.memory.Gone, rec.memory.PostID = "", rec.ts, newID()
		o.keep(r)
		in := rec.memory.Incident
		o.revise(rec, &in, false)
		return
	}
	rec.ts, rec.memory.Gone, rec.memory.PostID = "", rec.ts, newID()
	r.payload.RootDone, r.unsure, r.payload.Unsure = false, false, false
	o.store(r, nil)
}

// refused counts and logs what no try can deliver.
func (o *outbox) refused(rec *record, f *fault) {
	o.stats.Failed++
	o.metrics.failures.WithLabelValues(f.code).Inc()
	o.logger.Error("slack refuses a message", "channel", rec.channel, "receiver", rec.memory.Receiver, "code", f.code, "err", f)
}

// refuse gives a row up that no try can deliver.
func (o *outbox) refuse(r *row, f *fault) {
	rec := r.rec
	r.refusal = f
	if r.kind == kindPicture { // the page says it in words as well
		o.logger.Warn("slack refuses the picture of a page", "channel", rec.channel, "err", f)
	} else {
		o.refused(rec, f)
	}
	rec.remove(r)
	nothing := rec.ts == "" && len(rec.rows) == 0
	var drop []*row
	if nothing {
		drop, rec.thread = rec.thread, nil
	}
	if nothing && o.records[rec.key] == rec {
		delete(o.records, rec.key) // the next notification begins anew
	}
	if r.kind == kindPage && rec.ts != "" && len(rec.rows) == 0 {
		// The page does not say what it was to say: Finish tries again.
		rec.state, rec.refusedAt = firing, time.Now()
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := deleteRows(ctx, tx, append(drop, r)); err != nil {
			return err
		}
		if nothing {
			return deleteRecord(ctx, tx, rec)
		}
		return saveRecord(ctx, tx, rec)
	})
	if r.kind == kindPage {
		rec.release(r.seq, delivery{fault: f})
	}
}
