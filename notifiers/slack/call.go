package slack

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"
)

// Deed is something that somebody did at a page. Kind says what: acknowledged,
// taken_over, escalated, silenced, step_done, step_undone.
type Deed struct {
	// ID is the same for a click that was delivered twice.
	ID   string
	Kind string
	// By is the person's name, ByID Slack's ID of that person.
	By, ByID string
	At       time.Time
	// Text says more: the reason of a silence, the title of a step.
	Text string
	// Data holds what programs read: the ID of a silence and its end, that of a step.
	Data map[string]string
	// Opened is when the page was opened that it is about, of a deed after the end; zero:
	// it is about the open incident.
	Opened time.Time
}

// Call is a call for help, or any other word, that somebody other than a person at
// the page has to say.
type Call struct {
	// ID makes a Call repeatable: the same is said once for as long as the page is open.
	ID string
	// Mention is whom it calls, in mrkdwn: <@U…>, <!subteam^S…>; "" calls nobody.
	Mention string
	// Text is plain text.
	Text string
	// Broadcast shows it in the channel as well as in the thread.
	Broadcast bool
	// DirectTo is the ID of a user who gets it as a direct message instead.
	DirectTo string
}

// ErrNoPage is wrapped by the errors of calls about a group that has no open page
// here: it is over, or another Watchtower has posted it.
var ErrNoPage = errors.New("there is no open page of this incident")

// Call says something about the open incident with Alertmanager's group key: in the
// thread of its page, or to one person. Slack has taken it when Call returns nil. What it
// has not taken until ctx ends is withdrawn, so that nobody is called for help hours
// later; if it may have come, that is said.
func (s *Slack) Call(ctx context.Context, groupKey string, c Call) error {
	in, waiting, err := s.outbox.call(groupKey, c)
	if err != nil {
		return err
	}
	if c.DirectTo == "" {
		return s.outbox.heard(ctx, waiting)
	}
	if !isUserID(c.DirectTo) {
		return fmt.Errorf("%q is not the ID of a user: Slack shows it in the profile, as U0123ABCD", c.DirectTo)
	}
	m := reply(escaped(c.Text, maxAbout), []string{"*" + escaped(in.banner(), maxHeader) + "*", link(in.pageURL(), "All incidents")})
	if _, f := s.own().send(ctx, place{channel: c.DirectTo}, post{id: newID(), msg: m}); f != nil {
		return fmt.Errorf("send a direct message: %w", f)
	}
	return nil
}

func (in *incident) pageURL() string {
	if in.ExternalURL == "" {
		return ""
	}
	return in.ExternalURL + "/incidents"
}

// call queues what a Call says in a thread, and returns the incident and what waits there;
// nothing waits if it was said before.
func (o *outbox) call(groupKey string, c Call) (in incident, waiting *row, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.first(groupKey)
	if rec == nil {
		return incident{}, nil, fmt.Errorf("%w (group %s)", ErrNoPage, groupKey)
	}
	in = rec.memory.Incident
	if c.DirectTo != "" {
		return in, nil, nil
	}
	to := rec
	if d := o.digestOf(rec); d != nil {
		to = d // it speaks for the incident
	}
	if c.ID != "" && to.pressedBefore(c.ID) {
		i := slices.IndexFunc(to.thread, func(r *row) bool { return r.payload.Call == c.ID })
		if i < 0 {
			return in, nil, nil
		}
		to.thread[i].lapsed = false // somebody waits again
		return in, to.thread[i], nil
	}
	to.remember(c.ID)
	if again := o.withdrawn[to.id+"/"+c.ID]; again != nil {
		delete(o.withdrawn, to.id+"/"+c.ID)
		again.lapsed, again.nextAt, again.attempts = false, time.Time{}, 0
		o.enqueue(to, again) // It is looked for before it is sent again.
		return in, again, nil
	}
	text := escaped(c.Text, maxAbout)
	if c.Mention != "" {
		text = cutMrkdwn(wellFormed(c.Mention), maxFact) + " " + text
	}
	m := reply(text, nil)
	waiting = &row{
		kind: kindThread, createdAt: time.Now(),
		payload: payload{Message: &m, Broadcast: c.Broadcast, Said: true, Call: c.ID, Look: to.memory.Look},
	}
	o.enqueue(to, waiting)
	return in, waiting, nil
}

