package report

import (
	"fmt"
	"strings"
	"time"
)

// Markdown renders the report as GitHub-flavored Markdown, a table for each team. Names that others chose are escaped: they
// cannot break a table, form a link or carry HTML.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# Weekly report: %s (%s)\n\n", r.Dates(), r.Week)
	fmt.Fprintf(&b, "**%s**\n", escape(r.Headline))
	if len(r.Teams) == 0 {
		return b.String() + r.incidentsMarkdown()
	}
	for _, t := range r.Teams {
		fmt.Fprintf(&b, "\n## %s\n\n", escape(t.Title()))
		b.WriteString("| Promise | Result | Achieved | Week before | Target | Failures | Budget left | Worst hour |\n")
		b.WriteString("| --- | --- | ---: | ---: | ---: | --- | ---: | --- |\n")
		for _, row := range t.Rows {
			fmt.Fprintf(&b, "| %s<br>`%s` | %s | %s | %s | %s | %s | %s | %s |\n",
				escape(row.Promise), strings.NewReplacer("`", "", "|", "", "\n", " ").Replace(row.ID), row.result(), row.AchievedWords(), row.BeforeWords(), Target(row.Target),
				escape(row.Sentence), row.BudgetWords(), escape(row.WorstWords()))
		}
		for _, row := range t.Rows {
			for _, note := range row.Notes() {
				fmt.Fprintf(&b, "\n- %s: %s", escape(row.Promise), escape(note))
			}
		}
		if t.hasNotes() {
			b.WriteString("\n")
		}
	}
	b.WriteString(r.incidentsMarkdown())
	fmt.Fprintf(&b, "\n%s\n", escape(r.Reading()))
	return b.String()
}

func (t Team) hasNotes() bool {
	for _, row := range t.Rows {
		if len(row.Notes()) > 0 {
			return true
		}
	}
	return false
}

// result is the outcome with its mark.
func (row Row) result() string {
	switch row.Outcome {
	case Kept:
		return "✅ kept"
	case Missed:
		return "🔴 broken"
	default:
		return "⚪ no data"
	}
}

// AchievedWords returns the share of good events, or a dash.
func (row Row) AchievedWords() string {
	if row.Achieved == nil {
		return "–"
	}
	return Achieved(*row.Achieved, row.Target)
}

// BeforeWords returns the share of good events in the week before, or a dash.
func (row Row) BeforeWords() string {
	if row.Before == nil {
		return "–"
	}
	return Achieved(*row.Before, row.Target)
}

// BudgetWords returns the budget left and its period: "41% of 28d".
func (row Row) BudgetWords() string {
	if row.BudgetLeft == nil {
		return "unknown"
	}
	if words := Budget(*row.BudgetLeft); strings.HasSuffix(words, "%") && *row.BudgetLeft > 0 {
		return words + " of " + row.over
	}
	return Budget(*row.BudgetLeft)
}

// WorstWords returns the worst hour in words.
func (row Row) WorstWords() string {
	switch {
	case row.Worst != nil:
		return row.Worst.When() + ": " + row.Worst.Sentence
	case row.Outcome == NoData || row.Problem != "":
		return "–"
	default:
		return "none: nothing failed"
	}
}

// Notes returns what a reader must know to act on the row and to trust its figures, as sentences. Mostly there are none.
func (row Row) Notes() []string {
	var notes []string
	if row.Outcome == Missed && row.Meaning != "" {
		notes = append(notes, row.Meaning)
	}
	if row.Gone != "" {
		notes = append(notes, "at this rate the budget is gone "+row.Gone+".")
	}
	if row.Consequence != "" {
		notes = append(notes, row.Consequence)
	}
	if row.Groups != nil && row.Groups.Count > 0 {
		notes = append(notes, row.Groups.words())
	}
	if row.Problem != "" {
		notes = append(notes, row.Problem)
	}
	if row.QuietHours > 0 {
		notes = append(notes, fmt.Sprintf("in %d of %d hours nothing was counted.", row.QuietHours, row.Hours))
	}
	if row.retargeted {
		notes = append(notes, "the target was another one for a part of the week; each time is judged by the target it had.")
	}
	if u := row.Uncorrected; u != nil {
		var said []string
		for _, c := range row.Corrections {
			said = append(said, c.words())
		}
		note := minutes(u.Minutes) + " were taken out: " + strings.Join(said, "; ")
		if u.Total > 0 {
			note += ". With that time " + Achieved(u.Achieved, row.Target) + " worked"
		}
		notes = append(notes, note+".")
	}
	if row.UnknownMinutes != nil && *row.UnknownMinutes >= 1 {
		notes = append(notes, fmt.Sprintf("for %s the telemetry was missing; that time is neither kept nor broken.", minutes(*row.UnknownMinutes)))
	}
	return notes
}

// words says when, why and by whom.
func (c Correction) words() string {
	const moment = "Mon 2 Jan 15:04"
	to := moment
	if c.From.Format(time.DateOnly) == c.To.Format(time.DateOnly) {
		to = "15:04"
	}
	return c.From.Format(moment) + " to " + c.To.Format(to) + ", " + strings.TrimSuffix(c.Reason, ".") + " (" + c.Author + ")"
}

func minutes(n float64) string {
	if n == 1 {
		return "1 minute"
	}
	if n >= 180 {
		return fmt.Sprintf("about %.0f hours", n/60)
	}
	return fmt.Sprintf("%.0f minutes", n)
}

// Reading explains the report's words, for the foot of it.
func (r Report) Reading() string {
	return "Times are in " + r.Zone + ". A promise is kept when at least its target's share of requests worked over the week. " +
		"The budget is the share of failures that the target allows over its whole period; what is left of it is as of now. " +
		"The worst hour is the one in which most requests failed."
}

// escape takes the meaning from what Markdown would read as markup, and line breaks with it.
func escape(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	var b strings.Builder
	for _, c := range s {
		switch c {
		case '&':
			b.WriteString("&amp;")
			continue
		case '<':
			b.WriteString("&lt;")
			continue
		case '>':
			b.WriteString("&gt;")
			continue
		case '\\', '`', '*', '_', '[', ']', '|', '#', '~', '!':
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
