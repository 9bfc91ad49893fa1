package notifiers

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/discovery/targetgroup"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
	promrules "github.com/prometheus/prometheus/rules"
	"go.yaml.in/yaml/v2"
)

// fakeAlertmanager remembers the alerts that are pushed to it.
type fakeAlertmanager struct {
	url  *url.URL
	stop chan struct{} // Closed at the end of the test.

	mu     sync.Mutex
	status int  // What it answers; 200 if zero.
	hangs  bool // It answers when the test ends.
	alerts []map[string]any
	named  map[string]bool // Of the alerts.
	auth   []string
	paths  []string
}

func newAlertmanager(t *testing.T) *fakeAlertmanager {
	t.Helper()
	f := &fakeAlertmanager{stop: make(chan struct{}), named: map[string]bool{}}
	s := newServer(t, f)
	t.Cleanup(func() { close(f.stop) })
	f.url, _ = url.Parse(s.URL)
	return f
}

func (f *fakeAlertmanager) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var alerts []map[string]any
	err := json.NewDecoder(r.Body).Decode(&alerts)
	user, password, _ := r.BasicAuth()
	f.mu.Lock()
	for _, a := range alerts {
		f.named[a["labels"].(map[string]any)["alertname"].(string)] = true
	}
	f.alerts = append(f.alerts, alerts...)
	f.paths = append(f.paths, r.Method+" "+r.URL.Path)
	f.auth = append(f.auth, user+":"+password)
	hangs, status := f.hangs, f.status
	f.mu.Unlock()
	switch {
	case hangs:
		select {
		case <-f.stop:
		case <-r.Context().Done():
		}
	case err != nil:
		http.Error(w, err.Error(), http.StatusBadRequest)
	case status != 0:
		http.Error(w, "the disk is full", status)
	}
}

// names returns the alert names received so far, sorted, each once.
func (f *fakeAlertmanager) names() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	return sortedKeys(f.named)
}

func (f *fakeAlertmanager) heard(name string) func() bool {
	return func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return f.named[name]
	}
}

// alertingConfig parses the section notifiers with the given text below alerting.
func alertingConfig(text string, args ...any) (Config, error) {
	var lines strings.Builder
	for line := range strings.Lines(fmt.Sprintf(text, args...)) {
		lines.WriteString("  " + line)
	}
	c := DefaultConfig()
	err := yaml.UnmarshalStrict([]byte("alerting:\n"+lines.String()), &c)
	return c, err
}

