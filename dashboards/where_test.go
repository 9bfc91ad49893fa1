package dashboards

import (
	"strings"
	"testing"

	"github.com/watchtower-hub/watchtower/rules"
)

func TestSummed(t *testing.T) {
	for query, want := range map[string]string{
		`sum(rate(requests_total{code=~"5.."}[{{.window}}]))`:        `rate(requests_total{code=~"5.."}[5m])`,
		`(sum by (route) (increase(errors_total[{{ .window }}])))`:   `increase(errors_total[5m])`,
		`sum(rate(a[{{.window}}])) - sum(rate(b[{{.window}}]))`:      "",
		`max(rate(a[{{.window}}]))`:                                  "",
		`1 - sum(x) / sum(y`:                                         "",
		`sum(rate(a[{{.window}}]) - rate(b{le="0.5"}[{{.window}}]))`: `rate(a[5m]) - rate(b{le="0.5"}[5m])`,
	} {
		got, ok := summed(query, "5m")
		if got != want || ok != (want != "") {
			t.Errorf("%s sums %q, want %q", query, got, want)
		}
	}
}

// TestWhereItBurns shows the series behind the errors, and nothing where they are not known.
func TestWhereItBurns(t *testing.T) {
	o := objective("share", "availability", 0.99, 28*day)
	o.SLI.ErrorQuery = `sum(rate(requests_total{code="500"}[{{.window}}]))`
	rows := Input{}.promise(o).rows
	const series = `
  requests_total{code="500", route="/a"} 0+60x10
  requests_total{code="500", route="/b"} 0+120x10
  requests_total{code="200", route="/a"} 0+600x10
`
	same(t, []string{"500 /a 1", "500 /b 2"}, ask(t, series, panelQuery(t, rows, "where/series", 0)))
	same(t, []string{"none 0"}, ask(t, "x 1", panelQuery(t, rows, "where/series", 0)))
	o.SLI = rules.SLI{ErrorRatioQuery: "avg_over_time(ratio[{{.window}}])"}
	for _, r := range (Input{}).promise(o).rows {
		if r.key == "where" {
			t.Error("a ratio has no series that fail")
		}
		if r.key == "how" && !strings.Contains(r.stacks[0][0].content, "avg_over_time(ratio[{{.window}}])") {
			t.Errorf("it is measured as %s", r.stacks[0][0].content)
		}
	}
}

func TestFallbacksOfEmptyQueries(t *testing.T) {
	rows := Input{}.onCall().rows
	none := func(key, want string) {
		t.Helper()
		same(t, []string{want}, ask(t, "x 1", strings.ReplaceAll(panelQuery(t, rows, key, 0), "$__range", "10m")))
	}
	for _, key := range []string{"now/open", "now/pages", "now/mtta", "now/mttr", "noise/ignored", "noise/short", "noise/silences"} {
		none(key, "0")
	}
	for _, key := range []string{"load/teams", "load/firing", "load/sent", "load/escalations"} {
		none(key, "none 0")
	}
	rows = []row{callsRow("share")}
	none("calls/rate", "none 0")
	const calls = `
  traces_service_graph_request_total{client="share", server="media", failed="false"} 0+540x10
  traces_service_graph_request_total{client="share", server="media", failed="true"} 0+60x10
  traces_service_graph_request_total{client="feed", server="media", failed="true"} 0+60x10
`
	same(t, []string{"media 10"}, ask(t, calls, panelQuery(t, rows, "calls/rate", 0)))
	same(t, []string{"media 0.1"}, ask(t, calls, panelQuery(t, rows, "calls/errors", 0)))
	const answered = `
  watchtower_incident_acknowledge_seconds_sum{severity="page", team="a"} 0 120x9
  watchtower_incident_acknowledge_seconds_count{severity="page", team="a"} 0 2x9
  watchtower_incidents_total{severity="page", team="a", service="s"} 0 4x9
`
	rows = Input{}.onCall().rows
	same(t, []string{"60"}, ask(t, answered, strings.ReplaceAll(panelQuery(t, rows, "now/mtta", 0), "$__range", "15m")))
	same(t, []string{"0.5"}, ask(t, answered, strings.ReplaceAll(panelQuery(t, rows, "noise/ignored", 0), "$__range", "15m")))
}
