package report

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// TestGroupsHaveNoRowOfTheirOwn: eight routes, of which six broke the promise that the whole kept.
func TestGroupsHaveNoRowOfTheirOwn(t *testing.T) {
	from, to := week47(t, "UTC")
	whole := objective("share", "requests", "Sharing a post works", "growth")
	whole.Objective.GroupBy = []string{"route", "method"}
	src := ledger{statuses: []rules.Status{whole}, hours: map[string]map[time.Time]counts{whole.Objective.ID: steady(from, to, counts{total: 1e6})}}
	for i := range 8 {
		m := objective("share", "requests", "", "growth")
		m.Objective.ID = fmt.Sprintf("share-requests:~r%d", i)
		m.Objective.Parent, m.Objective.Group = whole.Objective.ID, map[string]string{"route": fmt.Sprintf("/r%d", i), "method": ""}
		src.statuses = append(src.statuses, m)
		src.hours[m.Objective.ID] = steady(from, to, counts{bad: float64(max(0, i-1)), total: 100})
	}
	r, err := Build(t.Context(), src, Period{Weekly, from, to})
	if err != nil {
		t.Fatal(err)
	}
	if r.Kept != 1 || r.Missed != 0 || len(r.Teams) != 1 || len(r.Teams[0].Rows) != 1 {
		t.Fatalf("%d kept, %d missed, teams %+v", r.Kept, r.Missed, r.Teams)
	}
	g := r.Teams[0].Rows[0].Groups
	if g.Count != 8 || g.Missed != 6 || len(g.Worst) != worstGroups || g.Worst[0].Name != "/r7 · none" || g.Worst[0].Bad != 6*168 || g.Worst[0].Achieved != 0.94 {
		t.Errorf("groups are %+v", g)
	}
	want := "6 of 8 by route and method broke it for themselves: /r7 · none ("
	for name, text := range map[string]string{"markdown": r.Markdown(), "plain": r.Plain()} {
		if !strings.Contains(text, want) || !strings.Contains(text, "and 1 more") {
			t.Errorf("%s does not say %q:\n%s", name, want, text)
		}
	}
	src.statuses = src.statuses[:3]
	if r, err = Build(t.Context(), src, Period{Weekly, from, to}); err != nil || !strings.Contains(r.Plain(), "None of 2 by route and method broke it for itself.") {
		t.Errorf("%v: %s", err, r.Plain())
	}
}
