package slack

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/notify"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// signedBody is a request with that body, as Slack signs it.
func signedBody(path, contentType, body string) *http.Request {
	stamp := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, []byte(signingSecret))
	_, _ = fmt.Fprintf(mac, "v0:%s:%s", stamp, body)
	r := httptest.NewRequestWithContext(context.Background(), http.MethodPost, path, strings.NewReader(body))
	r.Header.Set("Content-Type", contentType)
	r.Header.Set("X-Slack-Request-Timestamp", stamp)
	r.Header.Set("X-Slack-Signature", "v0="+hex.EncodeToString(mac.Sum(nil)))
	return r
}

// types is a command as somebody types it, and its answer.
func (r *rig) types(user, channel, text string) string {
	r.t.Helper()
	time.Sleep(time.Millisecond) // every command has a trigger of its own
	form := url.Values{"command": {"/watchtower"}, "text": {text}, "user_id": {user}, "user_name": {user}, "channel_id": {channel}, "trigger_id": {strconv.FormatInt(time.Now().UnixNano(), 10)}}
	w := httptest.NewRecorder()
	r.Commands().ServeHTTP(w, signedBody("/slack/commands", "application/x-www-form-urlencoded", form.Encode()))
	var answer struct {
		Type string `json:"response_type"`
		Text string
	}
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != http.StatusOK || answer.Type != "ephemeral" {
		r.t.Fatalf("%q: HTTP %d %s", text, w.Code, w.Body)
	}
	return answer.Text
}

// happens is an event, as Slack tells it.
func (r *rig) happens(event map[string]any) *httptest.ResponseRecorder {
	r.t.Helper()
	body, err := json.Marshal(map[string]any{"type": "event_callback", "event": event})
	if err != nil {
		r.t.Fatal(err)
	}
	w := httptest.NewRecorder()
	r.Events().ServeHTTP(w, signedBody("/slack/events", "application/json", string(body)))
	return w
}

