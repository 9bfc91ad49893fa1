package rules

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
)

// byRoute is the share objective split by route.
func byRoute(edit ...func(*Objective)) Objective {
	return shareObjective(append([]func(*Objective){func(o *Objective) { o.GroupBy = []string{"route"} }}, edit...)...)
}

// routed is a series of the share service on a route; no route when "".
func routed(route, code string) string {
	if route == "" {
		return fmt.Sprintf(`http_requests_total{job="share", code=%q}`, code)
	}
	return fmt.Sprintf(`http_requests_total{job="share", code=%q, route=%q}`, code, route)
}

// members lists the IDs of the objectives that belong to another.
func (w *world) members() string {
	var ids []string
	for _, s := range w.engine.Statuses() {
		if s.Objective.Parent != "" {
			ids = append(ids, s.Objective.ID)
		}
	}
	return strings.Join(ids, " ")
}

// settleMembers restores members that were just made, as Run does beside its loops.
func (w *world) settleMembers() { w.engine.restoreAll(context.Background(), nil) }

func (w *world) wantMember(id string, bad, total float64) {
	w.t.Helper()
	if w.engine.track(id) == nil {
		w.t.Fatalf("there is no %s among %s", id, w.members())
	}
	if b, n := w.totals(id); !near(b, bad, 1e-6) || !near(n, total, 1e-6) {
		w.t.Errorf("%s counted %v of %v, want %v of %v", id, b, n, bad, total)
	}
}

func TestMemberOfAnObjective(t *testing.T) {
	whole, err := byRoute(func(o *Objective) {
		o.GroupBy = []string{"route", "method"}
		o.SLI.ErrorQuery = `sum by (route, method) (rate(http_requests_total{job="share",code=~"5.."}[{{.window}}])) or vector(0)`
	}).whole()
	if err != nil {
		t.Fatal(err)
	}
	m, err := whole.member([]string{"/api/posts", ""})
	if err != nil {
		t.Fatal(err)
	}
	for what, pair := range map[string][2]string{
		"id":      {m.ID, "share-requests:~api~posts:none"},
		"parent":  {m.Parent, "share-requests"},
		"promise": {m.Promise, "Sharing a post works (route /api/posts, method none)"},
		"error":   {m.SLI.ErrorQuery, `sum(rate(http_requests_total{code=~"5..",job="share",method="",route="/api/posts"}[{{.window}}])) or vector(0)`},
		"total":   {m.SLI.TotalQuery, `sum(rate(http_requests_total{job="share",method="",route="/api/posts"}[{{.window}}]))`},
		"labels":  {fmt.Sprint(m.Labels), "map[method:none owner:growth route:/api/posts]"},
		"group":   {fmt.Sprint(m.Group), "map[method: route:/api/posts]"},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s is %q, want %q", what, pair[0], pair[1])
		}
	}
}

func TestMemberIDs(t *testing.T) {
	seen := map[string]string{}
	values := []string{"", "none", "/", "//", "~", "a/b", "a~b", "a=b", "a:b", "a b", "a%2Fb", ".", "..", "Köln", "\xff", "=7E", strings.Repeat("x", 200), strings.Repeat("x", 201)}
	for _, v := range values {
		id := memberID("o", []string{v})
		if other, twice := seen[id]; twice {
			t.Errorf("%q and %q are both %s", v, other, id)
		}
		seen[id] = v
		if strings.ContainsAny(id, "/?#% ") || len(id) > 2*longValues {
			t.Errorf("%q becomes %q", v, id)
		}
	}
	if memberID("o", []string{"a", "b"}) == memberID("o", []string{"a:b"}) {
		t.Error("two values look like one")
	}
}

func TestGroupByFaults(t *testing.T) {
	for want, edit := range map[string]func(*Objective){
		`"le" belongs to a histogram`:       func(o *Objective) { o.GroupBy = []string{"le"} },
		`"__name__" cannot be grouped by`:   func(o *Objective) { o.GroupBy = []string{"__name__"} },
		`"route" is given twice`:            func(o *Objective) { o.GroupBy = []string{"route", "route"} },
		`max_groups: 20000 is out of range`: func(o *Objective) { o.MaxGroups = 20_000 },
		`an error ratio cannot be split`:    func(o *Objective) { o.SLI = SLI{ErrorRatioQuery: "sum(rate(x[{{.window}}]))"} },
		`counted as samples arrive`: func(o *Objective) {
			o.SLI.TotalQuery = `sum(max_over_time(x[{{.window}}]))`
		},
		`sum by or without`: func(o *Objective) {
			o.SLI.TotalQuery = `sum by (pod) (rate(http_requests_total{job="share"}[{{.window}}]))`
		},
	} {
		_, err := NewEngine(EngineOptions{Objectives: []Objective{byRoute(edit)}, Store: newMemStore(), Ledger: newMemStore(), Query: noQuery})
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), share) {
			t.Errorf("want an error about %q: %v", want, err)
		}
	}
}

