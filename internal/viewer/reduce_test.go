package viewer

import (
	"math"
	"testing"
)

func TestReduce(t *testing.T) {
	nan := math.NaN()
	for calc, want := range map[string]float64{
		"lastNotNull": 4, "": 4, "unknown": 4, "first": 3, "firstNotNull": 3, "min": 1, "max": 4, "mean": 2.5, "sum": 10, "total": 10,
		"count": 4, "range": 3, "diff": 1, "delta": 1, "median": 3,
	} {
		if got := reduce(series("", nan, 3, 1, 2, 4, nan).Points, calc); got != want {
			t.Errorf("%s is %v, want %v", calc, got, want)
		}
	}
	if got := reduce(series("", 1, nan).Points, "last"); !math.IsNaN(got) {
		t.Errorf("the last is %v, want none", got)
	}
	if got := reduce(series("", nan).Points, "max"); !math.IsNaN(got) {
		t.Errorf("the highest of none is %v", got)
	}
	if got := reduce(nil, "count"); got != 0 {
		t.Errorf("none are %v", got)
	}
}

func TestNames(t *testing.T) {
	is := func(labels, format, want string) {
		t.Helper()
		if got := nameOf(series(labels, 1), format); got != want {
			t.Errorf("%s as %q is called %q, want %q", labels, format, got, want)
		}
	}
	is("job=share, code=500", "{{job}} answers {{ code }}", "share answers 500")
	is("", "{{team}}", "none")
	is("", "p99", "p99")
	is("job=share", "", "share")
	is("job=share", "__auto", "share")
	is("__name__=up, job=share, instance=a", "", "up instance=a, job=share")
	is("__name__=up", "", "up")
	is("", "", "value")
}
