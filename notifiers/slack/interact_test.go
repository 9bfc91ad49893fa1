package slack

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/notify"
)

const signingSecret = "8f742231b10e8888abcd99yyyzzz85a5"

// withButtons makes pages answer.
func withButtons(o *Options) { o.SigningSecret = signingSecret }

// pressed is a button of a page, as its payload names it.
type pressed struct{ ActionID, BlockID, Value string }

// buttonsOf lists the buttons of a message that come back to us.
func buttonsOf(tb testing.TB, m fakeMessage) []pressed {
	tb.Helper()
	type button struct {
		Type, URL, Value string
		ActionID         string `json:"action_id"`
	}
	var blocks []struct {
		BlockID   string `json:"block_id"`
		Elements  []json.RawMessage
		Accessory button
	}
	if err := json.Unmarshal(m.Blocks, &blocks); err != nil {
		tb.Fatal(err)
	}
	var out []pressed
	for _, b := range blocks {
		list := []button{b.Accessory}
		for _, raw := range b.Elements {
			var e button
			if json.Unmarshal(raw, &e) == nil {
				list = append(list, e)
			}
		}
		for _, e := range list {
			if e.Type == "button" && e.URL == "" {
				out = append(out, pressed{e.ActionID, b.BlockID, e.Value})
			}
		}
	}
	return out
}

// button finds one by its action.
func button(tb testing.TB, m fakeMessage, action string) pressed {
	tb.Helper()
	all := buttonsOf(tb, m)
	i := slices.IndexFunc(all, func(p pressed) bool { return p.ActionID == action || strings.HasPrefix(p.ActionID, action+":") })
	if i < 0 {
		tb.Fatalf("the page has no button %s, only %v", action, all)
	}
	return all[i]
}

// click is the payload of a press, as Slack sends it.
func click(m fakeMessage, p pressed, user string) map[string]any {
	return map[string]any{
		"type": "block_actions", "trigger_id": "1.2.3", "response_url": "http://slack.test/respond/1",
		"user":    map[string]any{"id": user, "username": strings.ToLower(user), "name": strings.ToLower(user), "team_id": "T1"},
		"channel": map[string]any{"id": m.Channel, "name": "oncall"}, "container": map[string]any{"type": "message", "message_ts": m.TS, "channel_id": m.Channel},
		"message": map[string]any{"type": "message", "ts": m.TS, "text": m.Text},
		"actions": []any{map[string]any{
			"type": "button", "action_id": p.ActionID, "block_id": p.BlockID, "value": p.Value, "action_ts": strconv.FormatInt(time.Now().UnixNano(), 10),
		}},
	}
}

