package dashboards

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/prometheus/prometheus/promql/parser"
)

// Lint reports everything that keeps a dashboard from being shown as it is meant,
// each fault with its panel: panels without content or without a description, two
// that are alike or lie upon each other, queries that are no PromQL, variables nobody
// defines or uses, links that lead nowhere, units that Grafana does not know. Whether
// it fits Grafana's format is for CheckFormat to say, which takes longer.
func Lint(d Dashboard) error {
	var content map[string]any
	if err := json.Unmarshal(d.JSON, &content); err != nil {
		return fmt.Errorf("dashboard %s is no JSON: %w", d.UID, err)
	}
	l := linter{uid: d.UID, promql: parser.NewParser(parser.Options{}), ids: map[float64]string{}, alike: map[string]string{}}
	l.head(d, content)
	var empty []string
	keysOfNull(&empty, content, "")
	slices.Sort(empty)
	for _, path := range empty {
		l.fault("", "%s is null", path)
	}
	l.links("", content["links"])
	l.variables(content)
	l.grid(objects(content["panels"]))
	return errors.Join(l.faults...)
}

// LintAll reports the faults of every dashboard, and UIDs that two of them share.
func LintAll(ds []Dashboard) error {
	var shared []error
	seen := map[string]string{}
	for _, d := range ds {
		if other, twice := seen[d.UID]; twice {
			shared = append(shared, fmt.Errorf("dashboard %s: %q and %q share the UID", d.UID, other, d.Title))
		}
		seen[d.UID] = d.Title
	}
	return errors.Join(append(shared, each(ds, Lint))...)
}

// each calls do for every dashboard, on as many processors as there are, and joins
// the faults in their order.
func each(ds []Dashboard, do func(Dashboard) error) error {
	faults := make([]error, len(ds))
	var wg sync.WaitGroup
	slots := make(chan struct{}, runtime.GOMAXPROCS(0))
	for i, d := range ds {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			faults[i] = do(d)
		})
	}
	wg.Wait()
	return errors.Join(faults...)
}

// linter collects the faults of one dashboard.
type linter struct {
	uid    string
	promql parser.Parser
	faults []error
	ids    map[float64]string // of panels, with their title
	alike  map[string]string  // what a panel shows, with its title
}

// fault adds one; panel is "" for the dashboard itself.
func (l *linter) fault(panel, format string, args ...any) {
	where := "dashboard " + l.uid
	if panel != "" {
		where += ", panel " + fmt.Sprintf("%q", panel)
	}
	l.faults = append(l.faults, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

var anyUID = regexp.MustCompile(`^[a-zA-Z0-9_-]+$`)

// head looks at the dashboard's own keys.
func (l *linter) head(d Dashboard, content map[string]any) {
	switch {
	case content["uid"] != d.UID || d.UID+".json" != d.File:
		l.fault("", "the UID in the JSON is %v, and the file is %s", content["uid"], d.File)
	case len(d.UID) > maxUID || !anyUID.MatchString(d.UID):
		l.fault("", "Grafana takes no such UID: at most %d letters, digits, - and _", maxUID)
	}
	if title, _ := content["title"].(string); title == "" || title != d.Title {
		l.fault("", "the title in the JSON is %q, and not %q", content["title"], d.Title)
	}
	if _, has := content["id"]; has {
		l.fault("", "it has an id, which is Grafana's to give")
	}
	if version, _ := content["version"].(float64); version < 1 {
		l.fault("", "it has no version")
	}
	if content["schemaVersion"] != float64(schemaVersion) {
		l.fault("", "its schemaVersion is %v, and not %d", content["schemaVersion"], schemaVersion)
	}
	for _, want := range []string{tag, generatedTag} {
		if tags, _ := content["tags"].([]any); !slices.Contains(tags, any(want)) {
			l.fault("", "it lacks the tag %s", want)
		}
	}
}

// keysOfNull finds keys without a value; only the first step of thresholds has none.
func keysOfNull(found *[]string, v any, path ...string) {
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if inner == nil && (key != "value" || v["color"] == nil) {
				*found = append(*found, strings.Join(path, "/")+"/"+key)
			}
			keysOfNull(found, inner, append(path, key)...)
		}
	case []any:
		for i, inner := range v {
			keysOfNull(found, inner, append(path, strconv.Itoa(i))...)
		}
	}
}

// area is a panel's place on the grid.
type area struct {
	title      string
	x, y, w, h float64
}

