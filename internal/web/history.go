package web

import (
	"cmp"
	"context"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
)

// History is what is kept of incidents, open and past. Each of its functions may be nil.
type History struct {
	List  func() []Logged       // All that are kept, the newest first.
	Times func() []ServiceTimes // By service, of the last 30 days.
	// Reported are those that were open between two times, for reports. Nil: reports say nothing of incidents.
	Reported func(from, to time.Time) []report.Incident
	// Tell tells one of them by its number or its ID.
	Tell func(ctx context.Context, id string) (postmortem.Incident, bool)
	// Burn is how fast the budget of the objective it is about was spent; not ok where nothing is known of it.
	Burn func(ctx context.Context, id string) (charts.Incident, bool)
}

// Logged is an incident in a list. Times that have not come are zero.
type Logged struct {
	Number                                int64
	Title, Service, Team, Severity, Owner string
	Playbook                              string // The ID of the one that it began with; empty: none matched.
	State                                 postmortem.State
	OpenedAt, AcknowledgedAt, ResolvedAt  time.Time
}

// ServiceTimes is how fast people answered the incidents of a service.
type ServiceTimes struct {
	Service   string
	Incidents int
	// Acknowledged and Resolved are how many of them were; the means are of those.
	Acknowledged, Resolved                   int
	MeanTimeToAcknowledge, MeanTimeToResolve time.Duration
}

// incidentsAPage is how many past incidents a page of the list shows.
const incidentsAPage = 50

// incidentsBody is the open incidents and a page of the past ones.
type incidentsBody struct {
	Open     []incidentCard
	Kept     bool // There is a history.
	Filtered bool
	ShowOpen bool // The filter lets open ones through.
	States   []choice
	Services []choice
	Past     []pastRow
	Heading  string // "Past incidents", "120 past incidents of share".
	Pager    pager
	Times    []timesRow
}

// choice is a filter as a link.
type choice struct {
	Path, Name string
	Current    bool
}

// pager leads to the neighboring pages.
type pager struct {
	Newer, Older string // Paths; empty: there is none.
	Words        string // "51 to 100 of 1,204".
}

// pastRow is an incident of the history in a table.
type pastRow struct {
	Logged
	Is           condition
	Path, Word   string
	Began        moment
	Lasted       string
	Acknowledged string // "2 min 20 s", "never".
}

type timesRow struct {
	Service                string
	Incidents              string
	Acknowledged, Resolved string
}

func incidentPath(number int64) string { return "/incidents/" + strconv.FormatInt(number, 10) }

// incidentFilter is what the address of the list asks for.
type incidentFilter struct {
	service string
	state   postmortem.State
	page    int
}

func filterOf(q url.Values) incidentFilter {
	f := incidentFilter{service: q.Get("service")}
	switch state := postmortem.State(q.Get("state")); state {
	case postmortem.Triggered, postmortem.Acknowledged, postmortem.Resolved:
		f.state = state
	}
	f.page, _ = strconv.Atoi(q.Get("page"))
	return f
}

// path is where the list is filtered so.
func (f incidentFilter) path() string {
	q := url.Values{}
	if f.service != "" {
		q.Set("service", f.service)
	}
	if f.state != "" {
		q.Set("state", string(f.state))
	}
	if f.page > 1 {
		q.Set("page", strconv.Itoa(f.page))
	}
	if len(q) == 0 {
		return "/incidents"
	}
	return "/incidents?" + q.Encode()
}

// card tells whether the filter lets an open incident through.
func (f incidentFilter) card(i Incident) bool {
	has := i.AcknowledgedAt != nil || i.State == "acknowledged"
	return (f.service == "" || f.service == i.Service) &&
		(f.state == "" || f.state == postmortem.Acknowledged && has || f.state == postmortem.Triggered && !has)
}

func (f incidentFilter) past(l Logged) bool {
	return (f.service == "" || f.service == l.Service) && (f.state == "" || f.state == l.State)
}

func (s *site) incidents(w http.ResponseWriter, r *http.Request) error {
	f := filterOf(r.URL.Query())
	open := s.openIncidents()
	p := page{Template: "incidents", Title: "No open incidents", Nav: "/incidents", Is: fine, Refresh: 3}
	if len(open) > 0 {
		p.Title, p.Is = plural(len(open), "open incident"), urgency(open[0])
	}
	b := incidentsBody{Kept: s.o.History.List != nil, Filtered: f.service != "" || f.state != "", ShowOpen: f.state != postmortem.Resolved}
	b.Open = s.cards(slices.DeleteFunc(slices.Clone(open), func(i Incident) bool { return !f.card(i) }))
	if b.Kept {
		s.addHistory(&b, f, open)
	}
	p.Body = b
	return s.render(w, r, http.StatusOK, p)
}

