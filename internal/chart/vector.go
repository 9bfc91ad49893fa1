package chart

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"image/color"
	"math"
	"strconv"
)

// vector is a canvas that writes SVG. How things look is said in presentation
// attributes: unlike a style, they pass under "style-src 'self'".
type vector struct {
	out   *bytes.Buffer
	ruler *ruler
}

var _ canvas = (*vector)(nil)

func newVector(out *bytes.Buffer, s *sheet) *vector {
	fmt.Fprintf(out, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" role="img">`+"\n", s.width, s.height)
	return &vector{out: out, ruler: s.ruler}
}

// describe says what the picture is and shows. It comes first.
func (v *vector) describe(title, words string) {
	v.out.WriteString("<title>")
	v.escape(title)
	v.out.WriteString("</title>\n<desc>")
	v.escape(words)
	v.out.WriteString("</desc>\n" + `<g font-family="Roboto, Helvetica Neue, Arial, sans-serif" font-weight="500" stroke-linejoin="round">` + "\n")
}

func (v *vector) end() { v.out.WriteString("</g>\n</svg>\n") }

func (v *vector) escape(s string) {
	// A buffer takes every byte.
	_ = xml.EscapeText(v.out, []byte(s))
}

func (v *vector) area(outline []xy, c color.NRGBA) {
	v.out.WriteString(`<polygon points="`)
	v.points(outline)
	v.out.WriteByte('"')
	v.paint("fill", c)
	v.out.WriteString("/>\n")
}

func (v *vector) line(points []xy, p pen) {
	v.out.WriteString(`<polyline points="`)
	v.points(points)
	v.out.WriteString(`" fill="none"`)
	v.paint("stroke", p.color)
	v.number("stroke-width", p.width)
	for i, length := range p.dash {
		if i == 0 {
			v.out.WriteString(` stroke-dasharray="`)
		} else {
			v.out.WriteByte(' ')
		}
		v.append(length)
	}
	if len(p.dash) > 0 {
		v.out.WriteByte('"')
	}
	v.out.WriteString("/>\n")
}

func (v *vector) text(s string, at xy, l lettering) {
	v.out.WriteString("<text")
	v.number("x", at.x)
	v.number("y", at.y)
	v.number("font-size", l.size)
	if v.ruler.knows(s) {
		// Whatever typeface the reader has, the text has the room it was given.
		v.number("textLength", v.ruler.width(s, l.size))
		v.out.WriteString(` lengthAdjust="spacingAndGlyphs"`)
	}
	v.paint("fill", l.color)
	switch l.align {
	case start:
	case middle:
		v.out.WriteString(` text-anchor="middle"`)
	case end:
		v.out.WriteString(` text-anchor="end"`)
	}
	v.out.WriteByte('>')
	v.escape(s)
	v.out.WriteString("</text>\n")
}

// paint writes a color as an attribute, and how much it covers as another.
func (v *vector) paint(attribute string, c color.NRGBA) {
	fmt.Fprintf(v.out, ` %s="#%02x%02x%02x"`, attribute, c.R, c.G, c.B)
	if c.A < math.MaxUint8 {
		v.out.WriteString(" " + attribute + `-opacity="` + strconv.FormatFloat(float64(c.A)/math.MaxUint8, 'f', 2, 64) + `"`)
	}
}

func (v *vector) number(attribute string, n float64) {
	v.out.WriteString(" " + attribute + `="`)
	v.append(n)
	v.out.WriteByte('"')
}

func (v *vector) points(points []xy) {
	for i, p := range points {
		if i > 0 {
			v.out.WriteByte(' ')
		}
		v.append(p.x)
		v.out.WriteByte(',')
		v.append(p.y)
	}
}

// append writes a length to a tenth of a pixel: smaller differences are not seen, and
// differ between processors.
func (v *vector) append(n float64) {
	v.out.Write(strconv.AppendFloat(v.out.AvailableBuffer(), math.Round(n*10)/10+0, 'f', -1, 64))
}
