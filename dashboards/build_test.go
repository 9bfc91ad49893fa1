package dashboards

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/table"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/watchtower-hub/watchtower/rules"
)

var update = flag.Bool("update", false, "write the golden files anew")

func objective(service, slo string, target float64, period time.Duration) rules.Objective {
	return rules.Objective{
		ID: service + "-" + slo, Service: service, SLO: slo, Target: target, Period: period,
		Promise: "Using " + service + " works.",
	}
}

const day = 24 * time.Hour

// sample has an ordinary objective, one over ten minutes, one that is silent,
// and one with a name that is a trial for every kind of quoting.
func sample() Input {
	silent := objective("feed", "fresh", 0.9, 28*day)
	silent.Alerting.Page.Disabled, silent.Alerting.Ticket.Disabled = true, true
	return Input{
		ExternalURL: "https://watchtower.example/",
		Objectives: []rules.Objective{
			objective("share", "availability", 0.999, 28*day),
			objective("share", "latency", 0.99, 10*time.Minute),
			silent,
			objective(`B "q" \d {{x}} $y <é>`, "low", 0.5, 90*day),
		},
		Services: []string{"auth", "share"},
		Playbook: func(labels map[string]string) (string, bool) {
			return "api-" + labels["slo"], labels["slo"] != "fresh"
		},
	}
}

func build(t *testing.T, in Input) []Dashboard {
	t.Helper()
	ds, err := Build(in)
	if err != nil {
		t.Fatal(err)
	}
	return ds
}

func find(t *testing.T, ds []Dashboard, uid string) Dashboard {
	t.Helper()
	i := slices.IndexFunc(ds, func(d Dashboard) bool { return d.UID == uid })
	if i < 0 {
		t.Fatalf("there is no dashboard %s", uid)
	}
	return ds[i]
}

// registerKinds tells the SDK how to read the kinds of panels in use.
func registerKinds() {
	runtime := cog.NewRuntime()
	runtime.RegisterDataqueryVariant(prometheus.VariantConfig())
	runtime.RegisterPanelcfgVariant(timeseries.VariantConfig())
	runtime.RegisterPanelcfgVariant(stat.VariantConfig())
	runtime.RegisterPanelcfgVariant(table.VariantConfig())
	runtime.RegisterPanelcfgVariant(text.VariantConfig())
	runtime.RegisterPanelcfgVariant(gauge.VariantConfig())
	runtime.RegisterPanelcfgVariant(bargauge.VariantConfig())
	runtime.RegisterPanelcfgVariant(heatmap.VariantConfig())
}

// grafana is how Grafana reads a dashboard: every key has to be one it knows.
func grafana(t *testing.T, d Dashboard) dashboard.Dashboard {
	t.Helper()
	registerKinds()
	var parsed dashboard.Dashboard
	if err := json.Unmarshal(d.JSON, &parsed); err != nil {
		t.Fatalf("%s: %v", d.UID, err)
	}
	return parsed
}

