package inbox

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func TestAuth(t *testing.T) {
	d := open(t)
	who, err := d.client.AuthTestContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if who.UserID != botUser || who.BotID != botID || who.URL != d.url+"/inbox/" {
		t.Errorf("auth.test says %+v", who)
	}
	nobody := slack.New("", slack.OptionAPIURL(d.url+"/inbox/api/"))
	if _, err := nobody.AuthTestContext(t.Context()); word(err) != "not_authed" {
		t.Errorf("without a token: %v", err)
	}
}

// word is what Slack calls an error.
func word(err error) string {
	if refused, ok := errors.AsType[slack.SlackErrorResponse](err); ok {
		return refused.Err
	}
	if err != nil {
		return "other: " + err.Error()
	}
	return ""
}

func TestPostMakesChannel(t *testing.T) {
	d := open(t)
	id, ts, answer, err := d.client.PostMessageWithResponseContext(t.Context(), "#OnCall", saying("a &amp; b"),
		slack.MsgOptionBlocks(slack.NewHeaderBlock(plain("🔴 Firing"))), slack.MsgOptionDisableLinkUnfurl(), slack.MsgOptionDisableMediaUnfurl(),
		slack.MsgOptionAttachments(slack.Attachment{Color: "danger", Text: "old style"}))
	if err != nil {
		t.Fatal(err)
	}
	if answer.Text != "a &amp; b" || answer.Timestamp != ts || answer.BotID != botID || len(answer.Blocks.BlockSet) != 1 || len(answer.Attachments) != 1 {
		t.Errorf("the answer is %+v", answer)
	}
	if answer.Blocks.BlockSet[0].ID() == "" {
		t.Error("the block has no ID")
	}
	if want := channelID("oncall"); id != want {
		t.Errorf("channel is %s, want %s", id, want)
	}
	same, next := d.post(t, "oncall", saying("by name"))
	byID, last := d.post(t, id, saying("by ID"))
	if same != id || byID != id {
		t.Errorf("channels %s, %s and %s are not one", id, same, byID)
	}
	if ts >= next || next >= last {
		t.Errorf("ts do not increase: %s %s %s", ts, next, last) // The clock stands still.
	}
	if got := d.messages(t, "#oncall"); len(got) != 3 || got[0].TS != ts || got[0].Text != "a &amp; b" || len(got[0].Blocks) == 0 {
		t.Errorf("messages are %+v", got)
	}
	if got := d.messages(t, "nowhere"); got != nil {
		t.Errorf("a channel that is not there has %d messages", len(got))
	}
	channels, err := d.Channels(t.Context())
	if err != nil || len(channels) != 1 || channels[0].Name != "oncall" || channels[0].Latest != last || channels[0].Firing != 1 {
		t.Errorf("channels are %+v, %v", channels, err)
	}
}

func TestChannelNotFound(t *testing.T) {
	d := open(t, func(o *Options) { o.Channels = []string{"#oncall"} })
	post := func(channel, want string) {
		t.Helper()
		_, _, err := d.client.PostMessageContext(t.Context(), channel, saying("hello"))
		if got := word(err); got != want {
			t.Errorf("post to %q: %q, want %q", channel, got, want)
		}
	}
	post("oncall", "")
	post("#oncall", "")
	post(channelID("oncall"), "")
	post("random", "channel_not_found")
	post("C0ZZZZZZZZZ", "channel_not_found")
	post("", "channel_not_found")
	post("two words", "channel_not_found")
	post(strings.Repeat("x", 81), "channel_not_found")
	_, err := d.client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: "oncall"})
	if word(err) != "channel_not_found" {
		t.Errorf("history by name: %v", err)
	}
}

func TestDirectMessage(t *testing.T) {
	d := open(t)
	id, _ := d.post(t, "U0PRIYA", saying("you are on call"))
	if !strings.HasPrefix(id, "D0") {
		t.Errorf("a direct message is in %s", id)
	}
	list := func(kinds ...string) []string {
		t.Helper()
		channels, _, err := d.client.GetConversationsContext(t.Context(), &slack.GetConversationsParameters{Types: kinds})
		if err != nil {
			t.Fatal(err)
		}
		var ids []string
		for _, c := range channels {
			ids = append(ids, c.ID)
		}
		return ids
	}
	if got := list(); got != nil {
		t.Errorf("public channels are %v", got)
	}
	if got := list("public_channel", "im"); len(got) != 1 || got[0] != id {
		t.Errorf("channels are %v", got)
	}
}

