package report

import (
	"fmt"
	"slices"
)

// digestRows is how many promises a digest lists.
const digestRows = 12

// Digest is the report in a headline and a line for each promise, as plain text: the
// broken ones first, the costliest on top.
func (r Report) Digest() (headline string, lines []string) {
	var rows []Row
	for _, t := range r.Teams {
		rows = append(rows, t.Rows...)
	}
	slices.SortStableFunc(rows, compareRows)
	for i, row := range rows {
		if i == digestRows {
			lines = append(lines, fmt.Sprintf("… and %d more.", len(rows)-i))
			break
		}
		lines = append(lines, row.digest())
	}
	if r.Answers != nil {
		lines = append([]string{r.Answers.Words()}, lines...)
	}
	return "The week of " + r.Dates() + ": " + r.Headline, lines
}

// digest is a row in one line.
func (row Row) digest() string {
	s := row.result() + ": " + row.Promise
	switch {
	case row.Problem != "":
		return s + ". " + row.Problem
	case row.Achieved == nil:
		return s + ", " + row.Sentence + "."
	}
	return s + ", " + row.AchievedWords() + " of " + Target(row.Target) + " promised; " + row.Sentence + ". Budget: " + row.BudgetWords() + "."
}
