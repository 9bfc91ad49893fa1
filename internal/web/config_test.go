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
	users := filepath.Join(dir, "users.yml")
	if err := os.WriteFile(users, []byte(anna), 0o600); err != nil {
		t.Fatal(err)
	}
	const here, url = "127.0.0.1:9911", "http://localhost:9911"
	for _, test := range []struct {
		name string
		c    Config
		want []string
	}{
		{"no port", Config{Listen: "localhost", ExternalURL: url}, []string{`web.listen: "localhost" is not an address`}},
		{"port", Config{Listen: "localhost:http", ExternalURL: url}, []string{`web.listen: "http" is not a port`}},
		{"large port", Config{Listen: "localhost:70000", ExternalURL: url}, []string{`web.listen: "70000" is not a port`}},
		{"no scheme", Config{Listen: here, ExternalURL: "watch.example.org"}, []string{"web.external_url"}},
		{"scheme", Config{Listen: here, ExternalURL: "ftp://watch.example.org"}, []string{"web.external_url"}},
		{"path", Config{Listen: here, ExternalURL: "https://example.org/watch"}, []string{"web.external_url", "has a path"}},
		{"password", Config{Listen: here, ExternalURL: "https://a:b@example.org"}, []string{"must not hold a user or password"}},
		{"no file", Config{Listen: here, ExternalURL: url, ConfigFile: filepath.Join(dir, "none.yml")}, []string{"web.config_file", "none.yml"}},
		{"bad file", Config{Listen: here, ExternalURL: url, ConfigFile: bad}, []string{"web.config_file"}},
		{"viewers of nobody", Config{Listen: here, ExternalURL: url, Viewers: []string{"anna"}}, []string{"web.viewers: nobody is asked for a name", "web.config_file"}},
		{"unknown viewer", Config{Listen: here, ExternalURL: url, ConfigFile: users, Viewers: []string{"anna", "Anna"}}, []string{`web.viewers[1]: "Anna" is not among the basic_auth_users`, "users.yml (anna)"}},
		{"all", Config{Listen: "", ExternalURL: "", ConfigFile: filepath.Join(dir, "none.yml")}, []string{"web.listen", "web.external_url", "web.config_file"}},
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
