package slack

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"slices"
	"time"
)

// maxPressed is how many clicks an incident remembers, to know one that comes twice.
const maxPressed = 50

// Errors that a click is refused with; they are for the person who clicked.
var (
	errOver    = errors.New("this incident is over: its page is kept for the record")
	errUnknown = errors.New("this page is not known here: it was posted by another Watchtower, or before its data was lost")
)

// clicked is one click, from whoever made it.
type clicked struct {
	record string // id of the record, from the button's value
	at     answered
	id     string // the same for a click that is delivered twice; "" unknown
	who    deed
}

// said is what a deed adds to the thread; broadcast shows it in the channel too.
type said struct {
	msg       message
	broadcast bool
	// kind, text and data are those of the Deed.
	kind, text string
	data       map[string]string
	// quiet leaves the page as it is.
	quiet bool
}

// handled is what became of a click.
type handled struct {
	incident incident
	groupKey string
	said     said // its kind is "" when nothing changed
}

// handle applies what somebody did to the pages of an incident, in every channel
// it has one. change gets each page's incident, and returns what to say; ok false
// means that there is nothing to change.
func (o *outbox) handle(c clicked, change func(in *incident) (what said, ok bool, err error)) (handled, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	first, err := o.clickedOn(c)
	if err != nil {
		return handled{}, err
	}
	out := handled{groupKey: first.memory.GroupKey}
	if first.pressedBefore(c.id) {
		out.incident = first.memory.Incident
		return out, nil
	}
	pages := []*record{first}
	for _, rec := range o.records {
		if rec != first && rec.memory.GroupKey == first.memory.GroupKey && rec.state == firing {
			pages = append(pages, rec)
		}
	}
	// Only what suits all of them is done.
	changed := make([]incident, len(pages))
	whats := make([]said, len(pages))
	for i, rec := range pages {
		changed[i] = rec.memory.Incident
		changed[i].Handling = changed[i].Handling.clone()
		changed[i].At = c.who.At
		what, ok, err := change(&changed[i])
		if err != nil {
			return handled{}, err
		}
		if ok {
			whats[i] = what
		}
	}
	for i, rec := range pages {
		in, what := changed[i], whats[i]
		if what.kind == "" {
			continue
		}
		rec.memory.Incident.Handling = in.Handling
		if rec == first {
			rec.remember(c.id)
			out.said = what
		}
		if !what.quiet {
			o.revise(rec, &in, false)
		}
		if what.msg.Text != "" && (rec == first || !what.quiet) {
			to := cmp.Or(o.digestOf(rec), rec) // a storm speaks for its incidents
			o.enqueue(to, &row{kind: kindThread, createdAt: c.who.At, payload: payload{
				Message: &what.msg, Broadcast: what.broadcast && rec == first, Said: true, Look: rec.memory.Look,
			}})
		}
	}
	out.incident = first.memory.Incident
	return out, nil
}

// clickedOn finds the record of a click: by its id, else by where the page is.
func (o *outbox) clickedOn(c clicked) (*record, error) {
	if c.record == previewRecord {
		return nil, errPreview
	}
	for _, rec := range o.records {
		if rec.id == c.record || c.record == "" && rec.ts == c.at.ts && rec.channelID == c.at.channelID {
			if rec.state == resolved {
				return nil, errOver
			}
			return rec, nil
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	switch known, err := o.disk.known(ctx, c.record); {
	case err != nil:
		o.diskFault(err)
		return nil, errors.New("the database of this Watchtower does not answer: try again")
	case known:
		return nil, errOver
	}
	return nil, errUnknown
}

// peek returns the incident that a click is about, without changing it.
func (o *outbox) peek(c clicked) (incident, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec, err := o.clickedOn(c)
	if err != nil {
		return incident{}, err
	}
	return rec.memory.Incident, nil
}

func (rec *record) pressedBefore(id string) bool {
	return id != "" && slices.Contains(rec.memory.Pressed, id)
}

// enqueue adds a message or file to what goes below a page. The caller holds mu.
func (o *outbox) enqueue(rec *record, r *row) {
	o.seq++
	r.id, r.rec, r.seq = cmp.Or(r.id, newID()), rec, o.seq
	rec.thread = append(rec.thread, r)
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := saveRecord(ctx, tx, rec); err != nil { // and what it remembers of clicks and calls
			return err
		}
		return saveRow(ctx, tx, r)
	})
	l := o.lane(rec)
	l.add(rec)
	signal(l.wake)
	signal(o.wake)
}

// enrich adds late evidence to a page, if the incident it was gathered for goes on.
func (o *outbox) enrich(key string, at time.Time, f *findings) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.records[key]
	if rec == nil || rec.closed || rec.state != firing || !rec.memory.Incident.At.Equal(at) && rec.memory.Incident.At.Before(at) {
		return
	}
	if rec.memory.Digest == "" {
		in := rec.memory.Incident
		if f.add(&in) {
			o.revise(rec, &in, false)
		}
		o.picture(rec, f.file())
	}
}

// Handled is what people have done about an alert group.
type Handled struct {
	// AcknowledgedBy is the name of who has it, "" if nobody has said so.
	AcknowledgedBy string
	AcknowledgedAt time.Time
	// SilencedUntil is the end of a silence set from the page, zero without one.
	SilencedUntil time.Time
}

// Handled tells what people have done about the open incident with Alertmanager's
// group key.
func (s *Slack) Handled(groupKey string) Handled {
	s.outbox.mu.Lock()
	defer s.outbox.mu.Unlock()
	var h Handled
	for _, rec := range s.outbox.records {
		if rec.memory.GroupKey != groupKey || rec.state != firing {
			continue
		}
		if d := rec.memory.Incident.Handling.Acknowledged; d != nil {
			h.AcknowledgedBy, h.AcknowledgedAt = d.person(), d.At
		}
		if sil := rec.memory.Incident.Handling.Silence; sil != nil {
			h.SilencedUntil = sil.Until
		}
	}
	return h
}
