package notifiers

import (
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	promrules "github.com/prometheus/prometheus/rules"
)

func wantHeard(t *testing.T, i *instance, want ...string) {
	t.Helper()
	if diff := cmp.Diff(want, i.slack.heard()); diff != "" {
		t.Errorf("notifications (-want +got):\n%s", diff)
	}
}

func TestFirstPageComesWithinGroupWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		sent := time.Now()
		i.send(firing("ErrorBudgetBurn", objective("posts", "page")...))
		advance(10 * time.Second)
		n := i.slack.notifications()
		if len(n) != 1 {
			t.Fatalf("got %d notifications, want 1", len(n))
		}
		if delay := n[0].at.Sub(sent); delay > 1100*time.Millisecond {
			t.Errorf("page after %v, want at most 1.1s", delay)
		}
	})
}

func TestOldAlertIsNotHeldBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		sent := time.Now()
		i.send(firingSince(sent.Add(-time.Minute), "ErrorBudgetBurn", objective("posts", "page")...))
		advance(5 * time.Second)
		n := i.slack.notifications()
		if len(n) != 1 || n[0].at.Sub(sent) > 100*time.Millisecond {
			t.Errorf("got %v, want one notification at once", n)
		}
	})
}

func TestAlertsAreGrouped(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.send(firing("BurnA", objective("posts", "page")...), firing("BurnB", objective("posts", "page")...))
		i.send(firing("BurnC", objective("logins", "page")...))
		advance(2 * time.Second)
		got := i.slack.heard()
		if len(got) != 2 || !strings.Contains(strings.Join(got, "|"), "slack: BurnA BurnB") {
			t.Errorf("got %q, want one notification for A and B and one for C", got)
		}
		// A later alert of the same group waits for group_interval.
		i.send(firing("BurnD", objective("posts", "page")...))
		advance(10 * time.Second)
		if got := i.slack.heard(); len(got) != 3 || got[2] != "slack: BurnA BurnB BurnD" {
			t.Errorf("got %q, want a third notification for A, B and D", got)
		}
	})
}

func TestPageMutesTicket(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		page := firing("ErrorBudgetBurn", objective("posts", "page")...)
		i.send(
			firing("ErrorBudgetBurn", objective("posts", "ticket")...),
			page,
			firing("OtherObjective", objective("logins", "ticket")...),
			firing("TelemetryLost", objective("posts", "ticket")...),
			firing("NoObjective", "severity", "ticket"),
			firing("NoObjectiveEither", "severity", "page"),
		)
		advance(2 * time.Second)
		heard := strings.Join(i.slack.heard(), "|")
		for _, want := range []string{"OtherObjective", "NoObjective", "TelemetryLost", "NoObjectiveEither"} {
			if !strings.Contains(heard, want) {
				t.Errorf("%s was muted: %s", want, heard)
			}
		}
		if n := strings.Count(heard, "ErrorBudgetBurn"); n != 1 {
			t.Errorf("ErrorBudgetBurn was notified %d times, want only the page: %s", n, heard)
		}
		// The ticket is heard once the page is over.
		i.send(resolved(page))
		advance(30 * time.Second)
		heard = strings.Join(i.slack.heard(), "|")
		if !strings.Contains(heard, "slack: ErrorBudgetBurn TelemetryLost") {
			t.Errorf("the ticket was not notified after the page had resolved: %s", heard)
		}
	})
}

func TestPageMutesTicketThatArrivesTogetherAfterRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		old := time.Now().Add(-time.Hour)
		i.send(firingSince(old, "Burn", objective("posts", "ticket")...), firingSince(old, "Burn", objective("posts", "page")...))
		advance(time.Minute)
		wantHeard(t, i, "slack: Burn")
	})
}

func TestTelemetryLostPageIsNotMuted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.send(firing("Burn", objective("posts", "page")...))
		advance(time.Second)
		i.send(firing("TelemetryLost", objective("posts", "page")...))
		advance(15 * time.Second)
		wantHeard(t, i, "slack: Burn", "slack: Burn TelemetryLost")
	})
}

func TestResolvedIsSentOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		a := firing("Burn", objective("posts", "page")...)
		i.send(a)
		advance(2 * time.Second)
		i.send(resolved(a))
		i.send(resolved(a))
		advance(3 * time.Hour)
		wantHeard(t, i, "slack: Burn", "slack: -Burn")
		if got := i.Incidents(); len(got) != 0 {
			t.Errorf("incidents after the end: %v", got)
		}
	})
}

func TestAlertThatIsNotSentAgainResolves(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		a := firing("Burn", objective("posts", "page")...)
		a.ValidUntil = time.Now().Add(5 * time.Minute)
		i.send(a)
		advance(4 * time.Minute)
		wantHeard(t, i, "slack: Burn")
		advance(2 * time.Minute)
		wantHeard(t, i, "slack: Burn", "slack: -Burn")
	})
}

func TestRepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.send(firing("Burn", objective("posts", "page")...))
		advance(59 * time.Minute)
		wantHeard(t, i, "slack: Burn")
		advance(2 * time.Minute)
		wantHeard(t, i, "slack: Burn", "slack: Burn")
	})
}

func TestFlappingBeforeTheFirstNotificationIsSilent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		a := firing("Burn", objective("posts", "page")...)
		i.send(a)
		advance(500 * time.Millisecond)
		i.send(resolved(a))
		advance(time.Minute)
		wantHeard(t, i)
	})
}

func TestRestart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := runDefault(t, dir)
		page, ticket := firing("Burn", objective("posts", "page")...), firing("Slow", objective("posts", "page")...)
		first.send(page, ticket)
		advance(2 * time.Second)
		wantHeard(t, first, "slack: Burn Slow")
		first.stop()

		second := runDefault(t, dir)
		// Not sent again yet: nothing is known to be over.
		advance(30 * time.Second)
		wantHeard(t, second)
		// One after the other, as the rules find them again.
		second.send(page)
		advance(30 * time.Second)
		second.send(ticket)
		advance(30 * time.Second)
		wantHeard(t, second)
		second.send(resolved(page), resolved(ticket))
		advance(time.Minute)
		wantHeard(t, second, "slack: -Burn -Slow")
	})
}

func TestKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, image := t.TempDir(), t.TempDir()
		first := runDefault(t, dir)
		page := firing("Burn", objective("posts", "page")...)
		first.send(page)
		advance(1100 * time.Millisecond)
		wantHeard(t, first, "slack: Burn")
		if w := first.call(http.MethodPost, "/api/v2/silences", silenceBody("slo", "logins")); w.Code != http.StatusOK {
			t.Fatalf("silence: %d %s", w.Code, w.Body)
		}
		// What is on disk now is what kill -9 leaves.
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}

		second := runDefault(t, image)
		second.send(page, firing("Burn", objective("logins", "page")...))
		advance(time.Minute)
		wantHeard(t, second)
		if got := second.Status().Silences.Active; got != 1 {
			t.Errorf("%d silences after the crash, want 1", got)
		}
	})
}

func TestEndOfSilenceSurvivesKill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir, image := t.TempDir(), t.TempDir()
		first := runDefault(t, dir)
		w := first.call(http.MethodPost, "/api/v2/silences", silenceBody("slo", "posts"))
		id := strings.Split(w.Body.String(), `"`)[3]
		advance(time.Second)
		if w := first.call(http.MethodDelete, "/api/v2/silence/"+id, ""); w.Code != http.StatusOK {
			t.Fatalf("end of silence: %d %s", w.Code, w.Body)
		}
		if err := os.CopyFS(image, os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		advance(time.Second)
		second := runDefault(t, image)
		second.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		wantHeard(t, second, "slack: Burn")
	})
}

func TestSilenceThatCannotBeKeptIsNotAcknowledged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.silenceJournal.mu.Lock()
		i.silenceJournal.file.Close()
		i.silenceJournal.mu.Unlock()
		w := i.call(http.MethodPost, "/api/v2/silences", silenceBody("slo", "posts"))
		if w.Code != http.StatusInternalServerError || !strings.Contains(w.Body.String(), "would not survive a restart") {
			t.Errorf("got %d %s, want 500 and the reason", w.Code, w.Body)
		}
		i.silenceJournal.mu.Lock()
		i.silenceJournal.file = nil
		i.silenceJournal.mu.Unlock()
	})
}

func TestFailureIsRetriedAndShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.slack.setFail(errors.New("slack is on fire"))
		i.send(firing("Burn", objective("posts", "page")...))
		advance(5 * time.Second)
		s := i.Status().Receivers[0].Integrations[0]
		if s.Name != "slack" || !s.Failing() || s.LastError != "slack is on fire" || s.Attempts < 2 {
			t.Errorf("status while it fails: %+v", s)
		}
		i.slack.setFail(nil)
		advance(30 * time.Second)
		wantHeard(t, i, "slack: Burn")
		if s := i.Status().Receivers[0].Integrations[0]; s.Failing() || s.LastError == "" {
			t.Errorf("status after it succeeded: %+v", s)
		}
	})
}

