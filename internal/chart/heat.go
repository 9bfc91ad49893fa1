package chart

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"
)

// heatShades is how many shades there are between few and many.
const heatShades = 8

// Heat is a heatmap for a page: how many values fell into each bucket at each moment.
type Heat struct {
	Title    string
	From, To time.Time
	Step     time.Duration // how long a moment is
	Rows     []Bucket      // from low to high
	Measure  Measure       // of the counts
	Location *time.Location
}

// Bucket is one row of a heatmap.
type Bucket struct {
	Name   string // what the bucket holds, at its edge: "250 ms"
	Counts []Point
}

// Draw draws the heatmap in the parts that a graph has.
func (h Heat) Draw() Drawn {
	if !h.To.After(h.From) || len(h.Rows) == 0 || h.Step <= 0 {
		return Drawn{}
	}
	loc := cmp.Or(h.Location, time.UTC)
	f := frame{box: box{right: boxWidth, bottom: boxHeight}, from: h.From.In(loc), to: h.To.In(loc)}
	most, busiest := 0.0, 0
	for i, row := range h.Rows {
		for _, p := range row.Counts {
			if finite(p.Value) && p.Value > most {
				most, busiest = p.Value, i
			}
		}
	}
	var d Drawn
	d.Words = fmt.Sprintf("%s, a heatmap of %d buckets: nothing was counted", cmp.Or(oneLine(h.Title), "Chart"), len(h.Rows))
	if most > 0 {
		d.Words = fmt.Sprintf("%s, a heatmap of %d buckets: the most at once, %s, in bucket %s", cmp.Or(oneLine(h.Title), "Chart"),
			len(h.Rows), h.Measure.Format(most), oneLine(h.Rows[busiest].Name))
	}
	var m markup
	m.open("plot", d.Words, boxWidth, boxHeight)
	high := boxHeight / float64(len(h.Rows))
	for i, row := range h.Rows {
		bottom := boxHeight - float64(i)*high
		m.WriteString("<g>")
		m.title(oneLine(row.Name))
		h.cells(&m, &f, row, box{0, bottom - high, boxWidth, bottom}, most)
		m.WriteString("</g>")
	}
	m.closeSVG()
	d.Plot, d.Scale, d.Clock = m.String(), h.names(), clockBelow(&f)
	return d
}

// cells draws a row; neighbors of one shade are one cell.
func (h *Heat) cells(m *markup, f *frame, row Bucket, at box, most float64) {
	points := slices.SortedStableFunc(slices.Values(row.Counts), func(a, b Point) int { return a.At.Compare(b.At) })
	begin, end, shade := 0.0, 0.0, 0
	flush := func() {
		if shade > 0 && end > begin {
			m.rect(fmt.Sprintf("cell q-%d", shade), box{begin, at.top, end, at.bottom}, "")
		}
	}
	for _, p := range points {
		next := shadeOf(p.Value, most)
		left, right := f.x(p.At.Add(-h.Step)), f.x(p.At)
		if next == shade && left <= end+0.5 {
			end = right
			continue
		}
		flush()
		begin, end, shade = left, right, next
	}
	flush()
}

// shadeOf returns how dark a count is: 0 is not drawn. By its root, so that few beside
// many are seen.
func shadeOf(v, most float64) int {
	if !(v > 0) || most <= 0 {
		return 0
	}
	return min(max(int(math.Ceil(math.Sqrt(min(v, most)/most)*heatShades)), 1), heatShades)
}

// names writes the buckets beside their rows, as many as there is room for.
func (h *Heat) names() string {
	var m markup
	every := (len(h.Rows) + 7) / 8
	width := 8.0
	for i := 0; i < len(h.Rows); i += every {
		width = max(width, textWidth(h.Rows[i].Name)+8)
	}
	width = min(width, 120)
	m.WriteString(`<svg class="scale" aria-hidden="true" height="100%"`)
	m.number("width", width)
	m.WriteByte('>')
	for i := 0; i < len(h.Rows); i += every {
		m.WriteString("<text")
		m.number("x", width-6)
		m.percent("y", 1-(float64(i)+0.5)/float64(len(h.Rows)))
		m.WriteString(` dy=".35em" text-anchor="end">`)
		m.escape(shorten(oneLine(h.Rows[i].Name), 16))
		m.WriteString("</text>")
	}
	m.closeSVG()
	return m.String()
}
