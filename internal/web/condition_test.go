package web

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// A budget's ticket is no sign that a promise leaks now, and ceased traffic is told
// in the alert's own words.
func TestConditionOfFurtherAlerts(t *testing.T) {
	alert := func(kind rules.AlertKind, severity rules.Severity) func(*rules.Status) {
		return func(s *rules.Status) {
			s.Alerts = append(s.Alerts, rules.AlertStatus{
				Name: "X", Kind: kind, Severity: severity, State: rules.AlertFiring, Summary: "“The feed loads”: no requests have reached feed for 12m",
			})
		}
	}
	for _, c := range []struct {
		kind     rules.AlertKind
		severity rules.Severity
		state    rules.State
		want     condition
	}{
		{rules.AlertBudgetSpent, rules.Ticket, rules.StateHealthy, watch},
		{rules.AlertBudgetSpent, rules.Ticket, rules.StateAtRisk, risk},
		{rules.AlertBudgetGoneSoon, rules.Ticket, rules.StateAtRisk, risk},
		{rules.AlertBudgetSpent, rules.Ticket, rules.StateExhausted, spent},
		{rules.AlertBurn, rules.Ticket, rules.StateHealthy, leaking},
		{rules.AlertNoTraffic, rules.Page, rules.StateHealthy, broken},
		{rules.AlertTelemetryLost, rules.Page, rules.StateHealthy, unknown},
	} {
		s := promise("feed", "requests", "The feed loads", alert(c.kind, c.severity))
		s.State = c.state
		if got := conditionOf(s); got != c.want {
			t.Errorf("%s %s while %s: %s, want %s", c.kind, c.severity, c.state, got, c.want)
		}
	}
	s := promise("feed", "requests", "The feed loads", alert(rules.AlertNoTraffic, rules.Page))
	s.NoData = true
	if got := situation(s); got != "No requests have reached feed for 12m." {
		t.Errorf("the situation is %q", got)
	}
}

func TestForecastIsShown(t *testing.T) {
	early := noon().Add(3 * time.Hour)
	st := promise("feed", "requests", "The feed loads", func(s *rules.Status) {
		s.State, s.Burn, s.ErrorRatio, s.BudgetRemaining, s.ExhaustedIn = rules.StateAtRisk, 2.2, 0.0022, 0.18, 3*time.Hour
		s.Forecast = rules.Forecast{Earliest: early, Text: "today 15:00 UTC at the earliest"}
		s.Objective.Meaning = "nobody sees posts"
		s.Alerts = []rules.AlertStatus{{
			Name: "BudgetSpent", Kind: rules.AlertBudgetSpent, Limit: "75%", Severity: rules.Ticket, State: rules.AlertFiring, Since: noon(), Summary: "82% is spent",
		}}
	})
	h := newSite(t, func(o *Options) { o.Engine = fakeEngine{statuses: []rules.Status{st}} })
	page := get(t, h, "/objectives/feed-requests").Body.String()
	for _, want := range []string{"18% of the budget is left; at this rate it is gone today 15:00 UTC at the earliest.", "BudgetSpent 75%", "82% is spent", "When it breaks: Nobody sees posts."} {
		if !strings.Contains(page, want) {
			t.Errorf("the page lacks %q", want)
		}
	}
	var one Objective
	if err := json.Unmarshal(get(t, h, api+"objectives/feed-requests").Body.Bytes(), &one); err != nil {
		t.Fatal(err)
	}
	if one.Forecast == nil || !one.Forecast.Earliest.Equal(early) || one.Forecast.Latest != nil || one.Forecast.Text == "" ||
		one.Alerts[0].Kind != "budget_spent" || one.Alerts[0].Limit != "75%" || one.Alerts[0].Summary != "82% is spent" {
		t.Errorf("the forecast is %+v, the alerts %+v", one.Forecast, one.Alerts)
	}
}

// TestConditionWord has the words that tables on the command line show.
func TestConditionWord(t *testing.T) {
	for _, c := range []condition{broken, unknown, spent, leaking, risk, watch, fine} {
		if got := (Objective{Condition: string(c), State: "raw"}).ConditionWord(); got != c.Word() || got == "raw" {
			t.Errorf("%s is written %q on pages and %q in tables", c, c.Word(), got)
		}
	}
	if got := (Objective{Condition: "novel", State: "at_risk"}).ConditionWord(); got != "at_risk" {
		t.Errorf("a condition of another version is written %q", got)
	}
}