// grid goes through the panels of the dashboard, or those that a collapsed row holds.
func (l *linter) grid(panels []map[string]any) {
	var taken []area
	for i, p := range panels {
		title, _ := p["title"].(string)
		l.identify(title, p)
		at := object(p["gridPos"])
		a := area{title: title}
		a.x, a.y, a.w, a.h = number64(at["x"]), number64(at["y"]), number64(at["w"]), number64(at["h"])
		if a.w < 1 || a.h < 1 || a.x < 0 || a.y < 0 || a.x+a.w > gridWidth {
			l.fault(title, "it lies outside of the grid: %v", at)
		}
		for _, b := range taken {
			if a.x < b.x+b.w && b.x < a.x+a.w && a.y < b.y+b.h && b.y < a.y+a.h {
				l.fault(title, "it lies upon %q", b.title)
			}
		}
		taken = append(taken, a)
		if p["type"] != "row" {
			l.panel(title, p)
			continue
		}
		inside := objects(p["panels"])
		collapsed, _ := p["collapsed"].(bool)
		switch {
		case !collapsed && len(inside) > 0:
			l.fault(title, "the row is open, and Grafana drops the panels inside of it: put them after it")
		case collapsed && len(inside) == 0, !collapsed && (i+1 == len(panels) || panels[i+1]["type"] == "row"):
			l.fault(title, "the row has no panels")
		}
		l.grid(inside)
	}
}

// identify demands a title and an id of its own.
func (l *linter) identify(title string, p map[string]any) {
	if strings.TrimSpace(title) == "" {
		l.fault(title, "a %v has no title", p["type"])
	}
	id := number64(p["id"])
	if other, twice := l.ids[id]; twice || id < 1 {
		l.fault(title, "its id %v is 0 or that of %q", p["id"], other)
	}
	l.ids[id] = title
}

// panel looks at one panel that is no row.
func (l *linter) panel(title string, p map[string]any) {
	description, _ := p["description"].(string)
	shows, _, _ := strings.Cut(description, "**Normal:**")
	for _, part := range []string{"**Normal:** ", "**Otherwise:** "} {
		if !strings.Contains(description, part) || strings.TrimSpace(shows) == "" {
			l.fault(title, "its description does not say what it shows and %s", part)
		}
	}
	l.links(title, p["links"])
	l.orientation(title, p)
	l.fields(title, object(p["fieldConfig"]))
	shown := l.queries(title, p)
	if p["type"] == "text" {
		words, _ := object(p["options"])["content"].(string)
		if strings.TrimSpace(words) == "" {
			l.fault(title, "it is empty")
		}
		shown = words
	}
	what := fmt.Sprint(p["type"], title, shown)
	if _, twice := l.alike[what]; twice {
		l.fault(title, "another panel has the same title and shows the same")
	}
	l.alike[what] = title
}

// withoutQueries are the kinds of panels that ask no data source.
var withoutQueries = [...]string{"text", "dashlist", "annolist", "alertlist", "news", "welcome"}

// queries looks at what a panel asks, and returns it.
func (l *linter) queries(title string, p map[string]any) string {
	targets := objects(p["targets"])
	kind, _ := p["type"].(string)
	if len(targets) == 0 && !slices.Contains(withoutQueries[:], kind) {
		l.fault(title, "it is empty: it has no query")
	}
	letters := map[string]bool{}
	var shown strings.Builder
	for _, q := range targets {
		letter, _ := q["refId"].(string)
		if letter == "" || letters[letter] {
			l.fault(title, "the letter %q of a query is empty or given twice", letter)
		}
		letters[letter] = true
		expr, _ := q["expr"].(string)
		if _, err := l.promql.ParseExpr(Interpolate(expr, nil)); err != nil {
			l.fault(title, "query %s is no PromQL: %s: %w", letter, expr, err)
		}
		for _, from := range []any{q["datasource"], p["datasource"]} {
			if uid, _ := object(from)["uid"].(string); !strings.HasPrefix(uid, "$") {
				l.fault(title, "query %s does not follow the variable of the data source", letter)
			}
		}
		shown.WriteString(expr + "\n")
	}
	return shown.String()
}

// orientation is empty where the SDK was not told one, which Grafana's format does
// not allow.
func (l *linter) orientation(title string, p map[string]any) {
	turned, has := object(p["options"])["orientation"]
	if has && !slices.Contains([]any{"auto", "horizontal", "vertical"}, turned) {
		l.fault(title, "its orientation is %q: write auto, horizontal or vertical", turned)
	}
}

