package rules

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// maxSpecBytes bounds a spec file: a longer one is a mistake.
const maxSpecBytes = 4 << 20

// ReadObjectives reads the specs that patterns name, relative to base, ordered by
// ID. Its error joins every fault of every file as "file:line: sentence"; the
// objectives without fault are returned all the same. OpenSLO's objects refer to each
// other by name over all files.
func ReadObjectives(patterns []string, base string) ([]Objective, error) {
	files, err := expand(patterns, base)
	all := []error{err}
	var l library
	for _, file := range files {
		b, err := readFile(file)
		if err != nil {
			all = append(all, err)
			continue
		}
		l.read(file, b)
	}
	objectives, err := l.resolve()
	all = append(all, err)
	objectives, err = unique(objectives)
	all = append(all, err)
	return objectives, errors.Join(all...)
}

// unique orders objectives by ID and refuses those whose ID is taken.
func unique(objectives []Objective) ([]Objective, error) {
	var all []error
	first := map[string]Objective{}
	var kept []Objective
	for _, o := range objectives {
		if other, taken := first[o.ID]; taken {
			all = append(all, fmt.Errorf("%s:%d: the objective %q is already defined at %s:%d: rename one of them", o.File, o.Line, o.ID, other.File, other.Line))
			continue
		}
		first[o.ID] = o
		kept = append(kept, o)
	}
	slices.SortFunc(kept, func(a, b Objective) int { return strings.Compare(a.ID, b.ID) })
	return kept, errors.Join(all...)
}

// expand turns glob patterns into files, in order and without repetition. A plain
// path must exist; a pattern may match nothing.
func expand(patterns []string, base string) ([]string, error) {
	var files []string
	var all []error
	for _, p := range patterns {
		full := p
		if !filepath.IsAbs(p) {
			full = filepath.Join(base, p)
		}
		found, err := filepath.Glob(full)
		switch {
		case err != nil:
			all = append(all, fmt.Errorf("%s: not a valid pattern: close every [ with a ]", p))
		case len(found) == 0 && !strings.ContainsAny(p, `*?[\`):
			all = append(all, fmt.Errorf("%s: no such file: correct the path or remove it (%w)", full, fs.ErrNotExist))
		}
		slices.Sort(found)
		for _, f := range found {
			if !slices.Contains(files, f) {
				files = append(files, f)
			}
		}
	}
	return files, errors.Join(all...)
}

func readFile(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", file, errors.Unwrap(err))
	}
	defer func() { _ = f.Close() }()
	b, err := io.ReadAll(io.LimitReader(f, maxSpecBytes+1))
	if err != nil {
		return nil, fmt.Errorf("%s: cannot be read: %w", file, err)
	}
	if len(b) > maxSpecBytes {
		return nil, fmt.Errorf("%s: longer than 4 MiB: split it", file)
	}
	return b, nil
}

// ParseObjectives reads the text of one spec file, which may hold several
// documents. Its error joins every fault.
func ParseObjectives(file string, text []byte) ([]Objective, error) {
	var l library
	l.read(file, text)
	return l.resolve()
}

// library is what is read together.
type library struct {
	objectives []Objective
	files      []*faults
	openslo    openslo
}

// read reads one file.
func (l *library) read(file string, text []byte) {
	f := &faults{file: file}
	l.files = append(l.files, f)
	dec := yaml.NewDecoder(bytes.NewReader(text))
	for {
		var doc yaml.Node
		err := dec.Decode(&doc)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			f.list = append(f.list, yamlFault(file, err))
			break
		}
		if len(doc.Content) > 0 {
			l.document(f, doc.Content[0], 0)
		}
	}
}

// resolve builds the objectives that refer to other documents and returns all of
// them, with the faults of all files.
func (l *library) resolve() ([]Objective, error) {
	l.objectives = append(l.objectives, l.openslo.resolve()...)
	var all []error
	for _, f := range l.files {
		all = append(all, f.err())
	}
	return l.objectives, errors.Join(all...)
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func yamlFault(file string, err error) error {
	line, text := 1, err.Error()
	if m := yamlLine.FindStringSubmatch(text); m != nil {
		text = m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			line = n
		}
	}
	return fmt.Errorf("%s:%d: not valid YAML: %s", file, line, text)
}

// document recognizes a document by its version or apiVersion. A list holds several,
// as kubectl prints them.
func (l *library) document(f *faults, n *yaml.Node, depth int) {
	n = target(n)
	if n == nil || null(n) || !f.spend() {
		return
	}
	if n.Kind == yaml.SequenceNode && depth < 2 {
		for _, c := range n.Content {
			l.document(f, c, depth+1)
		}
		return
	}
	if n.Kind != yaml.MappingNode {
		f.at(n, "an objective spec must be a mapping that begins with version: prometheus/v1")
		return
	}
	version, at := lookup(n, "version")
	api, apiAt := lookup(n, "apiVersion")
	kind, _ := lookup(n, "kind")
	_, items := lookup(n, "items")
	f.camel = apiAt != nil
	switch {
	case items != nil && strings.HasSuffix(kind, "List"):
		l.document(f, items, depth)
	case version == "prometheus/v1":
		l.objectives = append(l.objectives, readSloth(f, n)...)
	case strings.HasPrefix(api, "sloth.slok.dev/"):
		l.objectives = append(l.objectives, readSlothKubernetes(f, n)...)
	case api == "openslo/v1":
		l.openslo.add(f, n)
	case strings.HasPrefix(api, "openslo/"):
		f.at(apiAt, "apiVersion %q is not read: write the objective as openslo/v1", api)
	case api == "pyrra.dev/v1alpha1":
		l.objectives = append(l.objectives, readPyrra(f, n)...)
	case apiAt != nil:
		f.at(apiAt, "apiVersion %q is not known: use openslo/v1, pyrra.dev/v1alpha1 or sloth.slok.dev/v1", api)
	case at != nil:
		f.at(at, "version %q is not known: use version: prometheus/v1", version)
	default:
		f.at(n, "the kind of spec is not known: begin a Sloth spec with version: prometheus/v1, others with their apiVersion")
	}
}

// lookup returns the text of a key and its node.
func lookup(n *yaml.Node, key string) (string, *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1].Value, n.Content[i+1]
		}
	}
	return "", nil
}
