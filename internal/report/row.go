package report

import (
	"context"
	"math"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Row is the period of one objective. Pointers are nil where there is no figure, so that none is read as zero.
type Row struct {
	ID       string  `json:"id"`
	Service  string  `json:"service"`
	SLO      string  `json:"slo"`
	Promise  string  `json:"promise"`
	Team     string  `json:"team"`
	Target   float64 `json:"target"` // Ratio, 0–1: what was promised at the end.
	Period   string  `json:"period"` // Of the budget: "28d", "month".
	State    string  `json:"state"`  // Of the budget at the end: "healthy", "at_risk", "exhausted", "unknown".
	Outcome  Outcome `json:"outcome"`
	Sentence string  `json:"sentence"` // "about 41,000 of 3.2 million requests failed".

	Achieved *float64 `json:"achieved"`        // Good ÷ total.
	Before   *float64 `json:"achieved_before"` // The same over the period before; nil where nothing was counted then.
	// OutcomeBefore is what the period before says.
	OutcomeBefore Outcome  `json:"outcome_before"`
	Good          float64  `json:"good"` // Events; seconds for an objective that is a plain ratio.
	Bad           float64  `json:"bad"`
	Total         float64  `json:"total"`
	Allowed       float64  `json:"allowed"` // Bad events that the target allows, each time by the target it had then.
	Burn          *float64 `json:"burn"`    // Bad ÷ allowed.
	// ErrorMinutes is how long a total failure at even traffic would have to be to cost as much.
	ErrorMinutes *float64 `json:"error_minutes"`

	Corrections []Correction `json:"corrections,omitempty"` // Those that fall into it.
	Uncorrected *Uncorrected `json:"uncorrected,omitempty"` // The period without them.

	Groups *Groups `json:"groups,omitempty"` // Of an objective that is split by labels.

	BudgetLeft   *float64 `json:"budget_left"`        // Of the budget's whole period, at the end; negative when overspent.
	BudgetBefore *float64 `json:"budget_left_before"` // The same at the beginning.
	Spent        *float64 `json:"budget_spent"`       // The share of the budget that the bad events of this period are.

	Meaning     string   `json:"meaning,omitempty"` // What it costs people when the promise is broken, if the spec says so.
	Outlook     *Outlook `json:"outlook,omitempty"`
	Advice      *Advice  `json:"advice,omitempty"`
	Consequence string   `json:"consequence,omitempty"` // What follows from the state, when the budget may not last or is spent.

	Worst          *Hour      `json:"worst_hour"` // Nil when nothing failed.
	Hours          int        `json:"hours"`
	QuietHours     int        `json:"quiet_hours"`
	UnknownMinutes *float64   `json:"unknown_minutes"`
	Began          *time.Time `json:"began,omitempty"`   // When counting began, if that was within the period.
	Removed        *time.Time `json:"removed,omitempty"` // When the promise was taken back.
	Problem        string     `json:"problem,omitempty"` // Why there are no figures, as a sentence.

	unit unit
	over string // The budget's period in words.
	// retargeted tells that the target was another one for a part of the period.
	retargeted bool
	// notYet tells that it began to count after the period.
	notYet bool
	hours  []hourly
}

// hourly is what an hour counted, for a picture.
type hourly struct {
	from, to   time.Time
	bad, total float64
	seen       bool
}

// Correction is a stretch of time that counts neither as good nor as bad.
type Correction struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
}

// Uncorrected is what a period would be if nothing were taken out of it.
type Uncorrected struct {
	Good     float64 `json:"good"`
	Bad      float64 `json:"bad"`
	Total    float64 `json:"total"`
	Achieved float64 `json:"achieved"`
	Minutes  float64 `json:"corrected_minutes"` // How long the corrections are, as far as they fall into the period.
}

// Hour is an hour, or less at the edges of a period.
type Hour struct {
	From     time.Time `json:"from"`
	To       time.Time `json:"to"`
	Bad      float64   `json:"bad"`
	Total    float64   `json:"total"`
	Ratio    float64   `json:"error_ratio"`
	Sentence string    `json:"sentence"` // "1,204 of about 38,000 requests failed (3.2%), 32 times what the target allows".
}

// When returns the hour in words: "Thursday 19 November, 14:00 to 15:00".
func (h Hour) When() string {
	if before, _ := h.From.Zone(); !strings.EqualFold(before, h.To.Format("MST")) {
		// The clocks change: without the zone it would read "02:00 to 02:00".
		return h.From.Format("Monday 2 January, 15:04 MST") + " to " + h.To.Format("15:04 MST")
	}
	return h.From.Format("Monday 2 January, 15:04") + " to " + h.To.Format("15:04")
}

