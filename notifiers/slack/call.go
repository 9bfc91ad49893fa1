package slack

import (
	"context"
	"errors"
	"fmt"
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
// thread of its page, or to one person. What goes to a thread is in the outbox, and on
// disk, when Call returns; a direct message has been taken by Slack.
func (s *Slack) Call(ctx context.Context, groupKey string, c Call) error {
	in, err := s.outbox.call(groupKey, c)
	if err != nil || c.DirectTo == "" {
		return err
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

// call queues what a Call says in a thread, and returns the incident.
func (o *outbox) call(groupKey string, c Call) (incident, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	rec := o.first(groupKey)
	if rec == nil {
		return incident{}, fmt.Errorf("%w (group %s)", ErrNoPage, groupKey)
	}
	in := rec.memory.Incident
	if c.DirectTo != "" {
		return in, nil
	}
	to := rec
	if d := o.digestOf(rec); d != nil {
		to = d // it speaks for the incident
	}
	if c.ID != "" && to.pressedBefore(c.ID) {
		return in, nil
	}
	to.remember(c.ID)
	text := escaped(c.Text, maxAbout)
	if c.Mention != "" {
		text = cutMrkdwn(wellFormed(c.Mention), maxFact) + " " + text
	}
	m := reply(text, nil)
	o.enqueue(to, &row{kind: kindThread, createdAt: time.Now(), payload: payload{Message: &m, Broadcast: c.Broadcast, Said: true, Look: to.memory.Look}})
	return in, nil
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
