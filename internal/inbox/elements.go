package inbox

import (
	"slices"
	"strconv"
)

// place is where an element stands.
type place int

const (
	inActions place = iota
	inSection
	inInput
)

// elementLimits say where an element may stand and what Slack limits in it. Zero numbers are parts that it does not have.
type elementLimits struct {
	text, value int
	options     int
	groups      bool // options may come in groups
	rich        bool // the text of options may be mrkdwn
	link        bool // has a URL and a style
	placeholder bool
	required    string
	places      []place // empty: all
}

// limitsOf are the elements that a person can use.
func limitsOf(element string) (elementLimits, bool) {
	beside, inside := []place{inActions, inSection}, []place{inInput}
	switch element {
	case "button":
		return elementLimits{text: maxButtonText, value: maxButtonValue, link: true, required: "text", places: beside}, true
	case "workflow_button":
		return elementLimits{text: maxButtonText, required: "text", places: beside}, true
	case "overflow":
		return elementLimits{options: maxOverflow, required: "options", places: beside}, true
	case "static_select", "multi_static_select":
		return elementLimits{options: maxOptions, groups: true, placeholder: true}, true
	case "checkboxes", "radio_buttons":
		return elementLimits{options: maxBoxes, rich: true, required: "options"}, true
	case "external_select", "users_select", "conversations_select", "channels_select", "multi_external_select", "multi_users_select",
		"multi_conversations_select", "multi_channels_select", "datepicker", "timepicker":
		return elementLimits{placeholder: true}, true
	case "plain_text_input", "email_text_input", "url_text_input":
		return elementLimits{placeholder: true, places: inside}, true
	case "number_input":
		return elementLimits{placeholder: true, required: "is_decimal_allowed", places: inside}, true
	case "datetimepicker":
		return elementLimits{}, true
	case "file_input", "rich_text_input":
		return elementLimits{places: inside}, true
	}
	return elementLimits{}, false
}

// input checks an input block.
func (c *checker) input(at string, block object) {
	c.text(at, block, "label", textLimits{max: maxInputLabel, plain: true, required: true})
	c.text(at, block, "hint", textLimits{max: maxInputLabel, plain: true})
	element, has := block["element"]
	if !has {
		c.fault(at, "missing required field: element")
		return
	}
	c.element(at+"/element", element, inInput)
}

// element checks what a person can press, choose or fill in, and images beside a section.
func (c *checker) element(at string, item any, in place) {
	element, ok := item.(object)
	if !ok {
		c.fault(at, "must provide an object")
		return
	}
	kind, ok := element["type"].(string)
	if !ok {
		c.fault(at, "missing required field: type")
		return
	}
	if kind == "image" && in == inSection {
		c.image(at, element)
		return
	}
	limits, known := limitsOf(kind)
	if !known || len(limits.places) > 0 && !slices.Contains(limits.places, in) {
		c.fault(at+"/type", "unsupported type: %s", kind)
		return
	}
	c.actionID(at, element)
	if _, has := element[limits.required]; limits.required != "" && !has {
		c.fault(at, "missing required field: %s", limits.required)
	}
	if limits.text > 0 {
		c.text(at, element, "text", textLimits{max: limits.text, plain: true})
	}
	if limits.value > 0 {
		c.str(at, element, "value", limits.value)
		c.str(at, element, "accessibility_label", maxButtonText)
	}
	if limits.link {
		c.str(at, element, "url", maxURL)
		c.address(at, element, "url")
		c.style(at, element)
	}
	if limits.placeholder {
		c.text(at, element, "placeholder", textLimits{max: maxPlaceholder, plain: true})
	}
	if limits.options > 0 {
		c.options(at, element, limits)
	}
	c.entry(at, element)
	if confirm, has := element["confirm"]; has {
		c.confirm(at+"/confirm", confirm)
	}
}

