package dashboards

import (
	"encoding/json"
	"fmt"

	v2 "github.com/grafana/grafana-foundation-sdk/go/dashboardv2beta1"
)

// classicPanel is a panel or a row.
type classicPanel struct {
	Type            string           `json:"type"`
	ID              int64            `json:"id"`
	Title           string           `json:"title"`
	Description     string           `json:"description"`
	Transparent     *bool            `json:"transparent"`
	PluginVersion   string           `json:"pluginVersion"`
	GridPos         classicPlace     `json:"gridPos"`
	Links           []classicLink    `json:"links"`
	Repeat          string           `json:"repeat"`
	RepeatDirection string           `json:"repeatDirection"`
	MaxPerRow       *int64           `json:"maxPerRow"`
	Datasource      *classicSource   `json:"datasource"`
	Targets         []map[string]any `json:"targets"`
	Transformations []struct {
		ID       string            `json:"id"`
		Disabled *bool             `json:"disabled"`
		Filter   *v2.MatcherConfig `json:"filter"`
		Topic    *v2.DataTopic     `json:"topic"`
		Options  any               `json:"options"`
	} `json:"transformations"`
	MaxDataPoints    *int64          `json:"maxDataPoints"`
	Interval         *string         `json:"interval"`
	TimeFrom         *string         `json:"timeFrom"`
	TimeShift        *string         `json:"timeShift"`
	TimeCompare      *string         `json:"timeCompare"`
	HideTimeOverride *bool           `json:"hideTimeOverride"`
	CacheTimeout     *string         `json:"cacheTimeout"`
	QueryCachingTTL  *int64          `json:"queryCachingTTL"`
	Options          any             `json:"options"`
	FieldConfig      json.RawMessage `json:"fieldConfig"`
	// Of a row.
	Collapsed bool           `json:"collapsed"`
	Panels    []classicPanel `json:"panels"`
}

type classicPlace struct {
	X int64 `json:"x"`
	Y int64 `json:"y"`
	W int64 `json:"w"`
	H int64 `json:"h"`
}

// classicLink leads from a panel to an address.
type classicLink struct {
	Title       string   `json:"title"`
	URL         string   `json:"url"`
	TargetBlank *bool    `json:"targetBlank"`
	Type        string   `json:"type"`
	Icon        string   `json:"icon"`
	Tooltip     string   `json:"tooltip"`
	Tags        []string `json:"tags"`
	AsDropdown  bool     `json:"asDropdown"`
	IncludeVars bool     `json:"includeVars"`
	KeepTime    bool     `json:"keepTime"`
}

// classicSource names a data source.
type classicSource struct {
	Type string `json:"type"`
	UID  string `json:"uid"`
}

// placeV2 makes elements of the panels, and a layout of the rows that they stand in;
// without rows the layout is one grid.
func placeV2(spec *v2.Dashboard, panels []classicPanel) error {
	rows := v2.NewRowsLayoutKind()
	grid := v2.NewGridLayoutKind()
	top := int64(0) // of the row
	begin := func(row v2.RowsLayoutRowKind) {
		grid = v2.NewGridLayoutKind()
		row.Spec.Layout = v2.GridLayoutKindOrAutoGridLayoutKindOrTabsLayoutKindOrRowsLayoutKind{GridLayoutKind: grid}
		rows.Spec.Rows = append(rows.Spec.Rows, row)
	}
	put := func(p classicPanel) error {
		element, err := p.v2()
		if err != nil {
			return fmt.Errorf("panel %q: %w", p.Title, err)
		}
		name := fmt.Sprintf("panel-%d", p.ID)
		spec.Elements[name] = v2.Element{PanelKind: element}
		item := v2.NewGridLayoutItemKind()
		item.Spec.X, item.Spec.Y, item.Spec.Width, item.Spec.Height = p.GridPos.X, p.GridPos.Y-top, p.GridPos.W, p.GridPos.H
		item.Spec.Element.Name = name
		item.Spec.Repeat = p.repeat()
		grid.Spec.Items = append(grid.Spec.Items, *item)
		return nil
	}
	for _, p := range panels {
		if p.Type != "row" {
			if err := put(p); err != nil {
				return err
			}
			continue
		}
		if len(grid.Spec.Items) > 0 && len(rows.Spec.Rows) == 0 {
			// Panels above the first row stand in a row without a heading.
			above := v2.NewRowsLayoutRowKind()
			above.Spec.HideHeader = new(true)
			items := grid.Spec.Items
			begin(*above)
			grid.Spec.Items = items
		}
		row := v2.NewRowsLayoutRowKind()
		row.Spec.Title, row.Spec.Collapse = &p.Title, &p.Collapsed
		if p.Repeat != "" {
			row.Spec.Repeat = &v2.RowRepeatOptions{Mode: v2.RepeatModeVariable, Value: p.Repeat}
		}
		begin(*row)
		top = p.GridPos.Y + 1
		for _, inside := range p.Panels {
			if err := put(inside); err != nil {
				return err
			}
		}
	}
	if len(rows.Spec.Rows) == 0 {
		spec.Layout.GridLayoutKind = grid
		return nil
	}
	spec.Layout.RowsLayoutKind = rows
	return nil
}

