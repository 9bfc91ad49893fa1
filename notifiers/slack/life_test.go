package slack

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
)

func TestIncidentIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		first := fires(share("route", "/v1/share"), time.Now())
		second := fires(share("route", "/v1/like"), time.Now())

		r.notify(group{reason: notify.ReasonFirstNotification}, first)
		r.settled()
		page := r.onePage()
		if !strings.HasPrefix(page.Text, "🔴 Firing: Sharing a post fails\n") {
			t.Errorf("text of the page: %q", page.Text)
		}
		if got := r.threadTexts(page.TS); !slices.Equal(got, []string{"📖 Sharing a post fails"}) {
			t.Errorf("thread: %q", got)
		}

		time.Sleep(5 * time.Minute)
		r.notify(group{reason: notify.ReasonNewAlertsInGroup}, first, second)
		time.Sleep(5 * time.Minute)
		r.notify(group{reason: notify.ReasonNewResolvedAlerts}, ends(first, time.Now()), second)
		time.Sleep(time.Hour)
		r.notify(group{reason: notify.ReasonRepeatIntervalElapsed}, second)
		time.Sleep(time.Minute)
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(second, time.Now()))

		page = r.onePage()
		if !strings.HasPrefix(page.Text, "✅ Resolved: Sharing a post fails\n") {
			t.Errorf("text of the resolved page: %q", page.Text)
		}
		want := []string{
			"📖 Sharing a post fails",
			"🔴 1 more alert fires; 2 fire now.",
			"✅ 1 alert resolved; 1 fires now.",
			"🔴 Still firing after 1 hour 10 minutes: Sharing a post fails",
			"✅ Resolved after 1 hour 11 minutes.",
		}
		if diff := cmp.Diff(want, r.threadTexts(page.TS)); diff != "" {
			t.Errorf("thread (-want +got):\n%s", diff)
		}
		// The repeat pings: nobody is mentioned, so it is shown in the channel.
		for i, m := range r.fake.replies("oncall", page.TS) {
			if m.Broadcast != (i == 3) {
				t.Errorf("reply %d %q: broadcast %v", i, m.Text, m.Broadcast)
			}
		}

		// Firing again is a new incident, below which the old one stays.
		time.Sleep(time.Minute)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if n := len(r.fake.pages("oncall")); n != 2 {
			t.Errorf("%d pages after the second incident, want 2", n)
		}
	})
}

func TestRepeatCarriesTheMentions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		r.n = r.notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved(), Pretext: "<!subteam^S012345> please look"})
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		time.Sleep(time.Hour)
		r.notify(group{reason: notify.ReasonRepeatIntervalElapsed}, a)
		page := r.onePage()
		replies := r.fake.replies("oncall", page.TS)
		last := replies[len(replies)-1]
		if !strings.HasPrefix(last.Text, "<!subteam^S012345> 🔴 Still firing after 1 hour: ") || last.Broadcast {
			t.Errorf("repeat: %q, broadcast %v", last.Text, last.Broadcast)
		}
	})
}

func TestRetryAfterLateDeliveryIsNotSentAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		a := fires(share(), time.Now())
		f.setScript(func(c fakeCall) *fakeFault {
			if c.method == "chat.postMessage" && c.nth == 1 {
				return &fakeFault{delay: 8 * time.Second}
			}
			return nil
		})
		retry, err := r.try(group{reason: notify.ReasonFirstNotification}, 5*time.Second, a)
		if !retry || err == nil || !strings.Contains(err.Error(), "kept in the outbox") {
			t.Fatalf("Notify at its deadline = %v, %v", retry, err)
		}
		// While the first try is still in flight the retry joins it.
		store := nflog.NewStore(nil)
		r.notify(group{reason: notify.ReasonFirstNotification, store: store}, a)
		// And afterwards, Slack knows already.
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		page := r.onePage()
		if ts, _ := store.GetStr("threadTs"); ts != page.TS {
			t.Errorf("threadTs in the notification log: %q, want %q", ts, page.TS)
		}
		if id, _ := store.GetStr("channelId"); id != "C0ONCALL1" {
			t.Errorf("channelId in the notification log: %q", id)
		}
		if n := len(f.called("chat.update")); n != 0 {
			t.Errorf("%d edits, want none", n)
		}
		// A resolved notification that is retried is not sent twice either.
		done := ends(a, time.Now())
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, done)
		before := len(f.called(""))
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, done)
		if n := len(f.called("")) - before; n != 0 {
			t.Errorf("%d calls for a retried resolution, want none", n)
		}
	})
}

