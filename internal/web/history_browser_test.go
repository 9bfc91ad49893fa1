//go:build integration

package web

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

// A reader finds the open incident, reads it down to its post-mortem, and looks up who is on call: on a desk and on a phone.
func TestBrowserFromIncidentToPostmortem(t *testing.T) {
	server := httptest.NewServer(newSite(t, keeping(120)))
	t.Cleanup(server.Close)
	for _, width := range []int{1280, 390} {
		ctx := browse(t, width, server.URL)
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900)); err != nil {
			t.Fatal(err)
		}
		faults := chromedp.Console(ctx)
		// fits checks what every page must be.
		fits := func(page string) {
			t.Helper()
			for what, condition := range map[string]string{
				"wider than the screen":               `document.documentElement.scrollWidth <= innerWidth`,
				"something sticks out":                `[...document.querySelectorAll("main *")].filter(e => !e.closest(".unseen, thead, svg, .scroll")).every(e => e.getBoundingClientRect().right <= innerWidth + 1)`,
				"a link has no name":                  `[...document.querySelectorAll("a, summary")].every(e => e.textContent.trim() !== "")`,
				"not one heading":                     `document.querySelectorAll("h1").length === 1`,
				"a section has no name":               `[...document.querySelectorAll("main section")].every(e => e.getAttribute("aria-label") || document.getElementById(e.getAttribute("aria-labelledby")))`,
				"a table lost its rows for the blind": `[...document.querySelectorAll("table.stack")].every(t => t.querySelectorAll("[role=row]").length === t.rows.length)`,
				"not exactly one burn chart in sight": `!document.querySelector(".burning") || [...document.querySelectorAll(".burning > div")].filter(e => e.offsetHeight > 0).length === 1`,
			} {
				ok, err := chromedp.Run(ctx, chromedp.Evaluate[bool](condition))
				if err != nil || !ok {
					t.Errorf("%s at %d pixels: %s (%v)", page, width, what, err)
				}
			}
		}
		visit := func(path string) {
			t.Helper()
			if err := chromedp.Do(ctx, chromedp.Navigate(server.URL+path)); err != nil {
				t.Fatalf("%s: %v", path, err)
			}
			fits(path)
		}
		visit("/")
		visit("/incidents")
		if err := chromedp.Do(ctx, chromedp.Click(`nav[aria-label=Filters] a[href="/incidents?service=share"]`)); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, `location.search === "?service=share" && document.querySelector("h2#past")?.innerText === "60 past incidents"`)
		fits("the filtered list")
		if err := chromedp.Do(ctx, chromedp.Click(`.incident h3 a`)); err != nil {
			t.Fatal(err)
		}
		eventually(ctx, t, `location.pathname === "/incidents/122" && document.title.startsWith("Incident 122: Sharing a post works")`)
		fits("an incident")
		eventually(ctx, t, `fetch(document.querySelector("a[download]").href).then(r => r.text()).then(x => window.said = x), (window.said || "").startsWith("# Incident 122: Sharing a post works")`)
		visit("/incidents/121")
		visit("/oncall")
		eventually(ctx, t, `[...document.querySelectorAll("tr.gap")].some(e => e.innerText.includes("Nobody"))`)

		chromedp.Cancel(ctx)
		for message, err := range faults {
			if err == nil {
				t.Errorf("at %d pixels the console says: %v", width, message)
			}
		}
	}
}
