package slack

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// down is a script that answers HTTP 503 until the given time.
func down(until time.Time) func(fakeCall) *fakeFault {
	return func(c fakeCall) *fakeFault {
		if c.at.Before(until) {
			return &fakeFault{status: 503}
		}
		return nil
	}
}

func TestAnHourOfOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		start := time.Now()
		back := start.Add(time.Hour)
		before := fires(share(), start)
		r.notify(group{key: "before", reason: notify.ReasonFirstNotification}, before)
		r.settled()
		f.setScript(down(back))

		// Every 30 s Alertmanager tries again what it could not deliver: a group
		// that grows, one that is over before Slack is back, one that was there.
		grows, over := []*amalert.Alert{}, fires(share("route", "over"), start)
		for time.Now().Before(back.Add(-time.Minute)) {
			grows = append(grows, fires(share("route", fmt.Sprint("r", len(grows))), time.Now()))
			if time.Since(start) > 20*time.Minute {
				over = ends(over, start.Add(20*time.Minute))
			}
			var wg sync.WaitGroup
			for _, g := range []struct {
				key    string
				alerts []*amalert.Alert
			}{{"grows", grows}, {"over", []*amalert.Alert{over}}, {"before", []*amalert.Alert{before, grows[0]}}} {
				wg.Go(func() {
					if retry, err := r.try(group{key: g.key, reason: notify.ReasonFirstNotification}, 10*time.Second, g.alerts...); !retry || err == nil {
						t.Errorf("Notify during the outage = %v, %v", retry, err)
					}
				})
			}
			wg.Wait()
			time.Sleep(20 * time.Second)
		}
		if s := r.Stats(); s.Depth != 3 || s.Oldest < 55*time.Minute || !s.Failing() || !strings.Contains(s.LastError, "503") || s.PausedUntil.IsZero() {
			t.Errorf("stats during the outage: %+v", s)
		}
		if n := len(f.called("")); n > 60*5 {
			t.Errorf("%d calls in an hour of outage: that is no backoff", n)
		}
		time.Sleep(time.Until(back))
		r.settled()
		if d := time.Since(back); d > maxBackoff*5/4+20*time.Second {
			t.Errorf("the outbox is empty %s after Slack is back", d)
		}

		pages := f.pages("oncall")
		if len(pages) != 3 {
			t.Fatalf("%d pages, want 3: %q", len(pages), texts1(pages))
		}
		byText := map[string]fakeMessage{}
		for _, p := range pages {
			switch {
			case strings.HasPrefix(p.Text, "✅"):
				byText["over"] = p
			case p.Edits > 0:
				byText["before"] = p
			default:
				byText["grows"] = p
			}
		}
		if len(byText) != 3 {
			t.Fatalf("pages: %q", texts1(pages))
		}
		if got := r.threadTexts(byText["over"].TS); len(got) != 0 {
			t.Errorf("thread of an incident that was over: %q", got)
		}
		if got, want := r.threadTexts(byText["before"].TS), []string{"📖 Sharing a post fails", "🔴 1 more alert fires; 2 fire now."}; !slices.Equal(got, want) {
			t.Errorf("thread of the page from before: %q, want %q", got, want)
		}
		if want := fmt.Sprintf("%d alerts fire", len(grows)); !strings.Contains(string(byText["grows"].Blocks), want) {
			t.Errorf("the page does not say %q", want)
		}
		if r.Stats().Failing() {
			t.Errorf("stats after the outage: %+v", r.Stats())
		}
		// Each group took one or two calls: the revisions in between collapsed.
		if n := testutil.ToFloat64(r.outbox.metrics.collapsed); n < 100 {
			t.Errorf("%v revisions collapsed", n)
		}
	})
}

func TestRateIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		start := time.Now()
		var wg sync.WaitGroup
		for i := range 60 {
			wg.Go(func() {
				labels := share("route", fmt.Sprint(i))
				delete(labels, "service") // no playbook
				if _, err := r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, 2*time.Minute, fires(labels, time.Now())); err != nil {
					t.Errorf("Notify %d: %v", i, err)
				}
			})
		}
		wg.Wait()
		calls := f.called("chat.postMessage")
		if len(calls) != 60 {
			t.Fatalf("%d posts, want 60", len(calls))
		}
		for i, c := range calls {
			if earliest := time.Duration(i-laneBurst+1) * time.Second; c.at.Sub(start) < earliest {
				t.Fatalf("post %d after %s, want at least %s", i, c.at.Sub(start), earliest)
			}
		}
		if d := time.Since(start); d > 58*time.Second {
			t.Errorf("60 posts took %s", d)
		}
	})
}

