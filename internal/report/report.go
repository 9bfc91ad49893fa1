// Package report says in words and figures how a week went: which promises were kept, which were broken, how much
// budget is left and which hour was the worst.
//
// A report is a function of its Source and of a week. It reads no clock, opens no file and sends nothing:
//
//	from, to, err := report.Week("2026-W47", time.Now(), zone)
//	...
//	weekly, err := report.Build(ctx, engine, from, to)
//	...
//	fmt.Print(weekly.Markdown())
//
// Its words:
//
//   - A promise is what an objective says to the user ("Sharing a post works"); it is kept when the share of good events
//     over the week is at least the target.
//   - The worst hour is the one in which most events failed: the hour that cost the most budget, which at night is not the
//     one with the highest ratio.
//   - A correction is time that somebody took out of an objective, such as maintenance. All figures are without it, but for
//     those that say so.
//   - A quiet hour is one in which nothing was counted, good or bad. It is neither kept nor broken.
//   - Budget left is about the objective's whole period and about now, not about the end of the week.
package report

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Source is where a report gets its figures; *rules.Engine is one.
type Source interface {
	// Statuses returns every objective with its state as of the last evaluation.
	Statuses() []rules.Status
	// Tally counts an objective after one instant, up to and with another.
	Tally(ctx context.Context, id string, from, to time.Time) (rules.Tally, error)
	// Corrections returns the corrections of an objective by their beginning, revoked ones too.
	Corrections(id string) []rules.Correction
}

// Outcome is what the week says about a promise.
type Outcome string

// The outcomes.
const (
	Kept   Outcome = "kept"
	Missed Outcome = "missed"
	NoData Outcome = "no_data" // Nothing was counted, or the counts could not be read.
)

// Word returns the outcome as it is shown to people.
func (o Outcome) Word() string {
	switch o {
	case Kept:
		return "kept"
	case Missed:
		return "broken"
	default:
		return "no data"
	}
}

// Report is one week of all objectives.
type Report struct {
	Week     string    `json:"week"` // ISO 8601, "2026-W47".
	From     time.Time `json:"from"` // Inclusive, midnight in the report's time zone.
	To       time.Time `json:"to"`   // Exclusive.
	Zone     string    `json:"timezone"`
	Headline string    `json:"headline"` // The week in one or two sentences.
	Kept     int       `json:"kept"`
	Missed   int       `json:"missed"`
	NoData   int       `json:"no_data"`
	// Unfinished is set when the last evaluation was before the end of the week: the figures are those so far.
	Unfinished bool   `json:"unfinished"`
	Teams      []Team `json:"teams"`
	// Incidents were open in the week, Answers sums them up. Nil before Tell.
	Incidents []Incident `json:"incidents,omitempty"`
	Answers   *Answers   `json:"answers,omitempty"`
}

// Team is the promises of one team, the broken ones first. The name is empty for objectives that name no team.
type Team struct {
	Name string `json:"team"`
	Rows []Row  `json:"objectives"`
}

// Title returns the team's name, or words for its absence.
func (t Team) Title() string {
	if t.Name == "" {
		return "No team"
	}
	return t.Name
}

// Row is the week of one objective. Pointers are nil where there is no figure, so that none is read as zero.
type Row struct {
	ID       string  `json:"id"`
	Service  string  `json:"service"`
	SLO      string  `json:"slo"`
	Promise  string  `json:"promise"`
	Team     string  `json:"team"`
	Target   float64 `json:"target"` // Ratio, 0–1.
	Period   string  `json:"period"` // "28d", "month".
	State    string  `json:"state"`  // Of the budget, now.
	Outcome  Outcome `json:"outcome"`
	Sentence string  `json:"sentence"` // "about 41,000 of 3.2 million requests failed".

	Achieved *float64 `json:"achieved"`        // Good ÷ total over the week.
	Before   *float64 `json:"achieved_before"` // The same over the week before; nil where nothing was counted then.
	Good     float64  `json:"good"`            // Events; seconds for an objective that is a plain ratio.
	Bad      float64  `json:"bad"`
	Total    float64  `json:"total"`
	Allowed  float64  `json:"allowed"` // Bad events that the target allows, each time by the target it had then.
	Burn     *float64 `json:"burn"`    // Bad ÷ allowed.

	Corrections []Correction `json:"corrections,omitempty"` // Those that fall into the week.
	Uncorrected *Uncorrected `json:"uncorrected,omitempty"` // The week without them.

	Groups *Groups `json:"groups,omitempty"` // Of an objective that is split by labels.

	BudgetLeft *float64 `json:"budget_left"` // Of the whole period, now; negative when overspent.

	Meaning     string `json:"meaning,omitempty"`     // What it costs people when the promise is broken, if the spec says so.
	Gone        string `json:"budget_gone,omitempty"` // When the budget is gone at the present rate: "on Thursday 14:00–17:00 UTC".
	Consequence string `json:"consequence,omitempty"` // What follows from the state, when the budget will not last or is spent.

	Worst          *Hour    `json:"worst_hour"` // Nil when nothing failed.
	Hours          int      `json:"hours"`
	QuietHours     int      `json:"quiet_hours"`
	UnknownMinutes *float64 `json:"unknown_minutes"`
	Problem        string   `json:"problem,omitempty"` // Why there are no figures, as a sentence.

	unit unit
	over string // The period in words.
	// retargeted tells that the target was another one for a part of the week.
	retargeted bool
}

