//go:build integration

package demo

import (
	"context"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/browsertest"
)

// screen is a page of the site: one of a kind stands for all.
type screen struct {
	name  string // of its picture, docs/images/web-NAME.png
	path  string
	shows string // what it must say
}

// screens are the pages that the demo has. A new page is walked, and its picture taken, once it stands here.
func screens(incident, week, month string) []screen {
	return []screen{
		{name: "overview", path: "/", shows: "What we promise"},
		{name: "objective", path: "/objectives/share-share-availability", shows: "Sharing"},
		{name: "incidents", path: "/incidents", shows: "Incidents"},
		{name: "incident", path: incident, shows: "Sharing"},
		{name: "oncall", path: "/oncall", shows: "On call"},
		{name: "dashboards", path: "/dashboards", shows: "Start here"},
		{name: "dashboard", path: "/dashboards/wt-svc-share?from=now-5m&to=now", shows: "share"},
		{name: "live", path: "/dashboards/wt-live?from=now-5m&to=now", shows: "can people use the app"},
		{name: "playbooks", path: "/playbooks", shows: "Playbooks"},
		{name: "playbook", path: "/playbooks/api-error-rate", shows: "Impact"},
		{name: "reports", path: "/reports/", shows: "Weeks"},
		{name: "report", path: week, shows: "The week of"},
		{name: "report-plain", path: week + "?edition=plain", shows: "A budget is how much may fail"},
		{name: "report-month", path: month, shows: "What cost the most"},
		{name: "search", path: "/search?q=share", shows: "results for"},
		{name: "primer", path: "/primer", shows: "budget"},
		{name: "status", path: "/status", shows: "OTLP"},
		{name: "inbox", path: "/inbox/oncall", shows: "Firing"},
		{name: "inbox-status", path: "/inbox/status", shows: "status"},
		{name: "inbox-error", path: "/inbox/nowhere", shows: "There is no channel"},
		{name: "error", path: "/nowhere", shows: "There is nothing at /nowhere"},
	}
}

// pictured are the screens whose pictures the docs show.
func pictured(name string) bool {
	return !slices.Contains([]string{"dashboard", "dashboards", "reports", "inbox-status", "inbox-error", "error", "search", "report-month", "primer"}, name)
}

// walk opens every page in every window.
func walk(t *testing.T, address string) {
	t.Helper()
	var incident string
	until(t, 3*time.Minute, "the bad release becomes an incident with its page", func() bool {
		for _, m := range regexp.MustCompile(`href="(/incidents/\d+)"`).FindAllStringSubmatch(fetch(t, address+"/incidents"), -1) {
			if strings.Contains(fetch(t, address+m[1]), "Sharing a post works") {
				incident = m[1]
			}
		}
		_, page := ask(t, address+"/inbox/oncall") // There is no such channel before the first page.
		return incident != "" && strings.Contains(page, "Firing")
	})
	weeks := regexp.MustCompile(`href="(/reports/\d{4}-W\d+)"`).FindAllStringSubmatch(fetch(t, address+"/reports/"), -1)
	if len(weeks) < 2 {
		t.Fatalf("the list of reports has %v, want this week and those before", weeks)
	}
	month := regexp.MustCompile(`href="(/reports/\d{4}-\d\d)"`).FindStringSubmatch(fetch(t, address+"/reports/"))
	if month == nil {
		t.Fatal("the list of reports has no month")
	}
	for _, w := range browsertest.Windows() {
		t.Run(w.String(), func(t *testing.T) {
			ctx := browsertest.Open(t, w)
			for _, s := range screens(incident, weeks[1][1], month[1]) {
				browsertest.Go(ctx, t, address+s.path)
				if text := browsertest.Ask[string](ctx, t, `document.body.innerText`); !strings.Contains(text, s.shows) {
					t.Errorf("%s does not say %q:\n%s", s.path, s.shows, text)
				}
				browsertest.Check(ctx, t, s.path)
				picture(ctx, t, s, w)
			}
		})
	}
}

// picture keeps what a page looks like where -screenshots asks for it: on a desk by day, and the overview on a phone by night.
func picture(ctx context.Context, t *testing.T, s screen, w browsertest.Window) {
	t.Helper()
	name := "web-" + s.name
	if w.Phone() {
		name += "-phone"
	}
	if *screenshots == "" || !pictured(s.name) || w.Phone() != w.Dark || w.Phone() && s.name != "overview" {
		return
	}
	browsertest.Picture(ctx, t, filepath.Join(*screenshots, name+".png"))
}
