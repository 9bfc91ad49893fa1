package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
)

// deadline is how long a scenario waits for something that should take seconds.
const deadline = 2 * time.Minute

// shareSpec is an objective over a short period: its windows are seconds, so that
// an incident's whole life fits into a test.
const shareSpec = `version: prometheus/v1
service: share
labels: {team: social}
slos:
  - name: share-availability
    objective: 99.5
    description: Sharing a post is answered without a server error.
    watchtower: {period: 12h, promise: Sharing a post works}
    sli:
      events:
        error_query: sum(rate(requests_total{job="share",outcome="bad"}[{{.window}}]))
        total_query: sum(rate(requests_total{job="share"}[{{.window}}]))
    alerting: {name: ShareErrorBudgetBurn, ticket_alert: {disable: true}}
`

// lifeRoute notifies of changes and repeats fast enough for a test.
const lifeRoute = `route:
  receiver: slack
  group_by: [service]
  group_wait: 100ms
  group_interval: 1s
  repeat_interval: 6s
receivers:
  - name: slack
    slack_configs: [{send_resolved: true}]
`

// objectiveID is that of shareSpec.
const objectiveID = "share-share-availability"

// world is a running Watchtower and a backend whose counters the test moves.
type world struct {
	t        testing.TB
	dir      string
	app      *App
	stop     func()
	began    time.Time // of the counters: their OTLP start time
	counters map[string]float64
}

// baseConfig listens on free ports and scrapes nothing.
const baseConfig = `web: {listen: 127.0.0.1:0}
collectors: {otlp: {grpc: 127.0.0.1:0, http: 127.0.0.1:0}}
`

// newWorld writes a configuration and starts a Watchtower on it.
func newWorld(tb testing.TB, files map[string]string) *world {
	tb.Helper()
	w := &world{t: tb, dir: tb.TempDir(), began: time.Now().Add(-10 * time.Minute), counters: map[string]float64{}}
	if _, ok := files["watchtower.yaml"]; !ok {
		files = maps.Clone(files)
		files["watchtower.yaml"] = baseConfig
	}
	for name, text := range files {
		w.write(name, text)
	}
	w.start()
	return w
}

func (w *world) write(name, text string) {
	w.t.Helper()
	path := filepath.Join(w.dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		w.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		w.t.Fatal(err)
	}
}

// start opens and runs the app and waits until it takes telemetry.
func (w *world) start() {
	w.t.Helper()
	logger := slog.New(slog.NewTextHandler(w.t.Output(), &slog.HandlerOptions{Level: slog.LevelWarn}))
	a, err := Open(w.t.Context(), Options{ConfigFile: filepath.Join(w.dir, "watchtower.yaml"), Logger: logger, Version: "test"})
	if err != nil {
		w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	stopped := false
	w.app, w.stop = a, func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-ran; err != nil {
			w.t.Errorf("run: %v", err)
		}
		if err := a.Close(); err != nil {
			w.t.Errorf("close: %v", err)
		}
	}
	w.t.Cleanup(w.stop)
	select {
	case <-a.Ready():
	case err := <-ran:
		w.t.Fatalf("ended before it was ready: %v", err)
	case <-time.After(deadline):
		w.t.Fatal("not ready in time")
	}
}

// requests moves the counters of job share at each of the times: good and bad
// requests a second since the time before, sent as one OTLP request.
func (w *world) requests(times []time.Time, good, bad float64) {
	w.t.Helper()
	points := map[string][]any{}
	for i, at := range times {
		step := 1.0
		if i > 0 {
			step = at.Sub(times[i-1]).Seconds()
		}
		w.counters["ok"] += good * step
		w.counters["bad"] += bad * step
		for outcome, v := range w.counters {
			points[outcome] = append(points[outcome], map[string]any{
				"attributes":        attributes("outcome", outcome),
				"startTimeUnixNano": fmt.Sprint(w.began.UnixNano()),
				"timeUnixNano":      fmt.Sprint(at.UnixNano()),
				"asDouble":          v,
			})
		}
	}
	all := slices.Concat(points["ok"], points["bad"])
	w.otlp(map[string]any{"resourceMetrics": []any{map[string]any{
		"resource": map[string]any{"attributes": attributes("service.name", "share", "service.instance.id", "share-1")},
		"scopeMetrics": []any{map[string]any{"metrics": []any{map[string]any{
			"name": "requests", "sum": map[string]any{"aggregationTemporality": 2, "isMonotonic": true, "dataPoints": all},
		}}}},
	}}})
}

