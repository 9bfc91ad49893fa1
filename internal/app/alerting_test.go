package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// pushed is an alert as an Alertmanager outside gets it.
type pushed struct {
	Labels, Annotations map[string]string
	StartsAt, EndsAt    time.Time
	GeneratorURL        string
}

// outsider is an Alertmanager outside of the process under test.
type outsider struct {
	mu     sync.Mutex
	alerts []pushed
}

func (o *outsider) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var alerts []pushed
	if err := json.NewDecoder(r.Body).Decode(&alerts); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.alerts = append(o.alerts, alerts...)
}

// wait returns the first alert that ok says true for.
func (o *outsider) wait(t *testing.T, what string, ok func(pushed) bool) pushed {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); time.Now().Before(end); <-tick.C {
		o.mu.Lock()
		for _, a := range o.alerts {
			if ok(a) {
				o.mu.Unlock()
				return a
			}
		}
		o.mu.Unlock()
	}
	t.Fatalf("no alert outside: %s", what)
	return pushed{}
}

// TestAlertsReachAlertmanagersOutside follows an objective's page and a rule file's alert to an Alertmanager outside,
// beside the own Slack.
func TestAlertsReachAlertmanagersOutside(t *testing.T) {
	outside := &outsider{}
	server := httptest.NewServer(outside)
	defer server.Close()
	address := strings.TrimPrefix(server.URL, "http://")
	const config = `web: {listen: 127.0.0.1:0}
collectors:
  otlp: {grpc: 127.0.0.1:0, http: 127.0.0.1:0}
  global: {evaluation_interval: 1s, external_labels: {region: eu}}
rules: {prometheus: [rules.yaml]}
`
	section := fmt.Sprintf(`notifiers:
  alerting:
    alertmanagers: [{path_prefix: /am, basic_auth: {username: wt, password: s3same}, static_configs: [{targets: ['%s']}]}]
`, address)
	w := newWorld(t, map[string]string{
		"watchtower.yaml": config + section, "slos/share.yaml": shareSpec,
		"rules.yaml": "groups: [{name: a, rules: [{alert: Always, expr: vector(1), labels: {severity: info}}]}]\n",
	})
	w.crossThreshold()
	w.expect("a page", isPage)
	burn := outside.wait(t, "the objective's page", func(a pushed) bool { return a.Labels["alertname"] == "ShareErrorBudgetBurn" })
	if left := time.Until(burn.EndsAt); left < 3*time.Minute || left > 5*time.Minute {
		t.Errorf("a firing alert is valid for %s more, want about four minutes: it is sent again every minute", left)
	}
	if burn.Labels["region"] != "eu" || burn.GeneratorURL != w.app.URL()+"/objectives/"+objectiveID {
		t.Errorf("the page outside: %+v", burn)
	}
	always := outside.wait(t, "the rule's alert", func(a pushed) bool { return a.Labels["alertname"] == "Always" })
	if link, err := url.Parse(always.GeneratorURL); err != nil || link.Query().Get("g0.expr") != "vector(1)" || always.Labels["region"] != "eu" {
		t.Errorf("the rule's alert outside: %+v", always)
	}

	if _, answer := w.get("/api/v1/alertmanagers"); !strings.Contains(answer, server.URL+"/am/api/v2/alerts") {
		t.Errorf("/api/v1/alertmanagers: %s", answer)
	}
	if _, page := w.get("/status"); !strings.Contains(page, server.URL+"/am/api/v2/alerts") {
		t.Errorf("/status does not show the Alertmanager")
	}
	for _, path := range []string{"/api/v1/status/config", "/status", "/metrics"} {
		if _, answer := w.get(path); strings.Contains(answer, "s3same") {
			t.Errorf("%s shows the password", path)
		}
	}

	stop := w.keep(20, 0)
	defer stop()
	over := outside.wait(t, "the end of the page", func(a pushed) bool {
		return a.Labels["alertname"] == "ShareErrorBudgetBurn" && a.EndsAt.Before(time.Now())
	})
	if over.StartsAt != burn.StartsAt || over.EndsAt.Before(over.StartsAt) {
		t.Errorf("it began at %s and ends from %s to %s", burn.StartsAt, over.StartsAt, over.EndsAt)
	}

	w.write("watchtower.yaml", config+strings.ReplaceAll(section, "static_configs", "timeout: 0s, static_configs"))
	if err := w.app.Reload(); err == nil || len(w.app.alerting.Alertmanagers()) != 1 {
		t.Errorf("a faulty section: %v, %v", err, w.app.alerting.Alertmanagers())
	}
	w.write("watchtower.yaml", config)
	if err := w.app.Reload(); err != nil {
		t.Error(err)
	}
	if _, page := w.get("/status"); strings.Contains(page, address) {
		t.Error("/status shows an Alertmanager that is configured no more")
	}
}
