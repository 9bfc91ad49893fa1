package oncall

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
)

// policed is a file with these policies, the first of which begins on line 5.
func policed(policies string) string {
	return "users: {a: {}, b: {}}\nteams: {t: {schedule: s, policy: own}, u: {schedule: s}}\nschedules: {s: {timezone: UTC, layers: [{name: l, users: [a]}]}}\npolicies:\n  " +
		strings.ReplaceAll(policies, "\n", "\n  ") + "\n"
}

func TestFaultsOfPolicies(t *testing.T) {
	policy := func(text string, want ...string) {
		t.Helper()
		wantFaults(t, policed("own:\n  "+strings.ReplaceAll(text, "\n", "\n  ")), want...)
	}
	const steps = "steps: [{notify: on_call}, {after: 5m, notify: next_on_call}]\n"
	wantFaults(t, policed("owl: {"+strings.TrimSpace(steps)+"}"), `2: team t: policy: there is no policy "own": there is owl`)
	wantFaults(t, strings.Split(policed("x"), "policies:")[0], `2: team t: policy: there is no policy "own", nor any other`)
	policy("match: {severity: page}", "5: policy own has no steps: say whom it notifies")
	policy("step: []\nsteps: []", `6: unknown key "step" in policy own: it has match, repeat, every, acknowledge_timeout, steps`, "5: policy own has no steps")
	policy(steps+"repeat: -1", "7: policy own: repeat: write how many times")
	policy(steps+"every: 10m", "7: policy own: every has no effect without repeat")
	policy(steps+"repeat: 2\nevery: 5m", "8: policy own: every: a round of 5m would be over before its last step, which comes after 5m")
	policy("steps: [{notify: on_call}]\nrepeat: 2", "7: policy own: repeat: nothing says how long a round lasts: write, for instance, every: 15m")
	policy(steps+"acknowledge_timeout: 10", `7: policy own: acknowledge_timeout: "10": write a duration from 1m to 168h`)
	policy(steps+"acknowledge_timeout: 1s", `7: policy own: acknowledge_timeout: "1s": write a duration`)
	policy(steps+"match: {}", "7: policy own: match names no label")
	policy(steps+"match: []", "7: policy own: match is empty")
	policy(steps+"match: [{severity: '!page'}, {severity: '=~('}, {severity: ''}]", "7: policy own: match: severity: write the value that the label must have",
		"7: policy own: match: severity: \"(\" is no regular expression: missing closing ): `(`", "7: policy own: match: severity: write the value")

	step := func(text string, want ...string) {
		t.Helper()
		policy("steps:\n- {"+text+"}", want...)
	}
	step("after: 5m", "7: policy own: step 1 lacks notify: write channel, on_call, direct_message")
	step("notify: everybody", `7: policy own: step 1: notify: "everybody" is no way to notify: write channel`)
	step("notify: {user_group: '@all'}", `7: policy own: step 1: notify: user_group: "@all" is no user group's ID of Slack`)
	step("notify: {user: c}", `7: policy own: step 1: notify: user: there is no user "c": users has a and b`)
	step("notify: {team: x}", `7: policy own: step 1: notify: team: there is no team "x": teams has t and u`)
	step("notify: {receiver: ''}", "7: policy own: step 1: notify: receiver is empty")
	step("notify: {channel: x}", `7: unknown key "channel" in policy own: step 1: notify: it has user_group, user, team, receiver`, "7: policy own: step 1: notify: name exactly one")
	step("notify: {user: a, team: t}", "7: policy own: step 1: notify: name exactly one")
	step("notify: on_call, after: -5m", `7: policy own: step 1: after: "-5m": write a duration from 0s to 168h`)
	step("notify: on_call, after: 1000h", `7: policy own: step 1: after: "1000h": write a duration from 0s to 168h`)
	step("notify: on_call, after: 5m}\n- {notify: channel, after: 1m", "8: policy own: step 2: after: it comes before the step above it, which waits 5m")
	step("notify: on_call, if: {}", "7: policy own: step 1: if is empty")
	step("notify: on_call, if: {severity: [], hours: '18:00-08:00', within: 5m, budget: spent}", "7: policy own: step 1: if: severity is empty",
		"7: policy own: step 1: if: hours and timezone go together", "7: policy own: step 1: if: more_than and within go together",
		`7: policy own: step 1: if: budget: "spent" is none of its states that can be asked for: write exhausted`)
	step("notify: on_call, if: {hours: '18-8', timezone: Mars/Olympus, more_than: many, within: 0s}", `7: policy own: step 1: if: hours: "18-8": write two times of day, as "18:00-08:00"`,
		`7: policy own: step 1: if: timezone: there is no zone "Mars/Olympus"`, "7: policy own: step 1: if: more_than: write a number of alerts", `7: policy own: step 1: if: within: "0s": write a duration from 1s`)
	step("notify: on_call, if: {hours: '08:00-08:00', timezone: UTC}", `7: policy own: step 1: if: hours: "08:00-08:00" begins and ends at the same time`)
	policy("steps: ["+strings.Repeat("{notify: on_call}, ", 21)+"]", "6: policy own has 21 steps; 20 are allowed")
}

