package chart

import (
	"bytes"
	"encoding/binary"
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func (d Drawn) all() map[string]string {
	return map[string]string{"scale": d.Scale, "plot": d.Plot, "clock": d.Clock}
}

// strict checks that a drawing is XML that a page with a strict policy may hold: no style,
// no reference, no number that is none.
func strict(t *testing.T, what, doc string) {
	t.Helper()
	if doc == "" {
		return
	}
	walk(t, []byte(doc), func(e xml.StartElement, _ string) {
		for _, a := range e.Attr {
			name, value := a.Name.Local, a.Value
			if name == "style" || name == "href" || strings.HasPrefix(name, "on") {
				t.Errorf("%s: attribute %s=%q of <%s>", what, name, value, e.Name.Local)
			}
			if name != "aria-label" && (strings.Contains(value, "NaN") || strings.Contains(value, "Inf") || strings.Contains(value, "e+")) {
				t.Errorf("%s: %s=%q of <%s>", what, name, value, e.Name.Local)
			}
		}
	})
}

// golden compares with a reviewed file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	got = strings.ReplaceAll(got, "><", ">\n<") + "\n"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s:\n%s", name, diff)
	}
}

func TestGraphIsAsReviewed(t *testing.T) {
	g := Graph{
		Title: "Requests <a second>", From: noon(), To: noon().Add(10 * time.Minute), Measure: PerSecond.Measure(),
		Lines: []Line{
			{Series: Series{Name: `GET "/a" & b`, Points: every(time.Minute, 1, 2, math.NaN(), 4, 8, 3), Step: time.Minute}, Ink: "1", Fill: 0.1},
			{Series: Series{Name: "one", Points: every(time.Minute, math.NaN(), 5)}, Ink: "2", Dash: 1},
		},
		Limits: []Limit{{Value: math.Inf(-1), Ink: InkGood}, {Name: "watch", Value: 6, Ink: InkWatch}}, LimitStyle: LimitLines,
		Spans: []Span{
			{From: noon().Add(2 * time.Minute), To: noon().Add(4 * time.Minute), Name: "Incident 1"},
			{From: noon().Add(5 * time.Minute), To: noon().Add(5 * time.Minute), Name: "Release 2"},
			{From: noon().Add(time.Hour), Name: "later"},
		},
	}
	d := g.Draw()
	golden(t, "graph.golden.svg", d.Scale+d.Plot+d.Clock)
	if again := g.Draw(); again != d {
		t.Error("it differs when drawn again")
	}
	const want = `Requests <a second> from 12:00 to 12:10 UTC: GET "/a" & b: 3/s at 12:05, highest 8/s at 12:04; one: 5/s at 12:01`
	if d.Words != want {
		t.Errorf("it says %q, want %q", d.Words, want)
	}
}

func TestDialIsAsReviewed(t *testing.T) {
	p := Part{
		Name: "Memory", Value: 0.72, Text: "72%", High: 1, Ink: InkWatch, Measure: Ratio.Measure(),
		Limits: []Limit{{Value: math.Inf(-1), Ink: InkGood}, {Value: 0.7, Ink: InkWatch}, {Value: 0.9, Ink: InkBad}},
	}
	golden(t, "dial.golden.svg", p.Dial()+p.Bar())
}

func TestHeatIsAsReviewed(t *testing.T) {
	h := Heat{
		Title: "Durations", From: noon(), To: noon().Add(4 * time.Minute), Step: time.Minute, Measure: Count.Measure(),
		Rows: []Bucket{
			{Name: "≤ 100 ms", Counts: every(time.Minute, 0, 90, 90, 100, 20)},
			{Name: "more", Counts: every(time.Minute, 0, 0, 0, 1, 60)},
		},
	}
	d := h.Draw()
	golden(t, "heat.golden.svg", d.Scale+d.Plot+d.Clock)
	if want := "Durations, a heatmap of 2 buckets: the most at once, 100, in bucket ≤ 100 ms"; d.Words != want {
		t.Errorf("it says %q, want %q", d.Words, want)
	}
}

// scaleLabels returns the labels of a graph's scale from its top to its bottom.
func scaleLabels(t *testing.T, g Graph) string {
	t.Helper()
	var labels []string
	walk(t, []byte(g.Draw().Scale), func(e xml.StartElement, text string) {
		if e.Name.Local == "text" {
			labels = append([]string{text}, labels...)
		}
	})
	return strings.Join(labels, " ")
}

