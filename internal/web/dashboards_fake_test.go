package web

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"strings"
	"testing"
	"time"

	charts "github.com/watchtower-hub/watchtower/internal/chart"
	"github.com/watchtower-hub/watchtower/internal/viewer"
)

// waves answers queries with hosts whose values come and go.
type waves struct{}

var _ viewer.Querier = waves{}

func (waves) Range(_ context.Context, expr string, from, to time.Time, step time.Duration) ([]viewer.Series, error) {
	if strings.Contains(expr, "fault") {
		return nil, errors.New("unclosed left parenthesis")
	}
	labels, size := shapeOf(expr)
	out := make([]viewer.Series, 0, len(labels))
	for i, l := range labels {
		s := viewer.Series{Labels: l}
		for at := from; !at.After(to); at = at.Add(step) {
			s.Points = append(s.Points, charts.Point{At: at, Value: size * (float64(i) + 1.2 + math.Sin(float64(at.Unix())/2000+float64(i)))})
		}
		out = append(out, s)
	}
	return out, nil
}

func (w waves) Instant(ctx context.Context, expr string, at time.Time) ([]viewer.Series, error) {
	return w.Range(ctx, expr, at, at, time.Second)
}

// shapeOf returns the series that a query of the board of every kind has, and their size.
func shapeOf(expr string) (labels []map[string]string, size float64) {
	list := func(name string, values ...string) (all []map[string]string) {
		for _, v := range values {
			all = append(all, map[string]string{name: v})
		}
		return all
	}
	switch {
	case strings.Contains(expr, "absent"):
		return nil, 0
	case strings.HasPrefix(expr, "max("), strings.HasPrefix(expr, "sum("):
		return []map[string]string{{}}, 3e5
	case strings.Contains(expr, "durations"):
		return list("le", "0.1", "0.25", "0.5", "1", "2.5", "+Inf"), 40
	case strings.Contains(expr, "queue"):
		return list("queue", "mail", "push", "resize"), 200
	case strings.Contains(expr, "memory"):
		return list("host", "db-1", "db-2"), 0.3
	default:
		return list("host", "db-1", "db-2", "web-1"), 2
	}
}

// someDashboards are the board of every kind and so many of services.
func someDashboards(tb testing.TB, services int) *viewer.Viewer {
	tb.Helper()
	raw, err := os.ReadFile("testdata/kinds.json")
	if err != nil {
		tb.Fatal(err)
	}
	kinds, err := viewer.Parse(raw)
	if err != nil {
		tb.Fatal(err)
	}
	boards := []*viewer.Board{kinds}
	for i := range services {
		b, err := viewer.Parse(fmt.Appendf(nil, `{"uid": "wt-svc-%d", "title": "Service %d", "tags": ["watchtower", "watchtower-service"], "description": "How is it doing?"}`, i, i))
		if err != nil {
			tb.Fatal(err)
		}
		boards = append(boards, b)
	}
	return viewer.New(viewer.Options{
		Boards: func() ([]*viewer.Board, error) { return boards, nil }, Querier: waves{}, Now: noon,
		Marks: func(context.Context, *viewer.Board, time.Time, time.Time) []viewer.Mark {
			return []viewer.Mark{
				{From: noon().Add(-100 * time.Minute), To: noon().Add(-80 * time.Minute), Name: "Incident 7: Sharing <broke>", Path: "/incidents/7"},
				{From: noon().Add(-2 * time.Hour), To: noon().Add(-2 * time.Hour), Name: "share: Release 2.4.1"},
				{From: noon().Add(-10 * time.Minute), Name: "Incident 8: It burns"},
			}
		},
	})
}
