package app

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/followups"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/tables"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

const (
	// whyTime bounds the search for where the failures of a report came from.
	whyTime = 5 * time.Second
	// settleTime is how long after a period its figures may still change: samples come
	// late, and peers tell each other what happened.
	settleTime = time.Hour
	// whyWait is how long after it we go on asking where its failures came from.
	whyWait = 24 * time.Hour
	// keepEvery is how often we look whether a period has ended.
	keepEvery = 10 * time.Minute
)

// openReports makes the tables of reports.
func (a *App) openReports(ctx context.Context, files config.Files) error {
	conf := files.Config.Reports
	zone, err := conf.Weekly.Location()
	if err != nil {
		return err
	}
	a.reports = &reports{app: a, conf: conf, zone: zone}
	err = tables.Schema{Of: "report", Table: "report_schema", Steps: []string{
		`CREATE TABLE report_posts (week TEXT PRIMARY KEY, posted_at BIGINT NOT NULL)`,
		`CREATE TABLE report_circumstances (period TEXT PRIMARY KEY, circumstances TEXT NOT NULL)`,
		`CREATE TABLE report_since (started_at BIGINT NOT NULL)`,
	}}.Migrate(ctx, a.state)
	if err != nil {
		return err
	}
	a.reports.since, err = a.firstStart(ctx)
	return err
}

// firstStart is when this server's first process with this folder started.
func (a *App) firstStart(ctx context.Context) (time.Time, error) {
	var at int64
	err := tables.Write(ctx, a.state, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `INSERT INTO report_since (started_at) SELECT ? WHERE NOT EXISTS (SELECT 1 FROM report_since)`, a.started.UnixMilli()); err != nil {
			return err
		}
		return tx.QueryRowContext(ctx, `SELECT started_at FROM report_since`).Scan(&at)
	})
	return time.UnixMilli(at), err
}

// report builds the report of a period, with what is known around it.
func (a *App) report(ctx context.Context, p report.Period) (report.Report, error) {
	now := time.Now()
	c, kept, err := a.keptCircumstances(ctx, p)
	if err != nil {
		return report.Report{}, err
	}
	r, err := report.Build(ctx, c.Then(a.engine, p), p)
	if err != nil {
		return r, err
	}
	if !kept {
		if c, err = a.circumstances(ctx, r, now); err != nil {
			return r, err
		}
		if c.Promised != nil { // It is kept now, and the same from the first time on.
			if r, err = report.Build(ctx, c.Then(a.engine, p), p); err != nil {
				return r, err
			}
		}
	}
	r.Tell(c)
	return r, nil
}

