package chart

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"time"
)

func TestHover(t *testing.T) {
	g := Graph{
		From: noon(), To: noon().Add(2 * time.Minute), Measure: Ratio.Measure(),
		Lines: []Line{
			{Series: Series{Name: `a "b"`, Points: every(time.Minute, 0.5, math.NaN(), 0.25, 9)}, Ink: InkGood},
			{Series: Series{Name: "c", Points: []Point{{noon().Add(30 * time.Second), 1}, {noon().Add(-time.Second), 7}}}, Ink: InkBad},
		},
	}
	const want = `{"x":[0,250,500,1000],"t":["12:00:00","12:00:30","12:01:00","12:02:00"],"s":[` +
		`{"n":"a \"b\"","k":"ink-good","v":["50%","","no data","25%"]},{"n":"c","k":"ink-bad","v":["","100%","",""]}]}`
	if got := g.Hover(nil); got != want {
		t.Errorf("it tells %s\nwant     %s", got, want)
	}
	own := g.Hover(func(line int, v float64) string { return fmt.Sprint(line, " ", v) })
	if want := `"v":["","1 1","",""]`; own[len(own)-len(want)-3:len(own)-3] != want {
		t.Errorf("in words of its own: %s", own)
	}
	if got := (Graph{From: noon(), To: noon().Add(time.Hour)}).Hover(nil); got != `{"x":[],"t":[],"s":[]}` {
		t.Errorf("without lines: %s", got)
	}
}

// A band is filled between its ends, up to the edge of the scale.
func TestBand(t *testing.T) {
	low, high := 0.0, 1.0
	g := Graph{
		From: noon(), To: noon().Add(2 * time.Minute), Low: &low, High: &high, Measure: Ratio.Measure(),
		Bands: []Band{{Low: every(time.Minute, 1, 0.5, -1), High: every(time.Minute, 1, 1, 0.5), Ink: InkPlain}},
	}
	if plot, want := g.Draw().Plot, `<g fill-opacity="0.16"><polygon class="area ink-1" points="0,0 500,0 1000,100 1000,200 500,100 0,0"/></g>`; !strings.Contains(plot, want) {
		t.Errorf("the band is not %s:\n%s", want, plot)
	}
	g.Bands[0].High = nil
	if strings.Contains(g.Draw().Plot, "polygon") {
		t.Error("a band with one end is drawn")
	}
}
