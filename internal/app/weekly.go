package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/config"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/tables"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// weeklyTime bounds an attempt to post a report, weeklyAgain is the wait after one that
// failed.
const (
	weeklyTime  = 2 * time.Minute
	weeklyAgain = 5 * time.Minute
)

// weekly posts the report of each week, once: what was posted is in the database.
type weekly struct {
	app  *App
	conf report.Weekly
}

// openWeekly makes the table of what was posted.
func (a *App) openWeekly(ctx context.Context, files config.Files) error {
	if files.Config.Reports.Weekly.Channel == "" {
		return nil
	}
	a.weekly = &weekly{app: a, conf: files.Config.Reports.Weekly}
	return tables.Schema{Of: "report", Table: "report_schema", Steps: []string{
		`CREATE TABLE report_posts (week TEXT PRIMARY KEY, posted_at BIGINT NOT NULL)`,
	}}.Migrate(ctx, a.state)
}

// postReports posts each report when it is due, and one that was missed as soon as it can.
func (a *App) postReports(ctx context.Context) error {
	if a.weekly != nil {
		select {
		case <-ctx.Done():
			return nil
		case <-a.engine.Ready():
		}
		if a.pipeline.Settled(ctx) == nil {
			return a.weekly.run(ctx)
		}
	}
	<-ctx.Done()
	return nil
}

func (w *weekly) run(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-timer.C:
		}
		now := time.Now()
		next, err := w.turn(ctx, now)
		if err != nil && ctx.Err() == nil {
			w.app.logger.Error("the weekly report was not posted, which is tried again", "channel", w.conf.Channel, "again", weeklyAgain, "err", err)
			next = now.Add(weeklyAgain)
		}
		timer.Reset(next.Sub(now))
	}
}

// turn posts what is due, if it is this instance's turn, and returns when to look again.
func (w *weekly) turn(ctx context.Context, now time.Time) (next time.Time, err error) {
	due, err := w.conf.Due(now)
	if err != nil {
		return next, err
	}
	if next, err = w.conf.Next(now); err != nil {
		return next, err
	}
	place := w.app.turn()
	if ours := due.At.Add(place.wait(0)); ours.After(now) {
		return ours, nil
	}
	week := report.WeekName(due.From)
	switch posted, err := w.posted(ctx, week); {
	case err != nil:
		return next, err
	case posted:
		return next, nil
	}
	ctx, cancel := context.WithTimeout(ctx, weeklyTime)
	defer cancel()
	r, err := report.Build(ctx, w.app.engine, due.From, due.To)
	if err != nil {
		return next, err
	}
	r.Tell(w.app.reported(due.From, due.To))
	if r.Kept+r.Missed == 0 && due.At.Before(w.app.started) {
		return next, w.note(ctx, week) // There was nothing before the first start.
	}
	return next, w.post(ctx, r, due.At)
}

// post says the report, with the whole of it as a file.
func (w *weekly) post(ctx context.Context, r report.Report, at time.Time) error {
	since := time.Now()
	if at.Before(since) {
		since = at // A peer, or we before a crash, may have posted it then.
	}
	headline, lines := r.Digest()
	lines = append([]string{"The whole report: " + w.app.URL() + "/reports/" + r.Week}, lines...)
	channelID, ts, err := w.app.slack.Say(ctx, slack.Word{
		ID: "report/" + r.Week, Channel: w.conf.Channel, Headline: "📊 " + headline, Lines: lines, Since: since,
	})
	if err != nil {
		return err
	}
	if err := w.note(ctx, r.Week); err != nil {
		return err
	}
	whole := slack.Attachment{Channel: channelID, Thread: ts, Name: "report-" + r.Week + ".md", Title: "The whole report", Content: []byte(r.Markdown())}
	if err := w.app.slack.Attach(ctx, whole); err != nil {
		w.app.logger.Warn("the weekly report was posted without its file; it is at /reports/", "err", err)
	}
	return nil
}

// reported are the incidents that were open in a week, as a report has them.
func (a *App) reported(from, to time.Time) []report.Incident {
	list := a.incidentLog.List(incidents.Filter{Since: from, Until: to})
	out := make([]report.Incident, len(list))
	for i := range list {
		in := &list[i]
		out[i] = report.Incident{
			Number: in.Number, Title: in.Title, Service: in.Service, Team: in.Team, Severity: in.Severity, Owner: in.Owner,
			OpenedAt: in.OpenedAt, AcknowledgedAt: in.AcknowledgedAt, ResolvedAt: in.ResolvedAt,
			Pages: incidents.Urgency(in.Severity) >= incidents.Urgent,
		}
	}
	return out
}

func (w *weekly) posted(ctx context.Context, week string) (bool, error) {
	var at int64
	err := w.app.state.QueryRowContext(ctx, `SELECT posted_at FROM report_posts WHERE week = ?`, week).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read which reports were posted: %w", err)
	}
	return true, nil
}

func (w *weekly) note(ctx context.Context, week string) error {
	return tables.Write(ctx, w.app.state, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO report_posts (week, posted_at) VALUES (?, ?) ON CONFLICT (week) DO NOTHING`, week, time.Now().UnixMilli())
		return err
	})
}
