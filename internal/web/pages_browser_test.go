//go:build integration

package web

import (
	"flag"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chromedp/chromedp"

	"github.com/watchtower-hub/watchtower/internal/browsertest"
	"github.com/watchtower-hub/watchtower/rules"
)

// With -screenshots DIR the picture of the viewers' overview is taken anew: go test -tags integration ./internal/web -run
// TestBrowserViewers -screenshots ../../docs/images.
var screenshots = flag.String("screenshots", "", "folder to write the picture of the viewers' overview to")

// sites are servers of pages in states that a demo does not come to, with the pages to open.
func sites(t *testing.T) map[string][]string {
	t.Helper()
	rich := func(o *Options) {
		o.History, o.OnCall, o.Dashboards, o.Primer = someHistory(60), someOnCall, liveDashboard(t), "<h1>Primer</h1><p>Words.</p>"
		o.Engine = fakeEngine{statuses: slices.Concat(aBadDay(), byRoute(promise("api", "requests", "The API answers", nil)))}
	}
	all := map[string][]string{}
	add := func(h http.Handler, paths ...string) {
		server := httptest.NewServer(h)
		t.Cleanup(server.Close)
		for _, path := range paths {
			all[server.URL] = append(all[server.URL], server.URL+path)
		}
	}
	add(newSite(t, rich), "/", "/objectives/share-requests", "/objectives/media-transcode", "/objectives/api-requests", "/incidents", "/incidents?show=past&page=2", "/incidents?service=feed",
		"/incidents/62", "/incidents/61", "/oncall", "/playbooks", "/playbooks/api-error-rate", "/reports/", "/reports/2026-W46", "/status", "/dashboards", "/dashboards/wt-live", "/dashboards/wt-live?panel=8", "/primer", "/nowhere", "/")
	add(newSite(t, func(o *Options) {
		*o = Options{Engine: fakeEngine{statuses: aBadDay()[:2]}, Now: noon}
	}), "/", "/incidents", "/oncall", "/playbooks", "/reports/", "/reports/2026-W46", "/status", "/dashboards")
	add(newSite(t, func(o *Options) { *o = Options{Now: noon, Ready: func() bool { return false }} }), "/", "/incidents", "/dashboards", "/reports/2026-W46")
	viewers := newSite(t, func(o *Options) { rich(o); o.Viewers = []string{"marketing"} })
	add(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetBasicAuth("marketing", "checked before")
		viewers.ServeHTTP(w, r)
	}), "/", "/reports/", "/reports/2026-W46", "/dashboards/wt-live", "/primer")
	return all
}

// Every page in every state is for everybody: on a desk and on a phone, by day and by night, for those who see, hear or touch it.
func TestBrowserEveryPage(t *testing.T) {
	all := sites(t)
	for _, w := range browsertest.Windows() {
		t.Run(w.String(), func(t *testing.T) {
			ctx := browsertest.Open(t, w)
			for _, pages := range all {
				for _, address := range pages {
					browsertest.Go(ctx, t, address)
					browsertest.Check(ctx, t, address)
				}
			}
		})
	}
}

// A viewer sees in plain words what does not work, and opens the live board from there.
func TestBrowserViewers(t *testing.T) {
	h := viewed(t, nil)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.SetBasicAuth("marketing", "checked before")
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	ctx := browsertest.Open(t, browsertest.Windows()[0])
	browsertest.Go(ctx, t, server.URL)
	if *screenshots != "" {
		browsertest.Picture(ctx, t, filepath.Join(*screenshots, "web-viewer.png"))
	}
	if stops := browsertest.Tab(ctx, t, 6); !slices.Equal(stops[1:], []string{"Watchtower", "Overview", "Live", "Reports", "See it live, with graphs"}) {
		t.Errorf("Tab stops at %v", stops)
	}
	if err := chromedp.Do(ctx, chromedp.KeyEvent("\r")); err != nil {
		t.Fatal(err)
	}
	eventually(ctx, t, `location.pathname === "/dashboards/wt-live" && document.querySelectorAll("article.cell").length > 3 && document.querySelectorAll("main a[href^='/incidents']").length === 0`)
}

// With the keyboard alone one skips the navigation, goes through it in order, and sees where one is.
func TestBrowserKeyboard(t *testing.T) {
	server := httptest.NewServer(newSite(t, func(o *Options) {
		o.Engine = fakeEngine{statuses: []rules.Status{promise("share", "requests", "Sharing a post works", nil)}}
	}))
	defer server.Close()
	for _, w := range browsertest.Windows()[:2] {
		ctx := browsertest.Open(t, w)
		browsertest.Go(ctx, t, server.URL+"/")
		got := browsertest.Tab(ctx, t, 11)
		want := []string{"Skip to content", "Watchtower", "Overview", "Incidents", "Dashboards", "On call", "Playbooks", "Reports", "Inbox", "Status", "The feed loads"}
		if !slices.Equal(got[:10], want[:10]) {
			t.Errorf("at %s Tab stops at %v, want %v first", w, got, want)
		}
		// What follows the navigation is in the page, in the order in which it is read.
		for _, path := range []string{"/", "/objectives/share-requests", "/incidents", "/playbooks/api-error-rate", "/reports/2026-W46", "/status", "/dashboards"} {
			browsertest.Go(ctx, t, server.URL+path)
			if err := chromedp.Do(ctx, chromedp.KeyEvent("\t"), chromedp.KeyEvent("\r")); err != nil {
				t.Fatal(err)
			}
			if at := browsertest.Ask[string](ctx, t, `document.activeElement.id + location.hash`); at != "main#main" {
				t.Errorf("at %s the link that skips leads to %q of %s", w, at, path)
			}
			browsertest.Tab(ctx, t, 8)
		}
	}
}
