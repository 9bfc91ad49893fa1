package dashboards

import (
	"bytes"
	"encoding/json"
	"fmt"

	v2 "github.com/grafana/grafana-foundation-sdk/go/dashboardv2beta1"
	"github.com/grafana/grafana-foundation-sdk/go/resource"
)

// The names of the resource that Grafana 12 and later keep a dashboard in.
const (
	v2Version = "dashboard.grafana.app/v2beta1"
	v2Kind    = "Dashboard"
)

// V2 writes a classic dashboard in Grafana's second format: a resource whose spec has
// the panels as named elements and, apart from them, a layout of rows. Nothing of a
// panel is lost; a classic setting that has no place there is an error.
func V2(d Dashboard) (Dashboard, error) {
	content, err := toV2(d)
	if err != nil {
		return Dashboard{}, fmt.Errorf("dashboard %s in the format v2: %w", d.UID, err)
	}
	d.JSON = content
	return d, nil
}

// classic is what a dashboard in the classic format holds. Unknown keys are refused,
// so that none is lost.
type classic struct {
	UID           string          `json:"uid"`
	Version       int             `json:"version"`
	SchemaVersion int             `json:"schemaVersion"`
	Title         string          `json:"title"`
	Description   *string         `json:"description"`
	Tags          []string        `json:"tags"`
	Editable      *bool           `json:"editable"`
	GraphTooltip  int             `json:"graphTooltip"`
	Preload       bool            `json:"preload"`
	LiveNow       *bool           `json:"liveNow"`
	Timezone      *string         `json:"timezone"`
	WeekStart     json.RawMessage `json:"weekStart"`
	FiscalYear    int64           `json:"fiscalYearStartMonth"`
	Refresh       string          `json:"refresh"`
	Time          struct {
		From string `json:"from"`
		To   string `json:"to"`
	} `json:"time"`
	Timepicker struct {
		Intervals []string        `json:"refresh_intervals"`
		Hidden    bool            `json:"hidden"`
		Ranges    json.RawMessage `json:"quick_ranges"`
		Delay     *string         `json:"nowDelay"`
	} `json:"timepicker"`
	Links       []json.RawMessage `json:"links"`
	Panels      []classicPanel    `json:"panels"`
	Templating  classicVariables  `json:"templating"`
	Annotations struct {
		List []classicAnnotation `json:"list"`
	} `json:"annotations"`
}

// toV2 converts one dashboard.
func toV2(d Dashboard) ([]byte, error) {
	var c classic
	if err := strictly(d.JSON, &c); err != nil {
		return nil, err
	}
	spec := v2.NewDashboard()
	spec.Title, spec.Description, spec.Tags, spec.Editable, spec.Preload, spec.LiveNow = c.Title, c.Description, c.Tags, c.Editable, c.Preload, c.LiveNow
	spec.CursorSync = []v2.DashboardCursorSync{v2.DashboardCursorSyncOff, v2.DashboardCursorSyncCrosshair, v2.DashboardCursorSyncTooltip}[c.GraphTooltip%3]
	if err := c.timeSettings(&spec.TimeSettings); err != nil {
		return nil, err
	}
	for _, raw := range c.Links {
		link := v2.NewDashboardLink()
		if err := json.Unmarshal(raw, link); err != nil {
			return nil, fmt.Errorf("a link: %w", err)
		}
		spec.Links = append(spec.Links, *link)
	}
	for _, a := range c.Annotations.List {
		spec.Annotations = append(spec.Annotations, a.v2())
	}
	for _, v := range c.Templating.List {
		converted, err := v.v2()
		if err != nil {
			return nil, fmt.Errorf("the variable %s: %w", v.Name, err)
		}
		spec.Variables = append(spec.Variables, converted)
	}
	if err := placeV2(spec, c.Panels); err != nil {
		return nil, err
	}
	return new(scratch).pretty(resource.Manifest{
		ApiVersion: v2Version, Kind: v2Kind, Metadata: resource.Metadata{Name: c.UID}, Spec: spec,
	})
}

// timeSettings converts what decides about time.
func (c classic) timeSettings(t *v2.TimeSettingsSpec) error {
	t.Timezone, t.From, t.To, t.AutoRefresh, t.FiscalYearStartMonth = c.Timezone, c.Time.From, c.Time.To, c.Refresh, c.FiscalYear
	t.HideTimepicker, t.NowDelay = c.Timepicker.Hidden, c.Timepicker.Delay
	if len(c.Timepicker.Intervals) > 0 {
		t.AutoRefreshIntervals = c.Timepicker.Intervals
	}
	for _, part := range []struct {
		raw json.RawMessage
		to  any
	}{{c.Timepicker.Ranges, &t.QuickRanges}, {c.WeekStart, &t.WeekStart}} {
		if part.raw == nil {
			continue
		}
		if err := json.Unmarshal(part.raw, part.to); err != nil {
			return fmt.Errorf("the time picker: %w", err)
		}
	}
	return nil
}

// strictly decodes JSON and refuses what v does not name.
func strictly(raw []byte, v any) error {
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	return decoder.Decode(v)
}
