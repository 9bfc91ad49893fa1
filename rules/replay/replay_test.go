package replay_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/model/labels"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

var update = flag.Bool("update", false, "write the golden files anew")

// golden compares what people read with a file.
func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// twoIncidents is a history of five weeks: a fast burn by day, a slow one by night, and
// silence.
func twoIncidents() (p *past, from time.Time) {
	p = newPast()
	p.traffic(30*day, 10*time.Minute, 100, 0.0002)
	from = p.now
	p.traffic(2*day, time.Minute, 100, 0.0002)
	p.traffic(40*time.Minute, time.Minute, 100, 0.2)
	p.traffic(3*day+14*time.Hour, time.Minute, 100, 0.0002)
	p.traffic(7*time.Hour, time.Minute, 100, 0.008)
	p.traffic(day, time.Minute, 100, 0.0002)
	p.silence(10 * time.Minute)
	p.traffic(14*time.Hour, time.Minute, 100, 0.0002)
	return p, from
}

func TestReplayInWords(t *testing.T) {
	t.Parallel()
	p, from := twoIncidents()
	plan := replay.Plan{Objectives: []rules.Objective{share(func(o *rules.Objective) { o.Alerting.BudgetSpent = []float64{0.3} })}, Source: p.source(t), From: from, To: p.now}
	r := run(t, plan)
	var b bytes.Buffer
	if err := r.Write(&b, time.UTC); err != nil {
		t.Fatal(err)
	}
	golden(t, "incidents.golden.txt", b.String())

	plan.Objectives = []rules.Objective{share(func(o *rules.Objective) { o.Target = 0.997 })}
	b.Reset()
	diff := replay.Compare(r, run(t, plan))
	diff.A, diff.B = "slos/share.yaml", "new.yaml"
	if err := diff.Write(&b, time.UTC); err != nil {
		t.Fatal(err)
	}
	golden(t, "compare.golden.txt", b.String())
}

// What fires when the replay begins is no news and not counted.
func TestFiringBefore(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.traffic(2*day, time.Minute, 100, 0)
	p.traffic(30*time.Minute, time.Minute, 100, 0.2)
	from := p.now
	p.traffic(2*time.Hour, time.Minute, 100, 0.2)
	r := run(t, replay.Plan{Objectives: []rules.Objective{share()}, Source: p.source(t), From: from, To: p.now})
	if got := brief(r, from); strings.Count(got, "before") != len(r.Alerts) || len(r.Alerts) == 0 {
		t.Errorf("got\n%s", got)
	}
	if s := r.Objectives[0]; s.Pages != 0 || s.Tickets != 0 {
		t.Errorf("counted %d pages and %d tickets", s.Pages, s.Tickets)
	}
}

// The burn begins with the first bad event above the budget, however slowly it burns
// and whatever went wrong before.
func TestWhenTheBurnBegan(t *testing.T) {
	t.Parallel()
	for _, ratio := range []float64{0.5, 0.05, 0.016, 0.007} {
		p := newPast()
		p.traffic(3*day, 5*time.Minute, 100, 0.0005)
		from := p.now
		p.traffic(day, 30*time.Second, 100, 0.0005)
		p.traffic(3*time.Minute, 30*time.Second, 100, 0.002) // a bump that is paid back
		p.traffic(6*time.Hour, 30*time.Second, 100, 0.0005)
		began := p.now
		p.traffic(6*time.Hour, 30*time.Second, 100, ratio)
		r := run(t, replay.Plan{Objectives: []rules.Objective{share()}, Source: p.source(t), From: from, To: p.now})
		if len(r.Alerts) == 0 {
			t.Fatalf("nothing fires at %v", ratio)
		}
		for _, a := range r.Alerts {
			// The bad events of the first 30 s are in the sample at their end.
			off := a.Began.Sub(began.Add(30 * time.Second)).Abs()
			if limit := max(30*time.Second, time.Duration(a.Delay)/25); off > limit || time.Duration(a.Delay) != a.FiredAt.Sub(a.Began) {
				t.Errorf("%v: %s of %s is said to have begun %s off, after %s", ratio, a.Severity, a.Windows, off, time.Duration(a.Delay))
			}
		}
	}
}

