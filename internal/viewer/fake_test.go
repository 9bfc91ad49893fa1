package viewer

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/chart"
)

// noon is the present of the tests.
func noon() time.Time { return time.Date(2026, 11, 28, 12, 0, 0, 0, time.UTC) }

// fake answers queries by their text and remembers them.
type fake struct {
	mu      sync.Mutex
	answers map[string][]Series // by a part of the query
	asked   []string
	fail    map[string]error
}

var _ Querier = (*fake)(nil)

func (f *fake) Range(_ context.Context, expr string, from, to time.Time, step time.Duration) ([]Series, error) {
	return f.answer(fmt.Sprintf("range %s step %s", expr, step), func(s Series) []chart.Point {
		var points []chart.Point
		for at := from; !at.After(to); at = at.Add(step) {
			if v := s.Points[len(points)%len(s.Points)].Value; !math.IsNaN(v) {
				points = append(points, chart.Point{At: at, Value: v})
			}
		}
		return points
	})
}

func (f *fake) Instant(_ context.Context, expr string, at time.Time) ([]Series, error) {
	return f.answer("instant "+expr, func(s Series) []chart.Point {
		return []chart.Point{{At: at, Value: s.Points[len(s.Points)-1].Value}}
	})
}

func (f *fake) answer(expr string, points func(Series) []chart.Point) ([]Series, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.asked = append(f.asked, expr)
	for part, err := range f.fail {
		if strings.Contains(expr, part) {
			return nil, err
		}
	}
	var out []Series
	for part, series := range f.answers {
		if !strings.Contains(expr, part) {
			continue
		}
		for _, s := range series {
			out = append(out, Series{Labels: s.Labels, Points: points(s)})
		}
	}
	return out, nil
}

// series are values with labels: "host=a, zone=b".
func series(labels string, values ...float64) Series {
	s := Series{Labels: map[string]string{}}
	for pair := range strings.SplitSeq(labels, ", ") {
		if name, value, ok := strings.Cut(pair, "="); ok {
			s.Labels[name] = value
		}
	}
	for _, v := range values {
		s.Points = append(s.Points, chart.Point{Value: v})
	}
	return s
}

// boardOf reads a dashboard of panels, written in JSON, with the rest of its keys.
func boardOf(tb testing.TB, panels, more string) *Board {
	tb.Helper()
	if more != "" {
		more = ", " + more
	}
	b, err := Parse([]byte(`{"uid": "b", "title": "Board", "panels": [` + panels + `]` + more + `}`))
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// show makes the page of a board.
func show(tb testing.TB, b *Board, f Querier, query string) Page {
	tb.Helper()
	q, err := url.ParseQuery(query)
	if err != nil {
		tb.Fatal(err)
	}
	v := New(Options{
		Boards: func() ([]*Board, error) { return []*Board{b}, nil }, Querier: f, Now: noon, ExternalURL: "https://wt.example/",
		Marks: func(_ context.Context, _ *Board, from, _ time.Time) []Mark {
			return []Mark{{From: from.Add(time.Minute), To: from.Add(2 * time.Minute), Name: "Incident 7: it broke", Path: "/incidents/7"}}
		},
	})
	p, err := v.Page(tb.Context(), b.UID, q)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// panelOf makes one panel: its kind, and its keys in JSON.
func panelOf(tb testing.TB, kind, keys string, f Querier) Panel {
	tb.Helper()
	p := show(tb, boardOf(tb, panelJSONOf(kind, keys), ""), f, "")
	if len(p.Sections) != 1 || len(p.Sections[0].Panels) != 1 {
		tb.Fatalf("%d sections", len(p.Sections))
	}
	return p.Sections[0].Panels[0]
}

func panelJSONOf(kind, keys string) string {
	if keys != "" {
		keys = ", " + keys
	}
	return `{"id": 4, "type": "` + kind + `", "title": "Panel", "gridPos": {"x": 0, "y": 0, "w": 12, "h": 8}` + keys + `}`
}

// targets are queries in JSON; "expr as legend".
func targets(queries ...string) string {
	var all []map[string]any
	for i, q := range queries {
		expr, legend, _ := strings.Cut(q, " as ")
		all = append(all, map[string]any{"refId": string(rune('A' + i)), "expr": expr, "legendFormat": legend, "range": true})
	}
	raw, err := json.Marshal(all)
	if err != nil {
		panic(err)
	}
	return `"targets": ` + string(raw)
}

var errBroken = errors.New("it is broken")
