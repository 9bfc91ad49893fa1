package rules

import (
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// TargetAt is what an objective promised at a time: that of the version that held then,
// and of the first one before. It is 0 for an objective that is not known.
func (e *Engine) TargetAt(id string, at time.Time) float64 {
	target := 0.0
	for _, g := range e.books.generationsOf(id) {
		if target == 0 || !g.From.After(at) {
			target = g.Target
		}
	}
	return target
}

// BudgetPeriod is the time whose events a budget is reckoned on at a moment: the trailing
// period, or the calendar's so far; to is when that period ends. A moment between two
// periods of a calendar belongs to the one that ends.
func (o Objective) BudgetPeriod(at time.Time) (from, to time.Time) {
	if o.Calendar == nil {
		return at.Add(-o.Period), at
	}
	return o.Calendar.Around(at.Add(-time.Millisecond))
}

// Allowance is how many bad events the budget of a whole period allows, as Status.Allowed:
// those that its events so far allow, and for the rest those of the volume expected.
// trailing is the tally of the time Objective.Period before a moment, spent that of
// BudgetPeriod until then, and length how long the latter is when it is over.
func (o Objective) Allowance(trailing, spent Tally, length time.Duration) float64 {
	volume := volumeOf(trailing.Total, int64(trailing.Seen), int64(o.Period))
	if o.Calendar != nil {
		volume *= float64(length) / float64(o.Period)
	}
	so := tally{Cell: ledger.Cell{Total: spent.Total}, allowed: spent.Allowed}
	return so.allowance(o.ErrorBudget(), volume)
}
