package rules

import (
	"math"
	"slices"
	"time"

	"github.com/prometheus/common/model"
)

const (
	// spentName and goneName are the alertnames of budget tickets.
	spentName = "BudgetSpent"
	goneName  = "BudgetGoneSoon"
	// spentDamp and goneDamp are how long a budget ticket stays after its cause has
	// gone: nobody acts on them within minutes, and a burst that returns every half
	// hour is one story.
	spentDamp = 10 * time.Minute
	goneDamp  = 30 * time.Minute
)

// A budget ticket fires when a figure reaches its limit: the share of the budget
// that is spent, or the time until it is gone, negated. Of several limits only the
// most urgent one that is reached fires, and the others end: three tickets for one
// budget say no more than the last of them. On the way back they do not fire again
// before the figure has been below their clear mark: things that get better are no
// news for a ticket.

// levels are the limits of a budget ticket in the order of their urgency.
type levels struct {
	limit, clear, next float64
}

// reached moves the memory of a budget ticket on and says what to do. knows is
// false as long as too little was seen to open a ticket, sees while too little is
// seen to close one.
func (v *levels) reached(a *alertState, figure float64, knows, sees bool) verdict {
	switch {
	case figure >= v.clear && !knows:
		return unsure
	case figure >= v.next:
		a.held = true
		return over
	case figure >= v.limit && !a.held:
		return burning
	case figure >= v.clear && a.firing:
		return unsure
	case figure >= v.clear:
		return quiet
	case !sees:
		return unsure
	default:
		a.held = false
		return quiet
	}
}

// budgetRules lists the budget tickets an objective asks for.
func budgetRules(o Objective) []alertRule {
	var out []alertRule
	shares := slices.Compact(slices.Sorted(slices.Values(o.Alerting.BudgetSpent)))
	for i, share := range shares {
		text := percent(share)
		rule := alertRule{
			kind: alertSpent, key: "spent " + text, name: spentName, severity: Ticket, damp: spentDamp.Milliseconds(),
			label: "budget_spent", value: text,
			levels: levels{limit: share, clear: 0.95 * share, next: math.Inf(1)},
		}
		if i+1 < len(shares) {
			rule.next = shares[i+1]
		}
		out = append(out, rule)
	}
	times := slices.Compact(slices.Sorted(slices.Values(o.Alerting.GoneWithin)))
	for i, within := range times {
		text, ms := model.Duration(within).String(), float64(within.Milliseconds())
		rule := alertRule{
			kind: alertGone, key: "gone " + text, name: goneName, severity: Ticket, damp: goneDamp.Milliseconds(),
			label: "gone_within", value: text,
			levels: levels{limit: -ms, clear: -1.25 * ms, next: math.Inf(1)},
		}
		if i > 0 {
			rule.next = -float64(times[i-1].Milliseconds())
		}
		out = append(out, rule)
	}
	return out
}

// spent judges how much of the budget is spent.
func (tr *track) spent(rule *alertRule, a *alertState) verdict {
	j, r := &tr.judge, &tr.reading
	return rule.reached(a, j.consumed(r), j.enough(r), tr.sees())
}

// sees tells whether telemetry arrives now and has arrived for most of the period.
func (tr *track) sees() bool {
	r := &tr.reading
	return r.lag == 0 && r.coverage[tr.judge.period] >= minCoverage
}

// enough tells whether a hundredth of the events expected of the period was seen:
// before that a few failures would look like ruin.
func (j *judge) enough(r *reading) bool {
	return r.spent.Total*100 >= j.expected(r)
}

// goneSoon judges how soon the budget will be gone, if errors go on as in the last
// hour; they must still happen, so that a short burst that is over opens no ticket.
// A budget that is gone already opens none either, but keeps the one there is while
// errors go on.
func (tr *track) goneSoon(rule *alertRule, a *alertState) verdict {
	j, r := &tr.judge, &tr.reading
	burns := r.sums[j.hour].Bad >= j.minBad && r.sums[j.now].errorBurn() >= 1
	if j.consumed(r) >= 1 {
		switch {
		case !a.firing:
			return quiet
		case burns || !tr.sees():
			return unsure
		default:
			return quiet
		}
	}
	figure := math.Inf(-1)
	if burns {
		figure = -r.goneIn
	}
	return rule.reached(a, figure, j.enough(r), tr.sees())
}