func TestRetryAfterIsObeyed(t *testing.T) {
	for name, fault := range map[string]fakeFault{
		"http 429":          {status: 429, retryAfter: "17"},
		"ok false":          {code: "ratelimited", retryAfter: "17"},
		"429 without delay": {status: 429},
		"429 nonsense":      {status: 429, retryAfter: "soon"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeSlack()
				r := newRig(t, f)
				f.setScript(func(c fakeCall) *fakeFault {
					if c.nth == 1 {
						return &fault
					}
					return nil
				})
				start := time.Now()
				if _, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, fires(share(), time.Now())); err != nil {
					t.Fatal(err)
				}
				want := time.Second
				if fault.retryAfter == "17" {
					want = 17 * time.Second
				}
				if d := time.Since(start); d < want || d > want+time.Second {
					t.Errorf("delivered after %s, want %s", d, want)
				}
				if n := len(f.called("conversations.history")); n != 0 {
					t.Errorf("%d lookups: a refused message cannot be in the history", n)
				}
			})
		})
	}
}

func TestOrderOfAnIncidentIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		f.setScript(func(c fakeCall) *fakeFault {
			if c.nth%3 == 0 {
				return &fakeFault{status: 500}
			}
			return &fakeFault{delay: 700 * time.Millisecond}
		})
		a := fires(share("route", "a"), time.Now())
		alerts := []*amalert.Alert{a}
		_, _ = r.try(group{reason: notify.ReasonFirstNotification}, time.Second, alerts...)
		for i := range 8 {
			alerts = append(alerts, fires(share("route", fmt.Sprint(i)), time.Now()))
			_, _ = r.try(group{reason: notify.ReasonNewAlertsInGroup}, time.Second, alerts...)
		}
		for i, a := range alerts {
			alerts[i] = ends(a, time.Now())
		}
		if _, err := r.try(group{reason: notify.ReasonAllAlertsResolved}, 5*time.Minute, alerts...); err != nil {
			t.Fatal(err)
		}
		r.settled()
		page := r.onePage()
		if !strings.HasPrefix(page.Text, "✅") {
			t.Errorf("the page says %q", page.Text)
		}
		thread := r.threadTexts(page.TS)
		if last := thread[len(thread)-1]; !strings.HasPrefix(last, "✅ Resolved after") {
			t.Errorf("thread: %q", thread)
		}
		if slices.ContainsFunc(thread[:len(thread)-1], func(s string) bool { return strings.HasPrefix(s, "✅ Resolved") }) {
			t.Errorf("resolved before the end: %q", thread)
		}
	})
}

func TestPagesGoBeforePlaybooks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		f.setScript(func(fakeCall) *fakeFault { return &fakeFault{delay: 300 * time.Millisecond} })
		var wg sync.WaitGroup
		for i := range 6 {
			wg.Go(func() {
				_, _ = r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, time.Minute, fires(share("route", fmt.Sprint(i)), time.Now()))
			})
		}
		wg.Wait()
		for i, c := range f.called("chat.postMessage")[:6] {
			if c.form.Get("thread_ts") != "" {
				t.Errorf("post %d is for a thread while pages wait", i)
			}
		}
		r.settled()
	})
}

func TestSlackThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		f.setScript(func(c fakeCall) *fakeFault {
			if c.method == "chat.postMessage" && c.nth == 1 {
				return &fakeFault{hang: true}
			}
			return nil
		})
		if _, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, fires(share(), time.Now())); err != nil {
			t.Fatal(err)
		}
		r.onePage()
		// The first try may have arrived: it was looked for.
		if n := len(f.called("conversations.history")); n != 1 {
			t.Errorf("%d lookups, want 1", n)
		}
	})
}

func TestAnswerLostOnTheWay(t *testing.T) {
	for name, lists := range map[string]bool{"history readable": true, "history not readable": false} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeSlack()
				f.lists = lists
				r := newRig(t, f)
				f.setScript(func(c fakeCall) *fakeFault {
					if c.method == "chat.postMessage" && c.nth%2 == 1 {
						return &fakeFault{lost: true}
					}
					return nil
				})
				a := fires(share(), time.Now())
				r.notify(group{reason: notify.ReasonFirstNotification}, a)
				r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()))
				r.settled()
				pages := f.pages("oncall")
				if want := map[bool]int{true: 1, false: 2}[lists]; len(pages) != want {
					t.Fatalf("%d pages, want %d", len(pages), want)
				}
				last := pages[len(pages)-1]
				if !strings.HasPrefix(last.Text, "✅") {
					t.Errorf("the page says %q", last.Text)
				}
				if lists {
					thread := r.threadTexts(last.TS)
					slices.Sort(thread)
					if len(slices.Compact(slices.Clone(thread))) != len(thread) {
						t.Errorf("thread holds a message twice: %q", thread)
					}
				}
			})
		})
	}
}

