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
// objectives without fault are returned all the same.
func ReadObjectives(patterns []string, base string) ([]Objective, error) {
	files, err := expand(patterns, base)
	all := []error{err}
	var objectives []Objective
	for _, file := range files {
		b, err := readFile(file)
		if err != nil {
			all = append(all, err)
			continue
		}
		found, err := ParseObjectives(file, b)
		objectives = append(objectives, found...)
		all = append(all, err)
	}
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
	f := &faults{file: file}
	var objectives []Objective
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
		if len(doc.Content) == 0 {
			continue
		}
		objectives = append(objectives, readDocument(f, doc.Content[0])...)
	}
	return objectives, f.err()
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

// readDocument recognizes a document by its version or apiVersion.
func readDocument(f *faults, n *yaml.Node) []Objective {
	n = target(n)
	if n == nil || (n.Kind == yaml.ScalarNode && n.Tag == "!!null") {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		f.at(n, "an objective spec must be a mapping that begins with version: prometheus/v1")
		return nil
	}
	version, at := lookup(n, "version")
	api, apiAt := lookup(n, "apiVersion")
	switch {
	case version == "prometheus/v1":
		return readSloth(f, n)
	case strings.HasPrefix(api, "sloth.slok.dev/"):
		return readSlothKubernetes(f, n)
	case strings.HasPrefix(api, "openslo/"), strings.HasPrefix(api, "pyrra.dev/"):
		f.at(apiAt, "%s specs are not read yet: write the objective as a Sloth spec, version: prometheus/v1", api)
	case at != nil:
		f.at(at, "version %q is not known: use version: prometheus/v1", version)
	default:
		f.at(n, "the kind of spec is not known: begin a Sloth spec with version: prometheus/v1")
	}
	return nil
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
