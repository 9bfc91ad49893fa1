package dashboards

import (
	"fmt"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// mark is something that happened, drawn as a line through all panels.
type mark struct{ name, expr, color string }

// marks are the pages and the changes of a service.
func (Input) marks(service string) []mark {
	return []mark{
		{"Pages", fmt.Sprintf(`max by (alertname) (ALERTS{alertstate="firing", severity=~"page|critical", service=%s})`, quote(service)), colorBad},
		{"Deploys", fmt.Sprintf(`max by (service) (increase(watchtower_annotations_total{job="watchtower", service=~%s}[2m]) > 0)`, quote("|"+quoteMeta(service))), colorPlain},
	}
}

// annotations are the marks as Grafana has them.
func annotations(marks []mark) ([]dashboard.AnnotationQuery, error) {
	list := make([]dashboard.AnnotationQuery, 0, len(marks))
	for _, m := range marks {
		target, err := prometheus.NewDataqueryBuilder().Expr(m.expr).RefId("Anno").Datasource(datasource()).Build()
		if err != nil {
			return nil, fmt.Errorf("annotation %q: %w", m.name, err)
		}
		source := datasource()
		list = append(list, dashboard.AnnotationQuery{
			Name: m.name, Datasource: &source, Enable: true, Hide: new(false), IconColor: m.color, Expr: new(m.expr), Target: target,
		})
	}
	return list, nil
}
