package report

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// weekOfIncidents is a week with an incident of each kind.
func weekOfIncidents(t *testing.T) Report {
	t.Helper()
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	p, err := Parse("2026-W47", time.Date(2026, 11, 30, 0, 0, 0, 0, zone))
	if err != nil {
		t.Fatal(err)
	}
	at := func(day, hour, minute int) time.Time { return time.Date(2026, 11, day, hour, minute, 0, 0, zone) }
	r := Report{Kind: Weekly, Name: p.Name(), Week: "2026-W47", From: p.From, To: p.To, Zone: zone.String()}
	r.Tell(Circumstances{Incidents: []Incident{
		{Number: 5, Title: "The feed | loads", Severity: "ticket", OpenedAt: at(22, 23, 59)},
		{Number: 4, Title: "Sharing a post works", Team: "social", Owner: "Alex Kim", Pages: true, OpenedAt: at(19, 3, 12), AcknowledgedAt: at(19, 3, 15), ResolvedAt: at(19, 3, 40)},
		{Number: 3, Title: "Sharing a post works", Team: "social", Owner: "Sam", Pages: true, OpenedAt: at(17, 14, 0), AcknowledgedAt: at(17, 14, 5), ResolvedAt: at(17, 16, 0)},
		{Number: 2, Title: "Before the week", OpenedAt: at(9, 1, 0), ResolvedAt: at(16, 1, 0), Pages: true},
		{Number: 1, Title: "Long over", OpenedAt: at(2, 0, 0), ResolvedAt: at(3, 0, 0)},
		{Number: 6, Title: "Not yet", OpenedAt: at(23, 0, 0)},
	}})
	return r
}

func TestIncidentsOfTheWeek(t *testing.T) {
	r := weekOfIncidents(t)
	want := Answers{Incidents: 3, Before: 1, Earlier: 1, Pages: 2, Night: 1, Acknowledged: 2, Resolved: 2, MTTA: new(240.0), MTTR: new(4440.0)}
	if diff := cmp.Diff(&want, r.Answers, cmpopts.IgnoreUnexported(Answers{})); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	const words = "3 incidents began (1 the week before), 2 of them called somebody, 1 at night. 2 were acknowledged, after 4 minutes on average. 2 are over, after 1 hour on average. 1 went on from the week before."
	if got := r.Answers.Words(); got != words {
		t.Errorf("in words: %s", got)
	}
	md := r.Markdown()
	for _, line := range []string{
		"## Incidents", words,
		"| #2 Before the week | – | Mon 9 Nov 01:00 | nobody did | 7 days | – |",
		"| #3 Sharing a post works | social | Tue 17 Nov 14:00 | 5 minutes | 2 hours | Sam |",
		"| #4 Sharing a post works | social | Thu 19 Nov 03:12 | 3 minutes | 28 minutes | Alex Kim |",
		`| #5 The feed \| loads | – | Sun 22 Nov 23:59 | nobody did | still open | – |`,
	} {
		if !strings.Contains(md, line+"\n") {
			t.Errorf("there is no line %s in\n%s", line, md)
		}
	}
	if strings.Contains(md, "Long over") || strings.Contains(md, "Not yet") {
		t.Errorf("incidents of other weeks are in\n%s", md)
	}
	if plain := r.Plain(); !strings.Contains(plain, "  - Thu 19 Nov 03:12: Sharing a post works. It lasted 28 minutes; somebody had it after 3 minutes.\n") {
		t.Errorf("plainly:\n%s", plain)
	}
	if lines := r.Digest().Lines; len(lines) != 2 || lines[0] != words {
		t.Errorf("digest %q", lines)
	}
}

func TestAnswersInWords(t *testing.T) {
	for want, a := range map[string]Answers{
		"There was no incident.": {},
		"1 incident began, none called anybody. Nobody acknowledged any.":                         {Incidents: 1},
		"1 incident began, and called somebody at night. Nobody acknowledged any.":                {Incidents: 1, Pages: 1, Night: 1},
		"2 incidents began, all of them called somebody, 1 at night. Nobody acknowledged any.":    {Incidents: 2, Pages: 2, Night: 1},
		"1 incident began, and called somebody. 1 was acknowledged, after 40 seconds on average.": {Incidents: 1, Pages: 1, Acknowledged: 1, MTTA: new(40.0)},
		"No incident began. 2 went on from the week before.":                                      {Earlier: 2},
	} {
		if got := a.Words(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	for seconds, want := range map[float64]string{0: "0 seconds", 1: "1 second", 59: "59 seconds", 60: "1 minute", 110: "2 minutes", 3599: "60 minutes", 3600: "1 hour", 7200: "2 hours", 86400: "1 day"} {
		if got := lasted(seconds); got != want {
			t.Errorf("%v s: %q, want %q", seconds, got, want)
		}
	}
}

// TestReportWithoutIncidentsSaysNothingOfThem is of a report that was told of none, and of
// a calm week.
func TestReportWithoutIncidentsSaysNothingOfThem(t *testing.T) {
	r := weekOfIncidents(t)
	r.Incidents, r.Answers, r.Quality = nil, nil, nil
	if strings.Contains(r.Markdown(), "Incidents") {
		t.Error("it speaks of incidents of which it knows nothing")
	}
	r.Tell(Circumstances{})
	if !strings.Contains(r.Markdown(), "## Incidents\n\nThere was no incident.\n") {
		t.Errorf("a calm week:\n%s", r.Markdown())
	}
}

func TestOfOneTeam(t *testing.T) {
	r := weekOfIncidents(t)
	row := func(id, team string, outcome Outcome) Row {
		return Row{ID: id, Team: team, Promise: "=cmd, \"quoted\"", Outcome: outcome, Target: 0.999, unit: unit{events, "requests"}}
	}
	r.Teams = []Team{{"media", []Row{row("m", "media", Kept)}}, {"social", []Row{row("s", "social", Missed), row("u", "social", NoData)}}}
	r.Kept, r.Missed, r.NoData = 1, 1, 1
	part, ok := r.Of("social")
	if !ok || part.Kept != 0 || part.Missed != 1 || part.NoData != 1 || len(part.Incidents) != 2 || part.Answers.Incidents != 2 {
		t.Errorf("the team's part: %+v", part)
	}
	if _, ok := r.Of("nobody"); ok {
		t.Error("there is a team nobody")
	}
	if len(r.Teams) != 2 || r.Answers.Incidents != 3 {
		t.Errorf("the whole has changed: %+v", r)
	}
	lines := strings.Split(strings.TrimSpace(r.CSV()), "\n")
	if len(lines) != 4 || lines[1] != `2026-W47,media,m,,"'=cmd, ""quoted""",kept,0.999,,,0,0,0,0,,,,,,,,0` {
		t.Errorf("CSV:\n%s", strings.Join(lines, "\n"))
	}
}
