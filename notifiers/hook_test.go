package notifiers

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// told is what a pipeline tells through its hooks, a line each; the same line is kept once in a row.
type told struct {
	mu    sync.Mutex
	lines []string
}

func (o *told) add(line string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.lines) == 0 || o.lines[len(o.lines)-1] != line {
		o.lines = append(o.lines, line)
	}
}

func (o *told) want(t *testing.T, want ...string) {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	if diff := cmp.Diff(want, o.lines); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	o.lines = nil
}

// listen makes a pipeline tell o.
func (o *told) listen(opts *Options) {
	opts.Flushed = func(_ context.Context, f Flush) {
		parts := []string{"flush of " + f.Receiver + ":"}
		for _, a := range f.Alerts {
			name := a.Labels["alertname"]
			if !a.EndsAt.IsZero() {
				name = "-" + name
			}
			if a.Muted {
				name += " (muted)"
			}
			parts = append(parts, name)
		}
		if f.GroupKey == "" || f.At.IsZero() || f.Alerts[0].Fingerprint == "" || f.Alerts[0].Annotations["summary"] == "" {
			parts = append(parts, fmt.Sprintf("incomplete: %+v", f))
		}
		o.add(strings.Join(parts, " "))
	}
	opts.Delivered = func(_ context.Context, d Delivery) {
		o.add(fmt.Sprintf("delivery to %s %s: %v", d.Receiver, d.Integration, d.Err))
		if d.GroupKey == "" || d.At.IsZero() {
			o.add("incomplete")
		}
	}
}

func TestFlushesAreToldBeforeMutes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hooks told
		slack := &fakeSlack{}
		opts := options(t.TempDir(), slack)
		hooks.listen(&opts)
		i := run(t, opts, slack)
		page := firing("Burn", objective("posts", "page")...)
		i.send(page)
		advance(2 * time.Second)
		hooks.want(t, "flush of slack: Burn", "delivery to slack slack[0]: <nil>")

		ticket := firing("Ticket", objective("posts", "ticket")...)
		i.send(ticket)
		advance(2 * time.Second)
		hooks.want(t, "flush of slack: Ticket (muted)") // By the page.

		mustSilence(t, i, posts("quiet"))
		advance(10 * time.Second)
		i.send(resolved(ticket))
		advance(11 * time.Second)
		i.send(resolved(page))
		advance(11 * time.Second)
		hooks.mu.Lock()
		last := hooks.lines[len(hooks.lines)-1]
		hooks.mu.Unlock()
		if last != "flush of slack: -Burn (muted)" {
			t.Errorf("the end of a silenced alert is told as %q", last)
		}
	})
}

func TestFailedDeliveriesAreTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var hooks told
		slack := &fakeSlack{}
		opts := options(t.TempDir(), slack)
		hooks.listen(&opts)
		i := run(t, opts, slack)
		slack.setFail(errDown)
		i.send(firing("Burn", objective("posts", "page")...))
		advance(2 * time.Second)
		slack.setFail(nil)
		advance(20 * time.Second)
		hooks.mu.Lock()
		defer hooks.mu.Unlock()
		if diff := cmp.Diff([]string{"flush of slack: Burn", "delivery to slack slack[0]: it is down", "delivery to slack slack[0]: <nil>"}, hooks.lines[:min(3, len(hooks.lines))]); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
	})
}

func TestFlushesOutsideHoursAreMuted(t *testing.T) {
	for _, interval := range []string{"mute_time_intervals: [always]", "active_time_intervals: [never]"} {
		synctest.Test(t, func(t *testing.T) {
			var hooks told
			slack := &fakeSlack{}
			opts := options(t.TempDir(), slack)
			hooks.listen(&opts)
			opts.Config.Alertmanager = writeFile(t, "alertmanager.yml", `
route:
  receiver: slack
  group_wait: 1s
  routes: [{receiver: slack, matchers: ['severity="page"'], `+interval+`}]
receivers: [{name: slack, slack_configs: [{channel: '#oncall', api_url: 'https://slack.test/'}]}]
time_intervals:
  - {name: always, time_intervals: [{times: [{start_time: '00:00', end_time: '24:00'}]}]}
  - {name: never, time_intervals: [{years: ['1990']}]}
`)
			i := run(t, opts, slack)
			i.send(firing("Burn", objective("posts", "page")...))
			advance(2 * time.Second)
			hooks.want(t, "flush of slack: Burn (muted)")
		})
	}
}
