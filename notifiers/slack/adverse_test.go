package slack

import (
	"context"
	"fmt"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
)

func (r *rig) said(part string) int {
	n := 0
	for _, c := range r.fake.called("chat.postMessage") {
		if strings.Contains(c.form.Get("text"), part) {
			n++
		}
	}
	return n
}

// A call for help is heard although its page cannot be edited any more.
func TestCallForHelpOutlivesItsPage(t *testing.T) {
	for _, how := range []string{"deleted", "edit_window_closed"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				fake := newFakeSlack()
				r := newRig(t, fake, withButtons)
				r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
				r.settled()
				page := r.onePage()
				press := click(page, button(t, page, actionEscalate), "U0SAM")
				if how == "deleted" {
					fake.delete(page.TS)
				} else {
					fake.setScript(func(c fakeCall) *fakeFault {
						if c.method == "chat.update" && c.form.Get("ts") == page.TS {
							return &fakeFault{code: how}
						}
						return nil
					})
				}
				r.deliver(press)
				r.settled()
				pages := fake.pages("oncall")
				last := pages[len(pages)-1]
				if last.TS == page.TS {
					t.Fatalf("the page was not posted anew: %q", texts1(pages))
				}
				heard := r.threadTexts(last.TS)
				if r.said("needs help") < 1 || how == "deleted" && !strings.Contains(strings.Join(heard, "\n"), "needs help") {
					t.Errorf("nobody hears the call; below the new page: %q", heard)
				}
			})
		})
	}
}

// ... nor is it dropped because all is over by the time Slack takes it, or because
// the process ended meanwhile.
func TestCallForHelpOutlivesItsIncident(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake, withButtons)
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		page := r.onePage()
		fake.setScript(func(c fakeCall) *fakeFault {
			if strings.Contains(c.form.Get("text"), "needs help") {
				return &fakeFault{status: 503}
			}
			return nil
		})
		r.deliver(click(page, button(t, page, actionEscalate), "U0SAM"))
		time.Sleep(5 * time.Second)
		// The next try of what Slack did not take, and with it of all else, may be longer away than rig.notify waits. Then
		// the end is told, whether or not the call is refused again and again.
		if retry, err := r.try(group{reason: notify.ReasonAllAlertsResolved}, time.Minute, ends(a, time.Now())); err != nil {
			t.Fatalf("Notify = %v, %v", retry, err)
		}
		r = r.restart(withButtons)
		fake.setScript(nil)
		r.settled()
		if got := r.threadTexts(page.TS); !strings.Contains(strings.Join(got, "\n"), "needs help") {
			t.Errorf("thread %q", got)
		}
	})
}

func TestCallForHelpOvertakesTheQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake, withButtons)
		first := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, first)
		r.settled()
		page := fake.pages("oncall")[0]
		var wait sync.WaitGroup
		for i := range 50 {
			wait.Go(func() {
				_, _ = r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, 5*time.Minute, fires(share("service", fmt.Sprint(i)), time.Now()))
			})
		}
		time.Sleep(time.Second)
		began := time.Now()
		r.deliver(click(page, button(t, page, actionEscalate), "U0SAM"))
		r.until("the call is heard", func() bool { return r.said("needs help") > 0 })
		if took := time.Since(began); took > 5*time.Second {
			t.Errorf("the call for help was heard after %s", took)
		}
		wait.Wait()
		r.settled()
	})
}

func TestGroupsOfHundredsKeepCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons, evidenceAfter(50*time.Millisecond))
		began := time.Now()
		var alerts []*amalert.Alert
		for i := range 250 {
			alerts = append(alerts, fires(share("instance", fmt.Sprint(i)), began))
		}
		r.notify(group{reason: notify.ReasonFirstNotification}, alerts...)
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionAcknowledge), "U0SAM"))
		r.settled()
		time.Sleep(5 * time.Minute)
		alerts = append(alerts, fires(share("instance", "new"), began))
		r.notify(group{reason: notify.ReasonNewAlertsInGroup}, alerts...)
		r.settled()
		thread := strings.Join(r.threadTexts(r.onePage().TS), "\n")
		if !strings.Contains(thread, "🔴 1 more alert fires; 251 fire now.") || strings.Contains(thread, "resolved") {
			t.Errorf("thread:\n%s", thread)
		}
	})
}

func TestStormLeavesNothingBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), evidenceAfter(10*time.Millisecond), withButtons, func(o *Options) {
			o.StormLimit = 1
			o.OnCall = func(string, time.Time) (now, next Shift, ok bool) { return Shift{SlackID: "U0SAM"}, Shift{}, true }
		})
		began := time.Now()
		alertOf := func(i int) *amalert.Alert { return fires(share("service", fmt.Sprintf("s%d", i)), began) }
		r.many(4, notify.ReasonFirstNotification, alertOf)
		r.settled()
		mentioned := 0
		for _, c := range r.fake.called("chat.postMessage") {
			if strings.Contains(c.form.Get("text"), "Storm") && strings.Contains(c.form.Get("blocks"), "U0SAM") {
				mentioned++
			}
		}
		if mentioned != 1 {
			t.Errorf("the digest calls who is on call %d times, want once", mentioned)
		}

		// A group of the storm that another channel shows with a page of its own.
		var key string
		for _, rec := range r.outbox.records {
			if rec.memory.Digest != "" {
				key = rec.memory.GroupKey
			}
		}
		other := r.notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved(), Channel: "C0TEAMS11"})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := other.Notify(group{key: key, reason: notify.ReasonFirstNotification}.context(ctx), alertOf(9)); err != nil {
			t.Fatal(err)
		}
		r.settled()
		page := r.fake.pages("teams")[0]
		r.deliver(click(page, button(t, page, actionAcknowledge), "U0SAM"))
		r.settled()
		r.many(4, notify.ReasonAllAlertsResolved, func(i int) *amalert.Alert { return ends(alertOf(i), time.Now()) })
		time.Sleep(time.Hour)
		if s := r.Stats(); s.Depth != 0 {
			t.Errorf("an hour after the end %d messages wait, the oldest for %s", s.Depth, s.Oldest)
		}
	})
}

func TestStormAfterItsDigestWasRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake, func(o *Options) { o.StormLimit = 2 })
		fake.setScript(func(c fakeCall) *fakeFault {
			if strings.Contains(c.form.Get("text"), "Storm") {
				return &fakeFault{code: "restricted_action"}
			}
			return nil
		})
		began := time.Now()
		notifyAll := func(from, to int) {
			for i := from; i < to; i++ {
				_, _ = r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, time.Minute, fires(share("service", fmt.Sprint(i)), began))
			}
		}
		notifyAll(0, 3)
		fake.setScript(nil)
		notifyAll(3, 43)
		r.settled()
		if n := len(fake.pages("oncall")); n > 5 {
			t.Errorf("%d messages in the channel", n)
		}
	})
}

func TestEndThatSlackRefusedIsTriedAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		r := newRig(t, fake)
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{code: "invalid_auth"} })
		if _, err := r.try(group{reason: notify.ReasonAllAlertsResolved}, time.Minute, ends(a, time.Now())); err == nil {
			t.Error("the end was taken without a token")
		}
		over := func(string) bool { return false }
		calls := len(fake.called("chat.update"))
		r.Finish(t.Context(), over)
		r.settled()
		if n := len(fake.called("chat.update")); n != calls {
			t.Error("a refused page is tried again at once")
		}
		fake.setScript(nil)
		r = r.restart()
		r.Finish(t.Context(), over)
		r.settled()
		if page := r.onePage(); !strings.HasPrefix(page.Text, "✅") {
			t.Errorf("still %q", page.Text)
		}
	})
}

