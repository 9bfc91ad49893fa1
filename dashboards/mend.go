package dashboards

import (
	"cmp"

	"github.com/grafana/grafana-foundation-sdk/go/bargauge"
	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/gauge"
	"github.com/grafana/grafana-foundation-sdk/go/piechart"
	"github.com/grafana/grafana-foundation-sdk/go/stat"
	"github.com/grafana/grafana-foundation-sdk/go/text"
	"github.com/grafana/grafana-foundation-sdk/go/timeseries"
)

// mend fills what the SDK leaves open and Grafana's format or its panels demand:
// the version of the dashboard, ids of rows, and the settings of panels.
func mend(d *dashboard.Dashboard) {
	d.Version = cmp.Or(d.Version, new(uint32(1)))
	openRows(d)
	ids := panelIDs{map[uint32]bool{}}
	for _, p := range d.Panels {
		switch {
		case p.Panel != nil && p.Panel.Id != nil:
			ids.taken[*p.Panel.Id] = true
		case p.RowPanel != nil:
			ids.taken[p.RowPanel.Id] = true
		}
	}
	for i := range d.Panels {
		if row := d.Panels[i].RowPanel; row != nil {
			mendRow(row, ids)
		}
		if panel := d.Panels[i].Panel; panel != nil {
			mendPanel(panel)
		}
	}
}

// mendRow gives a row an id that follows from its title.
func mendRow(row *dashboard.RowPanel, ids panelIDs) {
	if row.Id == 0 {
		title := ""
		if row.Title != nil {
			title = *row.Title
		}
		row.Id = ids.next("row " + title)
	}
	for i := range row.Panels {
		mendPanel(&row.Panels[i])
	}
}

// openRows takes the panels out of open rows and puts them after it: Grafana drops
// what an open row holds.
func openRows(d *dashboard.Dashboard) {
	panels := make([]dashboard.PanelOrRowPanel, 0, len(d.Panels))
	for _, p := range d.Panels {
		panels = append(panels, p)
		if p.RowPanel == nil || p.RowPanel.Collapsed {
			continue
		}
		for i := range p.RowPanel.Panels {
			panels = append(panels, dashboard.PanelOrRowPanel{Panel: &p.RowPanel.Panels[i]})
		}
		p.RowPanel.Panels = []dashboard.Panel{}
	}
	d.Panels = panels
}

// mendPanel gives a panel without settings the ones that its kind begins with, and
// an orientation where its kind has one: the SDK leaves it empty, which is none of
// Grafana's words for it.
func mendPanel(p *dashboard.Panel) {
	if p.Options == nil {
		switch p.Type {
		case "stat":
			p.Options = stat.NewOptions()
		case "gauge":
			p.Options = gauge.NewOptions()
		case "bargauge":
			p.Options = bargauge.NewOptions()
		case "piechart":
			p.Options = piechart.NewOptions()
		case "timeseries":
			p.Options = timeseries.NewOptions()
		case "text":
			p.Options = text.NewOptions()
		}
	}
	switch o := p.Options.(type) {
	case *stat.Options:
		o.Orientation = cmp.Or(o.Orientation, common.VizOrientationAuto)
	case *gauge.Options:
		o.Orientation = cmp.Or(o.Orientation, common.VizOrientationAuto)
	case *bargauge.Options:
		o.Orientation = cmp.Or(o.Orientation, common.VizOrientationAuto)
	case *piechart.Options:
		o.Orientation = cmp.Or(o.Orientation, common.VizOrientationAuto)
	}
}
