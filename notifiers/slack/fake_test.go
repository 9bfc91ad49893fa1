package slack

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// fakeSlack is a Slack Web API with memory and limits: the methods we call, in
// their wire format. It answers over a socket (Handler) or, for tests in
// virtual time, in the process (RoundTripper).
type fakeSlack struct {
	mu       sync.Mutex
	messages []*fakeMessage
	clock    int64 // of ts, strictly rising
	calls    []fakeCall
	// script decides about a call before it is done; nil: it succeeds.
	script func(c fakeCall) *fakeFault
	// done is called after a call was carried out, before it is answered.
	done func(c fakeCall)
	// lists says whether conversations.* may be called (scopes).
	lists    bool
	channels map[string]string // name → ID
	token    string
	groups   map[string][]string // members of user groups
	files    map[string]*fakeFile
	views    []url.Values
	whispers []url.Values
}

type fakeCall struct {
	method string
	form   url.Values
	at     time.Time
	nth    int // of this method, from 1
}

// fakeFault is an answer other than success.
type fakeFault struct {
	status     int           // HTTP status
	retryAfter string        // header
	code       string        // ok:false with this error
	delay      time.Duration // before the answer
	hang       bool          // never answers
	lost       bool          // carried out, but the connection breaks before the answer
	body       string        // a raw answer
}

type fakeMessage struct {
	Channel  string          `json:"-"`
	TS       string          `json:"ts"`
	ThreadTS string          `json:"thread_ts,omitempty"`
	Text     string          `json:"text"`
	Blocks   json.RawMessage `json:"blocks,omitempty"`
	Metadata json.RawMessage `json:"metadata,omitempty"`
	Username string          `json:"username,omitempty"`
	User     string          `json:"user,omitempty"`

	Broadcast bool `json:"-"`
	Edits     int  `json:"-"`
	Deleted   bool `json:"-"`
}

func newFakeSlack() *fakeSlack {
	return &fakeSlack{lists: true, token: testToken, channels: map[string]string{
		"oncall": "C0ONCALL1", "teams": "C0TEAMS11", "prod": "C0PROD1111",
	}}
}

const testToken = "xoxb-test-0123456789-secret"

// server puts the fake on a loopback socket and returns the API's base URL.
func (f *fakeSlack) server(tb testing.TB) string {
	tb.Helper()
	srv := httptest.NewServer(f)
	tb.Cleanup(srv.Close)
	return srv.URL + "/api/"
}

// RoundTrip implements http.RoundTripper without sockets.
func (f *fakeSlack) RoundTrip(req *http.Request) (*http.Response, error) {
	rec := httptest.NewRecorder()
	aborted := func() (aborted bool) {
		defer func() {
			if p := recover(); isAbort(p) {
				aborted = true
			} else if p != nil {
				panic(p)
			}
		}()
		f.ServeHTTP(rec, req)
		return false
	}()
	if aborted {
		if err := req.Context().Err(); err != nil {
			return nil, err
		}
		return nil, io.ErrUnexpectedEOF
	}
	if err := req.Context().Err(); err != nil {
		return nil, err
	}
	return rec.Result(), nil
}

func isAbort(p any) bool {
	err, ok := p.(error)
	return ok && errors.Is(err, http.ErrAbortHandler)
}