// Two channels show one incident: what is done on one page holds on both, or on none.
func TestDeedsHoldOnAllPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons)
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionAcknowledge), "U0SAM"))
		r.settled()
		other := r.notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved(), Channel: "C0TEAMS11"})
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if _, err := other.Notify(group{reason: notify.ReasonFirstNotification}.context(ctx), a); err != nil {
			t.Fatal(err)
		}
		r.settled()
		page := r.fake.pages("teams")[0]
		if !strings.HasPrefix(page.Text, "🟡") {
			t.Errorf("a later page of an acknowledged incident: %q", page.Text)
		}
		r.deliver(click(page, pressed{actionAcknowledge, "", button(t, page, actionTake).Value}, "U0ALEX"))
		synctest.Wait()
		if h := r.Handled(shareGroup); h.AcknowledgedBy != "name of U0SAM" {
			t.Errorf("Handled = %+v after a refused press", h)
		}
		r.deliver(click(page, button(t, page, actionTake), "U0ALEX"))
		r.settled()
		for _, name := range []string{"teams", "oncall"} {
			if m := r.fake.pages(name)[0]; !strings.Contains(string(m.Blocks), "U0ALEX") {
				t.Errorf("#%s does not name the owner: %s", name, m.Blocks)
			}
		}
	})
}

// A click that comes twice, before and after a restart, counts once.
func TestClickOverARestartCountsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		press := click(r.onePage(), button(t, r.onePage(), actionEscalate), "U0SAM")
		r.deliver(press)
		call := Call{ID: "step-1", Text: "Nobody has this."}
		if err := r.Call(t.Context(), shareGroup, call); err != nil {
			t.Fatal(err)
		}
		r.settled()
		time.Sleep(5 * time.Minute) // a call for help counts for all for a minute
		r = r.restart(withButtons)
		r.deliver(press)
		if err := r.Call(t.Context(), shareGroup, call); err != nil {
			t.Fatal(err)
		}
		r.settled()
		if n, m := r.said("needs help"), r.said("Nobody has this"); n != 1 || m != 1 {
			t.Errorf("the call for help was said %d times, the other %d times", n, m)
		}
	})
}

// Clicks that arrive while the process ends are answered or not, but break nothing.
func TestClicksDuringTheEnd(t *testing.T) {
	for range 5 {
		r := newRig(t, newFakeSlack(), withButtons)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		page := r.onePage()
		p := button(t, page, actionAcknowledge)
		p.Value = "nobody" // each is refused, which is said in the background
		stop := make(chan struct{})
		var clicking sync.WaitGroup
		for range 4 {
			clicking.Go(func() {
				for {
					select {
					case <-stop:
						return
					default:
						r.Interactions().ServeHTTP(httptest.NewRecorder(), signedRequest(click(page, p, "U0SAM"), signingSecret, time.Now()))
					}
				}
			})
		}
		time.Sleep(5 * time.Millisecond)
		r.stop()
		close(stop)
		clicking.Wait()
	}
}

func TestDialogSaysWhomItCalls(t *testing.T) {
	sam, alex := &Shift{Name: "Sam", SlackID: "U0SAM"}, &Shift{Name: "Alex", SlackID: "U0ALEX"}
	for _, c := range []struct {
		on           duty
		says, caller string
		calls        string
	}{
		{duty{}, "everybody in the channel", "U0X", "<!channel>"},
		{duty{Now: sam}, "mentions Sam", "U0X", "<@U0SAM>"},
		{duty{Now: sam}, "if that is you, everybody", "U0SAM", "<!channel>"},
		{duty{Now: sam, Next: &Shift{Name: "Alex", SlackID: "alex"}}, "mentions Sam", "U0X", "<@U0SAM>"},
		{duty{Now: sam, Next: alex}, "mentions Alex, who is next", "U0SAM", "<@U0ALEX>"},
		{duty{Now: sam, Next: alex}, "if that is you, Sam", "U0ALEX", "<@U0SAM>"},
	} {
		in := incident{OnCall: c.on}
		if got := in.whomToCall(); !strings.Contains(got, c.says) {
			t.Errorf("the dialog says %q, not %q", got, c.says)
		}
		if got := in.helpers(c.caller); got != c.calls {
			t.Errorf("%s calls %s, want %s", c.caller, got, c.calls)
		}
	}
}
