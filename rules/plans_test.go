package rules

import "testing"

// TestObjectivesShareTheirWindows: those alike have one copy, others are left alone, and
// an objective with windows of its own keeps them.
func TestObjectivesShareTheirWindows(t *testing.T) {
	var p plans
	judge := func(edit ...func(*Objective)) *judge {
		j := newJudge(shareObjective(edit...))
		p.share(&j)
		return &j
	}
	a, b := judge(), judge(func(o *Objective) { o.Target = 0.99 })
	if &a.pairs[0] != &b.pairs[0] || &a.spans[0] != &b.spans[0] || &a.long[0] != &b.long[0] || a.budget == b.budget {
		t.Error("two objectives over 30 days do not share their windows, or share too much")
	}
	week := judge(func(o *Objective) { o.Period = 7 * testDay })
	if want := newJudge(shareObjective(func(o *Objective) { o.Period = 7 * testDay })); week.pairs[0] != want.pairs[0] {
		t.Errorf("a week has the windows %+v, want %+v", week.pairs, want.pairs)
	}
	own := judge(func(o *Objective) { o.Target = 0.9 }) // a burn of 14.4 is out of its reach
	if len(own.pairs) == len(a.pairs) || len(own.dropped) == 0 {
		t.Errorf("windows of 90%%: %+v", own.pairs)
	}
	for i := range 2 * maxPlans {
		judge(func(o *Objective) {
			o.Alerting.Pairs = []Pair{{Severity: Page, Long: testDay, Short: testDay / 12, Factor: 2 + float64(i)}}
		})
	}
	for period, list := range p.known {
		if len(list) > maxPlans {
			t.Errorf("%d plans are kept for a period of %d ms", len(list), period)
		}
	}
}
