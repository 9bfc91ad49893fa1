package slack

import (
	"cmp"
	"maps"
	"slices"
	"time"
)

// Shift is somebody's turn to be on call.
type Shift struct {
	Name string `json:"name"`
	// SlackID is the user's ID in Slack, such as U0123ABCD; empty: nobody is mentioned.
	SlackID string `json:"slack_id,omitempty"`
	// From and To bound the shift; zero: not known.
	From time.Time `json:"from,omitzero"`
	To   time.Time `json:"to,omitzero"`
}

// mention is the person in mrkdwn, and calls them where Slack knows them.
func (s *Shift) mention() string {
	if isUserID(s.SlackID) {
		return "<@" + s.SlackID + ">"
	}
	return s.called()
}

// called is the person in mrkdwn by name: nobody is disturbed.
func (s *Shift) called() string { return escaped(oneLine(cmp.Or(s.Name, s.SlackID)), 80) }

// assigned are the people whom the playbook names for roles, as far as they are known.
func (n *notifier) assigned(roles map[string]string, in *incident) map[string]Shift {
	if n.slack.opts.Assign == nil || len(roles) == 0 {
		return nil
	}
	team := common(in.subject(), labelsOf)["team"]
	out := map[string]Shift{}
	for role, who := range roles {
		if s, ok := n.slack.opts.Assign(who, team, in.At); ok {
			out[role] = s
		}
	}
	return out
}

// tellAssigned reports roles that the playbook gave when the page began.
func (n *notifier) tellAssigned(groupKey string, in *incident) {
	if n.slack.opts.Tell == nil {
		return
	}
	for _, role := range slices.Sorted(maps.Keys(in.Assigned)) {
		s := in.Assigned[role]
		name := cmp.Or(s.Name, s.SlackID)
		n.slack.opts.Tell(groupKey, Deed{
			Kind: "role", At: in.At, Text: name + " is " + roleName(role) + ", as the playbook says",
			Data: map[string]string{"role": role, "name": name, "name_id": s.SlackID},
		})
	}
}

// onCall asks who is on call for the incident's team.
func (n *notifier) onCall(in *incident) duty {
	ask := n.slack.opts.OnCall
	team := common(in.subject(), labelsOf)["team"]
	if ask == nil || team == "" {
		return duty{}
	}
	now, next, ok := ask(team, in.At)
	if !ok {
		return duty{}
	}
	d := duty{Now: &now}
	if next.Name+next.SlackID != "" {
		d.Next = &next
	}
	return d
}
