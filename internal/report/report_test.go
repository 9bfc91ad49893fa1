package report

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

const day = 24 * time.Hour

// ledger is a Source in memory: for each objective what was counted in each hour.
type ledger struct {
	statuses []rules.Status
	hours    map[string]map[time.Time]counts
	broken   map[string]error
	blind    map[string]time.Duration
	// before is the error budget that held until some time.
	before      map[string]oldBudget
	corrections map[string][]rules.Correction
	removed     []rules.Removed
}

type oldBudget struct {
	until  time.Time
	budget float64
}

// counts are what was counted in an hour; out tells that a correction takes it out.
type counts struct {
	bad, total float64
	out        bool
}

func (l ledger) Statuses() []rules.Status { return l.statuses }

func (l ledger) Removed(since time.Time) []rules.Removed {
	return slices.DeleteFunc(slices.Clone(l.removed), func(r rules.Removed) bool { return !r.At.After(since) })
}

func (l ledger) TargetAt(id string, at time.Time) float64 {
	for _, s := range l.statuses {
		if old := l.before[id]; s.Objective.ID == id && at.Before(old.until) {
			return 1 - old.budget
		}
	}
	return 0
}

func (l ledger) budget(id string) float64 {
	for _, s := range l.statuses {
		if s.Objective.ID == id {
			return s.Objective.ErrorBudget()
		}
	}
	return 0.001
}

func (l ledger) Tallies(_ context.Context, id string, edges ...time.Time) ([]rules.Tally, error) {
	if err := l.broken[id]; err != nil {
		return nil, err
	}
	all := make([]rules.Tally, len(edges)-1)
	for at, c := range l.hours[id] {
		i, found := slices.BinarySearchFunc(edges, at, time.Time.Compare)
		if !found {
			i--
		}
		if i < 0 || i >= len(all) {
			continue
		}
		t := &all[i]
		t.RawGood, t.RawTotal = t.RawGood+c.total-c.bad, t.RawTotal+c.total
		if c.out {
			t.Corrected += time.Hour
			continue
		}
		t.Good, t.Total, t.Seen = t.Good+c.total-c.bad, t.Total+c.total, t.Seen+time.Hour
		budget := l.budget(id)
		if at.Before(l.before[id].until) {
			budget = l.before[id].budget
		}
		t.Allowed += budget * c.total
	}
	last, blind := edges[len(edges)-1], l.blind[id]
	for i := range all { // The telemetry was missing at the end.
		if from := last.Add(-blind); edges[i+1].After(from) {
			all[i].Unseen = edges[i+1].Sub(maxTime(edges[i], from))
		}
	}
	return all, nil
}

func (l ledger) Corrections(id string) []rules.Correction { return l.corrections[id] }

// steady fills a week with the same counts every hour.
func steady(from, to time.Time, each counts) map[time.Time]counts {
	hours := map[time.Time]counts{}
	for at := from; at.Before(to); at = at.Add(time.Hour) {
		hours[at] = each
	}
	return hours
}

func objective(service, slo, promise, team string) rules.Status {
	return rules.Status{
		Objective: rules.Objective{ID: service + "-" + slo, Service: service, SLO: slo, Promise: promise, Team: team, Target: 0.999, Period: 28 * day},
		UpdatedAt: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
	}
}

func week47(t *testing.T, zone string) (from, to time.Time) {
	t.Helper()
	p, err := Parse("2026-W47", time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC).In(mustZone(t, zone)))
	if err != nil {
		t.Fatalf("Parse: %v", err)
	}
	return p.From, p.To
}

