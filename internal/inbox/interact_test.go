package inbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/slack-go/slack"
)

const secret = "8f742231b10e8888abcd99yyyzzz85a5"

// app is a program behind the buttons. It checks what it is sent as apps do, and answers what do returns.
type app struct {
	tb     testing.TB
	clock  *clock
	server *httptest.Server
	do     func(slack.InteractionCallback) any // an int is a status, a ViewSubmissionResponse a body, nil is an empty 200

	mu  sync.Mutex
	got []slack.InteractionCallback
	raw []string
}

// connected starts an app and connects the inbox to it.
func connected(tb testing.TB, d desk, do func(slack.InteractionCallback) any) *app {
	tb.Helper()
	a := &app{tb: tb, clock: d.clock, do: do}
	a.server = httptest.NewServer(a)
	tb.Cleanup(a.server.Close)
	d.Connect(App{URL: a.server.URL + "/slack/interactions", SigningSecret: secret, Client: a.server.Client()})
	return a
}

func (a *app) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		a.tb.Error(err)
	}
	// slack-go compares with the time of day; this inbox lives at another.
	stale := r.Header.Get("X-Slack-Request-Timestamp")
	if want := fmt.Sprint(a.clock.now().Unix()); stale != want {
		a.tb.Errorf("signed at %s, want %s", stale, want)
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	call, err := slack.InteractionCallbackParse(r)
	if err != nil {
		a.tb.Errorf("slack-go cannot read %s: %v", body, err)
	}
	a.mu.Lock()
	a.got, a.raw = append(a.got, call), append(a.raw, r.PostForm.Get("payload"))
	a.mu.Unlock()
	switch reply := a.do(call).(type) {
	case nil:
	case int:
		w.WriteHeader(reply)
	default:
		json.NewEncoder(w).Encode(reply)
	}
}

func (a *app) calls() []slack.InteractionCallback {
	a.mu.Lock()
	defer a.mu.Unlock()
	return slices.Clone(a.got)
}

func nothing(slack.InteractionCallback) any { return nil }

func action(id, label, value string, style slack.Style) *slack.ButtonBlockElement {
	return slack.NewButtonBlockElement(id, value, plain(label)).WithStyle(style)
}

// incident posts a message with buttons and returns where it is.
func (d desk) incident(tb testing.TB) (string, string) {
	tb.Helper()
	choose := slack.NewOptionsSelectBlockElement(slack.OptTypeStatic, plain("Severity"), "severity",
		slack.NewOptionBlockObject("high", plain("High"), nil), slack.NewOptionBlockObject("low", plain("Low"), nil))
	choose.InitialOption = choose.Options[0]
	return d.post(tb, "oncall", saying("share is broken"), slack.MsgOptionBlocks(
		slack.NewHeaderBlock(plain("🔴 Firing: share availability")),
		slack.NewSectionBlock(mrkdwn("How bad is it?"), nil, slack.NewAccessory(choose), slack.SectionBlockOptionBlockID("how")),
		slack.NewActionBlock("buttons", action("ack", "Acknowledge", "inc-1", slack.StylePrimary), action("silence", "Silence…", "inc-1", slack.StyleDefault),
			button("playbook", "Playbook", "http://localhost:9911/playbooks/x"))),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "page", EventPayload: map[string]any{"id": "inc-1"}}))
}

