package web

import (
	"cmp"
	"context"
	"html"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/internal/web/search"
	"github.com/watchtower-hub/watchtower/rules"
)

// The kinds of things that can be found, in the order in which equally good ones are shown.
const (
	kindObjective = "objectives"
	kindIncident  = "incidents"
	kindPlaybook  = "playbooks"
	kindDashboard = "dashboards"
	kindPeople    = "oncall"
	kindReport    = "reports"
	kindPage      = "pages"
	kindMetric    = "metrics"
)

// kindTitle is what a kind is called above its results; empty for one that does not exist.
func kindTitle(kind string) string {
	switch kind {
	case kindObjective:
		return "Objectives"
	case kindIncident:
		return "Incidents"
	case kindPlaybook:
		return "Playbooks"
	case kindDashboard:
		return "Dashboards"
	case kindPeople:
		return "Teams and people on call"
	case kindReport:
		return "Reports"
	case kindPage:
		return "Pages"
	case kindMetric:
		return "Metrics"
	default:
		return ""
	}
}

const (
	// mostMetrics bounds how many names of metrics are looked through.
	mostMetrics = 10_000
	// metricsTime bounds the reading of those names.
	metricsTime = 2 * time.Second
)

// findable is everything that can be found.
type findable struct {
	index      *search.Index
	metricsCut bool // There are more metrics than are looked through.
}

// findable gathers what can be found now.
func (s *site) findable(ctx context.Context) findable {
	var items []search.Item
	for _, st := range s.o.Engine.Statuses() {
		items = append(items, objectiveItem(st))
	}
	items = append(items, s.incidentItems()...)
	for _, p := range s.allPlaybooks() {
		items = append(items, search.Item{
			Kind: kindPlaybook, Name: cmp.Or(p.Title, p.ID), ID: p.ID, About: p.Owner, Also: p.Matches, Text: words(p.Summary, plainText(string(p.HTML))),
			Path: playbookPath(p.ID),
		})
	}
	items = append(items, s.dashboardItems()...)
	items = append(items, s.onCallItems()...)
	of := map[report.Kind]string{report.Weekly: "Week of ", report.Quarterly: "Quarter of "}
	for _, k := range report.Kinds() {
		for _, p := range s.periods(k, "") {
			items = append(items, search.Item{Kind: kindReport, Name: of[k] + p.Dates, ID: p.Name, Path: p.Path})
		}
	}
	items = append(items, s.pageItems()...)
	metrics, isCut := s.metricItems(ctx)
	return findable{index: search.NewIndex(append(items, metrics...)), metricsCut: isCut}
}

// words joins what there is of some words.
func words(list ...string) string {
	var kept []string
	for _, w := range list {
		if w != "" {
			kept = append(kept, w)
		}
	}
	return strings.Join(kept, " · ")
}

func objectiveItem(st rules.Status) search.Item {
	o := st.Objective
	team := o.Team
	if team != "" {
		team = "team " + team
	}
	return search.Item{
		Kind: kindObjective, Name: promiseOf(o), ID: o.ID, About: words(conditionOf(st).Word(), o.Service, o.SLO, team),
		Also: strings.Join(sortedLabels(o.Labels), " ") + " " + o.Description + " " + o.File, Path: objectivePath(o.ID),
	}
}

// incidentItems are the open incidents and what is kept of past ones.
func (s *site) incidentItems() []search.Item {
	var items []search.Item
	shown := map[int64]bool{}
	for _, i := range s.openIncidents() {
		it := search.Item{Kind: kindIncident, Name: i.Title, About: words("Open", i.State, i.Service, i.Owner), Also: i.Severity + " " + i.Team, Path: "/incidents"}
		if i.Number > 0 {
			it.ID, it.Path, shown[i.Number] = numberWord(i.Number), incidentPath(i.Number), true
		}
		items = append(items, it)
	}
	if s.o.History.List == nil {
		return items
	}
	for _, l := range s.o.History.List() {
		if shown[l.Number] {
			continue
		}
		items = append(items, search.Item{
			Kind: kindIncident, Name: l.Title, ID: numberWord(l.Number), Path: incidentPath(l.Number),
			About: words(l.State.Word(), l.Service, l.Owner, l.OpenedAt.In(s.o.Zone).Format("2 Jan 2006")), Also: l.Severity + " " + l.Team,
		})
	}
	return items
}

func numberWord(number int64) string { return "#" + strconv.FormatInt(number, 10) }

func (s *site) dashboardItems() []search.Item {
	if s.o.Dashboards == nil {
		return nil
	}
	boards, err := s.o.Dashboards.Boards()
	if err != nil {
		s.log.Warn("dashboards cannot be searched", "err", err)
		return nil
	}
	var items []search.Item
	for _, d := range boards {
		items = append(items, search.Item{Kind: kindDashboard, Name: d.Title, ID: d.UID, About: words(groupOf(d), d.Purpose), Path: viewer.Path(d.UID)})
	}
	return items
}

