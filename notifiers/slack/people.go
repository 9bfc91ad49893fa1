package slack

import (
	"cmp"
	"context"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"
)

const (
	// namePatience is how long a click waits for the name of who clicked.
	namePatience = time.Second
	// nameFresh is how long a name is taken as known, nameUnknown that there is none.
	nameFresh   = time.Hour
	nameUnknown = time.Minute
	// maxNames bounds how many are remembered.
	maxNames = 10_000
)

// people remembers what users are called. It is safe for concurrent use.
type people struct {
	mu    sync.Mutex
	known map[string]named
}

type named struct {
	name string // "" if Slack did not say
	at   time.Time
}

// whoIs names the one who clicked: as people call them, since it stands on pages and
// in silences. Without the scope users:read it is the name they sign in with.
func (s *Slack) whoIs(ctx context.Context, cb *slackapi.InteractionCallback) deed {
	return deed{By: clean(cb.User.ID), Name: clean(cmp.Or(s.nameOf(ctx, cb.User.ID), cb.User.Name)), At: time.Now()}
}

func (s *Slack) nameOf(ctx context.Context, id string) string {
	s.people.mu.Lock()
	n, ok := s.people.known[id]
	s.people.mu.Unlock()
	if age := time.Since(n.at); ok && (age < nameUnknown || n.name != "" && age < nameFresh) {
		return n.name
	}
	ctx, cancel := context.WithTimeout(ctx, namePatience)
	defer cancel()
	n = named{at: time.Now()}
	f := s.own().call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		u, err := api.GetUserInfoContext(ctx, id)
		if err == nil {
			n.name = cmp.Or(u.Profile.DisplayName, u.Profile.RealName, u.RealName)
		}
		return err
	})
	if f != nil {
		s.logger.Debug("the name of a user is not known", "user", id, "err", f)
	}
	s.people.mu.Lock()
	defer s.people.mu.Unlock()
	if len(s.people.known) >= maxNames {
		clear(s.people.known)
	}
	s.people.known[id] = n
	return n.name
}
