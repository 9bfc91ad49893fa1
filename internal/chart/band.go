package chart

import (
	"fmt"
	"slices"
)

// Band is what lies between two lines of a [Graph], such as the ends of a forecast: it is
// filled, and drawn below everything else. Both ends have points at the same times.
type Band struct {
	Low, High []Point
	Ink       Ink
}

// bandOpacity is how much of what is below a band shows through.
const bandOpacity = 0.16

// drawBands fills the bands. What is beyond the scale ends at its edge.
func (g *Graph) drawBands(m *markup, f *frame) {
	for _, b := range g.Bands {
		low, high := Series{Points: b.Low}, Series{Points: b.High}
		bottoms, tops := trace(low.within(g.From, g.To), f), trace(high.within(g.From, g.To), f)
		for i := range min(len(bottoms), len(tops)) {
			outline := slices.Clone(tops[i])
			slices.Reverse(bottoms[i])
			fmt.Fprintf(m, `<g fill-opacity="%.2f">`, bandOpacity)
			m.polygon("area "+b.Ink.Class(), append(outline, bottoms[i]...), "")
			m.WriteString("</g>")
		}
	}
}
