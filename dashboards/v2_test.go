package dashboards

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	v2 "github.com/grafana/grafana-foundation-sdk/go/dashboardv2beta1"
)

func inV2(t *testing.T, ds []Dashboard) []Dashboard {
	t.Helper()
	converted := make([]Dashboard, len(ds))
	for i, d := range ds {
		var err error
		if converted[i], err = V2(d); err != nil {
			t.Fatal(err)
		}
	}
	return converted
}

// specOf reads a resource as strictly as Grafana does.
func specOf(t *testing.T, d Dashboard) v2.Dashboard {
	t.Helper()
	knownKinds()
	var r struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Metadata   struct {
			Name string `json:"name"`
		} `json:"metadata"`
		Spec json.RawMessage `json:"spec"`
	}
	if err := strictly(d.JSON, &r); err != nil {
		t.Fatalf("%s: %v", d.UID, err)
	}
	if r.APIVersion != "dashboard.grafana.app/v2beta1" || r.Kind != "Dashboard" || r.Metadata.Name != d.UID {
		t.Errorf("%s is a %s of %s called %s", d.UID, r.Kind, r.APIVersion, r.Metadata.Name)
	}
	var spec v2.Dashboard
	if err := spec.UnmarshalJSONStrict(r.Spec); err != nil {
		t.Fatalf("%s does not fit Grafana's schema: %v", d.UID, err)
	}
	if err := spec.Validate(); err != nil {
		t.Errorf("%s does not fit Grafana's schema: %v", d.UID, err)
	}
	return spec
}

// Every panel is there once, at its place, with its queries and settings.
func TestV2HasEveryPanel(t *testing.T) {
	classics := build(t, sample())
	for i, d := range inV2(t, classics) {
		spec := specOf(t, d)
		var c classic
		if err := json.Unmarshal(classics[i].JSON, &c); err != nil {
			t.Fatal(err)
		}
		placed := map[string]classicPlace{}
		row := -1
		for _, p := range c.Panels {
			if p.Type == "row" {
				row++
				got := spec.Layout.RowsLayoutKind.Spec.Rows[row].Spec
				if *got.Title != p.Title {
					t.Errorf("%s: row %d is %q, want %q", d.UID, row, *got.Title, p.Title)
				}
				for _, item := range got.Layout.GridLayoutKind.Spec.Items {
					s := item.Spec
					if _, twice := placed[s.Element.Name]; twice {
						t.Errorf("%s: %s stands in two places", d.UID, s.Element.Name)
					}
					placed[s.Element.Name] = classicPlace{X: s.X, Y: s.Y + p.GridPos.Y + 1, W: s.Width, H: s.Height}
				}
				continue
			}
			name := fmt.Sprintf("panel-%d", p.ID)
			if placed[name] != p.GridPos {
				t.Errorf("%s: %s is at %v, want %v", d.UID, p.Title, placed[name], p.GridPos)
			}
			got := spec.Elements[name].PanelKind.Spec
			same(t, []string{p.Title, p.Description, p.Type}, []string{got.Title, got.Description, got.VizConfig.Group})
			if !reflect.DeepEqual(jsonCopy(t, got.VizConfig.Spec.Options), p.Options) {
				t.Errorf("%s: %s has other settings", d.UID, p.Title)
			}
			if p.FieldConfig != nil {
				want := jsonCopy(t, p.FieldConfig)
				if steps := objects(object(object(object(want)["defaults"])["thresholds"])["steps"]); len(steps) > 0 {
					steps[0]["value"] = 0.0 // which is below or at the second of each
				}
				if diff := cmp.Diff(want, jsonCopy(t, got.VizConfig.Spec.FieldConfig)); diff != "" {
					t.Errorf("%s: the fields of %s differ (-want +got):\n%s", d.UID, p.Title, diff)
				}
			}
			if len(got.Data.Spec.Queries) != len(p.Targets) {
				t.Fatalf("%s: %s has %d queries, want %d", d.UID, p.Title, len(got.Data.Spec.Queries), len(p.Targets))
			}
			for j, q := range got.Data.Spec.Queries {
				asked := object(jsonCopy(t, q.Spec.Query.Spec))
				if q.Spec.RefId != p.Targets[j]["refId"] || asked["expr"] != p.Targets[j]["expr"] || *q.Spec.Query.Datasource.Name != "${datasource}" {
					t.Errorf("%s: query %d of %s is %+v", d.UID, j, p.Title, q)
				}
			}
		}
		if len(placed) != len(spec.Elements) || row+1 != len(spec.Layout.RowsLayoutKind.Spec.Rows) {
			t.Errorf("%s: %d panels have a place and %d are there", d.UID, len(placed), len(spec.Elements))
		}
	}
}

