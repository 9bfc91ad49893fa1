package web

import (
	"context"
	"fmt"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
)

func TestHistoryPages(t *testing.T) {
	site := newSite(t, keeping(5))
	for _, test := range []struct {
		path string
		says []string
		not  []string
	}{
		{"/incidents", []string{
			"Open incidents", `<a href="/incidents/7">Sharing a post works</a>`, `href="/objectives/share-requests">Objective</a>`, "6 other incidents", `<a href="/incidents/6">A peer&#39;s disk is full</a>`, "Triggered", "not yet",
			`<a href="/incidents/4">Sharing a post works (4)</a>`, "Kim Park", "47 min", "2 min 20 s", "never",
			"Mean time to acknowledge", "52 min (of 3)", `href="/incidents?state=resolved"`, `href="/incidents?service=share"`, `aria-current="true">All</a>`,
		}, []string{"Older", `<a href="/incidents/7">Sharing a post works</a><small>`}},
		{"/incidents?service=share&state=resolved", []string{"2 past incidents", "Sharing a post works (2)", `href="/incidents?service=feed&amp;state=resolved"`, `href="/incidents?service=share"`, "<h1>Incidents</h1>"}, []string{"half a second", "disk", "Open incidents", "No open incident"}},
		{"/incidents?state=acknowledged", []string{"Open incidents", "Sam has it", "None is like that."}, []string{"nearly full", "resolved</span>"}},
		{"/incidents?state=triggered", []string{"A peer&#39;s disk is full", "nearly full", "1 other incident<"}, []string{"Sam has it"}},
		{"/incidents?service=nobody", []string{"No open incident is like that.", "None is like that."}, nil},
		{"/incidents?state=made-up&page=-3", []string{"6 other incidents"}, nil},
		{"/incidents/7", []string{
			"<h1>Sharing a post works: 3.2% of requests fail</h1>", "<strong>Acknowledged.</strong>", "about 4,200 of about 130,000 requests failed", "4,231", "132,400", "12% of 28d",
			"Kim Park", "Commander", "14 h 6 min so far", "Acknowledged after", "2 min", "2, 1 firing", `href="/objectives/share-requests"`, `href="/playbooks/api-error-rate"`,
			"Wednesday 18 November 2026", "Thursday 19 November 2026", "23:45:00", "00:02:00", "Deploy", `href="https://ci.example.org/7"`, `href="/api/v2/silence/5d2c"`, "canary is noisy (for 52 min)",
			"1 of 3 steps done", "<code>kubectl rollout history</code>", "See which calls fail, in errors a second.", "93% of the failed requests", "Alert on the canary, says Kim Park.",
			"service=share", "ShareBroken", `href="/api/watchtower/v1/incidents/7/postmortem?format=md" download="incident-7.md"`, "<svg", "there is no such objective any more",
		}, []string{"topk"}},
		{"/incidents/id-of-it", []string{"<h1>Sharing a post works"}, nil},
		{"/incidents/6", []string{"<strong>Triggered.</strong>", "nobody yet", "not yet", "about no objective", "No playbook matches these alerts.", "Nothing was written down."}, []string{"burning", "Commander"}},
		{"/incidents/99", []string{"There is no incident &#34;99&#34;."}, nil},
		{"/oncall", []string{
			"Nobody is on call for media.", "Alex Kim", "until Mon 23 Nov, 09:00 CET", "for 3 days 18 h", "Sam Lee from Mon 23 Nov, 09:00 CET", "4 shifts, 1 gap", "a gap", "override: Sam is away", "by Kim Park", "never read", "no end in sight", "nobody within a year",
			`href="/oncall" aria-current="page"`,
		}, nil},
	} {
		body := get(t, site, test.path).Body.String()
		for _, want := range test.says {
			if !strings.Contains(body, want) {
				t.Errorf("%s does not say %q:\n%s", test.path, want, body)
			}
		}
		for _, bad := range test.not {
			if strings.Contains(body, bad) {
				t.Errorf("%s says %q", test.path, bad)
			}
		}
	}
}

