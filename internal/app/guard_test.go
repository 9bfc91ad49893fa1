package app

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"
)

// mounted names, for each path at which a.handlers mounts something, requests that reach it: those that change
// something and those that only read.
func mounted() map[string]struct{ writes, reads []string } {
	return map[string]struct{ writes, reads []string }{
		"/api/v1/": {
			[]string{"POST /api/v1/write", "POST /api/v1/otlp/v1/metrics", "POST /api/v1/query", "POST /api/v1/query_range", "POST /api/v1/series", "POST /api/v1/read", "PUT /api/v1/admin/tsdb/snapshot", "POST /api/v1/admin/tsdb/delete_series"},
			[]string{"/api/v1/query?query=up", "/api/v1/status/config", "/api/v1/targets", "/api/v1/openapi.yaml"},
		},
		"/api/v2/": {
			[]string{"POST /api/v2/silences", "POST /api/v2/alerts", "DELETE /api/v2/silence/6d6b3a6e-0000-4000-8000-000000000000"},
			[]string{"/api/v2/status", "/api/v2/silences", "/api/v2/alerts", "/api/v2/alerts/groups", "/api/v2/receivers"},
		},
		"/api/watchtower/v1/page/preview": {[]string{"POST /api/watchtower/v1/page/preview"}, []string{"/api/watchtower/v1/page/preview"}},
		incidentsPath:                     {[]string{"POST " + incidentsPath + "/1"}, []string{incidentsPath, incidentsPath + "/1"}},
		annotationsPath:                   {[]string{"POST " + annotationsPath}, []string{annotationsPath}},
		"/graph":                          {[]string{"POST /graph"}, []string{"/graph?g0.expr=up"}},
		"/metrics":                        {[]string{"POST /metrics"}, []string{"/metrics"}},
		"/inbox": {
			[]string{"POST /inbox/click", "POST /inbox/view", "POST /inbox/delete", "POST /inbox/person", "POST /inbox/faults", "DELETE /inbox/faults", "POST /inbox/api/chat.postMessage", "POST /inbox/respond/x", "POST /inbox/upload/x"},
			[]string{"/inbox", "/inbox/oncall", "/inbox/oncall/1.2", "/inbox/nowhere", "/inbox/faults", "/inbox/api/conversations.list", "/inbox/files/F1/x", "/inbox/static/inbox.css"},
		},
		"/slack/":           {[]string{"POST /slack/x"}, []string{"/slack/x"}},
		interactionsPath:    {[]string{"POST " + interactionsPath}, nil},
		"/slack/commands":   {[]string{"POST /slack/commands"}, nil},
		"/slack/events":     {[]string{"POST /slack/events"}, nil},
		"the site's own":    {[]string{"POST /-/reload", "PUT /-/reload", "POST /api/watchtower/v1/replay", "POST /api/watchtower/v1/objectives/" + objectiveID + "/corrections", "DELETE /api/watchtower/v1/corrections/1"}, nil},
		"pages of the site": {nil, []string{"/", "/objectives/" + objectiveID, "/objectives/" + objectiveID + "/graph", "/objectives/nowhere", "/incidents", "/incidents/1", "/oncall", "/dashboards", "/dashboards/wt-overview", "/dashboards/wt-live", "/playbooks", "/playbooks/api-error-rate", "/reports", "/reports/", "/reports/last", "/reports/nowhere", "/primer", "/status", "/nowhere", "/assets/nowhere"}},
	}
}

// everyMount checks that mounted knows all that is mounted.
func everyMount(t *testing.T, a *App) {
	t.Helper()
	for path := range a.handlers() {
		if _, known := mounted()[path]; !known {
			t.Errorf("something is mounted at %s that these tests do not ask: say in mounted what it reads and writes", path)
		}
	}
}

func allWrites() (all []string) {
	for _, m := range mounted() {
		all = append(all, m.writes...)
	}
	slices.Sort(all)
	return all
}

func allReads() (all []string) {
	for _, m := range mounted() {
		all = append(all, m.reads...)
	}
	slices.Sort(all)
	return all
}

