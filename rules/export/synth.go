package export

import (
	"maps"
	"regexp/syntax"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// A unit test needs raw series that the queries of an objective count as good or bad
// events. They are found by taking the queries apart into weighed selectors and
// making up series that match them.

// weight is what one event of a series adds.
type weight struct{ bad, total float64 }

// term is one selector of a query with its weight.
type term struct {
	matchers []*labels.Matcher
	weight
}

// madeUp are series whose counters all step by one for a good or a bad event.
type madeUp struct{ good, bad []labels.Labels }

// synthetic tells whether test series can be made up.
func (p *plan) synthetic() bool {
	_, ok := p.makeUp()
	return ok
}

// makeUp finds series for a good and for a bad event.
func (p *plan) makeUp() (madeUp, bool) {
	var terms []term
	for query, w := range map[string]weight{p.o.SLI.ErrorQuery: {bad: 1}, p.o.SLI.TotalQuery: {total: 1}} {
		expr, err := parse(rules.FillWindow(query, time.Minute))
		if err != nil || !takeApart(expr, w, &terms) {
			return madeUp{}, false
		}
	}
	series := candidates(terms, p.o.GroupBy)
	weights := make([]weight, len(series))
	for i, s := range series {
		weights[i] = weigh(s, terms)
	}
	// One series does for an event where it can; a latency's good event takes two, the
	// count and the bucket.
	find := func(bad float64) []labels.Labels {
		for i := range series {
			if weights[i] == (weight{bad, 1}) {
				return series[i : i+1]
			}
		}
		for i := range series {
			for k := range i {
				if sum := (weight{weights[i].bad + weights[k].bad, weights[i].total + weights[k].total}); sum == (weight{bad, 1}) {
					return []labels.Labels{series[k], series[i]}
				}
			}
		}
		return nil
	}
	out := madeUp{good: find(0), bad: find(1)}
	return out, out.good != nil && out.bad != nil
}

func weigh(s labels.Labels, terms []term) weight {
	var w weight
	for _, t := range terms {
		if selects(t.matchers, s) {
			w.bad += t.bad
			w.total += t.total
		}
	}
	return w
}

func selects(matchers []*labels.Matcher, s labels.Labels) bool {
	for _, m := range matchers {
		if !m.Matches(s.Get(m.Name)) {
			return false
		}
	}
	return true
}

// takeApart adds the selectors of a linear combination of sum(rate(…)); false if the
// expression is none.
func takeApart(e parser.Expr, w weight, out *[]term) bool {
	times := func(f float64) weight { return weight{w.bad * f, w.total * f} }
	switch e := e.(type) {
	case *parser.ParenExpr:
		return takeApart(e.Expr, w, out)
	case *parser.AggregateExpr:
		return e.Op == parser.SUM && !e.Without && takeApart(e.Expr, w, out)
	case *parser.BinaryExpr:
		left, leftNumber := e.LHS.(*parser.NumberLiteral)
		right, rightNumber := e.RHS.(*parser.NumberLiteral)
		switch {
		case e.Op == parser.MUL && leftNumber:
			return takeApart(e.RHS, times(left.Val), out)
		case e.Op == parser.MUL && rightNumber:
			return takeApart(e.LHS, times(right.Val), out)
		case e.Op == parser.LOR:
			return takeApart(e.LHS, w, out)
		case e.Op == parser.SUB:
			return takeApart(e.LHS, w, out) && takeApart(e.RHS, times(-1), out)
		case e.Op == parser.ADD:
			return takeApart(e.LHS, w, out) && takeApart(e.RHS, w, out)
		}
		return false
	case *parser.Call:
		if e.Func.Name != "rate" && e.Func.Name != "increase" {
			return false
		}
		m, ok := e.Args[0].(*parser.MatrixSelector)
		if !ok {
			return false
		}
		v, ok := m.VectorSelector.(*parser.VectorSelector)
		if !ok || v.OriginalOffset != 0 || v.Timestamp != nil || v.StartOrEnd != 0 {
			return false
		}
		*out = append(*out, term{v.LabelMatchers, w})
		return true
	}
	return false
}

// candidates are series that match a selector each, and the same with other values,
// or none, of the labels that other selectors name.
func candidates(terms []term, groups []string) []labels.Labels {
	values := map[string][]string{}
	for _, t := range terms {
		for _, m := range t.matchers {
			values[m.Name] = append(values[m.Name], example(m))
		}
	}
	seen := map[string]labels.Labels{}
	var out []labels.Labels
	add := func(ls map[string]string) {
		s := labels.FromMap(ls)
		if _, known := seen[s.String()]; !known && s.Get(model.MetricNameLabel) != "" {
			seen[s.String()] = s
			out = append(out, s)
		}
	}
	for _, t := range terms {
		ls := map[string]string{}
		for _, g := range groups {
			ls[g] = "some"
		}
		for _, m := range t.matchers {
			if v := example(m); m.Matches(v) && (ls[m.Name] == "" || !m.Matches(ls[m.Name])) {
				ls[m.Name] = v
			}
		}
		add(ls)
		for _, name := range slices.Sorted(maps.Keys(values)) {
			if name == model.MetricNameLabel {
				continue
			}
			for _, v := range append(values[name], "", "other", "200") {
				changed := maps.Clone(ls)
				changed[name] = v
				add(changed)
			}
		}
	}
	slices.SortStableFunc(out, func(a, b labels.Labels) int { return strings.Compare(a.String(), b.String()) })
	return out
}

// example is a value that a matcher takes, or tries to be.
func example(m *labels.Matcher) string {
	switch m.Type {
	case labels.MatchEqual:
		return m.Value
	case labels.MatchRegexp:
		if re, err := syntax.Parse(m.Value, syntax.Perl); err == nil {
			return spell(re)
		}
	default: // Anything but one value, or one kind of values.
	}
	for _, v := range []string{"", "other", "200", "500"} {
		if m.Matches(v) {
			return v
		}
	}
	return "none"
}

// spell writes the shortest text that a regular expression matches.
func spell(re *syntax.Regexp) string {
	switch re.Op {
	case syntax.OpLiteral:
		return string(re.Rune)
	case syntax.OpCharClass:
		if len(re.Rune) > 0 {
			return string(re.Rune[0])
		}
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return "0"
	case syntax.OpCapture, syntax.OpPlus:
		return spell(re.Sub[0])
	case syntax.OpRepeat:
		return strings.Repeat(spell(re.Sub[0]), re.Min)
	case syntax.OpAlternate:
		return spell(re.Sub[0])
	case syntax.OpConcat:
		var b strings.Builder
		for _, sub := range re.Sub {
			b.WriteString(spell(sub))
		}
		return b.String()
	default: // The others match the empty text.
	}
	return ""
}
