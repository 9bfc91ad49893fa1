package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
)

// Sizes in pixels. Letters of 15 pixels in a picture 800 wide can be read on a phone.
const (
	textSize, headSize, titleSize = 15.0, 17.0, 20.0

	row       = 21.0 // height of a line of text
	margin    = 14.0
	apart     = 18.0 // between two charts
	lineWidth = 2.2
	swatch    = 20.0 // length of a line in the legend
	leader    = 10.0 // length of the stroke from a value to its label
	perMoment = 84.0 // room for one label of a time axis
	perTick   = 28.0 // room for one label of a scale
	mostTicks = 6
)

// sheet is a figure laid out.
type sheet struct {
	width, height int
	title         string
	palette       palette
	ruler         *ruler
	panels        []panel
}

// panel is a chart laid out.
type panel struct {
	chart  *Chart
	frame  frame
	empty  string // why there is nothing to draw; "": there is
	top    float64
	title  string
	legend []entry
	rows   int  // of title and legend
	named  bool // there is a strip for the names of spans
	clock  bool // there is a time axis
	pens   []pen
	points [][]Point // of each series, in order
	asides []aside
}

// entry is a series in the legend. Its line begins at x, in a row counted from 0.
type entry struct {
	name string
	pen  pen
	x    float64
	row  int
}

// aside is a label to the right of a chart, about a value on its scale.
type aside struct {
	text  string
	value float64
	pen   pen
	y     float64 // of the middle of the text
	last  bool    // about the last value, not a threshold
}

func (f Figure) layOut() (*sheet, error) {
	f.Width, f.Height = cmp.Or(f.Width, defaultWidth), cmp.Or(f.Height, defaultHeight)
	if err := f.check(); err != nil {
		return nil, err
	}
	s := &sheet{width: f.Width, height: f.Height, palette: light(), ruler: newRuler()}
	if f.Dark {
		s.palette = dark()
	}
	inner := float64(f.Width) - 2*margin
	s.title = s.ruler.fit(oneLine(f.Title), titleSize, inner)
	for i := range f.Charts {
		s.panels = append(s.panels, s.prepare(&f.Charts[i]))
	}
	for i := range s.panels {
		p := &s.panels[i]
		next := i + 1
		p.clock = p.empty != badTime && (next == len(s.panels) || !p.frame.sameTime(&s.panels[next].frame))
	}
	return s, s.place(f.Title)
}

func (f *frame) sameTime(other *frame) bool {
	return f.from.Equal(other.from) && f.to.Equal(other.to) && f.from.Location().String() == other.from.Location().String()
}

const (
	badTime = "No time to show"
	noData  = "No telemetry"
)

// prepare lays out what does not depend on the other charts.
func (s *sheet) prepare(c *Chart) panel {
	p := panel{chart: c, pens: s.palette.pens(c.Series)}
	from, to, ok := c.bounds()
	p.frame.from, p.frame.to = from, to
	p.frame.left, p.frame.right = margin, float64(s.width)-margin
	if !ok {
		p.empty = badTime
		return s.head(p)
	}
	p.empty = noData
	for i := range c.Series {
		points := c.Series[i].within(from, to)
		p.points = append(p.points, points)
		if slices.ContainsFunc(points, func(p Point) bool { return !math.IsNaN(p.Value) }) {
			p.empty = ""
		}
	}
	for _, span := range c.Shaded {
		if _, _, visible := p.frame.extent(span); visible && oneLine(span.Name) != "" {
			p.named = true
		}
	}
	return s.head(p)
}

// extent returns where a span is; false: it is not in the picture.
func (f *frame) extent(span Span) (left, right float64, visible bool) {
	from, to := span.From, span.To
	if from.IsZero() {
		from = f.from
	}
	if to.IsZero() {
		to = f.to
	}
	if to.Before(from) || to.Before(f.from) || from.After(f.to) {
		return 0, 0, false
	}
	// What is shorter than a pixel is still seen.
	left, right = f.x(from), f.x(to)
	return left, max(right, min(left+1, f.right)), true
}

// mostRows is how many lines of legend a chart has at most.
const mostRows = 4

// head lays out the chart's title and, to its right or below, its legend.
func (s *sheet) head(p panel) panel {
	left, right := margin, float64(s.width)-margin
	p.title = s.ruler.fit(oneLine(p.chart.Title), headSize, right-left)
	if p.title != "" {
		p.rows = 1
	}
	series := p.chart.Series
	if len(series) == 0 || len(series) == 1 && (oneLine(series[0].Name) == "" || series[0].Name == p.chart.Title) {
		return p
	}
	x, at := left, p.rows
	for i := range series {
		name := s.ruler.fit(cmp.Or(oneLine(series[i].Name), fmt.Sprintf("line %d", i+1)), textSize, (right-left)/2)
		width := swatch + 6 + s.ruler.width(name, textSize)
		if x > left && x+width > right {
			x, at = left, at+1
		}
		if at == mostRows {
			more := fmt.Sprintf("and %d more", len(series)-i)
			p.legend = append(p.legend, entry{name: more, x: left, row: at})
			break
		}
		p.legend = append(p.legend, entry{name: name, pen: p.pens[i], x: x, row: at})
		x += width + 18
	}
	used := x - 18 - left
	if p.title != "" && at == 1 && left+s.ruler.width(p.title, headSize)+24+used <= right {
		// It fits beside the title.
		for i := range p.legend {
			p.legend[i].row = 0
			p.legend[i].x += right - left - used
		}
		at = 0
	}
	p.rows = at + 1
	return p
}

