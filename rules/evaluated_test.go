package rules

import (
	"testing"
	"time"
)

// What does not advance is an engine that judges nothing any more.
func TestEvaluatedAtIsTheLastEvaluation(t *testing.T) {
	w := newWorld(t)
	if at := w.engine.EvaluatedAt(); !at.Equal(begin()) {
		t.Errorf("before the first evaluation: %s, want the start %s", at, begin())
	}
	w.now = w.now.Add(3 * time.Second)
	w.tick()
	w.now = w.now.Add(time.Minute)
	if at, want := w.engine.EvaluatedAt(), begin().Add(3*time.Second); !at.Equal(want) {
		t.Errorf("a minute later: %s, want %s", at, want)
	}
}
