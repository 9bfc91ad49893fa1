package inbox

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// partKey says which part of a message or view is meant.
type partKey struct{ block, action string }

// part is an element of a message or view that a person uses: a button, or something to fill in or choose from.
type part struct {
	key     partKey
	element object
	// input is the input block around it; nil: it stands in an actions block or beside a section.
	input object
}

func (p part) kind() string { return str(p.element, "type") }

// holds says that the part has a state: what was entered or chosen.
func (p part) holds() bool {
	switch p.kind() {
	case "button", "workflow_button", "overflow", "image":
		return false
	}
	return true
}

// acts says that using it tells the app at once. In an input block only dispatch_action does that.
func (p part) acts() bool {
	dispatches, _ := p.input["dispatch_action"].(bool)
	return p.input == nil && p.kind() != "image" && p.kind() != "workflow_button" || dispatches
}

func (p part) required() bool {
	optional, _ := p.input["optional"].(bool)
	return p.input != nil && !optional
}

// partsOf returns what a person can use in a list of blocks, in order.
func partsOf(list []any) []part {
	var parts []part
	for _, item := range list {
		block, _ := item.(object)
		add := func(item any, input object) {
			if element, ok := item.(object); ok {
				parts = append(parts, part{key: partKey{str(block, "block_id"), str(element, "action_id")}, element: element, input: input})
			}
		}
		switch str(block, "type") {
		case "actions":
			for _, element := range items(block, "elements") {
				add(element, nil)
			}
		case "section":
			add(block["accessory"], nil)
		case "input":
			add(block["element"], block)
		}
	}
	return parts
}

// partsOfMessage also looks into the blocks of attachments.
func partsOfMessage(m message) []part {
	// What is kept was checked.
	list, _ := decodeList(m.blocks)
	parts := partsOf(list)
	attachments, _ := decodeList(m.attachments)
	for _, item := range attachments {
		attachment, _ := item.(object)
		parts = append(parts, partsOf(items(attachment, "blocks"))...)
	}
	return parts
}

// findPart returns the part of that action ID; the block ID may be empty.
func findPart(parts []part, key partKey) (part, bool) {
	i := slices.IndexFunc(parts, func(p part) bool {
		return p.key.action == key.action && (key.block == "" || p.key.block == key.block)
	})
	if i < 0 {
		return part{}, false
	}
	return parts[i], true
}

// options are those of all its groups, too.
func (p part) options() []object {
	var found []object
	collect := func(list []any) {
		for _, item := range list {
			if option, ok := item.(object); ok {
				found = append(found, option)
			}
		}
	}
	collect(items(p.element, "options"))
	for _, item := range items(p.element, "option_groups") {
		g, _ := item.(object)
		collect(items(g, "options"))
	}
	return found
}

func (p part) option(value string) object {
	for _, option := range p.options() {
		if str(option, "value") == value {
			return option
		}
	}
	return nil
}

// initial is what is entered or chosen before anyone touches it.
func (p part) initial() []string {
	option := func(item any) []string {
		o, ok := item.(object)
		if !ok {
			return nil
		}
		return []string{str(o, "value")}
	}
	for _, key := range []string{"initial_value", "initial_date", "initial_time", "initial_user"} {
		if s := str(p.element, key); s != "" {
			return []string{s}
		}
	}
	if first := option(p.element["initial_option"]); first != nil {
		return first
	}
	var all []string
	for _, item := range items(p.element, "initial_options") {
		all = append(all, option(item)...)
	}
	for _, item := range items(p.element, "initial_users") {
		if user, ok := item.(string); ok {
			all = append(all, user)
		}
	}
	return all
}

// The forms of dates and times.
var (
	dateForm = regexp.MustCompile(`^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$`)
	timeForm = regexp.MustCompile(`^([01]\d|2[0-3]):[0-5]\d$`)
)

