package web

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A column that says nothing in any row takes no room, and rows of another length than the head break nothing.
func TestTableWithoutEmpty(t *testing.T) {
	table := &Table{Title: "T", Columns: []string{"Source", "Error", "Rate", "To do"}, Rows: []TableRow{
		{Cells: []string{"", "", "1/s", ""}, Level: Good},
		{Cells: []string{"b"}},
		{Cells: []string{"c", "", "", "see", "too many"}},
	}}
	want := &Table{Title: "T", Columns: []string{"Source", "Rate", "To do"}, Rows: []TableRow{
		{Cells: []string{"", "1/s", ""}, Level: Good},
		{Cells: []string{"b"}},
		{Cells: []string{"c", "", "see"}},
	}}
	if diff := cmp.Diff(want, table.withoutEmpty()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if empty := (&Table{Columns: []string{"A"}, Empty: "No A."}); empty.withoutEmpty() != empty {
		t.Error("a table without rows is another")
	}
}

// On a phone a cell is told with the name of its column, and an empty one is not told; what is short is not broken.
func TestStatusNamesItsCells(t *testing.T) {
	page := get(t, newSite(t, nil), "/status").Body.String()
	for _, want := range []string{`<td role="cell" data-label="Error">connection refused</td>`, `<td role="cell" data-label="Error" class="none"></td>`, `data-label="Job" class="keep">media</td>`, `<tr role="row" class="level-bad">`} {
		if !strings.Contains(page, want) {
			t.Errorf("the page does not say %s:\n%s", want, page)
		}
	}
}
