package web

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash/maphash"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// An open page waits for news of itself on a stream, GET /events?page=…, and fetches itself when the stream says that it has
// changed. Whether it has is found out by drawing it now and then: once for all who look at it, whoever they are. What is drawn
// is compared and thrown away, so that each reader gets a page that is drawn for that reader.
//
// Nothing runs in the background: of the streams of a page, the one whose turn it is looks, and wakes the others.

const (
	// mostStreams bounds how many open pages wait for news; others ask every few seconds.
	mostStreams = 500
	// lookEvery is how often a page is looked at.
	lookEvery = time.Second
	// lookShare bounds the cost of looking at pages to one part in so many of a processor: pages that take long to draw, or
	// very many, are looked at less often.
	lookShare = 10
	// lookTime bounds the drawing of a page that is looked at.
	lookTime = 10 * time.Second
	// longestPage bounds the address of a page.
	longestPage = 2000
)

// version tells whether a page has changed. It is of use within this process.
type version struct {
	words uint64 // Of what it says, figures left out.
	all   uint64
}

func (v version) String() string {
	return hex.EncodeToString(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, v.words), v.all))
}

// versionFrom reads what String wrote; of anything else it makes the version of no page.
func versionFrom(s string) version {
	b, err := hex.DecodeString(s)
	if err != nil || len(b) != 16 {
		return version{}
	}
	return version{binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])}
}

// isFigure tells the signs that figures are written in.
var isFigure = [256]bool{
	'0': true, '1': true, '2': true, '3': true, '4': true, '5': true, '6': true, '7': true, '8': true, '9': true, '.': true, ',': true, '-': true,
}

var (
	versionSeed = maphash.MakeSeed()
	timeOpens   = []byte("<time ")
	timeTitle   = []byte(" title=")
	timeCloses  = []byte("</time>")
	justNow     = []byte("just now")
)

// versionOf returns the version of a <main>. How long ago something was is no change: the script of the page counts that by
// itself. Of what happened just now not even the time is one, or a page that says so of each evaluation would never rest.
func versionOf(main []byte) version {
	var words, all maphash.Hash
	words.SetSeed(versionSeed)
	all.SetSeed(versionSeed)
	var kept []byte
	add := func(part []byte) {
		_, _ = all.Write(part)
		kept = kept[:0]
		for _, c := range part {
			if !isFigure[c] {
				kept = append(kept, c)
			}
		}
		_, _ = words.Write(kept)
	}
	for len(main) > 0 {
		before, rest, found := bytes.Cut(main, timeOpens)
		add(before)
		if !found {
			break
		}
		attributes, rest, _ := bytes.Cut(rest, []byte(">"))
		text, rest, _ := bytes.Cut(rest, timeCloses)
		switch {
		case !bytes.Contains(attributes, timeTitle):
			add(attributes)
			add(text)
		case bytes.Equal(text, justNow):
			add(justNow)
		default:
			add(attributes)
		}
		main = rest
	}
	return version{words.Sum64(), all.Sum64()}
}

// look is the writer of a page that is looked at: it keeps what tells whether the page has changed.
type look struct {
	header  http.Header
	status  int
	version version
	refresh time.Duration // 0: the page does not change by itself.
	drawn   bool          // It is a page.
}

var _ http.ResponseWriter = (*look)(nil)

// Header implements http.ResponseWriter.
func (l *look) Header() http.Header { return l.header }

// WriteHeader implements http.ResponseWriter.
func (l *look) WriteHeader(status int) {
	if l.status == 0 {
		l.status = status
	}
}

// Write implements http.ResponseWriter. What is no page is not looked at.
func (l *look) Write(b []byte) (int, error) {
	l.WriteHeader(http.StatusOK)
	return len(b), nil
}

// keep takes what a page shows instead of writing it.
func (l *look) keep(status int, p page, main []byte) {
	l.drawn, l.version = true, versionOf(main)
	l.WriteHeader(status)
	if !p.Timed {
		l.refresh = time.Duration(p.Refresh) * time.Second
	}
}

