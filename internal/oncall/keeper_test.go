package oncall

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const secret = "private-0a1b2c"

// answers is a web of calendars: a handler for the next request, which can be changed.
type answers struct {
	mu   sync.Mutex
	next http.HandlerFunc
	seen []*http.Request
}

func (a *answers) set(next http.HandlerFunc) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.next = next
}

func (a *answers) requests() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.seen)
}

// RoundTrip answers without a network, so that virtual time does for it.
func (a *answers) RoundTrip(req *http.Request) (*http.Response, error) {
	a.mu.Lock()
	a.seen = append(a.seen, req)
	next := a.next
	a.mu.Unlock()
	w := httptest.NewRecorder()
	next(w, req)
	if err := req.Context().Err(); err != nil {
		return nil, fmt.Errorf("Get %q: %w", req.URL, err)
	}
	resp := w.Result()
	resp.Request = req
	return resp, nil
}

var _ http.RoundTripper = (*answers)(nil)

func says(text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) }
}

// always is a calendar that names one user for the years around.
func always(user string) string {
	return cal(ev("UID:1", "SUMMARY:"+user, "DTSTART:19990101T000000Z", "DTEND:20400101T000000Z"))
}

const remoteSchedule = "timezone: UTC\nics: [{url: 'https://example.com/" + secret + "/basic.ics', refresh: 10m}]"

func onCall(k *Keeper, at time.Time) string {
	s, _ := k.Roster().At("backend", at)
	return s.User.ID
}

// journal is what was logged, also while somebody goes on logging.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

var _ io.Writer = (*journal)(nil)

// TestRefreshing lets a calendar change, break, hang and come back.
func TestRefreshing(t *testing.T) {
	path, cache := in(t, remoteSchedule), t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		var log journal
		web := &answers{next: says(always("alex"))}
		options := Options{Path: path, Cache: cache, Fetcher: Fetcher{Transport: web}, Logger: slog.New(slog.NewTextHandler(&log, nil))}
		k, err := Open(t.Context(), options)
		if err != nil {
			t.Fatal(err)
		}
		if missing := k.Roster().Missing("backend"); len(missing) != 1 || missing[0] != "example.com" || onCall(k, time.Now()) != "" {
			t.Errorf("before the first fetch: %v", missing)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- k.Run(ctx) }()
		step := func(wait time.Duration, user, fault string) {
			t.Helper()
			time.Sleep(wait)
			synctest.Wait()
			c := k.Calendars()[0]
			said := fmt.Sprint(c.Err)
			if got := onCall(k, time.Now()); got != user || !strings.Contains(said, fault) || (fault == "" && c.Err != nil) {
				t.Errorf("%s is on call (%s), want %s (%s)", got, said, user, fault)
			}
			if strings.Contains(said, secret) || strings.Contains(log.String(), secret) {
				t.Fatalf("the address is told: %s\n%s", said, &log)
			}
		}
		step(0, "alex", "")
		web.set(says(always("sam")))
		step(10*time.Minute-time.Second, "alex", "")
		step(time.Second, "sam", "")
		web.set(func(_ http.ResponseWriter, req *http.Request) { <-req.Context().Done() }) // hangs
		step(10*time.Minute+14*time.Second, "sam", "")
		step(2*time.Second, "sam", "no whole answer within 15s; what was fetched 10m ago stays in force")
		web.set(says("<html>" + secret))
		step(time.Minute, "sam", "what is behind the address cannot be used: line 1: this is no calendar")
		web.set(says(always("sam")[:60]))
		step(time.Minute, "sam", "the text is cut off")
		web.set(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, secret, http.StatusForbidden) })
		step(time.Minute, "sam", "the server answered 403 Forbidden; what was fetched 13m ago")
		web.set(says(strings.Repeat("x", maxCalendar+1)))
		step(time.Minute, "sam", "it has more than 5 MB")
		for _, to := range []string{"file:///etc/passwd", "http://example.com/" + secret, "gopher://x", "https://example.com/" + secret} {
			web.set(func(w http.ResponseWriter, req *http.Request) { http.Redirect(w, req, to, http.StatusFound) })
			step(time.Minute, "sam", "the server redirects")
		}
		web.set(says(always("kim")))
		step(time.Minute, "kim", "")
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), "calendar is fetched again") {
			t.Errorf("an outage is told %d times:\n%s", n, &log)
		}
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}

		// A new start without network knows who is on call.
		web.set(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "", http.StatusBadGateway) })
		if k, err = Open(t.Context(), options); err != nil {
			t.Fatal(err)
		}
		if got := onCall(k, time.Now()); got != "kim" {
			t.Errorf("after a restart %q is on call", got)
		}
		if err := k.Refresh(t.Context()); err != nil {
			t.Errorf("what is fresh is fetched: %v", err)
		}
		time.Sleep(time.Hour)
		if err := k.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), "schedule primary: calendar example.com: the server answered 502 Bad Gateway; what was fetched 1h ago stays in force") {
			t.Errorf("refresh: %v", err)
		}
		if r, err := Load(path, cache, time.Now()); err != nil || len(r.Missing("backend")) != 0 {
			t.Errorf("the kept calendar is not loaded: %v", err)
		}
	})
	// Nothing on disk tells the address, and nobody else may read it.
	entries, err := os.ReadDir(cache)
	if err != nil || len(entries) != 1 {
		t.Fatalf("%v, %v", entries, err)
	}
	info, _ := entries[0].Info()
	text, _ := os.ReadFile(filepath.Join(cache, entries[0].Name()))
	if info.Mode().Perm() != 0o600 || strings.Contains(entries[0].Name()+string(text), secret) {
		t.Errorf("%s %s", info.Mode(), entries[0].Name())
	}
}

