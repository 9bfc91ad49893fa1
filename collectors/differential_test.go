package collectors

import (
	"bytes"
	"context"
	"log/slog"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

// TestSameAsPrometheus sends the same requests to Prometheus' own OTLP endpoint and to the receivers, and compares
// what three stores hold afterwards.
func TestSameAsPrometheus(t *testing.T) {
	theirs, overHTTP, overGRPC := openStore(t), openStore(t), openStore(t)
	handler := remote.NewOTLPWriteHandler(slog.New(slog.DiscardHandler), prometheus.NewRegistry(), theirs,
		func() promconfig.Config { return promconfig.DefaultConfig },
		remote.OTLPOptions{ConvertDelta: true, LookbackDelta: 5 * time.Minute})
	_, httpAddr := start(t, Options{Config: loopback(), Store: overHTTP}).OTLPAddrs()
	grpcAddr, _ := start(t, Options{Config: loopback(), Store: overGRPC}).OTLPAddrs()
	client := pmetricotlp.NewGRPCClient(dial(t, grpcAddr))

	for step := range 4 {
		md := everything(time.Now().Add(-time.Minute).Truncate(time.Second), step)
		body := encode(t, md)
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/otlp/v1/metrics", bytes.NewReader(body))
		req.Header.Set("Content-Type", "application/x-protobuf")
		answer := httptest.NewRecorder()
		handler.ServeHTTP(answer, req)
		if answer.Code != http.StatusOK {
			t.Fatalf("Prometheus answers %d %s", answer.Code, answer.Body)
		}
		if resp, text := post(t, "http://"+httpAddr+"/v1/metrics", body); resp.StatusCode != http.StatusOK {
			t.Fatalf("HTTP answers %s %s", resp.Status, text)
		}
		request := pmetricotlp.NewExportRequest()
		if err := request.UnmarshalProto(body); err != nil {
			t.Fatal(err)
		}
		if _, err := client.Export(t.Context(), request); err != nil {
			t.Fatal(err)
		}
	}

	want := stored(t, theirs)
	if len(want) < 60 {
		t.Fatalf("only %d series in Prometheus' store: the test sends too little", len(want))
	}
	for _, must := range []string{"delta_requests_total", "target_info", "latency_seconds_bucket", "exponential_seconds", "quantiles_seconds", "temperature_celsius"} {
		if !slices.ContainsFunc(slices.Collect(keys(want)), func(key string) bool { return strings.Contains(key, `__name__="`+must+`"`) }) {
			t.Errorf("no series %s in Prometheus' store", must)
		}
	}
	for name, ours := range map[string]*tsdb.DB{"HTTP": overHTTP, "gRPC": overGRPC} {
		if diff := cmp.Diff(want, stored(t, ours)); diff != "" {
			t.Errorf("%s: samples differ (-Prometheus +ours):\n%s", name, diff)
		}
		if diff := cmp.Diff(exemplars(t, theirs), exemplars(t, ours)); diff != "" {
			t.Errorf("%s: exemplars differ (-Prometheus +ours):\n%s", name, diff)
		}
	}
	if len(exemplars(t, theirs)) == 0 {
		t.Error("no exemplars in Prometheus' store")
	}
}

func keys[V any](m map[string]V) func(yield func(string) bool) {
	return func(yield func(string) bool) {
		for key := range m {
			if !yield(key) {
				return
			}
		}
	}
}

// exemplars gives every exemplar of a store as text.
func exemplars(tb testing.TB, db *tsdb.DB) []string {
	tb.Helper()
	querier, err := db.ExemplarQuerier(context.Background())
	if err != nil {
		tb.Fatal(err)
	}
	results, err := querier.Select(0, math.MaxInt64, []*labels.Matcher{labels.MustNewMatcher(labels.MatchRegexp, "__name__", ".+")})
	if err != nil {
		tb.Fatal(err)
	}
	var found []string
	for _, result := range results {
		for _, e := range result.Exemplars {
			found = append(found, strings.Join([]string{result.SeriesLabels.String(), e.Labels.String(), time.UnixMilli(e.Ts).UTC().String(), cmp.Diff(0.0, e.Value)}, " "))
		}
	}
	slices.Sort(found)
	return found
}

// everything is a request with all kinds of metrics. The steps are ten seconds apart.
func everything(begin time.Time, step int) pmetric.Metrics {
	md := pmetric.NewMetrics()
	b := builder{
		began: pcommon.NewTimestampFromTime(begin.Add(-time.Hour)),
		last:  pcommon.NewTimestampFromTime(begin.Add(time.Duration(step-1) * 10 * time.Second)),
		at:    pcommon.NewTimestampFromTime(begin.Add(time.Duration(step) * 10 * time.Second)),
		step:  step,
	}
	for _, instance := range []string{"a", "b"} {
		resource := md.ResourceMetrics().AppendEmpty()
		attributes := resource.Resource().Attributes()
		attributes.PutStr("service.name", "feed")
		attributes.PutStr("service.namespace", "backend")
		attributes.PutStr("service.instance.id", instance)
		attributes.PutStr("host.name", "host-"+instance)
		attributes.PutInt("process.pid", 42)
		resource.SetSchemaUrl("https://opentelemetry.io/schemas/1.26.0")
		scope := resource.ScopeMetrics().AppendEmpty()
		scope.Scope().SetName("feed/server")
		scope.Scope().SetVersion("1.2.3")
		scope.Scope().Attributes().PutStr("flavor", "x")
		b.metrics = scope.Metrics()
		b.gauges()
		b.sums()
		b.histograms()
		b.exponential()
		b.summary()
	}
	nameless := md.ResourceMetrics().AppendEmpty().ScopeMetrics().AppendEmpty()
	b.metrics = nameless.Metrics()
	b.point(b.metric("without.resource", "", "").SetEmptyGauge().DataPoints()).SetIntValue(int64(step))
	return md
}

type builder struct {
	metrics         pmetric.MetricSlice
	began, last, at pcommon.Timestamp
	step            int
}

func (b builder) metric(name, unit, help string) pmetric.Metric {
	m := b.metrics.AppendEmpty()
	m.SetName(name)
	m.SetUnit(unit)
	m.SetDescription(help)
	return m
}

func (b builder) point(points pmetric.NumberDataPointSlice) pmetric.NumberDataPoint {
	point := points.AppendEmpty()
	point.SetTimestamp(b.at)
	return point
}

func (b builder) gauges() {
	points := b.metric("temperature", "Cel", "How warm it is.").SetEmptyGauge().DataPoints()
	b.point(points).SetDoubleValue(20.5 + float64(b.step))
	second := b.point(points)
	second.Attributes().PutStr("http.route", "/v1/feed/{id}")
	second.Attributes().PutBool("cached", true)
	second.Attributes().PutInt("2xx count", 7)
	second.Attributes().PutEmptySlice("list").AppendEmpty().SetStr("x")
	second.SetDoubleValue(math.NaN())
	infinite := b.point(points)
	infinite.Attributes().PutStr("kind", "infinite")
	infinite.SetDoubleValue(math.Inf(1))
	gone := b.point(points)
	gone.Attributes().PutStr("kind", "gone")
	gone.SetIntValue(1)
	if b.step == 2 {
		gone.SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	}
	ratio := b.point(b.metric("cache.hit", "1", "A ratio.").SetEmptyGauge().DataPoints())
	ratio.SetDoubleValue(0.5)
}

func (b builder) sums() {
	cumulative := b.metric("requests", "{request}", "Requests so far.").SetEmptySum()
	cumulative.SetIsMonotonic(true)
	cumulative.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	total := b.point(cumulative.DataPoints())
	total.SetStartTimestamp(b.began)
	total.SetIntValue(int64(100 * (b.step + 1)))
	b.exemplar(total.Exemplars().AppendEmpty(), 3)
	restarted := b.point(cumulative.DataPoints())
	restarted.Attributes().PutStr("kind", "restarted")
	restarted.SetStartTimestamp(b.last)
	restarted.SetIntValue(5)

	fallable := b.metric("connections.open", "{connection}", "Open now.").SetEmptySum()
	fallable.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	b.point(fallable.DataPoints()).SetIntValue(int64(10 - b.step))

	delta := b.metric("delta.requests", "{request}", "Requests since the last time.").SetEmptySum()
	delta.SetIsMonotonic(true)
	delta.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	since := b.point(delta.DataPoints())
	since.SetStartTimestamp(b.last)
	since.SetDoubleValue(1.5)
	since.Attributes().PutStr("http.request.method", "GET")
}

func (b builder) histograms() {
	for name, kind := range map[string]pmetric.AggregationTemporality{
		"latency":       pmetric.AggregationTemporalityCumulative,
		"delta.latency": pmetric.AggregationTemporalityDelta,
	} {
		h := b.metric(name, "s", "How long it takes.").SetEmptyHistogram()
		h.SetAggregationTemporality(kind)
		point := h.DataPoints().AppendEmpty()
		point.SetTimestamp(b.at)
		point.SetStartTimestamp(b.began)
		if kind == pmetric.AggregationTemporalityDelta {
			point.SetStartTimestamp(b.last)
		}
		point.ExplicitBounds().FromRaw([]float64{0.1, 0.5, 1})
		point.BucketCounts().FromRaw([]uint64{1, 2, 3, uint64(b.step)})
		point.SetCount(6 + uint64(b.step))
		point.SetSum(4.5)
		point.SetMin(0.01)
		point.SetMax(3)
		b.exemplar(point.Exemplars().AppendEmpty(), 0.3)
		b.exemplar(point.Exemplars().AppendEmpty(), 0.7)
	}
}

func (b builder) exponential() {
	for name, kind := range map[string]pmetric.AggregationTemporality{
		"exponential":       pmetric.AggregationTemporalityCumulative,
		"delta.exponential": pmetric.AggregationTemporalityDelta,
	} {
		h := b.metric(name, "s", "Finely counted.").SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(kind)
		for _, scale := range []int32{3, 12} {
			point := h.DataPoints().AppendEmpty()
			point.Attributes().PutInt("scale", int64(scale))
			point.SetTimestamp(b.at)
			point.SetStartTimestamp(b.began)
			if kind == pmetric.AggregationTemporalityDelta {
				point.SetStartTimestamp(b.last)
			}
			point.SetScale(scale)
			point.SetZeroCount(1)
			point.SetZeroThreshold(1e-6)
			point.Positive().SetOffset(-2)
			point.Positive().BucketCounts().FromRaw([]uint64{1, 0, 0, 4, uint64(b.step)})
			point.Negative().SetOffset(5)
			point.Negative().BucketCounts().FromRaw([]uint64{2})
			point.SetCount(8 + uint64(b.step))
			point.SetSum(12.5)
			b.exemplar(point.Exemplars().AppendEmpty(), 0.9)
		}
	}
}

func (b builder) summary() {
	point := b.metric("quantiles", "s", "Computed by the sender.").SetEmptySummary().DataPoints().AppendEmpty()
	point.SetTimestamp(b.at)
	point.SetStartTimestamp(b.began)
	point.SetCount(uint64(10 * (b.step + 1)))
	point.SetSum(55)
	for _, quantile := range []float64{0.5, 0.99} {
		entry := point.QuantileValues().AppendEmpty()
		entry.SetQuantile(quantile)
		entry.SetValue(quantile * 2)
	}
}

func (b builder) exemplar(e pmetric.Exemplar, value float64) {
	e.SetTimestamp(b.at)
	e.SetDoubleValue(value)
	e.SetTraceID([16]byte{1, 2, 3, byte(b.step)})
	e.SetSpanID([8]byte{4, 5, 6, byte(b.step)})
	e.FilteredAttributes().PutStr("user", "u-1")
}
