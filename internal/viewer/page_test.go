package viewer

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/dashboards"
	"github.com/watchtower-hub/watchtower/rules"
)

// broken is a query engine that panics.
type broken struct{}

var _ Querier = broken{}

func (broken) Range(context.Context, string, time.Time, time.Time, time.Duration) ([]Series, error) {
	panic("index out of range")
}

func (broken) Instant(context.Context, string, time.Time) ([]Series, error) {
	panic("index out of range")
}

// layoutOf tells the panels of a page, row by row.
func layoutOf(p Page) []string {
	var all []string
	for _, s := range p.Sections {
		line := s.Title + ":"
		for _, panel := range s.Panels {
			line += " " + panel.Title
		}
		all = append(all, line)
	}
	return all
}

func at(id, title, kind string, more ...string) string {
	return `{"id": ` + id + `, "title": "` + title + `", "type": "` + kind + `", ` + strings.Join(append(more, `"options": {"content": "x"}`), ", ") + `}`
}

func TestRowsAndRepeats(t *testing.T) {
	panels := strings.Join([]string{
		at("3", "c", "text", `"gridPos": {"x": 0, "y": 9}`),
		at("1", "a", "text", `"gridPos": {"x": 0, "y": 0}`),
		at("2", "b $v", "text", `"gridPos": {"x": 12, "y": 0}, "repeat": "v"`),
		at("10", "Row", "row", `"gridPos": {"x": 0, "y": 5}`),
		at("11", "Closed", "row", `"collapsed": true, "gridPos": {"x": 0, "y": 20}, "panels": [`+at("12", "d", "text", `"gridPos": {"y": 21}`)+`]`),
		at("13", "Each $v", "row", `"gridPos": {"x": 0, "y": 30}, "repeat": "v"`),
		at("14", "e", "text", `"gridPos": {"x": 0, "y": 31}`),
	}, ",")
	b := boardOf(t, panels, `"templating": {"list": [{"name": "v", "type": "custom", "query": "1,2,3", "multi": true}]}`)
	p := show(t, b, hosts(), "var-v=1&var-v=3")
	want := []string{": a b 1 b 3", "Row: c", "Closed: d", "Each 1: e", "Each 3: e"}
	if diff := cmp.Diff(want, layoutOf(p)); diff != "" {
		t.Errorf("the page:\n%s", diff)
	}
	var places []string
	for _, panel := range p.Sections[0].Panels {
		places = append(places, panel.Anchor+" "+panel.Path)
	}
	want = []string{"1 /dashboards/b?panel=1&var-v=1&var-v=3", "2 /dashboards/b?panel=2&var-v=1", "2-2 /dashboards/b?panel=2&var-v=3"}
	if diff := cmp.Diff(want, places); diff != "" {
		t.Errorf("the panels are at:\n%s", diff)
	}
}

func TestOnePanelAlone(t *testing.T) {
	b := boardOf(t, at("1", "a", "text")+","+at("2", "b", "text"), `"time": {"from": "now-1h", "to": "now"}`)
	p := show(t, b, hosts(), "panel=2&from=now-5m&to=now")
	if diff := cmp.Diff([]string{": b"}, layoutOf(p)); diff != "" || !p.Alone || p.Back != "/dashboards/b?from=now-5m&to=now" || p.Panel != "2" {
		t.Errorf("%s back %s: %s", p.Panel, p.Back, diff)
	}
	if p := show(t, b, hosts(), "viewPanel=panel-1"); p.Sections[0].Panels[0].Path != "/dashboards/b?panel=1" {
		t.Errorf("the panel is at %s", p.Sections[0].Panels[0].Path)
	}
	v := New(Options{Boards: func() ([]*Board, error) { return []*Board{b}, nil }, Now: noon})
	for _, missing := range []string{"panel=99", "panel=x", "panel=0"} {
		q, _ := url.ParseQuery(missing)
		if _, err := v.Page(t.Context(), "b", q); !errors.Is(err, ErrNotFound) {
			t.Errorf("%s: %v", missing, err)
		}
	}
	if _, err := v.Page(t.Context(), "other", nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("another dashboard: %v", err)
	}
	v = New(Options{Boards: func() ([]*Board, error) { return nil, errBroken }})
	if _, err := v.Page(t.Context(), "b", nil); !errors.Is(err, errBroken) {
		t.Errorf("boards that cannot be generated: %v", err)
	}
	if boards, err := New(Options{}).Boards(); err != nil || boards != nil {
		t.Errorf("without boards: %v, %v", boards, err)
	}
}

func TestControls(t *testing.T) {
	more := `"refresh": "1m", "time": {"from": "now-24h", "to": "now"}, "links": [
		{"title": "Services", "type": "dashboards", "tags": ["watchtower-service"]},
		{"title": "All", "type": "link", "url": "/d/wt-overview/x", "keepTime": true},
		{"title": "Watchtower", "type": "link", "url": "https://wt.example/"},
		{"title": "Elsewhere", "type": "link", "url": "https://other.example/?a=b"},
		{"title": "Evil", "type": "link", "url": "javascript:alert(1)"}, {"title": "Evil", "type": "link", "url": "//evil.example"}]`
	b := boardOf(t, at("1", "a", "text"), more)
	p := show(t, b, hosts(), "")
	if p.Refresh != 60 || p.From != "now-24h" || !p.Ranges[3].Current || p.Ranges[1].Path != "/dashboards/b?from=now-1h&to=now" {
		t.Errorf("%+v", p)
	}
	var links []string
	for _, l := range p.Links {
		links = append(links, l.Title+" "+l.URL)
	}
	want := []string{"Services /dashboards?tag=watchtower-service", "All /dashboards/wt-overview", "Watchtower /", "Elsewhere https://other.example/?a=b"}
	if diff := cmp.Diff(want, links); diff != "" {
		t.Errorf("the links:\n%s", diff)
	}
	p = show(t, b, hosts(), "from=now-5m&to=now&refresh=off&other=1")
	if p.Refresh != 0 || p.Links[1].URL != "/dashboards/wt-overview?from=now-5m&to=now" || p.Ranges[0].Path != "/dashboards/b?from=now-15m&refresh=off&to=now" {
		t.Errorf("refresh %d, link %s, range %s", p.Refresh, p.Links[1].URL, p.Ranges[0].Path)
	}
	if p := show(t, b, hosts(), "refresh=1s"); p.Refresh != 5 || p.Rates[len(p.Rates)-1].Text != "every 5s" {
		t.Errorf("refresh %d, %+v", p.Refresh, p.Rates)
	}
	if p := show(t, b, hosts(), "from=2026-11-27&to=2026-11-28"); p.Refresh != 0 {
		t.Errorf("what is past is refreshed every %d s", p.Refresh)
	}
	if p := show(t, b, hosts(), "from=never"); len(p.Notes) != 1 || !strings.Contains(p.Notes[0], `"never" is no time`) {
		t.Errorf("%v", p.Notes)
	}
}