// aWeek is a week of everything a report can say.
func aWeek(t *testing.T) (src Source, from, to time.Time) {
	t.Helper()
	from, to = week47(t, "Europe/Berlin")
	share, feed, upload, avatar := objective("share", "requests", "Sharing a post works", "growth"), objective("feed", "latency", "The feed opens within half a second", "growth"),
		objective("media", "upload", "Uploads finish", "media"), objective("media", "avatars", "Avatars are shown", "media")
	share.Objective.Meaning, share.Objective.Events = "Creators lose their audience.", "shares"
	share.Objective.Policy = rules.Policy{rules.StateExhausted: "Features wait until the budget is positive again"}
	feed.Objective.Target, feed.Objective.SLI.ErrorQuery = 0.99, "x_bucket"
	status := objective("edge", "up", "The edge answers", "")
	status.Objective.SLI.ErrorRatioQuery = "1 - avg(up)"
	lost := objective("auth", "login", "People can log in", "growth")
	l := ledger{
		statuses: []rules.Status{avatar, feed, lost, share, status, upload},
		hours: map[string]map[time.Time]counts{
			"share-requests": steady(from, to, counts{bad: 4, total: 19000}),
			"feed-latency":   steady(from.AddDate(0, 0, -12*7), to, counts{bad: 6, total: 19000}),
			"media-upload":   steady(from, from.Add(100*time.Hour), counts{bad: 0, total: 12}),
			"edge-up":        steady(from, to, counts{bad: 0, total: 3600}),
		},
		broken: map[string]error{"auth-login": errors.New("open ledger: disk is on fire")},
	}
	maps.Copy(l.hours["share-requests"], steady(from.AddDate(0, 0, -7), from, counts{bad: 4, total: 19000}))
	maps.Copy(l.hours["media-upload"], steady(from.AddDate(0, 0, -14), from.AddDate(0, 0, -14).Add(100*time.Hour), counts{bad: 0.03, total: 12}))
	l.hours["share-requests"][from.Add(86*time.Hour)] = counts{bad: 40600, total: 52000}
	l.hours["share-requests"][from.Add(20*time.Hour)] = counts{bad: 1, total: 1} // The highest ratio, but one request.
	l.blind = map[string]time.Duration{"share-requests": 42 * time.Minute}
	return l, from, to
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); run with -update if that is right:\n%s", name, diff)
	}
}

func build(t *testing.T, src Source, from, to time.Time) Report {
	t.Helper()
	r, err := Build(t.Context(), src, Period{Weekly, from, to})
	if err != nil {
		t.Fatalf("Build: %v", err)
	}
	return r
}

func asJSON(t *testing.T, r Report) string {
	t.Helper()
	b, err := json.MarshalIndent(r, "", "  ")
	if err != nil {
		t.Fatalf("encode: %v", err)
	}
	return string(b) + "\n"
}

// around is what happened in that week.
func around(from, to time.Time) Circumstances {
	at := func(day, hour, minute int) time.Time {
		return time.Date(2026, 11, day, hour, minute, 0, 0, from.Location())
	}
	return Circumstances{
		Incidents: []Incident{
			{
				Number: 12, Group: "share", Title: "Sharing a post works is broken", Team: "growth", Severity: "page", Owner: "Alex Kim", Pages: true, ActedOn: true, Called: []string{"Sam Roe"},
				Objectives: []string{"share-requests"}, OpenedAt: at(19, 14, 2), AcknowledgedAt: at(19, 14, 5), ResolvedAt: at(19, 14, 58),
			},
			{Number: 13, Group: "share", Title: "Sharing a post works is broken", Team: "growth", Severity: "page", Pages: true, Objectives: []string{"share-requests"}, OpenedAt: at(19, 15, 10), ResolvedAt: at(19, 15, 13)},
			{Number: 14, Group: "disk", Title: "A disk fills up", Team: "media", Severity: "page", Pages: true, OpenedAt: at(20, 3, 0), AcknowledgedAt: at(20, 3, 9), ResolvedAt: at(20, 4, 0)},
			{Number: 15, Group: "disk", Title: "A disk fills up", Team: "media", Severity: "page", Pages: true, Silenced: true, OpenedAt: at(21, 3, 0), ResolvedAt: at(21, 6, 0)},
			{Number: 11, Group: "feed", Title: "The feed loads slowly", Team: "growth", Severity: "ticket", OpenedAt: at(10, 9, 0), ResolvedAt: at(11, 9, 0)},
		},
		Shifts: []Shift{
			{"growth", "Alex Kim", at(12, 9, 0), at(19, 9, 0)},
			{"growth", "Sam Roe", at(19, 9, 0), at(26, 9, 0)},
			{"media", "Alex Kim", from, at(21, 0, 0)},
			{"media", "", at(21, 0, 0), to},
		},
		Zones:     map[string]string{"growth": "Europe/Berlin", "media": "America/New_York"},
		Why:       map[string]string{"share-requests": "instance b had 94% of the failures, and 10% of the requests"},
		FollowUps: []FollowUp{{Title: "Let the canary take less traffic", Of: "Incident #12", URL: "https://issues.example.org/7", Team: "growth"}},
	}
}

