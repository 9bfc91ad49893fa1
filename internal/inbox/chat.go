package inbox

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"unicode/utf8"
)

// chatPostMessage posts to a channel, or into a thread of it.
func (b *Inbox) chatPostMessage(ctx context.Context, c call) (map[string]any, error) {
	to, err := b.destination(ctx, c.args["channel"])
	if err != nil {
		return nil, err
	}
	m := message{channel: to.id}
	if m, err = b.contentOf(ctx, c, m); err != nil {
		return nil, err
	}
	if m.thread, err = b.threadOf(ctx, to, c.args["thread_ts"]); err != nil {
		return nil, err
	}
	m.broadcast = m.thread != 0 && c.flag("reply_broadcast")
	m.username, m.icon = c.args["username"], cmp.Or(c.args["icon_emoji"], c.args["icon_url"])
	if err := b.archive.insert(ctx, &m, b.now()); err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{"channel": to.id, "ts": m.ts.String(), "message": wire(m, nil)}, nil
}

// chatPostEphemeral posts what one user sees.
func (b *Inbox) chatPostEphemeral(ctx context.Context, c call) (map[string]any, error) {
	to, err := b.destination(ctx, c.args["channel"])
	if err != nil {
		return nil, err
	}
	m := message{channel: to.id, ephemeral: c.args["user"]}
	if _, known := b.people.find(m.ephemeral); !known {
		return nil, refuse("user_not_in_channel")
	}
	if m, err = b.contentOf(ctx, c, m); err != nil {
		return nil, err
	}
	if m.thread, err = b.threadOf(ctx, to, c.args["thread_ts"]); err != nil {
		return nil, err
	}
	m.username, m.icon = c.args["username"], cmp.Or(c.args["icon_emoji"], c.args["icon_url"])
	if err := b.archive.insert(ctx, &m, b.now()); err != nil {
		return nil, err
	}
	b.changes.publish()
	return map[string]any{"message_ts": m.ts.String()}, nil
}

// chatUpdate replaces what is given of text, blocks, attachments and metadata and leaves the rest.
func (b *Inbox) chatUpdate(ctx context.Context, c call) (map[string]any, error) {
	to, old, err := b.target(ctx, c, "ts")
	if err != nil {
		return nil, err
	}
	if old.ephemeral != "" {
		return nil, refuse("cant_update_message")
	}
	if !saysAnything(c) {
		return nil, refuse("no_text")
	}
	m, err := b.contentOf(ctx, c, old)
	if err != nil {
		return nil, err
	}
	m.broadcast = old.broadcast || old.thread != 0 && c.flag("reply_broadcast")
	m.edited = stampOf(b.now())
	if err := b.archive.update(ctx, m, m.edited); err != nil {
		return nil, notFound(err)
	}
	b.changes.publish()
	w := wire(m, nil)
	if err := b.wireFiles(ctx, w, m, c.base); err != nil {
		return nil, err
	}
	return map[string]any{"channel": to.id, "ts": m.ts.String(), "text": m.text, "message": w}, nil
}

func (b *Inbox) chatDelete(ctx context.Context, c call) (map[string]any, error) {
	to, m, err := b.target(ctx, c, "ts")
	if err != nil {
		return nil, err
	}
	if m.ephemeral != "" {
		return nil, refuse("cant_delete_message")
	}
	if err := b.archive.remove(ctx, to.id, m.ts, stampOf(b.now())); err != nil {
		return nil, notFound(err)
	}
	b.changes.publish()
	return map[string]any{"channel": to.id, "ts": m.ts.String()}, nil
}

func (b *Inbox) chatGetPermalink(ctx context.Context, c call) (map[string]any, error) {
	to, m, err := b.target(ctx, c, "message_ts")
	if err != nil {
		return nil, err
	}
	return map[string]any{"channel": to.id, "permalink": c.base + "/inbox/" + to.id + "/" + m.ts.String()}, nil
}

func (b *Inbox) reactionsAdd(ctx context.Context, c call) (map[string]any, error) {
	_, m, err := b.target(ctx, c, "timestamp")
	if err != nil {
		return nil, err
	}
	name := strings.Trim(c.args["name"], ":")
	if !isEmojiName(name) {
		return nil, refuse("invalid_name")
	}
	added, err := b.archive.react(ctx, m, name, stampOf(b.now()))
	if err != nil {
		return nil, err
	}
	if !added {
		return nil, refuse("already_reacted")
	}
	b.changes.publish()
	return map[string]any{}, nil
}

func (b *Inbox) reactionsRemove(ctx context.Context, c call) (map[string]any, error) {
	_, m, err := b.target(ctx, c, "timestamp")
	if err != nil {
		return nil, err
	}
	removed, err := b.archive.unreact(ctx, m, strings.Trim(c.args["name"], ":"))
	if err != nil {
		return nil, err
	}
	if !removed {
		return nil, refuse("no_reaction")
	}
	b.changes.publish()
	return map[string]any{}, nil
}

// destination is where a message may be posted: a channel by ID, or by name, which makes it;
// or a user by ID or @name, which opens a direct message.
func (b *Inbox) destination(ctx context.Context, arg string) (channel, error) {
	if looksLikeID(arg) {
		return b.channelOf(ctx, arg)
	}
	name := channelName(arg)
	if isUser(arg) {
		name = "@" + arg
	}
	if !isChannelName(name) {
		return channel{}, refuse("channel_not_found")
	}
	c, err := b.archive.find(ctx, name)
	if !errors.Is(err, errNoChannel) {
		return c, err
	}
	if len(b.channels) > 0 {
		return channel{}, refuse("channel_not_found")
	}
	return b.archive.create(ctx, name, b.now())
}

