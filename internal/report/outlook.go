package report

import (
	"fmt"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Outlook is what the coming week may leave of a budget, if it is like one of the last four.
type Outlook struct {
	// At is the end of the coming week, Weeks is how many past ones had events.
	At    time.Time `json:"at"`
	Weeks int       `json:"weeks"`
	// Low and High are what is left after the worst and the best of them: 1 is all of it, negative is overspent.
	Low  float64 `json:"low"`
	High float64 `json:"high"`
	// Spent is after how many of them nothing is left.
	Spent int `json:"spent"`
}

// outlookOf lets each of the last weeks come again after end. What leaves a trailing period meanwhile is known and exact;
// what comes is that week's events. nil where fewer than two weeks say anything.
func (r reading) outlookOf(o rules.Objective, end time.Time) *Outlook {
	ahead := end.AddDate(0, 0, 7) // By the calendar: clocks may change in it.
	from, to := o.BudgetPeriod(ahead)
	known := r.between(from, end)
	length := ahead.Sub(maxTime(from, end)) // how much of the coming week counts
	out := Outlook{At: ahead}
	edges := weeksBefore(end, recentWeeks)
	for i := range recentWeeks {
		w := r.between(edges[i], edges[i+1])
		if w.Total <= 0 {
			continue
		}
		part := float64(length) / float64(week)
		sum := known
		sum.Good, sum.Total, sum.Seen = sum.Good+part*w.Good, sum.Total+part*w.Total, sum.Seen+length
		sum.Allowed += part * o.ErrorBudget() * w.Total
		allowed := o.Allowance(r.between(end.Add(-o.Period), end), sum, to.Sub(from))
		if allowed <= 0 {
			continue
		}
		left := 1 - bad(sum)/allowed
		if out.Weeks == 0 {
			out.Low, out.High = left, left
		}
		out.Low, out.High = min(out.Low, left), max(out.High, left)
		out.Weeks++
		if left <= 0 {
			out.Spent++
		}
	}
	out.Low, out.High = tidy(out.Low, 4), tidy(out.High, 4)
	if out.Weeks < 2 {
		return nil
	}
	return &out
}

func maxTime(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Words says the outlook in a sentence without its end: "if the coming week is like one of the last four, 62% to 71% of the
// budget is left on 29 November".
func (o Outlook) Words() string {
	s := fmt.Sprintf("if the coming week is like one of the last %s, ", inWords(o.Weeks))
	day := o.At.Add(-time.Minute).Format("2 January")
	low, high := Budget(o.Low), Budget(o.High)
	switch {
	case o.High <= 0 && low == high:
		return s + "the budget is " + low + " on " + day
	case o.High <= 0:
		return s + "the budget is spent on " + day + " in any case: " + high + " at best, " + low + " at worst"
	case o.Spent > 0:
		return s + fmt.Sprintf("the budget is spent by %s after %s of them, and at best %s of it is left", day, inWords(o.Spent), high)
	case low == high:
		return s + low + " of the budget is left on " + day
	default:
		return s + low + " to " + high + " of the budget is left on " + day
	}
}

// inWords writes small numbers as people do.
func inWords(n int) string {
	if words := [...]string{"none", "one", "two", "three", "four"}; n >= 0 && n < len(words) {
		return words[n]
	}
	return fmt.Sprint(n)
}
