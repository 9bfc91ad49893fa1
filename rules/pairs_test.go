package rules

import (
	"math"
	"math/rand/v2"
	"strings"
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

// Whatever the period and the target, every pair that is kept can fire and does so
// only when the objective is broken; every other one is left out with a sentence.
func TestWindowsOfAnyPeriod(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	check := func(period time.Duration, target float64) {
		o := Objective{Target: target, Period: period}
		pairs, dropped := o.Windows()
		if len(pairs)+len(dropped) != 4 {
			t.Fatalf("%s at %v: %d pairs and %d sentences", period, target, len(pairs), len(dropped))
		}
		e := o.ErrorBudget()
		for _, p := range pairs {
			beta := p.Factor * p.Long.Hours() / period.Hours()
			if p.Factor < 1 || p.Factor*e >= 1 || p.Long > period || p.Short >= p.Long || p.Short < time.Second || !near(p.Budget, beta, 1e-9) || beta > 1 {
				t.Fatalf("%s at %v: %+v is not valid", period, target, p)
			}
		}
		for _, sentence := range dropped {
			if !strings.Contains(sentence, "cannot fire") || !strings.Contains(sentence, "it needs an objective above") {
				t.Fatalf("%s at %v: %s", period, target, sentence)
			}
		}
		if target >= 0.94 && len(dropped) > 0 {
			t.Fatalf("%s at %v: %v", period, target, dropped)
		}
	}
	for h := 1; h <= 366*24; h++ {
		check(time.Duration(h)*time.Hour, 0.999)
	}
	for range 20_000 {
		period := time.Hour + time.Duration(r.Int64N(int64(366*testDay-time.Hour))).Truncate(time.Second)
		check(period, 1-math.Pow(10, -5*r.Float64())*0.999)
	}
}

// A spec's own pairs that fire inside the objective, or do not fit into the period,
// are left out with a sentence.
func TestOwnPairsThatAreNotValid(t *testing.T) {
	for _, p := range []Pair{
		{Page, time.Hour, 5 * time.Minute, 0.9, 0}, {Page, 31 * testDay, time.Hour, 2, 0}, {Page, time.Minute, time.Hour, 2, 0}, {Page, time.Hour, time.Minute, 150, 0},
	} {
		o := Objective{Target: 0.99, Period: 30 * testDay}
		o.Alerting.Pairs = []Pair{p}
		if pairs, dropped := o.Windows(); len(pairs) != 0 || len(dropped) != 1 {
			t.Errorf("%+v: %v, %v", p, pairs, dropped)
		}
	}
}

func TestLostSwitch(t *testing.T) {
	for _, c := range []struct {
		page, ticket bool
		lost         Switch
		want         Severity
	}{
		{true, true, "", Page},
		{false, true, "", Ticket},
		{false, false, "", ""},
		{true, true, Off, ""},
		{false, false, On, Page},
		{false, true, On, Ticket},
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
