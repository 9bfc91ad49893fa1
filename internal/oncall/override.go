package oncall

import (
	"errors"
	"fmt"
	"strconv"
	"time"
)

// Override puts a user on call for a while, whatever layers and calendars say. This
// is one that was made while the program runs; those of the file have no record.
type Override struct {
	// ID is given when it is added, from 1 on.
	ID       int64
	Schedule string
	// User is the ID of a user.
	User string
	// From and To bound the time [From, To), in whole seconds.
	From, To time.Time
	// Reason and Author are for those who ask why.
	Reason, Author string
	CreatedAt      time.Time
	// RemovedAt is set when it no longer holds; RemovedBy and RemovedWhy tell of that.
	RemovedAt             time.Time
	RemovedBy, RemovedWhy string
}

// ErrRefused is wrapped by errors that say what is wrong with an override.
var ErrRefused = errors.New("override refused")

// Bounds of an override.
const (
	maxOverride = 366 * 24 * time.Hour
	maxWords    = 500
	// maxStanding bounds those of a schedule that are not over.
	maxStanding = 1000
)

// check returns what is wrong with an override that somebody wants to make.
func (o Override) check(r *Roster, now time.Time) error {
	refuse := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrRefused}, args...)...)
	}
	switch {
	case r.schedules[o.Schedule] == nil:
		return refuse("there is no schedule %q: there is %s", shown(o.Schedule), several(sortedKeys(r.schedules)))
	case r.users[o.User] == nil:
		return refuse("there is no user %q: there is %s", shown(o.User), several(sortedKeys(r.users)))
	case !o.To.After(o.From):
		return refuse("it ends at %s, which is not after its beginning at %s", stampText(o.To), stampText(o.From))
	case o.To.Sub(o.From) > maxOverride:
		return refuse("it lasts more than a year: change the schedule instead")
	case !o.To.After(now):
		return refuse("it is over already, since %s", stampText(o.To))
	case o.Author == "":
		return refuse("say who makes it")
	case len(o.Author) > maxWords || len(o.Reason) > maxWords:
		return refuse("author and reason may have %d bytes each", maxWords)
	}
	return nil
}

func stampText(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") }

// piece is a stored override as a claim. The file may have changed since it was made.
func (p *plan) piece(o Override) (piece, error) {
	what := "the stored override " + strconv.FormatInt(o.ID, 10)
	u := p.users[o.User]
	switch {
	case p.schedules[o.Schedule] == nil:
		return piece{}, fmt.Errorf("%s is for the schedule %q, which is no longer there: it is not followed", what, shown(o.Schedule))
	case u == nil:
		return piece{}, fmt.Errorf("%s puts %q on call, who is no longer among the users: it is not followed", what, shown(o.User))
	}
	return piece{span: span{o.From.Unix(), o.To.Unix()}, user: u, why: overrideWhy(o.Author, o.Reason)}, nil
}
