package dashboards

import (
	"errors"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
)

// maxQueries is how many letters there are to name them.
const maxQueries = 26

// flaw is what is wrong with an Extra, and where in it: keys and numbers with
// dots between, as in panels.0.queries.1.expr.
type flaw struct{ path, text string }

// Validate reports every fault at once.
func (x Extra) Validate() error {
	var faults []error
	for _, f := range x.flaws() {
		faults = append(faults, fmt.Errorf("%s: %s", x.name(), f.text))
	}
	return errors.Join(faults...)
}

// name is what the panels belong to, for sentences.
func (x Extra) name() string {
	switch {
	case x.File != "":
		return x.File
	case x.Board != nil:
		return "board " + x.Board.UID
	default:
		return "extra panels of service " + x.Service
	}
}

func (x Extra) flaws() []flaw {
	var all []flaw
	switch {
	case x.Board != nil && x.Service != "":
		all = append(all, flaw{"service", "give service or board, not both: a file adds to one dashboard"})
	case x.Board == nil && strings.TrimSpace(x.Service) == "":
		all = append(all, flaw{"", "name whose dashboard gets the panels with service, or describe a dashboard of its own with board: {uid, title, description}"})
	case x.Board != nil:
		all = append(all, x.Board.flaws()...)
	}
	if len(x.Panels) == 0 {
		all = append(all, flaw{"panels", "there are no panels: write at least one"})
	}
	promql := parser.NewParser(parser.Options{})
	for i, p := range x.Panels {
		for _, f := range p.flaws(promql) {
			all = append(all, flaw{strings.TrimSuffix("panels."+strconv.Itoa(i)+"."+f.path, "."), p.sentence(i, f.text)})
		}
		for j, other := range x.Panels[:i] {
			if p.key() == other.key() && p.row() == other.row() && p.key() != "" {
				all = append(all, flaw{"panels." + strconv.Itoa(i) + ".key", p.sentence(i, fmt.Sprintf("panel %d of the same row has the key %s too: give one of them another key", j+1, p.key()))})
				break
			}
		}
	}
	return all
}

// sentence says which panel is meant.
func (p Panel) sentence(i int, text string) string {
	if p.Title == "" {
		return fmt.Sprintf("panel %d: %s", i+1, text)
	}
	return fmt.Sprintf("panel %q: %s", p.Title, text)
}

var uidPattern = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

func (b Board) flaws() []flaw {
	var all []flaw
	switch {
	case !uidPattern.MatchString(b.UID) || len(b.UID) > maxUID:
		all = append(all, flaw{"board.uid", fmt.Sprintf("uid %q cannot be an address in Grafana: use letters, digits, - and _, 1 to %d of them", b.UID, maxUID)})
	case strings.HasPrefix(b.UID, generatedPfx):
		all = append(all, flaw{"board.uid", fmt.Sprintf("uid %q begins with %s, as the generated dashboards do: choose another", b.UID, generatedPfx)})
	}
	if strings.TrimSpace(b.Title) == "" {
		all = append(all, flaw{"board.title", "title is missing: say what the dashboard is about"})
	}
	if strings.TrimSpace(b.Description) == "" {
		all = append(all, flaw{"board.description", "description is missing: say which question the dashboard answers"})
	}
	for i, t := range b.Tags {
		if !plainName.MatchString(t) || slices.Contains(ownTags(), t) {
			all = append(all, flaw{"board.tags." + strconv.Itoa(i), fmt.Sprintf("tag %q: use a-z, 0-9, - and _, and none of %s, which generated dashboards have", t, strings.Join(ownTags(), ", "))})
		}
	}
	return all
}

func (p Panel) flaws(promql parser.Parser) []flaw {
	var all []flaw
	add := func(path, format string, args ...any) { all = append(all, flaw{path, fmt.Sprintf(format, args...)}) }
	for _, said := range []struct{ key, value, what string }{
		{"title", p.Title, "give it a heading"},
		{"shows", p.Shows, "say what the panel shows"},
		{"normal", p.Normal, "say what is normal"},
		{"act", p.Act, "say what to do when it is not normal"},
	} {
		if strings.TrimSpace(said.value) == "" {
			add(said.key, "%s is missing: %s", said.key, said.what)
		}
	}
	switch {
	case p.Key != "" && !plainName.MatchString(p.Key):
		add("key", "key %q: use a-z, 0-9, - and _", p.Key)
	case p.key() == "" && p.Title != "":
		add("key", "key is missing, and the title has no letters a-z or digits to make it of: give one")
	}
	if _, ok := p.shape(); !ok {
		add("kind", "kind %q is not known: it is one of %s", p.Kind, kindWords())
	}
	if _, ok := p.unit(); !ok {
		add("unit", "unit %q is not known: it is one of %s", p.Unit, unitWords())
	}
	return append(append(all, p.scaleFlaws()...), p.queryFlaws(promql)...)
}

