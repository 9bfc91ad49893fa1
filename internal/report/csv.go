package report

import (
	"encoding/csv"
	"strconv"
	"strings"
)

// csvColumns are the columns of CSV. Ratios are 0 to 1; what is not known is empty.
func csvColumns() []string {
	return []string{
		"period", "team", "objective", "service", "promise", "outcome", "target", "achieved", "achieved_before", "good", "bad", "total", "allowed",
		"error_minutes", "budget_left", "budget_left_before", "budget_spent", "worst_hour", "worst_hour_bad", "unknown_minutes", "corrected_minutes",
	}
}

// CSV is a line for each objective, for spreadsheets. Text that a spreadsheet would take for a formula begins with an
// apostrophe.
func (r Report) CSV() string {
	var b strings.Builder
	w := csv.NewWriter(&b)
	_ = w.Write(csvColumns()) // a strings.Builder takes everything
	for _, t := range r.Teams {
		for _, row := range t.Rows {
			_ = w.Write(row.csv(r.Name))
		}
	}
	w.Flush()
	return b.String()
}

func (row Row) csv(period string) []string {
	worst, worstBad, corrected := "", "", "0"
	if row.Worst != nil {
		worst, worstBad = row.Worst.From.Format("2006-01-02T15:04:05Z07:00"), exact(row.Worst.Bad)
	}
	if row.Uncorrected != nil {
		corrected = exact(row.Uncorrected.Minutes)
	}
	return []string{
		period, tame(row.Team), tame(row.ID), tame(row.Service), tame(row.Promise), string(row.Outcome), exact(row.Target), optional(row.Achieved), optional(row.Before),
		exact(row.Good), exact(row.Bad), exact(row.Total), exact(row.Allowed),
		optional(row.ErrorMinutes), optional(row.BudgetLeft), optional(row.BudgetBefore), optional(row.Spent), worst, worstBad, optional(row.UnknownMinutes), corrected,
	}
}

func exact(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func optional(f *float64) string {
	if f == nil {
		return ""
	}
	return exact(*f)
}

// tame keeps a spreadsheet from running a text.
func tame(s string) string {
	if s != "" && strings.ContainsRune("=+-@\t\r", rune(s[0])) {
		return "'" + s
	}
	return s
}
