package notifiers

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// quick is the built-in grouping at a speed that suits tests with a real network.
const quick = `
route: {receiver: %s, group_by: [service, slo, severity], group_wait: 20ms, group_interval: 50ms, repeat_interval: 1h}
receivers:
  - name: slack
    slack_configs: [{send_resolved: true}]
  - name: hook
    webhook_configs: [{url: %q}]
`

func runQuick(t *testing.T, receiver, hook string) *instance {
	t.Helper()
	slack := &fakeSlack{}
	opts := options(t.TempDir(), slack)
	opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", fmt.Sprintf(quick, receiver, hook))
	return run(t, opts, slack)
}

// request speaks to the API over loopback, as amtool does.
func request(t *testing.T, method, address, body string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(answer)
}

func TestSilenceStopsAPageOverHTTP(t *testing.T) {
	i := runQuick(t, "slack", "http://localhost:1/")
	server := newServer(t, i.API())
	defer http.DefaultClient.CloseIdleConnections()

	code, answer := request(t, http.MethodPost, server.URL+"/api/v2/silences", silenceBody("slo", "posts"))
	var created struct{ SilenceID string }
	if err := json.Unmarshal([]byte(answer), &created); err != nil || code != http.StatusOK || created.SilenceID == "" {
		t.Fatalf("silence: %d %s %v", code, answer, err)
	}
	i.send(firing("Silenced", objective("posts", "page")...), firing("Heard", objective("logins", "page")...))
	eventually(t, "the page of the other objective", func() bool { return len(i.slack.heard()) > 0 })
	wantHeard(t, i, "slack: Heard")

	var silenced Incident
	eventually(t, "the suppressed incident", func() bool {
		for _, in := range i.Incidents() {
			if in.Group["slo"] == "posts" {
				silenced = in
			}
		}
		return silenced.State == Suppressed
	})
	if diff := cmp.Diff([]string{created.SilenceID}, silenced.SilencedBy); diff != "" {
		t.Errorf("silenced by (-want +got):\n%s", diff)
	}
	if !i.Firing(silenced.GroupKey) {
		t.Error("a silenced incident does not fire any more")
	}
	if s := i.Status(); s.ActiveIncidents != 1 || s.SuppressedIncidents != 1 || s.Silences.Active != 1 {
		t.Errorf("status: %+v", s)
	}

	if code, answer := request(t, http.MethodDelete, server.URL+"/api/v2/silence/"+created.SilenceID, ""); code != http.StatusOK {
		t.Fatalf("end of silence: %d %s", code, answer)
	}
	eventually(t, "the page after the silence", func() bool { return slices.Contains(i.slack.heard(), "slack: Silenced") })
}

func TestAPI(t *testing.T) {
	i := runQuick(t, "slack", "http://localhost:1/")
	server := newServer(t, i.API())
	defer http.DefaultClient.CloseIdleConnections()
	body := `[{"labels":{"alertname":"Posted","service":"feed","severity":"page"},"annotations":{"summary":"It fails"}}]`
	if code, answer := request(t, http.MethodPost, server.URL+"/api/v2/alerts", body); code != http.StatusOK {
		t.Fatalf("post alerts: %d %s", code, answer)
	}
	eventually(t, "the posted alert", func() bool { return slices.Contains(i.slack.heard(), "slack: Posted") })
	for _, tt := range []struct {
		method, path, body string
		code               int
		contains           string
	}{
		{"GET", "/api/v2/status", "", 200, `"cluster":{"peers":[],"status":"disabled"}`},
		{"GET", "/api/v2/status", "", 200, `receiver: slack`},
		{"GET", "/api/v2/receivers", "", 200, `"name":"hook"`},
		{"GET", "/api/v2/alerts?filter=severity%3D%22page%22", "", 200, `"alertname":"Posted"`},
		{"GET", "/api/v2/alerts/groups", "", 200, `"service":"feed"`},
		{"GET", "/api/v2/silences", "", 200, `[]`},
		{"GET", "/api/v2/silence/" + "b1d1f4c6-7b0e-4b6e-9f43-6f6f1f0d6f3a", "", 404, ``},
		{"POST", "/api/v2/silences", "{", 400, ``},
		{"POST", "/api/v2/silences", `{"matchers":[],"startsAt":"2020-01-01T00:00:00Z","endsAt":"2020-01-02T00:00:00Z","createdBy":"x","comment":"x"}`, 400, `matchers`},
		{"DELETE", "/api/v2/silence/b1d1f4c6-7b0e-4b6e-9f43-6f6f1f0d6f3a", "", 404, ``},
		{"POST", "/api/v2/alerts", `[{"labels":{}}]`, 400, `label`},
		{"POST", "/api/v2/alerts", strings.Repeat(" ", maxRequestBytes+1), 400, ``},
		{"GET", "/api/v1/alerts", "", 404, ``},
		{"GET", "/", "", 404, ``},
	} {
		code, answer := request(t, tt.method, server.URL+tt.path, tt.body)
		if code != tt.code && (tt.code != 400 || code != 422) || !strings.Contains(answer, tt.contains) {
			t.Errorf("%s %s: got %d %s, want %d and %q", tt.method, tt.path, code, answer, tt.code, tt.contains)
		}
	}
}

