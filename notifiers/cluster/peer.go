// Package cluster lets several instances notify once.
//
// It is Alertmanager's gossip: the same protocol, states and flags, so that even an Alertmanager could be a peer. Every
// instance evaluates everything. The first in the order of names notifies at once, the second waits peer_timeout, the
// third twice as long; an instance that hears meanwhile, through the notification log they share, that another one has
// notified, keeps still. So a group is notified once while the instances see each other, at least once while they do
// not, and peer_timeout late when the first one has died.
//
// # Example
//
//	p, err := cluster.Open(conf, logger, registerer)
//	if err != nil {
//		return err
//	}
//	silences.SetBroadcast(p.AddState("sil", silences).Broadcast) // every state before Join
//	go p.Join(ctx)
//	…
//	p.Leave()
package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// leaveTimeout bounds how long Leave waits for the others to be told, as in the Alertmanager program.
	leaveTimeout = 10 * time.Second

	// settlePoll is how many gossip intervals lie between two looks at who is there, as in the Alertmanager program.
	settlePoll = 10
)

// Peer is this instance as a member of a cluster. All methods are safe for concurrent use.
type Peer struct {
	gossip   *cluster.Peer
	conf     Config
	logger   *slog.Logger
	registry *prometheus.Registry
}

// Status is what a page shows of a cluster.
type Status struct {
	// Name and Address are those of this instance.
	Name, Address string
	// Ready is false while the first notification waits for the state of the others.
	Ready bool
	// Position is how many instances notify before this one, Wait how long it waits for them.
	Position int
	Wait     time.Duration
	// Health is 0 if other instances answer in time, and rises up to 8 as they do not.
	Health int
	// Peers are all instances that are seen now, this one included, as name and address, sorted by name.
	Peers []cluster.ClusterMember
	// Lost counts instances that were seen or configured and do not answer now.
	Lost int
}

// Open binds the listen address. Others may connect from then on; Join connects to them. The sockets stay bound until
// the process ends, because the gossip library has no way to close them; after Leave nothing uses them.
func Open(c Config, logger *slog.Logger, reg prometheus.Registerer) (*Peer, error) {
	tls, err := cluster.GetTLSTransportConfig(c.TLSConfig)
	if err != nil {
		return nil, fmt.Errorf("notifiers.cluster.tls_config: %w", err)
	}
	if err := free(c.ListenAddress); err != nil {
		return nil, fmt.Errorf("notifiers.cluster.listen_address: %w (is another instance running?)", err)
	}
	p := &Peer{conf: c, logger: logger.With("component", "cluster"), registry: prometheus.NewRegistry()}
	p.gossip, err = cluster.Create(
		p.logger, p.registry, c.ListenAddress, c.AdvertiseAddress, c.Peers, true,
		time.Duration(c.PushPullInterval), time.Duration(c.GossipInterval), time.Duration(c.TCPTimeout),
		time.Duration(c.PeersResolveTimeout), time.Duration(c.ProbeTimeout), time.Duration(c.ProbeInterval),
		tls, c.AllowInsecureAdvertise, c.Label, c.PeerName,
	)
	if err != nil {
		return nil, fmt.Errorf("notifiers.cluster: %w", err)
	}
	if err := reg.Register(p.registry); err != nil {
		p.Leave()
		return nil, fmt.Errorf("register metrics of the cluster: %w", err)
	}
	return p, nil
}

// free tries an address first, because the gossip library leaves a goroutine behind when it cannot listen.
func free(addr string) error {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	return l.Close()
}

// AddState makes s one of the states that the instances share, under a key that all of them use for it. Call it before
// Join. The channel tells the others of a change; s.Merge is called with what they tell, on the goroutine that receives
// it, so it must not take long.
func (p *Peer) AddState(key string, s cluster.State) cluster.ClusterChannel {
	return p.gossip.AddState(key, s, p.registry)
}

// Join connects to the configured peers, exchanges states, and waits until the cluster has settled, settle_timeout
// from now at the latest. Peers that do not answer are tried again in the background until Leave. Call it once.
func (p *Peer) Join(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(p.conf.SettleTimeout))
	defer cancel()
	if err := p.gossip.Join(time.Duration(p.conf.ReconnectInterval), time.Duration(p.conf.ReconnectTimeout)); err != nil {
		p.logger.Warn("no other instance answers; they are tried again", "err", err)
	}
	p.gossip.Settle(ctx, settlePoll*time.Duration(p.conf.GossipInterval))
}

// Leave tells the others that this instance is going, so that none of them waits for it. Call it once.
func (p *Peer) Leave() {
	if err := p.gossip.Leave(leaveTimeout); err != nil {
		// They will find out by themselves.
		p.logger.Warn("the other instances could not be told that this one stops", "err", err)
	}
}

// Wait is how long this instance lets those before it notify.
func (p *Peer) Wait() time.Duration {
	return time.Duration(p.gossip.Position()) * time.Duration(p.conf.PeerTimeout)
}

// Settling is how long notifications that are due now are held back at most, until Join returns.
func (p *Peer) Settling() time.Duration {
	if p.gossip.Ready() {
		return 0
	}
	return time.Duration(p.conf.SettleTimeout)
}

// Gossip is the member as Alertmanager's own packages know it.
func (p *Peer) Gossip() *cluster.Peer { return p.gossip }

// Status returns how the cluster looks from here now.
func (p *Peer) Status() Status {
	peers := p.gossip.Peers()
	slices.SortFunc(peers, func(a, b cluster.ClusterMember) int { return strings.Compare(a.Name(), b.Name()) })
	return Status{
		Name:     p.gossip.Name(),
		Address:  p.gossip.Self().Address(),
		Ready:    p.gossip.Ready(),
		Position: p.gossip.Position(),
		Wait:     p.Wait(),
		Health:   p.gauge("alertmanager_cluster_health_score"),
		Peers:    peers,
		Lost:     p.gauge("alertmanager_cluster_failed_peers"),
	}
}

// gauge reads what Alertmanager tells as a metric only.
func (p *Peer) gauge(name string) int {
	families, err := p.registry.Gather()
	if err != nil {
		p.logger.Error("metrics of the cluster could not be read", "err", err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return int(f.GetMetric()[0].GetGauge().GetValue())
		}
	}
	return 0
}
