package lint

import (
	"slices"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// probe stands in for {{.window}} while queries are taken apart: a length nobody
// writes by hand.
const probe = 439 * time.Second

// subject is an objective with its queries taken apart.
type subject struct {
	rules.Objective
	source rules.Source
	reason string
	terms  []rules.Term

	queries   []query
	selectors []*selector
}

// query is one of an objective's expressions.
type query struct {
	key  string
	expr parser.Expr
}

// role says what an objective needs a selector for.
type role int

const (
	// badOnly counts bad events alone: that there are none yet is good news.
	badOnly role = iota
	// needed counts all events, or good ones that are subtracted: nothing can be said
	// without it.
	needed
)

// selector is a selector in a query.
type selector struct {
	// key names the query it is in first.
	key      string
	text     string
	name     string
	matchers []*labels.Matcher
	// length is its range, 0 for none and probe for {{.window}}.
	length time.Duration
	role   role
	// within are the nodes around it, the outermost first.
	within []parser.Node
}

func newSubject(o rules.Objective) *subject {
	s := &subject{Objective: o}
	s.source, s.reason, s.terms = o.Counting()
	filled := o.SLI.Over(probe)
	p := parser.NewParser(parser.Options{})
	for _, q := range []struct{ key, text string }{
		{"error_query", filled.ErrorQuery}, {"total_query", filled.TotalQuery}, {"error_ratio_query", filled.ErrorRatioQuery},
	} {
		if q.text == "" {
			continue
		}
		// What does not parse was refused when the objective was read.
		if expr, err := p.ParseExpr(q.text); err == nil {
			s.queries = append(s.queries, query{q.key, expr})
			s.take(q.key, expr)
		}
	}
	return s
}

// take adds the selectors of a query.
func (s *subject) take(key string, expr parser.Expr) {
	parser.Inspect(expr, func(n parser.Node, path []parser.Node) error {
		v, ok := n.(*parser.VectorSelector)
		if !ok {
			return nil
		}
		sel := &selector{key: key, text: plain(v), matchers: v.LabelMatchers, within: slices.Clone(path), role: s.role(key, plain(v))}
		if m := sel.pinned(model.MetricNameLabel); m != nil {
			sel.name = m.Value
		}
		if len(path) > 0 {
			if m, ok := path[len(path)-1].(*parser.MatrixSelector); ok {
				sel.length = m.Range
			}
		}
		s.selectors = append(s.selectors, sel)
		return nil
	})
	// What stands in the total as well is needed wherever it stands.
	for _, a := range s.selectors {
		for _, b := range s.selectors {
			if a.text == b.text {
				a.role = max(a.role, b.role)
			}
		}
	}
}

// role says what a selector in a query is needed for.
func (s *subject) role(key, text string) role {
	for _, t := range s.terms {
		if t.Selector == text && (t.Total != 0 || t.Bad < 0) {
			return needed
		}
	}
	if key == "error_query" {
		return badOnly
	}
	return needed
}

// distinct returns the selectors, each text once.
func (s *subject) distinct() []*selector {
	var out []*selector
	for _, sel := range s.selectors {
		if !slices.ContainsFunc(out, func(o *selector) bool { return o.text == sel.text }) {
			out = append(out, sel)
		}
	}
	return out
}

// plain is the text of a selector by itself, without offset and modifiers.
func plain(v *parser.VectorSelector) string {
	return (&parser.VectorSelector{Name: v.Name, LabelMatchers: v.LabelMatchers}).String()
}

// pinned returns the matcher that demands one value of a label; nil when there is
// none.
func (sel *selector) pinned(label string) *labels.Matcher {
	for _, m := range sel.matchers {
		if m.Name == label && m.Type == labels.MatchEqual && m.Value != "" {
			return m
		}
	}
	return nil
}

// without is the selector without its matchers of a label.
func (sel *selector) without(label string) string {
	return text(slices.DeleteFunc(slices.Clone(sel.matchers), func(m *labels.Matcher) bool { return m.Name == label }))
}

// text writes matchers as a selector.
func text(matchers []*labels.Matcher) string {
	parts := make([]string, len(matchers))
	for i, m := range matchers {
		parts[i] = m.String()
	}
	return "{" + strings.Join(parts, ",") + "}"
}

// call is the name of the function a selector's samples go into first; "" when none.
func (sel *selector) call() string {
	for _, n := range slices.Backward(sel.within) {
		switch n := n.(type) {
		case *parser.Call:
			return n.Func.Name
		case *parser.AggregateExpr:
			return n.Op.String()
		case *parser.BinaryExpr:
			if !n.Op.IsComparisonOperator() {
				return ""
			}
		}
	}
	return ""
}

// under tells whether a selector is inside a call of one of some functions.
func (sel *selector) under(functions ...string) bool {
	return slices.ContainsFunc(sel.within, func(n parser.Node) bool {
		c, ok := n.(*parser.Call)
		return ok && slices.Contains(functions, c.Func.Name)
	})
}
