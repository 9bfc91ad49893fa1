package slack

import (
	"encoding/json"
	"fmt"
	"strings"

	slackapi "github.com/slack-go/slack"
)

// message is one Slack message as it is sent: its blocks in JSON, and the text
// that a lock screen shows. It is within every limit.
type message struct {
	Text   string          `json:"text"`
	Blocks json.RawMessage `json:"blocks,omitempty"`
}

// composer collects blocks and keeps the message within maxMessage.
type composer struct {
	text   string
	blocks []slackapi.Block
	left   int
}

func newComposer(text string) *composer {
	text = cutMrkdwn(text, maxFallback)
	return &composer{text: text, left: maxMessage - size(text)}
}

// room is how many characters the next block may have.
func (c *composer) room() int { return max(0, c.left-blockOverhead) }

// fits takes n characters and one block from the budget.
func (c *composer) fits(n int) bool {
	if n > c.room() || len(c.blocks) >= maxBlocks {
		return false
	}
	c.left -= n + blockOverhead
	return true
}

// header adds plain text, which Slack shows as it is.
func (c *composer) header(s string) {
	s = cut(oneLine(s), maxHeader)
	if s != "" && c.fits(rawSize(s)) {
		c.blocks = append(c.blocks, slackapi.NewHeaderBlock(plain(s)))
	}
}

// section adds mrkdwn and returns what did not fit into limit.
func (c *composer) section(s string, limit int) (rest string) {
	s = strings.Trim(s, "\n")
	first, rest := splitMrkdwn(s, min(limit, maxSection, c.room()))
	if strings.TrimSpace(first) == "" {
		return s
	}
	if !c.fits(size(first)) {
		return s
	}
	c.blocks = append(c.blocks, slackapi.NewSectionBlock(styled(first), nil, nil))
	return rest
}

// fields adds up to ten pairs, side by side.
func (c *composer) fields(pairs []string, limit int) {
	var texts []*slackapi.TextBlockObject
	total := 0
	for _, s := range pairs {
		s = cutMrkdwn(strings.TrimSpace(s), min(limit, maxField))
		if s == "" || len(texts) == maxFields || total+size(s) > c.room() {
			continue
		}
		total += size(s)
		texts = append(texts, styled(s))
	}
	if len(texts) > 0 && c.fits(total) {
		c.blocks = append(c.blocks, slackapi.NewSectionBlock(nil, texts, nil))
	}
}

// context adds small print; the last element says what is missing.
func (c *composer) context(parts []string, limit int) {
	var elements []slackapi.MixedElement
	total := 0
	for _, s := range parts {
		s = strings.TrimSpace(s)
		if s == "" || len(elements) == maxElements || total+size(s) > min(limit, c.room()) {
			continue
		}
		total += size(s)
		elements = append(elements, styled(s))
	}
	if len(elements) > 0 && c.fits(total) {
		c.blocks = append(c.blocks, slackapi.NewContextBlock("", elements...))
	}
}

// buttons adds links. Those without a URL that a browser can open are left out.
func (c *composer) buttons(links []anchor) {
	var elements []slackapi.BlockElement
	total := 0
	for i, l := range links {
		u := webURL(l.URL)
		label := cut(oneLine(l.Text), maxButton)
		if u == "" || label == "" || len(elements) == maxButtons || total+size(u)+rawSize(label) > c.room() {
			continue
		}
		total += size(u) + rawSize(label)
		button := slackapi.NewButtonBlockElement(fmt.Sprintf("open_%d", i), "", plain(label)).WithURL(u)
		elements = append(elements, button)
	}
	if len(elements) > 0 && c.fits(total) {
		c.blocks = append(c.blocks, slackapi.NewActionBlock("", elements...))
	}
}

func (c *composer) image(rawURL, alt string) {
	u := webURL(rawURL)
	alt = cut(oneLine(alt), maxAltText)
	if u != "" && alt != "" && c.fits(size(u)+rawSize(alt)) {
		c.blocks = append(c.blocks, slackapi.NewImageBlock(u, alt, "", nil))
	}
}

