package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// Courses is how objectives fared; *rules.Engine is one.
type Courses interface {
	// Balance returns the error budget over the objective's period and what is forecast.
	Balance(ctx context.Context, id string) (rules.Balance, error)
	// Course returns burn rates and failures step by step.
	Course(id string, from, to time.Time, step time.Duration) (rules.Course, error)
	// Where finds out what the failures in a time have in common.
	Where(ctx context.Context, id string, from, to time.Time) (rules.Where, error)
}

// overTime is a part of a page that draws something over time, or says why it does not.
type overTime struct {
	Heading  string
	Words    []string // What it shows, in sentences.
	Drawings []*drawing
	Events   []event
}

// lowestBudget is as far below zero as the picture of a budget goes: what is overspent by more is drawn at its edge, or the
// budget that is left would be a line along the top.
const lowestBudget = -3

// budgetOver draws the budget over the period, with the forecast ahead of it.
func (s *site) budgetOver(ctx context.Context, st rules.Status) *overTime {
	if s.o.Courses == nil {
		return nil
	}
	o := st.Objective
	part := &overTime{Heading: "Budget over " + report.OverWords(o)}
	b, err := s.o.Courses.Balance(ctx, o.ID)
	first := firstKnown(b.Points)
	switch {
	case err != nil:
		part.Words = []string{unreadable("budget", err)}
		return part
	case first < 0:
		part.Words = []string{"Nothing was counted yet, so there is no budget to draw."}
		return part
	}
	b.Points = b.Points[first:]
	now := b.Points[len(b.Points)-1].At
	marks := lasting(s.marks(ctx, o.Service, b.Points[0].At, now))
	for i := range marks {
		if marks[i].To.IsZero() {
			marks[i].To = now // Nobody knows how long it will go on.
		}
	}
	part.Words = s.balanceWords(st, b)
	part.Drawings = []*drawing{s.drawBalance(st, b, marks)}
	return part
}

// firstKnown is the place of the first point at which something is known, -1 if there is none.
func firstKnown(points []rules.BalancePoint) int {
	for i, p := range points {
		if !math.IsNaN(p.Left) {
			return i
		}
	}
	return -1
}

// unreadable says that counts could not be read, and whether to wait.
func unreadable(what string, err error) string {
	if errors.Is(err, rules.ErrRestoring) {
		return "The past of this objective is still being read; the " + what + " is drawn when that is done."
	}
	return "The " + what + " over time could not be read: " + err.Error() + "."
}

func (s *site) balanceWords(st rules.Status, b rules.Balance) []string {
	last := b.Points[len(b.Points)-1]
	lowest := last
	for _, p := range b.Points {
		if p.Left < lowest.Left {
			lowest = p
		}
	}
	now := budgetWords(last.Left) + " is left."
	if last.Left < 0 {
		now = "It is overspent by " + budgetWords(-last.Left) + "."
	}
	if math.IsNaN(last.Left) {
		now = "What is left now is not known."
	}
	if lowest.Left < last.Left-0.005 {
		now += " The lowest was " + budgetWords(lowest.Left) + ", " + s.at(lowest.At).Short + "."
	}
	words := []string{now}
	f := st.Forecast
	switch {
	case f.Text != "":
		words = append(words, "At the error ratios of the last hours it is gone "+f.Text+".")
	case len(b.Ahead) > 0 && last.Left > 0:
		words = append(words, "At the error ratios of the last hours it lasts.")
	}
	if begun := b.Points[0].At; st.Objective.Calendar == nil && last.At.Sub(begun) < st.Objective.Period*9/10 {
		words = append(words, "It is drawn since "+s.at(begun).Exact+", when counting began; what is missing of the period is taken to go on like what was seen.")
	}
	return words
}

