package playbooks

import (
	"cmp"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
)

//go:embed library/*.md
var embedded embed.FS

// Library finds playbooks. It never changes after Load and is safe for
// concurrent use; to read the files again, load a new one.
type Library struct {
	byID   map[string]Playbook
	ranked []candidate // yours first, then by id
}

// candidate is a playbook with its sets of labels ready to be compared.
type candidate struct {
	playbook Playbook
	sets     [][]matcher
}

// matcher compares one label.
type matcher struct {
	label string
	exact string
	expr  *regexp.Regexp // nil: exact
}

// newMatcher understands the value of a label in a Match.
func newMatcher(label, value string) (matcher, error) {
	raw, isExpr := strings.CutPrefix(value, regexpPrefix)
	if !isExpr {
		return matcher{label: label, exact: value}, nil
	}
	if _, err := regexp.Compile(raw); err != nil { // alone: a)|(b would be taken inside our brackets
		return matcher{}, fmt.Errorf("%q is not a regular expression: %s", raw, strings.TrimPrefix(err.Error(), "error parsing regexp: "))
	}
	expr, err := regexp.Compile(`^(?s:` + raw + `)$`)
	if err != nil {
		return matcher{}, fmt.Errorf("%q is not a regular expression: %w", raw, err)
	}
	return matcher{label: label, expr: expr}, nil
}

func (m matcher) matches(labels map[string]string) bool {
	value := labels[m.label]
	switch {
	case value == "":
		return false
	case m.expr != nil:
		return m.expr.MatchString(value)
	default:
		return value == m.exact
	}
}

// Load reads the embedded library and then every *.md file below the named
// folders (or a file named outright). A playbook of a folder replaces the
// embedded one with the same id. Files called README.md, folders called testdata, and files and folders
// whose name begins with a dot, are left out.
//
// The library is never nil and holds every playbook without fault. The error
// joins all faults, each as "file:line: sentence": what Parse refuses, an id
// used twice, folders that cannot be read, and, of playbooks that can be used all
// the same, links that lead nowhere, queries that cannot be asked and code blocks
// that are never closed.
func Load(dirs []string) (*Library, error) {
	lib := &Library{byID: map[string]Playbook{}}
	var faults []error
	for _, p := range readEmbedded(&faults) {
		lib.byID[p.ID] = p
	}
	mine := readDirs(dirs, &faults)
	for _, p := range mine {
		p.standsIn = lib.byID[p.ID].Builtin && reflect.DeepEqual(lib.byID[p.ID].Match, p.Match)
		lib.byID[p.ID] = p
	}
	inspect := inspector{lib: lib, parts: map[string]parts{}}
	for _, p := range mine {
		faults = append(faults, inspect.faults(p)...)
	}
	for _, id := range slices.Sorted(maps.Keys(lib.byID)) {
		c, err := newCandidate(lib.byID[id])
		if err != nil {
			faults = append(faults, err)
			continue
		}
		lib.ranked = append(lib.ranked, c)
	}
	slices.SortStableFunc(lib.ranked, func(a, b candidate) int {
		return cmp.Compare(rank(a.playbook), rank(b.playbook))
	})
	return lib, errors.Join(faults...)
}

// rank puts a user's playbooks before the embedded ones. A copy of an embedded one
// whose match nobody changed stays where that stood: what it matches by the way is
// not for it to take from others.
func rank(p Playbook) int {
	if p.Builtin || p.standsIn {
		return 1
	}
	return 0
}

func newCandidate(p Playbook) (candidate, error) {
	c := candidate{playbook: p}
	for _, set := range p.Match {
		var matchers []matcher
		for _, label := range slices.Sorted(maps.Keys(set)) {
			m, err := newMatcher(label, set[label])
			if err != nil {
				return candidate{}, fmt.Errorf("%s: label %s: %w", p.Source, label, err)
			}
			matchers = append(matchers, m)
		}
		c.sets = append(c.sets, matchers)
	}
	return c, nil
}

// readEmbedded reads the compiled-in files; the tests see to it that it has no fault.
func readEmbedded(faults *[]error) []Playbook {
	var found []Playbook
	names, err := fs.Glob(embedded, "library/*.md")
	if err != nil {
		*faults = append(*faults, fmt.Errorf("list embedded playbooks: %w", err))
	}
	for _, name := range names {
		content, err := embedded.ReadFile(name)
		if err != nil {
			*faults = append(*faults, fmt.Errorf("read embedded playbook: %w", err))
			continue
		}
		p, err := Parse(path.Join("playbooks", name), content)
		if err != nil {
			*faults = append(*faults, err)
			continue
		}
		p.Builtin = true
		found = append(found, p)
	}
	return found
}

