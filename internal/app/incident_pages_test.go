package app

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/internal/inbox"
	"github.com/watchtower-hub/watchtower/internal/oncall"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
	"github.com/watchtower-hub/watchtower/internal/web"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// socialOnCall has Sam on call for social until the day after tomorrow, then nobody for
// more than a week.
func socialOnCall(now time.Time) string {
	day := func(n int) string { return now.AddDate(0, 0, n).Format("2006-01-02 15:04") }
	return fmt.Sprintf(`users:
  alex: {name: Alex Kim}
  sam: {name: Sam Lee}
teams:
  social: {schedule: social, channel: "#social"}
schedules:
  social:
    timezone: Europe/Berlin
    layers:
      - {name: weeks, users: [alex, sam], rotate: weekly, handover: monday 09:00, from: %s}
    overrides:
      - {user: sam, from: %s, to: %s, reason: Alex is away}
`, now.AddDate(0, 0, 10).Format("2006-01-02"), day(-1), day(2))
}

// TestFromIncidentToPostmortem is a fault's whole way over the pages: it is open, it is
// told with cost, chart and timeline, it ends, and the document says the same.
func TestFromIncidentToPostmortem(t *testing.T) {
	w := newWorld(t, map[string]string{
		"watchtower.yaml": baseConfig + "notifiers: {oncall: oncall.yaml}\n",
		"oncall.yaml":     socialOnCall(time.Now()),
		"slos/share.yaml": shareSpec,
	})
	w.says("/incidents", "No open incidents.")
	w.crossThreshold()
	page := w.expect("a page", isPage)
	w.requests(seconds(time.Now().Add(-time.Second), time.Now()), 10, 10)
	w.says("/incidents", `<a href="/incidents/1">`, "Open incidents")
	w.says("/incidents/1", "<strong>Triggered.</strong>", "Sharing a post works", "Alert fires", "Notified", "burning", `href="/objectives/`+objectiveID+`"`,
		"Roll back", "steps done", "ShareErrorBudgetBurn", "of 12h", "requests failed")
	w.says("/oncall", "on call for every team", "there are gaps for social", "#social", "Europe/Berlin", "Sam Lee", "Alex is away", "layer weeks")
	w.says("/search?q=sharing", `href="/objectives/`+objectiveID+`"`, `href="/incidents/1"`)
	w.says("/api/watchtower/v1/search?q=sam", `"path":"/oncall#team-0"`)
	w.says("/api/watchtower/v1/search?q=roll+back", `"path":"/playbooks/`, `"excerpt":"`)
	w.says("/api/watchtower/v1/search?q=requests&kind=metrics", `"name":"requests`, `"path":"/graph?g0.expr=`)
	w.says("/api/watchtower/v1/search?q=promises&kind=dashboards", `"path":"/dashboards/wt-overview"`)

	stop := w.keep(20, 0)
	defer stop()
	w.expect("the page marked resolved", func(m inbox.Message) bool { return m.TS == page.TS && strings.HasPrefix(m.Text, "✅") })
	w.says("/incidents", "No open incidents.", "1 past incident", "How fast they were answered")
	w.says("/incidents?state=resolved&service=share", `<a href="/incidents/1">`)
	w.says("/incidents/1", "<strong>Resolved.</strong>", "never")
	md := w.says(incidentsPath+"/1/postmortem?format=md&picture=burn.png", "# Incident 1: ", "## Impact", "| Sharing a post works | ", "](burn.png)", "| Alert ends |", "**Acknowledged**: by nobody", "No step of the playbook was marked as done")
	in, ok := w.app.incidentLog.Get("1")
	if !ok || len(in.Impact) != 1 {
		t.Fatalf("the log has %+v", in)
	}
	if want := fmt.Sprintf("| Sharing a post works | %s | %s |", postmortem.Count(in.Impact[0].Bad), postmortem.Count(in.Impact[0].Total)); !strings.Contains(md, want) {
		t.Errorf("the document does not say %q:\n%s", want, md)
	}
	if in.Impact[0].Bad == 0 {
		t.Error("nothing failed")
	}
	w.says(incidentsPath+"/1", `"state":"resolved"`)
	if status, _ := w.get(incidentsPath + "/2/postmortem"); status != 404 {
		t.Errorf("the document of no incident: %d", status)
	}
}

