package chart

import "math"

// draw draws the figure, from the background to the front.
func (s *sheet) draw(c canvas) {
	all := box{right: float64(s.width), bottom: float64(s.height)}
	c.area(all.corners(), s.palette.background)
	if s.title != "" {
		c.text(s.title, xy{margin, margin + titleSize*0.8}, lettering{color: s.palette.ink, size: titleSize})
	}
	for i := range s.panels {
		p := &s.panels[i]
		s.heading(c, p)
		s.scale(c, p)
		s.shade(c, p)
		s.blanks(c, p)
		s.clock(c, p)
		if p.empty != "" {
			at := xy{(p.frame.left + p.frame.right) / 2, (p.frame.top+p.frame.bottom)/2 + textSize*0.35}
			c.text(p.empty, at, lettering{color: s.palette.muted, size: headSize, align: middle})
		}
		s.lines(c, p)
		s.besides(c, p)
	}
}

func (s *sheet) heading(c canvas, p *panel) {
	baseline := func(at int) float64 { return p.top + row*float64(at) + headSize*0.85 }
	if p.title != "" {
		c.text(p.title, xy{margin, baseline(0)}, lettering{color: s.palette.ink, size: headSize})
	}
	for _, e := range p.legend {
		y, x := baseline(e.row), e.x
		if e.pen.width > 0 {
			c.line([]xy{{x, y - textSize*0.35}, {x + swatch, y - textSize*0.35}}, e.pen)
			x += swatch + 6
		}
		c.text(e.name, xy{x, y}, lettering{color: s.palette.ink, size: textSize})
	}
}

// shade draws the spans and, in the strip above the lines, their names.
func (s *sheet) shade(c canvas, p *panel) {
	top, free := p.frame.top, math.Inf(-1)
	if p.named {
		top -= row
	}
	for _, span := range p.chart.Shaded {
		left, right, visible := p.frame.extent(span)
		if !visible || p.empty == badTime {
			continue
		}
		c.area(box{left, top, right, p.frame.bottom}.corners(), s.palette.shade)
		edge := pen{color: s.palette.edge, width: 1.5}
		if span.From.After(p.frame.from) {
			c.line([]xy{{left, p.frame.top}, {left, p.frame.bottom}}, edge)
		}
		if !span.To.IsZero() && span.To.Before(p.frame.to) {
			c.line([]xy{{right, p.frame.top}, {right, p.frame.bottom}}, edge)
		}
		name := s.ruler.fit(oneLine(span.Name), textSize, p.frame.width())
		width := s.ruler.width(name, textSize)
		x := max(min(left+6, p.frame.right-width), p.frame.left)
		if name == "" || x < free {
			continue // the words of the chart have it
		}
		c.text(name, xy{x, p.frame.top - row + textSize}, lettering{color: s.palette.ink, size: textSize})
		free = x + width + 12
	}
}

// scale draws the grid and what its lines stand for.
func (s *sheet) scale(c canvas, p *panel) {
	f := &p.frame
	for _, t := range f.axis.ticks {
		y := math.Round(f.y(t.at)) + 0.5
		line := pen{color: s.palette.grid, width: 1}
		if t.at == 0 {
			line.color = s.palette.muted
		} else if p.empty != "" {
			continue // words are there instead
		}
		c.line([]xy{{f.left, y}, {f.right, y}}, line)
		if p.empty == "" {
			at := xy{f.left - 8, y + textSize*0.35}
			c.text(t.label, at, lettering{color: s.palette.muted, size: textSize, align: end})
		}
	}
}

// clock draws the time axis.
func (s *sheet) clock(c canvas, p *panel) {
	f := &p.frame
	if p.empty == badTime {
		return
	}
	label := lettering{color: s.palette.muted, size: textSize, align: middle}
	for _, m := range moments(f.from, f.to, max(int(f.width()/perMoment), 2)) {
		x := math.Round(f.x(m.at)) + 0.5
		c.line([]xy{{x, f.bottom}, {x, f.bottom + 5}}, pen{color: s.palette.muted, width: 1})
		if p.clock {
			half := s.ruler.width(m.label, textSize) / 2
			at := min(max(x, half+4), float64(s.width)-half-4)
			c.text(m.label, xy{at, f.bottom + row}, label)
		}
	}
	if p.clock {
		label.align = end
		words := s.ruler.fit(days(f.from, f.to), textSize, f.right-margin)
		c.text(words, xy{f.right, f.bottom + 2*row}, label)
	}
}

// lines draws the series and, over them, the thresholds.
func (s *sheet) lines(c canvas, p *panel) {
	f := &p.frame
	if p.empty == badTime {
		return
	}
	for i, points := range p.points {
		for _, line := range trace(points, f) {
			if len(line) == 1 {
				c.area(disc(line[0], 2.5), p.pens[i].color)
				continue
			}
			if len(p.points) == 1 {
				base := f.y(0)
				outline := append([]xy{{line[0].x, base}}, line...)
				c.area(append(outline, xy{line[len(line)-1].x, base}), faint(p.pens[i].color, 0.14))
			}
			c.line(line, p.pens[i])
		}
	}
	for _, t := range p.chart.Thresholds {
		if finite(t.Value) {
			y := f.y(t.Value)
			c.line([]xy{{f.left, y}, {f.right, y}}, s.palette.mark(t))
		}
	}
}

// blanks fills the times without telemetry of the only line, so that they are seen
// also where the line is at the bottom.
func (s *sheet) blanks(c canvas, p *panel) {
	if len(p.points) != 1 || p.empty != "" {
		return
	}
	f, before, blind := &p.frame, p.frame.left, false
	fill := func(to float64) {
		if to-before < 2 {
			return // a break in the line says it
		}
		b := box{before, f.top, to, f.bottom}
		c.area(b.corners(), s.palette.blank)
		if s.ruler.width(noData, textSize)+8 < b.width() {
			at := xy{(b.left + b.right) / 2, f.top + textSize + 4}
			c.text(noData, at, lettering{color: s.palette.muted, size: textSize, align: middle})
		}
	}
	for i, point := range p.points[0] {
		x := f.x(point.At)
		switch {
		case math.IsNaN(point.Value):
			blind = true
			if i == len(p.points[0])-1 {
				fill(x)
			}
			continue
		case blind:
			fill(x)
		}
		before, blind = x, false
	}
}

// besides draws the labels to the right, each with a stroke to its value.
func (s *sheet) besides(c canvas, p *panel) {
	f := &p.frame
	for _, a := range p.asides {
		from := xy{f.right, f.y(a.value)}
		text := lettering{color: s.palette.muted, size: textSize}
		stroke := pen{color: a.pen.color, width: 1.2}
		if a.last {
			point, _ := p.last()
			from.x = f.x(point.At)
			c.area(disc(from, 4), a.pen.color)
			text.color = s.palette.ink
			from.x = f.right + 2
		}
		c.line([]xy{from, {f.right + leader, a.y}}, stroke)
		c.text(a.text, xy{f.right + leader + 4, a.y + textSize*0.35}, text)
	}
}

// disc returns the outline of a dot.
func disc(center xy, radius float64) []xy {
	const corners = 16
	outline := make([]xy, corners)
	for i := range outline {
		sin, cos := math.Sincos(2 * math.Pi * float64(i) / corners)
		outline[i] = xy{center.x + radius*cos, center.y + radius*sin}
	}
	return outline
}
