package slack

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/client_golang/prometheus/testutil"
)

// quick is a rig on a socket whose lanes are not slowed down by Slack's rates.
func quick(tb testing.TB, f *fakeSlack) *rig {
	tb.Helper()
	return newRig(tb, f, func(o *Options) { o.APIURL, o.HTTPClient = f.server(tb), &http.Client{} })
}

// TestDelay holds the promise: an alert is at Slack within 200 ms when nothing is queued.
func TestDelay(t *testing.T) {
	r := quick(t, newFakeSlack())
	best := time.Hour
	for i := range 3 {
		start, before := time.Now(), len(r.fake.called("chat.postMessage"))
		r.notify(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, fires(share("route", fmt.Sprint(i)), start))
		best = min(best, r.fake.called("chat.postMessage")[before].at.Sub(start))
		r.settled()
	}
	t.Logf("from Notify to chat.postMessage: %s", best)
	if best > 200*time.Millisecond {
		t.Errorf("from Notify to chat.postMessage: %s, want at most 200 ms", best)
	}
}

// TestAThousandGroupsAtOnce checks that a storm ends in the pages its route
// says, and that nothing is left of it in memory once it is over.
func TestAThousandGroupsAtOnce(t *testing.T) {
	f := newFakeSlack()
	r := quick(t, f)
	for i := range 200 { // more channels than one, so that it does not take minutes
		f.channels[fmt.Sprint("c", i)] = fmt.Sprintf("C%08d", i)
	}
	r.outbox.workspaces[ownWorkspace].bucket = newBucket(time.Microsecond, 1000)
	r.n = r.notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved(), Channel: "#{{ .CommonLabels.channel }}"})
	start := time.Now()
	send := func(reason notify.NotifyReason, change func(*amalert.Alert) *amalert.Alert) {
		var wg sync.WaitGroup
		for i := range 1000 {
			wg.Go(func() {
				labels := share("route", fmt.Sprint(i), "channel", fmt.Sprint("c", i%200), "service", "feed")
				if _, err := r.try(group{key: fmt.Sprint(i), reason: reason}, time.Minute, change(fires(labels, start))); err != nil {
					t.Errorf("Notify: %v", err)
				}
			})
		}
		wg.Wait()
		r.settled()
	}
	send(notify.ReasonFirstNotification, func(a *amalert.Alert) *amalert.Alert { return a })
	t.Logf("1,000 pages in 200 channels took %s", time.Since(start))
	if n := len(f.called("chat.postMessage")); n != 1000 {
		t.Errorf("%d posts, want 1,000", n)
	}
	for _, l := range r.outbox.lanes {
		l.bucket = newBucket(time.Microsecond, 1000)
	}
	send(notify.ReasonAllAlertsResolved, func(a *amalert.Alert) *amalert.Alert { return ends(a, time.Now()) })
	if n := len(r.outbox.records); n != 0 {
		t.Errorf("%d incidents are kept in memory after their end", n)
	}
	if n := testutil.ToFloat64(r.outbox.metrics.disk); n != 0 {
		t.Errorf("%v writes failed: %s", n, r.Stats().LastError)
	}
}

// BenchmarkNotify measures a page from Notify to the answer of a Slack on loopback.
func BenchmarkNotify(b *testing.B) {
	r := quick(b, newFakeSlack())
	r.outbox.workspaces[ownWorkspace].bucket = newBucket(time.Nanosecond, 1e9)
	var total time.Duration
	i := 0
	for b.Loop() {
		b.StopTimer()
		r.settled()
		for _, l := range r.outbox.lanes {
			l.bucket = newBucket(time.Nanosecond, 1e9)
		}
		b.StartTimer()
		start := time.Now()
		r.notify(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, fires(share("route", fmt.Sprint(i)), start))
		total += time.Since(start)
		i++
	}
	b.ReportMetric(float64(total.Microseconds())/float64(max(i, 1))/1000, "ms/page")
}
