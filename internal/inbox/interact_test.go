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

	"github.com/google/go-cmp/cmp"
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

// form is a modal as an app gives it.
func form() slack.ModalViewRequest {
	reason := slack.NewPlainTextInputBlockElement(plain("Why"), "reason")
	reason.MinLength = 3
	hours := slack.NewRadioButtonsBlockElement("hours", slack.NewOptionBlockObject("1", plain("1 hour"), nil), slack.NewOptionBlockObject("4", plain("4 hours"), nil))
	hours.InitialOption = hours.Options[0]
	tell := slack.NewCheckboxGroupsBlockElement("tell", slack.NewOptionBlockObject("team", plain("The team"), nil), slack.NewOptionBlockObject("leads", plain("The leads"), nil))
	optional := func(b *slack.InputBlock) *slack.InputBlock { b.Optional = true; return b }
	return slack.ModalViewRequest{
		Type: slack.VTModal, Title: plain("Silence"), Submit: plain("Silence"), Close: plain("Cancel"), CallbackID: "silence", PrivateMetadata: "inc-1",
		Blocks: slack.Blocks{BlockSet: []slack.Block{
			slack.NewInputBlock("reason", plain("Reason"), nil, reason),
			slack.NewInputBlock("hours", plain("For how long"), nil, hours),
			optional(slack.NewInputBlock("tell", plain("Tell"), nil, tell)),
			optional(slack.NewInputBlock("until", plain("Until"), nil, slack.NewDatePickerBlockElement("until"))),
			optional(slack.NewInputBlock("at", plain("At"), nil, slack.NewTimePickerBlockElement("at"))),
			optional(slack.NewInputBlock("count", plain("Count"), nil, slack.NewNumberInputBlockElement(nil, "count", false))),
		}},
	}
}

// opening is an app that answers a click by opening a view, and a submission by what then says.
func opening(t *testing.T, d desk, view func() slack.ModalViewRequest, then func(slack.InteractionCallback) any) *app {
	t.Helper()
	return connected(t, d, func(got slack.InteractionCallback) any {
		if got.Type != slack.InteractionTypeBlockActions {
			return then(got)
		}
		if _, err := d.client.OpenView(got.TriggerID, view()); err != nil {
			t.Errorf("open view: %v", err)
		}
		return nil
	})
}

func TestModal(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	var reply any = slack.NewErrorsViewSubmissionResponse(map[string]string{"reason": "Say more."})
	a := opening(t, d, form, func(slack.InteractionCallback) any { return reply })
	if _, open := d.OpenView(""); open {
		t.Error("a view is open before anyone clicked")
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "silence"}); err != nil {
		t.Fatal(err)
	}
	v, open := d.OpenView("")
	if !open || v.Title != "Silence" || v.CallbackID != "silence" || v.PrivateMetadata != "inc-1" || v.User != "U0YOU" {
		t.Fatalf("open: %v, %+v", open, v)
	}
	if _, open := d.OpenView("U0SAM"); open {
		t.Error("somebody else has it open")
	}

	// Slack itself refuses what is missing or malformed, and the app is not asked.
	submit := func(values map[string][]string) map[string]string {
		t.Helper()
		wrong, err := d.Submit(t.Context(), v.ID, values, "")
		if err != nil {
			t.Fatal(err)
		}
		return wrong
	}
	wrong := submit(map[string][]string{"hours": {}, "until": {"tomorrow"}, "at": {"25:00"}, "count": {"1.5"}, "tell": {"team", "boss"}})
	want := map[string]string{
		"reason": "Please complete this required field.", "hours": "Please complete this required field.",
		"until": "Enter a date, as 2026-11-23.", "at": "Enter a time, as 09:30.", "count": "Enter a whole number.", "tell": "Choose among the options.",
	}
	if diff := cmp.Diff(want, wrong); diff != "" {
		t.Errorf("errors (-want +got):\n%s", diff)
	}
	if wrong := submit(map[string][]string{"reason": {"no"}, "hours": {"1"}, "until": {}, "at": {}, "count": {}, "tell": {}}); len(wrong) != 1 || wrong["reason"] != "Enter at least 3 characters." {
		t.Errorf("a short reason: %v", wrong)
	}
	if got := len(a.calls()); got != 1 {
		t.Fatalf("the app was asked %d times, want once", got)
	}

	// The app refuses, and what was entered is still there.
	if wrong := submit(map[string][]string{"reason": {"deploy"}, "hours": {"4"}, "tell": {"team", "leads"}, "until": {"2026-11-24"}, "at": {"09:30"}, "count": {"7"}}); wrong["reason"] != "Say more." {
		t.Errorf("the app's errors: %v", wrong)
	}
	if v, open := d.OpenView(""); !open || v.Errors["reason"] != "Say more." {
		t.Errorf("after an error: %v, %+v", open, v)
	}
	reply = nil
	if wrong := submit(nil); len(wrong) > 0 {
		t.Errorf("the second try: %v", wrong)
	}
	if _, open := d.OpenView(""); open {
		t.Error("still open after it was taken")
	}
	got := a.calls()[2]
	if got.Type != slack.InteractionTypeViewSubmission || got.View.CallbackID != "silence" || got.View.PrivateMetadata != "inc-1" || got.View.ID != v.ID || got.View.Hash == "" || got.User.ID != "U0YOU" {
		t.Errorf("the submission: %+v", got.View)
	}
	s := got.View.State.Values
	if s["reason"]["reason"].Value != "deploy" || s["hours"]["hours"].SelectedOption.Value != "4" || len(s["tell"]["tell"].SelectedOptions) != 2 ||
		s["until"]["until"].SelectedDate != "2026-11-24" || s["at"]["at"].SelectedTime != "09:30" || s["count"]["count"].Value != "7" {
		t.Errorf("the state: %+v", s)
	}
	if _, err := d.Submit(t.Context(), v.ID, nil, ""); !errors.Is(err, ErrNoElement) {
		t.Errorf("submit a closed view: %v", err)
	}
}

