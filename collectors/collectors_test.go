package collectors

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/scrape"
	v1 "github.com/prometheus/prometheus/web/api/v1"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.yaml.in/yaml/v2"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
)

var (
	_ v1.TargetRetriever      = (*scrape.Manager)(nil)
	_ v1.ScrapePoolsRetriever = (*scrape.Manager)(nil)
)

// gaugeMetric is one gauge of one service.
func gaugeMetric(name string, at time.Time, value float64) pmetric.Metrics {
	md := pmetric.NewMetrics()
	resource := md.ResourceMetrics().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "share")
	metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
	metric.SetName(name)
	point := metric.SetEmptyGauge().DataPoints().AppendEmpty()
	point.SetTimestamp(pcommon.NewTimestampFromTime(at))
	point.SetDoubleValue(value)
	return md
}

func dial(tb testing.TB, address string) *grpc.ClientConn {
	tb.Helper()
	conn, err := grpc.NewClient(address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { conn.Close() })
	return conn
}

func TestRunListensAndStops(t *testing.T) {
	logs := &logBuffer{}
	c := start(t, Options{Config: loopback(), Store: openStore(t), Logger: slog.New(slog.NewTextHandler(logs, nil))})
	grpcAddr, httpAddr := c.OTLPAddrs()
	for _, addr := range []string{grpcAddr, httpAddr} {
		host, port, err := net.SplitHostPort(addr)
		if err != nil || host != "127.0.0.1" || port == "0" {
			t.Errorf("address %q (%v), want 127.0.0.1 with a real port", addr, err)
		}
	}
	if logs.String() != "" {
		t.Errorf("a start without trouble logs:\n%s", logs)
	}
	dialer := net.Dialer{Timeout: time.Second}
	if conn, err := dialer.DialContext(t.Context(), "tcp", "127.0.0.1:8888"); err == nil {
		conn.Close()
		t.Error("the Collector's own metrics server listens on 8888")
	}
}

func TestOTLPIsCommittedBeforeTheAnswer(t *testing.T) {
	db := openStore(t)
	c := start(t, Options{Config: loopback(), Store: db})
	grpcAddr, httpAddr := c.OTLPAddrs()
	now := time.Now()

	_, err := pmetricotlp.NewGRPCClient(dial(t, grpcAddr)).Export(t.Context(), pmetricotlp.NewExportRequestFromMetrics(gaugeMetric("over.grpc", now, 1)))
	if err != nil {
		t.Fatal(err)
	}
	if got := stored(t, db, selector("over_grpc", "job=share")...); len(got) != 1 {
		t.Errorf("gRPC: acknowledged, but stored is %v", got)
	}
	resp, body := post(t, "http://"+httpAddr+"/v1/metrics", encode(t, gaugeMetric("over.http", now, 2)))
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("HTTP: %s %s", resp.Status, body)
	}
	if got := stored(t, db, selector("over_http", "job=share")...); len(got) != 1 {
		t.Errorf("HTTP: acknowledged, but stored is %v", got)
	}
	if got := c.Status(); got.Samples != 2 || got.LastError != "" || len(got.Pipelines) != 4 {
		t.Errorf("status %+v, want 2 samples, 4 pipelines and no error", got)
	}
}

func TestLogsAreRefusedWithASentence(t *testing.T) {
	c := start(t, Options{Config: loopback(), Store: openStore(t)})
	grpcAddr, httpAddr := c.OTLPAddrs()
	ld := plog.NewLogs()
	ld.ResourceLogs().AppendEmpty().ScopeLogs().AppendEmpty().LogRecords().AppendEmpty().Body().SetStr("hello")
	request := plogotlp.NewExportRequestFromLogs(ld)
	body, err := request.MarshalProto()
	if err != nil {
		t.Fatal(err)
	}

	_, err = plogotlp.NewGRPCClient(dial(t, grpcAddr)).Export(t.Context(), request)
	if status.Code(err) != codes.Unimplemented || !strings.Contains(err.Error(), "log records are not stored here") {
		t.Errorf("gRPC answer %v, want Unimplemented with a sentence", err)
	}
	resp, text := post(t, "http://"+httpAddr+"/v1/logs", body)
	if resp.StatusCode != http.StatusNotFound || !strings.Contains(text, "log records are not stored here") {
		t.Errorf("HTTP answer %s %q, want 404 with a sentence", resp.Status, text)
	}
	if got := c.Status().LogsRefused; got != 2 {
		t.Errorf("%d log records counted as refused, want 2", got)
	}
}

