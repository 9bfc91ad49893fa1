package rules

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

func TestWilson(t *testing.T) {
	z := quantile(0.98)
	if !near(z, 2.326347874, 1e-9) {
		t.Errorf("the quantile of 98 %% is %v, want 2.326347874", z)
	}
	for _, c := range []struct{ bad, total, lower, upper float64 }{
		{1, 10, 0.013893, 0.467027},
		{1, 100, 0.001376, 0.068938},
		{20, 1000, 0.011992, 0.033175},
		{0, 100, 0, 0.05134},
		{0, 0, 0, 1},
	} {
		lower, upper := wilson(c.bad, c.total, z)
		if !near(lower, c.lower, 5e-7) || !near(upper, c.upper, 5e-6) {
			t.Errorf("%v of %v: %v to %v, want %v to %v", c.bad, c.total, lower, upper, c.lower, c.upper)
		}
	}
}

// Whatever is counted, the bounds hold the ratio that was seen and are ratios.
func TestWilsonHoldsTheRatio(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for range 10_000 {
		total := math.Exp(20 * r.Float64())
		bad := total * math.Pow(r.Float64(), 4)
		lower, upper := wilson(bad, total, quantile(0.5+0.4999*r.Float64()))
		if p := bad / total; lower < 0 || upper > 1 || lower > p+1e-12 || upper < p-1e-12 {
			t.Fatalf("%v of %v: %v to %v", bad, total, lower, upper)
		}
	}
}

func TestConfidence(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		confidence, rate float64
		fires            bool
	}{
		"few events and no confidence asked": {0, 0.05, true},
		"few events":                         {0.98, 0.05, false},
		"many events":                        {0.98, 50, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, shareObjective(func(o *Objective) { o.Confidence = c.confidence }))
			w.only(share, 0)
			w.traffic(2*time.Hour, time.Minute, c.rate, 0)
			// 2 % over the long window: above 1.44 %, which 180 events do not prove.
			w.traffic(time.Hour, time.Minute, c.rate, 0.02)
			if got := w.alert(share, alertPage).firing; got != c.fires {
				t.Errorf("fires: %t, want %t", got, c.fires)
			}
			// What must be seen to be sure is not seen in silence either.
			if c.fires {
				w.silence(3*time.Hour, time.Minute)
				if !w.alert(share, alertPage).firing {
					t.Error("silence resolved the page")
				}
			}
		})
	}
}
