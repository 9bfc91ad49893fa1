package inbox

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// drawer turns messages into what the template wants.
type drawer struct {
	inbox     *Inbox
	render    renderer
	channel   channel
	href      string
	target    message
	now       time.Time
	reactions map[stamp][]Reaction
	versions  map[stamp][]version
	person    Person
	back      string
	files     map[string]file
	answers   map[stamp][]message // what the person was answered in private, by the message it is about
}

func (d *drawer) draw(ctx context.Context, stream []message) ([]messageView, error) {
	replies, err := d.inbox.archive.replies(ctx, stream)
	if err != nil {
		return nil, err
	}
	if stream, err = d.answer(ctx, stream, replies); err != nil {
		return nil, err
	}
	all := slices.Clone(stream)
	for _, r := range replies {
		all = append(all, r...)
	}
	for _, a := range d.answers {
		all = append(all, a...)
	}
	if d.files, err = d.inbox.archive.filesOf(ctx, all); err != nil {
		return nil, err
	}
	if d.reactions, err = d.inbox.archive.reactions(ctx, d.channel.id, span(all)); err != nil {
		return nil, err
	}
	if d.versions, err = d.inbox.archive.versions(ctx, d.channel.id, span(all)); err != nil {
		return nil, err
	}
	views := make([]messageView, 0, len(stream))
	day := ""
	for i, m := range stream {
		v := d.view("p", m)
		if today := d.day(m.ts.time()); today != day {
			v.Day, day = today, today
		}
		if i > 0 && v.Day == "" {
			v.Continued = continues(stream[i-1], m) && len(replies[stream[i-1].ts]) == 0
		}
		if m.broadcast {
			if v.ReplyTo, err = d.replyTo(ctx, m); err != nil {
				return nil, err
			}
		}
		v.Thread = d.thread(m, replies[m.ts])
		views = append(views, v)
	}
	return views, nil
}

// answer takes what the person was told in private out of the stream and the threads, and puts it to the message it is about.
func (d *drawer) answer(ctx context.Context, stream []message, replies map[stamp][]message) ([]message, error) {
	d.answers = map[stamp][]message{}
	shown := map[stamp]bool{}
	for _, m := range stream {
		shown[m.ts] = true
		for _, r := range replies[m.ts] {
			shown[r.ts] = true
		}
	}
	found, err := d.inbox.archive.answers(ctx, d.channel.id, d.person.ID, span(stream))
	if err != nil {
		return nil, err
	}
	for _, m := range found {
		about := m.about
		if !shown[about] {
			about = m.thread
		}
		if shown[about] && about != 0 {
			d.answers[about] = append(d.answers[about], m)
		}
	}
	private := func(m message) bool { return m.ephemeral != "" }
	for parent := range replies {
		replies[parent] = slices.DeleteFunc(replies[parent], private)
	}
	return slices.DeleteFunc(stream, func(m message) bool { return private(m) && (shown[m.about] && m.about != 0) }), nil
}

// continues says whether m reads on from the message before it. What is more than a line or two stands for itself.
func continues(before, m message) bool {
	return before.author() == m.author() && before.icon == m.icon && m.blocks == "" && before.blocks == "" && before.deleted == 0 &&
		m.deleted == 0 && before.ephemeral == m.ephemeral && !m.broadcast && m.ts.time().Sub(before.ts.time()) < 5*time.Minute
}

func (d *drawer) thread(parent message, replies []message) *threadView {
	if len(replies) == 0 {
		return nil
	}
	t := &threadView{ID: anchorOf("r", parent), Open: d.target.thread == parent.ts && !d.target.broadcast, Last: d.ago(replies[len(replies)-1].ts.time())}
	for i, r := range replies {
		v := d.view("t", r)
		v.AlsoSent = r.broadcast
		v.Continued = i > 0 && continues(replies[i-1], r)
		t.Replies = append(t.Replies, v)
	}
	return t
}

// replyTo says in the channel which thread a broadcast reply belongs to.
func (d *drawer) replyTo(ctx context.Context, m message) (*replyView, error) {
	v := &replyView{Href: d.href + "/" + m.thread.String(), Text: "a message that was deleted"}
	parent, err := d.inbox.archive.message(ctx, m.channel, m.thread)
	switch {
	case errors.Is(err, errNoMessage):
	case err != nil:
		return nil, err
	default:
		v.Text = d.render.plain(summary(parent.text))
	}
	return v, nil
}

