package inbox

import (
	_ "embed" // for the emoji
	"fmt"
	"html"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/yuin/goldmark"
)

//go:embed emoji.txt
var emojiFile string

// renderer turns what people and programs write into HTML that is safe whatever they wrote.
type renderer struct {
	emoji    map[string]string // glyph by name
	markdown goldmark.Markdown
	channels map[string]string // name by ID, for <#C…>
	people   directory         // for <@U…> and <!subteam^S…>
	location *time.Location
	controls *controls // of the message or view that is rendered; nil: nothing in it can be used
}

// readEmoji reads lines of name and glyph.
func readEmoji(file string) (map[string]string, error) {
	emoji := map[string]string{}
	line := 0
	for text := range strings.Lines(file) {
		line++
		text = strings.TrimSpace(text)
		if text == "" || strings.HasPrefix(text, "#") {
			continue
		}
		name, glyph, ok := strings.Cut(text, " ")
		if _, twice := emoji[name]; !ok || twice {
			return nil, fmt.Errorf("emoji.txt:%d: %q is not a new name and a glyph", line, text)
		}
		emoji[name] = strings.TrimSpace(glyph)
	}
	return emoji, nil
}

const fence = "```"

// mrkdwn renders Slack's own markup: https://docs.slack.dev/messaging/formatting-message-text.
func (r renderer) mrkdwn(s string) template.HTML {
	var out strings.Builder
	s = clean(s)
	for s != "" {
		start := strings.Index(s, fence)
		length := -1
		if start >= 0 {
			length = strings.Index(s[start+len(fence):], fence)
		}
		if length <= 0 {
			r.lines(&out, s)
			break
		}
		r.lines(&out, strings.TrimSuffix(s[:start], "\n"))
		code := s[start+len(fence) : start+len(fence)+length]
		out.WriteString("<pre><code>" + html.EscapeString(unescape(strings.TrimPrefix(code, "\n"))) + "</code></pre>")
		s = strings.TrimPrefix(s[start+len(fence)+length+len(fence):], "\n")
	}
	return template.HTML(out.String())
}

// plain renders text without any markup but emoji.
func (r renderer) plain(s string) template.HTML {
	var out strings.Builder
	s = unescape(clean(s))
	for i := 0; i < len(s); {
		if s[i] == ':' {
			if glyph, n := r.emojiAt(s[i:]); n > 0 {
				out.WriteString(glyph)
				i += n
				continue
			}
		}
		_, size := utf8.DecodeRuneInString(s[i:])
		out.WriteString(escapeLine(s[i : i+size]))
		i += size
	}
	return template.HTML(out.String())
}

// clean makes text valid and drops what no one can see.
func clean(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "\uFFFD"), "\r\n", "\n")
	return strings.Map(func(c rune) rune {
		if unicode.IsControl(c) && c != '\n' && c != '\t' {
			return -1
		}
		return c
	}, s)
}

// unescape undoes the three escapes that Slack knows, once.
func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(s)
}

func escapeLine(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>")
}

// lineKind is what a line belongs to.
type lineKind int

const (
	ordinary lineKind = iota
	quoted
	bullet
	numbered
)

// kindOf also returns the line without its mark.
func kindOf(line string) (lineKind, string) {
	for _, mark := range []string{"&gt; ", "&gt;", "> ", ">"} {
		if rest, ok := strings.CutPrefix(line, mark); ok {
			return quoted, rest
		}
	}
	trimmed := strings.TrimLeft(line, " ")
	for _, mark := range []string{"• ", "- ", "◦ "} {
		if rest, ok := strings.CutPrefix(trimmed, mark); ok {
			return bullet, rest
		}
	}
	digits := strings.TrimLeft(trimmed, "0123456789")
	if n := len(trimmed) - len(digits); n > 0 && n < 4 {
		if rest, ok := strings.CutPrefix(digits, ". "); ok {
			return numbered, rest
		}
	}
	return ordinary, line
}

