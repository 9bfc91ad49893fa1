package web

import (
	"context"
	"math"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// The last day of an objective, or its period if that is shorter: how many steps its burn rates have, five minutes each, which
// is the shortest usual window, and how many of them make a column of its failures.
const (
	dayLength   = 24 * time.Hour
	daySteps    = 288
	dayTogether = 3
)

// dayOf returns how much of the past is drawn for an objective, and the steps of it.
func dayOf(o rules.Objective) (length, step time.Duration) {
	length = dayLength
	if o.Period > 0 {
		length = min(length, o.Period)
	}
	step = max(length/daySteps, time.Second).Truncate(time.Second)
	return step * daySteps, step
}

// dayOver draws how fast the budget burned and what failed in the last day, with what happened meanwhile.
func (s *site) dayOver(ctx context.Context, st rules.Status) *overTime {
	if s.o.Courses == nil {
		return nil
	}
	o, now := st.Objective, s.o.Now().Truncate(time.Second)
	length, step := dayOf(o)
	from := now.Add(-length)
	part := &overTime{Heading: "The last " + hours(length)}
	c, err := s.o.Courses.Course(o.ID, from, now, step)
	if err != nil {
		part.Words = []string{unreadable("last day", err)}
		return part
	}
	failed := columnsOf(c)
	worst, known := worstOf(failed)
	if !known {
		part.Words = []string{"Nothing was counted in the last " + hours(length) + "."}
		return part
	}
	marks := s.marks(ctx, o.Service, from, now)
	part.Words = []string{"Nothing failed in the last " + hours(length) + "."}
	if worst.bad > 0 {
		part.Words = []string{s.worstWords(o, worst)}
	}
	part.Drawings = []*drawing{s.drawBurn(c, marks, from, now), s.drawFailed(o, failed, marks, from, now)}
	part.Events = s.eventsOf(marks)
	return part
}

// column is what failed in a few steps.
type column struct {
	from, to   time.Time
	bad, total float64 // NaN: nothing is known
}

func (c column) ratio() float64 {
	if !(c.total > 0) {
		return math.NaN()
	}
	return max(0, c.bad/c.total)
}

// columnsOf adds up the steps of a course, dayTogether at a time.
func columnsOf(c rules.Course) []column {
	var out []column
	for i := 0; i < len(c.Points); i += dayTogether {
		steps := c.Points[i:min(i+dayTogether, len(c.Points))]
		one := column{from: steps[0].At.Add(-c.Step), to: steps[len(steps)-1].At, bad: math.NaN(), total: math.NaN()}
		for _, p := range steps {
			switch {
			case math.IsNaN(p.Total):
			case math.IsNaN(one.total):
				one.bad, one.total = p.Bad, p.Total
			default:
				one.bad, one.total = one.bad+p.Bad, one.total+p.Total
			}
		}
		out = append(out, one)
	}
	return out
}

// worstOf is the column in which the largest share failed; false if nothing was counted in any.
func worstOf(columns []column) (worst column, known bool) {
	for _, c := range columns {
		if r := c.ratio(); !math.IsNaN(r) && (!known || r > worst.ratio()) {
			worst, known = c, true
		}
	}
	return worst, known
}

func (s *site) worstWords(o rules.Objective, worst column) string {
	return "The worst " + span(worst.to.Sub(worst.from)) + " began at " + worst.from.In(s.o.Zone).Format("15:04") + ": " +
		report.Failed(o, worst.bad, worst.total) + " (" + report.Percent(worst.ratio()) + ")."
}

// hours writes a length that may be a day.
func hours(d time.Duration) string {
	if d == dayLength {
		return "24 hours"
	}
	return span(d)
}

// drawBurn draws the burn rates of the windows that people want to see, against what makes them fire.
func (s *site) drawBurn(c rules.Course, marks []viewer.Mark, from, to time.Time) *drawing {
	long, short := window(c.Pair.Long), window(c.Pair.Short)
	lines := []charts.Line{
		{Series: charts.Series{Name: "over " + short, Step: c.Step}, Ink: "2"},
		{Series: charts.Series{Name: "over " + long, Step: c.Step}, Ink: charts.InkPlain},
	}
	for _, p := range c.Points {
		lines[0].Points = append(lines[0].Points, charts.Point{At: p.At, Value: p.Short})
		lines[1].Points = append(lines[1].Points, charts.Point{At: p.At, Value: p.Long})
	}
	g := charts.Graph{
		Title: "Burn rate", From: from, To: to, Measure: charts.Times.Measure(), Location: s.o.Zone, Lines: lines,
		LimitStyle: charts.LimitLines, Limits: []charts.Limit{{Name: "as fast as the budget allows", Value: 1, Ink: charts.InkWatch}}, Spans: spansOf(marks),
	}
	if c.Threshold > 0 {
		g.Limits = append(g.Limits, charts.Limit{Name: string(c.Pair.Severity), Value: c.Threshold, Ink: charts.InkBad})
	}
	d := drawn("burn", g)
	d.explain(charts.InkPlain, 0, "burn rate over "+long)
	d.explain("2", 0, "over "+short)
	d.explain(charts.InkWatch, limitDash, "1×: the budget is used up exactly")
	if c.Threshold > 0 {
		d.explain(charts.InkBad, limitDash, "a "+string(c.Pair.Severity)+" is due when both are above "+factorWords(c.Threshold))
	}
	d.explainMarks(marks)
	d.Columns = []string{"When", "Over " + long, "Over " + short}
	d.number(s.o.Zone, charts.TimeLayout(to.Sub(from)), len(c.Points), func(i int) float64 { return c.Points[i].Short }, func(i int) (time.Time, []string) {
		return c.Points[i].At, []string{burnWords(c.Points[i].Long), burnWords(c.Points[i].Short)}
	})
	return d
}

// drawFailed draws the share of failures, within what the target allows and above it.
func (s *site) drawFailed(o rules.Objective, failed []column, marks []viewer.Mark, from, to time.Time) *drawing {
	budget := o.ErrorBudget()
	step := to.Sub(from) / daySteps * dayTogether
	within := charts.Line{Series: charts.Series{Name: "within the target", Step: step}, Ink: charts.InkGood, Stroke: charts.Columns}
	above := charts.Line{Series: charts.Series{Name: "above it", Step: step}, Ink: charts.InkBad, Stroke: charts.Columns}
	for _, c := range failed {
		if r := c.ratio(); r > budget {
			above.Points = append(above.Points, charts.Point{At: middle(c), Value: r})
		} else if !math.IsNaN(r) {
			within.Points = append(within.Points, charts.Point{At: middle(c), Value: r})
		}
	}
	soft := 2 * budget
	g := charts.Graph{
		Title: "Share of failures", From: from, To: to, Measure: charts.Ratio.Measure(), Location: s.o.Zone, SoftHigh: &soft,
		Lines: []charts.Line{within, above}, LimitStyle: charts.LimitLines,
		Limits: []charts.Limit{{Name: "allowed", Value: budget, Ink: charts.InkWatch}}, Spans: spansOf(marks),
	}
	d := drawn("failed", g)
	d.explain(charts.InkGood, 0, "within what the target allows")
	d.explain(charts.InkBad, 0, "above it")
	d.explain(charts.InkWatch, limitDash, report.Percent(budget)+" is allowed")
	d.explainMarks(marks)
	d.Columns = []string{"From", "Failed"}
	d.number(s.o.Zone, charts.TimeLayout(to.Sub(from)), len(failed), func(i int) float64 { return failed[i].ratio() }, func(i int) (time.Time, []string) {
		c := failed[i]
		if math.IsNaN(c.total) {
			return c.from, []string{"nothing was counted"}
		}
		return c.from, []string{report.Failed(o, max(0, c.bad), c.total)}
	})
	return d
}

func middle(c column) time.Time { return c.from.Add(c.to.Sub(c.from) / 2) }

// explainMarks says what is shaded and marked, as far as there is anything.
func (d *drawing) explainMarks(marks []viewer.Mark) {
	incidents := len(lasting(marks))
	if incidents > 0 {
		d.Legend = append(d.Legend, legendEntry{shade, "incident"})
	}
	if len(marks) > incidents {
		d.explain("2", 2, "deploy or other change")
	}
}
