package inbox

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/gorilla/websocket"
	"github.com/slack-go/slack"
	"github.com/slack-go/slack/socketmode"
)

// silent drops what slack-go logs.
type silent struct{}

func (silent) Output(int, string) error { return nil }

// socketApp is slack-go's Socket Mode client. It hands every event but its own to do, and says on hello that it is there.
type socketApp struct {
	client *socketmode.Client
	hello  chan struct{}
}

func socketed(t *testing.T, d desk, do func(*socketmode.Client, socketmode.Event)) socketApp {
	t.Helper()
	api := slack.New("xoxb-local", slack.OptionAPIURL(d.url+"/inbox/api/"), slack.OptionAppLevelToken("xapp-local"))
	a := socketApp{client: socketmode.New(api, socketmode.OptionLog(silent{})), hello: make(chan struct{}, 10)}
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := a.client.RunContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("the client stopped: %v", err)
		}
	}()
	t.Cleanup(func() { cancel(); <-ended; http.DefaultClient.CloseIdleConnections() })
	go func() {
		for {
			select {
			case <-ctx.Done():
				return
			case e := <-a.client.Events:
				if e.Type == socketmode.EventTypeHello {
					a.hello <- struct{}{}
				}
				do(a.client, e)
			}
		}
	}()
	return a
}

// arrives waits for the app to be connected.
func (a socketApp) arrives(t *testing.T) {
	t.Helper()
	select {
	case <-a.hello:
	case <-time.After(20 * time.Second):
		t.Fatal("the app never came")
	}
}

// slack-go's client works over a socket: clicks, modals with answers in the acknowledgement, and coming back.
func TestSocketMode(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	got := make(chan slack.InteractionCallback, 10)
	a := socketed(t, d, func(c *socketmode.Client, e socketmode.Event) {
		call, ok := e.Data.(slack.InteractionCallback)
		if !ok {
			return
		}
		got <- call
		switch call.Type {
		case slack.InteractionTypeViewSubmission:
			c.Ack(*e.Request, slack.NewErrorsViewSubmissionResponse(map[string]string{"reason": "Say more."}))
		default:
			c.Ack(*e.Request)
			if call.ActionCallback.BlockActions[0].ActionID == "silence" {
				if _, err := c.OpenView(call.TriggerID, form()); err != nil {
					t.Error(err)
				}
			}
		}
	})
	connected(t, d, func(slack.InteractionCallback) any { t.Error("a click went over HTTP past an open socket"); return nil })
	a.arrives(t)
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}); err != nil {
		t.Fatal(err)
	}
	if call := <-got; call.Message.Timestamp != ts || call.ActionCallback.BlockActions[0].Value != "inc-1" || call.ResponseURL == "" {
		t.Errorf("the click: %+v", call)
	}
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "silence"}); err != nil {
		t.Fatal(err)
	}
	changed, _ := d.changes.next()
	v, open := d.OpenView("")
	for !open { // The client acknowledges first and opens then.
		<-changed
		changed, _ = d.changes.next()
		v, open = d.OpenView("")
	}
	wrong, err := d.Submit(t.Context(), v.ID, map[string][]string{"reason": {"deploy"}}, "")
	if err != nil || wrong["reason"] != "Say more." {
		t.Errorf("submit: %v, %v", wrong, err)
	}
	d.Disconnect("warning")
	a.arrives(t)
	if err := d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", Twice: true}); err != nil {
		t.Errorf("after it came back: %v", err)
	}
}

// rawSocket opens a socket by hand.
func rawSocket(t *testing.T, d desk) *websocket.Conn {
	t.Helper()
	_, address, err := slack.New("", slack.OptionAPIURL(d.url+"/inbox/api/"), slack.OptionAppLevelToken("xapp-x")).StartSocketModeContext(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn, resp, err := websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	t.Cleanup(func() { conn.Close(); http.DefaultClient.CloseIdleConnections() })
	if said := read(t, conn); said["type"] != "hello" || said["num_connections"] != 1.0 {
		t.Errorf("it begins with %v", said)
	}
	_, resp, err = websocket.DefaultDialer.DialContext(t.Context(), address, nil)
	if err == nil || resp.StatusCode != http.StatusUnauthorized {
		t.Fatalf("the same address again: %v", err)
	}
	resp.Body.Close()
	return conn
}

func read(t *testing.T, conn *websocket.Conn) map[string]any {
	t.Helper()
	var said map[string]any
	if err := conn.ReadJSON(&said); err != nil {
		t.Fatal(err)
	}
	return said
}

func TestSocketEnvelopes(t *testing.T) {
	d := open(t)
	channel, ts := d.incident(t)
	conn := rawSocket(t, d)
	pings := make(chan struct{}, 1)
	conn.SetPingHandler(func(string) error {
		select {
		case pings <- struct{}{}:
		default:
		}
		return nil
	})
	clicked := make(chan error, 1)
	go func() {
		clicked <- d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack", Twice: true})
	}()
	var payloads []any
	for attempt := range 2 {
		e := read(t, conn)
		if accepts, said := e["accepts_response_payload"].(bool); e["type"] != "interactive" || e["retry_attempt"] != float64(attempt) || accepts || !said {
			t.Errorf("attempt %d: %v", attempt, e)
		}
		payload, _ := e["payload"].(map[string]any)
		payloads = append(payloads, payload["trigger_id"])
		if err := conn.WriteMessage(websocket.TextMessage, []byte(`nonsense`)); err != nil {
			t.Fatal(err)
		}
		if err := conn.WriteJSON(map[string]any{"envelope_id": e["envelope_id"]}); err != nil {
			t.Fatal(err)
		}
	}
	if err := <-clicked; err != nil || payloads[0] != payloads[1] {
		t.Errorf("twice: %v, %v", err, payloads)
	}
	select {
	case <-pings:
	default:
		t.Error("no ping came")
	}
	// A socket that closes takes no click with it for three seconds.
	go func() { clicked <- d.Click(t.Context(), Click{Channel: channel, TS: ts, ActionID: "ack"}) }()
	read(t, conn)
	conn.Close()
	if err := <-clicked; err == nil || !strings.Contains(err.Error(), "closed before it acknowledged") {
		t.Errorf("a socket that closed: %v", err)
	}
}

func TestCloseEndsSockets(t *testing.T) {
	d := open(t)
	conn := rawSocket(t, d)
	d.Close()
	if said := read(t, conn); said["type"] != "disconnect" || said["reason"] != "refresh_requested" {
		t.Errorf("it ends with %v", said)
	}
	if _, _, err := conn.ReadMessage(); !websocket.IsCloseError(err, websocket.CloseGoingAway) {
		t.Errorf("and then: %v", err)
	}
}

func TestSocketNeedsAppToken(t *testing.T) {
	d := open(t)
	if _, _, err := slack.New("", slack.OptionAPIURL(d.url+"/inbox/api/"), slack.OptionAppLevelToken("xoxb-1")).StartSocketModeContext(t.Context()); word(err) != "not_allowed_token_type" {
		t.Errorf("with a bot's token: %v", err)
	}
	if got := d.get(t, "/inbox/socket?ticket=x"); got.status != http.StatusUnauthorized {
		t.Errorf("without a ticket: %d", got.status)
	}
	http.DefaultClient.CloseIdleConnections()
}
