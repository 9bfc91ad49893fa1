package notifiers

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	amcluster "github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/nflog/nflogpb"
	"github.com/prometheus/alertmanager/silence"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	promrules "github.com/prometheus/prometheus/rules"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
)

// peerTimeout is short for a test and long for a message over loopback.
const peerTimeout = 500 * time.Millisecond

// peerConfig is a cluster on loopback at a speed that suits tests.
func peerConfig(name string, peers ...string) cluster.Config {
	c := cluster.DefaultConfig()
	c.ListenAddress, c.PeerName, c.Peers = "127.0.0.1:0", name, peers
	c.PeerTimeout, c.SettleTimeout = model.Duration(peerTimeout), 0
	c.GossipInterval = model.Duration(10 * time.Millisecond)
	c.ProbeInterval, c.ProbeTimeout = model.Duration(50*time.Millisecond), model.Duration(25*time.Millisecond)
	return c
}

// runPeer starts a member of a cluster with the route of quick.
func runPeer(t *testing.T, dir, name string, peers ...*instance) *instance {
	t.Helper()
	return runPeerWith(t, dir, peerConfig(name), peers...)
}

func runPeerWith(tb testing.TB, dir string, c cluster.Config, peers ...*instance) *instance {
	tb.Helper()
	slack := &fakeSlack{}
	opts := options(dir, slack)
	opts.Config.Alertmanager = writeFile(tb, "alertmanager.yml", fmt.Sprintf(quick, "slack", "http://localhost:1/"))
	for _, p := range peers {
		c.Peers = append(c.Peers, p.Status().Cluster.Address)
	}
	opts.Config.Cluster = c
	i := run(tb, opts, slack)
	gossip := i.peer.Gossip()
	stop := i.stop
	i.stop = func() { stop(); shutDown(tb, gossip) }
	tb.Cleanup(i.stop)
	eventually(tb, c.PeerName+" to see the others", func() bool { return len(i.Status().Cluster.Peers) >= len(peers)+1 })
	return i
}

// shutDown closes the sockets of a peer, as the end of its process does. Alertmanager has no way to do it.
func shutDown(tb testing.TB, p *amcluster.Peer) {
	tb.Helper()
	field := reflect.ValueOf(p).Elem().FieldByName("mlist")
	list := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface()
	if err := list.(interface{ Shutdown() error }).Shutdown(); err != nil {
		tb.Error(err)
	}
}

// kill ends an instance without a word to the others.
func kill(t *testing.T, i *instance) {
	t.Helper()
	shutDown(t, i.peer.Gossip())
	i.closeOnce.Do(func() {
		i.alerts.Close()
		defer func() {
			if recover() == nil {
				t.Error("left the cluster in peace")
			}
		}()
		i.peer.Leave() // Ends the goroutines, then panics because the sockets are closed.
	})
	i.stop()
}

func (i *instance) queries(t *testing.T) int {
	t.Helper()
	families, err := i.reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "alertmanager_nflog_queries_total" {
			return int(f.GetMetric()[0].GetCounter().GetValue())
		}
	}
	return 0
}

func sendAll(alert *promrules.Alert, all ...*instance) {
	for _, i := range all {
		i.send(alert)
	}
}

func TestPeersNotifyOnce(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	b := runPeer(t, t.TempDir(), "b", a)
	page := firing("Burn", objective("posts", "page")...)
	sendAll(page, a, b)
	eventually(t, "the page", func() bool { return len(a.slack.heard()) == 1 })
	// The notification log is asked once a flush, right before the decision.
	eventually(t, "two decisions of the second instance", func() bool { return b.queries(t) >= 2 })
	wantHeard(t, b)

	group := b.Incidents()[0].GroupKey
	first := a.slack.notifications()[0]
	if got, ok := b.Posted("slack", 0, group); !ok || got.TS != first.ts || got.ChannelID != "C-slack" {
		t.Errorf("the second instance knows %+v, %t of the page, want %s", got, ok, first.ts)
	}
	// What the first one cannot tell any more, the second one tells in the same place.
	a.slack.setFail(errDown)
	sendAll(resolved(page), a, b)
	eventually(t, "the end", func() bool { return len(b.slack.heard()) == 1 })
	wantHeard(t, b, "slack: -Burn")
	if got := b.slack.notifications()[0].ts; got != first.ts {
		t.Errorf("the second instance edited %s, want %s", got, first.ts)
	}
	eventually(t, "the first instance to know", func() bool { _, ok := a.Posted("slack", 0, group); return !ok })
	wantHeard(t, a, "slack: Burn")
}