// TestGroupsAddUpToTheWhole counts random traffic with resets by route and compares
// each member with its own sum and all of them with the whole, over restarts of all
// kinds.
func TestGroupsAddUpToTheWhole(t *testing.T) {
	w := newWorld(t, byRoute())
	rnd := rand.New(rand.NewPCG(7, 7))
	want := map[string][2]float64{}
	routes := []string{"/a", "/b", "", "/c"}
	for i := range 800 {
		w.now = w.now.Add(10 * time.Second)
		for k, route := range routes {
			if i < 200*k { // One route after the other comes.
				continue
			}
			sum := want[route]
			for _, code := range []string{"200", "500"} {
				name, n := routed(route, code), float64(rnd.IntN(20))
				_, known := w.values[name]
				if known && rnd.IntN(100) == 0 {
					w.values[name] = 0
				}
				w.count(name, n)
				if !known {
					continue // a baseline
				}
				if code == "500" {
					sum[0] += n
				}
				sum[1] += n
			}
			want[route] = sum
		}
		w.settleMembers()
		w.tick()
		switch i {
		case 250:
			w.restart(0)
		case 450:
			w.restart(1)
		case 650:
			w.restart(2)
		}
	}
	var bad, total float64
	for route, sum := range want {
		w.wantMember(memberID(share, []string{route}), sum[0], sum[1])
		bad, total = bad+sum[0], total+sum[1]
	}
	w.wantMember(share, bad, total)
	if got := len(w.engine.Statuses()); got != 5 {
		t.Errorf("%d objectives, want the whole and four routes: %s", got, w.members())
	}
}

func TestMemberAlertsAlone(t *testing.T) {
	w := newWorld(t, byRoute())
	run := func(d time.Duration, badRatio float64) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(10 * time.Second)
			w.count(routed("/big", "200"), 10_000)
			w.count(routed("/big", "500"), 0)
			w.count(routed("/small", "200"), 10*(1-badRatio))
			w.count(routed("/small", "500"), 10*badRatio)
			w.settleMembers()
			w.tick()
		}
	}
	run(2*time.Hour, 0)
	run(10*time.Minute, 0.5)
	if w.alert(share, alertPage).firing || w.alert(share+":~big", alertPage).firing {
		t.Error("the whole or the healthy route pages")
	}
	if !w.alert(share+":~small", alertPage).firing {
		t.Error("the broken route does not page")
	}
	last := w.sent[len(w.sent)-1]
	if got := last.Labels.Get("route"); got != "/small" {
		t.Errorf("the page is about the route %q", got)
	}
	if got := last.Annotations.Get("summary"); !strings.Contains(got, "(route /small)") {
		t.Errorf("the page says %q", got)
	}
}

// TestIdleGroupIsNotBlind: the series of a route are gone while others report.
func TestIdleGroupIsNotBlind(t *testing.T) {
	w := newWorld(t, byRoute())
	run := func(d time.Duration, small bool) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(10 * time.Second)
			w.count(routed("/big", "200"), 100)
			if small {
				w.count(routed("/small", "500"), 10)
			}
			w.settleMembers()
			w.tick()
		}
	}
	run(time.Hour, true)
	small := share + ":~small"
	if !w.alert(small, alertPage).firing {
		t.Fatal("the broken route does not page")
	}
	run(7*time.Hour, false)
	st, _ := w.engine.Status(small)
	if !st.BlindSince.IsZero() || w.alert(small, alertPage).firing {
		t.Errorf("a route without traffic is blind since %v, or pages still: %+v", st.BlindSince, st.Alerts)
	}
	for _, a := range w.sent {
		if a.Labels.Get("alertname") == lostName {
			t.Errorf("%s although others report", a.Labels)
		}
	}
	// With all series silent, the member is blind as its whole is.
	w.silence(10*time.Minute, 10*time.Second)
	if st, _ = w.engine.Status(small); st.BlindSince.IsZero() {
		t.Error("the route is not blind although nothing arrives")
	}
	if !w.alert(share, alertLost).firing {
		t.Error("the whole does not say that its telemetry is lost")
	}
}

