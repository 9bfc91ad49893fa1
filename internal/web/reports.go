package web

import (
	"context"
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/watchtower-hub/watchtower/internal/report"
)

// Reports is where reports come from.
type Reports struct {
	// Build builds the report of a period with what is known around it. Nil: of the engine alone.
	Build func(ctx context.Context, p report.Period) (report.Report, error)
	// Slack is the message that says a report in Slack, as JSON. Nil: nothing is said there.
	Slack func(r report.Report) ([]byte, error)
}

// periodLink leads to the report of a period.
type periodLink struct {
	Name, Dates string
	Path        string
	Unfinished  bool
}

// reportsBody is the reports there are, by kind.
type reportsBody struct {
	Kinds []reportKind
	Plain bool // for people who see plain pages
}

type reportKind struct {
	Title string
	Links []periodLink
}

// listed is how many periods of a kind the list of reports goes back: a quarter of weeks, a year of the others.
func listed() map[report.Kind]int {
	return map[report.Kind]int{report.Weekly: 13, report.Monthly: 12, report.Quarterly: 4}
}

func (s *site) reports(w http.ResponseWriter, r *http.Request) error {
	b := reportsBody{Plain: s.edition(r) == plainEdition}
	for _, k := range report.Kinds() {
		kind := reportKind{Title: map[report.Kind]string{report.Weekly: "Weeks", report.Monthly: "Months", report.Quarterly: "Quarters"}[k]}
		kind.Links = s.periods(k, s.edition(r))
		b.Kinds = append(b.Kinds, kind)
	}
	return s.render(w, r, http.StatusOK, page{Template: "reports", Title: "Reports", Nav: "/reports/", Body: b})
}

// periods are those that the list of reports shows, the newest first.
func (s *site) periods(k report.Kind, edition string) []periodLink {
	links := make([]periodLink, 0, listed()[k]+1)
	now := k.Around(s.o.Now().In(s.o.Zone))
	for back := range listed()[k] + 1 {
		link, _ := s.periodLink(now.Step(-back), edition)
		links = append(links, link)
	}
	return links
}

// periodLink returns the link to a period's report; ok is false for one that has not begun.
func (s *site) periodLink(p report.Period, edition string) (link periodLink, ok bool) {
	now := s.o.Now()
	link = periodLink{Name: p.Name(), Dates: p.Dates(), Path: reportPath(p.Name(), "", edition), Unfinished: p.To.After(now)}
	return link, !p.From.After(now)
}

// reportPath leads to the report of a period, of a team where it is not "", in an edition.
func reportPath(period, team, edition string) string {
	query := url.Values{}
	if team != "" {
		query.Set("team", team)
	}
	if edition != "" {
		query.Set("edition", edition)
	}
	if len(query) == 0 {
		return "/reports/" + period
	}
	return "/reports/" + period + "?" + query.Encode()
}

const plainEdition = "plain"

// edition is the one that a request asks for: "" for leads, or the plain one, which is all that viewers get.
func (s *site) edition(r *http.Request) string {
	if s.plain(r) || r.URL.Query().Get("edition") == plainEdition {
		return plainEdition
	}
	return ""
}

// reportBody is a report and its neighbors.
type reportBody struct {
	report.Report

	Is             condition
	Previous, Next *periodLink
	Teams          []reportTeam
	Team           string        // the one it is about, "" for all
	Choices        []choice      // the teams there are
	Formats        []choice      // other ways to have it
	Editions       []choice      // the two of them
	Picture        template.HTML // what cost the most
	Style          template.CSS  // of a file that stands alone
}

type reportTeam struct {
	Title string
	Rows  []reportRow
}

type reportRow struct {
	report.Row

	Path   string
	Is     condition
	Budget gauge
}

