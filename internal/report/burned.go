package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// mostBurned is how many promises a report names that cost most of their budgets.
const mostBurned = 5

// Burned is a promise that cost a part of its budget.
type Burned struct {
	ID       string  `json:"id"`
	Promise  string  `json:"promise"`
	Team     string  `json:"team"`
	Spent    float64 `json:"budget_spent"` // The share of the budget of the objective's whole period.
	Sentence string  `json:"sentence"`     // "about 41,000 of 3.2 million requests failed".
	// Why is where the bad events of the worst hour came from, if that is known: "instance b: 94% of the failures".
	Why string `json:"why,omitempty"`
	// Incidents are the numbers of those it was a part of.
	Incidents []int64 `json:"incidents,omitempty"`

	worst *Hour
	row   Row
}

// burnedMost returns the promises that burned the largest shares of their budgets, the largest first. What rounds
// to nothing is not worth a word.
func burnedMost(rows []Row) []Burned {
	out := []Burned{}
	for _, row := range rows {
		if row.Spent == nil || *row.Spent < 0.005 {
			continue
		}
		out = append(out, Burned{ID: row.ID, Promise: row.Promise, Team: row.Team, Spent: *row.Spent, Sentence: row.Sentence, worst: row.Worst, row: row})
	}
	slices.SortFunc(out, func(a, b Burned) int { return cmp.Or(cmp.Compare(b.Spent, a.Spent), strings.Compare(a.ID, b.ID)) })
	return out[:min(mostBurned, len(out))]
}

// explain adds what is known around it.
func (b *Burned) explain(c *Circumstances) {
	b.Why, b.Incidents = strings.Replace(oneLine(c.Why[b.ID]), "The failed", "the failed", 1), nil // It goes on a sentence.
	for _, in := range c.Incidents {
		if in.about(b.ID) {
			b.Incidents = append(b.Incidents, in.Number)
		}
	}
	slices.Sort(b.Incidents)
}

// Worst returns the hour that cost the most, nil if none did.
func (b Burned) Worst() *Hour { return b.worst }

// SpentWords says how much of the budget it was: "31% of the budget of 28 days", "3.2 times the
// budget of 28 days".
func (b Burned) SpentWords() string {
	budget := "the budget of " + periodWords(b.row.over)
	if b.Spent > 1 {
		return Times(b.Spent) + " times " + budget
	}
	return fmt.Sprintf("%.0f%% of %s", 100*b.Spent, budget)
}

// NumberWords names the incidents: "incidents #12 and #14".
func (b Burned) NumberWords() string {
	if len(b.Incidents) == 0 {
		return ""
	}
	var numbers []string
	for _, n := range b.Incidents {
		numbers = append(numbers, fmt.Sprintf("#%d", n))
	}
	return wereAre(len(numbers), "incident ", "incidents ") + list(numbers)
}

// list joins words: "a, b and c".
func list(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// words says it in sentences without an end: "31% of the budget of 28 days; about … failed; most in instance b; incident #12".
func (b Burned) words() string {
	parts := []string{b.SpentWords(), b.Sentence}
	if b.Why != "" {
		parts = append(parts, "in the worst hour "+strings.TrimSuffix(b.Why, "."))
	}
	if n := b.NumberWords(); n != "" {
		parts = append(parts, n)
	}
	return strings.Join(parts, "; ")
}
