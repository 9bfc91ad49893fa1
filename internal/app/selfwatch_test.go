package app

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/selfwatch"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// within waits until ok says true.
func within(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(deadline); !ok(); <-tick.C {
		if time.Now().After(end) {
			t.Fatalf("not seen: %s", what)
		}
	}
}

// hook is a webhook receiver that remembers what it was told last of each check.
type hook struct {
	*httptest.Server
	mu     sync.Mutex
	status map[string]string // by check
	told   []string
	alerts map[string]hookAlert
}

type hookAlert struct {
	Status                    string
	Labels, Annotations       map[string]string
	GeneratorURL, Fingerprint string
}

func newHook(t *testing.T) *hook {
	t.Helper()
	h := &hook{status: map[string]string{}, alerts: map[string]hookAlert{}}
	h.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var m struct{ Alerts []hookAlert }
		if err := json.NewDecoder(r.Body).Decode(&m); err != nil {
			t.Error(err)
		}
		h.mu.Lock()
		defer h.mu.Unlock()
		for _, a := range m.Alerts {
			check := a.Labels["check"]
			h.status[check], h.alerts[check] = a.Status, a
			h.told = append(h.told, a.Labels["alertname"]+" "+check+" "+a.Status)
		}
	}))
	t.Cleanup(h.Close)
	return h
}

func (h *hook) is(check, status string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.status[check] == status
}

