package rules

import (
	"strings"
	"testing"
	"time"
	_ "time/tzdata" // The machine of the test may have no database of time zones.

	"github.com/google/go-cmp/cmp"
)

// withKeys is a sound Sloth spec whose section watchtower begins on line 11.
func withKeys(ours string) string {
	return `version: prometheus/v1
service: share
slos:
  - name: requests
    objective: 99.9
    labels: {team: social}
    sli:
      events:
        error_query: sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))
        total_query: sum(rate(http_requests_total[{{.window}}]))
    watchtower:
      ` + strings.ReplaceAll(strings.TrimSpace(ours), "\n", "\n      ") + "\n"
}

func parseOne(t *testing.T, text string) Objective {
	t.Helper()
	got, err := ParseObjectives("s.yaml", []byte(text))
	if err != nil || len(got) != 1 {
		t.Fatalf("%d objectives, %v", len(got), err)
	}
	return got[0]
}

func TestKeys(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	got := parseOne(t, withKeys(`
period: month
timezone: Europe/Berlin
also_over: [7d, quarter]
promise: Sharing works
meaning: Creators cannot post
min_bad_events: 5
confidence: 0.98
budgeting: timeslices
slice: 5m
slice_target: 95
group_by: [route, region]
max_groups: 20
no_owner: being handed over
no_playbook: nothing can be done
policy: {exhausted: freeze features, at_risk: slow down}
alerts:
  no_traffic_for: 5m
  budget_spent: [50, 75, 90.5]
  gone_within: [6h, 24h]
  telemetry_lost: false
  page:
    labels: {channel: "#share"}
    windows: [{long: 2h, short: 10m, burn: 10}, {long: 30m, short: 5m, burn: 20}]
`))
	start := time.Date(2024, 1, 1, 0, 0, 0, 0, berlin)
	month, quarter := &Calendar{Month, 1, start}, &Calendar{Quarter, 1, start}
	want := Objective{
		ID: "share-requests", Service: "share", SLO: "requests", Team: "social", Promise: "Sharing works", Meaning: "Creators cannot post",
		Target: 0.999, Period: 31*testDay + time.Hour, Calendar: month, Labels: map[string]string{"team": "social"},
		AlsoOver: []Span{{Length: 7 * testDay}, {Length: 92*testDay + time.Hour, Calendar: quarter}},
		SLI: SLI{
			ErrorQuery: `sum(rate(http_requests_total{code=~"5.."}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total[{{.window}}]))`,
		},
		Budgeting: Budgeting{Timeslices, 5 * time.Minute, 0.95}, GroupBy: []string{"route", "region"}, MaxGroups: 20,
		NoOwner: "being handed over", NoPlaybook: "nothing can be done", MinBadEvents: 5, Confidence: 0.98,
		Policy: map[State]string{StateExhausted: "freeze features", StateAtRisk: "slow down"},
		Alerting: Alerting{
			Name: "ErrorBudgetBurn", NoTrafficFor: 5 * time.Minute, BudgetSpent: []float64{0.5, 0.75, 0.905},
			GoneWithin: []time.Duration{6 * time.Hour, 24 * time.Hour}, Lost: Off,
			Page: AlertSpec{Labels: map[string]string{"channel": "#share"}, Annotations: map[string]string{}}, Ticket: AlertSpec{Labels: map[string]string{}, Annotations: map[string]string{}},
		},
		File: "s.yaml", Line: 4,
	}
	pairs := got.Alerting.Pairs
	got.Alerting.Pairs = nil
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	// The page's own windows by length, the ticket's follow from the period.
	if len(pairs) != 4 || pairs[0] != (Pair{Page, 30 * time.Minute, 5 * time.Minute, 20, 0}) || pairs[1].Factor != 10 || pairs[3].Long != 72*time.Hour {
		t.Errorf("pairs %+v", pairs)
	}
}

