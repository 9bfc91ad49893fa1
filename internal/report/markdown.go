package report

import (
	"cmp"
	"fmt"
	"strings"
)

// Markdown renders the report as GitHub-flavored Markdown, a table for each team. Names that others chose are escaped: they
// cannot break a table, form a link or carry HTML.
func (r Report) Markdown() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s: %s (%s)\n\n", r.Title(), r.Dates(), r.Name)
	fmt.Fprintf(&b, "**%s**\n", escape(r.Headline))
	r.burnedMarkdown(&b)
	for _, t := range r.Teams {
		t.markdown(&b, r.Kind)
	}
	r.incidentsMarkdown(&b)
	r.qualityMarkdown(&b)
	r.onCallMarkdown(&b)
	bullets(&b, "What may come", r.OutlookLines())
	bullets(&b, "Targets to change", r.AdviceLines())
	r.followUpsMarkdown(&b)
	if len(r.Teams) > 0 {
		fmt.Fprintf(&b, "\n%s\n", escape(r.Reading()))
	}
	return b.String()
}

// Title returns what the report is called: "Weekly report".
func (r Report) Title() string { return upperFirst(string(cmp.Or(r.Kind, Weekly))) + " report" }

func (t Team) markdown(b *strings.Builder, k Kind) {
	fmt.Fprintf(b, "\n## %s\n\n", escape(t.Title()))
	fmt.Fprintf(b, "| Promise | Result | Achieved | %s before | Target | Failures | Like an outage of | Budget left | At the start | Worst hour |\n", upperFirst(k.Noun()))
	b.WriteString("| --- | --- | ---: | ---: | ---: | --- | ---: | ---: | ---: | --- |\n")
	for _, row := range t.Rows {
		fmt.Fprintf(b, "| %s<br>`%s` | %s | %s | %s | %s | %s | %s | %s | %s | %s |\n",
			escape(row.Promise), strings.NewReplacer("`", "", "|", "", "\n", " ").Replace(row.ID), row.result(), row.AchievedWords(), row.BeforeWords(), Target(row.Target),
			escape(row.Sentence), row.OutageWords(), row.BudgetWords(), row.BudgetBeforeWords(), escape(row.WorstWords()))
	}
	noted := false
	for _, row := range t.Rows {
		for _, note := range row.Notes() {
			fmt.Fprintf(b, "\n- %s: %s", escape(row.Promise), escape(note))
			noted = true
		}
	}
	if noted {
		b.WriteString("\n")
	}
}

// bullets writes a section of sentences; none without any.
func bullets(b *strings.Builder, title string, lines []string) {
	if len(lines) == 0 {
		return
	}
	fmt.Fprintf(b, "\n## %s\n\n", title)
	for _, line := range lines {
		fmt.Fprintf(b, "- %s\n", escape(line))
	}
}

func (r Report) burnedMarkdown(b *strings.Builder) {
	var lines []string
	for _, burned := range r.Burned {
		lines = append(lines, burned.Promise+": "+burned.words()+".")
	}
	bullets(b, "What cost the most", lines)
}

func (r Report) qualityMarkdown(b *strings.Builder) {
	if r.Quality == nil {
		return
	}
	fmt.Fprintf(b, "\n## What the pages were worth\n\n%s\n", escape(r.Quality.Words()))
	for i, n := range r.Quality.Noisy {
		fmt.Fprintf(b, "%s- %s\n", map[bool]string{true: "\n"}[i == 0], escape(n.Words()))
	}
}

func (r Report) onCallMarkdown(b *strings.Builder) {
	if len(r.OnCall) == 0 {
		return
	}
	b.WriteString("\n## On call\n\n| Who | For | Hours | Pages | At night |\n| --- | --- | ---: | ---: | ---: |\n")
	for _, l := range r.OnCall {
		fmt.Fprintf(b, "| %s | %s | %.0f | %d | %d |\n", escape(l.Name()), escape(cmp.Or(list(l.Teams), "–")), l.Hours, l.Pages, l.Night)
	}
}

func (r Report) followUpsMarkdown(b *strings.Builder) {
	for i, f := range r.FollowUps {
		if i == 0 {
			b.WriteString("\n## Still to do\n\n")
		}
		fmt.Fprintf(b, "- [ ] %s\n", escape(f.Words()))
	}
}

// Words says what is to do, of which post-mortem, and where it is tracked.
func (f FollowUp) Words() string {
	s := oneLine(f.Title)
	if f.Of != "" {
		s += " (" + oneLine(f.Of) + ")"
	}
	if f.URL != "" {
		s += " " + f.URL
	}
	return s
}

// OutlookLines say of each budget that may be spent, or of which much may be, what the coming week may bring.
func (r Report) OutlookLines() []string {
	var lines []string
	for _, row := range r.Rows() {
		if o := row.Outlook; o != nil && (o.Spent > 0 || o.Low < 0.5) {
			lines = append(lines, row.Promise+": "+o.Words()+".")
		}
	}
	switch n := r.foreseen(); {
	case n > 0 && len(lines) == 0 && n == len(r.Rows()):
		lines = append(lines, "If the coming week is like any of the weeks before, at least half of each budget is left after it.")
	case n > 0 && len(lines) == 0:
		lines = append(lines, "If the coming week is like any of the weeks before, at least half of each budget that can be foreseen is left after it.")
	case n > len(lines):
		lines = append(lines, "Of every other budget that can be foreseen at least half is left after it.")
	}
	return lines
}

// foreseen is of how many promises something is known of the coming week.
func (r Report) foreseen() (n int) {
	for _, row := range r.Rows() {
		if row.Outlook != nil {
			n++
		}
	}
	return n
}

// AdviceLines say which targets to change.
func (r Report) AdviceLines() []string {
	var lines []string
	for _, row := range r.Rows() {
		if row.Advice != nil {
			lines = append(lines, fmt.Sprintf("%s (%s): %s", row.Promise, Target(row.Target), row.Advice.Words()))
		}
	}
	return lines
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

// BeforeWords returns the share of good events in the period before, or a dash.
func (row Row) BeforeWords() string {
	if row.Before == nil {
		return "–"
	}
	return Achieved(*row.Before, row.Target)
}

// OutageWords says how long a total failure would have to be to cost as much, or a dash: "12 minutes".
func (row Row) OutageWords() string {
	switch m := row.ErrorMinutes; {
	case m == nil || *m == 0:
		return "–"
	case *m < 1:
		return "under a minute"
	default:
		return lasted(60 * *m)
	}
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

// BudgetBeforeWords returns the budget left at the beginning, or a dash.
func (row Row) BudgetBeforeWords() string {
	if row.BudgetBefore == nil {
		return "–"
	}
	return Budget(*row.BudgetBefore)
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

// Reading explains the report's words, for the foot of it.
func (r Report) Reading() string {
	as := "at the end of the " + r.Kind.Noun()
	if r.Unfinished {
		as = "as of now"
	}
	night := ""
	if r.Answers != nil {
		night = fmt.Sprintf(" Night is %d:00 to 0%d:00 where the team is.", nightFrom, nightTo)
	}
	return "Times are in " + r.Zone + "." + night + " A promise is kept when at least its target's share of requests worked over the " + r.Kind.Noun() + ". " +
		"The budget is the share of failures that the target allows over its whole period; what is left of it is " + as + ". " +
		"“Like an outage of” is how long nothing at all would have to work to cost as much. The worst hour is the one in which most requests failed."
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

// PeriodWords returns the budget's period for a sentence: "28 days".
func (row Row) PeriodWords() string { return periodWords(row.over) }
