package rules

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

// Specs of other formats hold queries without {{.window}}. They are rewritten here
// so that they look at the window.

// sampledEvery is the step at which a condition on a value is looked at over a
// window: as often as it is polled.
const sampledEvery = "15s"

// counting names the function that turns the samples of a selector into events.
type counting string

const (
	counted counting = "rate"          // increases of a counter
	summed  counting = "sum_over_time" // each sample is a number of events
)

// edit replaces a part of a query.
type edit struct {
	from, to int
	text     string
}

// widener finds the outermost ranges of a query, which it widens to the window, and
// the selectors that have no range.
type widener struct {
	ranges    []edit
	selectors []bare
}

// bare is a selector without a range; summed tells whether an aggregation is
// around it.
type bare struct {
	*parser.VectorSelector
	summed bool
}

// Visit implements parser.Visitor.
func (w *widener) Visit(n parser.Node, path []parser.Node) (parser.Visitor, error) {
	switch n := n.(type) {
	case *parser.MatrixSelector:
		at := n.PositionRange()
		n.Range, n.RangeExpr = probeWindow, nil
		w.ranges = append(w.ranges, edit{int(at.Start), int(at.End), templated(n)})
		return nil, nil
	case *parser.SubqueryExpr:
		at := n.PositionRange()
		n.Range, n.RangeExpr = probeWindow, nil
		w.ranges = append(w.ranges, edit{int(at.Start), int(at.End), templated(n)})
		return nil, nil
	case *parser.VectorSelector:
		w.selectors = append(w.selectors, bare{n, slices.ContainsFunc(path, func(n parser.Node) bool {
			_, ok := n.(*parser.AggregateExpr)
			return ok
		})})
	}
	return w, nil
}

// templated prints an expression whose range is the probe with {{.window}} instead.
func templated(e parser.Expr) string {
	probe := "[" + model.Duration(probeWindow).String()
	return strings.ReplaceAll(e.String(), probe, "[{{.window}}")
}

// apply makes the edits of a query.
func apply(q string, edits []edit) string {
	slices.SortFunc(edits, func(a, b edit) int { return cmp.Compare(b.from, a.from) })
	for _, e := range edits {
		q = q[:e.from] + e.text + q[e.to:]
	}
	return q
}

// parsePlain parses a query that has no template variables.
func parsePlain(q string) (parser.Expr, error) {
	if strings.Contains(q, "{{") {
		return nil, errors.New("only {{.window}} is known as a template variable: write out the rest")
	}
	e, err := newParser().ParseExpr(q)
	if err != nil {
		return nil, fmt.Errorf("correct the PromQL: %w", trimParseError(err))
	}
	return e, nil
}

// windowed returns a query for events that looks at {{.window}}. One that has the
// placeholder stays as it is. Fixed ranges, as in rate(x[5m]), become the window.
// Selectors without a range are counters, whose rates are summed, or, where counter
// is false, gauges, whose samples are; where it is nil, the name says which.
func windowed(q string, counter *bool) (string, error) {
	if windowVar.MatchString(q) {
		return q, nil
	}
	e, err := parsePlain(q)
	if err != nil {
		return "", err
	}
	var w widener
	if err := parser.Walk(&w, e, nil); err != nil {
		return "", err
	}
	switch {
	case len(w.ranges) > 0:
		q = apply(q, w.ranges)
		if c, ok := plain(e).(*parser.Call); ok && (c.Func.Name == "rate" || c.Func.Name == "increase") {
			q = "sum" + paren(q)
		}
		return q, nil
	case len(w.selectors) == 0:
		return "", errors.New("the query selects no series: name the metric whose samples are events")
	}
	function := summed
	if counter != nil && *counter || counter == nil && !slices.ContainsFunc(w.selectors, func(b bare) bool { return !soundsLikeCounter(b) }) {
		function = counted
	}
	var edits []edit
	for _, b := range w.selectors {
		at := b.PositionRange()
		text := string(function) + "(" + templated(&parser.MatrixSelector{VectorSelector: b.VectorSelector, Range: probeWindow}) + ")"
		if !b.summed {
			text = "sum(" + text + ")"
		}
		edits = append(edits, edit{int(at.Start), int(at.End), text})
	}
	return apply(q, edits), nil
}

// soundsLikeCounter tells by its name whether a metric is a counter.
func soundsLikeCounter(b bare) bool {
	for _, suffix := range []string{"_total", "_count", "_bucket", "_sum"} {
		if strings.HasSuffix(b.Name, suffix) {
			return true
		}
	}
	return false
}

// windowedRatio returns a query for a ratio that looks at {{.window}}: of what has no
// range the mean over the window.
func windowedRatio(q string) (string, error) {
	if windowVar.MatchString(q) {
		return q, nil
	}
	e, err := parsePlain(q)
	if err != nil {
		return "", err
	}
	var w widener
	if err := parser.Walk(&w, e, nil); err != nil {
		return "", err
	}
	v, single := plain(e).(*parser.VectorSelector)
	switch {
	case len(w.ranges) > 0:
		return apply(q, w.ranges), nil
	case len(w.selectors) == 0:
		return "", errors.New("the query selects no series: name the metric that holds the ratio")
	case single:
		return "avg(avg_over_time(" + templated(&parser.MatrixSelector{VectorSelector: v, Range: probeWindow}) + "))", nil
	}
	return "avg(avg_over_time(" + paren(q) + "[{{.window}}:" + sampledEvery + "]))", nil
}

// plain takes the parentheses off an expression.
func plain(e parser.Expr) parser.Expr {
	for {
		p, ok := e.(*parser.ParenExpr)
		if !ok {
			return e
		}
		e = p.Expr
	}
}

// paren puts a query in parentheses; one with a comment ends on a line of its own.
func paren(q string) string {
	if strings.Contains(q, "#") {
		q += "\n"
	}
	return "(" + q + ")"
}

// missed are the comparisons that are true where an operator of OpenSLO is not.
func missed(op string) (string, bool) {
	against, ok := map[string]string{"lte": ">", "lt": ">=", "gte": "<", "gt": "<="}[op]
	return against, ok
}

// thresholdRatio returns a query for the share of time in which a value misses its
// threshold. NaN, such as a quantile of nothing, equals nothing, itself neither, and
// says nothing.
func thresholdRatio(q, against string, value float64) (string, error) {
	text, window := q, "[{{.window}}:"+sampledEvery+"]"
	var e parser.Expr
	var err error
	if windowVar.MatchString(q) {
		window = ""
		e, err = parseQuery(q)
	} else {
		e, err = parsePlain(q)
	}
	switch {
	case err != nil:
		return "", err
	case e.Type() == parser.ValueTypeScalar:
		text = "vector" + paren(text)
	case e.Type() != parser.ValueTypeVector:
		return "", fmt.Errorf("the query yields a %s: wrap it, for example in sum(rate(…))", parser.DocumentedType(e.Type()))
	default:
		text = paren(text)
	}
	miss := fmt.Sprintf("(%s == %s) %s bool %s", text, text, against, strconv.FormatFloat(value, 'g', -1, 64))
	if window == "" {
		return "avg(" + miss + ")", nil
	}
	return "avg(avg_over_time((" + miss + ")" + window + "))", nil
}
