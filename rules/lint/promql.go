package lint

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// Names of checks; docs/check.md says what each is about.
const (
	checkBucket  = "bucket"
	checkCounter = "counter"
	checkSumBy   = "sum_by"
	checkCost    = "cost"
	checkPolled  = "polled"
	checkUnlike  = "unlike"
)

// promql checks the queries of an objective by themselves.
func (l *linter) promql(s *subject) {
	for _, sel := range s.distinct() {
		l.bucket(s, sel)
		l.counter(s, sel)
	}
	l.unlike(s)
	if s.source != rules.SourcePolled {
		return
	}
	before := len(l.findings)
	l.sumBy(s)
	l.cost(s)
	if len(l.findings) == before && !s.SLI.Raw() {
		l.warn(s, checkPolled, "it is asked for every %s instead of counted (%s): write it with sum(rate(…[{{.window}}])) of counters", length(rules.PollInterval), strings.TrimPrefix(s.reason, "polled: "))
	}
}

// bucket checks which buckets of a classic histogram a selector takes.
func (l *linter) bucket(s *subject, sel *selector) {
	i := slices.IndexFunc(sel.matchers, func(m *labels.Matcher) bool { return m.Name == model.BucketLabel })
	if i < 0 {
		if strings.HasSuffix(sel.name, "_bucket") && !sel.under("histogram_quantile", "histogram_quantiles", "histogram_fraction") && !byBucket(sel.within) {
			l.fault(s, checkBucket, "%s adds up every bucket of %s, each of which holds all smaller ones: add le=\"…\" with the bound of a good event", sel.key, sel.name)
		}
		return
	}
	switch m := sel.matchers[i]; m.Type {
	case labels.MatchEqual:
		if _, ok := bound(m.Value); !ok {
			l.fault(s, checkBucket, "%s: le=%q is no number: write the bound as the histogram has it, in its own unit (le=\"0.25\" for 250 ms in seconds)", sel.key, m.Value)
		}
	case labels.MatchRegexp:
		// One bound may be written in two ways: le=~"1|1.0".
		bounds, all := map[float64]bool{}, true
		for v := range strings.SplitSeq(strings.Trim(m.Value, "^(?:)$"), "|") {
			b, ok := bound(strings.ReplaceAll(v, `\.`, "."))
			bounds[b] = true
			all = all && ok
		}
		if !all || len(bounds) != 1 {
			l.fault(s, checkBucket, "%s: le=~%q takes several buckets, each of which holds all smaller ones: use one, le=\"…\"", sel.key, m.Value)
		}
	default:
		l.fault(s, checkBucket, "%s: %s takes several buckets, each of which holds all smaller ones: use one, le=\"…\"", sel.key, m)
	}
}

// byBucket tells whether a sum keeps the buckets apart.
func byBucket(within []parser.Node) bool {
	return slices.ContainsFunc(within, func(n parser.Node) bool {
		a, ok := n.(*parser.AggregateExpr)
		return ok && a.Without != slices.Contains(a.Grouping, model.BucketLabel)
	})
}

// bound reads an upper bound of a bucket.
func bound(text string) (float64, bool) {
	b, err := strconv.ParseFloat(text, 64)
	return b, err == nil && b == b
}

// counter finds counters whose value is used as it is, and values that go up and down
// taken for counters.
func (l *linter) counter(s *subject, sel *selector) {
	counts := strings.HasSuffix(sel.name, "_total") || strings.HasSuffix(sel.name, "_bucket")
	kind := ""
	if l.facts.Store != nil {
		kind = l.facts.Store.Selected[sel.text].Type
	}
	switch kind {
	case "counter":
		counts = true
	case "gauge":
		counts = false
	}
	call := sel.call()
	switch {
	case counts && sel.length == 0 && !slices.Contains([]string{"absent", "count", "group", "timestamp", "scalar"}, call),
		counts && sel.length > 0 && slices.Contains([]string{"delta", "idelta", "deriv", "avg_over_time", "sum_over_time", "min_over_time", "max_over_time", "quantile_over_time"}, call):
		l.warn(s, checkCounter, "%s reads the counter %s as it is, which only grows: wrap it in rate(%s[{{.window}}])", sel.key, sel.name, sel.name)
	case kind == "gauge" && slices.Contains([]string{"rate", "increase", "irate"}, call):
		l.warn(s, checkCounter, "%s takes %s of %s, which is a gauge: use a counter, or sum_over_time(%s[{{.window}}]) of a gauge that is 0 or 1", sel.key, call, sel.name, sel.name)
	}
}

