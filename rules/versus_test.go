package rules_test

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	promrules "github.com/prometheus/prometheus/rules"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/export"
)

const day = 24 * time.Hour

// versus is an engine and a Prometheus beside it: the same samples, and the exported
// rules of the same objectives.
type versus struct {
	tb     testing.TB
	db     *tsdb.DB
	engine *rules.Engine
	groups []*promrules.Group
	clock  atomic.Int64
	series []*counted
}

// counted is one counter.
type counted struct {
	lset labels.Labels
	id   uint64
	ref  storage.SeriesRef
	v    float64
}

// apart reads from one store and writes to another, so that the engine's recorded
// series do not meet those of the rules.
type apart struct {
	storage.Queryable
	storage.Appendable
}

func openTSDB(tb testing.TB) *tsdb.DB {
	tb.Helper()
	o := tsdb.DefaultOptions()
	o.RetentionDuration = (400 * day).Milliseconds()
	o.OutOfOrderTimeWindow = (400 * day).Milliseconds()
	db, err := tsdb.Open(tb.TempDir(), nil, nil, o, nil)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { _ = db.Close() })
	return db
}

func newVersus(tb testing.TB, start time.Time, objectives []rules.Objective, every time.Duration) *versus {
	tb.Helper()
	v := &versus{tb: tb, db: openTSDB(tb)}
	v.clock.Store(start.UnixMilli())
	pq := promql.NewEngine(promql.EngineOpts{MaxSamples: 50e6, Timeout: time.Minute, LookbackDelta: 5 * time.Minute})
	tb.Cleanup(func() { _ = pq.Close() })
	query := promrules.EngineQueryFunc(pq, v.db)
	v.load(objectives, every, query)
	var err error
	// Its own ticks are not wanted: the test evaluates.
	v.engine, err = rules.NewEngine(rules.EngineOptions{
		Objectives: objectives, Interval: 1000 * time.Hour, Query: query, Ledger: openTSDB(tb),
		Store: apart{v.db, openTSDB(tb)}, Now: func() time.Time { return time.UnixMilli(v.clock.Load()) },
	})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- v.engine.Run(ctx) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			tb.Error(err)
		}
	})
	<-v.engine.Ready()
	return v
}

// load exports the objectives and lets Prometheus read the files.
func (v *versus) load(objectives []rules.Objective, every time.Duration, query promrules.QueryFunc) {
	v.tb.Helper()
	files, _, err := export.Build(objectives, export.Options{ScrapeInterval: every})
	if err != nil {
		v.tb.Fatal(err)
	}
	m := promrules.NewManager(&promrules.ManagerOptions{
		Context: context.Background(), QueryFunc: query, Appendable: v.db, Queryable: v.db, Logger: slog.New(slog.DiscardHandler),
		NotifyFunc: func(context.Context, string, ...*promrules.Alert) {}, Parser: parser.NewParser(parser.Options{}),
	})
	dir := v.tb.TempDir()
	for _, f := range files {
		name := filepath.Join(dir, f.Name)
		if err := os.WriteFile(name, f.Content, 0o600); err != nil {
			v.tb.Fatal(err)
		}
		list, faults := m.LoadGroups(time.Minute, labels.EmptyLabels(), "", nil, false, name)
		if len(faults) > 0 {
			v.tb.Fatal(faults)
		}
		for _, kind := range []string{"burn", "budget", "series"} {
			g := list[promrules.GroupKey(name, "watchtower: "+kind+" of "+f.Objective)]
			if g == nil {
				v.tb.Fatalf("%s has no group of %s", f.Name, kind)
			}
			for _, r := range g.AlertingRules() {
				r.SetRestored(true) // There is no state of an earlier run to wait for.
			}
			v.groups = append(v.groups, g)
		}
	}
}

// series makes a counter known to both.
func (v *versus) add(lset labels.Labels) *counted {
	c := &counted{lset: lset, id: v.engine.Watch(lset), v: 1000}
	v.series = append(v.series, c)
	return c
}

func (v *versus) now() time.Time { return time.UnixMilli(v.clock.Load()) }

// report stores what the counters say now, and lets the engine see it.
func (v *versus) report() {
	v.store()
	v.observe()
}

func (v *versus) store() {
	app, at := v.db.Appender(context.Background()), v.clock.Load()
	for _, c := range v.series {
		ref, err := app.Append(c.ref, c.lset, at, c.v)
		if err != nil {
			v.tb.Fatal(err)
		}
		c.ref = ref
	}
	if err := app.Commit(); err != nil {
		v.tb.Fatal(err)
	}
}

func (v *versus) observe() {
	at := v.clock.Load()
	for _, c := range v.series {
		v.engine.Observe(c.id, 0, at, c.v, nil)
	}
}

// prometheus is one evaluation of all rules.
func (v *versus) prometheus() {
	for _, g := range v.groups {
		g.Eval(context.Background(), v.now())
	}
}

