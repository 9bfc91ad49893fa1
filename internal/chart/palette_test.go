package chart

import (
	"image/color"
	"math"
	"testing"
)

// linear returns a color's light, 0 to 1 each of red, green and blue (IEC 61966-2-1).
func linear(c color.NRGBA) [3]float64 {
	one := func(v uint8) float64 {
		if s := float64(v) / 255; s > 0.04045 {
			return math.Pow((s+0.055)/1.055, 2.4)
		}
		return float64(v) / 255 / 12.92
	}
	return [3]float64{one(c.R), one(c.G), one(c.B)}
}

// contrast is the ratio that WCAG 2.1 defines, 1 to 21.
func contrast(a, b color.NRGBA) float64 {
	luminance := func(c color.NRGBA) float64 {
		l := linear(c)
		return 0.2126*l[0] + 0.7152*l[1] + 0.0722*l[2]
	}
	l, m := luminance(a), luminance(b)
	return (max(l, m) + 0.05) / (min(l, m) + 0.05)
}

// over returns what is seen of a color through which another is seen.
func over(top, under color.NRGBA) color.NRGBA {
	mix := func(a, b uint8) uint8 {
		part := float64(top.A) / 255
		return uint8(float64(a)*part + float64(b)*(1-part))
	}
	return color.NRGBA{R: mix(top.R, under.R), G: mix(top.G, under.G), B: mix(top.B, under.B), A: 255}
}

func (p *palette) lines() map[string]color.NRGBA {
	return map[string]color.NRGBA{
		"good": p.good, "watch": p.watch, "bad": p.bad, "blind": p.blind, "neutral": p.neutral[0],
		"neutral 2": p.neutral[1], "neutral 3": p.neutral[2],
	}
}

func TestColorsHaveContrast(t *testing.T) {
	for name, p := range map[string]palette{"light": light(), "dark": dark()} {
		for line, c := range p.lines() {
			for ground, behind := range map[string]color.NRGBA{
				"background": p.background, "shade": over(p.shade, p.background),
			} {
				if got := contrast(c, behind); got < 3 {
					t.Errorf("%s: %s on %s has a contrast of %.2f, want 3", name, line, ground, got)
				}
			}
		}
		for word, c := range map[string]color.NRGBA{"ink": p.ink, "muted": p.muted} {
			for _, behind := range []color.NRGBA{p.background, over(p.shade, p.background), over(p.blank, p.background)} {
				if got := contrast(c, behind); got < 4.5 {
					t.Errorf("%s: %s words on %v have a contrast of %.2f, want 4.5", name, word, behind, got)
				}
			}
		}
	}
}

// The states differ to readers without red or without green cones, too: simulated as in
// Viénot, Brettel and Mollon, "Digital video colourmaps for checking the legibility of
// displays by dichromats" (1999), and measured as the distance in CIE L*a*b*, of which
// about 2 can be seen side by side.
func TestStatesDifferWithAnyColorVision(t *testing.T) {
	visions := map[string][3][3]float64{
		"all cones": {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
		"no red":    {{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}},
		"no green":  {{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}},
	}
	for name, p := range map[string]palette{"light": light(), "dark": dark()} {
		for vision, matrix := range visions {
			lines := p.lines()
			for a, c := range lines {
				for b, d := range lines {
					if a >= b {
						continue
					}
					if got := distance(lab(c, matrix), lab(d, matrix)); got < 10 {
						t.Errorf("%s, %s: %s and %s are %.1f apart, want 10", name, vision, a, b, got)
					}
				}
			}
		}
	}
}

func lab(c color.NRGBA, vision [3][3]float64) [3]float64 {
	light := linear(c)
	var seen [3]float64
	for i := range seen {
		for j := range light {
			seen[i] += vision[i][j] * light[j]
		}
	}
	toXYZ := [3][3]float64{{0.4124, 0.3576, 0.1805}, {0.2126, 0.7152, 0.0722}, {0.0193, 0.1192, 0.9505}}
	white := [3]float64{0.9505, 1, 1.089}
	var f [3]float64
	for i := range f {
		for j := range seen {
			f[i] += toXYZ[i][j] * seen[j] / white[i]
		}
		if f[i] > 0.008856 {
			f[i] = math.Cbrt(f[i])
		} else {
			f[i] = 7.787*f[i] + 16.0/116
		}
	}
	return [3]float64{116*f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])}
}

func distance(a, b [3]float64) float64 {
	return math.Hypot(math.Hypot(a[0]-b[0], a[1]-b[1]), a[2]-b[2])
}

func TestLinesOfOneColorDifferInDashes(t *testing.T) {
	p := light()
	type look struct {
		color color.NRGBA
		dash  int
	}
	seen := map[look]bool{}
	series := make([]Series, 9)
	series[1].State, series[4].State = Bad, Bad
	for i, pen := range p.pens(series) {
		l := look{color: pen.color, dash: len(pen.dash)}
		if len(pen.dash) > 0 {
			l.dash += int(pen.dash[0]) * 10
		}
		if seen[l] {
			t.Errorf("line %d looks like one before", i)
		}
		seen[l] = true
	}
}