func TestOddJSONIsSaid(t *testing.T) {
	b := boardOf(t, `{"id": "four", "type": "text", "title": 5, "options": {"content": "still here"}}`, "")
	p := show(t, b, hosts(), "")
	if len(p.Notes) != 1 || !strings.Contains(p.Notes[0], "could not be read and is left out") || !strings.Contains(string(p.Sections[0].Panels[0].Text), "still here") {
		t.Errorf("%v %+v", p.Notes, p.Sections)
	}
	for _, bad := range []string{"", "[]", "{}", "{", `"x"`, `{"title": "x"}`} {
		if _, err := Parse([]byte(bad)); err == nil {
			t.Errorf("%q is taken for a dashboard", bad)
		}
	}
}

// Each query is asked once, four at a time at most.
func TestQueriesAreBounded(t *testing.T) {
	var panels []string
	for expr := range strings.FieldsSeq("a b c d e f g h a b") {
		panels = append(panels, panelJSONOf("timeseries", targets(expr)))
	}
	slow := &slowQuerier{}
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		show(t, boardOf(t, strings.Join(panels, ","), ""), slow, "")
		if took := time.Since(began); took != 2*time.Second {
			t.Errorf("8 queries of a second took %s, want 2 s", took)
		}
	})
	if most := slow.most.Load(); most != together {
		t.Errorf("%d queries ran at once, want %d", most, together)
	}
}

// A query that takes too long is said in its panel; the page comes all the same.
func TestSlowQueriesAreGivenUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		p := show(t, boardOf(t, panelJSONOf("stat", targets("a"))+","+panelJSONOf("text", `"options": {"content": "x"}`), ""), &slowQuerier{takes: time.Hour}, "")
		if took := time.Since(began); took != patience {
			t.Errorf("it took %s", took)
		}
		panels := p.Sections[0].Panels
		if len(panels[0].Notes) != 1 || !strings.Contains(panels[0].Notes[0], "not answered within 10 s") || panels[1].Text == "" {
			t.Errorf("%+v", panels)
		}
	})
}

// slowQuerier takes its time and counts.
type slowQuerier struct {
	takes     time.Duration // zero: a second
	now, most atomic.Int64
}

var _ Querier = (*slowQuerier)(nil)

func (s *slowQuerier) Range(ctx context.Context, _ string, _, _ time.Time, _ time.Duration) ([]Series, error) {
	n := s.now.Add(1)
	defer s.now.Add(-1)
	if n > s.most.Load() {
		s.most.Store(n)
	}
	takes := s.takes
	if takes == 0 {
		takes = time.Second
	}
	select {
	case <-time.After(takes):
		return []Series{series("", 1)}, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (s *slowQuerier) Instant(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	return s.Range(ctx, expr, at, at, 0)
}

// Every dashboard that we generate can be read whole: nothing in it is left out, and each
// panel asks and draws.
func TestGeneratedDashboardsAreUnderstood(t *testing.T) {
	all, err := dashboards.Build(dashboards.Input{
		ExternalURL: "https://wt.example",
		Objectives: []rules.Objective{
			{ID: "share-availability", Service: "share", SLO: "availability", Target: 0.999, Period: 28 * 24 * time.Hour, Promise: "Sharing works."},
			{ID: "feed-latency", Service: "feed", SLO: "latency", Target: 0.99, Period: 10 * time.Minute, Promise: "The feed is fast.", GroupBy: []string{"region"}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	f := &fake{answers: map[string][]Series{"": {series("sloth_id=a, host=x, region=y, le=0.5", 0.2, 0.4), series("sloth_id=b, host=z, region=y, le=+Inf", 0.9)}}}
	count := 0
	for _, d := range all {
		b, err := Parse(d.JSON)
		if err != nil {
			t.Fatalf("%s: %v", d.UID, err)
		}
		if b.Purpose == "" || strings.Contains(b.Purpose, generated) {
			t.Errorf("%s is for %q", d.UID, b.Purpose)
		}
		p := show(t, b, f, "")
		if len(p.Notes) > 0 {
			t.Errorf("%s: %v", d.UID, p.Notes)
		}
		for _, s := range p.Sections {
			for _, panel := range s.Panels {
				count++
				if !panel.Filled() || len(panel.Notes) > 0 || panel.Description == "" || panel.ID == 0 {
					t.Errorf("%s, %s: empty %q, notes %v", d.UID, panel.Title, panel.Empty, panel.Notes)
				}
			}
		}
	}
	if count < 20 {
		t.Errorf("only %d panels were looked at", count)
	}
}
