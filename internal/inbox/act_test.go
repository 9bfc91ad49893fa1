package inbox

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

// reader is a browser that runs no script.
type reader struct {
	tb     testing.TB
	d      desk
	client *http.Client
}

func (d desk) reader(tb testing.TB) reader {
	tb.Helper()
	jar, err := cookiejar.New(nil)
	if err != nil {
		tb.Fatal(err)
	}
	client := &http.Client{Jar: jar, Transport: &http.Transport{}}
	tb.Cleanup(client.CloseIdleConnections)
	return reader{tb: tb, d: d, client: client}
}

func (r reader) do(method, path, kind, body string, header ...string) answerTo {
	r.tb.Helper()
	req, err := http.NewRequestWithContext(r.tb.Context(), method, r.d.url+path, strings.NewReader(body))
	if err != nil {
		r.tb.Fatal(err)
	}
	req.Header.Set("Content-Type", kind)
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := r.client.Do(req)
	if err != nil {
		r.tb.Fatal(err)
	}
	defer resp.Body.Close()
	return answerTo{status: resp.StatusCode, page: readAll(r.tb, resp), at: resp.Request.URL}
}

func (r reader) open(path string) answerTo { r.tb.Helper(); return r.do(http.MethodGet, path, "", "") }

// post sends a form as the page's own, with what is given besides.
func (r reader) post(path string, form url.Values, header ...string) answerTo {
	r.tb.Helper()
	return r.do(http.MethodPost, path, "application/x-www-form-urlencoded", form.Encode(), header...)
}

func (r reader) become(id string) { r.tb.Helper(); r.post("/inbox/person", url.Values{"person": {id}}) }

func at(channel, ts string) url.Values {
	return url.Values{"channel": {channel}, "ts": {ts}, "back": {"/inbox/oncall"}, "anchor": {"p" + strings.ReplaceAll(ts, ".", "")}}
}

// Without a script every button is a form, and a modal a part of the page.
func TestWithoutScript(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	a := opening(t, d, form, func(got slack.InteractionCallback) any {
		if got.View.State.Values["reason"]["reason"].Value == "no reason" {
			return slack.NewErrorsViewSubmissionResponse(map[string]string{"reason": "Say more."})
		}
		return nil
	})
	r := d.reader(t)
	page := r.open("/inbox/oncall").page
	contains(t, page, `name="click" value="action=ack&amp;block=buttons&amp;value="`, `<option value="high" selected>High</option>`)

	f := at(channel, ts)
	f.Set("click", useOf(partKey{"buttons", "silence"}, ""))
	f.Set(fieldName(partKey{"how", "severity"}), "low")
	after := r.post("/inbox/click", f)
	if after.status != 200 || after.at.Path != "/inbox/oncall" || after.at.Fragment != f.Get("anchor") {
		t.Errorf("after a click: %d %s", after.status, after.at)
	}
	if s := a.calls()[0].BlockActionState.Values["how"]["severity"].SelectedOption.Value; s != "low" {
		t.Errorf("what was chosen in the form: %q", s)
	}
	contains(t, after.page, `<dialog class="modal" id="modal"`, `<option value="low" selected>Low</option>`, `For how long</legend>`, `Tell (optional)</legend>`,
		`<input class="field" id="v-`, `type="date"`, `type="time"`, `inputmode="numeric"`, `aria-required="true"`)
	if strings.Contains(after.page, "http-equiv") {
		t.Error("the page reloads while a view is filled in")
	}
	v, _ := d.OpenView("")
	fill := func(reason string) url.Values {
		return url.Values{
			"view": {v.ID}, "back": {"/inbox/oncall"}, "do": {"submit"}, fieldName(partKey{"reason", "reason"}): {reason},
			fieldName(partKey{"hours", "hours"}): {"", "4"}, fieldName(partKey{"tell", "tell"}): {"", "team", "leads"},
		}
	}
	after = r.post("/inbox/view", fill(""))
	contains(t, after.page, `<span class="error" role="alert">Please complete this required field.</span>`, `aria-invalid="true"`, `value="team" checked`)
	after = r.post("/inbox/view", fill("no reason"))
	contains(t, after.page, `<span class="error" role="alert">Say more.</span>`, `value="no reason"`)
	after = r.post("/inbox/view", fill("deploy"))
	if strings.Contains(after.page, "<dialog") {
		t.Error("the view is still there")
	}
	if s := a.calls()[2].View.State.Values; s["hours"]["hours"].SelectedOption.Value != "4" || len(s["tell"]["tell"].SelectedOptions) != 2 {
		t.Errorf("the submission: %+v", s)
	}
	if after = r.post("/inbox/view", fill("deploy")); after.status != 200 { // From another window, say.
		t.Errorf("a view that was closed: %d", after.status)
	}
	f.Set("click", useOf(partKey{"buttons", "silence"}, ""))
	r.post("/inbox/click", f)
	v, _ = d.OpenView("")
	after = r.post("/inbox/view", url.Values{"view": {v.ID}, "do": {"close"}, "back": {"/inbox/oncall"}})
	if _, open := d.OpenView(""); open || strings.Contains(after.page, "<dialog") {
		t.Error("canceled, and still open")
	}
}