func mustAlerting(t *testing.T, text string, args ...any) Config {
	t.Helper()
	c, err := alertingConfig(text, args...)
	if err == nil {
		err = c.Validate()
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// runAlerting starts alerting and waits until it has found all its Alertmanagers.
func runAlerting(t *testing.T, opts Options, found int) (a *Alerting, stop func()) {
	t.Helper()
	a, err := NewAlerting(opts, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.grace = 200 * time.Millisecond
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- a.Run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(stop)
	eventually(t, "the Alertmanagers are found", func() bool { return len(a.Alertmanagers()) == found })
	return a, stop
}

const oneAlertmanager = "alertmanagers: [{static_configs: [{targets: ['%s']}]}]"

func TestAlertingSendsWhatPrometheusSends(t *testing.T) {
	const section = `
alert_relabel_configs:
- {action: labeldrop, regex: replica}
- {source_labels: [severity], regex: info, action: drop}
alertmanagers:
- path_prefix: /am
  basic_auth: {username: wt, password: s3same}
  static_configs: [{targets: ['%s']}]
  alert_relabel_configs: [{target_label: via, replacement: watchtower}]
`
	external := labels.FromStrings("cluster", "eu-1", "replica", "a", "severity", "none")
	at := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	burn := &promrules.Alert{
		Labels: labels.FromStrings("alertname", "DiskFull", "severity", "page"), Annotations: labels.FromStrings("summary", "No space left"),
		FiredAt: at, ValidUntil: at.Add(4 * time.Minute),
	}
	over := &promrules.Alert{
		Labels: labels.FromStrings("alertname", "DiskSlow"), FiredAt: at, ResolvedAt: at.Add(time.Minute), ValidUntil: at.Add(4 * time.Minute),
	}
	quiet := &promrules.Alert{Labels: labels.FromStrings("alertname", "Note", "severity", "info"), FiredAt: at, ValidUntil: at.Add(time.Minute)}

	ours, theirs := newAlertmanager(t), newAlertmanager(t)
	opts := Options{Config: mustAlerting(t, section, ours.url.Host), ExternalLabels: external, ExternalURL: &url.URL{Scheme: "http", Host: "wt.test"}}
	a, _ := runAlerting(t, opts, 1)
	a.Send(t.Context(), "disk_free < 1", burn, over, quiet)
	eventually(t, "our alerts arrive", func() bool { return len(ours.names()) == 2 })

	conf := mustAlerting(t, section, theirs.url.Host)
	m := notifier.NewManager(&notifier.Options{QueueCapacity: 10, Registerer: prometheus.NewRegistry()}, model.UTF8Validation, nil)
	if err := m.ApplyConfig(notifierConfig(conf.Alerting, external)); err != nil {
		t.Fatal(err)
	}
	targets := make(chan map[string][]*targetgroup.Group)
	var running sync.WaitGroup
	running.Go(func() { m.Run(targets) })
	defer running.Wait()
	defer m.Stop()
	targets <- map[string][]*targetgroup.Group{"config-0": {{Targets: []model.LabelSet{{model.AddressLabel: model.LabelValue(theirs.url.Host)}}}}}
	eventually(t, "Prometheus knows the Alertmanager", func() bool { return len(m.Alertmanagers()) == 1 })
	promrules.SendAlerts(m, "http://wt.test")(t.Context(), "disk_free < 1", burn, over, quiet)
	eventually(t, "Prometheus' alerts arrive", func() bool { return len(theirs.names()) == 2 })

	ours.mu.Lock()
	defer ours.mu.Unlock()
	theirs.mu.Lock()
	defer theirs.mu.Unlock()
	if diff := cmp.Diff(theirs.alerts, ours.alerts); diff != "" {
		t.Errorf("alerts (-Prometheus +Watchtower):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"POST /am/api/v2/alerts"}, ours.paths); diff != "" || ours.auth[0] != "wt:s3same" {
		t.Errorf("request: %s\nauthorization %q", diff, ours.auth)
	}
	first := ours.alerts[0]
	want := map[string]any{"alertname": "DiskFull", "cluster": "eu-1", "severity": "page", "via": "watchtower"}
	if diff := cmp.Diff(want, first["labels"]); diff != "" {
		t.Errorf("labels (-want +got):\n%s", diff)
	}
	if first["endsAt"] != "2026-03-01T12:04:00.000Z" || ours.alerts[1]["endsAt"] != "2026-03-01T12:01:00.000Z" {
		t.Errorf("a firing alert ends at %v, a resolved one at %v", first["endsAt"], ours.alerts[1]["endsAt"])
	}
}

func TestAlertOfAnObjectiveLinksToItsPage(t *testing.T) {
	am := newAlertmanager(t)
	a, _ := runAlerting(t, Options{Config: mustAlerting(t, oneAlertmanager, am.url.Host), ExternalURL: &url.URL{Scheme: "http", Host: "wt.test"}}, 1)
	a.Send(t.Context(), "", firing("Burn", objectiveLabel, "share-posts"))
	eventually(t, "the alert arrives", am.heard("Burn"))
	if got := am.alerts[0]["generatorURL"]; got != "http://wt.test/objectives/share-posts" {
		t.Errorf("generatorURL %v", got)
	}
}

func TestOneBadAlertmanagerDoesNotHoldUpOthers(t *testing.T) {
	good, broken, slow := newAlertmanager(t), newAlertmanager(t), newAlertmanager(t)
	broken.status, slow.hangs = http.StatusInternalServerError, true
	gone := newServer(t, http.NotFoundHandler())
	gone.Close()
	conf := mustAlerting(t, "alertmanagers: [{timeout: 1h, static_configs: [{targets: ['%s', '%s', '%s', '%s']}]}]",
		good.url.Host, broken.url.Host, slow.url.Host, strings.TrimPrefix(gone.URL, "http://"))
	a, stop := runAlerting(t, Options{Config: conf}, 4)

	a.Send(t.Context(), "", firing("First"))
	eventually(t, "the slow one is busy", slow.heard("First"))
	began := time.Now()
	batch := make([]*promrules.Alert, 100)
	for n := range (alertQueue + alertQueue/10) / len(batch) {
		for i := range batch {
			batch[i] = firing(fmt.Sprintf("Alert%d", n), "i", fmt.Sprint(i))
		}
		a.Send(t.Context(), "", batch...)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("sending took %v: it waits for somebody", took)
	}
	a.Send(t.Context(), "", firing("Last"))
	eventually(t, "the good one hears the last alert", good.heard("Last"))

	byURL := map[string]AlertmanagerStatus{}
	for _, s := range a.Status() {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		byURL["http://"+u.Host] = s
	}
	if s := byURL[good.url.String()]; s.Sent == 0 || s.Failing() || s.LastSuccessAt.IsZero() {
		t.Errorf("good: %+v", s)
	}
	if s := byURL[slow.url.String()]; s.Queued != alertQueue || s.Dropped < alertQueue/20 {
		t.Errorf("slow: %d queued, %d dropped; want a full queue of %d and the rest dropped", s.Queued, s.Dropped, alertQueue)
	}
	eventually(t, "faults are known", func() bool {
		byURL := map[string]AlertmanagerStatus{}
		for _, s := range a.Status() {
			byURL[strings.TrimSuffix(s.URL, "/api/v2/alerts")] = s
		}
		return strings.Contains(byURL[broken.url.String()].LastError, "500 Internal Server Error the disk is full") &&
			strings.Contains(byURL[gone.URL].LastError, "connection refused") && byURL[gone.URL].Failing() && byURL[gone.URL].Failed > 0
	})

	began = time.Now()
	stop()
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("the stop took %v although only %v are granted", took, a.grace)
	}
}

func TestStopSendsWhatIsQueued(t *testing.T) {
	am, reg := newAlertmanager(t), prometheus.NewRegistry()
	a, stop := runAlerting(t, Options{Config: mustAlerting(t, oneAlertmanager, am.url.Host), Registerer: reg}, 1)
	a.grace = time.Minute
	for i := range 1000 {
		a.Send(t.Context(), "", firing(fmt.Sprintf("Alert%03d", i)))
	}
	if before, err := reg.Gather(); err != nil || len(before) == 0 {
		t.Errorf("metrics while running: %d, %v", len(before), err)
	}
	stop()
	if got := am.names(); len(got) != 1000 {
		t.Errorf("%d of 1000 alerts arrived", len(got))
	}
	if left, err := reg.Gather(); err != nil || len(left) > 0 {
		t.Errorf("metrics after the end: %d, %v", len(left), err)
	}
	a.Send(t.Context(), "", firing("TooLate"))
	if err := a.Run(t.Context()); err == nil {
		t.Error("Run after the end: no error")
	}
	if err := a.Reload(DefaultConfig().Alerting); err == nil {
		t.Error("Reload after the end: no error")
	}
}

func TestAlertingReload(t *testing.T) {
	first, second := newAlertmanager(t), newAlertmanager(t)
	const section = "alertmanagers: [{basic_auth: {username: wt, password: %s}, static_configs: [{targets: ['%s']}]}]"
	a, _ := runAlerting(t, Options{Config: mustAlerting(t, section, "old", first.url.Host)}, 1)
	a.Send(t.Context(), "", firing("One"))
	eventually(t, "the first alert arrives", first.heard("One"))

	bad, err := alertingConfig("alertmanagers: [{timeout: 0s, static_configs: [{targets: ['%s']}]}]", second.url.Host)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Reload(bad.Alerting); err == nil || !strings.Contains(err.Error(), "timeout") {
		t.Errorf("a faulty section was taken: %v", err)
	}
	a.Send(t.Context(), "", firing("Two"))
	eventually(t, "the old section is in force", first.heard("Two"))

	// Only the password changes, which the manager does not see.
	if err := a.Reload(mustAlerting(t, section, "new", first.url.Host).Alerting); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the new password is used", func() bool {
		a.Send(t.Context(), "", firing("Three"))
		first.mu.Lock()
		defer first.mu.Unlock()
		return slices.Contains(first.auth, "wt:new")
	})

	if err := a.Reload(mustAlerting(t, section, "new", second.url.Host).Alerting); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the second one is known", func() bool {
		a.Send(t.Context(), "", firing("Four"))
		return second.heard("Four")()
	})
	if first.heard("Four")() || len(a.Status()) != 1 {
		t.Errorf("the first Alertmanager still hears: %v, %+v", first.names(), a.Status())
	}
	if err := a.Reload(DefaultConfig().Alerting); err != nil {
		t.Fatal(err)
	}
	eventually(t, "nobody is left", func() bool { return len(a.Alertmanagers()) == 0 })
}

