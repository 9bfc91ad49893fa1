package chart

import (
	"cmp"
	"math"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Chart is one panel: series over time, on one scale.
type Chart struct {
	Title string
	// From and To bound the time shown. Zero is where the points begin or end.
	From, To   time.Time
	Series     []Series
	Unit       Unit
	Thresholds []Threshold
	Shaded     []Span
	// Location is the clock of the time axis; nil is UTC.
	Location *time.Location
}

// Series is one line. Points may come in any order; those outside the chart's time
// are not drawn.
type Series struct {
	Name   string
	Points []Point
	// Step is how far apart points are expected: those more than half as far again
	// are not joined. Zero joins all but NaN.
	Step  time.Duration
	State State
}

// Point is a value at a time. NaN is no telemetry; an infinite value lies beyond
// the scale and is drawn at its end.
type Point struct {
	At    time.Time
	Value float64
}

// Threshold is a value that a series is judged by: a dashed line with its name.
type Threshold struct {
	Name  string
	Value float64
	State State
}

// Span is a time to be looked at, such as an incident: it is shaded behind the
// lines. Zero From is before the chart, zero To is still going on.
type Span struct {
	From, To time.Time
	Name     string
}

// longest is the longest time that a chart shows.
const longest = 100 * 366 * 24 * time.Hour

// bounds returns the time shown; false: there is none to show.
func (c *Chart) bounds() (from, to time.Time, ok bool) {
	from, to = c.From, c.To
	first, last := reach(c.Series)
	if from.IsZero() {
		from = first
	}
	if to.IsZero() {
		to = last
	}
	if from.Equal(to) && !from.IsZero() && (c.From.IsZero() || c.To.IsZero()) {
		// One point: something around it, so that it is a point on a time axis.
		from, to = from.Add(-time.Minute), to.Add(time.Minute)
	}
	shown := to.Sub(from)
	loc := cmp.Or(c.Location, time.UTC)
	return from.In(loc), to.In(loc), shown > 0 && shown <= longest
}

// reach returns when the first point of all is and the last; zero: there are none.
func reach(series []Series) (first, last time.Time) {
	for _, s := range series {
		for _, p := range s.Points {
			if first.IsZero() || p.At.Before(first) {
				first = p.At
			}
			if last.IsZero() || p.At.After(last) {
				last = p.At
			}
		}
	}
	return first, last
}

// within returns the points from one time to another, in order, with a NaN put
// into every pause longer than the step.
func (s *Series) within(from, to time.Time) []Point {
	points := s.Points
	byTime := func(a, b Point) int { return a.At.Compare(b.At) }
	if !slices.IsSortedFunc(points, byTime) {
		points = slices.Clone(points)
		slices.SortStableFunc(points, byTime)
	}
	begin, _ := slices.BinarySearchFunc(points, from, func(p Point, at time.Time) int { return p.At.Compare(at) })
	end, _ := slices.BinarySearchFunc(points, to, func(p Point, at time.Time) int {
		if p.At.After(at) {
			return 1
		}
		return -1
	})
	points = points[begin:max(begin, end)]
	if s.Step <= 0 {
		return points
	}
	whole := make([]Point, 0, len(points))
	for i, p := range points {
		if i > 0 && p.At.Sub(points[i-1].At) > s.Step+s.Step/2 {
			whole = append(whole, Point{At: points[i-1].At.Add(s.Step), Value: math.NaN()})
		}
		whole = append(whole, p)
	}
	return whole
}

// immense is the largest value that has a place on a scale; what is larger is drawn
// as if it were infinite.
const immense = 1e30

// finite reports whether a value has a place on a scale.
func finite(v float64) bool { return math.Abs(v) <= immense }

// oneLine makes a name fit to be drawn: valid, printable, without line breaks.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.IsGraphic(r) && r != unicode.ReplacementChar {
			return r
		}
		return ' '
	}, s)
	return strings.Join(strings.Fields(s), " ")
}
