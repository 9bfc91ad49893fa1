package playbooks

import (
	"regexp"
	"strings"
)

// Playbooks link to each other by file name, so that the links also work where
// the files are kept: `[the database](database-saturation.md#mitigate)`.

// linkPattern finds inline links whose target is a Markdown file, or a heading of
// one or of the same text.
var linkPattern = regexp.MustCompile(`\[([^\[\]]+)\]\(([^()\s#]+\.md(?:#[^()\s]*)?|#[^()\s]+)\)`)

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

// rewriteLinks replaces the links to playbooks in the text of the playbook self:
// where target returns "", the link's text stays. It gets "id" or "id#part".
func rewriteLinks(md, self string, target func(string) string) string {
	lines := splitLines(md)
	texts := make([]string, 0, len(lines))
	for _, l := range lines {
		if !l.fenced {
			l.text = linkPattern.ReplaceAllStringFunc(l.text, func(found string) string {
				m := linkPattern.FindStringSubmatch(found)
				id, anchor, ok := siblingLink(m[2])
				if strings.HasPrefix(m[2], "#") {
					id, anchor, ok = self, m[2], true
				}
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
