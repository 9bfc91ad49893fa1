package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"

	v2 "github.com/grafana/grafana-foundation-sdk/go/dashboardv2beta1"
)

// classicVariables are the variables of a dashboard.
type classicVariables struct {
	List []classicVariable `json:"list"`
}

// classicVariable is a variable of any type; most keys are of some types only.
type classicVariable struct {
	Type             string              `json:"type"`
	Name             string              `json:"name"`
	Label            *string             `json:"label"`
	Description      *string             `json:"description"`
	Hide             int                 `json:"hide"`
	SkipURLSync      bool                `json:"skipUrlSync"`
	Query            json.RawMessage     `json:"query"` // text, or of a query an object
	Definition       *string             `json:"definition"`
	Datasource       *classicSource      `json:"datasource"`
	Current          *v2.VariableOption  `json:"current"`
	Options          []v2.VariableOption `json:"options"`
	Multi            bool                `json:"multi"`
	IncludeAll       bool                `json:"includeAll"`
	AllValue         *string             `json:"allValue"`
	AllowCustomValue *bool               `json:"allowCustomValue"`
	Refresh          int                 `json:"refresh"`
	Regex            string              `json:"regex"`
	Sort             int                 `json:"sort"`
	Auto             bool                `json:"auto"`
	AutoMin          string              `json:"auto_min"`
	AutoCount        int64               `json:"auto_count"`
}

// pick is the word for a number that the classic format uses; the first for one
// that is out of range.
func pick[T any](words []T, number int) T {
	if number < 0 || number >= len(words) {
		number = 0
	}
	return words[number]
}

func (v classicVariable) hide() v2.VariableHide {
	return pick([]v2.VariableHide{v2.VariableHideDontHide, v2.VariableHideHideLabel, v2.VariableHideHideVariable, v2.VariableHideInControlsMenu}, v.Hide)
}

func (v classicVariable) refresh() v2.VariableRefresh {
	return pick([]v2.VariableRefresh{v2.VariableRefreshNever, v2.VariableRefreshOnDashboardLoad, v2.VariableRefreshOnTimeRangeChanged}, v.Refresh)
}

func (v classicVariable) sort() v2.VariableSort {
	return pick([]v2.VariableSort{
		v2.VariableSortDisabled, v2.VariableSortAlphabeticalAsc, v2.VariableSortAlphabeticalDesc, v2.VariableSortNumericalAsc, v2.VariableSortNumericalDesc,
		v2.VariableSortAlphabeticalCaseInsensitiveAsc, v2.VariableSortAlphabeticalCaseInsensitiveDesc, v2.VariableSortNaturalAsc, v2.VariableSortNaturalDesc,
	}, v.Sort)
}

// custom reports whether people may enter a value of their own; Grafana lets them
// where nothing is said.
func (v classicVariable) custom() bool { return v.AllowCustomValue == nil || *v.AllowCustomValue }

