package replay

import (
	"encoding/json"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Result is what a replay found.
type Result struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Begins is when the history begins; zero when it is empty. What lies between it and
	// From was counted without alerts.
	Begins     time.Time `json:"begins,omitzero"`
	Objectives []Summary `json:"objectives"`
	// Alerts are in order of time.
	Alerts []Alert `json:"alerts"`
}

// Summary is what one objective would have done, and its budget at the end.
type Summary struct {
	Objective string  `json:"objective"`
	Promise   string  `json:"promise"`
	Target    float64 `json:"target"`
	Period    Seconds `json:"period_seconds"`
	// Pages and Tickets were sent between From and To; NightPages are the pages between
	// 22:00 and 07:00.
	Pages          int     `json:"pages"`
	NightPages     int     `json:"night_pages"`
	Tickets        int     `json:"tickets"`
	PagesPerWeek   float64 `json:"pages_per_week"`
	TicketsPerWeek float64 `json:"tickets_per_week"`
	// State, Good, Total and BudgetRemaining are those of the last moment. Without
	// events Total is 0 and the others say nothing.
	State           rules.State `json:"state"`
	Good            float64     `json:"good"`
	Total           float64     `json:"total"`
	BudgetRemaining float64     `json:"budget_remaining"`
	// Reason says how its events were counted, and what is wrong if something is.
	Reason string `json:"reason"`
}

// Alert is one alert that would have been sent.
type Alert struct {
	Objective string          `json:"objective"`
	Name      string          `json:"name"`
	Kind      rules.AlertKind `json:"kind"`
	Severity  rules.Severity  `json:"severity"`
	// Limit tells the budget's tickets apart: "75%" spent, gone within "6h".
	Limit string `json:"limit,omitempty"`
	// Before tells that it fired already when the replay began: FiredAt is no news, and
	// it is not among the pages and tickets of the summary.
	Before  bool      `json:"before,omitempty"`
	FiredAt time.Time `json:"fired_at"`
	// ResolvedAt is zero when it still fires at the end.
	ResolvedAt time.Time `json:"resolved_at,omitzero"`
	// Began is when the burn began, or the silence; see rules.Engine.Cause. Delay is the
	// time from then until the alert.
	Began time.Time `json:"began,omitzero"`
	Delay Seconds   `json:"delay_seconds"`
	Night bool      `json:"night,omitempty"`
	// Windows names the pair that fired, Burn is that of its long window, with Bad of
	// Total events in it; all are empty for alerts that are not about burning.
	Windows string  `json:"windows,omitempty"`
	Burn    float64 `json:"burn,omitempty"`
	Bad     float64 `json:"bad,omitempty"`
	Total   float64 `json:"total,omitempty"`
	// BudgetRemaining is the share of the budget that was left when it fired.
	BudgetRemaining float64 `json:"budget_remaining"`
	Summary         string  `json:"summary"`
}

// Seconds is a duration that JSON shows in seconds.
type Seconds time.Duration

var (
	_ json.Marshaler   = Seconds(0)
	_ json.Unmarshaler = (*Seconds)(nil)
)

// MarshalJSON writes the seconds as a number.
func (s Seconds) MarshalJSON() ([]byte, error) { return json.Marshal(time.Duration(s).Seconds()) }

// UnmarshalJSON reads a number of seconds.
func (s *Seconds) UnmarshalJSON(b []byte) error {
	var n float64
	if err := json.Unmarshal(b, &n); err != nil {
		return err
	}
	*s = Seconds(n * float64(time.Second))
	return nil
}
