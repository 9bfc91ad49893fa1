package viewer

import (
	"cmp"
	"context"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Variable is a choice at the top of a page.
type Variable struct {
	Name, Label string
	Param       string // of the address: "var-instance"
	Help        string
	// Typed is a text to be typed; otherwise there are options.
	Typed   bool
	Value   string // that was typed
	Many    bool
	Options []Option
	Words   string // why there is nothing to choose
}

// Option is one value of a choice.
type Option struct {
	Value, Text string
	Selected    bool
}

const (
	// allText is how the choice of everything is written, allValue its value in an address.
	allText, allValue = "All", "$__all"
	// mostOptions bounds a list that somebody has to choose from.
	mostOptions = 1000
)

// variables settles what each variable of the board stands for, in order: a query may have
// those before it.
func (r *request) variables(ctx context.Context) []Variable {
	s := &r.scope
	s.values = map[string]chosen{}
	var views []Variable
	for i := range r.content.variables {
		j := &r.content.variables[i]
		if j.Name == "" {
			continue
		}
		view := Variable{Name: j.Name, Label: cmp.Or(j.Label, j.Name), Param: "var-" + j.Name, Help: j.Description, Many: j.Multi}
		asked := r.query[view.Param]
		switch j.Type {
		case "datasource", "adhoc":
			// There is one source of data here.
			s.values[j.Name] = chosen{values: []string{j.Current.Value.first()}, text: j.Current.Value.first()}
			continue
		case "textbox", "constant":
			view.Typed = true
			view.Value = cmp.Or(strings.Join(asked, ","), j.Current.Value.first(), text(j.Query))
			s.values[j.Name] = chosen{values: []string{view.Value}, text: view.Value}
		default:
			view.Options, view.Words = r.options(ctx, j)
			s.values[j.Name] = j.choose(&view, asked)
		}
		if j.Hide < 2 && j.Type != "constant" {
			views = append(views, view)
		}
	}
	return views
}

// options lists what a variable may be.
func (r *request) options(ctx context.Context, j *variableJSON) (options []Option, words string) {
	switch j.Type {
	case "custom", "interval":
		return customOptions(text(j.Query)), ""
	case "query":
		options, words = r.queried(ctx, j)
		return options, words
	default:
		for _, o := range j.Options {
			options = append(options, Option{Value: o.Value.first(), Text: o.Text.first()})
		}
		if len(options) == 0 {
			words = fmt.Sprintf("variables of type %q are not known here", j.Type)
		}
		return options, words
	}
}

// customOptions reads "a, b : c": values, or their texts and values.
func customOptions(list string) []Option {
	var options []Option
	for part := range strings.SplitSeq(list, ",") {
		if part = strings.TrimSpace(part); part == "" {
			continue
		}
		name, value, named := strings.Cut(part, " : ")
		if !named {
			value = name
		}
		options = append(options, Option{Value: strings.TrimSpace(value), Text: strings.TrimSpace(name)})
	}
	return options
}

var (
	labelValues = regexp.MustCompile(`^\s*label_values\(\s*(?:(.*),)?\s*([A-Za-z_]\w*)\s*\)\s*$`)
	queryResult = regexp.MustCompile(`^\s*query_result\((.*)\)\s*$`)
	metricNames = regexp.MustCompile(`^\s*metrics\((.*)\)\s*$`)
)

// queried asks for the values of a variable.
func (r *request) queried(ctx context.Context, j *variableJSON) (options []Option, words string) {
	definition := text(j.Query)
	if definition == "" {
		var o struct {
			Query string `json:"query"`
		}
		_, _ = lenient(j.Query, &o) // left empty, and said below
		definition = o.Query
	}
	expr, label := variableQuery(r.scope.query(definition), r.window)
	if expr == "" {
		return nil, fmt.Sprintf("%q is no query that is known here: it can be label_values(…), query_result(…) or metrics(…)", shorten(definition, 100))
	}
	got := r.asks.begin(ctx, ask{expr: expr, instant: true, to: r.window.to.Truncate(time.Second)}).wait()
	if got.err != nil {
		return nil, queryFault(expr, got.err)
	}
	var filter *regexp.Regexp
	if j.Regex != "" {
		var err error
		if filter, err = regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(j.Regex, "/"), "/")); err != nil {
			return nil, fmt.Sprintf("its filter %s is no regular expression", shorten(j.Regex, 100))
		}
	}
	seen := map[string]bool{}
	for _, series := range got.series {
		value := series.Labels[label]
		if label == "" {
			value = resultText(series)
		}
		if value = filtered(filter, value); value != "" && !seen[value] {
			seen[value] = true
			options = append(options, Option{Value: value, Text: value})
		}
	}
	sortOptions(options, j.Sort)
	if len(options) == 0 {
		words = "nothing to choose from: no series has it in this time"
	}
	return options[:min(len(options), mostOptions)], words
}

