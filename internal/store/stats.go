package store

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/prometheus/model/timestamp"
)

// Stats is the state of the store for a status page.
type Stats struct {
	Dir              string
	Retention        time.Duration
	OutOfOrderWindow time.Duration

	Series         uint64    // in the head
	WatchedSeries  int       // of which the observer hears
	MinTime        time.Time // of the oldest sample; zero if there is none
	MaxTime        time.Time // of the newest sample; zero if there is none
	Blocks         int       // on disk
	Bytes          int64     // of the blocks on disk and the log
	Exemplars      uint64    // kept
	MetricFamilies int       // known from pushed metadata

	// Since the start.
	Samples      uint64 // appended
	OutOfOrder   uint64 // of these, late
	TooOld       uint64 // refused: older than the out-of-order window
	Observed     uint64 // given to the observer
	Refused      uint64 // write requests refused
	Corruptions  uint64 // found in the log and repaired
	FailedBlocks uint64 // compactions that failed

	// What was committed since the start, by the way on which it came: over the Prometheus
	// API, from rules and our own metrics.
	RemoteWrite, OTLP, Rules uint64
}

// Stats reads the current figures. It gathers the metrics of the TSDB, which
// takes well under a millisecond: fit for a page, not for a loop.
func (s *Store) Stats() Stats {
	st := Stats{
		Dir:              s.dir,
		Retention:        time.Duration(s.config.Retention),
		OutOfOrderWindow: time.Duration(s.config.OutOfOrderWindow),
		Series:           s.db.Head().NumSeries(),
		WatchedSeries:    s.watchedSeries(),
		MetricFamilies:   s.meta.size(),
	}
	blocks := s.db.Blocks()
	st.Blocks = len(blocks)
	st.Bytes = s.db.Head().Size()
	for _, b := range blocks {
		st.Bytes += b.Size()
	}
	if st.Series > 0 || st.Blocks > 0 {
		minTime, maxTime := s.db.Head().MinTime(), s.db.Head().MaxTime()
		for _, b := range blocks {
			minTime, maxTime = min(minTime, b.MinTime()), max(maxTime, b.MaxTime()-1)
		}
		if minTime <= maxTime {
			st.MinTime, st.MaxTime = timestamp.Time(minTime), timestamp.Time(maxTime)
		}
	}
	sums := gather(s.registry)
	st.Exemplars = sums["prometheus_tsdb_exemplar_exemplars_in_storage"]
	st.Samples = sums["prometheus_tsdb_head_samples_appended_total"]
	st.OutOfOrder = sums["prometheus_tsdb_head_out_of_order_samples_appended_total"]
	st.TooOld = sums["prometheus_tsdb_too_old_samples_total"] + sums["prometheus_tsdb_out_of_order_samples_total"] + sums["prometheus_tsdb_out_of_bound_samples_total"]
	st.Observed = sums["watchtower_store_observed_samples_total"]
	st.Refused = sums["watchtower_store_refused_writes_total"]
	st.Corruptions = sums["prometheus_tsdb_wal_corruptions_total"]
	st.RemoteWrite, st.OTLP, st.Rules = s.written[fromRemoteWrite].Load(), s.written[fromOTLP].Load(), s.written[fromRules].Load()
	st.FailedBlocks = sums["prometheus_tsdb_compactions_failed_total"]
	return st
}

// gather sums each counter and gauge over its labels.
func gather(g prometheus.Gatherer) map[string]uint64 {
	families, err := g.Gather()
	if err != nil && len(families) == 0 {
		return nil
	}
	sums := make(map[string]uint64, len(families))
	for _, f := range families {
		for _, m := range f.GetMetric() {
			switch f.GetType() {
			case dto.MetricType_COUNTER:
				sums[f.GetName()] += uint64(m.GetCounter().GetValue())
			case dto.MetricType_GAUGE:
				sums[f.GetName()] += uint64(max(0, m.GetGauge().GetValue()))
			default:
			}
		}
	}
	return sums
}
