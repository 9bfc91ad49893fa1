package inbox

import (
	"html"
	"html/template"
	"strconv"
	"strings"
)

// maxDepth is how deep rich text may be nested to be shown; Slack's own goes three deep.
const maxDepth = 8

// richText renders a rich_text block, or a table's cell of that kind.
func (r renderer) richText(block object) template.HTML {
	var out strings.Builder
	for _, item := range items(block, "elements") {
		element, _ := item.(object)
		r.richElement(&out, element, maxDepth)
	}
	return template.HTML(out.String())
}

func (r renderer) richElement(out *strings.Builder, element object, depth int) {
	if depth == 0 {
		return
	}
	switch str(element, "type") {
	case "rich_text_section":
		out.WriteString("<p>")
		r.richLine(out, element)
		out.WriteString("</p>")
	case "rich_text_quote":
		out.WriteString("<blockquote>")
		r.richLine(out, element)
		out.WriteString("</blockquote>")
	case "rich_text_preformatted":
		out.WriteString("<pre><code>")
		for _, item := range items(element, "elements") {
			piece, _ := item.(object)
			said := str(piece, "text")
			if said == "" {
				said = str(piece, "url")
			}
			out.WriteString(html.EscapeString(clean(said)))
		}
		out.WriteString("</code></pre>")
	case "rich_text_list":
		begin, end := `<ul class="indent`+strconv.Itoa(min(max(integer(element, "indent"), 0), 8))+`">`, "</ul>"
		if str(element, "style") == "ordered" {
			begin, end = `<ol`+begin[len("<ul"):len(begin)-1]+` start="`+strconv.Itoa(max(integer(element, "offset"), 0)+1)+`">`, "</ol>"
		}
		out.WriteString(begin)
		for _, item := range items(element, "elements") {
			inner, _ := item.(object)
			out.WriteString("<li>")
			if str(inner, "type") == "rich_text_section" {
				r.richLine(out, inner)
			} else {
				r.richElement(out, inner, depth-1)
			}
			out.WriteString("</li>")
		}
		out.WriteString(end)
	}
}

func (r renderer) richLine(out *strings.Builder, section object) {
	for _, item := range items(section, "elements") {
		if piece, ok := item.(object); ok {
			style, _ := piece["style"].(object)
			out.WriteString(styled(r.richPiece(piece), style))
		}
	}
}

func styled(text string, style object) string {
	for _, s := range []struct{ name, tag string }{
		{"code", "code"}, {"bold", "strong"}, {"italic", "em"}, {"strike", "s"}, {"underline", "u"}, {"highlight", "mark"},
	} {
		if on, _ := style[s.name].(bool); on {
			text = "<" + s.tag + ">" + text + "</" + s.tag + ">"
		}
	}
	return text
}

// richPiece renders what stands in a line: text, a link, a mention, an emoji.
func (r renderer) richPiece(piece object) string {
	said := escapeLine(clean(str(piece, "text")))
	switch str(piece, "type") {
	case "text", "tag":
		return said
	case "link":
		return link(str(piece, "url"), said)
	case "emoji":
		name := str(piece, "name")
		if glyph, n := r.emojiAt(":" + name + ":"); n > 0 {
			return glyph
		}
		return html.EscapeString(":" + name + ":")
	case "user":
		return r.mark("@"+str(piece, "user_id"), "")
	case "usergroup":
		return r.mark("!subteam^"+str(piece, "usergroup_id"), "")
	case "channel":
		return r.mark("#"+str(piece, "channel_id"), "")
	case "broadcast":
		return r.mark("!"+str(piece, "range"), "")
	case "date":
		return r.date("!date^"+str(piece, "timestamp")+"^"+str(piece, "format"), html.EscapeString(str(piece, "fallback")))
	case "color":
		return "<code>" + html.EscapeString(str(piece, "value")) + "</code>"
	}
	return said
}
