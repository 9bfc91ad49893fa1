//go:build integration

package web

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/watchtower-hub/watchtower/rules"
)

// traffic counts the requests for pages and for streams; streams can be refused and cut.
type traffic struct {
	next           http.Handler
	pages, streams atomic.Int64
	open           atomic.Int64 // Streams that are open now.
	deaf           atomic.Bool
	mu             sync.Mutex
	cuts           []context.CancelFunc
}

func (c *traffic) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch {
	case r.URL.Path == "/events":
		c.streams.Add(1)
		if c.deaf.Load() {
			http.Error(w, "no streams here", http.StatusServiceUnavailable)
			return
		}
		ctx, cancel := context.WithCancel(r.Context())
		defer cancel()
		c.open.Add(1)
		defer c.open.Add(-1)
		c.mu.Lock()
		c.cuts = append(c.cuts, cancel)
		c.mu.Unlock()
		r = r.WithContext(ctx)
	case !strings.HasPrefix(r.URL.Path, "/assets/"):
		c.pages.Add(1)
	}
	c.next.ServeHTTP(w, r)
}

// cut ends the streams there are.
func (c *traffic) cut() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, cut := range c.cuts {
		cut()
	}
	c.cuts = nil
}

const (
	twoKept = `document.querySelector("h1").innerText === "We are fine: all 2 promises are kept."`
	broken1 = `document.querySelector("h1").innerText === "We are not fine: 1 of 7 promises is broken."`
)

// An open page asks for nothing while nothing happens, and is current about a second after something does.
func TestBrowserStream(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Incidents = nil })
	b.show(aBadDay()[:2]...)
	c := &traffic{next: b.site}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL)
	faults := chromedp.Console(ctx)
	eventually(ctx, t, twoKept)
	time.Sleep(5 * time.Second) // Longer than pages were asked for in the past.
	if pages, streams := c.pages.Load(), c.streams.Load(); pages != 1 || streams != 1 {
		t.Errorf("in 5 quiet seconds the page was fetched %d times, on %d streams", pages, streams)
	}
	started := time.Now()
	b.show(aBadDay()...)
	eventually(ctx, t, broken1)
	if took := time.Since(started); took > 2*time.Second {
		t.Errorf("the change was shown after %s", took)
	}
	if pages := c.pages.Load(); pages != 2 {
		t.Errorf("the page was fetched %d times for one change", pages)
	}
	quiet(ctx, t, faults)
}

// A page whose stream is cut asks every few seconds, and listens again when it can.
func TestBrowserWithoutStream(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Incidents = nil })
	b.show(aBadDay()[:2]...)
	c := &traffic{next: b.site}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL)
	eventually(ctx, t, twoKept)
	c.deaf.Store(true)
	c.cut()
	b.show(aBadDay()...)
	eventually(ctx, t, broken1)
	before := c.pages.Load()
	time.Sleep(7 * time.Second)
	if asked := c.pages.Load() - before; asked < 2 {
		t.Errorf("without a stream the page was fetched %d times in 7 seconds", asked)
	}
	eventually(ctx, t, `document.getElementById("offline").hidden`)
	streams := c.streams.Load()
	c.deaf.Store(false)
	for end := time.Now().Add(30 * time.Second); c.streams.Load() == streams; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the page never listens again")
		}
	}
	time.Sleep(time.Second)
	before = c.pages.Load()
	time.Sleep(5 * time.Second)
	if asked := c.pages.Load() - before; asked != 0 {
		t.Errorf("with a stream again the page is still fetched: %d times in 5 seconds", asked)
	}
}

