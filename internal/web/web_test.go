package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

func TestPrimer(t *testing.T) {
	for primer, want := range map[template.HTML]int{"": http.StatusNotFound, "<p>A <em>promise</em></p>": http.StatusOK} {
		site := newSite(t, func(o *Options) { o.Primer = primer })
		page := get(t, site, "/primer")
		if page.Code != want || !strings.Contains(page.Body.String(), string(primer)) {
			t.Errorf("the primer %q: %d %s", primer, page.Code, page.Body)
		}
		if linked := strings.Contains(get(t, site, "/").Body.String(), `href="/primer"`); linked != (primer != "") {
			t.Errorf("with the primer %q pages link to it: %t", primer, linked)
		}
	}
}

func TestPages(t *testing.T) {
	site := newSite(t, nil)
	for _, test := range []struct {
		path   string
		status int
		says   []string
	}{
		{"/", 200, []string{
			"We are not fine: 1 of 7 promises is broken.", "Sharing a post works: 3.2% of requests fail, 32 times what the target allows.",
			"Open incidents", "Playbook: An API answers with errors", "Disk of db-2 is nearly full", "silenced", "Sam has it since 14:01 UTC", "Broken now", "Budget spent", "No data", "Leaking", "Watch", "Healthy",
			"overspent by 12%", "gone in 3 h 20 min", `href="/objectives/share-requests"`, `href="/inbox"`, `data-refresh="3"`,
		}},
		{"/objectives/share-requests", 200, []string{
			"Sharing a post works", "Broken now.", "3.2% of requests fail", "Freeze features until it holds again.", "99.9% over 28d", "team growth", "1 open incident",
			"1h and 5m", "6.1×", "14.4× in even traffic", "97% of it was seen", "firing since 13:59 UTC", "4 min ago", "slos/share.yaml:12", "Every sample is counted as it arrives.",
			`href="/playbooks/api-error-rate"`, `href="/api/watchtower/v1/objectives/share-requests"`, "The worst 15 min began at", "98% of the failed requests have route=/v1/share&lt;x&gt;", "3d and 6h: a burn of 0.2", "16 series", "tier=1",
		}},
		{"/objectives/feed-latency", 200, []string{"of requests are too slow", "were too slow"}},
		{"/objectives/media-transcode", 200, []string{"No data.", "No series matches its queries.", "Nothing was counted in the last 24 hours."}},
		{"/objectives/nope", 404, []string{"There is no objective &#34;nope&#34;."}},
		{"/incidents", 200, []string{"Open incidents", "1 alert", "service=share"}},
		{"/playbooks", 200, []string{"An API answers with errors", "reviewed 2026-05-04", "never reviewed", "comes with Watchtower"}},
		{"/playbooks/api-error-rate", 200, []string{"<h2>Impact</h2>", "Owner", "backend", "severity=page"}},
		{"/playbooks/nope", 404, []string{"There is no playbook &#34;nope&#34;."}},
		{"/reports/", 200, []string{`href="/reports/2026-W47"`, "16 to 22 November 2026", "so far", `href="/reports/2026-W34"`}},
		{"/reports/2026-W46", 200, []string{"The week of 9 to 15 November 2026", "6 of 7 promises were kept; for the other one there is no data.", "Worst hour", `href="/reports/2026-W45"`, `href="/reports/2026-W47"`, "format=md"}},
		{"/reports/2026-W47", 200, []string{"so far"}},
		{"/reports/2026-W48", 400, []string{"Week 2026-W48 has not begun; it starts on Monday 23 November 2026."}},
		{"/reports/yesterday", 400, []string{"is not a week"}},
		{"/status", 200, []string{"1 thing below needs attention.", "connection refused", "4.1 million samples", "Version", "0.1.0"}},
		{"/inbox", 200, []string{"inbox"}},
		{"/inbox/api/chat.postMessage", 200, []string{"inbox"}},
		{"/nowhere", 404, []string{"There is nothing at /nowhere."}},
		{"/-/healthy", 200, []string{"Watchtower is healthy."}},
		{"/-/ready", 200, []string{"Watchtower is ready."}},
		{"/assets/nope.css", 404, []string{"There is nothing at"}},
	} {
		t.Run(test.path, func(t *testing.T) {
			w := get(t, site, test.path)
			if w.Code != test.status {
				t.Errorf("status %d, want %d", w.Code, test.status)
			}
			for _, want := range test.says {
				if !strings.Contains(w.Body.String(), want) {
					t.Errorf("the page does not say %q:\n%s", want, w.Body)
				}
			}
			if got := w.Header().Get("X-Content-Type-Options"); got != "nosniff" {
				t.Errorf("X-Content-Type-Options is %q", got)
			}
		})
	}
}

