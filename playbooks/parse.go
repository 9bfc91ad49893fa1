package playbooks

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"go.yaml.in/yaml/v3"
)

// maxFile is the most a playbook may weigh. Nobody reads more at night, and
// Markdown has texts that take a parser quadratic time.
const maxFile = 64 << 10

// maxID keeps ids short enough for URLs, labels and Slack buttons.
const maxID = 64

// faultError is one thing wrong with a file, for the person who wrote it.
type faultError struct {
	file string
	line int
	text string
}

// Error is "file:line: sentence".
func (f faultError) Error() string {
	if f.line == 0 {
		return f.file + ": " + f.text
	}
	return f.file + ":" + strconv.Itoa(f.line) + ": " + f.text
}

// document collects what is known and what is wrong about one file.
type document struct {
	file     string
	playbook Playbook
	seen     map[string]int // key → line
	faults   []error
}

func (d *document) fault(lineNo int, format string, args ...any) {
	d.faults = append(d.faults, faultError{d.file, lineNo, fmt.Sprintf(format, args...)})
}

// Parse reads one playbook. source is the file's name in messages. The error
// joins every fault, each as "file:line: sentence"; the playbook is only to be
// used when it is nil.
func Parse(source string, content []byte) (Playbook, error) {
	d := document{file: source, seen: map[string]int{}}
	d.playbook.Source, d.playbook.keys = source, d.seen
	d.parse(content)
	return d.playbook, errors.Join(d.faults...)
}

func (d *document) parse(content []byte) {
	switch {
	case len(content) > maxFile:
		d.fault(1, "the file has %d bytes; a playbook may have %d", len(content), maxFile)
		return
	case !utf8.Valid(content):
		d.fault(badLine(content), "the text is not UTF-8; save the file as UTF-8")
		return
	case bytes.IndexByte(content, 0) >= 0:
		d.fault(1+bytes.Count(content[:bytes.IndexByte(content, 0)], []byte("\n")), "there is a zero byte in the text; remove it")
		return
	}
	text := strings.TrimPrefix(string(content), "\ufeff")
	text = strings.ReplaceAll(text, "\r\n", "\n")
	text = strings.ReplaceAll(text, "\r", "\n")

	lines := strings.Split(text, "\n")
	if strings.TrimRight(lines[0], " \t") != "---" {
		d.fault(1, "a playbook begins with front matter: write --- on the first line, then id, title and owner, then --- again")
		return
	}
	end := 0
	for i, l := range lines[1:] {
		if strings.TrimRight(l, " \t") == "---" {
			end = i + 1
			break
		}
	}
	if end == 0 {
		d.fault(1, "the front matter is never closed: write --- on a line of its own after it")
		return
	}
	d.playbook.Body = strings.Trim(strings.Join(lines[end+1:], "\n"), "\n") + "\n"
	d.playbook.bodyLine = end + 2
	for d.playbook.bodyLine <= len(lines) && lines[d.playbook.bodyLine-1] == "" {
		d.playbook.bodyLine++ // the blank lines that Trim took
	}
	d.frontMatter(strings.Join(lines[1:end], "\n"))
	if isBlank(d.playbook.Body) {
		d.fault(end+1, "there is no text after the front matter: write what to check and how to mitigate")
	}
}

// frontMatter reads the YAML between the dashes; its first line is line 2 of the file.
func (d *document) frontMatter(text string) {
	var root yaml.Node
	if err := yaml.Unmarshal([]byte(text), &root); err != nil {
		n, message := yamlFault(err)
		d.fault(n+1, "the front matter is not valid YAML: %s", message)
		return
	}
	if len(root.Content) == 0 {
		d.fault(1, "the front matter is empty: give at least id, title and owner")
		return
	}
	top := root.Content[0]
	if top.Kind != yaml.MappingNode {
		d.fault(top.Line+1, "the front matter is not a list of keys: write id, title and owner, each as key: value")
		return
	}
	for i := 0; i+1 < len(top.Content); i += 2 {
		d.key(top.Content[i], top.Content[i+1])
	}
	for _, key := range []string{"id", "title", "owner"} {
		if d.seen[key] == 0 {
			d.fault(1, "%s is missing: %s", key, meaning(key))
		}
	}
}

// meaning says what a required key is for.
func meaning(key string) string {
	switch key {
	case "id":
		return "it names the playbook in links and labels, like share-errors"
	case "title":
		return "it says what is broken, like Sharing a post fails"
	default:
		return "it names the team that keeps the playbook true"
	}
}

func (d *document) key(key, value *yaml.Node) {
	name, at := key.Value, key.Line+1
	if before := d.seen[name]; before != 0 {
		d.fault(at, "%s is given twice, first on line %d; keep one", name, before)
		return
	}
	d.seen[name] = at
	switch name {
	case "id":
		if s, ok := d.text(name, value); ok && !validID(s) {
			d.fault(value.Line+1, "id %q is not usable in links: use a-z, 0-9 and single dashes, at most %d of them", s, maxID)
		} else {
			d.playbook.ID = s
		}
	case "title":
		d.playbook.Title, _ = d.text(name, value)
	case "owner":
		d.playbook.Owner, _ = d.text(name, value)
	case "reviewed":
		d.reviewed(value)
	case "match":
		d.match(value)
	case "roles":
		d.roles(value)
	default:
		d.fault(at, "unknown key %q; known are id, title, owner, match, roles and reviewed", name)
	}
}

