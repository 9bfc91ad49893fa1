package rules

import (
	"strings"
	"testing"
	"time"
)

// explained returns everything an explanation says in words.
func (w *world) explained(id string) (Explanation, string) {
	w.t.Helper()
	x, ok := w.engine.Explain(id)
	if !ok {
		w.t.Fatalf("no objective %q", id)
	}
	said := strings.Join(x.Budget, "\n")
	for _, p := range x.Windows {
		said += "\n" + p.Why
	}
	return x, said
}

func TestExplainNumbers(t *testing.T) {
	w := newWorld(t, shareObjective())
	w.traffic(2*time.Hour, 10*time.Second, 10, 0.0005)
	x, said := w.explained(share)
	for _, want := range []string{
		"In the last 30d, 36 of 71,900 requests were bad: 0.05%.",
		"They were seen in 2h",
		"The objective of 99.9% leaves 0.1% for bad ones: 0.1% of 25,920,000 is 25,920",
		"bad requests allowed in a whole period.",
		"99.9% of the budget is left.",
		"Burn rate now: 1.5 bad of 3,000",
		"Quiet: both windows burn below 14.4 (0.5 and 0.5).",
	} {
		if !strings.Contains(said, want) {
			t.Errorf("does not say %q:\n%s", want, said)
		}
	}
	long := x.Windows[0].Long
	if long.Length != time.Hour || !near(long.Total, 36_000, 100) || !near(long.Burn, 0.5, 0.01) || !near(long.Allowed, long.Total/1000, 0.1) || long.Coverage < 0.99 {
		t.Errorf("the long window: %+v", long)
	}
	if x.Every != 10*time.Second || len(x.Series) != 2 || len(x.Terms) != 2 {
		t.Errorf("every %s, %d series, %d terms", x.Every, len(x.Series), len(x.Terms))
	}
}

// TestExplainWhy walks through what may be said of a pair.
func TestExplainWhy(t *testing.T) {
	for name, c := range map[string]struct {
		edit func(*Objective)
		live func(*world)
		want []string
	}{
		"fires": {live: func(w *world) {
			w.traffic(5*time.Minute, 10*time.Second, 10, 0.5)
		}, want: []string{"Fires: both windows burn at 14.4 or more (40.", "bad requests."}},
		"overspent": {edit: func(o *Objective) { o.Period = testDay }, live: func(w *world) {
			w.traffic(time.Hour, 10*time.Second, 10, 0.5)
		}, want: []string{"the budget is overspent by"}},
		"the short window is over it": {live: func(w *world) {
			w.traffic(10*time.Minute, 10*time.Second, 10, 0.5)
			w.traffic(10*time.Minute, 10*time.Second, 10, 0)
		}, want: []string{"Quiet: the last 5m burns at 0, below 14.4."}},
		"the long window is not there yet": {live: func(w *world) {
			w.traffic(2*time.Minute, 10*time.Second, 10, 0.1)
		}, want: []string{"Quiet: the last 1h burns at"}},
		"too few": {edit: func(o *Objective) { o.MinBadEvents = 1e6 }, live: func(w *world) {
			w.traffic(5*time.Minute, 10*time.Second, 10, 0.5)
		}, want: []string{"fewer than the 1000000 an alert needs (min_bad_events)"}},
		"not certain": {edit: func(o *Objective) { o.MinBadEvents, o.Confidence = 1, 0.99999 }, live: func(w *world) {
			w.traffic(2*time.Hour, 10*time.Second, 0.01, 0)
			w.traffic(5*time.Minute, 10*time.Second, 0.01, 0.5)
		}, want: []string{"that is not 99.999% certain (confidence)"}},
		"a campaign": {live: func(w *world) {
			w.traffic(90*time.Minute, 10*time.Second, 1000, 0.005)
		}, want: []string{"instead of 14.4, since the last 1h carried", "of the whole budget."}},
		"blind": {live: func(w *world) {
			w.silence(30*time.Minute, 10*time.Second)
		}, want: []string{"Undecided: only", "were seen"}},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, shareObjective(func(o *Objective) {
				if c.edit != nil {
					c.edit(o)
				}
			}))
			w.traffic(4*time.Hour, 10*time.Second, 10, 0)
			c.live(w)
			_, said := w.explained(share)
			for _, want := range c.want {
				if !strings.Contains(said, want) {
					t.Errorf("does not say %q:\n%s", want, said)
				}
			}
		})
	}
}

func TestProgressInWords(t *testing.T) {
	for want, p := range map[string]Progress{
		"waits for its turn": {},
		"12 of 30d read":     {12*testDay + time.Hour, 30 * testDay},
		"20m of 1h read":     {20 * time.Minute, time.Hour},
	} {
		if p.String() != want {
			t.Errorf("%q, want %q", p, want)
		}
	}
	r := Restoring{Done: 3, All: 10, Reading: "share-requests", Progress: Progress{12 * testDay, 30 * testDay}}
	if got := r.String(); got != "restoring: 3 of 10 objectives; share-requests, 12 of 30d read" {
		t.Error(got)
	}
	if (Restoring{}).String() != "" {
		t.Error("nothing is restored, but something is said")
	}
}
