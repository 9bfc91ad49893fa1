package rules

import "time"

// State is the condition of an objective's error budget.
type State string

// The budget states, best first; StateUnknown means too little was seen to say.
const (
	StateHealthy   State = "healthy"
	StateWatch     State = "watch"
	StateAtRisk    State = "at_risk"
	StateExhausted State = "exhausted"
	StateUnknown   State = "unknown"
)

// Source says how the events of an objective are counted.
type Source string

// An observed objective is counted from every sample as it is stored; a polled
// one is asked for by PromQL at a short interval.
const (
	SourceObserved Source = "observed"
	SourcePolled   Source = "polled"
)

// AlertState is the state of one alert.
type AlertState string

// The states of an alert. Pending is part of Prometheus' vocabulary; burn-rate
// alerts fire at once, since their windows are the waiting.
const (
	AlertInactive AlertState = "inactive"
	AlertPending  AlertState = "pending"
	AlertFiring   AlertState = "firing"
)

// Status is one objective as of the last evaluation.
type Status struct {
	Objective Objective
	State     State
	// ErrorRatio and Burn are those of the shortest window ("now"). They are 0
	// when NoData says that the window saw no event.
	ErrorRatio, Burn float64
	NoData           bool
	// PeriodErrorRatio is bad/total over the whole period.
	PeriodErrorRatio float64
	// BudgetRemaining is the unspent share of the period's error budget; signed,
	// 1 is untouched, negative is overspent.
	BudgetRemaining float64
	// Good and Total are event counts over the period. For a polled ratio whose
	// volume is unknown they are seconds.
	Good, Total float64
	// Allowed is how many bad events the budget of the whole period allows.
	Allowed float64
	// PeriodStart and PeriodEnd bound a calendar period; a rolling one has none.
	PeriodStart, PeriodEnd time.Time
	// Uncorrected are the period's figures as they would be without corrections; nil
	// when none falls into it.
	Uncorrected *Figures
	// Periods are the budgets over the further spans the objective is shown over.
	Periods []PeriodStatus
	Windows []Window
	Alerts  []AlertStatus
	// Coverage is the share of the period, since the first observation, in which
	// telemetry arrived.
	Coverage float64
	// BlindSince is when telemetry was last seen, if it stopped arriving.
	BlindSince time.Time
	// ExhaustedIn forecasts when the budget is gone at the present rate; 0 when it
	// lasts or is spent already (see State).
	ExhaustedIn time.Duration
	// Forecast is the same as a band and in words.
	Forecast Forecast
	// Consequence says in a sentence what the state means for those who plan work.
	Consequence string
	UpdatedAt   time.Time
	// Restoring is how far the reading of its past has come, nil when that is done:
	// until then there are no figures.
	Restoring *Progress
	Source    Source
	// Reason says why the source is used, and what is wrong if something is.
	Reason string
}

// Figures are what a budget is reckoned from.
type Figures struct {
	Good, Total     float64
	BudgetRemaining float64
}

// PeriodStatus is the budget over one span. Start and End bound a calendar's period.
type PeriodStatus struct {
	Span Span
	Figures

	Start, End time.Time
}

// Window is one pair of windows with its numbers as of the last evaluation.
type Window struct {
	Severity Severity
	// Long and Short both have to burn at Threshold or more.
	Long, Short time.Duration
	// Factor is the classic burn rate of the pair; Threshold is what holds now,
	// lower than Factor when the traffic is above its average (volume-aware).
	Factor, Threshold   float64
	LongBurn, ShortBurn float64
	// Bad and Total are events in the long window.
	Bad, Total float64
	// Coverage is the smaller coverage of the two windows.
	Coverage float64
	Firing   bool
}

// AlertKind says what an alert is about.
type AlertKind string

// The kinds of alerts.
const (
	AlertBurn           AlertKind = "burn"
	AlertTelemetryLost  AlertKind = "telemetry_lost"
	AlertNoTraffic      AlertKind = "no_traffic"
	AlertBudgetSpent    AlertKind = "budget_spent"
	AlertBudgetGoneSoon AlertKind = "budget_gone_soon"
)

// AlertStatus is one alert of an objective.
type AlertStatus struct {
	Name     string
	Kind     AlertKind
	Severity Severity
	// Limit tells the budget's tickets apart: "75%" spent, gone within "6h".
	Limit string
	State AlertState
	// Since is when the alert began to fire.
	Since time.Time
	// Summary is the sentence sent with it; empty while inactive.
	Summary string
}