func TestSecondPeerNotifiesWhenTheFirstCannot(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	b := runPeer(t, t.TempDir(), "b", a)
	a.slack.setFail(errDown)
	sent := time.Now()
	sendAll(firing("Burn", objective("posts", "page")...), a, b)
	eventually(t, "the page", func() bool { return len(b.slack.heard()) == 1 })
	if took := b.slack.notifications()[0].at.Sub(sent); took < peerTimeout {
		t.Errorf("the second instance notified after %v, want it to wait %v for the first", took, peerTimeout)
	}
}

func TestSecondPeerNotifiesWhenTheFirstIsKilled(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	dir := t.TempDir()
	b := runPeer(t, dir, "b", a)
	a.slack.setFail(errDown)
	page := firing("Burn", objective("posts", "page")...)
	sendAll(page, a, b)
	eventually(t, "an attempt of the first", func() bool { return a.Status().Receivers[0].Integrations[0].Failures > 0 })
	kill(t, a)
	eventually(t, "the page", func() bool { return len(b.slack.heard()) == 1 })
	eventually(t, "the loss of the first", func() bool {
		s := b.Status().Cluster
		return s.Lost == 1 && s.Position == 0 && len(s.Peers) == 1
	})

	// One that starts anew learns who has been told of what.
	c := runPeer(t, t.TempDir(), "c", b)
	c.send(page)
	eventually(t, "two decisions of the new instance", func() bool { return c.queries(t) >= 2 })
	wantHeard(t, c)
}

func TestSilenceHoldsOnEveryPeer(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	dir := t.TempDir()
	b := runPeer(t, dir, "b", a)
	small, large := posts("click"), posts("another")
	large.Comment = strings.Repeat("long ", 1000) // Sent over TCP.
	smallID, largeID := mustSilence(t, a, small), mustSilence(t, a, large)
	eventually(t, "both silences", func() bool { return len(b.Silences(nil)) == 2 })
	// What is on disk now is what kill -9 leaves.
	eventually(t, "both silences on disk", func() bool {
		image := t.TempDir()
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		c := runDefault(t, image)
		defer c.stop()
		return c.Status().Silences.Active == 2
	})
	if id := mustSilence(t, b, posts("click")); id != smallID {
		t.Errorf("the same key on another instance: %s, want %s", id, smallID)
	}

	b.stop()
	again := runPeer(t, dir, "b2", a)
	again.send(firing("Burn", objective("posts", "page")...), firing("Heard", objective("logins", "page")...))
	eventually(t, "the other page", func() bool { return len(again.slack.heard()) == 1 })
	wantHeard(t, again, "slack: Heard")

	for _, id := range []string{smallID, largeID} {
		if w := again.call(http.MethodDelete, "/api/v2/silence/"+id, ""); w.Code != http.StatusOK {
			t.Fatalf("end of silence: %d %s", w.Code, w.Body)
		}
	}
	eventually(t, "the end of the silences", func() bool { return len(a.Silences(nil)) == 0 })
	eventually(t, "the page after the silence", func() bool { return slices.Contains(again.slack.heard(), "slack: Burn") })
}

