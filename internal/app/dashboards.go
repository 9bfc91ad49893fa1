package app

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/prometheus/promql"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/store"
	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/notifiers/incidents"
)

// mostMarks is how many incidents and how many deploys are marked in a dashboard: more of
// them would hide the lines.
const mostMarks = 50

// boards are the dashboards of the configuration in force. They are generated when
// somebody first looks at them: many a server is looked at in Grafana alone.
type boards struct {
	generated atomic.Pointer[func() ([]*viewer.Board, error)]
}

// dashboardPages shows the dashboards that Grafana would get.
func (a *App) dashboardPages(zone *time.Location) *viewer.Viewer {
	a.drawAnew()
	return viewer.New(viewer.Options{
		Boards:      func() ([]*viewer.Board, error) { return (*a.boards.generated.Load())() },
		Querier:     querier{a.store},
		Marks:       a.marks,
		ExternalURL: a.URL(),
		Zone:        zone,
		Now:         time.Now,
	})
}

// drawAnew forgets the dashboards: the next look generates them from what is in force.
func (a *App) drawAnew() {
	files := a.current.Load()
	generate := sync.OnceValues(func() ([]*viewer.Board, error) {
		in := files.Config.DashboardInput(files.Objectives, files.Extras, files.Playbooks)
		in.ExternalURL = a.URL() // with the port that is really bound
		all, err := dashboards.Build(in)
		if err != nil {
			return nil, err
		}
		out := make([]*viewer.Board, len(all))
		for i, d := range all {
			if out[i], err = viewer.Parse(d.JSON); err != nil {
				return nil, fmt.Errorf("dashboard %s: %w", d.UID, err)
			}
		}
		return out, nil
	})
	a.boards.generated.Store(&generate)
}

// marks are those of the board's service where it is about one.
func (a *App) marks(ctx context.Context, b *viewer.Board, from, to time.Time) []viewer.Mark {
	return a.serviceMarks(ctx, b.Service, from, to)
}

// serviceMarks are the incidents and the deploys of a time, of all services where none is
// named.
func (a *App) serviceMarks(ctx context.Context, service string, from, to time.Time) []viewer.Mark {
	var out []viewer.Mark
	for _, in := range a.incidentLog.List(incidents.Filter{Service: service, Since: from, Until: to, Limit: mostMarks}) {
		out = append(out, viewer.Mark{
			From: in.OpenedAt, To: in.ResolvedAt, Name: fmt.Sprintf("Incident %d: %s", in.Number, in.Title),
			Path: fmt.Sprintf("/incidents/%d", in.Number),
		})
	}
	changes, err := a.incidentLog.Annotations(ctx, incidents.AnnotationFilter{From: from, To: to, Service: service})
	if err != nil {
		a.logger.Error("annotations could not be read", "err", err)
	}
	for _, c := range changes[max(0, len(changes)-mostMarks):] {
		name := c.Text
		if c.Service != "" && c.Service != service {
			name = c.Service + ": " + name
		}
		out = append(out, viewer.Mark{From: c.At, To: c.At, Name: name, Path: c.Link})
	}
	slices.SortStableFunc(out, func(x, y viewer.Mark) int { return cmp.Compare(x.From.UnixNano(), y.From.UnixNano()) })
	return out
}

// querier asks the store on behalf of the viewer.
type querier struct{ store *store.Store }

var _ viewer.Querier = querier{}

// Range implements viewer.Querier.
func (q querier) Range(ctx context.Context, expr string, from, to time.Time, step time.Duration) ([]viewer.Series, error) {
	query, err := q.store.Engine().NewRangeQuery(ctx, q.store, nil, expr, from, to, step)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	matrix, err := result.Matrix()
	if err != nil {
		return nil, err
	}
	out := make([]viewer.Series, len(matrix))
	for i, s := range matrix {
		out[i] = viewer.Series{Labels: s.Metric.Map(), Points: make([]chart.Point, len(s.Floats))}
		for n, p := range s.Floats {
			out[i].Points[n] = chart.Point{At: time.UnixMilli(p.T), Value: p.F}
		}
	}
	return out, nil
}

// Instant implements viewer.Querier.
func (q querier) Instant(ctx context.Context, expr string, at time.Time) ([]viewer.Series, error) {
	query, err := q.store.Engine().NewInstantQuery(ctx, q.store, nil, expr, at)
	if err != nil {
		return nil, err
	}
	defer query.Close()
	result := query.Exec(ctx)
	if result.Err != nil {
		return nil, result.Err
	}
	switch v := result.Value.(type) {
	case promql.Vector:
		out := make([]viewer.Series, len(v))
		for i, s := range v {
			out[i] = viewer.Series{Labels: s.Metric.Map(), Points: []chart.Point{{At: time.UnixMilli(s.T), Value: s.F}}}
		}
		return out, nil
	case promql.Scalar:
		return []viewer.Series{{Points: []chart.Point{{At: time.UnixMilli(v.T), Value: v.V}}}}, nil
	default:
		return nil, fmt.Errorf("the answer is a %s, and not numbers of one moment", result.Value.Type())
	}
}
