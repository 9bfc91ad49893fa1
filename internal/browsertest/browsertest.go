//go:build integration

package browsertest

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
)

// patience is how long everything in one window may take.
const patience = 5 * time.Minute

// Window is what pages are looked at through.
type Window struct {
	Width int64 // of CSS pixels
	Dark  bool  // its user prefers dark colors
}

// String names a window in errors and in the names of pictures.
func (w Window) String() string {
	if w.Dark {
		return fmt.Sprintf("%d pixels, dark", w.Width)
	}
	return fmt.Sprintf("%d pixels, light", w.Width)
}

// Phone tells whether a window is narrow.
func (w Window) Phone() bool { return w.Width < 700 }

// Windows are those that every page is made for: a desk and a phone, by day and by night.
func Windows() []Window {
	return []Window{{1280, false}, {390, false}, {1280, true}, {390, true}}
}

// Open starts a headless Chromium with such a window. It is closed when the test ends,
// which fails if the console said anything, or Chromium is not there. A page by the name
// of nowhere may be missing: the browser says so of pages, as it does of what they load.
func Open(t *testing.T, w Window) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), patience)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.Flag("hide-scrollbars", true),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(w.Width, 900), prefer(w.scheme())); err != nil {
		t.Fatalf("open a browser; it needs Chromium, which scripts/install-test-programs installs: %v", err)
	}
	said := chromedp.Console(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		for message, err := range said {
			if err == nil && !expected(message) {
				t.Errorf("at %s the console says of %s: %v", w, message.URL, message)
			}
		}
	})
	return ctx
}

func expected(m chromedp.ConsoleMessage) bool {
	return strings.HasSuffix(m.URL, "/nowhere") && strings.Contains(m.Text, "status of 404")
}

func (w Window) scheme() string {
	if w.Dark {
		return "dark"
	}
	return "light"
}

// prefer sets the colors that the user prefers.
func prefer(scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}},
		})
		return err
	})
}

// Go opens a page.
func Go(ctx context.Context, t *testing.T, address string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open %s: %v", address, err)
	}
}

// Ask evaluates an expression in the page.
func Ask[T any](ctx context.Context, t *testing.T, expression string) T {
	t.Helper()
	answer, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		t.Fatalf("%s: %v", expression, err)
	}
	return answer
}

// conditions are what holds of every page, in JavaScript, by what is wrong if it does not.
func conditions() map[string]string {
	return map[string]string{
		"it is wider than the window": `document.documentElement.scrollWidth <= innerWidth`,
		"something sticks out": `[...document.querySelectorAll("body *")].filter(e => e.checkVisibility() && !e.closest("svg, .unseen, .sprite, .scroll, .skip, pre, table, .prose")).every(e => ` +
			`e.getBoundingClientRect().right <= innerWidth + 1 || [...function*(p){ while (p = p.parentElement) yield p }(e)].some(p => /auto|scroll|hidden|clip/.test(getComputedStyle(p).overflowX)))`,
		"it has no style":           `getComputedStyle(document.body).margin === "0px"`,
		"an icon is not there":      `[...document.querySelectorAll("use")].every(e => document.querySelector(e.getAttribute("href")))`,
		"an ID is there twice":      `new Set([...document.querySelectorAll("[id]")].map(e => e.id)).size === document.querySelectorAll("[id]").length`,
		"it has not just one title": `[...document.querySelectorAll("h1")].filter(e => e.checkVisibility()).length === 1 && document.title.length > 3`,
	}
}

// Check looks at the page that is open: whether it fits into its window, and whether axe
// finds anything that keeps somebody from using it. Where names the page in errors.
func Check(ctx context.Context, t *testing.T, where string) {
	t.Helper()
	for what, condition := range conditions() {
		if ok := Ask[bool](ctx, t, condition); !ok {
			t.Errorf("%s: %s", where, what)
		}
	}
	for _, v := range violations(ctx, t) {
		t.Errorf("%s: axe says %s", where, v)
	}
}

// Tab presses the key so many times and returns what has the focus after each: its words,
// or its ID. What has no outline where it stands is an error: nobody would find it.
func Tab(ctx context.Context, t *testing.T, times int) (stops []string) {
	t.Helper()
	for range times {
		if err := chromedp.Do(ctx, chromedp.KeyEvent("\t")); err != nil {
			t.Fatalf("press Tab: %v", err)
		}
		got := Ask[[]string](ctx, t, `(() => { const e = document.activeElement, s = getComputedStyle(e), b = e.getBoundingClientRect();
			const seen = s.outlineStyle !== "none" && parseFloat(s.outlineWidth) >= 2 || s.boxShadow !== "none";
			return [e === document.body ? "" : (e.getAttribute("aria-label") || e.innerText || e.id || e.tagName).trim().split("\n")[0],
				e === document.body || seen ? "" : "has no outline", e === document.body || b.width > 1 && b.height > 1 && b.right > 0 && b.left < innerWidth ? "" : "is not in sight"]; })()`)
		for _, wrong := range got[1:] {
			if wrong != "" {
				t.Errorf("what has the focus after %v, %q, %s", stops, got[0], wrong)
			}
		}
		stops = append(stops, got[0])
	}
	return stops
}

// short keeps an error readable.
func short(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	if r := []rune(s); len(r) > 300 {
		return string(slices.Concat(r[:300], []rune(" …")))
	}
	return s
}
