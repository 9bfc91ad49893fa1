package app

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/store"
)

// The people of every inbox that names none.
const (
	you = "U0YOU"
	sam = "U0SAM"
)

// workspace is a Watchtower and the Slack that it is connected to, an inbox on a server of its own.
type workspace struct {
	*world
	slack *inbox.Inbox
}

// newWorkspace starts both. What Slack gave the app is in the environment, beside the bot token.
func newWorkspace(t *testing.T, variable, secret string) workspace {
	t.Helper()
	db, err := store.OpenState(filepath.Join(t.TempDir(), "slack.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	box, err := inbox.New(inbox.Options{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(box.Close)
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-test")
	t.Setenv("SLACK_APP_TOKEN", "")
	t.Setenv("SLACK_SIGNING_SECRET", "")
	t.Setenv(variable, secret)
	w := newWorld(t, map[string]string{"watchtower.yaml": baseConfig + "notifiers: {slack: {api_url: '" + server.URL + "/inbox/api/'}}\n"})
	return workspace{world: w, slack: box}
}

// see waits for a message in #oncall.
func (w workspace) see(what string, ok func(inbox.Message) bool) inbox.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	defer cancel()
	m, err := w.slack.Wait(ctx, "#oncall", ok)
	if err != nil {
		w.t.Fatalf("%s: %v", what, err)
	}
	return m
}

// status waits until /status says something, and not the other thing.
func (w workspace) status(want, not string) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-tick.C {
		if _, page := w.get("/status"); strings.Contains(page, want) && !strings.Contains(page, not) {
			return
		}
	}
	w.t.Fatalf("/status does not say %q, or says %q", want, not)
}

// press clicks a button of a page.
func (w workspace) press(page inbox.Message, button, who string) {
	w.t.Helper()
	if err := w.slack.Click(w.t.Context(), inbox.Click{Channel: page.Channel, TS: page.TS, ActionID: button, User: who}); err != nil {
		w.t.Fatalf("%s: %v", button, err)
	}
}

// handle acknowledges a page, and silences its alerts by the form.
func (w workspace) handle(page inbox.Message) {
	w.t.Helper()
	w.press(page, "acknowledge", you)
	w.see("the acknowledged page", func(m inbox.Message) bool {
		return m.TS == page.TS && strings.HasPrefix(m.Text, "🟡 Acknowledged: Disk of db-1 is full")
	})
	w.see("who has it", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.HasPrefix(m.Text, "🟡 <@"+you+"> acknowledged this after")
	})

	w.press(page, "silence", sam)
	form, open := w.slack.OpenView(sam)
	if !open {
		w.t.Fatal("no form is open once the click is answered")
	}
	if !strings.Contains(string(form.Blocks), "`service=db`") {
		w.t.Errorf("the form does not say what it silences: %s", form.Blocks)
	}
	answers := map[string][]string{"duration": {"2h0m0s"}, "reason": {" "}}
	if wrong, err := w.slack.Submit(w.t.Context(), form.ID, answers, sam); err != nil || !strings.HasPrefix(wrong["reason"], "say why") {
		w.t.Errorf("a form without a reason: %v, %v", wrong, err)
	}
	if silences := w.silences(); len(silences) != 0 {
		w.t.Errorf("a form without a reason silenced: %+v", silences)
	}
	answers["reason"] = []string{"The disk is being grown"}
	if wrong, err := w.slack.Submit(w.t.Context(), form.ID, answers, sam); err != nil || len(wrong) != 0 {
		w.t.Fatalf("the form: %v, %v", wrong, err)
	}
	if _, open := w.slack.OpenView(sam); open {
		w.t.Error("the form stays open")
	}
	w.see("the silence in the thread", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.HasPrefix(m.Text, "🔕 <@"+sam+"> silenced this until") && strings.HasSuffix(m.Text, "The disk is being grown")
	})
	silences := w.silences()
	if len(silences) != 1 {
		w.t.Fatalf("Alertmanager's silences: %+v", silences)
	}
	s := silences[0]
	if s.Status.State != "active" || s.CreatedBy != "Sam" || s.Comment != "The disk is being grown (set from the page in Slack)" || s.EndsAt.Sub(s.StartsAt).Round(time.Minute) != 2*time.Hour {
		w.t.Errorf("the silence: %+v", s)
	}
	matched := map[string]string{}
	for _, m := range s.Matchers {
		if !m.IsEqual || m.IsRegex {
			w.t.Errorf("the silence matches by %+v", m)
		}
		matched[m.Name] = m.Value
	}
	if len(matched) != 2 || matched["service"] != "db" || matched["severity"] != "page" {
		w.t.Errorf("the silence matches %v", matched)
	}
}

