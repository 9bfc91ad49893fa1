package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"net/http"
	"time"
)

const (
	// beatEvery is how often a stream says that it is there, and what time it is.
	beatEvery = 15 * time.Second
	// sayTime bounds the writing of a line: who takes longer is gone.
	sayTime = 10 * time.Second
)

// stream is the answer to a page that waits for news of itself, as server-sent events.
type stream struct {
	w     http.ResponseWriter
	line  *http.ResponseController
	known version // What the page shows.
	told  time.Time
}

// events serves the news of a page: "changed" with the version as the event's ID, and "beat". Both carry the time as the page
// writes it. A page that says different words is told of at once; one of which only figures have changed is told of as
// often as its refresh says, since figures change with every sample.
func (s *site) events(w http.ResponseWriter, r *http.Request) error {
	if _, looking := w.(*look); looking {
		return notFound(w, r) // A stream is no page.
	}
	q := r.URL.Query()
	uri, ok := pageOf(q.Get("page"))
	if !ok {
		return fault{http.StatusBadRequest, "Name the page to watch: /events?page=/incidents.", nil}
	}
	p, ok := s.live.join(uri)
	if !ok {
		w.Header().Set("Retry-After", "60")
		return fault{http.StatusServiceUnavailable, fmt.Sprintf("%d pages are being watched, and no more can be. Ask for the page itself instead.", mostStreams), nil}
	}
	defer s.live.leave(p)
	s.live.lookAt(r.Context(), p)
	select {
	case <-p.first: // Another stream may be the one that looks.
	case <-r.Context().Done():
		return nil
	case <-s.o.Stopping:
		return fault{http.StatusServiceUnavailable, "Watchtower is stopping.", nil}
	}
	if _, refresh, _ := s.live.now(p); refresh == 0 {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no page %s that changes by itself.", uri), nil}
	}
	return s.follow(w, r, p)
}

// follow tells a page what becomes of it until the page is closed or the server stops.
func (s *site) follow(w http.ResponseWriter, r *http.Request, p *watched) error {
	h := w.Header()
	h.Set("Content-Type", "text/event-stream; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("X-Accel-Buffering", "no") // A proxy must not keep news back until there is more of it.
	st := &stream{
		w: w, line: http.NewResponseController(w), known: versionFrom(cmp.Or(r.Header.Get("Last-Event-ID"), r.URL.Query().Get("version"))), told: time.Now(),
	}
	// The connection may be used again.
	defer func() { _ = st.line.SetWriteDeadline(time.Time{}) }()
	tick, beat := time.NewTicker(lookEvery), time.NewTicker(beatEvery)
	defer tick.Stop()
	defer beat.Stop()
	if err := st.say("beat", s.at(s.o.Now())); err != nil {
		return err
	}
	for {
		now, refresh, changed := s.live.now(p)
		if now.words != st.known.words || now.all != st.known.all && time.Since(st.told) >= refresh {
			st.known, st.told = now, time.Now()
			if err := st.say("changed", s.at(s.o.Now())); err != nil {
				return err
			}
		}
		select {
		case <-r.Context().Done():
			return nil
		case <-s.o.Stopping:
			return nil
		case <-changed:
		case <-tick.C:
			s.live.lookAt(r.Context(), p)
		case <-beat.C:
			if err := st.say("beat", s.at(s.o.Now())); err != nil {
				return err
			}
		}
	}
}

// say writes an event.
func (st *stream) say(event string, now moment) error {
	data, err := json.Marshal(map[string]string{"machine": now.Machine, "exact": now.Exact})
	if err != nil {
		return written(err)
	}
	// Writers that know no deadline, as in tests, are never slow.
	_ = st.line.SetWriteDeadline(time.Now().Add(sayTime))
	if _, err := fmt.Fprintf(st.w, "event: %s\nid: %s\ndata: %s\n\n", event, st.known, data); err != nil {
		return written(err)
	}
	return written(st.line.Flush())
}
