package web

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// handler is a page or an API call. It returns before it has written anything, or nil.
type handler func(http.ResponseWriter, *http.Request) error

// fault is an error with what the user is told about it.
type fault struct {
	status   int
	sentence string
	cause    error // For the log.
}

// Error returns the sentence and its cause.
func (f fault) Error() string {
	if f.cause == nil {
		return f.sentence
	}
	return f.sentence + ": " + f.cause.Error()
}

// Unwrap returns the cause.
func (f fault) Unwrap() error { return f.cause }

// asFault gives every error a status and a sentence. Details stay in the log.
func asFault(err error) fault {
	var f fault
	switch {
	case errors.As(err, &f):
		return f
	case errors.Is(err, context.Canceled):
		// The client has gone, or the server is stopping: nobody reads this.
		return fault{http.StatusServiceUnavailable, "The request was canceled.", err}
	case errors.Is(err, context.DeadlineExceeded):
		return fault{http.StatusGatewayTimeout, "This took too long.", err}
	default:
		return fault{http.StatusInternalServerError, "Something went wrong on our side. The log says what.", err}
	}
}

func notFound(_ http.ResponseWriter, r *http.Request) error {
	return fault{http.StatusNotFound, fmt.Sprintf("There is nothing at %s.", r.URL.Path), nil}
}

// elsewhere answers for every path that pages does not serve, and for every method that it does not take there.
func elsewhere(pages *http.ServeMux) handler {
	return func(w http.ResponseWriter, r *http.Request) error {
		var taken []string
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodDelete} {
			other := r.Clone(r.Context())
			other.Method = method
			if _, pattern := pages.Handler(other); pattern != "/" {
				taken = append(taken, method)
			}
		}
		if len(taken) == 0 {
			return notFound(w, r)
		}
		w.Header().Set("Allow", strings.Join(taken, ", "))
		if slices.Contains(taken, http.MethodGet) && len(taken) == 2 {
			return fault{http.StatusMethodNotAllowed, "This can only be read: use GET.", nil}
		}
		return fault{http.StatusMethodNotAllowed, "This takes " + strings.Join(taken, ", ") + " and nothing else.", nil}
	}
}

// errWritten marks an error that came after the first byte: nothing can be said to the client any more.
var errWritten = errors.New("write response")

func written(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", errWritten, err)
}

// handle turns a handler into an http.Handler: its error becomes a page or JSON, whichever the path serves.
func (s *site) handle(h handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		err := h(w, r)
		if err == nil {
			return
		}
		if errors.Is(err, errWritten) {
			s.log.Debug("client went away", "path", r.URL.Path, "err", err)
			return
		}
		s.fail(w, r, asFault(err))
	})
}

// fail answers with a fault.
func (s *site) fail(w http.ResponseWriter, r *http.Request, f fault) {
	if f.status >= http.StatusInternalServerError {
		s.log.Error("request failed", "method", r.Method, "path", r.URL.Path, "status", f.status, "err", f.Error())
	}
	var err error
	if isAPI(r.URL.Path) {
		err = writeJSON(w, r, f.status, apiError{Error: f.sentence, Status: f.status})
	} else {
		err = s.render(w, r, f.status, page{Template: "error", Title: http.StatusText(f.status), Body: f.sentence})
	}
	if err != nil {
		s.log.Debug("answer with an error", "path", r.URL.Path, "err", err)
	}
}

// isAPI tells whether a program rather than a browser is at the other end.
func isAPI(path string) bool {
	return strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/-/") || strings.HasPrefix(path, "/inbox/api/")
}

// outermost does what concerns every request: headers, metrics, and panics, which become a logged 500.
func (s *site) outermost(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		started := time.Now()
		h := w.Header()
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("X-Frame-Options", "DENY")
		h.Set("Referrer-Policy", "same-origin")
		rec := &recorder{ResponseWriter: w}
		s.metrics.inFlight.Inc()
		defer func() {
			p := recover()
			abort := s.recovered(rec, r, p)
			s.metrics.inFlight.Dec()
			s.metrics.observe(r, rec.code(), time.Since(started))
			if abort {
				panic(http.ErrAbortHandler)
			}
		}()
		next.ServeHTTP(rec, r)
	})
}

