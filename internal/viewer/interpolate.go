package viewer

import (
	"encoding/json"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// scope is what the variables of a page stand for.
type scope struct {
	values map[string]chosen
	window window
	step   time.Duration
	fixed  []string // the variables that have one value each because something is repeated
}

// chosen is what a variable stands for.
type chosen struct {
	values []string
	// all is what stands for all values in a query, where that is not their list.
	all string
	// many tells that it may have several values: then each is a part of a pattern.
	many bool
	text string // as people read it
}

// with returns a scope in which a variable has one value.
func (s scope) with(name, value string) scope {
	values := map[string]chosen{name: {values: []string{value}, text: value, many: s.values[name].many}}
	for n, v := range s.values {
		if n != name {
			values[n] = v
		}
	}
	s.values = values
	return s
}

// reference is a variable in a text: $name, ${name}, ${name:format} or [[name]].
var reference = regexp.MustCompile(`\$([A-Za-z_]\w*)|\$\{([A-Za-z_]\w*)(?::(\w+))?\}|\[\[([A-Za-z_]\w*)(?::(\w+))?\]\]`)

// query puts the values into a query, as a part of a PromQL string or pattern.
func (s scope) query(expr string) string { return s.replace(expr, chosen.forQuery) }

// words puts the values into a text for people.
func (s scope) words(in string) string {
	if !strings.ContainsAny(in, "$[") {
		return in
	}
	return s.replace(in, func(c chosen) string { return c.text })
}

func (s scope) replace(in string, plain func(chosen) string) string {
	return reference.ReplaceAllStringFunc(in, func(match string) string {
		m := reference.FindStringSubmatch(match)
		name, format := m[1]+m[2]+m[4], m[3]+m[5]
		if own, ok := s.builtin(name); ok {
			return own
		}
		c, ok := s.values[name]
		switch {
		case !ok:
			return match
		case format == "":
			return plain(c)
		default:
			return c.formatted(format)
		}
	})
}

// scrapeInterval is taken to be how far apart samples are: Grafana's default.
const scrapeInterval = 15 * time.Second

// builtin returns what Grafana knows by itself.
func (s scope) builtin(name string) (string, bool) {
	length := s.window.to.Sub(s.window.from)
	inSeconds := func(d time.Duration) string { return strconv.FormatInt(max(int64(d/time.Second), 1), 10) }
	switch name {
	case "__interval":
		return inSeconds(s.step) + "s", true
	case "__interval_ms":
		return strconv.FormatInt(s.step.Milliseconds(), 10), true
	case "__rate_interval":
		return inSeconds(max(s.step+scrapeInterval, 4*scrapeInterval)) + "s", true
	case "__range":
		return inSeconds(length) + "s", true
	case "__range_s":
		return inSeconds(length), true
	case "__range_ms":
		return strconv.FormatInt(length.Milliseconds(), 10), true
	case "__from":
		return strconv.FormatInt(s.window.from.UnixMilli(), 10), true
	case "__to":
		return strconv.FormatInt(s.window.to.UnixMilli(), 10), true
	default:
		return "", false
	}
}

// forQuery writes the values as Grafana does for Prometheus.
func (c chosen) forQuery() string {
	switch {
	case c.all != "":
		return c.all
	case !c.many && len(c.values) == 1:
		return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(c.values[0])
	case len(c.values) == 1:
		return pattern(c.values[0])
	case len(c.values) == 0:
		return ""
	}
	parts := make([]string, len(c.values))
	for i, v := range c.values {
		parts[i] = pattern(v)
	}
	return "(" + strings.Join(parts, "|") + ")"
}

// pattern writes a value as a part of a regular expression in a PromQL string.
func pattern(v string) string {
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(regexp.QuoteMeta(v))
}

// formatted writes the values in one of Grafana's formats.
func (c chosen) formatted(format string) string {
	switch format {
	case "regex":
		quoted := make([]string, len(c.values))
		for i, v := range c.values {
			quoted[i] = regexp.QuoteMeta(v)
		}
		if len(quoted) == 1 {
			return quoted[0]
		}
		return "(" + strings.Join(quoted, "|") + ")"
	case "pipe":
		return strings.Join(c.values, "|")
	case "csv", "raw":
		return strings.Join(c.values, ",")
	case "text":
		return c.text
	case "doublequote", "singlequote":
		mark := map[string]string{"doublequote": `"`, "singlequote": "'"}[format]
		return mark + strings.Join(c.values, mark+","+mark) + mark
	case "json":
		raw, err := json.Marshal(c.values)
		if err != nil {
			return "[]"
		}
		return string(raw)
	case "percentencode":
		return url.QueryEscape(strings.Join(c.values, ","))
	default:
		return c.forQuery()
	}
}