// look draws a page to see whether it has changed. It is not ok if that cannot be told.
func (s *site) look(ctx context.Context, uri string) (seen look, ok bool) {
	defer func() {
		if p := recover(); p != nil {
			s.log.Error("page panicked while it was looked at", "page", uri, "panic", fmt.Sprint(p))
			ok = false
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, lookTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, http.NoBody)
	if err != nil {
		return look{}, false
	}
	seen.header = http.Header{}
	s.own.ServeHTTP(&seen, r)
	return seen, seen.drawn && seen.status < http.StatusInternalServerError
}

// watched is a page that somebody has open. The mutex of live guards it.
type watched struct {
	uri     string
	streams int
	refresh time.Duration
	version version
	looking bool
	looked  time.Time
	cost    time.Duration
	first   chan struct{} // Closed after the first look.
	changed chan struct{} // Closed when the version changes; then there is another.
}

// live knows which pages are open and what they show.
type live struct {
	look    func(ctx context.Context, uri string) (seen look, ok bool)
	drawing chan struct{} // Full while a page is drawn: one at a time. Taken before mu.
	mu      sync.Mutex
	pages   map[string]*watched
	streams int
	open    prometheus.Gauge
}

func newLive(look func(context.Context, string) (look, bool), reg prometheus.Registerer) *live {
	l := &live{look: look, drawing: make(chan struct{}, 1), pages: map[string]*watched{}, open: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "watchtower_page_streams",
		Help: "Open pages that wait for news of themselves.",
	})}
	if reg != nil {
		reg.MustRegister(l.open)
	}
	return l
}

// join adds a stream of a page; leave must follow. It is not ok if there are too many.
func (l *live) join(uri string) (*watched, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.streams >= mostStreams {
		return nil, false
	}
	p := l.pages[uri]
	if p == nil {
		p = &watched{uri: uri, first: make(chan struct{}), changed: make(chan struct{})}
		l.pages[uri] = p
	}
	p.streams++
	l.streams++
	l.open.Inc()
	return p, true
}

func (l *live) leave(p *watched) {
	l.mu.Lock()
	defer l.mu.Unlock()
	p.streams--
	l.streams--
	l.open.Dec()
	if p.streams == 0 {
		delete(l.pages, p.uri)
	}
}

// lookAt looks at a page if it is time to, and nobody else does.
func (l *live) lookAt(ctx context.Context, p *watched) {
	if !l.begin(p) {
		return
	}
	l.drawing <- struct{}{}
	started := time.Now()
	// Whoever looks may leave meanwhile: the others rely on this look.
	seen, ok := l.look(context.WithoutCancel(ctx), p.uri)
	cost := time.Since(started)
	<-l.drawing

	l.mu.Lock()
	defer l.mu.Unlock()
	p.looking, p.looked, p.cost = false, time.Now(), cost
	if ok && seen.status == http.StatusOK {
		p.refresh = seen.refresh
	}
	if ok && seen.version != p.version {
		p.version = seen.version
		close(p.changed)
		p.changed = make(chan struct{})
	}
	select {
	case <-p.first:
	default:
		close(p.first)
	}
}

// begin tells whether the caller is the one to look at a page now.
func (l *live) begin(p *watched) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	pause := max(lookEvery*9/10, time.Duration(lookShare*len(l.pages))*p.cost)
	if p.looking || !p.looked.IsZero() && time.Since(p.looked) < pause {
		return false
	}
	p.looking = true
	return true
}

// now returns what a page is like and what tells that it is so no longer.
func (l *live) now(p *watched) (v version, refresh time.Duration, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return p.version, p.refresh, p.changed
}

// pageOf returns the address of a page as a stream is asked for it: a path of this site, with its query.
func pageOf(uri string) (string, bool) {
	if len(uri) > longestPage || !strings.HasPrefix(uri, "/") || strings.HasPrefix(uri, "//") {
		return "", false // Two slashes would name another host.
	}
	u, err := url.ParseRequestURI(uri)
	if err != nil {
		return "", false
	}
	return u.RequestURI(), true
}
