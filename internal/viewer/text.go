package viewer

import (
	"bytes"
	"html/template"
	"strings"
	"sync"

	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/extension"
)

// newMarkdown returns what renders Markdown. HTML in it is left out, and so are links that
// run scripts.
var newMarkdown = sync.OnceValue(func() goldmark.Markdown {
	return goldmark.New(goldmark.WithExtensions(extension.Table, extension.Strikethrough, extension.Linkify))
})

// markdown renders a text.
func markdown(source string) template.HTML {
	if strings.TrimSpace(source) == "" {
		return ""
	}
	var out bytes.Buffer
	if err := newMarkdown().Convert([]byte(source), &out); err != nil {
		return template.HTML("<p>" + template.HTMLEscapeString(source) + "</p>") //nolint:gosec // escaped
	}
	return template.HTML(out.String()) //nolint:gosec // goldmark leaves out raw HTML
}

// text shows words.
func (j *job) text() {
	content := orElse(j.json.Options.Content, j.json.Content)
	content = j.scope.words(content)
	switch orElse(j.json.Options.Mode, j.json.Mode) {
	case "code":
		if strings.TrimSpace(content) != "" {
			j.panel.Text = template.HTML("<pre><code>" + template.HTMLEscapeString(content) + "</code></pre>") //nolint:gosec // escaped
		}
	case "html":
		j.note("This text is HTML, of which the tags are left out here.")
		fallthrough
	default:
		j.panel.Text = markdown(content)
	}
}
