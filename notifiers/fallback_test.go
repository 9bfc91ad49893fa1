package notifiers

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
)

// threeReceivers routes everything to team; ops and night are reached by no route.
const threeReceivers = `
route: {receiver: team, group_by: [service, slo, severity], group_wait: 1s, group_interval: 10s, repeat_interval: 1h}
receivers:
  - name: team
    slack_configs: [{send_resolved: true}]
  - name: ops
    slack_configs: [{send_resolved: true}]
  - name: night
    slack_configs: [{send_resolved: false}]
  - name: nobody
`

var errNoChannel = errors.New("channel_not_found")

// fallbackOptions falls back to these receivers of threeReceivers.
func fallbackOptions(t *testing.T, dir string, slack *fakeSlack, fallback ...string) Options {
	t.Helper()
	opts := options(dir, slack)
	opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", threeReceivers)
	opts.Config.Fallback, opts.Config.FallbackAfter = fallback, model.Duration(5*time.Minute)
	return opts
}

func runFallback(t *testing.T, dir string, fallback ...string) *instance {
	t.Helper()
	slack := &fakeSlack{}
	return run(t, fallbackOptions(t, dir, slack, fallback...), slack)
}

// fallbacks is how often fallback receivers were told instead of team.
func (i *instance) fallbacks(outcome string) float64 {
	return testutil.ToFloat64(i.metrics.fallbacks.WithLabelValues("team", "slack[0]", outcome))
}

// team is the status of the integration that fails.
func (i *instance) team() IntegrationStatus {
	receivers := i.Status().Receivers
	n := slices.IndexFunc(receivers, func(r ReceiverStatus) bool { return r.Name == "team" })
	return receivers[n].Integrations[0]
}

func TestFallbackIsToldAtOnceOfWhatFailsForGood(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		i.slack.setFault("team", false, errNoChannel)
		page, sent := firing("Burn", objective("posts", "page")...), time.Now()
		i.send(page)
		advance(59 * time.Minute)
		// It counts as delivered: nothing is repeated before repeat_interval.
		wantHeard(t, i, "ops: Burn")
		n := i.slack.notifications()[0]
		if n.at.Sub(sent) > 1100*time.Millisecond {
			t.Errorf("the fallback was told after %v", n.at.Sub(sent))
		}
		if want := `slack[0] of receiver "team": channel_not_found`; n.reason != want {
			t.Errorf("reason %q, want %q", n.reason, want)
		}
		s := i.team()
		if !s.Failing() || s.LastError != "channel_not_found" || s.Fallbacks != 1 || !s.FallbackAt.Equal(n.at) || s.Attempts != 1 {
			t.Errorf("status: %+v", s)
		}
		if got := i.fallbacks("delivered"); got != 1 {
			t.Errorf("%v notifications fell back, want 1", got)
		}
		in := i.Incidents()[0]
		if _, ok := in.Annotations[reasonAnnotation]; ok {
			t.Error("the alert itself has the reason of the fallback")
		}
		if _, ok := i.Posted("team", 0, in.GroupKey); ok {
			t.Error("the page of the fallback is taken for one of the receiver")
		}
		i.send(resolved(page))
		advance(time.Minute)
		wantHeard(t, i, "ops: Burn", "ops: -Burn")
		if all := i.slack.notifications(); all[1].ts != all[0].ts {
			t.Errorf("the end is in message %s, the page in %s", all[1].ts, all[0].ts)
		}
	})
}

func TestEveryFallbackIsToldAndNoneFallsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "team", "ops", "night")
		i.slack.setFault("team", false, errNoChannel)
		i.slack.setFault("ops", false, errNoChannel)
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		advance(time.Minute)
		wantHeard(t, i, "night: Burn")
		// One call each: night has taken it, and ops does not fall back to night in turn.
		if i.slack.calls != 3 || i.fallbacks("delivered") != 1 {
			t.Errorf("%d calls, %v fallbacks", i.slack.calls, i.fallbacks("delivered"))
		}
		// night has send_resolved: false.
		i.slack.setFault("ops", false, nil)
		i.send(firing("Slow", objective("posts", "page")...))
		advance(11 * time.Second)
		i.send(resolved(page))
		advance(11 * time.Second)
		heard := i.slack.heard()[1:]
		slices.Sort(heard)
		if got := strings.Join(heard, "|"); got != "night: Burn Slow|night: Slow|ops: Burn Slow|ops: Slow -Burn" {
			t.Errorf("later: %s", got)
		}
	})
}

func TestAllFallbacksFail(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log, slack := &logged{}, &fakeSlack{}
		opts := fallbackOptions(t, t.TempDir(), slack, "ops", "night")
		opts.Logger = newLogger(log)
		i := run(t, opts, slack)
		i.slack.setFault("team", false, errNoChannel)
		i.slack.setFault("ops", false, errors.New("invalid_auth"))
		i.slack.setFault("night", false, errors.New("is_archived"))
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		for _, want := range []string{"channel_not_found", `fallback slack[0] of receiver "ops": invalid_auth`, `of receiver "night": is_archived`, "no fallback receiver could be told"} {
			if !log.contains(want) {
				t.Errorf("the log lacks %q", want)
			}
		}
		if s := i.team(); s.Fallbacks != 0 || !s.FallbackAt.IsZero() || i.fallbacks("failed") != 1 || i.fallbacks("delivered") != 0 {
			t.Errorf("status %+v, %v failed", s, i.fallbacks("failed"))
		}
		// Tried again as a whole at group_interval.
		i.slack.setFault("ops", false, nil)
		advance(10 * time.Second)
		wantHeard(t, i, "ops: Burn")
	})
}

func TestFallbackThatMayRecoverIsTriedAgainSoon(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		i.slack.setFault("team", false, errNoChannel)
		i.slack.setFault("ops", true, errDown)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		i.slack.setFault("ops", false, nil)
		advance(3 * time.Second) // Less than group_interval.
		wantHeard(t, i, "ops: Burn")
	})
}

func TestFallbackIsToldOnceOfAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops", "night")
		i.slack.setFault("team", true, errDown)
		page, sent := firing("Burn", objective("posts", "page")...), time.Now()
		i.send(page)
		advance(5 * time.Minute)
		wantHeard(t, i)
		advance(3 * time.Hour)
		heard := i.slack.heard()
		slices.Sort(heard)
		if got := strings.Join(heard, "|"); got != "night: Burn|ops: Burn" {
			t.Fatalf("in the outage: %s", got)
		}
		n := i.slack.notifications()[0]
		if late := n.at.Sub(sent); late > 5*time.Minute+time.Second+100*time.Millisecond {
			t.Errorf("told after %v", late)
		}
		if !strings.HasPrefix(n.reason, `slack[0] of receiver "team" has not been reached since 00:00 UTC: it is down`) {
			t.Errorf("reason: %s", n.reason)
		}
		if s := i.team(); s.Fallbacks != 1 || i.fallbacks("delivered") != 1 {
			t.Errorf("status: %+v", s)
		}

		// It is over, and another one begins: told again.
		i.slack.setFault("team", true, nil)
		advance(time.Minute)
		i.slack.setFault("team", true, errDown)
		i.send(firing("Slow", objective("posts", "page")...))
		advance(6 * time.Minute)
		heard = i.slack.heard()[2:]
		slices.Sort(heard)
		if got := strings.Join(heard, "|"); got != "night: Burn Slow|ops: Burn Slow|team: Burn" {
			t.Errorf("after the outage and in the next: %s", got)
		}
	})
}