func TestClick(t *testing.T) {
	d := open(t, func(o *Options) { o.People = []Person{{"U0PRIYA", "Priya Shah"}, {"U0MARCO", "Marco"}} })
	channel, ts := d.incident(t)
	a := connected(t, d, nothing)
	if err := d.Click(t.Context(), Click{Channel: "#oncall", TS: ts, ActionID: "ack"}); err != nil {
		t.Fatal(err)
	}
	got := a.calls()[0]
	if got.Type != slack.InteractionTypeBlockActions || got.User.ID != "U0PRIYA" || got.User.Name != "priya.shah" || got.Team.ID != teamID || got.APIAppID != appID {
		t.Errorf("who: %+v", got)
	}
	if got.Channel.ID != channel || got.Channel.Name != "oncall" || got.Container.MessageTs != ts || got.Container.ChannelID != channel || got.Container.Type != "message" {
		t.Errorf("where: %+v %+v", got.Channel, got.Container)
	}
	if m := got.Message; m.Timestamp != ts || m.Text != "share is broken" || len(m.Blocks.BlockSet) != 3 || m.Metadata.EventPayload["id"] != "inc-1" {
		t.Errorf("the message: %+v", m.Msg)
	}
	act := got.ActionCallback.BlockActions[0]
	if act.ActionID != "ack" || act.BlockID != "buttons" || act.Value != "inc-1" || act.Text.Text != "Acknowledge" || act.Type != "button" || act.ActionTs == "" {
		t.Errorf("the action: %+v", act)
	}
	if s := got.BlockActionState.Values["how"]["severity"]; s.SelectedOption.Value != "high" || s.Type != "static_select" {
		t.Errorf("the state: %+v", got.BlockActionState)
	}
	if got.TriggerID == "" || !strings.HasPrefix(got.ResponseURL, d.url+"/inbox/respond/") {
		t.Errorf("trigger %q, response_url %q", got.TriggerID, got.ResponseURL)
	}

	// What was chosen is told as an action, and as state from then on.
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "severity", Values: []string{"low"}, User: "U0MARCO"}); err != nil {
		t.Fatal(err)
	}
	got = a.calls()[1]
	if act := got.ActionCallback.BlockActions[0]; act.SelectedOption.Value != "low" || act.SelectedOption.Text.Text != "Low" || got.User.ID != "U0MARCO" {
		t.Errorf("the choice: %+v", act)
	}
	if s := got.BlockActionState.Values["how"]["severity"]; s.SelectedOption.Value != "low" {
		t.Errorf("the state after it: %+v", s)
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", User: "U0PRIYA"}); err != nil {
		t.Fatal(err)
	}
	if s := a.calls()[2].BlockActionState.Values["how"]["severity"]; s.SelectedOption.Value != "high" {
		t.Errorf("one person's choice became another's: %+v", s)
	}
}

func TestClickWhatIsNotThere(t *testing.T) {
	d := open(t, func(o *Options) { o.People = []Person{{"U0PRIYA", "Priya"}} })
	channel, ts := d.incident(t)
	_, plainTS := d.post(t, "oncall", saying("no buttons"))
	only, err := d.client.PostEphemeralContext(t.Context(), channel, "U0PRIYA", slack.MsgOptionBlocks(slack.NewActionBlock("", action("mine", "Mine", "", ""))))
	if err != nil {
		t.Fatal(err)
	}
	a := connected(t, d, nothing)
	for name, c := range map[string]Click{
		"another element": {Channel: channel, TS: ts, ActionID: "resolve"},
		"another block":   {Channel: channel, TS: ts, ActionID: "ack", BlockID: "other"},
		"no element":      {Channel: channel, TS: plainTS, ActionID: "ack"},
		"no message":      {Channel: channel, TS: "1.000001", ActionID: "ack"},
		"no ts":           {Channel: channel, TS: "x", ActionID: "ack"},
		"no channel":      {Channel: "nowhere", TS: ts, ActionID: "ack"},
		"no person":       {Channel: channel, TS: ts, ActionID: "ack", User: "U0NOBODY"},
		"no view":         {View: "V1", ActionID: "ack"},
	} {
		if err := d.Click(t.Context(), c); !errors.Is(err, ErrNoElement) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "severity", Values: []string{"middle"}}); err == nil {
		t.Error("an option that is not there was chosen")
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "resolve"}); !strings.Contains(fmt.Sprint(err), "there are severity, ack, silence, playbook") {
		t.Errorf("the error does not say what is there: %v", err)
	}
	if err := d.Delete(t.Context(), channel, ts); err != nil {
		t.Fatal(err)
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !errors.Is(err, ErrNoElement) {
		t.Errorf("a deleted message: %v", err)
	}
	if got := a.calls(); len(got) > 0 {
		t.Errorf("the app was told of %d clicks", len(got))
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: only, ActionID: "mine"}); err != nil {
		t.Error(err)
	}
	if got := a.calls()[0]; !got.Container.IsEphemeral || got.Message.Timestamp != "" {
		t.Errorf("a click in an ephemeral message: %+v", got.Container)
	}
}

func TestClickTwice(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	a := connected(t, d, nothing)
	start := time.Now()
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", Twice: true, Delay: 20 * time.Millisecond}); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took < 40*time.Millisecond {
		t.Errorf("two clicks, each after 20 ms, took %v", took)
	}
	if a.raw[0] != a.raw[1] || len(a.raw) != 2 {
		t.Errorf("not the same click twice:\n%s", strings.Join(a.raw, "\n"))
	}
}

