package dashboards

import (
	"encoding/json"
	"errors"
	"go/ast"
	gobuild "go/build"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/watchtower-hub/watchtower/rules"
)

func TestGeneratedDashboardsHaveNoFault(t *testing.T) {
	for name, in := range map[string]Input{"sample": sample(), "nothing": {}, "without an address": {Objectives: sample().Objectives}} {
		ds := build(t, in)
		if err := errors.Join(LintAll(ds), CheckFormat(ds)); err != nil {
			t.Errorf("%s:\n%v", name, err)
		}
	}
}

func TestLint(t *testing.T) {
	at := func(d map[string]any, title string) map[string]any {
		for _, p := range objects(d["panels"]) {
			if p["title"] == title {
				return p
			}
		}
		t.Fatalf("there is no panel %s", title)
		return nil
	}
	query := func(d map[string]any) map[string]any { return objects(at(d, "Budget left")["targets"])[0] }
	for name, c := range map[string]struct {
		spoil func(map[string]any)
		want  string
	}{
		"a key Grafana does not know":   {func(d map[string]any) { d["refrsh"] = "30s" }, "does not fit Grafana's format"},
		"a value of another type":       {func(d map[string]any) { d["editable"] = "no" }, "does not fit Grafana's format"},
		"a setting that panel lacks":    {func(d map[string]any) { object(at(d, "Budget left")["options"])["grphMode"] = "area" }, "does not fit Grafana's format"},
		"another UID":                   {func(d map[string]any) { d["uid"] = "x" }, "the UID in the JSON is x"},
		"another title":                 {func(d map[string]any) { d["title"] = "" }, "the title in the JSON is"},
		"an id":                         {func(d map[string]any) { d["id"] = 7 }, "it has an id"},
		"no version":                    {func(d map[string]any) { delete(d, "version") }, "it has no version"},
		"another schema":                {func(d map[string]any) { d["schemaVersion"] = 41 }, "its schemaVersion is 41"},
		"without our tag":               {func(d map[string]any) { d["tags"] = []any{tag} }, "it lacks the tag watchtower-generated"},
		"null":                          {func(d map[string]any) { at(d, "Budget left")["options"] = nil }, "/panels/1/options is null"},
		"no title of a panel":           {func(d map[string]any) { at(d, "Budget left")["title"] = " " }, "a stat has no title"},
		"no id of a panel":              {func(d map[string]any) { at(d, "Budget left")["id"] = 0 }, "its id 0 is 0 or that of"},
		"an id twice":                   {func(d map[string]any) { at(d, "Budget left")["id"] = at(d, "Burn rate now")["id"] }, `or that of "Budget left"`},
		"no place":                      {func(d map[string]any) { delete(at(d, "Budget left"), "gridPos") }, "outside of the grid"},
		"too far right":                 {func(d map[string]any) { object(at(d, "Budget left")["gridPos"])["x"] = 21 }, "outside of the grid"},
		"one upon the other":            {func(d map[string]any) { at(d, "Budget left")["gridPos"] = at(d, "Burn rate now")["gridPos"] }, `it lies upon "Budget left"`},
		"an empty row":                  {func(d map[string]any) { d["panels"] = d["panels"].([]any)[:1] }, "the row has no panels"},
		"a collapsed row without panel": {func(d map[string]any) { objects(d["panels"])[0]["collapsed"] = true }, "the row has no panels"},
		"an open row that holds panels": {func(d map[string]any) { objects(d["panels"])[0]["panels"] = d["panels"].([]any)[1:2] }, "the row is open"},
		"no description":                {func(d map[string]any) { delete(at(d, "Budget left"), "description") }, "does not say what it shows"},
		"half a description":            {func(d map[string]any) { at(d, "Budget left")["description"] = "x\n\n**Normal:** y" }, "**Otherwise:**"},
		"no query":                      {func(d map[string]any) { at(d, "Budget left")["targets"] = []any{} }, "it is empty: it has no query"},
		"no PromQL":                     {func(d map[string]any) { query(d)["expr"] = "sum(" }, "query A is no PromQL: sum("},
		"no letter":                     {func(d map[string]any) { delete(query(d), "refId") }, "the letter \"\" of a query"},
		"a data source of its own":      {func(d map[string]any) { object(query(d)["datasource"])["uid"] = "prom" }, "does not follow the variable"},
		"an unknown variable":           {func(d map[string]any) { query(d)["expr"] = `up{job=~"$job"}` }, `panel "Budget left" uses the variable job, which is not defined`},
		"an unknown unit": {func(d map[string]any) {
			object(object(at(d, "Budget left")["fieldConfig"])["defaults"])["unit"] = "percnt"
		}, "Grafana knows no unit percnt"},
		"a link to nowhere":         {func(d map[string]any) { objects(at(d, "Budget left")["links"])[0]["url"] = "watchtower.example" }, "neither an address nor a path"},
		"a link without a title":    {func(d map[string]any) { objects(at(d, "Budget left")["links"])[0]["title"] = "" }, "a link has no title"},
		"a list of every dashboard": {func(d map[string]any) { objects(d["links"])[0]["tags"] = []any{} }, "it lists every dashboard"},
		"no orientation":            {func(d map[string]any) { object(at(d, "Budget left")["options"])["orientation"] = "" }, `its orientation is ""`},
		"two that are alike": {func(d map[string]any) {
			twin := object(jsonCopy(t, at(d, "Budget left")))
			twin["id"], object(twin["gridPos"])["y"] = 4711, 900
			d["panels"] = append(d["panels"].([]any), twin)
		}, "another panel has the same title and shows the same"},
		"a variable nobody uses": {func(d map[string]any) {
			list := object(d["templating"])["list"].([]any)
			more := object(jsonCopy(t, list[0]))
			more["name"] = "region"
			object(d["templating"])["list"] = append(list, more)
		}, "the variable region is not used"},
		"a variable twice": {func(d map[string]any) {
			list := object(d["templating"])["list"].([]any)
			object(d["templating"])["list"] = append(list, jsonCopy(t, list[0]))
		}, `the name "datasource" of a variable is empty or given twice`},
	} {
		t.Run(name, func(t *testing.T) {
			d := find(t, build(t, sample()), "wt-svc-share")
			var content map[string]any
			if err := json.Unmarshal(d.JSON, &content); err != nil {
				t.Fatal(err)
			}
			c.spoil(content)
			raw, err := json.Marshal(content)
			if err != nil {
				t.Fatal(err)
			}
			d.JSON = raw
			if err := errors.Join(Lint(d), CheckFormat([]Dashboard{d})); err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "dashboard wt-svc-share") {
				t.Errorf("got %v, want %s", err, c.want)
			}
		})
	}
}

