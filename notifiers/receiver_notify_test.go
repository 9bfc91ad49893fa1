package notifiers

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// escalationOptions routes everything to team, and builds ops for escalations.
func escalationOptions(t *testing.T, dir string, slack *fakeSlack, fallback ...string) Options {
	t.Helper()
	opts := fallbackOptions(t, dir, slack, fallback...)
	opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", strings.Replace(threeReceivers, "name: ops\n    slack_configs: [{send_resolved: true}]",
		"name: ops\n    slack_configs: [{send_resolved: true}, {send_resolved: false}]", 1))
	opts.Config.Escalation = []string{"ops", "nobody"}
	return opts
}

// page is a notice about the group of an objective's page.
func page(id string) Notice {
	labels := map[string]string{"alertname": "Burn", "service": "share", "slo": "posts", "severity": "page"}
	return Notice{
		ID: id, GroupKey: `{}:{service="share", severity="page", slo="posts"}`, Group: map[string]string{"service": "share", "slo": "posts", "severity": "page"},
		Alerts: []IncidentAlert{{Labels: labels, StartsAt: time.Now()}}, Reason: "nobody has acknowledged it for 30m",
	}
}

func (i *instance) escalate(t *testing.T, receiver string, n Notice) error {
	t.Helper()
	time.Sleep(time.Second) // The notification log keeps the first of two entries of the same instant.
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	return i.NotifyReceiver(ctx, receiver, n)
}

func TestNotifyReceiverOnceAndOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		slack := &fakeSlack{}
		i := run(t, escalationOptions(t, dir, slack), slack)
		over := page("end")
		over.Over = true
		if err := i.escalate(t, "ops", over); err != nil {
			t.Error(err)
		}
		for _, id := range []string{"1", "1", "2"} {
			if err := i.escalate(t, "ops", page(id)); err != nil {
				t.Error(err)
			}
		}
		// The notice is not repeated, and nobody hears of the end who was not told of the beginning.
		wantHeard(t, i, "ops: Burn", "ops: Burn", "ops: Burn", "ops: Burn")
		n := slack.notifications()[0]
		if n.reason != "" || n.group != page("").GroupKey {
			t.Errorf("notified of %+v", n)
		}
		i.stop()

		i = run(t, escalationOptions(t, dir, slack), slack)
		if err := i.escalate(t, "ops", page("2")); err != nil {
			t.Error(err)
		}
		for range 2 {
			if err := i.escalate(t, "ops", over); err != nil {
				t.Error(err)
			}
		}
		// After a restart: the notice is known, and the one that wants to hear of the end does, once.
		if got := slack.heard()[4:]; !slices.Equal(got, []string{"ops: -Burn"}) {
			t.Errorf("after the restart: %v", got)
		}
		if ts := slack.notifications(); ts[0].ts != ts[2].ts && ts[1].ts != ts[2].ts {
			t.Error("what the integration remembers of the group was lost between two notices")
		}
	})
}

func TestNotifyReceiverTriesAgainWhomItFailed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		i := run(t, escalationOptions(t, t.TempDir(), slack), slack)
		slack.setFail(errDown)
		err := i.escalate(t, "ops", page("1"))
		if err == nil || !strings.Contains(err.Error(), `slack[0] of receiver "ops": it is down`) || !strings.Contains(err.Error(), `slack[1] of receiver "ops"`) {
			t.Errorf("error %v", err)
		}
		slack.setFail(nil)
		if err := i.escalate(t, "ops", page("1")); err != nil {
			t.Error(err)
		}
		wantHeard(t, i, "ops: Burn", "ops: Burn")
	})
}

func TestNotifyReceiverNamesWhatIsWrong(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		i := run(t, escalationOptions(t, t.TempDir(), slack), slack)
		if position, peers := i.Place(); position != 0 || peers != 1 {
			t.Errorf("alone it is at %d of %d", position, peers)
		}
		for _, name := range []string{"nobody", "pagerduty"} {
			if err := i.escalate(t, name, page("1")); err == nil || !strings.Contains(err.Error(), `receiver "`+name+`" reaches nobody: name one of `) {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := i.escalate(t, "ops", Notice{GroupKey: "g"}); err == nil || !strings.Contains(err.Error(), "no alert is known of the group g") {
			t.Errorf("no alerts: %v", err)
		}
	})
}

// TestNotifyReceiverFallsBack has a receiver that refuses for good: fallback receivers hear in its place, and of the end.
func TestNotifyReceiverFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		opts := escalationOptions(t, t.TempDir(), slack, "night", "team")
		opts.Config.Fallback = []string{"team"}
		i := run(t, opts, slack)
		slack.setFault("ops", false, errNoChannel)
		over := page("end")
		over.Over = true
		for _, n := range []Notice{page("1"), over} {
			if err := i.escalate(t, "ops", n); err != nil {
				t.Error(err)
			}
		}
		// Both integrations of ops, each once.
		if diff := cmp.Diff([]string{"team: -Burn", "team: -Burn", "team: Burn", "team: Burn"}, slices.Sorted(slices.Values(slack.heard()))); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if n := slack.notifications()[0]; !strings.Contains(n.reason, `of receiver "ops": channel_not_found`) {
			t.Errorf("reason %q", n.reason)
		}
	})
}

func TestAlertsOfNotices(t *testing.T) {
	n := page("1")
	now := time.Now()
	a := n.alerts(now)[0]
	if a.Annotations[escalationAnnotation] != "nobody has acknowledged it for 30m" || a.Labels["slo"] != "posts" || a.Resolved() {
		t.Errorf("%+v", a)
	}
	n.Over = true
	if a := n.alerts(now)[0]; !a.ResolvedAt(now) {
		t.Errorf("the end: %+v", a)
	}
}
