package slack

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	slackapi "github.com/slack-go/slack"
)

// stormPage is the one message that stands for many incidents.
func (rec *record) stormPage(members []*record, called []string, at time.Time) message {
	s := rec.memory.Storm
	headline := fmt.Sprintf("⛈️ Storm: %s %s", plural(len(members), "incident"), verb(len(members), "fires", "fire"))
	switch {
	case len(members) > 0:
	case s.Apart > 0:
		headline = fmt.Sprintf("⛈️ Storm passed: %s", plural(s.Joined, "incident"))
	default:
		headline = fmt.Sprintf("✅ Storm over: %s", plural(s.Joined, "incident"))
	}
	c := newComposer(headline + "\n" + rec.stormCount(members))
	c.header(headline)
	c.section(strings.TrimSpace(rec.stormCount(members)+" "+rec.stormWhy(members)), maxBad)
	if len(members) > 0 {
		c.section(stormPlaces(members), maxList)
		c.section(stormWorst(members, at), maxList)
		if len(called) > 0 {
			c.section("👤 *On call:* "+cutMrkdwn(strings.Join(called, " "), maxAbout), maxSection)
		}
	}
	var presses []*slackapi.ButtonBlockElement
	if rec.memory.Interactive && slices.ContainsFunc(members, unacknowledged) {
		presses = append(presses, press(actionAll, rec.id, "Acknowledge all").WithStyle(slackapi.StylePrimary))
	}
	c.buttons(presses, []anchor{{"All incidents", rec.incidentsURL(members)}})
	c.context([]string{"The thread lists them."}, maxFooter)
	return c.message()
}

func unacknowledged(rec *record) bool { return rec.memory.Incident.Handling.Acknowledged == nil }

// stormCount says how many incidents there are and what became of them.
func (rec *record) stormCount(members []*record) string {
	s := rec.memory.Storm
	text := fmt.Sprintf("%s since %s", plural(s.Joined, "incident"), shortUTC(s.Began, s.LastAt))
	if len(members) > 0 {
		text += fmt.Sprintf(": %d %s", len(members), verb(len(members), "fires", "fire"))
	}
	if s.Over > 0 {
		text += fmt.Sprintf(", %d %s over", s.Over, verb(s.Over, "is", "are"))
	}
	if s.Apart > 0 {
		text += fmt.Sprintf(", %d %s got a message of %s own", s.Apart, verb(s.Apart, "has", "have"), verb(s.Apart, "its", "their"))
	}
	text += "."
	acknowledged := 0
	for _, m := range members {
		if !unacknowledged(m) {
			acknowledged++
		}
	}
	if acknowledged > 0 {
		text += fmt.Sprintf(" Somebody has %d of them.", acknowledged)
	}
	return text
}

func (rec *record) stormWhy(members []*record) string {
	if len(members) == 0 {
		return ""
	}
	return fmt.Sprintf("More than %s began in this channel within a minute, so they share this message. "+
		"Look for one cause: a deploy, a database, a network. Once it is calm, what still fires gets its own message with its next news.",
		plural(rec.memory.Storm.Limit, "incident"))
}

// stormPlaces counts the incidents by service and severity, the most first.
func stormPlaces(members []*record) string {
	type count struct {
		all        int
		severities map[string]int
	}
	counts := map[string]*count{}
	for _, m := range members {
		labels := common(m.memory.Incident.subject(), labelsOf)
		place := cmp.Or(oneLine(labels["service"]), oneLine(labels["job"]), "other")
		if counts[place] == nil {
			counts[place] = &count{severities: map[string]int{}}
		}
		counts[place].all++
		counts[place].severities[cmp.Or(oneLine(labels["severity"]), "no severity")]++
	}
	places := slices.SortedFunc(maps.Keys(counts), func(a, b string) int {
		return cmp.Or(cmp.Compare(counts[b].all, counts[a].all), cmp.Compare(a, b))
	})
	lines := []string{"*By service*"}
	for i, place := range places {
		if i == maxLines {
			lines = append(lines, fmt.Sprintf("… and %s", plural(len(places)-i, "more service")))
			break
		}
		var by []string
		for _, severity := range slices.Sorted(maps.Keys(counts[place].severities)) {
			by = append(by, fmt.Sprintf("%s %d", escaped(severity, 40), counts[place].severities[severity]))
		}
		lines = append(lines, "• *"+escaped(place, 80)+"*: "+strings.Join(by, ", "))
	}
	return strings.Join(lines, "\n")
}

// stormWorst lists the first incidents that page: the cause is often among them.
func stormWorst(members []*record, at time.Time) string {
	pages := slices.DeleteFunc(slices.Clone(members), func(m *record) bool { return !isPaging(&m.memory.Incident) })
	if len(pages) == 0 {
		pages = members
	}
	slices.SortStableFunc(pages, func(a, b *record) int {
		return a.memory.Incident.since().Compare(b.memory.Incident.since())
	})
	lines := []string{"*The first of them*"}
	for _, m := range pages[:min(5, len(pages))] {
		lines = append(lines, m.memory.Incident.stormLine(at))
	}
	return strings.Join(lines, "\n")
}

// isPaging reports that somebody is to be woken.
func isPaging(in *incident) bool {
	severity := common(in.subject(), labelsOf)["severity"]
	return severity == "page" || severity == "critical"
}

// stormLine is one incident in a list.
func (in *incident) stormLine(at time.Time) string {
	labels := common(in.subject(), labelsOf)
	parts := []string{"• *" + escaped(in.headline(), 160) + "*"}
	for _, k := range []string{"service", "slo", "instance", "severity"} {
		if v := oneLine(labels[k]); v != "" {
			parts = append(parts, escaped(v, 40))
		}
	}
	parts = append(parts, "since "+shortUTC(in.since(), at))
	if d := in.Handling.Acknowledged; d != nil {
		parts = append(parts, "🟡 "+d.mention())
	}
	for _, a := range in.links() {
		if a.Text == "Playbook" || a.Text == "Objective" {
			parts = append(parts, link(a.URL, a.Text))
		}
	}
	return strings.Join(parts, " · ")
}

// stormReply lists incidents in the thread.
func stormReply(list []*record, calls []string) message {
	lines := make([]string, len(list))
	at := list[len(list)-1].memory.Incident.At
	for i, m := range list {
		lines[i] = m.memory.Incident.stormLine(at)
	}
	sentence := fmt.Sprintf("⛈️ %s in this storm:", plural(len(list), "incident"))
	if len(calls) > 0 {
		sentence = cutMrkdwn(strings.Join(calls, " "), maxAbout) + " " + sentence
	}
	return reply(sentence, lines)
}

func (rec *record) incidentsURL(members []*record) string {
	for _, m := range members {
		if base := m.memory.Incident.ExternalURL; base != "" {
			return base + "/incidents"
		}
	}
	return ""
}
