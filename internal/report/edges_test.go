package report

import (
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/rules"
)

// only builds the week of one objective and returns its row.
func only(t *testing.T, l ledger, from, to time.Time) Row {
	t.Helper()
	rows := build(t, l, from, to).Rows()
	if len(rows) != 1 {
		t.Fatalf("%d rows, want one: %+v", len(rows), rows)
	}
	return rows[0]
}

func one(hours map[time.Time]counts) ledger {
	return ledger{statuses: []rules.Status{objective("a", "x", "A works", "core")}, hours: map[string]map[time.Time]counts{"a-x": hours}}
}

func says(t *testing.T, row Row, want ...string) {
	t.Helper()
	for _, s := range want {
		s, not := strings.CutPrefix(s, "not ")
		if got := row.PlainWords(); strings.Contains(got, s) == not {
			t.Errorf("it says %q: %t, in\n%s", s, !not, got)
		}
	}
}

// TestFirstWeek counts from Wednesday on: what was before is neither quiet nor unknown, and nothing compares with it.
func TestFirstWeek(t *testing.T) {
	from, to := week47(t, "UTC")
	row := only(t, one(steady(from.Add(62*time.Hour), to, counts{bad: 0, total: 100})), from, to)
	if row.Began == nil || !row.Began.Equal(from.Add(62*time.Hour)) || row.QuietHours != 0 || row.Before != nil || row.OutcomeBefore != NoData || row.BudgetBefore != nil ||
		row.Outlook != nil || row.Advice != nil || row.Outcome != Kept {
		t.Errorf("row %+v", row)
	}
	says(t, row, "Counting began on Wednesday 18 November, 14:00.", "100% of the budget of 28 days is left.", "not at the start", "not before it was")
}

// TestEmptyWeek has events before and after, and none within.
func TestEmptyWeek(t *testing.T) {
	from, to := week47(t, "UTC")
	row := only(t, one(steady(from.AddDate(0, 0, -7), from, counts{bad: 0, total: 100})), from, to)
	if row.Outcome != NoData || row.OutcomeBefore != Kept || row.BudgetLeft == nil || row.Achieved != nil || row.Worst != nil || row.Began != nil {
		t.Errorf("row %+v", row)
	}
	says(t, row, "No data. Nothing was counted.", "100% of the budget of 28 days is left")
	r := build(t, one(steady(from.AddDate(0, 0, -7), from, counts{bad: 0, total: 100})), from, to)
	if want := "Nothing was counted for any objective, so nobody can say whether the promises were kept."; r.Headline != want {
		t.Errorf("headline %q", r.Headline)
	}
}

// TestRemovedMidWeek keeps the row of a promise that was taken back on Thursday, and has none where it counted nothing.
func TestRemovedMidWeek(t *testing.T) {
	from, to := week47(t, "Europe/Berlin")
	gone := from.Add(86*time.Hour + 12*time.Minute)
	was, never := objective("a", "x", "A works", "core").Objective, objective("b", "x", "B works", "core").Objective
	l := ledger{
		removed: []rules.Removed{{Objective: was, At: gone.UTC()}, {Objective: never, At: gone}},
		hours:   map[string]map[time.Time]counts{"a-x": steady(from, gone, counts{bad: 3, total: 1000})},
	}
	row := only(t, l, from, to)
	if row.Outcome != Missed || row.Hours != 87 || row.QuietHours != 0 || row.BudgetLeft != nil || row.Outlook != nil || row.Total != 87000 {
		t.Errorf("row %+v", row)
	}
	says(t, row, "Broken. 261 of 87,000 requests failed.", "The promise was taken back on Thursday 19 November, 14:12; what it counted until then is here.", "not budget of")
	if r := build(t, l, to, to.AddDate(0, 0, 7)); len(r.Rows()) != 0 {
		t.Errorf("the week after has %+v", r.Rows())
	}
	// Its cost is told, though nobody needs to know what is left.
	if r := build(t, l, from, to); len(r.Burned) != 1 || r.Burned[0].ID != "a-x" || r.Burned[0].Spent < 0.3 {
		t.Errorf("what cost the most is %+v", r.Burned)
	}
	// Of a week before it was taken back nothing is new.
	l.removed[0].At = to.Add(time.Hour)
	if row := only(t, l, from, to); row.Removed != nil || row.BudgetLeft == nil {
		t.Errorf("taken back afterwards: %+v", row)
	}
}

