package web

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// Paging is who is paged with which playbook, as check tells it.
type Paging struct {
	Summary string // "14 paging alerts, 14 with a playbook".
	Alerts  []Paged
}

// Paged is an alert that wakes somebody.
type Paged struct {
	Alert     string
	Objective string // Its ID; empty: it is that of a rule file.
	Promise   string // Of the objective.
	Where     string // It is written: "slos/share.yaml:12".
	Playbook  string // The ID of the playbook that its page carries; empty: none.
	Excuse    string // Why there need not be one; empty: there should be.
}

// Of an alert list and of incidents a page shows so many.
const (
	mostPaged     = 300
	lastIncidents = 5
)

// playbookView is a playbook in a list.
type playbookView struct {
	Playbook
	Path    string
	Carried string // "carried by 3 alerts"; empty: it is not known.
}

// pagedRow is an alert with the playbook that its page carries.
type pagedRow struct {
	Paged
	Is                          condition
	ObjectivePath, PlaybookPath string
	Title                       string // Of the playbook.
}

// playbooksBody is all playbooks, and which pages carry none.
type playbooksBody struct {
	Books       []playbookView
	Overdue     string // "2 playbooks should be read again."; empty: none.
	Known       bool   // Who is paged is known.
	Is          condition
	Summary     string     // "14 paging alerts, 13 with a playbook"
	Next        string     // What to do about it.
	Without     []pagedRow // That carry none, those without a reason first.
	MoreWithout int        // That are not shown.
	Carrying    []pagedRow
	More        int // That are not shown.
}

// playbookBody is one playbook, the alerts that carry it, and the incidents in which it was used last.
type playbookBody struct {
	Playbook
	Known     bool // Who is paged is known.
	Alerts    []pagedRow
	More      int  // That are not shown.
	Kept      bool // There is a history.
	Incidents []pastRow
	Used      int // In so many incidents.
}

func (s *site) allPlaybooks() []Playbook {
	if s.o.Playbooks == nil {
		return nil
	}
	return s.o.Playbooks()
}

func (s *site) playbooks(w http.ResponseWriter, r *http.Request) error {
	all := s.allPlaybooks()
	summary, rows := s.paged(all)
	b := playbooksBody{Books: s.library(all, rows), Known: s.o.Paging != nil}
	if n := overdue(all); n > 0 {
		b.Overdue = plural(n, "playbook") + " should be read again."
	}
	if b.Known {
		b.cover(summary, rows)
	}
	return s.render(w, r, http.StatusOK, page{Template: "playbooks", Title: "Playbooks", Nav: "/playbooks", Body: b})
}

// library lists playbooks by title, those to be read again first.
func (s *site) library(all []Playbook, rows []pagedRow) []playbookView {
	carried := map[string]int{}
	for _, row := range rows {
		carried[row.Playbook]++
	}
	views := make([]playbookView, 0, len(all))
	for _, p := range all {
		view := playbookView{Playbook: p, Path: playbookPath(p.ID)}
		switch n := carried[p.ID]; {
		case s.o.Paging == nil:
		case n == 0:
			view.Carried = "carried by no page"
		default:
			view.Carried = "carried by " + plural(n, "alert")
		}
		views = append(views, view)
	}
	slices.SortStableFunc(views, func(a, b playbookView) int {
		return cmp.Or(cmp.Compare(urge(a.Playbook), urge(b.Playbook)), strings.Compare(strings.ToLower(a.Name()), strings.ToLower(b.Name())))
	})
	return views
}

// urge orders playbooks that somebody should read before the others.
func urge(p Playbook) int {
	if p.Overdue != "" {
		return 0
	}
	return 1
}

func overdue(all []Playbook) int {
	n := 0
	for _, p := range all {
		if p.Overdue != "" {
			n++
		}
	}
	return n
}

// Name is the title of a playbook, or its ID.
func (p Playbook) Name() string { return cmp.Or(p.Title, p.ID) }

// cover says which alerts carry a playbook. rows have the most urgent first.
func (b *playbooksBody) cover(summary string, rows []pagedRow) {
	b.Summary = summary
	switch {
	case len(rows) == 0:
		b.Is, b.Summary, b.Next = watch, "No alert pages", "Nobody is woken, whatever breaks: promise something, or give a rule the severity page."
	case rows[0].Is == broken:
		b.Is, b.Next = broken, "Whoever is woken by the others is not told what to do: write one that matches, or say why there is none."
	case rows[0].Is == watch:
		b.Is, b.Next = watch, "Those without one say why."
	default:
		b.Is, b.Next = fine, "Whoever is woken is told what to do."
	}
	for _, row := range rows {
		if row.Playbook == "" {
			b.Without = append(b.Without, row)
		} else {
			b.Carrying = append(b.Carrying, row)
		}
	}
	b.Without, b.MoreWithout = firstPaged(b.Without)
	b.Carrying, b.More = firstPaged(b.Carrying)
}

// firstPaged are those that a page has room for, and how many more there are.
func firstPaged(rows []pagedRow) ([]pagedRow, int) {
	n := min(len(rows), mostPaged)
	return rows[:n], len(rows) - n
}

// paged are the alerts that wake somebody, those that lack a playbook first.
func (s *site) paged(all []Playbook) (summary string, rows []pagedRow) {
	if s.o.Paging == nil {
		return "", nil
	}
	names := map[string]string{}
	for _, p := range all {
		names[p.ID] = p.Name()
	}
	paging := s.o.Paging()
	for _, a := range paging.Alerts {
		rows = append(rows, pagedRowOf(a, names))
	}
	slices.SortStableFunc(rows, func(a, b pagedRow) int {
		return cmp.Or(cmp.Compare(a.Is.rank(), b.Is.rank()), strings.Compare(a.Promise, b.Promise), strings.Compare(a.Alert, b.Alert))
	})
	return paging.Summary, rows
}

// pagedRowOf judges an alert; names are those of the playbooks there are.
func pagedRowOf(a Paged, names map[string]string) pagedRow {
	row := pagedRow{Paged: a, Is: fine}
	if a.Objective != "" {
		row.ObjectivePath = objectivePath(a.Objective)
	}
	name, there := names[a.Playbook]
	switch {
	case a.Playbook != "" && there:
		row.PlaybookPath, row.Title = playbookPath(a.Playbook), name
	case a.Playbook != "": // It was taken away since: a link would lead nowhere.
		row.Is, row.Title = broken, a.Playbook
	case a.Excuse == "":
		row.Is = broken
	default:
		row.Is = watch
	}
	return row
}

func (s *site) playbook(w http.ResponseWriter, r *http.Request) error {
	id := r.PathValue("id")
	all := s.allPlaybooks()
	i := slices.IndexFunc(all, func(p Playbook) bool { return p.ID == id })
	if i < 0 {
		return fault{http.StatusNotFound, fmt.Sprintf("There is no playbook %q.", id), nil}
	}
	b := playbookBody{Playbook: all[i], Known: s.o.Paging != nil, Kept: s.o.History.List != nil}
	_, rows := s.paged(all)
	b.Alerts, b.More = firstPaged(slices.DeleteFunc(rows, func(row pagedRow) bool { return row.Playbook != id }))
	if b.Kept {
		for _, l := range s.o.History.List() {
			if l.Playbook != id {
				continue
			}
			b.Used++
			if len(b.Incidents) < lastIncidents {
				b.Incidents = append(b.Incidents, s.pastRow(l))
			}
		}
	}
	return s.render(w, r, http.StatusOK, page{Template: "playbook", Title: b.Name(), Nav: "/playbooks", Body: b})
}
