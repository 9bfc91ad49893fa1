package web

import (
	"context"
	"errors"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/rules"
)

// bare is a site for what is made without a request.
func bare(e fakeEngine) *site {
	return &site{o: Options{Engine: e, Courses: e, Marks: someMarks, Zone: time.UTC, Now: noon}}
}

func TestBudgetWords(t *testing.T) {
	for left, want := range map[float64]string{1: "100%", 0.414: "41%", 0.004: "under 1%", 0: "0%", -0.12: "−12%", math.NaN(): "not known", math.Inf(-1): "not known"} {
		if got := budgetWords(left); got != want {
			t.Errorf("%v is %q, want %q", left, got, want)
		}
	}
}

func TestBalanceWords(t *testing.T) {
	day := func(n int) time.Time { return noon().AddDate(0, 0, n) }
	st := promise("share", "requests", "Sharing works", nil)
	whole := []rules.BalancePoint{{At: day(-28), Left: 1}, {At: day(-10), Left: 0.3}, {At: noon(), Left: 0.41}}
	ahead := []rules.BalanceAhead{{At: noon(), Low: 0.41, High: 0.41}, {At: day(5), Low: 0.2, High: 0.4}}
	for _, c := range []struct {
		name string
		is   func(*rules.Status, *rules.Balance)
		want string
	}{
		{"it lasts", func(*rules.Status, *rules.Balance) {}, "41% is left. The lowest was 30%, Mon 9 Nov, 14:03 UTC. At the error ratios of the last hours it lasts."},
		{"it ends", func(s *rules.Status, _ *rules.Balance) { s.Forecast.Text = "tomorrow 10:00–12:00 UTC" }, "41% is left. The lowest was 30%, Mon 9 Nov, 14:03 UTC. At the error ratios of the last hours it is gone tomorrow 10:00–12:00 UTC."},
		{"overspent", func(_ *rules.Status, b *rules.Balance) {
			b.Points[1].Left, b.Points[2].Left = 0.5, -0.12
		}, "It is overspent by 12%."},
		{"blind", func(_ *rules.Status, b *rules.Balance) { b.Points[2].Left, b.Ahead = math.NaN(), nil }, "What is left now is not known."},
		{"young", func(_ *rules.Status, b *rules.Balance) {
			b.Points[0].At, b.Points[1].Left, b.Points[1].At, b.Ahead = day(-2), 0.6, day(-1), nil
		}, "41% is left. It is drawn since Tue 17 Nov 2026, 14:03 UTC, when counting began; what is missing of the period is taken to go on like what was seen."},
	} {
		st, b := st, rules.Balance{Points: append([]rules.BalancePoint{}, whole...), Ahead: ahead}
		c.is(&st, &b)
		if got := strings.Join(bare(fakeEngine{}).balanceWords(st, b), " "); got != c.want {
			t.Errorf("%s:\ngot  %s\nwant %s", c.name, got, c.want)
		}
	}
}

// The picture of a budget has its line, its forecast, and the lines by which it is judged; in numbers, too.
func TestDrawBalance(t *testing.T) {
	st := promise("share", "requests", "Sharing works", broke)
	st.Objective.Alerting.BudgetSpent = []float64{0.75}
	e := fakeEngine{statuses: []rules.Status{st}}
	part := bare(e).budgetOver(t.Context(), st)
	d := part.Drawings[0]
	plot := string(d.Plot)
	for _, want := range []string{
		`class="line ink-1"`, `class="line ink-1 dash-1"`, `class="line ink-1 dash-2"`, `<title>spent 0%</title>`, `<title>ticket 25%</title>`, `<title>now</title>`,
		"<title>Incident 121: Sharing &lt;fails&gt;</title>", `aria-label="Error budget left from`,
	} {
		if !strings.Contains(plot, want) {
			t.Errorf("the plot lacks %s:\n%s", want, plot)
		}
	}
	if strings.Contains(plot, "share 1.4.2") {
		t.Error("deploys of a month are marked")
	}
	var legend []string
	for _, l := range d.Legend {
		legend = append(legend, l.Name)
	}
	if want := []string{"budget left", "forecast, at the error ratios of the last hour and the last six", "spent", "ticket when 75% is spent", "incident"}; !cmp.Equal(legend, want) {
		t.Error(cmp.Diff(want, legend))
	}
	if !strings.Contains(string(d.Scale), ">100%<") || !strings.Contains(string(d.Scale), ">0<") {
		t.Errorf("the scale is %s", d.Scale)
	}
	first, last := d.Rows[0], d.Rows[len(d.Rows)-1]
	if len(d.Rows) < 12 || len(d.Rows) > 18 || first.Cells[0] != "98%" || !strings.HasPrefix(last.Cells[0], "forecast: −18% to 21%") {
		t.Errorf("in %d numbers from %+v to %+v", len(d.Rows), first, last)
	}
}

