package collectors

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// request is a trace of one server span.
func request(instance string, code int64, took time.Duration) ptrace.Traces {
	td := ptrace.NewTraces()
	resource := td.ResourceSpans().AppendEmpty()
	resource.Resource().Attributes().PutStr("service.name", "share")
	resource.Resource().Attributes().PutStr("service.namespace", "backend")
	resource.Resource().Attributes().PutStr("host.name", instance)
	span := resource.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetName("POST /v1/share")
	span.SetKind(ptrace.SpanKindServer)
	span.SetTraceID([16]byte{1, byte(code / 100)})
	span.SetSpanID([8]byte{2})
	end := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(end.Add(-took)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(end))
	span.Attributes().PutStr("http.request.method", "POST")
	span.Attributes().PutStr("http.route", "/v1/share")
	span.Attributes().PutInt("http.response.status_code", code)
	if code >= 500 {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	return td
}

func sendSpans(tb testing.TB, c *Collectors, td ptrace.Traces) {
	tb.Helper()
	grpcAddr, _ := c.OTLPAddrs()
	if _, err := ptraceotlp.NewGRPCClient(dial(tb, grpcAddr)).Export(context.Background(), ptraceotlp.NewExportRequestFromTraces(td)); err != nil {
		tb.Fatal(err)
	}
}

func TestSpansBecomeREDMetrics(t *testing.T) {
	db := openStore(t)
	var seen atomic.Int64
	c := start(t, Options{Config: loopback(), Store: db, Spans: func(_ context.Context, td ptrace.Traces) error {
		seen.Add(int64(td.SpanCount()))
		return nil
	}})
	// Two instances of the service: their spans are counted into one series.
	sendSpans(t, c, request("a", 200, 30*time.Millisecond))
	sendSpans(t, c, request("b", 200, 70*time.Millisecond))
	sendSpans(t, c, request("b", 503, 3*time.Second))

	common := []string{
		"job=backend/share", "service_name=share", "span_name=POST /v1/share", "span_kind=SPAN_KIND_SERVER",
		"http_request_method=POST", "http_route=/v1/share",
	}
	last := func(name string, pairs ...string) string {
		series := stored(t, db, selector(name, append(pairs, common...)...)...)
		for _, samples := range series {
			if len(series) == 1 {
				return samples[len(samples)-1].V
			}
		}
		return ""
	}
	good := []string{"status_code=STATUS_CODE_UNSET", "http_response_status_code=200"}
	bad := []string{"status_code=STATUS_CODE_ERROR", "http_response_status_code=503"}
	eventually(t, "three spans are counted", func() bool {
		return last("traces_span_metrics_calls_total", good...) == "2" && last("traces_span_metrics_calls_total", bad...) == "1"
	})
	if got := last("traces_span_metrics_duration_milliseconds_bucket", append(good, "le=50")...); got != "1" {
		t.Errorf("%q good requests within 50 ms, want 1", got)
	}
	if got := last("traces_span_metrics_duration_milliseconds_count", bad...); got != "1" {
		t.Errorf("%q bad requests timed, want 1", got)
	}
	if got := exemplars(t, db); !slices.ContainsFunc(got, func(text string) bool {
		return strings.Contains(text, `trace_id="01050000000000000000000000000000"`) && strings.Contains(text, "duration_milliseconds_bucket")
	}) {
		t.Errorf("no exemplar leads to the failed request's trace:\n%s", strings.Join(got, "\n"))
	}
	if seen.Load() != 3 || c.Status().Spans != 3 {
		t.Errorf("%d spans handed over, %d counted, want 3", seen.Load(), c.Status().Spans)
	}
	for series := range stored(t, db) {
		if strings.Contains(series, "collector_instance_id") || strings.Contains(series, "host_name") || strings.Contains(series, "target_info") {
			t.Errorf("series changes with each start or instance: %s", series)
		}
	}
}

func TestSpansWithoutServiceNameAreCounted(t *testing.T) {
	db := openStore(t)
	c := start(t, Options{Config: loopback(), Store: db})
	td := request("a", 200, time.Millisecond)
	td.ResourceSpans().At(0).Resource().Attributes().Clear()
	sendSpans(t, c, td)
	eventually(t, "the span is counted", func() bool {
		return len(stored(t, db, selector("traces_span_metrics_calls_total", "service_name=unknown_service")...)) == 1
	})
}

func TestSpansThatCannotBeKeptAreNotCounted(t *testing.T) {
	db := openStore(t)
	var failing atomic.Bool
	failing.Store(true)
	c := start(t, Options{Config: loopback(), Store: db, Spans: func(context.Context, ptrace.Traces) error {
		if failing.Load() {
			return errors.New("disk full")
		}
		return nil
	}})
	grpcAddr, httpAddr := c.OTLPAddrs()
	client := ptraceotlp.NewGRPCClient(dial(t, grpcAddr))
	_, err := client.Export(t.Context(), ptraceotlp.NewExportRequestFromTraces(request("a", 200, time.Millisecond)))
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "disk full") || retryDelay(err) < time.Second {
		t.Fatalf("answer %v, want Unavailable, the reason and a delay", err)
	}
	body, err := ptraceotlp.NewExportRequestFromTraces(request("a", 200, time.Millisecond)).MarshalProto()
	if err != nil {
		t.Fatal(err)
	}
	if resp, text := post(t, "http://"+httpAddr+"/v1/traces", body); resp.StatusCode != http.StatusServiceUnavailable || resp.Header.Get("Retry-After") == "" {
		t.Fatalf("answer %s %s, want 503 with Retry-After", resp.Status, text)
	}
	failing.Store(false)
	sendSpans(t, c, request("a", 200, time.Millisecond))
	values := func() string {
		var all []string
		for _, samples := range stored(t, db, selector("traces_span_metrics_calls_total")...) {
			for _, sample := range samples {
				all = append(all, sample.V)
			}
		}
		return strings.Join(slices.Compact(all), " ")
	}
	// A new series begins at 0, so that its first count is an increase; repeated spans are counted once.
	eventually(t, "one span is counted", func() bool { return values() == "0 1" })
}
