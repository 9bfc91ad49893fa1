package playbooks

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/prometheus/promql/parser"
)

func write(t *testing.T, dir, name, content string) {
	t.Helper()
	file := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// playbook is the text of a small playbook whose match is given as YAML.
func playbook(id, match string) string {
	return fmt.Sprintf("---\nid: %s\ntitle: T\nowner: O\nmatch: %s\n---\n1. Do it.\n", id, match)
}

func load(t *testing.T, dirs ...string) *Library {
	t.Helper()
	lib, err := Load(dirs)
	if err != nil {
		t.Fatal(err)
	}
	return lib
}

// labels reads a="b" c="d" as `a=b c=d`.
func labels(s string) map[string]string {
	set := map[string]string{}
	for pair := range strings.FieldsSeq(s) {
		name, value, _ := strings.Cut(pair, "=")
		set[name] = value
	}
	return set
}

func TestMatchMostSpecific(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "b.md", playbook("b-service", "{service: share}"))
	write(t, dir, "a.md", playbook("a-service", "{service: \"=~share|feed\"}"))
	write(t, dir, "c.md", playbook("c-two", "{service: \"=~.*\", slo: \"=~avail.*\"}"))
	write(t, dir, "d.md", playbook("d-two-exact", "[{service: share, slo: availability}, {team: growth}]"))
	write(t, dir, "e.md", playbook("e-team", "{team: growth}"))
	write(t, dir, "deep/f.md", "---\nid: f-alone\ntitle: T\nowner: O\n---\ntext\n")
	lib := load(t, dir)
	for _, c := range []struct{ labels, want string }{
		{"service=share slo=availability", "d-two-exact"},              // two exact
		{"service=feed slo=availability", "c-two"},                     // two labels before one
		{"service=share slo=latency", "b-service"},                     // exact before expression
		{"service=feed slo=latency", "a-service"},                      // an expression matches the whole value
		{"service=feeds slo=latency", "api-latency"},                   // … and no part of it; the library answers
		{"service=x slo=latency team=growth", "d-two-exact"},           // a tie: the id; yours before the library's
		{"slo=availability", "api-error-rate"},                         // =~.* does not match a label that is absent
		{"service=share slo=availability playbook=f-alone", "f-alone"}, // named outright
		{"service=share slo=availability playbook=gone", "d-two-exact"},
		{"alertname=TelemetryLost service=share", "b-service"},
		{"alertname=TelemetryLost service=other", "telemetry-lost"},
		{"other=x", ""},
		{"", ""},
	} {
		p, ok := lib.Match(labels(c.labels))
		if p.ID != c.want || ok != (c.want != "") {
			t.Errorf("%s gets %q (%v), want %q", c.labels, p.ID, ok, c.want)
		}
	}
}