func TestBudgetThatIsNotDrawn(t *testing.T) {
	st := promise("share", "requests", "Sharing works", nil)
	idle := st
	idle.Total = 0
	for want, e := range map[string]fakeEngine{
		"Nothing was counted yet, so there is no budget to draw.":                          {statuses: []rules.Status{idle}},
		"The budget over time could not be read: disk.":                                    {statuses: []rules.Status{st}, counts: failing(errors.New("disk"))},
		"The past of this objective is still being read; the budget is drawn when that is": {statuses: []rules.Status{st}, counts: failing(rules.ErrRestoring)},
	} {
		part := bare(e).budgetOver(t.Context(), e.statuses[0])
		if len(part.Drawings) != 0 || len(part.Words) != 1 || !strings.HasPrefix(part.Words[0], want) {
			t.Errorf("it says %q, want %q", part.Words, want)
		}
	}
}

func failing(err error) func(string, time.Time, time.Time) (float64, float64, error) {
	return func(string, time.Time, time.Time) (float64, float64, error) { return 0, 0, err }
}

// A scale ends where it still tells something, however much is overspent.
func TestLowestBudget(t *testing.T) {
	st := promise("share", "requests", "Sharing works", func(s *rules.Status) { s.BudgetRemaining = -40 })
	part := bare(fakeEngine{statuses: []rules.Status{st}}).budgetOver(t.Context(), st)
	if scale := string(part.Drawings[0].Scale); !strings.Contains(scale, ">-200%<") || strings.Contains(scale, "-400%") {
		t.Errorf("the scale is %s", scale)
	}
	if rows := part.Drawings[0].Rows; !strings.Contains(rows[len(rows)-5].Cells[0], "−4000%") {
		t.Errorf("the numbers do not say how much is overspent: %+v", rows)
	}
}

func TestDay(t *testing.T) {
	st := promise("share", "requests", "Sharing works", broke)
	part := bare(fakeEngine{statuses: []rules.Status{st}}).dayOver(t.Context(), st)
	if want := []string{"The worst 15 min began at 13:03: 126 of about 4,000 requests failed (3.1%)."}; !cmp.Equal(part.Words, want) {
		t.Error(cmp.Diff(want, part.Words))
	}
	burn, failed := string(part.Drawings[0].Plot), string(part.Drawings[1].Plot)
	for _, want := range []string{"<title>page 14.4×</title>", "<title>as fast as the budget allows 1×</title>", "<title>share 1.4.2 goes out</title>", "Incident 122: Sharing a post works", "over 1h: 25"} {
		if !strings.Contains(burn, want) {
			t.Errorf("the burn rates lack %q", want)
		}
	}
	for _, want := range []string{"<title>allowed 0.1%</title>", `class="column ink-bad"`, `class="column ink-good"`, "above it 3.1"} {
		if !strings.Contains(failed, want) {
			t.Errorf("the failures lack %q", want)
		}
	}
	if len(part.Events) != 3 || part.Events[0].Ended != "for 1 h" || part.Events[1].Ended != "" || part.Events[2].Ended != "and goes on" {
		t.Errorf("it happened: %+v", part.Events)
	}
	if rows := part.Drawings[1].Rows; len(rows) < 12 || rows[len(rows)-1].Cells[0] != "126 of about 4,000 requests failed" {
		t.Errorf("in numbers: %+v", rows)
	}
	calm := promise("auth", "login", "People can log in", nil)
	e := fakeEngine{statuses: []rules.Status{calm}, counts: func(string, time.Time, time.Time) (float64, float64, error) { return 10, 10, nil }}
	if part := bare(e).dayOver(t.Context(), calm); part.Words[0] != "Nothing failed in the last 24 hours." || len(part.Events) != 0 {
		t.Errorf("a calm day: %+v", part)
	}
}

func TestDayOf(t *testing.T) {
	for period, want := range map[time.Duration][2]time.Duration{
		30 * 24 * time.Hour: {24 * time.Hour, 5 * time.Minute}, 12 * time.Hour: {12 * time.Hour, 150 * time.Second}, 0: {24 * time.Hour, 5 * time.Minute},
		time.Minute: {288 * time.Second, time.Second},
	} {
		if length, step := dayOf(rules.Objective{Period: period}); length != want[0] || step != want[1] {
			t.Errorf("of %s: %s in steps of %s", period, length, step)
		}
	}
}