func TestConfirm(t *testing.T) {
	d := open(t)
	b := action("escalate", "Escalate", "x", slack.StyleDanger).WithConfirm(slack.NewConfirmationBlockObject(plain("Escalate now?"), mrkdwn("This wakes *Marco*."), plain("Wake him"), plain("Not yet")))
	channel, ts := d.post(t, "oncall", saying("x"), slack.MsgOptionBlocks(slack.NewActionBlock("b", b)))
	a := connected(t, d, nothing)
	r := d.reader(t)
	contains(t, r.open("/inbox/oncall").page, `data-confirm="p`, `<strong>Marco</strong>`, `>Not yet</button>`)
	f := at(channel, ts)
	f.Set("click", useOf(partKey{"b", "escalate"}, ""))
	asked := r.post("/inbox/click", f)
	contains(t, asked.page, "<h1>Escalate now?</h1>", "<strong>Marco</strong>", `name="confirmed" value="action=escalate&amp;block=b&amp;value="`, `<a class="button" href="/inbox/oncall">Not yet</a>`)
	if len(a.calls()) > 0 {
		t.Error("the app was told before the person said yes")
	}
	f.Del("click")
	f.Set("confirmed", useOf(partKey{"b", "escalate"}, ""))
	if r.post("/inbox/click", f); len(a.calls()) != 1 {
		t.Errorf("the app was told %d times", len(a.calls()))
	}
}

func TestElements(t *testing.T) {
	d := open(t)
	option := func(value, label string) *slack.OptionBlockObject {
		return slack.NewOptionBlockObject(value, plain(label), nil)
	}
	channel, ts := d.post(t, "oncall", saying("x"), slack.MsgOptionBlocks(slack.NewActionBlock("b",
		slack.NewOverflowBlockElement("more", option("a", "First"), option("b", "Second")),
		slack.NewCheckboxGroupsBlockElement("boxes", option("a", "A"), option("b", "B")),
		slack.NewOptionsSelectBlockElement(slack.OptTypeUser, plain("Who"), "who"),
		slack.NewDatePickerBlockElement("date"), slack.NewTimePickerBlockElement("time"))))
	a := connected(t, d, nothing)
	r := d.reader(t)
	page := r.open("/inbox/oncall").page
	contains(t, page, `value="action=more&amp;block=b&amp;value=b"`, `<option value="U0SAM">Sam</option>`, `type="checkbox"`)
	click := func(action, value string, entered ...string) *slack.BlockAction {
		t.Helper()
		f := at(channel, ts)
		f.Set("click", useOf(partKey{"b", action}, value))
		f[fieldName(partKey{"b", action})] = append([]string{""}, entered...)
		if after := r.post("/inbox/click", f); after.status != 200 {
			t.Fatalf("%s: %d", action, after.status)
		}
		calls := a.calls()
		return calls[len(calls)-1].ActionCallback.BlockActions[0]
	}
	if got := click("more", "b"); got.SelectedOption.Value != "b" || got.SelectedOption.Text.Text != "Second" || got.Type != "overflow" {
		t.Errorf("an overflow menu: %+v", got)
	}
	if got := click("boxes", "", "a", "b"); len(got.SelectedOptions) != 2 {
		t.Errorf("checkboxes: %+v", got)
	}
	contains(t, r.open("/inbox/oncall").page, `value="a" checked`)
	if got := click("boxes", ""); len(got.SelectedOptions) != 0 {
		t.Errorf("checkboxes, none: %+v", got)
	}
	if got := click("who", "", "U0SAM"); got.SelectedUser != "U0SAM" {
		t.Errorf("a person: %+v", got)
	}
	if got := click("date", "", "2026-11-24"); got.SelectedDate != "2026-11-24" {
		t.Errorf("a date: %+v", got)
	}
	if got := click("time", "", "04:30"); got.SelectedTime != "04:30" {
		t.Errorf("a time: %+v", got)
	}
}