// checkRules demands that every rule could be evaluated.
func (v *versus) checkRules() {
	v.tb.Helper()
	for _, g := range v.groups {
		for _, r := range g.Rules() {
			if err := r.LastError(); err != nil {
				v.tb.Fatalf("%s: %v", r.Name(), err)
			}
		}
	}
}

// ruleFires and engineFires tell whether an alert fires by the rules and by the engine.
func (v *versus) ruleFires(id, name, severity string) bool {
	for _, g := range v.groups {
		for _, r := range g.AlertingRules() {
			if r.Name() != name || r.Labels().Get("severity") != severity || r.Labels().Get("sloth_id") != id {
				continue
			}
			for _, a := range r.ActiveAlerts() {
				if a.State == promrules.StateFiring {
					return true
				}
			}
		}
	}
	return false
}

func (v *versus) engineFires(id, name, severity string) bool {
	s, _ := v.engine.Status(id)
	for _, a := range s.Alerts {
		if a.Name == name && string(a.Severity) == severity && a.State == rules.AlertFiring {
			return true
		}
	}
	return false
}

func requests(id string, target float64) rules.Objective {
	return rules.Objective{
		ID: id, Service: id, SLO: "requests", Promise: "It works", Target: target, Period: 30 * day, MinBadEvents: 3,
		SLI: rules.SLI{
			ErrorQuery: fmt.Sprintf(`sum(rate(http_requests_total{job=%q,code=~"5.."}[{{.window}}]))`, id),
			TotalQuery: fmt.Sprintf(`sum(rate(http_requests_total{job=%q}[{{.window}}]))`, id),
		},
		Alerting: rules.Alerting{Name: "Broken"},
	}
}

// weather is what happens for a while: a multiple of the usual traffic, the burn rate
// of its errors, or no telemetry at all.
type weather struct {
	lasts       time.Duration
	times, burn float64
	silent      bool
}

// TestExportedRulesFireWithTheEngine runs the exported rules in Prometheus beside the
// engine, over weather of all kinds. An alert must begin by both at the same minute,
// give or take an evaluation and a step, and so it must end. The evaluation that counts
// is that of the period, every two minutes: while little history is covered, the volume
// expected changes from one to the next.
func TestExportedRulesFireWithTheEngine(t *testing.T) {
	const tolerance = 3 * time.Minute
	calm := weather{lasts: 2 * time.Hour, times: 1, burn: 0.5}
	list := map[string][]weather{
		"fast":     {calm, {10 * time.Minute, 1, 100, false}, {90 * time.Minute, 1, 0.2, false}},
		"slow":     {calm, {3 * time.Hour, 1, 4.5, false}, {30 * time.Minute, 1, 0.2, false}},
		"campaign": {calm, calm, {40 * time.Minute, 50, 5, false}, {time.Hour, 1, 0.2, false}},
		"blind":    {calm, {10 * time.Minute, 1, 100, false}, {time.Hour, 0, 0, true}, {20 * time.Minute, 1, 0.2, false}},
		"quiet":    {calm, {time.Hour, 20, 0.9, false}, {time.Hour, 0.1, 0.9, false}},
	}
	r := rand.New(rand.NewPCG(4, 2))
	for i := range 2 {
		w := []weather{calm}
		for range 3 {
			// Far from every limit: close to one, a sample more or less decides.
			burns := []float64{0.3, 4.3, 9, 50, 300}
			w = append(w, weather{time.Duration(10+r.IntN(50)) * time.Minute, []float64{0.3, 1, 1, 8}[r.IntN(4)], burns[r.IntN(len(burns))], r.IntN(9) == 0})
		}
		list[fmt.Sprintf("random%d", i)] = w
	}
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var objectives []rules.Objective
	for id := range list {
		objectives = append(objectives, requests(id, 0.999))
	}
	v := newVersus(t, start, objectives, 15*time.Second)
	type pair struct{ good, bad *counted }
	counters := map[string]pair{}
	for id := range list {
		one := func(code string) *counted {
			return v.add(labels.FromStrings("__name__", "http_requests_total", "job", id, "code", code))
		}
		counters[id] = pair{one("200"), one("500")}
	}
	changes := [2]map[string][]time.Duration{{}, {}}
	state := [2]map[string]bool{{}, {}}
	all := v.series
	for passed := 15 * time.Second; passed <= 5*time.Hour; passed += 15 * time.Second {
		v.clock.Store(start.Add(passed).UnixMilli())
		v.series = all[:0:0]
		for id, ws := range list {
			w, c := at(ws, passed), counters[id]
			if w.silent {
				continue
			}
			n := 1500 * w.times
			bad := math.Round(n * w.burn * 0.001)
			c.good.v += n - bad
			c.bad.v += bad
			v.series = append(v.series, c.good, c.bad)
		}
		v.report()
		v.engine.Evaluate(t.Context())
		for i, g := range v.groups {
			// The series for dashboards, the third group of each, decide nothing.
			if i%3 < 2 && passed%g.Interval() == 0 {
				g.Eval(t.Context(), v.now())
			}
		}
		for id := range list {
			for _, a := range [][2]string{{"Broken", "page"}, {"Broken", "ticket"}, {"TelemetryLost", "page"}} {
				key := id + " " + a[0] + " " + a[1]
				for side, fires := range []bool{v.engineFires(id, a[0], a[1]), v.ruleFires(id, a[0], a[1])} {
					if fires != state[side][key] {
						state[side][key] = fires
						changes[side][key] = append(changes[side][key], passed)
					}
				}
			}
		}
	}
	v.checkRules()
	begun := 0
	for id := range list {
		for _, a := range []string{" Broken page", " Broken ticket", " TelemetryLost page"} {
			e, p := changes[0][id+a], changes[1][id+a]
			begun += len(e)
			same := len(e) == len(p)
			for i := range min(len(e), len(p)) {
				same = same && (e[i]-p[i]).Abs() <= tolerance
			}
			if !same {
				t.Errorf("%s%s begins and ends by the engine at %v, by the rules at %v; weather %v", id, a, e, p, list[id])
			}
		}
	}
	if begun < 12 {
		t.Errorf("only %d alerts began or ended, so this proves little", begun)
	}
}

