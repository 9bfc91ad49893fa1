package notifiers

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
)

// everyKind has an integration of every kind that Alertmanager 0.25 knows, and sets nothing that came later.
const everyKind = `route: {receiver: all, group_by: ['...']}
inhibit_rules:
  - {source_matchers: ['severity = "page"'], target_matchers: ['severity = "ticket"'], equal: [service]}
receivers:
  - name: all
    slack_configs: [{channel: '#oncall'}]
    webhook_configs: [{url: 'http://user:pa&ss@127.0.0.1:1/hook'}]
    pagerduty_configs: [{routing_key: key}]
    opsgenie_configs: [{api_key: key}]
    victorops_configs: [{api_key: key, routing_key: all}]
    pushover_configs: [{token: token, user_key: key}]
    telegram_configs: [{bot_token: token, chat_id: 1}]
    webex_configs: [{room_id: room, http_config: {authorization: {credentials: token}}}]
    wechat_configs: [{api_secret: key, corp_id: corp}]
    sns_configs: [{topic_arn: 'arn:aws:sns:us-east-2:123456789012:all', sigv4: {region: us-east-2}}]
    discord_configs: [{webhook_url: 'https://discord.example/hook'}]
    email_configs: [{to: a@example.com, from: b@example.com, smarthost: 'localhost:25'}]
`

// shownOf is what /api/v2/status shows of an alertmanager.yml.
func shownOf(t *testing.T, text string) (shown string) {
	t.Helper()
	conf, err := parseConfig(source{name: "alertmanager.yml", text: []byte(text)}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	shown, err = terse(conf.String())
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func TestTerseHasNoKeyThatOldToolsRefuse(t *testing.T) {
	shown := shownOf(t, everyKind)
	for _, key := range []string{
		"smtp_tls_config:", "slack_app_url:", "rocketchat_api_url:", "app_url:", "update_message:", "timeout: 0s", "url_file:", "labels:",
	} {
		if strings.Contains(shown, " "+key) {
			t.Errorf("%s is shown:\n%s", key, shown)
		}
	}
	if !strings.Contains(shown, "url: "+hiddenWebhook) {
		t.Errorf("the webhook's URL is shown in a way that old tools refuse:\n%s", shown)
	}
}

// What is read from the short text is the configuration that is read from the long one.
func TestTerseMeansTheSame(t *testing.T) {
	set := strings.NewReplacer(
		"route:", "global: {slack_app_url: 'https://slack.example/api', smtp_tls_config: {insecure_skip_verify: true}}\nroute:",
		"{channel: '#oncall'}", "{channel: '#oncall', update_message: false, timeout: 5s}, {channel: '#other', app_url: 'https://other.example/api'}",
		"- name: all", "- name: all\n    labels: {team: share}",
		"[{routing_key: key}]", "[{routing_key: key, timeout: 10s}]",
		"- {source_matchers", "- {name: mute, source_matchers",
	).Replace(everyKind)
	for name, text := range map[string]string{"nothing set": everyKind, "everything set": set, "built-in": string(defaultConfig)} {
		t.Run(name, func(t *testing.T) {
			conf, err := parseConfig(source{text: []byte(text)}, t.TempDir())
			if err != nil {
				t.Fatal(err)
			}
			long := conf.String()
			again := func(text string) string {
				c, err := amconfig.Load(text)
				if err != nil {
					t.Fatalf("%v:\n%s", err, text)
				}
				return c.String()
			}
			if diff := cmp.Diff(again(long), again(shownOf(t, text))); diff != "" {
				t.Errorf("long and short text differ (-long +short):\n%s", diff)
			}
		})
	}
	for _, kept := range []string{
		"slack_app_url: https://slack.example/api", "insecure_skip_verify: true", "timeout: 5s", "app_url: https://other.example/api", "team: share", "timeout: 10s", "name: mute",
	} {
		if shown := shownOf(t, set); !strings.Contains(shown, kept) {
			t.Errorf("%q was set and is not shown:\n%s", kept, shown)
		}
	}
}

func TestTerseAnswer(t *testing.T) {
	for _, body := range []string{"", "no JSON", `[]`, `{"config":null}`, `{"config":{"original":"a: [b"}}`, `{"code":500,"message":"x"}`} {
		if got := terseAnswer(body); got != body {
			t.Errorf("%q becomes %q", body, got)
		}
	}
	got := terseAnswer(`{"cluster":{"status":"disabled"},"config":{"original":"global:\n  slack_api_url: <secret>\n  rocketchat_api_url: https://open.rocket.chat/\n"}}`)
	if want := `{"cluster":{"status":"disabled"},"config":{"original":"global:\n  slack_api_url: <secret>\n"}}` + "\n"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

// TestStatusKeepsPasswords: what is masked stays so, whatever has to be escaped in JSON.
func TestStatusKeepsPasswords(t *testing.T) {
	slack := &fakeSlack{}
	opts := options(t.TempDir(), slack)
	opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", "global: {victorops_api_url: 'http://user:pa&ss@victorops.example/'}\n"+everyKind)
	shown := run(t, opts, slack).call(http.MethodGet, "/api/v2/status", "").Body.String()
	if strings.Contains(shown, "ss@") || !strings.Contains(shown, "http://user:xxxxx@victorops.example/") || strings.Contains(shown, "app_url") {
		t.Errorf("the status: %s", shown)
	}
}
