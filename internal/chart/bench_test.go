package chart

import (
	"math"
	"testing"
	"time"
)

// many is a chart of 100,000 points.
func many() Figure {
	points := make([]Point, 100_000)
	for i := range points {
		points[i] = Point{At: noon().Add(time.Duration(i) * time.Second), Value: 100 + 50*math.Sin(float64(i))}
	}
	return Figure{Charts: []Chart{{Title: "Traffic", Unit: PerSecond, Series: []Series{{Points: points}}}}}
}

func benchmark(b *testing.B, f Figure, draw func(Figure) ([]byte, error)) {
	b.Helper()
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		picture, err := draw(f)
		if err != nil {
			b.Fatal(err)
		}
		size = len(picture)
	}
	b.ReportMetric(float64(size), "bytes")
}

func BenchmarkIncidentPNG(b *testing.B) { benchmark(b, outage().Figure(), Figure.PNG) }
func BenchmarkIncidentSVG(b *testing.B) { benchmark(b, outage().Figure(), Figure.SVG) }
func BenchmarkManyPNG(b *testing.B)     { benchmark(b, many(), Figure.PNG) }
func BenchmarkManySVG(b *testing.B)     { benchmark(b, many(), Figure.SVG) }
