package app

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// status waits for a message in #status.
func (w *world) status(what string, ok func(inbox.Message) bool) inbox.Message {
	w.t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	var all []inbox.Message
	for end := time.Now().Add(deadline); time.Now().Before(end); <-ticker.C {
		var err error
		if all, err = w.app.Inbox().Messages(w.t.Context(), "#status"); err != nil {
			w.t.Fatal(err)
		}
		if i := slices.IndexFunc(all, ok); i >= 0 {
			return all[i]
		}
	}
	w.t.Fatalf("%s; #status has %+v", what, all)
	return inbox.Message{}
}

// TestStakeholdersAreTold follows a fault as those see it who are not engineers, over a
// restart.
func TestStakeholdersAreTold(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {slack: {stakeholder_channel: \"#status\"}}\n",
		"slos/share.yaml": shareSpec,
	})
	w.alert(time.Now().Add(time.Hour), "DiskFull", "db", "db-1") // a page, but no promise
	w.crossThreshold()
	bulletin := w.status("no bulletin", func(m inbox.Message) bool {
		return strings.HasPrefix(m.Text, "🔴 “Sharing a post works” does not hold at the moment")
	})
	if text := string(bulletin.Blocks); !strings.Contains(text, "attempts fail") || !strings.Contains(text, "The people on call have been paged. Next update by") {
		t.Errorf("the bulletin says %s", text)
	}
	list := w.app.incidentLog.List(incidents.Filter{Service: "share"})
	if len(list) != 1 {
		t.Fatalf("incidents: %+v", list)
	}
	in := list[0]
	w.app.tellIncident(in.GroupKey, slack.Deed{ID: "c1", Kind: string(incidents.Acknowledged), By: "Ada", ByID: "U1", At: time.Now()})
	below := func(text string) func(inbox.Message) bool {
		return func(m inbox.Message) bool { return m.ThreadTS == bulletin.TS && strings.HasPrefix(m.Text, text) }
	}
	w.status("nobody says who has it", below("👤 Ada is working on it"))

	w.stop()
	w.start()
	w.app.Inbox().Fail("chat.update", inbox.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	stop := w.keep(20, 0)
	defer stop()
	w.status("the end is not told", below("✅ “Sharing a post works” holds again, since "))
	if m := w.status("the bulletin is gone", func(m inbox.Message) bool { return m.TS == bulletin.TS }); !strings.HasPrefix(m.Text, "🔴") {
		t.Errorf("the bulletin says %s, although it cannot be changed", m.Text)
	}
	w.app.Inbox().Heal()
	w.status("the bulletin still says that it does not hold", func(m inbox.Message) bool {
		return m.TS == bulletin.TS && strings.HasPrefix(m.Text, "✅ “Sharing a post works” holds again") && strings.Contains(string(m.Blocks), "attempts failed.")
	})
	stop()
	all, err := w.app.Inbox().Messages(t.Context(), "#status")
	if err != nil || len(all) != 3 {
		t.Errorf("%v; told are %+v", err, all)
	}
	if _, page := w.get("/incidents/" + in.ID); strings.Count(page, "Stakeholders told") < 3 {
		t.Errorf("the incident's page does not say what stakeholders were told: %s", page)
	}
}

// TestStakeholdersAreToldTheEndOfWhatSlackTookInSilence: Slack took a bulletin, its answer was lost, and all was over before
// the next try. People read the bulletin, so they are told the end.
func TestStakeholdersAreToldTheEndOfWhatSlackTookInSilence(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {slack: {stakeholder_channel: \"#status\"}}\n",
		"slos/share.yaml": shareSpec,
	})
	w.app.Inbox().Fail("chat.postMessage", inbox.Fault{Status: http.StatusGatewayTimeout, Performed: true, Times: -1})
	w.crossThreshold()
	bulletin := w.status("no bulletin", func(m inbox.Message) bool { return strings.HasPrefix(m.Text, "🔴") })
	stop := w.keep(20, 0)
	defer stop()
	for end := time.Now().Add(deadline); len(w.app.incidents()) > 0 || len(w.app.incidentLog.List(incidents.Filter{Service: "share"})) == 0; time.Sleep(100 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never ends: %+v", w.app.incidents())
		}
	}
	w.app.Inbox().Heal()
	w.status("the bulletin still says that it does not hold", func(m inbox.Message) bool {
		return m.TS == bulletin.TS && strings.HasPrefix(m.Text, "✅ “Sharing a post works” holds again")
	})
	all, err := w.app.Inbox().Messages(t.Context(), "#status")
	if err != nil || len(all) != 2 {
		t.Errorf("%v; told are %+v, want the bulletin and its end", err, all)
	}
}

// TestUpdatesByHandAlone says nothing by itself.
func TestUpdatesByHandAlone(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(baseConfig) + "\nnotifiers: {slack: {stakeholder_channel: \"#status\", stakeholder_updates: 0s}}\n",
	})
	if w.app.spokesman != nil {
		t.Error("somebody speaks")
	}
	if status, answer := w.get("/-/healthy"); status != http.StatusOK {
		t.Errorf("it does not run: %d %s", status, answer)
	}
}
