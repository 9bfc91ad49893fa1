package rules

import (
	"errors"
	"fmt"
	"hash/fnv"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
)

const (
	// defaultMaxGroups is how many members an objective has at most unless it says
	// otherwise, mostGroups what it may say.
	defaultMaxGroups = 100
	mostGroups       = 10_000
	// noValue names the member whose series lack the label.
	noValue = "none"
	// longValues bounds the values in a member's ID, in bytes.
	longValues = 160
)

// CheckGroups says what is wrong with GroupBy and MaxGroups, and whether the events
// of the objective can be told apart by labels.
func (o Objective) CheckGroups() error {
	_, err := o.whole()
	return err
}

// whole returns the objective as its sum over all groups is counted: queries that sum
// by the labels of the groups sum over everything. Other objectives stay as they are.
func (o Objective) whole() (Objective, error) {
	if len(o.GroupBy) == 0 {
		return o, nil
	}
	for i, name := range o.GroupBy {
		switch {
		case !model.LegacyValidation.IsValidLabelName(name) || strings.HasPrefix(name, "__"):
			return o, fmt.Errorf("group_by: %q cannot be grouped by: give the name of a label", name)
		case name == labels.BucketLabel || name == "quantile":
			return o, fmt.Errorf("group_by: %q belongs to a histogram or summary and tells no events apart: leave it out", name)
		case slices.Contains(o.GroupBy[:i], name):
			return o, fmt.Errorf("group_by: %q is given twice", name)
		}
	}
	if o.MaxGroups < 0 || o.MaxGroups > mostGroups {
		return o, fmt.Errorf("max_groups: %d is out of range: give 1 to %d", o.MaxGroups, mostGroups)
	}
	if o.SLI.Raw() {
		return o, errors.New("group_by: an error ratio cannot be split into groups: give error_query and total_query")
	}
	var err error
	if o.SLI, err = rewrite(o.SLI, func(n parser.Node) { dropGrouping(n, o.GroupBy) }); err != nil {
		return o, err
	}
	s, err := shapeOf(o.SLI)
	switch {
	case err != nil:
		return o, err
	case !s.observed():
		return o, fmt.Errorf("group_by: only what is counted as samples arrive can be split into groups, and this is %s", s.reason)
	}
	return o, nil
}

// dropGrouping takes the labels of the groups out of "sum by".
func dropGrouping(n parser.Node, by []string) {
	if sum, ok := n.(*parser.AggregateExpr); ok && !sum.Without {
		sum.Grouping = slices.DeleteFunc(slices.Clone(sum.Grouping), func(l string) bool { return slices.Contains(by, l) })
	}
}

// member returns the objective of the group with these values of the labels that o is
// grouped by; o is whole.
func (o Objective) member(values []string) (Objective, error) {
	m := o
	m.GroupBy, m.MaxGroups, m.Parent = nil, 0, o.ID
	m.ID = memberID(o.ID, values)
	m.Group, m.Labels = map[string]string{}, maps.Clone(o.Labels)
	if m.Labels == nil {
		m.Labels = map[string]string{}
	}
	var only []*labels.Matcher
	var said []string
	for i, name := range o.GroupBy {
		m.Group[name] = values[i]
		m.Labels[name] = shownValue(values[i])
		only = append(only, labels.MustNewMatcher(labels.MatchEqual, name, values[i]))
		said = append(said, name+" "+shownValue(values[i]))
	}
	m.Promise = fmt.Sprintf("%s (%s)", strings.TrimSuffix(o.Promise, "."), strings.Join(said, ", "))
	var err error
	m.SLI, err = rewrite(o.SLI, func(n parser.Node) {
		if v, ok := n.(*parser.VectorSelector); ok {
			v.LabelMatchers = append(slices.Clone(v.LabelMatchers), only...)
		}
	})
	return m, err
}

// shownValue is the value of a label as people see it.
func shownValue(v string) string {
	if v == "" {
		return noValue
	}
	return v
}

// rewrite changes the nodes of both event queries.
func rewrite(s SLI, change func(parser.Node)) (SLI, error) {
	for _, q := range []*string{&s.ErrorQuery, &s.TotalQuery} {
		expr, err := parseQuery(*q)
		if err != nil {
			return s, err
		}
		parser.Inspect(expr, func(n parser.Node, _ []parser.Node) error {
			change(n)
			return nil
		})
		probe := "[" + model.Duration(probeWindow).String() + "]"
		*q = strings.ReplaceAll(expr.String(), probe, "[{{.window}}]")
	}
	return s, nil
}

// memberID names a member after the values of its labels, so that different values
// have different names: letters, digits, '.', '_' and '-' stay, a slash becomes '~',
// any other byte its number after a '='. What would be too long ends in a hash.
func memberID(parent string, values []string) string {
	var b strings.Builder
	for i, v := range values {
		if i > 0 {
			b.WriteByte(':')
		}
		b.WriteString(pathValue(v))
	}
	id := b.String()
	if len(id) > longValues {
		h := fnv.New64a()
		_, _ = h.Write([]byte(id))
		cut := longValues - len("==0123456789abcdef")
		for !utf8.RuneStart(id[cut]) {
			cut--
		}
		id = fmt.Sprintf("%s==%016x", id[:cut], h.Sum64())
	}
	return parent + ":" + id
}

func pathValue(v string) string {
	switch v {
	case "":
		return noValue
	case noValue:
		// Not the one without a value.
		return fmt.Sprintf("=%02X%s", noValue[0], noValue[1:])
	}
	var b strings.Builder
	for i := 0; i < len(v); {
		r, n := utf8.DecodeRuneInString(v[i:])
		switch {
		case r == '/':
			b.WriteByte('~')
		case r == '.' || r == '_' || r == '-' || r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r)):
			b.WriteRune(r)
		default:
			for _, c := range []byte(v[i : i+n]) {
				fmt.Fprintf(&b, "=%02X", c)
			}
		}
		i += n
	}
	return b.String()
}
