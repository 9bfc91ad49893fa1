// Package postmortem tells an incident from its first alert to its end: what it cost
// people, what happened when, what the playbook said and what is left to do. The page
// of an incident and the document that a team discusses afterwards show the same
// facts in the same words.
//
//	os.Stdout.WriteString(incident.Markdown(postmortem.Layout{Zone: zone}))
//
// Everything is a function of its arguments. What is not known is left out or said to
// be unknown, never made up.
package postmortem

import (
	"slices"
	"time"
)

// State of an incident.
type State string

// The states.
const (
	Triggered    State = "triggered"
	Acknowledged State = "acknowledged"
	Resolved     State = "resolved"
)

// Word is the state for people: "Triggered".
func (s State) Word() string { return capital(string(s)) }

// Incident is all that is known of one incident. Times that have not come are zero.
type Incident struct {
	// Number is what people call it.
	Number int64
	// Title is what is broken, in the users' words.
	Title                   string
	Service, Team, Severity string
	State                   State
	// Owner has acknowledged it; "" is nobody.
	Owner string
	Roles []Role
	// OpenedAt is when the first alert began, AcknowledgedAt the first acknowledgement.
	OpenedAt, AcknowledgedAt, ResolvedAt time.Time
	// Firing and Alerts count its alerts: those that fire now, and all there were.
	Firing, Alerts int
	Impacts        []Impact  // one for each objective it is about
	Playbook       *Playbook // nil: none matched
	// Where are sentences about the label values that the failures have in common.
	Where  []string
	Events []Event // in the order they happened
	// URL of its page; "" leaves links out.
	URL string
}

// Role is who has which part: "commander", "communications".
type Role struct{ Name, Who string }

// Title is the role for people: "Commander".
func (r Role) Title() string { return capital(r.Name) }

// Impact is what the incident cost one objective.
type Impact struct {
	Objective string // its ID
	Promise   string
	// Bad of Total events failed from the beginning to the end of the incident. Words
	// say the same: "about 4,200 of 130,000 requests failed".
	Bad, Total int64
	Words      string
	// Spent is the part of the whole period's error budget that the incident took, and
	// Left what is left of it now, signed; nil where it is not known. Period is that of
	// the budget, for a sentence: "28d", "the month".
	Spent, Left *float64
	Period      string
	// Problem says why figures are missing.
	Problem string
}

// Playbook is what the alerts' playbook says to do.
type Playbook struct {
	ID, Title, URL string
	Steps          []Step
}

// Step is one thing to do. Text is Markdown, Section is Check, Mitigate or "".
type Step struct{ ID, Section, Text string }

// Event is one thing that happened.
type Event struct {
	At   time.Time
	Kind Kind
	// By is who did it; "" is Watchtower itself.
	By   string
	Text string
	// Data holds what programs read: labels of an alert, the ID of a silence or a step.
	Data map[string]string
}

// Ended is when it was resolved, or now while it goes on.
func (in Incident) Ended(now time.Time) time.Time {
	if in.ResolvedAt.IsZero() {
		return now
	}
	return in.ResolvedAt
}

// Lasted is how long it went on, until now if it still does.
func (in Incident) Lasted(now time.Time) time.Duration { return in.Ended(now).Sub(in.OpenedAt) }

// AcknowledgedAfter is how long nobody had it; not ok if nobody ever had.
func (in Incident) AcknowledgedAfter() (d time.Duration, ok bool) {
	return in.AcknowledgedAt.Sub(in.OpenedAt), !in.AcknowledgedAt.IsZero()
}

// Of returns the events of some kinds.
func (in Incident) Of(kinds ...Kind) []Event {
	var out []Event
	for _, e := range in.Events {
		if slices.Contains(kinds, e.Kind) {
			out = append(out, e)
		}
	}
	return out
}

// Worst is the impact to name first: the one that took most of its budget, else the
// one with the most failed events. Not ok without any.
func (in Incident) Worst() (worst Impact, ok bool) {
	for _, i := range in.Impacts {
		if i.Problem == "" && (!ok || i.outweighs(worst)) {
			worst, ok = i, true
		}
	}
	return worst, ok
}

func (i Impact) outweighs(other Impact) bool {
	if i.Spent != nil && other.Spent != nil && *i.Spent != *other.Spent {
		return *i.Spent > *other.Spent
	}
	return i.Bad > other.Bad
}

// Progress is a step and what became of it.
type Progress struct {
	Step

	// Done is when it was done, By who did it; the zero time is not done.
	Done time.Time
	By   string
	// Gone says that the playbook no longer has the step.
	Gone bool
}

// Progress returns the playbook's steps in order and who did which; after them those
// that were done and that the playbook has no more.
func (in Incident) Progress() []Progress {
	var out []Progress
	if in.Playbook != nil {
		for _, s := range in.Playbook.Steps {
			out = append(out, Progress{Step: s})
		}
	}
	for _, e := range in.Of(StepDone, StepUndone) {
		i := slices.IndexFunc(out, func(p Progress) bool { return p.ID == e.Data["step"] })
		if i < 0 {
			out = append(out, Progress{Step: Step{ID: e.Data["step"], Text: e.Text}, Gone: true})
			i = len(out) - 1
		}
		if e.Kind == StepDone {
			out[i].Done, out[i].By = e.At, e.By
		} else {
			out[i].Done, out[i].By = time.Time{}, ""
		}
	}
	return slices.DeleteFunc(out, func(p Progress) bool { return p.Gone && p.Done.IsZero() })
}
