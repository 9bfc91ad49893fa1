package viewer

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	traffic = `"fieldConfig": {"defaults": {"unit": "reqps", "custom": {"fillOpacity": 8, "thresholdsStyle": {"mode": "dashed"}},
		"thresholds": {"mode": "absolute", "steps": [{"value": null, "color": "#009E73"}, {"value": 50, "color": "#D55E00"}]}}}`
	budget = `"fieldConfig": {"defaults": {"unit": "percentunit", "decimals": 1, "color": {"mode": "thresholds"}, "noValue": "no data",
		"thresholds": {"steps": [{"value": null, "color": "#D55E00"}, {"value": 0, "color": "#E69F00"}, {"value": 0.25, "color": "#009E73"}]}}}`
)

func hosts() *fake {
	return &fake{answers: map[string][]Series{"traffic": {series("host=b", 10, 20), series("host=a", 40)}}}
}

func TestTimeSeries(t *testing.T) {
	p := panelOf(t, "timeseries", traffic+", "+targets("sum by (host) (rate(traffic[$__rate_interval])) as on {{host}}")+
		`, "options": {"legend": {"showLegend": true, "calcs": ["lastNotNull", "max"]}}`, hosts())
	g := p.Graph
	if g == nil || p.Empty != "" || p.Notes != nil {
		t.Fatalf("no graph: %+v", p)
	}
	var legend []string
	for _, row := range g.Legend {
		legend = append(legend, row.Name+": "+strings.Join(row.Values, ", "))
	}
	if diff := cmp.Diff([]string{"on a: 40/s, 40/s", "on b: 10/s, 20/s"}, legend); diff != "" {
		t.Errorf("the legend:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"now", "highest"}, g.Columns); diff != "" {
		t.Errorf("the columns:\n%s", diff)
	}
	plot := string(g.Plot)
	for _, want := range []string{`class="line ink-1"`, `class="line ink-2"`, `class="limit ink-bad"`, "Incident 7: it broke", "on a: 40/s at 12:00"} {
		if !strings.Contains(plot, want) {
			t.Errorf("the plot lacks %s", want)
		}
	}
	if !strings.Contains(string(g.Scale), "60/s") || !strings.Contains(string(g.Clock), "08:00") {
		t.Errorf("scale %s, clock %s", g.Scale, g.Clock)
	}
	var h hovered
	if err := json.Unmarshal([]byte(g.Hover), &h); err != nil {
		t.Fatal(err)
	}
	last := len(h.X) - 1
	if last != 180 || h.X[0] != 0 || h.X[last] != 1000 || h.T[last] != "Sat 12:00" || h.Series[0].Name != "on a" || h.Series[0].Values[last] != "40/s" || h.Series[1].Class != "ink-2" {
		t.Errorf("at the pointer: %d moments, %d, %d, %s, %+v", last, h.X[0], h.X[last], h.T[last], h.Series[0])
	}
}

// hovered is what the page's script reads.
type hovered struct {
	X      []int    `json:"x"`
	T      []string `json:"t"`
	Series []struct {
		Name   string   `json:"n"`
		Class  string   `json:"k"`
		Values []string `json:"v"`
	} `json:"s"`
}

// One line has its area under it; several would mix.
func TestFill(t *testing.T) {
	f := hosts()
	f.answers["single"] = []Series{series("", 1)}
	for query, want := range map[string]bool{"single": true, "traffic": false} {
		if got := strings.Contains(string(panelOf(t, "timeseries", traffic+", "+targets(query), f).Graph.Plot), `<g fill-opacity="0.08">`); got != want {
			t.Errorf("%s is filled: %v, want %v", query, got, want)
		}
	}
}

func TestTimeSeriesWithOverrides(t *testing.T) {
	config := `"fieldConfig": {"defaults": {"custom": {"drawStyle": "line"}}, "overrides": [
		{"matcher": {"id": "byName", "options": "a"}, "properties": [{"id": "color", "value": {"mode": "fixed", "fixedColor": "red"}}, {"id": "displayName", "value": "Host ${__field.labels.host}"}]},
		{"matcher": {"id": "byRegexp", "options": "/^b/"}, "properties": [{"id": "custom.drawStyle", "value": "bars"}, {"id": "unit", "value": "s"}]},
		{"matcher": {"id": "byFrameRefID", "options": "B"}, "properties": [{"id": "custom.hideFrom", "value": {"viz": true}}]},
		{"matcher": {"id": "byMoon", "options": "B"}, "properties": []}]}`
	p := panelOf(t, "timeseries", config+", "+targets("traffic as {{host}}", "traffic2 as second {{host}}"), hosts())
	plot := string(p.Graph.Plot)
	if !strings.Contains(plot, `line ink-bad`) || !strings.Contains(plot, `column ink-1`) || strings.Contains(plot, "second") || p.Graph.Legend[0].Name != "Host a" {
		t.Errorf("overrides are not applied: %+v\n%s", p.Graph.Legend, plot)
	}
	notes := strings.Join(p.Notes, " ")
	for _, want := range []string{`"byMoon" is not known`, "different units share one scale"} {
		if !strings.Contains(notes, want) {
			t.Errorf("the notes lack %s: %s", want, notes)
		}
	}
}

func TestManyLinesAreCut(t *testing.T) {
	f := &fake{answers: map[string][]Series{"traffic": nil}}
	for i := range 100 {
		f.answers["traffic"] = append(f.answers["traffic"], series(fmt.Sprintf("host=%03d", i), float64(i)))
	}
	p := panelOf(t, "timeseries", targets("traffic"), f)
	if len(p.Graph.Legend) != mostLines || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "60 lines are drawn of 100") {
		t.Errorf("%d lines, %v", len(p.Graph.Legend), p.Notes)
	}
}

