package dashboards

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxExtraFile is the most a file of panels may weigh, in bytes.
const maxExtraFile = 1 << 20

// ReadExtras reads the files that patterns name, in the order of their names.
// The error joins every fault of all files, each as "file:line: sentence"; a
// file that is named outright and not there is fs.ErrNotExist. A pattern that
// Config.Validate refuses matches nothing.
func ReadExtras(patterns []string) ([]Extra, error) {
	names, faults := extraFiles(patterns)
	var extras []Extra
	var read []extraFile
	for _, name := range names {
		text, err := os.ReadFile(name)
		if err != nil {
			faults = append(faults, fmt.Errorf("read panels: %w", err))
			continue
		}
		x, d := parseExtra(filepath.Clean(name), text)
		extras, read = append(extras, x), append(read, d)
	}
	for _, c := range clashes(extras) {
		read[c.index].fault(c.path, c.text)
	}
	for _, d := range read {
		faults = append(faults, d.faults...)
	}
	return extras, errors.Join(faults...)
}

// ParseExtra reads one file of panels; file is its name in faults. The error
// joins every fault, each as "file:line: sentence".
func ParseExtra(file string, text []byte) (Extra, error) {
	x, d := parseExtra(file, text)
	return x, errors.Join(d.faults...)
}

func extraFiles(patterns []string) (names []string, faults []error) {
	for _, pattern := range patterns {
		found, err := filepath.Glob(pattern)
		if err == nil && len(found) == 0 && !strings.ContainsAny(pattern, `*?[\`) {
			faults = append(faults, fmt.Errorf("%s: no such file: correct the path or remove it (%w)", pattern, fs.ErrNotExist))
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	slices.Sort(names)
	return names, faults
}

// extraFile is a YAML file and what is wrong with it.
type extraFile struct {
	file   string
	root   *yaml.Node // nil when it is no YAML
	faults []error
	told   map[int]bool // lines with a fault of their form
}

func parseExtra(file string, text []byte) (Extra, extraFile) {
	d := extraFile{file: file, told: map[int]bool{}}
	x := Extra{File: file, Line: 1}
	if len(text) > maxExtraFile {
		d.at(1, fmt.Sprintf("the file has more than %d bytes: split it", maxExtraFile))
		return x, d
	}
	decoder := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := decoder.Decode(&doc); err != nil || len(doc.Content) == 0 {
		d.form(err)
		return x, d
	}
	var second yaml.Node
	if decoder.Decode(&second) == nil {
		d.at(second.Line, "a second YAML document begins here: put it into a file of its own")
	}
	d.root = doc.Content[0]
	strict := yaml.NewDecoder(bytes.NewReader(text))
	strict.KnownFields(true)
	if err := strict.Decode(&x); err != nil {
		d.form(err)
	}
	for _, f := range x.flaws() {
		d.fault(f.path, f.text)
	}
	x.Line = max(d.line("service"), d.line("board"))
	return x, d
}

func (d *extraFile) at(line int, sentence string) {
	d.faults = append(d.faults, fmt.Errorf("%s:%d: %s", d.file, max(line, 1), sentence))
}

// fault tells what is wrong at a path, unless the line was told to be wrong
// already: what cannot be read looks as if it were missing.
func (d *extraFile) fault(path, sentence string) {
	if line := d.line(path); !d.told[line] {
		d.at(line, sentence)
	}
}

var (
	yamlAt      = regexp.MustCompile(`^(?:yaml: )?line (\d+): (?s)(.*)$`)
	unknownKey  = regexp.MustCompile(`^field (\S+) not found in type \S+$`)
	repeatedKey = regexp.MustCompile(`^mapping key "(.*)" already defined at line (\d+)$`)
	wrongType   = regexp.MustCompile("^cannot unmarshal (\\S+) (?:`(.*)` )?into (\\S+)$")
)

// form tells what the YAML library says about the form of a file.
func (d *extraFile) form(err error) {
	if err == nil || err.Error() == "EOF" {
		d.at(1, "the file is empty: write service or board, and panels")
		return
	}
	messages := []string{err.Error()}
	if many, ok := errors.AsType[*yaml.TypeError](err); ok {
		messages = many.Errors
	}
	for _, message := range messages {
		line, message := 1, strings.TrimPrefix(message, "yaml: ")
		if m := yamlAt.FindStringSubmatch(message); m != nil {
			line, _ = strconv.Atoi(m[1])
			message = m[2]
		}
		if m := unknownKey.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("unknown key %q: remove it or correct its name (docs/dashboards.md lists all keys)", m[1])
		} else if m := repeatedKey.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("key %q stands here a second time, first on line %s: keep one", m[1], m[2])
		} else if m := wrongType.FindStringSubmatch(message); m != nil {
			message = fmt.Sprintf("%s cannot stand here: it takes %s", written(m[1], m[2]), wanted(m[3]))
			d.told[line] = true
		}
		d.at(line, message)
	}
}

// written names a value that has the wrong form.
func written(tag, value string) string {
	switch {
	case value != "":
		return strconv.Quote(value)
	case tag == "!!seq":
		return "a list"
	default:
		return "a mapping"
	}
}

// wanted says for people what a Go type is.
func wanted(kind string) string {
	switch {
	case strings.HasPrefix(kind, "[]"):
		return "a list"
	case strings.HasPrefix(kind, "int"):
		return "a whole number"
	case strings.HasPrefix(kind, "float"):
		return "a number"
	case kind == "bool":
		return "true or false"
	case strings.HasPrefix(kind, "dashboards.") && !strings.HasSuffix(kind, ".Kind") && !strings.HasSuffix(kind, ".Unit"):
		return "a mapping (key: value)"
	default:
		return "text"
	}
}

// line is where a path stands, as deep as it goes; 0 when there is nothing of it.
func (d *extraFile) line(path string) int {
	node, line := d.root, 0
	for word := range strings.SplitSeq(path, ".") {
		for node != nil && node.Kind == yaml.AliasNode {
			node = node.Alias
		}
		if node == nil || word == "" {
			break
		}
		at, next := entry(node, word)
		if next == nil {
			break
		}
		node, line = next, at
	}
	return line
}

// entry is the value under a key, or with a number, and its line.
func entry(node *yaml.Node, word string) (int, *yaml.Node) {
	switch node.Kind {
	case yaml.MappingNode:
		for i := 0; i+1 < len(node.Content); i += 2 {
			if node.Content[i].Value == word {
				return node.Content[i].Line, node.Content[i+1]
			}
		}
	case yaml.SequenceNode:
		if i, err := strconv.Atoi(word); err == nil && i >= 0 && i < len(node.Content) {
			return node.Content[i].Line, node.Content[i]
		}
	default:
	}
	return 0, nil
}