// Thousands of past incidents are shown a page at a time, each of them once.
func TestHistoryIsPaged(t *testing.T) {
	const past = 3210
	site := newSite(t, keeping(past))
	link := regexp.MustCompile(`<th role="rowheader" scope="row" class="wide"><a href="/incidents/(\d+)"`)
	older := regexp.MustCompile(`<a href="([^"]+)" rel="next"`)
	seen := map[string]bool{}
	pages := 0
	for path := "/incidents?state=resolved"; path != ""; {
		w := get(t, site, path)
		if w.Body.Len() > 150_000 {
			t.Fatalf("%s has %d bytes", path, w.Body.Len())
		}
		for _, m := range link.FindAllStringSubmatch(w.Body.String(), -1) {
			if seen[m[1]] {
				t.Fatalf("incident %s is shown twice", m[1])
			}
			seen[m[1]] = true
		}
		path = ""
		if m := older.FindStringSubmatch(w.Body.String()); m != nil {
			path = strings.ReplaceAll(m[1], "&amp;", "&")
		}
		if pages++; pages > 100 {
			t.Fatal("the pages do not end")
		}
	}
	if len(seen) != past || pages != 65 {
		t.Errorf("%d incidents on %d pages, want %d on 65", len(seen), pages, past)
	}
	for path, want := range map[string]string{
		"/incidents":                            "1 to 50 of 3,211",
		"/incidents?page=2":                     "51 to 100 of 3,211",
		"/incidents?page=65&service=share":      "1,601 to 1,605 of 1,605",
		"/incidents?page=999999":                "3,201 to 3,211 of 3,211",
		"/incidents?page=9&state=triggered":     "1 other incident<",
		"/incidents?page=2&state=resolved&x=%3": `href="/incidents?state=resolved" rel="prev"`,
	} {
		if body := get(t, site, path).Body.String(); !strings.Contains(body, want) {
			t.Errorf("%s does not say %q", path, want)
		}
	}
}

func TestPostmortemIsServed(t *testing.T) {
	site := newSite(t, keeping(5))
	ask := func(query string, status int, want ...string) *httptest.ResponseRecorder {
		t.Helper()
		w := get(t, site, api+"incidents/"+query)
		for _, s := range want {
			if !strings.Contains(w.Body.String(), s) {
				t.Errorf("%s does not say %q:\n%s", query, s, w.Body)
			}
		}
		if w.Code != status {
			t.Errorf("%s: status %d, want %d", query, w.Code, status)
		}
		return w
	}
	w := ask("7/postmortem?format=md", 200, "# Incident 7: Sharing a post works", "](http://localhost:9911/api/watchtower/v1/incidents/7/burn.svg)", "Alert on the canary")
	if got := w.Header().Get("Content-Type"); got != "text/markdown; charset=utf-8" {
		t.Errorf("the content type is %q", got)
	}
	ask("7/postmortem?picture=incident-7-burn.png", 200, "](incident-7-burn.png)")
	ask("6/postmortem?picture=x.png", 200, "# Incident 6")
	if w := ask("6/postmortem?picture=x.png", 200); strings.Contains(w.Body.String(), "x.png") {
		t.Error("a document shows a picture that there is not")
	}
	ask("7/postmortem?picture=../x.png", 400, "must be a file name")
	ask("7/postmortem?format=pdf", 400, `There is no format \"pdf\"; use md.`)
	ask("99/postmortem", 404, `There is no incident \"99\".`)
	ask("6/burn.png", 404, "Nothing is known")
	if w := ask("7/burn.png", 200); w.Header().Get("Content-Type") != "image/png" || !strings.HasPrefix(w.Body.String(), "\x89PNG") {
		t.Error("burn.png is no picture")
	}
	if w := ask("7/burn.svg", 200, "<svg"); w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Error("burn.svg is no picture")
	}
	bare := newSite(t, nil)
	if w := get(t, bare, api+"incidents/7/postmortem"); w.Code != 404 || !strings.Contains(w.Body.String(), "Nothing is kept of incidents here.") {
		t.Errorf("without a history: %d %s", w.Code, w.Body)
	}
	if w := get(t, bare, "/incidents/7"); w.Code != 404 {
		t.Errorf("without a history: %d", w.Code)
	}
}