func TestDeletedPageIsPostedAnew(t *testing.T) {
	for _, code := range []string{"message_not_found", "cant_update_message", "edit_window_closed"} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeSlack()
				r := newRig(t, f)
				a, b := fires(share("route", "a"), time.Now()), fires(share("route", "b"), time.Now())
				r.notify(group{reason: notify.ReasonFirstNotification}, a)
				r.settled()
				old := r.onePage()
				if code == "message_not_found" {
					f.delete(old.TS)
				} else {
					f.setScript(func(c fakeCall) *fakeFault {
						if c.method == "chat.update" && c.form.Get("ts") == old.TS {
							return &fakeFault{code: code}
						}
						return nil
					})
				}
				r.notify(group{reason: notify.ReasonNewAlertsInGroup}, a, b)
				r.settled()
				pages := f.pages("oncall")
				fresh := pages[len(pages)-1]
				if fresh.TS == old.TS {
					t.Fatal("the page was not posted anew")
				}
				if got := r.threadTexts(fresh.TS); !slices.Equal(got, []string{"📖 Sharing a post fails"}) {
					t.Errorf("thread of the new page: %q", got)
				}
				// From now on the new one is edited.
				r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()), ends(b, time.Now()))
				pages = f.pages("oncall")
				if last := pages[len(pages)-1]; last.TS != fresh.TS || !strings.HasPrefix(last.Text, "✅") {
					t.Errorf("the new page says %q", last.Text)
				}
			})
		})
	}
}

func TestRestartContinuesTheSamePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		time.Sleep(time.Minute)

		// The notification log was lost: Alertmanager takes the group for new.
		r = r.restart()
		before := len(r.fake.called(""))
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if n := len(r.fake.called("")) - before; n != 0 {
			t.Errorf("%d calls after the restart, want none: nobody is paged twice", n)
		}
		time.Sleep(time.Hour)
		r = r.restart()
		r.notify(group{reason: notify.ReasonRepeatIntervalElapsed}, a)
		page := r.onePage()
		if got := r.threadTexts(page.TS); len(got) != 2 || !strings.HasPrefix(got[1], "🔴 Still firing") {
			t.Errorf("thread after the repeat: %q", got)
		}
	})
}

func TestFinish(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		quiet := &amconfig.SlackConfig{Channel: "#teams"}
		r.notify(group{key: "over", reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.notify(group{key: "burning", reason: notify.ReasonFirstNotification}, fires(share("route", "x"), time.Now()))
		r.n = r.notifier(quiet)
		r.notify(group{key: "quiet", reason: notify.ReasonFirstNotification}, fires(share("route", "y"), time.Now()))
		r.settled()
		time.Sleep(time.Hour)

		r = r.restart()
		r.Finish(t.Context(), func(key string) bool { return key == "burning" })
		r.settled()
		pages := f.pages("oncall")
		if !strings.HasPrefix(pages[0].Text, "✅ Resolved") || !strings.HasPrefix(pages[1].Text, "🔴 Firing") {
			t.Errorf("pages after Finish: %q", texts1(pages))
		}
		if got := r.threadTexts(pages[0].TS); got[len(got)-1] != "✅ Resolved. Nothing of this fires any more; when it stopped was not seen." {
			t.Errorf("thread after Finish: %q", got)
		}
		if p := f.pages("teams"); !strings.HasPrefix(p[0].Text, "🔴") || p[0].Edits != 0 {
			t.Errorf("a page without send_resolved was touched: %+v", p[0])
		}
		// A late notification from Alertmanager finds it done.
		before := len(f.called(""))
		r.notify(group{key: "over", reason: notify.ReasonAllAlertsResolved}, ends(fires(share(), time.Now()), time.Now()))
		if n := len(f.called("")) - before; n != 0 {
			t.Errorf("%d calls for what Finish did already", n)
		}
	})
}

func TestWithoutSendResolvedTheNextIncidentIsANewPage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		r.n = r.notifier(&amconfig.SlackConfig{})
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		time.Sleep(24 * time.Hour)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if n := len(r.fake.pages("oncall")); n != 2 {
			t.Errorf("%d pages, want 2", n)
		}
	})
}

func TestPeersShareThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		one, two := newRig(t, f), newRig(t, f)
		a, b := fires(share("route", "a"), time.Now()), fires(share("route", "b"), time.Now())
		store := nflog.NewStore(nil)
		one.notify(group{reason: notify.ReasonFirstNotification, store: store}, a)
		one.settled()
		two.notify(group{reason: notify.ReasonNewAlertsInGroup, store: store}, a, b)
		two.notify(group{reason: notify.ReasonAllAlertsResolved, store: store}, ends(a, time.Now()), ends(b, time.Now()))
		if page := two.onePage(); !strings.HasPrefix(page.Text, "✅") {
			t.Errorf("the page says %q", page.Text)
		}
	})
}

func TestResolvedWithoutMemoryIsSaid(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(fires(share(), time.Now()), time.Now()))
		if page := r.onePage(); !strings.HasPrefix(page.Text, "✅ Resolved") {
			t.Errorf("the page says %q", page.Text)
		}
	})
}
