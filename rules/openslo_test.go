package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const opensloCheckout = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: checkout-works
  displayName: Checkout works
  labels: {team: shop, cost-unit: "7", tags: [auth, web]}
  annotations:
    other.example/key: "[not ours"
    watchtower/meaning: "Nobody can buy: revenue stops"
    watchtower/min_bad_events: "5"
    watchtower/alerts: |
      no_traffic_for: 5m
      budget_spent: [50, 90]
spec:
  description: Orders are placed without an error.
  service: shop
  indicator:
    metadata: {name: orders}
    spec:
      ratioMetric:
        counter: true
        good:
          metricSource:
            type: prometheus
            spec: {query: 'orders_total{outcome!="error"}'}
        total:
          metricSource:
            metricSourceRef: main
            spec: {query: orders_total}
  timeWindow:
    - duration: 1M
      calendar: {startTime: 2024-01-01 00:00:00, timeZone: America/New_York}
  budgetingMethod: Occurrences
  objectives:
    - displayName: Orders
      targetPercent: 99.5
---
apiVersion: openslo/v1
kind: DataSource
metadata: {name: main}
spec:
  type: Prometheus
  connectionDetails: {url: http://prometheus.example}
---
apiVersion: openslo/v1
kind: Service
metadata: {name: shop, labels: {team: nobody, tier: "1"}}
`

const opensloParts = `- apiVersion: openslo/v1
  kind: SLI
  metadata: {name: latency}
  spec:
    ratioMetric:
      bad: {metricSource: {type: Prometheus, spec: {query: "sum(rate(slow_total[5m]))"}}}
      total: {metricSource: {type: Prometheus, spec: {query: "sum(rate(all_total[1m]))"}}}
- apiVersion: openslo/v1
  kind: SLO
  metadata: {name: api}
  spec:
    service: front
    indicatorRef: latency
    timeWindow: [{duration: 4w, isRolling: true}]
    budgetingMethod: Timeslices
    objectives:
      - {displayName: "Fast enough!", target: 0.99, timeSliceTarget: 0.95, timeSliceWindow: 5}
      - {target: 0.9, timeSliceTarget: 1, timeSliceWindow: 1h}
`

const opensloThreshold = `apiVersion: openslo/v1
kind: SLO
metadata: {name: queue}
spec:
  service: worker
  indicator:
    spec:
      thresholdMetric: {metricSource: {type: Prometheus, spec: {query: max(queue_length)}}}
  budgetingMethod: RatioTimeslices
  objectives: [{op: lte, value: 100, target: 0.95, timeSliceWindow: 1m}]
---
apiVersion: openslo/v1
kind: SLO
metadata: {name: ratio}
spec:
  service: worker
  indicator:
    spec:
      ratioMetric:
        rawType: success
        raw: {metricSource: {type: Prometheus, spec: {query: job_success_ratio}}}
  budgetingMethod: Occurrences
  objectives: [{target: 0.95}]
`

const opensloComposite = `apiVersion: openslo/v1
kind: SLO
metadata: {name: home}
spec:
  service: front
  timeWindow: [{duration: 30d, isRolling: true}]
  budgetingMethod: Occurrences
  objectives:
    - displayName: Feed
      target: 0.98
      compositeWeight: 1
      indicator:
        metadata: {name: feed}
        spec:
          ratioMetric:
            counter: true
            bad: {metricSource: {type: Prometheus, spec: {query: 'feed_total{code="500"}'}}}
            total: {metricSource: {type: Prometheus, spec: {query: feed_total}}}
    - displayName: Stories
      target: 0.99
      compositeWeight: 3
      indicatorRef: stories
---
apiVersion: openslo/v1
kind: SLI
metadata: {name: stories}
spec:
  ratioMetric:
    counter: true
    bad: {metricSource: {type: Prometheus, spec: {query: 'stories_total{code="500"}'}}}
    total: {metricSource: {type: Prometheus, spec: {query: stories_total}}}
`

const opensloAlerts = `apiVersion: openslo/v1
kind: SLO
metadata: {name: login}
spec:
  service: auth
  indicator:
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: login_failed_total}}}
        total: {metricSource: {type: Prometheus, spec: {query: login_total}}}
  budgetingMethod: Occurrences
  objectives: [{target: 0.99}]
  alertPolicies:
    - alertPolicyRef: fast
    - kind: AlertPolicy
      metadata: {name: slow}
      spec:
        alertWhenBreaching: true
        alertWhenResolved: false
        conditions:
          - kind: AlertCondition
            metadata: {name: slow-burn}
            spec: {severity: ticket, condition: {kind: burnrate, op: gte, threshold: 2, lookbackWindow: 1d}}
        notificationTargets: [{targetRef: mail}]
