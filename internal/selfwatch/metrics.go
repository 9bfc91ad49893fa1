package selfwatch

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

type metrics struct {
	ok     *prometheus.GaugeVec
	alarms *prometheus.CounterVec
	beats  *prometheus.CounterVec
	beatAt prometheus.Gauge
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	m := &metrics{
		ok: f.NewGaugeVec(prometheus.GaugeOpts{
			Name: "watchtower_selfwatch_check_ok",
			Help: "1 while a check of the process itself is ok, 0 while it fails or nobody has looked yet.",
		}, []string{"check"}),
		alarms: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_selfwatch_alarms_total",
			Help: "How often a check of the process itself failed for longer than its patience.",
		}, []string{"check"}),
		beats: f.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_heartbeat_sent_total",
			Help: "Heartbeats by what became of them (ok, failed).",
		}, []string{"outcome"}),
		beatAt: f.NewGauge(prometheus.GaugeOpts{
			Name: "watchtower_heartbeat_last_success_timestamp_seconds",
			Help: "When a heartbeat was last taken, in Unix time; 0 if none was.",
		}),
	}
	for _, outcome := range []string{"ok", "failed"} {
		m.beats.WithLabelValues(outcome)
	}
	return m
}
