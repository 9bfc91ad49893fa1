package store

import (
	"bytes"
	"compress/gzip"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/storage/remote"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
)

const otlpPath = "/api/v1/otlp/v1/metrics"

var otlpStart = time.UnixMilli(1_700_000_000_000)

// resource begins a request of the service "share".
func resource() (pmetric.Metrics, pmetric.MetricSlice) {
	md := pmetric.NewMetrics()
	rm := md.ResourceMetrics().AppendEmpty()
	attributes := rm.Resource().Attributes()
	attributes.PutStr("service.name", "share")
	attributes.PutStr("service.instance.id", "share-1")
	attributes.PutStr("cloud.region", "eu")
	return md, rm.ScopeMetrics().AppendEmpty().Metrics()
}

func stamp(after time.Duration) pcommon.Timestamp {
	return pcommon.NewTimestampFromTime(otlpStart.Add(after))
}

func sum(ms pmetric.MetricSlice, name string, temporality pmetric.AggregationTemporality) pmetric.NumberDataPoint {
	m := ms.AppendEmpty()
	m.SetName(name)
	m.SetUnit("{request}")
	m.SetDescription("How many requests were served.")
	s := m.SetEmptySum()
	s.SetIsMonotonic(true)
	s.SetAggregationTemporality(temporality)
	p := s.DataPoints().AppendEmpty()
	p.SetStartTimestamp(stamp(0))
	p.SetTimestamp(stamp(time.Minute))
	p.SetIntValue(5)
	p.Attributes().PutStr("http.route", "/share")
	return p
}

// exportRequest has a metric of every type.
func exportRequest(tb testing.TB) pmetricotlp.ExportRequest {
	tb.Helper()
	md, ms := resource()
	p := sum(ms, "http.requests", pmetric.AggregationTemporalityCumulative)
	e := p.Exemplars().AppendEmpty()
	e.SetTimestamp(stamp(time.Minute))
	e.SetDoubleValue(1)
	e.SetTraceID([16]byte{1})

	m := ms.AppendEmpty()
	m.SetName("queue.depth")
	g := m.SetEmptyGauge().DataPoints().AppendEmpty()
	g.SetTimestamp(stamp(time.Minute))
	g.SetDoubleValue(0.5)

	m = ms.AppendEmpty()
	m.SetName("http.latency")
	m.SetUnit("s")
	h := m.SetEmptyHistogram()
	h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	hp := h.DataPoints().AppendEmpty()
	hp.SetStartTimestamp(stamp(0))
	hp.SetTimestamp(stamp(time.Minute))
	hp.ExplicitBounds().FromRaw([]float64{0.1, 1})
	hp.BucketCounts().FromRaw([]uint64{3, 2, 1})
	hp.SetCount(6)
	hp.SetSum(4)

	m = ms.AppendEmpty()
	m.SetName("http.size")
	x := m.SetEmptyExponentialHistogram()
	x.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	xp := x.DataPoints().AppendEmpty()
	xp.SetStartTimestamp(stamp(0))
	xp.SetTimestamp(stamp(time.Minute))
	xp.SetScale(2)
	xp.Positive().SetOffset(1)
	xp.Positive().BucketCounts().FromRaw([]uint64{1, 0, 2})
	xp.SetCount(3)
	xp.SetSum(9)

	m = ms.AppendEmpty()
	m.SetName("old.quantiles")
	q := m.SetEmptySummary().DataPoints().AppendEmpty()
	q.SetTimestamp(stamp(time.Minute))
	q.SetCount(2)
	q.SetSum(3)
	v := q.QuantileValues().AppendEmpty()
	v.SetQuantile(0.9)
	v.SetValue(2)
	return pmetricotlp.NewExportRequestFromMetrics(md)
}

