package notifiers

import (
	"errors"
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"

	amconfig "github.com/prometheus/alertmanager/config"
	"go.yaml.in/yaml/v3"
)

// located rewrites an error of Alertmanager's parser as file:line: sentence, one for each fault. The parser knows the
// line of a malformed value, not of a value that contradicts another: that line is searched for.
func located(src source, err error) error {
	lineRE := regexp.MustCompile(`line (\d+): (.*)`)
	unknownRE := regexp.MustCompile(`field (\S+) (not found|already set) in type \S+`)
	var faults []error
	for text := range strings.Lines(err.Error()) {
		m := lineRE.FindStringSubmatch(text)
		if m == nil {
			continue
		}
		what := unknownRE.ReplaceAllStringFunc(m[2], func(s string) string {
			if f := unknownRE.FindStringSubmatch(s); f[2] == "not found" {
				return fmt.Sprintf("unknown key %q", f[1])
			}
			return fmt.Sprintf("key %q is given twice", unknownRE.FindStringSubmatch(s)[1])
		})
		faults = append(faults, fmt.Errorf("%s:%s: %s", src.name, m[1], what))
	}
	if len(faults) > 0 {
		return errors.Join(faults...)
	}
	return fmt.Errorf("%s:%d: %w", src.name, faultLine(src.text, err.Error()), err)
}

// faultLine returns the line that message is about, 1 if nothing better is known.
func faultLine(text []byte, message string) int {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return 1
	}
	root := doc.Content[0]
	if n := deepestFault(root, reflect.TypeFor[amconfig.Config]()); n != root {
		return lineOfKey(n, message)
	}
	return lineOfMention(root, message)
}

// topLevelLine returns the line of a key at the top level, 1 if there is none.
func topLevelLine(text []byte, key string) int {
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil || len(doc.Content) == 0 {
		return 1
	}
	for i := 0; i < len(doc.Content[0].Content); i += 2 {
		if n := doc.Content[0].Content[i]; n.Value == key {
			return n.Line
		}
	}
	return 1
}

// deepestFault descends into the part of n that cannot be decoded on its own. It returns n if every part can.
func deepestFault(n *yaml.Node, t reflect.Type) *yaml.Node {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	switch { // An alias is a leaf: what it stands for may contain it.
	case n.Kind == yaml.SequenceNode && t.Kind() == reflect.Slice:
		for _, item := range n.Content {
			if !decodes(item, t.Elem()) {
				return deepestFault(item, t.Elem())
			}
		}
	case n.Kind == yaml.MappingNode && t.Kind() == reflect.Struct:
		for i := 0; i+1 < len(n.Content); i += 2 {
			ft, ok := fieldType(t, n.Content[i].Value)
			if ok && !decodes(n.Content[i+1], ft) {
				return deepestFault(n.Content[i+1], ft)
			}
		}
	}
	return n
}

// decodes reports whether n alone is a valid value of type t.
func decodes(n *yaml.Node, t reflect.Type) (ok bool) {
	defer func() {
		if recover() != nil {
			ok = false
		}
	}()
	return n.Decode(reflect.New(t).Interface()) == nil
}

// fieldType finds the field of a struct type, or of the structs inlined in it, that key is decoded into.
func fieldType(t reflect.Type, key string) (reflect.Type, bool) {
	for f := range t.Fields() {
		name, options, _ := strings.Cut(f.Tag.Get("yaml"), ",")
		if strings.Contains(options, "inline") && f.Type.Kind() == reflect.Struct {
			if ft, ok := fieldType(f.Type, key); ok {
				return ft, true
			}
		}
		if name == key {
			return f.Type, true
		}
	}
	return nil, false
}

// lineOfKey returns the line of the key of mapping n that message names, else the line where n begins.
func lineOfKey(n *yaml.Node, message string) int {
	if n.Kind == yaml.MappingNode {
		words := words(message)
		for i := 0; i < len(n.Content); i += 2 {
			if slices.Contains(words, n.Content[i].Value) {
				return n.Content[i].Line
			}
		}
	}
	return n.Line
}

// lineOfMention looks for what message is about when every part is valid on its own: the value it quotes, preferably
// below a key it names, then a key it names, then the kind of receiver it names, then the route.
func lineOfMention(root *yaml.Node, message string) int {
	quoted := regexp.MustCompile(`"((?:[^"\\]|\\.)*)"`).FindAllString(message, -1)
	mentioned := words(message)
	quotedUnderKey, quotedAnywhere, named, kind, route := 0, 0, 0, 0, 0
	scalars(root, "", func(key string, n *yaml.Node) {
		for _, q := range quoted {
			if value, err := strconv.Unquote(q); err != nil || value != n.Value {
				continue
			}
			quotedAnywhere = n.Line
			if slices.Contains(mentioned, key) || slices.Contains(mentioned, strings.TrimSuffix(key, "s")) {
				quotedUnderKey = n.Line
			}
		}
	}, func(key *yaml.Node) {
		prefix, isKind := strings.CutSuffix(key.Value, "_configs")
		switch {
		case key.Value == "route" && route == 0:
			route = key.Line
		case isKind && kind == 0 && namesKind(mentioned, prefix):
			kind = key.Line
		case named == 0 && strings.Contains(key.Value, "_") && slices.Contains(mentioned, key.Value):
			named = key.Line
		}
	})
	for _, line := range []int{quotedUnderKey, quotedAnywhere, named, kind, route} {
		if line > 0 {
			return line
		}
	}
	return 1
}

// namesKind reports whether one of the words of a message names a kind of receiver, as in "no global SMTP from set".
func namesKind(mentioned []string, prefix string) bool {
	return slices.ContainsFunc(mentioned, func(w string) bool {
		return strings.EqualFold(w, prefix) || strings.EqualFold(w, "smtp") && prefix == "email"
	})
}

// scalars visits every scalar value below n together with the key it belongs to, and every key.
func scalars(n *yaml.Node, key string, value func(key string, n *yaml.Node), onKey func(*yaml.Node)) {
	switch n.Kind {
	case yaml.ScalarNode:
		value(key, n)
	case yaml.MappingNode:
		for i := 0; i+1 < len(n.Content); i += 2 {
			onKey(n.Content[i])
			scalars(n.Content[i+1], n.Content[i].Value, value, onKey)
		}
	case yaml.SequenceNode:
		for _, item := range n.Content {
			scalars(item, key, value, onKey)
		}
	default: // Aliases are visited where their anchor is.
	}
}

// words splits a message into the identifiers it contains.
func words(message string) []string {
	return regexp.MustCompile(`[A-Za-z_]+`).FindAllString(message, -1)
}
