package collectors

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/open-telemetry/opentelemetry-collector-contrib/receiver/hostmetricsreceiver"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/confmap"
	"go.yaml.in/yaml/v2"
)

// fullConfigs hold keys that a receiver's defaults do not show.
func fullConfigs() map[string]string {
	return map[string]string{
		"host_metrics": `
root_path: /
metadata_collection_interval: 7m
initial_delay: 3s
timeout: 4s
scrapers:
  cpu: {metrics: {system.cpu.utilization: {enabled: true}}}
  disk: {include: {devices: [sda], match_type: strict}}
  filesystem: {include_virtual_filesystems: true, exclude_mount_points: {mount_points: [/proc], match_type: strict}}
  load: {cpu_average: true}
  memory: {metrics: {system.memory.utilization: {enabled: true}}}
  network: {include: {interfaces: [eth0], match_type: strict}}
  paging: {}
  process: {mute_process_name_error: true, scrape_process_delay: 5s}
  processes: {}
  system: {}
`,
		"redis": `
endpoint: cache.example.com:6380
transport: tcp4
username: watch
password: hunter2
collection_interval: 17s
initial_delay: 3s
timeout: 4s
tls: {insecure: true, ca_file: /ca.pem, cert_file: /cert.pem, key_file: /key.pem, server_name_override: cache}
metrics: {redis.role: {enabled: true}, redis.uptime: {enabled: false}}
resource_attributes: {server.address: {enabled: true}}
`,
		"memcached": `
endpoint: cache.example.com:11212
transport: tcp4
collection_interval: 17s
initial_delay: 3s
timeout: 4s
metrics: {memcached.bytes: {enabled: false}}
`,
		"postgresql": `
endpoint: db.example.com:5433
transport: tcp
username: watch
password: hunter2
databases: [posts, users]
exclude_databases: [template0]
collection_interval: 17s
initial_delay: 3s
timeout: 4s
tls: {insecure: false, insecure_skip_verify: true, ca_file: /ca.pem, cert_file: /cert.pem, key_file: /key.pem}
connection_pool: {max_idle_time: 5m, max_lifetime: 9m, max_idle: 3, max_open: 4}
query_sample_collection: {max_rows_per_query: 11}
top_query_collection: {max_rows_per_query: 12, top_n_query: 13, max_explain_each_interval: 14, query_plan_cache_size: 15, query_plan_cache_ttl: 16s, collection_interval: 18s}
metrics: {postgresql.deadlocks: {enabled: true}}
resource_attributes: {postgresql.database.name: {enabled: false}}
events: {db.server.query_sample: {enabled: true}}
`,
		"nginx": `
endpoint: http://proxy.example.com:8080/status
collection_interval: 17s
initial_delay: 3s
timeout: 4s
headers: [{name: x-from, value: watchtower}]
tls: {insecure_skip_verify: true, ca_file: /ca.pem}
metrics: {nginx.requests: {enabled: false}}
`,
		"statsd": `
endpoint: 127.0.0.1:8126
transport: udp4
aggregation_interval: 17s
enable_ip_only_aggregation: true
ignore_host: true
enable_metric_type: true
enable_simple_tags: true
is_monotonic_counter: true
counter_type: float
socket_permissions: 384
socket_buffer_size: 4096
timer_histogram_mapping:
  - {statsd_type: histogram, observer_type: histogram, histogram: {max_size: 50}}
  - {statsd_type: timing, observer_type: summary, summary: {percentiles: [50, 99]}}
`,
		"http_check": `
collection_interval: 17s
targets:
  - {endpoint: "https://api.example.com", method: POST, body: hello, headers: {authorization: x}, expected_status: [202], timeout: 2s, interval: 9s}
`,
		"otlp": `
protocols:
  grpc: {endpoint: "127.0.0.1:1", max_recv_msg_size_mib: 7, tls: {cert_file: /c, key_file: /k}, keepalive: {server_parameters: {max_connection_age: 9s}}}
  http: {endpoint: "127.0.0.1:2", max_request_body_size: 99, read_timeout: 8s, cors: {allowed_origins: ["*"]}, traces_url_path: /t}
`,
	}
}