func protobuf(tb testing.TB, r pmetricotlp.ExportRequest) []byte {
	tb.Helper()
	b, err := r.MarshalProto()
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// dump writes everything that is stored, one line for each sample.
func dump(t *testing.T, q storage.Queryable) string {
	t.Helper()
	querier, err := q.Querier(math.MinInt64, math.MaxInt64)
	if err != nil {
		t.Fatal(err)
	}
	defer querier.Close()
	var b strings.Builder
	set := querier.Select(t.Context(), true, nil, everything)
	for set.Next() {
		it := set.At().Iterator(nil)
		for kind := it.Next(); kind != chunkenc.ValNone; kind = it.Next() {
			b.WriteString(set.At().Labels().String() + " ")
			switch kind {
			case chunkenc.ValFloat:
				at, v := it.At()
				b.WriteString(time.UnixMilli(at).UTC().String() + " " + strings.TrimSpace(time.Duration(v*1e9).String()))
			default:
				at, h := it.AtFloatHistogram(nil)
				b.WriteString(time.UnixMilli(at).UTC().String() + " " + h.String())
			}
			b.WriteString("\n")
		}
	}
	if err := set.Err(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// The same request through Prometheus' own endpoint and through ours leaves the same behind.
func TestOTLPIsStoredAsPrometheusDoes(t *testing.T) {
	cfg := promconfig.DefaultConfig
	cfg.OTLPConfig.PromoteResourceAttributes = []string{"cloud.region"}
	config := func() promconfig.Config { return cfg }
	ours := serve(t, APIOptions{Config: config})
	body := protobuf(t, exportRequest(t))
	ours.do(http.MethodPost, otlpPath, body, "Content-Type", protobufType).expectStatus(t, http.StatusOK, "")

	theirs := open(t)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, otlpPath, bytes.NewReader(body))
	r.Header.Set("Content-Type", protobufType)
	w := httptest.NewRecorder()
	remote.NewOTLPWriteHandler(theirs.logger, nil, theirs.db, config, remote.OTLPOptions{LookbackDelta: queryLookback}).ServeHTTP(w, r)
	if w.Code != http.StatusOK {
		t.Fatalf("Prometheus answers %d %s", w.Code, w.Body)
	}
	got, want := dump(t, ours.store), dump(t, theirs)
	if diff := cmp.Diff(strings.Split(want, "\n"), strings.Split(got, "\n")); diff != "" {
		t.Errorf("stored (-Prometheus +ours):\n%s", diff)
	}
	for _, name := range []string{"http_requests_total", "queue_depth", "http_latency_seconds_bucket", "http_size", "old_quantiles", "target_info"} {
		if !strings.Contains(got, `__name__="`+name+`"`) {
			t.Errorf("%s is not stored", name)
		}
	}
}

func TestOTLP(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("http_requests_total", "http_latency_seconds_count", "http_size")
	s.store.SetObserver(r)
	request := exportRequest(t)
	asJSON, err := request.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	a := s.do(http.MethodPost, otlpPath, asJSON, "Content-Type", "application/json; charset=utf-8")
	if a.expectStatus(t, http.StatusOK, "{}"); a.header.Get("Content-Type") != jsonType {
		t.Errorf("answered as %s", a.header.Get("Content-Type"))
	}
	r.expect(t,
		"http_requests_total start=1700000000000 t=1700000060000 v=5",
		"http_latency_seconds_count start=1700000000000 t=1700000060000 v=6",
		"http_size start=1700000000000 t=1700000060000 v=9 count=3",
	)
	s.get("/api/v1/metadata", "metric", "http_requests_total").expect(t,
		`{"http_requests_total":[{"type":"counter","unit":"","help":"How many requests were served."}]}`)
	s.get("/api/v1/metadata", "metric", "http_latency_seconds").expectStatus(t, http.StatusOK, `"histogram"`)
	s.get("/api/v1/query_exemplars", "query", "http_requests_total", "start", "1700000000", "end", "1700000100").expectStatus(t, http.StatusOK, `"trace_id":"01000000000000000000000000000000"`)

	// The same again, packed: taken, and observed no second time.
	var zipped bytes.Buffer
	z := gzip.NewWriter(&zipped)
	if _, err := z.Write(protobuf(t, exportRequest(t))); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	s.do(http.MethodPost, otlpPath, zipped.Bytes(), "Content-Type", protobufType, "Content-Encoding", "gzip").expectStatus(t, http.StatusOK, "")
	r.expect(t)
}

func TestOTLPDeltaBecomesCumulative(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("http_requests_total")
	s.store.SetObserver(r)
	for i := range 3 {
		md, ms := resource()
		p := sum(ms, "http.requests", pmetric.AggregationTemporalityDelta)
		p.SetStartTimestamp(stamp(time.Duration(i) * time.Minute))
		p.SetTimestamp(stamp(time.Duration(i+1) * time.Minute))
		s.do(http.MethodPost, otlpPath, protobuf(t, pmetricotlp.NewExportRequestFromMetrics(md)), "Content-Type", protobufType).expectStatus(t, http.StatusOK, "")
	}
	r.expect(t,
		"http_requests_total start=1700000000000 t=1700000060000 v=5",
		"http_requests_total start=1700000000000 t=1700000120000 v=10",
		"http_requests_total start=1700000000000 t=1700000180000 v=15",
	)
}

func TestOTLPFaults(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("http_requests_total")
	s.store.SetObserver(r)
	post := func(body []byte, contentType string, header ...string) answer {
		t.Helper()
		return s.do(http.MethodPost, otlpPath, body, append(header, "Content-Type", contentType)...)
	}
	post([]byte("nonsense"), protobufType).expectStatus(t, http.StatusBadRequest, "the body is not an OTLP metrics request as application/x-protobuf")
	post([]byte("nonsense"), jsonType).expectStatus(t, http.StatusBadRequest, "the body is not an OTLP metrics request as application/json")
	post([]byte("x"), "text/plain").expectStatus(t, http.StatusUnsupportedMediaType, `the Content-Type "text/plain" is not supported`)
	post([]byte("x"), protobufType, "Content-Encoding", "gzip").expectStatus(t, http.StatusBadRequest, "it is not gzip")
	post(make([]byte, maxWriteBytes+1), protobufType).expectStatus(t, http.StatusRequestEntityTooLarge, "larger than 32 MiB")

	send := func(change func(pmetric.MetricSlice)) answer {
		t.Helper()
		md, ms := resource()
		change(ms)
		return post(protobuf(t, pmetricotlp.NewExportRequestFromMetrics(md)), protobufType)
	}
	send(func(ms pmetric.MetricSlice) {
		sum(ms, "http.requests", pmetric.AggregationTemporalityCumulative).SetTimestamp(pcommon.NewTimestampFromTime(time.Now().Add(time.Hour)))
	}).expectStatus(t, http.StatusBadRequest, "ahead of this server's clock")
	send(func(ms pmetric.MetricSlice) {
		sum(ms, "http.requests", pmetric.AggregationTemporalityUnspecified)
	}).expectStatus(t, http.StatusBadRequest, `invalid temporality and type combination for metric "http.requests"`)
	send(func(ms pmetric.MetricSlice) {
		sum(ms, "http.requests", pmetric.AggregationTemporalityCumulative)
		m := ms.AppendEmpty()
		m.SetName("http.size")
		h := m.SetEmptyExponentialHistogram()
		h.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
		p := h.DataPoints().AppendEmpty()
		p.SetTimestamp(stamp(time.Minute))
		p.SetCount(1)
		p.Positive().BucketCounts().FromRaw([]uint64{7})
	}).expectStatus(t, http.StatusBadRequest, "nothing of the request was stored")
	r.expect(t)

	send(func(ms pmetric.MetricSlice) {
		sum(ms, "http.requests", pmetric.AggregationTemporalityCumulative)
	}).expectStatus(t, http.StatusOK, "")
	send(func(ms pmetric.MetricSlice) {
		sum(ms, "http.requests", pmetric.AggregationTemporalityCumulative).SetTimestamp(stamp(-24 * time.Hour))
	}).expectStatus(t, http.StatusBadRequest, "too old sample")
}

// A request that could not be written is not acknowledged.
func TestOTLPCommitFailureIsNotAcknowledged(t *testing.T) {
	s := openAt(t, t.TempDir())
	api := s.API(APIOptions{})
	closeStore(t, s)
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, otlpPath, bytes.NewReader(protobuf(t, exportRequest(t))))
	r.Header.Set("Content-Type", protobufType)
	w := httptest.NewRecorder()
	api.ServeHTTP(w, r)
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" || !strings.Contains(w.Body.String(), "nothing of the request was stored") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
}
