// Package grafanatest is a Grafana with memory for tests: the part of its HTTP
// API that delivers dashboards, with its rules for versions, folders, rights,
// provisioned dashboards, pages, and its very sentences when it refuses.
//
//	g := grafanatest.New()
//	defer g.Close()
//	client, err := grafana.New(grafana.Options{URL: g.URL, Token: grafanatest.Token})
package grafanatest

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Token is that of a service account with the role Editor, and Account its name.
const (
	Token   = "glsa_test_0123456789"
	Account = "sa-1-watchtower"
)

// account may do what its actions allow.
type account struct {
	login   string
	actions []string // nil: all that an Editor may
	folders []string // nil: in every folder
}

// Server is a Grafana. Its fields may be set before it is asked; its methods are
// safe for concurrent use.
type Server struct {
	// URL is its address.
	URL string
	// Now is its clock; each saved version asks it once.
	Now func() time.Time
	// NewHistory answers for the history in the form of newer Grafanas.
	NewHistory bool
	// Fill changes what is saved, as Grafana does with dashboards of older versions.
	Fill func(dashboard map[string]any)
	// UniqueTitles refuses two dashboards of a title in a folder, as older Grafanas do.
	UniqueTitles bool

	server *httptest.Server

	mu          sync.Mutex // guards what follows
	accounts    map[string]account
	folders     []folder
	dashboards  map[string]*dashboard
	datasources map[string]map[string]any
	broken      []answer
	requests    []string
	lastID      int
}

type folder struct {
	ID    int    `json:"id"`
	UID   string `json:"uid"`
	Title string `json:"title"`
}

type dashboard struct {
	id          int
	folderUID   string
	provisioned string // the file it is read from
	plugin      string // the plugin it belongs to
	second      bool   // saved in the second format
	versions    []version
}

type version struct {
	number, parent int
	by, message    string
	at             time.Time
	data           map[string]any
}

// answer is given in place of the next one.
type answer struct {
	match  string // of method and path
	status int
	header http.Header
	body   string
	after  bool // the request is carried out all the same
}

// New starts one on a loopback port; the caller closes it.
func New() *Server {
	s := &Server{
		Now:         time.Now,
		accounts:    map[string]account{Token: {login: Account}},
		dashboards:  map[string]*dashboard{},
		datasources: map[string]map[string]any{},
	}
	s.server = httptest.NewServer(s)
	s.URL = s.server.URL
	return s
}

// NewTLS starts one that speaks https with a certificate that nobody trusts. It
// returns the certificate as well.
func NewTLS() (s *Server, der []byte) {
	s = New()
	s.server.Close()
	s.server = httptest.NewUnstartedServer(s)
	s.server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo) // clients that do not trust it
	s.server.StartTLS()
	s.URL = s.server.URL
	return s, s.server.Certificate().Raw
}

// Close stops it.
func (s *Server) Close() { s.server.Close() }

// Allow makes a token whose account may do these actions alone.
func (s *Server) Allow(token string, actions ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[token] = account{login: "sa-1-" + token, actions: actions}
}

// AllowFolders makes a token whose account may do everything, in these folders alone.
func (s *Server) AllowFolders(token string, folderUIDs ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accounts[token] = account{login: "sa-1-" + token, folders: folderUIDs}
}

// MakeFolder makes a folder, as somebody would by hand, and returns its UID.
func (s *Server) MakeFolder(title string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeFolder(title).UID
}

func (s *Server) makeFolder(title string) folder {
	s.lastID++
	f := folder{ID: s.lastID, UID: fmt.Sprintf("folder%03d", s.lastID), Title: title}
	s.folders = append(s.folders, f)
	return f
}

// Edit changes a dashboard by hand, or makes it: the named person opens, changes
// and saves it.
func (s *Server) Edit(uid, login, message string, change func(map[string]any)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dashboards[uid]
	data := map[string]any{"uid": uid, "title": uid, "schemaVersion": 42.0}
	if d != nil {
		data = clone(d.newest().data)
	} else {
		d = s.fresh()
		s.dashboards[uid] = d
	}
	change(data)
	d.add(version{by: login, message: message, at: s.Now(), data: data})
}

