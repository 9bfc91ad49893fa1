package inbox

import (
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// controls are what the elements of one message or view need to be used on the page.
type controls struct {
	prefix  string // of the IDs of its elements
	count   int
	entered map[partKey][]string
	errors  map[string]string
	people  []Person
	// typed is set once there is an input that a person types in.
	typed bool
}

func (c *controls) id() string {
	c.count++
	return c.prefix + "-" + strconv.Itoa(c.count)
}

// optionView is something to choose.
type optionView struct {
	ID, Value   string
	Text, Note  template.HTML
	Plain       string // for <option>, which holds no markup
	Chosen      bool
	Use         string // of an overflow menu
	Destination template.URL
}

// groupView is a group of options; one without a label holds those that are in no group.
type groupView struct {
	Label   string
	Options []optionView
}

// confirmView is the question before an element does anything.
type confirmView struct {
	ID, Title, Yes, No, Style string
	Text                      template.HTML
	Use                       string
}

// inputView is an input block.
type inputView struct {
	ID, Label, Hint string
	Optional        bool
	Error           string
	Element         elementView
}

// useOf names an element, and what is chosen with it, in one form value.
func useOf(key partKey, value string) string {
	return url.Values{"block": {key.block}, "action": {key.action}, "value": {value}}.Encode()
}

// readUse is the inverse of useOf.
func readUse(s string) (partKey, string, bool) {
	values, err := url.ParseQuery(s)
	key := partKey{block: values.Get("block"), action: values.Get("action")}
	return key, values.Get("value"), err == nil && key.action != ""
}

// fieldPrefix begins the names of fields that hold what was entered.
const fieldPrefix = "in?"

func fieldName(key partKey) string {
	return fieldPrefix + url.Values{"block": {key.block}, "action": {key.action}}.Encode()
}

// enteredIn reads from a form what was entered in the fields of these parts.
func enteredIn(form url.Values, parts []part) map[partKey][]string {
	entered := map[partKey][]string{}
	for _, p := range parts {
		if values, has := form[fieldName(p.key)]; has && p.holds() {
			entered[p.key] = slices.DeleteFunc(slices.Clone(values), func(s string) bool { return s == "" })
		}
	}
	return entered
}

// control draws an element that a person uses. Without controls, as in a preview, it cannot be used.
func (r renderer) control(p part) elementView {
	v := elementView{Kind: "other", Text: r.text(p.element["placeholder"])}
	if v.Text == "" {
		v.Text = template.HTML(strings.ReplaceAll(template.HTMLEscapeString(p.kind()), "_", " "))
	}
	c := r.controls
	if c == nil {
		return v
	}
	v.ID, v.Name, v.Use = c.id(), fieldName(p.key), useOf(p.key, "")
	v.Label = plainText(p.element["placeholder"])
	v.Acts = p.acts()
	v.Confirm = r.confirm(p)
	values, has := c.entered[p.key]
	if !has {
		values = p.initial()
	}
	if len(values) > 0 {
		v.Value = values[0]
	}
	switch kind := p.kind(); kind {
	case "plain_text_input", "number_input", "email_text_input", "url_text_input":
		c.typed = true
		v.Kind, v.Type = "field", "text"
		if multiline, _ := p.element["multiline"].(bool); multiline {
			v.Kind = "area"
		}
		if kind == "number_input" {
			v.Mode = "numeric"
			if decimals, _ := p.element["is_decimal_allowed"].(bool); decimals {
				v.Mode = "decimal"
			}
		}
	case "datepicker":
		v.Kind, v.Type = "field", "date"
	case "timepicker":
		v.Kind, v.Type = "field", "time"
	case "static_select", "multi_static_select":
		v.Kind, v.Multiple = "select", kind == "multi_static_select"
		v.Groups = r.groups(p, values)
	case "users_select", "multi_users_select":
		v.Kind, v.Multiple = "select", kind == "multi_users_select"
		var people []optionView
		for _, person := range c.people {
			people = append(people, optionView{Value: person.ID, Plain: person.Name, Chosen: slices.Contains(values, person.ID)})
		}
		v.Groups = []groupView{{Options: people}}
	case "checkboxes", "radio_buttons":
		v.Kind, v.Type = "choices", "radio"
		if kind == "checkboxes" {
			v.Type = "checkbox"
		}
		v.Groups = r.groups(p, values)
	case "overflow":
		v.Kind, v.Groups = "overflow", r.groups(p, nil)
	}
	return v
}

// button draws a button, or a link if it has an address.
func (r renderer) button(p part) elementView {
	v := elementView{Kind: "button", Text: r.text(p.element["text"]), Label: str(p.element, "accessibility_label")}
	if style := str(p.element, "style"); style == "primary" || style == "danger" {
		v.Style = style
	}
	if address := str(p.element, "url"); isSafeURL(address) {
		v.Kind, v.URL = "link", template.URL(address)
	}
	if c := r.controls; c != nil && p.acts() {
		v.ID, v.Use, v.Confirm = c.id(), useOf(p.key, ""), r.confirm(p)
	}
	return v
}

func (r renderer) groups(p part, chosen []string) []groupView {
	group := func(label string, list []any) groupView {
		g := groupView{Label: label}
		for _, item := range list {
			option, _ := item.(object)
			v := optionView{
				ID: r.controls.id(), Value: str(option, "value"), Text: r.text(option["text"]), Plain: plainText(option["text"]),
				Chosen: slices.Contains(chosen, str(option, "value")), Use: useOf(p.key, str(option, "value")),
			}
			if option["description"] != nil {
				v.Note = r.text(option["description"])
			}
			if address := str(option, "url"); isSafeURL(address) {
				v.Destination = template.URL(address)
			}
			g.Options = append(g.Options, v)
		}
		return g
	}
	var groups []groupView
	if plain := items(p.element, "options"); len(plain) > 0 {
		groups = append(groups, group("", plain))
	}
	for _, item := range items(p.element, "option_groups") {
		g, _ := item.(object)
		groups = append(groups, group(plainText(g["label"]), items(g, "options")))
	}
	return groups
}

func (r renderer) confirm(p part) *confirmView {
	asked, ok := p.element["confirm"].(object)
	if !ok {
		return nil
	}
	v := confirmView{
		ID: r.controls.id(), Title: plainText(asked["title"]), Text: r.text(asked["text"]), Yes: plainText(asked["confirm"]),
		No: plainText(asked["deny"]), Style: "primary", Use: useOf(p.key, ""),
	}
	if v.Yes == "" {
		v.Yes = "Yes"
	}
	if v.No == "" {
		v.No = "Cancel"
	}
	if str(asked, "style") == "danger" {
		v.Style = "danger"
	}
	return &v
}

// input draws an input block.
func (r renderer) input(block object) *inputView {
	element, _ := block["element"].(object)
	p := part{key: partKey{str(block, "block_id"), str(element, "action_id")}, element: element, input: block}
	v := inputView{Label: plainText(block["label"]), Hint: plainText(block["hint"]), Optional: !p.required(), Element: r.control(p)}
	v.ID = v.Element.ID
	if r.controls != nil {
		v.Error = r.controls.errors[p.key.block]
	}
	v.Element.Invalid, v.Element.Required = v.Error != "", p.required()
	v.Element.Legend, v.Element.Placeholder = v.Label, v.Element.Label
	if v.Optional {
		v.Element.Legend += " (optional)"
	}
	v.Element.Hinted = v.Hint != "" || v.Error != ""
	v.Element.Label = "" // The block's own label says it.
	return &v
}

// plainText is a text object's text where no markup can stand.
func plainText(item any) string {
	text, _ := item.(object)
	return unescape(clean(str(text, "text")))
}
