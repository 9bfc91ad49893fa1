package chart

import (
	"math"
	"strconv"
)

// Unit is what the values of a chart are counted in.
type Unit int

// The units. The zero value counts things.
const (
	Count     Unit = iota // 1.2k
	Ratio                 // 0 to 1, shown as 3.2%
	Times                 // 14.4×
	Seconds               // 250 ms
	Bytes                 // 1.5 GiB
	PerSecond             // 1.2k/s
)

// scale is one way to write a unit: the value over size, then the suffix.
type scale struct {
	size   float64
	suffix string
}

// scales returns the ways to write a unit, from small to large.
func (u Unit) scales() []scale {
	switch u {
	case Ratio:
		return []scale{{0.01, "%"}}
	case Times:
		return []scale{{1, "×"}, {1e3, "k×"}, {1e6, "M×"}}
	case Seconds:
		return []scale{{1e-9, " ns"}, {1e-6, " µs"}, {1e-3, " ms"}, {1, " s"}, {60, " min"}, {3600, " h"}, {86400, " d"}}
	case Bytes:
		return []scale{{1, " B"}, {1 << 10, " KiB"}, {1 << 20, " MiB"}, {1 << 30, " GiB"}, {1 << 40, " TiB"}}
	case PerSecond:
		return []scale{{1, "/s"}, {1e3, "k/s"}, {1e6, "M/s"}, {1e9, "G/s"}}
	default:
		return []scale{{1, ""}, {1e3, "k"}, {1e6, "M"}, {1e9, "G"}, {1e12, "T"}}
	}
}

// scaleOf returns the scale to write a value in: the largest it is not small for.
func (u Unit) scaleOf(v float64) scale {
	all := u.scales()
	chosen := all[0]
	for _, s := range all[1:] {
		// What rounds up to the next scale is written in it: 1k, not 1000.
		if math.Abs(v) >= s.size*0.9995 {
			chosen = s
		}
	}
	return chosen
}

// Format writes a value with as many digits as people read: 0.05%, 14.4×, 1.2k.
// NaN is "no data".
func (u Unit) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "no data"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	case v == 0 && u == Seconds:
		return "0 s"
	}
	s := u.scaleOf(v)
	shown := v / s.size
	if a := math.Abs(shown); u == Ratio && a >= 99.9 && a < 100 {
		return plain(shown, 4) + s.suffix // the digits that promises are about
	}
	return digits(shown) + s.suffix
}

// digits writes a number: 1020, 14.4, 3.25, 0.05.
func digits(v float64) string {
	switch a := math.Abs(v); {
	case a >= 1e6:
		return strconv.FormatFloat(v, 'g', 3, 64)
	case a >= 100:
		return plain(v, 0)
	case a >= 10:
		return plain(v, 1)
	case a >= 0.01 || a == 0:
		return plain(v, 2)
	default:
		return strconv.FormatFloat(v, 'g', 2, 64)
	}
}

// plain writes a number with at most so many decimals.
func plain(v float64, decimals int) string {
	power := math.Pow10(decimals)
	rounded := math.Round(v*power) / power
	return strconv.FormatFloat(rounded+0, 'f', -1, 64) // + 0: no "-0"
}

// axis is the scale of a chart: what its lower and its upper end stand for, and the
// values between them that are written beside it.
type axis struct {
	low, high float64
	ticks     []tick
}

// tick is a labeled place on an axis.
type tick struct {
	at    float64
	label string
}

// axis returns a scale from zero that holds low and high, with about n ticks and one
// at either end.
func (u Unit) axis(low, high float64, n int) axis {
	low, high = min(low, 0), max(high, 0)
	if high-low < 1/immense {
		high = 1
		if u == Ratio {
			high = 0.01
		}
	}
	s := u.scaleOf(max(high, -low))
	step := round125((high - low) / s.size / float64(max(n, 1)))
	// A value on a tick needs no further tick above it, whatever the division lost.
	const hair = 1e-9
	first, last := math.Floor(low/s.size/step+hair), math.Ceil(high/s.size/step-hair)
	if last == first {
		last++
	}
	a := axis{low: first * step * s.size, high: last * step * s.size}
	decimals := max(0, int(-math.Floor(math.Log10(step)+hair)))
	for i := first; i <= last; i++ {
		shown := i * step
		label := "0"
		switch {
		case i == 0:
		case decimals > 5 || math.Abs(shown) >= 1e6:
			label = strconv.FormatFloat(shown, 'g', 3, 64) + s.suffix
		default:
			label = strconv.FormatFloat(shown, 'f', decimals, 64) + s.suffix
		}
		a.ticks = append(a.ticks, tick{at: shown * s.size, label: label})
	}
	return a
}

// round125 returns the smallest of 1, 2 and 5 times a power of ten that is not below v.
func round125(v float64) float64 {
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}
