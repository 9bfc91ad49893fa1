package report

import (
	"fmt"
	"slices"

	"github.com/watchtower-hub/watchtower/rules"
)

// Advice is a target that would fit an objective better, by a quarter of its history.
type Advice struct {
	Do     Advised `json:"do"`
	Target float64 `json:"target"` // The one to promise instead, 0–1.
	// Weeks had events; of those the present target was kept in Kept, and the advised one would have been in WouldKeep.
	Weeks     int     `json:"weeks"`
	Kept      int     `json:"kept"`
	WouldKeep int     `json:"would_keep"`
	Worst     float64 `json:"worst"` // What was achieved in the worst week.
}

// Advised says what to do with a target.
type Advised string

// What can be advised.
const (
	Tighten Advised = "tighten"
	Loosen  Advised = "loosen"
)

// targets are those that people promise, the loosest first.
func targets() []float64 {
	return []float64{.9, .95, .98, .99, .995, .998, .999, .9995, .9998, .9999, .99995, .99999}
}

const (
	// fewWeeks is how many weeks with events are too few for any advice.
	fewWeeks = 8
	// tellingBad is how many bad events a target must allow in the quietest week: with fewer, one failure decides.
	tellingBad = 10
	// comfort is the most of a tighter budget that the worst week may have used.
	comfort = 0.8
)

// adviceOf compares a target with the weeks of a quarter; nil where it fits, or where there is
// too little to go by.
//
// To tighten is advised where even the worst week used at most four fifths of a tighter budget; to loosen where a third
// of the weeks or more broke the promise, to what nine of ten kept.
func adviceOf(target float64, weeks []rules.Tally) *Advice {
	a := Advice{Worst: 1}
	var achieved []float64
	quietest := 0.0
	for _, w := range weeks {
		if w.Total <= 0 {
			continue
		}
		got := tidy(w.Good/w.Total, 9)
		achieved = append(achieved, got)
		a.Worst = min(a.Worst, got)
		if quietest == 0 || w.Total < quietest {
			quietest = w.Total
		}
	}
	a.Weeks = len(achieved)
	if a.Weeks < fewWeeks {
		return nil
	}
	a.Kept = keptWith(achieved, target)
	if 3*(a.Weeks-a.Kept) >= a.Weeks {
		return a.loosen(achieved, target)
	}
	for _, t := range slices.Backward(targets()) {
		if t > target+rounding && quietest*(1-t) >= tellingBad && 1-a.Worst <= comfort*(1-t) {
			a.Do, a.Target, a.WouldKeep = Tighten, t, a.Weeks
			return &a
		}
	}
	return nil
}

func (a Advice) loosen(achieved []float64, target float64) *Advice {
	for _, t := range slices.Backward(targets()) {
		if n := keptWith(achieved, t); t < target-rounding && 10*n >= 9*len(achieved) {
			a.Do, a.Target, a.WouldKeep = Loosen, t, n
			return &a
		}
	}
	return nil
}

// keptWith counts the weeks in which a target is kept.
func keptWith(achieved []float64, target float64) int {
	n := 0
	for _, got := range achieved {
		if got >= target-rounding {
			n++
		}
	}
	return n
}

// Words says what to do and why, as a sentence.
func (a Advice) Words() string {
	if a.Do == Tighten {
		return fmt.Sprintf("promise %s: even the worst of %d weeks reached %s, so it would have been kept in all of them, and a change for the worse would show sooner.",
			Target(a.Target), a.Weeks, Percent(a.Worst))
	}
	return fmt.Sprintf("it was broken in %d of %d weeks. Plan the work that keeps it, or promise %s, which would have been kept in %d of them.",
		a.Weeks-a.Kept, a.Weeks, Target(a.Target), a.WouldKeep)
}