// keepReports keeps what is known around each period soon after its end, whether or not
// anybody reads its report: later nobody would know.
func (a *App) keepReports(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return nil
	case <-a.engine.Ready():
	}
	if a.pipeline.Settled(ctx) != nil {
		return nil
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	for {
		for _, k := range report.Kinds() {
			p := k.Around(time.Now().Add(-settleTime).In(a.reports.zone)).Step(-1)
			if err := a.keepReport(ctx, p); err != nil && ctx.Err() == nil {
				a.logger.Error("what is known around a report is not kept yet, which is tried again", "period", p.Name(), "again", keepEvery, "err", err)
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// keepReport keeps what is known around a period that is over; not of one before the
// first start, of which nothing was known at its end.
func (a *App) keepReport(ctx context.Context, p report.Period) error {
	if !p.To.After(a.reports.since) {
		return nil
	}
	if _, kept, err := a.keptCircumstances(ctx, p); kept || err != nil {
		return err
	}
	_, err := a.report(ctx, p)
	return err
}

// circumstances are what happened around a report. Those of a period that is over for
// good are kept, so that its report stays the same when rosters, files and raw samples
// are not what they were.
func (a *App) circumstances(ctx context.Context, r report.Report, now time.Time) (report.Circumstances, error) {
	end := r.To
	if now.Before(end) {
		end = now
	}
	c := report.Circumstances{Incidents: a.reported(r.Span().Step(-1).From, end), Zones: map[string]string{}}
	c.Shifts = a.reportedShifts(r.From, end, c.Zones)
	whole := false
	c.Why, whole = a.reportedCauses(ctx, r)
	c.FollowUps = a.openFollowUps()
	late := now.After(r.To.Add(whyWait)) // What cannot be read by then never will be.
	if !now.After(r.To.Add(settleTime)) || !whole && !late {
		return c, nil
	}
	if r.To.After(a.reports.since) {
		var err error
		if c.Promised, err = report.PromisedNow(a.engine, r.Span()); err != nil {
			return c, err
		}
	}
	return c, a.keepCircumstances(ctx, r.Span(), c)
}

// keptName is what a period is kept as: another time zone has other weeks.
func keptName(p report.Period) string {
	return fmt.Sprintf("%s %d %d", p.Kind, p.From.Unix(), p.To.Unix())
}

func (a *App) keptCircumstances(ctx context.Context, p report.Period) (c report.Circumstances, ok bool, err error) {
	var text string
	err = a.state.QueryRowContext(ctx, `SELECT circumstances FROM report_circumstances WHERE period = ?`, keptName(p)).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return c, false, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(text), &c)
	}
	if err != nil {
		return c, false, fmt.Errorf("read what is known around %s: %w", p.Name(), err)
	}
	return c, true, nil
}

func (a *App) keepCircumstances(ctx context.Context, p report.Period, c report.Circumstances) error {
	text, err := json.Marshal(c)
	if err != nil {
		return fmt.Errorf("keep what is known around %s: %w", p.Name(), err)
	}
	return tables.Write(ctx, a.state, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO report_circumstances (period, circumstances) VALUES (?, ?) ON CONFLICT (period) DO NOTHING`, keptName(p), string(text))
		return err
	})
}

// reported are the incidents that were open between two times, as they were at the second.
func (a *App) reported(from, to time.Time) []report.Incident {
	var out []report.Incident
	for _, in := range a.incidentLog.List(incidents.Filter{Since: from, Until: to}) {
		out = append(out, reportedIncident(in, to))
	}
	return out
}

// reportedIncident is an incident as it was at a time.
func reportedIncident(now incidents.Incident, at time.Time) report.Incident {
	in := now
	if len(now.Events) > 0 && now.Events[len(now.Events)-1].At.After(at) {
		in = incidents.Fold(slices.DeleteFunc(slices.Clone(now.Events), func(e incidents.Event) bool { return e.At.After(at) }))
	}
	out := report.Incident{
		Number: now.Number, Group: now.GroupKey, Title: now.Title, Service: now.Service, Team: now.Team, Severity: now.Severity, Owner: in.Owner,
		Objectives: now.Objectives, OpenedAt: now.OpenedAt, AcknowledgedAt: in.AcknowledgedAt, ResolvedAt: in.ResolvedAt,
		Pages: incidents.Urgency(now.Severity) >= incidents.Urgent,
	}
	for _, e := range in.Events {
		switch e.Kind {
		case incidents.Silenced:
			out.Silenced = true
		case incidents.StepDone, incidents.Noted, incidents.RoleTaken, incidents.TakenOver, incidents.Communicated:
			out.ActedOn = out.ActedOn || e.By != ""
		case incidents.Escalated:
			if who := e.Data[dataCalled]; who != "" && !slices.Contains(out.Called, who) {
				out.Called = append(out.Called, who)
			}
		default:
		}
	}
	return out
}

// reportedShifts are who was on call between two times, by the roster of now, and notes
// the zones of the teams. Outside of what is known of calendars nothing is said.
func (a *App) reportedShifts(from, to time.Time, zones map[string]string) []report.Shift {
	if a.oncall == nil {
		return nil
	}
	roster := a.oncall.Roster()
	if known := roster.Known(); known.From.After(from) {
		from = known.From
	}
	var out []report.Shift
	for _, team := range roster.Teams() {
		zones[team.ID] = roster.Zone(team.ID).String()
		if !from.Before(to) {
			continue
		}
		for _, s := range roster.Shifts(team.ID, from, to) {
			out = append(out, report.Shift{Team: team.ID, Who: cmp.Or(s.User.Name, s.User.ID), From: s.From.UTC(), To: s.To.UTC()})
		}
		for _, gap := range roster.Gaps(team.ID, from, to) {
			out = append(out, report.Shift{Team: team.ID, From: gap.From.UTC(), To: gap.To.UTC()})
		}
	}
	slices.SortStableFunc(out, func(a, b report.Shift) int { return cmp.Or(strings.Compare(a.Team, b.Team), a.From.Compare(b.From)) })
	return out
}

// reportedCauses say where the failures of the worst hours came from, by objective.
// whole is false where one could not be looked at.
func (a *App) reportedCauses(ctx context.Context, r report.Report) (why map[string]string, whole bool) {
	ctx, cancel := context.WithTimeout(ctx, whyTime)
	defer cancel()
	why, whole = map[string]string{}, true
	for _, b := range r.Burned {
		worst := b.Worst()
		if worst == nil {
			continue
		}
		found, err := a.engine.Where(ctx, b.ID, worst.From, worst.To)
		if err != nil {
			whole = false
			continue
		}
		if len(found.Culprits) > 0 || found.Even {
			why[b.ID] = strings.Join(found.Sentences(), " ")
		}
	}
	return why, whole
}

// openFollowUps are what post-mortems left to do, from the files that reports.postmortems
// names. A file that cannot be read is told in the log.
func (a *App) openFollowUps() []report.FollowUp {
	teams := map[string]string{}
	for _, in := range a.incidentLog.List(incidents.Filter{}) { // What is open may be old.
		teams[fmt.Sprintf("%s/incidents/%d", a.URL(), in.Number)] = in.Team
	}
	var out []report.FollowUp
	for _, pattern := range a.current.Load().Config.Reports.Postmortems {
		files, err := filepath.Glob(pattern)
		if err != nil {
			a.logger.Warn("a pattern of post-mortems cannot be read", "pattern", pattern, "err", err)
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if err != nil {
				a.logger.Warn("a post-mortem cannot be read", "file", file, "err", err)
				continue
			}
			for _, f := range followups.Open(string(text)) {
				out = append(out, report.FollowUp{Title: f.Title, URL: f.URL, Of: cmp.Or(f.Of, filepath.Base(file)), Team: teams[f.Page]})
			}
		}
	}
	return out
}
