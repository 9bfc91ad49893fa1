package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// write puts files into a folder and returns the path of its watchtower.yaml.
func write(tb testing.TB, files map[string]string) string {
	tb.Helper()
	dir := tb.TempDir()
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			tb.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	return filepath.Join(dir, "watchtower.yaml")
}

func TestEmptyFileIsTheDefault(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "")
	for _, text := range []string{"", "\n\n", "# only a comment\n", "web: {}\n"} {
		cfg, err := Load(write(t, map[string]string{"watchtower.yaml": text}))
		if err != nil {
			t.Errorf("%q: %v", text, err)
		}
		if cfg.Web.Listen != "127.0.0.1:9911" || cfg.Collectors.OTLP.GRPC != "127.0.0.1:4317" || time.Duration(cfg.Store.Retention) != 45*24*time.Hour {
			t.Errorf("%q changes a default: %+v", text, cfg)
		}
	}
}

// TestFaults reads one fault a line: the text of the file, then what must be said.
func TestFaults(t *testing.T) {
	fault := func(text string, want ...string) {
		t.Helper()
		path := write(t, map[string]string{"watchtower.yaml": text})
		_, err := Load(path)
		if err == nil {
			t.Errorf("%q is taken", text)
			return
		}
		said := strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", "")
		for _, w := range want {
			if !strings.Contains(said, w) {
				t.Errorf("%q: %s\nlacks %s", text, said, w)
			}
		}
	}
	fault("web:\n  liste: x\nstore: {retentoin: 1d}\n", `watchtower.yaml:2: unknown key "liste"`, `watchtower.yaml:3: unknown key "retentoin"`)
	fault("campaigns: {}\n", `watchtower.yaml:1: unknown key "campaigns"`)
	fault("web: {listen: nowhere}\nstore: {retention: 0s}\n", "watchtower.yaml:1: web.listen", "watchtower.yaml:2: store")
	fault("web:\n  viewers: [marketing]\n", "watchtower.yaml:2: web.viewers: nobody is asked for a name")
	fault("web:\n  config_file: none.yml\n  viewers: [marketing]\n", "watchtower.yaml:2: web.config_file")
	fault("notifiers:\n  fallback: ['']\n  slack:\n    default_channel: ''\n", "watchtower.yaml:2: ", "watchtower.yaml:4: ")
	fault("reports:\n  weekly:\n    timezone: Mars/Olympus\n", "watchtower.yaml:3: reports.weekly.timezone")
	fault("rules: {evaluation_interval: 1ns}\n", "watchtower.yaml:1: ")
	fault("rules:\n  policy:\n    exhausted: freeze\n    at_rsik: hurry\n    watch: ''\n", "watchtower.yaml:4: rules.policy.at_rsik: there is no such state: use healthy, watch, at_risk", "watchtower.yaml:5: rules.policy.watch: is empty")
	fault("collectors:\n  scrape_configs:\n    - job_name: a\n      consul_sd_configs: []\n", "watchtower.yaml:4: ", "kubernetes")
	fault("notifiers:\n  alerting:\n    alertmanagers:\n      - consul_sd_configs: []\n", "watchtower.yaml:4: alerting: consul_sd_configs is not supported", "kubernetes")
	fault("notifiers:\n  alerting:\n    alertmanagers:\n      - static_configs: [{targets: [a]}]\n      - timeout: 0s\n", "watchtower.yaml:5: notifiers.alerting.alertmanagers[1]: timeout is zero")
	fault("notifiers:\n  alerting:\n    alert_relabel_configs: []\n    alertmanager: []\n", `watchtower.yaml:4: unknown key "alertmanager"`)
	fault("data_dir: ''\n", "watchtower.yaml:1: data_dir: is empty")
	fault("web: {}\n---\nfoo: bar\n", "watchtower.yaml:3: a second YAML document")
	fault("a: b: c\n", "watchtower.yaml:1: ")
	fault("web: {}\nweb: {}\n", `watchtower.yaml:2: key "web"`)
	fault("- a list\n", "watchtower.yaml:1: ")
	fault("notifiers:\n  cluster:\n    peers:\n      - b:9094\n", "watchtower.yaml:2: notifiers.cluster.listen_address: is empty")
	fault("notifiers:\n  cluster:\n    listen_address: 127.0.0.1:9094\n    peers: [b]\n    probe_interval: 0s\n    tls_config: t.yml\n",
		`watchtower.yaml:4: notifiers.cluster.peers[0]: "b" is not host:port`, "watchtower.yaml:5: notifiers.cluster.probe_interval", "watchtower.yaml:6: notifiers.cluster.tls_config: t.yml: open")
}

