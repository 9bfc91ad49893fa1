package store

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang/snappy"
	"github.com/prometheus/prometheus/prompb"
	writev2 "github.com/prometheus/prometheus/prompb/io/prometheus/write/v2"
	"github.com/prometheus/prometheus/tsdb/tsdbutil"
)

const (
	v1Type = "application/x-protobuf"
	v2Type = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
)

type marshaler interface{ Marshal() ([]byte, error) }

func pack(tb testing.TB, m marshaler) []byte {
	tb.Helper()
	raw, err := m.Marshal()
	if err != nil {
		tb.Fatal(err)
	}
	return snappy.Encode(nil, raw)
}

func (s *server) write(contentType string, body []byte) answer {
	s.t.Helper()
	return s.do(http.MethodPost, "/api/v1/write", body, "Content-Type", contentType, "Content-Encoding", "snappy")
}

func writeV1() *prompb.WriteRequest {
	return &prompb.WriteRequest{
		Timeseries: []prompb.TimeSeries{
			{
				Labels:    []prompb.Label{{Name: "__name__", Value: "requests_total"}, {Name: "job", Value: "a"}},
				Samples:   []prompb.Sample{{Value: 1, Timestamp: 1000}, {Value: 2, Timestamp: 2000}},
				Exemplars: []prompb.Exemplar{{Labels: []prompb.Label{{Name: "trace_id", Value: "abc"}}, Value: 2, Timestamp: 2000}},
			},
			{
				Labels:     []prompb.Label{{Name: "__name__", Value: "latency"}},
				Histograms: []prompb.Histogram{prompb.FromIntHistogram(1000, tsdbutil.GenerateTestHistogram(1))},
			},
		},
		Metadata: []prompb.MetricMetadata{
			{Type: prompb.MetricMetadata_COUNTER, MetricFamilyName: "requests_total", Help: "Requests."},
			{Type: prompb.MetricMetadata_HISTOGRAM, MetricFamilyName: "latency", Unit: "seconds"},
			{Type: prompb.MetricMetadata_GAUGE},
		},
	}
}

func TestRemoteWriteV1(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("requests_total", "latency")
	s.store.SetObserver(r)
	s.write(v1Type, pack(t, writeV1())).expectStatus(t, http.StatusNoContent, "")
	r.expect(t, "requests_total start=0 t=1000 v=1", "requests_total start=0 t=2000 v=2", "latency start=0 t=1000 v=36.8 count=21")
	s.get("/api/v1/query", "query", "requests_total", "time", "2").expect(t,
		`{"resultType":"vector","result":[{"metric":{"__name__":"requests_total","job":"a"},"value":[2,"2"]}]}`)
	s.get("/api/v1/query", "query", "histogram_count(latency)", "time", "1").expectStatus(t, http.StatusOK, `[1,"21"]`)
	s.get("/api/v1/query_exemplars", "query", "requests_total", "start", "0", "end", "3").expectStatus(t, http.StatusOK, `"trace_id":"abc"`)
	s.get("/api/v1/metadata").expect(t, `{"latency":[{"type":"histogram","unit":"seconds","help":""}],"requests_total":[{"type":"counter","unit":"","help":"Requests."}]}`)

	// All types of metadata are known by the name that the API uses.
	for number, name := range prompb.MetricMetadata_MetricType_name {
		if got := strings.ToUpper(string(metricTypeV1(prompb.MetricMetadata_MetricType(number)))); got != name {
			t.Errorf("type %s is called %s", name, got)
		}
	}
}

func writeV2(startMs int64) *writev2.Request {
	return &writev2.Request{
		Symbols: []string{"", "__name__", "requests_total", "Requests.", "latency", "trace_id", "abc"},
		Timeseries: []writev2.TimeSeries{
			{
				LabelsRefs: []uint32{1, 2},
				Samples:    []writev2.Sample{{Value: 1, Timestamp: 1000, StartTimestamp: startMs}, {Value: 2, Timestamp: 2000, StartTimestamp: startMs}},
				Exemplars:  []writev2.Exemplar{{LabelsRefs: []uint32{5, 6}, Value: 2, Timestamp: 2000}},
				Metadata:   writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_COUNTER, HelpRef: 3},
			},
			{
				LabelsRefs: []uint32{1, 4},
				Histograms: []writev2.Histogram{
					withStart(writev2.FromIntHistogram(startMs, 1000, tsdbutil.GenerateTestHistogram(1)), startMs),
					withStart(writev2.FromFloatHistogram(startMs, 2000, tsdbutil.GenerateTestFloatHistogram(2)), startMs),
				},
				Metadata: writev2.Metadata{Type: writev2.Metadata_METRIC_TYPE_HISTOGRAM},
			},
		},
	}
}

