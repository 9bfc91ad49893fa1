package replay

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sort"
	"time"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
	"github.com/prometheus/prometheus/tsdb/chunks"
	"github.com/prometheus/prometheus/util/annotations"
)

// Memory is a history held in memory, as it is read from a file.
type Memory struct {
	series []*points
}

var _ Source = (*Memory)(nil)

// points are the samples of one series in order of time, one for each time.
type points struct {
	lset labels.Labels
	list []point
}

// point is a sample without histogram.
type point struct {
	t, start int64
	v        float64
}

// Bounds are the times of the first and the last sample; zero without any.
func (m *Memory) Bounds() (first, last time.Time) {
	for _, s := range m.series {
		begin, end := time.UnixMilli(s.list[0].t).UTC(), time.UnixMilli(s.list[len(s.list)-1].t).UTC()
		if first.IsZero() || begin.Before(first) {
			first = begin
		}
		if end.After(last) {
			last = end
		}
	}
	return first, last
}

// settle puts everything in order and drops series without samples.
func (m *Memory) settle() {
	m.series = slices.DeleteFunc(m.series, func(s *points) bool { return len(s.list) == 0 })
	for _, s := range m.series {
		if !slices.IsSortedFunc(s.list, byTime) {
			slices.SortStableFunc(s.list, byTime)
		}
		s.list = slices.CompactFunc(s.list, func(a, b point) bool { return a.t == b.t })
	}
	slices.SortFunc(m.series, func(a, b *points) int { return labels.Compare(a.lset, b.lset) })
}

func byTime(a, b point) int { return cmp.Compare(a.t, b.t) }

// between returns the points in [from, to].
func (s *points) between(from, to int64) []point {
	lo := sort.Search(len(s.list), func(i int) bool { return s.list[i].t >= from })
	hi := sort.Search(len(s.list), func(i int) bool { return s.list[i].t > to })
	return s.list[lo:max(lo, hi)]
}

func (s *points) matches(ms []*labels.Matcher) bool {
	return !slices.ContainsFunc(ms, func(m *labels.Matcher) bool { return !m.Matches(s.lset.Get(m.Name)) })
}

// Series selects from memory.
func (m *Memory) Series(_ context.Context, want Selection) (_ []Series, done func(), err error) {
	selectors, err := want.matchers()
	if err != nil {
		return nil, nil, err
	}
	var out []Series
	for _, s := range m.series {
		if !slices.ContainsFunc(selectors, s.matches) {
			continue
		}
		if len(out) >= want.MaxSeries {
			return nil, nil, want.tooMany()
		}
		out = append(out, &memorySeries{lset: s.lset, rest: s.between(want.From, want.To)})
	}
	return out, func() {}, nil
}

type memorySeries struct {
	lset labels.Labels
	rest []point
}

func (s *memorySeries) Labels() labels.Labels { return s.lset }
func (s *memorySeries) Err() error            { return nil }

func (s *memorySeries) Next() (Sample, bool) {
	if len(s.rest) == 0 {
		return Sample{}, false
	}
	p := s.rest[0]
	s.rest = s.rest[1:]
	return Sample{Time: p.t, Start: p.start, Value: p.v}, true
}

// Queryable answers PromQL from memory.
func (m *Memory) Queryable() storage.Queryable { return memoryStore{m} }

type memoryStore struct{ m *Memory }

func (s memoryStore) Querier(from, to int64) (storage.Querier, error) {
	return memoryQuerier{s.m, from, to}, nil
}

// memoryQuerier selects series for PromQL, which asks for nothing else.
type memoryQuerier struct {
	m        *Memory
	from, to int64
}

var _ storage.Querier = memoryQuerier{}

func (q memoryQuerier) Select(_ context.Context, _ bool, _ *storage.SelectHints, ms ...*labels.Matcher) storage.SeriesSet {
	set := &memorySet{}
	for _, s := range q.m.series {
		if list := s.between(q.from, q.to); len(list) > 0 && s.matches(ms) {
			set.rest = append(set.rest, &storage.SeriesEntry{Lset: s.lset, SampleIteratorFn: func(chunkenc.Iterator) chunkenc.Iterator {
				return storage.NewListSeriesIterator(pointSamples(list))
			}})
		}
	}
	return set
}

func (memoryQuerier) Close() error { return nil }

func (memoryQuerier) LabelValues(context.Context, string, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

func (memoryQuerier) LabelNames(context.Context, *storage.LabelHints, ...*labels.Matcher) ([]string, annotations.Annotations, error) {
	return nil, nil, errors.ErrUnsupported
}

// memorySet yields series in order of their labels.
type memorySet struct {
	rest []storage.Series
	at   storage.Series
}

func (s *memorySet) Next() bool {
	if len(s.rest) == 0 {
		return false
	}
	s.at, s.rest = s.rest[0], s.rest[1:]
	return true
}

func (s *memorySet) At() storage.Series                { return s.at }
func (s *memorySet) Err() error                        { return nil }
func (s *memorySet) Warnings() annotations.Annotations { return nil }
func (p point) T() int64                               { return p.t }
func (p point) ST() int64                              { return p.start }
func (p point) F() float64                             { return p.v }
func (p point) H() *histogram.Histogram                { return nil }
func (p point) FH() *histogram.FloatHistogram          { return nil }
func (p point) Type() chunkenc.ValueType               { return chunkenc.ValFloat }
func (p point) Copy() chunks.Sample                    { return p }

// pointSamples shows points as Prometheus' samples.
type pointSamples []point

func (p pointSamples) Len() int                { return len(p) }
func (p pointSamples) Get(i int) chunks.Sample { return p[i] }
