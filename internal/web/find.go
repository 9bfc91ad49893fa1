package web

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/watchtower-hub/watchtower/internal/web/search"
)

const (
	// hitsAKind is how many results of each kind are shown, and hitsOfOne how many where one kind alone is asked for.
	hitsAKind, hitsOfOne = 8, 100
	// indexFresh is how long what was gathered is searched: whoever types asks again with each letter.
	indexFresh = 2 * time.Second
)

// lastIndex keeps what was gathered for the queries that follow soon.
type lastIndex struct {
	mu   sync.Mutex // Held while gathering: others wait for the same answer.
	at   time.Time
	have findable
}

func (s *site) gathered(ctx context.Context) findable {
	s.last.mu.Lock()
	defer s.last.mu.Unlock()
	if now := s.o.Now(); s.last.have.index == nil || now.Sub(s.last.at) >= indexFresh || now.Before(s.last.at) {
		s.last.have, s.last.at = s.findable(ctx), now
	}
	return s.last.have
}

// searchBody is the page of results.
type searchBody struct {
	Asked      bool // There is a query.
	Query      string
	Heading    string
	Cut        bool // The query was too long.
	MetricsCut bool
	Limits     searchLimits
	Groups     []searchGroup
	Kind       string // The one kind that is shown; empty: all.
	AllPath    string // Where all kinds are shown.
}

// searchLimits are the bounds that the page speaks of.
type searchLimits struct{ Query, Metrics int }

type searchGroup struct {
	search.Group
	Title    string
	MorePath string // Where more of them are shown; empty: here are as many as are ever shown.
}

// search shows what a query finds, or goes where it can only lead.
func (s *site) search(w http.ResponseWriter, r *http.Request) error {
	q, kind := strings.TrimSpace(r.URL.Query().Get("q")), r.URL.Query().Get("kind")
	if kindTitle(kind) == "" {
		kind = ""
	}
	if path, ok := s.straight(q); ok {
		http.Redirect(w, r, path, http.StatusFound)
		return nil
	}
	all := s.gathered(r.Context())
	most := hitsAKind
	if kind != "" {
		most = hitsOfOne
	}
	found := all.index.Find(q, kind, most)
	b := searchBody{
		Asked: found.Query != "", Query: found.Query, Heading: headingOf(found, q, kind), Cut: found.Cut, MetricsCut: all.metricsCut,
		Limits: searchLimits{search.MaxQuery, mostMetrics}, Kind: kind, AllPath: searchPath(found.Query, ""),
	}
	for _, g := range found.Groups {
		v := searchGroup{Group: g, Title: kindTitle(g.Kind)}
		if kind == "" {
			v.MorePath = searchPath(found.Query, g.Kind)
		}
		b.Groups = append(b.Groups, v)
	}
	title := "Search"
	if b.Asked {
		title = found.Query + " · Search"
	}
	return s.render(w, r, http.StatusOK, page{Template: "search", Title: title, Query: found.Query, Body: b})
}

// headingOf says how much was found.
func headingOf(found search.Result, asked, kind string) string {
	in := ""
	if kind != "" {
		in = " in " + strings.ToLower(kindTitle(kind))
	}
	switch {
	case asked == "":
		return "What are you looking for?"
	case found.Query == "":
		return "There is nothing to look for in this."
	case found.All == 0 && numberQuery.MatchString(asked):
		return fmt.Sprintf("There is no incident %s.", asked)
	case found.All == 0:
		return fmt.Sprintf("Nothing%s matches “%s”.", in, found.Query)
	default:
		return fmt.Sprintf("%s for “%s”%s", plural(found.All, "result"), found.Query, in)
	}
}

func searchPath(query, kind string) string {
	v := url.Values{"q": {query}}
	if kind != "" {
		v.Set("kind", kind)
	}
	return "/search?" + v.Encode()
}

// Found is what a query found, as the API serves it.
type Found struct {
	Query string `json:"query"`        // As it was understood.
	Cut   bool   `json:"cut"`          // The query was longer than what is looked for.
	Go    string `json:"go,omitempty"` // Where a number of an incident or a name of a period leads.
	Total int    `json:"total"`
	// Groups are the results by kind, the best first.
	Groups []FoundGroup `json:"groups"`
}

// FoundGroup is what was found of one kind.
type FoundGroup struct {
	Kind  string     `json:"kind"`
	Title string     `json:"title"`
	Total int        `json:"total"`
	More  int        `json:"more"` // How many of them are not among the results.
	Found []FoundOne `json:"results"`
}

// FoundOne is something that was found.
type FoundOne struct {
	Name    string        `json:"name"`
	ID      string        `json:"id,omitempty"`
	About   string        `json:"about,omitempty"`
	Excerpt string        `json:"excerpt,omitempty"` // Of its full text, where that is why it was found.
	Path    string        `json:"path"`
	URL     string        `json:"url"`
	Parts   []search.Part `json:"parts"` // The name, split where words of the query begin and end.
}

// apiSearch serves what a query finds: ?q=, and at choice kind= and limit=.
func (s *site) apiSearch(w http.ResponseWriter, r *http.Request) error {
	v := r.URL.Query()
	q, kind, limit := strings.TrimSpace(v.Get("q")), v.Get("kind"), hitsAKind
	if kind != "" && kindTitle(kind) == "" {
		return fault{http.StatusBadRequest, fmt.Sprintf("There is no kind %q; use objectives, incidents, playbooks, dashboards, oncall, reports, pages or metrics.", kind), nil}
	}
	if text := v.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > hitsOfOne {
			return fault{http.StatusBadRequest, fmt.Sprintf("The limit %q must be a number from 1 to %d: so many results of each kind.", text, hitsOfOne), nil}
		}
		limit = n
	}
	found := s.gathered(r.Context()).index.Find(q, kind, limit)
	out := Found{Query: found.Query, Cut: found.Cut, Total: found.All, Groups: []FoundGroup{}}
	out.Go, _ = s.straight(q)
	for _, g := range found.Groups {
		group := FoundGroup{Kind: g.Kind, Title: kindTitle(g.Kind), Total: g.All, More: g.More(), Found: []FoundOne{}}
		for _, h := range g.Hits {
			group.Found = append(group.Found, FoundOne{
				Name: joined(h.Name), ID: joined(h.ID), About: joined(h.About), Excerpt: joined(h.Excerpt), Path: h.Path, URL: s.o.ExternalURL + h.Path, Parts: h.Name,
			})
		}
		out.Groups = append(out.Groups, group)
	}
	return writeJSON(w, r, http.StatusOK, out)
}

func joined(parts []search.Part) string {
	var b strings.Builder
	for _, p := range parts {
		b.WriteString(p.Text)
	}
	return b.String()
}