func TestPositionsOfThreePeers(t *testing.T) {
	b := runPeer(t, t.TempDir(), "b")
	a := runPeer(t, t.TempDir(), "a", b)
	c := runPeer(t, t.TempDir(), "c", b)
	all := []*instance{a, b, c}
	for _, i := range all {
		eventually(t, "all three", func() bool { return len(i.Status().Cluster.Peers) == 3 })
	}
	wantPositions := func(want []int, all ...*instance) {
		t.Helper()
		var got []int
		for _, i := range all {
			s := i.Status().Cluster
			got = append(got, s.Position)
			if s.Wait != time.Duration(s.Position)*peerTimeout || i.wait() != s.Wait {
				t.Errorf("%s waits %v", s.Name, s.Wait)
			}
			if position, peers := i.Place(); position != s.Position || peers != len(s.Peers) {
				t.Errorf("%s is at %d of %d", s.Name, position, peers)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("positions (-want +got):\n%s", diff)
		}
	}
	wantPositions([]int{0, 1, 2}, all...)

	for n, i := range all {
		eventually(t, "the cluster to settle", func() bool { return i.Status().Cluster.Ready })
		if got, want := i.patience(time.Minute), time.Minute+time.Duration(n)*peerTimeout; got != want {
			t.Errorf("a flush may take %v, want %v", got, want)
		}
	}

	var status struct {
		Cluster struct {
			Name, Status string
			Peers        []struct{ Name, Address string }
		}
	}
	w := b.call(http.MethodGet, "/api/v2/status", "")
	if err := json.Unmarshal(w.Body.Bytes(), &status); err != nil {
		t.Fatalf("%v: %s", err, w.Body)
	}
	if s := status.Cluster; s.Name != "b" || s.Status != "ready" || len(s.Peers) != 3 || s.Peers[0].Address != a.Status().Cluster.Address {
		t.Errorf("the API shows %+v", s)
	}

	a.stop()
	eventually(t, "the first one to have left", func() bool { return len(c.Status().Cluster.Peers) == 2 })
	wantPositions([]int{1}, c)
}

// TestAlertmanagerIsAPeer shares with what the Alertmanager program shares.
func TestAlertmanagerIsAPeer(t *testing.T) {
	i := runPeer(t, t.TempDir(), "ours")
	reg, logger := prometheus.NewRegistry(), newLogger(&logged{})
	c := peerConfig("theirs", i.Status().Cluster.Address)
	peer, err := amcluster.Create(logger, reg, c.ListenAddress, "", c.Peers, true, time.Minute, 10*time.Millisecond,
		time.Second, time.Second, time.Second, time.Second, nil, false, "", c.PeerName)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := peer.Leave(time.Second); err != nil {
			t.Error(err)
		}
		shutDown(t, peer)
	})
	notifications, err := nflog.New(nflog.Options{Retention: time.Hour, Metrics: reg})
	if err != nil {
		t.Fatal(err)
	}
	silences, err := silence.New(silence.Options{Retention: time.Hour, Metrics: reg, EventRecorder: eventrecorder.NopRecorder()})
	if err != nil {
		t.Fatal(err)
	}
	silences.SetBroadcast(peer.AddState("sil", silences, reg).Broadcast)
	notifications.SetBroadcast(peer.AddState("nfl", notifications, reg).Broadcast)
	if err := peer.Join(time.Second, time.Minute); err != nil {
		t.Fatal(err)
	}

	id := mustSilence(t, i, posts("click"))
	eventually(t, "our silence there", func() bool {
		s, err := silences.QueryOne(context.Background(), silence.QIDs(id))
		return err == nil && s.CreatedBy == "Ada"
	})
	if err := silences.Expire(context.Background(), id); err != nil {
		t.Fatal(err)
	}
	eventually(t, "its end here", func() bool { return len(i.Silences(nil)) == 0 })

	store := nflog.NewStore(nil)
	store.SetStr("threadTs", "1.5")
	store.SetStr("channelId", "C1")
	r := &nflogpb.Receiver{GroupName: "team", Integration: "slack", Idx: 2}
	if err := notifications.Log(r, "{}:{}", []uint64{1}, nil, store, time.Hour); err != nil {
		t.Fatal(err)
	}
	eventually(t, "their notification here", func() bool {
		p, ok := i.Posted("team", 2, "{}:{}")
		return ok && p.TS == "1.5" && p.ChannelID == "C1"
	})
}