// The policy forbids inline scripts and styles, so a page that has one would be broken.
func TestPagesObeyTheirOwnPolicy(t *testing.T) {
	site := newSite(t, nil)
	inline := regexp.MustCompile(`(?i)\sstyle=|\son[a-z]+=|<style|<script>|javascript:`)
	for _, path := range []string{"/", "/objectives/share-requests", "/incidents", "/playbooks", "/playbooks/api-error-rate", "/reports/", "/reports/2026-W46", "/status", "/nowhere"} {
		w := get(t, site, path)
		if got := inline.FindString(w.Body.String()); got != "" {
			t.Errorf("%s contains %q", path, got)
		}
		policy := w.Header().Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if !strings.Contains(w.Body.String(), `<html lang="en">`) || strings.Count(w.Body.String(), "<h1") != 1 || strings.Count(w.Body.String(), "<main") != 1 {
			t.Errorf("%s has no language, not one heading or not one main part", path)
		}
		ids := regexp.MustCompile(`\sid="([^"]+)"`).FindAllStringSubmatch(w.Body.String(), -1)
		seen := map[string]bool{}
		for _, id := range ids {
			if seen[id[1]] {
				t.Errorf("%s has the id %q twice", path, id[1])
			}
			seen[id[1]] = true
		}
	}
}

func TestAssetsAreKeptForEver(t *testing.T) {
	site := newSite(t, nil)
	page := get(t, site, "/").Body.String()
	links := regexp.MustCompile(`/assets/[a-z-]+\.(css|js|svg)\?v=[0-9a-f]+`).FindAllString(page, -1)
	if len(links) != 4 {
		t.Fatalf("the page links %v, want a stylesheet, two scripts and an icon", links)
	}
	for _, link := range links {
		w := get(t, site, link)
		if w.Code != 200 || !strings.Contains(w.Header().Get("Cache-Control"), "immutable") || w.Body.Len() == 0 {
			t.Errorf("%s: %d, %q, %d bytes", link, w.Code, w.Header().Get("Cache-Control"), w.Body.Len())
		}
	}
	if w := get(t, site, "/assets/app.css?v=old"); w.Header().Get("Cache-Control") != "no-cache" {
		t.Errorf("an outdated address may be kept: %q", w.Header().Get("Cache-Control"))
	}
	if w := get(t, site, "/favicon.ico"); w.Code != 200 || w.Header().Get("Content-Type") != "image/svg+xml" {
		t.Errorf("/favicon.ico: %d %s", w.Code, w.Header().Get("Content-Type"))
	}
}