// ServeHTTP implements http.Handler.
func (f *fakeSlack) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	method := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	parse := r.ParseForm
	if strings.HasPrefix(r.Header.Get("Content-Type"), "multipart/") {
		parse = func() error { return r.ParseMultipartForm(1 << 20) }
	}
	if err := parse(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	if id, isUpload := strings.CutPrefix(method, "upload-"); isUpload {
		f.receive(id, r)
		return
	}
	if strings.HasPrefix(r.Header.Get("Content-Type"), "application/json") {
		body, _ := io.ReadAll(r.Body)
		r.Form = url.Values{"token": {strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")}, "body": {string(body)}}
	}
	f.mu.Lock()
	call := fakeCall{method: method, form: r.Form, at: time.Now(), nth: 1}
	for _, c := range f.calls {
		if c.method == method {
			call.nth++
		}
	}
	f.calls = append(f.calls, call)
	var fault *fakeFault
	if f.script != nil {
		fault = f.script(call)
	}
	f.mu.Unlock()
	if fault == nil {
		fault = &fakeFault{}
	}
	switch {
	case fault.hang:
		<-r.Context().Done()
		panic(http.ErrAbortHandler)
	case fault.delay > 0:
		timer := time.NewTimer(fault.delay)
		defer timer.Stop()
		select {
		case <-timer.C:
		case <-r.Context().Done():
			panic(http.ErrAbortHandler)
		}
	}
	if fault.retryAfter != "" {
		w.Header().Set("Retry-After", fault.retryAfter)
	}
	switch {
	case fault.status != 0:
		w.WriteHeader(fault.status)
		_, _ = io.WriteString(w, "<html>no</html>")
	case fault.code != "":
		writeJSON(w, map[string]any{"ok": false, "error": fault.code})
	case fault.body != "":
		_, _ = io.WriteString(w, fault.body)
	default:
		answer := f.answer(method, r.Form)
		if f.done != nil {
			f.done(call)
		}
		if fault.lost {
			panic(http.ErrAbortHandler)
		}
		writeJSON(w, answer)
	}
}

func writeJSON(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func refused(code string) map[string]any { return map[string]any{"ok": false, "error": code} }

func (f *fakeSlack) answer(method string, form url.Values) map[string]any {
	f.mu.Lock()
	defer f.mu.Unlock()
	if form.Get("token") != f.token {
		return refused("invalid_auth")
	}
	switch method {
	case "chat.postMessage":
		return f.post(form)
	case "chat.update":
		return f.update(form)
	case "conversations.history", "conversations.replies":
		if !f.lists {
			return refused("missing_scope")
		}
		return f.history(form)
	case "conversations.list":
		if !f.lists {
			return refused("missing_scope")
		}
		var list []map[string]any
		for name, id := range f.channels {
			list = append(list, map[string]any{"id": id, "name": name})
		}
		return map[string]any{"ok": true, "channels": list}
	}
	return f.answerMore(method, form)
}

func (f *fakeSlack) post(form url.Values) map[string]any {
	id := form.Get("channel")
	if known, ok := f.channels[strings.TrimPrefix(id, "#")]; ok {
		id = known
	}
	if !f.isID(id) {
		return refused("channel_not_found")
	}
	if code := f.checkLimits(form); code != "" {
		return refused(code)
	}
	f.clock++
	m := &fakeMessage{
		Channel: id, TS: fmt.Sprintf("%d.%06d", time.Now().Unix(), f.clock), ThreadTS: form.Get("thread_ts"),
		Text: form.Get("text"), Blocks: raw(form.Get("blocks")), Metadata: raw(form.Get("metadata")),
		Username: form.Get("username"), Broadcast: form.Get("reply_broadcast") == "true",
	}
	if m.ThreadTS != "" && f.find(id, m.ThreadTS) == nil {
		return refused("thread_not_found")
	}
	f.messages = append(f.messages, m)
	return map[string]any{"ok": true, "channel": id, "ts": m.TS, "message": m}
}

func (f *fakeSlack) update(form url.Values) map[string]any {
	if !f.isID(form.Get("channel")) {
		return refused("channel_not_found")
	}
	m := f.find(form.Get("channel"), form.Get("ts"))
	if m == nil {
		return refused("message_not_found")
	}
	if code := f.checkLimits(form); code != "" {
		return refused(code)
	}
	m.Text, m.Blocks, m.Metadata = form.Get("text"), raw(form.Get("blocks")), raw(form.Get("metadata"))
	m.Edits++
	return map[string]any{"ok": true, "channel": m.Channel, "ts": m.TS, "text": m.Text}
}

func (f *fakeSlack) history(form url.Values) map[string]any {
	if !f.isID(form.Get("channel")) {
		return refused("channel_not_found")
	}
	oldest, _ := strconv.ParseFloat(form.Get("oldest"), 64)
	var list []*fakeMessage
	for _, m := range f.messages {
		ts, _ := strconv.ParseFloat(m.TS, 64)
		if m.Deleted || m.Channel != form.Get("channel") || ts < oldest {
			continue
		}
		if latest := form.Get("latest"); latest != "" && latest != m.TS {
			continue
		}
		if thread := form.Get("ts"); thread == m.ThreadTS || thread == m.TS || thread == "" && m.Broadcast {
			list = append(list, m)
		}
	}
	slices.Reverse(list)
	return map[string]any{"ok": true, "messages": list}
}

func (f *fakeSlack) isID(id string) bool {
	for _, known := range f.channels {
		if known == id {
			return true
		}
	}
	return false
}

func (f *fakeSlack) find(channel, ts string) *fakeMessage {
	for _, m := range f.messages {
		if m.Channel == channel && m.TS == ts && !m.Deleted {
			return m
		}
	}
	return nil
}

// pages are the messages of a channel that are no replies.
func (f *fakeSlack) pages(name string) []fakeMessage { return f.list(name, "") }

// replies are the messages below one.
func (f *fakeSlack) replies(name, ts string) []fakeMessage { return f.list(name, ts) }

func (f *fakeSlack) list(name, thread string) []fakeMessage {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []fakeMessage
	for _, m := range f.messages {
		if m.Channel == f.channels[name] && m.ThreadTS == thread && !m.Deleted {
			out = append(out, *m)
		}
	}
	return out
}

// called lists the calls of a method; "" is all.
func (f *fakeSlack) called(method string) []fakeCall {
	f.mu.Lock()
	defer f.mu.Unlock()
	var out []fakeCall
	for _, c := range f.calls {
		if method == "" || c.method == method {
			out = append(out, c)
		}
	}
	return out
}

func (f *fakeSlack) delete(ts string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, m := range f.messages {
		m.Deleted = m.Deleted || m.TS == ts
	}
}

func (f *fakeSlack) setScript(script func(fakeCall) *fakeFault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.script = script
}

func raw(s string) json.RawMessage {
	if s == "" {
		return nil
	}
	return json.RawMessage(s)
}

// checkLimits refuses a message as Slack does.
func (f *fakeSlack) checkLimits(form url.Values) string {
	for _, id := range regexp.MustCompile(`"slack_file":\{"id":"(\w+)"`).FindAllStringSubmatch(form.Get("blocks"), -1) {
		if file := f.files[id[1]]; file == nil || file.processed.After(time.Now()) {
			return "invalid_blocks"
		}
	}
	if size(form.Get("text")) > 40_000 {
		return "msg_too_long"
	}
	if form.Get("text") == "" && len(form.Get("blocks")) < 3 {
		return "no_text"
	}
	if err := checkMessage(form.Get("text"), []byte(form.Get("blocks"))); err != nil {
		if errors.Is(err, errTooLong) {
			return "msg_blocks_too_long"
		}
		return "invalid_blocks"
	}
	return ""
}

var errTooLong = errors.New("too long")

// checkMessage holds a message against the limits of slack.md. It counts UTF-16
// units, and plain text and Markdown as if they were escaped.
func checkMessage(text string, blocks []byte) error {
	if len(blocks) == 0 {
		return nil
	}
	var list []map[string]any
	if err := json.Unmarshal(blocks, &list); err != nil {
		return fmt.Errorf("blocks: %w", err)
	}
	if len(list) > 50 {
		return fmt.Errorf("%d blocks", len(list))
	}
	total := size(text)
	seen := map[any]bool{}
	for i, b := range list {
		id, _ := b["block_id"].(string)
		if size(id) > 255 || id != "" && seen[id] {
			return fmt.Errorf("block %d: block_id %q", i, id)
		}
		seen[id] = true
		for _, id := range actionIDs(b) {
			if seen["action "+id] {
				return fmt.Errorf("block %d: action_id %q is there already", i, id)
			}
			seen["action "+id] = true
		}
		n, err := checkBlock(b)
		if err != nil {
			return fmt.Errorf("block %d, %v: %w", i, b["type"], err)
		}
		total += n
	}
	if total > 12_000 {
		return fmt.Errorf("%d characters: %w", total, errTooLong)
	}
	return nil
}

// actionIDs are those of a block. Slack wants them different in a block; ours differ
// in the whole message.
func actionIDs(b map[string]any) []string {
	elements, _ := b["elements"].([]any)
	var ids []string
	for _, e := range append(elements, b["accessory"]) {
		m, _ := e.(map[string]any)
		if id, _ := m["action_id"].(string); id != "" {
			ids = append(ids, id)
		}
	}
	return ids
}

func checkBlock(b map[string]any) (int, error) {
	switch b["type"] {
	case "header":
		return checkText(b["text"], "plain_text", 150)
	case "section":
		total := 0
		if b["text"] == nil && b["fields"] == nil {
			return 0, errors.New("neither text nor fields")
		}
		if b["text"] != nil {
			n, err := checkText(b["text"], "mrkdwn", 3000)
			if err != nil {
				return 0, err
			}
			total += n
		}
		fields, _ := b["fields"].([]any)
		if len(fields) > 10 {
			return 0, errors.New("more than 10 fields")
		}
		for _, f := range fields {
			n, err := checkText(f, "mrkdwn", 2000)
			if err != nil {
				return 0, err
			}
			total += n
		}
		if accessory, ok := b["accessory"].(map[string]any); ok {
			n, err := checkButton(accessory)
			if err != nil {
				return 0, err
			}
			total += n
		}
		return total, nil
	case "context":
		return checkAll(b["elements"], 10, func(e map[string]any) (int, error) { return checkText(e, "mrkdwn", 3000) })
	case "actions":
		return checkAll(b["elements"], 25, checkButton)
	case "markdown":
		s, _ := b["text"].(string)
		if s == "" || rawSize(s) > 12_000 {
			return 0, fmt.Errorf("markdown of %d", rawSize(s))
		}
		return rawSize(s), nil
	case "image":
		u, _ := b["image_url"].(string)
		if f, ok := b["slack_file"].(map[string]any); ok {
			u, _ = f["id"].(string)
		}
		alt, _ := b["alt_text"].(string)
		if u == "" || size(u) > 3000 || alt == "" || rawSize(alt) > 2000 {
			return 0, errors.New("image")
		}
		return size(u) + rawSize(alt), nil
	}
	return 0, errors.New("unknown type")
}

func checkAll(v any, most int, check func(map[string]any) (int, error)) (int, error) {
	list, _ := v.([]any)
	if len(list) == 0 || len(list) > most {
		return 0, fmt.Errorf("%d elements", len(list))
	}
	total := 0
	for _, e := range list {
		m, _ := e.(map[string]any)
		n, err := check(m)
		if err != nil {
			return 0, err
		}
		total += n
	}
	return total, nil
}

func checkButton(e map[string]any) (int, error) {
	n, err := checkText(e["text"], "plain_text", 75)
	u, _ := e["url"].(string)
	id, _ := e["action_id"].(string)
	value, _ := e["value"].(string)
	link := strings.HasPrefix(id, actionOpen)
	if err != nil || e["type"] != "button" || size(u) > 3000 || link != strings.HasPrefix(u, "http") || len(id) > 255 || len(value) > 2000 || !link && value == "" {
		return 0, fmt.Errorf("button %v: %w", e, err)
	}
	if confirm, ok := e["confirm"].(map[string]any); ok {
		if _, err := checkText(confirm["text"], "plain_text", 300); err != nil {
			return 0, err
		}
	}
	return n + size(u), nil
}

func checkText(v any, kind string, most int) (int, error) {
	m, _ := v.(map[string]any)
	s, _ := m["text"].(string)
	n := size(s)
	if kind == "plain_text" {
		n = rawSize(s)
	}
	if m["type"] != kind || strings.TrimSpace(s) == "" || n > most {
		return 0, fmt.Errorf("%v of %d characters, at most %d: %.40q", m["type"], n, most, s)
	}
	return n, nil
}