func TestPathsAreRelativeToTheFile(t *testing.T) {
	path := write(t, map[string]string{"watchtower.yaml": `data_dir: d
playbooks: [p, /abs]
notifiers:
  slack: {bot_token_file: token}
  alerting: {alertmanagers: [{basic_auth: {username: a, password_file: password}, static_configs: [{targets: [b]}]}]}
`, "token": " xoxb-1 \n"})
	cfg, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Dir(path)
	if cfg.DataDir != filepath.Join(dir, "d") || cfg.Playbooks[0] != filepath.Join(dir, "p") || cfg.Playbooks[1] != "/abs" {
		t.Errorf("paths %q %q", cfg.DataDir, cfg.Playbooks)
	}
	if got := cfg.Notifiers.Alerting.AlertmanagerConfigs[0].HTTPClientConfig.BasicAuth.PasswordFile; got != filepath.Join(dir, "password") {
		t.Errorf("path of an Alertmanager's password %q", got)
	}
	if token, err := cfg.Slack(); err != nil || token.BotToken != "xoxb-1" {
		t.Errorf("token %q, %v", token, err)
	}
}

func TestTokenOfTheEnvironment(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-2")
	if token, err := Default().Slack(); err != nil || token.BotToken != "xoxb-2" {
		t.Errorf("token %q, %v", token, err)
	}
}

func TestDefaultPlaybooksNeedNotExist(t *testing.T) {
	for text, want := range map[string]int{"": 0, "playbooks: [typo/playbooks]\n": 1} {
		cfg, err := Load(write(t, map[string]string{"watchtower.yaml": text}))
		if err != nil {
			t.Fatal(err)
		}
		if dirs := cfg.PlaybookDirs(); len(dirs) != want {
			t.Errorf("%q: %q: a folder that was named must be read, the default one only if it is there", text, dirs)
		}
	}
}

// TestCheckHidesNoFault has faults of every kind in one file and beside it.
func TestCheckHidesNoFault(t *testing.T) {
	t.Setenv("SLACK_BOT_TOKEN", "")
	path := write(t, map[string]string{
		"watchtower.yaml": `web:
  foo: 1
store:
  retention: -4
rules:
  evaluation_interval: 1h
  objectives: [gone.yaml, bad.yaml]
collectors:
  scrape_configs:
    - job_name: fine
    - job_name: ""
    - job_name: later
      scrape_interval: fast
notifiers:
  alertmanager: nofile.yml
  slack:
    bot_token_file: notoken
playbooks:
  - nodir
campaigns: {}
`,
		"bad.yaml": "version: prometheus/v1\nservice: x\nslos: []\n",
	})
	var said strings.Builder
	for _, f := range Check(t.Context(), path, CheckOptions{Now: time.Now()}).Findings {
		said.WriteString(strings.ReplaceAll(f.String(), filepath.Dir(path)+"/", "") + "\n")
	}
	for _, want := range []string{
		`watchtower.yaml:2: unknown key "foo"`, "watchtower.yaml:4: store.retention: ", "watchtower.yaml:6: rules.evaluation_interval",
		"watchtower.yaml:11: collectors.scrape_configs.entry 2: ", "watchtower.yaml:13: collectors.scrape_configs.entry 3.scrape_interval: ",
		"watchtower.yaml:15: notifiers.alertmanager: ", "watchtower.yaml:17: notifiers.slack.bot_token_file: ",
		"watchtower.yaml:18: playbooks: ", `watchtower.yaml:20: unknown key "campaigns"`, "watchtower.yaml:7: rules.objectives: ", "bad.yaml:",
	} {
		if !strings.Contains(said.String(), want) {
			t.Errorf("check does not say %q:\n%s", want, said.String())
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add("web: {listen: 127.0.0.1:0}\nrules: {objectives: [a]}\n")
	f.Add("collectors: {scrape_configs: [{job_name: a, static_configs: [{targets: [b]}]}]}")
	f.Add("notifiers: [")
	f.Add("collectors: {otelcol: {receivers: {redis: {endpoint: x}}}}")
	f.Fuzz(func(t *testing.T, text string) {
		if _, err := Load(write(t, map[string]string{"watchtower.yaml": text})); err != nil && !strings.Contains(err.Error(), "watchtower.yaml:") {
			t.Errorf("no file and line: %v", err)
		}
	})
}

// A viewer must be somebody who has a password.
func TestViewersAreUsers(t *testing.T) {
	const users = "basic_auth_users:\n  marketing: $2a$04$J3CGajhOxR.zi9.aeqYZHeIccydQapCPHrXFEW8qVAdlMsZvp.XwC\n"
	read := func(viewers string) error {
		_, err := Load(write(t, map[string]string{"users.yml": users, "watchtower.yaml": "web:\n  config_file: users.yml\n  viewers:\n" + viewers}))
		return err
	}
	if err := read("    - marketing\n"); err != nil {
		t.Errorf("a user is refused: %v", err)
	}
	err := read("    - marketing\n    - marketeers\n")
	for _, want := range []string{`watchtower.yaml:5: web.viewers[1]: "marketeers" is not among the basic_auth_users`, "(marketing)", "remove it here"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "$2a$") {
		t.Errorf("the hash of a password is in the error: %v", err)
	}
}
