package app

import (
	"context"
	"errors"
	"math"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// sharedIncidents is the key under which the peers of a cluster share incidents.
	sharedIncidents = "watchtower_incidents"
	// sharedOverrides is the one under which they share who stands in for whom.
	sharedOverrides = "watchtower_overrides"
	// noteTime bounds what a page waits for the log of incidents: an event that cannot be
	// written in time is kept in memory and tried again.
	noteTime = 2 * time.Second
	// longestBurn is how far back the beginning of a burn is looked for, in steps of
	// burnStep: over the long window of the usual page.
	longestBurn = time.Hour
	burnStep    = 10 * time.Second
	// measureTime bounds the reading of the ledger for one objective of an incident.
	measureTime = 5 * time.Second
)

// openIncidents reads the log of what happened.
func (a *App) openIncidents(ctx context.Context, files config.Files) error {
	var err error
	a.incidentLog, err = incidents.Open(ctx, incidents.Options{DB: a.state, Measure: a.measure, Logger: a.logger, Registerer: a.registry})
	if err != nil {
		return err
	}
	a.expectIncidents(files.Objectives)
	return nil
}

// shareIncidents has the peers of a cluster hold the same log, and the same overrides.
func (a *App) shareIncidents() {
	a.incidentLog.Share(a.pipeline.AddState(sharedIncidents, a.incidentLog.State()))
	if a.oncall != nil {
		a.oncall.Share(a.pipeline.AddState(sharedOverrides, a.oncall).Broadcast)
	}
}

// expectIncidents has the metrics of incidents of these objectives begin at zero.
func (a *App) expectIncidents(objectives []rules.Objective) {
	for _, o := range objectives {
		for _, severity := range []rules.Severity{rules.Page, rules.Ticket} {
			if !o.Alert(severity).Disabled {
				ls := o.AlertLabels(severity)
				a.incidentLog.Expect(ls["severity"], ls["team"], ls["service"])
			}
		}
	}
}

// flushed tells the log of a group that is due.
func (a *App) flushed(ctx context.Context, f notifiers.Flush) {
	g := incidents.Group{Key: f.GroupKey, Receiver: f.Receiver, At: f.At, Alerts: make([]incidents.Alert, len(f.Alerts))}
	for i, alert := range f.Alerts {
		in := incidents.Alert{
			Fingerprint: alert.Fingerprint, Labels: alert.Labels, Annotations: alert.Annotations,
			StartsAt: alert.StartsAt, EndsAt: alert.EndsAt, Muted: alert.Muted,
		}
		in.Objective, _ = a.engine.ObjectiveOf(alert.Labels)
		in.Playbook, _ = a.playbookID(alert.Labels)
		g.Alerts[i] = in
	}
	ctx, cancel := context.WithTimeout(ctx, noteTime)
	defer cancel()
	a.logFault("flush", a.incidentLog.Observe(ctx, g))
}

// delivered tells the log what became of a notification.
func (a *App) delivered(ctx context.Context, d notifiers.Delivery) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), noteTime)
	defer cancel()
	a.logFault("delivery", a.incidentLog.Delivered(ctx, incidents.Delivery{
		GroupKey: d.GroupKey, Receiver: d.Receiver, Integration: d.Integration, At: d.At, Err: d.Err,
	}))
}

// tellIncident tells the log what somebody did at a page.
func (a *App) tellIncident(groupKey string, d slack.Deed) {
	ctx, cancel := context.WithTimeout(context.Background(), noteTime)
	defer cancel()
	e := incidents.Event{At: d.At, Kind: incidents.Kind(d.Kind), By: d.By, ByID: d.ByID, Text: d.Text, Data: d.Data}
	if d.ID != "" {
		e.ID = "slack:" + d.ID
	}
	if !d.Opened.IsZero() {
		a.logFault(d.Kind, a.incidentLog.TellAt(ctx, groupKey, d.Opened, e))
		return
	}
	a.logFault(d.Kind, a.incidentLog.Tell(ctx, groupKey, e))
}

// logFault says that something could not be written into the log of incidents. What
// concerns no incident, as the page of a time before the log, is none.
func (a *App) logFault(what string, err error) {
	if err != nil && !errors.Is(err, incidents.ErrNone) {
		a.logger.Error("the log of incidents lags behind", "what", what, "err", err)
	}
}

// measure tells what an objective has counted since the burning began, and the share
// of its period's budget that the bad events took.
func (a *App) measure(objective string, from, to time.Time) (incidents.Impact, error) {
	ctx, cancel := context.WithTimeout(context.Background(), measureTime)
	defer cancel()
	from = a.burningSince(objective, from)
	t, err := a.engine.Tally(ctx, objective, from, to)
	if err != nil {
		return incidents.Impact{}, err
	}
	bad := max(0, t.Total-t.Good)
	impact := incidents.Impact{Objective: objective, Bad: int64(math.Round(bad)), Total: int64(math.Round(t.Total))}
	if status, ok := a.engine.Status(objective); ok && status.Allowed > 0 {
		impact.Spent = bad / status.Allowed
	}
	return impact, nil
}

// burningSince is when that began which an alert fired about at a time: the alert
// comes only once a part of the budget is gone. It is the time from which on more
// events were bad than the budget allows, taken together; the alert's own time where
// that is not known any more.
func (a *App) burningSince(objective string, fired time.Time) time.Time {
	course, err := a.engine.Course(objective, fired.Add(-longestBurn), fired, burnStep)
	if err != nil {
		return fired
	}
	since, least, sum := fired, 0.0, 0.0
	for _, p := range slices.Backward(course.Points) {
		if math.IsNaN(p.Total) || math.IsNaN(p.Bad) {
			continue
		}
		// What the step adds to the excess; the beginning is where it is largest to the end.
		if sum -= p.Bad - course.Budget*p.Total; sum < least {
			least, since = sum, p.At.Add(-course.Step)
		}
	}
	return since
}

// reconcileIncidents resolves the incidents that ended while nobody looked: while the
// program did not run, or where the group is gone from the route tree.
func (a *App) reconcileIncidents(ctx context.Context) error {
	if !a.restored(ctx) {
		return nil
	}
	timer := time.NewTimer(settle)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
			a.logFault("check", a.incidentLog.Reconcile(ctx, a.firingGroups(), a.pipeline.Firing))
			timer.Reset(sweep)
		}
	}
}

// firingGroups are the groups that fire now, muted or not.
func (a *App) firingGroups() []incidents.Group {
	var out []incidents.Group
	for _, in := range a.pipeline.Incidents() {
		g := incidents.Group{Key: in.GroupKey, Receiver: in.Receiver}
		for _, alert := range in.Alerts {
			g.Alerts = append(g.Alerts, incidents.Alert{Fingerprint: alert.Fingerprint, StartsAt: alert.StartsAt})
		}
		out = append(out, g)
	}
	return out
}
