package slack

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/nflog"
	"github.com/prometheus/alertmanager/notify"
)

// pair is two instances on one Slack, which tell each other of their pages at once.
func pair(t *testing.T, fake *fakeSlack) (a, b *rig) {
	t.Helper()
	a, b = newRig(t, fake, withButtons), newRig(t, fake, withButtons)
	tell := func(to *rig) func([]byte) {
		return func(text []byte) {
			go func() { // a network never calls back
				if err := to.Merge(text); err != nil {
					t.Errorf("merge: %v", err)
				}
			}()
		}
	}
	a.ShareWith("a", tell(b))
	b.ShareWith("b", tell(a))
	return a, b
}

func TestPairSharesItsPages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		a, b := pair(t, fake)
		al := fires(share(), time.Now())
		store := nflog.NewStore(nil)
		both := func() { a.settled(); b.settled(); synctest.Wait() }
		a.notify(group{reason: notify.ReasonFirstNotification, store: store}, al)
		both()
		page := a.onePage()

		// Slack gives a press to either of them, and the same one to both.
		time.Sleep(time.Minute)
		press := click(page, button(t, page, actionAcknowledge), "U0SAM")
		b.deliver(press)
		both()
		a.deliver(press)
		both()
		for name, r := range map[string]*rig{"a": a, "b": b} {
			if h := r.Handled(shareGroup); h.AcknowledgedBy != "name of U0SAM" {
				t.Errorf("%s does not know who has it: %+v", name, h)
			}
		}
		a.deliver(click(a.onePage(), button(t, a.onePage(), actionStep), "U0ALEX"))
		both()
		if heard := fake.heard(); len(heard) > 0 {
			t.Errorf("refused: %q", heard)
		}

		// The first is slow once: the other takes the repeat, and reminds the owner.
		time.Sleep(time.Hour)
		b.notify(group{reason: notify.ReasonRepeatIntervalElapsed, store: store}, al)
		both()
		if got := a.threadTexts(page.TS); !strings.HasPrefix(got[len(got)-1], "<@U0SAM> 🔴 Still firing") {
			t.Errorf("thread %q", got)
		}
		// Only one of them keeps the figures current.
		for range 3 {
			time.Sleep(11 * time.Minute)
			edits := a.onePage().Edits
			for _, r := range []*rig{a, b} {
				r.Refresh(t.Context(), map[string]map[string]map[string]string{shareGroup: {al.Fingerprint().String(): {
					"summary": "Sharing a post fails", "error_ratio": time.Now().Format("04") + "%",
				}}})
				both()
			}
			if page := a.onePage(); page.Edits != edits+1 || !strings.HasPrefix(page.Text, "🟡") {
				t.Errorf("%d edits by one refresh of both: %q", page.Edits-edits, page.Text)
			}
		}
		// The end is said once, though both look for pages that are over.
		a.notify(group{reason: notify.ReasonAllAlertsResolved, store: store}, ends(al, time.Now()))
		both()
		for range 5 {
			for _, r := range []*rig{a, b} {
				r.Finish(t.Context(), func(string) bool { return false })
				both()
			}
		}
		ended := 0
		for _, s := range a.threadTexts(page.TS) {
			if strings.HasPrefix(s, "✅") {
				ended++
			}
		}
		if page := a.onePage(); ended != 1 || !strings.HasPrefix(page.Text, "✅") {
			t.Errorf("the end was said %d times: %q", ended, page.Text)
		}
	})
}

// What ended is over at both instances: the same alert opens a new page at either, however
// little of the end a peer has heard.
func TestPairOpensANewPageAfterTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		a, b := pair(t, fake)
		lost := false
		a.ShareWith("a", func(text []byte) {
			if lost && strings.Contains(string(text), `"closed":true`) {
				return
			}
			if err := b.Merge(slices.Clone(text)); err != nil {
				t.Errorf("merge: %v", err)
			}
		})
		both := func() { a.settled(); b.settled(); synctest.Wait() }
		for i, next := range []*rig{a, b, a, b, a} {
			lost = i >= 2
			time.Sleep(time.Hour)
			al := fires(share(), time.Now())
			next.notify(group{reason: notify.ReasonFirstNotification}, al)
			both()
			if pages := len(fake.pages("oncall")); pages != i+1 {
				t.Fatalf("%d pages after incident %d", pages, i+1)
			}
			time.Sleep(time.Minute)
			a.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(al, time.Now()))
			both()
			for from, to := range map[*rig]*rig{a: b, b: a} { // as when the two meet
				state, err := from.MarshalBinary()
				if err != nil {
					t.Fatal(err)
				}
				if err := to.Merge(state); err != nil {
					t.Fatal(err)
				}
			}
		}
		for _, page := range fake.pages("oncall") {
			if !strings.HasPrefix(page.Text, "✅") {
				t.Errorf("%q", page.Text)
			}
		}
	})
}

// When the instance that looks after a page is gone, the other finishes it.
func TestPeerFinishesThePageOfOneThatIsGone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		a, b := pair(t, fake)
		a.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
		a.settled()
		synctest.Wait()
		state, err := a.MarshalBinary()
		if err != nil {
			t.Fatal(err)
		}
		a.stop()
		late := newRig(t, fake, withButtons) // joins later, and hears all there is
		if err := late.Merge(state); err != nil {
			t.Fatal(err)
		}
		late.ShareWith("late", func([]byte) {})
		over := func(string) bool { return false }
		for i := range sweepsOfPeer {
			b.Finish(t.Context(), over)
			late.Finish(t.Context(), over)
			b.settled()
			late.settled()
			if done := strings.HasPrefix(b.onePage().Text, "✅"); done != (i == sweepsOfPeer-1) {
				t.Errorf("after %d sweeps: %q", i+1, b.onePage().Text)
			}
		}
	})
}

func TestPagesOfPeersAreChecked(t *testing.T) {
	r := newRig(t, newFakeSlack())
	for _, text := range []string{"{", "[]", `{"id":"x"}`, `{"id":"x","key":"k","ts":"1.2","memory":{"storm":{}}}`, "\x00"} {
		if err := r.Merge([]byte(text)); err == nil {
			t.Errorf("%q is taken", text)
		}
	}
	if err := r.Merge(nil); err != nil {
		t.Errorf("nothing: %v", err)
	}
}
