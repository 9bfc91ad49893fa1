package slack

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// threadOf lists what goes below a new page: what the page had no room for, then
// the whole playbook. What is too long for a thread becomes a file.
func (in *incident) threadOf(over overflow) []part {
	var out []part
	if over.bad != "" {
		out = append(out, sections("The rest of the description:", over.bad)...)
	}
	if len(over.alerts) > 0 {
		text := strings.Join(over.alerts, "\n")
		if in.Unlisted > 0 {
			text += fmt.Sprintf("\n… and %s", plural(in.Unlisted, "more alert"))
		}
		out = append(out, sections("All the other alerts of this incident:", text)...)
	}
	return append(out, in.playbookText()...)
}

// playbookText is the whole playbook as messages of one markdown block each.
func (in *incident) playbookText() []part {
	if in.Playbook == nil || in.state() == resolved {
		return nil
	}
	const titleRoom = 300
	title := escaped("📖 "+oneLine(in.Playbook.Title), titleRoom-100)
	texts := in.Playbook.Text
	if len(texts) == 0 { // the page is posted anew after a restart
		texts = in.Playbook.asWritten().SlackMarkdown(in.ExternalURL)
	}
	var pieces []string
	for _, text := range texts {
		pieces = append(pieces, splitMarkdown(harmless(clean(text)), maxMessage-titleRoom)...)
	}
	var out []part
	for i, piece := range pieces {
		text := title
		if len(pieces) > 1 {
			text += fmt.Sprintf(" (%d of %d)", i+1, len(pieces))
		}
		if i == maxThread {
			return append(out, part{File: &file{
				Name: "playbook-" + in.Playbook.ID + ".md", Title: in.Playbook.Title, Content: []byte(clean(strings.Join(texts, "\n\n"))),
			}})
		}
		c := newComposer(text)
		c.markdown(piece)
		out = append(out, part{message: c.message()})
	}
	return out
}

// harmless keeps a playbook from pinging anybody: <!channel> and the like are
// shown, not followed. Markdown knows the entity as well.
func harmless(markdown string) string {
	for _, mark := range []string{"<!", "<@", "<#"} {
		markdown = strings.ReplaceAll(markdown, mark, "&lt;"+mark[1:])
	}
	return markdown
}

// sections are messages of mrkdwn, as many as the text needs up to maxThread; what
// is left then goes into a file.
func sections(title, text string) []part {
	var out []part
	for n := 0; strings.TrimSpace(text) != ""; n++ {
		if n == maxThread {
			return append(out, part{File: &file{Name: "rest.txt", Title: strings.TrimSuffix(title, ":"), Content: []byte(unescape(text))}})
		}
		c := newComposer(title)
		for len(c.blocks) < 4 && c.left > 0 && strings.TrimSpace(text) != "" {
			rest := c.section(text, maxSection-100)
			if len(rest) >= len(text) {
				return append(out, part{message: c.message()}) // nothing of it can be sent
			}
			text = rest
		}
		out = append(out, part{message: c.message()})
	}
	return out
}

// unescape turns mrkdwn into the text of a file, which nobody parses.
func unescape(s string) string {
	return strings.NewReplacer("&amp;", "&", "&lt;", "<", "&gt;", ">").Replace(s)
}

// reply builds one short message for the thread: a sentence, then mrkdwn lines, as
// many as the message has room for.
func reply(sentence string, lines []string) message {
	const most = 25
	if extra := len(lines) - most; extra > 0 {
		lines = append(slices.Clone(lines[:most]), fmt.Sprintf("… and %d more", extra))
	}
	c := newComposer(sentence)
	text := strings.Join(append([]string{sentence}, lines...), "\n")
	for len(c.blocks) < 4 && strings.TrimSpace(text) != "" {
		rest := c.section(text, maxSection-100)
		if len(rest) >= len(text) {
			break
		}
		text = rest
	}
	return c.message()
}

// changed says what is different from what the thread was told last. ok is
// false when nothing is.
func (in *incident) changed(told []string) (m message, ok bool) {
	if in.state() == resolved {
		return in.resolvedReply(), true
	}
	shared := common(in.Alerts, labelsOf)
	was, now := setOf(told), setOf(in.firingIDs())
	var lines []string
	added, gone := 0, 0
	for _, a := range in.alerts(firing) {
		if !was[a.ID] {
			lines = append(lines, a.line(shared))
		}
	}
	for id := range now {
		if !was[id] {
			added++
		}
	}
	for _, id := range told {
		if !now[id] {
			gone++
		}
	}
	for _, a := range in.alerts(resolved) {
		if was[a.ID] {
			lines = append(lines, "• ✅ "+strings.TrimPrefix(a.line(shared), "• "))
		}
	}
	var parts []string
	if added > 0 {
		parts = append(parts, fmt.Sprintf("🔴 %s %s", plural(added, "more alert"), verb(added, "fires", "fire")))
	}
	if gone > 0 {
		parts = append(parts, fmt.Sprintf("✅ %s resolved", plural(gone, "alert")))
	}
	if len(parts) == 0 {
		return message{}, false
	}
	left := len(now)
	sentence := strings.Join(parts, ", ") + fmt.Sprintf("; %d %s now.", left, verb(left, "fires", "fire"))
	return reply(sentence, lines), true
}

func (in *incident) resolvedReply() message {
	if in.Unseen {
		return reply("✅ Resolved. Nothing of this fires any more; when it stopped was not seen.", nil)
	}
	return reply("✅ Resolved after "+lasting(in.until().Sub(in.since()))+".", nil)
}

// repeated pings again: it still fires.
func (in *incident) repeated() message {
	still := "🔴 Still firing after "
	if in.blind() {
		still = "❄️ Still blind after "
	}
	sentence := still + lasting(in.At.Sub(in.since())) + ": " + escaped(in.headline(), 200)
	if call := in.whomToRemind(); call != "" {
		sentence = call + " " + sentence
	}
	if d := in.Handling.Acknowledged; d != nil {
		sentence += fmt.Sprintf(" (yours since %s)", shortUTC(d.At, in.At))
	}
	var lines []string
	if bad := in.howBad(); bad != "" {
		lines = []string{escaped(oneLine(bad), 600)}
	}
	return reply(sentence, lines)
}

// whomToRemind is whom a repeat mentions: who has acknowledged, else who is on call
// now, else those whom the author of the slack_config wrote to.
func (in *incident) whomToRemind() string {
	switch {
	case in.Handling.Acknowledged != nil:
		return in.Handling.Acknowledged.mention()
	case in.OnCall.Now != nil && isUserID(in.OnCall.Now.SlackID):
		return in.OnCall.Now.mention()
	default:
		return cutMrkdwn(strings.Join(in.Custom.Mentions, " "), 300)
	}
}

func setOf(ids []string) map[string]bool {
	set := make(map[string]bool, len(ids))
	for _, id := range ids {
		set[id] = true
	}
	return set
}

// late is how long ago something is, never negative.
func late(now, then time.Time) time.Duration { return max(0, now.Sub(then)) }
