package dashboards

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"

	"github.com/watchtower-hub/watchtower/rules"
)

// ask answers a query at the tenth minute of the series and writes each result
// as "label=value… number", sorted.
func ask(t *testing.T, series, expr string) []string {
	t.Helper()
	store := promqltest.LoadedStorage(t, "load 1m\n"+strings.Trim(series, "\n"))
	defer store.Close()
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second})
	expr = strings.ReplaceAll(expr, "$__rate_interval", "5m")
	q, err := engine.NewInstantQuery(t.Context(), store, nil, expr, time.Unix(600, 0))
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	defer q.Close()
	vector, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s\n%v", expr, err)
	}
	var rows []string
	for _, s := range vector {
		var values []string
		s.Metric.Range(func(l labels.Label) {
			values = append(values, l.Value)
		})
		rows = append(rows, strings.TrimSpace(strings.Join(values, " ")+" "+fmt.Sprintf("%.4g", s.F)))
	}
	slices.Sort(rows)
	return rows
}

func same(t *testing.T, want, got []string) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func panelQuery(t *testing.T, rows []row, key string, n int) string {
	t.Helper()
	for _, r := range rows {
		for _, s := range r.stacks {
			for _, p := range s {
				if r.key+"/"+p.key == key {
					return p.queries[n].expr
				}
			}
		}
	}
	t.Fatalf("there is no panel %s", key)
	return ""
}

const recorded = `
  slo:period_error_budget_remaining:ratio{sloth_id="a", sloth_service="s", sloth_slo="a"} -0.1+0x10
  slo:period_error_budget_remaining:ratio{sloth_id="b", sloth_service="s", sloth_slo="b"} 0.9+0x10
  slo:period_error_budget_remaining:ratio{sloth_id="c", sloth_service="s", sloth_slo="c"} 0.2+0x10
  slo:period_error_budget_remaining:ratio{sloth_id="d", sloth_service="s", sloth_slo="d", team="x"} 1+0x10
  slo:current_burn_rate:ratio{sloth_id="a", sloth_service="s", sloth_slo="a"} 20+0x10
  slo:current_burn_rate:ratio{sloth_id="b", sloth_service="s", sloth_slo="b"} 7+0x10
  slo:current_burn_rate:ratio{sloth_id="c", sloth_service="s", sloth_slo="c"} 2+0x10
  slo:period_burn_rate:ratio{sloth_id="b", sloth_service="s", sloth_slo="b", sloth_window="x"} 0.5+0x10
  slo:error_budget:ratio{sloth_id="b", sloth_service="s", sloth_slo="b"} 0.01+0x10
  slo:period_error_budget_remaining:ratio{sloth_id="a:x", sloth_service="s", sloth_slo="a", route="/x", watchtower_parent="a"} -0.5+0x10
  slo:current_burn_rate:ratio{sloth_id="a:x", sloth_service="s", sloth_slo="a", route="/x", watchtower_parent="a"} 50+0x10
  slo:current_burn_rate:ratio{sloth_id="a:none", sloth_service="s", sloth_slo="a", route="none", watchtower_parent="a"} 1+0x10
`

func TestOverviewQueries(t *testing.T) {
	rows := overview(Input{}, nil).rows
	same(t, []string{"a s a 3", "b s b 2", "c s c 1", "d s d 0"}, ask(t, recorded, panelQuery(t, rows, "all/objectives", 0)))
	same(t, []string{"b s b 0.995"}, ask(t, recorded, panelQuery(t, rows, "all/objectives", 3)))
	for key, want := range map[string]string{"now/spent": "1", "now/burning": "2", "now/low": "1", "now/count": "0"} {
		same(t, []string{want}, ask(t, recorded, panelQuery(t, rows, key, 0)))
	}
}

// The overview counts objectives and not their groups; those have two panels with a line each.
func TestGroupsAreDrawnByTheirLabel(t *testing.T) {
	o := objective("s", "a", 0.99, 28*day)
	o.ID, o.GroupBy = "a", []string{"route"}
	member := o
	member.ID, member.Parent, member.GroupBy = "a:x", "a", nil
	rows := Input{}.service("s", []rules.Objective{o}).rows
	same(t, []string{"/x 50", "none 1"}, ask(t, recorded, panelQuery(t, rows, "groups/a/burn", 0)))
	same(t, []string{"/x -0.5"}, ask(t, recorded, panelQuery(t, rows, "groups/a/budget", 0)))
	all, err := Build(Input{Objectives: []rules.Objective{o, member}})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if strings.Contains(string(d.JSON), "a:x") {
			t.Errorf("%s draws a group by its name", d.Title)
		}
	}
}