func TestStat(t *testing.T) {
	f := &fake{answers: map[string][]Series{"budget": {series("", 0.9, 0.2)}}}
	p := panelOf(t, "stat", budget+`, "options": {"graphMode": "area", "reduceOptions": {"calcs": ["min"]}}, `+targets("budget as left"), f)
	if len(p.Stats) != 1 {
		t.Fatalf("%+v", p)
	}
	s := p.Stats[0]
	if s.Value != "20.0%" || s.Ink != "watch" || s.Name != "" || !strings.Contains(string(s.Spark), "line ink-watch") || s.Solid {
		t.Errorf("%+v", s)
	}
	p = panelOf(t, "stat", budget+`, "options": {"textMode": "value_and_name", "colorMode": "background"}, `+targets("budget as left"), f)
	if s := p.Stats[0]; s.Name != "left" || !s.Solid || s.Spark != "" {
		t.Errorf("%+v", s)
	}
}

func TestMappings(t *testing.T) {
	config := `"fieldConfig": {"defaults": {"mappings": [
		{"type": "value", "options": {"1": {"text": "up", "color": "green"}}},
		{"type": "range", "options": {"from": 5, "to": 9, "result": {"text": "some", "color": "orange"}}},
		{"type": "regex", "options": {"pattern": "^4(.)$", "result": {"text": "forty-$1"}}},
		{"type": "special", "options": {"match": "nan", "result": {"text": "none"}}}]}}`
	for value, want := range map[float64]string{1: "up good", 7: "some watch", 42: "forty-2 1", 3: "3 1"} {
		f := &fake{answers: map[string][]Series{"x": {series("", value)}}}
		if s := panelOf(t, "stat", config+", "+targets("x"), f).Stats[0]; s.Value+" "+string(s.Ink) != want {
			t.Errorf("%v is %s %s, want %s", value, s.Value, s.Ink, want)
		}
	}
	var c fieldConfigJSON
	if err := json.Unmarshal([]byte("{"+config+"}"), &struct{ FieldConfig *fieldConfigJSON }{&c}); err != nil {
		t.Fatal(err)
	}
	if f := newFields(c).of("x", "A", numbers); f.show(math.NaN()).text != "none" {
		t.Error("NaN has no name")
	}
}

func TestGaugeAndBars(t *testing.T) {
	f := &fake{answers: map[string][]Series{"memory": {series("host=b", 0.95), series("host=a", 0.5)}}}
	config := `"fieldConfig": {"defaults": {"unit": "percentunit", "thresholds": {"mode": "percentage", "steps": [{"value": null, "color": "green"}, {"value": 80, "color": "red"}]}}}`
	p := panelOf(t, "gauge", config+", "+targets("memory as {{host}}"), f)
	if len(p.Dials) != 2 || p.Dials[0].Name != "a" || p.Dials[0].Text != "50%" || !strings.Contains(string(p.Dials[1].Dial), `class="fill ink-bad"`) {
		t.Errorf("%+v", p.Dials)
	}
	p = panelOf(t, "bargauge", config+", "+targets("memory as {{host}}"), f)
	if len(p.Bars) != 2 || p.Bars[0].Value != "50%" || p.Bars[0].Ink != "good" || !strings.Contains(string(p.Bars[1].Bar), `width="95%"`) {
		t.Errorf("%+v", p.Bars)
	}
	f = &fake{answers: map[string][]Series{"queue": {series("", 200)}}}
	p = panelOf(t, "bargauge", `"fieldConfig": {"defaults": {"min": 0, "max": 400}}, `+targets("queue as all"), f)
	if !strings.Contains(string(p.Bars[0].Bar), `width="50%"`) {
		t.Errorf("%+v", p.Bars)
	}
}

