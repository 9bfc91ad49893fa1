package slack

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus/testutil"
	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/expfmt"
	"go.yaml.in/yaml/v2"
)

func TestConfigValidate(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Errorf("the default configuration is refused: %v", err)
	}
	for name, c := range map[string]struct {
		yaml string
		want []string
	}{
		"all at once": {
			`{api_url: "slack.com", allowed_user_groups: [oncall], storm_limit: -1, default_channel: "#"}`,
			[]string{"api_url", "allowed_user_groups", "storm_limit", "default_channel"},
		},
		"webhook":      {`{api_url: "https://hooks.slack.com/services/T0/B0/SECRET", default_channel: "#a"}`, []string{"incoming webhook"}},
		"two channels": {`{default_channel: "#a, #b"}`, []string{`"#a, #b" is not the name`}},
		"long name":    {`{default_channel: "` + strings.Repeat("ü", 81) + `"}`, []string{"at most 80"}},
	} {
		conf := DefaultConfig()
		if err := yaml.UnmarshalStrict([]byte(c.yaml), &conf); err != nil {
			t.Fatal(err)
		}
		err := conf.Validate()
		for _, want := range c.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: error %v lacks %q", name, err, want)
			}
		}
		if err != nil && strings.Contains(err.Error(), "SECRET") {
			t.Errorf("%s: the error holds the webhook's secret", name)
		}
	}
	for _, channel := range []string{"#oncall", "oncall", "C0123ABCD", "@ana", "#été"} {
		c := Config{DefaultChannel: channel}
		if err := c.Validate(); err != nil {
			t.Errorf("%s: %v", channel, err)
		}
	}
}

func TestNewNeedsADatabase(t *testing.T) {
	if _, err := New(Options{}); err == nil {
		t.Error("New without a database succeeds")
	}
}

func TestNewRefusesTablesOfANewerProgram(t *testing.T) {
	db := openDB(t, t.TempDir())
	defer db.Close()
	if _, err := New(Options{DB: db}); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{DB: db}); err != nil {
		t.Errorf("a second start: %v", err)
	}
	if _, err := db.ExecContext(t.Context(), `INSERT INTO slack_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := New(Options{DB: db}); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Errorf("New on newer tables: %v", err)
	}
}

func secretURL(t *testing.T, s string) *amcommon.SecretURL {
	t.Helper()
	u, err := url.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return (*amcommon.SecretURL)(&amcommon.URL{URL: u})
}

func TestSlackConfigsKeepTheirMeaning(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		r.n = r.notifier(&amconfig.SlackConfig{
			NotifierConfig: sendResolved(), Channel: `{{ .CommonLabels.team }}s`, Username: "Night watch", IconEmoji: ":owl:",
			Title: `{{ .CommonLabels.service }} & co`, Text: `<https://x.example|look> at {{ len .Alerts }}`, Fallback: "wake up <now>",
			Pretext: "<!here>", Footer: "foot", MessageText: "hello", TitleLink: "https://details.example/",
			Fields:  []*amconfig.SlackField{{Title: "Zone", Value: "{{ .CommonLabels.zone }}"}},
			Actions: []*amconfig.SlackAction{{Type: "button", Text: "Graph", URL: "https://graph.example/"}, {Type: "button", Text: "No", Name: "x"}},
		})
		a := fires(share("team", "team", "zone", "a"), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		pages := f.pages("teams")
		if len(pages) != 1 {
			t.Fatalf("%d pages in #teams", len(pages))
		}
		p := pages[0]
		if p.Username != "Night watch" || p.Text != "wake up &lt;now&gt;" {
			t.Errorf("username %q, text %q", p.Username, p.Text)
		}
		shown := inPlain(p.Text, p.Blocks)
		for _, want := range []string{
			"🔴 Firing: share & co", "<https://x.example|look> at 1", "<!here>", "hello", "foot",
			"*Zone*\na", "[Details](https://details.example/)", "[Graph](https://graph.example/)",
		} {
			if !strings.Contains(shown, want) {
				t.Errorf("the page lacks %q:\n%s", want, shown)
			}
		}
		if strings.Contains(shown, "3.2%") {
			t.Errorf("text does not replace the description:\n%s", shown)
		}
	})
}

func TestDefaultTemplatesAreNotShown(t *testing.T) {
	var conf amconfig.SlackConfig
	if err := yaml.Unmarshal([]byte(`{channel: "#teams"}`), &conf); err != nil {
		t.Fatal(err)
	}
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		r.n = r.notifier(&conf)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		p := f.pages("teams")[0]
		if strings.Contains(inPlain(p.Text, p.Blocks), "FIRING:1") || p.Username != "" {
			t.Errorf("Alertmanager's defaults are shown: %s", inPlain(p.Text, p.Blocks))
		}
	})
}

func TestATemplateThatFailsDoesNotLoseThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		r.n = r.notifier(&amconfig.SlackConfig{Channel: `{{ template "nope" . }}`, Title: `{{ .Nope }}`, Text: `{{ `})
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if page := r.onePage(); !strings.Contains(page.Text, "Sharing a post fails") {
			t.Errorf("the page says %q", page.Text)
		}
		if !strings.Contains(r.log.String(), "field=title") {
			t.Errorf("the log does not name the template:\n%s", r.log)
		}
	})
}