func TestBuildLists(t *testing.T) {
	var got []string
	for _, d := range build(t, sample()) {
		got = append(got, d.UID+" | "+d.File+" | "+d.Title)
	}
	want := []string{
		"wt-overview | wt-overview.json | Promises: all objectives",
		"wt-live | wt-live.json | Live: can people use the app?",
		"wt-oncall | wt-oncall.json | On call: alerts and answers",
		"wt-watchtower | wt-watchtower.json | Watchtower itself",
		`wt-svc-b-q-d-x-y-223f5f0791 | wt-svc-b-q-d-x-y-223f5f0791.json | Service B "q" \d {{x}} $y <é>`,
		"wt-svc-auth | wt-svc-auth.json | Service auth",
		"wt-svc-feed | wt-svc-feed.json | Service feed",
		"wt-svc-share | wt-svc-share.json | Service share",
		`wt-slo-b-q-d-x-y--low-848ee98ebd | wt-slo-b-q-d-x-y--low-848ee98ebd.json | Promise B "q" \d {{x}} $y <é>-low`,
		"wt-slo-feed-fresh | wt-slo-feed-fresh.json | Promise feed-fresh",
		"wt-slo-share-availability | wt-slo-share-availability.json | Promise share-availability",
		"wt-slo-share-latency | wt-slo-share-latency.json | Promise share-latency",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

func TestBuildIsDeterministic(t *testing.T) {
	first := build(t, sample())
	turned := sample()
	slices.Reverse(turned.Objectives)
	slices.Reverse(turned.Services)
	for range 3 {
		if diff := cmp.Diff(first, build(t, turned)); diff != "" {
			t.Fatalf("a second run differs:\n%s", diff)
		}
	}
}

// An objective more must not move the ids of the panels that were there.
func TestPanelIDsAreStable(t *testing.T) {
	ids := func(in Input) map[string]uint32 {
		found := map[string]uint32{}
		for _, p := range grafana(t, find(t, build(t, in), "wt-svc-share")).Panels {
			if p.Panel != nil {
				found[*p.Panel.Title+query1(t, p.Panel.Targets[0]).Expr] = *p.Panel.Id
			}
		}
		return found
	}
	before := ids(sample())
	more := sample()
	more.Objectives = append(more.Objectives, objective("share", "a-first-one", 0.99, 28*day))
	after := ids(more)
	if len(after) != len(before)+4 {
		t.Fatalf("%d panels became %d, want four more", len(before), len(after))
	}
	for panel, id := range before {
		if after[panel] != id {
			t.Errorf("panel %s changed its id from %d to %d", panel, id, after[panel])
		}
	}
}

// Every dashboard is what Grafana provisions: nothing it does not know, unique
// ids, panels beside and not upon each other, queries that parse, a description.
func TestDashboardsAreProvisionable(t *testing.T) {
	promql := parser.NewParser(parser.Options{})
	in := sample()
	in.Extras = extras()
	for _, d := range build(t, in) {
		t.Run(d.UID, func(t *testing.T) {
			checkShape(t, d)
			parsed := grafana(t, d)
			var occupied [][4]uint32
			ids := map[uint32]bool{}
			place := func(id uint32, g dashboard.GridPos) {
				if id == 0 || ids[id] {
					t.Errorf("panel id %d is 0 or taken", id)
				}
				ids[id] = true
				if g.W == 0 || g.H == 0 || g.X+g.W > gridWidth {
					t.Errorf("panel %d is at %+v, outside of the grid", id, g)
				}
				for _, o := range occupied {
					if g.X < o[0]+o[2] && o[0] < g.X+g.W && g.Y < o[1]+o[3] && o[1] < g.Y+g.H {
						t.Errorf("panel %d at %+v lies upon another at %v", id, g, o)
					}
				}
				occupied = append(occupied, [4]uint32{g.X, g.Y, g.W, g.H})
			}
			for _, p := range parsed.Panels {
				if p.RowPanel != nil {
					place(p.RowPanel.Id, *p.RowPanel.GridPos)
					if p.RowPanel.Collapsed || len(p.RowPanel.Panels) != 0 {
						t.Errorf("row %q hides its panels", *p.RowPanel.Title)
					}
					continue
				}
				place(*p.Panel.Id, *p.Panel.GridPos)
				checkPanel(t, promql, p.Panel)
			}
		})
	}
}

// checkShape looks at the JSON itself.
func checkShape(t *testing.T, d Dashboard) {
	t.Helper()
	var raw map[string]any
	if err := json.Unmarshal(d.JSON, &raw); err != nil {
		t.Fatal(err)
	}
	if raw["uid"] != d.UID || len(d.UID) > maxUID || raw["schemaVersion"] != 42.0 || raw["version"] != 1.0 || raw["title"] != d.Title {
		t.Errorf("uid %v, schemaVersion %v, version %v, title %v", raw["uid"], raw["schemaVersion"], raw["version"], raw["title"])
	}
	if _, has := raw["id"]; has {
		t.Error("it has an id, which is Grafana's to give")
	}
	nulls(t, "", raw)
	registerKinds()
	var strict dashboard.Dashboard
	if err := strict.UnmarshalJSONStrict(d.JSON); err != nil {
		t.Errorf("Grafana's schema refuses it: %v", err)
	}
	if err := strict.Validate(); err != nil {
		t.Errorf("Grafana's schema refuses it: %v", err)
	}
	if !bytes.HasSuffix(d.JSON, []byte("}\n")) {
		t.Error("there is no line end")
	}
}

// nulls finds keys without value; only a threshold may have one.
func nulls(t *testing.T, path string, v any) {
	t.Helper()
	switch v := v.(type) {
	case map[string]any:
		for key, inner := range v {
			if inner == nil && (key != "value" || v["color"] == nil) {
				t.Errorf("%s/%s is null", path, key)
			}
			nulls(t, path+"/"+key, inner)
		}
	case []any:
		for i, inner := range v {
			nulls(t, fmt.Sprintf("%s/%d", path, i), inner)
		}
	}
}

func checkPanel(t *testing.T, promql parser.Parser, p *dashboard.Panel) {
	t.Helper()
	for _, part := range []string{"**Normal:** ", "**Otherwise:** "} {
		if !strings.Contains(*p.Description, part) || strings.HasPrefix(*p.Description, "\n") {
			t.Errorf("panel %q does not say %s: %s", *p.Title, part, *p.Description)
		}
	}
	if p.Type == "text" {
		return
	}
	if len(p.Targets) == 0 || p.Datasource == nil || *p.Datasource.Uid != "${datasource}" {
		t.Errorf("panel %q has no query or no data source", *p.Title)
	}
	if p.Type != "table" && p.FieldConfig.Defaults.Unit == nil {
		t.Errorf("panel %q has no unit", *p.Title)
	}
	for i, target := range p.Targets {
		q := query1(t, target)
		if q.RefId == nil || *q.RefId != string(rune('A'+i)) || q.Datasource == nil {
			t.Errorf("panel %q: query %d has no letter or no data source", *p.Title, i)
		}
		if _, err := promql.ParseExpr(strings.NewReplacer("$__rate_interval", "5m", "$__range", "1h").Replace(q.Expr)); err != nil {
			t.Errorf("panel %q: %s\n%v", *p.Title, q.Expr, err)
		}
	}
}

func query1(t *testing.T, target any) prometheus.Dataquery {
	t.Helper()
	switch q := target.(type) {
	case prometheus.Dataquery:
		return q
	case *prometheus.Dataquery:
		return *q
	}
	t.Fatalf("a query is a %T", target)
	return prometheus.Dataquery{}
}

// The dashboards as a reviewer reads them.
func TestOutlineGolden(t *testing.T) {
	ds := build(t, sample())
	for _, uid := range []string{"wt-overview", "wt-live", "wt-oncall", "wt-watchtower", "wt-svc-share", "wt-slo-share-availability"} {
		golden(t, uid+".golden.txt", outlineOf(t, find(t, ds, uid)))
	}
}

func outlineOf(t *testing.T, d Dashboard) string {
	t.Helper()
	var b strings.Builder
	parsed := grafana(t, d)
	fmt.Fprintf(&b, "%s (%s), %s, every %s\n%s\n", *parsed.Title, *parsed.Uid, parsed.Time.From, *parsed.Refresh, *parsed.Description)
	fmt.Fprintf(&b, "tags %v\n", parsed.Tags)
	for _, l := range parsed.Links {
		fmt.Fprintf(&b, "link %s %s %v\n", l.Title, deref(l.Url), l.Tags)
	}
	for _, a := range parsed.Annotations.List {
		if a.Expr != nil {
			fmt.Fprintf(&b, "mark %s %s\n", a.Name, *a.Expr)
		}
	}
	for _, p := range parsed.Panels {
		if p.RowPanel != nil {
			fmt.Fprintf(&b, "\n=== %s\n", *p.RowPanel.Title)
			continue
		}
		outline(t, &b, p.Panel)
	}
	return b.String()
}

func outline(t *testing.T, b *strings.Builder, p *dashboard.Panel) {
	t.Helper()
	g := p.GridPos
	fmt.Fprintf(b, "\n%s [%s, %d x %d at %d, %d", *p.Title, p.Type, g.W, g.H, g.X, g.Y)
	if p.FieldConfig != nil && p.FieldConfig.Defaults.Unit != nil {
		fmt.Fprintf(b, ", %s", *p.FieldConfig.Defaults.Unit)
	}
	b.WriteString("]\n")
	for l := range strings.SplitSeq(*p.Description, "\n\n") {
		fmt.Fprintf(b, "  (i) %s\n", l)
	}
	for _, target := range p.Targets {
		q := query1(t, target)
		fmt.Fprintf(b, "  %s %s\n", deref(q.RefId), q.Expr)
		if legend := deref(q.LegendFormat); legend != "" {
			fmt.Fprintf(b, "      as %s\n", legend)
		}
	}
	if p.FieldConfig != nil && p.FieldConfig.Defaults.Thresholds != nil {
		for _, s := range p.FieldConfig.Defaults.Thresholds.Steps {
			from := "below"
			if s.Value != nil {
				from = "from " + number(*s.Value)
			}
			fmt.Fprintf(b, "  %s %s\n", from, s.Color)
		}
	}
	for _, l := range p.Links {
		fmt.Fprintf(b, "  -> %s %s\n", l.Title, deref(l.Url))
	}
}

func deref(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s differs (-want +got); go test -update writes it anew:\n%s", file, diff)
	}
}

func TestNamesOfMetrics(t *testing.T) {
	in := sample()
	in.SpanCalls, in.SpanDuration, in.Datasource = "calls_total", "duration_seconds", "prom"
	content := string(find(t, build(t, in), "wt-svc-share").JSON)
	for _, want := range []string{"rate(calls_total{", "rate(duration_seconds_bucket{", `"text": "prom"`} {
		if !strings.Contains(content, want) {
			t.Errorf("there is no %s", want)
		}
	}
	if strings.Contains(content, "traces_span_metrics") || strings.Contains(content, `"unit": "ms"`) {
		t.Error("the default names are still in use")
	}
	in.SpanCalls = "not a name"
	if _, err := Build(in); err == nil {
		t.Error("a bad metric name was taken")
	}
}

func TestWithoutURLThereAreNoLinks(t *testing.T) {
	in := sample()
	in.ExternalURL = ""
	for _, d := range build(t, in) {
		if bytes.Contains(d.JSON, []byte("/objectives/")) || bytes.Contains(d.JSON, []byte(`"url": "/playbooks`)) {
			t.Errorf("%s links to Watchtower, whose address is not known", d.UID)
		}
	}
}

func TestBuildOfNothing(t *testing.T) {
	if ds := build(t, Input{}); len(ds) != 4 || ds[0].UID != overviewUID {
		t.Errorf("got %d dashboards, want the four about all", len(ds))
	}
}

func TestServiceUID(t *testing.T) {
	long := strings.Repeat("x", 60)
	names := []string{
		"share", "Share", "share ", "share/api", "share-api", "share.api", "SHARE-API", "é", "è", "", "-", "_", "a--b",
		long, long + "y", strings.Repeat("y", 33), strings.Repeat("y", 34),
	}
	// A service that is called like the hashed name of another.
	names = append(names, strings.TrimPrefix(serviceUID("share/api"), servicePfx))
	seen := map[string]string{}
	for _, name := range names {
		uid := serviceUID(name)
		if other, twice := seen[uid]; twice {
			t.Errorf("%q and %q share %s", name, other, uid)
		}
		seen[uid] = name
		if len(uid) > maxUID || !regexp.MustCompile(`^[a-zA-Z0-9_-]+$`).MatchString(uid) {
			t.Errorf("%q gets %q, which Grafana does not take", name, uid)
		}
	}
	if uid := serviceUID("share"); uid != "wt-svc-share" {
		t.Errorf("share gets %s", uid)
	}
}