func TestScaleOfAGraph(t *testing.T) {
	is := func(change func(*Graph), want string) {
		t.Helper()
		g := Graph{
			From: noon(), To: noon().Add(time.Hour), Measure: Ratio.Measure(),
			Lines: []Line{{Series: Series{Points: every(time.Minute, 0.996, 0.999)}}},
		}
		change(&g)
		if got := scaleLabels(t, g); got != want {
			t.Errorf("the scale is %q, want %q", got, want)
		}
	}
	one := 1.0
	is(func(*Graph) {}, "100% 50% 0")
	is(func(g *Graph) { g.SoftLow = new(0.995); g.High = &one }, "100.0% 99.8% 99.6% 99.4%")
	is(func(g *Graph) { g.Low, g.High = new(0.99), &one }, "100.0% 99.5% 99.0%")
	is(func(g *Graph) { g.Limits = []Limit{{Value: 2}}; g.LimitStyle = LimitLines }, "200% 150% 100% 50% 0")
	is(func(g *Graph) { g.Limits = []Limit{{Value: 2}} }, "100% 50% 0")
	is(func(g *Graph) { g.Lines = nil }, "100% 50% 0")
	is(func(g *Graph) { g.Lines[0].Points = every(time.Minute, 0, 0) }, "1.0% 0.5% 0")
	is(func(g *Graph) { g.Lines[0].Points = every(time.Minute, 7, 7); g.Measure = Measure{} }, "8 6 4 2 0")
	is(func(g *Graph) { g.Lines[0].Points = every(time.Minute, -3, -1); g.Measure = Measure{Prefix: "$"} }, "$0 -$1 -$2 -$3")
}

func TestStackedLinesStandOnEachOther(t *testing.T) {
	line := func(ink Ink, values ...float64) Line {
		return Line{Series: Series{Name: string(ink), Points: every(time.Minute, values...)}, Ink: ink, Stacked: true, Fill: 0.5}
	}
	g := Graph{From: noon(), To: noon().Add(2 * time.Minute), High: new(10.0), Low: new(0.0), Lines: []Line{line("1", 1, 1, 1), line("2", 4, 4, 4)}}
	plot := g.Draw().Plot
	for _, want := range []string{
		`line ink-1" points="0,180 500,180 1000,180"`, `line ink-2" points="0,100 500,100 1000,100"`,
		`area ink-2" points="0,100 500,100 1000,100 1000,180 500,180 0,180"`,
	} {
		if !strings.Contains(plot, want) {
			t.Errorf("it lacks %s:\n%s", want, plot)
		}
	}
}

func TestStrokes(t *testing.T) {
	draw := func(s Stroke) string {
		return Graph{From: noon(), To: noon().Add(2 * time.Minute), High: new(2.0), Low: new(0.0), Lines: []Line{
			{Series: Series{Name: "x", Points: every(time.Minute, 1, 2, 1), Step: time.Minute}, Ink: "1", Stroke: s},
		}}.Draw().Plot
	}
	for stroke, want := range map[Stroke]string{
		Joined:  `points="0,100 500,0 1000,100"`,
		Stepped: `points="0,100 500,100 500,0 500,100 500,0 1000,0 1000,100"`, // up, and no other way
		Columns: `<rect class="column ink-1" x="375"`,
		Dots:    `points="500,0 500,0"`,
	} {
		if got := draw(stroke); !strings.Contains(got, want) {
			t.Errorf("stroke %d lacks %s:\n%s", stroke, want, got)
		}
	}
}

func TestEveryInkHasContrast(t *testing.T) {
	for name, p := range map[string]palette{"light": light(), "dark": dark()} {
		inks := p.inks()
		if len(inks) != lineInks {
			t.Fatalf("%s has %d inks of lines, want %d", name, len(inks), lineInks)
		}
		for i, c := range inks {
			if got := contrast(c, p.background); got < 3 {
				t.Errorf("%s: ink %d has a contrast of %.2f, want 3", name, i+1, got)
			}
			for j, d := range inks[:i] {
				all := [3][3]float64{{1, 0, 0}, {0, 1, 0}, {0, 0, 1}}
				noGreen := [3][3]float64{{0.29275, 0.70725, 0}, {0.29275, 0.70725, 0}, {-0.02234, 0.02234, 1}}
				noRed := [3][3]float64{{0.11238, 0.88762, 0}, {0.11238, 0.88762, 0}, {0.00401, -0.00401, 1}}
				for vision, m := range map[string][3][3]float64{"all cones": all, "no green": noGreen, "no red": noRed} {
					if got := distance(lab(c, m), lab(d, m)); got < 10 {
						t.Errorf("%s, %s: inks %d and %d are %.1f apart, want 10", name, vision, i+1, j+1, got)
					}
				}
			}
		}
	}
}

