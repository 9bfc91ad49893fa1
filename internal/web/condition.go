package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// condition is how an objective is doing right now, its alerts and its budget seen together, the most urgent first. The
// values name the icons and the colors of the stylesheet.
type condition string

// The conditions.
const (
	broken  condition = "broken"  // A page is firing.
	unknown condition = "unknown" // Nobody can say.
	spent   condition = "spent"   // The budget is gone.
	leaking condition = "leaking" // A ticket is firing: it breaks slowly.
	risk    condition = "risk"    // The budget will not last.
	watch   condition = "watch"   // It burns faster than it should, or much of the budget is gone, but it lasts.
	fine    condition = "fine"
)

// Word returns the condition for people.
func (c condition) Word() string {
	switch c {
	case broken:
		return "Broken now"
	case unknown:
		return "No data"
	case spent:
		return "Budget spent"
	case leaking:
		return "Leaking"
	case risk:
		return "At risk"
	case watch:
		return "Watch"
	default:
		return "Healthy"
	}
}

// ConditionWord returns the condition as the pages write it: "At risk".
func (o Objective) ConditionWord() string {
	c := condition(o.Condition)
	if c.rank() < 0 {
		return o.State // Of a server that knows other conditions.
	}
	return c.Word()
}

// rank orders conditions by urgency.
func (c condition) rank() int {
	return slices.Index([]condition{broken, unknown, spent, leaking, risk, watch, fine}, c)
}

// conditionOf judges an objective. A firing page outranks blindness: what was seen was broken. But a page that says that
// nothing is seen says no more than that.
func conditionOf(s rules.Status) condition {
	var ticket, budget, lost bool
	for _, a := range s.Alerts {
		if a.State != rules.AlertFiring {
			continue
		}
		if a.Severity == rules.Page && a.Kind == rules.AlertTelemetryLost {
			lost = true
			continue
		}
		if a.Severity == rules.Page {
			return broken
		}
		// That much of the budget is gone says nothing about the present.
		if a.Kind == rules.AlertBudgetSpent || a.Kind == rules.AlertBudgetGoneSoon {
			budget = true
			continue
		}
		ticket = true
	}
	switch {
	case s.State == rules.StateUnknown || s.State == "" || lost:
		return unknown
	case s.State == rules.StateExhausted:
		return spent
	case ticket:
		return leaking
	case s.State == rules.StateAtRisk:
		return risk
	case s.State == rules.StateWatch || budget:
		return watch
	default:
		return fine
	}
}

// verdict answers "are we fine?".
type verdict struct {
	Is       condition `json:"state"`
	Answer   string    `json:"answer"`   // "We are not fine: 1 of 12 promises is broken."
	Sentence string    `json:"sentence"` // What to know next; may be empty.
}