// tableConfig is as dashboards writes a table.
const tableConfig = `"fieldConfig": {"defaults": {}, "overrides": [
	{"matcher": {"id": "byName", "options": "State"}, "properties": [
		{"id": "mappings", "value": [{"type": "value", "options": {"0": {"text": "fine", "color": "#009E73"}, "3": {"text": "spent", "color": "#D55E00"}}}]},
		{"id": "custom.cellOptions", "value": {"type": "color-text"}}]},
	{"matcher": {"id": "byName", "options": "Budget left"}, "properties": [{"id": "unit", "value": "percentunit"}, {"id": "decimals", "value": 1}]},
	{"matcher": {"id": "byName", "options": "Objective"}, "properties": [{"id": "links", "value": [{"title": "Open", "url": "https://wt.example/objectives/${__value.raw}"}]}]}]},
	"transformations": [{"id": "merge", "options": {}}, {"id": "organize", "options": {"excludeByName": {"Time": true},
		"indexByName": {"sloth_id": 0, "Value #A": 1, "Value #B": 2}, "renameByName": {"sloth_id": "Objective", "Value #A": "State", "Value #B": "Budget left"}}}]`

func TestTable(t *testing.T) {
	f := &fake{answers: map[string][]Series{
		"state":  {series("sloth_id=share/x", 3), series("sloth_id=auth", 0)},
		"budget": {series("sloth_id=auth", 0.987), series("sloth_id=new", 1)},
	}}
	p := panelOf(t, "table", tableConfig+", "+targets("state", "budget"), f)
	if p.Table == nil {
		t.Fatalf("%+v", p)
	}
	var got []string
	for _, h := range p.Table.Header {
		got = append(got, fmt.Sprintf("%s %v", h.Name, h.Numbers))
	}
	for _, row := range p.Table.Rows {
		line := ""
		for _, c := range row {
			line += c.Text + "(" + string(c.Ink) + ")" + c.URL + " "
		}
		got = append(got, strings.TrimSpace(line))
	}
	want := []string{
		"Objective false", "State false", "Budget left true",
		"share/x()/objectives/share%2Fx spent(bad) –()", "auth()/objectives/auth fine(good) 98.7%()", "new()/objectives/new –() 100.0%()",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the table:\n%s", diff)
	}
	for _, q := range f.asked {
		if !strings.HasPrefix(q, "instant ") {
			t.Errorf("a table asks %s", q)
		}
	}
}

