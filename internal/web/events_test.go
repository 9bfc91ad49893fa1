package web

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"go.uber.org/goleak"

	"github.com/watchtower-hub/watchtower/rules"
)

// board is a site whose objectives a test changes, and which counts how often they are asked for.
type board struct {
	site     http.Handler
	statuses atomic.Pointer[[]rules.Status]
	asked    atomic.Int64
	stop     chan struct{}
}

func newBoard(t *testing.T, change func(*Options)) *board {
	t.Helper()
	b := &board{stop: make(chan struct{})}
	b.show(aBadDay()...)
	b.site = newSite(t, func(o *Options) {
		o.Engine = changing{now: func() []rules.Status { b.asked.Add(1); return *b.statuses.Load() }}
		o.Stopping = b.stop
		if change != nil {
			change(o)
		}
	})
	return b
}

func (b *board) show(statuses ...rules.Status) { b.statuses.Store(&statuses) }

// edit changes the first objective.
func (b *board) edit(change func(*rules.Status)) {
	statuses := append([]rules.Status(nil), *b.statuses.Load()...)
	change(&statuses[0])
	b.show(statuses...)
}

// listener is a response that is read while it is written.
type listener struct {
	mu     sync.Mutex
	header http.Header
	status int
	text   strings.Builder
}

func (l *listener) Header() http.Header { return l.header }
func (l *listener) WriteHeader(s int)   { l.mu.Lock(); defer l.mu.Unlock(); l.status = s }
func (l *listener) Flush()              {}
func (l *listener) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// events are the names of the events so far.
func (l *listener) events() (names []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for line := range strings.Lines(l.text.String()) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "event: "); ok {
			names = append(names, name)
		}
	}
	return names
}

// listen opens a stream of a page as it was shown last; leave closes it and waits.
func (b *board) listen(t *testing.T, page string) (l *listener, leave func()) {
	t.Helper()
	return b.listenSince(t, page, liveOf(get(t, b.site, page).Body.String()))
}

func liveOf(body string) string {
	_, rest, _ := strings.Cut(body, `data-live="`)
	v, _, _ := strings.Cut(rest, `"`)
	return v
}

func (b *board) listenSince(t *testing.T, page, version string) (l *listener, leave func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	l = &listener{header: http.Header{}}
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "/events?version="+version+"&page="+url.QueryEscape(page), nil)
	var done sync.WaitGroup
	done.Go(func() { b.site.ServeHTTP(l, r) })
	synctest.Wait() // It has looked at the page.
	return l, func() { cancel(); done.Wait() }
}

func expect(t *testing.T, l *listener, when string, want ...string) {
	t.Helper()
	synctest.Wait()
	if got := l.events(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%s the stream said %v, want %v", when, got, want)
	}
}

// What says something else is told within a second; what is the same is not told.
func TestStreamTellsOfChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, nil)
		l, leave := b.listen(t, "/")
		defer leave()
		expect(t, l, "at first", "beat")
		time.Sleep(10 * time.Second)
		expect(t, l, "while nothing happened", "beat")
		b.show(aBadDay()[:2]...)
		time.Sleep(lookEvery + time.Millisecond)
		expect(t, l, "a second after a change", "beat", "changed")
		time.Sleep(30 * time.Second)
		expect(t, l, "after a while", "beat", "changed", "beat", "beat")
		if !strings.Contains(l.text.String(), "event: changed\nid: "+liveOf(get(t, b.site, "/").Body.String())+"\ndata: {\"exact\":\"Thu 19 Nov 2026, 14:03 UTC\"") {
			t.Errorf("the stream does not name the version that the page has:\n%s", l.text.String())
		}
		for name, want := range map[string]string{"Content-Type": "text/event-stream; charset=utf-8", "X-Accel-Buffering": "no", "Cache-Control": "no-store", "Content-Encoding": ""} {
			if got := l.header.Get(name); got != want {
				t.Errorf("%s is %q, want %q", name, got, want)
			}
		}
	})
}

// Figures change with every sample: they are told as often as the page refreshes, and the words at once.
func TestStreamIsCalmAboutFigures(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, nil)
		l, leave := b.listen(t, "/")
		defer leave()
		for i := range 12 {
			b.edit(func(s *rules.Status) { s.ErrorRatio = 0.0001 * float64(i+2) })
			time.Sleep(time.Second)
		}
		synctest.Wait()
		if n := strings.Count(fmt.Sprint(l.events()), "changed"); n < 3 || n > 4 {
			t.Errorf("in 12 seconds of figures the page was told to be fetched %d times, want every 3 seconds", n)
		}
		before := len(l.events())
		b.edit(func(s *rules.Status) { s.ErrorRatio = 0.0099 })
		b.edit(broke)
		time.Sleep(lookEvery + time.Millisecond)
		synctest.Wait()
		if len(l.events()) != before+1 {
			t.Errorf("what broke was not told at once: %v", l.events())
		}
	})
}

