package postmortem

import (
	"cmp"
	"strings"
	"time"
)

// Kind says what happened.
type Kind string

// The kinds of events. Others are shown by their names.
const (
	Opened        Kind = "opened"
	Fired         Kind = "fired"
	AlertEnded    Kind = "ended"
	Notified      Kind = "notified"
	NotNotified   Kind = "not_notified"
	Acknowledge   Kind = "acknowledged"
	TakenOver     Kind = "taken_over"
	AckTimedOut   Kind = "ack_timed_out"
	Escalated     Kind = "escalated"
	Silenced      Kind = "silenced"
	StepDone      Kind = "step_done"
	StepUndone    Kind = "step_undone"
	Noted         Kind = "note"
	Deployed      Kind = "deploy"
	RoleTaken     Kind = "role"
	Communicated  Kind = "communicated"
	End           Kind = "resolved"
	PolicyChecked Kind = "policy_checked"
)

// Words name the kind in a timeline: "Alert fires".
func (k Kind) Words() string {
	switch k {
	case Opened:
		return "Incident opened"
	case Fired:
		return "Alert fires"
	case AlertEnded:
		return "Alert ends"
	case Notified:
		return "Notified"
	case NotNotified:
		return "Not notified"
	case Acknowledge:
		return "Acknowledged"
	case TakenOver:
		return "Taken over"
	case AckTimedOut:
		return "Acknowledgement timed out"
	case Escalated:
		return "Called for help"
	case Silenced:
		return "Silenced"
	case StepDone:
		return "Step done"
	case StepUndone:
		return "Step taken back"
	case Noted:
		return "Note"
	case Deployed:
		return "Deploy"
	case RoleTaken:
		return "Role taken"
	case Communicated:
		return "Stakeholders told"
	case End:
		return "Resolved"
	case PolicyChecked:
		return "Escalation policy"
	}
	return capital(strings.ReplaceAll(string(k), "_", " "))
}

// Who did it, "Watchtower" where nobody else did.
func (e Event) Who() string { return cmp.Or(e.By, "Watchtower") }

// Detail says more about the event in plain text; "" where its kind says it all.
func (e Event) Detail() string {
	text := strings.Join(strings.Fields(e.Text), " ")
	switch e.Kind {
	case Fired, AlertEnded:
		return cmp.Or(text, e.Data["alertname"], e.Data["label.alertname"])
	case Notified, NotNotified:
		return cmp.Or(text, e.Data["receiver"])
	case RoleTaken:
		return cmp.Or(text, e.Data["role"])
	case Silenced:
		return joined(" ", text, e.silencedFor())
	case StepDone, StepUndone:
		return Prose(e.Text)
	default:
		return text
	}
}

// silencedFor says for how long nobody is notified: "(for 2 h)".
func (e Event) silencedFor() string {
	until, err := time.Parse(time.RFC3339, e.Data["until"])
	if err != nil || !until.After(e.At) {
		return ""
	}
	return "(for " + Lasting(until.Sub(e.At)) + ")"
}

func joined(separator string, parts ...string) string {
	var out []string
	for _, p := range parts {
		if p != "" {
			out = append(out, p)
		}
	}
	return strings.Join(out, separator)
}

// isFollowUp tells whether a note is something to do after the incident, and what.
func isFollowUp(note string) (text string, ok bool) {
	for _, prefix := range []string{"todo:", "to-do:", "follow-up:", "follow up:", "followup:"} {
		if len(note) >= len(prefix) && strings.EqualFold(note[:len(prefix)], prefix) {
			text = strings.TrimSpace(note[len(prefix):])
			return text, text != ""
		}
	}
	return "", false
}
