package chart

import (
	"bytes"
	"cmp"
	"fmt"
	"image/color"
)

// Figure is one picture: charts above each other. Neighbors that show the same time
// share one time axis.
type Figure struct {
	Title  string
	Charts []Chart
	// Width and Height are in pixels; zero is 800 by 500, which a phone shows well.
	Width, Height int
	Dark          bool
}

const (
	defaultWidth, defaultHeight = 800, 500
	// leastWidth leaves room for lines beside their labels; leastPlot is the least
	// height of one chart's lines.
	leastWidth, leastPlot = 240, 40
	// mostPixels bounds the memory of a picture, at four bytes a pixel.
	mostSide, mostPixels = 8192, 1 << 24
)

// PNG draws the figure as pixels. Equal figures have equal bytes. The error is about
// the size, or a figure without charts.
func (f Figure) PNG() ([]byte, error) {
	s, err := f.layOut()
	if err != nil {
		return nil, err
	}
	r := newRaster(s.width, s.height)
	s.draw(r)
	return r.encode()
}

// SVG draws the figure as a document that scales to where it is put. It has neither
// scripts nor style attributes nor references, so it can be part of a page with a
// strict Content-Security-Policy, and it carries its [Figure.Alt]. Equal figures have
// equal bytes. The error is about the size, or a figure without charts.
func (f Figure) SVG() ([]byte, error) {
	s, err := f.layOut()
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	v := newVector(&out, s)
	v.describe(cmp.Or(oneLine(f.Title), oneLine(f.Charts[0].Title), "Chart"), f.Alt())
	s.draw(v)
	v.end()
	return out.Bytes(), nil
}

// canvas is what a figure is drawn on.
type canvas interface {
	// area fills a closed shape.
	area(outline []xy, c color.NRGBA)
	// line draws through at least two points.
	line(points []xy, p pen)
	// text writes one line; at is on its baseline.
	text(s string, at xy, l lettering)
}

// pen is how a line is drawn. Dashes are lengths in pixels, drawn and left out in turn.
type pen struct {
	color color.NRGBA
	width float64
	dash  []float64
}

// lettering is how a text is written.
type lettering struct {
	color color.NRGBA
	size  float64
	align align
}

// align is the part of a text that is at its place.
type align int

const (
	start align = iota
	middle
	end
)

// check says what is wrong with the size that is asked for.
func (f *Figure) check() error {
	switch {
	case len(f.Charts) == 0:
		return fmt.Errorf("draw %q: a figure needs at least one chart", f.Title)
	case f.Width < leastWidth:
		return fmt.Errorf("draw %q: %d pixels are too narrow, make it %d or more", f.Title, f.Width, leastWidth)
	case f.Width > mostSide || f.Height > mostSide || f.Width*f.Height > mostPixels:
		return fmt.Errorf("draw %q: %d × %d pixels are too many, make it at most %d a side and %d in all",
			f.Title, f.Width, f.Height, mostSide, mostPixels)
	}
	return nil
}