func TestPermanentErrors(t *testing.T) {
	for code, want := range map[string]string{
		"channel_not_found": "correct the channel's name",
		"not_in_channel":    "invite the app",
		"is_archived":       "archived",
		"invalid_auth":      "bot token",
		"missing_scope":     "chat:write",
		"some_new_error":    "some_new_error",
	} {
		t.Run(code, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				f := newFakeSlack()
				r := newRig(t, f)
				f.setScript(func(fakeCall) *fakeFault { return &fakeFault{code: code} })
				start := time.Now()
				retry, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, fires(share(), time.Now()))
				if retry || err == nil || !strings.Contains(err.Error(), code) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "#oncall") {
					t.Errorf("Notify = %v, %v", retry, err)
				}
				if d := time.Since(start); d > time.Second {
					t.Errorf("the error came after %s", d)
				}
				s := r.Stats()
				if s.Depth != 0 || s.Failed != 1 || !s.Failing() || !strings.Contains(s.LastError, code) {
					t.Errorf("stats: %+v", s)
				}
				if n := testutil.ToFloat64(r.outbox.metrics.failures.WithLabelValues(code)); n != 1 {
					t.Errorf("metric: %v", n)
				}
				// Somebody repairs it; the next try of Alertmanager gets through.
				f.setScript(nil)
				r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
				r.onePage()
			})
		})
	}
}

func TestHTTPStatus(t *testing.T) {
	for status, wantRetry := range map[int]bool{400: false, 401: false, 403: false, 404: false, 408: true, 500: true, 502: true, 503: true} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeSlack()
			r := newRig(t, f)
			f.setScript(func(fakeCall) *fakeFault { return &fakeFault{status: status} })
			retry, err := r.try(group{reason: notify.ReasonFirstNotification}, 3*time.Second, fires(share(), time.Now()))
			if retry != wantRetry || err == nil || !strings.Contains(err.Error(), fmt.Sprint(status)) {
				t.Errorf("HTTP %d: Notify = %v, %v", status, retry, err)
			}
		})
	}
}

func TestMalformedAnswersAreTriedAgain(t *testing.T) {
	for _, body := range []string{"", "ok", "{", "null", "[]", `{"ok":true}`, `{"ok":false}`, `{"ok":true,"ts":7}`, strings.Repeat("x", 1<<16)} {
		synctest.Test(t, func(t *testing.T) {
			f := newFakeSlack()
			r := newRig(t, f)
			f.setScript(func(c fakeCall) *fakeFault {
				if c.method == "chat.postMessage" && c.nth == 1 && body == "" {
					return &fakeFault{body: " "}
				}
				if c.method == "chat.postMessage" && c.nth == 1 {
					return &fakeFault{body: body}
				}
				return nil
			})
			if _, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, fires(share(), time.Now())); err != nil {
				t.Errorf("answer %.20q: %v", body, err)
			}
			r.onePage()
		})
	}
}

func TestBlocksThatSlackRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		f.setScript(func(c fakeCall) *fakeFault {
			if len(c.form.Get("blocks")) > 2 {
				return &fakeFault{code: "invalid_blocks"}
			}
			return nil
		})
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if page := r.onePage(); !strings.Contains(page.Text, "Sharing a post fails") {
			t.Errorf("the page without blocks says %q", page.Text)
		}
	})
}

func TestOneSlowChannelDoesNotHoldTheOthers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		f := newFakeSlack()
		r := newRig(t, f)
		f.setScript(func(c fakeCall) *fakeFault {
			if c.form.Get("channel") == "#oncall" {
				return &fakeFault{hang: true}
			}
			return nil
		})
		go func() {
			_, _ = r.try(group{key: "slow", reason: notify.ReasonFirstNotification}, time.Minute, fires(share(), time.Now()))
		}()
		synctest.Wait()
		r.n = r.notifier(&amconfig.SlackConfig{Channel: "#teams"})
		start := time.Now()
		r.notify(group{key: "fast", reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		if d := time.Since(start); d > 100*time.Millisecond {
			t.Errorf("the other channel waited %s", d)
		}
		r.stop()
		synctest.Wait()
		time.Sleep(time.Minute)
	})
}

func TestDiskFullDoesNotLoseThePage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		synctest.Wait() // what Run does at its start is done: it holds a lock while it waits for the database
		if _, err := r.opts.DB.ExecContext(t.Context(), `DROP TABLE slack_outbox`); err != nil {
			t.Fatal(err)
		}
		a := fires(share(), time.Now())
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()))
		if page := r.onePage(); !strings.HasPrefix(page.Text, "✅") {
			t.Errorf("the page says %q", page.Text)
		}
		if testutil.ToFloat64(r.outbox.metrics.disk) == 0 {
			t.Error("the failing disk is not counted")
		}
	})
}
