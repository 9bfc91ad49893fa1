package playbooks

import (
	"strings"
	"unicode/utf8"
)

// slackLimit is the most that Slack takes in a markdown block (see docs.slack.dev,
// "Markdown block": 12,000 characters in all blocks of one message).
const slackLimit = 12_000

// SlackMarkdown cuts the body into pieces for Slack's markdown blocks, one
// message each: at most 12,000 characters, counted as Slack does after it
// escaped & < >. Cuts are made before a section, else between paragraphs, else
// between lines; a code block that has to be cut is closed and opened again.
// Links to other playbooks point to externalURL + "/playbooks/{id}", or become
// text when externalURL is "".
func (p Playbook) SlackMarkdown(externalURL string) []string {
	base := strings.TrimRight(externalURL, "/")
	body := rewriteLinks(p.Body, p.ID, func(target string) string {
		if base == "" {
			return ""
		}
		return base + "/playbooks/" + target
	})
	return chunk(splitLines(body), slackLimit)
}

// chunk fills pieces with paragraphs as long as they fit.
func chunk(lines []line, limit int) []string {
	var pieces []string
	var current []line
	size := 0
	flush := func() {
		if text := joinLines(current); text != "" {
			pieces = append(pieces, text)
		}
		current, size = nil, 0
	}
	for _, section := range sections(lines) {
		if n := slackSize(section); size+n <= limit {
			current, size = append(current, section...), size+n
			continue
		}
		flush()
		for _, block := range paragraphs(section) {
			for _, part := range fit(block, limit) {
				n := slackSize(part)
				if size+n > limit {
					flush()
				}
				current, size = append(current, part...), size+n
			}
		}
	}
	flush()
	return pieces
}

// sections cuts before every heading of level one or two.
func sections(lines []line) [][]line {
	return cutBefore(lines, func(i int) bool {
		level, _ := headingOf(lines[i])
		return level == 1 || level == 2
	})
}

// paragraphs cuts after blank lines outside code, but leaves a heading with what follows it.
func paragraphs(lines []line) [][]line {
	return cutBefore(lines, func(i int) bool {
		if lines[i].fenced && lines[i-1].fenced || !isBlank(lines[i-1].text) || isBlank(lines[i].text) {
			return false
		}
		for j := i - 1; j >= 0; j-- {
			if !isBlank(lines[j].text) {
				level, _ := headingOf(lines[j])
				return level == 0
			}
		}
		return false
	})
}

// cutBefore cuts lines at each index after the first for which cut is true.
func cutBefore(lines []line, cut func(i int) bool) [][]line {
	var parts [][]line
	start := 0
	for i := 1; i < len(lines); i++ {
		if cut(i) {
			parts = append(parts, lines[start:i])
			start = i
		}
	}
	return append(parts, lines[start:])
}

// fit cuts a block that is too long for one piece between its lines, and lines
// that are too long between their characters.
func fit(block []line, limit int) [][]line {
	if slackSize(block) <= limit {
		return [][]line{block}
	}
	// Closing and opening a fence again costs two lines.
	room := limit - 2*longestFence(block)
	var parts [][]line
	var part []line
	open := "" // the line that opened the code block we are in
	size := 0
	for _, l := range shortLines(block, room) {
		n := slackSize([]line{l})
		if size+n > room && len(part) > 0 {
			if open != "" {
				part = append(part, line{text: closing(open), fenced: true})
			}
			parts = append(parts, part)
			part, size = nil, 0
			if open != "" && !closesFence(l.text, fenceMark(open)) {
				part = append(part, line{text: open, fenced: true, opens: open})
			} else if open != "" {
				open = ""
				continue // the fence was closed with the part before
			}
		}
		part, size = append(part, l), size+n
		switch {
		case open == "" && l.opens != "":
			open = l.opens
		case open != "" && closesFence(l.text, fenceMark(open)):
			open = ""
		}
	}
	if len(part) == 0 {
		return parts
	}
	return append(parts, part)
}

// longestFence is the size of the largest line that opens a code block.
func longestFence(block []line) int {
	longest := 0
	for _, l := range block {
		if l.opens != "" {
			longest = max(longest, slackSize([]line{{text: l.opens}}))
		}
	}
	return min(longest, slackLimit/8)
}

// closing is the line that ends the code block that open began.
func closing(open string) string {
	indent := open[:len(open)-len(strings.TrimLeft(open, " \t"))]
	return indent + fenceMark(open)
}

// shortLines cuts lines that no piece has room for.
func shortLines(block []line, limit int) []line {
	var lines []line
	for _, l := range block {
		for slackSize([]line{l}) > limit {
			cut, size := 0, 1
			for i, r := range l.text {
				size += runeSize(r)
				if size > limit {
					cut = i
					break
				}
			}
			if space := strings.LastIndexByte(l.text[:cut], ' '); space > cut/2 {
				cut = space
			}
			lines = append(lines, line{l.text[:cut], l.fenced, l.opens[:min(cut, len(l.opens))]})
			l.text, l.opens = l.text[cut:], ""
		}
		lines = append(lines, l)
	}
	return lines
}

// slackSize counts what Slack counts: characters after escaping, the line ends included.
func slackSize(lines []line) int {
	size := 0
	for _, l := range lines {
		size++
		for _, r := range l.text {
			size += runeSize(r)
		}
	}
	return size
}

// runeSize is the size of a character after escaping. One that needs two
// UTF-16 units counts twice: whichever way Slack counts, the piece fits.
func runeSize(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<' || r == '>':
		return len("&lt;")
	case r > 0xFFFF && r <= utf8.MaxRune:
		return 2
	}
	return 1
}
