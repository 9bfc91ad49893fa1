package rules

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/prometheus/common/model"
)

// why says in a sentence or two why a pair fires or does not. The lock is held.
func (tr *track) why(p Pair, pr *pairReading, x WindowExplanation) string {
	var said string
	switch pr.verdict {
	case burning:
		said = fmt.Sprintf("Fires: both windows burn at %s or more (%s and %s), and the long one has %s bad %s.",
			number(pr.threshold), number(pr.long), number(pr.short), events(x.Long.Bad), tr.obj.unit())
	case quiet:
		said = "Quiet: " + tr.whyQuiet(pr, x) + "."
	default:
		said = "Undecided: " + tr.whyUnsure(pr, x) + ", so the alert neither begins nor ends."
	}
	if tr.untold() {
		said = "Held: the numbers say nothing, since " + tr.untoldReason() + ". The alert neither begins nor ends."
	}
	if pr.threshold < p.Factor {
		said += fmt.Sprintf(" It takes %s instead of %s, since the last %s carried %s of the %s expected in a period: at %s that spends %s of the whole budget.",
			number(pr.threshold), number(p.Factor), model.Duration(p.Long), percent(x.Long.Total/max(1, tr.reading.volume)), tr.obj.unit(), number(pr.threshold),
			percent(pr.threshold*x.Long.Total/max(1, tr.reading.volume+tr.reading.ahead)))
	}
	return said
}

func (tr *track) whyQuiet(pr *pairReading, x WindowExplanation) string {
	below := func(n WindowNumbers) string {
		return fmt.Sprintf("the last %s burns at %s, below %s", model.Duration(n.Length), number(n.Burn), number(pr.threshold))
	}
	switch short, long := x.Short.Burn < pr.threshold, x.Long.Burn < pr.threshold; {
	case short && long:
		return fmt.Sprintf("both windows burn below %s (%s and %s)", number(pr.threshold), number(x.Long.Burn), number(x.Short.Burn))
	case short:
		return below(x.Short)
	case long:
		return below(x.Long)
	case x.Long.Bad < tr.judge.minBad:
		return fmt.Sprintf("both windows burn, but the long one has only %s bad %s, fewer than the %s an alert needs (min_bad_events)",
			events(x.Long.Bad), tr.obj.unit(), number(tr.judge.minBad))
	default:
		return fmt.Sprintf("both windows burn, but on %s %s that is not %s certain (confidence)", events(x.Long.Total), tr.obj.unit(), percent(tr.obj.Confidence))
	}
}

func (tr *track) whyUnsure(pr *pairReading, x WindowExplanation) string {
	switch {
	case tr.ledger.Last() == 0:
		return "nothing has arrived yet"
	case x.Short.Total <= 0 && x.Long.Burn >= pr.threshold:
		return fmt.Sprintf("the long window burns at %s, but the last %s had no %s", number(x.Long.Burn), model.Duration(x.Short.Length), tr.obj.unit())
	case x.Long.Coverage < minCoverage:
		return fmt.Sprintf("only %s of the last %s was seen, and %s are needed to call it quiet", percent(x.Long.Coverage), model.Duration(x.Long.Length), percent(minCoverage))
	default:
		return fmt.Sprintf("only %s of the last %s was seen, and %s are needed to call it quiet", percent(x.Short.Coverage), model.Duration(x.Short.Length), percent(minCoverage))
	}
}

// untoldReason says why what is counted says nothing.
func (tr *track) untoldReason() string {
	if tr.crowded {
		return fmt.Sprintf("the selectors match more than %d series, of which only as many are counted", maxSeries)
	}
	return "no series matches " + tr.missing + " yet, so bad events cannot be told from good ones"
}

// explainBudget writes the arithmetic of the budget out. The lock is held.
func (tr *track) explainBudget(s *Status) []string {
	o, j, r := &tr.obj, &tr.judge, &tr.reading
	unit := o.unit()
	if r.volume <= 0 {
		return []string{"Nothing was counted in the period, so there is no budget to reckon with."}
	}
	over := "the last " + days(o.Period)
	if r.calendar.to > 0 {
		over = fmt.Sprintf("the %s since %s", o.Calendar, stamp(time.UnixMilli(r.calendar.from)))
	}
	said := []string{fmt.Sprintf("In %s, %s of %s %s were bad: %s.", over, events(r.spent.Bad), events(r.spent.Total), unit, percent(r.spent.ratio()))}
	if r.spent.out > 0 {
		said = append(said, fmt.Sprintf("Corrections take %s out of it; without them %s of the budget would be left.",
			span(time.Duration(r.spent.out)*time.Millisecond), portion(s.Uncorrected.BudgetRemaining)))
	}
	said = append(said, tr.explainExpected()...)
	share := percent(j.budget)
	if eras := tr.erasSaid(); eras != "" {
		said = append(said, eras)
		share = "The budgets of their time, then " + share + ","
	} else {
		share = fmt.Sprintf("The objective of %s leaves %s for bad ones: %s", percent(o.Target), share, share)
	}
	said = append(said,
		fmt.Sprintf("%s of %s is %s bad %s allowed in a whole period.", share, whole(j.expected(r)), whole(s.Allowed), unit),
		fmt.Sprintf("%s of %s are spent, %s: %s.", events(r.spent.Bad), whole(s.Allowed), percent(j.consumed(r)), leftWords(s.BudgetRemaining)))
	if n := r.sums[j.now]; n.Total > 0 {
		said = append(said, fmt.Sprintf("Burn rate now: %s bad of %s in the last %s is %s; over the allowed %s that is %s.",
			events(n.Bad), events(n.Total), model.Duration(j.spans[j.now])*model.Duration(time.Millisecond), percent(n.ratio()), percent(n.allowed/n.Total), number(n.errorBurn())))
	}
	return said
}

// explainExpected says how many events the whole period is expected to have, when
// that is not what it had.
func (tr *track) explainExpected() []string {
	o, j, r := &tr.obj, &tr.judge, &tr.reading
	expected := j.expected(r)
	if expected <= r.spent.Total*1.0001 {
		return nil
	}
	if r.calendar.to > 0 {
		return []string{fmt.Sprintf("The whole %s is expected to have %s %s, at the rate of the last %s.", o.Calendar, whole(expected), o.unit(), days(o.Period))}
	}
	seen := time.Duration(r.sums[j.period].Seen) * time.Millisecond
	return []string{fmt.Sprintf("They were seen in %s of %s; at the same rate a whole period has %s %s.", span(seen), days(o.Period), whole(expected), o.unit())}
}

// erasSaid says which error budgets held when, if there were several.
func (tr *track) erasSaid() string {
	var parts []string
	last := -1.0
	for _, s := range tr.judge.segments {
		if s.to <= tr.reading.anchor-tr.judge.periodMillis || s.budget == last {
			continue
		}
		last = s.budget
		since := ""
		if s.from != always {
			since = " since " + stamp(time.UnixMilli(s.from))
		}
		parts = append(parts, percent(1-s.budget)+since)
	}
	if len(parts) < 2 {
		return ""
	}
	return "The target was edited, and each time keeps its own: " + strings.Join(parts, ", then ") + "."
}

func leftWords(left float64) string {
	if left < 0 {
		return "the budget is overspent by " + percent(-left)
	}
	return portion(left) + " of the budget is left"
}

// events writes a number of events; a few of them need not be whole, since a window's
// edge may lie within a slice.
func events(v float64) string {
	if v > 0 && v < 10 {
		return number(math.Round(v*10) / 10)
	}
	return whole(v)
}
