package playbooks

import (
	"cmp"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/prometheus/prometheus/promql/parser"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// inspector finds what is wrong with playbooks that can be read. It parses each text
// once.
type inspector struct {
	lib   *Library
	parts map[string]parts // by id
}

// parts are what links come from and lead to.
type parts struct {
	anchors map[string]bool
	links   []link
}

// link is a link or an image.
type link struct {
	dest string
	line int // of the body, from 0
}

// faults lists what does not work in a playbook, by line.
func (i inspector) faults(p Playbook) []error {
	found := slices.Concat(i.linkFaults(p), queryFaults(p), fenceFaults(p))
	slices.SortStableFunc(found, func(a, b faultError) int { return cmp.Compare(a.line, b.line) })
	all := make([]error, len(found))
	for k := range found {
		all[k] = found[k]
	}
	return all
}

// linkFaults lists the links that lead nowhere. The web is not asked.
func (i inspector) linkFaults(p Playbook) []faultError {
	var faults []faultError
	for _, l := range i.of(p).links {
		if why := i.deadEnd(p, l.dest); why != "" {
			faults = append(faults, faultError{p.Source, p.bodyLine + l.line, "the link to " + cmp.Or(l.dest, "nothing") + " leads nowhere: " + why})
		}
	}
	return faults
}

// deadEnd says why a link leads nowhere; "" when it does not.
func (i inspector) deadEnd(p Playbook, dest string) string {
	if id, anchor, ok := siblingLink(dest); ok {
		target, found := i.lib.byID[id]
		switch {
		case !found:
			return "there is no playbook " + id
		case anchor != "" && !i.has(target, anchor[1:]):
			return fmt.Sprintf("playbook %s has no heading %s", id, anchor)
		}
		return ""
	}
	to, err := url.Parse(dest)
	switch {
	case strings.Contains(dest, "$") && placeholder.MatchString(dest):
		return "" // the alert's labels will tell
	case err != nil:
		return "it is not an address"
	case to.Scheme != "" || to.Host != "" || strings.HasPrefix(to.Path, "/"):
		return ""
	case to.Path == "" && to.Fragment == "":
		return "write its target"
	case to.Path == "":
		if !i.has(p, to.Fragment) {
			return "this playbook has no heading #" + to.Fragment
		}
		return ""
	}
	file := filepath.Join(filepath.Dir(p.Source), filepath.FromSlash(to.Path))
	if _, err := os.Stat(file); err != nil {
		return "there is no file " + file
	}
	return ""
}

func (i inspector) has(p Playbook, anchor string) bool {
	return anchor == "" || i.of(p).anchors[anchor]
}

// of parses a playbook, or remembers.
func (i inspector) of(p Playbook) parts {
	known, ok := i.parts[p.ID]
	if !ok {
		known = partsOf(p.Body)
		i.parts[p.ID] = known
	}
	return known
}

// partsOf finds the links of a text, and the anchors that HTML gives its headings.
func partsOf(body string) parts {
	found := parts{anchors: map[string]bool{}}
	doc := newMarkdown().Parser().Parse(text.NewReader([]byte(body)))
	// The walker returns no error of its own and ours is always nil.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			if id, ok := n.AttributeString("id"); ok {
				if b, isBytes := id.([]byte); isBytes {
					found.anchors[string(b)] = true
				}
			}
		case *ast.Link:
			found.links = append(found.links, link{string(n.Destination), strings.Count(body[:max(0, n.Pos())], "\n")})
		case *ast.Image:
			found.links = append(found.links, link{string(n.Destination), strings.Count(body[:max(0, n.Pos())], "\n")})
		}
		return ast.WalkContinue, nil
	})
	return found
}

// queryFaults lists the queries that no engine can read, and those that are too many.
func queryFaults(p Playbook) []faultError {
	lines := splitLines(p.Body)
	blocks := queryBlocks(lines)
	var faults []faultError
	for i, b := range blocks {
		at := p.bodyLine + b.first
		if i == maxQueries {
			faults = append(faults, faultError{p.Source, at, fmt.Sprintf("there are %d queries and a page asks the first %d: split the playbook, or drop the info string %s where no answer is needed", len(blocks), maxQueries, queryLanguage)})
		}
		query := b.query(lines)
		if strings.TrimSpace(query) == "" {
			faults = append(faults, faultError{p.Source, at, "the query is empty: write one, or remove the block"})
			continue
		}
		if line, why := unreadable(query); why != "" {
			faults = append(faults, faultError{p.Source, at + 1 + line, "the query cannot be read: " + why})
		}
	}
	return faults
}

// unreadable says why PromQL's parser refuses a query, and on which of its lines; ""
// when it does not. What labels will be filled in is not known: a name, a duration
// or a number.
func unreadable(query string) (line int, why string) {
	for _, value := range []string{"x", "5m", "1"} {
		filled := placeholder.ReplaceAllString(query, value)
		_, err := newParser().ParseExpr(filled)
		if err == nil {
			return 0, ""
		}
		if why != "" {
			continue
		}
		why = err.Error()
		if all, ok := errors.AsType[parser.ParseErrors](err); ok && len(all) > 0 {
			start := min(max(0, int(all[0].PositionRange.Start)), len(filled))
			line, why = strings.Count(filled[:start], "\n"), all[0].Err.Error()
		}
	}
	return line, why
}

// fenceFaults tells of a code block that runs to the end of the text: what comes
// after it is code to every reader, and its steps are lost.
func fenceFaults(p Playbook) []faultError {
	for _, b := range codeBlocks(splitLines(p.Body)) {
		if !b.closed {
			return []faultError{{p.Source, p.bodyLine + b.first, fmt.Sprintf("this code block is never closed: write %s on a line of its own after it", fenceMark(b.open))}}
		}
	}
	return nil
}
