package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/golang/snappy"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/prompb"
	"github.com/prometheus/prometheus/scrape"
	"github.com/prometheus/prometheus/storage"
	v1 "github.com/prometheus/prometheus/web/api/v1"
)

// server is the API of a store on a port of its own.
type server struct {
	t     *testing.T
	store *Store
	http  *httptest.Server
}

func serve(t *testing.T, o APIOptions) *server {
	t.Helper()
	s := open(t)
	h := httptest.NewServer(s.API(o))
	t.Cleanup(h.Close)
	return &server{t: t, store: s, http: h}
}

// answer is the status and the body, and the headers for those who care.
type answer struct {
	status int
	body   string
	header http.Header
}

func (s *server) do(method, path string, body []byte, header ...string) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), method, s.http.URL+path, bytes.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	for i := 0; i < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	resp, err := s.http.Client().Do(req)
	if err != nil {
		s.t.Fatalf("%s %s: %v", method, path, err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer{resp.StatusCode, strings.TrimSpace(string(b)), resp.Header}
}

func (s *server) get(path string, params ...string) answer {
	s.t.Helper()
	q := url.Values{}
	for i := 0; i < len(params); i += 2 {
		q.Add(params[i], params[i+1])
	}
	return s.do(http.MethodGet, path+"?"+q.Encode(), nil)
}

// expect compares the data of a successful answer.
func (a answer) expect(t *testing.T, want string) {
	t.Helper()
	var got struct {
		Status string          `json:"status"`
		Data   json.RawMessage `json:"data"`
	}
	if err := json.Unmarshal([]byte(a.body), &got); err != nil || a.status != http.StatusOK || got.Status != "success" {
		t.Errorf("got %d %s", a.status, a.body)
		return
	}
	if diff := cmp.Diff(want, string(got.Data)); diff != "" {
		t.Errorf("data (-want +got):\n%s", diff)
	}
}

func (a answer) expectStatus(t *testing.T, status int, text string) {
	t.Helper()
	if a.status != status || !strings.Contains(a.body, text) {
		t.Errorf("got %d %q, want %d with %q", a.status, a.body, status, text)
	}
}

func TestQueries(t *testing.T) {
	s := serve(t, APIOptions{})
	add(t, s.store, series("up", "job", "a"), 1000, 1, 2000, 0)
	add(t, s.store, series("up", "job", "b"), 1000, 1)

	s.get("/api/v1/query", "query", `up{job="a"}`, "time", "2").expect(t,
		`{"resultType":"vector","result":[{"metric":{"__name__":"up","job":"a"},"value":[2,"0"]}]}`)
	s.get("/api/v1/query", "query", `sum(up @ 1)`, "time", "9").expect(t,
		`{"resultType":"vector","result":[{"metric":{},"value":[9,"2"]}]}`)
	form := url.Values{"query": {"up"}, "start": {"1"}, "end": {"2"}, "step": {"1"}, "limit": {"1"}}.Encode()
	s.do(http.MethodPost, "/api/v1/query_range", []byte(form), "Content-Type", "application/x-www-form-urlencoded").expect(t,
		`{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1,"1"],[2,"0"]]}]}`)
	s.get("/api/v1/labels").expect(t, `["__name__","job"]`)
	s.get("/api/v1/label/job/values").expect(t, `["a","b"]`)
	s.get("/api/v1/label/__name__/values", "match[]", `{job="a"}`).expect(t, `["up"]`)
	s.get("/api/v1/series", "match[]", "up", "start", "0", "end", "3").expect(t,
		`[{"__name__":"up","job":"a"},{"__name__":"up","job":"b"}]`)
	s.get("/api/v1/format_query", "query", "sum( up )by(job)").expect(t, `"sum by (job) (up)"`)

	s.get("/api/v1/query", "query", "up{").expectStatus(t, http.StatusBadRequest, `"errorType":"bad_data"`)
	s.get("/api/v1/query", "query", "up", "time", "noon").expectStatus(t, http.StatusBadRequest, `cannot parse \"noon\"`)
	s.get("/api/v1/nowhere").expectStatus(t, http.StatusNotFound, "")
}

func TestNothingIsThereYet(t *testing.T) {
	s := serve(t, APIOptions{})
	s.get("/api/v1/targets").expect(t, `{"activeTargets":[],"droppedTargets":[],"droppedTargetCounts":{}}`)
	s.get("/api/v1/scrape_pools").expect(t, `{"scrapePools":[]}`)
	s.get("/api/v1/rules").expect(t, `{"groups":[]}`)
	s.get("/api/v1/alerts").expect(t, `{"alerts":[]}`)
	s.get("/api/v1/alertmanagers").expect(t, `{"activeAlertmanagers":[],"droppedAlertmanagers":[]}`)
	s.get("/api/v1/metadata").expect(t, `{}`)
	s.get("/api/v1/targets/metadata").expect(t, `[]`)
	s.get("/api/v1/notifications").expect(t, `[]`)
	s.get("/api/v1/query_exemplars", "query", "up").expect(t, `[]`)
	s.get("/api/v1/status/walreplay").expect(t, `{"min":0,"max":0,"current":0}`)
	s.get("/api/v1/status/tsdb/blocks").expect(t, `{"blocks":[]}`)
	s.get("/api/v1/scrape_pools/config", "scrape_pool", "x").expectStatus(t, http.StatusBadRequest, "")
	for _, path := range []string{"config", "runtimeinfo", "buildinfo", "flags", "tsdb", "self_metrics"} {
		s.get("/api/v1/status/"+path).expectStatus(t, http.StatusOK, `"status":"success"`)
	}
	s.get("/api/v1/features").expectStatus(t, http.StatusOK, `"remote_write_receiver":true`)
	s.get("/api/v1/status/flags").expectStatus(t, http.StatusOK, `"storage.tsdb.retention.time":"45d"`)
	s.get("/api/v1/status/buildinfo").expectStatus(t, http.StatusOK, `"version":"3.`)
	s.get("/api/v1/openapi.yaml").expectStatus(t, http.StatusOK, "/query_range:")
	if a := s.get("/api/v1/notifications/live"); a.status != http.StatusNoContent {
		t.Errorf("notifications/live: %d", a.status)
	}
	s.do(http.MethodPost, "/api/v1/admin/tsdb/delete_series?match[]=up", nil).expectStatus(t, http.StatusInternalServerError, "admin APIs disabled")

	// A page of another origin gets no leave to read, and breaks nothing.
	if a := s.do(http.MethodGet, "/api/v1/labels", nil, "Origin", "https://evil.example"); a.status != http.StatusOK || a.header.Get("Access-Control-Allow-Origin") != "" {
		t.Errorf("another origin: %d %v", a.status, a.header)
	}
}

func TestOptions(t *testing.T) {
	reg := prometheus.NewRegistry()
	ready := false
	o := APIOptions{
		Registerer: reg, Gatherer: reg, Version: "1.2.3", Ready: func() bool { return ready },
		ExternalURL: &url.URL{Scheme: "https", Host: "watch.example"}, Flags: map[string]string{"data_dir": "x"},
	}
	s := serve(t, o)
	for _, path := range []string{"/api/v1/query?query=up", "/api/v1/metadata"} {
		s.get(path).expectStatus(t, http.StatusServiceUnavailable, "the server is starting")
	}
	s.do(http.MethodPost, "/api/v1/write", nil).expectStatus(t, http.StatusServiceUnavailable, "the server is starting")
	ready = true
	s.get("/api/v1/status/buildinfo").expectStatus(t, http.StatusOK, `"revision":"1.2.3"`)
	s.get("/api/v1/status/flags").expectStatus(t, http.StatusOK, `"data_dir":"x"`)
	s.get("/api/v1/status/self_metrics").expectStatus(t, http.StatusOK, `prometheus_remote_read_handler_queries`)

	s.store.API(o) // once too often: it warns and works
	if got := hostPort(o.ExternalURL); got != "watch.example:443" {
		t.Errorf("hostPort is %s", got)
	}
	if got := hostPort(&url.URL{Scheme: "http", Host: "a:1"}); got != "a:1" {
		t.Errorf("hostPort is %s", got)
	}
}

func TestExemplars(t *testing.T) {
	s := serve(t, APIOptions{})
	app := s.store.AppenderV2(t.Context())
	_, err := app.Append(0, series("requests_total"), 0, 1000, 1, nil, nil, storage.AOptions{Exemplars: []exemplar.Exemplar{
		{Labels: labels.FromStrings("trace_id", "abc"), Value: 0.5, Ts: 1000, HasTs: true},
	}})
	if err != nil {
		t.Fatal(err)
	}
	commit(t, app)
	s.get("/api/v1/query_exemplars", "query", "rate(requests_total[5m])", "start", "0", "end", "2").expect(t,
		`[{"seriesLabels":{"__name__":"requests_total"},"exemplars":[{"labels":{"trace_id":"abc"},"value":"0.5","timestamp":1}]}]`)
	if n := s.store.Stats().Exemplars; n != 1 {
		t.Errorf("%d exemplars", n)
	}
}

func TestRemoteRead(t *testing.T) {
	s := serve(t, APIOptions{})
	add(t, s.store, series("up"), 1000, 1, 2000, 2)
	request := prompb.ReadRequest{Queries: []*prompb.Query{{
		EndTimestampMs: 3000,
		Matchers:       []*prompb.LabelMatcher{{Name: "__name__", Value: "up"}},
	}}}
	raw, err := request.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	a := s.do(http.MethodPost, "/api/v1/read", snappy.Encode(nil, raw))
	body, err := snappy.Decode(nil, []byte(a.body))
	if err != nil || a.status != http.StatusOK {
		t.Fatalf("got %d %q, %v", a.status, a.body, err)
	}
	var response prompb.ReadResponse
	if err := response.Unmarshal(body); err != nil {
		t.Fatal(err)
	}
	if got := response.Results[0].Timeseries[0].Samples; len(got) != 2 || got[1].Value != 2 {
		t.Errorf("got %v", got)
	}
	s.do(http.MethodPost, "/api/v1/read", []byte("nonsense")).expectStatus(t, http.StatusBadRequest, "snappy")
}

// pools is a target retriever that knows active targets only.
type pools struct {
	nothing
	active map[string][]*scrape.Target
}

var _ v1.TargetRetriever = pools{}

func (p pools) TargetsActive() map[string][]*scrape.Target { return p.active }

// metadataOf is the metadata that a target was scraped with.
type metadataOf map[string]scrape.MetricMetadata

func (m metadataOf) GetMetadata(family string) (scrape.MetricMetadata, bool) {
	md, ok := m[family]
	return md, ok
}

func (m metadataOf) ListMetadata() []scrape.MetricMetadata {
	var all []scrape.MetricMetadata
	for _, md := range m {
		all = append(all, md)
	}
	return all
}
func (m metadataOf) SizeMetadata() int   { return 0 }
func (m metadataOf) LengthMetadata() int { return len(m) }

func TestMetadata(t *testing.T) {
	target := scrape.NewTarget(labels.FromStrings("job", "a"), nil, nil, nil)
	target.SetMetadataStore(metadataOf{
		"scraped":  {MetricFamily: "scraped", Type: "counter", Help: "Scraped."},
		"requests": {MetricFamily: "requests", Type: "counter", Help: "Requests."},
	})
	s := serve(t, APIOptions{Targets: pools{active: map[string][]*scrape.Target{"a": {target}}}})

	push := func(family, name string, m metadata.Metadata) {
		t.Helper()
		app := s.store.AppenderV2(t.Context())
		if _, err := app.Append(0, series(name), 0, time.Now().UnixMilli(), 1, nil, nil, storage.AOptions{MetricFamilyName: family, Metadata: m}); err != nil {
			t.Fatal(err)
		}
		commit(t, app)
	}
	push("requests", "requests", metadata.Metadata{Type: "counter", Help: "Requests."}) // as scraped
	push("requests", "requests", metadata.Metadata{Type: "counter", Help: "Pushed."})
	push("", "latency_bucket", metadata.Metadata{Type: "histogram", Unit: "seconds", Help: "Latency."})

	app := s.store.Appender(t.Context())
	if _, err := app.UpdateMetadata(0, series("rolled_back"), metadata.Metadata{Type: "gauge"}); err != nil {
		t.Fatal(err)
	}
	if err := app.Rollback(); err != nil {
		t.Fatal(err)
	}
	const (
		latency  = `"latency":[{"type":"histogram","unit":"seconds","help":"Latency."}]`
		requests = `"requests":[{"type":"counter","unit":"","help":"Requests."},{"type":"counter","unit":"","help":"Pushed."}]`
		scraped  = `"scraped":[{"type":"counter","unit":"","help":"Scraped."}]`
	)
	s.get("/api/v1/metadata").expect(t, "{"+latency+","+requests+","+scraped+"}")
	s.get("/api/v1/metadata", "limit", "2").expect(t, "{"+latency+","+requests+"}")
	s.get("/api/v1/metadata", "limit", "0").expect(t, "{}")
	s.get("/api/v1/metadata", "metric", "latency").expect(t, "{"+latency+"}")
	s.get("/api/v1/metadata", "metric", "scraped").expect(t, "{"+scraped+"}")
	s.get("/api/v1/metadata", "metric", "unheard_of").expect(t, "{}")
	s.get("/api/v1/metadata", "metric", "requests", "limit_per_metric", "1").expect(t, `{"requests":[{"type":"counter","unit":"","help":"Requests."}]}`)
	s.get("/api/v1/metadata", "limit", "few").expectStatus(t, http.StatusBadRequest, `{"error":"limit must be a number","errorType":"bad_data","status":"error"}`)
	s.get("/api/v1/metadata", "limit_per_metric", "few").expectStatus(t, http.StatusBadRequest, "limit_per_metric must be a number")
	if n := s.store.Stats().MetricFamilies; n != 2 {
		t.Errorf("%d families pushed", n)
	}
}

func TestMetadataIsBounded(t *testing.T) {
	var p pushedMetadata
	help := strings.Repeat("é", maxHelp)
	var b metadataBatch
	for i := range maxVariants + 2 {
		b.note(&p, "x", metadata.Metadata{Type: "gauge", Help: fmt.Sprint(i) + help})
	}
	b.commit(&p)
	p.each("x", func(_ string, variants []metadata.Metadata) {
		if len(variants) != maxVariants || !strings.HasPrefix(variants[0].Help, "5") {
			t.Errorf("%d variants, the newest %q", len(variants), variants[0].Help[:1])
		}
		for _, v := range variants {
			if len(v.Help) > maxHelp || strings.ContainsRune(v.Help, '�') {
				t.Errorf("help is %d bytes long", len(v.Help))
			}
		}
	})
	for i := range maxFamilies + 100 {
		p.put(fmt.Sprint("family_", i), metadata.Metadata{Type: "gauge"})
	}
	if n := p.size(); n != maxFamilies {
		t.Errorf("%d families", n)
	}
	if _, known := p.known("one_more", metadata.Metadata{Type: "gauge"}); !known {
		t.Error("there seems to be room for one more")
	}
	// Known ones are still brought up to date.
	p.put("family_1", metadata.Metadata{Type: "counter"})
	p.each("family_1", func(_ string, variants []metadata.Metadata) {
		if variants[0].Type != "counter" {
			t.Errorf("got %v", variants)
		}
	})
}

func TestFamilyOf(t *testing.T) {
	for _, c := range [][3]string{
		{"x_bucket", "histogram", "x"},
		{"x_count", "histogram", "x"},
		{"x_sum", "summary", "x"},
		{"x_count", "gauge", "x_count"},
		{"x_total", "counter", "x_total"},
		{"_sum", "summary", "_sum"},
		{"x", "histogram", "x"},
	} {
		if got := familyOf(c[0], model.MetricType(c[1])); got != c[2] {
			t.Errorf("%s of a %s is of family %s, want %s", c[0], c[1], got, c[2])
		}
	}
}

func TestGuard(t *testing.T) {
	s := open(t)
	h := &apiHandler{store: s, options: withDefaults(APIOptions{}, s), writes: make(chan struct{}, 1)}
	r := record("a")
	s.SetObserver(r)
	broken := h.guard(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		app := s.Appender(r.Context())
		if _, err := app.Append(0, series("a"), 1, 1); err != nil {
			t.Error(err)
		}
		panic("boom")
	}))
	ask := func(method, path string) *httptest.ResponseRecorder {
		w := httptest.NewRecorder()
		broken.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
		return w
	}
	if w := ask(http.MethodPost, "/api/v1/write"); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), "nothing of it was stored") {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	if w := ask(http.MethodGet, "/api/v1/query"); w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), `"errorType":"internal"`) {
		t.Errorf("got %d %s", w.Code, w.Body)
	}
	r.expect(t)
	if n := gather(s.registry)["prometheus_tsdb_head_active_appenders"]; n != 0 {
		t.Errorf("%d transactions are still open", n)
	}
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Error("the abort of a handler is swallowed")
			}
		}()
		h.guard(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })).
			ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", nil))
	}()
}