func TestUpdate(t *testing.T) {
	d := open(t)
	id, ts := d.post(t, "oncall", saying("one"), slack.MsgOptionBlocks(slack.NewSectionBlock(mrkdwn("first"), nil, nil)),
		slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "page", EventPayload: map[string]any{"id": "7"}}))
	d.clock.pass(time.Minute)
	gotID, gotTS, gotText, err := d.client.UpdateMessageContext(t.Context(), id, ts, saying("two"))
	if err != nil || gotID != id || gotTS != ts || gotText != "two" {
		t.Fatalf("update says %s %s %q, %v", gotID, gotTS, gotText, err)
	}
	m := d.messages(t, id)[0]
	if !strings.Contains(string(m.Blocks), "first") || !strings.Contains(string(m.Metadata), `"7"`) {
		t.Error("an update that says nothing of blocks and metadata changed them")
	}
	if m.Edits != 1 || !m.Edited.Equal(d.clock.now()) {
		t.Errorf("edited %d times, at %v", m.Edits, m.Edited)
	}
	if _, _, _, err := d.client.UpdateMessageContext(t.Context(), id, ts, slack.MsgOptionBlocks()); err != nil {
		t.Fatal(err)
	}
	if m := d.messages(t, id)[0]; len(m.Blocks) != 0 || m.Text != "two" || m.Edits != 2 {
		t.Errorf("after the blocks were removed: %+v", m)
	}
	fails := func(channel, ts, want string, options ...slack.MsgOption) {
		t.Helper()
		_, _, _, err := d.client.UpdateMessageContext(t.Context(), channel, ts, options...)
		if got := word(err); got != want {
			t.Errorf("update of %s %s: %q, want %q", channel, ts, got, want)
		}
	}
	fails(id, "1700000000.000100", "message_not_found", saying("x"))
	fails(id, "yesterday", "message_not_found", saying("x"))
	fails("oncall", ts, "channel_not_found", saying("x"))
	fails(id, ts, "no_text")
	fails(id, ts, "no_text", saying(""))
	only, err := d.client.PostEphemeralContext(t.Context(), id, "U0PRIYA", saying("for you"))
	if err != nil {
		t.Fatal(err)
	}
	fails(id, only, "cant_update_message", saying("x"))
	if _, _, err := d.client.DeleteMessageContext(t.Context(), id, ts); err != nil {
		t.Fatal(err)
	}
	fails(id, ts, "message_not_found", saying("x"))
	if _, _, err := d.client.DeleteMessageContext(t.Context(), id, ts); word(err) != "message_not_found" {
		t.Errorf("second delete: %v", err)
	}
	if m := d.messages(t, id)[0]; !m.Deleted {
		t.Error("the message is not marked deleted")
	}
}

func TestVersionsAreBounded(t *testing.T) {
	d := open(t)
	id, ts := d.post(t, "oncall", saying("0"))
	for range keptVersions + 5 {
		if _, _, _, err := d.client.UpdateMessageContext(t.Context(), id, ts, saying("again")); err != nil {
			t.Fatal(err)
		}
	}
	at, _ := parseStamp(ts)
	kept, err := d.archive.versions(t.Context(), id, interval{from: at, to: at})
	if err != nil || len(kept[at]) != keptVersions {
		t.Errorf("%d versions are kept, %v", len(kept[at]), err)
	}
	if m := d.messages(t, id)[0]; m.Edits != keptVersions+5 {
		t.Errorf("%d edits are counted", m.Edits)
	}
}