// onCallItems are the teams with who is on call for them, and the people with what they are on call for.
func (s *site) onCallItems() []search.Item {
	if s.o.OnCall == nil {
		return nil
	}
	var items []search.Item
	var people []string
	about := map[string][]string{}
	path := map[string]string{}
	tell := func(user, what, where string) {
		if user == "" {
			return
		}
		if path[user] == "" {
			people, path[user] = append(people, user), where
		}
		about[user] = append(about[user], what)
	}
	for i, t := range s.o.OnCall() {
		where := "/oncall#team-" + strconv.Itoa(i)
		items = append(items, search.Item{Kind: kindPeople, Name: t.Team, About: words("Team", cmp.Or(t.Now.User, nobody)+" is on call", t.Channel), Path: where})
		tell(t.Now.User, "on call for "+t.Team+" now", where)
		later := map[string]bool{t.Now.User: true}
		for _, sh := range t.Coming {
			if !later[sh.User] {
				later[sh.User] = true
				tell(sh.User, "on call for "+t.Team+" from "+turn(sh.From, cmp.Or(t.Zone, s.o.Zone)), where)
			}
		}
	}
	for _, user := range people {
		items = append(items, search.Item{Kind: kindPeople, Name: user, About: strings.Join(about[user], ", "), Path: path[user]})
	}
	return items
}

// pageItems are the pages of the site themselves.
func (s *site) pageItems() []search.Item {
	var items []search.Item
	for _, e := range s.entries() {
		items = append(items, search.Item{Kind: kindPage, Name: e.Name, About: e.About, Path: e.Path})
	}
	if s.o.Primer != "" {
		items = append(items, search.Item{Kind: kindPage, Name: "Primer", About: "What the words mean: promises, budgets, burn rates", Also: "help glossary", Path: "/primer"})
	}
	return items
}

// metricItems are the names of the metrics that are stored.
func (s *site) metricItems(ctx context.Context) (items []search.Item, isCut bool) {
	if s.o.Metrics == nil {
		return nil, false
	}
	// Whoever asked may leave: others wait for the same answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), metricsTime)
	defer cancel()
	names, err := s.o.Metrics(ctx, mostMetrics+1)
	if err != nil {
		s.log.Warn("metrics cannot be searched", "err", err)
		return nil, false
	}
	isCut = len(names) > mostMetrics
	for _, name := range names[:min(mostMetrics, len(names))] {
		items = append(items, search.Item{Kind: kindMetric, Name: name, About: "Its present values", Path: metricPath(name)})
	}
	return items, isCut
}

var plainMetric = regexp.MustCompile(`^[a-zA-Z_:][a-zA-Z0-9_:]*$`)

// metricPath leads to the present values of a metric.
func metricPath(name string) string {
	if !plainMetric.MatchString(name) {
		name = "{" + strconv.Quote(name) + "}"
	}
	return "/graph?" + url.Values{"g0.expr": {name}}.Encode()
}

// plainText returns the text of some HTML, a space in place of each tag.
func plainText(markup string) string {
	var b strings.Builder
	for markup != "" {
		text, rest, _ := strings.Cut(markup, "<")
		b.WriteString(text)
		b.WriteByte(' ')
		_, markup, _ = strings.Cut(rest, ">")
	}
	return strings.Join(strings.Fields(html.UnescapeString(b.String())), " ")
}

var (
	numberQuery = regexp.MustCompile(`^#?\s*([1-9][0-9]{0,17})$`)
	weekQuery   = regexp.MustCompile(`^([0-9]{4})-?[wW]([0-9]{1,2})$`)
)

// straight returns where a query leads without a choice: to an incident by its number, to a report by the name of its period.
func (s *site) straight(query string) (path string, ok bool) {
	if m := numberQuery.FindStringSubmatch(query); m != nil {
		number, err := strconv.ParseInt(m[1], 10, 64)
		if err != nil || !s.hasIncident(number) {
			return "", false
		}
		return incidentPath(number), true
	}
	name := strings.ToUpper(strings.TrimSpace(query))
	if m := weekQuery.FindStringSubmatch(query); m != nil {
		name = m[1] + "-W" + strings.Repeat("0", 2-len(m[2])) + m[2]
	}
	if _, err := report.Parse(name, s.o.Now().In(s.o.Zone)); err != nil {
		return "", false
	}
	return "/reports/" + name, true
}

func (s *site) hasIncident(number int64) bool {
	if s.o.History.List == nil {
		return false // Open incidents have no page either.
	}
	for _, l := range s.o.History.List() {
		if l.Number == number {
			return true
		}
	}
	return false
}