func TestReadPolicies(t *testing.T) {
	p, err := parsePlan("oncall.yaml", []byte(policed(`own:
  repeat: 2
  acknowledge_timeout: 30m
  steps:
    - {notify: on_call}
    - {after: 5m, notify: {team: u}, if: {severity: page, hours: "18:00-08:00", timezone: Europe/Berlin}}
    - {after: 5m, notify: user_group, if: {more_than: 0, within: 10m}}
    - {after: 20m, notify: {receiver: pagerduty}, if: {budget: exhausted}}
general:
  match: [{severity: page}, {severity: =~page|ticket, team: u}]
  steps: [{notify: channel}]
media: {match: {team: u, severity: page}, steps: [{notify: channel}]}
spare: {steps: [{notify: channel}]}`)))
	if err != nil {
		t.Fatal(err)
	}
	own := p.policies["own"]
	if own.Repeat != 2 || own.Every != 35*time.Minute || own.AckTimeout != 30*time.Minute || own.Line != 5 || len(own.Steps) != 4 {
		t.Errorf("policy: %+v", own)
	}
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	night := escalation.Always()
	night.Severity, night.Hours = []string{"page"}, &escalation.Hours{From: 18 * time.Hour, To: 8 * time.Hour, Zone: berlin}
	want := escalation.Step{After: 5 * time.Minute, Notify: escalation.Target{Means: escalation.Team, Name: "u"}, If: night, Line: 10}
	if diff := cmp.Diff(want, own.Steps[1], cmp.Comparer(func(a, b *time.Location) bool { return a.String() == b.String() })); diff != "" {
		t.Errorf("step (-want +got):\n%s", diff)
	}
	if c := own.Steps[2].If; c.MoreThan != 0 || c.Within != 10*time.Minute {
		t.Errorf("condition: %+v", c)
	}

	r := (files{plan: p}).roster(nil, time.Now())
	for _, tc := range []struct{ team, severity, want string }{
		{"t", "page", "own"},
		{"t", "ticket", "own"}, // it matches nothing in particular
		{"u", "page", "media"}, // more plain values
		{"u", "ticket", "general"},
		{"x", "page", "general"},
		{"x", "ticket", ""},
	} {
		got, ok := r.PolicyFor(tc.team, map[string]string{"team": tc.team, "severity": tc.severity})
		if got.Name != tc.want || ok != (tc.want != "") {
			t.Errorf("team %s, %s: %q, want %q", tc.team, tc.severity, got.Name, tc.want)
		}
	}
	if w := r.Warnings(); len(w) != 1 || w[0].Error() != "oncall.yaml:17: policy spare is for nobody: say what it matches, or name it at a team" {
		t.Errorf("warnings: %v", w)
	}
	if names := r.Policies(); len(names) != 4 || names[0].Name != "general" {
		t.Errorf("policies: %v", names)
	}
	if _, ok := r.Policy("spare"); !ok {
		t.Error("a policy is not found by its name")
	}
	if u, ok := r.User("b"); !ok || u.ID != "b" {
		t.Errorf("user b: %+v", u)
	}
	var none *Roster
	if _, ok := none.PolicyFor("t", nil); ok {
		t.Error("no roster has a policy")
	}
}