// EditSecond changes a dashboard by hand in the editor of newer Grafanas, which saves
// it in the second format. What is changed is given in the classic one.
func (s *Server) EditSecond(uid, login, message string, change func(map[string]any)) {
	s.Edit(uid, login, message, change)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dashboards[uid].second = true
}

// Restore takes a dashboard back to one of its versions, as its history offers.
func (s *Server) Restore(uid, login string, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	d := s.dashboards[uid]
	d.add(version{by: login, message: fmt.Sprintf("Restored from version %d", number), at: s.Now(), data: clone(d.versions[number-1].data)})
}

// Move puts a dashboard into another folder.
func (s *Server) Move(uid, folderUID string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dashboards[uid].folderUID = folderUID
}

// Provision has a dashboard read from a file.
func (s *Server) Provision(uid, file string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dashboards[uid].provisioned = file
}

// Plugin gives a dashboard to a plugin.
func (s *Server) Plugin(uid, plugin string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.dashboards[uid].plugin = plugin
}

// Break answers the next request whose "METHOD /path" begins with match with this
// status, header and body instead.
func (s *Server) Break(match string, status int, header http.Header, body string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, answer{match: match, status: status, header: header, body: body})
}

// Lose carries out the next request that matches, and answers 502 as a proxy
// does that lost the answer.
func (s *Server) Lose(match string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.broken = append(s.broken, answer{match: match, status: http.StatusBadGateway, body: "<html>Bad Gateway</html>", after: true})
}

// Requests returns "METHOD /path" of every request since the last call.
func (s *Server) Requests() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	requests := s.requests
	s.requests = nil
	return requests
}

// UIDs lists the dashboards of a folder, sorted.
func (s *Server) UIDs(folderTitle string) []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var uids []string
	for uid, d := range s.dashboards {
		if s.folderTitle(d.folderUID) == folderTitle {
			uids = append(uids, uid)
		}
	}
	slices.Sort(uids)
	return uids
}

// Version returns the number of a dashboard's newest version, 0 if there is none.
func (s *Server) Version(uid string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if d := s.dashboards[uid]; d != nil {
		return d.newest().number
	}
	return 0
}

// DataSource returns a data source, nil if there is none.
func (s *Server) DataSource(uid string) map[string]any {
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.datasources[uid])
}

// SetDataSource sets keys of a data source, as somebody does by hand.
func (s *Server) SetDataSource(uid string, keys map[string]any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.datasources[uid] == nil {
		s.datasources[uid] = map[string]any{"uid": uid}
	}
	maps.Copy(s.datasources[uid], keys)
}

func (s *Server) fresh() *dashboard {
	s.lastID++
	return &dashboard{id: s.lastID}
}

func (d *dashboard) newest() version { return d.versions[len(d.versions)-1] }

// add saves a version on top of the others.
func (d *dashboard) add(v version) {
	if len(d.versions) > 0 {
		v.parent = d.newest().number
	}
	v.number = len(d.versions) + 1
	v.data["id"], v.data["version"] = float64(d.id), float64(v.number)
	d.versions = append(d.versions, v)
}

// ServeHTTP answers as Grafana does.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	what := r.Method + " " + r.URL.Path
	s.requests = append(s.requests, what)
	for i, b := range s.broken {
		if !strings.HasPrefix(what, b.match) {
			continue
		}
		s.broken = slices.Delete(s.broken, i, i+1)
		if b.after {
			s.route(httptest.NewRecorder(), r)
		}
		maps.Copy(w.Header(), b.header)
		w.WriteHeader(b.status)
		_, _ = w.Write([]byte(b.body)) //nolint:gosec // A test wrote it.
		return
	}
	s.route(w, r)
}

