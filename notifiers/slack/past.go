package slack

import (
	"context"
	"errors"
	"time"
)

// pastFor is how long after its last change a page that is over is still what a command
// in its channel means.
const pastFor = 7 * 24 * time.Hour

// errStorm refuses what can be done for one incident only.
var errStorm = errors.New("this thread is of many incidents: open one of them, and write the note there or by /watchtower note")

// past is a page whose incident is over. What people find out afterwards still belongs to
// the incident.
type past struct {
	groupKey, headline string
	openedAt           time.Time
}

// pastAt returns the page at a place, or the newest that is over in its channel if the
// place has no ts. ok is false without one.
func (o *outbox) pastAt(at answered) (p past, ok bool, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), diskTimeout)
	defer cancel()
	rec, err := o.disk.past(ctx, at, time.Now().Add(-pastFor))
	if err != nil {
		o.diskFault(err)
		return past{}, false, errors.New("the database of this Watchtower does not answer: try again")
	}
	if rec == nil || rec.memory.GroupKey == "" {
		return past{}, false, nil
	}
	return past{rec.memory.GroupKey, rec.memory.Incident.headline(), rec.openedAt}, true, nil
}

// noteAfter adds a note to an incident that is over.
func (s *Slack) noteAfter(p past, c clicked, text string) {
	if s.opts.Tell != nil {
		s.opts.Tell(p.groupKey, Deed{ID: c.id, Kind: "note", By: c.who.person(), ByID: c.who.By, At: c.who.At, Text: text, Opened: p.openedAt})
	}
}