// A hidden page holds no stream, of which a server has few for each browser; it is current as soon as it is seen again.
func TestBrowserHidden(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Incidents = nil })
	b.show(aBadDay()[:2]...)
	c := &traffic{next: b.site}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL)
	eventually(ctx, t, twoKept)
	open := func(want int64, when string) {
		t.Helper()
		for end := time.Now().Add(10 * time.Second); c.open.Load() != want; time.Sleep(50 * time.Millisecond) {
			if time.Now().After(end) {
				t.Fatalf("%s there are %d streams, want %d", when, c.open.Load(), want)
			}
		}
	}
	// Headless pages are never hidden, so the page is told that it is.
	const hide = `(Object.defineProperty(document, "hidden", {configurable: true, get: () => %t}), document.dispatchEvent(new Event("visibilitychange")), true)`
	open(1, "at first")
	eventually(ctx, t, fmt.Sprintf(hide, true))
	open(0, "while it is hidden")
	pages := c.pages.Load()
	b.show(aBadDay()...)
	time.Sleep(5 * time.Second)
	if asked := c.pages.Load() - pages; asked != 0 {
		t.Errorf("a hidden page was fetched %d times", asked)
	}
	eventually(ctx, t, fmt.Sprintf(hide, false))
	eventually(ctx, t, broken1)
	open(1, "when it is seen again")
}

// What is selected, or typed into, is not swapped under the reader; it is when the reader has done.
func TestBrowserLeavesReadersAlone(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Incidents = nil })
	b.show(aBadDay()[:2]...)
	server := httptest.NewServer(b.site)
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL)
	eventually(ctx, t, `(getSelection().selectAllChildren(document.querySelector("h1")), true)`)
	b.show(aBadDay()...)
	time.Sleep(3 * time.Second)
	if same, err := chromedp.Run(ctx, chromedp.Evaluate[bool](twoKept)); err != nil || !same {
		t.Errorf("the selected text was swapped (%v)", err)
	}
	eventually(ctx, t, `(getSelection().removeAllRanges(), true)`)
	eventually(ctx, t, broken1)
}

// How long ago something was is counted in the page.
func TestBrowserCountsTime(t *testing.T) {
	since := time.Now().Add(-97 * time.Second)
	b := newBoard(t, func(o *Options) {
		o.Now = time.Now
		o.Incidents = func() []Incident {
			return []Incident{{ID: "a", Title: "It burns", Severity: "page", State: "firing", Since: since}, {ID: "b", Title: "It burned", Severity: "page", State: "firing", Since: since.Add(-50 * time.Hour)}}
		}
	})
	b.show([]rules.Status{}...)
	c := &traffic{next: b.site}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	ctx := browse(t, 1280, server.URL+"/incidents")
	eventually(ctx, t, `[...document.querySelectorAll(".incident time")].map(t => t.innerText).join() === "2 min ago,2 days 2 h ago"`)
	if pages := c.pages.Load(); pages != 1 {
		t.Errorf("the page was fetched %d times", pages)
	}
}

// slash presses the key as a keyboard does.
func slash(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
	for _, p := range []input.DispatchKeyEventParams{{Type: "keyDown", Key: "/", Code: "Slash", Text: "/"}, {Type: "keyUp", Key: "/", Code: "Slash"}} {
		if _, err := cdp.Call(ctx, t, input.DispatchKeyEvent, p); err != nil {
			return chromedp.Void{}, err
		}
	}
	return chromedp.Void{}, nil
}

