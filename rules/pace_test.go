package rules

import (
	"testing"
	"time"
)

func TestPace(t *testing.T) {
	var p pace
	if got := p.now(); got != (Pace{}) {
		t.Errorf("before the first evaluation: %+v", got)
	}
	for i := range 101 {
		p.note(begin().Add(time.Duration(i)*time.Second), time.Duration(i+1)*time.Millisecond)
	}
	if got, want := p.now(), (Pace{At: begin().Add(100 * time.Second), Took: 101 * time.Millisecond, Typical: 51 * time.Millisecond, Slow: 100 * time.Millisecond, Of: 101}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	// What was slow is forgotten after a while.
	for i := range paceOver + 7 {
		p.note(begin().Add(time.Duration(i)*time.Second), time.Duration(i%2+1)*time.Microsecond)
	}
	if got := p.now(); got.Of != paceOver || got.Slow != 2*time.Microsecond || got.Took != 1*time.Microsecond {
		t.Errorf("%+v", got)
	}
}

func TestEvaluationsAreTimed(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(time.Minute, 15*time.Second, 10, 0)
	if p := w.engine.Pace(); !p.At.Equal(w.now) || p.Of != 4 || p.Slow < p.Typical || p.Took <= 0 {
		t.Errorf("after four evaluations: %+v", p)
	}
}