func TestMalformedBodyIsRefused(t *testing.T) {
	c := start(t, Options{Config: loopback(), Store: openStore(t)})
	_, httpAddr := c.OTLPAddrs()
	for _, path := range []string{"metrics", "traces", "logs"} {
		if resp, text := post(t, "http://"+httpAddr+"/v1/"+path, []byte("\xff\xffnonsense")); resp.StatusCode != http.StatusBadRequest || text == "" {
			t.Errorf("/v1/%s answers nonsense with %s %q, want 400 and why", path, resp.Status, text)
		}
	}
}

func TestPortInUse(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // A test's own listener.
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	cfg := loopback()
	cfg.OTLP.HTTP = taken.Addr().String()
	c, err := New(Options{Config: cfg, Store: openStore(t)})
	if err != nil {
		t.Fatal(err)
	}
	err = c.Run(t.Context())
	want := fmt.Sprintf("listen on %s: the port is in use by another program; stop it, or change collectors.otlp or collectors.otelcol.receivers", taken.Addr())
	if err == nil || err.Error() != want {
		t.Errorf("Run: %v\nwant %s", err, want)
	}
}

func TestStalledHandshakeDoesNotDelayTheEnd(t *testing.T) {
	c, err := New(Options{Config: loopback(), Store: openStore(t)})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := make(chan error, 1)
	go func() { done <- c.Run(ctx) }()
	<-c.Ready()
	grpcAddr, httpAddr := c.OTLPAddrs()
	for _, addr := range []string{grpcAddr, httpAddr} {
		silent, err := net.Dial("tcp", addr) //nolint:noctx // A test's own connection.
		if err != nil {
			t.Fatal(err)
		}
		defer silent.Close()
	}
	halfSent(t, grpcAddr)

	begin := time.Now()
	cancel()
	select {
	case err := <-done:
		if err != nil {
			t.Errorf("Run: %v", err)
		}
		t.Logf("stopped after %s", time.Since(begin))
	case <-time.After(8 * time.Second):
		t.Fatal("still running 8 s after the end was asked for")
	}
}

// halfSent opens a request over gRPC whose body never comes.
func halfSent(t *testing.T, address string) {
	t.Helper()
	_, err := dial(t, address).NewStream(t.Context(), &grpc.StreamDesc{ClientStreams: true},
		"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export")
	if err != nil {
		t.Fatal(err)
	}
}

func TestReload(t *testing.T) {
	db := openStore(t)
	c := start(t, Options{Config: loopback(), Store: db})
	_, before := c.OTLPAddrs()
	send := func(name string) {
		t.Helper()
		_, addr := c.OTLPAddrs()
		if resp, text := post(t, "http://"+addr+"/v1/metrics", encode(t, gaugeMetric(name, time.Now(), 1))); resp.StatusCode != http.StatusOK {
			t.Fatalf("after reload: %s %s", resp.Status, text)
		}
		if len(stored(t, db, selector(name)...)) != 1 {
			t.Fatalf("%s is not stored", name)
		}
	}

	if err := c.Reload(loopback()); err != nil {
		t.Fatal(err)
	}
	if _, after := c.OTLPAddrs(); after != before {
		t.Errorf("an equal configuration moved the receiver from %s to %s", before, after)
	}

	bad := loopback()
	bad.Otelcol = map[string]any{"receivers": map[string]any{"redis": map[string]any{"endpont": "x"}}}
	if err := c.Reload(bad); err == nil || !strings.Contains(err.Error(), "endpont") {
		t.Errorf("Reload: %v, want an error that names the key", err)
	}
	send("after_a_bad_configuration")

	taken, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // A test's own listener.
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	busy := loopback()
	busy.OTLP.GRPC = taken.Addr().String()
	if err := c.Reload(busy); err == nil || !strings.Contains(err.Error(), "in use") || !strings.Contains(err.Error(), "the old receivers run on") {
		t.Errorf("Reload: %v, want the port in use and the old running", err)
	}
	send("after_a_taken_port")

	onlyHTTP := loopback()
	onlyHTTP.OTLP.GRPC = ""
	if err := c.Reload(onlyHTTP); err != nil {
		t.Fatal(err)
	}
	if grpcAddr, _ := c.OTLPAddrs(); grpcAddr != "" {
		t.Errorf("gRPC is closed but listens on %s", grpcAddr)
	}
	send("after_a_good_configuration")

	nothing := loopback()
	nothing.OTLP = OTLP{}
	if err := c.Reload(nothing); err != nil {
		t.Fatal(err)
	}
	if grpcAddr, httpAddr := c.OTLPAddrs(); grpcAddr+httpAddr != "" {
		t.Errorf("OTLP is closed but listens on %s %s", grpcAddr, httpAddr)
	}
	if err := c.Reload(loopback()); err != nil {
		t.Fatal(err)
	}
	send("after_opening_again")
}

