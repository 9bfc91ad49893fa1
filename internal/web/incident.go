package web

import (
	"cmp"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/report/postmortem"
)

// Of very many events a page shows the first and the last ones.
const (
	firstEvents = 100
	lastEvents  = 300
)

// incidentBody is the page of one incident.
type incidentBody struct {
	postmortem.Incident
	Is            condition
	StateWord     string
	Answer        string // The summary.
	Facts         []fact
	Noticed       []postmortem.Fact
	Impacts       []impactRow
	Findings      []string
	Alerts        []alertLine
	Steps         []stepGroup
	Done          string // "2 of 5 steps are done".
	PlaybookTitle string
	Days          []timelineDay
	LeftOut       string
	FollowUps     []string
	Pictures      []picture
	PictureWords  string
	Dashboards    []choice // At the time of the incident.
	Download      string
	File          string
}

type fact struct{ Name, Value string }

// impactRow is what an objective suffered.
type impactRow struct {
	Path, Promise, Words, Spent, Left, Problem string
	Bad, Total                                 string
}

// stepGroup is the steps of one section of the playbook.
type stepGroup struct {
	Section string
	Steps   []stepRow
}

type stepRow struct {
	Parts []textPart
	Done  bool
	By    string
	At    moment
}

// textPart is a stretch of a text that is code, or is not.
type textPart struct {
	Text string
	Code bool
}

// timelineDay is what happened on a day.
type timelineDay struct {
	Day    string
	Events []timelineEvent
}

type timelineEvent struct {
	Clock, Machine    string
	What, Who, Detail string
	Link, LinkName    string
	Is                condition // Colors what changes the state; empty: neutral.
}

// picture is a burn chart for a width and a color scheme.
type picture struct {
	Class string
	SVG   template.HTML
}

func (s *site) incident(w http.ResponseWriter, r *http.Request) error {
	in, err := s.tell(r)
	if err != nil {
		return err
	}
	now := s.o.Now()
	number := strconv.FormatInt(in.Number, 10)
	b := incidentBody{
		Incident: in, Is: stateCondition(in.State, in.Severity), StateWord: in.State.Word(), Answer: in.Summary(now, s.o.Zone),
		Noticed: in.Noticed(s.o.Zone), Findings: in.Findings(), FollowUps: in.FollowUps(now), Alerts: s.alertsOf(in.Number),
		Download: api + "incidents/" + number + "/postmortem?format=md", File: "incident-" + number + ".md",
	}
	b.Facts = s.factsOf(in)
	for _, i := range in.Impacts {
		b.Impacts = append(b.Impacts, impactRowOf(i))
	}
	b.Steps, b.Done = s.stepsOf(in)
	if in.Playbook != nil {
		b.PlaybookTitle = cmp.Or(in.Playbook.Title, in.Playbook.ID)
	}
	b.Days, b.LeftOut = s.timeline(in.Events)
	if b.Pictures, b.PictureWords, err = s.pictures(r, number); err != nil {
		return err
	}
	b.Dashboards = s.dashboardsAt(in)
	p := page{Template: "incident", Title: fmt.Sprintf("Incident %s: %s", number, in.Title), Nav: "/incidents", Is: b.Is, Refresh: 5, Body: b}
	if in.State == postmortem.Resolved {
		p.Refresh = 30 // Notes may follow.
	}
	return s.render(w, r, http.StatusOK, p)
}

// tell returns the incident that a path names.
func (s *site) tell(r *http.Request) (postmortem.Incident, error) {
	id := r.PathValue("id")
	if s.o.History.Tell == nil {
		return postmortem.Incident{}, fault{http.StatusNotFound, "Nothing is kept of incidents here.", nil}
	}
	in, ok := s.o.History.Tell(r.Context(), id)
	if !ok {
		return postmortem.Incident{}, fault{http.StatusNotFound, fmt.Sprintf("There is no incident %q.", id), nil}
	}
	return in, nil
}

// alertsOf are the alerts of an open incident that fire now.
func (s *site) alertsOf(number int64) []alertLine {
	for _, c := range s.cards(s.openIncidents()) {
		if c.Number == number && number > 0 {
			return c.Alerts
		}
	}
	return nil
}