func TestCommands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []string
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.StakeholderChannel = "#teams"
			o.Tell = func(_ string, d Deed) { told = append(told, d.Kind+": "+d.By+": "+d.Text) }
			o.OnCallCommand = func(_ context.Context, d Deed) (string, error) { return d.Kind + " " + d.Text + " by " + d.ByID, nil }
		})
		if got := r.types("U0SAM", "C0ONCALL1", "note early"); !strings.Contains(got, "no open incident in this channel") {
			t.Errorf("a note about nothing: %q", got)
		}
		a := fires(share(), time.Now())
		a.Annotations["promise"], a.Annotations["error_ratio"] = "Sharing a post works", "5%"
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		for typed, want := range map[string]string{
			"":                                "What you can type",
			"dance":                           "What you can type",
			"note":                            "say what to note",
			"role king":                       "the roles are",
			"oncall backend":                  "oncall backend by U0SAM",
			"override backend <@U0ALEX|a> 2h": "override backend <@U0ALEX|a> 2h by U0SAM",
			"update":                          "“Sharing a post works” does not hold at the moment: since 00:00 UTC about 1 in 20 attempts fails.",
		} {
			if got := r.types("U0SAM", "C0ONCALL1", typed); !strings.Contains(got, want) {
				t.Errorf("%q is answered with %q", typed, got)
			}
		}
		for _, typed := range []string{"note Rolled <back> & waiting", "role commander", "role commander", "update Sharing is slow for about 1 in 20 people."} {
			if got := r.types("U0SAM", "C0ONCALL1", typed); !strings.HasPrefix(got, "Done, for *Sharing a post fails*") {
				t.Errorf("%q is answered with %q", typed, got)
			}
		}
		r.settled()
		page := r.onePage()
		if !strings.Contains(string(page.Blocks), "is incident commander") {
			t.Errorf("the page does not name the commander: %s", page.Blocks)
		}
		want := []string{
			"📖 Sharing a post fails", "📝 <@U0SAM>: Rolled &lt;back&gt; &amp; waiting", "🧭 <@U0SAM> is incident commander.",
			"📣 <@U0SAM> told #teams: Sharing is slow for about 1 in 20 people.",
		}
		if diff := cmp.Diff(want, r.threadTexts(page.TS)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
		if updates := r.fake.pages("teams"); len(updates) != 1 || updates[0].Text != "Sharing is slow for about 1 in 20 people." {
			t.Errorf("stakeholders read %+v", updates)
		}
		want = []string{
			"note: name of U0SAM: Rolled <back> & waiting", "role: name of U0SAM: commander", "communicated: name of U0SAM: Sharing is slow for about 1 in 20 people.",
		}
		if diff := cmp.Diff(want, told); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestMarkedRepliesAreNotes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Deed
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) { o.Tell = func(_ string, d Deed) { told = append(told, d) } })
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		page := r.onePage()
		say := func(thread, text string) string {
			r.fake.mu.Lock()
			defer r.fake.mu.Unlock()
			r.fake.clock++
			ts := fmt.Sprintf("%d.%06d", time.Now().Unix(), r.fake.clock)
			r.fake.messages = append(r.fake.messages, &fakeMessage{Channel: page.Channel, TS: ts, ThreadTS: thread, Text: text, User: "U0SAM"})
			return ts
		}
		mark := func(ts, emoji string) {
			w := r.happens(map[string]any{"type": "reaction_added", "user": "U0ALEX", "reaction": emoji, "item": map[string]any{"type": "message", "channel": page.Channel, "ts": ts}})
			if w.Code != http.StatusOK {
				t.Errorf("event: HTTP %d %s", w.Code, w.Body)
			}
			synctest.Wait()
		}
		reply, elsewhere := say(page.TS, "The pool was at 100 &amp; waiting"), say("", "lunch?")
		mark(reply, "eyes")
		mark(elsewhere, "memo")
		mark(reply, "memo")
		mark(reply, "memo") // a second person finds it worth a note
		if len(told) != 1 || told[0].Kind != "note" || told[0].Text != "The pool was at 100 & waiting" || told[0].By != "name of U0SAM" {
			t.Errorf("told %+v", told)
		}
		if got := r.threadTexts(page.TS); len(got) != 2 {
			t.Errorf("a note that stands in the thread is repeated: %q", got)
		}
	})
}

// TestNotesAfterTheEnd is what people find out when an incident is over, and its page is
// in the database alone.
func TestNotesAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Deed
		var groups []string
		listen := func(o *Options) {
			o.Tell = func(group string, d Deed) { told, groups = append(told, d), append(groups, group) }
		}
		r := newRig(t, newFakeSlack(), withButtons, listen)
		began := time.Now()
		a := fires(share(), began)
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		time.Sleep(time.Minute)
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()))
		r.settled()
		page := r.onePage()
		time.Sleep(24 * time.Hour)
		r = r.restart(withButtons, listen)
		r.fake.mu.Lock()
		r.fake.clock++
		ts := fmt.Sprintf("%d.%06d", time.Now().Unix(), r.fake.clock)
		r.fake.messages = append(r.fake.messages, &fakeMessage{Channel: page.Channel, TS: ts, ThreadTS: page.TS, Text: "A &lt;retry&gt; storm", User: "U0SAM"})
		r.fake.mu.Unlock()
		r.happens(map[string]any{"type": "reaction_added", "user": "U0ALEX", "reaction": "memo", "item": map[string]any{"type": "message", "channel": page.Channel, "ts": ts}})
		synctest.Wait()
		if got := r.types("U0SAM", page.Channel, "note The flag was on"); got != "Done, for *Sharing a post fails*, which is over." {
			t.Errorf("the command is answered with %q", got)
		}
		if len(told) != 2 || told[0].Text != "A <retry> storm" || told[1].Text != "The flag was on" || groups[0] == "" || groups[0] != groups[1] {
			t.Fatalf("told %+v of %q", told, groups)
		}
		for _, d := range told {
			if d.Kind != "note" || d.By != "name of U0SAM" || d.Opened.Sub(began).Abs() > time.Second {
				t.Errorf("told %+v", d)
			}
		}
		if got := r.types("U0SAM", page.Channel, "role commander"); !strings.Contains(got, "no open incident") {
			t.Errorf("a role after the end: %q", got)
		}
		time.Sleep(pastFor)
		if got := r.types("U0SAM", page.Channel, "note much later"); !strings.Contains(got, "no open incident") {
			t.Errorf("a note on nothing recent: %q", got)
		}
	})
}