// An objective that must be polled is asked for over the same history, and finds about
// the same.
func TestPolled(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.traffic(day, 15*time.Second, 100, 0.0002)
	from := p.now
	p.traffic(3*time.Hour, 15*time.Second, 100, 0.0002)
	p.traffic(10*time.Minute, 15*time.Second, 100, 0.3)
	p.traffic(time.Hour, 15*time.Second, 100, 0.0002)
	polled := share(func(o *rules.Objective) {
		o.SLI = rules.SLI{ErrorRatioQuery: `sum(rate(http_requests_total{job="share",code=~"5.."}[{{.window}}])) / sum(rate(http_requests_total{job="share"}[{{.window}}]))`}
		o.Period, o.Alerting.Ticket.Disabled = 7*day, true
	})
	observed := share(func(o *rules.Objective) { o.ID, o.Period, o.Alerting.Ticket.Disabled = "observed", 7*day, true })
	r := run(t, replay.Plan{Objectives: []rules.Objective{observed, polled}, Source: p.source(t), From: from, To: p.now})
	if len(r.Alerts) != 2 || r.Alerts[0].FiredAt.Sub(r.Alerts[1].FiredAt).Abs() > 2*time.Minute {
		t.Fatalf("got\n%s", brief(r, from))
	}
	a, b := r.Objectives[0], r.Objectives[1]
	if !near(a.BudgetRemaining, b.BudgetRemaining, 0.05) {
		t.Errorf("observed %v of the budget is left, polled %v", a.BudgetRemaining, b.BudgetRemaining)
	}
	if _, err := replay.Run(context.Background(), replay.Plan{Objectives: []rules.Objective{polled}, Source: p.source(t), From: from}); err == nil {
		t.Error("without an end nothing tells when to stop asking")
	}
}

// Groups have alerts of their own in a replay too.
func TestGroups(t *testing.T) {
	t.Parallel()
	var text strings.Builder
	text.WriteString("# TYPE http_requests counter\n")
	for _, route := range []string{"feed", "share"} {
		for _, code := range []string{"200", "500"} {
			v := 0.0
			for i := range 12 * 60 {
				n := 600.
				if route == "share" && i > 600 {
					n = map[string]float64{"200": 300, "500": 300}[code]
				} else if code == "500" {
					n = 0
				}
				v += n
				text.WriteString(`http_requests_total{code="` + code + `",job="share",route="` + route + `"} ` + number(v) + " " + number(float64(begin().Unix()+int64(i)*60)) + "\n")
			}
		}
	}
	text.WriteString("# EOF\n")
	m, err := replay.ReadText("groups.om", strings.NewReader(text.String()))
	if err != nil {
		t.Fatal(err)
	}
	from, to := m.Bounds()
	r := run(t, replay.Plan{Objectives: []rules.Objective{share(func(o *rules.Objective) { o.GroupBy = []string{"route"} })}, Source: m, From: from, To: to})
	var ids []string
	for _, s := range r.Objectives {
		ids = append(ids, s.Objective)
		if bad := s.Objective != "share-requests:feed"; bad != (s.Pages > 0) {
			t.Errorf("%s has %d pages", s.Objective, s.Pages)
		}
	}
	if got := strings.Join(ids, " "); got != "share-requests share-requests:feed share-requests:share" {
		t.Errorf("objectives: %s", got)
	}
}

// A calendar period begins with a whole budget, exactly.
func TestCalendarPeriod(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.now = time.Date(2026, 10, 3, 12, 0, 0, 0, time.UTC)
	p.traffic(day, time.Minute, 100, 0)
	from := p.now
	p.traffic(time.Hour, time.Minute, 100, 0.1)
	p.traffic(11*time.Hour-30*time.Second, 30*time.Second, 100, 0) // until midnight
	p.traffic(time.Hour, 30*time.Second, 100, 0.001)
	o := share(func(o *rules.Objective) {
		o.Calendar = &rules.Calendar{Unit: rules.Week, Count: 1, Start: time.Date(2026, 10, 5, 0, 0, 0, 0, time.UTC)}
		o.Period = 7 * day
	})
	r := run(t, replay.Plan{Objectives: []rules.Objective{o}, Source: p.source(t), From: from, To: p.now})
	s := r.Objectives[0]
	if bad := s.Total - s.Good; !near(bad, 0.1*3600, 3.1) || !near(s.Total, 100*3600, 3100) {
		t.Errorf("%v of %v failed this week, want one hour's", bad, s.Total)
	}
}

