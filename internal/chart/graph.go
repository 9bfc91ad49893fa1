package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// Graph is a chart for a page: any number of lines on one scale, drawn so that it
// stretches to the room it is given. The page has the title and the legend; values under
// the pointer are the page's, too.
type Graph struct {
	Title    string // for those who do not see it
	From, To time.Time
	Lines    []Line
	Measure  Measure
	// Low and High are where the scale ends, whatever the values are; the soft ones are
	// where it ends if no value is beyond. Without any the scale includes zero.
	Low, High, SoftLow, SoftHigh *float64
	Limits                       []Limit
	LimitStyle                   LimitStyle
	Bands                        []Band
	// Spans are shaded; one that ends when it begins is a mark.
	Spans    []Span
	Location *time.Location // of the clock; nil is UTC
}

// Line is a series and how it is drawn.
type Line struct {
	Series
	Ink    Ink
	Dash   int     // 0 is solid; see [LineInk]
	Fill   float64 // how much of what is under it shows through: 0 nothing, 1 all of it is filled
	Stroke Stroke
	// Stacked lines lie on top of each other, in order.
	Stacked bool
}

// Stroke is the way from one point to the next.
type Stroke int

// The strokes.
const (
	Joined  Stroke = iota
	Stepped        // a value holds until the next
	Columns        // a bar for each
	Dots           // none
)

// Limit is a value from which on another color holds.
type Limit struct {
	Name  string // what it is called; may be empty
	Value float64
	Ink   Ink // from there on
}

// LimitStyle is how limits are drawn. Those that are drawn are always on the scale.
type LimitStyle int

// The styles.
const (
	LimitsHidden LimitStyle = iota
	LimitLines
	LimitBands
)

// Drawn are the parts of a drawing: put the scale to the left of the plot and the clock
// below it. They hold nothing that a strict Content-Security-Policy forbids.
type Drawn struct {
	Scale, Plot, Clock string
	Words              string // what it shows
}

// Draw draws the graph. Equal graphs have equal drawings. Without a time to show every
// part is empty.
func (g Graph) Draw() Drawn {
	if !g.To.After(g.From) {
		return Drawn{}
	}
	loc := cmp.Or(g.Location, time.UTC)
	g.From, g.To = g.From.In(loc), g.To.In(loc)
	points := make([][]Point, len(g.Lines))
	for i := range g.Lines {
		points[i] = g.Lines[i].within(g.From, g.To)
	}
	bases := g.stack(points)
	f := frame{box: box{right: boxWidth, bottom: boxHeight}, from: g.From, to: g.To}
	f.axis = g.axis(points)
	d := Drawn{Words: g.words(points)}
	var m markup
	m.open("plot", d.Words, boxWidth, boxHeight)
	g.drawScale(&m, &f)
	g.drawSpans(&m, &f)
	g.drawBands(&m, &f)
	for i := range g.Lines {
		g.drawLine(&m, &f, i, points[i], bases[i])
	}
	g.drawLimits(&m, &f)
	m.closeSVG()
	d.Plot, d.Scale, d.Clock = m.String(), scaleBeside(&f), clockBelow(&f)
	return d
}

// stack adds the values of the stacked lines below to each, in place, and returns what
// each stands on; nil: the bottom.
func (g *Graph) stack(points [][]Point) [][]Point {
	bases := make([][]Point, len(points))
	sum := map[int64]float64{}
	for i := range points {
		if !g.Lines[i].Stacked {
			continue
		}
		points[i] = slices.Clone(points[i])
		base := slices.Clone(points[i])
		for j := range points[i] {
			at := points[i][j].At.UnixMilli()
			base[j].Value = sum[at]
			if !math.IsNaN(points[i][j].Value) {
				points[i][j].Value += sum[at]
				sum[at] = points[i][j].Value
			}
		}
		bases[i] = base
	}
	return bases
}

// axis returns the scale of the values.
func (g *Graph) axis(points [][]Point) axis {
	low, high := math.Inf(1), math.Inf(-1)
	for _, line := range points {
		for _, p := range line {
			if finite(p.Value) {
				low, high = min(low, p.Value), max(high, p.Value)
			}
		}
	}
	if g.LimitStyle != LimitsHidden {
		for _, l := range g.Limits {
			if finite(l.Value) {
				low, high = min(low, l.Value), max(high, l.Value)
			}
		}
	}
	if low > high {
		low, high = 0, 1
	}
	if g.Low == nil && g.SoftLow == nil {
		low, high = min(low, 0), max(high, 0)
	}
	if g.SoftLow != nil && finite(*g.SoftLow) {
		low = min(low, *g.SoftLow)
	}
	if g.SoftHigh != nil && finite(*g.SoftHigh) {
		high = max(high, *g.SoftHigh)
	}
	return g.bounded(low, high)
}

