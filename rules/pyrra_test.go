package rules

import (
	"cmp"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const pyrraExamples = `apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata:
  name: api-errors
  namespace: shop
  labels:
    prometheus: k8s
    pyrra.dev/team: checkout
  annotations:
    pyrra.dev/runbook: https://runbooks.example/api
    watchtower/meaning: Nobody can buy
spec:
  description: Requests to the API succeed.
  target: "99.9"
  window: 2w
  indicator:
    ratio:
      errors: {metric: 'http_requests_total{job="api",code=~"5.."}'}
      total: {metric: 'http_requests_total{job="api"}'}
      grouping: [route]
  alerting: {name: ApiErrors, absentName: ApiAbsent}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: api-latency, labels: {pyrra.dev/service: api}}
spec:
  target: "95"
  window: 28d
  indicator:
    latency:
      success: {metric: 'http_request_duration_seconds_bucket{job="api",le="0.5"}'}
      total: {metric: 'http_request_duration_seconds_count{job="api"}'}
  alerting: {absent: false, severities: {fastBurn: critical, mediumBurn: critical, slowBurn: warning}}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: api-native, namespace: shop}
spec:
  target: "99"
  window: 28d
  indicator:
    latencyNative: {latency: 250ms, total: {metric: 'http_request_duration_seconds{job="api"}'}}
  alerting: {burnrates: false}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: database-up, namespace: shop}
spec:
  target: "99.95"
  window: 4w
  indicator: {bool_gauge: {metric: 'pg_up{job="db"}'}}
  alerting: {disabled: true}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: good-all, namespace: shop}
spec: {target: "99", window: 4w, indicator: {ratio: {success: {metric: ok_total}, total: {metric: all_total}}}}
---
apiVersion: pyrra.dev/v1alpha1
kind: ServiceLevelObjective
metadata: {name: good-bad, namespace: shop}
spec: {target: "99", window: 4w, indicator: {ratio: {success: {metric: ok_total}, errors: {metric: bad_total}}}}
`

func TestReadPyrra(t *testing.T) {
	got := parseAll(t, pyrraExamples)
	native := `histogram_count(sum(rate(http_request_duration_seconds{job="api"}[{{.window}}])))`
	for id, want := range map[string]SLI{
		"shop-api-errors": {
			ErrorQuery: `sum(rate(http_requests_total{code=~"5..",job="api"}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total{job="api"}[{{.window}}]))`,
		},
		"api-api-latency": {
			ErrorQuery: `sum(rate(http_request_duration_seconds_count{job="api"}[{{.window}}])) - (sum(rate(http_request_duration_seconds_bucket{job="api",le="0.5"}[{{.window}}])) or vector(0))`,
			TotalQuery: `sum(rate(http_request_duration_seconds_count{job="api"}[{{.window}}]))`,
		},
		"shop-api-native": {
			ErrorQuery: native + ` - histogram_fraction(0, 0.25, sum(rate(http_request_duration_seconds{job="api"}[{{.window}}]))) * ` + native,
			TotalQuery: native,
		},
		"shop-database-up": {
			ErrorQuery: `sum(count_over_time(pg_up{job="db"}[{{.window}}])) - sum(sum_over_time(pg_up{job="db"}[{{.window}}]))`,
			TotalQuery: `sum(count_over_time(pg_up{job="db"}[{{.window}}]))`,
		},
		"shop-good-all": {
			ErrorQuery: `sum(rate(all_total[{{.window}}])) - (sum(rate(ok_total[{{.window}}])) or vector(0))`,
			TotalQuery: `sum(rate(all_total[{{.window}}]))`,
		},
		"shop-good-bad": {
			ErrorQuery: `sum(rate(bad_total[{{.window}}]))`,
			TotalQuery: `sum(rate(ok_total[{{.window}}])) + (sum(rate(bad_total[{{.window}}])) or vector(0))`,
		},
	} {
		if d := gocmp.Diff(want, got[id].SLI); d != "" {
			t.Errorf("%s: %s", id, d)
		}
		if s, err := shapeOf(want); err != nil || !s.observed() {
			t.Errorf("%s is not counted as samples arrive: %+v, %v", id, s, err)
		}
	}
	none := map[string]string{}
	first := got["shop-api-errors"]
	first.SLI = SLI{}
	runbook := AlertSpec{Labels: none, Annotations: map[string]string{"runbook": "https://runbooks.example/api"}}
	if d := gocmp.Diff(Objective{
		ID: "shop-api-errors", Service: "shop", SLO: "api-errors", Team: "checkout", Description: "Requests to the API succeed.",
		Promise: "Requests to the API succeed.", Meaning: "Nobody can buy", Target: 0.999, Period: 14 * testDay,
		GroupBy: []string{"route"}, MaxGroups: 100, Labels: map[string]string{"job": "api", "team": "checkout"},
		Alerting: Alerting{Name: "ApiErrors", Page: runbook, Ticket: runbook}, MinBadEvents: 3, File: "o.yaml", Line: 1,
		Notes: []string{"o.yaml:21: alerting.absentName has no effect: the alert is named TelemetryLost"},
	}, first); d != "" {
		t.Error(d)
	}
}

// Pyrra's switches of burn-rate alerts and of the absent alert are independent.
func TestPyrraAlerting(t *testing.T) {
	for alerting, want := range map[string]Alerting{
		"{}":                                  {},
		"{absent: false}":                     {Lost: Off},
		"{burnrates: false}":                  {Lost: On, Page: AlertSpec{Disabled: true}, Ticket: AlertSpec{Disabled: true}},
		"{burnrates: false, absent: false}":   {Lost: Off, Page: AlertSpec{Disabled: true}, Ticket: AlertSpec{Disabled: true}},
		"{disabled: true}":                    {Page: AlertSpec{Disabled: true}, Ticket: AlertSpec{Disabled: true}},
		"{severities: {slowBurn: warning}}":   {Ticket: AlertSpec{Labels: map[string]string{"severity": "warning"}}},
		"{severities: {fastBurn: critical}}":  {Page: AlertSpec{Labels: map[string]string{"severity": "critical"}}},
		"{name: Down, burnRateType: dynamic}": {Name: "Down"},
	} {
		o := parseOne(t, pyrraOne("ratio: {errors: {metric: bad_total}, total: {metric: all_total}}", "alerting: "+alerting))
		want.Name = cmp.Or(want.Name, "ErrorBudgetBurn")
		if d := gocmp.Diff(want, o.Alerting, cmpopts.EquateEmpty()); d != "" {
			t.Errorf("%s: %s", alerting, d)
		}
	}
}

func pyrraOne(indicator, more string) string {
	return "apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: x}\nspec:\n  target: '99'\n  window: 28d\n  indicator: {" + indicator + "}\n  " + more + "\n"
}

func TestPyrraFaults(t *testing.T) {
	good := pyrraOne("ratio: {errors: {metric: bad_total}, total: {metric: all_total}}", "")
	edit := func(old, now string) string {
		if !strings.Contains(good, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(good, old, now, 1)
	}
	for text, want := range map[string]string{
		edit("'99'", "'100'"):                                    "s.yaml:5: spec.target 100 leaves no error budget",
		edit("'99'", "'0.99'"):                                   "s.yaml:5: spec.target 0.99 is a percentage",
		edit("'99'", "[a]"):                                      "s.yaml:5: spec.target must be a number",
		edit("  target: '99'\n", ""):                             "s.yaml:5: spec.target is missing",
		edit("28d", "1M"):                                        "s.yaml:6: spec.window must be a duration",
		edit("28d", "2y"):                                        "s.yaml:6: spec.window 2y must be between 1h and 366d",
		edit("  window: 28d\n", ""):                              "s.yaml:5: spec.window is missing",
		edit("{name: x}", "{namespace: y}"):                      "s.yaml:1: metadata.name is missing",
		edit("{name: x}", "{name: a/b}"):                         `s.yaml:3: metadata.name "a/b" must be letters`,
		edit("{name: x}", "{name: x, namespace: -}"):             `service "-" must be letters`,
		edit("{name: x}", "{name: x, labels: {pyrra.dev/1: a}}"): `s.yaml:3: "pyrra.dev/1" cannot be a name`,
		edit("ServiceLevelObjective", "Other"):                   `s.yaml:2: kind "Other" is not known`,
		edit("metric: bad_total", "metric: sum(bad_total)"):      "ratio.errors.metric must be a metric with its labels",
		edit("metric: bad_total", "metric: 'bad_total{'"):        "ratio.errors.metric: correct the PromQL",
		edit("metric: bad_total", "metric: all_total"):           "error_query and total_query are the same",
		edit("errors: {metric: bad_total}, ", ""):                "ratio needs two of errors, success and total",
		edit("ratio:", "ratios:"):                                `s.yaml:7: indicator has no field "ratios"`,
		pyrraOne("", ""):                                         "s.yaml:7: indicator is empty",
		pyrraOne("bool_gauge: {metric: up}, ratio: {errors: {metric: a}, total: {metric: b}}", ""): "indicator has several kinds",
		pyrraOne("latency: {success: {metric: a_bucket}, total: {metric: a_count}}", ""):           "needs the bucket of the threshold",
		pyrraOne("latency: {success: {metric: 'a_bucket{le=\"1\"}'}}", ""):                         "latency needs success and total",
		pyrraOne("latencyNative: {latency: fast, total: {metric: a}}", ""):                         "latencyNative.latency must be a duration",
		pyrraOne("latencyNative: {total: {metric: a}}", ""):                                        "latencyNative needs latency",
		pyrraOne("bool_gauge: {grouping: [a]}", ""):                                                "bool_gauge needs metric",
		edit("indicator:", "alerting: {burnRateType: odd}\n  indicator:"):                          `alerting.burnRateType "odd" is not known`,
		edit("all_total}", "all_total}, grouping: [le]"):                                           "group_by",
		"apiVersion: pyrra.dev/v1alpha1\nkind: ServiceLevelObjective\nmetadata: {name: a}\n":       "s.yaml:1: spec is missing",
		"apiVersion: pyrra.dev/v2\n":                                                               `s.yaml:1: apiVersion "pyrra.dev/v2" is not known`,
		edit("{name: x}", "{name: x, annotations: {watchtower/period: 1m}}"):                       "s.yaml:3: watchtower/period 1m must be between",
		edit("{name: x}", "{name: x, annotations: {watchtower/perod: 1m}}"):                        "s.yaml:3: watchtower/perod is not known: known are alerts",
		edit("{name: x}", "{name: x, annotations: {watchtower/alerts: '{'}}"):                      "s.yaml:3: watchtower/alerts is not valid YAML",
		edit("{name: x}", "{name: x, annotations: {pyrra.dev/a: '{{'}}"):                           "metadata.annotations.pyrra.dev/a is not a valid template",
	} {
		_, err := ParseObjectives("s.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
