package grafana

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	"github.com/pmezard/go-difflib/difflib"
)

// describe says in words what differs between a dashboard in Grafana and the
// generated one, panel by panel.
func describe(have, want map[string]any) []string {
	var words []string
	names := map[string]string{
		"templating": "variables", "time": "time range", "refresh": "refresh interval", "graphTooltip": "shared crosshair",
		"schemaVersion": "format version",
	}
	for _, key := range changedKeys(have, want) {
		switch {
		case key == "panels":
		case key == "title":
			words = append(words, fmt.Sprintf("title is %s, is generated as %s", show(have[key]), show(want[key])))
		case names[key] != "":
			words = append(words, names[key]+" changed")
		default:
			words = append(words, key+" changed")
		}
	}
	return append(words, describePanels(panels(have), panels(want))...)
}

// panels lists the panels, those inside of collapsed rows as well.
func panels(content map[string]any) []map[string]any {
	var list []map[string]any
	entries, _ := content["panels"].([]any)
	for _, e := range entries {
		p, ok := e.(map[string]any)
		if !ok {
			continue
		}
		list = append(list, p)
		list = append(list, panels(p)...)
	}
	return list
}

// describePanels compares panels by their id, or by type and title where somebody
// made a copy that has another.
func describePanels(have, want []map[string]any) []string {
	var words []string
	left := slices.Clone(have)
	take := func(same func(p map[string]any) bool) map[string]any {
		i := slices.IndexFunc(left, same)
		if i < 0 {
			return nil
		}
		p := left[i]
		left = slices.Delete(left, i, i+1)
		return p
	}
	missing := []map[string]any{}
	for _, w := range want {
		h := take(func(p map[string]any) bool { return reflect.DeepEqual(p["id"], w["id"]) })
		if h == nil {
			missing = append(missing, w)
			continue
		}
		words = append(words, describePanel(h, w)...)
	}
	for _, w := range missing {
		h := take(func(p map[string]any) bool {
			return reflect.DeepEqual(p["type"], w["type"]) && reflect.DeepEqual(p["title"], w["title"])
		})
		if h == nil {
			words = append(words, name(w)+" is not in Grafana")
			continue
		}
		words = append(words, describePanel(h, w)...)
	}
	for _, h := range left {
		words = append(words, name(h)+" is in Grafana alone")
	}
	return words
}

// name is how people call a panel.
func name(p map[string]any) string {
	kind := "panel"
	if p["type"] == "row" {
		kind = "row"
	}
	return kind + " " + show(p["title"])
}

// describePanel says what differs in one panel.
func describePanel(have, want map[string]any) []string {
	var parts []string
	for _, key := range changedKeys(have, want) {
		switch key {
		case "panels", "collapsed": // of a row: its panels are compared on their own
		case "title", "type":
			parts = append(parts, fmt.Sprintf("%s is %s, is generated as %s", key, show(have[key]), show(want[key])))
		case "targets":
			parts = append(parts, describeQueries(have[key], want[key])...)
		case "fieldConfig":
			parts = append(parts, describeFields(have[key], want[key]))
		case "gridPos":
			parts = append(parts, "place or size changed")
		case "options":
			parts = append(parts, "look changed")
		case "datasource":
			parts = append(parts, "data source changed")
		default:
			parts = append(parts, key+" changed")
		}
	}
	if len(parts) == 0 {
		return nil
	}
	return []string{name(want) + ": " + strings.Join(parts, "; ")}
}

// describeFields names what of the fields differs.
func describeFields(have, want any) string {
	h, w := inside(have, "defaults"), inside(want, "defaults")
	var parts []string
	for _, key := range changedKeys(h, w) {
		switch key {
		case "unit":
			parts = append(parts, fmt.Sprintf("unit is %s, is generated as %s", show(h[key]), show(w[key])))
		case "custom":
			parts = append(parts, "drawing changed")
		default:
			parts = append(parts, key+" changed")
		}
	}
	if !reflect.DeepEqual(object(have)["overrides"], object(want)["overrides"]) {
		parts = append(parts, "columns or overrides changed")
	}
	return strings.Join(parts, "; ")
}

// describeQueries compares queries by their letter.
func describeQueries(have, want any) []string {
	h, w := byLetter(have), byLetter(want)
	var parts []string
	for _, letter := range slices.Sorted(maps.Keys(union(h, w))) {
		old, in := h[letter]
		generated, out := w[letter]
		switch {
		case !in:
			parts = append(parts, fmt.Sprintf("query %s is not in Grafana", letter))
		case !out:
			parts = append(parts, fmt.Sprintf("query %s is in Grafana alone", letter))
		case !reflect.DeepEqual(old["expr"], generated["expr"]):
			parts = append(parts, fmt.Sprintf("query %s is %s, is generated as %s", letter, show(old["expr"]), show(generated["expr"])))
		case !reflect.DeepEqual(old, generated):
			parts = append(parts, fmt.Sprintf("query %s: %s changed", letter, strings.Join(changedKeys(old, generated), ", ")))
		}
	}
	return parts
}

func byLetter(targets any) map[string]map[string]any {
	found := map[string]map[string]any{}
	list, _ := targets.([]any)
	for i, t := range list {
		q := object(t)
		letter, ok := q["refId"].(string)
		if !ok {
			letter = fmt.Sprintf("%d", i+1)
		}
		found[letter] = q
	}
	return found
}

// changedKeys lists the keys whose values differ, sorted.
func changedKeys(a, b map[string]any) []string {
	var keys []string
	for _, key := range slices.Sorted(maps.Keys(union(a, b))) {
		if !reflect.DeepEqual(a[key], b[key]) {
			keys = append(keys, key)
		}
	}
	return keys
}

func union[V any](a, b map[string]V) map[string]bool {
	keys := map[string]bool{}
	for key := range a {
		keys[key] = true
	}
	for key := range b {
		keys[key] = true
	}
	return keys
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

func inside(v any, key string) map[string]any { return object(object(v)[key]) }

// show writes a value for people.
func show(v any) string {
	switch v := v.(type) {
	case nil:
		return "nothing"
	case string:
		return "`" + v + "`"
	default:
		return fmt.Sprint(v)
	}
}

// unified is the difference as diff -u writes it.
func unified(uid string, have, want []byte) string {
	text, err := difflib.GetUnifiedDiffString(difflib.UnifiedDiff{
		A: difflib.SplitLines(string(have)), B: difflib.SplitLines(string(want)),
		FromFile: "grafana/" + uid + ".json", ToFile: "generated/" + uid + ".json", Context: 3,
	})
	if err != nil {
		return "" // it writes to memory, which does not fail
	}
	return text
}
