package app

import (
	"context"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// silenceSettles is how long a silence has to hold before it is looked for in the log: one
// that was set from a page is told by the page itself.
const silenceSettles = 10 * time.Second

// noteSilences tells the log of the silences that hold for open incidents and were set
// elsewhere than at a page: by amtool, by the API, by another interface.
func (a *App) noteSilences(ctx context.Context) error {
	ticker := time.NewTicker(lookAgain)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case now := <-ticker.C:
			for _, in := range a.pipeline.Incidents() {
				a.noteSilencesOf(ctx, in, now)
			}
		}
	}
}

func (a *App) noteSilencesOf(ctx context.Context, in notifiers.Incident, now time.Time) {
	held := slices.Clone(in.SilencedBy)
	for _, alert := range in.Alerts {
		held = append(held, alert.SilencedBy...)
	}
	if len(held) == 0 {
		return
	}
	log, ok := a.incidentLog.OpenGroup(in.GroupKey)
	if !ok {
		return
	}
	slices.Sort(held)
	for _, id := range slices.Compact(held) {
		if slices.ContainsFunc(log.Events, func(e incidents.Event) bool { return e.Kind == incidents.Silenced && e.Data["silence"] == id }) {
			continue
		}
		s, ok := a.pipeline.SilenceByID(ctx, id)
		if !ok || now.Sub(s.From) < silenceSettles {
			continue
		}
		ctx, cancel := context.WithTimeout(ctx, noteTime)
		a.logFault("silence", a.incidentLog.Add(ctx, incidents.Event{
			ID: log.ID + "/silence/" + id, Incident: log.ID, At: later(s.From, log.OpenedAt), Kind: incidents.Silenced, By: s.Author, Text: s.Comment,
			Data: map[string]string{"silence": id, "until": s.To.UTC().Format(time.RFC3339)},
		}))
		cancel()
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}
