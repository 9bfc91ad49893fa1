package web

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v2"
)

func TestConfig(t *testing.T) {
	c := DefaultConfig()
	if err := c.Validate(); err != nil {
		t.Errorf("the default is refused: %v", err)
	}
	if err := yaml.UnmarshalStrict([]byte(`{listen: ":0", external_url: "https://watch.example.org/"}`), &c); err != nil {
		t.Fatalf("decode: %v", err)
	}
	if err := c.Validate(); err != nil {
		t.Errorf("Validate: %v", err)
	}
}

func TestConfigNamesEveryFault(t *testing.T) {
	dir := t.TempDir()
	bad := filepath.Join(dir, "web.yml")
	if err := os.WriteFile(bad, []byte("basic_auth_users: {anna: not-a-hash}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	const here, url = "127.0.0.1:9911", "http://localhost:9911"
	for _, test := range []struct {
		name string
		c    Config
		want []string
	}{
		{"no port", Config{"localhost", url, ""}, []string{`web.listen: "localhost" is not an address`}},
		{"port", Config{"localhost:http", url, ""}, []string{`web.listen: "http" is not a port`}},
		{"large port", Config{"localhost:70000", url, ""}, []string{`web.listen: "70000" is not a port`}},
		{"no scheme", Config{here, "watch.example.org", ""}, []string{"web.external_url"}},
		{"scheme", Config{here, "ftp://watch.example.org", ""}, []string{"web.external_url"}},
		{"path", Config{here, "https://example.org/watch", ""}, []string{"web.external_url", "has a path"}},
		{"password", Config{here, "https://a:b@example.org", ""}, []string{"must not hold a user or password"}},
		{"no file", Config{here, url, filepath.Join(dir, "none.yml")}, []string{"web.config_file", "none.yml"}},
		{"bad file", Config{here, url, bad}, []string{"web.config_file"}},
		{"all", Config{"", "", filepath.Join(dir, "none.yml")}, []string{"web.listen", "web.external_url", "web.config_file"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := test.c.Validate()
			if err == nil {
				t.Fatal("not refused")
			}
			for _, want := range test.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q does not say %q", err, want)
				}
			}
			if strings.Contains(err.Error(), "a:b@") {
				t.Errorf("the password is in the error: %v", err)
			}
		})
	}
}
