package inbox

import (
	"regexp"
	"strings"
	"unicode/utf8"
)

// Slack's limits, from https://docs.slack.dev/reference/block-kit and the reference of chat.postMessage.
// Lengths are characters, counted after & < and > are escaped.
const (
	maxText        = 40_000
	maxMetadata    = 16_000 // bytes
	maxBlocks      = 50
	maxAttachments = 100
	maxBlockID     = 255
	maxActionID    = 255
	maxURL         = 3000
	maxTextObject  = 3000
	maxFields      = 10
	maxField       = 2000
	maxHeader      = 150
	maxContext     = 10
	maxActions     = 25
	maxButtonText  = 75
	maxButtonValue = 2000
	maxAltText     = 2000
	maxImageTitle  = 2000
	maxMarkdown    = 12_000 // of all markdown blocks together
	maxOptions     = 100
	maxOverflow    = 5
	maxOptionText  = 75
	maxOptionValue = 150
	maxPlaceholder = 150
	maxRows        = 100
	maxColumns     = 20
	maxTextInput   = 3000
	maxInputLabel  = 2000
	maxGroupLabel  = 75
	maxBoxes       = 10 // checkboxes and radio buttons

	maxConfirmTitle  = 100
	maxConfirmText   = 300
	maxConfirmButton = 30
)

// Above these a message is answered with msg_blocks_too_long. Slack documents neither: slackapi/bolt-js issues 2509 and
// 2867 measured where it begins, at 13,172 to 13,297 characters in one and two blocks and below 11,341 in 45.
const (
	maxTotal      = 13_200
	blockOverhead = 45 // characters that a block costs besides its text
)

// escapedLength is how long a text is to Slack, which escapes what is not escaped yet.
func escapedLength(s string) int {
	n := utf8.RuneCountInString(s)
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '&':
			if !strings.HasPrefix(s[i:], "&amp;") && !strings.HasPrefix(s[i:], "&lt;") && !strings.HasPrefix(s[i:], "&gt;") {
				n += len("amp;")
			}
		case '<':
			end := strings.IndexAny(s[i+1:], "<>\n")
			if end > 0 && s[i+1+end] == '>' && isControl(s[i+1:i+1+end]) {
				i += end + 1 // <https://…|text> and <@U123> stay as they are.
				continue
			}
			n += len("lt;")
		case '>':
			n += len("gt;")
		}
	}
	return n
}

// controlForm is how what stands between < and > begins if it is a link or a mention.
var controlForm = regexp.MustCompile(`^([@#!]\S|[a-zA-Z][a-zA-Z0-9+.-]*:\S)`)

func isControl(s string) bool { return controlForm.MatchString(s) }

// longTexts are the texts of one message, which have a limit together.
type longTexts struct {
	all, markdown int
}

func (t longTexts) check() error {
	if t.all > maxTotal || t.markdown > maxMarkdown {
		return refuse("msg_blocks_too_long")
	}
	return nil
}

// isOtherBlock knows the kinds of block that a message may hold and that are not looked into any further.
func isOtherBlock(kind string) bool {
	switch kind {
	case "alert", "auth_provider", "card", "carousel", "container", "context_actions", "data_table", "data_visualization",
		"divider", "file", "layout", "plan", "task_card", "video":
		return true
	}
	return false
}
