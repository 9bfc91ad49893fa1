package dashboards

import (
	"encoding/json"
	"errors"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// toldPanel fills in what every panel has to say.
func toldPanel(title string, k Kind, exprs ...string) Panel {
	p := Panel{Title: title, Kind: k, Shows: "What " + title + " shows.", Normal: "low.", Act: "look."}
	for i, expr := range exprs {
		p.Queries = append(p.Queries, Query{Expr: expr, Legend: string(rune('a' + i))})
	}
	return p
}

// extras has every kind of panel, on a service's dashboard and on one of its own.
func extras() []Extra {
	fill := toldPanel("Pool in use", Gauge, `max by (instance) (used / size)`)
	fill.Unit, fill.Thresholds = Ratio, &Thresholds{Watch: 0.8, Bad: 0.95}
	hits := toldPanel("Hit ratio", Lines, `rate(hits_total[$__rate_interval]) / rate(gets_total[$__rate_interval])`, "vector(1)")
	hits.Unit, hits.Thresholds, hits.Line, hits.Row = Ratio, &Thresholds{Watch: 0.9, Bad: 0.5}, true, "Cache"
	hits.Min, hits.Max = new(0.0), new(1.0)
	depth := toldPanel("Backlog by queue", Bars, `sum by (queue) (backlog)`)
	depth.Queries[0].Legend = "{{queue}}"
	one := toldPanel("Largest tables", Table, `topk(5, max by (relation) (size_bytes))`)
	one.Unit, one.Thresholds = Bytes, &Thresholds{Watch: 1e9, Bad: 1e10}
	text := toldPanel("Who to ask", Text)
	text.Content = "The team *data*."
	last := toldPanel("Queue", Figure, `sum(backlog)`)
	last.Row, last.Key, last.Width = "Cache", "now", 4
	board := Extra{
		Board: &Board{UID: "kit-cache", Title: "Cache", Description: "Does the cache hold?", Tags: []string{"watchtower-kit", "memory"}},
		Panels: []Panel{
			hits, one, toldPanel("Sizes and rows", Table, "max by (relation) (size_bytes)", "max by (relation) (live_rows)"),
			toldPanel("How long it takes", Heatmap, `sum by (le) (increase(took_seconds_bucket[$__rate_interval]))`), text, last,
		},
	}
	return []Extra{board, {Service: "share", Panels: []Panel{fill, depth}}, {Service: "mail", Panels: []Panel{hits}}}
}

func TestExtrasGolden(t *testing.T) {
	in := sample()
	in.Extras = extras()
	ds := build(t, in)
	golden(t, "kit-cache.golden.txt", outlineOf(t, find(t, ds, "kit-cache")))
	// What a service had stays as it was, and the panels follow it.
	before, after := outlineOf(t, find(t, build(t, sample()), "wt-svc-share")), outlineOf(t, find(t, ds, "wt-svc-share"))
	added, kept := strings.CutPrefix(after, before)
	if !kept || !strings.HasPrefix(added, "\n=== More\n\nPool in use [gauge, 6 x 6 at 0, ") || !strings.Contains(added, "\nBacklog by queue [bargauge, 12 x 8 at 6, ") {
		t.Errorf("share got these panels:\n%s", added)
	}
	if err := errors.Join(LintAll(ds), CheckFormat(ds)); err != nil {
		t.Error(err)
	}
	for _, d := range inV2(t, ds) {
		specOf(t, d)
	}
	find(t, ds, "wt-svc-mail") // A service that is known by its panels alone.
}

// The SDK leaves orientations empty, which Grafana takes for a fault.
func TestKindsAreWhole(t *testing.T) {
	in := Input{Extras: extras()}
	for uid, want := range map[string][]string{
		"wt-svc-share": {`"orientation": "auto"`, `"orientation": "horizontal"`, `"max": 1`},
		"kit-cache":    {`"layout": "auto"`, `"format": "heatmap"`, `"axisPlacement": "left"`},
	} {
		d := find(t, build(t, in), uid)
		for _, fragment := range want {
			if !strings.Contains(string(d.JSON), fragment) {
				t.Errorf("%s has no %s", uid, fragment)
			}
		}
		if strings.Contains(string(d.JSON), `"orientation": ""`) {
			t.Errorf("%s has an empty orientation", uid)
		}
	}
}

// A table's number has another name when it is the only one.
func TestTableNames(t *testing.T) {
	d := find(t, build(t, Input{Extras: extras()}), "kit-cache")
	var parsed struct {
		Panels []struct {
			Title           string
			Transformations []struct {
				ID      string
				Options struct{ RenameByName, IndexByName map[string]any }
			}
		}
	}
	if err := json.Unmarshal(d.JSON, &parsed); err != nil {
		t.Fatal(err)
	}
	got := map[string][]string{}
	for _, p := range parsed.Panels {
		for _, tr := range p.Transformations {
			if tr.ID == "organize" {
				got[p.Title] = slices.Sorted(maps.Keys(tr.Options.RenameByName))
				if len(tr.Options.IndexByName) > 0 {
					t.Errorf("%s moves the labels behind its numbers: %v", p.Title, tr.Options.IndexByName)
				}
			}
		}
	}
	want := map[string][]string{"Largest tables": {"Value"}, "Sizes and rows": {"Value #A", "Value #B"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestThresholdSteps(t *testing.T) {
	colors := func(watch, bad float64) string {
		var words []string
		for _, s := range (&Thresholds{Watch: watch, Bad: bad}).steps() {
			at := "below"
			if s.from != nil {
				at = number(*s.from)
			}
			words = append(words, at+" "+map[string]string{colorGood: "good", colorWatch: "watch", colorBad: "bad"}[s.color])
		}
		return strings.Join(words, ", ")
	}
	for got, want := range map[string]string{
		colors(80, 95):    "below good, 80 watch, 95 bad",
		colors(0.9, 0.75): "below bad, 0.75 watch, 0.9 good",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

const panelFile = `
service: share
panels:
  - title: Posts waiting
    kind: gauge
    shows: Posts that wait.
    normal: few.
    act: start workers.
    queries: [{expr: sum(waiting)}]
    thresholds: {watch: 100, bad: 500}
    max: 1000
`

func TestParseExtra(t *testing.T) {
	got, err := ParseExtra("boards/share.yaml", []byte(panelFile))
	if err != nil {
		t.Fatal(err)
	}
	want := Extra{Service: "share", File: "boards/share.yaml", Line: 2, Panels: []Panel{{
		Title: "Posts waiting", Kind: Gauge, Shows: "Posts that wait.", Normal: "few.", Act: "start workers.",
		Queries: []Query{{Expr: "sum(waiting)"}}, Thresholds: &Thresholds{Watch: 100, Bad: 500}, Max: new(1000.0),
	}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// The examples of the documentation are ones that can be copied.
func TestDocsExamples(t *testing.T) {
	text, err := os.ReadFile("../docs/dashboards.md")
	if err != nil {
		t.Fatal(err)
	}
	read := 0
	for i, part := range strings.Split(string(text), "```yaml\n")[1:] {
		example, _, _ := strings.Cut(part, "```")
		if !strings.Contains(example, "panels:") {
			continue
		}
		if _, err := ParseExtra("docs/dashboards.md", []byte(example)); err != nil {
			t.Errorf("example %d: %v", i+1, err)
		}
		read++
	}
	if read < 2 {
		t.Errorf("%d examples were read", read)
	}
}

func TestBoardTags(t *testing.T) {
	for want, given := range map[string][]string{
		"watchtower-board": nil, "watchtower-board memory": {"memory"}, "memory watchtower-kit": {"memory", "watchtower-kit"},
	} {
		if got := strings.Join(Board{Tags: given}.tags(), " "); got != want {
			t.Errorf("%v becomes %q, want %q", given, got, want)
		}
	}
}

// Every fault of a file is told at once, each with its line.
func TestExtraFaults(t *testing.T) {
	const text = `service: share
hue: red
panels:
  - title: One
    kind: donut
    shows: x
    unit: parsecs
    queries:
      - {expr: "sum(rate(a[5m]))", legend: a}
      - expr: sum(rate(b[5m])
      - {expr: "b[5m]", legend: c}
      - {expr: "rate(b[$every])", legend: d}
    thresholds: {watch: 3, bad: 3}
    line: true
    width: 30
    height: tall
  - title: One
    shows: [a]
    normal: x
    act: x
    content: words
  - {title: Dial, shows: x, normal: x, act: x, kind: gauge, queries: [{expr: up}]}
  - title: Words
    shows: x
    normal: x
    act: x
    kind: text
    queries: [{expr: up}]
  - {title: "Доля", shows: x, normal: x, act: x, min: 2, max: 1, queries: [{expr: up}]}
board: {uid: wt-mine}
`
	_, err := ParseExtra("f.yaml", []byte(text))
	want := `f.yaml:2: unknown key "hue": remove it or correct its name (docs/dashboards.md lists all keys)
f.yaml:16: "tall" cannot stand here: it takes a whole number
f.yaml:18: a list cannot stand here: it takes text
f.yaml:1: give service or board, not both: a file adds to one dashboard
f.yaml:4: panel "One": normal is missing: say what is normal
f.yaml:4: panel "One": act is missing: say what to do when it is not normal
f.yaml:5: panel "One": kind "donut" is not known: it is one of lines, figure, gauge, bars, table, heatmap, text
f.yaml:7: panel "One": unit "parsecs" is not known: it is one of count, ratio, percent, bytes, bytes_per_second, seconds, milliseconds, per_second, requests_per_second, times, number
f.yaml:13: panel "One": thresholds: watch and bad have to be two different numbers; a watch above bad means that falling is bad
f.yaml:14: panel "One": line draws thresholds into lines: give thresholds and kind lines, or leave it out
f.yaml:15: panel "One": width is 30: a line has 24 columns
f.yaml:10: panel "One": query 2 is not PromQL: 1:16: parse error: unclosed left parenthesis
f.yaml:10: panel "One": query 2 has no legend: with several queries each needs a name
f.yaml:11: panel "One": query 3 gives a matrix: write one that gives a number at each moment, for example rate(…)
f.yaml:12: panel "One": query 4 has the variable $every, which no dashboard has: of variables only Grafana's own for time are known, such as $__rate_interval
f.yaml:21: panel "One": only kind text has content: leave it out
f.yaml:17: panel "One": panel 1 of the same row has the key one too: give one of them another key
f.yaml:22: panel "Dial": max is missing: a gauge shows how full something is (for the units ratio and percent it is known)
f.yaml:28: panel "Words": a text has no queries: leave them out, or choose another kind
f.yaml:23: panel "Words": content is missing: write the text, in Markdown
f.yaml:29: panel "Доля": key is missing, and the title has no letters a-z or digits to make it of: give one
f.yaml:29: panel "Доля": max is 1 and min 2: max has to be the larger one`
	if err == nil {
		t.Fatal("no fault was found")
	}
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestExtraForms(t *testing.T) {
	for text, want := range map[string]string{
		"":                              "f.yaml:1: the file is empty",
		"# nothing":                     "f.yaml:1: the file is empty",
		"service: a\npanels: ":          "f.yaml:2: there are no panels",
		"panels: []":                    "f.yaml:1: name whose dashboard gets the panels",
		"a: [":                          "f.yaml:1: ",
		"just words":                    "f.yaml:1: ",
		panelFile + "---\n" + panelFile: "f.yaml:12: a second YAML document begins here",
		"service: a\nservice: b\n":      "f.yaml:2: key \"service\" stands here a second time, first on line 1: keep one",
		"board: {tags: [ok, watchtower-service]}": "f.yaml:1: tag \"watchtower-service\": use a-z",
		"board: {uid: a/b}":                       "f.yaml:1: uid \"a/b\" cannot be an address",
	} {
		_, err := ParseExtra("f.yaml", []byte(text))
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// What only shows between files: a board's address and a panel's key are taken once.
func TestReadExtras(t *testing.T) {
	dir := t.TempDir()
	const board = "board: {uid: mine, title: Mine, description: All mine}\n"
	panels := panelFile[strings.Index(panelFile, "panels:"):]
	for name, text := range map[string]string{
		"a.yaml": panelFile, "b.yaml": panelFile, "c.yaml": board + panels, "d.yaml": board + panels, "e.yaml": "service: other\n" + panels,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	extras, err := ReadExtras([]string{filepath.Join(dir, "*.yaml"), filepath.Join(dir, "none*"), filepath.Join(dir, "gone.yaml")})
	want := `DIR/gone.yaml: no such file: correct the path or remove it (file does not exist)
DIR/b.yaml:4: panel "Posts waiting": DIR/a.yaml has one with the key posts-waiting in the same row: give this one another key
DIR/d.yaml:1: uid mine is taken by DIR/c.yaml: choose another`
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("%v", err)
	}
	if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), dir, "DIR")); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
	if len(extras) != 5 {
		t.Errorf("%d files were read, want 5", len(extras))
	}
}

func TestBuildRefusesBadExtras(t *testing.T) {
	bad := extras()
	bad[0].Panels[0].Queries[0].Expr, bad[1].Panels[0].Act = "sum(", ""
	_, err := Build(Input{Extras: append(bad, bad[0])})
	for _, want := range []string{
		`board kit-cache: panel "Hit ratio": query 1 is not PromQL`, `extra panels of service share: panel "Pool in use": act is missing`, "uid kit-cache is taken",
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %s", err, want)
		}
	}
}

func FuzzParseExtra(f *testing.F) {
	f.Add(panelFile)
	f.Add("board: &b {uid: a}\npanels: [*b, {<<: *b}]")
	f.Fuzz(func(t *testing.T, text string) {
		x, err := ParseExtra("f.yaml", []byte(text))
		if err != nil {
			return
		}
		if _, err := Build(Input{Extras: []Extra{x}}); err != nil {
			t.Errorf("read without fault, and refused: %v\n%s", err, text)
		}
	})
}
