package collectors

import (
	"context"
	"fmt"
	"net/http"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"

	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// manySeries is a request with one sample for each of so many series, spread over services as they would be.
func manySeries(series int) pmetric.Metrics {
	const perService = 1000
	md := pmetric.NewMetrics()
	for first := 0; first < series; first += perService {
		resource := md.ResourceMetrics().AppendEmpty()
		resource.Resource().Attributes().PutStr("service.name", fmt.Sprintf("service-%d", first))
		resource.Resource().Attributes().PutStr("service.instance.id", "a")
		metric := resource.ScopeMetrics().AppendEmpty().Metrics().AppendEmpty()
		metric.SetName("http.server.requests")
		metric.SetUnit("{request}")
		sum := metric.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		for i := range min(perService, series-first) {
			point := sum.DataPoints().AppendEmpty()
			point.Attributes().PutStr("http.route", fmt.Sprintf("/v1/resource/%d", i))
			point.Attributes().PutStr("http.request.method", "GET")
			point.Attributes().PutInt("http.response.status_code", 200)
			point.SetIntValue(1)
		}
	}
	return md
}

func stamp(md pmetric.Metrics, at pcommon.Timestamp) {
	for _, resource := range md.ResourceMetrics().All() {
		for _, point := range resource.ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().All() {
			point.SetTimestamp(at)
		}
	}
}

func BenchmarkIngest(b *testing.B) {
	const series = 10_000
	begin := time.Now().Add(-30 * time.Minute)
	at := func(i int) pcommon.Timestamp {
		return pcommon.NewTimestampFromTime(begin.Add(time.Duration(i) * time.Second))
	}
	perSample := func(b *testing.B) {
		b.Helper()
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*series), "ns/sample")
	}
	b.Run("exporter", func(b *testing.B) {
		e, err := tsdbexporter.New(tsdbexporter.Options{Store: openStore(b)})
		if err != nil {
			b.Fatal(err)
		}
		md := manySeries(series)
		stamp(md, at(0))
		if err := e.ConsumeMetrics(context.Background(), md); err != nil {
			b.Fatal(err)
		}
		for i := 1; b.Loop(); i++ {
			stamp(md, at(i))
			if err := e.ConsumeMetrics(context.Background(), md); err != nil {
				b.Fatal(err)
			}
		}
		perSample(b)
	})
	b.Run("grpc", func(b *testing.B) {
		grpcAddr, _ := start(b, Options{Config: loopback(), Store: openStore(b)}).OTLPAddrs()
		client := pmetricotlp.NewGRPCClient(dial(b, grpcAddr))
		md := manySeries(series)
		stamp(md, at(0))
		if _, err := client.Export(context.Background(), pmetricotlp.NewExportRequestFromMetrics(md)); err != nil {
			b.Fatal(err)
		}
		for i := 1; b.Loop(); i++ {
			stamp(md, at(i))
			if _, err := client.Export(context.Background(), pmetricotlp.NewExportRequestFromMetrics(md)); err != nil {
				b.Fatal(err)
			}
		}
		perSample(b)
	})
	b.Run("http", func(b *testing.B) {
		_, httpAddr := start(b, Options{Config: loopback(), Store: openStore(b)}).OTLPAddrs()
		md := manySeries(series)
		stamp(md, at(0))
		post(b, "http://"+httpAddr+"/v1/metrics", encode(b, md))
		for i := 1; b.Loop(); i++ {
			stamp(md, at(i))
			if resp, text := post(b, "http://"+httpAddr+"/v1/metrics", encode(b, md)); resp.StatusCode != http.StatusOK {
				b.Fatal(text)
			}
		}
		perSample(b)
	})
}

func BenchmarkSpans(b *testing.B) {
	const spans = 1000
	c := start(b, Options{Config: loopback(), Store: openStore(b)})
	td := request("a", 200, time.Millisecond)
	all := td.ResourceSpans().At(0).ScopeSpans().At(0).Spans()
	for range spans - 1 {
		all.At(0).CopyTo(all.AppendEmpty())
	}
	for b.Loop() {
		sendSpans(b, c, td)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*spans), "ns/span")
}

func FuzzOtelcol(f *testing.F) {
	for _, seed := range []string{
		"", "receivers:", "receivers: {redis: {endpoint: 'x:1'}}", "service: {pipelines: {metrics: {exporters: [otlp]}}}",
		"1: 2", "{[a]: b}", "receivers: {otlp: null}", "service: {pipelines: {'': {}}}", "connectors: {span_metrics: {histogram: {disable: true}}}",
		"processors: {memory_limiter: {limit_mib: 512}}", "receivers: {statsd: {endpoint: '${env:HOME}'}}", "exporters: {watchtower: {resource_attributes: [a]}}",
		"service: {pipelines: {logs: {receivers: [otlp], exporters: [watchtower]}}}",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		cfg, err := parseOtelcol(text)
		if err != nil {
			t.Skip("not YAML:", err)
		}
		// It may be refused, but it must not panic.
		if err := cfg.Validate(); err != nil {
			t.Log(err)
		}
	})
}
