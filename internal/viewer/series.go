package viewer

import (
	"encoding/json"
	"html/template"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// Graph is the drawing of values over time.
type Graph struct {
	Scale, Plot, Clock template.HTML
	Columns            []string // of the legend, after the name
	Legend             []LegendRow
	// Hover is JSON for the page's script: the values at each time, as they are written.
	Hover string
}

// LegendRow is one line of a legend.
type LegendRow struct {
	Name   string
	Swatch template.HTML
	Values []string
}

const (
	// mostLines is how many lines a graph has at most, and mostHovered of how many values
	// are told at the pointer.
	mostLines, mostHovered = 60, 30
)

// line is a series with its name and how it is shown.
type line struct {
	name  string
	ref   string
	field field
	Series
}

// lines names the answers of all queries, those with values, in the order of queries and
// then of names.
func (j *job) lines() []line {
	var all []line
	for i := range j.queries {
		q := &j.queries[i]
		legend := j.scope.words(q.target.LegendFormat)
		series := slices.Clone(q.series)
		byLabels(series, func(s Series) string { return nameOf(s, legend) })
		for _, s := range series {
			if len(s.Points) == 0 {
				continue
			}
			name := nameOf(s, legend)
			if (legend == "" || legend == "__auto") && len(series) == 1 && len(s.Labels) == 0 {
				name = orElse(j.panel.Title, q.target.RefID)
			}
			l := line{name: name, ref: q.target.RefID, Series: s, field: j.fields.of(name, q.target.RefID, numbers)}
			if l.field.DisplayName != "" {
				l.name = j.displayName(l)
			}
			all = append(all, l)
		}
	}
	return all
}

// displayName is the name that the config of a field gives it.
func (j *job) displayName(l line) string {
	name := fieldLabel.ReplaceAllStringFunc(l.field.DisplayName, func(match string) string {
		return l.Labels[fieldLabel.FindStringSubmatch(match)[1]]
	})
	if name == "${__series.name}" || name == "${__field.name}" || name == "${__field.displayName}" {
		return l.name
	}
	return j.scope.words(name)
}

// graph draws lines over time.
func (j *job) graph() {
	lines := slices.DeleteFunc(j.lines(), func(l line) bool { return l.field.Custom.HideFrom.Viz })
	if len(lines) == 0 {
		return
	}
	if n := len(lines); n > mostLines {
		lines = lines[:mostLines]
		j.note("%d lines are drawn of %d. Choose fewer to see the others.", mostLines, n)
	}
	w := j.scope.window
	base := &lines[0].field
	g := chart.Graph{
		Title: j.panel.Title, From: w.from, To: w.to, Measure: base.measure(), Location: j.request.viewer.o.Zone,
		Low: base.Min, High: base.Max, SoftLow: base.Custom.AxisSoftMin, SoftHigh: base.Custom.AxisSoftMax,
		Spans: spansOf(j.request.marks),
	}
	if from, to, ok := j.asked(); ok {
		g.From, g.To = from, to
	}
	g.Limits, g.LimitStyle = limitsOf(&j.fields.plain)
	view := &Graph{}
	for _, calc := range j.json.Options.Legend.Calcs {
		view.Columns = append(view.Columns, calcWord(calc))
	}
	colors := 0
	for i := range lines {
		l := &lines[i]
		drawn := j.chartLine(l, &colors)
		g.Lines = append(g.Lines, drawn)
		j.doubts(l, base)
		if l.field.Custom.HideFrom.Legend {
			continue
		}
		row := LegendRow{Name: l.name, Swatch: template.HTML(chart.Swatch(drawn.Ink, drawn.Dash))} //nolint:gosec // written by chart, which escapes
		for _, calc := range j.json.Options.Legend.Calcs {
			row.Values = append(row.Values, l.field.show(reduce(l.Points, calc)).text)
		}
		view.Legend = append(view.Legend, row)
	}
	if show := j.json.Options.Legend.ShowLegend; show != nil && !*show {
		view.Legend = nil
	}
	thin(g.Lines)
	view.put(g.Draw())
	view.Hover = hover(&g, lines)
	j.panel.Graph = view
}

// thin leaves the areas under lines away where there are several, unless they were meant to
// be seen: they would mix to colors that mean nothing.
func thin(lines []chart.Line) {
	const meant = 0.2
	for i := range lines {
		if l := &lines[i]; len(lines) > 1 && l.Fill < meant {
			l.Fill = 0
		}
	}
}

// put takes over the parts of a drawing. chart escapes every name that it writes.
func (g *Graph) put(d chart.Drawn) {
	g.Scale, g.Plot, g.Clock = template.HTML(d.Scale), template.HTML(d.Plot), template.HTML(d.Clock) //nolint:gosec // see above
}

// asked returns the time over which the first range of values was asked for.
func (j *job) asked() (from, to time.Time, ok bool) {
	for i := range j.queries {
		if q := &j.queries[i]; !q.ask.instant {
			return q.ask.from, q.ask.to, true
		}
	}
	return from, to, false
}

// chartLine says how a series is drawn.
func (j *job) chartLine(l *line, colors *int) chart.Line {
	c := &l.field.Custom
	drawn := chart.Line{Series: chart.Series{Name: l.name, Points: l.Points}, Fill: min(max(c.FillOpacity, 0), 100) / 100}
	if l.field.Color.Mode == "fixed" && l.field.Color.FixedColor != "" {
		drawn.Ink = chart.Nearest(l.field.Color.FixedColor)
	} else {
		drawn.Ink, drawn.Dash = chart.LineInk(*colors)
		*colors++
	}
	for i := range j.queries {
		if j.queries[i].target.RefID == l.ref {
			drawn.Step = j.queries[i].ask.step
		}
	}
	drawn.Step = bridged(c.SpanNulls, drawn.Step)
	switch {
	case c.DrawStyle == "bars":
		drawn.Stroke = chart.Columns
	case c.DrawStyle == "points":
		drawn.Stroke = chart.Dots
	case c.LineInterpolation == "stepAfter" || c.LineInterpolation == "stepBefore":
		drawn.Stroke = chart.Stepped
	}
	if drawn.Stacked = c.Stacking.Mode == "normal" || c.Stacking.Mode == "percent"; drawn.Stacked {
		drawn.Fill = max(drawn.Fill, 0.25)
	}
	return drawn
}

// bridged returns how long a pause may be that is not shown as a gap; 0: any.
func bridged(spanNulls json.RawMessage, step time.Duration) time.Duration {
	var all bool
	var longest float64
	switch {
	case len(spanNulls) == 0:
		return step
	case json.Unmarshal(spanNulls, &all) == nil && all:
		return 0
	case json.Unmarshal(spanNulls, &longest) == nil && longest > 0:
		return max(step, time.Duration(min(longest, 1e12))*time.Millisecond)
	default:
		return step
	}
}

// doubts says what of a line is drawn otherwise than it was meant.
func (j *job) doubts(l *line, base *field) {
	c := &l.field.Custom
	doubt := ""
	switch {
	case l.field.Unit != base.Unit:
		doubt = "Lines of different units share one scale here."
	case c.ScaleDistribution.Type == "log":
		doubt = "The scale of this panel is meant to be logarithmic; here it is even."
	case c.Stacking.Mode == "percent":
		doubt = "These lines are meant to be stacked to 100 %; here they are stacked as they are."
	}
	if doubt != "" && !slices.Contains(j.panel.Notes, doubt) {
		j.panel.Notes = append(j.panel.Notes, doubt)
	}
}

// limitsOf returns the thresholds and how they are drawn.
func limitsOf(f *field) ([]chart.Limit, chart.LimitStyle) {
	limits := f.limits()
	switch f.Custom.ThresholdsStyle.Mode {
	case "", "off":
		return nil, chart.LimitsHidden
	case "area", "line+area", "dashed+area":
		return limits, chart.LimitBands
	default:
		return limits, chart.LimitLines
	}
}

func spansOf(marks []Mark) []chart.Span {
	spans := make([]chart.Span, 0, len(marks))
	for _, m := range marks {
		spans = append(spans, chart.Span{From: m.From, To: m.To, Name: m.Name})
	}
	return spans
}

// hover writes the values at each time.
func hover(g *chart.Graph, lines []line) string {
	told := *g
	told.Lines = g.Lines[:min(len(lines), mostHovered)]
	writers := make([]func(float64) string, len(told.Lines))
	for i := range writers {
		writers[i] = lines[i].field.formatter()
	}
	return told.Hover(func(line int, v float64) string { return writers[line](v) })
}