func TestHostileNamesAreEscaped(t *testing.T) {
	const evil = `"><script>alert(1)</script><img src=x onerror=alert(2)>`
	hostile := promise(evil, evil, evil, func(s *rules.Status) {
		broke(s)
		s.Objective.ID, s.Objective.Team, s.Objective.Description, s.Objective.File = `../a b?c#d"e`, evil, evil+"!", evil
		s.Objective.Labels, s.Reason, s.Consequence = map[string]string{evil: evil}, evil, evil
		s.Alerts[0].Name = evil
	})
	since := noon()
	site := newSite(t, func(o *Options) {
		o.Engine = fakeEngine{statuses: []rules.Status{hostile}}
		o.Version = evil
		o.Incidents = func() []Incident {
			return []Incident{{
				ID: evil, Title: evil, Detail: evil, Severity: evil, State: evil, Service: evil, Team: evil, Objective: evil, Playbook: "javascript:alert(1)", Since: since,
				Alerts: []Alert{{Name: evil, State: evil, Labels: map[string]string{evil: evil}}},
			}}
		}
		o.Playbooks = func() []Playbook {
			return []Playbook{{ID: `../x"y`, Title: evil, Owner: evil, Reviewed: evil, Overdue: evil, Matches: evil, Summary: evil}}
		}
		o.Paging = func() Paging {
			return Paging{Summary: evil, Alerts: []Paged{
				{Alert: evil, Objective: `../a b?c#d"e`, Promise: evil, Where: evil, Playbook: `../x"y`}, {Alert: evil, Where: evil, Playbook: "javascript:alert(1)"}, {Alert: evil, Excuse: evil},
			}}
		}
		o.History.List = func() []Logged {
			return []Logged{{Number: 1, Title: evil, Service: evil, Owner: evil, State: evil, Playbook: `../x"y`}}
		}
		o.Match = func(map[string]string) (string, bool) { return `../x"y`, true }
		o.Status = func() []Section {
			return []Section{{Title: evil, Note: evil, Facts: []Fact{{evil, evil, evil, Level(evil)}}, Table: &Table{Title: evil, Columns: []string{evil}, Rows: []TableRow{{[]string{evil}, Level(evil)}}}}}
		}
	})
	for _, path := range []string{
		"/", "/objectives/..%2Fa%20b%3Fc%23d%22e", "/incidents", "/playbooks", "/playbooks/..%2Fx%22y", "/reports/2026-W46", "/status", "/<script>alert(1)</script>", "/objectives/<script>", "/reports/<script>",
	} {
		w := get(t, site, path)
		if w.Code >= 500 {
			t.Errorf("%s: status %d", path, w.Code)
		}
		for _, bad := range []string{"<script>alert", "<img src=x", `href="javascript:`} {
			if strings.Contains(w.Body.String(), bad) {
				t.Errorf("%s contains %s:\n%s", path, bad, w.Body)
			}
		}
	}
	if !strings.Contains(get(t, site, "/").Body.String(), `href="/objectives/..%2Fa%20b%3Fc%23d%22e"`) {
		t.Error("the overview does not link the objective by its escaped ID")
	}
}

func TestVerdict(t *testing.T) {
	state := func(id string, s rules.State) rules.Status {
		return promise(id, "x", id+" works", func(st *rules.Status) { st.State = s })
	}
	good, other := state("a", rules.StateHealthy), state("b", rules.StateHealthy)
	late := promise("c", "x", "c works", func(s *rules.Status) { s.Alerts[1].State = rules.AlertFiring })
	gone := promise("d", "x", "d works", func(s *rules.Status) { s.State, s.BudgetRemaining = rules.StateExhausted, -0.1 })
	blind := promise("e", "x", "e works", func(s *rules.Status) { s.State, s.NoData, s.Reason = rules.StateUnknown, true, "no series matches" })
	wrong := promise("f", "x", "f works", broke)
	page := Incident{ID: "p", Title: "The cluster is on fire", Severity: "critical", State: "firing"}
	for _, test := range []struct {
		name      string
		statuses  []rules.Status
		incidents []Incident
		is        condition
		answer    string
	}{
		{"nothing", nil, nil, unknown, "Nothing is promised yet."},
		{"one", []rules.Status{good}, nil, fine, "We are fine: the one promise is kept."},
		{"two", []rules.Status{good, other}, nil, fine, "We are fine: all 2 promises are kept."},
		{"watch", []rules.Status{good, state("w", rules.StateWatch)}, nil, watch, "We are fine: all 2 promises are kept."},
		{"at risk", []rules.Status{good, state("w", rules.StateAtRisk)}, nil, risk, "We are fine for now, but 1 of 2 promises is at risk."},
		{"ticket", []rules.Status{good, late}, nil, leaking, "We are mostly fine: 1 of 2 promises is slowly breaking."},
		{"spent", []rules.Status{good, late, gone}, nil, spent, "We are fine for now, but 1 budget is spent."},
		{"blind", []rules.Status{good, gone, blind}, nil, unknown, "We cannot be sure: for 1 of 3 promises there is no data."},
		{"all blind", []rules.Status{blind}, nil, unknown, "We cannot tell: there is no data yet."},
		{"broken", []rules.Status{good, gone, blind, wrong}, nil, broken, "We are not fine: 1 of 4 promises is broken."},
		{"several broken", []rules.Status{wrong, promise("g", "x", "g works", broke)}, nil, broken, "We are not fine: 2 of 2 promises are broken."},
		{"a page of a rule", []rules.Status{good}, []Incident{page}, broken, "We are not fine: 1 page is open."},
		{"an acknowledged page", []rules.Status{good}, []Incident{{ID: "p", Title: "The disk is full", Severity: "page", State: "acknowledged"}}, broken, "We are not fine: 1 page is open."},
		{"a silenced page", []rules.Status{good}, []Incident{{ID: "p", Severity: "page", State: "silenced"}}, fine, "We are fine: the one promise is kept."},
	} {
		t.Run(test.name, func(t *testing.T) {
			v := judge(test.statuses, test.incidents)
			if v.Is != test.is || v.Answer != test.answer {
				t.Errorf("%s %q, want %s %q", v.Is, v.Answer, test.is, test.answer)
			}
		})
	}
	if got, want := judge([]rules.Status{blind, good}, nil).Sentence, "e works: No series matches."; got != want {
		t.Errorf("sentence %q, want %q", got, want)
	}
	if got, want := judge([]rules.Status{gone}, nil).Sentence, "d works: 0.03% of requests fail, 30% of what the target allows. The budget of 28d is overspent by 10%."; got != want {
		t.Errorf("sentence %q, want %q", got, want)
	}
}

