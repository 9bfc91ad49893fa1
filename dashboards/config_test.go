package dashboards

import (
	"path/filepath"
	"strings"
	"testing"

	commoncfg "github.com/prometheus/common/config"
)

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	full := DefaultConfig()
	full.Grafana.URL, full.Grafana.TokenFile = "https://grafana.example/graf", "token"
	if err := full.Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Grafana: GrafanaConfig{
		URL: "grafana.example", HTTPConfig: commoncfg.HTTPClientConfig{BasicAuth: &commoncfg.BasicAuth{}, BearerToken: "x"},
	}}.Validate()
	for _, want := range []string{"dashboards.out", "dashboards.grafana.url", "dashboards.grafana.folder", "dashboards.grafana.http_config"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not mention %s", err, want)
		}
	}
}

func TestConfigPaths(t *testing.T) {
	c := DefaultConfig()
	c.Grafana.TokenFile, c.Grafana.HTTPConfig.TLSConfig.CAFile = "token", "ca.pem"
	c.SetDirectory("/etc/watchtower")
	for _, path := range []string{c.Out, c.Grafana.TokenFile, c.Grafana.HTTPConfig.TLSConfig.CAFile} {
		if filepath.Dir(path) != "/etc/watchtower" {
			t.Errorf("%s is not relative to the file", path)
		}
	}
}

func TestCheckGrafanaURL(t *testing.T) {
	for address, want := range map[string]string{
		"":                        "is no address",
		"grafana.example":         "is no address",
		"ftp://grafana.example":   "is no address",
		"https://":                "is no address",
		"https://u:p@g.example":   "holds a name or password",
		"https://g.example/?x=1":  "goes on after its path",
		"https://g.example:x/":    "cannot be read",
		"https://g.example/graf/": "",
		"http://127.0.0.1:3000":   "",
	} {
		err := CheckGrafanaURL(address)
		if want == "" {
			if err != nil {
				t.Errorf("%s: %v", address, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "u:p") {
			t.Errorf("%s: %v, want %s", address, err, want)
		}
	}
}
