package app

import (
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

func TestShortGapsAreBridged(t *testing.T) {
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	line := func(step time.Duration, values ...float64) (out []chart.Point) {
		for i, v := range values {
			out = append(out, chart.Point{At: at.Add(time.Duration(i) * step), Value: v})
		}
		return out
	}
	nan := math.NaN()
	for name, c := range map[string]struct {
		step   time.Duration
		values []float64
		want   []float64
	}{
		"none":              {time.Minute, []float64{1, 2, 3}, []float64{1, 2, 3}},
		"samples far apart": {15 * time.Second, []float64{1, nan, nan, nan, 2, nan, 3}, []float64{1, 2, 3}},
		"silence":           {time.Minute, []float64{1, nan, nan, 2}, []float64{1, nan, nan, 2}},
		"at the ends":       {time.Second, []float64{nan, 1, nan}, []float64{1, nan}},
		"nothing known":     {time.Second, []float64{nan, nan}, []float64{nan, nan}},
		"empty":             {time.Second, nil, nil},
	} {
		var got []float64
		for _, p := range bridged(line(c.step, c.values...)) {
			got = append(got, p.Value)
		}
		same := cmp.Comparer(func(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) })
		if diff := cmp.Diff(c.want, got, same); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
