package store

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/metadata"
	"github.com/prometheus/prometheus/storage"
)

var (
	_ storage.Appender   = (*appender)(nil)
	_ storage.AppenderV2 = (*appenderV2)(nil)
)

// sample is one sample of a watched series that waits for Commit.
type sample struct {
	series    *watched
	start, at int64
	v         float64
	h         *histogram.Histogram
	fh        *histogram.FloatHistogram
}

// transaction is what both kinds of appender share: the samples and the metadata
// to publish once Commit has succeeded. Like the appenders it is not safe for
// concurrent use.
type transaction struct {
	store   *Store
	inner   storage.AppenderTransaction
	request *writeRequest // set for appends over HTTP
	outside bool          // what is appended is telemetry, not what rules make of it
	taken   uint64        // samples
	pending *[]sample     // from the store's pool; nil until a watched series comes by
	meta    metadataBatch
}

// record notes a sample that the head has accepted under ref, once the observer
// has been asked about its series. w is what the table knows, but not "ignored":
// the appenders look that up themselves, because it is the answer for nearly every
// sample.
func (tx *transaction) record(table *watchTable, w *watched, ref storage.SeriesRef, lset labels.Labels, s sample) {
	if w == nil {
		if lset.IsEmpty() {
			// The caller identifies the series by its reference alone.
			lset = tx.store.seriesLabels(ref)
		}
		if w = table.resolve(ref, lset.WithoutEmpty()); w == table.ignored {
			return
		}
	}
	if tx.pending == nil {
		tx.pending = tx.store.getBuffer()
	}
	s.series = w
	*tx.pending = append(*tx.pending, s)
}

// Commit commits to the TSDB and then publishes.
func (tx *transaction) Commit() error {
	tx.finish()
	if err := tx.inner.Commit(); err != nil {
		tx.drop()
		return err
	}
	tx.meta.commit(&tx.store.meta)
	if tx.taken > 0 {
		tx.store.written[tx.source()].Add(tx.taken)
		if tx.outside {
			tx.store.receivedAt.Store(time.Now().UnixNano())
		}
	}
	if tx.pending == nil {
		return nil
	}
	table := tx.store.table.Load()
	observed := 0
	for i := range *tx.pending {
		if publish(table, &(*tx.pending)[i]) {
			observed++
		}
	}
	tx.store.metrics.observed.Add(float64(observed))
	tx.drop()
	return nil
}

// Rollback publishes nothing.
func (tx *transaction) Rollback() error {
	tx.finish()
	tx.drop()
	return tx.inner.Rollback()
}

// source says on what way the samples came.
func (tx *transaction) source() source {
	switch {
	case tx.request != nil:
		return tx.request.source
	case tx.outside:
		return fromCollectors
	default:
		return fromRules
	}
}

func (tx *transaction) finish() {
	if tx.request != nil {
		tx.request.close(tx)
	}
}

func (tx *transaction) drop() {
	if tx.pending != nil {
		tx.store.putBuffer(tx.pending)
		tx.pending = nil
	}
}

// publish hands one committed sample to the observer of table, which is the
// current one, and reports whether it did. If the observer was replaced since the
// sample was appended, the new one is asked whether it wants the series.
func publish(table *watchTable, p *sample) bool {
	w := p.series
	if w.table != table {
		if table == nil {
			return false
		}
		if w = table.resolve(w.ref, w.lset); w == table.ignored {
			return false
		}
	}
	if !w.advance(p.at) {
		return false
	}
	start := p.start
	if start < 0 || start >= p.at {
		// OTLP: a start time equal to the time of the sample says that the start is not known.
		start = 0
	}
	v, fh := p.v, p.fh
	if p.h != nil {
		fh = p.h.ToFloat(nil)
	}
	if fh != nil {
		v = fh.Sum
	}
	table.observer.Observe(w.id, start, p.at, v, fh)
	return true
}

// appender is the observed appender of version 1, as rules and remote write use it.
type appender struct {
	transaction
	inner storage.Appender

	// The start time that the caller announced for its next sample.
	startLabels    labels.Labels
	startAt, start int64
}

// Appender implements storage.Appendable.
func (s *Store) Appender(ctx context.Context) storage.Appender {
	inner := s.db.Appender(ctx)
	a := &appender{transaction: transaction{store: s, inner: inner}, inner: inner}
	a.request = openWriteRequest(ctx, &a.transaction)
	a.outside = a.request != nil // else it is a rule that writes
	return a
}

// SetOptions passes the options on.
func (a *appender) SetOptions(opts *storage.AppendOptions) { a.inner.SetOptions(opts) }

