package web

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"

	toolkit "github.com/prometheus/exporter-toolkit/web"
	"go.yaml.in/yaml/v2"
)

// Config is the section `web` of watchtower.yaml.
type Config struct {
	Listen      string `yaml:"listen"`       // Host and port; an empty host is every address of the machine, port 0 any free one.
	ExternalURL string `yaml:"external_url"` // Where people reach the server, for links in pages and messages.
	ConfigFile  string `yaml:"config_file"`  // TLS and basic auth, in the format of Prometheus' exporter-toolkit.
	// Viewers are names of ConfigFile's basic_auth_users. They see the plain pages and nothing else.
	Viewers []string `yaml:"viewers"`
}

// DefaultConfig returns the configuration of a file that says nothing about web.
func DefaultConfig() Config {
	return Config{Listen: "127.0.0.1:9911", ExternalURL: "http://localhost:9911"}
}

// Validate returns all faults of the configuration, joined. It reads the file that ConfigFile names, if any.
func (c Config) Validate() error {
	return errors.Join(c.validListen(), c.validExternalURL(), c.validFile(), c.validViewers())
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

// validViewers checks that every viewer is somebody who is asked for a password: a name that is not would see everything, or
// nothing at all.
func (c Config) validViewers() error {
	if len(c.Viewers) == 0 {
		return nil
	}
	if c.ConfigFile == "" {
		return errors.New("web.viewers: nobody is asked for a name: write the viewers' passwords under basic_auth_users into a file and name it in web.config_file")
	}
	users, err := c.users()
	if err != nil {
		return nil //nolint:nilerr // validFile tells what is wrong with the file.
	}
	var faults []error
	for i, name := range c.Viewers {
		if !slices.Contains(users, name) {
			faults = append(faults, fmt.Errorf("web.viewers[%d]: %q is not among the basic_auth_users of %s (%s): add the name there with the hash of a password, or remove it here",
				i, name, c.ConfigFile, orNone(users)))
		}
	}
	return errors.Join(faults...)
}

// users are the names that may log in, in order.
func (c Config) users() ([]string, error) {
	text, err := os.ReadFile(c.ConfigFile)
	if err != nil {
		return nil, err
	}
	var file struct {
		Users map[string]string `yaml:"basic_auth_users"`
	}
	if err := yaml.Unmarshal(text, &file); err != nil {
		return nil, err
	}
	return slices.Sorted(maps.Keys(file.Users)), nil
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "there is nobody"
	}
	return strings.Join(names, ", ")
}
