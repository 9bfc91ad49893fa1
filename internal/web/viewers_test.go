package web

import (
	"bytes"
	"context"
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// asked is a request by somebody whose password was checked.
func asked(t *testing.T, h http.Handler, method, path, user string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, path, nil)
	if user != "" {
		r.SetBasicAuth(user, "checked before")
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// viewed is a site with a viewer, and with handlers that must never hear of one.
func viewed(t *testing.T, change func(*Options)) http.Handler {
	t.Helper()
	mounted := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if name, _, _ := r.BasicAuth(); name == "marketing" {
			t.Errorf("the handler at %s was reached by a viewer", r.URL)
		}
		fmt.Fprint(w, "mounted")
	})
	return newSite(t, func(o *Options) {
		o.Viewers, o.Primer, o.Dashboards = []string{"marketing"}, "<h1>Primer</h1>", liveDashboard(t)
		o.Reload = func() error { t.Error("a viewer reloaded the configuration"); return nil }
		o.Handlers = map[string]http.Handler{
			"/api/v1/": mounted, "/api/v2/": mounted, "/api/watchtower/v1/incidents": mounted, "/graph": mounted,
			"/metrics": mounted, "/inbox": mounted, "/slack/": mounted, "/slack/interactions": mounted,
		}
		if change != nil {
			change(o)
		}
	})
}

// liveDashboard is the board of every kind in the live board's place.
func liveDashboard(t *testing.T) *viewer.Viewer {
	t.Helper()
	raw, err := os.ReadFile("testdata/kinds.json")
	if err != nil {
		t.Fatal(err)
	}
	raw = bytes.Replace(raw, []byte(`"uid": "kinds"`), []byte(`"uid": "wt-live"`), 1)
	live, err := viewer.Parse(raw)
	if err != nil {
		t.Fatal(err)
	}
	other, err := viewer.Parse([]byte(`{"uid": "wt-overview", "title": "Promises"}`))
	if err != nil {
		t.Fatal(err)
	}
	return viewer.New(viewer.Options{
		Boards: func() ([]*viewer.Board, error) { return []*viewer.Board{live, other}, nil }, Querier: waves{}, Now: noon,
		Marks: func(context.Context, *viewer.Board, time.Time, time.Time) []viewer.Mark {
			return []viewer.Mark{{From: noon().Add(-10 * time.Minute), Name: "Incident 8: Sharing a post works", Path: "/incidents/8"}}
		},
	})
}

var wildcard = regexp.MustCompile(`\{[^}]*\}`)

// paths returns an address for each route, by its pattern.
func paths(routes map[string]handler) []string {
	var all []string
	for pattern := range routes {
		path := pattern[strings.Index(pattern, "/"):]
		path = strings.ReplaceAll(path, "{$}", "")
		all = append(all, wildcard.ReplaceAllString(path, "1"))
	}
	slices.Sort(all)
	return all
}

// Every route, the site's own and what is mounted, by every method: a viewer opens what the list says and is told so of the rest.
func TestViewersOpenNothingElse(t *testing.T) {
	h := viewed(t, nil)
	open := []string{"/", "/primer", "/reports/", "/reports/2026-W46", "/dashboards/wt-live", "/assets/app.css", "/favicon.ico", "/-/healthy", "/-/ready"}
	s := &site{}
	all := slices.Concat(open, paths(s.routes()), paths(s.routesBeside()), []string{
		"/api/v1/query?query=up", "/api/v1/write", "/api/v1/otlp/v1/metrics", "/api/v1/status/config", "/api/v2/silences", "/api/v2/status", "/api/watchtower/v1/incidents", "/api/watchtower/v1/incidents/1/notes",
		"/graph", "/metrics", "/inbox", "/inbox/oncall", "/inbox/api/chat.postMessage", "/inbox/click", "/slack/interactions", "/slack/commands",
		"/reports", "/nowhere", "/dashboards/wt-overview", "/dashboards/wt-live/more", "/dashboards/wt-live/", "/-/", "/assets/", "/primer/x",
	})
	for _, path := range all {
		for _, method := range []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT", "PROPFIND"} {
			w := asked(t, h, method, path, "marketing")
			may := slices.Contains(open, path) && (method == "GET" || method == "HEAD")
			switch {
			case may && w.Code != http.StatusOK:
				t.Errorf("%s %s = %d, want 200: %s", method, path, w.Code, w.Body)
			case !may && w.Code != http.StatusForbidden && !barred(path, w.Code):
				t.Errorf("%s %s = %d, want 403", method, path, w.Code)
			case w.Code == http.StatusForbidden && method != "HEAD" && !strings.Contains(w.Body.String(), "Your account sees the plain pages alone"):
				t.Errorf("%s %s does not say why: %s", method, path, w.Body)
			}
		}
	}
}