func TestTransformations(t *testing.T) {
	cells := func(transformations, options string) string {
		t.Helper()
		f := &fake{answers: map[string][]Series{"x": {series("host=a", 1), series("host=b", 3), series("host=c", 2)}}}
		p := panelOf(t, "table", `"transformations": [`+transformations+`], "options": {`+options+`}, `+targets("x"), f)
		var rows []string
		if p.Table == nil {
			return p.Empty
		}
		for _, r := range p.Table.Rows {
			row := ""
			for _, c := range r {
				row += c.Text + " "
			}
			rows = append(rows, strings.TrimSpace(row))
		}
		return strings.Join(append(rows, p.Notes...), " | ")
	}
	is := func(got, want string) {
		t.Helper()
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	const organized = `{"id": "organize", "options": {"excludeByName": {"Time": true}}}`
	is(cells(organized, ""), "a 1 | b 3 | c 2")
	is(cells(organized+`, {"id": "sortBy", "options": {"sort": [{"field": "Value", "desc": true}]}}, {"id": "limit", "options": {"limitField": 2}}`, ""), "b 3 | c 2")
	is(cells(organized, `"sortBy": [{"displayName": "Value"}]`), "a 1 | c 2 | b 3")
	is(cells(`{"id": "filterFieldsByName", "options": {"include": {"names": ["host"]}}}`, ""), "a | b | c")
	is(cells(`{"id": "reduce", "options": {"reducers": ["max"]}}, {"id": "nothing", "disabled": true}`, ""), "a 1 | b 3 | c 2")
	is(cells(organized+`, {"id": "magic"}`, ""), `a 1 | b 3 | c 2 | The transformation "magic" is not known here and is left out.`)
}

func TestHeatmap(t *testing.T) {
	f := &fake{answers: map[string][]Series{"bucket": {series("le=0.1", 5), series("le=+Inf", 9), series("le=0.5", 8)}}}
	p := panelOf(t, "heatmap", `"options": {"yAxis": {"unit": "s"}}, `+targets("bucket as {{le}}"), f)
	if p.Graph == nil {
		t.Fatalf("%+v", p)
	}
	for _, want := range []string{"<title>≤ 100 ms</title>", "<title>≤ 500 ms</title>", "<title>more</title>", `class="cell q-8"`, `class="cell q-4"`} {
		if !strings.Contains(string(p.Graph.Plot), want) {
			t.Errorf("it lacks %s:\n%s", want, p.Graph.Plot)
		}
	}
	var h hovered
	if err := json.Unmarshal([]byte(p.Graph.Hover), &h); err != nil {
		t.Fatal(err)
	}
	if len(h.Series) != 3 || h.Series[0].Name != "more" || h.Series[0].Values[3] != "1" || h.Series[1].Values[3] != "3" || h.Series[2].Values[3] != "5" {
		t.Errorf("at the pointer: %+v", h.Series)
	}
	f = &fake{answers: map[string][]Series{"load": {series("host=a", 1), series("host=b", 9), series("host=c", 9)}}}
	p = panelOf(t, "heatmap", `"options": {"calculate": true, "calculation": {"yBuckets": {"mode": "count", "value": "4"}}}, `+targets("load"), f)
	if n := strings.Count(string(p.Graph.Plot), "<title>"); n != 4 {
		t.Errorf("%d buckets:\n%s", n, p.Graph.Plot)
	}
}

func TestText(t *testing.T) {
	p := panelOf(t, "text", `"options": {"mode": "markdown", "content": "**Budget** <script>x</script> [a](javascript:alert(1)) of $v"}`, nil)
	if got := string(p.Text); !strings.Contains(got, "<strong>Budget</strong>") || strings.Contains(got, "<script") || strings.Contains(got, "javascript:") {
		t.Error(got)
	}
	if p := panelOf(t, "text", `"options": {"mode": "code", "content": "<b>"}`, nil); p.Text != "<pre><code>&lt;b&gt;</code></pre>" {
		t.Error(p.Text)
	}
	if p := panelOf(t, "text", `"mode": "html", "content": "<b>x</b>"`, nil); len(p.Notes) != 1 || strings.Contains(string(p.Text), "<b>") {
		t.Errorf("%+v", p)
	}
}

// A panel that cannot be drawn says so, and never stays blank.
func TestWhatCannotBeShownIsSaid(t *testing.T) {
	is := func(kind, keys, want string, f Querier) {
		t.Helper()
		p := panelOf(t, kind, keys, f)
		words := strings.Join(append(p.Notes, p.Empty), " ")
		if !strings.Contains(words, want) || p.Empty == "" {
			t.Errorf("%s says %q, want %s", kind, words, want)
		}
	}
	is("geomap", targets("x"), `kind "geomap" cannot be drawn here`, hosts())
	is("timeseries", "", "it has no query", hosts())
	is("timeseries", targets(" "), "it has no query", hosts())
	is("timeseries", targets("nothing"), "No data in this time", hosts())
	is("stat", `"fieldConfig": {"defaults": {"noValue": "nobody"}}, `+targets("nothing"), "Nobody in this time", hosts())
	is("table", targets("nothing"), "No data", hosts())
	is("heatmap", targets("nothing"), "No data", hosts())
	is("heatmap", `"targets": [{"expr": "traffic", "instant": true}]`, "asks for a moment", hosts())
	is("text", "", "This panel has no text", nil)
	is("timeseries", `"datasource": {"type": "loki", "uid": "l"}, `+targets("x"), `kind "loki"`, hosts())
	is("timeseries", targets("sum(traffic"), "The query failed: it is broken. The query: sum(traffic", &fake{fail: map[string]error{"traffic": errBroken}})
	is("stat", targets("x"), "broke the query engine", broken{})
}

func TestPartOfAPanelIsShown(t *testing.T) {
	f := hosts()
	f.fail = map[string]error{"second": errBroken}
	p := panelOf(t, "timeseries", targets("traffic", "second"), f)
	if p.Graph == nil || len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "second") {
		t.Errorf("%+v", p.Notes)
	}
}
