package app

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"

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

// assign finds whom a playbook names for a role.
func (a *App) assign(who, team string, at time.Time) (slack.Shift, bool) {
	if a.oncall == nil {
		return slack.Shift{}, false
	}
	shift, ok := a.oncall.Roster().Who(who, team, at)
	return shiftOf(shift), ok
}

func shiftOf(s oncall.Shift) slack.Shift {
	return slack.Shift{Name: cmp.Or(s.User.Name, s.User.ID), SlackID: s.User.Slack, From: s.From, To: s.To}
}

// onCallCommand answers /watchtower oncall and override in Slack.
func (a *App) onCallCommand(ctx context.Context, asked slack.Deed) (string, error) {
	if a.oncall == nil {
		return "", errors.New("nobody is on call by a file here: set notifiers.oncall")
	}
	if asked.Kind == "override" {
		return a.override(ctx, asked)
	}
	roster := a.oncall.Roster()
	var lines []string
	for _, team := range roster.Teams() {
		if asked.Text != "" && asked.Text != team.ID {
			continue
		}
		line := "*" + team.ID + "*: nobody is on call"
		if now, ok := roster.At(team.ID, asked.At); ok {
			line = "*" + team.ID + "*: " + called(now.User)
			if !now.To.IsZero() {
				line += " until " + now.To.Format("Mon 2 Jan 15:04 MST")
			}
		}
		if next, ok := roster.Next(team.ID, asked.At); ok {
			line += ", then " + called(next.User)
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return "", fmt.Errorf("there is no team %q", asked.Text)
	}
	return strings.Join(lines, "\n"), nil
}

// called is a user's name, which disturbs nobody.
func called(u oncall.User) string { return cmp.Or(u.Name, u.ID) }

// override puts somebody on call: TEAM USER DURATION [REASON], from now on.
func (a *App) override(ctx context.Context, asked slack.Deed) (string, error) {
	words := strings.Fields(asked.Text)
	if len(words) == 2 && words[0] == "cancel" {
		return a.cancelOverride(ctx, asked, words[1])
	}
	if len(words) < 3 {
		return "", errors.New("write who, for which team and for how long: `/watchtower override TEAM @USER 2h REASON`")
	}
	roster := a.oncall.Roster()
	team, ok := roster.Team(words[0])
	if !ok {
		return "", fmt.Errorf("there is no team %q", words[0])
	}
	user, ok := userNamed(roster, words[1])
	if !ok {
		return "", fmt.Errorf("%s is not among the users of the on-call file", words[1])
	}
	length, err := model.ParseDuration(words[2])
	if err != nil || length <= 0 {
		return "", fmt.Errorf("%q is no duration: write 2h, 30m or 1d12h", words[2])
	}
	from, words, err := beginning(words[3:], asked.At, roster.Zone(team.ID))
	if err != nil {
		return "", err
	}
	o, err := a.oncall.Add(ctx, oncall.Override{
		Schedule: team.Schedule, User: user.ID, From: from, To: from.Add(time.Duration(length)),
		Reason: strings.Join(words, " "), Author: asked.By,
	})
	if err != nil {
		return "", err
	}
	const layout = "Mon 2 Jan 15:04 MST"
	when := "until " + o.To.In(roster.Zone(team.ID)).Format(layout)
	if o.From.After(asked.At) {
		when = "from " + o.From.In(roster.Zone(team.ID)).Format(layout) + " " + when
	}
	return fmt.Sprintf("%s is on call for *%s* %s. `/watchtower override cancel %s` takes it back.", called(user), team.ID, when, team.ID), nil
}

// beginning reads "from 2026-12-05 18:00" at the beginning of words, on the clocks of a
// zone, and returns it with the words behind it; now if it is not there.
func beginning(words []string, now time.Time, zone *time.Location) (time.Time, []string, error) {
	if len(words) == 0 || words[0] != "from" {
		return now.Truncate(time.Second), words, nil
	}
	if len(words) >= 3 {
		if at, err := time.ParseInLocation("2006-01-02 15:04", words[1]+" "+words[2], zone); err == nil {
			return at, words[3:], nil
		}
	}
	return time.Time{}, nil, errors.New("write the beginning as `from 2026-12-05 18:00`, on the clocks of the team's schedule")
}

// cancelOverride takes back the override of a team that was made last and is not over.
func (a *App) cancelOverride(ctx context.Context, asked slack.Deed, name string) (string, error) {
	roster := a.oncall.Roster()
	team, ok := roster.Team(name)
	if !ok {
		return "", fmt.Errorf("there is no team %q", name)
	}
	list, err := a.oncall.List(ctx, asked.At)
	if err != nil {
		return "", err
	}
	for _, o := range slices.Backward(list) {
		if o.Schedule != team.Schedule || !o.RemovedAt.IsZero() {
			continue
		}
		if _, err := a.oncall.Remove(ctx, o.ID, asked.By, "taken back"); err != nil {
			return "", err
		}
		user, _ := roster.User(o.User)
		return fmt.Sprintf("The override of %s for *%s* no longer holds.", called(user), team.ID), nil
	}
	return "", fmt.Errorf("no override of %s is there to be taken back", team.ID)
}

// userNamed finds a user by a mention such as <@U0123|sam>, or by the name in the file.
func userNamed(roster *oncall.Roster, word string) (oncall.User, bool) {
	id := strings.TrimSuffix(strings.TrimPrefix(word, "<@"), ">")
	id, _, _ = strings.Cut(id, "|")
	for _, u := range roster.Users() {
		if u.Slack == id || u.ID == strings.TrimPrefix(id, "@") {
			return u, true
		}
	}
	return oncall.User{}, false
}
