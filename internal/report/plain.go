package report

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Plain renders the report as sentences without any markup, for a mail or for people who plan campaigns: it has no rates, no
// labels and no targets to tune.
func (r Report) Plain() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s (%s)\n\n%s\n", r.PlainTitle(), r.Name, r.Headline)
	for _, t := range r.Teams {
		fmt.Fprintf(&b, "\n%s\n", oneLine(t.Title()))
		for _, row := range t.Rows {
			fmt.Fprintf(&b, "  - %s: %s\n", row.Promise, row.PlainWords())
		}
	}
	if r.Answers != nil {
		fmt.Fprintf(&b, "\nIncidents\n  %s\n", r.Answers.Words())
		for _, in := range r.Incidents {
			fmt.Fprintf(&b, "  - %s\n", in.PlainWords(r.Unfinished))
		}
	}
	if lines := r.OutlookLines(); len(lines) > 0 {
		b.WriteString("\nWhat may come\n")
		for _, line := range lines {
			fmt.Fprintf(&b, "  - %s\n", line)
		}
	}
	if len(r.Teams) > 0 {
		fmt.Fprintf(&b, "\n%s\n", r.PlainReading())
	}
	return b.String()
}

// PlainTitle is what the report is about: "The week of 16 to 22 November 2026", "November 2026".
func (r Report) PlainTitle() string {
	if r.Kind == Monthly {
		return r.Dates()
	}
	return "The " + r.Kind.Noun() + " of " + r.Dates()
}

// PlainReading explains the words of the plain edition.
func (r Report) PlainReading() string {
	return "A budget is how much may fail before a promise is broken. Times are in " + r.Zone + "."
}

// PlainWords says an incident in sentences.
func (in Incident) PlainWords(unfinished bool) string {
	s := in.Began() + ": " + strings.TrimSuffix(in.Title, ".") + ". "
	switch {
	case !in.ResolvedAt.IsZero():
		s += "It lasted " + in.LastedWords()
	case unfinished:
		s += "It is still going on"
	default:
		s += "It was still going on at the end"
	}
	if in.AcknowledgedAt.IsZero() {
		return s + "."
	}
	return s + "; somebody had it after " + in.AnsweredWords() + "."
}

// PlainWords says the row in sentences.
func (row Row) PlainWords() string {
	sentences := []string{row.Outcome.Word()}
	if row.Problem == "" {
		sentences = append(sentences, row.Sentence)
	}
	if row.Achieved != nil {
		sentences = append(sentences, row.AchievedWords()+" "+row.unit.fine()+", "+Target(row.Target)+" was promised"+row.since())
	}
	if row.Worst != nil {
		sentences = append(sentences, "the worst hour was "+row.Worst.When()+": "+row.unit.failed(row.Worst.Bad, row.Worst.Total))
	}
	if row.BudgetLeft != nil {
		sentences = append(sentences, row.budgetSentence())
	}
	for _, note := range row.Notes() {
		if note == row.Problem {
			note = "the counts could not be read" // Why is for those who can mend it.
		}
		sentences = append(sentences, strings.TrimSuffix(note, "."))
	}
	for i, s := range sentences {
		sentences[i] = upperFirst(s)
	}
	return strings.Join(sentences, ". ") + "."
}

// since compares with the period before, where that says something else.
func (row Row) since() string {
	if row.Before == nil || row.BeforeWords() == row.AchievedWords() {
		return ""
	}
	return "; in the period before it was " + row.BeforeWords()
}

func (row Row) budgetSentence() string {
	left := *row.BudgetLeft
	budget := "the budget of " + periodWords(row.over)
	if left <= 0 {
		return budget + " is " + Budget(left)
	}
	s := Budget(left) + " of " + budget + " is left"
	if before := row.BudgetBefore; before != nil && Budget(*before) != Budget(left) {
		s += ", at the start it was " + Budget(*before)
	}
	return s
}

// upperFirst begins a sentence.
func upperFirst(s string) string {
	first, size := utf8.DecodeRuneInString(s)
	return string(unicode.ToUpper(first)) + s[size:]
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