// place gives every chart its part of the height, then of the width.
func (s *sheet) place(title string) error {
	y := margin
	if s.title != "" {
		y += titleSize + 14
	}
	taken := y + margin + apart*float64(len(s.panels)-1)
	for i := range s.panels {
		above, below := s.panels[i].around()
		taken += above + below
	}
	each := math.Floor((float64(s.height) - taken) / float64(len(s.panels)))
	if each < leastPlot {
		return fmt.Errorf("draw %q: %d pixels are too low for its %d charts, make it %d or more", title,
			s.height, len(s.panels), int(math.Ceil(taken))+leastPlot*len(s.panels))
	}
	left, right := 0.0, 0.0
	for i := range s.panels {
		p := &s.panels[i]
		above, below := p.around()
		p.top = y
		p.frame.top, p.frame.bottom = y+above, y+above+each
		y += above + each + below + apart
		low, high := p.reach()
		p.frame.axis = p.chart.Unit.axis(low, high, min(int(each/perTick), mostTicks))
		for _, t := range p.frame.axis.ticks {
			left = max(left, s.ruler.width(t.label, textSize))
		}
		s.setAside(p)
		for _, a := range p.asides {
			right = max(right, s.ruler.width(a.text, textSize)+leader+4)
		}
	}
	for i := range s.panels {
		f := &s.panels[i].frame
		f.left = margin + math.Ceil(left) + 8
		f.right = float64(s.width) - margin - math.Ceil(max(right, 6))
	}
	return nil
}

// around returns the height that a chart needs above and below its lines.
func (p *panel) around() (above, below float64) {
	above = float64(p.rows) * row
	if p.named {
		above += row
	}
	above += 10
	if p.clock {
		below = 2*row + 2
	}
	return above, below
}

// reach returns the lowest and the highest value to show.
func (p *panel) reach() (low, high float64) {
	for _, points := range p.points {
		for _, point := range points {
			if finite(point.Value) {
				low, high = min(low, point.Value), max(high, point.Value)
			}
		}
	}
	for _, t := range p.chart.Thresholds {
		if finite(t.Value) {
			low, high = min(low, t.Value), max(high, t.Value)
		}
	}
	return low, high
}

// setAside lays out the labels to the right: thresholds, and the last value where
// there is one line. No two of them overlap.
func (s *sheet) setAside(p *panel) {
	if p.empty == badTime {
		return
	}
	room := int(p.frame.height() / row)
	widest := 0.26 * float64(s.width)
	if point, ok := p.last(); ok {
		p.asides = append(p.asides, aside{
			text:  p.chart.Unit.Format(point.Value),
			value: point.Value,
			pen:   p.pens[0],
			last:  true,
		})
	}
	for _, t := range p.chart.Thresholds {
		if !finite(t.Value) || len(p.asides) >= room {
			continue
		}
		value := p.chart.Unit.Format(t.Value)
		name := s.ruler.fit(oneLine(t.Name), textSize, widest-s.ruler.width(" "+value, textSize))
		if name != "" {
			name += " "
		}
		p.asides = append(p.asides, aside{text: name + value, value: t.Value, pen: s.palette.mark(t)})
	}
	p.frame.spread(p.asides)
}

// last returns the value at the end of the only line; false: there are more lines,
// or it ended before.
func (p *panel) last() (Point, bool) {
	if len(p.points) != 1 || len(p.points[0]) == 0 {
		return Point{}, false
	}
	last := p.points[0][len(p.points[0])-1]
	recent := p.frame.to.Sub(last.At) <= p.frame.to.Sub(p.frame.from)/20+p.chart.Series[0].Step
	return last, recent && !math.IsNaN(last.Value)
}

// spread puts labels beside their values, and moves those apart that would overlap.
func (f *frame) spread(asides []aside) {
	for i := range asides {
		asides[i].y = f.y(asides[i].value)
	}
	slices.SortStableFunc(asides, func(a, b aside) int { return cmp.Compare(a.y, b.y) })
	const height = textSize + 3
	for i := 1; i < len(asides); i++ {
		asides[i].y = max(asides[i].y, asides[i-1].y+height)
	}
	lowest := f.bottom
	for i := len(asides) - 1; i >= 0; i-- {
		asides[i].y = min(asides[i].y, lowest)
		lowest = asides[i].y - height
	}
}
