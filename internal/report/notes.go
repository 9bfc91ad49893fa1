package report

import (
	"fmt"
	"strings"
	"time"
)

// Notes returns what a reader must know to act on the row and to trust its figures, as sentences. Mostly there are none.
func (row Row) Notes() []string {
	var notes []string
	add := func(when bool, note string) {
		if when && note != "" {
			notes = append(notes, note)
		}
	}
	add(row.Outcome == Missed, row.Meaning)
	add(true, row.Consequence)
	if row.Groups != nil && row.Groups.Count > 0 {
		notes = append(notes, row.Groups.words())
	}
	add(true, row.Problem)
	if row.Removed != nil {
		notes = append(notes, "the promise was taken back on "+row.Removed.Format("Monday 2 January, 15:04")+"; what it counted until then is here.")
	}
	if row.Began != nil {
		notes = append(notes, "counting began on "+row.Began.Format("Monday 2 January, 15:04")+".")
	}
	add(row.QuietHours > 0 && row.Outcome != NoData, fmt.Sprintf("in %d of %d hours nothing was counted.", row.QuietHours, row.Hours))
	add(row.retargeted, "the target was another one for a part of this time; each part is judged by the target it had.")
	add(row.Uncorrected != nil, row.correctionNote())
	if row.UnknownMinutes != nil && *row.UnknownMinutes >= 1 {
		notes = append(notes, fmt.Sprintf("for %s the telemetry was missing; that time is neither kept nor broken.", minutes(*row.UnknownMinutes)))
	}
	return notes
}

// correctionNote says what was taken out, and what it would be with it.
func (row Row) correctionNote() string {
	u := row.Uncorrected
	if u == nil {
		return ""
	}
	var said []string
	for _, c := range row.Corrections {
		said = append(said, c.words())
	}
	taken := " were taken out: "
	if u.Minutes == 1 {
		taken = " was taken out: "
	}
	note := minutes(u.Minutes) + taken + strings.Join(said, "; ")
	if u.Total > 0 {
		note += ". With that time " + Achieved(u.Achieved, row.Target) + " worked"
	}
	return note + "."
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