// says waits until a page says all of these, and returns it.
func (w *world) says(path string, words ...string) string {
	w.t.Helper()
	var body, missing string
	ticker := time.NewTicker(100 * time.Millisecond)
	defer ticker.Stop()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); <-ticker.C {
		_, body = w.get(path)
		i := slices.IndexFunc(words, func(s string) bool {
			return !strings.Contains(body, s) && !strings.Contains(strings.ReplaceAll(body, `": "`, `":"`), s)
		})
		if i < 0 {
			return body
		}
		missing = words[i]
	}
	w.t.Errorf("%s does not say %q:\n%s", path, missing, regexp.MustCompile(`(?s)<svg.*?</svg>`).ReplaceAllString(body, ""))
	return body
}

// Every kind of event of the log has its own words on pages.
func TestKindsAreNamed(t *testing.T) {
	for _, k := range []incidents.Kind{
		incidents.Opened, incidents.Fired, incidents.Ended, incidents.Notified, incidents.NotNotified, incidents.Acknowledged, incidents.TakenOver, incidents.AckTimedOut, incidents.Escalated,
		incidents.Silenced, incidents.StepDone, incidents.StepUndone, incidents.Noted, incidents.Deployed, incidents.RoleTaken, incidents.Communicated, incidents.Resolved, incidents.PolicyChecked,
	} {
		known := []postmortem.Kind{
			postmortem.Opened, postmortem.Fired, postmortem.AlertEnded, postmortem.Notified, postmortem.NotNotified, postmortem.Acknowledge, postmortem.TakenOver, postmortem.AckTimedOut, postmortem.Escalated,
			postmortem.Silenced, postmortem.StepDone, postmortem.StepUndone, postmortem.Noted, postmortem.Deployed, postmortem.RoleTaken, postmortem.Communicated, postmortem.End, postmortem.PolicyChecked,
		}
		if !slices.Contains(known, postmortem.Kind(k)) {
			t.Errorf("the pages do not know the kind %q", k)
		}
	}
	for _, s := range []incidents.State{incidents.StateTriggered, incidents.StateAcknowledged, incidents.StateResolved} {
		if !slices.Contains([]postmortem.State{postmortem.Triggered, postmortem.Acknowledged, postmortem.Resolved}, postmortem.State(s)) {
			t.Errorf("the pages do not know the state %q", s)
		}
	}
}

// A search for what failures have in common is made once for all who look.
func TestFindingsAreRemembered(t *testing.T) {
	began := time.Date(2026, 11, 19, 14, 0, 0, 0, time.UTC)
	f := &findings{known: map[string]finding{}}
	var looked []time.Duration
	ask := func(id string, after, over time.Duration) {
		t.Helper()
		in := incidents.Incident{ID: id, OpenedAt: began}
		if over > 0 {
			in.ResolvedAt = began.Add(over)
		}
		got := f.of(in, began.Add(after), func(at time.Time) []string {
			looked = append(looked, at.Sub(began))
			return []string{id}
		})
		if diff := cmp.Diff([]string{id}, got); diff != "" {
			t.Errorf("found (-want +got):\n%s", diff)
		}
	}
	ask("a", time.Minute, 0)
	ask("a", time.Minute+30*time.Second, 0) // fresh enough
	ask("a", 2*time.Minute+time.Second, 0)  // not any more
	ask("a", 24*time.Minute, 5*time.Minute) // it is over
	ask("a", 24*time.Hour, 5*time.Minute)   // what was, was
	ask("b", 3*time.Hour, 0)                // the first hour says it
	ask("b", 4*time.Hour, 0)                // for ever
	want := []time.Duration{time.Minute, 2*time.Minute + time.Second, 5 * time.Minute, time.Hour}
	if diff := cmp.Diff(want, looked); diff != "" {
		t.Errorf("searches (-want +got):\n%s", diff)
	}
	for i := range 3 * whereKept {
		ask(fmt.Sprint(i), time.Minute, 0)
	}
	if len(f.known) > whereKept {
		t.Errorf("%d findings are kept, want %d at most", len(f.known), whereKept)
	}
}

