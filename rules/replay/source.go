package replay

import (
	"context"
	"fmt"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"
)

// Sample is one sample of a history. Histogram is nil for a float.
type Sample struct {
	// Time and Start are in Unix milliseconds; Start is when the counter began, 0:
	// unknown.
	Time, Start int64
	Value       float64
	Histogram   *histogram.FloatHistogram
}

// Selection is what is wanted of a history: the series that any of the selectors
// selects, with samples in [From, To], in Unix milliseconds.
type Selection struct {
	Selectors []string
	From, To  int64
	// MaxSeries bounds them; more is an error.
	MaxSeries int
}

// Source is a history.
type Source interface {
	// Series selects series. The caller calls done when it has read them.
	Series(ctx context.Context, s Selection) (series []Series, done func(), err error)
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

// matchers reads the selectors, without what the engine compares as numbers: the
// bounds of buckets.
func (s Selection) matchers() ([][]*labels.Matcher, error) {
	var out [][]*labels.Matcher
	p := parser.NewParser(parser.Options{})
	for _, text := range s.Selectors {
		ms, err := p.ParseMetricSelector(text)
		if err != nil {
			return nil, fmt.Errorf("selector %s: %w", text, err)
		}
		out = append(out, slices.DeleteFunc(ms, func(m *labels.Matcher) bool {
			return m.Type == labels.MatchEqual && m.Value != "" && (m.Name == labels.BucketLabel || m.Name == "quantile")
		}))
	}
	return out, nil
}

func (s Selection) tooMany() error {
	return fmt.Errorf("the queries match more than %d series: narrow their selectors, or replay fewer objectives", s.MaxSeries)
}

// Stored is the history in a Prometheus TSDB.
type Stored struct {
	Store storage.Queryable
	// Start tells when the counter of a series began that had a sample at a time, both
	// in Unix milliseconds, 0: unknown. A TSDB does not keep it. May be nil.
	Start func(lset labels.Labels) func(tMs int64) int64
}

var _ Source = Stored{}

// Queryable is the store itself.
func (s Stored) Queryable() storage.Queryable { return s.Store }

// Series selects from the store.
func (s Stored) Series(ctx context.Context, want Selection) (_ []Series, done func(), err error) {
	selectors, err := want.matchers()
	if err != nil {
		return nil, nil, err
	}
	q, err := s.Store.Querier(want.From, want.To)
	if err != nil {
		return nil, nil, fmt.Errorf("open the store: %w", err)
	}
	done = func() { _ = q.Close() }
	var out []Series
	seen := map[uint64][]labels.Labels{}
	for i, matchers := range selectors {
		set := q.Select(ctx, false, &storage.SelectHints{Start: want.From, End: want.To}, matchers...)
		for set.Next() {
			at := set.At()
			lset, key := at.Labels(), at.Labels().Hash()
			if slices.ContainsFunc(seen[key], func(other labels.Labels) bool { return labels.Equal(lset, other) }) {
				continue
			}
			seen[key] = append(seen[key], lset)
			if len(out) >= want.MaxSeries {
				done()
				return nil, nil, want.tooMany()
			}
			read := &storedSeries{lset: lset, it: at.Iterator(nil)}
			if s.Start != nil {
				read.start = s.Start(lset)
			}
			out = append(out, read)
		}
		if err := set.Err(); err != nil {
			done()
			return nil, nil, fmt.Errorf("select %s: %w", want.Selectors[i], err)
		}
	}
	return out, done, nil
}

type storedSeries struct {
	lset  labels.Labels
	it    chunkenc.Iterator
	start func(tMs int64) int64
}

func (s *storedSeries) Labels() labels.Labels { return s.lset }
func (s *storedSeries) Err() error            { return s.it.Err() }

func (s *storedSeries) Next() (Sample, bool) {
	var out Sample
	switch s.it.Next() {
	case chunkenc.ValFloat:
		out.Time, out.Value = s.it.At()
	case chunkenc.ValHistogram, chunkenc.ValFloatHistogram:
		out.Time, out.Histogram = s.it.AtFloatHistogram(nil)
	case chunkenc.ValNone:
		return out, false
	}
	out.Start = s.it.AtST()
	if out.Start == 0 && s.start != nil {
		out.Start = s.start(out.Time)
	}
	return out, true
}

// merger yields the samples of many series in order of time: a heap by the time of
// the next sample of each.
type merger []*cursor

// cursor is a series, at its next sample. id is the engine's, and last the time of the
// sample it had before.
type cursor struct {
	next   Sample
	series Series
	id     uint64
	last   int64
}

// newMerger reads the first sample of each series.
func newMerger(series []Series) (merger, error) {
	var m merger
	for _, s := range series {
		next, ok := s.Next()
		switch {
		case ok:
			m = append(m, &cursor{next: next, series: s})
		case s.Err() != nil:
			return nil, fmt.Errorf("read %s: %w", s.Labels(), s.Err())
		}
	}
	for i := len(m)/2 - 1; i >= 0; i-- {
		m.sink(i)
	}
	return m, nil
}

// sink restores the order below i.
func (m merger) sink(i int) {
	c := m[i]
	for {
		child := 2*i + 1
		if child >= len(m) {
			break
		}
		if right := child + 1; right < len(m) && m[right].next.Time < m[child].next.Time {
			child = right
		}
		if c.next.Time <= m[child].next.Time {
			break
		}
		m[i] = m[child]
		i = child
	}
	m[i] = c
}

// advance moves the series in front on, or drops it at its end.
func (m *merger) advance() error {
	front := (*m)[0]
	next, ok := front.series.Next()
	if ok {
		front.next = next
		m.sink(0)
		return nil
	}
	if err := front.series.Err(); err != nil {
		return fmt.Errorf("read %s: %w", front.series.Labels(), err)
	}
	last := len(*m) - 1
	(*m)[0] = (*m)[last]
	(*m)[last] = nil
	*m = (*m)[:last]
	if last > 0 {
		m.sink(0)
	}
	return nil
}
