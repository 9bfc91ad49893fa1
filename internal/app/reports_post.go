package app

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/tables"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// reportTime bounds an attempt to post a report, reportAgain is the wait after one that
// failed.
const (
	reportTime  = 2 * time.Minute
	reportAgain = 5 * time.Minute
)

// reports posts each report once: what was posted is in the database.
type reports struct {
	app  *App
	conf report.Config
	zone *time.Location
	// since is when the first process started: of what was before nobody knows more than
	// the samples.
	since time.Time
}

// postReports posts each report when it is due, and one that was missed as soon as it can.
func (a *App) postReports(ctx context.Context) error {
	if _, ever := a.reports.conf.Next(time.Now()); ever {
		select {
		case <-ctx.Done():
			return nil
		case <-a.engine.Ready():
		}
		if a.pipeline.Settled(ctx) == nil {
			return a.reports.run(ctx)
		}
	}
	<-ctx.Done()
	return nil
}

func (w *reports) run(ctx context.Context) error {
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
			w.app.logger.Error("a report was not posted, which is tried again", "again", reportAgain, "err", err)
			next = now.Add(reportAgain)
		}
		timer.Reset(next.Sub(now))
	}
}

// turn posts what is due, if it is this instance's turn, and returns when to look again.
func (w *reports) turn(ctx context.Context, now time.Time) (next time.Time, err error) {
	next, _ = w.conf.Next(now)
	due, err := w.conf.Due(now)
	if err != nil {
		return next, err
	}
	place := w.app.turn()
	var faults []error
	for _, e := range due {
		if ours := e.At.Add(place.wait(0)); ours.After(now) {
			if ours.Before(next) {
				next = ours
			}
			continue
		}
		if err := w.deliver(ctx, e); err != nil {
			faults = append(faults, fmt.Errorf("%s report to %s: %w", e.Kind, e.Channel, err))
		}
	}
	return next, errors.Join(faults...)
}

// deliver posts a report that was not posted yet.
func (w *reports) deliver(ctx context.Context, e report.Edition) error {
	switch posted, err := w.posted(ctx, e.Period.Name()); {
	case err != nil:
		return err
	case posted:
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, reportTime)
	defer cancel()
	r, err := w.app.report(ctx, e.Period)
	if err != nil {
		return err
	}
	if r.Kept+r.Missed == 0 && e.At.Before(w.since) {
		return w.note(ctx, r.Name) // There was nothing before the first start.
	}
	return w.post(ctx, r, e)
}

// post says the report, with a picture and the whole of it as files.
func (w *reports) post(ctx context.Context, r report.Report, e report.Edition) error {
	since := time.Now()
	if e.At.Before(since) {
		since = e.At // A peer, or we before a crash, may have posted it then.
	}
	word := w.app.reportWord(r)
	word.ID, word.Channel, word.Since = "report/"+r.Name, e.Channel, since
	channelID, ts, err := w.app.slack.Say(ctx, word)
	if err != nil {
		return err
	}
	if err := w.note(ctx, r.Name); err != nil {
		return err
	}
	for _, file := range attached(r) {
		file.Channel, file.Thread = channelID, ts
		if err := w.app.slack.Attach(ctx, file); err != nil {
			w.app.logger.Warn("a report was posted without one of its files; it is at /reports/", "file", file.Name, "err", err)
		}
	}
	return nil
}

// reportWord is a report as it is said in Slack.
func (a *App) reportWord(r report.Report) slack.Word {
	d := r.Digest()
	return slack.Word{
		Headline: "📊 " + d.Headline, Table: d.Table, Instead: d.Instead,
		Lines: append([]string{"The whole report: " + a.URL() + "/reports/" + r.Name}, d.Lines...),
	}
}

// slackReport is the message that says a report, as Slack's API takes it.
func (a *App) slackReport(r report.Report) ([]byte, error) {
	word := a.reportWord(r)
	return word.JSON()
}

// attached are the files below a report: what cost the most as a picture, and the whole.
func attached(r report.Report) []slack.Attachment {
	var files []slack.Attachment
	if figure, ok := r.Figure(); ok {
		if png, err := figure.PNG(); err == nil {
			files = append(files, slack.Attachment{Name: "report-" + r.Name + ".png", Title: figure.Title, Alt: figure.Alt(), Content: png})
		}
	}
	return append(files, slack.Attachment{Name: "report-" + r.Name + ".md", Title: "The whole report", Content: []byte(r.Markdown())})
}

func (w *reports) posted(ctx context.Context, period string) (bool, error) {
	var at int64
	err := w.app.state.QueryRowContext(ctx, `SELECT posted_at FROM report_posts WHERE week = ?`, period).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("read which reports were posted: %w", err)
	}
	return true, nil
}

func (w *reports) note(ctx context.Context, period string) error {
	return tables.Write(ctx, w.app.state, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO report_posts (week, posted_at) VALUES (?, ?) ON CONFLICT (week) DO NOTHING`, period, time.Now().UnixMilli())
		return err
	})
}
