package web

import (
	"cmp"
	"fmt"
	"math"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// objectiveBody is what the page of an objective shows.
type objectiveBody struct {
	objectiveRow
	Description string
	Service     string
	Situation   string
	Consequence string
	Meaning     string // What it costs people, in a sentence; empty when the spec does not say.
	Updated     moment
	Blind       moment // Since when nothing arrives.
	Tiles       []tile
	Burning     *burning
	Budgeted    *overTime // The budget over the period.
	Day         *overTime // Burn rates and failures of the last day.
	Windows     []windowRow
	By          string // "route"; empty for an objective without groups.
	Parent      *objectiveRow
	Alerts      []alertLine
	Periods     []periodRow
	Corrections []correctionRow
	Older       int // How many corrections are not shown.
	Generations []generationRow
	Open        string // "1 open incident"; empty when there is none.
	Playbook    *playbookView
	APIPath     string
	How         how
	Labels      []string
}

// tile is a figure and what it means.
type tile struct {
	Name, Value, Note string
	Is                condition
}

// windowRow is a pair of windows against its threshold.
type windowRow struct {
	Severity    string
	Lengths     string // "1h and 5m".
	Fires       string // "14.4×".
	FiresRatio  string // "1.44% of requests fail".
	Lowered     string // "14.4× in even traffic"; empty unless the traffic lowers the threshold.
	Long, Short burnBar
	Covered     string // What share was seen, when it is not all.
	Firing      bool
}

// burnBar is a burn rate as a share of what makes it fire.
type burnBar struct {
	Window, Words string
	Width         int
	Over          bool
}

// how says how an objective is computed.
type how struct {
	Known       bool
	Source      string
	Reason      string
	Where       string
	Expressions []string
	Terms       []rules.Term
	Series      []seriesRow
	SeriesCount int
	Dropped     []string
	Budget      []string
	Pairs       []pairWords
}

// pairWords says why a pair of windows fires or does not.
type pairWords struct{ Severity, Lengths, Why string }

type seriesRow struct {
	Labels, Last, Counted, Interval string
	Seen                            moment
	Resets, Late                    int
}

func (s *site) objective(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	st, ok := s.o.Engine.Status(id)
	if !ok {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no objective %q.", id), nil}
	}
	o := st.Objective
	b := objectiveBody{
		objectiveRow: rowOf(st), Service: o.Service, Situation: situation(st), Consequence: upperFirst(st.Consequence), Meaning: upperFirst(o.Meaning),
		Updated: s.at(st.UpdatedAt), Blind: s.at(st.BlindSince), Tiles: tiles(st),
		Burning: s.whereItBurns(r.Context(), st), Budgeted: s.budgetOver(r.Context(), st), Day: s.dayOver(r.Context(), st),
		Playbook: s.playbookFor(o), APIPath: api + objectivePath(id)[1:], Labels: sortedLabels(o.Labels),
	}
	if x, ok := s.o.Engine.Explain(id); ok {
		b.How = s.how(st, &x)
		b.Corrections, b.Older = s.correctionRows(x.Corrections)
		b.Generations = s.generationRows(x.Generations)
	} else {
		b.How = s.how(st, nil)
	}
	b.addFamily(familiesOf(s.o.Engine.Statuses()), o)
	if o.Description != b.Promise {
		b.Description = o.Description
	}
	for _, p := range st.Periods {
		b.Periods = append(b.Periods, s.periodOf(p, o))
	}
	for _, win := range st.Windows {
		b.Windows = append(b.Windows, windowOf(win, o))
	}
	for _, a := range st.Alerts {
		b.Alerts = append(b.Alerts, alertLine{Alert: alertOf(a), Since: s.at(a.Since), Labels: nil})
	}
	var open int
	for _, i := range s.openIncidents() {
		if i.Objective == id {
			open++
		}
	}
	if open > 0 {
		b.Open = plural(open, "open incident")
	}
	return s.render(w, r, http.StatusOK, page{Template: "objective", Title: b.Promise, Is: b.Is, Refresh: 3, Drawn: true, Body: b})
}

// addFamily adds the groups of an objective, or the whole that a group belongs to.
func (b *objectiveBody) addFamily(f families, o rules.Objective) {
	members := f.members[o.ID]
	b.By, b.GroupsNote = strings.Join(o.GroupBy, " and "), groupsNote(o, members)
	b.Groups, b.MoreGroups = groupRows(o, members, groupsOnPage), max(0, len(members)-groupsOnPage)
	for _, s := range f.all {
		if s.Objective.ID == o.Parent {
			row := rowOf(s)
			b.Parent = &row
		}
	}
}

// playbookFor returns the playbook that the objective's page would carry, or that of its ticket.
func (s *site) playbookFor(o rules.Objective) *playbookView {
	if s.o.Match == nil {
		return nil
	}
	severity := rules.Page
	if o.Alerting.Page.Disabled {
		severity = rules.Ticket
	}
	id, ok := s.o.Match(o.AlertLabels(severity))
	if !ok {
		return nil
	}
	for _, p := range s.allPlaybooks() {
		if p.ID == id {
			return &playbookView{Playbook: p, Path: playbookPath(id)}
		}
	}
	return &playbookView{Playbook: Playbook{ID: id, Title: id}, Path: playbookPath(id)}
}

func tiles(st rules.Status) []tile {
	o, row := st.Objective, rowOf(st)
	now := tile{Name: "Failing now", Value: row.Errors, Note: report.Percent(o.ErrorBudget()) + " is allowed", Is: fine}
	rate := tile{Name: "Burn rate", Value: row.Burn, Note: "1× uses the budget up exactly by the end of " + report.OverWords(o), Is: fine}
	switch {
	case st.NoData:
		now.Is, now.Note, rate.Is = unknown, "nothing was counted lately", unknown
	case row.Is == broken || row.Is == leaking:
		now.Is, rate.Is = row.Is, row.Is
	case st.Burn > 1:
		now.Is, rate.Is = watch, watch
	}
	budget := tile{Name: "Budget", Value: row.Budget.Words, Note: cmp.Or(row.Lasts, "of "+report.OverWords(o)), Is: row.Budget.Is}
	kept := tile{Name: "Achieved over " + report.OverWords(o), Value: "–", Note: report.Target(o.Target) + " is promised", Is: unknown}
	if st.Total > 0 {
		ratio := st.Good / st.Total
		kept.Value, kept.Is = report.Achieved(ratio, o.Target), fine
		if ratio < o.Target {
			kept.Is = spent
		}
		kept.Note += "; " + report.Failed(o, max(0, st.Total-st.Good), st.Total)
		if u := st.Uncorrected; u != nil && u.Total > 0 {
			kept.Note += "; " + report.Achieved(u.Good/u.Total, o.Target) + " with what was taken out"
		}
	}
	return []tile{now, rate, budget, kept}
}

func windowOf(win rules.Window, o rules.Objective) windowRow {
	threshold := cmp.Or(win.Threshold, win.Factor)
	row := windowRow{
		Severity: string(win.Severity), Lengths: window(win.Long) + " and " + window(win.Short), Fires: factorWords(threshold), Firing: win.Firing,
		FiresRatio: report.Percent(min(1, threshold*o.ErrorBudget())) + " " + report.Verb(o),
		Long:       barOf(win.Long, win.LongBurn, threshold), Short: barOf(win.Short, win.ShortBurn, threshold),
	}
	if win.Threshold > 0 && win.Threshold < 0.995*win.Factor {
		row.Lowered = factorWords(win.Factor) + " in even traffic"
	}
	if win.Coverage > 0 && win.Coverage < 0.995 {
		row.Covered = report.Percent(win.Coverage) + " of it was seen"
	}
	return row
}

func barOf(length time.Duration, rate, threshold float64) burnBar {
	b := burnBar{Window: window(length), Words: burnWords(rate), Over: rate >= threshold && threshold > 0}
	if threshold > 0 && !math.IsNaN(rate) {
		b.Width = int(math.Round(100 * min(1, max(0, rate/threshold))))
	}
	return b
}

// how explains an objective, with its series as far as e knows them; it may be nil.
func (s *site) how(st rules.Status, e *rules.Explanation) how {
	o := st.Objective
	h := how{Known: true, Source: sourceWords(st.Source), Reason: upperFirst(st.Reason), Where: whereOf(o)}
	if e == nil {
		return h
	}
	h.Budget = e.Budget
	for _, p := range e.Windows {
		h.Pairs = append(h.Pairs, pairWords{string(p.Severity), window(p.Long.Length) + " and " + window(p.Short.Length), p.Why})
	}
	h.Expressions, h.Terms, h.SeriesCount, h.Dropped = e.Expressions, e.Terms, e.SeriesCount, e.Dropped
	for _, one := range e.Series {
		h.Series = append(h.Series, seriesRow{
			Labels: one.Labels, Last: strconv.FormatFloat(one.Last, 'g', 10, 64), Counted: report.Number(one.Counted),
			Interval: span(one.Interval), Seen: s.at(one.LastSeen), Resets: one.Resets, Late: one.Late,
		})
	}
	return h
}

func sourceWords(source rules.Source) string {
	switch source {
	case rules.SourceObserved:
		return "Every sample is counted as it arrives."
	case rules.SourcePolled:
		return "It is asked for by PromQL at a short interval."
	default:
		return "It has not been counted yet."
	}
}
