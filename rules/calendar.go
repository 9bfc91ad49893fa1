package rules

import (
	"fmt"
	"time"
)

// String names the period as a spec does: "month", "2 weeks".
func (c Calendar) String() string {
	if c.Count > 1 {
		return fmt.Sprintf("%d %ss", c.Count, c.Unit)
	}
	return string(c.Unit)
}

// over names the period in a sentence: "28d", "the month".
func (o Objective) over() string {
	if o.Calendar != nil {
		return "the " + o.Calendar.String()
	}
	return days(o.Period)
}

// Around returns the calendar period that t lies in: it begins at the first moment
// and ends before the second, which begins the next one.
func (c Calendar) Around(t time.Time) (from, to time.Time) {
	t = t.In(c.Start.Location())
	// A guess that is at most a few periods off, by the longest length of a unit.
	n := int(t.Sub(c.Start) / c.longest())
	for c.begin(n).After(t) {
		n--
	}
	for !c.begin(n + 1).After(t) {
		n++
	}
	return c.begin(n), c.begin(n + 1)
}

// begin returns the beginning of the n-th period after the one that began at Start.
// A month without the day of Start begins on its last day.
func (c Calendar) begin(n int) time.Time {
	n *= max(c.Count, 1)
	switch c.Unit {
	case Week:
		return c.Start.AddDate(0, 0, 7*n)
	case Month:
		return addMonths(c.Start, n)
	case Quarter:
		return addMonths(c.Start, 3*n)
	case Year:
		return addMonths(c.Start, 12*n)
	case Day:
	}
	return c.Start.AddDate(0, 0, n)
}

func addMonths(t time.Time, n int) time.Time {
	out := t.AddDate(0, n, 0)
	if out.Day() != t.Day() {
		return out.AddDate(0, 0, -out.Day())
	}
	return out
}

// longest is the greatest length of a period: with an hour for the change from
// daylight saving.
func (c Calendar) longest() time.Duration {
	days := map[Unit]int{Day: 1, Week: 7, Month: 31, Quarter: 92, Year: 366}[c.Unit]
	return time.Duration(max(c.Count, 1)*max(days, 1))*24*time.Hour + time.Hour
}

// periodState is the present calendar period of an objective, in Unix milliseconds;
// both are 0 for a rolling one.
type periodState struct{ from, to int64 }

// around returns the calendar period at a moment.
func (o Objective) around(at int64) periodState {
	if o.Calendar == nil {
		return periodState{}
	}
	return o.Calendar.state(at)
}

func (c Calendar) state(at int64) periodState {
	from, to := c.Around(time.UnixMilli(at))
	return periodState{from.UnixMilli(), to.UnixMilli()}
}

// memory is how far back an objective's counts must reach.
func (o Objective) memory() time.Duration {
	longest := o.Period
	for _, s := range o.AlsoOver {
		longest = max(longest, s.Length)
	}
	return longest
}
