package viewer

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// request is a page being made.
type request struct {
	viewer  *Viewer
	board   *Board
	content content
	query   url.Values
	window  window
	scope   scope
	marks   []Mark
	asks    *asker
	only    int64 // the panel that is asked for by itself; 0: all are
}

// sections makes the panels: first every query is on its way, then each is drawn.
func (r *request) sections(ctx context.Context, p *Page) error {
	var err error
	if r.only, err = r.alone(p); err != nil {
		return err
	}
	var jobs [][]*job
	for _, s := range r.expanded() {
		var row []*job
		for _, in := range s.panels {
			if r.only == 0 || in.panel.ID == r.only {
				row = append(row, r.begin(ctx, in))
			}
		}
		if r.only == 0 || len(row) > 0 {
			jobs = append(jobs, row)
			p.Sections = append(p.Sections, Section{Title: s.title})
		}
	}
	if len(jobs) == 0 && r.only != 0 {
		return fmt.Errorf("panel %d of dashboard %q: %w", r.only, r.board.UID, ErrNotFound)
	}
	for i, row := range jobs {
		for _, j := range row {
			p.Sections[i].Panels = append(p.Sections[i].Panels, j.finish())
		}
	}
	if r.only != 0 {
		p.Sections = p.Sections[:1]
		p.Sections[0].Title, p.Sections[0].Panels = "", p.Sections[0].Panels[:1]
	}
	return nil
}

// alone returns the id of the panel that is asked for by itself; 0: none is.
func (r *request) alone(p *Page) (int64, error) {
	asked := orElse(r.query.Get("panel"), r.query.Get("viewPanel"))
	if asked == "" {
		return 0, nil
	}
	id, err := strconv.ParseInt(strings.TrimPrefix(asked, "panel-"), 10, 64)
	if err != nil || id == 0 {
		return 0, fmt.Errorf("panel %q of dashboard %q: %w", shorten(asked, 40), r.board.UID, ErrNotFound)
	}
	p.Alone, p.Panel = true, strconv.FormatInt(id, 10)
	p.Back = r.path(func(q url.Values) { q.Del("panel"); q.Del("viewPanel") })
	return id, nil
}

// instance is a panel with what its variables stand for: one of a repeated panel has its
// own value, and which one it is.
type instance struct {
	panel *panelJSON
	scope scope
	nth   int
}

type expandedSection struct {
	title  string
	panels []instance
}

// expanded returns the rows with what is repeated for each value of a variable.
func (r *request) expanded() []expandedSection {
	var all []expandedSection
	count := 0
	seen := map[int64]int{}
	for i := range r.content.sections {
		s := &r.content.sections[i]
		for _, rowScope := range r.scope.repeated(s.repeat) {
			out := expandedSection{title: rowScope.words(s.title)}
			for j := range s.panels {
				for _, own := range rowScope.repeated(s.panels[j].Repeat) {
					if count++; count <= mostPanels {
						id := s.panels[j].ID
						out.panels = append(out.panels, instance{&s.panels[j], own, seen[id]})
						seen[id]++
					}
				}
			}
			all = append(all, out)
		}
	}
	return all
}

// repeated returns a scope for each value of a variable; without one, the scope itself.
func (s scope) repeated(variable string) []scope {
	c, ok := s.values[variable]
	if variable == "" || !ok || len(c.values) == 0 {
		return []scope{s}
	}
	scopes := make([]scope, 0, len(c.values))
	for _, value := range c.values {
		own := s.with(variable, value)
		own.fixed = append(slices.Clone(s.fixed), variable)
		scopes = append(scopes, own)
	}
	return scopes
}

// path is the page with something changed in what is asked of it.
func (r *request) path(change func(url.Values)) string {
	q := url.Values{}
	for name, values := range r.query {
		known := name == "from" || name == "to" || name == "refresh" || name == "panel" || name == "viewPanel" || strings.HasPrefix(name, "var-")
		if known && len(values) > 0 && values[0] != "" {
			q[name] = values
		}
	}
	change(q)
	if len(q) == 0 {
		return Path(r.board.UID)
	}
	return Path(r.board.UID) + "?" + q.Encode()
}

// controls are the choices of time and of refreshing, and the links.
func (r *request) controls(p *Page) {
	for _, c := range []struct{ name, from string }{
		{"15 min", "now-15m"}, {"1 h", "now-1h"}, {"6 h", "now-6h"}, {"24 h", "now-24h"}, {"7 d", "now-7d"},
	} {
		p.Ranges = append(p.Ranges, Choice{
			Name: c.name, Current: p.From == c.from && p.To == "now",
			Path: r.path(func(q url.Values) { q.Set("from", c.from); q.Set("to", "now") }),
		})
	}
	every := r.content.refresh
	if asked := r.query.Get("refresh"); asked != "" {
		d, err := parseDuration(asked)
		if every = 0; err == nil {
			every = d
		}
	}
	if every > 0 {
		every = min(max(every, 5*time.Second), time.Hour)
	}
	listed := false
	for _, o := range []struct {
		value string
		every time.Duration
	}{{"off", 0}, {"10s", 10 * time.Second}, {"30s", 30 * time.Second}, {"1m", time.Minute}, {"5m", 5 * time.Minute}} {
		text := map[bool]string{true: "off", false: "every " + o.value}[o.every == 0]
		listed = listed || o.every == every
		p.Rates = append(p.Rates, Option{Value: o.value, Text: text, Selected: o.every == every})
	}
	if !listed {
		p.Rates = append(p.Rates, Option{Value: every.String(), Text: "every " + every.String(), Selected: true})
	}
	if r.window.live() {
		p.Refresh = int(every / time.Second)
	}
	for _, l := range r.content.links {
		if link, ok := r.link(l, r.scope); ok {
			p.Links = append(p.Links, link)
		}
	}
}

// link makes a link of Grafana's one of ours: its dashboards are here, and the site is
// the one that is open.
func (r *request) link(l linkJSON, s scope) (PageLink, bool) {
	if l.Type == "dashboards" {
		q := url.Values{"tag": l.Tags}
		return PageLink{Title: orElse(s.words(l.Title), "Dashboards"), URL: "/dashboards?" + q.Encode()}, true
	}
	address := r.viewer.address(s.words(l.URL))
	if address == "" {
		return PageLink{}, false
	}
	if l.KeepTime && strings.HasPrefix(address, "/dashboards/") && r.query.Get("from") != "" {
		mark := "?"
		if strings.Contains(address, "?") {
			mark = "&"
		}
		address += mark + url.Values{"from": {r.window.rawFrom}, "to": {r.window.rawTo}}.Encode()
	}
	return PageLink{Title: orElse(s.words(l.Title), address), URL: address}, true
}

// address returns where a link of a dashboard leads from here; "": it is not one that a
// page may have.
func (v *Viewer) address(written string) string {
	if v.o.ExternalURL != "" {
		if rest, ok := strings.CutPrefix(written, v.o.ExternalURL); ok && (rest == "" || rest[0] == '/' || rest[0] == '?') {
			written = orElse(rest, "/")
		}
	}
	u, err := url.Parse(written)
	if err != nil || u.Scheme != "" && u.Scheme != "http" && u.Scheme != "https" || u.Scheme == "" && u.Host != "" {
		return ""
	}
	if rest, ok := strings.CutPrefix(u.Path, "/d/"); ok && u.Host == "" {
		uid, _, _ := strings.Cut(rest, "/")
		u.Path, u.RawPath = "/dashboards/"+uid, ""
	}
	if u.Host == "" && !strings.HasPrefix(u.Path, "/") {
		return ""
	}
	return u.String()
}
