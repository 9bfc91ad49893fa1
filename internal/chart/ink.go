package chart

import (
	"fmt"
	"image/color"
	"math"
	"strconv"
	"strings"
)

// Ink is a color of the drawings for pages by its name. The drawings carry classes,
// "ink-good", and [Stylesheet] gives them their colors by day and by night.
type Ink string

// The inks that mean something; [LineInk] are the others.
const (
	InkGood  Ink = "good"
	InkWatch Ink = "watch"
	InkBad   Ink = "bad"
	InkBlind Ink = "blind" // gray: nobody knows, or it does not matter
	InkPlain Ink = "1"     // blue: neither good nor bad
)

// Class is what an element of that ink carries.
func (i Ink) Class() string { return "ink-" + string(i) }

// lineInks is how many lines differ by their color alone.
const lineInks = 8

// LineInk returns the ink of the nth line, and the nth way to dash it: 8 lines differ in
// color, the next 8 in dashes too.
func LineInk(n int) (ink Ink, dash int) {
	return Ink(strconv.Itoa(n%lineInks + 1)), n / lineInks % dashWays
}

// dashWays is how many ways there are to draw a line; see [dashes].
const dashWays = 4

// inks returns the inks of lines: those of a picture's lines without a meaning first,
// then further hues of Okabe, Ito and Tol, darker or lighter until they have the contrast
// of graphics.
func (p *palette) inks() []color.NRGBA {
	if p.background == light().background {
		return []color.NRGBA{
			p.neutral[0], p.neutral[1], hex(0x3D444D), hex(0x2A9080), hex(0x8C7A00), hex(0xCC5577), hex(0x332288), hex(0x4C8FC4),
		}
	}
	return []color.NRGBA{
		p.neutral[0], p.neutral[1], hex(0xD5DBE2), hex(0x2A9E90), p.neutral[2], hex(0xFFB3A0), hex(0x9D8CF2), hex(0x9CC46A),
	}
}

// Nearest returns the ink for a color that somebody wrote, as #009E73, rgb(0, 158, 115) or
// by one of Grafana's names, semi-dark-red: reds are bad, oranges and yellows are to be
// watched, greens are good, blues mean nothing. What is no color is InkPlain.
func Nearest(written string) Ink {
	written = strings.ToLower(strings.TrimSpace(written))
	words := strings.Split(written, "-")
	switch words[len(words)-1] {
	case "green", "#009e73":
		return InkGood
	case "yellow", "orange", "#e69f00":
		return InkWatch
	case "red", "#d55e00":
		return InkBad
	case "blue", "#0072b2":
		return InkPlain
	case "purple":
		return "2"
	case "text", "black":
		return "3"
	case "gray", "grey", "transparent":
		return InkBlind
	}
	c, ok := parseColor(written)
	if !ok {
		return InkPlain
	}
	return byHue(c)
}

func parseColor(s string) (color.NRGBA, bool) {
	if digits, ok := strings.CutPrefix(s, "#"); ok {
		if len(digits) == 3 {
			digits = string([]byte{digits[0], digits[0], digits[1], digits[1], digits[2], digits[2]})
		}
		if len(digits) < 6 {
			return color.NRGBA{}, false
		}
		n, err := strconv.ParseUint(digits[:6], 16, 32)
		return hex(uint32(n)), err == nil
	}
	_, inner, ok := strings.Cut(s, "(")
	if !ok || !strings.HasPrefix(s, "rgb") {
		return color.NRGBA{}, false
	}
	parts := strings.FieldsFunc(inner, func(r rune) bool { return r == ',' || r == ' ' || r == ')' || r == '/' })
	if len(parts) < 3 {
		return color.NRGBA{}, false
	}
	var rgb [3]uint8
	for i := range rgb {
		n, err := strconv.ParseUint(parts[i], 10, 8)
		if err != nil {
			return color.NRGBA{}, false
		}
		rgb[i] = uint8(n)
	}
	return color.NRGBA{R: rgb[0], G: rgb[1], B: rgb[2], A: 255}, true
}

// byHue tells inks apart by the angle of a color on the wheel.
func byHue(c color.NRGBA) Ink {
	r, g, b := float64(c.R), float64(c.G), float64(c.B)
	high, low := max(r, g, b), min(r, g, b)
	if high-low < 0.15*255 {
		return InkBlind
	}
	var angle float64
	switch high {
	case r:
		angle = math.Mod((g-b)/(high-low)+6, 6) * 60
	case g:
		angle = ((b-r)/(high-low) + 2) * 60
	default:
		angle = ((r-g)/(high-low) + 4) * 60
	}
	switch {
	case angle < 24 || angle >= 345:
		return InkBad
	case angle < 70:
		return InkWatch
	case angle < 170:
		return InkGood
	case angle < 255:
		return InkPlain
	default:
		return "2"
	}
}