func TestGolden(t *testing.T) {
	src, from, to := aWeek(t)
	r := build(t, src, from, to)
	r.Tell(around(from, to))
	golden(t, "week.golden.md", r.Markdown())
	golden(t, "week.golden.txt", r.Plain())
	golden(t, "week.golden.json", asJSON(t, r))
}

func TestHeadline(t *testing.T) {
	from, to := week47(t, "UTC")
	good, bad := steady(from, to, counts{bad: 0, total: 100}), steady(from, to, counts{bad: 1, total: 100})
	a, b, c := objective("a", "x", "A works", ""), objective("b", "x", "B works", ""), objective("c", "x", "C works", "")
	for _, test := range []struct {
		name     string
		statuses []rules.Status
		hours    map[string]map[time.Time]counts
		want     string
	}{
		{"no objectives", nil, nil, "There are no objectives yet, so there is nothing to report. Write one into a file that rules.objectives names."},
		{"no data", []rules.Status{a, b}, nil, "Nothing was counted for any objective, so nobody can say whether the promises were kept."},
		{"the only one", []rules.Status{a}, map[string]map[time.Time]counts{"a-x": good}, "The one promise was kept."},
		{"all", []rules.Status{a, b}, map[string]map[time.Time]counts{"a-x": good, "b-x": good}, "All 2 promises were kept."},
		{"some", []rules.Status{a, b, c}, map[string]map[time.Time]counts{"a-x": good}, "1 of 3 promises was kept; for the other 2 there is no data."},
		{"one not", []rules.Status{a, b}, map[string]map[time.Time]counts{"a-x": good}, "1 of 2 promises was kept; for the other one there is no data."},
		{"broken", []rules.Status{a, b, c}, map[string]map[time.Time]counts{"a-x": good, "b-x": bad}, "1 of 3 promises was broken. B works: 168 of about 17,000 requests failed. For 1 there is no data."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := build(t, ledger{statuses: test.statuses, hours: test.hours}, from, to).Headline; got != test.want {
				t.Errorf("got  %q\nwant %q", got, test.want)
			}
		})
	}
}

func TestNoObjectivesIsWordedEverywhere(t *testing.T) {
	from, to := week47(t, "UTC")
	r := build(t, ledger{}, from, to)
	want := "# Weekly report: 16 to 22 November 2026 (2026-W47)\n\n**There are no objectives yet, so there is nothing to report. Write one into a file that rules.objectives names.**\n"
	if got := r.Markdown(); got != want {
		t.Errorf("Markdown = %q, want %q", got, want)
	}
	if got := asJSON(t, r); !strings.Contains(got, `"teams": []`) {
		t.Errorf("JSON has no empty list of teams:\n%s", got)
	}
	if got := r.Plain(); !strings.HasSuffix(got, "names.\n") {
		t.Errorf("Plain = %q", got)
	}
}

func TestRunningWeekCountsOnlyWhatIsOver(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "A works", "")
	s.UpdatedAt = from.Add(30 * time.Hour)
	r := build(t, ledger{statuses: []rules.Status{s}, hours: map[string]map[time.Time]counts{"a-x": steady(from, s.UpdatedAt, counts{bad: 0, total: 10})}}, from, to)
	if !r.Unfinished || !strings.Contains(r.Headline, "so far") {
		t.Errorf("the week passes for a full one: %q", r.Headline)
	}
	if row := r.Teams[0].Rows[0]; row.Hours != 30 || row.QuietHours != 0 {
		t.Errorf("%d hours, %d of them quiet; want 30 and none", row.Hours, row.QuietHours)
	}
}

func TestDaylightSaving(t *testing.T) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	for spec, want := range map[string]int{"2026-W13": 167, "2026-W43": 169} {
		p, err := Parse(spec, now.In(mustZone(t, "Europe/Berlin")))
		if err != nil {
			t.Fatalf("Parse: %v", err)
		}
		from, to := p.From, p.To
		l := ledger{statuses: []rules.Status{objective("a", "x", "A works", "")}, hours: map[string]map[time.Time]counts{"a-x": steady(from, to, counts{bad: 1, total: 10})}}
		row := build(t, l, from, to).Teams[0].Rows[0]
		if row.Hours != want || row.Total != 10*float64(want) || row.Bad != float64(want) {
			t.Errorf("%s: %d hours with %v of %v failed, want %d hours", spec, row.Hours, row.Bad, row.Total, want)
		}
	}
}