func TestEmptySite(t *testing.T) {
	site, err := New(Options{})
	if err != nil {
		t.Fatalf("New: %v", err)
	}
	for path, want := range map[string]string{
		"/":                              "Nothing is promised yet.",
		"/incidents":                     "No open incidents.",
		"/playbooks":                     "There are no playbooks.",
		"/status":                        "There is nothing to show.",
		"/reports/":                      "Which promises were kept",
		api + "objectives":               `"objectives": []`,
		api + "incidents":                `"incidents": []`,
		api + "reports/weekly?format=md": "There are no objectives yet",
	} {
		w := get(t, site, path)
		if w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, does not say %q:\n%s", path, w.Code, want, w.Body)
		}
	}
	if strings.Contains(get(t, site, "/").Body.String(), `href="/inbox"`) {
		t.Error("the navigation leads to an inbox that is not there")
	}
}

func TestStarting(t *testing.T) {
	ready := false
	site := newSite(t, func(o *Options) { o.Ready = func() bool { return ready } })
	if w := get(t, site, "/-/ready"); w.Code != 503 {
		t.Errorf("/-/ready: %d, want 503", w.Code)
	}
	if w := get(t, site, "/-/healthy"); w.Code != 200 {
		t.Errorf("/-/healthy: %d, want 200", w.Code)
	}
	if w := get(t, site, "/"); !strings.Contains(w.Body.String(), "Watchtower is starting.") {
		t.Errorf("the overview does not say that the server is starting:\n%s", w.Body)
	}
	ready = true
	if w := get(t, site, "/-/ready"); w.Code != 200 {
		t.Errorf("/-/ready: %d, want 200", w.Code)
	}
}