// barred tells of the addresses that the walk makes up from the patterns of open pages: there is no such thing, or it leads to the page.
func barred(path string, code int) bool {
	return (path == "/reports/1" && code == http.StatusBadRequest) || (path == "/assets/1" && code == http.StatusNotFound) ||
		(path == "/reports" && code == http.StatusTemporaryRedirect)
}

// An address that is written in another way leads nowhere else.
func TestViewersCannotWriteAddressesOtherwise(t *testing.T) {
	h := viewed(t, nil)
	for _, path := range []string{
		"//metrics", "/primer/../metrics", "/./metrics", "/reports/..%2f..%2fmetrics", "/reports/%2e%2e/%2e%2e/metrics", "/assets/..%2f..%2finbox",
		"/dashboards/wt-live/../wt-overview", "/dashboards/wt-live%2f..%2fwt-overview", "/dashboards/%77t-overview", "/METRICS", "/%6detrics", "/status;/primer", "/status?/primer",
	} {
		w := asked(t, h, http.MethodGet, path, "marketing")
		switch {
		case w.Code == http.StatusOK || strings.Contains(w.Body.String(), "mounted"):
			t.Errorf("%s is served: %d %s", path, w.Code, w.Body)
		case w.Code/100 == 3 && !strings.HasPrefix(w.Header().Get("Location"), "/primer"):
			if next := asked(t, h, http.MethodGet, w.Header().Get("Location"), "marketing"); next.Code != http.StatusForbidden {
				t.Errorf("%s leads to %s, which answers %d", path, w.Header().Get("Location"), next.Code)
			}
		}
	}
	if w := asked(t, h, http.MethodGet, "/dashboards/wt-live?var-x=y&panel=2", "marketing"); w.Code != http.StatusOK {
		t.Errorf("a panel of the live board = %d", w.Code)
	}
}

// Everybody else sees what there is, with a name or without one.
func TestOthersSeeEverything(t *testing.T) {
	h := viewed(t, nil)
	for _, user := range []string{"", "anna", "Marketing", "marketing "} {
		for _, path := range []string{"/", "/status", "/incidents", "/metrics", "/inbox", "/api/v1/query", "/slack/interactions", "/dashboards/wt-live"} {
			if w := asked(t, h, http.MethodGet, path, user); w.Code != http.StatusOK {
				t.Errorf("%s for %q = %d", path, user, w.Code)
			}
		}
		if w := asked(t, h, http.MethodPost, "/slack/interactions", user); w.Code != http.StatusOK {
			t.Errorf("a signed request for %q = %d", user, w.Code)
		}
		if body := asked(t, h, http.MethodGet, "/", user).Body.String(); !strings.Contains(body, "Burn rate") || !strings.Contains(body, `href="/status"`) {
			t.Errorf("%q gets the plain overview", user)
		}
	}
}

var anyLink = regexp.MustCompile(`(?:href|src|action)="([^"#]*)[^"]*"`)

// Whatever a viewer's page leads to, the viewer may open, and nothing on it is in the words of engineers.
func TestViewersPagesLeadNowhereElse(t *testing.T) {
	h := viewed(t, nil)
	seen, todo := map[string]bool{}, []string{"/", "/primer", "/reports/", "/dashboards/wt-live", "/status"}
	for len(todo) > 0 {
		path := todo[0]
		todo = todo[1:]
		old := strings.HasPrefix(path, "/reports/20") && path < "/reports/2026" // Each report leads to the one before it, for ever.
		if seen[path] || path == "" || old {
			continue
		}
		seen[path] = true
		w := asked(t, h, http.MethodGet, path, "marketing")
		if w.Code != http.StatusOK && path != "/status" {
			t.Errorf("a page leads to %s, which answers %d", path, w.Code)
		}
		if !strings.HasPrefix(w.Header().Get("Content-Type"), "text/html") {
			continue
		}
		body := w.Body.String()
		for _, word := range []string{"×", "burn", "Burn", "PromQL", "rate(", "sum(", "max(", "job=", "slo=", "sloth_id", "service=", "severity", "/incidents", "/objectives", "/inbox", "/api/"} {
			if strings.Contains(body, word) {
				t.Errorf("%s says %q to a viewer", path, word)
			}
		}
		for _, m := range anyLink.FindAllStringSubmatch(body, -1) {
			todo = append(todo, html.UnescapeString(m[1]))
		}
	}
	if len(seen) < 15 {
		t.Errorf("only %d addresses were found", len(seen))
	}
}

