package incidents

import (
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics of the log.
type metrics struct {
	services    sync.Map // that are expected: a name that somebody makes up is no label
	opened      *prometheus.CounterVec
	acknowledge *prometheus.HistogramVec
	resolve     *prometheus.HistogramVec
	annotations *prometheus.CounterVec
	disk        prometheus.Counter
	refused     prometheus.Counter
}

func newMetrics(reg prometheus.Registerer, open func() float64) *metrics {
	factory := promauto.With(reg)
	factory.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "watchtower_incidents_open",
		Help: "Incidents that are not resolved.",
	}, open)
	buckets := []float64{15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400}
	return &metrics{
		opened: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_incidents_total",
			Help: "Incidents that were opened, by severity, team and service.",
		}, []string{"severity", "team", "service"}),
		acknowledge: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "watchtower_incident_acknowledge_seconds",
			Help:    "Time from the beginning of an incident to its first acknowledgment, by severity and team.",
			Buckets: buckets,
		}, []string{"severity", "team"}),
		resolve: factory.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "watchtower_incident_resolve_seconds",
			Help:    "Time from the beginning of an incident to its end, by severity and team.",
			Buckets: buckets,
		}, []string{"severity", "team"}),
		annotations: factory.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_annotations_total",
			Help: "Annotations of deploys and other changes, by service; an empty one is all services.",
		}, []string{"service"}),
		disk: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_incidents_disk_errors_total",
			Help: "Times that events could not be written; they are tried again.",
		}),
		refused: factory.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_incidents_refused_total",
			Help: "Events of peers that are not usable, or were too many at once.",
		}),
	}
}

// Expect has the metrics of such incidents, and of changes of that service, begin at zero, so that the first one is an
// increase of something that was there.
func (l *Log) Expect(severity, team, service string) {
	l.metrics.opened.WithLabelValues(severity, team, service)
	l.metrics.acknowledge.WithLabelValues(severity, team)
	l.metrics.resolve.WithLabelValues(severity, team)
	l.metrics.services.Store(service, true)
	l.metrics.annotations.WithLabelValues(service)
}

// annotated counts an annotation. A service that nobody expects is counted as "other".
func (m *metrics) annotated(service string) {
	if _, expected := m.services.Load(service); !expected && service != "" {
		service = "other"
	}
	m.annotations.WithLabelValues(service).Inc()
}

// count counts what has become of an incident.
func (m *metrics) count(before, after Incident) {
	if after.ID == "" {
		return
	}
	severity := after.Severity
	if before.ID == "" {
		m.opened.WithLabelValues(severity, after.Team, after.Service).Inc()
	}
	if before.AcknowledgedAt.IsZero() && !after.AcknowledgedAt.IsZero() {
		m.acknowledge.WithLabelValues(severity, after.Team).Observe(since(after.OpenedAt, after.AcknowledgedAt).Seconds())
	}
	if before.ResolvedAt.IsZero() && !after.ResolvedAt.IsZero() {
		m.resolve.WithLabelValues(severity, after.Team).Observe(since(after.OpenedAt, after.ResolvedAt).Seconds())
	}
}

// since is the time between two times, 0 if the clocks of those who told them differ.
func since(from, to time.Time) time.Duration { return max(0, to.Sub(from)) }
