package dashboards

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/piechart"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// mended builds a dashboard, mends it, and returns its JSON.
func mended(t *testing.T, build func(*dashboard.DashboardBuilder)) map[string]any {
	t.Helper()
	builder := dashboard.NewDashboardBuilder("Try").Uid("try")
	build(builder)
	d, err := builder.Build()
	if err != nil {
		t.Fatal(err)
	}
	mend(&d)
	raw, err := json.Marshal(d)
	if err != nil {
		t.Fatal(err)
	}
	if err := checkFormat(raw); err != nil {
		t.Errorf("it does not fit Grafana's format: %v", err)
	}
	var content map[string]any
	if err := json.Unmarshal(raw, &content); err != nil {
		t.Fatal(err)
	}
	return content
}

func TestMendFillsOrientation(t *testing.T) {
	for name, p := range map[string]cog.Builder[dashboard.Panel]{
		"stat without settings":     stat.NewPanelBuilder(),
		"stat":                      stat.NewPanelBuilder().GraphMode(common.BigValueGraphModeNone),
		"gauge without settings":    gauge.NewPanelBuilder(),
		"gauge":                     gauge.NewPanelBuilder().ShowThresholdLabels(true),
		"bargauge without settings": bargauge.NewPanelBuilder(),
		"bargauge":                  bargauge.NewPanelBuilder().DisplayMode(common.BarGaugeDisplayModeGradient),
		"piechart":                  piechart.NewPanelBuilder(),
	} {
		content := mended(t, func(b *dashboard.DashboardBuilder) { b.WithPanel(p) })
		if got := object(objects(content["panels"])[0]["options"])["orientation"]; got != "auto" {
			t.Errorf("%s: the orientation is %q, want auto", name, got)
		}
	}
	content := mended(t, func(b *dashboard.DashboardBuilder) {
		b.WithPanel(bargauge.NewPanelBuilder().Orientation(common.VizOrientationHorizontal))
	})
	if got := object(objects(content["panels"])[0]["options"])["orientation"]; got != "horizontal" {
		t.Errorf("a chosen orientation became %q", got)
	}
}

func TestMendLeavesNoPanelWithoutSettings(t *testing.T) {
	content := mended(t, func(b *dashboard.DashboardBuilder) {
		b.WithPanel(timeseries.NewPanelBuilder()).WithPanel(text.NewPanelBuilder())
	})
	for _, p := range objects(content["panels"]) {
		if object(p["options"]) == nil {
			t.Errorf("a %v has no settings", p["type"])
		}
	}
}

func TestMendOfRowsAndVersion(t *testing.T) {
	content := mended(t, func(b *dashboard.DashboardBuilder) {
		// The SDK closes a row that is given panels; opened again, it keeps them inside.
		b.WithRow(dashboard.NewRowBuilder("Open").WithPanel(text.NewPanelBuilder().Title("In it")).Collapsed(false))
		b.WithRow(dashboard.NewRowBuilder("Closed").WithPanel(stat.NewPanelBuilder().Title("Hidden")))
	})
	var got []string
	ids := map[float64]bool{}
	for _, p := range objects(content["panels"]) {
		got = append(got, p["title"].(string))
		for _, inside := range objects(p["panels"]) {
			got = append(got, "> "+inside["title"].(string))
		}
		if p["type"] == "row" {
			ids[number64(p["id"])] = true
		}
	}
	if diff := cmp.Diff([]string{"Open", "In it", "Closed", "> Hidden"}, got); diff != "" {
		t.Errorf("panels differ (-want +got):\n%s", diff)
	}
	if len(ids) != 2 || ids[0] {
		t.Errorf("the ids of rows are %v", ids)
	}
	if content["version"] != 1.0 {
		t.Errorf("the version is %v", content["version"])
	}
}
