// Package report says in words and figures how a week, a month or a quarter went: which promises were kept, which were
// broken and why, how much budget is left and what may become of it, who was called and how often, and what to change.
//
// A report is a function of its Source, of a Period, and of the Circumstances around it. It reads no clock, opens no file and
// sends nothing. Of a period that is over every figure is as of its end, so that it says the same whenever it is built:
//
//	period, err := report.Parse("2026-W47", time.Now().In(zone))
//	...
//	r, err := report.Build(ctx, engine, period)
//	...
//	r.Tell(circumstances)
//	fmt.Print(r.Markdown())
//
// Its words:
//
//   - A promise is what an objective says to the user ("Sharing a post works"); it is kept when the share of good events
//     is at least the target, each time by the target it had then.
//   - The worst hour is the one in which most events failed: the hour that cost the most budget, which at night is not the
//     one with the highest ratio.
//   - A correction is time that somebody took out of an objective, such as maintenance. All figures are without it, but for
//     those that say so.
//   - A quiet hour is one in which nothing was counted, good or bad. It is neither kept nor broken.
//   - Budget left is about the objective's whole period, which is not the report's.
package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// Source is where a report gets its figures; *rules.Engine is one.
type Source interface {
	// Statuses returns every objective with its state as of the last evaluation.
	Statuses() []rules.Status
	// Removed returns the objectives that were removed after a time.
	Removed(since time.Time) []rules.Removed
	// Tallies counts an objective between each edge and the next.
	Tallies(ctx context.Context, id string, edges ...time.Time) ([]rules.Tally, error)
	// TargetAt is what an objective promised at a time; 0 where that is not known.
	TargetAt(id string, at time.Time) float64
	// Corrections returns the corrections of an objective by their beginning, revoked ones too.
	Corrections(id string) []rules.Correction
}

// Outcome is what a period says about a promise.
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

// Report is a week, month or quarter of all objectives.
type Report struct {
	Kind     Kind      `json:"kind"`
	Name     string    `json:"name"` // "2026-W47", "2026-11", "2026-Q4".
	Week     string    `json:"week,omitempty"`
	From     time.Time `json:"from"` // Inclusive, midnight in the report's time zone.
	To       time.Time `json:"to"`   // Exclusive.
	Zone     string    `json:"timezone"`
	Headline string    `json:"headline"` // All of it in one or two sentences.

	Counts

	// Before counts the promises by what the period before says.
	Before Counts `json:"before"`
	// Unfinished is set when the last evaluation was before the end: the figures are those so far.
	Unfinished bool   `json:"unfinished"`
	Teams      []Team `json:"teams"`
	// Burned are the promises that cost most of their budgets, and why.
	Burned []Burned `json:"burned"`

	// What follows is nil before Tell: what was open, how it was answered, what alerts were worth, who bore the load.
	Incidents []Incident `json:"incidents,omitempty"`
	Answers   *Answers   `json:"answers,omitempty"`
	Quality   *Quality   `json:"alert_quality,omitempty"`
	OnCall    []Load     `json:"on_call,omitempty"`
	FollowUps []FollowUp `json:"follow_ups,omitempty"`

	whole *Circumstances // what Tell was told
	known time.Time      // until when the figures reach
}

// Counts counts promises by their outcome.
type Counts struct {
	Kept   int `json:"kept"`
	Missed int `json:"missed"`
	NoData int `json:"no_data"`
}

// add counts a promise.
func (c *Counts) add(o Outcome) {
	switch o {
	case Kept:
		c.Kept++
	case Missed:
		c.Missed++
	default:
		c.NoData++
	}
}

// Team is the promises of one team, the broken ones first. The name is empty for objectives that name no team.
type Team struct {
	Name string `json:"team"`
	Rows []Row  `json:"objectives"`
}

// Title returns the team's name, or words for its absence.
func (t Team) Title() string { return cmp.Or(t.Name, "No team") }

