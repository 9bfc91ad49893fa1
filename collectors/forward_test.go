package collectors

import (
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPipelines(t *testing.T) {
	line := func(p Pipeline) string {
		return fmt.Sprintf("%s: %s | %s | %s", p.Name, strings.Join(p.Receivers, " "), strings.Join(p.Processors, " "), strings.Join(p.Exporters, " "))
	}
	for _, test := range []struct{ name, text, want string }{
		{"built in", ``, `
			logs: otlp |  | watchtower
			metrics: otlp | admission memory_limiter | watchtower
			metrics/spans: span_metrics service_graph |  | watchtower/spans
			traces: otlp | admission memory_limiter spans | span_metrics service_graph`},
		{"receivers only", `receivers: {redis: {endpoint: "localhost:1"}, host_metrics: {scrapers: {cpu: }}, redis/second: {endpoint: "localhost:2"}}`, `
			logs: otlp |  | watchtower
			metrics: otlp host_metrics redis redis/second | admission memory_limiter | watchtower
			metrics/spans: span_metrics service_graph |  | watchtower/spans
			traces: otlp | admission memory_limiter spans | span_metrics service_graph`},
		{"an exporter behind the built-in pipelines", `
exporters: {otlp_grpc/tempo: {endpoint: "localhost:1"}, otlp_http: {endpoint: "http://localhost:2"}}
service: {pipelines: {traces: {exporters: [otlp_grpc/tempo]}, metrics: {exporters: [watchtower, otlp_http]}}}`, `
			logs: otlp |  | watchtower
			metrics: otlp | admission memory_limiter | watchtower relay
			metrics/relay: relay |  | otlp_http
			metrics/spans: span_metrics service_graph |  | watchtower/spans
			traces: otlp | admission memory_limiter spans | span_metrics service_graph relay
			traces/relay: relay |  | otlp_grpc/tempo`},
		{"pipelines of one's own", `
receivers: {statsd: {}}
exporters: {otlp: {endpoint: "localhost:1"}}
service:
  pipelines:
    traces/tempo: {receivers: [otlp], exporters: otlp}
    metrics/statsd: {receivers: [statsd], exporters: [watchtower, otlp]}
    logs: {receivers: [otlp], exporters: [otlp]}`, `
			logs: otlp |  | otlp
			metrics: otlp | admission memory_limiter | watchtower
			metrics/spans: span_metrics service_graph |  | watchtower/spans
			metrics/statsd: statsd |  | watchtower otlp
			traces: otlp | admission memory_limiter spans | span_metrics service_graph relay
			traces/tempo: relay |  | otlp`},
		{"a second OTLP receiver", `receivers: {otlp/outside: {protocols: {grpc: {endpoint: "0.0.0.0:14317"}}}}`, `
			logs: otlp otlp/outside |  | watchtower
			metrics: otlp otlp/outside | admission memory_limiter | watchtower
			metrics/spans: span_metrics service_graph |  | watchtower/spans
			traces: otlp otlp/outside | admission memory_limiter spans | span_metrics service_graph`},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := parse(t, "otelcol:\n"+indent(test.text))
			if err := cfg.Validate(); err != nil {
				t.Fatal(err)
			}
			user, err := cfg.userSection()
			if err != nil {
				t.Fatal(err)
			}
			lines, err := cfg.pipelines(user)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, p := range lines.sorted() {
				got = append(got, line(p))
			}
			want := strings.Split(strings.ReplaceAll(strings.TrimSpace(test.want), "\t", ""), "\n")
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("pipelines (-want +got):\n%s", diff)
			}
		})
	}
}

func indent(text string) string {
	return "  " + strings.ReplaceAll(text, "\n", "\n  ")
}