func TestThread(t *testing.T) {
	d := open(t)
	id, parent := d.post(t, "oncall", saying("parent"))
	_, first := d.post(t, id, saying("first"), slack.MsgOptionTS(parent))
	_, second := d.post(t, id, saying("second"), slack.MsgOptionTS(first), slack.MsgOptionBroadcast()) // A reply's ts means its thread.
	_, other := d.post(t, id, saying("other"))

	if got := d.messages(t, id)[2]; got.ThreadTS != parent || !got.Broadcast {
		t.Errorf("the broadcast reply is %+v", got)
	}
	history, err := d.client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: id})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{other, second, parent}, stamps(history.Messages)); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
	top := history.Messages[2]
	if top.ReplyCount != 2 || top.LatestReply != second || top.ThreadTimestamp != parent || history.Messages[1].SubType != "thread_broadcast" {
		t.Errorf("the parent is %+v", top)
	}
	replies, more, _, err := d.client.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: id, Timestamp: second})
	if err != nil || more {
		t.Fatal(more, err)
	}
	if diff := cmp.Diff([]string{parent, first, second}, stamps(replies)); diff != "" {
		t.Errorf("replies (-want +got):\n%s", diff)
	}
	if err := d.Delete(t.Context(), "#oncall", parent); err != nil {
		t.Fatal(err)
	}
	replies, _, _, err = d.client.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: id, Timestamp: parent})
	if err != nil || len(replies) != 3 || replies[0].SubType != "tombstone" {
		t.Errorf("replies to a deleted message: %+v, %v", replies, err)
	}
	_, third := d.post(t, id, saying("third"), slack.MsgOptionTS(parent))
	if got := d.messages(t, id); got[len(got)-1].TS != third || got[len(got)-1].ThreadTS != parent {
		t.Error("a thread whose parent was deleted goes on")
	}
	if err := d.Delete(t.Context(), id, other); err != nil {
		t.Fatal(err)
	}
	_, _, alone, err := d.client.PostMessageWithResponseContext(t.Context(), id, saying("late"), slack.MsgOptionTS(other))
	if err != nil || alone.ThreadTimestamp != "" {
		t.Errorf("a reply to nothing is in thread %q, %v", alone.ThreadTimestamp, err)
	}
	if _, _, _, err := d.client.GetConversationRepliesContext(t.Context(), &slack.GetConversationRepliesParameters{ChannelID: id, Timestamp: other}); word(err) != "thread_not_found" {
		t.Errorf("replies to nothing: %v", err)
	}
	if err := d.Delete(t.Context(), id, other); !errors.Is(err, errNoMessage) {
		t.Errorf("deleted twice: %v", err)
	}
}

func stamps(messages []slack.Message) []string {
	var all []string
	for _, m := range messages {
		all = append(all, m.Timestamp)
	}
	return all
}

