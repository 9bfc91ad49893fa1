package cluster

import (
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"

	"github.com/prometheus/alertmanager/cluster"
	"github.com/prometheus/common/model"
)

// Config is the section notifiers.cluster of watchtower.yaml. The keys are Alertmanager's flags: --cluster.peer-timeout
// is peer_timeout, and --cluster.peer, repeated, is the list peers.
type Config struct {
	// ListenAddress is the host:port that gossip uses, TCP and UDP. Empty: no cluster.
	ListenAddress string `yaml:"listen_address,omitempty"`
	// AdvertiseAddress is the ip:port that other instances reach this one under, if ListenAddress does not say it.
	AdvertiseAddress string `yaml:"advertise_address,omitempty"`
	// PeerName identifies this instance. Instances wait for each other in the order of their names. Empty: a new one
	// at each start, later than all before.
	PeerName string `yaml:"peer_name,omitempty"`
	// Peers are the host:port of other instances. One that answers is enough, itself may be among them.
	Peers []string `yaml:"peers,omitempty"`
	// PeerTimeout is how long an instance waits for each instance before it to notify.
	PeerTimeout model.Duration `yaml:"peer_timeout,omitempty"`
	// PeersResolveTimeout bounds how long the names in Peers are looked up at the start.
	PeersResolveTimeout model.Duration `yaml:"peers_resolve_timeout,omitempty"`
	// SettleTimeout bounds how long the first notification waits for the other instances' state. Zero: it does not.
	SettleTimeout model.Duration `yaml:"settle_timeout"`
	// GossipInterval is how often changes are passed on; a tenth of the least time settling takes.
	GossipInterval model.Duration `yaml:"gossip_interval,omitempty"`
	// PushPullInterval is how often the whole state is compared with another instance.
	PushPullInterval model.Duration `yaml:"pushpull_interval,omitempty"`
	// TCPTimeout bounds connecting to another instance, and each exchange with it.
	TCPTimeout model.Duration `yaml:"tcp_timeout,omitempty"`
	// ProbeTimeout and ProbeInterval say how soon an instance is found dead.
	ProbeTimeout  model.Duration `yaml:"probe_timeout,omitempty"`
	ProbeInterval model.Duration `yaml:"probe_interval,omitempty"`
	// ReconnectInterval is how often a lost instance is tried again, ReconnectTimeout for how long.
	ReconnectInterval model.Duration `yaml:"reconnect_interval,omitempty"`
	ReconnectTimeout  model.Duration `yaml:"reconnect_timeout,omitempty"`
	// TLSConfig is the path of a file in the format of Alertmanager's --cluster.tls-config. Empty: no TLS.
	TLSConfig string `yaml:"tls_config,omitempty"`
	// Label keeps clusters apart that can reach each other.
	Label string `yaml:"label,omitempty"`
	// AllowInsecureAdvertise lets an instance without a private address advertise its public one.
	AllowInsecureAdvertise bool `yaml:"allow_insecure_public_advertise_address_discovery,omitempty"`
}

// maxLabel is what the gossip protocol has room for, in bytes.
const maxLabel = 255

// DefaultConfig returns Alertmanager's defaults, without a listen address.
func DefaultConfig() Config {
	return Config{
		PeerTimeout:         model.Duration(15 * time.Second),
		PeersResolveTimeout: model.Duration(cluster.DefaultResolvePeersTimeout),
		SettleTimeout:       model.Duration(cluster.DefaultPushPullInterval),
		GossipInterval:      model.Duration(cluster.DefaultGossipInterval),
		PushPullInterval:    model.Duration(cluster.DefaultPushPullInterval),
		TCPTimeout:          model.Duration(cluster.DefaultTCPTimeout),
		ProbeTimeout:        model.Duration(cluster.DefaultProbeTimeout),
		ProbeInterval:       model.Duration(cluster.DefaultProbeInterval),
		ReconnectInterval:   model.Duration(cluster.DefaultReconnectInterval),
		ReconnectTimeout:    model.Duration(cluster.DefaultReconnectTimeout),
	}
}

// Enabled reports whether this instance takes part in a cluster.
func (c Config) Enabled() bool { return c.ListenAddress != "" }

// Validate returns every fault of the section, joined. It reads the file that TLSConfig names.
func (c Config) Validate() error {
	if !c.Enabled() {
		if len(c.Peers) > 0 || c.AdvertiseAddress != "" || c.TLSConfig != "" {
			return errors.New("notifiers.cluster.listen_address: is empty, so that no cluster is joined; set it, such as to 0.0.0.0:9094, or remove the section")
		}
		return nil
	}
	faults := []error{address("listen_address", c.ListenAddress)}
	if c.AdvertiseAddress != "" {
		faults = append(faults, address("advertise_address", c.AdvertiseAddress))
		if host, _, err := net.SplitHostPort(c.AdvertiseAddress); err == nil && net.ParseIP(host) == nil {
			faults = append(faults, fmt.Errorf("notifiers.cluster.advertise_address: %q is not an IP address: gossip carries no host names", host))
		}
	}
	for i, p := range c.Peers {
		faults = append(faults, address(fmt.Sprintf("peers[%d]", i), p))
	}
	for _, d := range []struct {
		key   string
		value model.Duration
	}{
		{"peer_timeout", c.PeerTimeout},
		{"peers_resolve_timeout", c.PeersResolveTimeout},
		{"gossip_interval", c.GossipInterval},
		{"pushpull_interval", c.PushPullInterval},
		{"tcp_timeout", c.TCPTimeout},
		{"probe_timeout", c.ProbeTimeout},
		{"probe_interval", c.ProbeInterval},
		{"reconnect_interval", c.ReconnectInterval},
		{"reconnect_timeout", c.ReconnectTimeout},
	} {
		if d.value <= 0 {
			faults = append(faults, fmt.Errorf("notifiers.cluster.%s: must be above zero; remove the key for the default", d.key))
		}
	}
	if len(c.Label) > maxLabel {
		faults = append(faults, fmt.Errorf("notifiers.cluster.label: has %d bytes, at most %d fit", len(c.Label), maxLabel))
	}
	if _, err := cluster.GetTLSTransportConfig(c.TLSConfig); err != nil {
		faults = append(faults, fmt.Errorf("notifiers.cluster.tls_config: %s: %w", c.TLSConfig, err))
	}
	return errors.Join(faults...)
}

// address checks a host:port.
func address(key, value string) error {
	_, port, err := net.SplitHostPort(value)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("notifiers.cluster.%s: %q is not host:port, such as 10.0.0.1:9094", key, value)
	}
	return nil
}