// at returns the weather after some time; the last lasts for ever.
func at(ws []weather, passed time.Duration) weather {
	for _, w := range ws {
		if passed -= w.lasts; passed <= 0 {
			return w
		}
	}
	return ws[len(ws)-1]
}

// cpu is the processor time this process has used.
func cpu() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkVersusPromQL compares what it costs to judge 100 objectives once: by the
// exported rules in Prometheus, on a TSDB with 1,000 series of samples every 30 s and
// 30 days of the rules' own step series, and by the engine on the same samples.
// The ratio is of processor time. As the engine judges every second and counts every
// sample, a minute of both is compared as well: 60 evaluations and the samples of the
// minute, against the rules at the intervals of their groups.
func BenchmarkVersusPromQL(b *testing.B) {
	const objectives, pods, every = 100, 5, 30 * time.Second
	start := time.Date(2026, 11, 2, 9, 0, 0, 0, time.UTC)
	var list []rules.Objective
	for i := range objectives {
		list = append(list, requests(fmt.Sprintf("service%d", i), 0.999))
	}
	v := newVersus(b, start, list, every)
	v.remember(list, 30*day)
	for _, o := range list {
		for pod := range pods {
			for _, code := range []string{"200", "500"} {
				v.add(labels.FromStrings("__name__", "http_requests_total", "job", o.ID, "code", code, "pod", fmt.Sprint(pod)))
			}
		}
	}
	tick := func(d time.Duration) {
		v.clock.Add(d.Milliseconds())
		for _, c := range v.series {
			c.v += d.Seconds() * 10
		}
	}
	for range 6 {
		tick(every)
		v.report()
	}
	v.prometheus()
	v.checkRules()
	var byRules, byRulesMinute, byEngine, byEngineMinute time.Duration
	for b.Loop() {
		spent := time.Duration(0)
		for second := range 60 {
			tick(time.Second)
			if second%30 == 29 {
				v.store()
				began := cpu()
				v.observe()
				spent += cpu() - began
			}
			began := cpu()
			v.engine.Evaluate(b.Context())
			one := cpu() - began
			spent += one
			byEngine += one / 60
		}
		byEngineMinute += spent
		for _, g := range v.groups {
			began := cpu()
			g.Eval(b.Context(), v.now())
			one := cpu() - began
			byRules += one
			byRulesMinute += time.Duration(float64(one) * float64(time.Minute) / float64(g.Interval()))
		}
	}
	v.checkRules()
	n := float64(b.N)
	b.ReportMetric(float64(byRules)/n, "promql-ns/evaluation")
	b.ReportMetric(float64(byEngine)/n, "engine-ns/evaluation")
	b.ReportMetric(float64(byRules)/float64(byEngine), "x/evaluation")
	b.ReportMetric(float64(byRulesMinute)/float64(byEngineMinute), "x/minute")
}

// remember writes the steps that the rules would have recorded by now.
func (v *versus) remember(list []rules.Objective, length time.Duration) {
	v.tb.Helper()
	type step struct {
		lset labels.Labels
		ref  storage.SeriesRef
	}
	var steps []*step
	for _, o := range list {
		for _, name := range []string{"slo:sli_total:increase1m", "slo:sli_bad:increase1m"} {
			steps = append(steps, &step{lset: labels.FromStrings("__name__", name, "sloth_id", o.ID, "sloth_service", o.Service, "sloth_slo", o.SLO)})
		}
	}
	for at := v.now().Add(-length); at.Before(v.now()); at = at.Add(time.Minute) {
		app := v.db.Appender(context.Background())
		for i, s := range steps {
			ref, err := app.Append(s.ref, s.lset, at.UnixMilli(), float64(1000-999*(i%2)))
			if err != nil {
				v.tb.Fatal(err)
			}
			s.ref = ref
		}
		if err := app.Commit(); err != nil {
			v.tb.Fatal(err)
		}
	}
}
