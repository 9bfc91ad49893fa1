package web

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"

	toolkit "github.com/prometheus/exporter-toolkit/web"
)

// Config is the section `web` of watchtower.yaml.
type Config struct {
	Listen      string `yaml:"listen"`       // Host and port; an empty host is every address of the machine, port 0 any free one.
	ExternalURL string `yaml:"external_url"` // Where people reach the server, for links in pages and messages.
	ConfigFile  string `yaml:"config_file"`  // TLS and basic auth, in the format of Prometheus' exporter-toolkit.
}

// DefaultConfig returns the configuration of a file that says nothing about web.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9911", ExternalURL: "http://localhost:9911"}
}

// Validate returns all faults of the configuration, joined. It reads the file that ConfigFile names, if any.
func (c Config) Validate() error {
	return errors.Join(c.validListen(), c.validExternalURL(), c.validFile())
}

func (c Config) validListen() error {
	_, port, err := net.SplitHostPort(c.Listen)
	if err != nil {
		return fmt.Errorf("web.listen: %q is not an address; write host and port, such as 127.0.0.1:9911", c.Listen)
	}
	if n, err := strconv.Atoi(port); err != nil || n < 0 || n > 65535 {
		return fmt.Errorf("web.listen: %q is not a port; it must be a number from 0 to 65535", port)
	}
	return nil
}

func (c Config) validExternalURL() error {
	const example = "write it as http://host:port or https://host"
	u, err := url.Parse(c.ExternalURL)
	switch {
	case err != nil || u.Host == "" || (u.Scheme != "http" && u.Scheme != "https"):
		return fmt.Errorf("web.external_url: %q is not a URL of a web site; %s", c.ExternalURL, example)
	case u.User != nil:
		return fmt.Errorf("web.external_url: it must not hold a user or password, since it appears in messages; %s", example)
	case (u.Path != "" && u.Path != "/") || u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("web.external_url: %q has a path, but the site can only be served at the root of a host; %s", c.ExternalURL, example)
	}
	return nil
}

func (c Config) validFile() error {
	if err := toolkit.Validate(c.ConfigFile); err != nil {
		return fmt.Errorf("web.config_file: %s: %w", c.ConfigFile, err)
	}
	return nil
}
