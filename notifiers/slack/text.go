package slack

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// ellipsis marks a cut.
const ellipsis = "…"

// runeSize is what a character counts against Slack's limits: after escaping,
// and in UTF-16 units, so that the text fits whichever way Slack counts.
func runeSize(r rune) int {
	switch {
	case r == '&':
		return len("&amp;")
	case r == '<', r == '>':
		return len("&lt;")
	case r > 0xFFFF:
		return 2
	}
	return 1
}

// size counts text as it is sent, that is, already escaped.
func size(s string) int {
	n := 0
	for _, r := range s {
		n++
		if r > 0xFFFF {
			n++
		}
	}
	return n
}

// rawSize counts text that is escaped later.
func rawSize(s string) int {
	n := 0
	for _, r := range s {
		n += runeSize(r)
	}
	return n
}

// clean makes text valid: UTF-8, \n line ends, and no control characters,
// which Slack refuses or shows as boxes.
func clean(s string) string {
	if isClean(s) {
		return s
	}
	s = strings.ToValidUTF8(s, "\uFFFD")
	s = strings.ReplaceAll(s, "\r\n", "\n")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case r == '\r', r == '\u2028', r == '\u2029':
			return '\n'
		case unicode.IsControl(r), isBidi(r):
			return -1
		}
		return r
	}, s)
}

func isClean(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' && s[i] != '\n' && s[i] != '\t' || s[i] >= 0x7F {
			return false
		}
	}
	return true
}

// isBidi reports the characters that turn the direction of all text after them.
func isBidi(r rune) bool {
	return r >= '\u202A' && r <= '\u202E' || r >= '\u2066' && r <= '\u2069'
}

// oneLine joins lines and runs of spaces.
func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }

// escape turns text into mrkdwn that shows it: only & < > mean something to
// Slack's parser of links and mentions.
func escape(s string) string {
	if !strings.ContainsAny(s, "&<>") {
		return s
	}
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(s)
}

// cut shortens raw text so that it counts at most limit once it is escaped.
// It prefers to end between words.
func cut(s string, limit int) (short string, wasCut bool) {
	if rawSize(s) <= limit {
		return s, false
	}
	room, end, space := limit-1, 0, 0
	for i, r := range s {
		if room -= runeSize(r); room < 0 {
			break
		}
		end = i + utf8.RuneLen(r)
		if unicode.IsSpace(r) {
			space = i
		}
	}
	if limit < 1 {
		return "", true
	}
	if space > end*2/3 {
		end = space
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + ellipsis, true
}

// escaped cuts raw text to limit and escapes it.
func escaped(s string, limit int) string {
	short, _ := cut(s, limit)
	return escape(short)
}

// code shows raw text as `code`; a backtick in it would end the span.
func code(s string, limit int) string {
	return "`" + escaped(strings.ReplaceAll(oneLine(s), "`", "'"), limit-2) + "`"
}

// splitMrkdwn cuts mrkdwn so that the first part counts at most limit. It
// never cuts inside <a link>, a mention or an &entity;, and prefers the end of
// a line, then of a word.
func splitMrkdwn(s string, limit int) (first, rest string) {
	if size(s) <= limit {
		return s, ""
	}
	end, line, space, used := 0, 0, 0, 0
	for i := 0; i < len(s); {
		n := tokenLen(s[i:], limit)
		token := s[i : i+n]
		if used += size(token); used > limit {
			break
		}
		i += n
		end = i
		switch token {
		case "\n":
			line = i
		case " ":
			space = i
		}
	}
	switch {
	case line > end/2:
		end = line
	case space > end/2:
		end = space
	}
	return s[:end], s[end:]
}

// tokenLen is the length in bytes of what must stay together at the start of
// s. What is longer than limit, or never ends, is not a token.
func tokenLen(s string, limit int) int {
	_, one := utf8.DecodeRuneInString(s)
	last := byte(0)
	switch s[0] {
	case '<':
		last = '>'
	case '&':
		last, limit = ';', min(limit, len("&amp;"))
	default:
		return one
	}
	for i := 1; i < len(s) && i < limit; i++ {
		switch s[i] {
		case last:
			return i + 1
		case '\n', '<':
			return one
		}
	}
	return one
}

// cutMrkdwn shortens mrkdwn to limit and closes a code block that was cut.
func cutMrkdwn(s string, limit int) string {
	const fence = "```"
	if size(s) <= limit {
		return s
	}
	first, _ := splitMrkdwn(s, max(0, limit-size(ellipsis)-size(fence)-1))
	first = strings.TrimRightFunc(first, unicode.IsSpace) + ellipsis
	if strings.Count(first, fence)%2 == 1 {
		first += "\n" + fence
	}
	return first
}

// link is a mrkdwn link, or just its text where the URL is no use.
func link(rawURL, text string) string {
	u := webURL(rawURL)
	if u == "" {
		return text
	}
	u = strings.NewReplacer("&", "&amp;", "<", "%3C", ">", "%3E", "|", "%7C").Replace(u)
	return "<" + u + "|" + strings.ReplaceAll(text, "|", "¦") + ">"
}