// route finds the handler and demands the right to it.
func (s *Server) route(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/api/health" {
		reply(w, http.StatusOK, map[string]any{"commit": "abc", "database": "ok", "version": "12.2.0"})
		return
	}
	who, known := s.accounts[strings.TrimPrefix(r.Header.Get("Authorization"), "Bearer ")]
	if !known {
		refuse(w, http.StatusUnauthorized, "Invalid API key")
		return
	}
	rest, isDashboard := strings.CutPrefix(r.URL.Path, "/api/dashboards/uid/")
	uid, below, _ := strings.Cut(rest, "/")
	source, isSource := strings.CutPrefix(r.URL.Path, "/api/datasources/uid/")
	folderUID, isFolder := strings.CutPrefix(r.URL.Path, "/api/folders/")
	var action string
	var handle func()
	switch what := r.Method + " " + r.URL.Path; {
	case what == "GET /api/folders":
		action, handle = "folders:read", func() { s.listFolders(w, r) }
	case what == "POST /api/folders":
		action, handle = "folders:create", func() { s.postFolder(w, r) }
	case what == "GET /api/search":
		action, handle = "", func() { s.search(w, r) }
	case what == "POST /api/dashboards/db":
		action, handle = "dashboards:write", func() { s.save(w, r, who) }
	case isDashboard && below == "" && r.Method == http.MethodGet:
		action, handle = "dashboards:read", func() { s.get(w, uid) }
	case isDashboard && below == "" && r.Method == http.MethodDelete:
		action, handle = "dashboards:delete", func() { s.delete(w, uid, who) }
	case isDashboard && r.Method == http.MethodGet:
		action, handle = "dashboards:write", func() { s.history(w, r, uid, strings.TrimPrefix(below, "versions")) }
	case isSource && r.Method == http.MethodGet:
		action, handle = "datasources:read", func() { s.getSource(w, source) }
	case what == "POST /api/datasources":
		action, handle = "datasources:create", func() { s.putSource(w, r, "") }
	case isSource && r.Method == http.MethodPut:
		action, handle = "datasources:write", func() { s.putSource(w, r, source) }
	case isSource && r.Method == http.MethodDelete:
		action, handle = "datasources:delete", func() { s.deleteSource(w, source) }
	case isFolder && r.Method == http.MethodDelete:
		action, handle = "folders:delete", func() { s.deleteFolder(w, folderUID) }
	case r.Method == http.MethodGet && strings.HasPrefix(r.URL.Path, secondPath):
		action, handle = "dashboards:read", func() { s.getSecond(w, strings.TrimPrefix(r.URL.Path, secondPath)) }
	case what == "POST /api/ds/query":
		action, handle = "datasources:query", func() { s.query(w, r) }
	default:
		refuse(w, http.StatusNotFound, "Not found")
		return
	}
	if action != "" && who.actions != nil && !slices.Contains(who.actions, action) {
		reply(w, http.StatusForbidden, map[string]any{
			"accessErrorId": "ACE0000000001", "title": "Access denied",
			"message": "You'll need additional permissions to perform this action. Permissions needed: " + action,
		})
		return
	}
	handle()
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json; charset=UTF-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // a client that went away has no use for it
}

func refuse(w http.ResponseWriter, status int, message string) {
	reply(w, status, map[string]any{"message": message})
}

// page cuts a list as limit and page say.
func page[T any](r *http.Request, all []T) []T {
	number := func(key string, otherwise int) int {
		if n, err := strconv.Atoi(r.URL.Query().Get(key)); err == nil && n > 0 {
			return n
		}
		return otherwise
	}
	limit := min(number("limit", 1000), 5000)
	from := min((number("page", 1)-1)*limit, len(all))
	return append([]T{}, all[from:min(from+limit, len(all))]...)
}

// clone copies JSON.
func clone(v map[string]any) map[string]any {
	raw, err := json.Marshal(v)
	if err != nil {
		panic(err) // it was decoded from JSON
	}
	var out map[string]any
	if err := json.Unmarshal(raw, &out); err != nil {
		panic(err)
	}
	return out
}