// TestSlackDownIsToldPastSlack is the promise of the watch over itself: Slack goes down
// with a page in the outbox, so the heartbeat stops and the fallback receiver hears
// why; Slack comes back, so both end and the page arrives.
func TestSlackDownIsToldPastSlack(t *testing.T) {
	var beats atomic.Int64
	heartbeats := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost || r.URL.Path != "/ping/5ecret" {
			t.Errorf("heartbeat: %s %s", r.Method, r.URL)
		}
		beats.Add(1)
	}))
	defer heartbeats.Close()
	fallback := newHook(t)
	db, err := store.OpenState(filepath.Join(t.TempDir(), "slack.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	box, err := inbox.New(inbox.Options{DB: db})
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(box.Handler())
	t.Cleanup(server.Close)
	t.Cleanup(box.Close)
	t.Setenv("SLACK_BOT_TOKEN", "xoxb-test")
	w := workspace{slack: box, world: newWorld(t, map[string]string{
		"watchtower.yaml": baseConfig + `notifiers:
  alertmanager: am.yml
  fallback: [duty-phone]
  slack: {api_url: '` + server.URL + `/inbox/api/'}
selfwatch:
  delivery_after: 1s
  heartbeat: {url_file: heartbeat, interval: 1s}
`,
		"heartbeat": heartbeats.URL + "/ping/5ecret\n",
		"am.yml": fmt.Sprintf(`route: {receiver: slack, group_by: [alertname], group_wait: 100ms, group_interval: 1s, repeat_interval: 1h}
receivers:
  - {name: slack, slack_configs: [{send_resolved: true}]}
  - {name: duty-phone, webhook_configs: [{url: %q}]}
`, fallback.URL),
	})}
	within(t, "a heartbeat", func() bool { return beats.Load() >= 2 })

	w.slack.Fail("*", inbox.Fault{Status: http.StatusServiceUnavailable, Times: -1})
	w.alert(time.Now().Add(10*time.Minute), "DiskFull", "db", "db-1")
	within(t, "the alarms at the fallback receiver", func() bool { return fallback.is("outbox", "firing") && fallback.is("slack", "firing") })
	held := beats.Load()
	// What it says is enough to act on, and it leads to the playbook.
	told := fallback.alerts["outbox"]
	for _, want := range []string{"Slack takes no messages (#oncall: Slack answered HTTP 503). Nobody is paged in Slack while this lasts.", "Watch /incidents by hand."} {
		if !strings.Contains(told.Annotations["description"], want) {
			t.Errorf("the description lacks %q: %s", want, told.Annotations["description"])
		}
	}
	if want := "/playbooks/watchtower-stalled"; !strings.HasSuffix(told.Annotations["runbook_url"], want) || told.Labels["instance"] == "" {
		t.Errorf("told %+v, want a link to %s and an instance", told, want)
	}
	if status, page := w.get("/playbooks/watchtower-stalled"); status != http.StatusOK || !strings.Contains(page, "Escalate") {
		t.Errorf("the playbook it leads to: %d", status)
	}
	if id, ok := w.app.playbookID(told.Labels); !ok || id != "watchtower-stalled" {
		t.Errorf("the alarm's playbook is %q", id)
	}
	w.status("Messages do not reach Slack", "taken now")
	// The alarm goes the normal way as well, in case that works.
	within(t, "the alarm among the alerts", func() bool {
		_, alerts := w.get("/api/v2/alerts")
		return strings.Contains(alerts, "WatchtowerStalled") && strings.Contains(alerts, "Messages do not reach Slack")
	})
	time.Sleep(2100 * time.Millisecond) // a real server on real time: two intervals
	if n := beats.Load(); n > held {
		t.Errorf("%d heartbeats while Slack is down, want none", n-held)
	}

	w.slack.Heal()
	w.see("the page that waited", func(m inbox.Message) bool {
		return m.ThreadTS == "" && strings.HasPrefix(m.Text, "🔴 Firing: Disk of db-1 is full")
	})
	within(t, "the end of the alarms at the fallback receiver", func() bool { return fallback.is("outbox", "resolved") && fallback.is("slack", "resolved") })
	within(t, "the next heartbeat", func() bool { return beats.Load() > held })
	w.status("Watching itself", "Messages do not reach Slack")
	fallback.mu.Lock()
	defer fallback.mu.Unlock()
	if len(fallback.told) != 4 {
		t.Errorf("the fallback receiver was told %v, want each alarm and each end once", fallback.told)
	}
	for _, path := range []string{"/status", "/metrics", "/api/v1/status/config", "/api/v2/status"} {
		_, page := w.get(path)
		if strings.Contains(page, "5ecret") || strings.Contains(page, strings.TrimPrefix(heartbeats.URL, "http://")) {
			t.Errorf("%s tells where the heartbeat goes", path)
		}
		if path == "/metrics" && (!strings.Contains(page, `watchtower_heartbeat_sent_total{outcome="ok"}`) || !strings.Contains(page, `watchtower_selfwatch_check_ok{check="outbox"} 1`)) {
			t.Error("/metrics lacks the heartbeat or the checks")
		}
	}
}

// quickWatch looks every quarter of a second.
const quickWatch = "selfwatch: {delivery_after: 1s}\n"

// A new installation without telemetry, rules and Slack is well.
func TestNothingStallsInAQuietInstallation(t *testing.T) {
	w := newWorld(t, map[string]string{"watchtower.yaml": baseConfig + quickWatch})
	within(t, "every check", func() bool {
		for _, c := range w.app.selfwatch.Status().Checks {
			if c.State != selfwatch.OK {
				return false
			}
		}
		return true
	})
	var names []string
	for _, c := range w.app.selfwatch.Status().Checks {
		names = append(names, c.Check.Name)
		if c.Check.Title == "" || c.Check.Meaning == "" || c.Check.Advice == "" {
			t.Errorf("check %s does not say what it means and what to do", c.Check.Name)
		}
	}
	if got, want := strings.Join(names, " "), "start evaluation rule_files outbox pipeline disk ingestion"; got != want {
		t.Errorf("checks %s, want %s", got, want)
	}
	if _, page := w.get("/status"); !strings.Contains(page, "Everything is running.") || !strings.Contains(page, "Watching itself") {
		t.Error("/status does not say that everything is running, or lacks its section")
	}
}

// TestDiskAndEvaluationAreLookedAt: what the looks of a running instance answer when
// their subject is gone.
func TestDiskAndEvaluationAreLookedAt(t *testing.T) {
	w := newWorld(t, map[string]string{"watchtower.yaml": baseConfig + quickWatch})
	within(t, "the first write", func() bool { return w.app.selfwatch.Status().Checks[5].State == selfwatch.OK })
	if _, err := w.app.state.ExecContext(t.Context(), "DROP TABLE selfwatch_writes"); err != nil {
		t.Fatal(err)
	}
	within(t, "a disk that takes nothing", func() bool {
		c := w.app.selfwatch.Status().Checks[5]
		return c.State == selfwatch.Failing && strings.HasPrefix(c.Why, "state.db cannot be written")
	})
	if ok, _, why := w.app.lookAtStart(t.Context()); !ok {
		t.Errorf("a server that is ready: %s", why)
	}
	w.stop()
	if at := w.app.engine.EvaluatedAt(); time.Since(at) > 5*time.Second {
		t.Fatalf("the last evaluation was at %s", at)
	}
	if ok, _, why := w.app.lookAtEvaluation(t.Context()); !ok {
		t.Errorf("an evaluation that was just now: %s", why)
	}
}

func TestLookAtOutbox(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var box slack.Stats
		look := lookAtOutbox(func() slack.Stats { return box }, time.Now().Add(-time.Hour), 2*time.Minute)
		expect := func(what string, want bool, parts ...string) {
			t.Helper()
			ok, since, why := look(t.Context())
			if ok != want || ok != since.IsZero() {
				t.Errorf("%s: %v since %s, want %v", what, ok, since, want)
			}
			for _, part := range parts {
				if !strings.Contains(why, part) {
					t.Errorf("%s: %q lacks %q", what, why, part)
				}
			}
		}
		expect("nothing was ever sent", true)
		box = slack.Stats{Depth: 3, Oldest: 2 * time.Minute, LastError: "#oncall: Slack answered HTTP 503", LastErrorAt: time.Now()}
		expect("messages wait for a while", true)
		box.Oldest++
		expect("messages wait for too long", false, "Slack takes no messages", "HTTP 503")
		if _, since, _ := look(t.Context()); time.Since(since) != box.Oldest {
			t.Errorf("since %s, want the age of the oldest message", since)
		}
		young := lookAtOutbox(func() slack.Stats { return box }, time.Now().Add(-time.Minute), 2*time.Minute)
		if ok, _, why := young(t.Context()); !ok {
			t.Errorf("a minute after a start, of what waits since before: %s", why)
		}
		box = slack.Stats{Sent: 3, LastSentAt: time.Now(), LastErrorAt: box.LastErrorAt, LastError: box.LastError}
		expect("they are sent", true)

		time.Sleep(time.Hour)
		box.Failed, box.LastError, box.LastErrorAt = 1, "#oncall: Slack says channel_not_found", time.Now()
		expect("one is refused: its receiver's fallback is told at once", true)
		time.Sleep(2*time.Minute + 1)
		expect("none was taken after it", false, "Slack refused a message for good (#oncall: Slack says channel_not_found) and has taken none after it")
		box.LastSentAt = time.Now()
		expect("the next is taken", true)
		box.Failed, box.LastErrorAt = 2, time.Now().Add(1)
		expect("another is refused", true)
		time.Sleep(30 * time.Minute)
		expect("half an hour later", false)
		time.Sleep(31 * time.Minute)
		expect("it is old news", true)
	})
}

func TestLookAtRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		turns := []ruleTurn{{"a.yaml: slow", time.Hour, time.Time{}}, {"b.yaml: quick", time.Minute, time.Time{}}}
		look := lookAtRules(func() []ruleTurn { return turns })
		expect := func(what string, want bool, group string) {
			t.Helper()
			ok, _, why := look(t.Context())
			if ok != want || !strings.Contains(why, group) {
				t.Errorf("%s: %v %q, want %v about %q", what, ok, why, want, group)
			}
		}
		expect("loaded just now", true, "")
		time.Sleep(3*time.Minute + 10*time.Second)
		expect("the first turn may take an interval, and some patience", true, "")
		time.Sleep(time.Nanosecond)
		expect("it takes longer", false, "b.yaml: quick")
		turns[1].last = time.Now()
		expect("it was evaluated", true, "")
		turns = turns[:1]
		time.Sleep(3 * time.Hour)
		expect("the slow one does not come", false, "a.yaml: slow")
		turns = nil
		expect("the file is gone", true, "")
		turns = []ruleTurn{{"a.yaml: slow", time.Hour, time.Time{}}}
		expect("it is back, and new", true, "")
	})
}
