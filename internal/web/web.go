// Package web is Watchtower's face: the pages people open, the JSON they script against, and the paths under which the
// Prometheus and Alertmanager APIs, the local Slack and the metrics of others are mounted.
//
// Pages are rendered on the server with html/template and work without JavaScript; one small script swaps in a newer
// <main> when a stream says that there is one. There is no build step: what is in assets/ and templates/ is what is served.
//
// The package knows objectives from rules. Everything else (incidents, playbooks, what is ingested and sent) it takes as
// small structs of its own through the functions of Options, all of which may be nil: the page then says that there is
// nothing to show.
package web

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// Engine is what the pages ask about objectives; *rules.Engine is one.
type Engine interface {
	report.Source
	// Status returns the state of one objective as of the last evaluation.
	Status(id string) (rules.Status, bool)
	// Explain says how an objective is counted.
	Explain(id string) (rules.Explanation, bool)
	// Tally counts an objective after one instant, up to and with another.
	Tally(ctx context.Context, id string, from, to time.Time) (rules.Tally, error)
}

// Options is what a site is made of. The zero value of each field is usable.
type Options struct {
	Engine    Engine            // Nil: there are no objectives.
	Courses   Courses           // Nil: nothing is drawn over time.
	Corrector Corrector         // Nil: nothing can be corrected.
	Replay    Replay            // Nil: nothing can be replayed.
	Incidents func() []Incident // The open ones.
	History   History           // The zero value: nothing is kept of incidents.
	Reports   Reports           // The zero value: reports are made of the engine alone.
	OnCall    func() []OnCall   // Who is on call for which team, in order. Nil: no file says it.
	// Dashboards are the generated ones, drawn. Nil: there are none.
	Dashboards *viewer.Viewer
	// Marks are the incidents and changes of a service in a time, for graphs. Nil: there are none.
	Marks     func(ctx context.Context, service string, from, to time.Time) []viewer.Mark
	Playbooks func() []Playbook
	Primer    template.HTML // What /primer shows; empty: there is none.
	// Paging tells which playbook the page of each alert carries. Nil: it is not known.
	Paging func() Paging
	// Match returns the ID of the playbook that an alert with these labels carries.
	Match  func(labels map[string]string) (id string, ok bool)
	Status func() []Section // What /status shows.
	// Metrics are the names of the metrics that are stored, at most so many; /graph among Handlers shows one. Nil: no metric
	// can be found.
	Metrics func(ctx context.Context, most int) ([]string, error)

	// Handlers are mounted as they are. A path ending in a slash serves everything below it ("/api/v1/"); any other serves
	// itself and everything below it ("/inbox", "/metrics").
	Handlers map[string]http.Handler

	// Viewers are the names of those who see the plain pages alone. Whoever listens must have checked their passwords, as
	// [Serve] does with basic_auth_users.
	Viewers []string

	Reload func() error // Serves /-/reload; its error is shown to the caller. Nil: reloading is not possible.
	Ready  func() bool  // Nil: ready from the start.
	// Starting says what a server that is not ready is doing: "restoring: 3 of 10 objectives". Nil or empty: nothing to say.
	Starting func() string

	// Stopping is closed when the server stops: pages that wait for news would keep it from closing. Nil: it never stops.
	Stopping <-chan struct{}

	ExternalURL string         // "https://watchtower.example.org": where users reach the site; for links that leave it.
	Zone        *time.Location // Of the times on pages and of the weeks of reports. Default UTC.
	Version     string

	Logger     *slog.Logger          // Default: discard.
	Registerer prometheus.Registerer // Nil: metrics are kept but not shown.
	Now        func() time.Time      // Default time.Now.
}

// Incident is a group of alerts that is open: it has notified someone or is about to.
type Incident struct {
	ID        string    `json:"id"`
	Title     string    `json:"title"`  // What is broken, in the user's words.
	Detail    string    `json:"detail"` // How bad it is, in a sentence or two.
	Severity  string    `json:"severity"`
	State     string    `json:"state"` // "firing", "silenced", "inhibited", "acknowledged".
	Service   string    `json:"service"`
	Team      string    `json:"team"`
	Objective string    `json:"objective,omitempty"` // Its ID, when the alert is one of an objective.
	Playbook  string    `json:"playbook,omitempty"`  // Its ID.
	Since     time.Time `json:"since"`
	Alerts    []Alert   `json:"alerts"`
	// Owner has acknowledged it, at that time; empty and nil: nobody has.
	Owner          string     `json:"owner,omitempty"`
	AcknowledgedAt *time.Time `json:"acknowledged_at,omitempty"`
	Number         int64      `json:"number,omitempty"` // Of its page; 0: the history does not have it.
}