// TestPromisedLater has no row of a promise that began to count after the week, and one of a promise that only fell silent in it.
func TestPromisedLater(t *testing.T) {
	from, to := week47(t, "UTC")
	after := steady(to, to.Add(48*time.Hour), counts{bad: 0, total: 100})
	r := build(t, one(after), from, to)
	if len(r.Rows()) != 0 || r.NoData != 0 {
		t.Errorf("rows %+v, though nothing was promised yet", r.Rows())
	}
	silent := steady(from.AddDate(0, 0, -7), from, counts{bad: 0, total: 100})
	maps.Copy(silent, after)
	if row := only(t, one(silent), from, to); row.Outcome != NoData {
		t.Errorf("row %+v", row)
	}
	if row := only(t, one(nil), from, to); row.Outcome != NoData {
		t.Errorf("what never counted anything: %+v", row)
	}
}

// TestTeamWithoutPromises has people on call and no objective.
func TestTeamWithoutPromises(t *testing.T) {
	from, to := week47(t, "UTC")
	r := build(t, one(steady(from, to, counts{bad: 0, total: 100})), from, to)
	r.Tell(Circumstances{Shifts: []Shift{{Team: "platform", Who: "Ada", From: from, To: to}}})
	if part, ok := r.Of("platform"); !ok || part.Headline != "No promise is this team's." {
		t.Errorf("%t, %q", ok, part.Headline)
	}
}

// TestEndOfPeriodAlone: what is counted after the week, or before what it looks back on, changes nothing of it.
func TestEndOfPeriodAlone(t *testing.T) {
	from, to := week47(t, "UTC")
	hours := steady(from.AddDate(0, 0, -28), to, counts{bad: 1, total: 1000})
	before := asJSON(t, build(t, one(hours), from, to))
	maps.Copy(hours, steady(to, to.AddDate(0, 0, 14), counts{bad: 900, total: 1000}))
	maps.Copy(hours, steady(from.AddDate(0, 0, -200), from.AddDate(0, 0, -100), counts{bad: 900, total: 1000}))
	l := one(hours)
	l.statuses[0].State, l.statuses[0].BudgetRemaining, l.statuses[0].UpdatedAt = rules.StateExhausted, -3, to.AddDate(0, 0, 14)
	if diff := cmp.Diff(before, asJSON(t, build(t, l, from, to))); diff != "" {
		t.Errorf("the week has changed (-then +later):\n%s", diff)
	}
}