// Embedded returns the text of a playbook of the embedded library, to be copied and
// changed.
func Embedded(id string) ([]byte, error) {
	if !validID(id) {
		return nil, fmt.Errorf("copy a built-in playbook: %q is not an id", id)
	}
	text, err := embedded.ReadFile("library/" + id + ".md")
	if err != nil {
		return nil, fmt.Errorf("copy a built-in playbook: there is none with the id %s: %w", id, fs.ErrNotExist)
	}
	return text, nil
}

// readDirs reads the users' playbooks, in the order of the folders and then of the paths.
func readDirs(dirs []string, faults *[]error) []Playbook {
	var found []Playbook
	first := map[string]string{} // id → file
	read := map[string]bool{}
	for _, dir := range dirs {
		files, err := listFiles(dir)
		if err != nil {
			*faults = append(*faults, err)
		}
		for _, file := range files {
			if read[file] {
				continue // two of the folders overlap
			}
			read[file] = true
			content, err := readFile(file)
			if err != nil {
				*faults = append(*faults, err)
				continue
			}
			p, err := Parse(file, content)
			switch {
			case err != nil:
				*faults = append(*faults, err)
			case first[p.ID] != "":
				*faults = append(*faults, faultError{file, 1, fmt.Sprintf("id %s is already taken by %s; that one is used", p.ID, first[p.ID])})
			default:
				first[p.ID] = file
				found = append(found, p)
			}
		}
	}
	return found
}

// listFiles finds the *.md files below dir, in lexical order. Symbolic links
// to files are followed: Kubernetes mounts configuration so.
func listFiles(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != dir && (strings.HasPrefix(entry.Name(), ".") || entry.Name() == "testdata"):
			if entry.IsDir() {
				return fs.SkipDir
			}
		case entry.IsDir(), name != dir && !strings.EqualFold(filepath.Ext(name), ".md"), strings.EqualFold(entry.Name(), "readme.md"):
		default:
			files = append(files, filepath.Clean(name))
		}
		return nil
	})
	if errors.Is(err, fs.ErrNotExist) {
		return files, fmt.Errorf("playbooks: there is no folder %s: create it or take it out of the configuration: %w", dir, fs.ErrNotExist)
	}
	if err != nil {
		return files, fmt.Errorf("playbooks: read folder %s: %w", dir, err)
	}
	return files, nil
}

// readFile reads a file without taking in more than a playbook may weigh.
func readFile(file string) ([]byte, error) {
	info, err := os.Stat(file)
	if err != nil {
		return nil, fmt.Errorf("read playbook: %w", err)
	}
	if !info.Mode().IsRegular() {
		return nil, faultError{file: file, text: "this is not a file; a playbook is a Markdown file"}
	}
	if info.Size() > maxFile {
		return nil, faultError{file, 1, fmt.Sprintf("the file has %d bytes; a playbook may have %d", info.Size(), maxFile)}
	}
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("read playbook: %w", err)
	}
	return content, nil
}

// Match returns the playbook for an alert with these labels. The package
// comment says which one wins when several match.
func (l *Library) Match(labels map[string]string) (Playbook, bool) {
	if p, ok := l.Find(labels[Label]); ok {
		return p, true
	}
	var best candidate
	var bestScore score
	for _, c := range l.ranked {
		s := c.score(labels)
		if bestScore.labels > 0 && rank(c.playbook) > rank(best.playbook) {
			break // the embedded ones come after yours, and only when yours do not match
		}
		if s.beats(bestScore) {
			best, bestScore = c, s
		}
	}
	return best.playbook, bestScore.labels > 0
}

// score says how specific a match is; the zero score is no match.
type score struct{ labels, exact int }

// beats reports whether s is more specific. Candidates come in the order of
// their ids, so an equal score does not beat.
func (s score) beats(other score) bool {
	if s.labels != other.labels {
		return s.labels > other.labels
	}
	return s.exact > other.exact
}

// score is that of the best set that matches.
func (c candidate) score(labels map[string]string) score {
	var best score
	for _, set := range c.sets {
		s := score{labels: len(set)}
		for _, m := range set {
			if !m.matches(labels) {
				s = score{}
				break
			}
			if m.expr == nil {
				s.exact++
			}
		}
		if s.beats(best) {
			best = s
		}
	}
	return best
}

// Find returns the playbook with this id.
func (l *Library) Find(id string) (Playbook, bool) {
	p, ok := l.byID[id]
	return p, ok
}

// All lists every playbook by id.
func (l *Library) All() []Playbook {
	all := make([]Playbook, 0, len(l.byID))
	for _, id := range slices.Sorted(maps.Keys(l.byID)) {
		all = append(all, l.byID[id])
	}
	return all
}