// Alert is one alert of an incident or of an objective.
type Alert struct {
	Name     string            `json:"name"`
	Kind     string            `json:"kind,omitempty"`  // Of an objective's alert: "burn", "telemetry_lost", "no_traffic", "budget_spent", "budget_gone_soon".
	Limit    string            `json:"limit,omitempty"` // Of a budget's ticket: "75%", "6h".
	Severity string            `json:"severity"`
	State    string            `json:"state"`
	Since    *time.Time        `json:"since,omitempty"`
	Summary  string            `json:"summary,omitempty"` // Of an objective's alert that fires.
	Labels   map[string]string `json:"labels,omitempty"`
}

// Playbook is a playbook as it is shown. HTML must be safe: it is not escaped.
type Playbook struct {
	ID, Title, Owner string
	Reviewed         string // A date, "2026-05-04"; empty: never.
	Overdue          string // Why somebody should read it again: "reviewed more than a year ago"; empty: nobody need.
	Matches          string // "service=feed, severity=page".
	Summary          string // What is at stake, one or two sentences of plain text.
	HTML             template.HTML
	Builtin          bool
}

// site serves the pages.
type site struct {
	o         Options
	log       *slog.Logger
	metrics   *metrics
	templates map[string]*template.Template
	assets    assets
	replaying sync.Mutex // Held by the one replay that may run.
	wheres    wheres
	last      lastIndex    // What was searched last.
	own       http.Handler // The routes that are the site's own.
	live      *live
}

// New returns the handler of the whole site. Its only errors are faults of Options and of the embedded templates.
func New(o Options) (http.Handler, error) {
	o.Logger = cmp.Or(o.Logger, slog.New(slog.DiscardHandler))
	o.Zone = cmp.Or(o.Zone, time.UTC)
	o.ExternalURL = strings.TrimRight(o.ExternalURL, "/")
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Engine == nil {
		o.Engine = noEngine{}
	}
	s := &site{o: o, log: o.Logger.With("component", "web"), metrics: newMetrics(o.Registerer)}
	var err error
	if s.assets, err = readAssets(); err != nil {
		return nil, err
	}
	if s.templates, err = parseTemplates(s.assets); err != nil {
		return nil, err
	}
	s.own, s.live = s.pages(), newLive(s.look, o.Registerer)
	root := http.NewServeMux()
	root.Handle("/", s.own)
	for pattern, h := range s.routesBeside() {
		root.Handle(pattern, s.handle(h))
	}
	for path, h := range o.Handlers {
		if err := mount(root, path, h); err != nil {
			return nil, err
		}
	}
	guard := http.NewCrossOriginProtection()
	if o.ExternalURL != "" {
		origin, err := originOf(o.ExternalURL)
		if err != nil {
			return nil, err
		}
		if err := guard.AddTrustedOrigin(origin); err != nil {
			return nil, fmt.Errorf("trust %s: %w", origin, err)
		}
	}
	guard.SetDenyHandler(s.handle(func(http.ResponseWriter, *http.Request) error {
		return fault{http.StatusForbidden, "This request comes from another web site, so it was refused.", nil}
	}))
	return s.outermost(s.apart(guard.Handler(root))), nil
}

// originOf returns the scheme and host of a URL.
func originOf(external string) (string, error) {
	u, err := url.Parse(external)
	if err != nil {
		return "", fmt.Errorf("external URL: %w", err)
	}
	if u.Scheme == "" || u.Host == "" {
		return "", fmt.Errorf("external URL %q: needs a scheme and a host, such as https://watchtower.example.org", external)
	}
	return u.Scheme + "://" + u.Host, nil
}

// pages returns the routes that are the site's own.
func (s *site) pages() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", s.handle(elsewhere(mux)))
	for pattern, h := range s.routes() {
		mux.Handle(pattern, s.handle(h))
	}
	mux.Handle("GET /reports", http.RedirectHandler("/reports/", http.StatusMovedPermanently))
	return mux
}