func TestAPI(t *testing.T) {
	site := newSite(t, nil)
	read := func(path string, into any) {
		t.Helper()
		w := get(t, site, path)
		if w.Code != 200 || w.Header().Get("Content-Type") != "application/json; charset=utf-8" {
			t.Fatalf("%s: %d %s\n%s", path, w.Code, w.Header().Get("Content-Type"), w.Body)
		}
		if err := json.Unmarshal(w.Body.Bytes(), into); err != nil {
			t.Fatalf("%s: %v", path, err)
		}
	}
	var list struct {
		Verdict    struct{ State, Answer string }
		Objectives []Objective
	}
	read(api+"objectives", &list)
	if len(list.Objectives) != 7 || list.Verdict.State != "broken" || list.Verdict.Answer == "" {
		t.Errorf("%d objectives, verdict %+v", len(list.Objectives), list.Verdict)
	}
	var one Objective
	read(api+"objectives/share-requests", &one)
	if one.Condition != "broken" || *one.ErrorRatio != 0.032 || *one.ExhaustedIn != 12000 || len(one.Windows) != 4 || one.Alerts[0].State != "firing" || one.Alerts[0].Since == nil ||
		one.URL != "http://localhost:9911/objectives/share-requests" || one.Period != "28d" {
		t.Errorf("objective is %+v", one)
	}
	var blind Objective
	read(api+"objectives/media-transcode", &blind)
	if blind.ErrorRatio != nil || blind.BudgetRemaining != nil || blind.Condition != "unknown" {
		t.Errorf("an objective without data has figures: %+v", blind)
	}
	var incidents struct{ Incidents []Incident }
	read(api+"incidents", &incidents)
	var ids []string
	for _, i := range incidents.Incidents {
		ids = append(ids, i.ID)
	}
	if want := []string{"page1", "ticket1", "disk"}; !slices.Equal(ids, want) {
		t.Errorf("incidents %v, want %v: the urgent first", ids, want)
	}
	var weekly report.Report
	read(api+"reports/weekly", &weekly)
	if weekly.Week != "2026-W46" || weekly.Kept != 6 {
		t.Errorf("the last full week is %s with %d kept", weekly.Week, weekly.Kept)
	}
	if w := get(t, site, api+"reports/weekly?week=2026-W45&format=md"); w.Header().Get("Content-Type") != "text/markdown; charset=utf-8" || !strings.HasPrefix(w.Body.String(), "# Weekly report: 2 to 8 November 2026") {
		t.Errorf("Markdown is %s:\n%s", w.Header().Get("Content-Type"), w.Body)
	}
	if w := get(t, site, api+"reports/weekly?format=csv"); !strings.HasPrefix(w.Header().Get("Content-Type"), "text/csv") || !strings.HasPrefix(w.Body.String(), "period,team,objective,") {
		t.Errorf("CSV: %s", w.Body)
	}
	if w := get(t, site, api+"reports/weekly?edition=plain"); !strings.HasPrefix(w.Body.String(), "The week of 9 to 15 November 2026") {
		t.Errorf("the plain edition: %s", w.Body)
	}
	if w := get(t, site, api+"reports/weekly?format=text"); !strings.HasPrefix(w.Body.String(), "The week of 9 to 15 November 2026") {
		t.Errorf("plain text is:\n%s", w.Body)
	}
}

func TestAPIErrorsAreJSON(t *testing.T) {
	site := newSite(t, nil)
	for path, want := range map[string]apiError{
		api + "objectives/nope":                        {`There is no objective "nope".`, 404},
		api + "reports/weekly?format=pdf":              {`There is no format "pdf"; use json, md, html, csv, text or slack.`, 400},
		api + "reports/weekly?edition=gold":            {`There is no edition "gold"; use leads or plain.`, 400},
		api + "reports/weekly?edition=plain&format=md": {`The plain edition is text: leave the format out.`, 400},
		api + "reports/weekly?team=nobody":             {`No promise is team nobody's: see the report of all for the teams there are.`, 404},
		api + "reports/weekly?week=soon":               {`"soon" is not a week; write it as 2026-W46.`, 400},
		api + "reports/yearly":                         {"There is nothing at /api/watchtower/v1/reports/yearly.", 404},
		api + "reports/weekly?format=slack":            {"This server says nothing in Slack.", 501},
	} {
		w := get(t, site, path)
		var got apiError
		if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got != want || w.Code != want.Status {
			t.Errorf("%s: %d %+v %v, want %+v", path, w.Code, got, err, want)
		}
	}
}

