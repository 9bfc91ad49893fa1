package selfwatch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// part is something to look at that the test breaks and mends.
type part struct {
	mu     sync.Mutex
	broken string        // why it is not ok
	gone   chan struct{} // a look waits for it, deaf to its context; nil: it answers
	looks  int
}

func (p *part) look(context.Context) (bool, time.Time, string) {
	p.mu.Lock()
	p.looks++
	broken, gone := p.broken, p.gone
	p.mu.Unlock()
	if gone != nil {
		<-gone
	}
	return broken == "", time.Time{}, broken
}

func (p *part) set(broken string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.broken = broken
}

// hang lets looks hang until the func it returns is called.
func (p *part) hang() (answer func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	gone := make(chan struct{})
	p.gone = gone
	return func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.gone = nil
		close(gone)
	}
}

// people are told of alarms, and may refuse to listen.
type people struct {
	mu    sync.Mutex
	deaf  error
	begun time.Time
	heard []string // "90s disk: full" or "2m0s disk is over"
}

func (p *people) tell(_ context.Context, a Alarm) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	at := time.Since(p.begun).String()
	if p.deaf != nil {
		p.heard = append(p.heard, at+" refused")
		return p.deaf
	}
	if a.Over.IsZero() {
		p.heard = append(p.heard, fmt.Sprintf("%s %s: %s", at, a.Check.Name, a.Why))
	} else {
		p.heard = append(p.heard, fmt.Sprintf("%s %s is over", at, a.Check.Name))
	}
	return nil
}

func (p *people) refuse(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.deaf = err
}

// expect compares what was heard since the last call; checks are told of in any order.
func (p *people) expect(t *testing.T, want ...string) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	slices.SortStableFunc(p.heard, func(a, b string) int {
		before, _, _ := strings.Cut(a, " ")
		after, _, _ := strings.Cut(b, " ")
		if before != after {
			return 0
		}
		return strings.Compare(a, b)
	})
	if diff := cmp.Diff(want, p.heard); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	p.heard = nil
}

// watched is a running watch over parts.
type watched struct {
	*Watch
	people   *people
	registry *prometheus.Registry
	stop     func()
}

// watch looks at each part every 5 s and is patient for 30 s.
func watch(t *testing.T, h Heartbeat, parts map[string]*part) *watched {
	t.Helper()
	r := &watched{people: &people{begun: time.Now()}, registry: prometheus.NewRegistry()}
	o := Options{Heartbeat: h, Tell: r.people.tell, Registerer: r.registry}
	for name, p := range parts {
		o.Checks = append(o.Checks, Check{Name: name, Title: name + " stalls", Patience: 30 * time.Second, Look: p.look})
	}
	slices.SortFunc(o.Checks, func(a, b Check) int { return strings.Compare(a.Name, b.Name) })
	var err error
	if r.Watch, err = New(o); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ran := make(chan error, 1)
	go func() { ran <- r.Run(ctx) }()
	r.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ran; err != nil {
			t.Error(err)
		}
	})
	t.Cleanup(r.stop)
	synctest.Wait()
	return r
}

func pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

// state is how the only check stands.
func (r *watched) state() State { return r.Status().Checks[0].State }

func TestAlarmIsRepeatedUntilItIsOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &part{}
		r := watch(t, Heartbeat{}, map[string]*part{"disk": disk})
		// What an earlier process may have told of is over, and that is said once.
		r.people.expect(t, "0s disk is over")
		pass(10 * time.Minute)
		r.people.expect(t)

		disk.set("it is full")
		pass(34 * time.Second) // it was looked at after 5 s at the latest
		r.people.expect(t)
		if s := r.Status().Checks[0]; s.State != Failing || s.Why != "it is full" || s.Since.IsZero() {
			t.Errorf("a failing check: %+v", s)
		}
		pass(time.Second)
		r.people.expect(t, "10m35s disk: it is full")
		pass(2 * time.Minute)
		r.people.expect(t, "11m35s disk: it is full", "12m35s disk: it is full")
		if got := testutil.ToFloat64(r.metrics.alarms.WithLabelValues("disk")); got != 1 {
			t.Errorf("%v alarms, want 1", got)
		}

		disk.set("")
		pass(5 * time.Second)
		r.people.expect(t, "12m40s disk is over")
		if s := r.Status().Checks[0]; s.State != OK || s.Why != "" || !s.Since.IsZero() {
			t.Errorf("a check that is ok again: %+v", s)
		}
		pass(time.Hour)
		r.people.expect(t)
	})
}

func TestAlarmIsTriedAgainUntilItIsTaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk := &part{broken: "it is full"}
		r := watch(t, Heartbeat{}, map[string]*part{"disk": disk})
		r.people.refuse(errors.New("nobody is there"))
		pass(45 * time.Second)
		r.people.expect(t, "30s refused", "40s refused")
		r.people.refuse(nil)
		pass(5 * time.Second)
		r.people.expect(t, "50s disk: it is full")

		// The end is owed until somebody has heard it.
		r.people.refuse(errors.New("nobody is there"))
		disk.set("")
		pass(15 * time.Second)
		r.people.expect(t, "55s refused", "1m5s refused")
		r.people.refuse(nil)
		pass(time.Hour)
		r.people.expect(t, "1m15s disk is over")
	})
}

func TestALookThatHangsIsAFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		engine, disk := &part{}, &part{}
		r := watch(t, Heartbeat{}, map[string]*part{"engine": engine, "disk": disk})
		r.people.expect(t, "0s disk is over", "0s engine is over")
		answer := engine.hang()
		pass(25 * time.Second)
		before := engine.looks
		if s := r.Status().Checks[1]; s.State != OK {
			t.Errorf("a look that takes 20 s: %+v", s)
		}
		pass(2 * time.Second)
		if s := r.Status().Checks[1]; s.State != Failing || s.Why != "it does not answer" {
			t.Errorf("a look that hangs: %+v", s)
		}
		pass(30 * time.Second)
		if r.Status().Checks[1].State != Alarming || engine.looks != before {
			t.Errorf("a look that hangs on: %+v after %d more looks, want an alarm and no second look", r.Status().Checks[1], engine.looks-before)
		}
		if r.Status().Checks[0].State != OK {
			t.Error("the other checks are held up by it")
		}
		answer()
		synctest.Wait()
		if s := r.Status().Checks[1]; s.State != OK {
			t.Errorf("it answers again: %+v", s)
		}

		// The end of the process waits for a look that hangs, and not for ever.
		answer = engine.hang()
		pass(10 * time.Second)
		begun := time.Now()
		r.stop()
		if took := time.Since(begun); took != lastLook {
			t.Errorf("the end took %s, want %s", took, lastLook)
		}
		answer()
	})
}

func TestTellingThatHangsHoldsUpNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, slack := &part{broken: "full"}, &part{broken: "away"}
		var mu sync.Mutex
		var told []string
		w, err := New(Options{
			Checks: []Check{{Name: "disk", Look: disk.look}, {Name: "slack", Look: slack.look}},
			Tell: func(ctx context.Context, a Alarm) error {
				if a.Check.Name == "disk" {
					<-ctx.Done()
					return ctx.Err()
				}
				mu.Lock()
				defer mu.Unlock()
				told = append(told, a.Check.Name)
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		pass(90 * time.Second)
		mu.Lock()
		if len(told) != 2 {
			t.Errorf("told %v, want slack twice", told)
		}
		mu.Unlock()
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
}

func TestTheEndOfTheProcessIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w *Watch
		w, err := New(Options{
			Checks: []Check{{Name: "disk", Look: func(ctx context.Context) (bool, time.Time, string) {
				select {
				case <-ctx.Done():
					return false, time.Time{}, ctx.Err().Error()
				case <-time.After(time.Second):
					return true, time.Time{}, ""
				}
			}}},
			Tell: func(_ context.Context, a Alarm) error {
				if a.Over.IsZero() {
					t.Errorf("told of %+v", a)
				}
				return nil
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- w.Run(ctx) }()
		pass(6500 * time.Millisecond) // the second look is under way
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if s := w.Status().Checks[0]; s.State != OK {
			t.Errorf("after the end: %+v", s)
		}
	})
}

func TestChecksAreMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		disk, slack := &part{}, &part{broken: "it is away"}
		r := watch(t, Heartbeat{}, map[string]*part{"disk": disk, "slack": slack})
		pass(time.Minute)
		want := `
# HELP watchtower_selfwatch_alarms_total How often a check of the process itself failed for longer than its patience.
# TYPE watchtower_selfwatch_alarms_total counter
watchtower_selfwatch_alarms_total{check="slack"} 1
# HELP watchtower_selfwatch_check_ok 1 while a check of the process itself is ok, 0 while it fails or nobody has looked yet.
# TYPE watchtower_selfwatch_check_ok gauge
watchtower_selfwatch_check_ok{check="disk"} 1
watchtower_selfwatch_check_ok{check="slack"} 0
`
		if err := testutil.GatherAndCompare(r.registry, strings.NewReader(want), "watchtower_selfwatch_check_ok", "watchtower_selfwatch_alarms_total"); err != nil {
			t.Error(err)
		}
	})
}

func TestNewRefusesWhatCannotBeWatched(t *testing.T) {
	tell := func(context.Context, Alarm) error { return nil }
	look := (&part{}).look
	for want, o := range map[string]Options{
		"Checks and Tell are required": {Tell: tell},
		"are required":                 {Checks: []Check{{Name: "a", Look: look}}},
		`check "a" needs a name`:       {Checks: []Check{{Name: "a", Look: look}, {Name: "a", Look: look}}, Tell: tell},
		`check "b" needs`:              {Checks: []Check{{Name: "b"}}, Tell: tell},
	} {
		if _, err := New(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%+v: %v, want %s", o, err, want)
		}
	}
}
