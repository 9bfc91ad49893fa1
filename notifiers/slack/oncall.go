package slack

import (
	"cmp"
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