func TestMatchLibrary(t *testing.T) {
	lib := load(t)
	for _, c := range []struct{ labels, want string }{
		{"alertname=ShareAvailability service=share slo=requests-availability", "api-error-rate"},
		{"service=auth slo=login-errors", "api-error-rate"},
		{"alertname=HighErrorRate", "api-error-rate"},
		{"service=feed slo=feed-latency", "api-latency"},
		{"service=feed slo=p99", "api-latency"},
		{"slo=availability component=postgresql", "database-saturation"},
		{"alertname=MySQLConnections", "database-saturation"},
		{"slo=cache-hit-ratio", "cache-hit-ratio"},
		{"component=redis slo=latency", "redis-saturation"},
		{"alertname=KafkaConsumerLag", "queue-backlog"},
		{"slo=notification-freshness", "queue-backlog"},
		{"component=third-party slo=availability", "third-party-down"},
		{"alertname=ThirdPartyDown", "third-party-down"},
		{"alertname=HPAMaxReplicas", "autoscaling-at-max"},
		{"alertname=TrafficSpike", "traffic-spike"},
		{"alertname=TelemetryLost slo=availability", "telemetry-lost"},
		{"alertname=NoTraffic slo=availability", "no-traffic"},
		{"alertname=NoTraffic slo=traffic-volume", "no-traffic"},
		{"alertname=BudgetSpent slo=feed-latency budget_spent=75%", "error-budget"},
		{"alertname=BudgetGoneSoon slo=availability gone_within=6h", "error-budget"},
		{"alertname=WatchtowerStalled check=outbox service=watchtower severity=page", "watchtower-stalled"},
		{"component=redis alertname=RedisMemory", "redis-saturation"},
		{"alertname=RedisEvictions", "cache-hit-ratio"},
		{"component=memcached alertname=MemcachedConnections", "cache-hit-ratio"},
		{"alertname=CacheStampede", "cache-hit-ratio"},
		{"alertname=FeedStampede", "cache-refresh-storm"},
		{"component=postgresql alertname=PostgresConnections", "database-saturation"},
		{"alertname=ReplicationLag", "replication-lag"},
		{"component=host alertname=HostCPU", "host-saturation"},
		{"alertname=NodeDiskFull", "host-saturation"},
		{"component=http alertname=GatewayRefuses", "gateway-saturation"},
		{"slo=logins-answered alertname=LoginBudgetBurn", "login-fails"},
		{"slo=logins-answered alertname=TelemetryLost", "telemetry-lost"},
		{"component=cdn alertname=CDNErrors", "origin-flood"},
		{"slo=partners-answer alertname=PartnersBudgetBurn", "third-party-down"},
		{"alertname=FeatureFlagStale", ""},
	} {
		if p, _ := lib.Match(labels(c.labels)); p.ID != c.want {
			t.Errorf("%s gets %q, want %q", c.labels, p.ID, c.want)
		}
	}
}

func TestLoadReplacesAndKeeps(t *testing.T) {
	dir, other := t.TempDir(), t.TempDir()
	write(t, dir, "mine.md", playbook("api-latency", "{service: share}"))
	write(t, dir, "README.md", "# not a playbook")
	write(t, dir, ".git/x.md", "nor this")
	write(t, dir, "notes.txt", "nor this")
	write(t, other, "real.md", playbook("linked", "{service: feed}"))
	if err := os.Symlink(filepath.Join(other, "real.md"), filepath.Join(dir, "linked.md")); err != nil {
		t.Fatal(err)
	}
	lib := load(t, dir, dir)
	if p, ok := lib.Find("api-latency"); !ok || p.Builtin || p.Source != filepath.Join(dir, "mine.md") {
		t.Errorf("api-latency is %+v, want mine", p)
	}
	if _, ok := lib.Match(labels("slo=feed-latency")); ok {
		t.Error("the embedded api-latency still matches")
	}
	if _, ok := lib.Find("linked"); !ok {
		t.Error("a linked file was not read")
	}
	if p, ok := lib.Find("api-error-rate"); !ok || !p.Builtin {
		t.Errorf("api-error-rate is %+v, want the embedded one", p)
	}
	if n := len(lib.All()); n != 20 {
		t.Errorf("there are %d playbooks, want nineteen of the library and one", n)
	}
	if _, err := Load([]string{filepath.Join(dir, "mine.md")}); err != nil {
		t.Errorf("a file named outright: %v", err)
	}
}

// A copy of a built-in playbook, made to fill in one's own places, does not take the
// alerts of other built-in ones: "=~.*error.*" is no better a match for being copied.
func TestCopyStandsInForBuiltin(t *testing.T) {
	dir := t.TempDir()
	text, err := Embedded("api-error-rate")
	if err != nil {
		t.Fatal(err)
	}
	write(t, dir, "api-error-rate.md", string(text))
	for _, c := range []struct{ labels, want string }{
		{"slo=availability alertname=Burn", "api-error-rate"},
		{"slo=availability alertname=TelemetryLost", "telemetry-lost"},
		{"component=redis alertname=RedisErrors", "redis-saturation"},
	} {
		p, _ := load(t, dir).Match(labels(c.labels))
		if p.ID != c.want || p.Builtin != (c.want != "api-error-rate") {
			t.Errorf("%s gets %s of %s, want %s", c.labels, p.ID, p.Source, c.want)
		}
	}
	// One whose match was changed is the user's in full.
	write(t, dir, "api-error-rate.md", strings.Replace(string(text), "  - category:", "  - alertname: TelemetryLost\n  - category:", 1))
	if p, _ := load(t, dir).Match(labels("alertname=TelemetryLost")); p.ID != "api-error-rate" {
		t.Errorf("TelemetryLost gets %s", p.ID)
	}
}

