package httpcheck

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/collector/component"
	"go.opentelemetry.io/collector/component/componenttest"
	"go.opentelemetry.io/collector/config/configopaque"
	"go.opentelemetry.io/collector/confmap"
	"go.opentelemetry.io/collector/consumer"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/receiver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// lines shows each data point of each metric as one line.
func lines(md pmetric.Metrics) []string {
	var shown []string
	for _, metric := range md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().All() {
		var points pmetric.NumberDataPointSlice
		if metric.Type() == pmetric.MetricTypeSum {
			points = metric.Sum().DataPoints()
		} else {
			points = metric.Gauge().DataPoints()
		}
		for _, point := range points.All() {
			value := fmt.Sprint(point.IntValue())
			if point.Flags().NoRecordedValue() {
				value = "ends"
			}
			var attributes []string
			for key, attribute := range point.Attributes().All() {
				if key != "http.url" && key != "http.method" {
					attributes = append(attributes, key+"="+attribute.AsString())
				}
			}
			shown = append(shown, fmt.Sprintf("%s %s %s", metric.Name(), strings.Join(attributes, " "), value))
		}
	}
	return shown
}

func TestSeriesFollowTheAnswers(t *testing.T) {
	s := newSeries(Target{Endpoint: "https://user:secret@api.example.com/", Method: "GET"})
	at := time.Unix(1_700_000_000, 0)
	status := func(code int, values ...string) []string {
		var shown []string
		for i, value := range values {
			shown = append(shown, fmt.Sprintf("httpcheck.status http.status_code=%d http.status_class=%dxx %s", code, i+1, value))
		}
		return shown
	}
	for _, step := range []struct {
		found answer
		want  []string
	}{
		{answer{at: at, code: 200, duration: 12 * time.Millisecond}, slices.Concat(
			[]string{"httpcheck.duration  12"}, status(200, "0", "1", "0", "0", "0"))},
		{answer{at: at, code: 503, fault: "unexpected status 503"}, slices.Concat(
			[]string{"httpcheck.duration  0"}, status(200, "ends", "ends", "ends", "ends", "ends"), status(503, "0", "0", "0", "0", "1"),
			[]string{"httpcheck.error error.message=unexpected status 503 1"})},
		{answer{at: at, fault: "timeout"}, slices.Concat(
			[]string{"httpcheck.duration  0"}, status(503, "ends", "ends", "ends", "ends", "ends"), status(0, "0", "0", "0", "0", "0"),
			[]string{"httpcheck.error error.message=timeout 1", "httpcheck.error error.message=unexpected status 503 0"})},
		{answer{at: at, code: 200}, slices.Concat(
			[]string{"httpcheck.duration  0"}, status(0, "ends", "ends", "ends", "ends", "ends"), status(200, "0", "1", "0", "0", "0"),
			[]string{"httpcheck.error error.message=timeout 0", "httpcheck.error error.message=unexpected status 503 0"})},
	} {
		md := s.metrics(step.found)
		if diff := cmp.Diff(step.want, lines(md)); diff != "" {
			t.Errorf("after %+v (-want +got):\n%s", step.found, diff)
		}
		url, _ := md.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Gauge().DataPoints().At(0).Attributes().Get("http.url")
		if strings.Contains(url.AsString(), "secret") {
			t.Errorf("a password is shown: %s", url.AsString())
		}
	}
}

func TestCheck(t *testing.T) {
	var got atomic.Pointer[http.Request]
	var body atomic.Value
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got.Store(r)
		text, _ := io.ReadAll(r.Body)
		body.Store(string(text))
		switch r.URL.Path {
		case "/slow":
			<-r.Context().Done()
		case "/cut":
			w.Header().Set("Content-Length", "100")
			_, _ = w.Write([]byte("x"))
		case "/teapot":
			w.WriteHeader(http.StatusTeapot)
		}
	}))
	defer server.Close()
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}

	for _, test := range []struct {
		name   string
		target Target
		code   int
		fault  string
	}{
		{"well", Target{Endpoint: server.URL}, 200, ""},
		{"another status than expected", Target{Endpoint: server.URL + "/teapot"}, 418, "unexpected status 418"},
		{"an odd status that is expected", Target{Endpoint: server.URL + "/teapot", ExpectedStatus: []int{418}}, 418, ""},
		{"well, but another is expected", Target{Endpoint: server.URL, ExpectedStatus: []int{201}}, 200, "unexpected status 200"},
		{"slow", Target{Endpoint: server.URL + "/slow", Timeout: 50 * time.Millisecond}, 0, "timeout"},
		{"cut off", Target{Endpoint: server.URL + "/cut"}, 200, "connection closed"},
		{"nobody there", Target{Endpoint: closed.URL}, 0, "connection refused"},
		{"no such name", Target{Endpoint: "http://no-such-host.invalid/"}, 0, "name lookup failed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			found := check(t.Context(), client, test.target.withDefaults(time.Minute))
			if found.code != test.code || found.fault != test.fault || found.duration <= 0 {
				t.Errorf("found %+v, want code %d and fault %q", found, test.code, test.fault)
			}
		})
	}

	check(t.Context(), client, Target{
		Endpoint: server.URL, Method: http.MethodPut, Body: "hello", Timeout: time.Second,
		Headers: map[string]configopaque.String{"authorization": "Bearer x", "host": "api.example.com"},
	})
	if r := got.Load(); r.Method != http.MethodPut || r.Header.Get("Authorization") != "Bearer x" || r.Host != "api.example.com" || body.Load() != "hello" {
		t.Errorf("asked with %s %v host %s body %q", r.Method, r.Header, r.Host, body.Load())
	}
}

