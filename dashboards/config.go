package dashboards

import (
	"errors"
	"fmt"
	"net/url"
	"path/filepath"

	commoncfg "github.com/prometheus/common/config"
)

// Config is the section `dashboards` of watchtower.yaml.
type Config struct {
	// Out is the folder for the generated files.
	Out string `yaml:"out"`
	// Extra are glob patterns of the users' own panels.
	Extra []string `yaml:"extra"`
	// Grafana is where dashboards are pushed to.
	Grafana GrafanaConfig `yaml:"grafana"`
}

// GrafanaConfig names a Grafana. Without a URL nothing can be pushed.
type GrafanaConfig struct {
	URL string `yaml:"url"`
	// TokenFile holds the token of a service account; GRAFANA_TOKEN when "".
	TokenFile string `yaml:"token_file"`
	// Folder is the title of the folder in Grafana.
	Folder string `yaml:"folder"`
	// HTTPConfig is Prometheus' http_config: TLS, a proxy, headers.
	HTTPConfig commoncfg.HTTPClientConfig `yaml:"http_config,omitempty"`
}

// DefaultConfig returns the section as it is when the file leaves it out.
func DefaultConfig() Config {
	return Config{
		Out: "dashboards", Extra: []string{"boards/*.yaml"},
		Grafana: GrafanaConfig{Folder: "Watchtower", HTTPConfig: commoncfg.DefaultHTTPClientConfig},
	}
}

// SetDirectory makes the paths of the section relative to dir.
func (c *Config) SetDirectory(dir string) {
	c.Out = commoncfg.JoinDir(dir, c.Out)
	c.Grafana.TokenFile = commoncfg.JoinDir(dir, c.Grafana.TokenFile)
	c.Grafana.HTTPConfig.SetDirectory(dir)
}

// Validate reports every fault of the section at once. It opens no file.
func (c Config) Validate() error {
	var faults []error
	if c.Out == "" {
		faults = append(faults, errors.New("dashboards.out is empty: name the folder for the generated files, for example dashboards"))
	}
	for _, pattern := range c.Extra {
		if _, err := filepath.Match(pattern, ""); err != nil || pattern == "" {
			faults = append(faults, fmt.Errorf("dashboards.extra: %q is not a valid pattern: name files, for example boards/*.yaml", pattern))
		}
	}
	if c.Grafana.URL != "" {
		if err := CheckGrafanaURL(c.Grafana.URL); err != nil {
			faults = append(faults, fmt.Errorf("dashboards.grafana.url: %w", err))
		}
	}
	if c.Grafana.Folder == "" {
		faults = append(faults, errors.New("dashboards.grafana.folder is empty: name the folder for the dashboards, for example Watchtower"))
	}
	if err := c.Grafana.HTTPConfig.Validate(); err != nil {
		faults = append(faults, fmt.Errorf("dashboards.grafana.http_config: %w", err))
	}
	return errors.Join(faults...)
}

// CheckGrafanaURL refuses what cannot be a Grafana's address.
func CheckGrafanaURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("the address cannot be read: write it like https://grafana.example")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return fmt.Errorf("%q is no address: write it with http:// or https://, like https://grafana.example", u.Redacted())
	case u.User != nil:
		return fmt.Errorf("%s holds a name or password: take it out and use a service account's token", u.Redacted())
	case u.RawQuery != "" || u.Fragment != "":
		return fmt.Errorf("%s goes on after its path: write only where Grafana is", u.Redacted())
	}
	return nil
}
