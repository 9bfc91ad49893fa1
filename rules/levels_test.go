package rules

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	promrules "github.com/prometheus/prometheus/rules"
)

// firing lists the alerts of an objective that fire, budget tickets with their limits.
func (w *world) firing(id string) string {
	s, _ := w.engine.Status(id)
	var names []string
	for _, a := range s.Alerts {
		if a.State == AlertFiring {
			names = append(names, strings.TrimSpace(string(a.Kind)+" "+a.Limit))
		}
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

func spending(o *Objective) {
	o.Alerting.Page.Disabled, o.Alerting.Ticket.Disabled = true, true
	o.Alerting.BudgetSpent = []float64{0.5, 0.75, 0.9}
}

// Only the highest share that is passed fires, and none of them again on the way
// back.
func TestBudgetSpent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(spending))
	w.traffic(20*testDay, 10*time.Minute, 100, 0)
	fires := func(want string) {
		t.Helper()
		if got := w.firing(share); got != want {
			s, _ := w.engine.Status(share)
			t.Errorf("%s of the budget left: fires %q, want %q", percent(s.BudgetRemaining), got, want)
		}
	}
	// Each of these spends a share of the budget within an hour.
	spend := func(c float64) { w.traffic(time.Hour, time.Minute, 100, c*259_200/360_000) }
	fires("")
	spend(0.49)
	fires("")
	spend(0.03)
	fires("budget_spent 50%")
	spend(0.25)
	fires("budget_spent 75%")
	spend(0.15)
	fires("budget_spent 90%")
	spend(0.2)
	fires("budget_spent 90%")
	sent := len(w.sent)
	w.silence(2*testDay, time.Hour)
	if got := w.firing(share); !strings.Contains(got, "budget_spent 90%") {
		t.Errorf("blindness resolved it: %q", got)
	}
	// The rest of the month is good, and all of it ages out.
	w.traffic(33*testDay, 10*time.Minute, 100, 0)
	fires("")
	var began []string
	for _, a := range w.sent[sent:] {
		if a.State == promrules.StateFiring && a.Labels.Get("budget_spent") != "90%" {
			began = append(began, a.Labels.String())
		}
	}
	if len(began) > 0 {
		t.Errorf("a budget that fills up again opened tickets: %v", began)
	}
	if a := w.sent[sent]; a.Labels.Get("alertname") != spentName || a.Labels.Get("severity") != "ticket" || a.Labels.Get("team") != "growth" {
		t.Errorf("sent %s", a.Labels)
	}
	// A second bad month is news again.
	spend(0.6)
	fires("budget_spent 50%")
}

// One failure among the first events of an objective is not half of its budget.
func TestBudgetSpentWaitsForAHundredth(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(spending))
	w.traffic(7*time.Hour, time.Minute, 1, 0.5)
	if got := w.firing(share); got != "" {
		t.Errorf("fires %q within the first hundredth of the period", got)
	}
	w.traffic(30*time.Minute, time.Minute, 1, 0.5)
	if got := w.firing(share); got != "budget_spent 90%" {
		t.Errorf("fires %q, want the ticket after a hundredth of the period", got)
	}
}

func TestBudgetTicketsSurviveRestarts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(spending))
	w.traffic(20*testDay, 10*time.Minute, 100, 0)
	w.traffic(time.Hour, time.Minute, 100, 0.8*259_200/360_000)
	before := w.firing(share)
	w.stop()
	w.sent = nil
	// The list changes meanwhile: the ticket that fires stays, the lower one is held.
	w.opts.Objectives[0].Alerting.BudgetSpent = []float64{0.5, 0.6, 0.75}
	w.start()
	w.traffic(time.Minute, time.Minute, 100, 0)
	if after := w.firing(share); after != before || after != "budget_spent 75%" {
		t.Errorf("fires %q after the restart, want %q", after, before)
	}
	for _, a := range w.sent {
		if a.Labels.Get("budget_spent") != "75%" {
			t.Errorf("sent %s", a.Labels)
		}
	}
}

func going(o *Objective) {
	o.Alerting.Page.Disabled, o.Alerting.Ticket.Disabled = true, true
	o.Alerting.GoneWithin = []time.Duration{6 * time.Hour, testDay}
}

