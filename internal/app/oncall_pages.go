package app

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/web"
)

const (
	// rosterDays is how many days of what comes the page shows.
	rosterDays = 28
	// overridesTime bounds the reading of the overrides.
	overridesTime = 5 * time.Second
)

// onCallPages says who is on call as the pages show it; nil where no file says it.
func (a *App) onCallPages() func() []web.OnCall {
	if a.oncall == nil {
		return nil
	}
	return func() []web.OnCall {
		now := time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), overridesTime)
		defer cancel()
		overrides, err := a.oncall.List(ctx, now)
		if err != nil {
			a.logger.Error("overrides could not be read", "component", "oncall", "err", err)
		}
		return onCallOf(a.oncall.Roster(), overrides, now)
	}
}

// onCallOf puts a roster into the words of the pages.
func onCallOf(roster *oncall.Roster, overrides []oncall.Override, now time.Time) []web.OnCall {
	names := map[string]string{}
	for _, u := range roster.Users() {
		names[u.ID] = cmp.Or(u.Name, u.ID)
	}
	var out []web.OnCall
	for _, team := range roster.Teams() {
		turn, _ := roster.At(team.ID, now)
		next, _ := roster.Next(team.ID, now)
		page := web.OnCall{
			Team: team.ID, Channel: team.Channel, Zone: roster.Zone(team.ID), Now: shiftPage(turn), Next: shiftPage(next),
			Coming: comingShifts(roster, team.ID, now),
		}
		for _, o := range overrides {
			if o.Schedule == team.Schedule && o.RemovedAt.IsZero() && o.To.After(now) {
				page.Overrides = append(page.Overrides, web.Override{
					User: cmp.Or(names[o.User], o.User), Reason: o.Reason, Author: o.Author, From: o.From, To: o.To,
				})
			}
		}
		for _, calendar := range roster.Missing(team.ID) {
			page.Warnings = append(page.Warnings, "The calendar "+calendar+" was never read: what it says is missing here.")
		}
		out = append(out, page)
	}
	return out
}

// comingShifts are the shifts of the next weeks, and the gaps as shifts of nobody, in
// order.
func comingShifts(roster *oncall.Roster, team string, now time.Time) []web.Shift {
	to := now.In(roster.Zone(team)).AddDate(0, 0, rosterDays)
	var out []web.Shift
	for _, s := range roster.Shifts(team, now, to) {
		out = append(out, shiftPage(s))
	}
	for _, gap := range roster.Gaps(team, now, to) {
		out = append(out, web.Shift{From: gap.From, To: gap.To})
	}
	slices.SortFunc(out, func(a, b web.Shift) int { return a.From.Compare(b.From) })
	return out
}

func shiftPage(s oncall.Shift) web.Shift {
	page := web.Shift{From: s.From, To: s.To}
	if s.User.ID != "" {
		page.User, page.Why = cmp.Or(s.User.Name, s.User.ID), s.Why
	}
	return page
}