// What is left out has its default, and no key needs another.
func TestKeysDefaults(t *testing.T) {
	got := parseOne(t, withKeys("group_by: route\nbudgeting: ratio_timeslices\nperiod: week"))
	if got.MaxGroups != 100 || got.Budgeting != (Budgeting{RatioTimeslices, time.Minute, 0}) || got.MinBadEvents != 3 || got.Alerting.Pairs != nil {
		t.Errorf("%+v", got)
	}
	if got.Calendar == nil || got.Calendar.Start.Location() != time.UTC || got.Period != 7*testDay+time.Hour {
		t.Errorf("calendar %+v over %s", got.Calendar, got.Period)
	}
	// A month of the calendar is alerted on with the windows of a month.
	if got = parseOne(t, withKeys("period: month")); got.windowsOnly()[0].Long != time.Hour {
		t.Errorf("windows %+v", got.windowsOnly())
	}
	got = parseOne(t, withKeys("alerts: {page: {disable: true, windows: [{long: 1h, short: 5m, burn: 2}]}, ticket: {windows: {long: 1d, short: 2h, burn: 1.5}}}"))
	if len(got.Alerting.Pairs) != 1 || got.Alerting.Pairs[0].Severity != Ticket || !got.Alerting.Page.Disabled {
		t.Errorf("pairs %+v", got.Alerting)
	}
}

// windowsOnly are the pairs alone.
func (o Objective) windowsOnly() []Pair {
	pairs, _ := o.Windows()
	return pairs
}

func TestKeysFaults(t *testing.T) {
	for ours, want := range map[string]string{
		"period: 30m":                              "s.yaml:12: watchtower.period 30m must be between 1h and 366d",
		"period: 367d":                             "must be between 1h and 366d",
		"period: -1d":                              "watchtower.period must be a duration such as 28d",
		"period: decade":                           "or day, week, month, quarter or year",
		"period: [1d]":                             "watchtower.period must be a duration",
		"timezone: Europe/Berlin":                  "watchtower.timezone has no effect on a rolling period",
		"period: day\ntimezone: Mars":              `s.yaml:13: watchtower.timezone "Mars" is not known`,
		"period: day\ntimezone: Local":             `watchtower.timezone "Local" is not known`,
		"period: day\ntimezone: ../../etc":         "is not known",
		"also_over: [7d, 7d]":                      "watchtower.also_over names 7d twice",
		"also_over: [1y, 2y]":                      "watchtower.also_over 2y must be between",
		"also_over: [1d,2d,3d,4d,5d,6d]":           "watchtower.also_over has 6 entries: keep at most 5",
		"also_over: {a: b}":                        "watchtower.also_over must be a duration",
		"promise: ''":                              "watchtower.promise must be a text that is not empty",
		"no_owner:":                                "watchtower.no_owner must be a text",
		"confidence: 98":                           "watchtower.confidence must be above 0.5 and below 1",
		"confidence: 0.5":                          "watchtower.confidence must be above 0.5",
		"budgeting: windows":                       `watchtower.budgeting "windows" is not known`,
		"budgeting: timeslices":                    "watchtower.slice_target is missing",
		"budgeting: timeslices\nslice_target: 101": "watchtower.slice_target must be a percentage",
		"budgeting: timeslices\nslice_target: 95\nslice: 7m": "watchtower.slice 7m must be whole minutes that divide a day",
		"slice: 1m": "watchtower.slice has no effect unless",
		"budgeting: ratio_timeslices\nslice_target: 95": "watchtower.slice_target has no effect on ratio_timeslices",
		"group_by: [a-b]":                                              `watchtower.group_by: "a-b" cannot be the name of a label`,
		"group_by: [__name__]":                                         "cannot be the name of a label",
		"group_by: [le]":                                               "le tells the buckets",
		"group_by: [a, a]":                                             "watchtower.group_by names a twice",
		"max_groups: 5":                                                "watchtower.max_groups has no effect without",
		"group_by: [a]\nmax_groups: 0":                                 "watchtower.max_groups must be a whole number",
		"group_by: [a]\nmax_groups: 1.5":                               "watchtower.max_groups must be a whole number",
		"policy: {sad: stop}":                                          "watchtower.policy.sad: there is no such state",
		"policy: {exhausted: ''}":                                      "watchtower.policy.exhausted: is empty",
		"policy: [a]":                                                  "watchtower.policy must be a mapping",
		"alerts: {no_traffic_for: 1s}":                                 "watchtower.alerts.no_traffic_for 1s must be between 1m",
		"alerts: {budget_spent: [0]}":                                  "watchtower.alerts.budget_spent: 0 must be a percentage",
		"alerts: {budget_spent: [120]}":                                "watchtower.alerts.budget_spent: 120 must be a percentage",
		"alerts: {budget_spent: [50, 50]}":                             "names 50 twice",
		"alerts: {gone_within: [40d]}":                                 "watchtower.alerts.gone_within: 40d must be between 1m and the period, 30d",
		"alerts: {gone_within: [1h, 60m]}":                             "names 1h twice",
		"alerts: {telemetry_lost: maybe}":                              "watchtower.alerts.telemetry_lost must be true or false",
		"alerts: {pages: {}}":                                          `watchtower.alerts has no field "pages"`,
		"alerts: {page: {labels: {a: '{{'}}}":                          "watchtower.alerts.page.labels.a is not a valid template",
		"alerts: {page: {windows: [{}]}}":                              "needs long, short and burn",
		"alerts: {page: {windows: [{long: 1h, short: 2h, burn: 2}]}}":  "the long one not shorter",
		"alerts: {page: {windows: [{long: 60d, short: 2h, burn: 2}]}}": "the long window 60d is longer than the period 30d",
		"alerts: {page: {windows: [{long: 1d, short: 2h, burn: -2}]}}": "a burn rate of -2",
	} {
		_, err := ParseObjectives("s.yaml", []byte(withKeys(ours)))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v\nwant %s", ours, err, want)
		}
		if err != nil && strings.Count(err.Error(), "\n") > 0 {
			t.Errorf("%s: one fault is told as several:\n%v", ours, err)
		}
	}
}

