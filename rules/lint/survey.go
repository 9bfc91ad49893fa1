package lint

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// ErrRefused is wrapped by errors about a question that a server will not answer.
var ErrRefused = errors.New("not answered")

const (
	// askers is how many questions are asked at the same time.
	askers = 4
	// heavy is how many series are too many to read a day of, for a hint.
	heavy = 2000
)

// Survey asks a server what Check wants to know about the objectives. Questions that
// it refuses are noted; any other error ends the survey.
func Survey(ctx context.Context, objectives []rules.Objective, server Server) (*Store, error) {
	v := &surveyor{server: server, store: &Store{Selected: map[string]Selected{}, Measured: map[string]Measured{}}}
	v.names = sync.OnceValues(func() ([]string, error) { return server.Values(ctx, model.MetricNameLabel, "") })
	var subjects []*subject
	var selectors []*selector
	for _, o := range objectives {
		s := newSubject(o)
		subjects = append(subjects, s)
		for _, sel := range s.distinct() {
			if _, known := v.store.Selected[sel.text]; !known {
				v.store.Selected[sel.text] = Selected{}
				selectors = append(selectors, sel)
			}
		}
	}
	err := each(ctx, selectors, func(ctx context.Context, sel *selector) error {
		found, err := v.selected(ctx, sel)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.store.Selected[sel.text] = found
		return err
	})
	if err != nil {
		return nil, err
	}
	err = each(ctx, subjects, func(ctx context.Context, s *subject) error {
		found, err := v.measured(ctx, s)
		v.mu.Lock()
		defer v.mu.Unlock()
		v.store.Measured[s.ID] = found
		return err
	})
	if err != nil {
		return nil, err
	}
	return v.store, nil
}

