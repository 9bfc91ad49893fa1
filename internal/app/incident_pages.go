package app

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"math"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// timesOver is over how long people's times are averaged.
	timesOver = 30 * 24 * time.Hour
	// whereTime bounds the search for what the failures of an incident have in common,
	// whereFresh is how long what was found of an open one is shown, and whereKept how
	// many incidents it is remembered of.
	whereTime  = 5 * time.Second
	whereFresh = time.Minute
	whereKept  = 200
	// whereOver is how much of an incident's beginning is searched.
	whereOver = time.Hour
	// shortestBefore is how much of the time before an incident its picture shows at
	// least, and pictureBefore at most.
	shortestBefore = 5 * time.Minute
	// pictureAfter is how much of the time after an incident its picture shows.
	pictureAfter = 10 * time.Minute
)

// history is the log of incidents as the pages show it.
func (a *App) history() web.History {
	listed, found := a.listed(), &findings{known: map[string]finding{}}
	return web.History{
		List: func() []web.Logged {
			all := listed()
			out := make([]web.Logged, len(all))
			for i := range all {
				in := &all[i]
				out[i] = web.Logged{
					Number: in.Number, Title: in.Title, Service: in.Service, Team: in.Team, Severity: in.Severity, Owner: in.Owner, Playbook: in.Playbook,
					State: postmortem.State(in.State), OpenedAt: in.OpenedAt, AcknowledgedAt: in.AcknowledgedAt, ResolvedAt: in.ResolvedAt,
				}
			}
			return out
		},
		Times: func() []web.ServiceTimes { return timesByService(listed(), time.Now().Add(-timesOver)) },
		Tell: func(ctx context.Context, id string) (postmortem.Incident, bool) {
			in, ok := a.incidentLog.Get(id)
			if !ok {
				return postmortem.Incident{}, false
			}
			told := a.told(in)
			told.Where = found.of(in, time.Now(), func(at time.Time) []string { return a.whereOf(ctx, in, at) })
			return told, true
		},
		Burn: func(_ context.Context, id string) (chart.Incident, bool) {
			in, ok := a.incidentLog.Get(id)
			if !ok {
				return chart.Incident{}, false
			}
			return a.burnOf(in, time.Now())
		},
	}
}

// listed returns a function that lists all incidents, and reads them only when
// something has changed.
func (a *App) listed() func() []incidents.Incident {
	var (
		mu      sync.Mutex
		all     []incidents.Incident
		changed <-chan struct{}
	)
	return func() []incidents.Incident {
		mu.Lock()
		defer mu.Unlock()
		select {
		case <-changed: // never ready before the first time
		default:
			if changed != nil {
				return all
			}
		}
		changed = a.incidentLog.Changed()
		all = a.incidentLog.List(incidents.Filter{})
		return all
	}
}

// timesByService are the times of the incidents that began since, by service.
func timesByService(all []incidents.Incident, since time.Time) []web.ServiceTimes {
	by := map[string][]incidents.Incident{}
	for _, in := range all {
		if in.OpenedAt.After(since) {
			by[in.Service] = append(by[in.Service], in)
		}
	}
	out := make([]web.ServiceTimes, 0, len(by))
	for _, service := range slices.Sorted(maps.Keys(by)) {
		t := incidents.TimesOf(by[service], "")
		out = append(out, web.ServiceTimes{
			Service: service, Incidents: t.Incidents, Acknowledged: t.Acknowledged, Resolved: t.Resolved,
			MeanTimeToAcknowledge: t.MTTA, MeanTimeToResolve: t.MTTR,
		})
	}
	return out
}

// numbered gives open incidents the numbers under which the log has them.
func (a *App) numbered(pages []web.Incident) {
	if len(pages) == 0 {
		return
	}
	numbers := map[string]int64{}
	for _, in := range a.incidentLog.List(incidents.Filter{Open: true}) {
		numbers[in.GroupKey] = in.Number
	}
	for i := range pages {
		pages[i].Number = numbers[pages[i].ID]
	}
}

// told is an incident in the words of pages and post-mortems, without what takes a
// search.
func (a *App) told(in incidents.Incident) postmortem.Incident {
	out := postmortem.Incident{
		Number: in.Number, Title: in.Title, Service: in.Service, Team: in.Team, Severity: in.Severity,
		State: postmortem.State(in.State), Owner: in.Owner, Firing: in.Firing, Alerts: in.Alerts,
		OpenedAt: in.OpenedAt, AcknowledgedAt: in.AcknowledgedAt, ResolvedAt: in.ResolvedAt,
		URL: fmt.Sprintf("%s/incidents/%d", a.URL(), in.Number), Playbook: a.playbookOf(in),
	}
	for _, role := range slices.Sorted(maps.Keys(in.Roles)) {
		out.Roles = append(out.Roles, postmortem.Role{Name: role, Who: in.Roles[role]})
	}
	for _, id := range in.Objectives {
		out.Impacts = append(out.Impacts, a.impactOf(id, in.Impact))
	}
	opened := false
	for _, e := range in.Events {
		if e.Kind == incidents.Opened {
			if opened {
				continue // A peer opened it too.
			}
			opened = true
		}
		out.Events = append(out.Events, postmortem.Event{At: e.At, Kind: postmortem.Kind(e.Kind), By: e.By, Text: e.Text, Data: e.Data})
	}
	return out
}

