package inbox

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html"
	"html/template"
	"net/url"
	"strconv"
	"strings"
)

// The states of an incident, as the header of its message says them; see stateOf.
const (
	noState      state = ""
	firing       state = "firing"
	acknowledged state = "acknowledged"
	resolved     state = "resolved"
	blind        state = "blind"
)

// stateOf reads the emoji that a page's header begins with.
func stateOf(blocks string) state {
	list, err := decodeList(blocks)
	if err != nil {
		return noState
	}
	for _, item := range list {
		block, _ := item.(object)
		if block["type"] != "header" {
			continue
		}
		text, _ := block["text"].(object)
		said, _ := text["text"].(string)
		for mark, s := range map[string]state{
			"🔴": firing, ":red_circle:": firing, "🟡": acknowledged, ":large_yellow_circle:": acknowledged,
			"✅": resolved, ":white_check_mark:": resolved, "❄": blind, ":snowflake:": blind,
		} {
			if strings.HasPrefix(strings.TrimSpace(said), mark) {
				return s
			}
		}
		return noState
	}
	return noState
}

// blockView is a block as the page's template wants it. Kind chooses the part of the template.
type blockView struct {
	Kind      string
	Text      template.HTML
	Fields    []template.HTML
	Elements  []elementView
	Accessory *elementView
	Image     *imageView
	Rows      [][]template.HTML
	Input     *inputView
}

// elementView is something beside or in a block: a button, an image, a piece of text, something to fill in.
type elementView struct {
	Kind  string // button, link, image, text, select, choices, field, area, overflow, other
	Text  template.HTML
	URL   template.URL
	Style string // primary or danger
	Image *imageView

	ID, Name, Value   string
	Use               string // says to the inbox that it was used; empty: it cannot be
	Acts              bool   // the app is told as soon as something is chosen
	Label, Legend     string // for screen readers, when there is no other
	Placeholder       string
	Type, Mode        string // of an input: text, date …; its keyboard
	Multiple          bool
	Required, Invalid bool
	Hinted            bool // a hint or an error belongs to it
	Groups            []groupView
	Confirm           *confirmView
}

// imageView is a picture; URL is empty when its address is not one of the web.
type imageView struct {
	URL   template.URL
	Alt   string
	Title template.HTML
}

// attachmentView is a legacy attachment.
type attachmentView struct {
	Color             string
	Pretext, Text     template.HTML
	Title             template.HTML
	Footer            template.HTML
	Fields            []fieldView
	Blocks            []blockView
	Image             *imageView
	Author, Fallback  template.HTML
	ShowFallbackAlone bool
}

type fieldView struct{ Title, Value template.HTML }

// blocks renders a JSON array of blocks. What it does not understand it names.
func (r renderer) blocks(raw string) []blockView {
	list, err := decodeList(raw)
	if err != nil {
		return nil
	}
	return r.blockList(list)
}

func (r renderer) blockList(list []any) []blockView {
	views := make([]blockView, 0, len(list))
	for _, item := range list {
		if block, ok := item.(object); ok {
			views = append(views, r.block(block))
		}
	}
	return views
}

func (r renderer) block(block object) blockView {
	kind := str(block, "type")
	v := blockView{Kind: kind}
	switch kind {
	case "header":
		v.Text = r.text(block["text"])
	case "section":
		v.Text = r.text(block["text"])
		for _, field := range items(block, "fields") {
			v.Fields = append(v.Fields, r.text(field))
		}
		if accessory, ok := block["accessory"].(object); ok {
			e := r.element(block, accessory)
			v.Accessory = &e
		}
	case "context", "actions", "context_actions":
		v.Kind = strings.TrimPrefix(kind, "context_")
		for _, item := range items(block, "elements") {
			element, _ := item.(object)
			v.Elements = append(v.Elements, r.element(block, element))
		}
	case "input":
		v.Input = r.input(block)
	case "divider":
	case "image":
		v.Image = r.image(block)
	case "markdown":
		v.Text = r.document(str(block, "text"))
	case "rich_text":
		v.Text = r.richText(block)
	case "table":
		for _, row := range items(block, "rows") {
			cells, _ := row.([]any)
			v.Rows = append(v.Rows, r.cells(cells))
		}
	default:
		v.Kind, v.Text = "other", template.HTML(html.EscapeString("a block of type "+kind))
	}
	return v
}

