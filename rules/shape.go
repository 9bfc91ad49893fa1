package rules

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

// probeWindow stands in for {{.window}} while a query is taken apart: a length
// nobody writes by hand.
const probeWindow = 433 * time.Second

// field is what a sample of a selector counts.
type field uint8

const (
	fieldValue          field = iota // the increase of its value
	fieldHistogramCount              // the increase of the count of a native histogram
	fieldFraction                    // of that, the observations between two bounds
	fieldSamples                     // itself: one event
	fieldSum                         // its value
)

// term is one selector of a countable expression with its weight in bad and total
// events.
type term struct {
	matchers []*labels.Matcher
	selector string
	field    field
	// between are the bounds of a fieldFraction.
	between    bounds
	bad, total float64
}

// bounds are those of observations: above the first, up to the second.
type bounds struct{ above, upTo float64 }

// shape says how the events of an indicator are counted: from its terms as samples
// arrive, or, if terms is empty, by polling for the given reason.
type shape struct {
	terms  []term
	reason string
	// counts tells, for a polled shape, that queries yield events in the window
	// (increase) rather than events a second (rate).
	counts bool
}

func (s shape) observed() bool { return len(s.terms) > 0 }

// notCountable says why an expression is polled.
func notCountable(format string, args ...any) string {
	return "cannot be counted as samples arrive: " + fmt.Sprintf(format, args...)
}

// windowVar matches the placeholder for the window in a query.
var windowVar = regexp.MustCompile(`\{\{-?\s*\.window\s*-?\}\}`)

// FillWindow returns a query template with {{.window}} replaced by a length of time as
// PromQL writes it.
func FillWindow(query string, d time.Duration) string {
	return windowVar.ReplaceAllLiteralString(query, model.Duration(d).String())
}

// newParser returns a PromQL parser as the server's own engine is set up.
func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }

// parseQuery parses a query template. Its error is a sentence without position.
func parseQuery(query string) (parser.Expr, error) {
	filled := FillWindow(query, probeWindow)
	if strings.Contains(filled, "{{") {
		return nil, errors.New("only {{.window}} is known as a template variable: write out the rest")
	}
	if filled == query {
		return nil, errors.New("use {{.window}} as the range, as in rate(http_requests_total[{{.window}}])")
	}
	expr, err := newParser().ParseExpr(filled)
	if err != nil {
		return nil, fmt.Errorf("correct the PromQL: %w", trimParseError(err))
	}
	switch expr.Type() {
	case parser.ValueTypeVector, parser.ValueTypeScalar:
		return expr, nil
	default:
		return nil, fmt.Errorf("the query yields a %s: wrap it, for example in sum(rate(…))", parser.DocumentedType(expr.Type()))
	}
}

// trimParseError keeps the message and its column, which refers to the query.
func trimParseError(err error) error {
	var faults parser.ParseErrors
	if errors.As(err, &faults) && len(faults) > 0 {
		return &faults[0]
	}
	return err
}

// shapeOf takes an indicator apart. Its queries have been checked by parseQuery.
func shapeOf(s SLI) (shape, error) {
	if s.Raw() {
		if _, err := parseQuery(s.ErrorRatioQuery); err != nil {
			return shape{}, fmt.Errorf("error_ratio_query: %w", err)
		}
		return shape{reason: "polled: a raw error ratio does not say how many events there were, so each second weighs the same"}, nil
	}
	bad, err := parseQuery(s.ErrorQuery)
	if err != nil {
		return shape{}, fmt.Errorf("error_query: %w", err)
	}
	total, err := parseQuery(s.TotalQuery)
	if err != nil {
		return shape{}, fmt.Errorf("total_query: %w", err)
	}
	var c combination
	if why := c.collect(bad, weights{bad: 1}); why != "" {
		return shape{reason: "polled: error_query " + why, counts: countsEvents(total)}, nil
	}
	if why := c.collect(total, weights{total: 1}); why != "" {
		return shape{reason: "polled: total_query " + why, counts: countsEvents(total)}, nil
	}
	if c.rates && c.increases {
		return shape{}, errors.New("error_query and total_query mix rate and increase, or the like: events a second and events in the window (increase, sum_over_time, count_over_time), so their quotient is no ratio: use the same in both")
	}
	return shape{terms: c.terms, reason: "observed: every sample is counted as it is stored"}, nil
}

// weights are what one event of a term adds to bad and total.
type weights struct{ bad, total float64 }

func (w weights) times(f float64) weights { return weights{w.bad * f, w.total * f} }

// combination gathers the terms of a linear combination of counters.
type combination struct {
	terms            []term
	rates, increases bool
}

// collect adds e, weighed by w; else it says why e is no countable expression:
// sum(rate(x[w])) and increase, sums over the samples of gauges, counts and fractions
// of native histograms, their sums and differences, and multiples by numbers;
// "or vector(0)" changes nothing.
func (c *combination) collect(e parser.Expr, w weights) string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return c.collect(e.Expr, w)
	case *parser.StepInvariantExpr:
		return c.collect(e.Expr, w)
	case *parser.UnaryExpr:
		if e.Op == parser.SUB {
			return c.collect(e.Expr, w.times(-1))
		}
		return c.collect(e.Expr, w)
	case *parser.BinaryExpr:
		return c.binary(e, w)
	case *parser.AggregateExpr:
		return c.sum(e, w)
	case *parser.Call:
		return c.observations(e, w)
	default:
		return notCountable("%s is not a sum of rates", brief(e))
	}
}