func TestAlertmanagersInAFileAndDropped(t *testing.T) {
	am := newAlertmanager(t)
	dir := t.TempDir()
	targets := fmt.Sprintf(`[{"targets": ["%s"]}, {"targets": ["127.0.0.1:9"], "labels": {"stage": "test"}}]`, am.url.Host)
	for name, text := range map[string]string{"am.json": targets, "password": "s3same\n"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	conf, err := alertingConfig(`
alertmanagers:
- file_sd_configs: [{files: [am.json]}]
  basic_auth: {username: wt, password_file: password}
  relabel_configs: [{source_labels: [stage], regex: test, action: drop}]
`)
	if err != nil {
		t.Fatal(err)
	}
	conf.SetDirectory(dir)
	a, _ := runAlerting(t, Options{Config: conf}, 1)
	a.Send(t.Context(), "", firing("Burn"))
	eventually(t, "the alert arrives", am.heard("Burn"))
	if dropped := a.DroppedAlertmanagers(); len(dropped) != 1 || dropped[0].Host != "127.0.0.1:9" {
		t.Errorf("dropped %v", dropped)
	}
	if am.auth[0] != "wt:s3same" {
		t.Errorf("authorization %q", am.auth[0])
	}
}

func TestAlertingWithoutAlertmanagers(t *testing.T) {
	a, err := NewAlerting(Options{Config: DefaultConfig()}, nil)
	if err != nil {
		t.Fatal(err)
	}
	a.Send(t.Context(), "", firing("Burn"))
	if err := a.Reload(mustAlerting(t, oneAlertmanager, "127.0.0.1:9").Alerting); err != nil {
		t.Error(err)
	}
	if err := errorsOf(a.Close(), a.Close()); err != nil || len(a.Status()) != 0 {
		t.Errorf("close: %v, status %v", err, a.Status())
	}
}

func TestAlertingFaults(t *testing.T) {
	tests := map[string]struct{ section, want string }{
		"unknown key":       {"alertmanagers: [{targets: [a]}]", "field targets not found"},
		"discovery":         {"alertmanagers: [{consul_sd_configs: [{server: a}]}]", "alerting: consul_sd_configs is not supported; supported are static_configs, file_sd_configs"},
		"nothing to find":   {"alertmanagers: [{path_prefix: /am}]", "alerting.alertmanagers[0]: nothing says where the Alertmanagers are"},
		"empty entry":       {"alertmanagers:\n-\n", "alerting.alertmanagers[0] is empty"},
		"scheme":            {"alertmanagers: [{scheme: ftp, static_configs: [{targets: [a]}]}]", `scheme "ftp" is neither`},
		"timeout":           {"alertmanagers: [{timeout: 0s, static_configs: [{targets: [a]}]}]", "timeout is zero"},
		"URL as target":     {"alertmanagers: [{static_configs: [{targets: ['http://a/']}]}]", `"http://a/" is not a valid hostname`},
		"version":           {"alertmanagers: [{api_version: v1, static_configs: [{targets: [a]}]}]", "expected Alertmanager api version to be one of [v2]"},
		"two authorities":   {"alertmanagers: [{basic_auth: {username: a}, sigv4: {}, static_configs: [{targets: [a]}]}]", "at most one of basic_auth"},
		"certificate":       {"alertmanagers: [{tls_config: {ca_file: missing.pem}, static_configs: [{targets: [a]}]}]", "alerting.alertmanagers[0]: unable to read CA cert"},
		"relabeling":        {"alert_relabel_configs: [{action: replace}]", "alerting.alert_relabel_configs[0]: "},
		"relabeling for it": {"alertmanagers: [{alert_relabel_configs: [{action: hashmod}], static_configs: [{targets: [a]}]}]", "alerting.alertmanagers[0]: "},
		"empty relabeling":  {"alert_relabel_configs:\n-\n", "empty or null alert relabeling rule"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			c, err := alertingConfig("%s", test.section)
			if err == nil {
				err = c.Validate()
			}
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Fatalf("got %v, want %q", err, test.want)
			}
			if _, newErr := NewAlerting(Options{Config: c}, nil); c.Validate() != nil && newErr == nil {
				t.Error("NewAlerting took what Validate refuses")
			}
		})
	}
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
