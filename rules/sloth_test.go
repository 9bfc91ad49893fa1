package rules

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const goodSpec = `version: prometheus/v1
service: share
labels:
  owner: growth
slos:
  - name: requests
    objective: 99.9
    description: Requests to share succeed.
    labels:
      tier: "1"
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="share"}[{{ .window }}]))
    alerting:
      name: ShareBroken
      labels: {category: availability}
      annotations: {runbook: "https://example.org/share"}
      page_alert:
        labels: {severity: critical, channel: "#share"}
      ticket_alert:
        disable: true
    watchtower: {period: 28d, promise: Sharing a post works, min_bad_events: 5}
`

func TestReadSloth(t *testing.T) {
	got, err := ParseObjectives("share.yaml", []byte(goodSpec))
	if err != nil {
		t.Fatal(err)
	}
	want := []Objective{{
		ID: "share-requests", Service: "share", SLO: "requests", Team: "growth",
		Description: "Requests to share succeed.", Promise: "Sharing a post works",
		Target: 0.999, Period: 28 * testDay, MinBadEvents: 5,
		Labels: map[string]string{"owner": "growth", "tier": "1"},
		SLI: SLI{
			ErrorQuery: `sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total{job="share"}[{{ .window }}]))`,
		},
		Alerting: Alerting{
			Name: "ShareBroken",
			Page: AlertSpec{
				Labels:      map[string]string{"category": "availability", "severity": "critical", "channel": "#share"},
				Annotations: map[string]string{"runbook": "https://example.org/share"},
			},
			Ticket: AlertSpec{
				Disabled: true, Labels: map[string]string{"category": "availability"},
				Annotations: map[string]string{"runbook": "https://example.org/share"},
			},
		},
		File: "share.yaml", Line: 6,
	}}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	ls := got[0].AlertLabels(Page)
	for name, v := range map[string]string{
		"alertname": "ShareBroken", "service": "share", "slo": "requests", "severity": "critical", "team": "growth", "owner": "growth",
		"sloth_id": "share-requests", "sloth_service": "share", "sloth_slo": "requests", "sloth_severity": "page", "tier": "1", "channel": "#share",
	} {
		if ls[name] != v {
			t.Errorf("label %s is %q, want %q", name, ls[name], v)
		}
	}
}

func TestReadSlothKubernetes(t *testing.T) {
	got, err := ParseObjectives("k8s.yaml", []byte(`apiVersion: sloth.slok.dev/v1
kind: PrometheusServiceLevel
metadata: {name: x, namespace: monitoring}
spec:
  service: auth
  slos:
    - name: login
      objective: 99
      sli:
        events:
          errorQuery: sum(rate(login_failures_total[{{.window}}]))
          totalQuery: sum(rate(logins_total[{{.window}}]))
      alerting:
        pageAlert: {disable: true}
---
version: prometheus/v1
service: feed
slos:
  - name: raw
    objective: 95
    sli: {raw: {error_ratio_query: "1 - avg(avg_over_time(up[{{.window}}]))"}}
---
`))
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || got[0].ID != "auth-login" || !got[0].Alerting.Page.Disabled || got[0].Period != 30*testDay || got[0].Alerting.Name == "" {
		t.Errorf("got %+v", got)
	}
	if got[1].MinBadEvents != 0 || !got[1].SLI.Raw() || got[1].Promise == "" {
		t.Errorf("raw: %+v", got[1])
	}
}

