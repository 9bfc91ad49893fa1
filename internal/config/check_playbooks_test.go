package config

import (
	"fmt"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"
)

// today is the day of these checks.
var today = time.Date(2026, 11, 28, 3, 0, 0, 0, time.UTC)

// mine is a playbook; more are lines of its front matter.
func mine(id, more string) string {
	return fmt.Sprintf("---\nid: %s\ntitle: T\nowner: O\n%s---\nDo it.\n", id, more)
}

// checkCovered checks a folder and returns its coverage and findings.
func checkCovered(t *testing.T, at time.Time, files map[string]string) (Coverage, []string) {
	t.Helper()
	t.Setenv("SLACK_BOT_TOKEN", "")
	result := Check(t.Context(), write(t, files), CheckOptions{Now: at})
	var found []string
	for _, f := range result.Findings {
		found = append(found, fmt.Sprintf("%s %d %s %s", f.Severity, f.Line, f.Check, f.Sentence))
	}
	return *result.Playbooks, found
}

func TestCoverage(t *testing.T) {
	objective := fmt.Sprintf(spec, "share")
	unlabeled := strings.Replace(objective, ", playbook: api-error-rate", "", 1)
	unheard := strings.Replace(objective, "api-error-rate", "gone", 1)
	const wt = "    watchtower: "
	for _, c := range []struct {
		name  string
		spec  string
		files map[string]string
		want  Coverage
		found []string
	}{
		{
			"its page and its silence, by name", objective, nil,
			Coverage{Alerts: 2, Covered: 2, Builtin: 2},
			nil,
		},
		{
			"no page", objective + wt + "{alerts: {page: {disable: true}}}\n", nil,
			Coverage{},
			nil,
		},
		{
			"ceased traffic too", unlabeled + wt + "{alerts: {no_traffic_for: 1h}}\n",
			map[string]string{"playbooks/a.md": mine("a", "reviewed: 2026-01-01\nmatch: {alertname: WorksNot}\n")},
			Coverage{Alerts: 3, Covered: 3, Builtin: 2},
			nil,
		},
		{
			"nothing for the page", unlabeled, nil,
			Coverage{Alerts: 2, Covered: 1, Builtin: 1},
			[]string{"fault 5 playbook it pages but no playbook matches it: write one whose `match` fits alertname=WorksNot service=share slo=works, set the label"},
		},
		{
			"nothing for the silence", unlabeled,
			map[string]string{
				"playbooks/a.md": mine("a", "reviewed: 2026-01-01\nmatch: {alertname: WorksNot}\n"), "playbooks/b.md": mine("telemetry-lost", "reviewed: 2026-01-01\n"),
			},
			Coverage{Alerts: 2, Covered: 1},
			[]string{"fault 5 playbook it pages but no playbook matches its TelemetryLost: write one whose `match` fits alertname=TelemetryLost service=share slo=works"},
		},
		{
			"a reason", unlabeled + wt + "{no_playbook: nothing helps}\n", nil,
			Coverage{Alerts: 2, Covered: 1, Excused: 1, Builtin: 1},
			nil,
		},
		{
			"a name that nothing has", unheard, nil,
			Coverage{Alerts: 2, Covered: 1, Builtin: 1},
			[]string{
				"fault 5 playbook it pages with the label playbook=gone, and there is no such playbook",
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			files := map[string]string{"watchtower.yaml": "rules: {objectives: [a.yaml]}\n", "a.yaml": c.spec}
			maps.Copy(files, c.files)
			got, found := checkCovered(t, today, files)
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("the coverage differs (-want +got):\n%s", diff)
			}
			if len(found) != len(c.found) {
				t.Fatalf("found %q, want %q", found, c.found)
			}
			for i := range found {
				if !strings.HasPrefix(found[i], c.found[i]) {
					t.Errorf("found %q, want %q", found[i], c.found[i])
				}
			}
		})
	}
}

