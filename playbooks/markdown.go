package playbooks

import (
	"regexp"
	"strings"
	"unicode"
)

// A playbook is cut by its lines, not by a Markdown tree: the cuts (sections,
// steps, messages) must give back exactly what the author wrote.

// line is one line of Markdown without its line end.
type line struct {
	text   string
	fenced bool // inside a fenced code block, its fences included
	// opens is set on the line that opens a code block: the line itself, with spaces in
	// the place of list marks before the fence. A line with such marks is not fenced.
	opens string
}

// splitLines cuts text into lines and marks those inside code fences. A fence
// that is never closed runs to the end, as CommonMark has it.
func splitLines(text string) []line {
	var lines []line
	fence := ""
	for raw := range strings.SplitSeq(strings.TrimSuffix(text, "\n"), "\n") {
		l := line{text: raw, fenced: fence != ""}
		if fence == "" {
			marks := listMarks.FindString(raw)
			if fence = fenceMark(raw[len(marks):]); fence != "" {
				l.opens = strings.Repeat(" ", len(marks)) + raw[len(marks):]
				l.fenced = marks == ""
			}
		} else if closesFence(raw, fence) {
			fence = ""
		}
		lines = append(lines, l)
	}
	return lines
}

// listMarks are what begins list items: `1. `, or `- 1. ` where one item begins with
// another.
var listMarks = regexp.MustCompile(`^(?: *(?:[-*+]|[0-9]{1,9}[.)]) +)*`)

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
	from, to := sectionOf(lines, name)
	return lines[from:to]
}

// sectionOf says where sectionLines are: an empty range when there are none.
func sectionOf(lines []line, name string) (from, to int) {
	start := -1
	for i, l := range lines {
		level, text := headingOf(l)
		if level != 1 && level != 2 {
			continue
		}
		if start >= 0 {
			return start, i
		}
		if level == 2 && strings.EqualFold(text, name) {
			start = i + 1
		}
	}
	if start < 0 {
		return 0, 0
	}
	return start, len(lines)
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

// item is a list item: the lines from first up to, and without, end. width is
// that of its marker.
type item struct{ first, end, width int }

// cut returns a line of the item without marker and indentation.
func (it item) cut(l line, i int) string {
	switch {
	case i == it.first:
		return l.text[min(it.width, len(l.text)):]
	case isBlank(l.text), l.fenced, indentOf(l.text) >= it.width:
		return cutIndent(l.text, it.width)
	default: // a paragraph's line that was not indented still belongs to it
		return strings.TrimSpace(l.text)
	}
}

// text is the item as Markdown without marker and indentation.
func (it item) text(lines []line) string {
	texts := make([]string, 0, it.end-it.first)
	for i := it.first; i < it.end; i++ {
		texts = append(texts, it.cut(lines[i], i))
	}
	return strings.TrimSpace(strings.Join(texts, "\n"))
}

// items returns the top-level list items among lines[from:to]. Numbered lists are
// steps; bullets count where a text has no numbered list.
func items(lines []line, from, to int) []item {
	numbered, bullets := collectItems(lines, from, to)
	if len(numbered) > 0 {
		return numbered
	}
	return bullets
}

func collectItems(lines []line, from, to int) (numbered, bullets []item) {
	var it item // the one that lasts; none while its width is 0
	var isNumbered bool
	flush := func() {
		switch {
		case it.width == 0 || it.text(lines) == "":
		case isNumbered:
			numbered = append(numbered, it)
		default:
			bullets = append(bullets, it)
		}
		it = item{}
	}
	for i := from; i < to; i++ {
		l := lines[i]
		blankBefore := i > from && isBlank(lines[i-1].text)
		if it.width > 0 && (isBlank(l.text) || indentOf(l.text) >= it.width || (l.fenced && indentOf(l.text) > 0)) {
			it.end = i + 1
			continue
		}
		if w, n := itemMark(l); w > 0 {
			flush()
			it, isNumbered = item{first: i, end: i + 1, width: w}, n
			continue
		}
		if level, _ := headingOf(l); it.width > 0 && (blankBefore || level > 0 || l.fenced) {
			flush()
			continue
		}
		if it.width > 0 {
			it.end = i + 1
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