func TestEmbedded(t *testing.T) {
	text, err := Embedded("api-latency")
	if err != nil || !strings.HasPrefix(string(text), "---\nid: api-latency\n") {
		t.Errorf("%.40s, %v", text, err)
	}
	for _, id := range []string{"gone", "../library/api-latency", ""} {
		if _, err := Embedded(id); err == nil {
			t.Errorf("%q was found", id)
		}
	}
}

func TestLoadSaysEveryFault(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "1.md", playbook("one", "{service: share}"))
	write(t, dir, "2.md", playbook("one", "{service: feed}"))
	write(t, dir, "3.md", "---\nid: three\n---\ntext\n")
	write(t, dir, "4.md", playbook("four", "{service: auth}")+"\nSee [a](nowhere.md), [b](one.md#part) and [c](api-latency.md#check).\n")
	write(t, dir, "5.md", strings.Repeat("x", maxFile+1))
	if err := os.Symlink(dir, filepath.Join(dir, "6.md")); err != nil {
		t.Fatal(err)
	}
	gone := filepath.Join(dir, "gone")
	lib, err := Load([]string{gone, dir})
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("got %v, want faults, a missing folder among them", err)
	}
	want := `playbooks: there is no folder DIR/gone: create it or take it out of the configuration: file does not exist
DIR/2.md:1: id one is already taken by DIR/1.md; that one is used
DIR/3.md:1: title is missing: it says what is broken, like Sharing a post fails
DIR/3.md:1: owner is missing: it names the team that keeps the playbook true
DIR/5.md:1: the file has 65537 bytes; a playbook may have 65536
DIR/6.md: this is not a file; a playbook is a Markdown file
DIR/4.md:9: the link to nowhere.md leads nowhere: there is no playbook nowhere
DIR/4.md:9: the link to one.md#part leads nowhere: playbook one has no heading #part`
	if diff := cmp.Diff(want, strings.ReplaceAll(err.Error(), dir, "DIR")); diff != "" {
		t.Errorf("faults differ (-want +got):\n%s", diff)
	}
	for _, id := range []string{"one", "four", "api-latency"} {
		if _, ok := lib.Find(id); !ok {
			t.Errorf("%s is not usable, though nothing is wrong with it", id)
		}
	}
}

// Whoever is woken by an embedded playbook finds the same five parts in each.
func TestLibraryIsComplete(t *testing.T) {
	lib := load(t)
	inspect := inspector{lib: lib, parts: map[string]parts{}}
	today := time.Now()
	want := []string{
		"api-error-rate", "api-latency", "autoscaling-at-max", "cache-hit-ratio", "cache-refresh-storm", "database-saturation",
		"error-budget", "gateway-saturation", "host-saturation", "login-fails", "no-traffic", "origin-flood", "queue-backlog",
		"redis-saturation", "replication-lag", "telemetry-lost", "third-party-down", "traffic-spike", "watchtower-stalled",
	}
	var ids []string
	for _, p := range lib.All() {
		ids = append(ids, p.ID)
		t.Run(p.ID, func(t *testing.T) {
			if filepath.Base(p.Source) != p.ID+".md" || !p.Builtin {
				t.Errorf("the file is %s, want %s.md: links go by file name", p.Source, p.ID)
			}
			if p.Reviewed.IsZero() || p.Reviewed.After(today.AddDate(0, 0, 1)) {
				t.Errorf("reviewed on %s", p.Reviewed)
			}
			for _, err := range inspect.faults(p) {
				t.Error(err)
			}
			for _, set := range p.Match {
				if len(set) != 1 {
					t.Errorf("%s is more specific than a default may be", set)
				}
			}
			checkSections(t, p)
			lines := splitLines(p.Body)
			for _, b := range queryBlocks(lines) {
				if query := b.query(lines); !isShort(t, query) {
					t.Errorf("the answer may be longer than a page has room for: wrap it in topk(5, …) or bottomk(5, …)\n%s", query)
				}
			}
		})
	}
	if diff := cmp.Diff(want, ids); diff != "" {
		t.Errorf("the library differs (-want +got):\n%s", diff)
	}
}

