package notifiers

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	promconfig "github.com/prometheus/prometheus/config"
)

// everyday is a file as users have it, with what Alertmanager resolves against the file's directory.
const everyday = `
global:
  resolve_timeout: 3m
  smtp_from: alerts@example.org
  smtp_smarthost: localhost:25
  slack_api_url: https://hooks.slack.com/services/T/B/SECRET
  http_config:
    tls_config: {ca_file: ca.pem}
templates: ["templates/*.tmpl"]
route:
  receiver: team
  group_by: ["..."]
  routes:
    - matchers: ['severity="page"', 'team=~"share|feed"']
      receiver: pager
      mute_time_intervals: [weekend]
      continue: true
    - match: {severity: ticket}
      receiver: mail
    - matchers: ['severity="none"']
      receiver: blackhole
receivers:
  - name: team
    slack_configs:
      - channel: '#team'
        send_resolved: true
      - channel: '#other'
        api_url: https://hooks.slack.com/services/X/Y/Z
  - name: pager
    pagerduty_configs:
      - routing_key: abc
        http_config: {basic_auth: {username: u, password_file: secrets/pw}}
    webhook_configs:
      - url: http://localhost:1/hook
  - name: mail
    email_configs: [{to: a@example.org}]
  - name: blackhole
inhibit_rules:
  - source_matchers: [severity="page"]
    target_matchers: [severity="ticket"]
    equal: [service]
time_intervals:
  - name: weekend
    time_intervals: [{weekdays: [saturday, sunday]}]
`

// withoutFiles drops what names files that do not exist, so that integrations can be built.
func withoutFiles(text string) string {
	text = strings.ReplaceAll(text, "tls_config: {ca_file: ca.pem}", "follow_redirects: true")
	return strings.ReplaceAll(text, ", password_file: secrets/pw", "")
}

func TestLoadReadsWhatAlertmanagerReads(t *testing.T) {
	file := writeFile(t, "alertmanager.yml", everyday)
	want, err := amconfig.LoadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	src, err := readSource(file)
	if err != nil {
		t.Fatal(err)
	}
	got, err := parseConfig(src, filepath.Dir(file))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("configuration (-Alertmanager +ours):\n%s", diff)
	}
	if got, want := got.Receivers[1].WebhookConfigs[0].HTTPConfig.TLSConfig.CAFile, filepath.Join(filepath.Dir(file), "ca.pem"); got != want {
		t.Errorf("ca_file %q, want %q", got, want)
	}
}

func TestReceivers(t *testing.T) {
	conf, err := Load(writeFile(t, "alertmanager.yml", withoutFiles(everyday)))
	if err != nil {
		t.Fatal(err)
	}
	reaches := func(want []string, lset map[string]string) {
		t.Helper()
		if diff := cmp.Diff(want, Receivers(conf, lset)); diff != "" {
			t.Errorf("%v reaches (-want +got):\n%s", lset, diff)
		}
	}
	reaches([]string{"pager"}, map[string]string{"severity": "page", "team": "share"})
	reaches([]string{"team"}, map[string]string{"severity": "page", "team": "media"})
	reaches([]string{"mail"}, map[string]string{"severity": "ticket"})
	reaches([]string{"team"}, nil)
	reaches(nil, map[string]string{"severity": "none"})
	if got := Receivers(nil, nil); got != nil {
		t.Errorf("no configuration reaches %v", got)
	}
}

func TestBuiltInConfiguration(t *testing.T) {
	conf, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"slack"}, Receivers(conf, map[string]string{"severity": "page"})); diff != "" {
		t.Errorf("receivers (-want +got):\n%s", diff)
	}
}

func TestSlackWithoutURLIsOurs(t *testing.T) {
	file := writeFile(t, "alertmanager.yml", `
route: {receiver: team}
receivers:
  - name: team
    slack_configs:
      - channel: '#ours'
      - channel: '#theirs'
        api_url: https://hooks.slack.com/services/X/Y/Z
      - channel: '#token'
        app_token: xoxb-1
      -
`)
	slack := &fakeSlack{}
	b := planBuilder{logger: newLogger(&logged{}), slack: slack.builder}
	p, err := b.build(file)
	if err != nil {
		t.Fatal(err)
	}
	if len(slack.confs) != 4 {
		t.Fatalf("%d slack_configs, want 4", len(slack.confs))
	}
	if c := slack.confs[0]; c.APIURL != nil || c.Channel != "#ours" || c.Title == "" || c.HTTPConfig == nil {
		t.Errorf("slack_config without URL: %+v", c)
	}
	if c := slack.confs[1]; c.APIURL == nil || c.APIURL.Path != "/services/X/Y/Z" {
		t.Errorf("slack_config with URL: %+v", c)
	}
	if c := slack.confs[2]; c.APIURL == nil || c.APIURL.Host != "slack.com" || c.AppToken != "xoxb-1" {
		t.Errorf("slack_config with token: %+v", c)
	}
	if c := slack.confs[3]; c.APIURL != nil || c.Title == "" {
		t.Errorf("empty slack_config: %+v", c)
	}
	shown := p.conf.String()
	if strings.Contains(shown, "invalid") || strings.Contains(shown, "hooks.slack.com") || strings.Contains(shown, "xoxb") {
		t.Errorf("the API shows more than it should:\n%s", shown)
	}
}

func TestAmtoolReadsWhatTheAPIShows(t *testing.T) {
	conf, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := amconfig.Load(conf.String()); err != nil {
		t.Errorf("%v\n%s", err, conf)
	}
}

