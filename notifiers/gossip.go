package notifiers

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	amcluster "github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/alertmanager/notify"

	"github.com/watchtower-hub/watchtower/notifiers/cluster"
)

// The keys under which Alertmanager's peers share their states.
const (
	sharedNotifications = "nfl"
	sharedSilences      = "sil"
)

// shared is a state that the peers of a cluster tell each other of. What they tell is on disk soon after.
type shared struct {
	amcluster.State
	journal *journal
	// received asks for the journal to be flushed. It must not block: it is called by the goroutine that receives.
	received func()
	closed   atomic.Bool
}

var _ amcluster.State = (*shared)(nil)

// Merge implements cluster.State.
func (s *shared) Merge(b []byte) error {
	if s.closed.Load() {
		return nil // The library listens until the process ends.
	}
	if n := eachRecord(b, s.journal.read, func([]byte, heading) {}); n != len(b) {
		// It would be in the next snapshot, and be taken for damage when that is read.
		return fmt.Errorf("a peer sent a record that is not usable, at byte %d of %d", n, len(b))
	}
	if err := s.State.Merge(b); err != nil {
		return err
	}
	s.journal.add(b)
	s.received()
	return nil
}

// openCluster makes this pipeline a peer, if the configuration says so, and shares with the others what is on disk.
func (p *Pipeline) openCluster() error {
	if !p.opts.Config.Cluster.Enabled() {
		return nil
	}
	var err error
	if p.peer, err = cluster.Open(p.opts.Config.Cluster, p.logger, p.reg); err != nil {
		return err
	}
	share := func(key string, state amcluster.State, j *journal) func([]byte) {
		s := &shared{State: state, journal: j, received: p.flushSoon}
		p.shared = append(p.shared, s)
		channel := p.peer.AddState(key, s)
		return func(b []byte) {
			j.add(b)
			channel.Broadcast(b)
		}
	}
	p.notifications.log.SetBroadcast(share(sharedNotifications, p.notifications.log, p.notifications.journal))
	p.silences.SetBroadcast(share(sharedSilences, p.silences, p.silenceJournal))
	return nil
}

// leaveCluster tells the peers that this one is going and takes nothing from them any more.
func (p *Pipeline) leaveCluster() {
	if p.peer == nil {
		return
	}
	p.peer.Leave()
	for _, s := range p.shared {
		s.closed.Store(true)
	}
}

// AddState shares a further state with the peers, under a key that all of them use for it: s.Merge is called with what
// they tell, and the channel tells them. Call it before Run. Without a cluster nothing is told and nothing heard.
func (p *Pipeline) AddState(key string, s amcluster.State) amcluster.ClusterChannel {
	if p.peer == nil {
		return alone{}
	}
	return p.peer.AddState(key, s)
}

// alone is the channel of an instance without peers.
type alone struct{}

var _ amcluster.ClusterChannel = alone{}

// Broadcast implements cluster.ClusterChannel.
func (alone) Broadcast([]byte) {}

// Settled returns once the peers have told what they know, settle_timeout after Run began at the latest, or with ctx's
// error. Without a cluster it returns at once.
func (p *Pipeline) Settled(ctx context.Context) error {
	if p.peer == nil {
		return nil
	}
	return p.peer.Gossip().WaitReady(ctx)
}

// Place is how many instances notify before this one, and how many there are in all. Alone it is the first of one.
func (p *Pipeline) Place() (position, peers int) {
	if p.peer == nil {
		return 0, 1
	}
	s := p.peer.Status()
	return s.Position, len(s.Peers)
}

// wait is how long a notification is left to the peers before this one.
func (p *Pipeline) wait() time.Duration {
	if p.peer == nil {
		return 0
	}
	return p.peer.Wait()
}

// patience is how long a flush of a group with this group_interval may take. After a start it outlasts the settling of
// the cluster: the first page must not be put off by another group_interval for the sake of a second.
func (p *Pipeline) patience(interval time.Duration) time.Duration {
	d := max(interval, notify.MinTimeout)
	if p.peer == nil {
		return d
	}
	return d + p.peer.Wait() + p.peer.Settling()
}

// notifyPeer is what holds notifications back until the cluster has settled. It is nil without a cluster, and not an
// interface with nothing in it.
func (p *Pipeline) notifyPeer() notify.Peer {
	if p.peer == nil {
		return nil
	}
	return p.peer.Gossip()
}

// apiPeer is what the API shows of the cluster, nil without one.
func (p *Pipeline) apiPeer() amcluster.ClusterPeer {
	if p.peer == nil {
		return nil
	}
	return p.peer.Gossip()
}

// flushSoon has what peers told written by the goroutine of flushReceived.
func (p *Pipeline) flushSoon() {
	select {
	case p.received <- struct{}{}:
	default: // A flush is due already.
	}
}

// flushReceived writes what peers tell until stop is closed.
func (p *Pipeline) flushReceived(stop <-chan struct{}) {
	for {
		select {
		case <-p.received:
			_ = p.flushSilences() // Logged and counted there.
			if err := p.notifications.flush(); err != nil {
				p.logger.Error("notifications of peers could not be written", "err", err)
			}
		case <-stop:
			return
		}
	}
}
