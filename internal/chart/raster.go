package chart

import (
	"bytes"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"math"
	"sort"

	"github.com/go-analyze/charts/chartdraw/drawing"
)

// typeface is the library's embedded Roboto; what it lacks comes from the library's
// Noto Sans.
const typeface = "roboto"

// letters returns what draws and measures text on an image, with sizes in pixels.
func letters(img *image.RGBA) *drawing.RasterGraphicContext {
	gc := drawing.NewRasterGraphicContext(img)
	gc.SetDPI(72) // a point is a pixel
	gc.SetFont(drawing.GetFont(typeface))
	return gc
}

// ruler measures text.
type ruler struct{ gc *drawing.RasterGraphicContext }

// knows reports whether the typeface has every letter of a text.
func (r *ruler) knows(s string) bool { return r.missing(s) == 0 }

func (r *ruler) missing(s string) int {
	n := 0
	for _, letter := range s {
		if r.gc.GetFont().Index(letter) == 0 {
			n++
		}
	}
	return n
}

func newRuler() *ruler { return &ruler{gc: letters(image.NewRGBA(image.Rect(0, 0, 1, 1)))} }

// width returns how wide a text is, or may be.
func (r *ruler) width(s string, size float64) float64 {
	r.gc.SetFontSize(size)
	_, _, right, _, err := r.gc.GetStringBounds(s)
	if err != nil {
		return float64(len(s)) * size // wider than it can be
	}
	// A browser has letters for what is a box here, and they are wide.
	return right + float64(r.missing(s))*size/2
}

// fit shortens a text to a width.
func (r *ruler) fit(s string, size, width float64) string {
	// No glyph of a name in use is narrower than this: do not measure a book.
	runes := []rune(s)
	if most := int(width) + 1; len(runes) > most {
		runes = runes[:max(most, 0)]
	}
	if len(runes) == len([]rune(s)) && r.width(s, size) <= width {
		return s
	}
	n := sort.Search(len(runes), func(n int) bool { return r.width(string(runes[:n+1])+"…", size) > width })
	if n == 0 {
		return ""
	}
	return string(runes[:n]) + "…"
}

// raster is a canvas of pixels.
type raster struct {
	img *image.RGBA
	gc  *drawing.RasterGraphicContext
	err error // the first
}

var _ canvas = (*raster)(nil)

func newRaster(width, height int) *raster {
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	return &raster{img: img, gc: letters(img)}
}

func (r *raster) path(points []xy) {
	for i, p := range points {
		if i == 0 {
			r.gc.MoveTo(p.x, p.y)
			continue
		}
		r.gc.LineTo(p.x, p.y)
	}
}

// The library looks for a pixel among all those that its path has in the same row, one
// after the other, so a line that fills the picture would take half a minute. It gets
// lines in stretches of so many points, and areas in strips of so many pixels.
const (
	stretch = 24
	strip   = 32.0
)

func (r *raster) area(outline []xy, c color.NRGBA) {
	r.gc.SetFillColor(c)
	if len(outline) <= stretch {
		r.fill(outline)
		return
	}
	left, right := outline[0].x, outline[0].x
	for _, p := range outline {
		left, right = min(left, p.x), max(right, p.x)
	}
	// Strips meet between pixels: there is no seam.
	for x := math.Floor(left); x < right; x += strip {
		r.fill(cut(cut(outline, x, 1), x+strip, -1))
	}
}

func (r *raster) fill(outline []xy) {
	r.path(outline)
	r.gc.Close()
	r.gc.Fill()
}

// cut returns the part of a shape that is right of x, or left of it for side -1
// (Sutherland and Hodgman, "Reentrant Polygon Clipping", 1974).
func cut(outline []xy, x, side float64) []xy {
	var kept []xy
	for i, b := range outline {
		a := outline[(i+len(outline)-1)%len(outline)]
		if in, was := (b.x-x)*side >= 0, (a.x-x)*side >= 0; in != was {
			part := (x - a.x) / (b.x - a.x)
			kept = append(kept, xy{x, a.y + part*(b.y-a.y)})
		}
		if (b.x-x)*side >= 0 {
			kept = append(kept, b)
		}
	}
	return kept
}

func (r *raster) line(points []xy, p pen) {
	r.gc.SetStrokeColor(p.color)
	r.gc.SetLineWidth(p.width)
	drawn := 0.0 // length, so that dashes go on where they were
	for {
		n := min(len(points), stretch)
		r.path(points[:n])
		r.gc.SetLineDash(p.dash, drawn)
		r.gc.Stroke()
		if n == len(points) {
			return
		}
		// The last piece is drawn again with what follows it, for a joint without a notch.
		for i := 1; i < n-1; i++ {
			drawn += math.Hypot(points[i].x-points[i-1].x, points[i].y-points[i-1].y)
		}
		points = points[n-2:]
	}
}

func (r *raster) text(s string, at xy, l lettering) {
	r.gc.SetFontSize(l.size)
	_, _, width, _, err := r.gc.GetStringBounds(s)
	if err == nil {
		switch l.align {
		case start:
		case middle:
			at.x -= width / 2
		case end:
			at.x -= width
		}
		_, err = r.gc.CreateStringPath(s, at.x, at.y)
	}
	if err != nil && r.err == nil {
		r.err = fmt.Errorf("draw %q: %w", s, err)
	}
	r.gc.SetFillColor(l.color)
	r.gc.Fill()
}

func (r *raster) encode() ([]byte, error) {
	if r.err != nil {
		return nil, r.err
	}
	var out bytes.Buffer
	// The pictures are sent once, while somebody waits: speed before size.
	encoder := png.Encoder{CompressionLevel: png.BestSpeed}
	if err := encoder.Encode(&out, r.img); err != nil {
		return nil, fmt.Errorf("encode picture: %w", err)
	}
	return out.Bytes(), nil
}
