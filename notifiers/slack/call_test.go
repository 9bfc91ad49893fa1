package slack

import (
	"context"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/alertmanager/notify"
)

const shareGroup = `{}:{service="share", slo="sharing"}`

func TestCallSpeaksInTheThreadOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons)
		a := fires(share(), time.Now())
		if err := r.Call(t.Context(), shareGroup, Call{Text: "x"}); !errors.Is(err, ErrNoPage) {
			t.Errorf("a call about nothing: %v", err)
		}
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		for range 2 {
			if err := r.Call(t.Context(), shareGroup, Call{ID: "1/2", Mention: "<@U0SAM>", Text: "Nobody has <this> & it burns.", Broadcast: true}); err != nil {
				t.Fatal(err)
			}
		}
		r.settled()
		replies := r.fake.replies("oncall", r.onePage().TS)
		if last := replies[len(replies)-1]; len(replies) != 2 || !last.Broadcast || last.Text != "<@U0SAM> Nobody has &lt;this&gt; &amp; it burns." {
			t.Errorf("%d replies, the last %+v", len(replies), last)
		}
		if err := r.Call(t.Context(), shareGroup, Call{DirectTo: "sam", Text: "x"}); err == nil || !strings.Contains(err.Error(), "U0123ABCD") {
			t.Errorf("a direct message to a name: %v", err)
		}
		r.fake.mu.Lock()
		r.fake.channels["direct"] = "U0SAM"
		r.fake.mu.Unlock()
		if err := r.Call(t.Context(), shareGroup, Call{DirectTo: "U0SAM", Text: "Please look."}); err != nil {
			t.Fatal(err)
		}
		if got := r.fake.pages("direct"); len(got) != 1 || !strings.Contains(string(got[0].Blocks), "Firing: Sharing a post fails") {
			t.Errorf("direct messages: %+v", got)
		}
	})
}

// TestCallThatSlackDoesNotTakeIsWithdrawn calls nobody for help hours later, and is said
// when it is tried again.
func TestCallThatSlackDoesNotTakeIsWithdrawn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons)
		r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		r.settled()
		call := func() error {
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			return r.Call(ctx, shareGroup, Call{ID: "step", Mention: "<@U0SAM>", Text: "nobody has this"})
		}
		heard := func() (n int) {
			for _, text := range r.threadTexts(r.onePage().TS) {
				if strings.Contains(text, "nobody has this") {
					n++
				}
			}
			return n
		}
		r.fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{status: 503} })
		if err := call(); err == nil || !strings.Contains(err.Error(), "Slack has not taken it: ") {
			t.Errorf("while Slack is away: %v", err)
		}
		r.fake.setScript(nil)
		r.settled()
		if n := heard(); n != 0 {
			t.Errorf("it was said %d times after it was given up", n)
		}
		for range 2 {
			if err := call(); err != nil {
				t.Fatal(err)
			}
		}
		if n := heard(); n != 1 {
			t.Errorf("it was said %d times", n)
		}
		r.fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{code: "is_archived"} })
		for range 2 { // A second try is told so too, and not that it was said before.
			if err := r.Call(t.Context(), shareGroup, Call{ID: "other", Text: "x"}); err == nil || !strings.Contains(err.Error(), "is_archived") {
				t.Errorf("a channel that is closed: %v", err)
			}
		}
		r.fake.setScript(nil)
		if err := r.Call(t.Context(), shareGroup, Call{ID: "other", Text: "now it works"}); err != nil {
			t.Errorf("a channel that is open again: %v", err)
		}
	})
}

func TestDeedsAreToldOnceAndReleased(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var told []Deed
		silences := &fakeSilences{}
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) {
			o.Tell = func(key string, d Deed) {
				if key != shareGroup {
					t.Errorf("told of %s", key)
				}
				told = append(told, d)
			}
			o.Silence = func(ctx context.Context, s Silence) (string, error) { return silences.set(ctx, s) }
		})
		r.notify(group{reason: notify.ReasonFirstNotification, labels: share()}, fires(share(), time.Now()))
		r.settled()
		ack := click(r.onePage(), button(t, r.onePage(), actionAcknowledge), "U0SAM")
		r.deliver(ack)
		r.deliver(ack)
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionStep), "U0SAM"))
		r.settled()
		r.deliver(click(r.onePage(), button(t, r.onePage(), actionEscalate), "U0SAM"))
		r.settled()
		r.silence("U0ALEX", "because", "1h")
		var kinds []string
		for _, d := range told {
			kinds = append(kinds, d.Kind+" "+d.By+" "+d.Text)
			if d.ID == "" || d.At.IsZero() || d.ByID == "" {
				t.Errorf("deed %+v", d)
			}
		}
		want := []string{
			"acknowledged name of U0SAM ", "step_done name of U0SAM Is it one route or all? Look at the dashboard",
			"escalated name of U0SAM ", "silenced name of U0ALEX because",
		}
		if diff := cmp.Diff(want, kinds); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		if told[3].Data["silence"] != "0" || told[3].Data["until"] == "" {
			t.Errorf("data of the silence: %v", told[3].Data)
		}
		r.Release(shareGroup)
		r.settled()
		if page := r.onePage(); !strings.HasPrefix(page.Text, "🔴") || r.Handled(shareGroup).AcknowledgedBy != "" {
			t.Errorf("released: %q", page.Text)
		}
	})
}
