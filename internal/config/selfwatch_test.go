package config

import (
	"errors"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func TestSelfWatchSection(t *testing.T) {
	path := write(t, map[string]string{
		"watchtower.yaml":   "selfwatch:\n  heartbeat: {url_file: secrets/heartbeat, interval: 30s}\n  ingestion_after: 5m\n",
		"secrets/heartbeat": "https://beats.example.com/5ecret\n",
	})
	files, _, err := Read(path)
	if err != nil {
		t.Fatal(err)
	}
	c := files.Config.SelfWatch
	if want := filepath.Join(filepath.Dir(path), "secrets/heartbeat"); c.Heartbeat.URLFile != want {
		t.Errorf("url_file is %s, want %s", c.Heartbeat.URLFile, want)
	}
	if time.Duration(c.Heartbeat.Interval) != 30*time.Second || c.Heartbeat.Method != http.MethodPost || time.Duration(c.Heartbeat.Timeout) != 10*time.Second ||
		time.Duration(c.IngestionAfter) != 5*time.Minute || time.Duration(c.DeliveryAfter) != 2*time.Minute {
		t.Errorf("read %+v", c)
	}
}

// A fault stands on its line and tells nothing of the address.
func TestSelfWatchFaults(t *testing.T) {
	fault := func(text string, want ...string) {
		t.Helper()
		path := write(t, map[string]string{"watchtower.yaml": text, "empty": "\n", "odd": "5ecret\n"})
		_, playbookFaults, err := Read(path)
		if err = errors.Join(err, playbookFaults); err == nil {
			t.Errorf("%q is taken", text)
			return
		}
		said := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%q: %s\nlacks %s", text, said, w)
			}
		}
		if strings.Contains(said, "5ecret") {
			t.Errorf("%q: the fault tells the address: %s", text, said)
		}
	}
	fault("selfwatch:\n  heartbaet: {}\n", `watchtower.yaml:2: unknown key "heartbaet"`)
	fault("selfwatch:\n  heartbeat:\n    url: ftp://5ecret\n    method: PUSH\n",
		"watchtower.yaml:3: selfwatch.heartbeat.url: the address must begin with https://", `watchtower.yaml:4: selfwatch.heartbeat.method: "PUSH" cannot be used`)
	fault("selfwatch:\n  delivery_after: 10ms\n", "watchtower.yaml:2: selfwatch.delivery_after: 10ms is too short")
	fault("selfwatch:\n  heartbeat:\n    url_file: gone\n", "watchtower.yaml:3: selfwatch.heartbeat.url_file: open gone: no such file")
	fault("selfwatch:\n  heartbeat:\n    url_file: empty\n", "watchtower.yaml:3: selfwatch.heartbeat.url_file: empty is empty: put the address into it")
	fault("selfwatch:\n  heartbeat:\n    url_file: odd\n", "watchtower.yaml:3: selfwatch.heartbeat.url_file: odd: the address must begin with")
	fault("selfwatch:\n  heartbeat:\n    url: [5ecret]\n", "watchtower.yaml:3: ")
	fault("selfwatch:\n  heartbeat:\n    interval: soon\n", "watchtower.yaml:3: ", "not a valid duration")
	fault("selfwatch:\n  heartbeat:\n    http_config: {basic_auth: {username: a}, authorization: {credentials: 5ecret}}\n", "watchtower.yaml:3: ")
}
