package postmortem

import (
	"flag"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite the golden files")

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

// late is when the incident of the tests begins: a few minutes before midnight in UTC.
func late() time.Time { return time.Date(2026, 11, 19, 23, 49, 5, 0, time.UTC) }

// outage is an incident with one of everything.
func outage() Incident {
	at := func(d time.Duration, k Kind, by, text string, data ...string) Event {
		e := Event{At: late().Add(d), Kind: k, By: by, Text: text, Data: map[string]string{}}
		for i := 0; i+1 < len(data); i += 2 {
			e.Data[data[i]] = data[i+1]
		}
		return e
	}
	return Incident{
		Number: 42, Title: "Sharing a post works: 3.2% of requests fail", Service: "share", Team: "social", Severity: "page",
		State: Resolved, Owner: "Kim Park", Roles: []Role{{"commander", "Kim Park"}, {"communications", "Alex Kim"}},
		OpenedAt: late(), AcknowledgedAt: late().Add(7*time.Minute + 20*time.Second), ResolvedAt: late().Add(47 * time.Minute), Alerts: 2,
		Impacts: []Impact{
			{Objective: "share-latency", Promise: "Sharing a post is quick", Bad: 1204, Total: 132_400, Words: "about 1,200 of about 130,000 requests were too slow", Spent: new(0.004), Left: new(0.81), Period: "28d"},
			{Objective: "share-requests", Promise: "Sharing a post works", Bad: 4231, Total: 132_400, Words: "about 4,200 of about 130,000 requests failed", Spent: new(0.1234), Left: new(-0.02), Period: "28d"},
			{Objective: "share-old", Promise: "Old links work", Problem: "there is no such objective any more"},
		},
		Playbook: &Playbook{ID: "api-error-rate", Title: "Requests to the API fail", URL: "https://watchtower.example.org/playbooks/api-error-rate", Steps: []Step{
			{"s1", "Check", "**See which calls fail**, in errors a second.\n```promql\ntopk(5, x)\n```"},
			{"s2", "Check", "**Ask what changed** in the last hour, with `kubectl rollout history`."},
			{"s3", "Mitigate", "**Roll back the last change.** A flag first."},
		}},
		Where: []string{"93% of the failed requests come from release 2.4.1, which gets 50% of the traffic."},
		Events: []Event{
			at(-12*time.Minute, Deployed, "ci", "share 2.4.1"),
			at(0, Fired, "", "ShareErrorBudgetBurn: 3.2% of requests fail", "alertname", "ShareErrorBudgetBurn"),
			at(2*time.Second, Notified, "", "Slack, #oncall", "receiver", "slack"),
			at(3*time.Second, NotNotified, "", "502 Bad Gateway", "receiver", "pagerduty"),
			at(time.Minute, Fired, "", "", "alertname", "ShareLatency"),
			at(5*time.Minute, PolicyChecked, "", "Step 2 is for nights alone."),
			at(6*time.Minute, Escalated, "", "Level 2: Kim Park"),
			at(7*time.Minute+20*time.Second, Acknowledge, "Sam Lee", ""),
			at(9*time.Minute, StepDone, "Sam Lee", "Ask what changed in the last hour", "step", "s2"),
			at(10*time.Minute, StepDone, "Sam Lee", "See which calls fail", "step", "s1"),
			at(11*time.Minute, StepUndone, "Sam Lee", "See which calls fail", "step", "s1"),
			at(12*time.Minute, Noted, "Sam Lee", "Errors began with 2.4.1, not with the traffic."),
			at(14*time.Minute, TakenOver, "Kim Park", ""),
			at(15*time.Minute, RoleTaken, "Kim Park", "commander", "role", "commander"),
			at(16*time.Minute, Communicated, "Alex Kim", "Sharing is slow for about 1 in 20 people; the team is rolling back."),
			at(20*time.Minute, StepDone, "Kim Park", "Roll back the last change.", "step", "s3"),
			at(21*time.Minute, StepDone, "Kim Park", "Restart the cache", "step", "gone"),
			at(22*time.Minute, Silenced, "Kim Park", "canary is noisy", "silence", "abc", "until", late().Add(82*time.Minute).Format(time.RFC3339)),
			at(30*time.Minute, AckTimedOut, "", ""),
			at(41*time.Minute, Noted, "Kim Park", "todo: alert on the canary before the rollout"),
			at(42*time.Minute, Noted, "Kim Park", "Follow-up: the dashboard hid the canary."),
			at(45*time.Minute, AlertEnded, "", "ShareErrorBudgetBurn"),
			at(47*time.Minute, End, "", ""),
		},
		URL: "https://watchtower.example.org/incidents/42",
	}
}

func TestGolden(t *testing.T) {
	berlin, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		t.Fatal(err)
	}
	in := outage()
	golden(t, "outage.golden.md", in.Markdown(Layout{Zone: berlin, Now: late().Add(24 * time.Hour), Picture: "incident-42-burn.png", Alt: "Burn rate: 32× at worst"}))

	open := Incident{Number: 7, Title: "The disk of db-2 is nearly full", Severity: "page", State: Triggered, OpenedAt: late(), Firing: 1, Alerts: 1}
	golden(t, "open.golden.md", open.Markdown(Layout{Now: late().Add(3 * time.Hour), Picture: "https://watchtower.example.org/burn(1).svg"}))
}

