package selfwatch

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus/testutil"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// service is a heartbeat service without a network.
type service struct {
	mu     sync.Mutex
	begun  time.Time
	beats  []string
	status int   // of its answers
	fault  error // in place of an answer
}

var _ http.RoundTripper = (*service)(nil)

func (s *service) RoundTrip(r *http.Request) (*http.Response, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.beats = append(s.beats, time.Since(s.begun).String())
	if errors.Is(s.fault, context.DeadlineExceeded) { // it hangs
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	if s.fault != nil {
		return nil, s.fault
	}
	return &http.Response{StatusCode: s.status, Body: http.NoBody, Request: r}, nil
}

func (s *service) set(status int, fault error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.status, s.fault = status, fault
}

// expect compares the times of the beats since the last call.
func (s *service) expect(t *testing.T, want ...string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if diff := cmp.Diff(want, s.beats); diff != "" {
		t.Errorf("beats (-want +got):\n%s", diff)
	}
	s.beats = nil
}

// secretURL is an address of which no part may appear anywhere.
const secretURL = "https://user:pass-w0rd@beats.example.net/ping/5ecret-path?token=5ecret-token"

// secrets are its parts.
func secrets() []string {
	return []string{"pass-w0rd", "beats.example.net", "5ecret-path", "5ecret-token"}
}

func heartbeat(address string) Heartbeat {
	h := DefaultConfig().Heartbeat
	h.URL = commoncfg.Secret(address)
	return h
}

// beating is a watch over one part with a heartbeat to a service.
func beating(t *testing.T, p *part) (*watched, *service) {
	t.Helper()
	s := &service{status: http.StatusOK, begun: time.Now()}
	p.set("it has not begun")
	r := watch(t, heartbeat(secretURL), map[string]*part{"disk": p})
	r.heart.client = &http.Client{Transport: s}
	p.set("")
	return r, s
}

func TestHeartbeatOnlyWhileEveryCheckIsOK(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &part{}
		r, s := beating(t, disk)
		if h := r.Status().Heartbeat; !h.Held || !h.Configured || h.Interval != time.Minute {
			t.Errorf("before the first beat: %+v", h)
		}
		pass(5 * time.Second) // the second look is the first that is ok
		s.expect(t, "5s")
		pass(2 * time.Minute)
		s.expect(t, "1m5s", "2m5s")

		disk.set("it is full")
		pass(5 * time.Second)
		if h := r.Status().Heartbeat; !h.Held || h.Trouble != "" {
			t.Errorf("while a check fails: %+v", h)
		}
		pass(10 * time.Minute)
		s.expect(t)
		// Somebody is alarmed by now: they hear at once that all is well.
		disk.set("")
		pass(5 * time.Second)
		s.expect(t, "12m15s")
		// But a check that comes and goes does not hurry the beat.
		for range 10 {
			disk.set("it is full")
			pass(5 * time.Second)
			disk.set("")
			pass(5 * time.Second)
		}
		s.expect(t, "13m15s")
	})
}

func TestHeartbeatThatIsNotTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, s := beating(t, &part{})
		expect := func(trouble string, ok, failed float64) {
			t.Helper()
			h := r.Status().Heartbeat
			if h.Trouble != trouble || h.Held {
				t.Errorf("heartbeat: %+v, want trouble %q", h, trouble)
			}
			for _, secret := range secrets() {
				if strings.Contains(h.Trouble, secret) {
					t.Errorf("the trouble tells %s", secret)
				}
			}
			if o, f := testutil.ToFloat64(r.metrics.beats.WithLabelValues("ok")), testutil.ToFloat64(r.metrics.beats.WithLabelValues("failed")); o != ok || f != failed {
				t.Errorf("%v beats ok, %v failed; want %v and %v", o, f, ok, failed)
			}
			if r.state() != OK {
				t.Error("a heartbeat that is not taken is no fault of ours, yet a check fails")
			}
		}
		pass(5 * time.Second)
		expect("", 1, 0)
		sent := r.Status().Heartbeat.SentAt
		s.set(http.StatusInternalServerError, nil)
		pass(time.Minute)
		expect("the heartbeat's address answers HTTP 500", 1, 1)
		s.set(http.StatusFound, nil)
		pass(time.Minute)
		s.set(0, &net.DNSError{Err: "no such host", Name: "beats.example.net", IsNotFound: true})
		pass(time.Minute)
		expect("no answer to the heartbeat: its host cannot be looked up: no such host", 1, 3)
		s.set(0, context.DeadlineExceeded)
		pass(time.Minute + 10*time.Second)
		expect("the heartbeat's address did not answer in time", 1, 4)
		if got := r.Status().Heartbeat.SentAt; !got.Equal(sent) {
			t.Errorf("last taken at %s, want %s", got, sent)
		}
		s.set(http.StatusNoContent, nil)
		pass(time.Minute)
		expect("", 2, 4)
		if got := r.Status().Heartbeat.SentAt; !got.After(sent) {
			t.Error("a beat that was taken changes nothing")
		}
	})
}

// one sends one beat with a client of its own.
func one(t *testing.T, h Heartbeat) error {
	t.Helper()
	client, err := newClient(h)
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	return (&heart{conf: h, client: client, agent: "Watchtower/test"}).send(t.Context())
}

