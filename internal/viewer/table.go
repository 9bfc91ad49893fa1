package viewer

import (
	"cmp"
	"html/template"
	"math"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// Table is rows of cells under headings.
type Table struct {
	Header  []Heading // empty: it has none
	Rows    [][]Cell
	Caption string
}

// Heading names a column.
type Heading struct {
	Name    string
	Numbers bool // it holds numbers, which stand to the right
}

// Cell is one cell of a table.
type Cell struct {
	Text    string
	URL     string
	Ink     chart.Ink // empty: none
	Solid   bool      // the color is behind the text
	Numbers bool
	Bar     template.HTML
}

// mostTableRows bounds a table.
const mostTableRows = 500

// frame is a table in the making.
type frame struct {
	columns []column
	rows    []map[string]datum // by the key of a column
}

// column is a column of a frame: its key, the name that it has by now, and the query that
// it is of.
type column struct {
	key, name, ref string
	kind           fieldKind
}

// datum is one cell: a number, a time or a text.
type datum struct {
	number float64
	text   string
	kind   fieldKind
}

// words writes a datum as it is.
func (d datum) words() string {
	switch d.kind {
	case numbers:
		return strconv.FormatFloat(d.number, 'f', -1, 64)
	case times:
		return strconv.FormatFloat(d.number, 'f', 0, 64)
	default:
		return d.text
	}
}

const timeKey = "Time"

// table shows rows of labels and values.
func (j *job) table() {
	f := j.frame()
	f = j.transformed(f)
	if len(f.rows) == 0 || len(f.columns) == 0 {
		return
	}
	j.sortRows(f)
	if n := len(f.rows); n > mostTableRows {
		f.rows = f.rows[:mostTableRows]
		j.note("%d rows are shown of %d. Choose fewer to see the others.", mostTableRows, n)
	}
	view := &Table{Caption: j.panel.Title}
	configs := make([]field, len(f.columns))
	var visible []int
	for i, c := range f.columns {
		configs[i] = j.fields.of(c.name, c.ref, c.kind)
		if !configs[i].Custom.Hidden {
			visible = append(visible, i)
		}
	}
	if show := j.json.Options.ShowHeader; show == nil || *show {
		for _, i := range visible {
			view.Header = append(view.Header, Heading{orElse(configs[i].DisplayName, f.columns[i].name), configs[i].amounts(f.columns[i].kind)})
		}
	}
	for _, row := range f.rows {
		cells := make([]Cell, 0, len(visible))
		for _, i := range visible {
			cells = append(cells, j.cell(f, i, row, &configs[i]))
		}
		view.Rows = append(view.Rows, cells)
	}
	j.panel.Table = view
}

// frame makes one table of all answers, a row for each series of each query; merge joins
// those with the same labels.
func (j *job) frame() *frame {
	f := &frame{}
	add := func(c column) {
		if !slices.ContainsFunc(f.columns, func(o column) bool { return o.key == c.key }) {
			f.columns = append(f.columns, c)
		}
	}
	add(column{key: timeKey, name: timeKey, kind: times})
	var values []column
	for i := range j.queries {
		q := &j.queries[i]
		key := "Value" // as Grafana names it
		if len(j.queries) > 1 {
			key = "Value #" + q.target.RefID
		}
		values = append(values, column{key: key, name: key, ref: q.target.RefID, kind: numbers})
		for _, s := range q.series {
			for _, name := range sortedLabels(s) {
				add(column{key: name, name: name, kind: texts})
			}
			points := s.Points
			if q.ask.instant && len(points) > 1 {
				points = points[len(points)-1:]
			}
			for _, p := range points {
				row := map[string]datum{timeKey: {number: float64(p.At.UnixMilli()), kind: times}, key: {number: p.Value, kind: numbers}}
				for name, v := range s.Labels {
					row[name] = datum{text: v, kind: texts}
				}
				f.rows = append(f.rows, row)
			}
		}
	}
	f.columns = append(f.columns, values...)
	return f
}

func sortedLabels(s Series) []string {
	names := make([]string, 0, len(s.Labels))
	for name := range s.Labels {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// sortRows sorts as the panel says; a cell without a value comes last.
func (j *job) sortRows(f *frame) {
	for _, by := range slices.Backward(j.json.Options.SortBy) {
		i := slices.IndexFunc(f.columns, func(c column) bool { return c.name == by.DisplayName })
		if i >= 0 {
			f.sort(order{f.columns[i].key, by.Desc})
		}
	}
}

// order is a column to sort by.
type order struct {
	key  string
	desc bool
}

// sort sorts the rows; those without a value come last.
func (f *frame) sort(by order) {
	sign := 1
	if by.desc {
		sign = -1
	}
	slices.SortStableFunc(f.rows, func(a, b map[string]datum) int {
		x, inX := a[by.key]
		y, inY := b[by.key]
		switch {
		case inX && !inY:
			return -1
		case !inX && inY:
			return 1
		case x.kind == texts:
			return sign * strings.Compare(x.text, y.text)
		default:
			return sign * cmp.Compare(x.number, y.number)
		}
	})
}

// cell shows one datum.
func (j *job) cell(f *frame, i int, row map[string]datum, config *field) Cell {
	d, ok := row[f.columns[i].key]
	if !ok {
		return Cell{Text: "–", Numbers: config.amounts(f.columns[i].kind)}
	}
	c := Cell{Numbers: config.amounts(d.kind)}
	s := shown{text: d.text}
	switch d.kind {
	case numbers:
		s = config.show(d.number)
	case times:
		s.text = time.UnixMilli(int64(d.number)).In(j.request.viewer.o.Zone).Format("2 Jan 15:04:05")
	default:
		if label, color, mapped := config.mapping(math.NaN(), d.text); mapped {
			s = shown{text: orElse(label, d.text), mapped: true}
			if color != "" {
				s.ink = chart.Nearest(color)
			}
		}
	}
	c.Text = s.text
	switch config.Custom.CellOptions.Type {
	case "color-text":
		c.Ink = s.ink
	case "color-background":
		c.Ink, c.Solid = s.ink, true
	case "gauge":
		if d.kind == numbers {
			low, high := config.ends(f.numbers(f.columns[i].key))
			part := chart.Part{Value: d.number, Low: low, High: high, Ink: s.ink, Limits: config.limits()}
			c.Bar = template.HTML(part.Bar()) //nolint:gosec // written by chart, of numbers alone
		}
	default:
		if s.mapped {
			c.Ink = s.ink
		}
	}
	if len(config.Links) > 0 {
		c.URL = j.cellURL(config.Links[0].URL, f, i, row)
	}
	return c
}

// amounts tells whether a column holds amounts, not numbers that stand for words.
func (f *field) amounts(kind fieldKind) bool { return kind == numbers && len(f.Mappings) == 0 }

// numbers returns the numbers of a column.
func (f *frame) numbers(key string) []float64 {
	var all []float64
	for _, row := range f.rows {
		if d, ok := row[key]; ok {
			all = append(all, d.number)
		}
	}
	return all
}

// cellReference is a cell in the address of a link.
var cellReference = regexp.MustCompile(`\$\{__value\.(raw|text|numeric)\}|\$\{__data\.fields\.([^}]+)\}|\$\{__data\.fields\[("[^"]*"|'[^']*'|\d+)\]\}`)

// cellURL puts the cells of a row into the address of a link.
func (j *job) cellURL(address string, f *frame, i int, row map[string]datum) string {
	address = cellReference.ReplaceAllStringFunc(address, func(match string) string {
		m := cellReference.FindStringSubmatch(match)
		if m[1] != "" {
			return url.PathEscape(row[f.columns[i].key].words())
		}
		name := strings.Trim(m[2]+m[3], `"'`)
		if n, err := strconv.Atoi(name); err == nil && n >= 0 && n < len(f.columns) {
			return url.PathEscape(row[f.columns[n].key].words())
		}
		for _, c := range f.columns {
			if c.name == name || c.key == name {
				return url.PathEscape(row[c.key].words())
			}
		}
		return ""
	})
	return j.request.viewer.address(j.scope.words(address))
}
