package collectors

import (
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// endOfCall is one end of a call between services, as the service that has it sends it.
func endOfCall(service string, kind ptrace.SpanKind, id, parent byte, failed bool) ptrace.Traces { //nolint:revive // It failed, or not.
	td := ptrace.NewTraces()
	spans := td.ResourceSpans().AppendEmpty()
	spans.Resource().Attributes().PutStr("service.name", service)
	span := spans.ScopeSpans().AppendEmpty().Spans().AppendEmpty()
	span.SetTraceID(pcommon.TraceID{1, id})
	span.SetSpanID(pcommon.SpanID{id, byte(kind)})
	if parent != 0 {
		span.SetParentSpanID(pcommon.SpanID{id, parent})
	}
	span.SetKind(kind)
	span.SetName("GET")
	now := time.Now()
	span.SetStartTimestamp(pcommon.NewTimestampFromTime(now.Add(-20 * time.Millisecond)))
	span.SetEndTimestamp(pcommon.NewTimestampFromTime(now))
	if failed {
		span.Status().SetCode(ptrace.StatusCodeError)
	}
	return td
}

// TestCallsBetweenServicesAreCounted joins what the two ends of calls say.
func TestCallsBetweenServicesAreCounted(t *testing.T) {
	db := openStore(t)
	c := start(t, Options{Config: loopback(), Store: db})
	for id, failed := range map[byte]bool{1: false, 2: false, 3: true} {
		sendSpans(t, c, endOfCall("feed", ptrace.SpanKindClient, id, 0, failed))
		sendSpans(t, c, endOfCall("media", ptrace.SpanKindServer, id, byte(ptrace.SpanKindClient), failed))
	}
	last := func(name, failed string) string {
		for _, samples := range stored(t, db, selector(name, "client=feed", "server=media", "failed="+failed)...) {
			return samples[len(samples)-1].V
		}
		return ""
	}
	eventually(t, "three calls of feed to media, one of which failed", func() bool {
		return last("traces_service_graph_request_total", "false") == "2" && last("traces_service_graph_request_total", "true") == "1" &&
			last("traces_service_graph_request_server_seconds_count", "false") == "2"
	})
}
