package rules

import (
	"context"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/common/model"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	promrules "github.com/prometheus/prometheus/rules"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestAlertSaysWhatPeopleNeed(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) {
		o.Period = 28 * testDay
		o.Alerting.Page.Annotations = map[string]string{"runbook": "https://r/{{ $labels.service }}", "summary": "Sharing is {{ $value | humanize }}x off"}
		o.Alerting.Ticket.Labels = map[string]string{"severity": "warning"}
	}))
	w.traffic(2*time.Hour, 15*time.Second, 100, 0)
	w.traffic(40*time.Minute, 15*time.Second, 100, 0.032)
	first := func(severity string) *promrules.Alert {
		return w.sent[slices.IndexFunc(w.sent, func(a *promrules.Alert) bool { return a.Labels.Get("sloth_severity") == severity })]
	}
	page, ticket := first("page"), first("ticket")
	if page.State != promrules.StateFiring || page.FiredAt.IsZero() || !page.ResolvedAt.IsZero() || !page.ValidUntil.After(w.now.Add(-40*time.Minute)) {
		t.Errorf("page: %+v", page)
	}
	want := labels.FromStrings("alertname", "ShareBroken", "owner", "growth", "service", "share", "severity", "page", "slo", "requests",
		"sloth_id", "share-requests", "sloth_service", "share", "sloth_severity", "page", "sloth_slo", "requests", "team", "growth")
	if d := cmp.Diff(want.String(), page.Labels.String()); d != "" {
		t.Error(d)
	}
	if got := ticket.Labels.Get("severity"); got != "warning" {
		t.Errorf("the spec's severity is not used: %s", ticket.Labels)
	}
	w.sent = nil
	w.traffic(61*time.Second, time.Second, 100, 0.032)
	var last *promrules.Alert
	for _, a := range w.sent {
		if a.Labels.Get("sloth_severity") == "page" {
			last = a
		}
	}
	if last == nil {
		t.Fatal("a firing alert is not sent again within a minute")
	}
	for name, want := range map[string]string{
		"promise": "Sharing a post works", "objective": "99.9% over 28d", "error_ratio": "3.2%", "burn_rate": "32x",
		"windows": "1h and 5m", "dashboard_url": "http://localhost:9911/objectives/share-requests/graph",
		"runbook": "https://r/share", "summary": "Sharing is 32x off",
	} {
		if got := last.Annotations.Get(name); got != want {
			t.Errorf("annotation %s is %q, want %q", name, got, want)
		}
	}
	if d := last.Annotations.Get("description"); !strings.Contains(d, "requests failed in the last 5m (3.2%)") ||
		!strings.Contains(d, "99.9% over 28d allows 0.1%, so the error budget burns 32 times too fast") || !strings.Contains(d, "of the budget is left; at this rate it is gone between tomorrow 19:00 and Thursday 22:00 UTC") {
		t.Errorf("description: %s", d)
	}
	if g := last.Annotations.Get("budget_gone"); g != "between tomorrow 19:00 and Thursday 22:00 UTC" {
		t.Errorf("budget_gone: %q", g)
	}
	w.sent = nil
	w.traffic(27*time.Minute, 15*time.Second, 100, 0)
	i := slices.IndexFunc(w.sent, func(a *promrules.Alert) bool { return !a.ResolvedAt.IsZero() })
	if i < 0 {
		t.Fatal("the end is not sent")
	}
	if got := w.sent[i].Annotations.Get("objective"); got == "" || w.sent[i].State != promrules.StateInactive {
		t.Errorf("resolved: %+v", w.sent[i])
	}
	w.sent = nil
	w.traffic(20*time.Minute, 15*time.Second, 100, 0)
	resolved := 0
	for _, a := range w.sent {
		if !a.ResolvedAt.IsZero() && a.Labels.Get("sloth_severity") == "page" {
			resolved++
		}
	}
	if resolved < 5 || resolved > 16 {
		t.Errorf("the end was sent %d more times, want once a minute for 15 minutes at most", resolved)
	}
}

func TestAlertStateSurvivesARestart(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Hour, 15*time.Second, 100, 0.5)
	before := w.alert(share, alertPage)
	w.stop()
	w.now = w.now.Add(30 * time.Second)
	w.start()
	w.tick()
	if after := w.alert(share, alertPage); !after.firing || after.activeAt != before.activeAt {
		t.Errorf("after the restart: %+v, want %+v", after, before)
	}
	if w.alert(share, alertLost).firing {
		t.Error("the restart looks like silence")
	}
}

