package rules

import (
	"slices"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// minCoverage is how much of a window must have been seen before it can prove
// that nothing burns.
const minCoverage = 0.9

// judge holds what an objective's evaluation needs; only its segments change.
type judge struct {
	pairs   []Pair
	dropped []string
	// spans are the lengths of all windows in milliseconds, ascending, the period
	// among them; long, short, now, hour and day are places in it.
	spans                     []int64
	long, short               []int
	period, now, hour, slow   int
	six                       int
	budget, minBad            float64
	periodMillis, shortMillis int64
	// segments cut time where the budget changes or a correction begins or ends; there
	// are none for most objectives.
	segments []segment
	alerts   []alertRule
	// z is how many standard deviations below its estimate the error ratio must still
	// be above a threshold; 0 asks for none.
	z float64
	// silent is how long no event may be seen, 0 for ever; within is the longest time
	// ahead the end of the budget is looked for at every evaluation. Milliseconds.
	silent, within int64
	// slice is the length of a slice of time, 0 for an objective that counts events.
	slice int64
}

func newJudge(o Objective) judge {
	j := judge{budget: o.ErrorBudget(), minBad: o.MinBadEvents, periodMillis: o.Period.Milliseconds(), slice: o.Budgeting.Slice.Milliseconds()}
	j.pairs, j.dropped = o.Windows()
	all := PairsFor(o.Period)
	for _, p := range slices.Concat(all, j.pairs) {
		j.spans = append(j.spans, p.Long.Milliseconds(), p.Short.Milliseconds())
	}
	j.spans = append(j.spans, j.periodMillis)
	slices.Sort(j.spans)
	j.spans = slices.Compact(j.spans)
	place := func(ms int64) int { return slices.Index(j.spans, ms) }
	for _, p := range j.pairs {
		j.long = append(j.long, place(p.Long.Milliseconds()))
		j.short = append(j.short, place(p.Short.Milliseconds()))
	}
	j.period = place(j.periodMillis)
	j.now = place(all[0].Short.Milliseconds())
	j.hour = place(all[0].Long.Milliseconds())
	j.six = place(all[1].Long.Milliseconds())
	j.slow = place(all[2].Long.Milliseconds())
	j.shortMillis = j.spans[0]
	if !o.SLI.Raw() {
		j.z = quantile(min(o.Confidence, mostConfident))
	}
	j.alerts = alertRules(o, j.pairs)
	for i := range j.alerts {
		switch rule := &j.alerts[i]; rule.kind {
		case alertNoTraffic:
			// A slice of time shows its events when it ends.
			j.silent = max(o.Alerting.NoTrafficFor, 2*o.Budgeting.Slice).Milliseconds()
		case alertGone:
			j.within = max(j.within, int64(-rule.clear))
		default:
		}
	}
	return j
}

// reading is what one evaluation found.
type reading struct {
	// at is when it was made; anchor where its windows end: at the last arrival,
	// so that silence does not push bad events out of them. lag is the time between,
	// beyond what the sampling interval explains.
	at, anchor, lag int64
	// until is everything counted until the anchor.
	until    ledger.Cell
	edges    []ledger.Edge
	sums     []tally
	coverage []float64
	// spent is what the period holds on which the budget is reckoned: the trailing
	// one, or the calendar's so far, whose beginning and end are in calendar.
	spent    tally
	calendar periodState
	pairs    []pairReading
	// volume is the number of events expected in a period: those seen in the last
	// one, scaled up by what was not covered.
	volume float64
	// ahead is what was announced on top for the period to come, as of askedAt.
	ahead   float64
	askedAt int64
	// flow and goneIn, the milliseconds until the budget is gone, are read only for
	// objectives with alerts about them; +Inf: it lasts.
	flow   flow
	goneIn float64
}

type pairReading struct {
	threshold, long, short float64
	verdict                verdict
}

// verdict is what can be said about a pair or an alert.
type verdict uint8

const (
	// unsure: it does not burn in what was seen, but too little was seen.
	unsure verdict = iota
	quiet
	burning
	// over: another alert says more, so this one ends at once.
	over
)

// threshold is the burn rate at which a pair fires: its factor, or less when the
// long window carries more than its share of the period's traffic, so that the
// share Budget of the whole period's budget is spent at a lower ratio
// (volume-aware burn). Only the factor holds until the long window was covered.
func threshold(p *Pair, volume, long float64, covered int64) float64 {
	if covered < p.Long.Milliseconds() || long <= 0 {
		return p.Factor
	}
	return min(p.Factor, max(1, p.Budget*volume/long))
}

// evaluate reads all windows as of now.
func (j *judge) evaluate(l *ledger.Ledger, r *reading, now, every int64) {
	if r.edges == nil {
		r.edges = make([]ledger.Edge, len(j.spans))
		r.sums = make([]tally, len(j.spans))
		r.coverage = make([]float64, len(j.spans))
		r.pairs = make([]pairReading, len(j.pairs))
	}
	l.Advance(now)
	r.at = now
	r.anchor = min(now, l.Last())
	r.lag = max(0, now-r.anchor-j.out(r.anchor, now)-every-every/2)
	until := edge{r.anchor, l.Until(r.anchor)}
	r.until = until.Cell
	for i, span := range j.spans {
		from, at, sum := max(r.anchor-span, l.First()-1), l.UntilEdge(&r.edges[i], r.anchor-span), &r.sums[i]
		if len(j.segments) == 0 {
			sum.Bad, sum.Total, sum.Seen = until.Bad-at.Bad, until.Total-at.Total, until.Seen-at.Seen
			sum.allowed, sum.out = j.budget*sum.Total, 0
		} else {
			*sum = j.between(l, edge{r.anchor - span, at}, until)
		}
		r.coverage[i] = coverage(sum.Seen, r.anchor-from-j.out(from, r.anchor), r.lag, every)
	}
	period := r.sums[j.period]
	r.volume = volumeOf(period.Total, period.Seen, j.periodMillis)
	r.spent = period
	if r.calendar.to > 0 {
		r.spent = tally{}
		if r.calendar.from < r.anchor {
			r.spent = j.between(l, edgeAt(l, r.calendar.from), until)
		}
	}
	for i := range j.pairs {
		j.pair(i, r)
	}
}

// coverage is the seen share of a window of length span that ended lag ago.
func coverage(seen, span, lag, every int64) float64 {
	if span <= 0 {
		return 0
	}
	if span <= every {
		// The first arrivals of all: the interval is not over yet.
		seen = span
	}
	return min(1, float64(seen)/float64(span+lag))
}

// pair reads the i-th pair of windows.
func (j *judge) pair(i int, r *reading) {
	p, out := &j.pairs[i], &r.pairs[i]
	long, short := j.long[i], j.short[i]
	l, s := &r.sums[long], &r.sums[short]
	*out = pairReading{
		threshold: threshold(p, r.volume+r.ahead, l.Total, r.sums[j.period].Seen),
		long:      l.errorBurn(),
		short:     s.errorBurn(),
	}
	need := j.minBad
	if j.slice > 0 {
		// More than all slices of the window cannot be bad.
		need = min(need, float64(max(1, p.Long.Milliseconds()/j.slice)))
	}
	// The ratio that burns at the threshold.
	sure := j.z == 0 || out.long > 0 && j.surely(l.Bad, l.Total, out.threshold*l.Bad/l.Total/out.long)
	seenLong, seenShort := r.coverage[long] >= minCoverage, r.coverage[short] >= minCoverage
	switch {
	case l.Total > 0 && s.Total > 0 && out.long >= out.threshold && out.short >= out.threshold && l.Bad >= need && l.Bad > 0 && sure:
		out.verdict = burning
	case seenShort && s.Total > 0 && out.short < out.threshold:
		out.verdict = quiet
	case seenLong && (out.long < out.threshold || l.Bad < need || !sure):
		out.verdict = quiet
	}
}

// severity combines the pairs of one severity: it burns if one does, and is quiet
// only if all are.
func (j *judge) severity(r *reading, s Severity) verdict {
	out := quiet
	for i, p := range j.pairs {
		if p.Severity == s {
			out = worse(out, r.pairs[i].verdict)
		}
	}
	return out
}

func worse(a, b verdict) verdict {
	if a == burning || b == burning {
		return burning
	}
	return min(a, b)
}

// consumed is the share of the period's error budget that is spent.
func (j *judge) consumed(r *reading) float64 {
	if allowed := j.allowance(r); allowed > 0 {
		return r.spent.Bad / allowed
	}
	return 0
}

// allowance is how many bad events the budget of the whole period allows.
func (j *judge) allowance(r *reading) float64 { return r.spent.allowance(j.budget, j.expected(r)) }

// expected is the number of events expected of the whole period.
func (j *judge) expected(r *reading) float64 {
	if r.calendar.to > 0 {
		return r.volume * float64(r.calendar.to-r.calendar.from) / float64(j.periodMillis)
	}
	return r.volume
}