// channelOf is the channel of that ID. Most methods of Slack know channels by ID only.
func (b *Inbox) channelOf(ctx context.Context, id string) (channel, error) {
	if !looksLikeID(id) {
		return channel{}, refuse("channel_not_found")
	}
	c, err := b.archive.find(ctx, id)
	if errors.Is(err, errNoChannel) {
		return channel{}, refuse("channel_not_found")
	}
	return c, err
}

// target is the message that a call's channel and ts, under the given name, point at.
func (b *Inbox) target(ctx context.Context, c call, tsArg string) (channel, message, error) {
	to, err := b.channelOf(ctx, c.args["channel"])
	if err != nil {
		return channel{}, message{}, err
	}
	ts, ok := parseStamp(c.args[tsArg])
	if !ok {
		return channel{}, message{}, refuse("message_not_found")
	}
	m, err := b.archive.message(ctx, to.id, ts)
	return to, m, notFound(err)
}

func notFound(err error) error {
	if errors.Is(err, errNoMessage) {
		return refuse("message_not_found")
	}
	return err
}

// threadOf is the parent a reply goes to. As on Slack, a reply to a message that is gone is posted outside any thread.
func (b *Inbox) threadOf(ctx context.Context, to channel, arg string) (stamp, error) {
	if arg == "" {
		return 0, nil
	}
	ts, ok := parseStamp(arg)
	if !ok {
		return 0, refuse("invalid_thread_ts")
	}
	parent, err := b.archive.parent(ctx, to.id, ts)
	if errors.Is(err, errNoMessage) {
		return 0, nil
	}
	return parent.ts, err
}

// contentOf returns the message with what the call says in its text, blocks, attachments and metadata.
// What the call does not mention stays.
func (b *Inbox) contentOf(ctx context.Context, c call, m message) (message, error) {
	if err := textOf(c, &m); err != nil {
		return m, err
	}
	check := newChecker()
	check.file = b.shownFile(ctx)
	if raw, given := c.args["blocks"]; given {
		blocks, err := check.blocks(raw)
		if err != nil {
			return m, err
		}
		m.blocks = blocks
	}
	if raw, given := c.args["attachments"]; given {
		attachments, err := check.attachments(raw)
		if err != nil {
			return m, err
		}
		m.attachments = attachments
	}
	if err := check.total(); err != nil {
		return m, err
	}
	if raw, given := c.args["metadata"]; given {
		metadata, err := checkMetadata(raw)
		if err != nil {
			return m, err
		}
		m.metadata = metadata
	}
	if m.text == "" && m.blocks == "" && m.attachments == "" && m.files == "" {
		return m, refuse("no_text")
	}
	m.state = stateOf(m.blocks)
	return m, nil
}

// saysAnything says whether an update mentions what is to change.
func saysAnything(c call) bool {
	for _, arg := range []string{"text", "blocks", "attachments", "metadata", "markdown_text"} {
		if _, given := c.args[arg]; given {
			return true
		}
	}
	return false
}

// textOf takes the text, or the Markdown that stands for text and blocks.
func textOf(c call, m *message) error {
	if text, given := c.args["text"]; given {
		m.text = strings.ToValidUTF8(text, "\uFFFD")
	}
	if escapedLength(m.text) > maxText {
		return refuse("msg_too_long")
	}
	markdown := c.args["markdown_text"]
	switch {
	case markdown == "":
		return nil
	case c.args["text"] != "" || c.args["blocks"] != "":
		return refuse("markdown_text_conflict")
	case utf8.RuneCountInString(markdown) > maxMarkdown:
		return refuse("msg_too_long")
	}
	block, err := json.Marshal([]map[string]string{{"type": "markdown", "text": markdown}})
	if err != nil {
		return err
	}
	m.text, c.args["blocks"] = markdown, string(block)
	return nil
}

// checkMetadata returns the metadata as it is kept; {} removes it.
func checkMetadata(raw string) (string, error) {
	var metadata struct {
		EventType    string         `json:"event_type"`
		EventPayload map[string]any `json:"event_payload"`
	}
	switch err := json.Unmarshal([]byte(raw), &metadata); {
	case strings.TrimSpace(raw) == "" || strings.TrimSpace(raw) == "{}":
		return "", nil
	case err != nil:
		return "", refuse("invalid_metadata_format")
	case metadata.EventType == "" || metadata.EventPayload == nil:
		return "", refuse("invalid_metadata_schema")
	case len(raw) > maxMetadata:
		return "", refuse("metadata_too_large")
	}
	return raw, nil
}

// The forms of names and IDs.
var (
	groupForm   = regexp.MustCompile(`^S[0-9A-Z]{8,}$`)
	userForm    = regexp.MustCompile(`^[UW][0-9A-Z]{2,30}$`)
	channelForm = regexp.MustCompile(`^@?[\p{L}\p{M}\p{N}_.-]{1,80}$`)
	emojiForm   = regexp.MustCompile(`^[\p{L}\p{N}_+'-]{1,100}(::skin-tone-[2-6])?$`)
)

func isGroup(s string) bool       { return groupForm.MatchString(s) }
func isUser(s string) bool        { return userForm.MatchString(s) }
func isChannelName(s string) bool { return channelForm.MatchString(s) }
func isEmojiName(s string) bool   { return emojiForm.MatchString(s) }