// Correction is a stretch of the week that counts neither as good nor as bad.
type Correction struct {
	From   time.Time `json:"from"`
	To     time.Time `json:"to"`
	Author string    `json:"author"`
	Reason string    `json:"reason"`
}

// Uncorrected is what a week would be if nothing were taken out of it.
type Uncorrected struct {
	Good     float64 `json:"good"`
	Bad      float64 `json:"bad"`
	Total    float64 `json:"total"`
	Achieved float64 `json:"achieved"`
	Minutes  float64 `json:"corrected_minutes"` // How long the corrections are, as far as they fall into the week.
}

// Hour is an hour of the week, or less at its edges.
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

// Build reads one week from src. The time zone of the report is that of from. The only error is that of ctx: an objective
// whose counts cannot be read keeps its row, which says why.
func Build(ctx context.Context, src Source, from, to time.Time) (Report, error) {
	statuses, members := membersOf(src.Statuses())
	r := Report{Week: WeekName(from), From: from, To: to, Zone: from.Location().String(), Teams: []Team{}}
	teams := map[string][]Row{}
	for _, s := range statuses {
		if err := ctx.Err(); err != nil {
			return Report{}, fmt.Errorf("build report of %s: %w", r.Week, err)
		}
		row := buildRow(ctx, src, s, span{from, to})
		row.Groups = groupsOf(ctx, src, s.Objective, members[s.Objective.ID], span{from, to})
		r.count(row)
		if !s.UpdatedAt.IsZero() && s.UpdatedAt.Before(to) {
			r.Unfinished = true
		}
		teams[row.Team] = append(teams[row.Team], row)
	}
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("build report of %s: %w", r.Week, err)
	}
	for name, rows := range teams {
		slices.SortFunc(rows, compareRows)
		r.Teams = append(r.Teams, Team{Name: name, Rows: rows})
	}
	slices.SortFunc(r.Teams, func(a, b Team) int {
		if (a.Name == "") != (b.Name == "") {
			return strings.Compare(b.Name, a.Name) // Those without a team come last.
		}
		return strings.Compare(a.Name, b.Name)
	})
	r.Headline = headline(r)
	return r, nil
}

// Of is the report about one team alone: its promises, and its incidents. ok is false if the week knows no such team.
func (r Report) Of(team string) (part Report, ok bool) {
	part = r
	part.Teams, part.Kept, part.Missed, part.NoData = []Team{}, 0, 0, 0
	for _, t := range r.Teams {
		if t.Name != team {
			continue
		}
		part.Teams = append(part.Teams, t)
		for _, row := range t.Rows {
			part.count(row)
		}
	}
	if r.Answers != nil {
		part.Tell(slices.DeleteFunc(slices.Clone(r.Incidents), func(in Incident) bool { return in.Team != team }))
	}
	part.Headline = headline(part)
	return part, len(part.Teams) > 0 || len(part.Incidents) > 0
}

// count counts a row by its outcome.
func (r *Report) count(row Row) {
	switch row.Outcome {
	case Kept:
		r.Kept++
	case Missed:
		r.Missed++
	default:
		r.NoData++
	}
}

// span is a stretch of time: from is in it, to is not.
type span struct{ from, to time.Time }

