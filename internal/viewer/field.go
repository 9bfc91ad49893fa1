package viewer

import (
	"encoding/json"
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// field is how values are shown: the defaults of a panel with the overrides that match.
type field struct {
	Unit        string        `json:"unit"`
	Decimals    *float64      `json:"decimals"`
	Min         *float64      `json:"min"`
	Max         *float64      `json:"max"`
	NoValue     string        `json:"noValue"`
	DisplayName string        `json:"displayName"`
	Color       colorJSON     `json:"color"`
	Thresholds  stepsJSON     `json:"thresholds"`
	Mappings    []mappingJSON `json:"mappings"`
	Links       []linkJSON    `json:"links"`
	Custom      customJSON    `json:"custom"`
}

type colorJSON struct {
	Mode       string `json:"mode"` // "fixed", "thresholds", "palette-classic", …
	FixedColor string `json:"fixedColor"`
}

type stepsJSON struct {
	Mode  string `json:"mode"` // "absolute", "percentage"
	Steps []struct {
		Value *float64 `json:"value"` // null: from the lowest on
		Color string   `json:"color"`
	} `json:"steps"`
}

type mappingJSON struct {
	Type    string          `json:"type"` // "value", "range", "regex", "special"
	Options json.RawMessage `json:"options"`
}

type customJSON struct {
	DrawStyle         string          `json:"drawStyle"`
	LineInterpolation string          `json:"lineInterpolation"`
	FillOpacity       float64         `json:"fillOpacity"`
	SpanNulls         json.RawMessage `json:"spanNulls"` // a bool, or milliseconds
	AxisSoftMin       *float64        `json:"axisSoftMin"`
	AxisSoftMax       *float64        `json:"axisSoftMax"`
	AxisPlacement     string          `json:"axisPlacement"`
	AxisLabel         string          `json:"axisLabel"`
	Hidden            bool            `json:"hidden"` // of a column
	Stacking          struct {
		Mode string `json:"mode"`
	} `json:"stacking"`
	ThresholdsStyle struct {
		Mode string `json:"mode"`
	} `json:"thresholdsStyle"`
	HideFrom struct {
		Viz    bool `json:"viz"`
		Legend bool `json:"legend"`
	} `json:"hideFrom"`
	ScaleDistribution struct {
		Type string `json:"type"`
	} `json:"scaleDistribution"`
	CellOptions struct {
		Type string `json:"type"`
	} `json:"cellOptions"`
	Align string `json:"align"`
}

// fields resolves the config of a panel's fields.
type fields struct {
	config   fieldConfigJSON
	matchers []func(name, ref string, kind fieldKind) bool
	unknown  []string // matchers that are not known
	plain    field    // without overrides
}

// fieldKind is what a field holds.
type fieldKind string

const (
	numbers fieldKind = "number"
	times   fieldKind = "time"
	texts   fieldKind = "string"
)

func newFields(config fieldConfigJSON) *fields {
	f := &fields{config: config}
	_, _ = lenient(config.Defaults, &f.plain) // it was read as a part of the board
	for _, o := range config.Overrides {
		match := matcher(o.Matcher.ID, o.Matcher.Options)
		if match == nil {
			f.unknown = append(f.unknown, o.Matcher.ID)
			match = func(string, string, fieldKind) bool { return false }
		}
		f.matchers = append(f.matchers, match)
	}
	return f
}

// matcher returns what an override applies to; nil: it is not known.
func matcher(id string, options json.RawMessage) func(name, ref string, kind fieldKind) bool {
	want := text(options)
	switch id {
	case "byName":
		return func(name, _ string, _ fieldKind) bool { return name == want }
	case "byRegexp":
		re, err := regexp.Compile(strings.TrimSuffix(strings.TrimPrefix(want, "/"), "/"))
		if err != nil {
			return nil
		}
		return func(name, _ string, _ fieldKind) bool { return re.MatchString(name) }
	case "byFrameRefID":
		return func(_, ref string, _ fieldKind) bool { return ref == want }
	case "byType":
		return func(_, _ string, kind fieldKind) bool { return string(kind) == want }
	case "byNames":
		var o struct {
			Names []string `json:"names"`
			Mode  string   `json:"mode"`
		}
		if _, err := lenient(options, &o); err != nil {
			return nil
		}
		return func(name, _ string, _ fieldKind) bool { return slices.Contains(o.Names, name) != (o.Mode == "exclude") }
	default:
		return nil
	}
}

// of returns the config of a field by its name and the query that it is of.
func (f *fields) of(name, ref string, kind fieldKind) field {
	var patches [][]byte
	for i, matches := range f.matchers {
		if !matches(name, ref, kind) {
			continue
		}
		for _, p := range f.config.Overrides[i].Properties {
			if patch := patchOf(p.ID, p.Value); patch != nil {
				patches = append(patches, patch)
			}
		}
	}
	if patches == nil {
		return f.plain
	}
	// Read anew, so that what is patched is not shared.
	var own field
	_, _ = lenient(f.config.Defaults, &own)
	for _, patch := range patches {
		_, _ = lenient(patch, &own) // what has another type is left out
	}
	return own
}

// patchOf writes a property as the JSON that sets it: "custom.width" is a key in a key.
func patchOf(id string, value json.RawMessage) []byte {
	var v any
	if len(value) == 0 || json.Unmarshal(value, &v) != nil {
		return nil
	}
	keys := strings.Split(id, ".")
	for _, key := range slices.Backward(keys) {
		v = map[string]any{key: v}
	}
	patch, err := json.Marshal(v)
	if err != nil {
		return nil
	}
	return patch
}

// measure returns how the field's numbers are written.
func (f *field) measure() chart.Measure {
	var decimals *int
	if f.Decimals != nil {
		n := int(min(max(*f.Decimals, 0), 12))
		decimals = &n
	}
	return measureOf(f.Unit, decimals)
}

// shown is a value as it is shown.
type shown struct {
	text string
	ink  chart.Ink
	// mapped tells that somebody gave the value a name or its color.
	mapped bool
}

// show writes a value and gives it its color.
func (f *field) show(v float64) shown {
	s := shown{text: f.format(v), ink: f.inkOf(v)}
	if label, color, ok := f.mapping(v, strconv.FormatFloat(v, 'f', -1, 64)); ok {
		s.mapped = true
		if label != "" {
			s.text = label
		}
		if color != "" {
			s.ink = chart.Nearest(color)
		}
	}
	return s
}

// format writes a number in the field's unit.
func (f *field) format(v float64) string { return f.formatter()(v) }

// formatter returns what writes numbers in the field's unit, for those who write many.
func (f *field) formatter() func(float64) string {
	m := f.measure()
	return func(v float64) string {
		if math.IsNaN(v) {
			return orElse(f.NoValue, "no data")
		}
		if written, ok := formatWords(f.Unit, v, time.UTC); ok {
			return written
		}
		return m.Format(v)
	}
}

// inkOf returns the color of a value: the fixed one, else that of its threshold.
func (f *field) inkOf(v float64) chart.Ink {
	if f.Color.Mode == "fixed" && f.Color.FixedColor != "" {
		return chart.Nearest(f.Color.FixedColor)
	}
	if math.IsNaN(v) {
		return chart.InkBlind
	}
	ink := chart.InkPlain
	for _, l := range f.limits() {
		if v >= l.Value {
			ink = l.Ink
		}
	}
	return ink
}

// limits returns the thresholds from low to high; the first begins at minus infinity.
func (f *field) limits() []chart.Limit {
	var all []chart.Limit
	for _, s := range f.Thresholds.Steps {
		l := chart.Limit{Value: math.Inf(-1), Ink: chart.Nearest(s.Color)}
		if s.Value != nil {
			l.Value = *s.Value
			if f.Thresholds.Mode == "percentage" {
				low, high := f.ends(nil)
				l.Value = low + (high-low)*l.Value/100
			}
		}
		all = append(all, l)
	}
	slices.SortStableFunc(all, func(a, b chart.Limit) int {
		switch {
		case a.Value < b.Value:
			return -1
		case a.Value > b.Value:
			return 1
		default:
			return 0
		}
	})
	return all
}

// ends returns the lowest and the highest value of a gauge: what was set, else what the
// unit suggests, else what holds the values and the thresholds.
func (f *field) ends(values []float64) (low, high float64) {
	high = 100
	switch f.Unit {
	case "percentunit":
		high = 1
	case "percent":
	default:
		for _, s := range f.Thresholds.Steps {
			if s.Value != nil && f.Thresholds.Mode != "percentage" {
				values = append(slices.Clone(values), *s.Value*1.25)
			}
		}
		top := 0.0
		for _, v := range values {
			if !math.IsNaN(v) && !math.IsInf(v, 0) {
				low, top = min(low, v), max(top, v)
			}
		}
		if top > 0 {
			high = top
		}
	}
	if f.Min != nil {
		low = *f.Min
	}
	if f.Max != nil {
		high = *f.Max
	}
	return low, high
}

// mapping returns the name and the color that somebody gave a value.
func (f *field) mapping(v float64, written string) (label, color string, ok bool) {
	type result struct {
		Text  string `json:"text"`
		Color string `json:"color"`
	}
	for _, m := range f.Mappings {
		switch m.Type {
		case "value":
			var by map[string]result
			_, _ = lenient(m.Options, &by)
			if r, found := by[written]; found {
				return r.Text, r.Color, true
			}
		case "range":
			var o struct {
				From, To *float64
				Result   result
			}
			_, _ = lenient(m.Options, &o)
			if !math.IsNaN(v) && (o.From == nil || v >= *o.From) && (o.To == nil || v <= *o.To) {
				return o.Result.Text, o.Result.Color, true
			}
		case "regex":
			var o struct {
				Pattern string
				Result  result
			}
			_, _ = lenient(m.Options, &o)
			if re, err := regexp.Compile(strings.Trim(o.Pattern, "/")); err == nil && re.MatchString(written) {
				return re.ReplaceAllString(written, o.Result.Text), o.Result.Color, true
			}
		case "special":
			var o struct {
				Match  string
				Result result
			}
			_, _ = lenient(m.Options, &o)
			if special(o.Match, v, written) {
				return o.Result.Text, o.Result.Color, true
			}
		}
	}
	return "", "", false
}

func special(match string, v float64, written string) bool {
	switch match {
	case "nan", "null", "null+nan":
		return math.IsNaN(v)
	case "true", "false":
		return written == match
	case "empty":
		return written == ""
	default:
		return false
	}
}

// unknownWords says which overrides are not known; "": all are.
func (f *fields) unknownWords() string {
	if len(f.unknown) == 0 {
		return ""
	}
	return fmt.Sprintf("An override for fields %q is not known here and is left out.", f.unknown[0])
}