func TestAlarmIsTheSmallerWindow(t *testing.T) {
	o := objective("share", "availability", 0.99, 28*day)
	rows := []row{Input{}.objective(o)}
	const series = `
  slo:sli_error:ratio_rate1h{sloth_id="share-availability", sloth_window="1h"} 0.2688+0x10
  slo:sli_error:ratio_rate5m{sloth_id="share-availability", sloth_window="5m"} 0.5+0x10
  slo:error_budget:ratio{sloth_id="share-availability", team="before"} 0.01+0x10
  slo:sli_error:ratio_rate1h{sloth_id="other", sloth_window="1h"} 0+0x10
  slo:error_budget:ratio{sloth_id="share-availability"} 0.01+0x10
  slo:error_budget:ratio{sloth_id="other"} 0.5+0x10
`
	if pairs, _ := o.Windows(); pairs[0].Factor != 13.44 || pairs[0].Severity != rules.Page {
		t.Fatalf("the first pair is %+v", pairs[0])
	}
	same(t, []string{"2"}, ask(t, series, panelQuery(t, rows, "objective/share-availability/alarm", 0)))
	same(t, []string{"0.5"}, ask(t, series, panelQuery(t, rows, "objective/share-availability/success", 0)))
}

// Whichever of the usual names a service uses, its rate, errors and durations are shown.
func TestMetricsOfEitherName(t *testing.T) {
	rows := []row{metricsRow("share")}
	for name, series := range map[string]string{
		"OpenTelemetry": `
  http_server_request_duration_seconds_count{job="backend/share", http_response_status_code="200"} 0+540x10
  http_server_request_duration_seconds_count{job="backend/share", http_response_status_code="503"} 0+60x10
  http_server_request_duration_seconds_count{job="backend/other", http_response_status_code="503"} 0+60x10
  http_server_request_duration_seconds_bucket{job="backend/share", le="1"} 0+600x10
  http_server_request_duration_seconds_bucket{job="backend/share", le="+Inf"} 0+600x10
`,
		"client library": `
  http_requests_total{job="share", code="200"} 0+540x10
  http_requests_total{job="share", code="503"} 0+60x10
  http_requests_total{job="share-more", code="503"} 0+60x10
  http_request_duration_seconds_bucket{job="share", le="1"} 0+600x10
  http_request_duration_seconds_bucket{job="share", le="+Inf"} 0+600x10
`,
		"client library with status": `
  http_requests_total{job="share", status="200"} 0+540x10
  http_requests_total{job="share", status="503"} 0+60x10
  http_request_duration_seconds_bucket{job="share", le="1"} 0+600x10
  http_request_duration_seconds_bucket{job="share", le="+Inf"} 0+600x10
`,
	} {
		t.Run(name, func(t *testing.T) {
			same(t, []string{"10"}, ask(t, series, panelQuery(t, rows, "metrics/rate", 0)))
			same(t, []string{"0.1"}, ask(t, series, panelQuery(t, rows, "metrics/errors", 0)))
			same(t, []string{"0.5"}, ask(t, series, panelQuery(t, rows, "metrics/duration", 0)))
		})
	}
	// Nothing failed yet: the share is zero, not unknown.
	same(t, []string{"0"}, ask(t, `  http_requests_total{job="share", code="200"} 0+60x10`, panelQuery(t, rows, "metrics/errors", 0)))
}

func TestSpanQueries(t *testing.T) {
	in := Input{SpanCalls: DefaultSpanCalls, SpanDuration: DefaultSpanDuration}
	rows := []row{in.spansRow("share"), in.outgoingRow("share")}
	const series = `
  traces_span_metrics_calls_total{service_name="share", span_kind="SPAN_KIND_SERVER", span_name="POST /share", status_code="STATUS_CODE_UNSET"} 0+45x10
  traces_span_metrics_calls_total{service_name="share", span_kind="SPAN_KIND_SERVER", span_name="POST /share", status_code="STATUS_CODE_ERROR"} 0+15x10
  traces_span_metrics_calls_total{service_name="share", span_kind="SPAN_KIND_SERVER", span_name="GET /ok", status_code="STATUS_CODE_UNSET"} 0+60x10
  traces_span_metrics_calls_total{service_name="share", span_kind="SPAN_KIND_CLIENT", span_name="auth", status_code="STATUS_CODE_ERROR"} 0+60x10
  traces_span_metrics_duration_milliseconds_bucket{service_name="share", span_kind="SPAN_KIND_SERVER", span_name="GET /ok", le="100"} 0+60x10
  traces_span_metrics_duration_milliseconds_bucket{service_name="share", span_kind="SPAN_KIND_SERVER", span_name="GET /ok", le="+Inf"} 0+60x10
`
	same(t, []string{"GET /ok 1", "POST /share 1"}, ask(t, series, panelQuery(t, rows, "spans/rate", 0)))
	same(t, []string{"GET /ok 0", "POST /share 0.25"}, ask(t, series, panelQuery(t, rows, "spans/errors", 0)))
	same(t, []string{"GET /ok 95"}, ask(t, series, panelQuery(t, rows, "spans/duration", 0)))
	same(t, []string{"auth 1"}, ask(t, series, panelQuery(t, rows, "outgoing/errors", 0)))
}

func TestSpell(t *testing.T) {
	for d, want := range map[time.Duration]string{
		28 * day: "28 days", day: "1 day", 36 * time.Hour: "36 hours", time.Hour: "1 hour", 90 * time.Minute: "90 minutes",
		5 * time.Second: "5 seconds", time.Second: "1 second", 1500 * time.Millisecond: "1.5s",
	} {
		if got := spell(d); got != want {
			t.Errorf("%s is spelled %q, want %q", d, got, want)
		}
	}
}
