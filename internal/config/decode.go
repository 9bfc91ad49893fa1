package config

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	yamlv3 "go.yaml.in/yaml/v3"
)

// maxFaults bounds how many faults of one section are looked for.
const maxFaults = 20

// decode reads the file over cfg. Sections with a fault keep their defaults and are
// named in broken; every fault is told with its line, so that one does not hide
// the others.
func (l locator) decode(text []byte, cfg *Config) (broken map[string]bool, faults []error) {
	whole := *cfg
	err := yamlv2.UnmarshalStrict(text, &whole)
	if err == nil && l.documents < 2 {
		*cfg = whole
		return nil, nil
	}
	if l.documents > 1 {
		return nil, []error{fmt.Errorf("%s:%d: a second YAML document begins here: put everything into one", l.path, l.second)}
	}
	if l.root == nil || l.root.Kind != yamlv3.MappingNode || hasAlias(l.root) || !onOwnLines(l.root) {
		return nil, leaves(l.yamlFaults(err))
	}
	lines := strings.Split(string(text), "\n")
	broken = map[string]bool{}
	seen := map[string]bool{}
	for _, part := range parts(l.root, len(lines)) {
		if seen[part.name] {
			faults = append(faults, fmt.Errorf("%s:%d: key %q stands here a second time: keep one", l.path, part.from, part.name))
			continue
		}
		seen[part.name] = true
		next := *cfg
		found := l.sectionFaults(part.alone(lines, nil), part, &next)
		if len(found) == 0 {
			*cfg = next
			continue
		}
		broken[part.name] = true
		faults = append(faults, found...)
	}
	return broken, faults
}

// sectionFaults decodes one section over cfg. Types with a parser of their own give
// up at the first fault and name no line: the part that fails is found, told,
// blanked, and the rest is read again.
func (l locator) sectionFaults(lines []string, section part, cfg *Config) (faults []error) {
	for range maxFaults {
		next := Default()
		err := yamlv2.UnmarshalStrict([]byte(strings.Join(lines, "\n")), &next)
		if err == nil {
			break
		}
		if _, ok := errors.AsType[*yamlv2.TypeError](err); ok || yamlLine.MatchString(err.Error()) {
			return append(faults, leaves(l.yamlFaults(err))...)
		}
		culprit := narrow(lines, section, nil)
		faults = append(faults, fmt.Errorf("%s:%d: %s: %w", l.path, culprit.from, culprit.name, err))
		if culprit.from == section.from {
			return faults
		}
		for i := culprit.from; i < culprit.to; i++ {
			lines[i-1] = ""
		}
	}
	if len(faults) > 0 {
		return faults
	}
	if err := yamlv2.UnmarshalStrict([]byte(strings.Join(lines, "\n")), cfg); err != nil {
		return leaves(l.yamlFaults(err))
	}
	return nil
}

// part is an entry of a mapping or of a sequence: lines [from, to) of the file.
type part struct {
	name     string
	from, to int
	node     *yamlv3.Node
}

// parts are the entries of a node that ends before line end.
func parts(node *yamlv3.Node, end int) []part {
	var out []part
	switch node.Kind {
	case yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			out = append(out, part{name: node.Content[i].Value, from: node.Content[i].Line, node: node.Content[i+1]})
		}
	case yamlv3.SequenceNode:
		for i, item := range node.Content {
			out = append(out, part{name: fmt.Sprintf("entry %d", i+1), from: item.Line, node: item})
		}
	default:
	}
	for i := range out {
		out[i].to = end + 1
		if i+1 < len(out) {
			out[i].to = out[i+1].from
		}
	}
	return out
}

// alone is the file with everything blank but the part and the heading lines.
func (p part) alone(lines []string, headings []int) []string {
	out := make([]string, len(lines))
	for i, line := range lines {
		if n := i + 1; n >= p.from && n < p.to || slices.Contains(headings, n) {
			out[i] = line
		}
	}
	return out
}

// narrow finds the smallest part that fails by itself.
func narrow(lines []string, p part, headings []int) part {
	if !onOwnLines(p.node) {
		return p
	}
	headings = append(slices.Clone(headings), p.from)
	for _, child := range parts(p.node, p.to-1) {
		if child.from == p.from {
			continue // It begins on its parent's line and cannot be told apart.
		}
		next := Default()
		err := yamlv2.UnmarshalStrict([]byte(strings.Join(child.alone(lines, headings), "\n")), &next)
		if _, ok := errors.AsType[*yamlv2.TypeError](err); err == nil || ok {
			continue
		}
		child.name = p.name + "." + child.name
		return narrow(lines, child, headings)
	}
	return p
}

// onOwnLines tells whether every entry of a node begins on a line of its own.
func onOwnLines(node *yamlv3.Node) bool {
	all := parts(node, 0)
	for i := 1; i < len(all); i++ {
		if all[i].from == all[i-1].from {
			return false
		}
	}
	return len(all) > 0
}

// hasAlias tells whether a part of the file refers to another.
func hasAlias(node *yamlv3.Node) bool {
	return node.Kind == yamlv3.AliasNode || slices.ContainsFunc(node.Content, hasAlias)
}