// Roles that a playbook may give to somebody.
const (
	RoleCommander      = "commander"
	RoleCommunications = "communications"
)

func (d *document) roles(value *yaml.Node) {
	if value.Kind != yaml.MappingNode {
		d.fault(value.Line+1, "roles must be names with who has them, like {commander: on_call}, not %s", kindName(value))
		return
	}
	d.playbook.Roles = map[string]string{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		role, at := value.Content[i].Value, value.Content[i].Line+1
		if role != RoleCommander && role != RoleCommunications {
			d.fault(at, "unknown role %q; known are %s and %s", role, RoleCommander, RoleCommunications)
			continue
		}
		if d.playbook.Roles[role] != "" {
			d.fault(at, "the role %s is given twice; keep one", role)
			continue
		}
		if who, ok := d.text("roles."+role, value.Content[i+1]); ok {
			d.playbook.Roles[role] = who
		}
	}
}

// text takes a value that has to be one line of text.
func (d *document) text(key string, value *yaml.Node) (string, bool) {
	at := value.Line + 1
	switch {
	case value.Kind != yaml.ScalarNode:
		d.fault(at, "%s must be text, not %s", key, kindName(value))
	case value.Tag == "!!null" || strings.TrimSpace(value.Value) == "":
		d.fault(at, "%s is empty: %s", key, meaning(key))
	case strings.ContainsAny(strings.TrimSpace(value.Value), "\n\t"):
		d.fault(at, "%s must be one line without tabs", key)
	default:
		return strings.TrimSpace(value.Value), true
	}
	return "", false
}

func (d *document) reviewed(value *yaml.Node) {
	if value.Kind == yaml.ScalarNode {
		if at, err := time.Parse(time.DateOnly, value.Value); err == nil {
			d.playbook.Reviewed = at
			return
		}
	}
	d.fault(value.Line+1, "reviewed must be a day written as 2026-11-02")
}

// match takes one set of labels or a list of them.
func (d *document) match(value *yaml.Node) {
	if value.Kind != yaml.SequenceNode {
		d.matchSet(value)
		return
	}
	if len(value.Content) == 0 {
		d.fault(value.Line+1, "match is an empty list: give at least one set of labels, or leave match out")
	}
	for _, set := range value.Content {
		d.matchSet(set)
	}
}

func (d *document) matchSet(value *yaml.Node) {
	if value.Kind != yaml.MappingNode || len(value.Content) == 0 {
		d.fault(value.Line+1, "match must name labels and their values, like {service: share, slo: availability}")
		return
	}
	set := Match{}
	for i := 0; i+1 < len(value.Content); i += 2 {
		d.matchLabel(set, value.Content[i], value.Content[i+1])
	}
	d.playbook.Match = append(d.playbook.Match, set)
}

func (d *document) matchLabel(set Match, key, value *yaml.Node) {
	at := value.Line + 1
	name := key.Value
	switch _, twice := set[name]; {
	case key.Kind != yaml.ScalarNode || name == "" || strings.ContainsAny(name, " \t\n=~!{}\""):
		d.fault(key.Line+1, "%q is not a label name", name)
		return
	case twice:
		d.fault(key.Line+1, "label %s is given twice in one set; write two sets as a list", name)
		return
	case value.Kind != yaml.ScalarNode:
		d.fault(at, "label %s must have one value, not %s; for several use a regular expression like \"=~feed|share\"", name, kindName(value))
		return
	case value.Tag == "!!null" || value.Value == "" || value.Value == regexpPrefix:
		d.fault(at, "label %s has no value; an absent label never matches", name)
		return
	case strings.HasPrefix(value.Value, "!"):
		d.fault(at, "label %s is matched by negation, which playbooks do not offer; write what it is for", name)
		return
	}
	if _, err := newMatcher(name, value.Value); err != nil {
		d.fault(at, "label %s: %s", name, err)
		return
	}
	set[name] = value.Value
}

// kindName names a YAML node for people.
func kindName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.SequenceNode:
		return "a list"
	case yaml.MappingNode:
		return "a set of keys"
	case yaml.AliasNode:
		return "an alias"
	default:
		return "this"
	}
}

// validID reports whether s is a-z, 0-9 and single dashes.
func validID(s string) bool {
	if s == "" || len(s) > maxID || s[0] == '-' || s[len(s)-1] == '-' || strings.Contains(s, "--") {
		return false
	}
	return strings.Trim(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == ""
}

// badLine is the line of the first byte that is not UTF-8.
func badLine(content []byte) int {
	n := 1
	for l := range bytes.SplitSeq(content, []byte("\n")) {
		if !utf8.Valid(l) {
			return n
		}
		n++
	}
	return 1
}

// yamlLine is how the YAML library says where.
var yamlLine = regexp.MustCompile(`^line (\d+): (?s)(.*)$`)

// yamlFault takes the line out of the YAML library's message
// ("yaml: line 3: mapping values are not allowed in this context").
func yamlFault(err error) (lineNo int, message string) {
	message = strings.TrimPrefix(err.Error(), "yaml: ")
	m := yamlLine.FindStringSubmatch(message)
	if m == nil {
		return 1, message
	}
	lineNo, err = strconv.Atoi(m[1])
	if err != nil {
		return 1, message
	}
	return lineNo, m[2]
}
