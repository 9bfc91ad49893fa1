package chart

import (
	"fmt"
	"math"
	"strings"
)

// Part is one value between two ends, for a gauge or a bar.
type Part struct {
	Name      string
	Value     float64
	Text      string // the value as it is written
	Low, High float64
	Ink       Ink
	Limits    []Limit
	Measure   Measure // of the ends
}

// share is how far along the way from low to high a value is.
func (p Part) share(v float64) float64 {
	if !(p.High > p.Low) || math.IsNaN(v) {
		return 0
	}
	return min(max((v-p.Low)/(p.High-p.Low), 0), 1)
}

// The dial: an arc of 240° whose opening is below.
const (
	dialX, dialY = 100.0, 96.0
	dialOpen     = 240.0 // degrees
)

// band is a part of the dial by its inner and its outer radius.
type band struct{ inner, outer float64 }

// Dial draws a gauge: how far along an arc the value is, with a thin ring that says which
// values are good and bad.
func (p Part) Dial() string {
	var m markup
	m.WriteString(`<svg class="dial" viewBox="0 0 200 160" role="img" aria-label="`)
	m.escape(strings.TrimSpace(p.Name + " " + p.Text + ", between " + p.Measure.Format(p.Low) + " and " + p.Measure.Format(p.High)))
	m.WriteString(`">`)
	face, ring := band{62, 84}, band{87, 92}
	face.arc(&m, "track", 0, 1)
	if at := p.share(p.Value); at > 0 {
		face.arc(&m, "fill "+p.Ink.Class(), 0, at)
	}
	for i, l := range p.Limits {
		end := 1.0
		if i+1 < len(p.Limits) {
			end = p.share(p.Limits[i+1].Value)
		}
		begin := 0.0
		if !math.IsInf(l.Value, -1) {
			begin = p.share(l.Value)
		}
		if end > begin {
			ring.arc(&m, "ring "+l.Ink.Class(), begin, end)
		}
	}
	size := min(34, 180/max(1, float64(len([]rune(p.Text)))))
	fmt.Fprintf(&m, `<text class="value" x="100" y="104" font-size="%.0f" text-anchor="middle">`, size)
	m.escape(p.Text)
	m.WriteString(`</text><text x="34" y="158" font-size="13" text-anchor="middle">`)
	m.escape(p.Measure.Format(p.Low))
	m.WriteString(`</text><text x="166" y="158" font-size="13" text-anchor="middle">`)
	m.escape(p.Measure.Format(p.High))
	m.WriteString("</text>")
	m.closeSVG()
	return m.String()
}

// arc fills the band from one share of the dial to another.
func (b band) arc(m *markup, class string, from, to float64) {
	at := func(share, radius float64) (x, y float64) {
		angle := (-dialOpen/2 + dialOpen*share) * math.Pi / 180
		return dialX + radius*math.Sin(angle), dialY - radius*math.Cos(angle)
	}
	long := 0
	if (to-from)*dialOpen > 180 {
		long = 1
	}
	x1, y1 := at(from, b.outer)
	x2, y2 := at(to, b.outer)
	x3, y3 := at(to, b.inner)
	x4, y4 := at(from, b.inner)
	fmt.Fprintf(m, `<path class="%s" d="M%.1f %.1fA%g %g 0 %d 1 %.1f %.1fL%.1f %.1fA%g %g 0 %d 0 %.1f %.1fZ"/>`,
		class, x1, y1, b.outer, b.outer, long, x2, y2, x3, y3, b.inner, b.inner, long, x4, y4)
}

// Bar draws a bar as long as the value is far along, with a stroke at each limit.
func (p Part) Bar() string {
	var m markup
	m.WriteString(`<svg class="bar" aria-hidden="true"><rect class="track" width="100%" height="100%" rx="2"/><rect class="fill ` + p.Ink.Class() + `"`)
	m.percent("width", p.share(p.Value))
	m.WriteString(` height="100%" rx="2"/>`)
	for _, l := range p.Limits {
		if at := p.share(l.Value); finite(l.Value) && at > 0 && at < 1 {
			m.WriteString(`<line class="limit ` + l.Ink.Class() + `"`)
			m.percent("x1", at)
			m.percent("x2", at)
			m.WriteString(` y1="0" y2="100%"/>`)
		}
	}
	m.closeSVG()
	return m.String()
}

// Spark draws the course of a value without a scale, to stand behind its number.
func (s Series) Spark(ink Ink) string {
	first, last := reach([]Series{s})
	if !last.After(first) {
		return ""
	}
	points := s.within(first, last)
	low, high := math.Inf(1), math.Inf(-1)
	for _, p := range points {
		if finite(p.Value) {
			low, high = min(low, p.Value), max(high, p.Value)
		}
	}
	if low > high {
		return ""
	}
	if low == high {
		room := max(math.Abs(low)/10, 1)
		low, high = low-room, high+room
	}
	const width, height = 200.0, 40.0
	f := frame{box: box{top: 2, right: width, bottom: height}, from: first, to: last, axis: axis{low: low, high: high}}
	var m markup
	m.open("spark", "", width, height)
	for _, line := range trace(points, &f) {
		if len(line) == 1 {
			continue
		}
		outline := append([]xy{{line[0].x, height}}, line...)
		m.WriteString(`<g fill-opacity="0.12">`)
		m.polygon("area "+ink.Class(), append(outline, xy{line[len(line)-1].x, height}), "")
		m.WriteString("</g>")
		m.polyline("line "+ink.Class(), line, "")
	}
	m.closeSVG()
	return m.String()
}

// Swatch draws how a line looks, for a legend.
func Swatch(ink Ink, dash int) string {
	class := ink.Class()
	if dash > 0 {
		class += fmt.Sprintf(" dash-%d", dash%dashWays)
	}
	return `<svg class="swatch" viewBox="0 0 20 12" aria-hidden="true"><line class="` + class + `" x1="0" y1="6" x2="20" y2="6"/></svg>`
}