func TestTimesByService(t *testing.T) {
	now := time.Date(2026, 11, 19, 14, 0, 0, 0, time.UTC)
	in := func(service string, daysAgo int, acknowledged, resolved time.Duration) incidents.Incident {
		out := incidents.Incident{Service: service, OpenedAt: now.AddDate(0, 0, -daysAgo)}
		if acknowledged > 0 {
			out.AcknowledgedAt = out.OpenedAt.Add(acknowledged)
		}
		if resolved > 0 {
			out.ResolvedAt = out.OpenedAt.Add(resolved)
		}
		return out
	}
	got := timesByService([]incidents.Incident{
		in("share", 1, time.Minute, time.Hour), in("share", 2, 3*time.Minute, 2*time.Hour), in("share", 3, 0, 0), in("share", 31, time.Hour, 9*time.Hour), in("", 1, 0, time.Minute), in("feed", 40, 0, 0),
	}, now.Add(-timesOver))
	want := []web.ServiceTimes{
		{Incidents: 1, Resolved: 1, MeanTimeToResolve: time.Minute},
		{Service: "share", Incidents: 3, Acknowledged: 2, Resolved: 2, MeanTimeToAcknowledge: 2 * time.Minute, MeanTimeToResolve: 90 * time.Minute},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("times (-want +got):\n%s", diff)
	}
}

func TestWorstOf(t *testing.T) {
	for want, in := range map[string]incidents.Incident{
		"":  {},
		"a": {Objectives: []string{"a", "b"}},
		"b": {Objectives: []string{"a", "b"}, Impact: []incidents.Impact{{Objective: "a", Spent: 0.1}, {Objective: "b", Spent: 0.2}}},
	} {
		if got := worstOf(in); got != want {
			t.Errorf("worst of %+v is %q, want %q", in, got, want)
		}
	}
}

// The shifts of the page follow each other without a hole, gaps and the end of
// daylight saving included.
func TestOnCallPage(t *testing.T) {
	w := t.TempDir()
	path := w + "/oncall.yaml"
	now := time.Date(2026, 10, 20, 12, 0, 0, 0, time.UTC)
	(&world{t: t, dir: w}).write("oncall.yaml", socialOnCall(now))
	roster, err := oncall.Load(path, "", now)
	if err != nil {
		t.Fatal(err)
	}
	overrides := []oncall.Override{
		{Schedule: "social", User: "sam", From: now, To: now.Add(time.Hour), Reason: "swap", Author: "Kim"},
		{Schedule: "social", User: "sam", From: now, To: now.Add(time.Hour), RemovedAt: now},
		{Schedule: "other", User: "sam", From: now, To: now.Add(time.Hour)},
		{Schedule: "social", User: "gone", From: now.Add(-2 * time.Hour), To: now.Add(-time.Hour)},
	}
	pages := onCallOf(roster, overrides, now)
	if len(pages) != 1 || len(pages[0].Overrides) != 1 || pages[0].Overrides[0].User != "Sam Lee" {
		t.Fatalf("%+v", pages)
	}
	at, gaps := now, 0
	for _, s := range pages[0].Coming {
		if !s.From.Equal(at) {
			t.Errorf("a shift begins at %s, want %s", s.From, at)
		}
		at = s.To
		if s.User == "" {
			gaps++
		}
	}
	berlin := roster.Zone("social")
	if want := now.In(berlin).AddDate(0, 0, 28); !at.Equal(want) || gaps != 1 {
		t.Errorf("the shifts end at %s with %d gaps, want %s and 1", at, gaps, want)
	}
	if pages[0].Now.User == "" || pages[0].Next.User == "" || pages[0].Channel != "#social" {
		t.Errorf("%+v", pages[0])
	}
}