// TestBudgets are reckoned by hand: a budget of 1 in 1,000 over 28 days, of which each week but the last spends a tenth.
func TestBudgets(t *testing.T) {
	from, to := week47(t, "UTC")
	hours := steady(to.AddDate(0, 0, -35), from, counts{bad: 0.4, total: 1000}) // Four weeks before: each 10% of the budget.
	maps.Copy(hours, steady(from, to, counts{bad: 2, total: 1000}))             // The week: 50%.
	row := only(t, one(hours), from, to)
	near := func(name string, got *float64, want float64) {
		t.Helper()
		if got == nil || *got < want-1e-9 || *got > want+1e-9 {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	near("left at the start", row.BudgetBefore, 0.6)
	near("left at the end", row.BudgetLeft, 0.2)
	near("spent", row.Spent, 0.5)
	near("error minutes", row.ErrorMinutes, 0.002*168*60)
	// In a week the first of the four leaves. After another like the last 0.2+0.1−0.5, after one like the others 0.2+0.1−0.1.
	if o := row.Outlook; o == nil || o.Weeks != 4 || o.Spent != 1 {
		t.Fatalf("outlook %+v", row.Outlook)
	}
	near("the worst outlook", &row.Outlook.Low, -0.2)
	near("the best outlook", &row.Outlook.High, 0.2)
	if row.State != string(rules.StateAtRisk) || row.Consequence != "Reliability comes before features until the budget lasts again." {
		t.Errorf("state %s: %s", row.State, row.Consequence)
	}
	if want := "if the coming week is like one of the last four, the budget is spent by 29 November after one of them, and at best 20% of it is left"; row.Outlook.Words() != want {
		t.Errorf("%s", row.Outlook.Words())
	}
}

// TestCalendarBudgets begin anew: the report of a month ends with the month's budget, not with the next one's.
func TestCalendarBudgets(t *testing.T) {
	p := Monthly.Around(time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC))
	l := one(steady(p.From.AddDate(0, -2, 0), p.To, counts{bad: 0.25, total: 1000}))
	l.statuses[0].Objective.Calendar = &rules.Calendar{Unit: rules.Month, Count: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	l.statuses[0].Objective.Period = 31 * day
	r, err := Build(t.Context(), l, p)
	if err != nil {
		t.Fatal(err)
	}
	row := r.Rows()[0]
	if row.BudgetLeft == nil || *row.BudgetLeft < 0.749 || *row.BudgetLeft > 0.751 || *row.BudgetBefore < 0.749 || r.Name != "2026-10" || row.Hours != 744 {
		t.Errorf("%+v", row)
	}
	if !strings.HasPrefix(r.Markdown(), "# Monthly report: October 2026 (2026-10)\n") || !strings.Contains(r.Markdown(), "| Month before |") {
		t.Error(r.Markdown())
	}
}

func TestAdvice(t *testing.T) {
	from, to := week47(t, "UTC")
	history := func(bad ...float64) map[time.Time]counts {
		hours := map[time.Time]counts{}
		for i, b := range bad {
			end := to.AddDate(0, 0, -7*i)
			maps.Copy(hours, steady(end.AddDate(0, 0, -7), end, counts{bad: b, total: 10000}))
		}
		return hours
	}
	calm := []float64{1, 2, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}
	for _, tc := range []struct {
		name string
		bad  []float64
		want *Advice
	}{
		{"far better than promised", calm, &Advice{Do: Tighten, Target: 0.9995, Weeks: 13, Kept: 13, WouldKeep: 13, Worst: 0.9998}},
		{"fits", []float64{6, 8, 9, 7, 6, 8, 9, 7, 6, 8, 9, 7, 6}, nil},
		{"broken half the time", []float64{40, 5, 40, 5, 40, 5, 40, 5, 40, 5}, &Advice{Do: Loosen, Target: 0.995, Weeks: 10, Kept: 5, WouldKeep: 10, Worst: 0.996}},
		{"broken once", []float64{5000, 5, 5, 5, 5, 5, 5, 5, 5, 5}, nil},
		{"too few weeks", calm[:7], nil},
		{"nothing would do", []float64{9999, 9999, 9999, 9999, 9999, 9999, 9999, 9999}, nil},
	} {
		got := only(t, one(history(tc.bad...)), from, to).Advice
		if diff := cmp.Diff(tc.want, got, cmp.Comparer(func(a, b float64) bool { return a-b < 1e-9 && b-a < 1e-9 })); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
	few := map[time.Time]counts{}
	for i := range 13 {
		few[to.AddDate(0, 0, -7*i).Add(-time.Hour)] = counts{bad: 0, total: 50}
	}
	if got := only(t, one(few), from, to).Advice; got != nil {
		t.Errorf("50 events a week are enough for %+v", got)
	}
	if got, want := (Advice{Do: Loosen, Target: 0.995, Weeks: 10, Kept: 5, WouldKeep: 10}).Words(), "it was broken in 5 of 10 weeks. Plan the work that keeps it, or promise 99.5%, which would have been kept in 10 of them."; got != want {
		t.Errorf("%s", got)
	}
}

// TestLoadAtNight is of a person in another time zone, of shifts of two teams at once, and of nobody.
func TestLoadAtNight(t *testing.T) {
	from, to := week47(t, "Europe/Berlin")
	r := build(t, one(nil), from, to)
	c := around(from, to)
	c.Shifts = append(c.Shifts, Shift{"core", "Sam Roe", from.Add(3 * day), to}) // He has growth then, too.
	c.Incidents[2].OpenedAt = time.Date(2026, 11, 20, 7, 30, 0, 0, time.UTC)     // 02:30 in New York
	r.Tell(c)
	got := map[string]Load{}
	for _, l := range r.OnCall {
		got[l.Name()] = l
	}
	want := map[string]Load{
		"Alex Kim": {Who: "Alex Kim", Teams: []string{"growth", "media"}, Hours: 120, Pages: 1, Night: 1},
		"Sam Roe":  {Who: "Sam Roe", Teams: []string{"core", "growth"}, Hours: 96, Pages: 2},
		"nobody":   {Teams: []string{"media"}, Hours: 48, Pages: 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("load (-want +got):\n%s", diff)
	}
	for who, words := range map[string]string{
		"Alex Kim": "Alex Kim: 120 hours on call, 1 page, at night", "nobody": "For 48 hours nobody was on call for media, and 1 page came then",
	} {
		if got[who].Words() != words {
			t.Errorf("%s", got[who].Words())
		}
	}
	part, ok := r.Of("growth")
	if !ok || len(part.OnCall) != 2 || part.OnCall[0].Who != "Sam Roe" || part.OnCall[0].Hours != 87 {
		t.Errorf("of growth: %+v", part.OnCall)
	}
}
