package collectors

import (
	"errors"
	"fmt"
	"net"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	promconfig "github.com/prometheus/prometheus/config"
	"github.com/prometheus/prometheus/discovery"
	"github.com/prometheus/prometheus/model/labels"
	"go.yaml.in/yaml/v2"
)

// Config is the collectors section of watchtower.yaml.
type Config struct {
	// OTLP says where OTLP is received.
	OTLP OTLP `yaml:"otlp"`
	// Global is Prometheus' global section: the defaults of every scrape, and the external labels.
	Global promconfig.GlobalConfig `yaml:"global"`
	// ScrapeConfigs are scraped as Prometheus scrapes them.
	ScrapeConfigs []*promconfig.ScrapeConfig `yaml:"scrape_configs"`
	// Otelcol holds further components and pipelines in the syntax of the OpenTelemetry Collector. It is merged over
	// what is built in; see docs/configuration.
	Otelcol map[string]any `yaml:"otelcol"`
}

// OTLP is where OTLP is received, as host:port. An empty address closes that protocol, port 0 takes any free port.
type OTLP struct {
	GRPC string `yaml:"grpc"`
	HTTP string `yaml:"http"`
}

// DefaultConfig receives OTLP on loopback at its registered ports and scrapes nothing.
func DefaultConfig() Config {
	return Config{
		OTLP:   OTLP{GRPC: "127.0.0.1:4317", HTTP: "127.0.0.1:4318"},
		Global: promconfig.DefaultGlobalConfig,
	}
}

// discoveries lists the mechanisms that find scrape targets, as written in a scrape config. The packages that provide
// them are imported in scrape.go.
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
		for i, line := range typeErr.Errors {
			explained[i] = explainField(line)
		}
		return &yaml.TypeError{Errors: explained}
	}
	return err
}

// explainField says which discoveries exist where a YAML error is about one that does not.
func explainField(line string) string {
	unknown := regexp.MustCompile(`field (\w+_sd_configs?) not found in type \S+`)
	return unknown.ReplaceAllString(line, "scrape_configs: ${1} is not supported; supported are "+strings.Join(discoveries(), ", "))
}

// SetDirectory makes the relative paths of the scrape configuration relative to dir, the directory of the file that
// holds it.
func (c *Config) SetDirectory(dir string) {
	c.Global.SetDirectory(dir)
	for _, scrape := range c.ScrapeConfigs {
		scrape.SetDirectory(dir)
	}
}

// ExternalLabels are the labels of the global section with environment variables ($NAME, ${NAME}, $$ for a dollar)
// put in, as Prometheus does.
func (c Config) ExternalLabels() labels.Labels {
	builder := labels.NewScratchBuilder(c.Global.ExternalLabels.Len())
	c.Global.ExternalLabels.Range(func(l labels.Label) {
		builder.Add(l.Name, os.Expand(l.Value, func(name string) string {
			if name == "$" {
				return "$"
			}
			return os.Getenv(name)
		}))
	})
	return builder.Labels()
}

// Validate reports every fault of the section, the otelcol part included, without opening a socket.
func (c Config) Validate() error {
	_, scrapeErr := c.scrapeConfig()
	return errors.Join(c.OTLP.validate(), scrapeErr, c.dryRun())
}

func (o OTLP) validate() error {
	var faults []error
	for _, entry := range []struct{ key, address string }{{"grpc", o.GRPC}, {"http", o.HTTP}} {
		if entry.address == "" {
			continue
		}
		if _, port, err := net.SplitHostPort(entry.address); err != nil || port == "" {
			faults = append(faults, fmt.Errorf("collectors.otlp.%s: %q is not an address; write it as host:port, for example 127.0.0.1:4317", entry.key, entry.address))
		}
	}
	if o.GRPC != "" && o.GRPC == o.HTTP && !strings.HasSuffix(o.GRPC, ":0") {
		faults = append(faults, fmt.Errorf("collectors.otlp: grpc and http are both %s; give each its own port", o.GRPC))
	}
	return errors.Join(faults...)
}

