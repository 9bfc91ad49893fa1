package chart

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"image"
	"image/color"
	"image/png"
	"io"
	"math"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

// outage is an incident as a page shows it: 360 points a chart, a quarter of a minute
// apart, with telemetry lost for a while before errors began.
func outage() Incident {
	const step = 15 * time.Second
	in := Incident{
		Name: "share: requests", Began: noon().Add(63 * time.Minute), Step: step, Budget: 0.001,
		Alerts: []Threshold{
			{Name: "page", Value: 14.4, State: Bad},
			{Name: "page, slow", Value: 6, State: Bad},
			{Name: "ticket", Value: 3, State: Watch},
			{Name: "ticket, slow", Value: 1, State: Watch},
		},
	}
	for i := range 360 {
		ratio := 0.0004 + 0.0001*math.Sin(float64(i*i))
		if i >= 252 {
			ratio += 0.022 * (1 - math.Exp(-float64(i-252)/25))
		}
		if i >= 150 && i < 165 {
			ratio = math.NaN()
		}
		point := Point{At: noon().Add(time.Duration(i) * step), Value: ratio}
		in.Errors = append(in.Errors, point)
		point.Value /= in.Budget
		in.Burn = append(in.Burn, point)
	}
	return in
}

// figures are pictures that try the layout, and input that is hardly any.
func figures(tb testing.TB) map[string]Figure {
	tb.Helper()
	nan, inf := math.NaN(), math.Inf(1)
	hour := func(values ...float64) []Series { return []Series{{Points: every(time.Minute, values...)}} }
	night := outage().Figure()
	night.Dark = true
	phone := outage().Figure()
	phone.Width, phone.Height = 400, 480
	crowd := Chart{Title: "Traffic of everybody", Unit: PerSecond, Location: at(tb, "Europe/Berlin", "2026-11-28 00:00:00").Location()}
	for i, name := range []string{
		"GET /api/v1/share", "POST /api/v1/share", "<&>\"'", "漢字 🔥 and more", "naïve façade", "", "bad\xffbytes\x00\n",
		strings.Repeat("long ", 100), "healthz",
	} {
		crowd.Series = append(crowd.Series, Series{
			Name: name, State: State(i % 5),
			Points: every(time.Hour, float64(i*100), float64(i*150), nan, float64(i*100), float64(i*90)),
		})
	}
	crowd.Shaded = []Span{
		{From: noon().Add(time.Hour), To: noon().Add(2 * time.Hour), Name: "incident"},
		{From: noon().Add(65 * time.Minute), Name: "another that cannot be named beside it"},
		{To: noon().Add(10 * time.Minute), Name: "early"},
		{From: noon().Add(3 * time.Hour), To: noon(), Name: "backwards"},
	}
	heap := Chart{Title: "Heap", Unit: Bytes, Series: hour(3<<30, 3<<30)}
	for i := range 40 {
		heap.Thresholds = append(heap.Thresholds, Threshold{Name: "limit", Value: float64(i * 100 << 20)})
	}
	return map[string]Figure{
		"outage": outage().Figure(), "night": night, "phone": phone,
		"nothing of an incident": Incident{}.Figure(),
		"crowd":                  {Title: strings.Repeat("Wide title ", 20), Charts: []Chart{crowd}},
		"three": {Charts: []Chart{
			{Title: "Budget left", Unit: Ratio, Series: hour(1, nan, nan, nan, nan, 0.5, -0.2), Thresholds: []Threshold{{Name: "spent"}}},
			heap,
			{Title: "Latency", Unit: Seconds, Series: hour(0.2, 0.3, 0.1), Thresholds: []Threshold{{Value: inf}, {Value: nan}}},
		}},
		"hardly any": {Height: 900, Charts: []Chart{
			{},
			{Title: "No points", From: noon(), To: noon().Add(time.Hour), Thresholds: []Threshold{{Name: "page", Value: 14.4}}},
			{Title: "All lost", Series: hour(nan, nan)},
			{Title: "One point", Series: hour(3)},
			{Title: "Infinite", Series: hour(inf, -inf, 1, 1e300, -1e300, 5e-324)},
			{Title: "Backwards", From: noon(), To: noon().Add(-time.Hour), Series: hour(1, 2), Thresholds: []Threshold{{Name: "page"}}},
		}},
		"ages":     {Charts: []Chart{{From: time.Unix(-1<<60, 0), To: time.Unix(1<<60, 0), Series: hour(1, 2)}}},
		"century":  {Charts: []Chart{{From: noon().AddDate(-90, 0, 0), To: noon(), Series: hour(1, 2)}}},
		"narrow":   {Width: leastWidth, Height: 200, Charts: []Chart{{Title: "Requests of the share service", Series: hour(123456789, 1), Unit: Seconds}}},
		"untitled": {Charts: []Chart{{Series: hour(1, 2)}}},
	}
}

