package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

// feedSpec is one more objective.
const feedSpec = `version: prometheus/v1
service: feed
slos:
  - name: availability
    objective: 99
    watchtower: {period: 12h, promise: The feed loads}
    sli:
      events:
        error_query: sum(rate(requests_total{job="feed",outcome="bad"}[{{.window}}]))
        total_query: sum(rate(requests_total{job="feed"}[{{.window}}]))
    alerting: {name: FeedErrorBudgetBurn}
`

// board returns the page of a dashboard.
func (w *world) board(path string, want ...string) string {
	w.t.Helper()
	status, body := w.get(path)
	if status != http.StatusOK {
		w.t.Errorf("%s answers %d", path, status)
	}
	for _, s := range want {
		if s, not := strings.CutPrefix(s, "not "); strings.Contains(body, s) == not {
			w.t.Errorf("%s has %s: %v", path, s, not)
		}
	}
	return body
}

// TestDashboardsFollowTheObjectives: the pages draw what is promised now, from what is
// stored, with what happened.
func TestDashboardsFollowTheObjectives(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	w.board("/dashboards", `href="/dashboards/wt-overview"`, `href="/dashboards/wt-svc-share"`, "not wt-svc-feed")

	now := time.Now()
	w.requests(seconds(now.Add(-5*time.Minute), now), 20, 0.1)
	deploy, err := json.Marshal(map[string]any{"text": "Release 2.4.1", "service": "share", "at": now.Add(-time.Minute), "link": "https://deploys.example/1"})
	if err != nil {
		t.Fatal(err)
	}
	if status, answer := w.post(w.url(annotationsPath), "application/json", deploy); status != http.StatusCreated {
		t.Fatalf("annotation: %d %s", status, answer)
	}
	w.judged(now)
	var body string
	for end := time.Now().Add(deadline); time.Now().Before(end); time.Sleep(200 * time.Millisecond) { // what is recorded comes at the next interval
		if _, body = w.get("/dashboards/wt-svc-share?from=now-10m"); strings.Contains(body, ">99.9%<") || strings.Contains(body, `class="stat ink-good"`) {
			break
		}
	}
	w.board("/dashboards/wt-svc-share?from=now-10m&to=now", "Sharing a post works: 99.5 % over 12 hours", `class="stat ink-good"`, ` ink-1" points="`,
		`<a href="https://deploys.example/1">Release 2.4.1</a>`, `class="mark"`, `<a href="/objectives/`+objectiveID+`">Objective `+objectiveID+`</a>`, "not The query failed")
	w.board("/dashboards/wt-overview", `<a href="/objectives/`+objectiveID+`">`+objectiveID+`</a>`, "share: Release 2.4.1", "not The query failed")

	w.write("slos/feed.yaml", feedSpec)
	if status, answer := w.post(w.url("/-/reload"), "text/plain", nil); status != http.StatusOK {
		t.Fatalf("reload: %d %s", status, answer)
	}
	w.board("/dashboards", `href="/dashboards/wt-svc-share"`, `href="/dashboards/wt-svc-feed"`)
	w.board("/dashboards/wt-svc-feed", "The feed loads: 99 % over 12 hours", "not Release 2.4.1")
}

// TestQuerierAnswers asks the store as the viewer does.
func TestQuerierAnswers(t *testing.T) {
	w := newWorld(t, map[string]string{})
	now := time.Now().Truncate(time.Second)
	w.requests(seconds(now.Add(-time.Minute), now), 10, 1)
	q := querier{w.app.store}
	is := func(want string, ask func() (string, error)) {
		t.Helper()
		if got, err := ask(); got != want {
			t.Errorf("got %s (%v), want %s", got, err, want)
		}
	}
	instant := func(expr string) func() (string, error) {
		return func() (string, error) {
			all, err := q.Instant(t.Context(), expr, now)
			text := ""
			for _, s := range all {
				text += fmt.Sprint(s.Labels["outcome"], "=", s.Points[0].Value, " ")
			}
			return strings.TrimSpace(text), err
		}
	}
	is("bad=61 ok=610", instant(`sort(requests_total{job="share"})`))
	is("=42", instant("42"))
	is("", instant(`"text"`))
	is("", instant("sum("))
	is("", instant("requests_total[1m]"))
	is("3 610", func() (string, error) {
		all, err := q.Range(t.Context(), `requests_total{outcome="ok"}`, now.Add(-20*time.Second), now, 10*time.Second)
		if err != nil || len(all) != 1 {
			return fmt.Sprint(len(all)), err
		}
		return fmt.Sprint(len(all[0].Points), all[0].Points[2].Value), nil
	})
	for _, expr := range []string{"sum(", `"text"`} {
		if all, err := q.Range(t.Context(), expr, now.Add(-time.Minute), now, time.Second); err == nil {
			t.Errorf("%s is answered: %v", expr, all)
		}
	}
}
