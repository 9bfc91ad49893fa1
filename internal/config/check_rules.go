package config

import (
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/rulefmt"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules/lint"
)

// ruleAlert is an alerting rule of a Prometheus rule file.
type ruleAlert struct {
	at   lint.Place
	name string
	// labels are those that the rule and its expression tell for certain. What a
	// template fills in, or only the series tell, is not known.
	labels, annotations map[string]string
}

// ruleAlerts reads the alerting rules. Files with faults are left out: those are told
// already.
func (f Files) ruleAlerts() []ruleAlert {
	var alerts []ruleAlert
	promql := parser.NewParser(parser.Options{})
	for _, pattern := range f.Config.Rules.Prometheus {
		names, err := filepath.Glob(pattern)
		if err != nil {
			continue
		}
		for _, name := range names {
			text, err := os.ReadFile(name)
			if err != nil {
				continue
			}
			groups, faults := rulefmt.Parse(text, false, model.UTF8Validation, promql, slog.New(slog.DiscardHandler))
			if len(faults) > 0 || groups == nil {
				continue
			}
			lines := ruleLines(newLocator(name, text))
			for g, group := range groups.Groups {
				for r, rule := range group.Rules {
					if rule.Alert != "" {
						alerts = append(alerts, newRuleAlert(lint.Place{File: name, Line: lines[[2]int{g, r}]}, group, rule, promql))
					}
				}
			}
		}
	}
	return alerts
}

// ruleLines are the lines on which rules begin, by group and number.
func ruleLines(l locator) map[[2]int]int {
	lines := map[[2]int]int{}
	_, groups := child(l.root, "groups")
	if groups == nil {
		return lines
	}
	for g, group := range groups.Content {
		_, rules := child(group, "rules")
		if rules == nil {
			continue
		}
		for r, rule := range rules.Content {
			lines[[2]int{g, r}] = rule.Line
		}
	}
	return lines
}

func newRuleAlert(at lint.Place, group rulefmt.RuleGroup, rule rulefmt.Rule, promql parser.Parser) ruleAlert {
	a := ruleAlert{at: at, name: rule.Alert, annotations: rule.Annotations, labels: map[string]string{}}
	written := map[string]string{}
	maps.Copy(written, group.Labels)
	maps.Copy(written, rule.Labels)
	if expr, err := promql.ParseExpr(rule.Expr); err == nil {
		a.labels = certain(expr)
	}
	for name, value := range written {
		if strings.Contains(value, "{{") {
			delete(a.labels, name)
			continue
		}
		a.labels[name] = value
	}
	a.labels["alertname"] = rule.Alert
	a.labels = named(a.labels, a.annotations)
	return a
}

// certain are the labels that every series an expression finds is sure to have, with
// their values: what its selectors demand and its operators keep.
func certain(expr parser.Expr) map[string]string {
	switch e := expr.(type) {
	case *parser.VectorSelector:
		out := map[string]string{}
		for _, m := range e.LabelMatchers {
			if m.Type == labels.MatchEqual && m.Value != "" && m.Name != model.MetricNameLabel {
				out[m.Name] = m.Value
			}
		}
		return out
	case *parser.MatrixSelector:
		return certain(e.VectorSelector)
	case *parser.SubqueryExpr:
		return certain(e.Expr)
	case *parser.ParenExpr:
		return certain(e.Expr)
	case *parser.UnaryExpr:
		return certain(e.Expr)
	case *parser.StepInvariantExpr:
		return certain(e.Expr)
	case *parser.AggregateExpr:
		if slices.Contains([]parser.ItemType{parser.TOPK, parser.BOTTOMK, parser.LIMITK, parser.LIMIT_RATIO}, e.Op) {
			return certain(e.Expr)
		}
		return keep(certain(e.Expr), e.Grouping, e.Without)
	case *parser.Call:
		return certainOfCall(e)
	case *parser.BinaryExpr:
		return certainOfBinary(e)
	default:
		return map[string]string{}
	}
}

// keep drops the named labels, or all others.
func keep(all map[string]string, names []string, without bool) map[string]string {
	maps.DeleteFunc(all, func(name, _ string) bool { return slices.Contains(names, name) == without })
	return all
}

func certainOfCall(call *parser.Call) map[string]string {
	out := map[string]string{}
	for _, arg := range call.Args {
		if t := arg.Type(); t == parser.ValueTypeVector || t == parser.ValueTypeMatrix {
			out = certain(arg)
			break
		}
	}
	switch call.Func.Name {
	case "label_replace", "label_join":
		if to, ok := call.Args[1].(*parser.StringLiteral); ok {
			delete(out, to.Val)
		}
	case "histogram_quantile", "histogram_fraction":
		delete(out, model.BucketLabel)
	}
	return out
}

func certainOfBinary(e *parser.BinaryExpr) map[string]string {
	switch {
	case e.LHS.Type() == parser.ValueTypeScalar:
		return certain(e.RHS)
	case e.RHS.Type() == parser.ValueTypeScalar || e.VectorMatching == nil:
		return certain(e.LHS)
	}
	left, right, match := certain(e.LHS), certain(e.RHS), e.VectorMatching
	switch {
	case e.Op == parser.LOR:
		maps.DeleteFunc(left, func(name, value string) bool { return right[name] != value })
		return left
	case e.Op == parser.LAND || e.Op == parser.LUNLESS:
		return left
	case match.Card == parser.CardOneToOne:
		return keep(left, match.MatchingLabels, !match.On)
	case match.Card == parser.CardOneToMany:
		left = right
	}
	return keep(left, match.Include, true)
}
