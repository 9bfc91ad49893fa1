package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestInstancesPageTogether has two instances whose receiver refuses every notification: what it should hear goes to the
// fallback receiver, once.
func TestInstancesPageTogether(t *testing.T) {
	var told atomic.Int64
	refusing := httptest.NewServer(http.NotFoundHandler())
	defer refusing.Close()
	fallback := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ CommonAnnotations map[string]string }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || !strings.Contains(m.CommonAnnotations["watchtower_fallback"], `webhook[0] of receiver "team"`) {
			t.Errorf("the fallback is told %v, %v", m, err)
		}
		told.Add(1)
	}))
	defer fallback.Close()
	files := func(name, peers, fallbackReceiver string) map[string]string {
		return map[string]string{
			"watchtower.yaml": baseConfig + fmt.Sprintf(`notifiers:
  alertmanager: alertmanager.yml
  fallback: [%s]
  cluster: {listen_address: '127.0.0.1:0', peer_name: %s, peers: [%s], peer_timeout: 1s, settle_timeout: 0s}
`, fallbackReceiver, name, peers),
			"alertmanager.yml": fmt.Sprintf(`route: {receiver: team, group_by: ['...'], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - {name: team, webhook_configs: [{url: %q}]}
  - {name: everybody, webhook_configs: [{url: %q}]}
`, refusing.URL, fallback.URL),
		}
	}
	one := newWorld(t, files("one", "", "everybody"))
	two := newWorld(t, files("two", one.app.pipeline.Status().Cluster.Address, "everybody"))
	until := func(what string, ok func() bool) {
		t.Helper()
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for end := time.Now().Add(deadline); !ok(); <-tick.C {
			if time.Now().After(end) {
				t.Fatalf("not seen: %s", what)
			}
		}
	}
	until("each other", func() bool { return two.app.pipeline.Status().Cluster.Position == 1 })
	for _, w := range []*world{one, two} {
		alert := `[{"labels": {"alertname": "Burn", "severity": "page"}}]`
		if status, answer := w.post(w.app.URL()+"/api/v2/alerts", "application/json", []byte(alert)); status != http.StatusOK {
			t.Fatalf("alert: %d %s", status, answer)
		}
	}
	until("the fallback to be told", func() bool { return told.Load() == 1 })
	until("the first instance to have logged it", func() bool { return one.app.pipeline.Status().Receivers[1].Integrations[0].Fallbacks == 1 })
	until("two decisions of the second instance", func() bool {
		_, metrics := two.get("/metrics") // The notification log is asked once for each.
		return !strings.Contains(metrics, "\nalertmanager_nflog_queries_total 0\n") && !strings.Contains(metrics, "\nalertmanager_nflog_queries_total 1\n")
	})
	for _, want := range []string{"Pages together with", "one (this one)", "two", "Fell back"} {
		if _, page := one.get("/status"); !strings.Contains(page, want) {
			t.Errorf("/status lacks %q", want)
		}
	}

	two.write("watchtower.yaml", files("two", "", "nobody")["watchtower.yaml"])
	if err := two.app.Reload(); err == nil || !strings.Contains(err.Error(), `watchtower.yaml:5: notifiers.fallback[0]: there is no receiver "nobody"`) {
		t.Errorf("a fallback receiver that does not exist: %v", err)
	}
	two.write("watchtower.yaml", files("three", "", "team")["watchtower.yaml"])
	if err := two.app.Reload(); err != nil {
		t.Error(err)
	}
	if got := two.app.pipeline.Status().Cluster.Name; got != "two" {
		t.Errorf("a reload changed the cluster: %s", got)
	}
	if got := two.app.pipeline.Status().Receivers; len(got) != 1 {
		t.Errorf("after the reload: %+v", got)
	}
	if n := told.Load(); n != 1 {
		t.Errorf("the fallback was told %d times", n)
	}
}
