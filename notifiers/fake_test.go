package notifiers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
	"go.uber.org/goleak"

	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeSlack stands in for Slack: it remembers what it is told and fails on demand.
type fakeSlack struct {
	mu    sync.Mutex
	told  []notification
	confs []*amconfig.SlackConfig
	fail  error         // Returned by Notify, retryable, while it is set.
	slow  time.Duration // What Slack takes to answer; canceling does not help.
	// faults are what Notify returns for a receiver. errHangs makes it wait for the end of ctx.
	faults map[string]fault
	calls  int
}

// fault is an answer of an integration that fails.
type fault struct {
	retry bool
	err   error
}

var errHangs = errors.New("it hangs")

// setFault makes a receiver fail, or not if err is nil.
func (f *fakeSlack) setFault(receiver string, retry bool, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.faults == nil {
		f.faults = map[string]fault{}
	}
	f.faults[receiver] = fault{retry, err}
}

// errDown is what a fake that is not well answers.
var errDown = errors.New("it is down")

// notification is one call of Notify.
type notification struct {
	at               time.Time
	receiver         string
	group            string
	firing, resolved []string // Alert names, sorted.
	ts               string   // Of the message it posted or edited.
	reason           string   // Why it arrives at a fallback.
}

func (n notification) String() string {
	parts := append([]string{n.receiver + ":"}, n.firing...)
	for _, name := range n.resolved {
		parts = append(parts, "-"+name)
	}
	return strings.Join(parts, " ")
}

var _ notify.Notifier = (*fakeSlackReceiver)(nil)

type fakeSlackReceiver struct {
	slack *fakeSlack
	name  string
}

func (f *fakeSlack) builder(conf *amconfig.SlackConfig, receiver string, _ int, _ *template.Template) (notify.Notifier, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.confs = append(f.confs, conf)
	return &fakeSlackReceiver{slack: f, name: receiver}, nil
}

func (r *fakeSlackReceiver) Notify(ctx context.Context, alerts ...*alert.Alert) (bool, error) {
	r.slack.mu.Lock()
	slow, failed := r.slack.slow, r.slack.faults[r.name]
	r.slack.calls++
	r.slack.mu.Unlock()
	time.Sleep(slow)
	if errors.Is(failed.err, errHangs) {
		<-ctx.Done()
	}
	if failed.err != nil {
		return failed.retry, failed.err
	}
	r.slack.mu.Lock()
	defer r.slack.mu.Unlock()
	if r.slack.fail != nil {
		return true, r.slack.fail
	}
	n := notification{at: time.Now(), receiver: r.name}
	n.group, _ = notify.GroupKey(ctx)
	for _, a := range alerts {
		n.reason = string(a.Annotations[reasonAnnotation])
		if a.Resolved() {
			n.resolved = append(n.resolved, a.Name())
		} else {
			n.firing = append(n.firing, a.Name())
		}
	}
	slices.Sort(n.firing)
	slices.Sort(n.resolved)
	if store, ok := notify.NflogStore(ctx); ok {
		if n.ts, ok = store.GetStr(slack.StoreTS); !ok {
			n.ts = fmt.Sprintf("%d.%06d", n.at.Unix(), len(r.slack.told))
		}
		store.SetStr(slack.StoreTS, n.ts)
		store.SetStr(slack.StoreChannel, "C-"+r.name)
	}
	r.slack.told = append(r.slack.told, n)
	return false, nil
}

func (f *fakeSlack) setFail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail = err
}

func (f *fakeSlack) notifications() []notification {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.told)
}

// heard returns all notifications so far, one string each.
func (f *fakeSlack) heard() []string {
	var all []string
	for _, n := range f.notifications() {
		all = append(all, n.String())
	}
	return all
}

// instance is a running pipeline under test.
type instance struct {
	*Pipeline
	slack *fakeSlack
	stop  func() // Ends Run and waits for it.
}

func options(dir string, s *fakeSlack) Options {
	return Options{Dir: dir, Slack: s.builder, ExternalURL: &url.URL{Scheme: "http", Host: "watchtower.test"}}
}

