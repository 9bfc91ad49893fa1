package app

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	amalert "github.com/prometheus/alertmanager/alert"
	amconfig "github.com/prometheus/alertmanager/config"
	amcommon "github.com/prometheus/alertmanager/config/common"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"
	"github.com/prometheus/common/model"

	"github.com/watchtower-hub/watchtower/internal/inbox"
)

// BenchmarkAlertToSlack measures from the notification of an objective's alert to
// Slack's ok when nothing is queued: where it burns, the picture and the playbook's
// answers gathered, the page written to the outbox and posted to the local inbox.
// s/picture is when the uploaded picture is in the page.
func BenchmarkAlertToSlack(b *testing.B) {
	w := newWorld(b, map[string]string{"slos/share.yaml": shareSpec})
	w.crossThreshold()
	w.expect("a page", isPage)
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		b.Fatal(err)
	}
	since := time.Now()
	a := &amalert.Alert{UpdatedAt: since, Alert: model.Alert{StartsAt: since, EndsAt: since.Add(time.Hour), Labels: model.LabelSet{
		"alertname": "ShareErrorBudgetBurn", "sloth_id": objectiveID, "service": "share", "severity": "page",
	}, Annotations: model.LabelSet{"summary": "Sharing a post works"}}}
	var pictures time.Duration
	n := 0
	for b.Loop() {
		channel := fmt.Sprintf("#bench-%d", n)
		n++
		conf := &amconfig.SlackConfig{NotifierConfig: amcommon.NotifierConfig{VSendResolved: true}, Channel: channel}
		notifier, err := w.app.slack.Notifier(conf, "slack", 0, tmpl)
		if err != nil {
			b.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(b.Context(), time.Minute)
		ctx = notify.WithGroupKey(ctx, channel)
		ctx = notify.WithRepeatInterval(notify.WithReceiverName(ctx, "slack"), time.Hour)
		ctx = notify.WithNotificationReason(notify.WithGroupLabels(ctx, model.LabelSet{}), notify.ReasonFirstNotification)
		began := time.Now()
		if _, err := notifier.Notify(ctx, a); err != nil {
			b.Fatal(err)
		}
		b.StopTimer()
		shown := func(m inbox.Message) bool { return strings.Contains(string(m.Blocks), "slack_file") }
		if _, err := w.app.Inbox().Wait(ctx, channel, shown); err != nil {
			b.Fatal(err)
		}
		pictures += time.Since(began)
		cancel()
		// A page is four messages; the workspace's rate must not be what is measured.
		<-time.After(time.Second)
		b.StartTimer()
	}
	b.ReportMetric(pictures.Seconds()/float64(n), "s/picture")
}