// markdown adds a block of Markdown that already has its size.
func (c *composer) markdown(s string) {
	if strings.TrimSpace(s) != "" && c.fits(rawSize(s)) {
		c.blocks = append(c.blocks, slackapi.NewMarkdownBlock("", s))
	}
}

func (c *composer) message() message {
	if len(c.blocks) == 0 {
		return message{Text: c.text}
	}
	raw, err := json.Marshal(c.blocks)
	if err != nil {
		// Blocks are structs of strings; should that ever fail, the text still goes out.
		return message{Text: c.text}
	}
	return message{Text: c.text, Blocks: raw}
}

func plain(s string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.PlainTextType, s, true, false)
}

func styled(s string) *slackapi.TextBlockObject {
	return slackapi.NewTextBlockObject(slackapi.MarkdownType, s, false, false)
}

// overflow is what the page had no room for; it goes to the thread.
type overflow struct {
	bad    string   // the rest of the description, mrkdwn
	alerts []string // further alerts, mrkdwn lines
}

// page builds the message of an incident, and says what it had no room for.
func (in *incident) page() (message, overflow) {
	var over overflow
	c := newComposer(in.fallback())
	c.header(in.banner())
	for _, s := range in.Custom.Opening {
		c.section(cutMrkdwn(s, maxOpening), maxOpening)
	}
	c.fields(in.facts(), maxFact)
	if in.Custom.Text != "" {
		over.bad = c.section(in.Custom.Text, maxBad)
	} else {
		over.bad = c.section(in.badly(), maxBad)
	}
	over.alerts = in.list(c)
	in.playbookBlocks(c)
	c.fields(in.Custom.Fields, maxOwn/2)
	c.image(in.Custom.ImageURL, in.headline())
	c.buttons(in.links())
	footer := in.otherLabels()
	if in.NoPlaybook && in.state() == firing {
		footer = append(footer, "_No playbook matches this alert._")
	}
	if s := cutMrkdwn(in.Custom.Footer, maxFooter/2); s != "" {
		footer = append([]string{s}, footer...)
	}
	c.context(footer, maxFooter)
	return c.message(), over
}

// banner is the header: state in an emoji and a word, then what is broken.
func (in *incident) banner() string {
	switch {
	case in.state() == resolved:
		return "✅ Resolved: " + in.headline()
	case in.blind():
		return "❄️ Blind: " + in.headline()
	}
	return "🔴 Firing: " + in.headline()
}

// badly is how bad it is, in mrkdwn.
func (in *incident) badly() string {
	s := in.howBad()
	if s == "" {
		if len(in.subject()) == 1 && says(in.subject()[0].Annotations) == "" {
			return "_This alert says nothing more about itself: it has no summary and no description, only the labels below._"
		}
		return ""
	}
	if in.state() == resolved && (in.Unseen || common(in.subject(), annotationsOf)["promise"] == "") {
		// Our own rules say how it is now; others repeat what they said last.
		return "_While it fired:_ " + escape(s)
	}
	return escape(s)
}

// list adds the alerts where there are several, and returns those without room.
func (in *incident) list(c *composer) (rest []string) {
	alerts := in.alerts(firing)
	done := in.alerts(resolved)
	if len(alerts)+len(done) < 2 {
		return nil
	}
	shared := common(in.Alerts, labelsOf)
	var lines []string
	for i := range alerts {
		lines = append(lines, alerts[i].line(shared))
	}
	for i := range done {
		line := done[i].line(shared)
		if len(alerts) > 0 {
			line = "• ✅ " + strings.TrimPrefix(line, "• ")
		}
		lines = append(lines, line)
	}
	title := fmt.Sprintf("*%s %s:*\n", plural(len(alerts)+in.Unlisted, "alert"), verb(len(alerts)+in.Unlisted, "fires", "fire"))
	if len(alerts) == 0 {
		title = fmt.Sprintf("*%s fired:*\n", plural(len(done)+in.Unlisted, "alert"))
	}
	shown, n := title, 0
	for _, line := range lines {
		if n == maxLines || size(shown)+size(line)+1 > maxList-60 {
			break
		}
		shown += line + "\n"
		n++
	}
	if more := len(lines) - n + in.Unlisted; more > 0 {
		shown += fmt.Sprintf("… and %s, listed in the thread", plural(more, "more alert"))
	}
	c.section(shown, maxList)
	return lines[n:]
}

