package incidents

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// scripted are all events of an incident that two peers opened, in order.
func scripted() []Event {
	at := func(s int) time.Time { return noon().Add(time.Duration(s) * time.Second) }
	opened := func(id string, s int, number string) Event {
		return Event{ID: "open-" + id + number, Incident: id, At: at(s), Kind: Opened, Data: map[string]string{DataNumber: number, DataGroupKey: "g", DataReceiver: "oncall"}}
	}
	alert := func(kind Kind, incident, name string, s int, start, severity string) Event {
		return Event{ID: string(kind) + incident + name + start, Incident: incident, At: at(s), Kind: kind, Text: name + " is broken", Data: map[string]string{
			DataFingerprint: name, DataStartsAt: start, DataLabel + "severity": severity, DataLabel + "alertname": name, DataLabel + "service": "share",
		}}
	}
	return []Event{
		opened("a", 0, "7"),
		alert(Fired, "a", "Slow", 0, "0.0", "ticket"),
		opened("b", 1, "7"),
		alert(Fired, "b", "Slow", 1, "0.9", "ticket"),
		alert(Fired, "a", "Down", 5, "5.0", "page"),
		{ID: "ack", Incident: "a", At: at(30), Kind: Acknowledged, By: "Ada", ByID: "U1"},
		{ID: "step", Incident: "b", At: at(40), Kind: StepDone, By: "Ada", Text: "Roll back"},
		{ID: "out", Incident: "a", At: at(50), Kind: AckTimedOut},
		{ID: "take", Incident: "b", At: at(60), Kind: TakenOver, By: "Bob", ByID: "U2"},
		{ID: "role", Incident: "a", At: at(61), Kind: RoleTaken, By: "Bob", Data: map[string]string{DataRole: "communications", DataName: "Eve"}},
		alert(Ended, "a", "Slow", 70, "0.0", "ticket"),
		alert(Ended, "b", "Slow", 71, "0.9", "ticket"),
		alert(Ended, "a", "Down", 80, "5.0", "page"),
		{ID: "over-a", Incident: "a", At: at(80), Kind: Resolved, Data: map[string]string{DataImpact + "x": `{"bad":3,"total":9,"spent":0.5}`}},
		{ID: "over-b", Incident: "b", At: at(81), Kind: Resolved},
		{ID: "note", Incident: "a", At: at(90), Kind: Noted, By: "Ada", Text: "It was the cache"},
	}
}

func TestFoldIsAFunctionOfTheSet(t *testing.T) {
	events := scripted()
	want := Fold(events)
	var kinds []Kind
	for _, e := range want.Events {
		kinds = append(kinds, e.Kind)
	}
	// What the second peer saw of the same things is told once.
	if diff := cmp.Diff([]Kind{Opened, Fired, Fired, Acknowledged, StepDone, AckTimedOut, TakenOver, RoleTaken, Ended, Ended, Resolved, Noted}, kinds); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	for i := range want.Events {
		if want.Events[i].Kind == Ended && want.Events[i].Data[DataFingerprint] == "Slow" && want.Events[i].ID != "endedbSlow0.9" {
			t.Errorf("an alert ended when the first peer thought so: %+v", want.Events[i])
		}
	}
	head := want
	head.Events = nil
	if diff := cmp.Diff(Incident{
		ID: "a", Number: 7, GroupKey: "g", Receiver: "oncall", Title: "Slow is broken", Service: "share", Severity: "page",
		Labels: map[string]string{"service": "share"}, State: StateResolved, Owner: "Bob", OwnerID: "U2",
		Roles: map[string]string{"communications": "Eve"}, Impact: []Impact{{Objective: "x", Bad: 3, Total: 9, Spent: 0.5}},
		OpenedAt: noon(), AcknowledgedAt: noon().Add(30 * time.Second), ResolvedAt: noon().Add(80 * time.Second), Alerts: 2,
	}, head); diff != "" {
		t.Errorf("incident (-want +got):\n%s", diff)
	}
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		again := append(slices.Clone(events), events[r.IntN(len(events))], events[r.IntN(len(events))])
		r.Shuffle(len(again), func(i, j int) { again[i], again[j] = again[j], again[i] })
		if diff := cmp.Diff(want, Fold(again)); diff != "" {
			t.Fatalf("seed %d (-in order +shuffled):\n%s", seed, diff)
		}
	}
}

func TestFoldOfEveryMoment(t *testing.T) {
	events := scripted()
	for _, test := range []struct {
		known  int
		state  State
		owner  string
		firing int
	}{
		{0, StateTriggered, "", 0},
		{2, StateTriggered, "", 1},
		{5, StateTriggered, "", 2},
		{6, StateAcknowledged, "Ada", 2},
		{8, StateTriggered, "", 2},
		{9, StateAcknowledged, "Bob", 2},
		{11, StateAcknowledged, "Bob", 2}, // The second peer still sees it.
		{12, StateAcknowledged, "Bob", 1},
		{16, StateResolved, "Bob", 0},
	} {
		got := Fold(events[:test.known])
		if got.State != test.state || got.Owner != test.owner || got.Firing != test.firing {
			t.Errorf("after %d events: %s, %q, %d fire; want %+v", test.known, got.State, got.Owner, got.Firing, test)
		}
	}
}

// TestTimes walks through a day: three incidents of one service, one of another.
func TestTimes(t *testing.T) {
	w := newWorld(t)
	play := func(group, service string, opened, acked, over time.Duration) {
		t.Helper()
		a := alert("Slow", opened)
		a.Labels["service"] = service
		observe := func(a Alert) {
			t.Helper()
			if err := w.Observe(t.Context(), Group{Key: group, At: w.now, Alerts: []Alert{a}}); err != nil {
				t.Fatal(err)
			}
		}
		w.at(opened + 30*time.Second)
		observe(a)
		if acked > 0 {
			w.at(acked)
			for _, by := range []string{"Ada", "Bob"} { // The first counts.
				if err := w.Tell(t.Context(), group, Event{At: w.now, Kind: Acknowledged, By: by}); err != nil {
					t.Fatal(err)
				}
				w.now = w.now.Add(time.Minute)
			}
		}
		if over > 0 {
			w.at(over + 10*time.Second)
			observe(a.until(over))
		}
	}
	play("a", "share", 0, 2*time.Minute, 10*time.Minute)
	play("a", "share", time.Hour, time.Hour+4*time.Minute, time.Hour+30*time.Minute)
	play("b", "share", 2*time.Hour, 0, 2*time.Hour+5*time.Minute)
	play("c", "feed", 3*time.Hour, 3*time.Hour+time.Minute, 0)
	for _, test := range []Times{
		{Service: "share", Incidents: 3, Acknowledged: 2, Resolved: 3, MTTA: 3 * time.Minute, MTTR: 15 * time.Minute},
		{Service: "feed", Incidents: 1, Acknowledged: 1, MTTA: time.Minute},
		{Incidents: 4, Acknowledged: 3, Resolved: 3, MTTA: 7 * time.Minute / 3, MTTR: 15 * time.Minute},
		{Service: "nothing"},
	} {
		if diff := cmp.Diff(test, TimesOf(w.List(Filter{}), test.Service)); diff != "" {
			t.Errorf("times of %q (-want +got):\n%s", test.Service, diff)
		}
	}
}

func BenchmarkFold(b *testing.B) {
	events := scripted()
	for n := range 200 {
		events = append(events, Event{ID: "note" + stamp(noon().Add(time.Duration(n))), Incident: "a", At: noon().Add(time.Duration(n) * time.Second), Kind: Noted})
	}
	for b.Loop() {
		Fold(events)
	}
}
