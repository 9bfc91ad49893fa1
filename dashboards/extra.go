package dashboards

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/units"
)

// Extra are panels of the users' own, so that nobody edits a generated
// dashboard: further rows of a service's dashboard, or a dashboard beside the
// generated ones. It is one file of `dashboards.extra`, or made in Go:
//
//	dashboards.Build(dashboards.Input{Extras: []dashboards.Extra{{
//		Service: "share",
//		Panels: []dashboards.Panel{{
//			Title: "Posts waiting", Kind: dashboards.Gauge,
//			Shows: "Posts that wait to be processed.", Normal: "fewer than 100.", Act: "start more workers.",
//			Queries:    []dashboards.Query{{Expr: "sum(posts_waiting)"}},
//			Thresholds: &dashboards.Thresholds{Watch: 100, Bad: 500}, Max: new(1000.0),
//		}},
//	}}})
type Extra struct {
	// Service is whose dashboard gets the panels; "" when Board is given.
	Service string `yaml:"service"`
	// Board is the dashboard that the panels make up; nil when Service is given.
	Board *Board `yaml:"board"`
	// Panels in their order, left to right and line by line; at least one.
	Panels []Panel `yaml:"panels"`

	// File and Line are where Service or Board was read; "" and 0 when made in Go.
	File string `yaml:"-"`
	Line int    `yaml:"-"`
}

// Board is a dashboard of the users' own.
type Board struct {
	// UID is its address in Grafana: letters, digits, - and _, 40 at most. UIDs
	// that begin with wt- are the generated dashboards'.
	UID string `yaml:"uid"`
	// Title and Description say what it is about.
	Title       string `yaml:"title"`
	Description string `yaml:"description"`
	// Tags are what it is found by. Those that begin with watchtower- name its group in
	// our own list of dashboards; without one it is among the boards.
	Tags []string `yaml:"tags"`
}

// Panel is one panel.
type Panel struct {
	// Title is its heading.
	Title string `yaml:"title"`
	// Key is what its number follows from, unique in its row: links and
	// bookmarks outlive a new title if the key stays. "": from the title.
	Key string `yaml:"key"`
	// Row is the heading that it stands under; "" is "More". Panels with the
	// same row stand together, where the first of them is.
	Row string `yaml:"row"`
	// Kind is how it draws; "" is Lines.
	Kind Kind `yaml:"kind"`
	// Shows says what it shows, Normal what is normal, Act what to do when it is
	// not. Each is required: somebody reads them who did not write the query.
	Shows  string `yaml:"shows"`
	Normal string `yaml:"normal"`
	Act    string `yaml:"act"`
	// Unit is what the numbers count; "" is Count.
	Unit Unit `yaml:"unit"`
	// Queries are what it draws; none for Text, one for Heatmap.
	Queries []Query `yaml:"queries"`
	// Thresholds color the numbers; nil judges nothing.
	Thresholds *Thresholds `yaml:"thresholds"`
	// Line draws the thresholds as lines; for Lines only.
	Line bool `yaml:"line"`
	// Min and Max are the ends of the scale; nil leaves them to the numbers. A
	// Gauge needs a Max, unless its unit is Ratio or Percent.
	Min *float64 `yaml:"min"`
	Max *float64 `yaml:"max"`
	// Width is in columns of 24, Height in lines of about 30 pixels; 0 is usual for the kind.
	Width  int `yaml:"width"`
	Height int `yaml:"height"`
	// Content is Markdown, for Text only.
	Content string `yaml:"content"`
}

// Query is one PromQL query. Legend names its series and may hold {{label}}; in
// a Table it is the heading of its column.
type Query struct {
	// Expr may hold Grafana's $__rate_interval, $__interval and $__range.
	Expr   string `yaml:"expr"`
	Legend string `yaml:"legend"`
}

// Thresholds are the numbers from which a value is to be watched, and is bad. A
// Watch above Bad means that falling is bad.
type Thresholds struct {
	Watch float64 `yaml:"watch"`
	Bad   float64 `yaml:"bad"`
}

// Kind is how a panel draws its numbers.
type Kind string

// The kinds of panels.
const (
	Lines   Kind = "lines"   // values over time
	Figure  Kind = "figure"  // the last value, large
	Gauge   Kind = "gauge"   // how full it is
	Bars    Kind = "bars"    // series side by side
	Table   Kind = "table"   // one line for each set of labels
	Heatmap Kind = "heatmap" // buckets of a histogram over time: a query by le
	Text    Kind = "text"    // Markdown
)

// shape is how a kind is drawn, and how large when nobody says it.
type shape struct {
	name          Kind
	kind          kind
	width, height int
}

// shapes lists the kinds in the order in which people are told of them.
func shapes() []shape {
	return []shape{
		{Lines, lines, 12, 8},
		{Figure, figure, 6, 4},
		{Gauge, dial, 6, 6},
		{Bars, bars, 12, 8},
		{Table, grid, 24, 8},
		{Heatmap, heat, 12, 8},
		{Text, words, 24, 4},
	}
}

// Unit is what numbers count.
type Unit string

// The units.
const (
	Count             Unit = "count" // shortened: 1.2 K
	Ratio             Unit = "ratio" // 0 to 1, shown in percent
	Percent           Unit = "percent"
	Bytes             Unit = "bytes"
	BytesPerSecond    Unit = "bytes_per_second"
	Seconds           Unit = "seconds"
	Milliseconds      Unit = "milliseconds"
	PerSecond         Unit = "per_second"
	RequestsPerSecond Unit = "requests_per_second"
	Times             Unit = "times"  // 1.5x
	Number            Unit = "number" // as it is
)

// unitName is a unit and Grafana's name for it.
type unitName struct {
	unit    Unit
	grafana string
}

func unitNames() []unitName {
	return []unitName{
		{Count, units.Short},
		{Ratio, units.PercentUnit},
		{Percent, units.Percent},
		{Bytes, units.BytesIEC},
		{BytesPerSecond, units.BytesPerSecondIEC},
		{Seconds, units.Seconds},
		{Milliseconds, units.Milliseconds},
		{PerSecond, units.CountsPerSecond},
		{RequestsPerSecond, units.RequestsPerSecond},
		{Times, "suffix:x"},
		{Number, units.NoUnit},
	}
}

// key is the panel's own, or its title in the letters of one.
func (p Panel) key() string {
	if p.Key != "" {
		return p.Key
	}
	return slug(p.Title)
}

// row is the heading that the panel stands under.
func (p Panel) row() string {
	if r := strings.TrimSpace(p.Row); r != "" {
		return r
	}
	return "More"
}

func slug(s string) string {
	return strings.Trim(notPlain.ReplaceAllString(strings.ToLower(s), "-"), "-")
}
