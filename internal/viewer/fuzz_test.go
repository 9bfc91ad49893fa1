package viewer

import (
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/rules"
)

// FuzzPage reads whatever comes: it is refused, or a page comes out on which every panel
// shows something or says why not.
func FuzzPage(f *testing.F) {
	generated, err := dashboards.Build(dashboards.Input{Objectives: []rules.Objective{{ID: "a-b", Service: "a", SLO: "b", Target: 0.99, Period: 28 * 24 * 3600e9}}})
	if err != nil {
		f.Fatal(err)
	}
	for _, d := range generated {
		f.Add(string(d.JSON), "from=now-1h&to=now")
	}
	kinds, err := os.ReadFile("../web/testdata/kinds.json")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(string(kinds), "var-host=db-1&panel=8")
	f.Add(string(kinds), "var-host=$__all&refresh=-1s&from=1&to=99999999999999")
	f.Add(`{"uid": "x", "panels": [{"type": "row", "panels": [{"type": "stat", "gridPos": {"w": -5, "h": 1e9}, "targets": [{"expr": "x"}]}]}, {"type": "table", "targets": [{"expr": "x", "format": "table"}], "transformations": [{"id": "reduce"}]}]}`, "")
	f.Add(`{"uid": "x", "panels": [{"type": "gauge", "fieldConfig": {"defaults": {"min": 1e308, "max": -1e308, "decimals": -9, "thresholds": {"mode": "percentage", "steps": [{"value": 1e300}, {"color": "#"}]}}}, "targets": [{"expr": "x"}]}]}`, "panel=0")
	f.Add(`{"uid": "x", "panels": [{"type": "heatmap", "options": {"calculate": true, "calculation": {"yBuckets": {"value": "-3"}}}, "targets": [{"expr": "x"}]}], "templating": {"list": [{"name": "v", "type": "query", "query": 5, "regex": "(", "multi": true, "includeAll": true}]}}`, "var-v=")
	answers := &fake{answers: map[string][]Series{"": {
		series("host=db-1, le=0.5, sloth_id=a", 1, 2, 1e300), series("host=db-2, le=+Inf, sloth_id=b", -1, 0, 0.25), series("", 7),
	}}}
	f.Fuzz(func(t *testing.T, board, address string) {
		b, err := Parse([]byte(board))
		if err != nil {
			return
		}
		q, err := url.ParseQuery(address)
		if err != nil {
			return
		}
		answers.asked = nil
		v := New(Options{Boards: func() ([]*Board, error) { return []*Board{b}, nil }, Querier: answers, Now: noon})
		p, err := v.Page(t.Context(), b.UID, q)
		if err != nil {
			return
		}
		for _, s := range p.Sections {
			for _, panel := range s.Panels {
				if !panel.Filled() && panel.Empty == "" {
					t.Errorf("panel %q of kind %q is blank", panel.Title, panel.Kind)
				}
				if panel.Width < 1 || panel.Width > 24 || panel.Height < 1 || panel.Height > mostRows {
					t.Errorf("panel %q is %d wide and %d high", panel.Title, panel.Width, panel.Height)
				}
				if strings.Contains(string(panel.Text)+string(panel.Description), "<script") {
					t.Errorf("panel %q has a script", panel.Title)
				}
				for _, note := range panel.Notes {
					if strings.Contains(note, "could not be drawn") {
						t.Errorf("panel %q: %s", panel.Title, note)
					}
				}
			}
		}
	})
}