// scrapeConfig is the scrape part as Prometheus' managers take it: every default filled in, every fault reported. The
// configs in c stay as they are.
func (c Config) scrapeConfig() (*promconfig.Config, error) {
	// The managers accept only what Load has made, and Load reads text, where secrets are masked: so it reads nothing
	// and the sections are put in afterwards.
	loaded, err := promconfig.Load("", nil)
	if err != nil {
		return nil, fmt.Errorf("build scrape configuration: %w", err)
	}
	loaded.GlobalConfig = c.global()

	var faults []error
	jobs := make(map[string]bool, len(c.ScrapeConfigs))
	for i, original := range c.ScrapeConfigs {
		if original == nil {
			faults = append(faults, fmt.Errorf("collectors.scrape_configs[%d] is empty; remove it or give it a job_name", i))
			continue
		}
		filled := *original
		if err := validateScrape(&filled, loaded.GlobalConfig); err != nil {
			faults = append(faults, fmt.Errorf("collectors.scrape_configs[%d] (job %q): %w", i, filled.JobName, err))
		}
		if jobs[filled.JobName] {
			faults = append(faults, fmt.Errorf("collectors.scrape_configs[%d]: job %q is already defined; a job_name may be used once", i, filled.JobName))
		}
		jobs[filled.JobName] = true
		loaded.ScrapeConfigs = append(loaded.ScrapeConfigs, &filled)
	}
	return loaded, errors.Join(faults...)
}

func validateScrape(scrape *promconfig.ScrapeConfig, global promconfig.GlobalConfig) error {
	if scrape.JobName == "" {
		return errors.New("job_name is empty")
	}
	if err := scrape.Validate(global); err != nil {
		return err
	}
	for _, found := range scrape.ServiceDiscoveryConfigs {
		if !supportedDiscovery(found) {
			return fmt.Errorf("%s_sd_configs is not supported; supported are %s", found.Name(), strings.Join(discoveries(), ", "))
		}
		if static, ok := found.(discovery.StaticConfig); ok && len(scrape.RelabelConfigs) == 0 && holdsUser(static) {
			return errors.New("static_configs: a target has a user or a password before its host, where it cannot be used and everybody sees it; write host:port alone, and the password under basic_auth")
		}
	}
	return checkClient(scrape)
}

// holdsUser tells whether a target is written as user:password@host.
func holdsUser(static discovery.StaticConfig) bool {
	for _, group := range static {
		for _, target := range group.Targets {
			if strings.Contains(string(target[model.AddressLabel]), "@") {
				return true
			}
		}
	}
	return false
}

func supportedDiscovery(found discovery.Config) bool {
	return slices.ContainsFunc(discoveries(), func(key string) bool {
		return key == found.Name()+"_sd_configs" || key == found.Name()+"_configs"
	})
}

// global fills what an empty or partly built global section leaves open.
func (c Config) global() promconfig.GlobalConfig {
	global, defaults := c.Global, promconfig.DefaultGlobalConfig
	if global.ScrapeInterval == 0 {
		global.ScrapeInterval = defaults.ScrapeInterval
	}
	if global.ScrapeTimeout == 0 {
		global.ScrapeTimeout = min(defaults.ScrapeTimeout, global.ScrapeInterval)
	}
	if global.EvaluationInterval == 0 {
		global.EvaluationInterval = defaults.EvaluationInterval
	}
	if global.MetricNameValidationScheme == model.UnsetValidation {
		global.MetricNameValidationScheme = defaults.MetricNameValidationScheme
	}
	if global.ScrapeNativeHistograms == nil {
		global.ScrapeNativeHistograms = defaults.ScrapeNativeHistograms
	}
	if global.ExtraScrapeMetrics == nil {
		global.ExtraScrapeMetrics = defaults.ExtraScrapeMetrics
	}
	if global.ScrapeProtocols == nil {
		// Start times travel in the protobuf format, so it is asked for first, as Prometheus does when it ingests them.
		global.ScrapeProtocols = promconfig.DefaultProtoFirstScrapeProtocols
	}
	global.ExternalLabels = c.ExternalLabels()
	return global
}