// The plain overview answers what people ask: does it work, for how many not, who works on it, since when.
func TestPlainOverview(t *testing.T) {
	says := func(h http.Handler, want ...string) {
		t.Helper()
		body := html.UnescapeString(asked(t, h, http.MethodGet, "/", "marketing").Body.String())
		for _, w := range want {
			if !strings.Contains(body, w) {
				t.Errorf("does not say %q:\n%s", w, body)
			}
		}
	}
	says(viewed(t, nil), "<h1 data-news>Something does not work at the moment.</h1>", "Sharing a post works", "About 1 in 31 attempts fails.", "Since it began, about 34 of 1,100 have failed.",
		"Sam is working on it, since 14:01 UTC.", "It began at 13:59 UTC (<time", "Does not work for everybody", "Not known: we hear nothing of it", "Works, but fails more often than it should",
		"Works now; it failed too often lately", "See it live")
	quiet := func(o *Options) { o.Incidents = nil }
	says(viewed(t, func(o *Options) { quiet(o); o.Engine = fakeEngine{statuses: aBadDay()[:2]} }), "Yes, the app works.")
	says(viewed(t, func(o *Options) { quiet(o); o.Engine = fakeEngine{} }), "We cannot tell yet.")
	says(viewed(t, func(o *Options) { quiet(o); o.Engine = fakeEngine{statuses: aBadDay()[5:6]} }), "We cannot tell at the moment.")
	says(viewed(t, func(o *Options) { quiet(o); o.Engine = fakeEngine{statuses: aBadDay()[:6]} }), "What we can see works.", "Of 1 thing we hear nothing")
	says(viewed(t, func(o *Options) {
		o.Engine, o.Incidents = fakeEngine{}, func() []Incident {
			return []Incident{{Title: "The database is full", State: "firing", Severity: "page", Team: "data", Since: noon()}}
		}
		o.OnCall = func() []OnCall { return []OnCall{{Team: "data", Now: Shift{User: "priya"}}} }
	}), "The database is full", "priya has been called and has not answered yet.")
	says(viewed(t, func(o *Options) {
		quiet(o)
		o.Engine = fakeEngine{statuses: []rules.Status{promise("share", "requests", "Sharing a post works", func(st *rules.Status) {
			broke(st)
			st.Objective.Meaning = "people lose what they wrote"
		})}}
	}), "People lose what they wrote.", "Team growth has been called. Nobody has taken it yet.")
	// Somebody is called because nobody knows: that is no failure.
	says(viewed(t, func(o *Options) {
		blind := promise("media", "requests", "Pictures load", func(st *rules.Status) {
			st.State, st.NoData = rules.StateUnknown, true
			st.Alerts = []rules.AlertStatus{{Name: "TelemetryLost", Kind: rules.AlertTelemetryLost, Severity: rules.Page, State: rules.AlertFiring, Since: noon()}}
		})
		o.Engine = fakeEngine{statuses: append(aBadDay()[:2:2], blind)}
		o.Incidents = func() []Incident {
			return []Incident{{Title: "“Pictures load”: nobody knows", Objective: blind.Objective.ID, State: "firing", Severity: "page", Since: noon()}}
		}
	}), "<h1 data-news>What we can see works.</h1>", "Not known: we hear nothing of it")
	says(viewed(t, func(o *Options) { o.Ready = func() bool { return false } }), "One moment.")
}

// A group's labels are not shown: its promise is that of the whole.
func TestPlainOverviewOfGroups(t *testing.T) {
	h := viewed(t, func(o *Options) {
		o.Incidents, o.Engine = nil, fakeEngine{statuses: byRoute(promise("api", "requests", "The API answers", nil))}
	})
	body := asked(t, h, http.MethodGet, "/", "marketing").Body.String()
	if !strings.Contains(body, "The API answers") || strings.Contains(body, "/api/posts") || strings.Contains(body, "route") {
		t.Errorf("the labels of a group are shown, or its promise is not:\n%s", body)
	}
}