func TestHistoryBoundsAndCursor(t *testing.T) {
	d := open(t)
	var id string
	var ts []string // newest first
	for _, s := range []string{"a", "b", "c", "d", "e"} {
		var at string
		id, at = d.post(t, "oncall", saying(s), slack.MsgOptionMetadata(slack.SlackMetadata{EventType: "page", EventPayload: map[string]any{"n": s}}))
		ts = append([]string{at}, ts...)
		d.clock.pass(time.Second)
	}
	get := func(p slack.GetConversationHistoryParameters) *slack.GetConversationHistoryResponse {
		t.Helper()
		p.ChannelID = id
		history, err := d.client.GetConversationHistoryContext(t.Context(), &p)
		if err != nil {
			t.Fatal(err)
		}
		return history
	}
	want := func(history *slack.GetConversationHistoryResponse, want ...string) {
		t.Helper()
		if diff := cmp.Diff(want, stamps(history.Messages)); diff != "" {
			t.Errorf("history (-want +got):\n%s", diff)
		}
	}
	want(get(slack.GetConversationHistoryParameters{}), ts...)
	want(get(slack.GetConversationHistoryParameters{Oldest: ts[3], Latest: ts[1]}), ts[2])
	want(get(slack.GetConversationHistoryParameters{Oldest: ts[3], Latest: ts[1], Inclusive: true}), ts[1:4]...)
	want(get(slack.GetConversationHistoryParameters{Latest: ts[2], Inclusive: true, Limit: 1}), ts[2])

	first := get(slack.GetConversationHistoryParameters{Limit: 2})
	second := get(slack.GetConversationHistoryParameters{Limit: 2, Cursor: first.ResponseMetaData.NextCursor})
	third := get(slack.GetConversationHistoryParameters{Limit: 2, Cursor: second.ResponseMetaData.NextCursor})
	want(first, ts[:2]...)
	want(second, ts[2:4]...)
	want(third, ts[4])
	if !first.HasMore || third.HasMore || third.ResponseMetaData.NextCursor != "" {
		t.Error("has_more is wrong")
	}
	if got := get(slack.GetConversationHistoryParameters{}).Messages[0].Metadata.EventType; got != "" {
		t.Errorf("metadata %q was not asked for", got)
	}
	if got := get(slack.GetConversationHistoryParameters{IncludeAllMetadata: true}).Messages[0].Metadata; got.EventPayload["n"] != "e" {
		t.Errorf("metadata is %+v", got)
	}
	for _, p := range []struct{ oldest, cursor, want string }{{"x", "", "invalid_ts_oldest"}, {"", "x", "invalid_cursor"}} {
		_, err := d.client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: id, Oldest: p.oldest, Cursor: p.cursor})
		if word(err) != p.want {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

func TestConversations(t *testing.T) {
	d := open(t)
	for _, name := range []string{"c", "a", "b"} {
		d.post(t, name, saying("hello"))
	}
	all, err := d.client.GetAllConversationsContext(t.Context(), slack.GetConversationsOptionLimit(2))
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, c := range all {
		names = append(names, c.Name)
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, names); diff != "" {
		t.Errorf("channels (-want +got):\n%s", diff)
	}
	info, err := d.client.GetConversationInfoContext(t.Context(), &slack.GetConversationInfoInput{ChannelID: all[0].ID})
	if err != nil || info.Name != "a" || !info.IsMember {
		t.Errorf("info is %+v, %v", info, err)
	}
	joined, warning, _, err := d.client.JoinConversationContext(t.Context(), all[0].ID)
	if err != nil || joined.ID != all[0].ID || warning != "already_in_channel" {
		t.Errorf("join says %+v, %q, %v", joined, warning, err)
	}
	user, err := d.client.GetUserInfoContext(t.Context(), "U0PRIYA")
	if err != nil || user.ID != "U0PRIYA" {
		t.Errorf("user is %+v, %v", user, err)
	}
	if _, err := d.client.GetUserInfoContext(t.Context(), "nobody"); word(err) != "user_not_found" {
		t.Errorf("no user: %v", err)
	}
}

func TestReactions(t *testing.T) {
	d := open(t)
	id, ts := d.post(t, "oncall", saying("hello"))
	item := slack.NewRefToMessage(id, ts)
	add := func(name, want string) {
		t.Helper()
		if got := word(d.client.AddReactionContext(t.Context(), name, item)); got != want {
			t.Errorf("add %q: %q, want %q", name, got, want)
		}
	}
	add("eyes", "")
	add("eyes", "already_reacted")
	add("no such thing", "invalid_name")
	history, err := d.client.GetConversationHistoryContext(t.Context(), &slack.GetConversationHistoryParameters{ChannelID: id})
	if err != nil || len(history.Messages[0].Reactions) != 1 || history.Messages[0].Reactions[0].Count != 1 {
		t.Errorf("history says %+v, %v", history, err)
	}
	if got := d.messages(t, id)[0].Reactions; len(got) != 1 || got[0].Name != "eyes" || got[0].Users[0] != botUser {
		t.Errorf("reactions are %+v", got)
	}
	if err := d.client.RemoveReactionContext(t.Context(), "eyes", item); err != nil {
		t.Error(err)
	}
	if err := d.client.RemoveReactionContext(t.Context(), "eyes", item); word(err) != "no_reaction" {
		t.Errorf("removed twice: %v", err)
	}
}

func TestPermalink(t *testing.T) {
	d := open(t)
	id, ts := d.post(t, "oncall", saying("hello"))
	link, err := d.client.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: id, Ts: ts})
	if want := d.url + "/inbox/" + id + "/" + ts; err != nil || link != want {
		t.Errorf("permalink is %s, %v, want %s", link, err, want)
	}
	d = open(t, func(o *Options) { o.ExternalURL = "https://watch.example.com/" })
	id, ts = d.post(t, "oncall", saying("hello"))
	link, err = d.client.GetPermalinkContext(t.Context(), &slack.PermalinkParameters{Channel: id, Ts: ts})
	if want := "https://watch.example.com/inbox/" + id + "/" + ts; err != nil || link != want {
		t.Errorf("permalink is %s, %v, want %s", link, err, want)
	}
}

