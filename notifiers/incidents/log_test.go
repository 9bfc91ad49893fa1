package incidents

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchtower-hub/watchtower/internal/store"
)

// noon is when the tests begin.
func noon() time.Time { return time.Date(2026, 11, 2, 12, 0, 0, 0, time.UTC) }

// world is a log over a database and a clock that the test moves.
type world struct {
	*Log

	t    testing.TB
	path string
	db   *sql.DB
	now  time.Time
	reg  *prometheus.Registry
	cost map[string]Impact
}

func newWorld(tb testing.TB) *world {
	tb.Helper()
	w := &world{t: tb, path: filepath.Join(tb.TempDir(), "state.db"), now: noon(), cost: map[string]Impact{}}
	w.open()
	tb.Cleanup(func() { _ = w.db.Close() })
	return w
}

// open opens the log as a start of the program does; what was there before is as kill
// -9 leaves it.
func (w *world) open() {
	w.t.Helper()
	if w.db != nil {
		_ = w.db.Close()
	}
	var err error
	if w.db, err = store.OpenState(w.path); err != nil {
		w.t.Fatal(err)
	}
	w.reg = prometheus.NewRegistry()
	w.Log, err = Open(w.t.Context(), Options{
		DB: w.db, Registerer: w.reg, Now: func() time.Time { return w.now },
		Measure: func(objective string, from, to time.Time) (Impact, error) {
			i, ok := w.cost[objective]
			if !ok {
				return i, errors.New("not known")
			}
			i.Total = int64(to.Sub(from).Seconds())
			return i, nil
		},
	})
	if err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) at(after time.Duration) *world {
	w.now = noon().Add(after)
	return w
}

// alert is one of a service, as a flush has it.
func alert(name string, starts time.Duration) Alert {
	return Alert{
		Fingerprint: "fp-" + name, StartsAt: noon().Add(starts),
		Labels:      map[string]string{"alertname": name, "service": "share", "severity": "page", "team": "social"},
		Annotations: map[string]string{"summary": name + " is broken"},
		Objective:   "share-" + strings.ToLower(name), Playbook: "api",
	}
}

func (a Alert) until(after time.Duration) Alert {
	a.EndsAt = noon().Add(after)
	return a
}

func (a Alert) muted() Alert {
	a.Muted = true
	return a
}

func (w *world) observe(alerts ...Alert) {
	w.t.Helper()
	if err := w.Observe(w.t.Context(), Group{Key: "g", Receiver: "oncall", At: w.now, Alerts: alerts}); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) tell(e Event) {
	w.t.Helper()
	if e.At.IsZero() {
		e.At = w.now
	}
	if err := w.Tell(w.t.Context(), "g", e); err != nil {
		w.t.Fatal(err)
	}
}

// timeline writes the events of the newest incident, minutes and seconds after noon.
func (w *world) timeline() []string {
	w.t.Helper()
	list := w.List(Filter{})
	if len(list) == 0 {
		return nil
	}
	in, ok := w.Get(list[0].ID)
	if !ok {
		w.t.Fatalf("the incident %s is listed and not found", list[0].ID)
	}
	var out []string
	for _, e := range in.Events {
		d := e.At.Sub(noon())
		out = append(out, strings.TrimSpace(fmt.Sprintf("%02d:%02d %s %s", int(d.Minutes()), int(d.Seconds())%60, e.Kind, e.Text)))
	}
	return out
}

func (w *world) want(want ...string) {
	w.t.Helper()
	if diff := cmp.Diff(want, w.timeline()); diff != "" {
		w.t.Errorf("timeline (-want +got):\n%s", diff)
	}
}