// buildReport builds a report of all teams, or of one.
func (s *site) buildReport(ctx context.Context, p report.Period, team string) (report.Report, error) {
	build := s.o.Reports.Build
	if build == nil {
		build = func(ctx context.Context, p report.Period) (report.Report, error) {
			return report.Build(ctx, s.o.Engine, p)
		}
	}
	r, err := build(ctx, p)
	if err != nil {
		return report.Report{}, fmt.Errorf("%s report: %w", p.Kind, err)
	}
	if team == "" {
		return r, nil
	}
	part, ok := r.Of(team)
	if !ok {
		return part, fault{http.StatusNotFound, fmt.Sprintf("No promise is team %s's: see the report of all for the teams there are.", team), nil}
	}
	return part, nil
}

func (s *site) report(w http.ResponseWriter, r *http.Request) error {
	p, err := report.Parse(r.PathValue("period"), s.o.Now().In(s.o.Zone))
	if err != nil {
		return fault{http.StatusBadRequest, upperFirst(err.Error()), nil}
	}
	team := r.URL.Query().Get("team")
	built, err := s.buildReport(r.Context(), p, team)
	if err != nil {
		return err
	}
	b := s.reportBody(built, team, s.edition(r))
	if s.plain(r) {
		b.Editions = nil // There is but one for viewers.
	}
	name := "report"
	if s.edition(r) == plainEdition {
		name = "report-plain"
	}
	return s.render(w, r, http.StatusOK, page{Template: name, Title: built.PlainTitle(), Nav: "/reports/", Sheet: "report.css", Body: b})
}

func (s *site) reportBody(r report.Report, team, edition string) reportBody {
	b := reportBody{Report: r, Is: fine, Team: team}
	switch {
	case r.Missed > 0:
		b.Is = broken
	case r.NoData > 0 || r.Kept == 0:
		b.Is = unknown
	}
	empty := r.Kept+r.Missed+len(r.Incidents) == 0
	if link, ok := s.periodLink(r.Span().Step(-1), edition); ok && (!empty || r.To.After(s.o.Now().AddDate(-1, 0, 0))) {
		link.Path = reportPath(link.Name, team, edition)
		b.Previous = &link // Nobody is led on into the years before Watchtower.
	}
	if link, ok := s.periodLink(r.Span().Step(1), edition); ok {
		link.Path = reportPath(link.Name, team, edition)
		b.Next = &link
	}
	for _, t := range r.Teams {
		part := reportTeam{Title: t.Title()}
		for _, row := range t.Rows {
			part.Rows = append(part.Rows, reportRowOf(row))
		}
		b.Teams = append(b.Teams, part)
	}
	b.links(edition)
	if figure, ok := r.Figure(); ok {
		if svg, err := figure.SVG(); err == nil {
			b.Picture = template.HTML(svg) //nolint:gosec // It is drawn by us, and escapes its names.
		}
	}
	return b
}

// links leads to the same report for others.
func (b *reportBody) links(edition string) {
	address := func(team, edition string) string { return reportPath(b.Name, team, edition) }
	b.Editions = []choice{{address(b.Team, ""), "For leads", edition == ""}, {address(b.Team, plainEdition), "In plain words", edition == plainEdition}}
	if b.Team == "" && len(b.Teams) > 1 {
		b.Choices = append(b.Choices, choice{address("", edition), "All teams", true})
		for _, t := range b.Report.Teams {
			if t.Name != "" {
				b.Choices = append(b.Choices, choice{address(t.Name, edition), t.Name, false})
			}
		}
	} else if b.Team != "" {
		b.Choices = []choice{{address("", edition), "All teams", false}, {address(b.Team, edition), b.Team, true}}
	}
	for _, f := range []choice{{"md", "Markdown", false}, {"html", "HTML", false}, {"csv", "CSV", false}, {"json", "JSON", false}, {"text", "Plain text", false}} {
		path := api + "reports/" + string(b.Kind) + "?" + b.Kind.Noun() + "=" + b.Name + "&format=" + f.Path
		if b.Team != "" {
			path += "&team=" + template.URLQueryEscaper(b.Team)
		}
		b.Formats = append(b.Formats, choice{path, f.Name, false})
	}
}

