package report

import (
	"fmt"
	"slices"
)

// digestRows is how many promises a digest lists.
const digestRows = 12

// Digest is a report for a message, as plain text.
type Digest struct {
	Headline string
	// Lines say what happened besides.
	Lines []string
	// Table has a row for each promise below its head: the broken ones first, the costliest on top. Instead are lines that
	// say the same.
	Table   [][]string
	Instead []string
}

// Digest is the report for a message.
func (r Report) Digest() Digest {
	d := Digest{Headline: r.PlainTitle() + ": " + r.Headline}
	if r.Answers != nil {
		d.Lines = append(d.Lines, r.Answers.Words())
	}
	if r.Quality != nil {
		d.Lines = append(d.Lines, r.Quality.Words())
	}
	for _, b := range r.Burned[:min(1, len(r.Burned))] {
		d.Lines = append(d.Lines, "What cost the most: "+b.Promise+", "+b.words()+".")
	}
	for i, l := range r.OnCall {
		if l.Who == "" || i == 0 && l.Pages > 0 {
			d.Lines = append(d.Lines, l.Words()+".")
		}
	}
	if n := len(r.AdviceLines()); n > 0 {
		d.Lines = append(d.Lines, upperFirst(targetsToChange(n))+"; the report says why.")
	}
	if n := len(r.FollowUps); n > 0 {
		d.Lines = append(d.Lines, count(n, "follow-up")+" of post-mortems "+wereAre(n, "is", "are")+" still open.")
	}
	rows := r.Rows()
	slices.SortStableFunc(rows, compareRows)
	for i, row := range rows[:min(digestRows, len(rows))] {
		if i == 0 {
			d.Table = append(d.Table, []string{"Promise", "Result", "Achieved", "Promised", "What failed", "Budget left"})
		}
		d.Table = append(d.Table, []string{row.Promise, row.result(), row.AchievedWords(), Target(row.Target), row.Sentence, row.BudgetWords()})
		d.Instead = append(d.Instead, row.digest())
	}
	if more := len(rows) - digestRows; more > 0 {
		d.Lines = append(d.Lines, fmt.Sprintf("Of %d promises the %d that need a look most are below.", len(rows), digestRows))
	}
	return d
}

func targetsToChange(n int) string {
	if n == 1 {
		return "1 target does not fit any more"
	}
	return fmt.Sprintf("%d targets do not fit any more", n)
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
