//go:build integration

package web

import (
	"context"
	"iter"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
)

// browse starts a browser of that width on a page. Its server must be closed by a t.Cleanup that stands before: they run
// in reverse, and a server does not close while a page listens to its stream.
func browse(t *testing.T, width int, address string) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	options := append(chromedp.DefaultExecAllocatorOptions[:], chromedp.NoSandbox, chromedp.WindowSize(width, 900),
		chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true))
	ctx, stop := chromedp.NewExecAllocator(ctx, options...)
	t.Cleanup(stop)
	ctx, leave := chromedp.NewContext(ctx)
	t.Cleanup(leave)
	if err := chromedp.Do(ctx, chromedp.Navigate(address)); err != nil {
		t.Fatalf("open a browser; it needs Chromium: %v", err)
	}
	return ctx
}

// eventually evaluates a condition in the page until it is true.
func eventually(ctx context.Context, t *testing.T, condition string) {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	patience, stop := context.WithTimeout(ctx, 40*time.Second)
	defer stop()
	for {
		ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition))
		if err != nil {
			t.Fatalf("%s: %v", condition, err)
		}
		if ok {
			return
		}
		select {
		case <-tick.C:
		case <-patience.Done():
			t.Fatalf("never true: %s", condition)
		}
	}
}

// An open page follows what happens; what the reader has opened and focused stays so.
func TestBrowserLive(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Incidents = nil })
	b.show(aBadDay()[:2]...)
	server := httptest.NewServer(b.site)
	t.Cleanup(server.Close)

	ctx := browse(t, 1280, server.URL)
	faults := chromedp.Console(ctx)
	eventually(ctx, t, `document.querySelector("h1").innerText === "We are fine: all 2 promises are kept."`)
	if err := chromedp.Do(ctx, chromedp.Click("#legend > summary")); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `(document.querySelector('a[href="/objectives/auth-token"]').focus(), document.getElementById("legend").open)`)

	b.show(aBadDay()...)
	eventually(ctx, t, `document.querySelector("h1").innerText === "We are not fine: 1 of 7 promises is broken."`)
	eventually(ctx, t, `document.title.startsWith("We are not fine") && document.querySelector("link[rel=icon]").href.includes("broken")`)
	eventually(ctx, t, `document.getElementById("news").innerText.includes("We are not fine")`)
	eventually(ctx, t, `document.getElementById("legend").open && document.activeElement.getAttribute("href") === "/objectives/auth-token"`)
	quiet(ctx, t, faults)
}

// quiet closes the browser; its console must have said nothing.
func quiet(ctx context.Context, t *testing.T, faults iter.Seq2[chromedp.ConsoleMessage, error]) {
	t.Helper()
	chromedp.Cancel(ctx)
	for message, err := range faults {
		if err == nil {
			t.Errorf("the console says: %v", message)
		}
	}
}

func TestBrowserOffline(t *testing.T) {
	server := httptest.NewServer(newSite(t, nil))
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL)
	eventually(ctx, t, `document.getElementById("offline").hidden`)
	server.Listener.Close()
	server.CloseClientConnections()
	eventually(ctx, t, `document.getElementById("offline").innerText.startsWith("Watchtower does not answer. This is what it knew at Thu 19 Nov 2026")`)
}
