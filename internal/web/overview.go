package web

import (
	"cmp"
	"math"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/internal/report"
	"github.com/watchtower-hub/watchtower/rules"
)

// overviewBody is what the first page shows: the answer, what is open, and every promise by service.
type overviewBody struct {
	Verdict   verdict
	Starting  bool
	Incidents []incidentCard
	Services  []serviceGroup
}

// serviceGroup is the objectives of one service, the most urgent first.
type serviceGroup struct {
	Name string
	Rows []objectiveRow
}

// objectiveRow is one objective in a list.
type objectiveRow struct {
	Path, ID, Promise string
	Goal              string // "99.9% over 28d".
	Team              string
	Is                condition
	Errors, Burn      string
	Budget            gauge
	Lasts             string // "gone in 3 h 20 min"; empty when it lasts.
	Groups            []objectiveRow
	GroupsNote        string // "12 by route: 2 broken now"; empty for an objective without groups.
	MoreGroups        int    // That are not shown.
	worst             int    // The rank of it and of its groups.
}

// gauge is a budget bar.
type gauge struct {
	Words string // "41%", "overspent by 12%".
	Width int    // 0–100, of what is left.
	Is    condition
	Known bool
}

// incidentCard is an open incident.
type incidentCard struct {
	Incident
	Is            condition
	Since         moment
	Had           moment // since the owner has it
	Path          string // of its page; empty: it has none
	ObjectivePath string
	PlaybookPath  string
	PlaybookTitle string
	Alerts        []alertLine
}

// alertLine is one alert with its labels in order.
type alertLine struct {
	Alert
	Since  moment
	Labels []string
}

func objectivePath(id string) string { return "/objectives/" + url.PathEscape(id) }
func playbookPath(id string) string  { return "/playbooks/" + url.PathEscape(id) }

func (s *site) overview(w http.ResponseWriter, r *http.Request) error {
	statuses, incidents := s.o.Engine.Statuses(), s.openIncidents()
	b := overviewBody{Verdict: judge(statuses, incidents), Incidents: s.cards(incidents), Services: services(familiesOf(statuses))}
	if !s.isReady() {
		b.Starting = true
		b.Verdict = verdict{unknown, "One moment.", "Watchtower is starting" + s.starting() + ". This page fills by itself."}
	}
	return s.render(w, r, http.StatusOK, page{Template: "overview", Title: b.Verdict.Answer, Nav: "/", Is: b.Verdict.Is, Refresh: 3, Body: b})
}

// openIncidents returns the open incidents: firing ones first, pages before tickets, then the newest.
func (s *site) openIncidents() []Incident {
	if s.o.Incidents == nil {
		return nil
	}
	list := slices.Clone(s.o.Incidents())
	slices.SortStableFunc(list, func(a, b Incident) int {
		return cmp.Or(cmp.Compare(urgency(a).rank(), urgency(b).rank()), b.Since.Compare(a.Since), strings.Compare(a.ID, b.ID))
	})
	return list
}

// urgency is the condition that an incident stands for.
func urgency(i Incident) condition {
	switch {
	case i.State != "firing" && i.State != "acknowledged" && i.State != "":
		return watch
	case i.Severity == "page" || i.Severity == "critical":
		return broken
	default:
		return leaking
	}
}

func (s *site) cards(incidents []Incident) []incidentCard {
	titles := map[string]string{}
	if s.o.Playbooks != nil && len(incidents) > 0 {
		for _, p := range s.o.Playbooks() {
			titles[p.ID] = p.Title
		}
	}
	cards := make([]incidentCard, 0, len(incidents))
	for _, i := range incidents {
		c := incidentCard{Incident: i, Is: urgency(i), Since: s.at(i.Since)}
		if i.Number > 0 {
			c.Path = incidentPath(i.Number)
		}
		if i.AcknowledgedAt != nil {
			c.Had = s.at(*i.AcknowledgedAt)
		}
		if i.Objective != "" {
			c.ObjectivePath = objectivePath(i.Objective)
		}
		if i.Playbook != "" {
			c.PlaybookPath, c.PlaybookTitle = playbookPath(i.Playbook), cmp.Or(titles[i.Playbook], i.Playbook)
		}
		for _, a := range i.Alerts {
			line := alertLine{Alert: a, Labels: sortedLabels(a.Labels)}
			if a.Since != nil {
				line.Since = s.at(*a.Since)
			}
			c.Alerts = append(c.Alerts, line)
		}
		cards = append(cards, c)
	}
	return cards
}

func sortedLabels(labels map[string]string) []string {
	pairs := make([]string, 0, len(labels))
	for name, value := range labels {
		pairs = append(pairs, name+"="+value)
	}
	slices.Sort(pairs)
	return pairs
}

// services groups objectives by service, the service with the most urgent one first.
func services(f families) []serviceGroup {
	by := map[string][]objectiveRow{}
	for _, st := range f.all {
		o, members := st.Objective, f.members[st.Objective.ID]
		row := rowOf(st)
		row.worst, row.GroupsNote = row.Is.rank(), groupsNote(o, members)
		troubled := slices.DeleteFunc(slices.Clone(members), func(m rules.Status) bool { return groupRank(m) >= fine.rank() })
		row.Groups, row.MoreGroups = groupRows(o, troubled, groupsInOverview), max(0, len(troubled)-groupsInOverview)
		if len(members) > 0 {
			row.worst = min(row.worst, groupRank(members[0]))
		}
		by[o.Service] = append(by[o.Service], row)
	}
	groups := make([]serviceGroup, 0, len(by))
	for name, rows := range by {
		slices.SortFunc(rows, func(a, b objectiveRow) int {
			return cmp.Or(cmp.Compare(a.worst, b.worst), strings.Compare(a.ID, b.ID))
		})
		groups = append(groups, serviceGroup{name, rows})
	}
	slices.SortFunc(groups, func(a, b serviceGroup) int {
		return cmp.Or(cmp.Compare(a.Rows[0].worst, b.Rows[0].worst), strings.Compare(a.Name, b.Name))
	})
	return groups
}

func rowOf(st rules.Status) objectiveRow {
	o := st.Objective
	row := objectiveRow{
		Path: objectivePath(o.ID), ID: o.ID, Promise: promiseOf(o), Team: o.Team, Is: conditionOf(st),
		Goal: report.Target(o.Target) + " over " + report.OverWords(o), Errors: "–", Burn: "–", Budget: gaugeOf(st),
	}
	if !st.NoData {
		row.Errors, row.Burn = report.Percent(st.ErrorRatio), burnWords(st.Burn)
	}
	if st.ExhaustedIn > 0 && st.BudgetRemaining > 0 {
		row.Lasts = "gone in " + span(st.ExhaustedIn)
	}
	return row
}

func gaugeOf(st rules.Status) gauge {
	if st.Total <= 0 {
		return gauge{Words: "no data", Is: unknown}
	}
	g := gaugeFor(st.BudgetRemaining)
	if g.Is == fine && st.State == rules.StateAtRisk {
		g.Is = risk
	}
	return g
}

// gaugeFor returns the bar of a budget of which so much is left.
func gaugeFor(left float64) gauge {
	if math.IsNaN(left) || math.IsInf(left, 0) {
		return gauge{Words: "unknown", Is: unknown}
	}
	g := gauge{Words: report.Budget(left), Width: int(math.Round(100 * min(1, max(0, left)))), Is: fine, Known: true}
	switch {
	case left <= 0:
		g.Is = spent
		return g
	case left < 0.25:
		g.Is = risk
	}
	g.Words += " left"
	g.Width = max(1, g.Width)
	return g
}
