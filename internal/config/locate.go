package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	yamlv2 "go.yaml.in/yaml/v2"
	yamlv3 "go.yaml.in/yaml/v3"
)

// locator finds the line of a key in a YAML file. The zero locator knows no file
// and names the key alone.
type locator struct {
	path      string
	root      *yamlv3.Node
	documents int // how many YAML documents the file holds
	second    int // the line of the second
}

func newLocator(path string, text []byte) locator {
	l := locator{path: path}
	for decoder := yamlv3.NewDecoder(bytes.NewReader(text)); ; l.documents++ {
		var doc yamlv3.Node
		if err := decoder.Decode(&doc); err != nil || len(doc.Content) == 0 {
			return l
		}
		switch l.documents {
		case 0:
			l.root = doc.Content[0]
		case 1:
			l.second = doc.Content[0].Line
		}
	}
}

// named tells whether the file has a key, written with dots.
func (l locator) named(key string) bool {
	node := l.root
	for word := range strings.SplitSeq(key, ".") {
		if _, node = child(node, word); node == nil {
			return false
		}
	}
	return true
}

// fault puts file, line and section before a section's error. The key is read from
// the error's own beginning ("otlp.grpc: …", "weekly: day: …"), as deep as it goes.
func (l locator) fault(section string, err error) error {
	msg := err.Error()
	if !strings.HasPrefix(msg, section) {
		sep := ": "
		if keyLike(msg) {
			sep = "."
		}
		err = fmt.Errorf("%s%s%w", section, sep, err)
	}
	if l.path == "" {
		return err
	}
	return fmt.Errorf("%s:%d: %w", l.path, l.line(err.Error()), err)
}

// keyLike tells whether a message begins with a key and a colon.
func keyLike(msg string) bool {
	key, _, found := strings.Cut(msg, ":")
	return found && !strings.ContainsAny(key, " \"/")
}

// line is where the keys a message begins with stand in the file; a key that the
// file leaves out stands where its section does.
func (l locator) line(msg string) int {
	node, line := l.root, 1
	for _, word := range strings.FieldsFunc(msg, func(r rune) bool { return strings.ContainsRune(".:[] ", r) }) {
		key, value := child(node, word)
		if value == nil {
			break
		}
		node, line = value, key.Line
	}
	return line
}

// child is the entry of a mapping, or of a sequence by its number.
func child(node *yamlv3.Node, name string) (key, value *yamlv3.Node) {
	switch {
	case node == nil:
	case node.Kind == yamlv3.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == name {
				return node.Content[i], node.Content[i+1]
			}
		}
	case node.Kind == yamlv3.SequenceNode:
		if i, err := strconv.Atoi(name); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i], node.Content[i]
		}
	}
	return nil, nil
}

var (
	yamlLine    = regexp.MustCompile(`^(?:yaml: )?line (\d+): (.*)$`)
	unknownKey  = regexp.MustCompile(`^field (\S+) not found in type (\S+)$`)
	repeatedKey = regexp.MustCompile(`^field (\S+) already set in type \S+$`)
)

// yamlFaults turns the YAML library's errors into one "file:line: sentence" each.
func (l locator) yamlFaults(err error) error {
	messages := []string{err.Error()}
	if many, ok := errors.AsType[*yamlv2.TypeError](err); ok {
		messages = many.Errors
	}
	faults := make([]error, len(messages))
	for i, msg := range messages {
		faults[i] = l.yamlFault(msg)
	}
	return errors.Join(faults...)
}

func (l locator) yamlFault(msg string) error {
	line := 1
	if m := yamlLine.FindStringSubmatch(msg); m != nil {
		line, _ = strconv.Atoi(m[1])
		msg = m[2]
	}
	if m := unknownKey.FindStringSubmatch(msg); m != nil {
		msg = fmt.Sprintf("unknown key %q: remove it or correct its name (docs/configuration.md lists all keys)", m[1])
	} else if m := repeatedKey.FindStringSubmatch(msg); m != nil {
		msg = fmt.Sprintf("key %q stands here a second time: keep one", m[1])
	}
	return fmt.Errorf("%s:%d: %s", l.path, line, msg)
}