// What one person is told in private nobody else sees, and it stands at the message it is about.
func TestPrivateAnswers(t *testing.T) {
	d := open(t, func(o *Options) { o.People = []Person{{"U0PRIYA", "Priya"}, {"U0MARCO", "Marco"}} })
	channel, ts := d.incident(t)
	d.post(t, channel, saying("something later"))
	a := connected(t, d, nothing)
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", User: "U0MARCO"}); err != nil {
		t.Fatal(err)
	}
	if err := slack.PostWebhookContext(t.Context(), a.calls()[0].ResponseURL, &slack.WebhookMessage{Text: "You own this now."}); err != nil {
		t.Fatal(err)
	}
	http.DefaultClient.CloseIdleConnections()
	if _, err := d.client.PostEphemeralContext(t.Context(), channel, "U0MARCO", saying("In the thread."), slack.MsgOptionTS(ts)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.client.PostEphemeralContext(t.Context(), channel, "U0MARCO", saying("On its own.")); err != nil {
		t.Fatal(err)
	}
	r := d.reader(t)
	if page := r.open("/inbox/oncall").page; strings.Contains(page, "own") && strings.Contains(page, "You own this now") || strings.Contains(page, "In the thread") || strings.Contains(page, "On its own") {
		t.Error("Priya sees what only Marco was told")
	}
	r.become("U0MARCO")
	page := r.open("/inbox/oncall").page
	contains(t, page, "Only visible to you", `<option value="U0MARCO" selected>Marco</option>`, "On its own.")
	order := regexp.MustCompile(`(?s)Firing: share availability.*You own this now.*In the thread.*something later.*On its own`)
	if !order.MatchString(page) || strings.Contains(page, "1 reply") {
		t.Error("private answers do not stand at their message")
	}
	var private Message
	for _, m := range d.messages(t, channel) {
		if m.Text == "You own this now." {
			private = m
		}
	}
	f := at(channel, private.TS)
	r.become("U0PRIYA")
	if got := r.post("/inbox/delete", f); got.status != http.StatusNotFound {
		t.Errorf("Priya dismisses what only Marco sees: %d", got.status)
	}
	r.become("U0MARCO")
	if got := r.post("/inbox/delete", f); got.status != 200 || strings.Contains(got.page, "You own this now") {
		t.Errorf("Marco dismisses it: %d", got.status)
	}
	if got := r.post("/inbox/person", url.Values{"person": {"U0NOBODY"}}); got.status != http.StatusBadRequest {
		t.Errorf("somebody who is not there: %d", got.status)
	}
}

// What went wrong with a click is said at the message, to the person who clicked, for a while.
func TestNotice(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	broken := true
	connected(t, d, func(slack.InteractionCallback) any {
		if broken {
			return 500
		}
		return nil
	})
	r := d.reader(t)
	f := at(channel, ts)
	f.Set("click", useOf(partKey{"buttons", "ack"}, ""))
	const said = "Watchtower could not be reached, or answered with an error."
	contains(t, r.post("/inbox/click", f).page, `<p class="notice" role="alert">`+said)
	r.become("U0SAM")
	if strings.Contains(r.open("/inbox/oncall").page, said) {
		t.Error("Sam is told of a click that was not his")
	}
	r.become("U0YOU")
	d.clock.pass(noticeLife + time.Second)
	if strings.Contains(r.open("/inbox/oncall").page, said) {
		t.Error("it is still said much later")
	}
	contains(t, r.post("/inbox/click", f).page, said)
	broken = false
	if strings.Contains(r.post("/inbox/click", f).page, said) {
		t.Error("it is still said after a click that went well")
	}
	f.Set("click", useOf(partKey{"buttons", "gone"}, ""))
	if got := r.post("/inbox/click", f); got.status != http.StatusNotFound {
		t.Errorf("a button that is not there: %d", got.status)
	}
}

// No other site's page can make a visitor's browser do anything here, and no form leads away.
func TestForeignForms(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	r := d.reader(t)
	for _, path := range []string{"/inbox/click", "/inbox/view", "/inbox/delete", "/inbox/person", "/inbox/faults", "/inbox/respond/x", "/inbox/upload/x", "/inbox/api/chat.postMessage"} {
		if got := r.post(path, at(channel, ts), "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("%s from another site: %d", path, got.status)
		}
		if got := r.post(path, at(channel, ts), "Origin", "https://evil.example"); got.status != http.StatusForbidden {
			t.Errorf("%s with another origin: %d", path, got.status)
		}
	}
	behind := open(t, func(o *Options) { o.ExternalURL = "https://watchtower.example/" }).reader(t)
	if got := behind.post("/inbox/person", url.Values{"person": {"U0SAM"}}, "Origin", "https://watchtower.example"); got.status != http.StatusOK {
		t.Errorf("behind a proxy: %d", got.status)
	}
	for _, back := range []string{"https://evil.example/inbox/", "//evil.example/inbox/", `/\evil.example/inbox/`, "/inboxes", "javascript:alert(1)", "\x00"} {
		if got := r.post("/inbox/person", url.Values{"person": {"U0SAM"}, "back": {back}}); !strings.HasPrefix(got.at.String(), d.url+"/inbox") || got.at.Path != "/inbox" {
			t.Errorf("back to %q leads to %s", back, got.at)
		}
	}
}