// ask sends a request with headers straight to the site.
func ask(t *testing.T, h http.Handler, request string, header map[string]string) *httptest.ResponseRecorder {
	t.Helper()
	method, path, found := strings.Cut(request, " ")
	if !found {
		method, path = http.MethodGet, request
	}
	r := httptest.NewRequestWithContext(t.Context(), method, path, strings.NewReader(""))
	for k, v := range header {
		r.Header.Set(k, v)
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

// TestNothingTakesOrdersFromOtherSites posts to everything that changes anything as a page elsewhere would make a
// visitor's browser do, and as programs do, which have no origin.
func TestNothingTakesOrdersFromOtherSites(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	everyMount(t, w.app)
	for _, request := range allWrites() {
		for name, header := range map[string]map[string]string{
			"a browser that says so":   {"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.example"},
			"a subdomain":              {"Sec-Fetch-Site": "same-site", "Origin": "https://evil.watch.example"},
			"an old browser":           {"Origin": "https://evil.example"},
			"a page without an origin": {"Origin": "null"},
			"a form":                   {"Origin": "https://evil.example", "Content-Type": "text/plain"},
		} {
			got := ask(t, w.app.site, request, header)
			if got.Code != http.StatusForbidden || !strings.Contains(got.Body.String(), "comes from another web site") {
				t.Errorf("%s from %s is not refused: %d %s", request, name, got.Code, got.Body)
			}
		}
		// The signature is what Slack is known by; a browser has none.
		if got := ask(t, w.app.site, request, nil); got.Code == http.StatusForbidden && !strings.HasPrefix(request, "POST /slack/") {
			t.Errorf("%s of a program is refused: %d %s", request, got.Code, got.Body)
		}
		if got := ask(t, w.app.site, request, map[string]string{"Sec-Fetch-Site": "same-origin"}); strings.Contains(got.Body.String(), "another web site") {
			t.Errorf("%s of our own page is refused: %d %s", request, got.Code, got.Body)
		}
	}
}

// TestProgramsNeedNoOrigin: what Prometheus, amtool and Slack's libraries send is taken.
func TestProgramsNeedNoOrigin(t *testing.T) {
	w := newWorld(t, map[string]string{})
	silence := `{"matchers": [{"name": "a", "value": "b", "isRegex": false}], "startsAt": "` + time.Now().Format(time.RFC3339) + `", "endsAt": "` + time.Now().Add(time.Hour).Format(time.RFC3339) + `", "createdBy": "x", "comment": "y"}`
	if status, answer := w.post(w.url("/api/v2/silences"), "application/json", []byte(silence)); status != http.StatusOK {
		t.Errorf("a silence: %d %s", status, answer)
	}
	if status, answer := w.post(w.url("/inbox/api/chat.postMessage"), "application/x-www-form-urlencoded", []byte("token=xoxb-x&channel=oncall&text=hello")); status != http.StatusOK || !strings.Contains(answer, `"ok":true`) {
		t.Errorf("a message: %d %s", status, answer)
	}
	if status, answer := w.post(w.url("/api/v1/write"), "application/x-protobuf", nil); status == http.StatusForbidden {
		t.Errorf("remote write: %d %s", status, answer)
	}
}

// TestReadingChangesNothing: what a link or an image can ask is refused where it would change something.
func TestReadingChangesNothing(t *testing.T) {
	w := newWorld(t, map[string]string{})
	for _, request := range []string{"/-/reload", "/inbox/click?click=x", "/inbox/api/chat.postMessage?token=xoxb-x&channel=oncall&text=hello", "/inbox/delete", "/slack/interactions", "/api/v1/write", "/api/v1/admin/tsdb/snapshot"} {
		if got := ask(t, w.app.site, request, map[string]string{"Sec-Fetch-Site": "cross-site"}); got.Code/100 == 2 && !strings.Contains(got.Body.String(), `"ok":false`) {
			t.Errorf("GET %s = %d %s", request, got.Code, got.Body)
		}
	}
	for _, m := range w.all() {
		t.Errorf("a link has posted %q", m.Text)
	}
}

// TestEveryPageHasAPolicy: no page, and nothing that a browser may take for one, runs scripts or has styles that are not ours.
func TestEveryPageHasAPolicy(t *testing.T) {
	w := newWorld(t, map[string]string{"slos/share.yaml": shareSpec})
	everyMount(t, w.app)
	seen := 0
	for _, request := range slices.Concat(allReads(), allWrites()) {
		for _, header := range []map[string]string{nil, {"Origin": "https://evil.example"}} {
			got := ask(t, w.app.site, request, header)
			kind := got.Header().Get("Content-Type")
			if got.Header().Get("X-Content-Type-Options") != "nosniff" || got.Header().Get("X-Frame-Options") != "DENY" {
				t.Errorf("%s can be taken for another kind, or framed: %v", request, got.Header())
			}
			if kind != "" && !strings.HasPrefix(kind, "text/html") {
				continue
			}
			seen++
			faultsOfPolicy(t, request, got.Header().Get("Content-Security-Policy"))
			for _, inline := range []string{"<script>", "<style", " style=\"", " onclick=", " onload=", "javascript:"} {
				if strings.Contains(got.Body.String(), inline) {
					t.Errorf("%s has %q, which its policy forbids", request, inline)
				}
			}
		}
	}
	if seen < 40 {
		t.Errorf("only %d pages were looked at", seen)
	}
}

func faultsOfPolicy(t *testing.T, request, policy string) {
	t.Helper()
	directives := map[string]string{}
	for d := range strings.SplitSeq(policy, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(d), " ")
		directives[name] = value
	}
	for name, want := range map[string]string{"default-src": "'none'", "script-src": "'self'", "style-src": "'self'", "base-uri": "'none'", "form-action": "'self'", "frame-ancestors": "'none'"} {
		if directives[name] != want {
			t.Errorf("%s has %s %q, want %s: %s", request, name, directives[name], want, policy)
		}
	}
	for name, value := range directives {
		if strings.Contains(value, "unsafe") || strings.Contains(value, "*") {
			t.Errorf("%s lets %s be %s", request, name, value)
		}
	}
}

// TestViewersReachNothingMounted asks everything there is as a viewer: what is mounted never hears of it.
func TestViewersReachNothingMounted(t *testing.T) {
	const users = "basic_auth_users:\n  marketing: $2a$04$J3CGajhOxR.zi9.aeqYZHeIccydQapCPHrXFEW8qVAdlMsZvp.XwC\n"
	w := newWorld(t, map[string]string{
		"slos/share.yaml": shareSpec, "web.yml": users,
		"watchtower.yaml": strings.Replace(baseConfig, "{listen: 127.0.0.1:0}", "{listen: 127.0.0.1:0, config_file: web.yml, viewers: [marketing]}", 1),
	})
	everyMount(t, w.app)
	open := map[string]bool{"/": true, "/primer": true, "/reports": true, "/reports/": true, "/reports/last": true, "/reports/nowhere": true, "/dashboards/wt-live": true, "/assets/nowhere": true}
	say := func(request, user string) int {
		t.Helper()
		method, path, found := strings.Cut(request, " ")
		if !found {
			method, path = http.MethodGet, request
		}
		r, err := http.NewRequestWithContext(t.Context(), method, w.url(path), strings.NewReader(""))
		if err != nil {
			t.Fatal(err)
		}
		if user != "" {
			r.SetBasicAuth(user, "secret")
		}
		status, _ := w.do(r)
		return status
	}
	for _, request := range slices.Concat(allReads(), allWrites(), slices.Collect(maps.Keys(mounted()))) {
		if !strings.Contains(request, "/") || strings.Contains(request, "site") {
			continue
		}
		got := say(request, "marketing")
		switch {
		case open[request] && got == http.StatusForbidden:
			t.Errorf("%s is closed to a viewer", request)
		case !open[request] && got != http.StatusForbidden:
			t.Errorf("%s answers a viewer %d, want 403", request, got)
		}
		if got := say(request, ""); got != http.StatusUnauthorized {
			t.Errorf("%s answers somebody without a password %d, want 401", request, got)
		}
	}
	if got := say("/dashboards/wt-live", "marketing"); got != http.StatusOK {
		t.Errorf("the live board = %d: the package web knows it by another name than dashboards", got)
	}
}
