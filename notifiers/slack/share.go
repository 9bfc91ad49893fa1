package slack

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/alertmanager/cluster"
)

// maxShared bounds the pages that peers tell each other when they meet.
const maxShared = 500

// sweepsOfPeer is how many sweeps a page is left to the peer that looks after it,
// after which this instance finishes it.
const sweepsOfPeer = 3

var _ cluster.State = (*Slack)(nil)

// sharedPage is a page as peers tell it: with it a click that reaches one instance
// holds on all, and any of them can go on with the page when another is gone.
type sharedPage struct {
	ID        string    `json:"id"`
	Key       string    `json:"key"`
	Channel   string    `json:"channel"`
	ChannelID string    `json:"channel_id"`
	TS        string    `json:"ts"`
	State     state     `json:"state"`
	Closed    bool      `json:"closed,omitempty"`
	OpenedAt  time.Time `json:"opened_at"`
	UpdatedAt time.Time `json:"updated_at"`
	Memory    memory    `json:"memory"`
}

// ShareWith makes pages known to the peers of a cluster: broadcast sends to all of
// them, self is this instance's name among them. What they tell comes in by Merge.
// Call it before Run.
func (s *Slack) ShareWith(self string, broadcast func([]byte)) {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	s.outbox.self, s.outbox.broadcast = self, broadcast
}

// share tells the peers of a page, once Slack has it. The caller holds mu.
func (o *outbox) share(rec *record) {
	if o.broadcast == nil || !rec.shareable() {
		return
	}
	text, err := json.Marshal(rec.shared())
	if err != nil {
		o.logger.Error("a page could not be told to peers", "err", err)
		return
	}
	o.broadcast(text)
}

// shareable reports a page of our own workspace that peers can edit. A storm stays
// with the instance that speaks for it.
func (rec *record) shareable() bool {
	return rec.workspace == ownWorkspace && rec.ts != "" && rec.memory.Storm == nil && rec.memory.Digest == ""
}

func (rec *record) shared() sharedPage {
	return sharedPage{
		ID: rec.id, Key: rec.key, Channel: rec.channel, ChannelID: rec.channelID, TS: rec.ts, State: rec.state, Closed: rec.closed,
		OpenedAt: rec.openedAt, UpdatedAt: rec.updatedAt, Memory: rec.memory,
	}
}

// MarshalBinary implements cluster.State: the open pages, a line of JSON each.
func (s *Slack) MarshalBinary() ([]byte, error) {
	o := s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	var out bytes.Buffer
	lines := json.NewEncoder(&out)
	n := 0
	for _, rec := range o.records {
		if !rec.shareable() || n == maxShared {
			continue
		}
		n++
		if err := lines.Encode(rec.shared()); err != nil {
			return nil, fmt.Errorf("write a page for peers: %w", err)
		}
	}
	return out.Bytes(), nil
}

// Merge implements cluster.State. Of two states of a page the later one holds.
func (s *Slack) Merge(b []byte) error {
	o := s.outbox
	lines := json.NewDecoder(bytes.NewReader(b))
	var faults []error
	for lines.More() {
		var p sharedPage
		if err := lines.Decode(&p); err != nil {
			return errors.Join(append(faults, fmt.Errorf("read a page of a peer: %w", err))...)
		}
		if p.ID == "" || p.Key == "" || p.TS == "" || p.Memory.Storm != nil {
			faults = append(faults, errors.New("read a page of a peer: it has no id, key or place"))
			continue
		}
		o.learn(p)
	}
	return errors.Join(faults...)
}

// learn takes what a peer tells of a page.
func (o *outbox) learn(p sharedPage) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.records[p.Key]
	switch {
	case rec == nil && (p.Closed || p.State == resolved):
		return // that it is over is all there is to know, and who ends it sees to that
	case rec == nil:
		rec = &record{id: p.ID, key: p.Key, workspace: ownWorkspace, channel: p.Channel}
		o.records[p.Key] = rec
	case rec.memory.Digest != "" || rec.ts != "" && rec.ts != p.TS && !rec.endedByPeer() || !p.UpdatedAt.After(rec.updatedAt):
		return // ours is another page, or newer
	case len(rec.rows) > 0 && rec.rows[0].flying:
		return // what we are saying is on its way, and is told when it is there
	}
	for _, r := range rec.rows { // the peer has said more than what waits here
		o.save(func(ctx context.Context, tx *sql.Tx) error { return deleteRow(ctx, tx, r) })
		rec.release(r.seq, delivery{answered: answered{p.ChannelID, p.TS}})
	}
	rec.rows = nil
	was := *rec
	interactive := rec.memory.Interactive || p.Memory.Interactive
	rec.id, rec.channelID, rec.ts, rec.state, rec.closed = p.ID, p.ChannelID, p.TS, firing, p.Closed
	rec.openedAt, rec.updatedAt, rec.memory, rec.idle = p.OpenedAt, p.UpdatedAt, p.Memory, 0
	rec.memory.Interactive = interactive
	rec.setState(string(p.State))
	if rec.closed {
		delete(o.records, rec.key)
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if was.id != rec.id { // what waits for its thread moves along
			if err := errors.Join(deleteRecord(ctx, tx, &was), deleteRows(ctx, tx, rec.thread)); err != nil {
				return err
			}
		}
		if err := saveRecord(ctx, tx, rec); err != nil {
			return err
		}
		for _, r := range rec.thread {
			if err := saveRow(ctx, tx, r); err != nil {
				return err
			}
		}
		return nil
	})
}

// endedByPeer reports a page of which a peer has told that it is over: that one sees to
// the end, and what fires from now on is another incident.
func (rec *record) endedByPeer() bool { return rec.state == resolved && len(rec.rows) == 0 }

// touch sets when a record was changed last, after every change before: peers take
// only what is later than what they know, and clocks differ.
func (rec *record) touch(at time.Time) {
	if !at.After(rec.updatedAt) {
		at = rec.updatedAt.Add(time.Millisecond)
	}
	rec.updatedAt = at
}

// leftToPeer reports a page that another instance looks after, and counts the sweeps
// for which this one has left it to that one.
func (o *outbox) leftToPeer(rec *record) bool {
	if o.self == "" || rec.memory.Owner == o.self || rec.memory.Owner == "" {
		return false
	}
	rec.idle++
	return rec.idle < sweepsOfPeer
}
