package viewer

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// ErrNotFound is that there is no such dashboard, or no such panel on it.
var ErrNotFound = errors.New("there is no such dashboard")

// Options is what a viewer is made of.
type Options struct {
	// Boards returns all dashboards, in the order in which they are listed.
	Boards  func() ([]*Board, error)
	Querier Querier
	// Marks returns what happened in a time that concerns a board: incidents and deploys.
	// Nil: nothing is known.
	Marks func(ctx context.Context, b *Board, from, to time.Time) []Mark
	// ExternalURL is where people reach the site: links to it stay on the host that
	// somebody uses.
	ExternalURL string
	Zone        *time.Location   // of times on pages; nil is UTC
	Now         func() time.Time // nil is time.Now
}

// Mark is something that happened: it is shaded or marked in every graph.
type Mark struct {
	// From and To are when it began and ended; zero To goes on, and equal ones are a moment.
	From, To time.Time
	Name     string // "Incident 12: Sharing a post works"
	Path     string // where more is known of it; may be empty
}

// Place is a panel on a dashboard.
type Place struct {
	UID, Title string // of the dashboard
	Panel      int64  // 0: the dashboard as a whole
}

// About returns the graph that is about a page of the site, "/objectives/share": the first
// that links to it.
func (v *Viewer) About(path string) (Place, bool) {
	return v.find(func(b *Board) (int64, bool) {
		for _, l := range b.graphs {
			if v.address(l.url) == path {
				return l.panel, true
			}
		}
		return 0, false
	})
}

// OfService returns the dashboard of a service.
func (v *Viewer) OfService(service string) (Place, bool) {
	return v.find(func(b *Board) (int64, bool) { return 0, service != "" && b.Service == service })
}

func (v *Viewer) find(panel func(*Board) (int64, bool)) (Place, bool) {
	boards, err := v.o.Boards()
	if err != nil {
		return Place{}, false // the list of dashboards says why
	}
	for _, b := range boards {
		if id, ok := panel(b); ok {
			return Place{b.UID, b.Title, id}, true
		}
	}
	return Place{}, false
}

// Viewer makes pages of dashboards. It is safe for concurrent use.
type Viewer struct{ o Options }

// New returns a viewer of the dashboards.
func New(o Options) *Viewer {
	o.Zone = cmp.Or(o.Zone, time.UTC)
	o.ExternalURL = strings.TrimRight(o.ExternalURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Boards == nil {
		o.Boards = func() ([]*Board, error) { return nil, nil }
	}
	return &Viewer{o: o}
}

// Boards returns all dashboards.
func (v *Viewer) Boards() ([]*Board, error) { return v.o.Boards() }

// Path is where a dashboard is shown.
func Path(uid string) string { return "/dashboards/" + url.PathEscape(uid) }

// Link is where one panel of a dashboard is shown at a time, such as that of an incident.
// Panel 0 is all of them; a zero time is the dashboard's own.
func Link(uid string, panel int64, from, to time.Time) string {
	q := url.Values{}
	if panel != 0 {
		q.Set("panel", strconv.FormatInt(panel, 10))
	}
	if !from.IsZero() {
		q.Set("from", strconv.FormatInt(from.UnixMilli(), 10))
	}
	if !to.IsZero() {
		q.Set("to", strconv.FormatInt(to.UnixMilli(), 10))
	}
	if len(q) == 0 {
		return Path(uid)
	}
	return Path(uid) + "?" + q.Encode()
}

// Page is a dashboard over a time, ready to be shown.
type Page struct {
	UID, Title, Purpose string
	Path                string // of the page without what was asked of it
	Alone               bool   // one panel, by itself
	Back                string // from there to the whole dashboard

	From, To  string    // as they were asked for: "now-6h"
	Begin     time.Time // and what they are
	End       time.Time
	Ranges    []Choice
	Rates     []Option // of refreshing
	Refresh   int      // seconds until the page is out of date; 0: never
	Variables []Variable
	Panel     string // the panel that is alone, for the form

	Links    []PageLink
	Marks    []Mark
	Notes    []string // what could not be read or asked
	Sections []Section
}

// Choice is a link to the page with something else chosen.
type Choice struct {
	Name, Path string
	Current    bool
}

// PageLink leads on from a page or a panel.
type PageLink struct{ Title, URL string }

// Section is a row of panels.
type Section struct {
	Title  string
	Panels []Panel
}

// Panel is one panel. One of the fields from Graph on is set; if none is, Empty says why.
type Panel struct {
	ID          int64
	Anchor      string // unique on the page: one panel may be there several times
	Kind        string // as Grafana names it
	Title       string
	Description template.HTML
	Path        string // of the panel alone
	Links       []PageLink
	Width       int  // columns of 24
	Height      int  // rows of the grid
	Right       bool // it is in the right half
	Notes       []string
	Empty       string

	Graph *Graph
	Stats []Stat
	Dials []Dial
	Bars  []Bar
	Table *Table
	Text  template.HTML
}

// Filled tells whether the panel shows what it is for.
func (p Panel) Filled() bool {
	return p.Graph != nil || len(p.Stats) > 0 || len(p.Dials) > 0 || len(p.Bars) > 0 || p.Table != nil || p.Text != ""
}

// Page makes the page of a dashboard. The values are those of its address: from, to,
// refresh, panel, and var-NAME. The error is ErrNotFound, or that of Boards: queries that
// fail are said in their panels.
func (v *Viewer) Page(ctx context.Context, uid string, q url.Values) (Page, error) {
	boards, err := v.o.Boards()
	if err != nil {
		return Page{}, err
	}
	i := slices.IndexFunc(boards, func(b *Board) bool { return b.UID == uid })
	if i < 0 {
		return Page{}, fmt.Errorf("dashboard %q: %w", uid, ErrNotFound)
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	b := boards[i]
	c, err := b.open()
	if err != nil {
		return Page{}, err
	}
	r := &request{viewer: v, board: b, content: c, query: q, asks: newAsker(v.o.Querier)}
	var fault string
	r.window, fault = windowOf(c, q, v.o.Now(), v.o.Zone)
	p := Page{
		UID: uid, Title: b.Title, Purpose: b.Purpose, Path: Path(uid), From: r.window.rawFrom, To: r.window.rawTo,
		Begin: r.window.from, End: r.window.to,
	}
	for _, note := range []string{c.fault, fault} {
		if note != "" {
			p.Notes = append(p.Notes, note)
		}
	}
	r.scope = scope{window: r.window, step: stepFor(r.window.to.Sub(r.window.from), mostPoints)}
	p.Variables = r.variables(ctx)
	p.Title, p.Purpose = r.scope.words(p.Title), r.scope.words(p.Purpose)
	if v.o.Marks != nil {
		p.Marks = v.o.Marks(ctx, b, r.window.from, r.window.to)
		r.marks = p.Marks
	}
	if err := r.sections(ctx, &p); err != nil {
		return Page{}, err
	}
	r.controls(&p)
	return p, nil
}
