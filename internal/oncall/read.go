package oncall

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"go.yaml.in/yaml/v3"
)

// reader walks a YAML file and gathers every fault with its line.
type reader struct {
	path   string
	faults []error
}

func (r *reader) fault(node *yaml.Node, format string, args ...any) {
	r.faults = append(r.faults, at(r.path, node.Line, fmt.Errorf(format, args...)))
}

// at puts file and line before an error.
func at(path string, line int, err error) error {
	return fmt.Errorf("%s:%d: %w", path, max(line, 1), err)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?`)

// parse returns the one document of the text; nil if there is none.
func (r *reader) parse(text []byte) *yaml.Node {
	var doc yaml.Node
	decoder := yaml.NewDecoder(strings.NewReader(string(text)))
	if err := decoder.Decode(&doc); err != nil {
		if len(strings.TrimSpace(string(text))) > 0 && err.Error() != "EOF" {
			r.yamlFault(err)
		}
		return nil
	}
	var second yaml.Node
	if decoder.Decode(&second) == nil && len(second.Content) > 0 {
		r.fault(second.Content[0], "a second YAML document begins here: put everything into one")
		return nil
	}
	if len(doc.Content) == 0 {
		return nil
	}
	return doc.Content[0]
}

func (r *reader) yamlFault(err error) {
	line, msg := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = msg[len(m[0]):]
	}
	r.faults = append(r.faults, at(r.path, line, errors.New(msg)))
}

// absent tells whether a node says nothing: it is missing or null.
func absent(node *yaml.Node) bool {
	return node == nil || (node.Kind == yaml.ScalarNode && node.Tag == "!!null")
}

// entries yields the keys and values of a mapping, of which each key comes once.
func (r *reader) entries(node *yaml.Node, what string) func(func(key, value *yaml.Node) bool) {
	return func(yield func(key, value *yaml.Node) bool) {
		if absent(node) {
			return
		}
		if node.Kind != yaml.MappingNode {
			r.fault(node, "%s must be a mapping (key: value)%s", what, aliasHint(node))
			return
		}
		seen := map[string]bool{}
		for i := 0; i+1 < len(node.Content); i += 2 {
			key, value := node.Content[i], node.Content[i+1]
			switch {
			case key.Kind != yaml.ScalarNode:
				r.fault(key, "a key of %s is no plain text", what)
			case seen[key.Value]:
				r.fault(key, "key %q stands here a second time: keep one", key.Value)
			default:
				seen[key.Value] = true
				if !yield(key, value) {
					return
				}
			}
		}
	}
}

func aliasHint(node *yaml.Node) string {
	if node.Kind == yaml.AliasNode {
		return "; anchors and aliases (&a, *a) are not read here: write it out"
	}
	return ""
}

// fields are the values of a mapping with known keys; others are faults.
func (r *reader) fields(node *yaml.Node, what string, known ...string) map[string]*yaml.Node {
	out := map[string]*yaml.Node{}
	for key, value := range r.entries(node, what) {
		if !slices.Contains(known, key.Value) {
			r.fault(key, "unknown key %q in %s: it has %s", shown(key.Value), what, strings.Join(known, ", "))
			continue
		}
		if !absent(value) {
			out[key.Value] = value
		}
	}
	return out
}

// list are the entries of a sequence.
func (r *reader) list(node *yaml.Node, what string) []*yaml.Node {
	switch {
	case absent(node):
		return nil
	case node.Kind != yaml.SequenceNode:
		r.fault(node, "%s must be a list ([a, b] or lines with a dash)%s", what, aliasHint(node))
		return nil
	}
	return node.Content
}

// text is a scalar as it is written, on one line; "" for what is no scalar, which is a
// fault.
func (r *reader) text(node *yaml.Node, what string) string {
	switch {
	case absent(node):
		return ""
	case node.Kind != yaml.ScalarNode:
		r.fault(node, "%s must be plain text%s", what, aliasHint(node))
		return ""
	}
	return flat(node.Value)
}

var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// id checks a name that other parts of the file use.
func (r *reader) id(node *yaml.Node, what string) (string, bool) {
	if !idPattern.MatchString(node.Value) {
		r.fault(node, "%s %q: use letters, digits, dots, dashes and underscores, 64 at most", what, shown(node.Value))
		return "", false
	}
	return node.Value, true
}

// flat puts words on one line and drops what would steer a terminal.
func flat(s string) string {
	s = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || unicode.Is(unicode.Bidi_Control, c) {
			return ' '
		}
		return c
	}, strings.ToValidUTF8(s, "�"))
	return strings.Join(strings.Fields(s), " ")
}

// shown is what others wrote, short enough for a sentence.
func shown(s string) string {
	s = flat(s)
	if len(s) <= 80 {
		return s
	}
	return strings.ToValidUTF8(s[:80], "") + "…"
}

// several writes "a", "a and b", "a, b and c", and at most ten of them.
func several(words []string) string {
	if len(words) > 10 {
		words = append(slices.Clone(words[:10]), fmt.Sprintf("%d more", len(words)-10))
	}
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	last := len(words) - 1
	return strings.Join(words[:last], ", ") + " and " + words[last]
}
