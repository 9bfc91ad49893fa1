//go:build integration

package browsertest

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"image"
	"image/color"
	"image/png"
	"maps"
	"os"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"
)

// inks is how many colors a picture has at most: pages have few, and their shades at the edges of letters look the same.
const inks = 64

// Picture writes what the window shows to a PNG file that is small enough for a document.
func Picture(ctx context.Context, t *testing.T, path string) {
	t.Helper()
	shot, err := chromedp.Run(ctx, chromedp.CaptureScreenshot())
	if err != nil {
		t.Fatalf("take a picture: %v", err)
	}
	full, err := png.Decode(bytes.NewReader(shot))
	if err != nil {
		t.Fatalf("read a picture: %v", err)
	}
	var small bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.BestCompression}
	if err := encoder.Encode(&small, fewer(full)); err != nil {
		t.Fatalf("write a picture: %v", err)
	}
	if err := os.WriteFile(path, small.Bytes(), 0o600); err != nil {
		t.Fatal(fmt.Errorf("keep a picture: %w", err))
	}
}

// fewer returns a picture in the colors that it has most of, after those that differ by a shade count as one.
func fewer(full image.Image) *image.Paletted {
	bounds := full.Bounds()
	count := map[color.RGBA]int{}
	each(bounds, func(x, y int) { count[coarse(full.At(x, y))]++ })
	often := slices.SortedFunc(maps.Keys(count), func(a, b color.RGBA) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a.R, b.R), cmp.Compare(a.G, b.G), cmp.Compare(a.B, b.B))
	})
	palette := color.Palette{}
	for _, c := range often[:min(inks, len(often))] {
		palette = append(palette, c)
	}
	out := image.NewPaletted(bounds, palette)
	nearest := map[color.RGBA]uint8{}
	each(bounds, func(x, y int) {
		c := coarse(full.At(x, y))
		i, known := nearest[c]
		if !known {
			i = uint8(palette.Index(c)) //nolint:gosec // below inks
			nearest[c] = i
		}
		out.SetColorIndex(x, y, i)
	})
	return out
}

func each(bounds image.Rectangle, do func(x, y int)) {
	for y := bounds.Min.Y; y < bounds.Max.Y; y++ {
		for x := bounds.Min.X; x < bounds.Max.X; x++ {
			do(x, y)
		}
	}
}

// coarse keeps six of a color's eight bits, and white white.
func coarse(c color.Color) color.RGBA {
	r, g, b, _ := c.RGBA()
	six := func(v uint32) uint8 { return uint8(min(255, (v>>8+2)&^3)) } //nolint:gosec // at most 255
	return color.RGBA{six(r), six(g), six(b), 255}
}