// Stylesheet returns the CSS of the drawings for pages: the palette by day and by night
// and how each part is drawn. It is the only place where their colors are.
func Stylesheet() string {
	var b strings.Builder
	day, night := light(), dark()
	b.WriteString("/* Written by internal/chart: the colors and strokes of every drawing on a page. */\n:root {")
	day.variables(&b)
	b.WriteString("}\n@media (prefers-color-scheme: dark) { :root {")
	night.variables(&b)
	b.WriteString("} }\n@media print { :root {")
	day.variables(&b)
	b.WriteString("} }\n")
	for _, ink := range allInks() {
		fmt.Fprintf(&b, ".%s { --ink: var(--%s); }\n", ink.Class(), ink.Class())
	}
	for n := 1; n < dashWays; n++ {
		fmt.Fprintf(&b, ".dash-%d { stroke-dasharray: %s; }\n", n, strings.Trim(fmt.Sprint(dashes(n)), "[]"))
	}
	for n := 1; n <= heatShades; n++ {
		fmt.Fprintf(&b, ".q-%d { fill-opacity: %.2f; }\n", n, 0.1+0.9*float64(n-1)/(heatShades-1))
	}
	b.WriteString(strokes)
	return b.String()
}

func allInks() []Ink {
	all := []Ink{InkGood, InkWatch, InkBad, InkBlind}
	for n := range lineInks {
		ink, _ := LineInk(n)
		all = append(all, ink)
	}
	return all
}

// variables writes the palette as custom properties.
func (p *palette) variables(b *strings.Builder) {
	write := func(name string, c color.NRGBA) {
		fmt.Fprintf(b, " --%s: #%02x%02x%02x", name, c.R, c.G, c.B)
		if c.A < math.MaxUint8 {
			fmt.Fprintf(b, "%02x", c.A)
		}
		b.WriteByte(';')
	}
	write(InkGood.Class(), p.good)
	write(InkWatch.Class(), p.watch)
	write(InkBad.Class(), p.bad)
	write(InkBlind.Class(), p.blind)
	for n, c := range p.inks() {
		ink, _ := LineInk(n)
		write(ink.Class(), c)
	}
	write("chart-ink", p.ink)
	write("chart-muted", p.muted)
	write("chart-grid", p.grid)
	write("chart-shade", p.shade)
	write("chart-edge", p.edge)
	b.WriteByte(' ')
}

// strokes is how each part is drawn; what stretches keeps the width of its lines.
const strokes = `.plot, .scale, .clock, .spark, .bar, .dial { display: block; overflow: visible; }
.plot, .spark { width: 100%; height: 100%; }
.bar { width: 100%; height: .75rem; }
.plot polyline, .plot line, .spark polyline { fill: none; vector-effect: non-scaling-stroke; stroke-linejoin: round; stroke-linecap: round; }
.plot .grid { stroke: var(--chart-grid); stroke-width: 1; }
.plot .zero { stroke: var(--chart-muted); stroke-width: 1; }
.plot .line, .spark .line { stroke: var(--ink); stroke-width: 2; }
.plot .dot { stroke: var(--ink); stroke-width: 5; }
.plot .area, .spark .area { fill: var(--ink); }
.plot .column { fill: var(--ink); fill-opacity: .75; }
.plot .limit { stroke: var(--ink); stroke-width: 1.5; stroke-dasharray: 6 4; stroke-linecap: butt; }
.plot .band { fill: var(--ink); fill-opacity: .08; }
.plot .span { fill: var(--chart-shade); }
.plot .edge { stroke: var(--chart-edge); stroke-width: 1.5; stroke-linecap: butt; }
.plot .mark { stroke: var(--ink-2); stroke-width: 2; stroke-dasharray: 2 3; stroke-linecap: butt; }
.plot .cell { fill: var(--ink-1); shape-rendering: crispEdges; }
.plot .cursor { stroke: var(--chart-ink); stroke-width: 1; stroke-linecap: butt; }
.scale text, .clock text, .dial text { fill: var(--chart-muted); }
.scale text, .clock text { font-size: 12px; }
.bar .track, .dial .track { fill: var(--chart-grid); }
.bar .fill, .dial .fill, .dial .ring { fill: var(--ink); }
.bar .limit { stroke: var(--ink); stroke-width: 2; }
.dial .value { fill: var(--chart-ink); font-weight: 650; }
.swatch { flex: none; width: 1.25rem; height: .75rem; }
.swatch line { stroke: var(--ink); stroke-width: 3; }
.swatch .shade { fill: var(--chart-shade); stroke: var(--chart-edge); }
@media (forced-colors: active) { .plot .line, .spark .line, .swatch line { stroke: CanvasText; } .bar .fill, .dial .fill { fill: CanvasText; } .scale text, .clock text, .dial text { fill: CanvasText; } }
`