func buildRow(ctx context.Context, src Source, s rules.Status, week span) Row {
	o := s.Objective
	row := Row{
		ID: o.ID, Service: o.Service, SLO: o.SLO, Promise: promiseOf(o), Team: oneLine(o.Team),
		Target: o.Target, Period: PeriodOf(o), State: string(s.State), Outcome: NoData,
		BudgetLeft: finite(s.BudgetRemaining), unit: unitOf(o), over: OverWords(o), Meaning: oneLine(o.Meaning),
	}
	if s.State == rules.StateAtRisk || s.State == rules.StateExhausted {
		row.Gone, row.Consequence = s.Forecast.Text, oneLine(s.Consequence)
	}
	t, err := src.Tally(ctx, o.ID, week.from, week.to)
	if err != nil {
		row.Problem = "The counts of this week could not be read: " + err.Error() + "."
		row.Sentence = "the counts could not be read"
		return row
	}
	bad := max(0, t.Total-t.Good)
	row.Good, row.Bad, row.Total, row.Allowed = t.Good, bad, t.Total, t.Allowed
	row.Sentence = row.unit.failed(bad, t.Total)
	if t.RawTotal > 0 || t.Unseen > 0 {
		minutes := math.Round(t.Unseen.Minutes())
		row.UnknownMinutes = &minutes
	}
	if !s.UpdatedAt.IsZero() && s.UpdatedAt.Before(week.to) {
		week.to = s.UpdatedAt.In(week.to.Location()) // Hours to come are not quiet ones, and planned corrections none yet.
	}
	if t.Corrected > 0 {
		row.addCorrections(src, t, week)
	}
	if t.Total <= 0 {
		row.BudgetLeft = budgetWithoutData(s)
		return row
	}
	achieved := t.Good / t.Total
	row.Achieved, row.Outcome = &achieved, Missed
	if bad <= t.Allowed*(1+rounding) {
		row.Outcome = Kept
	}
	row.Before = achievedBefore(ctx, src, o.ID, week.from)
	row.Burn = burn(bad, t.Allowed)
	row.retargeted = math.Abs(t.Allowed-o.ErrorBudget()*t.Total) > rounding*t.Allowed
	row.addHours(ctx, src, week)
	return row
}

// achievedBefore is the share of good events over the week that ends at a time.
func achievedBefore(ctx context.Context, src Source, id string, to time.Time) *float64 {
	t, err := src.Tally(ctx, id, monday(to, -1), to)
	if err != nil || t.Total <= 0 {
		return nil
	}
	return new(t.Good / t.Total)
}

// rounding is how far floating point may be off: a target is met by exactly its share.
const rounding = 1e-9

// addCorrections says what was taken out of the week, and what it would be with it.
func (row *Row) addCorrections(src Source, t rules.Tally, week span) {
	for _, c := range src.Corrections(row.ID) {
		if c.RevokedAt.IsZero() && c.From.Before(week.to) && c.To.After(week.from) {
			zone := week.from.Location()
			row.Corrections = append(row.Corrections, Correction{c.From.In(zone), c.To.In(zone), oneLine(c.Author), oneLine(c.Reason)})
		}
	}
	u := Uncorrected{Good: t.RawGood, Bad: max(0, t.RawTotal-t.RawGood), Total: t.RawTotal, Minutes: math.Round(t.Corrected.Minutes())}
	if u.Total > 0 {
		u.Achieved = u.Good / u.Total
	}
	row.Uncorrected = &u
}

// budgetWithoutData returns the budget left of an objective that counted nothing all week: known only if its period holds
// events.
func budgetWithoutData(s rules.Status) *float64 {
	if s.Total <= 0 {
		return nil
	}
	return finite(s.BudgetRemaining)
}

// addHours reads the week hour by hour. Hours are counted in elapsed time, so that a week in which clocks change has 167 or
// 169 of them, and none is counted twice.
func (row *Row) addHours(ctx context.Context, src Source, week span) {
	var allowed float64 // In the worst hour.
	for at := week.from; at.Before(week.to); at = at.Add(time.Hour) {
		if ctx.Err() != nil {
			return
		}
		end := at.Add(time.Hour)
		if end.After(week.to) {
			end = week.to
		}
		t, err := src.Tally(ctx, row.ID, at, end)
		if err != nil {
			row.Problem = "The worst hour is not known: " + err.Error() + "."
			row.Worst = nil
			return
		}
		row.Hours++
		if t.Total <= 0 {
			if t.Corrected < end.Sub(at) {
				row.QuietHours++
			}
			continue
		}
		bad := max(0, t.Total-t.Good)
		if bad <= 0 || (row.Worst != nil && bad <= row.Worst.Bad) {
			continue
		}
		row.Worst, allowed = &Hour{From: at, To: end, Bad: bad, Total: t.Total, Ratio: bad / t.Total}, t.Allowed
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
	return finite(bad / allowed)
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