func jsonCopy(t *testing.T, v any) any {
	t.Helper()
	raw, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	var out any
	if err := json.Unmarshal(raw, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// A service may have a name that Grafana would take for one of its variables.
func TestNamesAreNoVariables(t *testing.T) {
	in := Input{Objectives: []rules.Objective{objective("$datasource", "${datasource}", 0.99, 28*day)}}
	ds := build(t, in)
	if err := LintAll(ds); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(ds, func(d Dashboard) bool { return strings.HasPrefix(d.UID, servicePfx) })
	for _, p := range grafana(t, ds[i]).Panels {
		if p.Panel == nil {
			continue
		}
		for _, target := range p.Panel.Targets {
			if expr := query1(t, target).Expr; strings.Contains(expr, "datasource") == strings.Contains(expr, "$datasource") {
				t.Errorf("Grafana would put a variable into %s", expr)
			}
		}
	}
}

func BenchmarkLint(b *testing.B) {
	ds, err := Build(sample())
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if err := LintAll(ds); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(b.N*len(ds)), "µs/dashboard")
}

func TestLintOfWhatIsNoDashboard(t *testing.T) {
	if err := Lint(Dashboard{UID: "x", JSON: []byte("{")}); err == nil || !strings.Contains(err.Error(), "dashboard x is no JSON") {
		t.Errorf("got %v", err)
	}
	d := build(t, sample())[0]
	if err := LintAll([]Dashboard{d, d}); err == nil || !strings.Contains(err.Error(), "share the UID") {
		t.Errorf("got %v", err)
	}
}

func TestInterpolate(t *testing.T) {
	values := map[string]string{"job": "share"}
	for text, want := range map[string]string{
		`rate(x{job="$job", a="${job:regex}", b="[[job]]"}[$__rate_interval])`: `rate(x{job="share", a="share", b="share"}[5m])`,
		`x[$__range] + $__interval_ms`:                                         `x[6h] + 60000`,
		`/d/x?from=${__from}&v=${__value.raw}`:                                 `/d/x?from=x&v=x`,
		`a$`:                                                                   `a$`,
		`x{a=~"b$"}`:                                                           `x{a=~"b$"}`,
	} {
		if got := Interpolate(text, values); got != want {
			t.Errorf("%s becomes %s, want %s", text, got, want)
		}
	}
}

// The list of units is the SDK's; -update writes it anew.
func TestUnitsAreTheSDKs(t *testing.T) {
	found, err := packageDir("github.com/grafana/grafana-foundation-sdk/go/units")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(found, "*.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("the SDK's units are not in %s: %v", found, err)
	}
	var ids []string
	for _, name := range files {
		parsed, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(parsed, func(n ast.Node) bool {
			if c, is := n.(*ast.ValueSpec); is && len(c.Values) == 1 {
				if text, err := strconv.Unquote(c.Values[0].(*ast.BasicLit).Value); err == nil {
					ids = append(ids, text)
				}
			}
			return true
		})
	}
	slices.Sort(ids)
	want := strings.Join(slices.Compact(ids), "\n") + "\n"
	if *update {
		if err := os.WriteFile("units.txt", []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if unitList != want {
		t.Error("units.txt is not the SDK's list; go test -update writes it anew")
	}
}

func packageDir(path string) (string, error) {
	pkg, err := gobuild.Import(path, ".", gobuild.FindOnly)
	if err != nil {
		return "", err
	}
	return pkg.Dir, nil
}

func TestKnownUnit(t *testing.T) {
	for unit, want := range map[string]bool{"s": true, "percentunit": true, "suffix:x": true, "suffix:": false, "": false, "seconds": false, "si:B": true} {
		if knownUnit(unit) != want {
			t.Errorf("%q: known %v, want %v", unit, !want, want)
		}
	}
}
