package rules

import (
	"cmp"
	"math"
	"slices"
)

const (
	// maxCulprits is as many as people read at night.
	maxCulprits = 3
	// minShare is the part of all failures below which a value explains too little to
	// begin with; minLift how many times its part of the traffic that must be, and
	// minExcess by how much it must exceed it: a value with 90 % of the traffic and 97 % of
	// the failures is not where to look.
	minShare, minLift, minExcess = 0.2, 1.5, 0.1
	// sameExcess is how close two excesses are the same: then what has less traffic is
	// the better hint.
	sameExcess = 0.02
	// doubt is the risk to accuse by chance the best of all values that were tried.
	doubt = 0.01
	// maxPaired bounds the values that are tried in pairs, and minPaired is the part of
	// the failures each must have: both values of a pair have all that the pair has.
	maxPaired, minPaired = 16, 0.5
	// pairKeeps is the part of a single value's failures that a pair must keep while it
	// has pairLift times less traffic, to be worth its longer sentence; or its excess is
	// greater by pairExcess.
	pairKeeps, pairLift, pairExcess = 0.9, 1.5, 0.15
	// minApart is how much of the failures must lie elsewhere than the traffic before a
	// label is called uneven though no value of it stands out.
	minApart = 0.3
)

// suspect is a set of series that may explain failures: those with a value, or with
// two. Its events are of what is not explained yet.
type suspect struct {
	values     []int32
	bad, total float64
	series     int
}

// inquiry looks for culprits among what is not explained yet.
type inquiry struct {
	*spread

	// all are the events of all series, left those that are not explained.
	all, left  weights
	explained  []bool
	bad, total []float64 // by value, of what is left
	tried      int
}

// explain finds the culprits and the kinds of failure.
func (s *spread) explain(w *Where, defining map[string]defined) {
	s.fill()
	s.classify(defining)
	q := &inquiry{
		spread: s, all: weights{w.Bad, w.Total}, explained: make([]bool, len(s.rows)),
		bad: make([]float64, len(s.values)), total: make([]float64, len(s.values)),
	}
	for _, v := range s.values {
		if s.labels[v.label].role == whereabouts {
			q.tried++
		}
	}
	for len(w.Culprits) < maxCulprits {
		q.weigh()
		best, ok := q.best()
		if !ok {
			break
		}
		w.Culprits = append(w.Culprits, q.culprit(best))
		q.explain(best)
	}
	w.Kinds = q.kinds()
	if len(w.Culprits) > 0 {
		return
	}
	if q.tried == 0 {
		w.Reason = "its series have no label that could tell where it fails"
		return
	}
	if crowd, ok := q.crowd(); ok {
		w.Culprits = append(w.Culprits, crowd)
		return
	}
	w.Even = true
}

// weigh adds up what is left, by value.
func (q *inquiry) weigh() {
	clear(q.bad)
	clear(q.total)
	q.left = weights{}
	for i := range q.rows {
		r := &q.rows[i]
		if q.explained[i] || r.bad == 0 && r.total == 0 {
			continue
		}
		q.left.bad += r.bad
		q.left.total += r.total
		for _, v := range q.of(i) {
			q.bad[v] += r.bad
			q.total[v] += r.total
		}
	}
}

// explain takes the series of a suspect out of what is left.
func (q *inquiry) explain(s suspect) {
	for i := range q.rows {
		q.explained[i] = q.explained[i] || q.has(i, s.values)
	}
}

func (q *inquiry) has(row int, values []int32) bool {
	of := q.of(row)
	for _, v := range values {
		if of[q.values[v].label] != v {
			return false
		}
	}
	return true
}

// partsOf returns the parts of the failures and of the traffic among those of whole.
func partsOf(bad, total float64, whole weights) (ofBad, ofTotal float64) {
	part := func(a, b float64) float64 {
		if b <= 0 {
			return 0
		}
		return min(1, max(0, a/b))
	}
	return part(bad, whole.bad), part(total, whole.total)
}

// excess is by how much the part of the failures exceeds that of the traffic.
func (q *inquiry) excess(s suspect) float64 {
	failures, traffic := partsOf(s.bad, s.total, q.left)
	return failures - traffic
}

// standsOut tells whether a suspect has so much more of the failures in whole than
// its traffic explains that it is no chance, of so many that were tried.
func standsOut(s suspect, whole weights, tried int) bool {
	failures, traffic := partsOf(s.bad, s.total, whole)
	return failures >= minLift*traffic && failures-traffic >= minExcess &&
		surprise(whole.bad, failures, traffic) >= math.Log(float64(tried)/doubt)
}

// surprise bounds the probability that at least a part of n events falls where each
// falls with a probability of p < part: it is less than e^−surprise (Chernoff's bound).
func surprise(n, part, p float64) float64 {
	d := part * math.Log(part/p)
	if part < 1 {
		d += (1 - part) * math.Log((1-part)/(1-p))
	}
	return n * d
}

// best returns the suspect that explains most of what is left.
func (q *inquiry) best() (suspect, bool) {
	var singles []suspect
	for v := range q.values {
		of := &q.values[v]
		s := suspect{values: []int32{int32(v)}, bad: q.bad[v], total: q.total[v], series: of.series}
		if q.labels[of.label].role == whereabouts && s.bad >= minShare*q.all.bad {
			singles = append(singles, s)
		}
	}
	single, ok := q.first(slices.DeleteFunc(slices.Clone(singles), func(s suspect) bool { return !standsOut(s, q.left, q.tried) }))
	pair, paired := q.pair(singles, single)
	if paired {
		return pair, true
	}
	return single, ok
}