func TestFaultsNameFileAndLine(t *testing.T) {
	const receivers = "receivers:\n  - name: team\n    webhook_configs:\n      - url: http://localhost/\n"
	tests := []struct {
		name, text string
		want       []string // Each is line: part of the sentence.
	}{
		{"empty", "", []string{"1: no route"}},
		{"not YAML", "route:\n  receiver: [team\n" + receivers, []string{"2: did not find expected"}},
		{"unknown keys", "route:\n  receiver: team\n  grup_by: [x]\nroutez: {}\n" + receivers, []string{`3: unknown key "grup_by"`, `4: unknown key "routez"`}},
		{"wrong type", "route:\n  receiver: team\n  group_wait: soon\n" + receivers, []string{"3: not a valid duration"}},
		{"key twice", "route:\n  receiver: team\nroute:\n  receiver: team\n" + receivers, []string{`3: key "route" is given twice`}},
		{"undefined receiver", receivers + "route:\n  receiver: team\n  routes:\n    - receiver: nobody\n", []string{`8: undefined receiver "nobody"`}},
		{"receiver twice", "route:\n  receiver: team\n" + receivers + "  - name: team\n", []string{`7: notification config name "team" is not unique`}},
		{"zero interval", "route:\n  receiver: team\n  group_interval: 0s\n" + receivers, []string{"3: group_interval cannot be zero"}},
		{"undefined interval", receivers + "route:\n  receiver: team\n  routes:\n    - receiver: team\n      mute_time_intervals: [never]\n", []string{`9: undefined time interval "never"`}},
		{"nameless receiver", receivers + "  - webhook_configs: []\nroute: {receiver: team}\n", []string{"5: missing name in receiver"}},
		{"bad URL", "route: {receiver: team}\nreceivers:\n  - name: team\n    webhook_configs:\n      - url: ftp://localhost/\n", []string{"5: "}},
		{"bad matcher", receivers + "route:\n  receiver: team\n  routes:\n    - matchers:\n        - severity=\n        - '='\n", []string{"9: bad matcher format"}},
		{"no mail server", "route: {receiver: team}\nreceivers:\n  - name: team\n    email_configs: [{to: a@example.org}]\n", []string{"4: no global SMTP smarthost set"}},
		{"two secrets", "global:\n  opsgenie_api_key: a\n  opsgenie_api_key_file: b\nroute: {receiver: team}\n" + receivers, []string{"2: at most one of opsgenie_api_key"}},
		{"continue at the root", receivers + "route:\n  receiver: team\n  continue: true\n", []string{"5: cannot have continue in root route"}},
		{"update without URL", "route: {receiver: team}\nreceivers:\n  - name: team\n    slack_configs:\n      - channel: '#x'\n        update_message: true\n", []string{"6: a value is missing here"}},
		{"empty route", receivers + "route:\n  receiver: team\n  routes:\n    -\n", []string{"5: a value is missing here"}},
		{"file of an integration", "route: {receiver: team}\nreceivers:\n  - name: team\n    webhook_configs:\n      - url: http://localhost/\n        http_config: {tls_config: {ca_file: missing.pem}}\n", []string{`3: receiver "team": unable to read CA cert`}},
		{"template", "templates: [bad.tmpl]\nroute: {receiver: team}\n" + receivers, []string{"1: template: bad.tmpl:1: unclosed action"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			file := writeFile(t, "alertmanager.yml", tt.text)
			if err := os.WriteFile(filepath.Join(filepath.Dir(file), "bad.tmpl"), []byte(`{{ define "x" }}{{ end`), 0o600); err != nil {
				t.Fatal(err)
			}
			_, err := Load(file)
			if err == nil {
				t.Fatal("no error")
			}
			lines := strings.Split(err.Error(), "\n")
			for i, want := range tt.want {
				if i >= len(lines) || !strings.HasPrefix(lines[i], file+":"+want) {
					t.Errorf("fault %d: got\n%v\nwant %s", i, strings.ReplaceAll(err.Error(), file, "FILE"), want)
				}
			}
		})
	}
}

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("default: %v", err)
	}
	c := DefaultConfig()
	c.Fallback, c.Alerting = []string{""}, promconfig.AlertingConfig{AlertmanagerConfigs: promconfig.AlertmanagerConfigs{nil}}
	err := c.Validate()
	if err == nil || !strings.Contains(err.Error(), "alerting.alertmanagers[0] is empty") || !strings.Contains(err.Error(), "notifiers.fallback[0]: is empty") {
		t.Errorf("got %v, want both faults", err)
	}
}

func FuzzParseConfig(f *testing.F) {
	f.Add([]byte(everyday))
	f.Add(defaultConfig)
	f.Add([]byte("route: &r {receiver: a, routes: [*r]}"))
	f.Add([]byte("global: {http_config: null}\nroute: {receiver: a}\nreceivers: [{name: a, slack_configs: [null, {}]}]"))
	f.Add([]byte("route: \"x\"\nreceivers: [[]]"))
	dir := f.TempDir()
	f.Fuzz(func(t *testing.T, text []byte) {
		conf, err := parseConfig(source{name: "f", text: text}, dir)
		if err == nil {
			_ = Receivers(conf, map[string]string{"severity": "page"})
			_ = conf.String()
		} else if !strings.HasPrefix(err.Error(), "f:") {
			t.Errorf("error without file and line: %v", err)
		}
	})
}