func TestTooManyGroups(t *testing.T) {
	other := shareObjective(func(o *Objective) {
		o.ID, o.SLO = "other", "other"
		o.SLI.TotalQuery = strings.ReplaceAll(o.SLI.TotalQuery, "share", "other")
		o.SLI.ErrorQuery = strings.ReplaceAll(o.SLI.ErrorQuery, "share", "other")
	})
	w := newWorld(t, byRoute(func(o *Objective) { o.GroupBy, o.MaxGroups = []string{"method", "user"}, 10 }), other)
	w.now = w.now.Add(10 * time.Second)
	for round := range 2 {
		for i := range 1000 {
			w.count(fmt.Sprintf(`http_requests_total{job="share", method="%d", user="u%d"}`, i%3, i), 1)
		}
		w.count(`http_requests_total{job="other"}`, float64(round))
		w.settleMembers()
		w.now = w.now.Add(10 * time.Second)
		w.tick()
	}
	w.wantTotals(0, 1000)
	w.wantMember("other", 0, 1)
	if n := len(strings.Fields(w.members())); n != 10 {
		t.Errorf("%d groups, want 10", n)
	}
	st, _ := w.engine.Status(share)
	for _, part := range []string{"max_groups allows (10)", "990 further ones", "the label user has 1000 values", "raise max_groups"} {
		if !strings.Contains(st.Reason, part) {
			t.Errorf("the reason does not say %q: %s", part, st.Reason)
		}
	}
	if st, _ := w.engine.Status("other"); strings.Contains(st.Reason, "max_groups") {
		t.Errorf("the other objective is blamed: %s", st.Reason)
	}
}

func TestReloadOfGroups(t *testing.T) {
	w := newWorld(t, byRoute())
	traffic := func() {
		for range 60 {
			w.now = w.now.Add(10 * time.Second)
			for _, route := range []string{"/a", "/b"} {
				w.count(routed(route, "200"), 9)
				w.count(routed(route, "500"), 1)
			}
			w.settleMembers()
			w.tick()
		}
	}
	traffic()
	a, b := share+":~a", share+":~b"
	w.wantMember(a, 59, 590)
	reload := func(o ...Objective) {
		t.Helper()
		w.opts.Objectives = o
		if err := w.engine.Reload(o); err != nil {
			t.Fatal(err)
		}
		w.settleMembers()
		w.tick()
	}
	// Target, labels and alerting reach the members, whose counts stay.
	was := w.engine.track(a)
	reload(byRoute(func(o *Objective) {
		o.Target, o.Labels = 0.99, map[string]string{"tier": "1"}
		o.Alerting.Page.Disabled = true
	}))
	w.wantMember(a, 59, 590)
	st, _ := w.engine.Status(a)
	if st.Objective.Target != 0.99 || st.Objective.Labels["tier"] != "1" || st.Objective.Labels["route"] != "/a" || !st.Objective.Alerting.Page.Disabled {
		t.Errorf("the reload did not reach the member: %+v", st.Objective)
	}
	if w.engine.track(a) != was {
		t.Error("the member was made anew")
	}
	// Other events from now on: the members keep their past, as their whole does.
	reload(byRoute(func(o *Objective) { o.SLI.ErrorQuery = strings.ReplaceAll(o.SLI.ErrorQuery, "5..", "2..") }))
	if w.engine.track(a) == was {
		t.Error("the member counts the old events")
	}
	traffic()
	w.wantMember(a, 59+540, 590+600)
	w.wantMember(b, 59+540, 590+600)
	w.wantMember(share, 2*(59+540), 2*(590+600))
	// Fewer groups: the busiest stays.
	w.now = w.now.Add(10 * time.Second)
	w.count(routed("/b", "200"), 50)
	reload(byRoute(func(o *Objective) {
		o.SLI.ErrorQuery, o.MaxGroups = strings.ReplaceAll(o.SLI.ErrorQuery, "5..", "2.."), 1
	}))
	if w.members() != b {
		t.Errorf("members are %s, want %s", w.members(), b)
	}
	// Another label, then none.
	reload(byRoute(func(o *Objective) { o.GroupBy = []string{"code"} }))
	if got, want := w.members(), share+":200 "+share+":500"; got != want {
		t.Errorf("members are %s, want %s", got, want)
	}
	traffic()
	reload(shareObjective())
	if w.members() != "" {
		t.Errorf("members are left: %s", w.members())
	}
	traffic()
	reload()
	if got := w.engine.Statuses(); len(got) != 0 {
		t.Errorf("%d objectives are left", len(got))
	}
}

// TestGroupsAreForgotten: with neither series nor events in the period a member goes,
// and its place is free.
func TestGroupsAreForgotten(t *testing.T) {
	w := newWorld(t, byRoute(func(o *Objective) { o.Period, o.MaxGroups = 2*testDay, 1 }))
	run := func(d time.Duration, route string) {
		for end := w.now.Add(d); w.now.Before(end); {
			w.now = w.now.Add(5 * time.Minute)
			w.count(routed(route, "200"), 10)
			w.settleMembers()
			w.tick()
		}
		w.engine.forgetIdle(w.now.UnixMilli())
	}
	run(time.Hour, "/old")
	run(testDay+2*time.Hour, "/new")
	if w.members() != share+":~old" {
		t.Errorf("members are %s, want the old one while its period lasts", w.members())
	}
	w.restart(2)
	if w.members() != share+":~old" {
		t.Errorf("after a restart members are %s", w.members())
	}
	run(2*testDay, "/new")
	if w.members() != share+":~new" {
		t.Errorf("members are %s, want the new one only", w.members())
	}
	w.settleMembers()
	if _, n := w.totals(share + ":~new"); n < 1000 {
		t.Errorf("the new one counted %v, want what it had before it was a member", n)
	}
}

