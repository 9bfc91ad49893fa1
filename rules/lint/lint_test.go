package lint

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/watchtower-hub/watchtower/rules"
)

var update = flag.Bool("update", false, "write the golden files")

const day = 24 * time.Hour

// facts are those of a server that scrapes two jobs.
func facts() Facts {
	return Facts{
		Jobs: map[string]time.Duration{"api": 15 * time.Second, "slow": 2 * time.Minute}, OTLP: time.Minute,
		Retention: 45 * day, Ledger: 400 * day, Keep: Place{File: "watchtower.yaml", Line: 7},
	}
}

// objectives reads a spec, which must be sound.
func objectives(tb testing.TB, text string) []rules.Objective {
	tb.Helper()
	all, err := rules.ParseObjectives("spec.yaml", []byte(text))
	if err != nil {
		tb.Fatal(err)
	}
	return all
}

func readFile(tb testing.TB, name string) string {
	tb.Helper()
	text, err := os.ReadFile(name)
	if err != nil {
		tb.Fatal(err)
	}
	return string(text)
}

// golden compares findings with a file, which is as short as the messages are.
func golden(t *testing.T, name string, findings []Finding) {
	t.Helper()
	var b strings.Builder
	for _, f := range findings {
		b.WriteString(f.Check + " " + f.String() + "\n")
	}
	if *update {
		if err := os.WriteFile(name, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(readFile(t, name), b.String()); diff != "" {
		t.Error(diff)
	}
}

func TestFindings(t *testing.T) {
	golden(t, "testdata/static.golden", Check(objectives(t, readFile(t, "testdata/static.yaml")), facts()))
}

// TestNothingIsSaidOfWhatIsNotKnown checks the same objectives without facts.
func TestNothingIsSaidOfWhatIsNotKnown(t *testing.T) {
	for _, f := range Check(objectives(t, readFile(t, "testdata/static.yaml")), Facts{}) {
		if slices.Contains([]string{checkShortWindow, checkSlice, checkNoTrafficFor, checkRetention, checkJob}, f.Check) {
			t.Errorf("without facts: %s", f)
		}
	}
}

// TestEveryMessageSaysWhatToDo reads the golden files: after what is wrong comes what
// to do about it.
func TestEveryMessageSaysWhatToDo(t *testing.T) {
	todo := regexp.MustCompile(`[:;,(] (or )?(add|correct|disable|drop|give|keep|lower|name|narrow|promise|raise|remove|rely|set|send|use|wrap|write|if there were bad ones, the store)\b`)
	for _, name := range []string{"testdata/static.golden", "testdata/stored.golden"} {
		for line := range strings.Lines(readFile(t, name)) {
			if !todo.MatchString(line) {
				t.Errorf("%s: no word of what to do: %s", name, line)
			}
		}
	}
}

// TestEveryCheckIsShownAndDocumented looks for each check's name in the golden files
// and in docs/check.md.
func TestEveryCheckIsShownAndDocumented(t *testing.T) {
	shown := readFile(t, "testdata/static.golden") + readFile(t, "testdata/stored.golden")
	docs := readFile(t, "../../docs/check.md")
	for _, check := range []string{
		checkUnreachable, checkBurnBelowOne, checkShortWindow, checkSlice, checkNoTrafficFor, checkRetention, checkJob,
		checkPromise, checkNoEffect, checkSame, checkOwner, checkBucket, checkCounter, checkSumBy, checkCost, checkPolled, checkUnlike,
		checkNoSeries, checkNoBad, checkBound, checkTypo, checkGroups, checkTraffic, checkTooHigh,
	} {
		if !strings.Contains("\n"+shown, "\n"+check+" ") {
			t.Errorf("no golden message of %s", check)
		}
	}
	for _, check := range []string{checkLongWindow, checkManySeries, checkRefused} {
		if !strings.Contains(docs, "`"+check+"`") {
			t.Errorf("docs/check.md does not explain %s", check)
		}
	}
	for line := range strings.Lines(shown) {
		if check, _, _ := strings.Cut(line, " "); !strings.Contains(docs, "`"+check+"`") {
			t.Errorf("docs/check.md does not explain %s", check)
		}
	}
}

// TestWhatIsFineIsNotTold has queries that look like mistakes and are none.
func TestWhatIsFineIsNotTold(t *testing.T) {
	fine := func(sli string) {
		t.Helper()
		spec := "version: prometheus/v1\nservice: s\nlabels: {team: a}\nslos:\n  - {name: n, objective: 99, description: It works, sli: {" + sli + "}}\n"
		for _, f := range Check(objectives(t, spec), facts()) {
			t.Errorf("%s\n%s", sli, f)
		}
	}
	events := func(bad, total string) {
		t.Helper()
		fine("events: {error_query: '" + bad + "', total_query: '" + total + "'}")
	}
	raw := func(ratio string) { t.Helper(); fine("raw: {error_ratio_query: '" + ratio + "'}") }
	// The same bound as Prometheus 2 and 3 write it.
	events(`sum(rate(a_count[{{.window}}])) - sum(rate(a_bucket{le=~"1|1.0"}[{{.window}}]))`, `sum(rate(a_count[{{.window}}]))`)
	// Good events of one kind, all events of two.
	events(`sum(rate(a_total{result="bad"}[{{.window}}]))`, `sum(rate(a_total{result="bad"}[{{.window}}])) + sum(rate(a_total{result="good"}[{{.window}}]))`)
	// A scrape job of another server whose name is like none here.
	events(`sum(rate(a_total{job="payments",code="500"}[{{.window}}]))`, `sum(rate(a_total{job="payments"}[{{.window}}]))`)
	raw(`1 - histogram_quantile(0.5, sum by (le) (rate(a_bucket[{{.window}}]))) / 10`)
	raw(`avg_over_time((a_seconds > bool 5)[{{.window}}:15s])`)
	raw(`count(a_total == 0) / count(a_total) + 0 * sum(rate(a_total[{{.window}}]))`)
}

func TestParse(t *testing.T) {
	parse := func(text, file string, line int, sentence string) {
		t.Helper()
		if f := Parse("c", Fault, text); f.File != file || f.Line != line || f.Sentence != sentence {
			t.Errorf("%q: %+v", text, f)
		}
	}
	parse("a/b.yaml:12: what: to do", "a/b.yaml", 12, "what: to do")
	parse(`C:\a.yaml:3: x`, `C:\a.yaml`, 3, "x")
	parse("a.yaml:1: one\ntwo:2: three", "a.yaml", 1, "one\ntwo:2: three")
	parse("nothing to see", "", 0, "nothing to see")
	parse("", "", 0, "")
}

func TestNear(t *testing.T) {
	like := func(word, want string, words ...string) {
		t.Helper()
		if got := Near(word, words); got != want {
			t.Errorf("%s is taken for %q, want %q", word, got, want)
		}
	}
	like("shrae", "share", "api", "share", "shared")
	like("Share", "share", "share")
	like("http_reqests_total", "http_requests_total", "http_requests_total", "grpc_requests_total")
	like("500", "", "503", "501")
	like("share", "", "share", "feed")
	like("feed", "", "login")
	like("naïve", "naive", "naive")
}

func TestFigures(t *testing.T) {
	for got, want := range map[string]string{
		length(30 * day): "30d", length(90 * time.Minute): "1h30m", length(0): "0s", length(75 * time.Second): "1m15s",
		percent(0.999): "99.9%", percent(0.99999): "99.999%", percent(0.5): "50%", percent(0.0004): "0.04%", percent(1): "100%", percent(0): "0%",
		figure(14.4): "14.4", figure(1e6): "1,000,000", figure(0.003): "0.003", figure(0.00002): "0.00002", figure(999): "999",
		percent(below(0.9963)): "99.6%", percent(below(0.996)): "99.6%", percent(below(0.4)): "40%",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}
