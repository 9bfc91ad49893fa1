package app

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"html"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// secretPrefix begins every secret of these tests: whatever holds it tells one.
const secretPrefix = "hush"

// secretFiles are a configuration with a secret everywhere that one can be. {slack}
// stands for the host of a Slack, {dead} for one where nobody answers.
func secretFiles() map[string]string {
	return map[string]string{
		"slos/share.yaml": shareSpec,
		"bot":             "xoxb-hush-bot",
		"app":             "xapp-hush-app",
		"signing":         "hush-signing",
		"grafana":         "hush-grafana",
		"heartbeat":       "http://{dead}/hush-heartbeat-path?key=hush-heartbeat-key",
		"bearer":          "hush-bearer-file",
		"routing":         "hush-routing-file",
		"alertmanager.yml": `global:
  smtp_smarthost: {dead}
  smtp_from: a@example.org
  smtp_auth_username: smtp-user
  smtp_auth_password: hush-smtp
  slack_api_url: http://{dead}/hush-slack-hook
  opsgenie_api_key: hush-opsgenie
route: {receiver: all, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1m}
receivers:
  - name: all
    webhook_configs:
      - {url: 'http://{dead}/hush-webhook-path?token=hush-webhook-query'}
      - {url: 'http://{dead}/', http_config: {basic_auth: {username: hook-user, password: hush-webhook-basic}}}
      - {url: 'http://{dead}/', http_config: {authorization: {credentials: hush-webhook-bearer}}}
      - {url: 'http://{dead}/', http_config: {oauth2: {client_id: x, client_secret: hush-webhook-oauth, token_url: 'http://{dead}/token'}}}
      - {url: 'http://hook-user:hush-webhook-user@{dead}/'}
      - {url: 'http://{dead}/', http_config: {proxy_url: 'http://p:hush-webhook-proxy@{dead}'}}
    pagerduty_configs: [{routing_key: hush-routing, url: 'http://{dead}/'}, {routing_key_file: routing, url: 'http://{dead}/'}]
    opsgenie_configs: [{api_url: 'http://{dead}/'}]
    email_configs: [{to: a@example.org, require_tls: false}]
    pushover_configs: [{user_key: hush-pushover-user, token: hush-pushover-token, http_config: {proxy_url: 'http://{dead}'}}]
    telegram_configs: [{bot_token: hush-telegram, chat_id: 1, api_url: 'http://{dead}'}]
    slack_configs:
      - {channel: '#oncall'}
      - {api_url: 'http://{dead}/hush-slack-hook-own', channel: '#x'}
`,
		"watchtower.yaml": `web: {listen: 127.0.0.1:0}
collectors:
  otlp: {grpc: 127.0.0.1:0, http: 127.0.0.1:0}
  global: {scrape_interval: 200ms, scrape_timeout: 200ms}
  scrape_configs:
    - {job_name: basic, basic_auth: {username: scrape-user, password: hush-scrape-basic}, static_configs: [{targets: ['{dead}']}]}
    - {job_name: bearer, authorization: {credentials: hush-scrape-bearer}, static_configs: [{targets: ['{dead}']}]}
    - {job_name: file, authorization: {credentials_file: bearer}, static_configs: [{targets: ['{dead}']}]}
    - {job_name: oauth, oauth2: {client_id: x, client_secret: hush-scrape-oauth, token_url: 'http://o:hush-scrape-token-url@{dead}/token'}, static_configs: [{targets: ['{dead}']}]}
    - {job_name: header, http_headers: {X-Key: {secrets: [hush-scrape-header]}}, static_configs: [{targets: ['{dead}']}]}
    - {job_name: proxy, proxy_url: 'http://p:hush-scrape-proxy@{dead}', static_configs: [{targets: ['{slack}']}]}
    - {job_name: sd, http_sd_configs: [{url: 'http://d:hush-sd-url@{dead}/sd', basic_auth: {username: d, password: hush-sd-basic}}]}
  otelcol:
    receivers:
      redis: {endpoint: '{dead}', password: hush-redis, collection_interval: 200ms}
      postgresql: {endpoint: '{dead}', username: pg, password: hush-postgresql, collection_interval: 200ms, tls: {insecure: true}}
      http_check: {collection_interval: 200ms, targets: [{endpoint: 'http://c:hush-check-url@{dead}/', headers: {Authorization: hush-check-header}}]}
    exporters:
      otlp_http: {endpoint: 'http://x:hush-exporter-url@{dead}', headers: {authorization: hush-exporter-header}, retry_on_failure: {enabled: false}}
      otlp_grpc: {endpoint: '{dead}', headers: {authorization: hush-exporter-grpc}, retry_on_failure: {enabled: false}, tls: {insecure: true}}
    service: {pipelines: {metrics/out: {receivers: [redis, postgresql, http_check], exporters: [otlp_http, otlp_grpc]}}}
rules: {objectives: [slos/*.yaml]}
notifiers:
  alertmanager: alertmanager.yml
  alerting:
    alertmanagers:
      - {basic_auth: {username: am-user, password: hush-alerting-basic}, static_configs: [{targets: ['{dead}']}]}
      - {authorization: {credentials: hush-alerting-bearer}, static_configs: [{targets: ['{dead}']}]}
      - {proxy_url: 'http://p:hush-alerting-proxy@{dead}', static_configs: [{targets: ['{dead}']}]}
  slack: {api_url: 'http://{slack}/', bot_token_file: bot, app_token_file: app, signing_secret_file: signing}
dashboards: {grafana: {url: 'http://{dead}', token_file: grafana}}
selfwatch: {heartbeat: {url_file: heartbeat, interval: 1s}}
`,
	}
}