// options checks options, in groups or not, and that what is chosen at first is one of them.
func (c *checker) options(at string, element object, limits elementLimits) {
	_, plain := element["options"]
	_, grouped := element["option_groups"]
	switch {
	case plain && grouped:
		c.fault(at, "cannot use both `options` and `option_groups`")
		return
	case grouped && limits.groups:
		for i, item := range c.list(at, element, "option_groups", maxOptions) {
			here := at + "/option_groups/" + strconv.Itoa(i)
			group, ok := item.(object)
			if !ok {
				c.fault(here, "must provide an object")
				continue
			}
			c.text(here, group, "label", textLimits{max: maxGroupLabel, plain: true, required: true})
			c.optionList(here, group, limits)
		}
	case plain:
		c.optionList(at, element, limits)
	case limits.groups:
		c.fault(at, "missing required field: options")
	}
	known := part{element: element}
	first := items(element, "initial_options")
	if one, has := element["initial_option"]; has {
		first = append(slices.Clone(first), one)
	}
	for _, item := range first {
		option, _ := item.(object)
		if known.option(str(option, "value")) == nil {
			c.fault(at, "the initial option must be one of the options")
		}
	}
}

func (c *checker) optionList(at string, parent object, limits elementLimits) {
	for i, item := range c.list(at, parent, "options", limits.options) {
		here := at + "/options/" + strconv.Itoa(i)
		option, ok := item.(object)
		if !ok {
			c.fault(here, "must provide an object")
			continue
		}
		c.text(here, option, "text", textLimits{max: maxOptionText, plain: !limits.rich, required: true})
		c.text(here, option, "description", textLimits{max: maxOptionText, plain: !limits.rich})
		if _, has := option["value"]; !has {
			c.fault(here, "missing required field: value")
		}
		c.str(here, option, "value", maxOptionValue)
		c.str(here, option, "url", maxURL)
	}
}

// entry checks the rules that an input sets for what is entered, and what is entered at first.
func (c *checker) entry(at string, element object) {
	for _, field := range []string{"min_length", "max_length"} {
		if _, has := element[field]; has {
			if n := integer(element, field); n < 0 || n > maxTextInput || field == "max_length" && n == 0 {
				c.fault(at+"/"+field, "must be between 0 and %d", maxTextInput)
			}
		}
	}
	switch kind := str(element, "type"); kind {
	case "plain_text_input":
		c.str(at, element, "initial_value", maxTextInput)
	case "datepicker":
		if s := str(element, "initial_date"); s != "" && !dateForm.MatchString(s) {
			c.fault(at+"/initial_date", "must be a date of the form YYYY-MM-DD")
		}
	case "timepicker":
		if s := str(element, "initial_time"); s != "" && !timeForm.MatchString(s) {
			c.fault(at+"/initial_time", "must be a time of the form HH:mm")
		}
	}
}

func (c *checker) actionID(at string, element object) {
	id, _ := element["action_id"].(string)
	switch {
	case id == "":
		element["action_id"] = freeID(c.actionIDs, "a")
	case c.actionIDs[id]:
		c.fault(at+"/action_id", "`action_id` %q already exists", id)
	default:
		c.actionIDs[id] = true
		c.str(at, element, "action_id", maxActionID)
	}
}

func (c *checker) style(at string, element object) {
	switch element["style"] {
	case nil, "primary", "danger":
	default:
		c.fault(at+"/style", "must be a valid enum value")
	}
}

// confirm checks the question that is asked before an element does anything.
func (c *checker) confirm(at string, item any) {
	confirm, ok := item.(object)
	if !ok {
		c.fault(at, "must provide an object")
		return
	}
	c.text(at, confirm, "title", textLimits{max: maxConfirmTitle, plain: true, required: true})
	c.text(at, confirm, "text", textLimits{max: maxConfirmText, required: true})
	c.text(at, confirm, "confirm", textLimits{max: maxConfirmButton, plain: true})
	c.text(at, confirm, "deny", textLimits{max: maxConfirmButton, plain: true})
	c.style(at, confirm)
}
