package web

import (
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
)

// someHistory is two open incidents and many past ones: 1 to n of "share" and "feed" in turn.
func someHistory(n int) History {
	return History{
		List: func() []Logged {
			all := []Logged{{
				Number: int64(n + 2), Title: "Sharing a post works", Service: "share", Team: "growth", Severity: "page", State: postmortem.Acknowledged, Owner: "Sam", Playbook: "api-error-rate",
				OpenedAt: noon().Add(-4 * time.Minute), AcknowledgedAt: noon().Add(-2 * time.Minute),
			}, {
				Number: int64(n + 1), Title: "A peer's disk is full", Service: "db", Severity: "page", State: postmortem.Triggered, OpenedAt: noon().Add(-time.Hour),
			}}
			for i := n; i > 0; i-- {
				opened := noon().Add(-time.Duration(n-i+1) * 26 * time.Hour)
				l := Logged{
					Number: int64(i), Title: fmt.Sprintf("The feed opens within half a second (%d)", i), Service: "feed", Team: "growth", Severity: "ticket",
					State: postmortem.Resolved, OpenedAt: opened, ResolvedAt: opened.Add(47 * time.Minute),
				}
				if i%2 == 0 {
					l.Title, l.Service, l.Severity, l.Owner, l.AcknowledgedAt = fmt.Sprintf("Sharing a post works (%d)", i), "share", "page", "Kim Park", opened.Add(140*time.Second)
					l.Playbook = "api-error-rate"
				}
				all = append(all, l)
			}
			return all
		},
		Times: func() []ServiceTimes {
			return []ServiceTimes{
				{Service: "feed", Incidents: 3, Resolved: 3, MeanTimeToResolve: 47 * time.Minute},
				{Service: "share", Incidents: 4, Acknowledged: 4, Resolved: 3, MeanTimeToAcknowledge: 140 * time.Second, MeanTimeToResolve: 52 * time.Minute},
			}
		},
		Tell: func(_ context.Context, id string) (postmortem.Incident, bool) {
			switch id {
			case strconv.Itoa(n + 2), "id-of-it":
				in := aStory()
				in.Number = int64(n + 2)
				return in, true
			case strconv.Itoa(n + 1):
				return postmortem.Incident{Number: int64(n + 1), Title: "A peer's disk is full", Service: "db", Severity: "page", State: postmortem.Triggered, OpenedAt: noon().Add(-time.Hour), Firing: 1, Alerts: 1}, true
			}
			return postmortem.Incident{}, false
		},
		Burn: func(_ context.Context, id string) (charts.Incident, bool) {
			if id != strconv.Itoa(n+2) {
				return charts.Incident{}, false
			}
			c := charts.Incident{Name: "Sharing a post works", Began: noon().Add(-47 * time.Minute), Budget: 0.001, Alerts: []charts.Threshold{{Name: "page", Value: 14.4}}}
			for i := range 240 {
				at := noon().Add(time.Duration(i-240) * 20 * time.Second)
				burn := 0.3 + 0.2*math.Sin(float64(i)/7)
				if at.After(c.Began) {
					burn = 32 * (1 - math.Exp(-at.Sub(c.Began).Minutes()/10))
				}
				c.Burn = append(c.Burn, charts.Point{At: at, Value: burn})
				c.Errors = append(c.Errors, charts.Point{At: at, Value: burn * 0.001})
			}
			return c, true
		},
	}
}