// lines renders text between code blocks: paragraphs, quotes and lists.
func (r renderer) lines(out *strings.Builder, s string) {
	if s == "" {
		return
	}
	all := strings.Split(s, "\n")
	for i := 0; i < len(all); {
		if rest, ok := cutDeepQuote(all[i]); ok { // >>> quotes all that follows.
			all[i] = rest
			out.WriteString("<blockquote>" + r.join(all[i:]) + "</blockquote>")
			return
		}
		kind, _ := kindOf(all[i])
		first := all[i]
		var group []string
		for ; i < len(all); i++ {
			k, rest := kindOf(all[i])
			if _, deep := cutDeepQuote(all[i]); k != kind || deep {
				break
			}
			group = append(group, rest)
		}
		switch kind {
		case quoted:
			out.WriteString("<blockquote>" + r.join(group) + "</blockquote>")
		case bullet:
			r.list(out, "<ul>", "</ul>", group)
		case numbered:
			start, _, _ := strings.Cut(strings.TrimLeft(first, " "), ".")
			r.list(out, `<ol start="`+start+`">`, "</ol>", group)
		default:
			out.WriteString(r.join(group))
			if i < len(all) {
				continue // A quote or a list breaks the line by itself.
			}
		}
	}
}

func cutDeepQuote(line string) (string, bool) {
	if rest, ok := strings.CutPrefix(line, "&gt;&gt;&gt;"); ok {
		return strings.TrimPrefix(rest, " "), true
	}
	rest, ok := strings.CutPrefix(line, ">>>")
	return strings.TrimPrefix(rest, " "), ok
}

func (r renderer) join(lines []string) string {
	rendered := make([]string, len(lines))
	for i, line := range lines {
		rendered[i] = r.inline(line)
	}
	return strings.Join(rendered, "<br>")
}

func (r renderer) list(out *strings.Builder, begin, end string, items []string) {
	out.WriteString(begin)
	for _, item := range items {
		out.WriteString("<li>" + r.inline(item) + "</li>")
	}
	out.WriteString(end)
}

// inline renders one line: styles, code, links, mentions and emoji.
func (r renderer) inline(line string) string {
	var out strings.Builder
	(&inliner{renderer: r, out: &out, missing: map[byte]bool{}}).run(line)
	return out.String()
}

// inliner renders one line, or the inside of a style. A style may hold the other styles but not itself, so it is at
// most three deep; and what was once looked for to the end of the text in vain is not looked for again.
type inliner struct {
	renderer renderer
	out      *strings.Builder
	styles   string        // those it is inside of
	missing  map[byte]bool // marks that have no second one further on
}

func (in *inliner) run(s string) {
	for i := 0; i < len(s); {
		n := 0
		switch ch := s[i]; ch {
		case '`':
			n = in.code(s[i:])
		case '<':
			n = in.control(s[i:])
		case '*', '_', '~':
			n = in.style(s, i)
		case ':':
			var glyph string
			if glyph, n = in.renderer.emojiAt(s[i:]); n > 0 {
				in.out.WriteString(glyph)
			}
		case '&':
			n = in.entity(s[i:])
		case 'h':
			n = in.bareLink(s, i)
		}
		if n == 0 {
			_, n = utf8.DecodeRuneInString(s[i:])
			in.out.WriteString(html.EscapeString(s[i : i+n]))
		}
		i += n
	}
}

// code renders `code` at the start of s and returns its length; 0 is none.
func (in *inliner) code(s string) int {
	if in.missing['`'] {
		return 0
	}
	end := strings.IndexByte(s[1:], '`')
	if end < 0 {
		in.missing['`'] = true
		return 0
	}
	if end == 0 {
		return 0
	}
	in.out.WriteString("<code>" + html.EscapeString(unescape(s[1:1+end])) + "</code>")
	return end + 2
}

