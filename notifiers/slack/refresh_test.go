package slack

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/common/model"
)

func TestFiguresAreKeptCurrent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t, newFakeSlack())
		a := fires(share(), time.Now())
		a.Annotations = model.LabelSet{"summary": "Sharing fails", "description": "3.2% of requests fail.", "error_ratio": "3.2%", "burn_rate": "32x"}
		r.notify(group{reason: notify.ReasonFirstNotification}, a)
		r.settled()
		edits := func() int { return r.onePage().Edits }
		refresh := func(ratio string) {
			r.Refresh(t.Context(), map[string]map[string]map[string]string{shareGroup: {a.Fingerprint().String(): {
				"summary": "Sharing fails", "description": ratio + " of requests fail.", "error_ratio": ratio, "burn_rate": "32x",
			}}})
			r.settled()
		}
		refresh("9%")
		if edits() != 0 {
			t.Error("the page is edited right after it was posted")
		}
		time.Sleep(time.Minute)
		refresh("3.2%")
		refresh("3.3%")
		if edits() != 0 {
			t.Error("the page is edited for little")
		}
		refresh("9%")
		if page := r.onePage(); page.Edits != 1 || !strings.Contains(string(page.Blocks), "9% of requests fail.") {
			t.Errorf("%d edits: %s", page.Edits, page.Blocks)
		}
		time.Sleep(10 * time.Minute)
		refresh("9.1%")
		if page := r.onePage(); page.Edits != 2 || !strings.Contains(string(page.Blocks), "9.1% of requests fail.") {
			t.Errorf("%d edits: %s", page.Edits, page.Blocks)
		}
		if got := r.threadTexts(r.onePage().TS); len(got) != 1 {
			t.Errorf("a refresh says something in the thread: %q", got)
		}
		r.notify(group{reason: notify.ReasonAllAlertsResolved}, []*amalert.Alert{ends(a, time.Now())}...)
		r.settled()
		was := edits()
		time.Sleep(time.Hour)
		refresh("50%")
		if edits() != was {
			t.Error("a resolved page is refreshed")
		}
	})
}
