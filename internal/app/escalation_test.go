package app

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/oncall/escalation"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

func TestUnacknowledgedPageClimbsThreeLevels(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		pass(2 * time.Second)
		i.paged() // It mentions Ann.
		pass(3 * time.Hour)
		i.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel", "20m0s pagerduty")
		for _, want := range []string{
			"0s The escalation policy page begins",
			"2s Escalation: the page mentions Ann Ames",
			"5m0s Step 2 of the escalation policy page (direct_message) calls Ann Ames",
			"5m0s Escalation: called Ann Ames",
			"20m0s Escalation: told the receiver pagerduty",
		} {
			i.said(want)
		}
		i.resolve()
		pass(time.Hour)
		i.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel", "20m0s pagerduty", "3h0m2s pagerduty it is over")
		for act, means := range map[escalation.Act]escalation.Means{escalation.Notify: escalation.DirectMessage, escalation.End: escalation.Receiver} {
			if n := testutil.ToFloat64(i.steps.WithLabelValues(string(act), string(means), "done")); n != 1 {
				t.Errorf("%s %s counted %v times", act, means, n)
			}
		}
	})
}

func TestWithoutAPageTheStepSpeaks(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		pass(6 * time.Minute)
		i.want("1m0s <@U0ANN00001>", "5m0s direct to U0ANN00001")
	})
}

func TestAcknowledgedStopsUntilItTimesOut(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		i.paged()
		pass(7 * time.Minute)
		i.tell(incidents.Acknowledged, "ann")
		pass(20 * time.Minute)
		i.tell(incidents.TakenOver, "bob") // their half an hour begins
		pass(29 * time.Minute)
		i.want("5m0s direct to U0ANN00001")
		pass(40 * time.Minute)
		// 7 of the 10 minutes were over when it was acknowledged.
		i.want("5m0s direct to U0ANN00001", "57m0s <@U0BOB00001>", "1h0m0s <@U0BOB00001> in the channel", "1h10m0s pagerduty")
		i.said("57m0s The acknowledgement of bob no longer counts: it was given 30m ago")
		if in, _ := i.log.OpenGroup(pageGroup); in.State != incidents.StateTriggered || in.Owner != "" || i.released != 1 {
			i.t.Errorf("state %s, owner %q, released %d times", in.State, in.Owner, i.released)
		}
		i.tell(incidents.Acknowledged, "ann")
		i.resolve()
		pass(2 * time.Hour)
		if n := len(i.heard.said); n != 5 || !strings.HasSuffix(i.heard.said[4], "pagerduty it is over") {
			i.t.Errorf("after the end: %q", i.heard.said)
		}
	})
}

func TestStormAndBudgetConditions(t *testing.T) {
	const policies = `  page:
    match: {severity: page}
    repeat: 1
    every: 20m
    steps:
      - {after: 1m, notify: {receiver: storm}, if: {more_than: 5, within: 10m}}
      - {after: 2m, notify: {receiver: spent}, if: {budget: exhausted}}
      - {after: 3m, notify: user_group, if: {severity: critical}}
      - {after: 4m, notify: {user: eve}}
`
	escalates(t, policies, func(i *instance) {
		i.fire(5)
		pass(15 * time.Minute)
		i.want()
		i.said("1m0s Step 1 of the escalation policy page (receiver storm) is passed over: 5 of its alerts began within 10m, not more than 5")
		i.said("2m0s Step 2 of the escalation policy page (receiver spent) is passed over: its error budget is not exhausted")
		i.said(`3m0s Step 3 of the escalation policy page (user_group) is passed over: its severity is "page", not critical`)
		i.said("4m0s Step 4 of the escalation policy page (user eve) is passed over: the ID in Slack of Eve, who is named in the escalation policy, is not given: the next step comes at once")
		i.fire(12) // 7 more
		i.set(func() { i.spent = true })
		pass(15 * time.Minute)
		i.want("21m0s storm", "22m0s spent")
	})
}

// TestHoursAcrossDaylightSaving has clocks set forward in the middle: 02:30 does not
// come.
func TestHoursAcrossDaylightSaving(t *testing.T) {
	const policies = `  page:
    match: {severity: page}
    repeat: 3
    every: 1h
    steps:
      - {after: 30m, notify: channel, if: {hours: "03:00-04:00", timezone: Europe/Berlin}}
`
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(time.Date(2000, 3, 25, 23, 0, 0, 0, time.UTC))) // 00:00 in Berlin
		i := newInstance(t, policies, &heard{began: time.Now(), fails: map[string]int{}})
		i.start()
		defer i.stop()
		i.fire(1)
		pass(5 * time.Hour)
		// 00:30, 01:30, 03:30, 04:30
		i.heard.want(t, "2h30m0s <!channel> in the channel")
		i.said("3h30m0s Step 1 of the escalation policy page (channel), round 4, is passed over: it was not within the hours 03:00-04:00 Europe/Berlin")
	})
}

