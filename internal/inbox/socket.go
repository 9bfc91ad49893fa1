package inbox

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"
)

const (
	// ticketLife is how long after apps.connections.open its address may be used, once.
	ticketLife = 30 * time.Second
	// pingEvery keeps clients from taking the connection for dead; slack-go does so after 30 s.
	pingEvery = 10 * time.Second
	// socketGrace is how long a client may go on acknowledging on a socket that was told to disconnect.
	socketGrace = 10 * time.Second
	// maxAck is the size from which on Slack silently drops what an app answers over a socket.
	maxAck = 20 << 10
)

// sockets are the connections of Socket Mode: https://docs.slack.dev/apis/events-api/using-socket-mode.
type sockets struct {
	mu      sync.Mutex
	tickets map[string]time.Time // when they expire
	open    []*socket
	next    int // whose turn it is
}

func newSockets() *sockets { return &sockets{tickets: map[string]time.Time{}} }

// socket is one connection.
type socket struct {
	conn *websocket.Conn
	gone chan struct{} // closed when reading ended

	mu      sync.Mutex
	waiting map[string]chan []byte // for acknowledgements, by envelope ID
	writing sync.Mutex             // of messages; control frames have the connection's own
}

// envelope is what an app gets.
type envelope struct {
	ID      string          `json:"envelope_id"`
	Type    string          `json:"type"`
	Payload json.RawMessage `json:"payload"`
	Accepts bool            `json:"accepts_response_payload"`
	Attempt int             `json:"retry_attempt"`
	Reason  string          `json:"retry_reason"`
}

// acknowledgement is what it answers.
type acknowledgement struct {
	ID      string          `json:"envelope_id"`
	Payload json.RawMessage `json:"payload"`
}

// connectionsOpen gives an app with an app-level token the address of a socket.
func (b *Inbox) connectionsOpen(_ context.Context, c call) (map[string]any, error) {
	if !strings.HasPrefix(c.token, "xapp-") {
		return nil, refuse("not_allowed_token_type")
	}
	ticket := b.sockets.ticket(b.now())
	return map[string]any{"url": "ws" + strings.TrimPrefix(c.here, "http") + "/inbox/socket?" + url.Values{"ticket": {ticket}}.Encode()}, nil
}

func (s *sockets) ticket(at time.Time) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for ticket, expires := range s.tickets {
		if at.After(expires) {
			delete(s.tickets, ticket)
		}
	}
	ticket := rand.Text()
	s.tickets[ticket] = at.Add(ticketLife)
	return ticket
}

// admit uses a ticket up.
func (s *sockets) admit(ticket string, at time.Time) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	expires, known := s.tickets[ticket]
	delete(s.tickets, ticket)
	return known && !at.After(expires)
}

// serveSocket speaks Socket Mode until the client leaves, Disconnect, or Close. The ticket proves who comes, wherever the
// request comes from.
func (b *Inbox) serveSocket(w http.ResponseWriter, r *http.Request) {
	if !b.sockets.admit(r.URL.Query().Get("ticket"), b.now()) {
		http.Error(w, "This address was used or has expired: ask apps.connections.open for another.", http.StatusUnauthorized)
		return
	}
	upgrader := websocket.Upgrader{HandshakeTimeout: patience, CheckOrigin: func(*http.Request) bool { return true }}
	conn, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return // The upgrader has answered.
	}
	s := &socket{conn: conn, gone: make(chan struct{}), waiting: map[string]chan []byte{}}
	conn.SetReadLimit(maxReply)
	defer conn.Close()
	hello := object{
		"type": "hello", "num_connections": b.sockets.add(s), "connection_info": object{"app_id": appID},
		"debug_info": object{"host": "inbox", "build_number": 1, "approximate_connection_time": 18060},
	}
	defer b.sockets.remove(s)
	if err := s.write(hello); err != nil {
		return
	}
	b.changes.publish()
	var kept sync.WaitGroup
	kept.Go(func() { s.keep(b.closing) })
	s.read(b)
	close(s.gone)
	kept.Wait()
	b.changes.publish()
}

