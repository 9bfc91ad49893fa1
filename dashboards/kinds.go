package dashboards

import (
	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/heatmap"
)

// last takes the newest value of each series.
func last() *common.ReduceDataOptionsBuilder {
	return common.NewReduceDataOptionsBuilder().Calcs([]string{"lastNotNull"}).Fields("").Values(false)
}

// judged colors a value by the step that it has reached.
func judged() *dashboard.FieldColorBuilder {
	return dashboard.NewFieldColorBuilder().Mode(dashboard.FieldColorModeIdThresholds)
}

// dial shows how full something is, one gauge a series. Its orientation is
// written out: the SDK leaves it empty, which Grafana does not draw.
func (p panel) dial() (dashboard.Panel, error) {
	b := gauge.NewPanelBuilder().
		Unit(p.unit).
		Thresholds(thresholds(p.steps)).
		ColorScheme(judged()).
		ShowThresholdMarkers(true).
		ShowThresholdLabels(false).
		Orientation(common.VizOrientationAuto).
		NoValue("no data").
		ReduceOptions(last())
	if p.decimals != nil {
		b.Decimals(*p.decimals)
	}
	if p.min != nil {
		b.Min(*p.min)
	}
	if p.max != nil {
		b.Max(*p.max)
	}
	return b.Build()
}

// bars compares series with each other, one bar each, from left to right.
func (p panel) bars() (dashboard.Panel, error) {
	b := bargauge.NewPanelBuilder().
		Unit(p.unit).
		Thresholds(thresholds(p.steps)).
		ColorScheme(judged()).
		DisplayMode(common.BarGaugeDisplayModeBasic).
		ValueMode(common.BarGaugeValueModeText).
		Orientation(common.VizOrientationHorizontal).
		NoValue("no data").
		Legend(common.NewVizLegendOptionsBuilder().DisplayMode(common.LegendDisplayModeList).
			Placement(common.LegendPlacementBottom).ShowLegend(false).Calcs([]string{})).
		ReduceOptions(last())
	if p.decimals != nil {
		b.Decimals(*p.decimals)
	}
	if p.min != nil {
		b.Min(*p.min)
	}
	if p.max != nil {
		b.Max(*p.max)
	}
	return b.Build()
}

// heat draws the buckets of a histogram over time: the darker a cell, the more
// fell into it. Blues tell apart by lightness alone, for every kind of color
// vision.
func (p panel) heat() (dashboard.Panel, error) {
	return heatmap.NewPanelBuilder().
		Calculate(false).
		Color(heatmap.NewHeatmapColorOptionsBuilder().Mode(heatmap.HeatmapColorModeScheme).Scheme("Blues").
			Fill("dark-blue").Exponent(0.5).Steps(64).Reverse(false)).
		RowsFrame(heatmap.NewRowsHeatmapOptionsBuilder().Layout(common.HeatmapCellLayoutAuto)).
		YAxis(heatmap.NewYAxisConfigBuilder().AxisPlacement(common.AxisPlacementLeft).Unit(p.unit).Reverse(false)).
		CellValues(heatmap.NewCellValuesBuilder().Unit("short")).
		ShowValue(common.VisibilityModeNever).
		ScaleDistribution(common.NewScaleDistributionConfigBuilder().Type(common.ScaleDistributionLinear)).
		HideFrom(common.NewHideSeriesConfigBuilder().Legend(false).Tooltip(false).Viz(false)).
		Unit(p.unit).
		Build()
}
