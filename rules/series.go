package rules

import (
	"context"
	"fmt"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
)

// eachSeries calls f for every stored series of a term with samples in
// [from, to].
func eachSeries(ctx context.Context, q storage.Querier, t term, f func(labels.Labels, chunkenc.Iterator) error) error {
	set := q.Select(ctx, false, nil, t.storeMatchers()...)
	var it chunkenc.Iterator
	for set.Next() {
		s := set.At()
		lset := s.Labels()
		if !t.selects(lset) {
			continue
		}
		it = s.Iterator(it)
		if err := f(lset, it); err != nil {
			return err
		}
		if err := it.Err(); err != nil {
			return fmt.Errorf("read %s: %w", lset, err)
		}
	}
	if err := set.Err(); err != nil {
		return fmt.Errorf("select %s: %w", t.selector, err)
	}
	return nil
}

// eachSample calls f for every sample of a series, in order of time.
func eachSample(it chunkenc.Iterator, f func(sample)) {
	for {
		var s sample
		switch it.Next() {
		case chunkenc.ValNone:
			return
		case chunkenc.ValFloat:
			s.t, s.v = it.At()
		case chunkenc.ValHistogram:
			t, h := it.AtHistogram(nil)
			s = histogramSample(t, h.ToFloat(nil))
		case chunkenc.ValFloatHistogram:
			s = histogramSample(it.AtFloatHistogram(nil))
		}
		s.start = it.AtST()
		f(s)
	}
}

func histogramSample(t int64, h *histogram.FloatHistogram) sample {
	s := sample{t: t, v: h.Count, histogram: true, h: h}
	if value.IsStaleNaN(h.Sum) {
		s.v = h.Sum
	}
	return s
}

// chunkReader reads series chunk by chunk, which takes half the time of their samples in order. It keeps its iterators.
type chunkReader struct {
	chunks  chunks.Iterator
	samples chunkenc.Iterator
}

// read calls f for the samples of a series in [from, to]. No slice is a histogram.
func (r *chunkReader) read(s storage.ChunkSeries, from, to int64, f func(t int64, v float64)) error {
	r.chunks = s.Iterator(r.chunks)
	for r.chunks.Next() {
		meta := r.chunks.At()
		r.samples = meta.Chunk.Iterator(r.samples)
		inside := from <= meta.MinTime && meta.MaxTime <= to
		for r.samples.Next() == chunkenc.ValFloat {
			if t, v := r.samples.At(); inside || from <= t && t <= to {
				f(t, v)
			}
		}
		if err := r.samples.Err(); err != nil {
			return err
		}
	}
	return r.chunks.Err()
}

// samplesOf reads the samples of exactly one series in [from, to].
func samplesOf(ctx context.Context, store storage.Queryable, lset labels.Labels, from, to int64) ([]sample, error) {
	q, err := store.Querier(from, to)
	if err != nil {
		return nil, fmt.Errorf("open the store: %w", err)
	}
	defer func() { _ = q.Close() }()
	t := term{}
	lset.Range(func(l labels.Label) {
		t.matchers = append(t.matchers, labels.MustNewMatcher(labels.MatchEqual, l.Name, l.Value))
	})
	t.selector = lset.String()
	var out []sample
	err = eachSeries(ctx, q, t, func(found labels.Labels, it chunkenc.Iterator) error {
		if labels.Equal(found, lset) {
			eachSample(it, func(s sample) { out = append(out, s) })
		}
		return nil
	})
	return out, err
}