func TestReload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		advance(2 * time.Second)

		bad := writeFile(t, "bad.yml", "route: {receiver: nobody}\n")
		err := i.Reload(bad)
		if err == nil || !strings.HasPrefix(err.Error(), bad+":1: ") {
			t.Fatalf("reload of a bad file: %v", err)
		}
		if s := i.Status(); s.ConfigFile != "" || !strings.Contains(s.ReloadError, "nobody") || s.ReloadErrorAt.IsZero() {
			t.Errorf("status after a refused reload: %+v", s)
		}
		i.send(firing("StillHeard", objective("logins", "page")...))
		advance(2 * time.Second)
		wantHeard(t, i, "slack: Burn", "slack: StillHeard")

		good := writeFile(t, "good.yml", "route: {receiver: night, group_by: [slo], group_wait: 1s}\nreceivers: [{name: night, slack_configs: [{channel: '#night'}]}]\n")
		if err := i.Reload(good); err != nil {
			t.Fatal(err)
		}
		if s := i.Status(); s.ConfigFile != good || s.ReloadError != "" || s.Receivers[0].Name != "night" {
			t.Errorf("status after a reload: %+v", s)
		}
		i.send(firing("New", objective("media", "page")...))
		advance(2 * time.Second)
		if got := i.slack.heard(); got[len(got)-1] != "night: New" {
			t.Errorf("after the reload: %q", got)
		}
		// Back to the route that knows the page: it has been notified there.
		before := len(i.slack.heard())
		if err := i.Reload(""); err != nil {
			t.Fatal(err)
		}
		advance(20 * time.Second)
		for _, h := range i.slack.heard()[before:] {
			if strings.Contains(h, "Burn") {
				t.Errorf("notified again after a reload: %s", h)
			}
		}
	})
}

func TestStoppedPipelineRefuses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.stop()
		if err := i.Reload(""); err == nil {
			t.Error("Reload after the end: no error")
		}
		if err := i.Run(t.Context()); err == nil {
			t.Error("Run after the end: no error")
		}
		i.send(firing("Burn", objective("posts", "page")...))
		if got := i.Incidents(); len(got) != 0 {
			t.Errorf("incidents after the end: %v", got)
		}
		if w := i.call(http.MethodPost, "/api/v2/silences", silenceBody("slo", "posts")); w.Code != http.StatusInternalServerError {
			t.Errorf("silence after the end: %d", w.Code)
		}
	})
}

func TestAlertsSentBeforeRunAreHandled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		slack := &fakeSlack{}
		p, err := New(options(t.TempDir(), slack))
		if err != nil {
			t.Fatal(err)
		}
		(&instance{Pipeline: p}).send(firing("Burn", objective("posts", "page")...))
		if err := p.Reload(""); err != nil {
			t.Fatal(err)
		}
		done := make(chan error)
		ctx, cancel := contextWithCancel(t)
		go func() { done <- p.Run(ctx) }()
		advance(5 * time.Second)
		if got := slack.heard(); len(got) != 1 {
			t.Errorf("got %q, want one notification", got)
		}
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

func TestOptionsAreChecked(t *testing.T) {
	if _, err := New(Options{Slack: (&fakeSlack{}).builder}); err == nil {
		t.Error("no Dir: no error")
	}
	if _, err := New(Options{Dir: t.TempDir()}); err == nil {
		t.Error("no Slack: no error")
	}
	notADirectory := writeFile(t, "file", "")
	if _, err := New(options(filepath.Join(notADirectory, "x"), &fakeSlack{})); err == nil {
		t.Error("Dir below a file: no error")
	}
	opts := options(t.TempDir(), &fakeSlack{})
	opts.Config.Alertmanager = "missing.yml"
	if _, err := New(opts); err == nil || !strings.Contains(err.Error(), "missing.yml") {
		t.Errorf("missing file: %v", err)
	}
}

func TestInvalidAlertIsRefusedAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &logged{}
		opts, slack := options(t.TempDir(), &fakeSlack{}), &fakeSlack{}
		opts.Slack, opts.Logger = slack.builder, newLogger(log)
		i := run(t, opts, slack)
		backwards := firing("Backwards")
		backwards.ResolvedAt = backwards.FiredAt.Add(-time.Hour)
		i.send(backwards, firing("Burn", objective("posts", "page")...), &promrules.Alert{})
		advance(2 * time.Second)
		wantHeard(t, i, "slack: Burn")
		if !log.contains("alert is invalid") {
			t.Error("the invalid alert was not logged")
		}
	})
}

func TestStopWaitsForNotificationsUnderWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		dir := t.TempDir()
		first := runDefault(t, dir)
		first.slack.slow = 5 * time.Second
		page := firing("Burn", objective("posts", "page")...)
		first.send(page)
		advance(2 * time.Second) // Slack has the page and has not answered.
		first.stop()
		wantHeard(t, first, "slack: Burn")

		second := runDefault(t, dir)
		second.send(page)
		advance(time.Minute)
		wantHeard(t, second)
	})
}

func TestStopCancelsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		i := runDefault(t, t.TempDir())
		i.slack.setFail(errors.New("slack is on fire"))
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		asked := time.Now()
		i.stop()
		if took := time.Since(asked); took > time.Second {
			t.Errorf("stop took %v", took)
		}
	})
}