// TestReceiverKeysSurvive reads a configuration of each receiver and writes it again: a receiver built for another
// version of the core may lose keys without an error.
func TestReceiverKeysSurvive(t *testing.T) {
	factories, err := hooks{}.factories()
	if err != nil {
		t.Fatal(err)
	}
	tested := make(map[string]bool)
	for name, text := range fullConfigs() {
		t.Run(name, func(t *testing.T) {
			factory, ok := factories.Receivers[component.MustNewType(name)]
			if !ok {
				t.Fatalf("%s is not compiled in", name)
			}
			var written map[string]any
			if err := yaml.Unmarshal([]byte(text), &written); err != nil {
				t.Fatal(err)
			}
			normal, err := normalize("", written)
			if err != nil {
				t.Fatal(err)
			}
			survive(t, factory.CreateDefaultConfig, normal.(section))

			// Then every key that the defaults show, each with another value than the default.
			if name == "host_metrics" || name == "http_check" || name == "otlp" {
				return
			}
			changed := merge(remember(t, factory.CreateDefaultConfig()), section{})
			alter(changed)
			survive(t, factory.CreateDefaultConfig, changed)
		})
		tested[name] = true
	}
	for kind := range factories.Receivers {
		if !tested[kind.String()] && kind.String() != "hostmetrics" {
			t.Errorf("no configuration of receiver %s is tested", kind)
		}
	}
}

// remember writes a component's configuration as maps.
func remember(t *testing.T, cfg component.Config) section {
	t.Helper()
	conf := confmap.New()
	if err := conf.Marshal(cfg); err != nil {
		t.Fatal(err)
	}
	return conf.ToStringMap()
}

func survive(t *testing.T, create func() component.Config, written section) {
	t.Helper()
	cfg := create()
	if err := confmap.NewFromStringMap(written).Unmarshal(cfg); err != nil {
		t.Fatal(err)
	}
	// The host receiver writes its scrapers under no key: they are compared one by one.
	if host, ok := cfg.(*hostmetricsreceiver.Config); ok {
		for name, scraper := range child(written, "scrapers") {
			compare(t, "scrapers."+name, scraper, remember(t, host.Scrapers[component.MustNewType(name)]))
		}
	}
	got := remember(t, cfg)
	compare(t, "", omit(written, "scrapers"), got)
}

func omit(from section, key string) section {
	rest := maps.Clone(from)
	delete(rest, key)
	return rest
}

// compare reports every leaf of want that got does not have.
func compare(t *testing.T, path string, want, got any) {
	t.Helper()
	switch want := want.(type) {
	case section:
		there, ok := got.(section)
		if !ok && got != nil {
			t.Errorf("%s is lost: %v", path, got)
			return
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			compare(t, path+"."+key, want[key], there[key])
		}
	case []any:
		there, ok := got.([]any)
		if !ok || len(there) != len(want) {
			t.Errorf("%s is %v, want %v", path, got, want)
			return
		}
		for i := range want {
			compare(t, fmt.Sprintf("%s[%d]", path, i), want[i], there[i])
		}
	default:
		if got == nil && (want == nil || reflect.ValueOf(want).IsZero()) {
			return // Zero values are not written.
		}
		if text := fmt.Sprint(got); fmt.Sprintf("%d", got) != fmt.Sprint(want) && text != fmt.Sprint(want) && text != "[REDACTED]" && !sameDuration(text, fmt.Sprint(want)) {
			t.Errorf("%s is %v, want %v", path, got, want)
		}
	}
}

func sameDuration(a, b string) bool {
	x, err := time.ParseDuration(a)
	y, err2 := time.ParseDuration(b)
	return err == nil && err2 == nil && x == y
}

// alter gives every switch, number and duration another value.
func alter(values section) {
	for key, value := range values {
		switch value := value.(type) {
		case section:
			alter(value)
		case bool:
			values[key] = !value
		case time.Duration:
			values[key] = value + time.Second
		case int64:
			values[key] = value + 1
		case int:
			values[key] = value + 1
		}
	}
}