func (in *inliner) entity(s string) int {
	for _, e := range []string{"&amp;", "&lt;", "&gt;"} {
		if strings.HasPrefix(s, e) {
			in.out.WriteString(e)
			return len(e)
		}
	}
	return 0
}

func tagOf(mark byte) string {
	switch mark {
	case '*':
		return "strong"
	case '_':
		return "em"
	}
	return "s"
}

// style renders *bold*, _italic_ and ~struck~ text that begins at i and returns its length; 0 is none.
func (in *inliner) style(s string, i int) int {
	mark := s[i]
	if in.missing[mark] || strings.IndexByte(in.styles, mark) >= 0 || !opens(s, i) {
		return 0
	}
	end := closing(s, i)
	if end < 0 {
		in.missing[mark] = true
		return 0
	}
	tag := tagOf(mark)
	in.out.WriteString("<" + tag + ">")
	inner := inliner{renderer: in.renderer, out: in.out, styles: in.styles + string(mark), missing: map[byte]bool{}}
	inner.run(s[i+1 : end])
	in.out.WriteString("</" + tag + ">")
	return end + 1 - i
}

// opens: nothing that belongs to a word stands before the mark, no space after it, and it is not doubled.
func opens(s string, i int) bool {
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	after, _ := utf8.DecodeRuneInString(s[i+1:])
	return i+1 < len(s) && (i == 0 || !isWord(before)) && !unicode.IsSpace(after) && !doubled(s, i)
}

func doubled(s string, i int) bool {
	return i > 0 && s[i-1] == s[i] || i+1 < len(s) && s[i+1] == s[i]
}

// closing returns where the style that begins at i ends: no space before the mark, nothing that belongs to a word after it.
// Marks inside code and links do not count.
func closing(s string, i int) int {
	for j := i + 1; j < len(s); j++ {
		switch s[j] {
		case '`':
			if n := strings.IndexByte(s[j+1:], '`'); n > 0 {
				j += n + 1
			}
		case '<':
			if n := strings.IndexByte(s[j+1:], '>'); n > 0 {
				j += n + 1
			}
		case s[i]:
			before, _ := utf8.DecodeLastRuneInString(s[:j])
			after, _ := utf8.DecodeRuneInString(s[j+1:])
			if !doubled(s, j) && !unicode.IsSpace(before) && (j+1 == len(s) || !isWord(after)) {
				return j
			}
		}
	}
	return -1
}

func isWord(c rune) bool { return unicode.IsLetter(c) || unicode.IsDigit(c) }

// control renders <…> at the start of s and returns its length; 0 is none.
func (in *inliner) control(s string) int {
	if in.missing['>'] {
		return 0
	}
	end := strings.IndexByte(s, '>')
	if end < 0 {
		in.missing['>'] = true
		return 0
	}
	inside := s[1:end]
	if !isControl(inside) || strings.ContainsRune(inside, '<') {
		return 0
	}
	target, label, _ := strings.Cut(inside, "|")
	in.out.WriteString(in.renderer.mark(unescape(target), unescape(label)))
	return end + 1
}

// mark renders a link or a mention. Its label is plain text but for emoji.
func (r renderer) mark(target, label string) string {
	text := string(r.plain(label))
	switch {
	case strings.HasPrefix(target, "@"):
		return mention(text, html.EscapeString("@"+r.people.name(target[1:])))
	case strings.HasPrefix(target, "#"):
		id := target[1:]
		name := r.channels[id]
		if name == "" {
			name = id
		}
		if text == "" {
			text = html.EscapeString(name)
		}
		return `<a class="mention" href="/inbox/` + html.EscapeString(url.PathEscape(id)) + `">#` + text + `</a>`
	case strings.HasPrefix(target, "!date^"):
		return r.date(target, text)
	case strings.HasPrefix(target, "!subteam^"):
		return mention(text, html.EscapeString("@"+r.people.groupName(strings.TrimPrefix(target, "!subteam^"))))
	case strings.HasPrefix(target, "!"):
		name, _, _ := strings.Cut(target[1:], "^")
		return mention("", html.EscapeString("@"+name))
	}
	return link(target, text)
}