func TestLifeOfAnIncident(t *testing.T) {
	w := newWorld(t)
	w.cost["share-slow"] = Impact{Bad: 12, Spent: 0.25}
	w.at(time.Second).observe(alert("Slow", 0))
	w.at(10 * time.Second).observe(alert("Slow", 0))
	w.at(20*time.Second).observe(alert("Slow", 0), alert("Down", 15*time.Second))
	w.at(time.Minute).tell(Event{ID: "click-1", Kind: Acknowledged, By: "Ada", ByID: "U1"})
	w.tell(Event{ID: "click-1", Kind: Acknowledged, By: "Ada", ByID: "U1"})
	in, ok := w.OpenGroup("g")
	if !ok || in.State != StateAcknowledged || in.Owner != "Ada" || in.OwnerID != "U1" || in.Firing != 2 {
		t.Fatalf("after the acknowledgment: %+v, %t", in, ok)
	}
	if told, ok := w.Told(in.ID); !ok || cmp.Diff(in, told) != "" {
		t.Errorf("told %t (-by group +by ID)\n%s", ok, cmp.Diff(in, told))
	}
	if _, ok := w.Told("none"); ok {
		t.Error("an incident is known that never was")
	}
	w.at(2 * time.Minute).tell(Event{Kind: AckTimedOut})
	if in, _ := w.OpenGroup("g"); in.State != StateTriggered || in.Owner != "" || !in.AcknowledgedAt.Equal(noon().Add(time.Minute)) {
		t.Errorf("after the acknowledgment timed out: %+v", in)
	}
	w.at(3 * time.Minute).tell(Event{ID: "1", Kind: TakenOver, By: "Bob", ByID: "U2"})
	w.tell(Event{ID: "2", Kind: RoleTaken, By: "Bob", Data: map[string]string{DataRole: "commander"}})
	w.at(4*time.Minute).observe(alert("Slow", 0).until(230*time.Second), alert("Down", 15*time.Second))
	w.at(5 * time.Minute).observe(alert("Down", 15*time.Second).until(290 * time.Second))
	if _, ok := w.OpenGroup("g"); ok {
		t.Error("it is still open")
	}
	w.want(
		"00:00 opened", "00:00 fired Slow is broken", "00:15 fired Down is broken", "01:00 acknowledged", "02:00 ack_timed_out",
		"03:00 taken_over", "03:00 role", "03:50 ended", "04:50 ended", "04:50 resolved",
	)
	got, ok := w.Get("#1")
	if !ok {
		t.Fatal("there is no number 1")
	}
	want := Incident{
		ID: got.ID, Number: 1, GroupKey: "g", Receiver: "oncall", Title: "Slow is broken", Service: "share", Team: "social", Severity: "page",
		Labels:     map[string]string{"service": "share", "severity": "page", "team": "social"},
		Objectives: []string{"share-down", "share-slow"}, Playbook: "api",
		Impact: []Impact{{Objective: "share-slow", Bad: 12, Total: 290, Spent: 0.25}},
		State:  StateResolved, Owner: "Bob", OwnerID: "U2", Roles: map[string]string{"commander": "Bob"},
		OpenedAt: noon(), AcknowledgedAt: noon().Add(time.Minute), ResolvedAt: noon().Add(290 * time.Second), Alerts: 2, Events: got.Events,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("incident (-want +got):\n%s", diff)
	}

	// A restart changes nothing, and figures do not depend on the ledger any more.
	delete(w.cost, "share-slow")
	w.open()
	if again, _ := w.Get(got.ID); !cmp.Equal(got, again) {
		t.Errorf("after a restart (-before +after):\n%s", cmp.Diff(got, again))
	}
	w.at(6 * time.Minute).observe(alert("Slow", 350*time.Second))
	if in, ok := w.OpenGroup("g"); !ok || in.Number != 2 || in.ID == got.ID {
		t.Errorf("it fires again: %+v, %t; want another incident", in, ok)
	}
}

func TestNoteAfterTheEnd(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0))
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	w.at(2 * time.Hour).observe(alert("Slow", 2*time.Hour))
	w.at(30 * 24 * time.Hour).observe(alert("Slow", 2*time.Hour).until(3 * time.Hour))
	w.at(60 * 24 * time.Hour).forget()
	for note, at := range map[string]time.Duration{"first": 20 * time.Second, "between": time.Hour, "second": 2*time.Hour + time.Minute} {
		if err := w.TellAt(t.Context(), "g", noon().Add(at), Event{Kind: Noted, Text: note, At: w.now}); err != nil {
			t.Fatal(err)
		}
	}
	notes := map[int64][]string{}
	for _, in := range w.List(Filter{}) {
		whole, _ := w.Get(in.ID)
		for _, e := range whole.Events {
			if e.Kind == Noted {
				notes[in.Number] = append(notes[in.Number], e.Text)
			}
		}
		slices.Sort(notes[in.Number])
	}
	if diff := cmp.Diff(map[int64][]string{1: {"between", "first"}, 2: {"second"}}, notes); diff != "" {
		t.Errorf("notes by incident (-want +got):\n%s", diff)
	}
	if err := w.TellAt(t.Context(), "g", noon().Add(-time.Hour), Event{Kind: Noted}); !errors.Is(err, ErrNone) {
		t.Errorf("before all of them: %v", err)
	}
}

