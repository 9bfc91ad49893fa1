//go:build integration

package web

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// nothingSticksOut is true in a page of which nothing is wider than the screen.
const nothingSticksOut = `document.documentElement.scrollWidth <= innerWidth &&
	[...document.querySelectorAll("main *")].filter(e => !e.closest(".unseen, thead, svg, .scroll, pre")).every(e => e.getBoundingClientRect().right <= innerWidth + 1)`

// The drawings of an objective are in sight on a desk and on a phone, tell their values at the pointer, at the keys and in
// numbers, and say what they show to those who do not see them.
func TestBrowserObjective(t *testing.T) {
	server := httptest.NewServer(newSite(t, keeping(5)))
	defer server.Close()
	for _, width := range []int{1280, 390} {
		ctx := browse(t, width, server.URL)
		faults := chromedp.Console(ctx)
		do := func(actions ...chromedp.Action[chromedp.Void]) {
			t.Helper()
			if err := chromedp.Do(ctx, actions...); err != nil {
				t.Fatal(err)
			}
		}
		is := func(what, condition string) {
			t.Helper()
			holds(t, width, what, condition, func(c string) (bool, error) { return chromedp.Run(ctx, chromedp.Evaluate[bool](c)) })
		}
		do(chromedp.EmulateViewport(int64(width), 900), chromedp.Navigate(server.URL+"/objectives/share-requests"))
		is("not three drawings", `document.querySelectorAll("figure.drawing .plot[role=img][aria-label*=' from ']").length === 3`)
		is("a drawing has no room", `[...document.querySelectorAll(".drawing .plot")].every(e => { const b = e.getBoundingClientRect(); return b.width > innerWidth / 2 && b.height > 150; })`)
		is("a scale or a clock has no words", `[...document.querySelectorAll(".drawing")].every(e => e.querySelectorAll(".scale text").length > 1 && e.querySelectorAll(".clock text").length > 1)`)
		is("a line has no color", `[...document.querySelectorAll(".drawing .line, .drawing .limit")].every(e => getComputedStyle(e).stroke.startsWith("rgb") && getComputedStyle(e).fill === "none")`)
		is("an incident is not shaded", `[...document.querySelectorAll("#day ~ .drawing")].every(e => e.querySelectorAll(".span").length === 2 && e.querySelectorAll(".mark").length === 1)`)
		is("a threshold is not drawn", `["day", "budget"].every(id => document.querySelector("#" + id + " ~ .drawing .limit.ink-bad"))`)
		is("something sticks out", nothingSticksOut)
		is("it does not say where it burns", `document.querySelector("#where").parentElement.innerText.includes("route=/v1/share<x>")`)

		eventually(ctx, t, `(() => { const p = document.querySelector("#budget ~ .drawing .plot"); p.scrollIntoView({block: "center"}); const b = p.getBoundingClientRect();
			p.dispatchEvent(new PointerEvent("pointermove", {bubbles: true, clientX: b.left + b.width / 4, clientY: b.top + 5}));
			const tip = document.querySelector(".tip"); return !tip.hidden && tip.innerText.includes("left") && tip.innerText.includes("%"); })()`)
		do(chromedp.Focus(`#day ~ .drawing .graph`), chromedp.KeyEvent(kb.End))
		eventually(ctx, t, `document.querySelector(".tip").innerText.includes("over 1h") && document.querySelector(".cursor").getAttribute("x1") === "1000"`)
		do(chromedp.KeyEvent(kb.Escape), chromedp.Click(`#numbers-budget > summary`))
		eventually(ctx, t, `document.querySelectorAll("#numbers-budget tbody tr").length > 11 && document.querySelector("#numbers-budget table").offsetHeight > 200`)
		is("the numbers stick out", nothingSticksOut)

		chromedp.Cancel(ctx)
		for message, err := range faults {
			if err == nil {
				t.Errorf("at %d pixels the console says: %v", width, message)
			}
		}
	}
}
