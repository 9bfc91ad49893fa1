package viewer

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"html/template"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// mostPoints is how many points a line has at most.
const mostPoints = 300

// job is a panel being made: its queries are on their way.
type job struct {
	request *request
	json    *panelJSON
	scope   scope
	fields  *fields
	kind    kind
	panel   Panel
	queries []query
}

// query is one of a panel's, with its answer once it is there.
type query struct {
	target  targetJSON
	expr    string
	ask     ask
	pending *pending
	series  []Series
}

// kind is how a kind of panel is made.
type kind struct {
	// points is how many points of each series are asked for; 0: as many as there is room for.
	points int
	// atOnce asks for the present values alone, unless the series are to be reduced.
	atOnce bool
	// draw fills the panel with the answers.
	draw func(*job)
	// still needs no queries.
	still bool
}

// kindOf returns how a panel is made; false: we cannot.
func kindOf(name string) (kind, bool) {
	k, ok := map[string]kind{
		"timeseries": {draw: (*job).graph},
		"graph":      {draw: (*job).graph}, // its name of long ago
		"barchart":   {draw: (*job).bars},
		"stat":       {points: 100, draw: (*job).stats},
		"singlestat": {points: 100, draw: (*job).stats},
		"gauge":      {points: 100, draw: (*job).dials},
		"bargauge":   {points: 100, draw: (*job).bars},
		"table":      {atOnce: true, draw: (*job).table},
		"heatmap":    {points: 120, draw: (*job).heat},
		"text":       {still: true, draw: (*job).text},
	}[name]
	return k, ok
}

// begin sends the queries of a panel.
func (r *request) begin(ctx context.Context, in instance) *job {
	j := &job{request: r, json: in.panel, scope: in.scope, fields: newFields(in.panel.FieldConfig)}
	j.panel = Panel{
		ID: in.panel.ID, Anchor: strconv.FormatInt(in.panel.ID, 10), Kind: in.panel.Type, Title: in.scope.words(in.panel.Title),
		Description: markdown(in.scope.words(in.panel.Description)), Width: in.panel.GridPos.W, Height: in.panel.GridPos.H,
		Right: 2*in.panel.GridPos.X+in.panel.GridPos.W > gridWidth,
	}
	if in.nth > 0 {
		j.panel.Anchor += "-" + strconv.Itoa(in.nth+1)
	}
	j.panel.Path = r.path(func(q url.Values) {
		q.Del("viewPanel")
		q.Set("panel", strconv.FormatInt(in.panel.ID, 10))
		for _, name := range in.scope.fixed {
			q["var-"+name] = in.scope.values[name].values
		}
	})
	for _, l := range in.panel.Links {
		if link, ok := r.link(l, in.scope); ok {
			j.panel.Links = append(j.panel.Links, link)
		}
	}
	var known bool
	if j.kind, known = kindOf(in.panel.Type); !known {
		j.note("Panels of the kind %q cannot be drawn here. Open this dashboard in Grafana to see it.", in.panel.Type)
		return j
	}
	if words := j.fields.unknownWords(); words != "" {
		j.note("%s", words)
	}
	if !j.kind.still {
		j.ask(ctx)
	}
	return j
}

func (j *job) note(format string, args ...any) {
	j.panel.Notes = append(j.panel.Notes, fmt.Sprintf(format, args...))
}

// ask sends the panel's queries.
func (j *job) ask(ctx context.Context) {
	w := j.scope.window
	if j.json.TimeFrom != "" {
		own := window{rawFrom: "now-" + j.json.TimeFrom, rawTo: "now"}
		if err := own.read(w.to, w.to.Location()); err == nil {
			own.rawTo = w.rawTo
			w = own
		}
	}
	most := j.kind.points
	if most == 0 {
		most = min(mostPoints, max(100, 25*j.json.GridPos.W))
	}
	if j.request.only != 0 && most > 150 {
		most = mostPoints
	}
	j.scope.window = w
	for _, t := range j.json.Targets {
		if t.Hide {
			continue
		}
		if source := foreign(t.Datasource, j.json.Datasource); source != "" {
			j.note("A query asks a data source of the kind %q, which is not here. Open this dashboard in Grafana to see it.", source)
			continue
		}
		if strings.TrimSpace(t.Expr) == "" {
			continue
		}
		s := j.scope
		s.step = max(stepFor(w.to.Sub(w.from), most), leastStep(j.scope, t.Interval, j.json.Interval))
		q := query{target: t, expr: s.query(t.Expr)}
		q.ask = ask{expr: q.expr, instant: j.atOnce(t), step: s.step}
		q.ask.from, q.ask.to = w.aligned(s.step)
		if q.ask.instant {
			q.ask.from, q.ask.step = time.Time{}, 0
		}
		q.pending = j.request.asks.begin(ctx, q.ask)
		j.queries = append(j.queries, q)
	}
}

// leastStep is what a query or its panel asks not to go below.
func leastStep(s scope, intervals ...string) time.Duration {
	for _, i := range intervals {
		if d, err := parseDuration(s.words(i)); err == nil {
			return d
		}
	}
	return 0
}

// atOnce tells whether the present values are enough.
func (j *job) atOnce(t targetJSON) bool {
	if t.Instant && !t.Range {
		return true
	}
	if !j.kind.atOnce {
		return false
	}
	for _, tr := range j.json.Transforms {
		if !tr.Disabled && (tr.ID == "reduce" || tr.ID == "timeSeriesTable") {
			return false
		}
	}
	return true
}

// foreign returns the kind of a data source that we are not; "": it is Prometheus.
func foreign(sources ...json.RawMessage) string {
	for _, raw := range sources {
		var o struct {
			Type string `json:"type"`
			UID  string `json:"uid"`
		}
		if _, err := lenient(raw, &o); err != nil || o.Type == "" && o.UID == "" {
			continue // a name alone: Grafana's of long ago
		}
		if o.Type == "" || o.Type == "prometheus" || o.Type == "datasource" && o.UID == "-- Mixed --" {
			return ""
		}
		return o.Type
	}
	return ""
}

// finish waits for the answers and draws. A panel that cannot be drawn says so, whatever
// the reason.
func (j *job) finish() (p Panel) {
	defer func() {
		if broken := recover(); broken != nil {
			j.note("This panel could not be drawn: %v.", broken)
			p = j.empty()
		}
	}()
	failed := 0
	for i := range j.queries {
		q := &j.queries[i]
		got := q.pending.wait()
		if got.err != nil {
			failed++
			j.panel.Notes = append(j.panel.Notes, queryFault(q.expr, got.err))
			continue
		}
		q.series = got.series
	}
	if j.kind.draw != nil && (j.kind.still || failed < len(j.queries)) {
		j.kind.draw(j)
	}
	if !j.panel.Filled() {
		return j.empty()
	}
	return j.panel
}

// empty says why there is nothing to see.
func (j *job) empty() Panel {
	p := j.panel
	p.Graph, p.Stats, p.Dials, p.Bars, p.Table, p.Text = nil, nil, nil, nil, nil, template.HTML("")
	switch {
	case len(p.Notes) > 0:
		p.Empty = "Nothing can be shown."
	case len(j.queries) == 0 && !j.kind.still:
		p.Empty = "This panel asks nothing: it has no query."
	case j.kind.still:
		p.Empty = "This panel has no text."
	default:
		p.Empty = cmp.Or(j.fields.plain.NoValue, "no data")
		p.Empty = strings.ToUpper(p.Empty[:1]) + p.Empty[1:] + " in this time: nothing of the kind happened, or we cannot see it."
	}
	return p
}
