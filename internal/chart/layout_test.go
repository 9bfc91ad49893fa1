package chart

import (
	"image/color"
	"testing"
	"time"
)

// sketch is a canvas that remembers where words are.
type sketch struct {
	ruler *ruler
	words map[string][]box
	all   []box
	lines int
}

var _ canvas = (*sketch)(nil)

func (s *sketch) area([]xy, color.NRGBA) {}
func (s *sketch) line([]xy, pen)         { s.lines++ }

func (s *sketch) text(words string, at xy, l lettering) {
	width := s.ruler.width(words, l.size)
	switch l.align {
	case start:
	case middle:
		at.x -= width / 2
	case end:
		at.x -= width
	}
	b := box{left: at.x, right: at.x + width, top: at.y - 0.72*l.size, bottom: at.y + 0.1*l.size}
	s.words[words] = append(s.words[words], b)
	s.all = append(s.all, b)
}

func draw(t *testing.T, f Figure) (*sketch, *sheet) {
	t.Helper()
	s, err := f.layOut()
	if err != nil {
		t.Fatal(err)
	}
	c := &sketch{ruler: s.ruler, words: map[string][]box{}}
	s.draw(c)
	return c, s
}

func TestNoWordsOverlapOrLeaveThePicture(t *testing.T) {
	for name, f := range figures(t) {
		c, s := draw(t, f)
		for words, boxes := range c.words {
			for _, b := range boxes {
				if b.left < 0 || b.right > float64(s.width) || b.top < 0 || b.bottom > float64(s.height) {
					t.Errorf("%s: %q is at %v, outside %d × %d", name, words, b, s.width, s.height)
				}
				for others, more := range c.words {
					for _, o := range more {
						if b != o && b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom {
							t.Errorf("%s: %q is over %q", name, words, others)
						}
					}
				}
			}
		}
	}
}

func TestPagesAreReadableOnAPhone(t *testing.T) {
	f := outage().Figure()
	c, s := draw(t, f)
	if s.width != 800 || s.height != 500 {
		t.Errorf("a page's picture is %d × %d", s.width, s.height)
	}
	if textSize < 14 {
		t.Errorf("letters are %v pixels high", textSize)
	}
	for _, words := range []string{
		"share: requests", "Burn rate", "Error ratio", "incident", "page 14.4×", "page, slow 6×", "ticket 3×", "ticket, slow 1×",
		"budget 0.1%", "22.1×", "2.21%", "10×", "1.0%", "13:00", "28 November 2026, UTC",
	} {
		if len(c.words[words]) != 1 {
			t.Errorf("%q is written %d times, want once", words, len(c.words[words]))
		}
	}
}

func TestNeighborsOfTheSameTimeShareAnAxis(t *testing.T) {
	chart := func(hours int) Chart {
		return Chart{From: noon(), To: noon().Add(time.Duration(hours) * time.Hour), Series: []Series{{Points: every(time.Minute, 1, 2)}}}
	}
	axes := func(charts ...Chart) int {
		c, _ := draw(t, Figure{Charts: charts})
		return len(c.words["28 November 2026, UTC"])
	}
	if got := axes(chart(1), chart(1), chart(1)); got != 1 {
		t.Errorf("three charts of the same hour have %d time axes, want 1", got)
	}
	if got := axes(chart(1), chart(2)); got != 2 {
		t.Errorf("charts of an hour and of two have %d time axes, want 2", got)
	}
}

func TestTheLastValueIsWrittenWhereItIsLast(t *testing.T) {
	is := func(want int, c Chart) {
		t.Helper()
		c.From, c.To = noon(), noon().Add(time.Hour)
		s, _ := draw(t, Figure{Charts: []Chart{c}})
		if got := len(s.words["7.77"]); got != want {
			t.Errorf("the last value is written %d times, want %d", got, want)
		}
	}
	is(1, Chart{Series: []Series{{Points: every(time.Hour, 1, 7.77)}}})
	is(0, Chart{Series: []Series{{Points: every(30*time.Minute, 1, 7.77)}}})
	is(1, Chart{Series: []Series{{Step: 30 * time.Minute, Points: every(30*time.Minute, 1, 7.77)}}})
	is(0, Chart{Series: []Series{{Points: every(time.Hour, 1, 7.77)}, {Name: "another"}}})
}

func TestLegendsNameSeveralLines(t *testing.T) {
	points := every(time.Minute, 1, 2)
	c, _ := draw(t, Figure{Charts: []Chart{{Title: "Traffic", Series: []Series{{Name: "a", Points: points}, {Points: points}}}}})
	if len(c.words["a"]) != 1 || len(c.words["line 2"]) != 1 {
		t.Errorf("the legend is %v", c.words)
	}
	if title := c.words["Traffic"][0]; title.bottom < c.words["a"][0].top {
		t.Error("a short legend is not beside the title")
	}
	c, _ = draw(t, Figure{Charts: []Chart{{Title: "Traffic", Series: []Series{{Name: "Traffic", Points: points}}}}})
	if len(c.words["Traffic"]) != 1 {
		t.Error("the only line, named as its chart, has a legend")
	}
	many := Chart{}
	for range 300 {
		many.Series = append(many.Series, Series{Name: "one of very many", Points: points})
	}
	c, _ = draw(t, Figure{Charts: []Chart{many}})
	shown := len(c.words["one of very many"])
	if _, ok := c.words["and 284 more"]; !ok || shown != 16 {
		t.Errorf("%d of 300 lines are named; the rest is not counted", shown)
	}
}

// The typeface has what numbers and European names are made of.
func TestTheTypefaceHasTheLetters(t *testing.T) {
	r := newRuler()
	const letters = "0123456789.,-+×%–…∞µ/·“”’<&> äöüßÄÖÜéèêëàâçîïôœùûÿñåæøŁłśźżčšžřőűİığ"
	for _, letter := range letters {
		if !r.knows(string(letter)) {
			t.Errorf("there is no %q", letter)
		}
	}
	if r.knows("漢") {
		t.Error("a letter it lacks is taken for known")
	}
}

func TestTextsAreShortened(t *testing.T) {
	r := newRuler()
	is := func(s string, width float64, want string) {
		t.Helper()
		got := r.fit(s, 15, width)
		if got != want {
			t.Errorf("%q in %v pixels is %q, want %q", s, width, got, want)
		}
		if w := r.width(got, 15); w > width && got != "" {
			t.Errorf("%q is %v wide, more than %v", got, w, width)
		}
	}
	is("requests", 100, "requests")
	is("requests", 40, "req…")
	is("requests", 5, "")
	is("requests", -5, "")
	is("", 100, "")
	is("äöüäöüäöü", 40, "äöü…")
}
