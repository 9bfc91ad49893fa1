package app

import (
	"encoding/json"
	"net/url"
	"strings"
	"testing"
	"time"
)

// value asks for the value of a query until there is one; "" there never was.
func (w *world) value(expr string) string {
	w.t.Helper()
	ticker := time.NewTicker(50 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-ticker.C {
		_, text := w.get("/api/v1/query?query=" + url.QueryEscape(expr))
		var answer struct {
			Data struct {
				Result []struct{ Value [2]any }
			}
		}
		if err := json.Unmarshal([]byte(text), &answer); err != nil {
			w.t.Fatalf("%v: %s", err, text)
		}
		if len(answer.Data.Result) > 0 {
			s, _ := answer.Data.Result[0].Value[1].(string)
			return s
		}
	}
	return ""
}

// TestOwnMetricsAreStored asks the store for what /metrics shows, and for what is no
// longer there.
func TestOwnMetricsAreStored(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": strings.TrimSpace(strings.Replace(baseConfig, "http: 127.0.0.1:0}", "http: 127.0.0.1:0}, global: {scrape_interval: 1s, scrape_timeout: 1s}", 1)) + "\n",
		"slos/share.yaml": shareSpec,
	})
	for expr, want := range map[string]string{
		`up{job="watchtower"}`:                                    "1",
		`watchtower_incidents_total{service="share"}`:             "0",
		`watchtower_incidents_open`:                               "0",
		`count(watchtower_rules_evaluations_total)`:               "1",
		`count(rate(watchtower_rules_evaluations_total[1m]) > 0)`: "1",
		`count(watchtower_incident_resolve_seconds_bucket{le="+Inf", job="watchtower", team="social"})`: "1",
	} {
		if got := w.value(expr); got != want {
			t.Errorf("%s is %q, want %s", expr, got, want)
		}
	}
	if at := w.app.store.ReceivedAt(); !at.IsZero() {
		t.Errorf("our own metrics are taken for telemetry, at %s", at)
	}
}