// What programs and people wrote stays text, also in pictures and addresses.
func TestHostileHistory(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	site := newSite(t, func(o *Options) {
		o.OnCall = func() []OnCall {
			return []OnCall{{Team: evil, Channel: evil, Now: Shift{User: evil, Why: evil}, Next: Shift{User: evil}, Coming: []Shift{{User: evil, Why: evil}}, Overrides: []Override{{User: evil, Reason: evil, Author: evil}}, Warnings: []string{evil}}}
		}
		o.History = History{
			List: func() []Logged {
				return []Logged{{Number: 1, Title: evil, Service: evil, Team: evil, Severity: evil, Owner: evil, State: evil}}
			},
			Times: func() []ServiceTimes { return []ServiceTimes{{Service: evil}} },
			Tell: func(context.Context, string) (postmortem.Incident, bool) {
				in := aStory()
				in.Number, in.Title, in.Service, in.State, in.Owner, in.Roles = 1, evil, evil, evil, evil, []postmortem.Role{{Name: evil, Who: evil}}
				in.Where, in.Playbook.ID, in.Playbook.Title = []string{evil}, evil, evil
				for i := range in.Events {
					in.Events[i] = postmortem.Event{At: in.Events[i].At, Kind: evil, By: evil, Text: evil, Data: map[string]string{"silence": evil, "link": "javascript:alert(1)"}}
				}
				in.Events[0].Data = map[string]string{"link": "javascript:alert(1)"}
				in.Impacts[0].Promise, in.Impacts[0].Words, in.Impacts[0].Objective, in.Playbook.Steps[0].Text = evil, evil, evil, evil
				return in, true
			},
			Burn: func(context.Context, string) (charts.Incident, bool) {
				return charts.Incident{Name: evil, Burn: []charts.Point{{At: noon(), Value: 1}}, Alerts: []charts.Threshold{{Name: evil, Value: 2}}}, true
			},
		}
	})
	for _, path := range []string{"/incidents", "/incidents/1", "/oncall", "/incidents?service=" + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E", api + "incidents/1/burn.svg"} {
		w := get(t, site, path)
		if w.Code != 200 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
			if strings.Contains(w.Body.String(), bad) {
				t.Errorf("%s contains %s:\n%s", path, bad, w.Body)
			}
		}
	}
}

func TestNewPagesObeyTheirOwnPolicy(t *testing.T) {
	site := newSite(t, keeping(60))
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script>|javascript:`)
	for _, path := range []string{"/incidents", "/incidents?service=share", "/incidents/62", "/incidents/61", "/oncall"} {
		w := get(t, site, path)
		body := w.Body.String()
		if got := inline.FindString(body); got != "" {
			t.Errorf("%s contains %q", path, got)
		}
		if w.Header().Get("Content-Security-Policy") != contentSecurity || strings.Count(body, "<h1") != 1 {
			t.Errorf("%s has another policy, or not one heading", path)
		}
		seen := map[string]bool{}
		for _, id := range regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(body, -1) {
			if seen[id[1]] {
				t.Errorf("%s has the id %q twice", path, id[1])
			}
			seen[id[1]] = true
		}
	}
}

func TestOnCallWithoutTeams(t *testing.T) {
	for want, teams := range map[string]func() []OnCall{
		"Nothing says who is on call.":         nil,
		"There are no teams.":                  func() []OnCall { return nil },
		"Somebody is on call for every team.":  func() []OnCall { return someOnCall()[:1] },
		"there are gaps for growth":            func() []OnCall { return someOnCall()[:1] },
		"There is no gap in the next 4 weeks.": func() []OnCall { return someOnCall()[2:] },
		"t0, t1, t2, t3, t4 and 2 more teams": func() (out []OnCall) {
			for i := range 7 {
				out = append(out, OnCall{Team: fmt.Sprintf("t%d", i)})
			}
			return out
		},
	} {
		if body := get(t, newSite(t, func(o *Options) { o.OnCall = teams }), "/oncall").Body.String(); !strings.Contains(body, want) {
			t.Errorf("/oncall does not say %q:\n%s", want, body)
		}
	}
}

// An incident that told the same for days does not fill the page.
func TestLongTimelines(t *testing.T) {
	s := &site{o: Options{Zone: time.UTC, Now: noon}}
	events := make([]postmortem.Event, 1234)
	for i := range events {
		events[i] = postmortem.Event{At: noon().Add(time.Duration(i) * time.Minute), Kind: postmortem.Notified, Text: fmt.Sprint(i)}
	}
	days, words := s.timeline(events)
	var shown []string
	for _, d := range days {
		for _, e := range d.Events {
			shown = append(shown, e.Detail)
		}
	}
	if len(shown) != 400 || shown[99] != "99" || shown[100] != "934" || words != "834 events in the middle are not shown; the post-mortem has all." {
		t.Errorf("%d events shown; %q", len(shown), words)
	}
	if _, words := s.timeline(events[:400]); words != "" {
		t.Errorf("400 events: %q", words)
	}
}

func BenchmarkIncidents(b *testing.B) {
	o := Options{Now: noon}
	keeping(5000)(&o)
	list := o.History.List() // As the app keeps it: made once.
	o.History.List = func() []Logged { return list }
	h, err := New(o)
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		r := httptest.NewRequestWithContext(b.Context(), "GET", "/incidents", nil)
		h.ServeHTTP(httptest.NewRecorder(), r)
	}
}
