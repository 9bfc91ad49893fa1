package rules

import (
	"fmt"
	"maps"
	"time"
)

// Severity says how an alert wants to be heard.
type Severity string

// The severities of burn-rate alerts.
const (
	Page   Severity = "page"
	Ticket Severity = "ticket"
)

// Objective is one promise: what share of events must be good, over which period.
type Objective struct {
	// ID is service-slo, as Sloth's sloth_id; it is one segment of a URL path and
	// unique among all objectives.
	ID string
	// Service and SLO are the names the spec gives.
	Service, SLO string
	// Description is the spec's own text; Promise is the plain-language sentence
	// shown to people ("Sharing a post works"). Promise is never empty: without
	// one in the spec it is derived from description or name.
	Description, Promise string
	// Team owns the objective: the label team, else owner; "" when neither is given.
	Team string
	// Target is the promised ratio of good events, between 0 and 1 exclusive.
	Target float64
	// Period is the length of time the target holds for. Calendar is nil for a rolling
	// period; otherwise the period follows the calendar and Period is the longest it
	// can be.
	Period   time.Duration
	Calendar *Calendar
	// AlsoOver are further spans whose budget is shown; they alert nobody.
	AlsoOver []Span
	// Budgeting says what the target is a share of: events unless it is given.
	Budgeting Budgeting
	// GroupBy are labels by whose values the objective is split into members, each
	// with counts and alerts of its own, besides the whole; MaxGroups bounds them.
	GroupBy   []string
	MaxGroups int
	// Parent is the ID of the objective a member belongs to and Group its values of
	// the labels; both are empty for other objectives.
	Parent string
	Group  map[string]string
	// Meaning says in plain language what it costs people when the promise is broken;
	// "" when the spec does not say.
	Meaning string
	// Events is what is counted, in the plural and in people's words: "shares"; "" when
	// the spec does not say.
	Events string
	// Policy overrides the consequence texts of states.
	Policy map[State]string
	// NoOwner and NoPlaybook are the reasons why nobody owns the objective and why no
	// playbook goes with its page; "" where there has to be one.
	NoOwner, NoPlaybook string
	// Notes say what the spec holds that has no effect here and why, each as
	// "file:line: sentence".
	Notes []string
	// Labels are the spec's and the objective's own labels, the latter winning.
	Labels map[string]string
	// SLI says how good and bad events are measured.
	SLI SLI
	// Alerting says which alerts are sent and how they are labeled.
	Alerting Alerting
	// MinBadEvents is how many bad events the long window needs before an alert
	// fires; it keeps single failures at low traffic from waking people.
	MinBadEvents float64
	// Confidence is the probability (0.5 to 1) with which the error ratio must lie
	// above the threshold before an alert fires: Wilson's lower bound. 0 asks for none.
	Confidence float64
	// File and Line tell where the objective is written.
	File string
	Line int
}

// SLI is the indicator of an objective: either both event queries or the ratio.
// Queries are PromQL templates in which {{.window}} is the range to look at.
type SLI struct {
	// ErrorQuery and TotalQuery count bad and all events.
	ErrorQuery, TotalQuery string
	// ErrorRatioQuery yields the error ratio itself, 0 to 1 (Sloth's raw).
	ErrorRatioQuery string
}

// Raw tells whether the indicator is a ratio whose volume is unknown.
func (s SLI) Raw() bool { return s.ErrorRatioQuery != "" }

// Alerting holds what a spec says about the alerts of one objective.
type Alerting struct {
	// Name is the alertname of the page and the ticket.
	Name string
	// Page and Ticket are the two burn-rate alerts.
	Page, Ticket AlertSpec
	// Pairs are the windows the spec asks for itself; nil for those that follow from
	// the period. Their Budget is 0, as it follows from the period.
	Pairs []Pair
	// Lost says whether silence of the telemetry alerts; unless it is given, it does
	// for an objective that alerts of burning.
	Lost Switch
	// NoTrafficFor asks for a page when no event was seen for so long, although
	// telemetry arrives and there were events before; 0: none.
	NoTrafficFor time.Duration
	// BudgetSpent asks for a ticket at each of these shares of the budget, 0 to 1.
	BudgetSpent []float64
	// GoneWithin asks for a ticket when the budget will be gone within these times.
	GoneWithin []time.Duration
}

// Switch turns something on or off; empty leaves it as it is without.
type Switch string

// The positions of a switch.
const (
	On  Switch = "on"
	Off Switch = "off"
)

// Method says what a target is a share of.
type Method string

// The budgeting methods, as OpenSLO names them. Occurrences count events. Timeslices
// count slices of time that are good as a whole; ratio timeslices average the ratios
// of the slices that had events.
const (
	Occurrences     Method = "occurrences"
	Timeslices      Method = "timeslices"
	RatioTimeslices Method = "ratio_timeslices"
)

// Budgeting says how events become budget. The zero value is by occurrences.
type Budgeting struct {
	Method Method
	// Slice is the length of a slice, whole minutes that divide a day; SliceTarget the
	// ratio of good events that makes a slice good. Both are 0 for occurrences, the
	// latter also for ratio timeslices.
	Slice       time.Duration
	SliceTarget float64
}

// String names the budgeting; it is empty for occurrences.
func (b Budgeting) String() string {
	if b.Method == "" || b.Method == Occurrences {
		return ""
	}
	return fmt.Sprintf("%s of %s at %v", b.Method, b.Slice, b.SliceTarget)
}

// Unit is a unit of the calendar.
type Unit string

// The units a calendar period may be counted in.
const (
	Day     Unit = "day"
	Week    Unit = "week"
	Month   Unit = "month"
	Quarter Unit = "quarter"
	Year    Unit = "year"
)

// Calendar is a period that follows the calendar: Count units, one after the other,
// of which one began at Start. Start's location is the time zone; its length changes
// with daylight saving.
type Calendar struct {
	Unit  Unit
	Count int
	Start time.Time
}

// Span is a length of time a budget is reckoned over: the trailing Length, or, with
// a Calendar, the calendar's period so far; Length is then the longest it can be.
type Span struct {
	Length   time.Duration
	Calendar *Calendar
}

// AlertSpec is what a spec says about one alert; labels and annotations common to
// both alerts are already merged in.
type AlertSpec struct {
	Disabled            bool
	Labels, Annotations map[string]string
}

// ErrorBudget is the ratio of events that may be bad: 1 − target.
func (o Objective) ErrorBudget() float64 { return round(1 - o.Target) }

// Alert returns what the spec says about the alert of the given severity.
func (o Objective) Alert(s Severity) AlertSpec {
	if s == Page {
		return o.Alerting.Page
	}
	return o.Alerting.Ticket
}

// AlertLabels returns the labels the alert of the given severity carries,
// without those of the objective's group. The spec's labels win, except over the
// name and the identity that routing and Sloth's dashboards rely on.
func (o Objective) AlertLabels(s Severity) map[string]string {
	ls := map[string]string{"severity": string(s)}
	if o.Team != "" {
		ls["team"] = o.Team
	}
	maps.Copy(ls, o.Labels)
	maps.Copy(ls, o.Alert(s).Labels)
	ls["alertname"] = o.Alerting.Name
	ls["service"] = o.Service
	ls["slo"] = o.SLO
	ls["sloth_id"] = o.ID
	ls["sloth_service"] = o.Service
	ls["sloth_slo"] = o.SLO
	ls["sloth_severity"] = string(s)
	return ls
}
