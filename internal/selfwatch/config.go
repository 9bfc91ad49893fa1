package selfwatch

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	commoncfg "github.com/prometheus/common/config"
	"github.com/prometheus/common/model"
)

// Config is the section `selfwatch` of watchtower.yaml.
type Config struct {
	Heartbeat Heartbeat `yaml:"heartbeat,omitempty"`
	// IngestionAfter is for how long nothing may be stored once something was. Zero: for ever.
	IngestionAfter model.Duration `yaml:"ingestion_after"`
	// DeliveryAfter is how long a message may wait for Slack, and Slack may not answer.
	DeliveryAfter model.Duration `yaml:"delivery_after"`
	// StoreMetrics has what /metrics shows stored as well, with the job watchtower.
	StoreMetrics bool `yaml:"store_metrics"`
}

// Heartbeat says where the heartbeat goes. Without a URL there is none.
type Heartbeat struct {
	// URL is a secret: who knows it can keep the alarm from ever being raised. URLFile
	// names a file that holds it, read again at each beat.
	URL     commoncfg.Secret `yaml:"url,omitempty"`
	URLFile string           `yaml:"url_file,omitempty"`
	// Interval is the time between two beats, Timeout that of one request.
	Interval model.Duration `yaml:"interval"`
	Timeout  model.Duration `yaml:"timeout"`
	// Method is POST, GET or HEAD. No body is sent.
	Method string `yaml:"method"`
	// HTTPConfig is Prometheus' http_config: a proxy, TLS, an authorization.
	HTTPConfig commoncfg.HTTPClientConfig `yaml:"http_config,omitempty"`
}

// DefaultConfig returns what holds when watchtower.yaml says nothing: no heartbeat.
func DefaultConfig() Config {
	return Config{
		Heartbeat: Heartbeat{
			Interval: model.Duration(time.Minute), Timeout: model.Duration(10 * time.Second), Method: http.MethodPost,
			HTTPConfig: commoncfg.DefaultHTTPClientConfig,
		},
		IngestionAfter: model.Duration(10 * time.Minute),
		DeliveryAfter:  model.Duration(2 * time.Minute),
		StoreMetrics:   true,
	}
}

// SetDirectory makes the paths of the section relative to dir.
func (c *Config) SetDirectory(dir string) {
	c.Heartbeat.URLFile = commoncfg.JoinDir(dir, c.Heartbeat.URLFile)
	c.Heartbeat.HTTPConfig.SetDirectory(dir)
}

// Configured tells whether a heartbeat is asked for.
func (h Heartbeat) Configured() bool { return h.URL != "" || h.URLFile != "" }

// Validate returns every fault of the section, joined. It opens no file: ReadURL does.
func (c Config) Validate() error {
	var faults []error
	fault := func(format string, args ...any) { faults = append(faults, fmt.Errorf(format, args...)) }
	h := c.Heartbeat
	if h.URL != "" && h.URLFile != "" {
		fault("heartbeat.url_file: url is given too; keep one of them")
	}
	if h.URL != "" {
		if err := checkURL(string(h.URL)); err != nil {
			fault("heartbeat.url: %w", err)
		}
	}
	if time.Duration(h.Interval) < time.Second {
		fault("heartbeat.interval: %s is too short; write 1s or more, such as 1m", h.Interval)
	}
	if h.Timeout <= 0 {
		fault("heartbeat.timeout: must be more than nothing, such as 10s")
	}
	switch h.Method {
	case http.MethodPost, http.MethodGet, http.MethodHead:
	default:
		fault("heartbeat.method: %q cannot be used; write POST, GET or HEAD", h.Method)
	}
	if err := h.HTTPConfig.Validate(); err != nil {
		fault("heartbeat.http_config: %w", err)
	}
	if time.Duration(c.DeliveryAfter) < time.Second {
		fault("delivery_after: %s is too short; write 1s or more, such as 2m", c.DeliveryAfter)
	}
	return errors.Join(faults...)
}

// ReadURL returns where the heartbeat goes, "" if nowhere. No error holds any part of it.
func (h Heartbeat) ReadURL() (string, error) {
	if h.URLFile == "" {
		return string(h.URL), nil
	}
	text, err := os.ReadFile(h.URLFile)
	if err != nil {
		return "", err
	}
	address := strings.TrimSpace(string(text))
	if address == "" {
		return "", fmt.Errorf("%s is empty: put the address into it that your heartbeat service shows", h.URLFile)
	}
	if err := checkURL(address); err != nil {
		return "", fmt.Errorf("%s: %w", h.URLFile, err)
	}
	return address, nil
}

// checkURL says what is wrong with an address without showing any of it.
func checkURL(address string) error {
	u, err := url.Parse(address)
	switch {
	case err != nil:
		return errors.New("this is no address; it is not shown here because it is a secret: copy it again from your heartbeat service")
	case u.Scheme != "http" && u.Scheme != "https" || u.Host == "":
		return errors.New("the address must begin with https:// or http:// and name a host")
	}
	return nil
}