// bounded ends the scale where it is told to.
func (g *Graph) bounded(low, high float64) axis {
	if g.Low != nil && finite(*g.Low) {
		low = *g.Low
	}
	if g.High != nil && finite(*g.High) {
		high = *g.High
	}
	if high-low < max(math.Abs(high), math.Abs(low), 1e-9)*1e-9 {
		high = low + max(math.Abs(low)/10, 1)
		if low == 0 && g.Measure.scaleOf(0.01).Suffix == "%" {
			high = low + g.Measure.scaleOf(0.01).Size
		}
	}
	a := g.Measure.axis(low, high, 4)
	if g.Low != nil {
		a.low = low
	}
	if g.High != nil {
		a.high = high
	}
	a.ticks = slices.DeleteFunc(a.ticks, func(t tick) bool {
		hair := (a.high - a.low) * 1e-9
		return t.at < a.low-hair || t.at > a.high+hair
	})
	return a
}

func (g *Graph) drawScale(m *markup, f *frame) {
	if g.LimitStyle == LimitBands {
		limits := slices.SortedStableFunc(slices.Values(g.Limits), func(a, b Limit) int { return cmp.Compare(a.Value, b.Value) })
		for i, l := range limits {
			top := f.axis.high
			if i+1 < len(limits) {
				top = limits[i+1].Value
			}
			if y1, y2 := f.y(top), f.y(l.Value); y2 > y1 {
				m.rect("band "+l.Ink.Class(), box{0, y1, boxWidth, y2}, "")
			}
		}
	}
	for _, t := range f.axis.ticks {
		class := "grid"
		if t.at == 0 {
			class = "zero"
		}
		y := f.y(t.at)
		m.polyline(class, []xy{{0, y}, {boxWidth, y}}, "")
	}
}

func (g *Graph) drawSpans(m *markup, f *frame) {
	for _, s := range g.Spans {
		left, right, visible := f.extent(s)
		if !visible {
			continue
		}
		name := oneLine(s.Name)
		if !s.From.IsZero() && s.From.Equal(s.To) {
			m.polyline("mark", []xy{{left, 0}, {left, boxHeight}}, name)
			continue
		}
		m.rect("span", box{left, 0, right, boxHeight}, name)
		if s.From.After(f.from) {
			m.polyline("edge", []xy{{left, 0}, {left, boxHeight}}, name)
		}
		if !s.To.IsZero() && s.To.Before(f.to) {
			m.polyline("edge", []xy{{right, 0}, {right, boxHeight}}, name)
		}
	}
}

func (g *Graph) drawLimits(m *markup, f *frame) {
	if g.LimitStyle != LimitLines {
		return
	}
	for _, l := range g.Limits {
		if finite(l.Value) && l.Value >= f.axis.low && l.Value <= f.axis.high {
			y := f.y(l.Value)
			m.polyline("limit "+l.Ink.Class(), []xy{{0, y}, {boxWidth, y}}, strings.TrimSpace(l.Name+" "+g.Measure.Format(l.Value)))
		}
	}
}

// drawLine draws one line and what is under it.
func (g *Graph) drawLine(m *markup, f *frame, i int, points, base []Point) {
	l := &g.Lines[i]
	class := l.Ink.Class()
	words := g.lineWords(l, points)
	if l.Stroke == Columns {
		g.columns(m, f, l, points, base)
		return
	}
	if l.Stroke == Stepped {
		points = stepped(points)
	}
	bottoms := trace(base, f)
	for n, line := range trace(points, f) {
		if len(line) == 1 || l.Stroke == Dots {
			for _, p := range line {
				m.polyline("dot "+class, []xy{p, p}, words)
			}
			continue
		}
		if l.Fill > 0 {
			outline := slices.Clone(line)
			if base != nil && n < len(bottoms) && l.Stroke == Joined {
				slices.Reverse(bottoms[n])
				outline = append(outline, bottoms[n]...)
			} else {
				ground := f.y(0)
				outline = append(outline, xy{line[len(line)-1].x, ground}, xy{line[0].x, ground})
			}
			fmt.Fprintf(m, `<g fill-opacity="%.2f">`, min(l.Fill, 1))
			m.polygon("area "+class, outline, "")
			m.WriteString("</g>")
		}
		if l.Dash > 0 {
			class = fmt.Sprintf("%s dash-%d", l.Ink.Class(), l.Dash%dashWays)
		}
		m.polyline("line "+class, line, words)
	}
}

