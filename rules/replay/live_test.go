package replay_test

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

// server is a live engine on Prometheus' TSDBs.
type server struct {
	t      *testing.T
	store  *tsdb.DB
	opts   rules.EngineOptions
	engine *rules.Engine
	ids    map[string]uint64
	stop   func()

	mu     sync.Mutex
	alerts []replay.Alert
}

func openDB(t *testing.T, late time.Duration) *tsdb.DB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.OutOfOrderTimeWindow, o.RetentionDuration = late.Milliseconds(), (400 * day).Milliseconds()
	db, err := tsdb.Open(t.TempDir(), nil, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

func newServer(t *testing.T, objectives ...rules.Objective) *server {
	t.Helper()
	s := &server{t: t, store: openDB(t, 30*time.Minute)}
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 1e7, Timeout: time.Minute})
	t.Cleanup(func() { _ = pq.Close() })
	s.opts = rules.EngineOptions{
		Objectives: objectives, Store: s.store, Ledger: openDB(t, 400*day), Query: promrules.EngineQueryFunc(pq, s.store),
		SnapshotPath: filepath.Join(t.TempDir(), "snapshot"), Send: s.send,
	}
	return s
}

// start begins a life of the server, which ends with s.stop.
func (s *server) start() {
	s.t.Helper()
	var err error
	if s.engine, err = rules.NewEngine(s.opts); err != nil {
		s.t.Fatal(err)
	}
	s.ids = map[string]uint64{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = s.engine.Run(ctx) // it fails for nothing
	}()
	<-s.engine.Ready()
	s.stop = func() { cancel(); <-done }
}

func (s *server) send(_ context.Context, _ string, alerts ...*promrules.Alert) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range alerts {
		seen := replay.Alert{Name: a.Labels.Get("alertname"), Severity: rules.Severity(a.Labels.Get("severity")), FiredAt: a.ActiveAt, ResolvedAt: a.ResolvedAt}
		i := slices.IndexFunc(s.alerts, func(b replay.Alert) bool {
			return b.Name == seen.Name && b.Severity == seen.Severity && b.FiredAt.Equal(seen.FiredAt)
		})
		if i < 0 {
			s.alerts = append(s.alerts, seen)
		} else {
			s.alerts[i] = seen
		}
	}
}

// put stores a sample and tells the engine, as the store does after a commit.
func (s *server) put(lset labels.Labels, start time.Time, v float64) {
	s.t.Helper()
	at, key := time.Now().UnixMilli(), lset.String()
	app := s.store.Appender(context.Background())
	if _, err := app.Append(0, lset, at, v); err != nil {
		s.t.Fatal(err)
	}
	if err := app.Commit(); err != nil {
		s.t.Fatal(err)
	}
	if _, known := s.ids[key]; !known {
		s.ids[key] = s.engine.Watch(lset)
	}
	ms := int64(0)
	if !start.IsZero() {
		ms = start.UnixMilli()
	}
	s.engine.Observe(s.ids[key], ms, at, v, nil)
}

// pod is one instance with counters of its own.
type pod struct {
	s         *server
	name      string
	started   time.Time
	good, bad float64
}

// restart begins its counters anew.
func (p *pod) restart() { p.started, p.good, p.bad = time.Now(), 0, 0 }

func (p *pod) count(n, errorRatio float64) {
	p.good += n * (1 - errorRatio)
	p.bad += n * errorRatio
	of := func(code string) labels.Labels {
		return labels.FromStrings("__name__", "http_requests_total", "job", "share", "code", code, "pod", p.name)
	}
	p.s.put(of("200"), p.started, p.good)
	p.s.put(of("500"), p.started, p.bad)
}

// TestAsTheServerDid runs a server in virtual time through restarts of what it watches,
// gaps and a restart of its own, and replays what its store holds: the alerts are the
// same.
func TestAsTheServerDid(t *testing.T) {
	o := share(func(o *rules.Objective) {
		o.Alerting.NoTrafficFor, o.Alerting.BudgetSpent = 5*time.Minute, []float64{0.5, 0.75}
		o.Period = 7 * day
	})
	s := newServer(t, o)
	var from, to time.Time
	var result replay.Result
	synctest.Test(t, func(*testing.T) {
		from = time.Now()
		s.start()
		a, b := &pod{s: s, name: "a"}, &pod{s: s, name: "b"}
		a.restart()
		b.restart()
		traffic := func(d time.Duration, rate, ratio float64, pods ...*pod) {
			for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(15 * time.Second) {
				for _, p := range pods {
					p.count(15*rate, ratio)
				}
			}
		}
		traffic(3*time.Hour, 50, 0.0002, a, b)
		traffic(20*time.Minute, 50, 0.03, a, b) // burns
		traffic(2*time.Hour, 50, 0.0002, a, b)
		b.restart() // a reset that its value hides: it counts past where it stood
		traffic(15*time.Second, 300, 0.1, b)
		traffic(time.Hour, 50, 0.0002, a, b)
		traffic(10*time.Minute, 50, 0.2, a) // one of both is silent, the other burns
		b.restart()
		traffic(time.Hour, 50, 0.0002, a, b)
		time.Sleep(8 * time.Minute) // no telemetry at all
		traffic(time.Hour, 50, 0.0002, a, b)
		s.stop() // the server restarts; nothing is lost but time
		time.Sleep(90 * time.Second)
		s.start()
		traffic(2*time.Hour, 50, 0.0002, a, b)
		traffic(15*time.Minute, 0, 0, a, b) // telemetry, but no users
		traffic(2*time.Hour, 50, 0.0002, a, b)
		c := &pod{s: s, name: "c"} // a new instance that fails from the beginning
		c.restart()
		traffic(30*time.Minute, 25, 0.3, a, c)
		traffic(2*time.Hour, 50, 0.0002, a, b)
		to = time.Now()
		s.stop()
	})
	result = run(t, replay.Plan{Objectives: []rules.Objective{o}, Source: replay.Stored{Store: s.store, Start: s.engine.Starts}, From: from, To: to})
	live := replay.Result{Alerts: s.alerts}
	slices.SortFunc(live.Alerts, func(a, b replay.Alert) int { return a.FiredAt.Compare(b.FiredAt) })
	t.Logf("live:\n%s\nreplayed:\n%s", brief(live, from), brief(result, from))
	if len(live.Alerts) < 6 || len(live.Alerts) != len(result.Alerts) {
		t.Fatalf("%d alerts live, %d replayed", len(live.Alerts), len(result.Alerts))
	}
	for i, was := range live.Alerts {
		is := result.Alerts[i]
		// Between samples the replay looks every 15 s, the server every second.
		apart := func(a, b time.Time) bool { return a.IsZero() != b.IsZero() || a.Sub(b).Abs() > 16*time.Second }
		if was.Name != is.Name || was.Severity != is.Severity || apart(was.FiredAt, is.FiredAt) || apart(was.ResolvedAt, is.ResolvedAt) {
			t.Errorf("live %s, replayed %s", fmt.Sprint(was.Name, was.Severity, was.FiredAt, was.ResolvedAt), fmt.Sprint(is.Name, is.Severity, is.FiredAt, is.ResolvedAt))
		}
	}
	st, _ := s.engine.Status(o.ID)
	if end := result.Objectives[0]; !near(end.Total, st.Total, 1e-6*st.Total) || !near(end.BudgetRemaining, st.BudgetRemaining, 1e-3) {
		t.Errorf("live %v events and %v of the budget, replayed %v and %v", st.Total, st.BudgetRemaining, end.Total, end.BudgetRemaining)
	}
}
