package oncall

import (
	"errors"
	"fmt"
	"strings"
)

// Bounds of a calendar's text.
const (
	maxCalendar = 5 << 20
	maxDepth    = 8
)

// property is a content line of a calendar (RFC 5545, 3.1).
type property struct {
	name   string
	params map[string]string
	value  string
	line   int
}

// component is what stands between BEGIN and END.
type component struct {
	name  string
	line  int
	props []property
	parts []*component
	// fault is what is wrong with a line of it; the others are read all the same.
	fault error
}

// get is the first property of a name.
func (c *component) get(name string) (property, bool) {
	for _, p := range c.props {
		if p.name == name {
			return p, true
		}
	}
	return property{}, false
}

// text is the first property of a name as words for people.
func (c *component) text(name string) string {
	p, _ := c.get(name)
	return flat(unescape(p.value))
}

// calendar is the text of an iCalendar file, taken apart.
type calendar struct {
	events []*component
	zones  map[string]*component
}

// lineError is a fault of a line of a calendar.
type lineError struct {
	line int
	err  error
}

func (f *lineError) Error() string { return fmt.Sprintf("line %d: %v", f.line, f.err) }
func (f *lineError) Unwrap() error { return f.err }

func lineFault(line int, format string, args ...any) *lineError {
	return &lineError{line, fmt.Errorf(format, args...)}
}

// parseCalendar takes the text of an iCalendar file apart. What is wrong with one
// event is a fault of that event; an error means that the text is no calendar, or not
// all of one, so that nothing can be said about what it lacks.
func parseCalendar(text []byte) (*calendar, error) {
	if len(text) > maxCalendar {
		return nil, fmt.Errorf("it has more than %d bytes", maxCalendar)
	}
	c := &calendar{zones: map[string]*component{}}
	var open []*component // from the outermost
	whole := false
	for n, line := range contentLines(strings.TrimPrefix(string(text), "\ufeff")) {
		p, err := parseLine(line, n)
		switch {
		case len(open) == 0 && (err != nil || p.name != "BEGIN" || !strings.EqualFold(p.value, "VCALENDAR")):
			return nil, lineFault(n, "this is no calendar: it must begin with BEGIN:VCALENDAR")
		case err != nil:
			open[len(open)-1].fault = lineFault(n, "%w", err)
		case p.name == "BEGIN" && len(open) == maxDepth:
			return nil, lineFault(n, "components are nested more than %d deep", maxDepth)
		case p.name == "BEGIN":
			part := &component{name: strings.ToUpper(p.value), line: n}
			if len(open) > 0 {
				c.add(part, open)
			}
			open = append(open, part)
		case p.name == "END":
			top := open[len(open)-1]
			if !strings.EqualFold(p.value, top.name) {
				return nil, lineFault(n, "END:%s ends the %s that begins on line %d", shown(p.value), top.name, top.line)
			}
			open = open[:len(open)-1]
			whole = len(open) == 0
		default:
			top := open[len(open)-1]
			top.props = append(top.props, p)
		}
	}
	if len(open) > 0 {
		return nil, lineFault(open[len(open)-1].line, "the %s that begins here does not end: the text is cut off", open[len(open)-1].name)
	}
	if !whole {
		return nil, errors.New("it is empty")
	}
	for id, zone := range c.zones {
		delete(c.zones, id)
		if p, ok := zone.get("TZID"); ok {
			c.zones[p.value] = zone
		}
	}
	return c, nil
}

// add files a component that begins within those that are open.
func (c *calendar) add(part *component, open []*component) {
	parent := open[len(open)-1]
	switch {
	case parent.name == "VTIMEZONE":
		parent.parts = append(parent.parts, part)
	case len(open) > 1: // Such as the alarm of an event.
	case part.name == "VEVENT":
		c.events = append(c.events, part)
	case part.name == "VTIMEZONE":
		// Its name is not read yet; the line stands for it.
		c.zones[fmt.Sprintf("\x00%d", part.line)] = part
	}
}

// contentLines yields the lines of a calendar with the number of the first line of
// text that each is made of: lines that begin with a blank continue the one before.
func contentLines(text string) func(func(int, string) bool) {
	return func(yield func(int, string) bool) {
		var line strings.Builder
		first, n := 0, 0
		for next := range strings.SplitSeq(text, "\n") {
			n++
			next = strings.TrimSuffix(next, "\r")
			if next != "" && (next[0] == ' ' || next[0] == '\t') {
				line.WriteString(next[1:])
				continue
			}
			if line.Len() > 0 && !yield(first, line.String()) {
				return
			}
			line.Reset()
			line.WriteString(next)
			first = n
		}
		if line.Len() > 0 {
			yield(first, line.String())
		}
	}
}

// parseLine takes "NAME;PARAM=value;PARAM="quoted":value" apart. Of a parameter with
// several values the first is kept.
func parseLine(s string, n int) (property, error) {
	end := strings.IndexAny(s, ";:")
	if end <= 0 {
		return property{}, fmt.Errorf("%q is no line of a calendar (NAME:value)", shown(s))
	}
	p := property{name: strings.ToUpper(s[:end]), line: n}
	s = s[end:]
	for s != "" && s[0] == ';' {
		name, rest, found := strings.Cut(s[1:], "=")
		if !found || strings.ContainsAny(name, `:;"`) {
			return property{}, fmt.Errorf("a parameter of %s has no value", shown(p.name))
		}
		value, rest, err := paramValue(rest)
		if err != nil {
			return property{}, fmt.Errorf("parameter %s of %s: %w", shown(name), shown(p.name), err)
		}
		if p.params == nil {
			p.params = map[string]string{}
		}
		p.params[strings.ToUpper(name)] = value
		s = rest
	}
	if s == "" || s[0] != ':' {
		return property{}, fmt.Errorf("%s has no value", shown(p.name))
	}
	p.value = s[1:]
	return p, nil
}

// paramValue is the first value that s begins with, and what follows the last.
func paramValue(s string) (first, rest string, err error) {
	for n := 0; ; n++ {
		var value string
		if strings.HasPrefix(s, `"`) {
			var found bool
			if value, s, found = strings.Cut(s[1:], `"`); !found {
				return "", "", errors.New("a quote is not closed")
			}
		} else {
			end := strings.IndexAny(s, ";:,")
			if end < 0 {
				return "", "", errors.New("the line ends in it")
			}
			value, s = s[:end], s[end:]
		}
		if n == 0 {
			first = value
		}
		if !strings.HasPrefix(s, ",") {
			return first, s, nil
		}
		s = s[1:]
	}
}

// unescape reads the escapes of text values.
func unescape(s string) string {
	return strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\N`, "\n", `\,`, ",", `\;`, ";", `\:`, ":").Replace(s)
}
