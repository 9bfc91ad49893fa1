package incidents

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
)

// channel hands what one log tells to others at once, unless it is cut.
type channel struct {
	mu  sync.Mutex
	cut bool
	to  []*world
}

// Broadcast implements cluster.ClusterChannel.
func (c *channel) Broadcast(b []byte) {
	c.mu.Lock()
	cut, to := c.cut, c.to
	c.mu.Unlock()
	if cut {
		return
	}
	for _, w := range to {
		if err := w.State().Merge(b); err != nil {
			w.t.Error(err)
		}
	}
}

func (c *channel) setCut(cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = cut
}

// pair are two logs that tell each other while seeing is true.
func pair(t *testing.T) (a, b *world, seeing func(bool)) {
	t.Helper()
	a, b = newWorld(t), newWorld(t)
	toB, toA := &channel{to: []*world{b}}, &channel{to: []*world{a}}
	a.Share(toB)
	b.Share(toA)
	return a, b, func(yes bool) {
		toB.setCut(!yes)
		toA.setCut(!yes)
	}
}

// settle takes in what was told on both sides, as Run does.
func settle(t *testing.T, all ...*world) {
	t.Helper()
	for range 3 {
		for _, w := range all {
			w.takeTold()
			if err := w.commit(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// meet exchanges whole states, as peers do now and then.
func meet(t *testing.T, a, b *world) {
	t.Helper()
	for _, w := range [][2]*world{{a, b}, {b, a}} {
		state, err := w[0].State().MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		if err := w[1].State().Merge(state); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, a, b)
}

// all are the incidents with their events.
func (w *world) all() (out []Incident) {
	for _, in := range w.List(Filter{}) {
		whole, _ := w.Get(in.ID)
		out = append(out, whole)
	}
	return out
}

func wantSame(t *testing.T, a, b *world) {
	t.Helper()
	if diff := cmp.Diff(a.all(), b.all()); diff != "" {
		t.Fatalf("the logs differ (-one +other):\n%s", diff)
	}
}

func TestPeersHoldTheSameLog(t *testing.T) {
	a, b, seeing := pair(t)
	a.at(time.Second).observe(alert("Slow", 0))
	settle(t, a, b)
	// The second instance saw the same alert begin a moment later.
	b.at(2 * time.Second).observe(alert("Slow", 700*time.Millisecond))
	b.at(time.Minute).tell(Event{Kind: Acknowledged, By: "Ada"})
	settle(t, a, b)
	wantSame(t, a, b)
	if in := a.all(); len(in) != 1 || in[0].Owner != "Ada" || in[0].Number != 1 {
		t.Fatalf("the click at the second instance: %+v", in)
	}

	// While they do not see each other, each goes on by itself.
	seeing(false)
	a.at(2 * time.Minute).tell(Event{Kind: Noted, Text: "here"})
	b.at(2 * time.Minute).tell(Event{Kind: Noted, Text: "there"})
	if _, err := b.Annotate(t.Context(), Annotation{At: noon().Add(90 * time.Second), Text: "Release"}); err != nil {
		t.Fatal(err)
	}
	a.at(3 * time.Minute).observe(alert("Slow", 0).until(170 * time.Second))
	seeing(true)
	meet(t, a, b)
	wantSame(t, a, b)
	b.open()
	wantSame(t, a, b)
	if in := a.all(); len(in) != 1 || in[0].State != StateResolved || len(in[0].Events) != 8 {
		t.Errorf("after they met: %+v", in)
	}
}

func TestPeersOpenTogether(t *testing.T) {
	a, b, seeing := pair(t)
	seeing(false)
	group := func(w *world, key string, starts time.Duration) {
		t.Helper()
		if err := w.Observe(t.Context(), Group{Key: key, Receiver: "oncall", At: w.now, Alerts: []Alert{alert("Slow", starts)}}); err != nil {
			t.Fatal(err)
		}
	}
	a.at(5 * time.Second)
	b.at(5 * time.Second)
	// In different order, and at different moments.
	group(a, "g", time.Second)
	group(a, "h", 2*time.Second)
	group(b, "h", 1500*time.Millisecond)
	group(b, "g", 1100*time.Millisecond)
	group(b, "only here", 3*time.Second)
	before, _ := b.OpenGroup("g")
	seeing(true)
	meet(t, a, b)
	wantSame(t, a, b)
	numbers := map[string]int64{}
	for _, in := range a.all() {
		numbers[in.GroupKey] = in.Number
	}
	if diff := cmp.Diff(map[string]int64{"g": 1, "h": 2, "only here": 3}, numbers); diff != "" {
		t.Errorf("numbers (-want +got):\n%s", diff)
	}
	// Links to the ID that the second one used for a while still lead there.
	for _, w := range []*world{a, b} {
		if in, ok := w.Get(before.ID); !ok || in.GroupKey != "g" || in.ID == before.ID {
			t.Errorf("by its other ID: %+v, %t", in, ok)
		}
	}
	b.open()
	if in, ok := b.Get(before.ID); !ok || in.GroupKey != "g" {
		t.Errorf("by its other ID after a restart: %+v, %t", in, ok)
	}
	wantSame(t, a, b)
}

func TestPeersSeeTheEndAtDifferentMoments(t *testing.T) {
	a, b, _ := pair(t)
	a.at(time.Second).observe(alert("Slow", 0))
	settle(t, a, b)
	b.at(time.Second).observe(alert("Slow", 0))
	a.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	b.at(time.Minute)
	settle(t, a, b)
	b.observe(alert("Slow", 0))
	if in, ok := b.OpenGroup("g"); ok {
		t.Errorf("it has ended, and the other instance opened %+v", in)
	}
	b.at(4 * time.Minute).observe(alert("Slow", 0))
	if in, ok := b.OpenGroup("g"); !ok || in.Number != 2 {
		t.Errorf("it fires on for minutes: %+v, %t", in, ok)
	}
}

func TestWhatFiresAtAPeerIsLeftToIt(t *testing.T) {
	a, b, _ := pair(t)
	a.at(time.Second).observe(alert("Slow", 0)) // Its sender does not know the second instance.
	settle(t, a, b)
	reconcile := func(w *world, firing ...Group) {
		t.Helper()
		if err := w.Reconcile(t.Context(), firing, func(string) bool { return false }); err != nil {
			t.Fatal(err)
		}
	}
	slow := Group{Key: "g", Alerts: []Alert{alert("Slow", 0)}}
	for minute := range 10 {
		a.at(time.Duration(minute) * time.Minute)
		b.at(time.Duration(minute) * time.Minute)
		meet(t, a, b)
		reconcile(a, slow)
		reconcile(b)
		if _, ok := b.OpenGroup("g"); !ok {
			t.Fatalf("resolved after %d minutes by the instance that does not see it", minute)
		}
	}
	// Both start again and nothing fires any more: then it is over.
	a.open()
	b.open()
	a.at(20 * time.Minute)
	reconcile(a)
	if _, ok := a.OpenGroup("g"); ok {
		t.Error("nobody sees it any more, and it is still open")
	}
	// The other one is gone: what it said holds for some minutes.
	c, d, _ := pair(t)
	c.observe(alert("Slow", 0))
	settle(t, c, d)
	meet(t, c, d)
	d.at(4 * time.Minute)
	reconcile(d)
	if _, ok := d.OpenGroup("g"); !ok {
		t.Error("resolved 4 minutes after the other one saw it fire")
	}
	d.at(6 * time.Minute)
	reconcile(d)
	if _, ok := d.OpenGroup("g"); ok {
		t.Error("still open 6 minutes after the other one was heard of last")
	}
}

func TestPeersThatWereAwayForLong(t *testing.T) {
	a, b, seeing := pair(t)
	a.at(time.Second).observe(alert("Slow", 0))
	settle(t, a, b)
	seeing(false)
	a.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	a.at(24 * time.Hour).observe(alert("Slow", 24*time.Hour-time.Second))
	b.at(24 * time.Hour)
	seeing(true)
	meet(t, a, b)
	if list := b.List(Filter{}); len(list) != 2 || list[1].State != StateResolved {
		t.Errorf("yesterday's incident and today's are one: %+v", list)
	}
}

func TestPeersForgetForEachOther(t *testing.T) {
	a, b, _ := pair(t)
	a.at(time.Second).observe(alert("Slow", 0))
	a.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	if _, err := a.Annotate(t.Context(), Annotation{At: noon(), Text: "Release"}); err != nil {
		t.Fatal(err)
	}
	settle(t, a, b)
	a.at(30 * 24 * time.Hour).forget() // The peer does so only within the hour.
	b.at(30 * 24 * time.Hour)
	meet(t, a, b)
	if len(a.records) != 0 || len(a.notes) != 0 {
		t.Errorf("a peer has brought back %d incidents and %d annotations of last month", len(a.records), len(a.notes))
	}
	if len(b.records) == 0 || len(b.notes) == 0 {
		t.Error("the peer had forgotten too: nothing is shown")
	}
}

func TestWhatCannotBeReadIsNotWrittenOver(t *testing.T) {
	w := newWorld(t)
	w.at(time.Second).observe(alert("Slow", 0))
	id := w.List(Filter{})[0].ID
	w.at(time.Minute).observe(alert("Slow", 0).until(50 * time.Second))
	w.at(30 * 24 * time.Hour).forget()
	if _, err := w.db.ExecContext(t.Context(), `ALTER TABLE incident_events RENAME TO away`); err != nil {
		t.Fatal(err)
	}
	note := Event{ID: "note", Incident: id, Kind: Noted, Text: "late", At: noon()}
	b, err := json.Marshal(message{Events: []Event{note}})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.State().Merge(b); err != nil {
		t.Fatal(err)
	}
	w.takeTold()
	if err := w.Add(t.Context(), note); err == nil || errors.Is(err, ErrNone) {
		t.Errorf("a note on an incident that cannot be read: %v", err)
	}
	if _, err := w.db.ExecContext(t.Context(), `ALTER TABLE away RENAME TO incident_events`); err != nil {
		t.Fatal(err)
	}
	settle(t, w)
	if in, ok := w.Get(id); !ok || in.Number != 1 || in.Service != "share" || in.State != StateResolved || len(in.Events) != 4 {
		t.Errorf("the incident is now %+v", in)
	}
}

func TestUnusableNewsIsRefused(t *testing.T) {
	w := newWorld(t)
	good := Event{ID: "1", Incident: "i", At: noon(), Kind: Noted}
	with := func(change func(*Event)) Event {
		e := good
		change(&e)
		return e
	}
	m := message{
		Events: []Event{
			good,
			with(func(e *Event) { e.ID = "" }),
			with(func(e *Event) { e.Incident = strings.Repeat("x", 1000) }),
			with(func(e *Event) { e.Kind = "" }),
			with(func(e *Event) { e.At = time.Time{} }),
			with(func(e *Event) { e.Text = strings.Repeat("x", 10_000) }),
			with(func(e *Event) { e.Data = map[string]string{"k": strings.Repeat("x", 10_000)} }),
		},
		Annotations: []Annotation{{ID: "a", At: noon(), Text: ""}, {ID: "b", At: noon(), Text: "Release"}},
	}
	b, err := json.Marshal(m)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.State().Merge(b); err != nil {
		t.Fatal(err)
	}
	if len(w.told.Events) != 1 || len(w.told.Annotations) != 1 {
		t.Errorf("taken: %+v", w.told)
	}
	if got := testutil.ToFloat64(w.metrics.refused); got != 7 {
		t.Errorf("%v refused, want 7", got)
	}
	if err := w.State().Merge([]byte(`{"events": 1}`)); err == nil {
		t.Error("not an error: what is no list")
	}
	if err := w.State().Merge(nil); err != nil {
		t.Errorf("a peer that knows nothing: %v", err)
	}
}

func FuzzMerge(f *testing.F) {
	b, err := json.Marshal(message{Events: scripted(), Annotations: []Annotation{{ID: "a", At: noon(), Text: "Release"}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Add([]byte(`{"events":[{"id":"1","incident":"i","at":"2026-11-02T12:00:00Z","kind":"resolved","data":{"impact.x":"[]"}}]}`))
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, b []byte) {
		w.records, w.pending, w.notes = map[string]*record{}, pending{}, nil // The disk stays empty.
		if w.State().Merge(b) != nil {
			return
		}
		w.takeTold()
		for _, in := range w.List(Filter{Open: true}) {
			if in.ID == "" || in.Number == 0 {
				t.Errorf("an incident without ID or number: %+v", in)
			}
		}
		if _, err := w.State().MarshalBinary(); err != nil {
			t.Error(err)
		}
	})
}

// TestStateIsBounded fills a log with more than peers may tell each other at once.
func TestStateIsBounded(t *testing.T) {
	w := newWorld(t)
	for n := range 3 {
		key := fmt.Sprint(n)
		if err := w.Observe(t.Context(), Group{Key: key, At: noon(), Alerts: []Alert{alert("Slow", -time.Duration(n)*time.Minute)}}); err != nil {
			t.Fatal(err)
		}
		in, _ := w.OpenGroup(key)
		w.mu.Lock()
		for i := range 600 {
			w.tellLocked(Event{ID: fmt.Sprint(i), Incident: in.ID, Kind: Noted, Text: strings.Repeat("x", maxText)})
			if i%100 == 99 {
				w.pending = pending{} // The disk is not what is tested.
			}
		}
		w.mu.Unlock()
	}
	state, err := w.State().MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	if len(state) > maxState+maxState/4 || len(state) < maxState/4 {
		t.Errorf("%d bytes", len(state))
	}
	other := newWorld(t)
	if err := other.State().Merge(state); err != nil {
		t.Fatal(err)
	}
	settle(t, other)
	if list := other.List(Filter{}); len(list) == 0 || list[0].GroupKey != "0" {
		t.Errorf("the newest is not among %+v", list)
	}
}

// TestRealGossip has two logs told of each other's events over sockets.
// TestLargeIncidentIsToldInPart has peers know at least that it is open, and who has it.
func TestLargeIncidentIsToldInPart(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	a.at(time.Second).observe(alert("Slow", 0))
	a.tell(Event{Kind: Acknowledged, By: "Ada"})
	in, _ := a.OpenGroup("g")
	notes := make([]Event, 6000)
	for i := range notes {
		notes[i] = Event{ID: fmt.Sprint("note", i), Incident: in.ID, Kind: Noted, At: a.now, Text: strings.Repeat("x", 900)}
	}
	a.mu.Lock()
	a.tellLocked(notes...)
	a.mu.Unlock()
	state, err := a.State().MarshalBinary()
	if err != nil || len(state) > maxState {
		t.Fatalf("%d bytes, %v", len(state), err)
	}
	if err := b.State().Merge(state); err != nil {
		t.Fatal(err)
	}
	settle(t, b)
	if got, ok := b.OpenGroup("g"); !ok || got.Owner != "Ada" || got.Number != in.Number || b.there["g"].IsZero() {
		t.Errorf("the peer knows %+v, %t", got, ok)
	}
}

func TestRealGossip(t *testing.T) {
	peer := func(name string, peers ...string) (*world, *cluster.Peer) {
		t.Helper()
		c := cluster.DefaultConfig()
		c.ListenAddress, c.PeerName, c.Peers, c.SettleTimeout = "127.0.0.1:0", name, peers, 0
		p, err := cluster.Open(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
		if err != nil {
			t.Fatal(err)
		}
		w := newWorld(t)
		w.Share(p.AddState("incidents", w.State()))
		p.Join(t.Context())
		ctx, cancel := context.WithCancel(context.Background())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		t.Cleanup(func() {
			p.Leave()
			cancel()
			if err := <-done; err != nil {
				t.Error(err)
			}
		})
		return w, p
	}
	a, pa := peer("a")
	a.at(time.Second).observe(alert("Slow", 0))
	// The second one comes later and is told of what was before.
	b, _ := peer("b", pa.Status().Address)
	until := func(what string, w *world, ok func() bool) {
		t.Helper()
		end := time.After(30 * time.Second)
		for !ok() {
			select {
			case <-w.Changed():
			case <-time.After(50 * time.Millisecond):
			case <-end:
				t.Fatalf("not seen: %s", what)
			}
		}
	}
	until("the incident", b, func() bool { _, ok := b.OpenGroup("g"); return ok })
	b.tell(Event{At: noon().Add(time.Minute), Kind: Acknowledged, By: "Ada", Text: strings.Repeat("long ", 500)})
	until("the acknowledgment", a, func() bool { in, _ := a.OpenGroup("g"); return in.Owner == "Ada" })
	wantSame(t, a, b)
}
