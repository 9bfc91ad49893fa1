package slack

import (
	"bytes"
	"context"
	"database/sql"
	"log/slog"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
	_ "modernc.org/sqlite"

	"github.com/watchtower-hub/watchtower/playbooks"
)

func TestMain(m *testing.M) {
	if childOf() {
		return
	}
	goleak.VerifyTestMain(m)
}

// rig is a Slack client on a fake Slack, with a database in a folder.
type rig struct {
	*Slack
	t    testing.TB
	fake *fakeSlack
	dir  string
	log  *syncBuffer
	reg  *prometheus.Registry
	stop func()
	n    notify.Notifier
}

type syncBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *syncBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func openDB(tb testing.TB, dir string) *sql.DB {
	tb.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(dir, "state.db")+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_pragma=synchronous(NORMAL)")
	if err != nil {
		tb.Fatal(err)
	}
	return db
}

// newRig starts a Slack that runs, in process, against the fake.
func newRig(tb testing.TB, fake *fakeSlack, change ...func(*Options)) *rig {
	tb.Helper()
	return startRig(tb, fake, tb.TempDir(), change...)
}

func startRig(tb testing.TB, fake *fakeSlack, dir string, change ...func(*Options)) *rig {
	tb.Helper()
	db := openDB(tb, dir)
	r := &rig{t: tb, fake: fake, dir: dir, log: &syncBuffer{}, reg: prometheus.NewRegistry()}
	opts := Options{
		APIURL: "http://slack.test/api", Token: testToken, HTTPClient: &http.Client{Transport: fake}, DB: db,
		ExternalURL: "https://watchtower.example", Registerer: r.reg,
		Logger:   slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		Playbook: sharePlaybook,
	}
	for _, c := range change {
		c(&opts)
	}
	s, err := New(opts)
	if err != nil {
		tb.Fatal(err)
	}
	r.Slack = s
	r.n = r.notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved()})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		if err := s.Run(ctx); err != nil {
			tb.Errorf("Run: %v", err)
		}
	}()
	var once sync.Once
	r.stop = func() {
		once.Do(func() {
			cancel()
			<-done
			if err := db.Close(); err != nil {
				tb.Errorf("close database: %v", err)
			}
		})
	}
	tb.Cleanup(r.stop)
	return r
}

// restart ends the process in good order and begins another on the same data.
func (r *rig) restart(change ...func(*Options)) *rig {
	r.t.Helper()
	r.stop()
	return startRig(r.t, r.fake, r.dir, change...)
}

func (r *rig) notifier(conf *amconfig.SlackConfig) notify.Notifier {
	r.t.Helper()
	n, err := r.Notifier(conf, "slack", 0, testTemplates(r.t))
	if err != nil {
		r.t.Fatal(err)
	}
	return n
}

func testTemplates(tb testing.TB) *template.Template {
	tb.Helper()
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		tb.Fatal(err)
	}
	tmpl.ExternalURL, _ = url.Parse("https://watchtower.example")
	return tmpl
}

// group is a notification as the pipeline makes it.
type group struct {
	key    string
	reason notify.NotifyReason
	repeat time.Duration
	store  *nflog.Store
	labels model.LabelSet
}

func (g group) context(ctx context.Context) context.Context {
	key := g.key
	if key == "" {
		key = `{}:{service="share", slo="sharing"}`
	}
	if g.store == nil {
		g.store = nflog.NewStore(nil)
	}
	repeat := g.repeat
	if repeat == 0 {
		repeat = time.Hour
	}
	ctx = notify.WithGroupKey(ctx, key)
	ctx = notify.WithReceiverName(ctx, "slack")
	ctx = notify.WithGroupLabels(ctx, g.labels)
	ctx = notify.WithRepeatInterval(ctx, repeat)
	ctx = notify.WithNotificationReason(ctx, g.reason)
	return notify.WithNflogStore(ctx, g.store)
}

// notify sends and fails the test when that fails.
func (r *rig) notify(g group, alerts ...*amalert.Alert) {
	r.t.Helper()
	if retry, err := r.try(g, 10*time.Second, alerts...); err != nil {
		r.t.Fatalf("Notify(%v) = %v, %v", g.reason, retry, err)
	}
}

func (r *rig) try(g group, d time.Duration, alerts ...*amalert.Alert) (bool, error) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	return r.n.Notify(g.context(ctx), alerts...)
}

// settled waits until the outbox is empty.
func (r *rig) settled() {
	r.t.Helper()
	r.until("the outbox is empty", func() bool { return r.Stats().Depth == 0 })
}

func (r *rig) until(what string, ok func() bool) {
	r.t.Helper()
	deadline := time.NewTimer(2 * time.Minute)
	defer deadline.Stop()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-deadline.C:
			r.t.Fatalf("gave up waiting until %s; stats %+v; log:\n%s", what, r.Stats(), r.log)
		}
	}
}

// onePage returns the only page of a channel.
func (r *rig) onePage() fakeMessage {
	r.t.Helper()
	pages := r.fake.pages("oncall")
	if len(pages) != 1 {
		r.t.Fatalf("%d pages, want 1: %v", len(pages), texts1(pages))
	}
	return pages[0]
}

func texts1(messages []fakeMessage) (out []string) {
	for _, m := range messages {
		out = append(out, m.Text)
	}
	return out
}

// threadTexts are the first lines of the replies below a page.
func (r *rig) threadTexts(ts string) (out []string) {
	for _, m := range r.fake.replies("oncall", ts) {
		line, _, _ := strings.Cut(m.Text, "\n")
		out = append(out, line)
	}
	return out
}

// fires is an alert that fires; ends makes it resolved.
func fires(labels model.LabelSet, since time.Time) *amalert.Alert {
	return &amalert.Alert{Alert: model.Alert{
		Labels: labels, StartsAt: since, EndsAt: since.Add(1000 * time.Hour),
		Annotations:  model.LabelSet{"summary": "Sharing a post fails", "description": "3.2% of requests fail."},
		GeneratorURL: "https://watchtower.example/objectives/share-sharing",
	}, UpdatedAt: since}
}

func ends(a *amalert.Alert, at time.Time) *amalert.Alert {
	c := *a
	c.EndsAt, c.UpdatedAt = at, at
	return &c
}

func share(extra ...string) model.LabelSet {
	set := model.LabelSet{"alertname": "SharingBurn", "service": "share", "slo": "sharing", "severity": "page", "team": "backend"}
	for i := 0; i+1 < len(extra); i += 2 {
		set[model.LabelName(extra[i])] = model.LabelValue(extra[i+1])
	}
	return set
}

func testPlaybook() playbooks.Playbook {
	return playbooks.Playbook{
		ID: "share-errors", Title: "Sharing a post fails", Owner: "team-share", Body: `## Impact

People see "could not share" when they post.

## Check

1. Is it **one route or all**? Look at [the dashboard](https://watchtower.example/dashboards/share).
2. Did a deploy or a feature flag go out in the last 30 minutes? ` + "`kubectl rollout history deploy/share`" + `
3. Is the media service slow? If p99 > 2 s & rising, go to Mitigate.

## Mitigate

1. Roll the last release back: ` + "`make rollback SERVICE=share`" + `
2. Turn the flag ` + "`share-v2`" + ` off.

## Escalate

After 15 minutes without effect: page the media team.
`,
	}
}

func sendResolved() amcommon.NotifierConfig { return amcommon.NotifierConfig{VSendResolved: true} }
