package config

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules/lint"
)

// spec is an objective that lacks nothing.
const spec = `version: prometheus/v1
service: %[1]s
labels: {team: social, playbook: api-error-rate}
slos:
  - name: works
    objective: 99.9
    description: It works
    sli:
      events:
        error_query: sum(rate(http_requests_total{job="%[1]s",code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total{job="%[1]s"}[{{.window}}]))
    alerting: {name: WorksNot}
`

// checked are the findings of a folder, each as "check sentence".
func checked(t *testing.T, files map[string]string) []string {
	t.Helper()
	t.Setenv("SLACK_BOT_TOKEN", "")
	var out []string
	for _, f := range Check(t.Context(), write(t, files), CheckOptions{Now: time.Now()}).Findings {
		out = append(out, fmt.Sprintf("%s %d %s %s", f.Severity, f.Line, f.Check, f.Sentence))
	}
	return out
}

// wantChecked demands findings that begin as given, one each.
func wantChecked(t *testing.T, files map[string]string, want ...string) {
	t.Helper()
	found := checked(t, files)
	if len(found) != len(want) {
		t.Fatalf("found %q, want %q", found, want)
	}
	for i := range want {
		if !strings.HasPrefix(found[i], want[i]) {
			t.Errorf("found %q, want %q", found[i], want[i])
		}
	}
}

func TestWhoHears(t *testing.T) {
	const routes = `route:
  receiver: all
  routes:
    - {receiver: nobody, matchers: ['severity="ticket"']}
    - {receiver: all, matchers: ['team="socail"']}
    - {receiver: all, matchers: ['team="strangers"', 'alertname=~"Works.*"']}
    - {receiver: all, matchers: ['alertname="NodeDwon"']}
receivers: [{name: all, slack_configs: [{channel: '#all'}]}, {name: nobody}]
`
	wantChecked(t, map[string]string{
		"watchtower.yaml":  "rules: {objectives: [a.yaml], prometheus: [rules.yaml]}\nnotifiers: {alertmanager: alertmanager.yml}\n",
		"alertmanager.yml": routes,
		"a.yaml":           fmt.Sprintf(spec, "share"),
		"rules.yaml":       "groups: [{name: g, rules: [{alert: NodeDown, expr: up == 0, labels: {team: '{{ $labels.team }}'}}]}]\n",
	},
		"warning 5 route it sends tickets but its route",
		`warning 5 route a route asks for team="socail", which no alert of the objectives and rules has: write "social"`,
		`warning 7 route a route asks for alertname="NodeDwon", which no alert of the objectives and rules has: write "NodeDown"`,
	)
}

func TestReasonsStandForOwnersAndPlaybooks(t *testing.T) {
	lonely := strings.Replace(fmt.Sprintf(spec, "share"), "{team: social, playbook: api-error-rate}", "{}", 1)
	config := map[string]string{"watchtower.yaml": "rules: {objectives: [a.yaml]}\n", "a.yaml": lonely}
	wantChecked(t, config, "fault 5 owner it pages but nobody owns it", "fault 5 playbook it pages but no playbook matches it")
	config["a.yaml"] = lonely + "    watchtower: {no_owner: handed over, no_playbook: nothing helps}\n"
	wantChecked(t, config)
	config["a.yaml"] = fmt.Sprintf(spec, "share") + "    watchtower: {no_owner: handed over}\n"
	wantChecked(t, config, "warning 5 owner no_owner is given although it is owned by social: remove no_owner")
}

func TestIntervalsAreThoseOfTheJobs(t *testing.T) {
	config := map[string]string{
		"watchtower.yaml": "collectors:\n  global: {scrape_interval: 2m, scrape_timeout: 1m}\n  scrape_configs: [{job_name: share}, {job_name: feed, scrape_interval: 15s, scrape_timeout: 15s}]\nrules: {objectives: [a.yaml]}\n",
		"a.yaml":          fmt.Sprintf(spec, "share"),
	}
	wantChecked(t, config, "warning 5 short_window the page on 1h and 5m: 5m is fewer than 4 samples (the job share is scraped every 2m)")
	config["a.yaml"] = fmt.Sprintf(spec, "feed")
	wantChecked(t, config)
}

func TestChecksAreDocumented(t *testing.T) {
	docs, err := os.ReadFile("../../docs/check.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, check := range []string{checkConfig, checkSpec, checkOwner, checkPlaybook, checkRoute, checkReviewed, checkObjectives, checkServer, checkOnCall} {
		if !strings.Contains(string(docs), "`"+check+"`") {
			t.Errorf("docs/check.md does not explain %s", check)
		}
	}
}

// BenchmarkCheck checks 1,000 objectives in 100 files, without a server.
func BenchmarkCheck(b *testing.B) {
	b.Setenv("SLACK_BOT_TOKEN", "")
	files := map[string]string{"watchtower.yaml": "rules: {objectives: ['slos/*.yaml']}\n"}
	_, slo, _ := strings.Cut(spec, "slos:\n")
	for i := range 100 {
		service := fmt.Sprintf("s%d", i)
		text := fmt.Sprintf(spec, service)
		for j := range 9 {
			next := strings.Replace(fmt.Sprintf(slo, service), "name: works", fmt.Sprintf("name: works%d", j), 1)
			text += strings.ReplaceAll(next, "http_requests", fmt.Sprintf("http%d_requests", j))
		}
		files[filepath.Join("slos", service+".yaml")] = text
	}
	path := write(b, files)
	for b.Loop() {
		result := Check(b.Context(), path, CheckOptions{Now: time.Now()})
		if faults, _ := lint.Count(result.Findings); faults > 0 || result.Objectives != 1000 {
			b.Fatal(result.Objectives, result.Findings[0])
		}
	}
}