func TestWorstHourWhenClocksChange(t *testing.T) {
	at := time.Date(2026, 10, 25, 0, 0, 0, 0, time.UTC).In(mustZone(t, "Europe/Berlin"))
	if got, want := (Hour{From: at, To: at.Add(time.Hour)}).When(), "Sunday 25 October, 02:00 CEST to 02:00 CET"; got != want {
		t.Errorf("When = %q, want %q", got, want)
	}
}

// The target is met by exactly its share, and the worst hour is where most failed, the first of equals.
func TestEdges(t *testing.T) {
	from, to := week47(t, "UTC")
	hours := steady(from, to, counts{bad: 1, total: 1000})
	r := build(t, ledger{statuses: []rules.Status{objective("a", "x", "A works", "")}, hours: map[string]map[time.Time]counts{"a-x": hours}}, from, to)
	row := r.Teams[0].Rows[0]
	if row.Outcome != Kept || *row.Achieved != 0.999 {
		t.Errorf("outcome %s with %v, want kept with 0.999", row.Outcome, *row.Achieved)
	}
	if row.Worst == nil || !row.Worst.From.Equal(from) {
		t.Errorf("worst hour %+v, want the first", row.Worst)
	}
}

func TestUnknownFiguresAreNull(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "", "")
	got := asJSON(t, build(t, ledger{statuses: []rules.Status{s}}, from, to))
	for _, want := range []string{`"achieved": null`, `"burn": null`, `"budget_left": null`, `"worst_hour": null`, `"unknown_minutes": null`, `"promise": "a x"`} {
		if !strings.Contains(got, want) {
			t.Errorf("JSON does not say %s:\n%s", want, got)
		}
	}
}

func TestHostileNamesStayInTheirCell(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "", "te|am\n## x")
	s.Objective.ID = "a`|x"
	s.Objective.Promise = "<script>alert(1)</script> | [click](http://evil) *now*\n# Title"
	md := build(t, ledger{statuses: []rules.Status{s}}, from, to).Markdown()
	for _, bad := range []string{"<script", "\n# Title", "[click](", " *now*", "\n## x"} {
		if strings.Contains(md, bad) {
			t.Errorf("Markdown contains %q:\n%s", bad, md)
		}
	}
	for line := range strings.SplitSeq(md, "\n") {
		if strings.HasPrefix(line, "|") {
			if n := strings.Count(line, "|") - strings.Count(line, `\|`); n != 11 {
				t.Errorf("a row has %d cells, want 10: %s", n-1, line)
			}
		}
	}
}

// A load test is taken out of the week: the promise is kept without it, and the report says so.
func TestCorrections(t *testing.T) {
	from, to := week47(t, "Europe/Berlin")
	hours := steady(from, to, counts{0, 1000, false})
	at := from.Add(62 * time.Hour)
	hours[at], hours[at.Add(time.Hour)] = counts{900, 1000, true}, counts{900, 1000, true}
	revoked := rules.Correction{From: at, To: at.Add(time.Hour), Author: "eve", Reason: "mistake", RevokedAt: to, RevokedBy: "ana"}
	l := ledger{
		statuses: []rules.Status{objective("a", "x", "A works", "")}, hours: map[string]map[time.Time]counts{"a-x": hours},
		corrections: map[string][]rules.Correction{"a-x": {
			{From: at, To: at.Add(2 * time.Hour), Author: "ana", Reason: "load *test*."},
			revoked,
			{From: to, To: to.Add(time.Hour), Author: "ana", Reason: "next week's"},
		}},
	}
	r := build(t, l, from, to)
	row := r.Teams[0].Rows[0]
	if row.Outcome != Kept || row.Total != 166000 || row.Uncorrected.Total != 168000 || row.QuietHours != 0 || len(row.Corrections) != 1 {
		t.Errorf("row %+v", row)
	}
	const words = "120 minutes were taken out: Wed 18 Nov 14:00 to 16:00, load *test* (ana). With that time 98.9% worked"
	if got := r.Plain(); !strings.Contains(got, words) {
		t.Errorf("Plain does not say %q:\n%s", words, got)
	}
	if got := r.Markdown(); !strings.Contains(got, `load \*test\* (ana)`) || !strings.Contains(got, "| ✅ kept | 100% |") {
		t.Errorf("Markdown:\n%s", got)
	}
	for _, want := range []string{`"corrected_minutes": 120`, `"author": "ana"`, `"reason": "load *test*."`} {
		if got := asJSON(t, r); !strings.Contains(got, want) {
			t.Errorf("JSON does not say %s:\n%s", want, got)
		}
	}
}

