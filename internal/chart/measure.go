package chart

import (
	"math"
	"strconv"
	"strings"
)

// Measure is how the values of a page's chart are written, where a [Unit] is not
// enough: a currency, a number of digits that somebody chose. The zero value writes
// plain numbers.
type Measure struct {
	Prefix   string
	Scales   []Scale // from small to large; none: 1
	Decimals *int    // after the point; nil: as many as people read
}

// Scale is one way to write values: over Size, then the suffix.
type Scale struct {
	Size   float64
	Suffix string
}

// Measure returns how values of the unit are written.
func (u Unit) Measure() Measure {
	var m Measure
	for _, s := range u.scales() {
		m.Scales = append(m.Scales, Scale{s.size, s.suffix})
	}
	return m
}

// Format writes a value: "0.05%", "$1.2k". NaN is "no data".
func (m Measure) Format(v float64) string {
	switch {
	case math.IsNaN(v):
		return "no data"
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	}
	s := m.scaleOf(v)
	return m.sign(m.number(v/s.Size, s) + s.Suffix)
}

func (m Measure) number(shown float64, s Scale) string {
	a := math.Abs(shown)
	switch {
	case m.Decimals != nil:
		return strconv.FormatFloat(shown, 'f', min(max(*m.Decimals, 0), 12), 64)
	case s.Suffix == "%" && a >= 99.9 && a < 100:
		return plain(shown, 4) // the digits that promises are about
	default:
		return digits(shown)
	}
}

// sign puts the prefix between a minus and its number.
func (m Measure) sign(text string) string {
	if m.Prefix == "" {
		return text
	}
	if rest, negative := strings.CutPrefix(text, "-"); negative {
		return "-" + m.Prefix + rest
	}
	return m.Prefix + text
}

// scaleOf returns the scale to write a value in: the largest it is not small for. Zero
// is written in that of 1, as "0 s".
func (m Measure) scaleOf(v float64) Scale {
	if len(m.Scales) == 0 {
		return Scale{Size: 1}
	}
	chosen := m.Scales[0]
	for _, s := range m.Scales[1:] {
		if math.Abs(v) >= s.Size*0.9995 || v == 0 && s.Size == 1 {
			chosen = s
		}
	}
	return chosen
}

// axis returns a scale that holds low and high, with about n ticks.
func (m Measure) axis(low, high float64, n int) axis {
	s := m.scaleOf(max(math.Abs(high), math.Abs(low)))
	step := round125((high - low) / s.Size / float64(max(n, 1)))
	const hair = 1e-9
	first, last := math.Floor(low/s.Size/step+hair), math.Ceil(high/s.Size/step-hair)
	if last <= first || math.IsNaN(first) || math.IsInf(step, 0) || last-first > 100 {
		return axis{low: low, high: high}
	}
	a := axis{low: first * step * s.Size, high: last * step * s.Size}
	decimals := max(0, int(-math.Floor(math.Log10(step)+hair)))
	for i := first; i <= last; i++ {
		shown := i * step
		text := strconv.FormatFloat(shown+0, 'f', min(decimals, 12), 64)
		if decimals > 5 || math.Abs(shown) >= 1e6 {
			text = strconv.FormatFloat(shown, 'g', 3, 64)
		}
		if i == 0 {
			text = "0"
		}
		label := m.sign(text + s.Suffix)
		if i == 0 && m.Prefix == "" {
			label = "0"
		}
		a.ticks = append(a.ticks, tick{at: shown * s.Size, label: label})
	}
	return a
}