func TestRestartInTheMiddleOfAWait(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		i.paged()
		pass(7 * time.Minute)
		i.stop()
		pass(2 * time.Minute)
		i.start()
		pass(2 * time.Minute)
		i.stop()
		// This one was due while nothing ran.
		pass(14 * time.Minute)
		fires := i.fires
		i.set(func() { i.fires = nil })
		i.start()
		defer func() { i.stop() }()
		pass(3 * time.Second)
		i.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel")
		// Only now the rules have said that it fires still.
		i.set(func() { i.fires = fires })
		pass(time.Hour)
		i.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel", "25m5s pagerduty")
	})
}

func TestSlackFailsAtAStep(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.heard.mu.Lock()
		i.heard.fails["direct to U0ANN00001"] = 3
		i.heard.mu.Unlock()
		i.fire(1)
		i.paged()
		pass(9 * time.Minute)
		i.want("5m0s direct to U0ANN00001 fails", "5m15s direct to U0ANN00001 fails", "5m45s direct to U0ANN00001 fails", "6m45s direct to U0ANN00001")
		i.said("5m15s Escalation: not called Ann Ames: not now")
		i.said("6m45s Step 2 of the escalation policy page (direct_message) calls Ann Ames, try 4")
	})
}

// TestSlackHangs keeps neither the other steps nor the end of the program.
func TestSlackHangs(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.heard.hang("direct to U0ANN00001")
		i.fire(1)
		i.paged()
		pass(30 * time.Minute)
		i.want("10m0s <@U0BOB00001> in the channel", "20m0s pagerduty")
		i.said("5m20s Escalation: not called Ann Ames: context deadline exceeded")
		i.heard.hang("")
		i.tell(incidents.Acknowledged, "ann")
		pass(20 * time.Minute)
		i.want("10m0s <@U0BOB00001> in the channel", "20m0s pagerduty")
	})
}

func TestNobodyOnCall(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1, "team", "empty")
		i.paged()
		pass(time.Minute)
		i.want("0s pagerduty")
		i.said("0s Step 1 of the escalation policy page (on_call) is passed over: nobody is on call for empty: the next step comes at once")
		i.said("0s Step 3 of the escalation policy page (next_on_call) is passed over: nobody is on call next for empty: the next step comes at once")
	})
}

func TestSilencedIncidentWaits(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		i.paged()
		pass(3 * time.Minute)
		i.set(func() { i.fires[0].State = notifiers.Suppressed })
		pass(time.Hour)
		i.want()
		i.set(func() { i.fires[0].State = notifiers.Active })
		pass(3 * time.Minute)
		if got := i.heard.said; len(got) != 1 || !strings.Contains(got[0], "direct to U0ANN00001") || !strings.HasPrefix(got[0], "1h5m") {
			i.t.Errorf("after the silence: %q", got)
		}
		paused := slices.ContainsFunc(i.timeline(), func(s string) bool {
			return strings.HasPrefix(s, "3m") && strings.HasSuffix(s, "s The escalation policy page waits: nobody is to be notified of this now")
		})
		if !paused {
			i.t.Errorf("the log does not say that it waits: %q", i.timeline())
		}
	})
}

func TestOtherIncidentsAreLeftAlone(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1, "severity", "ticket")
		pass(time.Hour)
		i.want()
		if got := i.timeline(); len(got) > 0 {
			i.t.Errorf("the log says %q", got)
		}
	})
}

func TestOnlyOneOfTwoPeersCalls(t *testing.T) {
	pair(t, ladder, func(one, two *instance) {
		pass(12 * time.Minute)
		two.tell(incidents.Acknowledged, "bob") // at one peer alone
		pass(40 * time.Minute)
		one.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel", "42m1s <@U0BOB00001>", "50m0s pagerduty")
		if diff := cmp.Diff(one.timeline(), two.timeline()); diff != "" {
			one.t.Errorf("the logs differ:\n%s", diff)
		}
	})
}