func withStart(h writev2.Histogram, startMs int64) writev2.Histogram {
	h.StartTimestamp = startMs
	return h
}

func TestRemoteWriteV2(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("requests_total", "latency")
	s.store.SetObserver(r)
	a := s.write(v2Type, pack(t, writeV2(500)))
	a.expectStatus(t, http.StatusNoContent, "")
	for header, want := range map[string]string{"Samples": "2", "Histograms": "2", "Exemplars": "1"} {
		if got := a.header.Get("X-Prometheus-Remote-Write-" + header + "-Written"); got != want {
			t.Errorf("%s %s written, want %s", got, header, want)
		}
	}
	r.expect(t,
		"requests_total start=500 t=1000 v=1", "requests_total start=500 t=2000 v=2",
		"latency start=500 t=1000 v=36.8 count=21", "latency start=500 t=2000 v=55.199999999999996 count=30",
	)
	s.get("/api/v1/query", "query", "count_over_time(requests_total[5s])", "time", "2").expectStatus(t, http.StatusOK, `[2,"2"]`)
	s.get("/api/v1/metadata", "metric", "requests_total").expect(t, `{"requests_total":[{"type":"counter","unit":"","help":"Requests."}]}`)
}

func TestRemoteWriteFaults(t *testing.T) {
	s := serve(t, APIOptions{})
	r := record("requests_total")
	s.store.SetObserver(r)

	s.write(v1Type, nil).expectStatus(t, http.StatusBadRequest, "the body is not compressed with snappy")
	s.write(v1Type, []byte("nonsense")).expectStatus(t, http.StatusBadRequest, "the body is not compressed with snappy")
	s.write(v1Type, snappy.Encode(nil, []byte("nonsense"))).expectStatus(t, http.StatusBadRequest, "the body is not a remote write message")
	s.write(v2Type, snappy.Encode(nil, []byte("nonsense"))).expectStatus(t, http.StatusBadRequest, "the body is not a remote write message")
	s.write("text/plain", pack(t, writeV1())).expectStatus(t, http.StatusUnsupportedMediaType, "text/plain")
	s.do(http.MethodPost, "/api/v1/write", nil, "Content-Type", v1Type, "Content-Encoding", "zstd").expectStatus(t, http.StatusUnsupportedMediaType, "zstd")
	s.do(http.MethodGet, "/api/v1/write", nil).expectStatus(t, http.StatusMethodNotAllowed, "")
	s.write(v1Type, make([]byte, maxWriteBytes+1)).expectStatus(t, http.StatusRequestEntityTooLarge, "the request is larger than 32 MiB; send smaller batches")
	s.write(v1Type, snappy.Encode(nil, make([]byte, maxWriteBytes+1))).expectStatus(t, http.StatusBadRequest, "decoded size exceeds")

	// A label that is not among the symbols, a histogram that cannot be.
	request := writeV2(0)
	request.Timeseries[0].LabelsRefs = []uint32{1, 99}
	request.Timeseries[1].Histograms[0].PositiveSpans = []writev2.BucketSpan{{Offset: -7, Length: 1 << 30}}
	s.write(v2Type, pack(t, request)).expectStatus(t, http.StatusBadRequest, "latency")
	future := writeV1()
	future.Timeseries[0].Samples[0].Timestamp = time.Now().Add(time.Hour).UnixMilli()
	s.write(v1Type, pack(t, future)).expectStatus(t, http.StatusBadRequest, "too far in the future")
	r.expect(t)

	s.write(v1Type, pack(t, writeV1())).expectStatus(t, http.StatusNoContent, "")
	r.take()
	conflict := writeV1()
	conflict.Timeseries[0].Samples[1].Value = 7
	s.write(v1Type, pack(t, conflict)).expectStatus(t, http.StatusBadRequest, "duplicate sample for timestamp")
	r.expect(t)
	if n := gather(s.store.registry)["prometheus_tsdb_head_active_appenders"]; n != 0 {
		t.Errorf("%d transactions are still open", n)
	}
	if s.store.Stats().Refused < 9 {
		t.Errorf("only %d refused", s.store.Stats().Refused)
	}
}

