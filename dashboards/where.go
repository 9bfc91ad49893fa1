package dashboards

import (
	"fmt"
	"regexp"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

// wherePanels draw the series behind an objective's errors, where its query is a sum of
// them: which of them fail is where it burns. ok is false for other queries.
func wherePanels(o rules.Objective) (list []panel, ok bool) {
	short := rules.PairsFor(o.Period)[0].Short
	failing, ok := summed(o.SLI.ErrorQuery, model.Duration(max(short, minWindow)).String())
	if !ok {
		return nil, false
	}
	const act = "one series far above the others names the part that is broken: its route, instance or release. All alike: the cause is what they share."
	return []panel{{
		kind: lines, key: "series", title: "What fails, by series", width: gridWidth, height: 9,
		shows:   "The ten series that the failures come from, in failures a second. Their labels say where.",
		normal:  "few failures, spread over all.",
		act:     act,
		queries: []query{{fmt.Sprintf("topk(10, %s)", failing) + orNone("failures"), ""}},
		unit:    "none", softMin: new(0.0),
	}}, true
}

// minWindow is the shortest window of a rate that has samples at a scrape interval of a
// minute.
const minWindow = 2 * 60 * 1e9

// windowTemplate is the placeholder of Sloth's queries for their range.
var windowTemplate = regexp.MustCompile(`\{\{\s*\.window\s*\}\}`)

// summed returns what a query sums up, with its window put in.
func summed(query, window string) (inner string, ok bool) {
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(windowTemplate.ReplaceAllString(query, window))
	if err != nil {
		return "", false
	}
	for {
		switch e := expr.(type) {
		case *parser.ParenExpr:
			expr = e.Expr
			continue
		case *parser.AggregateExpr:
			if e.Op == parser.SUM {
				return e.Expr.String(), true
			}
		}
		return "", false
	}
}
