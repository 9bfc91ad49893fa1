package web

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/watchtower-hub/watchtower/rules"
)

// grouped is a site with an objective whose groups are not all fine although the whole is.
func grouped(t *testing.T) http.Handler {
	t.Helper()
	return newSite(t, func(o *Options) {
		o.Incidents = nil
		o.Engine = fakeEngine{statuses: slices.Concat(
			[]rules.Status{promise("auth", "login", "People can log in", nil)},
			byRoute(promise("posts", "requests", "Posting works", nil)),
		)}
	})
}

func TestGroupsBelowTheirWhole(t *testing.T) {
	body := get(t, grouped(t), "/").Body.String()
	for _, want := range []string{
		"We are not fine: 1 of 2 promises is broken.", "Posting works (route /api/posts/{id}/comments, method POST)",
		"8 by route and method: 1 broken now, 5 at risk, 1 without data", "/api/posts/{id}/comments · POST", "1 more in trouble",
		`href="/objectives/posts-requests#groups"`,
	} {
		if !strings.Contains(body, want) {
			t.Errorf("the overview does not say %q", want)
		}
	}
	if n := strings.Count(body, `class="member is-`); n != groupsInOverview {
		t.Errorf("%d groups are shown, want %d", n, groupsInOverview)
	}
	if strings.Contains(body, "none · POST") {
		t.Error("an idle group is shown as if it were in trouble")
	}
	// The service with the broken group comes before the healthy one.
	if strings.Index(body, "Posting works") > strings.Index(body, "People can log in") {
		t.Error("the healthy service comes first")
	}
}

func TestPageOfGroups(t *testing.T) {
	site := grouped(t)
	body := get(t, site, "/objectives/posts-requests").Body.String()
	for _, want := range []string{"By route and method", "none · POST", "/api/tags · POST", "The budget, step by step", "71% of the budget is left", "Why it alerts or does not", "page, 1h and 5m"} {
		if !strings.Contains(body, want) {
			t.Errorf("the page of the whole does not say %q", want)
		}
	}
	w := get(t, site, "/objectives/posts-requests:~api~tags:POST")
	if body = w.Body.String(); w.Code != http.StatusOK || !strings.Contains(body, `/ <a href="/objectives/posts-requests">`) && !strings.Contains(body, `<a href="/objectives/posts-requests">Posting works</a>`) {
		t.Errorf("the page of a group answers %d and does not lead to its whole", w.Code)
	}
}

func TestExplainAPI(t *testing.T) {
	site := grouped(t)
	var x Explanation
	w := get(t, site, "/api/watchtower/v1/objectives/posts-requests:~api~tags:POST/explain")
	if err := json.Unmarshal(w.Body.Bytes(), &x); err != nil || w.Code != http.StatusOK {
		t.Fatalf("%d %v: %s", w.Code, err, w.Body)
	}
	if x.Objective.Parent != "posts-requests" || x.Objective.Group["route"] != "/api/tags" || x.Written != "slos/posts.yaml:12" {
		t.Errorf("the objective is %+v, written in %s", x.Objective, x.Written)
	}
	if len(x.Windows) != 1 || x.Windows[0].Long.Length != "1h" || x.Windows[0].Long.Allowed != 41 || !strings.HasPrefix(x.Windows[0].Why, "Quiet") {
		t.Errorf("windows are %+v", x.Windows)
	}
	if *x.Every != 5 || len(x.Series) != 2 || x.SeriesCount != 16 || len(x.Terms) != 2 || len(x.Budget) != 1 {
		t.Errorf("the explanation is %s", w.Body)
	}
	for _, key := range []string{`"groups": []`, `"corrections": []`, `"generations": []`} {
		if !strings.Contains(w.Body.String(), key) && !strings.Contains(w.Body.String(), strings.ReplaceAll(key, " ", "")) {
			t.Errorf("%s is missing", key)
		}
	}
	if w = get(t, site, "/api/watchtower/v1/objectives/nope/explain"); w.Code != http.StatusNotFound {
		t.Errorf("an unknown objective answers %d", w.Code)
	}
}

func TestWhatAStartWaitsFor(t *testing.T) {
	site := newSite(t, func(o *Options) {
		o.Ready = func() bool { return false }
		o.Starting = func() string { return "restoring: 3 of 10 objectives; share-requests, 12 of 30d read" }
	})
	if w := get(t, site, "/-/ready"); w.Code != http.StatusServiceUnavailable || w.Body.String() != "Watchtower is starting: restoring: 3 of 10 objectives; share-requests, 12 of 30d read.\n" {
		t.Errorf("%d: %s", w.Code, w.Body)
	}
	if body := get(t, site, "/").Body.String(); !strings.Contains(body, "12 of 30d read. This page fills by itself.") {
		t.Error("the overview does not say what is waited for")
	}
}
