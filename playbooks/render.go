package playbooks

import (
	"bytes"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// Section returns the Markdown under the heading `## name`, without the
// heading; letter case is ignored. "" when there is no such section.
func (p Playbook) Section(name string) string {
	return joinLines(sectionLines(splitLines(p.Body), name))
}

// Summary says in plain text, on one line, what the failure means: the first
// paragraph of Impact, else of the body, else the title.
func (p Playbook) Summary() string {
	written := p.unanswered()
	for _, md := range []string{joinLines(sectionLines(splitLines(written), Impact)), written} {
		if s := firstParagraph(md); s != "" {
			return s
		}
	}
	return p.Title
}

// HTML renders the body. Raw HTML in it is dropped and links that would run a
// script are emptied, so that it is safe to show to anybody. Links to other
// playbooks become relative to the page /playbooks/{id}.
func (p Playbook) HTML() template.HTML {
	return HTML(p.Body, parser.WithASTTransformers(util.Prioritized(siblingLinks{}, 100)))
}

// HTML renders Markdown as that of a playbook, and as safely.
func HTML(markdown string, options ...parser.Option) template.HTML {
	var out bytes.Buffer
	if err := newMarkdown(options...).Convert([]byte(markdown), &out); err != nil {
		// Writing to a buffer cannot fail; should a renderer still do, show the text itself.
		return template.HTML("<pre>" + template.HTMLEscapeString(markdown) + "</pre>") //nolint:gosec // escaped.
	}
	// Who hears a box must know what it is; its words follow it. Text cannot look like one: its quotes are escaped.
	boxes := strings.ReplaceAll(out.String(), `disabled="" type="checkbox">`, `disabled="" type="checkbox" aria-label="step">`)
	return template.HTML(boxes) //nolint:gosec // goldmark without WithUnsafe escapes text and drops raw HTML.
}

// newMarkdown is GitHub's Markdown without raw HTML. It is built for each use:
// goldmark sets itself up lazily, which costs microseconds.
func newMarkdown(options ...parser.Option) goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify, extension.TaskList),
		goldmark.WithParserOptions(append(options, parser.WithAutoHeadingID())...),
	)
}

// siblingLinks points links to other playbooks' files at their pages.
type siblingLinks struct{}

var _ parser.ASTTransformer = siblingLinks{}

// Transform rewrites `other.md#part` to `other#part`.
func (siblingLinks) Transform(doc *ast.Document, _ text.Reader, _ parser.Context) {
	// The walker returns no error of its own and ours is always nil.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if l, ok := n.(*ast.Link); ok && entering {
			if id, anchor, ok := siblingLink(string(l.Destination)); ok {
				l.Destination = []byte(id + anchor)
			}
		}
		return ast.WalkContinue, nil
	})
}

// firstParagraph returns the text of the first top-level paragraph, with its
// markup removed and on one line.
func firstParagraph(md string) string {
	source := []byte(md)
	doc := newMarkdown().Parser().Parse(text.NewReader(source))
	for n := doc.FirstChild(); n != nil; n = n.NextSibling() {
		if n.Kind() != ast.KindParagraph {
			continue
		}
		if s := plainText(n, source); s != "" {
			return s
		}
	}
	return ""
}

// plainText collects the words under a node.
func plainText(n ast.Node, source []byte) string {
	var b strings.Builder
	_ = ast.Walk(n, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Text:
			b.Write(n.Segment.Value(source))
			if n.SoftLineBreak() || n.HardLineBreak() {
				b.WriteByte(' ')
			}
		case *ast.String:
			b.Write(n.Value)
		case *ast.AutoLink:
			b.Write(n.Label(source))
		case *ast.RawHTML:
			return ast.WalkSkipChildren, nil
		}
		return ast.WalkContinue, nil
	})
	return strings.Join(strings.Fields(b.String()), " ")
}
