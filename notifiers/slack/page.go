package slack

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"

	"github.com/watchtower-hub/watchtower/playbooks"
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

// step adds one item of the checklist with its button.
func (c *composer) step(s string, limit int, button *slackapi.ButtonBlockElement) {
	s = cutMrkdwn(strings.Trim(s, "\n"), min(limit, maxSection, c.room()-rawSize(button.Text.Text)))
	if strings.TrimSpace(s) == "" || !c.fits(size(s)+rawSize(button.Text.Text)) {
		return
	}
	c.blocks = append(c.blocks, slackapi.NewSectionBlock(styled(s), nil, slackapi.NewAccessory(button)))
}

// buttons adds what people can press, then links. Links without a URL that a
// browser can open are left out.
func (c *composer) buttons(presses []*slackapi.ButtonBlockElement, links []anchor) {
	var elements []slackapi.BlockElement
	total := 0
	for _, b := range presses {
		total += rawSize(b.Text.Text)
		elements = append(elements, b)
	}
	for i, l := range links {
		u := webURL(l.URL)
		label := cut(oneLine(l.Text), maxButton)
		if u == "" || label == "" || len(elements) == maxButtons || total+size(u)+rawSize(label) > c.room() {
			continue
		}
		total += size(u) + rawSize(label)
		button := slackapi.NewButtonBlockElement(actionOpen+strconv.Itoa(i), "", plain(label)).WithURL(u)
		elements = append(elements, button)
	}
	if len(elements) > 0 && c.fits(total) {
		c.blocks = append(c.blocks, slackapi.NewActionBlock("", elements...))
	}
}

// picture shows a file that Slack has.
func (c *composer) picture(p picture) {
	alt := cut(oneLine(p.Alt), maxAltText)
	if p.FileID != "" && alt != "" && c.fits(size(p.FileID)+rawSize(alt)) {
		c.blocks = append(c.blocks, slackapi.NewImageBlockSlackFile(&slackapi.SlackFileObject{ID: p.FileID}, alt, "", nil))
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
	c.section(cutMrkdwn(strings.Join(in.Handling.lines(in.At, in.Assigned), "\n"), maxHandling), maxHandling)
	c.fields(in.facts(), maxFact)
	if in.Custom.Text != "" {
		over.bad = c.section(in.Custom.Text, maxBad)
	} else {
		over.bad = c.section(in.badly(), maxBad)
	}
	in.whereBlocks(c)
	over.alerts = in.list(c)
	in.playbookBlocks(c)
	c.fields(in.Custom.Fields, maxOwn/2)
	c.image(in.Custom.ImageURL, in.headline())
	c.section(in.who(), maxFact)
	c.buttons(in.presses(), in.links())
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
	case in.Handling.Acknowledged != nil:
		return "🟡 Acknowledged: " + in.headline()
	}
	return "🔴 Firing: " + in.headline()
}

// whereBlocks say which labels carry the errors, in words and as a picture.
func (in *incident) whereBlocks(c *composer) {
	if len(in.Where) > 0 && in.Custom.Text == "" && !in.blind() {
		title := "*Where it burns*"
		if in.state() == resolved {
			title = "*Where it burned*"
		}
		lines := []string{title}
		for _, s := range in.Where {
			lines = append(lines, "• "+escape(oneLine(s)))
		}
		c.section(cutMrkdwn(strings.Join(lines, "\n"), maxWhere), maxWhere)
	}
	c.picture(in.Picture)
}