// Append implements storage.Appender.
func (a *appender) Append(ref storage.SeriesRef, l labels.Labels, t int64, v float64) (storage.SeriesRef, error) {
	start := a.takeStart(l, t)
	ref, err := a.inner.Append(ref, l, t, v)
	if err != nil {
		return ref, err
	}
	a.taken++
	if table := a.store.table.Load(); table != nil {
		if w := table.lookup(ref); w != table.ignored {
			a.record(table, w, ref, l, sample{start: start, at: t, v: v})
		}
	}
	return ref, nil
}

// AppendHistogram implements storage.HistogramAppender.
func (a *appender) AppendHistogram(ref storage.SeriesRef, l labels.Labels, t int64, h *histogram.Histogram, fh *histogram.FloatHistogram) (storage.SeriesRef, error) {
	start := a.takeStart(l, t)
	ref, err := a.inner.AppendHistogram(ref, l, t, h, fh)
	if err != nil {
		return ref, err
	}
	a.taken++
	if table := a.store.table.Load(); table != nil {
		if w := table.lookup(ref); w != table.ignored {
			a.record(table, w, ref, l, sample{start: start, at: t, h: h, fh: fh})
		}
	}
	return ref, nil
}

// AppendSTZeroSample remembers st as the start time of the sample at t, which
// the caller appends next. Unlike the TSDB it stores no zero sample at st: what
// arrives by remote write looks as if it had been scraped.
func (a *appender) AppendSTZeroSample(ref storage.SeriesRef, l labels.Labels, t, st int64) (storage.SeriesRef, error) {
	if st >= t {
		return ref, storage.ErrSTNewerThanSample
	}
	a.startLabels, a.startAt, a.start = l, t, st
	return ref, nil
}

// AppendHistogramSTZeroSample is AppendSTZeroSample for a histogram.
func (a *appender) AppendHistogramSTZeroSample(ref storage.SeriesRef, l labels.Labels, t, st int64, _ *histogram.Histogram, _ *histogram.FloatHistogram) (storage.SeriesRef, error) {
	return a.AppendSTZeroSample(ref, l, t, st)
}

func (a *appender) takeStart(l labels.Labels, t int64) int64 {
	if a.start == 0 {
		return 0
	}
	start := a.start
	a.start = 0
	if t != a.startAt || !labels.Equal(l, a.startLabels) {
		return 0
	}
	return start
}

// AppendExemplar implements storage.ExemplarAppender.
func (a *appender) AppendExemplar(ref storage.SeriesRef, l labels.Labels, e exemplar.Exemplar) (storage.SeriesRef, error) {
	return a.inner.AppendExemplar(ref, l, e)
}

// UpdateMetadata keeps the metadata for /api/v1/metadata. It is not written to
// the log, as in a Prometheus without the feature metadata-wal-records.
func (a *appender) UpdateMetadata(ref storage.SeriesRef, l labels.Labels, m metadata.Metadata) (storage.SeriesRef, error) {
	a.meta.note(&a.store.meta, familyOf(l.Get(model.MetricNameLabel), m.Type), m)
	return ref, nil
}

// appenderV2 is the observed appender of version 2, as scraping and OTLP use it.
type appenderV2 struct {
	transaction
	inner storage.AppenderV2
}

// AppenderV2 implements storage.AppendableV2.
func (s *Store) AppenderV2(ctx context.Context) storage.AppenderV2 {
	inner := s.db.AppenderV2(ctx)
	a := &appenderV2{transaction: transaction{store: s, inner: inner, outside: true}, inner: inner}
	a.request = openWriteRequest(ctx, &a.transaction)
	return a
}

// Append implements storage.AppenderV2.
func (a *appenderV2) Append(ref storage.SeriesRef, ls labels.Labels, st, t int64, v float64, h *histogram.Histogram, fh *histogram.FloatHistogram, opts storage.AOptions) (storage.SeriesRef, error) {
	ref, err := a.inner.Append(ref, ls, st, t, v, h, fh, opts)
	if err != nil && !errors.Is(err, (*storage.AppendPartialError)(nil)) {
		return ref, err
	}
	a.taken++
	if table := a.store.table.Load(); table != nil {
		if w := table.lookup(ref); w != table.ignored {
			a.record(table, w, ref, ls, sample{start: st, at: t, v: v, h: h, fh: fh})
		}
	}
	if (opts.Metadata.Help != "" || !opts.Metadata.IsEmpty()) && !a.meta.repeats(opts.MetricFamilyName, &opts.Metadata) {
		family := opts.MetricFamilyName
		if family == "" {
			family = familyOf(ls.Get(model.MetricNameLabel), opts.Metadata.Type)
		}
		a.meta.note(&a.store.meta, family, opts.Metadata)
	}
	return ref, err
}
