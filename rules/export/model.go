package export

import (
	"math"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// stretch is a number of steps in which the same happens: events, bad ones among
// them, or no telemetry at all.
type stretch struct {
	steps      int
	total, bad float64
	gone       bool
}

// world foretells by the arithmetic of objectives, not by PromQL, what the exported
// alerts of a plan do. Place 0 of its slices is the moment of the first sample, at
// which nothing is counted yet; place k is k steps later.
type world struct {
	p *plan
	// total, bad and seen are everything counted until a step.
	total, bad []float64
	seen       []int
	// classic leaves out what depends on the volume.
	classic bool
	// close tells that a figure met its limit so nearly that rounding decides.
	close bool
}

func newWorld(p *plan, stretches []stretch) *world {
	w := &world{p: p, total: []float64{0}, bad: []float64{0}, seen: []int{0}}
	for _, s := range stretches {
		for range s.steps {
			k := len(w.total) - 1
			seen := 1
			if s.gone {
				seen = 0
			}
			w.total = append(w.total, w.total[k]+s.total)
			w.bad = append(w.bad, w.bad[k]+s.bad)
			w.seen = append(w.seen, w.seen[k]+seen)
		}
	}
	return w
}

// cell is what a window holds.
type cell struct{ total, bad, seconds float64 }

// window returns what the window of length d that ends at step k holds.
func (w *world) window(k int, d time.Duration) cell {
	from := max(0, k-w.steps(d))
	return cell{
		total: w.total[k] - w.total[from], bad: w.bad[k] - w.bad[from],
		seconds: float64(w.seen[k]-w.seen[from]) * w.p.step.Seconds(),
	}
}

func (w *world) steps(d time.Duration) int {
	return max(1, int(math.Round(float64(d)/float64(w.p.step))))
}

// period returns the volume expected of a whole period, for how many seconds of it
// there is telemetry, and the share of its budget that is spent, as of step k.
func (w *world) period(k int) (volume, seconds, spent float64) {
	c := w.window(k, w.p.o.Period)
	if c.seconds == 0 {
		return 0, 0, 0
	}
	all := w.p.o.Period.Seconds()
	volume = c.total * all / min(c.seconds, all)
	return volume, c.seconds, c.bad / (w.p.o.ErrorBudget() * volume)
}

// reaches compares and notes what is too close to tell.
func (w *world) reaches(v, limit float64) bool {
	if math.Abs(v-limit) <= 1e-9*math.Abs(limit) {
		w.close = true
	}
	return v >= limit
}

// burns tells whether a pair fires at step k. The numbers of the period are those
// of the step before: their group is evaluated last.
func (w *world) burns(k int, pair rules.Pair) bool {
	long, brief, e := w.window(k, pair.Long), w.window(k, pair.Short), w.p.o.ErrorBudget()
	if long.total <= 0 || brief.total <= 0 || long.bad == 0 || !w.reaches(long.bad, w.p.o.MinBadEvents) {
		return false
	}
	limit := pair.Factor
	volume, seconds, _ := w.period(max(0, k-1))
	if !w.classic && !w.p.o.SLI.Raw() && seconds >= pair.Long.Seconds() {
		limit = min(limit, max(1, pair.Budget*volume/long.total))
	}
	if !w.reaches(long.bad/long.total, limit*e) || !w.reaches(brief.bad/brief.total, limit*e) {
		return false
	}
	z := w.p.deviations()
	return z == 0 || w.reaches(lowerBound(long.bad/long.total, long.total, z), limit*e)
}

// lowerBound is Wilson's.
func lowerBound(p, n, z float64) float64 {
	return (p + z*z/(2*n) - z*math.Sqrt((p*(1-p)+z*z/(4*n))/n)) / (1 + z*z/n)
}

// firing is the time from one step on and before another in which an alert fires; to
// is 0 while it goes on at the end.
type firing struct{ from, to int }

// alert returns when the alert of a severity first fires, and when it ends; ok is
// false if it never fires.
func (w *world) alert(s rules.Severity) (f firing, ok bool) {
	pairs := w.p.of(s)
	if len(pairs) == 0 {
		return f, false
	}
	damp := int(math.Ceil(float64(burnDamp(pairs)) / float64(w.p.step)))
	quiet := 0
	for k := 1; k < len(w.total); k++ {
		burning := false
		for _, pair := range pairs {
			burning = w.burns(k, pair) || burning
		}
		blind := w.seen[k] == w.seen[k-1]
		switch {
		case burning && f.from == 0:
			f.from = k
		case burning || f.from == 0 || blind:
			quiet = 0
		case quiet == 0:
			quiet = k
		}
		if quiet > 0 && k-quiet >= damp {
			f.to = k
			return f, true
		}
	}
	return f, f.from > 0
}
