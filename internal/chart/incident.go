package chart

import "time"

// Incident is what a page shows of an objective that is broken: how fast its error
// budget is spent, over how large a part of its events is bad.
type Incident struct {
	Name string // of the objective
	// Began and Ended are the incident's; zero Ended is still going on.
	Began, Ended time.Time
	// From and To bound the time shown. Zero is where the points begin or end.
	From, To time.Time
	Burn     []Point // burn rates: 1 spends the budget exactly in its period
	Errors   []Point // error ratios, 0 to 1
	// Step is how far apart the points are expected, as in [Series].
	Step time.Duration
	// Budget is the error ratio that is allowed; zero shows none.
	Budget float64
	// Alerts are the burn rates at which somebody is told.
	Alerts []Threshold
	// Location is the clock of the time axis; nil is UTC.
	Location *time.Location
}

// Figure returns the picture of the incident: two charts over the same time.
func (in Incident) Figure() Figure {
	burn := Series{Name: "Burn rate", Points: in.Burn, Step: in.Step}
	errors := Series{Name: "Error ratio", Points: in.Errors, Step: in.Step, State: Bad}
	from, to := in.From, in.To
	first, last := reach([]Series{burn, errors})
	if from.IsZero() {
		from = first
	}
	if to.IsZero() {
		to = last
	}
	above := Chart{Title: burn.Name, Unit: Times, Series: []Series{burn}, Thresholds: in.Alerts}
	below := Chart{Title: errors.Name, Unit: Ratio, Series: []Series{errors}}
	if in.Budget > 0 {
		below.Thresholds = []Threshold{{Name: "budget", Value: in.Budget}}
	}
	if !in.Began.IsZero() {
		// The name stands once, in the upper chart.
		above.Shaded = []Span{{From: in.Began, To: in.Ended, Name: "incident"}}
		below.Shaded = []Span{{From: in.Began, To: in.Ended}}
	}
	figure := Figure{Title: in.Name, Charts: []Chart{above, below}}
	for i := range figure.Charts {
		c := &figure.Charts[i]
		c.From, c.To, c.Location = from, to, in.Location
	}
	return figure
}