func TestMutedAlertsOpenNothing(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0).muted())
	w.want()
	if err := w.Tell(t.Context(), "g", Event{Kind: Noted}); !errors.Is(err, ErrNone) {
		t.Errorf("a note about nothing: %v", err)
	}
	w.at(time.Minute).observe(alert("Slow", 0).muted(), alert("Down", 50*time.Second))
	w.want("00:00 opened", "00:00 fired Slow is broken", "00:50 fired Down is broken")
	// Silenced later, it goes on until it ends.
	w.at(2*time.Minute).observe(alert("Slow", 0).muted(), alert("Down", 50*time.Second).muted())
	if _, ok := w.OpenGroup("g"); !ok {
		t.Error("a silence has ended it")
	}
	w.at(3*time.Minute).observe(alert("Slow", 0).muted().until(170*time.Second), alert("Down", 50*time.Second).muted().until(160*time.Second))
	if in := w.List(Filter{})[0]; !in.ResolvedAt.Equal(noon().Add(170 * time.Second)) {
		t.Errorf("resolved at %v", in.ResolvedAt)
	}
}

func TestFiresOnAfterItsEnd(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0))
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	// Its sender fell silent; when it speaks again the alert has its old beginning.
	w.at(3 * time.Minute).observe(alert("Slow", 0))
	if in, ok := w.OpenGroup("g"); !ok || in.Number != 2 || !in.OpenedAt.Equal(noon().Add(50*time.Second)) || in.Firing != 1 {
		t.Errorf("it fires on: %+v, %t", in, ok)
	}
	w.at(4*time.Minute).observe(alert("Slow", 0), alert("Down", 200*time.Second))
	w.at(5*time.Minute).observe(alert("Slow", 0).until(290*time.Second), alert("Down", 200*time.Second))
	w.at(6*time.Minute).observe(alert("Slow", 0), alert("Down", 200*time.Second))
	if in, _ := w.OpenGroup("g"); in.Firing != 2 {
		t.Errorf("an alert of an open incident fires again from its old beginning: %d fire", in.Firing)
	}
	w.at(7*time.Minute).observe(alert("Slow", 0).until(400*time.Second), alert("Down", 200*time.Second))
	if in, _ := w.OpenGroup("g"); in.Firing != 1 {
		t.Errorf("it ended again: %d fire", in.Firing)
	}
}

func TestFiresOnLongAfterItsEnd(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0))
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	w.at(30 * 24 * time.Hour)
	w.forget()
	w.observe(alert("Slow", 0))
	if in, ok := w.OpenGroup("g"); !ok || in.Number != 2 || in.Firing != 1 {
		t.Errorf("an alert that fires on after a month: %+v, %t", in, ok)
	}
}

func TestReconcile(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0), alert("Down", 0))
	w.at(5 * time.Minute).open()
	reconcile := func(known bool, firing ...Group) {
		t.Helper()
		if err := w.Reconcile(t.Context(), firing, func(string) bool { return known }); err != nil {
			t.Fatal(err)
		}
	}
	reconcile(false, Group{Key: "g", Alerts: []Alert{alert("Slow", 0), alert("Down", 0)}})
	if in, _ := w.OpenGroup("g"); in.Firing != 2 {
		t.Errorf("all fire: %d", in.Firing)
	}
	reconcile(false, Group{Key: "g", Alerts: []Alert{alert("Down", 0)}})
	if in, _ := w.OpenGroup("g"); in.Firing != 1 {
		t.Errorf("one has ended meanwhile: %d fire", in.Firing)
	}
	reconcile(true)
	if _, ok := w.OpenGroup("g"); !ok {
		t.Error("resolved before its end was observed")
	}
	w.at(6 * time.Minute)
	reconcile(false)
	w.want("00:00 opened", "00:00 fired Slow is broken", "00:00 fired Down is broken", "05:00 ended", "06:00 ended", "06:00 resolved")
}

func TestDeliveries(t *testing.T) {
	w := newWorld(t)
	deliver := func(after time.Duration, err error) {
		t.Helper()
		w.at(after)
		if err := w.Delivered(t.Context(), Delivery{GroupKey: "g", Receiver: "oncall", Integration: "slack[0]", At: w.now, Err: err}); err != nil {
			t.Fatal(err)
		}
	}
	deliver(0, nil)
	w.want()
	w.at(time.Second).observe(alert("Slow", 0))
	down := errors.New("it is down")
	deliver(2*time.Second, down)
	deliver(3*time.Second, down)
	deliver(4*time.Second, nil)
	deliver(5*time.Second, nil)
	w.open()
	deliver(6*time.Second, nil)
	deliver(7*time.Second, down)
	w.want(
		"00:00 opened", "00:00 fired Slow is broken", "00:02 not_notified oncall (slack[0]): it is down",
		"00:04 notified oncall (slack[0])", "00:07 not_notified oncall (slack[0]): it is down",
	)
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	deliver(time.Hour, nil)
	if n := len(w.timeline()); n != 7 {
		t.Errorf("%d events; the last delivery was long after the end", n)
	}
}

