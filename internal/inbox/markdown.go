package inbox

import (
	"bytes"
	"html"
	"html/template"
	"strings"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	"github.com/yuin/goldmark/parser"
	goldhtml "github.com/yuin/goldmark/renderer/html"
	"github.com/yuin/goldmark/text"
	"github.com/yuin/goldmark/util"
)

// newMarkdown renders the Markdown of markdown blocks: GitHub's, without HTML.
func newMarkdown() goldmark.Markdown {
	return goldmark.New(
		goldmark.WithExtensions(extension.Linkify, extension.Strikethrough, extension.TaskList,
			// The page's security policy allows no style attributes.
			extension.NewTable(extension.WithTableCellAlignMethod(extension.TableCellAlignAttribute))),
		goldmark.WithParserOptions(parser.WithASTTransformers(util.Prioritized(tamer{}, 100))),
		goldmark.WithRendererOptions(goldhtml.WithHardWraps()),
	)
}

// document renders the text of a markdown block.
func (r renderer) document(s string) template.HTML {
	var out bytes.Buffer
	if err := r.markdown.Convert([]byte(clean(s)), &out); err != nil {
		return template.HTML(escapeLine(s))
	}
	// Who hears a box must know what it is; its words follow it. Text cannot look like one: its quotes are escaped.
	return template.HTML(strings.ReplaceAll(out.String(), `disabled="" type="checkbox">`, `disabled="" type="checkbox" aria-label="step">`))
}

// tamer makes a document fit into a chat: its headings stand below those of the page, pictures are links as they are on
// Slack, HTML is shown as it is written, and links that could do harm are only text.
type tamer struct{}

var _ parser.ASTTransformer = tamer{}

// Transform implements parser.ASTTransformer.
func (tamer) Transform(doc *ast.Document, reader text.Reader, _ parser.Context) {
	source := reader.Source()
	var replace []ast.Node
	// The walker below returns no error.
	_ = ast.Walk(doc, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if !entering {
			return ast.WalkContinue, nil
		}
		switch n := n.(type) {
		case *ast.Heading:
			n.Level = min(n.Level+2, 6)
		case *ast.Link:
			n.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
			n.SetAttributeString("target", []byte("_blank"))
			if !isSafeURL(string(n.Destination)) {
				replace = append(replace, n)
			}
		case *ast.AutoLink:
			n.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
			n.SetAttributeString("target", []byte("_blank"))
			if n.AutoLinkType == ast.AutoLinkURL && !isSafeURL(string(n.URL(source))) {
				replace = append(replace, n)
			}
		case *ast.Image, *ast.RawHTML, *ast.HTMLBlock:
			replace = append(replace, n)
		}
		return ast.WalkContinue, nil
	})
	for _, n := range replace {
		if parent := n.Parent(); parent != nil {
			parent.ReplaceChild(parent, n, tamed(n, source))
		}
	}
}

// tamed returns what stands in a node's place.
func tamed(n ast.Node, source []byte) ast.Node {
	switch n := n.(type) {
	case *ast.Image:
		if isSafeURL(string(n.Destination)) {
			instead := ast.NewLink()
			instead.Destination = n.Destination
			instead.SetAttributeString("rel", []byte("noopener noreferrer nofollow"))
			instead.SetAttributeString("target", []byte("_blank"))
			moveChildren(n, instead)
			return instead
		}
	case *ast.AutoLink:
		return literal(n.Label(source))
	case *ast.RawHTML:
		return literal(n.Segments.Value(source))
	case *ast.HTMLBlock:
		paragraph := ast.NewParagraph()
		said := n.Lines().Value(source)
		if n.HasClosure() {
			said = append(bytes.Clone(said), n.ClosureLine.Value(source)...)
		}
		paragraph.AppendChild(paragraph, literal(bytes.TrimSpace(said)))
		return paragraph
	}
	instead := ast.NewTextBlock()
	moveChildren(n, instead)
	return instead
}

func literal(said []byte) ast.Node {
	s := ast.NewString([]byte(html.EscapeString(string(said))))
	s.SetCode(true) // It is escaped already.
	return s
}

func moveChildren(from, to ast.Node) {
	for child := from.FirstChild(); child != nil; {
		next := child.NextSibling()
		to.AppendChild(to, child)
		child = next
	}
}
