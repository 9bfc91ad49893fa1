package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	// cardinalityFresh is how long a count is told again: it walks over the index.
	cardinalityFresh = 15 * time.Second
	// cardinalityTop is how many metrics and labels are told, as many as the Prometheus
	// API tells by default: the TSDB keeps one such count for both.
	cardinalityTop = 10
	// cardinalitySample is how many series of a metric are looked at to find out which
	// label multiplies them.
	cardinalitySample = 2000
)

// Cardinality says which metrics the series in memory belong to, and what makes them many.
type Cardinality struct {
	Series  uint64              // in memory
	Metrics []MetricCardinality // most series first
	Labels  []LabelCardinality  // most values first
}

// MetricCardinality is a metric with its series.
type MetricCardinality struct {
	Name   string
	Series uint64
	// Looked is how many of them were looked at for what follows, evenly spread.
	Looked int
	// Label has most values among them, Values many; "" if all have but one.
	Label  string
	Values int
	// Of Looked, so many come from one job or service: By=Origin.
	By, Origin string
	OriginHas  int
}

// LabelCardinality is a label with the number of its values.
type LabelCardinality struct {
	Name   string
	Values uint64
}

// counting remembers the last count.
type counting struct {
	mu    sync.Mutex // held over a count, so that one is made for all that ask
	at    time.Time
	known Cardinality
}

// Cardinality counts the series in memory. It looks at no more than 2,000 series of each of
// ten metrics and answers the same for 15 s.
func (s *Store) Cardinality(ctx context.Context) (Cardinality, error) {
	s.counted.mu.Lock()
	defer s.counted.mu.Unlock()
	if !s.counted.at.IsZero() && time.Since(s.counted.at) < cardinalityFresh {
		return s.counted.known, nil
	}
	c, err := s.countSeries(ctx)
	if err != nil {
		return Cardinality{}, fmt.Errorf("count series: %w", err)
	}
	s.counted.at, s.counted.known = time.Now(), c
	return c, nil
}

func (s *Store) countSeries(ctx context.Context) (Cardinality, error) {
	head := s.db.Head()
	c := Cardinality{Series: head.NumSeries()}
	stats := head.PostingsCardinalityStats(model.MetricNameLabel, cardinalityTop)
	for _, l := range stats.CardinalityLabelStats {
		c.Labels = append(c.Labels, LabelCardinality{l.Name, l.Count})
	}
	index, err := head.Index()
	if err != nil {
		return c, err
	}
	defer func() { _ = index.Close() }()
	for _, m := range stats.CardinalityMetricsStats {
		if m.Count == 0 {
			continue
		}
		one := MetricCardinality{Name: m.Name, Series: m.Count}
		if err := one.look(ctx, index); err != nil {
			return c, err
		}
		c.Metrics = append(c.Metrics, one)
	}
	return c, nil
}

// look finds out what the series of a metric differ in.
func (m *MetricCardinality) look(ctx context.Context, index tsdb.IndexReader) error {
	postings, err := index.Postings(ctx, model.MetricNameLabel, m.Name)
	if err != nil {
		return err
	}
	every := max(1, m.Series/cardinalitySample)
	values := map[string]map[string]int{}
	var builder labels.ScratchBuilder
	for i := uint64(0); postings.Next() && m.Looked < cardinalitySample; i++ {
		if i%every != 0 {
			continue
		}
		if i%1024 == 0 && ctx.Err() != nil {
			return ctx.Err()
		}
		if err := index.Series(postings.At(), &builder, nil); errors.Is(err, storage.ErrNotFound) {
			continue // It went meanwhile.
		} else if err != nil {
			return err
		}
		m.Looked++
		builder.Labels().Range(func(l labels.Label) {
			if l.Name == model.MetricNameLabel {
				return
			}
			if values[l.Name] == nil {
				values[l.Name] = map[string]int{}
			}
			values[l.Name][l.Value]++
		})
	}
	m.blame(values)
	return postings.Err()
}

// originLabels say whom series come from, the most telling first.
func originLabels() []string { return []string{"job", "service_name", "service"} }

// blame names the label that multiplies the series, and who sends most of them.
func (m *MetricCardinality) blame(values map[string]map[string]int) {
	for name, of := range values {
		if n := len(of); n > 1 && (n > m.Values || n == m.Values && name < m.Label) {
			m.Label, m.Values = name, n
		}
	}
	// Values must not keep the whole index in memory.
	m.Label = strings.Clone(m.Label)
	for _, by := range originLabels() {
		of := values[by]
		if len(of) == 0 {
			continue
		}
		origins := make([]string, 0, len(of))
		for origin := range of {
			origins = append(origins, origin)
		}
		most := slices.MinFunc(origins, func(a, b string) int { return cmp.Or(cmp.Compare(of[b], of[a]), cmp.Compare(a, b)) })
		m.By, m.Origin, m.OriginHas = by, strings.Clone(most), of[most]
		return
	}
}
