package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/instrumentation/net/http/otelhttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// endpoint is one route of a service: what it is called, whom it calls, and how
// long its own work takes.
type endpoint struct {
	method, route string
	calls         []call
	work          time.Duration
}

// call is a request that a service makes to serve one of its own.
type call struct{ service, method, route string }

// topology is the backend: who serves what, and who calls whom.
func topology() map[string][]endpoint {
	verify := call{"auth", http.MethodGet, "/verify"}
	return map[string][]endpoint{
		"auth": {
			{method: http.MethodPost, route: "/login", work: 8 * time.Millisecond},
			{method: http.MethodGet, route: "/verify", work: time.Millisecond},
		},
		"feed":  {{method: http.MethodGet, route: "/feed", work: 6 * time.Millisecond, calls: []call{verify, {"media", http.MethodGet, "/media"}}}},
		"share": {{method: http.MethodPost, route: "/share", work: 5 * time.Millisecond, calls: []call{verify, {"media", http.MethodGet, "/media"}}}},
		"media": {{method: http.MethodGet, route: "/media", work: 4 * time.Millisecond}},
	}
}

// services lists the backend's services in the order they start.
func services() []string { return []string{"auth", "media", "feed", "share"} }

// failing says which release of a service serves a request right now, and what share
// of such requests fail, 0–1.
type failing func(service string) (release string, ratio float64)

// releaseHeader tells the middleware who served the request.
const releaseHeader = "X-Release"

// backend is the running influencer app.
type backend struct {
	addrs   map[string]string // service → host:port
	servers []*http.Server
	tel     []*telemetry
	serving chan error
}

// otlp is where telemetry goes, as host:port: metrics by gRPC, traces by HTTP.
type otlp struct{ grpc, http string }

// startBackend starts every service on its listener. The caller stops it.
func startBackend(ctx context.Context, listeners map[string]net.Listener, to otlp, fails failing) (*backend, error) {
	b := &backend{addrs: map[string]string{}, serving: make(chan error, len(services()))}
	for name, ln := range listeners {
		b.addrs[name] = ln.Addr().String()
	}
	for _, name := range services() {
		tel, err := newTelemetry(ctx, name, to)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("instrument %s: %w", name, err), b.stop(ctx))
		}
		b.tel = append(b.tel, tel)
		srv := &http.Server{Handler: b.handler(name, tel, fails), ReadHeaderTimeout: 5 * time.Second}
		b.servers = append(b.servers, srv)
		go func() { b.serving <- srv.Serve(listeners[name]) }()
	}
	return b, nil
}

// stop ends every server, then flushes what the SDKs still hold.
func (b *backend) stop(ctx context.Context) error {
	var errs []error
	for _, srv := range b.servers {
		errs = append(errs, srv.Shutdown(ctx))
	}
	for range b.servers {
		if err := <-b.serving; !errors.Is(err, http.ErrServerClosed) {
			errs = append(errs, err)
		}
	}
	for _, tel := range b.tel {
		errs = append(errs, tel.shutdown(ctx))
	}
	return errors.Join(errs...)
}

// handler serves one service: its endpoints behind OpenTelemetry and client_golang
// middleware, and /metrics for the scraper.
func (b *backend) handler(service string, tel *telemetry, fails failing) http.Handler {
	client := &http.Client{
		Timeout:   5 * time.Second,
		Transport: otelhttp.NewTransport(http.DefaultTransport, tel.options()...),
	}
	reg := prometheus.NewRegistry()
	// The services share a process here, and so each tells what all of them use.
	reg.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	red := newREDMetrics(reg)
	mux := http.NewServeMux()
	for _, ep := range topology()[service] {
		h := red.observe(ep.route, b.serve(service, ep, client, fails))
		mux.Handle(ep.method+" "+ep.route, h)
	}
	outer := http.NewServeMux()
	outer.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	outer.Handle("/", otelhttp.NewHandler(mux, service, tel.options()...))
	return outer
}

// serve does an endpoint's work: its own delay, its calls, and the failures the
// story asks for.
func (b *backend) serve(service string, ep endpoint, client *http.Client, fails failing) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		pause(r.Context(), time.Duration(float64(ep.work)*(0.5+rand.Float64())))
		release, ratio := fails(service)
		w.Header().Set(releaseHeader, release)
		if rand.Float64() < ratio {
			http.Error(w, service+": no database connection left", http.StatusServiceUnavailable)
			return
		}
		for _, c := range ep.calls {
			if err := b.call(r.Context(), client, c); err != nil {
				http.Error(w, err.Error(), http.StatusBadGateway)
				return
			}
		}
		_, _ = io.WriteString(w, "ok\n")
	}
}

func (b *backend) call(ctx context.Context, client *http.Client, c call) error {
	req, err := http.NewRequestWithContext(ctx, c.method, "http://"+b.addrs[c.service]+c.route, http.NoBody)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.service, err)
	}
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("call %s: %w", c.service, err)
	}
	defer resp.Body.Close()
	_, _ = io.Copy(io.Discard, resp.Body)
	// A dependency's failure is counted where it happened; the page must not show
	// three broken services for one bad release.
	return nil
}

// pause waits for d or until ctx ends.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// redMetrics are the client_golang metrics every service exposes for scraping.
type redMetrics struct {
	requests *prometheus.CounterVec
	duration *prometheus.HistogramVec
}

func newREDMetrics(reg prometheus.Registerer) *redMetrics {
	m := &redMetrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "http_requests_total", Help: "Requests served, by route, status code and release.",
		}, []string{"route", "code", "version"}),
		duration: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "http_request_duration_seconds", Help: "Time to serve a request.",
			Buckets: []float64{0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5},
		}, []string{"route"}),
	}
	reg.MustRegister(m.requests, m.duration)
	return m
}

// observe counts and times next, with the trace as the exemplar of each duration.
func (m *redMetrics) observe(route string, next http.Handler) http.Handler {
	for _, code := range []string{"200", "502", "503"} {
		m.requests.WithLabelValues(route, code, goodRelease)
		m.requests.WithLabelValues(route, code, badRelease)
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		rec := &statusWriter{ResponseWriter: w, code: http.StatusOK}
		next.ServeHTTP(rec, r)
		m.requests.WithLabelValues(route, strconv.Itoa(rec.code), rec.Header().Get(releaseHeader)).Inc()
		var exemplar prometheus.Labels
		if sc := trace.SpanContextFromContext(r.Context()); sc.IsSampled() {
			exemplar = prometheus.Labels{"trace_id": sc.TraceID().String()}
		}
		if o, ok := m.duration.WithLabelValues(route).(prometheus.ExemplarObserver); ok {
			o.ObserveWithExemplar(time.Since(began).Seconds(), exemplar)
		}
	})
}

// statusWriter remembers the status code that was sent.
type statusWriter struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

// propagator carries trace context between the services.
func propagator() propagation.TextMapPropagator { return propagation.TraceContext{} }
