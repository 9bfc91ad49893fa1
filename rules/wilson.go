package rules

import "math"

// mostConfident keeps the quantile finite.
const mostConfident = 1 - 1e-9

// wilson returns the bounds between which the true ratio of bad events lies when
// bad of total were seen, by Wilson's score interval: with p = bad/total and
// n = total,
//
//	(p + z²/2n ± z·√((p(1−p) + z²/4n)/n)) / (1 + z²/n).
//
// Without events nothing is known: 0 to 1.
func wilson(bad, total, z float64) (lower, upper float64) {
	if total <= 0 {
		return 0, 1
	}
	p, square := min(1, max(0, bad/total)), z*z/total
	middle, reach := p+square/2, z*math.Sqrt((p*(1-p)+square/4)/total)
	lower, upper = (middle-reach)/(1+square), (middle+reach)/(1+square)
	// Rounding must not make a bound lie outside what is possible.
	return max(0, lower), min(1, upper)
}

// quantile is how many standard deviations around the middle hold the given
// probability: 2.326 for 98 %.
func quantile(confidence float64) float64 {
	return math.Sqrt2 * math.Erfinv(confidence)
}

// surely tells whether the true ratio of bad events lies above limit with the
// confidence the objective asks for.
func (j *judge) surely(bad, total, limit float64) bool {
	lower, _ := wilson(bad, total, j.z)
	return lower > limit
}
