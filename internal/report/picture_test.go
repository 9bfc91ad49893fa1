package report

import (
	"bytes"
	"image/png"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// TestPicture draws what cost the most: its words are the golden file, and it can be drawn both ways.
func TestPicture(t *testing.T) {
	src, from, to := aWeek(t)
	r := build(t, src, from, to)
	r.Tell(around(from, to))
	f, ok := r.Figure()
	if !ok {
		t.Fatal("there is nothing to draw")
	}
	golden(t, "picture.golden.txt", f.Alt()+"\n")
	drawn, err := f.PNG()
	if err != nil {
		t.Fatal(err)
	}
	if shape, err := png.DecodeConfig(bytes.NewReader(drawn)); err != nil || shape.Width != f.Width {
		t.Errorf("the picture is %+v, %v", shape, err)
	}
	if file := os.Getenv("REPORT_PICTURE"); file != "" { // To look at it.
		if err := os.WriteFile(file, drawn, 0o600); err != nil {
			t.Error(err)
		}
	}
	if svg, err := f.SVG(); err != nil || !strings.Contains(string(svg), "Sharing a post works: shares that failed") {
		t.Errorf("%v: %s", err, svg)
	}
	calm := build(t, ledger{
		statuses: []rules.Status{objective("a", "x", "A works", "")},
		hours:    map[string]map[time.Time]counts{"a-x": steady(from, to, counts{total: 10})},
	}, from, to)
	if _, ok := calm.Figure(); ok {
		t.Error("a calm week has a picture of nothing")
	}
}
