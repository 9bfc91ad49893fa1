package playbooks

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// store answers queries from a table: what is not in it finds nothing.
type store map[string][]Sample

func (s store) query(_ context.Context, expr string, _ time.Time) ([]Sample, error) {
	return s[strings.TrimSpace(expr)], nil
}

// by is a sample with the labels that a="b" c="d" says.
func by(set string, value float64) Sample { return Sample{Labels: labels(set), Value: value} }

// routes are n samples of one label each.
func routes(n int) []Sample {
	var all []Sample
	for i := range n {
		all = append(all, by(fmt.Sprintf("job=api route=/r%d", i), float64(i)))
	}
	return all
}

// fence is a code block with a query.
func fence(query string) string { return "```promql\n" + query + "\n```\n" }

// The page, the checklist and the text as they are sent, to be reviewed as documents.
func TestEvaluateGolden(t *testing.T) {
	p := parseFile(t, "testdata/live.md").Fill(map[string]string{"service": "share"})
	at := time.Date(2026, 11, 27, 3, 0, 0, 0, time.UTC)
	got := p.Evaluate(t.Context(), func(_ context.Context, expr string, when time.Time) ([]Sample, error) {
		if !when.Equal(at) {
			t.Errorf("asked as of %s", when)
		}
		switch expr = strings.TrimSpace(expr); {
		case strings.Contains(expr, "share_slow"):
			return nil, errors.New("query processing would load\ntoo many `samples` into memory in query execution")
		case strings.HasPrefix(expr, "bottomk"):
			return []Sample{by("pod=share-2", 3), by("pod=share-1", 0.5)}, nil
		}
		return store{
			`sum(rate(share_errors_total{service="share"}[5m]))`: {{Value: 41.23456}},
			"sum by (route) (share_errors)":                      {by("job=api route=/v1/share", 41234), by("job=api route=/a|b", 3), by("job=api", math.NaN())},
			"sum by (route) (share_requests)":                    routes(7),
			"max by (pod) (share_restarts) > 0":                  {by("pod=share-1", 2)},
		}.query(t.Context(), expr, when)
	}, at)
	var b strings.Builder
	b.WriteString(got.Body)
	for _, s := range got.Steps() {
		fmt.Fprintf(&b, "\n== step %s of %q\n%s\n", s.ID, s.Section, s.Text)
	}
	b.WriteString("\n== html\n" + string(got.HTML()))
	golden(t, "live.golden.md", b.String())
	if got.Hash() != parseFile(t, "testdata/live.md").Hash() {
		t.Error("the hash is not that of the text as written")
	}
}

func TestEvaluateTwice(t *testing.T) {
	p := Playbook{ID: "a", Body: "Impact of $service.\n\n1. Look.\n   " + strings.ReplaceAll(fence(`a{s="$service"}`), "\n", "\n   ") + "\n"}
	first := store{`a{s="x"}`: {{Value: 1}}}
	second := store{`a{s="x"}`: {{Value: 2}}, `a{s="y"}`: {{Value: 3}}}
	once := p.Fill(labels("service=x")).Evaluate(t.Context(), first.query, time.Now())
	if !strings.Contains(once.Body, "   → **1**\n") {
		t.Fatalf("not answered:\n%s", once.Body)
	}
	twice := once.Evaluate(t.Context(), second.query, time.Now())
	if want := strings.ReplaceAll(once.Body, "**1**", "**2**"); twice.Body != want {
		t.Errorf("evaluated twice it is\n%s", twice.Body)
	}
	if filled := once.Fill(labels("service=y")); filled.Body != once.Body || filled.Hash() != p.Hash() {
		t.Errorf("filled afterwards it is\n%s", filled.Body)
	}
	late := p.Evaluate(t.Context(), first.query, time.Now()).Fill(labels("service=x"))
	if !strings.Contains(late.Body, "Impact of x") || !strings.Contains(late.Body, "→ not known: the alert has no label `service` that can be filled in") {
		t.Errorf("filled late it is\n%s", late.Body)
	}
	if got := p.Evaluate(t.Context(), nil, time.Now()); got.Body != p.Body {
		t.Errorf("without a query function it is\n%s", got.Body)
	}
}

