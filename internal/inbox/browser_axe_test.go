//go:build integration

package inbox

import (
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"

	"github.com/watchtower-hub/watchtower/internal/browsertest"
)

// The inbox is for everybody, with all that can be open in it: a thread, what was edited, a form with a fault, a question, a menu.
func TestBrowserEverybody(t *testing.T) {
	d, _, ts := duty(t)
	message := "#p" + strings.ReplaceAll(ts, ".", "")
	for _, w := range browsertest.Windows() {
		t.Run(w.String(), func(t *testing.T) {
			ctx := browsertest.Open(t, w)
			browsertest.Go(ctx, t, d.url+"/inbox/general")
			browsertest.Check(ctx, t, "a channel")
			browsertest.Go(ctx, t, d.url+"/inbox/oncall")
			eventually(ctx, t, `!document.getElementById("live").hidden`)
			steps(ctx, t, chromedp.Evaluate[chromedp.Void](`for (const d of document.querySelectorAll(".thread, .edits")) d.open = true`))
			browsertest.Check(ctx, t, "threads and edits")
			steps(ctx, t, press(message+" .overflow summary"))
			browsertest.Check(ctx, t, "a menu")
			steps(ctx, t, press(message+` button[data-confirm]`))
			eventually(ctx, t, `document.querySelector("dialog.ask:modal") !== null`)
			browsertest.Check(ctx, t, "a question")
			steps(ctx, t, press(`dialog.ask:modal [data-close]`), press(message+` button[value*="silence"]`))
			eventually(ctx, t, `document.querySelector("#modal:modal") !== null && document.activeElement.matches("#modal .field")`)
			browsertest.Check(ctx, t, "a form")
			steps(ctx, t, chromedp.KeyEvent(kb.Enter))
			eventually(ctx, t, within+`("Please complete this required field.")`)
			browsertest.Check(ctx, t, "a form with a fault")
			steps(ctx, t, press(`#modal-form .x`))
			eventually(ctx, t, `!document.getElementById("modal")`)

			browsertest.Go(ctx, t, d.url+"/inbox/general")
			for _, stop := range browsertest.Tab(ctx, t, 8) {
				if stop == "" {
					t.Error("Tab leaves the page before its eighth stop")
				}
			}
		})
	}
	d.Close()
}
