package slack

import (
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
)

// A thousand incidents that begin at once keep within Slack's rates, are all told,
// and leave nothing behind in memory.
func TestThousandIncidentsAtOnce(t *testing.T) {
	const n = 1000
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack(), withButtons, evidenceAfter(10*time.Millisecond), func(o *Options) { o.StormLimit = 10 })
		began := time.Now()
		alertOf := func(i int) *amalert.Alert { return fires(share("service", fmt.Sprintf("s%d", i)), began) }
		r.many(n, notify.ReasonFirstNotification, alertOf)
		r.settled()
		if pages := r.fake.pages("oncall"); len(pages) != 11 {
			t.Errorf("%d messages in the channel, want 10 pages and a digest", len(pages))
		}
		r.within(time.Minute, 60+laneBurst+1)
		r.many(n, notify.ReasonAllAlertsResolved, func(i int) *amalert.Alert { return ends(alertOf(i), time.Now()) })
		r.settled()
		r.outbox.mu.Lock()
		defer r.outbox.mu.Unlock()
		if open := len(r.outbox.records); open != 0 {
			t.Errorf("%d incidents are still in memory", open)
		}
		for _, l := range r.outbox.lanes {
			if len(l.begun) > 11 {
				t.Errorf("a channel remembers %d beginnings", len(l.begun))
			}
		}
	})
}

// within demands that no stretch of that length holds more than most messages to a
// channel.
func (r *rig) within(length time.Duration, most int) {
	r.t.Helper()
	var times []time.Time
	for _, c := range r.fake.called("") {
		if c.method == "chat.postMessage" || c.method == "chat.update" {
			times = append(times, c.at)
		}
	}
	first := 0
	for last, at := range times {
		for at.Sub(times[first]) >= length {
			first++
		}
		if got := last - first + 1; got > most {
			r.t.Fatalf("%d messages within %s, want at most %d", got, length, most)
		}
	}
}

// BenchmarkStorm is a thousand incidents in one second, from Notify to the outbox on
// disk, with the digest they share.
func BenchmarkStorm(b *testing.B) {
	var heap runtime.MemStats
	for b.Loop() {
		b.StopTimer()
		r := newRig(b, newFakeSlack(), func(o *Options) { o.StormLimit = 10 })
		began := time.Now()
		b.StartTimer()
		for i := range 1000 {
			in := fires(share("service", fmt.Sprintf("s%d", i)), began)
			_, _ = r.try(group{key: fmt.Sprint(i), reason: notify.ReasonFirstNotification}, time.Nanosecond, in)
		}
		b.StopTimer()
		runtime.ReadMemStats(&heap)
		r.stop()
		b.StartTimer()
	}
	b.ReportMetric(float64(heap.HeapAlloc)/(1<<20), "MiB-heap")
}