// who is on call, and who is next.
func (in *incident) who() string {
	if in.state() == resolved || in.OnCall.Now == nil {
		return ""
	}
	s := "👤 *On call:* " + in.OnCall.Now.mention()
	if until := in.OnCall.Now.To; !until.IsZero() {
		s += " until " + clock(until)
	}
	if next := in.OnCall.Next; next != nil {
		s += " · next: " + next.called()
		if !next.From.IsZero() && !next.From.Equal(in.OnCall.Now.To) {
			s += " from " + clock(next.From)
		}
	}
	return s
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

// playbookBlocks says what to do: title, owner and summary, then the checklist. A
// resolved page keeps only the title and what was done.
func (in *incident) playbookBlocks(c *composer) {
	p := in.Playbook
	if p == nil {
		return
	}
	head := "📖 *" + link(in.playbookURL(), escaped(oneLine(p.Title), 200)) + "*"
	if p.Owner != "" {
		head += " · kept by " + escaped(oneLine(p.Owner), 80)
	}
	done, next := in.steps()
	if in.state() == resolved {
		c.section(strings.Join(append([]string{head}, in.doneLines(done)...), "\n"), maxSection)
		return
	}
	if s := oneLine(p.Summary); s != "" && s != oneLine(p.Title) {
		head += "\n" + escaped(s, maxAbout)
	}
	if p.Edited {
		head += "\n_The playbook was edited after this incident began; this is the text it began with._"
	}
	c.section(head, maxSection)
	title := "*What to do first*"
	if len(done) > 0 {
		title = strings.Join(append([]string{fmt.Sprintf("*Done: %d of %d steps*", len(done), len(p.Steps))}, in.doneLines(done)...), "\n")
		if len(next) > 0 {
			title += "\n*What to do next*"
		}
	}
	if len(p.Steps) > 0 {
		if last := in.lastDone(done); last != "" && in.Record != "" {
			c.step(title, maxSteps/2, pressStep(actionUndo, in.Record, last, "Undo"))
		} else {
			c.section(title, maxSteps/2)
		}
		in.nextSteps(c, next)
	}
	if len(p.Body) > 0 || len(p.Text) > 0 {
		c.context([]string{"_The whole playbook is in the thread._"}, maxFooter)
	}
}

// doneLines list the steps that are done, and who did them.
func (in *incident) doneLines(done []playbooks.Step) []string {
	var out []string
	for i := range done {
		d := in.Handling.Done[done[i].ID]
		out = append(out, fmt.Sprintf("☑️ ~%s~ %s, %s", escape(stepTitle(done[i])), d.mention(), clock(d.At)))
	}
	return out
}

// lastDone is the step that was done last, the one to undo.
func (in *incident) lastDone(done []playbooks.Step) string {
	last := ""
	for i := range done {
		if last == "" || !in.Handling.Done[done[i].ID].At.Before(in.Handling.Done[last].At) {
			last = done[i].ID
		}
	}
	return last
}

// nextSteps lists the steps to do: each with a button where somebody would
// answer it.
func (in *incident) nextSteps(c *composer, next []playbooks.Step) {
	used := 0
	for i, s := range next {
		// Parsing Markdown takes time in the square of some texts, so the step is cut before as well.
		text := fmt.Sprintf("%d. %s", i+1, cutMrkdwn(mrkdwn(cut(clean(s.Text), 2*maxStep)), maxStep))
		if used += size(text); used > maxSteps {
			return
		}
		if in.Record == "" {
			c.section(text, maxStep+10)
			continue
		}
		c.step(text, maxStep+10, pressStep(actionStep, in.Record, s.ID, "Done"))
	}
}

func (in *incident) playbookURL() string {
	if in.Playbook == nil || in.ExternalURL == "" {
		return ""
	}
	return in.ExternalURL + "/playbooks/" + in.Playbook.ID
}

// links are the buttons that open something: playbook, dashboard at the time of
// the incident, objective, and what the alert itself offers.
func (in *incident) links() []anchor {
	annotations := common(in.subject(), annotationsOf)
	source := common(in.subject(), func(a *alert) map[string]string { return map[string]string{"url": a.URL} })["url"]
	dashboard, dashboardText, sourceText := annotations["dashboard_url"], "Dashboard", "Query"
	if in.ExternalURL != "" && strings.HasPrefix(source, in.ExternalURL+"/objectives/") {
		sourceText = "Objective"
	}
	if dashboard == source {
		source, dashboardText = "", sourceText // one page is one button
	}
	var out []anchor
	seen := map[string]bool{"": true}
	for _, a := range append([]anchor{
		{"Playbook", in.playbookURL()},
		{dashboardText, in.dashboardURL(dashboard)},
		{sourceText, source},
		{"Runbook", annotations["runbook_url"]},
	}, in.Custom.Links...) {
		if u := webURL(a.URL); !seen[u] {
			seen[u] = true
			out = append(out, anchor{a.Text, u})
		}
	}
	return out
}

// dashboardURL opens a dashboard at the time of the incident: from an hour before
// it began to now, or to a while after its end. from and to are what Grafana and our
// own pages read; a URL that already says a time keeps it.
func (in *incident) dashboardURL(rawURL string) string {
	u, err := url.Parse(rawURL)
	if err != nil || rawURL == "" {
		return ""
	}
	query := u.Query()
	if query.Has("from") || query.Has("to") || in.since().IsZero() {
		return rawURL
	}
	query.Set("from", strconv.FormatInt(in.since().Add(-time.Hour).UnixMilli(), 10))
	query.Set("to", "now")
	if in.state() == resolved {
		query.Set("to", strconv.FormatInt(in.until().Add(15*time.Minute).UnixMilli(), 10))
	}
	u.RawQuery = query.Encode()
	return u.String()
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