func TestNearest(t *testing.T) {
	for written, want := range map[string]Ink{
		"#009E73": InkGood, "#E69F00": InkWatch, "#D55E00": InkBad, "#0072B2": InkPlain, "green": InkGood, "semi-dark-red": InkBad,
		"dark-orange": InkWatch, "super-light-yellow": InkWatch, "blue": InkPlain, "#73BF69": InkGood, "#F2495C": InkBad, "rgb(250, 50, 40)": InkBad,
		"rgba(31, 120, 193, 0.8)": InkPlain, "purple": "2", "#808080": InkBlind, "#fff": InkBlind, "#0f0": InkGood, "": InkPlain, "?": InkPlain,
		"rgb(1)": InkPlain, "rgb(900, 1, 2)": InkPlain, "#12": InkPlain, "#zzzzzz": InkPlain, "#B877D9": "2",
	} {
		if got := Nearest(written); got != want {
			t.Errorf("%q is %s, want %s", written, got, want)
		}
	}
}

func TestStylesheetHasEveryInk(t *testing.T) {
	css := Stylesheet()
	for _, ink := range allInks() {
		if !strings.Contains(css, "."+ink.Class()+" {") || strings.Count(css, " --"+ink.Class()+": #") != 3 {
			t.Errorf("ink %s is not in the stylesheet by day, by night and in print", ink)
		}
	}
	if strings.Contains(css, "url(") || strings.Count(css, "{") != strings.Count(css, "}") {
		t.Error("the stylesheet loads something, or its brackets do not match")
	}
}

func TestMeasures(t *testing.T) {
	two := 2
	is := func(m Measure, v float64, want string) {
		t.Helper()
		if got := m.Format(v); got != want {
			t.Errorf("%v is written %q, want %q", v, got, want)
		}
	}
	is(Measure{}, 12345, "12345")
	is(Measure{Decimals: &two}, 0.5, "0.50")
	is(Ratio.Measure(), 0.9995, "99.95%")
	is(Seconds.Measure(), 0.25, "250 ms")
	is(Seconds.Measure(), 0, "0 s")
	is(Measure{Prefix: "$", Scales: Count.Measure().Scales}, -1500, "-$1.5k")
	is(Bytes.Measure(), 3<<30, "3 GiB")
	is(Measure{}, math.NaN(), "no data")
	is(Measure{}, math.Inf(1), "∞")
	is(Measure{}, math.Inf(-1), "-∞")
}

// FuzzGraph draws whatever comes for a page: it is XML that a page may hold.
func FuzzGraph(f *testing.F) {
	f.Add("a", int64(0), int64(3600), []byte("\x00\x00\x00\x00\x00\x00\xf0\x3f"), int64(60), 14.4, uint8(2))
	f.Add("漢\xff\x00<", int64(5), int64(5), []byte{}, int64(0), math.NaN(), uint8(1))
	f.Add("", int64(-1<<40), int64(1<<40), []byte("\x00\x00\x00\x00\x00\x00\xf0\x7f\xff\xff\xff\xff\xff\xff\xef\x7f"), int64(-1), 1e300, uint8(77))
	f.Fuzz(func(t *testing.T, name string, from, to int64, data []byte, step int64, limit float64, kind uint8) {
		s := Series{Name: name, Step: time.Duration(step)}
		for i := 0; len(data) >= 8 && i < 500; i++ {
			v := math.Float64frombits(binary.LittleEndian.Uint64(data))
			s.Points = append(s.Points, Point{At: time.Unix(from, 0).Add(time.Duration(step) * time.Duration(i)), Value: v})
			data = data[8:]
		}
		g := Graph{
			Title: name, From: time.Unix(from, 0), To: time.Unix(to, 0), Measure: Unit(kind % 8).Measure(), LimitStyle: LimitStyle(kind % 3),
			Limits: []Limit{{Name: name, Value: limit}, {Value: limit / 2}}, Spans: []Span{{From: time.Unix(to/2, 0), Name: name}, {}},
		}
		for i := range 3 {
			ink, dash := LineInk(i)
			g.Lines = append(g.Lines, Line{Series: s, Ink: ink, Dash: dash, Fill: 0.2, Stroke: Stroke(int(kind) + i%4), Stacked: kind%2 == 0})
		}
		if kind > 127 {
			g.Low, g.SoftHigh = &limit, &limit
		}
		for part, doc := range g.Draw().all() {
			strict(t, part, doc)
		}
		h := Heat{Title: name, From: g.From, To: g.To, Step: time.Duration(step), Rows: []Bucket{{name, s.Points}, {"", s.Points}}}
		for part, doc := range h.Draw().all() {
			strict(t, part, doc)
		}
		p := Part{Name: name, Text: name, Value: limit, High: float64(kind), Limits: g.Limits, Measure: g.Measure}
		strict(t, "dial", p.Dial())
		strict(t, "bar", p.Bar())
		strict(t, "spark", s.Spark(InkBad))
		if !bytes.Contains([]byte(Swatch("1", int(kind))), []byte("ink-1")) {
			t.Error("a swatch has no ink")
		}
	})
}
