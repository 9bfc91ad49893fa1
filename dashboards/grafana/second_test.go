package grafana_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/watchtower-hub/watchtower/dashboards/grafana"
	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
)

// Newer Grafanas save an edit in their second format, and refuse it in the first.
func TestEditedInTheSecondFormat(t *testing.T) {
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "share")
	push(t, c, ds, grafana.PushOptions{})
	g.EditSecond("wt-svc-share", "maria", "a try", func(d map[string]any) {
		panel(d, "Budget left")["targets"].([]any)[0].(map[string]any)["expr"] = "up"
	})
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	d := plan.Differences[1]
	same(t, []string{
		"was saved in Grafana's second format",
		"panel `Budget left`: query A is `up`, is generated as `max(slo:period_error_budget_remaining:ratio{sloth_id=\"share-availability\"})`",
	}, d.Words)
	if d.Edited == nil || d.Edited.By != "maria" || d.Foreign || !strings.Contains(d.Unified, `-          "expr": "up"`) {
		t.Errorf("got %+v", d)
	}
	same(t, []string{
		"wt-overview unchanged",
		"wt-svc-share refused: edited by hand by maria on 2026-11-23 09:03 UTC (a try); `watchtower dashboards diff` shows what, --force overwrites it",
	}, push(t, c, ds, grafana.PushOptions{}))
	same(t, []string{"wt-overview unchanged", "wt-svc-share changed"}, push(t, c, ds, grafana.PushOptions{Force: true}))
	same(t, []string{"wt-overview unchanged", "wt-svc-share unchanged"}, push(t, c, ds, grafana.PushOptions{}))
	// Saved in the other format without a change.
	g.EditSecond("wt-svc-share", "maria", "", func(map[string]any) {})
	same(t, []string{"wt-overview unchanged", "wt-svc-share unchanged"}, push(t, c, ds, grafana.PushOptions{}))
	// Generated no more, and edited.
	same(t, []string{
		"wt-overview changed",
		"wt-svc-share refused: edited by hand by maria on 2026-11-23 09:05 UTC; `watchtower dashboards diff` shows what, --force removes it",
	}, push(t, c, boards(t, 0.99), grafana.PushOptions{Prune: true}))
}

// Where the history cannot be read, the resource tells an id.
func TestSecondFormatWithoutHistory(t *testing.T) {
	g := start(t)
	ds := boards(t, 0.99, "share")
	c := client(t, g, grafanatest.Token)
	push(t, c, ds, grafana.PushOptions{})
	g.EditSecond("wt-svc-share", "maria", "", func(d map[string]any) { d["title"] = "Sharing" })
	const history = "GET /api/dashboards/uid/wt-svc-share/versions"
	g.Break(history, http.StatusBadRequest, nil, "{}")
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	if e := plan.Differences[1].Edited; e == nil || e.By != "user:maria" || e.At.IsZero() {
		t.Errorf("got %+v", e)
	}
	g.Break("GET /apis/", http.StatusForbidden, nil, `{"message":"no"}`)
	if _, err := c.Compare(t.Context(), folder, ds); err == nil || !strings.Contains(err.Error(), "read dashboard wt-svc-share") {
		t.Errorf("got %v", err)
	}
}