func TestBudgetGoneSoon(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(going))
	w.traffic(20*testDay, 10*time.Minute, 100, 0)
	w.traffic(2*time.Hour, time.Minute, 100, 0.02)
	// 360 of 7,200 an hour are spent of 259,200: 34 hours.
	if got := w.firing(share); got != "" {
		t.Errorf("fires %q while the budget lasts a day and more", got)
	}
	w.traffic(15*time.Hour, time.Minute, 100, 0.02)
	if got := w.firing(share); got != "budget_gone_soon 1d" {
		t.Errorf("fires %q, want that it is gone within a day", got)
	}
	w.traffic(14*time.Hour, time.Minute, 100, 0.02)
	if got := w.firing(share); got != "budget_gone_soon 6h" {
		t.Errorf("fires %q, want that it is gone within six hours", got)
	}
	w.silence(3*time.Hour, time.Minute)
	if got := w.firing(share); !strings.Contains(got, "budget_gone_soon 6h") {
		t.Errorf("fires %q: blindness resolved it", got)
	}
	// It is gone now, and errors go on: the ticket stays and says so.
	w.traffic(8*time.Hour, time.Minute, 100, 0.02)
	s, _ := w.engine.Status(share)
	if got := w.firing(share); got != "budget_gone_soon 6h" || s.State != StateExhausted {
		t.Errorf("%s, fires %q", s.State, got)
	}
	i := slices.IndexFunc(s.Alerts, func(a AlertStatus) bool { return a.State == AlertFiring })
	if i < 0 || !strings.Contains(s.Alerts[i].Summary, "the error budget is gone, and errors go on") {
		t.Errorf("the alerts are %+v", s.Alerts)
	}
	w.traffic(time.Hour, time.Minute, 100, 0)
	if got := w.firing(share); got != "" {
		t.Errorf("fires %q an hour after errors stopped", got)
	}
	// What is gone cannot go: no new ticket.
	w.traffic(2*time.Hour, time.Minute, 100, 0.02)
	if got := w.firing(share); got != "" {
		t.Errorf("fires %q for a budget that is gone", got)
	}
}

// A short burst opens a ticket while it lasts, which ends although the last hour
// still holds it.
func TestBurstThatIsOver(t *testing.T) {
	t.Parallel()
	w := newWorld(t, shareObjective(going))
	w.traffic(20*testDay, 10*time.Minute, 100, 0)
	w.traffic(3*time.Minute, 15*time.Second, 100, 1)
	if got := w.firing(share); got != "budget_gone_soon 1d" {
		t.Errorf("fires %q, want that it is gone within a day", got)
	}
	w.traffic(40*time.Minute, 15*time.Second, 100, 0)
	if got := w.firing(share); got != "" {
		t.Errorf("fires %q 40 minutes after it", got)
	}
}

func TestLevels(t *testing.T) {
	v := levels{limit: 0.5, clear: 0.475, next: 0.75}
	for name, c := range map[string]struct {
		state       alertState
		figure      float64
		knows, sees bool
		want        verdict
		held        bool
	}{
		"below":                             {alertState{}, 0.4, true, true, quiet, false},
		"reached":                           {alertState{}, 0.5, true, true, burning, false},
		"reached too early to know":         {alertState{}, 0.5, false, true, unsure, false},
		"the next is reached as well":       {alertState{firing: true}, 0.8, true, true, over, true},
		"between, on the way back":          {alertState{held: true}, 0.6, true, true, quiet, true},
		"between the marks while it fires":  {alertState{firing: true}, 0.48, true, true, unsure, false},
		"below the clear mark":              {alertState{firing: true}, 0.47, true, true, quiet, false},
		"below the clear mark and blind":    {alertState{firing: true}, 0.47, true, false, unsure, false},
		"below again: the way up counts":    {alertState{held: true}, 0.3, true, true, quiet, false},
		"a new period, of which little was": {alertState{firing: true}, 0, false, true, quiet, false},
		"a figure that is not there":        {alertState{}, math.Inf(-1), true, true, quiet, false},
	} {
		a := c.state
		if got := v.reached(&a, c.figure, c.knows, c.sees); got != c.want || a.held != c.held {
			t.Errorf("%s: %d, held %t; want %d, %t", name, got, a.held, c.want, c.held)
		}
	}
}

// Order and repetition in the spec do not matter.
func TestBudgetRules(t *testing.T) {
	o := shareObjective(func(o *Objective) {
		o.Alerting.BudgetSpent = []float64{0.9, 0.5, 0.9}
		o.Alerting.GoneWithin = []time.Duration{testDay, 6 * time.Hour}
	})
	var got []string
	for _, r := range budgetRules(o) {
		got = append(got, fmt.Sprintf("%s %s=%s next %v", r.name, r.label, r.value, r.next))
	}
	want := []string{
		"BudgetSpent budget_spent=50% next 0.9", "BudgetSpent budget_spent=90% next +Inf",
		"BudgetGoneSoon gone_within=6h next +Inf", "BudgetGoneSoon gone_within=1d next -2.16e+07",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
