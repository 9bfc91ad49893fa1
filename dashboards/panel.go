package dashboards

import (
	"slices"
	"strconv"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// The colors say one thing everywhere. They are of the Okabe-Ito palette.
const (
	colorGood  = "#009E73" // bluish green
	colorWatch = "#E69F00" // orange
	colorBad   = "#D55E00" // vermilion
	colorPlain = "#0072B2" // blue: neither good nor bad
)

// kind is how a panel draws its numbers.
type kind int

const (
	lines kind = iota
	figure
	grid
	words
	dial
	bars
	heat
)

// panel is our vocabulary for one panel; build translates it into Grafana's.
type panel struct {
	kind  kind
	key   string // what it means, unique on its dashboard and stable; the id follows from it
	title string
	// What it shows, what is normal, and what to do when it is not: the description.
	shows, normal, act string
	width, height      uint32
	queries            []query
	unit               string
	decimals           *float64
	steps              []step
	line               bool // draw the steps as lines
	softMin, min, max  *float64
	links              []link
	names              []string // of a figure: texts for the values 0, 1, 2, …
	span               string   // how far back it looks whatever the dashboard does, as 28d
	columns            []column // of a grid
	content            string   // of words
}

// query is one PromQL query. The legend is text with {{label}}; for a grid it
// is not used.
type query struct{ expr, legend string }

// step begins a range of values, from that value on; the first step has none.
type step struct {
	from  *float64
	color string
}

type link struct{ title, url string }

// column is one column of a grid.
type column struct {
	field    string // as Grafana names it: a label, or "Value #A" for a query
	name     string // the heading
	unit     string
	decimals *float64
	steps    []step
	names    []string // the text of the values 0, 1, 2, …, each with the color of the step of that index
	url      string   // a link for each cell
	width    float64
}

// rising colors values that are worse the higher they are.
func rising(watch, bad float64) []step {
	return []step{{nil, colorGood}, {&watch, colorWatch}, {&bad, colorBad}}
}

// budgetLeft colors what is left of a budget: bad below zero, good while there is plenty.
func budgetLeft() []step {
	return []step{{nil, colorBad}, {new(0.0), colorWatch}, {new(lowBudget), colorGood}}
}

// plain gives no judgement.
func plain() []step { return []step{{nil, colorPlain}} }

// description is what the (i) of a panel shows.
func (p panel) description() string {
	return p.shows + "\n\n**Normal:** " + p.normal + "\n\n**Otherwise:** " + p.act
}

// build makes Grafana's panel.
func (p panel) build(id uint32, at dashboard.GridPos) (dashboard.Panel, error) {
	var built dashboard.Panel
	var err error
	switch p.kind {
	case figure:
		built, err = p.figure()
	case grid:
		built, err = p.grid()
	case words:
		built, err = text.NewPanelBuilder().Mode(text.TextModeMarkdown).Content(p.content).Build()
	case dial:
		built, err = p.dial()
	case bars:
		built, err = p.bars()
	case heat:
		built, err = p.heat()
	default:
		built, err = p.lines()
	}
	if err != nil {
		return dashboard.Panel{}, err
	}
	description := p.description()
	built.Id, built.Title, built.GridPos, built.Description = &id, &p.title, &at, &description
	if p.span != "" {
		built.TimeFrom = &p.span
	}
	for _, l := range p.links {
		d, err := dashboard.NewDashboardLinkBuilder(l.title).Type(dashboard.DashboardLinkTypeLink).Icon("external link").Url(l.url).Build()
		if err != nil {
			return dashboard.Panel{}, err
		}
		built.Links = append(built.Links, d)
	}
	if p.kind == words {
		return built, nil
	}
	source := datasource()
	built.Datasource = &source
	for i, q := range p.queries {
		t, err := p.target(i, q).Build()
		if err != nil {
			return dashboard.Panel{}, err
		}
		built.Targets = append(built.Targets, t)
	}
	return built, nil
}

// target is one query. The letter is set by hand: without it Grafana takes the
// queries of a panel for one and the same.
func (p panel) target(i int, q query) *prometheus.DataqueryBuilder {
	b := prometheus.NewDataqueryBuilder().Expr(q.expr).RefId(string(rune('A' + i))).EditorMode(prometheus.QueryEditorModeCode).Datasource(datasource())
	if p.kind == grid {
		return b.Instant().Format(prometheus.PromQueryFormatTable)
	}
	if p.kind == heat {
		return b.Range().Format(prometheus.PromQueryFormatHeatmap).LegendFormat(q.legend)
	}
	return b.Range().Format(prometheus.PromQueryFormatTimeSeries).LegendFormat(q.legend)
}

// datasource follows the variable at the top of the dashboard.
func datasource() common.DataSourceRef {
	return common.DataSourceRef{Type: new("prometheus"), Uid: new("${datasource}")}
}

// thresholds translates steps; none is the plain color.
func thresholds(steps []step) *dashboard.ThresholdsConfigBuilder {
	if len(steps) == 0 {
		steps = plain()
	}
	translated := make([]dashboard.Threshold, 0, len(steps))
	for _, s := range steps {
		translated = append(translated, dashboard.Threshold{Value: s.from, Color: s.color})
	}
	return dashboard.NewThresholdsConfigBuilder().Mode(dashboard.ThresholdsModeAbsolute).Steps(translated)
}

// lines draws values over time.
func (p panel) lines() (dashboard.Panel, error) {
	legend := common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).Placement(common.LegendPlacementBottom).ShowLegend(true).Calcs([]string{})
	if len(p.queries) == 1 && strings.Contains(p.queries[0].legend, "{{") {
		legend.DisplayMode(common.LegendDisplayModeTable).Calcs([]string{"lastNotNull", "max"})
	}
	style := common.GraphThresholdsStyleModeOff
	if p.line {
		style = common.GraphThresholdsStyleModeDashed
	}
	b := timeseries.NewPanelBuilder().
		Unit(p.unit).
		Thresholds(thresholds(p.steps)).
		ThresholdsStyle(common.NewGraphThresholdsStyleConfigBuilder().Mode(style)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdPaletteClassicByName)).
		DrawStyle(common.GraphDrawStyleLine).
		LineWidth(2).
		FillOpacity(8).
		ShowPoints(common.VisibilityModeNever).
		SpanNulls(common.BoolOrFloat64{Bool: new(false)}).
		Legend(legend).
		Tooltip(common.NewVizTooltipOptionsBuilder().Mode(common.TooltipDisplayModeMulti).Sort(common.SortOrderDescending))
	if p.decimals != nil {
		b.Decimals(*p.decimals)
	}
	if p.min != nil {
		b.Min(*p.min)
	}
	if p.max != nil {
		b.Max(*p.max)
	}
	if p.softMin != nil {
		b.AxisSoftMin(*p.softMin)
	}
	return b.Build()
}