// call sends a request as no client of Slack's would have to and returns the answer's status and error.
func (d desk) call(tb testing.TB, verb, method, kind, body string) (int, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), verb, d.url+"/inbox/api/"+method, strings.NewReader(body))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer xoxb-local")
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	var answer struct {
		OK    bool   `json:"ok"`
		Error string `json:"error"`
	}
	if err := json.Unmarshal(raw, &answer); err != nil {
		return resp.StatusCode, string(raw)
	}
	if answer.OK != (answer.Error == "") {
		tb.Errorf("%s is neither fine nor wrong: %s", method, raw)
	}
	return resp.StatusCode, answer.Error
}

func TestRequests(t *testing.T) {
	const form, js = "application/x-www-form-urlencoded", "application/json; charset=utf-8"
	d := open(t)
	id, ts := d.post(t, "oncall", saying("hello"))
	blocks := `[{"type":"section","text":{"type":"mrkdwn","text":"hi"}}]`
	for _, c := range []struct {
		name, verb, method, kind, body string
		status                         int
		want                           string
	}{
		{"unknown method", "POST", "chat.scheduleMessage", form, "", 200, "unknown_method"},
		{"JSON", "POST", "chat.postMessage", js, `{"channel":"oncall","text":"hi","blocks":` + blocks + `,"reply_broadcast":true,"thread_ts":"` + ts + `"}`, 200, ""},
		{"JSON with a string of blocks", "POST", "chat.postMessage", js, `{"channel":"oncall","blocks":"` + strings.ReplaceAll(blocks, `"`, `\"`) + `","text":null}`, 200, ""},
		{"bad JSON", "POST", "chat.postMessage", js, `{"channel":`, 200, "invalid_json"},
		{"a JSON array", "POST", "chat.postMessage", js, `[]`, 200, "json_not_object"},
		{"JSON null", "POST", "chat.postMessage", js, `null`, 200, "json_not_object"},
		{"no body", "POST", "auth.test", js, ``, 200, ""},
		{"a bad form", "POST", "chat.postMessage", form, "text=%zz", 200, "invalid_form_data"},
		{"a strange type", "POST", "chat.postMessage", "text/plain", "hello", 200, "invalid_post_type"},
		{"a broken type", "POST", "chat.postMessage", ";;", "hello", 200, "invalid_post_type"},
		{"no type", "POST", "auth.test", "", "", 200, ""},
		{"reading with GET", "GET", "conversations.history?channel=" + id, "", "", 200, ""},
		{"writing with GET", "GET", "chat.postMessage?channel=oncall&text=hi", "", "", 405, "chat.postMessage wants POST.\n"},
		{"no text", "POST", "chat.postMessage", form, "channel=oncall", 200, "no_text"},
		{"empty everything", "POST", "chat.postMessage", form, "channel=oncall&text=&blocks=[]&attachments=[]", 200, "no_text"},
		{"long text", "POST", "chat.postMessage", form, "channel=oncall&text=" + strings.Repeat("x", maxText+1), 200, "msg_too_long"},
		{"a text as long as may be", "POST", "chat.postMessage", form, "channel=oncall&text=" + strings.Repeat("x", maxText), 200, ""},
		{"a text that is long when escaped", "POST", "chat.postMessage", form, "channel=oncall&text=" + url.QueryEscape(strings.Repeat("&", maxText/5+1)), 200, "msg_too_long"},
		{"too large a body", "POST", "chat.postMessage", form, "channel=oncall&text=" + strings.Repeat("x", maxBody), 200, "invalid_form_data"},
		{"blocks that are no JSON", "POST", "chat.postMessage", form, "channel=oncall&blocks=[", 200, "invalid_blocks_format"},
		{"blocks that are no array", "POST", "chat.postMessage", form, `channel=oncall&blocks={"type":"divider"}`, 200, "invalid_blocks_format"},
		{"two arrays of blocks", "POST", "chat.postMessage", form, `channel=oncall&text=x&blocks=[][]`, 200, "invalid_blocks_format"},
		{"bad attachments", "POST", "chat.postMessage", form, `channel=oncall&attachments=x`, 200, "invalid_attachments"},
		{"an attachment that is none", "POST", "chat.postMessage", form, `channel=oncall&attachments=[1]`, 200, "invalid_attachments"},
		{"markdown", "POST", "chat.postMessage", form, `channel=oncall&markdown_text=**hi**`, 200, ""},
		{"markdown and text", "POST", "chat.postMessage", form, `channel=oncall&markdown_text=**hi**&text=hi`, 200, "markdown_text_conflict"},
		{"long markdown", "POST", "chat.postMessage", form, `channel=oncall&markdown_text=` + strings.Repeat("x", maxMarkdown+1), 200, "msg_too_long"},
		{"bad metadata", "POST", "chat.postMessage", form, `channel=oncall&text=x&metadata=x`, 200, "invalid_metadata_format"},
		{"half metadata", "POST", "chat.postMessage", form, `channel=oncall&text=x&metadata={"event_type":"a"}`, 200, "invalid_metadata_schema"},
		{"large metadata", "POST", "chat.postMessage", form, `channel=oncall&text=x&metadata={"event_type":"a","event_payload":{"a":"` + strings.Repeat("x", maxMetadata) + `"}}`, 200, "metadata_too_large"},
		{"a bad thread", "POST", "chat.postMessage", form, `channel=oncall&text=x&thread_ts=x`, 200, "invalid_thread_ts"},
		{"a bad limit", "POST", "conversations.history", form, `channel=` + id + `&limit=x`, 200, "invalid_limit"},
		{"nobody to see it", "POST", "chat.postEphemeral", form, `channel=` + id + `&text=x`, 200, "user_not_in_channel"},
	} {
		status, got := d.call(t, c.verb, c.method, c.kind, c.body)
		if status != c.status || got != c.want {
			t.Errorf("%s: %d %q, want %d %q", c.name, status, got, c.status, c.want)
		}
	}
}