// The key / leads to the search from anywhere but a field; what is found is suggested; keys choose and leave.
func TestBrowserSearch(t *testing.T) {
	server := httptest.NewServer(searchable(t))
	t.Cleanup(server.Close)
	for _, width := range []int{1280, 390} {
		ctx := browse(t, width, server.URL)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900)); err != nil {
			t.Fatal(err)
		}
		faults := chromedp.Console(ctx)
		do := func(actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			if err := chromedp.Do(ctx, actions...); err != nil {
				t.Fatal(err)
			}
		}
		eventually(ctx, t, `document.getElementById("search").getAttribute("role") === "combobox" && document.activeElement === document.body`)
		do(slash)
		eventually(ctx, t, `document.activeElement.id === "search" && document.activeElement.value === ""`)
		do(chromedp.KeyEvent("sharing"))
		eventually(ctx, t, `document.querySelectorAll("#suggestions:not([hidden]) [role=option]").length > 3 && search.getAttribute("aria-expanded") === "true"`)
		eventually(ctx, t, `document.querySelector("#suggestions [role=option] mark").innerText === "Sharing" && document.querySelector(".search [role=status]").innerText === "62 results"`)
		eventually(ctx, t, `(() => { const b = document.getElementById("suggestions").getBoundingClientRect(); return b.left >= 0 && b.right <= innerWidth && b.width > 250 && document.documentElement.scrollWidth <= innerWidth; })()`)
		do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.ArrowUp))
		eventually(ctx, t, `(() => { const o = document.querySelectorAll("#suggestions [aria-selected=true]"); return o.length === 1 && o[0].id === search.getAttribute("aria-activedescendant") && o[0].getAttribute("href") === "/objectives/share-requests"; })()`)
		do(chromedp.KeyEvent(kb.Escape))
		eventually(ctx, t, `document.activeElement === document.body && document.getElementById("suggestions").hidden && search.value === "sharing" && search.getAttribute("aria-expanded") === "false"`)
		do(slash, chromedp.KeyEvent("sharing"))
		eventually(ctx, t, `!document.getElementById("suggestions").hidden && document.querySelector(".search [role=status]").innerText === "62 results"`)
		do(chromedp.KeyEvent(kb.ArrowDown), chromedp.KeyEvent(kb.Enter))
		eventually(ctx, t, `location.pathname === "/objectives/share-requests" && document.readyState === "complete"`)

		// Without a choice Enter shows all; a number goes straight there.
		do(slash, chromedp.KeyEvent("alex"+kb.Enter))
		eventually(ctx, t, `location.search === "?q=alex" && document.querySelector("h1")?.innerText.includes("for “alex”") === true && document.readyState === "complete"`)
		eventually(ctx, t, `document.documentElement.scrollWidth <= innerWidth && getComputedStyle(document.querySelector("mark")).backgroundColor !== "rgba(0, 0, 0, 0)"`)
		do(slash, chromedp.KeyEvent("#122"))
		eventually(ctx, t, `document.querySelector("#suggestions [role=option]")?.getAttribute("href") === "/incidents/122"`)
		do(chromedp.KeyEvent(kb.Enter))
		eventually(ctx, t, `location.pathname === "/incidents/122" && document.readyState === "complete"`)

		// In a field it is a letter like any other, and nobody is interrupted.
		do(chromedp.Navigate(server.URL + "/dashboards/kinds"))
		eventually(ctx, t, `(document.getElementById("choose").open = true, document.readyState === "complete")`)
		do(chromedp.Focus(`input[name=from]`), slash)
		eventually(ctx, t, `document.activeElement.name === "from" && document.activeElement.value.includes("/")`)
		quiet(ctx, t, faults)
	}
}

// Without JavaScript the box is a form like any other.
func TestBrowserSearchWithoutScripts(t *testing.T) {
	server := httptest.NewServer(searchable(t))
	t.Cleanup(server.Close)
	ctx := browse(t, 390, server.URL)
	off := func(ctx context.Context, t *chromedp.Target) (chromedp.Void, error) {
		_, err := cdp.Call(ctx, t, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return chromedp.Void{}, err
	}
	if err := chromedp.Do(ctx, off, chromedp.Navigate(server.URL+"/status"), chromedp.SendKeys("#search", "sharing"+kb.Enter), chromedp.WaitVisible(".found mark")); err != nil {
		t.Fatal(err)
	}
	title, err := chromedp.Run(ctx, chromedp.Title())
	if err != nil || title != "sharing · Search · Watchtower" {
		t.Errorf("the page is %q (%v)", title, err)
	}
}
