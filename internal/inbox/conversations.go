package inbox

import (
	"cmp"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"strings"
)

func (b *Inbox) authTest(_ context.Context, c call) (map[string]any, error) {
	return map[string]any{
		"url": c.base + "/inbox/", "team": teamName, "user": strings.ToLower(botName), "team_id": teamID,
		"user_id": botUser, "bot_id": botID, "is_enterprise_install": false,
	}, nil
}

func (b *Inbox) conversationsHistory(ctx context.Context, c call) (map[string]any, error) {
	to, err := b.channelOf(ctx, c.args["channel"])
	if err != nil {
		return nil, err
	}
	p, err := pageOf(c, 100)
	if err != nil {
		return nil, err
	}
	s := selection{after: p.oldest, before: p.latest, where: inStream + visible, newest: p.limit + 1}
	if p.cursor != 0 {
		s.before = p.cursor
	}
	found, err := b.archive.messages(ctx, to.id, s)
	if err != nil {
		return nil, err
	}
	found, result := p.cut(found)
	result["pin_count"] = 0
	result["messages"], err = b.wireAll(ctx, c, to, found)
	return result, err
}

func (b *Inbox) conversationsReplies(ctx context.Context, c call) (map[string]any, error) {
	to, err := b.channelOf(ctx, c.args["channel"])
	if err != nil {
		return nil, err
	}
	p, err := pageOf(c, 999)
	if err != nil {
		return nil, err
	}
	ts, ok := parseStamp(c.args["ts"])
	if !ok {
		return nil, refuse("thread_not_found")
	}
	parent, err := b.archive.parent(ctx, to.id, ts)
	if errors.Is(err, errNoMessage) {
		return nil, refuse("thread_not_found")
	}
	if err != nil {
		return nil, err
	}
	s := selection{after: max(p.oldest, p.cursor), before: p.latest, where: inThread + visible, thread: parent.ts}
	found, err := b.archive.messages(ctx, to.id, s)
	if err != nil {
		return nil, err
	}
	if p.cursor == 0 { // Slack gives the parent whatever the bounds.
		found = append([]message{parent}, found...)
	}
	found, result := p.cut(found)
	result["messages"], err = b.wireAll(ctx, c, to, found)
	return result, err
}

// page is what a call says about which messages it wants.
type page struct {
	oldest, latest stamp // both outside
	cursor         stamp
	limit          int
}

func pageOf(c call, limit int) (page, error) {
	p := page{limit: limit}
	bound := func(arg, word string, to *stamp, inclusive stamp) error {
		s := c.args[arg]
		if s == "" || s == "0" {
			return nil
		}
		ts, ok := parseStamp(s)
		if !ok {
			return refuse(word)
		}
		*to = ts
		if c.flag("inclusive") {
			*to += inclusive
		}
		return nil
	}
	if err := bound("oldest", "invalid_ts_oldest", &p.oldest, -1); err != nil {
		return p, err
	}
	if err := bound("latest", "invalid_ts_latest", &p.latest, +1); err != nil {
		return p, err
	}
	if s := c.args["limit"]; s != "" {
		n, err := strconv.Atoi(s)
		if err != nil || n < 0 {
			return p, refuse("invalid_limit")
		}
		if n > 0 {
			p.limit = min(n, 999)
		}
	}
	if s := c.args["cursor"]; s != "" {
		ts, ok := readCursor(s)
		if !ok {
			return p, refuse("invalid_cursor")
		}
		p.cursor = ts
	}
	return p, nil
}

// cut returns as many as are wanted of what was found, and an answer that says whether there is more, and how to get it.
func (p page) cut(found []message) ([]message, map[string]any) {
	var next stamp
	if len(found) > p.limit {
		found = found[:p.limit]
		next = found[p.limit-1].ts
	}
	return found, map[string]any{"has_more": next != 0, "response_metadata": map[string]any{"next_cursor": cursorOf(next)}}
}

// cursorOf says where to go on; nowhere is empty.
func cursorOf(next stamp) string {
	if next == 0 {
		return ""
	}
	return base64.StdEncoding.EncodeToString([]byte("next_ts:" + strconv.FormatInt(int64(next), 10)))
}

func readCursor(s string) (stamp, bool) {
	raw, err := base64.StdEncoding.DecodeString(s)
	if err != nil {
		return 0, false
	}
	digits, ok := strings.CutPrefix(string(raw), "next_ts:")
	n, err := strconv.ParseInt(digits, 10, 64)
	return stamp(n), ok && err == nil && n > 0
}