// addHistory adds what is kept, but for what is shown as open already.
func (s *site) addHistory(b *incidentsBody, f incidentFilter, open []Incident) {
	shown := map[int64]bool{}
	services := map[string]bool{}
	for _, i := range open {
		shown[i.Number] = true
		services[i.Service] = true
	}
	var past []Logged
	for _, l := range s.o.History.List() {
		services[l.Service] = true
		if !shown[l.Number] && f.past(l) {
			past = append(past, l)
		}
	}
	// What is open and shown nowhere else comes first.
	slices.SortStableFunc(past, func(a, b Logged) int {
		return cmp.Or(cmp.Compare(over(a), over(b)), b.OpenedAt.Compare(a.OpenedAt))
	})
	b.Heading = "Past incidents"
	if n := len(past); n > 0 {
		what := "past incident"
		if over(past[0]) == 0 {
			what = "other incident"
		}
		b.Heading = postmortem.Count(int64(n)) + strings.TrimPrefix(plural(n, what), strconv.Itoa(n))
	}
	past, b.Pager = f.cut(past)
	for _, l := range past {
		b.Past = append(b.Past, s.pastRow(l))
	}
	b.States, b.Services = f.choices(services)
	if s.o.History.Times != nil {
		for _, t := range s.o.History.Times() {
			b.Times = append(b.Times, timesRowOf(t))
		}
	}
}

func over(l Logged) int {
	if l.State == postmortem.Resolved {
		return 1
	}
	return 0
}

// cut returns the page of a list that is asked for, the last one if there are fewer.
func (f incidentFilter) cut(past []Logged) ([]Logged, pager) {
	n := len(past)
	pages := (n + incidentsAPage - 1) / incidentsAPage
	f.page = min(max(1, f.page), max(1, pages))
	from := (f.page - 1) * incidentsAPage
	to := min(n, from+incidentsAPage)
	var p pager
	if pages > 1 {
		p.Words = postmortem.Count(int64(from+1)) + " to " + postmortem.Count(int64(to)) + " of " + postmortem.Count(int64(n))
	}
	other := f
	if f.page > 1 {
		other.page = f.page - 1
		p.Newer = other.path()
	}
	if f.page < pages {
		other.page = f.page + 1
		p.Older = other.path()
	}
	return past[from:to], p
}

// choices are the filters as links; each keeps what the other has chosen.
func (f incidentFilter) choices(services map[string]bool) (states, of []choice) {
	for _, state := range []postmortem.State{"", postmortem.Triggered, postmortem.Acknowledged, postmortem.Resolved} {
		states = append(states, choice{incidentFilter{service: f.service, state: state}.path(), cmp.Or(state.Word(), "All"), f.state == state})
	}
	delete(services, "")
	of = []choice{{incidentFilter{state: f.state}.path(), "All", f.service == ""}}
	for service := range services {
		of = append(of, choice{incidentFilter{service: service, state: f.state}.path(), service, f.service == service})
	}
	slices.SortFunc(of[1:], func(a, b choice) int { return strings.Compare(a.Name, b.Name) })
	return states, of
}

func (s *site) pastRow(l Logged) pastRow {
	row := pastRow{Logged: l, Is: stateCondition(l.State, l.Severity), Path: incidentPath(l.Number), Word: l.State.Word(), Began: s.at(l.OpenedAt), Acknowledged: "never"}
	end := l.ResolvedAt
	if end.IsZero() {
		end = s.o.Now()
	}
	row.Lasted = postmortem.Lasting(end.Sub(l.OpenedAt))
	switch {
	case !l.AcknowledgedAt.IsZero():
		row.Acknowledged = postmortem.Lasting(l.AcknowledgedAt.Sub(l.OpenedAt))
	case l.State != postmortem.Resolved:
		row.Acknowledged = "not yet"
	}
	return row
}

// stateCondition is the condition that an incident in a state stands for.
func stateCondition(state postmortem.State, severity string) condition {
	switch state {
	case postmortem.Resolved:
		return fine
	case postmortem.Acknowledged:
		return risk
	default:
		return urgency(Incident{Severity: severity})
	}
}

func timesRowOf(t ServiceTimes) timesRow {
	row := timesRow{Service: cmp.Or(t.Service, "no service"), Incidents: strconv.Itoa(t.Incidents), Acknowledged: "–", Resolved: "–"}
	if t.Acknowledged > 0 {
		row.Acknowledged = postmortem.Lasting(t.MeanTimeToAcknowledge)
		if t.Acknowledged < t.Incidents {
			row.Acknowledged += " (of " + strconv.Itoa(t.Acknowledged) + ")"
		}
	}
	if t.Resolved > 0 {
		row.Resolved = postmortem.Lasting(t.MeanTimeToResolve)
		if t.Resolved < t.Incidents {
			row.Resolved += " (of " + strconv.Itoa(t.Resolved) + ")"
		}
	}
	return row
}
