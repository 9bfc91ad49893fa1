package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
	"github.com/watchtower-hub/watchtower/internal/viewer"
)

// dashboardsBody is the list of dashboards.
type dashboardsBody struct {
	Groups []dashboardGroup
	Count  string
	Search string // what is searched for
	Tag    string
	Show   bool // there are so many that a search helps
	Any    bool // there is at least one, found or not
}

type dashboardGroup struct {
	ID, Title string
	Boards    []boardLink
}

type boardLink struct{ Path, Title, Purpose string }

// searchFrom is how many dashboards are listed without a search.
const searchFrom = 12

func (s *site) dashboards(w http.ResponseWriter, r *http.Request) error {
	var boards []*viewer.Board
	if s.o.Dashboards != nil {
		var err error
		if boards, err = s.o.Dashboards.Boards(); err != nil {
			return fault{http.StatusInternalServerError, "The dashboards could not be generated: " + err.Error() + ".", err}
		}
	}
	q := r.URL.Query()
	b := dashboardsBody{Search: strings.TrimSpace(q.Get("q")), Tag: q.Get("tag"), Show: len(boards) > searchFrom, Any: len(boards) > 0}
	found := slices.DeleteFunc(slices.Clone(boards), func(d *viewer.Board) bool {
		return b.Tag != "" && !slices.Contains(d.Tags, b.Tag) || !strings.Contains(strings.ToLower(d.Title), strings.ToLower(b.Search))
	})
	b.Count = plural(len(found), "dashboard")
	at := map[string]int{}
	for _, d := range found {
		name := groupOf(d)
		i, known := at[name]
		if !known {
			i = len(b.Groups)
			at[name] = i
			b.Groups = append(b.Groups, dashboardGroup{ID: fmt.Sprintf("group-%d", i), Title: name})
		}
		b.Groups[i].Boards = append(b.Groups[i].Boards, boardLink{viewer.Path(d.UID), d.Title, d.Purpose})
	}
	return s.render(w, r, http.StatusOK, page{Template: "dashboards", Title: "Dashboards", Nav: "/dashboards", Body: b})
}

// groupOf names the group of a dashboard by its tags, "watchtower-service" is one of the services; without such a tag by its
// UID, which tells what comes with Watchtower from what a kit or a user adds.
func groupOf(d *viewer.Board) string {
	for _, tag := range d.Tags {
		name, ours := strings.CutPrefix(tag, "watchtower-")
		if !ours || name == "generated" {
			continue
		}
		name = strings.ReplaceAll(name, "-", " ")
		if !strings.HasSuffix(name, "s") && name != "live" && name != "on call" && name != "health" {
			name += "s"
		}
		first, size := utf8.DecodeRuneInString(name)
		return string(unicode.ToUpper(first)) + name[size:]
	}
	switch {
	case strings.HasPrefix(d.UID, "wt-"):
		return "Start here"
	case strings.HasPrefix(d.UID, "kit-"):
		return "Components"
	default:
		return "Your own"
	}
}

// dashboardBody is a dashboard with its times on the site's clock.
type dashboardBody struct {
	viewer.Page
	Start, Stop moment
	Every       string // how often it is refreshed: "every 30s"; empty: it is not.
	Choosing    bool   // There is something to choose beside the usual times.
	Events      []event
	Plain       bool // for a viewer
}

// How much of the time around an incident a dashboard shows.
const (
	beforeIncident = 15 * time.Minute
	afterIncident  = 10 * time.Minute
)

// dashboardsAt leads to the graph of each objective that an incident is about and to the dashboard of its service, at its time.
// One that goes on is shown up to the present.
func (s *site) dashboardsAt(in postmortem.Incident) []choice {
	if s.o.Dashboards == nil {
		return nil
	}
	from, to := in.OpenedAt.Add(-beforeIncident), in.ResolvedAt
	if !to.IsZero() {
		to = to.Add(afterIncident)
	}
	var links []choice
	for _, i := range in.Impacts {
		if at, ok := s.o.Dashboards.About(objectivePath(i.Objective)); ok {
			links = append(links, choice{Path: viewer.Link(at.UID, at.Panel, from, to), Name: "Graph: " + i.Promise})
		}
	}
	if at, ok := s.o.Dashboards.OfService(in.Service); ok {
		links = append(links, choice{Path: viewer.Link(at.UID, 0, from, to), Name: "Dashboard: " + at.Title})
	}
	return links
}

// graph leads to the graph of an objective, at the time that from and to of the address say; to its page where no dashboard
// has one. Alerts carry this address: it stays the same when the dashboards change.
func (s *site) graph(w http.ResponseWriter, r *http.Request) error {
	page := objectivePath(r.PathValue("id"))
	if s.o.Dashboards == nil {
		http.Redirect(w, r, page, http.StatusFound)
		return nil
	}
	at, ok := s.o.Dashboards.About(page)
	if !ok {
		http.Redirect(w, r, page, http.StatusFound)
		return nil
	}
	query := url.Values{"panel": {strconv.FormatInt(at.Panel, 10)}}
	for _, key := range []string{"from", "to"} {
		if v := r.URL.Query().Get(key); v != "" {
			query.Set(key, v)
		}
	}
	http.Redirect(w, r, viewer.Path(at.UID)+"?"+query.Encode(), http.StatusFound)
	return nil
}

// event is something that happened in the time shown.
type event struct {
	viewer.Mark
	Start moment
	Ended string // "for 12 min", "and goes on"
}

func (s *site) dashboard(w http.ResponseWriter, r *http.Request) error {
	uid := r.PathValue("uid")
	missing := fault{http.StatusNotFound, fmt.Sprintf("There is no dashboard %q, or not this panel on it.", uid), nil}
	if s.o.Dashboards == nil {
		return missing
	}
	d, err := s.o.Dashboards.Page(r.Context(), uid, r.URL.Query())
	switch {
	case errors.Is(err, viewer.ErrNotFound):
		return missing
	case err != nil:
		return fault{http.StatusInternalServerError, "The dashboards could not be generated: " + err.Error() + ".", err}
	case r.Context().Err() != nil:
		return r.Context().Err()
	}
	plain := s.plain(r)
	if plain {
		simplify(&d)
	}
	// The site's own navigation is above.
	d.Links = slices.DeleteFunc(d.Links, func(l viewer.PageLink) bool { return l.URL == "/" || l.URL == "/incidents" || l.URL == "/playbooks" })
	b := dashboardBody{Page: d, Start: s.at(d.Begin), Stop: s.at(d.End), Choosing: len(d.Variables) > 0, Plain: plain}
	for _, rate := range d.Rates {
		if rate.Selected && d.Refresh > 0 {
			b.Every = rate.Text
		}
	}
	b.Events = s.eventsOf(d.Marks)
	nav := "/dashboards"
	if plain {
		nav = d.Path
	}
	p := page{Template: "dashboard", Title: d.Title, Nav: nav, Refresh: d.Refresh, Timed: true, Wide: true, Body: b}
	if r.URL.Query().Get("refresh") != "" {
		p.Reload = d.Refresh // chosen, so it works without JavaScript, too
	}
	if d.Alone && len(d.Sections) > 0 {
		p.Title = d.Sections[0].Panels[0].Title + " · " + d.Title
	}
	return s.render(w, r, http.StatusOK, p)
}