// unlike finds bad events that are not among all events: a label that both demand, with
// different values.
func (l *linter) unlike(s *subject) {
	var total, bad []*selector
	for _, sel := range s.distinct() {
		switch {
		case sel.role == badOnly:
			bad = append(bad, sel)
		case sel.key == "total_query" || s.inTotal(sel):
			total = append(total, sel)
		}
	}
	if len(total) == 0 {
		return
	}
	for _, b := range bad {
		for _, m := range b.matchers {
			if m.Type != labels.MatchEqual || m.Value == "" || m.Name == model.MetricNameLabel {
				continue
			}
			value := ""
			apart := !slices.ContainsFunc(total, func(t *selector) bool {
				p := t.pinned(m.Name)
				if p == nil || p.Value == m.Value {
					return true
				}
				value = p.Value
				return false
			})
			if apart {
				l.warn(s, checkUnlike, "error_query takes %s=%q and total_query %s=%q, so bad events are not among all events: use the same %s in both", m.Name, m.Value, m.Name, value, m.Name)
			}
		}
	}
}

// inTotal tells whether a selector stands in the total query as well.
func (s *subject) inTotal(sel *selector) bool {
	return slices.ContainsFunc(s.selectors, func(o *selector) bool { return o.key == "total_query" && o.text == sel.text })
}

// sumBy finds results that are kept apart by labels, which nobody asked for.
func (l *linter) sumBy(s *subject) {
	for _, q := range s.queries {
		a, ok := outermost(q.expr)
		if !ok || len(a.Grouping) == 0 && !a.Without {
			continue
		}
		if a.Without {
			l.warn(s, checkSumBy, "%s keeps labels apart with without (%s), which nothing uses: write sum(…), or name the labels to split by in group_by", q.key, strings.Join(a.Grouping, ", "))
			continue
		}
		by := strings.Join(a.Grouping, ", ")
		if q.key == "error_ratio_query" {
			l.warn(s, checkSumBy, "%s yields a ratio for each %s, and one is needed: drop by (%s), or give error_query and total_query with group_by: [%s]", q.key, by, by, by)
			continue
		}
		l.warn(s, checkSumBy, "%s is summed by (%s), and group_by does not say so: add group_by: [%s] to keep a budget for each, or drop by (%s)", q.key, by, by, by)
		return // The other query is no different.
	}
}

// outermost is the aggregation that makes an expression's results.
func outermost(e parser.Expr) (*parser.AggregateExpr, bool) {
	switch e := e.(type) {
	case *parser.AggregateExpr:
		return e, true
	case *parser.ParenExpr:
		return outermost(e.Expr)
	case *parser.BinaryExpr:
		if a, ok := outermost(e.LHS); ok {
			return a, true
		}
		return outermost(e.RHS)
	}
	return nil, false
}

// longRange is the length from which a range is a burden when it is read at each poll.
const longRange = time.Hour

// cost checks what a polled expression makes the store read.
func (l *linter) cost(s *subject) {
	polls := figure(24 * time.Hour.Seconds() / rules.PollInterval.Seconds())
	for _, sel := range s.distinct() {
		switch {
		case sel.name == "" && !namesFixed(sel.matchers):
			l.warn(s, checkCost, "%s looks through all metrics for %s, %s times a day: add the name of the metric", sel.key, sel.text, polls)
		case sel.length > longRange:
			l.warn(s, checkCost, "%s reads %s of %s at each of %s polls a day: use {{.window}} as the range", sel.key, length(sel.length), sel.text, polls)
		}
		for _, m := range sel.matchers {
			if m.Type == labels.MatchRegexp && loose(m.Value) {
				l.warn(s, checkCost, "%s compares every value of %s with %s, %s times a day: name the values, or begin the pattern with fixed text", sel.key, m.Name, m, polls)
			}
		}
	}
	for _, q := range s.queries {
		parser.Inspect(q.expr, func(n parser.Node, _ []parser.Node) error {
			// Over {{.window}} a poll evaluates few steps.
			if sub, ok := n.(*parser.SubqueryExpr); ok && sub.Range != probe {
				l.warn(s, checkCost, "%s evaluates its inner expression %s, %s times a day: use a plain range, or record the inner expression by a rule of rules.prometheus", q.key, steps(sub), polls)
			}
			return nil
		})
	}
}

// steps says how often a subquery evaluates what is inside.
func steps(sub *parser.SubqueryExpr) string {
	step := sub.Step
	if step == 0 {
		step = time.Minute // The default of a server.
	}
	return fmt.Sprintf("%d times", max(1, sub.Range/step))
}

// namesFixed tells whether a pattern for the metric's name lists names.
func namesFixed(matchers []*labels.Matcher) bool {
	return slices.ContainsFunc(matchers, func(m *labels.Matcher) bool {
		return m.Name == model.MetricNameLabel && m.Type == labels.MatchRegexp && !loose(m.Value)
	})
}

// loose tells whether a pattern begins with anything at all.
func loose(pattern string) bool {
	pattern = strings.TrimLeft(pattern, "^(?:")
	return strings.HasPrefix(pattern, ".*") || strings.HasPrefix(pattern, ".+")
}
