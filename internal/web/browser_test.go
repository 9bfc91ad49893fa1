//go:build integration

package web

import (
	"context"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/chromedp"

	"github.com/watchtower-hub/watchtower/rules"
)

// browse starts a browser of that width on a page.
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

// An open page follows what happens; what the reader has opened and focused stays so; a silent server is said to be one.
func TestBrowserLive(t *testing.T) {
	var current atomic.Pointer[http.Handler]
	show := func(statuses []rules.Status, incidents func() []Incident) {
		h := newSite(t, func(o *Options) { o.Engine, o.Incidents = fakeEngine{statuses: statuses}, incidents })
		current.Store(&h)
	}
	show(aBadDay()[:2], nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*current.Load()).ServeHTTP(w, r) }))
	defer server.Close()

	ctx := browse(t, 1280, server.URL)
	faults := chromedp.Console(ctx)
	eventually(ctx, t, `document.querySelector("h1").innerText === "We are fine: all 2 promises are kept."`)
	if err := chromedp.Do(ctx, chromedp.Click("#legend > summary")); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `(document.querySelector('a[href="/objectives/auth-token"]').focus(), document.getElementById("legend").open)`)

	show(aBadDay(), someIncidents)
	eventually(ctx, t, `document.querySelector("h1").innerText === "We are not fine: 1 of 7 promises is broken."`)
	eventually(ctx, t, `document.title.startsWith("We are not fine") && document.querySelector("link[rel=icon]").href.includes("broken")`)
	eventually(ctx, t, `document.getElementById("news").innerText.includes("We are not fine")`)
	eventually(ctx, t, `document.getElementById("legend").open && document.activeElement.getAttribute("href") === "/objectives/auth-token"`)

	chromedp.Cancel(ctx)
	for message, err := range faults {
		if err == nil {
			t.Errorf("the console says: %v", message)
		}
	}
}

func TestBrowserOffline(t *testing.T) {
	server := httptest.NewServer(newSite(t, nil))
	defer server.Close()
	ctx := browse(t, 1280, server.URL)
	eventually(ctx, t, `document.getElementById("offline").hidden`)
	server.CloseClientConnections()
	server.Config.Handler = nil
	server.Listener.Close()
	server.CloseClientConnections()
	eventually(ctx, t, `document.getElementById("offline").innerText.startsWith("Watchtower does not answer. This is what it knew at Thu 19 Nov 2026")`)
}
