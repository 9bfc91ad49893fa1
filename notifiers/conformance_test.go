package notifiers

import (
	"bytes"
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	_ "modernc.org/sqlite"

	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

// output collects log lines with all their attributes, for several goroutines.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

func (o *output) contains(text string) bool { return strings.Contains(o.String(), text) }

func (o *output) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(o, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// bench is where a kind of notification is tested.
type bench struct {
	kind
	*peer
	t   *testing.T
	dir string
	log *output
}

func newBench(t *testing.T, k kind) *bench {
	t.Helper()
	b := &bench{kind: k, peer: newPeer(t), t: t, dir: t.TempDir(), log: &output{}}
	t.Cleanup(func() { wantNoSecret(t, "the log", b.log.String()) })
	b.writeSecrets()
	return b
}

func (b *bench) writeSecrets() {
	b.t.Helper()
	for name, text := range secretFiles {
		if err := os.WriteFile(filepath.Join(b.dir, name), []byte(strings.ReplaceAll(text, "URL", b.url)), 0o600); err != nil {
			b.t.Fatal(err)
		}
	}
}

// entry is the entry of a receiver's list; more is YAML for further keys.
func (b *bench) entry(more string) string {
	text := strings.TrimSuffix(b.config, "}") + ", send_resolved: true" + more + "}"
	return strings.NewReplacer("URL", b.url, "HOST", strings.TrimPrefix(b.url, "http://"), "PROXY", b.url, "MAIL", b.mail, "DIR", b.dir).Replace(text)
}

// build makes the integration from an alertmanager.yml with the given text at its end.
func (b *bench) build(more, end string) (notify.Integration, error) {
	b.t.Helper()
	file := writeFile(b.t, "alertmanager.yml", fmt.Sprintf("route: {receiver: team}\nreceivers: [{name: team, %s: [%s]}]\n%s", b.list, b.entry(more), end))
	p, err := planBuilder{externalURL: &url.URL{Scheme: "http", Host: "wt.test"}, logger: b.log.logger(), slack: b.slackBuilder()}.build(file)
	if err != nil {
		return notify.Integration{}, err
	}
	if n := len(p.receivers["team"]); n != 1 {
		b.t.Fatalf("%d integrations, want 1", n)
	}
	return p.receivers["team"][0], nil
}

func (b *bench) mustBuild(more string) notify.Integration {
	b.t.Helper()
	i, err := b.build(more, "")
	if err != nil {
		b.t.Fatal(err)
	}
	return i
}

// slackBuilder starts our own Slack, for the kinds that need one.
func (b *bench) slackBuilder() SlackBuilder {
	b.t.Helper()
	if b.list != "slack_configs" {
		return nil
	}
	db, err := sql.Open("sqlite", "file:"+filepath.Join(b.t.TempDir(), "state.db")+"?_pragma=busy_timeout(5000)&_pragma=synchronous(OFF)")
	if err != nil {
		b.t.Fatal(err)
	}
	s, err := slack.New(slack.Options{APIURL: b.url + "/api", Token: "xoxb-s3cret-own", DB: db, Logger: b.log.logger()})
	if err != nil {
		b.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- s.Run(ctx) }()
	b.t.Cleanup(func() {
		cancel()
		if err := errors.Join(<-done, db.Close()); err != nil {
			b.t.Error(err)
		}
	})
	return s.Notifier
}

// vanish leaves the addresses at which nobody listens. They are not on the host on which other tests do.
func (b *bench) vanish() {
	b.t.Helper()
	l, err := (&net.ListenConfig{}).Listen(b.t.Context(), "tcp", "127.0.0.2:0")
	if err != nil {
		b.t.Fatal(err)
	}
	b.mail = l.Addr().String()
	b.url = "http://" + b.mail
	if err := l.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.writeSecrets()
}

// delivered counts the notifications that people would see.
func (b *bench) delivered() int {
	if b.deliveries != nil {
		return b.deliveries(b.notifications())
	}
	return len(b.notifications())
}

// When the alert of a notification ends, seen from now.
const (
	fires = time.Hour
	ended = -time.Second
)

// notify calls i as the pipeline does.
func (b *bench) notify(i notify.Integration, patience, ends time.Duration) (bool, error) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), patience)
	defer cancel()
	now := time.Now()
	a := &alert.Alert{UpdatedAt: now, Alert: model.Alert{
		Labels:      model.LabelSet{"alertname": "Burn", "service": "share", "severity": "page"},
		Annotations: model.LabelSet{"summary": "Sharing a post fails"},
		StartsAt:    now.Add(-time.Minute), EndsAt: now.Add(ends),
	}}
	ctx = notify.WithFiringAlerts(ctx, []uint64{1})
	if a.Resolved() {
		ctx = notify.WithResolvedAlerts(notify.WithFiringAlerts(ctx, nil), []uint64{1})
	}
	ctx = notify.WithGroupKey(ctx, `{}:{alertname="Burn"}`)
	ctx = notify.WithReceiverName(ctx, "team")
	ctx = notify.WithGroupLabels(ctx, model.LabelSet{"alertname": "Burn"})
	ctx = notify.WithRepeatInterval(ctx, time.Hour)
	ctx = notify.WithNow(ctx, now)
	ctx = notify.WithNotificationReason(ctx, notify.ReasonFirstNotification)
	ctx = notify.WithNflogStore(ctx, nflog.NewStore(nil))
	retry, err := i.Notify(ctx, a)
	if err != nil {
		wantNoSecret(b.t, "the error", err.Error())
	}
	return retry, err
}

