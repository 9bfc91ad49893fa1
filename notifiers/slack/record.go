package slack

import (
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

// record is what is remembered of an incident: its page, and what is still on
// the way to it. Guarded by outbox.mu.
type record struct {
	id        string // UUID
	key       string // receiver, workspace, channel and group
	workspace string
	channel   string // as the slack_config names it
	channelID string // as Slack knows it; "" before the page is posted
	ts        string // of the page; "" before it is posted
	state     state  // that was asked for last
	closed    bool   // resolved, and Slack knows
	openedAt  time.Time
	updatedAt time.Time
	memory    memory

	rows    []*row // revisions of the page, in order; the first may be in flight
	thread  []*row // messages below the page, in order
	waiters []*waiter
	trouble string // the last failed try, for the error of Notify
	// refusedAt is when Slack refused for good what the page was to say.
	refusedAt time.Time
	idle      int // sweeps that found it over and left it to the peer that owns it
}

// memory is the part of a record that nobody searches by; stored as JSON.
type memory struct {
	Receiver     string    `json:"receiver"`
	GroupKey     string    `json:"group_key"`
	PostID       string    `json:"post_id"` // UUID of the page's metadata
	SendResolved bool      `json:"send_resolved"`
	Told         []string  `json:"told"` // what fires, as the page says it now
	NotifiedAt   time.Time `json:"notified_at,omitzero"`
	Incident     incident  `json:"incident"` // as it was asked for last
	Look         look      `json:"look"`
	Index        int       `json:"index,omitempty"`       // of the slack_config in its receiver
	Interactive  bool      `json:"interactive,omitempty"` // buttons of the page reach us
	Digest       string    `json:"digest,omitempty"`      // id of the storm's record that speaks for this incident
	Place        int       `json:"place,omitempty"`       // among the incidents of the storm
	Placed       bool      `json:"placed,omitempty"`      // the storm has taken it in
	Storm        *storm    `json:"storm,omitempty"`       // of the record of a storm itself
	Gone         string    `json:"gone,omitempty"`        // ts of the page that was deleted or cannot be edited
	Owner        string    `json:"owner,omitempty"`       // the peer that wrote it last; "" without a cluster
	Pressed      []string  `json:"pressed,omitempty"`     // the last clicks: Slack may send one twice
}

// adopt gives a new state of the incident what the record knows of it: it belongs
// to the same page.
func (rec *record) adopt(in *incident) {
	old := &rec.memory.Incident
	if old != in && !old.At.IsZero() {
		in.inherit(old)
	}
	in.Record = ""
	if rec.memory.Interactive {
		in.Record = rec.id
	}
}

// kind of a row.
type kind string

const (
	kindPage   kind = "page"   // a revision of the page, and its reply
	kindThread kind = "thread" // a message or file below the page that nobody waits for
	// kindPicture is a file that is uploaded to be shown in the page.
	kindPicture kind = "picture"
)

// Status of a row in the database.
const (
	statusPending = "pending"
	statusSending = "sending"
)

// row is something on its way to Slack. Guarded by outbox.mu.
type row struct {
	id        string // UUID; of the metadata of the reply, or of the thread message
	rec       *record
	seq       int64
	kind      kind
	createdAt time.Time
	payload   payload

	flying   bool // being sent now
	unsure   bool // an earlier try may have reached Slack: look before sending again
	attempts int
	nextAt   time.Time
	lapsed   bool   // nobody waits any more: it is not tried again
	sent     bool   // Slack has it
	refusal  *fault // why Slack refused it for good; it is in no queue any more
}

// payload is the content of a row, stored as JSON. The parts of a page row are
// sent in their order.
type payload struct {
	State     state    `json:"state,omitempty"`
	Firing    []string `json:"firing,omitempty"`
	Root      *message `json:"root,omitempty"`
	RootDone  bool     `json:"root_done,omitempty"`
	Reply     *message `json:"reply,omitempty"`
	Broadcast bool     `json:"broadcast,omitempty"`
	Ping      bool     `json:"ping,omitempty"`
	Thread    []part   `json:"thread,omitempty"` // goes below the page if it is posted, not edited
	Look      look     `json:"look"`
	Bare      bool     `json:"bare,omitempty"`    // Slack refused the blocks
	Unsure    bool     `json:"unsure,omitempty"`  // row.unsure, for a row that waits
	Message   *message `json:"message,omitempty"` // of a thread row
	// Said marks a thread row that somebody waits for: it is sent whatever becomes of
	// the page.
	Said    bool     `json:"said,omitempty"`
	Call    string   `json:"call,omitempty"`    // the ID of the Call that it says
	File    *file    `json:"file,omitempty"`    // of a thread row or a picture row
	Picture bool     `json:"picture,omitempty"` // Root shows an uploaded file
	FileID  string   `json:"file_id,omitempty"` // of a picture row whose file Slack has already
	Tries   int      `json:"tries,omitempty"`   // of a picture row: how often Slack refused to show it
	Upto    int      `json:"upto,omitempty"`    // of a storm: the last incident that Reply lists
	Calls   []string `json:"calls,omitempty"`   // of a storm: whom it mentions for the first time
}

// part is one item below a page: a message, or a file in its place.
type part struct {
	message

	File *file `json:"file,omitempty"`
}

func (r *row) status() string {
	if r.flying {
		return statusSending
	}
	return statusPending
}

// replaceable reports a revision nothing of which has been sent.
func (r *row) replaceable() bool { return !r.flying && !r.payload.RootDone }

// delivery is how a revision ended; fault is nil when Slack took it.
type delivery struct {
	answered
	fault *fault
}

// waiter waits for all revisions up to seq.
type waiter struct {
	seq  int64
	done chan delivery // of capacity 1
	// opened says that the page of an incident begins with it.
	opened bool
	// elsewhere is set where the message that was waited for is not the page of the
	// one who waits, and its place is no news to him.
	elsewhere bool
}

func delivered(a answered) *waiter {
	w := &waiter{done: make(chan delivery, 1)}
	w.done <- delivery{answered: a}
	return w
}

// newRecord begins an incident.
func newRecord(req *request) *record {
	return &record{
		id: newID(), key: req.key, workspace: req.workspace.id, channel: req.channel,
		state: firing, openedAt: req.incident.At, updatedAt: req.incident.At,
		memory: memory{
			Receiver: req.incident.Receiver, GroupKey: req.groupKey, PostID: newID(), SendResolved: req.sendResolved,
			Index: req.index, Interactive: req.interactive,
		},
	}
}

func (rec *record) setState(s string) {
	rec.state = firing
	if s == string(resolved) {
		rec.state = resolved
	}
}

// place of the page.
func (rec *record) answered() answered { return answered{rec.channelID, rec.ts} }

// wanted is what fires according to the last revision.
func (rec *record) wanted() []string {
	if n := len(rec.rows); n > 0 {
		return rec.rows[n-1].payload.Firing
	}
	return rec.memory.Told
}

// told is what the page and its thread say once everything that cannot be
// replaced any more is sent.
func (rec *record) told() []string {
	for _, r := range slices.Backward(rec.rows) {
		if !r.replaceable() {
			return r.payload.Firing
		}
	}
	return rec.memory.Told
}

// posted reports that the page exists, or will before another revision is sent.
func (rec *record) posted() bool {
	return rec.ts != "" || slices.ContainsFunc(rec.rows, func(r *row) bool { return !r.replaceable() })
}

// pending is the revision that a new one replaces.
func (rec *record) pending() *row {
	if n := len(rec.rows); n > 0 && rec.rows[n-1].replaceable() {
		return rec.rows[n-1]
	}
	return nil
}

// continues reports that a group that Alertmanager takes for new is the one
// this record already shows: its notification log was lost in a crash, or it
// never hears of resolved alerts.
func (rec *record) continues(in *incident) bool {
	if rec.ts == "" && len(rec.rows) > 0 {
		return true
	}
	if rec.endedByPeer() {
		return false
	}
	known := rec.wanted()
	for _, a := range in.alerts(firing) {
		if !slices.Contains(known, a.ID) {
			continue
		}
		// Without send_resolved nobody told us when the old incident ended.
		if rec.memory.SendResolved || !a.StartsAt.After(rec.updatedAt) {
			return true
		}
	}
	return false
}

func (rec *record) remove(r *row) {
	if r.payload.Call != "" && !r.sent { // It was not said: it may be made again.
		rec.memory.Pressed = slices.DeleteFunc(rec.memory.Pressed, func(id string) bool { return id == r.payload.Call })
	}
	is := func(other *row) bool { return other == r }
	rec.rows = slices.DeleteFunc(rec.rows, is)
	rec.thread = slices.DeleteFunc(rec.thread, is)
}

// release ends the waiting of all that wait for revisions up to seq.
func (rec *record) release(seq int64, d delivery) {
	rec.waiters = slices.DeleteFunc(rec.waiters, func(w *waiter) bool {
		if w.seq > seq {
			return false
		}
		if w.elsewhere {
			d.answered = answered{}
		}
		w.done <- d
		return true
	})
}

// laneKey names a channel of a workspace.
func laneKey(workspaceID, channel string) string {
	return workspaceID + "\x00" + strings.TrimPrefix(channel, "#")
}

// newID returns a random UUID (version 4).
func newID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand never fails
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	s := hex.EncodeToString(b[:])
	return fmt.Sprintf("%s-%s-%s-%s-%s", s[:8], s[8:12], s[12:16], s[16:20], s[20:])
}