// fields looks at units and links of values, of columns as well.
func (l *linter) fields(title string, config map[string]any) {
	unit := func(v any) {
		if name, is := v.(string); v != nil && (!is || !knownUnit(name)) {
			l.fault(title, "Grafana knows no unit %v", v)
		}
	}
	defaults := object(config["defaults"])
	unit(defaults["unit"])
	l.links(title, defaults["links"])
	for _, o := range objects(config["overrides"]) {
		for _, property := range objects(o["properties"]) {
			switch property["id"] {
			case "unit":
				unit(property["value"])
			case "links":
				l.links(title, property["value"])
			}
		}
	}
}

// links looks at where links lead: of the dashboard, a panel, or a value.
func (l *linter) links(panel string, list any) {
	for _, link := range objects(list) {
		title, _ := link["title"].(string)
		if strings.TrimSpace(title) == "" {
			l.fault(panel, "a link has no title")
		}
		if link["type"] == "dashboards" {
			if tags, _ := link["tags"].([]any); len(tags) == 0 {
				l.fault(panel, "the link %q names no tags, so it lists every dashboard", title)
			}
			continue
		}
		address, _ := link["url"].(string)
		if !leadsSomewhere(address) {
			l.fault(panel, "the link %q leads to %q, which is neither an address nor a path", title, address)
		}
	}
}

// leadsSomewhere tells an address, or a path in Grafana, from anything else.
func leadsSomewhere(address string) bool {
	u, err := url.Parse(Interpolate(address, nil))
	if err != nil {
		return false
	}
	if u.Scheme == "" {
		return strings.HasPrefix(address, "/")
	}
	return (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}

// variables compares the variables that are defined with those in use.
func (l *linter) variables(content map[string]any) {
	defined := map[string]bool{}
	used := map[string]string{} // and where
	for _, v := range objects(object(content["templating"])["list"]) {
		name, _ := v["name"].(string)
		if name == "" || defined[name] {
			l.fault("", "the name %q of a variable is empty or given twice", name)
		}
		defined[name] = true
		collect(used, "variable "+name, v["query"], v["datasource"], v["regex"])
	}
	for _, a := range objects(object(content["annotations"])["list"]) {
		collect(used, "an annotation", a["expr"], a["datasource"], a["target"])
	}
	inUse(used, objects(content["panels"]))
	collect(used, "a link", content["links"])
	for _, name := range slices.Sorted(maps.Keys(used)) {
		if !defined[name] {
			l.fault("", "%s uses the variable %s, which is not defined", used[name], name)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(defined)) {
		if _, is := used[name]; !is {
			l.fault("", "the variable %s is not used", name)
		}
	}
}

// inUse collects the variables of panels.
func inUse(used map[string]string, panels []map[string]any) {
	for _, p := range panels {
		where := fmt.Sprintf("panel %q", p["title"])
		collect(used, where, p["targets"], p["datasource"], p["links"], object(p["fieldConfig"])["overrides"])
		if repeat, _ := p["repeat"].(string); repeat != "" {
			used[repeat] = where
		}
		inUse(used, objects(p["panels"]))
	}
}

// collect finds the variables in the strings of vs. Texts for people do not count: a
// service may be called $y, and Grafana leaves what it does not know as it is.
func collect(used map[string]string, where string, vs ...any) {
	for _, v := range vs {
		switch v := v.(type) {
		case string:
			for _, found := range variable.FindAllStringSubmatch(v, -1) {
				if name := variableName(found); !strings.HasPrefix(name, "__") {
					used[name] = where
				}
			}
		case []any:
			collect(used, where, v...)
		case map[string]any:
			for key, inner := range v {
				switch key {
				case "legendFormat", "title", "tooltip":
				default:
					collect(used, where, inner)
				}
			}
		}
	}
}

func object(v any) map[string]any {
	m, _ := v.(map[string]any)
	return m
}

// objects lists the objects of a list.
func objects(v any) []map[string]any {
	var found []map[string]any
	list, _ := v.([]any)
	for _, entry := range list {
		if m := object(entry); m != nil {
			found = append(found, m)
		}
	}
	return found
}

func number64(v any) float64 {
	if n := reflect.ValueOf(v); n.IsValid() && n.CanFloat() {
		return n.Float()
	}
	return -1
}
