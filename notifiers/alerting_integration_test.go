//go:build integration

package notifiers

import (
	"context"
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	promrules "github.com/prometheus/prometheus/rules"
)

// realAlertmanager is Alertmanager's own program, which remembers what it was told through the webhook of a test server.
type realAlertmanager struct {
	t       *testing.T
	address string
}

func startAlertmanager(t *testing.T, webhook string) *realAlertmanager {
	t.Helper()
	program, err := exec.LookPath("prometheus-alertmanager")
	if err != nil {
		t.Fatalf("%v: scripts/install-test-programs installs it", err)
	}
	var l net.ListenConfig
	free, err := l.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	am := &realAlertmanager{t: t, address: free.Addr().String()}
	if err := free.Close(); err != nil {
		t.Fatal(err)
	}
	config := writeFile(t, "alertmanager.yml", fmt.Sprintf(`
route: {receiver: test, group_by: [alertname], group_wait: 100ms, group_interval: 500ms, repeat_interval: 1h}
receivers: [{name: test, webhook_configs: [{url: '%s', send_resolved: true}]}]
`, webhook))
	ctx, cancel := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, program, "--config.file="+config, "--storage.path="+filepath.Join(t.TempDir(), "data"),
		"--web.listen-address="+am.address, "--cluster.listen-address=")
	cmd.Stderr = t.Output()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cancel()
		_ = cmd.Wait() // It was killed.
	})
	eventually(t, "Alertmanager is ready", func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+am.address+"/-/ready", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		return resp.Body.Close() == nil && resp.StatusCode == http.StatusOK
	})
	return am
}

// active returns how many alerts with this name fire there now.
func (am *realAlertmanager) active(name string) int {
	am.t.Helper()
	req, err := http.NewRequestWithContext(am.t.Context(), http.MethodGet,
		"http://"+am.address+"/api/v2/alerts?filter=alertname%3D"+name, http.NoBody)
	if err != nil {
		am.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		am.t.Fatal(err)
	}
	defer resp.Body.Close()
	var alerts []struct{ Fingerprint string }
	if err := json.NewDecoder(resp.Body).Decode(&alerts); err != nil {
		am.t.Fatal(err)
	}
	return len(alerts)
}

// TestRealAlertmanager runs an alert's life in a sixtieth of the time that rules take: sent again every second and valid
// for four, instead of minutes.
func TestRealAlertmanager(t *testing.T) {
	const resend, valid = time.Second, 4 * time.Second
	hook := newPeer(t)
	am := startAlertmanager(t, hook.url+"/hook")
	a, _ := runAlerting(t, Options{Config: mustAlerting(t, oneAlertmanager, am.address)}, 1)

	began := time.Now()
	send := func(name string, resolved bool) {
		now := time.Now()
		alert := &promrules.Alert{Labels: firing(name).Labels, FiredAt: began, ValidUntil: now.Add(valid)}
		if resolved {
			alert.ResolvedAt = now
		}
		a.Send(t.Context(), "up == 0", alert)
	}
	send("Resolved", false)
	send("Forgotten", false)
	eventually(t, "both alerts fire outside", func() bool { return am.active("Resolved") == 1 && am.active("Forgotten") == 1 })

	// Twice as long as one send is valid, it fires without a break.
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	sent := time.Now()
	for end := sent.Add(2 * valid); time.Now().Before(end); <-tick.C {
		if time.Since(sent) >= resend {
			sent = time.Now()
			send("Resolved", false)
		}
		if am.active("Resolved") != 1 {
			t.Fatalf("the alert has ended outside after %s although it was sent again", time.Since(began))
		}
	}
	if am.active("Forgotten") != 0 {
		t.Error("an alert that nobody sends any more still fires outside after twice its validity")
	}
	send("Resolved", true)
	eventually(t, "the alert ends outside", func() bool { return am.active("Resolved") == 0 })
	eventually(t, "both ends were notified", func() bool {
		return hook.count(`"status":"resolved","labels":{"alertname":"Resolved"}`) > 0 && hook.count(`"status":"resolved","labels":{"alertname":"Forgotten"}`) > 0
	})
	if n := hook.count(`"status":"firing","labels":{"alertname":"Resolved"}`); n != 1 {
		t.Errorf("the alert was notified %d times while it fired, want once: it must not have flapped", n)
	}
}