func TestV2Golden(t *testing.T) {
	d := find(t, inV2(t, build(t, sample())), "wt-svc-share")
	spec := specOf(t, d)
	var b strings.Builder
	fmt.Fprintf(&b, "%s, cursor %s, %s to %s, every %s, tags %v\n", spec.Title, spec.CursorSync, spec.TimeSettings.From, spec.TimeSettings.To, spec.TimeSettings.AutoRefresh, spec.Tags)
	for _, l := range spec.Links {
		fmt.Fprintf(&b, "link %s %s %s %v\n", l.Type, l.Title, deref(l.Url), l.Tags)
	}
	for _, v := range spec.Variables {
		fmt.Fprintf(&b, "variable %s of %s, %s\n", v.DatasourceVariableKind.Spec.Name, v.DatasourceVariableKind.Spec.PluginId, v.DatasourceVariableKind.Spec.Hide)
	}
	for _, a := range spec.Annotations {
		fmt.Fprintf(&b, "annotation %s from %s, %v\n", a.Spec.Name, *a.Spec.Query.Datasource.Name, a.Spec.LegacyOptions)
	}
	for _, r := range spec.Layout.RowsLayoutKind.Spec.Rows {
		fmt.Fprintf(&b, "\n=== %s\n", *r.Spec.Title)
		for _, item := range r.Spec.Layout.GridLayoutKind.Spec.Items {
			p := spec.Elements[item.Spec.Element.Name].PanelKind.Spec
			fmt.Fprintf(&b, "%s [%s, %d x %d at %d, %d]: %d queries", p.Title, p.VizConfig.Group, item.Spec.Width, item.Spec.Height, item.Spec.X, item.Spec.Y, len(p.Data.Spec.Queries))
			for _, l := range p.Links {
				fmt.Fprintf(&b, " -> %s", l.Title)
			}
			b.WriteString("\n")
		}
	}
	golden(t, "wt-svc-share.v2.golden.txt", b.String())
}

// What other generated dashboards may hold: every type of variable, annotations with
// a query, panels above the first row and inside of a closed one, panels that repeat.
const everything = `{
  "uid": "try", "title": "Try", "version": 1, "schemaVersion": 42, "tags": ["watchtower"], "editable": false, "graphTooltip": 2,
  "weekStart": "monday", "timepicker": {"refresh_intervals": ["10s"], "hidden": true}, "time": {"from": "now-1h", "to": "now"},
  "panels": [
    {"type": "text", "id": 1, "title": "Above", "gridPos": {"x": 0, "y": 0, "w": 24, "h": 3}, "options": {"mode": "markdown", "content": "x"}},
    {"type": "row", "id": 2, "title": "$pool", "repeat": "pool", "collapsed": true, "gridPos": {"x": 0, "y": 3, "w": 24, "h": 1}, "panels": [
      {"type": "gauge", "id": 3, "title": "Inside", "gridPos": {"x": 12, "y": 4, "w": 12, "h": 8}, "repeat": "pool", "repeatDirection": "v", "maxPerRow": 3,
       "options": {"orientation": "auto", "showThresholdLabels": false, "showThresholdMarkers": true, "sizing": "auto", "minVizWidth": 75, "minVizHeight": 75,
        "reduceOptions": {"calcs": ["lastNotNull"]}},
       "datasource": {"type": "prometheus", "uid": "a"}, "targets": [{"refId": "A", "hide": true, "expr": "up"}], "interval": "10s",
       "transformations": [{"id": "merge", "options": {}}]}
    ]}
  ],
  "templating": {"list": [
    {"type": "datasource", "name": "datasource", "query": "prometheus", "hide": 1, "current": {"text": "a", "value": "a"}},
    {"type": "query", "name": "pool", "query": "label_values(up, pool)", "datasource": {"type": "prometheus", "uid": "a"}, "refresh": 2, "sort": 1, "multi": true},
    {"type": "query", "name": "other", "query": {"query": "label_values(up, job)", "refId": "B"}, "datasource": {"type": "prometheus", "uid": "a"}},
    {"type": "custom", "name": "q", "query": "0.5,0.9"},
    {"type": "interval", "name": "step", "query": "1m,5m", "auto": true, "auto_min": "10s", "auto_count": 30},
    {"type": "textbox", "name": "text", "query": "x"},
    {"type": "constant", "name": "fixed", "query": "y"}
  ]},
  "annotations": {"list": [
    {"name": "Deploys", "enable": true, "iconColor": "blue", "datasource": {"type": "prometheus", "uid": "a"}, "expr": "deploys", "target": {"expr": "deploys"}}
  ]}
}`