// wantNoSecret demands that no secret of the test, all of which begin alike, is in a text.
func wantNoSecret(t *testing.T, where, text string) {
	t.Helper()
	for _, secret := range []string{"s3cret", base64.StdEncoding.EncodeToString([]byte("wt:s3cret+basic/pass word"))} {
		if i := strings.Index(text, secret); i >= 0 {
			t.Errorf("%s tells a secret: …%s…", where, text[max(0, i-200):min(len(text), i+100)])
		}
	}
}

// eachKind runs a test for all kinds at the same time.
func eachKind(t *testing.T, test func(*bench)) {
	t.Helper()
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			t.Parallel()
			test(newBench(t, k))
		})
	}
}

// TestConformanceKnowsAllKinds fails as soon as Alertmanager has a kind of receiver that the suite does not test.
func TestConformanceKnowsAllKinds(t *testing.T) {
	tested := map[string]bool{}
	for _, k := range kinds() {
		tested[k.list] = true
	}
	for _, f := range reflect.VisibleFields(reflect.TypeFor[amconfig.Receiver]()) {
		if key, _, _ := strings.Cut(f.Tag.Get("yaml"), ","); strings.HasSuffix(f.Name, "Configs") && !tested[key] {
			t.Errorf("no kind of the conformance suite uses %s: add one to kinds()", key)
		}
	}
}

func TestConformanceDelivers(t *testing.T) {
	eachKind(t, func(b *bench) {
		t := b.t
		i := b.mustBuild("")
		if !i.SendResolved() {
			t.Error("send_resolved: true has no effect")
		}
		for n, ends := range []time.Duration{fires, ended} {
			if retry, err := b.notify(i, 10*time.Second, ends); err != nil || retry && b.name != "opsgenie" {
				t.Fatalf("%d: retry %t, %v", n, retry, err) // Opsgenie's says true beside success, to no effect.
			}
			if got := b.delivered(); got != n+1 {
				t.Errorf("%d notifications so far, want %d: %v", got, n+1, b.notifications())
			}
		}
	})
}

func TestConformanceRetries(t *testing.T) {
	statuses := []int{
		http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound,
		http.StatusTooManyRequests, http.StatusInternalServerError, http.StatusServiceUnavailable,
	}
	eachKind(t, func(b *bench) {
		t := b.t
		statuses := statuses
		if b.list == "email_configs" {
			// It takes all answers for faults that pass, also 550: there is no such mailbox.
			statuses = []int{421, 450, 550}
		}
		for _, status := range statuses {
			b := newBench(t, b.kind)
			i := b.mustBuild("")
			b.fail(status, false, false)
			want, differs := b.differs[status]
			if !differs {
				want = status == http.StatusTooManyRequests || status >= http.StatusInternalServerError || b.list == "email_configs"
			}
			if retry, err := b.notify(i, 2*time.Second, fires); err == nil || retry != want {
				t.Errorf("%d: retry %t, want %t; error %v", status, retry, want, err)
			}
		}
	})
}

func TestConformanceKeepsDeadline(t *testing.T) {
	const patience = 300 * time.Millisecond
	eachKind(t, func(b *bench) {
		t := b.t
		i := b.mustBuild("")
		b.fail(0, false, true)
		began := time.Now()
		retry, err := b.notify(i, patience, fires)
		if took := time.Since(began); took > patience+2*time.Second {
			t.Errorf("it returned after %s, the deadline was %s", took, patience)
		}
		if err == nil || !retry {
			t.Errorf("nobody answered: retry %t, %v", retry, err)
		}
	})
}