// A page that was closed for a while is told at once that it is old.
func TestStreamTellsWhatIsOld(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, nil)
		was := liveOf(get(t, b.site, "/incidents").Body.String())
		fresh, leave := b.listenSince(t, "/incidents", was)
		expect(t, fresh, "of a fresh page", "beat")
		leave()
		for _, version := range []string{liveOf(get(t, b.site, "/").Body.String()), "", "nonsense", strings.Repeat("f", 32)} {
			old, leave := b.listenSince(t, "/incidents", version)
			expect(t, old, "of an old page", "beat", "changed")
			leave()
		}
	})
}

// However many look at a page, it is drawn once a second, and not at all when nobody does.
func TestStreamsShareTheirLooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, nil)
		var all []*listener
		var leaves []func()
		for i := range 50 {
			l, leave := b.listenSince(t, "/", "")
			all, leaves = append(all, l), append(leaves, leave)
			time.Sleep(time.Duration(i) * 7 * time.Millisecond)
		}
		b.asked.Store(0)
		b.show(aBadDay()[:1]...)
		time.Sleep(lookEvery + 5*time.Millisecond)
		synctest.Wait()
		for i, l := range all {
			if n := len(l.events()); n < 3 {
				t.Fatalf("stream %d was not told: %v", i, l.events())
			}
		}
		time.Sleep(9 * time.Second)
		if n := b.asked.Load(); n < 9 || n > 12 {
			t.Errorf("in 10 seconds of 50 streams the page was drawn %d times", n)
		}
		for _, leave := range leaves {
			leave()
		}
		b.asked.Store(0)
		time.Sleep(10 * time.Second)
		if n := b.asked.Load(); n != 0 {
			t.Errorf("nobody looks, and the page is drawn %d times", n)
		}
	})
}

// Pages that take long to draw are looked at less often: looking never takes more than a tenth of a processor.
func TestStreamsAreCheap(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slow := 500 * time.Millisecond
		var drawn atomic.Int64
		b := newBoard(t, func(o *Options) {
			o.Incidents = func() []Incident { drawn.Add(1); time.Sleep(slow); return nil }
		})
		_, leave := b.listenSince(t, "/incidents", "")
		defer leave()
		time.Sleep(60 * time.Second)
		if n := drawn.Load(); n > 13 || n < 8 {
			t.Errorf("a page of half a second was drawn %d times a minute", n)
		}
	})
}

// Many addresses cost no more than one: each is looked at the less often the more there are, and none is kept when it is left.
func TestStreamsOfManyAddresses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const addresses, cost = 100, 50 * time.Millisecond
		var drawn atomic.Int64
		b := newBoard(t, func(o *Options) {
			o.Incidents = func() []Incident { drawn.Add(1); time.Sleep(cost); return nil }
		})
		var leaves []func()
		for i := range addresses {
			_, leave := b.listenSince(t, fmt.Sprintf("/incidents?q=%d", i), "")
			leaves = append(leaves, leave)
		}
		time.Sleep(time.Minute) // All have had their first looks.
		drawn.Store(0)
		time.Sleep(10 * time.Minute)
		busy := time.Duration(drawn.Load()) * cost
		if most := 10 * time.Minute / lookShare; busy > most*11/10 || busy < most/2 {
			t.Errorf("%d addresses were drawn for %s in 10 minutes, want close to %s", addresses, busy, most)
		}
		for _, leave := range leaves {
			leave()
		}
		drawn.Store(0)
		time.Sleep(10 * time.Minute)
		if n := drawn.Load(); n != 0 {
			t.Errorf("nobody looks, and pages are drawn %d times", n)
		}
	})
}

// A page that fails or panics when it is looked at has not changed; one that is gone has.
func TestStreamOfABrokenPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var fail atomic.Bool
		b := newBoard(t, func(o *Options) {
			o.Incidents = func() []Incident {
				if fail.Load() {
					panic("no incidents")
				}
				return nil
			}
		})
		l, leave := b.listen(t, "/incidents")
		defer leave()
		fail.Store(true)
		time.Sleep(5 * time.Second)
		fail.Store(false)
		time.Sleep(5 * time.Second)
		expect(t, l, "of a page that panicked", "beat")

		gone, leaveGone := b.listen(t, "/objectives/share-requests")
		defer leaveGone()
		b.show(aBadDay()[:1]...)
		time.Sleep(2 * time.Second)
		expect(t, gone, "of a page that is gone", "beat", "changed")
	})
}

func TestStreamEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		registry := prometheus.NewRegistry()
		b := newBoard(t, func(o *Options) { o.Registerer = registry })
		open := func() float64 {
			n, err := testutil.GatherAndCount(registry, "watchtower_page_streams")
			if err != nil || n != 1 {
				t.Fatalf("the metric: %d %v", n, err)
			}
			all, _ := registry.Gather()
			for _, f := range all {
				if f.GetName() == "watchtower_page_streams" {
					return f.GetMetric()[0].GetGauge().GetValue()
				}
			}
			return -1
		}
		_, leave := b.listen(t, "/")
		_, other := b.listen(t, "/incidents")
		synctest.Wait()
		if n := open(); n != 2 {
			t.Errorf("%v streams are open, want 2", n)
		}
		leave()
		close(b.stop)
		other() // Returns, since the server stops; synctest would complain of what is left.
		if n := open(); n != 0 {
			t.Errorf("%v streams are open at the end", n)
		}
	})
}

func TestStreamRefuses(t *testing.T) {
	b := newBoard(t, func(o *Options) { o.Dashboards = someDashboards(t, 1) })
	for page, want := range map[string]int{
		"": 400, "x": 400, "https://example.org/": 400, "//example.org/": 400, "/" + strings.Repeat("a", longestPage): 400, "/\x00": 400, "/%zz": 400,
		"/nowhere": 404, "/objectives/none": 404, "/playbooks": 404, "/api/watchtower/v1/objectives": 404, "/reports": 404, "/events?page=/": 404,
		"/dashboards/kinds?refresh=10s": 404, "/events": 404,
	} {
		w := get(t, b.site, "/events?page="+url.QueryEscape(page))
		if w.Code != want {
			t.Errorf("a stream of %.40q: %d, want %d", page, w.Code, want)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		b := newBoard(t, nil)
		var leaves []func()
		for range mostStreams {
			_, leave := b.listenSince(t, "/", "")
			leaves = append(leaves, leave)
		}
		synctest.Wait()
		if w := get(t, b.site, "/events?page=/"); w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
			t.Errorf("one stream too many: %d", w.Code)
		}
		for _, leave := range leaves {
			leave()
		}
	})
}

func TestVersionOf(t *testing.T) {
	v := func(s string) version { return versionOf([]byte(s)) }
	same := func(a, b string, words, all bool) {
		t.Helper()
		if (v(a).words == v(b).words) != words || (v(a).all == v(b).all) != all {
			t.Errorf("%q and %q: the same words %t, the same %t; want %t and %t", a, b, v(a).words == v(b).words, v(a).all == v(b).all, words, all)
		}
	}
	same("", "", true, true)
	same("3.2% fail", "3.2% fail", true, true)
	same("3.2% fail", "12% fail", true, false)
	same("3.2% fail", "3.2% work", false, false)
	same(`<rect x="1.5"/>`, `<rect x="-2"/>`, true, false)
	const at, later = `<time datetime="2026-11-19T14:03:20Z" title="14:03">`, `<time datetime="2026-11-19T14:09:00Z" title="14:09">`
	same(at+"4 min ago</time>.", at+"5 min ago</time>.", true, true)
	same(at+"4 min ago</time>.", later+"4 min ago</time>.", true, false)
	same(at+"just now</time>.", later+"just now</time>.", true, true)
	same(at+"just now</time>.", at+"6 s ago</time>.", false, false)
	same(`<time datetime="a">14:03</time>`, `<time datetime="a">14:04</time>`, true, false)
	for _, broken := range []string{"<time ", "<time title=", "<time >", "<time  title=>x", "a<time b"} {
		v(broken)
	}
	if got := versionFrom(v("x").String()); got != v("x") {
		t.Errorf("a version is read as %v", got)
	}
}

// Over a real connection events arrive as they happen, and the server closes at once although a page listens.
func TestServeClosesWithOpenStreams(t *testing.T) {
	defer goleak.VerifyNone(t)
	b := newBoard(t, nil)
	address, stop := serve(t, "", b.site)
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/events?page=/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Accept-Encoding", "gzip")
	transport := &http.Transport{}
	defer transport.CloseIdleConnections()
	resp, err := transport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	lines := bufio.NewScanner(resp.Body)
	next := func(want string) {
		t.Helper()
		for lines.Scan() {
			if lines.Text() == "event: "+want {
				return
			}
		}
		t.Fatalf("the stream ended before it said %q: %v", want, lines.Err())
	}
	next("beat")
	next("changed")
	b.edit(broke)
	started := time.Now()
	next("changed")
	if took := time.Since(started); took > 3*time.Second {
		t.Errorf("the change was told after %s", took)
	}
	close(b.stop)
	started = time.Now()
	if err := stop(); err != nil {
		t.Errorf("Serve = %v", err)
	}
	if took := time.Since(started); took > drainTimeout/2 {
		t.Errorf("the server took %s to close", took)
	}
}
