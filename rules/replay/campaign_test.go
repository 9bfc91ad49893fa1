package replay_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

// TestCampaign replays the table of slo-maths: a campaign of two hours at 50 times the
// traffic after 30 quiet days. It wants the minutes until each alert fires, 0 for
// never.
func TestCampaign(t *testing.T) {
	t.Parallel()
	only := func(sev rules.Severity, long, short time.Duration, factor float64) func(*rules.Objective) {
		return func(o *rules.Objective) {
			o.Alerting.Pairs = []rules.Pair{{Severity: sev, Long: long, Short: short, Factor: factor}}
		}
	}
	// When traffic without end is announced, no campaign is above the average and only
	// the classic factor holds.
	classic := func(string, time.Time, time.Time) (float64, bool) { return 1e15, true }
	fast := only(rules.Page, time.Hour, 5*time.Minute, 14.4)
	columns := []struct {
		name     string
		pair     func(*rules.Objective)
		expected func(string, time.Time, time.Time) (float64, bool)
	}{
		{"14.4 page", fast, classic},
		{"6 page", only(rules.Page, 6*time.Hour, 30*time.Minute, 6), classic},
		{"3 ticket", only(rules.Ticket, day, 2*time.Hour, 3), classic},
		{"volume-aware page", fast, nil},
	}
	for _, row := range []struct {
		ratio, used float64
		minutes     [4]float64
	}{
		{0.05, 6.11, [4]float64{1, 1, 2, 1}},
		{0.01, 1.22, [4]float64{0, 11, 13, 2}},
		{0.005, 0.61, [4]float64{0, 0, 42, 4}},
		{0.003, 0.37, [4]float64{0, 0, 0, 6}},
	} {
		t.Run(fmt.Sprint(row.ratio), func(t *testing.T) {
			t.Parallel()
			p := newPast()
			p.traffic(27*day, 10*time.Minute, 100, 0)
			p.traffic(3*day, time.Minute, 100, 0)
			start := p.now
			p.traffic(2*time.Hour, 15*time.Second, 5000, row.ratio)
			source := p.source(t)
			for i, c := range columns {
				r := run(t, replay.Plan{Objectives: []rules.Objective{share(c.pair)}, Source: source, From: start, To: p.now, Expected: c.expected})
				got := 0.0
				for _, a := range r.Alerts {
					got = max(1, a.FiredAt.Sub(start).Minutes())
					if began := a.Began.Sub(start); began < 0 || began > max(20*time.Second, a.FiredAt.Sub(start)/25) {
						t.Errorf("%s: the burn is said to have begun after %s", c.name, began)
					}
				}
				t.Logf("%s: %.1f minutes", c.name, got)
				if want := row.minutes[i]; !near(got, want, 1) || (want == 0) != (got == 0) {
					t.Errorf("%s fires after %.1f minutes, want %v", c.name, got, want)
				}
				if used := 1 - r.Objectives[0].BudgetRemaining; c.expected == nil && !near(used, row.used, 0.02) {
					t.Errorf("%.0f%% of the budget is used, want %.0f%%", 100*used, 100*row.used)
				}
			}
		})
	}
}