// figure shows the last value, large, with its course behind it.
func (p panel) figure() (dashboard.Panel, error) {
	b := stat.NewPanelBuilder().
		Unit(p.unit).
		Thresholds(thresholds(p.steps)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		ColorMode(common.BigValueColorModeValue).
		GraphMode(common.BigValueGraphModeArea).
		JustifyMode(common.BigValueJustifyModeAuto).
		TextMode(common.BigValueTextModeValue).
		Orientation(common.VizOrientationAuto).
		NoValue("no data").
		ReduceOptions(common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("").Values(false))
	if p.decimals != nil {
		b.Decimals(*p.decimals)
	}
	if len(p.names) > 0 {
		b.Mappings([]dashboard.ValueMapping{{ValueMap: valueNames(p.names)}})
	}
	return b.Build()
}

// valueNames says in words what the values 0, 1, 2, … mean.
func valueNames(names []string) *dashboard.ValueMap {
	m := dashboard.NewValueMap()
	m.Options = map[string]dashboard.ValueMappingResult{}
	for i, name := range names {
		m.Options[strconv.Itoa(i)] = dashboard.ValueMappingResult{Text: &name, Index: new(int32(i))}
	}
	return m
}

// grid lists one row for each set of labels.
func (p panel) grid() (dashboard.Panel, error) {
	order, rename := map[string]int{}, map[string]string{}
	b := table.NewPanelBuilder().
		Thresholds(thresholds(nil)).
		ColorScheme(dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)).
		CellHeight(common.TableCellHeightSm).
		ShowHeader(true).
		Footer(common.NewTableFooterOptionsBuilder().Show(false).Reducer([]string{"sum"})).
		NoValue("no data")
	labeled := slices.ContainsFunc(p.columns, func(c column) bool { return !strings.HasPrefix(c.field, valueField) })
	for i, c := range p.columns {
		rename[c.field] = c.name
		if labeled { // else labels stand first, as Grafana has them
			order[c.field] = i
		}
		if properties := c.properties(); len(properties) > 0 {
			b.OverrideByName(c.name, properties)
		}
	}
	return b.
		WithTransformation(dashboard.DataTransformerConfig{Id: "merge", Options: map[string]any{}}).
		WithTransformation(dashboard.DataTransformerConfig{Id: "organize", Options: map[string]any{
			"excludeByName": map[string]bool{"Time": true}, "indexByName": order, "renameByName": rename,
		}}).
		Build()
}

// valueField is Grafana's name for the numbers of a table's only query; with
// several queries a letter follows it.
const valueField = "Value"

// properties are what makes a column different from the others.
func (c column) properties() []dashboard.DynamicConfigValue {
	var properties []dashboard.DynamicConfigValue
	add := func(id string, value any) {
		properties = append(properties, dashboard.DynamicConfigValue{Id: id, Value: value})
	}
	if c.unit != "" {
		add("unit", c.unit)
	}
	if c.decimals != nil {
		add("decimals", *c.decimals)
	}
	if c.width > 0 {
		add("custom.width", c.width)
	}
	if len(c.names) > 0 {
		options := map[string]any{}
		for i, name := range c.names {
			options[number(float64(i))] = map[string]any{"text": name, "color": c.steps[i].color, "index": i}
		}
		add("mappings", []any{map[string]any{"type": "value", "options": options}})
	}
	if len(c.steps) > 0 {
		steps := make([]any, 0, len(c.steps))
		for _, s := range c.steps {
			steps = append(steps, map[string]any{"value": s.from, "color": s.color})
		}
		add("thresholds", map[string]any{"mode": "absolute", "steps": steps})
		add("custom.cellOptions", map[string]any{"type": "color-text"})
	}
	if c.url != "" {
		add("links", []any{map[string]any{"title": "Open in Watchtower", "url": c.url, "targetBlank": false}})
	}
	return properties
}

// ratio is the unit of numbers from 0 to 1 that are shown in percent.
const ratio = units.PercentUnit

var _ cog.Builder[dashboard.Panel] = ready{}

// ready hands a finished panel to Grafana's dashboard builder.
type ready struct{ panel dashboard.Panel }

// Build returns the panel.
func (r ready) Build() (dashboard.Panel, error) { return r.panel, nil }