// TestPeerDies has the one whose turn it is die between two steps, and then in the
// middle of one: the other takes its place.
func TestPeerDies(t *testing.T) {
	pair(t, ladder, func(one, two *instance) {
		pass(6 * time.Minute)
		two.want("5m0s direct to U0ANN00001")
		one.set(func() { one.dead = true })
		one.stop()
		pass(5 * time.Minute)
		// The cluster has not noticed yet: it waits for the one before it.
		two.want("5m0s direct to U0ANN00001", "10m15s <@U0BOB00001> in the channel")
		two.set(func() { two.place = turn{position: 0, peers: 1} })
		pass(10 * time.Minute)
		two.want("5m0s direct to U0ANN00001", "10m15s <@U0BOB00001> in the channel", "20m0s pagerduty")
	})
}

func TestPeerDiesWhileItCalls(t *testing.T) {
	pair(t, ladder, func(one, two *instance) {
		pass(4 * time.Minute)
		one.heard.hang("direct to U0ANN00001")
		pass(time.Minute + time.Second) // It has said that it calls, and now it dies.
		one.set(func() { one.dead = true })
		one.stop()
		one.heard.hang("")
		pass(5 * time.Minute)
		two.want("6m15s direct to U0ANN00001")
	})
}

// TestTheOtherTriesWhatOneCannot has a peer that does not reach Slack.
func TestTheOtherTriesWhatOneCannot(t *testing.T) {
	pair(t, ladder, func(one, two *instance) {
		one.set(func() { one.cut = true })
		pass(8 * time.Minute)
		two.want("5m15s direct to U0ANN00001")
		one.said("5m0s Escalation: not called Ann Ames: not now")
	})
}

// TestOnlyTheSecondSeesTheAlert has a Prometheus that posts to one of two: the first knows
// the incident from its peer, and nothing fires there.
func TestOnlyTheSecondSeesTheAlert(t *testing.T) {
	pairWhere(t, ladder, func(i *instance) bool { return i.place.position == 1 }, func(one, two *instance) {
		two.paged()
		pass(13 * time.Minute)
		two.said("16s The escalation policy page begins")
		two.want("5m31s direct to U0ANN00001", "10m31s <@U0BOB00001> in the channel")
		two.set(func() { two.fires[0].State = notifiers.Suppressed })
		pass(20 * time.Minute)
		two.set(func() { two.fires[0].State = notifiers.Active })
		pass(12 * time.Minute)
		if n := len(two.heard.said); n != 3 || !strings.HasSuffix(two.heard.said[2], " pagerduty") {
			two.t.Errorf("after a silence: %q", two.heard.said)
		}
		one.want(two.heard.said...)
	})
}

// TestAcknowledgedWhileACallHangs calls nobody after that.
func TestAcknowledgedWhileACallHangs(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		i.fire(1)
		i.paged()
		pass(time.Minute)
		i.stop()
		time.Sleep(25 * time.Minute) // All steps fall due together.
		i.heard.hang("direct to U0ANN00001")
		i.start()
		pass(5 * time.Second)
		i.tell(incidents.Acknowledged, "ann")
		pass(10 * time.Minute)
		i.want()
	})
}

// TestStormBetweenTwoFlushes counts alerts of which the log has not been told yet.
func TestStormBetweenTwoFlushes(t *testing.T) {
	const policies = `  page:
    match: {severity: page}
    steps:
      - {after: 2m, notify: {receiver: storm}, if: {more_than: 5, within: 10m}}
`
	escalates(t, policies, func(i *instance) {
		i.fire(1)
		pass(time.Minute)
		i.set(func() {
			for n := range 10 {
				i.fires[0].Alerts = append(i.fires[0].Alerts, notifiers.IncidentAlert{Fingerprint: fmt.Sprint("new", n), StartsAt: time.Now()})
			}
		})
		pass(2 * time.Minute)
		i.want("2m0s storm")
	})
}

func TestTurns(t *testing.T) {
	three := func(position int) turn { return turn{position: position, peers: 3, each: time.Second} }
	for _, tc := range []struct {
		turn    turn
		attempt int
		want    time.Duration
	}{
		{turn{}, 5, 0}, {three(0), 0, 0}, {three(2), 0, 2 * time.Second}, {three(0), 1, 2 * time.Second}, {three(1), 1, 0}, {three(0), 3, 0}, {three(2), 4, time.Second},
	} {
		if got := tc.turn.wait(tc.attempt); got != tc.want {
			t.Errorf("%+v, attempt %d: %v, want %v", tc.turn, tc.attempt, got, tc.want)
		}
	}
}

