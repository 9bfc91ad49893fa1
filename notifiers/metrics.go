package notifiers

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are our own; the parts of Alertmanager keep theirs under their own names.
type metrics struct {
	received      *prometheus.CounterVec
	invalid       prometheus.Counter
	reloadOK      prometheus.Gauge
	reloadSuccess prometheus.Gauge
	receivers     prometheus.Gauge
	integrations  prometheus.Gauge
	inhibitRules  prometheus.Gauge
	journalErrors *prometheus.CounterVec
	firstNotify   prometheus.Histogram
	fallbacks     *prometheus.CounterVec
	requests      *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		received: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_notifiers_alerts_received_total",
			Help: "Alerts that the rules sent, by whether they fire or have resolved.",
		}, []string{"state"}),
		invalid: f.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_notifiers_alerts_invalid_total",
			Help: "Alerts that the rules sent and that were refused.",
		}),
		reloadOK: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_notifiers_config_last_reload_successful",
			Help: "Whether the last attempt to load alertmanager.yml succeeded.",
		}),
		reloadSuccess: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_notifiers_config_last_reload_success_timestamp_seconds",
			Help: "When alertmanager.yml was last loaded.",
		}),
		receivers: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_notifiers_receivers",
			Help: "Receivers that a route uses.",
		}),
		integrations: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_notifiers_integrations",
			Help: "Integrations of the receivers that a route uses.",
		}),
		inhibitRules: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_notifiers_inhibition_rules",
			Help: "Inhibition rules.",
		}),
		journalErrors: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_notifiers_journal_write_failures_total",
			Help: "Changes that could not be written to disk at once; they are tried again with the next change.",
		}, []string{"file"}),
		fallbacks: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_notifiers_fallback_total",
			Help: "Notifications that an integration could not be told and fallback receivers were told instead, by whether at least one took it.",
		}, []string{"receiver", "integration", "outcome"}),
		firstNotify: f.NewHistogram(prometheus.HistogramOpts{
			Name:                            "watchtower_notifiers_first_notification_delay_seconds",
			Help:                            "From the start of the oldest alert of a group to an integration being called for it the first time, retries included.",
			Buckets:                         []float64{0.1, 0.5, 1, 1.5, 2, 5, 10, 30, 60, 300},
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: resetNativeHistograms,
		}),
		requests: f.NewHistogramVec(prometheus.HistogramOpts{
			Name:                            "alertmanager_http_request_duration_seconds",
			Help:                            "Histogram of latencies for HTTP requests.",
			Buckets:                         prometheus.DefBuckets,
			NativeHistogramBucketFactor:     1.1,
			NativeHistogramMaxBucketNumber:  100,
			NativeHistogramMinResetDuration: resetNativeHistograms,
		}, []string{"handler", "method", "code"}),
	}
}