// routes are the site's own. Viewers get none of them but what viewerRoutes repeats.
func (s *site) routes() map[string]handler {
	return map[string]handler{
		"GET /{$}":                       s.overview,
		"GET /objectives/{id}":           s.objective,
		"GET /objectives/{id}/graph":     s.graph,
		"GET /incidents":                 s.incidents,
		"GET /incidents/{id}":            s.incident,
		"GET /dashboards":                s.dashboards,
		"GET /dashboards/{uid}":          s.dashboard,
		"GET /oncall":                    s.onCall,
		"GET /playbooks":                 s.playbooks,
		"GET /playbooks/{id}":            s.playbook,
		"GET /reports/{$}":               s.reports,
		"GET /reports/{period}":          s.report,
		"GET /primer":                    s.primer,
		"GET /search":                    s.search,
		"GET /events":                    s.events,
		"GET /status":                    s.status,
		"GET /assets/{file}":             s.asset,
		"GET /favicon.ico":               s.favicon,
		"GET " + api + "objectives":      s.apiObjectives,
		"GET " + api + "objectives/{id}": s.apiObjective,
		"GET " + api + "corrections":     s.apiCorrections,
		"GET " + api + "incidents":       s.apiIncidents,
		"GET " + api + "reports/{kind}":  s.apiReport,
		"GET " + api + "search":          s.apiSearch,
		"POST " + api + "replay":         s.apiReplay,
		"GET /-/healthy":                 s.healthy,
		"GET /-/ready":                   s.ready,
		"/-/reload":                      s.reload,

		"GET " + api + "objectives/{id}/explain":      s.apiExplain,
		"GET " + api + "objectives/{id}/corrections":  s.apiCorrectionsOf,
		"POST " + api + "objectives/{id}/corrections": s.apiCorrect,
		"DELETE " + api + "corrections/{n}":           s.apiRevoke,
	}
}

// routesBeside stand beside what Handlers may hold at /api/watchtower/v1/incidents.
func (s *site) routesBeside() map[string]handler {
	return map[string]handler{
		"GET " + api + "incidents/{id}/postmortem": s.apiPostmortem,
		"GET " + api + "incidents/{id}/burn.png":   s.apiBurn,
		"GET " + api + "incidents/{id}/burn.svg":   s.apiBurn,
	}
}

// mount adds a given handler. A path that clashes with another is an error, not a panic.
func mount(mux *http.ServeMux, path string, h http.Handler) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("mount %q: %v", path, r)
		}
	}()
	if path == "" || path[0] != '/' || path == "/" || h == nil {
		return fmt.Errorf("mount %q: needs a path below / and a handler", path)
	}
	mux.Handle(path, h)
	if path[len(path)-1] != '/' {
		mux.Handle(path+"/", h)
	}
	return nil
}

// noEngine is an Engine without objectives.
type noEngine struct{}

func (noEngine) Statuses() []rules.Status                 { return nil }
func (noEngine) Status(string) (rules.Status, bool)       { return rules.Status{}, false }
func (noEngine) Explain(string) (rules.Explanation, bool) { return rules.Explanation{}, false }
func (noEngine) Corrections(string) []rules.Correction    { return nil }
func (noEngine) Removed(time.Time) []rules.Removed        { return nil }
func (noEngine) TargetAt(string, time.Time) float64       { return 0 }
func (noEngine) Tallies(context.Context, string, ...time.Time) ([]rules.Tally, error) {
	return nil, errors.New("there are no objectives")
}

func (noEngine) Tally(context.Context, string, time.Time, time.Time) (rules.Tally, error) {
	return rules.Tally{}, errors.New("there are no objectives")
}

// isReady tells whether the server has finished starting.
func (s *site) isReady() bool { return s.o.Ready == nil || s.o.Ready() }

// starting says what is waited for, after a colon.
func (s *site) starting() string {
	if s.o.Starting == nil {
		return ""
	}
	if doing := s.o.Starting(); doing != "" {
		return ": " + doing
	}
	return ""
}

func (s *site) healthy(w http.ResponseWriter, _ *http.Request) error {
	return text(w, http.StatusOK, "Watchtower is healthy.\n")
}

func (s *site) ready(w http.ResponseWriter, _ *http.Request) error {
	if !s.isReady() {
		return text(w, http.StatusServiceUnavailable, "Watchtower is starting"+s.starting()+".\n")
	}
	return text(w, http.StatusOK, "Watchtower is ready.\n")
}

// reload takes POST and PUT alone, as Prometheus does: a link or an image must not reload anything.
func (s *site) reload(w http.ResponseWriter, r *http.Request) error {
	if r.Method != http.MethodPost && r.Method != http.MethodPut {
		w.Header().Set("Allow", "POST, PUT")
		return text(w, http.StatusMethodNotAllowed, "Only POST or PUT requests are allowed.\n")
	}
	if s.o.Reload == nil {
		return text(w, http.StatusNotImplemented, "This server cannot reload its configuration.\n")
	}
	if err := s.o.Reload(); err != nil {
		return text(w, http.StatusInternalServerError, "The configuration was not reloaded, the running one stays: "+err.Error()+"\n")
	}
	return text(w, http.StatusOK, "The configuration was reloaded.\n")
}

// text answers with plain text.
func text(w http.ResponseWriter, status int, s string) error {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, err := io.WriteString(w, s)
	return written(err)
}