// A TSDB directory is read while the database writes to it, and gives the same.
func TestDirectory(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.traffic(6*time.Hour, time.Minute, 100, 0)
	from := p.now
	p.traffic(4*time.Hour, time.Minute, 100, 0)
	p.traffic(20*time.Minute, time.Minute, 100, 0.2)
	p.traffic(2*time.Hour, time.Minute, 100, 0)
	m := p.source(t)
	objectives := []rules.Objective{share()}
	want := run(t, replay.Plan{Objectives: objectives, Source: m, From: from, To: p.now})
	if len(want.Alerts) == 0 {
		t.Fatal("nothing fires")
	}
	dir := t.TempDir()
	db := openIn(t, dir)
	fill(t, db, m)
	d, err := replay.OpenTSDB(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	}()
	app := db.Appender(context.Background())
	if _, err := app.Append(0, labels.FromStrings("__name__", "later"), p.now.UnixMilli(), 1); err != nil {
		t.Fatal(err)
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	got := run(t, replay.Plan{Objectives: objectives, Source: d, From: from, To: p.now})
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-file +directory:\n%s", diff)
	}
	entries, _ := filepath.Glob(filepath.Join(dir, "tmp*"))
	if len(entries) > 0 {
		t.Errorf("left behind: %v", entries)
	}
	if _, err := replay.OpenTSDB(t.TempDir()); err == nil || !strings.Contains(err.Error(), "not the directory of a TSDB") {
		t.Errorf("an empty directory: %v", err)
	}
}

func TestPlansThatCannotBe(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.traffic(time.Hour, time.Minute, 1, 0)
	m := p.source(t)
	good := replay.Plan{Objectives: []rules.Objective{share()}, Source: m, From: begin(), To: p.now}
	for want, edit := range map[string]func(*replay.Plan){
		"no objective":              func(p *replay.Plan) { p.Objectives = nil },
		"no history":                func(p *replay.Plan) { p.Source = nil },
		"from when":                 func(p *replay.Plan) { p.From = time.Time{} },
		"not after its beginning":   func(p *replay.Plan) { p.To = p.From },
		"longer than 400 days":      func(p *replay.Plan) { p.To = p.From.Add(401 * day) },
		"more than 1 series":        func(p *replay.Plan) { p.MaxSeries = 1 },
		"more than 10 samples":      func(p *replay.Plan) { p.MaxSamples = 10 },
		"nothing is left to replay": func(p *replay.Plan) { p.From, p.To = p.To.Add(day), time.Time{} },
		"objective share-requests: ": func(p *replay.Plan) {
			p.Objectives = []rules.Objective{share(func(o *rules.Objective) { o.SLI.TotalQuery = "((" })}
		},
	} {
		plan := good
		edit(&plan)
		if _, err := replay.Run(context.Background(), plan); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("want %q, got %v", want, err)
		}
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := replay.Run(ctx, good); !errors.Is(err, context.Canceled) {
		t.Errorf("canceled: %v", err)
	}
}

func TestHistoryWithoutSamples(t *testing.T) {
	t.Parallel()
	m, err := replay.ReadText("other.prom", strings.NewReader("other_total 1 1790000000000\n"))
	if err != nil {
		t.Fatal(err)
	}
	r := run(t, replay.Plan{Objectives: []rules.Objective{share()}, Source: m, From: begin(), To: begin().Add(day)})
	var b bytes.Buffer
	if err := r.Write(&b, time.UTC); err != nil {
		t.Fatal(err)
	}
	if got := b.String(); !strings.Contains(got, "There is no sample") || !strings.Contains(got, "no series matches its queries yet") {
		t.Errorf("got %s", got)
	}
}

func TestGzip(t *testing.T) {
	t.Parallel()
	p := newPast()
	p.traffic(time.Hour, time.Minute, 1, 0.1)
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(p.text()))
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := replay.ReadText("past.om.gz", &b)
	if err != nil {
		t.Fatal(err)
	}
	if first, last := m.Bounds(); !first.Equal(begin().Add(time.Minute)) || !last.Equal(p.now) {
		t.Errorf("from %s to %s", first, last)
	}
}
