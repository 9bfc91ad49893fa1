// Package httpcheck is a Collector receiver that asks HTTP endpoints at an interval whether they are well.
//
// Each check gives the metrics of the OpenTelemetry contrib receiver of the same purpose: httpcheck.duration,
// httpcheck.status (one series for each status class, 1 for the class of the answer), httpcheck.error while a check
// fails, and for TLS endpoints httpcheck.tls.cert_remaining. Two things differ, so that a recovered endpoint looks
// recovered at once: an error seen before goes on as 0, and when the status code changes the series of the former
// code end. The message of an error is one of a few words, not the operating system's text, which would make a series
// of each port number.
//
// In a configuration:
//
//	receivers:
//	  http_check:
//	    collection_interval: 30s
//	    targets:
//	      - endpoint: https://api.example.com/healthz
//	      - endpoint: https://api.example.com/v1/echo
//	        method: POST
//	        headers: {content-type: application/json}
//	        body: '{"hello": "world"}'
//	        expected_status: [200, 202]
//	        timeout: 2s
//	        interval: 10s
package httpcheck

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"time"

	"go.opentelemetry.io/collector/config/configopaque"
)

// Type names the receiver in a configuration.
const Type = "http_check"

// Config of the receiver.
type Config struct {
	// CollectionInterval is the interval of targets that have none of their own.
	CollectionInterval time.Duration `mapstructure:"collection_interval"`
	// Targets are what is checked.
	Targets []Target `mapstructure:"targets"`
}

// Target is one endpoint to check.
type Target struct {
	// Endpoint is the URL to ask. Required.
	Endpoint string `mapstructure:"endpoint"`
	// Method of the request; empty is GET.
	Method string `mapstructure:"method"`
	// Headers are added to the request. They may hold secrets and are masked where the configuration is shown.
	Headers map[string]configopaque.String `mapstructure:"headers"`
	// Body of the request.
	Body string `mapstructure:"body"`
	// ExpectedStatus are the status codes that are well; empty is any from 200 to 399.
	ExpectedStatus []int `mapstructure:"expected_status"`
	// Timeout of one check, the reading of the body included; zero is ten seconds, or the interval if that is less.
	Timeout time.Duration `mapstructure:"timeout"`
	// Interval between checks; zero is CollectionInterval.
	Interval time.Duration `mapstructure:"interval"`
}

const (
	defaultInterval = 30 * time.Second
	defaultTimeout  = 10 * time.Second
)

// Validate reports every fault.
func (c *Config) Validate() error {
	var faults []error
	if c.CollectionInterval <= 0 {
		faults = append(faults, errors.New("collection_interval must be greater than zero"))
	}
	if len(c.Targets) == 0 {
		faults = append(faults, errors.New("targets is empty: name at least one endpoint"))
	}
	for i, target := range c.Targets {
		if err := target.validate(); err != nil {
			faults = append(faults, fmt.Errorf("targets[%d]: %w", i, err))
		}
	}
	return errors.Join(faults...)
}

func (t Target) validate() error {
	var faults []error
	address, err := url.Parse(t.Endpoint)
	switch {
	case err != nil:
		faults = append(faults, fmt.Errorf("endpoint: %w", err))
	case address.Scheme != "http" && address.Scheme != "https" || address.Host == "":
		faults = append(faults, fmt.Errorf("endpoint %q is not an http:// or https:// URL", t.Endpoint))
	}
	if _, err := http.NewRequest(t.method(), "http://localhost", http.NoBody); err != nil { //nolint:noctx // Never sent.
		faults = append(faults, fmt.Errorf("method: %w", err))
	}
	for _, code := range t.ExpectedStatus {
		if code < 100 || code > 599 {
			faults = append(faults, fmt.Errorf("expected_status %d is not an HTTP status code", code))
		}
	}
	if t.Timeout < 0 {
		faults = append(faults, errors.New("timeout must not be negative"))
	}
	if t.Interval < 0 {
		faults = append(faults, errors.New("interval must not be negative"))
	}
	return errors.Join(faults...)
}

// withDefaults fills in what t leaves open.
func (t Target) withDefaults(interval time.Duration) Target {
	t.Method = t.method()
	if t.Interval == 0 {
		t.Interval = interval
	}
	if t.Timeout == 0 {
		t.Timeout = min(defaultTimeout, t.Interval)
	}
	return t
}

func (t Target) method() string {
	if t.Method == "" {
		return http.MethodGet
	}
	return t.Method
}

// expects says whether an answer with this status code is well.
func (t Target) expects(code int) bool {
	if len(t.ExpectedStatus) == 0 {
		return code >= 200 && code < 400
	}
	return slices.Contains(t.ExpectedStatus, code)
}
