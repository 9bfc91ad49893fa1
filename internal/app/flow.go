package app

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/collectors"
	"github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/web"
)

const (
	// flowEvery is how often what came in is noted, and flowOver how far back that is kept.
	flowEvery = 10 * time.Second
	flowOver  = 5 * time.Minute
	// flowNow is over how long the present rate is told, and flowSilent how long a source
	// that sent something may send nothing: OpenTelemetry's SDKs export every minute.
	flowNow    = time.Minute
	flowSilent = 2 * time.Minute
)

// inflow is what came from one source since the start.
type inflow struct {
	name  string // "Scrape job share"
	unit  string // "samples", "spans"
	total uint64
	// telemetry tells that people want to hear when it ceases.
	telemetry bool
}

// inflows lists the sources in the order of the page.
func inflows(c collectors.Status, s store.Stats) []inflow {
	var out []inflow
	for _, j := range c.Jobs {
		out = append(out, inflow{"Scrape job " + j.Name, "samples", j.Samples, true})
	}
	return append(out,
		inflow{"Collector (OTLP and its other receivers)", "samples", c.Samples, true},
		inflow{"Spans, over OTLP", "spans", c.Spans, true},
		inflow{"Remote write", "samples", s.RemoteWrite, true},
		inflow{"OTLP at /api/v1/otlp", "samples", s.OTLP, true},
		inflow{"Rules, and our own metrics", "samples", s.Rules, false},
	)
}

// flow remembers how much came in lately, and since when scrape targets fail.
type flow struct {
	mu      sync.Mutex
	notes   []flowNote // the oldest first
	failing map[[2]string]time.Time
}

// flowNote is what every source had sent by a moment.
type flowNote struct {
	at     time.Time
	totals map[string]uint64
}

// measureFlow notes what came in until ctx ends.
func (a *App) measureFlow(ctx context.Context) error {
	tick := time.NewTicker(flowEvery)
	defer tick.Stop()
	for {
		status := a.collectors.Status()
		a.flow.note(time.Now(), inflows(status, a.store.Stats()), status.Failing)
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

func (f *flow) note(now time.Time, sources []inflow, failing []collectors.Failing) {
	totals := make(map[string]uint64, len(sources))
	for _, s := range sources {
		totals[s.name] = s.total
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.notes = append(f.notes, flowNote{now, totals})
	// One note older than what is told stays, so that there is always a whole time.
	for len(f.notes) > 2 && now.Sub(f.notes[1].at) >= flowOver {
		f.notes = slices.Delete(f.notes, 0, 1)
	}
	known := f.failing
	f.failing = make(map[[2]string]time.Time, len(failing))
	for _, t := range failing {
		key := [2]string{t.Job, t.URL}
		since, ok := known[key]
		if !ok {
			since = t.LastScrape
		}
		f.failing[key] = since
	}
}

// rate is how much of a source came in a second over the last time, or since the first
// note; false if there is nothing to compare with yet.
func (f *flow) rate(now time.Time, s inflow, over time.Duration) (float64, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var before *flowNote
	for i := range f.notes {
		if n := &f.notes[i]; before == nil || now.Sub(n.at) >= over {
			before = n
		}
	}
	if before == nil || now.Sub(before.at) < flowEvery/2 {
		return 0, false
	}
	return float64(s.total-min(s.total, before.totals[s.name])) / now.Sub(before.at).Seconds(), true
}

// failingSince is since when a target fails, as far as it was noticed.
func (f *flow) failingSince(t collectors.Failing) time.Time {
	f.mu.Lock()
	defer f.mu.Unlock()
	if since, ok := f.failing[[2]string{t.Job, t.URL}]; ok {
		return since
	}
	return t.LastScrape
}

// flowSection says how fast telemetry comes in, by source.
func (f *flow) flowSection(now time.Time, sources []inflow) web.Section {
	table := &web.Table{
		Title: "What comes in, by source", Columns: []string{"Source", "Last minute", "Last 5 minutes", "Since the start", "To do"},
	}
	for _, s := range sources {
		table.Rows = append(table.Rows, f.row(now, s))
	}
	return web.Section{Title: "Coming in now", Note: "What was stored, a second, counted when it was committed.", Table: table}
}

func (f *flow) row(now time.Time, s inflow) web.TableRow {
	minute, known := f.rate(now, s, flowNow)
	lately, _ := f.rate(now, s, flowSilent)
	five, _ := f.rate(now, s, flowOver)
	row := web.TableRow{Cells: []string{s.name, "–", "–", thousands(s.total) + " " + s.unit, ""}}
	if s.total == 0 {
		row.Cells[3] = "nothing yet"
	} else if known {
		row.Cells[1], row.Cells[2] = chart.PerSecond.Format(minute), chart.PerSecond.Format(five)
	}
	switch {
	case !known || s.total == 0:
		return row
	case lately > 0 && s.telemetry:
		row.Level = web.Good
	case s.telemetry && five > 0:
		row.Level = web.Warn
		row.Cells[4] = "Nothing for two minutes, though something came before: see whether it runs and reaches this machine."
	case s.telemetry:
		row.Cells[4] = "Nothing for five minutes. If it should send: see whether it runs and reaches this machine."
	}
	return row
}

// failingSection lists the scrape targets that fail; false if none does.
func (f *flow) failingSection(now time.Time, failing []collectors.Failing, all int) (section web.Section, some bool) {
	if all == 0 {
		return web.Section{}, false
	}
	table := &web.Table{Title: "Scrape targets that fail", Columns: []string{"Target", "Job", "Error", "Failing for", "Last scrape"}}
	for _, t := range failing {
		table.Rows = append(table.Rows, web.TableRow{Level: web.Bad, Cells: []string{
			t.URL, t.Job, t.Error, lasting(now.Sub(f.failingSince(t))), lasting(now.Sub(t.LastScrape)) + " ago, took " + t.Took.Round(time.Millisecond).String(),
		}})
	}
	note := "Nothing is known of them while they fail. Open the address from this machine; values in it that may be secret are left out."
	if all > len(failing) {
		note += " " + thousands(uint64(all-len(failing))) + " more fail, see /api/v1/targets."
	}
	return web.Section{Title: "Scrape targets that fail", Note: note, Table: table}, true
}

// lasting writes a duration as the page does.
func lasting(d time.Duration) string { return max(0, d).Round(time.Second).String() }