func checkSections(t *testing.T, p Playbook) {
	t.Helper()
	for _, name := range []string{Impact, Check, Mitigate, Escalate, Communicate} {
		if p.Section(name) == "" {
			t.Errorf("there is no section %s", name)
		}
	}
	for _, name := range []string{Check, Mitigate, Escalate} {
		lines := splitLines(p.Section(name))
		if n := len(items(lines, 0, len(lines))); n < 2 || n > 7 {
			t.Errorf("%s has %d steps; two to seven can be followed at night", name, n)
		}
	}
	if !strings.HasPrefix(p.Section(Communicate), "> ") {
		t.Error("Communicate does not begin with a sentence to copy")
	}
	for _, word := range []string{"roll", "limit"} {
		if !strings.Contains(strings.ToLower(p.Section(Mitigate)), word) {
			t.Errorf("Mitigate says nothing about %q", word)
		}
	}
	if n := utf8.RuneCountInString(p.Summary()); n < 60 || n > 320 {
		t.Errorf("the summary has %d characters: %s", n, p.Summary())
	}
	steps := firstSteps(p, 3)
	for _, step := range steps {
		if !strings.HasPrefix(step, "**") || utf8.RuneCountInString(step) > 700 {
			t.Errorf("a first step has to begin with what to do, and be short:\n%s", step)
		}
	}
	if n := len(p.SlackMarkdown("https://watchtower.example.com")); n != 1 {
		t.Errorf("it takes %d messages", n)
	}
}

// isShort tells whether the answer to a query has at most a handful of values.
func isShort(t *testing.T, query string) bool {
	t.Helper()
	e, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Error(err)
		return false
	}
	var short func(parser.Expr) bool
	short = func(e parser.Expr) bool {
		switch e := e.(type) {
		case *parser.ParenExpr:
			return short(e.Expr)
		case *parser.AggregateExpr:
			n, isNumber := e.Param.(*parser.NumberLiteral)
			one := len(e.Grouping) == 0 || slices.Equal(e.Grouping, []string{"le"})
			return one && !e.Without && (e.Param == nil || isNumber && n.Val <= maxRows)
		case *parser.BinaryExpr:
			return short(e.LHS) && short(e.RHS)
		case *parser.Call: // of all series at once
			return e.Type() == parser.ValueTypeScalar || short(e.Args[len(e.Args)-1])
		default:
			return e.Type() == parser.ValueTypeScalar
		}
	}
	// Fill makes it one service's.
	return short(e)
}

// The first thing on-call sees of each playbook, to be reviewed as text.
func TestFirstLookGolden(t *testing.T) {
	var b strings.Builder
	for _, p := range load(t).All() {
		fmt.Fprintf(&b, "# %s (%s)\n\n%s\n\n", p.Title, p.ID, p.Summary())
		for i, step := range firstSteps(p.Fill(map[string]string{"service": "share"}), 3) {
			fmt.Fprintf(&b, "%d. %s\n\n", i+1, step)
		}
	}
	golden(t, "first-look.golden.md", b.String())
}

func BenchmarkMatch(b *testing.B) {
	lib, err := Load(nil)
	if err != nil {
		b.Fatal(err)
	}
	set := labels("alertname=ShareAvailability service=share slo=availability severity=page team=share")
	for b.Loop() {
		lib.Match(set)
	}
}