// maxWithdrawn bounds the calls that are remembered because they may be made again.
const maxWithdrawn = 1000

// heardEvery is how often it is looked whether Slack has taken a call.
const heardEvery = 50 * time.Millisecond

// heard waits until Slack has taken what waits in a thread, and withdraws it when ctx ends.
func (o *outbox) heard(ctx context.Context, waiting *row) error {
	if waiting == nil {
		return nil
	}
	ticker := time.NewTicker(heardEvery)
	defer ticker.Stop()
	for {
		if done, err := o.settled(waiting); done {
			return err
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return o.withdraw(waiting)
		}
	}
}

// settled tells whether a row of a thread is done with, and how it ended.
func (o *outbox) settled(r *row) (done bool, err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case r.sent:
		return true, nil
	case r.refusal != nil:
		return true, fmt.Errorf("slack channel %q: %w", r.rec.channel, r.refusal)
	case !slices.Contains(r.rec.thread, r):
		return true, fmt.Errorf("slack channel %q: the page that it was to stand below is gone", r.rec.channel)
	default:
		return false, nil
	}
}

// withdraw takes a row out of its thread, unless it is gone; one that is being sent goes
// as soon as that has failed.
func (o *outbox) withdraw(r *row) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := r.rec
	switch {
	case r.sent:
		return nil
	case r.refusal != nil:
		return fmt.Errorf("slack channel %q: %w", rec.channel, r.refusal)
	case !slices.Contains(rec.thread, r):
	case r.flying:
		r.lapsed = true
	default:
		o.drop(r)
	}
	return fmt.Errorf("slack channel %q: Slack has not taken it: %s", rec.channel, cmp.Or(rec.trouble, "it is busy with other messages"))
}

// drop gives a call up until it is made again.
func (o *outbox) drop(r *row) {
	rec := r.rec
	rec.remove(r) // and forgets that it was called
	if r.payload.Call != "" {
		if len(o.withdrawn) >= maxWithdrawn {
			clear(o.withdrawn)
		}
		o.withdrawn[rec.id+"/"+r.payload.Call] = r
	}
	o.save(func(ctx context.Context, tx *sql.Tx) error {
		if err := saveRecord(ctx, tx, rec); err != nil {
			return err
		}
		return deleteRow(ctx, tx, r)
	})
}

// first is the oldest open page of a group, nil without one.
func (o *outbox) first(groupKey string) *record {
	var first *record
	for _, rec := range o.records {
		if rec.memory.GroupKey != groupKey || rec.state != firing || rec.memory.Storm != nil {
			continue
		}
		if first == nil || rec.openedAt.Before(first.openedAt) {
			first = rec
		}
	}
	return first
}

// remember keeps the id of a click or call, to know it when it comes again.
func (rec *record) remember(id string) {
	if id == "" {
		return
	}
	rec.memory.Pressed = append(rec.memory.Pressed, id)
	rec.memory.Pressed = rec.memory.Pressed[max(0, len(rec.memory.Pressed)-maxPressed):]
}

// Release takes the acknowledgement of an incident back: whoever had it is not there.
// The pages show it as firing again; to say so in words is the caller's, by a Call.
func (s *Slack) Release(groupKey string) {
	o := s.outbox
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, rec := range o.records {
		if rec.memory.GroupKey != groupKey || rec.state != firing || rec.memory.Incident.Handling.Acknowledged == nil {
			continue
		}
		rec.memory.Incident.Handling = rec.memory.Incident.Handling.clone()
		rec.memory.Incident.Handling.Acknowledged = nil
		in := rec.memory.Incident
		in.At = time.Now()
		o.revise(rec, &in, false)
	}
}

// tell reports deeds to Options.Tell.
func (s *Slack) tell(h handled, c clicked) {
	if s.opts.Tell == nil || h.said.kind == "" {
		return
	}
	s.opts.Tell(h.groupKey, Deed{
		ID: c.id, Kind: h.said.kind, By: c.who.person(), ByID: c.who.By, At: c.who.At, Text: h.said.text, Data: h.said.data,
	})
}