func TestScrape(t *testing.T) {
	target := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/openmetrics-text; version=1.0.0; charset=utf-8")
		fmt.Fprint(w, "# TYPE posts counter\n# HELP posts Posts shared.\n"+
			"posts_total{kind=\"reel\"} 7 # {trace_id=\"abc\"} 1 1.0\n# EOF\n")
	}))
	defer target.Close()
	db := openStore(t)
	registry := prometheus.NewRegistry()
	c := start(t, Options{Config: loopback(), Store: db, Registerer: registry})
	if err := c.Reload(parse(t, fmt.Sprintf(`
otlp: {grpc: "127.0.0.1:0", http: "127.0.0.1:0"}
global: {scrape_interval: 100ms}
scrape_configs:
  - job_name: share
    static_configs: [{targets: [%q], labels: {team: growth}}]
`, strings.TrimPrefix(target.URL, "http://")))); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the counter is stored", func() bool {
		return len(stored(t, db, selector("posts_total", "job=share", "kind=reel", "team=growth")...)) == 1
	})
	eventually(t, "the target is up", func() bool {
		jobs := c.Status().Jobs
		return len(jobs) == 1 && jobs[0] == Job{Name: "share", Up: 1, Samples: jobs[0].Samples} && jobs[0].Samples > 0
	})
	if got, err := c.Targets().ScrapePoolConfig("share"); err != nil || got.ScrapeTimeout != got.ScrapeInterval {
		t.Errorf("scrape pool: %v %v, want the timeout cut to the interval", got, err)
	}
	target.Close()
	eventually(t, "the target is down and up says so", func() bool {
		jobs := c.Status().Jobs
		return len(jobs) == 1 && jobs[0].Down == 1 && strings.Contains(jobs[0].LastError, "refused")
	})
	// A target that is gone ends its series.
	eventually(t, "the counter ends with a stale marker", func() bool {
		for _, samples := range stored(t, db, selector("posts_total", "job=share")...) {
			if samples[len(samples)-1].V == "stale" {
				return true
			}
		}
		return false
	})
	if err := c.Reload(loopback()); err != nil {
		t.Fatal(err)
	}
	eventually(t, "no job is left", func() bool { return len(c.Status().Jobs) == 0 })
}

func parse(tb testing.TB, text string) Config {
	tb.Helper()
	cfg := DefaultConfig()
	if err := yaml.UnmarshalStrict([]byte(text), &cfg); err != nil {
		tb.Fatal(err)
	}
	return cfg
}

func parseOtelcol(text string) (Config, error) {
	cfg := DefaultConfig()
	return cfg, yaml.Unmarshal([]byte(text), &cfg.Otelcol)
}

