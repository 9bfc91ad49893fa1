package web

import (
	"context"
	"html/template"
	"math"
	"strconv"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/viewer"
)

// drawing is a graph on a page, with its words, its legend and its numbers.
type drawing struct {
	ID, Title          string
	Scale, Plot, Clock template.HTML
	Hover              string // For the script that tells values under the pointer.
	Legend             []legendEntry
	Columns            []string // Of Rows, the first is the time.
	Rows               []numbersRow
}

// legendEntry is a line or a limit and what it means.
type legendEntry struct {
	Swatch template.HTML
	Name   string
}

// numbersRow is one moment of a graph for those who read rather than look.
type numbersRow struct {
	At    string
	Cells []string
}

// mostNumbers is about how many rows the numbers of a graph have.
const mostNumbers = 12

// drawn draws a graph. Every name in it is escaped by the chart.
func drawn(id string, g charts.Graph) *drawing {
	d := g.Draw()
	return &drawing{
		ID: id, Title: g.Title, Hover: g.Hover(nil),
		Scale: template.HTML(d.Scale), Plot: template.HTML(d.Plot), Clock: template.HTML(d.Clock), //nolint:gosec // see above
	}
}

// explain adds a line of the legend. dash is how its line is drawn.
func (d *drawing) explain(ink charts.Ink, dash int, name string) {
	d.Legend = append(d.Legend, legendEntry{template.HTML(charts.Swatch(ink, dash)), name}) //nolint:gosec // written by chart, which escapes
}

// limitDash is how the legend shows limits, which are drawn in dashes.
const limitDash = 1

// number adds the values of moments: of each of about mostNumbers stretches of time the one that weighs most, so that a breach
// is not passed over, and the last one.
func (d *drawing) number(zone *time.Location, layout string, n int, weight func(i int) float64, row func(i int) (at time.Time, cells []string)) {
	add := func(i int) {
		at, cells := row(i)
		d.Rows = append(d.Rows, numbersRow{at.In(zone).Format(layout), cells})
	}
	every := max(1, n/mostNumbers)
	for end := (n - 1) % every; end < n && end >= 0; end += every {
		heaviest := end
		for i := max(0, end-every+1); i < end; i++ {
			if w := weight(i); w > weight(heaviest) || !math.IsNaN(w) && math.IsNaN(weight(heaviest)) {
				heaviest = i
			}
		}
		add(heaviest)
		if end == n-1 && heaviest != end {
			add(end)
		}
	}
}

// marks are the incidents and changes of a service in a time.
func (s *site) marks(ctx context.Context, service string, from, to time.Time) []viewer.Mark {
	if s.o.Marks == nil {
		return nil
	}
	return s.o.Marks(ctx, service, from, to)
}

// spansOf shades incidents and marks changes.
func spansOf(marks []viewer.Mark) []charts.Span {
	var spans []charts.Span
	for _, m := range marks {
		spans = append(spans, charts.Span{From: m.From, To: m.To, Name: m.Name})
	}
	return spans
}

// lasting are the marks that have a length: incidents.
func lasting(marks []viewer.Mark) []viewer.Mark {
	var out []viewer.Mark
	for _, m := range marks {
		if !m.From.Equal(m.To) {
			out = append(out, m)
		}
	}
	return out
}

// eventsOf are marks in words.
func (s *site) eventsOf(marks []viewer.Mark) []event {
	var events []event
	for _, m := range marks {
		e := event{Mark: m, Start: s.at(m.From)}
		switch {
		case m.To.IsZero():
			e.Ended = "and goes on"
		case !m.To.Equal(m.From):
			e.Ended = "for " + span(m.To.Sub(m.From))
		}
		events = append(events, e)
	}
	return events
}

// budgetWords writes a part of a budget: "41%", "−12%".
func budgetWords(left float64) string {
	switch {
	case math.IsNaN(left) || math.IsInf(left, 0):
		return "not known"
	case left < 0:
		return "−" + budgetWords(-left)
	case left > 0 && left < 0.01:
		return "under 1%"
	default:
		return strconv.FormatFloat(math.Round(100*left), 'f', 0, 64) + "%"
	}
}
