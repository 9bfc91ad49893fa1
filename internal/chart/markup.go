package chart

import (
	"bytes"
	"encoding/xml"
	"math"
	"strconv"
)

// markup writes the drawings for pages. Their elements carry classes in place of
// colors, and they stretch: what is drawn is in a box of boxWidth by boxHeight that is
// given the room there is, and words are beside it at parts of a hundred, so that one
// drawing fits a desk and a phone and no letter is ever distorted.
type markup struct{ bytes.Buffer }

// The box that stretches.
const boxWidth, boxHeight = 1000.0, 200.0

// open begins an element that stretches and is said to be what the words tell.
func (m *markup) open(class, words string, width, height float64) {
	m.WriteString(`<svg class="` + class + `" viewBox="0 0 `)
	m.append(width)
	m.WriteByte(' ')
	m.append(height)
	m.WriteString(`" preserveAspectRatio="none"`)
	if words == "" {
		m.WriteString(` aria-hidden="true">`)
		return
	}
	m.WriteString(` role="img" aria-label="`)
	m.escape(words)
	m.WriteString(`">`)
}

func (m *markup) closeSVG() { m.WriteString("</svg>") }

func (m *markup) escape(s string) {
	// A buffer takes every byte.
	_ = xml.EscapeText(m, []byte(s))
}

// title says what an element is, to those who point at it.
func (m *markup) title(words string) {
	if words == "" {
		return
	}
	m.WriteString("<title>")
	m.escape(words)
	m.WriteString("</title>")
}

// polyline draws through points, polygon fills what they enclose.
func (m *markup) polyline(class string, points []xy, words string) {
	m.poly("polyline", class, points, words)
}

func (m *markup) polygon(class string, points []xy, words string) {
	m.poly("polygon", class, points, words)
}

func (m *markup) poly(element, class string, points []xy, words string) {
	m.WriteString("<" + element + ` class="` + class + `" points="`)
	for i, p := range points {
		if i > 0 {
			m.WriteByte(' ')
		}
		m.append(p.x)
		m.WriteByte(',')
		m.append(p.y)
	}
	if words == "" {
		m.WriteString(`"/>`)
		return
	}
	m.WriteString(`">`)
	m.title(words)
	m.WriteString("</" + element + ">")
}

func (m *markup) rect(class string, b box, words string) {
	m.WriteString(`<rect class="` + class + `"`)
	m.number("x", b.left)
	m.number("y", b.top)
	m.number("width", b.width())
	m.number("height", b.height())
	if words == "" {
		m.WriteString("/>")
		return
	}
	m.WriteByte('>')
	m.title(words)
	m.WriteString("</rect>")
}

func (m *markup) number(attribute string, n float64) {
	m.WriteString(" " + attribute + `="`)
	m.append(n)
	m.WriteByte('"')
}

// percent writes a part of the whole.
func (m *markup) percent(attribute string, part float64) {
	m.WriteString(" " + attribute + `="`)
	m.append(100 * part)
	m.WriteString(`%"`)
}

// append writes a length to a tenth.
func (m *markup) append(n float64) {
	m.Write(strconv.AppendFloat(m.AvailableBuffer(), math.Round(n*10)/10+0, 'f', -1, 64))
}