// Where answers go, and that what stands around them stays what it is.
func TestAnswersStandBehindTheirBlocks(t *testing.T) {
	s := store{"a": {{Value: 1}}}
	for _, c := range []struct{ name, body, want string }{
		{"at the margin", fence("a") + "More.\n", fence("a") + "→ **1**\n\nMore.\n"},
		{"before a blank line", fence("a") + "\nMore.\n", fence("a") + "→ **1**\n\nMore.\n"},
		{"the list goes on", "1. x\n   ```promql\n   a\n   ```\n2. y\n", "1. x\n   ```promql\n   a\n   ```\n   → **1**\n2. y\n"},
		{"a list after the block", fence("a") + "2. y\n", fence("a") + "→ **1**\n\n2. y\n"},
		{"behind the list mark", "1. ```promql\n   a\n   ```\n2. y\n", "1. ```promql\n   a\n   ```\n   → **1**\n2. y\n"},
		{"never closed", "```promql\na", "```promql\na\n```\n→ **1**\n"},
		{"empty", "```promql\n```\n", "```promql\n```\n→ not known: the query is empty\n"},
		{"with a title", "~~~ PromQL title=x\na\n~~~\n", "~~~ PromQL title=x\na\n~~~\n→ **1**\n"},
		{"another language", "```sh\na\n```\n", "```sh\na\n```\n"},
		{"no language", "```\npromql\n```\n", "```\npromql\n```\n"},
		{"shown, not asked", "````\n```promql\na\n```\n````\n", "````\n```promql\na\n```\n````\n"},
		{"nothing there", fence("b"), fence("b") + "→ no data\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := Playbook{Body: c.body}.Evaluate(t.Context(), s.query, time.Now()).Body
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAnswered(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		name    string
		samples []Sample
		want    []string // in the place of the query
	}{
		{"a scalar", []Sample{{Value: 3.2}}, []string{"→ **3.2**"}},
		{"one series", []Sample{by("__name__=up route=/a", 1)}, []string{"→ `route=/a` **1**"}},
		{"what differs", []Sample{by("job=api route=/a", 1), by("job=api route=/b", 2)}, []string{"→ `route=/b` **2**", "→ `route=/a` **1**"}},
		{"a label that one lacks", []Sample{by("route=/a", 2), by("job=x", 1)}, []string{"→ `route=/a` **2**", "→ `job=x` **1**"}},
		{"the names of metrics", []Sample{by("__name__=a", 2), by("__name__=b", 1)}, []string{"→ `__name__=a` **2**", "→ `__name__=b` **1**"}},
		{"nothing differs", []Sample{by("a=b", 2), by("a=b", 1)}, []string{"→ **2**", "→ **1**"}},
		{"no number", []Sample{by("a=b", nan)}, []string{"→ no data"}},
		{"no numbers last", []Sample{by("a=b", nan), by("a=c", -1)}, []string{"→ `a=c` **-1**", "→ `a=b` **no data**"}},
		{"too many", routes(6), []string{"→ `route=/r5` **5**", "→ `route=/r4` **4**", "→ `route=/r3` **3**", "→ `route=/r2` **2**", "→ `route=/r1` **1**", "→ … and 1 more"}},
		{
			"too many labels",
			[]Sample{by("a=1 b=1 c=1 d=1", 3), by("a=2 b=2 c=1 d=2", 2), by("a=3 b=2 c=2 d=3", 1)},
			[]string{"→ `a=1` `b=1` `d=1` **3**", "→ `a=2` `b=2` `d=2` **2**", "→ `a=3` `b=2` `d=3` **1**"},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			if diff := cmp.Diff(c.want, answered(c.samples, false).lines); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestSmallestFirst(t *testing.T) {
	for expr, want := range map[string]bool{
		"bottomk(5, a)": true, "(sort(a))": true, "topk(5, a)": false, "a": false, "sort_desc(a)": false, "bottomk(": false,
	} {
		if got := ascending(expr); got != want {
			t.Errorf("%s: %v", expr, got)
		}
	}
	got := answered([]Sample{by("a=b", math.NaN()), by("a=c", 2), by("a=d", 1)}, true).lines
	if want := []string{"→ `a=d` **1**", "→ `a=c` **2**", "→ `a=b` **no data**"}; !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

func TestNumber(t *testing.T) {
	for value, want := range map[float64]string{
		0: "0", 1: "1", 41.23456: "41.23", 0.5: "0.5", 0.0001234: "0.0001234", 0.00000012345: "1.235e-07", 100: "100",
		1234: "1234", 9999.4: "9999", 9999.6: "10k", 12346: "12.35k", 999_960: "1M", 1_234_567: "1.235M", 2e9: "2G", 7.5e13: "75T",
		1e18: "1e+18", -0.25: "-0.25", -12346: "-12.35k", math.Inf(1): "∞", math.Inf(-1): "-∞", math.MaxFloat64: "1.798e+308",
	} {
		if got := number(value); got != want {
			t.Errorf("%g is %s, want %s", value, got, want)
		}
	}
}

// Labels come from whoever sends telemetry.
func TestLabelsCannotBreakOut(t *testing.T) {
	for value, want := range map[string]string{
		"/v1/share":                "`/v1/share`",
		"a`b":                      "`a'b`",
		"a|b":                      "`a¦b`",
		"<!channel> <@U1>":         "`‹!channel› ‹@U1›`",
		"two\nlines\r\tand \x00":   "`two lines and`",
		"\u202eevil\u200b":         "`evil`",
		"":                         "–",
		"  ":                       "–",
		"\xff\xfe":                 "–",
		strings.Repeat("é", 48):    "`" + strings.Repeat("é", 48) + "`",
		strings.Repeat("é", 49):    "`" + strings.Repeat("é", 47) + "…`",
		"GET /[a](http://evil.io)": "`GET /[a](http://evil.io)`",
	} {
		if got := code(value); got != want {
			t.Errorf("%q is %s, want %s", value, got, want)
		}
	}
}

// Every query is asked once, at most four at a time, and no more than there may be.
func TestQueriesAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		body := ""
		for i := range maxQueries + 3 {
			body += fence(fmt.Sprintf("m%d", i)) + fence("m0")
		}
		var asked, now, most atomic.Int32
		got := Playbook{Body: body}.Evaluate(t.Context(), func(context.Context, string, time.Time) ([]Sample, error) {
			asked.Add(1)
			most.Store(max(most.Load(), now.Add(1)))
			time.Sleep(time.Millisecond)
			now.Add(-1)
			return []Sample{{Value: 7}}, nil
		}, time.Now())
		if asked.Load() != maxQueries || most.Load() != queriesAtOnce {
			t.Errorf("asked %d, %d at a time", asked.Load(), most.Load())
		}
		if n := strings.Count(got.Body, "→ **7**"); n != 2*maxQueries+3 {
			t.Errorf("%d are answered", n)
		}
		if n := strings.Count(got.Body, "→ not known: only 32 queries of a playbook are asked"); n != 3 {
			t.Errorf("%d are said to be too many", n)
		}
	})
}

// A slow query costs its own answer alone, and ctx ends everything.
func TestTimeIsShared(t *testing.T) {
	evaluate := func(t *testing.T, query Query) (body string, took time.Duration) {
		t.Helper()
		body = ""
		for i := range 6 {
			body += fence(fmt.Sprintf("m%d", i))
		}
		start := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 2*time.Second)
		defer cancel()
		return Playbook{Body: body}.Evaluate(ctx, query, start).Body, time.Since(start)
	}
	const late = "→ not known: the query failed (no answer in time)"
	t.Run("slow ones end", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			body, took := evaluate(t, func(ctx context.Context, expr string, _ time.Time) ([]Sample, error) {
				if expr < "m4" {
					<-ctx.Done()
					return nil, fmt.Errorf("query timed out in query execution: %w", ctx.Err())
				}
				return []Sample{{Value: 1}}, nil
			})
			if took != time.Second || strings.Count(body, late) != 4 || strings.Count(body, "→ **1**") != 2 {
				t.Errorf("after %s:\n%s", took, body)
			}
		})
	})
	t.Run("deaf ones are not waited for", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			var asked atomic.Int32
			body, took := evaluate(t, func(_ context.Context, expr string, _ time.Time) ([]Sample, error) {
				asked.Add(1)
				if expr == "m1" {
					return []Sample{{Value: 1}}, nil
				}
				time.Sleep(time.Minute)
				return nil, nil
			})
			if took != 2*time.Second || strings.Count(body, late) != 5 || strings.Count(body, "→ **1**") != 1 || asked.Load() != 5 {
				t.Errorf("after %s, %d asked:\n%s", took, asked.Load(), body)
			}
			time.Sleep(time.Minute) // they end after all
		})
	})
	t.Run("a moment that is over", func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		got := Playbook{Body: fence("a")}.Evaluate(ctx, func(context.Context, string, time.Time) ([]Sample, error) {
			t.Error("asked")
			return nil, nil
		}, time.Now()).Body
		if got != fence("a")+late+"\n" {
			t.Errorf("got %s", got)
		}
	})
}

// BenchmarkEvaluate answers the queries of the library's longest playbook at once and
// makes the checklist.
func BenchmarkEvaluate(b *testing.B) {
	lib, err := Load(nil)
	if err != nil {
		b.Fatal(err)
	}
	longest := slices.MaxFunc(lib.All(), func(a, b Playbook) int { return len(a.Body) - len(b.Body) })
	filled := longest.Fill(labels("service=share"))
	samples := routes(10)
	query := func(context.Context, string, time.Time) ([]Sample, error) { return samples, nil }
	b.ReportAllocs()
	for b.Loop() {
		if p := filled.Evaluate(b.Context(), query, time.Time{}); len(p.Steps()) < 10 {
			b.Fatal(p.Body)
		}
	}
}