func do(t *testing.T, h http.Handler, method, path string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestReload(t *testing.T) {
	var reloads int
	var fail error
	site := newSite(t, func(o *Options) { o.Reload = func() error { reloads++; return fail } })
	for _, method := range []string{http.MethodPost, http.MethodPut} {
		if w := do(t, site, method, "/-/reload", nil); w.Code != 200 {
			t.Errorf("%s: %d %s", method, w.Code, w.Body)
		}
	}
	if w := do(t, site, http.MethodGet, "/-/reload", nil); w.Code != 405 || w.Header().Get("Allow") != "POST, PUT" {
		t.Errorf("GET: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := do(t, site, http.MethodPost, "/-/reload", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"}); w.Code != 403 || !strings.Contains(w.Body.String(), "another web site") {
		t.Errorf("from another site: %d %s", w.Code, w.Body)
	}
	if w := do(t, site, http.MethodPost, "/-/reload", map[string]string{"Origin": "http://localhost:9911"}); w.Code != 200 {
		t.Errorf("from our own external URL: %d %s", w.Code, w.Body)
	}
	if reloads != 3 {
		t.Errorf("%d reloads, want 3", reloads)
	}
	fail = errors.New("watchtower.yaml:3: unknown key \"webb\"")
	if w := do(t, site, http.MethodPost, "/-/reload", nil); w.Code != 500 || !strings.Contains(w.Body.String(), `watchtower.yaml:3: unknown key "webb"`) {
		t.Errorf("a fault: %d %s", w.Code, w.Body)
	}
	if w := do(t, newSite(t, nil), http.MethodPost, "/-/reload", nil); w.Code != 501 {
		t.Errorf("without reload: %d", w.Code)
	}
}

func TestMethods(t *testing.T) {
	site := newSite(t, nil)
	if w := do(t, site, http.MethodHead, "/", nil); w.Code != 200 {
		t.Errorf("HEAD: %d", w.Code)
	}
	if w := do(t, site, http.MethodPost, "/objectives/share-requests", nil); w.Code != 405 || w.Header().Get("Allow") != "GET, HEAD" {
		t.Errorf("POST: %d, Allow %q", w.Code, w.Header().Get("Allow"))
	}
	if w := do(t, site, http.MethodDelete, "/nowhere", nil); w.Code != 404 {
		t.Errorf("DELETE of nothing: %d", w.Code)
	}
	if w := do(t, site, http.MethodGet, "/reports", nil); w.Code != 301 || w.Header().Get("Location") != "/reports/" {
		t.Errorf("/reports: %d %s", w.Code, w.Header().Get("Location"))
	}
}

func TestMount(t *testing.T) {
	nothing := http.NotFoundHandler()
	for _, path := range []string{"", "/", "api", "/{", "/a b/{x"} {
		if _, err := New(Options{Handlers: map[string]http.Handler{path: nothing}}); err == nil {
			t.Errorf("a handler at %q is taken", path)
		}
	}
	if _, err := New(Options{Handlers: map[string]http.Handler{"/inbox": nothing, "/inbox/": nothing}}); err == nil {
		t.Error("two handlers at the same path are taken")
	}
	if _, err := New(Options{Handlers: map[string]http.Handler{"/inbox": nil}}); err == nil {
		t.Error("a nil handler is taken")
	}
	for _, external := range []string{"localhost:9911", "://", "/x"} {
		if _, err := New(Options{ExternalURL: external}); err == nil {
			t.Errorf("the external URL %q is taken", external)
		}
	}
	site := newSite(t, func(o *Options) {
		o.Handlers["/api/v1/"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if err := http.NewResponseController(w).Flush(); err != nil {
				t.Errorf("flush: %v", err)
			}
			if _, ok := w.(http.Flusher); !ok {
				t.Error("a mounted handler cannot stream")
			}
			_, _ = io.WriteString(w, r.Method+" "+r.URL.Path)
		})
	})
	if w := do(t, site, http.MethodPost, "/api/v1/write", nil); w.Body.String() != "POST /api/v1/write" {
		t.Errorf("mounted handler answered %q", w.Body)
	}
}

func TestPanicsBecome500(t *testing.T) {
	var logged bytes.Buffer
	site := newSite(t, func(o *Options) {
		o.Logger = slog.New(slog.NewTextHandler(&logged, nil))
		o.Status = func() []Section { panic("secret: hunter2") }
		o.Handlers["/api/v1/"] = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "zstd")
			_ = r.Header["X-Not-There"][0]
		})
		o.Handlers["/late"] = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, "half")
			panic("too late")
		})
	})
	w := get(t, site, "/status")
	if w.Code != 500 || !strings.Contains(w.Body.String(), "Something went wrong on our side.") || strings.Contains(w.Body.String(), "hunter2") {
		t.Errorf("page: %d\n%s", w.Code, w.Body)
	}
	w = get(t, site, "/api/v1/query")
	var answer apiError
	if err := json.Unmarshal(w.Body.Bytes(), &answer); err != nil || w.Code != 500 || answer.Status != 500 || w.Header().Get("Content-Encoding") != "" {
		t.Errorf("mounted: %d %v %s", w.Code, err, w.Body)
	}
	func() {
		defer func() {
			if err, ok := recover().(error); !ok || !errors.Is(err, http.ErrAbortHandler) {
				t.Errorf("after the first byte it panics with %v, want that the connection is cut", err)
			}
		}()
		get(t, site, "/late")
	}()
	for _, want := range []string{"request panicked", "secret: hunter2", "stack=", "path=/status"} {
		if !strings.Contains(logged.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, &logged)
		}
	}
}

