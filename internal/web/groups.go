package web

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/rules"
)

const (
	// groupsInOverview is how many groups of an objective that are not fine the first page shows.
	groupsInOverview = 5
	// groupsOnPage is how many groups the page of an objective shows, the most urgent first.
	groupsOnPage = 200
)

// families tells objectives from their groups.
type families struct {
	all     []rules.Status            // Those that are not groups of another.
	members map[string][]rules.Status // By the ID of the whole, the most urgent first.
}

func familiesOf(statuses []rules.Status) families {
	f := families{all: make([]rules.Status, 0, len(statuses)), members: map[string][]rules.Status{}}
	for _, s := range statuses {
		if parent := s.Objective.Parent; parent != "" {
			f.members[parent] = append(f.members[parent], s)
			continue
		}
		f.all = append(f.all, s)
	}
	for _, list := range f.members {
		slices.SortFunc(list, func(a, b rules.Status) int {
			return cmp.Or(cmp.Compare(groupRank(a), groupRank(b)), -cmp.Compare(a.Burn, b.Burn), strings.Compare(a.Objective.ID, b.Objective.ID))
		})
	}
	return f
}

// groupRank orders groups by urgency. One without data is idle rather than unknown: the whole says whether telemetry arrives.
func groupRank(s rules.Status) int {
	c := conditionOf(s)
	if c == unknown {
		return fine.rank() + 1
	}
	return c.rank()
}

// promises returns a status for each promise: that of its most urgent group where that is worse than the whole.
func (f families) promises() []rules.Status {
	out := make([]rules.Status, 0, len(f.all))
	for _, s := range f.all {
		if worst := f.members[s.Objective.ID]; len(worst) > 0 && groupRank(worst[0]) < conditionOf(s).rank() {
			s = worst[0]
		}
		out = append(out, s)
	}
	return out
}

// wholeOf returns the ID of the promise that an objective stands for.
func wholeOf(o rules.Objective) string { return cmp.Or(o.Parent, o.ID) }

// groupName says which group a member is: "/api/posts", "POST · none".
func groupName(o rules.Objective, by []string) string {
	var values []string
	for _, label := range by {
		values = append(values, cmp.Or(o.Group[label], "none"))
	}
	return strings.Join(values, " · ")
}

// groupRows are rows for the groups of an objective, at most so many.
func groupRows(o rules.Objective, members []rules.Status, most int) []objectiveRow {
	var rows []objectiveRow
	for _, m := range members[:min(most, len(members))] {
		row := rowOf(m)
		row.Promise = groupName(m.Objective, o.GroupBy)
		rows = append(rows, row)
	}
	return rows
}

// groupsNote counts the groups of an objective by condition: "12 by route: 2 broken now, 1 without data".
func groupsNote(o rules.Objective, members []rules.Status) string {
	if len(o.GroupBy) == 0 {
		return ""
	}
	by := map[condition]int{}
	for _, m := range members {
		by[conditionOf(m)]++
	}
	var parts []string
	for _, c := range []condition{broken, spent, leaking, risk, watch} {
		if by[c] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", by[c], strings.ToLower(c.Word())))
		}
	}
	if len(parts) == 0 && by[fine] > 0 {
		parts = append(parts, "none in trouble")
	}
	if by[unknown] > 0 {
		parts = append(parts, fmt.Sprintf("%d without data", by[unknown]))
	}
	note := fmt.Sprintf("%d by %s", len(members), strings.Join(o.GroupBy, " and "))
	if len(parts) == 0 {
		return note
	}
	return note + ": " + strings.Join(parts, ", ")
}
