package cluster

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v2"
)

func TestConfigOfAFile(t *testing.T) {
	c := DefaultConfig()
	if c.Enabled() || c.Validate() != nil {
		t.Errorf("default: enabled %t, %v", c.Enabled(), c.Validate())
	}
	text := `
listen_address: 0.0.0.0:9094
advertise_address: 10.0.0.1:9094
peer_name: one
peers: ["two.example.org:9094", "[::1]:9094"]
peer_timeout: 20s
settle_timeout: 0s
label: production
`
	if err := yaml.UnmarshalStrict([]byte(text), &c); err != nil {
		t.Fatal(err)
	}
	want := DefaultConfig()
	want.ListenAddress, want.AdvertiseAddress, want.PeerName = "0.0.0.0:9094", "10.0.0.1:9094", "one"
	want.Peers, want.Label = []string{"two.example.org:9094", "[::1]:9094"}, "production"
	want.PeerTimeout, want.SettleTimeout = model.Duration(20*time.Second), 0
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	if err := c.Validate(); err != nil || !c.Enabled() {
		t.Errorf("enabled %t, %v", c.Enabled(), err)
	}
}

func TestValidateNamesEveryFault(t *testing.T) {
	tls := filepath.Join(t.TempDir(), "tls.yml")
	if err := os.WriteFile(tls, []byte("tls_client_config: {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refused := func(change func(*Config), want ...string) {
		t.Helper()
		c := DefaultConfig()
		c.ListenAddress = "127.0.0.1:9094"
		change(&c)
		err := c.Validate()
		if err == nil {
			t.Errorf("no error, want %q", want)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), "notifiers.cluster."+w) {
				t.Errorf("got %v, want %q", err, w)
			}
		}
	}
	refused(func(c *Config) { c.ListenAddress, c.Peers = "", []string{"b:1"} }, "listen_address: is empty")
	refused(func(c *Config) { c.ListenAddress, c.TLSConfig = "", tls }, "listen_address: is empty")
	refused(func(c *Config) { c.ListenAddress = "9094" }, `listen_address: "9094" is not host:port`)
	refused(func(c *Config) { c.AdvertiseAddress = "one.example.org:9094" }, "advertise_address: \"one.example.org\" is not an IP")
	refused(func(c *Config) { c.AdvertiseAddress = "10.0.0.1" }, "advertise_address: \"10.0.0.1\" is not host:port")
	refused(func(c *Config) { c.Peers = []string{"b:9094", "c:http", "d"} }, "peers[1]: ", "peers[2]: ")
	refused(func(c *Config) { *c = Config{ListenAddress: ":1"} },
		"peer_timeout: must", "peers_resolve_timeout: ", "gossip_interval: ", "pushpull_interval: ", "tcp_timeout: ",
		"probe_timeout: ", "probe_interval: ", "reconnect_interval: ", "reconnect_timeout: ")
	refused(func(c *Config) { c.Label = strings.Repeat("x", 256) }, "label: has 256 bytes")
	refused(func(c *Config) { c.TLSConfig = "missing.yml" }, "tls_config: missing.yml: open")
	refused(func(c *Config) { c.TLSConfig = tls }, "tls_config: "+tls+": missing 'tls_server_config'")
}