func reportRowOf(row report.Row) reportRow {
	v := reportRow{Row: row, Path: objectivePath(row.ID), Is: fine, Budget: gauge{Words: "unknown", Is: unknown}}
	switch row.Outcome {
	case report.Missed:
		v.Is = broken
	case report.NoData:
		v.Is = unknown
	default:
	}
	if row.Removed != nil {
		v.Path = "" // Its page is gone.
	}
	if row.BudgetLeft != nil {
		v.Budget = gaugeFor(*row.BudgetLeft)
	}
	return v
}

// TargetWords returns the target as it was written.
func (r reportRow) TargetWords() string { return report.Target(r.Target) }

// apiReport serves a report in the format asked for; JSON unless the format says otherwise. The plain edition is text.
func (s *site) apiReport(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	format, edition := query.Get("format"), query.Get("edition")
	kind := report.Kind(r.PathValue("kind"))
	switch {
	case !slices.Contains(report.Kinds(), kind):
		return notFound(w, r)
	case !slices.Contains([]string{"", "json", "md", "html", "text", "csv", "slack"}, format):
		return fault{http.StatusBadRequest, fmt.Sprintf("There is no format %q; use json, md, html, csv, text or slack.", format), nil}
	case !slices.Contains([]string{"", "leads", plainEdition}, edition):
		return fault{http.StatusBadRequest, fmt.Sprintf("There is no edition %q; use leads or plain.", edition), nil}
	case edition == plainEdition && format != "" && format != "text":
		return fault{http.StatusBadRequest, "The plain edition is text: leave the format out.", nil}
	case edition == plainEdition:
		format = "text"
	}
	p, err := kind.ParseAs(query.Get(kind.Noun()), s.o.Now().In(s.o.Zone))
	if err != nil {
		return fault{http.StatusBadRequest, upperFirst(err.Error()), nil}
	}
	built, err := s.buildReport(r.Context(), p, query.Get("team"))
	if err != nil {
		return err
	}
	return s.sendReport(w, r, built, format)
}

func (s *site) sendReport(w http.ResponseWriter, r *http.Request, built report.Report, format string) error {
	var body []byte
	var err error
	kind := "text/plain; charset=utf-8"
	switch format {
	case "md":
		body, kind = []byte(built.Markdown()), "text/markdown; charset=utf-8"
	case "csv":
		body, kind = []byte(built.CSV()), "text/csv; charset=utf-8"
	case "text":
		body = []byte(built.Plain())
	case "html":
		body, err = s.reportFile(built, r.URL.Query().Get("team"))
		kind = "text/html; charset=utf-8"
		w.Header().Set("Content-Disposition", `attachment; filename="report-`+built.Name+`.html"`)
	case "slack":
		if s.o.Reports.Slack == nil {
			return fault{http.StatusNotImplemented, "This server says nothing in Slack.", nil}
		}
		body, err = s.o.Reports.Slack(built)
		kind = "application/json; charset=utf-8"
	default:
		return writeJSON(w, r, http.StatusOK, built)
	}
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", kind)
	w.Header().Set("Cache-Control", "no-store")
	return send(w, r, http.StatusOK, body)
}

// reportFile is a report as a page that stands alone, to be mailed or printed. Its links lead here.
func (s *site) reportFile(r report.Report, team string) ([]byte, error) {
	b := s.reportBody(r, team, "")
	b.Previous, b.Next, b.Choices, b.Editions, b.Formats = nil, nil, nil, nil, nil
	for _, name := range []string{"app.css", "chart.css", "report.css"} {
		b.Style += template.CSS(s.assets[name].body) //nolint:gosec // The stylesheets are ours.
	}
	var out strings.Builder
	if err := s.templates["report"].ExecuteTemplate(&out, "file", b); err != nil {
		return nil, fmt.Errorf("render report: %w", err)
	}
	return []byte(strings.ReplaceAll(out.String(), `href="/`, `href="`+template.HTMLEscapeString(s.o.ExternalURL)+`/`)), nil
}
