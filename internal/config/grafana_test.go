package config

import (
	"strings"
	"testing"
)

func TestGrafanaToken(t *testing.T) {
	t.Setenv("GRAFANA_TOKEN", " glsa_env\n")
	if token, err := Default().GrafanaToken(); err != nil || token != "glsa_env" {
		t.Errorf("of the environment: %q, %v", token, err)
	}
	const text = "dashboards:\n  grafana: {url: https://grafana.example, token_file: token}\n"
	for content, want := range map[string]string{"glsa_file\n": "glsa_file", " \n": ""} {
		cfg, err := Load(write(t, map[string]string{"watchtower.yaml": text, "token": content}))
		if err != nil {
			t.Fatal(err)
		}
		token, err := cfg.GrafanaToken()
		if token != want || (err == nil) != (want != "") {
			t.Errorf("of the file: %q, %v", token, err)
		}
		for _, say := range []string{"watchtower.yaml:2: dashboards.grafana.token_file: ", "is empty"} {
			if err != nil && !strings.Contains(err.Error(), say) {
				t.Errorf("%v does not say %q", err, say)
			}
		}
	}
	cfg, err := Load(write(t, map[string]string{"watchtower.yaml": text}))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := cfg.GrafanaToken(); err == nil || !strings.Contains(err.Error(), "dashboards.grafana.token_file") {
		t.Errorf("an absent file: %v", err)
	}
}

func TestGrafanaAddressIsChecked(t *testing.T) {
	_, err := Load(write(t, map[string]string{"watchtower.yaml": "dashboards:\n  grafana:\n    url: grafana.example\n"}))
	if err == nil || !strings.Contains(err.Error(), "watchtower.yaml:3: dashboards.grafana.url: ") {
		t.Errorf("got %v", err)
	}
}