// v2 converts one variable. The types that no generated dashboard has are refused.
func (v classicVariable) v2() (v2.VariableKind, error) {
	var current v2.VariableOption
	if v.Current != nil {
		current = *v.Current
	} else {
		current = v2.VariableOption{Text: v2.StringOrArrayOfString{String: new("")}, Value: v2.StringOrArrayOfString{String: new("")}}
	}
	options := append([]v2.VariableOption{}, v.Options...)
	text := ""
	if v.Query != nil && v.Type != "query" {
		if err := json.Unmarshal(v.Query, &text); err != nil {
			return v2.VariableKind{}, fmt.Errorf("its query: %w", err)
		}
	}
	switch v.Type {
	case "datasource":
		kind := v2.NewDatasourceVariableKind()
		kind.Spec = v2.DatasourceVariableSpec{
			Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, PluginId: text, Refresh: v.refresh(),
			Regex: v.Regex, Current: current, Options: options, Multi: v.Multi, IncludeAll: v.IncludeAll, AllValue: v.AllValue, AllowCustomValue: v.custom(),
		}
		return v2.VariableKind{DatasourceVariableKind: kind}, nil
	case "custom":
		kind := v2.NewCustomVariableKind()
		kind.Spec = v2.CustomVariableSpec{
			Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, Query: text,
			Current: current, Options: options, Multi: v.Multi, IncludeAll: v.IncludeAll, AllValue: v.AllValue, AllowCustomValue: v.custom(),
		}
		return v2.VariableKind{CustomVariableKind: kind}, nil
	case "interval":
		kind := v2.NewIntervalVariableKind()
		kind.Spec = v2.IntervalVariableSpec{
			Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, Query: text,
			Current: current, Options: options, Auto: v.Auto, AutoMin: v.AutoMin, AutoCount: v.AutoCount, Refresh: v2.VariableRefreshOnTimeRangeChanged,
		}
		return v2.VariableKind{IntervalVariableKind: kind}, nil
	case "textbox":
		kind := v2.NewTextVariableKind()
		kind.Spec = v2.TextVariableSpec{
			Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, Query: text, Current: current,
		}
		return v2.VariableKind{TextVariableKind: kind}, nil
	case "constant":
		kind := v2.NewConstantVariableKind()
		kind.Spec = v2.ConstantVariableSpec{
			Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, Query: text, Current: current,
		}
		return v2.VariableKind{ConstantVariableKind: kind}, nil
	case "query":
		return v.query(current, options)
	default:
		return v2.VariableKind{}, fmt.Errorf("its type %q cannot be converted", v.Type)
	}
}

// query converts a variable whose values come from a data source.
func (v classicVariable) query(current v2.VariableOption, options []v2.VariableOption) (v2.VariableKind, error) {
	if v.Datasource == nil {
		return v2.VariableKind{}, errors.New("it names no data source")
	}
	var asked any
	if err := json.Unmarshal(v.Query, &asked); err != nil {
		return v2.VariableKind{}, fmt.Errorf("its query: %w", err)
	}
	if text, is := asked.(string); is {
		// Grafana's own key for a query in the older, plain form.
		asked = map[string]any{"__legacyStringValue": text}
	}
	kind := v2.NewQueryVariableKind()
	kind.Spec = v2.QueryVariableSpec{
		Name: v.Name, Label: v.Label, Description: v.Description, Hide: v.hide(), SkipUrlSync: v.SkipURLSync, Query: v.Datasource.ask(asked),
		Definition: v.Definition, Refresh: v.refresh(), Regex: v.Regex, Sort: v.sort(), Current: current, Options: options, Multi: v.Multi,
		IncludeAll: v.IncludeAll, AllValue: v.AllValue, AllowCustomValue: v.custom(),
	}
	return v2.VariableKind{QueryVariableKind: kind}, nil
}

// classicAnnotation marks events on the graphs.
type classicAnnotation struct {
	Name       string                    `json:"name"`
	Datasource *classicSource            `json:"datasource"`
	Enable     bool                      `json:"enable"`
	Hide       bool                      `json:"hide"`
	IconColor  string                    `json:"iconColor"`
	BuiltIn    float64                   `json:"builtIn"`
	Filter     *v2.AnnotationPanelFilter `json:"filter"`
	Placement  *string                   `json:"placement"`
	Target     map[string]any            `json:"target"`
	Type       string                    `json:"type"`
	Expr       string                    `json:"expr"`
}

// v2 converts one annotation. The query of the older form is kept as Grafana keeps
// it, among the legacy options.
func (a classicAnnotation) v2() v2.AnnotationQueryKind {
	kind := v2.NewAnnotationQueryKind()
	s := &kind.Spec
	s.Name, s.Enable, s.Hide, s.IconColor, s.Filter, s.Placement = a.Name, a.Enable, a.Hide, a.IconColor, a.Filter, a.Placement
	if a.BuiltIn != 0 {
		s.BuiltIn = new(true)
	}
	var source classicSource
	if a.Datasource != nil {
		source = *a.Datasource
	}
	spec := map[string]any{}
	maps.Copy(spec, a.Target)
	s.Query = source.ask(spec)
	for key, value := range map[string]string{"type": a.Type, "expr": a.Expr} {
		if value == "" {
			continue
		}
		if s.LegacyOptions == nil {
			s.LegacyOptions = map[string]any{}
		}
		s.LegacyOptions[key] = value
	}
	return *kind
}
