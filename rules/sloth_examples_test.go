package rules

import (
	"strings"
	"testing"
)

// slothExamples are specs in the shapes Sloth's own examples have: labels that are
// not texts, queries over several lines, subqueries, raw ratios, alerts disabled,
// several documents, the Kubernetes object with either way to write its keys.
const slothExamples = `version: "prometheus/v1"
service: "orders"
labels: {owner: "team-a", generated: true, tier: 2}
slos:
  # Comments stay.
  - name: "requests-availability"
    objective: 99.9
    description: "Responses without a server error."
    sli:
      events:
        error_query: sum(rate(http_request_duration_seconds_count{job="orders",code=~"(5..|429)"}[{{.window}}]))
        total_query: sum(rate(http_request_duration_seconds_count{job="orders"}[{{.window}}]))
    alerting:
      name: OrdersErrors
      labels: {category: "availability"}
      annotations: {summary: "Many errors in 'orders': {{ $value | humanizePercentage }}"}
      page_alert: {labels: {severity: pageteam, routing_key: team-a}}
      ticket_alert: {labels: {severity: "slack", slack_channel: "#alerts"}}
  - name: "http-latency"
    objective: 99.99
    interval: {slierror: "4m", metadata: "2m", alert: "2m"}
    sli:
      events:
        error_query: |
          (
            sum(rate(request_duration_seconds_count{verb!="WATCH"}[{{.window}}]))
            -
            sum(rate(request_duration_seconds_bucket{le="0.4",verb!="WATCH"}[{{.window}}]))
          )
        total_query: |
          sum(
            rate(request_duration_seconds_count{verb!="WATCH"}[{{.window}}])
          )
    alerting:
      page_alert: {disable: true}
      ticket_alert: {disable: true}
---
apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: sloth-home, namespace: monitoring, labels: {role: alert-rules}}
spec:
  service: "home-wifi"
  labels: {cluster: "valhalla"}
  slos:
    - name: "good-clients"
      objective: 95
      sli:
        events:
          errorQuery: sum_over_time((count(client_satisfaction_ratio < 0.75))[{{.window}}:]) OR on() vector(0)
          totalQuery: sum_over_time((count(client_satisfaction_ratio))[{{.window}}:])
      alerting:
        name: GoodWifi
        pageAlert: {labels: {severity: home}}
        ticket_alert: {labels: {severity: warning}}
---
apiVersion: sloth.slok.dev/v1
kind: ManagedPrometheusServiceLevel
metadata: {name: managed}
spec:
  service: "home-wifi"
  slos:
    - name: "raw"
      objective: 95
      sli:
        raw:
          errorRatioQuery: |
            1 - (
              sum(sum_over_time(client_satisfaction_ratio[{{.window}}]))
              /
              sum(count_over_time(client_satisfaction_ratio[{{.window}}]))
            )
`

func TestSlothExamples(t *testing.T) {
	got := parseAll(t, slothExamples)
	if len(got) != 4 {
		t.Fatalf("%d objectives", len(got))
	}
	o := got["orders-requests-availability"]
	if o.Labels["generated"] != "true" || o.Labels["tier"] != "2" || o.Team != "team-a" || o.Alerting.Page.Labels["routing_key"] != "team-a" ||
		o.Alerting.Ticket.Labels["category"] != "availability" || o.AlertLabels(Ticket)["severity"] != "slack" {
		t.Errorf("%+v", o)
	}
	quiet := got["orders-http-latency"]
	if !quiet.Alerting.Page.Disabled || !quiet.Alerting.Ticket.Disabled || len(quiet.Notes) != 1 {
		t.Errorf("%+v", quiet)
	}
	if s, err := shapeOf(quiet.SLI); err != nil || !s.observed() {
		t.Errorf("%+v, %v", s, err)
	}
	if wifi := got["home-wifi-good-clients"]; wifi.AlertLabels(Ticket)["severity"] != "warning" || wifi.Alerting.Name != "GoodWifi" {
		t.Errorf("%+v", wifi)
	}
	if !got["home-wifi-raw"].SLI.Raw() {
		t.Errorf("%+v", got["home-wifi-raw"])
	}
}

// Plugins are code of Sloth's, in whichever of the three places they are named.
func TestSlothPlugins(t *testing.T) {
	for _, edit := range [][3]string{
		{"slos:", "slo_plugins: {chain: [{id: sloth.dev/core/debug/v1, priority: 9}]}\nslos:", "s.yaml:5: slo_plugins run Sloth's own code"},
		{"    objective: 99.9", "    plugins: {chain: [{id: x}]}\n    objective: 99.9", "s.yaml:7: plugins run Sloth's own code"},
		{"      events:", "      plugin: {id: sloth-common/http/availability, options: {job: a}}\n      events:", "SLI plugins are Go code that Sloth runs: write the queries"},
	} {
		_, err := ParseObjectives("s.yaml", []byte(strings.Replace(goodSpec, edit[0], edit[1], 1)))
		if err == nil || !strings.Contains(err.Error(), edit[2]) {
			t.Errorf("%v\nwant %s", err, edit[2])
		}
	}
}