func TestAPIBeforeRun(t *testing.T) {
	p, err := New(options(t.TempDir(), &fakeSlack{}))
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	i := &instance{Pipeline: p}
	for _, path := range []string{"status", "alerts", "alerts/groups", "silences", "receivers"} {
		if w := i.call(http.MethodGet, "/api/v2/"+path, ""); w.Code != http.StatusOK {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

func TestUpstreamWebhook(t *testing.T) {
	var mu sync.Mutex
	var statuses []string
	hook := newServer(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct {
			Status, Receiver, ExternalURL string
			Alerts                        []struct {
				Status       string
				GeneratorURL string
				Annotations  map[string]string
			}
		}
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil || len(m.Alerts) != 1 {
			t.Errorf("webhook: %v %+v", err, m)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		statuses = append(statuses, strings.Join([]string{m.Status, m.Receiver, m.ExternalURL, m.Alerts[0].GeneratorURL, m.Alerts[0].Annotations["summary"]}, " "))
	}))
	i := runQuick(t, "hook", hook.URL)
	a := firing("Burn", append(objective("posts", "page"), "sloth_id", "share-posts")...)
	received := func() []string {
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(statuses)
	}
	i.send(a)
	eventually(t, "the page", func() bool { return len(received()) == 1 })
	i.send(resolved(a))
	eventually(t, "its end", func() bool { return len(received()) == 2 })
	const rest = " hook http://watchtower.test http://watchtower.test/objectives/share-posts Sharing a post fails"
	if diff := cmp.Diff([]string{"firing" + rest, "resolved" + rest}, received()); diff != "" {
		t.Errorf("webhook calls (-want +got):\n%s", diff)
	}
	eventually(t, "both attempts in the status", func() bool {
		s := i.Status().Receivers[0].Integrations[0]
		return s.Name == "webhook" && s.Attempts == 2 && s.Failures == 0
	})
}

func TestNoSecretInAnyError(t *testing.T) {
	hook := newServer(t, http.NotFoundHandler())
	u, err := url.Parse(hook.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.Path = url.UserPassword("user", "hunter2"), "/services/hunter2"
	log := &logged{}
	slack := &fakeSlack{}
	opts := options(t.TempDir(), slack)
	opts.Logger = newLogger(log)
	opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", fmt.Sprintf(quick, "hook", u))
	i := run(t, opts, slack)
	i.send(firing("Burn", objective("posts", "page")...))
	eventually(t, "the failed notification", func() bool { return i.Status().Receivers[0].Integrations[0].Failures > 0 })
	if s := i.Status().Receivers[0].Integrations[0]; strings.Contains(s.LastError, "hunter2") {
		t.Errorf("the secret is in the status: %s", s.LastError)
	}
	i.stop()
	if log.contains("hunter2") {
		t.Error("the secret is in the log")
	}
}

// BenchmarkAlertToNotify reports how long a page takes from Send to the notifier on the built-in route.
func BenchmarkAlertToNotify(b *testing.B) {
	i := runDefault(b, b.TempDir())
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var total time.Duration
	for n := range b.N {
		sent := time.Now()
		i.Send(context.Background(), "", firing("Burn", objective(fmt.Sprint("slo", n), "page")...))
		for len(i.slack.notifications()) <= n {
			<-tick.C
		}
		total += i.slack.notifications()[n].at.Sub(sent)
	}
	b.ReportMetric(total.Seconds()/float64(b.N), "s/page")
	b.ReportMetric(0, "ns/op")
}
