package chart

import "image/color"

// State is what a line means; it decides its color. The zero value means nothing in
// particular: neutral lines differ from each other.
type State int

// The states.
const (
	Neutral State = iota
	Good          // the promise is kept
	Watch         // it will not be for long
	Bad           // it is broken
	Blind         // nobody knows: what is drawn is old or guessed
)

// palette is the colors of a picture. The hues are those of Okabe and Ito, "Color
// Universal Design" (2008), which readers with any color vision tell apart; where one
// is too faint on its background it is darker, so that every line has the contrast
// that WCAG 2.1 asks of graphics (1.4.11, 3:1) and every word that of text (1.4.3,
// 4.5:1).
type palette struct {
	background color.NRGBA
	ink        color.NRGBA // words
	muted      color.NRGBA // words that matter less
	grid       color.NRGBA // no information of its own, so it is fainter
	shade      color.NRGBA // behind an incident
	blank      color.NRGBA // where there is no telemetry
	edge       color.NRGBA // where an incident begins and ends
	good       color.NRGBA
	watch      color.NRGBA
	bad        color.NRGBA
	blind      color.NRGBA
	neutral    []color.NRGBA
}

func hex(rgb uint32) color.NRGBA {
	return color.NRGBA{R: uint8(rgb >> 16), G: uint8(rgb >> 8), B: uint8(rgb), A: 255}
}

// faint returns a color that lets what is behind it through.
func faint(c color.NRGBA, opacity float64) color.NRGBA {
	c.A = uint8(opacity * 255)
	return c
}

func light() palette {
	return palette{
		background: hex(0xFFFFFF),
		ink:        hex(0x1B1F24),
		muted:      hex(0x59636E),
		grid:       hex(0xE4E7EB),
		shade:      faint(hex(0xD55E00), 0.11),
		blank:      faint(hex(0x6E7781), 0.16),
		edge:       hex(0xB54A00),
		good:       hex(0x009069), // bluish green, darker
		watch:      hex(0xB87D00), // orange, darker
		bad:        hex(0xB54A00), // vermilion, darker
		blind:      hex(0x6E7781),
		neutral: []color.NRGBA{
			hex(0x0072B2), // blue
			hex(0x8A3570), // reddish purple, darker
			hex(0x1B1F24), // black
		},
	}
}

func dark() palette {
	return palette{
		background: hex(0x15191E),
		ink:        hex(0xEEF1F4),
		muted:      hex(0xA3ADB8),
		grid:       hex(0x2C333B),
		shade:      faint(hex(0xFF7A1A), 0.17),
		blank:      faint(hex(0x8B95A1), 0.22),
		edge:       hex(0xE8731F),
		good:       hex(0x14B88A), // bluish green, lighter
		watch:      hex(0xE69F00), // orange
		bad:        hex(0xE8731F), // vermilion, lighter
		blind:      hex(0x8B95A1),
		neutral: []color.NRGBA{
			hex(0x56B4E9), // sky blue
			hex(0xE29BC4), // reddish purple, lighter
			hex(0xF0E442), // yellow
		},
	}
}

// of returns the color of a state.
func (p *palette) of(s State) color.NRGBA {
	switch s {
	case Good:
		return p.good
	case Watch:
		return p.watch
	case Bad:
		return p.bad
	case Blind:
		return p.blind
	default:
		return p.neutral[0]
	}
}

// pens returns how each series is drawn. Lines that share a color differ in their
// dashes.
func (p *palette) pens(series []Series) []pen {
	used := map[color.NRGBA]int{}
	neutral := 0
	pens := make([]pen, 0, len(series))
	for _, s := range series {
		c := p.of(s.State)
		if s.State == Neutral {
			c = p.neutral[neutral%len(p.neutral)]
			neutral++
		}
		pens = append(pens, pen{color: c, width: lineWidth, dash: dashes(used[c])})
		used[c]++
	}
	return pens
}

// dashes returns the nth way to draw a line; the first is solid.
func dashes(n int) []float64 {
	return [][]float64{nil, {10, 3}, {2, 3}, {10, 3, 2, 3}}[n%4]
}

// mark returns how a threshold is drawn.
func (p *palette) mark(t Threshold) pen {
	line := pen{color: p.of(t.State), width: 1.6, dash: []float64{6, 4}}
	if t.State == Neutral {
		line.color = p.muted
	}
	return line
}