func attributes(pairs ...string) []any {
	var list []any
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, map[string]any{"key": pairs[i], "value": map[string]any{"stringValue": pairs[i+1]}})
	}
	return list
}

// otlp sends one request to the OTLP receiver and demands that it is taken.
func (w *world) otlp(body any) {
	w.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		w.t.Fatal(err)
	}
	_, addr := w.app.OTLPAddrs()
	status, answer := w.post("http://"+addr+"/v1/metrics", "application/json", text)
	if status != http.StatusOK {
		w.t.Fatalf("OTLP answered %d: %s", status, answer)
	}
}

func (w *world) post(url, contentType string, body []byte) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodPost, url, bytes.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	return w.do(req)
}

// alert posts alerts as an outside Prometheus does.
func (w *world) alert(until time.Time, name, service string, instances ...string) {
	w.t.Helper()
	var list []map[string]any
	for _, instance := range instances {
		list = append(list, map[string]any{
			"labels":      map[string]string{"alertname": name, "service": service, "instance": instance, "severity": "page"},
			"annotations": map[string]string{"summary": "Disk of " + instance + " is full"},
			"startsAt":    time.Now().Add(-time.Minute), "endsAt": until,
		})
	}
	body, err := json.Marshal(list)
	if err != nil {
		w.t.Fatal(err)
	}
	if status, answer := w.post(w.url("/api/v2/alerts"), "application/json", body); status != http.StatusOK {
		w.t.Fatalf("alerts: %d %s", status, answer)
	}
}

// get fetches a path of the web address.
func (w *world) get(path string) (status int, answer string) {
	w.t.Helper()
	req, err := http.NewRequestWithContext(w.t.Context(), http.MethodGet, w.url(path), http.NoBody)
	if err != nil {
		w.t.Fatal(err)
	}
	return w.do(req)
}

func (w *world) url(path string) string { return "http://" + w.app.listener.Addr().String() + path }

func (w *world) do(req *http.Request) (status int, answer string) {
	w.t.Helper()
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

// seconds lists the seconds from one time to another, the last included.
func seconds(from, to time.Time) []time.Time {
	var times []time.Time
	for at := from; !at.After(to); at = at.Add(time.Second) {
		times = append(times, at)
	}
	return times
}

// expect waits for a message in #oncall.
func (w *world) expect(what string, ok func(inbox.Message) bool) inbox.Message {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), deadline)
	defer cancel()
	m, err := w.app.Inbox().Wait(ctx, "#oncall", ok)
	if err != nil {
		_, page := w.get("/api/watchtower/v1/objectives")
		w.t.Fatalf("%s: %v\n%s", what, err, page)
	}
	return m
}

// all are the messages of #oncall so far.
func (w *world) all() []inbox.Message {
	w.t.Helper()
	messages, err := w.app.Inbox().Messages(w.t.Context(), "#oncall")
	if err != nil {
		w.t.Fatal(err)
	}
	return messages
}

// keep sends a second's requests every second until the test ends the returned function.
func (w *world) keep(good, bad float64) (stop func()) {
	ctx, cancel := context.WithCancel(w.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		ticker := time.NewTicker(time.Second)
		defer ticker.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case at := <-ticker.C:
				w.requests([]time.Time{at}, good, bad)
			}
		}
	}()
	return func() { cancel(); <-done }
}

func isPage(m inbox.Message) bool {
	return m.ThreadTS == "" && strings.Contains(m.Text, "Sharing a post works")
}