func TestReadSlothFaults(t *testing.T) {
	edit := func(old, now string) string {
		if !strings.Contains(goodSpec, old) {
			t.Fatalf("no %q in the spec", old)
		}
		return strings.Replace(goodSpec, old, now, 1)
	}
	for name, c := range map[string]struct{ spec, want string }{
		"unknown field":         {edit("    description:", "    describe:"), `s.yaml:8: an entry of slos has no field "describe"`},
		"percent":               {edit("99.9", "100"), "s.yaml:7: objective 100 leaves no error budget"},
		"above percent":         {edit("99.9", "120"), "s.yaml:7: objective 120 leaves no error budget"},
		"negative":              {edit("99.9", "-1"), "s.yaml:7: objective -1 promises nothing"},
		"ratio":                 {edit("99.9", "0.999"), "s.yaml:7: objective 0.999 is a percentage"},
		"not a number":          {edit("99.9", "lots"), "s.yaml:7: objective must be a number"},
		"not finite":            {edit("99.9", ".nan"), "s.yaml:7: objective must be a number"},
		"no objective":          {edit("    objective: 99.9\n", ""), "s.yaml:6: objective is missing"},
		"no name":               {edit("name: requests", "name: ''"), "s.yaml:6: name is missing"},
		"bad name":              {edit("name: requests", "name: a/b"), `s.yaml:6: name "a/b" must be letters`},
		"no service":            {edit("service: share\n", ""), "s.yaml:1: service is missing"},
		"no slos":               {"version: prometheus/v1\nservice: a\n", "s.yaml:1: slos is missing"},
		"slos not a list":       {"version: prometheus/v1\nservice: a\nslos: {}\n", "s.yaml:3: slos must be a list"},
		"bad promql":            {edit("sum(rate(http_requests_total{job=\"share\"}", "sum(rate(http_requests_total{job=}"), "s.yaml:14: total_query: correct the PromQL"},
		"range vector":          {edit("sum(rate(http_requests_total{job=\"share\"}[{{ .window }}]))", "x[{{.window}}]"), "s.yaml:14: total_query: the query yields a range vector"},
		"no window":             {edit("[{{ .window }}]", "[5m]"), "s.yaml:14: total_query: use {{.window}}"},
		"other variable":        {edit("job=\"share\"}[{{ .window }}]", "job=\"{{.job}}\"}[{{.window}}]"), "only {{.window}} is known"},
		"same queries":          {edit(`,code=~"5.."`, ""), "s.yaml:13: error_query and total_query are the same"},
		"mixed":                 {edit("sum(rate(http_requests_total{job=\"share\"}", "sum(increase(http_requests_total{job=\"share\"}"), "mix rate and increase"},
		"plugin":                {edit("events:", "plugin:"), "s.yaml:13: SLI plugins are Go code"},
		"empty sli":             {"version: prometheus/v1\nservice: a\nslos:\n- name: b\n  objective: 99\n  sli: {}\n", "s.yaml:6: sli is empty"},
		"empty raw":             {"version: prometheus/v1\nservice: a\nslos:\n- name: b\n  objective: 99\n  sli: {raw: {}}\n", "s.yaml:6: sli.raw.error_ratio_query is missing"},
		"no total":              {"version: prometheus/v1\nservice: a\nslos:\n- name: b\n  objective: 99\n  sli: {events: {error_query: 'sum(rate(a[{{.window}}]))'}}\n", "s.yaml:6: sli.events.total_query is missing"},
		"label name":            {edit("tier:", "1-tier:"), `s.yaml:10: "1-tier" cannot be a name in labels`},
		"label value":           {edit(`tier: "1"`, "tier: [1]"), "s.yaml:10: labels.tier must be a text"},
		"template":              {edit("https://example.org/share", "{{ $labels.x"), "alerting.annotations.runbook is not a valid template"},
		"disable":               {edit("disable: true", "disable: maybe"), "s.yaml:22: alerting.ticket_alert.disable must be true or false"},
		"twice":                 {edit("    objective: 99.9\n", "    objective: 99.9\n    objective: 99\n"), "s.yaml:8"},
		"period":                {edit("28d", "28 days"), "s.yaml:23: watchtower.period must be a duration"},
		"period short":          {edit("28d", "5m"), "must be between 1h and 366d"},
		"bad events":            {edit("min_bad_events: 5", "min_bad_events: -1"), "must not be negative"},
		"our field":             {edit("promise:", "promises:"), `watchtower has no field "promises": known are alerts, also_over, budgeting, confidence,`},
		"unreachable":           {edit("99.9", "50"), "no page of this objective can fire"},
		"openslo":               {"apiVersion: openslo/v1alpha\nkind: SLO\n", `s.yaml:1: apiVersion "openslo/v1alpha" is not read: write the objective as openslo/v1`},
		"version":               {"version: prometheus/v9\n", `s.yaml:1: version "prometheus/v9" is not known`},
		"nothing":               {"a: b\n", "begin a Sloth spec with version: prometheus/v1"},
		"a list":                {"- a\n", "s.yaml:1: an objective spec must be a mapping"},
		"yaml":                  {"version: prometheus/v1\nservice: [\n", "not valid YAML"},
		"kind":                  {"apiVersion: sloth.slok.dev/v1\nkind: Other\nspec: {service: a, slos: []}\n", `kind "Other" is not known`},
		"cycle":                 {"version: prometheus/v1\nservice: a\nslos: &s\n  - name: b\n    objective: 99\n    sli: &x {<<: *x}\n", "s.yaml:6"},
		"fault in 2nd document": {goodSpec + "---\nversion: prometheus/v1\nservice: a\n", "s.yaml:25: slos is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ParseObjectives("s.yaml", []byte(c.spec))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s", err, c.want)
			}
		})
	}
}

