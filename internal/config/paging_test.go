package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// The pages are told the same as check tells, alert by alert.
func TestPaging(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "")
	path := write(t, map[string]string{
		"watchtower.yaml": "rules: {objectives: [a.yaml], prometheus: [rules.yaml]}\n",
		"a.yaml":          strings.Replace(fmt.Sprintf(spec, "share"), ", playbook: api-error-rate", "", 1) + "    watchtower: {no_playbook: nothing helps}\n",
		"rules.yaml": `groups: [{name: g, rules: [
  {alert: DiskFull, expr: up == 0, labels: {severity: critical, playbook: mine}},
  {alert: Elsewhere, expr: up == 0, labels: {severity: page}, annotations: {runbook_url: "https://wiki/disk"}},
  {alert: Forgotten, expr: up == 0, labels: {severity: page}},
  {alert: Warns, expr: up == 0, labels: {severity: warning}},
]}]
`,
		"playbooks/mine.md": mine("mine", "reviewed: 2025-01-01\n"),
	})
	files, faults, err := Read(path)
	if faults != nil || err != nil {
		t.Fatal(faults, err)
	}
	alerts, n := files.Paging(today)
	var got []string
	for _, a := range alerts {
		got = append(got, fmt.Sprintf("%s of %q in %s: %q %q", a.Name, a.Objective, filepath.Base(a.File), a.Playbook, a.Excuse))
	}
	want := []string{
		`WorksNot of "share-works" in a.yaml: "" "nothing helps"`,
		`TelemetryLost of "share-works" in a.yaml: "telemetry-lost" "nothing helps"`,
		`DiskFull of "" in rules.yaml: "mine" ""`,
		`Elsewhere of "" in rules.yaml: "" "https://wiki/disk"`,
		`Forgotten of "" in rules.yaml: "" ""`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	result := Check(t.Context(), path, CheckOptions{Now: today})
	if diff := cmp.Diff(*result.Playbooks, n); diff != "" || n != (Coverage{Alerts: 5, Covered: 2, Excused: 2, Stale: 1, Builtin: 1}) {
		t.Errorf("check says %+v, the pages are told %+v", *result.Playbooks, n)
	}
	if alerts, n := (Files{}).Paging(today); len(alerts) != 0 || n.Alerts != 0 {
		t.Errorf("without playbooks: %+v", alerts)
	}
}

func TestReviewOverdue(t *testing.T) {
	for want, all := range map[bool][]playbooks.Playbook{
		true:  {{}, {Reviewed: today.Add(-ReviewAge - time.Hour)}},
		false: {{Builtin: true}, {Reviewed: today.Add(-ReviewAge + time.Hour)}, {Reviewed: today.Add(time.Hour)}},
	} {
		for _, p := range all {
			if got := ReviewOverdue(p, today); got != want {
				t.Errorf("%+v is overdue: %v", p, got)
			}
		}
	}
}
