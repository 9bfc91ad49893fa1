package report

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/rules"
)

// worstGroups is how many groups of a promise a report names.
const worstGroups = 5

// Groups is the period of the groups of a promise: of its routes, say.
type Groups struct {
	By     []string `json:"by"` // The labels.
	Count  int      `json:"count"`
	Missed int      `json:"missed"` // Those that broke the promise for themselves.
	Worst  []Group  `json:"worst"`  // Of those, the ones that failed most, at most five.
}

// Group is the period of one group.
type Group struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"` // Its labels' values.
	Achieved float64  `json:"achieved"`
	Bad      float64  `json:"bad"`
	Total    float64  `json:"total"`
	Burn     *float64 `json:"burn"`     // Bad ÷ allowed.
	Sentence string   `json:"sentence"` // "1,204 of about 38,000 requests failed".
}

// groupsOf reads the groups of an objective; nil for one without.
func groupsOf(ctx context.Context, src Source, s subject, members []rules.Objective) *Groups {
	o := s.Objective
	if len(o.GroupBy) == 0 {
		return nil
	}
	g := &Groups{By: o.GroupBy, Count: len(members), Worst: []Group{}}
	for _, m := range members {
		all, err := src.Tallies(ctx, m.ID, s.period.From, s.end)
		if err != nil || outcomeOf(all[0]) != Missed {
			continue // What cannot be read is said of the whole.
		}
		t := all[0]
		g.Missed++
		g.Worst = append(g.Worst, Group{
			ID: m.ID, Name: groupName(o, m), Achieved: tidy(t.Good/t.Total, 9), Bad: tidy(bad(t), 3), Total: tidy(t.Total, 3),
			Burn: burn(bad(t), t.Allowed), Sentence: unitOf(o).failed(bad(t), t.Total),
		})
	}
	slices.SortFunc(g.Worst, func(a, b Group) int { return cmp.Or(cmp.Compare(b.Bad, a.Bad), strings.Compare(a.ID, b.ID)) })
	g.Worst = g.Worst[:min(worstGroups, len(g.Worst))]
	return g
}

// groupName is the values of the labels in the order of the objective.
func groupName(o, m rules.Objective) string {
	var values []string
	for _, label := range o.GroupBy {
		values = append(values, cmp.Or(oneLine(m.Group[label]), "none"))
	}
	return strings.Join(values, " · ")
}

// words says which groups broke the promise: "2 of 12 by route broke it for themselves: /api/posts (…), …".
func (g *Groups) words() string {
	by := strings.Join(g.By, " and ")
	if g.Missed == 0 {
		return fmt.Sprintf("none of %d by %s broke it for itself.", g.Count, by)
	}
	var named []string
	for _, one := range g.Worst {
		named = append(named, one.Name+" ("+one.Sentence+")")
	}
	if more := g.Missed - len(g.Worst); more > 0 {
		named = append(named, fmt.Sprintf("and %d more", more))
	}
	return fmt.Sprintf("%d of %d by %s broke it for themselves: %s.", g.Missed, g.Count, by, strings.Join(named, ", "))
}

// membersOf tells objectives from their groups, which have no row of their own.
func membersOf(statuses []rules.Status) (wholes []rules.Status, members map[string][]rules.Objective) {
	members = map[string][]rules.Objective{}
	known := map[string]bool{}
	for _, s := range statuses {
		known[s.Objective.ID] = true
	}
	for _, s := range statuses {
		if o := s.Objective; o.Parent != "" && known[o.Parent] {
			members[o.Parent] = append(members[o.Parent], o)
			continue
		}
		wholes = append(wholes, s)
	}
	return wholes, members
}