// subject is an objective over a period of which end is known: to its end, or until the last evaluation.
type subject struct {
	rules.Objective

	period  Period
	end     time.Time
	removed time.Time // zero: it is promised
	asOf    time.Time // the last evaluation; zero: there is none
}

func buildRow(ctx context.Context, src Source, s subject) Row {
	if target := src.TargetAt(s.ID, s.end.Add(-time.Millisecond)); target > 0 {
		s.Target = target
	}
	o := s.Objective
	row := Row{
		ID: o.ID, Service: o.Service, SLO: o.SLO, Promise: promiseOf(o), Team: oneLine(o.Team), Target: o.Target, Period: PeriodOf(o),
		State: string(rules.StateUnknown), Outcome: NoData, OutcomeBefore: NoData, unit: unitOf(o), over: OverWords(o), Meaning: oneLine(o.Meaning),
	}
	if !s.removed.IsZero() {
		at := s.removed.In(s.period.From.Location())
		row.Removed = &at
	}
	r, err := read(ctx, src, o.ID, moments(o, s.period, s.end))
	if err != nil {
		row.Problem = "The counts could not be read: " + strings.TrimSuffix(err.Error(), ".") + "."
		row.Sentence = "the counts could not be read"
		return row
	}
	t := r.between(s.period.From, s.end)
	row.Good, row.Bad, row.Total, row.Allowed = tidy(t.Good, 3), tidy(bad(t), 3), tidy(t.Total, 3), tidy(t.Allowed, 3)
	row.Sentence = row.unit.failed(bad(t), t.Total)
	row.addKnown(r, s, t)
	if t.Corrected > 0 {
		row.addCorrections(src, t, s)
	}
	before := r.between(s.period.Step(-1).From, s.period.From)
	if row.OutcomeBefore = outcomeOf(before); before.Total > 0 {
		row.Before = new(tidy(before.Good/before.Total, 9))
	}
	row.addHours(r, s)
	if row.Removed == nil {
		row.addBudget(r, s, t)
	} else if _, allowed := r.budget(o, s.end); allowed > 0 {
		row.Spent = finite(tidy(bad(t)/allowed, 4)) // What is left of it nobody needs any more.
	}
	if row.Outcome = outcomeOf(t); row.Outcome == NoData {
		_, before := r.firstSeen()
		row.notYet = !before && s.asOf.After(s.end) && beganLater(ctx, src, s)
		return row
	}
	row.Achieved, row.Burn = new(tidy(t.Good/t.Total, 9)), burn(bad(t), t.Allowed)
	row.ErrorMinutes = new(tidy(bad(t)/t.Total*t.Seen.Minutes(), 3))
	row.retargeted = math.Abs(t.Allowed-o.ErrorBudget()*t.Total) > rounding*t.Allowed
	return row
}

// beganLater tells that counting began after the period: then nobody had promised anything in it.
func beganLater(ctx context.Context, src Source, s subject) bool {
	later, err := src.Tallies(ctx, s.ID, s.end, s.asOf)
	return err == nil && isKnown(later[0])
}

// isKnown tells that something was counted or expected.
func isKnown(t rules.Tally) bool {
	return t.Seen > 0 || t.Unseen > 0 || t.RawTotal > 0 || t.Corrected > 0
}

// addKnown says for how long nothing is known, and since when something is.
func (row *Row) addKnown(r reading, s subject, t rules.Tally) {
	if t.RawTotal > 0 || t.Unseen > 0 || t.Seen > 0 {
		minutes := math.Round(t.Unseen.Minutes())
		row.UnknownMinutes = &minutes
	}
	first, _ := r.firstSeen()
	if first.After(s.period.From) && first.Before(s.end) {
		row.Began = &first
	}
}

// firstSeen is the first of the moments after which anything is known or expected.
func (r reading) firstSeen() (at time.Time, ok bool) {
	for i, t := range r.tallies {
		if isKnown(t) {
			return r.edges[i], true
		}
	}
	return time.Time{}, false
}

