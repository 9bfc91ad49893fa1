package slack

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/alertmanager/notify"
)

// A page that waits in the outbox when the process dies is not sent after the start before the peers have said whether
// one of them has sent it.
func TestPageOfAPeerIsTakenOverAfterAStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fake := newFakeSlack()
		fake.setScript(func(fakeCall) *fakeFault { return &fakeFault{status: http.StatusServiceUnavailable} })
		r := newRig(t, fake)
		a := fires(share(), time.Now())
		if retry, err := r.try(group{reason: notify.ReasonFirstNotification}, time.Minute, a); err == nil || !retry {
			t.Fatalf("Notify = %v, %v", retry, err)
		}
		theirs := &fakeMessage{Channel: "C0ONCALL1", TS: "1000.000001", Text: "🔴 Firing: posted by the peer"}
		settled := make(chan struct{})
		r = r.restart(func(o *Options) {
			o.Posted = func(ctx context.Context, _ string, _ int, _ string, _ time.Time) (string, string, bool) {
				select {
				case <-settled:
					return theirs.Channel, theirs.TS, true
				case <-ctx.Done():
					return "", "", false
				}
			}
		})
		fake.mu.Lock()
		fake.clock++
		fake.messages = append(fake.messages, theirs)
		fake.mu.Unlock()
		fake.setScript(nil)
		time.Sleep(time.Minute)
		if page := r.onePage(); page.Text != theirs.Text {
			t.Errorf("before the peers have told: %q", page.Text)
		}
		close(settled)
		r.settled()
		if page := r.onePage(); page.TS != theirs.TS || !strings.HasPrefix(page.Text, "🔴 Firing: Sharing a post fails") {
			t.Errorf("page %s %q", page.TS, page.Text)
		}
	})
}
