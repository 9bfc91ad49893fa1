package playbooks

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

// openBlocks counts the code blocks of a text that are never closed.
func openBlocks(md string) int {
	n := 0
	for _, b := range codeBlocks(splitLines(md)) {
		if !b.closed {
			n++
		}
	}
	return n
}

// checkAnswer demands of an answer what keeps any page whole.
func checkAnswer(t *testing.T, a answer) {
	t.Helper()
	for _, l := range append(a.table, a.lines...) {
		if strings.ContainsAny(l, "<>\n\r") || !utf8.ValidString(l) || utf8.RuneCountInString(l) > (maxColumns+1)*(2*maxWord+8) || fenceMark(l) != "" {
			t.Errorf("an answer has the line %q", l)
		}
	}
	if len(a.lines) == 0 || len(a.lines) > maxRows+1 || len(a.table) > maxRows+3 {
		t.Errorf("an answer has %d and %d lines", len(a.table), len(a.lines))
	}
	html := string(Playbook{Body: strings.Join(a.table, "\n")}.HTML())
	isTable := strings.HasPrefix(a.table[0], "|")
	if rows := strings.Count(html, "<tr>"); isTable && (rows != len(a.table)-1 || strings.Count(html, "<table>") != 1 || strings.Contains(html, "<p>")) {
		t.Errorf("no table of %d rows:\n%s", len(a.table)-1, html)
	}
	if !isTable && strings.Count(html, "<p>") != 1 {
		t.Errorf("no paragraph:\n%s", html)
	}
}

// Any Markdown, any answer: the pages stay whole, the steps stay the same.
func FuzzEvaluate(f *testing.F) {
	f.Add("## Check\n1. a $service\n   ```promql\n   b{c=\"$service\"}\n   ```\n2. d\n## Mitigate\n- ```promql\n  e\n", "route", "/a|`<!channel>", 41.2, "")
	f.Add("1. a\n\t```promql\n\tb\n\t```\n   1. ~~~promql\n      c\n", "__name__", "\x00\xff\\", -1e300, "boom `|\n")
	f.Add("```promql\n```\n````promql\n```\n", "", "", 0.0, "")
	f.Add("> ```promql\n> a\n> ```\n* * ```\n", "a\nb", "|", 1e-9, "\xff")
	f.Fuzz(func(t *testing.T, body, name, value string, number float64, fails string) {
		if len(body) > 4<<10 || !utf8.ValidString(body) || strings.ContainsAny(body, "\r\x00") {
			return // Parse does not let it through, or it takes the test's time
		}
		p := Playbook{ID: "a", Body: body}.Fill(map[string]string{"service": value})
		got := p.Evaluate(t.Context(), func(context.Context, string, time.Time) ([]Sample, error) {
			if fails != "" {
				return nil, errors.New(fails)
			}
			return []Sample{{Value: number}, {map[string]string{name: value}, -number}, {map[string]string{name: value + "b", value: name}, 1}, {nil, 2}, {map[string]string{"x": fails}, 3}, {nil, 4}}, nil
		}, time.Now())
		for _, a := range got.answers {
			checkAnswer(t, a)
		}
		before, after := queryBlocks(splitLines(p.Body)), queryBlocks(splitLines(got.Body))
		if len(before) != len(got.answers) || len(after) != len(before) {
			t.Errorf("%d queries, %d answers, %d queries after", len(before), len(got.answers), len(after))
		}
		for _, b := range after {
			if !b.closed {
				t.Errorf("a query is left open:\n%s", got.Body)
			}
		}
		if openBlocks(got.Body) > openBlocks(p.Body) {
			t.Errorf("a code block is left open:\n%s", got.Body)
		}
		if diff := cmp.Diff(stepIDs(p), stepIDs(got)); diff != "" {
			t.Errorf("other steps (-before +after):\n%s", diff)
		}
		for _, s := range got.Steps() {
			if isBlank(s.Text) || openBlocks(s.Text) > 0 || len(queryBlocks(splitLines(s.Text))) > 0 {
				t.Errorf("step %q", s.Text)
			}
		}
		if got.Hash() != p.Hash() {
			t.Error("the hash has changed")
		}
		for _, piece := range got.SlackMarkdown("") {
			if n := slackSize(splitLines(piece)); n > slackLimit+1 {
				t.Errorf("a piece of %d characters", n)
			}
		}
		_ = got.HTML()
	})
}

func stepIDs(p Playbook) []string {
	found := []string{}
	for _, s := range p.Steps() {
		found = append(found, s.ID)
	}
	return found
}
