package rules

import (
	"time"

	"github.com/watchtower-hub/watchtower/rules/ledger"
)

// exhaustedIn is how long the budget lasts if traffic and error ratio stay as in
// the given window; 0 when it outlasts the period or is spent already.
//
// It is the first h with 1 − (K(t−P+h, t) + λ·r·h) / (e·(V(t−P+h, t) + λ·h)) ≤ 0:
// as h grows the oldest events leave the period and expected ones enter it.
func (j *judge) exhaustedIn(l *ledger.Ledger, r *reading, window int) time.Duration {
	w := r.sums[window]
	ratio := 0.0
	if w.Total > 0 {
		ratio = w.Bad / w.Total
	}
	if ratio <= j.budget || j.consumed(r) >= 1 {
		return 0
	}
	rate := w.Total / float64(min(j.spans[window], max(w.Seen, 1)))
	until := l.Until(r.anchor)
	period := r.sums[j.period]
	// Until the period has been covered nothing ages out; what is missing is taken
	// as good, as the expected volume says.
	unseen := r.volume - period.Total
	left := func(h float64) float64 {
		old := until.Sub(l.Until(r.anchor - j.periodMillis + int64(h)))
		missing := unseen * max(0, 1-h/float64(max(1, j.periodMillis-period.Seen)))
		return j.budget*(old.Total+missing+rate*h) - (old.Bad + rate*ratio*h)
	}
	const steps = 64
	low, high := 0.0, 0.0
	for i := 1; i <= steps; i++ {
		// Steps grow quadratically: the near end matters most.
		f := float64(i) / steps
		high = f * f * float64(j.periodMillis)
		if left(high) <= 0 {
			break
		}
		if i == steps {
			return 0
		}
		low = high
	}
	for range 20 {
		mid := (low + high) / 2
		if left(mid) <= 0 {
			high = mid
		} else {
			low = mid
		}
	}
	return time.Duration(high) * time.Millisecond
}
