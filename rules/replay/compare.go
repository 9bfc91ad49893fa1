package replay

import (
	"cmp"
	"slices"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// sameWithin is how far apart two alerts may begin and still be about one thing, when
// they do not fire at the same time.
const sameWithin = time.Hour

// Comparison is what differs between two results for the same time.
type Comparison struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// A and B name the results.
	A          string       `json:"a"`
	B          string       `json:"b"`
	Objectives []Difference `json:"objectives"`
}

// Difference compares one objective. A or B is nil where it has none of that name.
type Difference struct {
	A      *Summary  `json:"a"`
	B      *Summary  `json:"b"`
	Alerts []Pairing `json:"alerts"`
}

// Pairing is an alert of A with that of B about the same; either is nil where the other
// one alone was sent.
type Pairing struct {
	A *Alert `json:"a"`
	B *Alert `json:"b"`
	// Earlier is by how much B fired earlier than A, negative when later; 0 for an alert
	// without its like.
	Earlier Seconds `json:"b_earlier_seconds"`
}

// first is the alert that fired first of both.
func (p Pairing) first() *Alert {
	if p.A == nil || p.B != nil && p.B.FiredAt.Before(p.A.FiredAt) {
		return p.B
	}
	return p.A
}

// Compare says what differs between two results for the same time. Objectives are
// compared by their IDs; if each result has only one, these two.
func Compare(a, b Result) Comparison {
	out := Comparison{From: a.From, To: a.To, A: "A", B: "B", Objectives: []Difference{}}
	if len(a.Objectives) == 1 && len(b.Objectives) == 1 {
		out.Objectives = append(out.Objectives, difference(a, &a.Objectives[0], b, &b.Objectives[0]))
		return out
	}
	for i := range a.Objectives {
		out.Objectives = append(out.Objectives, difference(a, &a.Objectives[i], b, b.find(a.Objectives[i].Objective)))
	}
	for i := range b.Objectives {
		if a.find(b.Objectives[i].Objective) == nil {
			out.Objectives = append(out.Objectives, difference(a, nil, b, &b.Objectives[i]))
		}
	}
	return out
}

// find returns the summary of an objective, nil if there is none.
func (r *Result) find(id string) *Summary {
	for i := range r.Objectives {
		if r.Objectives[i].Objective == id {
			return &r.Objectives[i]
		}
	}
	return nil
}

// of returns the alerts of an objective that count.
func (r *Result) of(s *Summary) []*Alert {
	var out []*Alert
	for i := range r.Alerts {
		if s != nil && r.Alerts[i].Objective == s.Objective && !r.Alerts[i].Before {
			out = append(out, &r.Alerts[i])
		}
	}
	return out
}

func difference(a Result, sa *Summary, b Result, sb *Summary) Difference {
	out := Difference{A: sa, B: sb, Alerts: []Pairing{}}
	left := b.of(sb)
	for _, x := range a.of(sa) {
		p := Pairing{A: x}
		if i := like(x, left, a.To); i >= 0 {
			p.B = left[i]
			p.Earlier = Seconds(x.FiredAt.Sub(p.B.FiredAt))
			left = slices.Delete(left, i, i+1)
		}
		out.Alerts = append(out.Alerts, p)
	}
	for _, y := range left {
		out.Alerts = append(out.Alerts, Pairing{B: y})
	}
	slices.SortStableFunc(out.Alerts, func(p, q Pairing) int {
		return cmp.Or(p.first().FiredAt.Compare(q.first().FiredAt), cmp.Compare(p.first().Severity, q.first().Severity))
	})
	return out
}

// like finds the alert of the same kind that is about the same as x: the nearest that
// fires at the same time or begins within an hour; -1 if there is none.
func like(x *Alert, others []*Alert, end time.Time) int {
	best, nearest := -1, time.Duration(0)
	for i, y := range others {
		if x.Kind != y.Kind || x.Severity != y.Severity || x.Limit != y.Limit {
			continue
		}
		apart := y.FiredAt.Sub(x.FiredAt).Abs()
		overlap := x.FiredAt.Before(until(y, end)) && y.FiredAt.Before(until(x, end))
		if (overlap || apart <= sameWithin) && (best < 0 || apart < nearest) {
			best, nearest = i, apart
		}
	}
	return best
}

// until is when an alert ended, or the end of the replay.
func until(a *Alert, end time.Time) time.Time {
	if a.ResolvedAt.IsZero() {
		return end
	}
	return a.ResolvedAt
}

// tally counts the pairings of a severity.
type tally struct {
	onlyA, onlyB, same int
	earlier, later     int
	earlierBy, laterBy time.Duration
}

func (d Difference) tally(s rules.Severity) tally {
	var t tally
	for _, p := range d.Alerts {
		switch by := time.Duration(p.Earlier); {
		case p.first().Severity != s:
		case p.B == nil:
			t.onlyA++
		case p.A == nil:
			t.onlyB++
		case by > 0:
			t.earlier++
			t.earlierBy += by
		case by < 0:
			t.later++
			t.laterBy -= by
		default:
			t.same++
		}
	}
	return t
}
