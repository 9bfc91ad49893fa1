package web

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
)

// searchable is a site with one of everything that can be found.
func searchable(t *testing.T) http.Handler {
	t.Helper()
	return newSite(t, func(o *Options) {
		keeping(120)(o)
		o.Dashboards = someDashboards(t, 3)
		o.Primer = "<p>words</p>"
		o.Metrics = func(context.Context, int) ([]string, error) {
			return []string{"http_requests_total", "http_request_duration_seconds_bucket", "process.cpu.time"}, nil
		}
	})
}

func TestSearchPage(t *testing.T) {
	site := searchable(t)
	for query, want := range map[string][]string{
		"":           {"What are you looking for?", "#12"},
		"   ":        {"What are you looking for?"},
		"xyzzy":      {"Nothing matches “xyzzy”.", "Every word must occur", `href="/playbooks"`},
		"sharing":    {"62 results for “sharing”", `<a href="/objectives/share-requests"><mark>Sharing</mark> a post works</a>`, `Incidents <span class="count">61</span>`, `<a href="/search?kind=incidents&amp;q=sharing">And 53 more</a>`},
		"broken now": {`<a href="/objectives/share-requests">Sharing a post works</a>`, `<mark>Broken</mark> <mark>now</mark>`},
		"tier=1":     {"7 results", `href="/objectives/auth-login"`},
		"kubectl":    {`<a href="/playbooks/api-error-rate">An API answers with errors</a>`, "<mark>kubectl</mark> rollout history deployment/share"},
		"service 2":  {`<a href="/dashboards/wt-svc-2"><mark>Service</mark> <mark>2</mark></a>`},
		"kinds":      {`<a href="/dashboards/kinds">`},
		"2026-w":     {`<a href="/reports/2026-W47">Week of 16 to 22 November 2026</a> <code><mark>2026-W</mark>47</code>`},
		"alex":       {`<a href="/oncall#team-0"><mark>Alex</mark> Kim</a>`, "on call for growth now", "on call for platform now"},
		"platform":   {`<a href="/oncall#team-2"><mark>platform</mark></a>`, "is on call"},
		"http_req":   {`<a href="/graph?g0.expr=http_requests_total"><mark>http_req</mark>uests_total</a>`},
		"cpu.time":   {`href="/graph?g0.expr=%7B%22process.cpu.time%22%7D"`},
		"primer":     {`<a href="/primer"><mark>Primer</mark></a>`},
		"status":     {`<a href="/status"><mark>Status</mark></a>`},
		"inbox":      {`<a href="/inbox"><mark>Inbox</mark></a>`},
		"#9999":      {"There is no incident #9999."},
		"<mark>":     {"Nothing matches “&lt;mark&gt;”."},
		"2031-W01":   {"Nothing matches"},
	} {
		w := get(t, site, "/search?q="+url.QueryEscape(query))
		if w.Code != http.StatusOK {
			t.Errorf("%q: status %d", query, w.Code)
		}
		for _, say := range want {
			if !strings.Contains(w.Body.String(), say) {
				t.Errorf("%q: the page does not say %q:\n%s", query, say, w.Body)
			}
		}
		if box := `name="q" type="search" value="` + strings.TrimSpace(map[string]string{"<mark>": "&lt;mark&gt;"}[query]); query == "<mark>" && !strings.Contains(w.Body.String(), box) {
			t.Errorf("%q: the box does not hold the query", query)
		}
	}
	if w := get(t, site, "/search?q=sharing&kind=incidents"); !strings.Contains(w.Body.String(), "61 results for “sharing” in incidents") || strings.Contains(w.Body.String(), "more</a>") {
		t.Errorf("of one kind: %s", w.Body)
	}
}

func TestSearchGoesStraight(t *testing.T) {
	site := searchable(t)
	for query, want := range map[string]string{
		"#12": "/incidents/12", "12": "/incidents/12", " # 12 ": "/incidents/12", "122": "/incidents/122", "2026-W46": "/reports/2026-W46", "2025-w7": "/reports/2025-W07",
		"0": "", "999999999999999999999": "", "2026-W99": "", "2026-10": "/reports/2026-10", "2026-q3": "/reports/2026-Q3", "2026-13": "", "12 13": "",
	} {
		w := get(t, site, "/search?q="+url.QueryEscape(query))
		if got := w.Header().Get("Location"); got != want || (want != "") != (w.Code == http.StatusFound) {
			t.Errorf("%q leads to %q with %d, want %q", query, got, w.Code, want)
		}
	}
	if w := get(t, newSite(t, nil), "/search?q=12"); w.Code != http.StatusOK {
		t.Errorf("without a history: %d", w.Code)
	}
}