// signedRequest is a request as Slack signs it.
func signedRequest(payload any, secret string, at time.Time) *http.Request {
	raw, err := json.Marshal(payload)
	if err != nil {
		panic(err)
	}
	body := url.Values{"payload": {string(raw)}}.Encode()
	stamp := strconv.FormatInt(at.Unix(), 10)
	mac := hmac.New(sha256.New, []byte(secret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/slack/interactions", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// deliver posts a payload and returns Slack's view of the answer.
func (r *rig) deliver(payload any) string {
	r.t.Helper()
	w := httptest.NewRecorder()
	began := time.Now()
	r.Interactions().ServeHTTP(w, signedRequest(payload, signingSecret, time.Now()))
	if w.Code != http.StatusOK {
		r.t.Fatalf("interaction: HTTP %d %s", w.Code, w.Body)
	}
	if took := time.Since(began); took >= 3*time.Second {
		r.t.Errorf("the click was answered after %s", took)
	}
	return w.Body.String()
}

func TestLifeWithButtons(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silences := &fakeSilences{}
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.Silence = silences.set
			o.OnCall = func(string, time.Time) (now, next Shift, ok bool) {
				return Shift{Name: "Sam", SlackID: "U0SAM"}, Shift{Name: "Alex", SlackID: "U0ALEX"}, true
			}
		})
		began := time.Now()
		first := fires(share("route", "/v1/share"), began)
		r.notify(group{reason: notify.ReasonFirstNotification, labels: share()}, first)
		r.settled()

		time.Sleep(2 * time.Minute)
		ack := click(r.onePage(), button(t, r.onePage(), actionAcknowledge), "U0SAM")
		r.deliver(ack)
		r.deliver(ack) // Slack may send it twice
		r.settled()
		if page := r.onePage(); !strings.HasPrefix(page.Text, "🟡 Acknowledged: Sharing a post fails\n") || !strings.Contains(string(page.Blocks), "<@U0SAM> has it since") && !strings.Contains(string(page.Blocks), `\u003c@U0SAM\u003e has it since`) {
			t.Errorf("page after the acknowledgement: %q\n%s", page.Text, page.Blocks)
		}
		if h := r.Handled(`{}:{service="share", slo="sharing"}`); h.AcknowledgedBy != "name of U0SAM" || h.AcknowledgedAt.Before(began) {
			t.Errorf("Handled = %+v", h)
		}

		// Somebody else pressed the button that was there a moment ago.
		r.deliver(click(r.onePage(), pressed{actionAcknowledge, "", button(t, r.onePage(), actionTake).Value}, "U0ALEX"))
		synctest.Wait()
		if heard := r.fake.heard(); len(heard) != 1 || !strings.Contains(heard[0], "U0ALEX: ⚠️ <@U0SAM> has had this since") {
			t.Errorf("what the second one heard: %q", heard)
		}
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionTake), "U0ALEX"))
		r.settled()

		time.Sleep(time.Minute)
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionStep), "U0ALEX"))
		r.settled()
		if n := strings.Count(string(r.onePage().Blocks), `"`+actionStep+`:`); n != 4 {
			t.Errorf("%d steps to do are shown, want 4", n)
		}
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionUndo), "U0SAM"))
		r.settled()

		time.Sleep(time.Minute)
		second := fires(share("route", "/v1/like"), time.Now())
		r.notify(group{reason: notify.ReasonNewAlertsInGroup, labels: share()}, first, second)
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionEscalate), "U0ALEX"))
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionEscalate), "U0SAM"))
		r.settled()
		synctest.Wait()
		if heard := r.fake.heard(); len(heard) != 2 || !strings.Contains(heard[1], "U0SAM: ⚠️ <@U0ALEX> has called for help already") {
			t.Errorf("what the second caller heard: %q", heard)
		}

		r.silence("U0SAM", "The canary is rolled back", "2h0m0s")
		if len(silences.all) != 1 || silences.all[0].Duration != 2*time.Hour || silences.all[0].Author != "name of U0SAM" || silences.all[0].Matchers["slo"] != "sharing" {
			t.Errorf("silences: %+v", silences.all)
		}

		time.Sleep(time.Hour)
		r.notify(group{reason: notify.ReasonRepeatIntervalElapsed, labels: share()}, first, second)
		time.Sleep(time.Minute)
		r.notify(group{reason: notify.ReasonAllAlertsResolved, labels: share()}, ends(first, time.Now()), ends(second, time.Now()))
		r.settled()
		page := r.onePage()
		if got := buttonsOf(t, page); len(got) != 0 || !strings.HasPrefix(page.Text, "✅ Resolved") {
			t.Errorf("the resolved page %q has buttons %v", page.Text, got)
		}
		want := []string{
			"📖 Sharing a post fails",
			"🟡 <@U0SAM> acknowledged this after 2 minutes.",
			"🟡 <@U0ALEX> took this over from <@U0SAM>.",
			"☑️ <@U0ALEX> did: Is it one route or all? Look at the dashboard",
			"↩️ <@U0SAM> says this is not done: Is it one route or all? Look at the dashboard",
			"🔴 1 more alert fires; 2 fire now.",
			"🚨 <@U0SAM>: <@U0ALEX> needs help: Sharing a post fails",
			"🔕 <@U0SAM> silenced this until <!date^" + strconv.FormatInt(silences.all[0].at.Add(2*time.Hour).Unix(), 10) + "^{date_short_pretty} {time}|1 Jan 02:04 UTC>: The canary is rolled back",
			"<@U0ALEX> 🔴 Still firing after 1 hour 4 minutes: Sharing a post fails (yours since 00:02 UTC)",
			"✅ Resolved after 1 hour 5 minutes.",
		}
		if diff := cmp.Diff(want, r.threadTexts(page.TS)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
		for _, m := range r.fake.replies("oncall", page.TS) {
			if m.Broadcast != strings.HasPrefix(m.Text, "🚨") {
				t.Errorf("%q: broadcast %v", m.Text, m.Broadcast)
			}
		}

		// A button of a page that is over, from a client that still shows it.
		r.deliver(click(page, pressed{actionAcknowledge, "", ack["actions"].([]any)[0].(map[string]any)["value"].(string)}, "U0SAM"))
		r.until("the late click is refused", func() bool { return len(r.fake.heard()) == 3 })
		if heard := r.fake.heard(); !strings.Contains(heard[2], "this incident is over") {
			t.Errorf("a late click heard %q", heard[2])
		}
	})
}

