package slack

import (
	"bufio"
	"context"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	amconfig "github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/notify"
	"github.com/prometheus/alertmanager/template"

	"github.com/watchtower-hub/watchtower/playbooks"
)

// The child is a process of its own that sends one notification until it is killed.
const (
	childDir  = "WATCHTOWER_SLACK_TEST_DIR"
	childURL  = "WATCHTOWER_SLACK_TEST_URL"
	childRuns = "WATCHTOWER_SLACK_TEST_RUNS"
)

// childOf runs the child's part in the process that a test started.
func childOf() bool {
	dir := os.Getenv(childDir)
	if dir == "" {
		return false
	}
	if err := child(dir); err != nil {
		panic(err)
	}
	return true
}

func child(dir string) error {
	t := childTB{}
	s, err := New(Options{APIURL: os.Getenv(childURL), Token: testToken, DB: openDB(t, dir), Playbook: sharePlaybook})
	if err != nil {
		return err
	}
	tmpl, err := template.FromGlobs(nil)
	if err != nil {
		return err
	}
	n, err := s.Notifier(&amconfig.SlackConfig{NotifierConfig: sendResolved()}, "slack", 0, tmpl)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if os.Getenv(childRuns) != "" {
		go func() { _ = s.Run(ctx) }()
	} else {
		// The row is committed before Notify begins to wait.
		go func() {
			tick := time.NewTicker(time.Millisecond)
			defer tick.Stop()
			for s.Stats().Depth == 0 {
				<-tick.C
			}
			fmt.Println("written")
		}()
	}
	_, err = n.Notify(group{reason: notify.ReasonFirstNotification}.context(ctx), fires(share(), time.Now()))
	return err
}

// childTB is the little that openDB needs of a test.
type childTB struct{ testing.TB }

func (childTB) Helper()           {}
func (childTB) Fatal(args ...any) { panic(fmt.Sprint(args...)) }

func sharePlaybook(labels map[string]string) (playbooks.Playbook, bool) {
	return testPlaybook(), labels["service"] == "share"
}

// start begins a child; kill ends it as kill -9 does and waits until it is gone.
func startChild(t *testing.T, dir, apiURL, runs string) (lines *bufio.Scanner, kill func()) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), childDir+"="+dir, childURL+"="+apiURL, childRuns+"="+runs)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return bufio.NewScanner(out), func() {
		_ = cmd.Process.Kill() // SIGKILL
		_ = cmd.Wait()
	}
}

func TestKill9BetweenWriteAndSend(t *testing.T) {
	f := newFakeSlack()
	dir := t.TempDir()
	lines, kill := startChild(t, dir, f.server(t), "")
	if !lines.Scan() || lines.Text() != "written" {
		t.Fatalf("the child said %q", lines.Text())
	}
	kill()
	if n := len(f.called("")); n != 0 {
		t.Fatalf("%d calls before the kill", n)
	}

	r := startRig(t, f, dir)
	r.settled()
	if page := r.onePage(); !strings.HasPrefix(page.Text, "🔴 Firing: Sharing a post fails") {
		t.Errorf("the page says %q", page.Text)
	}
	if n := len(f.called("conversations.history")); n != 0 {
		t.Errorf("%d lookups for a row that was never sent", n)
	}
	// Alertmanager, whose log is gone as well, finds it done.
	r.notify(group{reason: notify.ReasonFirstNotification}, fires(share(), time.Now()))
	r.onePage()
}

func TestKill9BetweenOkAndCommit(t *testing.T) {
	for _, arrived := range []bool{true, false} {
		for _, readable := range []bool{true, false} {
			t.Run(fmt.Sprintf("arrived=%v readable=%v", arrived, readable), func(t *testing.T) {
				f := newFakeSlack()
				f.lists = readable
				dir := t.TempDir()
				reached, released := make(chan struct{}), make(chan struct{})
				t.Cleanup(func() { close(released) })
				if arrived {
					f.done = func(c fakeCall) { // Slack has it; the answer never comes
						if c.nth == 1 && c.method == "chat.postMessage" {
							close(reached)
							<-released
						}
					}
				} else {
					f.script = func(c fakeCall) *fakeFault {
						if c.nth == 1 && c.method == "chat.postMessage" {
							close(reached)
							return &fakeFault{hang: true}
						}
						return nil
					}
				}
				_, kill := startChild(t, dir, serveForever(t, f), "yes")
				<-reached
				kill()

				r := startRig(t, f, dir)
				r.settled()
				want := 1
				if arrived && !readable {
					want = 2 // the documented exception
				}
				pages := f.pages("oncall")
				if len(pages) != want {
					t.Fatalf("%d pages, want %d", len(pages), want)
				}
				if got := r.threadTexts(pages[want-1].TS); len(got) != 1 {
					t.Errorf("thread: %q", got)
				}
				wantLookup := map[bool]string{true: "found", false: "absent"}[arrived]
				if !readable {
					wantLookup = "unreadable"
				}
				if !strings.Contains(gather(t, r), `watchtower_slack_lookups_total{result="`+wantLookup+`"} 1`) {
					t.Errorf("no lookup with result %s", wantLookup)
				}
				a := fires(share(), time.Now())
				r.notify(group{reason: notify.ReasonFirstNotification}, a)
				r.notify(group{reason: notify.ReasonAllAlertsResolved}, ends(a, time.Now()))
				if last := f.pages("oncall")[want-1]; !strings.HasPrefix(last.Text, "✅") {
					t.Errorf("the page says %q", last.Text)
				}
			})
		}
	}
}

// serveForever is server for handlers that never return.
func serveForever(t *testing.T, f *fakeSlack) string {
	t.Helper()
	ln := loopback(t)
	srv := &http.Server{Handler: f, ReadHeaderTimeout: time.Second}
	go func() { _ = srv.Serve(ln) }()
	t.Cleanup(func() { _ = srv.Close() })
	return "http://" + ln.Addr().String() + "/api/"
}
