package export

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// form says what a query yields for a range.
type form uint8

const (
	perSecond form = iota // events a second: rate
	inRange               // events in the range: increase
	perSample             // a figure for each sample in it: count_over_time
)

// counting is a query of an objective that yields the events of a step.
type counting struct {
	expr parser.Expr
	// factor turns its result into events of a step.
	factor float64
	// differs tells that something is subtracted: where that is missing nothing can
	// be said.
	differs bool
}

// parse reads PromQL as the server's own engine does.
func parse(q string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(q)
}

// count prepares a query of the objective to count length of time.
//
// A rate over the length and one further interval spans exactly the samples of the
// length and one before: its extrapolation cancels out, and no increment between
// two steps is lost, as it would be with a range of the same length.
func (p *plan) count(query string, length time.Duration) (counting, error) {
	f, err := p.formOf(query)
	if err != nil {
		return counting{}, err
	}
	reach := length + p.interval
	c := counting{factor: length.Seconds()}
	switch f {
	case perSecond:
	case inRange:
		c.factor = float64(length) / float64(reach)
	case perSample:
		reach, c.factor = length-p.interval/2, 1
	}
	if c.expr, err = parse(rules.FillWindow(query, reach)); err != nil {
		return c, fmt.Errorf("%s: %w", p.o.ID, err)
	}
	if c.expr.Type() == parser.ValueTypeScalar {
		if c.expr, err = parse("vector(" + c.expr.String() + ")"); err != nil {
			return c, fmt.Errorf("%s: %w", p.o.ID, err)
		}
	}
	p.regroup(c.expr)
	c.differs = subtracts(c.expr)
	return c, nil
}

// formOf tells the form of a query by the functions in it.
func (p *plan) formOf(query string) (form, error) {
	expr, err := parse(rules.FillWindow(query, time.Minute))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", p.o.ID, err)
	}
	found := map[form]string{}
	parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
		if c, ok := n.(*parser.Call); ok {
			switch name := c.Func.Name; name {
			case "rate", "irate", "deriv":
				found[perSecond] = name
			case "increase", "delta", "changes", "resets":
				found[inRange] = name
			case "count_over_time", "sum_over_time":
				found[perSample] = name
			}
		}
		return nil
	})
	if len(found) > 1 {
		return 0, fmt.Errorf("%s: a query mixes functions of different units (%s), so nothing can be made of it for a step: use one of them throughout",
			p.o.ID, strings.Join(slices.Sorted(maps.Values(found)), ", "))
	}
	for f := range found {
		return f, nil
	}
	return perSecond, nil
}

// regroup makes sums keep the labels of the groups, or drop them for the whole.
func (p *plan) regroup(e parser.Expr) {
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		sum, ok := n.(*parser.AggregateExpr)
		if !ok || sum.Without {
			return nil
		}
		sum.Grouping = slices.DeleteFunc(slices.Clone(sum.Grouping), func(l string) bool { return slices.Contains(p.o.GroupBy, l) })
		sum.Grouping = append(sum.Grouping, p.by...)
		return nil
	})
}

// subtracts tells whether an expression is a difference of two vectors.
func subtracts(e parser.Expr) bool {
	found := false
	parser.Inspect(e, func(n parser.Node, _ []parser.Node) error {
		switch n := n.(type) {
		case *parser.UnaryExpr:
			found = found || n.Op == parser.SUB && n.Type() == parser.ValueTypeVector
		case *parser.BinaryExpr:
			found = found || n.Op == parser.SUB && n.LHS.Type() == parser.ValueTypeVector && n.RHS.Type() == parser.ValueTypeVector
		}
		return nil
	})
	return found
}

// orZero lets each summand count as zero where its series are missing: a service
// that has never failed has no series of failures. A difference is left as it is.
func orZero(e parser.Expr, zero string) string {
	switch e := e.(type) {
	case *parser.ParenExpr:
		return orZero(e.Expr, zero)
	case *parser.BinaryExpr:
		if e.Op == parser.ADD && e.LHS.Type() == parser.ValueTypeVector && e.RHS.Type() == parser.ValueTypeVector {
			return "(" + orZero(e.LHS, zero) + " + " + orZero(e.RHS, zero) + ")"
		}
	}
	if subtracts(e) {
		return "(" + e.String() + ")"
	}
	return "((" + e.String() + ") or " + zero + ")"
}