func TestKeysNotes(t *testing.T) {
	got := parseOne(t, `version: prometheus/v1
service: share
slos:
  - name: raw
    objective: 99
    interval: {all: 5m}
    sli: {raw: {error_ratio_query: "1 - avg(avg_over_time(up[{{.window}}]))"}}
    watchtower: {confidence: 0.9, alerts: {no_traffic_for: 5m}}
`)
	for i, want := range []string{"s.yaml:6: interval has no effect", "s.yaml:8: watchtower.alerts.no_traffic_for has no effect", "s.yaml:8: watchtower.confidence has no effect"} {
		if len(got.Notes) != 3 || !strings.HasPrefix(got.Notes[i], want) {
			t.Fatalf("notes %q, want %s", got.Notes, want)
		}
	}
}

// Aliases of aliases must not make a short file a long read.
func TestAliasBomb(t *testing.T) {
	var b strings.Builder
	b.WriteString("version: prometheus/v1\nservice: a\nlabels: &l {")
	for i := range 3000 {
		b.WriteString("l" + strings.Repeat("x", i%50) + string(rune('a'+i%26)) + ": v, ")
	}
	b.WriteString("}\nslos:\n  - &s {name: b, objective: 99, labels: *l}\n")
	b.WriteString(strings.Repeat("  - *s\n", 20_000))
	begin := time.Now()
	_, err := ParseObjectives("bomb.yaml", []byte(b.String()))
	if err == nil || !strings.Contains(err.Error(), "there are more faults than these") {
		t.Errorf("got %.300v", err)
	}
	if took := time.Since(begin); took > 20*time.Second {
		t.Errorf("took %s", took)
	}
}
