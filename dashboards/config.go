package dashboards

import (
	"errors"
	"fmt"
	"path/filepath"
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

// GrafanaConfig names a Grafana. Pushing to it is not offered yet: URL and
// TokenFile have to be empty.
type GrafanaConfig struct {
	URL       string `yaml:"url"`
	TokenFile string `yaml:"token_file"`
	// Folder is the title of the folder in Grafana.
	Folder string `yaml:"folder"`
}

// DefaultConfig returns the section as it is when the file leaves it out.
func DefaultConfig() Config {
	return Config{Out: "dashboards", Extra: []string{"boards/*.yaml"}, Grafana: GrafanaConfig{Folder: "Watchtower"}}
}

// Validate reports every fault of the section at once.
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
		faults = append(faults, errors.New("dashboards.grafana.url is set, but pushing to Grafana is not offered yet: leave it empty, "+
			"run `watchtower dashboards build --out DIR` and let Grafana provision the files"))
	}
	if c.Grafana.TokenFile != "" {
		faults = append(faults, errors.New("dashboards.grafana.token_file is set, but pushing to Grafana is not offered yet: leave it empty"))
	}
	return errors.Join(faults...)
}
