package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/lint"
)

const checkOnCall = "oncall"

// gapsAhead is how far ahead check looks for times at which nobody is on call.
const gapsAhead = 28 * 24 * time.Hour

// OnCallCache is the folder in which the last good calendars behind addresses are
// kept.
func (c Config) OnCallCache() string { return filepath.Join(c.DataDir, "oncall") }

// onCall reads the file that says who is on call; nil if none is named. A file that
// is not there is a fault of the line that names it.
func (c Config) onCall(now time.Time) (*oncall.Roster, error) {
	path := c.Notifiers.OnCall
	if path == "" {
		return nil, nil
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return nil, c.where.fault("notifiers", fmt.Errorf("notifiers.oncall: %w (docs/oncall.md shows its format)", err))
	}
	return oncall.Load(path, c.OnCallCache(), now)
}

// onCall tells where nobody is on call in the coming weeks, where two are, and which
// teams are paged without a schedule.
func (c *checker) onCall(files Files, now time.Time) {
	r := files.OnCall
	if r == nil {
		return
	}
	for _, warning := range r.Warnings() {
		c.findings = append(c.findings, lint.Parse(checkOnCall, lint.Warning, warning.Error()))
	}
	told := map[string]bool{} // Teams may share a schedule.
	for _, team := range r.Teams() {
		if told[team.Schedule] {
			continue
		}
		told[team.Schedule] = true
		file, line := r.Where(team.ID)
		c.schedule(r, team, lint.Place{File: file, Line: line}, now)
	}
	c.unscheduled(files)
}

// schedule tells of gaps and overlaps of a team's schedule.
func (c *checker) schedule(r *oncall.Roster, team oncall.Team, at lint.Place, now time.Time) {
	const layout = "Mon 2006-01-02 15:04 MST"
	to := now.Add(gapsAhead)
	for _, o := range r.Overlaps(team.ID, now, to) {
		c.warn(at, checkOnCall, "schedule %s: from %s to %s both %s (%s) and %s (%s) are put on call, and %s is: shorten or remove one", team.Schedule,
			o.From.Format(layout), o.To.Format(layout), o.Winner.User.ID, o.Winner.Why, o.Loser.User.ID, o.Loser.Why, o.Winner.User.ID)
	}
	if missing := r.Missing(team.ID); len(missing) > 0 {
		c.warn(at, checkOnCall, "schedule %s: the calendar %s was never fetched, so it is not known whether there are gaps; `watchtower oncall now` fetches it", team.Schedule, missing[0])
		return
	}
	gaps := r.Gaps(team.ID, now, to)
	switch len(gaps) {
	case 0:
	case 1:
		c.warn(at, checkOnCall, "schedule %s: nobody is on call from %s to %s: add a layer below that covers it", team.Schedule, gaps[0].From.Format(layout), gaps[0].To.Format(layout))
	default:
		var all time.Duration
		for _, g := range gaps {
			all += g.To.Sub(g.From)
		}
		c.warn(at, checkOnCall, "schedule %s: nobody is on call %d times in the next 4 weeks, %d hours in all, the first time from %s to %s: add a layer below that covers them",
			team.Schedule, len(gaps), int(all.Hours()), gaps[0].From.Format(layout), gaps[0].To.Format(layout))
	}
}

// unscheduled warns once of each team that is paged and is not in the file.
func (c *checker) unscheduled(files Files) {
	var told []string
	for _, o := range files.Objectives {
		team := alertLabels(o, rules.Page)["team"]
		if _, known := files.OnCall.Team(team); known || team == "" || o.Alert(rules.Page).Disabled || slices.Contains(told, team) {
			continue
		}
		told = append(told, team)
		c.about(o, lint.Warning)(checkOnCall, "it pages the team %s, which is not in %s, so that nobody is called by name: add the team, or correct the label", team, files.Config.Notifiers.OnCall)
	}
}
