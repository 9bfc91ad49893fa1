package notifiers

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	promrules "github.com/prometheus/prometheus/rules"
)

func TestIncidents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		start := time.Now()
		i.send(firingSince(start.Add(-time.Hour), "BurnA", append(objective("posts", "page"), "team", "share")...))
		i.send(firing("BurnB", append(objective("posts", "page"), "team", "share")...))
		i.send(firing("Ticket", objective("posts", "ticket")...))
		over := firing("Over", objective("logins", "page")...)
		i.send(over)
		synctest.Wait() // Alertmanager takes alerts in parallel: the end must come after the beginning.
		i.send(resolved(over))
		advance(2 * time.Second)

		got := i.Incidents()
		if len(got) != 2 {
			t.Fatalf("got %d incidents, want 2: %+v", len(got), got)
		}
		page, ticket := got[0], got[1]
		if page.Receiver != "slack" || page.State != Active || !page.StartsAt.Equal(start.Add(-time.Hour)) || len(page.Alerts) != 2 {
			t.Errorf("page: %+v", page)
		}
		if diff := cmp.Diff([]string{"service", "severity", "slo", "team"}, sortedKeys(page.Labels)); diff != "" {
			t.Errorf("common labels (-want +got):\n%s", diff)
		}
		if page.Annotations["summary"] != "Sharing a post fails" || page.Group["slo"] != "posts" {
			t.Errorf("page: %+v", page)
		}
		if ticket.State != Suppressed || len(ticket.Alerts[0].InhibitedBy) != 1 || ticket.Alerts[0].State != Suppressed {
			t.Errorf("ticket: %+v", ticket)
		}
		if !i.Firing(page.GroupKey) || i.Firing("another") {
			t.Error("Firing does not say which groups fire")
		}
	})
}

func TestMutedByTimeInterval(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		opts := options(t.TempDir(), slack)
		opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", `
route:
  receiver: team
  group_wait: 1s
  routes: [{receiver: team, matchers: [severity="ticket"], mute_time_intervals: [always]}]
receivers: [{name: team, slack_configs: [{}]}]
time_intervals: [{name: always, time_intervals: [{years: ['1999:2100']}]}]
`)
		i := run(t, opts, slack)
		i.send(firing("Muted", "severity", "ticket"))
		advance(2 * time.Second)
		wantHeard(t, i)
		got := i.Incidents()
		if len(got) != 1 || got[0].State != Suppressed || !slices.Equal(got[0].MutedBy, []string{"always"}) {
			t.Errorf("incidents: %+v", got)
		}
	})
}

func TestConvert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := options(t.TempDir(), &fakeSlack{})
		opts.ExternalLabels = labels.FromStrings("region", "eu", "team", "nobody")
		p, err := New(opts)
		if err != nil {
			t.Fatal(err)
		}
		defer p.Close()
		now := time.Now()
		lset := labels.FromStrings("alertname", "Burn", "team", "share", "empty", "")
		convert := func(a promrules.Alert, expr string) model.Alert {
			a.Labels, a.Annotations = lset, labels.FromStrings("summary", "S")
			return p.convert(&a, expr, now).Alert
		}
		want := model.Alert{
			Labels:       model.LabelSet{"alertname": "Burn", "team": "share", "region": "eu"},
			Annotations:  model.LabelSet{"summary": "S"},
			StartsAt:     now.Add(-time.Minute),
			EndsAt:       now.Add(time.Minute),
			GeneratorURL: "http://watchtower.test/graph?g0.expr=up+%3D%3D+0&g0.tab=1",
		}
		got := convert(promrules.Alert{FiredAt: want.StartsAt, ValidUntil: want.EndsAt}, "up == 0")
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("firing (-want +got):\n%s", diff)
		}
		got = convert(promrules.Alert{FiredAt: want.StartsAt, ValidUntil: want.EndsAt, ResolvedAt: now}, "up == 0")
		if !got.EndsAt.Equal(now) {
			t.Errorf("resolved: ends at %v, want %v", got.EndsAt, now)
		}
		got = convert(promrules.Alert{}, "up == 0")
		if !got.StartsAt.Equal(now) || !got.EndsAt.Equal(now.Add(5*time.Minute)) {
			t.Errorf("without times: %v to %v, want resolve_timeout from now", got.StartsAt, got.EndsAt)
		}
		got = convert(promrules.Alert{ResolvedAt: now.Add(-time.Hour)}, "up == 0")
		if err := got.Validate(); err != nil {
			t.Errorf("resolved without a start: %v", err)
		}
	})
}

func TestGeneratorURLOfAnObjective(t *testing.T) {
	external := &url.URL{Scheme: "https", Host: "w.test", Path: "/base"}
	if got, want := generatorURL(external, labels.FromStrings(objectiveLabel, "share-posts"), "x"), "https://w.test/base/objectives/share-posts"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := generatorURL(nil, labels.FromStrings(objectiveLabel, "a/b"), ""), "/objectives/a%2Fb"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reg := prometheus.NewRegistry()
		slack := &fakeSlack{}
		opts := options(t.TempDir(), slack)
		opts.Registerer = reg
		first := run(t, opts, slack)
		second := runDefault(t, t.TempDir()) // Beside it, with its own metrics.
		second.send(firing("Elsewhere"))
		first.send(firing("Burn", objective("posts", "page")...))
		first.call(http.MethodGet, "/api/v2/status", "")
		advance(2 * time.Second)

		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for _, f := range families {
			names = append(names, f.GetName())
		}
		for _, want := range []string{
			"alertmanager_alerts", "alertmanager_silences", "alertmanager_nflog_queries_total", "alertmanager_notifications_total",
			"alertmanager_http_request_duration_seconds", "alertmanager_dispatcher_aggregation_groups",
			"watchtower_notifiers_alerts_received_total", "watchtower_notifiers_config_last_reload_successful",
			"watchtower_notifiers_first_notification_delay_seconds",
		} {
			if !slices.Contains(names, want) {
				t.Errorf("no metric %s", want)
			}
		}
		problems, err := testutil.GatherAndLint(reg)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range problems {
			if strings.HasPrefix(p.Metric, "watchtower_") {
				t.Errorf("%s: %s", p.Metric, p.Text)
			}
		}
		if got := testutil.ToFloat64(first.metrics.received.WithLabelValues("firing")); got != 1 {
			t.Errorf("%v alerts received, want 1", got)
		}

		first.stop()
		if families, err := reg.Gather(); err != nil || len(families) != 0 {
			t.Errorf("metrics after the end: %d families, %v", len(families), err)
		}
		again, err := New(opts)
		if err != nil {
			t.Fatalf("a second instance after the first: %v", err)
		}
		if _, err := New(opts); err == nil {
			t.Error("two instances with one registerer: no error")
		}
		if err := again.Close(); err != nil {
			t.Error(err)
		}
	})
}

func TestMaintenanceKeepsState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		i := runDefault(t, dir)
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		i.call(http.MethodPost, "/api/v2/silences", silenceBody("slo", "logins"))
		advance(2*maintenanceInterval + time.Second)
		i.stop()
		again := runDefault(t, dir)
		again.send(page)
		advance(20 * time.Second)
		wantHeard(t, again)
		if got := again.Status().Silences.Active; got != 1 {
			t.Errorf("%d silences, want 1", got)
		}
	})
}
