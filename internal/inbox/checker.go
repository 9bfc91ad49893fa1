package inbox

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
)

// checker holds the blocks of one message to Slack's limits. What is wrong it says as Slack does, with a JSON pointer:
//
//	must be less than 3001 characters [json-pointer:/blocks/0/text/text]
type checker struct {
	faults    []string
	blockIDs  map[string]bool
	actionIDs map[string]bool
	texts     longTexts
	most      int // so many blocks
	// file says whether a slack_file may be shown; nil: none may.
	file func(id, url string) bool
}

func newChecker() *checker {
	return &checker{blockIDs: map[string]bool{}, actionIDs: map[string]bool{}, most: maxBlocks}
}

type object = map[string]any

func (c *checker) fault(at, format string, args ...any) {
	c.faults = append(c.faults, fmt.Sprintf(format, args...)+" [json-pointer:"+at+"]")
}

func (c *checker) total() error { return c.texts.check() }

// blocks checks a JSON array of blocks, gives an ID to those that have none, and returns them as they are kept.
// Blocks that are empty are none: the result is empty.
func (c *checker) blocks(raw string) (string, error) {
	list, err := decodeList(raw)
	if err != nil {
		return "", refuse("invalid_blocks_format")
	}
	if len(list) == 0 {
		return "", nil
	}
	c.blockList("/blocks", list)
	if len(c.faults) > 0 {
		return "", slackError{word: "invalid_blocks", messages: c.faults}
	}
	return encode(list)
}

// attachments checks the legacy attachments, of which only the blocks are looked into.
func (c *checker) attachments(raw string) (string, error) {
	list, err := decodeList(raw)
	if err != nil {
		return "", refuse("invalid_attachments")
	}
	if len(list) == 0 {
		return "", nil
	}
	if len(list) > maxAttachments {
		return "", refuse("too_many_attachments")
	}
	for i, item := range list {
		at := "/attachments/" + strconv.Itoa(i)
		attachment, ok := item.(object)
		if !ok {
			c.fault(at, "must provide an object")
			continue
		}
		if blocks, ok := attachment["blocks"].([]any); ok {
			c.blockList(at+"/blocks", blocks)
		}
	}
	if len(c.faults) > 0 {
		return "", slackError{word: "invalid_attachments", messages: c.faults}
	}
	return encode(list)
}

// decodeList reads a JSON array and keeps its numbers as they are written. Empty and null are an empty array.
func decodeList(raw string) ([]any, error) {
	if strings.TrimSpace(raw) == "" {
		return nil, nil
	}
	decoder := json.NewDecoder(strings.NewReader(raw))
	decoder.UseNumber()
	var list []any
	if err := decoder.Decode(&list); err != nil {
		return nil, err
	}
	if decoder.More() {
		return nil, fmt.Errorf("something follows the array")
	}
	return list, nil
}

func encode(v any) (string, error) {
	var buf bytes.Buffer
	encoder := json.NewEncoder(&buf)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil {
		return "", err
	}
	return strings.TrimSpace(buf.String()), nil
}

func (c *checker) blockList(at string, list []any) {
	if len(list) > c.most {
		c.fault(at, "no more than %d items allowed", c.most)
		return
	}
	var unnamed []object
	for i, item := range list {
		here := at + "/" + strconv.Itoa(i)
		block, ok := item.(object)
		if !ok {
			c.fault(here, "must provide an object")
			continue
		}
		if id, _ := block["block_id"].(string); id == "" {
			unnamed = append(unnamed, block)
		} else if c.str(here, block, "block_id", maxBlockID); c.blockIDs[id] {
			c.fault(here+"/block_id", "`block_id` %q already exists", id)
		} else {
			c.blockIDs[id] = true
		}
		c.block(here, block)
	}
	for _, block := range unnamed {
		block["block_id"] = freeID(c.blockIDs, "b")
	}
}

// freeID returns an ID that is not taken, and takes it.
func freeID(taken map[string]bool, prefix string) string {
	for n := len(taken); ; n++ {
		id := prefix + strconv.Itoa(n)
		if !taken[id] {
			taken[id] = true
			return id
		}
	}
}

func (c *checker) block(at string, block object) {
	kind, ok := block["type"].(string)
	if !ok {
		c.fault(at, "missing required field: type")
		return
	}
	c.texts.all += blockOverhead
	switch kind {
	case "section":
		c.section(at, block)
	case "header":
		c.text(at, block, "text", textLimits{max: maxHeader, plain: true, required: true})
	case "context":
		for i, item := range c.list(at, block, "elements", maxContext) {
			c.contextElement(at+"/elements/"+strconv.Itoa(i), item)
		}
	case "actions":
		for i, item := range c.list(at, block, "elements", maxActions) {
			c.element(at+"/elements/"+strconv.Itoa(i), item, inActions)
		}
	case "input":
		c.input(at, block)
	case "image":
		c.image(at, block)
		c.text(at, block, "title", textLimits{max: maxImageTitle, plain: true})
	case "markdown":
		c.markdown(at, block)
	case "rich_text":
		for i, item := range c.list(at, block, "elements", 0) {
			c.richText(at+"/elements/"+strconv.Itoa(i), item)
		}
	case "table":
		c.table(at, block)
	default:
		if !isOtherBlock(kind) {
			c.fault(at+"/type", "unsupported type: %s", kind)
		}
	}
}