func (s *site) factsOf(in postmortem.Incident) []fact {
	facts := []fact{{"Severity", in.Severity}, {"Service", in.Service}, {"Team", in.Team}, {"Owner", cmp.Or(in.Owner, "nobody yet")}}
	if in.Owner == "" && in.State == postmortem.Resolved {
		facts[3].Value = "nobody"
	}
	for _, role := range in.Roles {
		facts = append(facts, fact{role.Title(), role.Who})
	}
	lasted := postmortem.Lasting(in.Lasted(s.o.Now()))
	if in.ResolvedAt.IsZero() {
		lasted += " so far"
	}
	acknowledged := "not yet"
	if after, ok := in.AcknowledgedAfter(); ok {
		acknowledged = postmortem.Lasting(after)
	} else if in.State == postmortem.Resolved {
		acknowledged = "never"
	}
	alerts := strconv.Itoa(in.Alerts)
	if in.Firing > 0 {
		alerts += ", " + strconv.Itoa(in.Firing) + " firing"
	}
	facts = append(facts, fact{"Began", s.at(in.OpenedAt).Short}, fact{"Lasted", lasted}, fact{"Acknowledged after", acknowledged}, fact{"Alerts", alerts})
	return slices.DeleteFunc(facts, func(f fact) bool { return f.Value == "" })
}

func impactRowOf(i postmortem.Impact) impactRow {
	row := impactRow{Path: objectivePath(i.Objective), Promise: cmp.Or(i.Promise, i.Objective), Words: i.Words, Problem: i.Problem}
	if i.Problem != "" {
		row.Bad, row.Total, row.Spent, row.Left, row.Words, row.Path = "–", "–", "–", "–", i.Problem, ""
		return row
	}
	row.Bad, row.Total, row.Spent, row.Left = postmortem.Count(i.Bad), postmortem.Count(i.Total), i.SpentWords(), i.LeftWords()
	return row
}

func (s *site) stepsOf(in postmortem.Incident) (groups []stepGroup, done string) {
	var did, all int
	for _, p := range in.Progress() {
		section := cmp.Or(p.Section, "Steps")
		if p.Gone {
			section = "No longer in the playbook"
		}
		if n := len(groups); n == 0 || groups[n-1].Section != section {
			groups = append(groups, stepGroup{Section: section})
		}
		row := stepRow{Parts: parts(postmortem.Prose(p.Text)), Done: !p.Done.IsZero(), By: cmp.Or(p.By, "somebody")}
		all++
		if row.Done {
			did++
			row.At = s.at(p.Done)
		}
		last := &groups[len(groups)-1]
		last.Steps = append(last.Steps, row)
	}
	if all == 0 {
		return groups, ""
	}
	return groups, fmt.Sprintf("%d of %d steps done", did, all)
}

// parts splits a text where code begins and ends.
func parts(text string) []textPart {
	split := strings.Split(text, "`")
	if len(split)%2 == 0 {
		return []textPart{{text, false}}
	}
	var out []textPart
	for i, part := range split {
		if part != "" {
			out = append(out, textPart{part, i%2 == 1})
		}
	}
	return out
}

// timeline groups events by day.
func (s *site) timeline(events []postmortem.Event) (days []timelineDay, leftOut string) {
	skipped := len(events) - firstEvents - lastEvents
	for i, e := range events {
		if skipped > 0 && i >= firstEvents && i < firstEvents+skipped {
			continue
		}
		at := e.At.In(s.o.Zone)
		if day := at.Format("Monday 2 January 2006"); len(days) == 0 || days[len(days)-1].Day != day {
			days = append(days, timelineDay{Day: day})
		}
		last := &days[len(days)-1]
		last.Events = append(last.Events, eventLine(e, at))
	}
	if skipped > 0 {
		leftOut = fmt.Sprintf("%s events in the middle are not shown; the post-mortem has all.", postmortem.Count(int64(skipped)))
	}
	return days, leftOut
}

func eventLine(e postmortem.Event, at time.Time) timelineEvent {
	line := timelineEvent{
		Clock: at.Format("15:04:05"), Machine: at.Format(time.RFC3339), What: e.Kind.Words(), Who: e.By, Detail: e.Detail(), Is: eventCondition(e.Kind),
	}
	switch {
	case e.Data["silence"] != "":
		line.Link, line.LinkName = "/api/v2/silence/"+url.PathEscape(e.Data["silence"]), "the silence"
	case strings.HasPrefix(e.Data["link"], "https://") || strings.HasPrefix(e.Data["link"], "http://"):
		line.Link, line.LinkName = e.Data["link"], "more"
	}
	return line
}