func TestConformanceUnreachable(t *testing.T) {
	eachKind(t, func(b *bench) {
		t := b.t
		b.vanish()
		if retry, err := b.notify(b.mustBuild(""), time.Second, fires); err == nil || !retry {
			t.Errorf("nobody is there: retry %t, %v", retry, err)
		}
	})
}

// TestConformanceUnknownTemplate uses a template that nothing defines, and a file of templates that cannot be read.
func TestConformanceUnknownTemplate(t *testing.T) {
	eachKind(t, func(b *bench) {
		t := b.t
		broken := filepath.Join(b.dir, "pages.tmpl")
		if err := os.WriteFile(broken, []byte(`{{ define "page" }}{{ template }}{{ end }}`), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := b.build("", "templates: ['"+broken+"']"); err == nil || !strings.Contains(err.Error(), "alertmanager.yml:3: ") || !strings.Contains(err.Error(), "pages.tmpl:1") {
			t.Errorf("a broken file of templates: %v, want both files and lines", err)
		}
		if b.said == "" {
			return
		}
		b.config = strings.ReplaceAll(b.config, b.said+": 'URL/hook/s3cret-path?key=s3cret-key', ", "") // A key may stand there once.
		_, err := b.notify(b.mustBuild(", "+b.said+`: '{{ template "missing" . }}'`), 10*time.Second, fires)
		if b.anyway {
			if b.delivered() != 1 {
				t.Errorf("%d notifications, %v; want one with less in it", b.delivered(), err)
			}
			return
		}
		if err == nil || !strings.Contains(err.Error(), "missing") || b.delivered() != 0 {
			t.Errorf("%d notifications and the error %v; want none and the template's name", b.delivered(), err)
		}
	})
}

// TestConformanceTellsNoSecret runs all kinds in one pipeline against a side that fails and repeats all it was sent, and
// against one that is not there.
func TestConformanceTellsNoSecret(t *testing.T) {
	for name, prepare := range map[string]func(*bench){
		"refused":     func(b *bench) { b.fail(http.StatusBadRequest, true, false) },
		"broken":      func(b *bench) { b.fail(http.StatusBadGateway, true, false) },
		"unreachable": (*bench).vanish,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, kind{list: "slack_configs"})
			prepare(b)
			var receivers, routes strings.Builder
			for i, k := range kinds() {
				b.kind = k
				fmt.Fprintf(&receivers, "- {name: r%d, %s: [%s]}\n", i, k.list, b.entry(""))
				fmt.Fprintf(&routes, "  - {receiver: r%d, continue: true}\n", i)
			}
			b.kind = kind{list: "slack_configs"}
			reg := prometheus.NewRegistry()
			p := run(t, Options{
				Dir: t.TempDir(), Slack: b.slackBuilder(), Logger: b.log.logger(), Registerer: reg,
				Config: Config{Alertmanager: writeFile(t, "alertmanager.yml", "route:\n  receiver: r0\n  group_wait: 10ms\n  routes:\n"+routes.String()+"receivers:\n"+receivers.String())},
			}, nil)
			p.send(firing("Burn"))
			eventually(t, "every kind has failed", func() bool {
				return !slices.ContainsFunc(p.Status().Receivers, func(r ReceiverStatus) bool {
					// Our own Slack keeps trying by itself until the deadline of the group.
					return r.Integrations[0].Failures == 0 && (r.Integrations[0].Name != "slack" || name == "refused")
				})
			})
			wantNoSecret(t, "the status", fmt.Sprintf("%+v", p.Status()))
			wantNoSecret(t, "/metrics", metricsText(t, reg))
			shown := p.call(http.MethodGet, "/api/v2/status", "").Body.String()
			if !strings.Contains(shown, "telegram_configs") {
				t.Errorf("the API does not show the configuration: %s", shown)
			}
			wantNoSecret(t, "GET /api/v2/status", shown)
			p.stop()
		})
	}
}

// metricsText is what /metrics shows of a registry.
func metricsText(t *testing.T, reg *prometheus.Registry) string {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	for _, f := range families {
		if _, err := expfmt.MetricFamilyToText(&text, f); err != nil {
			t.Fatal(err)
		}
	}
	return text.String()
}
