package store

import (
	"github.com/prometheus/client_golang/prometheus"
)

// source is a way on which samples come.
type source int

// The sources.
const (
	fromCollectors source = iota // scrapes and the embedded Collector
	fromRemoteWrite
	fromOTLP  // over the Prometheus API
	fromRules // what rules make of samples, and our own metrics
	sources
)

// String names the source as the metric does.
func (s source) String() string {
	return [...]string{"collectors", "remote_write", "otlp", "rules"}[s]
}

// sourceOf is where a request over HTTP that writes comes from.
func sourceOf(path string) source {
	if path == apiPrefix+"/otlp/v1/metrics" {
		return fromOTLP
	}
	return fromRemoteWrite
}

// exportWritten shows what was written, by source.
func exportWritten(reg prometheus.Registerer, s *Store) {
	for from := range sources {
		reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "watchtower_store_written_samples_total", Help: "Committed samples, by the way on which they came.",
			ConstLabels: prometheus.Labels{"source": from.String()},
		}, func() float64 { return float64(s.written[from].Load()) }))
	}
}
