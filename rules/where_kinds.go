package rules

import (
	"cmp"
	"math"
	"slices"
)

// maxKinds is how many kinds of failure are told, minKind the part of the failures of
// the most frequent one: what happens to fewer does not say what goes wrong.
const maxKinds, minKind, minFurtherKind = 2, 0.5, 0.1

// kinds returns the most frequent values of the label that says most clearly how
// events failed.
func (q *inquiry) kinds() []Culprit {
	var best []Culprit
	for label, l := range q.labels {
		if l.role != outcome {
			continue
		}
		var of []Culprit
		for _, v := range q.values {
			if int(v.label) != label || v.value == "" {
				continue
			}
			c := Culprit{Label: l.name, Value: v.value, Values: 1, Known: len(l.values), Bad: v.bad, Total: v.total}
			if c.BadShare, _ = partsOf(v.bad, 0, q.all); c.BadShare >= minFurtherKind {
				of = append(of, c)
			}
		}
		slices.SortFunc(of, func(a, b Culprit) int {
			return cmp.Or(cmp.Compare(b.BadShare, a.BadShare), cmp.Compare(a.Value, b.Value))
		})
		if len(of) == 0 || of[0].BadShare < minKind {
			continue
		}
		of = of[:min(len(of), maxKinds)]
		if best == nil || of[0].BadShare > best[0].BadShare+sameExcess || of[0].BadShare > best[0].BadShare-sameExcess && l.name < best[0].Label {
			best = of
		}
	}
	return best
}

// crowd returns the values of a label which together have far more of the failures
// than of the traffic although none alone has enough to be named: six broken pods of
// fifty.
func (q *inquiry) crowd() (Culprit, bool) {
	var best Culprit
	var worst int32
	most := 0.0
	for label, l := range q.labels {
		if l.role != whereabouts {
			continue
		}
		var of []int32
		apart, odd := 0.0, 0.0
		for i, v := range q.values {
			if int(v.label) != label || v.bad <= 0 {
				continue
			}
			failures, traffic := partsOf(v.bad, v.total, q.all)
			odd += 2 * q.all.bad * failures * math.Log(failures/max(traffic, 1e-12))
			if failures >= minLift*traffic {
				of = append(of, int32(i))
				apart += failures - traffic
			}
		}
		// The likelihood ratio of a label that says nothing is about as great as its values
		// are many, give or take the root of twice that.
		free := float64(len(l.values) - 1)
		if apart < minApart || odd < free+5*math.Sqrt(2*free)+10 {
			continue
		}
		slices.SortFunc(of, func(a, b int32) int {
			return cmp.Or(cmp.Compare(q.values[b].bad, q.values[a].bad), cmp.Compare(q.values[a].value, q.values[b].value))
		})
		if most > 0 && apart < most+sameExcess && (apart < most-sameExcess || q.compare(of[0], worst) > 0) {
			continue
		}
		c := Culprit{Label: l.name, Value: q.values[of[0]].value, Values: len(of), Known: len(l.values)}
		for _, v := range of {
			c.Bad += q.values[v].bad
			c.Total += q.values[v].total
		}
		c.BadShare, c.TrafficShare = partsOf(c.Bad, c.Total, q.all)
		best, worst, most = c, of[0], apart
	}
	return best, most > 0
}