// Span is the period of the report.
func (r Report) Span() Period { return Period{r.Kind, r.From, r.To} }

// Dates returns the days of the report: "16 to 22 November 2026".
func (r Report) Dates() string { return r.Span().Dates() }

// Build reads a period from src. The time zone of the report is that of the period. The only error is that of ctx: an
// objective whose counts cannot be read keeps its row, which says why.
func Build(ctx context.Context, src Source, p Period) (Report, error) {
	r := Report{Kind: p.Kind, Name: p.Name(), From: p.From, To: p.To, Zone: p.From.Location().String()}
	if p.Kind == Weekly {
		r.Week = r.Name
	}
	statuses, members := membersOf(src.Statuses())
	all := make([]subject, 0, len(statuses))
	for _, s := range statuses {
		one := subject{s.Objective, p, p.To, time.Time{}, s.UpdatedAt}
		if !s.UpdatedAt.IsZero() && s.UpdatedAt.Before(p.To) {
			r.Unfinished = true // Hours to come are not quiet ones.
			one.end = maxTime(p.From, s.UpdatedAt.In(p.From.Location()).Truncate(time.Second))
		}
		r.known = maxTime(r.known, one.end)
		all = append(all, one)
	}
	for _, gone := range src.Removed(p.From) {
		if gone.At.After(p.To) { // It was promised all the while.
			all = append(all, subject{gone.Objective, p, p.To, time.Time{}, time.Time{}})
			continue
		}
		all = append(all, subject{gone.Objective, p, minTime(p.To, gone.At.In(p.From.Location()).Truncate(time.Second)), gone.At, time.Time{}})
	}
	rows := buildRows(ctx, src, all, members)
	if err := ctx.Err(); err != nil {
		return Report{}, fmt.Errorf("build report of %s: %w", r.Name, err)
	}
	// What was removed before it counted anything in the period is nobody's promise, nor is what began after it.
	rows = slices.DeleteFunc(rows, func(row Row) bool {
		return row.notYet || row.Removed != nil && row.Outcome == NoData && row.Problem == ""
	})
	r.fill(rows)
	return r, nil
}

// fill makes a report of rows.
func (r *Report) fill(rows []Row) {
	r.Teams, r.Counts, r.Before = []Team{}, Counts{}, Counts{}
	teams := map[string][]Row{}
	for _, row := range rows {
		r.add(row.Outcome)
		r.Before.add(row.OutcomeBefore)
		teams[row.Team] = append(teams[row.Team], row)
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
	r.Burned = burnedMost(rows)
	r.Headline = headline(*r)
}

// readers is how many objectives are read at once.
const readers = 4

func buildRows(ctx context.Context, src Source, all []subject, members map[string][]rules.Objective) []Row {
	rows := make([]Row, len(all))
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(readers, len(all)) {
		wg.Go(func() {
			for i := range next {
				rows[i] = buildRow(ctx, src, all[i])
				rows[i].Groups = groupsOf(ctx, src, all[i], members[all[i].ID])
			}
		})
	}
	for i := range all {
		if ctx.Err() != nil {
			break
		}
		next <- i
	}
	close(next)
	wg.Wait()
	return rows
}

func minTime(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// Rows returns the rows of all teams.
func (r Report) Rows() []Row {
	var rows []Row
	for _, t := range r.Teams {
		rows = append(rows, t.Rows...)
	}
	return rows
}

// Of is the report about one team alone: its promises, its incidents and its people. ok is false if the period knows no such
// team.
func (r Report) Of(team string) (part Report, ok bool) {
	part = r
	part.fill(slices.DeleteFunc(r.Rows(), func(row Row) bool { return row.Team != team }))
	if r.whole != nil {
		part.Tell(r.whole.of(team))
	}
	if len(part.Teams) == 0 {
		part.Headline = "No promise is this team's."
	}
	return part, len(part.Teams) > 0 || len(part.Incidents) > 0 || len(part.OnCall) > 0
}
