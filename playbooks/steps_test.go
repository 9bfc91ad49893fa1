package playbooks

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// ids are the steps' names by their first word.
func ids(p Playbook) map[string]string {
	found := map[string]string{}
	for _, s := range p.Steps() {
		found[strings.Fields(s.Text)[0]] = s.ID
	}
	return found
}

// A step that was ticked stays ticked, whatever is edited around it.
func TestStepsKeepTheirIDs(t *testing.T) {
	const body = "## Check\n1. one $service\n2. two\n   ```promql\n   a\n   ```\n3. three\n## Mitigate\n1. four\n"
	before := ids(Playbook{Body: body})
	if len(before) != 4 {
		t.Fatalf("the steps are %v", before)
	}
	same := func(name string, p Playbook, changed ...string) {
		t.Helper()
		after := ids(p)
		for word, id := range before {
			if moved := after[word] != id; moved != strings.Contains(strings.Join(changed, " "), word) {
				t.Errorf("%s: step %s was %s and is %s", name, word, id, after[word])
			}
		}
	}
	filled := Playbook{Body: body}.Fill(labels("service=share"))
	same("filled", filled)
	same("evaluated", filled.Evaluate(t.Context(), store{"a": routes(9)}.query, time.Now()))
	same("moved", Playbook{Body: "## Mitigate\n1. four\n1. three\n## Check\n1. two\n   ```promql\n   a\n   ```\n2. new\n3. one $service\n\n"})
	same("edited", Playbook{Body: strings.Replace(body, "three", "three!", 1)}, "three!", "three")
	same("another query", Playbook{Body: strings.Replace(body, "   a\n", "   b\n", 1)}, "two")
}

func TestStepsThatAreEqual(t *testing.T) {
	steps := Playbook{Body: "## Check\n1. wait\n2. look\n3. wait\n## Mitigate\n1. wait\n"}.Steps()
	seen := map[string]bool{}
	for i, s := range steps {
		if seen[s.ID] {
			t.Errorf("step %d has the ID of another: %s", i, s.ID)
		}
		seen[s.ID] = true
	}
	if len(steps) != 4 || steps[2].ID != steps[0].ID+"-2" || steps[3].ID != steps[0].ID+"-3" {
		t.Errorf("the steps are %+v", steps)
	}
}

func TestStepsText(t *testing.T) {
	for _, c := range []struct {
		name, body string
		want       []string // section: text
	}{
		{"sections", "## check\n1. a\n## MITIGATE\n1. b\n## Escalate\n1. c\n", []string{"Check: a", "Mitigate: b"}},
		{"no sections", "1. a\n## Other\n1. b\n", []string{": a", ": b"}},
		{"links", "1. See [a](a.md), [part](#part), [b](a.md#b) and [c](https://c.example).\n", []string{": See a, part, b and [c](https://c.example)."}},
		{"an answer", "1. a\n   ```promql\n   two\n   ```\n   b\n", []string{": a\n→ `x=b` **2**\n→ `x=a` **1**\n\nb"}},
		{"an answer and no more", "1. ```promql\n   one\n   ```\n", []string{": → **1**"}},
		{"deeper", "1. a\n   - b\n     ```promql\n     one\n     ```\n", []string{": a\n- b\n  → **1**"}},
		{"a fence that the margin ends", "1. a\n   ```sh\nb\n```\n", []string{": a\n```sh\n```"}},
		{"a query that the margin ends", "1. a\n   ```promql\none\n```\n2. b\n", []string{": a\n→ **1**", ": b"}},
		{"shell stays", "1. a\n   ```sh\n   one\n   ```\n", []string{": a\n```sh\none\n```"}},
		{"a block behind the mark", "1. ```sh\n   one\n   ```\n2. b\n", []string{": ```sh\none\n```", ": b"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := Playbook{Body: c.body}.Evaluate(t.Context(), store{"one": {{Value: 1}}, "two": {by("x=a", 1), by("x=b", 2)}}.query, time.Now())
			var got []string
			for _, s := range p.Steps() {
				got = append(got, s.Section+": "+s.Text)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("differs (-want +got):\n%s", diff)
			}
		})
	}
}

func TestStepsBeforeEvaluate(t *testing.T) {
	steps := Playbook{Body: "1. a\n   ```promql\n   one{s=\"$service\"}\n   ```\n"}.Fill(labels("service=x")).Steps()
	if want := "a\n```promql\none{s=\"x\"}\n```"; len(steps) != 1 || steps[0].Text != want {
		t.Errorf("the query is lost: %+v", steps)
	}
}

// A label's value is a word in a step; it makes no step.
func TestFillMakesNoSteps(t *testing.T) {
	p := Playbook{Body: "1. a\n2. b\n$x c\n```$x\none\n```\n"}
	for _, value := range []string{"1.", "promql", "3"} {
		filled := p.Fill(map[string]string{"x": value})
		if diff := cmp.Diff(ids(p), ids(filled)); diff != "" {
			t.Errorf("with %s (-want +got):\n%s", value, diff)
		}
	}
}

func TestFirst(t *testing.T) {
	for _, c := range []struct {
		checks, fixes, n int
		want             string
	}{
		{3, 2, 3, "c0 c1 m0"},
		{3, 2, 4, "c0 c1 c2 m0"},
		{3, 2, 9, "c0 c1 c2 m0 m1"},
		{3, 2, 1, "c0"},
		{0, 2, 1, "m0"},
		{1, 3, 3, "c0 m0 m1"},
		{3, 0, 2, "c0 c1"},
		{2, 1, 0, ""},
		{2, 1, -1, ""},
	} {
		var steps []Step
		for i := range c.checks {
			steps = append(steps, Step{ID: fmt.Sprintf("c%d", i), Section: Check})
		}
		for i := range c.fixes {
			steps = append(steps, Step{ID: fmt.Sprintf("m%d", i), Section: Mitigate})
		}
		var got []string
		for _, s := range First(steps, c.n) {
			got = append(got, s.ID)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("the first %d of %d and %d are %v, want %s", c.n, c.checks, c.fixes, got, c.want)
		}
	}
}