// sum adds up what an expression yields: for each group, or all of it.
func (p *plan) sum(expr string) string {
	if e, err := parse(expr); err == nil {
		for paren, ok := e.(*parser.ParenExpr); ok; paren, ok = e.(*parser.ParenExpr) {
			e = paren.Expr
		}
		if a, ok := e.(*parser.AggregateExpr); ok && a.Op == parser.SUM && !a.Without && slices.Equal(a.Grouping, p.by) {
			return a.String() // It is one already.
		}
	}
	if p.by == nil {
		return "sum(" + expr + ")"
	}
	return "sum by (" + strings.Join(p.by, ", ") + ") (" + expr + ")"
}

// events returns the expressions that record a step: total and bad.
func (p *plan) events() (total, bad string, err error) {
	if p.o.SLI.Raw() {
		return p.checks()
	}
	length := p.step
	if s := p.o.Budgeting.Slice; s > 0 {
		length = s
	}
	all, err := p.count(p.o.SLI.TotalQuery, length)
	if err != nil {
		return "", "", err
	}
	failed, err := p.count(p.o.SLI.ErrorQuery, length)
	if err != nil {
		return "", "", err
	}
	total = fmt.Sprintf("%s * %s", p.sum(all.expr.String()), figure(all.factor))
	if failed.differs {
		total = fmt.Sprintf("%s and on (%s) %s", total, strings.Join(p.by, ", "), p.sum(failed.expr.String()))
	}
	zero := p.sum(p.stepTotal()) + " * 0"
	if p.o.Budgeting.Slice > 0 || !p.synthetic() {
		zero = total + " * 0"
		if failed.differs {
			zero = "(" + total + ") * 0"
		}
	}
	bad = fmt.Sprintf("clamp_min(%s * %s, 0)", p.sum(orZero(failed.expr, zero)), figure(failed.factor))
	if p.o.Budgeting.Slice > 0 {
		total, bad = p.slices(total, bad)
	}
	return p.named(total), p.named(bad), nil
}

// slices turns the events of a slice into one event: bad as a whole, or as bad as the
// ratio of its events. Each step carries its share of it.
func (p *plan) slices(total, bad string) (one, part string) {
	share := figure(float64(p.step) / float64(p.o.Budgeting.Slice))
	one = fmt.Sprintf("((%s) > bool 0) * %s", total, share)
	ratio := fmt.Sprintf("(%s) / ((%s) > 0)", bad, total)
	if p.o.Budgeting.Method == rules.RatioTimeslices {
		part = fmt.Sprintf("(%s) * %s", ratio, share)
	} else {
		part = fmt.Sprintf("(%s > bool %s) * %s", ratio, figure(1-p.o.Budgeting.SliceTarget), share)
	}
	return one, fmt.Sprintf("(%s) or (%s) * 0", part, total)
}

// checks returns the expressions of a raw error ratio: each second counts as one
// event. 0/0 is seen, but without events.
func (p *plan) checks() (total, bad string, err error) {
	c, err := p.count(p.o.SLI.ErrorRatioQuery, p.step)
	if err != nil {
		return "", "", err
	}
	ratio := "max(" + c.expr.String() + ")"
	seen := fmt.Sprintf("(%s >= bool 0)", ratio)
	seconds := figure(p.step.Seconds())
	return seen + " * " + seconds, fmt.Sprintf("(clamp_max(%s >= 0, 1) or %s) * %s", ratio, seen, seconds), nil
}

// named gives each group an ID of its own: that of the objective and its values.
func (p *plan) named(expr string) string {
	if p.by == nil {
		return expr
	}
	var quoted []string
	for _, l := range p.by {
		quoted = append(quoted, fmt.Sprintf("%q", l))
	}
	return fmt.Sprintf(`label_replace(label_join(%s, "sloth_id", ":", %s), "sloth_id", "%s:$1", "sloth_id", "(.*)")`,
		expr, strings.Join(quoted, ", "), p.o.ID)
}
