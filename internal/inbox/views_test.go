package inbox

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

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