// aStory is an incident that began the evening before, with one of everything.
func aStory() postmortem.Incident {
	began := time.Date(2026, 11, 18, 23, 57, 0, 0, time.UTC)
	at := func(d time.Duration, k postmortem.Kind, by, text string, data ...string) postmortem.Event {
		e := postmortem.Event{At: began.Add(d), Kind: k, By: by, Text: text, Data: map[string]string{}}
		for i := 0; i+1 < len(data); i += 2 {
			e.Data[data[i]] = data[i+1]
		}
		return e
	}
	spent, left := 0.1234, 0.41
	return postmortem.Incident{
		Title: "Sharing a post works: 3.2% of requests fail", Service: "share", Team: "growth", Severity: "page", State: postmortem.Acknowledged, Owner: "Sam",
		Roles: []postmortem.Role{{Name: "commander", Who: "Kim Park"}}, OpenedAt: began, AcknowledgedAt: began.Add(2 * time.Minute), Firing: 1, Alerts: 2,
		Impacts: []postmortem.Impact{
			{Objective: "share-requests", Promise: "Sharing a post works", Bad: 4231, Total: 132_400, Words: "about 4,200 of about 130,000 requests failed", Spent: &spent, Left: &left, Period: "28d"},
			{Objective: "gone", Problem: "there is no such objective any more"},
		},
		Playbook: &postmortem.Playbook{ID: "api-error-rate", Title: "An API answers with errors", Steps: []postmortem.Step{
			{ID: "s1", Section: "Check", Text: "**See which calls fail**, in errors a second.\n```promql\ntopk(5, x)\n```"},
			{ID: "s2", Section: "Check", Text: "**Ask what changed** in the last hour, with `kubectl rollout history`."},
			{ID: "s3", Section: "Mitigate", Text: "**Roll back the last change.** A flag first."},
		}},
		Where: []string{"93% of the failed requests come from release 2.4.1, which gets 50% of the traffic."},
		Events: []postmortem.Event{
			at(-12*time.Minute, postmortem.Deployed, "ci", "share 2.4.1", "link", "https://ci.example.org/7"),
			at(0, postmortem.Fired, "", "ShareErrorBudgetBurn"),
			at(2*time.Second, postmortem.Notified, "", "Slack, #oncall"),
			at(3*time.Second, postmortem.NotNotified, "", "pagerduty: 502 Bad Gateway", "receiver", "pagerduty"),
			at(2*time.Minute, postmortem.Acknowledge, "Sam", ""),
			at(4*time.Minute, postmortem.StepDone, "Sam", "Ask what changed", "step", "s2"),
			at(5*time.Minute, postmortem.Noted, "Sam", "Errors began with 2.4.1, not with the traffic."),
			at(6*time.Minute, postmortem.Noted, "Kim Park", "todo: alert on the canary"),
			at(8*time.Minute, postmortem.Silenced, "Sam", "canary is noisy", "silence", "5d2c", "until", began.Add(time.Hour).Format(time.RFC3339)),
		},
	}
}

func someOnCall() []OnCall {
	zone := time.FixedZone("CET", 3600)
	day := func(n int) time.Time { return time.Date(2026, 11, 16+n, 9, 0, 0, 0, zone) }
	return []OnCall{
		{
			Team: "growth", Channel: "#growth", Zone: zone,
			Now: Shift{"Alex Kim", "layer weeks", day(0), day(7)}, Next: Shift{"Sam Lee", "layer weeks", day(7), day(14)},
			Coming: []Shift{
				{"Alex Kim", "layer weeks", day(3).Add(6*time.Hour + 3*time.Minute), day(7)},
				{"Sam Lee", "layer weeks", day(7), day(12)},
				{"", "", day(12), day(14)},
				{"Alex Kim", "override: Sam is away", day(14), day(21)},
				{"Sam Lee", "layer weeks", day(21), day(28)},
			},
			Overrides: []Override{{"Alex Kim", "Sam is away", "Kim Park", day(14), day(21)}},
			Warnings:  []string{"The calendar holidays was never read: what it says is missing."},
		},
		{Team: "media", Now: Shift{From: day(2), To: day(4)}, Next: Shift{User: "Kim Park", From: day(4), To: day(5)}, Coming: []Shift{{"", "", day(3), day(4)}, {"Kim Park", "layer base", day(4), day(31)}}},
		{Team: "platform", Now: Shift{User: "Alex Kim", Why: "layer base"}, Coming: []Shift{{"Alex Kim", "layer base", day(3), day(31)}}},
	}
}

// keeping is a site with a history and people on call.
func keeping(past int) func(*Options) {
	return func(o *Options) {
		o.History, o.OnCall = someHistory(past), someOnCall
		o.Incidents = func() []Incident {
			all := someIncidents()
			all[1].Number = int64(past + 2)
			return all
		}
	}
}
