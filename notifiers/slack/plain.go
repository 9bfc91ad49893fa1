package slack

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
)

// inPlain writes a message as plain text, one block after the other, for terminals
// and for files that people compare.
func inPlain(text string, blocks []byte) string {
	var b strings.Builder
	fmt.Fprintf(&b, "[lock screen] %s\n", strings.ReplaceAll(text, "\n", "\n              "))
	var list []plainBlock
	if len(blocks) > 0 {
		if err := json.Unmarshal(blocks, &list); err != nil {
			return b.String() + err.Error() + "\n"
		}
	}
	for i := range list {
		b.WriteString("\n")
		list[i].write(&b)
	}
	return b.String()
}

// plainBlock is what is read of a block. Text is an object, or a string in a
// markdown block.
type plainBlock struct {
	Type     string
	Text     json.RawMessage
	ImageURL string `json:"image_url"`
	AltText  string `json:"alt_text"`
	File     struct {
		ID string
	} `json:"slack_file"`
	Fields   []struct{ Text string }
	Elements []struct {
		Text json.RawMessage
		URL  string
	}
	Accessory struct{ Text json.RawMessage }
}

func (p *plainBlock) write(b *strings.Builder) {
	switch p.Type {
	case "header":
		fmt.Fprintf(b, "# %s\n", textOf(p.Text))
	case "actions":
		for _, e := range p.Elements {
			b.WriteString("[" + textOf(e.Text) + "]")
			if e.URL != "" {
				b.WriteString("(" + e.URL + ")")
			}
			b.WriteString(" ")
		}
		b.WriteString("\n")
	case "context":
		for _, e := range p.Elements {
			fmt.Fprintf(b, "%s ", textOf(e.Text))
		}
		b.WriteString("\n")
	case "image":
		fmt.Fprintf(b, "(image %s: %s)\n", cmp.Or(p.ImageURL, p.File.ID), p.AltText)
	default:
		if len(p.Text) > 0 {
			b.WriteString(textOf(p.Text))
			if label := textOf(p.Accessory.Text); label != "" {
				b.WriteString("  [" + label + "]")
			}
			b.WriteString("\n")
		}
		for _, f := range p.Fields {
			b.WriteString(f.Text + "\n")
		}
	}
}

// textOf is the text of a text object, or of a markdown block.
func textOf(raw json.RawMessage) string {
	var object struct{ Text string }
	if json.Unmarshal(raw, &object) == nil {
		return object.Text
	}
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}