func TestPlannedCorrectionIsNoneYet(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "A works", "")
	s.UpdatedAt = from.Add(50 * time.Hour)
	hours := steady(from, s.UpdatedAt, counts{0, 1000, false})
	hours[from] = counts{900, 1000, true}
	l := ledger{statuses: []rules.Status{s}, hours: map[string]map[time.Time]counts{"a-x": hours}, corrections: map[string][]rules.Correction{"a-x": {
		{From: from, To: from.Add(time.Hour), Author: "ana", Reason: "load test"},
		{From: from.Add(100 * time.Hour), To: from.Add(101 * time.Hour), Author: "ana", Reason: "database upgrade"},
	}}}
	if row := build(t, l, from, to).Teams[0].Rows[0]; len(row.Corrections) != 1 || row.Corrections[0].Reason != "load test" {
		t.Errorf("corrections %+v", row.Corrections)
	}
}

// Half a week under 99%, half under 99.9%: each half is judged by its own target.
func TestTargetChangedInTheWeek(t *testing.T) {
	from, to := week47(t, "UTC")
	hours := steady(from, from.Add(84*time.Hour), counts{5, 1000, false})
	maps.Copy(hours, steady(from.Add(84*time.Hour), to, counts{0, 1000, false}))
	l := ledger{
		statuses: []rules.Status{objective("a", "x", "A works", "")}, hours: map[string]map[time.Time]counts{"a-x": hours},
		before: map[string]oldBudget{"a-x": {from.Add(84 * time.Hour), 0.01}},
	}
	r := build(t, l, from, to)
	if row := r.Teams[0].Rows[0]; row.Outcome != Kept || !strings.Contains(row.Worst.Sentence, "50% of what the target allows") {
		t.Errorf("row %+v, worst hour %+v", row, row.Worst)
	}
	if got := r.Plain(); !strings.Contains(got, "each part is judged by the target it had") {
		t.Errorf("Plain:\n%s", got)
	}
}

func TestCalendarPeriodInWords(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "A works", "")
	s.Objective.Calendar = &rules.Calendar{Unit: rules.Month, Count: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	// 22 of 30 days are over, 16 days were not seen; 3 of 1,000 an hour failed where 1 may.
	r := build(t, ledger{statuses: []rules.Status{s}, hours: map[string]map[time.Time]counts{"a-x": steady(from, to, counts{bad: 3, total: 1000})}}, from, to)
	row := r.Teams[0].Rows[0]
	if row.BudgetWords() != "30% of the month" || row.Period != "month" || !strings.Contains(r.Plain(), "30% of the budget of the month is left") {
		t.Errorf("%q, %q\n%s", row.BudgetWords(), row.Period, r.Plain())
	}
}

func TestCanceled(t *testing.T) {
	from, to := week47(t, "UTC")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, l := range []ledger{{}, {statuses: []rules.Status{objective("a", "x", "A works", "")}}} {
		if _, err := Build(ctx, l, Period{Weekly, from, to}); !errors.Is(err, context.Canceled) {
			t.Errorf("Build = %v, want that it was canceled", err)
		}
	}
}

// A target as it comes out of floating point is still the one that was written.
func TestOutcomeForgivesRounding(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "A works", "")
	s.Objective.Target = 99.9 / 100
	l := ledger{statuses: []rules.Status{s}, hours: map[string]map[time.Time]counts{"a-x": {from: {bad: 3, total: 3000}}}}
	if row := build(t, l, from, to).Teams[0].Rows[0]; row.Outcome != Kept {
		t.Errorf("outcome %s, achieved %.20f of %.20f", row.Outcome, *row.Achieved, s.Objective.Target)
	}
}

func BenchmarkBuild(b *testing.B) {
	from := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	l := ledger{}
	for range 500 {
		l.statuses = append(l.statuses, objective("a", "x", "A works", ""))
	}
	for b.Loop() {
		if _, err := Build(b.Context(), l, Period{Weekly, from, from.Add(7 * day)}); err != nil {
			b.Fatal(err)
		}
	}
}
