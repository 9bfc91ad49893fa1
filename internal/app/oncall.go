package app

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// openOnCall reads who is on call, if a file says it.
func (a *App) openOnCall(ctx context.Context, files config.Files) error {
	path := files.Config.Notifiers.OnCall
	if path == "" {
		return nil
	}
	var err error
	a.oncall, err = oncall.Open(ctx, oncall.Options{
		Path: path, Cache: files.Config.OnCallCache(), DB: a.state, Logger: a.logger.With("component", "oncall"),
	})
	return err
}

// keepOnCall fetches calendars as they change.
func (a *App) keepOnCall(ctx context.Context) error {
	if a.oncall == nil {
		<-ctx.Done()
		return nil
	}
	return a.oncall.Run(ctx)
}

// reloadOnCall reads the file again; one that was not named at the start needs a
// restart, which warnOfRestart says.
func (a *App) reloadOnCall() error {
	if a.oncall == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := a.oncall.Reload(ctx); err != nil {
		return fmt.Errorf("notifiers.oncall: %w", err)
	}
	return nil
}

// onDuty tells who is on call for a team and who is next, for pages.
func (a *App) onDuty(team string, at time.Time) (now, next slack.Shift, ok bool) {
	if a.oncall == nil {
		return now, next, false
	}
	roster := a.oncall.Roster()
	turn, ok := roster.At(team, at)
	if !ok {
		return now, next, false
	}
	after, _ := roster.Next(team, at)
	return shiftOf(turn), shiftOf(after), true
}

func shiftOf(s oncall.Shift) slack.Shift {
	return slack.Shift{Name: cmp.Or(s.User.Name, s.User.ID), SlackID: s.User.Slack, From: s.From, To: s.To}
}
