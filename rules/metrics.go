package rules

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are what the engine tells of itself.
type metrics struct {
	evaluations  prometheus.Counter
	evaluation   prometheus.Histogram
	objectives   prometheus.Gauge
	firing       prometheus.Gauge
	sent         prometheus.Counter
	recounted    prometheus.Counter
	slices       prometheus.Counter
	polls        prometheus.Counter
	pollFailures prometheus.Counter
	recorded     prometheus.Counter
	failures     *prometheus.CounterVec
	snapshots    prometheus.Counter
	// groupsRefused counts series beyond the groups an objective may have.
	groupsRefused prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	counter := func(name, help string) prometheus.Counter {
		return f.NewCounter(prometheus.CounterOpts{Name: name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return f.NewGauge(prometheus.GaugeOpts{Name: name, Help: help})
	}
	return &metrics{
		evaluations: counter("watchtower_rules_evaluations_total", "How often all objectives were evaluated."),
		evaluation: f.NewHistogram(prometheus.HistogramOpts{
			Name: "watchtower_rules_evaluation_duration_seconds", Help: "How long one evaluation of all objectives took.",
			Buckets: prometheus.ExponentialBuckets(0.00001, 4, 10),
		}),
		objectives:   gauge("watchtower_rules_objectives", "How many objectives are kept."),
		firing:       gauge("watchtower_rules_alerts_firing", "How many alerts of objectives fire."),
		sent:         counter("watchtower_rules_alerts_sent_total", "How many alerts of objectives were handed on, repetitions included."),
		recounted:    counter("watchtower_rules_recounted_series_total", "How often a series was counted again because of late samples."),
		slices:       counter("watchtower_rules_slices_written_total", "How many slices were written to the ledger."),
		polls:        counter("watchtower_rules_polls_total", "How many queries were asked for objectives that cannot be observed."),
		pollFailures: counter("watchtower_rules_poll_failures_total", "How many polls had no usable answer."),
		recorded:     counter("watchtower_rules_recorded_samples_total", "How many samples of recorded series were written."),
		failures: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_rules_failures_total", Help: "How often a task beside the evaluation went wrong.",
		}, []string{"task"}),
		groupsRefused: counter("watchtower_rules_groups_refused_total",
			"How many groups were found that are counted in the whole of their objective only, since it has max_groups groups already."),
		snapshots: counter("watchtower_rules_snapshots_total", "How many snapshots were written."),
	}
}
