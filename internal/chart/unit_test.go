package chart

import (
	"math"
	"math/rand/v2"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnitsWriteValues(t *testing.T) {
	is := func(u Unit, v float64, want string) {
		t.Helper()
		if got := u.Format(v); got != want {
			t.Errorf("Unit %d writes %v as %q, want %q", u, v, got, want)
		}
	}
	is(Ratio, 0, "0%")
	is(Ratio, 0.0005, "0.05%")
	is(Ratio, 0.032, "3.2%")
	is(Ratio, 0.9995, "99.95%")
	is(Ratio, 0.99999, "99.999%")
	is(Ratio, 1, "100%")
	is(Ratio, -0.209, "-20.9%")
	is(Ratio, 0.0000012, "0.00012%")
	is(Times, 14.4, "14.4×")
	is(Times, 0.3, "0.3×")
	is(Times, 1000, "1k×")
	is(Count, 999.9, "1k")
	is(Count, 1234, "1.23k")
	is(Count, 7, "7")
	is(Count, 1e18, "1e+06T")
	is(Seconds, 0, "0 s")
	is(Seconds, 0.25, "250 ms")
	is(Seconds, 0.00031, "310 µs")
	is(Seconds, 90, "1.5 min")
	is(Seconds, 7200, "2 h")
	is(Seconds, 30*86400, "30 d")
	is(Bytes, 512, "512 B")
	is(Bytes, 1.5*(1<<30), "1.5 GiB")
	is(PerSecond, 1200, "1.2k/s")
	is(Count, -0.001, "-0.001")
	is(Count, math.Copysign(0, -1), "0")
	is(Times, math.NaN(), "no data")
	is(Times, math.Inf(1), "∞")
	is(Times, math.Inf(-1), "-∞")
}

func TestAxesCarryUnits(t *testing.T) {
	is := func(u Unit, low, high float64, want ...string) {
		t.Helper()
		var got []string
		for _, tick := range u.axis(low, high, 4).ticks {
			got = append(got, tick.label)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("axis of unit %d from %v to %v:\n%s", u, low, high, diff)
		}
	}
	is(Ratio, 0, 0.0231, "0", "1%", "2%", "3%")
	is(Ratio, 0.0001, 0.0004, "0", "0.01%", "0.02%", "0.03%", "0.04%")
	is(Ratio, -0.2, 1, "-50%", "0", "50%", "100%")
	is(Ratio, 0, 0, "0", "0.5%", "1.0%")
	is(Times, 0, 24, "0", "10×", "20×", "30×")
	is(Count, 0, 1900, "0", "0.5k", "1.0k", "1.5k", "2.0k")
	is(Count, 0, 0, "0", "0.5", "1.0")
	is(Bytes, 0, 3<<30, "0", "1 GiB", "2 GiB", "3 GiB")
	is(Seconds, 0, 0.25, "0", "100 ms", "200 ms", "300 ms")
	is(Seconds, 0, 5400, "0", "0.5 h", "1.0 h", "1.5 h")
	is(PerSecond, -3, -2, "-3/s", "-2/s", "-1/s", "0")
	is(Count, 0, 1e20, "0", "5e+07T", "1e+08T")
}

// Whatever the values are, the scale holds them and zero, and its labels differ.
func TestAxesHoldTheirValues(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	for range 20_000 {
		low := (random.Float64() - 0.5) * math.Pow(10, 60*random.Float64()-30)
		high := low + random.Float64()*math.Pow(10, 60*random.Float64()-30)
		unit, n := Unit(random.IntN(6)), random.IntN(9)
		a := unit.axis(low, high, n)
		slack := (a.high - a.low) * 1e-6
		if a.low > min(low, 0)+slack || a.high < max(high, 0)-slack || !(a.low < a.high) {
			t.Fatalf("axis of unit %d for %v to %v is %v to %v", unit, low, high, a.low, a.high)
		}
		if most := 3*max(n, 1) + 2; len(a.ticks) > most || len(a.ticks) < 2 {
			t.Fatalf("axis of unit %d for %v to %v, about %d ticks, has %d", unit, low, high, n, len(a.ticks))
		}
		seen := map[string]bool{}
		for _, tick := range a.ticks {
			if seen[tick.label] {
				t.Fatalf("axis of unit %d for %v to %v says %q twice", unit, low, high, tick.label)
			}
			seen[tick.label] = true
		}
	}
}
