package replay

import (
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Result is what a replay found.
type Result struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Begins is when the history begins; zero when it is empty.
	Begins     time.Time `json:"begins"`
	Objectives []Summary `json:"objectives"`
	// Alerts are in order of time.
	Alerts []Alert `json:"alerts"`
}

// Summary is what one objective would have done, and its budget at the end.
type Summary struct {
	Objective      string  `json:"objective"`
	Promise        string  `json:"promise"`
	Target         float64 `json:"target"`
	Pages          int     `json:"pages"`
	NightPages     int     `json:"night_pages"` // Between 22:00 and 07:00.
	Tickets        int     `json:"tickets"`
	PagesPerWeek   float64 `json:"pages_per_week"`
	TicketsPerWeek float64 `json:"tickets_per_week"`
	// State, Good, Total and BudgetRemaining are those of the last moment.
	State           rules.State `json:"state"`
	Good            float64     `json:"good"`
	Total           float64     `json:"total"`
	BudgetRemaining float64     `json:"budget_remaining"`
}

// Alert is one alert that would have been sent.
type Alert struct {
	Objective string    `json:"objective"`
	Name      string    `json:"name"`
	Severity  string    `json:"severity"`
	FiredAt   time.Time `json:"fired_at"`
	// ResolvedAt is zero when it still fires at the end.
	ResolvedAt time.Time `json:"resolved_at"`
	// BurnBegan is the end of the last stretch, as long as the objective's shortest
	// window, in which no more failed than the budget allows, and Delay the time from
	// then until the alert. Both are zero when nothing burns: an alert of silence.
	BurnBegan time.Time     `json:"burn_began"`
	Delay     time.Duration `json:"delay_nanoseconds"`
	// BudgetRemaining is the share of the budget that was left when it fired.
	BudgetRemaining float64 `json:"budget_remaining"`
	Windows         string  `json:"windows,omitempty"`
	Summary         string  `json:"summary"`
}
