package viewer

import (
	"html/template"
	"math"
	"regexp"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// Stat is one large number.
type Stat struct {
	Name  string // empty: the panel's title says it
	Value string
	Ink   chart.Ink
	Solid bool // the color is behind the number
	Spark template.HTML
}

// Dial is a gauge with its name.
type Dial struct {
	Name string
	Dial template.HTML
	Text string // what it shows, for those who do not see it
}

// Bar is one value as a bar.
type Bar struct {
	Name, Value string
	Ink         chart.Ink
	Bar         template.HTML
}

// fieldLabel is a label of a series in the name of a field.
var fieldLabel = regexp.MustCompile(`\$\{__field\.labels\.([A-Za-z_]\w*)\}`)

// mostValues is how many numbers one panel shows.
const mostValues = 100

// value is one number of a panel.
type value struct {
	line
	number float64
}

// values reduces each series to a number.
func (j *job) values() []value {
	calc := "lastNotNull"
	if calcs := j.json.Options.ReduceOptions.Calcs; len(calcs) > 0 {
		calc = calcs[0]
	}
	var all []value
	for _, l := range j.lines() {
		if v := reduce(l.Points, calc); !math.IsNaN(v) {
			all = append(all, value{l, v})
		}
	}
	if n := len(all); n > mostValues {
		all = all[:mostValues]
		j.note("%d values are shown of %d. Choose fewer to see the others.", mostValues, n)
	}
	return all
}

// stats shows large numbers.
func (j *job) stats() {
	all := j.values()
	o := &j.json.Options
	for _, v := range all {
		s := v.field.show(v.number)
		stat := Stat{Value: s.text, Ink: s.ink, Solid: o.ColorMode == "background" || o.ColorMode == "background_solid"}
		switch o.TextMode {
		case "value_and_name":
			stat.Name = v.name
		case "name":
			stat.Value = v.name
		case "none":
			stat.Value = ""
		default:
			if len(all) > 1 {
				stat.Name = v.name
			}
		}
		if o.GraphMode == "area" {
			stat.Spark = template.HTML(chart.Series{Points: v.Points}.Spark(s.ink)) //nolint:gosec // written by chart, of numbers alone
		}
		if o.ColorMode == "none" {
			stat.Ink = "3"
		}
		j.panel.Stats = append(j.panel.Stats, stat)
	}
}

// part is a value between the ends of its scale.
func (v *value) part(numbers []float64) chart.Part {
	low, high := v.field.ends(numbers)
	s := v.field.show(v.number)
	return chart.Part{
		Name: v.name, Value: v.number, Text: s.text, Low: low, High: high, Ink: s.ink, Limits: v.field.limits(), Measure: v.field.measure(),
	}
}

func numbersOf(all []value) []float64 {
	numbers := make([]float64, 0, len(all))
	for _, v := range all {
		numbers = append(numbers, v.number)
	}
	return numbers
}

// dials shows gauges.
func (j *job) dials() {
	all := j.values()
	numbers := numbersOf(all)
	for i := range all {
		p := all[i].part(numbers)
		d := Dial{Dial: template.HTML(p.Dial()), Text: p.Text} //nolint:gosec // written by chart, which escapes
		if len(all) > 1 || j.json.Options.TextMode == "value_and_name" {
			d.Name = p.Name
		}
		j.panel.Dials = append(j.panel.Dials, d)
	}
}

// bars shows values as bars on one scale.
func (j *job) bars() {
	all := j.values()
	numbers := numbersOf(all)
	for i := range all {
		p := all[i].part(numbers)
		j.panel.Bars = append(j.panel.Bars, Bar{Name: p.Name, Value: p.Text, Ink: p.Ink, Bar: template.HTML(p.Bar())}) //nolint:gosec // written by chart, of numbers alone
	}
}