// TestConfirming asks whether a calendar has changed, and takes 304 for an answer.
func TestConfirming(t *testing.T) {
	path := in(t, remoteSchedule)
	synctest.Test(t, func(t *testing.T) {
		web := &answers{next: func(w http.ResponseWriter, req *http.Request) {
			if req.Header.Get("If-None-Match") == `"1"` && req.Header.Get("If-Modified-Since") == "Mon, 02 Nov 2026 09:00:00 GMT" {
				w.WriteHeader(http.StatusNotModified)
				return
			}
			w.Header().Set("ETag", `"1"`)
			w.Header().Set("Last-Modified", "Mon, 02 Nov 2026 09:00:00 GMT")
			_, _ = io.WriteString(w, always("alex"))
		}}
		k, err := Open(t.Context(), Options{Path: path, Fetcher: Fetcher{Transport: web}})
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if err := k.Refresh(t.Context()); err != nil {
				t.Fatal(err)
			}
			before := k.Roster()
			if c := k.Calendars()[0]; !c.FetchedAt.Equal(time.Now()) || onCall(k, time.Now()) != "alex" {
				t.Errorf("%+v", c)
			}
			time.Sleep(11 * time.Minute)
			if err := k.Refresh(t.Context()); err != nil || k.Roster() != before {
				t.Errorf("a roster is made of what did not change: %v", err)
			}
			time.Sleep(11 * time.Minute)
		}
		if n := web.requests(); n != 6 {
			t.Errorf("%d requests", n)
		}
	})
}

// TestHangingServer is the same over a real socket.
func TestHangingServer(t *testing.T) {
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		switch req.URL.Path {
		case "/slow-" + secret:
			_, _ = io.WriteString(w, "BEGIN:VCALENDAR\r\n")
			w.(http.Flusher).Flush()
			<-release
		case "/moved":
			http.Redirect(w, req, "/here", http.StatusFound)
		default:
			if ref := req.Header.Get("Referer"); ref != "" {
				t.Errorf("the address is told to where it leads: %s", ref)
			}
			_, _ = io.WriteString(w, always("alex"))
		}
	}))
	defer server.Close()
	defer close(release)
	f := Fetcher{Timeout: 200 * time.Millisecond, Transport: &http.Transport{DisableKeepAlives: true}}
	get := func(to string) (kept, error) { return f.fetch(t.Context(), address(to), kept{}) }
	if _, err := get(server.URL + "/slow-" + secret); err == nil || err.Error() != "no whole answer within 200ms" {
		t.Errorf("a server that hangs: %v", err)
	}
	f.Timeout = 0
	if k, err := get(server.URL + "/moved"); err != nil || k.Text != always("alex") {
		t.Errorf("a server that redirects: %v", err)
	}
	for _, to := range []string{"http://127.0.0.1:1/" + secret, "http://nowhere.invalid/" + secret, strings.Replace(server.URL, "http:", "https:", 1) + "/" + secret, "http://user:" + secret + "@127.0.0.1:1/"} {
		if _, err := get(to); err == nil || strings.Contains(err.Error(), secret) {
			t.Errorf("%s: %v", to, err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.fetch(ctx, address(server.URL+"/"+secret), kept{}); !errors.Is(err, context.Canceled) || strings.Contains(err.Error(), secret) {
		t.Errorf("canceled: %v", err)
	}
}

func TestReload(t *testing.T) {
	path := in(t, "timezone: UTC\nlayers: [{name: l, users: [alex]}]")
	k, err := Open(t.Context(), Options{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	rewrite := func(with string) {
		t.Helper()
		if err := os.WriteFile(path, bytes.ReplaceAll(text, []byte("[alex]"), []byte(with)), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	rewrite("[nobody, noone]")
	if err := k.Reload(t.Context()); err == nil || strings.Count(err.Error(), "oncall.yaml:") < 2 || onCall(k, now) != "alex" {
		t.Errorf("a broken file: %v, and %q is on call", err, onCall(k, now))
	}
	rewrite("[sam]")
	if err := k.Reload(t.Context()); err != nil || onCall(k, now) != "sam" {
		t.Errorf("a mended file: %v, and %q is on call", err, onCall(k, now))
	}
	if _, err := Open(t.Context(), Options{}); err == nil {
		t.Error("no path is a path")
	}
	rewrite("[nobody]")
	if _, err := Open(t.Context(), Options{Path: path}); err == nil || !strings.Contains(err.Error(), `there is no user "nobody"`) {
		t.Errorf("opening a broken file: %v", err)
	}
}

// TestWindowMoves: a roster that stands for months still knows the year ahead.
func TestWindowMoves(t *testing.T) {
	path := in(t, icsSchedule, "team.ics", cal(ev("SUMMARY:alex", "DTSTART:20000101T000000Z", "DURATION:PT1H", "RRULE:FREQ=DAILY")))
	synctest.Test(t, func(t *testing.T) { // It begins on 2000-01-01.
		k, err := Open(t.Context(), Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = k.Run(t.Context()) }()
		time.Sleep(1000 * 24 * time.Hour)
		synctest.Wait()
		if _, ok := k.Roster().Next("backend", time.Now().AddDate(1, 0, 0)); !ok {
			t.Errorf("nothing is known a year ahead; known is %v", k.Roster().Known())
		}
		far := time.Date(2050, 6, 1, 0, 30, 0, 0, time.UTC)
		if r, err := k.Around(t.Context(), far); err != nil {
			t.Error(err)
		} else if s, ok := r.At("backend", far); !ok || s.User.ID != "alex" {
			t.Errorf("in 2050: %+v", s)
		}
		if onCall(k, far) != "" {
			t.Error("the roster of now knows 2050")
		}
	})
}