// eventCondition is the color of what changes how things stand.
func eventCondition(k postmortem.Kind) condition {
	switch k {
	case postmortem.Fired, postmortem.NotNotified, postmortem.AckTimedOut:
		return broken
	case postmortem.Acknowledge, postmortem.TakenOver:
		return risk
	case postmortem.AlertEnded, postmortem.End:
		return fine
	case postmortem.Deployed, postmortem.Escalated:
		return watch
	default:
		return ""
	}
}

// pictures draws the burn chart for a desk and for a phone, by day and by night.
func (s *site) pictures(r *http.Request, id string) (all []picture, words string, err error) {
	if s.o.History.Burn == nil {
		return nil, "", nil
	}
	burn, ok := s.o.History.Burn(r.Context(), id)
	if !ok {
		return nil, "", nil
	}
	burn.Location = cmp.Or(burn.Location, s.o.Zone)
	for _, size := range []struct {
		class         string
		width, height int
	}{{"desk", 1000, 420}, {"phone", 360, 420}} {
		for class, dark := range map[string]bool{"day": false, "night": true} {
			f := burn.Figure()
			f.Width, f.Height, f.Dark = size.width, size.height, dark
			svg, err := f.SVG()
			if err != nil {
				return nil, "", fmt.Errorf("draw incident %s: %w", id, err)
			}
			all = append(all, picture{size.class + " " + class, template.HTML(svg)}) //nolint:gosec // internal/chart escapes every text it writes.
			words = f.Alt()
		}
	}
	slices.SortFunc(all, func(a, b picture) int { return strings.Compare(a.Class, b.Class) })
	return all, words, nil
}

// apiBurn serves the burn chart as a file.
func (s *site) apiBurn(w http.ResponseWriter, r *http.Request) error {
	in, err := s.tell(r)
	if err != nil {
		return err
	}
	figure, ok := s.figure(r, in.Number)
	if !ok {
		return fault{http.StatusNotFound, "Nothing is known of how fast a budget was spent in this incident.", nil}
	}
	draw, kind := figure.PNG, "image/png"
	if path.Ext(r.URL.Path) == ".svg" {
		draw, kind = figure.SVG, "image/svg+xml"
	}
	body, err := draw()
	if err != nil {
		return fmt.Errorf("draw incident %d: %w", in.Number, err)
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Content-Security-Policy", contentSecurity)
	w.Header().Set("Cache-Control", "no-store")
	return send(w, r, http.StatusOK, body)
}

func (s *site) figure(r *http.Request, number int64) (charts.Figure, bool) {
	if s.o.History.Burn == nil {
		return charts.Figure{}, false
	}
	burn, ok := s.o.History.Burn(r.Context(), strconv.FormatInt(number, 10))
	burn.Location = cmp.Or(burn.Location, s.o.Zone)
	return burn.Figure(), ok
}

// pictureName is the name of a file beside a document.
var pictureName = regexp.MustCompile(`^[A-Za-z0-9][-A-Za-z0-9_.]{0,99}$`)

// apiPostmortem serves the post-mortem as Markdown. With ?picture=NAME the document shows the burn chart as a file of that
// name beside it; else it links the one that this server draws.
func (s *site) apiPostmortem(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	if format := cmp.Or(q.Get("format"), "md"); format != "md" {
		return fault{http.StatusBadRequest, fmt.Sprintf("There is no format %q; use md.", format), nil}
	}
	in, err := s.tell(r)
	if err != nil {
		return err
	}
	l := postmortem.Layout{Zone: s.o.Zone, Now: s.o.Now()}
	if figure, ok := s.figure(r, in.Number); ok {
		l.Alt = figure.Alt()
		l.Picture = s.o.ExternalURL + api + "incidents/" + strconv.FormatInt(in.Number, 10) + "/burn.svg"
		if name := q.Get("picture"); name != "" {
			if !pictureName.MatchString(name) {
				return fault{http.StatusBadRequest, fmt.Sprintf("The picture %q must be a file name of letters, digits, dots, dashes and underscores.", name), nil}
			}
			l.Picture = name
		}
	}
	w.Header().Set("Content-Type", "text/markdown; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	return send(w, r, http.StatusOK, []byte(in.Markdown(l)))
}