func TestReadSlothAllFaultsAtOnce(t *testing.T) {
	_, err := ParseObjectives("s.yaml", []byte(`version: prometheus/v1
service: a b
slos:
  - name: one
    objective: 101
    sli: {events: {error_query: "rate(", total_query: "1"}}
  - objective: 99
    bogus: 1
`))
	if err == nil {
		t.Fatal("no fault")
	}
	if got := strings.Split(err.Error(), "\n"); len(got) < 7 {
		t.Errorf("only %d faults:\n%v", len(got), err)
	}
}

func TestReadObjectives(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("b.yaml", goodSpec)
	write("a.yaml", strings.Replace(goodSpec, "service: share", "service: auth", 1))
	got, err := ReadObjectives([]string{"*.yaml", "b.yaml"}, dir)
	if err != nil || len(got) != 2 || got[0].ID != "auth-requests" {
		t.Fatalf("got %v, %v", got, err)
	}
	write("c.yaml", goodSpec)
	got, err = ReadObjectives([]string{"*.yaml", "gone.yaml", "none/*.yaml", "[", filepath.Join(dir, "a.yaml")}, dir)
	for _, want := range []string{"c.yaml:6: the objective \"share-requests\" is already defined at", "gone.yaml: no such file", "[: not a valid pattern"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v does not say %q", err, want)
		}
	}
	if len(got) != 2 {
		t.Errorf("%d objectives without fault, want 2", len(got))
	}
}

func TestPairsFor(t *testing.T) {
	type row struct{ f, long, short float64 }
	for _, c := range []struct {
		period time.Duration
		want   [4]row
	}{
		{30 * testDay, [4]row{{14.4, 60, 5}, {6, 360, 30}, {3, 1440, 120}, {1, 4320, 360}}},
		{28 * testDay, [4]row{{13.44, 60, 5}, {5.6, 360, 30}, {2.8, 1440, 120}, {1, 4320, 360}}},
		{7 * testDay, [4]row{{14, 15, 1.25}, {7, 90, 7.5}, {2, 360, 30}, {1, 1440, 90}}},
		{testDay, [4]row{{14, 129. / 60, 11. / 60}, {7, 13, 64. / 60}, {2, 51, 257. / 60}, {1, 206, 13}}},
		{90 * testDay, [4]row{{14, 193, 16}, {7, 1157, 96}, {2, 4629, 386}, {1, 18514, 1157}}},
	} {
		for i, p := range PairsFor(c.period) {
			got := row{p.Factor, p.Long.Minutes(), p.Short.Minutes()}
			if !near(got.f, c.want[i].f, 1e-9) || !near(got.long, c.want[i].long, 0.01) || !near(got.short, c.want[i].short, 0.01) {
				t.Errorf("%s pair %d: %v, want %v", c.period, i, got, c.want[i])
			}
			if p.Factor < 1 || p.Long > c.period || p.Short*4 > p.Long || !near(p.Factor, p.Budget*c.period.Hours()/p.Long.Hours(), 1e-9) {
				t.Errorf("%s: %+v is not valid", c.period, p)
			}
		}
	}
	// Factors a target cannot reach are dropped, with the least objective that could.
	o := Objective{Target: 0.9, Period: 30 * testDay}
	pairs, dropped := o.Windows()
	if len(pairs) != 3 || len(dropped) != 1 || !strings.Contains(dropped[0], "93.06%") {
		t.Errorf("at 90 %%: %v, %v", pairs, dropped)
	}
}

