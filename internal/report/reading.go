package report

import (
	"context"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// reading is what an objective counted, read once for all that a report asks about it.
type reading struct {
	edges   []time.Time
	tallies []rules.Tally // between each edge and the next
}

// read asks a source for the time between any two of the moments.
func read(ctx context.Context, src Source, id string, moments []time.Time) (reading, error) {
	slices.SortFunc(moments, time.Time.Compare)
	r := reading{edges: slices.CompactFunc(moments, time.Time.Equal)}
	if len(r.edges) < 2 {
		return r, nil
	}
	var err error
	r.tallies, err = src.Tallies(ctx, id, r.edges...)
	return r, err
}

// between adds up what was counted between two of the moments.
func (r reading) between(from, to time.Time) rules.Tally {
	var sum rules.Tally
	first, _ := slices.BinarySearchFunc(r.edges, from, time.Time.Compare)
	for i := first; i < len(r.tallies) && r.edges[i].Before(to); i++ {
		t := r.tallies[i]
		sum.Good, sum.Total, sum.Allowed = sum.Good+t.Good, sum.Total+t.Total, sum.Allowed+t.Allowed
		sum.RawGood, sum.RawTotal = sum.RawGood+t.RawGood, sum.RawTotal+t.RawTotal
		sum.Corrected, sum.Seen, sum.Unseen = sum.Corrected+t.Corrected, sum.Seen+t.Seen, sum.Unseen+t.Unseen
	}
	return sum
}

// How many weeks of the past a report learns from: a quarter of them say whether a target fits, the last few what the coming
// week may bring.
const (
	quarterWeeks = 13
	recentWeeks  = 4
	week         = 7 * 24 * time.Hour
)

// weeksBefore are the edges of so many weeks that end at a time.
func weeksBefore(end time.Time, n int) []time.Time {
	edges := make([]time.Time, 0, n+1)
	for back := n; back >= 0; back-- {
		edges = append(edges, end.AddDate(0, 0, -7*back))
	}
	return edges
}

// hoursOf are the edges of the hours of a time, counted in elapsed time, so that a week in which clocks change has 167 or
// 169 of them, and none is counted twice.
func hoursOf(from, to time.Time) []time.Time {
	var edges []time.Time
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		edges = append(edges, at)
	}
	return append(edges, to)
}

// moments are all times between which a row asks for counts: for a period of which end is known.
func moments(o rules.Objective, p Period, end time.Time) []time.Time {
	all := append(hoursOf(p.From, end), p.Step(-1).From)
	all = append(all, weeksBefore(end, quarterWeeks)...)
	for _, at := range []time.Time{p.From, end, end.Add(week)} {
		from, _ := o.BudgetPeriod(at)
		all = append(all, from, at.Add(-o.Period))
	}
	// What is to come holds nothing yet.
	return slices.DeleteFunc(all, func(at time.Time) bool { return at.After(end) })
}

// bad is how many events were bad.
func bad(t rules.Tally) float64 { return max(0, t.Total-t.Good) }

// rounding is how far floating point may be off: a target is met by exactly its share.
const rounding = 1e-9

// outcomeOf says whether a tally keeps the promise: each time by the target it had then.
func outcomeOf(t rules.Tally) Outcome {
	switch {
	case t.Total <= 0:
		return NoData
	case bad(t) <= t.Allowed*(1+rounding):
		return Kept
	default:
		return Missed
	}
}

// budget is what is left of an objective's budget at one of the moments, signed, and how many bad events it allows; nil
// where its period holds no events.
func (r reading) budget(o rules.Objective, at time.Time) (left *float64, allowed float64) {
	from, to := o.BudgetPeriod(at)
	spent := r.between(from, at)
	if spent.Total <= 0 {
		return nil, 0
	}
	allowed = o.Allowance(r.between(at.Add(-o.Period), at), spent, to.Sub(from))
	if allowed <= 0 {
		return nil, 0
	}
	share := tidy(1-bad(spent)/allowed, 4)
	if share == 1 && bad(spent) > 0 {
		share = 0.9999 // Something failed: it is not whole.
	}
	return finite(share), allowed
}