// state is what an app is told of the part when these values are entered: a text, or the values of options.
// When Slack would not take them it says why, in words for the person; nothing entered is taken here.
func (p part) state(values []string) (entered object, problem string) {
	values = slices.DeleteFunc(append([]string{}, values...), func(s string) bool { return s == "" })
	one, first := any(nil), ""
	if len(values) > 0 {
		one, first = values[0], values[0]
	}
	entered = object{"type": p.kind()}
	switch p.kind() {
	case "plain_text_input", "email_text_input", "url_text_input", "number_input":
		entered["value"] = one
		if one != nil {
			problem = p.textProblem(first)
		}
	case "static_select", "radio_buttons", "overflow":
		entered["selected_option"] = nil
		if one != nil {
			option := p.option(first)
			if option == nil {
				return entered, "Choose one of the options."
			}
			entered["selected_option"] = option
		}
	case "checkboxes", "multi_static_select":
		chosen := []any{}
		for _, value := range values {
			option := p.option(value)
			if option == nil {
				return entered, "Choose among the options."
			}
			chosen = append(chosen, option)
		}
		entered["selected_options"] = chosen
		if most := integer(p.element, "max_selected_items"); most > 0 && len(chosen) > most {
			problem = fmt.Sprintf("Choose %d at most.", most)
		}
	case "datepicker":
		entered["selected_date"] = one
		if one != nil && !dateForm.MatchString(first) {
			problem = "Enter a date, as 2026-11-23."
		}
	case "timepicker":
		entered["selected_time"] = one
		if one != nil && !timeForm.MatchString(first) {
			problem = "Enter a time, as 09:30."
		}
	case "users_select":
		entered["selected_user"] = one
	case "multi_users_select":
		entered["selected_users"] = values
	}
	return entered, problem
}

// textProblem holds a text to the element's own rules.
func (p part) textProblem(text string) string {
	length := utf8.RuneCountInString(text)
	if least := integer(p.element, "min_length"); length < least {
		return fmt.Sprintf("Enter at least %d characters.", least)
	}
	most := integer(p.element, "max_length")
	if most == 0 {
		most = maxTextInput
	}
	if length > most {
		return fmt.Sprintf("Enter at most %d characters; this is %d.", most, length)
	}
	switch p.kind() {
	case "number_input":
		return p.numberProblem(text)
	case "email_text_input":
		if name, host, ok := strings.Cut(text, "@"); !ok || name == "" || !strings.Contains(host, ".") {
			return "Enter an email address."
		}
	case "url_text_input":
		if !isSafeURL(text) {
			return "Enter a web address."
		}
	}
	return ""
}

func (p part) numberProblem(text string) string {
	n, err := strconv.ParseFloat(text, 64)
	decimals, _ := p.element["is_decimal_allowed"].(bool)
	if _, whole := strconv.ParseInt(text, 10, 64); err != nil || !decimals && whole != nil {
		if decimals {
			return "Enter a number."
		}
		return "Enter a whole number."
	}
	if least, err := strconv.ParseFloat(str(p.element, "min_value"), 64); err == nil && n < least {
		return "Enter " + str(p.element, "min_value") + " or more."
	}
	if most, err := strconv.ParseFloat(str(p.element, "max_value"), 64); err == nil && n > most {
		return "Enter " + str(p.element, "max_value") + " or less."
	}
	return ""
}

// empty says that a state holds nothing.
func emptyState(s object) bool {
	for key, value := range s {
		switch v := value.(type) {
		case nil:
		case []any:
			if len(v) > 0 {
				return false
			}
		case []string:
			if len(v) > 0 {
				return false
			}
		default:
			if key != "type" {
				return false
			}
		}
	}
	return true
}

// stateValues is the values object of an app's state: by block, then by action.
func stateValues(parts []part, entered map[partKey][]string) object {
	values := object{}
	for _, p := range parts {
		if !p.holds() {
			continue
		}
		given, ok := entered[p.key]
		if !ok {
			given = p.initial()
		}
		s, _ := p.state(given)
		block, _ := values[p.key.block].(object)
		if block == nil {
			block = object{}
			values[p.key.block] = block
		}
		block[p.key.action] = s
	}
	return values
}
