package rules

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
)

// story is a world that writes down each alert as it begins and ends.
type story struct {
	*world
	out  *strings.Builder
	told map[string]bool
}

func tell(t *testing.T, out *strings.Builder, title string, objective Objective) story {
	t.Helper()
	w := newWorld(t, objective)
	s := story{w, out, map[string]bool{}}
	fmt.Fprintf(out, "== %s\n", title)
	w.opts.Send = s.hear
	w.start()
	return s
}

func (s story) hear(_ context.Context, _ string, alerts ...*promrules.Alert) {
	for _, a := range alerts {
		ls := a.Labels
		name := ls.Get(labels.AlertName) + " " + cmp.Or(ls.Get("budget_spent"), ls.Get("gone_within"), ls.Get("sloth_severity"))
		firing := a.State == promrules.StateFiring
		if s.told[name] == firing {
			continue
		}
		s.told[name] = firing
		state := "over"
		if firing {
			state = "FIRING"
		}
		fmt.Fprintf(s.out, "%s %s\n  %s\n  %s\n", state, name, a.Annotations.Get("summary"), a.Annotations.Get("description"))
	}
}

// TestTextsOfAllAlerts compares what people read with testdata/alerts.golden.txt; go
// test -run TestTextsOfAllAlerts with UPDATE=1 in the environment writes it anew.
func TestTextsOfAllAlerts(t *testing.T) {
	var out strings.Builder
	step := 15 * time.Second
	s := tell(t, &out, "an hour at 3.2 % of errors, then none", shareObjective(func(o *Objective) { o.Meaning = "Creators lose their audience" }))
	s.traffic(2*time.Hour, step, 100, 0)
	s.traffic(time.Hour, step, 100, 0.032)
	s.traffic(8*time.Hour, time.Minute, 100, 0)

	s = tell(t, &out, "telemetry stops while errors page", shareObjective())
	s.traffic(2*time.Hour, step, 100, 0.05)
	s.told = map[string]bool{}
	s.silence(10*time.Minute, step)
	s.traffic(10*time.Minute, step, 100, 0)

	s = tell(t, &out, "nobody arrives for a quarter of an hour", shareObjective(func(o *Objective) {
		o.Alerting.NoTrafficFor, o.Meaning = 5*time.Minute, "No post is shared at all."
	}))
	s.traffic(2*time.Hour, step, 10, 0)
	s.traffic(15*time.Minute, step, 0, 0)
	s.traffic(5*time.Minute, step, 10, 0)

	s = tell(t, &out, "the budget goes slowly, then fast, then lasts", shareObjective(func(o *Objective) {
		o.Alerting.Page.Disabled, o.Alerting.Ticket.Disabled = true, true
		o.Alerting.BudgetSpent, o.Alerting.GoneWithin = []float64{0.5, 0.75, 0.9}, []time.Duration{6 * time.Hour, testDay}
		o.Policy = map[State]string{StateExhausted: "Features wait"}
	}))
	s.traffic(20*testDay, 10*time.Minute, 100, 0)
	s.traffic(2*testDay, time.Minute, 100, 0.004)
	s.traffic(2*testDay, time.Minute, 100, 0.008)
	s.traffic(14*time.Hour, time.Minute, 100, 0.02)
	s.traffic(34*testDay, 10*time.Minute, 100, 0)

	const golden = "testdata/alerts.golden.txt"
	if os.Getenv("UPDATE") != "" {
		if err := os.WriteFile(golden, []byte(out.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if out.String() != string(want) {
		t.Errorf("the texts differ from %s:\n%s", golden, out.String())
	}
}
