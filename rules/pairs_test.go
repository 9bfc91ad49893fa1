package rules

import (
	"testing"
	"time"
)

// A spec's own windows replace those of the period, and what they stand for follows
// from it.
func TestOwnPairs(t *testing.T) {
	o := Objective{Target: 0.99, Period: 30 * testDay}
	o.Alerting.Pairs = []Pair{{Severity: Page, Long: 2 * time.Hour, Short: 10 * time.Minute, Factor: 9}}
	pairs, dropped := o.Windows()
	if len(pairs) != 1 || len(dropped) != 0 || !near(pairs[0].Budget, 0.025, 1e-9) || o.Alerting.Pairs[0].Budget != 0 {
		t.Fatalf("%+v, %v", pairs, dropped)
	}
	j := newJudge(o)
	if j.spans[j.long[0]] != 7_200_000 || j.spans[j.short[0]] != 600_000 || j.spans[j.hour] != 3_600_000 {
		t.Errorf("places in %v: %v %v %v", j.spans, j.long, j.short, j.hour)
	}
}

func TestLostSwitch(t *testing.T) {
	for _, c := range []struct {
		page, ticket bool
		lost         Switch
		want         Severity
	}{
		{true, true, "", Page}, {false, true, "", Ticket}, {false, false, "", ""},
		{true, true, Off, ""}, {false, false, On, Page}, {false, true, On, Ticket},
	} {
		o := Objective{Alerting: Alerting{Page: AlertSpec{Disabled: !c.page}, Ticket: AlertSpec{Disabled: !c.ticket}, Lost: c.lost}}
		var got Severity
		for _, r := range alertRules(o, nil) {
			if r.kind == alertLost {
				got = r.severity
			}
		}
		if got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}