// TestTeamsPolicyThatDoesNotMatch takes the one that does.
func TestTeamsPolicyThatDoesNotMatch(t *testing.T) {
	p, err := parsePlan("oncall.yaml", []byte(policed("own: {match: {severity: page}, steps: [{notify: channel}]}\nother: {match: {severity: =~.+}, steps: [{notify: channel}]}")))
	if err != nil {
		t.Fatal(err)
	}
	r := (files{plan: p}).roster(nil, time.Now())
	if got, _ := r.PolicyFor("t", map[string]string{"severity": "ticket"}); got.Name != "other" {
		t.Errorf("a ticket of team t: %q", got.Name)
	}
	if got, _ := r.PolicyFor("t", map[string]string{"severity": "page"}); got.Name != "own" {
		t.Errorf("a page of team t: %q", got.Name)
	}
}

func FuzzPolicies(f *testing.F) {
	f.Add("own: {match: {severity: page}, repeat: 1, steps: [{notify: on_call}, {after: 5m, notify: {user: a}, if: {hours: 18:00-08:00, timezone: UTC}}]}")
	f.Add("own:\n  steps: [{after: [], notify: {}, if: [x]}]\n  match: [a, {b: [c]}]")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePlan("oncall.yaml", []byte(policed(text)))
		if err != nil {
			return
		}
		for _, policy := range p.policies {
			in := escalation.Incident{Events: []escalation.Event{{Kind: escalation.Begun, At: time.Unix(0, 0), Policy: policy.Name}}}
			now := time.Unix(3600, 0)
			for _, a := range first(policy.Due(in, now)) {
				if a.At.After(now) {
					t.Errorf("%s is due at %s", a.ID, a.At)
				}
			}
		}
	})
}

func first(actions []escalation.Action, _ time.Time) []escalation.Action { return actions }

// TestWho finds people by what a playbook says.
func TestWho(t *testing.T) {
	p, err := parsePlan("oncall.yaml", []byte(`users: {a: {}, b: {}, web: {name: Webb}}
teams: {t: {schedule: s}, web: {schedule: s}, comms: {schedule: c}}
schedules:
  s: {timezone: UTC, layers: [{name: l, users: [a, b], rotate: daily, handover: "00:00", from: 2026-01-01}]}
  c: {timezone: UTC, layers: [{name: l, users: [b]}]}
`))
	if err != nil {
		t.Fatal(err)
	}
	at := time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)
	r := (files{plan: p}).roster(nil, at)
	for _, tc := range []struct{ who, team, want string }{
		{OnCall, "t", "a"},
		{NextOnCall, "t", "b"},
		{OnCall, "nobody", ""},
		{"comms", "t", "b"},
		{"b", "t", "b"},
		{"web", "t", "web"}, // the user, not the team
		{"else", "t", ""},
	} {
		got, ok := r.Who(tc.who, tc.team, at)
		if got.User.ID != tc.want || ok != (tc.want != "") {
			t.Errorf("%s of %s is %q, want %q", tc.who, tc.team, got.User.ID, tc.want)
		}
		if r.Names(tc.who) != (tc.who != "else") {
			t.Errorf("Names(%q) = %t", tc.who, r.Names(tc.who))
		}
	}
	var none *Roster
	if _, ok := none.Who("a", "t", at); ok || none.Names("a") {
		t.Error("no roster knows somebody")
	}
}