// walk calls back for every element of a document, with the text directly after it.
func walk(tb testing.TB, doc []byte, visit func(e xml.StartElement, text string)) {
	tb.Helper()
	d := xml.NewDecoder(bytes.NewReader(doc))
	var open *xml.StartElement
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			tb.Fatalf("not XML: %v\n%s", err, doc)
		}
		switch token := token.(type) {
		case xml.StartElement:
			if open != nil {
				visit(*open, "")
			}
			e := token.Copy()
			open = &e
		case xml.CharData:
			if open != nil {
				visit(*open, string(token))
				open = nil
			}
		case xml.EndElement:
			if open != nil {
				visit(*open, "")
				open = nil
			}
		case xml.ProcInst, xml.Directive, xml.Comment:
			tb.Fatalf("unexpected %T", token)
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func TestEveryFigureIsDrawn(t *testing.T) {
	for name, f := range figures(t) {
		picture, err := f.PNG()
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if size := img.Bounds().Size(); f.Width > 0 && size != image.Pt(f.Width, f.Height) {
			t.Errorf("%s is %v, want %d × %d", name, size, f.Width, f.Height)
		}
		doc, err := f.SVG()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		walk(t, doc, func(xml.StartElement, string) {})
		for _, broken := range []string{"NaN", "Inf", "e+", "null"} {
			walk(t, doc, func(e xml.StartElement, _ string) {
				for _, a := range e.Attr {
					if strings.Contains(a.Value, broken) {
						t.Errorf("%s: %s=%q of <%s>", name, a.Name.Local, a.Value, e.Name.Local)
					}
				}
			})
		}

		again, _ := f.PNG()
		twice, _ := f.SVG()
		if !bytes.Equal(picture, again) || !bytes.Equal(doc, twice) {
			t.Errorf("%s differs when drawn again", name)
		}
	}
}

// A page with a strict Content-Security-Policy can hold the SVG, and a screen reader
// can say it.
func TestSVGIsSafeAndAccessible(t *testing.T) {
	known := map[string]string{
		"svg":      "xmlns viewBox role",
		"title":    "",
		"desc":     "",
		"g":        "font-family font-weight stroke-linejoin",
		"polygon":  "points fill fill-opacity",
		"polyline": "points fill stroke stroke-width stroke-dasharray",
		"text":     "x y font-size textLength lengthAdjust fill text-anchor",
	}
	for name, f := range figures(t) {
		doc, err := f.SVG()
		if err != nil {
			t.Fatal(err)
		}
		var order, texts []string
		walk(t, doc, func(e xml.StartElement, text string) {
			order = append(order, e.Name.Local)
			texts = append(texts, text)
			allowed, ok := known[e.Name.Local]
			if !ok {
				t.Errorf("%s: element %s", name, e.Name.Local)
			}
			for _, a := range e.Attr {
				if !strings.Contains(" "+allowed+" ", " "+a.Name.Local+" ") || strings.Contains(a.Value, "url(") {
					t.Errorf("%s: attribute %s=%q of %s", name, a.Name.Local, a.Value, e.Name.Local)
				}
			}
			if e.Name.Local == "svg" && attribute(e, "role") != "img" {
				t.Errorf("%s is no image to a screen reader", name)
			}
		})
		if diff := cmp.Diff([]string{"svg", "title", "desc", "g"}, order[:4]); diff != "" {
			t.Errorf("%s begins otherwise:\n%s", name, diff)
		}
		if texts[1] == "" || texts[2] != f.Alt() {
			t.Errorf("%s is called %q and described as %q", name, texts[1], texts[2])
		}
	}
}

func TestSVGIsAsReviewed(t *testing.T) {
	f := Figure{Width: 320, Height: 220, Title: "share: <requests> & more", Charts: []Chart{{
		Title: "Error ratio", Unit: Ratio, From: noon(), To: noon().Add(10 * time.Minute),
		Series:     []Series{{Points: every(time.Minute, 0.001, 0.002, math.NaN(), math.NaN(), 0.001, 0.01, 0.03, 0.032, 0.03, 0.031, 0.03), State: Bad}},
		Thresholds: []Threshold{{Name: "budget", Value: 0.001}},
		Shaded:     []Span{{From: noon().Add(5 * time.Minute), Name: "incident"}},
	}}}
	got, err := f.SVG()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join("testdata", "small.golden.svg")
	if *update {
		if err := os.WriteFile(path, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Error(diff)
	}
}

func TestPixelsAreWhereTheyBelong(t *testing.T) {
	for _, night := range []bool{false, true} {
		f := outage().Figure()
		f.Dark = night
		s, err := f.layOut()
		if err != nil {
			t.Fatal(err)
		}
		picture, err := f.PNG()
		if err != nil {
			t.Fatal(err)
		}
		img, err := png.Decode(bytes.NewReader(picture))
		if err != nil {
			t.Fatal(err)
		}
		near := func(what string, x, y float64, want color.NRGBA) {
			t.Helper()
			got, ok := color.NRGBAModel.Convert(img.At(int(x), int(y))).(color.NRGBA)
			for _, d := range []int{int(got.R) - int(want.R), int(got.G) - int(want.G), int(got.B) - int(want.B)} {
				if !ok || d < -3 || d > 3 {
					t.Errorf("dark %v: %s at %.0f, %.0f is %v, want %v", night, what, x, y, got, want)
					return
				}
			}
		}
		p := s.palette
		plot := s.panels[0].frame
		minute := func(m float64) float64 { return plot.x(noon().Add(time.Duration(m * float64(time.Minute)))) }
		high := plot.top + 7 // above the line, between lines of the grid
		near("the corner", 0, 0, p.background)
		near("the quiet time", minute(20), high, p.background)
		near("the gap", minute(39), high, over(p.blank, p.background))
		near("the incident", minute(70), high, over(p.shade, p.background))
		near("the incident's strip", minute(89), plot.top-5, over(p.shade, p.background))
		near("the line", minute(20), plot.y(0.4), p.neutral[0])
		near("the gap in the line", minute(39), plot.y(0.4), over(p.blank, p.background))
		near("the lower line", minute(85), s.panels[1].frame.y(outage().Errors[340].Value), p.bad)
	}
}

func TestImpossibleSizesAreRefused(t *testing.T) {
	chart := Chart{Series: []Series{{Points: every(time.Minute, 1, 2)}}}
	is := func(f Figure, want string) {
		t.Helper()
		_, err := f.PNG()
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("PNG of %d × %d: %v, want …%s…", f.Width, f.Height, err, want)
		}
		if _, err := f.SVG(); err == nil {
			t.Errorf("SVG of %d × %d is drawn", f.Width, f.Height)
		}
	}
	one := []Chart{chart}
	is(Figure{Title: "empty"}, `draw "empty": a figure needs at least one chart`)
	is(Figure{Title: "x", Charts: one, Width: 100}, `draw "x": 100 pixels are too narrow, make it 240 or more`)
	is(Figure{Charts: one, Width: -5}, "too narrow")
	is(Figure{Charts: one, Height: 30}, "too low for its 1 charts, make it ")
	is(Figure{Charts: one, Height: -30}, "too low")
	is(Figure{Charts: one, Width: 8193}, "too many")
	is(Figure{Charts: one, Width: 8000, Height: 8000}, "8000 × 8000 pixels are too many")
	is(Figure{Charts: make([]Chart, 500)}, "too low for its 500 charts")

	// What the error asks for is enough.
	f := Figure{Charts: []Chart{chart, chart, chart}, Height: 100}
	_, err := f.PNG()
	if err == nil {
		t.Fatal("three charts fit in 100 pixels")
	}
	_, least, _ := strings.Cut(err.Error(), "make it ")
	if f.Height, err = strconv.Atoi(strings.TrimSuffix(least, " or more")); err != nil {
		t.Fatal(err)
	}
	if _, err := f.PNG(); err != nil {
		t.Errorf("as high as asked for: %v", err)
	}
}
