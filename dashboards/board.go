package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/common"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Every generated dashboard carries both tags; the second marks the file as
// ours to replace and to remove.
const (
	tag          = "watchtower"
	generatedTag = "watchtower-generated"
	serviceTag   = "watchtower-service"
	objectiveTag = "watchtower-objective"
)

// columns of Grafana's grid.
const gridWidth = 24

// board is our vocabulary for a dashboard.
type board struct {
	uid, title, description string
	tags                    []string
	datasource              string
	from                    string // how far back it looks when opened, like now-6h
	links                   []link
	marks                   []mark
	rows                    []row
}

// row is a heading with the panels under it, which fill lines of the grid from
// left to right in their order.
type row struct {
	key, title string
	stacks     []stack
}

// stack are panels of one width, one below the other.
type stack []panel

// beside puts each panel beside the one before.
func beside(panels ...panel) []stack {
	stacks := make([]stack, 0, len(panels))
	for _, p := range panels {
		stacks = append(stacks, stack{p})
	}
	return stacks
}

// encode makes the JSON.
func (b board) encode(s *scratch) ([]byte, error) {
	builder := dashboard.NewDashboardBuilder(b.title).
		Uid(b.uid).
		Description(b.description).
		Tags(append([]string{tag, generatedTag}, b.tags...)).
		Timezone("browser").
		Readonly().
		Tooltip(dashboard.DashboardCursorSyncCrosshair).
		Time(b.from, "now").
		Refresh("30s").
		Version(1).
		WithVariable(dashboard.NewDatasourceVariableBuilder("datasource").
			Label("Data source").
			Description("The Prometheus data source that points at Watchtower.").
			Type("prometheus").
			Regex("").
			Hide(dashboard.VariableHideDontHide).
			Current(dashboard.VariableOption{
				Text:  dashboard.StringOrArrayOfString{String: &b.datasource},
				Value: dashboard.StringOrArrayOfString{String: &b.datasource},
			})).
		Link(dashboard.NewDashboardLinkBuilder("Services").Type(dashboard.DashboardLinkTypeDashboards).
			Icon("external link").Tags([]string{serviceTag}).AsDropdown(true).KeepTime(true))
	builder.Link(dashboard.NewDashboardLinkBuilder("Promises").Type(dashboard.DashboardLinkTypeDashboards).
		Icon("external link").Tags([]string{objectiveTag}).AsDropdown(true).KeepTime(true))
	if b.uid != overviewUID {
		builder.Link(dashboard.NewDashboardLinkBuilder("All objectives").Type(dashboard.DashboardLinkTypeLink).
			Icon("dashboard").Url("/d/" + overviewUID).KeepTime(true))
	}
	for _, l := range b.links {
		builder.Link(dashboard.NewDashboardLinkBuilder(l.title).Type(dashboard.DashboardLinkTypeLink).Icon("external link").Url(l.url))
	}
	if err := b.place(builder); err != nil {
		return nil, err
	}
	built, err := builder.Build()
	if err != nil {
		return nil, fmt.Errorf("assemble: %w", err)
	}
	tidy(&built)
	marks, err := annotations(b.marks)
	if err != nil {
		return nil, err
	}
	built.Annotations.List = append(built.Annotations.List, marks...)
	return s.pretty(document{built, panelsOf(built)})
}

// place puts rows and panels on the grid.
func (b board) place(builder *dashboard.DashboardBuilder) error {
	ids := panelIDs{map[uint32]bool{}}
	y := uint32(0)
	for _, r := range b.rows {
		builder.WithRow(dashboard.NewRowBuilder(r.title).Id(ids.next("row/" + r.key)).Collapsed(false).
			GridPos(dashboard.GridPos{X: 0, Y: y, W: gridWidth, H: 1}))
		y++
		x, height := uint32(0), uint32(0)
		for _, stack := range r.stacks {
			if x+stack[0].width > gridWidth {
				x, y, height = 0, y+height, 0
			}
			below := uint32(0)
			for _, p := range stack {
				at := dashboard.GridPos{X: x, Y: y + below, W: p.width, H: p.height}
				built, err := p.build(ids.next(r.key+"/"+p.key), at)
				if err != nil {
					return fmt.Errorf("panel %q: %w", p.title, err)
				}
				builder.WithPanel(ready{built})
				below += p.height
			}
			x, height = x+stack[0].width, max(height, below)
		}
		y += height
	}
	return nil
}

// tidy mends what the SDK fills in by itself and Grafana takes otherwise than
// meant: links that hide in a menu, a missing list of annotations, settings of
// other kinds of variables and of panels that repeat.
func tidy(d *dashboard.Dashboard) {
	mend(d)
	tidyLinks(d.Links)
	d.Annotations.List = []dashboard.AnnotationQuery{{
		Name: "Annotations & Alerts", BuiltIn: new(1.0), Enable: true, Hide: new(true), IconColor: "rgba(0, 211, 255, 1)", Type: new("dashboard"),
		Datasource: &common.DataSourceRef{Type: new("grafana"), Uid: new("-- Grafana --")},
	}}
	for i := range d.Templating.List {
		v := &d.Templating.List[i]
		v.Auto, v.AutoMin, v.AutoCount = nil, nil, nil
	}
	for _, p := range d.Panels {
		if p.Panel == nil {
			continue
		}
		tidyLinks(p.Panel.Links)
		p.Panel.RepeatDirection = nil
	}
}

func tidyLinks(links []dashboard.DashboardLink) {
	for i := range links {
		links[i].Placement = nil
	}
}
