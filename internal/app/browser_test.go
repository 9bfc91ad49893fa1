//go:build integration

package app

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// TestEveryPageInABrowser opens each page at the width of a desk and of a phone:
// nothing may be wider than the window, and the console must stay quiet.
func TestEveryPageInABrowser(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	now := time.Now()
	w.requests(seconds(now.Add(-5*time.Minute), now.Add(-16*time.Second)), 20, 0)
	w.requests(seconds(now.Add(-15*time.Second), now), 10, 10)
	w.expect("a page", isPage)

	pages := map[string]string{
		"/":                          "Sharing a post works",
		"/objectives/" + objectiveID: "99.5",
		"/incidents":                 "Sharing a post works",
		"/incidents/1":               "Roll back",
		"/oncall":                    "Nothing says who is on call",
		"/dashboards":                "Promises: all objectives",
		"/dashboards/wt-overview":    "Every promise",
		"/playbooks":                 "api-error-rate",
		"/playbooks/api-error-rate":  "Roll back",
		"/status":                    "OTLP",
		"/reports/":                  "Which promises were kept",
		"/inbox":                     "Sharing a post works",
	}
	for _, width := range []int64{1280, 390} {
		ctx := browser(t, width)
		said := chromedp.Console(ctx)
		for path, want := range pages {
			visit(ctx, t, w.url(path), want)
		}
		if err := chromedp.Cancel(ctx); err != nil {
			t.Errorf("close the browser: %v", err)
		}
		for message, err := range said {
			if err != nil {
				break // The browser is closed.
			}
			if text := message.String(); message.IsException() || strings.Contains(text, "Security Policy") {
				t.Errorf("the browser says: %s", text)
			}
		}
	}
}

// browser starts a headless Chromium with a window of that width.
func browser(t *testing.T, width int64) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox,
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(ctx, chromedp.EmulateViewport(width, 900)); err != nil {
		t.Fatalf("open a browser; it needs Chromium: %v", err)
	}
	return ctx
}

// visit opens a page and looks at it: the text, the width, the console.
func visit(ctx context.Context, t *testing.T, url, want string) {
	t.Helper()
	if err := chromedp.Do(ctx, chromedp.Navigate(url)); err != nil {
		t.Fatalf("%s: %v", url, err)
	}
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body.innerText`))
	if err != nil || !strings.Contains(text, want) {
		t.Errorf("%s does not show %q (%v):\n%s", url, want, err, text)
	}
	wide, err := chromedp.Run(ctx, chromedp.Evaluate[float64](`document.documentElement.scrollWidth - window.innerWidth`))
	if err != nil || wide > 0 {
		t.Errorf("%s is %v pixels wider than its window (%v)", url, wide, err)
	}
}
