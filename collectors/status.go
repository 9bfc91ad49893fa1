package collectors

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/prometheus/scrape"

	"github.com/watchtower-hub/watchtower/collectors/tsdbexporter"
)

// Status is what comes in and how it fares, for the status page.
type Status struct {
	// GRPC and HTTP are where OTLP is received, empty if it is not.
	GRPC, HTTP string
	// Pipelines are the ways through the embedded Collector, sorted by name.
	Pipelines []Pipeline
	// Samples were committed through the Collector, Spans were counted.
	Samples, Spans uint64
	// Refused are the samples that can never be stored, LogsRefused the log records, Deferred the requests that a
	// sender was asked to repeat, RelayFailed the data points and spans that could not be passed on elsewhere.
	Refused, LogsRefused, Deferred, RelayFailed uint64
	// LastError is the last reason to refuse, defer or not to pass on; LastErrorAt is when.
	LastError   string
	LastErrorAt time.Time
	// Jobs are the scrape jobs with targets, sorted by name.
	Jobs []Job
	// Failing are the targets whose last scrape failed, sorted by job and URL: at most 50
	// of the FailingCount there are.
	Failing      []Failing
	FailingCount int
}

// Job is the state of a scrape job.
type Job struct {
	Name string
	// Up and Down count the targets by their last scrape; Unknown ones were not scraped yet.
	Up, Down, Unknown int
	// Samples were stored of the job since the start.
	Samples uint64
	// LastError is the error of one of the targets that are down.
	LastError string
}

// meter counts what comes in, for /metrics and for the status.
type meter struct {
	samples, spans, refused, exemplars, logs, deferred, relayFailed prometheus.Counter

	scraped *prometheus.CounterVec // by job

	now func() time.Time

	mu     sync.Mutex
	status Status
	byJob  map[string]uint64 // samples that were scraped
}

func newMeter(registerer prometheus.Registerer) (*meter, error) {
	var faults []error
	counter := func(name, help string) prometheus.Counter {
		c := prometheus.NewCounter(prometheus.CounterOpts{Namespace: "watchtower", Subsystem: "collectors", Name: name, Help: help})
		if err := registerer.Register(c); err != nil {
			faults = append(faults, fmt.Errorf("register metric %s: %w", name, err))
		}
		return c
	}
	scraped := prometheus.NewCounterVec(prometheus.CounterOpts{
		Namespace: "watchtower", Subsystem: "collectors", Name: "scraped_samples_total", Help: "Samples committed to the store by scrapes, by job.",
	}, []string{"scrape_job"})
	if err := registerer.Register(scraped); err != nil {
		faults = append(faults, fmt.Errorf("register metric scraped_samples_total: %w", err))
	}
	return &meter{
		scraped:     scraped,
		byJob:       map[string]uint64{},
		samples:     counter("samples_stored_total", "Samples committed to the store by the embedded Collector."),
		spans:       counter("spans_accepted_total", "Spans that were counted into RED metrics."),
		refused:     counter("samples_refused_total", "Samples that can never be stored; their senders were told."),
		exemplars:   counter("exemplars_refused_total", "Exemplars that were not stored though their samples were."),
		logs:        counter("log_records_refused_total", "Log records refused, as there is no store for them."),
		deferred:    counter("requests_deferred_total", "Requests whose sender was asked to send the same data again later."),
		relayFailed: counter("relay_failed_items_total", "Data points and spans that could not be passed on to further exporters."),
		now:         time.Now,
	}, errors.Join(faults...)
}

func (m *meter) stored(result tsdbexporter.Result) {
	m.samples.Add(float64(result.Samples))
	m.refused.Add(float64(result.Refused))
	m.exemplars.Add(float64(result.Exemplars))
	m.note(result.Err, func(s *Status) {
		s.Samples += uint64(result.Samples)
		s.Refused += uint64(result.Refused)
	})
}

func (m *meter) scrapeStored(job string, samples int) {
	m.scraped.WithLabelValues(job).Add(float64(samples))
	m.mu.Lock()
	defer m.mu.Unlock()
	m.byJob[job] += uint64(samples)
}

func (m *meter) spansAccepted(spans int) {
	m.spans.Add(float64(spans))
	m.note(nil, func(s *Status) { s.Spans += uint64(spans) })
}

func (m *meter) logsRefused(records int, err error) {
	m.logs.Add(float64(records))
	m.note(err, func(s *Status) { s.LogsRefused += uint64(records) })
}

func (m *meter) requestDeferred(_ int, err error) {
	m.deferred.Inc()
	m.note(err, func(s *Status) { s.Deferred++ })
}

func (m *meter) relayDropped(items int, err error) {
	m.relayFailed.Add(float64(items))
	m.note(err, func(s *Status) { s.RelayFailed += uint64(items) })
}

func (m *meter) note(err error, count func(*Status)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	count(&m.status)
	if err != nil {
		m.status.LastError, m.status.LastErrorAt = err.Error(), m.now()
	}
}

func (m *meter) snapshot() Status {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.status
}

// jobs sums up the targets of each scrape job.
func (m *meter) jobs(active map[string][]*scrape.Target) []Job {
	m.mu.Lock()
	defer m.mu.Unlock()
	summed := make([]Job, 0, len(active))
	for _, name := range slices.Sorted(maps.Keys(active)) {
		job := Job{Name: name, Samples: m.byJob[name]}
		for _, target := range active[name] {
			switch target.Health() {
			case scrape.HealthGood:
				job.Up++
			case scrape.HealthBad:
				job.Down++
				if err := target.LastError(); err != nil {
					job.LastError = errorWithoutSecrets(err)
				}
			default:
				job.Unknown++
			}
		}
		summed = append(summed, job)
	}
	return summed
}