// TestEscalationEndToEnd has an alert that nobody acknowledges climb from the page to a
// receiver that no route leads to, and end there.
func TestEscalationEndToEnd(t *testing.T) {
	told := make(chan string, 10)
	pagerduty := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Status            string
			CommonAnnotations map[string]string
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		told <- m.Status + " " + m.CommonAnnotations["watchtower_escalation"]
	}))
	defer pagerduty.Close()
	w := newWorld(t, map[string]string{
		"watchtower.yaml": baseConfig + "notifiers: {oncall: oncall.yaml, alertmanager: am.yml}\n",
		"am.yml": `route: {receiver: slack, group_by: [service], group_wait: 100ms, group_interval: 1s}
receivers: [{name: slack, slack_configs: [{send_resolved: true}]}, {name: pagerduty, webhook_configs: [{url: '` + pagerduty.URL + `'}]}]
`,
		"oncall.yaml": pageRoster + `  page:
    match: {severity: page}
    steps: [{notify: on_call}, {after: 1s, notify: next_on_call}, {after: 2s, notify: {receiver: pagerduty}}]
`,
	})
	alert := func(ends time.Time) {
		body := fmt.Sprintf(`[{"labels": {"alertname": "Burn", "severity": "page", "team": "share", "service": "share"}, "annotations": {"summary": "It burns"}, "endsAt": %q}]`,
			ends.UTC().Format(time.RFC3339Nano))
		if status, answer := w.post(w.app.URL()+"/api/v2/alerts", "application/json", []byte(body)); status != http.StatusOK {
			t.Fatalf("alert: %d %s", status, answer)
		}
	}
	alert(time.Now().Add(time.Hour))
	page := w.expect("a page that mentions who is on call", func(m inbox.Message) bool {
		return m.ThreadTS == "" && strings.Contains(string(m.Blocks), "On call:*") && strings.Contains(string(m.Blocks), "<@U0")
	})
	w.expect("the next one, called in the thread and the channel", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(m.Text, "> nobody has acknowledged this for 1m (step 2 of the escalation policy page).")
	})
	hear := func(want string) {
		t.Helper()
		select {
		case got := <-told:
			if got != want {
				t.Errorf("pagerduty heard %q, want %q", got, want)
			}
		case <-time.After(deadline):
			t.Fatalf("pagerduty was not told: %s", want)
		}
	}
	hear("firing nobody has acknowledged this for 1m (step 3 of the escalation policy page)")
	alert(time.Now())
	hear("resolved ")
	in := w.app.incidentLog.List(incidents.Filter{})[0]
	// It is written down after it was done.
	var answer string
	for end := time.Now().Add(deadline); !strings.Contains(answer, "told that it is over") && time.Now().Before(end); {
		_, answer = w.get("/api/watchtower/v1/incidents/" + in.ID)
	}
	for _, want := range []string{"The escalation policy page begins", "the page mentions ", "(next_on_call) calls ", "told the receiver pagerduty", "told that it is over: pagerduty"} {
		if !strings.Contains(answer, want) {
			t.Errorf("the incident does not say %q: %s", want, answer)
		}
	}
}

// TestRouteThatContinues has the same alerts in the groups of two receivers: the one
// with a page calls.
func TestRouteThatContinues(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		const audit = `{}/{}:{service="share"}` // It comes first in every order.
		labels := map[string]string{"severity": "page", "team": "share"}
		i.others = []notifiers.Incident{{GroupKey: audit, State: notifiers.Active, Alerts: []notifiers.IncidentAlert{{Fingerprint: "0", Labels: labels}}}}
		i.fire(1)
		err := i.log.Observe(i.t.Context(), incidents.Group{Key: audit, Receiver: "audit", At: time.Now(), Alerts: []incidents.Alert{
			{Fingerprint: "0", Labels: labels, StartsAt: time.Now()},
		}})
		if err != nil {
			i.t.Fatal(err)
		}
		pass(2 * time.Second)
		i.paged()
		pass(time.Hour)
		i.want("5m2s direct to U0ANN00001", "10m2s <@U0BOB00001> in the channel", "20m2s pagerduty")
	})
}

