package playbooks

import (
	"fmt"
	"regexp"
	"strings"

	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/text"
)

// Playbooks link to each other by file name, so that the links also work where
// the files are kept: `[the database](database-saturation.md#mitigate)`.

// linkPattern finds inline links whose target is a Markdown file.
var linkPattern = regexp.MustCompile(`\[([^\[\]]+)\]\(([^()\s]+\.md(?:#[^()\s]*)?)\)`)

// siblingLink takes `other.md#part` apart. Anything else (a URL, a path, an
// anchor of the same page) is not a link to a playbook.
func siblingLink(dest string) (id, anchor string, ok bool) {
	file, part, hasPart := strings.Cut(dest, "#")
	if hasPart {
		anchor = "#" + part
	}
	id, ok = strings.CutSuffix(strings.TrimPrefix(file, "./"), ".md")
	if !ok || !validID(id) {
		return "", "", false
	}
	return id, anchor, true
}

// rewriteLinks replaces the links to other playbooks: where target returns "",
// the link's text stays. It gets "id" or "id#part".
func rewriteLinks(md string, target func(string) string) string {
	lines := splitLines(md)
	texts := make([]string, 0, len(lines))
	for _, l := range lines {
		if !l.fenced {
			l.text = linkPattern.ReplaceAllStringFunc(l.text, func(found string) string {
				m := linkPattern.FindStringSubmatch(found)
				id, anchor, ok := siblingLink(m[2])
				if !ok {
					return found
				}
				if dest := target(id + anchor); dest != "" {
					return "[" + m[1] + "](" + dest + ")"
				}
				return m[1]
			})
		}
		texts = append(texts, l.text)
	}
	return strings.Join(texts, "\n")
}

// linkFaults lists the links of p to playbooks, or parts of them, that do not exist.
func (l *Library) linkFaults(p Playbook) []error {
	var faults []error
	for i, ln := range splitLines(p.Body) {
		if ln.fenced {
			continue
		}
		for _, m := range linkPattern.FindAllStringSubmatch(ln.text, -1) {
			id, anchor, ok := siblingLink(m[2])
			if !ok {
				continue
			}
			at := p.bodyLine + i
			target, found := l.byID[id]
			switch {
			case !found:
				faults = append(faults, faultError{p.Source, at, fmt.Sprintf("the link to %s leads nowhere: there is no playbook %s", m[2], id)})
			case anchor != "" && !hasAnchor(target, anchor[1:]):
				faults = append(faults, faultError{p.Source, at, fmt.Sprintf("the link to %s leads nowhere: playbook %s has no heading #%s", m[2], id, anchor[1:])})
			}
		}
	}
	return faults
}

// hasAnchor reports whether HTML gives a heading of p this id.
func hasAnchor(p Playbook, anchor string) bool {
	doc := newMarkdown().Parser().Parse(text.NewReader([]byte(p.Body)))
	found := false
	// The walker returns no error of its own and ours is always nil.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if n.Kind() != ast.KindHeading || !entering {
			return ast.WalkContinue, nil
		}
		if id, ok := n.AttributeString("id"); ok {
			if b, isBytes := id.([]byte); isBytes && string(b) == anchor {
				found = true
				return ast.WalkStop, nil
			}
		}
		return ast.WalkContinue, nil
	})
	return found
}