// A review lasts a year. What is embedded ages with the binary, and nobody is warned.
func TestReviews(t *testing.T) {
	files := map[string]string{
		"watchtower.yaml":    "rules: {objectives: [a.yaml]}\n",
		"a.yaml":             strings.Replace(fmt.Sprintf(spec, "share"), "api-error-rate", "a", 1),
		"playbooks/a.md":     mine("a", "match: {team: social}\nreviewed: 2026-02-28\n"),
		"playbooks/never.md": mine("never", ""),
	}
	const never = "warning 1 reviewed playbook never was never reviewed: follow it once, correct it, and set `reviewed` to that day"
	for day, want := range map[string]struct {
		stale int
		found []string
	}{
		"2026-02-27": {0, []string{never}},
		"2027-02-28": {0, []string{never}},
		"2027-03-01": {2, []string{"warning 6 reviewed playbook a was reviewed last on 2026-02-28, more than a year ago: read it again and set `reviewed`", never}},
		"2026-02-26": {0, []string{"warning 6 reviewed playbook a was reviewed on 2026-02-28, which is yet to come: correct `reviewed`", never}},
		"2036-01-01": {2, []string{"warning 6 reviewed playbook a was reviewed last on 2026-02-28, more than a year ago: read it again and set `reviewed`", never}},
	} {
		at, err := time.Parse(time.DateOnly, day)
		if err != nil {
			t.Fatal(err)
		}
		got, found := checkCovered(t, at, files)
		if got.Stale != want.stale || got.Builtin != 0 {
			t.Errorf("on %s: %+v", day, got)
		}
		if diff := cmp.Diff(want.found, found); diff != "" {
			t.Errorf("on %s (-want +got):\n%s", day, diff)
		}
	}
}

func TestCoverageInWords(t *testing.T) {
	for want, c := range map[string]Coverage{
		"0 paging alerts":                    {},
		"1 paging alert, 0 with a playbook":  {Alerts: 1},
		"2 paging alerts, 2 with a playbook": {Alerts: 2, Covered: 2},
		"9 paging alerts, 7 with a playbook, 1 without one for a reason, 2 with one not reviewed within a year, 3 with a built-in one that you never reviewed": {9, 7, 1, 2, 3},
	} {
		if got := c.String(); got != want {
			t.Errorf("%+v is %q, want %q", c, got, want)
		}
	}
}

func TestRulesThatPage(t *testing.T) {
	files := func(rule string) map[string]string {
		return map[string]string{
			"watchtower.yaml": "rules: {objectives: [], prometheus: ['*.yml']}\n",
			"a.yml":           "groups:\n  - name: g\n    labels: {team: social}\n    rules:\n      - record: a:b\n        expr: a\n      - alert: A\n        expr: a{job=\"share\"} > 1\n" + rule,
			"playbooks/s.md":  mine("s", "reviewed: 2026-11-01\nmatch: [{job: share, severity: page}, {team: social, zone: z}]\n"),
		}
	}
	for rule, want := range map[string]string{
		"":                                     "0 of 0",
		"        labels: {severity: ticket}\n": "0 of 0",
		"        labels: {severity: '{{ $labels.s }}'}\n":                                                 "0 of 0",
		"        labels: {severity: page}\n":                                                              "1 of 1", // by the job of its series
		"        labels: {severity: page, job: other}\n":                                                  "fault",
		"        labels: {severity: page, job: '{{ $labels.x }}'}\n":                                      "fault",
		"        labels: {severity: Critical}\n":                                                          "fault",
		"        labels: {severity: critical, zone: z}\n":                                                 "1 of 1", // with the group's team
		"        labels: {severity: critical, playbook: s}\n":                                             "1 of 1",
		"        labels: {severity: critical, playbook: gone}\n":                                          "fault",
		"        labels: {severity: critical}\n        annotations: {playbook: s}\n":                      "1 of 1",
		"        labels: {severity: critical}\n        annotations: {no_playbook: it is a test}\n":        "0 of 1",
		"        labels: {severity: critical}\n        annotations: {runbook_url: 'https://r.example'}\n": "0 of 1",
	} {
		got, found := checkCovered(t, today, files(rule))
		said := fmt.Sprintf("%d of %d", got.Covered, got.Alerts)
		for _, f := range found {
			if strings.HasPrefix(f, "fault 7 playbook alert A pages (severity ") {
				said = "fault"
			} else if !strings.HasPrefix(f, "warning 0 objectives") {
				t.Errorf("%q: %s", rule, f)
			}
		}
		if said != want {
			t.Errorf("%q: %s, want %s", rule, said, want)
		}
	}
}

