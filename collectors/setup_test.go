package collectors

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		// Started by packages when they are loaded.
		goleak.IgnoreTopFunction("github.com/golang/glog.(*fileSink).flushDaemon"),
		goleak.IgnoreTopFunction("k8s.io/klog/v2.(*flushDaemon).run.func1"),
		// Prometheus starts it for its OTLP endpoint and never stops it.
		goleak.IgnoreTopFunction("github.com/open-telemetry/opentelemetry-collector-contrib/processor/deltatocumulativeprocessor.(*deltaToCumulativeProcessor).Start.func1"),
	)
}

// openStore opens an empty Prometheus store with exemplars.
func openStore(tb testing.TB) *tsdb.DB {
	tb.Helper()
	options := tsdb.DefaultOptions()
	options.EnableExemplarStorage = true
	options.MaxExemplars = 10_000
	options.EnableMetadataWALRecords = true
	db, err := tsdb.Open(tb.TempDir(), slog.New(slog.DiscardHandler), nil, options, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := db.Close(); err != nil {
			tb.Error(err)
		}
	})
	return db
}

// loopback is a configuration that listens on free ports.
func loopback() Config {
	cfg := DefaultConfig()
	cfg.OTLP = OTLP{GRPC: "127.0.0.1:0", HTTP: "127.0.0.1:0"}
	return cfg
}

// start runs collectors until the test ends.
func start(tb testing.TB, options Options) *Collectors {
	tb.Helper()
	c, err := New(options)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Errorf("Run: %v", err)
		}
	})
	select {
	case <-c.Ready():
	case err := <-done:
		done <- nil
		tb.Fatalf("Run: %v", err)
	case <-time.After(20 * time.Second):
		tb.Fatal("not ready after 20 s")
	}
	return c
}

// eventually polls until check holds.
func eventually(tb testing.TB, what string, check func() bool) {
	tb.Helper()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	deadline := time.After(15 * time.Second)
	for !check() {
		select {
		case <-ticker.C:
		case <-deadline:
			tb.Fatalf("not within 15 s: %s", what)
		}
	}
}

// sample is one stored sample as text can show it.
type sample struct {
	T         int64
	V         string
	Histogram string
}

// stored gives every series of a store with its samples.
func stored(tb testing.TB, db storage.Queryable, matchers ...*labels.Matcher) map[string][]sample {
	tb.Helper()
	querier, err := db.Querier(0, 1<<62)
	if err != nil {
		tb.Fatal(err)
	}
	defer querier.Close()
	if len(matchers) == 0 {
		matchers = []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")}
	}
	found := make(map[string][]sample)
	set := querier.Select(context.Background(), true, nil, matchers...)
	for set.Next() {
		series := set.At()
		key := series.Labels().String()
		it := series.Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			found[key] = append(found[key], read(it, kind))
		}
		if it.Err() != nil {
			tb.Fatal(it.Err())
		}
	}
	if set.Err() != nil {
		tb.Fatal(set.Err())
	}
	return found
}

// read shows the sample that an iterator stands at.
func read(it chunkenc.Iterator, kind chunkenc.ValueType) sample {
	switch kind {
	case chunkenc.ValFloat:
		t, v := it.At()
		if value.IsStaleNaN(v) {
			return sample{T: t, V: "stale"}
		}
		return sample{T: t, V: strconv.FormatFloat(v, 'g', -1, 64)}
	default:
		t, h := it.AtFloatHistogram(nil)
		if value.IsStaleNaN(h.Sum) {
			return sample{T: t, Histogram: "stale"}
		}
		return sample{T: t, Histogram: fmt.Sprintf("%s schema %d hint %d zero %g", h, h.Schema, h.CounterResetHint, h.ZeroThreshold)}
	}
}

// selector parses label matchers such as name=value.
func selector(name string, pairs ...string) []*labels.Matcher {
	matchers := []*labels.Matcher{labels.MustNewMatcher(labels.MatchEqual, "__name__", name)}
	for _, pair := range pairs {
		key, wanted, _ := strings.Cut(pair, "=")
		matchers = append(matchers, labels.MustNewMatcher(labels.MatchEqual, key, wanted))
	}
	return matchers
}

// reply is the head of an answer over HTTP.
type reply struct {
	StatusCode int
	Status     string
	Header     http.Header
}

// post sends an OTLP request over HTTP and returns the answer and its text.
func post(tb testing.TB, url string, body []byte) (reply, string) {
	tb.Helper()
	req, err := http.NewRequestWithContext(context.Background(), http.MethodPost, url, strings.NewReader(string(body)))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-protobuf")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		tb.Fatal(err)
	}
	return reply{StatusCode: resp.StatusCode, Status: resp.Status, Header: resp.Header}, string(text)
}

// encode is an OTLP metrics request on the wire. It leaves md as it is.
func encode(tb testing.TB, md pmetric.Metrics) []byte {
	tb.Helper()
	clone := pmetric.NewMetrics()
	md.CopyTo(clone)
	body, err := pmetricotlp.NewExportRequestFromMetrics(clone).MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return body
}

// logBuffer keeps what is logged.
type logBuffer struct {
	mu   sync.Mutex
	text strings.Builder
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
