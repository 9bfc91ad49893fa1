package config

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestCheckOfSchedules(t *testing.T) {
	tomorrow := time.Now().UTC().AddDate(0, 0, 1).Format(time.DateOnly)
	files := map[string]string{
		"watchtower.yaml": "rules: {objectives: [a.yaml]}\nnotifiers: {oncall: oncall.yaml}\n",
		"a.yaml":          fmt.Sprintf(spec, "share"),
		"oncall.yaml": `users: {ann: {}, bob: {}}
teams: {social: {schedule: s}, same: {schedule: s}}
schedules:
  s:
    timezone: UTC
    layers: [{name: l, users: [ann]}]
`,
	}
	wantChecked(t, files)

	sound := files["oncall.yaml"]
	files["oncall.yaml"] = strings.Replace(sound, "users: [ann]}", "users: [ann], from: "+tomorrow+"}", 1)
	wantChecked(t, files, "warning 4 oncall schedule s: nobody is on call from ")
	files["oncall.yaml"] = strings.Replace(sound, "users: [ann]}", "users: [ann], restrict: [{days: [mon..fri]}]}", 1)
	wantChecked(t, files, "warning 4 oncall schedule s: nobody is on call ")
	files["oncall.yaml"] = sound + "    ics: [{file: team.ics}, {url: 'https://example.com/private-1'}]\n"
	files["team.ics"] = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nSUMMARY:ann\nDTSTART:20200101T000000Z\nDTEND:20900101T000000Z\nEND:VEVENT\n" +
		"BEGIN:VEVENT\nSUMMARY:bob\nDTSTART:" + strings.ReplaceAll(tomorrow, "-", "") + "\nEND:VEVENT\nEND:VCALENDAR\n"
	wantChecked(t, files, "warning 4 oncall schedule s: from ", "warning 4 oncall schedule s: the calendar example.com was never fetched, so it is not known")
	files["oncall.yaml"] = strings.Replace(sound, "social:", "socail:", 1)
	wantChecked(t, files, "warning 5 oncall it pages the team social, which is not in ")
	files["oncall.yaml"] = strings.Replace(sound, "[ann]", "[eve]", 1)
	wantChecked(t, files, `fault 6 config schedule s: layer l: users: there is no user "eve"`)
}

func TestCheckOfEscalationPolicies(t *testing.T) {
	const roster = "users: {ann: {slack: U0ANN00001}, bob: {}}\nteams: {social: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [ann]}]}}\n"
	files := map[string]string{
		"watchtower.yaml":  "rules: {objectives: [a.yaml], prometheus: [rules.yaml]}\nnotifiers: {oncall: oncall.yaml, alertmanager: alertmanager.yml}\n",
		"a.yaml":           fmt.Sprintf(spec, "share"),
		"rules.yaml":       "groups: [{name: g, rules: [{alert: NodeDown, expr: up == 0, labels: {severity: critical}, annotations: {no_playbook: none}}]}]\n",
		"alertmanager.yml": "route: {receiver: all}\nreceivers: [{name: all, slack_configs: [{channel: '#all'}]}, {name: pager, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}, {name: nobody}]\n",
		"oncall.yaml":      roster,
	}
	wantChecked(t, files) // no policies: nothing to cover
	files["oncall.yaml"] = roster + "policies:\n  page:\n    match: {severity: =~page|critical}\n    steps:\n    - {notify: {user: ann}}\n    - {after: 5m, notify: {receiver: pager}}\n"
	wantChecked(t, files)
	files["oncall.yaml"] = roster + "policies:\n  page:\n    match: {service: backend}\n    steps:\n    - {notify: {user: bob}}\n"
	wantChecked(t, files,
		"warning 5 escalation it pages, and no escalation policy covers it, so that nobody else is called when nobody acknowledges: widen a match in ",
		"warning 8 escalation policy page notifies bob, whose ID in Slack is not given",
		"warning 1 escalation alert NodeDown pages, and no escalation policy covers it")
	files["oncall.yaml"] = roster + "policies:\n  page:\n    match: {severity: =~page|critical}\n    steps:\n    - {notify: {receiver: pagerduty}}\n    - {after: 5m, notify: {receiver: nobody}}\n"
	wantChecked(t, files,
		`fault 8 config policy page: notify: there is no receiver "pagerduty" in `,
		`fault 9 config policy page: notify: receiver "nobody" of `)
}

func TestReceiversOfPoliciesAreNeeded(t *testing.T) {
	path := write(t, map[string]string{
		"watchtower.yaml":  "notifiers: {oncall: oncall.yaml, alertmanager: alertmanager.yml}\n",
		"alertmanager.yml": "route: {receiver: all}\nreceivers: [{name: all, slack_configs: [{channel: '#all'}]}, {name: pager, webhook_configs: [{url: 'http://127.0.0.1:9/'}]}]\n",
		"oncall.yaml": "users: {ann: {}}\nteams: {t: {schedule: s, policy: p}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [ann]}]}}\n" +
			"policies: {p: {steps: [{notify: {receiver: pager}}, {after: 1m, notify: {receiver: pager}}, {after: 1m, notify: on_call}]}}\n",
	})
	files, _, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := files.Config.Notifiers.Escalation; !slices.Equal(got, []string{"pager"}) {
		t.Errorf("receivers %q", got)
	}
}