// judge looks at everything at once. Incidents count as well: a page of a Prometheus rule belongs to no objective.
// A promise of which a group is broken is broken.
func judge(statuses []rules.Status, incidents []Incident) verdict {
	statuses = familiesOf(statuses).promises()
	by := map[condition][]rules.Status{}
	for _, s := range statuses {
		c := conditionOf(s)
		by[c] = append(by[c], s)
	}
	for _, list := range by {
		slices.SortStableFunc(list, func(a, b rules.Status) int { return -cmp.Compare(a.Burn, b.Burn) })
	}
	other := pagesBesides(incidents, by[broken])
	all := len(statuses)
	is := func(n int) string {
		if n == 1 {
			return "is"
		}
		return "are"
	}
	of := func(c condition) string {
		return fmt.Sprintf("%d of %s %s", len(by[c]), plural(all, "promise"), is(len(by[c])))
	}
	about := func(c condition) string { return promiseOf(by[c][0].Objective) + ": " + situation(by[c][0]) }
	switch {
	case len(by[broken]) > 0:
		return verdict{broken, "We are not fine: " + of(broken) + " broken.", about(broken)}
	case len(other) > 0:
		return verdict{broken, "We are not fine: " + plural(len(other), "page") + " " + is(len(other)) + " open.", other[0].Title}
	case all == 0:
		return verdict{unknown, "Nothing is promised yet.", "Write an objective into a file that rules.objectives names, and this page says whether it is kept."}
	case len(by[unknown]) == all:
		return verdict{unknown, "We cannot tell: there is no data yet.", "Nothing was counted for " + plural(all, "promise") + ". The status page shows what arrives."}
	case len(by[unknown]) > 0:
		return verdict{unknown, fmt.Sprintf("We cannot be sure: for %d of %d promises there is no data.", len(by[unknown]), all), about(unknown)}
	case len(by[spent]) > 0:
		return verdict{spent, "We are fine for now, but " + plural(len(by[spent]), "budget") + " " + is(len(by[spent])) + " spent.", about(spent)}
	case len(by[leaking]) > 0:
		return verdict{leaking, "We are mostly fine: " + of(leaking) + " slowly breaking.", about(leaking)}
	case len(by[risk]) > 0:
		return verdict{risk, "We are fine for now, but " + of(risk) + " at risk.", about(risk)}
	}
	v := verdict{fine, fmt.Sprintf("We are fine: all %d promises are kept.", all), ""}
	if all == 1 {
		v.Answer = "We are fine: the one promise is kept."
	}
	if n := len(by[watch]); n > 0 {
		v.Is, v.Sentence = watch, fmt.Sprintf("%s %s worth watching: %s", plural(n, "promise"), is(n), about(watch))
	}
	return v
}

// pagesBesides returns the firing pages that are not about one of the given objectives.
func pagesBesides(incidents []Incident, known []rules.Status) []Incident {
	var pages []Incident
	for _, i := range incidents {
		about := func(s rules.Status) bool {
			whole := wholeOf(s.Objective)
			return i.Objective == whole || strings.HasPrefix(i.Objective, whole+":")
		}
		// That somebody has it does not mean that it works again.
		if (i.State == "firing" || i.State == "acknowledged") && (i.Severity == "page" || i.Severity == "critical") && !slices.ContainsFunc(known, about) {
			pages = append(pages, i)
		}
	}
	return pages
}

// situation says in a sentence or two how an objective is doing.
func situation(s rules.Status) string {
	for _, a := range s.Alerts {
		if a.State == rules.AlertFiring && a.Kind == rules.AlertNoTraffic {
			return upperFirst(strings.TrimPrefix(a.Summary, "“"+s.Objective.Promise+"”: "))
		}
	}
	switch {
	case s.NoData || conditionOf(s) == unknown:
		if s.Reason != "" && s.State == rules.StateUnknown {
			return upperFirst(s.Reason)
		}
		return "Nothing was counted lately."
	case s.ErrorRatio == 0:
		return "Nothing fails right now. " + budgetSentence(s)
	default:
		now := report.Percent(s.ErrorRatio) + " " + report.Verb(s.Objective) + ", " + report.Allowed(s.Burn) + "."
		return now + " " + budgetSentence(s)
	}
}

// budgetSentence says how much budget is left and how long it lasts.
func budgetSentence(s rules.Status) string {
	period := report.OverWords(s.Objective)
	switch {
	case s.Total <= 0:
		return ""
	case s.BudgetRemaining <= 0:
		return "The budget of " + period + " is " + report.Budget(s.BudgetRemaining) + "."
	case s.Forecast.Text != "":
		return report.Budget(s.BudgetRemaining) + " of the budget is left; at this rate it is gone " + s.Forecast.Text + "."
	case s.ExhaustedIn > 0:
		return report.Budget(s.BudgetRemaining) + " of the budget is left; at this rate it is gone in " + span(s.ExhaustedIn) + "."
	default:
		return report.Budget(s.BudgetRemaining) + " of the budget of " + period + " is left."
	}
}

// upperFirst begins a sentence and ends it.
func upperFirst(s string) string {
	r := []rune(s)
	if len(r) == 0 {
		return ""
	}
	if 'a' <= r[0] && r[0] <= 'z' {
		r[0] -= 'a' - 'A'
	}
	if end := r[len(r)-1]; end != '.' && end != '!' && end != '?' {
		r = append(r, '.')
	}
	return string(r)
}
