package inbox

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/slack-go/slack"
)

func TestBlockLimits(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	markdown := func(n int) string { return `{"type":"markdown","text":"` + long(n) + `"}` }
	section := func(s string) string { return `{"type":"section","text":{"type":"mrkdwn","text":"` + s + `"}}` }
	actions := func(element string) string { return `{"type":"actions","elements":[` + element + `]}` }
	many := func(n int, s string) string { return strings.TrimSuffix(strings.Repeat(s+",", n), ",") }
	const button = `{"type":"button","text":{"type":"plain_text","text":"Go"}}`
	const word = `{"type":"plain_text","text":"x"}`
	good := func(blocks string) (string, string, string) { return blocks, "", "" }
	bad := func(blocks, fault string) (string, string, string) { return blocks, "invalid_blocks", fault }
	check := func(name string) func(blocks, code, fault string) {
		return func(blocks, code, fault string) {
			t.Helper()
			c := newChecker()
			_, err := c.blocks("[" + blocks + "]")
			if err == nil {
				err = c.total()
			}
			var got slackError
			errors.As(err, &got)
			if got.word != code || strings.Join(got.messages, "; ") != fault {
				t.Errorf("%s: %q %q, want %q %q", name, got.word, got.messages, code, fault)
			}
		}
	}
	check("no block")(good(""))
	check("50 blocks")(good(many(50, `{"type":"divider"}`)))
	check("51 blocks")(bad(many(51, `{"type":"divider"}`), "no more than 50 items allowed [json-pointer:/blocks]"))
	check("no object")(bad(`1`, "must provide an object [json-pointer:/blocks/0]"))
	check("no type")(bad(`{}`, "missing required field: type [json-pointer:/blocks/0]"))
	check("strange type")(bad(`{"type":"poem"}`, "unsupported type: poem [json-pointer:/blocks/0/type]"))

	check("section 3000")(good(section(long(3000))))
	check("section 3001")(bad(section(long(3001)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"))
	check("section of 3000 wide characters")(good(section(strings.Repeat("é", 3000))))
	check("section 600 ampersands")(good(section(strings.Repeat("&", 600))))
	check("section 601 ampersands")(bad(section(strings.Repeat("&", 601)), "must be less than 3001 characters [json-pointer:/blocks/0/text/text]"))
	check("section 3000 escaped")(good(section(strings.Repeat("&amp;", 600))))
	check("section empty")(bad(section(""), "must be more than 0 characters [json-pointer:/blocks/0/text/text]"))
	check("section without anything")(bad(`{"type":"section"}`, "must define either `text` or `fields` [json-pointer:/blocks/0]"))
	check("section of a string")(bad(`{"type":"section","text":"x"}`, "must provide an object [json-pointer:/blocks/0/text]"))
	check("section without kind")(bad(`{"type":"section","text":{"text":"x"}}`, "missing required field: type [json-pointer:/blocks/0/text]"))
	check("section without words")(bad(`{"type":"section","text":{"type":"mrkdwn"}}`, "missing required field: text [json-pointer:/blocks/0/text]"))
	check("mrkdwn with emoji")(bad(`{"type":"section","text":{"type":"mrkdwn","text":"x","emoji":true}}`, "invalid additional property: emoji [json-pointer:/blocks/0/text]"))
	check("10 fields")(good(`{"type":"section","fields":[` + many(10, word) + `]}`))
	check("11 fields")(bad(`{"type":"section","fields":[`+many(11, word)+`]}`, "no more than 10 items allowed [json-pointer:/blocks/0/fields]"))
	check("no fields")(bad(`{"type":"section","fields":[]}`, "no less than 1 items allowed [json-pointer:/blocks/0/fields]"))
	check("fields of no array")(bad(`{"type":"section","fields":1}`, "must provide an array [json-pointer:/blocks/0/fields]"))
	check("field 2001")(bad(`{"type":"section","fields":[{"type":"mrkdwn","text":"`+long(2001)+`"}]}`, "must be less than 2001 characters [json-pointer:/blocks/0/fields/0/text]"))
	check("accessory")(bad(`{"type":"section","text":`+word+`,"accessory":{"type":"poem"}}`, "unsupported type: poem [json-pointer:/blocks/0/accessory/type]"))

	check("header 150")(good(`{"type":"header","text":{"type":"plain_text","text":"` + long(150) + `"}}`))
	check("header 151")(bad(`{"type":"header","text":{"type":"plain_text","text":"`+long(151)+`"}}`, "must be less than 151 characters [json-pointer:/blocks/0/text/text]"))
	check("header mrkdwn")(bad(`{"type":"header","text":{"type":"mrkdwn","text":"x"}}`, "unsupported type: mrkdwn [json-pointer:/blocks/0/text/type]"))
	check("header without text")(bad(`{"type":"header"}`, "missing required field: text [json-pointer:/blocks/0]"))

	check("10 in context")(good(`{"type":"context","elements":[` + many(10, word) + `]}`))
	check("11 in context")(bad(`{"type":"context","elements":[`+many(11, word)+`]}`, "no more than 10 items allowed [json-pointer:/blocks/0/elements]"))
	check("context without elements")(bad(`{"type":"context"}`, "missing required field: elements [json-pointer:/blocks/0]"))
	check("a number in context")(bad(`{"type":"context","elements":[1]}`, "must provide an object [json-pointer:/blocks/0/elements/0]"))

	check("25 buttons")(good(actions(many(25, button))))
	check("26 buttons")(bad(actions(many(26, button)), "no more than 25 items allowed [json-pointer:/blocks/0/elements]"))
	check("button text 76")(bad(actions(`{"type":"button","text":{"type":"plain_text","text":"`+long(76)+`"}}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]"))
	check("button without text")(bad(actions(`{"type":"button"}`), "missing required field: text [json-pointer:/blocks/0/elements/0]"))
	check("button value 2001")(bad(actions(`{"type":"button","text":`+word+`,"value":"`+long(2001)+`"}`), "must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]"))
	check("button url 3000")(good(actions(`{"type":"button","text":` + word + `,"url":"https://x/` + long(2990) + `"}`)))
	check("button url 3001")(bad(actions(`{"type":"button","text":`+word+`,"url":"https://x/`+long(2991)+`"}`), "must be less than 3001 characters [json-pointer:/blocks/0/elements/0/url]"))
	check("button to nowhere")(bad(actions(`{"type":"button","text":`+word+`,"url":"/playbooks"}`), "invalid url [json-pointer:/blocks/0/elements/0/url]"))
	check("button style")(bad(actions(`{"type":"button","text":`+word+`,"style":"huge"}`), "must be a valid enum value [json-pointer:/blocks/0/elements/0/style]"))
	check("action_id 255")(good(actions(`{"type":"button","text":` + word + `,"action_id":"` + long(255) + `"}`)))
	check("action_id 256")(bad(actions(`{"type":"button","text":`+word+`,"action_id":"`+long(256)+`"}`), "must be less than 256 characters [json-pointer:/blocks/0/elements/0/action_id]"))
	check("action_id twice")(bad(actions(many(2, `{"type":"button","text":`+word+`,"action_id":"go"}`)), "`action_id` \"go\" already exists [json-pointer:/blocks/0/elements/1/action_id]"))
	check("overflow of 6")(bad(actions(`{"type":"overflow","options":[`+many(6, `{"text":`+word+`,"value":"x"}`)+`]}`), "no more than 5 items allowed [json-pointer:/blocks/0/elements/0/options]"))
	check("option text 76")(bad(actions(`{"type":"overflow","options":[{"text":{"type":"plain_text","text":"`+long(76)+`"},"value":"x"}]}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/options/0/text/text]"))
	check("placeholder 151")(bad(actions(`{"type":"users_select","placeholder":{"type":"plain_text","text":"`+long(151)+`"}}`), "must be less than 151 characters [json-pointer:/blocks/0/elements/0/placeholder/text]"))
	check("confirm")(bad(actions(`{"type":"button","text":`+word+`,"confirm":{"title":`+word+`}}`), "missing required field: text [json-pointer:/blocks/0/elements/0/confirm]"))

	text := func(n int) string { return `{"type":"plain_text","text":"` + long(n) + `"}` }
	option := func(n, value int) string { return `{"text":` + text(n) + `,"value":"` + long(value) + `"}` }
	one := option(75, 150)
	confirm := func(title, body, yes int) string {
		return actions(`{"type":"button","text":` + word + `,"confirm":{"title":` + text(title) + `,"text":` + text(body) + `,"confirm":` + text(yes) + `,"deny":` + text(yes) + `}}`)
	}
	check("confirm 100, 300, 30")(good(confirm(100, 300, 30)))
	check("confirm 101, 301, 31")(bad(confirm(101, 301, 31), "must be less than 101 characters [json-pointer:/blocks/0/elements/0/confirm/title/text]; "+
		"must be less than 301 characters [json-pointer:/blocks/0/elements/0/confirm/text/text]; "+
		"must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/confirm/text]; "+
		"must be less than 31 characters [json-pointer:/blocks/0/elements/0/confirm/deny/text]"))
	check("confirm of a string")(bad(actions(`{"type":"button","text":`+word+`,"confirm":"sure?"}`), "must provide an object [json-pointer:/blocks/0/elements/0/confirm]"))
	check("button label 76")(bad(actions(`{"type":"button","text":`+word+`,"accessibility_label":"`+long(76)+`"}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/accessibility_label]"))
	check("100 options")(good(actions(`{"type":"static_select","options":[` + many(100, option(1, 1)) + `]}`)))
	check("101 options")(bad(actions(`{"type":"static_select","options":[`+many(101, one)+`]}`), "no more than 100 items allowed [json-pointer:/blocks/0/elements/0/options]"))
	check("no options")(bad(actions(`{"type":"static_select"}`), "missing required field: options [json-pointer:/blocks/0/elements/0]"))
	check("11 boxes")(bad(actions(`{"type":"checkboxes","options":[`+many(11, one)+`]}`), "no more than 10 items allowed [json-pointer:/blocks/0/elements/0/options]"))
	check("option value 151")(bad(actions(`{"type":"radio_buttons","options":[`+option(1, 151)+`]}`), "must be less than 151 characters [json-pointer:/blocks/0/elements/0/options/0/value]"))
	check("option without value")(bad(actions(`{"type":"radio_buttons","options":[{"text":`+word+`}]}`), "missing required field: value [json-pointer:/blocks/0/elements/0/options/0]"))
	check("mrkdwn beside a box")(good(actions(`{"type":"checkboxes","options":[{"text":{"type":"mrkdwn","text":"*x*"},"value":"x"}]}`)))
	check("mrkdwn in a menu")(bad(actions(`{"type":"static_select","options":[{"text":{"type":"mrkdwn","text":"*x*"},"value":"x"}]}`), "unsupported type: mrkdwn [json-pointer:/blocks/0/elements/0/options/0/text/type]"))
	check("groups")(good(actions(`{"type":"static_select","option_groups":[{"label":` + text(75) + `,"options":[` + one + `]}],"initial_option":` + one + `}`)))
	check("group label 76")(bad(actions(`{"type":"static_select","option_groups":[{"label":`+text(76)+`,"options":[`+one+`]}]}`), "must be less than 76 characters [json-pointer:/blocks/0/elements/0/option_groups/0/label/text]"))
	check("groups and options")(bad(actions(`{"type":"static_select","options":[`+one+`],"option_groups":[]}`), "cannot use both `options` and `option_groups` [json-pointer:/blocks/0/elements/0]"))
	check("initial option")(bad(actions(`{"type":"static_select","options":[`+one+`],"initial_option":`+option(1, 1)+`}`), "the initial option must be one of the options [json-pointer:/blocks/0/elements/0]"))
	check("initial date")(bad(actions(`{"type":"datepicker","initial_date":"tomorrow"}`), "must be a date of the form YYYY-MM-DD [json-pointer:/blocks/0/elements/0/initial_date]"))
	check("initial time")(bad(actions(`{"type":"timepicker","initial_time":"24:00"}`), "must be a time of the form HH:mm [json-pointer:/blocks/0/elements/0/initial_time]"))
	input := func(element string) string {
		return `{"type":"input","label":` + text(2000) + `,"element":` + element + `}`
	}
	check("text in actions")(bad(actions(`{"type":"plain_text_input"}`), "unsupported type: plain_text_input [json-pointer:/blocks/0/elements/0/type]"))
	check("input")(good(input(`{"type":"plain_text_input","max_length":3000,"initial_value":"` + long(3000) + `"}`)))
	check("input label 2001")(bad(`{"type":"input","label":`+text(2001)+`,"element":{"type":"timepicker"}}`, "must be less than 2001 characters [json-pointer:/blocks/0/label/text]"))
	check("input hint 2001")(bad(`{"type":"input","label":`+word+`,"hint":`+text(2001)+`,"element":{"type":"timepicker"}}`, "must be less than 2001 characters [json-pointer:/blocks/0/hint/text]"))
	check("input without element")(bad(`{"type":"input","label":`+word+`}`, "missing required field: element [json-pointer:/blocks/0]"))
	check("input of an image")(bad(input(`{"type":"image","image_url":"https://x/y.png","alt_text":"x"}`), "unsupported type: image [json-pointer:/blocks/0/element/type]"))
	check("max_length 3001")(bad(input(`{"type":"plain_text_input","max_length":3001}`), "must be between 0 and 3000 [json-pointer:/blocks/0/element/max_length]"))
	check("a number of which kind")(bad(input(`{"type":"number_input"}`), "missing required field: is_decimal_allowed [json-pointer:/blocks/0/element]"))
	check("two pictures")(bad(`{"type":"image","alt_text":"x","image_url":"https://x/y.png","slack_file":{"id":"F1"}}`, "cannot use both `image_url` and `slack_file` [json-pointer:/blocks/0]"))

	check("block_id 256")(bad(`{"type":"divider","block_id":"`+long(256)+`"}`, "must be less than 256 characters [json-pointer:/blocks/0/block_id]"))
	check("block_id twice")(bad(many(2, `{"type":"divider","block_id":"a"}`), "`block_id` \"a\" already exists [json-pointer:/blocks/1/block_id]"))
	check("image without words")(bad(`{"type":"image","image_url":"https://x/y.png"}`, "missing required field: alt_text [json-pointer:/blocks/0]"))
	check("image without picture")(bad(`{"type":"image","alt_text":"x"}`, "missing required field: image_url [json-pointer:/blocks/0]"))
	check("image url 3001")(bad(`{"type":"image","alt_text":"x","image_url":"https://x/`+long(2991)+`"}`, "must be less than 3001 characters [json-pointer:/blocks/0/image_url]"))
	check("alt text 2001")(bad(`{"type":"image","image_url":"https://x/y.png","alt_text":"`+long(2001)+`"}`, "must be less than 2001 characters [json-pointer:/blocks/0/alt_text]"))
	check("21 columns")(bad(`{"type":"table","rows":[[`+many(21, `{"type":"raw_text","text":"x"}`)+`]]}`, "no more than 20 items allowed [json-pointer:/blocks/0/rows/0]"))

	check("markdown 12000")(good(markdown(12000)))
	check("markdown 12001")(bad(markdown(12001), "must be less than 12001 characters [json-pointer:/blocks/0/text]"))
	check("markdown empty")(bad(`{"type":"markdown","text":""}`, "must be more than 0 characters [json-pointer:/blocks/0/text]"))
	check("markdown without text")(bad(`{"type":"markdown"}`, "missing required field: text [json-pointer:/blocks/0]"))
	check("markdown 12000 in two")(good(markdown(6000) + "," + markdown(6000)))
	check("markdown 12001 in two")(markdown(6000)+","+markdown(6001), "msg_blocks_too_long", "")
	check("4 sections of 3000")(good(many(4, section(long(3000)))))
	check("5 sections, 13200 in all")(good(many(5, section(long(2595)))))
	check("5 sections, 13205 in all")(many(5, section(long(2596))), "msg_blocks_too_long", "")
	check("rich text 13200")(good(`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"` + long(13155) + `"}]}]}`))
	check("rich text 13201")(`{"type":"rich_text","elements":[{"type":"rich_text_section","elements":[{"type":"text","text":"`+long(13156)+`"}]}]}`, "msg_blocks_too_long", "")
	check("two faults")(bad(`{"type":"header"},{"type":"poem"}`, "missing required field: text [json-pointer:/blocks/0]; unsupported type: poem [json-pointer:/blocks/1/type]"))
}

// A real client sees what is wrong and where.
func TestInvalidBlocksNameTheBlock(t *testing.T) {
	d := open(t)
	_, _, err := d.client.PostMessageContext(t.Context(), "oncall", slack.MsgOptionBlocks(slack.NewDividerBlock(), slack.NewHeaderBlock(plain(strings.Repeat("x", 151)))))
	var refused slack.SlackErrorResponse
	if !errors.As(err, &refused) || refused.Err != "invalid_blocks" {
		t.Fatalf("the error is %v", err)
	}
	want := []string{"[ERROR] must be less than 151 characters [json-pointer:/blocks/1/text/text]"}
	if diff := cmp.Diff(want, refused.ResponseMetadata.Messages); diff != "" {
		t.Errorf("response_metadata.messages (-want +got):\n%s", diff)
	}
	if len(refused.Errors) != 1 || refused.Errors[0].Message == nil || "[ERROR] "+*refused.Errors[0].Message != want[0] {
		t.Errorf("errors are %+v", refused.Errors)
	}
	attached := slack.Attachment{Blocks: slack.Blocks{BlockSet: []slack.Block{slack.NewHeaderBlock(plain(strings.Repeat("x", 151)))}}}
	if _, _, err := d.client.PostMessageContext(t.Context(), "oncall", slack.MsgOptionAttachments(attached)); word(err) != "invalid_attachments" {
		t.Errorf("attachment with bad blocks: %v", err)
	}
	if _, _, err := d.client.PostMessageContext(t.Context(), "oncall", slack.MsgOptionAttachments(make([]slack.Attachment, 101)...)); word(err) != "too_many_attachments" {
		t.Errorf("101 attachments: %v", err)
	}
}

func TestEscapedLength(t *testing.T) {
	check := func(s string, want int) {
		t.Helper()
		if got := escapedLength(s); got != want {
			t.Errorf("%q is %d long, want %d", s, got, want)
		}
	}
	check("", 0)
	check("naïve 🔴", 7)
	check("a & b", 9)
	check("a &amp; b", 9)
	check("1 < 2 > 0", 15)
	check("<https://x.example|text>", 24)
	check("<@U0PRIYA>", 10)
	check("<script>", 14)
	check("<https://x.example", 21)
	check("<<@U1>", 9)
	check("&lt;&gt;&amp;&nbsp;", 13+10)
}

func TestCheckerKeepsBlocks(t *testing.T) {
	in := `[{"type":"section","text":{"type":"mrkdwn","text":"<https://x.example|x> & 1.50"},"n":1.50},{"type":"divider","block_id":"b0"}]`
	out, err := newChecker().blocks(in)
	if err != nil {
		t.Fatal(err)
	}
	var got []map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	if got[0]["block_id"] == "" || got[0]["block_id"] == "b0" {
		t.Errorf("block_id is %v", got[0]["block_id"])
	}
	if !strings.Contains(out, `1.50,`) && !strings.Contains(out, `1.50}`) || !strings.Contains(out, "<https://x.example|x> & 1.50") {
		t.Errorf("blocks changed: %s", out)
	}
}

func FuzzBlocks(f *testing.F) {
	for _, s := range []string{
		`[]`, `null`, `[{"type":"section","text":{"type":"mrkdwn","text":"hi"}}]`, `[{"type":"rich_text","elements":[{"type":"rich_text_list","elements":[{}]}]}]`,
		`[{"type":"actions","elements":[{"type":"overflow","options":[{"text":1}]}]}]`, `[{"type":"table","rows":[[null,{"value":1}]]}]`,
		`[{"type":"markdown","text":"<b>x</b> ![a](javascript:x) [b](data:x)"}]`, `[{"type":"context","elements":[{"type":"image","image_url":"javascript:x","alt_text":"<"}]}]`,
	} {
		f.Add(s)
	}
	r := testRenderer(f)
	d := open(f)
	f.Fuzz(func(t *testing.T, raw string) {
		views := r.blocks(raw) // What was stored before a limit came must not break the page either.
		var page strings.Builder
		for _, v := range views {
			if err := d.templates.ExecuteTemplate(&page, "block", v); err != nil {
				t.Fatal(err)
			}
		}
		if fault := unsafe(page.String()); fault != "" {
			t.Errorf("%s: %s", fault, page.String())
		}
		stateOf(raw)
		c := newChecker()
		out, err := c.blocks(raw)
		if err != nil {
			if _, ok := errors.AsType[slackError](err); !ok {
				t.Errorf("%v is not an error of Slack's", err)
			}
			return
		}
		again, err := newChecker().blocks(out)
		if err != nil || again != out {
			t.Errorf("what was accepted is %s, then %s, %v", out, again, err)
		}
		if out != "" {
			var blocks slack.Blocks
			if err := json.Unmarshal([]byte(out), &blocks); err != nil {
				t.Log(fmt.Errorf("slack-go cannot read it back: %w", err))
			}
		}
	})
}