---
apiVersion: openslo/v1
kind: AlertPolicy
metadata: {name: fast}
spec:
  alertWhenNoData: true
  conditions: [{conditionRef: fast-burn}]
  notificationTargets: [{targetRef: mail}]
---
apiVersion: openslo/v1
kind: AlertCondition
metadata: {name: fast-burn}
spec: {severity: sev1, condition: {kind: burnrate, threshold: 14, lookbackWindow: 1h, alertAfter: 5m}}
---
apiVersion: openslo/v1
kind: AlertNotificationTarget
metadata: {name: mail}
spec: {target: email}
`

func parseAll(t *testing.T, text string) map[string]Objective {
	t.Helper()
	found, err := ParseObjectives("o.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]Objective{}
	for _, o := range found {
		out[o.ID] = o
	}
	return out
}

func TestReadOpenSLO(t *testing.T) {
	got := parseOne(t, opensloCheckout)
	loc, err := time.LoadLocation("America/New_York")
	if err != nil {
		t.Fatal(err)
	}
	none := AlertSpec{Labels: map[string]string{}, Annotations: map[string]string{}}
	want := Objective{
		ID: "shop-checkout-works", Service: "shop", SLO: "checkout-works", Team: "shop",
		Description: "Orders are placed without an error.", Promise: "Orders are placed without an error.", Meaning: "Nobody can buy: revenue stops",
		Target: 0.995, Period: 31*testDay + time.Hour, Calendar: &Calendar{Month, 1, time.Date(2024, 1, 1, 0, 0, 0, 0, loc)},
		Labels: map[string]string{"team": "shop", "cost_unit": "7", "tags": "auth,web", "tier": "1"},
		SLI: SLI{
			ErrorQuery: `sum(rate(orders_total[{{.window}}])) - (sum(rate(orders_total{outcome!="error"}[{{.window}}])) or vector(0))`,
			TotalQuery: `sum(rate(orders_total[{{.window}}]))`,
		},
		Alerting:     Alerting{Name: "ErrorBudgetBurn", Page: none, Ticket: none, NoTrafficFor: 5 * time.Minute, BudgetSpent: []float64{0.5, 0.9}},
		MinBadEvents: 5, File: "s.yaml", Line: 1,
		Notes: []string{"s.yaml:43: connectionDetails has no effect: queries are answered from what this server has received"},
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	if s, err := shapeOf(got.SLI); err != nil || !s.observed() {
		t.Errorf("not counted: %+v, %v", s, err)
	}
}

func TestOpenSLOObjectives(t *testing.T) {
	got := parseAll(t, opensloParts)
	fast, second := got["front-api-fast-enough"], got["front-api-2"]
	if len(got) != 2 || fast.Target != 0.99 || fast.Budgeting != (Budgeting{Timeslices, 5 * time.Minute, 0.95}) || fast.Period != 28*testDay || fast.Line != 17 {
		t.Errorf("%+v", fast)
	}
	if second.Budgeting != (Budgeting{Timeslices, time.Hour, 1}) || second.SLI.ErrorQuery != "sum(rate(slow_total[{{.window}}]))" {
		t.Errorf("%+v", second)
	}
	got = parseAll(t, opensloThreshold)
	if q := got["worker-queue"].SLI.ErrorRatioQuery; q != "avg(avg_over_time((((max(queue_length)) == (max(queue_length))) > bool 100)[{{.window}}:15s]))" {
		t.Errorf("threshold: %s", q)
	}
	if o := got["worker-queue"]; o.Period != 30*testDay || o.Budgeting != (Budgeting{RatioTimeslices, time.Minute, 0}) || o.MinBadEvents != 0 {
		t.Errorf("%+v", o)
	}
	if q := got["worker-ratio"].SLI.ErrorRatioQuery; q != "1 - (avg(avg_over_time(job_success_ratio[{{.window}}])))" {
		t.Errorf("raw: %s", q)
	}
}

func TestOpenSLOComposite(t *testing.T) {
	got := parseAll(t, opensloComposite)
	whole, part := got["front-home"], got["front-home-stories"]
	if len(got) != 3 || !near(whole.Target, (0.98+3*0.99)/4, 1e-9) || whole.Alerting.Page.Disabled {
		t.Errorf("%+v", whole)
	}
	if part.Target != 0.99 || !part.Alerting.Page.Disabled || !part.Alerting.Ticket.Disabled {
		t.Errorf("%+v", part)
	}
	s, err := shapeOf(whole.SLI)
	if err != nil || !s.observed() {
		t.Fatalf("%+v, %v", s, err)
	}
	weights := map[string]float64{}
	for _, term := range s.terms {
		weights[term.selector] = term.bad + 10*term.total
	}
	if d := cmp.Diff(map[string]float64{`feed_total{code="500"}`: 1, "feed_total": 10, `stories_total{code="500"}`: 3, "stories_total": 30}, weights); d != "" {
		t.Error(d)
	}
	// With a ratio among the parts, the whole is the weighed mean of ratios.
	mixed := strings.Replace(opensloComposite, "    bad: {metricSource: {type: Prometheus, spec: {query: 'stories_total{code=\"500\"}'}}}\n    total: {metricSource: {type: Prometheus, spec: {query: stories_total}}}\n",
		"    rawType: failure\n    raw: {metricSource: {type: Prometheus, spec: {query: 'stories_bad_ratio'}}}\n", 1)
	if q := parseAll(t, mixed)["front-home"].SLI.ErrorRatioQuery; !strings.HasSuffix(q, ` + 3 * (avg(avg_over_time(stories_bad_ratio[{{.window}}])))) / 4`) || !strings.HasPrefix(q, `(((sum(rate(feed_total{code="500"}[{{.window}}])) or vector(0)) / (sum`) {
		t.Errorf("mixed: %s", q)
	}
}

func TestOpenSLOAlerts(t *testing.T) {
	got := parseOne(t, opensloAlerts)
	a := got.Alerting
	want := []Pair{{Page, time.Hour, 5 * time.Minute, 14, 0}, {Ticket, testDay, testDay, 2, 0}}
	if d := cmp.Diff(want, a.Pairs); d != "" {
		t.Error(d)
	}
	if a.Lost != On || a.Page.Labels["severity"] != "sev1" || a.Ticket.Labels["severity"] != "" || a.Page.Labels["notification_target"] != "mail" {
		t.Errorf("%+v", a)
	}
	if len(got.Notes) != 1 || !strings.Contains(got.Notes[0], "s.yaml:20: alertWhenResolved: false has no effect") {
		t.Errorf("notes %q", got.Notes)
	}
	edit := func(old, now string) Objective {
		t.Helper()
		if !strings.Contains(opensloAlerts, old) {
			t.Fatalf("no %q", old)
		}
		return parseOne(t, strings.Replace(opensloAlerts, old, now, 1))
	}
	for _, c := range []struct {
		old, now, note   string
		page, ticket     bool
		severity, target string
	}{
		{"alertWhenBreaching: true", "alertWhenBreaching: false", "", true, false, "sev1", "mail"},
		{"op: gte", "op: lt", "op lt has no effect", true, false, "sev1", "mail"},
		{"severity: sev1", "severity: angry", `severity "angry" is taken for a page`, true, true, "angry", "mail"},
		{"severity: sev1", "severity: warning", `severity "ticket" is sent as "warning"`, false, true, "", "mail"},
		{"lookbackWindow: 1h", "lookbackWindow: 9w", "its window 9w is longer than the period 30d", false, true, "", "mail"},
	} {
		o := edit(c.old, c.now)
		if o.Alerting.Page.Disabled == c.page || o.Alerting.Ticket.Disabled == c.ticket || o.Alerting.Page.Labels["severity"] != c.severity {
			t.Errorf("%s: %+v", c.now, o.Alerting)
		}
		if c.note != "" && !strings.Contains(strings.Join(o.Notes, "\n"), c.note) {
			t.Errorf("%s: notes %q", c.now, o.Notes)
		}
	}
}

// References lead over all files that are read together, and only over those.
func TestOpenSLOFiles(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	docs := strings.Split(opensloAlerts, "---\n")
	for i, doc := range docs {
		write(string(rune('a'+i))+".yaml", doc)
	}
	got, err := ReadObjectives([]string{"*.yaml"}, dir)
	if err != nil || len(got) != 1 || len(got[0].Alerting.Pairs) != 2 || got[0].File != filepath.Join(dir, "a.yaml") {
		t.Fatalf("%+v, %v", got, err)
	}
	_, err = ParseObjectives("a.yaml", []byte(docs[0]))
	for _, want := range []string{`a.yaml:15: there is no AlertPolicy named "fast": none is defined`, `a.yaml:25: there is no AlertNotificationTarget named "mail"`} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nwant %s", err, want)
		}
	}
	write("z.yaml", docs[2])
	if _, err = ReadObjectives([]string{"*.yaml"}, dir); err == nil || !strings.Contains(err.Error(), `z.yaml:1: the AlertCondition "fast-burn" is already defined, at `+filepath.Join(dir, "c.yaml")+":1") {
		t.Errorf("a name twice: %v", err)
	}
}
