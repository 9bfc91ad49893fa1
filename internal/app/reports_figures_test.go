package app

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// lateConfig takes samples that are hours old.
const lateConfig = baseConfig + "store: {out_of_order_window: 4h}\n"

// hoursOfTraffic sends the last three hours and a half, a sample every ten seconds: mostly good requests, and twenty
// minutes in which a tenth fails. It returns when the first was sent.
func (w *world) hoursOfTraffic(now time.Time) (first time.Time) {
	w.t.Helper()
	first = now.Add(-210 * time.Minute).Truncate(10 * time.Second)
	w.began = first
	batch := func(from, to time.Time, good, bad float64) {
		var times []time.Time
		for at := from; at.Before(to); at = at.Add(10 * time.Second) {
			times = append(times, at)
		}
		if len(times) > 0 {
			// A batch counts its first step as a second: the counters do, too.
			w.requests(times, good, bad)
		}
	}
	batch(first, first.Add(10*time.Second), 0, 0)
	batch(first.Add(10*time.Second), now.Add(-150*time.Minute), 30, 0.02)
	batch(now.Add(-150*time.Minute), now.Add(-130*time.Minute), 27, 3)
	batch(now.Add(-130*time.Minute), now, 41, 0.01)
	return first
}

// rawSample is a sample as the store has it.
type rawSample struct {
	at    time.Time
	value float64
}

// raw asks the store for the samples of a counter.
func (w *world) raw(outcome string, now time.Time) []rawSample {
	w.t.Helper()
	query := url.Values{"query": {`requests_total{job="share",outcome="` + outcome + `"}[4h]`}, "time": {strconv.FormatInt(now.Unix(), 10)}}
	status, body := w.get("/api/v1/query?" + query.Encode())
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	if err := json.Unmarshal([]byte(body), &answer); status != http.StatusOK || err != nil || len(answer.Data.Result) != 1 {
		w.t.Fatalf("%d %v: %s", status, err, body)
	}
	var out []rawSample
	for _, v := range answer.Data.Result[0].Values {
		value, err := strconv.ParseFloat(fmt.Sprint(v[1]), 64)
		if err != nil {
			w.t.Fatal(err)
		}
		out = append(out, rawSample{time.UnixMilli(int64(math.Round(v[0].(float64) * 1000))), value})
	}
	return out
}

// increase adds up by how much a counter grew in (from, to], sample by sample.
func increase(samples []rawSample, from, to time.Time) (sum float64) {
	for i := 1; i < len(samples); i++ {
		if at := samples[i].at; at.After(from) && !at.After(to) {
			sum += samples[i].value - samples[i-1].value
		}
	}
	return sum
}

// TestReportEqualsRawSamples compares the figures of a report with sums over the raw samples, which know nothing of ledgers.
func TestReportEqualsRawSamples(t *testing.T) {
	w := newWorld(t, map[string]string{"watchtower.yaml": lateConfig, "slos/share.yaml": shareSpec})
	now := time.Now().Truncate(time.Second)
	first := w.hoursOfTraffic(now)
	w.judged(now)
	p := report.Monthly.Around(now.UTC())
	if p.From.After(first) {
		p = report.Period{Kind: report.Monthly, From: p.Step(-1).From, To: p.To} // the month has just begun
	}
	r, err := w.app.report(t.Context(), p)
	if err != nil || len(r.Rows()) != 1 {
		t.Fatalf("%+v, %v", r, err)
	}
	row := r.Rows()[0]
	ok, bad := w.raw("ok", now.Add(time.Second)), w.raw("bad", now.Add(time.Second))
	failed, all := increase(bad, p.From, now), increase(bad, p.From, now)+increase(ok, p.From, now)
	near := func(what string, got, want, within float64) {
		t.Helper()
		if math.Abs(got-want) > within*math.Abs(want)+1e-6 {
			t.Errorf("%s is %v in the report and %v in the raw samples", what, got, want)
		}
	}
	near("the number of requests", row.Total, all, 1e-6)
	near("the number that failed", row.Bad, failed, 1e-6)
	near("the number that did not", row.Good, all-failed, 1e-6)
	near("what the target allows", row.Allowed, 0.005*all, 1e-6)
	near("what was achieved", *row.Achieved, (all-failed)/all, 1e-9)
	near("the burn", *row.Burn, failed/(0.005*all), 1e-6)
	seen := now.Sub(first).Minutes()
	near("the error minutes", *row.ErrorMinutes, failed/all*seen, 0.01)
	// 12 hours at the same rate may have 0.5% bad ones.
	near("the budget left", *row.BudgetLeft, 1-failed/(0.005*all*720/seen), 0.02)

	var worst float64
	var worstFrom time.Time
	for from := p.From; from.Before(now); from = from.Add(time.Hour) {
		if b := increase(bad, from, from.Add(time.Hour)); b > worst+1e-6 {
			worst, worstFrom = b, from
		}
	}
	near("the worst hour's failures", row.Worst.Bad, worst, 1e-6)
	if !row.Worst.From.Equal(worstFrom) {
		t.Errorf("the worst hour is %s in the report, and begins at %s in the raw samples", row.Worst.When(), worstFrom)
	}
	if !strings.Contains(row.Worst.Sentence, report.Number(row.Worst.Bad)) || row.Outcome != report.Missed || row.UnknownMinutes == nil || *row.UnknownMinutes > 1 {
		t.Errorf("row %+v, worst hour %+v", row, row.Worst)
	}
}