func mention(label, name string) string {
	if label == "" {
		label = name
	} else if !strings.HasPrefix(label, "@") {
		label = "@" + label
	}
	return `<span class="mention">` + label + `</span>`
}

// link renders a link to an address whose scheme can do no harm; any other address is text. The label is HTML.
func link(address, label string) string {
	if label == "" {
		label = html.EscapeString(strings.TrimPrefix(address, "mailto:"))
	}
	if !isSafeURL(address) {
		return label
	}
	return `<a href="` + html.EscapeString(address) + `" rel="noopener noreferrer nofollow" target="_blank">` + label + `</a>`
}

// isSafeURL allows absolute addresses of pages, mail and phones.
func isSafeURL(address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	switch strings.ToLower(u.Scheme) {
	case "http", "https":
		return u.Host != ""
	case "mailto", "tel":
		return u.Opaque != ""
	}
	return false
}

// date renders !date^1392734382^{date_num} at {time}^https://… and shows the fallback if it makes no sense.
func (r renderer) date(target, fallback string) string {
	parts := strings.SplitN(target, "^", 4)
	seconds, err := strconv.ParseInt(parts[1], 10, 40)
	if err != nil || len(parts) < 3 || seconds < 0 {
		return fallback
	}
	location := r.location
	if location == nil {
		location = time.UTC
	}
	at := time.Unix(seconds, 0).In(location)
	text := html.EscapeString(strings.NewReplacer(
		"{date_num}", at.Format("2006-01-02"), "{date_slash}", at.Format("02/01/2006"),
		"{date_long}", at.Format("Monday, 2 January 2006"), "{date_long_pretty}", at.Format("Monday, 2 January 2006"),
		"{date}", at.Format("2 January 2006"), "{date_pretty}", at.Format("2 January 2006"),
		"{date_short}", at.Format("2 Jan 2006"), "{date_short_pretty}", at.Format("2 Jan 2006"),
		"{time}", at.Format("15:04"), "{time_secs}", at.Format("15:04:05"), "{ago}", at.Format("2 January 2006 15:04"),
	).Replace(parts[2]))
	text = `<time datetime="` + at.Format(time.RFC3339) + `">` + text + `</time>`
	if len(parts) == 4 {
		return link(parts[3], text)
	}
	return text
}

// bareLink renders a web address that stands alone at i and returns its length; 0 is none.
func (in *inliner) bareLink(s string, i int) int {
	rest := s[i:]
	before, _ := utf8.DecodeLastRuneInString(s[:i])
	if i > 0 && isWord(before) || !strings.HasPrefix(rest, "http://") && !strings.HasPrefix(rest, "https://") {
		return 0
	}
	end := strings.IndexAny(rest, " \t\n<>\"`|")
	if end < 0 {
		end = len(rest)
	}
	// Marks of sentences and styles that follow an address do not belong to it.
	address := strings.TrimRight(rest[:end], ".,;:!?'*_~)]}")
	plain := unescape(address)
	if !isSafeURL(plain) {
		return 0
	}
	in.out.WriteString(link(plain, html.EscapeString(plain)))
	return len(address)
}

// emojiAt returns the glyph for :name: at the start of s, and how long that was; 0 is none.
func (r renderer) emojiAt(s string) (string, int) {
	end := strings.IndexByte(s[1:min(len(s), 64)], ':')
	if end <= 0 {
		return "", 0
	}
	name := s[1 : 1+end]
	glyph, ok := r.emoji[name]
	if !ok {
		return "", 0
	}
	return `<span class="emoji" role="img" aria-label="` + html.EscapeString(strings.ReplaceAll(name, "_", " ")) + `">` + glyph + `</span>`, end + 2
}
