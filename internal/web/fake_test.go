package web

import (
	"context"
	"errors"
	"fmt"
	"html/template"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/internal/viewer"
	"github.com/watchtower-hub/watchtower/rules"
)

// noon is when all tests take place: a Thursday.
func noon() time.Time { return time.Date(2026, 11, 19, 14, 3, 20, 0, time.UTC) }

// fakeEngine answers from memory. Counts are made up from the hour: mostly good, worse where an objective is broken.
type fakeEngine struct {
	statuses []rules.Status
	counts   func(id string, from, to time.Time) (good, total float64, err error)

	corrections []rules.Correction
	generations []rules.Generation

	where func(context.Context) (rules.Where, error)
}

func (e fakeEngine) Statuses() []rules.Status { return e.statuses }

func (e fakeEngine) Status(id string) (rules.Status, bool) {
	for _, s := range e.statuses {
		if s.Objective.ID == id {
			return s, true
		}
	}
	return rules.Status{}, false
}

func (e fakeEngine) Tally(_ context.Context, id string, from, to time.Time) (rules.Tally, error) {
	good, total, err := e.count(id, from, to)
	st, _ := e.Status(id)
	return rules.Tally{Good: good, Total: total, RawGood: good, RawTotal: total, Allowed: st.Objective.ErrorBudget() * total}, err
}

