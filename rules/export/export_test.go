package export

import (
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

const day = 24 * time.Hour

// share is the objective most tests are about.
func share(edit ...func(*rules.Objective)) rules.Objective {
	o := rules.Objective{
		ID: "share-requests", Service: "share", SLO: "requests", Promise: "Sharing a post works", Team: "growth",
		Target: 0.999, Period: 30 * day, MinBadEvents: 3, Labels: map[string]string{"owner": "growth"},
		SLI: rules.SLI{
			ErrorQuery: `sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total{job="share"}[{{.window}}]))`,
		},
		Alerting: rules.Alerting{Name: "ShareBroken"},
	}
	for _, f := range edit {
		f(&o)
	}
	return o
}

// kinds are objectives of every kind there is.
func kinds() []rules.Objective {
	named := func(name string, edit func(*rules.Objective)) rules.Objective {
		return share(edit, func(o *rules.Objective) { o.ID, o.SLO = "share-"+name, name })
	}
	queries := func(o *rules.Objective, bad, total string) { o.SLI = rules.SLI{ErrorQuery: bad, TotalQuery: total} }
	return []rules.Objective{
		named("groups", func(o *rules.Objective) {
			o.GroupBy, o.MaxGroups = []string{"route", "method"}, 100
			queries(o, `sum by (route) (rate(r_total{code=~"5..|429"}[{{.window}}]))`, `sum(rate(r_total[{{.window}}]))`)
		}),
		named("latency", func(o *rules.Objective) {
			o.Target = 0.99
			queries(o, `sum(rate(d_seconds_count[{{.window}}])) - sum(rate(d_seconds_bucket{le=~"0.25|0.250"}[{{ .window }}]))`, `sum(rate(d_seconds_count[{{.window}}]))`)
		}),
		named("summands", func(o *rules.Objective) {
			o.Confidence, o.Period = 0.98, 7*day
			o.Alerting.BudgetSpent = []float64{0.9, 0.5, 0.75}
			o.Alerting.GoneWithin = []time.Duration{day, 6 * time.Hour}
			o.Alerting.NoTrafficFor = 5 * time.Minute
			o.Meaning = "Nobody sees what the others {{post}}"
			queries(o, `sum(increase(e{why!="user"}[{{.window}}])) + sum(increase(f[{{.window}}]))`, `sum(increase(e[{{.window}}])) + sum(increase(f[{{.window}}]))`)
		}),
		named("native", func(o *rules.Objective) {
			o.Target = 0.99
			queries(o, `sum(histogram_count(rate(h[{{.window}}]))) - histogram_fraction(0, 0.25, sum(rate(h[{{.window}}]))) * histogram_count(sum(rate(h[{{.window}}])))`, `sum(histogram_count(rate(h[{{.window}}])))`)
		}),
		named("gauge", func(o *rules.Objective) {
			o.Target = 0.98
			queries(o, `sum(count_over_time(up[{{.window}}])) - sum(sum_over_time(up[{{.window}}]))`, `sum(count_over_time(up[{{.window}}]))`)
		}),
		named("raw", func(o *rules.Objective) {
			o.MinBadEvents, o.SLI = 0, rules.SLI{ErrorRatioQuery: `sum(rate(a[{{.window}}])) / sum(rate(b[{{.window}}]))`}
		}),
		named("slices", func(o *rules.Objective) {
			o.MinBadEvents, o.Target, o.Budgeting = 0, 0.99, rules.Budgeting{Method: rules.Timeslices, Slice: 5 * time.Minute, SliceTarget: 0.95}
		}),
		named("ratio-slices", func(o *rules.Objective) {
			o.MinBadEvents, o.Target, o.Budgeting = 0, 0.99, rules.Budgeting{Method: rules.RatioTimeslices, Slice: time.Minute}
		}),
		named("month", func(o *rules.Objective) {
			o.Period, o.Calendar = 31*day, &rules.Calendar{Unit: rules.Month, Count: 1}
			o.Alerting.Page.Disabled = true
		}),
		named("own-windows", func(o *rules.Objective) {
			o.Alerting.Pairs = []rules.Pair{{Severity: rules.Page, Long: 30 * time.Minute, Short: 3 * time.Minute, Factor: 20}}
			o.Alerting.Lost = rules.Off
		}),
	}
}

func build1(t *testing.T, o rules.Objective, opts Options) []File {
	t.Helper()
	files, _, err := Build([]rules.Objective{o}, opts)
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// promtool runs Debian's program as users do.
func promtool(t *testing.T, args ...string) (string, error) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "promtool", args...).CombinedOutput()
	return string(out), err
}