func (b *Inbox) conversationsList(ctx context.Context, c call) (map[string]any, error) {
	p, err := pageOf(c, 100)
	if err != nil {
		return nil, err
	}
	rows, err := b.archive.channels(ctx)
	if err != nil {
		return nil, err
	}
	kinds := strings.Split(cmp.Or(c.args["types"], "public_channel"), ",")
	rows = slices.DeleteFunc(rows, func(ch channel) bool {
		kind := "public_channel"
		if ch.direct() {
			kind = "im"
		}
		return !slices.ContainsFunc(kinds, func(k string) bool { return strings.TrimSpace(k) == kind })
	})
	from := min(int(p.cursor), len(rows)) // Here a cursor counts channels.
	to, next := len(rows), stamp(0)
	if to-from > p.limit {
		to = from + p.limit
		next = stamp(to)
	}
	found := make([]map[string]any, 0, to-from)
	for _, ch := range rows[from:to] {
		found = append(found, wireChannel(ch))
	}
	return map[string]any{"channels": found, "response_metadata": map[string]any{"next_cursor": cursorOf(next)}}, nil
}

func (b *Inbox) conversationsInfo(ctx context.Context, c call) (map[string]any, error) {
	to, err := b.channelOf(ctx, c.args["channel"])
	if err != nil {
		return nil, err
	}
	return map[string]any{"channel": wireChannel(to)}, nil
}

// conversationsJoin has nothing to do: the bot is in every channel.
func (b *Inbox) conversationsJoin(ctx context.Context, c call) (map[string]any, error) {
	result, err := b.conversationsInfo(ctx, c)
	if err != nil {
		return nil, err
	}
	result["warning"] = "already_in_channel"
	result["response_metadata"] = map[string]any{"warnings": []string{"already_in_channel"}}
	return result, nil
}

func wireChannel(c channel) map[string]any {
	w := map[string]any{
		"id": c.id, "name": c.name, "name_normalized": c.name, "created": c.created.time().Unix(), "creator": botUser,
		"is_channel": !c.direct(), "is_im": c.direct(), "is_group": false, "is_mpim": false, "is_private": false, "is_archived": false,
		"is_general": false, "is_member": true, "is_shared": false, "num_members": 1, "context_team_id": teamID,
		"topic":   map[string]any{"value": "", "creator": "", "last_set": 0},
		"purpose": map[string]any{"value": "", "creator": "", "last_set": 0},
	}
	if c.direct() {
		w["user"] = strings.TrimPrefix(c.name, "@")
	}
	return w
}

// wireAll writes messages as Slack lists them: parents say what is in their thread. Metadata is left out
// unless the call asks for it.
func (b *Inbox) wireAll(ctx context.Context, c call, in channel, messages []message) ([]map[string]any, error) {
	replies, err := b.archive.replies(ctx, messages)
	if err != nil {
		return nil, err
	}
	reactions, err := b.archive.reactions(ctx, in.id, span(messages))
	if err != nil {
		return nil, err
	}
	found := make([]map[string]any, 0, len(messages))
	for _, m := range messages {
		if !c.flag("include_all_metadata") {
			m.metadata = ""
		}
		w := wire(m, reactions[m.ts])
		r := slices.DeleteFunc(replies[m.ts], func(m message) bool { return m.ephemeral != "" })
		if len(r) > 0 {
			w["thread_ts"], w["reply_count"], w["latest_reply"] = m.ts.String(), len(r), r[len(r)-1].ts.String()
			w["reply_users"], w["reply_users_count"], w["is_locked"], w["subscribed"] = []string{botUser}, 1, false, false
		}
		if err := b.wireFiles(ctx, w, m, c.base); err != nil {
			return nil, err
		}
		found = append(found, w)
	}
	return found, nil
}

// wire writes one message as Slack does.
func wire(m message, reactions []Reaction) map[string]any {
	if m.deleted != 0 {
		return map[string]any{
			"type": "message", "subtype": "tombstone", "text": "This message was deleted.", "user": "USLACKBOT",
			"hidden": true, "ts": m.ts.String(), "thread_ts": m.ts.String(),
		}
	}
	w := map[string]any{
		"type": "message", "ts": m.ts.String(), "text": m.text, "user": botUser, "bot_id": botID, "app_id": appID, "team": teamID,
		"bot_profile": map[string]any{"id": botID, "app_id": appID, "name": botName, "team_id": teamID, "deleted": false},
	}
	for key, raw := range map[string]string{"blocks": m.blocks, "attachments": m.attachments, "metadata": m.metadata} {
		if raw != "" {
			w[key] = json.RawMessage(raw)
		}
	}
	if m.username != "" {
		w["subtype"], w["username"] = "bot_message", m.username
	}
	if m.thread != 0 {
		w["thread_ts"], w["parent_user_id"] = m.thread.String(), botUser
	}
	if m.broadcast {
		w["subtype"] = "thread_broadcast"
	}
	if m.edited != 0 {
		w["edited"] = map[string]any{"user": botUser, "ts": m.edited.String()}
	}
	var reacted []map[string]any
	for _, r := range reactions {
		reacted = append(reacted, map[string]any{"name": r.Name, "count": len(r.Users), "users": r.Users})
	}
	if reacted != nil {
		w["reactions"] = reacted
	}
	return w
}