// Whatever people and alerts say, the document keeps its form and calls nobody.
func TestHostileTexts(t *testing.T) {
	for _, evil := range []string{
		"@here", "cc @sam, @org/team", "<!channel>", "#12", "a | b", "x\n# Heading\n\n- [ ] item", "[click](http://evil.example)", "![x](http://evil.example/x.png)",
		"<img src=x onerror=alert(1)>", "</details>", "**bold** _it_ ~~gone~~", "`code` | `", "```\nfence", "1. one", "2) two", "- dash", "+ plus", "=====", "$a^2$ and $b$", "\u202eevil", "a\x00b", "\xff\xfe", `back\slash`,
	} {
		in := outage()
		in.Title, in.Service, in.Team, in.Severity, in.Owner = evil, evil, evil, evil, evil
		in.Roles = []Role{{evil, evil}}
		in.URL, in.Playbook.URL, in.Playbook.Title = "javascript:alert(1)", "https://x.example/) "+evil, evil
		in.Where = []string{evil}
		for i := range in.Impacts {
			in.Impacts[i].Promise, in.Impacts[i].Words, in.Impacts[i].Problem = evil, evil, evil
		}
		for i := range in.Playbook.Steps {
			in.Playbook.Steps[i].Text = evil
		}
		for i := range in.Events {
			in.Events[i].By, in.Events[i].Text = evil, evil
		}
		md := in.Markdown(Layout{Now: late().Add(time.Hour), Picture: "b.png", Alt: evil})
		plain := outage().Markdown(Layout{Now: late().Add(time.Hour), Picture: "b.png"})
		if got, want := headings(md), headings(plain); got != want {
			t.Errorf("%q: headings\n%s\nwant\n%s", evil, got, want)
		}
		for _, bad := range []string{"javascript:", "<img", "<!", "</", "\u202e", "\x00"} {
			if strings.Contains(md, bad) {
				t.Errorf("%q: the document contains %q:\n%s", evil, bad, md)
			}
		}
		if link := regexp.MustCompile(`[^\\]\]\(http://evil`).FindString(md); link != "" {
			t.Errorf("%q: the document links %q", evil, link)
		}
		// As GitHub finds mentions and issues: a sign that no word character precedes.
		if m := regexp.MustCompile(`(^|[^\w])(@\w|#\d)`).FindString(strings.ReplaceAll(md, `\`, "")); m != "" {
			t.Errorf("%q: the document mentions %q", evil, m)
		}
		for line := range strings.Lines(md) {
			cells := strings.Count(strings.ReplaceAll(strings.ReplaceAll(line, `\\`, ""), `\|`, ""), "|")
			if strings.HasPrefix(line, "|") && cells != 5 && cells != 7 {
				t.Errorf("%q: a row has %d bars: %s", evil, cells, line)
			}
		}
	}
}

// headings are the document's, without the title's words.
func headings(md string) string {
	var out []string
	for line := range strings.Lines(md) {
		if strings.HasPrefix(line, "# ") {
			line = "#\n"
		}
		if strings.HasPrefix(line, "#") || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "===") {
			out = append(out, line)
		}
	}
	return strings.Join(out, "")
}

func TestProgress(t *testing.T) {
	in := outage()
	got := map[string]string{}
	for _, p := range in.Progress() {
		if !p.Done.IsZero() {
			got[p.ID] = p.By
		}
	}
	if diff := cmp.Diff(map[string]string{"s2": "Sam Lee", "s3": "Kim Park", "gone": "Kim Park"}, got); diff != "" {
		t.Errorf("steps done (-want +got):\n%s", diff)
	}
	in.Events = append(in.Events, Event{Kind: StepUndone, Data: map[string]string{"step": "gone"}})
	if n := len(in.Progress()); n != 3 {
		t.Errorf("%d steps, want the playbook's 3: what is gone and was taken back is of no interest", n)
	}
}

func TestFollowUps(t *testing.T) {
	quick := Incident{
		OpenedAt: late(), AcknowledgedAt: late().Add(5 * time.Minute), ResolvedAt: late().Add(time.Hour), State: Resolved,
		Playbook: &Playbook{ID: "p", Steps: []Step{{ID: "a"}}}, Events: []Event{{At: late(), Kind: StepDone, Data: map[string]string{"step": "a"}}},
	}
	with := func(change func(*Incident)) Incident {
		in := quick
		change(&in)
		return in
	}
	note := func(text string) Incident {
		return with(func(in *Incident) { in.Events = append(in.Events, Event{Kind: Noted, By: "Sam", Text: text}) })
	}
	for _, test := range []struct {
		name string
		in   Incident
		want string
	}{
		{"nothing", quick, ""},
		{"a note", note("we should todo: this"), ""},
		{"a todo", note("TODO: write a test."), "Write a test, says Sam."},
		{"an empty todo", note("todo:  "), ""},
		{"a follow-up", note("follow-up: élan"), "Élan, says Sam."},
		{"late", with(func(in *Incident) { in.AcknowledgedAt = late().Add(5*time.Minute + time.Second) }), "The page was acknowledged after 5 min 1 s: find out what kept it from being seen."},
		{"never", with(func(in *Incident) { in.AcknowledgedAt = time.Time{} }), "Nobody acknowledged it in 1 h: find out whether the page reached anybody."},
		{"never, but short", with(func(in *Incident) {
			in.AcknowledgedAt, in.ResolvedAt = time.Time{}, late().Add(4*time.Minute)
		}), ""},
		{"no playbook", with(func(in *Incident) { in.Playbook, in.Events = nil, nil }), "No playbook matched: write one for this kind of failure."},
		{"unused playbook", with(func(in *Incident) { in.Events = nil }), "No step of the playbook was marked as done: find out whether it helped, and correct it if not."},
		{"budget", with(func(in *Incident) { in.Impacts = []Impact{{Objective: "x", Left: new(0.0)}} }), "The error budget of “x” is spent: agree on what comes before new features."},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := strings.Join(test.in.FollowUps(late().Add(2*time.Hour)), "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestFindings(t *testing.T) {
	deploy := func(d time.Duration) Event { return Event{At: late().Add(d), Kind: Deployed, By: "ci", Text: "2.4.1"} }
	in := Incident{OpenedAt: late(), Events: []Event{deploy(-61 * time.Minute), deploy(-time.Hour), deploy(time.Minute)}}
	want := []string{"Deploy 1 h before the start: 2.4.1 by ci.", "Deploy 1 min after the start: 2.4.1 by ci."}
	if diff := cmp.Diff(want, in.Findings()); diff != "" {
		t.Errorf("findings (-want +got):\n%s", diff)
	}
}

func TestWorst(t *testing.T) {
	pick := func(want string, impacts ...Impact) {
		t.Helper()
		got, _ := Incident{Impacts: impacts}.Worst()
		if got.Objective != want {
			t.Errorf("worst is %q, want %q", got.Objective, want)
		}
	}
	pick("")
	pick("", Impact{Objective: "a", Problem: "gone"})
	pick("b", Impact{Objective: "a", Bad: 9, Spent: new(0.1)}, Impact{Objective: "b", Bad: 1, Spent: new(0.2)})
	pick("a", Impact{Objective: "a", Bad: 9}, Impact{Objective: "b", Bad: 1, Spent: new(0.2)})
}

func TestLasting(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0 s", 400 * time.Millisecond: "0 s", 59 * time.Second: "59 s", 59*time.Second + 600*time.Millisecond: "1 min", 140 * time.Second: "2 min 20 s",
		time.Hour - time.Second: "59 min 59 s", time.Hour: "1 h", 3*time.Hour + 5*time.Minute + 20*time.Second: "3 h 5 min", 24*time.Hour - time.Minute: "23 h 59 min",
		24 * time.Hour: "1 day", 28 * time.Hour: "1 day 4 h", 52 * time.Hour: "2 days 4 h",
	} {
		if got := Lasting(d); got != want {
			t.Errorf("Lasting(%s) = %q, want %q", d, got, want)
		}
	}
}

func TestFigures(t *testing.T) {
	for n, want := range map[int64]string{0: "0", 999: "999", 1000: "1,000", 132400: "132,400", -1234567: "-1,234,567"} {
		if got := Count(n); got != want {
			t.Errorf("Count(%d) = %q, want %q", n, got, want)
		}
	}
	for spent, want := range map[float64]string{0: "none", -1: "none", 1e-9: "under 0.0001% of 28d", 0.00041: "0.041% of 28d", 0.034: "3.4% of 28d", 0.1234: "12% of 28d", 1.5: "150% of 28d"} {
		if got := (Impact{Spent: &spent, Period: "28d"}).SpentWords(); got != want {
			t.Errorf("%g spent is %q, want %q", spent, got, want)
		}
	}
	if got := (Impact{}).SpentWords(); got != "unknown" {
		t.Errorf("nothing known of the budget is %q", got)
	}
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"**Roll back** the [last](x.md) change.\n```sh\nkubectl undo\n```": "Roll back the last change.",
		"\n\nOne\ntwo\n\nthree":      "One two",
		"Set `a ** b ** c` to __1__": "Set `a ** b ** c` to 1",
		"":                           "",
	} {
		if got := Prose(in); got != want {
			t.Errorf("Prose(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestKindsHaveWords(t *testing.T) {
	for k, want := range map[Kind]string{AckTimedOut: "Acknowledgement timed out", "heartbeat_lost": "Heartbeat lost", "": ""} {
		if got := k.Words(); got != want {
			t.Errorf("%q is %q, want %q", k, got, want)
		}
	}
}

func FuzzMarkdown(f *testing.F) {
	f.Add("todo: @here | <b>", "share", int64(5))
	f.Add("`", "\xff", int64(-1e15))
	f.Fuzz(func(t *testing.T, text, name string, after int64) {
		in := outage()
		in.Title, in.Owner = text, name
		for i := range in.Events {
			in.Events[i].Text, in.Events[i].By = text, name
		}
		in.AcknowledgedAt = late().Add(time.Duration(after))
		md := in.Markdown(Layout{Now: late().Add(time.Hour)})
		if got, want := headings(md), headings(outage().Markdown(Layout{Now: late()})); got != want {
			t.Errorf("headings of %q:\n%s\nwant\n%s", text, got, want)
		}
		if strings.ContainsAny(strings.ReplaceAll(md, "<br>", ""), "<>") {
			t.Errorf("HTML in %q", md)
		}
	})
}
