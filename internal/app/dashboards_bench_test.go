package app

import (
	"fmt"
	"math"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/internal/web"
)

// fillDay writes a day of samples, 15 s apart: requests of four services by route and
// status, and how long they took. It returns how many series there are.
func fillDay(b *testing.B, st *store.Store, until time.Time) int {
	b.Helper()
	var all []labels.Labels
	var speed []float64
	for s, service := range []string{"auth", "feed", "share", "media"} {
		for r := range 4 {
			for c, code := range []string{"200", "404", "503"} {
				all = append(all, labels.FromStrings("__name__", "http_requests_total", "job", service, "route", fmt.Sprintf("/route/%d", r), "code", code))
				speed = append(speed, 20/float64((r+1)*(s+1)*(1+c*c*20)))
			}
		}
		for i, le := range []string{"0.01", "0.05", "0.1", "0.25", "0.5", "1", "+Inf"} {
			all = append(all, labels.FromStrings("__name__", "http_request_duration_seconds_bucket", "job", service, "le", le))
			speed = append(speed, 5*float64(i+1))
		}
	}
	refs, counts := make([]storage.SeriesRef, len(all)), make([]float64, len(all))
	from := until.Add(-24 * time.Hour)
	for n := 0; !from.After(until); n++ {
		appender := st.Appender(b.Context())
		for range 240 {
			load := 1.5 + math.Sin(2*math.Pi*from.Sub(until).Hours()/24)
			for i := range all {
				counts[i] += 15 * speed[i] * load
				ref, err := appender.Append(refs[i], all[i], from.UnixMilli(), math.Floor(counts[i]))
				if err != nil {
					b.Fatal(err)
				}
				refs[i] = ref
			}
			if from = from.Add(15 * time.Second); from.After(until) {
				break
			}
		}
		if err := appender.Commit(); err != nil {
			b.Fatal(err)
		}
	}
	return len(all)
}

// twentyPanels is a dashboard of every kind of panel over 24 h.
func twentyPanels(b *testing.B) *viewer.Board {
	b.Helper()
	var panels []string
	add := func(kind string, width int, expr, legend, more string) {
		panels = append(panels, fmt.Sprintf(`{"id": %d, "type": %q, "title": "Panel %d", "gridPos": {"x": 0, "y": %d, "w": %d, "h": 8}, "targets": [{"refId": "A", "expr": %q, "legendFormat": %q}]%s}`,
			len(panels)+1, kind, len(panels)+1, len(panels), width, expr, legend, more))
	}
	const lines = `, "fieldConfig": {"defaults": {"unit": "reqps", "custom": {"fillOpacity": 8}}}, "options": {"legend": {"showLegend": true, "calcs": ["lastNotNull", "max"]}}`
	for _, job := range []string{"auth", "feed", "share", "media"} {
		match := `{job="` + job + `"}`
		add("timeseries", 12, `sum by (route) (rate(http_requests_total`+match+`[$__rate_interval]))`, "{{route}}", lines)
		add("timeseries", 12, `sum by (code) (rate(http_requests_total`+match+`[$__rate_interval]))`, "{{code}}", lines)
		add("timeseries", 12, `histogram_quantile(0.95, sum by (le) (rate(http_request_duration_seconds_bucket`+match+`[$__rate_interval])))`, "p95", lines)
	}
	add("stat", 6, `sum(rate(http_requests_total{code="503"}[5m])) / sum(rate(http_requests_total[5m]))`, "failed", `, "options": {"graphMode": "area"}`)
	add("stat", 6, `sum(rate(http_requests_total[5m]))`, "requests", `, "options": {"graphMode": "area"}`)
	add("gauge", 6, `sum by (job) (rate(http_requests_total[5m])) / 100`, "{{job}}", "")
	add("bargauge", 6, `sum by (route) (rate(http_requests_total[5m]))`, "{{route}}", "")
	add("table", 12, `sum by (job, route) (rate(http_requests_total[5m]))`, "", "")
	add("heatmap", 12, `sum by (le) (increase(http_request_duration_seconds_bucket[$__rate_interval]))`, "{{le}}", "")
	add("timeseries", 24, `topk(10, sum by (job, route) (rate(http_requests_total[$__rate_interval])))`, "{{job}} {{route}}", lines)
	add("text", 24, "", "", `, "options": {"content": "**Read this**"}`)
	board, err := viewer.Parse([]byte(`{"uid": "twenty", "title": "Twenty", "time": {"from": "now-24h", "to": "now"}, "panels": [` + strings.Join(panels, ",") + `]}`))
	if err != nil {
		b.Fatal(err)
	}
	return board
}

// BenchmarkDashboardPage measures a page of 20 panels over 24 h from the request to the
// last byte of its HTML, on a day of real series.
func BenchmarkDashboardPage(b *testing.B) {
	st, err := store.Open(store.Options{Dir: b.TempDir(), Config: store.DefaultConfig()})
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := st.Close(); err != nil {
			b.Error(err)
		}
	}()
	until := time.Now().Truncate(time.Second)
	count := fillDay(b, st, until)
	board := twentyPanels(b)
	site, err := web.New(web.Options{Dashboards: viewer.New(viewer.Options{
		Boards: func() ([]*viewer.Board, error) { return []*viewer.Board{board}, nil }, Querier: querier{st}, Now: func() time.Time { return until },
	})})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	size := 0
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/dashboards/twenty", nil)
		r.Header.Set("Accept-Encoding", "gzip")
		w := httptest.NewRecorder()
		site.ServeHTTP(w, r)
		if w.Code != http.StatusOK {
			b.Fatal(w.Code)
		}
		size = w.Body.Len()
	}
	b.ReportMetric(float64(size), "bytes")
	b.ReportMetric(float64(count), "series")
}