func verb(n int, one, many string) string {
	if n == 1 {
		return one
	}
	return many
}

// playbookBlocks says what to do: title, owner and summary, then the first
// steps. A resolved page keeps only the title.
func (in *incident) playbookBlocks(c *composer) {
	p := in.Playbook
	if p == nil {
		return
	}
	head := "📖 *" + link(in.playbookURL(), escaped(oneLine(p.Title), 200)) + "*"
	if p.Owner != "" {
		head += " · kept by " + escaped(oneLine(p.Owner), 80)
	}
	if in.state() == resolved {
		c.section(head, maxSection)
		return
	}
	if s := oneLine(p.Summary); s != "" && s != oneLine(p.Title) {
		head += "\n" + escaped(s, maxAbout)
	}
	c.section(head, maxSection)
	if len(p.Steps) == 0 {
		return
	}
	steps := "*What to do first*"
	for i, step := range p.Steps {
		// Parsing Markdown takes time in the square of some texts, so the step is cut before as well.
		s := fmt.Sprintf("\n%d. %s", i+1, cutMrkdwn(mrkdwn(cut(clean(step), 2*maxStep)), maxStep))
		if size(steps)+size(s) > maxSteps {
			break
		}
		steps += s
	}
	if len(p.Text) > 0 {
		steps += "\n_The whole playbook is in the thread._"
	}
	c.section(steps, maxSteps+100)
}

func (in *incident) playbookURL() string {
	if in.Playbook == nil || in.ExternalURL == "" {
		return ""
	}
	return in.ExternalURL + "/playbooks/" + in.Playbook.ID
}

// links are the buttons: playbook, objective, dashboard, and what the alert itself offers.
func (in *incident) links() []anchor {
	annotations := common(in.subject(), annotationsOf)
	source := common(in.subject(), func(a *alert) map[string]string { return map[string]string{"url": a.URL} })["url"]
	sourceText := "Query"
	if in.ExternalURL != "" && strings.HasPrefix(source, in.ExternalURL+"/objectives/") {
		sourceText = "Objective"
	}
	var out []anchor
	seen := map[string]bool{"": true}
	for _, a := range append([]anchor{
		{"Playbook", in.playbookURL()},
		{sourceText, source},
		{"Dashboard", annotations["dashboard_url"]},
		{"Runbook", annotations["runbook_url"]},
	}, in.Custom.Links...) {
		if u := webURL(a.URL); !seen[u] {
			seen[u] = true
			out = append(out, anchor{a.Text, u})
		}
	}
	return out
}

// fallback is the page in one breath, for the lock screen: what, where, since
// when, how bad. It is mrkdwn without markup.
func (in *incident) fallback() string {
	if s := oneLine(in.Custom.Fallback); s != "" {
		return escaped(s, maxFallback)
	}
	labels := common(in.subject(), labelsOf)
	s := escaped(in.banner(), 200)
	var where []string
	for _, k := range []string{"service", "slo", "severity"} {
		if v := oneLine(labels[k]); v != "" {
			where = append(where, escaped(v, 40))
		}
	}
	if in.state() == firing {
		where = append(where, "since "+shortUTC(in.since(), in.At))
	} else if !in.Unseen {
		where = append(where, "after "+lasting(in.until().Sub(in.since())))
	}
	s += "\n" + strings.Join(where, " · ")
	if bad := oneLine(in.howBad()); bad != "" && in.state() == firing {
		s += "\n" + escaped(bad, 180)
	}
	return s
}
