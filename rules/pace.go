package rules

import (
	"slices"
	"sync"
	"time"
)

// paceOver is of how many evaluations the pace is told: five minutes at one a second.
const paceOver = 300

// Pace is how fast all objectives are judged.
type Pace struct {
	// At is when the last evaluation of all began, zero before the first; Took is how long
	// it took.
	At   time.Time
	Took time.Duration
	// Typical and Slow are the median and the 99th percentile of the last Of evaluations.
	Typical, Slow time.Duration
	Of            int
}

// pace remembers the last evaluations.
type pace struct {
	mu   sync.Mutex
	at   time.Time
	took []time.Duration // a ring
	next int
}

func (p *pace) note(at time.Time, took time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.at = at
	if len(p.took) < paceOver {
		p.took = append(p.took, took)
		return
	}
	p.took[p.next] = took
	p.next = (p.next + 1) % paceOver
}

// Pace tells how fast all objectives were judged lately.
func (e *Engine) Pace() Pace { return e.pace.now() }

func (p *pace) now() Pace {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.took)
	if n == 0 {
		return Pace{}
	}
	out := Pace{At: p.at, Took: p.took[(p.next+n-1)%n], Of: n}
	sorted := slices.Sorted(slices.Values(p.took))
	out.Typical, out.Slow = sorted[n/2], sorted[(n-1)*99/100]
	return out
}
