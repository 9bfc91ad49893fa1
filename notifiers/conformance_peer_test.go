package notifiers

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"strings"
	"sync"
	"testing"
)

// peer is the other side of every kind of notification: a web server that answers as each of them expects, a proxy that
// leads every host to it, and a mail server.
type peer struct {
	url  string // Of the web server and the proxy.
	mail string // Of the mail server.

	tls  *httptest.Server
	stop chan struct{} // Closed at the end of the test.

	mu       sync.Mutex
	status   int  // What a notification is answered; 0 for success. A mail server says it in place of 250.
	echo     bool // A failure repeats the whole request, as careless servers do.
	hang     bool // Nothing is answered before the end of the test.
	requests []message
}

// message is one notification or one step towards it.
type message struct {
	method, path, body string
}

// prelude reports whether a request only prepares a notification.
func (r message) prelude() bool {
	return strings.HasSuffix(r.path, "/search") || strings.HasSuffix(r.path, "/gettoken")
}

func newPeer(t *testing.T) *peer {
	t.Helper()
	p := &peer{stop: make(chan struct{})}
	p.url = newServer(t, p).URL
	p.tls = httptest.NewUnstartedServer(p)
	p.tls.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	p.tls.StartTLS()
	t.Cleanup(p.tls.Close)
	p.listenForMail(t)
	t.Cleanup(func() { close(p.stop) }) // Before the servers wait for their requests.
	return p
}

// fail sets what becomes of later notifications.
func (p *peer) fail(status int, echo, hang bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.echo, p.hang = status, echo, hang
}

// notifications are the requests so far without preludes.
func (p *peer) notifications() []message {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []message
	for _, r := range p.requests {
		if !r.prelude() {
			all = append(all, r)
		}
	}
	return all
}

// count returns how often a text occurs in what was received.
func (p *peer) count(text string) int {
	n := 0
	for _, r := range p.notifications() {
		n += strings.Count(r.body, text)
	}
	return n
}

func (p *peer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodConnect {
		p.tunnel(w)
		return
	}
	dump, _ := httputil.DumpRequest(r, true)
	_, body, _ := strings.Cut(string(dump), "\r\n\r\n")
	got := message{method: r.Method, path: r.URL.Path, body: body}
	p.mu.Lock()
	p.requests = append(p.requests, got)
	status, echo, hang := p.status, p.echo, p.hang
	p.mu.Unlock()
	switch {
	case hang:
		select {
		case <-p.stop:
		case <-r.Context().Done():
		}
	case status != 0 && (echo || !got.prelude()):
		w.WriteHeader(status)
		if echo {
			_, _ = w.Write(dump)
		}
	default:
		_, _ = io.WriteString(w, success(got))
	}
}

// success is the answer that means success to the one who asks.
func success(r message) string {
	answers := []struct{ path, answer string }{
		{"/search", `{"issues": [{"key": "OPS-1", "fields": {"status": {"statusCategory": {"key": "new"}}}}]}`},
		{"/gettoken", `{"access_token": "s3cret-access"}`},
		{"/sendMessage", `{"ok": true, "result": {"message_id": 1, "chat": {"id": 1}}}`},
		{"/chat.postMessage", `{"ok": true, "success": true, "channel": "C0123ABCD", "ts": "1700000000.000001"}`},
		{"/chat.update", `{"ok": true, "channel": "C0123ABCD", "ts": "1700000000.000001"}`},
		{"/sns/", `<PublishResponse xmlns="https://sns.amazonaws.com/doc/2010-03-31/"><PublishResult><MessageId>1</MessageId></PublishResult></PublishResponse>`},
		{"/webhook-of-slack", "ok"},
	}
	for _, a := range answers {
		if strings.HasSuffix(r.path, a.path) {
			return a.answer
		}
	}
	return `{"errcode": 0, "ok": true}`
}

// tunnel connects a client that wants to go anywhere to the web server with TLS.
func (p *peer) tunnel(w http.ResponseWriter) {
	inside, err := (&net.Dialer{}).Dial("tcp", p.tls.Listener.Addr().String())
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	outside, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = inside.Close()
		return
	}
	_, _ = io.WriteString(outside, "HTTP/1.1 200 OK\r\n\r\n")
	pass := func(to io.Writer, from io.Reader) {
		_, _ = io.Copy(to, from)
		_ = inside.Close()
		_ = outside.Close()
	}
	go pass(inside, buffered)
	go pass(outside, inside)
}

// listenForMail starts the mail server.
func (p *peer) listenForMail(t *testing.T) {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p.mail = listener.Addr().String()
	var sessions sync.WaitGroup
	sessions.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			sessions.Go(func() { p.takeMail(conn) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		sessions.Wait()
	})
}

// takeMail is one SMTP session.
func (p *peer) takeMail(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	p.mu.Lock()
	hang, status, echo := p.hang, p.status, p.echo
	p.mu.Unlock()
	if hang {
		<-p.stop
		return
	}
	in := bufio.NewScanner(conn)
	say := func(line string) { _, _ = fmt.Fprintf(conn, "%s\r\n", line) }
	say("220 mail.test")
	for in.Scan() {
		switch word, _, _ := strings.Cut(in.Text(), " "); strings.ToUpper(word) {
		case "EHLO":
			say("250-mail.test\r\n250 AUTH PLAIN")
		case "AUTH":
			if status != 0 && echo {
				say(fmt.Sprintf("%d no: %s", status, in.Text()))
				continue
			}
			say("235 welcome")
		case "DATA":
			say("354 go on")
			var text strings.Builder
			for in.Scan() && in.Text() != "." {
				text.WriteString(in.Text() + "\n")
			}
			p.mu.Lock()
			p.requests = append(p.requests, message{method: "DATA", body: text.String()})
			p.mu.Unlock()
			if status != 0 {
				say(fmt.Sprintf("%d not now", status))
				continue
			}
			say("250 ok")
		case "QUIT":
			say("221 bye")
			return
		default:
			say("250 ok")
		}
	}
}
