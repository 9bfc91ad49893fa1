package report

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"maps"
	"math"
	"os"
	"path/filepath"
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

func (l ledger) Tally(_ context.Context, id string, from, to time.Time) (t rules.Tally, err error) {
	if err := l.broken[id]; err != nil {
		return t, err
	}
	var budget, earlier float64
	for _, s := range l.statuses {
		if s.Objective.ID == id {
			budget = s.Objective.ErrorBudget()
		}
	}
	for at, c := range l.hours[id] {
		if at.Before(from) || !at.Before(to) {
			continue
		}
		t.RawGood, t.RawTotal = t.RawGood+c.total-c.bad, t.RawTotal+c.total
		if c.out {
			t.Corrected += time.Hour
			continue
		}
		t.Good, t.Total = t.Good+c.total-c.bad, t.Total+c.total
		if at.Before(l.before[id].until) {
			earlier += c.total
		}
	}
	t.Allowed = budget*(t.Total-earlier) + l.before[id].budget*earlier
	t.Unseen = l.blind[id]
	return t, nil
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
		State:     rules.StateHealthy, BudgetRemaining: 0.71, Good: 999, Total: 1000,
		UpdatedAt: time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC),
	}
}

func week47(t *testing.T, zone string) (from, to time.Time) {
	t.Helper()
	from, to, err := Week("2026-W47", time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC), mustZone(t, zone))
	if err != nil {
		t.Fatalf("Week: %v", err)
	}
	return from, to
}

// aWeek is a week of everything a report can say.
func aWeek(t *testing.T) (src Source, from, to time.Time) {
	t.Helper()
	from, to = week47(t, "Europe/Berlin")
	share, feed, upload, avatar := objective("share", "requests", "Sharing a post works", "growth"), objective("feed", "latency", "The feed opens within half a second", "growth"),
		objective("media", "upload", "Uploads finish", "media"), objective("media", "avatars", "Avatars are shown", "media")
	share.State, share.BudgetRemaining = rules.StateExhausted, -0.12
	share.Objective.Meaning, share.Consequence = "Creators lose their audience.", "Features wait until the budget is positive again."
	upload.State, upload.Forecast.Text, upload.Consequence = rules.StateAtRisk, "on Thursday 14:00–17:00 CET", "A quarter of the team works on reliability."
	feed.Objective.Target, feed.Objective.SLI.ErrorQuery = 0.99, "x_bucket"
	avatar.State, avatar.Total, avatar.NoData = rules.StateUnknown, 0, true
	status := objective("edge", "up", "The edge answers", "")
	status.Objective.SLI.ErrorRatioQuery, status.BudgetRemaining = "1 - avg(up)", 0.998
	lost := objective("auth", "login", "People can log in", "growth")
	l := ledger{
		statuses: []rules.Status{avatar, feed, lost, share, status, upload},
		hours: map[string]map[time.Time]counts{
			"share-requests": steady(from, to, counts{bad: 4, total: 19000}),
			"feed-latency":   steady(from, to, counts{bad: 21, total: 19000}),
			"media-upload":   steady(from, from.Add(100*time.Hour), counts{bad: 0, total: 12}),
			"edge-up":        steady(from, to, counts{bad: 0, total: 3600}),
		},
		broken: map[string]error{"auth-login": errors.New("open ledger: disk is on fire")},
	}
	maps.Copy(l.hours["share-requests"], steady(monday(from, -1), from, counts{bad: 4, total: 19000}))
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
	r, err := Build(t.Context(), src, from, to)
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

func TestGolden(t *testing.T) {
	src, from, to := aWeek(t)
	r := build(t, src, from, to)
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
		from, to, err := Week(spec, now, mustZone(t, "Europe/Berlin"))
		if err != nil {
			t.Fatalf("Week: %v", err)
		}
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
	s.BudgetRemaining, s.Total = math.NaN(), 0
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
			if n := strings.Count(line, "|") - strings.Count(line, `\|`); n != 9 {
				t.Errorf("a row has %d cells, want 8: %s", n-1, line)
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
	if got := r.Plain(); !strings.Contains(got, "each time is judged by the target it had") {
		t.Errorf("Plain:\n%s", got)
	}
}

func TestCalendarPeriodInWords(t *testing.T) {
	from, to := week47(t, "UTC")
	s := objective("a", "x", "A works", "")
	s.Objective.Calendar = &rules.Calendar{Unit: rules.Month, Count: 1, Start: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)}
	r := build(t, ledger{statuses: []rules.Status{s}}, from, to)
	row := r.Teams[0].Rows[0]
	if row.BudgetWords() != "71% of the month" || row.Period != "month" || !strings.Contains(r.Plain(), "71% of the budget of the month is left") {
		t.Errorf("%q, %q\n%s", row.BudgetWords(), row.Period, r.Plain())
	}
}

func TestCanceled(t *testing.T) {
	from, to := week47(t, "UTC")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	for _, l := range []ledger{{}, {statuses: []rules.Status{objective("a", "x", "A works", "")}}} {
		if _, err := Build(ctx, l, from, to); !errors.Is(err, context.Canceled) {
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
		if _, err := Build(b.Context(), l, from, from.Add(7*day)); err != nil {
			b.Fatal(err)
		}
	}
}