func TestAppTokenAndURL(t *testing.T) {
	f := newFakeSlack()
	f.token = "xoxb-other-777777"
	api := f.server(t)
	tokenFile := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(tokenFile, []byte(f.token+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bearer := func(c commoncfg.Authorization) *commoncfg.HTTPClientConfig {
		hc := commoncfg.DefaultHTTPClientConfig
		hc.Authorization = &c
		return &hc
	}
	for name, conf := range map[string]*amconfig.SlackConfig{
		"app_token":          {AppToken: commoncfg.Secret(f.token)},
		"app_token_file":     {AppTokenFile: tokenFile},
		"authorization":      {HTTPConfig: bearer(commoncfg.Authorization{Type: "Bearer", Credentials: commoncfg.Secret(f.token)})},
		"authorization file": {HTTPConfig: bearer(commoncfg.Authorization{Type: "Bearer", CredentialsFile: tokenFile})},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t, newFakeSlack()) // our own workspace is another one
			conf.APIURL = secretURL(t, api+"chat.postMessage")
			conf.Channel = "#prod"
			r.n = r.notifier(conf)
			before := len(f.pages("prod"))
			r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
			if n := len(f.pages("prod")) - before; n != 1 {
				t.Errorf("%d pages in the other workspace, want 1", n)
			}
			if n := len(r.fake.called("")); n != 0 {
				t.Errorf("%d calls of our own workspace, want none", n)
			}
			r.settled()
		})
	}
}

func TestWebAPIWithoutTokenIsRefused(t *testing.T) {
	r := newRig(t, newFakeSlack())
	_, err := r.Notifier(&amconfig.SlackConfig{APIURL: secretURL(t, "https://slack.com/api/chat.postMessage")}, "team", 0, testTemplates(t))
	if err == nil || !strings.Contains(err.Error(), "needs a token") || !strings.Contains(err.Error(), `"team"`) {
		t.Errorf("Notifier = %v", err)
	}
}

func TestIncomingWebhook(t *testing.T) {
	var status int
	var got string
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		b := make([]byte, req.ContentLength)
		_, _ = req.Body.Read(b)
		got = string(b)
		if status != 0 {
			w.WriteHeader(status)
			return
		}
		_, _ = w.Write([]byte("ok"))
	}))
	defer srv.Close()
	r := newRig(t, newFakeSlack())
	const secret = "/services/T000/B000/XXXXSECRETXXXX"
	conf := amconfig.DefaultSlackConfig
	conf.APIURL, conf.Channel = secretURL(t, srv.URL+secret), "#prod"
	n := r.notifier(&conf)
	send := func() (bool, error) {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		return n.Notify(group{reason: notify.ReasonFirstNotification}.context(ctx), fires(share(), time.Now()))
	}
	if retry, err := send(); retry || err != nil {
		t.Errorf("Notify = %v, %v", retry, err)
	}
	if !strings.Contains(got, `"attachments":[{"title":"[FIRING:1]`) || !strings.Contains(got, `"channel":"#prod"`) {
		t.Errorf("the webhook got %s", got)
	}
	for code, want := range map[int]bool{429: true, 500: true, 404: false} {
		status = code
		retry, err := send()
		if retry != want || err == nil {
			t.Errorf("HTTP %d: Notify = %v, %v", code, retry, err)
		}
		noSecret(t, "error", err.Error())
	}
	srv.Close()
	retry, err := send()
	if !retry || err == nil {
		t.Errorf("without a server: Notify = %v, %v", retry, err)
	}
	noSecret(t, "error", err.Error())
	noSecret(t, "log", r.log.String())
}

func noSecret(t *testing.T, what, s string) {
	t.Helper()
	for _, secret := range []string{testToken, "XXXXSECRETXXXX", "hunter2"} {
		if strings.Contains(s, secret) {
			t.Errorf("the %s holds the secret %s:\n%s", what, secret, s)
		}
	}
}

// leaky answers everything with errors that repeat what was sent.
type leaky struct{}

func (leaky) RoundTrip(req *http.Request) (*http.Response, error) {
	if err := req.ParseForm(); err != nil {
		return nil, err
	}
	return nil, errors.New("cannot send " + req.Form.Encode() + " to " + req.URL.String())
}

func TestNoSecretInErrorsLogsTablesAndMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, transport := range []http.RoundTripper{leaky{}, &fakeSlack{token: "another", channels: map[string]string{}}} {
			r := newRig(t, newFakeSlack(), func(o *Options) {
				o.HTTPClient = &http.Client{Transport: transport}
				o.APIURL = "http://user:hunter2@slack.test/api/"
			})
			_, err := r.try(group{reason: notify.ReasonFirstNotification}, 3*time.Second, fires(share(), time.Now()))
			if err == nil {
				t.Fatal("Notify succeeds")
			}
			noSecret(t, "error", err.Error())
			noSecret(t, "stats", r.Stats().LastError)
			noSecret(t, "log", r.log.String())
			noSecret(t, "metrics", gather(t, r))
			r.stop()
			raw, err := os.ReadFile(filepath.Join(r.dir, "state.db"))
			if err != nil {
				t.Fatal(err)
			}
			noSecret(t, "database", string(raw))
		}
	})
}

func gather(t *testing.T, r *rig) string {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&b, f); err != nil {
			t.Fatal(err)
		}
	}
	return b.String()
}

func names(t *testing.T, r *rig) []string {
	t.Helper()
	families, err := r.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, f := range families {
		out = append(out, f.GetName())
	}
	return out
}

func TestMetricNames(t *testing.T) {
	r := newRig(t, newFakeSlack())
	for _, name := range names(t, r) {
		if !strings.HasPrefix(name, "watchtower_slack_") {
			t.Errorf("metric %s", name)
		}
	}
	problems, err := testutil.GatherAndLint(r.reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("metrics: %v %v", problems, err)
	}
}

func loopback(t *testing.T) net.Listener {
	t.Helper()
	var lc net.ListenConfig
	ln, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return ln
}