// run starts a pipeline that ends with the test at the latest.
func run(tb testing.TB, opts Options, s *fakeSlack) *instance {
	tb.Helper()
	p, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- p.Run(ctx) }()
	<-p.Ready()
	stop := sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	tb.Cleanup(stop)
	return &instance{Pipeline: p, slack: s, stop: stop}
}

// runDefault starts a pipeline with the built-in route on dir.
func runDefault(tb testing.TB, dir string) *instance {
	tb.Helper()
	s := &fakeSlack{}
	return run(tb, options(dir, s), s)
}

// advance lets fake time pass until everything rests at the end of d.
func advance(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// firing returns an alert that fires since now, its labels as name, value, name, value, ….
func firing(name string, lset ...string) *promrules.Alert {
	return firingSince(time.Now(), name, lset...)
}

func firingSince(at time.Time, name string, lset ...string) *promrules.Alert {
	return &promrules.Alert{
		State:       promrules.StateFiring,
		Labels:      labels.FromStrings(append([]string{labels.AlertName, name}, lset...)...),
		Annotations: labels.FromStrings("summary", "Sharing a post fails"),
		ActiveAt:    at,
		FiredAt:     at,
		ValidUntil:  time.Now().Add(24 * time.Hour),
	}
}

// resolved returns the end of an alert.
func resolved(a *promrules.Alert) *promrules.Alert {
	b := *a
	b.State, b.ResolvedAt = promrules.StateInactive, time.Now()
	return &b
}

func (i *instance) send(alerts ...*promrules.Alert) {
	i.Send(context.Background(), "", alerts...)
}

// objective returns the labels of an alert of an objective.
func objective(slo, severity string) []string {
	return []string{"service", "share", "slo", slo, "severity", severity}
}

// call sends a request to the API without a network, for fake time.
func (i *instance) call(method, path, body string) *httptest.ResponseRecorder {
	r := httptest.NewRequestWithContext(context.Background(), method, path, strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	w := httptest.NewRecorder()
	i.API().ServeHTTP(w, r)
	return w
}

// silenceBody is what amtool posts to silence what matches name=value for an hour.
func silenceBody(name, value string) string {
	now := time.Now().UTC()
	return `{"matchers":[{"name":"` + name + `","value":"` + value + `","isRegex":false,"isEqual":true}],` +
		`"startsAt":"` + now.Format(time.RFC3339Nano) + `","endsAt":"` + now.Add(time.Hour).Format(time.RFC3339Nano) + `",` +
		`"createdBy":"test","comment":"test"}`
}

// eventually polls until ok returns true, for tests that need a real network.
func eventually(tb testing.TB, what string, ok func() bool) {
	tb.Helper()
	deadline := time.NewTimer(10 * time.Second)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			tb.Fatalf("not seen within 10 s: %s", what)
		}
	}
}

// writeFile writes a file into a fresh directory and returns its path.
func writeFile(tb testing.TB, name, text string) string {
	tb.Helper()
	path := filepath.Join(tb.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		tb.Fatal(err)
	}
	return path
}

// logged collects log lines.
type logged struct {
	slog.Handler
	mu    sync.Mutex
	lines []string
}

func (l *logged) Enabled(context.Context, slog.Level) bool { return true }
func (l *logged) WithAttrs([]slog.Attr) slog.Handler       { return l }
func (l *logged) WithGroup(string) slog.Handler            { return l }
func (l *logged) Handle(_ context.Context, r slog.Record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	line := r.Message
	r.Attrs(func(a slog.Attr) bool { line += " " + a.String(); return true })
	l.lines = append(l.lines, line)
	return nil
}

func (l *logged) contains(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.ContainsFunc(l.lines, func(line string) bool { return strings.Contains(line, text) })
}

// newServer starts an HTTP server on loopback.
func newServer(t *testing.T, h http.Handler) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	return s
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func newLogger(l *logged) *slog.Logger { return slog.New(l) }

func contextWithCancel(t *testing.T) (context.Context, context.CancelFunc) {
	t.Helper()
	return context.WithCancel(context.Background())
}
