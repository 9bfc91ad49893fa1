package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/notifiers"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
	"github.com/watchtower-hub/watchtower/notifiers/slack"
)

const (
	pageGroup = `{}:{service="share"}`
	// pageRoster has ann on call and bob next; nobody for the team empty.
	pageRoster = `users:
  ann: {name: Ann Ames, slack: U0ANN00001}
  bob: {name: Bob Bell, slack: U0BOB00001}
  eve: {name: Eve}
teams:
  share: {schedule: days, slack_group: S0SHARE001}
  empty: {schedule: gap}
schedules:
  days: {timezone: UTC, layers: [{name: days, users: [ann, bob], rotate: weekly, handover: monday 09:00, from: 1999-12-27}]}
  gap: {timezone: UTC, layers: [{name: l, users: [ann], to: 1999-01-01 00:00}]}
policies:
`
	ladder = `  page:
    match: {severity: page}
    acknowledge_timeout: 30m
    steps:
      - {notify: on_call}
      - {after: 5m, notify: direct_message}
      - {after: 10m, notify: next_on_call}
      - {after: 20m, notify: {receiver: pagerduty}}
`
)

// heard is what everybody heard, with the time since the test began.
type heard struct {
	mu    sync.Mutex
	began time.Time
	said  []string
	fails map[string]int // how often a target fails still
	hangs string
}

var errNotNow = errors.New("not now")

// hear takes what is said to whom.
func (h *heard) hear(ctx context.Context, whom, words string) error {
	h.mu.Lock()
	hangs := h.hangs == whom
	h.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return ctx.Err()
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	s := strings.TrimSpace(time.Since(h.began).Round(time.Second).String() + " " + whom + " " + words)
	if h.fails[whom] > 0 {
		h.fails[whom]--
		h.said = append(h.said, s+" fails")
		return errNotNow
	}
	h.said = append(h.said, s)
	return nil
}

// hang has whoever is called not answer; "" nobody.
func (h *heard) hang(whom string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.hangs = whom
}

func (h *heard) want(t *testing.T, want ...string) {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if diff := cmp.Diff(want, h.said); diff != "" {
		t.Errorf("heard (-want +got):\n%s", diff)
	}
}

// instance is a Watchtower as far as escalation goes. Its log is real.
type instance struct {
	t      *testing.T
	log    *incidents.Log
	path   string
	roster *oncall.Roster
	heard  *heard

	mu       sync.Mutex
	fires    []notifiers.Incident
	others   []notifiers.Incident // fire beside it
	spent    bool
	place    turn
	released int
	steps    *prometheus.CounterVec
	stop     func()
	peer     *instance // told of every event, if there is one
	dead     bool
	cut      bool // it does not reach Slack
}

// Broadcast tells the peer what happened, as the gossip of a cluster does.
func (i *instance) Broadcast(b []byte) {
	go func() {
		time.Sleep(200 * time.Millisecond)
		i.set(func() {
			if i.dead {
				i.t.Error("a dead instance speaks")
			}
		})
		i.peer.set(func() {
			if i.peer.dead {
				return
			}
			if err := i.peer.log.State().Merge(b); err != nil {
				i.t.Error(err)
			}
		})
	}()
}

// pair runs a test in virtual time with two instances that page together.
func pair(t *testing.T, policies string, test func(one, two *instance)) {
	t.Helper()
	pairWhere(t, policies, func(*instance) bool { return true }, test)
}

// pairWhere is a pair of which some see the alert.
func pairWhere(t *testing.T, policies string, sees func(*instance) bool, test func(one, two *instance)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		h := &heard{began: time.Now(), fails: map[string]int{}}
		one, two := newInstance(t, policies, h), newInstance(t, policies, h)
		one.peer, two.peer = two, one
		for n, i := range []*instance{one, two} {
			i.place = turn{position: n, peers: 2, each: 15 * time.Second}
			i.start()
			defer i.stop()
		}
		for _, i := range []*instance{one, two} {
			if sees(i) {
				i.fire(1)
			}
			time.Sleep(300 * time.Millisecond)
		}
		if sees(one) {
			one.paged()
		}
		test(one, two)
		time.Sleep(time.Second) // What was told arrives.
	})
}

// newInstance has this policy, and page fires.
func newInstance(t *testing.T, policies string, h *heard) *instance {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "oncall.yaml")
	if err := os.WriteFile(file, []byte(pageRoster+policies), 0o600); err != nil {
		t.Fatal(err)
	}
	roster, err := oncall.Load(file, "", time.Now())
	if err != nil {
		t.Fatal(err)
	}
	i := &instance{t: t, path: filepath.Join(dir, "state.db"), roster: roster, heard: h, stop: func() {}}
	t.Cleanup(func() { i.stop() })
	return i
}