func TestDisabledAlerts(t *testing.T) {
	w := newWorld(t, shareObjective(func(o *Objective) { o.Alerting.Page.Disabled = true }))
	w.traffic(time.Hour, 15*time.Second, 100, 0.5)
	for _, a := range w.sent {
		if a.Labels.Get("severity") != "ticket" {
			t.Errorf("sent %s", a.Labels)
		}
	}
	s, _ := w.engine.Status(share)
	if len(s.Alerts) != 2 || len(s.Windows) != 2 || len(w.sent) == 0 {
		t.Errorf("%d alerts, %d windows, %d sent", len(s.Alerts), len(s.Windows), len(w.sent))
	}
}

func TestStates(t *testing.T) {
	for want, run := range map[State]func(w *world){
		StateUnknown:   func(*world) {},
		StateHealthy:   func(w *world) { w.traffic(2*time.Hour, time.Minute, 10, 0) },
		StateExhausted: func(w *world) { w.traffic(testDay, time.Minute, 10, 0.05) },
		StateAtRisk:    func(w *world) { w.traffic(testDay, time.Minute, 10, 0.002) },
		StateWatch: func(w *world) {
			w.traffic(10*testDay, 10*time.Minute, 10, 0)
			w.traffic(3*time.Hour, time.Minute, 10, 0.01)
			w.traffic(2*time.Hour, time.Minute, 10, 0)
		},
	} {
		t.Run(string(want), func(t *testing.T) {
			w := newWorld(t, shareObjective(func(o *Objective) { o.Period = 30 * testDay }))
			run(w)
			w.tick()
			s, ok := w.engine.Status(share)
			if !ok || s.State != want || s.Consequence == "" {
				t.Errorf("state %s (%s), remaining %v, in %s, want %s", s.State, s.Consequence, s.BudgetRemaining, s.ExhaustedIn, want)
			}
		})
	}
}

func TestForecast(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(30*testDay, 10*time.Minute, 10, 0)
	w.traffic(2*time.Hour, time.Minute, 10, 0.1)
	s, _ := w.engine.Status(share)
	// 30 days of traffic hold 25,920 bad events; 7,200 are spent, at 3,600 an hour.
	if want := (25_920. - 7_200) / 3_600; !near(s.ExhaustedIn.Hours(), want, 0.1) {
		t.Errorf("gone in %v h, want %v", s.ExhaustedIn.Hours(), want)
	}
}