// repeat is how often a panel is shown.
func (p classicPanel) repeat() *v2.RepeatOptions {
	if p.Repeat == "" {
		return nil
	}
	r := &v2.RepeatOptions{Mode: v2.RepeatModeVariable, Value: p.Repeat, MaxPerRow: p.MaxPerRow}
	if p.RepeatDirection != "" {
		r.Direction = new(v2.RepeatOptionsDirection(p.RepeatDirection))
	}
	return r
}

// v2 converts one panel.
func (p classicPanel) v2() (*v2.PanelKind, error) {
	converted := v2.NewPanelKind()
	spec := &converted.Spec
	spec.Id, spec.Title, spec.Description, spec.Transparent = float64(p.ID), p.Title, p.Description, p.Transparent
	for _, l := range p.Links {
		spec.Links = append(spec.Links, v2.DataLink{Title: l.Title, Url: l.URL, TargetBlank: l.TargetBlank})
	}
	for _, target := range p.Targets {
		query, err := p.query(target)
		if err != nil {
			return nil, err
		}
		spec.Data.Spec.Queries = append(spec.Data.Spec.Queries, *query)
	}
	for _, t := range p.Transformations {
		one := v2.NewTransformationKind()
		one.Kind = t.ID
		one.Spec = v2.DataTransformerConfig{Id: t.ID, Disabled: t.Disabled, Filter: t.Filter, Topic: t.Topic, Options: t.Options}
		spec.Data.Spec.Transformations = append(spec.Data.Spec.Transformations, *one)
	}
	spec.Data.Spec.QueryOptions = v2.QueryOptionsSpec{
		TimeFrom: p.TimeFrom, TimeShift: p.TimeShift, TimeCompare: p.TimeCompare, HideTimeOverride: p.HideTimeOverride,
		MaxDataPoints: p.MaxDataPoints, Interval: p.Interval, CacheTimeout: p.CacheTimeout, QueryCachingTTL: p.QueryCachingTTL,
	}
	viz := &spec.VizConfig
	viz.Group, viz.Version, viz.Spec.Options = p.Type, p.PluginVersion, p.Options
	if p.Options == nil {
		viz.Spec.Options = map[string]any{}
	}
	if p.FieldConfig != nil {
		if err := json.Unmarshal(p.FieldConfig, &viz.Spec.FieldConfig); err != nil {
			return nil, fmt.Errorf("its fields: %w", err)
		}
		if t := viz.Spec.FieldConfig.Defaults.Thresholds; t != nil {
			beginBelow(t.Steps)
		}
	}
	return converted, nil
}

// beginBelow gives the first step a number, which this format demands: the classic
// one has none, for everything below the second. Grafana takes the lowest step for
// that, whatever its number.
func beginBelow(steps []v2.Threshold) {
	if len(steps) > 1 {
		steps[0].Value = min(steps[0].Value, steps[1].Value)
	}
}

// query takes what is the same for every data source out of a query; the rest is
// its spec.
func (p classicPanel) query(target map[string]any) (*v2.PanelQueryKind, error) {
	query := v2.NewPanelQueryKind()
	query.Spec.RefId, _ = target["refId"].(string)
	query.Spec.Hidden, _ = target["hide"].(bool)
	source := p.Datasource
	if own := object(target["datasource"]); own != nil {
		kind, _ := own["type"].(string)
		uid, _ := own["uid"].(string)
		source = &classicSource{Type: kind, UID: uid}
	}
	if source == nil {
		return nil, fmt.Errorf("its query %s names no data source", query.Spec.RefId)
	}
	spec := map[string]any{}
	for key, value := range target {
		if key != "refId" && key != "hide" && key != "datasource" {
			spec[key] = value
		}
	}
	query.Spec.Query = source.ask(spec)
	return query, nil
}

// ask is a query to a data source.
func (s classicSource) ask(spec any) v2.DataQueryKind {
	query := v2.NewDataQueryKind()
	query.Group, query.Spec = s.Type, spec
	if s.UID != "" {
		query.Datasource = &v2.Dashboardv2beta1DataQueryKindDatasource{Name: &s.UID}
	}
	return *query
}