func TestCertificate(t *testing.T) {
	server := httptest.NewTLSServer(http.NotFoundHandler())
	defer server.Close()
	server.Config.ErrorLog = nil
	target := Target{Endpoint: server.URL, ExpectedStatus: []int{404}}.withDefaults(time.Minute)
	found := check(t.Context(), server.Client(), target)
	if found.fault != "" || found.certificate == nil {
		t.Fatalf("found %+v, want a certificate", found)
	}
	all := lines(newSeries(target).metrics(found))
	if last := all[len(all)-1]; !strings.HasPrefix(last, "httpcheck.tls.cert_remaining http.tls.issuer=O=Acme Co http.tls.cn= http.tls.san=") || strings.HasSuffix(last, " 0") {
		t.Errorf("certificate shown as %q", last)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	if found := check(t.Context(), client, target); found.fault != "certificate not trusted" {
		t.Errorf("found %+v, want an untrusted certificate", found)
	}
}

func TestValidate(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"{}", "targets is empty"},
		{"{targets: [{endpoint: ''}]}", `targets[0]: endpoint "" is not an http:// or https:// URL`},
		{"{targets: [{endpoint: 'http://a', method: 'G T'}]}", "targets[0]: method"},
		{"{targets: [{endpoint: 'http://a', expected_status: [99]}]}", "expected_status 99"},
		{"{targets: [{endpoint: 'http://a', interval: -1s, timeout: -1s}]}", "interval must not be negative"},
		{"{collection_interval: 0s, targets: [{endpoint: 'http://a'}]}", "collection_interval must be greater"},
		{"{targets: [{endpoint: 'http://a', expect: 1}]}", "expect"},
		{"{targets: [{endpoint: 'http://a'}]}", ""},
	} {
		retrieved, err := confmap.NewRetrievedFromYAML([]byte(test.text))
		if err != nil {
			t.Fatal(err)
		}
		conf, err := retrieved.AsConf()
		if err != nil {
			t.Fatal(err)
		}
		cfg := NewFactory().CreateDefaultConfig()
		err = conf.Unmarshal(cfg)
		if err == nil {
			err = confmap.Validate(cfg)
		}
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%s: %v, want %q", test.text, err, test.want)
		}
	}
}

func TestReceiver(t *testing.T) {
	var asked atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
	defer server.Close()
	var (
		mu   sync.Mutex
		seen []string
	)
	enough := make(chan struct{})
	next, err := consumer.NewMetrics(func(_ context.Context, md pmetric.Metrics) error {
		mu.Lock()
		defer mu.Unlock()
		seen = append(seen, lines(md)...)
		if asked.Load() == 3 {
			close(enough)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	factory := NewFactory()
	set := receiver.Settings{ID: component.NewID(factory.Type()), TelemetrySettings: componenttest.NewNopTelemetrySettings()}
	cfg := &Config{CollectionInterval: time.Hour, Targets: []Target{{Endpoint: server.URL, Interval: 20 * time.Millisecond}}}
	checks, err := factory.CreateMetrics(t.Context(), set, cfg, next)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	if err := checks.Start(ctx, nil); err != nil {
		t.Fatal(err)
	}
	// A receiver lives until its shutdown, whatever the context it was started with.
	cancel()
	select {
	case <-enough:
	case <-time.After(10 * time.Second):
		t.Fatal("fewer than three checks in 10 s")
	}
	if err := checks.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if !slices.Contains(seen, "httpcheck.status http.status_code=200 http.status_class=2xx 1") {
		t.Errorf("seen %q", seen)
	}
}
