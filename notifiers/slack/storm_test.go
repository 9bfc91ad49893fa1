package slack

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// many notifies of n groups at once and waits for all.
func (r *rig) many(n int, reason notify.NotifyReason, alertOf func(i int) *amalert.Alert) {
	r.t.Helper()
	var wait sync.WaitGroup
	for i := range n {
		wait.Go(func() {
			g := group{key: fmt.Sprintf(`{}:{service="s%d"}`, i), reason: reason}
			if retry, err := r.try(g, 10*time.Minute, alertOf(i)); err != nil {
				r.t.Errorf("group %d: %v, %v", i, retry, err)
			}
		})
	}
	wait.Wait()
}

func TestStormIsOneMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons, func(o *Options) { o.StormLimit = 10 })
		began := time.Now()
		alertOf := func(i int) *amalert.Alert { return fires(share("service", fmt.Sprintf("s%d", i)), began) }
		r.many(60, notify.ReasonFirstNotification, alertOf)
		r.settled()

		pages := r.fake.pages("oncall")
		if len(pages) != 11 {
			t.Fatalf("%d messages in the channel, want 10 pages and a digest: %q", len(pages), texts1(pages))
		}
		digest := pages[0]
		for _, m := range pages {
			if strings.HasPrefix(m.Text, "⛈️") {
				digest = m
			}
		}
		if !strings.HasPrefix(digest.Text, "⛈️ Storm: 50 incidents fire\n") {
			t.Errorf("digest: %q", digest.Text)
		}
		listed := 0
		for _, m := range r.fake.replies("oncall", digest.TS) {
			listed += strings.Count(string(m.Blocks), "• *Sharing a post fails*")
		}
		if listed != 50 {
			t.Errorf("%d incidents are listed in the thread, want 50", listed)
		}

		// One press is for all of them.
		r.deliver(click(digest, button(t, digest, actionAll), "U0SAM"))
		r.settled()
		acknowledged := 0
		for i := range 60 {
			if r.Handled(fmt.Sprintf(`{}:{service="s%d"}`, i)).AcknowledgedBy != "" {
				acknowledged++
			}
		}
		if acknowledged != 50 {
			t.Errorf("%d incidents are acknowledged, want 50", acknowledged)
		}

		// Over a restart the digest still speaks for its incidents.
		r = r.restart(withButtons, func(o *Options) { o.StormLimit = 10 })
		time.Sleep(time.Minute)
		r.many(60, notify.ReasonAllAlertsResolved, func(i int) *amalert.Alert { return ends(alertOf(i), time.Now()) })
		r.settled()
		pages = r.fake.pages("oncall")
		if len(pages) != 11 {
			t.Errorf("%d messages after the end, want 11", len(pages))
		}
		for _, m := range pages {
			if !strings.HasPrefix(m.Text, "✅") {
				t.Errorf("after the end: %q", m.Text)
			}
		}
	})
}

func TestAfterAStormIncidentsGetTheirOwnMessage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), func(o *Options) { o.StormLimit = 3 })
		began := time.Now()
		alertOf := func(i int) *amalert.Alert { return fires(share("service", fmt.Sprintf("s%d", i)), began) }
		r.many(5, notify.ReasonFirstNotification, alertOf)
		r.settled()
		if n := len(r.fake.pages("oncall")); n != 4 {
			t.Fatalf("%d messages, want 3 pages and a digest", n)
		}
		// News during the storm stays in the digest, after it there is room.
		time.Sleep(time.Minute)
		r.many(5, notify.ReasonNewAlertsInGroup, alertOf)
		r.settled()
		if n := len(r.fake.pages("oncall")); n != 4 {
			t.Errorf("%d messages during the storm, want 4", n)
		}
		time.Sleep(time.Hour)
		r.many(5, notify.ReasonRepeatIntervalElapsed, alertOf)
		r.settled()
		pages := r.fake.pages("oncall")
		if len(pages) != 6 {
			t.Errorf("%d messages after the storm, want 6: %q", len(pages), texts1(pages))
		}
		var digest string
		for _, m := range pages {
			if strings.Contains(m.Text, "Storm") {
				digest = m.Text
			}
		}
		if !strings.HasPrefix(digest, "⛈️ Storm passed: 2 incidents") || !strings.Contains(digest, "2 have got a message of their own") {
			t.Errorf("digest after the storm: %q", digest)
		}
	})
}

func TestSlackDownInAStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{status: 503} })
		r := newRig(t, fake, func(o *Options) { o.StormLimit = 2 })
		began := time.Now()
		for i := range 8 {
			if retry, err := r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, time.Second, fires(share("service", fmt.Sprint(i)), began)); err == nil || !retry {
				t.Errorf("group %d: %v, %v; want to be tried again", i, retry, err)
			}
		}
		r = r.restart(func(o *Options) { o.StormLimit = 2 })
		time.Sleep(time.Hour)
		fake.setScript(nil)
		r.settled()
		if pages := r.fake.pages("oncall"); len(pages) != 3 {
			t.Errorf("%d messages, want 2 pages and a digest: %q", len(pages), texts1(pages))
		}
	})
}
