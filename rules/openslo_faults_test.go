package rules

import (
	"strings"
	"testing"
)

// opensloPlain is a sound SLO with an inline indicator and a policy.
const opensloPlain = `apiVersion: openslo/v1
kind: SLO
metadata:
  name: login
spec:
  service: auth
  indicator:
    metadata: {name: logins}
    spec:
      ratioMetric:
        counter: true
        bad: {metricSource: {type: Prometheus, spec: {query: bad_total}}}
        total: {metricSource: {type: Prometheus, spec: {query: all_total}}}
  timeWindow:
    - duration: 28d
      isRolling: true
  budgetingMethod: Occurrences
  objectives:
    - target: 0.99
  alertPolicies:
    - kind: AlertPolicy
      metadata: {name: p}
      spec:
        conditions:
          - kind: AlertCondition
            spec: {severity: page, condition: {kind: burnrate, threshold: 10, lookbackWindow: 1h}}
`

func TestOpenSLOFaults(t *testing.T) {
	edit := func(old, now string) string {
		t.Helper()
		if !strings.Contains(opensloPlain, old) {
			t.Fatalf("no %q", old)
		}
		return strings.Replace(opensloPlain, old, now, 1)
	}
	parseOne(t, opensloPlain)
	timeslices := func(more string) string {
		return strings.Replace(edit("Occurrences", "Timeslices"), "- target: 0.99", "- {target: 0.99, "+more+"}", 1)
	}
	calendar := func(window string) string {
		return edit("    - duration: 28d\n      isRolling: true\n", "    - "+window+"\n")
	}
	for text, want := range map[string]string{
		edit("kind: SLO", "kind: Slo"):                                                                                `s.yaml:2: kind "Slo" is not known: use AlertCondition, `,
		edit("  name: login", "  displayName: a"):                                                                     "s.yaml:1: metadata.name is missing",
		edit("  name: login", "  name: a/b"):                                                                          `s.yaml:4: metadata.name "a/b" must be letters`,
		edit("  name: login", "  name: a\n  labels: {x: {}}"):                                                         "s.yaml:5: metadata.labels.x must be a text",
		edit("  name: login", "  name: a\n  labels: {a-b: x, a.b: y}"):                                                `s.yaml:5: "a.b" is given twice in metadata.labels, as a_b`,
		edit("  name: login", "  name: a\n  labels: {7: x}"):                                                          `s.yaml:5: "7" cannot be a name`,
		edit("  name: login", "  name: a\n  annotations: []"):                                                         "s.yaml:5: metadata.annotations must be a mapping",
		edit("  name: login", "  name: a\n  annotations:\n    watchtower/alerts: |\n      page: {}\n      pages: {}"): `s.yaml:8: watchtower/alerts has no field "pages"`,
		edit("  name: login", "  name: a\n  annotations: {watchtower/promise: ''}"):                                   "watchtower/promise must be a text that is not empty",
		edit("  service: auth\n", ""):                                                                                 "s.yaml:6: spec.service is missing",
		edit("service: auth", "service: a b"):                                                                         `s.yaml:6: spec.service "a b" must be letters`,
		edit("  service: auth", "  servce: auth"):                                                                     `s.yaml:6: the spec of an SLO has no field "servce": known are alertPolicies, `,
		edit("  service: auth", "  service: auth\n  indicatorRef: x"):                                                 "indicator and indicatorRef are both given",
		edit("  objectives:\n    - target: 0.99\n", ""):                                                               "spec.objectives is missing or empty",
		edit("target: 0.99", "target: 1"):                                                                             "s.yaml:19: target 1 leaves no error budget",
		edit("target: 0.99", "target: 0.99999999999999"):                                                              "leaves no error budget",
		edit("target: 0.99", "target: 99.9"):                                                                          "s.yaml:19: target 99.9 is a ratio, so it must be below 1: write 0.999, or targetPercent: 99.9",
		edit("target: 0.99", "target: 0"):                                                                             "s.yaml:19: target 0 promises nothing",
		edit("target: 0.99", "target: -3"):                                                                            "s.yaml:19: target -3 promises nothing",
		edit("target: 0.99", "target: .inf"):                                                                          "s.yaml:19: target must be a number",
		edit("target: 0.99", "targetPercent: 100"):                                                                    "s.yaml:19: targetPercent 100 leaves no error budget",
		edit("target: 0.99", "targetPercent: 0.5"):                                                                    "s.yaml:19: targetPercent 0.5 is a percentage",
		edit("target: 0.99", "target: 0.9\n      targetPercent: 90"):                                                  "s.yaml:20: target and targetPercent are both given",
		edit("target: 0.99", "displayName: a"):                                                                        "s.yaml:19: target is missing",
		edit("target: 0.99", "target: 0.99\n      op: eq"):                                                            `op "eq" is not known`,
		edit("target: 0.99", "target: 0.99\n      compositeWeight: 0"):                                                "compositeWeight must be above 0",
		edit("target: 0.99", "target: 0.05"):                                                                          "no page of this objective can fire",
		edit("Occurrences", "ByEvents"):                                                                               `s.yaml:17: spec.budgetingMethod "ByEvents" is not known`,
		timeslices("timeSliceWindow: 1m"):                                                                             "s.yaml:19: timeSliceTarget is missing",
		timeslices("timeSliceTarget: 95"):                                                                             "timeSliceTarget 95 must be a ratio above 0",
		timeslices("timeSliceTarget: 0.9, timeSliceWindow: 7m"):                                                       "timeSliceWindow 7m must be whole minutes that divide a day",
		timeslices("timeSliceTarget: 0.9, timeSliceWindow: soon"):                                                     "timeSliceWindow must be a number of minutes",
		edit("duration: 28d", "duration: 28days"):                                                                     "s.yaml:15: duration must be a number and one of",
		edit("duration: 28d", "duration: -1d"):                                                                        "duration must be a number and one of",
		edit("duration: 28d", "duration: 30m"):                                                                        "s.yaml:15: duration 30m must be between 1h and 366d",
		edit("duration: 28d", "duration: 999999Y"):                                                                    "must be between 1h and 366d",
		edit("isRolling: true", "isRolling: false"):                                                                   "s.yaml:16: calendar is missing",
		edit("- duration: 28d\n      isRolling: true", "- isRolling: true"):                                           "s.yaml:15: duration is missing",
		edit("      isRolling: true\n", "      isRolling: true\n    - duration: 7d\n"):                                "spec.timeWindow has 2 entries: keep one",
		calendar("{duration: 1M, isRolling: true, calendar: {startTime: 2024-01-01 00:00:00}}"):                       "isRolling is true and calendar is given",
		calendar("{duration: 12h, calendar: {startTime: 2024-01-01 00:00:00}}"):                                       "duration of a calendar must be days",
		calendar("{duration: 13M, calendar: {startTime: 2024-01-01 00:00:00}}"):                                       "duration 13M is longer than a year",
		calendar("{duration: 1M, calendar: {timeZone: UTC}}"):                                                         "startTime is missing",
		calendar("{duration: 1M, calendar: {startTime: today}}"):                                                      `startTime "today" must be a date`,
		calendar("{duration: 1M, calendar: {startTime: 0001-01-01}}"):                                                 "must be a date",
		calendar("{duration: 1M, calendar: {startTime: 2024-01-01, timeZone: Mars}}"):                                 `timeZone "Mars" is not known`,
		edit("bad: {", "good: {metricSource: {spec: {query: a_total}}}\n        bad: {"):                              "good and bad are both given",
		edit("        total: {metricSource: {type: Prometheus, spec: {query: all_total}}}\n", ""):                     "total is missing",
		edit("        bad: {metricSource: {type: Prometheus, spec: {query: bad_total}}}\n", ""):                       "good or bad is missing",
		edit("counter: true", "raw: {metricSource: {spec: {query: a}}}"):                                              "raw is given with good, bad or total",
		edit("counter: true", "rawType: success"):                                                                     "rawType has no effect without raw",
		edit("counter: true", "rawType: maybe"):                                                                       `rawType "maybe" is not known`,
		edit("counter: true", "counter: often"):                                                                       "counter must be true or false",
		edit("ratioMetric:", "thresholdMetric: {metricSource: {spec: {query: a}}}\n      ratioMetric:"):               "ratioMetric and thresholdMetric are both given",
		edit("type: Prometheus, spec: {query: bad_total}", "type: Datadog, spec: {query: 'sum:x{*}', region: eu}"):    `s.yaml:12: metrics of type "Datadog" cannot be read`,
		edit("type: Prometheus, spec: {query: bad_total}", "metricSourceRef: main, spec: {query: bad_total}"):         `s.yaml:12: there is no DataSource named "main"`,
		edit("{query: bad_total}", "{qery: bad_total}"):                                                               `has no field "qery": only query is known`,
		edit("{query: bad_total}", "{query: 'bad_total{'}"):                                                           "s.yaml:12: query: correct the PromQL",
		edit("{query: bad_total}", "{query: '1'}"):                                                                    "query: the query selects no series",
		edit("{query: bad_total}", "{query: 'bad_total{a=\"{{.x}}\"}'}"):                                              "only {{.window}} is known",
		edit("{query: bad_total}", "{query: all_total}"):                                                              "error_query and total_query are the same",
		edit("{query: bad_total}", "{query: 'sum(increase(bad_total[1m]))'}"):                                         "mix rate and increase",
		edit("kind: burnrate", "kind: budget"):                                                                        `kind "budget" is not known: use burnrate`,
		edit("threshold: 10", "threshold: 0"):                                                                         "threshold is missing or not above 0",
		edit(", lookbackWindow: 1h", ""):                                                                              "lookbackWindow is missing",
		edit("lookbackWindow: 1h", "lookbackWindow: long"):                                                            "lookbackWindow must be a number and one of",
		edit("severity: page, ", ""):                                                                                  "s.yaml:26: spec.severity is missing",
		edit("kind: AlertCondition", "kind: AlertPolicy"):                                                             `kind "AlertPolicy" is written where AlertCondition is needed`,
		edit("    - kind: AlertPolicy\n", "    - nobody\n    - kind: AlertPolicy\n"):                                  `s.yaml:21: there is no AlertPolicy named "nobody"`,
		edit("    - kind: AlertPolicy\n", "    - {alertPolicyRef: nobody, also: x}\n    - kind: AlertPolicy\n"):       `a reference to an AlertPolicy has no field "also"`,
		edit("          - kind: AlertCondition\n            spec:", "          - conditionRef: gone\n          - kind: AlertCondition\n            spec:"): `there is no AlertCondition named "gone"`,
		opensloPlain + "---\n" + opensloPlain:                                `the objective "auth-login" is already defined`,
		"apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: a}\nspec: {}\n": "ratioMetric is missing",
		"apiVersion: openslo/v1\nkind: SLI\nmetadata: {name: a}\nspec:\n  ratioMetric:\n    bad: {metricSource: {spec: {query: '('}}}\n    total: {metricSource: {spec: {query: x}}}\n": "s.yaml:6: query: correct the PromQL",
		"apiVersion: openslo/v1\nkind: DataSource\nmetadata: {name: a}\nspec: {description: x}\n":                                                                                       "spec.type is missing",
		"apiVersion: openslo/v1\nkind: AlertPolicy\nmetadata: {name: a}\nspec: {}\n":                                                                                                    "spec.conditions is missing",
	} {
		found, err := ParseObjectives("s.yaml", []byte(text))
		if err == nil {
			_, err = unique(found)
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s\nin\n%s", err, want, text)
		}
	}
}