type silence struct {
	CreatedBy, Comment string
	StartsAt, EndsAt   time.Time
	Status             struct{ State string }
	Matchers           []struct {
		Name, Value      string
		IsEqual, IsRegex bool
	}
}

func (w workspace) silences() (list []silence) {
	w.t.Helper()
	_, answer := w.get("/api/v2/silences")
	if err := json.Unmarshal([]byte(answer), &list); err != nil {
		w.t.Fatalf("silences: %v\n%s", err, answer)
	}
	return list
}

// page lets a disk be full and waits for the page.
func (w workspace) page() inbox.Message {
	w.t.Helper()
	w.alert(time.Now().Add(10*time.Minute), "DiskFull", "db", "db-1")
	return w.see("a page", func(m inbox.Message) bool {
		return m.ThreadTS == "" && strings.HasPrefix(m.Text, "🔴 Firing: Disk of db-1 is full")
	})
}

const (
	answered    = "answered by Socket Mode"
	notAnswered = "not answered"
)

// TestSocketMode: presses reach a Watchtower without an address of its own, also after Slack has closed the connection,
// and /status says whether they do.
func TestSocketMode(t *testing.T) {
	w := newWorkspace(t, "SLACK_APP_TOKEN", "xapp-test")
	w.status(answered, notAnswered)
	page := w.page()
	w.handle(page)

	// Slack closes the connection and gives no new one for a while: what is pressed is lost, and known to be.
	w.slack.Fail("apps.connections.open", inbox.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	w.slack.Disconnect("refresh_requested")
	w.status(notAnswered, answered)
	lost := inbox.Click{Channel: page.Channel, TS: page.TS, ActionID: "take_over", User: sam}
	if err := w.slack.Click(t.Context(), lost); !errors.Is(err, inbox.ErrNoApp) {
		t.Errorf("pressed while the connection is closed: %v", err)
	}
	w.slack.Heal()
	w.status(answered, notAnswered)
	w.press(page, "take_over", sam)
	w.see("the new owner", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && m.Text == "🟡 <@"+sam+"> took this over from <@"+you+">."
	})

	// The connection is renewed, as Slack does every few hours.
	w.slack.Disconnect("warning")
	w.pressOnceConnected(inbox.Click{Channel: page.Channel, TS: page.TS, ActionID: "escalate", User: you})
	w.see("the call for help", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.HasPrefix(m.Text, "🚨 <!channel>")
	})
}

// pressOnceConnected clicks again while no app is connected.
func (w workspace) pressOnceConnected(c inbox.Click) {
	w.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	err := inbox.ErrNoApp
	for end := time.Now().Add(deadline); errors.Is(err, inbox.ErrNoApp) && time.Now().Before(end); <-tick.C {
		err = w.slack.Click(w.t.Context(), c)
	}
	if err != nil {
		w.t.Fatalf("%s: %v", c.ActionID, err)
	}
}

// TestSignedRequests: presses that Slack posts here count if Slack has signed them.
func TestSignedRequests(t *testing.T) {
	w := newWorkspace(t, "SLACK_SIGNING_SECRET", "8f742231b10e")
	w.status("answered at "+interactionsPath, answered)
	page := w.page()
	for _, wrong := range []string{"", "8f742231b10f"} {
		w.slack.Connect(inbox.App{URL: w.url(interactionsPath), SigningSecret: wrong})
		err := w.slack.Click(t.Context(), inbox.Click{Channel: page.Channel, TS: page.TS, ActionID: "acknowledge"})
		if err == nil || !strings.Contains(err.Error(), "401") {
			t.Errorf("signed by %q: %v", wrong, err)
		}
	}
	w.slack.Connect(inbox.App{URL: w.url(interactionsPath), SigningSecret: "8f742231b10e"})
	w.handle(page)
	var acknowledgements int
	messages, err := w.slack.Messages(t.Context(), "#oncall")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range messages {
		if strings.Contains(m.Text, "acknowledged this") {
			acknowledgements++
		}
	}
	if acknowledgements != 1 {
		t.Errorf("%d acknowledgements, want the one that Slack signed", acknowledgements)
	}
}