// first returns the suspect of the greatest excess; of those about as great the one
// that is the narrowest.
func (q *inquiry) first(of []suspect) (suspect, bool) {
	most := math.Inf(-1)
	for _, s := range of {
		most = max(most, q.excess(s))
	}
	of = slices.DeleteFunc(slices.Clone(of), func(s suspect) bool { return q.excess(s) < most-sameExcess })
	if len(of) == 0 {
		return suspect{}, false
	}
	return slices.MinFunc(of, func(a, b suspect) int {
		return cmp.Or(cmp.Compare(a.total, b.total), cmp.Compare(a.series, b.series), q.compare(a.values[0], b.values[0]))
	}), true
}

// compare puts values of the same series into the order in which people want to read
// them: the label with fewer values means more to them, the scrape address least.
func (q *inquiry) compare(a, b int32) int {
	rank := func(v int32) int {
		l := q.labels[q.values[v].label]
		switch {
		case q.values[v].value == "":
			return math.MaxInt
		case l.name == "instance":
			return math.MaxInt - 1
		}
		return len(l.values)
	}
	x, y := q.values[a], q.values[b]
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(q.labels[x.label].name, q.labels[y.label].name), cmp.Compare(x.value, y.value))
}

// pair returns the best pair of values if it explains clearly more than a single one,
// which has no values if none stands out.
func (q *inquiry) pair(singles []suspect, single suspect) (suspect, bool) {
	var of []suspect
	prints := map[uint64]bool{}
	slices.SortFunc(singles, func(a, b suspect) int { return q.compare(a.values[0], b.values[0]) })
	for _, s := range singles {
		// All of the traffic narrows nothing down, nor does what is there in other words.
		same := q.values[s.values[0]].print
		if s.bad >= minPaired*q.left.bad && s.total < 0.999*q.left.total && !prints[same] {
			prints[same] = true
			of = append(of, s)
		}
	}
	slices.SortStableFunc(of, func(a, b suspect) int { return cmp.Compare(q.excess(b), q.excess(a)) })
	var pairs []suspect
	for _, s := range q.pairsOf(of[:min(len(of), maxPaired)]) {
		if s.bad < max(minPaired*q.left.bad, minShare*q.all.bad) || !standsOut(s, q.left, q.tried*q.tried) {
			continue
		}
		if single.values != nil && !q.clearer(s, single) {
			continue
		}
		pairs = append(pairs, s)
	}
	return q.first(pairs)
}

// clearer tells whether a pair explains clearly more than a single value.
func (q *inquiry) clearer(pair, single suspect) bool {
	keeps := pair.bad >= pairKeeps*single.bad && pair.total*pairLift <= single.total
	return keeps || q.excess(pair) >= q.excess(single)+pairExcess
}

// pairsOf adds up what is left for each two of the values.
func (q *inquiry) pairsOf(of []suspect) []suspect {
	if len(of) < 2 {
		return nil
	}
	var sums [maxPaired * maxPaired]suspect
	var here []int
	for i := range q.rows {
		r := &q.rows[i]
		if q.explained[i] || r.bad == 0 && r.total == 0 {
			continue
		}
		here = here[:0]
		for k, s := range of {
			if q.has(i, s.values) {
				here = append(here, k)
			}
		}
		for a, k := range here {
			for _, l := range here[a+1:] {
				s := &sums[k*maxPaired+l]
				s.bad += r.bad
				s.total += r.total
				s.series++
			}
		}
	}
	var out []suspect
	for i, s := range sums {
		if s.series > 0 {
			s.values = []int32{of[i/maxPaired].values[0], of[i%maxPaired].values[0]}
			out = append(out, s)
		}
	}
	return out
}

// culprit tells a suspect with all its events.
func (q *inquiry) culprit(s suspect) Culprit {
	var all weights
	for i, r := range q.rows {
		if q.has(i, s.values) {
			all.bad += r.bad
			all.total += r.total
		}
	}
	same := q.synonyms(s.values[0])
	first := q.values[same[0]]
	out := Culprit{
		Label: q.labels[first.label].name, Value: first.value, Values: 1, Known: len(q.labels[first.label].values),
		Bad: all.bad, Total: all.total,
	}
	out.BadShare, out.TrafficShare = partsOf(all.bad, all.total, q.all)
	for _, v := range same[1:] {
		out.Also = append(out.Also, q.labelValue(v))
	}
	for _, v := range s.values[1:] {
		out.And = append(out.And, q.labelValue(q.synonyms(v)[0]))
	}
	return out
}

func (q *inquiry) labelValue(v int32) LabelValue {
	return LabelValue{q.labels[q.values[v].label].name, q.values[v].value}
}

// synonyms are the values of the same series, the best to read first.
func (q *inquiry) synonyms(v int32) []int32 {
	var out []int32
	for i, other := range q.values {
		if q.labels[other.label].role == whereabouts && other.print == q.values[v].print && other.series == q.values[v].series {
			out = append(out, int32(i))
		}
	}
	slices.SortFunc(out, q.compare)
	return out
}