// What refers to itself, or to a thing of another kind, leads nowhere and says so.
func TestOpenSLOReferences(t *testing.T) {
	for _, c := range [][3]string{
		{opensloComposite, "indicatorRef: stories", "indicatorRef: home"},
		{opensloComposite, "indicatorRef: stories", "indicatorRef: home-stories"},
	} {
		_, err := ParseObjectives("s.yaml", []byte(strings.Replace(c[0], c[1], c[2], 1)))
		if err == nil || !strings.Contains(err.Error(), "s.yaml:22: there is no SLI named") || !strings.Contains(err.Error(), "there are stories") {
			t.Errorf("%s: %v", c[2], err)
		}
	}
	for text, want := range map[string]string{
		strings.Replace(opensloComposite, "      indicatorRef: stories\n", "", 1):                                                  "some objectives have an indicator and some have none",
		strings.Replace(opensloComposite, "  service: front\n", "  service: front\n  indicatorRef: stories\n", 1):                  "the SLO and its objectives both have an indicator",
		strings.Replace(opensloComposite, "{query: feed_total}", "{query: 'sum(increase(feed_total[5m]))'}", 1):                    "mix rate and increase",
		strings.Replace(opensloCheckout, "type: Prometheus\n  conn", "type: Datadog\n  conn", 1):                                   `the DataSource "main" is of type "Datadog"`,
		strings.Replace(opensloThreshold, "op: lte, ", "", 1):                                                                      "op and value are missing",
		strings.Replace(opensloThreshold, "max(queue_length)", "'queue_length[5m]'", 1):                                            "the query yields a range vector",
		strings.Replace(opensloThreshold, "kind: SLO", "kind: SLO\nspec: &s {indicator: *s}", 1):                                   "s.yaml:3",
		"apiVersion: openslo/v1\nkind: SLO\nmetadata: {name: a}\nspec: &s {service: a, indicator: {spec: *s}, objectives: [*s]}\n": "has no field",
		"- &a [*a]\n": "an objective spec must be a mapping",
	} {
		_, err := ParseObjectives("s.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v\nwant %s", err, want)
		}
	}
}