// variableQuery returns the PromQL of a variable's query and the label whose values are
// wanted; no label: the whole series. Series that ended within the window count.
func variableQuery(definition string, w window) (expr, label string) {
	over := "[" + strconv.Itoa(max(int(w.to.Sub(w.from)/time.Second), 1)) + "s]"
	if m := labelValues.FindStringSubmatch(definition); m != nil {
		selector := strings.TrimSpace(m[1])
		if selector == "" {
			selector = "{" + m[2] + `!=""}`
		}
		return "group by (" + m[2] + ") (last_over_time(" + selector + over + "))", m[2]
	}
	if m := queryResult.FindStringSubmatch(definition); m != nil {
		return strings.TrimSpace(m[1]), ""
	}
	if m := metricNames.FindStringSubmatch(definition); m != nil {
		return "group by (__name__) ({__name__=~" + strconv.Quote(strings.TrimSpace(m[1])) + "})", "__name__"
	}
	return "", ""
}

// resultText writes a series as query_result does, for its filter to cut.
func resultText(s Series) string {
	var parts []string
	for name, value := range s.Labels {
		if name != "__name__" {
			parts = append(parts, name+"="+strconv.Quote(value))
		}
	}
	slices.Sort(parts)
	written := s.Labels["__name__"] + "{" + strings.Join(parts, ",") + "}"
	if p, ok := lastOf(s.Points); ok {
		written += " " + strconv.FormatFloat(p.Value, 'f', -1, 64) + " " + strconv.FormatInt(p.At.UnixMilli(), 10)
	}
	return written
}

// filtered returns what a filter leaves of a value: its first group, or all that matches.
func filtered(filter *regexp.Regexp, value string) string {
	if filter == nil {
		return value
	}
	m := filter.FindStringSubmatch(value)
	switch {
	case m == nil:
		return ""
	case len(m) > 1:
		return m[1]
	default:
		return value
	}
}

// sortOptions sorts as Grafana numbers it: 1 and 2 by letters, 3 and 4 by number, 5 and 6
// by letters whatever their case; the even ones are backwards. Without it, by letters.
func sortOptions(options []Option, order int) {
	number := func(o Option) float64 {
		n, _ := strconv.ParseFloat(strings.TrimLeft(o.Text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_ "), 64)
		return n
	}
	slices.SortFunc(options, func(a, b Option) int {
		byText := strings.Compare(a.Text, b.Text)
		switch order {
		case 3, 4:
			byText = cmp.Or(cmp.Compare(number(a), number(b)), byText)
		case 5, 6, 7, 8:
			byText = cmp.Or(strings.Compare(strings.ToLower(a.Text), strings.ToLower(b.Text)), byText)
		}
		if order > 0 && order%2 == 0 {
			return -byText
		}
		return byText
	})
}

// choose settles on values: those asked for, else those saved with the board, else all or
// the first. A value that is not on the list is kept if it was asked for: a link may be
// about something that has ended.
func (j *variableJSON) choose(view *Variable, asked []string) chosen {
	list := view.Options
	if j.IncludeAll {
		view.Options = append([]Option{{Value: allValue, Text: allText}}, list...)
	}
	on := func(value string) bool {
		return slices.ContainsFunc(view.Options, func(o Option) bool { return o.Value == value })
	}
	asked = slices.DeleteFunc(slices.Clone(asked), func(s string) bool { return s == "" })
	for i, value := range asked {
		if strings.EqualFold(value, allText) && j.IncludeAll {
			asked[i] = allValue
		}
	}
	values := asked
	for _, value := range asked {
		if !on(value) {
			view.Options = append(view.Options, Option{Value: value, Text: value})
		}
	}
	if len(values) == 0 {
		values = slices.DeleteFunc(slices.Clone(j.Current.Value), func(s string) bool { return !on(s) })
	}
	if len(values) == 0 && len(view.Options) > 0 {
		values = []string{view.Options[0].Value}
	}
	if !j.Multi && len(values) > 1 {
		values = values[:1]
	}
	for i := range view.Options {
		view.Options[i].Selected = slices.Contains(values, view.Options[i].Value)
	}
	c := chosen{values: values, many: j.Multi || j.IncludeAll, text: strings.Join(values, " + ")}
	for _, o := range view.Options {
		if len(values) == 1 && o.Value == values[0] {
			c.text = o.Text
		}
	}
	if slices.Contains(values, allValue) {
		c.values, c.all, c.text = nil, j.AllValue, allText
		for _, o := range list {
			c.values = append(c.values, o.Value)
		}
	}
	return c
}
