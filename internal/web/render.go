package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"fmt"
	"html/template"
	"io/fs"
	"net/http"
	"path"
	"slices"
	"strings"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
)

//go:embed templates/*.html
var templateFiles embed.FS

//go:embed assets/*
var assetFiles embed.FS

// page is what the layout shows.
type page struct {
	Template string // Its file in templates/, without extension.
	Title    string
	Nav      string    // The path of the current entry of the navigation.
	Is       condition // Colors the icon of the browser's tab; empty: neutral.
	Refresh  int       // Seconds between updates; 0: the page does not change.
	Timed    bool      // It moves with the clock: it is fetched every Refresh seconds, whether or not anything has happened.
	Reload   int       // Seconds after which a browser without JavaScript loads the page again; 0: never.
	Sheet    string    // A stylesheet of its own, beside app.css; empty: none.
	Wide     bool      // It needs the width there is, for the drawings of a dashboard.
	Drawn    bool      // It has drawings, but needs no more width than others.
	Query    string    // What the box of the search holds.
	Body     any
}

// layout is what the templates see.
type layout struct {
	page
	Live    string // The version of what it shows, below it; empty: nobody watches whether it changes.
	Links   []link
	Version string
	Primer  bool // there is one to link to
	Plain   bool // a viewer looks at it: nothing but plain pages may be linked
	Now     moment
}

type link struct {
	entry

	Current bool
}

// entry is a page that the navigation leads to. About says in words of a search what is there.
type entry struct{ Path, Name, About string }

func (s *site) entries() []entry {
	all := []entry{
		{"/", "Overview", "Whether every promise is kept right now"},
		{"/incidents", "Incidents", "What is broken, and what was"},
		{"/dashboards", "Dashboards", "The promises, drawn"},
		{"/oncall", "On call", "Who is on call, schedules and gaps"},
		{"/playbooks", "Playbooks", "What to do when something breaks"},
		{"/reports/", "Reports", "Which promises were kept, by week, month and quarter"},
		{"/inbox", "Inbox", "The local Slack: messages that were sent"},
		{"/status", "Status", "Whether Watchtower itself works: what is taken in, scraped and sent"},
	}
	return slices.DeleteFunc(all, func(e entry) bool {
		return e.Path == "/inbox" && s.o.Handlers["/inbox"] == nil && s.o.Handlers["/inbox/"] == nil
	})
}

// moment is a time as people and machines read it.
type moment struct {
	Machine string // RFC 3339.
	Exact   string // "Thu 19 Nov 2026, 14:03 UTC".
	Short   string // The same without the parts that go without saying: "14:03 UTC" today.
	Ago     string // "4 min ago".
}

// IsZero tells whether there is no time to show.
func (m moment) IsZero() bool { return m.Machine == "" }

// at returns a moment in the site's time zone.
func (s *site) at(t time.Time) moment {
	if t.IsZero() {
		return moment{}
	}
	now, local := s.o.Now().In(s.o.Zone), t.In(s.o.Zone)
	short := "15:04 MST"
	switch {
	case local.Year() != now.Year():
		short = "2 Jan 2006, 15:04 MST"
	case local.YearDay() != now.YearDay():
		short = "Mon 2 Jan, 15:04 MST"
	}
	return moment{
		Machine: local.Format(time.RFC3339),
		Exact:   local.Format("Mon 2 Jan 2006, 15:04 MST"),
		Short:   local.Format(short),
		Ago:     ago(now, t),
	}
}

