package notifiers

import (
	"context"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/common/model"
)

// stalled is an alert about the pipeline itself, over if end is not zero.
func stalled(check string, end time.Time) model.Alert {
	return model.Alert{
		Labels:      model.LabelSet{"alertname": "WatchtowerStalled", "check": model.LabelValue(check), "severity": "page"},
		Annotations: model.LabelSet{"summary": "Messages do not leave"},
		StartsAt:    time.Now().Add(-time.Minute), EndsAt: end,
	}
}

// direct tells the fallback receivers and expects how many know and what is wrong.
func (i *instance) direct(t *testing.T, a model.Alert, told int, fault string) {
	t.Helper()
	n, err := i.TellFallbacks(context.Background(), a)
	if n != told || (err == nil) != (fault == "") || err != nil && !strings.Contains(err.Error(), fault) {
		t.Errorf("told %d, %v; want %d and %q", n, err, told, fault)
	}
}

func TestTellFallbacksOnceAndOfTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		i := runFallback(t, dir, "ops", "night")
		if diff := cmp.Diff([]string{"ops", "night"}, i.Fallbacks()); diff != "" {
			t.Errorf("fallback receivers (-want +got):\n%s", diff)
		}
		i.direct(t, stalled("slack", time.Time{}), 2, "")
		advance(time.Minute)
		i.direct(t, stalled("slack", time.Time{}), 2, "")
		heard := i.slack.heard()
		slices.Sort(heard)
		if diff := cmp.Diff([]string{"night: WatchtowerStalled", "ops: WatchtowerStalled"}, heard); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		// The alert takes no part in groups, and the receiver of the route hears nothing.
		if open := i.Incidents(); len(open) != 0 {
			t.Errorf("open incidents: %+v", open)
		}

		// It is remembered over a restart that nobody is to be told again, and of what end.
		i.stop()
		i = runFallback(t, dir, "ops", "night")
		i.direct(t, stalled("slack", time.Time{}), 2, "")
		i.direct(t, stalled("disk", time.Now()), 2, "") // was never told of
		if heard := i.slack.heard(); len(heard) != 0 {
			t.Errorf("told again after a restart: %v", heard)
		}
		i.direct(t, stalled("slack", time.Now()), 2, "")
		i.direct(t, stalled("slack", time.Now()), 2, "")
		wantHeard(t, i, "ops: -WatchtowerStalled") // night has send_resolved: false

		i.direct(t, stalled("slack", time.Time{}), 2, "")
		if heard := i.slack.heard(); len(heard) != 3 {
			t.Errorf("the next time it fires: %v, want both told", heard)
		}
	})
}

func TestTellFallbacksTriesAgainWhoWasNotReached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops", "night")
		i.slack.setFault("ops", true, errDown)
		i.direct(t, stalled("outbox", time.Time{}), 1, `fallback slack[0] of receiver "ops": it is down`)
		i.slack.setFault("ops", false, nil)
		i.direct(t, stalled("outbox", time.Time{}), 2, "")
		wantHeard(t, i, "night: WatchtowerStalled", "ops: WatchtowerStalled")

		// A receiver that hangs holds the others up no longer than a notification may take.
		i.slack.setFault("ops", true, errHangs)
		begun := time.Now()
		i.direct(t, stalled("pipeline", time.Time{}), 1, "it hangs")
		if took := time.Since(begun); took > 15*time.Second {
			t.Errorf("took %s", took)
		}
	})
}

func TestTellFallbacksIgnoresSilencesAndMissingReceivers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runFallback(t, t.TempDir(), "ops")
		if w := i.call("POST", "/api/v2/silences", silenceBody("alertname", "WatchtowerStalled")); w.Code != 200 {
			t.Fatalf("silence: %d %s", w.Code, w.Body)
		}
		i.direct(t, stalled("slack", time.Time{}), 1, "")
		wantHeard(t, i, "ops: WatchtowerStalled")
		i.stop()

		alone := runFallback(t, t.TempDir())
		alone.direct(t, stalled("slack", time.Time{}), 0, "")
		if names := alone.Fallbacks(); len(names) != 0 {
			t.Errorf("fallback receivers: %v", names)
		}
	})
}

func TestUnroutedAreAlertsThatNoGroupHas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		opts := fallbackOptions(t, t.TempDir(), slack)
		i := run(t, opts, slack)
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		advance(5 * time.Second)
		if lost := i.Unrouted(); len(lost) != 0 {
			t.Errorf("a page that is in its group is lost: %v", lost)
		}
		// The dispatcher dies; the rules go on sending.
		i.live.Load().dispatcher.Stop()
		i.send(page, firing("Other", objective("feed", "page")...), resolved(firing("Over", objective("old", "page")...)))
		advance(time.Second)
		if lost := i.Unrouted(); len(lost) == 0 {
			t.Error("nothing is lost though nothing is dispatched")
		}
		i.stop()
		if lost := i.Unrouted(); len(lost) != 0 {
			t.Errorf("a pipeline that has stopped: %v", lost)
		}
	})
}