// TestReportIsTheSameLater builds the report of a time that is over, lets the world go on, and builds it again: in a new process,
// with another roster, after the incident of that time was noted upon, and after promises were worded anew, added and taken back.
func TestReportIsTheSameLater(t *testing.T) {
	roster := `users: {ann: {name: Ann, slack: U0123ABC1}, bob: {name: Bob, slack: U0123ABC2}}
schedules: {s: {timezone: UTC, layers: [{name: l, users: [%s], rotate: weekly, handover: monday 09:00, from: 2026-01-05}]}}
teams: {social: {schedule: s}}
`
	w := newWorld(t, map[string]string{
		"watchtower.yaml": lateConfig + "notifiers: {oncall: oncall.yaml}\nreports: {postmortems: [postmortems/*.md]}\n",
		"slos/share.yaml": strings.Replace(shareSpec, "12h", "28d", 1), "oncall.yaml": fmt.Sprintf(roster, "ann"),
		"postmortems/1.md": "# Incident #1\n\n## Follow-ups\n\n- [x] done\n- [ ] Let the canary take less\n",
	})
	now := time.Now().Truncate(time.Second)
	w.hoursOfTraffic(now)
	w.judged(now)
	// The first process of this folder ran before all that.
	if _, err := w.app.state.ExecContext(t.Context(), `UPDATE report_since SET started_at = ?`, now.Add(-24*time.Hour).UnixMilli()); err != nil {
		t.Fatal(err)
	}
	w.stop()
	w.start()
	w.judged(now)
	p := report.Period{Kind: report.Weekly, From: now.Add(-200 * time.Minute).UTC(), To: now.Add(-90 * time.Minute).UTC()}
	opened := p.From.Add(55 * time.Minute)
	err := w.app.incidentLog.Observe(t.Context(), incidents.Group{Key: "g", Receiver: "slack", At: opened, Alerts: []incidents.Alert{{
		Fingerprint: "f", StartsAt: opened, Objective: objectiveID, Labels: map[string]string{"alertname": "A", "severity": "page", "team": "social"},
	}}})
	in, ok := w.app.incidentLog.OpenGroup("g")
	if err != nil || !ok {
		t.Fatalf("no incident: %v", err)
	}
	tell := func(id string, kind incidents.Kind, at time.Time) {
		t.Helper()
		if err := w.app.incidentLog.Add(t.Context(), incidents.Event{ID: id, Incident: in.ID, At: at, Kind: kind, By: "Ann", Text: "x"}); err != nil {
			t.Fatal(err)
		}
	}
	tell("a", incidents.Acknowledged, opened.Add(3*time.Minute))
	whole := func() string {
		t.Helper()
		r, err := w.app.report(t.Context(), p)
		if err != nil {
			t.Fatal(err)
		}
		text, err := json.MarshalIndent(r, "", " ")
		if err != nil {
			t.Fatal(err)
		}
		return string(text) + r.Markdown() + r.Plain() + r.CSV()
	}
	// Nobody reads the report before it is kept.
	if err := w.app.keepReport(t.Context(), p); err != nil {
		t.Fatal(err)
	}
	before := whole()
	for _, want := range []string{`"who": "Ann"`, "Let the canary take less", `"acknowledged": 1`, "still open"} {
		if !strings.Contains(before, want) {
			t.Errorf("it does not say %s:\n%s", want, before)
		}
	}
	tell("s", incidents.StepDone, time.Now())
	tell("r", incidents.Resolved, time.Now())
	w.stop()
	w.write("oncall.yaml", fmt.Sprintf(roster, "bob"))
	w.write("postmortems/1.md", "# Incident #1\n")
	spec := strings.Replace(shareSpec, "12h", "28d", 1)
	w.write("slos/share.yaml", strings.NewReplacer("Sharing a post works", "Posts are shared", "team: social", "team: growth").Replace(spec))
	w.write("slos/new.yaml", strings.Replace(spec, "service: share", "service: new", 1))
	w.start()
	w.judged(now)
	same := func(what string) {
		t.Helper()
		if diff := cmp.Diff(strings.Split(before, "\n"), strings.Split(whole(), "\n")); diff != "" {
			t.Errorf("%s: the report has changed (-before +later):\n%s", what, diff)
		}
	}
	same("worded anew")
	for _, file := range []string{"slos/share.yaml", "slos/new.yaml"} {
		if err := os.Remove(filepath.Join(w.dir, file)); err != nil {
			t.Fatal(err)
		}
		if err := w.app.Reload(); err != nil {
			t.Fatal(err)
		}
		same(file + " taken back")
	}
	// What is not over yet is not kept.
	p.To = time.Now().Add(time.Hour).UTC()
	if now := whole(); !strings.Contains(now, `"who": "Bob"`) || strings.Contains(now, "canary") {
		t.Errorf("of a time that is not over it says\n%s", now)
	}
	var kept int
	if err := w.app.state.QueryRowContext(t.Context(), `SELECT COUNT(*) FROM report_circumstances`).Scan(&kept); err != nil || kept != 1 {
		t.Errorf("%d periods are kept (%v), want 1", kept, err)
	}
}