// each calls ask for every item, a few at a time, until one fails.
func each[T any](ctx context.Context, items []T, ask func(context.Context, T) error) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var wg sync.WaitGroup
	slots := make(chan struct{}, askers)
	for _, item := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		wg.Go(func() {
			defer func() { <-slots }()
			if err := ask(ctx, item); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// surveyor asks.
type surveyor struct {
	server Server
	// names are all metrics.
	names func() ([]string, error)

	mu    sync.Mutex // guards store
	store *Store
}

// selected asks about one selector.
func (v *surveyor) selected(ctx context.Context, sel *selector) (Selected, error) {
	var found Selected
	names, err := v.server.Values(ctx, model.MetricNameLabel, sel.text)
	if err != nil {
		return found, refusable(err)
	}
	found.Known = len(names) > 0
	if le := sel.le(); le != nil {
		if found.Bounds, err = v.bounds(ctx, sel); err != nil {
			return found, err
		}
	}
	if !found.Known {
		found.Why, err = v.why(ctx, sel)
		return found, err
	}
	if found.Doubtful, err = v.doubts(ctx, sel); err != nil {
		return found, err
	}
	if sel.name != "" {
		if found.Type, err = v.server.Type(ctx, sel.name); err != nil {
			return found, refusable(err)
		}
	}
	if n, ok, err := v.number(ctx, "count("+sel.text+")"); err != nil || !ok {
		return found, err
	} else if found.Series = int(n); found.Series > heavy {
		return found, nil
	}
	// A series that is young would seem slow.
	const look = 10 * time.Minute
	n, ok, err := v.number(ctx, fmt.Sprintf("max(count_over_time(%s[%s]) and last_over_time(%s[5m] offset %s))", sel.text, length(look), sel.text, length(look)))
	if ok && n > 1 {
		found.Interval = (look / time.Duration(n)).Round(time.Second)
	}
	return found, err
}

// le is the matcher of the bucket a selector takes.
func (sel *selector) le() *labels.Matcher {
	i := slices.IndexFunc(sel.matchers, func(m *labels.Matcher) bool { return m.Name == model.BucketLabel && m.Type == labels.MatchEqual })
	if i < 0 {
		return nil
	}
	return sel.matchers[i]
}

// bounds asks for the buckets of the series a selector would take without its le.
func (v *surveyor) bounds(ctx context.Context, sel *selector) ([]float64, error) {
	values, err := v.server.Values(ctx, model.BucketLabel, sel.without(model.BucketLabel))
	if err != nil {
		return nil, refusable(err)
	}
	var bounds []float64
	for _, text := range values {
		if b, ok := bound(text); ok {
			bounds = append(bounds, b)
		}
	}
	slices.Sort(bounds)
	return slices.Compact(bounds), nil
}

// why finds out why a selector selects nothing.
func (v *surveyor) why(ctx context.Context, sel *selector) (Missing, error) {
	metric := ""
	if sel.name != "" {
		metric = text([]*labels.Matcher{sel.pinned(model.MetricNameLabel)})
		names, err := v.server.Values(ctx, model.MetricNameLabel, metric)
		if err != nil {
			return Missing{}, refusable(err)
		}
		if len(names) == 0 {
			all, err := v.names()
			return Missing{Metric: sel.name, Like: Near(sel.name, all)}, refusable(err)
		}
	}
	for _, m := range sel.matchers {
		if m.Name == model.MetricNameLabel || m.Name == model.BucketLabel || m.Matches("") {
			continue
		}
		have, err := v.server.Values(ctx, m.Name, metric)
		switch {
		case err != nil:
			return Missing{}, refusable(err)
		case len(have) == 0:
			names, err := v.labelNames(ctx, metric)
			return Missing{Label: m.Name, Like: Near(m.Name, names), Have: names}, err
		case !slices.ContainsFunc(have, m.Matches):
			return Missing{Label: m.Name, Value: m.Value, Like: Near(m.Value, have), Have: have}, nil
		}
	}
	return Missing{}, nil
}

// labelNames are the labels a series of a metric has.
func (v *surveyor) labelNames(ctx context.Context, metric string) ([]string, error) {
	if metric == "" {
		return nil, nil
	}
	a, err := v.server.Query(ctx, "topk(1, last_over_time("+metric+"[1d]))")
	if err != nil || len(a.Results) == 0 {
		return nil, refusable(err)
	}
	var names []string
	for name := range a.Results[0].Labels {
		if name != model.MetricNameLabel {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names, nil
}

// doubts finds alternatives of patterns that no series has, but almost.
func (v *surveyor) doubts(ctx context.Context, sel *selector) ([]Doubt, error) {
	var doubts []Doubt
	for _, m := range sel.matchers {
		wanted := m.SetMatches()
		if m.Type != labels.MatchRegexp || len(wanted) < 2 || m.Name == model.BucketLabel || sel.name == "" {
			continue
		}
		have, err := v.server.Values(ctx, m.Name, text([]*labels.Matcher{sel.pinned(model.MetricNameLabel)}))
		if err != nil {
			return nil, refusable(err)
		}
		for _, w := range wanted {
			if slices.Contains(have, w) {
				continue
			}
			if like := Near(w, have); like != "" && !slices.Contains(wanted, like) {
				doubts = append(doubts, Doubt{m.Name, w, like})
			}
		}
	}
	return doubts, nil
}

// measured asks how an objective did.
func (v *surveyor) measured(ctx context.Context, s *subject) (Measured, error) {
	m := unmeasured()
	series := 0
	for _, sel := range s.distinct() {
		found := v.store.Selected[sel.text]
		if sel.role == needed && !found.Known {
			return m, nil // There is nothing to measure, and that is said already.
		}
		series += found.Series
	}
	err := v.groups(ctx, s, &m)
	if err == nil && s.source == rules.SourcePolled {
		err = v.read(ctx, s, &m)
	}
	if err == nil && series <= heavy {
		err = v.lately(ctx, s, &m)
	}
	if errors.Is(err, ErrRefused) {
		m.Refused, err = err.Error(), nil
	}
	return m, err
}

// groups counts into how many groups an objective falls.
func (v *surveyor) groups(ctx context.Context, s *subject, m *Measured) error {
	if len(s.GroupBy) == 0 {
		return nil
	}
	m.Values = map[string]int{}
	for _, sel := range s.distinct() {
		if sel.role != needed {
			continue
		}
		count := func(by ...string) (int, error) {
			n, _, err := v.ask(ctx, fmt.Sprintf("count(count by (%s) (%s))", strings.Join(by, ", "), sel.text))
			return int(n), err
		}
		n, err := count(s.GroupBy...)
		if err != nil {
			return err
		}
		m.Groups = max(m.Groups, n)
		for _, label := range s.GroupBy {
			if n, err = count(label); err != nil {
				return err
			}
			m.Values[label] = max(m.Values[label], n)
		}
	}
	return nil
}

// read measures what one poll reads.
func (v *surveyor) read(ctx context.Context, s *subject, m *Measured) error {
	sli := s.SLI.Over(time.Minute)
	for _, q := range []string{sli.ErrorQuery, sli.TotalQuery, sli.ErrorRatioQuery} {
		if q == "" {
			continue
		}
		a, err := v.server.Query(ctx, q)
		if err != nil {
			return fmt.Errorf("poll it: %w", err)
		}
		m.Read += a.Read
	}
	return nil
}

// lately measures traffic and errors.
func (v *surveyor) lately(ctx context.Context, s *subject, m *Measured) error {
	if s.SLI.Raw() {
		var err error
		m.Best, err = v.best(ctx, s.SLI.Over(24*time.Hour).ErrorRatioQuery)
		return err
	}
	const window = 5 * time.Minute
	total := s.SLI.Over(window).TotalQuery
	hourly := time.Hour.Seconds()
	if s.countsEvents() {
		hourly = float64(time.Hour / window)
	}
	// An average of what was seen, which a quarter of the day has to be.
	n, ok, err := v.ask(ctx, fmt.Sprintf("avg_over_time((sum(%[1]s))[1d:%[2]s]) and count_over_time((sum(%[1]s))[1d:%[2]s]) >= 72", total, length(window)))
	if err != nil {
		return err
	}
	if ok {
		m.Hourly = n * hourly
	}
	daily := s.SLI.Over(24 * time.Hour)
	m.Best, err = v.best(ctx, fmt.Sprintf("(sum(%[1]s) or sum(%[2]s) * 0) / sum(%[2]s)", daily.ErrorQuery, daily.TotalQuery))
	return err
}

// best asks for the least error ratio of a day of the last week; NaN when fewer than
// three were seen.
func (v *surveyor) best(ctx context.Context, ratio string) (float64, error) {
	n, ok, err := v.ask(ctx, fmt.Sprintf("min_over_time((%[1]s)[7d:1d]) and count_over_time((%[1]s)[7d:1d]) >= 3", ratio))
	if !ok {
		return math.NaN(), err
	}
	return n, err
}

// countsEvents tells whether the total is events in the window, not events a second.
func (s *subject) countsEvents() bool {
	return slices.ContainsFunc(s.selectors, func(sel *selector) bool {
		return sel.key == "total_query" && !slices.ContainsFunc(sel.within, func(n parser.Node) bool {
			c, ok := n.(*parser.Call)
			return ok && (c.Func.Name == "rate" || c.Func.Name == "irate")
		})
	})
}

// ask evaluates an expression that has one result.
func (v *surveyor) ask(ctx context.Context, expr string) (value float64, ok bool, err error) {
	a, err := v.server.Query(ctx, expr)
	if err != nil || len(a.Results) == 0 {
		return math.NaN(), false, err
	}
	return a.Results[0].Value, true, nil
}

// number is ask for what is not worth more than a try.
func (v *surveyor) number(ctx context.Context, expr string) (value float64, ok bool, err error) {
	value, ok, err = v.ask(ctx, expr)
	return value, ok, refusable(err)
}

// refusable passes over a refusal.
func refusable(err error) error {
	if errors.Is(err, ErrRefused) {
		return nil
	}
	return err
}
