package grafana_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/watchtower-hub/watchtower/dashboards/grafana"
	"github.com/watchtower-hub/watchtower/dashboards/grafana/grafanatest"
)

// panel finds a panel of a dashboard in Grafana by its title.
func panel(d map[string]any, title string) map[string]any {
	for _, p := range d["panels"].([]any) {
		if p := p.(map[string]any); p["title"] == title {
			return p
		}
	}
	return nil
}

// after pushes, lets somebody change the dashboard of share, and compares.
func after(t *testing.T, change func(map[string]any)) grafana.Difference {
	t.Helper()
	g := start(t)
	c := client(t, g, grafanatest.Token)
	ds := boards(t, 0.99, "share")
	push(t, c, ds, grafana.PushOptions{})
	g.Edit("wt-svc-share", "maria", "a try", change)
	plan, err := c.Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	return plan.Differences[1]
}

func TestDifferencesInWords(t *testing.T) {
	for name, c := range map[string]struct {
		change func(map[string]any)
		want   []string
	}{
		"a query": {
			func(d map[string]any) {
				panel(d, "Budget left")["targets"].([]any)[0].(map[string]any)["expr"] = "up"
			},
			[]string{"panel `Budget left`: query A is `up`, is generated as `max(slo:period_error_budget_remaining:ratio{sloth_id=\"share-availability\"})`"},
		},
		"a legend": {
			func(d map[string]any) {
				panel(d, "Budget left")["targets"].([]any)[0].(map[string]any)["legendFormat"] = "left"
			},
			[]string{"panel `Budget left`: query A: legendFormat changed"},
		},
		"queries more and fewer": {
			func(d map[string]any) {
				p := panel(d, "How near an alert is")
				p["targets"] = append(p["targets"].([]any)[1:], map[string]any{"refId": "Z", "expr": "up"})
			},
			[]string{"panel `How near an alert is`: query A is not in Grafana; query Z is in Grafana alone"},
		},
		"a panel gone": {
			func(d map[string]any) { d["panels"] = d["panels"].([]any)[1:] },
			[]string{"row `Using share works: 99 % over 28 days` is not in Grafana"},
		},
		"a panel more": {
			func(d map[string]any) {
				d["panels"] = append(d["panels"].([]any), map[string]any{"id": 4711, "type": "stat", "title": "Mine"})
			},
			[]string{"panel `Mine` is in Grafana alone"},
		},
		"look and place": {
			func(d map[string]any) {
				p := panel(d, "Budget left")
				p["title"], p["options"].(map[string]any)["colorMode"], p["gridPos"].(map[string]any)["w"] = "Budget", "background", 6
				p["fieldConfig"].(map[string]any)["defaults"].(map[string]any)["unit"] = "s"
			},
			[]string{"panel `Budget left`: unit is `s`, is generated as `percentunit`; place or size changed; look changed; title is `Budget`, is generated as `Budget left`"},
		},
		"another id": {
			func(d map[string]any) { panel(d, "Burn rate now")["id"] = 77 },
			[]string{"panel `Burn rate now`: id changed"},
		},
		"the dashboard itself": {
			func(d map[string]any) { d["title"], d["refresh"], d["timezone"] = "Sharing", "1m", "utc" },
			[]string{"refresh interval changed", "timezone changed", "title is `Sharing`, is generated as `Service share`"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := after(t, c.change)
			same(t, c.want, d.Words)
			if d.Kind != grafana.Changed || d.Edited == nil || d.Edited.By != "maria" || d.Edited.Message != "a try" {
				t.Errorf("got %+v", d)
			}
		})
	}
}

// What Grafana writes into a dashboard by itself is no difference.
func TestNoDifference(t *testing.T) {
	d := after(t, func(d map[string]any) {
		d["iteration"], d["gnetId"], d["snapshot"] = 1700000000, nil, map[string]any{}
		panel(d, "Budget left")["pluginVersion"] = "12.0.0"
		panel(d, "Budget left")["libraryPanel"] = nil
	})
	if d.Kind != grafana.Same || d.Words != nil || d.Edited != nil {
		t.Errorf("got %+v", d)
	}
}

func TestUnifiedDifference(t *testing.T) {
	d := after(t, func(d map[string]any) { d["title"] = "Sharing" })
	for _, want := range []string{"--- grafana/wt-svc-share.json", "+++ generated/wt-svc-share.json", "-  \"title\": \"Sharing\",", "+  \"title\": \"Service share\","} {
		if !strings.Contains(d.Unified, want) {
			t.Errorf("there is no %q in\n%s", want, d.Unified)
		}
	}
}

// Who may not read the history is told who saved last, and push does not overwrite.
func TestHistoryOutOfReach(t *testing.T) {
	g := start(t)
	ds := boards(t, 0.99, "share")
	push(t, client(t, g, grafanatest.Token), ds, grafana.PushOptions{})
	g.Edit("wt-svc-share", "maria", "", func(d map[string]any) { d["title"] = "Sharing" })
	g.Allow("reader", "folders:read", "dashboards:read")
	plan, err := client(t, g, "reader").Compare(t.Context(), folder, ds)
	if err != nil {
		t.Fatal(err)
	}
	e := plan.Differences[1].Edited
	if e == nil || e.By != "maria" || !strings.Contains(e.Message, "cannot be read") {
		t.Errorf("got %+v", e)
	}
}

func TestProvisioningFiles(t *testing.T) {
	dir := t.TempDir()
	p := grafana.Provisioning{Folder: "Watchtower", Dashboards: "/srv/dashboards", DataSources: grafana.DataSources("https://w.example", 0)}
	var names []string
	for range 2 {
		var err error
		if names, err = grafana.WriteProvisioning(dir, p); err != nil {
			t.Fatal(err)
		}
	}
	golden(t, "provisioning.golden.yaml", read(t, names...))
	foreign(t, names[1])
	if _, err := grafana.WriteProvisioning(dir, p); err == nil || !strings.Contains(err.Error(), names[1]+" was not generated by Watchtower") {
		t.Errorf("a foreign file: got %v", err)
	}
}

// The files in deploy/grafana say what is generated for a Watchtower beside Grafana.
func TestDeployedProvisioning(t *testing.T) {
	dir := t.TempDir()
	names, err := grafana.WriteProvisioning(dir, grafana.Provisioning{
		Folder: "Watchtower", Dashboards: "/var/lib/grafana/dashboards/watchtower", DataSources: grafana.DataSources("http://127.0.0.1:9911", 0),
	})
	if err != nil {
		t.Fatal(err)
	}
	parse := func(name string) map[string]any {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		var out map[string]any
		if err := yaml.Unmarshal(text, &out); err != nil {
			t.Fatal(err)
		}
		for _, key := range []string{"datasources", "providers"} {
			for _, entry := range asList(out[key]) {
				delete(entry, "isDefault")       // only the one that is copied is the only one
				delete(entry, "disableDeletion") // false is Grafana's default
			}
		}
		return out
	}
	for _, name := range names {
		deployed := filepath.Join("..", "..", "deploy", "grafana", "provisioning", filepath.Base(filepath.Dir(name)), filepath.Base(name))
		if diff := cmp.Diff(parse(name), parse(deployed)); diff != "" {
			t.Errorf("%s differs (-generated +there):\n%s", deployed, diff)
		}
	}
}

func asList(v any) []map[string]any {
	var list []map[string]any
	entries, _ := v.([]any)
	for _, e := range entries {
		list = append(list, e.(map[string]any))
	}
	return list
}