// impactOf is what an incident cost an objective, in numbers and in words.
func (a *App) impactOf(id string, counted []incidents.Impact) postmortem.Impact {
	status, known := a.engine.Status(id)
	out := postmortem.Impact{Objective: id, Promise: id}
	if known {
		o := status.Objective
		out.Promise, out.Period = cmp.Or(o.Promise, o.Description, id), report.OverWords(o)
		if status.Total > 0 && !math.IsNaN(status.BudgetRemaining) {
			out.Left = new(status.BudgetRemaining)
		}
	}
	i := slices.IndexFunc(counted, func(i incidents.Impact) bool { return i.Objective == id })
	switch {
	case i >= 0:
		was := counted[i]
		out.Bad, out.Total = was.Bad, was.Total
		if was.Spent > 0 || known {
			out.Spent = &was.Spent
		}
		out.Words = postmortem.Count(was.Bad) + " of " + postmortem.Count(was.Total) + " events failed"
		if known {
			out.Words = report.Failed(status.Objective, float64(was.Bad), float64(was.Total))
		}
	case known:
		out.Problem = "nothing was counted for it in that time"
	default:
		out.Problem = "there is no such objective any more"
	}
	return out
}

// playbookOf is the playbook that an incident began with as it is now, nil if none
// matched.
func (a *App) playbookOf(in incidents.Incident) *postmortem.Playbook {
	if in.Playbook == "" {
		return nil
	}
	out := &postmortem.Playbook{ID: in.Playbook, Title: in.Playbook, URL: a.URL() + "/playbooks/" + url.PathEscape(in.Playbook)}
	p, ok := a.current.Load().Playbooks.Find(in.Playbook)
	if !ok {
		return out // It was taken out since.
	}
	out.Title = cmp.Or(p.Title, p.ID)
	for _, s := range p.Fill(in.Labels).Steps() {
		out.Steps = append(out.Steps, postmortem.Step{ID: s.ID, Section: s.Section, Text: s.Text})
	}
	return out
}

// whereOf says what the failures of an incident have in common, as far as the store
// still knows.
func (a *App) whereOf(ctx context.Context, in incidents.Incident, at time.Time) []string {
	if len(in.Objectives) == 0 {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, whereTime)
	defer cancel()
	sentences, err := a.where(ctx, in.Objectives[0], alertOf(in), in.OpenedAt, at)
	if err != nil {
		a.logger.Debug("where an incident burned is not known", "incident", in.ID, "err", err)
	}
	return sentences
}

// alertOf is the name of the alert that an incident began with.
func alertOf(in incidents.Incident) string {
	const name = "alertname"
	for _, e := range in.Events {
		if e.Kind == incidents.Fired {
			return cmp.Or(e.Data[incidents.DataLabel+name], in.Labels[name])
		}
	}
	return in.Labels[name]
}

// findings remembers what was found out about incidents: a search reads many samples,
// and an open page asks every few seconds.
type findings struct {
	mu    sync.Mutex // held over a search, so that one is made for all that ask
	known map[string]finding
}

type finding struct {
	sentences []string
	until     time.Time // what was looked at
	asked     time.Time
}

// of returns what is known, or looks for it: in what there is of an open incident, up
// to an hour; what was found of a time that is over stays.
func (f *findings) of(in incidents.Incident, now time.Time, look func(at time.Time) []string) []string {
	at := now
	if !in.ResolvedAt.IsZero() && in.ResolvedAt.Before(at) {
		at = in.ResolvedAt
	}
	if most := in.OpenedAt.Add(whereOver); at.After(most) {
		at = most
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	was, ok := f.known[in.ID]
	if ok && (was.until.Equal(at) || now.Sub(was.asked) < whereFresh) {
		return was.sentences
	}
	if len(f.known) >= whereKept {
		clear(f.known)
	}
	found := finding{sentences: look(at), until: at, asked: now}
	f.known[in.ID] = found
	return found.sentences
}

// burnOf is how an objective of an incident fared: of one that is over from before its
// beginning to after its end, of one that goes on the last of it.
func (a *App) burnOf(in incidents.Incident, now time.Time) (chart.Incident, bool) {
	id := worstOf(in)
	to := now
	lasted := now.Sub(in.OpenedAt)
	if !in.ResolvedAt.IsZero() {
		lasted = in.ResolvedAt.Sub(in.OpenedAt)
	}
	// A short incident must not be a line at the edge.
	from := in.OpenedAt.Add(-min(pictureBefore, max(shortestBefore, 2*lasted)))
	if !in.ResolvedAt.IsZero() {
		if end := in.ResolvedAt.Add(pictureAfter); end.Before(to) {
			to = end
		}
		if most := from.Add(longestPicture); to.After(most) {
			to = most
		}
	}
	if oldest := to.Add(-longestPicture); from.Before(oldest) {
		from = oldest
	}
	step := max(shortestStep, (to.Sub(from) / pictureSteps).Truncate(time.Second))
	from = to.Add(-to.Sub(from).Truncate(step))
	course, err := a.engine.Course(id, from, to, step)
	if err != nil || !slices.ContainsFunc(course.Points, func(p rules.CoursePoint) bool { return !math.IsNaN(p.Long) }) {
		return chart.Incident{}, false
	}
	status, _ := a.engine.Status(id)
	picture := incidentOf(course, status.Objective, in.OpenedAt)
	picture.Ended, picture.From, picture.To = in.ResolvedAt, from, to
	return picture, true
}

// worstOf is the objective that lost most of its budget, else the first; "" of none.
func worstOf(in incidents.Incident) string {
	var worst incidents.Impact
	if len(in.Objectives) > 0 {
		worst.Objective = in.Objectives[0]
	}
	for _, i := range in.Impact {
		if i.Spent > worst.Spent {
			worst = i
		}
	}
	return worst.Objective
}
