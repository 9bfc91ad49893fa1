package playbooks

import (
	"strings"
	"unicode"
)

// A playbook is cut by its lines, not by a Markdown tree: the cuts (sections,
// steps, messages) must give back exactly what the author wrote.

// line is one line of Markdown without its line end.
type line struct {
	text   string
	fenced bool // inside a fenced code block, its fences included
}

// splitLines cuts text into lines and marks those inside code fences. A fence
// that is never closed runs to the end, as CommonMark has it.
func splitLines(text string) []line {
	var lines []line
	fence := ""
	for raw := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		mark := fenceMark(raw)
		switch {
		case fence == "" && mark != "":
			fence = mark
			lines = append(lines, line{raw, true})
		case fence != "" && closesFence(raw, fence):
			fence = ""
			lines = append(lines, line{raw, true})
		default:
			lines = append(lines, line{raw, fence != ""})
		}
	}
	return lines
}

// fenceMark returns the run of ` or ~ (three or more) that opens a code fence
// on this line, or "". Any indentation is taken: steps have indented fences.
func fenceMark(s string) string {
	s = strings.TrimLeft(s, " \t")
	if s == "" || (s[0] != '`' && s[0] != '~') {
		return ""
	}
	rest := strings.TrimLeft(s, s[:1])
	mark := s[:len(s)-len(rest)]
	if len(mark) < 3 || (mark[0] == '`' && strings.Contains(rest, "`")) {
		return ""
	}
	return mark
}

// closesFence reports whether the line ends the code block that fence opened.
func closesFence(s, fence string) bool {
	s = strings.TrimSpace(s)
	return len(s) >= len(fence) && strings.Trim(s, fence[:1]) == ""
}

// headingOf returns level and text of an ATX heading ("## Check ##"), or level
// 0. It has to begin its line: an indented one belongs to a list item.
func headingOf(l line) (level int, text string) {
	if l.fenced {
		return 0, ""
	}
	rest := strings.TrimLeft(l.text, "#")
	level = len(l.text) - len(rest)
	if level == 0 || level > 6 || (rest != "" && rest[0] != ' ' && rest[0] != '\t') {
		return 0, ""
	}
	text = strings.TrimSpace(rest)
	if trimmed := strings.TrimRight(text, "#"); trimmed == "" || strings.HasSuffix(trimmed, " ") {
		text = strings.TrimSpace(trimmed)
	}
	return level, text
}

// sectionLines returns the lines under the first level-two heading of that
// name (letter case ignored), up to the next heading of level one or two.
func sectionLines(lines []line, name string) []line {
	start := -1
	for i, l := range lines {
		level, text := headingOf(l)
		if level != 1 && level != 2 {
			continue
		}
		if start >= 0 {
			return lines[start:i]
		}
		if level == 2 && strings.EqualFold(text, name) {
			start = i + 1
		}
	}
	if start < 0 {
		return nil
	}
	return lines[start:]
}

// itemMark returns the width of the list marker (with the indentation before
// and the space after it) that begins this line, or 0.
func itemMark(l line) (width int, numbered bool) {
	s := strings.TrimLeft(l.text, " ")
	indent := len(l.text) - len(s)
	if l.fenced || indent > 3 || s == "" {
		return 0, false
	}
	digits := len(s) - len(strings.TrimLeftFunc(s, func(r rune) bool { return r >= '0' && r <= '9' }))
	end := digits + 1
	switch {
	case digits > 0 && digits <= 9 && len(s) > digits && (s[digits] == '.' || s[digits] == ')'):
		numbered = true
	case digits == 0 && (s[0] == '-' || s[0] == '*' || s[0] == '+'):
	default:
		return 0, false
	}
	rest := s[end:]
	spaces := len(rest) - len(strings.TrimLeft(rest, " "))
	switch {
	case rest == "", spaces == 0:
		return 0, false // "1.": nothing to do in it; "1.5": not a list
	case spaces > 4:
		spaces = 1
	}
	return indent + end + spaces, numbered
}

// items returns the top-level list items among lines, as Markdown without
// marker and indentation. Numbered lists are steps; bullets count where a
// text has no numbered list.
func items(lines []line) []string {
	numbered, bullets := collectItems(lines)
	if len(numbered) > 0 {
		return numbered
	}
	return bullets
}

func collectItems(lines []line) (numbered, bullets []string) {
	var item []string
	var width int
	var isNumbered bool
	flush := func() {
		text := strings.TrimSpace(strings.Join(item, "\n"))
		switch {
		case text == "":
		case isNumbered:
			numbered = append(numbered, text)
		default:
			bullets = append(bullets, text)
		}
		item, width = nil, 0
	}
	for i, l := range lines {
		blankBefore := i > 0 && isBlank(lines[i-1].text)
		if width > 0 && (isBlank(l.text) || indentOf(l.text) >= width || (l.fenced && indentOf(l.text) > 0)) {
			item = append(item, cutIndent(l.text, width))
			continue
		}
		if w, n := itemMark(l); w > 0 {
			flush()
			width, isNumbered = w, n
			item = append(item, l.text[w:])
			continue
		}
		if level, _ := headingOf(l); width > 0 && (blankBefore || level > 0 || l.fenced) {
			flush()
			continue
		}
		if width > 0 { // a paragraph's line that was not indented still belongs to it
			item = append(item, strings.TrimSpace(l.text))
		}
	}
	flush()
	return numbered, bullets
}

func isBlank(s string) bool { return strings.TrimSpace(s) == "" }

func indentOf(s string) int { return len(s) - len(strings.TrimLeft(s, " ")) }

// cutIndent removes up to n leading spaces.
func cutIndent(s string, n int) string {
	return s[min(n, indentOf(s)):]
}

// joinLines puts lines together again, without blank lines around them.
func joinLines(lines []line) string {
	texts := make([]string, 0, len(lines))
	for _, l := range lines {
		texts = append(texts, l.text)
	}
	text := strings.TrimRightFunc(strings.Join(texts, "\n"), unicode.IsSpace)
	for {
		first, rest, found := strings.Cut(text, "\n")
		if !isBlank(first) || !found {
			return text
		}
		text = rest
	}
}
