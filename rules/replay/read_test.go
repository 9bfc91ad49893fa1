package replay_test

import (
	"context"
	"math"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/tsdb"

	"github.com/watchtower-hub/watchtower/rules"
	"github.com/watchtower-hub/watchtower/rules/replay"
)

func number(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }

func openIn(t *testing.T, dir string) *tsdb.DB {
	t.Helper()
	o := tsdb.DefaultOptions()
	o.RetentionDuration = (400 * day).Milliseconds()
	db, err := tsdb.Open(dir, nil, nil, o, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// fill copies a history into a database, in order of time.
func fill(t *testing.T, db *tsdb.DB, src replay.Source) {
	t.Helper()
	series, done, err := src.Series(context.Background(), replay.Selection{Selectors: []string{`{__name__=~".+"}`}, To: math.MaxInt64, MaxSeries: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	app := db.Appender(context.Background())
	for n, left := 0, len(series); left > 0; n++ {
		left = 0
		for _, s := range series {
			in, ok := s.Next()
			if !ok {
				continue
			}
			left++
			if _, err := app.Append(0, s.Labels(), in.Time, in.Value); err != nil {
				t.Fatal(err)
			}
		}
		if n%1000 == 0 || left == 0 {
			if err := app.Commit(); err != nil {
				t.Fatal(err)
			}
			app = db.Appender(context.Background())
		}
	}
	if err := app.Commit(); err != nil {
		t.Fatal(err)
	}
	if err := db.Compact(context.Background()); err != nil {
		t.Fatal(err)
	}
}

// samples lists all samples of a source, one on a line.
func samples(t *testing.T, src replay.Source) string {
	t.Helper()
	series, done, err := src.Series(context.Background(), replay.Selection{Selectors: []string{`{__name__=~".+"}`}, To: math.MaxInt64, MaxSeries: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	var b strings.Builder
	for _, s := range series {
		for in, ok := s.Next(); ok; in, ok = s.Next() {
			b.WriteString(s.Labels().String() + " " + number(in.Value) + " at " + strconv.FormatInt(in.Time, 10))
			if in.Start > 0 {
				b.WriteString(" since " + strconv.FormatInt(in.Start, 10))
			}
			b.WriteString("\n")
		}
	}
	return b.String()
}

func TestReadText(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want, err string }{
		{"OpenMetrics, out of order, one twice", "# TYPE a counter\na_total 3 20\na_total 1 10\na_total 1 10\n# EOF\n", `{__name__="a_total"} 1 at 10000
{__name__="a_total"} 3 at 20000
`, ""},
		{"created twice", "# TYPE a counter\na_total 3 20\na_total 4 30\na_total 1 40\na_created 15 20\na_created 35 40\n# EOF\n", `{__name__="a_total"} 3 at 20000 since 15000
{__name__="a_total"} 4 at 30000 since 15000
{__name__="a_total"} 1 at 40000 since 35000
`, ""},
		{"created of a histogram", "# TYPE h histogram\nh_bucket{le=\"1\"} 1 20\nh_bucket{le=\"+Inf\"} 2 20\nh_count 2 20\nh_sum 2 20\nh_created 15 20\n# EOF\n", `{__name__="h_bucket", le="+Inf"} 2 at 20000 since 15000
{__name__="h_bucket", le="1.0"} 1 at 20000 since 15000
{__name__="h_count"} 2 at 20000 since 15000
{__name__="h_sum"} 2 at 20000 since 15000
`, ""},
		{"Prometheus text", "# a comment\n\nb{x=\"1\"} 1 10000\nb{x=\"1\"} 2 20000\n", `{__name__="b", x="1"} 1 at 10000
{__name__="b", x="1"} 2 at 20000
`, ""},
		{"no timestamp", "# TYPE a counter\na_total 3\n# EOF\n", "", "history: entry 2: a_total has no timestamp"},
		{"not a metric", "a b c d\n", "", "history: entry 1: "},
		{"nothing", "# EOF\n", "", "there is no sample in it"},
		{"half a gzip", "\x1f\x8b", "", "unpack"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := replay.ReadText("history", strings.NewReader(c.text))
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("want %q, got %v", c.err, err)
				}
			case err != nil:
				t.Error(err)
			default:
				if got := samples(t, m); got != c.want {
					t.Errorf("got\n%s", got)
				}
			}
		})
	}
}

func TestReadCSV(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want, err string }{
		{"per row", "time,bad,total\n1000,1,10\n1060,0,20\n", `{__name__="replayed_events_total"} 10 at 1000000 since 940000
{__name__="replayed_events_total"} 30 at 1060000
{__name__="replayed_part_total"} 1 at 1000000 since 940000
{__name__="replayed_part_total"} 1 at 1060000
`, ""},
		{"cumulative, another order, other times", "cumulative_total,time,cumulative_good\n10,1970-01-01T00:16:40Z,9\n30, 1060.5 ,29\n", `{__name__="replayed_events_total"} 10 at 1000000
{__name__="replayed_events_total"} 30 at 1060500
{__name__="replayed_part_total"} 9 at 1000000
{__name__="replayed_part_total"} 29 at 1060500
`, ""},
		{"unknown column", "time,errors,total\n", "", "history:1: the header is"},
		{"mixed columns", "time,bad,cumulative_total\n", "", "name the columns time, total, and bad or good"},
		{"twice", "time,bad,bad\n", "", `"bad" is given twice`},
		{"no time", "time,bad,total\nyesterday,1,2\n", "", `history:2: "yesterday" is no time`},
		{"not in order", "time,bad,total\n20,1,2\n10,1,2\n", "", "history:3: the time 10 is not after"},
		{"negative", "time,bad,total\n20,-1,2\n", "", `"-1" is no count`},
		{"NaN", "time,bad,total\n20,NaN,2\n", "", `"NaN" is no count`},
		{"more bad than all", "time,bad,total\n20,3,2\n", "", "a part is larger than all"},
		{"short row", "time,bad,total\n20,3\n", "", "wrong number of fields"},
		{"one row", "time,bad,total\n20,1,2\n", "", "fewer than two rows"},
		{"empty", "", "", "read the header"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			m, err := replay.ReadCSV("history", strings.NewReader(c.text))
			switch {
			case c.err != "":
				if err == nil || !strings.Contains(err.Error(), c.err) {
					t.Errorf("want %q, got %v", c.err, err)
				}
			case err != nil:
				t.Error(err)
			default:
				if got := samples(t, m); got != c.want {
					t.Errorf("got\n%s", got)
				}
			}
		})
	}
}

