package chart

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"image/png"
	"math"
	"testing"
	"time"
	"unicode/utf8"
)

// FuzzFigure draws whatever comes: the pictures can be decoded, the words are text.
func FuzzFigure(f *testing.F) {
	values := func(vs ...float64) []byte {
		var b []byte
		for _, v := range vs {
			b = binary.LittleEndian.AppendUint64(b, math.Float64bits(v))
		}
		return b
	}
	f.Add("share: <requests>", int64(0), int64(3600), values(0.1, 0.2, math.NaN(), 25), int64(60), 14.4, uint8(2))
	f.Add("漢字\xff\x00", int64(5), int64(5), values(math.Inf(1), math.Inf(-1), 5e-324, 1e300), int64(0), math.NaN(), uint8(1))
	f.Add("", int64(-1<<62), int64(1<<62), values(1), int64(-1), 1e30, uint8(77))
	f.Fuzz(func(t *testing.T, name string, from, to int64, data []byte, step int64, limit float64, kind uint8) {
		s := Series{Name: name, Step: time.Duration(step), State: State(kind % 7)}
		for i := 0; len(data) >= 8 && i < 2000; i++ {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			s.Points = append(s.Points, Point{At: time.Unix(from, 0).Add(time.Duration(step) * time.Duration(i)), Value: v})
			data = data[8:]
		}
		c := Chart{
			Title: name, From: time.Unix(from, 0), To: time.Unix(to, 0), Unit: Unit(kind % 8), Series: []Series{s},
			Thresholds: []Threshold{{Name: name, Value: limit}, {Value: limit / 2}},
			Shaded:     []Span{{From: time.Unix(to/2, 0), Name: name}},
		}
		free := c
		free.From, free.To, free.Series = time.Time{}, time.Time{}, []Series{s, s}
		figure := Figure{Title: name, Charts: []Chart{c, free}, Width: 240 + int(kind), Height: 400, Dark: kind%2 == 1}
		picture, err := figure.PNG()
		if err != nil {
			t.Fatal(err)
		}
		if _, err := png.Decode(bytes.NewReader(picture)); err != nil {
			t.Fatal(err)
		}
		doc, err := figure.SVG()
		if err != nil {
			t.Fatal(err)
		}
		walk(t, doc, func(xml.StartElement, string) {})
		if alt := figure.Alt(); !utf8.ValidString(alt) || utf8.RuneCountInString(alt) > 2000 {
			t.Fatalf("not words for a picture: %q", alt)
		}
	})
}