func TestUnusableRecordsOfPeersAreRefused(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	s := a.shared[0]
	if err := s.Merge([]byte{2, 0x0a, 0x00}); err == nil || !strings.Contains(err.Error(), "not usable") {
		t.Errorf("a record without a receiver: %v", err)
	}
	if err := s.Merge(append(recordAt(t, "a", time.Now().Unix()), 9)); err == nil {
		t.Error("a record that is cut off: no error")
	}
	wantFile(t, a.notifications.journal.path, nil)
	a.stop()
	if err := s.Merge(recordAt(t, "a", time.Now().Unix())); err != nil {
		t.Errorf("after the end: %v", err)
	}
	if len(s.journal.pending) > 0 {
		t.Error("what peers tell after the end is kept")
	}
}

// word is a state of one word that others gossip.
type word struct{ heard chan string }

var _ amcluster.State = word{}

func (w word) MarshalBinary() ([]byte, error) { return nil, nil }
func (w word) Merge(b []byte) error {
	if len(b) > 0 {
		w.heard <- string(b)
	}
	return nil
}

func TestAddState(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	b := runPeer(t, t.TempDir(), "b", a)
	heard := word{make(chan string, 10)}
	b.AddState("word", heard)
	channel := a.AddState("word", word{make(chan string, 10)})
	eventually(t, "the first to see the second", func() bool { return len(a.Status().Cluster.Peers) == 2 })
	channel.Broadcast([]byte("hello"))
	if got := <-heard.heard; got != "hello" {
		t.Errorf("heard %q", got)
	}
	single := runDefault(t, t.TempDir())
	single.AddState("word", heard).Broadcast([]byte("nobody hears this"))
	if s := single.Status(); s.Cluster != nil {
		t.Errorf("status without a cluster: %+v", s.Cluster)
	}
}

func TestClusterThatCannotListen(t *testing.T) {
	a := runPeer(t, t.TempDir(), "a")
	opts := options(t.TempDir(), &fakeSlack{})
	opts.Config.Cluster = peerConfig("b")
	opts.Config.Cluster.ListenAddress = a.Status().Cluster.Address
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "notifiers.cluster.listen_address: ") {
		t.Errorf("the address of another: %v", err)
	}
}

// BenchmarkSilenceReachesPeer reports how long a silence takes to hold on another instance, with the defaults.
func BenchmarkSilenceReachesPeer(b *testing.B) {
	conf := func(name string) cluster.Config {
		c := cluster.DefaultConfig()
		c.ListenAddress, c.PeerName, c.SettleTimeout = "127.0.0.1:0", name, 0
		return c
	}
	one := runPeerWith(b, b.TempDir(), conf("one"))
	two := runPeerWith(b, b.TempDir(), conf("two"), one)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var total time.Duration
	for n := range b.N {
		begin := time.Now()
		if _, err := one.Silence(b.Context(), posts("")); err != nil {
			b.Fatal(err)
		}
		for len(two.Silences(nil)) <= n {
			<-tick.C
		}
		total += time.Since(begin)
	}
	b.ReportMetric(total.Seconds()/float64(b.N), "s/silence")
	b.ReportMetric(0, "ns/op")
}

func TestSettled(t *testing.T) {
	short := func() context.Context {
		ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
		t.Cleanup(cancel)
		return ctx
	}
	if err := runDefault(t, t.TempDir()).Settled(short()); err != nil {
		t.Errorf("without a cluster: %v", err)
	}
	slow := peerConfig("slow")
	slow.SettleTimeout, slow.GossipInterval = model.Duration(time.Hour), model.Duration(time.Minute)
	if err := runPeerWith(t, t.TempDir(), slow).Settled(short()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("before the peers have told: %v", err)
	}
	if err := runPeer(t, t.TempDir(), "quick").Settled(t.Context()); err != nil {
		t.Errorf("with a settled cluster: %v", err)
	}
}
