package kits

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"go.yaml.in/yaml/v3"
)

// ruleFile is what is asked of a rule file.
type ruleFile struct {
	Groups []struct {
		Rules []struct {
			Alert, Expr string
			Labels      map[string]string
		}
	}
}

// fires evaluates the rules of a kit at the end of two hours of series, one sample a
// minute, and tells which of an alert's two would fire.
func fires(t *testing.T, kit, alert, series string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(write(t, find1(t, kit)), "rules", "kit-"+kit+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	var file ruleFile
	if err := yaml.Unmarshal(text, &file); err != nil {
		t.Fatal(err)
	}
	store := promqltest.LoadedStorage(t, "load 1m\n  "+strings.ReplaceAll(strings.TrimSpace(series), "\n", "\n  "))
	engine := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: 10 * time.Second})
	var fired []string
	for _, rule := range file.Groups[0].Rules {
		if rule.Alert != alert {
			continue
		}
		query, err := engine.NewInstantQuery(t.Context(), store, nil, rule.Expr, time.Unix(0, 0).Add(2*time.Hour))
		if err != nil {
			t.Fatal(err)
		}
		vector, err := query.Exec(t.Context()).Vector()
		if err != nil {
			t.Fatalf("%s\n%v", rule.Expr, err)
		}
		if len(vector) > 0 {
			fired = append(fired, rule.Labels["severity"])
		}
		query.Close()
	}
	return strings.Join(fired, "+")
}