// render writes a page. It is built in memory first: a fault in a template is a clean 500, never half a page.
func (s *site) render(w http.ResponseWriter, r *http.Request, status int, p page) error {
	t, ok := s.templates[p.Template]
	if !ok {
		return fmt.Errorf("render %s: no such template", p.Template)
	}
	var b bytes.Buffer
	if seen, ok := w.(*look); ok {
		if err := t.ExecuteTemplate(&b, "body", p.Body); err != nil {
			return fmt.Errorf("look at %s: %w", p.Template, err)
		}
		seen.keep(status, p, b.Bytes())
		return nil
	}
	l := layout{page: p, Version: s.o.Version, Primer: s.o.Primer != "", Now: s.at(s.o.Now())}
	for _, e := range s.entries() {
		l.Links = append(l.Links, link{entry: e, Current: e.Path == p.Nav})
	}
	if s.plain(r) {
		l.Plain, l.Links = true, s.viewerLinks(p.Nav)
	}
	if err := t.ExecuteTemplate(&b, "top", l); err != nil {
		return fmt.Errorf("render %s: %w", p.Template, err)
	}
	from := b.Len()
	if err := t.ExecuteTemplate(&b, "body", p.Body); err != nil {
		return fmt.Errorf("render %s: %w", p.Template, err)
	}
	if p.Refresh > 0 && !p.Timed && !l.Plain { // Viewers' pages are fetched at a rate.
		l.Live = versionOf(b.Bytes()[from:]).String()
	}
	if err := t.ExecuteTemplate(&b, "bottom", l); err != nil {
		return fmt.Errorf("render %s: %w", p.Template, err)
	}
	h := w.Header()
	h.Set("Content-Type", "text/html; charset=utf-8")
	h.Set("Cache-Control", "no-store")
	h.Set("Content-Security-Policy", contentSecurity)
	return send(w, r, status, b.Bytes())
}

func parseTemplates(a assets) (map[string]*template.Template, error) {
	base, err := template.New("").Funcs(template.FuncMap{"asset": a.url}).ParseFS(templateFiles, "templates/layout.html", "templates/parts.html")
	if err != nil {
		return nil, fmt.Errorf("parse templates: %w", err)
	}
	names, err := fs.Glob(templateFiles, "templates/*.html")
	if err != nil {
		return nil, fmt.Errorf("list templates: %w", err)
	}
	all := map[string]*template.Template{}
	for _, file := range names {
		name := strings.TrimSuffix(path.Base(file), ".html")
		if name == "layout" || name == "parts" {
			continue
		}
		t, err := base.Clone()
		if err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
		if all[name], err = t.ParseFS(templateFiles, file); err != nil {
			return nil, fmt.Errorf("parse template %s: %w", name, err)
		}
	}
	return all, nil
}

// assets are the stylesheet, the script and the icons by name, each with a fingerprint so that browsers may keep it for ever.
type assets map[string]assetFile

type assetFile struct {
	body []byte
	mark string
}

func readAssets() (assets, error) {
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		return nil, fmt.Errorf("read assets: %w", err)
	}
	all := assets{}
	for _, e := range entries {
		body, err := assetFiles.ReadFile("assets/" + e.Name())
		if err != nil {
			return nil, fmt.Errorf("read assets: %w", err)
		}
		sum := sha256.Sum256(body)
		all[e.Name()] = assetFile{body, hex.EncodeToString(sum[:6])}
	}
	drawings := []byte(charts.Stylesheet())
	sum := sha256.Sum256(drawings)
	all["chart.css"] = assetFile{drawings, hex.EncodeToString(sum[:6])}
	return all, nil
}

// url returns the address of an asset.
func (a assets) url(name string) (string, error) {
	f, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no asset %q", name)
	}
	return "/assets/" + name + "?v=" + f.mark, nil
}

func (s *site) asset(w http.ResponseWriter, r *http.Request) error {
	f, ok := s.assets[r.PathValue("file")]
	if !ok {
		return notFound(w, r)
	}
	cache := "no-cache"
	if r.URL.Query().Get("v") == f.mark {
		cache = "public, max-age=31536000, immutable"
	}
	w.Header().Set("Cache-Control", cache)
	return s.sendAsset(w, r, r.PathValue("file"))
}

// favicon serves browsers that ask by the old name.
func (s *site) favicon(w http.ResponseWriter, r *http.Request) error {
	w.Header().Set("Cache-Control", "max-age=3600")
	return s.sendAsset(w, r, "icon.svg")
}

func (s *site) sendAsset(w http.ResponseWriter, r *http.Request, name string) error {
	types := map[string]string{".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
	w.Header().Set("Content-Type", types[path.Ext(name)])
	return send(w, r, http.StatusOK, s.assets[name].body)
}
