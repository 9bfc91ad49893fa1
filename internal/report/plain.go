package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain renders the report as sentences without any markup, for a mail or for people who plan campaigns.
func (r Report) Plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "The week of %s (%s)\n\n%s\n", r.Dates(), r.Week, r.Headline)
	for _, t := range r.Teams {
		fmt.Fprintf(&b, "\n%s\n", oneLine(t.Title()))
		for _, row := range t.Rows {
			fmt.Fprintf(&b, "  - %s: %s\n", row.Promise, row.plain())
		}
	}
	if r.Answers != nil {
		fmt.Fprintf(&b, "\nIncidents\n  %s\n", r.Answers.Words())
		for _, in := range r.Incidents {
			fmt.Fprintf(&b, "  - %s: %s. It lasted: %s. Acknowledged after: %s.\n", in.Began(), strings.TrimSuffix(in.Title, "."), in.LastedWords(), in.AnsweredWords())
		}
	}
	if len(r.Teams) > 0 {
		fmt.Fprintf(&b, "\nTimes are in %s.\n", r.Zone)
	}
	return b.String()
}

func (row Row) plain() string {
	sentences := []string{row.Outcome.Word()}
	if row.Problem == "" {
		sentences = append(sentences, row.Sentence)
	}
	if row.Achieved != nil {
		sentences = append(sentences, row.AchievedWords()+" worked, "+Target(row.Target)+" was promised"+row.since())
	}
	if row.Worst != nil {
		sentences = append(sentences, "the worst hour was "+row.WorstWords())
	}
	if row.BudgetLeft != nil {
		sentences = append(sentences, row.budgetSentence())
	}
	for _, note := range row.Notes() {
		sentences = append(sentences, strings.TrimSuffix(note, "."))
	}
	for i, s := range sentences {
		sentences[i] = upperFirst(s)
	}
	return strings.Join(sentences, ". ") + "."
}

// since compares with the week before, where that says something else.
func (row Row) since() string {
	if row.Before == nil || row.BeforeWords() == row.AchievedWords() {
		return ""
	}
	return "; the week before it was " + row.BeforeWords()
}

func (row Row) budgetSentence() string {
	left := *row.BudgetLeft
	budget := "the budget of " + periodWords(row.over)
	if left <= 0 {
		return budget + " is " + Budget(left)
	}
	return Budget(left) + " of " + budget + " is left"
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