// recovered answers for a handler that panicked with p (nil: it did not). It returns true if all that is left is to cut the
// connection, since half an answer must not pass for a whole one.
func (s *site) recovered(rec *recorder, r *http.Request, p any) (abort bool) {
	if p == nil {
		return false
	}
	if err, ok := p.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		return true
	}
	s.log.Error("request panicked", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(p), "stack", string(debug.Stack()))
	if rec.status != 0 {
		return true
	}
	rec.Header().Del("Content-Encoding")
	rec.Header().Del("Content-Length")
	s.fail(rec, r, asFault(fmt.Errorf("panic: %v", p)))
	return false
}

// recorder remembers the status of a response. It passes on Flush, which streaming handlers of Prometheus ask for.
type recorder struct {
	http.ResponseWriter
	status int
}

// WriteHeader implements http.ResponseWriter.
func (r *recorder) WriteHeader(status int) {
	if r.status == 0 && status >= http.StatusOK {
		r.status = status
		r.guardPage()
	}
	r.ResponseWriter.WriteHeader(status)
}

// Write implements http.ResponseWriter.
func (r *recorder) Write(b []byte) (int, error) {
	if r.status == 0 {
		r.status = http.StatusOK
		r.guardPage()
	}
	return r.ResponseWriter.Write(b)
}

// guardPage gives a page that brings no policy of its own the site's: redirects and what is mounted write HTML, too. What
// says nothing of its kind may be taken for a page.
func (r *recorder) guardPage() {
	h := r.Header()
	kind := h.Get("Content-Type")
	if h.Get("Content-Security-Policy") == "" && (kind == "" || strings.HasPrefix(kind, "text/html")) {
		h.Set("Content-Security-Policy", contentSecurity)
	}
}

// Flush implements http.Flusher.
func (r *recorder) Flush() {
	if f, ok := r.ResponseWriter.(http.Flusher); ok {
		f.Flush()
	}
}

// Unwrap serves http.ResponseController.
func (r *recorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }

func (r *recorder) code() int {
	if r.status == 0 {
		return http.StatusOK
	}
	return r.status
}

// contentSecurity lets a page load what this server serves, and nothing else: no inline script or style, no frame, no plugin.
const contentSecurity = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// Bodies below this size are not worth compressing.
const gzipFrom = 1400

// send writes a whole body, compressed if the client can take it.
func send(w http.ResponseWriter, r *http.Request, status int, body []byte) error {
	h := w.Header()
	h.Add("Vary", "Accept-Encoding")
	if len(body) >= gzipFrom && acceptsGzip(r) {
		var b bytes.Buffer
		z := gzip.NewWriter(&b)
		if _, err := z.Write(body); err != nil {
			return fmt.Errorf("compress response: %w", err)
		}
		if err := z.Close(); err != nil {
			return fmt.Errorf("compress response: %w", err)
		}
		body = b.Bytes()
		h.Set("Content-Encoding", "gzip")
	}
	h.Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, err := w.Write(body)
	return written(err)
}

func acceptsGzip(r *http.Request) bool {
	for coding := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, params, _ := strings.Cut(strings.TrimSpace(coding), ";")
		if strings.EqualFold(strings.TrimSpace(name), "gzip") {
			q := strings.ReplaceAll(params, " ", "")
			return q != "q=0" && q != "q=0.0" && q != "q=0.00" && q != "q=0.000"
		}
	}
	return false
}

func writeJSON(w http.ResponseWriter, r *http.Request, status int, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("encode response: %w", err)
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	return send(w, r, status, b.Bytes())
}

type metrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
	inFlight prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_http_requests_total",
			Help: "HTTP requests answered, by route, method and status code.",
		}, []string{"route", "method", "code"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "watchtower_http_request_duration_seconds",
			Help:    "Time from the request's header to the end of its response, by route.",
			Buckets: []float64{.001, .005, .02, .1, .5, 2, 10, 60},
		}, []string{"route"}),
		inFlight: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_http_requests_in_flight",
			Help: "HTTP requests being answered.",
		}),
	}
	if reg != nil {
		reg.MustRegister(m.requests, m.duration, m.inFlight)
	}
	return m
}

// observe counts a request by the pattern that served it, so that a scan of made-up paths makes no new series.
func (m *metrics) observe(r *http.Request, code int, took time.Duration) {
	route := r.Pattern
	if _, path, ok := strings.Cut(route, " "); ok {
		route = path
	}
	switch route {
	case "", "/":
		route = "other"
	case "/{$}":
		route = "/"
	}
	method := r.Method
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodDelete, http.MethodOptions:
	default:
		method = "other"
	}
	m.requests.WithLabelValues(route, method, strconv.Itoa(code)).Inc()
	m.duration.WithLabelValues(route).Observe(took.Seconds())
}