// columns draws a bar for each point, as wide as the step.
func (g *Graph) columns(m *markup, f *frame, l *Line, points, base []Point) {
	wide := boxWidth / float64(max(len(points), 1))
	if l.Step > 0 {
		wide = boxWidth * float64(l.Step) / float64(f.to.Sub(f.from))
	}
	wide = max(min(wide*0.8, boxWidth/4), 0.5)
	for j, p := range points {
		if math.IsNaN(p.Value) {
			continue
		}
		ground := f.y(0)
		if j < len(base) {
			ground = f.y(base[j].Value)
		}
		x, y := f.x(p.At), f.y(p.Value)
		m.rect("column "+l.Ink.Class(), box{max(x-wide/2, 0), min(y, ground), min(x+wide/2, boxWidth), max(y, ground)},
			l.Name+" "+g.Measure.Format(p.Value))
	}
}

// stepped returns points such that a value holds until the next.
func stepped(points []Point) []Point {
	out := make([]Point, 0, 2*len(points))
	for i, p := range points {
		if i > 0 {
			out = append(out, Point{At: p.At, Value: points[i-1].Value})
		}
		out = append(out, p)
	}
	return out
}

// scaleBeside writes the values of the scale, to stand left of the plot.
func scaleBeside(f *frame) string {
	var m markup
	width := 8.0
	for _, t := range f.axis.ticks {
		width = max(width, textWidth(t.label)+8)
	}
	m.WriteString(`<svg class="scale" aria-hidden="true" height="100%"`)
	m.number("width", width)
	m.WriteByte('>')
	for _, t := range f.axis.ticks {
		m.WriteString("<text")
		m.number("x", width-6)
		m.percent("y", f.y(t.at)/boxHeight)
		m.WriteString(` dy=".35em" text-anchor="end">`)
		m.escape(t.label)
		m.WriteString("</text>")
	}
	m.closeSVG()
	return m.String()
}

// textWidth is about how wide a label of 12 pixels is at most.
func textWidth(s string) float64 { return 7 * float64(len([]rune(s))) }

// clockBelow writes the time axis, to stand below the plot.
func clockBelow(f *frame) string {
	var m markup
	m.WriteString(`<svg class="clock" aria-hidden="true" width="100%" height="18">`)
	free := -1.0
	for _, at := range moments(f.from, f.to, 6) {
		part := f.x(at.at) / boxWidth
		if part < free {
			continue
		}
		anchor := "middle"
		switch {
		case part < 0.05:
			anchor = "start"
		case part > 0.95:
			anchor = "end"
		}
		free = part + 0.12
		m.WriteString("<text")
		m.percent("x", part)
		m.WriteString(` y="13" text-anchor="` + anchor + `">`)
		m.escape(at.label)
		m.WriteString("</text>")
	}
	m.closeSVG()
	return m.String()
}

// words says what the graph shows.
func (g *Graph) words(points [][]Point) string {
	say := teller{from: g.From, to: g.To, layout: layout(g.From, g.To)}
	title := cmp.Or(shorten(oneLine(g.Title), nameLimit), "Chart")
	var lines []string
	for i := range g.Lines {
		if i == sayLimit {
			lines = append(lines, fmt.Sprintf("and %d more lines", len(g.Lines)-i))
			break
		}
		lines = append(lines, g.lineWords(&g.Lines[i], points[i]))
	}
	if len(lines) == 0 {
		lines = append(lines, "no telemetry")
	}
	return fmt.Sprintf("%s from %s to %s %s: %s", title, say.time(g.From), say.time(g.To), zone(g.From, g.To), strings.Join(lines, "; "))
}

// lineWords says how a line goes: "p99: 250 ms at 14:10, highest 1.2 s at 14:01".
func (g *Graph) lineWords(l *Line, points []Point) string {
	say := teller{from: g.From, to: g.To, layout: layout(g.From, g.To)}
	var last, highest *Point
	for i := range points {
		if math.IsNaN(points[i].Value) {
			continue
		}
		last = &points[i]
		if highest == nil || last.Value > highest.Value {
			highest = last
		}
	}
	name := cmp.Or(shorten(oneLine(l.Name), nameLimit), "line")
	if last == nil {
		return name + ": no telemetry"
	}
	text := fmt.Sprintf("%s: %s at %s", name, g.Measure.Format(last.Value), say.time(last.At))
	if highest.Value > last.Value {
		text += fmt.Sprintf(", highest %s at %s", g.Measure.Format(highest.Value), say.time(highest.At))
	}
	return text
}
