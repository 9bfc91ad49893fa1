package slack

import (
	"strconv"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/text"
)

// mrkdwn rewrites a piece of Markdown in Slack's own notation, escaped.
// Headings become bold, lists get their bullets, tables stay as they are typed.
func mrkdwn(markdown string) string {
	source := []byte(clean(markdown))
	doc := goldmark.New(goldmark.WithExtensions(extension.Strikethrough, extension.Linkify)).
		Parser().Parse(text.NewReader(source))
	w := mrkdwnWriter{source: source}
	w.blocks(doc, "")
	return strings.TrimSpace(w.out.String())
}

// mrkdwnWriter walks a Markdown document. The zero value with a source is ready.
type mrkdwnWriter struct {
	source []byte
	out    strings.Builder
}

func (w *mrkdwnWriter) blocks(parent ast.Node, indent string) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		w.block(n, indent)
	}
}

func (w *mrkdwnWriter) block(n ast.Node, indent string) {
	switch n := n.(type) {
	case *ast.Heading:
		w.out.WriteString(indent + "*")
		w.inline(n)
		w.out.WriteString("*\n")
	case *ast.List:
		w.list(n, indent)
	case *ast.FencedCodeBlock, *ast.CodeBlock:
		w.out.WriteString("```\n" + escape(strings.ReplaceAll(w.lines(n), "```", "'''")) + "```\n")
	case *ast.HTMLBlock:
		w.out.WriteString(escape(w.lines(n)))
	case *ast.Blockquote:
		w.blocks(n, indent+">")
	case *ast.ThematicBreak:
	default:
		w.out.WriteString(indent)
		w.inline(n)
		w.out.WriteString("\n")
	}
}

func (w *mrkdwnWriter) list(list *ast.List, indent string) {
	number := list.Start
	for item := list.FirstChild(); item != nil; item = item.NextSibling() {
		bullet := "• "
		if list.IsOrdered() {
			bullet = strconv.Itoa(number) + ". "
			number++
		}
		for i, n := 0, item.FirstChild(); n != nil; i, n = i+1, n.NextSibling() {
			if i == 0 {
				w.block(n, indent+bullet)
				continue
			}
			w.block(n, indent+"   ")
		}
	}
}

func (w *mrkdwnWriter) lines(n ast.Node) string {
	var b strings.Builder
	for i := range n.Lines().Len() {
		segment := n.Lines().At(i)
		b.Write(segment.Value(w.source))
	}
	if s := b.String(); s != "" && !strings.HasSuffix(s, "\n") {
		b.WriteByte('\n')
	}
	return b.String()
}

func (w *mrkdwnWriter) inline(parent ast.Node) {
	for n := parent.FirstChild(); n != nil; n = n.NextSibling() {
		w.span(n)
	}
}

func (w *mrkdwnWriter) span(n ast.Node) {
	switch n := n.(type) {
	case *ast.Text:
		w.out.WriteString(escape(string(n.Segment.Value(w.source))))
		if n.HardLineBreak() {
			w.out.WriteByte('\n')
		} else if n.SoftLineBreak() {
			w.out.WriteByte(' ')
		}
	case *ast.String:
		w.out.WriteString(escape(string(n.Value)))
	case *ast.CodeSpan:
		w.wrap(n, "`")
	case *ast.Emphasis:
		if n.Level == 1 {
			w.wrap(n, "_")
		} else {
			w.wrap(n, "*")
		}
	case *ast.Link:
		w.out.WriteString(link(string(n.Destination), w.sub(n)))
	case *ast.AutoLink:
		w.out.WriteString(link(string(n.URL(w.source)), escape(string(n.Label(w.source)))))
	case *ast.RawHTML:
		for i := range n.Segments.Len() {
			segment := n.Segments.At(i)
			w.out.WriteString(escape(string(segment.Value(w.source))))
		}
	default:
		if n.Kind().String() == "Strikethrough" {
			w.wrap(n, "~")
			return
		}
		w.inline(n)
	}
}

func (w *mrkdwnWriter) wrap(n ast.Node, mark string) {
	if inner := w.sub(n); strings.TrimSpace(inner) != "" {
		w.out.WriteString(mark + inner + mark)
	}
}

// sub writes the children of a node apart.
func (w *mrkdwnWriter) sub(n ast.Node) string {
	inner := mrkdwnWriter{source: w.source}
	inner.inline(n)
	return inner.out.String()
}

// splitMarkdown cuts Markdown into pieces that count at most limit each. It
// cuts between paragraphs where it can, else between lines, else anywhere; a
// code block that had to be cut is closed and opened again.
func splitMarkdown(s string, limit int) []string {
	const fence = "```"
	var pieces []string
	room := limit - 2*len(fence) - 2
	for rawSize(s) > limit {
		end := cutPoint(s, room)
		piece := s[:end]
		s = strings.TrimLeft(s[end:], "\n")
		if strings.Count(piece, fence)%2 == 1 {
			piece = strings.TrimRight(piece, "\n") + "\n" + fence
			s = fence + "\n" + s
		}
		if strings.TrimSpace(piece) != "" {
			pieces = append(pieces, piece)
		}
	}
	if strings.TrimSpace(s) != "" {
		pieces = append(pieces, s)
	}
	return pieces
}

// cutPoint is where a piece of s that counts at most room ends best.
func cutPoint(s string, room int) int {
	end, line, paragraph, fenced := 0, 0, 0, false
	for i, r := range s {
		if room -= runeSize(r); room < 0 {
			break
		}
		end = i + len(string(r))
		if strings.HasPrefix(s[i:], "```") && (i == 0 || s[i-1] == '\n') {
			fenced = !fenced
		}
		if r != '\n' {
			continue
		}
		if !fenced && strings.HasPrefix(s[end:], "\n") {
			paragraph = end
		}
		line = end
	}
	switch {
	case paragraph > end/2:
		return paragraph
	case line > end/2:
		return line
	}
	return end
}
