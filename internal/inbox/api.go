package inbox

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"mime"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Who the bot is, whatever its token.
const (
	botName  = "Watchtower"
	botUser  = "U0WATCHTOWER"
	botID    = "B0WATCHTOWER"
	appID    = "A0WATCHTOWER"
	teamID   = "T0WATCHTOWER"
	teamName = "Local inbox"
)

// maxBody is more than the longest message that Slack's limits allow.
const maxBody = 4 << 20

// method is one Web API method.
type method struct {
	run func(context.Context, call) (map[string]any, error)
	// reads marks a method that may be called with GET.
	reads bool
}

// call is one request to a method.
type call struct {
	args  map[string]string
	base  string // begins permalinks
	here  string // where the caller reached this inbox: http://localhost:9911
	token string
}

// slackError is an error as Slack says it: a word, and for bad blocks what is wrong with each.
type slackError struct {
	word     string
	messages []string
}

func (e slackError) Error() string {
	if len(e.messages) == 0 {
		return e.word
	}
	return e.word + ": " + strings.Join(e.messages, "; ")
}

func refuse(word string) error { return slackError{word: word} }

func (b *Inbox) apiMethods() map[string]method {
	return map[string]method{
		"apps.connections.open":        {run: b.connectionsOpen},
		"auth.test":                    {run: b.authTest, reads: true},
		"chat.delete":                  {run: b.chatDelete},
		"chat.getPermalink":            {run: b.chatGetPermalink, reads: true},
		"chat.postEphemeral":           {run: b.chatPostEphemeral},
		"chat.postMessage":             {run: b.chatPostMessage},
		"chat.update":                  {run: b.chatUpdate},
		"conversations.history":        {run: b.conversationsHistory, reads: true},
		"conversations.info":           {run: b.conversationsInfo, reads: true},
		"conversations.join":           {run: b.conversationsJoin},
		"conversations.list":           {run: b.conversationsList, reads: true},
		"conversations.replies":        {run: b.conversationsReplies, reads: true},
		"files.completeUploadExternal": {run: b.filesComplete},
		"files.delete":                 {run: b.filesDelete},
		"files.getUploadURLExternal":   {run: b.filesGetUploadURL, reads: true},
		"files.info":                   {run: b.filesInfo, reads: true},
		"reactions.add":                {run: b.reactionsAdd},
		"reactions.remove":             {run: b.reactionsRemove},
		"usergroups.list":              {run: b.usergroupsList, reads: true},
		"usergroups.users.list":        {run: b.usergroupsUsersList, reads: true},
		"users.info":                   {run: b.usersInfo, reads: true},
		"users.list":                   {run: b.usersList, reads: true},
		"views.open":                   {run: b.viewsOpen},
		"views.push":                   {run: b.viewsPush},
		"views.update":                 {run: b.viewsUpdate},
	}
}

