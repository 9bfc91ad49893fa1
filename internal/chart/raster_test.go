package chart

import (
	"encoding/xml"
	"math"
	"testing"
	"time"
)

// same reports the first pixel in which two pictures differ by more than so much.
func same(t *testing.T, most int, a, b *raster) {
	t.Helper()
	for i := range a.img.Pix {
		if d := int(a.img.Pix[i]) - int(b.img.Pix[i]); d < -most || d > most {
			x, y := i%a.img.Stride/4, i/a.img.Stride
			t.Errorf("the pixel at %d, %d is %d, not %d", x, y, a.img.Pix[i], b.img.Pix[i])
			return
		}
	}
}

// wave is a line of many points across 200 pixels.
func wave(height float64) []xy {
	var points []xy
	for x := 3.3; x < 197; x += 0.7 {
		points = append(points, xy{x, 50 + height*math.Sin(x/5)})
	}
	return points
}

// What is drawn in parts looks as if it were drawn at once.
func TestPartsMakeAWhole(t *testing.T) {
	outline := append(wave(30), xy{196, 90}, xy{3.3, 90})
	parts, whole := newRaster(200, 100), newRaster(200, 100)
	parts.area(outline, faint(hex(0x0072B2), 0.5))
	whole.gc.SetFillColor(faint(hex(0x0072B2), 0.5))
	whole.fill(outline)
	same(t, 2, parts, whole)

	line := wave(0)
	dashed := pen{color: hex(0xD55E00), width: 4, dash: []float64{6, 4}}
	parts, whole = newRaster(200, 100), newRaster(200, 100)
	parts.line(line, dashed)
	whole.line([]xy{line[0], line[len(line)-1]}, dashed)
	same(t, 64, parts, whole) // the edge of a dash may be painted twice
}

// Text is as wide in a browser as it is here, unless the browser knows letters that
// are not known here.
func TestTextKeepsItsRoom(t *testing.T) {
	doc, err := Figure{Title: "requests", Charts: []Chart{{Title: "漢字", Series: []Series{{Points: every(time.Minute, 1, 2)}}}}}.SVG()
	if err != nil {
		t.Fatal(err)
	}
	lengths := map[string]string{}
	walk(t, doc, func(e xml.StartElement, text string) {
		if e.Name.Local == "text" {
			lengths[text] = attribute(e, "textLength")
		}
	})
	if lengths["requests"] == "" || lengths["漢字"] != "" {
		t.Errorf("lengths of texts are %v", lengths)
	}
}