func TestEventsAreVerified(t *testing.T) {
	r := newRig(t, newFakeSlack(), withButtons)
	body := `{"type":"url_verification","challenge":"abc"}`
	w := httptest.NewRecorder()
	r.Events().ServeHTTP(w, signedBody("/slack/events", "application/json", body))
	if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"challenge":"abc"`) {
		t.Errorf("HTTP %d %s", w.Code, w.Body)
	}
	for name, h := range map[string]http.Handler{"events": r.Events(), "commands": r.Commands()} {
		unsigned := httptest.NewRequestWithContext(context.Background(), http.MethodPost, "/slack/"+name, strings.NewReader(body))
		w := httptest.NewRecorder()
		h.ServeHTTP(w, unsigned)
		if w.Code != http.StatusUnauthorized {
			t.Errorf("%s without signature: HTTP %d", name, w.Code)
		}
		w = httptest.NewRecorder()
		h.ServeHTTP(w, signedBody("/slack/"+name, "text/plain", "\x00"))
		if w.Code != http.StatusBadRequest {
			t.Errorf("%s with nonsense: HTTP %d", name, w.Code)
		}
	}
}

// TestRolesOfThePlaybook shows who has a role as the playbook says, until somebody takes it.
func TestRolesOfThePlaybook(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		book, err := playbooks.Parse("a.md", []byte("---\nid: a\ntitle: T\nowner: O\nroles: {commander: on_call, communications: press}\n---\nDo it.\n"))
		if err != nil {
			t.Fatal(err)
		}
		var told []Deed
		onDuty := "U0ANN"
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.Playbook = func(map[string]string) (playbooks.Playbook, bool) { return book, true }
			o.Assign = func(who, team string, _ time.Time) (Shift, bool) {
				return Shift{Name: "Ann of " + team, SlackID: onDuty}, who == "on_call"
			}
			o.Tell = func(_ string, d Deed) { told = append(told, d) }
		})
		shown := func() string {
			r.settled()
			return strings.NewReplacer(`\u003c`, "<", `\u003e`, ">").Replace(string(r.onePage().Blocks))
		}
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		if page := shown(); !strings.Contains(page, "🧭 <@U0ANN> is incident commander, as the playbook says") || strings.Contains(page, "communications") {
			t.Errorf("the page: %s", page)
		}
		want := Deed{Kind: "role", Text: "Ann of backend is incident commander, as the playbook says", Data: map[string]string{"role": "commander", "name": "Ann of backend", "name_id": "U0ANN"}}
		if len(told) != 1 {
			t.Fatalf("told %+v", told)
		}
		want.At = told[0].At
		if diff := cmp.Diff(want, told[0]); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		onDuty = "U0EVE" // A hand-over does not take the role away.
		b := fires(share(), time.Now())
		b.Labels["instance"] = "b"
		r.notify(group{reason: notify.ReasonNewAlertsInGroup}, a, b)
		r.types("U0SAM", "C0ONCALL1", "role communications")
		page := shown()
		if !strings.Contains(page, "<@U0ANN> is incident commander, as the playbook says") || !strings.Contains(page, "🧭 <@U0SAM> is in charge of communications") {
			t.Errorf("the page later: %s", page)
		}
		r.types("U0SAM", "C0ONCALL1", "role commander")
		if page := shown(); !strings.Contains(page, "🧭 <@U0SAM> is incident commander") || strings.Contains(page, "U0ANN") {
			t.Errorf("the page at last: %s", page)
		}
	})
}