// drawBalance draws the budget: what was left, the band of the forecast, the line at which it is spent, and the parts at which
// the objective's tickets are due.
func (s *site) drawBalance(st rules.Status, b rules.Balance, marks []viewer.Mark) *drawing {
	low, high := 0.0, 1.0
	left := charts.Series{Name: "left"}
	for _, p := range b.Points {
		left.Points = append(left.Points, charts.Point{At: p.At, Value: p.Left})
		if !math.IsNaN(p.Left) {
			low = min(low, p.Left)
		}
	}
	worse, kinder := charts.Series{Name: "worse forecast"}, charts.Series{Name: "kinder forecast"}
	for _, a := range b.Ahead {
		worse.Points = append(worse.Points, charts.Point{At: a.At, Value: a.Low})
		kinder.Points = append(kinder.Points, charts.Point{At: a.At, Value: a.High})
		low = min(low, max(a.Low, -0.25))
	}
	// What is beyond the scale must not make it longer.
	low = max(math.Floor(low*4)/4, lowestBudget)
	begin, now := b.Points[0].At, b.Points[len(b.Points)-1].At
	end := now
	if n := len(b.Ahead); n > 0 {
		end = b.Ahead[n-1].At
	}
	if !end.After(begin) {
		begin = end.Add(-time.Minute)
	}
	g := charts.Graph{
		Title: "Error budget left", From: begin, To: end, Measure: charts.Ratio.Measure(), Location: s.o.Zone,
		Low: &low, High: &high, LimitStyle: charts.LimitLines, Spans: spansOf(marks),
		Lines: []charts.Line{{Series: left, Ink: charts.InkPlain, Fill: 0.12}},
	}
	if len(b.Ahead) > 0 {
		g.Lines = append(g.Lines,
			charts.Line{Series: worse, Ink: charts.InkPlain, Dash: 1},
			charts.Line{Series: kinder, Ink: charts.InkPlain, Dash: 2})
		g.Bands = []charts.Band{{Low: worse.Points, High: kinder.Points, Ink: charts.InkPlain}}
		g.Spans = append(g.Spans, charts.Span{From: now, To: now, Name: "now"})
	}
	for _, at := range b.Resets {
		g.Spans = append(g.Spans, charts.Span{From: at, To: at, Name: "the budget begins anew"})
	}
	g.Limits = append(g.Limits, charts.Limit{Name: "spent", Value: 0, Ink: charts.InkBad})
	for _, share := range st.Objective.Alerting.BudgetSpent {
		g.Limits = append(g.Limits, charts.Limit{Name: "ticket", Value: 1 - share, Ink: charts.InkWatch})
	}
	d := drawn("budget", g)
	d.explainBalance(st.Objective, b, len(marks))
	d.Columns = []string{"When", "Budget left"}
	d.number(s.o.Zone, charts.TimeLayout(now.Sub(begin)), len(b.Points), func(i int) float64 { return -b.Points[i].Left }, func(i int) (time.Time, []string) {
		return b.Points[i].At, []string{budgetWords(b.Points[i].Left)}
	})
	for i := len(b.Ahead) / 4; i > 0 && i < len(b.Ahead); i += len(b.Ahead) / 4 {
		a := b.Ahead[i]
		d.Rows = append(d.Rows, numbersRow{a.At.In(s.o.Zone).Format(charts.TimeLayout(end.Sub(begin))), []string{"forecast: " + bandWords(a)}})
	}
	return d
}

// bandWords writes a forecast: "12% to 40%".
func bandWords(a rules.BalanceAhead) string {
	low, high := budgetWords(a.Low), budgetWords(a.High)
	if low == high {
		return low
	}
	return low + " to " + high
}

func (d *drawing) explainBalance(o rules.Objective, b rules.Balance, incidents int) {
	d.explain(charts.InkPlain, 0, "budget left")
	if len(b.Ahead) > 0 {
		d.explain(charts.InkPlain, limitDash, "forecast, at the error ratios of the last hour and the last six")
	}
	d.explain(charts.InkBad, limitDash, "spent")
	for _, share := range o.Alerting.BudgetSpent {
		d.explain(charts.InkWatch, limitDash, fmt.Sprintf("ticket when %s is spent", budgetWords(share)))
	}
	if len(b.Resets) > 0 {
		d.explain("2", 2, "the period begins anew")
	}
	if incidents > 0 {
		d.Legend = append(d.Legend, legendEntry{shade, "incident"})
	}
}

// shade is how the legend shows what is shaded.
const shade = `<svg class="swatch" viewBox="0 0 20 12" aria-hidden="true"><rect class="shade" width="20" height="12"/></svg>`
