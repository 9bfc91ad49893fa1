package selfwatch

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v2"
)

func read(t *testing.T, text string) Config {
	t.Helper()
	c := DefaultConfig()
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	return c
}

func TestValidate(t *testing.T) {
	for text, want := range map[string]string{
		"": "",
		"heartbeat: {url: 'https://hc.example.com/5ecret'}":                           "",
		"heartbeat: {url_file: f, method: GET, interval: 30s, timeout: 5s}":           "",
		"heartbeat: {url: 'https://hc.example.com/5ecret', url_file: f}":              "heartbeat.url_file: url is given too; keep one of them",
		"heartbeat: {url: 'ftp://hc.example.com/5ecret'}":                             "heartbeat.url: the address must begin with https:// or http:// and name a host",
		"heartbeat: {url: 'https:///5ecret'}":                                         "heartbeat.url: the address must begin with https:// or http:// and name a host",
		"heartbeat: {url: \"https://hc.example.com/5ecret\\x7f\"}":                    "heartbeat.url: this is no address; it is not shown here because it is a secret: copy it again from your heartbeat service",
		"heartbeat: {interval: 10ms}":                                                 "heartbeat.interval: 10ms is too short; write 1s or more, such as 1m",
		"heartbeat: {timeout: 0s}":                                                    "heartbeat.timeout: must be more than nothing, such as 10s",
		"heartbeat: {method: PATCH}":                                                  `heartbeat.method: "PATCH" cannot be used; write POST, GET or HEAD`,
		"delivery_after: 0s":                                                          "delivery_after: 0s is too short; write 1s or more, such as 2m",
		"ingestion_after: 0s":                                                         "",
		"{delivery_after: 1ms, heartbeat: {method: post}}":                            "heartbeat.method: \"post\" cannot be used; write POST, GET or HEAD\ndelivery_after: 1ms is too short; write 1s or more, such as 2m",
		"heartbeat: {http_config: {authorization: {type: GenieKey, credentials: k}}}": "",
	} {
		got := ""
		if err := read(t, text).Validate(); err != nil {
			got = err.Error()
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
	}
}

func TestReadURLTellsNoSecret(t *testing.T) {
	file := filepath.Join(t.TempDir(), "heartbeat")
	h := DefaultConfig().Heartbeat
	h.URLFile = file
	if _, err := h.ReadURL(); err == nil || !os.IsNotExist(err) {
		t.Errorf("no file: %v", err)
	}
	for text, want := range map[string]string{
		" https://hc.example.com/5ecret\n":  "",
		"\n":                                "is empty",
		"hc.example.com/5ecret":             "must begin with https://",
		"https://hc.example.com/5ecret\x01": "this is no address",
	} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		address, err := h.ReadURL()
		switch {
		case want == "" && (err != nil || address != strings.TrimSpace(text)):
			t.Errorf("%q: %q, %v", text, address, err)
		case want != "" && (err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "5ecret")):
			t.Errorf("%q: %v, want %s and no secret", text, err, want)
		}
	}
}

// A configuration that is shown or dumped does not show where the heartbeat goes.
func TestConfigHidesTheAddress(t *testing.T) {
	c := read(t, "heartbeat: {url: 'https://hc.example.com/5ecret', http_config: {authorization: {credentials: 5ecret-key}}}")
	text, err := yaml.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "5ecret") || !strings.Contains(string(text), "<secret>") {
		t.Errorf("shown as:\n%s", text)
	}
}