// The signature is what slack-go's own verifier takes, and no other secret's.
func TestSignature(t *testing.T) {
	d := open(t, func(o *Options) { o.Now = time.Now })
	channel, ts := d.incident(t)
	verdicts := map[string]error{}
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		for _, s := range []string{secret, "another"} {
			v, err := slack.NewSecretsVerifier(r.Header, s)
			if err == nil {
				v.Write(body)
				err = v.Ensure()
			}
			verdicts[s] = err
		}
	}))
	defer server.Close()
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !errors.Is(err, ErrNoApp) {
		t.Errorf("without an app: %v", err)
	}
	d.Connect(App{URL: server.URL, SigningSecret: secret, Client: server.Client()})
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); err != nil {
		t.Fatal(err)
	}
	if verdicts[secret] != nil || !errors.Is(verdicts["another"], slack.ErrInvalidSignature) {
		t.Errorf("slack-go says %v", verdicts)
	}
}

func TestAppFails(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	connected(t, d, func(slack.InteractionCallback) any { return http.StatusInternalServerError })
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !strings.Contains(fmt.Sprint(err), "status 500") {
		t.Errorf("a broken app: %v", err)
	}
}

func TestResponseURL(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	a := connected(t, d, nothing)
	click := func() string {
		t.Helper()
		if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", User: "U0SAM"}); err != nil {
			t.Fatal(err)
		}
		calls := a.calls()
		return calls[len(calls)-1].ResponseURL
	}
	last := func() Message {
		t.Helper()
		all := d.messages(t, channel)
		return all[len(all)-1]
	}
	post := func(address string, m slack.WebhookMessage) string {
		t.Helper()
		err := slack.PostWebhookCustomHTTPContext(t.Context(), address, http.DefaultClient, &m)
		defer http.DefaultClient.CloseIdleConnections()
		var status slack.StatusCodeError
		switch {
		case err == nil:
			return ""
		case errors.As(err, &status):
			return fmt.Sprint(status.Code)
		}
		return err.Error()
	}
	address := click()
	if got := post(address, slack.WebhookMessage{Text: "Only you see this."}); got != "" {
		t.Fatal(got)
	}
	if m := last(); m.Ephemeral != "U0SAM" || m.Text != "Only you see this." || m.ThreadTS != "" {
		t.Errorf("an ephemeral answer: %+v", m)
	}
	// slack-go's other way to answer.
	if _, _, err := d.client.PostMessage(channel, slack.MsgOptionResponseURL(address, slack.ResponseTypeInChannel), saying("All see this."), slack.MsgOptionTS(ts)); err != nil {
		t.Fatal(err)
	}
	if m := last(); m.Ephemeral != "" || m.Text != "All see this." || m.ThreadTS != ts {
		t.Errorf("an answer for all: %+v", m)
	}
	if got := post(address, slack.WebhookMessage{Text: "Done.", ReplaceOriginal: true}); got != "" {
		t.Fatal(got)
	}
	if m := d.messages(t, channel)[0]; m.Text != "Done." || len(m.Blocks) > 0 || m.Edits != 1 {
		t.Errorf("replaced: %+v", m)
	}
	for _, want := range []string{"", "", "404"} {
		if got := post(address, slack.WebhookMessage{Text: "again"}); got != want {
			t.Errorf("after five: %q, want %q", got, want)
		}
	}
	_, ts = d.incident(t)
	address = click()
	d.clock.pass(responseLife)
	if got := post(address, slack.WebhookMessage{DeleteOriginal: true}); got != "" {
		t.Fatal(got)
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !errors.Is(err, ErrNoElement) {
		t.Errorf("the original was not deleted: %v", err)
	}
	d.clock.pass(time.Second)
	if got := post(address, slack.WebhookMessage{Text: "late"}); got != "404" {
		t.Errorf("after half an hour: %q", got)
	}
	if got := post(d.url+"/inbox/respond/nothing", slack.WebhookMessage{Text: "x"}); got != "404" {
		t.Errorf("no such token: %q", got)
	}
	_, ts = d.incident(t)
	address = click()
	d.Fail("response_url", Broken(503), Lost())
	if got := post(address, slack.WebhookMessage{Text: "x"}); got != "503" {
		t.Errorf("a fault: %q", got)
	}
	if got := post(address, slack.WebhookMessage{Text: "lost"}); got != "504" || last().Text != "lost" {
		t.Errorf("a lost answer: %q, %+v", got, last())
	}
}

