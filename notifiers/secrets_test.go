package notifiers

import (
	"net/url"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v2"
)

func receiverOf(t *testing.T, text string) amconfig.Receiver {
	t.Helper()
	var r amconfig.Receiver
	if err := yaml.UnmarshalStrict([]byte("{name: a, "+text+"}"), &r); err != nil {
		t.Fatal(err)
	}
	return r
}

func TestSecretsAreRedacted(t *testing.T) {
	file := writeFile(t, "key", " key-in-file\n")
	webhook := func(more string) string { return "webhook_configs: [{" + more + "}]" }
	tests := map[string]struct{ receiver, text, want string }{
		"none":             {webhook("url: 'http://h/'"), "h/ says no", "h/ says no"},
		"URL":              {webhook("url: 'http://h/a/path?k=value'"), "Post http://h/a/path?k=value: no", "Post <secret>: no"},
		"path":             {webhook("url: 'http://h/a/path?k=value'"), "GET /a/path?k=other", "GET <secret>?k=other"},
		"query":            {webhook("url: 'http://h/a/path?k=value'"), "k is value", "k is <secret>"},
		"template":         {webhook("url: 'http://h/{{ .X }}/tail-token'"), "Post http://h/x/tail-token", "Post http://h/x<secret>"},
		"escaped in a URL": {"pushover_configs: [{user_key: 'a b+c', token: abcd}]", "?user=a+b%2Bc&token=abcd", "?user=<secret>&token=<secret>"},
		"escaped in JSON":  {`pagerduty_configs: [{routing_key: "a\"b\\c<d"}]`, `{"routing_key":"a\"b\\c\u003cd"}`, `{"routing_key":"<secret>"}`},
		"basic auth":       {webhook("url: 'http://h/', http_config: {basic_auth: {username: a, password: pass}}"), "Authorization: Basic YTpwYXNz", "Authorization: Basic <secret>"},
		"header":           {webhook("url: 'http://h/', http_config: {http_headers: {X: {secrets: [header-secret]}}}"), "X: header-secret", "X: <secret>"},
		"URL's password":   {"opsgenie_configs: [{api_url: 'http://u:password@h/', api_key: abcd}]", "http://u:password@h/", "http://u:<secret>@h/"},
		"longest first":    {"pushover_configs: [{user_key: abcd, token: abcdefgh}]", "abcdefgh abcd", "<secret> <secret>"},
		"file":             {"pagerduty_configs: [{routing_key_file: " + file + "}]", "key-in-file is wrong", "<secret> is wrong"},
		"file is missing":  {"pagerduty_configs: [{routing_key_file: /missing}]", "open /missing: no", "open /missing: no"},
		"too short":        {"pushover_configs: [{user_key: abc, token: abcd}]", "abc", "abc"},
		"shown before":     {"pushover_configs: [{user_key: <secret>, token: abcd}]", "<secret>", "<secret>"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			if got := collectSecrets(receiverOf(t, test.receiver)).redact(test.text); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestSecretInAFileIsReadAnew(t *testing.T) {
	file := writeFile(t, "key", "first-key")
	s := collectSecrets(receiverOf(t, "pagerduty_configs: [{routing_key_file: "+file+"}]"))
	if err := os.WriteFile(file, []byte("second-key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := s.redact("first-key second-key"); got != "first-key <secret>" {
		t.Errorf("after the file has changed: %s", got)
	}
}

func TestSecretsOfAnything(t *testing.T) {
	u, _ := url.Parse("http://u:pass-word@h/")
	in := map[string]any{"a": []any{u, &struct{ hidden *url.URL }{u}, nil, 1}}
	if diff := cmp.Diff([]string{"pass-word"}, secretsIn(in)); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got := secretsIn(nil); got != nil {
		t.Errorf("of nothing: %q", got)
	}
}