func TestShapes(t *testing.T) {
	total := `sum(rate(x[{{.window}}]))`
	for expr, want := range map[string]string{
		`sum(rate(a[{{.window}}]))`:                                    "a:1",
		`sum(increase(a[{{.window}}]))`:                                "mix",
		`(sum(rate(a[{{.window}}])) + sum(rate(b[{{.window}}])))`:      "a:1 b:1",
		`sum(rate(a[{{.window}}])) - sum(rate(b[{{.window}}]))`:        "a:1 b:-1",
		`-(sum(rate(a[{{.window}}])) - 2 * sum(rate(b[{{.window}}])))`: "a:-1 b:2",
		`sum(rate(a[{{.window}}])) / 4 or vector(0)`:                   "a:0.25",
		`sum(rate(a[{{.window}}])) or vector(1)`:                       "polled",
		`sum(rate(a[{{.window}}])) * (0.5)`:                            "a:0.5",
		`sum(rate(x[{{.window}}])) - sum(rate(a[{{.window}}]))`:        "x:1 a:-1",
		`sum(histogram_count(rate(a[{{.window}}])))`:                   "a:1",
		`sum by (job) (rate(a[{{.window}}]))`:                          "polled",
		`sum without (job) (rate(a[{{.window}}]))`:                     "polled",
		`avg(rate(a[{{.window}}]))`:                                    "polled",
		`rate(a[{{.window}}])`:                                         "polled",
		`sum(irate(a[{{.window}}]))`:                                   "polled",
		`sum(rate(a[{{.window}}] offset 5m))`:                          "polled",
		`sum(rate(a[{{.window}}] @ 1600000000))`:                       "polled",
		`sum(rate(a[5m])) + sum(rate(b[{{.window}}]))`:                 "polled",
		`sum(rate(a[{{.window}}])) + 1`:                                "polled",
		`sum(rate(a[{{.window}}]) + rate(b[{{.window}}]))`:             "polled",
		`sum(rate(a[{{.window}}:1m]))`:                                 "polled",
		`count(a) * sum(rate(b[{{.window}}]))`:                         "polled",
	} {
		s, err := shapeOf(SLI{ErrorQuery: expr, TotalQuery: total})
		var got []string
		for _, term := range s.terms {
			if term.bad != 0 {
				got = append(got, term.metric()+":"+number(term.bad))
			}
		}
		text := strings.Join(got, " ")
		switch {
		case err != nil:
			text = err.Error()
		case !s.observed():
			text = s.reason
		}
		if !strings.Contains(text, want) {
			t.Errorf("%s: %s, want %s", expr, text, want)
		}
	}
}

func FuzzParseSnapshot(f *testing.F) {
	f.Add([]byte(snapshotMagic + "\x01\x02abcd"))
	f.Fuzz(func(_ *testing.T, b []byte) {
		if s, err := parseSnapshot(b); err == nil {
			for _, part := range s.parts {
				_ = decodeTrack(s, part)
			}
		}
		_ = decodeTrack(&snapshot{}, b)
	})
}