// TestForwarding sends from one instance to another.
func TestForwarding(t *testing.T) {
	far := openStore(t)
	farAddr, _ := start(t, Options{Config: loopback(), Store: far}).OTLPAddrs()
	cfg := parse(t, fmt.Sprintf(`
otlp: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}
otelcol:
  exporters:
    otlp_grpc: {endpoint: %q, tls: {insecure: true}}
  service:
    pipelines:
      traces: {exporters: [otlp_grpc]}
      metrics/copy: {receivers: [otlp], exporters: [otlp_grpc]}
`, farAddr))
	near := openStore(t)
	c := start(t, Options{Config: cfg, Store: near})
	sendSpans(t, c, request("a", 200, time.Millisecond))
	_, httpAddr := c.OTLPAddrs()
	if resp, text := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, gaugeMetric("copied", time.Now(), 1))); resp.StatusCode != http.StatusOK {
		t.Fatal(text)
	}
	eventually(t, "both have both", func() bool {
		return len(stored(t, near, selector("copied")...)) == 1 && len(stored(t, far, selector("copied")...)) == 1 &&
			len(stored(t, near, selector("traces_span_metrics_calls_total")...)) == 1 && len(stored(t, far, selector("traces_span_metrics_calls_total")...)) == 1
	})
}

func TestFailingForwardDoesNotReachTheSender(t *testing.T) {
	cfg := parse(t, `
otlp: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}
otelcol:
  exporters:
    otlp_grpc: {endpoint: "127.0.0.1:1", tls: {insecure: true}, sending_queue: {enabled: false}, retry_on_failure: {enabled: false}, timeout: 1s}
  service:
    pipelines:
      traces/tempo: {receivers: [otlp], exporters: [otlp_grpc]}
      metrics: {exporters: [otlp_grpc]}
`)
	db := openStore(t)
	c := start(t, Options{Config: cfg, Store: db})
	sendSpans(t, c, request("a", 200, time.Millisecond))
	_, httpAddr := c.OTLPAddrs()
	if resp, text := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, gaugeMetric("kept", time.Now(), 1))); resp.StatusCode != http.StatusOK {
		t.Fatal(text)
	}
	if got := c.Status(); got.RelayFailed != 2 || got.LastError == "" {
		t.Errorf("status %+v, want a span and a sample that were not passed on", got)
	}
	if len(stored(t, db, selector("kept")...)) != 1 {
		t.Error("the sample is not stored")
	}
}

// TestReceivers runs receivers against what they watch: this host, and small servers that answer as the real ones do.
func TestReceivers(t *testing.T) {
	nginx := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "Active connections: 3 \nserver accepts handled requests\n 11 12 13 \nReading: 0 Writing: 1 Waiting: 2 \n")
	}))
	defer nginx.Close()
	db := openStore(t)
	statsd := freeUDP(t)
	start(t, Options{Store: db, Config: parse(t, fmt.Sprintf(`
otlp: {grpc: "", http: ""}
otelcol:
  receivers:
    hostmetrics: {collection_interval: 200ms, initial_delay: 0s, scrapers: {load: , memory: }}
    nginx: {endpoint: %q, collection_interval: 200ms, initial_delay: 0s}
    memcached: {endpoint: %q, collection_interval: 200ms, initial_delay: 0s}
    statsd: {endpoint: %q, aggregation_interval: 200ms, is_monotonic_counter: true}
    http_check: {targets: [{endpoint: %q, interval: 200ms}]}
`, nginx.URL, fakeMemcached(t), statsd, nginx.URL))})
	conn, err := net.Dial("udp", statsd) //nolint:noctx // A test's own connection.
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, name := range []string{
		"system_memory_usage_bytes", "system_cpu_load_average_1m", "nginx_requests_total", "memcached_connections_current", "shares_total", "httpcheck_status",
	} {
		eventually(t, name+" is stored", func() bool {
			_, _ = fmt.Fprint(conn, "shares:2|c|#kind:reel")
			return len(stored(t, db, selector(name)...)) > 0
		})
	}
	if t.Failed() {
		t.Log(slices.Sorted(maps.Keys(stored(t, db))))
	}
}

func freeUDP(t *testing.T) string {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") //nolint:noctx // A test's own listener.
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.LocalAddr().String()
}

// fakeMemcached answers `stats` as memcached does.
func fakeMemcached(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // A test's own listener.
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				buffer := make([]byte, 256)
				for {
					if _, err := conn.Read(buffer); err != nil {
						return
					}
					fmt.Fprint(conn, "STAT pid 1\r\nSTAT version 1.6.0\r\nSTAT curr_connections 5\r\nSTAT bytes 100\r\nEND\r\n")
				}
			}()
		}
	}()
	return listener.Addr().String()
}