func TestPeople(t *testing.T) {
	d := open(t, func(o *Options) {
		o.People = []Person{{"U0PRIYA", "Priya Shah"}, {"U0MARCO", "Marco"}}
		o.Groups = map[string][]string{"@share-oncall": {"U0PRIYA"}, "S0LEADS001": {"U0MARCO", "U0PRIYA"}}
	})
	users, err := d.client.GetUsersContext(t.Context())
	if err != nil || len(users) != 3 || users[1].ID != "U0PRIYA" || users[1].RealName != "Priya Shah" || users[1].Name != "priya.shah" || !users[0].IsBot {
		t.Errorf("users: %+v, %v", users, err)
	}
	if u, err := d.client.GetUserInfoContext(t.Context(), "U0MARCO"); err != nil || u.Profile.DisplayName != "Marco" {
		t.Errorf("users.info: %+v, %v", u, err)
	}
	if _, err := d.client.GetUserInfoContext(t.Context(), "U0NOBODY"); word(err) != "user_not_found" {
		t.Errorf("users.info of nobody: %v", err)
	}
	if _, err := d.client.PostEphemeralContext(t.Context(), "oncall", "U0NOBODY", saying("x")); word(err) != "user_not_in_channel" {
		t.Errorf("an ephemeral message to nobody: %v", err)
	}
	groups, err := d.client.GetUserGroupsContext(t.Context(), slack.GetUserGroupsOptionIncludeUsers(true), slack.GetUserGroupsOptionIncludeCount(true))
	if err != nil || len(groups) != 2 || groups[0].ID != "S0LEADS001" || groups[1].Handle != "share-oncall" || groups[0].UserCount != 2 || len(groups[1].Users) != 1 {
		t.Fatalf("groups: %+v, %v", groups, err)
	}
	members, err := d.client.GetUserGroupMembersContext(t.Context(), groups[1].ID)
	if err != nil || len(members) != 1 || members[0] != "U0PRIYA" {
		t.Errorf("members: %v, %v", members, err)
	}
	if _, err := d.client.GetUserGroupMembersContext(t.Context(), "S0NOTHING0"); word(err) != "no_such_subteam" {
		t.Errorf("members of nothing: %v", err)
	}
	d.post(t, "oncall", saying("<@U0PRIYA> of <!subteam^"+groups[1].ID+">"))
	contains(t, d.get(t, "/inbox/oncall").page, `<span class="mention">@Priya Shah</span> of <span class="mention">@share-oncall</span>`)
}

// roundTripper is a client's transport that is a function.
type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// An app has three seconds.
func TestAppIsSlow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		db := openDB(t, filepath.Join(t.TempDir(), "state.db"))
		b, err := New(Options{DB: db})
		if err != nil {
			t.Fatal(err)
		}
		answerAfter := time.Duration(0)
		b.Connect(App{URL: "http://app.example/slack", Client: &http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			if !pause(r.Context(), answerAfter) {
				return nil, r.Context().Err()
			}
			return &http.Response{StatusCode: http.StatusOK, Body: http.NoBody, Request: r}, nil
		})}})
		api := slack.New("x", slack.OptionAPIURL("http://inbox.example/inbox/api/"), slack.OptionHTTPClient(&http.Client{Transport: roundTripper(func(r *http.Request) (*http.Response, error) {
			w := httptest.NewRecorder()
			b.Handler().ServeHTTP(w, r)
			return w.Result(), nil
		})}))
		channel, ts, err := api.PostMessageContext(t.Context(), "oncall", slack.MsgOptionBlocks(slack.NewActionBlock("b", action("ack", "Acknowledge", "", ""))))
		if err != nil {
			t.Fatal(err)
		}
		for after, want := range map[time.Duration]error{patience - time.Millisecond: nil, patience + time.Millisecond: ErrTimeout} {
			answerAfter = after
			start := time.Now()
			if err := b.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !errors.Is(err, want) {
				t.Errorf("an app that takes %v: %v", after, err)
			}
			if took := time.Since(start); took > patience {
				t.Errorf("the person waited %v", took)
			}
		}
		w := httptest.NewRecorder()
		answerAfter = time.Minute
		if err := b.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); !errors.Is(err, ErrTimeout) {
			t.Error(err)
		}
		b.Handler().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/inbox/oncall", http.NoBody))
		contains(t, w.Body.String(), "Watchtower did not respond in time.")
		db.Close()
	})
}