func TestOverloadIsAnsweredWithADelay(t *testing.T) {
	s := open(t)
	synctest.Test(t, func(t *testing.T) {
		h := &apiHandler{store: s, writes: make(chan struct{}, 1)}
		h.writes <- struct{}{} // a request that takes its time
		ask := func(ctx context.Context) *httptest.ResponseRecorder {
			w := httptest.NewRecorder()
			if _, _, ok := h.admit(w, httptest.NewRequestWithContext(ctx, http.MethodPost, "/api/v1/write", nil)); ok {
				t.Error("admitted")
			}
			return w
		}
		began := time.Now()
		w := ask(t.Context())
		if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") != "1" || !strings.Contains(w.Body.String(), "try again in a second") {
			t.Errorf("got %d %v %s", w.Code, w.Header(), w.Body)
		}
		if waited := time.Since(began); waited != maxWriteWait {
			t.Errorf("waited %s", waited)
		}
		gone, cancel := context.WithCancel(t.Context())
		cancel()
		if w := ask(gone); w.Body.Len() != 0 {
			t.Errorf("answered somebody who is gone: %s", w.Body)
		}
		<-h.writes
		w = httptest.NewRecorder()
		_, done, ok := h.admit(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/api/v1/write", strings.NewReader("x")))
		if !ok || len(h.writes) != 1 {
			t.Error("not admitted though there is a place")
		}
		done()
		if len(h.writes) != 0 {
			t.Error("the place is not free again")
		}
	})
}

func TestUnpack(t *testing.T) {
	zip := func(b []byte) []byte {
		var buf bytes.Buffer
		z := gzip.NewWriter(&buf)
		if _, err := z.Write(b); err != nil {
			t.Fatal(err)
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
		return buf.Bytes()
	}
	for _, c := range []struct {
		body           []byte
		encoding, want string
	}{
		{[]byte("x"), "", "x"},
		{[]byte("x"), "identity", "x"},
		{zip([]byte("x")), "gzip", "x"},
		{[]byte("x"), "gzip", "error: it is not gzip"},
		{zip([]byte("x"))[:12], "gzip", "error: its gzip is broken"},
		{[]byte("x"), "br", `error: its Content-Encoding "br" is not supported`},
		{zip(make([]byte, maxWriteBytes+1)), "gzip", "error: http: request body too large"},
	} {
		b, err := unpack(c.body, c.encoding)
		got := string(b)
		if err != nil {
			got = fmt.Sprint("error: ", err)
		}
		if !strings.HasPrefix(got, c.want) {
			t.Errorf("%s: got %q, want %q", c.encoding, got, c.want)
		}
	}
}

// No body makes the server panic, answer 5xx or keep a transaction open.
func FuzzWrite(f *testing.F) {
	const otlpPath = "/api/v1/otlp/v1/metrics"
	unpacked := func(b []byte) []byte {
		raw, err := snappy.Decode(nil, b)
		if err != nil {
			f.Fatal(err)
		}
		return raw
	}
	f.Add(uint8(0), unpacked(pack(f, writeV1())))
	f.Add(uint8(1), unpacked(pack(f, writeV2(500))))
	otlp, err := exportRequest(f).MarshalProto()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(2), otlp)
	asJSON, err := exportRequest(f).MarshalJSON()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(uint8(3), asJSON)

	s, err := Open(Options{Dir: f.TempDir(), Config: DefaultConfig()})
	if err != nil {
		f.Fatal(err)
	}
	f.Cleanup(func() { s.Close() })
	api := s.API(APIOptions{})
	s.SetObserver(silent(true))
	f.Fuzz(func(t *testing.T, kind uint8, body []byte) {
		path, contentType := "/api/v1/write", v1Type
		switch kind % 4 {
		case 0:
			body = snappy.Encode(nil, body)
		case 1:
			body, contentType = snappy.Encode(nil, body), v2Type
		case 2:
			path = otlpPath
		case 3:
			path, contentType = otlpPath, jsonType
		}
		r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, path, bytes.NewReader(body))
		r.Header.Set("Content-Type", contentType)
		w := httptest.NewRecorder()
		api.ServeHTTP(w, r)
		if w.Code >= http.StatusInternalServerError || strings.Contains(w.Body.String(), "makes no sense") {
			t.Errorf("answered %d %s", w.Code, w.Body)
		}
		if n := gather(s.registry)["prometheus_tsdb_head_active_appenders"]; n != 0 {
			t.Errorf("%d transactions are still open", n)
		}
	})
}