// journal is a log that a test reads while it is written.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

var _ io.Writer = (*journal)(nil)

// Write implements io.Writer.
func (j *journal) Write(p []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(p)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

// tells finds what a text has of a secret: as it is, as a header has it, and as an address has it.
func tells(text string) []string {
	found := regexp.MustCompile(secretPrefix+`[-\w]*`).FindAllString(text, -1)
	for _, pair := range regexp.MustCompile(`[A-Za-z0-9+/]{16,}={0,2}`).FindAllString(text, -1) {
		if raw, err := base64.StdEncoding.DecodeString(pair); err == nil && bytes.Contains(raw, []byte(secretPrefix)) {
			found = append(found, "in base64: "+string(raw))
		}
	}
	slices.Sort(found)
	return slices.Compact(found)
}

// TestNoSecretIsTold configures a secret everywhere that one can be, lets everything fail that uses them, and reads
// every page, every API and the log.
func TestNoSecretIsTold(t *testing.T) {
	slackAnswers := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"ok": false, "error": "invalid_auth"}`)
	}))
	defer slackAnswers.Close()
	for _, variable := range []string{"GITHUB_TOKEN", "TRELLO_KEY", "TRELLO_TOKEN", "JIRA_TOKEN", "JIRA_EMAIL", "GRAFANA_TOKEN"} {
		t.Setenv(variable, "hush-"+variable)
	}
	dir := t.TempDir()
	w := &world{t: t, dir: dir, began: time.Now().Add(-10 * time.Minute), counters: map[string]float64{}}
	for name, text := range secretFiles() {
		w.write(name, strings.NewReplacer("{dead}", "127.0.0.1:1", "{slack}", slackAnswers.Listener.Addr().String()).Replace(text))
	}
	log := &journal{}
	logger := slog.New(slog.NewTextHandler(log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a, err := Open(t.Context(), Options{ConfigFile: filepath.Join(dir, "watchtower.yaml"), Logger: logger, Version: "test"})
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- a.Run(ctx) }()
	defer func() {
		cancel()
		if err := errors.Join(<-ran, a.Close()); err != nil {
			t.Errorf("end: %v", err)
		}
		for _, secret := range tells(log.String()) {
			t.Errorf("the log tells %s", secret)
			for line := range strings.Lines(log.String()) {
				if strings.Contains(line, secret) {
					t.Errorf("in %s", line)
					break
				}
			}
		}
	}()
	<-a.Ready()
	w.app = a
	w.alert(time.Now().Add(time.Hour), "Everything", "share", "a")
	w.failed(log)
	w.secretless()
	if err := a.Reload(); err != nil {
		t.Errorf("reload: %v", err)
	}
}

// failed waits until what uses the secrets has failed and was logged.
func (w *world) failed(log *journal) {
	w.t.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(100 * time.Millisecond) {
		_, status := w.get("/status")
		_, targets := w.get("/api/v1/targets")
		missing := ""
		for _, sign := range []string{"webhook", "pagerduty", "opsgenie", "email", "pushover", "telegram", "slack"} {
			if !strings.Contains(status, sign) {
				missing += " /status of " + sign
			}
		}
		if strings.Count(targets, "connection refused") < 5 {
			missing += " scrapes"
		}
		if strings.Count(status, "connection refused") < 8 {
			missing += " deliveries"
		}
		for _, sign := range []string{"redis", "postgresql", "otlp_http", "Exporting failed"} {
			if !strings.Contains(log.String(), sign) {
				missing += " log of " + sign
			}
		}
		if missing == "" {
			return
		}
		if time.Now().After(end) {
			w.t.Fatalf("these never failed:%s\n%s", missing, log)
		}
	}
}

var (
	linkOf = regexp.MustCompile(`(?:href|src|action)="([^"#]+)`)
	// What is not linked from a page.
	unlinked = []string{
		"/api/v1/status/config", "/api/v1/status/flags", "/api/v1/status/runtimeinfo", "/api/v1/status/buildinfo", "/api/v1/status/tsdb", "/api/v1/status/self_metrics", "/api/v1/targets", "/api/v1/targets?state=any",
		"/api/v1/targets/metadata", "/api/v1/scrape_pools", "/api/v1/alertmanagers", "/api/v1/rules", "/api/v1/alerts", "/api/v1/metadata", "/api/v1/features", "/api/v1/labels", "/api/v1/series?match[]={__name__!=%22%22}",
		"/api/v1/targets/relabel_steps?scrapePool=basic", "/api/v2/status", "/api/v2/receivers", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/silences",
		"/api/watchtower/v1/objectives", "/api/watchtower/v1/incidents", "/api/watchtower/v1/incidents/1", "/api/watchtower/v1/annotations", "/metrics", "/incidents/1", "/nowhere", "/-/ready", "/-/reload",
	}
)

// secretless reads every page that can be reached, and every API.
func (w *world) secretless() {
	w.t.Helper()
	seen, todo := map[string]bool{}, slices.Concat([]string{"/"}, unlinked)
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		u, err := url.Parse(path)
		if err != nil || u.Host != "" || !strings.HasPrefix(path, "/") || seen[path] || len(seen) > 400 {
			continue
		}
		seen[path] = true
		_, body := w.get(path)
		for _, secret := range tells(html.UnescapeString(body)) {
			w.t.Errorf("%s tells %s", path, secret)
		}
		for _, m := range linkOf.FindAllStringSubmatch(body, -1) {
			todo = append(todo, html.UnescapeString(m[1]))
		}
	}
	if len(seen) < 80 {
		w.t.Errorf("only %d addresses were read", len(seen))
	}
}
