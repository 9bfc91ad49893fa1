package chart

import (
	"math"
	"time"
)

// xy is a place in a picture, in pixels from its upper left corner.
type xy struct{ x, y float64 }

// box is a rectangle in a picture.
type box struct{ left, top, right, bottom float64 }

func (b box) width() float64  { return b.right - b.left }
func (b box) height() float64 { return b.bottom - b.top }

// corners returns the outline, on whole pixels so that its edges are sharp.
func (b box) corners() []xy {
	l, t, r, m := math.Round(b.left), math.Round(b.top), math.Round(b.right), math.Round(b.bottom)
	return []xy{{l, t}, {r, t}, {r, m}, {l, m}}
}

// frame is where a chart's times and values are in the picture.
type frame struct {
	box
	from, to time.Time
	axis     axis
}

// x returns where a time is; what is outside is at the nearer edge.
func (f *frame) x(at time.Time) float64 {
	part := float64(at.Sub(f.from)) / float64(f.to.Sub(f.from))
	return f.left + f.width()*min(max(part, 0), 1)
}

// y returns where a value is; what is beyond the scale is at its end.
func (f *frame) y(v float64) float64 {
	v = min(max(v, f.axis.low), f.axis.high)
	return f.bottom - f.height()*(v-f.axis.low)/(f.axis.high-f.axis.low)
}

// trace returns the lines that points in order make, one between any two gaps. Of
// the points in one column of pixels it keeps the first, the lowest, the highest and
// the last, so a line has at most four points a column and looks as if it had all.
func trace(points []Point, f *frame) [][]xy {
	var t tracer
	for _, p := range points {
		if math.IsNaN(p.Value) {
			t.gap()
			continue
		}
		t.add(xy{f.x(p.At), f.y(p.Value)})
	}
	t.flush()
	t.end()
	return t.lines
}

// tracer follows points column by column.
type tracer struct {
	lines [][]xy
	line  []xy // not ended yet

	// Of the column at hand, if any:
	any                    bool
	column                 float64
	first, high, low, last xy
	torn                   bool // there is a gap in it: the line ends here
}

func (t *tracer) add(p xy) {
	column := math.Floor(p.x)
	if t.any && column == t.column {
		if p.y < t.high.y {
			t.high = p
		}
		if p.y > t.low.y {
			t.low = p
		}
		t.last = p
		return
	}
	t.flush()
	t.any, t.column = true, column
	t.first, t.high, t.low, t.last = p, p, p, p
}

// gap ends the line where telemetry does. Within a column of pixels there is no room
// for it, so it is shown after the column.
func (t *tracer) gap() {
	if t.any {
		t.torn = true
		return
	}
	t.end()
}

// flush adds the column at hand to the line.
func (t *tracer) flush() {
	if !t.any {
		return
	}
	inner := [2]xy{t.high, t.low}
	if t.low.x < t.high.x {
		inner = [2]xy{t.low, t.high}
	}
	for _, p := range []xy{t.first, inner[0], inner[1], t.last} {
		if n := len(t.line); n == 0 || t.line[n-1] != p {
			t.line = append(t.line, p)
		}
	}
	t.any = false
	if t.torn {
		t.torn = false
		t.end()
	}
}

func (t *tracer) end() {
	if len(t.line) > 0 {
		t.lines = append(t.lines, t.line)
	}
	t.line = nil
}