func TestFailingCounts(t *testing.T) {
	site := newSite(t, func(o *Options) {
		o.Engine = fakeEngine{statuses: aBadDay(), counts: func(string, time.Time, time.Time) (float64, float64, error) {
			return 0, 0, errors.New("read block: input/output error")
		}}
	})
	for path, want := range map[string]string{
		"/objectives/share-requests": "The last day over time could not be read: read block: input/output error.",
		"/reports/2026-W46":          "The counts could not be read: read block: input/output error.",
	} {
		if w := get(t, site, path); w.Code != 200 || !strings.Contains(w.Body.String(), want) {
			t.Errorf("%s: %d, does not say %q", path, w.Code, want)
		}
	}
}

func TestCompression(t *testing.T) {
	site := newSite(t, nil)
	plain := get(t, site, "/").Body.String()
	for accept, compressed := range map[string]bool{"gzip": true, "br, gzip;q=0.5": true, "gzip;q=0": false, "deflate": false, "": false} {
		w := do(t, site, http.MethodGet, "/", map[string]string{"Accept-Encoding": accept})
		if got := w.Header().Get("Content-Encoding") == "gzip"; got != compressed {
			t.Errorf("Accept-Encoding %q: compressed is %v", accept, got)
		}
		if !compressed {
			continue
		}
		z, err := gzip.NewReader(w.Body)
		if err != nil {
			t.Fatalf("%q: %v", accept, err)
		}
		if body, err := io.ReadAll(z); err != nil || string(body) != plain {
			t.Errorf("%q: the page differs when compressed (%v)", accept, err)
		}
	}
}

func TestMetrics(t *testing.T) {
	reg := prometheus.NewRegistry()
	site := newSite(t, func(o *Options) { o.Registerer = reg })
	get(t, site, "/")
	get(t, site, "/objectives/share-requests")
	get(t, site, "/objectives/nope")
	get(t, site, "/inbox")
	get(t, site, "/wp-admin")
	get(t, site, "/phpmyadmin")
	do(t, site, "PROPFIND", "/", nil)
	want := `
# HELP watchtower_http_requests_total HTTP requests answered, by route, method and status code.
# TYPE watchtower_http_requests_total counter
watchtower_http_requests_total{code="200",method="GET",route="/"} 1
watchtower_http_requests_total{code="200",method="GET",route="/inbox"} 1
watchtower_http_requests_total{code="200",method="GET",route="/objectives/{id}"} 1
watchtower_http_requests_total{code="404",method="GET",route="/objectives/{id}"} 1
watchtower_http_requests_total{code="404",method="GET",route="other"} 2
watchtower_http_requests_total{code="405",method="other",route="other"} 1
`
	if err := testutil.GatherAndCompare(reg, strings.NewReader(want), "watchtower_http_requests_total"); err != nil {
		t.Error(err)
	}
	problems, err := testutil.GatherAndLint(reg)
	if err != nil || len(problems) > 0 {
		t.Errorf("lint: %v %v", problems, err)
	}
}

func TestSpan(t *testing.T) {
	for d, want := range map[time.Duration]string{
		0: "0 s", 40 * time.Second: "40 s", 99 * time.Second: "99 s", 100 * time.Second: "2 min", 12 * time.Minute: "12 min", 3600 * time.Second: "1 h",
		200 * time.Minute: "3 h 20 min", 25 * time.Hour: "1 day 1 h", 52 * time.Hour: "2 days 4 h", 20 * 24 * time.Hour: "20 days", -time.Second: "0 s",
		59*time.Minute + 45*time.Second: "1 h", 23*time.Hour + 59*time.Minute + 50*time.Second: "1 day", 47*time.Hour + 40*time.Minute: "2 days",
	} {
		if got := span(d); got != want {
			t.Errorf("span(%s) = %q, want %q", d, got, want)
		}
	}
}

func BenchmarkOverviewOf1000(b *testing.B) {
	var many []rules.Status
	for range 143 {
		many = append(many, aBadDay()...)
	}
	site, err := New(Options{Engine: fakeEngine{statuses: many}, Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/", nil))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}