func TestHeartbeatRequest(t *testing.T) {
	var got []string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		got = append(got, strings.Join([]string{r.Method, r.URL.RequestURI(), r.Header.Get("User-Agent"), r.Header.Get("Authorization")}, " "))
	}))
	defer server.Close()
	h := heartbeat(server.URL + "/ping?id=1")
	if err := one(t, h); err != nil {
		t.Error(err)
	}
	// The address in a file is read at each beat; Opsgenie wants a key beside it.
	dir := t.TempDir()
	file := filepath.Join(dir, "heartbeat")
	conf := Config{Heartbeat: DefaultConfig().Heartbeat}
	conf.Heartbeat.URLFile, conf.Heartbeat.Method = "heartbeat", http.MethodGet
	conf.Heartbeat.HTTPConfig.Authorization = &commoncfg.Authorization{Type: "GenieKey", CredentialsFile: "key"}
	conf.SetDirectory(dir)
	for name, text := range map[string]string{"heartbeat": server.URL + "/two\n", "key": "k-1"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := one(t, conf.Heartbeat); err != nil {
		t.Error(err)
	}
	want := []string{"POST /ping?id=1 Watchtower/test ", "GET /two Watchtower/test GenieKey k-1"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if err := os.WriteFile(file, []byte(" \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := one(t, conf.Heartbeat); err == nil || !strings.Contains(err.Error(), "heartbeat is empty: put the address into it") {
		t.Errorf("an empty file: %v", err)
	}
}

func TestHeartbeatFollowsNobodyElsewhere(t *testing.T) {
	strangers := 0
	stranger := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { strangers++ }))
	defer stranger.Close()
	var referrers []string
	mux := http.NewServeMux()
	mux.HandleFunc("/5ecret-away", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, stranger.URL+"/x", http.StatusFound) })
	mux.HandleFunc("/5ecret-near", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/there", http.StatusPermanentRedirect)
	})
	mux.HandleFunc("/5ecret-loop", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/5ecret-loop", http.StatusFound) })
	mux.HandleFunc("/there", func(_ http.ResponseWriter, r *http.Request) { referrers = append(referrers, r.Referer()) })
	server := httptest.NewServer(mux)
	defer server.Close()
	for path, want := range map[string]string{"/5ecret-away": "leads elsewhere", "/5ecret-near": "", "/5ecret-loop": "leads elsewhere"} {
		err := one(t, heartbeat(server.URL+path))
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
		if err != nil && (strings.Contains(err.Error(), "5ecret") || strings.Contains(err.Error(), stranger.URL)) {
			t.Errorf("the error tells an address: %v", err)
		}
	}
	if strangers != 0 {
		t.Errorf("another host was asked %d times", strangers)
	}
	if diff := cmp.Diff([]string{""}, referrers); diff != "" {
		t.Errorf("what a redirect tells of where it comes from (-want +got):\n%s", diff)
	}
	h := heartbeat(server.URL + "/5ecret-near")
	h.HTTPConfig.FollowRedirects = false
	if err := one(t, h); err == nil || !strings.Contains(err.Error(), "HTTP 308") {
		t.Errorf("follow_redirects: false: %v", err)
	}
}

func TestHeartbeatFaultsHoldNoSecret(t *testing.T) {
	closed := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(closed.URL, "http://")
	closed.Close()
	slow := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	defer slow.Close()
	garbled := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "http://[5ecret-location")
		w.WriteHeader(http.StatusFound)
	}))
	defer garbled.Close()
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	defer untrusted.Close()
	untrusted.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	for address, want := range map[string]string{
		"http://user:pass-w0rd@" + host + "/5ecret-path?token=5ecret-token": "connection refused",
		slow.URL + "/5ecret-path":      "did not answer in time",
		garbled.URL + "/5ecret-path":   "no HTTP that makes sense",
		untrusted.URL + "/5ecret-path": "certificate is not trusted",
	} {
		h := heartbeat(address)
		if want == "did not answer in time" {
			h.Timeout = model.Duration(100 * time.Millisecond)
		}
		err := one(t, h)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", address, err, want)
			continue
		}
		for _, secret := range append(secrets(), host, "5ecret", "token") {
			if strings.Contains(err.Error(), secret) {
				t.Errorf("the error tells %s: %v", secret, err)
			}
		}
	}
}

// What is logged about a heartbeat that comes and goes: twice one line, no address.
func TestHeartbeatIsLoggedOnceWhenItChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out strings.Builder
		r, s := beating(t, &part{})
		pass(5 * time.Second)
		r.logger = slog.New(slog.NewTextHandler(&out, nil))
		s.set(http.StatusBadGateway, nil)
		pass(3 * time.Minute)
		s.set(http.StatusOK, nil)
		pass(3 * time.Minute)
		r.stop()
		if n := strings.Count(out.String(), "\n"); n != 2 {
			t.Errorf("%d lines, want one when it fails and one when it is well:\n%s", n, out.String())
		}
		for _, secret := range secrets() {
			if strings.Contains(out.String(), secret) {
				t.Errorf("the log tells %s:\n%s", secret, out.String())
			}
		}
	})
}