func TestV2OfEverything(t *testing.T) {
	d := inV2(t, []Dashboard{{UID: "try", JSON: []byte(everything)}})[0]
	spec := specOf(t, d)
	rows := spec.Layout.RowsLayoutKind.Spec.Rows
	if len(rows) != 2 || !*rows[0].Spec.HideHeader || !*rows[1].Spec.Collapse || rows[1].Spec.Repeat.Value != "pool" {
		t.Fatalf("the rows are %+v", rows)
	}
	item := rows[1].Spec.Layout.GridLayoutKind.Spec.Items[0].Spec
	if item.Y != 0 || item.X != 12 || item.Repeat.Value != "pool" || *item.Repeat.Direction != "v" || *item.Repeat.MaxPerRow != 3 {
		t.Errorf("the panel inside is at %+v", item)
	}
	inside := spec.Elements["panel-3"].PanelKind.Spec
	query := inside.Data.Spec.Queries[0].Spec
	if !query.Hidden || query.Query.Group != "prometheus" || *query.Query.Datasource.Name != "a" || inside.Data.Spec.Transformations[0].Kind != "merge" {
		t.Errorf("the panel inside asks %+v", inside.Data.Spec)
	}
	if *inside.Data.Spec.QueryOptions.Interval != "10s" || inside.VizConfig.Spec.Options == nil {
		t.Errorf("its settings are %+v", inside.VizConfig)
	}
	pool := spec.Variables[1].QueryVariableKind.Spec
	if pool.Refresh != "onTimeRangeChanged" || pool.Sort != "alphabeticalAsc" || !pool.Multi || !strings.Contains(string(d.JSON), `"__legacyStringValue": "label_values(up, pool)"`) {
		t.Errorf("the variable of a query is %+v", pool)
	}
	if spec.Variables[0].DatasourceVariableKind.Spec.Hide != "hideLabel" || spec.Variables[4].IntervalVariableKind.Spec.AutoCount != 30 {
		t.Errorf("the variables are %+v", spec.Variables)
	}
	deploys := spec.Annotations[0].Spec
	if object(jsonCopy(t, deploys.Query.Spec))["expr"] != "deploys" || deploys.LegacyOptions["expr"] != "deploys" {
		t.Errorf("the annotation is %+v", deploys)
	}
	if spec.CursorSync != "Tooltip" || *spec.TimeSettings.WeekStart != "monday" || !spec.TimeSettings.HideTimepicker {
		t.Errorf("the dashboard is %+v", spec)
	}
}

// Grafana takes the lowest step for what is below all others, so the first has to stay the first.
func TestV2KeepsTheOrderOfThresholds(t *testing.T) {
	for want, values := range map[float64][]float64{0: {0, 5}, -5: {0, -5}, -9: {-9, 1}} {
		steps := []v2.Threshold{{Value: values[0]}, {Value: values[1]}}
		beginBelow(steps)
		if steps[0].Value != want {
			t.Errorf("%v begins at %v, want %v", values, steps[0].Value, want)
		}
	}
}

func TestV2LosesNothingSilently(t *testing.T) {
	for part, spoiled := range map[string]string{
		`"interval": "10s"`:     `"interval": "10s", "novelty": 1`,
		`"type": "textbox"`:     `"type": "adhoc"`,
		`"type": "gauge"`:       `"type": "gauge", "fieldConfig": []`,
		`"maxPerRow": 3,`:       `"maxPerRow": "3",`,
		`"query": "0.5,0.9"`:    `"query": 7`,
		`"weekStart": "monday"`: `"weekStart": 7`,
		`"refId": "A", "hide"`:  `"datasource": 7, "novelty": 1, "hide"`,
	} {
		text := strings.Replace(everything, part, spoiled, 1)
		if text == everything {
			t.Fatalf("there is no %s", part)
		}
		_, err := V2(Dashboard{UID: "try", JSON: []byte(text)})
		if part == `"refId": "A", "hide"` {
			// What a query holds is its data source's to know.
			if err != nil {
				t.Errorf("%s: got %v", spoiled, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), "dashboard try in the format v2") {
			t.Errorf("%s: got %v", spoiled, err)
		}
	}
	without := strings.Replace(everything, `"datasource": {"type": "prometheus", "uid": "a"}, "targets"`, `"targets"`, 1)
	if _, err := V2(Dashboard{UID: "try", JSON: []byte(without)}); err == nil || !strings.Contains(err.Error(), `panel "Inside": its query A names no data source`) {
		t.Errorf("got %v", err)
	}
}

// Files of both formats are known again as ours.
func TestWriteTakesOneFormatForTheOther(t *testing.T) {
	dir := t.TempDir()
	ds := build(t, sample())
	for _, form := range [][]Dashboard{ds, inV2(t, ds), ds[:1]} {
		if err := Write(dir, form); err != nil {
			t.Fatal(err)
		}
		if got := len(list(t, dir)); got != len(form) {
			t.Errorf("there are %d files, want %d", got, len(form))
		}
	}
	raw, err := os.ReadFile(filepath.Join(dir, ds[0].File))
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(ds[0].JSON), string(raw)); diff != "" {
		t.Errorf("differs:\n%s", diff)
	}
}
