//go:build integration

package web

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// holds checks a condition in the page once.
func holds(t *testing.T, width int, what, condition string, evaluate func(string) (bool, error)) {
	t.Helper()
	if ok, err := evaluate(condition); err != nil || !ok {
		t.Errorf("at %d pixels: %s (%v): %s", width, what, err, condition)
	}
}

// Every kind of panel is in sight on a desk and on a phone; values are told at the pointer and at the arrow keys; a panel
// opens alone, and Escape leads back.
func TestBrowserDashboard(t *testing.T) {
	server := httptest.NewServer(newSite(t, func(o *Options) { o.Dashboards = someDashboards(t, 20) }))
	t.Cleanup(server.Close)
	for _, width := range []int{1280, 390} {
		ctx := browse(t, width, server.URL+"/dashboards")
		if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900)); err != nil {
			t.Fatal(err)
		}
		faults := chromedp.Console(ctx)
		is := func(what, condition string) {
			t.Helper()
			holds(t, width, what, condition, func(c string) (bool, error) { return chromedp.Run(ctx, chromedp.Evaluate[bool](c)) })
		}
		fits := func() {
			t.Helper()
			is("wider than the screen", `document.documentElement.scrollWidth <= innerWidth`)
			is("something sticks out", `[...document.querySelectorAll("main *")].filter(e => !e.closest(".unseen, svg, .scroll")).every(e => e.getBoundingClientRect().right <= innerWidth + 1)`)
			is("a link has no name", `[...document.querySelectorAll("a, summary")].every(e => e.textContent.trim() !== "" || e.getAttribute("aria-label"))`)
			is("not one heading", `document.querySelectorAll("h1").length === 1`)
		}
		do := func(actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			if err := chromedp.Do(ctx, actions...); err != nil {
				t.Fatal(err)
			}
		}
		fits()
		do(chromedp.Click(`a[href="/dashboards/kinds"]`))
		eventually(ctx, t, `document.querySelectorAll("article.cell").length === 12`)
		fits()
		is("a drawing has no room", `[...document.querySelectorAll(".plot, .dial, .bar, .spark")].every(e => { const b = e.getBoundingClientRect(); return b.width > 20 && b.height > 6; })`)
		is("a line has no color", `[...document.querySelectorAll(".plot .line")].every(e => getComputedStyle(e).stroke.startsWith("rgb") && getComputedStyle(e).fill === "none")`)
		is("a panel sticks out of its place", `[...document.querySelectorAll("article.cell")].every(e => e.scrollHeight <= e.clientHeight + 1)`)
		if width < 700 {
			is("panels stand side by side on a phone", `new Set([...document.querySelectorAll("article.cell")].map(e => Math.round(e.getBoundingClientRect().left))).size === 1`)
		} else {
			is("panels do not stand side by side on a desk", `new Set([...document.querySelectorAll("article.cell")].map(e => Math.round(e.getBoundingClientRect().left))).size > 4`)
		}

		// At the pointer.
		eventually(ctx, t, `(() => { const p = document.querySelector("#panel-8 .plot"); p.scrollIntoView({block: "center"}); const b = p.getBoundingClientRect();
			p.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: b.left + b.width / 2, clientY: b.top + 5}));
			const tip = document.querySelector(".tip"); return !tip.hidden && tip.innerText.includes("db-1") && tip.innerText.includes("web-1") && tip.innerText.includes("Thu 11:0") &&
			Math.abs(document.querySelector("#panel-8 .cursor").getAttribute("x1") - 500) < 5; })()`)
		// At the keys.
		do(chromedp.Focus(`#panel-8 .graph`), chromedp.KeyEvent(kb.End))
		eventually(ctx, t, `document.querySelector("#panel-8 .cursor")?.getAttribute("x1") === "1000"`)
		do(chromedp.KeyEvent(kb.ArrowLeft))
		eventually(ctx, t, `document.querySelector("#panel-8 .cursor").getAttribute("x1") === "994"`)
		do(chromedp.KeyEvent(kb.Escape))
		eventually(ctx, t, `document.querySelector(".tip").hidden && !document.querySelector(".cursor")`)

		// What a panel shows, by the keyboard.
		do(chromedp.Focus(`#about-2 summary`), chromedp.KeyEvent(kb.Enter))
		eventually(ctx, t, `document.querySelector("#about-2").open && document.querySelector("#about-2 .words").getBoundingClientRect().width > 100`)
		is("a description is not in sight", `[...document.querySelectorAll(".about")].every(d => { d.open = true; const b = d.querySelector(".words").getBoundingClientRect(); d.open = d.id === "about-2"; return b.left >= 0 && b.right <= innerWidth && b.width > 150; })`)
		fits()
		do(chromedp.KeyEvent(kb.Escape))
		eventually(ctx, t, `!document.querySelector("#about-2").open && document.activeElement.matches("#about-2 summary")`)

		// Alone, and back.
		do(chromedp.Click(`#panel-8 h3 a`))
		eventually(ctx, t, `location.search === "?panel=8" && document.querySelectorAll("article.cell").length === 1`)
		fits()
		do(chromedp.KeyEvent(kb.Escape))
		eventually(ctx, t, `location.pathname === "/dashboards/kinds" && location.search === "" && document.querySelectorAll("article.cell").length === 12`)

		// What was chosen stays chosen.
		do(chromedp.Click(`nav[aria-label=Time] li:nth-child(2) a`))
		eventually(ctx, t, `location.search === "?from=now-1h&to=now" && document.querySelector("nav[aria-label=Time] [aria-current]")?.innerText === "1 h"`)
		is("there is nothing to choose", `document.getElementById("choose").open`)
		do(chromedp.SetValue(`select[name=refresh]`, "10s"), chromedp.Click(`.controls button`))
		eventually(ctx, t, `location.search.includes("from=now-1h") && location.search.includes("refresh=10s") && document.getElementById("main")?.dataset.refresh === "10"`)

		chromedp.Cancel(ctx)
		for message, err := range faults {
			if err == nil {
				t.Errorf("at %d pixels the console says: %v", width, message)
			}
		}
	}
}