// The handler may be called without a server, with a client's request.
func TestInProcess(t *testing.T) {
	d := open(t)
	for _, kind := range []string{"application/json", "application/x-www-form-urlencoded"} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://inbox/inbox/api/auth.test", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer x")
		req.Header.Set("Content-Type", kind)
		w := httptest.NewRecorder()
		d.Handler().ServeHTTP(w, req)
		if w.Code != http.StatusOK || !strings.Contains(w.Body.String(), `"url":"http://inbox/inbox/"`) {
			t.Errorf("%s: %d %s", kind, w.Code, w.Body)
		}
	}
}

// A page elsewhere must not post with the browser of someone who reads the inbox.
func TestCrossOrigin(t *testing.T) {
	d := open(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, d.url+"/inbox/api/chat.postMessage", strings.NewReader("token=x&channel=oncall&text=hi"))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("Sec-Fetch-Site", "cross-site")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer http.DefaultClient.CloseIdleConnections()
	resp.Body.Close()
	if resp.StatusCode != http.StatusForbidden || d.messages(t, "oncall") != nil {
		t.Errorf("a page elsewhere could post: %d", resp.StatusCode)
	}
}

func TestWithoutDatabase(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("an inbox without a database opened")
	}
	d := open(t)
	d.archive.db.Close()
	if status, got := d.call(t, "POST", "chat.postMessage", "application/x-www-form-urlencoded", "channel=oncall&text=x"); status != 500 || got != "internal_error" {
		t.Errorf("with a closed database: %d %q", status, got)
	}
	if _, err := New(Options{DB: d.archive.db}); err == nil {
		t.Error("an inbox on a closed database opened")
	}
}
