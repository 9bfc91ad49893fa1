package web

import (
	"net/http"
	"slices"

	"github.com/watchtower-hub/watchtower/internal/viewer"
)

// liveBoard is the dashboard for those who are not engineers; the package dashboards builds it.
const liveBoard = "wt-live"

// refusal is what a viewer is told of everything that is not plain.
const refusal = "Your account sees the plain pages alone: whether the app works, the live board, the weekly reports and the primer. " +
	"Ask whoever runs Watchtower if you need more."

// plain tells whether a request is a viewer's, who sees the plain pages alone. The name is worth something only because
// web.config_file makes the listener check its password; [Config.Validate] sees to it that there are no viewers without.
func (s *site) plain(r *http.Request) bool {
	name, _, ok := r.BasicAuth()
	return ok && slices.Contains(s.o.Viewers, name)
}

// apart sends viewers to pages of their own. They never reach the routes of everybody else: what is added there is closed to
// them until it is added to viewerRoutes.
func (s *site) apart(everybody http.Handler) http.Handler {
	if len(s.o.Viewers) == 0 {
		return everybody
	}
	mux := http.NewServeMux()
	mux.Handle("/", s.handle(func(http.ResponseWriter, *http.Request) error {
		return fault{http.StatusForbidden, refusal, nil}
	}))
	for pattern, h := range s.viewerRoutes() {
		mux.Handle(pattern, s.handle(h))
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.plain(r) {
			mux.ServeHTTP(w, r)
			return
		}
		everybody.ServeHTTP(w, r)
	})
}

// viewerRoutes are all that a viewer may open. What stands here must show no PromQL, no burn rates and no label sets.
func (s *site) viewerRoutes() map[string]handler {
	return map[string]handler{
		"GET /{$}":                     s.plainOverview,
		"GET /primer":                  s.primer,
		"GET /reports/{$}":             s.reports,
		"GET /reports/{period}":        s.report,
		"GET /dashboards/" + liveBoard: s.liveBoard,
		"GET /assets/{file}":           s.asset,
		"GET /favicon.ico":             s.favicon,
		"GET /-/healthy":               s.healthy,
		"GET /-/ready":                 s.ready,
	}
}

// viewerLinks is the navigation of a viewer.
func (s *site) viewerLinks(current string) []link {
	links := []link{{entry: entry{Path: "/", Name: "Overview"}}}
	if s.o.Dashboards != nil {
		links = append(links, link{entry: entry{Path: viewer.Path(liveBoard), Name: "Live"}})
	}
	links = append(links, link{entry: entry{Path: "/reports/", Name: "Reports"}})
	for i, l := range links {
		links[i].Current = l.Path == current
	}
	return links
}

func (s *site) liveBoard(w http.ResponseWriter, r *http.Request) error {
	r.SetPathValue("uid", liveBoard)
	return s.dashboard(w, r)
}

// simplify takes from a dashboard what a viewer may not follow, and what only engineers read.
func simplify(d *viewer.Page) {
	const unread = "Something here could not be read just now. Those who run Watchtower can see why."
	d.Links = slices.DeleteFunc(d.Links, func(l viewer.PageLink) bool { return l.URL != "/primer" && l.URL != "/reports/" && l.URL != "/reports" })
	d.Notes = once(d.Notes, unread)
	for i := range d.Marks {
		d.Marks[i].Path = ""
	}
	for _, section := range d.Sections {
		for i := range section.Panels {
			p := &section.Panels[i]
			p.Links, p.Notes = nil, once(p.Notes, unread)
			if p.Table == nil {
				continue
			}
			for _, row := range p.Table.Rows {
				for c := range row {
					row[c].URL = ""
				}
			}
		}
	}
}

// once returns one sentence in place of all, and nothing in place of none.
func once(all []string, sentence string) []string {
	if len(all) == 0 {
		return nil
	}
	return []string{sentence}
}
