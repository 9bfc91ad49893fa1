package replay_test

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

const day = 24 * time.Hour

// begin is when the tests' histories begin: a minute like any other.
func begin() time.Time { return time.Date(2026, 10, 1, 9, 41, 0, 0, time.UTC) }

// past writes a history of two counters of one service in OpenMetrics.
type past struct {
	now       time.Time
	good, bad float64
	lines     map[string]*bytes.Buffer
}

func newPast() *past { return &past{now: begin(), lines: map[string]*bytes.Buffer{}} }

const (
	goodSeries = `http_requests_total{code="200",job="share"}`
	badSeries  = `http_requests_total{code="500",job="share"}`
)

func (p *past) put(series string, v float64) {
	if p.lines[series] == nil {
		p.lines[series] = &bytes.Buffer{}
	}
	fmt.Fprintf(p.lines[series], "%s %g %.3f\n", series, v, float64(p.now.UnixMilli())/1000)
}

// traffic runs d of traffic at rate events a second, errors among them, with samples
// every step.
func (p *past) traffic(d, step time.Duration, rate, errorRatio float64) {
	for end := p.now.Add(d); p.now.Before(end); {
		p.now = p.now.Add(step)
		n := rate * step.Seconds()
		p.good += n * (1 - errorRatio)
		p.bad += n * errorRatio
		p.put(goodSeries, p.good)
		p.put(badSeries, p.bad)
	}
}

// silence lets time pass without a sample.
func (p *past) silence(d time.Duration) { p.now = p.now.Add(d) }

func (p *past) text() string {
	var all strings.Builder
	all.WriteString("# TYPE http_requests counter\n")
	for _, s := range []string{goodSeries, badSeries} {
		if p.lines[s] != nil {
			all.Write(p.lines[s].Bytes())
		}
	}
	return all.String() + "# EOF\n"
}

func (p *past) source(t *testing.T) *replay.Memory {
	t.Helper()
	m, err := replay.ReadText("past.om", strings.NewReader(p.text()))
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// share is the objective most tests are about.
func share(edit ...func(*rules.Objective)) rules.Objective {
	o := rules.Objective{
		ID: "share-requests", Service: "share", SLO: "requests", Promise: "Sharing a post works", Team: "growth",
		Target: 0.999, Period: 30 * day, MinBadEvents: 3, Labels: map[string]string{"owner": "growth"},
		SLI: rules.SLI{
			ErrorQuery: `sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}]))`,
			TotalQuery: `sum(rate(http_requests_total{job="share"}[{{.window}}]))`,
		},
		Alerting: rules.Alerting{Name: "ShareBroken"},
	}
	for _, f := range edit {
		f(&o)
	}
	return o
}

func run(t *testing.T, p replay.Plan) replay.Result {
	t.Helper()
	r, err := replay.Run(context.Background(), p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func near(a, b, tolerance float64) bool { return a-b <= tolerance && b-a <= tolerance }

// brief writes alerts on one line each: name, severity, seconds after from, delay, and
// how long they lasted.
func brief(r replay.Result, from time.Time) string {
	var out []string
	for _, a := range r.Alerts {
		line := fmt.Sprintf("%s %s +%s", a.Name, a.Severity, a.FiredAt.Sub(from).Round(time.Second))
		if a.Before {
			line += " before"
		}
		if !a.ResolvedAt.IsZero() {
			line += " for " + a.ResolvedAt.Sub(a.FiredAt).Round(time.Second).String()
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}