func TestFallbackHearsTheEndOfWhatItWasTold(t *testing.T) {
	for name, back := range map[string]time.Duration{"in the outage": time.Hour, "after it": 10 * time.Second} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				i := runFallback(t, t.TempDir(), "ops")
				i.slack.setFault("team", true, errDown)
				page := firing("Burn", objective("posts", "page")...)
				i.send(page)
				advance(6 * time.Minute)
				wantHeard(t, i, "ops: Burn")
				if back < time.Minute {
					i.slack.setFault("team", true, nil)
					advance(time.Minute)
				}
				i.send(resolved(page))
				advance(time.Minute)
				i.slack.setFault("team", true, nil)
				advance(time.Hour)
				heard := i.slack.heard()
				if got := countOf(heard, "ops: -Burn"); got != 1 {
					t.Errorf("the fallback heard of the end %d times: %q", got, heard)
				}
				if got := countOf(heard, "team: -Burn"); back < time.Minute && got != 1 {
					t.Errorf("the receiver heard of the end %d times: %q", got, heard)
				}
			})
		})
	}
}

func countOf(all []string, one string) (n int) {
	for _, s := range all {
		if s == one {
			n++
		}
	}
	return n
}

func TestFallbackHearsNoEndOfWhatItWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		advance(time.Minute)
		wantHeard(t, i, "team: Burn")
		i.slack.setFault("team", false, errNoChannel)
		i.send(resolved(page))
		advance(10 * time.Minute)
		wantHeard(t, i, "team: Burn")
	})
}

// TestFallbackIsToldWhileAnAttemptLasts has a receiver that answers nothing, and more time for it than fallback_after.
func TestFallbackIsToldWhileAnAttemptLasts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		opts := fallbackOptions(t, t.TempDir(), slack, "ops")
		opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", strings.Replace(threeReceivers, "group_interval: 10s", "group_interval: 30m", 1))
		i := run(t, opts, slack)
		i.slack.setFault("team", true, errHangs)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(5*time.Minute + 2*time.Second)
		wantHeard(t, i, "ops: Burn")
		if s := i.team(); s.Attempts != 0 {
			t.Errorf("%d attempts have ended, want none", s.Attempts)
		}
		advance(2 * time.Hour)
		wantHeard(t, i, "ops: Burn")
	})
}

func TestShortOutageIsNotToldOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		for range 5 { // Each shorter than fallback_after, together longer.
			i.slack.setFault("team", true, errDown)
			a := firing("Burn", objective("posts", "page")...)
			i.send(a)
			advance(4 * time.Minute)
			i.slack.setFault("team", true, nil)
			advance(time.Minute)
			i.send(resolved(a))
			advance(time.Minute)
		}
		if got := strings.Join(i.slack.heard(), "|"); strings.Contains(got, "ops") || strings.Count(got, "team: Burn") != 5 {
			t.Errorf("heard %s", got)
		}
		// One alert that nobody was told of, and another hours later, are not one outage.
		i.slack.setFault("team", true, errDown)
		a := firing("Burn", objective("posts", "page")...)
		i.send(a)
		advance(time.Minute)
		i.send(resolved(a))
		advance(2 * time.Hour)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(4 * time.Minute)
		if got := strings.Join(i.slack.heard(), "|"); strings.Contains(got, "ops") {
			t.Errorf("heard %s", got)
		}
	})
}

func TestFallbackAfterZeroIsNever(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		opts := fallbackOptions(t, t.TempDir(), slack, "ops")
		opts.Config.FallbackAfter = 0
		i := run(t, opts, slack)
		i.slack.setFault("team", true, errDown)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Hour)
		wantHeard(t, i)
	})
}

func TestFallbackSurvivesRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := runFallback(t, dir, "ops")
		first.slack.setFault("team", true, errDown)
		page := firing("Burn", objective("posts", "page")...)
		first.send(page)
		advance(6 * time.Minute)
		wantHeard(t, first, "ops: Burn")
		first.stop() // Which is no failure of the receiver.
		wantHeard(t, first, "ops: Burn")

		second := runFallback(t, dir, "ops")
		second.slack.setFault("team", true, errDown)
		second.send(page)
		advance(time.Hour)
		wantHeard(t, second)
		second.slack.setFault("team", true, nil)
		advance(time.Minute)
		second.send(resolved(page))
		advance(time.Minute)
		wantHeard(t, second, "team: Burn", "team: -Burn", "ops: -Burn")
	})
}

func TestReloadKeepsTheOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		i.slack.setFault("team", true, errDown)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(4 * time.Minute)
		c := i.opts.Config
		c.Fallback = []string{"night"}
		if err := i.Apply(c); err != nil {
			t.Fatal(err)
		}
		advance(2 * time.Minute)
		wantHeard(t, i, "night: Burn")
	})
}

func TestStopIsNoFailure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		i.slack.setFault("team", false, errHangs)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		asked := time.Now()
		i.stop()
		if took := time.Since(asked); took > time.Second {
			t.Errorf("stop took %v", took)
		}
		wantHeard(t, i)
	})
}

func TestPeersTellTheFallbackOnce(t *testing.T) {
	start := func(name string, peers ...string) *instance {
		slack := &fakeSlack{}
		slack.setFault("team", true, errDown)
		opts := fallbackOptions(t, t.TempDir(), slack, "ops")
		opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", strings.Replace(threeReceivers, "group_wait: 1s", "group_wait: 20ms", 1))
		opts.Config.FallbackAfter = model.Duration(100 * time.Millisecond)
		opts.Config.Cluster = peerConfig(name, peers...)
		i := run(t, opts, slack)
		gossip, stop := i.peer.Gossip(), i.stop
		i.stop = func() { stop(); shutDown(t, gossip) }
		t.Cleanup(i.stop)
		return i
	}
	a := start("a")
	b := start("b", a.Status().Cluster.Address)
	eventually(t, "the second instance to see the first", func() bool { return b.Status().Cluster.Position == 1 })
	sendAll(firing("Burn", objective("posts", "page")...), a, b)
	eventually(t, "the fallback to be told", func() bool { return len(a.slack.heard()) == 1 })
	// It would have told at its first failure after fallback_after.
	eventually(t, "attempts of the second instance", func() bool { return b.team().Failures >= 3 })
	wantHeard(t, a, "ops: Burn")
	wantHeard(t, b)
}

func TestFallbackReceiversAreChecked(t *testing.T) {
	opts := fallbackOptions(t, t.TempDir(), &fakeSlack{}, "ops", "opss", "nobody")
	_, err := New(opts)
	for _, want := range []string{
		`notifiers.fallback[1]: there is no receiver "opss" in ` + opts.Config.Alertmanager + `; there are team, ops, night, nobody`,
		`notifiers.fallback[2]: receiver "nobody" of ` + opts.Config.Alertmanager + ` has no integration`,
	} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	c := DefaultConfig()
	c.Fallback = []string{"ops", "", "ops"}
	err = c.Validate()
	if err == nil || !strings.Contains(err.Error(), "notifiers.fallback[1]: is empty") || !strings.Contains(err.Error(), `notifiers.fallback[2]: "ops" is named twice`) {
		t.Errorf("got %v", err)
	}
	conf, err := Load("")
	if err != nil {
		t.Fatal(err)
	}
	if err := (Config{Fallback: []string{"ops"}}).CheckFallback(conf); err == nil || !strings.Contains(err.Error(), "notifiers.alertmanager") {
		t.Errorf("without a file: %v", err)
	}
	if err := (Config{Fallback: []string{"slack"}}).CheckFallback(conf); err != nil {
		t.Errorf("the receiver of the built-in route: %v", err)
	}
}

func TestFallbackReceiversAreShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		var names []string
		for _, r := range i.Status().Receivers {
			names = append(names, r.Name)
		}
		if got := strings.Join(names, " "); got != "ops team" {
			t.Errorf("receivers: %s", got)
		}
		c := i.opts.Config
		c.Fallback = []string{"gone"}
		if err := i.Apply(c); err == nil || !strings.Contains(i.Status().ReloadError, `no receiver "gone"`) {
			t.Errorf("a fallback that does not exist: %v", err)
		}
	})
}
