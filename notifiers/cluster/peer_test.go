package cluster

import (
	"context"
	"log/slog"
	"reflect"
	"strings"
	"testing"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/common/model"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// open binds a peer on loopback and closes its sockets at the end, which Alertmanager leaves to the end of the process.
func open(t *testing.T, c Config) *Peer {
	t.Helper()
	c.ListenAddress = "127.0.0.1:0"
	p, err := Open(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Leave()
		field := reflect.ValueOf(p.gossip).Elem().FieldByName("mlist")
		list := reflect.NewAt(field.Type(), unsafe.Pointer(field.UnsafeAddr())).Elem().Interface()
		if err := list.(interface{ Shutdown() error }).Shutdown(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func fast(peers ...string) Config {
	c := DefaultConfig()
	c.GossipInterval, c.Peers = model.Duration(5*time.Millisecond), peers
	return c
}

func TestJoinReturnsOnceSettled(t *testing.T) {
	a := open(t, fast())
	if s := a.Status(); s.Ready || s.Position != 0 || len(s.Peers) != 1 || s.Peers[0].Name() != s.Name {
		t.Errorf("before Join: %+v", s)
	}
	if got := a.Settling(); got != time.Minute {
		t.Errorf("before Join notifications wait at most %v, want settle_timeout", got)
	}
	a.Join(t.Context())
	if got := a.Settling(); got != 0 {
		t.Errorf("after Join notifications wait at most %v", got)
	}
	b := open(t, fast(a.Status().Address))
	begin := time.Now()
	b.Join(t.Context())
	if took := time.Since(begin); took < 5*settlePoll*5*time.Millisecond {
		t.Errorf("settled after %v: the others were not waited for", took)
	}
	s := b.Status()
	if !s.Ready || len(s.Peers) != 2 || s.Lost != 0 || s.Wait != time.Duration(s.Position)*15*time.Second {
		t.Errorf("after Join: %+v", s)
	}
	// Names are made of the time, so the one that started later comes after.
	if s.Position != 1 || s.Peers[1].Name() != s.Name {
		t.Errorf("the later one: %+v", s)
	}
}

func TestSettleTimeoutBoundsJoin(t *testing.T) {
	c := fast()
	c.GossipInterval, c.SettleTimeout = model.Duration(time.Hour), model.Duration(time.Millisecond)
	p := open(t, c)
	p.Join(t.Context())
	if !p.Status().Ready {
		t.Error("not ready after settle_timeout")
	}
}

func TestJoinWithoutAnybody(t *testing.T) {
	gone := open(t, fast())
	c := fast("127.0.0.1:1")
	c.SettleTimeout = 0
	p := open(t, c)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	p.Join(ctx)
	if s := p.Status(); !s.Ready || s.Lost != 1 || s.Address == gone.Status().Address {
		t.Errorf("alone: %+v", s)
	}
}

func TestOpenNamesTheKey(t *testing.T) {
	used := open(t, fast()).Status().Address
	for want, c := range map[string]Config{
		"notifiers.cluster.listen_address: ": {ListenAddress: used},
		"notifiers.cluster.tls_config: ":     {ListenAddress: "127.0.0.1:0", TLSConfig: "missing.yml"},
	} {
		if _, err := Open(c, slog.New(slog.DiscardHandler), prometheus.NewRegistry()); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s…", err, want)
		}
	}
}