func (r renderer) cells(cells []any) []template.HTML {
	var row []template.HTML
	for _, item := range cells {
		cell, _ := item.(object)
		switch {
		case cell["elements"] != nil:
			row = append(row, r.richText(cell))
		case cell["text"] != nil:
			row = append(row, r.plain(str(cell, "text")))
		case cell["value"] != nil:
			row = append(row, template.HTML(html.EscapeString(fmt.Sprint(cell["value"]))))
		default:
			row = append(row, "")
		}
	}
	return row
}

// text renders a text object.
func (r renderer) text(item any) template.HTML {
	text, _ := item.(object)
	content := str(text, "text")
	if text["type"] == "mrkdwn" {
		return r.mrkdwn(content)
	}
	if emoji, said := text["emoji"].(bool); said && !emoji {
		return template.HTML(escapeLine(unescape(clean(content))))
	}
	return r.plain(content)
}

func (r renderer) element(block, element object) elementView {
	p := part{key: partKey{str(block, "block_id"), str(element, "action_id")}, element: element}
	switch p.kind() {
	case "plain_text", "mrkdwn":
		return elementView{Kind: "text", Text: r.text(element)}
	case "image":
		return elementView{Kind: "image", Image: r.image(element)}
	case "button", "workflow_button":
		return r.button(p)
	default:
		return r.control(p)
	}
}

func (r renderer) image(block object) *imageView {
	v := &imageView{Alt: str(block, "alt_text")}
	if title, ok := block["title"]; ok {
		v.Title = r.text(title)
	}
	if hosted, ok := block["slack_file"].(object); ok {
		id := cmp.Or(str(hosted, "id"), fileIDOf(str(hosted, "url")))
		v.URL = template.URL("/inbox/files/" + url.PathEscape(id) + "/image")
	}
	if address := str(block, "image_url"); isSafeURL(address) && strings.HasPrefix(strings.ToLower(address), "http") {
		v.URL = template.URL(address)
	}
	return v
}

// attachments renders the legacy attachments.
func (r renderer) attachments(raw string) []attachmentView {
	list, err := decodeList(raw)
	if err != nil {
		return nil
	}
	var views []attachmentView
	for _, item := range list {
		a, ok := item.(object)
		if !ok {
			continue
		}
		v := attachmentView{
			Color: attachmentColor(str(a, "color")), Pretext: r.mrkdwn(str(a, "pretext")), Text: r.mrkdwn(str(a, "text")),
			Author: r.plain(str(a, "author_name")), Footer: r.plain(str(a, "footer")), Fallback: r.plain(str(a, "fallback")),
			Title: r.plain(str(a, "title")), Blocks: r.blockList(items(a, "blocks")),
		}
		if address := str(a, "title_link"); address != "" && v.Title != "" {
			v.Title = template.HTML(link(address, string(v.Title)))
		}
		if address := str(a, "image_url"); address != "" {
			v.Image = r.image(object{"image_url": address, "alt_text": str(a, "fallback")})
		}
		for _, item := range items(a, "fields") {
			field, _ := item.(object)
			v.Fields = append(v.Fields, fieldView{Title: r.plain(str(field, "title")), Value: r.mrkdwn(str(field, "value"))})
		}
		v.ShowFallbackAlone = v.Pretext == "" && v.Text == "" && v.Title == "" && len(v.Fields) == 0 && len(v.Blocks) == 0
		views = append(views, v)
	}
	return views
}

// attachmentColor is a name that the style sheet has a color for.
func attachmentColor(s string) string {
	switch strings.ToLower(strings.TrimPrefix(s, "#")) {
	case "good", "2eb886", "2eb67d", "36a64f":
		return "good"
	case "warning", "daa038", "ecb22e":
		return "warning"
	case "danger", "a30200", "e01e5a":
		return "danger"
	}
	return "plain"
}

func str(o object, key string) string {
	switch v := o[key].(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	}
	return ""
}

func items(o object, key string) []any {
	list, _ := o[key].([]any)
	return list
}

func integer(o object, key string) int {
	n, err := strconv.Atoi(str(o, key))
	if err != nil {
		return 0
	}
	return n
}
