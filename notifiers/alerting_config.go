package notifiers

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	_ "github.com/prometheus/prometheus/discovery/dns"        // The dns_sd_configs of alertmanagers.
	_ "github.com/prometheus/prometheus/discovery/file"       // The file_sd_configs of alertmanagers.
	_ "github.com/prometheus/prometheus/discovery/http"       // The http_sd_configs of alertmanagers.
	_ "github.com/prometheus/prometheus/discovery/kubernetes" // The kubernetes_sd_configs of alertmanagers.
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/notifier"
	"go.yaml.in/yaml/v2"
)

// discoveries lists the mechanisms that find outside Alertmanagers, as written in an entry of alertmanagers.
func discoveries() []string {
	return []string{"static_configs", "file_sd_configs", "http_sd_configs", "dns_sd_configs", "kubernetes_sd_configs"}
}

// UnmarshalYAML decodes over what c holds, so that defaults survive. A service discovery that is not compiled in is
// answered with the list of those that are.
func (c *Config) UnmarshalYAML(unmarshal func(any) error) error {
	type plain Config
	err := unmarshal((*plain)(c))
	if typeErr, ok := errors.AsType[*yaml.TypeError](err); ok {
		explained := make([]string, len(typeErr.Errors))
		unknown := regexp.MustCompile(`field (\w+_sd_configs?) not found in type \S+`)
		for i, line := range typeErr.Errors {
			explained[i] = unknown.ReplaceAllString(line, "alerting: ${1} is not supported; supported are "+strings.Join(discoveries(), ", "))
		}
		return &yaml.TypeError{Errors: explained}
	}
	return err
}

// SetDirectory makes the relative paths of the alerting section relative to dir, the directory of the file that holds
// it.
func (c *Config) SetDirectory(dir string) {
	for _, am := range c.Alerting.AlertmanagerConfigs {
		if am != nil {
			am.SetDirectory(dir)
		}
	}
}

// validateAlerting returns every fault of the section alerting, those included that only building an HTTP client finds:
// unreadable certificates and credentials.
func validateAlerting(c promconfig.AlertingConfig) error {
	var faults []error
	for i, rc := range c.AlertRelabelConfigs {
		if rc == nil {
			faults = append(faults, fmt.Errorf("alerting.alert_relabel_configs[%d] is empty; remove it", i))
		} else if err := rc.Validate(model.UTF8Validation); err != nil {
			faults = append(faults, fmt.Errorf("alerting.alert_relabel_configs[%d]: %w", i, err))
		}
	}
	for i, am := range c.AlertmanagerConfigs {
		if am == nil {
			faults = append(faults, fmt.Errorf("alerting.alertmanagers[%d] is empty; remove it or give it static_configs", i))
			continue
		}
		if err := validateAlertmanager(am); err != nil {
			faults = append(faults, fmt.Errorf("alerting.alertmanagers[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

func validateAlertmanager(am *promconfig.AlertmanagerConfig) error {
	if err := am.Validate(model.UTF8Validation); err != nil {
		return err
	}
	if am.Scheme != "http" && am.Scheme != "https" {
		return fmt.Errorf("scheme %q is neither http nor https", am.Scheme)
	}
	if am.Timeout <= 0 {
		return errors.New("timeout is zero, so that nothing could ever be sent; remove it for the default of 10s")
	}
	if len(am.ServiceDiscoveryConfigs) == 0 {
		return fmt.Errorf("nothing says where the Alertmanagers are; add one of %s", strings.Join(discoveries(), ", "))
	}
	for _, found := range am.ServiceDiscoveryConfigs {
		if !slices.ContainsFunc(discoveries(), func(key string) bool {
			return key == found.Name()+"_sd_configs" || key == found.Name()+"_configs"
		}) {
			return fmt.Errorf("%s_sd_configs is not supported; supported are %s", found.Name(), strings.Join(discoveries(), ", "))
		}
	}
	// A manager that is given nothing to find starts nothing; it only builds the client.
	alone := promconfig.AlertingConfig{AlertmanagerConfigs: promconfig.AlertmanagerConfigs{am}}
	trial := notifier.NewManager(&notifier.Options{}, model.UTF8Validation, nil)
	return trial.ApplyConfig(notifierConfig(alone, labels.EmptyLabels()))
}

// notifierConfig is c as Prometheus' notifier manager takes it.
func notifierConfig(c promconfig.AlertingConfig, external labels.Labels) *promconfig.Config {
	full := promconfig.DefaultConfig
	full.GlobalConfig.ExternalLabels = external
	full.GlobalConfig.MetricNameValidationScheme = model.UTF8Validation
	full.AlertingConfig = c
	return &full
}

// discoveryOf is what the discovery manager takes, under the names that the notifier manager knows.
func discoveryOf(c promconfig.AlertingConfig) map[string]discovery.Configs {
	found := make(map[string]discovery.Configs, len(c.AlertmanagerConfigs))
	for name, am := range c.AlertmanagerConfigs.ToMap() {
		found[name] = am.ServiceDiscoveryConfigs
	}
	return found
}

// sameExceptSecrets reports whether an entry of next differs from one of previous in nothing but its secrets. The
// notifier manager compares entries by how they are written out, with secrets masked, and would keep using the old ones.
func sameExceptSecrets(previous, next promconfig.AlertmanagerConfigs) bool {
	known := make(map[string][]string, len(previous))
	for _, am := range previous {
		if text, err := yaml.Marshal(am); err == nil {
			known[string(text)] = secretsIn(am)
		}
	}
	return slices.ContainsFunc(next, func(am *promconfig.AlertmanagerConfig) bool {
		text, err := yaml.Marshal(am)
		secrets, found := known[string(text)]
		return err == nil && found && !slices.Equal(secrets, secretsIn(am))
	})
}