// Series in, alerts out: quiet, soft and hard for each.
func TestAlertsFire(t *testing.T) {
	for _, c := range []struct {
		kit, alert, series string // %v stands for a number of
		values             [3]any // nothing, a ticket, and a ticket with a page
	}{
		{"redis", "RedisDown", `redis_up{instance="a"} 1x117 %v %v %v`, [3]any{1, 0, 0}},
		{"redis", "RedisMemory", "redis_memory_max_bytes 100x120\nredis_memory_used_bytes %v+0x120", [3]any{84, 85, 97}},
		{"redis", "RedisMemory", "redis_memory_max_bytes %v+0x120\nredis_memory_used_bytes 90x120", [3]any{0, 100, 91}},
		{"redis", "RedisConnections", "redis_config_maxclients 1000x120\nredis_connected_clients %v+0x120", [3]any{690, 700, 900}},
		{"redis", "RedisEvictions", "redis_evicted_keys_total 0+%vx120", [3]any{0, 120, 30000}},
		{"redis", "RedisHitRatio", "redis_keyspace_hits_total 0+%vx120\nredis_keyspace_misses_total 0+600x120", [3]any{2500, 2000, 300}},
		{"postgresql", "PostgresConnections", `pg_settings_max_connections{instance="a", server="x"} 100x120` + "\n" + `pg_stat_activity_count{instance="a", state="active"} %v+0x120`, [3]any{74, 75, 90}},
		{"postgresql", "PostgresPoolWaiting", `pgbouncer_pools_client_waiting_connections{database="d", user="u"} %v+0x120`, [3]any{4, 5, 50}},
		{"postgresql", "PostgresReplicationLag", `pg_replication_is_replica{instance="a"} 1x120` + "\n" + `pg_replication_lag_seconds{instance="a"} %v+0x120`, [3]any{9, 10, 120}},
		{"postgresql", "PostgresReplicationBacklog", `pg_stat_replication_pg_wal_lsn_diff{application_name="r"} %v+0x120`, [3]any{1e6, 1e8, 3e9}},
		{"postgresql", "PostgresLongTransaction", `pg_stat_activity_max_tx_duration{datname="d", state="active"} %v+0x120`, [3]any{500, 600, 3600}},
		{"memcached", "MemcachedRefreshStorm", `memcached_operations_total{operation="get", type="miss"} 0+600x119 %v`, [3]any{72000, 74400, 83400}},
		{"memcached", "MemcachedEvictions", "memcached_evictions_total 0+%vx120", [3]any{0, 120, 12000}},
		{"host", "HostCPU", `node_cpu_seconds_total{instance="a", cpu="0", mode="idle"} 0+%vx120`, [3]any{30, 6, 1}},
		{"host", "HostDiskSpace", `node_filesystem_size_bytes{fstype="ext4", mountpoint="/"} 100x120` + "\n" + `node_filesystem_avail_bytes{fstype="ext4", mountpoint="/"} %v+0x120`, [3]any{20, 14, 4}},
		{"host", "ContainerThrottled", `container_cpu_cfs_periods_total{container="c"} 0+600x120` + "\n" + `container_cpu_cfs_throttled_periods_total{container="c"} 0+%vx120`, [3]any{60, 200, 500}},
		{"http", "GatewayDropsConnections", "nginx_connections_accepted 0+6000x120\nnginx_connections_handled 0+%vx120", [3]any{6000, 5990, 5000}},
		{"http", "GatewayRefuses", `http_server_request_duration_seconds_count{http_response_status_code="200"} 0+6000x120` + "\n" + `http_server_request_duration_seconds_count{http_response_status_code="429"} 0+%vx120`, [3]any{60, 240, 3000}},
		{"auth", "LoginRefused", `http_server_request_duration_seconds_count{http_route="/v1/login", http_response_status_code="200"} 0+600x120` + "\n" + `http_server_request_duration_seconds_count{http_route="/v1/login", http_response_status_code="401"} 0+%vx120`, [3]any{100, 300, 3000}},
		{"queue", "QueueBacklog", `rabbitmq_queue_messages_ready{vhost="/", queue="mail"} %v+0x120`, [3]any{999, 1000, 50000}},
		{"queue", "QueueNobodyTakes", `rabbitmq_queue_consumers{vhost="/", queue="mail"} 0x120` + "\n" + `rabbitmq_queue_messages_ready{vhost="/", queue="mail"} %v+0x120`, [3]any{0, 1, 100}},
		{"queue", "QueueNobodyTakes", `rabbitmq_queue_messages_ready{vhost="/", queue="mail"} 50x120` + "\n" + `rabbitmq_queue_consumers{vhost="/", queue="mail"} %v+0x120`, [3]any{1, 0, nil}},
		{"queue", "QueueLag", `kafka_consumergroup_lag{consumergroup="g", topic="t", partition="0"} %v+0x120`, [3]any{9999, 10000, 500000}},
		{"thirdparty", "ThirdPartyDown", `httpcheck_status{http_url="u", http_status_class="2xx", http_status_code="200"} %v+0x120`, [3]any{1, nil, 0}},
		{"thirdparty", "ThirdPartyCertificate", `httpcheck_tls_cert_remaining_seconds{http_url="u"} %v+0x120`, [3]any{2e6, 1e6, 1e5}},
		{"autoscaling", "AutoscalerNearMax", `kube_horizontalpodautoscaler_spec_max_replicas{namespace="n", horizontalpodautoscaler="h"} 10x120` + "\n" + `kube_horizontalpodautoscaler_status_current_replicas{namespace="n", horizontalpodautoscaler="h"} %v+0x120`, [3]any{7, 8, 10}},
		{"autoscaling", "AutoscalerOverTarget", `kube_horizontalpodautoscaler_spec_target_metric{horizontalpodautoscaler="h", metric_name="queue_length", metric_target_type="average"} 10x120` + "\n" + `kube_horizontalpodautoscaler_status_target_metric{horizontalpodautoscaler="h", metric_name="queue_length", metric_target_type="average"} %v+0x120`, [3]any{10, 12, 20}},
		{"autoscaling", "InstanceGroupNearMax", `aws_autoscaling_group_max_size_average{auto_scaling_group_name="g"} 10x120` + "\n" + `aws_autoscaling_group_in_service_instances_average{auto_scaling_group_name="g"} %v+0x120`, [3]any{7, 8, 10}},
		{"autoscaling", "ManagedGroupOverTarget", `stackdriver_autoscaler_autoscaler_googleapis_com_capacity{autoscaler_name="g"} 10x120` + "\n" + `stackdriver_autoscaler_autoscaler_googleapis_com_current_utilization{autoscaler_name="g"} %v+0x120`, [3]any{10, 11, 15}},
		{"cdn", "CDNHitRatio", "fastly_rt_hits_total{service_name=\"s\"} 0+%vx120\nfastly_rt_miss_total{service_name=\"s\"} 0+600x120", [3]any{6000, 3000, 500}},
		{"cdn", "CDNZoneErrors", "cloudflare_zone_requests_total{zone=\"z\"} 0+6000x120\ncloudflare_zone_requests_status{zone=\"z\", status=\"502\"} 0+%vx120", [3]any{6, 60, 600}},
	} {
		var got, want []string
		for i, value := range c.values {
			if value == nil {
				continue
			}
			values := make([]any, strings.Count(c.series, "%v"))
			for j := range values {
				values[j] = value
			}
			got = append(got, fires(t, c.kit, c.alert, fmt.Sprintf(c.series, values...)))
			want = append(want, [3]string{"", "ticket", "ticket+page"}[i])
		}
		if c.alert == "RedisDown" {
			want[1] = "ticket+page" // They differ in how long it lasts.
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s with %v (-want +got):\n%s", c.alert, c.values, diff)
		}
	}
}
