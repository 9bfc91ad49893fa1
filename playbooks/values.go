package playbooks

import (
	"cmp"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// maxRows is how many values of an answer are shown.
	maxRows = 5
	// maxColumns is how many labels tell them apart.
	maxColumns = 3
	// maxWord is the longest name, value or reason, in characters.
	maxWord = 48
)

// noData is shown for an answer, or a value, that is not there.
const noData = "no data"

// answered writes samples down, the largest value first, or the smallest.
func answered(samples []Sample, smallestFirst bool) answer { //nolint:revive // What the query says, not a switch.
	samples = slices.Clone(samples)
	slices.SortStableFunc(samples, func(a, b Sample) int {
		byValue := cmp.Compare(b.Value, a.Value) // NaN comes last
		if smallestFirst && !math.IsNaN(a.Value) && !math.IsNaN(b.Value) {
			byValue = -byValue
		}
		return cmp.Or(byValue, slices.CompareFunc(sortedPairs(a.Labels), sortedPairs(b.Labels), strings.Compare))
	})
	if len(samples) == 0 || math.IsNaN(samples[0].Value) {
		said := []string{"→ " + noData}
		return answer{table: said, lines: said}
	}
	names := telling(samples)
	shown := samples[:min(maxRows, len(samples))]
	var a answer
	for _, s := range shown {
		a.lines = append(a.lines, inWords(s, names))
	}
	more := ""
	if n := len(samples) - len(shown); n > 0 {
		more = fmt.Sprintf("… and %d more", n)
		a.lines = append(a.lines, "→ "+more)
	}
	if len(samples) == 1 || len(names) == 0 {
		a.table = a.lines
		return a
	}
	a.table = table(shown, names, more)
	return a
}

// inWords is a value on a line of its own: → `route=/v1/share` **41.2**.
func inWords(s Sample, names []string) string {
	var words []string
	for _, name := range names {
		if value := s.Labels[name]; value != "" {
			words = append(words, code(name+"="+value))
		}
	}
	if len(words) == 0 && len(names) > 0 {
		words = append(words, code(names[0]+"=")) // it has none of them, which tells it apart
	}
	words = append(words, "**"+number(s.Value)+"**")
	return "→ " + strings.Join(words, " ")
}

// table is one row for each sample and, when more is said, one for that.
func table(samples []Sample, names []string, more string) []string {
	row := func(cell func(name string) string, last string) string {
		var b strings.Builder
		for _, name := range names {
			b.WriteString("| " + cell(name) + " ")
		}
		return b.String() + "| " + last + " |"
	}
	rows := []string{row(code, "value"), row(func(string) string { return "---" }, "---:")}
	for _, s := range samples {
		rows = append(rows, row(func(name string) string { return code(s.Labels[name]) }, number(s.Value)))
	}
	if more != "" {
		rows = append(rows, "| "+more+" "+strings.Repeat("|", len(names)+1))
	}
	return rows
}

// telling are the labels that tell samples apart, those with the most values when
// there are many; for one sample, its labels.
func telling(samples []Sample) []string {
	values := map[string]map[string]bool{}
	for _, s := range samples {
		for name := range s.Labels {
			values[name] = map[string]bool{}
		}
	}
	var names []string
	for name, have := range values {
		for _, s := range samples {
			have[s.Labels[name]] = true
		}
		if len(have) > 1 || len(samples) == 1 && name != model.MetricNameLabel {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(len(values[b]), len(values[a])), strings.Compare(a, b))
	})
	names = names[:min(maxColumns, len(names))]
	slices.Sort(names)
	return names
}

// sortedPairs are the names and values of labels, in the order of the names.
func sortedPairs(labels map[string]string) []string {
	pairs := make([]string, 0, 2*len(labels))
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, name, labels[name])
	}
	return pairs
}

// ascending tells whether an expression asks for the smallest values: bottomk or sort
// around all of it.
func ascending(expr string) bool {
	e, err := newParser().ParseExpr(expr)
	if err != nil {
		return false
	}
	for {
		switch n := e.(type) {
		case *parser.ParenExpr:
			e = n.Expr
		case *parser.AggregateExpr:
			return n.Op == parser.BOTTOMK
		case *parser.Call:
			return n.Func.Name == "sort"
		default:
			return false
		}
	}
}

// number writes a value as people read it: four digits, 12.35k, 1.235M. Times, bytes
// and ratios stay what they are; the step says what is counted.
func number(v float64) string {
	switch {
	case math.IsNaN(v):
		return noData
	case math.IsInf(v, 1):
		return "∞"
	case math.IsInf(v, -1):
		return "-∞"
	}
	rounded, err := strconv.ParseFloat(strconv.FormatFloat(v, 'e', 3, 64), 64)
	suffix, size := "", math.Abs(rounded)
	switch {
	case rounded == 0:
		return "0"
	case err != nil || size < 1e-6 || size >= 1e15:
		return strconv.FormatFloat(v, 'g', 4, 64) // no zeros to count
	}
	if size >= 10_000 {
		for _, s := range []string{"k", "M", "G", "T"} {
			suffix, rounded, size = s, rounded/1000, size/1000
			if size < 1000 {
				break
			}
		}
	}
	digits := max(0, 3-int(math.Floor(math.Log10(size))))
	text := strconv.FormatFloat(rounded, 'f', digits, 64)
	if strings.Contains(text, ".") {
		text = strings.TrimRight(strings.TrimRight(text, "0"), ".")
	}
	return text + suffix
}

// code writes a word from outside as code. Whatever is in it, it stays one word of one
// line and of a bounded length, it ends no code, no table cell and no message, and it
// mentions nobody.
func code(word string) string {
	clean := strings.Map(func(r rune) rune {
		switch {
		case r == '`':
			return '\''
		case r == '|':
			return '¦' // it would end a cell of a table, in code as well
		case r == '<':
			return '‹' // <!channel> is a mention in Slack
		case r == '>':
			return '›'
		case r == utf8.RuneError, !unicode.IsPrint(r):
			return ' '
		}
		return r
	}, word)
	clean = strings.Join(strings.Fields(clean), " ")
	if clean == "" {
		return "–"
	}
	if utf8.RuneCountInString(clean) > maxWord {
		clean = strings.TrimSpace(string([]rune(clean)[:maxWord-1])) + "…"
	}
	return "`" + clean + "`"
}

// newParser reads PromQL as the engine does.
func newParser() parser.Parser { return parser.NewParser(parser.Options{}) }