// The four ways to write a CSV count the same, the first row included where it can be.
func TestCountsOfCSV(t *testing.T) {
	t.Parallel()
	for text, first := range map[string]float64{
		"time,bad,total\n%1,5,100\n%2,5,100\n%3,0,100\n":                             1,
		"time,good,total\n%1,95,100\n%2,95,100\n%3,100,100\n":                        1,
		"time,cumulative_bad,cumulative_total\n%1,5,100\n%2,10,200\n%3,10,300\n":     0,
		"time,cumulative_good,cumulative_total\n%1,95,100\n%2,190,200\n%3,100,100\n": 0, // it began again
	} {
		for i, at := range []string{"%1", "%2", "%3"} {
			text = strings.Replace(text, at, begin().Add(time.Duration(i)*time.Minute).Format(time.RFC3339), 1)
		}
		c, err := replay.ReadCSV("c.csv", strings.NewReader(text))
		if err != nil {
			t.Fatal(err)
		}
		o, err := c.For(share(func(o *rules.Objective) { o.GroupBy = []string{"route"} }))
		if err != nil {
			t.Fatal(err)
		}
		from, to := c.Bounds()
		s := run(t, replay.Plan{Objectives: []rules.Objective{o}, Source: c, From: from, To: to}).Objectives[0]
		if want := 200 + 100*first; !near(s.Total, want, 1e-9) || !near(s.Total-s.Good, 5+5*first, 1e-9) {
			t.Errorf("%s\n%v good of %v events, want %v in all", text, s.Good, s.Total, want)
		}
	}
}

func TestCSVRefusesWhatMustBePolled(t *testing.T) {
	t.Parallel()
	c, err := replay.ReadCSV("c.csv", strings.NewReader("time,bad,total\n10,1,2\n20,1,2\n"))
	if err != nil {
		t.Fatal(err)
	}
	polled := share(func(o *rules.Objective) {
		o.SLI = rules.SLI{ErrorRatioQuery: "avg_over_time(job:errors:ratio[{{.window}}])"}
	})
	_, err = c.For(polled)
	_, other := replay.Run(context.Background(), replay.Plan{Objectives: []rules.Objective{polled}, Source: c, From: begin()})
	for _, err := range []error{err, other} {
		if err == nil || !strings.Contains(err.Error(), "must be asked for by PromQL") {
			t.Errorf("got %v", err)
		}
	}
}

func FuzzReadText(f *testing.F) {
	f.Add("# TYPE a counter\na_total{x=\"1\"} 3 20\na_created{x=\"1\"} 10 20\n# EOF\n")
	f.Add("b 1 10000\nb 2 9000\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := replay.ReadText("f", strings.NewReader(text))
		if err == nil {
			orderly(t, m)
		}
	})
}

func FuzzReadCSV(f *testing.F) {
	f.Add("time,bad,total\n10,1,2\n20,1,2\n")
	f.Add("time,cumulative_good,cumulative_total\n2026-11-02T09:41:00Z,1,2\n1e10,1,2\n")
	f.Fuzz(func(t *testing.T, text string) {
		c, err := replay.ReadCSV("f", strings.NewReader(text))
		if err == nil {
			orderly(t, c)
		}
	})
}

// orderly demands that times rise in each series.
func orderly(t *testing.T, src replay.Source) {
	t.Helper()
	series, done, err := src.Series(context.Background(), replay.Selection{Selectors: []string{`{__name__=~".+"}`}, From: math.MinInt64, To: math.MaxInt64, MaxSeries: math.MaxInt})
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	for _, s := range series {
		last := int64(math.MinInt64)
		for in, ok := s.Next(); ok; in, ok = s.Next() {
			if in.Time <= last && last != math.MinInt64 {
				t.Fatalf("%s: %d after %d", s.Labels(), in.Time, last)
			}
			last = in.Time
		}
	}
}
