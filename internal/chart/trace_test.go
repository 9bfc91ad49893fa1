package chart

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// noon is when the time series of tests begin.
func noon() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }

// every returns points that far apart, from noon on.
func every(step time.Duration, values ...float64) []Point {
	points := make([]Point, 0, len(values))
	for i, v := range values {
		points = append(points, Point{At: noon().Add(time.Duration(i) * step), Value: v})
	}
	return points
}

// square is a frame of 100 by 100 pixels: 100 seconds from noon, values 0 to 100.
func square() *frame {
	return &frame{
		box: box{right: 100, bottom: 100}, from: noon(), to: noon().Add(100 * time.Second),
		axis: axis{low: 0, high: 100},
	}
}

func TestLinesEndWhereTelemetryDoes(t *testing.T) {
	nan := math.NaN()
	is := func(points []Point, want ...[]xy) {
		t.Helper()
		if diff := cmp.Diff(want, trace(points, square()), cmp.AllowUnexported(xy{})); diff != "" {
			t.Error(diff)
		}
	}
	is(nil)
	is(every(time.Second, nan, nan))
	is(every(10*time.Second, 1, 2, 3), []xy{{0, 99}, {10, 98}, {20, 97}})
	is(every(10*time.Second, 1, nan, 3, 4, nan), []xy{{0, 99}}, []xy{{20, 97}, {30, 96}})
	is(every(10*time.Second, nan, 1, nan, nan, 4), []xy{{10, 99}}, []xy{{40, 96}})
	// What is infinite is at the end of the scale.
	is(every(10*time.Second, 50, math.Inf(1), math.Inf(-1), 1e300), []xy{{0, 50}, {10, 0}, {20, 100}, {30, 0}})
	// A gap that is narrower than a pixel is shown after it.
	is(every(200*time.Millisecond, 1, nan, 5, 2, nan, 7), []xy{{0, 99}, {0.4, 95}, {0.6, 98}}, []xy{{1, 93}})
}

func TestPausesLongerThanTheStepAreGaps(t *testing.T) {
	points := append(every(10*time.Second, 1, 2), Point{At: noon().Add(25 * time.Second), Value: 3}, Point{At: noon().Add(41 * time.Second), Value: 4})
	count := func(step time.Duration) int {
		s := Series{Points: points, Step: step}
		return len(trace(s.within(noon(), noon().Add(100*time.Second)), square()))
	}
	if got := count(10 * time.Second); got != 2 {
		t.Errorf("with a step of 10 s there are %d lines, want 2: the last pause is 16 s", got)
	}
	if got := count(5 * time.Second); got != 4 {
		t.Errorf("with a step of 5 s there are %d lines, want 4", got)
	}
	if got := count(0); got != 1 {
		t.Errorf("without a step there are %d lines, want 1", got)
	}
}

func TestPointsAreSortedAndThoseOutsideLeftOut(t *testing.T) {
	points := every(10*time.Second, 0, 1, 2, 3, 4)
	points[1], points[3] = points[3], points[1]
	s := Series{Points: points}
	got := s.within(noon().Add(10*time.Second), noon().Add(30*time.Second))
	if diff := cmp.Diff(every(10*time.Second, 0, 1, 2, 3)[1:], got); diff != "" {
		t.Error(diff)
	}
	if points[1].Value != 3 {
		t.Error("the caller's points were sorted")
	}
	if got := s.within(noon().Add(time.Hour), noon()); len(got) != 0 {
		t.Errorf("from later to earlier there are %d points", len(got))
	}
}

func TestSpikesSurviveAmongManyPoints(t *testing.T) {
	const n = 100_000
	points := make([]Point, n)
	for i := range points {
		points[i] = Point{At: noon().Add(time.Duration(i) * time.Millisecond), Value: 50 + 10*math.Sin(float64(i))}
	}
	points[70_123].Value, points[20_456].Value = 99, 2
	lines := trace(points, square())
	if len(lines) != 1 {
		t.Fatalf("%d lines, want 1", len(lines))
	}
	if most := 4 * 101; len(lines[0]) > most {
		t.Errorf("%d points are drawn, want at most %d", len(lines[0]), most)
	}
	highest, lowest, before := 100.0, 0.0, -1.0
	for _, p := range lines[0] {
		highest, lowest = min(highest, p.y), max(lowest, p.y)
		if p.x < before {
			t.Fatalf("the line goes back from %v to %v", before, p.x)
		}
		before = p.x
	}
	if highest != 1 || lowest != 98 {
		t.Errorf("the line reaches from %v to %v, want 1 to 98", highest, lowest)
	}

	// Gaps everywhere do not make more lines than there are columns.
	for i := 0; i < n; i += 2 {
		points[i].Value = math.NaN()
	}
	if lines := trace(points, square()); len(lines) > 101 {
		t.Errorf("%d lines in 101 columns", len(lines))
	}
}