func writeAll(t *testing.T, files []File) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "tests"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.Name), f.Content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestPromtool lets promtool check the rules of every kind of objective, and run the
// unit tests that come with them.
func TestPromtool(t *testing.T) {
	for _, o := range kinds() {
		t.Run(o.SLO, func(t *testing.T) {
			t.Parallel()
			opts := Options{Tests: true, ExternalURL: "http://localhost:9911/"}
			if o.Period >= 30*day && o.Alerting.Pairs == nil && o.Budgeting.Slice == 0 {
				opts.ScrapeInterval = time.Minute // Longer steps, so fewer of them.
			}
			files := build1(t, o, opts)
			dir := writeAll(t, files)
			if out, err := promtool(t, "check", "rules", "--lint=all", "--lint-fatal", filepath.Join(dir, files[0].Name)); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			if out, err := promtool(t, "test", "rules", filepath.Join(dir, files[1].Name)); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// TestStories says which stories each kind is tested by.
func TestStories(t *testing.T) {
	want := map[string][]string{
		"groups":       {"quiet", "a fast", "a slow", "a campaign", "telemetry"},
		"latency":      {"quiet", "a fast", "a slow", "a campaign", "telemetry"},
		"summands":     {"quiet", "a fast", "a slow", "a campaign", "telemetry", "users", "the budget"},
		"native":       {"quiet", "a fast", "a slow", "a campaign", "telemetry"},
		"gauge":        {"quiet", "a fast", "a slow", "a campaign", "telemetry"},
		"raw":          {"quiet", "a fast", "a slow", "telemetry"},
		"slices":       {"quiet", "a fast", "a slow", "telemetry"},
		"ratio-slices": {"quiet", "a fast", "a slow", "telemetry"},
		"month":        {"quiet", "a fast", "a slow", "telemetry"},
		"own-windows":  {"quiet", "a fast", "a campaign", "telemetry"},
	}
	for _, o := range kinds() {
		var unit unitFile
		if err := yaml.Unmarshal(build1(t, o, Options{Tests: true})[1].Content, &unit); err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, u := range unit.Tests {
			got = append(got, u.Name)
		}
		if !slices.EqualFunc(got, want[o.SLO], strings.HasPrefix) {
			t.Errorf("%s is tested by %q, want %q", o.SLO, got, want[o.SLO])
		}
	}
}

// TestStoriesCanFail breaks the rules one way after the other: a unit test that would
// pass all the same is worth nothing.
func TestStoriesCanFail(t *testing.T) {
	o := share(func(o *rules.Objective) {
		o.Alerting.NoTrafficFor = 5 * time.Minute
		o.Alerting.BudgetSpent = []float64{0.5, 0.75}
	})
	for _, c := range []struct{ name, story, from, to string }{
		{"a lower factor of the page", "a fast", ">= 0.0144", ">= 0.01"},
		{"a page that is too eager", "a slow", ">= 0.006 ", ">= 0.0006 "},
		{"no volume", "a campaign", "{sloth_id=\"share-requests\"} >= 3600", "{sloth_id=\"share-requests\"} >= 1e15"},
		{"another share", "a campaign", "0.02 *", "0.04 *"},
		{"below the target", "quiet", ">= 0.0", ">= 0.8 * 0.0"},
		{"resolved by blindness", "telemetry", `alertstate="firing"`, `alertstate="pending"`},
		{"silence unheard", "telemetry", "> 0) unless", "> 1e15) unless"},
		{"silence heard too soon", "telemetry", "[1m30s]", "[30s]"},
		{"damped too long", "a fast", "keep_firing_for: 1m\n", "keep_firing_for: 5m\n"},
		{"another sentence", "a fast", "requests fail", "requests break"},
		{"another number", "a fast", "with printf \"slo:current", "with printf \"2 * slo:current"},
		{"another limit", "the budget", ">= 0.75", ">= 0.95"},
		{"never idle", "users", "<= 0.000001 and", "<= -1 and"},
		{"idle for ever", "users", "unless on (sloth_id) (sum", "unless on (sloth_id) (-sum"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := build1(t, o, Options{Tests: true})
			broken := strings.ReplaceAll(flat(t, files[0]), c.from, c.to)
			if broken == flat(t, files[0]) {
				t.Fatalf("%q is not in the rules", c.from)
			}
			files[0].Content = []byte(broken)
			var unit unitFile
			if err := yaml.Unmarshal(files[1].Content, &unit); err != nil {
				t.Fatal(err)
			}
			unit.Tests = slices.DeleteFunc(unit.Tests, func(u unitTest) bool { return !strings.HasPrefix(u.Name, c.story) })
			files[1].Content, _ = yaml.Marshal(unit)
			dir := writeAll(t, files)
			if out, err := promtool(t, "check", "rules", filepath.Join(dir, files[0].Name)); err != nil {
				t.Fatalf("%v\n%s", err, out)
			}
			if out, err := promtool(t, "test", "rules", filepath.Join(dir, files[1].Name)); err == nil || !strings.Contains(out, "FAILED") {
				t.Errorf("the unit test passes: %v\n%s", err, out)
			}
		})
	}
}

// flat returns a file of rules with each expression in a line.
func flat(t *testing.T, f File) string {
	t.Helper()
	var doc struct {
		Groups []group `yaml:"groups"`
	}
	if err := yaml.Unmarshal(f.Content, &doc); err != nil {
		t.Fatal(err)
	}
	for _, g := range doc.Groups {
		for i := range g.Rules {
			g.Rules[i].Expr = strings.Join(strings.Fields(g.Rules[i].Expr), " ")
		}
	}
	b, err := yaml.Marshal(doc)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// TestGolden keeps what is exported for one objective, an expression a line.
func TestGolden(t *testing.T) {
	o := share(func(o *rules.Objective) {
		o.Calendar = &rules.Calendar{Unit: rules.Month, Count: 1}
	})
	files := build1(t, o, Options{})
	var doc struct{ Groups []group }
	if err := yaml.Unmarshal(files[0].Content, &doc); err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(files[0].Content)) {
		if strings.HasPrefix(line, "#") {
			b.WriteString(line)
		}
	}
	for _, g := range doc.Groups {
		b.WriteString("\n" + g.Name + " (" + g.Interval.String() + ")\n")
		for _, r := range g.Rules {
			b.WriteString(r.Record + r.Alert + ": " + strings.Join(strings.Fields(r.Expr), " ") + "\n")
		}
	}
	const file = "testdata/share.golden.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), b.String()); diff != "" {
		t.Errorf("run the test with -update if this is meant:\n%s", diff)
	}
}

// TestSame: the same objectives give the same files, whatever their order.
func TestSame(t *testing.T) {
	list := kinds()
	one, _, err := Build(list, Options{Tests: true})
	if err != nil {
		t.Fatal(err)
	}
	slices.Reverse(list)
	two, _, err := Build(list, Options{Tests: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(one, two); diff != "" {
		t.Error(diff)
	}
}

// TestNoDuplicates: one series is recorded by one rule, over all files.
func TestNoDuplicates(t *testing.T) {
	files, _, err := Build(kinds(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for _, f := range files {
		var doc struct{ Groups []group }
		if err := yaml.Unmarshal(f.Content, &doc); err != nil {
			t.Fatal(err)
		}
		for _, g := range doc.Groups {
			if len(g.Rules) > mostRules {
				t.Errorf("%s: the group %s has %d rules", f.Name, g.Name, len(g.Rules))
			}
			for _, r := range g.Rules {
				key, _ := yaml.Marshal([]any{r.Record, r.Alert, r.Labels})
				if seen[string(key)] {
					t.Errorf("%s is recorded twice", key)
				}
				seen[string(key)] = true
			}
		}
	}
}

// TestRefused: what PromQL cannot express is refused in a sentence, or left out.
func TestRefused(t *testing.T) {
	member := share(func(o *rules.Objective) { o.ID, o.Parent = "share:a", "share" })
	brief := share(func(o *rules.Objective) { o.Period = time.Hour })
	mixed := share(func(o *rules.Objective) {
		o.SLI.ErrorQuery = `sum(rate(a[{{.window}}])) + sum(increase(b[{{.window}}]))`
	})
	slice := share(func(o *rules.Objective) {
		o.Budgeting = rules.Budgeting{Method: rules.Timeslices, Slice: time.Minute, SliceTarget: 0.9}
	})
	for _, c := range []struct {
		o     rules.Objective
		every time.Duration
		want  string
	}{
		{member, 0, "group of share: export that one"},
		{brief, time.Hour, "no window of its period of 1h holds four samples of one every 1h"},
		{share(), 5 * time.Minute, "samples every 5m are too rare for rules, which look back five minutes: scrape at least every 2m"},
		{mixed, 0, "mixes functions of different units (increase, rate)"},
		{slice, time.Minute, "slices of 1m cannot be divided into steps of two or more samples that come every 1m"},
	} {
		_, _, err := Build([]rules.Objective{c.o}, Options{ScrapeInterval: c.every})
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got %v, want %s", err, c.want)
		}
		files, skipped, err := Build([]rules.Objective{c.o, share()}, Options{ScrapeInterval: c.every, Skip: true})
		if err != nil || len(skipped) == 0 || !strings.Contains(skipped[0], c.want) {
			t.Errorf("skipped %q, %v", skipped, err)
		}
		if c.every == 0 && len(files) != 1 {
			t.Errorf("%d files", len(files))
		}
	}
	// A pair that is too short for the samples is left out, and the file says so.
	if files := build1(t, share(), Options{ScrapeInterval: 2 * time.Minute}); !strings.Contains(string(files[0].Content), "# The page on 1h and 5m is left out") {
		t.Errorf("%s", files[0].Content)
	}
}