// fakeSilences remembers what was silenced.
type fakeSilences struct {
	all  []silenceAt
	fail error
}

type silenceAt struct {
	Silence

	at time.Time
}

func (f *fakeSilences) set(_ context.Context, s Silence) (string, error) {
	if f.fail != nil {
		return "", f.fail
	}
	for i, old := range f.all {
		if old.Key == s.Key {
			return fmt.Sprint(i), nil
		}
	}
	f.all = append(f.all, silenceAt{s, time.Now()})
	return fmt.Sprint(len(f.all) - 1), nil
}

// silence presses the button, fills the form in and submits it twice.
func (r *rig) silence(user, reason, duration string) {
	r.t.Helper()
	r.deliver(click(r.onePage(), button(r.t, r.onePage(), actionSilence), user))
	submission := r.submission(user, reason, duration)
	for range 2 {
		if answer := r.deliver(submission); answer != "" {
			r.t.Errorf("the form is answered with %s", answer)
		}
	}
	r.settled()
}

// submission is the payload of the form that was opened last.
func (r *rig) submission(user, reason, duration string) map[string]any {
	r.t.Helper()
	r.fake.mu.Lock()
	defer r.fake.mu.Unlock()
	if len(r.fake.views) == 0 {
		r.t.Fatal("no form was opened")
	}
	var opened struct {
		TriggerID string `json:"trigger_id"`
		View      map[string]any
	}
	if err := json.Unmarshal([]byte(r.fake.views[len(r.fake.views)-1].Get("body")), &opened); err != nil {
		r.t.Fatal(err)
	}
	opened.View["id"] = fmt.Sprintf("V%d", len(r.fake.views))
	opened.View["state"] = map[string]any{"values": map[string]any{
		fieldDuration: map[string]any{fieldDuration: map[string]any{"type": "static_select", "selected_option": map[string]any{"value": duration}}},
		fieldReason:   map[string]any{fieldReason: map[string]any{"type": "plain_text_input", "value": reason}},
	}}
	return map[string]any{"type": "view_submission", "user": map[string]any{"id": user, "name": strings.ToLower(user)}, "view": opened.View}
}

func TestFormSaysWhatIsMissing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silences := &fakeSilences{}
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) { o.Silence = silences.set })
		r.notify(group{reason: notify.ReasonFirstNotification, labels: share()}, fires(share(), time.Now()))
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionSilence), "U0SAM"))
		for name, c := range map[string]struct{ reason, duration, field, says string }{
			"no reason":   {"  ", "1h", fieldReason, "say why"},
			"no duration": {"because", "", fieldDuration, "how long"},
			"for ever":    {"because", "100000h", fieldDuration, "how long"},
		} {
			answer := r.deliver(r.submission("U0SAM", c.reason, c.duration))
			var got struct {
				Action string `json:"response_action"`
				Errors map[string]string
			}
			if err := json.Unmarshal([]byte(answer), &got); err != nil || got.Action != "errors" || !strings.Contains(got.Errors[c.field], c.says) {
				t.Errorf("%s: answered with %s", name, answer)
			}
		}
		silences.fail = errors.New("the disk is full")
		if answer := r.deliver(r.submission("U0SAM", "because", "1h")); !strings.Contains(answer, "the disk is full") {
			t.Errorf("a silence that fails is answered with %s", answer)
		}
	})
}

func TestOnlyTheAllowedPress(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake, withButtons, func(o *Options) { o.AllowedGroups = []string{"S0ONCALL"} })
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		press := func(user string) {
			r.deliver(click(r.onePage(), button(t, r.onePage(), actionEscalate), user))
			r.settled()
			synctest.Wait()
		}
		press("U0EVE") // the group cannot be read
		fake.mu.Lock()
		fake.groups = map[string][]string{"S0ONCALL": {"U0SAM"}}
		fake.mu.Unlock()
		press("U0EVE")
		heard := fake.heard()
		if len(heard) != 2 || !strings.Contains(heard[0], "could not be checked") || !strings.Contains(heard[0], "missing_scope") ||
			!strings.Contains(heard[1], "only members of <!subteam^S0ONCALL> may do this") {
			t.Errorf("heard %q", heard)
		}
		if h := r.fake.replies("oncall", r.onePage().TS); len(h) != 1 {
			t.Errorf("a refused click left %d replies", len(h))
		}
		press("U0SAM")
		if got := r.threadTexts(r.onePage().TS); !strings.HasPrefix(got[len(got)-1], "🚨 <!channel>: <@U0SAM> needs help") {
			t.Errorf("thread %q", got)
		}
		// What is known holds while Slack does not answer.
		fake.setScript(func(c fakeCall) *fakeFault {
			if c.method == "usergroups.users.list" {
				return &fakeFault{status: 500}
			}
			return nil
		})
		time.Sleep(time.Hour)
		press("U0SAM")
		if n := len(fake.heard()); n != 2 {
			t.Errorf("%d refusals, want 2: %q", n, fake.heard())
		}
	})
}