// serveAPI answers as Slack does: 200 with ok true or false, 429 when calls come too fast, 5xx when it is broken.
func (b *Inbox) serveAPI(w http.ResponseWriter, r *http.Request) {
	name := r.PathValue("method")
	if r.Body == nil { // A handler that is called without a server may see none.
		r.Body = http.NoBody
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	args, token, err := readArgs(r)
	if err != nil {
		answer(w, nil, err)
		return
	}
	if token == "" {
		answer(w, nil, refuse("not_authed"))
		return
	}
	m, known := b.methods[name]
	if !known {
		answer(w, nil, slackError{word: "unknown_method"})
		return
	}
	if r.Method != http.MethodPost && !m.reads {
		w.Header().Set("Allow", http.MethodPost)
		http.Error(w, name+" wants POST.", http.StatusMethodNotAllowed)
		return
	}
	fault := b.faults.take(name)
	if !fault.pass(w, r) {
		return
	}
	if wait := b.rates.take(name, args["channel"], b.now()); wait > 0 {
		RateLimited(wait).answer(w)
		return
	}
	here := address(r)
	b.board.reachedAt(here)
	result, err := m.run(r.Context(), call{args: args, base: b.baseURL(r), here: here, token: token})
	if fault.Performed && err == nil {
		fault.answer(w)
		return
	}
	if word := (slackError{}); err != nil && !errors.As(err, &word) {
		b.logger.Error("inbox method broke", "method", name, "err", err)
	}
	answer(w, result, err)
}

// answer of a fault whose Status or Error is set.
func (f Fault) answer(w http.ResponseWriter) {
	switch {
	case f.Status == http.StatusTooManyRequests:
		seconds := max(1, int(math.Ceil(f.RetryAfter.Seconds())))
		w.Header().Set("Retry-After", strconv.Itoa(seconds))
		writeJSON(w, f.Status, map[string]any{"ok": false, "error": "ratelimited"})
	case f.Status != 0:
		http.Error(w, http.StatusText(f.Status), f.Status)
	case f.Error != "":
		answer(w, nil, refuse(f.Error))
	}
}

func answer(w http.ResponseWriter, result map[string]any, err error) {
	var word slackError
	switch {
	case err == nil:
		result["ok"] = true
		writeJSON(w, http.StatusOK, result)
	case errors.As(err, &word):
		body := map[string]any{"ok": false, "error": word.word}
		if len(word.messages) > 0 {
			tagged := make([]string, len(word.messages))
			for i, m := range word.messages {
				tagged[i] = "[ERROR] " + m
			}
			body["errors"], body["response_metadata"] = word.messages, map[string]any{"messages": tagged}
		}
		writeJSON(w, http.StatusOK, body)
	default:
		writeJSON(w, http.StatusInternalServerError, map[string]any{"ok": false, "error": "internal_error"})
	}
}

func writeJSON(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	w.WriteHeader(status)
	// The client that went away is the only one this error could be told to.
	_ = json.NewEncoder(w).Encode(body)
}

// pause waits, and says false when the caller went away meanwhile.
func pause(ctx context.Context, delay time.Duration) bool {
	if delay <= 0 {
		return true
	}
	timer := time.NewTimer(delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}

func (b *Inbox) baseURL(r *http.Request) string {
	if b.external != "" {
		return b.external
	}
	return address(r)
}

// address is where a request reached this server. One that never left its process knows its scheme.
func address(r *http.Request) string {
	scheme := cmp.Or(r.URL.Scheme, "http")
	if r.TLS != nil {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// readArgs reads the arguments of a call from its query and from a form or JSON body, and its token,
// which in a JSON body is not looked for.
func readArgs(r *http.Request) (args map[string]string, token string, err error) {
	args = map[string]string{}
	kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
	if err != nil && r.Header.Get("Content-Type") != "" {
		return nil, "", refuse("invalid_post_type")
	}
	switch {
	case r.Method == http.MethodGet || r.Method == http.MethodHead || kind == "application/x-www-form-urlencoded" || kind == "":
		err = r.ParseForm()
	case kind == "multipart/form-data":
		err = r.ParseMultipartForm(maxBody)
	case kind == "application/json":
		if args, err = readJSON(r.Body); err == nil {
			err = r.ParseForm() // The query, too.
		}
	default:
		err = refuse("invalid_post_type")
	}
	if word := (slackError{}); errors.As(err, &word) {
		return nil, "", err
	}
	if err != nil {
		return nil, "", refuse("invalid_form_data")
	}
	delete(args, "token")
	for key, values := range r.Form {
		if _, have := args[key]; !have && len(values) > 0 {
			args[key] = values[0]
		}
	}
	token = args["token"]
	delete(args, "token")
	if scheme, bearer, ok := strings.Cut(r.Header.Get("Authorization"), " "); ok && strings.EqualFold(scheme, "Bearer") {
		token = strings.TrimSpace(bearer)
	}
	return args, token, nil
}

// readJSON turns a JSON object into arguments: a string is itself, anything else its JSON.
func readJSON(body io.Reader) (map[string]string, error) {
	raw, err := io.ReadAll(body)
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		return map[string]string{}, nil
	}
	if !json.Valid(raw) {
		return nil, refuse("invalid_json")
	}
	var fields map[string]json.RawMessage
	if err := json.Unmarshal(raw, &fields); err != nil || fields == nil {
		return nil, refuse("json_not_object")
	}
	args := map[string]string{}
	for key, value := range fields {
		var text string
		switch {
		case json.Unmarshal(value, &text) == nil && string(value) != "null":
			args[key] = text
		case string(value) != "null":
			args[key] = string(value)
		}
	}
	return args, nil
}

func (c call) flag(name string) bool {
	on, err := strconv.ParseBool(c.args[name])
	return err == nil && on
}
