package viewer

import (
	"maps"
	"math"
	"slices"
	"strings"
)

// transformed applies the transformations of a panel, in order. One that is not known is
// left out, and the panel says so.
func (j *job) transformed(f *frame) *frame {
	for _, t := range j.json.Transforms {
		if t.Disabled {
			continue
		}
		switch t.ID {
		case "merge", "joinByField", "seriesToColumns":
			f = f.merged()
		case "organize":
			f.organize(t)
		case "sortBy":
			f.sortedBy(t)
		case "filterFieldsByName":
			f.filter(t)
		case "limit":
			f.limit(t)
		case "reduce":
			f = j.reduced(t)
		case "labelsToFields": // they are fields already
		default:
			j.note("The transformation %q is not known here and is left out.", t.ID)
		}
	}
	return f
}

// merged joins the rows that have the same texts.
func (f *frame) merged() *frame {
	out := &frame{columns: f.columns}
	at := map[string]int{}
	for _, row := range f.rows {
		var id strings.Builder
		for _, c := range f.columns {
			if d, ok := row[c.key]; ok && c.kind == texts {
				id.WriteString(c.key + "\x00" + d.text + "\x00")
			}
		}
		i, seen := at[id.String()]
		if !seen || overlaps(out.rows[i], row, f.columns) {
			at[id.String()] = len(out.rows)
			out.rows = append(out.rows, maps.Clone(row))
			continue
		}
		maps.Copy(out.rows[i], row)
	}
	return out
}

// overlaps tells whether both rows have a number in one column: then they are two rows.
func overlaps(a, b map[string]datum, columns []column) bool {
	return slices.ContainsFunc(columns, func(c column) bool {
		_, inA := a[c.key]
		_, inB := b[c.key]
		return c.kind == numbers && inA && inB
	})
}

// organize hides, orders and renames columns.
func (f *frame) organize(t transformJSON) {
	var o struct {
		ExcludeByName map[string]bool    `json:"excludeByName"`
		IncludeByName map[string]bool    `json:"includeByName"`
		IndexByName   map[string]float64 `json:"indexByName"`
		RenameByName  map[string]string  `json:"renameByName"`
	}
	_, _ = lenient(t.Options, &o) // what has another type is left out
	f.columns = slices.DeleteFunc(slices.Clone(f.columns), func(c column) bool {
		return o.ExcludeByName[c.name] || len(o.IncludeByName) > 0 && !o.IncludeByName[c.name]
	})
	place := func(c column) float64 {
		if n, ok := o.IndexByName[c.name]; ok {
			return n
		}
		return math.MaxFloat64
	}
	slices.SortStableFunc(f.columns, func(a, b column) int {
		switch x, y := place(a), place(b); {
		case x < y:
			return -1
		case x > y:
			return 1
		default:
			return 0
		}
	})
	for i := range f.columns {
		if name := o.RenameByName[f.columns[i].name]; name != "" {
			f.columns[i].name = name
		}
	}
}

func (f *frame) sortedBy(t transformJSON) {
	var o struct {
		Sort []struct {
			Field string `json:"field"`
			Desc  bool   `json:"desc"`
		} `json:"sort"`
	}
	_, _ = lenient(t.Options, &o)
	for _, by := range slices.Backward(o.Sort) {
		for _, c := range f.columns {
			if c.name == by.Field {
				f.sort(order{c.key, by.Desc})
			}
		}
	}
}

func (f *frame) filter(t transformJSON) {
	var o struct {
		Include struct {
			Names []string `json:"names"`
		} `json:"include"`
		Exclude struct {
			Names []string `json:"names"`
		} `json:"exclude"`
	}
	_, _ = lenient(t.Options, &o)
	f.columns = slices.DeleteFunc(slices.Clone(f.columns), func(c column) bool {
		return len(o.Include.Names) > 0 && !slices.Contains(o.Include.Names, c.name) || slices.Contains(o.Exclude.Names, c.name)
	})
}

func (f *frame) limit(t transformJSON) {
	var o struct {
		LimitField float64 `json:"limitField"`
	}
	_, _ = lenient(t.Options, &o)
	if o.LimitField > 0 && int(o.LimitField) < len(f.rows) {
		f.rows = f.rows[:int(o.LimitField)]
	}
}

// reduced makes a row of each series: its name and what its values come to.
func (j *job) reduced(t transformJSON) *frame {
	var o struct {
		Reducers []string `json:"reducers"`
	}
	_, _ = lenient(t.Options, &o)
	if len(o.Reducers) == 0 {
		o.Reducers = []string{"lastNotNull"}
	}
	f := &frame{columns: []column{{key: "Field", name: "Field", kind: texts}}}
	for _, r := range o.Reducers {
		f.columns = append(f.columns, column{key: r, name: reducerName(r), kind: numbers})
	}
	for _, l := range j.lines() {
		row := map[string]datum{"Field": {text: l.name, kind: texts}}
		for _, r := range o.Reducers {
			row[r] = datum{number: reduce(l.Points, r), kind: numbers}
		}
		f.rows = append(f.rows, row)
	}
	return f
}

// reducerName is the heading that Grafana gives a calculation.
func reducerName(calc string) string {
	switch calc {
	case "lastNotNull":
		return "Last *"
	case "firstNotNull":
		return "First *"
	case "sum":
		return "Total"
	case "":
		return "Value"
	default:
		return strings.ToUpper(calc[:1]) + calc[1:]
	}
}
