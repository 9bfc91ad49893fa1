package replay

import (
	"cmp"
	"container/heap"
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// maxSeries bounds how many series a replay reads.
const maxSeries = 200_000

// Sample is one sample of a history. Histogram is nil for a float.
type Sample struct {
	// Time and Start are in Unix milliseconds; Start is when the counter began, 0:
	// unknown.
	Time, Start int64
	Value       float64
	Histogram   *histogram.FloatHistogram
}

// Source is a history.
type Source interface {
	// Series returns the series that any of the selectors selects, with samples in
	// [from, to], in Unix milliseconds. The caller calls done when it has read them.
	Series(ctx context.Context, selectors []string, from, to int64) (series []Series, done func(), err error)
	// Queryable answers PromQL for what cannot be counted; nil when the source cannot.
	Queryable() storage.Queryable
}

// Series is one series of a history. Next yields its samples in order of time, and
// false at the end or on an error.
type Series interface {
	Labels() labels.Labels
	Next() (Sample, bool)
	Err() error
}

// Stored is the history in a Prometheus TSDB.
type Stored struct{ Store storage.Queryable }

var _ Source = Stored{}

// Queryable is the store itself.
func (s Stored) Queryable() storage.Queryable { return s.Store }

// Series selects from the store.
func (s Stored) Series(ctx context.Context, selectors []string, from, to int64) ([]Series, func(), error) {
	q, err := s.Store.Querier(from, to)
	if err != nil {
		return nil, nil, fmt.Errorf("open the store: %w", err)
	}
	done := func() { _ = q.Close() }
	var out []Series
	seen := map[uint64][]labels.Labels{}
	p := parser.NewParser(parser.Options{})
	for _, text := range selectors {
		matchers, err := p.ParseMetricSelector(text)
		if err != nil {
			done()
			return nil, nil, fmt.Errorf("selector %s: %w", text, err)
		}
		set := q.Select(ctx, false, &storage.SelectHints{Start: from, End: to}, loose(matchers)...)
		for set.Next() {
			at := set.At()
			lset, key := at.Labels(), at.Labels().Hash()
			if slices.ContainsFunc(seen[key], func(other labels.Labels) bool { return labels.Equal(lset, other) }) {
				continue
			}
			seen[key] = append(seen[key], lset)
			if len(out) >= maxSeries {
				done()
				return nil, nil, fmt.Errorf("the queries match more than %d series: narrow their selectors", maxSeries)
			}
			out = append(out, &storedSeries{lset: lset, it: at.Iterator(nil)})
		}
		if err := set.Err(); err != nil {
			done()
			return nil, nil, fmt.Errorf("select %s: %w", text, err)
		}
	}
	return out, done, nil
}

// loose leaves out what the engine compares as numbers: the bounds of buckets.
func loose(ms []*labels.Matcher) []*labels.Matcher {
	return slices.DeleteFunc(ms, func(m *labels.Matcher) bool {
		return m.Type == labels.MatchEqual && m.Value != "" && (m.Name == labels.BucketLabel || m.Name == "quantile")
	})
}

type storedSeries struct {
	lset labels.Labels
	it   chunkenc.Iterator
}

func (s *storedSeries) Labels() labels.Labels { return s.lset }
func (s *storedSeries) Err() error            { return s.it.Err() }

func (s *storedSeries) Next() (Sample, bool) {
	switch s.it.Next() {
	case chunkenc.ValFloat:
		t, v := s.it.At()
		return Sample{Time: t, Start: s.it.AtST(), Value: v}, true
	case chunkenc.ValHistogram, chunkenc.ValFloatHistogram:
		t, h := s.it.AtFloatHistogram(nil)
		return Sample{Time: t, Start: s.it.AtST(), Histogram: h}, true
	case chunkenc.ValNone:
	}
	return Sample{}, false
}

// merger yields the samples of many series in order of time.
type merger []cursor

// cursor is a series, at its next sample, and the engine's id of it.
type cursor struct {
	next   Sample
	series Series
	id     uint64
}

var _ heap.Interface = (*merger)(nil)

func (m merger) Len() int           { return len(m) }
func (m merger) Less(i, k int) bool { return m[i].next.Time < m[k].next.Time }
func (m merger) Swap(i, k int)      { m[i], m[k] = m[k], m[i] }
func (m *merger) Push(x any)        { *m = append(*m, x.(cursor)) } //nolint:forcetypeassert // container/heap
func (m *merger) Pop() any {
	last := (*m)[len(*m)-1]
	*m = (*m)[:len(*m)-1]
	return last
}

// advance moves the series in front on, or drops it at its end.
func (m *merger) advance() error {
	front := &(*m)[0]
	next, ok := front.series.Next()
	if ok {
		front.next = next
		heap.Fix(m, 0)
		return nil
	}
	err := front.series.Err()
	if err != nil {
		err = fmt.Errorf("read %s: %w", front.series.Labels(), err)
	}
	heap.Pop(m)
	return err
}

// sortSamples puts the samples of a series in order and keeps one for each time.
func sortSamples(list []Sample) []Sample {
	slices.SortStableFunc(list, func(a, b Sample) int { return cmp.Compare(a.Time, b.Time) })
	return slices.CompactFunc(list, func(a, b Sample) bool { return a.Time == b.Time })
}