func (c *checker) section(at string, block object) {
	_, hasText := block["text"]
	_, hasFields := block["fields"]
	if !hasText && !hasFields {
		c.fault(at, "must define either `text` or `fields`")
		return
	}
	c.text(at, block, "text", textLimits{max: maxTextObject})
	if hasFields {
		fields := c.list(at, block, "fields", maxFields)
		for i := range fields {
			c.textObject(at+"/fields/"+strconv.Itoa(i), fields[i], textLimits{max: maxField})
		}
	}
	if accessory, ok := block["accessory"]; ok {
		c.element(at+"/accessory", accessory, inSection)
	}
}

func (c *checker) contextElement(at string, item any) {
	element, ok := item.(object)
	if !ok {
		c.fault(at, "must provide an object")
		return
	}
	if element["type"] == "image" {
		c.image(at, element)
		return
	}
	c.textObject(at, item, textLimits{max: maxTextObject})
}

func (c *checker) image(at string, block object) {
	hosted, isHosted := block["slack_file"]
	_, linked := block["image_url"]
	switch given, _ := hosted.(object); {
	case linked && isHosted:
		c.fault(at, "cannot use both `image_url` and `slack_file`")
	case !linked && !isHosted:
		c.fault(at, "missing required field: image_url")
	case isHosted && (c.file == nil || !c.file(str(given, "id"), str(given, "url"))):
		c.fault(at+"/slack_file", "invalid slack file")
	}
	c.str(at, block, "image_url", maxURL)
	c.address(at, block, "image_url")
	if _, ok := block["alt_text"].(string); !ok {
		c.fault(at, "missing required field: alt_text")
	}
	c.str(at, block, "alt_text", maxAltText)
}

func (c *checker) markdown(at string, block object) {
	text, ok := block["text"].(string)
	switch {
	case !ok:
		c.fault(at, "missing required field: text")
	case text == "":
		c.fault(at+"/text", "must be more than 0 characters")
	default:
		c.str(at, block, "text", maxMarkdown)
		c.texts.markdown += escapedLength(text)
		c.texts.all += escapedLength(text)
	}
}

// textLimits is what a text object must be like.
type textLimits struct {
	max      int
	plain    bool // mrkdwn is not allowed
	required bool
}

func (c *checker) text(at string, parent object, field string, limits textLimits) {
	if item := parent[field]; item != nil {
		c.textObject(at+"/"+field, item, limits)
	} else if limits.required {
		c.fault(at, "missing required field: %s", field)
	}
}

func (c *checker) textObject(at string, item any, limits textLimits) {
	text, ok := item.(object)
	if !ok {
		c.fault(at, "must provide an object")
		return
	}
	switch kind := text["type"]; {
	case kind == nil:
		c.fault(at, "missing required field: type")
	case kind == "plain_text":
	case kind == "mrkdwn" && !limits.plain:
		if _, has := text["emoji"]; has {
			c.fault(at, "invalid additional property: emoji")
		}
	default:
		c.fault(at+"/type", "unsupported type: %v", kind)
	}
	s, ok := text["text"].(string)
	switch {
	case !ok:
		c.fault(at, "missing required field: text")
	case s == "":
		c.fault(at+"/text", "must be more than 0 characters")
	default:
		c.str(at, text, "text", limits.max)
		c.texts.all += escapedLength(s)
	}
}

// str checks the length of a string that may be absent.
func (c *checker) str(at string, parent object, field string, limit int) {
	value, has := parent[field]
	if !has {
		return
	}
	s, ok := value.(string)
	if !ok {
		c.fault(at+"/"+field, "must provide a string")
	} else if escapedLength(s) > limit {
		c.fault(at+"/"+field, "must be less than %d characters", limit+1)
	}
}

// address checks that a string, if there, is an absolute URL.
func (c *checker) address(at string, parent object, field string) {
	s, _ := parent[field].(string)
	if s == "" {
		return
	}
	if u, err := url.Parse(s); err != nil || u.Scheme == "" {
		c.fault(at+"/"+field, "invalid url")
	}
}

// list returns a required array of at least one item; limit 0 is none.
func (c *checker) list(at string, parent object, field string, limit int) []any {
	value, has := parent[field]
	if !has {
		c.fault(at, "missing required field: %s", field)
		return nil
	}
	items, ok := value.([]any)
	switch {
	case !ok:
		c.fault(at+"/"+field, "must provide an array")
	case len(items) == 0:
		c.fault(at+"/"+field, "no less than 1 items allowed")
	case limit > 0 && len(items) > limit:
		c.fault(at+"/"+field, "no more than %d items allowed", limit)
	default:
		return items
	}
	return nil
}

// richText counts the texts of a rich_text element and of those inside it.
func (c *checker) richText(at string, item any) {
	element, ok := item.(object)
	if !ok {
		c.fault(at, "must provide an object")
		return
	}
	if _, ok := element["type"].(string); !ok {
		c.fault(at, "missing required field: type")
	}
	if s, ok := element["text"].(string); ok {
		c.texts.all += escapedLength(s)
	}
	inner, _ := element["elements"].([]any)
	for i, item := range inner {
		c.richText(at+"/elements/"+strconv.Itoa(i), item)
	}
}

func (c *checker) table(at string, block object) {
	for i, item := range c.list(at, block, "rows", maxRows) {
		here := at + "/rows/" + strconv.Itoa(i)
		cells, ok := item.([]any)
		if !ok {
			c.fault(here, "must provide an array")
			continue
		}
		if len(cells) > maxColumns {
			c.fault(here, "no more than %d items allowed", maxColumns)
			continue
		}
		for j, cell := range cells {
			c.richText(here+"/"+strconv.Itoa(j), cell)
		}
	}
}