func TestCertainLabels(t *testing.T) {
	for expr, want := range map[string]string{
		`a{b="c", d="", e=~"f", g!="h"}`:                            "b=c",
		`rate(a{b="c"}[5m]) > 1`:                                    "b=c",
		`1 < -(a{b="c"})`:                                           "b=c",
		`max_over_time(rate(a{b="c"}[5m])[1h:1m])`:                  "b=c",
		`sum(a{b="c"})`:                                             "",
		`sum by (b) (a{b="c", d="e"})`:                              "b=c",
		`sum without (b) (a{b="c", d="e"})`:                         "d=e",
		`topk(5, a{b="c"})`:                                         "b=c",
		`absent(a{b="c"})`:                                          "b=c",
		`label_replace(a{b="c", d="e"}, "b", "x", "", "")`:          "d=e",
		`histogram_quantile(0.9, sum by (le, b) (a{le="1",b="c"}))`: "b=c",
		`a{b="c"} / d{b="c", e="f"}`:                                "b=c",
		`a{b="c", x="y"} / on (b) d`:                                "b=c",
		`a{b="c", x="y"} / ignoring (b) d`:                          "x=y",
		`a{b="c", x="y"} / on (b) group_left (x) d`:                 "b=c",
		`a / on (b) group_right d{b="c", x="y"}`:                    "b=c x=y",
		`a{b="c"} and d{e="f"}`:                                     "b=c",
		`a{b="c", x="y"} or d{b="c", x="z"}`:                        "b=c",
		`vector(1)`:                                                 "",
		`time() > bool 1`:                                           "",
		`a{b="c"} @ 1`:                                              "b=c",
	} {
		e, err := parser.NewParser(parser.Options{}).ParseExpr(expr)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for _, name := range []string{"b", "d", "e", "g", "le", "x"} {
			if value, ok := certain(e)[name]; ok {
				got += " " + name + "=" + value
			}
		}
		if strings.TrimSpace(got) != want {
			t.Errorf("%s has %q, want %q", expr, got, want)
		}
	}
}

func TestRolesOfPlaybooks(t *testing.T) {
	objective := fmt.Sprintf(spec, "share")
	files := map[string]string{
		"watchtower.yaml": "notifiers: {oncall: oncall.yaml}\n", "slos/a.yaml": objective,
		"oncall.yaml":    "users: {ann: {}}\nteams: {social: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [ann]}]}}\n",
		"playbooks/a.md": mine("a", "reviewed: 2026-10-01\nroles: {commander: ann, communications: press}\n"),
	}
	_, found := checkCovered(t, today, files)
	want := "warning 6 playbook the role communications is for press, and "
	if len(found) != 1 || !strings.HasPrefix(found[0], want) || !strings.HasSuffix(found[0], "knows no user or team of that name: correct one of them, or write on_call") {
		t.Errorf("found %q", found)
	}
	files["watchtower.yaml"] = "{}\n"
	if _, found = checkCovered(t, today, files); len(found) != 1 || !strings.Contains(found[0], "set notifiers.oncall") {
		t.Errorf("without a roster: %q", found)
	}
}