func TestRequestsWithoutSignatureAreRefused(t *testing.T) {
	r := newRig(t, newFakeSlack(), withButtons)
	now := time.Now()
	payload := map[string]any{"type": "block_actions"}
	tampered := signedRequest(payload, signingSecret, now)
	tampered.Body = signedRequest(map[string]any{"type": "view_submission"}, signingSecret, now).Body
	unsigned := signedRequest(payload, signingSecret, now)
	unsigned.Header.Del("X-Slack-Signature")
	large := signedRequest(map[string]any{"type": strings.Repeat("x", maxRequest)}, signingSecret, now)
	for name, c := range map[string]struct {
		request *http.Request
		want    int
	}{
		"right":         {signedRequest(payload, signingSecret, now), 200},
		"other secret":  {signedRequest(payload, "other", now), 401},
		"old":           {signedRequest(payload, signingSecret, now.Add(-6*time.Minute)), 401},
		"of the future": {signedRequest(payload, signingSecret, now.Add(6*time.Minute)), 401},
		"tampered":      {tampered, 401},
		"unsigned":      {unsigned, 401},
		"too large":     {large, 413},
		"GET":           {httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/slack/interactions", nil), 405},
		"no payload":    {signedRequest("no object", signingSecret, now), 400},
	} {
		w := httptest.NewRecorder()
		r.Interactions().ServeHTTP(w, c.request)
		if w.Code != c.want {
			t.Errorf("%s: HTTP %d, want %d", name, w.Code, c.want)
		}
		if mac := hmac.New(sha256.New, []byte(signingSecret)); bytes.Contains(w.Body.Bytes(), mac.Sum(nil)) || strings.Contains(w.Body.String(), "v0=") {
			t.Errorf("%s: the answer holds a signature: %s", name, w.Body)
		}
	}
	if log := r.log.String(); strings.Contains(log, signingSecret) || strings.Contains(log, "v0=") {
		t.Errorf("the log holds a secret or a signature:\n%s", log)
	}
}

func FuzzInteractions(f *testing.F) {
	r := newRig(f, newFakeSlack(), withButtons)
	for _, s := range []string{
		"", "{}", `{"type":"block_actions","actions":[{}]}`, `{"type":"block_actions","actions":[null]}`, `{"type":"view_submission","view":{"callback_id":"silence_form"}}`,
		`{"type":"view_submission","view":{"callback_id":"silence_form","private_metadata":"{}","state":{"values":{}}}}`, `{"type":"block_actions","actions":[{"action_id":"silence","value":"x"}]}`,
		`[]`, `{"type":"shortcut"}`, `{"actions":"x"}`,
	} {
		f.Add(s)
	}
	var mu sync.Mutex
	f.Fuzz(func(t *testing.T, s string) {
		mu.Lock()
		defer mu.Unlock()
		body := url.Values{"payload": {s}}.Encode()
		cb, err := parseInteraction([]byte(body))
		if err != nil {
			return
		}
		r.interact(t.Context(), cb) // must not panic
	})
}

// TestAcknowledgedAgain has whoever is at it say so again, so that it does not run out.
func TestAcknowledgedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Deed
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) { o.Tell = func(_ string, d Deed) { told = append(told, d) } })
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionAcknowledge), "U0SAM"))
		r.settled()
		press := func() {
			r.deliver(click(r.onePage(), button(t, r.onePage(), actionTake), "U0SAM"))
			r.settled()
		}
		press() // a second press, in haste
		time.Sleep(25 * time.Minute)
		press()
		if len(told) != 2 || told[1].Kind != "acknowledged" || told[1].At.Sub(told[0].At) < 25*time.Minute {
			t.Errorf("told %+v", told)
		}
		if replies := r.threadTexts(r.onePage().TS); !strings.HasSuffix(replies[len(replies)-1], "is still on it.") {
			t.Errorf("the thread says %q", replies)
		}
	})
}