func (e fakeEngine) Tallies(ctx context.Context, id string, edges ...time.Time) ([]rules.Tally, error) {
	var all []rules.Tally
	for i := range edges[1:] {
		t, err := e.Tally(ctx, id, edges[i], edges[i+1])
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

func (fakeEngine) Removed(time.Time) []rules.Removed { return nil }

func (e fakeEngine) TargetAt(id string, _ time.Time) float64 {
	st, _ := e.Status(id)
	return st.Objective.Target
}

func (e fakeEngine) Corrections(id string) []rules.Correction {
	return slices.DeleteFunc(slices.Clone(e.corrections), func(c rules.Correction) bool { return id != "" && c.Objective != id })
}

func (e fakeEngine) count(id string, from, to time.Time) (good, total float64, err error) {
	if e.counts != nil {
		return e.counts(id, from, to)
	}
	st, ok := e.Status(id)
	if !ok {
		return 0, 0, errors.New("no such objective")
	}
	if st.NoData {
		return 0, 0, nil
	}
	if until := noon(); to.After(until) {
		to = until
	}
	hours := to.Sub(from).Hours()
	total = 12000 * hours * (1 + 0.4*float64(from.Hour()%7)/7)
	bad := total * 0.2 * st.Objective.ErrorBudget() * (1 + float64(from.Hour()%5))
	if conditionOf(st) == broken && !from.Before(noon().Add(-70*time.Minute)) {
		bad = total * 0.032
	}
	return max(0, total-float64(int(bad))), max(0, total), nil
}

// Course counts each step and takes its ratio for the burn of both windows.
func (e fakeEngine) Course(id string, from, to time.Time, step time.Duration) (rules.Course, error) {
	st, _ := e.Status(id)
	c := rules.Course{Step: step, Pair: rules.Pair{Severity: rules.Page, Long: time.Hour, Short: 5 * time.Minute, Factor: 14.4}, Threshold: 14.4, Budget: st.Objective.ErrorBudget()}
	for at := from.Add(step); !at.After(to); at = at.Add(step) {
		good, total, err := e.count(id, at.Add(-step), at)
		if err != nil {
			return rules.Course{}, err
		}
		p := rules.CoursePoint{At: at, Bad: math.NaN(), Total: math.NaN(), Ratio: math.NaN(), Short: math.NaN(), Long: math.NaN()}
		if total > 0 {
			p.Bad, p.Total, p.Ratio = total-good, total, (total-good)/total
			p.Short, p.Long = p.Ratio/c.Budget, 0.8*p.Ratio/c.Budget
		}
		c.Points = append(c.Points, p)
	}
	return c, nil
}

// Balance falls evenly to what is left and goes on falling.
func (e fakeEngine) Balance(_ context.Context, id string) (rules.Balance, error) {
	st, ok := e.Status(id)
	if !ok || st.Total <= 0 {
		return rules.Balance{}, nil
	}
	if _, _, err := e.count(id, noon(), noon()); err != nil {
		return rules.Balance{}, err
	}
	b := rules.Balance{Step: 6 * time.Hour}
	for i := range 113 {
		b.Points = append(b.Points, rules.BalancePoint{At: noon().Add(time.Duration(i-112) * b.Step), Left: 1 - (1-st.BudgetRemaining)*float64(i)/112})
	}
	for i := range 25 {
		fall := (1 - st.BudgetRemaining) * float64(i) / 24
		b.Ahead = append(b.Ahead, rules.BalanceAhead{At: noon().Add(time.Duration(i) * 9 * time.Hour), Low: st.BudgetRemaining - fall, High: st.BudgetRemaining - fall/3})
	}
	return b, nil
}

// Where blames a route.
func (e fakeEngine) Where(ctx context.Context, _ string, from, to time.Time) (rules.Where, error) {
	if e.where != nil {
		return e.where(ctx)
	}
	return rules.Where{
		From: from, To: to, Unit: "requests", Bad: 900, Total: 30_000, Series: 16,
		Culprits: []rules.Culprit{{Label: "route", Value: "/v1/share<x>", Values: 1, Known: 12, Bad: 880, Total: 2000, BadShare: 0.98, TrafficShare: 0.07}},
	}, ctx.Err()
}

func (e fakeEngine) Explain(id string) (rules.Explanation, bool) {
	st, ok := e.Status(id)
	if !ok {
		return rules.Explanation{}, false
	}
	return rules.Explanation{
		Status:      st,
		Expressions: []string{`sum(rate(http_requests_total{job="share",code=~"5.."}[5m]))`, `sum(rate(http_requests_total{job="share"}[5m]))`},
		Terms: []rules.Term{
			{Selector: `http_requests_total{job="share",code=~"5.."}`, Bad: 1, Series: 2},
			{Selector: `http_requests_total{job="share"}`, Total: 1, Series: 14},
		},
		Series: []rules.SeriesStatus{
			{Labels: `http_requests_total{code="200",instance="10.0.3.7:8080",job="share"}`, LastSeen: noon().Add(-2 * time.Second), Last: 1843221, Interval: 5 * time.Second, Counted: 92113},
			{Labels: `http_requests_total{code="503",instance="10.0.3.7:8080",job="share"}`, LastSeen: noon().Add(-3 * time.Second), Last: 4120, Interval: 5 * time.Second, Counted: 4011, Resets: 1},
		},
		SeriesCount: 16,
		Every:       5 * time.Second,
		Windows: []rules.WindowExplanation{{
			Severity: rules.Page, Factor: 14.4, Threshold: 14.4, Why: "Quiet: the last 5m burns at 0.28, below 14.4.",
			Long:  rules.WindowNumbers{Length: time.Hour, Bad: 12, Total: 41_000, Allowed: 41, Ratio: 12. / 41_000, Burn: 12. / 41, Coverage: 1},
			Short: rules.WindowNumbers{Length: 5 * time.Minute, Bad: 1, Total: 3400, Allowed: 3.4, Ratio: 1. / 3400, Burn: 1 / 3.4, Coverage: 1},
		}},
		Budget:      []string{"960 of 3,200 are spent, 29%: 71% of the budget is left."},
		Dropped:     []string{"3d and 6h: a burn of 0.2 would fire inside the objective"},
		Corrections: e.Corrections(id), Generations: e.generations,
	}, true
}

// promise returns a healthy objective; change it as the test needs.
func promise(service, slo, text string, change func(*rules.Status)) rules.Status {
	s := rules.Status{
		Objective: rules.Objective{
			ID: service + "-" + slo, Service: service, SLO: slo, Promise: text, Team: "growth", Target: 0.999, Period: 28 * 24 * time.Hour,
			Labels: map[string]string{"tier": "1"}, File: "slos/" + service + ".yaml", Line: 12,
		},
		State: rules.StateHealthy, ErrorRatio: 0.0003, Burn: 0.3, PeriodErrorRatio: 0.0003, BudgetRemaining: 0.71,
		Good: 3.2e6 - 960, Total: 3.2e6, Coverage: 1, UpdatedAt: noon().Add(-time.Second), Source: rules.SourceObserved,
	}
	for _, w := range []struct {
		severity    rules.Severity
		long, short time.Duration
		factor      float64
	}{{rules.Page, time.Hour, 5 * time.Minute, 14.4}, {rules.Page, 6 * time.Hour, 30 * time.Minute, 6}, {rules.Ticket, 24 * time.Hour, 2 * time.Hour, 3}, {rules.Ticket, 72 * time.Hour, 6 * time.Hour, 1}} {
		s.Windows = append(s.Windows, rules.Window{
			Severity: w.severity, Long: w.long, Short: w.short, Factor: w.factor, Threshold: w.factor, LongBurn: 0.31, ShortBurn: 0.28, Coverage: 1,
		})
	}
	s.Alerts = []rules.AlertStatus{{Name: "BudgetBurn", Kind: rules.AlertBurn, Severity: rules.Page, State: rules.AlertInactive}, {Name: "BudgetBurn", Kind: rules.AlertBurn, Severity: rules.Ticket, State: rules.AlertInactive}}
	if change != nil {
		change(&s)
	}
	return s
}

// broke makes an objective page.
func broke(s *rules.Status) {
	s.State, s.ErrorRatio, s.Burn, s.BudgetRemaining, s.ExhaustedIn = rules.StateAtRisk, 0.032, 32, 0.41, 3*time.Hour+20*time.Minute
	s.Consequence = "Freeze features until it holds again"
	s.Windows[0].LongBurn, s.Windows[0].ShortBurn, s.Windows[0].Firing, s.Windows[0].Threshold = 19.2, 32, true, 6.1
	s.Windows[1].LongBurn, s.Windows[1].ShortBurn, s.Windows[1].Coverage = 5.1, 27, 0.97
	s.Alerts[0].State, s.Alerts[0].Since = rules.AlertFiring, noon().Add(-4*time.Minute)
}

// aBadDay is a backend with one of everything.
func aBadDay() []rules.Status {
	return []rules.Status{
		promise("auth", "login", "People can log in", nil),
		promise("auth", "token", "Sessions stay valid", func(s *rules.Status) { s.Objective.Target, s.BudgetRemaining = 0.9995, 0.998 }),
		promise("feed", "latency", "The feed opens within half a second", func(s *rules.Status) {
			s.State, s.Burn, s.ErrorRatio, s.BudgetRemaining = rules.StateWatch, 1.4, 0.0142, 0.54
			s.Objective.Target, s.Objective.SLI.ErrorQuery = 0.99, `sum(rate(x_count[5m])) - sum(rate(x_bucket{le="0.5"}[5m]))`
		}),
		promise("feed", "requests", "The feed loads", func(s *rules.Status) {
			s.State, s.Burn, s.ErrorRatio, s.BudgetRemaining, s.ExhaustedIn = rules.StateAtRisk, 2.2, 0.0022, 0.18, 52*time.Hour
			s.Alerts[1].State = rules.AlertFiring
		}),
		promise("media", "upload", "Uploads finish", func(s *rules.Status) {
			s.State, s.BudgetRemaining, s.Burn, s.ErrorRatio = rules.StateExhausted, -0.12, 0.6, 0.0006
			s.Objective.Team = "media"
		}),
		promise("media", "transcode", "Videos are ready within a minute", func(s *rules.Status) {
			s.State, s.NoData, s.Total, s.Good, s.Reason = rules.StateUnknown, true, 0, 0, "No series matches its queries."
			s.Objective.Team = "media"
		}),
		promise("share", "requests", "Sharing a post works", broke),
	}
}

// byRoute splits an objective into groups, one of them broken, several at risk and one idle.
func byRoute(whole rules.Status) []rules.Status {
	whole.Objective.GroupBy = []string{"route", "method"}
	all := []rules.Status{whole}
	for i, route := range []string{"/api/posts", "/api/posts/{id}/comments", "", "/api/search", "/api/feed", "/api/likes", "/api/me", "/api/tags"} {
		all = append(all, promise(whole.Objective.Service, whole.Objective.SLO, "", func(s *rules.Status) {
			o := &s.Objective
			o.Parent, o.Group = whole.Objective.ID, map[string]string{"route": route, "method": "POST"}
			o.ID = whole.Objective.ID + ":" + strings.ReplaceAll(route, "/", "~") + ":POST"
			o.Promise = fmt.Sprintf("%s (route %s, method POST)", whole.Objective.Promise, route)
			switch i {
			case 1:
				broke(s)
			case 2:
				s.State, s.NoData, s.Total, s.Good = rules.StateUnknown, true, 0, 0
			case 3, 4, 5, 6, 7:
				s.State, s.Burn, s.ErrorRatio, s.BudgetRemaining, s.ExhaustedIn = rules.StateAtRisk, 2.2+float64(i), 0.0022, 0.18, 52*time.Hour
			}
		}))
	}
	return all
}

func someIncidents() []Incident {
	since, had := noon().Add(-4*time.Minute), noon().Add(-2*time.Minute)
	return []Incident{
		{
			ID: "ticket1", Title: "The feed loads", Detail: "0.22% of requests fail, 2.2 times what the target allows; 18% of the budget is left.",
			Severity: "ticket", State: "firing", Service: "feed", Team: "growth", Objective: "feed-requests", Playbook: "api-error-rate", Since: noon().Add(-5 * time.Hour),
		},
		{
			ID: "page1", Title: "Sharing a post works", Detail: "3.2% of requests fail, 32 times what the target allows. 41% of the budget is left; at this rate it is gone in 3 h 20 min.",
			Severity: "page", State: "acknowledged", Owner: "Sam", AcknowledgedAt: &had,
			Service: "share", Team: "growth", Objective: "share-requests", Playbook: "api-error-rate", Since: since,
			Alerts: []Alert{{Name: "ShareBroken", Severity: "page", State: "firing", Since: &since, Labels: map[string]string{"service": "share", "slo": "requests", "severity": "page"}}},
		},
		{ID: "disk", Title: "Disk of db-2 is nearly full", Severity: "ticket", State: "silenced", Service: "db", Since: noon().Add(-27 * time.Hour)},
	}
}

func somePlaybooks() []Playbook {
	return []Playbook{
		{
			ID: "api-error-rate", Title: "An API answers with errors", Owner: "backend", Reviewed: "2026-05-04", Matches: "severity=page", Builtin: true,
			Summary: "People see failures where the app should answer. Find out what changed, and undo it.",
			HTML:    template.HTML("<h2>Impact</h2><p>People see <em>failures</em>.</p><h2>Check</h2><ol><li>What was deployed in the last hour?</li><li><pre><code>kubectl rollout history deployment/share</code></pre></li></ol><h2>Mitigate</h2><ul><li>Roll the feature back.</li><li>Send traffic elsewhere with <code>weight: 0</code>.</li></ul>"),
		},
		{ID: "queue-backlog", Title: "A queue grows", Owner: "media", Summary: "Work arrives faster than it is done.", Overdue: "never reviewed"},
	}
}

func somePaging() Paging {
	return Paging{Summary: "4 paging alerts, 2 with a playbook, 1 without one for a reason", Alerts: []Paged{
		{Alert: "ShareErrorBudgetBurn", Objective: "share-requests", Promise: "Sharing a post works", Where: "slos/share.yaml:12", Playbook: "api-error-rate"},
		{Alert: "FeedErrorBudgetBurn", Objective: "feed-latency", Promise: "The feed opens within half a second", Where: "slos/feed.yaml:30", Playbook: "api-error-rate"},
		{Alert: "CertificateEnds", Where: "rules/tls.yaml:4", Excuse: "https://wiki.example.org/certificates"},
		{Alert: "DiskFull", Where: "rules/hosts.yaml:7"},
	}}
}

func someStatus() []Section {
	return []Section{
		{Title: "Taken in", Note: "Samples and spans since the start, 3 days ago.", Facts: []Fact{
			{Name: "OTLP", Value: "4.1 million samples, 812,000 spans", Level: Good},
			{Name: "Remote write", Value: "nothing yet"},
			{Name: "Refused", Value: "1,204 records", Note: "OTLP logs are not taken; send them elsewhere.", Level: Warn},
		}},
		{Title: "Sent", Facts: []Fact{
			{Name: "Messages", Value: "42 sent, 0 failed", Level: Good},
			{Name: "Waiting", Value: "2, the oldest for 3 s"},
		}},
		{Title: "Scraped", Table: &Table{Title: "Scrape targets", Columns: []string{"Target", "Job", "Last scrape", "Took", "Error"}, Rows: []TableRow{
			{Cells: []string{"http://10.0.3.7:8080/metrics", "share", "2 s ago", "12 ms", ""}, Level: Good},
			{Cells: []string{"http://10.0.3.9:8080/metrics", "media", "4 s ago", "–", "connection refused"}, Level: Bad},
		}}},
		{Title: "Objectives", Facts: []Fact{{Name: "Evaluated", Value: "1 s ago, took 0.4 ms"}}},
	}
}

func someMarks(_ context.Context, service string, from, _ time.Time) []viewer.Mark {
	if service != "share" {
		return nil
	}
	return []viewer.Mark{
		{From: from.Add(time.Hour), To: from.Add(2 * time.Hour), Name: "Incident 121: Sharing <fails>", Path: "/incidents/121"},
		{From: noon().Add(-72 * time.Minute), To: noon().Add(-72 * time.Minute), Name: "share 1.4.2 goes out", Path: "https://ci.example.org/42"},
		{From: noon().Add(-4 * time.Minute), Name: "Incident 122: Sharing a post works", Path: "/incidents/122"},
	}
}

// newSite builds a site of fakes; change alters its options.
func newSite(tb testing.TB, change func(*Options)) http.Handler {
	tb.Helper()
	o := Options{
		Engine: fakeEngine{statuses: aBadDay()}, Incidents: someIncidents, Playbooks: somePlaybooks, Paging: somePaging, Status: someStatus,
		Marks:    someMarks,
		Match:    func(map[string]string) (string, bool) { return "api-error-rate", true },
		Handlers: map[string]http.Handler{"/inbox": http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("inbox")) })},
		Now:      noon, Version: "0.1.0", ExternalURL: "http://localhost:9911",
	}
	if change != nil {
		change(&o)
	}
	if e, ok := o.Engine.(fakeEngine); ok && o.Courses == nil {
		o.Courses = e
	}
	h, err := New(o)
	if err != nil {
		tb.Fatalf("New: %v", err)
	}
	return h
}

// get asks h for a path as a browser would.
func get(tb testing.TB, h http.Handler, path string) *httptest.ResponseRecorder {
	tb.Helper()
	r := httptest.NewRequestWithContext(tb.Context(), http.MethodGet, path, nil)
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