func TestConfigFaults(t *testing.T) {
	dir := t.TempDir()
	key := filepath.Join(dir, "missing.pem")
	for _, test := range []struct{ name, text, want string }{
		{"address", `otlp: {grpc: "4317"}`, `collectors.otlp.grpc: "4317" is not an address`},
		{"same port", `otlp: {grpc: "127.0.0.1:1", http: "127.0.0.1:1"}`, "give each its own port"},
		{"unknown key", "otlpp: {}", "line 1: field otlpp not found"},
		{"discovery", "scrape_configs:\n- job_name: a\n  consul_sd_configs: [{server: x}]", "line 3: scrape_configs: consul_sd_configs is not supported; supported are static_configs, file_sd_configs, http_sd_configs, dns_sd_configs, kubernetes_sd_configs"},
		{"job name twice", "scrape_configs:\n- job_name: a\n- job_name: a", `scrape_configs[1]: job "a" is already defined`},
		{"password in a target", "scrape_configs:\n- {job_name: a, static_configs: [{targets: ['u:hush@h:1']}]}", `scrape_configs[0] (job "a"): static_configs: a target has a user or a password before its host`},
		{"timeout", "scrape_configs:\n- {job_name: a, scrape_interval: 1s, scrape_timeout: 2s}", `scrape_configs[0] (job "a"): scrape timeout greater than scrape interval`},
		{"certificate", "scrape_configs:\n- {job_name: a, tls_config: {ca_file: " + key + "}}", "missing.pem"},
		{"receiver key", "otelcol: {receivers: {redis: {endpont: x}}}", "endpont"},
		{"receiver type", "otelcol: {receivers: {kafka: {}}}", `unknown type: "kafka"`},
		{"missing value", "otelcol: {receivers: {postgresql: {endpoint: 'localhost:5432'}}}", "missing username"},
		{"section", "otelcol: {recipients: {}}", `unknown key "recipients"; known are receivers`},
		{"telemetry", "otelcol: {service: {telemetry: {logs: {level: debug}}}}", "service.telemetry cannot be set"},
		{"pipeline key", "otelcol: {service: {pipelines: {traces: {exporter: [x]}}}}", `unknown key "exporter"`},
		{"pipeline reference", "otelcol: {service: {pipelines: {metrics: {receivers: [redis]}}}}", `references receiver "redis" which is not configured`},
		{"pipeline list", "otelcol: {service: {pipelines: {metrics: {receivers: {a: b}}}}}", "expected a list of names"},
		{"unused exporter", "otelcol: {exporters: {otlp_grpc: {endpoint: 'localhost:1'}}}", "exporters.otlp_grpc is not used"},
		{"http_check", "otelcol: {receivers: {http_check: {targets: [{endpoint: 'ftp://x'}]}}}", "is not an http:// or https:// URL"},
		{"environment", "otelcol: {receivers: {redis: {endpoint: '${nope:x}'}}}", "nope"},
		{"admission", "otelcol: {processors: {admission: {max_in_flight_items: 0}}}", "max_in_flight_items must be greater than zero"},
		{"otlp key", "otelcol: {receivers: {otlp: {protocols: {grpc: {endpiont: x}}}}}", "endpiont"},
		{"not a map", "otelcol: {receivers: [redis]}", "receivers: expected a map"},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := DefaultConfig()
			err := yaml.UnmarshalStrict([]byte(test.text), &cfg)
			if err == nil {
				err = cfg.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("error %v\nwant %q in it", err, test.want)
			}
			if strings.Contains(err.Error(), "\n") && test.name != "address" && !strings.Contains(err.Error(), "yaml:") {
				t.Errorf("more than one line: %v", err)
			}
		})
	}
}

func TestDefaultsSurvive(t *testing.T) {
	cfg := parse(t, "otlp: {grpc: '127.0.0.1:1'}\nglobal: {}\nscrape_configs: [{job_name: a}]\notelcol: {}")
	if err := cfg.Validate(); err != nil {
		t.Fatal(err)
	}
	if cfg.OTLP.HTTP != "127.0.0.1:4318" {
		t.Errorf("OTLP over HTTP on %q, want the default", cfg.OTLP.HTTP)
	}
	filled, err := cfg.scrapeConfig()
	if err != nil {
		t.Fatal(err)
	}
	job := filled.ScrapeConfigs[0]
	if job.ScrapeInterval != promconfig.DefaultGlobalConfig.ScrapeInterval || job.ScrapeProtocols[0] != promconfig.PrometheusProto {
		t.Errorf("job %+v, want Prometheus' interval, protobuf first", job)
	}
	if cfg.ScrapeConfigs[0].ScrapeInterval != 0 {
		t.Error("validating changed the configuration")
	}
	var empty Config
	if err := empty.Validate(); err != nil {
		t.Errorf("the zero configuration: %v", err)
	}
}

func TestExternalLabelsAreExpanded(t *testing.T) {
	t.Setenv("WATCHTOWER_REGION", "eu")
	cfg := parse(t, "global: {external_labels: {region: '${WATCHTOWER_REGION}', price: '$$1'}}")
	if got := cfg.ExternalLabels().String(); got != `{price="$1", region="eu"}` {
		t.Errorf("external labels %s", got)
	}
}

func TestSetDirectory(t *testing.T) {
	cfg := parse(t, "scrape_configs: [{job_name: a, file_sd_configs: [{files: [targets.yaml]}], authorization: {credentials_file: token}}]")
	cfg.SetDirectory("/etc/watchtower")
	if got := cfg.ScrapeConfigs[0].HTTPClientConfig.Authorization.CredentialsFile; got != "/etc/watchtower/token" {
		t.Errorf("credentials file %s", got)
	}
	if _, err := os.Stat("/etc/watchtower/token"); err == nil {
		t.Skip("this machine has the file of the test")
	}
}
