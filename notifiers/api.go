package notifiers

import (
	"cmp"
	"io"
	"net/http"
	"strings"

	"github.com/prometheus/common/route"
)

// maxRequestBytes bounds the body of an API request. Prometheus sends alerts in batches of far less than 1 MiB.
const maxRequestBytes = 16 << 20

// API serves Alertmanager's HTTP API v2 on the paths /api/v2/*. A silence is on disk before its creation, change or end
// is answered.
func (p *Pipeline) API() http.Handler { return p.handler }

func (p *Pipeline) newHandler() http.Handler {
	v2 := p.api.Register(route.New(), "/")
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/api/v2/") {
			http.NotFound(w, r)
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, maxRequestBytes)
		if r.Method != http.MethodGet && strings.HasPrefix(r.URL.Path, "/api/v2/silence") {
			w = &durableResponse{ResponseWriter: w, flush: p.flushSilences}
		}
		if r.URL.Path == "/api/v2/status" {
			masked := &maskedResponse{ResponseWriter: w, mask: maskPasswords(p.currentPlan().conf)}
			v2.ServeHTTP(masked, r)
			masked.flush()
			return
		}
		v2.ServeHTTP(w, r)
	})
}

// maskedResponse masks a body when it is complete: Alertmanager shows its configuration with the passwords of URLs. It
// also leaves out what says nothing, see terse.
type maskedResponse struct {
	http.ResponseWriter
	mask *strings.Replacer
	code int
	body strings.Builder
}

// WriteHeader implements http.ResponseWriter.
func (w *maskedResponse) WriteHeader(code int) {
	if w.code == 0 {
		w.code = code
	}
}

// Write implements http.ResponseWriter.
func (w *maskedResponse) Write(b []byte) (int, error) { return w.body.Write(b) }

func (w *maskedResponse) flush() {
	w.ResponseWriter.WriteHeader(cmp.Or(w.code, http.StatusOK))
	// A client that has gone cannot be told so.
	_, _ = io.WriteString(w.ResponseWriter, terseAnswer(w.mask.Replace(w.body.String())))
}

func (p *Pipeline) flushSilences() error {
	err := p.silenceJournal.flush()
	if err != nil {
		p.metrics.journalErrors.WithLabelValues("silences").Inc()
		p.logger.Error("silences could not be written", "err", err)
	}
	return err
}

// durableResponse answers success only after flush has succeeded.
type durableResponse struct {
	http.ResponseWriter
	flush   func() error
	started bool
	failed  bool
}

// WriteHeader implements http.ResponseWriter.
func (w *durableResponse) WriteHeader(code int) {
	if w.started {
		return
	}
	w.started = true
	if code < http.StatusMultipleChoices {
		if err := w.flush(); err != nil {
			w.failed = true
			http.Error(w.ResponseWriter, "The silence is in force but would not survive a restart: "+err.Error(),
				http.StatusInternalServerError)
			return
		}
	}
	w.ResponseWriter.WriteHeader(code)
}

// Write implements http.ResponseWriter.
func (w *durableResponse) Write(b []byte) (int, error) {
	w.WriteHeader(http.StatusOK)
	if w.failed {
		return len(b), nil
	}
	return w.ResponseWriter.Write(b)
}