// crossThreshold sends minutes of good requests and then just enough bad ones, and
// returns when the request was sent whose samples cross the page's threshold.
func (w *world) crossThreshold() (sent time.Time) {
	w.t.Helper()
	now := time.Now()
	w.requests(seconds(now.Add(-5*time.Minute), now.Add(-12*time.Second)), 20, 0)
	// Half of all requests fail: after nine seconds the 64 s window burns fast enough.
	w.requests(seconds(now.Add(-11*time.Second), now.Add(-6*time.Second)), 10, 10)
	w.judged(now.Add(-6 * time.Second))
	sent = time.Now()
	w.requests(seconds(now.Add(-5*time.Second), now), 10, 10)
	return sent
}

// judged waits until an evaluation has seen the samples up to at.
func (w *world) judged(at time.Time) {
	w.t.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-ticker.C {
		if st, ok := w.app.Status(objectiveID); ok && st.UpdatedAt.After(at) && st.ErrorRatio > 0 {
			return
		}
	}
	w.t.Fatal("the objective was not judged in time")
}

// BenchmarkSampleToSlack measures the time from the OTLP request that crosses a
// page's threshold to Slack's ok, over the built-in route: group_wait (1 s), the
// 50 ms that an urgent evaluation gathers samples, and what the code adds.
func BenchmarkSampleToSlack(b *testing.B) {
	var worst, sum time.Duration
	for range b.N {
		w := newWorld(b, map[string]string{"slos/share.yaml": shareSpec})
		sent := w.crossThreshold()
		took := w.expect("a page", isPage).Posted.Sub(sent)
		sum, worst = sum+took, max(worst, took)
		w.stop()
	}
	b.ReportMetric(sum.Seconds()/float64(b.N), "s/page")
	b.ReportMetric(worst.Seconds(), "s/worst")
}

// TestFaultToResolvedPage is the product's sentence: telemetry in, a page with its
// playbook out, marked resolved when the backend recovers.
func TestFaultToResolvedPage(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	sent := w.crossThreshold()
	page := w.expect("a page", isPage)
	t.Logf("from the sample that crosses the threshold to Slack's ok: %s", page.Posted.Sub(sent).Round(time.Millisecond))
	if !strings.HasPrefix(page.Text, "🔴") {
		t.Errorf("the page does not begin with 🔴: %s", page.Text)
	}
	w.expect("the playbook in the page's thread", func(m inbox.Message) bool {
		return m.ThreadTS == page.TS && strings.Contains(string(m.Blocks), "Mitigate")
	})

	stop := w.keep(20, 0)
	defer stop()
	resolved := w.expect("the page marked resolved", func(m inbox.Message) bool {
		return m.TS == page.TS && strings.HasPrefix(m.Text, "✅")
	})
	t.Logf("from the fault to the resolved page: %s", resolved.Edited.Sub(sent).Round(time.Millisecond))
	pages := 0
	for _, m := range w.all() {
		if m.ThreadTS == "" {
			pages++
		}
	}
	if pages != 1 {
		t.Errorf("%d messages in the channel, want one page", pages)
	}
}

// TestCountsAreExact compares what the ledger says of any range, and what the
// Prometheus API says, with what was sent.
func TestCountsAreExact(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	now := time.Now().Truncate(time.Second)
	w.began = now.Add(-41 * time.Minute)
	w.requests(seconds(now.Add(-40*time.Minute), now), 20, 1)
	for _, span := range []time.Duration{5 * time.Minute, 17 * time.Minute, 30 * time.Minute} {
		good, total, err := w.app.engine.Counts(objectiveID, now.Add(-span), now)
		wantTotal := 21 * span.Seconds()
		if err != nil || total != wantTotal || total-good != span.Seconds() {
			t.Errorf("the last %s: %v of %v failed, want %v of %v (%v)", span, total-good, total, span.Seconds(), wantTotal, err)
		}
	}
	_, answer := w.get("/api/v1/query?query=requests_total{outcome=\"bad\"}")
	if want := fmt.Sprintf(`"%v"]`, w.counters["bad"]); !strings.Contains(answer, want) {
		t.Errorf("the Prometheus API does not say %s: %s", want, answer)
	}
}