// TestRecordedSeriesBesideSloths are those that Sloth has none of.
func TestRecordedSeriesBesideSloths(t *testing.T) {
	w := newWorld(t, shareObjective())
	series := func(expr string) promql.Vector {
		t.Helper()
		if err := w.engine.record(context.Background(), w.now.UnixMilli()); err != nil {
			t.Fatal(err)
		}
		v, err := w.opts.Query(context.Background(), expr, w.now)
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
	w.traffic(time.Hour, 15*time.Second, 100, 0)
	if v := series("slo:budget_exhausted_in:seconds"); len(v) != 0 {
		t.Errorf("a budget that lasts is gone in %v", v)
	}
	if v := series("ALERTS"); len(v) != 0 {
		t.Errorf("nothing burns, and there fires %v", v)
	}
	w.traffic(time.Hour, 15*time.Second, 100, 0.2)
	if v := series("slo:current_events:rate"); len(v) != 1 || !near(v[0].F, 100, 1e-3) {
		t.Errorf("100 events a second are %v", v)
	}
	st, _ := w.engine.Status("share-requests")
	if v := series("slo:budget_exhausted_in:seconds"); len(v) != 1 || st.ExhaustedIn <= 0 || !near(v[0].F, st.ExhaustedIn.Seconds(), 1e-9) {
		t.Errorf("it is gone in %v, and the status says %s", v, st.ExhaustedIn)
	}
	v := series(`ALERTS{alertstate="firing",severity="page",sloth_id="share-requests",service="share"}`)
	if len(v) != 1 || v[0].F != 1 || v[0].Metric.Get("alertname") == "" {
		t.Errorf("the page is %v", v)
	}
}

func TestRecordedSeriesAreSloths(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Hour, 15*time.Second, 100, 0.002)
	if err := w.engine.record(context.Background(), w.now.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	get := func(name string) (labels.Labels, float64) {
		t.Helper()
		found := w.store.find(0, math.MaxInt64-1, labels.MustNewMatcher(labels.MatchEqual, model.MetricNameLabel, name))
		if len(found) != 1 {
			t.Fatalf("%d series %s", len(found), name)
		}
		return found[0].lset, found[0].samples[len(found[0].samples)-1].f
	}
	for name, want := range map[string]float64{
		"slo:sli_error:ratio_rate5m": 0.002, "slo:sli_error:ratio_rate30m": 0.002, "slo:sli_error:ratio_rate1h": 0.002,
		"slo:sli_error:ratio_rate2h": 0.002, "slo:sli_error:ratio_rate6h": 0.002, "slo:sli_error:ratio_rate1d": 0.002,
		"slo:sli_error:ratio_rate3d": 0.002, "slo:sli_error:ratio_rate30d": 0.002,
		"slo:objective:ratio": 0.999, "slo:error_budget:ratio": 0.001, "slo:time_period:days": 30,
		"slo:current_burn_rate:ratio": 2, "slo:period_burn_rate:ratio": 2. / 720, "slo:period_error_budget_remaining:ratio": 1 - 2./720,
		"sloth_slo_info": 1,
	} {
		if _, got := get(name); !near(got, want, 2e-5) {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	lset, _ := get("slo:sli_error:ratio_rate5m")
	want := labels.FromStrings(model.MetricNameLabel, "slo:sli_error:ratio_rate5m", "owner", "growth",
		"sloth_id", "share-requests", "sloth_service", "share", "sloth_slo", "requests", "sloth_window", "5m")
	if lset.String() != want.String() {
		t.Errorf("got %s, want %s", lset, want)
	}
	info, _ := get("sloth_slo_info")
	for _, name := range []string{"sloth_id", "sloth_mode", "sloth_objective", "sloth_service", "sloth_slo", "sloth_spec", "sloth_version"} {
		if info.Get(name) == "" {
			t.Errorf("%s lacks %s", info, name)
		}
	}
	if got := info.Get("sloth_objective"); got != "99.9" {
		t.Errorf("objective is %q", got)
	}
	if got := shareObjective().RecordedWindows(); !slices.Equal(got, []string{"5m", "30m", "1h", "2h", "6h", "1d", "3d", "30d"}) {
		t.Errorf("windows %v", got)
	}
}

func TestAlertsAreShownAsPrometheusRules(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Hour, 15*time.Second, 100, 0)
	w.traffic(10*time.Minute, 15*time.Second, 100, 0.5)
	groups := w.engine.RuleGroups()
	if len(groups) != 1 || groups[0].Name() != "watchtower" || len(groups[0].Rules()) != 3 {
		t.Fatalf("groups %v", groups)
	}
	for i, r := range w.engine.AlertingRules() {
		active := r.ActiveAlerts()
		want := []int{1, 1, 0}[i]
		if len(active) != want || r.Health() != promrules.HealthGood || r.LastError() != nil {
			t.Fatalf("%s: %d active, %v", r.Name(), len(active), r.LastError())
		}
		if want == 0 {
			continue
		}
		a := active[0]
		if r.State() != promrules.StateFiring || !a.ActiveAt.Equal(time.UnixMilli(w.alert(share, alertKind(i)).activeAt)) || a.Annotations.Get("summary") == "" || a.Labels.Get("service") != "share" {
			t.Errorf("%s: %+v", r.Name(), a)
		}
	}
}

func TestPolledObjectives(t *testing.T) {
	raw := shareObjective(func(o *Objective) {
		o.ID, o.MinBadEvents = "share-raw", 0
		o.SLI = SLI{ErrorRatioQuery: `sum(rate(http_requests_total{code="500"}[{{.window}}])) / sum(rate(http_requests_total[{{.window}}]))`}
	})
	grouped := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum by (job) (rate(http_requests_total{code="500"}[{{.window}}]))`
	})
	counted := shareObjective(func(o *Objective) {
		o.ID = "share-counted"
		o.SLI.ErrorQuery = `sum by (job) (increase(http_requests_total{code="500"}[{{.window}}]))`
		o.SLI.TotalQuery = `sum by (job) (increase(http_requests_total[{{.window}}]))`
	})
	w := newWorld(t, raw, grouped, counted)
	poll := func(d time.Duration, ratio float64) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(15 * time.Second)
			w.count(goodSeries, 1500*(1-ratio))
			w.count(badSeries, 1500*ratio)
			w.engine.poll(context.Background(), w.now.UnixMilli())
			w.tick()
		}
	}
	poll(time.Hour, 0.001)
	poll(20*time.Minute, 0.1)
	for _, id := range []string{"share-raw", share, "share-counted"} {
		s, _ := w.engine.Status(id)
		if s.Source != SourcePolled || !strings.HasPrefix(s.Reason, "polled: ") || !near(s.ErrorRatio, 0.1, 0.005) || s.Coverage < 0.95 {
			t.Errorf("%s: %+v", id, s)
		}
		if !w.alert(id, alertPage).firing {
			t.Errorf("%s does not page", id)
		}
		if want := 80 * 60 * 100.; id != "share-raw" && !near(s.Total, want, 0.03*want) {
			t.Errorf("%s: %v events, want about %v", id, s.Total, want)
		}
	}
	// What was polled before a restart stays, what was missed is asked for.
	s1, _ := w.engine.Status(share)
	w.stop()
	for range 20 {
		w.now = w.now.Add(15 * time.Second)
		w.count(goodSeries, 1500)
		w.count(badSeries, 0)
	}
	w.start()
	w.tick()
	s2, _ := w.engine.Status(share)
	if !near(s2.Total-s1.Total, 20*1500, 3000) {
		t.Errorf("the gap brought %v events, want about %v", s2.Total-s1.Total, 20*1500)
	}
	w.now = w.now.Add(time.Hour)
	w.engine.poll(context.Background(), w.now.UnixMilli())
	w.tick()
	if s, _ := w.engine.Status(share); !strings.Contains(s.Reason, "the last poll failed: the query has no result") {
		t.Errorf("reason: %s", s.Reason)
	}
}

func TestPolledBackfill(t *testing.T) {
	w := newWorld(t)
	lset, _ := newParser().ParseMetric(goodSeries)
	bad, _ := newParser().ParseMetric(badSeries)
	for i := range int64(3 * 24 * 60) {
		at := w.now.Add(-3*testDay).UnixMilli() + i*60_000
		w.store.put(lset, memSample{t: at, f: float64(540 * i)})
		w.store.put(bad, memSample{t: at, f: float64(60 * i)})
	}
	o := shareObjective(func(o *Objective) {
		o.SLI.ErrorQuery = `sum by (job) (rate(http_requests_total{code="500"}[{{.window}}]))`
	})
	if err := w.engine.Reload([]Objective{o}); err != nil {
		t.Fatal(err)
	}
	w.engine.restoreAll(context.Background(), nil)
	w.tick()
	s, _ := w.engine.Status(share)
	if want := 3 * 24 * 3600 * 10.; !near(s.Total, want, 0.02*want) || !near(s.PeriodErrorRatio, 0.1, 0.01) {
		t.Errorf("total %v, want about %v; ratio %v", s.Total, want, s.PeriodErrorRatio)
	}
	from := w.now.Add(-2 * testDay)
	if _, total, err := w.engine.Counts(share, from, from.Add(testDay)); err != nil || !near(total, 864_000, 30_000) {
		t.Errorf("a day of the past: %v, %v", total, err)
	}
}

func TestRunFromStartToEnd(t *testing.T) {
	dir := t.TempDir()
	synctest.Test(t, func(t *testing.T) {
		store, fine := newMemStore(), newMemStore()
		reg := prometheus.NewRegistry()
		var sent []string
		opts := EngineOptions{
			Objectives: []Objective{shareObjective()}, Store: store, Ledger: fine, Registerer: reg,
			SnapshotPath: filepath.Join(dir, "snapshot"),
			Query:        func(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil },
			Send: func(_ context.Context, _ string, alerts ...*promrules.Alert) {
				for _, a := range alerts {
					sent = append(sent, a.Labels.Get("alertname")+" "+a.Labels.Get("severity")+" "+a.State.String())
				}
			},
		}
		e, err := NewEngine(opts)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- e.Run(ctx) }()
		<-e.Ready()
		good, _ := newParser().ParseMetric(goodSeries)
		bad, _ := newParser().ParseMetric(badSeries)
		goodID, badID := e.Watch(good), e.Watch(bad)
		if e.Watch(labels.FromStrings(model.MetricNameLabel, "up")) != 0 || goodID == 0 || e.Watch(good) != goodID {
			t.Error("the wrong series are wanted")
		}
		for i := range 7200 {
			time.Sleep(time.Second) // virtual
			n := float64(i) * 100
			failing := 0.0
			if i > 3600 {
				failing = float64(i-3600) * 10
			}
			now := time.Now().UnixMilli()
			store.put(good, memSample{t: now, f: n})
			store.put(bad, memSample{t: now, f: failing})
			e.Observe(goodID, 0, now, n, nil)
			e.Observe(badID, 0, now, failing, nil)
			synctest.Wait()
		}
		if !slices.Contains(sent, "ShareBroken page firing") || !slices.Contains(sent, "ShareBroken ticket firing") {
			t.Errorf("sent %v", sent)
		}
		s, _ := e.Status(share)
		if s.UpdatedAt.Before(time.Now().Add(-2 * time.Second)) {
			t.Errorf("updated at %s", s.UpdatedAt)
		}
		_, total, err := e.Counts(share, time.Now().Add(-time.Hour), time.Now())
		if err != nil || !near(total, 3600*110, 800) {
			t.Errorf("counts of an hour: %v, %v", total, err)
		}
		if err := e.Reload([]Objective{shareObjective(), shareObjective(func(o *Objective) { o.ID = "other"; o.SLI.TotalQuery = `sum(rate(up[{{.window}}]))` })}); err != nil {
			t.Error(err)
		}
		time.Sleep(2 * time.Second) // virtual
		if s, ok := e.Status("other"); !ok || strings.Contains(s.Reason, "restored") {
			t.Errorf("the new objective: %+v", s)
		}
		if n := testutil.ToFloat64(e.metrics.slices); n < 80 {
			t.Errorf("%v slices were written, want those of 90 minutes", n)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
		snap, err := readSnapshot(opts.SnapshotPath)
		if err != nil || snap == nil || !snap.clean || len(snap.parts) != 2 {
			t.Errorf("snapshot %+v, %v", snap, err)
		}
		if faults, err := testutil.GatherAndLint(reg); err != nil || len(faults) > 0 {
			t.Errorf("metrics: %v %v", faults, err)
		}
	})
}

func TestNewEngineRefuses(t *testing.T) {
	if _, err := NewEngine(EngineOptions{}); err == nil {
		t.Error("no store was accepted")
	}
	w := newWorld(t)
	w.opts.Objectives = []Objective{shareObjective(func(o *Objective) { o.SLI.ErrorQuery = "sum(" })}
	if _, err := NewEngine(w.opts); err == nil || !strings.Contains(err.Error(), `objective "share-requests": error_query`) {
		t.Errorf("got %v", err)
	}
	if _, ok := w.engine.Explain("none"); ok {
		t.Error("an unknown objective is explained")
	}
	if _, ok := w.engine.Status("none"); ok {
		t.Error("an unknown objective has a status")
	}
	if _, _, err := w.engine.Counts("none", w.now, w.now); err == nil {
		t.Error("an unknown objective has counts")
	}
}

func TestConfig(t *testing.T) {
	if err := DefaultConfig().Validate(); err != nil {
		t.Error(err)
	}
	err := Config{Objectives: []string{"", "a["}, Prometheus: []string{"["}}.Validate()
	if err == nil || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("got %v", err)
	}
}

func TestWords(t *testing.T) {
	for got, want := range map[string]string{
		percent(0.032): "3.2%", percent(0.999): "99.9%", percent(0.9995): "99.95%", percent(0.41): "41%", percent(1.204): "120%",
		percent(0): "0%", percent(0.00001): "0.001%", percent(-0.5): "-50%", percent(0.0012): "0.12%",
		number(14.4): "14.4", number(1020.4): "1020", number(0.00321): "0.00321", number(6): "6",
		span(200 * time.Minute): "3h 20m", span(45 * time.Second): "45s", span(90 * time.Second): "1m 30s", span(73 * time.Hour): "3d 1h",
		days(28 * testDay): "28d", days(36 * time.Hour): "1d12h", span(time.Hour): "1h",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}