func (s *sockets) add(c *socket) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = append(s.open, c)
	return len(s.open)
}

func (s *sockets) remove(c *socket) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open = slices.DeleteFunc(s.open, func(other *socket) bool { return other == c })
}

// take returns one of the open sockets, in turn; nil: there is none.
func (s *sockets) take() *socket {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.open) == 0 {
		return nil
	}
	s.next++
	return s.open[s.next%len(s.open)]
}

// keep pings the client until it is gone, and sends it away when the inbox closes.
func (s *socket) keep(closing <-chan struct{}) {
	tick := time.NewTicker(pingEvery)
	defer tick.Stop()
	for {
		// A client that is gone is noticed by reading.
		_ = s.conn.WriteControl(websocket.PingMessage, []byte("Ping from inbox"), time.Now().Add(patience))
		select {
		case <-tick.C:
		case <-s.gone:
			return
		case <-closing:
			_ = s.write(disconnection("refresh_requested"))
			_ = s.conn.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(websocket.CloseGoingAway, ""), time.Now().Add(patience))
			s.conn.Close()
			return
		}
	}
}

func disconnection(reason string) object {
	return object{"type": "disconnect", "reason": reason, "debug_info": object{"host": "inbox"}}
}

// Disconnect tells every open socket to disconnect, as Slack does now and then; clients come back by themselves. Its
// reasons are warning, refresh_requested and link_disabled. Clicks go to the old sockets no more.
func (b *Inbox) Disconnect(reason string) {
	b.sockets.mu.Lock()
	open := b.sockets.open
	b.sockets.open = nil
	b.sockets.mu.Unlock()
	for _, s := range open {
		// What cannot be told anymore has gone already.
		_ = s.write(disconnection(reason))
		_ = s.conn.SetReadDeadline(time.Now().Add(socketGrace))
	}
}

func (s *socket) write(message any) error {
	raw, err := json.Marshal(message)
	if err != nil {
		return err
	}
	s.writing.Lock()
	defer s.writing.Unlock()
	if err := s.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return s.conn.WriteMessage(websocket.TextMessage, raw)
}

// read takes acknowledgements until the client is gone.
func (s *socket) read(b *Inbox) {
	for {
		_, raw, err := s.conn.ReadMessage()
		if err != nil {
			return
		}
		var ack acknowledgement
		switch err := json.Unmarshal(raw, &ack); {
		case err != nil:
			b.logger.Warn("socket message is no acknowledgement", "err", err)
			continue
		case len(raw) >= maxAck:
			b.logger.Warn("acknowledgement dropped as slack does", "bytes", len(raw), "limit", maxAck)
			continue
		}
		s.mu.Lock()
		waiting := s.waiting[ack.ID]
		delete(s.waiting, ack.ID)
		s.mu.Unlock()
		if waiting != nil {
			waiting <- ack.Payload // It has room for one.
		}
	}
}

// errNotSent is an envelope that never left: another socket may take it.
var errNotSent = errors.New("the socket is gone")

// send delivers an envelope and waits for its acknowledgement.
func (s *socket) send(ctx context.Context, e envelope) ([]byte, error) {
	acked := make(chan []byte, 1)
	s.mu.Lock()
	s.waiting[e.ID] = acked
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.waiting, e.ID)
	}()
	if err := s.write(e); err != nil {
		return nil, fmt.Errorf("%w: %w", errNotSent, err)
	}
	select {
	case payload := <-acked:
		if !e.Accepts {
			return nil, nil
		}
		return payload, nil
	case <-s.gone:
		return nil, errors.New("the app's socket closed before it acknowledged")
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// overSocket delivers an interaction to an open socket. When there is none that takes it, sent is false.
func (b *Inbox) overSocket(ctx context.Context, e envelope) (reply []byte, sent bool, err error) {
	for {
		s := b.sockets.take()
		if s == nil {
			return nil, false, nil
		}
		reply, err := s.send(ctx, e)
		if !errors.Is(err, errNotSent) {
			return reply, true, err
		}
		b.sockets.remove(s)
	}
}