// addCorrections says what was taken out of the period, and what it would be with it. Corrections to come are none yet.
func (row *Row) addCorrections(src Source, t rules.Tally, s subject) {
	for _, c := range src.Corrections(row.ID) {
		if c.RevokedAt.IsZero() && c.From.Before(s.end) && c.To.After(s.period.From) {
			zone := s.period.From.Location()
			row.Corrections = append(row.Corrections, Correction{c.From.In(zone), c.To.In(zone), oneLine(c.Author), oneLine(c.Reason)})
		}
	}
	u := Uncorrected{Good: tidy(t.RawGood, 3), Bad: tidy(max(0, t.RawTotal-t.RawGood), 3), Total: tidy(t.RawTotal, 3), Minutes: math.Round(t.Corrected.Minutes())}
	if u.Total > 0 {
		u.Achieved = tidy(t.RawGood/t.RawTotal, 9)
	}
	row.Uncorrected = &u
}

// addBudget says what is left, what became of it, and what may come.
func (row *Row) addBudget(r reading, s subject, t rules.Tally) {
	left, allowed := r.budget(s.Objective, s.end)
	row.BudgetLeft = left
	row.BudgetBefore, _ = r.budget(s.Objective, s.period.From)
	if left == nil {
		return
	}
	row.Spent = finite(tidy(bad(t)/allowed, 4))
	row.Outlook = r.outlookOf(s.Objective, s.end)
	edges := weeksBefore(s.end, quarterWeeks)
	weeks := make([]rules.Tally, 0, quarterWeeks)
	for i := range quarterWeeks {
		weeks = append(weeks, r.between(edges[i], edges[i+1]))
	}
	row.Advice = adviceOf(s.Target, weeks)
	state, consequence := rules.StateHealthy, ""
	switch {
	case *left <= 0:
		state, consequence = rules.StateExhausted, "The budget is spent: changes that can wait should wait."
	case row.Outlook != nil && row.Outlook.Spent > 0:
		state, consequence = rules.StateAtRisk, "Reliability comes before features until the budget lasts again."
	}
	row.State = string(state)
	if own := oneLine(s.Policy[state]); own != "" && consequence != "" {
		consequence = strings.TrimSuffix(own, ".") + "."
	}
	row.Consequence = consequence
}

// addHours finds the worst hour and counts the quiet ones.
func (row *Row) addHours(r reading, s subject) {
	var allowed float64 // In the worst hour.
	edges := hoursOf(s.period.From, s.end)
	for i := range len(edges) - 1 {
		from, to := edges[i], edges[i+1]
		t := r.between(from, to)
		failed := bad(t)
		row.Hours++
		row.hours = append(row.hours, hourly{from, to, failed, t.Total, t.Seen > 0 || t.Total > 0})
		if t.Total <= 0 && t.Corrected < to.Sub(from) && (row.Began == nil || !from.Before(*row.Began)) {
			row.QuietHours++
		}
		if failed <= 0 || (row.Worst != nil && failed <= row.Worst.Bad) {
			continue
		}
		row.Worst, allowed = &Hour{From: from, To: to, Bad: tidy(failed, 3), Total: tidy(t.Total, 3), Ratio: tidy(failed/t.Total, 9)}, t.Allowed
	}
	if w := row.Worst; w != nil {
		w.Sentence = row.unit.failed(w.Bad, w.Total) + " (" + Percent(w.Ratio) + ")"
		if b := burn(w.Bad, allowed); b != nil {
			w.Sentence += ", " + Allowed(*b)
		}
	}
}

// burn returns how many times the allowed failures bad are; nil if none are allowed.
func burn(bad, allowed float64) *float64 {
	if allowed <= 0 {
		return nil
	}
	return finite(tidy(bad/allowed, 6))
}

// tidy rounds to so many decimals: what is behind them is noise of the arithmetic, and not the same from one reading to the
// next.
func tidy(f float64, decimals int) float64 {
	size := math.Pow10(decimals)
	if f = math.Round(f*size) / size; f == 0 {
		return 0 // and not −0
	}
	return f
}

func finite(f float64) *float64 {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return nil
	}
	return &f
}

// compareRows puts the broken promises first, the costliest on top, then those without data, then the kept ones by ID.
func compareRows(a, b Row) int {
	rank := map[Outcome]int{Missed: 0, NoData: 1, Kept: 2}
	if d := rank[a.Outcome] - rank[b.Outcome]; d != 0 {
		return d
	}
	if a.Outcome == Missed && a.Burn != nil && b.Burn != nil && *a.Burn != *b.Burn {
		if *a.Burn > *b.Burn {
			return -1
		}
		return 1
	}
	return strings.Compare(a.ID, b.ID)
}

func promiseOf(o rules.Objective) string {
	for _, s := range []string{o.Promise, o.Description} {
		if s = strings.Join(strings.Fields(s), " "); s != "" {
			return strings.TrimSuffix(s, ".")
		}
	}
	return strings.TrimSpace(o.Service + " " + o.SLO)
}
