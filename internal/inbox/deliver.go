package inbox

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
)

// patience is how long Slack waits for an app's answer to a click.
const patience = 3 * time.Second

// maxReply bounds what is read of an app's answer. A view, its largest, has 250 kB.
const maxReply = 1 << 20

// Why a click did not arrive.
var (
	// ErrNoApp is a click that nobody takes: no socket is open and Connect was not called.
	ErrNoApp = errors.New("no app is connected")
	// ErrTimeout is an app that did not answer within three seconds.
	ErrTimeout = errors.New("the app did not respond in time")
)

// App is the program behind the buttons, reached over HTTP as Slack reaches it.
type App struct {
	// URL takes interactions: signed POSTs of a form with the one field payload.
	URL string
	// SigningSecret signs them: version v0, HMAC-SHA256, at the inbox's time.
	SigningSecret string
	// Client sends them; nil is http.DefaultClient. Its Transport may be a handler in the same process.
	Client *http.Client
}

// Connect says where clicks go while no socket is open. It takes effect with the next click; the zero App disconnects.
func (b *Inbox) Connect(app App) { b.board.connect(app) }

// switchboard is what the inbox remembers of interactions until it stops: who is connected, and the triggers, views and
// notices of people. Everything in it is small and is bounded or ends by itself.
type switchboard struct {
	mu       sync.Mutex
	app      App
	triggers map[string]trigger
	stacks   map[string][]modal                 // by user, the one on top last
	notices  map[noticeKey]notice               // what went wrong with someone's last click
	chosen   map[noticeKey]map[partKey][]string // what someone chose in a message
	count    uint64                             // makes hashes and IDs unique
	reached  string                             // where the app last called this inbox, as http://localhost:9911
}

// noticeKey is a message as one person sees it.
type noticeKey struct {
	user, channel string
	ts            stamp
}

// maxRemembered bounds notices and choices, which are forgotten all at once: they only help the eye.
const maxRemembered = 2000

func newSwitchboard() *switchboard {
	return &switchboard{
		triggers: map[string]trigger{}, stacks: map[string][]modal{}, notices: map[noticeKey]notice{},
		chosen: map[noticeKey]map[partKey][]string{},
	}
}

func (d *switchboard) connect(app App) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.app = app
}

func (d *switchboard) connected() App {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.app
}

// notice is what a person is told next to a message for a while.
type notice struct {
	text string
	at   time.Time
}

// noticeLife is how long a notice is shown.
const noticeLife = 2 * time.Minute

// notice keeps what a person is told next to a message; empty is nothing.
func (d *switchboard) notice(key noticeKey, text string, at time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.notices) >= maxRemembered {
		clear(d.notices)
	}
	if text == "" {
		delete(d.notices, key)
		return
	}
	d.notices[key] = notice{text: text, at: at}
}

func (d *switchboard) noticeOf(key noticeKey, at time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	if n := d.notices[key]; at.Sub(n.at) <= noticeLife {
		return n.text
	}
	return ""
}

// trigger lets an app open one view for the person who clicked, soon.
type trigger struct {
	user    string
	view    string // the view that was clicked in; empty: a message
	expires time.Time
	used    bool
}

// triggerLife is how long a trigger_id is good for.
const triggerLife = 3 * time.Second

// trigger makes a trigger and forgets those that have expired long ago.
func (d *switchboard) trigger(user, view string, at time.Time) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for id, t := range d.triggers {
		if at.Sub(t.expires) > time.Minute {
			delete(d.triggers, id)
		}
	}
	d.count++
	id := fmt.Sprintf("%d.%d.%s", at.UnixMilli(), d.count, strings.ToLower(rand.Text()))
	d.triggers[id] = trigger{user: user, view: view, expires: at.Add(triggerLife)}
	return id
}

// exchangeLocked uses a trigger up.
func (d *switchboard) exchangeLocked(id string, at time.Time) (trigger, error) {
	t, known := d.triggers[id]
	switch {
	case !known:
		return trigger{}, refuse("invalid_trigger_id")
	case t.used:
		return trigger{}, refuse("exchanged_trigger_id")
	case at.After(t.expires):
		return trigger{}, refuse("expired_trigger_id")
	}
	t.used = true
	d.triggers[id] = t
	return t, nil
}

// deliver hands an interaction to the app, over a socket if one is open, and returns the body of its answer. Attempt
// counts from 0.
func (b *Inbox) deliver(ctx context.Context, payload object, attempt int) ([]byte, error) {
	raw, err := json.Marshal(payload)
	if err != nil {
		return nil, fmt.Errorf("write interaction: %w", err)
	}
	limited, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	e := envelope{ID: rand.Text(), Type: "interactive", Payload: raw, Accepts: payload["type"] == "view_submission", Attempt: attempt}
	if attempt > 0 {
		e.Reason = "timeout"
	}
	reply, sent, err := b.overSocket(limited, e)
	if !sent {
		reply, err = b.post(limited, b.board.connected(), raw)
	}
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, ErrTimeout
	}
	return reply, err
}

// post sends a signed request to the app.
func (b *Inbox) post(ctx context.Context, app App, payload []byte) ([]byte, error) {
	if app.URL == "" {
		return nil, ErrNoApp
	}
	body := []byte(url.Values{"payload": {string(payload)}}.Encode())
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, app.URL, bytes.NewReader(body))
	if err != nil {
		return nil, fmt.Errorf("call the app: %w", err)
	}
	at := strconv.FormatInt(b.now().Unix(), 10)
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	req.Header.Set("User-Agent", "Slackbot 1.0 (+https://api.slack.com/robots)")
	req.Header.Set("X-Slack-Request-Timestamp", at)
	req.Header.Set("X-Slack-Signature", sign(app.SigningSecret, at, body))
	resp, err := cmp.Or(app.Client, http.DefaultClient).Do(req)
	if err != nil {
		return nil, fmt.Errorf("call the app: %w", err)
	}
	defer resp.Body.Close()
	reply, err := io.ReadAll(io.LimitReader(resp.Body, maxReply))
	if err != nil {
		return nil, fmt.Errorf("read the app's answer: %w", err)
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the app responded with status %d", resp.StatusCode)
	}
	return reply, nil
}

// sign makes Slack's signature: https://docs.slack.dev/authentication/verifying-requests-from-slack.
func sign(secret, timestamp string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("v0:" + timestamp + ":")) // A hash never fails.
	mac.Write(body)
	return "v0=" + hex.EncodeToString(mac.Sum(nil))
}

// noticeFor says to a person what became of a click, as Slack does; nothing when all went well.
func noticeFor(err error) string {
	switch {
	case err == nil:
		return ""
	case errors.Is(err, ErrNoApp):
		return "Nothing happened: no app is connected to this inbox."
	case errors.Is(err, ErrTimeout):
		return botName + " did not respond in time."
	}
	return botName + " could not be reached, or answered with an error."
}
