package postmortem

import (
	"strings"
	"unicode"
)

// apart keeps a sign from what follows it without being seen: U+2060, word joiner.
const apart = "\u2060"

// escape takes the meaning from what Markdown would read as markup, line breaks and
// what cannot be seen with it. Nobody is mentioned and no issue linked where the text
// is pasted: @sam and #12 look as they did and are neither.
func escape(s string) string {
	s = visible(s)
	var b strings.Builder
	before := ' '
	for i, c := range s {
		rest := s[i+len(string(c)):]
		switch c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '@':
			b.WriteRune(c)
			if !inWord(before) {
				b.WriteString(apart)
			}
		case '#':
			b.WriteString(`\#`)
			if !inWord(before) && strings.IndexFunc(rest, unicode.IsDigit) == 0 {
				b.WriteString(apart)
			}
		case '\\', '`', '*', '_', '[', ']', '|', '~', '!', '$':
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
		before = c
	}
	return atStart(b.String())
}

// atStart escapes what means something at the beginning of a line alone: a list, a
// number with a dot, an underline.
func atStart(s string) string {
	if s == "" {
		return s
	}
	if strings.ContainsRune("-+=", rune(s[0])) {
		return `\` + s
	}
	digits := len(s) - len(strings.TrimLeft(s, "0123456789"))
	if digits > 0 && digits < len(s) && (s[digits] == '.' || s[digits] == ')') && (digits+1 == len(s) || s[digits+1] == ' ') {
		return s[:digits] + `\` + s[digits:]
	}
	return s
}

func inWord(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) || r == '_' }

// visible makes one line of what can be seen.
func visible(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsGraphic(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(s, "�"))
	return strings.Join(strings.Fields(s), " ")
}

// code is a text as it was typed: what is in it means nothing, so it needs no escape.
func code(s string) string {
	s = strings.ReplaceAll(visible(s), "`", "'")
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

// prose escapes a text but for the code in it, which stays code.
func prose(s string) string {
	parts := strings.Split(visible(s), "`")
	if len(parts)%2 == 0 {
		return escape(s) // a backtick too many: none of it is code
	}
	var b strings.Builder
	for i, part := range parts {
		switch {
		case i%2 == 1 && strings.TrimSpace(part) != "":
			b.WriteString(code(part))
			continue
		case i%2 == 1:
			continue
		}
		// escape trims what parts words from code.
		inner := strings.TrimSpace(part)
		if inner == "" {
			b.WriteString(part)
			continue
		}
		lead := part[:len(part)-len(strings.TrimLeft(part, " "))]
		tail := part[len(strings.TrimRight(part, " ")):]
		b.WriteString(lead + escape(inner) + tail)
	}
	return b.String()
}

// target is an address for a link; "" if it is none that a browser opens.
func target(url string) string {
	url = visible(url)
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return ""
	}
	return strings.NewReplacer(" ", "%20", "<", "%3C", ">", "%3E", "(", "%28", ")", "%29", `\`, "%5C", "|", "%7C", "`", "%60").Replace(url)
}

// link is a text that leads somewhere, or the text alone.
func link(text, url string) string {
	if url = target(url); url == "" {
		return escape(text)
	}
	return "[" + escape(text) + "](" + url + ")"
}
