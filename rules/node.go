package rules

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/common/model"
	"go.yaml.in/yaml/v3"
)

const (
	// maxDepth bounds how deep aliases and merges are followed.
	maxDepth = 20
	// maxVisits bounds how many fields of a file are read: aliases of aliases make a
	// few lines unfold into millions.
	maxVisits = 2_000_000
	// maxFaults bounds how many faults of a file are told.
	maxFaults = 500
)

// faults gathers what is wrong in a file, each with its line.
type faults struct {
	file string
	list []error
	// told holds the faults of list: aliases and references repeat them.
	told map[string]bool
	// count is how many faults there are, also those that are not told.
	count int
	// camel tells that the document's fields are written errorQuery, not error_query.
	camel bool
	// visits is how many fields have been read.
	visits int
}

// at adds a fault at a node: a sentence that says what to change.
func (f *faults) at(n *yaml.Node, format string, args ...any) {
	f.count++
	if len(f.list) > maxFaults {
		return
	}
	text := f.note(n, format, args...)
	if len(f.list) == maxFaults {
		text = f.file + ":1: there are more faults than these: correct them first"
	}
	if f.told == nil {
		f.told = map[string]bool{}
	}
	if !f.told[text] {
		f.told[text] = true
		f.list = append(f.list, errors.New(text))
	}
}

// note writes a sentence about a node with the place it is at.
func (f *faults) note(n *yaml.Node, format string, args ...any) string {
	line := 1
	if n != nil && n.Line > 0 {
		line = n.Line
	}
	return fmt.Sprintf("%s:%d: %s", f.file, line, fmt.Sprintf(format, args...))
}

// spend counts a field that is read and tells whether it may be.
func (f *faults) spend() bool {
	f.visits++
	if f.visits == maxVisits {
		f.at(nil, "the file unfolds into more than %d fields: use fewer aliases", maxVisits)
	}
	return f.visits < maxVisits
}

func (f *faults) err() error { return errors.Join(f.list...) }

// null tells whether a value is left empty.
func null(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.Tag == "!!null" }

// fields maps the keys a mapping may have to what reads their values.
type fields map[string]func(*yaml.Node)

// object reads a mapping by its known keys; what names it in sentences. Keys of
// Kubernetes objects are camelCase and found as snake_case.
func (f *faults) object(n *yaml.Node, what string, known fields) {
	f.objectAt(n, what, known, map[string]int{}, 0)
}

func (f *faults) objectAt(n *yaml.Node, what string, known fields, seen map[string]int, depth int) {
	n = target(n)
	if n == nil || depth > maxDepth {
		f.at(n, "%s is nested too deeply: write it out", what)
		return
	}
	if null(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		f.at(n, "%s must be a mapping of keys to values", what)
		return
	}
	for i := 0; i+1 < len(n.Content) && f.spend(); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		if k.Tag == "!!merge" {
			f.objectAt(v, what, known, seen, depth+1)
			continue
		}
		name := snake(k.Value)
		read, ok := known[name]
		if !ok {
			f.at(k, "%s has no field %q: known are %s", what, k.Value, f.names(known, what))
			continue
		}
		if line, dup := seen[name]; dup {
			if depth == 0 {
				f.at(k, "%q is given twice, first on line %d: remove one", k.Value, line)
			}
			continue
		}
		seen[name] = k.Line
		read(v)
	}
}

// names lists what is known, as it is written in this kind of file.
func (f *faults) names(known fields, what string) string {
	names := slices.Sorted(maps.Keys(known))
	for i, name := range names {
		if f.camel && !strings.HasPrefix(what, "watchtower") && name != "bool_gauge" && name != "partial_response_strategy" {
			names[i] = camel(name)
		}
	}
	return strings.Join(names, ", ")
}

// target follows aliases.
func target(n *yaml.Node) *yaml.Node {
	for range maxDepth {
		if n == nil || n.Kind != yaml.AliasNode {
			return n
		}
		n = n.Alias
	}
	return nil
}

// snake turns errorQuery into error_query.
func snake(s string) string {
	var b strings.Builder
	for i, r := range s {
		if r >= 'A' && r <= 'Z' {
			if i > 0 {
				b.WriteByte('_')
			}
			r += 'a' - 'A'
		}
		b.WriteRune(r)
	}
	return b.String()
}

// camel turns error_query into errorQuery.
func camel(s string) string {
	words := strings.Split(s, "_")
	for i, w := range words[1:] {
		words[i+1] = strings.ToUpper(w[:1]) + w[1:]
	}
	return strings.Join(words, "")
}

func (f *faults) text(n *yaml.Node, key string) string {
	n = target(n)
	if n == nil || n.Kind != yaml.ScalarNode {
		f.at(n, "%s must be a text", key)
		return ""
	}
	if n.Tag == "!!null" {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

// scalar returns the text of a single value, "" for anything else.
func scalar(n *yaml.Node) string {
	if n = target(n); n == nil || n.Kind != yaml.ScalarNode || null(n) {
		return ""
	}
	return strings.TrimSpace(n.Value)
}

func (f *faults) number(n *yaml.Node, key string) (float64, bool) {
	v, err := strconv.ParseFloat(scalar(n), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		f.at(n, "%s must be a number", key)
		return 0, false
	}
	return v, true
}

func (f *faults) boolean(n *yaml.Node, key string) bool {
	s := strings.ToLower(scalar(n))
	if s != "true" && s != "false" {
		f.at(n, "%s must be true or false", key)
	}
	return s == "true"
}

func (f *faults) duration(n *yaml.Node, key string) (time.Duration, bool) {
	d, err := model.ParseDuration(scalar(n))
	if err != nil {
		f.at(n, "%s must be a duration such as 28d or 12h", key)
		return 0, false
	}
	return time.Duration(d), true
}

// texts reads a mapping of texts, such as labels.
func (f *faults) texts(n *yaml.Node, what string) map[string]string {
	out := map[string]string{}
	n = target(n)
	if n == nil || null(n) {
		return out
	}
	if n.Kind != yaml.MappingNode {
		f.at(n, "%s must be a mapping of names to texts", what)
		return out
	}
	for i := 0; i+1 < len(n.Content) && f.spend(); i += 2 {
		k := n.Content[i]
		if !model.LegacyValidation.IsValidLabelName(k.Value) || strings.HasPrefix(k.Value, "__") {
			f.at(k, "%q cannot be a name in %s: use letters, digits and _, beginning with a letter", k.Value, what)
			continue
		}
		if _, dup := out[k.Value]; dup {
			f.at(k, "%q is given twice in %s: remove one", k.Value, what)
			continue
		}
		out[k.Value] = f.text(n.Content[i+1], what+"."+k.Value)
	}
	return out
}

// each calls read for each entry of a list.
func (f *faults) each(n *yaml.Node, what string, read func(*yaml.Node)) {
	n = target(n)
	if n == nil || n.Kind != yaml.SequenceNode {
		f.at(n, "%s must be a list", what)
		return
	}
	for _, c := range n.Content {
		if !f.spend() {
			return
		}
		read(c)
	}
}
