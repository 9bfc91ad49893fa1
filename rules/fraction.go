package rules

import (
	"fmt"

	"github.com/prometheus/prometheus/promql/parser"
)

// counts says what is counted of the series of a term.
func (t term) counts() string {
	switch t.field {
	case fieldHistogramCount:
		return "observations"
	case fieldFraction:
		return fmt.Sprintf("observations above %v up to %v", t.between.above, t.between.upTo)
	case fieldSamples:
		return "samples"
	case fieldSum:
		return "sum of samples"
	default:
		return "increase"
	}
}

// observations takes histogram_count(sum(rate(h[w]))).
func (c *combination) observations(e *parser.Call, w weights) string {
	of, ok := countedRate(e, true)
	if !ok {
		return notCountable("%s is not a sum of rates", brief(e))
	}
	return c.rate(of, term{field: fieldHistogramCount}, w)
}

// product takes the observations of a native histogram between two bounds: a fraction
// of the histogram, or one minus that, times its count. whole says that both are of
// the sum over all series; else each is of one series and the sum is around.
func (c *combination) product(e *parser.BinaryExpr, w weights, whole bool) string {
	if m := e.VectorMatching; m != nil && (m.On || len(m.MatchingLabels) > 0 || m.Card != parser.CardOneToOne) {
		return notCountable("%s matches by labels", brief(e))
	}
	part, ok := fractionOf(e.LHS, whole)
	count := e.RHS
	if !ok {
		part, ok = fractionOf(e.RHS, whole)
		count = e.LHS
	}
	of, counts := countedRate(count, whole)
	switch {
	case !ok || !counts:
		return notCountable("%s is not a sum of rates", brief(e))
	case of.String() != part.of.String():
		return notCountable("the fraction and the count in %s are not of the same series and range", brief(e))
	case part.between.above >= part.between.upTo:
		return notCountable("the bounds of histogram_fraction in %s are not in ascending order", brief(e))
	}
	if part.rest {
		if why := c.rate(of, term{field: fieldHistogramCount}, w); why != "" {
			return why
		}
		w = w.times(-1)
	}
	return c.rate(of, term{field: fieldFraction, between: part.between}, w)
}

// fractionExpr is the fraction of a rate's observations that lie between bounds, or the rest
// of them.
type fractionExpr struct {
	of      parser.Expr
	between bounds
	rest    bool
}

// fractionOf takes histogram_fraction(a, b, …) and 1 - histogram_fraction(a, b, …).
func fractionOf(e parser.Expr, whole bool) (fractionExpr, bool) {
	e = unwrap(e)
	if sub, ok := e.(*parser.BinaryExpr); ok && sub.Op == parser.SUB {
		if one, ok := constant(sub.LHS); !ok || one != 1 {
			return fractionExpr{}, false
		}
		s, ok := fractionOf(sub.RHS, whole)
		s.rest = !s.rest
		return s, ok
	}
	call, ok := e.(*parser.Call)
	if !ok || call.Func.Name != "histogram_fraction" {
		return fractionExpr{}, false
	}
	above, ok1 := constant(call.Args[0])
	upTo, ok2 := constant(call.Args[1])
	of, ok3 := insideSum(call.Args[2], whole)
	return fractionExpr{of: of, between: bounds{above, upTo}}, ok1 && ok2 && ok3
}

// countedRate returns the rate in histogram_count(rate(…)), or, if it is of the whole,
// in histogram_count(sum(rate(…))) and sum(histogram_count(rate(…))).
func countedRate(e parser.Expr, whole bool) (parser.Expr, bool) { //nolint:revive // whole says which form is looked for
	e = unwrap(e)
	if sum, ok := insideSum(e, true); ok && whole {
		return countedRate(sum, false)
	}
	call, ok := e.(*parser.Call)
	if !ok || call.Func.Name != "histogram_count" {
		return nil, false
	}
	return insideSum(call.Args[0], whole)
}

// insideSum returns what is summed over everything, or just e if it need not be a sum.
func insideSum(e parser.Expr, whole bool) (parser.Expr, bool) { //nolint:revive // whole says which form is looked for
	e = unwrap(e)
	if !whole {
		return e, true
	}
	sum, ok := e.(*parser.AggregateExpr)
	if !ok || sum.Op != parser.SUM || len(sum.Grouping) > 0 || sum.Without {
		return nil, false
	}
	return unwrap(sum.Expr), true
}