// TestRouteThatContinuesAndGroupsOtherwise has one of the alerts in a group of its own,
// besides: whoever speaks for both calls.
func TestRouteThatContinuesAndGroupsOtherwise(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		const one = `{}/{}:{alertname="Burn", service="share"}` // It comes first in every order.
		labels := map[string]string{"severity": "page", "team": "share"}
		i.others = []notifiers.Incident{{GroupKey: one, State: notifiers.Active, Alerts: []notifiers.IncidentAlert{{Fingerprint: "0", Labels: labels}}}}
		err := i.log.Observe(i.t.Context(), incidents.Group{Key: one, Receiver: "audit", At: time.Now(), Alerts: []incidents.Alert{
			{Fingerprint: "0", Labels: labels, StartsAt: time.Now()},
		}})
		if err != nil {
			i.t.Fatal(err)
		}
		i.fire(2)
		pass(2 * time.Second)
		i.paged()
		pass(time.Hour)
		i.want("5m0s direct to U0ANN00001", "10m0s <@U0BOB00001> in the channel", "20m0s pagerduty")
	})
}

// TestMutedTwinIsNotLeftTo has the twin that has begun fall silent by its hours.
func TestMutedTwinIsNotLeftTo(t *testing.T) {
	escalates(t, ladder, func(i *instance) {
		const hours = `{}/{}:{service="share"}`
		labels := map[string]string{"severity": "page", "team": "share"}
		i.fire(1)
		i.paged()
		err := i.log.Observe(i.t.Context(), incidents.Group{Key: hours, Receiver: "hours", At: time.Now(), Alerts: []incidents.Alert{
			{Fingerprint: "0", Labels: labels, StartsAt: time.Now()},
		}})
		if err != nil {
			i.t.Fatal(err)
		}
		in, _ := i.log.OpenGroup(hours)
		err = i.log.Add(i.t.Context(), incidents.Event{Incident: in.ID, At: time.Now(), Kind: incidents.PolicyChecked, Data: map[string]string{dataClock: "begun", dataPolicy: "page"}})
		if err != nil {
			i.t.Fatal(err)
		}
		i.set(func() {
			i.fires = append(i.fires, notifiers.Incident{GroupKey: hours, State: notifiers.Suppressed, Alerts: []notifiers.IncidentAlert{{Fingerprint: "0", Labels: labels}}})
		})
		pass(6 * time.Minute)
		i.want("5m0s direct to U0ANN00001")
	})
}

// BenchmarkLook is one look at a storm: a thousand incidents are open, each with a
// policy that waits.
func BenchmarkLook(b *testing.B) {
	dir := b.TempDir()
	file := filepath.Join(dir, "oncall.yaml")
	if err := os.WriteFile(file, []byte(pageRoster+ladder), 0o600); err != nil {
		b.Fatal(err)
	}
	roster, err := oncall.Load(file, "", time.Now())
	if err != nil {
		b.Fatal(err)
	}
	db, err := store.OpenState(filepath.Join(dir, "state.db"))
	if err != nil {
		b.Fatal(err)
	}
	defer db.Close()
	log, err := incidents.Open(b.Context(), incidents.Options{DB: db})
	if err != nil {
		b.Fatal(err)
	}
	labels := map[string]string{"alertname": "Burn", "severity": "page", "team": "share"}
	now := time.Now()
	var open []notifiers.Incident
	for n := range 1000 {
		key, fingerprint := fmt.Sprintf("{}:{n=%d}", n), fmt.Sprint(n)
		alert := incidents.Alert{Fingerprint: fingerprint, Labels: labels, StartsAt: now}
		if err := log.Observe(b.Context(), incidents.Group{Key: key, Receiver: "slack", At: now, Alerts: []incidents.Alert{alert}}); err != nil {
			b.Fatal(err)
		}
		if err := log.Tell(b.Context(), key, incidents.Event{Kind: incidents.PolicyChecked, At: now, Data: map[string]string{dataClock: "begun", dataPolicy: "page"}}); err != nil {
			b.Fatal(err)
		}
		if err := log.Tell(b.Context(), key, incidents.Event{Kind: incidents.Acknowledged, At: now}); err != nil {
			b.Fatal(err)
		}
		open = append(open, notifiers.Incident{GroupKey: key, State: notifiers.Active, Alerts: []notifiers.IncidentAlert{{Fingerprint: fingerprint}}})
	}
	e := &escalator{
		log: log, logger: slog.New(slog.DiscardHandler), roster: func() *oncall.Roster { return roster },
		open: func() []notifiers.Incident { return open }, exhausted: func([]string) bool { return false }, turn: func() turn { return turn{} },
		busy: map[string]bool{}, watched: map[string]time.Time{},
	}
	b.ReportAllocs()
	for b.Loop() {
		e.lookAt(b.Context(), now)
	}
}
