package incidents

import "time"

// Kind says what happened.
type Kind string

// The kinds of events.
const (
	// Opened begins an incident. Its data are its number, group_key and receiver. Two
	// peers that opened it at the same time may have told two numbers.
	Opened        Kind = "opened"
	Fired         Kind = "fired"          // an alert of the group began to fire
	Ended         Kind = "ended"          // an alert of the group ended
	Notified      Kind = "notified"       // a receiver took a notification
	NotNotified   Kind = "not_notified"   // a receiver refused one
	Acknowledged  Kind = "acknowledged"   // somebody has it
	TakenOver     Kind = "taken_over"     // somebody else has it
	AckTimedOut   Kind = "ack_timed_out"  // the acknowledgement no longer counts
	Escalated     Kind = "escalated"      // somebody, or a policy, called for help
	Silenced      Kind = "silenced"       // nobody is notified for a while
	StepDone      Kind = "step_done"      // a step of the playbook was done
	StepUndone    Kind = "step_undone"    // it was not done after all
	Noted         Kind = "note"           // somebody wrote a note
	Deployed      Kind = "deploy"         // a deploy or another change went out
	RoleTaken     Kind = "role"           // somebody took a role
	Communicated  Kind = "communicated"   // stakeholders were told
	Resolved      Kind = "resolved"       // nothing of it fires any more
	PolicyChecked Kind = "policy_checked" // a step of an escalation policy was passed over, and why
)

// Event is one thing that happened to an incident. It never changes.
type Event struct {
	// ID is the same for the same event, whoever tells it.
	ID       string `json:"id"`
	Incident string `json:"incident"`
	// At is when it happened, in milliseconds' precision.
	At   time.Time `json:"at"`
	Kind Kind      `json:"kind"`
	// By is who did it: a name for people. "" is Watchtower itself.
	By string `json:"by,omitempty"`
	// ByID is the ID by which Slack knows that person, "" if it does not.
	ByID string `json:"by_id,omitempty"`
	// Text says it in a sentence or a few words, in plain text.
	Text string `json:"text,omitempty"`
	// Data holds what programs read: the labels of an alert, the ID of a silence, the
	// receiver, the step.
	Data map[string]string `json:"data,omitempty"`
}

// State of an incident.
type State string

// The states.
const (
	StateTriggered    State = "triggered"
	StateAcknowledged State = "acknowledged"
	StateResolved     State = "resolved"
)

// Incident is what its events add up to.
type Incident struct {
	ID string `json:"id"`
	// Number counts the incidents of an installation: it is what people call it.
	// GroupKey and Receiver are Alertmanager's.
	Number   int64  `json:"number"`
	GroupKey string `json:"group_key"`
	Receiver string `json:"receiver"`
	// Title is what is broken, in the users' words.
	Title    string            `json:"title"`
	Service  string            `json:"service,omitempty"`
	Team     string            `json:"team,omitempty"`
	Severity string            `json:"severity,omitempty"`
	Labels   map[string]string `json:"labels,omitempty"` // that all its alerts share
	// Objectives are the IDs of those that its alerts are about.
	Objectives []string `json:"objectives,omitempty"`
	Playbook   string   `json:"playbook,omitempty"` // its ID
	// Impact is what it has cost each objective, where that is known: final once it is
	// resolved.
	Impact []Impact `json:"impact,omitempty"`
	State  State    `json:"state"`
	// Owner has acknowledged it, OwnerID is Slack's ID of that person.
	Owner   string `json:"owner,omitempty"`
	OwnerID string `json:"owner_id,omitempty"`
	// Roles are who has which: "commander", "communications".
	Roles map[string]string `json:"roles,omitempty"`
	// OpenedAt is when the first alert began; the others are zero before they happen.
	// AcknowledgedAt is the first acknowledgement.
	OpenedAt       time.Time `json:"opened_at"`
	AcknowledgedAt time.Time `json:"acknowledged_at,omitzero"`
	ResolvedAt     time.Time `json:"resolved_at,omitzero"`
	// Firing and Alerts count its alerts: those that fire now, and all there were.
	Firing int `json:"firing"`
	Alerts int `json:"alerts"`
	// Events in the order they happened.
	Events []Event `json:"events,omitempty"`
}

// Impact is what an objective has counted during an incident.
type Impact struct {
	Objective string `json:"objective"`
	// Bad and Total are events: how many failed, of how many.
	Bad   int64 `json:"bad"`
	Total int64 `json:"total"`
	// Spent is the share of the period's error budget that the failed ones took, 0–1
	// and above.
	Spent float64 `json:"spent"`
}
