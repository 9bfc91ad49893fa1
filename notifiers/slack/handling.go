package slack

import (
	"cmp"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// handling is what people have done about an incident. It is part of the
// record's memory and hence of every page that is built from it.
type handling struct {
	Acknowledged *deed            `json:"acknowledged,omitempty"`
	Escalated    *deed            `json:"escalated,omitempty"`
	Silence      *silenced        `json:"silence,omitempty"`
	Done         map[string]*deed `json:"done,omitempty"` // steps of the playbook, by ID
	Roles        map[string]*deed `json:"roles,omitempty"`
}

// deed is who did something, and when.
type deed struct {
	By   string    `json:"by"` // Slack's ID of the user
	Name string    `json:"name,omitempty"`
	At   time.Time `json:"at"`
}

// silenced is a silence that somebody set from the page.
type silenced struct {
	deed

	ID     string    `json:"id"`
	Until  time.Time `json:"until"`
	Reason string    `json:"reason"`
}

// mention names the person in mrkdwn, so that Slack shows the name and links it.
func (d *deed) mention() string {
	if isUserID(d.By) {
		return "<@" + d.By + ">"
	}
	return escaped(oneLine(cmp.Or(d.Name, d.By, "somebody")), 80)
}

// person is the one in plain text, for the lock screen and our own pages.
func (d *deed) person() string { return cmp.Or(oneLine(d.Name), d.By, "somebody") }

// clone copies what a deed changes, so that a page in the outbox keeps its own.
func (h handling) clone() handling {
	done, roles := map[string]*deed{}, map[string]*deed{}
	maps.Copy(done, h.Done)
	maps.Copy(roles, h.Roles)
	h.Done, h.Roles = done, roles
	return h
}

// lines say in mrkdwn what people have done, for the top of the page.
// assigned have the roles that nobody has taken.
func (h *handling) lines(at time.Time, assigned map[string]Shift) []string {
	var out []string
	if d := h.Acknowledged; d != nil {
		out = append(out, fmt.Sprintf("🟡 %s has it since %s", d.mention(), clock(d.At)))
	}
	for _, role := range []string{playbooks.RoleCommander, playbooks.RoleCommunications} {
		if d := h.Roles[role]; d != nil {
			out = append(out, fmt.Sprintf("🧭 %s is %s", d.mention(), roleName(role)))
		} else if s, ok := assigned[role]; ok {
			out = append(out, fmt.Sprintf("🧭 %s is %s, as the playbook says", s.mention(), roleName(role)))
		}
	}
	if d := h.Escalated; d != nil {
		out = append(out, fmt.Sprintf("🚨 Escalated by %s at %s", d.mention(), clock(d.At)))
	}
	if s := h.Silence; s != nil && s.Until.After(at) {
		out = append(out, fmt.Sprintf("🔕 Silenced by %s until %s: %s", s.mention(), clock(s.Until), escaped(oneLine(s.Reason), 200)))
	}
	return out
}

// steps of the pinned playbook as the page shows them: those that are done, and
// the next ones to do.
func (in *incident) steps() (done, next []playbooks.Step) {
	for _, s := range in.Playbook.Steps {
		if in.Handling.Done[s.ID] != nil {
			done = append(done, s)
		} else {
			next = append(next, s)
		}
	}
	return done, playbooks.First(next, firstSteps)
}

// stepTitle is a step in a few words: its bold beginning, else its first sentence.
func stepTitle(s playbooks.Step) string {
	text, _, _ := strings.Cut(strings.TrimSpace(s.Text), "\n")
	if rest, ok := strings.CutPrefix(text, "**"); ok {
		if bold, _, ok := strings.Cut(rest, "**"); ok {
			text = bold
		}
	}
	if first, _, ok := strings.Cut(text, ". "); ok {
		text = first
	}
	text = regexp.MustCompile(`\[([^\[\]]*)\]\([^()\s]*\)`).ReplaceAllString(text, "$1") // a link is its text
	text = strings.NewReplacer("**", "", "__", "", "`", "", "~", "-").Replace(text)
	return cut(clean(strings.Trim(oneLine(text), "*_.: ")), maxStepTitle)
}