// Steps without telemetry leave a column as it is; columns of nothing but them are gaps.
func TestColumns(t *testing.T) {
	nan := math.NaN()
	const step = 5 * time.Minute
	c := rules.Course{Step: step}
	for i, total := range []float64{10, nan, 20, nan, nan, nan, 0} {
		bad := total / 10
		c.Points = append(c.Points, rules.CoursePoint{At: noon().Add(time.Duration(i) * step), Bad: bad, Total: total})
	}
	columns := columnsOf(c)
	if len(columns) != 3 || columns[0].bad != 3 || columns[0].total != 30 || !math.IsNaN(columns[1].ratio()) || !math.IsNaN(columns[2].ratio()) {
		t.Errorf("%+v", columns)
	}
	if from, to := columns[0].from, columns[0].to; !from.Equal(noon().Add(-step)) || to.Sub(from) != 3*step {
		t.Errorf("the first is from %s to %s", from, to)
	}
	if worst, known := worstOf(columns); !known || worst != columns[0] {
		t.Errorf("the worst is %+v", worst)
	}
}

func TestWhereItBurns(t *testing.T) {
	st := promise("share", "requests", "Sharing works", broke)
	said := func(w rules.Where, err error) string {
		e := fakeEngine{statuses: []rules.Status{st}, where: func(context.Context) (rules.Where, error) { return w, err }}
		b := bare(e).whereItBurns(t.Context(), st)
		return strings.Join(append(b.Sentences, b.Unknown), "")
	}
	for want, got := range map[string]string{
		"Not known: there are too many series": said(rules.Where{}, context.DeadlineExceeded),
		"Not known: disk.":                     said(rules.Where{}, errors.New("disk")),
		"Not known: the objective is polled, which yields no series of its own to compare.": said(rules.Where{Reason: "the objective is polled, which yields no series of its own to compare"}, nil),
		"Nothing that the failures have in common stands out.":                              said(rules.Where{}, nil),
		"The failed requests are spread like the traffic: no label stands out.":             said(rules.Where{Even: true, Unit: "requests"}, nil),
	} {
		if !strings.HasPrefix(got, want) {
			t.Errorf("it says %q, want %q", got, want)
		}
	}
	calm := promise("share", "requests", "Sharing works", nil)
	if b := bare(fakeEngine{}).whereItBurns(t.Context(), calm); b != nil {
		t.Errorf("nothing burns, and it says %+v", b)
	}
	if since := burnsSince(st, noon()); !since.Equal(noon().Add(-9 * time.Minute)) {
		t.Errorf("it looks from %s on, want five minutes before the alert", since)
	}
	if since := burnsSince(calm, noon()); !since.Equal(noon().Add(-time.Hour)) {
		t.Errorf("without an alert it looks from %s on", since)
	}
}

// A page waits no longer than it says, and an answer is asked for once in a while.
func TestWhereIsBounded(t *testing.T) {
	asked := 0
	st := promise("share", "requests", "Sharing works", broke)
	s := bare(fakeEngine{statuses: []rules.Status{st}, where: func(ctx context.Context) (rules.Where, error) {
		asked++
		<-ctx.Done()
		return rules.Where{}, ctx.Err()
	}})
	now := noon()
	s.o.Now = func() time.Time { return now }
	began := time.Now()
	for range 3 {
		if b := s.whereItBurns(t.Context(), st); !strings.HasPrefix(b.Unknown, "Not known: there are too many") {
			t.Errorf("it says %q", b.Unknown)
		}
	}
	if took := time.Since(began); asked != 1 || took > 10*whereTime {
		t.Errorf("it was asked %d times and took %s", asked, took)
	}
	now = now.Add(whereFresh)
	s.whereItBurns(t.Context(), st)
	if asked != 2 {
		t.Errorf("it was asked %d times, want again after %s", asked, whereFresh)
	}
}

func BenchmarkObjective(b *testing.B) {
	e := fakeEngine{statuses: aBadDay()}
	site, err := New(Options{Engine: e, Courses: e, Marks: someMarks, Now: noon})
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		w := httptest.NewRecorder()
		site.ServeHTTP(w, httptest.NewRequestWithContext(b.Context(), http.MethodGet, "/objectives/share-requests", nil))
		if w.Code != 200 {
			b.Fatal(w.Code)
		}
	}
}

// The numbers below a drawing hold its worst moments and its last one, though not all of them.
func TestNumbersHoldBreaches(t *testing.T) {
	const n = 1000
	values := make([]float64, n)
	values[137], values[500], values[n-2] = 39, math.NaN(), 7
	var d drawing
	d.number(time.UTC, time.RFC3339, n, func(i int) float64 { return values[i] }, func(i int) (time.Time, []string) {
		return noon().Add(time.Duration(i) * time.Second), []string{strconv.FormatFloat(values[i], 'f', -1, 64)}
	})
	var all []string
	for _, r := range d.Rows {
		all = append(all, r.Cells...)
	}
	if !slices.Contains(all, "39") || !slices.Contains(all, "7") || all[len(all)-1] != "0" || len(all) > 2*mostNumbers+2 {
		t.Errorf("%d numbers: %v", len(all), all)
	}
}