func (c *combination) binary(e *parser.BinaryExpr, w weights) string {
	left, leftNumber := constant(e.LHS)
	right, rightNumber := constant(e.RHS)
	switch {
	case e.Op == parser.MUL && leftNumber:
		return c.collect(e.RHS, w.times(left))
	case e.Op == parser.MUL && rightNumber:
		return c.collect(e.LHS, w.times(right))
	case e.Op == parser.DIV && rightNumber && right != 0:
		return c.collect(e.LHS, w.times(1/right))
	case e.Op == parser.LOR && isZeroVector(e.RHS):
		return c.collect(e.LHS, w)
	case (e.Op == parser.ADD || e.Op == parser.SUB) && !leftNumber && !rightNumber:
		if why := c.collect(e.LHS, w); why != "" {
			return why
		}
		if e.Op == parser.SUB {
			w = w.times(-1)
		}
		return c.collect(e.RHS, w)
	case e.Op == parser.MUL:
		return c.product(e, w, true)
	}
	return notCountable("%s is not a sum of rates", brief(e))
}

func (c *combination) sum(e *parser.AggregateExpr, w weights) string {
	if e.Op != parser.SUM {
		return notCountable("only sum() keeps counts, not %s()", e.Op)
	}
	if len(e.Grouping) > 0 || e.Without {
		return notCountable("sum by or without labels makes several results")
	}
	switch inner := unwrap(e.Expr).(type) {
	case *parser.BinaryExpr:
		if inner.Op == parser.MUL {
			return c.product(inner, w, false)
		}
	case *parser.Call:
		switch inner.Func.Name {
		case "histogram_count":
			return c.rate(inner.Args[0], term{field: fieldHistogramCount}, w)
		case "count_over_time":
			c.increases = true
			return c.selector(inner.Args[0], term{field: fieldSamples}, w)
		case "sum_over_time":
			c.increases = true
			return c.selector(inner.Args[0], term{field: fieldSum}, w)
		}
		return c.rate(inner, term{}, w)
	}
	return notCountable("%s inside sum() is not a rate", brief(e.Expr))
}

// rate takes rate(x[w]) or increase(x[w]).
func (c *combination) rate(e parser.Expr, t term, w weights) string {
	call, ok := unwrap(e).(*parser.Call)
	if !ok {
		return notCountable("%s inside sum() is not a rate", brief(e))
	}
	switch call.Func.Name {
	case "rate":
		c.rates = true
	case "increase":
		c.increases = true
	default:
		return notCountable("%s() is not rate() or increase()", call.Func.Name)
	}
	return c.selector(call.Args[0], t, w)
}

func (c *combination) selector(e parser.Expr, t term, w weights) string {
	m, ok := unwrap(e).(*parser.MatrixSelector)
	if !ok {
		return notCountable("%s is not a selector with a range", brief(e))
	}
	v, ok := m.VectorSelector.(*parser.VectorSelector)
	if !ok || v.OriginalOffset != 0 || v.OriginalOffsetExpr != nil || v.Timestamp != nil || v.StartOrEnd != 0 || v.Anchored || v.Smoothed {
		return notCountable("%s looks at another time than now", brief(e))
	}
	if m.Range != probeWindow || m.RangeExpr != nil {
		return notCountable("the range of %s is fixed, not {{.window}}", brief(v))
	}
	t.selector, t.matchers = v.String(), v.LabelMatchers
	i := slices.IndexFunc(c.terms, func(o term) bool { return o.selector == t.selector && o.field == t.field && o.between == t.between })
	if i < 0 {
		c.terms = append(c.terms, t)
		i = len(c.terms) - 1
	}
	c.terms[i].bad += w.bad
	c.terms[i].total += w.total
	return ""
}

// unwrap takes off parentheses.
func unwrap(e parser.Expr) parser.Expr {
	for {
		switch p := e.(type) {
		case *parser.ParenExpr:
			e = p.Expr
		case *parser.StepInvariantExpr:
			e = p.Expr
		default:
			return e
		}
	}
}

// constant returns the value of a number literal, also in parentheses or negated.
func constant(e parser.Expr) (float64, bool) {
	switch e := e.(type) {
	case *parser.NumberLiteral:
		return e.Val, true
	case *parser.ParenExpr:
		return constant(e.Expr)
	case *parser.UnaryExpr:
		v, ok := constant(e.Expr)
		if e.Op == parser.SUB {
			v = -v
		}
		return v, ok
	}
	return 0, false
}

func isZeroVector(e parser.Expr) bool {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return isZeroVector(e.Expr)
	case *parser.Call:
		if e.Func.Name != "vector" || len(e.Args) != 1 {
			return false
		}
		v, ok := constant(e.Args[0])
		return ok && v == 0
	}
	return false
}

// countsEvents tells whether an expression yields events in the window rather than
// events a second.
func countsEvents(e parser.Expr) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		if c, ok := n.(*parser.Call); ok {
			switch c.Func.Name {
			case "increase", "delta", "sum_over_time", "count_over_time", "changes", "resets":
				found = true
			}
		}
		return nil
	})
	return found
}

// brief shortens an expression for a sentence.
func brief(e parser.Expr) string {
	s := strings.ReplaceAll(e.String(), model.Duration(probeWindow).String(), "{{.window}}")
	if r := []rune(s); len(r) > 60 {
		return string(r[:59]) + "…"
	}
	return s
}