func TestSearchAPI(t *testing.T) {
	site := searchable(t)
	ask := func(path string) (f Found) {
		t.Helper()
		w := get(t, site, api+"search"+path)
		if err := json.Unmarshal(w.Body.Bytes(), &f); err != nil || w.Code != http.StatusOK {
			t.Fatalf("%s: %d %v\n%s", path, w.Code, err, w.Body)
		}
		return f
	}
	f := ask("?q=sharing&limit=2")
	if f.Total != 62 || len(f.Groups) != 2 || f.Groups[1].Kind != "incidents" || len(f.Groups[1].Found) != 2 || f.Groups[1].More != 59 {
		t.Errorf("%+v", f)
	}
	one := f.Groups[0].Found[0]
	if one.Name != "Sharing a post works" || one.ID != "share-requests" || one.URL != "http://localhost:9911/objectives/share-requests" || !one.Parts[0].Match || one.Parts[0].Text != "Sharing" {
		t.Errorf("%+v", one)
	}
	if f := ask("?q=%2312"); f.Go != "/incidents/12" {
		t.Errorf("a number goes to %q", f.Go)
	}
	if f := ask(""); f.Total != 0 || f.Groups == nil {
		t.Errorf("an empty query: %+v", f)
	}
	if f := ask("?q=sharing&kind=objectives"); f.Total != 1 || len(f.Groups) != 1 {
		t.Errorf("of one kind: %+v", f)
	}
	for _, path := range []string{"?q=a&limit=0", "?q=a&limit=x", "?q=a&limit=101", "?q=a&kind=cats"} {
		if w := get(t, site, api+"search"+path); w.Code != http.StatusBadRequest || !strings.Contains(w.Body.String(), `"error"`) {
			t.Errorf("%s: %d %s", path, w.Code, w.Body)
		}
	}
}

// Whatever is asked, the answer is a page.
func TestSearchTakesAnything(t *testing.T) {
	site := searchable(t)
	for _, q := range []string{strings.Repeat("a", 100_000), strings.Repeat("é ", 4000), "%00", "\xff\xfe", "<script>alert(1)</script>", `"><img src=x>`, "\u202e", "{{.}}", strings.Repeat("((((", 50), "\u0301\u0301"} {
		for _, path := range []string{"/search?q=", api + "search?q="} {
			w := get(t, site, path+url.QueryEscape(q))
			if w.Code != http.StatusOK || strings.Contains(w.Body.String(), "<script>alert") || strings.Contains(w.Body.String(), "<img src") {
				t.Errorf("%s%.20q: %d", path, q, w.Code)
			}
		}
	}
	if w := get(t, site, "/search?q="+strings.Repeat("a", 300)); !strings.Contains(w.Body.String(), "its first 200 characters") {
		t.Error("a long query is cut in silence")
	}
}

// The box is on every page, also on those that say that something is wrong.
func TestSearchBoxIsEverywhere(t *testing.T) {
	site := searchable(t)
	for _, path := range []string{"/", "/objectives/share-requests", "/incidents", "/incidents/122", "/oncall", "/playbooks", "/playbooks/api-error-rate", "/dashboards", "/dashboards/kinds", "/reports/", "/reports/2026-W46", "/status", "/primer", "/search", "/nowhere"} {
		body := get(t, site, path).Body.String()
		if strings.Count(body, `action="/search"`) != 1 || !strings.Contains(body, `<label class="unseen" for="search">`) {
			t.Errorf("%s has no box for the search", path)
		}
	}
}

// What cannot be read is left out; the rest is found.
func TestSearchWithoutMetrics(t *testing.T) {
	site := newSite(t, func(o *Options) {
		o.Metrics = func(context.Context, int) ([]string, error) { return nil, errors.New("the store is closed") }
	})
	if w := get(t, site, "/search?q=sharing"); !strings.Contains(w.Body.String(), "/objectives/share-requests") {
		t.Errorf("%s", w.Body)
	}
	many := newSite(t, func(o *Options) {
		o.Metrics = func(_ context.Context, most int) ([]string, error) { return slices.Repeat([]string{"up"}, most), nil }
	})
	if w := get(t, many, "/search?q=up"); !strings.Contains(w.Body.String(), "the first 10000 names were looked through") {
		t.Error("it is not said that metrics are left out")
	}
}

// What is new is found after a moment, and not gathered anew for each letter.
func TestSearchIsFresh(t *testing.T) {
	now, asked := noon(), 0
	statuses := aBadDay()[:1]
	site := newSite(t, func(o *Options) {
		o.Now = func() time.Time { return now }
		o.Engine = changing{now: func() []rules.Status { asked++; return statuses }}
	})
	for range 5 {
		get(t, site, api+"search?q=log")
	}
	if asked != 1 {
		t.Errorf("what can be found was gathered %d times", asked)
	}
	statuses, now = aBadDay(), now.Add(indexFresh)
	if w := get(t, site, api+"search?q=sharing"); !strings.Contains(w.Body.String(), "share-requests") {
		t.Errorf("a new objective is not found: %s", w.Body)
	}
}

// changing is an engine whose objectives change.
type changing struct {
	fakeEngine

	now func() []rules.Status
}

func (e changing) engine() fakeEngine                          { return fakeEngine{statuses: e.now()} }
func (e changing) Statuses() []rules.Status                    { return e.now() }
func (e changing) Status(id string) (rules.Status, bool)       { return e.engine().Status(id) }
func (e changing) Explain(id string) (rules.Explanation, bool) { return e.engine().Explain(id) }

// BenchmarkSearch asks for a page of results out of 1,000 objectives, 1,000 incidents and 150 playbooks; "anew" gathers them
// for each query.
func BenchmarkSearch(b *testing.B) {
	statuses, playbooks := manyStatuses(1000), make([]Playbook, 150)
	for i := range playbooks {
		playbooks[i] = somePlaybooks()[0]
	}
	for _, name := range []string{"anew", "again"} {
		now := noon()
		site := newSite(b, func(o *Options) {
			o.Engine, o.History = fakeEngine{statuses: statuses}, someHistory(1000)
			o.Playbooks = func() []Playbook { return playbooks }
			o.Now = func() time.Time { return now }
		})
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if name == "anew" {
					now = now.Add(indexFresh)
				}
				if w := get(b, site, "/search?q=request+answered"); w.Code != http.StatusOK {
					b.Fatal(w.Code)
				}
			}
		})
	}
}