func TestRecordedSeriesOfGroups(t *testing.T) {
	w := newWorld(t, byRoute())
	for range 10 {
		w.now = w.now.Add(10 * time.Second)
		w.count(routed("/a", "200"), 5)
		w.settleMembers()
		w.tick()
	}
	if err := w.engine.record(context.Background(), w.now.UnixMilli()); err != nil {
		t.Fatal(err)
	}
	v, err := w.opts.Query(context.Background(), `slo:objective:ratio{watchtower_parent="share-requests",route="/a",sloth_id="share-requests:~a"}`, w.now)
	if err != nil || len(v) != 1 {
		t.Errorf("the member's series: %v (%v)", v, err)
	}
	if v, err = w.opts.Query(context.Background(), `slo:objective:ratio{watchtower_parent=""}`, w.now); err != nil || len(v) != 1 {
		t.Errorf("the series of the whole: %v (%v)", v, err)
	}
}

// noQuery answers nothing.
func noQuery(context.Context, string, time.Time) (promql.Vector, error) { return nil, nil }

// TestGroupsWhileAllRuns lets groups come while the engine runs, is reloaded and asked.
func TestGroupsWhileAllRuns(t *testing.T) {
	const groups, kept = 150, 100
	store := newMemStore()
	target := func(v float64) []Objective { return []Objective{byRoute(func(o *Objective) { o.Target = v })} }
	e, err := NewEngine(EngineOptions{
		Objectives: target(0.99), Store: store, Ledger: newMemStore(), Query: noQuery, Interval: time.Millisecond,
		SnapshotPath: filepath.Join(t.TempDir(), "snapshot"),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	var run, work sync.WaitGroup
	run.Go(func() {
		if err := e.Run(ctx); err != nil {
			t.Error(err)
		}
	})
	<-e.Ready()
	work.Go(func() {
		for i := range groups {
			lset := labels.FromStrings(model.MetricNameLabel, "http_requests_total", "job", "share", "code", "200", "route", fmt.Sprint(i))
			id := e.Watch(lset)
			for k := range 3 {
				at := time.Now().Add(time.Duration(k-3) * time.Second).UnixMilli()
				store.put(lset, memSample{t: at, f: float64(k)})
				e.Observe(id, 0, at, float64(k), nil)
			}
		}
	})
	work.Go(func() {
		for i := range 20 {
			if err := e.Reload(target(0.9 + float64(i)/1000)); err != nil {
				t.Error(err)
			}
			e.forgetIdle(time.Now().UnixMilli())
		}
	})
	work.Go(func() {
		for range 100 {
			for _, s := range e.Statuses() {
				_, _ = e.Explain(s.Objective.ID)
			}
			_ = e.Restoring().String()
		}
	})
	work.Wait()
	for slices.ContainsFunc(e.Statuses(), func(s Status) bool { return s.Restoring != nil }) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	run.Wait()
	all := e.Statuses()
	if len(all) != kept+1 {
		t.Errorf("%d objectives, want the whole and %d groups", len(all), kept)
	}
	for _, s := range all {
		if s.Objective.Target != 0.919 {
			t.Fatalf("%s has the target %v", s.Objective.ID, s.Objective.Target)
		}
		want := 2.0
		if s.Objective.Parent == "" {
			want = 2 * groups
		}
		tr := e.track(s.Objective.ID)
		tr.mu.Lock()
		if got := tr.ledger.Total().Total; got != want {
			t.Errorf("%s counted %v, want %v", s.Objective.ID, got, want)
		}
		tr.mu.Unlock()
	}
}

// TestHalfReadIsNotRestored stops the engine while it restores: what was not read
// waits for the next start.
func TestHalfReadIsNotRestored(t *testing.T) {
	e, err := NewEngine(EngineOptions{Objectives: []Objective{shareObjective()}, Store: newMemStore(), Ledger: newMemStore(), Query: noQuery})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.restoreWaiting(ctx, nil)
	if s := e.Statuses()[0]; s.Restoring == nil {
		t.Error("an objective whose history was not read is called restored")
	}
	e.restoreWaiting(t.Context(), nil)
	if s := e.Statuses()[0]; s.Restoring != nil {
		t.Error("the next start does not restore it")
	}
}
