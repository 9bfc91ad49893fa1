package web

import (
	"net/http"
	"slices"
)

// Level says whether a fact or a row of the status page needs a look.
type Level string

// The levels. Plain is for facts that are neither good nor bad.
const (
	Plain Level = ""
	Good  Level = "good"
	Warn  Level = "warn"
	Bad   Level = "bad"
)

// Section is a part of the status page: what is ingested, scraped, evaluated, sent. Facts, Table or both.
type Section struct {
	Title string
	Note  string // A sentence below the title; may be empty.
	Facts []Fact
	Table *Table
}

// Fact is a name and a value: "Oldest waiting message", "3 s".
type Fact struct {
	Name, Value string
	Note        string // What it means, or what to do; may be empty.
	Level       Level
}

// Table is a list of things that have the same properties, such as scrape targets.
type Table struct {
	Title   string // For people who hear the page.
	Columns []string
	Rows    []TableRow
	Empty   string // What is said when there are no rows.
}

// TableRow is one thing: a cell for each column.
type TableRow struct {
	Cells []string
	Level Level
}

// statusBody is what the status page shows.
type statusBody struct {
	Is       condition
	Answer   string
	Sections []Section
}

func (s *site) status(w http.ResponseWriter, r *http.Request) error {
	b := statusBody{Is: fine, Answer: "Everything is running."}
	if s.o.Status != nil {
		b.Sections = s.o.Status()
	}
	if s.o.Version != "" {
		b.Sections = append(b.Sections, Section{Title: "Server", Facts: []Fact{{Name: "Version", Value: s.o.Version}}})
	}
	for i := range b.Sections {
		if t := b.Sections[i].Table; t != nil {
			b.Sections[i].Table = t.withoutEmpty()
		}
	}
	warnings, faults := count(b.Sections)
	switch {
	case !s.isReady():
		b.Is, b.Answer = unknown, "Watchtower is starting."
	case faults > 0:
		b.Is, b.Answer = broken, plural(faults, "thing")+" below "+need(faults)+" attention."
	case warnings > 0:
		b.Is, b.Answer = watch, plural(warnings, "thing")+" below "+need(warnings)+" a look."
	}
	return s.render(w, r, http.StatusOK, page{Template: "status", Title: "Status", Nav: "/status", Is: b.Is, Refresh: 5, Body: b})
}

// withoutEmpty leaves out columns in which no row has anything.
func (t *Table) withoutEmpty() *Table {
	if len(t.Rows) == 0 {
		return t
	}
	var keep []int
	for i := range t.Columns {
		if i == 0 || slices.ContainsFunc(t.Rows, func(r TableRow) bool { return i < len(r.Cells) && r.Cells[i] != "" }) {
			keep = append(keep, i)
		}
	}
	out := &Table{Title: t.Title, Empty: t.Empty}
	for _, i := range keep {
		out.Columns = append(out.Columns, t.Columns[i])
	}
	for _, r := range t.Rows {
		row := TableRow{Level: r.Level}
		for _, i := range keep {
			if i < len(r.Cells) {
				row.Cells = append(row.Cells, r.Cells[i])
			}
		}
		out.Rows = append(out.Rows, row)
	}
	return out
}

func need(n int) string {
	if n == 1 {
		return "needs"
	}
	return "need"
}

// count returns how many facts and rows are worth a look, and how many are wrong.
func count(sections []Section) (warnings, faults int) {
	add := func(l Level) {
		switch l {
		case Warn:
			warnings++
		case Bad:
			faults++
		default:
		}
	}
	for _, sec := range sections {
		for _, f := range sec.Facts {
			add(f.Level)
		}
		if sec.Table == nil {
			continue
		}
		for _, row := range sec.Table.Rows {
			add(row.Level)
		}
	}
	return warnings, faults
}
