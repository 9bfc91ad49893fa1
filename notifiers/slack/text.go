package slack

import (
	"regexp"
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

// within reports size(s) <= limit, and looks no further than it has to.
func within(s string, limit int) bool {
	if len(s) <= limit { // a character is never shorter in UTF-8 than in UTF-16
		return true
	}
	for _, r := range s {
		limit--
		if r > 0xFFFF {
			limit--
		}
		if limit < 0 {
			return false
		}
	}
	return true
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
	var b strings.Builder
	b.Grow(len(s) + 16)
	for i := range len(s) {
		escapeByte(&b, s[i])
	}
	return b.String()
}

func escapeByte(b *strings.Builder, c byte) {
	switch c {
	case '&':
		b.WriteString("&amp;")
	case '<':
		b.WriteString("&lt;")
	case '>':
		b.WriteString("&gt;")
	default:
		b.WriteByte(c)
	}
}

// cut shortens raw text so that it counts at most limit once it is escaped.
// It prefers to end between words.
func cut(s string, limit int) string {
	if limit < 1 {
		return ""
	}
	wasCut := false
	// end is as much as fits with an ellipsis behind it.
	used, end, space := 0, 0, 0
	for i, r := range s {
		if used += runeSize(r); used > limit {
			wasCut = true
			break
		}
		if used < limit {
			end = i + utf8.RuneLen(r)
			if unicode.IsSpace(r) {
				space = i
			}
		}
	}
	if !wasCut {
		return s
	}
	if space > end*2/3 {
		end = space
	}
	return strings.TrimRightFunc(s[:end], unicode.IsSpace) + ellipsis
}

// wellFormed escapes what an author of mrkdwn left bare: & < > that begin no
// entity, link or mention. Slack does the same, and counts afterwards.
func wellFormed(s string) string {
	if !strings.ContainsAny(s, "&<>") {
		return s
	}
	control := regexp.MustCompile(`^<(?:[@#!]|[a-zA-Z][a-zA-Z0-9+.-]*:)[^<>\s][^<>\n]*>`)
	var b strings.Builder
	inside := 0 // end of the link or mention we are in
	for i := range len(s) {
		rest := s[i:]
		switch {
		case s[i] == '<' && i >= inside:
			inside = i + len(control.FindString(rest))
		case s[i] == '&' && (strings.HasPrefix(rest, "&amp;") || strings.HasPrefix(rest, "&lt;") || strings.HasPrefix(rest, "&gt;")):
			b.WriteByte('&')
			continue
		}
		if i < inside && s[i] != '&' {
			b.WriteByte(s[i])
			continue
		}
		escapeByte(&b, s[i])
	}
	return b.String()
}

// escaped cuts raw text to limit and escapes it.
func escaped(s string, limit int) string {
	return escape(cut(s, limit))
}

// code shows raw text as `code`; a backtick in it would end the span.
func code(s string, limit int) string {
	return "`" + escaped(strings.ReplaceAll(oneLine(s), "`", "'"), limit-2) + "`"
}

// splitMrkdwn cuts mrkdwn so that the first part counts at most limit. It
// never cuts inside <a link>, a mention or an &entity;, and prefers the end of
// a line, then of a word.
func splitMrkdwn(s string, limit int) (first, rest string) {
	if within(s, limit) {
		return s, ""
	}
	end, line, space, used := 0, 0, 0, 0
	for i := 0; i < len(s); {
		n := tokenLen(s[i:])
		token := s[i : i+n]
		if used+size(token) > limit && end == 0 && n > len("&amp;") {
			// A link that has no room at all is cut after all.
			_, n = utf8.DecodeRuneInString(token)
			token = token[:n]
		}
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
// s: a link, a mention, an entity, a character.
func tokenLen(s string) int {
	_, one := utf8.DecodeRuneInString(s)
	last, limit := byte(0), maxSection
	switch s[0] {
	case '<':
		last = '>'
	case '&':
		last, limit = ';', len("&amp;")
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
	if within(s, limit) {
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