// summary is the beginning of a text, in one line.
func summary(s string) string {
	s, _, _ = strings.Cut(strings.TrimSpace(s), "\n")
	if s == "" {
		return "a message"
	}
	if runes := []rune(s); len(runes) > 90 {
		s = strings.TrimRight(string(runes[:88]), " ") + "…"
	}
	return s
}

func (d *drawer) view(anchor string, m message) messageView {
	v := messageView{
		ID: anchorOf(anchor, m), Author: m.author(), Bot: true, Time: d.time(m.ts.time()), Permalink: d.href + "/" + m.ts.String(),
		State: m.state, Deleted: m.deleted != 0, Target: d.target.ts != 0 && m.ts == d.target.ts,
		Hue: hue(m.author()), Initial: initial(m.author()),
	}
	if v.Deleted {
		return v
	}
	if m.icon != "" {
		v.Icon = d.render.plain(m.icon)
		if !strings.HasPrefix(string(v.Icon), "<span") { // Pictures of authors are not loaded from elsewhere.
			v.Icon = ""
		}
	}
	key := noticeKey{user: d.person.ID, channel: m.channel, ts: m.ts}
	render := d.render
	render.controls = &controls{prefix: v.ID, entered: d.inbox.board.choices(key), people: d.inbox.people.people}
	if m.blocks != "" {
		v.Blocks = render.blocks(m.blocks)
	} else {
		v.Text = render.mrkdwn(m.text)
	}
	v.Attached = render.attachments(m.attachments)
	v.Typed, v.Channel, v.TS, v.Back = render.controls.typed, m.channel, m.ts.String(), d.back
	v.Usable = len(partsOfMessage(m)) > 0
	v.Notice = d.inbox.board.noticeOf(key, d.now)
	for _, id := range m.fileIDs() {
		v.Files = append(v.Files, fileViewOf(d.files[id]))
	}
	v.Private = m.ephemeral != ""
	for _, a := range d.answers[m.ts] {
		v.Answers = append(v.Answers, d.view("a", a))
	}
	if m.edits > 0 {
		v.EditCount, v.Edited = m.edits, d.time(m.edited.time())
		for _, old := range d.versions[m.ts] {
			v.Edits = append(v.Edits, editView{Time: d.time(old.written.time()), Text: d.render.mrkdwn(old.text)})
		}
	}
	for _, r := range d.reactions[m.ts] {
		var who []string
		for _, user := range r.Users {
			who = append(who, d.render.people.name(user))
		}
		v.Reactions = append(v.Reactions, reactionView{Glyph: d.render.plain(":" + r.Name + ":"), Count: len(r.Users), Who: strings.Join(who, ", ")})
	}
	return v
}

func (d *drawer) time(t time.Time) timeView {
	t = t.In(d.inbox.location)
	return timeView{Short: t.Format("15:04"), Long: t.Format("Monday, 2 January 2006 at 15:04:05 MST"), Machine: t.Format(time.RFC3339)}
}

func (d *drawer) day(t time.Time) string {
	t = t.In(d.inbox.location)
	switch t.Format(time.DateOnly) {
	case d.now.Format(time.DateOnly):
		return "Today"
	case d.now.AddDate(0, 0, -1).Format(time.DateOnly):
		return "Yesterday"
	}
	if t.Year() == d.now.Year() {
		return t.Format("Monday, 2 January")
	}
	return t.Format("Monday, 2 January 2006")
}

// ago says when the last reply came.
func (d *drawer) ago(t time.Time) string {
	at := t.In(d.inbox.location).Format("15:04")
	if day := d.day(t); day != "Today" {
		return strings.ToLower(day[:1]) + day[1:] + " at " + at
	}
	return "today at " + at
}

func initial(name string) string {
	c, _ := utf8.DecodeRuneInString(name)
	return string(unicode.ToUpper(c))
}

// hue gives every author one of the colors of the style sheet.
func hue(name string) int {
	sum := 0
	for _, c := range name {
		sum = (sum*31 + int(c)) % 997
	}
	return sum % 6
}