func TestSubmissionAnswers(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	second := form()
	second.Title, second.ExternalID = plain("Really?"), "second"
	var reply any
	opening(t, d, form, func(slack.InteractionCallback) any { return reply })
	top := func() string {
		v, _ := d.OpenView("")
		return v.Title
	}
	submitted := func(answer any) error {
		t.Helper()
		v, open := d.OpenView("")
		if !open {
			if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "silence"}); err != nil {
				t.Fatal(err)
			}
			v, _ = d.OpenView("")
		}
		reply = answer
		_, err := d.Submit(t.Context(), v.ID, map[string][]string{"reason": {"deploy"}}, "")
		return err
	}
	if err := submitted(slack.NewPushViewSubmissionResponse(&second)); err != nil || top() != "Really?" {
		t.Errorf("push: %v, %s", err, top())
	}
	if err := submitted(nil); err != nil || top() != "Silence" {
		t.Errorf("back to the first: %v, %s", err, top())
	}
	if err := submitted(slack.NewUpdateViewSubmissionResponse(&second)); err != nil || top() != "Really?" {
		t.Errorf("update: %v, %s", err, top())
	}
	third := form()
	if err := submitted(slack.NewPushViewSubmissionResponse(&third)); err != nil || top() != "Silence" {
		t.Errorf("push again: %v, %s", err, top())
	}
	if err := submitted(slack.NewClearViewSubmissionResponse()); err != nil || top() != "" {
		t.Errorf("clear: %v, %s", err, top())
	}
	for name, answer := range map[string]any{
		"status 500": 500, "no action": map[string]any{"response_action": "dance"}, "no JSON": json.RawMessage(`"x"`),
		"errors elsewhere": slack.NewErrorsViewSubmissionResponse(map[string]string{"nowhere": "No."}),
		"a bad view":       slack.NewUpdateViewSubmissionResponse(&slack.ModalViewRequest{Type: slack.VTModal}),
	} {
		if err := submitted(answer); err == nil || top() != "Silence" {
			t.Errorf("%s: %v, %s", name, err, top())
		}
		if v, _ := d.OpenView(""); v.Errors[""] != trouble {
			t.Errorf("%s: the person is told %v", name, v.Errors)
		}
	}
}

