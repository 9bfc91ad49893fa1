package web

import (
	"cmp"
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
)

// playbookView is a playbook in a list or on its page.
type playbookView struct {
	Playbook
	Path string
}

func (s *site) allPlaybooks() []Playbook {
	if s.o.Playbooks == nil {
		return nil
	}
	return s.o.Playbooks()
}

func (s *site) playbooks(w http.ResponseWriter, r *http.Request) error {
	var views []playbookView
	for _, p := range s.allPlaybooks() {
		views = append(views, playbookView{p, playbookPath(p.ID)})
	}
	slices.SortStableFunc(views, func(a, b playbookView) int {
		return strings.Compare(strings.ToLower(a.Title), strings.ToLower(b.Title))
	})
	return s.render(w, r, http.StatusOK, page{Template: "playbooks", Title: "Playbooks", Nav: "/playbooks", Body: views})
}

func (s *site) playbook(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	all := s.allPlaybooks()
	i := slices.IndexFunc(all, func(p Playbook) bool { return p.ID == id })
	if i < 0 {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no playbook %q.", id), nil}
	}
	title := cmp.Or(all[i].Title, id)
	return s.render(w, r, http.StatusOK, page{Template: "playbook", Title: title, Nav: "/playbooks", Body: playbookView{all[i], playbookPath(id)}})
}

// primer explains the words of all this to people who are not engineers.
func (s *site) primer(w http.ResponseWriter, r *http.Request) error {
	if s.o.Primer == "" {
		return fault{http.StatusNotFound, "There is no primer here.", nil}
	}
	return s.render(w, r, http.StatusOK, page{Template: "primer", Title: "Primer", Body: s.o.Primer})
}

// weekLink leads to the report of a week.
type weekLink struct {
	Name, Dates string
	Path        string
	Unfinished  bool
}

// How many weeks the list of reports goes back: a quarter.
const listedWeeks = 13

func (s *site) reports(w http.ResponseWriter, r *http.Request) error {
	return s.render(w, r, http.StatusOK, page{Template: "reports", Title: "Weekly reports", Nav: "/reports/", Body: s.weeks()})
}

// weeks are those that the list of reports shows, the newest first.
func (s *site) weeks() []weekLink {
	now := s.o.Now().In(s.o.Zone)
	weeks := make([]weekLink, 0, listedWeeks+1)
	for back := range listedWeeks + 1 {
		// Noon, so that a change of clocks never leads into another week.
		day := time.Date(now.Year(), now.Month(), now.Day()-7*back, 12, 0, 0, 0, s.o.Zone)
		if link, ok := s.weekLink(report.WeekName(day)); ok {
			link.Unfinished = back == 0
			weeks = append(weeks, link)
		}
	}
	return weeks
}

// weekLink returns the link to a week's report; ok is false for a week that has not begun.
func (s *site) weekLink(name string) (link weekLink, ok bool) {
	from, to, err := report.Week(name, s.o.Now(), s.o.Zone)
	if err != nil {
		return weekLink{}, false
	}
	return weekLink{Name: name, Dates: report.Report{From: from, To: to}.Dates(), Path: "/reports/" + name}, true
}

// reportBody is a report and its neighbors.
type reportBody struct {
	report.Report
	Is             condition
	Previous, Next *weekLink
	Teams          []reportTeam
}

type reportTeam struct {
	Title string
	Rows  []reportRow
}

type reportRow struct {
	report.Row
	Path   string
	Is     condition
	Budget gauge
}

// buildReport builds the report of the week that spec names.
func (s *site) buildReport(ctx context.Context, spec string) (report.Report, error) {
	from, to, err := report.Week(spec, s.o.Now(), s.o.Zone)
	if err != nil {
		return report.Report{}, fault{http.StatusBadRequest, upperFirst(err.Error()), nil}
	}
	weekly, err := report.Build(ctx, s.o.Engine, from, to)
	if err != nil {
		return report.Report{}, fmt.Errorf("weekly report: %w", err)
	}
	if s.o.History.Reported != nil {
		weekly.Tell(s.o.History.Reported(from, to))
	}
	return weekly, nil
}

func (s *site) report(w http.ResponseWriter, r *http.Request) error {
	weekly, err := s.buildReport(r.Context(), r.PathValue("week"))
	if err != nil {
		return err
	}
	b := reportBody{Report: weekly, Is: fine}
	switch {
	case weekly.Missed > 0:
		b.Is = broken
	case weekly.NoData > 0 || weekly.Kept == 0:
		b.Is = unknown
	}
	middle := weekly.From.Add(weekly.To.Sub(weekly.From) / 2)
	if link, ok := s.weekLink(report.WeekName(middle.AddDate(0, 0, -7))); ok {
		b.Previous = &link
	}
	if link, ok := s.weekLink(report.WeekName(middle.AddDate(0, 0, 7))); ok {
		b.Next = &link
	}
	for _, t := range weekly.Teams {
		team := reportTeam{Title: t.Title()}
		for _, row := range t.Rows {
			team.Rows = append(team.Rows, reportRowOf(row))
		}
		b.Teams = append(b.Teams, team)
	}
	return s.render(w, r, http.StatusOK, page{Template: "report", Title: "Week of " + weekly.Dates(), Nav: "/reports/", Body: b})
}

func reportRowOf(row report.Row) reportRow {
	v := reportRow{Row: row, Path: objectivePath(row.ID), Is: fine, Budget: gauge{Words: "unknown", Is: unknown}}
	switch row.Outcome {
	case report.Missed:
		v.Is = broken
	case report.NoData:
		v.Is = unknown
	default:
	}
	if row.BudgetLeft != nil {
		v.Budget = gaugeFor(*row.BudgetLeft)
	}
	return v
}

// TargetWords returns the target as it was written.
func (r reportRow) TargetWords() string { return report.Target(r.Target) }
