package rules

import (
	"testing"
	"time"
)

func TestCountingNamesTheTerms(t *testing.T) {
	o := Objective{SLI: SLI{
		ErrorQuery: `sum(rate(a_count[{{.window}}])) - sum(rate(a_bucket{le="1"}[{{ .window }}]))`,
		TotalQuery: `sum(rate(a_count[{{.window}}]))`,
	}}
	source, _, terms := o.Counting()
	want := []Term{{Selector: "a_count", Bad: 1, Total: 1}, {Selector: `a_bucket{le="1"}`, Bad: -1}}
	if source != SourceObserved || len(terms) != 2 || terms[0] != want[0] || terms[1] != want[1] {
		t.Errorf("%s %+v, want %+v", source, terms, want)
	}
	o.SLI.TotalQuery = `max(rate(a_count[{{.window}}]))`
	if source, reason, terms := o.Counting(); source != SourcePolled || reason == "" || terms != nil {
		t.Errorf("%s %q %v for what must be polled", source, reason, terms)
	}
}

func TestOverFillsTheWindow(t *testing.T) {
	s := SLI{ErrorQuery: "sum(rate(a[{{.window}}]))", TotalQuery: "sum(rate(b[{{ .window }}]))"}.Over(time.Hour)
	if s.ErrorQuery != "sum(rate(a[1h]))" || s.TotalQuery != "sum(rate(b[1h]))" {
		t.Errorf("%+v", s)
	}
}
