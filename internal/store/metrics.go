package store

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
)

type storeMetrics struct {
	observed prometheus.Counter
	refused  *prometheus.CounterVec
}

func newMetrics(reg prometheus.Registerer, s *Store) *storeMetrics {
	m := &storeMetrics{
		observed: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "watchtower_store_observed_samples_total",
			Help: "Committed samples of watched series.",
		}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "watchtower_store_refused_writes_total",
			Help: "Write requests over HTTP that were refused, by reason.",
		}, []string{"reason"}),
	}
	exportWritten(reg, s)
	reg.MustRegister(m.observed, m.refused,
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "watchtower_store_watched_series",
			Help: "Live series that the observer watches.",
		}, func() float64 { return float64(s.watchedSeries()) }),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "watchtower_store_pushed_metric_families",
			Help: "Metric families whose type and help are known from OTLP or remote write.",
		}, func() float64 { return float64(s.meta.size()) }),
	)
	return m
}

func (s *Store) watchedSeries() int {
	if t := s.table.Load(); t != nil {
		return t.watchedSeries()
	}
	return 0
}

// export makes the metrics of inner part of reg, until the returned func is called.
func export(reg prometheus.Registerer, inner *prometheus.Registry) (unregister func(), err error) {
	if reg == nil {
		return func() {}, nil
	}
	if err := reg.Register(inner); err != nil {
		if _, ok := errors.AsType[prometheus.AlreadyRegisteredError](err); ok {
			return nil, errors.New("another store is exported already")
		}
		return nil, err
	}
	return func() { reg.Unregister(inner) }, nil
}