func TestDeploysNearAnIncident(t *testing.T) {
	w := newWorld(t)
	annotate := func(after time.Duration, text, service string) Annotation {
		t.Helper()
		a, err := w.Annotate(t.Context(), Annotation{At: noon().Add(after), Text: text, Service: service, Tags: []string{"deploy"}, Link: "https://ci/1"})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	annotate(-61*time.Minute, "long ago", "share")
	first := annotate(-59*time.Minute, "share 2.4", "share")
	if again := annotate(-59*time.Minute, "share 2.4", "share"); again.ID != first.ID {
		t.Errorf("the same annotation has two IDs")
	}
	annotate(-time.Minute, "another", "feed")
	w.at(time.Second).observe(alert("Slow", 0))
	w.open()
	annotate(time.Minute, "rolled back", "")
	w.at(10 * time.Minute).observe(alert("Slow", 0).until(5 * time.Minute))
	annotate(6*time.Minute, "after it", "share")
	w.want("-59:00 deploy share 2.4", "00:00 opened", "00:00 fired Slow is broken", "01:00 deploy rolled back", "05:00 ended", "05:00 resolved")

	list, err := w.Annotations(t.Context(), AnnotationFilter{Service: "feed", Tag: "deploy", From: noon().Add(-2 * time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
	var texts []string
	for _, a := range list {
		texts = append(texts, a.Text)
	}
	if diff := cmp.Diff([]string{"another", "rolled back"}, texts); diff != "" {
		t.Errorf("annotations of feed (-want +got):\n%s", diff)
	}
	if _, err := w.Annotate(t.Context(), Annotation{Text: " "}); err == nil {
		t.Error("an annotation without text is taken")
	}
}

func TestListAndOldIncidents(t *testing.T) {
	w := newWorld(t)
	for n, service := range []string{"share", "feed", "share"} {
		at := time.Duration(n) * 24 * time.Hour
		a := alert("Slow", at)
		a.Labels["service"] = service
		w.at(at + time.Second).observe(a)
		if n < 2 {
			w.at(at + time.Minute).observe(a.until(at + 50*time.Second))
		}
	}
	numbers := func(f Filter) (out []int64) {
		for _, in := range w.List(f) {
			out = append(out, in.Number)
		}
		return out
	}
	check := func(when string) {
		t.Helper()
		for _, test := range []struct {
			f    Filter
			want []int64
		}{
			{Filter{}, []int64{3, 2, 1}},
			{Filter{Limit: 2}, []int64{3, 2}},
			{Filter{Open: true}, []int64{3}},
			{Filter{Service: "share"}, []int64{3, 1}},
			{Filter{Team: "nobody"}, nil},
			{Filter{Severity: "page", Since: noon().Add(20 * time.Hour), Until: noon().Add(40 * time.Hour)}, []int64{2}},
			{Filter{Since: noon().Add(49 * time.Hour)}, []int64{3}},
		} {
			if diff := cmp.Diff(test.want, numbers(test.f)); diff != "" {
				t.Errorf("%s, %+v (-want +got):\n%s", when, test.f, diff)
			}
		}
	}
	check("at once")
	w.at(30 * 24 * time.Hour)
	w.forget()
	if n := len(w.records); n != 1 {
		t.Errorf("%d incidents in memory after a month, want the open one", n)
	}
	check("a month later")
	w.open()
	check("after a restart")
	in, ok := w.Get("1")
	if !ok || len(in.Events) != 4 || in.Service != "share" {
		t.Errorf("an old one: %+v, %t", in, ok)
	}
	if err := w.Add(t.Context(), Event{Incident: in.ID, Kind: Noted, Text: "late"}); err != nil {
		t.Fatal(err)
	}
	w.open()
	if in, _ := w.Get(in.ID); len(in.Events) != 5 {
		t.Errorf("a note on an old one is lost: %d events", len(in.Events))
	}
	for _, id := range []string{"", "0", "99", "#", "nonsense"} {
		if in, ok := w.Get(id); ok {
			t.Errorf("Get(%q) = %+v", id, in)
		}
	}

	if err := w.disk.prune(t.Context(), noon().Add(12*time.Hour)); err != nil {
		t.Fatal(err)
	}
	w.open()
	if diff := cmp.Diff([]int64{3, 2}, numbers(Filter{})); diff != "" {
		t.Errorf("after pruning (-want +got):\n%s", diff)
	}
	if in, ok := w.Get("2"); !ok || len(in.Events) != 4 {
		t.Errorf("what is kept lost events: %+v", in)
	}
}

func TestNothingToldIsLostWhenTheDiskFails(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0))
	if _, err := w.db.ExecContext(t.Context(), `CREATE TRIGGER full BEFORE INSERT ON incident_events BEGIN SELECT RAISE(ABORT, 'the disk is full'); END`); err != nil {
		t.Fatal(err)
	}
	err := w.Tell(t.Context(), "g", Event{Kind: Noted, Text: "one"})
	if err == nil || !strings.Contains(err.Error(), "the disk is full") || !strings.Contains(err.Error(), "tried again") {
		t.Errorf("a full disk: %v", err)
	}
	if got := testutil.ToFloat64(w.metrics.disk); got != 1 {
		t.Errorf("%v disk errors counted", got)
	}
	if _, err := w.db.ExecContext(t.Context(), `DROP TRIGGER full`); err != nil {
		t.Fatal(err)
	}
	w.tell(Event{Kind: Noted, Text: "two"})
	w.open()
	if got := w.timeline(); !slices.Contains(got, "00:01 note one") || !slices.Contains(got, "00:01 note two") {
		t.Errorf("after a restart: %v", got)
	}
}

func TestChanged(t *testing.T) {
	w := newWorld(t)
	before := w.Changed()
	w.observe(alert("Slow", 0).muted())
	select {
	case <-before:
		t.Error("told of a change where there was none")
	default:
	}
	w.observe(alert("Slow", 0))
	select {
	case <-before:
	default:
		t.Error("not told of a change")
	}
}

func TestMetrics(t *testing.T) {
	w := newWorld(t)
	w.Expect("page", "social", "share")
	w.Expect("page", "money", "pay") // has none, and says so
	w.observe(alert("Slow", 0))
	w.at(30 * time.Second).tell(Event{Kind: Acknowledged, By: "Ada"})
	want := func(open, opened, acked, over int) {
		t.Helper()
		err := testutil.GatherAndCompare(w.reg, strings.NewReader(fmt.Sprintf(`
# HELP watchtower_incidents_open Incidents that are not resolved.
# TYPE watchtower_incidents_open gauge
watchtower_incidents_open %d
# HELP watchtower_incidents_total Incidents that were opened, by severity, team and service.
# TYPE watchtower_incidents_total counter
watchtower_incidents_total{service="pay",severity="page",team="money"} 0
watchtower_incidents_total{service="share",severity="page",team="social"} %d
`, open, opened)), "watchtower_incidents_open", "watchtower_incidents_total")
		if err != nil {
			t.Error(err)
		}
		for name, n := range map[string]int{"watchtower_incident_acknowledge_seconds": acked, "watchtower_incident_resolve_seconds": over} {
			if got := observed(t, w.reg, name); got != n {
				t.Errorf("%s: %d observations, want %d", name, got, n)
			}
		}
	}
	want(1, 1, 1, 0)
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	want(0, 1, 1, 1)
	for range 2 { // the same, told twice
		if _, err := w.Annotate(t.Context(), Annotation{At: noon(), Text: "Release", Service: "share"}); err != nil {
			t.Fatal(err)
		}
	}
	for _, service := range []string{"made up", "and another"} {
		if _, err := w.Annotate(t.Context(), Annotation{At: noon(), Text: "Release", Service: service}); err != nil {
			t.Fatal(err)
		}
	}
	for service, n := range map[string]float64{"share": 1, "pay": 0, "other": 2} {
		if got := testutil.ToFloat64(w.metrics.annotations.WithLabelValues(service)); got != n {
			t.Errorf("%v changes of %s counted, want %v", got, service, n)
		}
	}
}

// observed counts what a histogram has seen.
func observed(t *testing.T, reg *prometheus.Registry, name string) int {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range families {
		for _, m := range f.GetMetric() {
			if f.GetName() == name {
				n += int(m.GetHistogram().GetSampleCount())
			}
		}
	}
	return n
}

func TestOpenRefusesANewerDatabase(t *testing.T) {
	w := newWorld(t)
	if _, err := w.db.ExecContext(t.Context(), `INSERT INTO incident_schema (version) VALUES (99)`); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), Options{DB: w.db}); err == nil || !strings.Contains(err.Error(), "use the newer program") {
		t.Errorf("error %v", err)
	}
	if _, err := Open(context.Background(), Options{}); err == nil {
		t.Error("no database: no error")
	}
}
