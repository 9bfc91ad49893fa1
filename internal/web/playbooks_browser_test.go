//go:build integration

package web

import (
	"net/http/httptest"
	"testing"

	"github.com/chromedp/chromedp"
)

// What is told of playbooks and of the status stays within its cell and the screen, on a desk and on a phone.
func TestBrowserPlaybooksAndStatus(t *testing.T) {
	const long = "prometheus_engine_query_duration_histogram_seconds_bucket"
	server := httptest.NewServer(newSite(t, func(o *Options) {
		keeping(5)(o)
		o.Status = func() []Section {
			return []Section{{Title: "Series", Table: &Table{
				Title: "Series by metric", Columns: []string{"Metric", "Series", "Of all", "Multiplied by", "Mostly from", "To do"},
				Rows: []TableRow{{Level: Warn, Cells: []string{long, "30,000", "60%", "user, 1,990 values in 2,000 series looked at", "job share (75%)", "Drop a label that nobody asks by, at its source or with metric_relabel_configs."}}},
			}}}
		}
	}))
	defer server.Close()
	const withinItsCell = `[...document.querySelectorAll("main .stack :is(td, tbody th)")].filter(c => c.offsetParent).every(c =>
		[...c.querySelectorAll("*:not(.unseen)")].filter(e => !e.closest("svg")).every(e => e.getBoundingClientRect().right <= c.getBoundingClientRect().right + 1))`
	for _, width := range []int{1280, 390} {
		ctx := browse(t, width, server.URL)
		for path, conditions := range map[string]map[string]string{
			"/playbooks": {
				"the verdict is not at the top": `document.querySelector(".coverage").getBoundingClientRect().bottom < innerHeight`,
				"an old one has no color":       `getComputedStyle(document.querySelector(".library .state")).color !== getComputedStyle(document.querySelector(".library .meta")).color`,
			},
			"/playbooks/api-error-rate": {"not three incidents and two alerts": `document.querySelectorAll("tbody tr").length === 5`},
			"/status":                   {"a number is broken": `[...document.querySelectorAll("td[data-label=Series], td[data-label='Of all']")].every(c => { const r = document.createRange(); r.selectNodeContents(c); return r.getClientRects().length === 1; })`},
		} {
			if err := chromedp.Do(ctx, chromedp.EmulateViewport(int64(width), 900), chromedp.Navigate(server.URL+path)); err != nil {
				t.Fatal(err)
			}
			conditions["something sticks out"], conditions["a cell is too narrow"] = nothingSticksOut, withinItsCell
			for what, condition := range conditions {
				holds(t, width, path+": "+what, condition, func(c string) (bool, error) { return chromedp.Run(ctx, chromedp.Evaluate[bool](c)) })
			}
		}
		chromedp.Cancel(ctx)
	}
}