// scaleFlaws are what is wrong with numbers: thresholds, ends, sizes.
func (p Panel) scaleFlaws() []flaw {
	var all []flaw
	add := func(path, format string, args ...any) { all = append(all, flaw{path, fmt.Sprintf(format, args...)}) }
	if t := p.Thresholds; t != nil && (t.Watch == t.Bad || !finite(t.Watch) || !finite(t.Bad)) {
		add("thresholds", "thresholds: watch and bad have to be two different numbers; a watch above bad means that falling is bad")
	}
	if p.Line && (p.Thresholds == nil || p.drawn() != Lines) {
		add("line", "line draws thresholds into lines: give thresholds and kind lines, or leave it out")
	}
	low, high := p.ends()
	switch {
	case p.Min != nil && !finite(*p.Min) || p.Max != nil && !finite(*p.Max):
		add("max", "min and max have to be numbers")
	case low != nil && high != nil && *low >= *high:
		add("max", "max is %s and min %s: max has to be the larger one", number(*high), number(*low))
	case p.drawn() == Gauge && high == nil:
		add("max", "max is missing: a gauge shows how full something is (for the units ratio and percent it is known)")
	}
	if p.Width < 0 || p.Width > gridWidth {
		add("width", "width is %d: a line has %d columns", p.Width, gridWidth)
	}
	if p.Height < 0 || p.Height > maxHeight {
		add("height", "height is %d: take 2 to %d", p.Height, maxHeight)
	}
	return all
}

// maxHeight is more than a screen shows.
const maxHeight = 40

func finite(f float64) bool { return !math.IsNaN(f) && !math.IsInf(f, 0) }

func (p Panel) queryFlaws(promql parser.Parser) []flaw {
	var all []flaw
	add := func(path, format string, args ...any) { all = append(all, flaw{path, fmt.Sprintf(format, args...)}) }
	if p.drawn() == Text {
		if len(p.Queries) > 0 {
			add("queries", "a text has no queries: leave them out, or choose another kind")
		}
		if strings.TrimSpace(p.Content) == "" {
			add("content", "content is missing: write the text, in Markdown")
		}
		return all
	}
	switch {
	case strings.TrimSpace(p.Content) != "":
		add("content", "only kind text has content: leave it out")
	case len(p.Queries) == 0:
		add("queries", "queries is missing: write at least one, as - expr: sum(…)")
	case len(p.Queries) > maxQueries:
		add("queries", "there are %d queries: a panel takes %d", len(p.Queries), maxQueries)
	case p.drawn() == Heatmap && len(p.Queries) > 1:
		add("queries", "a heatmap draws one query, by le")
	}
	for i, q := range p.Queries {
		at := "queries." + strconv.Itoa(i)
		switch expr, err := promql.ParseExpr(Interpolate(q.Expr, nil)); {
		case strings.TrimSpace(q.Expr) == "":
			add(at, "query %d has no expr: write PromQL", i+1)
		case ownVariable(q.Expr) != "":
			add(at+".expr", "query %d has the variable $%s, which no dashboard has: of variables only Grafana's own for time are known, such as $__rate_interval", i+1, ownVariable(q.Expr))
		case err != nil:
			add(at+".expr", "query %d is not PromQL: %s", i+1, strings.Join(strings.Fields(err.Error()), " "))
		case expr.Type() != parser.ValueTypeVector && expr.Type() != parser.ValueTypeScalar:
			add(at+".expr", "query %d gives a %s: write one that gives a number at each moment, for example rate(…)", i+1, expr.Type())
		}
		if len(p.Queries) > 1 && strings.TrimSpace(q.Legend) == "" {
			add(at, "query %d has no legend: with several queries each needs a name", i+1)
		}
	}
	return all
}

// ownVariable is the first variable of a text that is not one of Grafana's own for
// time; "" when there is none.
func ownVariable(expr string) string {
	for _, found := range variable.FindAllStringSubmatch(expr, -1) {
		if name := variableName(found); !strings.HasPrefix(name, "__") {
			return name
		}
	}
	return ""
}

// drawn is the kind of the panel, also where it is left out.
func (p Panel) drawn() Kind {
	if p.Kind == "" {
		return Lines
	}
	return p.Kind
}

func (p Panel) shape() (shape, bool) {
	all := shapes()
	i := slices.IndexFunc(all, func(s shape) bool { return s.name == p.drawn() })
	if i < 0 {
		return all[0], false
	}
	return all[i], true
}

// unit is Grafana's name of the unit.
func (p Panel) unit() (string, bool) {
	all := unitNames()
	if p.Unit == "" {
		return all[0].grafana, true
	}
	i := slices.IndexFunc(all, func(u unitName) bool { return u.unit == p.Unit })
	if i < 0 {
		return all[0].grafana, false
	}
	return all[i].grafana, true
}

// ends are those of the scale, nil where the numbers decide.
func (p Panel) ends() (low, high *float64) {
	low, high = p.Min, p.Max
	if p.drawn() != Gauge {
		return low, high
	}
	if low == nil {
		low = new(0.0)
	}
	switch {
	case high != nil:
	case p.Unit == Ratio:
		high = new(1.0)
	case p.Unit == Percent:
		high = new(100.0)
	}
	return low, high
}

func kindWords() string {
	var names []string
	for _, s := range shapes() {
		names = append(names, string(s.name))
	}
	return strings.Join(names, ", ")
}

func unitWords() string {
	var names []string
	for _, u := range unitNames() {
		names = append(names, string(u.unit))
	}
	return strings.Join(names, ", ")
}
