package collectors

import (
	"context"
	"fmt"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// startTimes is a store that remembers the start time and the metadata of each metric.
type startTimes struct {
	storage.AppendableV2

	mu    sync.Mutex
	start map[string]int64
	help  map[string]string
}

func (s *startTimes) AppenderV2(ctx context.Context) storage.AppenderV2 {
	return &startTimeAppender{AppenderV2: s.AppendableV2.AppenderV2(ctx), store: s}
}

type startTimeAppender struct {
	storage.AppenderV2

	store *startTimes
}

//revive:disable-next-line:argument-limit // Prometheus' interface.
func (a *startTimeAppender) Append(
	ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions,
) (storage.SeriesRef, error) {
	a.store.mu.Lock()
	a.store.start[ls.Get("__name__")] = st
	a.store.help[ls.Get("__name__")] = opts.Metadata.Help
	a.store.mu.Unlock()
	return a.AppenderV2.Append(ref, ls, st, t, v, h, fh, opts)
}

// TestScrapeKeepsWhatTheTargetKnows scrapes client_golang, found through a file: native histograms, exemplars, start
// times and metadata arrive.
func TestScrapeKeepsWhatTheTargetKnows(t *testing.T) {
	registry := prometheus.NewRegistry()
	posts := prometheus.NewCounter(prometheus.CounterOpts{Name: "posts_total", Help: "Posts shared."})
	latency := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds", Help: "How long it takes.", NativeHistogramBucketFactor: 1.1})
	registry.MustRegister(posts, latency)
	posts.(prometheus.ExemplarAdder).AddWithExemplar(3, prometheus.Labels{"trace_id": "abc"})
	latency.Observe(0.25)
	target := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: true}))
	defer target.Close()
	dir := t.TempDir()
	file := fmt.Sprintf("[{targets: [%q], labels: {zone: a}}]", strings.TrimPrefix(target.URL, "http://"))
	if err := os.WriteFile(filepath.Join(dir, "targets.yaml"), []byte(file), 0o600); err != nil {
		t.Fatal(err)
	}

	cfg := parse(t, `
otlp: {grpc: "127.0.0.1:0"}
global: {scrape_interval: 100ms, scrape_native_histograms: true}
scrape_configs: [{job_name: share, file_sd_configs: [{files: [targets.yaml]}]}]
`)
	cfg.OTLP.HTTP = ""
	cfg.SetDirectory(dir)
	db := openStore(t)
	store := &startTimes{AppendableV2: db, start: make(map[string]int64), help: make(map[string]string)}
	start(t, Options{Config: cfg, Store: store})

	eventually(t, "the histogram is stored natively", func() bool {
		for _, samples := range stored(t, db, selector("latency_seconds", "job=share", "zone=a")...) {
			return strings.Contains(samples[0].Histogram, "count:1, sum:0.25")
		}
		return false
	})
	if got := exemplars(t, db); len(got) == 0 || !strings.Contains(got[0], `trace_id="abc"`) {
		t.Errorf("exemplars %q, want the counter's", got)
	}
	store.mu.Lock()
	defer store.mu.Unlock()
	for name, help := range map[string]string{"posts_total": "Posts shared.", "latency_seconds": "How long it takes."} {
		if store.start[name] == 0 || store.help[name] != help {
			t.Errorf("%s: start time %d, help %q; want both", name, store.start[name], help)
		}
	}
}