func TestViewErrors(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	a := connected(t, d, nothing)
	trigger := func() string {
		t.Helper()
		if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "silence"}); err != nil {
			t.Fatal(err)
		}
		calls := a.calls()
		return calls[len(calls)-1].TriggerID
	}
	opened := func(id string) string {
		_, err := d.client.OpenView(id, form())
		return word(err)
	}
	late := trigger()
	d.clock.pass(triggerLife + time.Millisecond)
	once := trigger()
	for id, want := range map[string]string{late: "expired_trigger_id", "1.2.x": "invalid_trigger_id", once: ""} {
		if got := opened(id); got != want {
			t.Errorf("open with %s: %q, want %q", id, got, want)
		}
	}
	if got := opened(once); got != "exchanged_trigger_id" {
		t.Errorf("the same trigger again: %q", got)
	}
	check := func(want string, change func(*slack.ModalViewRequest)) {
		t.Helper()
		v := form()
		change(&v)
		_, err := d.client.OpenView(trigger(), v)
		var refused slack.SlackErrorResponse
		if !errors.As(err, &refused) || refused.Err != "invalid_arguments" || !strings.Contains(strings.Join(refused.ResponseMetadata.Messages, "\n"), want) {
			t.Errorf("want %s, got %v %v", want, err, refused.ResponseMetadata.Messages)
		}
	}
	check("must be less than 25 characters [json-pointer:/view/title/text]", func(v *slack.ModalViewRequest) { v.Title = plain(strings.Repeat("x", 25)) })
	check("missing required field: submit [json-pointer:/view]", func(v *slack.ModalViewRequest) { v.Submit = nil })
	check("must be less than 3001 characters [json-pointer:/view/private_metadata]", func(v *slack.ModalViewRequest) { v.PrivateMetadata = strings.Repeat("x", 3001) })
	check("must be less than 256 characters [json-pointer:/view/callback_id]", func(v *slack.ModalViewRequest) { v.CallbackID = strings.Repeat("x", 256) })
	check("no more than 100 items allowed [json-pointer:/view/blocks]", func(v *slack.ModalViewRequest) {
		for range 101 {
			v.Blocks.BlockSet = append(v.Blocks.BlockSet, slack.NewDividerBlock())
		}
	})
	check("unsupported type: button [json-pointer:/view/blocks/6/element/type]", func(v *slack.ModalViewRequest) {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, slack.NewInputBlock("b", plain("B"), nil, action("b", "B", "", "")))
	})
	check("missing required field: label [json-pointer:/view/blocks/6]", func(v *slack.ModalViewRequest) {
		v.Blocks.BlockSet = append(v.Blocks.BlockSet, slack.NewInputBlock("b", nil, nil, slack.NewDatePickerBlockElement("b")))
	})
	check("unsupported type: home [json-pointer:/view/type]", func(v *slack.ModalViewRequest) { v.Type = slack.VTHomeTab })
	large := form()
	for range 100 {
		large.Blocks.BlockSet = append(large.Blocks.BlockSet, slack.NewSectionBlock(mrkdwn(strings.Repeat("x", 3000)), nil, nil))
	}
	if _, err := d.client.OpenView(trigger(), large); word(err) != "view_too_large" {
		t.Errorf("a large view: %v", err)
	}
}

func TestUpdateAndPushView(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	var triggerID string
	connected(t, d, func(got slack.InteractionCallback) any { triggerID = got.TriggerID; return nil })
	click := func(c Click) {
		t.Helper()
		if err := d.Click(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	}
	first := form()
	first.ExternalID, first.NotifyOnClose = "one", true
	first.Blocks.BlockSet = append(first.Blocks.BlockSet, slack.NewActionBlock("more", action("more", "More", "", "")))
	click(Click{Channel: channel, TS: ts, ActionID: "silence"})
	opened, err := d.client.OpenView(triggerID, first)
	if err != nil {
		t.Fatal(err)
	}
	next := first
	next.Title = plain("Changed")
	if _, err := d.client.UpdateView(next, "", "old", opened.ID); word(err) != "hash_conflict" {
		t.Errorf("an update with an old hash: %v", err)
	}
	updated, err := d.client.UpdateView(next, "one", "", "")
	if err != nil || updated.ID != opened.ID || updated.Hash == opened.Hash || updated.Title.Text != "Changed" || updated.ExternalID != "one" {
		t.Errorf("an update by external ID: %+v, %v", updated, err)
	}
	if _, err := d.client.UpdateView(next, "", opened.Hash, opened.ID); word(err) != "hash_conflict" {
		t.Errorf("the hash before the update: %v", err)
	}
	if _, err := d.client.UpdateView(next, "", "", "V0"); word(err) != "not_found" {
		t.Errorf("no such view: %v", err)
	}
	var last *slack.ViewResponse
	for _, want := range []string{"", "", "push_limit_reached"} {
		v, _ := d.OpenView("")
		click(Click{View: v.ID, ActionID: "more"})
		over := first
		over.ExternalID = ""
		pushed, err := d.client.PushView(triggerID, over)
		if word(err) != want {
			t.Errorf("push: %v, want %q", err, want)
		}
		if err == nil {
			last = pushed
		}
	}
	if last.RootViewID != opened.ID || last.PreviousViewID == "" {
		t.Errorf("the stack of views: %+v", last.View)
	}
}

func TestCloseView(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	quiet := true
	a := opening(t, d, func() slack.ModalViewRequest {
		v := form()
		v.NotifyOnClose, v.ClearOnClose = !quiet, !quiet
		return v
	}, nothing)
	for range 2 {
		if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "silence"}); err != nil {
			t.Fatal(err)
		}
		v, _ := d.OpenView("")
		if err := d.CloseView(t.Context(), v.ID, ""); err != nil {
			t.Error(err)
		}
		if err := d.CloseView(t.Context(), v.ID, ""); !errors.Is(err, ErrNoElement) {
			t.Errorf("closed twice: %v", err)
		}
		quiet = false
	}
	calls := a.calls()
	if last := calls[len(calls)-1]; len(calls) != 3 || last.Type != slack.InteractionTypeViewClosed || !last.IsCleared || last.View.CallbackID != "silence" {
		t.Errorf("%d calls, the last %+v", len(calls), last)
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
			return &http.Response{StatusCode: 200, Body: http.NoBody, Request: r}, nil
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
		b.Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/inbox/oncall", http.NoBody))
		contains(t, w.Body.String(), "Watchtower did not respond in time.")
		db.Close()
	})
}
