package slack

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	slackapi "github.com/slack-go/slack"
)

const (
	// groupsFresh is how long the members of user groups are taken as known.
	groupsFresh = 5 * time.Minute
	// groupsStale is how long they are still used when Slack does not say.
	groupsStale = 24 * time.Hour
)

// members are the people of the user groups that may press buttons. It is safe for
// concurrent use.
type members struct {
	groups []string
	list   func(ctx context.Context, group string) ([]string, *fault)

	mu    sync.Mutex
	known map[string]bool
	at    time.Time
}

// allowed returns nil if the user may act, else a sentence that says who may.
func (s *Slack) allowed(ctx context.Context, user string) error {
	if len(s.members.groups) == 0 {
		return nil
	}
	return s.members.check(ctx, user, time.Now())
}

func (m *members) check(ctx context.Context, user string, now time.Time) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if now.Sub(m.at) > groupsFresh || m.known == nil {
		if err := m.refresh(ctx, now); err != nil && (m.known == nil || now.Sub(m.at) > groupsStale) {
			return err
		}
	}
	if m.known[user] {
		return nil
	}
	var names []string
	for _, g := range m.groups {
		names = append(names, "<!subteam^"+g+">")
	}
	return fmt.Errorf("only members of %s may do this: ask one of them, or have yourself added to the group", strings.Join(names, " or "))
}

func (m *members) refresh(ctx context.Context, now time.Time) error {
	known := map[string]bool{}
	for _, g := range m.groups {
		users, f := m.list(ctx, g)
		if f != nil {
			return errors.New("who may do this could not be checked: " + f.text)
		}
		for _, u := range users {
			known[u] = true
		}
	}
	m.known, m.at = known, now
	return nil
}

// membersOf asks Slack who is in a user group.
func (w *workspace) membersOf(ctx context.Context, group string) ([]string, *fault) {
	var users []string
	f := w.call(ctx, func(ctx context.Context, api *slackapi.Client) error {
		var err error
		users, err = api.GetUserGroupMembersContext(ctx, group)
		return err
	})
	return users, f
}