// start opens the log and carries out what is due until stop.
func (i *instance) start() {
	i.t.Helper()
	db, err := store.OpenState(i.path)
	if err != nil {
		i.t.Fatal(err)
	}
	if i.log, err = incidents.Open(i.t.Context(), incidents.Options{DB: db}); err != nil {
		i.t.Fatal(err)
	}
	if i.peer != nil {
		i.log.Share(i)
	}
	i.steps = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "steps_total", Help: "Steps."}, []string{"act", "means", "outcome"})
	e := &escalator{
		steps: i.steps,
		log:   i.log, logger: slog.New(slog.DiscardHandler), roster: func() *oncall.Roster { return i.roster },
		call: func(ctx context.Context, groupKey string, c slack.Call) error {
			var cut bool
			if i.set(func() { cut = i.cut }); cut {
				return errNotNow
			}
			whom := c.Mention
			if c.DirectTo != "" {
				whom = "direct to " + c.DirectTo
			}
			if groupKey != pageGroup || c.Text == "" || c.ID == "" {
				i.t.Errorf("called about %s: %+v", groupKey, c)
			}
			return i.heard.hear(ctx, whom, map[bool]string{true: "in the channel"}[c.Broadcast])
		},
		notify: func(ctx context.Context, receiver string, n notifiers.Notice) error {
			if len(n.Alerts) == 0 || n.ID == "" || n.GroupKey != pageGroup {
				i.t.Errorf("notified of %+v", n)
			}
			return i.heard.hear(ctx, receiver, map[bool]string{true: "it is over"}[n.Over])
		},
		release: func(string) { i.set(func() { i.released++ }) },
		open: func() (out []notifiers.Incident) {
			i.set(func() { out = slices.Clone(i.fires) })
			return out
		},
		exhausted: func(objectives []string) (spent bool) {
			i.set(func() { spent = i.spent && slices.Contains(objectives, "share/works") })
			return spent
		},
		turn: func() (place turn) {
			i.set(func() { place = i.place })
			return place
		},
	}
	ctx, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() {
		if err := i.log.Run(ctx); err != nil {
			i.t.Error(err)
		}
	})
	running.Go(func() {
		if err := e.run(ctx); err != nil {
			i.t.Error(err)
		}
	})
	i.stop = sync.OnceFunc(func() {
		cancel()
		running.Wait()
		if err := db.Close(); err != nil {
			i.t.Error(err)
		}
	})
}

func (i *instance) want(want ...string) {
	i.t.Helper()
	i.heard.want(i.t, want...)
}

func (i *instance) set(f func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	f()
}

// fire has n alerts of the page's group fire from now on.
func (i *instance) fire(n int, labels ...string) {
	i.t.Helper()
	now := time.Now()
	set := map[string]string{"alertname": "Burn", "severity": "page", "team": "share", "service": "share"}
	for j := 0; j+1 < len(labels); j += 2 {
		set[labels[j]] = labels[j+1]
	}
	g := incidents.Group{Key: pageGroup, Receiver: "slack", At: now}
	in := notifiers.Incident{GroupKey: pageGroup, State: notifiers.Active, Labels: set}
	for j := range n {
		id := fmt.Sprint(j)
		g.Alerts = append(g.Alerts, incidents.Alert{Fingerprint: id, Labels: set, StartsAt: now, Objective: "share/works"})
		in.Alerts = append(in.Alerts, notifiers.IncidentAlert{Fingerprint: id, Labels: set, StartsAt: now})
	}
	i.set(func() { i.fires = append([]notifiers.Incident{in}, i.others...) })
	if err := i.log.Observe(i.t.Context(), g); err != nil {
		i.t.Fatal(err)
	}
}

// paged says that Slack has the page.
func (i *instance) paged() {
	i.t.Helper()
	err := i.log.Delivered(i.t.Context(), incidents.Delivery{GroupKey: pageGroup, Receiver: "slack", Integration: "slack[0]", At: time.Now()})
	if err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) tell(kind incidents.Kind, by string) {
	i.t.Helper()
	e := incidents.Event{Kind: kind, At: time.Now(), By: by, ByID: "U0" + strings.ToUpper(by) + "00001"}
	if err := i.log.Tell(i.t.Context(), pageGroup, e); err != nil {
		i.t.Fatal(err)
	}
}

func (i *instance) resolve() {
	i.t.Helper()
	i.set(func() { i.fires = nil })
	in, ok := i.log.OpenGroup(pageGroup)
	if !ok {
		i.t.Fatal("nothing is open")
	}
	g := incidents.Group{Key: pageGroup, Receiver: "slack", At: time.Now()}
	for _, e := range in.Events {
		if e.Kind == incidents.Fired {
			g.Alerts = append(g.Alerts, incidents.Alert{Fingerprint: e.Data[incidents.DataFingerprint], StartsAt: e.At, EndsAt: time.Now()})
		}
	}
	if err := i.log.Observe(i.t.Context(), g); err != nil {
		i.t.Fatal(err)
	}
}

// timeline is what the log says of escalations.
func (i *instance) timeline() []string {
	var out []string
	for _, head := range i.log.List(incidents.Filter{}) {
		in, _ := i.log.Get(head.ID)
		for _, e := range in.Events {
			if e.Data[dataAction] != "" || e.Kind == incidents.AckTimedOut {
				out = append(out, e.At.Sub(i.heard.began).Round(time.Second).String()+" "+e.Text)
			}
		}
	}
	return out
}

// said demands a sentence of the log.
func (i *instance) said(want string) {
	i.t.Helper()
	if !slices.Contains(i.timeline(), want) {
		i.t.Errorf("the log does not say %q:\n%s", want, strings.Join(i.timeline(), "\n"))
	}
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// escalates runs a test in virtual time with one instance.
func escalates(t *testing.T, policies string, test func(i *instance)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		i := newInstance(t, policies, &heard{began: time.Now(), fails: map[string]int{}})
		i.start()
		defer i.stop()
		test(i)
	})
}