func TestFaultsOverHTTP(t *testing.T) {
	d := open(t)
	r := d.reader(t)
	faults := func(method, body string) (int, []faultJSON, string) {
		t.Helper()
		got := r.do(method, "/inbox/faults", "application/x-www-form-urlencoded", body) // As curl -d sends it.
		var said struct {
			Faults []faultJSON
			Error  string
		}
		if err := json.Unmarshal([]byte(got.page), &said); err != nil {
			t.Fatalf("%s %s: %s", method, body, got.page)
		}
		return got.status, said.Faults, said.Error
	}
	if status, list, _ := faults("POST", `{"method": "chat.postMessage", "status": 429, "retry_after": 30}`); status != 200 || len(list) != 1 || list[0].Times != 1 {
		t.Errorf("one fault: %d %+v", status, list)
	}
	_, list, _ := faults("POST", `[{"method": "chat.postMessage", "status": 504, "performed": true, "times": 2}, {"method": "*", "delay": "1ms", "times": -1}, {"method": "response_url", "error": "expired_url"}]`)
	want := []faultJSON{
		{Method: "*", Delay: period(time.Millisecond), Times: -1},
		{Method: "chat.postMessage", Status: 429, RetryAfter: period(30 * time.Second), Times: 1},
		{Method: "chat.postMessage", Status: 504, Performed: true, Times: 2},
		{Method: "response_url", Error: "expired_url", Times: 1},
	}
	if diff := cmp.Diff(want, list); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	contains(t, r.open("/inbox").page, "Slack is being broken on purpose.", "Every method is slow by 1ms, until healed; chat.postMessage is rate limited, once; "+
		"chat.postMessage fails with status 504 after it was carried out, 2 times; response_url is refused with expired_url, once.")
	_, _, err := d.client.PostMessageContext(t.Context(), "oncall", saying("x"))
	var limited *slack.RateLimitedError
	if !errors.As(err, &limited) || limited.RetryAfter != 30*time.Second {
		t.Errorf("the first call: %v", err)
	}
	if _, list, _ = faults("GET", ""); len(list) != 3 {
		t.Errorf("after it: %+v", list)
	}
	for _, bad := range []string{
		`{"method": "chat.nothing", "status": 503}`, `{"method": "*", "status": 200}`, `{"method": "*"}`, `{"method": "*", "delay": "1h"}`,
		`{"method": "*", "state": 503}`, `x`, ``, `{"method": "*", "delay": "soon"}`, `{"method": "*", "delay": -1}`,
	} {
		if status, _, said := faults("POST", bad); status != http.StatusBadRequest || said == "" {
			t.Errorf("%s: %d %s", bad, status, said)
		}
	}
	if _, list, _ = faults("DELETE", ""); len(list) != 0 {
		t.Errorf("after healing: %+v", list)
	}
	d.Fail("*", Broken(503))
	if after := r.post("/inbox/faults", url.Values{"heal": {"all"}, "back": {"/inbox"}}); strings.Contains(after.page, "on purpose") {
		t.Error("the page's button does not heal")
	}
	if got := r.do("PUT", "/inbox/faults", "application/json", ""); got.status != http.StatusMethodNotAllowed {
		t.Errorf("PUT: %d", got.status)
	}
}

func TestFilesOnPage(t *testing.T) {
	d := open(t)
	channel, ts := d.post(t, "oncall", saying("x"))
	id := d.upload(t, slack.UploadFileParameters{Filename: "burn.png", Title: "Burn", AltTxt: "It burns", Channel: channel}, picture(t, 2, 2))
	d.upload(t, slack.UploadFileParameters{Filename: "log.txt", Title: "Log", Channel: channel, ThreadTimestamp: ts}, []byte(strings.Repeat("<line>\n", 100)))
	d.upload(t, slack.UploadFileParameters{Filename: "dump.bin", Title: "Dump", Channel: channel}, []byte("\x00\x01\x02"))
	page := d.get(t, "/inbox/oncall").page
	contains(t, page, `<img src="/inbox/files/`+id+`/burn.png" alt="It burns" loading="lazy">`, `<pre><code>`+strings.Repeat("&lt;line&gt;\n", 10)+`</code></pre>`,
		"View the whole file", "700 bytes", `/dump.bin?download=1">`)
	if err := d.client.DeleteFileContext(t.Context(), id); err != nil {
		t.Fatal(err)
	}
	contains(t, d.get(t, "/inbox/oncall").page, "A file was here; it was deleted.")
}
